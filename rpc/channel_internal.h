/* What the files of the client side share. See rpc/rpc.h for what a channel is.
 *
 *   channel.c        the channel, its addresses, its life
 *   channel_pick.c   connections: making them, losing them, giving them to calls in turn
 *   call.c           one call: sending, receiving, deadline, cancellation, retries
 *   wait.c           calls that run the loop until they are answered
 *
 * An endpoint is one address. It is idle, connecting or ready, and remembers until when it is not to be tried again
 * (`retry_at`) after a failure. Connections are tried when a call needs them, never on their own, so that an unused
 * channel costs nothing; once a call comes, every address that may be tried is tried, so that round robin soon has
 * them all. A connection whose server says GOAWAY, or whose address is not wanted any more, leaves its endpoint and
 * lives until its calls are done.
 *
 * A call waits in the channel's line until it gets a connection. User callbacks may free the channel: `depth` keeps
 * the struct until they have returned. */
#ifndef RPC_CHANNEL_INTERNAL_H
#define RPC_CHANNEL_INTERNAL_H

#include "base/array.h"
#include "rpc/inbox.h"
#include "rpc/link.h"
#include "rpc/metadata.h"
#include "rpc/rpc.h"

#define RPC_CONNECT_TIMEOUT   (UINT64_C(5) * 1000000000ULL) /* ns */
#define RPC_RECONNECT_FIRST   (UINT64_C(50) * 1000000ULL)   /* ns */
#define RPC_RECONNECT_MAX     (UINT64_C(5) * 1000000000ULL) /* ns */
#define RPC_RETRY_FIRST       (UINT64_C(100) * 1000000ULL)  /* ns */
#define RPC_RETRY_MAX         (UINT64_C(5) * 1000000000ULL) /* ns */
#define RPC_RETRY_BUFFER_MAX  ((size_t)1 << 20)             /* bytes of a client stream kept for a retry */
#define RPC_TRANSPARENT_MAX   5                             /* times a call the server never saw is sent anew */
#define RPC_ENDPOINTS_MAX     256                           /* addresses of one channel */
#define RPC_FREE_STREAMS_MAX  256                           /* call structs kept for reuse */
#define RPC_STREAM_ARENA_KEEP ((size_t)16 << 10)
#define RPC_BODY_KEEP         ((size_t)16 << 10)

struct channel_endpoint;

struct channel_connection {
    struct rpc_link link;
    struct rpc_channel *channel;       /* NULL once the channel is gone */
    struct channel_endpoint *endpoint; /* NULL when leaving */
    struct channel_connection *next, **back;
    struct world_timer connect_timer;
    char *address;
    char *lost; /* why it ended, for the calls that end with it */
    bool ready;
    bool answered; /* a call on it was answered */
    bool going_away;
};

struct channel_endpoint {
    struct rpc_channel *channel;
    char *address;
    struct channel_connection *connection; /* connecting or ready; NULL: idle */
    uint64_t retry_at;                     /* not to be tried before */
    int failures;                          /* in a row */
    bool wanted;                           /* while the address list is replaced */
};

struct rpc_channel {
    struct world *world;
    struct rpc_channel_options options;
    char *addresses, *authority, *user_agent; /* owned */
    struct grpc_settings settings;
    ARRAY(struct channel_endpoint *) endpoints;
    size_t turn;                            /* round robin: the endpoint to look at first */
    struct channel_connection *connections; /* all, leaving ones too */
    struct rpc_stream *streams;             /* all calls */
    struct rpc_stream *line, **line_end;    /* calls waiting for a connection */
    size_t line_count;
    struct rpc_stream *free_streams;
    size_t free_count;
    struct world_task pump;         /* look at the line */
    struct world_timer retry_timer; /* when an endpoint may be tried again and calls wait */
    struct error last;              /* why the last connection could not be made */
    int depth;
    bool dead;
};

enum stream_state {
    STREAM_WAITING, /* in the line */
    STREAM_ACTIVE,  /* on a connection */
    STREAM_BACKOFF, /* waits before its next attempt */
    STREAM_ENDING,  /* its result is known and will be told */
    STREAM_TOLD,    /* `finished` was called */
};

struct rpc_stream {
    struct rpc_channel *channel;
    struct world *world;
    enum stream_state state;
    struct rpc_stream *next, **back;           /* of all */
    struct rpc_stream *line_next, **line_back; /* in the line; line_back NULL: not in it */
    struct channel_connection *connection;
    struct grpc_stream *wire;
    struct arena arena;
    /* the request */
    const char *path, *content_type;
    struct grpc_metadata metadata;
    struct bytes first; /* the message given with the request */
    bool has_first, gzip, wait_for_ready, half_closed;
    struct rpc_retry retry;
    struct rpc_stream_events events;
    void (*unary_done)(void *arg, const struct rpc_reply *reply);
    void *arg;
    uint64_t started, deadline;
    struct world_timer deadline_timer, backoff_timer;
    struct world_task task; /* resume, or tell the end */
    /* sending: what was sent on this call, each message with its length before it, until it may not be retried */
    struct text buffer;
    bool committed; /* the buffer is no longer kept */
    bool was_busy, paused, cancel;
    int attempts, transparent;
    uint64_t mark; /* connection's written bytes when the attempt began */
    bool lost;     /* the connection went before the server ended the last attempt, or none could be made */
    bool seen;     /* a server may have seen the call */
    /* receiving */
    struct rpc_inbox inbox;
    struct grpc_metadata headers;
    struct text body;
    bool has_body, many_bodies;
    const char *peer;
    /* the end, while it waits to be told */
    int status;
    struct bytes message, details;
    struct grpc_metadata trailers;
    int depth;
    bool gone; /* to be freed when depth is 0 again */
};

/* channel.c */
void channel_enter(struct rpc_channel *c);
bool channel_leave(struct rpc_channel *c); /* true: the channel is gone */
int channel_resolve(struct rpc_channel *c, struct error *err);

/* channel_pick.c */
extern const struct grpc_events channel_engine_events;
struct channel_connection *channel_pick(struct rpc_channel *c); /* NULL: none ready */
void channel_connect_all(struct rpc_channel *c);                /* every endpoint that may be tried */
bool channel_connecting(const struct rpc_channel *c);
bool channel_has_ready(const struct rpc_channel *c); /* perhaps full */
void channel_leave_endpoint(struct channel_connection *connection);
void channel_endpoint_free(struct channel_endpoint *e);
void channel_pump(void *arg);
void channel_why_unavailable(const struct rpc_channel *c, struct text *out);

/* call.c */
void stream_begin(struct rpc_stream *s, struct channel_connection *connection); /* leaves the line */
void stream_wait(struct rpc_stream *s);                                         /* joins the line */
void stream_line_remove(struct rpc_stream *s);
void stream_unavailable(struct rpc_stream *s, const char *why); /* tells the end at once: from the loop only */
void stream_kill(struct rpc_stream *s);                         /* the channel is being freed */
void stream_forget(struct rpc_stream *s);                       /* cancel, and never call back */
void stream_on_response(struct rpc_stream *s, struct grpc_metadata metadata);
void stream_on_message(struct rpc_stream *s, struct bytes message, size_t window_cost);
void stream_on_finished(struct rpc_stream *s, const struct grpc_result *result);
void stream_on_writable(struct rpc_stream *s);
void stream_free_list(struct rpc_channel *c);

#endif
