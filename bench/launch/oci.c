/* SPDX-License-Identifier: Apache-2.0 */
/* runc and crun, on bundles with the same namespaces and cgroups as the reference's. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/launch/program.h"
#include "reference/base/mem.h"

struct oci {
    const char *name;
    char *program;
    char *state; /* --root=… */
};
struct oci_box {
    char *bundle;
    pid_t pid;  /* of a run in the foreground */
    bool lives; /* was not seen to end */
};

static const char spec[] =
    "{\"ociVersion\":\"1.0.0\",\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},"
    "\"args\":[\"/payload\"%s],\"env\":[\"PATH=/\"],\"cwd\":\"/\",\"noNewPrivileges\":true},"
    "\"root\":{\"path\":\"%s\",\"readonly\":true},\"hostname\":\"bench\",\"mounts\":[{"
    "\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},{\"destination\":\"/dev\","
    "\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]}],\"linux\":{"
    "\"cgroupsPath\":\"/%s/%s-%zu\",\"resources\":{\"memory\":{\"limit\":67108864},"
    "\"cpu\":{\"shares\":1024}},\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},"
    "{\"type\":\"uts\"},{\"type\":\"mount\"}]}}";

static int oci_open(
    const struct contender *self, struct launch_world *world, void **ret_data, struct err *err)
{
    struct oci *oci = mem_alloc(sizeof(*oci));

    *ret_data = oci;
    oci->name = self->name;
    oci->program = program_find(self->name, err);
    oci->state = str_printf("--root=%s/state-%s", world->directory, self->name);
    return oci->program ? 0 : -ENOENT;
}

static void oci_close(void *data)
{
    struct oci *oci = data;

    free(oci->program);
    free(oci->state);
    free(oci);
}

static int oci_prepare(void *data, struct container *container, struct err *err)
{
    const struct oci *oci = data;
    struct oci_box *box = mem_alloc(sizeof(*box));
    const struct launch_world *world = container->world;
    FILE *file;

    container->data = box;
    box->bundle = str_printf("%s.bundle", container->directory);
    _cleanup_free_ char *config = str_printf("%s/config.json", box->bundle);
    if (mkdir(box->bundle, 0755) < 0 || !(file = fopen(config, "we")))
        return err_errno(err, -errno, "bundle %s", box->bundle);
    fprintf(file, spec, container->stays ? ",\"stay\"" : "", world->rootfs, world->cgroup,
        oci->name, container->slot);
    return fclose(file) < 0 ? err_errno(err, -errno, "bundle %s", box->bundle) : 0;
}

/* Calls the runtime with further words, of which the last is the container's id. */
static char **words(const struct oci *oci, const struct container *container,
    const char *const *more, const char *bundle)
{
    char **argv = NULL;

    strv_add(&argv, oci->program);
    strv_add(&argv, oci->state);
    for (; *more; more++)
        strv_add(&argv, *more);
    if (bundle) {
        strv_add(&argv, "--bundle");
        strv_add(&argv, bundle);
    }
    strv_add_owned(&argv, str_printf("seatrial-bench-%llu", (unsigned long long)container->number));
    return argv;
}

static int oci_launch(void *data, struct container *container, struct err *err)
{
    static const char *const run[] = {"run", NULL}, *const detached[] = {"run", "--detach", NULL};
    struct oci_box *box = container->data;
    _cleanup_strv_ char **argv =
        words(data, container, container->stays ? detached : run, box->bundle);

    box->lives = true;
    return container->stays ? program_run(container, argv, err)
                            : program_start(container, argv, &box->pid, err);
}

static int oci_wait(void *data, struct container *container, struct err *err)
{
    const struct oci *oci = data;
    struct oci_box *box = container->data;
    const pid_t pid = box->pid;

    box->pid = 0;
    box->lives = false;
    return program_end(container, oci->name, pid, err);
}

static int oci_destroy(void *data, struct container *container, struct err *err)
{
    static const char *const delete[] = {"delete", "--force", NULL};
    struct oci_box *box = container->data;
    _cleanup_strv_ char **argv = words(data, container, delete, NULL);
    int r = program_run(container, argv, err);

    box->lives = false;
    return r;
}

static void oci_release(void *data, struct container *container)
{
    struct oci_box *box = container->data;

    if (!box)
        return;
    _cleanup_free_ char *config = str_printf("%s/config.json", box->bundle);
    if (box->lives) /* a measurement has failed */
        oci_destroy(data, container, NULL);
    if (box->pid > 0)
        program_end(container, "", box->pid, NULL);
    unlink(config);
    rmdir(box->bundle);
    free(box->bundle);
    free(box);
}

#define OCI(name_, help_)                                                                          \
    {                                                                                              \
        .name = (name_), .help = (help_), .open = oci_open, .prepare = oci_prepare,                \
        .release = oci_release, .launch = oci_launch, .wait = oci_wait, .destroy = oci_destroy,    \
        .close = oci_close                                                                         \
    }

const struct contender runtimes[] = {
    OCI("crun", "crun run: pid, ipc, uts and mount namespaces, pivoted root with /proc, cgroups"),
    OCI("runc", "runc run on the same bundle"),
    {0},
};
