/* One HTTP/2 connection on a world: a byte stream, TLS when asked for, and the gRPC engine above. Servers embed it for
 * every accepted stream, channels for every connection they make.
 *
 * Writes are gathered: whatever calls say during a turn of the loop goes out in one write by a world task. Only when
 * much was read at once (RPC_SLICE) do the answers to its beginning go out before the rest is looked at: the peer works
 * on them meanwhile, where else the two sides would wait for each other turn about. When the stream's queue passes its
 * high mark nothing more is taken from the engine until it drained; a server also stops reading then, so that a peer
 * that sends and never reads cannot make it buffer without bound. (Only the server: were both sides to stop reading
 * they could wait for each other for ever.)
 *
 * Ownership: the owner embeds the link and frees its own struct in `release`. rpc_link_close() may be called at any
 * time, also from inside a callback of the engine; `release` then comes when the engine is off the stack. */
#ifndef RPC_LINK_H
#define RPC_LINK_H

#include "base/error.h"
#include "base/text.h"
#include "wire/grpc.h"
#include "wire/tls.h"
#include "world/world.h"

#include <stdbool.h>
#include <stdint.h>

#define RPC_GATHER_MAX  ((size_t)256 << 10) /* bytes taken from the engine for one write */
#define RPC_SLICE       ((size_t)2 << 10)   /* bytes read between two looks at what there is to say */
#define RPC_GATHER_KEEP ((size_t)32 << 10)  /* a gather buffer above this is not kept while idle */
/* ns a server waits for a client's greeting (TLS, preface, the first whole frame), and for the rest of a frame or
 * header block that has begun. */
#define RPC_PATIENCE UINT64_C(20000000000)

struct rpc_link;
struct rpc_link_events {
    /* Client: connected, TLS agreed, and the server has greeted us: calls can be made. A server that accepts a
     * connection and says nothing (stopped, or no HTTP/2 at all) never gets a call. */
    void (*ready)(struct rpc_link *link);
    /* The connection is over; from the loop, once, unless the owner closed it first. The owner closes it now. */
    void (*ended)(struct rpc_link *link, int reason, const char *why);
    /* Memory may go. The engine's last callbacks (cancelled, finished, closed) have been made. */
    void (*release)(struct rpc_link *link);
};

struct rpc_link {
    struct world *world;
    struct world_stream *stream;
    struct tls_session *tls; /* NULL: plaintext */
    struct grpc_conn *conn;
    const struct rpc_link_events *events;
    struct world_task flush;
    struct world_timer wakeup;
    struct text out, plain, cipher;
    uint64_t now;     /* when the last bytes came */
    uint64_t opened;  /* when the link was made */
    uint64_t resumed; /* when we last began to read again */
    uint64_t written; /* bytes handed to the stream so far */
    int depth;        /* calls of the engine on the stack */
    bool server;
    bool connected; /* stream connected and TLS done */
    bool blocked;   /* the stream's queue is above its high mark */
    bool greeted;   /* client: `ready` was told */
    bool close_when_idle;
    bool closed; /* rpc_link_close() was called */
    bool over;   /* `ended` was told, or the stream said so */
};

/* `settings` are those of the engine; `events` its callbacks, which get `arg`. `tls` NULL: none. A client's `stream` is
 * set by rpc_link_connect(). On failure nothing is left to clean up and `release` is not called. */
int rpc_link_init(struct rpc_link *link, struct world *w, const struct grpc_settings *settings,
                  const struct grpc_events *grpc, void *arg, const struct rpc_link_events *events,
                  struct tls_context *tls, const char *server_name, struct error *err);
/* Server: takes a stream that was just accepted. */
void rpc_link_accept(struct rpc_link *link, struct world_stream *stream);
/* Client: starts connecting; `ready` or `ended` follow. */
int rpc_link_connect(struct rpc_link *link, const char *address, struct error *err);
/* Something was queued in the engine: send it before the loop sleeps. */
void rpc_link_schedule(struct rpc_link *link);
/* `ended` with reason 0 as soon as no call is open. */
void rpc_link_close_when_idle(struct rpc_link *link);
/* Closes at once; open calls of the engine end. `release` follows, perhaps before this returns. */
void rpc_link_close(struct rpc_link *link);

#endif
