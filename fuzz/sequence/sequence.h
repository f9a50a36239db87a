/* Sequences of calls as test cases, from the graph: producers before what they feed, and what a run learns of them.
 *
 * First breadth: each method alone, then each good edge as a pair, then sequences that worked made longer by one call,
 * up to SEQUENCE_CALLS_MAX. Afterwards by learnt success: a method and the source of each field are drawn by Thompson
 * sampling (Thompson 1933: a draw from the Beta distribution of an arm's successes and failures), the edges' scores
 * being what is believed at first. Refusals teach what a call needs (refusal.h): a field that is missing is filled, for
 * what is not found a producer goes before, what exists is made afresh. Now and then a sequence that worked is followed
 * by the probe of a checker (check.h).
 *
 * All memory is taken at the start but for the cases themselves: SEQUENCE_KEPT_MAX sequences are kept, as the sources
 * of their values and not as bytes, so that each time they are made anew; the oldest makes room. A case may be mutated
 * before it runs, or be somebody else's: it teaches as well.
 *
 * A plan says which source each field of a case made here has; it goes back with the trace. The caller owns both, so
 * that as many cases may be under way as one likes. */
#ifndef FUZZ_SEQUENCE_SEQUENCE_H
#define FUZZ_SEQUENCE_SEQUENCE_H

#include "base/random.h"
#include "fuzz/case/case.h"
#include "fuzz/case/trace.h"
#include "fuzz/sequence/graph.h"

#define SEQUENCE_CALLS_MAX 6 /* of a sequence, without a checker's probe */
#define SEQUENCE_PLAN_MAX  8 /* calls a plan can tell of */
#define SEQUENCE_KEPT_MAX  256
#define SEQUENCE_WAIT      UINT64_C(5000000) /* ns a watching stream is listened to before the case goes on */

struct sequence_plan {
    uint16_t calls; /* the case's first ones */
    struct {
        uint16_t method;
        uint8_t source[SEQUENCE_LEAVES_MAX]; /* enum sequence_source of each request field */
    } call[SEQUENCE_PLAN_MAX];
    const struct sequence_checker *probe; /* whose probe stands at the end; NULL: none */
};

struct sequence;
struct sequence_options {
    uint64_t seed;
    const char *context; /* what namespaces, domains and the like are called; NULL: "default" */
};
int sequence_new(struct sequence_graph *g, const struct sequence_options *options, struct sequence **out,
                 struct error *err);
void sequence_free(struct sequence *s); /* not the graph */
struct sequence_graph *sequence_graph_of(struct sequence *s);

/* Words of the program under test, lower case and without quotes: names and the members of objects are drawn from them
 * now and then. Borrowed for as long as cases are made. */
void sequence_use(struct sequence *s, const char *const *words, size_t count);
/* Words of what the system stored, which are likelier to mean something: every second word is one of them. */
void sequence_use_stored(struct sequence *s, const char *const *words, size_t count);

/* The next case, in place of what `out` holds. ERROR_MEMORY. */
int sequence_next(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan);
/* What came of it. `plan` NULL: the case was made elsewhere. */
void sequence_learn(struct sequence *s, const struct fuzz_case *c, const struct fuzz_trace *t,
                    const struct sequence_plan *plan);

struct sequence_figures {
    size_t cases, calls;     /* learnt from */
    size_t kept;             /* sequences that worked */
    size_t level;            /* calls of the breadth in work; 0: breadth is done */
    size_t methods, reached; /* methods; those that were OK at least once */
    size_t longest;          /* calls of the longest sequence that worked */
};
void sequence_figures(const struct sequence *s, struct sequence_figures *out);
/* The i-th sequence that worked: its methods and where their fields' values came from. NULL: there are not so many. */
const struct sequence_plan *sequence_kept(const struct sequence *s, size_t i);

/* OK, or a stream that went on until we left it. */
bool sequence_call_worked(const struct trace_call *c);

/* A call of `method` at the case's end, fed by the calls before it: with HALF_CLOSE and AWAIT. `sources`: of each
 * request field (SOURCE_COUNT: drawn), NULL: all drawn; on return what was used. `flags`: EVENT_NO_TOKEN ... The
 * call's number, or ERROR_MEMORY, ERROR_LIMIT. */
int sequence_append(struct sequence *s, struct fuzz_case *c, size_t method, uint8_t *sources, uint16_t flags);

#endif
