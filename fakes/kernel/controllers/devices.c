/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices controller of v1 (spec cgroupfs.md 6): a default, allow or deny, and exceptions from
 * it. A child can never do more than its parent. In v2 a recorded program decides.
 */
#include "fakes/kernel/device_bpf.h"
#include "fakes/kernel/devices.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

enum access { ACCESS_MKNOD = 1, ACCESS_READ = 2, ACCESS_WRITE = 4 };
#define DEVICE_ANY UINT32_MAX
#define NUMBER_DIGITS 11 /* how many of a number are looked at */

struct exception {
    char type; /* 'b', 'c' */
    uint32_t major;
    uint32_t minor;
    unsigned access;
};

struct devices_css {
    struct cgroup_css css;
    bool deny; /* the default */
    struct exception *exceptions;
    size_t count;
    size_t capacity;
};

static struct devices_css *devices(const struct cgroup_css *css)
{
    return (struct devices_css *)css;
}

static struct devices_css *devices_parent(const struct devices_css *state)
{
    return devices(cgroup_css_parent(&state->css));
}

/* ---------------------------------------------------------------------- exceptions */

static struct exception *exact(const struct devices_css *state, const struct exception *like)
{
    for (size_t i = 0; i < state->count; i++) {
        struct exception *at = &state->exceptions[i];
        if (at->type == like->type && at->major == like->major && at->minor == like->minor)
            return at;
    }
    return NULL;
}

static void exception_add(struct devices_css *state, const struct exception *exception)
{
    struct exception *found = exact(state, exception);
    if (found) {
        found->access |= exception->access;
        return;
    }
    state->exceptions = mem_grow(
        state->exceptions, &state->capacity, state->count + 1, sizeof(*state->exceptions));
    state->exceptions[state->count++] = *exception;
}

static void exception_delete(struct devices_css *state, const struct exception *at)
{
    size_t index = (size_t)(at - state->exceptions);
    memmove(&state->exceptions[index], &state->exceptions[index + 1],
        (state->count - index - 1) * sizeof(*at));
    state->count--;
}

static void exception_remove(struct devices_css *state, const struct exception *exception)
{
    struct exception *found = exact(state, exception);
    if (!found)
        return;
    found->access &= ~exception->access;
    if (!found->access)
        exception_delete(state, found);
}

static bool covers_device(const struct exception *rule, const struct exception *device)
{
    return rule->type == device->type &&
           (rule->major == DEVICE_ANY || rule->major == device->major) &&
           (rule->minor == DEVICE_ANY || rule->minor == device->minor);
}

/* One rule gives all of the access. */
static bool matches_fully(const struct devices_css *state, const struct exception *device)
{
    for (size_t i = 0; i < state->count; i++)
        if (covers_device(&state->exceptions[i], device) &&
            !(device->access & ~state->exceptions[i].access))
            return true;
    return false;
}

static bool overlaps(uint32_t rule, uint32_t device)
{
    return rule == DEVICE_ANY || device == DEVICE_ANY || rule == device;
}

/* Some rule touches some of it. */
static bool matches_partly(const struct devices_css *state, const struct exception *device)
{
    for (size_t i = 0; i < state->count; i++) {
        const struct exception *rule = &state->exceptions[i];
        if (rule->type == device->type && overlaps(rule->major, device->major) &&
            overlaps(rule->minor, device->minor) && rule->access & device->access)
            return true;
    }
    return false;
}

static void exceptions_copy(struct devices_css *to, const struct devices_css *from)
{
    free(to->exceptions);
    to->count = to->capacity = from->count;
    to->exceptions = NULL;
    if (from->count)
        to->exceptions = mem_dup(from->exceptions, from->count * sizeof(*from->exceptions));
}

/* ---------------------------------------------------------------------- parent and child */

/* Whether the parent lets a child with that default have the exception. */
static bool parent_permits(const struct devices_css *state, const struct exception *exception)
{
    const struct devices_css *parent = devices_parent(state);
    if (!parent)
        return true;
    if (parent->deny)
        return matches_fully(parent, exception);
    return !state->deny || !matches_partly(parent, exception);
}

static bool parent_permits_removal(
    const struct devices_css *state, const struct exception *exception)
{
    const struct devices_css *parent = devices_parent(state);
    return !parent || state->deny || !matches_partly(parent, exception);
}

