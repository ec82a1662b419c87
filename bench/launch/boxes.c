/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that make namespaces for one command: bubblewrap, unshare of util-linux, systemd-nspawn.
 * They make no cgroups (nspawn is told to keep the unit that it is in). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/launch/program.h"
#include "reference/base/mem.h"

#define ROOTFS "%rootfs%" /* stands for the root in the words below */

struct box_kind {
    const char *program;
    const char *const *words; /* up to the payload */
    int signal;               /* that ends it with all that it has started */
};

struct box {
    const char *name;
    int signal;
    char **argv; /* ends with the payload */
};
struct boxed {
    pid_t pid;
};

static int box_open(
    const struct contender *self, struct launch_world *world, void **ret_data, struct err *err)
{
    const struct box_kind *kind = self->kind;
    struct box *box = mem_alloc(sizeof(*box));
    char *path;

    *ret_data = box;
    box->name = self->name;
    box->signal = kind->signal;
    path = program_find(kind->program, err);
    if (!path)
        return -ENOENT;
    strv_add_owned(&box->argv, path);
    for (const char *const *word = kind->words; *word; word++)
        strv_add(&box->argv, str_equal(*word, ROOTFS) ? world->rootfs : *word);
    return 0;
}

static void box_close(void *data)
{
    struct box *box = data;

    strv_free(box->argv);
    free(box);
}

static int box_prepare(void *data, struct container *container, struct err *err)
{
    (void)data, (void)err;
    container->data = mem_alloc(sizeof(struct boxed));
    return 0;
}

static int box_launch(void *data, struct container *container, struct err *err)
{
    const struct box *box = data;
    struct boxed *boxed = container->data;
    _cleanup_strv_ char **argv = strv_copy(box->argv);

    if (container->stays)
        strv_add(&argv, "stay");
    return program_start(container, argv, &boxed->pid, err);
}

static int box_wait(void *data, struct container *container, struct err *err)
{
    const struct box *box = data;
    struct boxed *boxed = container->data;
    const pid_t pid = boxed->pid;

    boxed->pid = 0;
    return program_end(container, box->name, pid, err);
}

/* The program's end is that of its namespaces' first process, and so of all in them. Its status
 * says how we ended it. */
static int box_destroy(void *data, struct container *container, struct err *err)
{
    const struct box *box = data;
    struct boxed *boxed = container->data;

    if (kill(boxed->pid, box->signal) < 0)
        return err_errno(err, -errno, "kill");
    box_wait(data, container, NULL);
    return container_hung_up(container, err);
}

static void box_release(void *data, struct container *container)
{
    struct boxed *boxed = container->data;

    if (boxed && boxed->pid > 0) /* a measurement has failed */
        box_destroy(data, container, NULL);
    free(boxed);
}

static const char *const bwrap_words[] = {"--unshare-pid", "--unshare-ipc", "--unshare-uts",
    "--die-with-parent", "--bind", ROOTFS, "/", "--proc", "/proc", "--dev", "/dev", "/payload",
    NULL};
static const char *const unshare_words[] = {"--fork", "--kill-child", "--pid", "--ipc", "--uts",
    "--mount", "--mount-proc", "--root", ROOTFS, "/payload", NULL};
static const char *const nspawn_words[] = {"--quiet", "--register=no", "--keep-unit",
    "--console=pipe", "--as-pid2", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
    "--directory", ROOTFS, "/payload", NULL};

static const struct box_kind kind_bwrap = {"bwrap", bwrap_words, SIGKILL};
static const struct box_kind kind_unshare = {"unshare", unshare_words, SIGKILL};
static const struct box_kind kind_nspawn = {"systemd-nspawn", nspawn_words, SIGTERM};

#define BOX(name_, kind_, help_)                                                                   \
    {                                                                                              \
        .name = (name_), .help = (help_), .kind = &(kind_), .open = box_open,                      \
        .prepare = box_prepare, .release = box_release, .launch = box_launch, .wait = box_wait,    \
        .destroy = box_destroy, .close = box_close                                                 \
    }

const struct contender boxes[] = {
    BOX("bwrap", kind_bwrap,
        "bubblewrap: pid, ipc, uts and mount namespaces, a root with /proc and /dev, no cgroups"),
    BOX("unshare", kind_unshare,
        "unshare of util-linux: the same namespaces, chroot with /proc, no cgroups"),
    BOX("nspawn", kind_nspawn, "systemd-nspawn: the same namespaces, its own mounts, no cgroups"),
    {0},
};
