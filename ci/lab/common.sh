# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the lab: messages and what the machine offers. The lab is installed without the rest
# of ci/, so it has its own.

say() {
    printf 'seatrial lab: %s\n' "$*" >&2
}

# die STATUS MESSAGE: the one line that explains why the lab stops.
die() {
    local status=$1
    shift
    printf 'seatrial lab: error: %s\n' "$*" >&2
    exit "$status"
}

# usage_of FILE: the comment block under the licence line is the help text.
usage_of() {
    awk 'NR > 2 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"
}

# need PROGRAM PACKAGE
need() {
    type -P "$1" >/dev/null || die 2 "$1 is missing: install the package $2 (ci/deps lab)"
}

cores() {
    nproc 2>/dev/null || echo 1
}

memory_available_mib() {
    awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# has_room DIRECTORY MIB
has_room() {
    local free
    free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
    ((free >= $2)) || die 2 "$1 has $free MiB left, the lab needs $2"
}
