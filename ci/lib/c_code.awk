# SPDX-License-Identifier: Apache-2.0
# C source to FILE:LINE:CODE with comments and the contents of strings and characters blanked.

FNR == 1 { in_comment = 0 }

{
    rest = $0
    code = ""
    while (rest != "") {
        if (in_comment) {
            end = index(rest, "*/")
            if (end == 0)
                break
            rest = substr(rest, end + 2)
            in_comment = 0
            code = code " "
            continue
        }
        if (!match(rest, /\/\*|\/\/|"|'/)) {
            code = code rest
            break
        }
        opening = substr(rest, RSTART, RLENGTH)
        code = code substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + RLENGTH)
        if (opening == "//")
            break
        if (opening == "/*") {
            in_comment = 1
            continue
        }
        literal = opening == "\"" ? "^([^\"\\\\]|\\\\.)*\"" : "^([^'\\\\]|\\\\.)*'"
        # Paths of includes are kept: the layering is read from them.
        if (code ~ /^[ \t]*#[ \t]*include[ \t]*$/) {
            code = code opening rest
            break
        }
        code = code opening opening
        rest = match(rest, literal) ? substr(rest, RLENGTH + 1) : ""
    }
    if (code ~ /[^ \t]/)
        print FILENAME ":" FNR ":" code
}
