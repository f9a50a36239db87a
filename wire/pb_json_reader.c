#include "wire/pb_json_reader.h"

#include "base/utf8.h"
#include "wire/pb_number.h"
#include "wire/pb_wire.h"

#include <stdarg.h>

void pb_json_reader_init(struct pb_json_reader *r, struct bytes text, struct error *err)
{
    static const uint8_t nothing[1];
    *r = (struct pb_json_reader){.start = text.len ? text.data : nothing, .err = err};
    r->at = r->start;
    r->end = r->start + text.len;
}

void pb_json_reader_deinit(struct pb_json_reader *r)
{
    text_deinit(&r->decoded);
}

int pb_json_fail(struct pb_json_reader *r, const uint8_t *at, int code, const char *format, ...)
{
    if (!r->err)
        return code;
    struct text message = TEXT_INIT;
    pb_path_print(r->path, &message);
    text_puts(&message, ": ");
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    int line = 1, column = 1;
    for (const uint8_t *p = r->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xc0) != 0x80) {
            column++;
        }
    }
    if (!text_ok(&message))
        error_set(r->err, code, "out of memory");
    else if (r->placeless)
        error_set(r->err, code, "%s", text_string(&message));
    else
        error_set_at(r->err, code, "json", line, column, "%s", text_string(&message));
    text_deinit(&message);
    return code;
}

int pb_json_no_memory(struct pb_json_reader *r)
{
    return pb_json_fail(r, r->at, ERROR_MEMORY, "out of memory");
}

enum pb_json_token pb_json_peek(struct pb_json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
    if (r->at == r->end)
        return PB_JSON_END;
    switch (*r->at) {
    case '{':
        return PB_JSON_OBJECT;
    case '[':
        return PB_JSON_LIST;
    case '"':
        return PB_JSON_STRING;
    case 't':
        return PB_JSON_TRUE;
    case 'f':
        return PB_JSON_FALSE;
    case 'n':
        return PB_JSON_NULL;
    default:
        return *r->at == '-' || (*r->at >= '0' && *r->at <= '9') ? PB_JSON_NUMBER : PB_JSON_OTHER;
    }
}

const char *pb_json_token_name(enum pb_json_token token)
{
    switch (token) {
    case PB_JSON_END:
        return "the end of the text";
    case PB_JSON_OBJECT:
        return "an object";
    case PB_JSON_LIST:
        return "a list";
    case PB_JSON_STRING:
        return "a string";
    case PB_JSON_NUMBER:
        return "a number";
    case PB_JSON_TRUE:
        return "true";
    case PB_JSON_FALSE:
        return "false";
    case PB_JSON_NULL:
        return "null";
    case PB_JSON_OTHER:
        break;
    }
    return "something that is no JSON value";
}

static int hex4(struct pb_json_reader *r, const uint8_t *escape, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        uint8_t c = r->at < r->end ? *r->at : 0;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - (uint32_t)'0';
        else if (c >= 'a' && c <= 'f')
            digit = c - (uint32_t)'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - (uint32_t)'A' + 10;
        else
            return pb_json_fail(r, escape, ERROR_SYNTAX, "\\u needs four hexadecimal digits");
        *out = *out << 4 | digit;
    }
    return 0;
}

/* After the backslash. */
static int read_escape(struct pb_json_reader *r)
{
    static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    const uint8_t *escape = r->at - 1;
    if (r->at == r->end)
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "the string is not closed");
    uint8_t c = *r->at++;
    if (c != 'u') {
        for (size_t i = 0; i + 1 < sizeof plain; i += 2)
            if ((uint8_t)plain[i] == c) {
                pb_put(&r->decoded, &plain[i + 1], 1);
                return 0;
            }
        return pb_json_fail(r, escape, ERROR_SYNTAX, "unknown escape in a string");
    }
    uint32_t code;
    int rc = hex4(r, escape, &code);
    if (rc)
        return rc;
    if (code >= 0xd800 && code < 0xdc00 && r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u') {
        uint32_t low;
        r->at += 2;
        rc = hex4(r, escape, &low);
        if (rc)
            return rc;
        if (low < 0xdc00 || low > 0xdfff)
            return pb_json_fail(r, escape, ERROR_SYNTAX, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code < 0xe000) {
        return pb_json_fail(r, escape, ERROR_SYNTAX, "half of a surrogate pair");
    }
    char utf8[UTF8_MAX];
    pb_put(&r->decoded, utf8, utf8_write(code, utf8));
    return 0;
}

/* To the next quote, backslash or control character; all between is checked to be UTF-8. */
static int read_run(struct pb_json_reader *r, struct bytes *run)
{
    const uint8_t *first = r->at;
    uint8_t all = 0;
    *run = BYTES_NONE;
    while (r->at < r->end && *r->at != '"' && *r->at != '\\' && *r->at >= 0x20)
        all |= *r->at++;
    if (r->at == r->end)
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "the string is not closed");
    if (*r->at < 0x20)
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "a control character in a string must be escaped");
    *run = BYTES(first, (size_t)(r->at - first));
    if (all & 0x80) {
        size_t bad = utf8_bad_offset(*run);
        if (bad < run->len)
            return pb_json_fail(r, first + bad, ERROR_SYNTAX, "a string is not valid UTF-8");
    }
    return 0;
}

