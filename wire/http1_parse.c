#include "wire/http1_internal.h"

#include <stdlib.h>

/* One state per place between two bytes. Heads are walked byte by byte, so that a message breaks at the same byte with
 * the same error however it was cut into pieces; bodies are passed on in spans. */
enum state {
    BLANK, /* before a start line */
    BLANK_LF,
    METHOD,
    TARGET,
    REQUEST_VERSION,
    RESPONSE_VERSION,
    STATUS,
    STATUS_SPACE,
    REASON,
    START_LF,
    FIELD, /* first byte of a header line, or of the empty one */
    NAME,
    VALUE_SPACE,
    VALUE,
    VALUE_LF,
    HEAD_LF,
    BODY_LENGTH,
    BODY_UNTIL_END,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    UPGRADED,
    FAILED,
};

struct span {
    uint32_t start, len; /* from the first byte of the head */
};

struct http1_parser {
    struct http1_events events;
    void *arg;
    size_t body_max;
    bool responses, no_body, in_trailers, paused;
    enum state state;

    struct text kept;  /* the head's bytes from earlier pieces */
    uint32_t head_len; /* the head's bytes so far, kept or not */
    struct span method, target, reason;
    size_t header_count;
    int status, minor, digits;
    int blank_lines;

    uint64_t left, body_len; /* of the body or chunk; of the body so far */
    uint32_t chunk_line;     /* bytes of the current chunk's size line */
    struct bytes unread;     /* while feeding: what follows the byte at hand */
    uint64_t line, column;   /* of the message, 1-based; the body's bytes count as columns of its line */
    int failure, suggested;  /* once FAILED */

    struct span names[HTTP1_HEADERS_MAX], values[HTTP1_HEADERS_MAX]; /* the first `header_count` have a meaning */
};

int http1_parser_new(bool responses, size_t body_max, const struct http1_events *events, void *arg,
                     struct http1_parser **out)
{
    struct http1_parser *p = malloc(sizeof *p);
    if (p == NULL)
        return ERROR_MEMORY;
    memset(p, 0, offsetof(struct http1_parser, names));
    p->events = *events;
    p->arg = arg;
    p->body_max = body_max;
    p->responses = responses;
    p->line = p->column = 1;
    *out = p;
    return 0;
}

void http1_parser_free(struct http1_parser *p)
{
    if (p == NULL)
        return;
    text_deinit(&p->kept);
    free(p);
}

void http1_parser_no_body(struct http1_parser *p)
{
    p->no_body = true;
}

void http1_parser_pause(struct http1_parser *p)
{
    p->paused = true;
}

struct bytes http1_parser_unread(const struct http1_parser *p)
{
    return p->unread;
}

bool http1_parser_idle(const struct http1_parser *p)
{
    return p->state == BLANK;
}

void http1_parser_upgrade(struct http1_parser *p, struct bytes *rest)
{
    p->state = UPGRADED;
    *rest = p->unread;
    p->unread = BYTES_NONE;
}

static int fail(struct http1_parser *p, int code, int status, const char *why, struct error *err)
{
    p->state = FAILED;
    p->failure = code;
    p->suggested = p->responses ? 0 : status;
    return error_set(err, code, "HTTP/1 %s, line %llu, column %llu: %s", p->responses ? "response" : "request",
                     (unsigned long long)p->line, (unsigned long long)p->column, why);
}

#define BAD(why)            fail(p, ERROR_PROTOCOL, 400, (why), err)
#define TOO_MUCH(code, why) fail(p, ERROR_LIMIT, (code), (why), err)

static void begin_message(struct http1_parser *p)
{
    p->state = BLANK;
    p->head_len = 0;
    p->header_count = 0;
    p->status = p->minor = p->digits = p->blank_lines = 0;
    p->method = p->target = p->reason = (struct span){0};
    p->body_len = 0;
    p->in_trailers = false;
    p->line = p->column = 1;
    text_clear(&p->kept);
}

static void complete(struct http1_parser *p)
{
    begin_message(p);
    p->events.complete(p->arg);
}

/* ---- heads ----------------------------------------------------------------------------------------------------- */

