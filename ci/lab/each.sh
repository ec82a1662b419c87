# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# One command in a guest of each kernel and hierarchy, one after the other: recorded traces and the
# fuzzer of the fake cgroupfs, and benchmarks.

# What a booted distribution does: cgroup2 as systemd mounts it. And a disk, for the controllers of
# I/O.
# shellcheck disable=SC2016 # it expands in the guest
readonly EACH_MACHINE='
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -o remount,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
    echo -memory >/sys/fs/cgroup/cgroup.subtree_control # which the features asked for
fi
[ -e /dev/loop0 ] || mknod /dev/loop0 b 7 0
dd if=/dev/zero of=/tmp/disk bs=1M count=4 2>/dev/null && losetup /dev/loop0 /tmp/disk
'
# And every controller for the root's children, which a trace does by itself.
# shellcheck disable=SC2016
readonly EACH_CONTROLLERS='
for c in $(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null); do
    echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control
done
'
readonly FUZZ_OPERATIONS=2000
readonly BENCH_SAMPLES=50

# trace_fits FILE KERNEL HIERARCHY: its header names the kernel's series and the hierarchy.
trace_fits() {
    local header series='' asked=$3
    header=$(sed -n 1p "$1")
    [[ ! $2 =~ ^debian:([0-9]+\.[0-9]+) ]] || series=${BASH_REMATCH[1]}
    [[ -z $series || $header == *"\"kernel\":\"$series."* ]] || return 1
    [[ $3 != hybrid || $header == *'"hybrid"'* ]] || return 1
    [[ $3 == hybrid ]] || ! [[ $header == *'"hybrid"'* ]] || return 1
    [[ $3 != hybrid ]] || asked=v2
    [[ $header == *"\"hierarchy\":\"$asked\""* ]]
}

# each_replay KERNEL HIERARCHY: COMMAND and FILES for the traces that were recorded there.
each_replay() {
    local path
    FILES=()
    COMMAND=(seatrial replay --whole-machine --on-kernel /sys/fs/cgroup)
    for path in "${PATHS[@]}"; do
        [[ -r $path ]] || die 2 "cannot read the trace $path"
        trace_fits "$path" "$1" "$2" || continue
        FILES+=("$path:/lab/traces/${path##*/}")
        COMMAND+=("/lab/traces/${path##*/}")
    done
    ((${#FILES[@]}))
}

# each_fuzz KERNEL HIERARCHY: what was given behind -- comes last, and so wins.
each_fuzz() {
    local hierarchy=$2
    [[ $2 != hybrid ]] || hierarchy=v1
    COMMAND=(seatrial cgroupfs-fuzz --hierarchy "$hierarchy" --device 7:0
        --operations "$FUZZ_OPERATIONS" "${GIVEN[@]}")
}

# each_bench KERNEL HIERARCHY: its result is a file of the guest, of which only ratios are told.
each_bench() {
    COMMAND=(seatrial bench launch --quiet --json --scenes sequential --samples "$BENCH_SAMPLES"
        --without "crun,runc,bwrap,unshare,nspawn,docker,podman" "${GIVEN[@]}")
}

# each_show WHAT FILE: what the guest wrote.
each_show() {
    if [[ $1 == bench ]]; then
        "$SEATRIAL" lab ratios "$2" || say "there is no result of the benchmark"
    else
        cat "$2"
    fi
}

# each_command WHAT: replay, fuzz or bench.
each_command() {
    local what=$1 index hierarchy status worst=0
    GIVEN=("${COMMAND[@]}")
    ((${#KERNELS[@]})) || take_kernels debian:6.1,debian:6.12
    [[ $what != replay ]] || ((${#PATHS[@]})) || die 2 "no trace is given, expected GOLDEN.jsonl..."
    [[ $what == replay ]] || ((${#PATHS[@]} == 0)) || die 2 "\"${PATHS[0]}\" is no option of $what"
    # shellcheck disable=SC2034 # boot.sh looks at it
    GUEST_QUIET_SECONDS=0
    exec_begin
    for index in "${!KERNELS[@]}"; do
        [[ ${KERNELS[$index]} != host ]] || die 2 "host is no guest: \`seatrial $what\` itself runs here"
        kernel_prepare "$index"
        [[ -n $ACCELERATOR ]] || accelerator_probe "$WORK/kernel-$index/image"
        for hierarchy in "${HIERARCHIES[@]}"; do
            status=0
            each_cell "$what" "$index" "$hierarchy" || status=$?
            ((status <= worst)) || worst=$status
        done
    done
    keep
    exit "$worst"
}

# each_cell WHAT INDEX HIERARCHY
each_cell() {
    local kernel=${KERNELS[$2]} machine=$EACH_MACHINE status=0
    [[ $1 == replay ]] || machine+=$EACH_CONTROLLERS
    printf '== %s %s%s\n' "${kernel#file:}" "$3" \
        "$([[ $ACCELERATOR == kvm ]] || echo " (emulated: compare verdicts and ratios, not times)")"
    if ! "each_$1" "$kernel" "$3"; then
        echo "no trace was recorded there"
        return
    fi
    # shellcheck disable=SC2016 # it expands in the guest
    guest_command "$WORK/base.cpio" "$WORK/base" sh -c "$machine"'exec "$@"' sh "${COMMAND[@]}"
    rm -rf "$WORK/base"
    cat "$WORK/base.cpio" "$WORK/kernel-$2/modules.cpio" >"$WORK/kernel-$2/initrd"
    exec_cell "$2" "$3" >"$WORK/told" || status=$?
    each_show "$1" "$WORK/told"
    ((status == 0)) || printf 'exit status %d\n' "$status"
    return "$status"
}
