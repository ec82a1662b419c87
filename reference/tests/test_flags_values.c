/* SPDX-License-Identifier: Apache-2.0 */
/* The values that flags take, and the checks of single ones. */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/flags.h"

#define DURATION_MESSAGE                                                                           \
    "expected a duration as 5secs, in ns, us, ms, secs, mins, hrs, days or weeks, got "
#define BYTES_MESSAGE "expected bytes as 10MB, in B, KB, MB, GB or TB, got "

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
        const char *message;
    } cases[] = {
        {"0ns", 0, NULL},
        {"7ns", 7, NULL},
        {"7us", 7000, NULL},
        {"100ms", 100000000, NULL},
        {"5secs", 5000000000, NULL},
        {"1.5secs", 1500000000, NULL},
        {"0.000000001secs", 1, NULL},
        {"0.1mins", 6000000000, NULL},
        {"2.5us", 2500, NULL},
        {"1.9ns", 1, NULL},
        {"15mins", 900000000000, NULL},
        {"6hrs", 21600000000000, NULL},
        {"1days", 86400000000000, NULL},
        {"1weeks", 604800000000000, NULL},
        {"18446744073709551615ns", UINT64_MAX, NULL},
        {"", 0, DURATION_MESSAGE "\"\""},
        {"5", 0, DURATION_MESSAGE "\"5\""},
        {"secs", 0, DURATION_MESSAGE "\"secs\""},
        {"5sec", 0, DURATION_MESSAGE "\"5sec\""},
        {"5 secs", 0, DURATION_MESSAGE "\"5 secs\""},
        {"-5secs", 0, DURATION_MESSAGE "\"-5secs\""},
        {"+5secs", 0, DURATION_MESSAGE "\"+5secs\""},
        {"5.secs", 0, DURATION_MESSAGE "\"5.secs\""},
        {".5secs", 0, DURATION_MESSAGE "\".5secs\""},
        {"1.0000000001secs", 0, DURATION_MESSAGE "\"1.0000000001secs\""},
        {"5secs ", 0, DURATION_MESSAGE "\"5secs \""},
        {"99999999999999999999ns", 0, DURATION_MESSAGE "\"99999999999999999999ns\""},
        {"30501weeks", 0, "the duration 30501weeks is too long"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        uint64_t ns = 0;
        int result = duration_parse(cases[i].text, &ns, &err);
        assert_int_equal(result, cases[i].message ? -EINVAL : 0);
        assert_string_equal(err_text(&err), cases[i].message ? cases[i].message : "no error");
        assert_int_equal(ns, cases[i].ns);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
        const char *message;
    } cases[] = {
        {"0B", 0, NULL},
        {"12B", 12, NULL},
        {"1KB", 1024, NULL},
        {"10MB", 10485760, NULL},
        {"2GB", UINT64_C(2147483648), NULL},
        {"16777215TB", UINT64_C(18446742974197923840), NULL},
        {"16777216TB", 0, "16777216TB are too many bytes"},
        {"", 0, BYTES_MESSAGE "\"\""},
        {"10", 0, BYTES_MESSAGE "\"10\""},
        {"1.5MB", 0, BYTES_MESSAGE "\"1.5MB\""},
        {"10mb", 0, BYTES_MESSAGE "\"10mb\""},
        {"-1B", 0, BYTES_MESSAGE "\"-1B\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        uint64_t bytes = 0;
        int result = bytes_parse(cases[i].text, &bytes, &err);
        assert_int_equal(result, cases[i].message ? -EINVAL : 0);
        assert_string_equal(err_text(&err), cases[i].message ? cases[i].message : "no error");
        assert_int_equal(bytes, cases[i].bytes);
    }
}

struct value_case {
    const char *name;
    const char *value;
    const char *message; /* NULL: taken */
};

static void check_values(const struct value_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct flags flags;
        flags_init(&flags);
        int result = flags_set(&flags, cases[i].name, cases[i].value, &err);
        _cleanup_free_ char *message = cases[i].message
            ? str_printf("--%s: %s", cases[i].name, cases[i].message)
            : str_dup("no error");
        assert_string_equal(err_text(&err), message);
        assert_int_equal(result, cases[i].message ? -EINVAL : 0);
        assert_int_equal(flags_set(&flags, cases[i].name, cases[i].value, NULL), result);
        flags_release(&flags);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"strict", "", NULL},
        {"strict", "1", NULL},
        {"strict", "false", NULL},
        {"strict", "yes", "expected true, 1, false or 0, got \"yes\""},
        {"strict", "TRUE", "expected true, 1, false or 0, got \"TRUE\""},
        {"port", "65535", NULL},
        {"port", "65536", "expected a number of 16 bits, got \"65536\""},
        {"port", "", "expected a number of 16 bits, got \"\""},
        {"port", "-1", "expected a number of 16 bits, got \"-1\""},
        {"port", "80x", "expected a number of 16 bits, got \"80x\""},
        {"logbufsecs", "3", NULL},
        {"logbufsecs", "3.5", "expected a whole number, got \"3.5\""},
        {"gc_disk_headroom", "0.5", NULL},
        {"gc_disk_headroom", "1", NULL},
        {"gc_disk_headroom", "1.5", "expected 0 to 1, got 1.5"},
        {"gc_disk_headroom", "-0.1", "expected 0 to 1, got -0.1"},
        {"gc_disk_headroom", "nan", "expected a number, got \"nan\""},
        {"gc_disk_headroom", "much", "expected a number, got \"much\""},
        {"gc_delay", "1weeks", NULL},
        {"gc_delay", "1", DURATION_MESSAGE "\"1\""},
        {"xfs_quota_headroom", "1MB", NULL},
        {"xfs_quota_headroom", "1", BYTES_MESSAGE "\"1\""},
        {"acls", "{}", NULL},
        {"acls", "{", "1:1: string or '}' expected near end of file"},
        {"container_ports_isolated_range", "[1-2,5-9]", NULL},
        {"container_ports_isolated_range", "[0-65536]", "0-65536 is not within 0-65535"},
        {"container_ports_isolated_range", "1-2", "expected ranges as [1-2,5-9], got \"1-2\""},
        {"container_ports_isolated_range", "[1-2];x:[3-4]",
            "expected ranges as [1-2,5-9], got \"[1-2];x:[3-4]\""},
        {"container_ports_isolated_range", "", "expected ranges as [1-2,5-9], got \"\""},
        {"xfs_project_range", "[0-5]", "0-5 is not within 1-4294967295"},
        {"xfs_project_range", "[5-4294967296]", "5-4294967296 is not within 1-4294967295"},
        {"volume_gid_range", "[10000-20000]", NULL},
        {"volume_gid_range", "5", "expected ranges as [1-2,5-9], got \"5\""},
        {"recover", "cleanup", NULL},
        {"recover", "never", "expected reconnect or cleanup, got \"never\""},
        {"reconfiguration_policy", "any", "expected equal or additive, got \"any\""},
        {"launcher", "linux", NULL},
        {"launcher", "windows", "expected linux or posix, got \"windows\""},
        {"image_provisioner_backend", "zfs", "expected copy, bind, overlay or aufs, got \"zfs\""},
    };
    check_values(cases, ARRAY_SIZE(cases));
}

