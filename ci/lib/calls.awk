# SPDX-License-Identifier: Apache-2.0
# awk -v table=FILE: the calls in FILE:LINE:CODE that the table forbids. Its records:
#   scope GLOB                a file that the rule is about (* goes over / too)
#   call  NAME  INSTEAD       a forbidden function, NAME* for all that begin so
#   allow GLOB  NAMES REASON  an exception: NAMES by commas, or * for all

function pattern_of(glob) {
    gsub(/[.+]/, "\\\\&", glob)
    gsub(/\*/, ".*", glob)
    return "^" glob "$"
}

function tail_of(line, fields,    i) {
    for (i = 0; i < fields; i++)
        sub(/^[ \t]*[^ \t]+/, "", line)
    sub(/^[ \t]+/, "", line)
    return line
}

function in_scope(file,    i) {
    if (!(file in scope_of)) {
        scope_of[file] = 0
        for (i = 0; i < scopes; i++)
            if (file ~ scope[i])
                scope_of[file] = 1
    }
    return scope_of[file]
}

function is_allowed(file, name,    i) {
    for (i = 0; i < allows; i++)
        if (file ~ allow[i] && (allow_names[i] == "*" || index("," allow_names[i] ",", "," name ",")))
            return 1
    return 0
}

function instead_of(name,    i) {
    if (name in call)
        return call[name]
    for (i = 0; i < prefixes; i++)
        if (index(name, prefix[i]) == 1)
            return call[prefix[i] "*"]
    return ""
}

BEGIN {
    scopes = prefixes = allows = 0
    while ((getline line < table) > 0) {
        split(line, field)
        if (field[1] == "scope")
            scope[scopes++] = pattern_of(field[2])
        if (field[1] == "call")
            call[field[2]] = tail_of(line, 2)
        if (field[1] == "call" && field[2] ~ /\*$/)
            prefix[prefixes++] = substr(field[2], 1, length(field[2]) - 1)
        if (field[1] == "allow") {
            allow[allows] = pattern_of(field[2])
            allow_names[allows++] = field[3]
        }
    }
}

{
    split($0, place, ":")
    file = place[1]
    if (!in_scope(file))
        next
    rest = substr($0, length(place[1]) + length(place[2]) + 3)
    before = ""
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
        name = substr(rest, RSTART, RLENGTH - 1)
        sub(/[ \t]+$/, "", name)
        before = before substr(rest, 1, RSTART - 1)
        # A member of a struct is somebody's vtable, not the C library.
        if (before !~ /(\.|->)[ \t]*$/) {
            instead = instead_of(name)
            if (instead != "" && !is_allowed(file, name))
                print file ":" place[2] ": " name "() is forbidden here: " instead
        }
        before = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
    }
}
