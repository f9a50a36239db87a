#include "base/document.h"

#include "base/document_build.h"
#include "base/text.h"
#include "base/utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

int document_no_memory(const struct document *d, struct error *err)
{
    return error_set_at(err, ERROR_MEMORY, d->name, 0, 0, "out of memory while reading");
}

static bool find_lines(struct document *d)
{
    struct bytes in = d->input;
    /* Twice over the text: the first time counts, so that the table is allocated once. */
    for (int pass = 0; pass < 2; pass++) {
        size_t count = 0;
        /* A byte order mark takes no column. */
        for (size_t at = in.len >= 3 && memcmp(in.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;;) {
            if (d->lines)
                d->lines[count] = at;
            count++;
            while (at < in.len && in.data[at] != '\n' && in.data[at] != '\r')
                at++;
            if (at == in.len)
                break;
            at += in.data[at] == '\r' && at + 1 < in.len && in.data[at + 1] == '\n' ? 2 : 1;
        }
        if (pass == 0) {
            d->line_count = count;
            d->lines = ARENA_NEW_N(&d->arena, size_t, count);
            if (!d->lines)
                return false;
        }
    }
    return true;
}

void document_place(struct document *d, size_t offset, int *line, int *column)
{
    if (offset > d->input.len)
        offset = d->input.len;
    size_t low = 0, high = d->line_count; /* the line is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (d->lines[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    size_t at = d->lines[low];
    int count = 1;
    if (d->last_line == (int)low + 1 && d->last_offset <= offset) {
        at = d->last_offset;
        count = d->last_column;
    }
    while (at < offset) {
        uint32_t c;
        (void)utf8_next(d->input, &at, &c);
        count++;
    }
    *line = (int)low + 1;
    *column = count;
    d->last_offset = offset;
    d->last_line = *line;
    d->last_column = *column;
}

int document_error(struct document *d, size_t offset, struct error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    int line, column;
    document_place(d, offset, &line, &column);
    struct text message = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    (void)error_set_at(err, code, d->name, line, column, "%s",
                       text_ok(&message) ? text_string(&message) : "out of memory");
    text_deinit(&message);
    return code;
}

static int check_characters(struct document *d, bool printable, struct error *err)
{
    size_t bad = utf8_bad_offset(d->input);
    if (bad < d->input.len)
        return document_error(d, bad, err, ERROR_SYNTAX, "not UTF-8: byte 0x%02x", (unsigned)d->input.data[bad]);
    for (size_t at = 0; at < d->input.len;) {
        size_t start = at;
        uint32_t c;
        (void)utf8_next(d->input, &at, &c);
        bool control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
        bool unprintable = (c >= 0x7F && c < 0xA0 && c != 0x85) || c == 0xFFFE || c == 0xFFFF;
        if (control || (printable && unprintable))
            return document_error(d, start, err, ERROR_SYNTAX, "control character U+%04X", (unsigned)c);
    }
    return 0;
}

int document_new(struct bytes input, const char *name, bool printable, struct document **out, struct error *err)
{
    struct document *d = NULL;
    int code;
    if (input.len > DOCUMENT_SIZE_MAX) {
        code =
            error_set_at(err, ERROR_LIMIT, name, 0, 0, "%zu bytes; at most %zu are read", input.len, DOCUMENT_SIZE_MAX);
        goto out;
    }
    d = calloc(1, sizeof *d);
    if (!d) {
        code = error_set_at(err, ERROR_MEMORY, name, 0, 0, "out of memory while reading");
        goto out;
    }
    d->name = name;
    d->last_column = 1;
    char *text = arena_string_n(&d->arena, (const char *)input.data, input.len);
    char *name_copy = arena_string(&d->arena, name);
    d->input = BYTES(text, input.len);
    if (!text || !name_copy || !find_lines(d)) {
        code = document_no_memory(d, err);
        goto out;
    }
    d->name = name_copy;
    code = check_characters(d, printable, err);
out:
    if (code) {
        document_free(d);
        d = NULL;
    }
    *out = d;
    return code;
}

int document_parse(struct bytes input, const char *name, struct document **out, struct error *err)
{
    size_t len = strlen(name), end = strlen(".json");
    if (len >= end && strcasecmp(name + len - end, ".json") == 0)
        return document_parse_json(input, name, out, err);
    return document_parse_yaml(input, name, out, err);
}

void document_free(struct document *d)
{
    if (!d)
        return;
    arena_deinit(&d->arena);
    free(d);
}

const struct node *document_root(const struct document *d)
{
    return &d->root;
}

const char *document_name(const struct document *d)
{
    return d->name;
}

struct bytes document_line(const struct document *d, int line)
{
    if (line < 1 || (size_t)line > d->line_count)
        return BYTES_NONE;
    size_t start = d->lines[line - 1];
    size_t end = start;
    while (end < d->input.len && d->input.data[end] != '\n' && d->input.data[end] != '\r')
        end++;
    return BYTES(d->input.data + start, end - start);
}
