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
    uint32_t key;          /* the key it fails at, or at which it gave up */
    ARRAY(size_t) witness; /* indices into the history, rising: operations that no order explains */
    bool minimal;          /* no operation of the witness can be left out */
    size_t checked;        /* operations judged; when unknown: explained so far */
    char reason[256];      /* one sentence; why it is invalid, or why it is not known */
};
void check_result_init(struct check_result *r);
void check_result_deinit(struct check_result *r);
bool check_result_add(struct check_result *r, size_t operation); /* to the witness; false: no memory */

/* What a check may cost. Looked at inside every step that can be long, not only between them. */
struct check_limits {
    size_t memory;           /* bytes beside the history */
    bool (*stop)(void *arg); /* NULL: never; true: give up now (time is up, the user wants to leave) */
    void *stop_arg;
    int64_t initial; /* what registers hold at first; VALUE_NIL: nothing */
};
#define CHECK_LIMITS_DEFAULT ((struct check_limits){.memory = (size_t)1 << 30, .initial = VALUE_NIL})

struct check_model {
    const char *name, *summary;
    uint32_t functions; /* bit 1 << enum operation_function: the operations it knows; others are an error */
    /* 0 with the verdict in *out (initialised by the caller, who may use it again), ERROR_MEMORY, or ERROR_INVALID when
     * the history has something the model does not know. */
    int (*check)(const struct history *h, const struct check_limits *limits, struct check_result *out,
                 struct error *err);
    /* The same by trying everything; for small histories; ERROR_LIMIT above what it can do. NULL: `check` is exact and
     * plain enough to be its own. */
    int (*exhaustive)(const struct history *h, const struct check_limits *limits, struct check_result *out,
                      struct error *err);
};
extern const struct check_model *const check_models[];        /* NULL-terminated */
const struct check_model *check_model_find(const char *name); /* NULL: none */

/* Linearizability of registers with unique written values, key by key: the zone test of Gibbons and Korach ("Testing
 * shared memories", 1997), exact for unique values, O(n log n). A write whose end is unknown may take effect or not. */
int check_register(const struct history *h, struct check_result *out);
/* The same by exhaustive search (Wing and Gong, 1993), for cross-checking on small histories: at most 24 operations a
 * key. */
int check_register_exhaustive(const struct history *h, struct check_result *out);
/* No acknowledged write may be gone: given the final reads (operations at or after `final_from`), every key's last
 * value must be one that no later acknowledged write must have replaced, and never absent once acknowledged. */
int check_lost_writes(const struct history *h, size_t final_from, struct check_result *out);

#endif
