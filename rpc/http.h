/* HTTP/1.1 servers and a small client on a world. The server is what the API gateway stands on; the client is for the
 * simulated world and for plain requests (libcurl, in e2e/, is the full one for the real world).
 *
 * A handler answers an exchange now or later, whole or in chunks; the exchange stays valid until http_finish() or
 * http_respond(). When the client goes away `cancelled` is called and the handler still finishes it. */
#ifndef RPC_HTTP_H
#define RPC_HTTP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "wire/http1.h"
#include "wire/tls.h"
#include "world/world.h"

struct http_server;
struct http_exchange;

struct http_server_options {
    size_t body_max;          /* 0: 32 MiB; above: 413 */
    uint64_t head_timeout;    /* ns for a whole head to arrive (slow-loris); 0: 10 s */
    uint64_t body_timeout;    /* ns: a body must bring HTTP_BODY_RATE_MIN bytes a second over each; 0: 30 s */
    uint64_t idle_timeout;    /* ns between requests of a connection; 0: 60 s */
    uint32_t connections_max; /* 0: 10,000; above: 503, or cut */
    struct tls_context *tls;
    /* What the server refuses by itself, before or instead of the handler (400, 408, 413, 414, 431, 501, 503, 505):
     * the body's type and text. `why` may be "". Both or none; none: "413 Content Too Large: why" as text/plain. */
    const char *refusal_type;
    void (*refusal)(int status, const char *why, struct text *body);
};
int http_server_new(struct world *w, const struct http_server_options *options,
                    void (*handle)(void *arg, struct http_exchange *x), void *arg, struct http_server **out,
                    struct error *err);
int http_server_listen(struct http_server *s, const char *address, struct error *err);
int http_server_port(const struct http_server *s);
/* Nothing new is accepted, kept-alive connections end with their answer (idle ones at once), protocols that have taken
 * over are told; what is left after `grace` ns is cut. `done` comes from the loop once nothing is left and may free
 * the server. */
void http_server_drain(struct http_server *s, uint64_t grace, void (*done)(void *arg), void *arg);
bool http_server_draining(const struct http_server *s);
/* At once; exchanges in the hands of a handler are cancelled, and still finished by it. Not from inside a handler. */
void http_server_free(struct http_server *s);

struct world *http_world(const struct http_exchange *x);
struct arena *http_arena(struct http_exchange *x);
const struct http1_head *http_head(const struct http_exchange *x); /* borrowed until finished */
const char *http_method(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);  /* percent-decoded, without the query */
const char *http_query(const struct http_exchange *x); /* raw, "" when absent */
const char *http_request_header(const struct http_exchange *x, const char *name); /* C string or NULL */
struct bytes http_body(const struct http_exchange *x);
const char *http_peer(const struct http_exchange *x);
void http_on_cancel(struct http_exchange *x, void (*cancelled)(void *arg), void *arg);
bool http_gone(const struct http_exchange *x); /* the client went away */
/* Back-pressure for long answers: bytes written but not yet taken by the system. Above WORLD_WRITE_HIGH a handler
 * should pause; `drained` tells when to go on. Beyond HTTP_QUEUE_MAX the connection is cut. */
#define HTTP_QUEUE_MAX ((size_t)64 << 20)
size_t http_queued(const struct http_exchange *x);
void http_on_drained(struct http_exchange *x, void (*drained)(void *arg), void *arg);
/* Once, when the exchange ends however it ends, just before it is freed: `status` is what was answered (101: upgraded),
 * 0 when the client went away before that. */
void http_on_end(struct http_exchange *x, void (*ended)(void *arg, int status), void *arg);
void http_set_user(struct http_exchange *x, void *user);
void *http_user(const struct http_exchange *x);

void http_add_header(struct http_exchange *x, const char *name, const char *value); /* before the answer begins */
void http_respond(struct http_exchange *x, int status, const char *content_type, struct bytes body); /* and finish */
/* Streaming: begin, any number of chunks, finish. */
void http_begin(struct http_exchange *x, int status, const char *content_type);
void http_write(struct http_exchange *x, struct bytes piece);
void http_finish(struct http_exchange *x);
/* Instead of http_finish(), when the answer cannot be made whole: the connection is reset, so that nobody takes what
 * was written for all of it, not even of an HTTP/1.0 answer, which ends where its connection does. */
void http_abort(struct http_exchange *x);

