#include "wire/multipart.h"

#include "wire/http1.h"

#include <string.h>
#include <strings.h>

/* ---- parameters: type; name=value; name="value" ---- */

struct parameters {
    const char *at, *end;
};

static void skip_blanks(struct parameters *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
        p->at++;
}

static bool token_at(struct parameters *p, struct bytes *out)
{
    const char *start = p->at;
    while (p->at < p->end && http1_is_token(BYTES(p->at, 1)))
        p->at++;
    *out = BYTES(start, (size_t)(p->at - start));
    return p->at > start;
}

/* A quoted value, with backslashes undone; the text is in the arena. Browsers do not escape backslashes in names: only
 * \" and \\ are taken for escapes. */
static bool quoted_at(struct parameters *p, struct arena *arena, struct bytes *out)
{
    const char *end = ++p->at;
    while (end < p->end && *end != '"')
        end += *end == '\\' && end + 1 < p->end && (end[1] == '"' || end[1] == '\\') ? 2 : 1;
    char *text = end < p->end ? arena_alloc(arena, (size_t)(end - p->at) + 1) : NULL;
    size_t len = 0;
    if (!text)
        return false;
    for (; p->at < end; p->at++) {
        if (*p->at == '\\' && (p->at[1] == '"' || p->at[1] == '\\'))
            p->at++;
        text[len++] = *p->at;
    }
    p->at++;
    *out = BYTES(text, len);
    return true;
}

/* The next parameter: 1, 0 at the end, -1 when it is broken. */
static int next_parameter(struct parameters *p, struct arena *arena, struct bytes *name, struct bytes *value)
{
    skip_blanks(p);
    if (p->at == p->end)
        return 0;
    if (*p->at++ != ';')
        return -1;
    skip_blanks(p);
    if (p->at == p->end) /* a semicolon at the end is harmless */
        return 0;
    if (!token_at(p, name) || p->at == p->end || *p->at++ != '=')
        return -1;
    if (p->at < p->end && *p->at == '"')
        return quoted_at(p, arena, value) ? 1 : -1;
    return token_at(p, value) ? 1 : -1;
}

static bool is(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

/* RFC 2046: bchars; a space not at the end. */
static bool is_boundary(struct bytes b)
{
    if (b.len == 0 || b.len > MULTIPART_BOUNDARY_MAX || b.data[b.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != 0 && strchr("'()+_,-./:=? ", c))))
            return false;
    }
    return true;
}

int multipart_boundary(const char *content_type, char out[MULTIPART_BOUNDARY_MAX + 1], struct error *err)
{
    struct arena arena = ARENA_INIT;
    struct parameters p = {content_type + strcspn(content_type, ";"), content_type + strlen(content_type)};
    struct bytes name, value, found = BYTES_NONE;
    int rc;
    while ((rc = next_parameter(&p, &arena, &name, &value)) == 1) {
        if (is(name, "boundary") && found.data == NULL)
            found = value;
        else if (is(name, "boundary"))
            rc = -1;
        if (rc < 0)
            break;
    }
    if (rc < 0)
        rc = error_set(err, ERROR_SYNTAX, "the content type's parameters are broken");
    else if (!is_boundary(found))
        rc = error_set(err, ERROR_SYNTAX, "the content type names no boundary, or one that is not allowed");
    else {
        memcpy(out, found.data, found.len);
        out[found.len] = '\0';
    }
    arena_deinit(&arena);
    return rc;
}

/* ---- parts ---- */

struct walk {
    enum multipart_kind kind;
    struct bytes body;
    size_t at;
    char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* CR LF "--" boundary */
    size_t delimiter_len;
    struct arena *arena;
};

static int bad(const struct walk *w, const char *why, struct error *err)
{
    return error_set(err, ERROR_SYNTAX, "multipart body, byte %zu: %s", w->at + 1, why);
}

/* What browsers escape in names and file names. */
static const char *unescape(struct arena *arena, struct bytes text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        const char *c = (const char *)text.data + i;
        static const struct {
            const char *code;
            char c;
        } escapes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}};
        char plain = *c;
        for (size_t k = 0; k < 3; k++) {
            if (text.len - i >= 3 && strncasecmp(c, escapes[k].code, 3) == 0) {
                plain = escapes[k].c;
                i += 2;
                break;
            }
        }
        out[len++] = plain;
    }
    if (out)
        out[len] = '\0';
    return out;
}

static int read_disposition(const struct walk *w, struct bytes value, struct multipart_part *part, struct error *err)
{
    struct parameters p = {(const char *)value.data, (const char *)value.data + value.len};
    struct bytes type, name, text;
    int rc;
    if (part->disposed)
        return bad(w, "a part has two Content-Disposition headers", err);
    part->disposed = true;
    skip_blanks(&p);
    if (!token_at(&p, &type) || (w->kind == MULTIPART_FORM && !is(type, "form-data")))
        return bad(w, "a part's Content-Disposition is not form-data", err);
    while ((rc = next_parameter(&p, w->arena, &name, &text)) == 1) {
        const char **into = is(name, "name") ? &part->name : is(name, "filename") ? &part->filename : NULL;
        if (!into)
            continue;
        if (*into || memchr(text.data, '\0', text.len))
            return bad(w, "a part has two names, or one with a NUL", err);
        *into = unescape(w->arena, text);
        if (!*into)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (rc < 0)
        return bad(w, "a part's Content-Disposition is broken", err);
    if (part->name && part->name[0] == '\0')
        part->name = NULL;
    return part->name || w->kind == MULTIPART_ANY ? 0 : bad(w, "a part has no name", err);
}

static bool split_header(struct bytes line, struct bytes *name, struct bytes *value)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    size_t len = colon ? (size_t)(colon - line.data) : 0;
    if (!colon || !http1_is_token(BYTES(line.data, len)))
        return false;
    *name = BYTES(line.data, len);
    *value = BYTES(colon + 1, line.len - len - 1);
    while (value->len && (value->data[0] == ' ' || value->data[0] == '\t'))
        *value = BYTES(value->data + 1, value->len - 1);
    return true;
}

