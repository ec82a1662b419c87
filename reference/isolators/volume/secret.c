/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume/secret: secrets as files (isolators.md 10). The content lies below the runtime directory
 * on the host; in the container it is moved into a ramfs of its own, so that no bind mount leads
 * back to the host, and bound from there.
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/volume/target.h"

struct volume_secret {
    struct isolator base;
    struct flags flags;
};

/* Of a container; owned. Nested ids are one name: "p.c". */
static char *secrets_directory(const struct volume_secret *secrets, const char *id)
{
    return str_printf("%s/.secret/%s", secrets->flags.runtime_dir, id);
}

static bool is_secret(const struct volume *volume)
{
    return volume->source && str_equal(volume->source->type, "SECRET");
}

/* Only secrets of type VALUE carry their text; others need a resolver, which is a module. */
static int secret_resolve(const struct volume *volume, const char **ret_text, struct err *err)
{
    const json_t *secret = volume->source->secret;
    const json_t *value = json_object_get(secret, "value");
    const char *data = json_string_value(json_object_get(value, "data"));

    if (!data)
        return err_set(err, -ENOTSUP,
            "secret volume \"%s\": only VALUE secrets can be resolved without a resolver module",
            volume->container_path);
    *ret_text = data;
    return 0;
}

/* The container's user is the one who may read it. */
static int owner_set(const struct volume_secret *secrets, const struct container_config *config,
    const char *path, struct err *err)
{
    struct host *host = secrets->base.host;
    struct user_info user = {0};

    if (!config->user || !secrets->flags.switch_user)
        return 0;
    int r = host_user_lookup(host, config->user, &user, err);
    if (r == 0)
        r = host_chown(host, path, user.uid, user.gid, false, err);
    user_info_release(&user);
    return r;
}

/* In the container: a ramfs in the sandbox, the secret moved into it, bound on the target. */
static void secret_mount(const struct container_config *config, const struct volume *volume,
    const char *host_secret, const char *uuid, const char *target, struct launch_info *info)
{
    _cleanup_free_ char *ramfs = str_printf("%s/.secret-%s", config->directory, uuid);
    _cleanup_free_ char *file = str_printf("%s/%s", ramfs, uuid);

    launch_add_mkdir(info, ramfs, true);
    launch_add_mount_operation(info, "ramfs", ramfs, "ramfs", 0, NULL);
    launch_add_rename(info, host_secret, file);
    launch_add_mount_operation(info, file, target, NULL,
        MS_BIND | MS_REC | (volume_is_read_only(volume) ? MS_RDONLY : 0UL), NULL);
}

static int secret_add(struct volume_secret *secrets, const char *id,
    const struct container_config *config, const struct volume *volume, struct launch_info *info,
    struct err *err)
{
    struct host *host = secrets->base.host;
    const char *text = NULL;
    _cleanup_free_ char *target = NULL;
    _cleanup_free_ char *directory = secrets_directory(secrets, id);
    _cleanup_free_ char *uuid = NULL;
    _cleanup_free_ char *path = NULL;
    int r = secret_resolve(volume, &text, err);

    if (r == 0)
        r = volume_target(
            host, &secrets->flags, config, volume->container_path, false, &target, err);
    if (r == 0)
        r = host_mkdir(host, directory, 0700, true, err);
    if (r < 0)
        return r;
    uuid = host_uuid(host, "volume/secret");
    path = str_printf("%s/%s", directory, uuid);
    r = host_file_write(host, path, text, strlen(text), 0600, err);
    if (r == 0)
        r = owner_set(secrets, config, path, err);
    if (r == 0)
        secret_mount(config, volume, path, uuid, target, info);
    return r;
}

static void secret_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct volume_secret *secrets = container_of(isolator, struct volume_secret, base);
    const struct container_info *container = config->container_info;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    if (config->container_class == CONTAINER_CLASS_DEBUG)
        container = NULL;
    for (size_t i = 0; container && r == 0 && i < container->volumes_count; i++) {
        if (is_secret(&container->volumes[i]))
            r = secret_add(secrets, id, config, &container->volumes[i], &info, &err);
    }
    if (r == 0 && info.file_operations_count > 0)
        launch_add_clone(&info, NS_MNT);
    launch_result(done, r, &info, &err);
}

static void secret_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct volume_secret *secrets = container_of(isolator, struct volume_secret, base);
    _cleanup_free_ char *directory = secrets_directory(secrets, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_file_exists(isolator->host, directory)
                ? host_tree_remove(isolator->host, directory, &err)
                : 0;

    done_result(done, r, &err);
}

static void secret_free(struct isolator *isolator)
{
    struct volume_secret *secrets = container_of(isolator, struct volume_secret, base);

    flags_release(&secrets->flags);
    free(secrets);
}

static const struct isolator_ops secret_ops = {
    .prepare = secret_prepare, .cleanup = secret_cleanup, .free = secret_free};

int isolator_volume_secret_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct volume_secret *secrets = mem_alloc(sizeof(*secrets));

    (void)err;
    secrets->base =
        (struct isolator){.ops = &secret_ops, .name = "volume/secret", .host = context->host};
    flags_copy(&secrets->flags, context->flags);
    *ret_isolator = &secrets->base;
    return 0;
}
