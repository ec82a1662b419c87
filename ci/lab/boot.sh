# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# One guest: boots, waits within the time limit, and takes apart what it told.

readonly TAIL_LINES=25
readonly EMULATED_PATIENCE=5 # `settle` waits so many times longer in an emulated guest
ACCELERATOR=

# section FILE NAME: what stands between its marks; nothing when the end is missing.
section() {
    tr -d '\r' <"$1" | awk -v name="$2" '
        $1 == "@@" && $2 == "end" && $3 == name { printf "%s", text; inside = 0; text = "" }
        inside { text = text $0 "\n" }
        $1 == "@@" && $2 == "begin" && $3 == name { inside = 1 }'
}

# mark FILE NAME: the rest of a line "@@ NAME ...".
mark() {
    tr -d '\r' <"$1" | sed -n "s/^@@ $2 *//p" | sed -n 1p
}

# console_state FILE: why a guest that did not finish stopped.
console_state() {
    if grep -aq 'Kernel panic' "$1"; then
        printf 'panic\t%s' "$(grep -am1 -o 'Kernel panic.*' "$1" | tr -d '\r\t')"
    elif grep -aqE '(^|\] )Out of memory: Killed' "$1"; then
        printf 'memory\tthe guest ran out of memory'
    else
        printf 'stopped\tthe guest stopped without a report'
    fi
}

# guest_wait PID DIRECTORY SECONDS: notes the wall time of the first scenario in boot; 1 when late.
guest_wait() {
    local pid=$1 directory=$2 limit=$3 start=$EPOCHREALTIME now passed
    while kill -0 "$pid" 2>/dev/null; do
        now=$EPOCHREALTIME
        passed=$(((${now/./} - ${start/./}) / 1000))
        if [[ ! -s $directory/boot ]] && grep -aqs '^@@ start' "$directory/results"; then
            printf '%d.%02d' $((passed / 1000)) $((passed % 1000 / 10)) >"$directory/boot"
        fi
        if ((passed > limit * 1000)); then
            kill "$pid" 2>/dev/null
            return 1
        fi
        sleep 0.05
    done
}

# accelerator_probe IMAGE: kvm when a kernel says its first words under it, else tcg. There are
# machines whose /dev/kvm opens and where guests then stand still.
accelerator_probe() {
    local console=$WORK/kvm-console known
    known=$(cache_directory)/accelerator-$(cat /proc/sys/kernel/random/boot_id)
    if [[ -n ${SEATRIAL_LAB_ACCEL-} ]]; then
        ACCELERATOR=$SEATRIAL_LAB_ACCEL
    elif [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
        ACCELERATOR=tcg
    elif [[ -s $known ]]; then
        ACCELERATOR=$(cat "$known")
    else
        timeout 5 qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 256 -nodefaults -no-reboot \
            -display none -monitor none -serial "file:$console" -kernel "$1" \
            -append "console=ttyS0 panic=-1" >/dev/null 2>&1 </dev/null || true
        ACCELERATOR=tcg
        if grep -aqs 'Linux version' "$console"; then
            ACCELERATOR=kvm
        else
            say "/dev/kvm is there, but guests do not run with it: emulating"
        fi
        mkdir -p "$(dirname "$known")"
        printf '%s' "$ACCELERATOR" >"$known"
    fi
}

# guest_ports DIRECTORY: the devices by which a guest tells, in DEVICES: the kernel's console by a
# serial line, the rest by virtio ports, which are faster. With FIFOs called stdout and stderr in
# the directory there is a port for each.
guest_ports() {
    local name number=0
    DEVICES=(-serial "file:$1/console" -device virtio-serial-pci)
    : >"$1/results"
    : >"$1/scenarios"
    for name in results stdout stderr scenarios; do
        number=$((number + 1))
        [[ -e $1/$name ]] || continue
        DEVICES+=(-chardev "file,id=$name,path=$1/$name"
            -device "virtserialport,nr=$number,chardev=$name,name=$name")
    done
}

# guest_boot DIRECTORY KERNEL INITRD CGROUPS: leaves console, results, boot and state there; state
# is a word and, behind a tab, an explanation.
guest_boot() {
    local directory=$1 late=0 broken pid options="seatrial.cgroups=$4"
    local -a DEVICES
    guest_ports "$directory"
    [[ $ACCELERATOR == kvm ]] || options+=" seatrial.patience=$EMULATED_PATIENCE"
    qemu-system-x86_64 -machine "pc,accel=$ACCELERATOR" -cpu max -smp "$GUEST_CPUS" \
        -m "$GUEST_MEMORY_MIB" -nodefaults -no-reboot -display none -monitor none \
        "${DEVICES[@]}" \
        -kernel "$2" -initrd "$3" \
        -append "console=ttyS0 loglevel=5 panic=-1 mitigations=off tsc=reliable $options" \
        >"$directory/qemu" 2>&1 </dev/null &
    pid=$!
    guest_wait "$pid" "$directory" "$GUEST_SECONDS" || late=1
    wait "$pid" 2>/dev/null || true
    touch "$directory/results" "$directory/console"
    broken=$(mark "$directory/results" broken)
    [[ -n $broken ]] || broken=$(mark "$directory/console" broken)
    section "$directory/results" features >"$directory/features"
    section "$directory/results" output >"$directory/output"
    section "$directory/results" kernel-log >"$directory/kernel-log"
    mark "$directory/results" exit >"$directory/exit"
    if [[ $(cat "$directory/exit") == 2 && -s $directory/output ]]; then
        printf 'bad\t%s' "$(tail -n 1 "$directory/output" | tr -d '\t')" >"$directory/state"
    elif [[ -s $directory/exit ]]; then
        printf 'done\t' >"$directory/state"
    elif [[ -n $broken ]]; then
        printf 'broken\t%s' "$broken" >"$directory/state"
    elif ((late)); then
        printf 'late\tnot finished after %d s' "$GUEST_SECONDS" >"$directory/state"
    elif [[ ! -s $directory/console && -s $directory/qemu ]]; then
        printf 'qemu\t%s' "$(grep -v 'warning' "$directory/qemu" | sed -n 1p | tr -d '\t')" \
            >"$directory/state"
    else
        console_state "$directory/console" >"$directory/state"
    fi
    [[ -s $directory/kernel-log ]] || cp "$directory/console" "$directory/kernel-log"
}

# guest_tail DIRECTORY: the console's last lines, of a guest that did not finish.
guest_tail() {
    [[ $(cut -f1 "$1/state") != "done" ]] || return 0
    say "$(cat "$1/name"): $(cut -f2 "$1/state"); the console's last lines:"
    tail -n "$TAIL_LINES" "$1/console" | tr -d '\r' | sed 's/^/    /' >&2
}
