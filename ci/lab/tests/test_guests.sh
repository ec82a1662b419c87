#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: test_guests.sh SEATRIAL
#
# The lab with a QEMU, an apt and a machine that do as they are told: what becomes of guests that end
# badly, and of bad input. Boots nothing. Says each case that fails; exits 1 if any did.
# shellcheck disable=SC2016 # the scripts of the invented tools expand when they run
set -euo pipefail
LAB=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
# shellcheck source=ci/lab/tests/cases.sh
source "$(dirname "${BASH_SOURCE[0]}")/cases.sh"

# make_tool NAME: an executable of the invented machine, its script on stdin; never through the link
# to a tool of the real one.
make_tool() {
    rm -f "$DIR/bin/$1"
    { echo '#!/bin/bash' && cat; } >"$DIR/bin/$1"
    chmod +x "$DIR/bin/$1"
}

# The machine: the tools that the lab needs, and an apt that knows three kernels.
make_machine() {
    local tool
    mkdir -p "$DIR"/{bin,programs,cache,packages,paths}
    for tool in awk bash basename cat cp cpio cut date dd df dirname find grep gzip head id kill ldd ln \
        ls mkdir mkfifo mktemp mv nproc od printf ps readlink rm sed sleep sort stat tail timeout touch \
        tr uniq wc xargs chmod dash strip env; do
        tool=$(type -P "$tool") && ln -sf "$tool" "$DIR/bin/${tool##*/}"
    done
    make_tool busybox <<<'exit 0'
    make_tool apt-cache <<'TOOL'
[[ $* == *later* ]] && exit 0
case $* in
*cloud*) for v in 6.1.0-40 6.12.100+deb12 6.12.117+deb12; do echo "linux-image-$v-cloud-amd64 - Linux"; done ;;
*policy*) echo '  Candidate: 1' ;;
esac
TOOL
    make_tool apt-get <<'TOOL'
echo "E: Failed to fetch" >&2
exit 100
TOOL
    # Programs of the build: reports are the real one's.
    printf '#!/bin/bash\n[[ $2 == report ]] && exec %q "$@"\necho 1000000\n' "$SEATRIAL_REAL" \
        >"$DIR/programs/seatrial"
    for tool in seatrial-init seatrial-workload; do
        echo '#!/bin/bash' >"$DIR/programs/$tool"
    done
    chmod +x "$DIR"/programs/*
    echo 'scenario: a' >"$DIR/paths/a.yaml"
    # A bzImage as far as its header goes: one sector of setup and one of code.
    {
        head -c 497 /dev/zero && printf '\1' && head -c 2 /dev/zero && printf '\40\0\0\0' &&
            head -c 10 /dev/zero && printf 'HdrS' && head -c 1500 /dev/zero
    } >"$DIR/image"
}

# guest SCRIPT: what QEMU does: console, results (stdout), scenarios and kernel log are at descriptors
# 3, 1, 4 and 5.
guest() {
    make_tool qemu-system-x86_64 <<TOOL
for word in "\$@"; do
    case \$word in
    file:*) exec 3>"\${word#file:}" ;;
    file,id=scenarios,path=*) exec 4>"\${word#*path=}" ;;
    file,id=kernel-log,path=*) exec 5>"\${word#*path=}" ;;
    esac
done
$1
TOOL
}

# lab STATUS COMMAND ARGUMENT...: stdout in $DIR/out, stderr in $DIR/err.
lab() {
    local wanted=$1 status=0
    shift
    (cd "$DIR/paths" && env -i PATH="$DIR/bin" HOME="$DIR" TMPDIR="$DIR" SEATRIAL_LAB_ACCEL=tcg \
        SEATRIAL_LAB_CACHE="$DIR/cache" SEATRIAL_LAB_SOURCE= SEATRIAL="$DIR/programs/seatrial" \
        SEATRIAL_LIBEXEC="$DIR/programs" bash "$LAB/lab" "$@" >"$DIR/out" 2>"$DIR/err") || status=$?
    ((status == wanted)) || fail "exit $status, expected $wanted"
}

readonly PASSED='{"file":"a.yaml","name":"a","result":"passed","reason":null,"seconds":1}'
readonly BEGUN='echo "@@ start 1.00"'
readonly ENDED='echo "@@ begin output"; echo "@@ end output 0"; echo "@@ exit 0"'

# ends CASE STATUS STATE SCRIPT [OPTION...]: a guest that does so leaves a cell with this state.
ends() {
    CASE=$1
    guest "$4"
    lab "$2" run --kernel "$DIR/image" "${@:5}" a.yaml
    grep -qE "image v2 .* $3" "$DIR/out" || fail "no cell is: $3"
}

SEATRIAL_REAL=$(readlink -f "${1:?usage: test_guests.sh SEATRIAL}")
make_machine

ends "a guest that passes" 0 'done$' "echo hello >&3; $BEGUN; echo '$PASSED' >&4; $ENDED"
ends "a panic" 1 'panic: Kernel panic - not syncing: x' \
    "$BEGUN; echo '[1.0] Kernel panic - not syncing: x' >&3"
says "the console's last lines"
ends "a guest that keeps what it has told before it dies" 1 'panic' \
    "$BEGUN; echo '$PASSED' >&4; echo 'Kernel panic - x' >&3"
says '^.*/image v2  *1  *0  *0'
ends "a guest without memory" 1 'memory: the guest ran out of memory' \
    "$BEGUN; echo '[9.0] Out of memory: Killed process 7 (seatrial)' >&3"
