#include "fakes/generate/internal.h"

#include <string.h>

void emit(struct text *out, const struct var *vars, const char *template)
{
    for (;;) {
        size_t len = strcspn(template, "$");
        text_add(out, template, len);
        template += len;
        if (*template == '\0')
            return;
        template ++;
        len = strcspn(template, "$");
        const struct var *v = vars;
        while (v->name != NULL && (strncmp(v->name, template, len) != 0 || v->name[len] != '\0'))
            v++;
        if (v->name != NULL)
            text_puts(out, v->value);
        template += len + (template[len] == '$');
    }
}

void write_string(struct text *out, const char *data, size_t len)
{
    text_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        /* Octal ends after three digits, whatever comes next; a question mark may begin a trigraph. */
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '?')
            text_printf(out, "\\%03o", c);
        else
            text_char(out, (char)c);
    }
    text_char(out, '"');
}
