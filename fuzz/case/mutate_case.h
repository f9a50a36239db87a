/* Mutating whole cases, in place: one operator is drawn and applied. Most draws change one message, by its descriptor
 * (fuzz/message/mutate.h); the others change what is called, when, how often, with what around it, and what is fed from
 * reply to request; raw values (frames, bytes, requests to the gateway) change as bytes.
 *
 * Calls are known by their number, which is the order in which they are opened: whoever inserts, removes or moves an
 * EVENT_CALL renumbers what refers to it. A case never gets longer than FUZZ_CASE_GROWTH_EVENTS events by insertion,
 * nor over the limits of case.h by anything. Once the case and the scratch have grown nothing allocates. */
#ifndef FUZZ_CASE_MUTATE_CASE_H
#define FUZZ_CASE_MUTATE_CASE_H

#include "fuzz/case/generate_case.h"

struct case_mutation {
    const struct case_source *source; /* for what is inserted, and the pool */
    const struct fuzz_case *other;    /* to splice with and to take messages from; NULL: none. Never the case itself */
    const struct mutate_learning *learning; /* of operators within messages; NULL: fixed shares */
    enum fuzz_lane lane;                    /* of a message that is changed */
    size_t max;                             /* bytes a message may grow to; 0: the source's */
};

struct case_mutated {
    enum fuzz_lane lane;    /* LANE_VALID for changes that leave messages alone */
    const char *what;       /* static: "event-swap", "value-boundary", "utf8-bad" ... */
    uint32_t event;         /* where, for tallies by method; may be the number of events when the last one went */
    bool in_message;        /* a message was changed by its descriptor: */
    struct mutated message; /* for fuzz_mutate_credit() */
};

/* ERROR_MEMORY only, and the case is then still one. A case without events gets a call. */
int fuzz_mutate_case(struct random *r, struct fuzz_case *c, const struct case_mutation *m, struct case_mutated *did);

/* ---- moving events without breaking what refers to calls; for the minimiser too ---- */

/* Whether `call` of such an event is a call's number, not a stream's. */
bool fuzz_event_has_call(unsigned kind);
/* The call an event belongs to, by its number or, for metadata, by what was opened before it; FUZZ_NO_CALL: none. */
#define FUZZ_NO_CALL UINT32_MAX
uint32_t fuzz_event_call(const struct fuzz_case *c, size_t at);
/* Removes an event; with an EVENT_CALL everything of that call goes, and links from it. */
void fuzz_case_cut(struct fuzz_case *c, size_t at);
/* Moves the event to be the `to`-th. */
void fuzz_case_move(struct fuzz_case *c, size_t from, size_t to);
/* Appends the events [from, ...) of another case, where the calls before them do not exist: what is theirs is left out,
 * links from them go to calls drawn from those there are. ERROR_MEMORY; what goes over a limit is left out. */
int fuzz_case_append_tail(struct random *r, struct fuzz_case *c, const struct fuzz_case *other, size_t from);

#endif
