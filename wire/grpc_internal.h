/* What the files of the gRPC engine share. Not for other folders.
 *
 *   grpc_syntax.c    wire syntax: timeouts, percent-encoding, names of statuses
 *   grpc_metadata.c  header blocks: received ones collected and sorted, outgoing ones checked
 *   grpc_block.c     outgoing ones encoded and framed, in the place of nghttp2's
 *   grpc_gzip.c      one message in, one message out
 *   grpc_session.c   nghttp2's callbacks and memory
 *   grpc_watch.c     a client's frames, before nghttp2 has them
 *   grpc_message.c   length-prefixed messages out of DATA frames, window accounting
 *   grpc_server.c    a request's checks, the ways a call is refused
 *   grpc_client.c    beginning a call; everything that ends one, turned into a status
 *   grpc_stream.c    what the owner says on a stream; the queue DATA frames are cut from
 *   grpc_conn.c      life of the connection, keepalive, drain
 *
 * nghttp2 never closes a stream from inside a submit function, only from inside mem_recv and mem_send. So a stream
 * pointer stays valid through any callback of the owner, whatever the owner says there. */
#ifndef WIRE_GRPC_INTERNAL_H
#define WIRE_GRPC_INTERNAL_H

#include "base/array.h"
#include "base/base64.h"
#include "wire/grpc.h"
#include "wire/hpack.h"

#include <nghttp2/nghttp2.h>

#define GRPC_PREFIX_SIZE       5                     /* bytes: compressed flag and length */
#define GRPC_FRAME_HEAD        9                     /* bytes: RFC 9113, section 4.1 */
#define GRPC_CONTENT_TYPE_MAX  127                   /* bytes of a content-type we keep */
#define GRPC_STATUS_TEXT_MAX   ((size_t)8 << 10)     /* bytes of a status message we send; longer ones are cut */
#define GRPC_BUFFER_KEEP       ((size_t)64 << 10)    /* a stream's or connection's buffer above this is not kept idle */
#define GRPC_STREAMS_KEEP      256                   /* idle stream structs kept for reuse */
#define GRPC_WINDOW_DEFAULT    ((uint32_t)1 << 20)   /* bytes */
#define GRPC_WINDOW_CONNECTION ((int32_t)16 << 20)   /* bytes; consumed at once, so it bounds nothing but bursts */
#define GRPC_KEEPALIVE_TIMEOUT UINT64_C(20000000000) /* ns */
#define GRPC_PING_STRIKES      3
#define GRPC_RESET_BURST       2000 /* streams a client may reset at once ... */
#define GRPC_RESET_RATE        1000 /* ... and per second after that */
#define GRPC_PREFACE_SHOWN     64   /* bytes of a wrong preface quoted in the error */
#define GRPC_STREAMS_ASSUMED   100  /* concurrent streams before the peer's SETTINGS came */
#define GRPC_CONTINUATIONS_MAX 8    /* pieces a header block may have beside its first */
#define GRPC_BOMB_FACTOR       4  /* times metadata_max: a block beyond that is no longer looked at, its stream reset */
#define GRPC_CROWDED_PART      16 /* part of queue_max from which on every stream with a queue is busy */
#define GRPC_FORGIVEN          64 /* ended streams remembered on which the client may still send */
#define GRPC_SKIPS             4  /* runs of streams remembered that the client skipped */

/* ---- syntax ---- */
bool grpc_name_is_binary(struct bytes name);
/* True when `name` may be sent by the owner of a call; a header gRPC itself writes may not. */
bool grpc_name_allowed(struct bytes name);

/* ---- header blocks ---- */
enum grpc_known {
    GRPC_KNOWN_METHOD,
    GRPC_KNOWN_PATH,
    GRPC_KNOWN_HTTP_STATUS,
    GRPC_KNOWN_CONTENT_TYPE,
    GRPC_KNOWN_TIMEOUT,
    GRPC_KNOWN_ENCODING,
    GRPC_KNOWN_ACCEPT_ENCODING,
    GRPC_KNOWN_STATUS,
    GRPC_KNOWN_MESSAGE,
    GRPC_KNOWN_DETAILS,
    GRPC_KNOWN_COUNT,
};

struct grpc_span {
    size_t at, len; /* into the block's text */
    bool present;
};

struct grpc_block_entry {
    struct grpc_span name, value;
};

/* The block being received. HTTP/2 never interleaves two, so a connection has one and reuses its memory. */
struct grpc_block {
    struct text text;
    ARRAY(struct grpc_block_entry) entries;
    ARRAY(struct grpc_header) headers;
    struct grpc_span known[GRPC_KNOWN_COUNT];
    size_t size; /* as HPACK counts: name + value + 32 each */
    bool too_large, failed;
};
void grpc_block_start(struct grpc_block *b);
void grpc_block_add(struct grpc_block *b, struct bytes name, struct bytes value, size_t size_max);
bool grpc_block_has(const struct grpc_block *b, enum grpc_known which);
struct bytes grpc_block_get(const struct grpc_block *b, enum grpc_known which);
/* Decodes -bin values; ERROR_SYNTAX with *bad_name set, or ERROR_MEMORY. */
int grpc_block_metadata(struct grpc_block *b, struct grpc_metadata *out, struct bytes *bad_name);
void grpc_block_deinit(struct grpc_block *b);

