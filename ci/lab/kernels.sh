# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Kernels by name: debian:VERSION becomes a package of the machine's own sources, or, when these have
# none such, of further suites, whose index the lab keeps for itself. apt downloads it (and checks its
# hash against the signed index); it is unpacked into the cache, never installed.

readonly KERNEL_ROOM_MIB=600
readonly LATER_DAYS=7 # so long an index of further suites is taken as new
# For kernels that the machine's release has not, and for machines without an index.
LATER_SOURCES=("http://deb.debian.org/debian trixie-backports main"
    "http://deb.debian.org/debian-security bookworm-security main")
[[ ! -v SEATRIAL_LAB_SOURCE ]] || LATER_SOURCES=("$SEATRIAL_LAB_SOURCE")
LATER_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
LATER_TRIED=

cache_directory() {
    printf '%s' "${SEATRIAL_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/seatrial/lab}"
}

# apt_of WHERE PROGRAM ARGUMENT...: machine, or later: nothing of the machine's sources is touched.
apt_of() {
    local where=$1 program=$2 later
    shift 2
    later=$(cache_directory)/later
    if [[ $where == later ]]; then
        set -- -o "Dir::Etc::SourceList=$later/sources.list" -o Dir::Etc::SourceParts=- \
            -o "Dir::State::Lists=$later/lists" -o "Dir::Cache=$later/cache" "$@"
    fi
    "$program" -o APT::Get::AllowUnauthenticated=false -o APT::Sandbox::User=root "$@"
}

# later_update: fetches the index of the further suites when there is none, or an old one.
later_update() {
    local later
    later=$(cache_directory)/later
    [[ -z $LATER_TRIED && -n ${LATER_SOURCES[0]} ]] || return 0
    LATER_TRIED=yes
    [[ -z $(find "$later/lists" -name '*_Packages*' -mtime "-$LATER_DAYS" -print -quit 2>/dev/null) ]] ||
        return 0
    if [[ ! -r $LATER_KEYS ]]; then
        say "$LATER_KEYS is missing (package debian-archive-keyring): no kernels of further suites"
        return
    fi
    mkdir -p "$later/lists/partial" "$later/cache/archives/partial" 2>/dev/null || return 0
    printf "deb [signed-by=$LATER_KEYS] %s\n" "${LATER_SOURCES[@]}" >"$later/sources.list"
    say "fetching the index of ${LATER_SOURCES[*]}"
    if ! apt_of later apt-get -q --error-on=any update >"$later/log" 2>&1; then
        say "it cannot be fetched: $(grep -m1 '^[EW]:' "$later/log")"
        rm -rf "$later/lists"
    fi
}

# packages_of WHERE FLAVOUR: what apt knows, as VERSION, package name and WHERE, oldest first.
# Metapackages have no third number and are left out.
packages_of() {
    [[ $1 == machine || -d $(cache_directory)/later/lists ]] || return 0
    apt_of "$1" apt-cache search --names-only \
        "^linux-image-[0-9]+\.[0-9]+\.[0-9].*-$2-amd64\$" 2>/dev/null |
        sed -n "s/^\(linux-image-\(.*\)-$2-amd64\) .*/\2 \1 $1/p" | sort -V
}

# kernel_packages FLAVOUR: with those of further suites that the machine's sources lack.
kernel_packages() {
    { packages_of machine "$1"; packages_of later "$1"; } |
        awk '!known[$1]++' | sort -V
}

need_apt() {
    type -P apt-cache >/dev/null || die 2 "apt-cache is missing: debian:VERSION needs a Debian"
}

kernel_list() {
    local flavour
    need_apt
    later_update
    for flavour in cloud rt; do
        kernel_packages "$flavour" |
            awk -v rt="$([[ $flavour == rt ]] && echo -rt)" '{ print "debian:" $1 rt }'
    done
}

