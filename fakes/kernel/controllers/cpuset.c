/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cpuset controller and its v2 files (spec cgroupfs.md 4.4). In v2 a set is a wish: what is in
 * force is what the parent has of it, or all the parent has when nothing is left. A partition takes
 * CPUs away from its parent; one that cannot is accepted, and reads as invalid with the reason.
 */
#include "fakes/kernel/cpuset.h"

#include <errno.h>
#include <string.h>

#define LIST_WRITE_FIXED 100
#define LIST_WRITE_EACH 6

static const char *const partition_names[] = {"member", "root", "isolated"};
static const char *const partition_errors[] = {
    [PARTITION_VALID] = "",
    [PARTITION_INVALID_CPUS] = "Invalid cpu list in cpuset.cpus.exclusive",
    [PARTITION_INVALID_PARENT] = "Parent is an invalid partition root",
    [PARTITION_NO_PARENT] = "Parent is not a partition root",
    [PARTITION_NOT_EXCLUSIVE] = "Cpu list in cpuset.cpus not exclusive",
    [PARTITION_NO_CPUS] = "Parent unable to distribute cpu downstream",
    [PARTITION_CPUS_EMPTY] = "cpuset.cpus and cpuset.cpus.exclusive are empty",
    [PARTITION_NOT_PERMITTED] = "Enable partition not permitted",
};

static const struct cgroup_file *const partition_file;

static struct cpuset_css *cpuset(const struct cgroup_io *io)
{
    return cpuset_of(io->css);
}

static void cpuset_init(struct cgroup_css *css)
{
    struct cpuset_css *set = cpuset_of(css);
    const struct cgroup *cgroup = css->cgroup;
    const struct cpuset_css *parent = cpuset_parent(set);
    set->flags = 1u << CPUSET_LOAD_BALANCE;
    set->relax_domain_level = -1;
    if (!parent) {
        set->cpus = set->effective = cpu_mask_first(cgroup_kernel(cgroup)->cpus);
        set->mems = set->effective_mems = cpu_mask_first(1);
        set->flags |= 1u << CPUSET_CPU_EXCLUSIVE | 1u << CPUSET_MEM_EXCLUSIVE;
        return;
    }
    set->flags |= parent->flags & (1u << CPUSET_SPREAD_PAGE | 1u << CPUSET_SPREAD_SLAB);
    if (cgroup->root->v2) {
        set->effective = parent->effective;
        set->effective_mems = parent->effective_mems;
    } else if (cgroup->clone_children) {
        set->cpus = set->effective = parent->cpus;
        set->mems = set->effective_mems = parent->mems;
    }
}

int cpuset_parse(const struct cgroup_io *io, char *text, bool mems, struct cpu_mask *ret_mask)
{
    const struct kernel_profile *profile = cgroup_profile(io->cgroup);
    unsigned limit = mems ? profile->nodes_max : io->kernel->cpus;
    bool beyond;
    if (!io->cgroup->parent)
        return -EACCES;
    int result = cpu_mask_parse(text_strip(text), limit, ret_mask, &beyond);
    if (result)
        return result;
    const struct cpuset_css *top = cpuset_of(io->cgroup->root->top->css[SUBSYS_CPUSET]);
    return beyond || !cpu_mask_within(ret_mask, mems ? &top->mems : &top->cpus) ? -EINVAL : 0;
}

size_t cpuset_cpus_write_max(const struct kernel_profile *profile)
{
    return LIST_WRITE_FIXED + LIST_WRITE_EACH * (size_t)profile->cpus_max;
}

size_t cpuset_mems_write_max(const struct kernel_profile *profile)
{
    return LIST_WRITE_FIXED + LIST_WRITE_EACH * (size_t)profile->nodes_max;
}

int cpuset_keeps_room(const struct cpuset_css *set, const struct cpuset_css *trial)
{
    if (!cgroup_is_populated(set->css.cgroup))
        return 0;
    if (!cpu_mask_empty(&set->cpus) && cpu_mask_empty(&trial->cpus))
        return -ENOSPC;
    return !cpu_mask_empty(&set->mems) && cpu_mask_empty(&trial->mems) ? -ENOSPC : 0;
}

static int cpuset_can_attach(struct cgroup_css *css, struct task *task)
{
    const struct cpuset_css *set = cpuset_of(css);
    (void)task;
    if (cpu_mask_empty(&set->effective))
        return -ENOSPC;
    return !css->cgroup->root->v2 && cpu_mask_empty(&set->mems) ? -ENOSPC : 0;
}

