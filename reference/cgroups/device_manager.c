/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cgroups/device_manager.h"

#include <errno.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/cgroups/device_program.h"

struct device_state {
    struct device_list allow;
    struct device_list deny;
};

struct device_manager {
    struct cgroup_fs *fs;
    char *state_path;
    struct strmap *states; /* cgroup -> struct device_state * */
};

static void state_free(struct device_state *state)
{
    if (!state)
        return;
    device_list_release(&state->allow);
    device_list_release(&state->deny);
    free(state);
}

struct device_manager *device_manager_new(struct cgroup_fs *fs, const char *state_path)
{
    struct device_manager *manager = mem_alloc(sizeof(*manager));

    manager->fs = fs;
    manager->state_path = str_dup(state_path);
    manager->states = strmap_new();
    return manager;
}

void device_manager_free(struct device_manager *manager)
{
    size_t cursor = 0;
    const char *cgroup;
    void *state;

    if (!manager)
        return;
    while (strmap_next(manager->states, &cursor, &cgroup, &state))
        state_free(state);
    strmap_free(manager->states);
    free(manager->state_path);
    free(manager);
}

static json_t *list_encode(const struct device_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++) {
        _cleanup_free_ char *text = device_format(&list->items[i]);

        json_array_append_new(array, json_string(text));
    }
    return array;
}

static int list_decode(
    const json_t *json, const char *field, struct device_list *ret_list, struct err *err)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(json))
        return err_set(err, -EINVAL, "%s: expected an array", field);
    json_array_foreach(json, i, item)
    {
        struct device_entry entry;
        int r = device_parse(json_is_string(item) ? json_string_value(item) : "", &entry, err);

        if (r < 0)
            return err_wrap(err, r, "%s[%zu]", field, i);
        device_list_add(ret_list, &entry);
    }
    return 0;
}

static int checkpoint(struct device_manager *manager, struct err *err)
{
    json_t *all = json_object();
    size_t cursor = 0;
    const char *cgroup;
    void *value;
    char *text;
    int r;

    while (strmap_next(manager->states, &cursor, &cgroup, &value)) {
        const struct device_state *state = value;
        json_t *entry = json_object();

        json_object_set_new(entry, "allow", list_encode(&state->allow));
        json_object_set_new(entry, "deny", list_encode(&state->deny));
        json_object_set_new(all, cgroup, entry);
    }
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    r = host_file_write(manager->fs->host, manager->state_path, text, strlen(text), 0644, err);
    free(text);
    return r;
}

static int attach(struct device_manager *manager, const char *cgroup,
    const struct device_state *state, struct err *err)
{
    struct device_program program = {0};
    int r = device_program_build(&state->allow, &state->deny, &program, err);

    if (r == 0)
        r = host_device_program(
            manager->fs->host, manager->fs, cgroup, program.instructions, program.count, err);
    device_program_release(&program);
    return r;
}

static int lists_check(
    const struct device_list *allow, const struct device_list *deny, struct err *err)
{
    if (!device_list_is_normalized(allow) || !device_list_is_normalized(deny))
        return err_set(err, -EINVAL, "the device lists are not normalized");
    for (size_t i = 0; i < deny->count; i++) {
        if (device_has_wildcard(&deny->items[i]))
            return err_set(err, -EINVAL, "a deny entry can't have wildcards");
        for (size_t k = 0; k < allow->count; k++) {
            if (device_encompasses(&deny->items[i], &allow->items[k]))
                return err_set(err, -EINVAL, "an allow entry is encompassed by a deny entry");
        }
    }
    return 0;
}

int device_manager_configure(struct device_manager *manager, const char *cgroup,
    const struct device_list *allow, const struct device_list *deny, struct err *err)
{
    struct device_state *state;
    int r = lists_check(allow, deny, err);

    if (r < 0)
        return err_wrap(err, r, "devices of %s", cgroup);
    if (strmap_get(manager->states, cgroup))
        return err_set(err, -EEXIST, "the devices of %s are already configured", cgroup);
    state = mem_alloc(sizeof(*state));
    device_list_copy(&state->allow, allow);
    device_list_copy(&state->deny, deny);
    strmap_set(manager->states, cgroup, state);
    r = checkpoint(manager, err);
    return r < 0 ? r : attach(manager, cgroup, state, err);
}

