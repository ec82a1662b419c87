/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines that docker.md 7 and 8 demand, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reference/docker/docker.h"

#define GIB (UINT64_C(1) << 30)

/* A launch as JSON, and the whole line that `docker run` gets for it, or the error. */
struct row {
    const char *what;
    const char *info;     /* of the container, without type and braces */
    const char *docker;   /* of its docker info beside the image, with a leading comma */
    const char *resources;
    const char *limits;
    const char *command;  /* NULL: {"shell":false,"value":"run"} */
    const char *line;     /* after `docker -H unix:///run/d.sock run ` */
    const char *error;
    bool cfs;
    const char *dns;      /* --default_container_dns */
    const char *version;  /* NULL: new enough */
};

#define ENV "-e MESOS_CONTAINER_NAME=mesos-c1 -e MESOS_SANDBOX=/mnt/box "
#define ROLE "-e 'MESOS_ALLOCATION_ROLE=*' "
#define BOX "-v /box:/mnt/box "
#define TAIL "--name mesos-c1 img run"
#define DNS_BRIDGE(dns) "{\"docker\":[{\"network_mode\":\"BRIDGE\",\"dns\":" dns "}]}"
#define USER_NETWORK                                                                               \
    .info = ",\"network_infos\":[{\"name\":\"mine\"}]", .docker = ",\"network\":\"USER\""
#define CPUS(amount) "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":" amount "}"
#define MEM(amount) "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":" amount "}"
#define PORT(port) "{\"host_port\":" port ",\"container_port\":80}"

