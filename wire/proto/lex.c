#include "wire/proto/lex.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TAB_WIDTH  8
#define NUMBER_MAX 400 /* bytes of a number */

void lexer_init(struct lexer *l, struct bytes input, const char *shown, struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark says nothing in UTF-8 */
    if (input.len >= 3 && memcmp(input.data, mark, 3) == 0)
        input = BYTES(input.data + 3, input.len - 3);
    *l = (struct lexer){.input = input, .shown = shown, .err = err};
}

int lexer_fail(struct lexer *l, const struct token *t, int code, const char *format, ...)
{
    if (l->code != 0)
        return l->code;
    struct text message = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    l->code = error_set_at(l->err, code, l->shown, t->line + 1, t->column + 1, "%s", text_string(&message));
    text_deinit(&message);
    return l->code;
}

/* ---- characters ---- */

static int peek(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->input.len ? (unsigned char)l->input.data[l->at + ahead] : -1;
}

static void step(struct lexer *l)
{
    int c = peek(l, 0);
    l->at++;
    if (c == '\n') {
        l->line++;
        l->column = 0;
    } else if (c == '\t') {
        l->column += TAB_WIDTH - l->column % TAB_WIDTH;
    } else {
        l->column++;
    }
}

static void skip_blanks(struct lexer *l)
{
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t' || peek(l, 0) == '\r' || peek(l, 0) == '\v' || peek(l, 0) == '\f')
        step(l);
}

static bool skip_newline(struct lexer *l)
{
    if (peek(l, 0) != '\n')
        return false;
    step(l);
    return true;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static struct token here(const struct lexer *l)
{
    return (struct token){.line = l->line, .column = l->column};
}

/* ---- comments ---- */

enum comment { COMMENT_NONE, COMMENT_LINE, COMMENT_BLOCK };

static enum comment comment_ahead(const struct lexer *l)
{
    return peek(l, 0) != '/'   ? COMMENT_NONE
           : peek(l, 1) == '/' ? COMMENT_LINE
           : peek(l, 1) == '*' ? COMMENT_BLOCK
                               : COMMENT_NONE;
}

/* `out` may be NULL. The newline belongs to it. */
static void line_comment(struct lexer *l, struct text *out)
{
    size_t start = l->at + 2;
    while (peek(l, 0) != -1 && peek(l, 0) != '\n')
        step(l);
    skip_newline(l);
    if (out != NULL)
        text_add(out, l->input.data + start, l->at - start);
}

/* Of every line but the first, blanks and one star at its beginning are decoration. */
static void block_comment(struct lexer *l, struct text *out)
{
    struct token start = here(l);
    step(l);
    step(l);
    while (peek(l, 0) != -1 && !(peek(l, 0) == '*' && peek(l, 1) == '/')) {
        int c = peek(l, 0);
        if (out != NULL)
            text_char(out, (char)c);
        step(l);
        if (c != '\n')
            continue;
        skip_blanks(l);
        if (peek(l, 0) == '*' && peek(l, 1) != '/')
            step(l);
    }
    if (peek(l, 0) == -1) {
        lexer_fail(l, &start, ERROR_SYNTAX, "this comment has no end: */ is missing");
        return;
    }
    step(l);
    step(l);
}

static void comment(struct lexer *l, enum comment kind, struct text *out)
{
    if (kind == COMMENT_LINE)
        line_comment(l, out);
    else
        block_comment(l, out);
}

/* ---- tokens ---- */

static void read_string(struct lexer *l, int quote)
{
    struct token start = here(l);
    step(l);
    while (peek(l, 0) != quote) {
        if (peek(l, 0) == -1 || peek(l, 0) == '\n') {
            lexer_fail(l, &start, ERROR_SYNTAX, "this string has no end on its line");
            return;
        }
        if (peek(l, 0) == '\\')
            step(l);
        if (peek(l, 0) != -1 && peek(l, 0) != '\n')
            step(l);
    }
    step(l);
}

static enum token_kind read_number(struct lexer *l)
{
    struct token start = here(l);
    bool is_float = false;
    if (peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X')) {
        step(l);
        step(l);
        if (!isxdigit(peek(l, 0)))
            lexer_fail(l, &start, ERROR_SYNTAX, "hexadecimal digits are expected after 0x");
        while (peek(l, 0) != -1 && isxdigit(peek(l, 0)))
            step(l);
    } else {
        bool octal = peek(l, 0) == '0' && is_digit(peek(l, 1)), bad = false;
        for (; is_digit(peek(l, 0)); step(l))
            bad |= octal && peek(l, 0) > '7';
        if (peek(l, 0) == '.') {
            is_float = true;
            step(l);
            while (is_digit(peek(l, 0)))
                step(l);
        }
        if (peek(l, 0) == 'e' || peek(l, 0) == 'E') {
            is_float = true;
            step(l);
            if (peek(l, 0) == '-' || peek(l, 0) == '+')
                step(l);
            if (!is_digit(peek(l, 0)))
                lexer_fail(l, &start, ERROR_SYNTAX, "an exponent has digits");
            while (is_digit(peek(l, 0)))
                step(l);
        }
        if (bad && !is_float)
            lexer_fail(l, &start, ERROR_SYNTAX, "a number that begins with 0 is octal: 8 and 9 are no digits of it");
    }
    if (is_letter(peek(l, 0)))
        lexer_fail(l, &start, ERROR_SYNTAX, "a number and a word need something between them");
    return is_float ? TOKEN_FLOAT : TOKEN_INTEGER;
}

static bool skip_between(struct lexer *l)
{
    skip_blanks(l);
    if (skip_newline(l))
        return true;
    enum comment kind = comment_ahead(l);
    if (kind != COMMENT_NONE)
        comment(l, kind, NULL);
    return kind != COMMENT_NONE;
}

void lexer_next(struct lexer *l)
{
    l->before = l->token;
    while (l->code == 0 && skip_between(l)) {
    }
    struct token t = here(l);
    size_t start = l->at;
    int c = peek(l, 0);
    if (l->code != 0 || c == -1) {
        t.kind = TOKEN_END;
    } else if (is_letter(c)) {
        t.kind = TOKEN_WORD;
        while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)))
            step(l);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) {
        t.kind = read_number(l);
    } else if (c == '"' || c == '\'') {
        t.kind = TOKEN_STRING;
        read_string(l, c);
    } else {
        t.kind = TOKEN_SYMBOL;
        step(l);
        if (c < 0x20 || c >= 0x7f)
            lexer_fail(l, &t, ERROR_SYNTAX, "byte 0x%02x stands where no text may", (unsigned)c);
    }
    if (l->code != 0)
        t.kind = TOKEN_END;
    t.text = BYTES(l->input.data + start, l->code == 0 ? l->at - start : 0);
    t.end_line = l->line;
    t.end_column = l->column;
    l->token = t;
}

