#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: test_real.sh SEATRIAL
#
# Guests that end badly, for real: one that panics, one that runs out of memory, one that hangs, and
# one that does none of it. Each is told within its limit, with the console's last lines, and nothing is
# left of it. Says each case that fails; exits 1 if any did, 77 where there is no QEMU or no kernel.
set -euo pipefail
SEATRIAL=$(readlink -f "${1:?usage: test_real.sh SEATRIAL}")
KERNEL=${SEATRIAL_LAB_TEST_KERNEL:-debian:6.12}
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
export TMPDIR=$DIR
# shellcheck source=ci/lab/tests/cases.sh
source "$(dirname "${BASH_SOURCE[0]}")/cases.sh"
readonly LIMIT=60 # long enough for a boot beside the rest of the tests

skip() {
    echo "$*"
    exit 77
}

# guest CASE STATUS COMMAND [OPTION...]: stdout in $DIR/out, stderr in $DIR/err.
guest() {
    local status=0 begun=$SECONDS
    CASE=$1
    "$SEATRIAL" lab exec --kernel "$KERNEL" "${@:4}" -- sh -c "$3" >"$DIR/out" 2>"$DIR/err" ||
        status=$?
    ((status == $2)) || fail "exit $status, expected $2"
    ((SECONDS - begun < 4 * LIMIT)) || fail "it took $((SECONDS - begun)) s"
    [[ -z $(find "$DIR" -mindepth 1 -maxdepth 1 -name 'seatrial-*') ]] || fail "something is left"
}

type -P qemu-system-x86_64 cpio busybox >/dev/null || skip "QEMU, cpio or busybox is not installed"
# A machine that cannot fetch the kernel has none to boot; downloading is no part of the test.
known=$("$SEATRIAL" lab kernels 2>/dev/null) || true
[[ $known == *"$KERNEL"* ]] || skip "there is no $KERNEL here"

guest "a guest that ends well" 7 'echo said; exit 7'
says '^said$'
guest "a panic" 125 'echo c >/proc/sysrq-trigger; sleep 60'
says 'panic: Kernel panic|Kernel panic - not syncing: sysrq triggered crash'
says "the console's last lines"
guest "a guest without memory" 137 \
    'exec seatrial-workload alloc:250MiB alloc:250MiB alloc:250MiB' --memory 512
says 'the guest ran out of memory; the console.s last lines'
says '    .*Out of memory: Killed process'
guest "a guest that hangs" 125 'echo begun; exec sleep 1000' --limit "$LIMIT"
says '^begun$'
says "not finished after $LIMIT s; the console's last lines"

((failures == 0)) || exit 1
echo "all cases hold"
