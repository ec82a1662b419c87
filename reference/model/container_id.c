/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/container_id.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

/* A letter that no value may have, with its name; NULL when all are fine. */
static const char *forbidden_character(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c < 0x20 || c == 0x7f)
            return "a control character";
        if (c == '/')
            return "'/'";
        if (c == '\\')
            return "'\\'";
        if (c == ' ')
            return "a space";
    }
    return NULL;
}

static int value_validate(const char *value, size_t length, size_t level, struct err *err)
{
    if (length == 0)
        return err_set(err, -EINVAL, "container id: value %zu is empty", level);
    if (length > CONTAINER_ID_VALUE_MAX)
        return err_set(err, -EINVAL, "container id: value %zu has %zu bytes, of at most %d", level,
            length, CONTAINER_ID_VALUE_MAX);
    const char *forbidden = forbidden_character(value, length);
    if (!forbidden)
        return 0;
    _cleanup_free_ char *copy = str_ndup(value, length);
    _cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;
    strbuf_add_json_string(&shown, copy);
    return err_set(err, -EINVAL, "container id: value %zu, %s, contains %s", level, shown.text,
        forbidden);
}

int container_id_validate(const char *id, struct err *err)
{
    assert(id);
    for (size_t level = 1;; level++) {
        size_t length = strcspn(id, ".");
        int result = value_validate(id, length, level, err);
        if (result < 0 || id[length] == '\0')
            return result;
        id += length + 1;
    }
}

bool container_id_is_nested(const char *id)
{
    return strchr(id, '.') != NULL;
}

char *container_id_parent(const char *id)
{
    const char *dot = strrchr(id, '.');
    return dot ? str_ndup(id, (size_t)(dot - id)) : NULL;
}

char *container_id_root(const char *id)
{
    return str_ndup(id, strcspn(id, "."));
}

const char *container_id_leaf(const char *id)
{
    const char *dot = strrchr(id, '.');
    return dot ? dot + 1 : id;
}

size_t container_id_depth(const char *id)
{
    size_t depth = 1;
    for (const char *dot = strchr(id, '.'); dot; dot = strchr(dot + 1, '.'))
        depth++;
    return depth;
}

bool container_id_is_descendant(const char *id, const char *ancestor)
{
    size_t length = strlen(ancestor);
    return strncmp(id, ancestor, length) == 0 && id[length] == '.';
}

char *container_id_path(const char *id, const char *separator, enum container_path_mode mode)
{
    assert(id);
    assert(separator);
    struct strbuf path = STRBUF_INIT;
    for (bool first = true;; first = false) {
        size_t length = strcspn(id, ".");
        if (!first)
            strbuf_add(&path, "/");
        if (mode == CONTAINER_PATH_PREFIX || (mode == CONTAINER_PATH_JOIN && !first)) {
            strbuf_add(&path, separator);
            strbuf_add(&path, "/");
        }
        strbuf_add_bytes(&path, id, length);
        if (mode == CONTAINER_PATH_SUFFIX) {
            strbuf_add(&path, "/");
            strbuf_add(&path, separator);
        }
        if (id[length] == '\0')
            return strbuf_take(&path);
        id += length + 1;
    }
}

char *container_id_root_sandbox(const char *id, const char *sandbox)
{
    const char *nested = strchr(id, '.');
    if (!nested || !sandbox)
        return NULL;
    _cleanup_free_ char *below = container_id_path(nested + 1, "containers", CONTAINER_PATH_PREFIX);
    size_t length = strlen(sandbox);
    size_t tail = strlen(below) + 1;
    if (length <= tail || sandbox[length - tail] != '/' ||
        strcmp(sandbox + length - tail + 1, below) != 0)
        return NULL;
    return str_ndup(sandbox, length - tail);
}