/* ---- tokens with comments ---- */

struct collector {
    struct comments *to;
    struct text buffer;
    bool has, may_trail;
};

static void collector_deinit(struct collector *c)
{
    if (!text_ok(&c->buffer))
        c->to->leading.failed = true;
    text_deinit(&c->buffer);
}

static void flush(struct collector *c)
{
    if (!c->has)
        return;
    if (c->may_trail) {
        text_add(&c->to->trailing, c->buffer.data, c->buffer.len);
        c->may_trail = false;
    } else {
        text_add(&c->to->detached, text_string(&c->buffer), c->buffer.len + 1);
    }
    if (!text_ok(&c->buffer))
        c->to->leading.failed = true;
    text_clear(&c->buffer);
    c->has = false;
}

static void collect(struct lexer *l, struct collector *c, enum comment kind)
{
    /* Line comments that follow each other are one; a block is one by itself. */
    if (kind == COMMENT_BLOCK && c->has)
        flush(c);
    comment(l, kind, &c->buffer);
    c->has = true;
}

/* From the line after the token before to the next token. */
static void collect_lines(struct lexer *l, struct collector *c)
{
    bool after_block = false;
    while (l->code == 0) {
        skip_blanks(l);
        enum comment kind = comment_ahead(l);
        if (kind != COMMENT_NONE) {
            if (after_block)
                flush(c);
            after_block = kind == COMMENT_BLOCK;
            collect(l, c, kind);
            if (kind == COMMENT_BLOCK) {
                skip_blanks(l);
                skip_newline(l); /* so that the rest of its line is no blank line */
            }
        } else if (skip_newline(l)) {
            flush(c); /* a blank line */
            c->may_trail = false;
            after_block = false;
        } else {
            break;
        }
    }
    lexer_next(l);
    if (l->token.kind == TOKEN_END || token_is(&l->token, "}") || token_is(&l->token, "]") || token_is(&l->token, ")"))
        flush(c); /* nothing follows that it could be about */
    else if (c->has)
        text_add(&c->to->leading, c->buffer.data, c->buffer.len);
}

