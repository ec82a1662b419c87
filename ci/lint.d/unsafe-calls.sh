# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Calls of the C library that overrun, hide errors or hold state.

check() {
    forbidden_calls unsafe-calls.txt
}

bad() {
    mkdir bench
    printf '%s\n' 'void f(char *d, char *s) { strcpy(d, s); }' >bench/a.c
}

expected() {
    echo 'bench/a.c:1: strcpy() is forbidden here: the strings of reference/base, or memcpy with a checked length'
}

good() {
    mkdir bench
    printf '%s\n' 'void f(char *d) { snprintf(d, 2, "sprintf()"); my_strcpy(d); }' >bench/a.c
}
