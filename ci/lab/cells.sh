# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The matrix: each kernel with each hierarchy is a cell, a directory that `seatrial lab report`
# reads: name, kernel, cgroups, state, boot, features, scenarios, splats.

WORK=
CELLS=()

work_begin() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/seatrial-lab.XXXXXX")
    trap 'work_end' EXIT
    trap 'exit 130' INT TERM
}

work_end() {
    local pid
    for pid in $(jobs -p) $(cat "$WORK"/cell-*/pid 2>/dev/null); do
        kill "$pid" 2>/dev/null || true
    done
    [[ -z $WORK ]] || rm -rf "$WORK"
}

host_hierarchy() {
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        echo v2
    elif [[ -e /sys/fs/cgroup/unified/cgroup.controllers ]]; then
        echo hybrid
    else
        echo v1
    fi
}

# cell_new KERNEL CGROUPS: its directory in CELLS.
cell_new() {
    local directory
    directory=$(printf '%s/cell-%03d' "$WORK" "${#CELLS[@]}")
    mkdir "$directory"
    printf '%s' "$1" >"$directory/kernel"
    printf '%s' "$2" >"$directory/cgroups"
    printf '%s %s' "$1" "$2" >"$directory/name"
    CELLS+=("$directory")
}

# kernel_prepare INDEX: image, modules and initrd of KERNELS[INDEX], in WORK/kernel-INDEX.
kernel_prepare() {
    local kernel=${KERNELS[$1]} place=$WORK/kernel-$1 image modules=${MODULES[$1]} directory found
    mkdir "$place"
    if [[ $kernel == file:* ]]; then
        image=${kernel#file:}
        [[ -n $modules ]] || modules=$(kernel_modules_of "$image")
    else
        found=$(kernel_package "$kernel")
        directory=$(kernel_fetch "${found% *}" "${found#* }")
        image=$(find "$directory/boot" -name 'vmlinuz-*' -print -quit)
        modules=$(kernel_modules_of "$image")
    fi
    kernel_check_image "$image"
    cp "$image" "$place/image"
    guest_modules "$place/modules.cpio" "$place" "$modules"
    [[ ! -e $WORK/base.cpio ]] || cat "$WORK/base.cpio" "$place/modules.cpio" >"$place/initrd"
    rm -rf "$place/modules"
}

# cell_host DIRECTORY: here, without a guest.
cell_host() {
    local status=0
    "$LAB/guest/features" >"$1/features" 2>/dev/null || true
    printf '0.00' >"$1/boot"
    timeout --kill-after=10 "$GUEST_SECONDS" "$SEATRIAL" run --backend kernel --format jsonl \
        --output "$1/scenarios" "${RUN_OPTIONS[@]}" "${PATHS[@]}" >"$1/output" 2>&1 || status=$?
    if ((status <= 1)); then
        printf 'done\t' >"$1/state"
    elif ((status == 124)); then
        printf 'late\tnot finished after %d s' "$GUEST_SECONDS" >"$1/state"
    else
        printf 'bad\t%s' "$(tail -n 1 "$1/output" | tr -d '\t')" >"$1/state"
    fi
    : >"$1/console"
    : >"$1/splats"
}

# cell_guest DIRECTORY PLACE
cell_guest() {
    guest_boot "$1" "$2/image" "$2/initrd" "$(cat "$1/cgroups")"
    splats "$1/kernel-log" >"$1/splats"
}

jobs_limit() {
    local by_memory
    by_memory=$(($(memory_available_mib) / (GUEST_MEMORY_MIB + 200)))
    JOBS=${JOBS:-$(cores)}
    ((JOBS <= by_memory)) || JOBS=$by_memory
    ((JOBS >= 1)) || die 2 "a guest takes $GUEST_MEMORY_MIB MiB of memory, $(memory_available_mib) are free"
}

# cells_play: guests side by side; the host alone, before them.
cells_play() {
    local index hierarchy running=0 begun
    for index in "${!KERNELS[@]}"; do
        if [[ ${KERNELS[$index]} == host ]]; then
            cell_new host "$(host_hierarchy)"
            cell_host "${CELLS[-1]}"
            continue
        fi
        kernel_prepare "$index"
        [[ -n $ACCELERATOR ]] || accelerator_probe "$WORK/kernel-$index/image"
    done
    begun=$SECONDS
    for index in "${!KERNELS[@]}"; do
        [[ ${KERNELS[$index]} == host ]] && continue
        for hierarchy in "${HIERARCHIES[@]}"; do
            cell_new "${KERNELS[$index]#file:}" "$hierarchy"
            if ((running >= JOBS)); then
                wait -n
                running=$((running - 1))
            fi
            cell_guest "${CELLS[-1]}" "$WORK/kernel-$index" &
            running=$((running + 1))
        done
    done
    wait
    say "guests took $((SECONDS - begun)) s by $ACCELERATOR; initramfs $(($(stat -c %s "$WORK/base.cpio") / 1048576)) MiB"
}

# has_guests: something else than the host is asked for.
has_guests() {
    local kernel
    for kernel in "${KERNELS[@]}"; do
        [[ $kernel == host ]] || return 0
    done
    return 1
}

need_guests() {
    need qemu-system-x86_64 qemu-system-x86
    need cpio cpio
    need busybox busybox-static
}

prepare() {
    ((${#KERNELS[@]})) || take_kernels debian:6.1,debian:6.12
    ((${#PATHS[@]})) || die 2 "no path is given, expected scenario files or directories"
    work_begin
    jobs_limit
    has_room "$WORK" 500
    if has_guests; then
        need_guests
        say "packing the guest"
        guest_scenarios "$WORK/base.cpio" "$WORK/base" "${PATHS[@]}"
        rm -rf "$WORK/base"
    fi
}

keep() {
    local cell
    [[ -n $KEEP ]] || return 0
    mkdir -p "$KEEP"
    for cell in "${CELLS[@]}"; do
        rm -rf "${KEEP:?}/${cell##*/}"
        cp -r "$cell" "$KEEP/"
    done
}

matrix() {
    local cell status=0
    prepare
    cells_play
    for cell in "${CELLS[@]}"; do
        guest_tail "$cell"
    done
    keep
    if [[ -n $OUTPUT ]]; then
        "$SEATRIAL" lab report "$FORMAT" "${CELLS[@]}" >"$OUTPUT" || status=$?
    else
        "$SEATRIAL" lab report "$FORMAT" "${CELLS[@]}" || status=$?
    fi
    return "$status"
}

# version_fails NAME: 0 when the scenarios do not all pass there.
version_fails() {
    local status=0
    CELLS=()
    KERNELS=("$1")
    MODULES=("")
    rm -rf "$WORK"/cell-* "$WORK"/kernel-*
    cells_play 2>/dev/null
    "$SEATRIAL" lab report json "${CELLS[@]}" >/dev/null || status=$?
    ((status <= 1)) || die 2 "$1 cannot be judged: $(cut -f2 "${CELLS[0]}/state")"
    ((status == 1))
}

# bisect: over the versions that apt knows between the two.
bisect() {
    local low=0 high middle all
    [[ -n $GOOD && -n $BAD ]] || die 2 "bisect wants --good debian:A and --bad debian:B"
    KERNELS=("$GOOD" "$BAD")
    prepare
    mapfile -t all < <(kernel_list | sed -n "\|^$(exact_name "$GOOD")\$|,\|^$(exact_name "$BAD")\$|p")
    high=$((${#all[@]} - 1))
    ((high >= 1)) || die 2 "there are no versions from $GOOD to $BAD, expected the older one as --good"
    ! version_fails "${all[0]}" || die 1 "${all[0]} fails already"
    version_fails "${all[high]}" || die 1 "${all[high]} passes"
    while ((high - low > 1)); do
        middle=$(((low + high) / 2))
        if version_fails "${all[middle]}"; then
            high=$middle
            say "${all[middle]} fails"
        else
            low=$middle
            say "${all[middle]} passes"
        fi
    done
    printf 'last that passes %s, first that fails %s\n' "${all[low]}" "${all[high]}"
}

# exact_name NAME: debian:6.12.100 as the list has it.
exact_name() {
    local package flavour=
    package=$(kernel_package "$1")
    package=${package% *}
    [[ $package != *-rt-amd64 ]] || flavour=-rt
    package=${package#linux-image-}
    printf 'debian:%s%s' "${package%-*-amd64}" "$flavour"
}