static const struct row rows[] = {
    {.what = "nothing but an image", .line = ENV BOX "--net host " TAIL},
    {.what = "privileged", .docker = ",\"privileged\":true",
        .line = "--privileged " ENV BOX "--net host " TAIL},

    /* resources */
    {.what = "requests",
        .resources = CPUS("1.5,\"role\":\"r1\"") "," MEM("64"),
        .line = "--cpu-shares 1536 --memory 67108864 -e MESOS_ALLOCATION_ROLE=r1 " ENV BOX
                "--net host " TAIL},
    {.what = "requests below the least, CFS", .cfs = true,
        .resources = CPUS("0.001") "," MEM("1"),
        .line = "--cpu-shares 2 --cpu-quota 1000 --memory 33554432 " ROLE ENV BOX
                "--net host " TAIL},
    {.what = "finite limits",
        .resources = CPUS("1") "," MEM("2048"),
        .limits = "\"cpus\":2,\"mem\":4096",
        .line = "--cpu-shares 1024 --cpu-quota 200000 --memory-reservation 2147483648 "
                "--memory 4294967296 --oom-score-adj 500 " ROLE ENV BOX "--net host " TAIL},
    {.what = "a memory limit that equals the request",
        .resources = MEM("64"), .limits = "\"mem\":64",
        .line = "--memory-reservation 67108864 --memory 67108864 " ROLE ENV BOX
                "--net host " TAIL},
    {.what = "infinite limits", .cfs = true,
        .resources = CPUS("1") "," MEM("1024"),
        .limits = "\"cpus\":\"Infinity\",\"mem\":\"Infinity\"",
        .line = "--cpu-shares 1024 --memory-reservation 1073741824 --oom-score-adj 750 " ROLE ENV
                BOX "--net host " TAIL},
    {.what = "limits without requests", .limits = "\"cpus\":0.5,\"mem\":16",
        .line = "--cpu-quota 50000 --memory 33554432 " ENV BOX "--net host " TAIL},

    /* environment: that of the launch wins, what Mesos sets always wins */
    {.what = "environment",
        .command = "{\"shell\":false,\"value\":\"run\",\"environment\":["
                   "{\"name\":\"Z\",\"value\":\"z\"},{\"name\":\"GIVEN\",\"value\":\"no\"},"
                   "{\"name\":\"MESOS_SANDBOX\",\"value\":\"no\"},"
                   "{\"name\":\"S\",\"type\":\"SECRET\"}]}",
        .line = "-e GIVEN=yes " ENV "-e S= -e Z=z " BOX "--net host " TAIL},

    /* volumes */
    {.what = "DK-07, DK-08, DK-09 volumes",
        .info = ",\"volumes\":["
                "{\"mode\":\"RO\",\"container_path\":\"/a\",\"host_path\":\"/h\"},"
                "{\"mode\":\"RW\",\"container_path\":\"in\",\"host_path\":\"/h2\"},"
                "{\"mode\":\"RW\",\"container_path\":\"/b\",\"host_path\":\"rel\"},"
                "{\"mode\":\"RO\",\"container_path\":\"/v\",\"source\":{\"type\":\"DOCKER_VOLUME\","
                "\"docker_volume\":{\"name\":\"vol\",\"driver\":\"drv\"}}},"
                "{\"mode\":\"RW\",\"container_path\":\"/s\",\"source\":{\"type\":\"SANDBOX_PATH\","
                "\"sandbox_path\":{\"type\":\"SELF\",\"path\":\"x\"}}}]",
        .line = ENV "-v /h:/a:ro -v /h2:/mnt/box/in:rw -v /box/rel:/b:rw -v vol:/v:ro " BOX
                    "--volume-driver=drv --net host " TAIL},
    {.what = "a relative host path with a driver is a volume's name",
        .docker = ",\"volume_driver\":\"drv\"",
        .info = ",\"volumes\":["
                "{\"mode\":\"RW\",\"container_path\":\"/b\",\"host_path\":\"rel\"}]",
        .line = ENV "-v rel:/b:rw " BOX "--volume-driver=drv --net host " TAIL},
    {.what = "DK-10 both paths relative",
        .info = ",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"b\",\"host_path\":\"a\"}]",
        .error = "volume: host path \"a\" and container path \"b\" are both relative"},
    {.what = "DK-13 two drivers",
        .info = ",\"volumes\":["
                "{\"mode\":\"RW\",\"container_path\":\"/a\",\"source\":{\"type\":\"DOCKER_VOLUME\","
                "\"docker_volume\":{\"name\":\"v1\",\"driver\":\"d1\"}}},"
                "{\"mode\":\"RW\",\"container_path\":\"/b\",\"source\":{\"type\":\"DOCKER_VOLUME\","
                "\"docker_volume\":{\"name\":\"v2\",\"driver\":\"d2\"}}}]",
        .error = "volume driver: \"d1\" and \"d2\" can't be used together"},
    {.what = "DK-14 a driver and another docker.volume_driver",
        .docker = ",\"volume_driver\":\"d2\"",
        .info = ",\"volumes\":["
                "{\"mode\":\"RW\",\"container_path\":\"/a\",\"source\":{\"type\":\"DOCKER_VOLUME\","
                "\"docker_volume\":{\"name\":\"v1\",\"driver\":\"d1\"}}}]",
        .error = "volume driver: \"d1\" and \"d2\" can't be used together"},
    {.what = "a volume without a source",
        .info = ",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"/a\"}]",
        .error = "volume /a: neither a host path nor a source"},

    /* network */
    {.what = "DK-05b bridge with ports",
        .docker = ",\"network\":\"BRIDGE\",\"port_mappings\":[" PORT("10001")
                  ",{\"host_port\":10000,\"container_port\":80,\"protocol\":\"TCP\"}]",
        .resources = "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":"
                     "[{\"begin\":10000,\"end\":11000}]}",
        .line = ROLE ENV BOX "--net bridge -p 10001:80 -p 10000:80/tcp " TAIL},
    {.what = "DK-05a a port outside of the resource",
        .docker = ",\"network\":\"BRIDGE\",\"port_mappings\":[" PORT("10000") "]",
        .resources = "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":"
                     "[{\"begin\":9998,\"end\":9999},{\"begin\":10001,\"end\":11000}]}",
        .error = "port mapping: host port 10000 is not in the ports resource"},
    {.what = "ports without a ports resource",
        .docker = ",\"network\":\"BRIDGE\",\"port_mappings\":[" PORT("10000") "]",
        .error = "port mappings need a ports resource"},
    {.what = "ports with the host network", .docker = ",\"port_mappings\":[" PORT("1") "]",
        .error = "port mappings need a bridge or user network"},
    {.what = "the port check ignores the override",
        .docker = ",\"parameters\":[{\"key\":\"net\",\"value\":\"bridge\"}],"
                  "\"port_mappings\":[" PORT("1") "]",
        .error = "port mappings need a bridge or user network"},
    {.what = "the first net parameter is consumed",
        .docker = ",\"parameters\":[{\"key\":\"a\",\"value\":\"1\"},"
                  "{\"key\":\"network\",\"value\":\"n1\"},{\"key\":\"net\",\"value\":\"n2\"}]",
        .line = ENV BOX "--net n1 --name mesos-c1 --a=1 --net=n2 img run"},
    {.what = "none", .docker = ",\"network\":\"NONE\"", .line = ENV BOX "--net none " TAIL},
    {.what = "a user network", USER_NETWORK, .line = ENV BOX "--net mine " TAIL},
    {.what = "a user network without a name", .docker = ",\"network\":\"USER\"",
        .error = "network USER: expected exactly one network_infos entry with a name, got 0"},
    {.what = "a user network of an old docker", USER_NETWORK, .version = "1.8.3",
        .error = "user networks need docker 1.9.0 or newer, this is 1.8.3"},
    {.what = "dns with the host network of an old docker", .version = "1.11.2",
        .docker = ",\"parameters\":[{\"key\":\"dns\",\"value\":\"1.1.1.1\"}]",
        .error = "--dns with the host network needs docker 1.12.0 or newer, this is 1.11.2"},
    {.what = "hostname", .info = ",\"hostname\":\"h\"", .docker = ",\"network\":\"BRIDGE\"",
        .line = ENV BOX "--net bridge --hostname h " TAIL},
    {.what = "hostname with the host network", .info = ",\"hostname\":\"h\"",
        .error = "hostname \"h\" can't be set with the host network"},

    /* default DNS */
    {.what = "DO-35 DNS of the bridge", .docker = ",\"network\":\"BRIDGE\"",
        .dns = DNS_BRIDGE("{\"nameservers\":[\"8.8.8.8\",\"8.8.4.4\"],\"search\":[\"a.com\"],"
                          "\"options\":[\"timeout:3\"]}"),
        .line = ENV BOX "--net bridge --dns=8.8.8.8 --dns=8.8.4.4 --dns-search=a.com "
                        "--dns-opt=timeout:3 " TAIL},
    {.what = "no DNS for the host network", .dns = DNS_BRIDGE("{\"nameservers\":[\"8.8.8.8\"]}"),
        .line = ENV BOX "--net host " TAIL},
    {.what = "no default DNS beside a dns parameter",
        .docker = ",\"network\":\"BRIDGE\","
                  "\"parameters\":[{\"key\":\"dns-option\",\"value\":\"x\"}]",
        .dns = DNS_BRIDGE("{\"nameservers\":[\"8.8.8.8\"]}"),
        .line = ENV BOX "--net bridge --name mesos-c1 --dns-option=x img run"},
    {.what = "DNS of the user network by name before the unnamed one", USER_NETWORK,
        .dns = "{\"docker\":[{\"network_mode\":\"USER\",\"dns\":{\"nameservers\":[\"1.1.1.1\"]}},"
               "{\"network_mode\":\"USER\",\"network_name\":\"mine\","
               "\"dns\":{\"nameservers\":[\"2.2.2.2\"]}}]}",
        .line = ENV BOX "--net mine --dns=2.2.2.2 " TAIL},
    {.what = "DNS of the unnamed user network", USER_NETWORK,
        .dns = "{\"docker\":[{\"network_mode\":\"USER\",\"dns\":{\"nameservers\":[\"1.1.1.1\"]}}]}",
        .line = ENV BOX "--net mine --dns=1.1.1.1 " TAIL},
    {.what = "DNS options of an old docker", .version = "1.8.0",
        .docker = ",\"network\":\"BRIDGE\"", .dns = DNS_BRIDGE("{\"options\":[\"x\"]}"),
        .error = "--dns-opt needs docker 1.9.0 or newer, this is 1.8.0"},

    /* command */
    {.what = "shell", .command = "{\"value\":\"exit `cat f`\"}",
        .line = ENV BOX "--net host --entrypoint /bin/sh --name mesos-c1 img -c 'exit `cat f`'"},
    {.what = "DK-04 shell without value", .command = "{}",
        .error = "command: shell is set, but there is no value"},
    {.what = "DO-15 neither shell nor value", .command = "{\"shell\":false}",
        .line = ENV BOX "--net host --name mesos-c1 img"},
    {.what = "DO-17 arguments only", .command = "{\"shell\":false,\"arguments\":[\"a\",\"b c\"]}",
        .line = ENV BOX "--net host --name mesos-c1 img a 'b c'"},
    {.what = "DO-16 a value and arguments",
        .command = "{\"shell\":false,\"value\":\"v\",\"arguments\":[\"a\"]}",
        .line = ENV BOX "--net host --name mesos-c1 img v a"},
};

