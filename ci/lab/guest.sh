# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The guest's initramfs: two archives in a row, the programs with what they play (the same for each
# kernel) and the modules of one kernel.

# What isolators, the provisioner and network scenarios ask of a kernel; those that are built in
# are not found, those that it lacks show in the table of features. Loaded at boot: what results
# leave by, and what is looked for in /proc/filesystems; the others when the kernel asks for them,
# as their loading takes seconds under emulation.
readonly GUEST_MODULES_AT_BOOT="virtio_pci virtio_console overlay"
readonly GUEST_MODULES="fuse loop xfs veth bridge cls_cgroup sch_ingress cls_basic act_mirred cls_u32
    act_gact act_police cls_bpf cls_matchall cls_flower sch_fq_codel sch_htb sch_tbf sch_netem dummy
    macvlan ipvlan tun vxlan tcp_diag ext4 squashfs erofs nf_tables nft_compat br_netfilter"
# Beside busybox, where the machine has them.
readonly GUEST_TOOLS="ip tc ss ethtool nsenter mkfs.xfs xfs_quota xfs_io"
readonly GUEST_CNI_PLUGINS="bridge host-local loopback ptp static"

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
    for path in "$beside"/{seatrial,mesos}* "${SEATRIAL_LIBEXEC:-$LAB/..}"/{seatrial,mesos}*; do
        name=${path##*/}
        [[ -f $path && -x $path && ! -e $root/lab/bin/$name ]] || continue
        cp "$path" "$root/lab/bin/$name"
        strip --strip-unneeded "$root/lab/bin/$name" 2>/dev/null || true
        copy_libraries "$root" "$path"
    done
    for name in seatrial seatrial-init seatrial-workload; do
        [[ -x $root/lab/bin/$name ]] || die 2 "the program $name is missing beside $SEATRIAL"
    done
    # Busybox's own shell prefers its applets to what stands in PATH.
    if path=$(type -P dash); then
        cp -L "$path" "$root/bin/sh"
        copy_libraries "$root" "$path"
    fi
    for name in $GUEST_TOOLS; do
        path=$(PATH="$PATH:/usr/sbin:/sbin" type -P "$name") || continue
        cp -L "$path" "$root/bin/$name"
        copy_libraries "$root" "$path"
    done
}

# guest_cni_plugins ROOT: at Debian's place; they need no libraries.
guest_cni_plugins() {
    local name
    mkdir -p "$1/usr/lib/cni"
    for name in $GUEST_CNI_PLUGINS; do
        [[ -x /usr/lib/cni/$name ]] || continue
        cp -L "/usr/lib/cni/$name" "$1/usr/lib/cni/$name"
        strip --strip-unneeded "$1/usr/lib/cni/$name" 2>/dev/null || true
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
    mkdir -p "$root"/{bin,lab/bin,etc,proc,sys,dev,tmp,run,root,new,var/tmp,usr/lib}
    ln -s bin "$root/sbin"
    ln -s ../bin "$root/usr/bin"
    ln -s ../bin "$root/usr/sbin"
    ln -s ../run "$root/var/run"
    cp -L "$(type -P busybox)" "$root/bin/busybox"
    cp "$LAB/guest/init" "$root/init"
    cp "$LAB/guest/main" "$LAB/guest/play" "$LAB/guest/features" \
        "$LAB/guest/modprobe" "$root/lab/"
    chmod 0755 "$root/init" "$root"/lab/{main,play,features,modprobe}
    printf '%s\n' root:x:0:0:root:/root:/bin/sh daemon:x:1:1:daemon:/:/bin/sh \
        nobody:x:65534:65534:nobody:/:/bin/sh >"$root/etc/passwd"
    printf '%s\n' root:x:0: daemon:x:1: nogroup:x:65534: >"$root/etc/group"
    printf '127.0.0.1 localhost lab\n' >"$root/etc/hosts"
    # network/cni covers those that are there.
    printf 'lab\n' >"$root/etc/hostname"
    : >"$root/etc/resolv.conf"
    chmod 1777 "$root/tmp" "$root/var/tmp"
    guest_programs "$root"
    guest_cni_plugins "$root"
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

# module_words FILE KEY: what a module says of itself.
module_words() {
    grep -ao "$2=[ -~]*" "$1" | sed "s/^$2=//" || true
}

# module_take DIRECTORY INTO NAME: with what it depends on, and the tables that modprobe reads. In
# MODULE_NEEDS stands all that each needs, the deepest last: modprobe loads from the end.
module_take() {
    local directory=$1 into=$2 name=${3//-/_} file one needs=
    [[ ! -e $into/$name.ko ]] || return 0
    file=$(module_file "$directory" "$name")
    [[ -n $file ]] || return 0
    module_plain "$file" >"$into/$name.ko"
    for one in $(module_words "$into/$name.ko" depends | tr , ' '); do
        module_take "$directory" "$into" "$one"
        one=${one//-/_}
        [[ ! -e $into/$one.ko ]] || needs+=" $one.ko${MODULE_NEEDS[$one]-}"
    done
    # libcrc32c asks the crypto layer by name, which no dependency tells.
    [[ $name != libcrc32c ]] || module_take "$directory" "$into" crc32c_generic
    MODULE_NEEDS[$name]=$needs
    printf '%s.ko:%s\n' "$name" "$needs" >>"$into/modules.dep"
    module_words "$into/$name.ko" alias | sed "s/^/alias /; s/\$/ $name/" >>"$into/modules.alias"
}

# guest_modules ARCHIVE WORK DIRECTORY: an archive that follows the first; DIRECTORY may be empty.
guest_modules() {
    local archive=$1 root=$2/modules into=$2/modules/lab/modules name
    local -A MODULE_NEEDS
    mkdir -p "$into"
    : >"$into/modules.dep"
    : >"$into/modules.alias"
    : >"$into/modules.symbols"
    # shellcheck disable=SC2086 # a list of words
    printf '%s\n' $GUEST_MODULES_AT_BOOT >"$into/at-boot"
    if [[ -n $3 ]]; then
        for name in $GUEST_MODULES_AT_BOOT $GUEST_MODULES; do
            module_take "$3" "$into" "$name"
        done
    fi
    pack_tree "$root" "$archive"
}
