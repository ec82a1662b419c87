/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioner on a simulated host: what scenarios can't see or say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/tests/sim_fixture.h"
#include "reference/provisioner/provisioner.h"

#define WORK "/var/lib/mesos"
#define IMAGES "/images"

struct answer {
    unsigned count;
    int result;
    bool value;
    char *rootfs;
    char *text;
};

struct world {
    struct sim_fixture sim;
    struct flags flags;
    struct provisioner *provisioner;
};

static void provisioner_start(struct world *world)
{
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(
        image_provisioner_new(world->sim.host, &world->flags, &world->provisioner, &err), 0);
}

static void world_start(struct world *world, const char *backend)
{
    *world = (struct world){0};
    sim_fixture_init(&world->sim, CGROUP_LAYOUT_V2);
    flags_init(&world->flags);
    str_set(&world->flags.work_dir, WORK);
    str_set(&world->flags.isolation, "filesystem/linux,docker/runtime");
    str_set(&world->flags.image_providers, "Docker,ROOTFS");
    flags_set(&world->flags, "docker_registry", IMAGES, NULL);
    flags_set(&world->flags, "docker_store_dir", "/store", NULL);
    flags_set(&world->flags, "image_provisioner_backend", backend, NULL);
    assert_int_equal(vfs_mkdir(world->sim.kernel->vfs, IMAGES "/tree", 0755, true), 0);
    provisioner_start(world);
}

static void world_end(struct world *world)
{
    provisioner_free(world->provisioner);
    flags_release(&world->flags);
    sim_fixture_release(&world->sim);
}

static void noted(void *arg, int result, const struct err *err)
{
    struct answer *answer = arg;
    answer->count++;
    answer->result = result;
    str_set(&answer->text, result < 0 ? err_text(err) : NULL);
}

static void provisioned(void *arg, int result, const void *value, const struct err *err)
{
    const struct provision_info *info = value;
    struct answer *answer = arg;
    noted(arg, result, err);
    str_set(&answer->rootfs, result == 0 ? info->rootfs : NULL);
}

static void destroyed(void *arg, int result, const void *value, const struct err *err)
{
    noted(arg, result, err);
    if (result == 0)
        ((struct answer *)arg)->value = *(const bool *)value;
}

static void settled(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    noted(arg, result, err);
}

static void answer_release(struct answer *answer)
{
    free(answer->rootfs);
    free(answer->text);
    *answer = (struct answer){0};
}

static void provision(struct world *world, const char *id, const char *type, const char *name,
    struct answer *answer)
{
    const struct image image = {
        .type = (char *)(uintptr_t)type, .name = (char *)(uintptr_t)name, .cached = true};
    answer_release(answer);
    provisioner_provision(world->provisioner, id, &image, DONE(provisioned, answer));
}

static bool destroy(struct world *world, const char *id)
{
    struct answer answer = {0};
    provisioner_destroy(world->provisioner, id, DONE(destroyed, &answer));
    sim_fixture_run(&world->sim, 1000);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.result, 0);
    return answer.value;
}

static bool exists(const struct world *world, const char *path)
{
    return vfs_info(world->sim.kernel->vfs, path, false, NULL) == 0;
}

