/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long random sequences on a v2 and on a v1 tree, with open files that outlive their cgroups: what
 * the model keeps as counts must be what counting yields. Runs under the sanitizers of the debug
 * build.
 */
#include "cgroup_fixture.h"

#include <fcntl.h>
#include <signal.h>

#include "fakes/kernel/cgroup_internal.h"

#define STEPS 20000
#define PROCESSES 12
#define OPENS 16

struct chaos {
    struct world world;
    uint64_t state;
    bool v2;
    struct process *processes[PROCESSES];
    struct cgroup_open *opens[OPENS];
};

static unsigned draw(struct chaos *chaos, unsigned bound)
{
    chaos->state ^= chaos->state << 13;
    chaos->state ^= chaos->state >> 7;
    chaos->state ^= chaos->state << 17;
    return (unsigned)(chaos->state % bound);
}

static const char *const places[] = {"a", "a/b", "a/b/c", "a/d", "e", "e/f", "e/f/g", ""};
static const char *place(struct chaos *chaos)
{
    return places[draw(chaos, ARRAY_SIZE(places))];
}

static const char *const writes_v2[][2] = {
    {"cgroup.freeze", "1"}, {"cgroup.freeze", "0"}, {"cgroup.kill", "1"},
    {"cgroup.type", "threaded"}, {"cgroup.subtree_control", "+memory +pids"},
    {"cgroup.subtree_control", "-memory"}, {"cgroup.subtree_control", "+cpu +cpuset -pids"},
    {"cgroup.subtree_control", "-cpu -cpuset"}, {"cgroup.max.descendants", "3"},
    {"cgroup.max.descendants", "max"}, {"pids.max", "3"}, {"pids.max", "max"},
    {"memory.max", "8M"}, {"memory.max", "max"}, {"memory.oom.group", "1"}, {"cpu.max", "20000"},
    {"cpuset.cpus", "1"}, {"cpuset.cpus.partition", "root"}, {"cgroup.pressure", "0"},
    {"cgroup.pressure", "1"}, {"memory.reclaim", "1M"},
};
static const char *const writes_v1[][2] = {
    {"freezer.state", "FROZEN"}, {"freezer.state", "THAWED"}, {"notify_on_release", "1"},
    {"cgroup.clone_children", "1"},
};

static int slot_of(struct chaos *chaos)
{
    return (int)draw(chaos, PROCESSES);
}

static bool dead(const struct process *process)
{
    return process->state == PROCESS_ZOMBIE || process->ending;
}

/* Zombies and the reaped are forgotten: init has taken them. */
static void forget_dead(struct chaos *chaos)
{
    for (int i = 0; i < PROCESSES; i++)
        if (chaos->processes[i] && (chaos->processes[i]->reaped || dead(chaos->processes[i])))
            chaos->processes[i] = NULL;
}

static void step_process(struct chaos *chaos)
{
    struct world *world = &chaos->world;
    int slot = slot_of(chaos);
    struct process *process = chaos->processes[slot];
    struct process *parent = chaos->processes[slot_of(chaos)];
    struct task *thread;
    char path[64];
    forget_dead(chaos);
    process = chaos->processes[slot];
    if (!process) {
        if (parent && (parent->reaped || dead(parent)))
            parent = NULL;
        if (process_fork(world->kernel, parent, 0, &chaos->processes[slot]))
            chaos->processes[slot] = NULL;
        return;
    }
    switch (draw(chaos, 6)) {
    case 0:
        process_signal(process, SIGKILL);
        break;
    case 1:
        if (process->tasks.next->next == &process->tasks)
            process_thread(process, &thread);
        break;
    case 2:
        process_allocate(process, (draw(chaos, 6) + 1) << 20);
        break;
    case 3:
        process_release_memory(process, process->resident_bytes);
        break;
    default:
        snprintf(path, sizeof(path), "%s/%s", place(chaos),
            chaos->v2 && draw(chaos, 4) == 0 ? "cgroup.threads" : "cgroup.procs");
        move(world, *path == '/' ? path + 1 : path, process);
        break;
    }
}

static void step_open(struct chaos *chaos)
{
    static const char *const files[] = {
        "cgroup.events", "cgroup.procs", "pids.max", "memory.events", "tasks", "cpu.pressure"};
    struct cgroup_open **open = &chaos->opens[draw(chaos, OPENS)];
    struct cgroup_node node;
    char buffer[64];
    if (!*open) {
        const char *file = files[draw(chaos, ARRAY_SIZE(files))];
        if (!cgroup_node_find(chaos->world.root, place(chaos), file, &cgroup_caller_root, &node))
            cgroup_file_open(&node, O_RDWR, &cgroup_caller_root, open);
        return;
    }
    switch (draw(chaos, 4)) {
    case 0:
        cgroup_open_close(*open);
        *open = NULL;
        break;
    case 1:
        cgroup_open_pread(*open, buffer, sizeof(buffer), draw(chaos, 4));
        break;
    case 2:
        cgroup_open_write(*open, "some 1 1000000", 14, &cgroup_caller_root);
        break;
    default:
        cgroup_open_poll(*open);
        break;
    }
}

