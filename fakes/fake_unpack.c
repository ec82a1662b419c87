/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_unpack.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/sha.h"
#include "reference/base/strbuf.h"

#define COMMAND_NS (20 * NS_PER_MS)
#define EXIT_1 (1 << 8)
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

static char *path_join(const char *directory, const char *name)
{
    return str_printf("%s%s%s", directory, *name ? "/" : "", name);
}

/* --- layers --- */

static bool is_directory(struct vfs *vfs, const char *path)
{
    struct vfs_info info;
    return vfs_info(vfs, path, false, &info) == 0 && info.type == 'd';
}

static int children_remove(struct vfs *vfs, const char *directory)
{
    _cleanup_strv_ char **names = NULL;
    int r = vfs_list(vfs, directory, &names);
    for (size_t i = 0; r == 0 && names[i]; i++) {
        _cleanup_free_ char *path = path_join(directory, names[i]);
        r = vfs_remove_tree(vfs, path);
    }
    return r;
}

static int whiteouts_apply(struct vfs *vfs, char *const *names, const char *directory)
{
    int r = 0;
    for (size_t i = 0; r == 0 && names[i]; i++) {
        if (str_equal(names[i], OPAQUE)) {
            r = children_remove(vfs, directory);
        } else if (str_starts(names[i], WHITEOUT)) {
            _cleanup_free_ char *hidden = path_join(directory, names[i] + strlen(WHITEOUT));
            r = vfs_remove_tree(vfs, hidden);
            r = r == -ENOENT ? 0 : r;
        }
    }
    return r;
}

/* One entry that is no directory; what stands in its way goes. */
static int leaf_copy(
    struct vfs *vfs, const char *from, const char *to, const struct vfs_info *info)
{
    const char *text = NULL;
    size_t length = 0;
    int r = vfs_remove_tree(vfs, to);
    if (r < 0 && r != -ENOENT)
        return r;
    if (info->type == 'l') {
        r = vfs_link_target(vfs, from, &text);
        return r < 0 ? r : vfs_symlink(vfs, text, to);
    }
    r = vfs_read(vfs, from, &text, &length);
    if (r < 0)
        return r;
    _cleanup_free_ char *copy = mem_alloc(length + 1);
    memcpy(copy, text, length);
    return vfs_write(vfs, to, copy, length, info->mode, false);
}

static int entry_copy(struct vfs *vfs, const char *from, const char *to)
{
    struct vfs_info info;
    int r = vfs_info(vfs, from, false, &info);
    if (r < 0)
        return r;
    if (info.type != 'd') {
        r = leaf_copy(vfs, from, to, &info);
    } else if (!is_directory(vfs, to)) {
        vfs_remove_tree(vfs, to);
        r = vfs_mkdir(vfs, to, info.mode, false);
    }
    return r < 0 || info.type == 'l' ? r : vfs_chown(vfs, to, info.uid, info.gid, false);
}

int fake_layer_apply(struct vfs *vfs, const char *layer, const char *directory)
{
    _cleanup_strv_ char **left = NULL; /* directories, relative; each adds those in it */
    strv_add(&left, "");
    int r = 0;
    for (size_t i = 0; r == 0 && left[i]; i++) {
        _cleanup_free_ char *from = path_join(layer, left[i]);
        _cleanup_free_ char *to = path_join(directory, left[i]);
        _cleanup_strv_ char **names = NULL;
        r = vfs_list(vfs, from, &names);
        if (r == 0)
            r = whiteouts_apply(vfs, names, to);
        for (size_t k = 0; r == 0 && names[k]; k++) {
            _cleanup_free_ char *source = path_join(from, names[k]);
            _cleanup_free_ char *target = path_join(to, names[k]);
            if (str_starts(names[k], WHITEOUT))
                continue;
            r = entry_copy(vfs, source, target);
            if (r == 0 && is_directory(vfs, source))
                strv_add_owned(
                    &left, *left[i] ? path_join(left[i], names[k]) : str_dup(names[k]));
        }
    }
    return r;
}

/* --- archives --- */

static bool leads_out(const char *path)
{
    _cleanup_strv_ char **names = strv_split(path, "/");
    return strv_contains(names, "..");
}

static int entry_put(struct vfs *vfs, const json_t *entry, const char *directory)
{
    const char *path = json_string_value(json_object_get(entry, "path"));
    const char *type = json_string_value(json_object_get(entry, "type"));
    const char *text = json_string_value(json_object_get(entry, "text"));
    mode_t mode = (mode_t)json_integer_value(json_object_get(entry, "mode"));
    if (!path || !type || leads_out(path))
        return -EINVAL;
    _cleanup_free_ char *target = path_join(directory, path + strspn(path, "/"));
    _cleanup_free_ char *above = str_ndup(target, (size_t)(strrchr(target, '/') - target));
    int r = vfs_mkdir(vfs, above, 0755, true);
    if (r < 0)
        return r;
    if (*type == 'd')
        return vfs_mkdir(vfs, target, mode ? mode : 0755, true);
    if (*type == 'l')
        return vfs_symlink(vfs, text ? text : "", target);
    return vfs_write(vfs, target, text, text ? strlen(text) : 0, mode ? mode : 0644, false);
}