/* PV-28, MESOS-6000: 64 layers with long names fit into one page of mount options. */
static void test_many_layers(void **state)
{
    (void)state;
    struct world world;
    struct answer answer = {0};
    struct strbuf text = STRBUF_INIT;
    world_start(&world, "overlay");
    strbuf_add(&text, "{\"entries\":[");
    for (int i = 0; i < 64; i++) {
        strbuf_addf(&text,
            "{\"path\":\"%064d/layer.tar\",\"type\":\"f\",\"text\":"
            "\"{\\\"entries\\\":[{\\\"path\\\":\\\"dir%d\\\",\\\"type\\\":\\\"d\\\"}]}\"},",
            i, i);
        if (i == 0)
            strbuf_addf(&text, "{\"path\":\"%064d/json\",\"type\":\"f\",\"text\":\"{}\"},", i);
        else
            strbuf_addf(&text,
                "{\"path\":\"%064d/json\",\"type\":\"f\",\"text\":"
                "\"{\\\"parent\\\":\\\"%064d\\\"}\"},",
                i, i - 1);
    }
    strbuf_addf(&text,
        "{\"path\":\"repositories\",\"type\":\"f\",\"text\":"
        "\"{\\\"abc\\\":{\\\"latest\\\":\\\"%064d\\\"}}\"}]}", 63);
    vfs_write(world.sim.kernel->vfs, IMAGES "/abc.tar", text.text, text.length, 0644, false);
    strbuf_release(&text);
    provision(&world, "c1", "DOCKER", "abc", &answer);
    sim_fixture_run(&world.sim, 1000);
    assert_int_equal(answer.result, 0);
    _cleanup_free_ char *first = str_printf("%s/dir0", answer.rootfs);
    _cleanup_free_ char *last = str_printf("%s/dir63", answer.rootfs);
    assert_true(exists(&world, first) && exists(&world, last));
    assert_true(destroy(&world, "c1"));
    answer_release(&answer);
    world_end(&world);
}

/* PV-35, PV-37, PR-01a: two roots of one container, also over a restart, go with one destroy. */
static void test_twice(void **state)
{
    (void)state;
    struct world world;
    struct answer answers[2] = {0};
    struct answer recovered = {0};
    char *const known[] = {(char *)(uintptr_t)"c1", NULL};
    world_start(&world, "bind");
    provision(&world, "c1", "ROOTFS", "tree", &answers[0]);
    provisioner_free(world.provisioner);
    provisioner_start(&world);
    provisioner_recover(world.provisioner, known, DONE(settled, &recovered));
    assert_int_equal(recovered.result, 0);
    provision(&world, "c1", "ROOTFS", IMAGES "/tree", &answers[1]);
    assert_int_equal(answers[0].result, 0);
    assert_int_equal(answers[1].result, 0);
    assert_string_not_equal(answers[0].rootfs, answers[1].rootfs);
    assert_true(host_is_mounted(world.sim.host, answers[0].rootfs));
    assert_true(host_is_mounted(world.sim.host, answers[1].rootfs));
    assert_true(destroy(&world, "c1"));
    assert_false(host_is_mounted(world.sim.host, answers[0].rootfs));
    assert_false(host_is_mounted(world.sim.host, answers[1].rootfs));
    assert_false(exists(&world, WORK "/provisioner/containers/c1"));
    assert_false(destroy(&world, "c1"));
    answer_release(&answers[0]);
    answer_release(&answers[1]);
    world_end(&world);
}

/* PV-39, PR-14: p1/c1, p1/c2, p2/c3. */
static void test_listing(void **state)
{
    (void)state;
    struct world world;
    struct answer recovered = {0};
    static const char *const paths[] = {"p1/containers/c1", "p1/containers/c2", "p2/containers/c3"};
    char *known[] = {(char *)(uintptr_t)"p1", (char *)(uintptr_t)"p1.c1",
        (char *)(uintptr_t)"p1.c2", (char *)(uintptr_t)"p2", (char *)(uintptr_t)"p2.c3", NULL};
    world_start(&world, "copy");
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_free_ char *path = str_printf(WORK "/provisioner/containers/%s", paths[i]);
        vfs_mkdir(world.sim.kernel->vfs, path, 0755, true);
    }
    provisioner_recover(world.provisioner, known, DONE(settled, &recovered));
    assert_int_equal(recovered.result, 0);
    _cleanup_strv_ char **ids = image_provisioner_containers(world.provisioner);
    assert_int_equal(strv_length(ids), 5);
    for (size_t i = 0; known[i]; i++)
        assert_true(strv_contains(ids, known[i]));
    assert_true(destroy(&world, "p1.c1"));
    assert_true(destroy(&world, "p1"));
    assert_false(exists(&world, WORK "/provisioner/containers/p1"));
    assert_false(destroy(&world, "p1.c2"));
    world_end(&world);
}