/* One byte of a start line. `at` is its place in the head. */
static int start_byte(struct http1_parser *p, uint8_t c, uint32_t at, struct error *err)
{
    static const char version[] = "HTTP/1.";
    switch ((int)p->state) {
    case BLANK:
        if (c == '\r') {
            if (++p->blank_lines > HTTP1_BLANK_LINES_MAX)
                return BAD("empty lines instead of a start line");
            p->state = BLANK_LF;
            return 0;
        }
        p->state = p->responses ? RESPONSE_VERSION : METHOD;
        p->method.start = at;
        return start_byte(p, c, at, err); /* once: the state has changed */
    case BLANK_LF:
        p->state = BLANK;
        return c == '\n' ? 0 : BAD("CR without LF");
    case METHOD:
        if (c == ' ' && at != p->method.start) {
            p->method.len = at - p->method.start;
            p->target.start = at + 1;
            p->state = TARGET;
            return 0;
        }
        if (!http1_token_char(c))
            return BAD("a byte no method may hold");
        return at - p->method.start < HTTP1_METHOD_MAX ? 0 : TOO_MUCH(501, "the method is too long");
    case TARGET:
        if (c == ' ' && at != p->target.start) {
            p->target.len = at - p->target.start;
            p->state = REQUEST_VERSION;
            p->digits = 0;
            return 0;
        }
        if (!http1_target_char(c))
            return BAD("a byte no request target may hold");
        return at - p->target.start < HTTP1_TARGET_MAX ? 0 : TOO_MUCH(414, "the request target is too long");
    case REQUEST_VERSION:
    case RESPONSE_VERSION:
        if (p->digits < 5) { /* "HTTP/" */
            return c == (uint8_t)version[p->digits++] ? 0 : BAD("expected HTTP/1.1");
        }
        if (p->digits < 8) { /* "1.", then the minor version */
            bool digit = c >= '0' && c <= '9';
            if (p->digits == 6 ? c != '.' : !digit)
                return BAD("expected HTTP/1.1");
            if (p->digits == 5 && c != '1')
                return fail(p, ERROR_PROTOCOL, 505, "the major version is not 1", err);
            if (p->digits++ == 7)
                p->minor = c == '0' ? 0 : 1; /* a later minor version is answered as 1.1 */
            return 0;
        }
        if (p->state == RESPONSE_VERSION) {
            p->state = STATUS;
            p->digits = 0;
            return c == ' ' ? 0 : BAD("expected a space behind the version");
        }
        p->state = START_LF;
        return c == '\r' ? 0 : BAD(c == '\n' ? "LF without CR" : "something behind the version");
    case STATUS:
        if (c < '0' || c > '9' || (p->digits == 0 && (c == '0' || c > '5')))
            return BAD("the status is not three digits from 100 to 599");
        p->status = p->status * 10 + (c - '0');
        if (++p->digits == 3)
            p->state = STATUS_SPACE;
        return 0;
    case STATUS_SPACE: /* the space is part of the grammar, but servers leave it out with the phrase */
        p->reason = (struct span){at + 1, 0};
        p->state = c == '\r' ? START_LF : REASON;
        return c == ' ' || c == '\r' ? 0 : BAD("expected a space behind the status");
    case REASON:
        if (c == '\r') {
            p->reason.len = at - p->reason.start;
            p->state = START_LF;
            return 0;
        }
        return http1_value_char(c) ? 0 : BAD(c == '\n' ? "LF without CR" : "a control character");
    case START_LF:
        p->state = FIELD;
        return c == '\n' ? 0 : BAD("CR without LF");
    default:
        return BAD("not a start line");
    }
}

/* One byte of a header or trailer line; 1 when it was the section's last. */
static int field_byte(struct http1_parser *p, uint8_t c, uint32_t at, struct error *err)
{
    struct span *name = &p->names[p->header_count], *value = &p->values[p->header_count];
    switch ((int)p->state) {
    case FIELD:
        if (c == '\r') {
            p->state = HEAD_LF;
            return 0;
        }
        if (c == ' ' || c == '\t')
            return BAD("a header line begins with a space (obsolete folding)");
        if (p->header_count == HTTP1_HEADERS_MAX)
            return TOO_MUCH(431, "too many headers");
        *name = (struct span){at, 0};
        p->state = NAME;
        return http1_token_char(c) ? 0 : BAD("a byte no header name may hold");
    case NAME:
        if (c == ':') {
            name->len = at - name->start;
            p->state = VALUE_SPACE;
            return 0;
        }
        if (c == ' ' || c == '\t')
            return BAD("a space before the colon");
        return http1_token_char(c) ? 0 : BAD("a byte no header name may hold");
    case VALUE_SPACE:
        if (c == ' ' || c == '\t')
            return 0;
        *value = (struct span){at, 0};
        p->state = VALUE;
        __attribute__((fallthrough));
    case VALUE:
        if (c == '\r') {
            p->state = VALUE_LF;
            return 0;
        }
        if (!http1_value_char(c))
            return BAD(c == '\n' ? "LF without CR" : "a control character in a header");
        if (c != ' ' && c != '\t')
            value->len = at + 1 - value->start; /* white space at the end is left out */
        return 0;
    case VALUE_LF:
        p->header_count++;
        p->state = FIELD;
        return c == '\n' ? 0 : BAD("CR without LF");
    case HEAD_LF:
        return c == '\n' ? 1 : BAD("CR without LF");
    default:
        return BAD("not a header line");
    }
}

