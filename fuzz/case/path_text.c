/* Paths in bytes and in text. */
#include "fuzz/case/path.h"

#include <stdlib.h>

#define NAME_MAX_BYTES 256 /* of a field's name in text */

bool fuzz_path_push(struct fuzz_path *p, uint32_t number, uint32_t index)
{
    if (p->count == FUZZ_PATH_STEPS_MAX)
        return false;
    p->steps[p->count++] = (struct fuzz_path_step){number, index};
    return true;
}

static bool take(struct bytes *in, uint64_t max, uint64_t *out)
{
    size_t n = pb_varint_read(*in, out);
    if (n == 0 || *out > max)
        return false;
    *in = BYTES(in->data + n, in->len - n);
    return true;
}

bool fuzz_path_read(struct bytes in, struct fuzz_path *out)
{
    out->count = 0;
    while (in.len > 0) {
        uint64_t number, index;
        if (!take(&in, FUZZ_PATH_NUMBER_MAX, &number) || number == 0 ||
            !take(&in, (uint64_t)FUZZ_PATH_INDEX_MAX + 1, &index) ||
            !fuzz_path_push(out, (uint32_t)number, index == 0 ? FUZZ_PATH_NO_INDEX : (uint32_t)index - 1))
            return false;
    }
    return true;
}

size_t fuzz_path_write(const struct fuzz_path *p, uint8_t out[FUZZ_PATH_BYTES_MAX])
{
    size_t len = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t index = p->steps[i].index;
        len += pb_varint_write(out + len, p->steps[i].number);
        len += pb_varint_write(out + len, index == FUZZ_PATH_NO_INDEX ? 0 : (uint64_t)index + 1);
    }
    return len;
}

void fuzz_path_print(const struct fuzz_path *p, const struct pb_type *type, struct text *out)
{
    if (p->count == 0)
        text_char(out, '.');
    for (uint32_t i = 0; i < p->count; i++) {
        const struct fuzz_path_step *s = &p->steps[i];
        const struct pb_field *f = type ? pb_field_by_number(type, s->number) : NULL;
        if (i > 0)
            text_char(out, '.');
        /* A name that would be read as another field's is no name. */
        if (f && pb_field_by_name(type, f->name) == f && strlen(f->name) < NAME_MAX_BYTES)
            text_puts(out, f->name);
        else
            text_printf(out, "#%u", s->number);
        if (s->index != FUZZ_PATH_NO_INDEX)
            text_printf(out, "[%u]", s->index);
        type = f ? f->message : NULL;
    }
}

struct parser {
    struct bytes text;
    size_t at;
};

static int peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.data[p->at] : -1;
}

static bool is_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool parse_number(struct parser *p, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    size_t start = p->at;
    for (; peek(p) >= '0' && peek(p) <= '9' && v <= max; p->at++)
        v = v * 10 + (uint64_t)(peek(p) - '0');
    *out = (uint32_t)v;
    return p->at > start && v <= max;
}

static int parse_field(struct parser *p, const struct pb_type *type, uint32_t *number, const struct pb_field **field,
                       const char **expected)
{
    char name[NAME_MAX_BYTES];
    size_t len = 0, start = p->at;
    if (peek(p) == '#') {
        p->at++;
        *expected = "a field number from 1 to 536870911";
        if (!parse_number(p, FUZZ_PATH_NUMBER_MAX, number) || *number == 0) {
            p->at = start + 1;
            return ERROR_SYNTAX;
        }
        *field = type ? pb_field_by_number(type, *number) : NULL;
        return 0;
    }
    *expected = "a field's name, or # and its number";
    for (; is_name(peek(p)); p->at++) {
        if (len + 1 == sizeof name)
            return ERROR_SYNTAX;
        name[len++] = (char)peek(p);
    }
    name[len] = '\0';
    if (len == 0)
        return ERROR_SYNTAX;
    *field = type ? pb_field_by_name(type, name) : NULL;
    if (!*field) {
        p->at = start;
        *expected = type ? "a field the type has, or # and a number" : "# and a field number: the type is not known";
        return ERROR_NOT_FOUND;
    }
    *number = (*field)->number;
    return 0;
}

static int parse_steps(struct parser *p, const struct pb_type *type, struct fuzz_path *out, const char **expected)
{
    for (;;) {
        const struct pb_field *f;
        uint32_t number, index = FUZZ_PATH_NO_INDEX;
        int rc = parse_field(p, type, &number, &f, expected);
        if (rc)
            return rc;
        if (peek(p) == '[') {
            p->at++;
            *expected = "an index";
            if (!parse_number(p, FUZZ_PATH_INDEX_MAX, &index))
                return ERROR_SYNTAX;
            *expected = "']'";
            if (peek(p) != ']')
                return ERROR_SYNTAX;
            p->at++;
        }
        *expected = "at most 24 fields in a path";
        if (!fuzz_path_push(out, number, index))
            return ERROR_LIMIT;
        if (p->at == p->text.len)
            return 0;
        *expected = "'.', '[' or the end of the path";
        if (peek(p) != '.')
            return ERROR_SYNTAX;
        p->at++;
        type = f ? f->message : NULL;
    }
}

int fuzz_path_parse(struct bytes text, const struct pb_type *type, struct fuzz_path *out, size_t *at,
                    const char **expected)
{
    struct parser p = {.text = text};
    out->count = 0;
    int rc = bytes_is(text, ".") ? 0 : parse_steps(&p, type, out, expected);
    *at = p.at;
    return rc;
}
