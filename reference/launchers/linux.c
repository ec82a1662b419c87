/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux launcher (launchers.md 3): a container is its cgroup, on v1 in the freezer hierarchy
 * (and systemd's, when it runs), on v2 in the unified one. This file has its records, status and
 * destroy; linux_fork.c and linux_recover.c the rest, linux_cgroup_v*.c the kill itself.
 */
#include "reference/launchers/linux.h"

#include <errno.h>
#include <signal.h>

#include "reference/base/mem.h"
#include "reference/base/sometimes.h"
#include "reference/model/container_id.h"

struct linux_record *linux_record_add(struct linux_launcher *launcher, const char *id, pid_t pid)
{
    struct linux_record *record = mem_alloc(sizeof(*record));
    record->launcher = launcher;
    record->id = str_dup(id);
    record->pid = pid;
    _cleanup_free_ char *parent = container_id_parent(id);
    if (parent)
        record->parent = strmap_get(launcher->records, parent);
    if (record->parent)
        record->parent->children++;
    strmap_set(launcher->records, id, record);
    return record;
}

static void record_free(struct linux_record *record)
{
    cgroup_destroy_free(record->operation);
    free(record->waiters);
    free(record->id);
    free(record);
}

/* Answers everybody who waits for this destroy. The record stays when it failed, so that it can be
 * tried again. */
static void destroy_finish(struct linux_record *record, int result, const struct err *err)
{
    struct done *waiters = TAKE_PTR(record->waiters);
    size_t count = record->waiters_count;
    record->waiters_count = record->waiters_capacity = 0;
    record->destroying = false;
    if (result == 0) {
        if (record->parent)
            record->parent->children--;
        strmap_remove(record->launcher->records, record->id);
        record_free(record);
    }
    for (size_t i = 0; i < count; i++) {
        if (result < 0)
            done_fail(waiters[i], result, err);
        else
            done_ok(waiters[i], NULL);
    }
    free(waiters);
}

static void destroy_next(struct linux_record *record);

static void hierarchy_done(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct linux_record *record = arg;
    record->operation = NULL;
    if (result == 0) {
        destroy_next(record);
        return;
    }
    _cleanup_err_ struct err wrapped = ERR_INIT;
    err_copy(&wrapped, err);
    if (!wrapped.message)
        err_errno(&wrapped, result, "destroy cgroups");
    err_wrap(&wrapped, result, "destroy %s", record->id);
    destroy_finish(record, result, &wrapped);
}

/* One hierarchy after the other: the freezer's, then systemd's. */
static void destroy_next(struct linux_record *record)
{
    struct linux_launcher *launcher = record->launcher;
    struct cgroup_fs *fs = *record->next_fs;
    if (!fs) {
        destroy_finish(record, 0, NULL);
        return;
    }
    record->next_fs++;
    _cleanup_free_ char *path = launcher_cgroup(launcher->root, record->id);
    record->operation = cgroup_destroy_new(launcher->v2 ? &cgroup_destroy_v2 : &cgroup_destroy_v1,
        launcher->base.host, fs, path, launcher->destroy_timeout_ns, DONE(hierarchy_done, record));
    if (record->init)
        cgroup_destroy_init(record->operation, record->pid);
    cgroup_destroy_start(record->operation);
}

static void waiter_add(struct linux_record *record, struct done done)
{
    if (!done.fn)
        return;
    record->waiters = mem_grow(record->waiters, &record->waiters_capacity,
        record->waiters_count + 1, sizeof(*record->waiters));
    record->waiters[record->waiters_count++] = done;
}

void linux_destroy(struct launcher *base, const char *id, struct done done)
{
    struct linux_launcher *launcher = linux_launcher_of(base);
    struct linux_record *record = strmap_get(launcher->records, id);
    if (!record) {
        done_ok(done, NULL);
        return;
    }
    if (record->children > 0) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -EBUSY, "destroy %s: it has %u nested containers", id, record->children);
        done_fail(done, -EBUSY, &err);
        return;
    }
    waiter_add(record, done);
    if (record->destroying) {
        sometimes("the linux launcher is asked to destroy twice");
        return;
    }
    record->destroying = true;
    if (record->pid > 0 && host_enters_later(base->host, record->pid))
        host_signal(base->host, record->pid, SIGKILL, NULL);
    size_t count = 0;
    if (launcher->v2) {
        record->plan_fs[count++] = launcher->unified;
    } else {
        record->plan_fs[count++] = launcher->freezer;
        if (launcher->systemd)
            record->plan_fs[count++] = launcher->systemd;
    }
    record->plan_fs[count] = NULL;
    record->next_fs = record->plan_fs;
    destroy_next(record);
}

