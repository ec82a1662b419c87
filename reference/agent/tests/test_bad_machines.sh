#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: test_bad_machines.sh SEATRIAL
#
# The agent on real machines that lack something: root, a hierarchy, all of them, a kind of
# namespace. It does not start, says in one line who misses what, and leaves nothing behind. The
# machine is this one, seen by another user or in a mount namespace of its own.
# shellcheck disable=SC2317 # refused calls the machines by name
set -euo pipefail

readonly SEATRIAL=$1
readonly PATIENCE=60 # seconds: an agent that starts would never end

skip() {
    echo "$1"
    exit 77
}

((EUID == 0)) || skip "only root can take something away"
[[ -d /sys/fs/cgroup/freezer ]] || skip "there is no freezer of v1 to be taken away"
unshare --mount true 2>/dev/null || skip "no mount namespace can be made"
directory=$(mktemp -d /tmp/bm.XXXXXX)
readonly directory cgroups_root="seatrial-${directory##*.}"
trap 'rm -rf "$directory"' EXIT
chmod 755 "$directory"
failed=0

# refused WHAT EXPECTED MACHINE ARGUMENT...: the agent in the machine, a command that runs its
# arguments, says EXPECTED (a regular expression) in its one line, and ends.
refused() {
    local what=$1 expected=$2 machine=$3 said status=0
    local own=$directory/agent
    shift 3
    rm -rf "$own"
    mkdir -m 777 "$own"
    said=$(cd / && "$machine" "$SEATRIAL" agent --work_dir="$own/work" \
        --runtime_dir="$own/run" --socket="$own/socket" --cgroups_root="$cgroups_root" "$@" 2>&1) ||
        status=$?
    if ((status == 0 || status >= 124)) || [[ $said == *$'\n'* || ! $said =~ $expected ]]; then
        printf '%s: status %d, expected one line with %s, said:\n%s\n' \
            "$what" "$status" "$expected" "$said"
        failed=1
    fi
    # Others' cgroups may vanish while find looks.
    left=$({ find "$own" -mindepth 2; find /sys/fs/cgroup -name "$cgroups_root"; } 2>/dev/null) || true
    [[ -z $left && ! -e $own/socket ]] || {
        printf '%s: left behind: %s\n' "$what" "$left"
        failed=1
    }
}

as_nobody() {
    timeout "$PATIENCE" setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

without_freezer() {
    timeout "$PATIENCE" unshare --mount sh -c 'umount /sys/fs/cgroup/freezer && exec "$@"' sh "$@"
}

without_hierarchies() {
    timeout "$PATIENCE" unshare --mount sh -c 'umount --all --types cgroup,cgroup2 && exec "$@"' sh "$@"
}

# The kernel tells in /proc/self/ns which kinds it has; $missing is one that it has not here.
without_namespace() {
    # shellcheck disable=SC2016 # that shell expands it
    missing=$missing timeout "$PATIENCE" unshare --mount sh -c '
        kinds=$(ls /proc/$$/ns)
        mount -t tmpfs none /proc/$$/ns
        for kind in $kinds; do [ "$kind" = "$missing" ] || : >"/proc/$$/ns/$kind"; done
        exec "$@"' sh "$@"
}

refused "linux launcher, not root" "seatrial agent: .*linux.*root" as_nobody --launcher=linux \
    --cgroup_view=v1
for isolator in filesystem/linux cgroups/cpu linux/capabilities; do
    refused "$isolator, not root" "seatrial agent: isolation: .*$isolator.*root" as_nobody \
        --launcher=linux --cgroup_view=v2 --isolation="$isolator"
done
refused "no freezer" "seatrial agent: launcher linux: .*freezer" without_freezer \
    --launcher=linux --cgroup_view=v1
refused "no hierarchy" "seatrial agent: launcher linux: .*cgroup2" without_hierarchies \
    --launcher=linux
for row in mnt:mount:filesystem/linux pid:pid:namespaces/pid ipc:ipc:namespaces/ipc; do
    IFS=: read -r missing name isolator <<<"$row"
    isolation=filesystem/linux
    [[ $isolator == "$isolation" ]] || isolation+=,$isolator
    refused "no $name namespaces" \
        "seatrial agent: .*isolator $isolator: the kernel has no $name namespaces" \
        without_namespace --launcher=linux --cgroup_view=v1 --isolation="$isolation"
done
exit "$failed"