static struct docker *client(void)
{
    static const struct docker_ops none;
    static char program[] = "docker";
    static char socket[] = "/run/d.sock";
    static struct docker docker = {.ops = &none, .program = program, .socket = socket};
    return &docker;
}

static const char *or_none(const char *text)
{
    return text ? text : "";
}

static void decode(const struct row *row, struct container_config *ret_config)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = str_printf(
        "{\"container_info\":{\"type\":\"DOCKER\",\"docker\":{\"image\":\"img\"%s}%s},"
        "\"resources\":[%s],\"limits\":{%s},\"command_info\":%s}",
        or_none(row->docker), or_none(row->info), or_none(row->resources), or_none(row->limits),
        row->command ? row->command : "{\"shell\":false,\"value\":\"run\"}");
    int r = json_type_decode_text(
        &container_config_json, text, strlen(text), ret_config, "config", &err);
    if (r < 0)
        fail_msg("%s: %s", row->what, err_text(&err));
}

static void check_line(const struct row *row, const struct docker_run_options *options)
{
    const struct docker_call call = {.verb = DOCKER_RUN, .run = options};
    _cleanup_strv_ char **arguments = docker_arguments(client(), &call);
    _cleanup_free_ char *line = docker_line(arguments);
    _cleanup_free_ char *expected = str_printf("docker -H unix:///run/d.sock run %s", row->line);
    if (strcmp(line, expected) != 0)
        fail_msg("%s:\n%s\n%s", row->what, line, expected);
}