void lexer_next_with_comments(struct lexer *l, struct comments *to)
{
    struct collector c = {.to = to, .may_trail = true};
    skip_blanks(l);
    enum comment kind = comment_ahead(l);
    if (kind != COMMENT_NONE) {
        collect(l, &c, kind);
        if (kind == COMMENT_BLOCK) {
            skip_blanks(l);
            if (!skip_newline(l)) { /* between two tokens of one line: nobody knows whose it is */
                lexer_next(l);
                collector_deinit(&c);
                return;
            }
        }
        flush(&c);
    } else if (!skip_newline(l)) {
        lexer_next(l);
        return;
    }
    collect_lines(l, &c);
    collector_deinit(&c);
}

void lexer_first(struct lexer *l, struct comments *to)
{
    struct collector c = {.to = to};
    collect_lines(l, &c);
    collector_deinit(&c);
}

/* ---- values ---- */

bool token_is(const struct token *t, const char *text)
{
    size_t len = strlen(text);
    return t->text.len == len && t->kind != TOKEN_STRING && memcmp(t->text.data, text, len) == 0;
}

bool token_unsigned(const struct token *t, uint64_t *out)
{
    const char *s = (const char *)t->text.data;
    size_t len = t->text.len, i = 0;
    unsigned base = 10;
    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        i = 2;
    } else if (len > 1 && s[0] == '0') {
        base = 8;
    }
    uint64_t value = 0;
    for (; i < len; i++) {
        unsigned digit = (unsigned)(is_digit(s[i]) ? s[i] - '0' : (s[i] | 0x20) - 'a' + 10);
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

double token_float(const struct token *t)
{
    char copy[NUMBER_MAX];
    size_t len = t->text.len < sizeof copy - 1 ? t->text.len : sizeof copy - 1;
    memcpy(copy, t->text.data, len);
    copy[len] = '\0';
    return strtod(copy, NULL);
}

static unsigned hex_digits(const char *s, const char *end, int max, int *count)
{
    unsigned value = 0;
    for (*count = 0; *count < max && s + *count < end && isxdigit((unsigned char)s[*count]); ++*count) {
        int c = s[*count];
        value = value * 16 + (unsigned)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* Returns where to go on, or NULL when it is no escape; `s` is behind the backslash. */
static const char *escape(const char *s, const char *end, struct text *out)
{
    static const char letters[] = "abfnrtv\\?'\"", meant[] = "\a\b\f\n\r\t\v\\?'\"";
    const char *letter = s < end ? memchr(letters, *s, sizeof letters - 1) : NULL;
    int n = 0;
    if (letter != NULL) {
        text_char(out, meant[letter - letters]);
        return s + 1;
    }
    if (s < end && *s >= '0' && *s <= '7') {
        unsigned value = 0;
        for (; n < 3 && s + n < end && s[n] >= '0' && s[n] <= '7'; n++)
            value = value * 8 + (unsigned)(s[n] - '0');
        text_char(out, (char)value);
        return s + n;
    }
    if (s < end && (*s == 'x' || *s == 'X')) {
        unsigned value = hex_digits(s + 1, end, 2, &n);
        text_char(out, (char)value);
        return n > 0 ? s + 1 + n : NULL;
    }
    if (s < end && (*s == 'u' || *s == 'U')) {
        int digits = *s == 'u' ? 4 : 8;
        unsigned value = hex_digits(s + 1, end, digits, &n);
        if (n < digits || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
            return NULL;
        char bytes[UTF8_MAX];
        text_add(out, bytes, utf8_write(value, bytes));
        return s + 1 + n;
    }
    return NULL;
}

int token_string(struct lexer *l, const struct token *t, struct text *out)
{
    const char *s = (const char *)t->text.data + 1, *end = (const char *)t->text.data + t->text.len - 1;
    while (s < end) {
        if (*s != '\\') {
            text_char(out, *s++);
            continue;
        }
        const char *next = escape(s + 1, end, out);
        if (next == NULL)
            return lexer_fail(l, t, ERROR_SYNTAX, "this string has an escape that is none: \\%.1s",
                              s + 1 < end ? s + 1 : "");
        s = next;
    }
    return 0;
}
