# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the scripts of ci/: messages, the root of the repository, building a preset.

CI_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CI_NAME=ci/${0##*/}

say() {
    printf '%s: %s\n' "$CI_NAME" "$*"
}

# die STATUS MESSAGE: the one line on stderr that explains why the script stops.
die() {
    local status=$1
    shift
    printf '%s: error: %s\n' "$CI_NAME" "$*" >&2
    exit "$status"
}

# usage_of FILE: the comment block under the licence line is the help text.
usage_of() {
    awk 'NR > 2 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"
}

cpu_count() {
    nproc 2>/dev/null || echo 2
}

# build_preset PRESET [TARGET...]: configure and build into build/PRESET.
build_preset() {
    local preset=$1
    shift
    mkdir -p "$CI_ROOT/build/$preset" 2>/dev/null ||
        die 2 "cannot write $CI_ROOT/build/$preset; use a clone that you own"
    [[ -w $CI_ROOT/build/$preset ]] ||
        die 2 "cannot write $CI_ROOT/build/$preset; use a clone that you own"
    local -a targets=()
    if (($# > 0)); then
        targets=(--target "$@")
    fi
    say "configure and build, preset $preset"
    (cd "$CI_ROOT" && cmake --preset "$preset" --log-level=WARNING &&
        cmake --build "build/$preset" --parallel "$(cpu_count)" "${targets[@]}")
}

# json_summary_count FILE KEY: an integer of the "summary" object of `seatrial run --format json`; 0 when
# it is not there.
json_summary_count() {
    local number
    number=$(tr -d ' \n\t' <"$1" |
        sed -n 's/.*"summary":{\([^}]*\)}.*/\1/p' |
        tr ',' '\n' |
        sed -n "s/^\"$2\":\([0-9][0-9]*\)\$/\1/p")
    printf '%d' "${number:-0}"
}
