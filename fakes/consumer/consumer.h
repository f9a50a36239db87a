/* A consumer's side of a contract: what it really asked of doubles, and what they were programmed to answer, becomes a
 * pact with the provider that the doubles stood for.
 *
 * Calls come one by one (consumer_add), from doubles in C (consumer_hear), or from a server of doubles (served.h). Each
 * becomes an interaction, a synchronous message of the fourth version with the plugin data of gRPC (plugin.h). What is
 * asked is expected as it was; of what is answered the form, with the values as examples: rule `type` on the whole
 * body and on metadata, but for the status. consumer_rule() says it more exactly.
 *
 * An interaction is known by its description and provider states. The description is made of the method and the
 * request, or (consumer_about) of the name of what asks. Met again with the same request, an answer that fits the one
 * there is already adds nothing; one that does not fit is a contradiction: ERROR_EXISTS, which names both. Who asks the
 * same twice and is answered differently names states (consumer_given).
 *
 * Any thread may add and hear. Rules, states and headers are set before the calls they are for. */
#ifndef FAKES_CONSUMER_CONSUMER_H
#define FAKES_CONSUMER_CONSUMER_H

#include "fakes/fakes.h"
#include "fakes/pact/pact.h"
#include "fakes/serve/call_log.h"
#include "world/world.h"

#define CONSUMER_PACT_MAX ((size_t)64 << 20) /* bytes of a pact's file */

struct consumer;

int consumer_new(const char *consumer, const char *provider, struct consumer **out);
void consumer_free(struct consumer *c); /* after the doubles it hears; NULL is fine */

/* ---- what is said of calls from here on ---- */

enum consumer_side { CONSUMER_REQUEST, CONSUMER_ANSWER };
/* Values there: of which calls, of which side, where. In metadata `path` is the name. */
struct consumer_place {
    const char *method; /* "Read"; NULL: of every method */
    enum consumer_side side;
    enum pact_category category; /* PACT_BODY or PACT_METADATA */
    const char *path;            /* "$.note.id", with the names of the .proto file */
};
/* Takes the place of the default rule at that place. `matcher` is written as in a pact's file:
 * {"match": "regex", "regex": "^[0-9]+$"}, or a list of such that must all hold. ERROR_INVALID,
 * ERROR_SYNTAX, ERROR_UNSUPPORTED: it is none. */
int consumer_rule(struct consumer *c, const struct consumer_place *where, const char *matcher, struct error *err);
/* {"type": "ProviderState", "expression": "${id}"}: what takes the value's place when the pact is played. */
int consumer_generator(struct consumer *c, const struct consumer_place *where, const char *generator,
                       struct error *err);
/* One more provider state for the calls from here on; NULL: none any more. `parameters` may be NULL; borrowed. */
int consumer_given(struct consumer *c, const char *state, json_t *parameters);
/* Calls from here on are described by this name, their method and which one of these they are: "notes reads once:
 * store.Store/Read (2)". What the pact's file had under the name is replaced by consumer_write(), so that requests may
 * differ from run to run. NULL: by what they ask. */
int consumer_about(struct consumer *c, const char *text);
/* Requests keep this header. Others are left out: what a client's library sends with each call is no part of what the
 * consumer asks. */
int consumer_keep_header(struct consumer *c, const char *name);

/* ---- calls ---- */

struct consumer_call {
    const struct pb_method *method;
    struct bytes request; /* all messages, one behind the other */
    const size_t *ends;
    size_t messages;
    struct bytes replies;
    const size_t *reply_ends;
    size_t reply_count;
    int status;
    bool open; /* the stream had no end; `status` does not matter */
    struct bytes message, details;
    struct grpc_metadata metadata;
    const struct fake_header *answered; /* headers and trailers of the answer */
    size_t answered_count;
    const struct call_log_http *http; /* it came by HTTP, and is an HTTP interaction; NULL: gRPC */
};
/* ERROR_PROTOCOL: a reply is no message of its type, which no pact can expect. */
int consumer_add(struct consumer *c, const struct consumer_call *call, struct error *err);

/* Every call of the double from here on that is answered by what was programmed (fake_returns, fake_fails, fake_stub,
 * stubs). What nobody programmed is counted, and no part of the pact; so is what a responder says on a stream after its
 * turn. What is wrong with a call is told by consumer_failed() and by consumer_write(). */
void consumer_hear(struct consumer *c, struct fake *f);
size_t consumer_passed_over(const struct consumer *c);
/* By the words of a call's answer: whether somebody programmed it, and it was not made up. */
bool consumer_takes(const char *by);
/* What nobody programmed is taken as well: an answer is expected, whatever is in it. */
void consumer_take_all(struct consumer *c, bool all);
/* The first call that could not be written down; moved to `err`. 0: none. */
int consumer_failed(struct consumer *c, struct error *err);

/* ---- the pact ---- */

const struct pact *consumer_pact(const struct consumer *c);
/* Puts it into FOLDER/CONSUMER-PROVIDER.json, with what is there already. Contradictions are ERROR_EXISTS; nothing is
 * written then, nor when there is nothing to write. Writers of other processes are waited for. `path` (or NULL) is
 * given the file's path. */
int consumer_write(struct consumer *c, struct world *w, const char *folder, struct text *path, struct error *err);
/* Reads a pact's file. */
int consumer_read_pact(struct world *w, const char *path, struct pact **out, struct error *err);

#endif
