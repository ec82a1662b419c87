# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the tests of the lab's programs: cases that write to $DIR/out and $DIR/err.
# shellcheck disable=SC2034 # both are looked at by who sources it
CASE=
failures=0

fail() {
    printf '%s: %s\n' "$CASE" "$*"
    tail -n 40 "$DIR/out" "$DIR/err" | sed 's/^/    /'
    failures=$((failures + 1))
}

says() {
    grep -qaE "$1" "$DIR/out" "$DIR/err" || fail "nothing says: $1"
}