/* ---------------------------------------------------------------------- what is in force */

static bool is_partition(const struct cpuset_css *set)
{
    return !set->css.cgroup->parent ||
           (set->partition != PARTITION_MEMBER && set->partition_error == PARTITION_VALID);
}

static struct cpu_mask claim(const struct cpuset_css *set);

/* What cpuset.cpus.exclusive.effective shows: only a partition, or what is exclusive itself, has
 * something to keep or to hand down. */
static struct cpu_mask effective_exclusive(const struct cpuset_css *set)
{
    bool any = !cpu_mask_empty(&set->exclusive) || is_partition(set);
    return any ? claim(set) : (struct cpu_mask){{0}};
}

/* What the set may claim for itself alone. */
static struct cpu_mask claim(const struct cpuset_css *set)
{
    const struct cpuset_css *parent = cpuset_parent(set);
    if (!parent)
        return set->cpus;
    struct cpu_mask own = {{0}};
    if (!cpu_mask_empty(&set->exclusive))
        own = set->exclusive;
    else if (set->partition != PARTITION_MEMBER)
        own = set->cpus;
    const struct cpu_mask above = effective_exclusive(parent);
    return cpu_mask_and(&own, &above);
}

static bool siblings_overlap(const struct cpuset_css *set, const struct cpu_mask *mask)
{
    list_for_each(node, &set->css.cgroup->parent->children) {
        const struct cgroup *sibling = list_entry(node, struct cgroup, sibling);
        const struct cpuset_css *other = cpuset_of(sibling->css[SUBSYS_CPUSET]);
        if (!other || other == set)
            continue;
        struct cpu_mask theirs =
            cpu_mask_empty(&other->exclusive) && is_partition(other) ? other->cpus
                                                                     : other->exclusive;
        if (cpu_mask_overlaps(mask, &theirs) || cpu_mask_overlaps(mask, &other->cpus))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------------- between siblings */

/* What is written to be exclusive, or all it has. */
static const struct cpu_mask *own_cpus(const struct cpuset_css *set)
{
    return cpu_mask_empty(&set->exclusive) ? &set->cpus : &set->exclusive;
}

/* Exclusive CPUs that were activated would leave nothing of the other's. */
static bool swallows(const struct cpuset_css *exclusive, const struct cpuset_css *other)
{
    return !cpu_mask_empty(&other->cpus) && cpu_mask_within(&other->cpus, &exclusive->exclusive);
}

static bool takes_alone(const struct cpuset_css *set)
{
    return set->partition != PARTITION_MEMBER && is_partition(set);
}

/* Valid partitions and written exclusive CPUs may not overlap those of a sibling. */
static bool conflicts(const struct cpuset_css *set, const struct cpuset_css *trial)
{
    bool exclusive = !cpu_mask_empty(&trial->exclusive);
    list_for_each(node, &set->css.cgroup->parent->children) {
        const struct cgroup *sibling = list_entry(node, struct cgroup, sibling);
        const struct cpuset_css *other = cpuset_of(sibling->css[SUBSYS_CPUSET]);
        if (!other || other == set)
            continue;
        bool theirs = !cpu_mask_empty(&other->exclusive);
        if (takes_alone(trial) || takes_alone(other) || (exclusive && theirs)) {
            if (cpu_mask_overlaps(own_cpus(trial), own_cpus(other)))
                return true;
        } else if ((exclusive && swallows(trial, other)) || (theirs && swallows(other, trial))) {
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------------- partitions */

static bool is_remote(const struct cpuset_css *set)
{
    return takes_alone(set) && !is_partition(cpuset_parent(set));
}

/* What partitions keep for themselves, that one not counted, or (NULL) all that are remote. */
static struct cpu_mask partitioned_cpus(const struct cpuset_css *but, struct cgroup *top)
{
    struct cpu_mask all = {{0}};
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        const struct cpuset_css *set = cpuset_of(at->css[SUBSYS_CPUSET]);
        if (!set || !at->parent || set == but || !(but ? takes_alone(set) : is_remote(set)))
            continue;
        const struct cpu_mask own = claim(set);
        all = cpu_mask_or(&all, &own);
    }
    return all;
}

/*
 * Away from partitions a set may still become one, of exclusive CPUs handed down from the root; but
 * only an administrator may ask for that (CAP_SYS_ADMIN, remote_partition_enable in
 * kernel/cgroup/cpuset.c).
 */
static enum partition_error check_remote(const struct cpuset_css *set, bool permitted)
{
    if (!permitted)
        return PARTITION_NOT_PERMITTED;
    const struct cpuset_css *top = cpuset_of(set->css.cgroup->root->top->css[SUBSYS_CPUSET]);
    struct cpu_mask wanted = claim(set);
    struct cpu_mask others = partitioned_cpus(set, set->css.cgroup->root->top);
    if (cpu_mask_empty(&wanted) || cpu_mask_overlaps(&wanted, &others) ||
        cpu_mask_within(&top->effective, &wanted))
        return PARTITION_INVALID_CPUS;
    return PARTITION_VALID;
}

/* What made partitions be judged anew. */
struct change {
    const struct cgroup *written;
    enum { WROTE_PARTITION, WROTE_CPUS, WROTE_EXCLUSIVE, WROTE_MEMS } what;
    struct cpu_mask before; /* its own CPUs before */
    bool unprivileged;      /* by somebody else than root */
    bool force;             /* all below is looked at, also where nothing changes */
};

/* Whether somebody runs on what the partition keeps for itself: in it, or in a cgroup below that
 * is no partition of its own (kernel/cgroup/cpuset.c, partition_is_populated). */
static bool partition_populated(const struct cpuset_css *set, const struct cpuset_css *but)
{
    const struct cgroup *cgroup = set->css.cgroup;
    if (cgroup->tasks_count)
        return true;
    list_for_each(node, &cgroup->children) {
        const struct cgroup *child = list_entry(node, struct cgroup, sibling);
        const struct cpuset_css *below = cpuset_of(child->css[SUBSYS_CPUSET]);
        bool apart = below && below->partition != PARTITION_MEMBER && is_partition(below);
        if (below != but && !apart && cgroup_is_populated(child))
            return true;
    }
    return false;
}

/* Taking these CPUs would leave somebody without any. */
static bool leaves_no_cpus(const struct cpuset_css *set, const struct cpu_mask *taken)
{
    const struct cpuset_css *parent = cpuset_parent(set);
    return (cpu_mask_within(&parent->effective, taken) && partition_populated(parent, set)) ||
           (cpu_mask_empty(taken) && partition_populated(set, NULL));
}

/* Since 6.12 what was written is judged by itself before the parent is asked. */
static enum partition_error check_written(const struct cpuset_css *set, const struct change *change)
{
    bool valid = set->partition_error == PARTITION_VALID;
    bool claims = !cpu_mask_empty(&set->exclusive) || (valid && change->what == WROTE_CPUS);
    struct cpu_mask wanted = claims ? claim(set) : (struct cpu_mask){{0}};
    if (change->what == WROTE_PARTITION) {
        struct cpuset_css trial = *set;
        trial.partition_error = PARTITION_VALID;
        return conflicts(set, &trial) ? PARTITION_NOT_EXCLUSIVE : PARTITION_VALID;
    }
    if (cpu_mask_empty(&wanted) && (valid || change->what == WROTE_EXCLUSIVE))
        return PARTITION_INVALID_CPUS;
    if (leaves_no_cpus(set, &wanted))
        return PARTITION_NO_CPUS;
    /* An invalid one is also asked what it wanted before. */
    return !valid && is_partition(cpuset_parent(set)) && leaves_no_cpus(set, &change->before)
               ? PARTITION_NO_CPUS
               : PARTITION_VALID;
}

/* Below what was written only the parent counts at first. */
static enum partition_error check_partition(
    const struct cpuset_css *set, const struct change *change)
{
    const struct cgroup *written = change->written;
    const struct cpuset_css *parent = cpuset_parent(set);
    bool remote = cgroup_since(set->css.cgroup, KERNEL_6_12);
    bool below = set->css.cgroup != written && cgroup_is_within(set->css.cgroup, written);
    if (below && !is_partition(parent) && !(remote && set->partition_error == PARTITION_VALID))
        return parent->partition == PARTITION_MEMBER ? PARTITION_NO_PARENT
                                                     : PARTITION_INVALID_PARENT;
    bool empty = cpu_mask_empty(&set->cpus) && cpu_mask_empty(&set->exclusive);
    if (remote && set->css.cgroup == written && !(empty && change->what == WROTE_PARTITION)) {
        enum partition_error error = check_written(set, change);
        if (error)
            return error;
    }
    /* What is invalid keeps its reason while the parent is none. */
    if (set->partition_error && set->css.cgroup == written && !is_partition(parent))
        return set->partition_error;
    if (empty)
        return PARTITION_CPUS_EMPTY;
    /* Before 6.12 siblings came before the parent. */
    if (!remote && set->css.cgroup == written && siblings_overlap(set, &set->cpus))
        return PARTITION_NOT_EXCLUSIVE;
    if (!is_partition(parent)) {
        if (remote)
            return check_remote(set, !change->unprivileged);
        return parent->partition == PARTITION_MEMBER ? PARTITION_NO_PARENT
                                                     : PARTITION_INVALID_PARENT;
    }
    struct cpu_mask wanted = claim(set);
    if (cpu_mask_empty(&wanted))
        return PARTITION_INVALID_CPUS;
    if (siblings_overlap(set, &wanted))
        return PARTITION_NOT_EXCLUSIVE;
    if (cpu_mask_within(&parent->effective, &wanted) && partition_populated(parent, set))
        return PARTITION_NO_CPUS;
    return PARTITION_VALID;
}

static void update_one(struct cpuset_css *set)
{
    const struct cpuset_css *parent = cpuset_parent(set);
    if (parent) {
        struct cpu_mask wanted =
            is_partition(set) ? claim(set) : cpu_mask_and(&set->cpus, &parent->effective);
        set->effective = cpu_mask_empty(&wanted) ? parent->effective : wanted;
        struct cpu_mask mems = cpu_mask_and(&set->mems, &parent->effective_mems);
        set->effective_mems = cpu_mask_empty(&mems) ? parent->effective_mems : mems;
    } else {
        const struct cpu_mask remote = set->remote ? partitioned_cpus(NULL, set->css.cgroup)
                                                   : (struct cpu_mask){{0}};
        set->effective = cpu_mask_without(&set->cpus, &remote);
    }
    list_for_each(node, &set->css.cgroup->children) {
        const struct cgroup *child = list_entry(node, struct cgroup, sibling);
        const struct cpuset_css *below = cpuset_of(child->css[SUBSYS_CPUSET]);
        if (below && below->partition != PARTITION_MEMBER && is_partition(below)) {
            struct cpu_mask taken = claim(below);
            struct cpu_mask left = cpu_mask_without(&set->effective, &taken);
            /* A partition may hand down all it has. */
            if (!cpu_mask_empty(&left) || takes_alone(set))
                set->effective = left;
        }
    }
}

/* One that becomes valid or invalid by what happens elsewhere tells who watches it. */
static void judge(struct cpuset_css *set, const struct change *change)
{
    struct cgroup *cgroup = set->css.cgroup;
    bool valid = set->partition_error == PARTITION_VALID;
    set->partition_error = check_partition(set, change);
    if (is_remote(set))
        cpuset_of(cgroup->root->top->css[SUBSYS_CPUSET])->remote = true;
    bool told = cgroup == change->written && change->what == WROTE_PARTITION;
    if (valid != (set->partition_error == PARTITION_VALID) && !told)
        cgroup_file_raise(cgroup, partition_file);
}

/* Above what was written nothing is judged, and beside it only who may lose its partition. */
static bool concerned(const struct cpuset_css *set, const struct change *change)
{
    const struct cgroup *cgroup = set->css.cgroup, *written = change->written;
    if (change->what == WROTE_MEMS || set->partition == PARTITION_MEMBER)
        return false;
    if (cgroup->parent == written->parent && cgroup != written)
        return set->partition_error == PARTITION_VALID;
    return cgroup != written->parent;
}

/* Partitions of the subtree are judged anew, then what is in force follows from the top. */
static void update_below(struct cgroup *top, const struct change *change)
{
    const struct cgroup *skipped = NULL; /* the kernel does not go below a member that stays so */
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        struct cpuset_css *set = cpuset_of(at->css[SUBSYS_CPUSET]);
        if (!set)
            continue;
        const struct cpu_mask before = set->effective;
        bool reached = !(skipped && cgroup_is_within(at, skipped));
        if (reached && concerned(set, change))
            judge(set, change);
        update_one(set);
        if (reached && at != top && at != change->written && !change->force &&
            set->partition == PARTITION_MEMBER && cpu_mask_equal(&before, &set->effective))
            skipped = at;
    }
    /* And once more, as those below that became partitions have taken theirs; remote ones from
     * everybody. */
    if (cpuset_of(top->root->top->css[SUBSYS_CPUSET])->remote)
        top = top->root->top;
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at))
        if (at->css[SUBSYS_CPUSET])
            update_one(cpuset_of(at->css[SUBSYS_CPUSET]));
    sched_changed(cgroup_kernel(top));
}

static void update_after(const struct cgroup_io *io, struct change change)
{
    change.written = io->cgroup;
    struct cgroup *parent = io->cgroup->parent;
    bool partitions = cpuset(io)->partition != PARTITION_MEMBER;
    list_for_each(node, &parent->children) {
        const struct cpuset_css *sibling =
            cpuset_of(list_entry(node, struct cgroup, sibling)->css[SUBSYS_CPUSET]);
        partitions |= sibling && sibling->partition != PARTITION_MEMBER;
    }
    update_below(partitions && parent->css[SUBSYS_CPUSET] ? parent : io->cgroup, &change);
}

/* ---------------------------------------------------------------------- files */

static int mask_read(const struct cgroup_io *io, struct strbuf *out)
{
    cpu_mask_print((const struct cpu_mask *)((const char *)io->css + io->file->argument), out);
    return 0;
}

/* A member whose CPUs in force stay the same: the kernel looks no further. */
static bool stays_the_same(const struct cpuset_css *set, const struct cpu_mask *cpus)
{
    const struct cpuset_css *parent = cpuset_parent(set);
    if (set->partition != PARTITION_MEMBER)
        return false;
    list_for_each(node, &set->css.cgroup->parent->children) {
        const struct cpuset_css *other =
            cpuset_of(list_entry(node, struct cgroup, sibling)->css[SUBSYS_CPUSET]);
        if (other && takes_alone(other))
            return false;
    }
    struct cpu_mask wanted = cpu_mask_and(cpus, &parent->effective);
    return cpu_mask_equal(cpu_mask_empty(&wanted) ? &parent->effective : &wanted,
        &set->effective);
}

static int set_write(const struct cgroup_io *io, char *text)
{
    struct cpuset_css *set = cpuset(io);
    bool mems = io->file->argument == offsetof(struct cpuset_css, mems);
    struct cpuset_css trial = *set;
    int result = cpuset_parse(io, text, mems, mems ? &trial.mems : &trial.cpus);
    if (result || (mems ? cpu_mask_equal(&trial.mems, &set->mems)
                        : cpu_mask_equal(&trial.cpus, &set->cpus)))
        return result;
    /* A conflict of CPUs is accepted, and shows in partitions. */
    if (mems && conflicts(set, &trial))
        return -EINVAL;
    result = cpuset_keeps_room(set, &trial);
    if (result)
        return result;
    const struct change change = {
        .what = mems ? WROTE_MEMS : WROTE_CPUS, .before = *own_cpus(set)};
    bool same = !mems && stays_the_same(set, &trial.cpus);
    set->cpus = trial.cpus;
    set->mems = trial.mems;
    if (!same)
        update_after(io, change);
    return 0;
}

static int exclusive_write(const struct cgroup_io *io, char *text)
{
    struct cpu_mask mask;
    int result = cpuset_parse(io, text, false, &mask);
    if (result)
        return result;
    struct cpuset_css trial = *cpuset(io);
    trial.exclusive = mask;
    if (cpu_mask_equal(&mask, &cpuset(io)->exclusive))
        return 0;
    if (conflicts(cpuset(io), &trial))
        return -EINVAL;
    struct cpuset_css *set = cpuset(io);
    const struct cpu_mask before = effective_exclusive(set);
    struct change change = {.what = WROTE_EXCLUSIVE, .before = *own_cpus(set)};
    bool valid = takes_alone(set);
    set->exclusive = mask;
    const struct cpu_mask after = effective_exclusive(set);
    change.force = !cpu_mask_equal(&before, &after);
    if (valid || change.force || set->partition != PARTITION_MEMBER)
        update_after(io, change);
    return 0;
}

static int exclusive_effective_read(const struct cgroup_io *io, struct strbuf *out)
{
    struct cpu_mask mask = effective_exclusive(cpuset(io));
    cpu_mask_print(&mask, out);
    return 0;
}

static int isolated_read(const struct cgroup_io *io, struct strbuf *out)
{
    struct cpu_mask isolated = {{0}};
    struct cgroup *top = io->cgroup;
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        const struct cpuset_css *set = cpuset_of(at->css[SUBSYS_CPUSET]);
        if (set && set->partition == PARTITION_ISOLATED && is_partition(set)) {
            struct cpu_mask own = claim(set);
            isolated = cpu_mask_or(&isolated, &own);
        }
    }
    cpu_mask_print(&isolated, out);
    return 0;
}

