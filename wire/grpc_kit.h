/* A gRPC client and server joined in memory, for tests and fuzz targets: no sockets, a clock turned by hand.
 *
 * The server answers by the method's name:
 *   /kit.Echo/Echo      sends every message back at once, finishes with OK when the client half-closed
 *   /kit.Echo/Headers   echoes the request's metadata as initial metadata and as trailers, then OK
 *   /kit.Echo/Status    the request's "code", "text" and "details-bin" metadata become the result, at once
 *   /kit.Echo/Late      echoes one message, then finishes with FAILED_PRECONDITION while the client may still send
 *   /kit.Echo/Flood     answers the first message with as many copies as its first byte says, kilobytes each
 *   /kit.Echo/Hold      never answers; messages are consumed only when kit->consume is set
 * anything else: UNIMPLEMENTED.
 *
 * Ownership: kit_init() makes both connections, kit_deinit() frees them. A call is the caller's and must outlive them.
 */
#ifndef WIRE_GRPC_KIT_H
#define WIRE_GRPC_KIT_H

#include "base/random.h"
#include "wire/grpc.h"

struct kit {
    struct grpc_conn *client, *server;
    struct random random;
    uint64_t now;
    bool consume;
    bool split;        /* feed bytes in pieces of random length */
    int receive_error; /* first error of a grpc_conn_receive() */
    struct text error;
    size_t client_bytes, server_bytes; /* sent so far */
    /* what the server saw */
    struct grpc_stream *last; /* of the last request; NULL once closed */
    uint64_t timeout;
    struct text path, content_type, metadata; /* "name=value;" */
    size_t requests, messages, message_bytes, half_closed, cancelled, server_closed, writable;
    size_t server_unconsumed;
    /* what the client saw */
    size_t going_away;
    uint32_t going_away_error;
    struct text going_away_debug;
};

struct kit_call {
    struct grpc_stream *stream; /* NULL once closed */
    size_t responses, messages, finished, closed, writable;
    struct text headers, body, trailers; /* metadata as "name=value;", messages joined */
    struct text message, details;
    int status;
    bool unprocessed;
    bool keep; /* do not consume */
    size_t unconsumed;
};

/* NULL settings: the defaults. */
int kit_init(struct kit *k, uint64_t seed, const struct grpc_settings *client, const struct grpc_settings *server);
void kit_deinit(struct kit *k);
void kit_pump(struct kit *k);                     /* until both sides have nothing to say */
size_t kit_step(struct kit *k, bool from_client); /* one send of one side; bytes moved */
void kit_drop_client(struct kit *k);              /* as if its connection broke */
void kit_drop_server(struct kit *k);

int kit_start(struct kit *k, struct kit_call *call, const struct grpc_request *r, struct error *err);
int kit_start_path(struct kit *k, struct kit_call *call, const char *path);
/* Start, send one message, half-close, pump. */
void kit_unary(struct kit *k, struct kit_call *call, const char *path, struct bytes message);
void kit_call_deinit(struct kit_call *call);

extern const struct grpc_events kit_server_events, kit_client_events;

#endif
