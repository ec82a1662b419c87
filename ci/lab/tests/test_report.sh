#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: test_report.sh SEATRIAL
#
# What the report says of cells that differ, and of what is known of them. Boots nothing. Says each
# case that fails; exits 1 if any did.
set -euo pipefail
SEATRIAL=$(readlink -f "${1:?usage: test_report.sh SEATRIAL}")
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
# shellcheck source=ci/lab/tests/cases.sh
source "$(dirname "${BASH_SOURCE[0]}")/cases.sh"
export SEATRIAL_LAB_KNOWN=$DIR/known

# cell NUMBER KERNEL CGROUPS: what it told comes on stdin, as "NAME VERDICT REASON".
cell() {
    local place=$DIR/$1 name verdict reason
    mkdir -p "$place"
    printf '%s' "$2" >"$place/kernel"
    printf '%s' "$3" >"$place/cgroups"
    printf '%s %s' "$2" "$3" >"$place/name"
    printf 'done\t' >"$place/state"
    while read -r name verdict reason; do
        printf '{"file":"a.yaml","name":"%s","result":"%s","reason":"%s"}\n' \
            "$name" "$verdict" "$reason"
    done >"$place/scenarios"
}

# report STATUS FORMAT: stdout in $DIR/out, stderr in $DIR/err.
report() {
    local status=0
    "$SEATRIAL" lab report "$2" "$DIR"/[0-9] >"$DIR/out" 2>"$DIR/err" || status=$?
    [[ $status == "$1" ]] || fail "exit $status, expected $1"
}

silent() {
    ! grep -qaE "$1" "$DIR/out" || fail "it says: $1"
}

# known UNTIL KIND CELLS SCENARIOS TOLD REASON
known() {
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$DIR/known"
}

cell 0 debian:6.1 v1 <<<$'same passed\nmemory passed\ndeath failed no reason told\nslow failed late'
cell 1 debian:6.12 v1 <<<$'same passed\nmemory skipped no memory here\ndeath passed\nslow failed late'

CASE="nothing is known"
: >"$DIR/known"
report 1 pretty
says '^Differences: 2, not explained 2$'
says 'skipped  debian:6.12 v1: no memory here'
CASE="no table at all"
rm "$DIR/known"
report 1 pretty
says '^Differences: 2, not explained 2$'

CASE="what is known is told apart, what is not comes first"
known 2999-01-01 kernel '6\.12 v1$' '^a.yaml: mem' 'no memory' 'built without'
report 1 pretty
says '^Differences: 2, not explained 1$'
says '^  kernel: built without \(until 2999-01-01\)$'
says '^    a.yaml: 1$'
says '^  a.yaml: death \(passes and fails\)$'
silent 'a.yaml: memory'
silent 'is no longer so'
report 1 json
says '"unexplained": 1'
says '"debian:6.12 v1": "kernel: built without \(until 2999-01-01\)"'
report 1 html
says 'Differences between kernels: 2, not explained 1'
says '<td><b>not explained</b> </td>'
says 'kernel: built without'
report 1 junit
says 'explained by kernel: built without'

CASE="a failure everywhere is explained, too"
known 2999-01-01 emulation . slow late 'guests are slow'
report 1 pretty
says '^             emulation: guests are slow'

CASE="another reason is not what is known"
known 2999-01-01 ours . death 'another reason' 'a race'
report 1 pretty
says '^Differences: 2, not explained 1$'
says '^  is no longer so: ours: a race'

CASE="what was not played is not out of date"
known 2999-01-01 ours . 'another.yaml' . 'a race elsewhere'
report 1 pretty
silent 'a race elsewhere'

CASE="after its last day an entry explains nothing"
known 2001-01-01 ours . death . 'a race of then'
report 1 pretty
says '^Differences: 2, not explained 1$'
says '^  has expired: ours: a race of then'

CASE="a table that is wrong"
known 2999-01-01 bug . . . 'no such kind'
report 2 pretty
says 'known:6: "bug", expected kernel, emulation or ours'
printf '2999-01-01\tours\n' >"$DIR/known"
report 2 pretty
says 'known:1: 2 fields by tabs, expected 6'
printf '2999\tours\t.\t.\t.\tx\n' >"$DIR/known"
report 2 pretty
says 'known:1: "2999", expected a day'
printf '2999-01-01\tours\t(\t.\t.\tx\n' >"$DIR/known"
report 2 pretty
says 'known:1: "\(" is no extended regular expression'

((failures == 0)) || exit 1
echo "all cases hold"
