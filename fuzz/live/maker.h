/* Where a campaign's cases come from, and what it learns from what they led to.
 *
 * Three sources, their shares learnt (fuzz/message/bandit.h): sequences that feed replies forward
 * (fuzz/sequence/sequence.h), whole cases drawn at random (fuzz/case/generate_case.h), and changes to cases that showed
 * something new (fuzz/case/mutate_case.h). New is a feature nobody saw: a status of a method, fields its reply has, the
 * state of an enum, a status behind another (sequence_features()). Values of replies go into the dictionary.
 *
 * Everything follows from the seed and the order of what is learnt. */
#ifndef FUZZ_LIVE_MAKER_H
#define FUZZ_LIVE_MAKER_H

#include "fuzz/case/trace.h"
#include "fuzz/sequence/check.h"
#include "fuzz/sequence/sequence.h"

enum maker_source { MAKER_SEQUENCE, MAKER_DRAWN, MAKER_CHANGED, MAKER_SOURCES };

/* A case on its way, with what has to come back to the maker. */
struct made {
    struct fuzz_case c;
    enum maker_source source;
    struct sequence_plan plan; /* MAKER_SEQUENCE */
};

struct maker;
struct maker_options {
    const struct pb_pool *pool;
    const struct pb_method *const *methods; /* borrowed */
    size_t method_count;
    uint64_t seed;
    const char *context; /* what namespaces and the like are called; NULL: "default" */
    bool access;         /* methods are meant to need a token: one that answers without is told */
};
int maker_new(const struct maker_options *options, struct maker **out, struct error *err);
void maker_free(struct maker *m);
const struct sequence_graph *maker_graph(const struct maker *m);

/* In place of what `out->c` holds. ERROR_MEMORY. */
int maker_next(struct maker *m, struct made *out);
void maker_learn(struct maker *m, const struct made *made, const struct fuzz_trace *t);

struct maker_figures {
    uint64_t cases[MAKER_SOURCES], novel[MAKER_SOURCES];
    size_t kept;
    struct sequence_figures sequences;
};
void maker_figures(const struct maker *m, struct maker_figures *out);

#endif