static int linux_status(
    struct launcher *launcher, const char *id, struct container_status *into, struct err *err)
{
    const struct linux_record *record = strmap_get(linux_launcher_of(launcher)->records, id);
    if (!record)
        return err_set(err, -ENOENT, "status of %s: no such container", id);
    if (record->pid > 0)
        into->executor_pid = (struct opt_i64)OPT(record->pid);
    return 0;
}

static void linux_free(struct launcher *base)
{
    struct linux_launcher *launcher = linux_launcher_of(base);
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(launcher->records, &cursor, &id, &value)) {
        struct linux_record *record = value;
        cgroup_destroy_free(TAKE_PTR(record->operation));
        for (size_t i = 0; i < record->waiters_count; i++)
            done_fail(record->waiters[i], -ESHUTDOWN, NULL);
        record_free(record);
    }
    exit_set_free(launcher->discarded);
    strmap_free(launcher->records);
    free(launcher->root);
    free(launcher);
}

static const struct launcher_ops linux_ops = {
    .name = "linux",
    .recover = linux_recover,
    .fork = linux_fork,
    .destroy = linux_destroy,
    .status = linux_status,
    .free = linux_free,
};

static int find_v2(struct linux_launcher *launcher, struct err *err)
{
    const struct cgroup_hierarchy *unified =
        cgroup_hierarchy_find(launcher->base.host->cgroups, "");
    if (!unified)
        return err_set(err, -ENODEV, "linux launcher: no cgroup2 hierarchy");
    launcher->unified = unified->fs;
    return 0;
}

static int find_v1(struct linux_launcher *launcher, bool systemd, struct err *err)
{
    struct host *host = launcher->base.host;
    if (!host->facts.root)
        return err_set(err, -EPERM, "linux launcher: needs root for the freezer hierarchy");
    const struct cgroup_hierarchy *freezer = cgroup_hierarchy_find(host->cgroups, "freezer");
    if (!freezer)
        return err_set(err, -ENODEV,
            "linux launcher: the freezer hierarchy is not mounted "
            "(mount -t cgroup -o freezer freezer /sys/fs/cgroup/freezer)");
    if (strv_length(freezer->controllers) != 1)
        return err_set(err, -EINVAL,
            "linux launcher: the freezer shares its hierarchy %s with other controllers",
            freezer->name);
    launcher->freezer = freezer->fs;
    if (!systemd)
        return 0;
    const struct cgroup_hierarchy *named = cgroup_hierarchy_find(host->cgroups, "name=systemd");
    if (!named)
        return err_set(err, -ENODEV, "linux launcher: systemd's hierarchy is not mounted");
    launcher->systemd = named->fs;
    int result = cgroup_create_recursive(launcher->systemd, launcher->root, err);
    return result < 0 ? err_wrap(err, result, "linux launcher") : 0;
}

static void discarded_gone(void *arg, int result)
{
    (void)arg;
    (void)result;
}

int launcher_linux_new(struct host *host, const struct launcher_linux_options *options,
    struct launcher **ret_launcher, struct err *err)
{
    struct linux_launcher *launcher = mem_alloc(sizeof(*launcher));
    launcher->base.ops = &linux_ops;
    launcher->base.host = host;
    launcher->root = str_dup(options->cgroups_root);
    launcher->destroy_timeout_ns = options->destroy_timeout_ns;
    launcher->records = strmap_new();
    launcher->discarded = exit_set_new(host, discarded_gone, NULL);
    launcher->v2 = host->cgroups && host->cgroups->unified;
    int result;
    if (!host->cgroups)
        result = err_set(err, -ENODEV, "linux launcher: no cgroup hierarchy is mounted");
    else
        result = launcher->v2 ? find_v2(launcher, err) : find_v1(launcher, options->systemd, err);
    if (result < 0) {
        linux_free(&launcher->base);
        return result;
    }
    *ret_launcher = &launcher->base;
    return 0;
}
