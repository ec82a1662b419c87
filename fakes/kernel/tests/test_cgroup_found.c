/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of v2 that `seatrial cgroupfs-fuzz --hierarchy v2` found on real kernels: each row is the
 * last of a short sequence of operations, as the fuzzer printed it.
 */
#include "cgroup_fixture.h"

#define STEPS_MAX 6

struct step {
    const char *path;
    const char *data; /* written; NULL: a cgroup is made */
    int result;
};
struct found {
    const char *what;
    const char *profile;
    struct step steps[STEPS_MAX];
    const char *read; /* a file; NULL: nothing is read at the end */
    const char *content;
};

static const struct found all[] = {
    {"a blank of a trigger stands for none, too", "6.12",
        {{"a/cpu.pressure", "some150000 2000000", 0}, {"a/cpu.pressure", "some 1x 2", -EINVAL}},
        NULL, NULL},
    {"a child's memory is charged to its parent", "6.12",
        {{"a/cgroup.subtree_control", "+memory", 0}, {"a/memory.max", "8192", 0},
            {"a/c", NULL, -ENOMEM}, {"a/memory.max", "12288", 0}, {"a/c", NULL, 0},
            {"a/d", NULL, -ENOMEM}},
        "a/memory.events.local",
        "low 0\nhigh 0\nmax 36\noom 2\noom_kill 0\noom_group_kill 0\n"},
    {"it was less before", "6.1",
        {{"a/cgroup.subtree_control", "+memory", 0}, {"a/memory.max", "8192", 0},
            {"a/c", NULL, 0}, {"a/d", NULL, -ENOMEM}},
        NULL, NULL},
    {"children without the controller cost nothing", "6.12",
        {{"a/memory.max", "0", 0}, {"a/c", NULL, 0}}, "a/memory.max", "0\n"},
    {"what cgroup.pressure hides keeps its name", "6.1",
        {{"a/cgroup.pressure", "0", 0}, {"a/io.pressure", NULL, -EEXIST}}, NULL, NULL},
    {"a cgroup may have taken a file's name", "6.12",
        {{"a/c", NULL, 0}, {"a/c/misc.max", NULL, 0},
            {"a/cgroup.subtree_control", "+misc", -EEXIST}},
        "a/cgroup.subtree_control", ""},
    {"no amount is as good as max", "6.12",
        {{"a/rdma.max", "d hca_handle=", -ENODEV}, {"a/rdma.max", "d hca_handle=2a", -ENODEV},
            {"a/rdma.max", "d hca_handle=ma", -ENODEV},
            {"a/rdma.max", "d hca_handle=maxx", -EINVAL},
            {"a/rdma.max", "d hca_handle=a2", -EINVAL}},
        NULL, NULL},
    {"32 bits are told before what follows", "6.1",
        {{"a/cpuset.cpus", "18446744073709x551615", -EOVERFLOW}}, NULL, NULL},
    {"a partition of nothing, before 6.12", "6.1", {{"a/cpuset.cpus.partition", "root", 0}},
        "a/cpuset.cpus.partition", "root invalid (cpuset.cpus is empty)\n"},
    {"a partition of nothing", "6.12", {{"a/cpuset.cpus.partition", "isolated", 0}},
        "a/cpuset.cpus.partition",
        "isolated invalid (cpuset.cpus and cpuset.cpus.exclusive are empty)\n"},
    {"partitions below a parent that is written hear of it", "6.1",
        {{"a/cgroup.subtree_control", "+cpuset", 0}, {"a/c", NULL, 0},
            {"a/c/cpuset.cpus.partition", "root", 0},
            {"a/cpuset.cpus.partition", "isolated", 0}},
        "a/c/cpuset.cpus.partition", "root invalid (Parent is an invalid partition root)\n"},
    {"CPUs that come later change no reason while the parent is no partition", "6.1",
        {{"a/cgroup.subtree_control", "+cpuset", 0}, {"a/c", NULL, 0},
            {"a/c/cpuset.cpus.partition", "root", 0}, {"a/c/cpuset.cpus", "1", 0}},
        "a/c/cpuset.cpus.partition", "root invalid (cpuset.cpus is empty)\n"},
    {"nor when the parent's stay the same", "6.1",
        {{"a/cgroup.subtree_control", "+cpuset", 0}, {"a/c", NULL, 0},
            {"a/c/cpuset.cpus.partition", "root", 0}, {"a/cpuset.cpus", "0 1", 0}},
        "a/c/cpuset.cpus.partition", "root invalid (cpuset.cpus is empty)\n"},
    {"siblings come before the parent", "6.1",
        {{"a/cgroup.subtree_control", "+cpuset", 0}, {"a/c", NULL, 0}, {"a/d", NULL, 0},
            {"a/c/cpuset.cpus", "0", 0}, {"a/d/cpuset.cpus", "0", 0},
            {"a/c/cpuset.cpus.partition", "root", 0}},
        "a/c/cpuset.cpus.partition",
        "root invalid (Cpu list in cpuset.cpus not exclusive)\n"},
    {"nor since then", "6.12",
        {{"a/cgroup.subtree_control", "+cpuset", 0}, {"a/c", NULL, 0},
            {"a/c/cpuset.cpus.partition", "root", 0}, {"a/c/cpuset.cpus", "0", 0}},
        "a/c/cpuset.cpus.partition",
        "root invalid (cpuset.cpus and cpuset.cpus.exclusive are empty)\n"},
    {"exclusive CPUs leave siblings something", "6.12",
        {{"b", NULL, 0}, {"a/cpuset.cpus", "0-1", 0},
            {"b/cpuset.cpus.exclusive", "all", -EINVAL}},
        "b/cpuset.cpus.exclusive", "\n"},
    {"nodes are not written while they do not", "6.12",
        {{"b", NULL, 0}, {"b/cpuset.cpus.exclusive", "0-1", 0}, {"a/cpuset.cpus", "0-1", 0},
            {"b/cpuset.mems", "0", -EINVAL}},
        "b/cpuset.mems", "\n"},
};

