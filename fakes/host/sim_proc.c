/* SPDX-License-Identifier: Apache-2.0 */
/* The files of /proc that the host's users read. */
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_cni.h"
#include "fakes/host/sim_host_internal.h"
#include "fakes/kernel/cgroup.h"
#include "reference/base/strbuf.h"

/* A zombie is in the root of every v1 hierarchy. */
static char *cgroup_of(const struct process *process, unsigned i)
{
    if (process->state == PROCESS_ZOMBIE || !process->leader->cgroups[i])
        return str_dup("");
    return cgroup_path_of(process->leader->cgroups[i]);
}

/* As the kernel lists them: the hierarchies in reverse, the v2 one as number 0 at the end. */
static char *cgroup_lines(const struct process *process)
{
    const struct kernel *kernel = process->kernel;
    struct strbuf text = STRBUF_INIT;
    for (unsigned i = kernel->hierarchies_count; i > 0; i--) {
        const struct cgroup_root *root = kernel->hierarchies[i - 1];
        _cleanup_free_ char *path = cgroup_of(process, i - 1);
        if (!cgroup_root_is_v2(root))
            strbuf_addf(&text, "%u:%s:/%s\n", i, cgroup_root_name(root), path);
    }
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        _cleanup_free_ char *path = cgroup_of(process, i);
        if (cgroup_root_is_v2(kernel->hierarchies[i]))
            strbuf_addf(&text, "0::/%s\n", path);
    }
    return strbuf_take(&text);
}

/* A process has one socket at most: its inode follows from the pid, its descriptor is 3. */
#define SOCKET_INODE(pid) (UINT64_C(1000000) + (uint64_t)(pid))
#define SOCKET_NAME "3"

static bool is_listening_here(const struct process *process, const struct namespace *network)
{
    return process->state != PROCESS_ZOMBIE && process->listening_port > 0 &&
           process->namespaces[NS_NET] == network;
}

static char *tcp_lines(const struct kernel *kernel, const struct namespace *network)
{
    struct strbuf text = STRBUF_INIT;
    unsigned line = 0;
    strbuf_add(&text, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
                      "retrnsmt   uid  timeout inode\n");
    list_for_each(node, &kernel->processes)
    {
        const struct process *process = list_entry(node, struct process, node);
        if (is_listening_here(process, network))
            strbuf_addf(&text,
                "%4u: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 "
                "%5u        0 %llu 1 0000000000000000 100 0 0 10 0\n",
                line++, process->listening_port, process->uid,
                (unsigned long long)SOCKET_INODE(process->pid));
    }
    return strbuf_take(&text);
}

/* The process of "/proc/PID/fd" and what follows it; NULL for other paths. */
static const struct process *descriptors_of(struct host *host, const char *path, const char **rest)
{
    char *end = NULL;
    long pid = str_starts(path, "/proc/") ? strtol(path + strlen("/proc/"), &end, 10) : 0;
    if (pid <= 0 || !str_starts(end, "/fd"))
        return NULL;
    *rest = end + strlen("/fd");
    return process_find(sim_host_of(host)->kernel, (pid_t)pid);
}

bool sim_proc_list(struct host *host, const char *path, char ***ret_names)
{
    const char *rest = NULL;
    const struct process *process = descriptors_of(host, path, &rest);
    if (!process || *rest != '\0')
        return false;
    char **names = mem_alloc(sizeof(*names));
    if (process->listening_port > 0)
        strv_add(&names, SOCKET_NAME);
    *ret_names = names;
    return true;
}

bool sim_proc_info(struct host *host, const char *path, struct file_info *ret_info)
{
    const char *rest = NULL;
    const struct process *process = descriptors_of(host, path, &rest);
    if (!process || !str_equal(rest, "/" SOCKET_NAME) || process->listening_port == 0)
        return false;
    *ret_info =
        (struct file_info){.type = 's', .mode = 0777, .inode = SOCKET_INODE(process->pid)};
    return true;
}

/* Of every network: two connections, and one that waits for late packets. */
static const char *network_file(const char *name)
{
    static const struct {
        const char *name;
        const char *text;
    } files[] = {
        {"/net/sockstat", "sockets: used 5\nTCP: inuse 2 orphan 0 tw 1 alloc 3 mem 1\n"
                          "UDP: inuse 0 mem 0\n"},
        {"/net/snmp", "Ip: Forwarding InReceives\nIp: 2 12\nIcmp: InMsgs OutMsgs\nIcmp: 1 1\n"
                      "IcmpMsg: InType8\nIcmpMsg: 1\n"
                      "Tcp: MaxConn ActiveOpens RetransSegs\nTcp: -1 2 3\n"
                      "Udp: InDatagrams\nUdp: 4\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (str_equal(files[i].name, name))
            return files[i].text;
    }
    return NULL;
}

bool sim_proc_read(struct host *host, const char *path, char **ret_text)
{
    static const char prefix[] = "/proc/";
    if (!str_starts(path, prefix))
        return false;
    char *rest = NULL;
    if (str_equal(path, "/proc/filesystems")) {
        *ret_text = str_dup("nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\n\text4\nnodev\toverlay\n");
        return true;
    }
    if (str_equal(path, "/proc/net/tcp")) {
        const struct sim_host *sim = sim_host_of(host);
        *ret_text = tcp_lines(sim->kernel, sim->agent->namespaces[NS_NET]);
        return true;
    }
    long pid = strtol(path + sizeof(prefix) - 1, &rest, 10);
    const struct process *process = process_find(sim_host_of(host)->kernel, (pid_t)pid);
    if (str_equal(rest, "/net/dev")) {
        bool alive = process && process->state != PROCESS_ZOMBIE;
        *ret_text = alive ? sim_cni_devices(sim_host_of(host)->world->cni,
                                process->namespaces[NS_NET]->inode)
                          : NULL;
        return true;
    }
    const char *network = network_file(rest);
    if (network) {
        *ret_text = process && process->state != PROCESS_ZOMBIE ? str_dup(network) : NULL;
        return true;
    }
    if (!str_equal(rest, "/cgroup"))
        return false;
    *ret_text = process ? cgroup_lines(process) : NULL;
    return true;
}