static void revalidate(struct devices_css *state)
{
    for (size_t i = state->count; i > 0; i--)
        if (!parent_permits(state, &state->exceptions[i - 1]))
            exception_delete(state, &state->exceptions[i - 1]);
}

/* A restriction of the parent reaches all below. */
static void propagate(struct devices_css *state, const struct exception *exception)
{
    struct cgroup *top = state->css.cgroup;
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        struct devices_css *below = devices(at->css[SUBSYS_DEVICES]);
        if (below == state)
            continue;
        if (!state->deny && !below->deny)
            exception_add(below, exception);
        else
            exception_remove(below, exception);
        revalidate(below);
    }
}

/* Removed children count until they are torn down. */
static bool has_children(const struct devices_css *state)
{
    return state->css.cgroup->children_count || state->css.cgroup->dying_children;
}

static int set_default(struct devices_css *state, bool deny)
{
    const struct devices_css *parent = devices_parent(state);
    if (has_children(state))
        return -EINVAL;
    if (deny) {
        state->count = 0;
        state->deny = true;
        return 0;
    }
    if (parent && parent->deny)
        return -EPERM;
    if (parent)
        exceptions_copy(state, parent);
    else
        state->count = 0;
    state->deny = false;
    return 0;
}

/* ---------------------------------------------------------------------- parsing */

/* "*" or decimal digits. */
static const char *parse_number(const char *text, uint32_t *ret_number)
{
    if (*text == '*') {
        *ret_number = DEVICE_ANY;
        return text + 1;
    }
    if (!isdigit((unsigned char)*text))
        return NULL;
    uint64_t number = 0;
    int digits = 0;
    for (; isdigit((unsigned char)*text) && digits < NUMBER_DIGITS; text++, digits++)
        number = number * 10 + (uint64_t)(*text - '0');
    if (number > UINT32_MAX)
        return NULL;
    *ret_number = (uint32_t)number;
    return text;
}

static int parse_exception(const char *text, struct exception *ret_exception)
{
    static const char letters[] = "mrw";
    struct exception exception = {.type = *text};
    if ((*text != 'b' && *text != 'c') || !text_is_space(text[1]))
        return -EINVAL;
    text = parse_number(text + 2, &exception.major);
    text = text && *text == ':' ? parse_number(text + 1, &exception.minor) : NULL;
    if (!text || !text_is_space(*text))
        return -EINVAL;
    text++;
    for (int count = 0; count < 3 && *text && *text != '\n'; count++, text++) {
        const char *letter = strchr(letters, *text);
        if (!letter)
            return -EINVAL;
        exception.access |= 1u << (letter - letters);
    }
    *ret_exception = exception;
    return 0;
}

static int rules_write(const struct cgroup_io *io, char *text)
{
    struct devices_css *state = devices(io->css);
    bool deny = io->file->argument;
    struct exception exception;
    if (io->caller->uid != 0)
        return -EPERM; /* CAP_SYS_ADMIN of who writes, not of who opened */
    text = text_strip(text);
    if (*text == 'a')
        return set_default(state, deny);
    int result = parse_exception(text, &exception);
    if (result)
        return result;
    if (!deny) {
        if (!state->deny) {
            if (!parent_permits_removal(state, &exception))
                return -EPERM;
            exception_remove(state, &exception);
            return 0;
        }
        if (!parent_permits(state, &exception))
            return -EPERM;
        exception_add(state, &exception);
        return 0;
    }
    if (state->deny)
        exception_remove(state, &exception);
    else
        exception_add(state, &exception);
    propagate(state, &exception);
    return 0;
}

/* ---------------------------------------------------------------------- printing */

static void print_number(struct strbuf *out, uint32_t number)
{
    if (number == DEVICE_ANY)
        strbuf_add(out, "*");
    else
        print_u64(out, number);
}

static int list_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct devices_css *state = devices(io->css);
    if (!state->deny) {
        strbuf_add(out, "a *:* rwm\n");
        return 0;
    }
    for (size_t i = 0; i < state->count; i++) {
        const struct exception *at = &state->exceptions[i];
        strbuf_addf(out, "%c ", at->type);
        print_number(out, at->major);
        strbuf_add(out, ":");
        print_number(out, at->minor);
        strbuf_addf(out, " %s%s%s\n", at->access & ACCESS_READ ? "r" : "",
            at->access & ACCESS_WRITE ? "w" : "", at->access & ACCESS_MKNOD ? "m" : "");
    }
    return 0;
}

