/* JSON as text, the same for equal values: keys sorted by their bytes, reals as short as they read back the same. */
#include "fakes/pact/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 512 /* deeper values are cut: none is written that a document could not hold */

struct printer {
    struct text *out;
    unsigned indent;
    size_t limit; /* of out->len; 0: none */
};

static void print(struct printer *p, const json_t *v, unsigned depth);

static void line(struct printer *p, unsigned depth)
{
    if (p->indent == 0)
        return;
    text_char(p->out, '\n');
    for (unsigned i = 0; i < depth * p->indent; i++)
        text_char(p->out, ' ');
}

static void string(struct printer *p, const char *s, size_t len)
{
    text_char(p->out, '"');
    text_json(p->out, s, len);
    text_char(p->out, '"');
}

static void real(struct printer *p, double value)
{
    char out[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, sizeof out, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    text_puts(p->out, out);
    if (strpbrk(out, ".eEn") == NULL)
        text_puts(p->out, ".0");
}

static int by_bytes(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void object(struct printer *p, const json_t *v, unsigned depth)
{
    size_t count = json_object_size(v), n = 0;
    const char **keys = malloc((count + 1) * sizeof *keys), *key;
    json_t *value;
    if (keys == NULL) {
        p->out->failed = true;
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, value) keys[n++] = key;
    qsort(keys, n, sizeof *keys, by_bytes);
    text_char(p->out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_puts(p->out, p->indent > 0 ? "," : ", ");
        line(p, depth + 1);
        string(p, keys[i], strlen(keys[i]));
        text_puts(p->out, ": ");
        print(p, json_object_get(v, keys[i]), depth + 1);
    }
    if (n > 0)
        line(p, depth);
    text_char(p->out, '}');
    free(keys);
}

static void array(struct printer *p, const json_t *v, unsigned depth)
{
    size_t n = json_array_size(v);
    text_char(p->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            text_puts(p->out, p->indent > 0 ? "," : ", ");
        line(p, depth + 1);
        print(p, json_array_get(v, i), depth + 1);
    }
    if (n > 0)
        line(p, depth);
    text_char(p->out, ']');
}

static void print(struct printer *p, const json_t *v, unsigned depth)
{
    if (p->out->failed || (p->limit > 0 && p->out->len > p->limit))
        return;
    if (depth > DEPTH_MAX) {
        text_puts(p->out, "null");
        return;
    }
    switch (v != NULL ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        object(p, v, depth);
        break;
    case JSON_ARRAY:
        array(p, v, depth);
        break;
    case JSON_STRING:
        string(p, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        text_printf(p->out, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        real(p, json_real_value(v));
        break;
    case JSON_TRUE:
        text_puts(p->out, "true");
        break;
    case JSON_FALSE:
        text_puts(p->out, "false");
        break;
    case JSON_NULL:
    default:
        text_puts(p->out, "null");
    }
}

void pact_json_text(const json_t *value, unsigned indent, struct text *out)
{
    struct printer p = {.out = out, .indent = indent};
    print(&p, value, 0);
}

void pact_json_brief(const json_t *value, struct text *out)
{
    size_t start = out->len;
    struct printer p = {.out = out, .limit = start + PACT_BRIEF_MAX};
    print(&p, value, 0);
    if (out->len - start > PACT_BRIEF_MAX) {
        size_t end = start + PACT_BRIEF_MAX;
        while (end > start && ((unsigned char)out->data[end] & 0xC0) == 0x80)
            end--; /* between characters */
        text_truncate(out, end);
        text_puts(out, "...");
    }
}
