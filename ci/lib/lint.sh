# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by ci/lint: what the checks of ci/lint.d/ share. All paths are relative to the tree
# under check, which is the working directory.

LINT_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
LINT_TABLES=$LINT_LIB/../lint.d

# tree_files: every file but git's and the build trees', sorted, without ./ in front.
tree_files() {
    find . \( -path ./.git -o -path './build*' \) -prune -o -type f -print |
        sed 's,^\./,,' | LC_ALL=C sort
}

c_files() {
    tree_files | grep -E '\.[ch]$' || true
}

shell_files() {
    tree_files | while IFS= read -r file; do
        if [[ $file == *.sh ]] || head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -q '^#!.*bash'; then
            printf '%s\n' "$file"
        fi
    done
}

# on_files COMMAND...: xargs that does nothing on no input; names hold no newline.
on_files() {
    tr '\n' '\0' | xargs -0 -r "$@"
}

# c_code: the C files of stdin as FILE:LINE:CODE, comments and the insides of strings blanked.
c_code() {
    on_files awk -f "$LINT_LIB/c_code.awk"
}

# forbidden_calls TABLE: the calls that TABLE forbids, in the files that it names.
forbidden_calls() {
    c_files | c_code | awk -v table="$LINT_TABLES/$1" -f "$LINT_LIB/calls.awk"
}
