/* HTTP/1.1, sans-IO: a parser for requests and responses, and writers. RFC 9110 and RFC 9112.
 *
 * The parser is fed bytes and calls back; it enforces limits, understands Content-Length and chunked bodies, refuses
 * what enables request smuggling (both of them at once, repeated lengths, obsolete folding, bare CR, spaces before the
 * colon) and says where the message broke. Pipelined messages come one after another. */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP1_HEAD_MAX        ((size_t)64 << 10) /* start line and headers together; a trailer section by itself */
#define HTTP1_HEADERS_MAX     100                /* header lines */
#define HTTP1_TARGET_MAX      ((size_t)16 << 10) /* bytes of a request target */
#define HTTP1_METHOD_MAX      32                 /* bytes of a method */
#define HTTP1_CHUNK_LINE_MAX  512                /* bytes of a chunk's size line, extensions included */
#define HTTP1_BLANK_LINES_MAX 4                  /* empty lines forgiven before a start line (RFC 9112, 2.2) */

struct http1_header {
    struct bytes name, value; /* name as sent; compare with http1_header_is() */
};
struct http1_head {
    bool response;
    struct bytes method, target; /* request */
    int status;                  /* response */
    struct bytes reason;
    int minor; /* 0 or 1: HTTP/1.x */
    const struct http1_header *headers;
    size_t header_count;
    bool keep_alive, upgrade;
    bool expects_continue; /* Expect: 100-continue */
    int64_t length;        /* body bytes, or -1 when chunked or until the end */
};
struct http1_events {
    void (*head)(void *arg, const struct http1_head *head); /* borrowed for the call */
    void (*body)(void *arg, struct bytes piece);
    void (*complete)(void *arg);
};

struct http1_parser;
int http1_parser_new(bool responses, size_t body_max, const struct http1_events *events, void *arg,
                     struct http1_parser **out);
void http1_parser_free(struct http1_parser *p);
/* ERROR_PROTOCOL or ERROR_LIMIT (then *suggested is the status to answer: 400, 413, 414, 431, 501, 505; 0 in a parser
 * of responses), ERROR_MEMORY. After an error every further call fails the same way. Not to be called from an event. */
int http1_parser_feed(struct http1_parser *p, struct bytes data, int *suggested, struct error *err);
/* The peer ended: completes a response whose body runs to the end; an error in mid-message. */
int http1_parser_end(struct http1_parser *p, struct error *err);
/* Client: the next response has no body (it answers HEAD). */
void http1_parser_no_body(struct http1_parser *p);
/* Called from `complete`: feed returns once it is back, without touching the next message; what it left is given by
 * http1_parser_unread() (borrowed from the data fed), to be fed again later. */
void http1_parser_pause(struct http1_parser *p);
struct bytes http1_parser_unread(const struct http1_parser *p);
/* True between messages: the next byte begins a new one. */
bool http1_parser_idle(const struct http1_parser *p);
/* Called from `head`: stop parsing after it, what follows belongs to another protocol. Unread bytes by *rest. The same
 * happens by itself, without a rest, after a response 101. */
void http1_parser_upgrade(struct http1_parser *p, struct bytes *rest);

bool http1_is_token(struct bytes text);                                   /* a method or header name */
bool http1_is_target(struct bytes method, struct bytes target);           /* in the form that method asks for */
bool http1_header_is(const struct http1_header *h, const char *name);     /* case-insensitive */
struct bytes http1_find(const struct http1_head *head, const char *name); /* data NULL when absent */

void http1_write_request(struct text *out, const char *method, const char *target); /* the start line */
void http1_write_response(struct text *out, int status);                            /* with the standard reason */
/* Refuses (returns false, writes nothing) a name or value that would break the message. */
bool http1_write_header(struct text *out, const char *name, struct bytes value);
bool http1_write_field(struct text *out, struct bytes name, struct bytes value); /* the same, of a name as bytes */
void http1_write_end(struct text *out);                                          /* blank line */
void http1_write_chunk(struct text *out, struct bytes piece);                    /* empty piece: the last chunk */
const char *http1_reason(int status);

/* True when the comma-separated list in all headers of that name holds the word, whatever its case. */
bool http1_list_has(const struct http1_head *head, const char *name, const char *word);

/* Percent-decoding of a path or query part; `plus`: '+' is a space. False on a bad escape. */
bool http1_url_decode(struct bytes in, bool plus, struct text *out);

#endif