static struct bytes at_span(const uint8_t *base, struct span s)
{
    return BYTES(base + s.start, s.len);
}

/* The head is whole; `base` is its first byte. */
static int head_done(struct http1_parser *p, const uint8_t *base, struct error *err)
{
    struct http1_header headers[HTTP1_HEADERS_MAX];
    struct http1_head head = {.response = p->responses,
                              .method = at_span(base, p->method),
                              .target = at_span(base, p->target),
                              .status = p->status,
                              .reason = at_span(base, p->reason),
                              .minor = p->minor,
                              .headers = headers,
                              .header_count = p->header_count};
    for (size_t i = 0; i < p->header_count; i++) {
        headers[i].name = at_span(base, p->names[i]);
        headers[i].value = at_span(base, p->values[i]);
    }
    if (!p->responses && !http1_is_target(head.method, head.target))
        return BAD("the request target does not fit the method");
    enum http1_framing framing = HTTP1_NO_BODY;
    int status = 0;
    const char *why = NULL;
    int rc = http1_frame(&head, p->no_body, p->body_max, &framing, &status, &why);
    if (rc != 0)
        return fail(p, rc, status, why, err);

    bool interim = p->responses && head.status / 100 == 1;
    if (!interim)
        p->no_body = false; /* it was about the final answer */
    p->body_len = 0;
    p->left = framing == HTTP1_LENGTH ? (uint64_t)head.length : 0;
    static const enum state next[] = {BLANK, BODY_LENGTH, CHUNK_SIZE, BODY_UNTIL_END};
    p->state = next[framing];
    p->digits = 0;
    p->chunk_line = 0;
    p->events.head(p->arg, &head);
    if (p->state == UPGRADED) {
        text_clear(&p->kept);
        return 0;
    }
    if (framing == HTTP1_NO_BODY) {
        complete(p);
        if (p->responses && head.status == 101)
            p->state = UPGRADED;
    }
    return 0;
}

/* How many bytes from here on are the inside of a name or a value, which is most of a head. They need no look at the
 * state each. */
static size_t take_inside(struct http1_parser *p, struct bytes data)
{
    size_t max = HTTP1_HEAD_MAX - p->head_len, n = 0;
    max = max < data.len ? max : data.len;
    if (p->state == NAME)
        while (n < max && http1_token_char(data.data[n]))
            n++;
    if (p->state == VALUE) {
        struct span *value = &p->values[p->header_count];
        for (; n < max && http1_value_char(data.data[n]); n++)
            if (data.data[n] != ' ' && data.data[n] != '\t')
                value->len = p->head_len + (uint32_t)n + 1 - value->start;
    }
    p->head_len += (uint32_t)n;
    p->column += n;
    return n;
}

/* Walks a head or a trailer section; *used is how far it came. */
static int walk_head(struct http1_parser *p, struct bytes data, size_t *used, struct error *err)
{
    size_t i = 0;
    int rc = 0;
    while (rc == 0 && (i += take_inside(p, BYTES(data.data + i, data.len - i))) < data.len) {
        uint8_t c = data.data[i];
        if (p->head_len == HTTP1_HEAD_MAX)
            return TOO_MUCH(431, p->in_trailers ? "the trailers are too long" : "the headers are too long");
        uint32_t at = p->head_len++;
        rc = p->state < FIELD ? start_byte(p, c, at, err) : field_byte(p, c, at, err);
        if (rc < 0)
            return rc;
        p->column++;
        if (c == '\n') {
            p->line++;
            p->column = 1;
        }
        i++;
    }
    *used = i;
    if (p->in_trailers) { /* checked, then dropped: nothing in them may change a message's framing */
        if (rc == 1)
            complete(p);
        return 0;
    }
    if (rc == 1) {
        p->unread = BYTES(data.data + i, data.len - i);
        if (p->kept.len == 0)
            return head_done(p, data.data, err);
    }
    text_add(&p->kept, data.data, i);
    if (!text_ok(&p->kept))
        return fail(p, ERROR_MEMORY, 503, "out of memory", err);
    return rc == 1 ? head_done(p, text_bytes(&p->kept).data, err) : 0;
}

/* ---- bodies ---------------------------------------------------------------------------------------------------- */