/* Outgoing headers, which wait for their turn: records of two lengths, name, value. */
int grpc_records_add(struct text *records, struct bytes name, struct bytes value);
/* Checks names, values and total size. `offender` (may be NULL) gets the name that was refused. */
int grpc_records_add_metadata(struct text *records, struct grpc_metadata m, size_t size_max, struct bytes *offender);

/* Writes the stream's next block, framed, to c->sending: a request; a response, with its trailers when the stream ends
 * there; trailers. After a failure the connection is of no more use. */
int grpc_block_send(struct grpc_stream *s, bool end_stream);

/* ---- gzip ---- */
struct grpc_gzip;
/* Makes *g when it is NULL. Appends to `out`. */
int grpc_gzip_compress(struct grpc_gzip **g, struct bytes data, struct text *out);
/* ERROR_LIMIT: more than `max` bytes would come out; ERROR_SYNTAX: not one whole gzip member. */
int grpc_gzip_decompress(struct grpc_gzip **g, struct bytes data, size_t max, struct text *out);
void grpc_gzip_free(struct grpc_gzip *g);

/* ---- connection and streams ---- */
struct grpc_stream {
    struct grpc_conn *conn;
    struct grpc_stream *next, *prev;  /* open streams, or (next) the free list */
    struct grpc_stream *pending_next; /* waiting for `writable` */
    void *user;
    int32_t id;
    bool announced : 1;     /* the owner knows it: a request was delivered, or the owner made it */
    bool headers_sent : 1;  /* initial headers were given to nghttp2 */
    bool head_out : 1;      /* and written */
    bool own_agent : 1;     /* client: user-agent is among the metadata */
    bool request_out : 1;   /* client: the request's HEADERS went out */
    bool headers_seen : 1;  /* client: the response's were received */
    bool deferred : 1;      /* nghttp2 waits for more to send */
    bool local_end : 1;     /* client: half-close asked for; server: trailers are ready */
    bool local_closed : 1;  /* the end was given to nghttp2 */
    bool remote_closed : 1; /* END_STREAM came */
    bool input_dead : 1;    /* what still comes is thrown away */
    bool finished : 1;      /* server: the owner finished it, or was told `cancelled`; client: `finished` was told */
    bool reset : 1;         /* we queued RST_STREAM */
    bool above_high : 1;
    bool pending : 1;
    bool gzip_allowed : 1;   /* peer takes gzip */
    bool gzip_announced : 1; /* grpc-encoding: gzip is among our headers */
    bool gzip : 1;           /* compress what we send */
    bool peer_gzip : 1;      /* grpc-encoding: gzip was among theirs */
    bool message_compressed : 1;
    bool incomplete : 1; /* a message was not taken for want of room */
    bool bare : 1;       /* server: ends without trailers */
    uint8_t prefix_len;
    uint8_t prefix[GRPC_PREFIX_SIZE];
    uint32_t message_len;
    size_t held;             /* window bytes of the message being collected that were not given back */
    struct text in;          /* that message, as far as it is here */
    struct text out;         /* framed messages */
    size_t out_at;           /* how much of it nghttp2 took */
    struct text head;        /* records: a client's :path and metadata, a server's initial metadata */
    struct text tail;        /* trailers that wait for the queue, as records */
    const char *http_status; /* server: a literal; NULL: 200 */
    int status;
    char content_type[GRPC_CONTENT_TYPE_MAX + 1];
};

/* What is known of a client's bytes before nghttp2 has them. */
struct grpc_watch {
    uint8_t preface_left; /* bytes of the preface that have not come */
    uint8_t head_len;
    uint8_t head[GRPC_FRAME_HEAD]; /* of the frame that begins */
    uint32_t left;                 /* bytes of its payload that have not come */
    bool block;                    /* a header block has begun and not ended */
    bool whole;                    /* a frame has come */
    unsigned continuations;        /* of the block */
    uint64_t since;                /* when what is half here began; UINT64_MAX: nothing is */
    int32_t highest;               /* stream a HEADERS frame named */
    struct {
        int32_t first, last;
    } skips[GRPC_SKIPS]; /* the latest */
    size_t skip_next;
    int32_t forgiven[GRPC_FORGIVEN]; /* the latest; 0: free */
    size_t forgiven_next;
    int32_t forgiven_below; /* all up to this one may be */
};

enum grpc_drain { GRPC_DRAIN_NONE, GRPC_DRAIN_ASKED, GRPC_DRAIN_PINGED, GRPC_DRAIN_FINAL };

