/* Query strings and forms: application/x-www-form-urlencoded (WHATWG URL, section 5). */
#include "fakes/pact/internal.h"

static char *decoded(struct bytes in, struct arena *arena)
{
    char *out = arena_alloc(arena, in.len + 1);
    size_t len = 0;
    for (size_t i = 0; out != NULL && i < in.len; i++) {
        uint8_t c = in.data[i];
        if (c == '%' && i + 2 < in.len && bytes_hex_value(in.data[i + 1]) >= 0 &&
            bytes_hex_value(in.data[i + 2]) >= 0) {
            c = (uint8_t)(bytes_hex_value(in.data[i + 1]) * 16 + bytes_hex_value(in.data[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = (char)c;
    }
    return out;
}

int pact_form_read(struct bytes text, struct arena *arena, struct pact_headers *out)
{
    const uint8_t *at = text.data, *end = at + text.len;
    while (at < end) {
        const uint8_t *amp = memchr(at, '&', (size_t)(end - at));
        const uint8_t *stop = amp != NULL ? amp : end;
        const uint8_t *equals = memchr(at, '=', (size_t)(stop - at));
        if (stop > at) {
            const uint8_t *name_end = equals != NULL ? equals : stop;
            struct pact_header pair = {.name = decoded(BYTES(at, (size_t)(name_end - at)), arena)};
            if (equals != NULL)
                pair.value = decoded(BYTES(equals + 1, (size_t)(stop - equals - 1)), arena);
            if (pair.name == NULL || (equals != NULL && pair.value == NULL) || !array_push(out, pair))
                return ERROR_MEMORY;
        }
        at = amp != NULL ? amp + 1 : end;
    }
    return 0;
}

static void encode(const char *s, struct text *out)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("*-._", c) != NULL)
            text_char(out, *s);
        else if (c == ' ')
            text_char(out, '+');
        else
            text_printf(out, "%%%02X", c);
    }
}

void pact_form_write(const struct pact_headers *pairs, struct text *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pact_header *p = &pairs->items[i];
        if (i > 0)
            text_char(out, '&');
        encode(p->name, out);
        if (p->value != NULL) {
            text_char(out, '=');
            encode(p->value, out);
        }
    }
}