static void test_checks(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"containerizers", "docker,mesos", NULL},
        {"containerizers", "mesos,mesos", "\"mesos\" is repeated"},
        {"containerizers", "mesos,oci", "expected mesos or docker, got \"oci\""},
        {"containerizers", "", "names no containerizer"},
        {"cgroups_net_cls_primary_handle", "0x12", NULL},
        {"cgroups_net_cls_primary_handle", "0xFFFF", NULL},
        {"cgroups_net_cls_primary_handle", "0x0", "expected 0x1 to 0xffff, got \"0x0\""},
        {"cgroups_net_cls_primary_handle", "0x10000", "expected 0x1 to 0xffff, got \"0x10000\""},
        {"cgroups_net_cls_primary_handle", "12", "expected 0x1 to 0xffff, got \"12\""},
        {"cgroups_net_cls_primary_handle", "0x", "expected 0x1 to 0xffff, got \"0x\""},
        {"cgroups_net_cls_primary_handle", "0x1g", "expected 0x1 to 0xffff, got \"0x1g\""},
        {"cgroups_net_cls_secondary_handles", "0xA,0xB", NULL},
        {"cgroups_net_cls_secondary_handles", "0xA",
            "expected a range of handles as 0xA,0xB, got \"0xA\""},
        {"cgroups_net_cls_secondary_handles", "0xB,0xA",
            "expected a range of handles as 0xA,0xB, got \"0xB,0xA\""},
        {"ephemeral_ports_per_container", "16", NULL},
        {"ephemeral_ports_per_container", "8", "expected a power of two from 16, got 8"},
        {"ephemeral_ports_per_container", "1000", "expected a power of two from 16, got 1000"},
        {"docker_socket", "/run/docker.sock", NULL},
        {"docker_socket", "docker.sock", "expected an absolute path, got \"docker.sock\""},
        {"appc_simple_discovery_uri_prefix", "https://x/", NULL},
        {"appc_simple_discovery_uri_prefix", "/images", NULL},
        {"appc_simple_discovery_uri_prefix", "hdfs://x",
            "expected /…, http://… or https://…, got \"hdfs://x\""},
        {"egress_rate_per_cpu", "auto", NULL},
        {"egress_rate_per_cpu", "10MB", NULL},
        {"egress_rate_per_cpu", "fast", BYTES_MESSAGE "\"fast\""},
        {"executor_reregistration_timeout", "15secs", NULL},
        {"executor_reregistration_timeout", "16secs", "expected at most 15secs, got 16secs"},
        {"effective_capabilities", "{\"capabilities\":[\"NET_RAW\"]}", NULL},
        {"effective_capabilities", "{\"capabilites\":[]}",
            "capabilites: unknown field; did you mean \"capabilities\"?"},
        {"allowed_devices",
            "{\"allowed_devices\":[{\"device\":{\"path\":\"/dev/null\"},"
            "\"access\":{\"read\":true}}]}", NULL},
        {"allowed_devices", "{\"allowed_devices\":[{\"device\":{},\"access\":{}}]}",
            "allowed_devices[0].device.path: required field is missing"},
        {"allowed_devices", "{\"allowed_devices\":[{\"device\":{\"path\":\"/dev/null\"}}]}",
            "allowed_devices[0].access: required field is missing"},
        {"default_container_info", "{\"type\":\"MESOS\"}", NULL},
        {"default_container_info", "{\"type\":\"OCI\"}",
            "type: expected MESOS or DOCKER, got \"OCI\""},
        {"executor_environment_variables", "{\"A\":\"1\"}", NULL},
        {"executor_environment_variables", "{\"A\":1}", "A: expected a text"},
        {"executor_environment_variables", "[]", "expected an object of texts"},
        {"image_gc_config",
            "{\"image_disk_headroom\":0.1,\"image_disk_watch_interval\":{\"nanoseconds\":5},"
            "\"excluded_images\":[{\"type\":\"DOCKER\",\"name\":\"x\"}]}", NULL},
        {"image_gc_config", "{\"image_disk_watch_interval\":{\"nanoseconds\":5}}",
            "image_disk_headroom: required field is missing"},
        {"image_gc_config", "{\"image_disk_headroom\":0.1,\"image_disk_watch_interval\":{}}",
            "image_disk_watch_interval.nanoseconds: required field is missing"},
    };
    check_values(cases, ARRAY_SIZE(cases));
}

