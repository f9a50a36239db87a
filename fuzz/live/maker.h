/* Where a campaign's cases come from, and what it learns from what they led to.
 *
 * Three sources, their shares learnt (fuzz/message/bandit.h): sequences that feed replies forward
 * (fuzz/sequence/sequence.h), whole cases drawn at random (fuzz/case/generate_case.h), and changes to cases that showed
 * something new (fuzz/case/mutate_case.h). In front of them come the cases of a stored corpus, as long as there are
 * some. Lanes, operators, defects and sources of values are learnt the same way. New is a feature nobody saw: a status
 * of a method, fields its reply has, the state of an enum, a status behind another (sequence_features()). Values of
 * replies go into the dictionary.
 *
 * Everything follows from the seed and the order of what is learnt. */
#ifndef FUZZ_LIVE_MAKER_H
#define FUZZ_LIVE_MAKER_H

#include "fuzz/case/mutate_case.h"
#include "fuzz/case/trace.h"
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/sequence.h"

#define MAKER_CHANGES_MAX 4    /* to one case */
#define MAKER_STORED_MAX  4096 /* cases that wait to be run */

enum maker_source { MAKER_SEQUENCE, MAKER_DRAWN, MAKER_CHANGED, MAKER_STORED, MAKER_SOURCES };

/* A case on its way, with what has to come back to the maker. */
struct made {
    struct fuzz_case c;
    enum maker_source source;
    struct sequence_plan plan; /* MAKER_SEQUENCE */
    uint64_t parent;           /* hash of the case it was made of; 0: none */
    struct case_mutated did[MAKER_CHANGES_MAX];
    size_t did_count;
};
/* What made it, in a word: "sequence", "drawn", "stored", or the last operator. Static. */
const char *made_by(const struct made *made);
enum fuzz_lane made_lane(const struct fuzz_case *c); /* of its worst message */

struct maker;
struct maker_options {
    const struct pb_pool *pool;
    const struct pb_method *const *methods; /* borrowed */
    size_t method_count;
    uint64_t seed;
    const char *context;     /* what namespaces and the like are called; NULL: "default" */
    bool access;             /* methods are meant to need a token: one that answers without is told */
    bool tenants;            /* there is a second account */
    const char *const *open; /* methods and whole services that need none all the same; NULL-terminated, may be NULL */
};
int maker_new(const struct maker_options *options, struct maker **out, struct error *err);
void maker_free(struct maker *m);
const struct sequence_graph *maker_graph(const struct maker *m);
struct sequence *maker_sequence(struct maker *m);

struct known;
/* Draws what is known of the target as well; borrowed. */
void maker_use(struct maker *m, const struct known *known);

/* In place of what `out->c` holds. ERROR_MEMORY. */
int maker_next(struct maker *m, struct made *out);
/* True: it showed something new, and is kept for changes. */
bool maker_learn(struct maker *m, const struct made *made, const struct fuzz_trace *t);
/* Kept as well, for another reason: edges of the target's code. */
void maker_keep(struct maker *m, const struct made *made);
/* To be run in front of what is made. False: there is no room for it, or no memory. */
bool maker_store(struct maker *m, const struct fuzz_case *c);
size_t maker_stored(const struct maker *m); /* that wait */

struct maker_operator {
    const char *name, *kind; /* `kind` of field: "number", "text" ... */
    int64_t cases, novel;
};
struct maker_figures {
    uint64_t cases[MAKER_SOURCES], novel[MAKER_SOURCES];
    double lanes[LANE_COUNT], sources[MAKER_SOURCES]; /* shares, now */
    size_t kept, features;
    const struct maker_operator *operators; /* borrowed until the next case is learnt from */
    size_t operator_count;
    struct sequence_figures sequences;
};
void maker_figures(const struct maker *m, struct maker_figures *out);

#endif
