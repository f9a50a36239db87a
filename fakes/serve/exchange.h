/* One call of a double, whatever carried it here.
 *
 * A carrier (gRPC, HTTP, WebSocket) opens an exchange, hands over messages as wire bytes and the end of the client's
 * side, and is told through its table what to send. In between the exchange asks the responders by the rules of
 * fakes/answer.h and plays their answers: delays, replies one after the other as fast as the client takes them, the
 * ending. One answer is played at a time; while one is, and the client may still speak (bidirectional calls), the
 * carrier is paused, which is the client's back-pressure.
 *
 * An exchange is a struct fake_stream: what responders keep of a stream that stays open.
 *
 * Ownership: the exchange is the server's and goes back to it when it ends: after `finish`, `reset` or `disconnect` of
 * the carrier was called, or when the carrier said exchange_gone(). Neither side touches the other afterwards. */
#ifndef FAKES_SERVE_EXCHANGE_H
#define FAKES_SERVE_EXCHANGE_H

#include "fakes/serve/internal.h"

struct carrier {
    void (*header)(void *carried, const char *name, struct bytes value); /* before the first reply */
    void (*trailer)(void *carried, const char *name, struct bytes value);
    int (*send)(void *carried, struct bytes reply); /* wire bytes */
    bool (*busy)(const void *carried);              /* exchange_writable() will come */
    size_t (*queued)(const void *carried);
    void (*pause)(void *carried); /* no messages until resumed */
    void (*resume)(void *carried);
    void (*finish)(void *carried, int status, struct bytes message, struct bytes details);
    void (*reset)(void *carried);
    void (*disconnect)(void *carried);
    bool (*seen)(const void *carried,
                 struct call_log_http *out); /* before `finish`; false, or NULL: it is no such call */
};

/* Everything in `call` is borrowed until the exchange ends. NULL: no memory. */
struct exchange_call {
    struct served_method *method;
    const struct carrier *carrier;
    void *carried;
    struct grpc_metadata metadata;
    const char *caller;
    uint64_t deadline; /* world_now(); UINT64_MAX: none */
};
struct fake_stream *exchange_open(struct fake_server *s, const struct exchange_call *call);
/* These may end the exchange. */
void exchange_message(struct fake_stream *x, struct bytes wire);
/* The same of a JSON object, as text or (not NULL) as a tree; false: it was refused, and the exchange is over. */
bool exchange_json(struct fake_stream *x, struct bytes json, const json_t *tree);
void exchange_complete(struct fake_stream *x);
void exchange_refuse(struct fake_stream *x, int status, const char *message); /* recorded, and answered with that */
void exchange_writable(struct fake_stream *x);
void exchange_gone(struct fake_stream *x);

/* What the journal says of a call in flight; borrowed until it goes on. */
void exchange_view(const struct fake_stream *x, struct call_log_entry *out);

/* The method of a call, from "/store.Store/Read"; NULL, and *why (appended to) says what there is instead. */
struct served_method *served_find(struct fake_server *s, const char *path, struct text *why);

#endif
