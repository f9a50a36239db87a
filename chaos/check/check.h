/* Checkers: pure functions from a history to a verdict, with a witness. A checker reads no clock, draws no number and
 * touches no file: the same history gives the same result.
 *
 * Each model says what an object is (a register, a log, a lock) and which operations it has. A fast path that is not
 * the search itself has an exhaustive twin for small histories; check_twin_test compares the two. docs/histories.md. */
#ifndef CHAOS_CHECK_CHECK_H
#define CHAOS_CHECK_CHECK_H

#include "chaos/history/history.h"

enum verdict { VERDICT_VALID, VERDICT_INVALID, VERDICT_UNKNOWN };
const char *verdict_name(enum verdict v);

struct check_result {
    enum verdict verdict;
    uint32_t key; /* the key it fails at, or at which it gave up */
    ARRAY(size_t)
    witness;        /* indices into the history, rising: operations that no order explains, even when all others
                       may have happened or not */
    bool minimal;   /* proven: no operation of the witness can be left out (chaos/check/witness.h says what that is) */
    size_t checked; /* operations judged; when unknown: explained so far */
    char reason[256]; /* one sentence; why it is invalid, why it is not known; when valid: what was not looked at,
                         empty when the verdict is the model's whole statement */
};
void check_result_init(struct check_result *r);
void check_result_deinit(struct check_result *r);
bool check_result_add(struct check_result *r, size_t operation); /* to the witness; false: no memory */

/* What a check may cost, and what it has to know beside the history. The costs are looked at inside every step that can
 * be long, not only between them. */
struct check_limits {
    size_t memory;           /* bytes beside the history */
    bool (*stop)(void *arg); /* NULL: never; true: give up now (time is up, the user wants to leave) */
    void *stop_arg;
    int64_t initial;     /* what registers hold at first; VALUE_NIL: nothing */
    uint64_t converged;  /* convergence: reads invoked at or after this time have to agree */
    uint64_t redelivery; /* broker: a message not acknowledged comes again within this many ns; TIME_NEVER: no rule */
};
#define CHECK_LIMITS_DEFAULT                                                                                           \
    ((struct check_limits){.memory = (size_t)1 << 30, .initial = VALUE_NIL, .redelivery = TIME_NEVER})

/* How operations of a witness hang together (chaos/check/witness.h). */
enum check_bonds {
    BONDS_NONE,
    BONDS_VALUES,   /* a queue's: what has one value */
    BONDS_SESSIONS, /* a lock's: an acquisition and its release */
    BONDS_TOKENS,   /* who shows a token, and who was given it */
};

struct machine;
struct budget;
/* One key's operations, rising; `with` is the judge's own. 0 with the verdict, or an error's code. */
typedef int check_one_key(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                          struct budget *b, struct check_result *out, struct error *err);

struct check_model {
    const char *name, *summary;
    uint32_t bytes;     /* it takes at most that for each operation and item of a list, beside what it searches with */
    uint32_t functions; /* bit 1 << enum operation_function: the operations it knows; others are an error */
    enum check_bonds bonds;
    uint32_t keeps; /* functions that stand beside every witness, and are not part of it */
    /* 0 with the verdict in *out (initialised by the caller, who may use it again), ERROR_MEMORY, or ERROR_INVALID when
     * the history has something the model does not know. */
    int (*check)(const struct history *h, const struct check_limits *limits, struct check_result *out,
                 struct error *err);
    check_one_key *check_key; /* instead of `check`: each key by itself, with `with` */
    const void *with;
    /* The same by trying everything, or by looking at every pair; for small histories; unknown above its limits. Either
     * a machine for the search for an order (chaos/check/search.h) or a function; neither: `check` is exact and plain
     * enough to be its own. */
    const struct machine *twin;
    int (*exhaustive)(const struct history *h, const struct check_limits *limits, struct check_result *out,
                      struct error *err);
};
extern const struct check_model *const check_models[];        /* NULL-terminated */
const struct check_model *check_model_find(const char *name); /* NULL: none */
/* Refuses operations the model does not know, then runs its check. `limits` NULL: the default. */
int check_run(const struct check_model *m, const struct history *h, const struct check_limits *limits,
              struct check_result *out, struct error *err);

bool check_has_twin(const struct check_model *m);
int check_exhaustive(const struct check_model *m, const struct history *h, const struct check_limits *limits,
                     struct check_result *out, struct error *err); /* the model must have a twin */

/* Linearizability of registers with unique written values, key by key: the zone test of Gibbons and Korach ("Testing
 * shared memories", 1997), exact for unique values, O(n log n). A write whose end is unknown may take effect or not.
 * Operations that are neither reads nor writes are left aside. */
int check_register(const struct history *h, struct check_result *out);
/* No acknowledged write may be gone: given the final reads (operations at or after `final_from`), every key's last
 * value must be one that no later acknowledged write must have replaced, and never absent once acknowledged. */
int check_lost_writes(const struct history *h, size_t final_from, struct check_result *out);

#endif