static int take(struct world *world, const struct step *step)
{
    if (step->data)
        return put(world, step->path, step->data);
    return cgroup_mkdir(cgroup_root_find(world->kernel, ""), step->path, 0755,
        &cgroup_caller_root);
}

static void test_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct world world;
        world_start(&world, all[i].profile, CGROUP_LAYOUT_V2, NULL, "");
        assert_int_equal(put(&world, "cgroup.subtree_control",
                             "+cpuset +cpu +io +memory +hugetlb +pids +rdma +misc"), 0);
        make(&world, "a");
        for (const struct step *step = all[i].steps; step->path; step++) {
            int result = take(&world, step);
            if (result != step->result)
                fail_msg("%s: %s: %d, expected %d", all[i].what, step->path, result,
                    step->result);
            if (step == &all[i].steps[STEPS_MAX - 1])
                break;
        }
        if (all[i].read)
            assert_string_equal(get(&world, all[i].read), all[i].content);
        world_stop(&world);
    }
}

/* Builds have BPF's security module, whose hook answered for the check of capabilities. */
static void test_xattr_of_security(void **state)
{
    static const struct {
        const char *profile;
        int result;
    } cases[] = {{"6.1", 0}, {"6.12", -EPERM}, {"6.18", -EPERM}};
    const struct cgroup_caller user = {.uid = 1000, .gid = 1000};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world;
        struct cgroup_node node;
        world_start(&world, cases[i].profile, CGROUP_LAYOUT_V2, NULL, "");
        make(&world, "a");
        assert_int_equal(cgroup_node_lookup(cgroup_root_find(world.kernel, ""), "a", &user, &node),
            0);
        assert_int_equal(cgroup_node_xattr_set(&node, "security.x", "1", 1, 0, &user),
            cases[i].result);
        world_stop(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_xattr_of_security),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