static int partition_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cpuset_css *set = cpuset(io);
    const char *reason = partition_errors[set->partition_error];
    if (set->partition_error == PARTITION_CPUS_EMPTY && !cgroup_since(io->cgroup, KERNEL_6_12))
        reason = "cpuset.cpus is empty";
    strbuf_add(out, partition_names[set->partition]);
    if (set->partition != PARTITION_MEMBER && set->partition_error)
        strbuf_addf(out, " invalid (%s)", reason);
    strbuf_add(out, "\n");
    return 0;
}

static int partition_write(const struct cgroup_io *io, char *text)
{
    text = text_strip(text);
    for (size_t i = 0; i < ARRAY_SIZE(partition_names); i++) {
        if (strcmp(partition_names[i], text))
            continue;
        struct cpuset_css *set = cpuset(io);
        /* Since 6.12 an invalid one is tried anew. */
        if (set->partition == i && (set->partition_error == PARTITION_VALID ||
                                       !cgroup_since(io->cgroup, KERNEL_6_12)))
            return 0;
        bool stays = set->partition != PARTITION_MEMBER && i != PARTITION_MEMBER &&
                     set->partition_error != PARTITION_VALID;
        set->partition = (enum cpuset_partition)i;
        /* Before 6.12 what is invalid is not tried anew by another kind. */
        if (stays && !cgroup_since(io->cgroup, KERNEL_6_12))
            return 0;
        set->partition_error = PARTITION_VALID;
        const struct change change = {
            .written = io->cgroup,
            .what = WROTE_PARTITION,
            .unprivileged = io->caller->uid != 0,
            .force = i == PARTITION_MEMBER,
        };
        update_below(io->cgroup->parent->css[SUBSYS_CPUSET] ? io->cgroup->parent : io->cgroup,
            &change);
        cgroup_file_raise(io->cgroup, io->file);
        return 0;
    }
    return -EINVAL;
}

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