static int archive_unpack(
    struct vfs *vfs, const char *file, const char *directory, struct strbuf *errors)
{
    const char *text = NULL;
    const json_t *entry;
    size_t i;
    int r = vfs_read(vfs, file, &text, NULL);
    if (r < 0) {
        strbuf_addf(errors, "unpack %s: %s", file, err_name(r));
        return r;
    }
    json_t *json = json_loads(text, 0, NULL);
    const json_t *entries = json_object_get(json, "entries");
    r = vfs_mkdir(vfs, directory, 0755, true);
    if (!json_is_array(entries)) {
        r = -EBADMSG;
        strbuf_addf(errors, "unpack %s: Unrecognized archive format", file);
    }
    json_array_foreach(entries, i, entry) {
        const char *path = json_string_value(json_object_get(entry, "path"));
        if (r < 0)
            break;
        r = entry_put(vfs, entry, directory);
        if (r == -EINVAL)
            strbuf_addf(errors, "unpack %s: the name \"%s\" leads out of the archive", file,
                path ? path : "");
        else if (r < 0)
            strbuf_addf(errors, "unpack %s: %s: %s", file, path, err_name(r));
    }
    json_decref(json);
    return r;
}

/* --- commands --- */

struct play {
    struct vfs *vfs;
    char *const *arguments;
    struct strbuf output;
    struct strbuf errors;
};

static int play_archive(struct play *play)
{
    return archive_unpack(play->vfs, play->arguments[0], play->arguments[1], &play->errors);
}

static int play_layers(struct play *play)
{
    char *const *pair = play->arguments + 1;
    int r = 0;
    for (; r == 0 && pair[0] && pair[1]; pair += 2)
        r = archive_unpack(play->vfs, pair[0], pair[1], &play->errors);
    return r;
}

static int play_copy(struct play *play)
{
    const char *directory = play->arguments[0];
    int r = vfs_mkdir(play->vfs, directory, 0755, false);
    for (size_t i = 1; r == 0 && play->arguments[i]; i++)
        r = fake_layer_apply(play->vfs, play->arguments[i], directory);
    if (r < 0)
        strbuf_addf(&play->errors, "%s: %s", directory, err_name(r));
    return r;
}

static int play_gunzip(struct play *play)
{
    struct vfs_info info = {.type = 'f', .mode = 0600};
    int r = leaf_copy(play->vfs, play->arguments[0], play->arguments[1], &info);
    if (r < 0)
        strbuf_addf(&play->errors, "%s: %s", play->arguments[0], err_name(r));
    return r;
}

static int play_digest(struct play *play)
{
    int r = 0;
    for (size_t i = 1; r == 0 && play->arguments[i]; i++) {
        char digest[SHA_HEX_MAX];
        const char *text = NULL;
        size_t length = 0;
        r = vfs_read(play->vfs, play->arguments[i], &text, &length);
        if (r < 0) {
            strbuf_addf(&play->errors, "read %s: %s", play->arguments[i], err_name(r));
            break;
        }
        sha_text(str_equal(play->arguments[0], "sha512"), text, length, digest);
        strbuf_addf(&play->output, "%s %s\n", digest, play->arguments[i]);
    }
    return r;
}

static const struct {
    const char *name;
    size_t least;
    int (*play)(struct play *play);
} commands[] = {
    {"archive", 2, play_archive},
    {"layers", 3, play_layers},
    {"copy", 2, play_copy},
    {"gunzip", 2, play_gunzip},
    {"digest", 2, play_digest},
};

void fake_unpack_play(struct sim_world *world, const struct run_request *request,
    struct sim_program_result *result)
{
    struct play play = {.vfs = world->kernel->vfs, .arguments = request->argv + 2};
    const char *name = request->argv[1] ? request->argv[1] : "";
    result->status = EXIT_1;
    result->duration_ns = COMMAND_NS;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (str_equal(commands[i].name, name) &&
            strv_length(request->argv) >= commands[i].least + 2)
            result->status = commands[i].play(&play) < 0 ? EXIT_1 : 0;
    }
    free(world->program_output);
    free(world->program_errors);
    world->program_output = strbuf_take(&play.output);
    world->program_errors = strbuf_take(&play.errors);
    result->output = world->program_output;
    result->errors = world->program_errors;
}
