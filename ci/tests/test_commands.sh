#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ci/test, ci/conformance and ci/coverage on an invented repository, with a cmake, a ctest and a
# seatrial that do as they are told: what is added up, what is judged, what is handed on. Says each
# case that fails; exits 1 if any did.
# shellcheck disable=SC2016 # the scripts of the invented tools expand when they run
set -euo pipefail

CI=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT
failures=0

# make_tool PATH: an executable, its script on stdin.
make_tool() {
    mkdir -p "$(dirname "$1")"
    {
        echo '#!/usr/bin/env bash'
        cat
    } >"$1"
    chmod +x "$1"
}

# fresh_repository: everything builds, 5 tests pass and 1 is skipped, 7 scenarios pass.
fresh_repository() {
    rm -rf "${DIR:?}"/*
    mkdir -p "$DIR/ci/lib" "$DIR/bin" "$DIR/say" "$DIR/scenarios/catalogue/a"
    cp "$CI/test" "$CI/conformance" "$CI/coverage" "$DIR/ci/"
    cp "$CI/lib/common.sh" "$DIR/ci/lib/"
    echo 'scenario: a' >"$DIR/scenarios/catalogue/a/a.yaml"
    make_tool "$DIR/ci/deps" <<<'echo "deps $*"'
    scenarios 0 '{"summary": {"passed": 7, "failed": 0, "skipped": 2, "seconds": 0.1}, "scenarios": []}'
    tests 0 '<testsuite name="x" tests="6" failures="0" disabled="0" skipped="1">'
    make_tool "$DIR/bin/cmake" <<-TOOL
	echo "cmake \$*"
	[[ \$1 == --build ]] || exit 0
	grep -qx "\$2" "$DIR/say/broken" 2>/dev/null && exit 1
	[[ -e "$DIR/say/seatrial" ]] && cp "$DIR/say/seatrial" "\$2/seatrial"
	exit 0
	TOOL
    make_tool "$DIR/bin/gcovr" <<<'echo "lines: 91.5% (183 out of 200)"'
}

# scenarios STATUS JSON: what `seatrial run` answers; `seatrial lab` what lab said, or that it
# cannot.
scenarios() {
    make_tool "$DIR/say/seatrial" <<-TOOL
	echo "seatrial \$*"
	[[ \$1 != lab ]] || exec "$DIR/say/lab" "\$@"
	while ((\$# > 0)); do
	    [[ \$1 == --output ]] && echo '$2' >"\$2"
	    shift
	done
	exit $1
	TOOL
}

# lab STATUS [JSON]: what `seatrial lab run` answers, in a repository with scenarios of isolators.
lab() {
    mkdir -p "$DIR/scenarios/catalogue/isolators"
    make_tool "$DIR/say/lab" <<-TOOL
	while ((\$# > 0)); do
	    [[ \$1 == --output && -n '${2-}' ]] && echo '${2-}' >"\$2"
	    shift
	done
	exit $1
	TOOL
}

# tests STATUS XML [XML]: what ctest answers, and what when the failed ones run again.
tests() {
    make_tool "$DIR/bin/ctest" <<-TOOL
	xml='$2'
	case " \$* " in *" --rerun-failed "*) xml='${3-<testsuite tests="0">}' ;; esac
	while ((\$# > 0)); do
	    [[ \$1 == --output-junit ]] && printf '<?xml version="1.0"?>\n%s\n' "\$xml" >"\$2"
	    shift
	done
	exit $1
	TOOL
}

fail() {
    printf '%s: %s\n' "$CASE" "$*"
    sed 's/^/    /' "$DIR/out"
    failures=$((failures + 1))
}

# run STATUS COMMAND ARGUMENT...: stdout in $DIR/out, stderr in $DIR/err.
run() {
    local wanted=$1 status=0
    shift
    (cd / && env PATH="$DIR/bin:$PATH" bash "$DIR/ci/$1" "${@:2}" >"$DIR/out" 2>"$DIR/err") || status=$?
    ((status == wanted)) || fail "exit $status, expected $wanted: $(cat "$DIR/err")"
}

ends_with() {
    [[ $(tail -n 1 "$DIR/out") == "$1" ]] || fail "the last line is not: $1"
}

CASE="all is well"
fresh_repository
run 0 test
ends_with "13 passed, 0 failed, 3 skipped"

CASE="a repository without scenarios"
fresh_repository
rm -r "$DIR/scenarios/catalogue"
run 0 test
ends_with "6 passed, 0 failed, 1 skipped"

CASE="tests fail"
fresh_repository
tests 8 '<testsuite tests="6" failures="2" disabled="0" skipped="0">'
run 1 test
ends_with "12 passed, 2 failed, 2 skipped"

CASE="a test fails that passes when it runs again, and one that does not"
fresh_repository
tests 8 '<testsuite tests="6" failures="2" disabled="0" skipped="0">' \
    '<testsuite tests="2" failures="1" disabled="0" skipped="0">'
run 1 test
ends_with "13 passed, 1 failed, 2 skipped"

CASE="the tests that failed pass when they run again"
fresh_repository
tests 8 '<testsuite tests="6" failures="2" disabled="0" skipped="1">' \
    '<testsuite tests="2" failures="0" disabled="0" skipped="0">'
run 0 test
grep -q "2 of the 2 failed tests passed when they ran again" "$DIR/out" || fail "it is not told"
ends_with "13 passed, 0 failed, 3 skipped"

CASE="ctest breaks off without a report"
fresh_repository
make_tool "$DIR/bin/ctest" <<<'exit 8'
run 1 test
ends_with "8 passed, 1 failed, 2 skipped"

CASE="ctest finds no tests"
fresh_repository
tests 0 '<testsuite tests="0" failures="0" disabled="0" skipped="0">'
run 1 test
ends_with "8 passed, 1 failed, 2 skipped"

CASE="scenarios fail"
fresh_repository
scenarios 1 '{"summary":{"skipped":0,"failed":3,"passed":4}}'
run 1 test
ends_with "10 passed, 3 failed, 1 skipped"

CASE="seatrial breaks off without a report"
fresh_repository
make_tool "$DIR/say/seatrial" <<<'exit 139'
run 1 test
ends_with "6 passed, 1 failed, 1 skipped"

CASE="seatrial reports no failure but ends with one, as a leak at exit does"
fresh_repository
scenarios 1 '{"summary":{"passed":7,"failed":0,"skipped":2}}'
run 1 test
ends_with "13 passed, 1 failed, 3 skipped"

CASE="seatrial ran nothing"
fresh_repository
scenarios 0 '{"summary":{"passed":0,"failed":0,"skipped":9}}'
run 1 test
ends_with "6 passed, 1 failed, 10 skipped"

CASE="gcc does not build it"
fresh_repository
echo build/debug >"$DIR/say/broken"
run 1 test
ends_with "0 passed, 1 failed, 0 skipped"

CASE="clang does not build it"
fresh_repository
echo build/clang >"$DIR/say/broken"
run 1 test
ends_with "12 passed, 1 failed, 3 skipped"

CASE="the lab passes"
fresh_repository
lab 0 '{"summary":{"passed":20,"failed":0,"skipped":5},"cells":[]}'
run 0 test
ends_with "33 passed, 0 failed, 8 skipped"

CASE="a scenario fails in the lab"
fresh_repository
lab 1 '{"summary":{"passed":19,"failed":1,"skipped":5},"cells":[]}'
run 1 test
ends_with "32 passed, 1 failed, 8 skipped"

CASE="a scenario fails in the lab once"
fresh_repository
lab 0 '{"summary":{"passed":20,"failed":0,"skipped":5},"cells":[]}'
mv "$DIR/say/lab" "$DIR/say/lab-second"
lab 1 '{"summary":{"passed":19,"failed":1,"skipped":5},"scenarios":[
"file": "a.yaml",
"name": "one \"quoted\"",
"results": {
"guest": "failed"
},
"reasons": {
"guest": "too late"
}
]}'
echo "rm '$DIR/say/lab' && mv '$DIR/say/lab-second' '$DIR/say/lab'" >"$DIR/say/turn"
sed -i "/^exit/e cat '$DIR/say/turn'" "$DIR/say/lab"
run 0 test
grep -q '^a.yaml: one \\"quoted\\"$' "$DIR/out" || fail "the scenario is not named"
grep -q '^    too late' "$DIR/out" || fail "the reason is not told"
ends_with "33 passed, 0 failed, 8 skipped"

CASE="the lab cannot be tried"
fresh_repository
lab 2
run 0 test
ends_with "13 passed, 0 failed, 4 skipped"

CASE="the lab breaks off"
fresh_repository
lab 139
run 1 test
ends_with "13 passed, 1 failed, 3 skipped"

CASE="the lab's packages cannot be installed"
fresh_repository
lab 0
make_tool "$DIR/ci/deps" <<<'[[ $1 != lab ]] || exit 2'
run 0 test
ends_with "13 passed, 0 failed, 4 skipped"

CASE="something is missing that cannot be installed"
fresh_repository
make_tool "$DIR/ci/deps" <<<'exit 2'
run 2 test
run 2 conformance
run 2 coverage

CASE="arguments that nobody knows"
fresh_repository
run 2 test --fast
run 2 coverage --fast

CASE="conformance hands its arguments on, and stdout is that of seatrial alone"
fresh_repository
run 0 conformance --format tap --seed '1..3 4'
[[ $(cat "$DIR/out") == "seatrial run --backend sim --format tap --seed 1..3 4 scenarios/catalogue" ]] ||
    fail "another command"

CASE="conformance ends as seatrial does"
fresh_repository
scenarios 2 '{}'
run 2 conformance

CASE="conformance without a catalogue"
fresh_repository
rm -r "$DIR/scenarios/catalogue"
run 2 conformance
grep -q 'scenarios/catalogue holds no scenarios' "$DIR/err" || fail "another error"

CASE="conformance when the build fails"
fresh_repository
echo build/release >"$DIR/say/broken"
run 1 conformance

CASE="coverage names each folder, whatever the tests say"
fresh_repository
tests 8 ''
scenarios 1 '{}'
run 0 coverage
grep -q '^reference  *lines: 91.5% (183 out of 200)$' "$DIR/out" || fail "no figure of reference"
grep -q "^scenarios/engine  *lines: 91.5% (183 out of 200)$" "$DIR/out" || fail "no figure of the engine"
ends_with "bpf                lines: 91.5% (183 out of 200)"

((failures == 0)) || exit 1
echo "all cases hold"
