# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Kernels by name: debian:VERSION becomes a package of the machine's own sources, downloaded by apt
# (which checks its hash against the signed index) and unpacked into the cache, never installed.

readonly KERNEL_ROOM_MIB=400

cache_directory() {
    printf '%s' "${SEATRIAL_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/seatrial/lab}"
}

# kernel_packages FLAVOUR: what apt knows, as VERSION and package name, oldest first. Metapackages
# have no third number and are left out.
kernel_packages() {
    apt-cache search --names-only "^linux-image-[0-9]+\.[0-9]+\.[0-9].*-$1-amd64\$" 2>/dev/null |
        sed -n "s/^\(linux-image-\(.*\)-$1-amd64\) .*/\2 \1/p" | sort -V
}

kernel_list() {
    local flavour
    type -P apt-cache >/dev/null || die 2 "apt-cache is missing: debian:VERSION needs a Debian"
    for flavour in cloud rt; do
        kernel_packages "$flavour" |
            awk -v rt="$([[ $flavour == rt ]] && echo -rt)" '{ print "debian:" $1 rt }'
    done
}

# kernel_series: the list in short, for an error message.
kernel_series() {
    kernel_list | sed -n 's/^debian:\([0-9]*\.[0-9]*\)\..*/debian:\1/p' | sort -Vu | tr '\n' ' '
}

# kernel_package NAME: the newest package that debian:NAME matches.
kernel_package() {
    local version=${1#debian:} flavour=cloud package
    if [[ $version == *-rt ]]; then
        flavour=rt
        version=${version%-rt}
    fi
    package=$(kernel_packages "$flavour" | awk -v want="$version" '
        index($1, want) == 1 && substr($1, length(want) + 1) ~ /^($|[^0-9])/ { last = $2 }
        END { print last }')
    if [[ -z $package ]]; then
        die 2 "unknown kernel $1: the package sources have $(kernel_series | sed 's/ $//')" \
            "(\`seatrial lab kernels\` lists each)"
    fi
    printf '%s' "$package"
}

# kernel_fetch PACKAGE: prints its directory in the cache, with boot/vmlinuz-* and lib/modules/*.
kernel_fetch() {
    local package=$1 cache version directory partial
    cache=$(cache_directory)
    version=$(apt-cache policy "$package" | awk '/Candidate:/ { print $2 }')
    directory=$cache/${package}_${version//[:\/]/_}
    if [[ ! -d $directory ]]; then
        mkdir -p "$cache" 2>/dev/null || die 2 "cannot make the cache $cache"
        has_room "$cache" "$KERNEL_ROOM_MIB"
        say "downloading $package $version"
        partial=$(mktemp -d "$cache/partial.XXXXXX")
        if ! (cd "$partial" && apt-get -q -o APT::Get::AllowUnauthenticated=false \
            -o APT::Sandbox::User=root download "$package" >log 2>&1); then
            tail -n 3 "$partial/log" >&2
            rm -rf "$partial"
            die 2 "apt cannot download $package: the package may be gone, try apt-get update"
        fi
        if ! dpkg-deb -x "$partial"/*.deb "$partial/tree"; then
            rm -rf "$partial"
            die 2 "the package $package does not unpack"
        fi
        mv -T "$partial/tree" "$directory" 2>/dev/null || [[ -d $directory ]] ||
            die 2 "cannot write $directory"
        rm -rf "$partial"
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

# kernel_check_image PATH: the boot protocol's magic stands at 0x202.
kernel_check_image() {
    [[ -r $1 ]] || die 2 "cannot read the kernel $1"
    [[ $(dd if="$1" bs=1 skip=514 count=4 2>/dev/null | tr -d '\0') == HdrS ]] ||
        die 2 "$1 is not a bzImage, or it is corrupt"
}
