# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# One command in one guest: what it writes comes out here, its exit status is ours.

readonly EXEC_UNFINISHED=125

exec_prepare() {
    ((${#COMMAND[@]})) || die 2 "no command is given, expected -- COMMAND ARGUMENT..."
    ((${#PATHS[@]} == 0)) || die 2 "\"${PATHS[0]}\" stands before --, expected --file ${PATHS[0]}"
    ((${#KERNELS[@]})) || take_kernels debian:6.12
    ((${#KERNELS[@]} == 1 && ${#HIERARCHIES[@]} == 1)) ||
        die 2 "exec takes one kernel and one of --cgroups"
    [[ ${KERNELS[0]} != host ]] || die 2 "--kernel is host, expected one for a guest"
    need_guests
    work_begin
    jobs_limit
    has_room "$WORK" 500
}

# exec_streams CELL: hands on what arrives at the FIFOs; ends with the guest.
exec_streams() {
    mkfifo "$1/stdout" "$1/stderr"
    cat <"$1/stdout" &
    STREAMS=("$!")
    cat <"$1/stderr" >&2 &
    STREAMS+=("$!")
}

exec_command() {
    local cell status
    local -a STREAMS
    exec_prepare
    guest_command "$WORK/base.cpio" "$WORK/base" "${COMMAND[@]}"
    rm -rf "$WORK/base"
    kernel_prepare 0
    accelerator_probe "$WORK/kernel-0/image"
    cell_new "${KERNELS[0]#file:}" "${HIERARCHIES[0]}"
    cell=${CELLS[0]}
    exec_streams "$cell"
    # A command may be silent for as long as it wants.
    # shellcheck disable=SC2034 # boot.sh looks at it
    GUEST_QUIET_SECONDS=0
    cell_guest "$cell" "$WORK/kernel-0"
    # When QEMU ended before it opened them, a reader still waits for a writer.
    : <>"$cell/stdout" 4<>"$cell/stderr"
    wait "${STREAMS[@]}" || true
    rm "$cell/stdout" "$cell/stderr"
    guest_tail "$cell"
    keep
    status=$(cat "$cell/exit")
    sed 's/^/seatrial lab: kernel log: /' "$cell/splats" >&2
    [[ -n $status ]] || exit "$EXEC_UNFINISHED"
    [[ $status != 0 || ! -s $cell/splats ]] || status=1
    exit "$status"
}