ends "seatrial run killed for lack of memory" 1 'memory: the guest ran out of memory' \
    "echo hello >&3; $BEGUN; echo '@@ begin output'; echo '@@ end output 0'
    echo '[9.0] Out of memory: Killed process 7 (seatrial)' >&5; echo '@@ exit 137'"
ends "a guest that was out of memory for a while" 1 'memory: the guest ran out of memory' \
    "echo hello >&3; $BEGUN; echo '$PASSED' >&4
    echo '[9.0] Out of memory: Killed process 7 (seatrial-worklo)' >&5; $ENDED"
says '^.*/image v2  *1  *0  *0'
ends "a cgroup that was out of memory" 0 'done$' "echo hello >&3; $BEGUN; echo '$PASSED' >&4
    echo '[9.0] Memory cgroup out of memory: Killed process 7 (seatrial-worklo)' >&5; $ENDED"
ends "a guest that just ends" 1 'stopped: the guest stopped without a report' "echo hello >&3"
ends "a kernel that says nothing" 1 'stopped: the kernel said nothing' ":"
ends "a guest that hangs" 1 'late: not finished after 1 s' \
    "echo hello >&3; $BEGUN; exec sleep 60" --limit 1
ends "a guest that tells nothing any more" 1 'late: nothing was told for 1 s, the last was: a' \
    "echo hello >&3; $BEGUN; echo '$PASSED' >&4; exec sleep 60" --stall 1
ends "a kernel without virtio" 1 'broken: the kernel has no virtio console' \
    "echo '@@ broken the kernel has no virtio console' >&3"
ends "a kernel without cgroups" 1 'broken: the kernel mounts no cgroups v2' \
    "echo hello >&3; echo '@@ broken the kernel mounts no cgroups v2'"
ends "a QEMU that refuses" 2 'qemu: qemu-system-x86_64: no such machine' \
    "echo 'qemu-system-x86_64: no such machine' >&2; exit 1"
ends "a splat" 1 'done$' "echo hello >&3; $BEGUN; echo '$PASSED' >&4
    echo '[1.0] WARNING: CPU: 0 PID: 1 at mm/a.c:1' >&5; $ENDED"
says 'kernel log: .*WARNING: CPU: 0 PID: 1 at mm/a.c:1'

CASE="a command's exit status"
guest "echo hello >&3; $BEGUN; echo '@@ exit 7'"
lab 7 exec --kernel "$DIR/image" -- false
CASE="a command whose guest dies"
guest "echo 'Kernel panic - x' >&3"
lab 125 exec --kernel "$DIR/image" -- false

CASE="an unknown kernel"
lab 2 run --kernels debian:5.10 a.yaml
says 'unknown kernel debian:5.10: the package sources have debian:6.1 debian:6.12 '
CASE="a name that is none"
lab 2 run --kernels fedora:40 a.yaml
says 'unknown kernel "fedora:40", expected host'
CASE="a package that is gone"
lab 2 run --kernels debian:6.12 a.yaml
says 'apt cannot download linux-image-6.12.117.deb12-cloud-amd64: the package may be gone'
CASE="no space"
make_tool df <<<'printf "Filesystem 1M Used Available\nx 1 1 3 1%% /\n"'
lab 2 run --kernel "$DIR/image" a.yaml
says 'has 3 MiB left, the lab needs'
rm "$DIR/bin/df" && ln -s "$(type -P df)" "$DIR/bin/df"
CASE="a kernel that is none"
lab 2 run --kernel "$DIR/paths/a.yaml" a.yaml
says 'is not a bzImage, or it is corrupt'
CASE="a kernel that is cut short"
head -c 900 "$DIR/image" >"$DIR/short"
lab 2 run --kernel "$DIR/short" a.yaml
says 'short is cut short: it has 900 bytes of 1536'
CASE="a kernel that is not there"
lab 2 run --kernel "$DIR/nowhere" a.yaml
says 'cannot read the kernel .*/nowhere'
CASE="modules that are none"
lab 2 run --kernel "$DIR/image" --modules "$DIR/paths" a.yaml
says 'expected a folder with kernel/ in it'
CASE="scenarios that are not there"
lab 2 run --kernel "$DIR/image" nowhere.yaml
says 'there is no nowhere.yaml'
CASE="no QEMU"
rm "$DIR/bin/qemu-system-x86_64"
lab 2 run --kernel "$DIR/image" a.yaml
says 'qemu-system-x86_64 is missing: install the package qemu-system-x86 \(ci/deps lab\)'

((failures == 0)) || exit 1
echo "all cases hold"
