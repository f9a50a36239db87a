/* Default values: the zero of proto3, and what a proto2 file says. */
#include "fakes/generate/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void write_number(struct text *out, const char *value, int type)
{
    if (strcmp(value, "inf") == 0 || strcmp(value, "-inf") == 0)
        text_puts(out, value[0] == '-' ? "-(float)(1e300 * 1e300)" : "(float)(1e300 * 1e300)");
    else if (strcmp(value, "nan") == 0)
        text_puts(out, "(float)((1e300 * 1e300) - (1e300 * 1e300))");
    else if (strcmp(value, "-9223372036854775808") == 0)
        text_puts(out, "(-9223372036854775807 - 1)");
    else if (strcmp(value, "-2147483648") == 0)
        text_puts(out, "(-2147483647 - 1)");
    else
        text_printf(out, "%s%s", value, type == TYPE(UINT64) || type == TYPE(FIXED64) ? "u" : "");
}

static bool is_decimal(const char *value)
{
    char *end;
    errno = 0;
    (void)strtod(value, &end);
    return end != value && *end == '\0' && strspn(value, "+-0123456789.eEinfa") == strlen(value);
}

/* The bytes a default of type bytes stands for: C's escapes, as protoc writes them. */
static void unescape(const char *s, struct text *out)
{
    for (; *s != '\0'; s++) {
        if (*s != '\\' || s[1] == '\0') {
            text_char(out, *s);
            continue;
        }
        static const char letters[] = "abfnrtv\\'\"?", values[] = "\a\b\f\n\r\t\v\\'\"?";
        const char *letter = strchr(letters, *++s);
        if (letter != NULL) {
            text_char(out, values[letter - letters]);
            continue;
        }
        int value = 0, digits = 0;
        for (; digits < 3 && s[digits] >= '0' && s[digits] <= '7'; digits++)
            value = value * 8 + (s[digits] - '0');
        text_char(out, digits > 0 ? (char)value : *s);
        s += digits > 0 ? digits - 1 : 0;
    }
}

int write_default(struct message *m, struct field *f, struct output *o)
{
    const char *value = f->proto->default_value;
    if (value == NULL || f->presence == REPEATED || f->presence == MEMBER || f->proto->type == TYPE(MESSAGE))
        return 0;
    struct generator *g = m->g;
    f->default_name = arena_printf(&g->arena, "%s__%s__default_value", m->type->lower, f->member);
    if (f->default_name == NULL)
        return gen_no_memory(g);
    int type = (int)f->proto->type;
    struct text bytes = TEXT_INIT;
    int code = 0;
    if (type == TYPE(STRING)) {
        text_printf(&o->structs, "extern char %s[];\n", f->default_name);
        text_printf(&o->source, "char %s[] = ", f->default_name);
        write_string(&o->source, value, strlen(value));
    } else if (type == TYPE(BYTES)) {
        unescape(value, &bytes);
        text_printf(&o->structs, "extern uint8_t %s_data[];\n", f->default_name);
        text_printf(&o->source, "uint8_t %s_data[] = ", f->default_name);
        write_string(&o->source, bytes.data != NULL ? bytes.data : "", bytes.len);
        text_printf(&o->source, ";\nstatic const ProtobufCBinaryData %s = {%zu, %s_data}", f->default_name, bytes.len,
                    f->default_name);
    } else if (type == TYPE(ENUM)) {
        text_printf(&o->source, "static const %s %s = %s__%s", f->type->c, f->default_name, f->type->upper, value);
        bool known = false;
        for (size_t i = 0; i < f->type->enumeration->n_value; i++)
            known = known || strcmp(f->type->enumeration->value[i]->name, value) == 0;
        if (!known)
            code = ERROR_INVALID;
    } else if (type == TYPE(BOOL)) {
        text_printf(&o->source, "static const protobuf_c_boolean %s = %d", f->default_name, strcmp(value, "true") == 0);
    } else if (is_decimal(value)) {
        text_printf(&o->source, "static const %s %s = ", field_c_type(f), f->default_name);
        write_number(&o->source, value, type);
    } else {
        code = ERROR_INVALID;
    }
    text_puts(&o->source, ";\n");
    bool ok = text_ok(&bytes);
    text_deinit(&bytes);
    if (code != 0)
        return gen_fail(g, m->file, code, "%s.%s: the default \"%.60s\" is no value of its type", m->type->full_name,
                        f->proto->name, value);
    return ok ? 0 : gen_no_memory(g);
}

void write_initial(const struct field *f, struct text *out)
{
    int type = (int)f->proto->type;
    const char *value = f->default_name != NULL ? f->proto->default_value : NULL;
    if (f->presence == REPEATED) {
        text_puts(out, ", 0, NULL");
        return;
    }
    if (f->presence == OPTIONAL && type != TYPE(STRING) && type != TYPE(MESSAGE))
        text_puts(out, ", 0");
    text_puts(out, ", ");
    if (type == TYPE(STRING) && value != NULL)
        text_puts(out, f->default_name);
    else if (type == TYPE(STRING) && f->presence == PLAIN)
        text_puts(out, "(char *)(uintptr_t)protobuf_c_empty_string");
    else if (type == TYPE(STRING) || type == TYPE(MESSAGE))
        text_puts(out, "NULL");
    else if (type == TYPE(BYTES) && value != NULL)
        text_printf(out, "{sizeof %s_data - 1, %s_data}", f->default_name, f->default_name);
    else if (type == TYPE(BYTES))
        text_puts(out, "{0, NULL}");
    else if (type == TYPE(ENUM))
        text_printf(out, "%s__%s", f->type->upper, value != NULL ? value : f->type->enumeration->value[0]->name);
    else if (type == TYPE(BOOL))
        text_puts(out, value != NULL && strcmp(value, "true") == 0 ? "1" : "0");
    else if (value != NULL)
        write_number(out, value, type);
    else
        text_puts(out, "0");
}