#define DNS "\"dns\":{\"nameservers\":[\"8.8.8.8\"]}"

static void test_dns(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {"default_container_dns",
            "{\"mesos\":[{\"network_mode\":\"CNI\"," DNS "},"
            "{\"network_mode\":\"CNI\",\"network_name\":\"a\"," DNS "}],"
            "\"docker\":[{\"network_mode\":\"BRIDGE\"," DNS "},"
            "{\"network_mode\":\"USER\"," DNS "},"
            "{\"network_mode\":\"USER\",\"network_name\":\"a\"," DNS "}]}", NULL},
        {"default_container_dns", "{\"docker\":[{\"network_mode\":\"HOST\"," DNS "}]}",
            "docker[0].network_mode: expected BRIDGE or USER, got \"HOST\""},
        {"default_container_dns", "{\"mesos\":[{\"network_mode\":\"HOST\"," DNS "}]}",
            "mesos[0].network_mode: expected CNI, got \"HOST\""},
        {"default_container_dns", "{\"mesos\":[{\"network_mode\":\"UNKNOWN\"," DNS "}]}",
            "mesos[0].network_mode: expected CNI, got \"UNKNOWN\""},
        {"default_container_dns",
            "{\"docker\":[{\"network_mode\":\"BRIDGE\"," DNS "},"
            "{\"network_mode\":\"BRIDGE\",\"network_name\":\"x\"," DNS "}]}",
            "docker[1]: a second BRIDGE network"},
        {"default_container_dns",
            "{\"mesos\":[{\"network_mode\":\"CNI\"," DNS "},{\"network_mode\":\"CNI\"," DNS "}]}",
            "mesos[1]: a second CNI entry for the unnamed network"},
        {"default_container_dns",
            "{\"docker\":[{\"network_mode\":\"USER\"," DNS "},"
            "{\"network_mode\":\"USER\"," DNS "}]}",
            "docker[1]: a second USER entry for the unnamed network"},
        {"default_container_dns",
            "{\"docker\":[{\"network_mode\":\"USER\",\"network_name\":\"a\"," DNS "},"
            "{\"network_mode\":\"USER\",\"network_name\":\"a\"," DNS "}]}",
            "docker[1]: the network \"a\" is repeated"},
    };
    check_values(cases, ARRAY_SIZE(cases));
}

