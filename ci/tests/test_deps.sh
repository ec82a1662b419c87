#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ci/deps on invented systems: its own package table, os-release, and apt tools that only take
# notes. Says each case that fails; exits 1 if any did.
# shellcheck disable=SC2016 # the scripts of the invented tools expand when they run
set -euo pipefail

CI=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
# A copy, as the repository may stand where nobody may not look.
mkdir -p "$DIR/ci/lib"
cp "$CI/deps" "$DIR/ci/"
cp "$CI/lib/common.sh" "$DIR/ci/lib/"
failures=0

# make_tool NAME: a program of the invented system, its script on stdin.
make_tool() {
    {
        echo '#!/usr/bin/env bash'
        cat
    } >"$DIR/bin/$1"
    chmod +x "$DIR/bin/$1"
}

# fresh_system: a Debian 12 where alpha and beta are missing and apt has fresh lists.
fresh_system() {
    rm -rf "${DIR:?}/bin" "$DIR/lists" "$DIR/state"
    mkdir "$DIR/bin" "$DIR/lists" "$DIR/state"
    touch "$DIR/lists/main_Packages"
    printf 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n' >"$DIR/os-release"
    cat >"$DIR/table" <<-TABLE
	build alpha file:$DIR/state/alpha needed for A
	build beta|gamma file:$DIR/state/beta needed for B
	build there file:/ always there
	test there-too file:/ always there
	other delta file:$DIR/state/delta needed for D
	TABLE
    make_tool dpkg-query <<<'exit 1'
    make_tool apt-cache <<<'[[ $2 == beta ]] || echo "  Candidate: 1.0"'
    make_tool apt-get <<-TOOL
	echo "\$*" >>"$DIR/state/apt-calls"
	while [[ \$1 == -* ]]; do if [[ \$1 == -o ]]; then shift; fi; shift; done
	[[ \$1 == install ]] || exit 0
	if [[ -e "$DIR/state/failures" ]] && [[ -s "$DIR/state/failures" ]]; then
	    sed -i 1d "$DIR/state/failures"
	    exit 100
	fi
	touch "$DIR/state/alpha" "$DIR/state/beta" "$DIR/state/delta"
	TOOL
    make_tool sudo <<<'exit 1'
}

# run STATUS ARGUMENT...: its output in $DIR/out; as nobody if AS_NOBODY is set and we are root.
run() {
    local wanted=$1 status=0
    local -a as=()
    shift
    if [[ -n ${AS_NOBODY-} ]] && ((EUID == 0)); then
        chmod -R a+rwX "$DIR"
        as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    fi
    env PATH="$DIR/bin:$PATH" SEATRIAL_DEPS_TABLE="$DIR/table" SEATRIAL_DEPS_APT_LISTS="$DIR/lists" \
        SEATRIAL_DEPS_OS_RELEASE="$DIR/os-release" SEATRIAL_DEPS_PAUSE_S=0 \
        "${as[@]}" bash "$DIR/ci/deps" "$@" >"$DIR/out" 2>&1 || status=$?
    ((status == wanted)) || fail "exit $status, expected $wanted"
}

fail() {
    printf '%s: %s\n' "$CASE" "$*"
    sed 's/^/    /' "$DIR/out"
    failures=$((failures + 1))
}

says() {
    grep -qF -- "$1" "$DIR/out" || fail "does not say: $1"
}

apt_calls() {
    { cat "$DIR/state/apt-calls" 2>/dev/null || true; } | grep -c -- "$1" || true
}

CASE="nothing is missing: quiet success, even where nothing could be installed"
fresh_system
touch "$DIR/state/alpha" "$DIR/state/beta"
echo 'ID=other' >"$DIR/os-release"
AS_NOBODY=1 run 0
says "nothing is missing"
[[ ! -e $DIR/state/apt-calls ]] || fail "apt was called"

CASE="--list names what is missing with the reason and installs nothing"
fresh_system
run 0 --list
says "beta or gamma"
says "needed for B"
[[ ! -e $DIR/state/apt-calls ]] || fail "apt was called"

CASE="another system: one error that names the packages"
fresh_system
printf 'ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora 41"\n' >"$DIR/os-release"
run 2
says "error: missing: alpha beta or gamma; they can be installed by this script on Debian 12+"
says "this is Fedora 41"

CASE="an older Debian"
fresh_system
printf 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n' >"$DIR/os-release"
run 2
says "this is Debian 11"

CASE="an older Ubuntu"
fresh_system
printf 'ID=ubuntu\nVERSION_ID="20.04"\nPRETTY_NAME="Ubuntu 20.04"\n' >"$DIR/os-release"
run 2
says "this is Ubuntu 20.04"

CASE="an unknown group"
fresh_system
run 2 bulid
says "no group bulid"

if ((EUID == 0)) || [[ -n ${CI_TEST_AS_USER-} ]]; then
    CASE="a normal user without sudo"
    fresh_system
    AS_NOBODY=1 run 2
    says "error: missing: alpha beta or gamma; installing them needs root"
    [[ ! -e $DIR/state/apt-calls ]] || fail "apt was called"
fi

CASE="installs what is missing and nothing else, from the first known alternative"
fresh_system
make_tool sudo <<<'[[ $1 == -n ]] && shift; exec "$@"'
run 0
says "will install: alpha gamma"
says "done"
grep -q 'install -y --no-install-recommends alpha gamma$' "$DIR/state/apt-calls" || fail "other packages"
[[ $(apt_calls update) == 0 ]] || fail "fresh lists were updated"

CASE="updates lists that are not there"
fresh_system
make_tool sudo <<<'[[ $1 == -n ]] && shift; exec "$@"'
rm "$DIR/lists/main_Packages"
run 0
[[ $(apt_calls update) == 1 ]] || fail "no update"

CASE="updates lists that are old"
fresh_system
make_tool sudo <<<'[[ $1 == -n ]] && shift; exec "$@"'
touch -d '3 days ago' "$DIR/lists/main_Packages" "$DIR/lists"
run 0
[[ $(apt_calls update) == 1 ]] || fail "no update"

CASE="two failures of the network are overcome"
fresh_system
make_tool sudo <<<'[[ $1 == -n ]] && shift; exec "$@"'
printf 'x\nx\n' >"$DIR/state/failures"
run 0
[[ $(apt_calls install) == 3 ]] || fail "not three tries"

CASE="three failures end it"
fresh_system
make_tool sudo <<<'[[ $1 == -n ]] && shift; exec "$@"'
printf 'x\nx\nx\n' >"$DIR/state/failures"
run 1
says "apt-get could not install: alpha gamma"

CASE="a package that apt does not know"
fresh_system
make_tool sudo <<<'[[ $1 == -n ]] && shift; exec "$@"'
make_tool apt-cache <<<'[[ $2 == alpha ]] || echo "  Candidate: 1.0"'
printf 'ID=ubuntu\nVERSION_ID="22.04"\n' >"$DIR/os-release"
run 2
says "apt knows no package for: alpha"
says "universe"
[[ $(apt_calls install) == 0 ]] || fail "installed all the same"

((failures == 0)) || exit 1
echo "all cases hold"