int pb_json_string(struct pb_json_reader *r, struct bytes *out)
{
    enum pb_json_token token = pb_json_peek(r);
    if (token != PB_JSON_STRING)
        return pb_json_fail(r, r->at, token == PB_JSON_OTHER || token == PB_JSON_END ? ERROR_SYNTAX : ERROR_INVALID,
                            "expected a string, found %s", pb_json_token_name(token));
    r->at++;
    int rc = read_run(r, out);
    if (rc)
        return rc;
    if (*r->at == '"') {
        r->at++;
        return 0;
    }
    text_clear(&r->decoded);
    pb_put(&r->decoded, out->data, out->len);
    while (*r->at == '\\') {
        r->at++;
        rc = read_escape(r);
        struct bytes run;
        if (!rc)
            rc = read_run(r, &run);
        if (rc)
            return rc;
        pb_put(&r->decoded, run.data, run.len);
    }
    r->at++;
    if (!text_ok(&r->decoded))
        return pb_json_no_memory(r);
    *out = text_bytes(&r->decoded);
    return 0;
}

int pb_json_number(struct pb_json_reader *r, struct bytes *out)
{
    enum pb_json_token token = pb_json_peek(r);
    if (token != PB_JSON_NUMBER)
        return pb_json_fail(r, r->at, token == PB_JSON_OTHER || token == PB_JSON_END ? ERROR_SYNTAX : ERROR_INVALID,
                            "expected a number, found %s", pb_json_token_name(token));
    size_t span = pb_number_span(BYTES(r->at, (size_t)(r->end - r->at)));
    const uint8_t *behind = r->at + span;
    if (span == 0 ||
        (behind < r->end && (*behind == '.' || *behind == '+' || *behind == '-' || *behind == '_' ||
                             (*behind >= '0' && *behind <= '9') || (*behind | 0x20) == 'e' || (*behind | 0x20) == 'x')))
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "malformed number");
    *out = BYTES(r->at, span);
    r->at = behind;
    return 0;
}

int pb_json_literal(struct pb_json_reader *r)
{
    const char *word = *r->at == 't' ? "true" : *r->at == 'f' ? "false" : "null";
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "expected a value");
    r->at += len;
    return 0;
}

void pb_json_open(struct pb_json_reader *r)
{
    r->at++;
}

/* The comma between two members or elements, or the closing bracket. */
static int next(struct pb_json_reader *r, bool first, uint8_t closing, bool *more)
{
    pb_json_peek(r);
    *more = false;
    if (r->at < r->end && *r->at == closing) {
        r->at++;
        return 0;
    }
    if (!first) {
        if (r->at == r->end || *r->at != ',')
            return pb_json_fail(r, r->at, ERROR_SYNTAX, "expected \",\" or \"%c\"", closing);
        r->at++;
        pb_json_peek(r);
    }
    if (r->at == r->end)
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "the text ends before \"%c\"", closing);
    *more = true;
    return 0;
}

int pb_json_next_element(struct pb_json_reader *r, bool first, bool *more)
{
    return next(r, first, ']', more);
}

int pb_json_next_member(struct pb_json_reader *r, bool first, bool *more, struct bytes *key, struct bytes *raw)
{
    int rc = next(r, first, '}', more);
    if (rc || !*more)
        return rc;
    if (*r->at != '"')
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "expected a member name in quotes");
    const uint8_t *start = r->at + 1;
    rc = pb_json_string(r, key);
    if (rc)
        return rc;
    *raw = BYTES(start, (size_t)(r->at - 1 - start));
    pb_json_peek(r);
    if (r->at == r->end || *r->at != ':')
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "expected \":\" behind a member name");
    r->at++;
    return 0;
}

int pb_json_skip(struct pb_json_reader *r, unsigned depth_left)
{
    struct bytes token, raw;
    enum pb_json_token kind = pb_json_peek(r);
    int rc = 0;
    switch (kind) {
    case PB_JSON_STRING:
        return pb_json_string(r, &token);
    case PB_JSON_NUMBER:
        return pb_json_number(r, &token);
    case PB_JSON_TRUE:
    case PB_JSON_FALSE:
    case PB_JSON_NULL:
        return pb_json_literal(r);
    case PB_JSON_OBJECT:
    case PB_JSON_LIST:
        break;
    case PB_JSON_END:
    case PB_JSON_OTHER:
        return pb_json_fail(r, r->at, ERROR_SYNTAX, "expected a value, found %s", pb_json_token_name(kind));
    }
    if (depth_left == 0)
        return pb_json_fail(r, r->at, ERROR_LIMIT, "nested deeper than %d", PB_DEPTH_MAX);
    bool more = true;
    pb_json_open(r);
    for (bool first = true; !rc; first = false) {
        rc = kind == PB_JSON_OBJECT ? pb_json_next_member(r, first, &more, &token, &raw)
                                    : pb_json_next_element(r, first, &more);
        if (rc || !more)
            break;
        rc = pb_json_skip(r, depth_left - 1);
    }
    return rc;
}

int pb_json_finish(struct pb_json_reader *r)
{
    return pb_json_peek(r) == PB_JSON_END ? 0
                                          : pb_json_fail(r, r->at, ERROR_SYNTAX, "text behind the end of the value");
}
