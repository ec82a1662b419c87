/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/xml.h"

#include "reference/base/mem.h"

void xml_print(FILE *stream, const char *text, bool attribute)
{
    static const struct {
        char plain;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
    for (; *text; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(entities); i++) {
            if (entities[i].plain == *text)
                entity = entities[i].entity;
        }
        if (*text == '\n')
            fputs(attribute ? "&#10;" : "\n", stream);
        else if (entity)
            fputs(entity, stream);
        else if ((unsigned char)*text >= 0x20 || *text == '\t')
            fputc(*text, stream);
    }
}

void xml_print_attribute(FILE *stream, const char *name, const char *value)
{
    fprintf(stream, " %s=\"", name);
    xml_print(stream, value, true);
    fprintf(stream, "\"");
}
