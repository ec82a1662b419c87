# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The guest's initramfs: two archives in a row, the programs with what they play (the same for each
# kernel) and the modules of one kernel.

# What isolators, the provisioner and network scenarios ask of a kernel; those that are built in
# are not found, those that it lacks show in the table of features. The first are those that results
# leave by.
readonly GUEST_MODULES="virtio_pci virtio_console overlay fuse loop xfs veth bridge cls_cgroup sch_ingress cls_basic
    act_mirred cls_u32 sch_fq_codel sch_htb dummy ext4 squashfs"
readonly GUEST_PROGRAMS="seatrial seatrial-init seatrial-workload seatrial-payload seatrial-unpack
    mesos-executor mesos-fetcher mesos-tcp-connect"
# Beside busybox, where the machine has them.
readonly GUEST_TOOLS="ip tc mkfs.xfs xfs_quota nsenter"

pack() {
    if type -P zstd >/dev/null; then
        zstd -q -3 -T0
    else
        gzip -6
    fi
}

# pack_tree DIRECTORY FILE
pack_tree() {
    (cd "$1" && find . -print0 | LC_ALL=C sort -z |
        cpio --null --quiet -o -H newc -R 0:0) | pack >"$2"
}

# copy_libraries ROOT PROGRAM: the shared libraries, each at its path.
copy_libraries() {
    local library
    # A static program has none: ldd fails.
    { ldd "$2" 2>/dev/null || true; } | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }' |
        while IFS= read -r library; do
            mkdir -p "$1/$(dirname "$library")"
            [[ -e $1/$library ]] || cp -L "$library" "$1/$library"
        done
}

# guest_programs ROOT: seatrial's own into /lab/bin, tools into /bin.
guest_programs() {
    local root=$1 beside name path
    beside=$(dirname "$SEATRIAL")
    for name in $GUEST_PROGRAMS; do
        for path in "$beside/$name" "${SEATRIAL_LIBEXEC:-$LAB/..}/$name"; do
            if [[ -x $path ]]; then
                cp "$path" "$root/lab/bin/$name"
                strip --strip-unneeded "$root/lab/bin/$name" 2>/dev/null || true
                copy_libraries "$root" "$path"
                break
            fi
        done
    done
    for name in seatrial seatrial-init seatrial-workload; do
        [[ -x $root/lab/bin/$name ]] || die 2 "the program $name is missing beside $SEATRIAL"
    done
    for name in $GUEST_TOOLS; do
        path=$(PATH="$PATH:/usr/sbin:/sbin" type -P "$name") || continue
        cp -L "$path" "$root/bin/$name"
        copy_libraries "$root" "$path"
    done
}

# guest_paths ROOT PATH...: scenarios at the paths that the report will name.
guest_paths() {
    local root=$1 path inside
    shift
    for path in "$@"; do
        [[ -e $path ]] || die 2 "there is no $path, expected scenario files or directories"
        inside=$(printf '%s' "$path" | sed 's|^/*||; s|\(^\|/\)\.\./|\1up/|g; s|^\./||; s|/*$||')
        mkdir -p "$root/lab/paths/$(dirname "$inside")"
        cp -rL "$path" "$root/lab/paths/$inside"
        printf '%s\n' "$inside" >>"$root/lab/list"
    done
}

# guest_root ROOT: all but what the guest is to do.
guest_root() {
    local root=$1
    mkdir -p "$root"/{bin,lab/bin,etc,proc,sys,dev,tmp,run,root,new,var/tmp,usr}
    ln -s bin "$root/sbin"
    ln -s ../bin "$root/usr/bin"
    cp -L "$(type -P busybox)" "$root/bin/busybox"
    cp "$LAB/guest/init" "$root/init"
    cp "$LAB/guest/main" "$LAB/guest/play" "$LAB/guest/features" "$root/lab/"
    chmod 0755 "$root/init" "$root"/lab/{main,play,features}
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' \
        >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    printf '127.0.0.1 localhost lab\n' >"$root/etc/hosts"
    chmod 1777 "$root/tmp" "$root/var/tmp"
    guest_programs "$root"
}

# guest_scenarios ARCHIVE ROOT PATH...: a guest that plays them.
guest_scenarios() {
    local archive=$1 root=$2
    shift 2
    guest_root "$root"
    guest_paths "$root" "$@"
    printf '%s\n' "${RUN_OPTIONS[@]}" >"$root/lab/options"
    pack_tree "$root" "$archive"
}

# guest_file ROOT SOURCE[:PATH]: as the guest sees it at PATH, or where scenarios would stand.
guest_file() {
    local source=${2%%:/*} inside
    [[ $source != "$2" ]] || {
        guest_paths "$1" "$2"
        return
    }
    [[ -e $source ]] || die 2 "there is no $source, expected --file SOURCE or SOURCE:/PATH"
    inside=/${2#*:/}
    mkdir -p "$1$(dirname "$inside")"
    cp -rL "$source" "$1$inside"
}

# guest_command ARCHIVE ROOT WORD...: a guest that runs one command, with FILES.
guest_command() {
    local archive=$1 root=$2 one line=exec
    shift 2
    guest_root "$root"
    mkdir -p "$root/lab/paths"
    for one in "${FILES[@]}"; do
        guest_file "$root" "$one"
    done
    for one in "$@"; do
        line+=" '${one//\'/\'\\\'\'}'"
    done
    printf '%s\n' "$line" >"$root/lab/command"
    pack_tree "$root" "$archive"
}

# module_file DIRECTORY NAME: names use - and _ as they please.
module_file() {
    find "$1/kernel" -regextype posix-extended \
        -regex ".*/${2//[-_]/[-_]}\.ko(\.xz|\.zst|\.gz)?" -print -quit
}

module_plain() {
    case $1 in
    *.xz) xz -dc "$1" ;;
    *.zst) zstd -qdc "$1" ;;
    *.gz) gzip -dc "$1" ;;
    *) cat "$1" ;;
    esac
}

# module_take DIRECTORY ROOT NAME: what it depends on first; the order is that of loading.
module_take() {
    local directory=$1 root=$2 name=${3//-/_} file depends one
    [[ ! -e $root/lab/modules/$name.ko ]] || return 0
    file=$(module_file "$directory" "$name")
    [[ -n $file ]] || return 0
    module_plain "$file" >"$root/lab/modules/$name.ko"
    depends=$(grep -ao 'depends=[A-Za-z0-9_,-]*' "$root/lab/modules/$name.ko" |
        sed -n '1s/.*=//p')
    for one in ${depends//,/ }; do
        module_take "$directory" "$root" "$one"
    done
    # libcrc32c asks the crypto layer by name, which no dependency tells.
    [[ $name != libcrc32c ]] || module_take "$directory" "$root" crc32c_generic
    printf '%s\n' "$name" >>"$root/lab/modules/order"
}

# guest_modules ARCHIVE WORK DIRECTORY: an archive that follows the first; DIRECTORY may be empty.
guest_modules() {
    local archive=$1 root=$2/modules name
    mkdir -p "$root/lab/modules"
    : >"$root/lab/modules/order"
    if [[ -n $3 ]]; then
        for name in $GUEST_MODULES; do
            module_take "$3" "$root" "$name"
        done
    fi
    pack_tree "$root" "$archive"
}