static void check_row(const struct row *row)
{
    char name[] = "GIVEN";
    char value[] = "yes";
    const struct environment_variable given = {.name = name, .value = value};
    struct container_config config = {0};
    struct docker_run_options options = {0};
    struct docker_version version = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    decode(row, &config);
    json_t *dns = row->dns ? json_loads(row->dns, 0, NULL) : NULL;
    if (row->version)
        assert_int_equal(docker_version_parse(row->version, &version, &err), 0);
    const struct docker_run_request request = {
        .container = config.container_info,
        .command = &config.command_info,
        .name = "mesos-c1",
        .sandbox = "/box",
        .mapped = "/mnt/box",
        .requests = &config.resources,
        .limits = &config.limits,
        .environment = &given,
        .environment_count = strcmp(row->what, "environment") == 0,
        .enable_cfs = row->cfs,
        .host_memory_bytes = 4 * GIB,
        .default_dns = dns,
        .version = row->version ? &version : NULL,
    };
    int r = docker_run_options_make(&request, &options, &err);
    if (r != (row->error ? -EINVAL : 0) ||
        (row->error && strcmp(err_text(&err), row->error) != 0))
        fail_msg("%s: %d, %s", row->what, r, err_text(&err));
    if (!row->error)
        check_line(row, &options);
    docker_run_options_release(&options);
    json_type_release(&docker_version_json, &version);
    json_type_release(&container_config_json, &config);
    json_decref(dns);
}

