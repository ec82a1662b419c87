/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel under our feet with the processes made by another's runtime (crun, runc, …): what that
 * does with namespaces, mounts, users, capabilities and limits is held to the same scenarios.
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/backends/kernel_clean.h"
#include "scenarios/engine/backends/kernel_world.h"
#include "scenarios/engine/backends/machine.h"
#include "scenarios/engine/oci/oci_host.h"
#include "scenarios/engine/oci/runtime.h"

#define NAME "oci"

/* Of this process: the runtime that was chosen, and its containers in the world of the moment. */
static char *program;
static char *label; /* the backend's name with it */
static struct oci_world *containers;

static struct host *oci_host_new(struct world *world)
{
    struct host *host = kernel_agent_host(world);
    oci_host_take(host, containers);
    return host;
}

/* Of a container that ends while no agent is there, nobody but its parent knows the status. */
static int oci_next_pid(struct world *world, pid_t pid, struct err *err)
{
    (void)world, (void)pid;
    oci_world_refuse(containers, "an exit status that outlives the number of the process");
    return err_set(err, -EOPNOTSUPP, "a runtime keeps no exit status");
}

static char **oci_audit(struct world *world, bool final)
{
    char **lines = NULL;
    oci_world_audit(containers, final, &lines);
    char **more = kernel_audit(world, final);
    for (size_t i = 0; more && more[i]; i++)
        strv_add(&lines, more[i]);
    strv_free(more);
    return lines;
}

static const char *oci_beyond(struct world *world)
{
    (void)world;
    return oci_world_beyond(containers);
}

static void oci_free(struct world *world)
{
    _cleanup_free_ char *root = str_dup(world->cgroups_root);
    oci_world_free(TAKE_PTR(containers));
    cgroups_thaw(root);
    kernel_free_world(world);
    cgroups_remove(root);
}

static const struct world_ops oci_world_ops = {
    .host_new = oci_host_new,
    .flags = kernel_flags,
    .descriptors = kernel_descriptors,
    .next_pid = oci_next_pid,
    .processes = kernel_processes,
    .audit = oci_audit,
    .beyond = oci_beyond,
    .describe = kernel_describe,
    .free = oci_free,
};

/* Beside version 1 some refuse to see version 2 (crun), which nobody asks for here then. */
static int hide_unified(struct err *err)
{
    static bool hidden;
    const char *place = machine_cgroup2();
    int result = machine_mounts_unshare();
    if (result < 0)
        return err_errno(err, result, "make a mount namespace");
    if (hidden || !machine_has_v1() || !place)
        return 0;
    hidden = true;
    return umount2(place, MNT_DETACH) < 0 ? err_errno(err, -errno, "unmount %s", place) : 0;
}

static int oci_world_make(
    const struct world_options *options, struct world **ret_world, struct err *err)
{
    struct world *world = NULL;
    /* Behind the fork that the world of the kernel begins with: it is for this process. */
    int result = kernel_world_make(options, backend_oci(NULL), &oci_world_ops, &world, err);
    if (result < 0)
        return result;
    const char *directory = kernel_of(world)->directory;
    _cleanup_free_ char *cgroups = str_printf("%s-" NAME, world->cgroups_root);
    result = hide_unified(err);
    if (result == 0)
        result = oci_world_new(program, directory, cgroups, &containers, err);
    if (result < 0)
        oci_free(world);
    else
        *ret_world = world;
    return result;
}

static bool oci_has(enum capability capability, const char **ret_reason)
{
    const bool version2 =
        capability == CAPABILITY_CGROUPS_V2 || capability == CAPABILITY_CGROUPS_HYBRID;
    if (version2 && machine_has_v1())
        *ret_reason = "the runtime uses version 1 here";
    else if (geteuid() != 0)
        *ret_reason = "only root can";
    else
        return kernel_has(capability, ret_reason);
    return false;
}

/* Its files are made when the process is there, and a runtime wants to see them before. */
static char *oci_lacks(const struct node *agent, const struct node *asks)
{
    if (machine_has_isolator(asks, "network/cni"))
        return str_dup("network/cni mounts files that are made when the process is there");
    return machine_lacks(agent, asks);
}

static struct backend backend = {
    .help = "the kernel that this runs on, with the processes made by crun, runc or another",
    .like = "kernel",
    .timeout_ns = 8 * NS_PER_SEC, /* much of what is missed here never comes */
    .has = oci_has,
    .lacks = oci_lacks,
    .world_new = oci_world_make,
};

/* "oci:NAME"; "oci" is the first one that there is. */
static char *find_program(const char *name)
{
    static const char *const known[] = {"crun", "runc", "youki"};
    char *found = NULL;
    if (name[0] == ':')
        return runtime_find(name + 1);
    for (size_t i = 0; !found && i < ARRAY_SIZE(known); i++)
        found = runtime_find(known[i]);
    return found;
}

const struct backend *backend_oci(const char *name)
{
    if (!name)
        return &backend;
    if (!str_starts(name, NAME) || (name[strlen(NAME)] != ':' && name[strlen(NAME)] != '\0'))
        return NULL;
    free(program);
    program = find_program(name + strlen(NAME));
    if (!program)
        return NULL;
    free(label);
    label = str_printf(NAME ":%s", strrchr(program, '/') + 1);
    backend.name = label;
    return &backend;
}
