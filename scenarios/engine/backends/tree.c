/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "reference/base/mem.h"

void tree_add(struct tree *tree, const char *path, char type, const void *data, size_t length,
    mode_t mode)
{
    tree->entries =
        mem_grow(tree->entries, &tree->capacity, tree->count + 1, sizeof(*tree->entries));
    char *copy = mem_alloc(length + 1);
    if (length > 0)
        memcpy(copy, data, length);
    tree->entries[tree->count++] = (struct tree_entry){
        str_dup(path + strspn(path, "/")), type, copy, length, mode};
}

void tree_release(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->entries[i].path);
        free(tree->entries[i].data);
    }
    free(tree->entries);
    *tree = (struct tree){0};
}

struct bytes {
    char *data;
    size_t length;
    size_t capacity;
};

static la_ssize_t bytes_write(
    struct archive *archive, void *arg, const void *block, size_t length)
{
    (void)archive;
    struct bytes *bytes = arg;
    bytes->data = mem_grow(bytes->data, &bytes->capacity, bytes->length + length + 1, 1);
    memcpy(bytes->data + bytes->length, block, length);
    bytes->length += length;
    return (la_ssize_t)length;
}

static void entry_write(
    struct archive *archive, struct archive_entry *entry, const struct tree_entry *from)
{
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, from->path);
    archive_entry_set_filetype(entry,
        from->type == 'd' ? AE_IFDIR : from->type == 'l' ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(entry, from->mode);
    if (from->type == 'l')
        archive_entry_set_symlink(entry, from->data);
    archive_entry_set_size(entry, from->type == 'f' ? (la_int64_t)from->length : 0);
    int status = archive_write_header(archive, entry);
    assert(status == ARCHIVE_OK);
    if (from->type == 'f')
        archive_write_data(archive, from->data, from->length);
}

char *tree_pack_tar(const struct tree *tree, size_t *ret_length)
{
    struct bytes bytes = {0};
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_pax_restricted(archive);
    archive_write_open(archive, &bytes, NULL, bytes_write, NULL);
    for (size_t i = 0; i < tree->count; i++)
        entry_write(archive, entry, &tree->entries[i]);
    archive_entry_free(entry);
    archive_write_free(archive);
    *ret_length = bytes.length;
    return bytes.data;
}

char *tree_pack_text(const struct tree *tree, size_t *ret_length)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        const char type[2] = {entry->type, '\0'};
        json_array_append_new(list, json_pack("{ss ss ss sI}", "path", entry->path, "type", type,
                                        "text", entry->data, "mode", (json_int_t)entry->mode));
    }
    json_t *json = json_pack("{so}", "entries", list);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    *ret_length = strlen(text);
    return text;
}
