/* gRPC over HTTP/2, sans-IO: bytes in, bytes out, time in. One struct grpc_conn is one HTTP/2 connection, either side,
 * on nghttp2. It never touches a socket or a clock: the owner feeds received bytes, takes bytes to send, and passes
 * the current monotonic time; it asks grpc_conn_wakeup() when time next matters.
 *
 * Specification: gRPC over HTTP2 (PROTOCOL-HTTP2), RFC 9113 (HTTP/2), RFC 7541 (HPACK).
 *
 * Ownership: the connection owns its streams. A stream pointer is valid until its `closed` callback returned; the owner
 * may set its own pointer on it. Callbacks come from inside grpc_conn_receive(), grpc_conn_send() (a stream closes when
 * its last frame goes out) and grpc_conn_free(), and may call any function here except grpc_conn_free() and
 * grpc_conn_receive(); grpc_conn_send() does nothing there. docs/grpc.md has the details. */
#ifndef WIRE_GRPC_H
#define WIRE_GRPC_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};
const char *grpc_status_name(int status); /* "NOT_FOUND"; "CODE_99" style never: unknown numbers give "UNKNOWN" */
bool grpc_status_parse(const char *name, int *status);

/* Metadata: names are lower case; values of names ending in "-bin" are raw bytes here (base64 on the wire). */
struct grpc_header {
    struct bytes name, value;
};
struct grpc_metadata {
    const struct grpc_header *items;
    size_t count;
};
/* First value of that name, or BYTES_NONE with data NULL. */
struct bytes grpc_metadata_get(struct grpc_metadata m, const char *name);

#define GRPC_MESSAGE_MAX_DEFAULT  ((size_t)32 << 20)  /* Micro's limit, both ways */
#define GRPC_METADATA_MAX_DEFAULT ((size_t)64 << 10)  /* all headers of one block */
#define GRPC_STREAMS_MAX_DEFAULT  1000                /* concurrent streams a server allows per connection */
#define GRPC_QUEUE_MAX_DEFAULT    ((size_t)256 << 20) /* answers of one connection that wait to be read */

struct grpc_settings {
    bool server;
    size_t message_max; /* larger messages, compressed or not, end the call with RESOURCE_EXHAUSTED */
    size_t metadata_max;
    uint32_t streams_max;
    /* Server: bytes all streams of the connection may have queued. Above it calls and messages are refused with
     * RESOURCE_EXHAUSTED; above a sixteenth of it every stream that has a queue is busy. */
    size_t queue_max;
    uint32_t window;            /* per stream flow-control window, bytes; 0: 1 MiB */
    uint64_t keepalive_every;   /* ns of silence before a PING; 0: never. A client without calls sends none */
    uint64_t keepalive_timeout; /* ns to wait for its ACK; 0: 20 s */
    uint64_t ping_min;          /* server: PINGs closer than this are strikes, the third ends in GOAWAY; 0: off */
    bool gzip;                  /* offer and accept gzip */
    const char *authority;      /* client: :authority */
    const char *user_agent;     /* client */
    bool tls;                   /* client: :scheme is https */
};
void grpc_settings_init(struct grpc_settings *s, bool server);

struct grpc_conn;
struct grpc_stream;

struct grpc_result {
    int status;                    /* enum grpc_status */
    struct bytes message;          /* percent-decoded UTF-8 */
    struct bytes details;          /* grpc-status-details-bin, decoded: a serialised google.rpc.Status; may be empty */
    struct grpc_metadata trailers; /* without the grpc-* ones (grpc-retry-pushback-ms stays) */
    bool unprocessed; /* client: the server certainly did nothing (REFUSED_STREAM, or above GOAWAY's last stream) */
};

struct grpc_events {
    /* Server: a call began. Everything borrowed. `timeout` ns from grpc-timeout, 0: none. */
    void (*request)(void *arg, struct grpc_stream *s, struct bytes path, struct grpc_metadata metadata,
                    uint64_t timeout);
    /* Client: initial metadata arrived (never for a trailers-only answer). */
    void (*response)(void *arg, struct grpc_stream *s, struct grpc_metadata metadata);
    /* One whole message, decompressed. The flow-control window for it opens when the owner calls
     * grpc_stream_consumed() for its bytes. */
    void (*message)(void *arg, struct grpc_stream *s, struct bytes message, size_t window_cost);
    /* Server: the client will send no more. */
    void (*half_closed)(void *arg, struct grpc_stream *s);
    /* Client: the call ended, with whatever way it did turned into a status. */
    void (*finished)(void *arg, struct grpc_stream *s, const struct grpc_result *result);
    /* Server: the call is dead before we finished it (reset, connection lost). */
    void (*cancelled)(void *arg, struct grpc_stream *s);
    /* The stream is no longer busy: what it had queued fell below the low mark. */
    void (*writable)(void *arg, struct grpc_stream *s);
    /* The stream is gone; the last callback for it. */
    void (*closed)(void *arg, struct grpc_stream *s);
    /* Client: the server is going away; calls already made go on, new ones must use another connection. */
    void (*going_away)(void *arg, uint32_t h2_error, struct bytes debug);
};

