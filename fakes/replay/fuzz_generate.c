/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations that are likely to mean something: which, and on which cgroups. */
#include <string.h>

#include "fakes/replay/fuzz.h"
#include "reference/base/mem.h"

uint64_t fuzz_below(struct fuzz_generator *generator, uint64_t bound)
{
    return rng_stream_next(generator->stream) % bound;
}

const char *fuzz_pick(struct fuzz_generator *generator, const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return words[fuzz_below(generator, count)];
}

void fuzz_put(json_t *op, const char *field, char *text)
{
    json_object_set_new(op, field, json_string(text));
    free(text);
}

void fuzz_put_text(json_t *op, const char *field, const char *text)
{
    json_object_set_new(op, field, json_string(text));
}

/* ---------------------------------------------------------------------- paths */

/* A recorded path of what is at "/a/b" below the base: of v1 behind the name of the hierarchy. */
static char *path_of(const struct fuzz_generator *generator, const char *below)
{
    if (!generator->v2)
        return str_printf("%s%s", generator->controller, below);
    return str_dup(*below ? below + 1 : ".");
}

char *fuzz_directory(struct fuzz_generator *generator)
{
    static const char *const directories[] = {
        "", "/a", "/a", "/a", "/b", "/b", "/a/c", "/a/c", "/a/c/d", "/b/e", "/a/c/d/f", NULL};
    return path_of(generator, fuzz_pick(generator, directories));
}

/* Names that mean something elsewhere, or that only a kernel takes. */
static const char *const odd_names[] = {"/a/x y", "/a/x\ny", "/.hidden", "/a/cgroup.foo",
    "/a/memory.max", "/a/pids.max", "/a/tasks", "/a/cgroup.procs", "/a/.", "/a/\303\251",
    "/no/such", "/a/-", NULL};

char *fuzz_child(struct fuzz_generator *generator)
{
    static const char *const directories[] = {
        "/a", "/a", "/b", "/b", "/a/c", "/a/c", "/a/c/d", "/b/e", "/a/c/d/f", "/x/y", NULL};
    bool odd = fuzz_below(generator, 25) == 0;
    return path_of(generator, fuzz_pick(generator, odd ? odd_names : directories));
}

static const char *draw_name(struct fuzz_generator *generator)
{
    if (fuzz_below(generator, 40) == 0)
        return "no.such.file";
    if (generator->v2 && fuzz_below(generator, 3) == 0)
        return generator->core_files[fuzz_below(generator, strv_length(generator->core_files))];
    return generator->files[fuzz_below(generator, strv_length(generator->files))];
}

char *fuzz_file(struct fuzz_generator *generator)
{
    _cleanup_free_ char *directory = fuzz_directory(generator);
    const char *name = draw_name(generator);
    bool base = !strcmp(directory, generator->controller);
    if (generator->neighbours && base && str_ends(name, "_exclusive"))
        return str_printf("%s/a/%s", directory, name);
    return str_printf("%s/%s", directory, name);
}

char *fuzz_path(struct fuzz_generator *generator)
{
    return fuzz_below(generator, 3) ? fuzz_file(generator) : fuzz_directory(generator);
}

/* ---------------------------------------------------------------------- operations */

static const struct fuzz_operation *const tables[] = {
    fuzz_path_operations, fuzz_handle_operations, fuzz_process_operations};

static unsigned weight_of(
    const struct fuzz_generator *generator, const struct fuzz_operation *operation)
{
    if (operation->only && strcmp(operation->only, generator->controller))
        return 0;
    return generator->v2 ? operation->weight_v2 : operation->weight_v1;
}

#define FROZEN_EXITS 10 /* one in so many is drawn where processes may be frozen */

/* Whether processes may be frozen: one that is to end is then waited for in vain. */
static bool may_freeze(const struct fuzz_generator *generator)
{
    return !strcmp(generator->controller, "freezer") || !strcmp(generator->controller, "core");
}

static bool makes_sense(
    struct fuzz_generator *generator, const struct fuzz_operation *operation)
{
    switch (operation->need) {
    case FUZZ_HANDLE:
        return generator->handles > 0;
    case FUZZ_INOTIFY:
        return generator->inotifies > 0;
    case FUZZ_EVENTFD:
        return generator->eventfds > 0;
    case FUZZ_ROOM_PROC:
        return generator->procs < FUZZ_PROCS_ALL;
    case FUZZ_ROOM_THREAD:
        return generator->threads < FUZZ_THREADS;
    case FUZZ_RUNNING:
        return !may_freeze(generator) || fuzz_below(generator, FROZEN_EXITS) == 0;
    default:
        return true;
    }
}

/* By weight. */
static const struct fuzz_operation *draw_operation(struct fuzz_generator *generator)
{
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (const struct fuzz_operation *at = tables[i]; at->op; at++)
            total += weight_of(generator, at);
    uint64_t drawn = fuzz_below(generator, total);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (const struct fuzz_operation *at = tables[i]; at->op; at++) {
            if (drawn < weight_of(generator, at))
                return at;
            drawn -= weight_of(generator, at);
        }
    return fuzz_path_operations;
}

json_t *fuzz_next(struct fuzz_generator *generator)
{
    const struct fuzz_operation *operation = draw_operation(generator);
    while (!makes_sense(generator, operation))
        operation = draw_operation(generator);
    json_t *op = json_object();
    fuzz_put_text(op, "op", operation->op);
    operation->draw(generator, op);
    bool files = json_object_get(op, "path") || json_object_get(op, "h");
    bool actor = json_object_get(op, "name") && !strstr(operation->op, "xattr");
    if (files && !actor && fuzz_below(generator, 10) == 0)
        json_object_set_new(op, "uid", json_integer(1000));
    return op;
}

/* ---------------------------------------------------------------------- prologue */

/* Two levels of cgroups, the controller in both; most sequences would else never see it. */
#define V2_PROLOGUE 4
static json_t *v2_prologue(struct fuzz_generator *generator, json_t *op, unsigned index)
{
    static const char *const paths[V2_PROLOGUE] = {
        "cgroup.subtree_control", "a", "a/cgroup.subtree_control", "a/c"};
    bool makes = index % 2;
    bool core = !strcmp(generator->controller, "core");
    fuzz_put_text(op, "op", makes ? "mkdir" : "write");
    fuzz_put_text(op, "path", paths[index]);
    if (makes)
        fuzz_put_text(op, "mode", "0755");
    else
        fuzz_put(op, "data", core ? str_dup("") : str_printf("+%s", generator->controller));
    return op;
}

json_t *fuzz_prologue(struct fuzz_generator *generator, unsigned index)
{
    static const struct {
        const char *file;
        const char *data;
    } cpuset[] = {{"cpuset/cpuset.cpus", "0-1"}, {"cpuset/cpuset.mems", "0"}};
    json_t *op = json_object();
    if (index < FUZZ_PROCS) {
        fuzz_put_text(op, "op", "proc");
        fuzz_put(op, "name", str_printf("P%u", generator->procs++));
        return op;
    }
    index -= FUZZ_PROCS;
    if (generator->v2 && index < V2_PROLOGUE)
        return v2_prologue(generator, op, index);
    if (!generator->v2 && !strcmp(generator->controller, "cpuset") && index < ARRAY_SIZE(cpuset)) {
        fuzz_put_text(op, "op", "write");
        fuzz_put_text(op, "path", cpuset[index].file);
        fuzz_put_text(op, "data", cpuset[index].data);
        return op;
    }
    json_decref(op);
    return NULL;
}