/* ---- another protocol on the same connection (RFC 9110, 7.8) ---- */
struct http_raw; /* the user's, until http_raw_close() */
struct http_raw_events {
    void (*readable)(void *arg, struct bytes data);
    void (*drained)(void *arg);  /* as http_on_drained(); may be NULL */
    void (*draining)(void *arg); /* the server ends before long; may be NULL */
    void (*ended)(void *arg);    /* the connection is gone: only http_raw_close() is of use */
};
/* Answers 101 with the headers added so far and finishes the exchange; what the client sends from here on, and what it
 * sent already, goes to `events`, the first of it from the loop. Non-zero: nothing happened, the exchange is still to
 * be answered: ERROR_CLOSED when the client went away, ERROR_PROTOCOL when it asked for no upgrade, ERROR_MEMORY. */
int http_upgrade(struct http_exchange *x, const char *protocol, const struct http_raw_events *events, void *arg,
                 struct http_raw **out);
/* Whom to tell from now on; for a raw connection that came without (http_fetch.upgraded). */
void http_raw_listen(struct http_raw *r, const struct http_raw_events *events, void *arg);
int http_raw_write(struct http_raw *r, struct bytes data); /* ERROR_CLOSED once it is gone; ERROR_LIMIT, ERROR_MEMORY */
size_t http_raw_queued(const struct http_raw *r);
void http_raw_pause(struct http_raw *r);
void http_raw_resume(struct http_raw *r);
void http_raw_close(struct http_raw *r); /* what was written is still sent; NULL is fine */

/* ---- client ---- */
struct http_answer;
struct http_pool;
struct http_fetch {
    const char *method, *url; /* "http://127.0.0.1:8080/store/read?key=a" */
    struct tls_context *tls;  /* for https:// */
    const struct http1_header *headers;
    size_t header_count;
    struct bytes body;
    uint64_t timeout; /* ns; 0: 30 s */
    /* Where connections without TLS are taken from, and left for the next request to the same host; it must outlive the
     * call. NULL: one connection each. */
    struct http_pool *pool;
    /* Both or none: the answer as it comes, with the `arg` of http_fetch_start(). Then the answer given to `done` has
     * no body, and the time limit is for the head. */
    void (*head)(void *arg, const struct http1_head *head); /* the final answer's; borrowed for the call */
    void (*piece)(void *arg, struct bytes piece);
    /* Both or none: the protocol the connection is to become (Upgrade), and who gets it when the server answers 101.
     * Then `done` is not called, the call is over, and http_raw_listen() or http_raw_close() must come before
     * `upgraded` returns. The answer is borrowed for the call. Any other answer goes the usual ways. */
    const char *upgrade;
    void (*upgraded)(void *arg, const struct http_answer *answer, struct http_raw *raw);
};
struct http_answer {
    int status; /* 0: no answer, see the error */
    const struct http1_header *headers;
    size_t header_count;
    struct bytes body;
    struct arena arena;
    uint64_t duration;
};
#define HTTP_ANSWER_MAX ((size_t)64 << 20) /* bytes of an answer's body */
/* Starts a request; `done` is called once, from the loop, with the answer or (status 0) with why there is none. The
 * answer is the callee's to keep: http_answer_deinit(). *out may be NULL; it serves to cancel. */
struct http_client_call;
int http_fetch_start(struct world *w, const struct http_fetch *fetch,
                     void (*done)(void *arg, struct http_answer *answer, struct error *err), void *arg,
                     struct http_client_call **out, struct error *err);
void http_fetch_pause(struct http_client_call *call); /* back-pressure for the server, with `piece` */
void http_fetch_resume(struct http_client_call *call);
void http_fetch_cancel(struct http_client_call *call); /* `done` is not called any more; NULL is fine */
/* For outermost programs: fetch and wait by running the loop. */
int http_fetch_wait(struct world *w, const struct http_fetch *fetch, struct http_answer *out, struct error *err);
void http_answer_deinit(struct http_answer *a);

/* Connections kept between requests, HTTP_POOL_MAX at most. One that the server has closed meanwhile, unseen, is made
 * anew and the request sent again, as long as nothing of an answer has come. */
#define HTTP_POOL_MAX 64
int http_pool_new(struct http_pool **out, struct error *err);
void http_pool_free(struct http_pool *p); /* closes them; NULL is fine */

#endif
