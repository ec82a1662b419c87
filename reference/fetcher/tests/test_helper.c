/* SPDX-License-Identifier: Apache-2.0 */
/* What mesos-fetcher does with real files, archives, and a web server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/executors/tests/http_server.h"
#include "reference/fetcher/helper.h"

struct world {
    char directory[64];
    struct http_server *server;
};

static int setup(void **state)
{
    struct world *world = mem_alloc(sizeof(*world));
    snprintf(world->directory, sizeof(world->directory), "/tmp/seatrial-test.XXXXXX");
    if (!mkdtemp(world->directory))
        return -1;
    world->server = http_server_new("the content");
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *command = str_printf("rm -rf %s", world->directory);
    int status = system(command);
    http_server_free(world->server);
    free(world);
    return status;
}

static const char *path_of(const struct world *world, const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", world->directory, name);
    return path;
}

static const char *text_of(const struct world *world, const char *name)
{
    static char text[256];
    FILE *stream = fopen(path_of(world, name), "re");
    if (!stream)
        return "-";
    text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
    fclose(stream);
    return text;
}

static void write_text(const struct world *world, const char *name, const char *text, mode_t mode)
{
    FILE *stream = fopen(path_of(world, name), "we");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
    assert_int_equal(chmod(path_of(world, name), mode), 0);
}

/* --- the net --- */

static char *url(const struct world *world, const char *path)
{
    return str_printf("http://127.0.0.1:%u%s", http_server_port(world->server), path);
}

static void test_download(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *path;
        const char *message; /* NULL: it works */
    } cases[] = {
        {"/ok", NULL},
        {"/redirect", NULL},
        {"/nolength", NULL},
        {"/status/404", "unexpected response code 404"},
        {"/status/204", "unexpected response code 204"},
        {"/status/206", "unexpected response code 206"},
        {"/stall", "Less than 1 bytes/sec"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *uri = url(world, cases[i].path);
        _cleanup_err_ struct err err = ERR_INIT;
        write_text(world, "file", "longer than what comes by far", 0644);
        int r = download_file(uri, path_of(world, "file"), 1, &err);
        assert_int_equal(r == 0, cases[i].message == NULL);
        if (r == 0)
            assert_string_equal(text_of(world, "file"), "the content");
        else
            assert_non_null(strstr(err_text(&err), cases[i].message));
    }
    assert_true(download_file("http://127.0.0.1:1/x", path_of(world, "file"), 1, NULL) < 0);
    assert_true(download_file("http://127.0.0.1:1/x", "/no/such/place", 1, NULL) < 0);
}

static void test_sizes(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *path;
        uint64_t size; /* 0: it tells none */
    } cases[] = {{"/ok", 11}, {"/redirect", 11}, {"/liar", 4}, {"/nolength", 0},
        {"/status/404", 0}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *uri = url(world, cases[i].path);
        uint64_t size = 0;
        int r = download_size(uri, 1, &size, NULL);
        assert_int_equal(r, cases[i].size ? 0 : -ENODATA);
        assert_int_equal(size, cases[i].size);
    }
    assert_int_equal(http_server_requests(world->server, "GET"), 0);
    assert_true(http_server_requests(world->server, "HEAD") >= 5);
}

/* --- archives --- */

struct member {
    const char *name;
    const char *text;
    mode_t mode;
};

static void make_archive(const struct world *world, const char *name, bool zip, bool gzip,
    const struct member *members, size_t count)
{
    struct archive *archive = archive_write_new();
    if (zip) {
        archive_write_set_format_zip(archive);
        archive_write_set_options(archive, "zip:compression=store");
    } else {
        archive_write_set_format_ustar(archive);
    }
    if (gzip)
        archive_write_add_filter_gzip(archive);
    assert_int_equal(archive_write_open_filename(archive, path_of(world, name)), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, members[i].name);
        archive_entry_set_size(entry, (la_int64_t)strlen(members[i].text));
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, members[i].mode);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        archive_write_data(archive, members[i].text, strlen(members[i].text));
        archive_entry_free(entry);
    }
    archive_write_free(archive);
}

/* FE-22 */
static void test_unpack(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *name;
        bool zip;
        bool gzip;
    } kinds[] = {{"a.tar", false, false}, {"b.tgz", false, true}, {"c.tar.gz", false, false},
        {"d.zip", true, false}};
    static const struct member members[] = {
        {"hello", "first", 0644}, {"dir/inner", "inside", 0755}, {"hello", "second", 0600}};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct stat info;
        make_archive(world, kinds[i].name, kinds[i].zip, kinds[i].gzip, members,
            ARRAY_SIZE(members));
        int r = extract_archive(path_of(world, kinds[i].name), world->directory, &err);
        assert_string_equal(r < 0 ? err_text(&err) : "", "");
        assert_string_equal(text_of(world, "hello"), "second"); /* the last one wins */
        assert_string_equal(text_of(world, "dir/inner"), "inside");
        assert_int_equal(stat(path_of(world, "dir/inner"), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0755);
        unlink(path_of(world, "hello"));
        unlink(path_of(world, "dir/inner"));
    }
}

