#include "wire/http1_internal.h"

#include <strings.h>

bool http1_token_char(uint8_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http1_target_char(uint8_t c)
{
    return c > 0x20 && c < 0x7f && strchr("\"#<>\\^`{|}", c) == NULL;
}

bool http1_is_token(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!http1_token_char(text.data[i]))
            return false;
    return text.len != 0;
}

static bool has_prefix(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && strncasecmp((const char *)text.data, prefix, len) == 0;
}

/* host [":" port], as in Host and in the target of CONNECT. An empty host is legal in Host. */
static bool is_authority(struct bytes text, bool port_needed)
{
    size_t i = 0;
    if (text.len != 0 && text.data[0] == '[') {
        for (i = 1; i < text.len && text.data[i] != ']'; i++)
            if (strchr("0123456789abcdefABCDEF:.", text.data[i]) == NULL || text.data[i] == 0)
                return false;
        if (i == text.len || i == 1)
            return false;
        i++;
    } else {
        for (; i < text.len && text.data[i] != ':'; i++) {
            uint8_t c = text.data[i];
            bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!alnum && (c == 0 || strchr("-._~%!$&'()*+,;=", c) == NULL))
                return false;
        }
    }
    if (i == text.len)
        return !port_needed;
    if (text.data[i] != ':')
        return false;
    size_t digits = text.len - ++i;
    if (digits > 5 || (port_needed && digits == 0))
        return false;
    for (; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

bool http1_is_target(struct bytes method, struct bytes target)
{
    for (size_t i = 0; i < target.len; i++)
        if (!http1_target_char(target.data[i]))
            return false;
    if (bytes_is(method, "CONNECT"))
        return target.len != 0 && target.data[0] != ':' && is_authority(target, true);
    if (bytes_is(target, "*"))
        return bytes_is(method, "OPTIONS");
    if (target.len != 0 && target.data[0] == '/')
        return true;
    return (has_prefix(target, "http://") && target.len > 7) || (has_prefix(target, "https://") && target.len > 8);
}

bool http1_header_is(const struct http1_header *h, const char *name)
{
    return h->name.len == strlen(name) && strncasecmp((const char *)h->name.data, name, h->name.len) == 0;
}

struct bytes http1_find(const struct http1_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (http1_header_is(&head->headers[i], name))
            return head->headers[i].value;
    return BYTES_NONE;
}

/* Next item of a comma-separated list, trimmed; items between commas may be empty. False at the end. */
static bool list_next(struct bytes *list, struct bytes *item)
{
    if (list->data == NULL)
        return false;
    const uint8_t *comma = list->len == 0 ? NULL : memchr(list->data, ',', list->len);
    size_t len = comma == NULL ? list->len : (size_t)(comma - list->data);
    *item = BYTES(list->data, len);
    *list = comma == NULL ? BYTES_NONE : BYTES(comma + 1, list->len - len - 1);
    while (item->len != 0 && (item->data[0] == ' ' || item->data[0] == '\t'))
        *item = BYTES(item->data + 1, item->len - 1);
    while (item->len != 0 && (item->data[item->len - 1] == ' ' || item->data[item->len - 1] == '\t'))
        item->len--;
    return true;
}

static bool word_is(struct bytes item, const char *word)
{
    return item.len == strlen(word) && strncasecmp((const char *)item.data, word, item.len) == 0;
}

bool http1_list_has(const struct http1_head *head, const char *name, const char *word)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (!http1_header_is(&head->headers[i], name))
            continue;
        struct bytes list = head->headers[i].value, item;
        while (list_next(&list, &item))
            if (word_is(item, word))
                return true;
    }
    return false;
}

static int refuse(int code, int status, const char *why, int *status_out, const char **why_out)
{
    *status_out = status;
    *why_out = why;
    return code;
}

#define REFUSE(status_, why_) refuse(ERROR_PROTOCOL, (status_), (why_), status, why)

/* Content-Length: digits only, said once. A list of equal values is legal to accept but never needed, and what two
 * parsers may read differently is what smuggling is made of. */