int grpc_conn_new(const struct grpc_settings *settings, const struct grpc_events *events, void *arg, uint64_t now,
                  struct grpc_conn **out);
/* Every open stream gets its `cancelled` (server) or `finished` with UNAVAILABLE (client), then `closed`. */
void grpc_conn_free(struct grpc_conn *c);

/* Bytes that came from the peer. An error means the connection is beyond repair: send what is left, then close. */
int grpc_conn_receive(struct grpc_conn *c, struct bytes data, uint64_t now, struct error *err);
/* What there is to send now, appended to `out`, up to about `max` bytes. Returns the number of bytes added. */
size_t grpc_conn_send(struct grpc_conn *c, struct text *out, size_t max);
bool grpc_conn_wants_send(const struct grpc_conn *c);
uint64_t grpc_conn_wakeup(const struct grpc_conn *c);    /* when to tick next, absolute ns; UINT64_MAX: no need */
int grpc_conn_tick(struct grpc_conn *c, uint64_t now);   /* keepalive; ERROR_TIMEOUT: the peer is dead */
void grpc_conn_drain(struct grpc_conn *c);               /* server: two-step GOAWAY; calls in flight finish */
bool grpc_conn_done(const struct grpc_conn *c);          /* nothing more will be said: close it */
const char *grpc_conn_reason(const struct grpc_conn *c); /* why it ended, for people; "" when it did not */
/* Server: since when the client's greeting, a frame or a header block has been here in part only; UINT64_MAX: none is.
 * Who lets half a frame lie for long has the connection for nothing, and no PING can be answered meanwhile. */
uint64_t grpc_conn_half_here(const struct grpc_conn *c);
bool grpc_conn_greeted(const struct grpc_conn *c); /* a whole frame of the peer's came */
size_t grpc_conn_stream_count(const struct grpc_conn *c);
bool grpc_conn_accepts_calls(const struct grpc_conn *c); /* client: not going away, below the peer's stream limit */

/* Client: begin a call. `timeout` ns goes out as grpc-timeout, 0: none. content_type NULL: application/grpc+proto.
 * `path` is "/service/Method". Reserved names in metadata are refused (ERROR_INVALID). */
struct grpc_request {
    struct bytes path;
    struct grpc_metadata metadata;
    uint64_t timeout;
    const char *content_type;
    bool gzip; /* compress what we send */
};
int grpc_conn_request(struct grpc_conn *c, const struct grpc_request *r, void *user, struct grpc_stream **out,
                      struct error *err);

void grpc_stream_set_user(struct grpc_stream *s, void *user);
void *grpc_stream_user(const struct grpc_stream *s);
uint32_t grpc_stream_id(const struct grpc_stream *s);
/* Server: initial metadata; sent with the first message otherwise. */
int grpc_stream_send_headers(struct grpc_stream *s, struct grpc_metadata metadata);
int grpc_stream_send_message(struct grpc_stream *s, struct bytes message); /* copied */
/* Bytes of the stream as they are, without a message's prefix: for who breaks the framing on purpose. */
int grpc_stream_send_raw(struct grpc_stream *s, struct bytes data);
/* Server: the end of the stream without the trailers that gRPC demands: for who breaks the protocol on purpose. */
int grpc_stream_end_bare(struct grpc_stream *s);
int grpc_stream_half_close(struct grpc_stream *s); /* client */
/* Server: the end, with trailers. Trailers-only when nothing was sent. Messages queued go first. */
int grpc_stream_finish(struct grpc_stream *s, int status, struct bytes message, struct bytes details,
                       struct grpc_metadata trailers);
void grpc_stream_reset(struct grpc_stream *s, uint32_t h2_error); /* RST_STREAM; 8 is CANCEL */
void grpc_stream_consumed(struct grpc_stream *s, size_t window_cost);
size_t grpc_stream_queued(const struct grpc_stream *s); /* bytes waiting for window or for the connection */
/* The last thing said took the queue, or the connection's, above its high mark: `writable` will come. */
bool grpc_stream_busy(const struct grpc_stream *s);
struct bytes grpc_stream_content_type(const struct grpc_stream *s); /* server: the request's */
bool grpc_stream_peer_gzip(const struct grpc_stream *s);            /* server: the request was compressed */
void grpc_stream_set_gzip(struct grpc_stream *s, bool on);          /* compress what we send from here */

#define GRPC_WRITE_HIGH ((size_t)256 << 10)
#define GRPC_WRITE_LOW  ((size_t)64 << 10)

/* Wire syntax shared with others: grpc-timeout ("250m" = 250 ms), percent-encoding of grpc-message, base64 of -bin. */
int grpc_timeout_parse(struct bytes text, uint64_t *ns);
size_t grpc_timeout_format(uint64_t ns, char out[16]);
void grpc_percent_encode(struct bytes message, struct text *out);
void grpc_percent_decode(struct bytes encoded, struct text *out);

#endif
