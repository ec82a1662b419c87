# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Nothing but the host implementations touches the world; the table says which calls that means.

check() {
    forbidden_calls host-calls.txt
}

bad() {
    mkdir -p reference/mesos reference/isolators
    printf '%s\n' 'int f(void)' '{' '    return (int)time(NULL) + kill (1, 9);' '}' >reference/mesos/a.c
    printf '%s\n' 'void g(void) { uv_run(0); }' >reference/isolators/b.c
}

expected() {
    printf '%s\n' \
        'reference/isolators/b.c:1: uv_run() is forbidden here: the loop behind the host' \
        "reference/mesos/a.c:3: time() is forbidden here: the host's clock" \
        'reference/mesos/a.c:3: kill() is forbidden here: a process call of the host'
}

good() {
    mkdir -p reference/mesos reference/launchers fakes
    printf '%s\n' '/* time(NULL) is' ' * kill(1) */' 'int f(struct host *h)' '{' \
        '    say("open(2)"); // fork()' \
        '    return h->ops->kill(h, 1) + h->ops.time() + host_time(h) + (*read)(1);' \
        '}' >reference/mesos/a.c
    printf '%s\n' 'void child(void) { execve(0, 0, 0); }' >reference/launchers/child_steps.c
    printf '%s\n' 'int r(void) { return rand(); }' >fakes/a.c
}
