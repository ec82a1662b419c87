# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# One command in one guest: what it writes comes out here, its exit status is ours.

readonly EXEC_UNFINISHED=125

# exec_begin: what the guests of exec and of its kin need.
exec_begin() {
    need_guests
    work_begin
    jobs_limit
    has_room "$WORK" 500
}

exec_check() {
    ((${#COMMAND[@]})) || die 2 "no command is given, expected -- COMMAND ARGUMENT..."
    ((${#PATHS[@]} == 0)) || die 2 "\"${PATHS[0]}\" stands before --, expected --file ${PATHS[0]}"
    ((${#KERNELS[@]})) || take_kernels debian:6.12
    ((${#KERNELS[@]} == 1 && ${#HIERARCHIES[@]} == 1)) ||
        die 2 "exec takes one kernel and one of --cgroups"
    [[ ${KERNELS[0]} != host ]] || die 2 "--kernel is host, expected one for a guest"
}

# exec_streams CELL: hands on what arrives at the FIFOs; ends with the guest.
exec_streams() {
    mkfifo "$1/stdout" "$1/stderr"
    cat <"$1/stdout" &
    STREAMS=("$!")
    cat <"$1/stderr" >&2 &
    STREAMS+=("$!")
}

# exec_cell INDEX HIERARCHY: COMMAND in a guest with KERNELS[INDEX], which is prepared; returns its
# status, 1 when that is 0 and the kernel log has a splat, EXEC_UNFINISHED when there is none.
exec_cell() {
    local cell status
    local -a STREAMS
    cell_new "${KERNELS[$1]#file:}" "$2"
    cell=${CELLS[-1]}
    exec_streams "$cell"
    cell_guest "$cell" "$WORK/kernel-$1"
    # When QEMU ended before it opened them, a reader still waits for a writer.
    : <>"$cell/stdout" 4<>"$cell/stderr"
    wait "${STREAMS[@]}" || true
    rm "$cell/stdout" "$cell/stderr"
    guest_tail "$cell"
    status=$(cat "$cell/exit")
    sed 's/^/seatrial lab: kernel log: /' "$cell/splats" >&2
    [[ $status != 0 || ! -s $cell/splats ]] || status=1
    return "${status:-$EXEC_UNFINISHED}"
}

exec_command() {
    local status=0
    exec_check
    exec_begin
    guest_command "$WORK/base.cpio" "$WORK/base" "${COMMAND[@]}"
    rm -rf "$WORK/base"
    kernel_prepare 0
    accelerator_probe "$WORK/kernel-0/image"
    # A command may be silent for as long as it wants.
    # shellcheck disable=SC2034 # boot.sh looks at it
    GUEST_QUIET_SECONDS=0
    exec_cell 0 "${HIERARCHIES[0]}" || status=$?
    keep
    exit "$status"
}
