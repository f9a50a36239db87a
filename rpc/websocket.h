/* WebSocket connections on a world: the server's side takes over an exchange of rpc/http.h, the client's side connects.
 * Frames and handshake are wire/websocket_frames.h; here are the time limits and the life of a connection.
 *
 * A ping goes out every `ping_every`; a peer of which nothing was heard for `pong_wait` is gone. `closed` is the last
 * event and the socket is freed when it returns. After websocket_close() no event comes any more and the handle is
 * not to be used: the socket says goodbye, waits a moment for the peer's, and frees itself. */
#ifndef RPC_WEBSOCKET_H
#define RPC_WEBSOCKET_H

#include "rpc/http.h"
#include "wire/websocket_frames.h"

#define WEBSOCKET_PING_EVERY ((uint64_t)15 * 1000000000) /* ns */
#define WEBSOCKET_PONG_WAIT  ((uint64_t)60 * 1000000000)
#define WEBSOCKET_CLOSE_WAIT ((uint64_t)2 * 1000000000) /* for the peer's half of the closing handshake */

struct websocket;
struct websocket_options {
    size_t message_max;             /* 0: WS_MESSAGE_MAX_DEFAULT */
    uint64_t ping_every, pong_wait; /* ns; 0: the ones above */
    struct tls_context *tls;        /* client: what wss:// is trusted by; not used after websocket_connect() */
};
struct websocket_events {
    void (*opened)(void *arg); /* client only; may be NULL */
    void (*message)(void *arg, bool text, struct bytes message);
    void (*drained)(
        void *arg); /* queued bytes fell below WORLD_WRITE_LOW after passing WORLD_WRITE_HIGH; may be NULL */
    void (*draining)(void *arg);                              /* server: it ends before long; may be NULL */
    void (*closed)(void *arg, int code, struct bytes reason); /* WS_ABNORMAL: the connection broke */
};

/* Finishes the exchange with 101. Non-zero: nothing happened, *status is the HTTP status to refuse with and *why says
 * why; with 426 the answer needs "Sec-WebSocket-Version: 13". */
int websocket_accept(struct http_exchange *x, const struct websocket_options *options,
                     const struct websocket_events *events, void *arg, struct websocket **out, int *status,
                     const char **why);
/* "ws://host:port/path", or "wss://..." with `tls`, where the certificate has to be the host's; without a port it is
 * 80, or 443. `headers` come on top of the handshake's own. `opened` or `closed` follows. */
int websocket_connect(struct world *w, const char *url, const struct http1_header *headers, size_t header_count,
                      const struct websocket_options *options, const struct websocket_events *events, void *arg,
                      struct websocket **out, struct error *err);
/* The HTTP status the server refused with, in `closed` of a client; 0: none. */
int websocket_status(const struct websocket *s);

int websocket_send(struct websocket *s, bool text, struct bytes message); /* copied */
size_t websocket_queued(const struct websocket *s);
void websocket_pause(struct websocket *s); /* back-pressure; messages already read may still come */
void websocket_resume(struct websocket *s);
void websocket_close(struct websocket *s, int code, const char *reason); /* NULL is fine */
/* The goodbye alone: the handle stays, and `closed` follows when the peer has answered, or has not in time. */
void websocket_goodbye(struct websocket *s, int code, const char *reason);
/* At once and without a word: no event follows, and the handle is gone. Outside of this socket's events everything is
 * freed when it returns, without its world's loop. */
void websocket_abort(struct websocket *s);

#endif
