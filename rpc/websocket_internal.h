/* What the two sides of rpc/websocket.h share: one struct on either a taken-over HTTP connection or a stream. */
#ifndef RPC_WEBSOCKET_INTERNAL_H
#define RPC_WEBSOCKET_INTERNAL_H

#include "rpc/websocket.h"

struct websocket {
    struct world *world;
    struct websocket_options options;
    struct websocket_events events;
    void *arg;
    struct ws_frames *frames;
    struct http_raw *raw;        /* the server's side */
    struct world_stream *stream; /* the client's */
    struct tls_session *tls;     /* the client's; NULL: plain text */
    struct http1_parser *parser; /* the client's, until the handshake is through */
    struct text request, out, plain, cipher;
    struct world_timer timer;
    struct world_task end; /* says `closed` and frees, outside of every callback */
    uint64_t heard;        /* when something came in last */
    char key[WS_KEY_SIZE];
    int status, close_code;
    int telling; /* events that have not returned: until they have, nothing is freed */
    char close_reason[WS_REASON_MAX + 1];
    bool open, closing, dead; /* handshake done; we said goodbye; nothing more happens */
    bool tell;                /* `closed` is still to be called */
    bool asked;               /* the client's request is sent */
};

/* Everything but the transport; NULL: no memory. */
struct websocket *websocket_make(struct world *w, bool client, const struct websocket_options *options,
                                 const struct websocket_events *events, void *arg);
void websocket_opened(struct websocket *s); /* the handshake is through: pings begin */
void websocket_receive(struct websocket *s, struct bytes data);
int websocket_write(struct websocket *s, struct bytes data); /* to the peer, through TLS when there is some */
void websocket_drained(struct websocket *s);
void websocket_lost(struct websocket *s); /* the transport has ended */
void websocket_fail(struct websocket *s, int code, const char *reason);
void websocket_free(struct websocket *s);

#endif
