/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/termination.h"

#include "reference/base/mem.h"

static const struct json_field limitation_fields[] = {
    RESOURCES_JSON_FIELD(struct limitation, resources),
    JSON_FIELD(struct limitation, message, JSON_KIND_STRING),
    JSON_FIELD(struct limitation, reason, JSON_KIND_STRING),
};
const struct json_type limitation_json = {"limitation", sizeof(struct limitation),
    limitation_fields, ARRAY_SIZE(limitation_fields), NULL};

static const struct json_field termination_fields[] = {
    JSON_FIELD(struct termination, status, JSON_KIND_OPT_I64),
    JSON_FIELD(struct termination, state, JSON_KIND_STRING),
    JSON_FIELD(struct termination, reason, JSON_KIND_STRING),
    JSON_FIELD(struct termination, message, JSON_KIND_STRING),
    RESOURCES_JSON_FIELD(struct termination, limited_resources),
};
const struct json_type termination_json = {"termination", sizeof(struct termination),
    termination_fields, ARRAY_SIZE(termination_fields), NULL};
