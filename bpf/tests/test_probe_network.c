/* SPDX-License-Identifier: Apache-2.0 */
/* network.bpf.c in user space: whose a socket is, and what its packets count. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/network.bpf.c"
#include "bpf/tests/probe_world.h"

static struct bpf_sock one_socket, other_socket;

static int setup(void **state)
{
    *state = world_pair_start();
    shim_map_reset(&network);
    shim_map_reset(&sockets);
    one_socket = other_socket = (struct bpf_sock){.type = 1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&network);
    shim_map_free(&sockets);
    return 0;
}

static struct network_stats *of(unsigned slot)
{
    return bpf_map_lookup_elem(&network, &slot);
}

static void send(struct bpf_sock *socket, unsigned bytes)
{
    struct __sk_buff packet = {.len = bytes, .sk = socket};
    assert_int_equal(on_egress(&packet), 1); /* 0 would drop it */
}

static void receive(struct bpf_sock *socket, unsigned bytes)
{
    struct __sk_buff packet = {.len = bytes, .sk = socket};
    assert_int_equal(on_ingress(&packet), 1);
}

/* It belongs to whom made it, whoever sends: what is received comes while others run. */
static void test_maker(void **state)
{
    struct world_pair *w = *state;
    shim.current = &w->one.task;
    assert_int_equal(on_socket(&one_socket), 1);
    shim.current = &w->two.task;
    assert_int_equal(on_socket(&other_socket), 1);
    send(&one_socket, 100);
    send(&one_socket, 50);
    receive(&one_socket, 40);
    receive(&other_socket, 7);
    assert_int_equal(of(0)->transmit_packets, 2);
    assert_int_equal(of(0)->transmit_bytes, 150);
    assert_int_equal(of(0)->receive_packets, 1);
    assert_int_equal(of(0)->receive_bytes, 40);
    assert_int_equal(of(1)->receive_bytes, 7);
    assert_int_equal(of(1)->transmit_packets, 0);
}

static void test_nobody(void **state)
{
    struct world_pair *w = *state;
    struct bpf_sock request = {.type = 0};
    shim.current = &w->outside.task;
    assert_int_equal(on_socket(&one_socket), 1);
    send(&one_socket, 100);
    send(&request, 100);
    send(NULL, 100);
    for (unsigned slot = 0; slot < SHIM_SLOTS; slot++)
        assert_int_equal(of(slot)->transmit_packets, 0);
}

/* Sockets older than the probes: the kernel knows their cgroup on v2 alone. */
static void test_older(void **state)
{
    struct cgroup_key key = {300, 0, 0};
    unsigned slot = 1;
    (void)state;
    bpf_map_update_elem(&containers, &key, &slot, BPF_ANY);
    shim.socket_cgroup = 300;
    send(&one_socket, 100);
    assert_int_equal(of(1)->transmit_bytes, 0);
    config.identity_css = -1;
    send(&one_socket, 100);
    assert_int_equal(of(1)->transmit_bytes, 100);
    shim.socket_cgroup = 301;
    send(&one_socket, 100);
    assert_int_equal(of(1)->transmit_bytes, 100);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_maker),
        TEST(test_nobody),
        TEST(test_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