#define SET_FIELD(member) ((intptr_t)offsetof(struct cpuset_css, member))

#define PARTITION_FILE 4

static const struct cgroup_file files[] = {
    {"cpuset.cpus", ON_CHILD, FILE_V2, 0644, mask_read, set_write, NULL, SET_FIELD(cpus),
        cpuset_cpus_write_max},
    {"cpuset.mems", ON_CHILD, FILE_V2, 0644, mask_read, set_write, NULL, SET_FIELD(mems),
        cpuset_mems_write_max},
    {"cpuset.cpus.effective", ON_BOTH, FILE_V2, 0444, mask_read, NULL, NULL, SET_FIELD(effective),
        0},
    {"cpuset.mems.effective", ON_BOTH, FILE_V2, 0444, mask_read, NULL, NULL,
        SET_FIELD(effective_mems), 0},
    [PARTITION_FILE] = {"cpuset.cpus.partition", ON_CHILD, FILE_V2 | FILE_EVENTS, 0644,
        partition_read, partition_write, NULL, 0, 0},
    {"cpuset.cpus.exclusive", ON_CHILD, FILE_V2, 0644, mask_read, exclusive_write, since_6_12,
        SET_FIELD(exclusive), cpuset_cpus_write_max},
    {"cpuset.cpus.exclusive.effective", ON_CHILD, FILE_V2, 0444, exclusive_effective_read, NULL,
        since_6_12, 0, 0},
    {"cpuset.cpus.isolated", ON_ROOT, FILE_V2, 0444, isolated_read, NULL, since_6_12, 0, 0},
};

static const struct cgroup_file *const partition_file = &files[PARTITION_FILE];

const struct cgroup_controller cgroup_controller_cpuset = {
    .name = "cpuset",
    .legacy_name = "cpuset",
    .subsys = SUBSYS_CPUSET,
    .versions = FILE_ANY,
    .threaded = true,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .legacy_files = cpuset_files_v1,
    .css_size = sizeof(struct cpuset_css),
    .init = cpuset_init,
    .can_attach = cpuset_can_attach,
};
