/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/machine.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fakes/fake_csi.h"
#include "reference/base/mem.h"

#define STANDARD_PLACE "/sys/fs/cgroup"

bool machine_has_v1(void)
{
    return access(STANDARD_PLACE "/freezer/cgroup.procs", F_OK) == 0;
}

const char *machine_cgroup2(void)
{
    static const char *const places[] = {STANDARD_PLACE, STANDARD_PLACE "/unified"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *file = str_printf("%s/cgroup.controllers", places[i]);
        if (access(file, F_OK) == 0)
            return places[i];
    }
    return NULL;
}

static bool list_has(const struct node *agent, const char *key, const char *name)
{
    size_t count;
    struct node *const *names = node_list(agent, key, &count);
    bool has = false;
    for (size_t i = 0; i < count; i++)
        has = has || strcmp(names[i]->text, name) == 0;
    return has;
}

bool machine_has_docker(const struct node *agent)
{
    return list_has(agent, "containerizers", "docker");
}

bool machine_has_isolator(const struct node *agent, const char *isolator)
{
    return list_has(agent, "isolation", isolator);
}

const char *machine_layout(const struct node *agent)
{
    const char *asked = node_text(agent, "cgroups");
    if (!str_equal(node_text(agent, "launcher"), "linux") && !machine_has_docker(agent))
        return "none";
    if (asked)
        return strcmp(asked, "hybrid") == 0 ? NULL : asked;
    return machine_has_v1() ? "v1" : NULL;
}

/* cgroups/mem is the controller memory; the version decides between blkio and io. */
static const char *controller_of(const char *isolator, bool v2)
{
    static const struct {
        const char *isolator;
        const char *v1;
        const char *v2;
    } names[] = {{"cgroups/mem", "memory", "memory"}, {"cgroups/blkio", "blkio", "io"},
        {"cgroups/devices", "devices", NULL}, {"cgroups/perf_event", "perf_event", NULL},
        {"cgroups/all", NULL, NULL},
        /* cpu and memory; a kernel may lack the second of v1 */
        {"cgroups", "memory", "memory"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].isolator, isolator) == 0)
            return v2 ? names[i].v2 : names[i].v1;
    }
    return str_starts(isolator, "cgroups/") ? isolator + strlen("cgroups/") : NULL;
}

#define CSI_PLUGIN "csi-plugin" /* below the work directory */

int machine_csi_start(struct world *world, const struct node *agent, struct err *err)
{
    if (!machine_has_isolator(agent, "volume/csi"))
        return 0;
    _cleanup_free_ char *directory = str_printf("%s/" CSI_PLUGIN, world->work_dir);
    world->csi = fake_csi_new(world->observer, directory, err);
    return world->csi ? 0 : err->code;
}

void machine_csi_flags(const struct world *world, struct flags *flags)
{
    _cleanup_free_ char *configs = str_printf("%s/" CSI_PLUGIN "/config", world->work_dir);
    if (world->csi)
        flags_set(flags, "csi_plugin_config_dir", configs, NULL);
}

static bool has_v2(const char *controller)
{
    _cleanup_free_ char *path = str_printf("%s/cgroup.controllers", machine_cgroup2());
    FILE *stream = fopen(path, "re");
    char line[400] = "";
    if (stream) {
        if (!fgets(line, sizeof(line), stream))
            line[0] = '\0';
        fclose(stream);
    }
    _cleanup_strv_ char **words = strv_split(line, " \n");
    return strv_contains(words, controller);
}

static bool has_v1(const char *controller)
{
    _cleanup_free_ char *path = str_printf(STANDARD_PLACE "/%s/cgroup.procs", controller);
    return access(path, F_OK) == 0;
}

/* The kernel has it: lines of /proc/cgroups are "NAME HIERARCHY CGROUPS ENABLED". The number is 0
 * without a hierarchy of v1; one that was unmounted a moment ago still has its number. */