# kernel_series: the list in short, for an error message.
kernel_series() {
    kernel_list | sed -n 's/^debian:\([0-9]*\.[0-9]*\)\..*/debian:\1/p' | sort -Vu | tr '\n' ' '
}

# kernel_find NAME: the newest package that debian:NAME matches, and where it is; nothing: none.
kernel_find() {
    local version=${1#debian:} flavour=cloud
    if [[ $version == *-rt ]]; then
        flavour=rt
        version=${version%-rt}
    fi
    kernel_packages "$flavour" | awk -v want="$version" '
        index($1, want) == 1 && substr($1, length(want) + 1) ~ /^($|[^0-9])/ { last = $2 " " $3 }
        END { print last }'
}

# kernel_package NAME: prints the package and where it is.
kernel_package() {
    local found
    need_apt
    found=$(kernel_find "$1")
    if [[ -z $found ]]; then
        later_update
        found=$(kernel_find "$1")
    fi
    [[ -n $found ]] ||
        die 2 "unknown kernel $1: the package sources have $(kernel_series | sed 's/ $//')" \
            "(\`seatrial lab kernels\` lists each; is the list empty, run apt-get update)"
    printf '%s' "$found"
}

# kernel_download PACKAGE WHERE DIRECTORY
kernel_download() {
    local partial
    partial=$(mktemp -d "$(cache_directory)/partial.XXXXXX")
    if ! (cd "$partial" && apt_of "$2" apt-get -q download "$1" >log 2>&1); then
        tail -n 3 "$partial/log" >&2
        rm -rf "$partial"
        die 2 "apt cannot download $1: the package may be gone, try apt-get update"
    fi
    if ! dpkg-deb -x "$partial"/*.deb "$partial/tree"; then
        rm -rf "$partial"
        die 2 "the package $1 does not unpack"
    fi
    mv -T "$partial/tree" "$3" 2>/dev/null || [[ -d $3 ]] || die 2 "cannot write $3"
    rm -rf "$partial"
}

# kernel_fetch PACKAGE WHERE: prints its directory in the cache, with boot/vmlinuz-* and
# lib/modules/*.
kernel_fetch() {
    local package=$1 cache version directory
    cache=$(cache_directory)
    version=$(apt_of "$2" apt-cache policy "$package" | awk '/Candidate:/ { print $2 }')
    directory=$cache/${package}_${version//[:\/]/_}
    if [[ ! -d $directory ]]; then
        mkdir -p "$cache" 2>/dev/null || die 2 "cannot make the cache $cache"
        has_room "$cache" "$KERNEL_ROOM_MIB"
        say "downloading $package $version"
        kernel_download "$package" "$2" "$directory"
    fi
    printf '%s' "$directory"
}

# kernel_modules_of IMAGE: lib/modules/* beside an image of the cache; empty when there are none.
kernel_modules_of() {
    local directory
    for directory in "$(dirname "$1")"/../lib/modules/* "$(dirname "$1")"/../usr/lib/modules/*; do
        if [[ -d $directory/kernel ]]; then
            printf '%s' "$directory"
            return
        fi
    done
}

# image_number PATH OFFSET BYTES: a number of the boot protocol's header.
image_number() {
    od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# kernel_check_image PATH: the boot protocol's magic stands at 0x202, the length of the code in units
# of 16 bytes at 0x1f4, and that of the setup before it in sectors at 0x1f1.
kernel_check_image() {
    local size
    [[ -f $1 && -r $1 ]] || die 2 "cannot read the kernel $1"
    [[ $(dd if="$1" bs=1 skip=514 count=4 2>/dev/null | tr -d '\0') == HdrS ]] ||
        die 2 "$1 is not a bzImage, or it is corrupt"
    size=$((($(image_number "$1" 497 1) + 1) * 512 + $(image_number "$1" 500 4) * 16))
    (($(stat -Lc %s "$1") >= size)) ||
        die 2 "$1 is cut short: it has $(stat -Lc %s "$1") bytes of $size"
}
