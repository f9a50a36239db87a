/* What the doubles written by protoc-gen-harrow stand on: calls with messages of protobuf-c instead of wire bytes.
 *
 * Messages may be of protoc-c's types or of those the generator writes itself; a double is told which with
 * fake_set_types(). Replies and recorded arguments that are handed out belong to the double, until it is reset or
 * freed. Methods are given by their number in the .proto. */
#ifndef FAKES_TYPED_H
#define FAKES_TYPED_H

#include "fakes/fakes.h"

/* A double with a pool of its own, made from a serialised FileDescriptorSet. */
int fake_new_from_set(struct bytes set, const char *service, struct fake **out, struct error *err);
/* `inputs` and `outputs`: one for each method, in order. Borrowed (they are static). */
void fake_set_types(struct fake *f, const ProtobufCMessageDescriptor *const *inputs,
                    const ProtobufCMessageDescriptor *const *outputs);

/* One request, one reply. Returns the status; `*reply` (may be NULL) is the reply, or NULL when the status is not OK;
 * `message` (may be NULL) gets the text beside such a status. */
int fake_invoke(struct fake *f, size_t method, const ProtobufCMessage *request, const ProtobufCMessage **reply,
                struct text *message);

/* Message `k` of call `i`, unpacked; NULL: there is no such call, or message, or no memory. */
const ProtobufCMessage *fake_argument(const struct fake *f, size_t method, int64_t i, size_t k);
const ProtobufCMessage *fake_reply_sent(const struct fake *f, size_t method, int64_t i, size_t k);
int64_t fake_argument_count(const struct fake *f, size_t method, int64_t i); /* messages; -1: no such call */
int64_t fake_reply_count(const struct fake *f, size_t method, int64_t i);
const char *fake_method_name(const struct fake *f, size_t method);

/* ---- stubs ---- */

/* A call on its way through a stub. */
struct fake_stub_call {
    const struct fake_asked *asked; /* number, caller, metadata, the bytes of all messages */
    struct fake_answer *answer;     /* for headers, details, delays: fakes/answer.h */
    struct arena arena;             /* for what the reply points to; gone when the stub has returned */
    const ProtobufCMessageDescriptor *input, *output;
};
/* A status with its text, for a stub to return. */
int fake_stub_fails(struct fake_stub_call *c, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One more reply of a stream. False: no memory, and the call will end with RESOURCE_EXHAUSTED. */
bool fake_stub_sends(struct fake_stub_call *c, const ProtobufCMessage *reply);
/* Message `k` of the request; NULL past the end, and when it does not unpack. */
const ProtobufCMessage *fake_stub_message(struct fake_stub_call *c, size_t k);

/* `call` knows the type of `function`. `request`: the first message, or when both sides stream the newest one, NULL
 * once the client has ended its stream. `reply`: as new, sent when the status is OK; NULL when the method answers with
 * a stream. */
struct fake_typed_stub {
    int (*call)(const struct fake_typed_stub *s, struct fake_stub_call *c, const ProtobufCMessage *request,
                ProtobufCMessage *reply);
    void (*function)(void);
    void *arg;
};
int fake_stub_typed(struct fake *f, size_t method, const struct fake_typed_stub *stub); /* function NULL removes */

/* ---- a client's side of a stream, in process ---- */

struct fake_client;
/* The call stands in the journal from the first message on, or from the end of the client's side. NULL: no memory. */
struct fake_client *fake_client_open(struct fake *f, size_t method);
/* ERROR_CLOSED: the stream has ended, on either side. */
int fake_client_send(struct fake_client *c, const ProtobufCMessage *message);
int fake_client_end(struct fake_client *c); /* the client's side */
/* The next reply; NULL: none has been sent that was not yet received. Ends the client's side of methods that take one
 * message or answer only after the last. */
const ProtobufCMessage *fake_client_receive(struct fake_client *c);
/* Ends it if need be, and frees it. Returns the status; the text beside it goes to `message` (may be NULL). */
int fake_client_close(struct fake_client *c, struct text *message);

/* ---- protobuf-c's services ---- */

/* A ProtobufCService whose calls the double answers: closures get the reply, or NULL when the status is not OK, before
 * the call returns. A client's or server's stream has one message there, as everywhere in protobuf-c. */
struct fake_c_service {
    ProtobufCService base;
    struct fake *fake;
};
void fake_c_service_init(struct fake_c_service *s, struct fake *f, const ProtobufCServiceDescriptor *descriptor);

#endif