static void step_tree(struct chaos *chaos)
{
    struct world *world = &chaos->world;
    const char *at = place(chaos);
    char path[64];
    if (draw(chaos, 3) == 0) {
        if (*at)
            drop(world, at);
    } else if (draw(chaos, 2)) {
        if (*at)
            make(world, at);
    } else {
        const char *const *write = chaos->v2 ? writes_v2[draw(chaos, ARRAY_SIZE(writes_v2))]
                                             : writes_v1[draw(chaos, ARRAY_SIZE(writes_v1))];
        snprintf(path, sizeof(path), "%s/%s", at, write[0]);
        put(world, *at ? path : path + 1, write[1]);
    }
}

/* ---------------------------------------------------------------------- what must hold */

struct counted {
    unsigned tasks;
    unsigned settled;
    unsigned children;
    unsigned populated_children;
    unsigned descendants;
    unsigned frozen_descendants;
};

static struct counted count(struct cgroup *cgroup)
{
    struct counted counted = {0};
    list_for_each(node, &cgroup->tasks) {
        const struct task *task = cgroup_task_at(cgroup, node);
        assert_false(task->dead);
        assert_ptr_equal(task->cgroups[cgroup->root->index], cgroup);
        counted.tasks++;
        counted.settled += task->settled_v2;
    }
    list_for_each(node, &cgroup->children) {
        struct cgroup *child = list_entry(node, struct cgroup, sibling);
        assert_ptr_equal(child->parent, cgroup);
        counted.children++;
        counted.populated_children += cgroup_is_populated(child);
    }
    for (struct cgroup *at = cgroup_next(cgroup, cgroup); at; at = cgroup_next(cgroup, at)) {
        counted.descendants++;
        counted.frozen_descendants += at->frozen;
    }
    return counted;
}

static void check(struct chaos *chaos)
{
    struct cgroup *top = cgroup_root_top(chaos->world.root);
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        struct counted counted = count(at);
        assert_false(at->dead);
        assert_int_equal(at->tasks_count, counted.tasks);
        assert_int_equal(at->children_count, counted.children);
        assert_int_equal(at->populated_children, counted.populated_children);
        assert_int_equal(at->descendants, counted.descendants);
        if (!chaos->v2)
            continue;
        assert_int_equal(at->frozen_descendants, counted.frozen_descendants);
        assert_int_equal(at->frozen_tasks, counted.settled);
        bool frozen = at->parent && at->freeze_effective && counted.settled == counted.tasks &&
                      counted.frozen_descendants == counted.descendants;
        assert_int_equal(at->frozen, frozen);
    }
}

static void run_chaos(uint64_t seed, bool v2)
{
    struct chaos chaos = {.state = seed, .v2 = v2};
    if (v2)
        world_start(&chaos.world, "6.18", CGROUP_LAYOUT_V2, NULL, "");
    else
        world_start(&chaos.world, "6.1", CGROUP_LAYOUT_V1, NULL, "freezer");
    for (int step = 0; step < STEPS; step++) {
        switch (draw(&chaos, 4)) {
        case 0:
            step_process(&chaos);
            break;
        case 1:
            step_open(&chaos);
            break;
        case 2:
            step_tree(&chaos);
            break;
        default:
            if (draw(&chaos, 3) == 0)
                sim_loop_advance(chaos.world.loop, 5 * NS_PER_US * draw(&chaos, 5));
            break;
        }
        if (step % 16 == 0)
            check(&chaos);
    }
    for (int i = 0; i < OPENS; i++)
        cgroup_open_close(chaos.opens[i]);
    settle(&chaos.world);
    check(&chaos);
    world_stop(&chaos.world);
}

static void test_v2(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run_chaos(seed * UINT64_C(0x9e3779b97f4a7c15), true);
}

static void test_v1(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++)
        run_chaos(seed * UINT64_C(0x9e3779b97f4a7c15), false);
}

/* 100,000 cgroups take no more than a few hundred bytes each, and all are found again. */
static void test_many(void **state)
{
    struct world world;
    char path[32];
    (void)state;
    world_start(&world, "6.12", CGROUP_LAYOUT_V2, NULL, "");
    make(&world, "m");
    for (int i = 0; i < 100000; i++) {
        snprintf(path, sizeof(path), "m/c%d", i);
        assert_int_equal(make(&world, path), 0);
    }
    for (int i = 0; i < 100000; i++) {
        snprintf(path, sizeof(path), "m/c%d", i);
        assert_non_null(cgroup_lookup(world.root, path));
        if (i % 2)
            assert_int_equal(drop(&world, path), 0);
    }
    for (int i = 0; i < 100000; i++) {
        snprintf(path, sizeof(path), "m/c%d", i);
        assert_int_equal(cgroup_lookup(world.root, path) != NULL, i % 2 == 0);
    }
    settle(&world);
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_v1),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
