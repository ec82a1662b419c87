/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/volume/plugin_volumes_state.h"

#include <errno.h>
#include <string.h>

int plugin_volume_parse(const struct plugin_volumes_ops *plugin, const json_t *message,
    struct plugin_volume *ret_volume, struct err *err)
{
    int r;

    *ret_volume = (struct plugin_volume){0};
    r = plugin->parse(message, ret_volume, err);
    if (r < 0)
        plugin_volume_release(ret_volume);
    else
        ret_volume->message = json_deep_copy(message);
    return r;
}

void plugin_volume_copy(struct plugin_volume *to, const struct plugin_volume *from)
{
    *to = (struct plugin_volume){.plugin = str_dup(from->plugin),
        .name = str_dup(from->name),
        .message = json_deep_copy(from->message),
        .read_only_only = from->read_only_only};
}

void plugin_volume_release(struct plugin_volume *volume)
{
    json_decref(volume->message);
    free(volume->plugin);
    free(volume->name);
    *volume = (struct plugin_volume){0};
}

struct volumes_container *volumes_container_new(const char *id)
{
    struct volumes_container *container = mem_alloc(sizeof(*container));

    container->id = str_dup(id);
    return container;
}

void volumes_container_free(struct volumes_container *container)
{
    if (!container)
        return;
    for (size_t i = 0; i < container->count; i++) {
        plugin_volume_release(&container->items[i].volume);
        free(container->items[i].target);
        free(container->items[i].mounted);
    }
    free(container->items);
    free(container->id);
    free(container);
}

struct container_volume *volumes_container_add(
    struct volumes_container *container, struct plugin_volume *volume)
{
    struct container_volume *item;

    container->items =
        mem_realloc(container->items, (container->count + 1) * sizeof(*container->items));
    item = &container->items[container->count++];
    *item = (struct container_volume){.volume = *volume};
    *volume = (struct plugin_volume){0};
    return item;
}

struct container_volume *volumes_container_find(
    const struct volumes_container *container, const struct plugin_volume *volume)
{
    for (size_t i = 0; container && i < container->count; i++) {
        const struct plugin_volume *item = &container->items[i].volume;

        if (str_equal(item->plugin, volume->plugin) && str_equal(item->name, volume->name))
            return &container->items[i];
    }
    return NULL;
}

char *volumes_state_directory(const struct plugin_volumes *volumes, const char *id)
{
    return str_printf("%s/%s", volumes->directory, id);
}

static char *state_path(const struct plugin_volumes *volumes, const char *id)
{
    return str_printf("%s/%s/volumes", volumes->directory, id);
}

int volumes_state_write(
    struct plugin_volumes *volumes, const struct volumes_container *container, struct err *err)
{
    _cleanup_free_ char *directory = volumes_state_directory(volumes, container->id);
    _cleanup_free_ char *path = state_path(volumes, container->id);
    json_t *list = json_array();
    json_t *state = json_pack("{s:o}", "volumes", list);
    char *text;
    int r = host_mkdir(volumes->base.host, directory, 0755, true, err);

    for (size_t i = 0; i < container->count; i++)
        json_array_append(list, container->items[i].volume.message);
    text = json_dumps(state, JSON_COMPACT);
    if (r == 0)
        r = host_file_write(volumes->base.host, path, text, strlen(text), 0600, err);
    json_decref(state);
    free(text);
    return r;
}

static int state_parse(struct plugin_volumes *volumes, const char *path, const char *text,
    struct volumes_container *container, struct err *err)
{
    json_error_t error;
    json_t *state = json_loads(text, 0, &error);
    const json_t *list = json_object_get(state, "volumes");
    const json_t *message;
    size_t i;
    int r = json_is_array(list) ? 0 : err_set(err, -EBADMSG, "%s: it is no list of volumes", path);

    json_array_foreach(list, i, message) {
        struct plugin_volume volume;

        if (r == 0)
            r = plugin_volume_parse(volumes->plugin, message, &volume, err);
        if (r < 0)
            break;
        if (volumes_container_find(container, &volume))
            r = err_set(err, -EEXIST, "%s: volume \"%s\" of \"%s\" is there twice", path,
                volume.name, volume.plugin);
        else
            volumes_container_add(container, &volume);
        plugin_volume_release(&volume);
    }
    json_decref(state);
    return r;
}

int volumes_state_read(struct plugin_volumes *volumes, const char *id,
    struct volumes_container **ret_container, struct err *err)
{
    _cleanup_free_ char *path = state_path(volumes, id);
    _cleanup_free_ char *text = NULL;
    struct volumes_container *container;
    size_t length = 0;
    int r = host_file_read(volumes->base.host, path, &text, &length, err);

    *ret_container = NULL;
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    container = volumes_container_new(id);
    if (length > 0)
        r = state_parse(volumes, path, text, container, err);
    if (r < 0)
        volumes_container_free(container);
    else
        *ret_container = container;
    return r;
}
