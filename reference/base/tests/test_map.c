/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"

#define KEYS 500

static void *as_value(size_t number)
{
    return (void *)(uintptr_t)number;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void test_strings(void **state)
{
    (void)state;
    struct strmap *map = strmap_new();
    size_t cursor = 0;
    assert_int_equal(strmap_count(map), 0);
    assert_null(strmap_get(map, "a"));
    assert_null(strmap_remove(map, "a"));
    assert_false(strmap_next(map, &cursor, NULL, NULL));
    char key[] = "b";
    strmap_set(map, key, as_value(1));
    key[0] = 'x'; /* keys are copied */
    strmap_set(map, "a", as_value(2));
    strmap_set(map, "", as_value(3));
    strmap_set(map, "b", as_value(4)); /* replaces, keeps its place */
    assert_int_equal(strmap_count(map), 3);
    assert_ptr_equal(strmap_get(map, "b"), as_value(4));
    static const char *const order[] = {"b", "a", ""};
    const char *name;
    for (size_t i = 0; strmap_next(map, &cursor, &name, NULL); i++)
        assert_string_equal(name, order[i]);
    assert_ptr_equal(strmap_remove(map, "b"), as_value(4));
    assert_null(strmap_get(map, "b"));
    strmap_set(map, "b", as_value(5)); /* now the last */
    cursor = 0;
    assert_true(strmap_next(map, &cursor, &name, NULL));
    assert_string_equal(name, "a");
    strmap_free(map);
    strmap_free(NULL);
    u64map_free(NULL);
}

/* Removes with the key that the map itself holds. */
static void test_remove_all_while_walking(void **state)
{
    (void)state;
    struct strmap *map = strmap_new();
    for (size_t i = 0; i < KEYS; i++) {
        char key[32];
        snprintf(key, sizeof(key), "containers/%zu", i);
        strmap_set(map, key, as_value(i + 1));
    }
    size_t cursor = 0;
    size_t seen = 0;
    const char *key;
    void *value;
    while (strmap_next(map, &cursor, &key, &value)) {
        assert_ptr_equal(value, as_value(++seen));
        assert_ptr_equal(strmap_remove(map, key), value);
    }
    assert_int_equal(seen, KEYS);
    assert_int_equal(strmap_count(map), 0);
    strmap_set(map, "again", as_value(1));
    assert_true(strmap_next(map, &cursor, &key, NULL));
    strmap_free(map);
}

/* Adding while walking may compact; still each entry comes once, in order. */
static void test_churn_while_walking(void **state)
{
    (void)state;
    struct u64map *map = u64map_new();
    uint64_t added = 0;
    for (; added < 100; added++)
        u64map_set(map, added, as_value(added + 1));
    size_t cursor = 0;
    uint64_t key;
    uint64_t expected = 0;
    while (u64map_next(map, &cursor, &key, NULL)) {
        assert_int_equal(key, expected++);
        u64map_remove(map, key);
        if (added < 5000) {
            u64map_set(map, added, as_value(added + 1));
            added++;
        }
    }
    assert_int_equal(expected, 5000);
    assert_int_equal(u64map_count(map), 0);
    u64map_free(map);
}

/* A plain array is the model: keys in insertion order. */
struct model {
    uint64_t keys[KEYS];
    size_t values[KEYS];
    size_t count;
};

static size_t model_find(const struct model *model, uint64_t key)
{
    size_t i = 0;
    while (i < model->count && model->keys[i] != key)
        i++;
    return i;
}

static void check_against(const struct model *model, const struct u64map *numbers,
    const struct strmap *strings)
{
    size_t cursors[2] = {0, 0};
    uint64_t key;
    const char *text;
    void *values[2];
    assert_int_equal(u64map_count(numbers), model->count);
    assert_int_equal(strmap_count(strings), model->count);
    for (size_t i = 0; i < model->count; i++) {
        assert_true(u64map_next(numbers, &cursors[0], &key, &values[0]));
        assert_true(strmap_next(strings, &cursors[1], &text, &values[1]));
        assert_int_equal(key, model->keys[i]);
        assert_int_equal(strtoull(text, NULL, 16), model->keys[i]);
        assert_ptr_equal(values[0], as_value(model->values[i]));
        assert_ptr_equal(values[1], as_value(model->values[i]));
    }
    assert_false(u64map_next(numbers, &cursors[0], NULL, NULL));
    assert_false(strmap_next(strings, &cursors[1], NULL, NULL));
}

static void step(struct model *model, struct u64map *numbers, struct strmap *strings,
    uint64_t key, bool remove, size_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%llx", (unsigned long long)key);
    size_t at = model_find(model, key);
    void *held = at < model->count ? as_value(model->values[at]) : NULL;
    assert_ptr_equal(u64map_get(numbers, key), held);
    assert_ptr_equal(strmap_get(strings, text), held);
    if (remove) {
        assert_ptr_equal(u64map_remove(numbers, key), held);
        assert_ptr_equal(strmap_remove(strings, text), held);
        if (!held)
            return;
        model->count--;
        memmove(&model->keys[at], &model->keys[at + 1], (model->count - at) * sizeof(uint64_t));
        memmove(&model->values[at], &model->values[at + 1], (model->count - at) * sizeof(size_t));
        return;
    }
    u64map_set(numbers, key, as_value(value));
    strmap_set(strings, text, as_value(value));
    model->keys[at] = key;
    model->values[at] = value;
    model->count += at == model->count;
}

static void test_against_a_model(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (uint64_t spread = 8; spread <= KEYS; spread = spread * 2 + 3) {
        struct model model = {.count = 0};
        struct u64map *numbers = u64map_new();
        struct strmap *strings = strmap_new();
        for (size_t i = 1; i <= 4000; i++) {
            /* Numbers that differ only in their high bits, too. */
            uint64_t key = next_random(&random) % spread;
            key = key & 1 ? key << 40 : key;
            bool shrinking = i / 500 % 2;
            step(&model, numbers, strings, key, next_random(&random) % 4 < (shrinking ? 3 : 1), i);
            if (i % 97 == 0)
                check_against(&model, numbers, strings);
        }
        check_against(&model, numbers, strings);
        u64map_free(numbers);
        strmap_free(strings);
    }
}

/* A queue of one element must not grow, nor become slow. */
static void test_queue(void **state)
{
    (void)state;
    struct u64map *map = u64map_new();
    for (uint64_t i = 0; i < 20000; i++) {
        size_t cursor = 0;
        uint64_t key;
        u64map_set(map, i, as_value(i + 1));
        u64map_set(map, UINT64_MAX - i, as_value(i + 1));
        assert_true(u64map_next(map, &cursor, &key, NULL));
        u64map_remove(map, key);
    }
    assert_int_equal(u64map_count(map), 20000);
    u64map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_remove_all_while_walking),
        cmocka_unit_test(test_churn_while_walking),
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
