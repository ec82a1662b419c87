/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provisioner whose root file systems are empty directories below its store, one for each
 * container, named after it. They are on the host's file system, so another agent finds them.
 */
#include <errno.h>
#include <stdlib.h>

#include "fakes/fake_fetcher.h"
#include "fakes/fake_script.h"
#include "reference/model/container_id.h"

enum provisioner_call {
    PROVISIONER_RECOVER,
    PROVISIONER_PROVISION,
    PROVISIONER_DESTROY,
    PROVISIONER_PRUNE,
    PROVISIONER_CALL_COUNT
};

static void *info_copy(const void *value)
{
    const struct provision_info *info = value;
    struct provision_info *copy = mem_alloc(sizeof(*copy));
    copy->rootfs = str_dup(info->rootfs);
    return copy;
}

static void info_free(void *value)
{
    struct provision_info *info = value;
    free((char *)(uintptr_t)info->rootfs);
    free(info);
}
static const struct fake_value value_info = {info_copy, info_free};

static const struct fake_call_kind kinds[PROVISIONER_CALL_COUNT] = {
    [PROVISIONER_RECOVER] = {"recover", NULL},
    [PROVISIONER_PROVISION] = {"provision", &value_info},
    [PROVISIONER_DESTROY] = {"destroy", &fake_value_bool},
    [PROVISIONER_PRUNE] = {"prune", NULL},
};

struct fake_provisioner {
    struct provisioner base;
    char *store;
    struct fake_script script;
};

/* Who asked for a provision: the fake stands in between, as a destroy may wait for it. */
struct provision {
    struct fake_provisioner *fake;
    char *id;
    struct done done;
};

static struct fake_provisioner *fake_of(struct provisioner *provisioner)
{
    return container_of(provisioner, struct fake_provisioner, base);
}

static char *rootfs_path(const struct fake_provisioner *fake, const char *id)
{
    return str_printf("%s/%s", fake->store, id);
}

/* Removes the container's root and those of its nested ones. */
static int roots_remove(
    struct fake_provisioner *fake, const char *id, bool *ret_found, struct err *err)
{
    struct host *host = fake->base.host;
    _cleanup_strv_ char **names = NULL;
    *ret_found = false;
    int r = host_list(host, fake->store, &names, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    for (size_t i = 0; r == 0 && names[i]; i++) {
        if (!str_equal(names[i], id) && !container_id_is_descendant(names[i], id))
            continue;
        _cleanup_free_ char *path = rootfs_path(fake, names[i]);
        *ret_found = *ret_found || str_equal(names[i], id);
        r = host_tree_remove(host, path, err);
    }
    return r;
}

static void fake_recover(struct provisioner *provisioner, char *const *known, struct done done)
{
    struct fake_provisioner *fake = fake_of(provisioner);
    struct host *host = provisioner->host;
    struct fake_call *call = fake_call_begin(&fake->script, PROVISIONER_RECOVER, NULL, done);
    if (!call)
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **names = NULL;
    int r = host_list(host, fake->store, &names, &err);
    if (r == -ENOENT)
        r = 0;
    for (size_t i = 0; r == 0 && names && names[i]; i++) {
        if (known && strv_contains(known, names[i]))
            continue;
        _cleanup_free_ char *path = rootfs_path(fake, names[i]);
        r = host_tree_remove(host, path, &err);
    }
    fake_call_complete(call, r, NULL, &err);
}

static void destroy_now(struct fake_provisioner *fake, struct fake_call *call)
{
    bool found = false;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = roots_remove(fake, call->id, &found, &err);
    fake_call_complete(call, r, &found, &err);
}

static void provision_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct provision *provision = arg;
    if (result < 0)
        done_fail(provision->done, result, err);
    else
        done_ok(provision->done, value);
    struct fake_call *destroy =
        fake_call_find(&provision->fake->script, PROVISIONER_DESTROY, provision->id);
    if (destroy && result != -ESHUTDOWN)
        destroy_now(provision->fake, destroy);
    free(provision->id);
    free(provision);
}