static int read_length(struct bytes value, int64_t *length, int *status, const char **why)
{
    if (value.len == 0)
        return REFUSE(400, "Content-Length is empty");
    int64_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return REFUSE(400, "Content-Length is not a number");
        if (n > (INT64_MAX - 9) / 10)
            return REFUSE(400, "Content-Length is out of range");
        n = n * 10 + (value.data[i] - '0');
    }
    *length = n;
    return 0;
}

/* Transfer-Encoding: only "chunked", once. Another coding is not implemented; one after chunked is against the rules.
 */
static int read_coding(struct bytes value, int *status, const char **why)
{
    struct bytes list = value, item;
    size_t count = 0;
    bool chunked = false, other = false;
    while (list_next(&list, &item)) {
        count++;
        if (item.len == 0)
            return REFUSE(400, "Transfer-Encoding has an empty item");
        if (chunked)
            return REFUSE(400, "chunked is not the last transfer coding");
        if (word_is(item, "chunked"))
            chunked = true;
        else
            other = true;
    }
    if (count == 0)
        return REFUSE(400, "Transfer-Encoding is empty");
    return other ? REFUSE(501, "transfer coding other than chunked") : 0;
}

struct fields {
    int64_t length;
    int lengths, codings, hosts;
    bool upgrade;
};

static int read_fields(struct http1_head *head, struct fields *f, int *status, const char **why)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http1_header *h = &head->headers[i];
        int rc = 0;
        if (http1_header_is(h, "content-length")) {
            if (f->lengths++ != 0)
                return REFUSE(400, "Content-Length is repeated");
            rc = read_length(h->value, &f->length, status, why);
        } else if (http1_header_is(h, "transfer-encoding")) {
            if (f->codings++ != 0)
                return REFUSE(400, "Transfer-Encoding is repeated");
            rc = read_coding(h->value, status, why);
        } else if (http1_header_is(h, "host")) {
            if (f->hosts++ != 0 && !head->response)
                return REFUSE(400, "Host is repeated");
            if (!head->response && !is_authority(h->value, false))
                return REFUSE(400, "Host is not a host and port");
        } else if (http1_header_is(h, "upgrade")) {
            f->upgrade = true;
        }
        if (rc != 0)
            return rc;
    }
    if (f->lengths != 0 && f->codings != 0)
        return REFUSE(400, "Content-Length and Transfer-Encoding together");
    if (f->codings != 0 && head->minor == 0)
        return REFUSE(400, "Transfer-Encoding in HTTP/1.0");
    if (!head->response && head->minor >= 1 && f->hosts == 0)
        return REFUSE(400, "Host is missing");
    return 0;
}

int http1_frame(struct http1_head *head, bool no_body, size_t body_max, enum http1_framing *framing, int *status,
                const char **why)
{
    struct fields f = {0};
    int rc = read_fields(head, &f, status, why);
    if (rc != 0)
        return rc;

    bool close = http1_list_has(head, "connection", "close");
    head->keep_alive = head->minor >= 1 ? !close : !close && http1_list_has(head, "connection", "keep-alive");
    head->upgrade = head->minor >= 1 && f.upgrade && http1_list_has(head, "connection", "upgrade");
    head->expects_continue = !head->response && head->minor >= 1 && http1_list_has(head, "expect", "100-continue");

    *framing = HTTP1_NO_BODY;
    head->length = 0;
    if (head->response && (no_body || head->status / 100 == 1 || head->status == 204 || head->status == 304))
        return 0;
    if (f.codings != 0) {
        *framing = HTTP1_CHUNKED;
        head->length = -1;
    } else if (f.lengths != 0) {
        if ((uint64_t)f.length > body_max)
            return refuse(ERROR_LIMIT, 413, "the body is longer than the limit", status, why);
        *framing = f.length == 0 ? HTTP1_NO_BODY : HTTP1_LENGTH;
        head->length = f.length;
    } else if (head->response) {
        *framing = HTTP1_UNTIL_END;
        head->length = -1;
        head->keep_alive = false;
    }
    return 0;
}