/* PV-44: roots are gone, only their directory stays: true, and counted. */
static void test_directory_stays(void **state)
{
    (void)state;
    struct world world;
    struct answer answer = {0};
    world_start(&world, "bind");
    provision(&world, "c1", "ROOTFS", "tree", &answer);
    fault_plan_add(&world.sim.faults,
        &(struct fault_rule){.kind = EFFECT_TREE_REMOVE,
            .subject = (char *)(uintptr_t)"containers/c1",
            .nth = 1,
            .times = 1,
            .verdict = {.action = EFFECT_FAIL, .error = -EBUSY}});
    assert_true(destroy(&world, "c1"));
    assert_int_equal(
        image_provisioner_counters(world.provisioner)->remove_container_errors, 1);
    answer_release(&answer);
    world_end(&world);
}

/* PV-45: two destroys that wait for a prune have one removal and one answer. */
static void test_destroys_at_once(void **state)
{
    (void)state;
    struct world world;
    struct answer root = {0};
    struct answer pulling = {0};
    struct answer pruned = {0};
    struct answer answers[2] = {0};
    static char *const none[] = {NULL};
    world_start(&world, "bind");
    vfs_write(world.sim.kernel->vfs, IMAGES "/abc.tar", "{}", 2, 0644, false);
    provision(&world, "c1", "ROOTFS", "tree", &root);
    provision(&world, "c2", "DOCKER", "abc", &pulling);
    provisioner_prune(world.provisioner, none, DONE(settled, &pruned));
    provisioner_destroy(world.provisioner, "c1", DONE(destroyed, &answers[0]));
    provisioner_destroy(world.provisioner, "c1", DONE(destroyed, &answers[1]));
    assert_int_equal(answers[0].count, 0);
    sim_fixture_run(&world.sim, 1000);
    assert_true(pulling.result < 0);
    assert_int_equal(pruned.count, 1);
    assert_true(answers[0].value && answers[1].value);
    answer_release(&root);
    answer_release(&pulling);
    answer_release(&pruned);
    world_end(&world);
}

/* PV-54: what can't be deleted was pruned all the same, and is tried again. */
static void test_garbage_stays(void **state)
{
    (void)state;
    struct world world;
    struct answer pruned = {0};
    static char *const none[] = {NULL};
    _cleanup_strv_ char **left = NULL;
    world_start(&world, "copy");
    vfs_mkdir(world.sim.kernel->vfs, "/store/layers/old/rootfs", 0755, true);
    fault_plan_add(&world.sim.faults,
        &(struct fault_rule){.kind = EFFECT_TREE_REMOVE,
            .subject = (char *)(uintptr_t)"/gc/",
            .nth = 1,
            .times = 1,
            .verdict = {.action = EFFECT_FAIL, .error = -EBUSY}});
    provisioner_prune(world.provisioner, none, DONE(settled, &pruned));
    sim_fixture_run(&world.sim, 1000);
    assert_int_equal(pruned.result, 0);
    assert_int_equal(vfs_list(world.sim.kernel->vfs, "/store/gc", &left), 0);
    assert_int_equal(strv_length(left), 1);
    left = strv_free(left);
    provisioner_prune(world.provisioner, none, DONE(settled, &pruned));
    sim_fixture_run(&world.sim, 1000);
    assert_int_equal(vfs_list(world.sim.kernel->vfs, "/store/gc", &left), 0);
    assert_int_equal(strv_length(left), 0);
    world_end(&world);
}

/* Everything that was asked is answered when the agent ends, once. */
static void test_end_with_calls(void **state)
{
    (void)state;
    struct world world;
    struct answer answers[3] = {0};
    static char *const none[] = {NULL};
    world_start(&world, "copy");
    vfs_write(world.sim.kernel->vfs, IMAGES "/abc.tar", "{}", 2, 0644, false);
    provision(&world, "c1", "DOCKER", "abc", &answers[0]);
    provisioner_prune(world.provisioner, none, DONE(settled, &answers[1]));
    provision(&world, "c2", "DOCKER", "abc", &answers[2]);
    world_end(&world);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].result, -ESHUTDOWN);
        answer_release(&answers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_layers),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_directory_stays),
        cmocka_unit_test(test_destroys_at_once),
        cmocka_unit_test(test_garbage_stays),
        cmocka_unit_test(test_end_with_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
