/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay_world.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fakes/kernel/process.h"
#include "fakes/replay/replay_files.h"
#include "fakes/sim_loop.h"
#include "reference/base/err.h"
#include "reference/base/mem.h"

#define MEMORY_BYTES (UINT64_C(1) << 30)
#define TICK_NS NS_PER_MS

/* The builds that traces were recorded on, by the beginning of the release; the first that fits. */
static const struct build {
    const char *release;
    const char *mark; /* must occur in the release; NULL */
    const char *profile;
    const char *options;
} builds[] = {
    {"6.18.", "-fc-", "6.18",
        "no-uclamp,rt-group,bfq,shown-ram,kernel-memory,cpus-max=256,"
        "without=net_cls+net_prio+rdma+misc"},
    {"6.1.", NULL, "6.1", ""},
    {"6.12.", NULL, "6.12", ""},
    {"6.18.", NULL, "6.18", ""},
};

static const struct build *build_find(const char *release)
{
    for (size_t i = 0; i < ARRAY_SIZE(builds); i++)
        if (str_starts(release, builds[i].release) &&
            (!builds[i].mark || strstr(release, builds[i].mark)))
            return &builds[i];
    return NULL;
}

/* The controllers of a hybrid machine's v2, as ",v2=a+b"; when nobody said which, hugetlb. */
static char *hybrid_controllers(const struct replay_header *header)
{
    _cleanup_strbuf_ struct strbuf words = STRBUF_INIT;
    if (!header->controllers)
        return str_dup(",v2=hugetlb+perf_event");
    _cleanup_strv_ char **names = strv_split(header->controllers, " \n");
    for (char **name = names; *name; name++)
        if (**name)
            strbuf_addf(&words, "%s%s", words.length ? "+" : "", *name);
    if (header->perf_event)
        strbuf_addf(&words, "%sperf_event", words.length ? "+" : "");
    return str_printf(",v2=%s", strbuf_text(&words));
}

/* v1: the flags are the controllers that were mounted; memory and cpuset may be built without. */
static char *build_options(const struct replay_header *header, const struct build *build)
{
    bool memory = replay_header_flag(header, "memory");
    bool cpuset = replay_header_flag(header, "cpuset");
    if (header->v2) {
        bool hybrid = replay_header_flag(header, "hybrid");
        _cleanup_free_ char *controllers = hybrid ? hybrid_controllers(header) : str_dup("");
        return str_printf("%s%s", build->options, controllers);
    }
    return str_printf("%s,separate%s%s", build->options, memory ? "" : ",no-memory-v1",
        cpuset ? "" : ",no-cpuset-v1");
}

static void make_base(struct replay_world *world)
{
    for (unsigned i = 0; i < world->kernel->hierarchies_count; i++)
        cgroup_mkdir(world->kernel->hierarchies[i], REPLAY_BASE, 0755, &cgroup_caller_root);
}

static void add_device(struct replay_world *world)
{
    unsigned major, minor;
    const char *device = json_string_value(json_object_get(world->header->defs, "DEV"));
    if (device && sscanf(device, "%u:%u", &major, &minor) == 2)
        cgroup_add_block_device(world->kernel, major, minor);
}

int replay_world_start(
    struct replay_world *world, const struct replay_header *header, struct err *err)
{
    const struct build *build = build_find(header->kernel);
    if (!build)
        return err_set(err, -EINVAL, "header: kernel \"%s\": expected 6.1, 6.12 or 6.18",
            header->kernel);
    _cleanup_free_ char *options = build_options(header, build);
    bool hybrid = replay_header_flag(header, "hybrid");
    const struct kernel_config config = {
        .profile = build->profile,
        .layout = !header->v2 ? CGROUP_LAYOUT_V1 : hybrid ? CGROUP_LAYOUT_HYBRID : CGROUP_LAYOUT_V2,
        .cpus = header->cpus,
        .memory_bytes = MEMORY_BYTES,
        .options = options,
    };
    *world = (struct replay_world){.header = header, .loop = sim_loop_new(0), .passing_fd = -1};
    world->kernel = kernel_new(world->loop, &config);
    assert(world->kernel);
    struct process *kthread;
    int result = process_fork(world->kernel, NULL, 0, &kthread);
    assert(result == 0);
    kthread->kernel_thread = true;
    result = process_fork(world->kernel, NULL, 0, &world->recorder);
    assert(result == 0);
    /* The live machine's root lacked CAP_SYS_RESOURCE. */
    world->root = (struct cgroup_caller){
        .resource_capability = replay_header_flag(header, "qemu"),
        .pid = world->recorder->pid,
    };
    replay_symbol_set(world, "SELF", world->recorder->pid, false);
    make_base(world);
    add_device(world);
    replay_handles_start(world);
    return 0;
}

void replay_world_stop(struct replay_world *world)
{
    struct replay_handle *handles = world->handles;
    for (struct replay_handle *at = handles; at; at = at->next)
        replay_handle_close(at);
    world->handles = NULL; /* whose events the end of processes still raises */
    for (struct replay_actor *at = world->actors, *next; at; at = next) {
        next = at->next;
        replay_actor_free(at);
    }
    for (struct replay_symbol *at = world->symbols, *next; at; at = next) {
        next = at->next;
        free(at->name);
        free(at);
    }
    kernel_free(world->kernel);
    loop_free(world->loop);
    /* Cgroups that go tell the eventfds that are registered there. */
    for (struct replay_handle *at = handles, *next; at; at = next) {
        next = at->next;
        free(at->name);
        free(at);
    }
}

