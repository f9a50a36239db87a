/* Test doubles for any protobuf service, from nothing but its descriptor: recorded, programmed, served over gRPC.
 *
 * The model is counterfeiter's: per method a call count, the arguments of call i, a general answer, an answer for call
 * i, and a stub function; all invocations in order; reset. Recording never fails a test: one looks afterwards. Every
 * request is kept as its own copy of the wire bytes. Calls of any thread may record (a lock around the journal; the
 * stub runs outside it).
 *
 * Precedence when a call comes: stub, answer for this call's index, general answer, behaviour of an unprogrammed
 * double (an empty reply with status OK; docs/fakes.md). An answer set later takes the place of a stub. */
#ifndef FAKES_FAKES_H
#define FAKES_FAKES_H

#include "rpc/rpc.h"

struct fake;

/* `service` is borrowed (its pool must outlive the double). */
int fake_new(const struct pb_service *service, struct fake **out);
/* Not before the server that serves it. NULL is fine. */
void fake_free(struct fake *f);

/* ---- looking afterwards ---- */
#define FAKE_UNANSWERED (-1) /* status of a call that has no answer yet, or never got one */

int64_t fake_count(const struct fake *f, const char *method); /* -1: no such method */
int64_t fake_total(const struct fake *f);
struct fake_call {
    const struct pb_method *method;
    int64_t sequence;     /* over all methods, from 0 */
    int64_t index;        /* among this method's calls */
    struct bytes request; /* wire bytes; of a client's stream all messages, one behind the other */
    size_t messages;      /* in `request`; fake_message() tells them apart */
    const size_t *ends;   /* where each of them ends */
    int status;           /* what was answered, or FAKE_UNANSWERED */
    uint64_t time;        /* world_now of the server, 0 when called in process */
};
/* Call i of a method, or of all (method NULL). ERROR_NOT_FOUND past the end. Borrowed until reset or free. */
int fake_call_at(const struct fake *f, const char *method, int64_t i, struct fake_call *out);
struct bytes fake_message(const struct fake_call *call, size_t i); /* nothing past the end */
/* The request (of a client's stream: its first message) as the caller's generated type, in the arena. */
int fake_request(const struct fake *f, const char *method, int64_t i, const ProtobufCMessageDescriptor *type,
                 struct arena *arena, ProtobufCMessage **out, struct error *err);
/* A JSON object; for a client's stream a list of them. */
int fake_request_json(const struct fake *f, const char *method, int64_t i, struct text *out, struct error *err);
/* All calls, one line each, for messages: "0 store.Store/Write {"record":…} -> OK". */
void fake_journal(const struct fake *f, struct text *out);
void fake_reset(struct fake *f); /* forgets calls and answers */

/* ---- programming: ERROR_NOT_FOUND for a method the service has not, ERROR_INVALID for a reply of another type ---- */
int fake_returns(struct fake *f, const char *method, const ProtobufCMessage *reply);
int fake_returns_on_call(struct fake *f, const char *method, int64_t i, const ProtobufCMessage *reply);
int fake_returns_json(struct fake *f, const char *method, int64_t i /* -1: every */, const char *json,
                      struct error *err);
int fake_fails(struct fake *f, const char *method, int64_t i /* -1: every */, int status, const char *message);
int fake_delays(struct fake *f, const char *method, uint64_t delay); /* ns before each answer over the wire */
int fake_never_answers(struct fake *f, const char *method, bool on);
/* Runs for each call; appends the reply's wire bytes and returns a status. NULL removes. */
int fake_stub(struct fake *f, const char *method,
              int (*stub)(void *arg, const struct fake_call *call, struct text *reply, struct text *message),
              void *arg);

/* ---- serving ---- */
/* Answers every method of its service on an rpc server: one double a server, since it is the server's fallback. The
 * service is known by its full name or, as Micro's clients call it, by its last part under any prefix. */
int fake_serve(struct fake *f, struct rpc_server *server);
/* In process: records and answers as over the wire, without delay. Returns the status; reply bytes appended. A method
 * that never answers gives DEADLINE_EXCEEDED at once. */
int fake_call(struct fake *f, const char *method, struct bytes request, struct text *reply, struct text *message);

#endif
