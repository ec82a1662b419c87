/* SPDX-License-Identifier: Apache-2.0 */
/* The memory controller: page counters, limits, OOM, swap, events, v1's registrations. */
#include "cgroup_fixture.h"

#include "fakes/kernel/memory.h"

#include <fcntl.h>
#include <signal.h>

#define MIB UINT64_C(1048576)

static void start_v2(struct world *world, const char *profile)
{
    world_start(world, profile, CGROUP_LAYOUT_V2, NULL, "");
    put(world, "cgroup.subtree_control", "+memory");
    make(world, "m");
    put(world, "m/cgroup.subtree_control", "+memory");
    make(world, "m/o");
}

static struct process *spawn_in(struct world *world, const char *path)
{
    struct process *process = spawn(world);
    assert_int_equal(move(world, path, process), 0);
    return process;
}

static void test_page_counter(void **state)
{
    static const struct write_case cases[] = {
        {"m/memory.max", "1048577", 0, "1048576\n"},
        {"m/memory.max", "1k", 0, "0\n"},
        {"m/memory.max", "2M", 0, "2097152\n"},
        {"m/memory.max", "0x100000", 0, "1048576\n"},
        {"m/memory.max", "010000", 0, "4096\n"},
        {"m/memory.max", "1MB", -EINVAL, "4096\n"},
        {"m/memory.max", "1.5M", -EINVAL, "4096\n"},
        {"m/memory.max", "+4096", -EINVAL, "4096\n"},
        {"m/memory.max", "-1", -EINVAL, "4096\n"},
        {"m/memory.max", "\n", 0, "0\n"}, /* no digits are 0 */
        {"m/memory.max", "16E", 0, "0\n"},
        {"m/memory.max", "8E", 0, "max\n"},
        {"m/memory.max", "99999999999999999999999", 0, "200376420520685568\n"},
        {"m/memory.max", " max \n", 0, "max\n"},
        {"m/memory.min", "4097", 0, "4096\n"},
        {"m/memory.swap.max", "0", 0, "0\n"},
        {"m/memory.oom.group", "2", -EINVAL, "0\n"},
        {"m/memory.current", "0", -EINVAL, "0\n"},
        {"m/memory.reclaim", "4096", -EAGAIN, NULL},
        {"m/memory.reclaim", "0", 0, NULL},
        {"m/memory.reclaim", "1M swappiness=60", -EAGAIN, NULL},
        {"m/memory.reclaim", "1M swappiness=201", -EINVAL, NULL},
        {"m/memory.reclaim", "1M bogus=1", -EINVAL, NULL},
        {"m/memory.reclaim", "\n", -EINVAL, NULL},
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    RUN_WRITES(&world, cases);
    world_stop(&world);
}

static void test_oom_kill(void **state)
{
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    put(&world, "m/o/memory.max", "16M");
    struct process *small = spawn_in(&world, "m/o/cgroup.procs");
    struct process *big = spawn_in(&world, "m/o/cgroup.procs");
    assert_int_equal(process_allocate(small, 4 * MIB), 0);
    assert_int_equal(process_allocate(big, 10 * MIB), 0);
    assert_string_equal(get(&world, "m/memory.current"), "14680064\n");
    /* The bigger one is killed, and the smaller gets what it wants. */
    assert_int_equal(process_allocate(small, 8 * MIB), 0);
    assert_int_equal(big->state, PROCESS_ZOMBIE);
    assert_string_equal(get(&world, "m/o/memory.events"),
        "low 0\nhigh 0\nmax 1\noom 1\noom_kill 1\noom_group_kill 0\n");
    assert_string_equal(get(&world, "m/memory.events"),
        "low 0\nhigh 0\nmax 1\noom 1\noom_kill 1\noom_group_kill 0\n");
    assert_string_equal(get(&world, "m/memory.events.local"),
        "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
    assert_int_equal(process_allocate(small, 32 * MIB), -EINTR);
    assert_string_equal(get(&world, "m/o/memory.current"), "0\n");
    assert_string_equal(get(&world, "m/o/memory.peak"), "16777216\n");
    world_stop(&world);
}

static void test_oom_group(void **state)
{
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    put(&world, "m/o/memory.max", "16M");
    put(&world, "m/o/memory.oom.group", "1");
    struct process *one = spawn_in(&world, "m/o/cgroup.procs");
    struct process *two = spawn_in(&world, "m/o/cgroup.procs");
    struct process *spared = spawn_in(&world, "m/o/cgroup.procs");
    spared->oom_score_adj = -1000;
    assert_int_equal(process_allocate(one, 32 * MIB), -EINTR);
    assert_int_equal(two->state, PROCESS_ZOMBIE);
    assert_int_equal(spared->state, PROCESS_RUNNING);
    /* the victim counts twice */
    assert_string_equal(get(&world, "m/o/memory.events"),
        "low 0\nhigh 0\nmax 1\noom 1\noom_kill 3\noom_group_kill 1\n");
    world_stop(&world);
}

static void test_max_below_usage(void **state)
{
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    struct process *one = spawn_in(&world, "m/o/cgroup.procs");
    struct process *two = spawn_in(&world, "m/o/cgroup.procs");
    process_allocate(one, 16 * MIB);
    process_allocate(two, 4 * MIB);
    assert_int_equal(put(&world, "m/o/memory.max", "12M"), 0);
    assert_int_equal(one->state, PROCESS_ZOMBIE);
    assert_int_equal(two->state, PROCESS_ZOMBIE);
    assert_string_equal(get(&world, "m/o/memory.max"), "12582912\n");
    world_stop(&world);
}

static void test_charges_stay(void **state)
{
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    struct process *process = spawn_in(&world, "m/o/cgroup.procs");
    process_allocate(process, 8 * MIB);
    move(&world, "cgroup.procs", process);
    assert_string_equal(get(&world, "m/o/memory.current"), "8388608\n");
    assert_int_equal(drop(&world, "m/o"), 0);
    settle(&world);
    /* dying until the memory is freed */
    assert_string_equal(get(&world, "m/memory.current"), "8388608\n");
    assert_non_null(strstr(get(&world, "m/cgroup.stat"), "nr_dying_descendants 1\n"));
    process_release_memory(process, 8 * MIB);
    settle(&world);
    assert_string_equal(get(&world, "m/memory.current"), "0\n");
    assert_non_null(strstr(get(&world, "m/cgroup.stat"), "nr_dying_descendants 0\n"));
    world_stop(&world);
}

static void test_high_and_swap(void **state)
{
    struct world world;
    const struct kernel_config config = {
        .profile = "6.12", .layout = CGROUP_LAYOUT_V2, .cpus = 2, .swap_bytes = 64 * MIB};
    (void)state;
    world.loop = sim_loop_new(0);
    world.kernel = kernel_new(world.loop, &config);
    world.root = cgroup_root_find(world.kernel, "");
    put(&world, "cgroup.subtree_control", "+memory");
    make(&world, "m");
    struct process *process = spawn_in(&world, "m/cgroup.procs");
    put(&world, "m/memory.high", "8M");
    assert_int_equal(process_allocate(process, 12 * MIB), 0);
    assert_string_equal(get(&world, "m/memory.current"), "8388608\n");
    assert_string_equal(get(&world, "m/memory.swap.current"), "4194304\n");
    assert_non_null(strstr(get(&world, "m/memory.events"), "high 1\n"));
    put(&world, "m/memory.swap.max", "4M");
    put(&world, "m/memory.max", "8M");
    assert_int_equal(process_allocate(process, 4 * MIB), -EINTR);
    assert_string_equal(get(&world, "m/memory.swap.current"), "0\n");
    world_stop(&world);
}

static void test_peak_of_an_open_file(void **state)
{
    struct world world;
    struct cgroup_node node;
    struct cgroup_open *open;
    char text[32] = "";
    (void)state;
    start_v2(&world, "6.12");
    struct process *process = spawn_in(&world, "m/o/cgroup.procs");
    process_allocate(process, 8 * MIB);
    process_release_memory(process, 8 * MIB);
    cgroup_node_find(world.root, "m/o", "memory.peak", &cgroup_caller_root, &node);
    assert_int_equal(cgroup_file_open(&node, O_RDWR, &cgroup_caller_root, &open), 0);
    assert_int_equal(cgroup_open_write(open, "x", 1, &cgroup_caller_root), 1);
    process_allocate(process, 2 * MIB);
    assert_true(cgroup_open_pread(open, text, sizeof(text), 0) > 0);
    assert_memory_equal(text, "2097152\n", 8);
    assert_string_equal(get(&world, "m/o/memory.peak"), "8388608\n");
    cgroup_open_close(open);
    world_stop(&world);
    start_v2(&world, "6.1");
    assert_int_equal(put(&world, "m/o/memory.peak", "x"), -EINVAL);
    world_stop(&world);
}

static void test_v1_values(void **state)
{
    static const struct write_case cases[] = {
        {"m/memory.limit_in_bytes", "16M", 0, "16777216\n"},
        {"m/memory.limit_in_bytes", "-2", -EINVAL, "16777216\n"},
        {"m/memory.limit_in_bytes", "max", -EINVAL, "16777216\n"},
        {"memory.limit_in_bytes", "1G", -EINVAL, "9223372036854771712\n"},
        {"memory.soft_limit_in_bytes", "1G", 0, "1073741824\n"},
        {"m/memory.memsw.limit_in_bytes", "8M", -EINVAL, "9223372036854771712\n"},
        {"m/memory.memsw.limit_in_bytes", "16M", 0, "16777216\n"},
        {"m/memory.limit_in_bytes", "32M", -EINVAL, "16777216\n"},
        {"m/memory.memsw.limit_in_bytes", "-1", 0, "9223372036854771712\n"},
        {"m/memory.limit_in_bytes", "-1", 0, "9223372036854771712\n"},
        {"m/memory.kmem.limit_in_bytes", "16M", 0, "9223372036854771712\n"},
        {"m/memory.kmem.tcp.limit_in_bytes", "16M", 0, "16777216\n"},
        {"m/memory.swappiness", "201", -EINVAL, "60\n"},
        {"m/memory.use_hierarchy", "0", -EINVAL, "1\n"},
        {"m/memory.move_charge_at_immigrate", "3", 0, "3\n"},
        {"m/memory.move_charge_at_immigrate", "4", -EINVAL, "3\n"},
        {"m/memory.failcnt", "anything", 0, "0\n"},
        {"m/memory.force_empty", "x", 0, NULL},
        {"memory.force_empty", "0", -EINVAL, NULL},
        {"memory.oom_control", "1", -EINVAL, NULL},
        {"m/memory.oom_control", "2", -EINVAL, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"},
    };
    struct world world;
    (void)state;
    world_start(&world, "6.1", CGROUP_LAYOUT_V1, NULL, "memory");
    make(&world, "m");
    RUN_WRITES(&world, cases);
    struct process *process = spawn_in(&world, "m/tasks");
    process_allocate(process, 8 * MIB);
    assert_int_equal(put(&world, "m/memory.limit_in_bytes", "4M"), -EBUSY);
    assert_string_equal(get(&world, "m/memory.limit_in_bytes"), "9223372036854771712\n");
    world_stop(&world);
}

static void count(void *arg, int result, uint64_t times)
{
    (void)result;
    *(uint64_t *)arg += times;
}

static struct cgroup_notify *listen_to(
    struct world *world, const char *file, const char *arguments, uint64_t *fired)
{
    struct cgroup_notify *notify = NULL;
    *fired = 0;
    assert_int_equal(
        cgroup_event_listen(world->root, "m", file, arguments, count, fired, &notify), 0);
    return notify;
}

static void test_v1_events(void **state)
{
    static const struct {
        const char *file;
        const char *arguments;
    } bad[] = {{"memory.stat", "4096"}, {"memory.usage_in_bytes", "abc"},
        {"memory.pressure_level", "default"}, {"memory.pressure_level", "low,bogus"},
        {"memory.pressure_level", ""}};
    struct world world;
    uint64_t usage, oom, gone;
    struct cgroup_notify *notify;
    (void)state;
    world_start(&world, "6.1", CGROUP_LAYOUT_V1, NULL, "memory");
    make(&world, "m");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(cgroup_event_listen(world.root, "m", bad[i].file, bad[i].arguments, count,
                             &usage, &notify), -EINVAL);
    struct cgroup_notify *first = listen_to(&world, "memory.usage_in_bytes", "8M", &usage);
    struct cgroup_notify *second = listen_to(&world, "memory.oom_control", "", &oom);
    struct cgroup_notify *third = listen_to(&world, "memory.pressure_level", "low,local", &gone);
    struct process *process = spawn_in(&world, "m/tasks");
    process_allocate(process, 8 * MIB); /* reaches it */
    process_release_memory(process, 8 * MIB);
    settle(&world);
    assert_int_equal(usage, 2);
    put(&world, "m/memory.limit_in_bytes", "4M");
    assert_int_equal(process_allocate(process, 8 * MIB), -EINTR);
    settle(&world);
    assert_int_equal(oom, 1);
    uint64_t before = gone;
    drop(&world, "m");
    settle(&world);
    assert_int_equal(usage, 3);
    assert_int_equal(gone, before + 1);
    cgroup_notify_stop(first);
    cgroup_notify_stop(second);
    cgroup_notify_stop(third);
    world_stop(&world);
}

static void retry(struct process *process, void *arg)
{
    *(int *)arg = process_allocate(process, 8 * MIB);
}

static void test_v1_oom_disabled(void **state)
{
    struct world world;
    int result = 1;
    (void)state;
    world_start(&world, "6.1", CGROUP_LAYOUT_V1, NULL, "memory");
    make(&world, "m");
    put(&world, "m/memory.limit_in_bytes", "4M");
    put(&world, "m/memory.oom_control", "1");
    struct process *process = spawn_in(&world, "m/tasks");
    assert_false(cgroup_oom_wait(process, retry, &result));
    assert_int_equal(process_allocate(process, 8 * MIB), -ENOMEM);
    assert_string_equal(
        get(&world, "m/memory.oom_control"), "oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
    assert_true(cgroup_oom_wait(process, retry, &result));
    settle(&world);
    assert_int_equal(result, 1);
    put(&world, "m/memory.limit_in_bytes", "64M");
    settle(&world);
    assert_int_equal(result, 0);
    assert_string_equal(
        get(&world, "m/memory.oom_control"), "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n");
    world_stop(&world);
}

/* What the cgroup of its child costs is more than a limit of 0: nobody below survives that. */
static void test_max_below_children(void **state)
{
    struct world world;
    (void)state;
    world_start(&world, "6.1", CGROUP_LAYOUT_V2, NULL, "");
    put(&world, "cgroup.subtree_control", "+memory");
    make(&world, "a");
    put(&world, "a/cgroup.subtree_control", "+memory");
    make(&world, "a/c");
    move(&world, "a/c/cgroup.procs", spawn(&world));
    assert_int_equal(put(&world, "a/c/memory.max", "0"), 0); /* costs itself nothing */
    assert_string_equal(get(&world, "a/c/cgroup.events"), "populated 1\nfrozen 0\n");
    assert_int_equal(put(&world, "a/memory.max", "0"), 0);
    assert_string_equal(get(&world, "a/c/cgroup.events"), "populated 0\nfrozen 0\n");
    world_stop(&world);
}

static void note_time(struct process *process, void *arg)
{
    *(uint64_t *)arg = loop_now_ns(process->kernel->loop);
}

/* Above memory.high one sleeps for each batch of 64 pages, by the square of how far it is above. */
static void test_high_stalls(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *later; /* memory.high, a second after */
        uint64_t least_ns, most_ns;
    } cases[] = {
        {8 * MIB, NULL, 0, 0},
        /* 1/32 above: 1/16 s, 2/32: 1/4 s */
        {8 * MIB + 512 * 1024, NULL, 312500000, 312500000},
        {9 * MIB + 512 * 1024, NULL, 5437500000, 5437500000},
        {9 * MIB + 512 * 1024, "max", 1000000000, 2000000000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world;
        uint64_t end_ns = 0;
        start_v2(&world, "6.12");
        put(&world, "m/o/memory.high", "8M");
        struct process *process = spawn_in(&world, "m/o/cgroup.procs");
        assert_int_equal(process_allocate(process, cases[i].bytes), 0);
        assert_int_equal(
            cgroup_memory_stall(process, note_time, &end_ns), cases[i].most_ns > 0);
        sim_loop_advance(world.loop, NS_PER_SEC);
        if (cases[i].later)
            put(&world, "m/o/memory.high", cases[i].later);
        sim_loop_advance(world.loop, 10 * NS_PER_SEC);
        assert_in_range(end_ns, cases[i].least_ns, cases[i].most_ns);
        char total[64];
        snprintf(total, sizeof(total), "total=%llu\n", (unsigned long long)end_ns / 1000);
        assert_non_null(strstr(get(&world, "m/o/memory.pressure"), total));
        world_stop(&world);
    }
}

/* Who dies in that sleep is forgotten. */
static void test_high_stall_ends_with_its_process(void **state)
{
    struct world world;
    uint64_t end_ns = 0;
    (void)state;
    start_v2(&world, "6.12");
    put(&world, "m/o/memory.high", "1M");
    struct process *process = spawn_in(&world, "m/o/cgroup.procs");
    assert_int_equal(process_allocate(process, 8 * MIB), 0);
    assert_true(cgroup_memory_stall(process, note_time, &end_ns));
    process_signal(process, SIGKILL);
    sim_loop_advance(world.loop, 30 * NS_PER_SEC);
    assert_int_equal(end_ns, 0);
    world_stop(&world);
}

/* What a parent protects and no child asks for protects children by what they use; without the
 * mount option it protects nobody. */
static void test_recursive_protection(void **state)
{
    static const char *const options[] = {NULL, "no-recursiveprot"};
    static const char *const kept[] = {"3145728\n", "1048576\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        struct world world;
        world_start(&world, "6.12", CGROUP_LAYOUT_V2, options[i], "");
        put(&world, "cgroup.subtree_control", "+memory");
        make(&world, "a");
        put(&world, "a/cgroup.subtree_control", "+memory");
        make(&world, "a/b");
        put(&world, "a/b/cgroup.subtree_control", "+memory");
        make(&world, "a/b/c");
        struct process *process = spawn(&world);
        move(&world, "a/b/c/cgroup.procs", process);
        assert_int_equal(memory_charge_file(process, 4 * MIB), 0);
        put(&world, "a/b/memory.min", "3M");
        put(&world, "a/memory.reclaim", "3M");
        assert_string_equal(get(&world, "a/b/c/memory.current"), kept[i]);
        world_stop(&world);
    }
}

/* Two cgroups full of page cache below one that is squeezed: what each keeps. */
static void test_protection(void **state)
{
    static const struct {
        const char *file;
        const char *kept[2];
        const char *low_events;
    } cases[] = {
        {"a/c/memory.min", {"1048576\n", "0\n"}, "low 0\n"},
        {"a/c/memory.low", {"524288\n", "0\n"}, "low 1\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world;
        world_start(&world, "6.12", CGROUP_LAYOUT_V2, NULL, "");
        put(&world, "cgroup.subtree_control", "+memory");
        make(&world, "a");
        put(&world, "a/cgroup.subtree_control", "+memory");
        for (int child = 0; child < 2; child++) {
            struct process *process = spawn(&world);
            make(&world, child ? "a/d" : "a/c");
            move(&world, child ? "a/d/cgroup.procs" : "a/c/cgroup.procs", process);
            assert_int_equal(memory_charge_file(process, 1048576), 0);
        }
        assert_int_equal(put(&world, cases[i].file, "1M"), 0);
        put(&world, "a/memory.reclaim", "1572864");
        assert_string_equal(get(&world, "a/c/memory.current"), cases[i].kept[0]);
        assert_string_equal(get(&world, "a/d/memory.current"), cases[i].kept[1]);
        assert_non_null(strstr(get(&world, "a/c/memory.events"), cases[i].low_events));
        world_stop(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protection),
        cmocka_unit_test(test_high_stalls),
        cmocka_unit_test(test_high_stall_ends_with_its_process),
        cmocka_unit_test(test_recursive_protection),
        cmocka_unit_test(test_max_below_children),
        cmocka_unit_test(test_page_counter),
        cmocka_unit_test(test_oom_kill),
        cmocka_unit_test(test_oom_group),
        cmocka_unit_test(test_max_below_usage),
        cmocka_unit_test(test_charges_stay),
        cmocka_unit_test(test_high_and_swap),
        cmocka_unit_test(test_peak_of_an_open_file),
        cmocka_unit_test(test_v1_values),
        cmocka_unit_test(test_v1_events),
        cmocka_unit_test(test_v1_oom_disabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