static int pass_body(struct http1_parser *p, struct bytes piece, struct error *err)
{
    if (piece.len > p->body_max - p->body_len)
        return TOO_MUCH(413, "the body is longer than the limit");
    p->body_len += piece.len;
    p->column += piece.len;
    p->events.body(p->arg, piece);
    return 0;
}

/* One byte of what stands between chunks (RFC 9112, 7.1). */
static int chunk_byte(struct http1_parser *p, uint8_t c, struct error *err)
{
    if ((p->state == CHUNK_SIZE || p->state == CHUNK_EXTENSION) && ++p->chunk_line > HTTP1_CHUNK_LINE_MAX)
        return TOO_MUCH(400, "a chunk's size line is too long");
    switch ((int)p->state) {
    case CHUNK_SIZE: {
        int digit = bytes_hex_value(c);
        if (digit >= 0) {
            if (++p->digits > 15)
                return BAD("a chunk size out of range");
            p->left = p->left << 4 | (uint64_t)digit;
            return 0;
        }
        if (p->digits == 0)
            return BAD("expected a chunk size");
        if (p->left > p->body_max - p->body_len)
            return TOO_MUCH(413, "the body is longer than the limit");
        p->state = c == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
        return c == ';' || c == '\r' ? 0 : BAD("a byte no chunk size may hold");
    }
    case CHUNK_EXTENSION:
        if (c == '\r') {
            p->state = CHUNK_SIZE_LF;
            return 0;
        }
        return http1_value_char(c) ? 0 : BAD("a control character in a chunk extension");
    case CHUNK_SIZE_LF:
        if (c != '\n')
            return BAD("CR without LF");
        p->chunk_line = 0;
        p->digits = 0;
        p->state = CHUNK_DATA;
        if (p->left == 0) {
            p->in_trailers = true;
            p->head_len = 0;
            p->header_count = 0;
            p->state = FIELD;
        }
        return 0;
    case CHUNK_DATA_CR:
        p->state = CHUNK_DATA_LF;
        return c == '\r' ? 0 : BAD("a chunk longer than its size");
    case CHUNK_DATA_LF:
        p->state = CHUNK_SIZE;
        return c == '\n' ? 0 : BAD("CR without LF");
    default:
        return BAD("not a chunk");
    }
}

static int walk_body(struct http1_parser *p, struct bytes data, size_t *used, struct error *err)
{
    int rc = 0;
    if (p->state == BODY_UNTIL_END) {
        *used = data.len;
        return pass_body(p, data, err);
    }
    if (p->state == BODY_LENGTH || p->state == CHUNK_DATA) {
        size_t len = p->left < data.len ? (size_t)p->left : data.len;
        *used = len;
        p->left -= len;
        rc = pass_body(p, BYTES(data.data, len), err);
        if (rc != 0 || p->left != 0)
            return rc;
        if (p->state == CHUNK_DATA) {
            p->state = CHUNK_DATA_CR;
        } else {
            p->unread = BYTES(data.data + len, data.len - len);
            complete(p);
        }
        return 0;
    }
    rc = chunk_byte(p, data.data[0], err);
    if (rc != 0)
        return rc;
    *used = 1;
    p->column++;
    if (data.data[0] == '\n') {
        p->line++;
        p->column = 1;
    }
    return 0;
}

int http1_parser_feed(struct http1_parser *p, struct bytes data, int *suggested, struct error *err)
{
    int rc = 0;
    p->paused = false;
    p->unread = BYTES_NONE;
    while (data.len != 0 && rc == 0 && p->state != FAILED && p->state != UPGRADED && !p->paused) {
        size_t used = 0;
        rc = p->state < BODY_LENGTH ? walk_head(p, data, &used, err) : walk_body(p, data, &used, err);
        data = BYTES(data.data + used, data.len - used);
    }
    p->unread = BYTES_NONE;
    if (rc == 0 && p->state == FAILED)
        rc = error_set(err, p->failure, "the HTTP/1 parser has failed before");
    else if (rc == 0 && p->paused)
        p->unread = data;
    if (rc != 0 && suggested != NULL)
        *suggested = p->suggested;
    return rc;
}

int http1_parser_end(struct http1_parser *p, struct error *err)
{
    if (p->state == BODY_UNTIL_END) {
        complete(p);
        return 0;
    }
    if (p->state == FAILED)
        return error_set(err, p->failure, "the HTTP/1 parser has failed before");
    if (p->state == BLANK || p->state == BLANK_LF || p->state == UPGRADED)
        return 0;
    return BAD("the connection ended in the middle of the message");
}