void replay_world_advance(struct replay_world *world, uint64_t duration_ns)
{
    if (world->files && world->files->real) {
        const struct timespec duration = {
            .tv_sec = (time_t)(duration_ns / NS_PER_SEC),
            .tv_nsec = (long)(duration_ns % NS_PER_SEC),
        };
        nanosleep(&duration, NULL);
        return;
    }
    while (duration_ns) {
        uint64_t step = duration_ns < TICK_NS ? duration_ns : TICK_NS;
        sim_loop_advance(world->loop, step);
        replay_actors_run(world);
        duration_ns -= step;
    }
}

bool replay_wait(struct replay_world *world, uint64_t ms, bool (*ready)(void *arg), void *arg)
{
    for (uint64_t waited = 0;; waited += 10) {
        if (ready(arg))
            return true;
        if (waited >= ms)
            return false;
        replay_world_advance(world, 10 * NS_PER_MS);
    }
}

struct cgroup_caller replay_caller(const struct replay_world *world, const struct replay_op *op)
{
    struct cgroup_caller caller = world->root;
    if (op->uid) {
        caller.uid = op->uid;
        caller.gid = (gid_t)op->uid;
        caller.resource_capability = false;
    }
    return caller;
}

/* ---------------------------------------------------------------------- symbols */

const struct replay_symbol *replay_symbol_find(const struct replay_world *world, const char *name)
{
    const struct replay_symbol *at = world->symbols;
    while (at && strcmp(at->name, name))
        at = at->next;
    return at;
}

void replay_symbol_set(struct replay_world *world, const char *name, int64_t value, bool thread)
{
    struct replay_symbol *symbol = (struct replay_symbol *)replay_symbol_find(world, name);
    if (!symbol) {
        symbol = mem_alloc(sizeof(*symbol));
        symbol->name = str_dup(name);
        symbol->next = world->symbols;
        world->symbols = symbol;
    }
    symbol->value = value;
    symbol->thread = thread;
}

static void substitute_name(const struct replay_world *world, const char *name, struct strbuf *out)
{
    const struct replay_symbol *symbol = replay_symbol_find(world, name);
    const char *definition = json_string_value(json_object_get(world->header->defs, name));
    if (symbol)
        strbuf_addf(out, "%lld", (long long)symbol->value);
    else if (definition)
        strbuf_add(out, definition);
    else if (!strcmp(name, "BASE"))
        strbuf_add(out, REPLAY_BASE);
    else
        strbuf_addf(out, "$%s", name);
}

void replay_substitute(
    const struct replay_world *world, const char *text, size_t length, struct strbuf *out)
{
    for (size_t i = 0; i < length;) {
        if (text[i] != '$' || i + 1 >= length ||
            !(isalpha((unsigned char)text[i + 1]) || text[i + 1] == '_')) {
            strbuf_add_bytes(out, &text[i++], 1);
            continue;
        }
        size_t start = ++i;
        while (i < length && (isalnum((unsigned char)text[i]) || text[i] == '_'))
            i++;
        _cleanup_free_ char *name = str_ndup(text + start, i - start);
        substitute_name(world, name, out);
    }
}

/* ---------------------------------------------------------------------- paths */

static char *join(const char *base, const char *rest)
{
    if (!*rest || !strcmp(rest, "."))
        return str_dup(base);
    return *base ? str_printf("%s/%s", base, rest) : str_dup(rest);
}

bool replay_path(const struct replay_world *world, const char *recorded,
    struct cgroup_root **ret_root, char **ret_path)
{
    const char *base = REPLAY_BASE;
    if (*recorded == '^') {
        base = "";
        recorded++;
    }
    if (world->header->v2) {
        *ret_root = cgroup_root_find(world->kernel, "");
        *ret_path = join(base, recorded);
        return true;
    }
    size_t length = strcspn(recorded, "/");
    _cleanup_free_ char *hierarchy = str_ndup(recorded, length);
    *ret_root = cgroup_root_find(world->kernel, hierarchy);
    if (!*ret_root || !*hierarchy)
        return false;
    *ret_path = join(base, recorded[length] ? recorded + length + 1 : "");
    return true;
}

int replay_node(const struct replay_world *world, const char *recorded,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node)
{
    struct cgroup_root *root;
    _cleanup_free_ char *path = NULL;
    if (!replay_path(world, recorded, &root, &path))
        return -ENOENT;
    return cgroup_node_lookup(root, path, caller, ret_node);
}

int replay_parent(const struct replay_world *world, const char *recorded,
    const struct cgroup_caller *caller, struct cgroup **ret_parent, const char **ret_name,
    char **ret_path)
{
    struct cgroup_root *root;
    struct cgroup_node node;
    *ret_path = NULL;
    if (!replay_path(world, recorded, &root, ret_path))
        return -ENOENT;
    for (char *end = *ret_path + strlen(*ret_path); end > *ret_path && end[-1] == '/';)
        *--end = '\0';
    char *slash = strrchr(*ret_path, '/');
    *ret_name = slash ? slash + 1 : *ret_path;
    _cleanup_free_ char *parent =
        str_ndup(*ret_path, slash ? (size_t)(slash - *ret_path) : 0);
    int result = cgroup_node_lookup(root, parent, caller, &node);
    if (result)
        return result;
    if (node.file)
        return -ENOTDIR;
    *ret_parent = node.cgroup;
    return 0;
}