bool multipart_header(struct bytes *head, struct bytes *name, struct bytes *value)
{
    const uint8_t *end = head->len ? memchr(head->data, '\n', head->len) : NULL;
    if (!end || end == head->data)
        return false;
    struct bytes line = BYTES(head->data, (size_t)(end - head->data) - 1);
    *head = BYTES(end + 1, head->len - line.len - 2);
    return split_header(line, name, value);
}

static int read_header(const struct walk *w, struct bytes line, struct multipart_part *part, struct error *err)
{
    struct bytes name, value;
    if (!split_header(line, &name, &value))
        return bad(w, "a part's header is not \"name: value\"", err);
    for (size_t i = 0; i < value.len; i++) {
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return bad(w, "a part's header has a control character", err);
    }
    if (is(name, "content-disposition"))
        return read_disposition(w, value, part, err);
    if (is(name, "content-type")) {
        part->content_type = arena_string_n(w->arena, (const char *)value.data, value.len);
        return part->content_type ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (w->kind == MULTIPART_FORM && is(name, "content-transfer-encoding") && !is(value, "7bit") &&
        !is(value, "8bit") && !is(value, "binary"))
        return bad(w, "a transfer encoding that form data may not have", err);
    return 0;
}

/* The header lines, up to and with the empty one. */
static int read_head(struct walk *w, struct multipart_part *part, struct error *err)
{
    size_t start = w->at;
    for (int lines = 0;; lines++) {
        size_t left = w->body.len - w->at;
        const uint8_t *line = w->body.data + w->at;
        const uint8_t *end = left ? memchr(line, '\n', left) : NULL;
        if (!end || end == line || end[-1] != '\r')
            return bad(w, "a part's header does not end in CR LF", err);
        size_t len = (size_t)(end - line) - 1;
        if (w->at - start + len > MULTIPART_HEAD_MAX || lines > MULTIPART_HEADERS_MAX)
            return error_set(err, ERROR_LIMIT, "a part's headers are too long or too many");
        int rc = len ? read_header(w, BYTES(line, len), part, err) : 0;
        if (rc < 0)
            return rc;
        if (len == 0)
            part->head = BYTES(w->body.data + start, w->at - start);
        w->at += len + 2;
        if (len == 0)
            return part->name || w->kind == MULTIPART_ANY ? 0 : bad(w, "a part has no Content-Disposition", err);
    }
}

/* What follows a delimiter: 1 the next part, 0 nothing more. */
static int after_delimiter(struct walk *w, struct error *err)
{
    const uint8_t *p = w->body.data + w->at;
    size_t left = w->body.len - w->at;
    bool last = left >= 2 && p[0] == '-' && p[1] == '-';
    size_t i = last ? 2 : 0;
    while (i < left && (p[i] == ' ' || p[i] == '\t')) /* RFC 2046: transport padding */
        i++;
    w->at += i;
    if (!last) {
        if (left - i < 2 || p[i] != '\r' || p[i + 1] != '\n')
            return bad(w, "something behind the boundary", err);
        w->at += 2;
        return 1;
    }
    for (; i < left; i++) {
        if (p[i] != '\r' && p[i] != '\n')
            return bad(w, "something behind the closing boundary", err);
    }
    return 0;
}

int multipart_parse(enum multipart_kind kind, struct bytes body, const char *boundary, struct arena *arena,
                    int (*part)(void *arg, const struct multipart_part *part, struct error *err), void *arg,
                    struct error *err)
{
    struct walk w = {.kind = kind, .body = body, .arena = arena};
    memcpy(w.delimiter, "\r\n--", 4);
    w.delimiter_len = 4 + strlen(boundary);
    memcpy(w.delimiter + 4, boundary, strlen(boundary));
    /* The first delimiter may lack its CR LF. */
    if (body.len >= 2 && memcmp(body.data, "\r\n", 2) == 0)
        w.at = 2;
    if (body.len - w.at < w.delimiter_len - 2 || memcmp(body.data + w.at, w.delimiter + 2, w.delimiter_len - 2) != 0)
        return bad(&w, "it does not begin with the boundary", err);
    w.at += w.delimiter_len - 2;
    int rc = after_delimiter(&w, err);
    for (int count = 0; rc == 1; count++) {
        struct multipart_part p = {0};
        if (count == MULTIPART_PARTS_MAX)
            return error_set(err, ERROR_LIMIT, "the body has more than %d parts", MULTIPART_PARTS_MAX);
        rc = read_head(&w, &p, err);
        if (rc < 0)
            return rc;
        /* An empty part's delimiter shares the CR LF that ends the head. */
        size_t from = w.at - 2;
        const uint8_t *end = memmem(body.data + from, body.len - from, w.delimiter, w.delimiter_len);
        if (!end)
            return bad(&w, "a part without an end", err);
        size_t len = (size_t)(end - body.data);
        p.content = len > w.at ? BYTES(body.data + w.at, len - w.at) : BYTES(body.data + w.at, 0);
        rc = part(arg, &p, err);
        if (rc < 0)
            return rc;
        w.at = len + w.delimiter_len;
        rc = after_delimiter(&w, err);
    }
    return rc;
}
