/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial isolators`: options, and the list. */
#include "scenarios/engine/cli/isolators.h"

#include <stdio.h>
#include <string.h>

#include "reference/base/strbuf.h"
#include "reference/isolators/isolator.h"
#include "scenarios/engine/cli/seatrial.h"

/* The flags that an isolator reads; the first prefix of its name counts. */
static const struct {
    const char *name;
    const char *flags;
} flags_of[] = {
    {"cgroups/cpuset", "cgroups_cpuset_cpus, cgroups_cpuset_mems"},
    {"cgroups/cpu",
        "cgroups_enable_cfs, revocable_cpu_low_priority, cgroups_cpu_weight_clamp, "
        "cgroups_cpu_enable_pids_and_tids_count"},
    {"cgroups/mem",
        "cgroups_limit_swap, cgroups_memory_high_ratio, cgroups_memory_min_ratio"},
    {"cgroups/pids", "cgroups_pids_max"},
    {"cgroups/hugetlb", "cgroups_hugetlb_limits"},
    {"cgroups/io", "cgroups_io_max"},
    {"cgroups/devices", "allowed_devices"},
    {"cgroups/net_cls", "cgroups_net_cls_primary_handle, cgroups_net_cls_secondary_handles"},
    {"cgroups/perf_event", "perf_events, perf_interval, perf_duration"},
    {"disk/du", "container_disk_watch_interval, enforce_container_disk_quota"},
    {"disk/xfs", "xfs_project_range, xfs_kill_containers, xfs_quota_headroom"},
    {"docker/runtime", "docker_ignore_runtime"},
    {"docker/volume",
        "docker_volume_checkpoint_dir, docker_volume_chown, docker_volume_client"},
    {"gpu/nvidia", "nvidia_gpu_devices"},
    {"linux/capabilities", "effective_capabilities, bounding_capabilities"},
    {"linux/devices", "allowed_devices"},
    {"linux/seccomp", "seccomp_config_dir, seccomp_profile_name"},
    {"namespaces/ipc", "disallow_sharing_agent_ipc_namespace, default_container_shm_size"},
    {"namespaces/pid", "disallow_sharing_agent_pid_namespace"},
    {"network/cni", "network_cni_plugins_dir, network_cni_config_dir, network_cni_metrics"},
    {"network/port_mapping",
        "ephemeral_ports_per_container, eth0_name, lo_name, egress_* and ingress_* rates, "
        "ingress_isolate_existing_containers, network_link_speed"},
    {"network/ports",
        "container_ports_watch_interval, enforce_container_ports, check_agent_port_range_only, "
        "container_ports_isolated_range"},
    {"volume/csi", "csi_plugin_config_dir"},
    {"volume/host_path", "host_path_volume_force_creation"},
    {"volume/image", "image_providers"},
    {"volume/secret", "secret_resolver"},
    {"environment_secret", "secret_resolver"},
};

char **isolator_rows(void)
{
    char **rows = NULL;

    for (size_t i = 0; i < isolator_registry_count; i++) {
        if (!str_ends(isolator_registry[i].name, "/"))
            strv_add(&rows, isolator_registry[i].name);
        else
            for (size_t k = 0; isolator_cgroup_names[k]; k++)
                strv_add(&rows, isolator_cgroup_names[k]);
    }
    return rows;
}

static const struct isolator_entry *entry_of(const char *row)
{
    for (size_t i = 0; i < isolator_registry_count; i++) {
        const struct isolator_entry *entry = &isolator_registry[i];

        if (str_equal(entry->name, row) || (str_ends(entry->name, "/") &&
                                               str_starts(row, entry->name)))
            return entry;
    }
    return NULL;
}

static const char *flags_text(const char *row)
{
    for (size_t i = 0; i < ARRAY_SIZE(flags_of); i++) {
        if (str_equal(flags_of[i].name, row))
            return flags_of[i].flags;
    }
    return "";
}

static char *needs_text(unsigned needs)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {{ISOLATOR_NEEDS_ROOT, "root"}, {ISOLATOR_NEEDS_LINUX_LAUNCHER, "linux launcher"},
        {ISOLATOR_NEEDS_FILESYSTEM_LINUX, "filesystem/linux"}};
    struct strbuf text = STRBUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (needs & words[i].bit)
            strbuf_addf(&text, "%s%s", text.length ? ", " : "", words[i].word);
    }
    return strbuf_take(&text);
}

void isolators_list(bool json)
{
    _cleanup_strv_ char **rows = isolator_rows();
    json_t *list = json_array();

    if (!json)
        printf("%-22s %-6s %-10s %-40s %s\n", "isolator", "nested", "standalone", "needs", "flags");
    for (size_t i = 0; rows && rows[i]; i++) {
        const struct isolator_entry *entry = entry_of(rows[i]);
        _cleanup_free_ char *needs = needs_text(entry->needs);

        if (json)
            json_array_append_new(list,
                json_pack("{ss sI sb sb ss ss}", "name", rows[i], "order", (json_int_t)i + 1,
                    "nesting", entry->nesting, "standalone", entry->standalone, "needs", needs,
                    "flags", flags_text(rows[i])));
        else
            printf("%-22s %-6s %-10s %-40s %s\n", rows[i], entry->nesting ? "yes" : "-",
                entry->standalone ? "yes" : "-", needs, flags_text(rows[i]));
    }
    if (json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        printf("\n");
    }
    json_decref(list);
}

static int usage(FILE *stream, int status)
{
    fputs("Usage: seatrial isolators [--check | --peers] [OPTION...] [PATH...]\n\n"
          "Lists the built-in isolators in their order.\n\n"
          "  --check       plays the scenarios of PATH... (default scenarios/catalogue) and\n"
          "                counts those passed by isolator and world\n"
          "  --lab FILE    of --check: what `seatrial lab run --format json` printed\n"
          "  --lab-kernels K,...  of --check: runs the lab itself, with v2 on these kernels\n"
          "  --simulated   of --check: plays nothing for real\n"
          "  --jobs N      of --check: workers (default 2)\n"
          "  --peers       the values that others write for the same request\n"
          "  --json        prints JSON\n"
          "  --help        prints this\n\n"
          "Exit: 0 fine, 1 a failure or an empty cell without a reason, 2 bad usage.\n",
        stream);
    return status;
}

int isolators_main(int argc, char **argv)
{
    static char catalogue[] = "scenarios/catalogue";
    static char *const paths[] = {catalogue, NULL};
    struct isolators_check check = {.paths = paths, .jobs = "2"};
    bool checks = false, peers = false;
    int i = 1;

    for (; i < argc && str_starts(argv[i], "--"); i++) {
        const bool more = i + 1 < argc;

        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, 0);
        if (strcmp(argv[i], "--check") == 0)
            checks = true;
        else if (strcmp(argv[i], "--peers") == 0)
            peers = true;
        else if (strcmp(argv[i], "--json") == 0)
            check.json = true;
        else if (strcmp(argv[i], "--simulated") == 0)
            check.simulated_only = true;
        else if (strcmp(argv[i], "--lab") == 0 && more)
            check.lab = argv[++i];
        else if (strcmp(argv[i], "--lab-kernels") == 0 && more)
            check.lab_kernels = argv[++i];
        else if (strcmp(argv[i], "--jobs") == 0 && more)
            check.jobs = argv[++i];
        else
            return usage(stderr, 2);
    }
    if (i < argc)
        check.paths = argv + i;
    if ((i < argc && !checks) || (checks && peers) || (check.lab && check.lab_kernels))
        return usage(stderr, 2);
    if (checks)
        return isolators_check(&check);
    if (peers)
        return isolators_peers(check.json);
    isolators_list(check.json);
    return 0;
}
