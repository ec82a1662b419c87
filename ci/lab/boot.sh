# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# One guest: boots, waits within the time limit, and takes apart what it told.

readonly TAIL_LINES=25
readonly EMULATED_PATIENCE=10 # so many times longer may things take in an emulated guest
readonly LOOK_SECONDS=2       # between looks at a guest that tells nothing
readonly SILENT_SECONDS=120   # a kernel says its first words within them
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

# out_of_memory FILE: the whole guest was, not only a cgroup of it.
out_of_memory() {
    grep -aqsE '(^|\] )Out of memory: Killed' "$1"
}

# console_state FILE: why a guest that did not finish stopped.
console_state() {
    if grep -aq 'Kernel panic' "$1"; then
        printf 'panic\t%s' "$(grep -am1 -o 'Kernel panic.*' "$1" | tr -d '\r\t')"
    elif [[ ! -s $1 ]]; then
        printf 'stopped\tthe kernel said nothing: it may be corrupt, or not for this machine'
    else
        printf 'stopped\tthe guest stopped without a report'
    fi
}

# guest_size DIRECTORY: bytes told so far; that they grow is progress.
guest_size() {
    cat "$1/console" "$1/results" "$1/scenarios" 2>/dev/null | wc -c
}

# guest_late DIRECTORY SECONDS QUIET: why a guest that has run for SECONDS, and told nothing for
# QUIET of them, is given up; nothing when it is not.
guest_late() {
    local last
    if (($2 > GUEST_SECONDS)); then
        printf 'not finished after %d s' "$GUEST_SECONDS"
    elif [[ ! -s $1/console ]] && (($3 > SILENT_SECONDS)); then
        printf 'the kernel said nothing for %d s: it may be corrupt, or not for this machine' \
            "$SILENT_SECONDS"
    elif ((GUEST_QUIET_SECONDS && $3 > GUEST_QUIET_SECONDS)); then
        last=$(tail -n 1 "$1/scenarios" 2>/dev/null | sed -n 's/.*"name":"\([^"]*\)".*/\1/p')
        printf 'nothing was told for %d s%s' "$GUEST_QUIET_SECONDS" "${last:+, the last was: $last}"
    fi
}

