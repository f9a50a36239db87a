/* What the parts of the HTTP server share. A connection owns its stream, parser and the exchange being read or
 * answered (one at a time: pipelined requests wait in `pending`); an exchange that was handed to the handler and lost
 * its connection lives on until the handler finishes it.
 *
 *   http_server.c      listening, the limit on connections, draining
 *   http_connection.c  a connection's life, its time limits, reading requests
 *   http_exchange.c    what a handler sees of a request, and its answer
 *   http_upgrade.c     a connection handed to another protocol
 *   http_client_request.c  what the client sends
 *   http_client.c          the client's connection and answer
 *   http_pool.c            connections kept between requests */
#ifndef RPC_HTTP_INTERNAL_H
#define RPC_HTTP_INTERNAL_H

#include "rpc/http.h"

#define HTTP_BODY_MAX_DEFAULT        ((size_t)32 << 20)
#define HTTP_HEAD_TIMEOUT_DEFAULT    (UINT64_C(10) * 1000000000) /* ns */
#define HTTP_BODY_TIMEOUT_DEFAULT    (UINT64_C(30) * 1000000000)
#define HTTP_BODY_RATE_MIN           1024 /* bytes a second a body must bring, over each such time */
#define HTTP_IDLE_TIMEOUT_DEFAULT    (UINT64_C(60) * 1000000000)
#define HTTP_LINGER                  (UINT64_C(1) * 1000000000) /* ns to swallow what a peer still sends at the end */
#define HTTP_CONNECTIONS_MAX_DEFAULT 10000
#define HTTP_CONNECTIONS_SPARE       64                 /* above connections_max: those that are being told 503 */
#define HTTP_PENDING_MAX             ((size_t)64 << 10) /* bytes of pipelined requests kept before reading stops */
#define HTTP_FLUSH_AT                ((size_t)64 << 10) /* bytes gathered before a write goes out at once */
#define HTTP_BODY_RESERVE_MAX        ((size_t)64 << 10) /* memory taken on the word of a Content-Length alone */
#define HTTP_LISTENERS_MAX           8

enum http_wait { HTTP_WAIT_NOTHING, HTTP_WAIT_REQUEST, HTTP_WAIT_HEAD, HTTP_WAIT_BODY, HTTP_WAIT_LINGER };

struct http_connection {
    struct http_server *server;
    struct http_connection *previous, *next;
    struct world_stream *stream;
    struct tls_session *tls; /* NULL: plaintext */
    struct http1_parser *parser;
    struct http_exchange *exchange; /* being read or being answered; NULL: none */
    struct http_raw *raw;           /* another protocol has taken over; NULL: HTTP */
    struct text out, cipher, plain, pending;
    struct world_task task; /* flush, then go on with what is pending */
    struct world_timer timer;
    enum http_wait waiting;
    uint64_t requests, waiting_requests; /* heads seen; the same when the timer was last armed */
    size_t queued_before;                /* at the last idle alarm: a slow reader is not an idle one */
    size_t body_before;                  /* bytes of the body when the timer was last armed */
    int refuse;                          /* status to refuse with once the parser has returned; 0: none */
    bool reading;                        /* the stream is not paused */
    bool high;                           /* more was queued than a writer should; who waits for less is to be told */
    bool last;                           /* nothing more is read as a request */
    bool lingering, dead;
    bool cut; /* dead, and the peer is to see a reset: an HTTP/1.0 answer ends with its connection */
};

struct http_server {
    struct world *world;
    struct http_server_options options;
    void (*handle)(void *arg, struct http_exchange *x);
    void *arg;
    struct world_listener *listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    struct http_connection *connections;
    uint32_t connection_count;
    bool draining;
    struct world_timer drain_timer;
    struct world_task drained_task;
    void (*drained)(void *arg);
    void *drained_arg;
    bool told_full; /* the log knows that connections are turned away */
    int64_t date_second;
    char date[80];
};

struct http_exchange {
    struct http_connection *connection; /* NULL once it is gone */
    struct world *world;
    struct arena arena;
    struct http1_head head;
    const char *method, *path, *query, *peer;
    struct text body, headers; /* the request's body; the answer's extra header lines */
    void *user;
    void (*cancelled)(void *arg);
    void *cancelled_arg;
    void (*drained)(void *arg);
    void *drained_arg;
    void (*ended)(void *arg, int status);
    void *ended_arg;
    int status;    /* of the answer; 0: none has begun */
    bool handed;   /* the handler has it */
    bool begun;    /* the answer's head is written */
    bool chunked;  /* the answer's body is */
    bool bodiless; /* the answer has no body whatever is written */
    bool close;    /* the connection ends with this answer */
    bool dated;    /* its headers have the time of whoever made it: a message has one (RFC 9110, 6.6.1) */
};

/* Of a server's connection or of a client's; both NULL once it is gone. */
struct http_raw {
    struct http_connection *connection;
    struct http_client_call *call;
    struct http_raw_events events;
    void *arg;
    bool paused;
};

/* From a head; NULL: no memory. *refuse is set to a status when the request cannot be served. */
struct http_exchange *http_exchange_new(struct http_connection *c, const struct http1_head *head, int *refuse);
void http_exchange_free(struct http_exchange *x);

/* Takes the stream over and puts the connection into the server's list; NULL: no memory, the stream is still the
 * caller's. */
struct http_connection *http_connection_new(struct http_server *s, struct world_stream *stream);
void http_connection_free(struct http_connection *c);
void http_connection_refuse(struct http_connection *c, int status, const char *why);

/* The connection's side of an answer. */
void http_connection_written(struct http_connection *c);          /* something was added to `out` */
void http_connection_done(struct http_connection *c, bool close); /* the exchange is answered and freed */
const char *http_server_date(struct http_server *s);

/* The client's side of http_raw_...(). */
int http_client_raw_write(struct http_client_call *c, struct bytes data);
size_t http_client_raw_queued(const struct http_client_call *c);
void http_client_raw_close(struct http_client_call *c);

struct http_url {
    bool secure;
    struct bytes authority; /* for Host; borrowed */
    struct text host;       /* without its port */
    struct text address;    /* for connecting */
    struct text target;
};
/* http_pool.c: a connection to the address, NULL when none is kept; and one given to be kept, or closed. */
struct world_stream *http_pool_take(struct http_pool *p, const char *address);
void http_pool_keep(struct http_pool *p, const char *address, struct world_stream *stream);

/* To be let go of in any case. */
int http_url_parse(const char *text, struct http_url *u, struct error *err);
void http_url_deinit(struct http_url *u);
int http_request_write(struct text *out, const struct http_fetch *fetch, const struct http_url *u, struct error *err);

#endif