static void test_run_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        check_row(&rows[i]);
}

static void test_no_image(void **state)
{
    (void)state;
    const struct container_info container = {.type = CONTAINER_TYPE_DOCKER};
    const struct command_info command = {.shell = false};
    const struct docker_run_request request = {.container = &container, .command = &command};
    struct docker_run_options options;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(docker_run_options_make(&request, &options, &err), -EINVAL);
    assert_string_equal(err_text(&err), "container: no docker image given");
}

/* DK-12, DK-12a: devices only come from the containerizer itself. */
static void test_devices(void **state)
{
    (void)state;
    static const struct {
        const char *host_path;
        const char *permissions;
        const char *error;
    } devices[] = {
        {"/dev/nvidia0", "mrw", NULL},
        {"dev/nvidia0", "r", "device: host path \"dev/nvidia0\" is not absolute"},
        {"/dev/nvidia0", "", "device /dev/nvidia0: no permissions"},
    };
    char image[] = "img";
    char inside[] = "/dev/n0";
    struct docker_info docker = {.image = image};
    const struct container_info container = {.type = CONTAINER_TYPE_DOCKER, .docker = &docker};
    const struct command_info command = {.shell = false};
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        _cleanup_free_ char *path = str_dup(devices[i].host_path);
        _cleanup_free_ char *permissions = str_dup(devices[i].permissions);
        const struct docker_device device = {path, inside, permissions};
        const struct docker_run_request request = {.container = &container, .command = &command,
            .name = "n", .sandbox = "/box", .mapped = "/m", .devices = &device,
            .devices_count = 1};
        struct docker_run_options options = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        int r = docker_run_options_make(&request, &options, &err);
        if (devices[i].error) {
            assert_int_equal(r, -EINVAL);
            assert_string_equal(err_text(&err), devices[i].error);
            continue;
        }
        assert_int_equal(r, 0);
        const struct docker_call call = {.verb = DOCKER_RUN, .run = &options};
        _cleanup_strv_ char **arguments = docker_arguments(client(), &call);
        assert_true(strv_contains(arguments, "--device=/dev/nvidia0:/dev/n0:mrw"));
        docker_run_options_release(&options);
    }
}

/* docker.md 1, 6 and 8. */
static void test_other_lines(void **state)
{
    (void)state;
    static const struct {
        struct docker_call call;
        const char *line; /* after `docker -H unix:///run/d.sock ` */
    } lines[] = {
        {{.verb = DOCKER_VERSION}, "--version"},
        {{.verb = DOCKER_STOP, .name = "mesos-c1", .stop_seconds = 10}, "stop -t 10 mesos-c1"},
        {{.verb = DOCKER_KILL, .name = "mesos-c1", .signal = 9}, "kill --signal=9 mesos-c1"},
        {{.verb = DOCKER_RM, .name = "mesos-c1"}, "rm -v mesos-c1"},
        {{.verb = DOCKER_RM, .name = "mesos-c1", .force = true}, "rm -f -v mesos-c1"},
        {{.verb = DOCKER_INSPECT, .name = "mesos-c1"}, "inspect --type=container mesos-c1"},
        {{.verb = DOCKER_PS, .name = "mesos-"}, "ps -a"},
        {{.verb = DOCKER_PULL, .name = "img:1"}, "pull img:1"},
        {{.verb = DOCKER_IMAGE_INSPECT, .name = "img:1"}, "inspect img:1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_strv_ char **arguments = docker_arguments(client(), &lines[i].call);
        _cleanup_free_ char *line = docker_line(arguments);
        _cleanup_free_ char *expected =
            str_printf("docker -H unix:///run/d.sock %s", lines[i].line);
        assert_string_equal(line, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_lines),
        cmocka_unit_test(test_no_image),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_other_lines),
    };
    return cmocka_run_group_tests_name("docker run options", tests, NULL, NULL);
}
