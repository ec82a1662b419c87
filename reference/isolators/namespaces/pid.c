/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces/pid: who shares whose pid namespace (isolators.md 9, launchers.md 4). */
#include <errno.h>
#include <sys/mount.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/model/container_id.h"

struct namespaces_pid {
    struct isolator base;
    bool disallow_agent;
    char *runtime_dir;
};

static bool shares(const struct container_config *config)
{
    const struct linux_info *info =
        config->container_info ? config->container_info->linux_info : NULL;

    return info && info->share_pid_namespace.set && info->share_pid_namespace.value;
}

static void pid_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct namespaces_pid *pid = container_of(isolator, struct namespaces_pid, base);
    const bool nested = container_id_is_nested(id);
    struct launch_info info = {0};

    if (!nested && shares(config) && pid->disallow_agent) {
        done_error(done, -EPERM, "sharing the agent's pid namespace is not allowed");
        return;
    }
    if (nested)
        launch_add_enter(&info, NS_PID);
    if (nested && config->container_class == CONTAINER_CLASS_DEBUG) {
        launch_done(done, &info);
        return;
    }
    if (!shares(config)) {
        launch_add_clone(&info, NS_PID);
        launch_add_clone(&info, NS_MNT);
        launch_add_mount(&info, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    } else if (nested) {
        /* The proc of the agent's namespace is moved away first: mounting over it is refused with
         * EBUSY where it is the same (MESOS-9529). */
        _cleanup_free_ char *aside = launch_runtime_file(pid->runtime_dir, id, "mnt/host_proc");

        launch_add_clone(&info, NS_MNT);
        launch_add_mkdir(&info, aside, true);
        launch_add_mount_operation(&info, "/proc", aside, NULL, MS_MOVE, NULL);
        launch_add_mount_operation(
            &info, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    }
    launch_done(done, &info);
}

static void pid_free(struct isolator *isolator)
{
    struct namespaces_pid *pid = container_of(isolator, struct namespaces_pid, base);

    free(pid->runtime_dir);
    free(pid);
}

static const struct isolator_ops namespaces_pid_ops = {.prepare = pid_prepare, .free = pid_free};

int isolator_namespaces_pid_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct namespaces_pid *pid;

    if (!(context->host->facts.namespaces & NS_BIT(NS_PID)))
        return err_set(err, -ENOTSUP, "the kernel has no pid namespaces, or they may not be made");
    pid = mem_alloc(sizeof(*pid));
    pid->base = (struct isolator){
        .ops = &namespaces_pid_ops, .name = "namespaces/pid", .host = context->host};
    pid->disallow_agent = context->flags->disallow_sharing_agent_pid_namespace;
    pid->runtime_dir = str_dup(context->flags->runtime_dir);
    *ret_isolator = &pid->base;
    return 0;
}