static bool kernel_has_v1(const char *controller, unsigned *ret_hierarchy)
{
    FILE *stream = fopen("/proc/cgroups", "re");
    char line[200];
    bool has = false;
    *ret_hierarchy = 0;
    while (stream && !has && fgets(line, sizeof(line), stream)) {
        char name[64];
        unsigned enabled;
        has = sscanf(line, "%63s %u %*u %u", name, ret_hierarchy, &enabled) == 3 && enabled &&
              str_equal(name, controller);
    }
    if (stream)
        fclose(stream);
    return has;
}

/* From linux/mount.h, which not every C library lets stand beside sys/mount.h. */
#define FSOPEN_CLOSE_ON_EXEC 1
#define FSCONFIG_FLAG 0

/* A kernel may list a controller that v1 does without (6.12 of Debian: memory and cpuset). The file
 * system then refuses when it hears the name; nothing is mounted by that. */
static bool v1_takes(const char *controller)
{
    int fd = (int)syscall(SYS_fsopen, "cgroup", FSOPEN_CLOSE_ON_EXEC);
    if (fd < 0)
        return true; /* before 5.2 */
    bool takes =
        syscall(SYS_fsconfig, fd, FSCONFIG_FLAG, controller, NULL, 0) == 0 || errno != EINVAL;
    close(fd);
    return takes;
}

/* Though it may have no hierarchy of v1 yet. */
static bool can_mount_v1(const char *controller)
{
    unsigned hierarchy;
    return kernel_has_v1(controller, &hierarchy) && geteuid() == 0 && v1_takes(controller);
}

int machine_mounts_unshare(void)
{
    static bool unshared;
    if (unshared)
        return 0;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
        return -errno;
    unshared = true;
    return 0;
}

static int hierarchy_mount(const char *directory, const char *controller)
{
    _cleanup_free_ char *path = str_printf("%s/%s", directory, controller);
    if ((mkdir(directory, 0755) < 0 && errno != EEXIST) ||
        (mkdir(path, 0755) < 0 && errno != EEXIST))
        return -errno;
    return mount("cgroup", path, "cgroup", 0, controller) < 0 ? -errno : 0;
}

int machine_mount(const struct node *agent, const char *directory, struct err *err)
{
    const char *layout = machine_layout(agent);
    _cleanup_free_ char *text = node_list_text(agent, "isolation");
    _cleanup_strv_ char **isolators = text ? strv_split(text, ",") : NULL;
    for (size_t i = 0; isolators && isolators[i] && str_equal(layout, "v1"); i++) {
        const char *controller = controller_of(isolators[i], false);
        if (!controller || has_v1(controller) || !can_mount_v1(controller))
            continue;
        int r = machine_mounts_unshare();
        if (r == 0)
            r = hierarchy_mount(directory, controller);
        if (r < 0)
            return err_errno(err, r, "mount the %s hierarchy in %s", controller, directory);
    }
    return 0;
}

char *machine_lacks(const struct node *agent, const struct node *asks)
{
    const char *layout = machine_layout(agent);
    bool v2 = layout ? strcmp(layout, "v2") == 0 : !machine_has_v1();
    _cleanup_free_ char *text = node_list_text(asks, "isolation");
    if (!text || !str_equal(node_text(agent, "launcher"), "linux"))
        return NULL;
    _cleanup_strv_ char **isolators = strv_split(text, ",");
    for (size_t i = 0; isolators && isolators[i]; i++) {
        const char *controller = controller_of(isolators[i], v2);
        unsigned hierarchy = 0;
        if (v2 && strcmp(isolators[i], "cgroups/perf_event") == 0 &&
            kernel_has_v1("perf_event", &hierarchy) && hierarchy != 0)
            return str_dup("needs perf_event in cgroups v2, but a hierarchy of v1 has it");
        if (controller && !(v2 ? has_v2(controller)
                               : has_v1(controller) || can_mount_v1(controller)))
            return str_printf("needs the controller %s of cgroups %s, which the machine has not",
                controller, v2 ? "v2" : "v1");
    }
    return NULL;
}