/* Nothing gets out of the sandbox. */
static void test_escapes(void **state)
{
    struct world *world = *state;
    static const struct member members[][1] = {
        {{"../escaped", "x", 0644}}, {{"/tmp/seatrial-escaped", "x", 0644}}};
    mkdir(path_of(world, "box"), 0755);
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        make_archive(world, "e.tar", false, false, members[i], 1);
        assert_true(
            extract_archive(path_of(world, "e.tar"), path_of(world, "box"), &err) < 0);
        assert_non_null(strstr(err_text(&err), "unpack '"));
        assert_string_equal(text_of(world, "escaped"), "-");
        assert_int_equal(access("/tmp/seatrial-escaped", F_OK), -1);
    }
}

static void test_damage(void **state)
{
    struct world *world = *state;
    static const struct member members[] = {{"hello", "sound content", 0644}};
    _cleanup_err_ struct err err = ERR_INIT;
    make_archive(world, "d.zip", true, false, members, 1);
    /* one byte of the content is another: the CRC does not fit */
    FILE *stream = fopen(path_of(world, "d.zip"), "r+e");
    char bytes[1024];
    size_t length = fread(bytes, 1, sizeof(bytes), stream);
    char *content = memmem(bytes, length, "sound", 5);
    assert_non_null(content);
    fseek(stream, content - bytes, SEEK_SET);
    fputc('S', stream);
    fclose(stream);
    assert_true(extract_archive(path_of(world, "d.zip"), world->directory, &err) < 0);
    assert_non_null(strstr(err_text(&err), "CRC"));
    write_text(world, "n.tar", "this is no archive at all", 0644);
    assert_true(extract_archive(path_of(world, "n.tar"), world->directory, &err) < 0);
    assert_true(extract_archive(path_of(world, "missing"), world->directory, &err) < 0);
}

static void test_gzip(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *command =
        str_printf("printf zipped | gzip -c > %s/x.gz", world->directory);
    assert_int_equal(system(command), 0);
    assert_int_equal(extract_gzip(path_of(world, "x.gz"), path_of(world, "x"), NULL), 0);
    assert_string_equal(text_of(world, "x"), "zipped");
    _cleanup_err_ struct err err = ERR_INIT;
    write_text(world, "no.gz", "no gzip", 0644);
    assert_true(extract_gzip(path_of(world, "no.gz"), path_of(world, "no"), &err) < 0);
    assert_non_null(strstr(err_text(&err), "it is not in gzip format"));
}

/* --- files --- */

static void test_copy(void **state)
{
    struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    struct stat info;
    write_text(world, "from", "text", 0751);
    assert_int_equal(copy_file(path_of(world, "from"), path_of(world, "to"), NULL), 0);
    assert_string_equal(text_of(world, "to"), "text");
    stat(path_of(world, "to"), &info);
    assert_int_equal(info.st_mode & 0777, 0751);
    assert_int_equal(copy_file(world->directory, path_of(world, "x"), &err), -EISDIR);
    assert_int_equal(copy_file(path_of(world, "nothing"), path_of(world, "x"), &err), -ENOENT);
    assert_int_equal(make_parent_directories(path_of(world, "a/b/c"), NULL), 0);
    assert_int_equal(access(path_of(world, "a/b"), F_OK), 0);
    assert_int_equal(become_user("no-such-user", &err), -ENOENT);
    assert_string_equal(err_text(&err), "there is no user 'no-such-user'");
    assert_int_equal(make_cache_directory(path_of(world, "cache/u"), NULL, NULL), 0);
    assert_int_equal(make_cache_directory(path_of(world, "cache/u"), "no-such-user", &err),
        -ENOENT);
}

static void test_hadoop(void **state)
{
    struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    mkdir(path_of(world, "bin"), 0755);
    write_text(world, "bin/hadoop",
        "#!/bin/sh\n"
        "echo a warning >&2\n"
        "[ \"$1\" = version ] && exit 0\n"
        "[ \"$1 $2 $3\" = 'fs -copyToLocal hdfs://h/x' ] && echo from hadoop > \"$4\" && exit 0\n"
        "exit 3\n",
        0755);
    setenv("HADOOP_HOME", world->directory, 1);
    assert_int_equal(hadoop_copy("hdfs://h/x", path_of(world, "x"), NULL), 0);
    assert_string_equal(text_of(world, "x"), "from hadoop\n");
    assert_true(hadoop_copy("hdfs://h/y", path_of(world, "y"), &err) < 0);
    assert_non_null(strstr(err_text(&err), "exited with status 3"));
    setenv("HADOOP_HOME", "/no/such/place", 1);
    assert_true(hadoop_copy("hdfs://h/x", path_of(world, "x"), &err) < 0);
    unsetenv("HADOOP_HOME");
}

#define HELPER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HELPER_TEST(test_download),
        HELPER_TEST(test_sizes),
        HELPER_TEST(test_unpack),
        HELPER_TEST(test_escapes),
        HELPER_TEST(test_damage),
        HELPER_TEST(test_gzip),
        HELPER_TEST(test_copy),
        HELPER_TEST(test_hadoop),
    };
    umask(022);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