/* ---------------------------------------------------------------------- enforcement */

static unsigned access_bits(const char *access)
{
    return (strchr(access, 'r') ? ACCESS_READ : 0) | (strchr(access, 'w') ? ACCESS_WRITE : 0) |
           (strchr(access, 'm') ? ACCESS_MKNOD : 0);
}

void cgroup_device_program_set(
    struct cgroup *cgroup, const struct device_rule *rules, size_t count)
{
    free(cgroup->device_program);
    cgroup->device_program = mem_alloc(sizeof(struct device_program) + count * sizeof(*rules));
    cgroup->device_program->count = count;
    if (count)
        memcpy(cgroup->device_program->rules, rules, count * sizeof(*rules));
}

int cgroup_device_program_load(
    struct cgroup *cgroup, const struct bpf_insn *instructions, size_t count)
{
    int r = device_bpf_verify(instructions, count);
    if (r < 0)
        return r;
    free(cgroup->device_program);
    cgroup->device_program =
        mem_alloc(sizeof(struct device_program) + count * sizeof(*instructions));
    cgroup->device_program->instructions_count = count;
    memcpy(cgroup->device_program->rules, instructions, count * sizeof(*instructions));
    return 0;
}

void cgroup_device_program_clear(struct cgroup *cgroup)
{
    free(cgroup->device_program);
    cgroup->device_program = NULL;
}

static bool bpf_allows(const struct device_program *program, const struct exception *device)
{
    const uint32_t access = (device->access & ACCESS_READ ? BPF_DEVCG_ACC_READ : 0u) |
                            (device->access & ACCESS_WRITE ? BPF_DEVCG_ACC_WRITE : 0u) |
                            (device->access & ACCESS_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0u);
    const struct bpf_cgroup_dev_ctx context = {
        .access_type = access << 16 |
                       (device->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = device->major,
        .minor = device->minor,
    };
    return device_bpf_run(
        (const struct bpf_insn *)program->rules, program->instructions_count, &context);
}

/* The last rule that matches decides; none denies. */
static bool program_allows(
    const struct device_program *program, const struct exception *device)
{
    if (program->instructions_count > 0)
        return bpf_allows(program, device);
    bool allowed = false;
    for (size_t i = 0; i < program->count; i++) {
        const struct device_rule *rule = &program->rules[i];
        if ((rule->type == 'a' || rule->type == device->type) &&
            (rule->major < 0 || rule->major == device->major) &&
            (rule->minor < 0 || rule->minor == device->minor) &&
            !(device->access & ~access_bits(rule->access)))
            allowed = rule->allow;
    }
    return allowed;
}

int cgroup_device_check(
    const struct task *task, char type, unsigned major, unsigned minor, const char *access)
{
    const struct exception device = {type, major, minor, access_bits(access)};
    const struct devices_css *state = devices(cgroup_css_of(task, SUBSYS_DEVICES));
    if (state && (state->deny ? !matches_fully(state, &device) : matches_partly(state, &device)))
        return -EPERM;
    struct cgroup_root *root = cgroup_root_find(task->process->kernel, "");
    for (const struct cgroup *at = root ? task->cgroups[root->index] : NULL; at; at = at->parent)
        if (at->device_program && !program_allows(at->device_program, &device))
            return -EPERM;
    return 0;
}

static void devices_init(struct cgroup_css *css)
{
    struct devices_css *state = devices(css);
    const struct devices_css *parent = devices_parent(state);
    if (!parent)
        return;
    state->deny = parent->deny;
    exceptions_copy(state, parent);
}

static void devices_free(struct cgroup_css *css)
{
    free(devices(css)->exceptions);
}

static const struct cgroup_file files[] = {
    {"devices.allow", ON_BOTH, FILE_V1, 0200, NULL, rules_write, NULL, 0, 0},
    {"devices.deny", ON_BOTH, FILE_V1, 0200, NULL, rules_write, NULL, 1, 0},
    {"devices.list", ON_BOTH, FILE_V1, 0444, list_read, NULL, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_devices = {
    .name = "devices",
    .legacy_name = "devices",
    .subsys = SUBSYS_DEVICES,
    .versions = FILE_V1,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct devices_css),
    .init = devices_init,
    .free = devices_free,
};
