/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/provisioner/image_name.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

static void split_digest(char *rest, struct image_name *name)
{
    char *at = strchr(rest, '@');
    if (!at)
        return;
    *at = '\0';
    name->digest = str_dup(at + 1);
}

static void split_tag(char *rest, struct image_name *name)
{
    char *colon = strrchr(rest, ':');
    if (!colon || strchr(colon, '/'))
        return;
    *colon = '\0';
    name->tag = str_dup(colon + 1);
}

static const char *split_registry(char *rest, struct image_name *name)
{
    char *slash = strchr(rest, '/');
    if (!slash)
        return rest;
    *slash = '\0';
    if (strpbrk(rest, ".:") || str_equal(rest, "localhost")) {
        name->registry = str_dup(rest);
        return slash + 1;
    }
    *slash = '/';
    return rest;
}

/* The name becomes part of a path: none of its components may lead elsewhere. */
static bool is_well_formed(const struct image_name *name)
{
    _cleanup_strv_ char **parts = strv_split(name->text, "/");
    const char *repository = name->repository;
    size_t length = strlen(repository);
    if (length == 0 || repository[0] == '/' || repository[length - 1] == '/' ||
        strstr(repository, "//") || strv_contains(parts, "..") || strv_contains(parts, "."))
        return false;
    return !(name->tag && !*name->tag) && !(name->digest && !strchr(name->digest, ':')) &&
           !(name->digest && strchr(name->digest, '/'));
}

int image_name_parse(const char *text, struct image_name *ret_name, struct err *err)
{
    struct image_name name = {0};
    _cleanup_free_ char *rest = str_dup(text);
    const char *at = strchr(text, '@');
    if (at && strchr(at + 1, '@'))
        return err_set(err, -EINVAL, "image name \"%s\": more than one digest", text);
    split_digest(rest, &name);
    split_tag(rest, &name);
    name.repository = str_dup(split_registry(rest, &name));
    name.text = str_printf("%s%s%s%s%s", name.registry ? name.registry : "",
        name.registry ? "/" : "", name.repository,
        name.digest ? "@" : name.tag ? ":" : "",
        name.digest ? name.digest : name.tag ? name.tag : "");
    if (!is_well_formed(&name)) {
        image_name_release(&name);
        return err_set(err, -EINVAL,
            "image name \"%s\": expected [registry/]repository[:tag][@digest]", text);
    }
    *ret_name = name;
    return 0;
}

void image_name_release(struct image_name *name)
{
    free(name->registry);
    free(name->repository);
    free(name->tag);
    free(name->digest);
    free(name->text);
    *name = (struct image_name){0};
}
