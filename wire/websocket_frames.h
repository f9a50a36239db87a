/* WebSocket (RFC 6455), sans-IO: the opening handshake's rules, and messages in frames, both sides, on wslay.
 *
 * Bytes of the peer go in, whole messages come out by callback; everything to be sent is appended to a text. Text
 * messages are checked to be UTF-8, clients' frames to be masked, a message's size and number of frames to stay within
 * limits; a peer that breaks a rule is told by a close frame, and nothing more of it is read. Pings are answered by
 * themselves. No extension is ever agreed to (so permessage-deflate stays off), no subprotocol either. */
#ifndef WIRE_WEBSOCKET_FRAMES_H
#define WIRE_WEBSOCKET_FRAMES_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/http1.h"

#include <stdbool.h>
#include <stdint.h>

#define WS_MESSAGE_MAX_DEFAULT ((size_t)1 << 20) /* bytes of a message received */
#define WS_FRAGMENTS_MAX       1024              /* frames one message may come in */
#define WS_REASON_MAX          123               /* bytes of a close frame's reason */
#define WS_ACCEPT_SIZE         29                /* Sec-WebSocket-Accept with its NUL */
#define WS_KEY_SIZE            25                /* Sec-WebSocket-Key with its NUL */

/* RFC 6455, 7.4.1. */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_NO_STATUS = 1005, /* never sent: the close frame had no code */
    WS_ABNORMAL = 1006,  /* never sent: the connection ended without a close frame */
    WS_INVALID_DATA = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_INTERNAL = 1011,
};

/* ---- handshake ---- */

/* Whether a request asks for a WebSocket at all. */
bool ws_is_wanted(const struct http1_head *head);
/* 0 and the answer's Sec-WebSocket-Accept; else ERROR_PROTOCOL, the HTTP status to refuse with (400, 405, or 426 when
 * the version is not 13) and why. */
int ws_check_request(const struct http1_head *head, char accept[WS_ACCEPT_SIZE], int *status, const char **why);
/* The client's side. `nonce` is 16 random bytes. */
void ws_make_key(const uint8_t nonce[16], char key[WS_KEY_SIZE]);
bool ws_check_answer(const struct http1_head *head, const char *key, const char **why);

/* ---- messages ---- */

struct ws_frames;
struct ws_events {
    void (*message)(void *arg, bool text, struct bytes message); /* borrowed */
    void (*closed)(void *arg, int code, struct bytes reason); /* the peer's close frame, or why we end it ourselves */
};
struct ws_options {
    bool client;
    size_t message_max;                                /* 0: WS_MESSAGE_MAX_DEFAULT */
    void (*mask)(void *arg, uint8_t *out, size_t len); /* clients only: random bytes */
};
int ws_frames_new(const struct ws_options *options, const struct ws_events *events, void *arg, struct ws_frames **out);
void ws_frames_free(struct ws_frames *f); /* not from an event */
/* ERROR_PROTOCOL, ERROR_LIMIT or ERROR_MEMORY when nothing more will be read; `out` then ends in the close frame. */
int ws_frames_receive(struct ws_frames *f, struct bytes data, struct text *out);
int ws_frames_send(struct ws_frames *f, bool text, struct bytes message, struct text *out); /* ERROR_CLOSED */
int ws_frames_ping(struct ws_frames *f, struct text *out);
int ws_frames_close(struct ws_frames *f, int code, const char *reason, struct text *out); /* the reason may be cut */
bool ws_frames_over(const struct ws_frames *f); /* both sides have said the end, or ours for good */

#endif
