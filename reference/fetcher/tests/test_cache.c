/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "fakes/rng.h"
#include "fakes/tests/sim_fixture.h"
#include "reference/fetcher/cache.h"

struct world {
    struct sim_fixture sim;
    struct cache cache;
};

static void world_init(struct world *world, uint64_t space)
{
    sim_fixture_init(&world->sim, CGROUP_LAYOUT_NONE);
    cache_init(&world->cache, world->sim.host, space);
    vfs_mkdir(world->sim.kernel->vfs, "/cache", 0755, true);
}

static void world_release(struct world *world)
{
    cache_release(&world->cache);
    sim_fixture_release(&world->sim);
}

/* An entry that was downloaded; NULL: no room. */
static struct cache_entry *add(struct world *world, const char *uri, uint64_t size)
{
    struct cache_entry *entry = cache_add(&world->cache, "/cache", NULL, uri);
    _cleanup_free_ char *path = cache_path(entry);
    if (cache_reserve(&world->cache, entry, size, NULL) < 0) {
        cache_drop(&world->cache, entry);
        return NULL;
    }
    vfs_write(world->sim.kernel->vfs, path, "x", 1, 0644, false);
    cache_finish(&world->cache, entry, size);
    return entry;
}

static bool has(struct world *world, const char *uri)
{
    list_for_each(node, &world->cache.entries)
        if (str_equal(list_entry(node, struct cache_entry, node)->key, uri))
            return true;
    return false;
}

static void test_names(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 10);
    static const struct {
        const char *user;
        const char *uri;
        const char *key;
        const char *file;
    } cases[] = {
        {NULL, "/a/b", "/a/b", "c1-b"},
        {"u", "http://h/01234567890123456789", "u@http://h/01234567890123456789",
            "c2-01234567890123456789"},
        {NULL, "/012345678901234567890", "/012345678901234567890", "c3-0123456789_1234567890"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct cache_entry *entry =
            cache_add(&world.cache, "/cache", cases[i].user, cases[i].uri);
        assert_string_equal(entry->key, cases[i].key);
        assert_string_equal(entry->file, cases[i].file);
        assert_ptr_equal(cache_find(&world.cache, cases[i].user, cases[i].uri), entry);
    }
    assert_null(cache_find(&world.cache, "u", "/a/b"));
    world_release(&world);
}

static void test_eviction(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 20);
    add(&world, "/0", 10);
    add(&world, "/1", 10);
    cache_find(&world.cache, NULL, "/0"); /* used again: /1 is the oldest now */
    assert_non_null(add(&world, "/2", 5));
    assert_true(has(&world, "/0") && !has(&world, "/1") && has(&world, "/2"));
    assert_int_equal(world.cache.used_bytes, 15);
    /* What would not help is not begun. */
    assert_null(add(&world, "/3", 21));
    assert_true(has(&world, "/0") && has(&world, "/2"));
    /* Nor is what somebody uses evicted. */
    struct cache_entry *used = cache_find(&world.cache, NULL, "/0");
    cache_ref(used);
    assert_null(add(&world, "/4", 15));
    assert_non_null(add(&world, "/5", 10));
    assert_true(has(&world, "/0") && !has(&world, "/2") && has(&world, "/5"));
    cache_unref(used);
    assert_int_equal(world.cache.used_bytes, 20);
    world_release(&world);
}

/* An entry that is dropped lives as long as somebody refers to it. */
static void test_dropped_in_use(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 20);
    struct cache_entry *entry = add(&world, "/0", 10);
    cache_ref(entry);
    cache_drop(&world.cache, entry);
    assert_null(cache_find(&world.cache, NULL, "/0"));
    assert_string_equal(entry->file, "c1-0");
    assert_string_equal(sim_fixture_file(&world.sim, "/cache/c1-0"), "-");
    assert_int_equal(world.cache.used_bytes, 0);
    cache_unref(entry);
    world_release(&world);
}

static void test_stuck_file(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 10);
    add(&world, "/0", 10);
    fault_plan_add(&world.sim.faults, &(struct fault_rule){.kind = EFFECT_FILE_REMOVE,
                                          .verdict = {EFFECT_FAIL, -EBUSY, 0}});
    struct cache_entry *entry = cache_add(&world.cache, "/cache", NULL, "/1");
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cache_reserve(&world.cache, entry, 10, &err), -EBUSY);
    assert_non_null(strstr(err_text(&err), "evict /cache/c1-0, whose space is lost"));
    assert_int_equal(world.cache.used_bytes, 10);
    world_release(&world);
}

/* Whatever is done: what is claimed is the sum of the entries, and never above the space. */
static void test_books(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 100);
    for (unsigned round = 0; round < 2000; round++) {
        _cleanup_free_ char *uri =
            str_printf("/%u", (unsigned)rng_below(&world.sim.kernel->rng, "test", 12));
        struct cache_entry *entry = cache_find(&world.cache, NULL, uri);
        if (entry && rng_below(&world.sim.kernel->rng, "test", 4) == 0)
            cache_drop(&world.cache, entry);
        else if (!entry)
            add(&world, uri, rng_below(&world.sim.kernel->rng, "test", 60));
        uint64_t sum = 0;
        list_for_each(node, &world.cache.entries)
            sum += list_entry(node, struct cache_entry, node)->size_bytes;
        assert_int_equal(sum, world.cache.used_bytes);
        assert_true(sum <= 100);
    }
    world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_dropped_in_use),
        cmocka_unit_test(test_stuck_file),
        cmocka_unit_test(test_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
