/* The first line is a path template, the second another one, the third a path. What is read holds to its own rules: a
 * template matches the path that is made of it, variables' parts lie in the path, and the order of two is one. */
#include "wire/http_template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t len = end != NULL ? (size_t)(end - *data) : *size;
    char *line = strndup((const char *)*data, len);
    if (line == NULL)
        abort();
    len += end != NULL;
    *data += len;
    *size -= len;
    return line;
}

static void put_segment(struct text *out, const struct http_segment *s)
{
    text_char(out, '/');
    for (size_t i = 0; i < s->text.len; i++)
        text_printf(out, "%%%02X", s->text.data[i]);
    if (s->kind != HTTP_SEGMENT_LITERAL)
        text_puts(out, s->kind == HTTP_SEGMENT_ONE ? "one" : "any/number");
}

static void check_match(const struct http_template *t, struct bytes path, bool must)
{
    struct bytes parts[HTTP_TEMPLATE_SEGMENTS_MAX];
    struct text value = TEXT_INIT;
    bool matches = http_template_match(t, path, parts);
    if (matches != http_template_match(t, path, NULL) || (must && !matches))
        abort();
    for (size_t i = 0; matches && i < t->variable_count; i++) {
        const uint8_t *end = parts[i].data + parts[i].len;
        if (parts[i].len > 0 && (parts[i].data <= path.data || end > path.data + path.len))
            abort();
        (void)http_template_value(t, &t->variables[i], parts[i], &value);
        text_clear(&value);
    }
    text_deinit(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    char *first = take_line(&data, &size), *second = take_line(&data, &size), *path = take_line(&data, &size);
    struct http_template a, b;
    if (http_template_parse(first, &arena, &a, &err) != 0) {
        if (err.message == NULL)
            abort();
    } else {
        struct text own = TEXT_INIT;
        for (size_t i = 0; i < a.segment_count; i++)
            put_segment(&own, &a.segments[i]);
        if (a.verb.len > 0)
            text_char(&own, ':');
        for (size_t i = 0; i < a.verb.len; i++)
            text_printf(&own, "%%%02X", a.verb.data[i]);
        check_match(&a, text_bytes(&own), true);
        text_deinit(&own);
        check_match(&a, bytes_of(path), false);
        if (http_template_order(&a, &a) != 0)
            abort();
        if (http_template_parse(second, &arena, &b, NULL) == 0) {
            int order = http_template_order(&a, &b), back = http_template_order(&b, &a);
            if ((order < 0) != (back > 0) || (order > 0) != (back < 0))
                abort();
        }
    }
    error_clear(&err);
    arena_deinit(&arena);
    free(first);
    free(second);
    free(path);
    return 0;
}