# guest_follow DIRECTORY: stdin is what the guest tells; it goes to results as it comes, and ends with
# the guest. Notes the wall time of the first scenario in boot, and in late why it was given up.
guest_follow() {
    local directory=$1 line part='' status start=$EPOCHREALTIME begun=$SECONDS told=$SECONDS
    local size=0 now passed late
    exec 5>"$directory/results"
    while :; do
        status=0
        IFS= read -r -t "$LOOK_SECONDS" line || status=$?
        part+=$line
        if ((status == 0)); then
            printf '%s\n' "$part" >&5
            if [[ $part == "@@ start"* ]]; then
                now=$EPOCHREALTIME
                passed=$(((${now/./} - ${start/./}) / 1000))
                printf '%d.%02d' $((passed / 1000)) $((passed % 1000 / 10)) >"$directory/boot"
            fi
            part=
            told=$SECONDS
            continue
        fi
        ((status > 128)) || break
        now=$(guest_size "$directory")
        ((now == size)) || told=$SECONDS
        size=$now
        late=$(guest_late "$directory" $((SECONDS - begun)) $((SECONDS - told)))
        if [[ -n $late ]]; then
            printf '%s' "$late" >"$directory/late"
            kill "$(cat "$directory/pid")" 2>/dev/null
            break
        fi
    done
    printf '%s' "$part" >&5
    exec 5>&-
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

# accelerator_option: emulated CPUs take turns in one thread. In threads of their own one translates
# what another patches: a kernel that changes its code then meets a breakpoint that it has taken out
# again, and panics (int3).
accelerator_option() {
    if [[ $ACCELERATOR == tcg ]]; then
        printf 'tcg,thread=single'
    else
        printf '%s' "$ACCELERATOR"
    fi
}

# guest_ports DIRECTORY: the devices by which a guest tells, in DEVICES: the kernel's console by a
# serial line, the rest by virtio ports, which are faster. Results go to QEMU's stdout and are little:
# what its pipe does not take in time is lost when the guest ends, so the kernel log has a file. With
# FIFOs called stdout and stderr in the directory there is a port for each.
guest_ports() {
    local name path number=0
    DEVICES=(-serial "file:$1/console" -device virtio-serial-pci)
    : >"$1/scenarios"
    : >"$1/kernel-log"
    for name in results stdout stderr scenarios kernel-log; do
        number=$((number + 1))
        path=$1/$name
        [[ $name != results ]] || path=/dev/stdout
        [[ -e $path ]] || continue
        DEVICES+=(-chardev "file,id=$name,path=$path"
            -device "virtserialport,nr=$number,chardev=$name,name=$name")
    done
}

# cpu_option: emulated, what takes a byte at a time (erms) is slower than what it replaces.
cpu_option() {
    if [[ $ACCELERATOR == tcg ]]; then
        printf 'max,-erms,-fsrm'
    else
        printf 'max'
    fi
}

# guest_qemu DIRECTORY KERNEL INITRD OPTIONS: QEMU takes the place of the caller's process.
guest_qemu() {
    local -a DEVICES
    guest_ports "$1"
    printf '%d\n' "$BASHPID" >"$1/pid"
    exec qemu-system-x86_64 -machine pc -accel "$(accelerator_option)" -cpu "$(cpu_option)" \
        -smp "$GUEST_CPUS" -m "$GUEST_MEMORY_MIB" -nodefaults -no-reboot -display none -monitor none \
        "${DEVICES[@]}" \
        -kernel "$2" -initrd "$3" -append "console=ttyS0 loglevel=5 panic=-1 mitigations=off $4" \
        2>"$1/qemu" </dev/null
}

# guest_state DIRECTORY: a word and, behind a tab, an explanation.
guest_state() {
    local status broken
    status=$(cat "$1/exit")
    broken=$(mark "$1/results" broken)
    [[ -n $broken ]] || broken=$(mark "$1/console" broken)
    if [[ $status == 2 && -s $1/output ]]; then
        printf 'bad\t%s' "$(tail -n 1 "$1/output" | tr -d '\t')"
    elif out_of_memory "$1/console" || out_of_memory "$1/kernel-log"; then
        printf 'memory\tthe guest ran out of memory'
    elif [[ -n $status ]] && ((status > 2)) && grep -aq '^@@ begin output' "$1/results"; then
        printf 'stopped\tseatrial run ended with status %d: %s' "$status" \
            "$(tail -n 1 "$1/output" | tr -d '\t')"
    elif [[ -n $status ]]; then
        printf 'done\t'
    elif [[ -n $broken ]]; then
        printf 'broken\t%s' "$broken"
    elif [[ -s $1/late ]]; then
        printf 'late\t%s' "$(cat "$1/late")"
    elif [[ ! -s $1/console && -s $1/qemu ]]; then
        printf 'qemu\t%s' "$(grep -v 'warning' "$1/qemu" | sed -n 1p | tr -d '\t')"
    else
        console_state "$1/console"
    fi
}

# emulated_options KHZ: for the kernel's command line. Programs stand at the same addresses each time:
# code that stands elsewhere is translated anew, and to start a program took five times as long. What
# the kernel would measure at boot it is told, as on a busy machine it measures wrong: the frequency of
# its counter; the loops of a delay, which are as many as ticks of the counter in a 250th of a second,
# Debian's jiffy (measuring takes the second CPU a second); and that its timer works, for which it waits
# so short a time that it panics when there is load.
emulated_options() {
    printf 'norandmaps tsc=reliable no_timer_check%s' "${1:+ tsc_early_khz=$1 lpj=$(($1 * 4))}"
}

# guest_boot DIRECTORY KERNEL INITRD CGROUPS: leaves console, results, boot and state there.
guest_boot() {
    local directory=$1 options="seatrial.cgroups=$4" khz
    if [[ $ACCELERATOR != kvm ]]; then
        khz=$("$SEATRIAL" lab tsc || true)
        options+=" $(emulated_options "$khz") seatrial.patience=$EMULATED_PATIENCE"
    fi
    (guest_qemu "$directory" "$2" "$3" "$options") | guest_follow "$directory" || true
    touch "$directory/console"
    section "$directory/results" features >"$directory/features"
    section "$directory/results" output >"$directory/output"
    mark "$directory/results" exit >"$directory/exit"
    [[ -s $directory/kernel-log ]] || cp "$directory/console" "$directory/kernel-log"
    guest_state "$directory" >"$directory/state"
}

# guest_tail DIRECTORY: the console's last lines, of a guest that did not finish.
guest_tail() {
    [[ $(cut -f1 "$1/state") != "done" ]] || return 0
    say "$(cat "$1/name"): $(cut -f2 "$1/state"); the console's last lines:"
    tail -n "$TAIL_LINES" "$1/console" | tr -d '\r' | sed 's/^/    /' >&2
}
