# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016
# A file is one idea, a function one step: 800 lines, 90 lines, 100 columns at most.

readonly FILE_LINES_MAX=800
readonly FUNCTION_LINES_MAX=90
readonly COLUMNS_MAX=100

long_files() {
    c_files | on_files awk -v max="$FILE_LINES_MAX" '
        FNR == max + 1 { print FILENAME ":" FNR ": the file has more than " max " lines" }'
}

long_functions() {
    c_files | on_files ctags --quiet --options=NONE --languages=C --langmap=C:.c.h --kinds-C=f \
        --fields=ne --output-format=u-ctags --sort=no -f - |
        awk -F '\t' -v max="$FUNCTION_LINES_MAX" '
            /^!/ { next }
            {
                line = end = 0
                for (i = 4; i <= NF; i++) {
                    if ($i ~ /^line:/) line = substr($i, 6)
                    if ($i ~ /^end:/) end = substr($i, 5)
                }
                if (end > 0 && end - line + 1 > max)
                    print $2 ":" line ": " $1 "() has " end - line + 1 " lines, more than " max
            }'
}

# Bytes would count a letter of two bytes twice; the awk of Debian counts bytes.
long_lines() {
    c_files | on_files awk -v max="$COLUMNS_MAX" '
        length($0) > max {
            line = $0
            gsub(/[\200-\277]/, "", line)
            if (length(line) > max)
                print FILENAME ":" FNR ": " length(line) " columns, more than " max
        }'
}

check() {
    has_ctags
    long_files
    long_functions
    long_lines
}

has_ctags() {
    command -v ctags >/dev/null || echo "ci/lint.d/size.sh:1: ctags is missing: run ci/deps"
}

bad() {
    mkdir fakes
    {
        echo 'int f(void)'
        echo '{'
        yes '    x();' | head -n 90
        echo '}'
        yes '' | head -n 708
    } >fakes/a.c
    printf '%0101d\n' 0 >fakes/b.c
}

expected() {
    printf '%s\n' \
        'fakes/a.c:801: the file has more than 800 lines' \
        'fakes/a.c:1: f() has 93 lines, more than 90' \
        'fakes/b.c:1: 101 columns, more than 100'
}

good() {
    mkdir fakes
    {
        echo 'int f(void)'
        echo '{'
        yes '    x();' | head -n 87
        echo '}'
        yes '' | head -n 710
    } >fakes/a.c
    {
        printf '/* \303\251\303\251 '
        printf '%094d\n' 0
    } >fakes/b.c
}
