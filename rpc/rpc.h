/* RPC: servers and channels. wire/grpc joined to a world, with deadlines, cancellation, retries, load balancing.
 *
 * One thread, one loop, callbacks. A handler answers its call now or later; the call handle stays valid until
 * rpc_call_finish() (or rpc_call_reply / rpc_call_fail, which finish), whatever the client does meanwhile. After the
 * client is gone (`cancelled`) sending is a no-op, but the handler still finishes the call to release it. */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/grpc.h"
#include "wire/pb.h"
#include "wire/tls.h"
#include "world/world.h"

#include <stdbool.h>
#include <stdint.h>

/* ================================================================================================ server */

struct rpc_server;
struct rpc_call;

/* How calls of one path prefix or one method are answered, in bytes. Every callback may be NULL but `open`. */
struct rpc_handler {
    void (*open)(struct rpc_call *call, void *service);                          /* metadata is in */
    void (*message)(struct rpc_call *call, struct bytes message, void *service); /* borrowed */
    void (*half_closed)(struct rpc_call *call, void *service);
    void (*cancelled)(struct rpc_call *call, void *service); /* deadline passed, reset, connection lost */
    void (*writable)(struct rpc_call *call, void *service);  /* queue drained after rpc_call_busy() was true */
};

/* The same for typed messages of protobuf-c. A method that takes one request sets `unary` (unary and server
 * streaming): called once, with the request. A method that takes a stream sets `open`, `message`, `half_closed`.
 * Requests are unpacked into the call's arena after pb_scan; a bad one ends the call with INVALID_ARGUMENT (the
 * content type application/grpc+json is understood as well when the server was given a pool). When the messages behind
 * the first one of a stream are of another type, which no contract can say, `later` names it. */
struct rpc_method {
    const char *name; /* "Read" */
    const ProtobufCMessageDescriptor *input, *output;
    const ProtobufCMessageDescriptor *later; /* NULL: all messages are of `input` */
    void (*unary)(struct rpc_call *call, const ProtobufCMessage *request, void *service);
    void (*open)(struct rpc_call *call, void *service);
    void (*message)(struct rpc_call *call, const ProtobufCMessage *message, void *service);
    void (*half_closed)(struct rpc_call *call, void *service);
    void (*cancelled)(struct rpc_call *call, void *service);
    void (*writable)(struct rpc_call *call, void *service);
};
struct rpc_service {
    const char *name; /* "store.Store": full proto name */
    const struct rpc_method *methods;
    size_t method_count;
};

struct rpc_server_options {
    const struct pb_pool *pool; /* for JSON and reflection; may be NULL */
    /* Or: asked for the pool when JSON or reflection first needs one, since a pool is large and most servers never do.
     * Asked again as long as it gives NULL. */
    const struct pb_pool *(*make_pool)(void *arg);
    void *make_pool_arg;
    bool listed_only;         /* reflection tells of what was added alone, although there is a fallback */
    bool package_free;        /* Micro's routing: any prefix before the last dotted part of the service is fine */
    size_t message_max;       /* 0: GRPC_MESSAGE_MAX_DEFAULT */
    uint32_t streams_max;     /* per connection; 0: GRPC_STREAMS_MAX_DEFAULT */
    uint32_t connections_max; /* 0: 10,000 */
    uint64_t keepalive_every, keepalive_timeout, ping_min; /* as in wire/grpc.h */
    uint64_t deadline_max;   /* a call without a deadline, or with a longer one, gets this; 0: none */
    struct tls_context *tls; /* NULL: plaintext HTTP/2 */
};

int rpc_server_new(struct world *w, const struct rpc_server_options *options, struct rpc_server **out,
                   struct error *err);
int rpc_server_add(struct rpc_server *s, const struct rpc_service *service, void *context);
/* Everything no added service answers. Without one: UNIMPLEMENTED "unknown service X" / "unknown method Y". */
void rpc_server_set_fallback(struct rpc_server *s, const struct rpc_handler *handler, void *context);
/* With package_free: only whole names are matched all the same, for a server whose fallback answers for others. */
void rpc_server_set_whole_names(struct rpc_server *s);
/* Runs before every call is dispatched; false: it has finished the call. */
void rpc_server_set_guard(struct rpc_server *s, bool (*guard)(struct rpc_call *call, void *context), void *context);
/* Hears of every call that ended: for statistics. `duration` ns. */
void rpc_server_set_observer(struct rpc_server *s,
                             void (*observe)(void *context, const struct rpc_call *call, int status, uint64_t duration),
                             void *context);