static int provision_do(
    struct host *host, const char *id, const struct image *image, const char *rootfs,
    uint64_t *ret_delay_ns, struct err *err)
{
    struct effect_verdict verdict;
    int r = host_effect(host, EFFECT_PROVISION, id, image->name, &verdict, err);
    *ret_delay_ns = verdict.delay_ns;
    if (r != 0)
        return r == 1 ? 0 : r;
    r = host->ops->mkdir(host, rootfs, 0755, true, err);
    return host_effect_done(host, EFFECT_PROVISION, id, image->name, &verdict, r, err);
}

static void fake_provision(struct provisioner *provisioner, const char *id,
    const struct image *image, struct done done)
{
    struct fake_provisioner *fake = fake_of(provisioner);
    struct provision *provision = mem_alloc(sizeof(*provision));
    *provision = (struct provision){.fake = fake, .id = str_dup(id), .done = done};
    struct fake_call *call = fake_call_begin(
        &fake->script, PROVISIONER_PROVISION, id, DONE(provision_ended, provision));
    if (!call)
        return;
    _cleanup_free_ char *rootfs = rootfs_path(fake, id);
    _cleanup_err_ struct err err = ERR_INIT;
    uint64_t delay_ns = 0;
    int r = provision_do(provisioner->host, id, image, rootfs, &delay_ns, &err);
    const struct provision_info info = {.rootfs = rootfs};
    if (r == 0 && delay_ns)
        fake_call_later(call, provisioner->host, delay_ns, &info);
    else
        fake_call_complete(call, r, &info, &err);
}

static void fake_destroy(struct provisioner *provisioner, const char *id, struct done done)
{
    struct fake_provisioner *fake = fake_of(provisioner);
    bool provisioning = fake_call_find(&fake->script, PROVISIONER_PROVISION, id) != NULL;
    struct fake_call *call = fake_call_begin(&fake->script, PROVISIONER_DESTROY, id, done);
    if (call && !provisioning)
        destroy_now(fake, call);
}

static void fake_prune(struct provisioner *provisioner, char *const *keep, struct done done)
{
    (void)keep;
    struct fake_call *call =
        fake_call_begin(&fake_of(provisioner)->script, PROVISIONER_PRUNE, NULL, done);
    if (call)
        fake_call_complete(call, 0, NULL, NULL);
}

static void fake_free(struct provisioner *provisioner)
{
    struct fake_provisioner *fake = fake_of(provisioner);
    fake_script_release(&fake->script);
    free(fake->store);
    free(fake);
}

static const struct provisioner_ops fake_ops = {
    .recover = fake_recover,
    .provision = fake_provision,
    .destroy = fake_destroy,
    .prune = fake_prune,
    .free = fake_free,
};

struct provisioner *fake_provisioner_new(struct host *host, const char *store)
{
    struct fake_provisioner *fake = mem_alloc(sizeof(*fake));
    fake->base.ops = &fake_ops;
    fake->base.host = host;
    fake->store = str_dup(store);
    fake_script_init(&fake->script, kinds, ARRAY_SIZE(kinds), host, "provisioner", NULL);
    return &fake->base;
}

void fake_provisioner_hold(struct provisioner *provisioner, const char *id)
{
    fake_script_hold(&fake_of(provisioner)->script, PROVISIONER_PROVISION, id);
}

unsigned fake_provisioner_release(struct provisioner *provisioner, const char *id)
{
    return fake_script_deliver(&fake_of(provisioner)->script, PROVISIONER_PROVISION, id);
}

void fake_provisioner_fail(struct provisioner *provisioner, const char *id, const char *message)
{
    fake_script_fail(&fake_of(provisioner)->script, PROVISIONER_PROVISION, id, message, 0);
}

unsigned fake_provisioner_destroys(const struct provisioner *provisioner, const char *id)
{
    return fake_script_calls(
        &container_of(provisioner, const struct fake_provisioner, base)->script,
        PROVISIONER_DESTROY, id);
}

char **fake_provisioner_held(const struct provisioner *provisioner)
{
    return fake_script_held(
        &container_of(provisioner, const struct fake_provisioner, base)->script, "provisioner");
}