/* FL-18 of flags.md. */
static void test_domain_socket(void **state)
{
    (void)state;
    char path[109];
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[107] = '\0';
    struct value_case cases[] = {
        {"domain_socket_location", path, NULL},
        {"domain_socket_location", path, "a socket's path has less than 108 bytes, this has 108"},
        {"domain_socket_location", "systemd:agent", NULL},
    };
    check_values(&cases[0], 1);
    path[107] = 'x';
    path[108] = '\0';
    check_values(&cases[1], 2);
}

/* Flags of cgroups isolators beyond the contract. */
static void test_beyond(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *message; /* NULL: it is good */
    } cases[] = {
        {"cgroups_pids_max", "1", NULL},
        {"cgroups_pids_max", "0", "expected at least 1, got 0"},
        {"cgroups_pids_max", "many", "expected a whole number"},
        {"cgroups_cpuset_cpus", "0-3,8", NULL},
        {"cgroups_cpuset_cpus", "3-1", "expected a list such as 0-3,8, got \"3-1\""},
        {"cgroups_cpuset_cpus", "1-2x", "expected a list"},
        {"cgroups_cpuset_cpus", "a", "expected a list"},
        {"cgroups_cpuset_mems", "", "expected a list"},
        {"cgroups_cpuset_mems", "-1", "expected a list"},
        {"cgroups_io_max", "8:0 rbps=1048576 wiops=max;8:16 wbps=1", NULL},
        {"cgroups_io_max", "sda rbps=1", "got \"sda rbps=1\""},
        {"cgroups_io_max", "8:0", "expected MAJOR:MINOR and limits"},
        {"cgroups_io_max", "8:0 rbps=fast", "expected MAJOR:MINOR and limits"},
        {"cgroups_io_max", "8:0 rbps=", "expected MAJOR:MINOR and limits"},
        {"cgroups_io_max", ";", "names no device"},
        {"cgroups_memory_high_ratio", "0.9", NULL},
        {"cgroups_memory_high_ratio", "1.5", "expected 0 to 1, got 1.5"},
        {"cgroups_memory_min_ratio", "-1", "expected 0 to 1, got -1"},
        {"cgroups_hugetlb_limits", "2MB=64MB;1GB=0B", NULL},
        {"cgroups_hugetlb_limits", "2MB", "expected SIZE=LIMIT such as 2MB=64MB"},
        {"cgroups_hugetlb_limits", "2MB=", "expected SIZE=LIMIT"},
        {"cgroups_hugetlb_limits", "0MB=1MB", "expected SIZE=LIMIT"},
        {"cgroups_hugetlb_limits", "", "names no size"},
        {"cgroups_cpu_weight_clamp", "maybe", "expected true, 1, false or 0"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct flags flags;
        flags_init(&flags);
        int result = flags_set(&flags, cases[i].name, cases[i].value, &err);
        if (!cases[i].message && result < 0)
            fail_msg("%s", err_text(&err));
        if (cases[i].message && (result >= 0 || !strstr(err_text(&err), cases[i].message)))
            fail_msg("%s=%s: expected \"%s\", got \"%s\"", cases[i].name, cases[i].value,
                cases[i].message, err_text(&err));
        flags_release(&flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_dns),
        cmocka_unit_test(test_domain_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
