/* The table of formats. */
#include "e2e/import/formats.h"

#include <string.h>
#include <strings.h>

const struct import_format *const import_formats[] = {&import_hurl, &import_gctf,    &import_examples,
                                                      &import_runn, &import_postman, NULL};

static bool ends_with(const char *path, const char *ending, size_t len)
{
    size_t have = strlen(path);
    return have > len && strncasecmp(path + have - len, ending, len) == 0;
}

const struct import_format *import_format_of(const char *path)
{
    for (size_t i = 0; import_formats[i] != NULL; i++)
        for (const char *p = import_formats[i]->endings; *p != '\0';) {
            size_t len = strcspn(p, " ");
            if (ends_with(path, p, len))
                return import_formats[i];
            p += len + strspn(p + len, " ");
        }
    return NULL;
}

const struct import_format *import_format_named(const char *name)
{
    for (size_t i = 0; import_formats[i] != NULL; i++)
        if (strcmp(import_formats[i]->name, name) == 0)
            return import_formats[i];
    return NULL;
}

void import_flow_name(const char *path, struct text *out)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    for (const char *p = name; *p != '\0' && p != dot; p++)
        text_char(out, strchr("\"\n\r\t", *p) != NULL ? '_' : *p);
    if (out->len == 0)
        text_puts(out, "imported");
}
