/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka, and a test's world around each test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/mesos/tests/world.h"

static int world_setup(void **state)
{
    struct world *world = mem_alloc(sizeof(*world));
    world_init(world);
    *state = world;
    return 0;
}

static int world_teardown(void **state)
{
    world_release(*state);
    free(*state);
    return 0;
}

#define WORLD_TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

/* The text contains that. */
#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (!text_ || !strstr(text_, (part)))                                                      \
            fail_msg("\"%s\" does not contain \"%s\"", text_ ? text_ : "(null)", (part));          \
    } while (0)
