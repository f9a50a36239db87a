/* For tests: a WebSocket's client that keeps what it is told. Functions that wait run the client's world, and fail the
 * test when what they wait for does not come within WEBSOCKET_KIT_LIMIT. */
#ifndef RPC_WEBSOCKET_KIT_H
#define RPC_WEBSOCKET_KIT_H

#include "rpc/websocket.h"

#define WEBSOCKET_KIT_LIMIT ((uint64_t)300000000000) /* ns of the world's time */

struct websocket_kit {
    struct world *world;
    struct websocket *socket; /* NULL once it is closed */
    struct text got;          /* the messages, a newline behind each */
    struct text reason;       /* what the close frame said */
    size_t messages, binary;  /* how many; how many of those were not text */
    bool opened, closed;
    int code, status; /* of the close frame; HTTP's */
};
/* Connects, and waits until it is open or refused. `headers` go into the handshake; borrowed for the call. */
void websocket_kit_open(struct websocket_kit *k, struct world *w, const char *url, const struct http1_header *headers,
                        size_t count);
void websocket_kit_send(struct websocket_kit *k, const char *text);
/* Until there is a message in `got`, or the end. */
void websocket_kit_wait_message(struct websocket_kit *k);
void websocket_kit_wait_closed(struct websocket_kit *k);
/* Waits until it is closed, asserts the code, and frees what was kept. */
void websocket_kit_end(struct websocket_kit *k, int code);
/* Frees what was kept, and drops the connection if there still is one. */
void websocket_kit_deinit(struct websocket_kit *k);

#endif