int rpc_server_add_health(struct rpc_server *s); /* grpc.health.v1.Health, Check and Watch; "" is the server */
void rpc_server_set_health(struct rpc_server *s, const char *service, bool serving);
int rpc_server_add_reflection(struct rpc_server *s);                                 /* v1 and v1alpha, from the pool */
int rpc_server_listen(struct rpc_server *s, const char *address, struct error *err); /* may be called for several */
int rpc_server_port(const struct rpc_server *s);                                     /* of the first */
struct world *rpc_server_world(const struct rpc_server *s);
size_t rpc_server_calls(const struct rpc_server *s); /* in flight */
/* Every call in flight, once; `each` may end it, and others. */
void rpc_server_each_call(struct rpc_server *s, void (*each)(void *arg, struct rpc_call *call), void *arg);
/* The call one of whose handlers is on the stack (the innermost), NULL outside of handlers. */
struct rpc_call *rpc_server_current(const struct rpc_server *s);
/* Accept nothing new, let calls in flight finish for up to `grace` ns, then end the rest with UNAVAILABLE; `done` once
 * nothing is left. */
void rpc_server_drain(struct rpc_server *s, uint64_t grace, void (*done)(void *arg), void *arg);
void rpc_server_free(struct rpc_server *s); /* at once; calls in flight are cancelled */

/* ---- the server's side of a call ---- */

struct world *rpc_call_world(const struct rpc_call *c);
struct arena *rpc_call_arena(struct rpc_call *c);       /* dies with the call */
const char *rpc_call_path(const struct rpc_call *c);    /* "/store.Store/Read" */
const char *rpc_call_service(const struct rpc_call *c); /* "store.Store" */
const char *rpc_call_method(const struct rpc_call *c);  /* "Read" */
const char *rpc_call_peer(const struct rpc_call *c);
struct grpc_metadata rpc_call_metadata(const struct rpc_call *c);
const char *rpc_call_header(const struct rpc_call *c, const char *name); /* C string, or NULL */
uint64_t rpc_call_deadline(const struct rpc_call *c);                    /* absolute ns; UINT64_MAX: none */
bool rpc_call_cancelled(const struct rpc_call *c);
bool rpc_call_json(const struct rpc_call *c);                 /* the client speaks application/grpc+json */
struct bytes rpc_call_content_type(const struct rpc_call *c); /* the request's, while the client is there; or none */
bool rpc_call_gzip(const struct rpc_call *c);                 /* the client compresses its messages */
void rpc_call_set_user(struct rpc_call *c, void *user);
void *rpc_call_user(const struct rpc_call *c);
/* The method it was routed to; NULL: none of an added service. */
const struct rpc_method *rpc_call_route(const struct rpc_call *c);
/* Ends it against its handler's will: the client gets the status, the handler hears `cancelled`. */
void rpc_call_abort(struct rpc_call *c, int status, const char *message);
/* A second place, for what the guard found out about the call; the handler's own is the one above. */
void rpc_call_set_guard_data(struct rpc_call *c, void *data);
void *rpc_call_guard_data(const struct rpc_call *c);

/* Before the first message. ERROR_INVALID, and it is not sent, when the value is none: printable ASCII without blanks
 * at its ends, but for names ending in "-bin". The same for trailers. */
int rpc_call_send_header(struct rpc_call *c, const char *name, struct bytes value);
int rpc_call_send_headers(struct rpc_call *c); /* now, not with the first message */
/* The headers now, rather than with the first message: tells a client that its stream stands. */
int rpc_call_flush_headers(struct rpc_call *c);
int rpc_call_add_trailer(struct rpc_call *c, const char *name, struct bytes value);
int rpc_call_send(struct rpc_call *c, const ProtobufCMessage *message);
int rpc_call_send_bytes(struct rpc_call *c, struct bytes message);
bool rpc_call_busy(const struct rpc_call *c); /* the client reads slower than we write: wait for `writable` */
/* Bytes sent that have not left this process; once the call is cancelled, those that never will. */
size_t rpc_call_queued(const struct rpc_call *c);
void rpc_call_pause(struct rpc_call *c); /* take no more messages: back-pressure for the client */
void rpc_call_resume(struct rpc_call *c);
void rpc_call_finish(struct rpc_call *c, int status, const char *message);
void rpc_call_finish_details(struct rpc_call *c, int status, struct bytes message, struct bytes details);
/* For who breaks off on purpose, in place of the finish: RST_STREAM (INTERNAL_ERROR), or the end of the connection with
 * every call on it. What was sent and has not left (rpc_call_queued) may be lost. */