struct grpc_conn {
    nghttp2_session *session;
    struct grpc_settings settings;
    char *authority, *user_agent; /* owned copies */
    struct grpc_events events;
    void *arg;
    struct grpc_stream *streams; /* open */
    size_t stream_count;
    struct grpc_stream *idle;
    size_t idle_count;
    struct grpc_stream *pending; /* `writable` to be told */
    struct grpc_block block;
    struct grpc_watch watch; /* server */
    size_t queued;           /* server: bytes in the queues of all streams */
    struct hpack_encoder encoder;
    bool block_sent;              /* the frame nghttp2 is about to give out was written by us */
    struct text scratch;          /* records of metadata, status texts */
    struct text message, details; /* a result being told */
    struct text unpacked, packed;
    struct grpc_gzip *gzip;
    struct text *sending; /* where grpc_conn_send() gathers; NULL: not inside it */
    size_t hold_max;      /* see grpc_message.c */
    uint64_t now;
    uint64_t last_read;
    uint64_t ping_at; /* when the PING that is unanswered was made, put off once by `ping_late` */
    bool ping_out, ping_late;
    enum grpc_drain drain;
    uint64_t drain_at;
    uint64_t last_peer_ping;
    int strikes;
    uint64_t reset_tokens, reset_at; /* tokens times 1e9, so that they refill by nanoseconds */
    bool inside;                     /* nghttp2 is on the stack */
    bool greeted;                    /* the peer's preface was right */
    bool settled;                    /* its SETTINGS came */
    bool going_away;                 /* GOAWAY came, or no more calls wanted */
    bool terminated;                 /* a GOAWAY with an error went out */
    bool dying;                      /* in grpc_conn_free() */
    bool expelled;                   /* the peer misbehaved: say so, hear no more */
    int failed;                      /* enum error_code: nothing works any more */
    char seen[GRPC_PREFACE_SHOWN];   /* the first bytes received */
    size_t seen_len;
    struct text why; /* why the connection ended, for people */
};

/* grpc_session.c */
int grpc_session_open(struct grpc_conn *c);
void grpc_conn_fail(struct grpc_conn *c, int code, const char *why);
void grpc_session_final_goaway(struct grpc_conn *c);
/* GOAWAY with the reason; the connection then ends, calls in flight with it. */
void grpc_session_expel(struct grpc_conn *c, uint32_t h2_error, const char *word, const char *why);
/* The peer made us end a stream: more of that than a few thousand ends the connection. */
void grpc_session_charge(struct grpc_conn *c);
/* Bytes for nghttp2; its code. */
int grpc_session_feed(struct grpc_conn *c, struct bytes data);
/* nghttp2's code as ours; a fatal one also fails the connection. */
int grpc_session_check(struct grpc_conn *c, int rv);

/* grpc_watch.c */
void grpc_watch_init(struct grpc_watch *w, uint64_t now);
/* A client's bytes, on their way to nghttp2; its code. May expel the client. */
int grpc_watch_receive(struct grpc_conn *c, struct bytes data);
/* The stream is no more, or never came to be, and the client may not know. */
void grpc_watch_forgive(struct grpc_watch *w, int32_t id);

/* grpc_stream.c */
struct grpc_stream *grpc_stream_take(struct grpc_conn *c);
void grpc_stream_release(struct grpc_stream *s); /* no callbacks */
nghttp2_data_provider grpc_stream_provider(struct grpc_stream *s);
int grpc_stream_send_data(struct grpc_stream *s, const uint8_t *frame_head, size_t len);
void grpc_stream_drop_queue(struct grpc_stream *s);
void grpc_stream_rst(struct grpc_stream *s, uint32_t h2_error);
bool grpc_conn_full(const struct grpc_conn *c);    /* server: too much is queued to take on more */
bool grpc_conn_tell_writable(struct grpc_conn *c); /* true: somebody was told */

/* grpc_message.c */
void grpc_message_feed(struct grpc_stream *s, struct bytes data);

/* grpc_server.c */
void grpc_server_headers(struct grpc_stream *s, bool end_stream);
void grpc_server_half_closed(struct grpc_stream *s);
void grpc_server_closed(struct grpc_stream *s);

/* grpc_client.c */
void grpc_client_headers(struct grpc_stream *s, bool end_stream);
void grpc_client_half_closed(struct grpc_stream *s);
void grpc_client_closed(struct grpc_stream *s, uint32_t h2_error);

/* Ends a call on our own account: the server sends that status and tells its owner `cancelled`, the client resets the
 * stream and tells `finished`. */
void grpc_call_fail(struct grpc_stream *s, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void grpc_server_fail(struct grpc_stream *s, int status, struct bytes why);
void grpc_client_fail(struct grpc_stream *s, int status, struct bytes why);

static inline bool grpc_block_is(const struct grpc_block *b, enum grpc_known which, const char *value)
{
    return bytes_is(grpc_block_get(b, which), value);
}

#endif
