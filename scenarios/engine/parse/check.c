/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/check.h"

#include <math.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/parse/kinds.h"

static bool amount_parse(const char *text, double *ret_number)
{
    bool negative = text[0] == '-';
    if (strcmp(text, "infinity") == 0) {
        *ret_number = INFINITY;
        return true;
    }
    if (!bytes_text(text + (negative ? 1 : 0), ret_number))
        return false;
    if (negative)
        *ret_number = -*ret_number;
    return true;
}

struct comparison {
    const char *sign;
    bool low; /* the number is the lower bound */
    bool high;
    bool open;
};
static const struct comparison comparisons[] = {{">=", true, false, false},
    {"<=", false, true, false}, {">", true, false, true}, {"<", false, true, true},
    {"==", true, true, false}};

static bool comparison_parse(const char *text, struct check *check)
{
    for (size_t i = 0; i < ARRAY_SIZE(comparisons); i++) {
        const struct comparison *row = &comparisons[i];
        if (!str_starts(text, row->sign))
            continue;
        text += strlen(row->sign);
        double number;
        if (!amount_parse(text + strspn(text, " "), &number))
            return false;
        check->kind = CHECK_RANGE;
        check->low = row->low ? number : -INFINITY;
        check->high = row->high ? number : INFINITY;
        check->open_low = row->open && row->low;
        check->open_high = row->open && row->high;
        return true;
    }
    return false;
}

static bool range_parse(const char *text, struct check *check)
{
    const char *dots = strstr(text, "..");
    if (!dots)
        return false;
    _cleanup_free_ char *low = str_ndup(text, (size_t)(dots - text));
    check->kind = CHECK_RANGE;
    return amount_parse(low, &check->low) && amount_parse(dots + 2, &check->high) &&
           check->low <= check->high;
}

bool check_parse(const struct node *node, struct check *ret_check)
{
    *ret_check = (struct check){.kind = CHECK_TEXT, .text = node->text};
    if (node->kind != NODE_SCALAR)
        return false;
    /* Signs begin no YAML value without quotes, so the quotes say nothing about these. */
    if (strchr("<>=", node->text[0]) && node->text[0])
        return comparison_parse(node->text, ret_check);
    if (str_starts(node->text, "!=")) {
        ret_check->kind = CHECK_NOT;
        ret_check->text += 2 + strspn(node->text + 2, " ");
        return ret_check->text[0] != '\0';
    }
    if (node->quoted)
        return true;
    if (strcmp(node->text, "absent") == 0)
        ret_check->kind = CHECK_ABSENT;
    else if (strcmp(node->text, "present") == 0)
        ret_check->kind = CHECK_PRESENT;
    else if (amount_parse(node->text, &ret_check->low)) {
        ret_check->kind = CHECK_RANGE;
        ret_check->high = ret_check->low;
    } else {
        struct check range = {0};
        if (range_parse(node->text, &range))
            *ret_check = range;
    }
    ret_check->text = ret_check->kind == CHECK_NOT ? ret_check->text : node->text;
    return true;
}

/* Equal but for what decimals lose in binary. */
static bool nearly(double a, double b)
{
    if (isinf(a) || isinf(b))
        return a == b;
    return a == b || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

bool check_number_value(const struct check *check, double number)
{
    double other;
    switch (check->kind) {
    case CHECK_ABSENT:
        return false;
    case CHECK_PRESENT:
        return true;
    case CHECK_RANGE:
        if (nearly(number, check->low))
            return !check->open_low;
        if (nearly(number, check->high))
            return !check->open_high;
        return number > check->low && number < check->high;
    case CHECK_NOT:
        return amount_parse(check->text, &other) && !nearly(other, number);
    case CHECK_TEXT:
        break;
    }
    _cleanup_free_ char *text = str_printf("%.17g", number);
    return match_text(check->text, text);
}

bool check_text_value(const struct check *check, const char *text)
{
    if (!text || check->kind == CHECK_ABSENT)
        return !text && check->kind == CHECK_ABSENT;
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n')
        length--;
    _cleanup_free_ char *line = str_ndup(text, length);
    double number;
    if (check->kind == CHECK_RANGE)
        return amount_parse(line, &number) ? check_number_value(check, number)
                                           : strcmp(line, check->text) == 0;
    if (check->kind == CHECK_NOT)
        return !match_text(check->text, line);
    return check->kind == CHECK_PRESENT || match_text(check->text, line);
}

bool check_json_value(const struct check *check, const json_t *json)
{
    if (!json || json_is_null(json))
        return check->kind == CHECK_ABSENT;
    if (json_is_number(json))
        return check_number_value(check, json_number_value(json));
    if (json_is_string(json))
        return check_text_value(check, json_string_value(json));
    if (json_is_boolean(json))
        return check_text_value(check, json_is_true(json) ? "true" : "false");
    _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    return check_text_value(check, text);
}