void rpc_call_reset(struct rpc_call *c);
void rpc_call_disconnect(struct rpc_call *c);
void rpc_call_reply(struct rpc_call *c, const ProtobufCMessage *message); /* send, then finish with OK */
void rpc_call_fail(struct rpc_call *c, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ================================================================================================ client */

struct rpc_channel;

struct rpc_retry {
    int attempts;                        /* in all, the first included; 0 or 1: none */
    uint64_t backoff_first, backoff_max; /* ns; doubles, with full jitter from the world's random; 0: 100 ms, 5 s */
    uint32_t statuses; /* bit per status that may be retried although the server saw the call; 0: none.
                          A call the server never saw (refused, GOAWAY above it) is always retried. */
};

struct rpc_channel_options {
    const char *addresses; /* "127.0.0.1:8002,127.0.0.1:9002": round robin over those that answer */
    /* Or: asked before a call when `addresses` is NULL; appends addresses separated by commas. */
    int (*resolve)(void *arg, struct text *addresses);
    void *resolve_arg;
    const char *authority; /* NULL: the address, "localhost" for a unix: one */
    size_t message_max;
    uint64_t connect_timeout;                /* 0: 5 s */
    uint64_t reconnect_first, reconnect_max; /* back-off between attempts; 0: 50 ms, 5 s */
    uint64_t keepalive_every, keepalive_timeout;
    struct rpc_retry retry; /* for calls that give none */
    struct tls_context *tls;
    const char *user_agent;
};

int rpc_channel_new(struct world *w, const struct rpc_channel_options *options, struct rpc_channel **out,
                    struct error *err);
/* Calls in flight finish with CANCELLED before it returns. */
void rpc_channel_free(struct rpc_channel *c);
void rpc_channel_set_addresses(struct rpc_channel *c, const char *addresses); /* keeps connections still wanted */
bool rpc_channel_connected(const struct rpc_channel *c);
/* The last attempt to connect to the address failed, and there is no connection. NULL: to any of its addresses. */
bool rpc_channel_failing(const struct rpc_channel *c, const char *address);
/* Why the last attempt to connect failed (ERROR_REFUSED, ERROR_PROTOCOL, ...); 0: none did. */
int rpc_channel_failure(const struct rpc_channel *c);
/* Connections that failed are tried at once with the next call: for who asks at a pace of his own. */
void rpc_channel_reset_backoff(struct rpc_channel *c);

struct rpc_request {
    const char *path;              /* "/store.Store/Read" */
    struct grpc_metadata metadata; /* copied */
    uint64_t timeout;              /* ns from now; 0: none */
    const char *content_type;      /* NULL: application/grpc+proto */
    bool gzip;
    bool wait_for_ready;           /* false: UNAVAILABLE at once when no connection can be made */
    const struct rpc_retry *retry; /* NULL: the channel's */
    struct bytes message;          /* unary and server streaming: the request (has_message) */
    bool has_message;              /* sent and half-closed at once */
};

/* What came back. Borrowed for the callback. */
struct rpc_reply {
    int status;
    struct bytes message; /* status text */
    struct bytes details; /* serialised google.rpc.Status */
    struct grpc_metadata headers, trailers;
    struct bytes body; /* unary: the response message; data NULL when none came */
    const char *peer;  /* address that answered, or "" */
    int attempts;
    uint64_t duration; /* ns */
    bool lost;         /* no server said this status: no connection could be made, or it was lost before the end */
    bool unseen;       /* and certainly no server saw the call: it may be made again elsewhere, whatever it does */
};

struct rpc_stream; /* the client's side of a call */
struct rpc_stream_events {
    void (*headers)(void *arg, struct grpc_metadata headers);
    void (*message)(void *arg, struct bytes message);
    void (*writable)(void *arg);
    void (*finished)(void *arg, const struct rpc_reply *reply); /* last; the stream is freed when it returns */
};
int rpc_stream_open(struct rpc_channel *c, const struct rpc_request *request, const struct rpc_stream_events *events,
                    void *arg, struct rpc_stream **out, struct error *err);
int rpc_stream_send(struct rpc_stream *s, struct bytes message); /* copied */
/* Bytes of the request as they are, without a message's prefix: for who breaks the framing on purpose. */
int rpc_stream_send_raw(struct rpc_stream *s, struct bytes data);
int rpc_stream_half_close(struct rpc_stream *s);
void rpc_stream_cancel(struct rpc_stream *s); /* `finished` with CANCELLED follows from the loop */
bool rpc_stream_busy(const struct rpc_stream *s);
void rpc_stream_pause(struct rpc_stream *s);
void rpc_stream_resume(struct rpc_stream *s);

/* One request, one answer. `done` is called exactly once, from the loop. *out may be NULL; it serves to cancel. */
int rpc_unary(struct rpc_channel *c, const struct rpc_request *request,
              void (*done)(void *arg, const struct rpc_reply *reply), void *arg, struct rpc_stream **out,
              struct error *err);

/* For outermost programs: call and wait by running the loop. The answer is owned by `out`. */
struct rpc_answer {
    struct rpc_reply reply; /* points into the storage below */
    struct arena arena;
};
int rpc_unary_wait(struct world *w, struct rpc_channel *c, const struct rpc_request *request, struct rpc_answer *out,
                   struct error *err);
void rpc_answer_deinit(struct rpc_answer *a);

/* Waits until the server at `address` says SERVING for `service` ("" for all), polling with back-off. */
int rpc_wait_ready(struct world *w, struct rpc_channel *c, const char *service, uint64_t timeout, struct error *err);

#endif
