/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/private_network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/backends/script.h"

struct private_network {
    int old_net;
    int old_mounts;
    int directory; /* the working one, which is lost on the way back */
    int gateway;   /* its namespace lives as long as this is open */
};

static const char *const programs[] = {"/usr/sbin/ip", "/usr/sbin/tc", "/usr/sbin/ethtool"};
enum { PROGRAM_IP, PROGRAM_TC, PROGRAM_ETHTOOL };

static bool has_program(int which)
{
    return access(programs[which], X_OK) == 0;
}

/* --- mounts --- */

/* Resolvers and systemd keep what others read below /run. */
static int run_replace(void)
{
    static const char *const kept[] = {
        "/run/systemd", "/run/resolvconf", "/run/NetworkManager"};
    int old = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = old < 0 || mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") < 0 ? -errno : 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kept); i++) {
        _cleanup_free_ char *from =
            str_printf("/proc/self/fd/%d/%s", old, kept[i] + strlen("/run/"));

        if (access(from, F_OK) == 0 && (mkdir(kept[i], 0755) < 0 ||
                                           mount(from, kept[i], NULL, MS_BIND | MS_REC, NULL) < 0))
            r = -errno;
    }
    if (old >= 0)
        close(old);
    return r;
}

/* /sys tells of the network of whoever has mounted it. What others have mounted below /sys/fs
 * (cgroups) stays. */
static int sys_replace(void)
{
    static const char beside[] = "/run/sys-fs";

    if (mkdir(beside, 0755) < 0 || mount("/sys/fs", beside, NULL, MS_BIND | MS_REC, NULL) < 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
        mount(beside, "/sys/fs", NULL, MS_MOVE, NULL) < 0 || rmdir(beside) < 0)
        return -errno;
    return 0;
}

static int mounts_make(void)
{
    int r = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : run_replace();

    if (r == 0)
        r = sys_replace();
    if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
        r = -errno;
    return r;
}

/* --- links --- */

static int links_make(int gateway, struct err *err)
{
    _cleanup_free_ char *script = str_printf(
        "g=/proc/%d/fd/%d\n"
        "ip link set lo up\n"
        "ip link add eth0 type veth peer name gw\n"
        "ip link set gw netns $g\n"
        "ip addr add 10.77.0.2/24 dev eth0\n"
        "ip link set eth0 up\n"
        "nsenter --net=$g ip addr add 10.77.0.1/24 dev gw\n"
        "nsenter --net=$g ip link set gw up\n"
        "nsenter --net=$g ip link set lo up\n"
        "ip route add default via 10.77.0.1\n",
        (int)getpid(), gateway);

    return script_run("make a network", script, err);
}

static int namespace_open(const char *name)
{
    _cleanup_free_ char *path = str_printf("/proc/thread-self/ns/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int namespaces_enter(struct private_network *network, struct err *err)
{
    int r = 0;

    network->old_net = namespace_open("net");
    network->old_mounts = namespace_open("mnt");
    network->directory = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* The first is the gateway's. */
    if (network->old_net < 0 || network->old_mounts < 0 || unshare(CLONE_NEWNET) < 0)
        return err_errno(err, -errno, "make a network namespace");
    network->gateway = namespace_open("net");
    if (network->gateway < 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
        r = -errno;
    if (r == 0)
        r = mounts_make();
    if (r < 0)
        return err_errno(err, r, "make a network of its own");
    return links_make(network->gateway, err);
}

int private_network_enter(struct private_network **ret_network, struct err *err)
{
    struct private_network *network = mem_alloc(sizeof(*network));
    int r;

    *network = (struct private_network){-1, -1, -1, -1};
    r = namespaces_enter(network, err);
    if (r < 0)
        private_network_leave(network);
    else
        *ret_network = network;
    return r;
}

static void descriptor_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Whoever can't go back must not play another scenario here. */
static void namespace_return(int fd, int kind)
{
    if (fd >= 0 && setns(fd, kind) < 0) {
        perror("seatrial: leave a network of its own");
        _exit(1);
    }
}

void private_network_leave(struct private_network *network)
{
    if (!network)
        return;
    namespace_return(network->old_net, CLONE_NEWNET);
    namespace_return(network->old_mounts, CLONE_NEWNS);
    if (network->directory >= 0 && fchdir(network->directory) < 0)
        perror("seatrial: the working directory is gone");
    descriptor_close(network->old_net);
    descriptor_close(network->old_mounts);
    descriptor_close(network->directory);
    descriptor_close(network->gateway);
    free(network);
}

static void audit_entries(const char *path, const char *what, char ***lines)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        _cleanup_free_ char *bridge = str_printf("%s/%s/bridge", path, entry->d_name);

        if (entry->d_name[0] != '.' && !str_equal(entry->d_name, "lo") &&
            !str_equal(entry->d_name, "eth0") && access(bridge, F_OK) < 0)
            strv_add_owned(lines, str_printf("network %s %s", what, entry->d_name));
    }
    if (directory)
        closedir(directory);
}

void private_network_audit(const struct private_network *network, char ***lines)
{
    if (!network)
        return;
    audit_entries("/sys/class/net", "link", lines);
    audit_entries("/run/netns", "namespace", lines);
}

/* --- what works --- */

static bool network_ask(void)
{
    return has_program(PROGRAM_IP) &&
           script_works(CLONE_NEWNET, "ip link add name probe0 type veth peer name probe1\n"
                                      "ip link set lo up\n");
}

static bool control_ask(void)
{
    return has_program(PROGRAM_TC) && has_program(PROGRAM_ETHTOOL) &&
           script_works(CLONE_NEWNET,
               "ip link set lo up\n"
               "tc qdisc add dev lo ingress\n"
               "tc filter add dev lo parent ffff: protocol ip prio 1 u32 match u32 0 0 "
               "action mirred egress redirect dev lo\n");
}

static bool shaping_ask(void)
{
    return script_works(CLONE_NEWNET,
        "tc qdisc add dev lo root handle 1: htb default 1\n"
                        "tc class add dev lo parent 1: classid 1:1 htb rate 1mbps\n"
                        "tc qdisc add dev lo parent 1:1 fq_codel\n");
}

bool private_network_works(void)
{
    static int answer = -1;

    return script_once(&answer, network_ask);
}

bool traffic_control_works(void)
{
    static int answer = -1;

    return private_network_works() && script_once(&answer, control_ask);
}

bool traffic_shaping_works(void)
{
    static int answer = -1;

    return traffic_control_works() && script_once(&answer, shaping_ask);
}
