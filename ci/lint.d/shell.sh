# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What shellcheck finds in the shell scripts.

check() {
    if ! command -v shellcheck >/dev/null; then
        echo "ci/lint.d/shell.sh:1: shellcheck is missing: run ci/deps"
        return
    fi
    shell_files | on_files shellcheck --external-sources --format=gcc |
        sed 's/^\([^:]*:[0-9]*\):[0-9]*: /\1: /' || true
}

bad() {
    mkdir ci
    # shellcheck disable=SC2016
    printf '%s\n' '#!/usr/bin/env bash' 'echo $1' >ci/a
}

expected() {
    echo 'ci/a:2: note: Double quote to prevent globbing and word splitting. [SC2086]'
}

good() {
    mkdir ci
    # shellcheck disable=SC2016
    printf '%s\n' '#!/usr/bin/env bash' 'echo "$1"' >ci/a
}