/* Takes the bits of `entry` from the entries of the list with the same selector; what is empty
 * goes. */
static void bits_strip(struct device_list *list, const struct device_entry *entry)
{
    for (size_t i = 0; i < list->count; i++) {
        if (device_same_selector(&list->items[i], entry))
            list->items[i].access &= ~entry->access;
    }
    device_list_normalize(list);
}

static void access_add(struct device_state *state, const struct device_entry *entry)
{
    bits_strip(&state->deny, entry);
    device_list_add(&state->allow, entry);
    device_list_normalize(&state->allow);
}

/* Bits that a wildcard still grants can only be taken away by a deny entry. */
static void access_remove(struct device_state *state, const struct device_entry *entry)
{
    struct device_entry denied = *entry;
    unsigned granted = 0;

    bits_strip(&state->allow, entry);
    for (size_t i = 0; i < state->allow.count; i++) {
        struct device_entry part = state->allow.items[i];

        part.access &= entry->access;
        if (device_has_wildcard(&part) && device_overlaps(&part, entry))
            granted |= part.access;
    }
    denied.access = granted;
    if (granted) {
        device_list_add(&state->deny, &denied);
        device_list_normalize(&state->deny);
    }
}

int device_manager_reconfigure(struct device_manager *manager, const char *cgroup,
    const struct device_list *add, const struct device_list *remove, struct err *err)
{
    struct device_state *state = strmap_get(manager->states, cgroup);
    int r;

    for (size_t i = 0; i < add->count + remove->count; i++) {
        if (device_has_wildcard(i < add->count ? &add->items[i] : &remove->items[i - add->count]))
            return err_set(err, -EINVAL, "devices of %s: an update can't have wildcards", cgroup);
    }
    if (!state) {
        state = mem_alloc(sizeof(*state));
        strmap_set(manager->states, cgroup, state);
    }
    for (size_t i = 0; i < add->count; i++)
        access_add(state, &add->items[i]);
    for (size_t i = 0; i < remove->count; i++)
        access_remove(state, &remove->items[i]);
    r = checkpoint(manager, err);
    return r < 0 ? r : attach(manager, cgroup, state, err);
}

void device_manager_remove(struct device_manager *manager, const char *cgroup)
{
    state_free(strmap_remove(manager->states, cgroup));
}

static int state_load(
    struct device_manager *manager, const char *cgroup, const json_t *json, struct err *err)
{
    struct device_state *state = mem_alloc(sizeof(*state));
    int r = list_decode(json_object_get(json, "allow"), "allow", &state->allow, err);

    if (r == 0)
        r = list_decode(json_object_get(json, "deny"), "deny", &state->deny, err);
    if (r < 0) {
        state_free(state);
        return err_wrap(err, r, "%s: %s", manager->state_path, cgroup);
    }
    strmap_set(manager->states, cgroup, state);
    return attach(manager, cgroup, state, err);
}

int device_manager_recover(struct device_manager *manager, char *const *known, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    json_error_t error;
    const char *cgroup;
    json_t *all, *json;
    size_t length = 0;
    int r = host_file_read(manager->fs->host, manager->state_path, &text, &length, err);

    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    all = json_loadb(text, length, 0, &error);
    if (!json_is_object(all)) {
        json_decref(all);
        return err_set(err, -EINVAL, "%s: %s", manager->state_path,
            *error.text ? error.text : "expected an object");
    }
    json_object_foreach(all, cgroup, json)
    {
        if (r == 0 && strv_contains(known, cgroup))
            r = state_load(manager, cgroup, json, err);
    }
    json_decref(all);
    return r < 0 ? r : checkpoint(manager, err);
}

const struct device_list *device_manager_allowed(struct device_manager *manager, const char *cgroup)
{
    struct device_state *state = strmap_get(manager->states, cgroup);

    return state ? &state->allow : NULL;
}

const struct device_list *device_manager_denied(struct device_manager *manager, const char *cgroup)
{
    struct device_state *state = strmap_get(manager->states, cgroup);

    return state ? &state->deny : NULL;
}
