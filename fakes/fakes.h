/* Test doubles for any protobuf service, from nothing but its descriptor: recorded, programmed, served over gRPC.
 *
 * The model is counterfeiter's: per method a call count, the arguments of call i, a general answer, an answer for call
 * i, and a stub function; all invocations in order; reset. Recording never fails a test: one looks afterwards. Every
 * request is kept as its own copy of the wire bytes. Calls of any thread may record (a lock around the journal; the
 * stub runs outside it).
 *
 * Precedence when a call comes: stub, answer for this call's index, general answer, behaviour of an unprogrammed
 * double (an empty reply with status OK; docs/fakes.md). */
#ifndef FAKES_FAKES_H
#define FAKES_FAKES_H

#include "rpc/rpc.h"

struct fake;

/* `service` is borrowed (its pool must outlive the double). */
int fake_new(const struct pb_service *service, struct fake **out);
void fake_free(struct fake *f);

/* ---- looking afterwards ---- */
int64_t fake_count(const struct fake *f, const char *method); /* -1: no such method */
int64_t fake_total(const struct fake *f);
struct fake_call {
    const struct pb_method *method;
    int64_t sequence;     /* over all methods, from 0 */
    int64_t index;        /* among this method's calls */
    struct bytes request; /* wire bytes; for a client stream all messages, see `messages` */
    size_t messages;
    int status;           /* what was answered */
    uint64_t time;        /* world_now of the server, 0 when called in process */
};
/* Call i of a method, or of all (method NULL). ERROR_NOT_FOUND past the end. Borrowed until reset or free. */
int fake_call_at(const struct fake *f, const char *method, int64_t i, struct fake_call *out);
/* The request as a message of the caller's generated type, in the arena. */
int fake_request(const struct fake *f, const char *method, int64_t i, const ProtobufCMessageDescriptor *type,
                 struct arena *arena, ProtobufCMessage **out, struct error *err);
int fake_request_json(const struct fake *f, const char *method, int64_t i, struct text *out, struct error *err);
/* All calls, one line each, for messages: "0 store.Store/Write {"record":…} -> OK". */
void fake_journal(const struct fake *f, struct text *out);
void fake_reset(struct fake *f); /* forgets calls and answers */

/* ---- programming ---- */
int fake_returns(struct fake *f, const char *method, const ProtobufCMessage *reply);
int fake_returns_on_call(struct fake *f, const char *method, int64_t i, const ProtobufCMessage *reply);
int fake_returns_json(struct fake *f, const char *method, int64_t i /* -1: every */, const char *json,
                      struct error *err);
int fake_fails(struct fake *f, const char *method, int64_t i /* -1: every */, int status, const char *message);
int fake_delays(struct fake *f, const char *method, uint64_t delay); /* ns before each answer */
int fake_never_answers(struct fake *f, const char *method, bool on);
/* Runs for each call; appends the reply's wire bytes and returns a status. NULL removes. */
int fake_stub(struct fake *f, const char *method,
              int (*stub)(void *arg, const struct fake_call *call, struct text *reply, struct text *message), void *arg);

/* ---- serving ---- */
/* Answers every method of its service on an rpc server. */
int fake_serve(struct fake *f, struct rpc_server *server);
/* In process: records and answers as over the wire. Returns the status; reply bytes appended. */
int fake_call(struct fake *f, const char *method, struct bytes request, struct text *reply, struct text *message);

#endif
