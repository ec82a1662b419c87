# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Unfinished work is an issue, not a comment; and no path of somebody's machine is in the tree.

check() {
    tree_files | grep -v '^ci/lint\.d/leftovers\.sh$' |
        on_files grep -InwE 'TODO|FIXME|XXX|HACK' /dev/null |
        sed 's/^\([^:]*:[0-9]*\):.*/\1: unfinished work belongs in an issue/' || true
    tree_files | grep -v '^ci/lint\.d/leftovers\.sh$' |
        on_files grep -InE "$CI_ROOT/|/home/[a-z]+/(src|work|dev|projects?)/" /dev/null |
        sed 's/^\([^:]*:[0-9]*\):.*/\1: a path of one machine/' || true
}

bad() {
    mkdir bench
    printf '%s\n' '/* TODO: all */' 'char *p = "/home/me/src/x";' >bench/a.c
}

expected() {
    printf '%s\n' 'bench/a.c:1: unfinished work belongs in an issue' 'bench/a.c:2: a path of one machine'
}

good() {
    mkdir bench
    printf '%s\n' 'char t[] = "/tmp/seatrial.XXXXXX";' 'int todo;' >bench/a.c
}
