/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of CSI plugins, and volume/csi with the fake plugin (tests.md VO-33, VO-34). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/fake_csi.h"
#include "reference/isolators/tests/world.h"
#include "reference/isolators/volume/csi_plugin.h"

#define CONFIGS "/configs"

static void file_put(struct host *host, const char *path, const char *text)
{
    assert_int_equal(host_file_write(host, path, text, strlen(text), 0644, NULL), 0);
}

static void test_configurations(void **state)
{
    static const struct {
        const char *file;
        const char *check;    /* of csi_plugins_check; NULL: it is fine */
        const char *endpoint; /* of the type "t"; NULL: none */
    } cases[] = {
        {"{\"type\":\"t\",\"endpoints\":[{\"csi_service\":\"NODE_SERVICE\",\"endpoint\":"
         "\"unix:///s\"}]}",
            NULL, "/s"},
        {"{\"type\":\"t\",\"endpoints\":[{\"csi_service\":\"CONTROLLER_SERVICE\",\"endpoint\":"
         "\"unix:///c\"},{\"csi_service\":\"NODE_SERVICE\",\"endpoint\":\"unix:///n\"}]}",
            NULL, "/n"},
        {"{\"type\":\"t\"}", NULL, NULL},
        {"{\"type\":\"t\",\"endpoints\":[{\"csi_service\":\"NODE_SERVICE\",\"endpoint\":"
         "\"tcp://s\"}]}",
            NULL, NULL},
        {"{\"type\":\"u\",\"endpoints\":[{\"csi_service\":\"NODE_SERVICE\",\"endpoint\":"
         "\"unix:///s\"}]}",
            NULL, NULL},
        {"{\"name\":\"t\"}", "type: required field is missing", NULL},
        {"[]", "type: required field is missing", NULL},
        {"{", "f.json:1:", NULL},
        {"", "f.json:1:", NULL},
    };
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, "filesystem/linux", NULL);
    assert_int_equal(host_mkdir(world.host, CONFIGS, 0755, true, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *endpoint = NULL;
        _cleanup_err_ struct err err = ERR_INIT;
        int r;

        file_put(world.host, CONFIGS "/f.json", cases[i].file);
        r = csi_plugins_check(world.host, CONFIGS, &err);
        assert_int_equal(r < 0, cases[i].check != NULL);
        if (cases[i].check && !strstr(err_text(&err), cases[i].check))
            fail_msg("case %zu: %s", i, err_text(&err));
        err_clear(&err);
        r = csi_plugin_endpoint(world.host, CONFIGS, "t", &endpoint, &err);
        assert_int_equal(r, cases[i].endpoint ? 0 : -ENOENT);
        if (cases[i].endpoint)
            assert_string_equal(endpoint, cases[i].endpoint);
    }
    world_stop(&world);
}

#define VOLUME                                                                                     \
    "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"    \
    "\"a\",\"source\":{\"type\":\"CSI_VOLUME\",\"csi_volume\":{\"plugin_name\":\"local\","         \
    "\"static_provisioning\":{\"volume_id\":\"../a b\",\"volume_capability\":{},"                  \
    "\"volume_context\":{\"takes\":\"5\"}}}}}]}}"

/* The id is one name below the root whatever is in it; the isolator may go while a call runs. */
static void test_end_under_way(void **state)
{
    struct container_config config = {0};
    struct outcome prepared = {0};
    struct isolator *isolator = NULL;
    struct fake_csi *csi;
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, "filesystem/linux", NULL);
    csi = fake_csi_new(world.host, "/plugin", NULL);
    assert_non_null(csi);
    flags_set(&world.flags, "csi_plugin_config_dir", "/plugin/config", NULL);
    const struct isolator_context context = {
        .host = world.host, .flags = &world.flags, .linux_launcher = true};
    assert_int_equal(isolator_volume_csi_create(&context, &isolator, NULL), 0);
    assert_int_equal(json_type_decode_text(
        &container_config_json, VOLUME, strlen(VOLUME), &config, "config", NULL), 0);
    str_set(&config.directory, "/work/sandbox");
    isolator_prepare(isolator, "c1", &config, DONE(outcome_done, &prepared));
    world_settle(&world);
    assert_int_equal(prepared.calls, 0);
    assert_true(host_file_exists(world.host, "/work/csi/local/%2E.%2Fa%20b/staging"));
    isolator_free(isolator);
    assert_int_equal(prepared.calls, 1);
    assert_int_equal(prepared.result, -ECANCELED);
    fake_csi_free(csi);
    outcome_release(&prepared);
    json_type_release(&container_config_json, &config);
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_end_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
