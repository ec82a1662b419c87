/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/seccomp: a filter of system calls by a profile, the container's own or the agent's default
 * (isolators.md 8). It does not set no_new_privs.
 */
#include <errno.h>
#include <string.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/linux/seccomp_profile.h"

struct linux_seccomp {
    struct isolator base;
    char *directory;
    json_t *fallback; /* the agent's default; NULL: none */
};

/* Profiles are files of the folder and nowhere else. */
static int profile_load(
    struct linux_seccomp *seccomp, const char *name, json_t **ret_profile, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s", seccomp->directory, name);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r;

    if (name[0] == '\0' || strchr(name, '/') || str_equal(name, ".."))
        return err_set(err, -EINVAL, "seccomp profile \"%s\": expected the name of a file", name);
    r = host_file_read(seccomp->base.host, path, &text, &length, err);
    if (r < 0)
        return err_wrap(err, r, "seccomp profile %s", name);
    return seccomp_profile_parse(text, name, ret_profile, err);
}

static void seccomp_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct linux_seccomp *seccomp = container_of(isolator, struct linux_seccomp, base);
    const struct seccomp_info *wish =
        config->container_info && config->container_info->linux_info
            ? config->container_info->linux_info->seccomp
            : NULL;
    const bool unconfined = wish && wish->unconfined.set && wish->unconfined.value;
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = 0;

    (void)id;
    if (wish && unconfined && wish->profile_name)
        r = err_set(&err, -EINVAL,
            "linux_info.seccomp: only one of profile_name and unconfined may be set");
    else if (wish && wish->profile_name)
        r = profile_load(seccomp, wish->profile_name, &info.seccomp_profile, &err);
    else if (wish && !unconfined)
        r = err_set(&err, -EINVAL,
            "linux_info.seccomp: expected profile_name, or unconfined true");
    else if (!wish)
        info.seccomp_profile = json_incref(seccomp->fallback);
    if (r < 0)
        done_fail(done, r, &err);
    else if (info.seccomp_profile)
        launch_done(done, &info);
    else
        done_ok(done, NULL);
}

static void seccomp_free(struct isolator *isolator)
{
    struct linux_seccomp *seccomp = container_of(isolator, struct linux_seccomp, base);

    json_decref(seccomp->fallback);
    free(seccomp->directory);
    free(seccomp);
}

static const struct isolator_ops seccomp_ops = {.prepare = seccomp_prepare, .free = seccomp_free};

int isolator_linux_seccomp_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    const struct flags *flags = context->flags;
    struct linux_seccomp *seccomp;
    int r = 0;

    if (!flags->seccomp_config_dir)
        return err_set(err, -EINVAL, "seccomp_config_dir must be given");
    seccomp = mem_alloc(sizeof(*seccomp));
    seccomp->base = (struct isolator){
        .ops = &seccomp_ops, .name = "linux/seccomp", .host = context->host};
    seccomp->directory = str_dup(flags->seccomp_config_dir);
    if (flags->seccomp_profile_name)
        r = profile_load(seccomp, flags->seccomp_profile_name, &seccomp->fallback, err);
    if (r < 0) {
        seccomp_free(&seccomp->base);
        return err_wrap(err, r, "seccomp_profile_name");
    }
    *ret_isolator = &seccomp->base;
    return 0;
}
