/* What the checkers share: a budget, values and keys by number, operations split by key, sentences. Nothing here is
 * for callers of chaos/check/check.h. */
#ifndef CHAOS_CHECK_INSIDE_H
#define CHAOS_CHECK_INSIDE_H

#include "chaos/check/check.h"

/* ---- what a check may cost ---- */

#define BUDGET_STEPS 8192 /* basic steps between two looks at stop() */

struct budget {
    const struct check_limits *limits;
    size_t memory; /* bytes taken now */
    uint32_t steps;
    bool stopped, full; /* why no more is to be had */
};
struct budget budget_of(const struct check_limits *limits);
/* False: stop. */
static inline bool budget_step(struct budget *b)
{
    if (++b->steps < BUDGET_STEPS)
        return !b->stopped;
    b->steps = 0;
    if (b->limits->stop != NULL && b->limits->stop(b->limits->stop_arg))
        b->stopped = true;
    return !b->stopped;
}
/* Counts bytes in (before they are taken) and out. False: the limit would be passed; nothing is counted. */
bool budget_take(struct budget *b, size_t bytes);
void budget_give(struct budget *b, size_t bytes);
/* The verdict "unknown" with why, and what was explained. */
void budget_unknown(const struct budget *b, struct check_result *out, uint32_t key, size_t checked);

/* For loops over operations: asked to stop, looked at now and then. */
static inline bool stop_asked(const struct check_limits *limits, size_t i)
{
    return i % BUDGET_STEPS == BUDGET_STEPS - 1 && limits->stop != NULL && limits->stop(limits->stop_arg);
}

/* ---- pairs of key and value by number ---- */

#define TABLE_NONE UINT32_MAX

/* Numbers from 0 in order of first use. Open addressing, never more than half full; values written one after the other
 * stay neighbours. */
struct table {
    struct table_entry {
        int64_t value;
        uint32_t key;
    } * entries;
    uint32_t *slots; /* entry + 1; 0: free */
    size_t count, slot_count;
};
void table_deinit(struct table *t);
uint32_t table_find(const struct table *t, uint32_t key, int64_t value); /* TABLE_NONE: not there */
uint32_t table_add(struct table *t, uint32_t key, int64_t value);        /* found or new; TABLE_NONE: no memory */

/* ---- operations by key ---- */

/* operations[starts[i]] to operations[starts[i + 1]] are those of the i-th key met, in the history's order. */
struct split {
    uint32_t *operations;
    size_t *starts;
    size_t count; /* of keys */
};
/* ERROR_MEMORY, ERROR_CANCELLED, or ERROR_LIMIT above 2^32 - 2 operations. */
int split_by_key(const struct history *h, const struct check_limits *limits, struct split *out);
void split_deinit(struct split *s);
/* The model's check, without what check_run() does before and behind it. */
int check_judge(const struct check_model *m, const struct history *h, const struct check_limits *limits,
                struct check_result *out, struct error *err);
/* Judges one key after the other until one is invalid, the budget is used up, or `judge` fails. A key whose verdict is
 * unknown does not hide a later one that is invalid. */
int check_each_key(const struct history *h, const struct check_limits *limits, check_one_key *judge, const void *with,
                   struct check_result *out, struct error *err);

/* Indices into the history ordered by when they ended (TIME_NEVER last), ties in the history's order. Sorts in place;
 * `spare` has room for as many; nearly ordered input is cheap. */
void sort_by_end(const struct history *h, uint32_t *operations, size_t count, uint32_t *spare);

/* ---- words ---- */

#define WORD_MAX ((size_t)64)
typedef char word[WORD_MAX]; /* a value's or a key's name, cut when longer */
const char *value_word(const struct history *h, int64_t value, word out);
const char *key_word(const struct history *h, uint32_t key, word out);

/* The verdict "invalid" with its witness and one sentence. No memory for the witness: the verdict stands without. */
void say_invalid(struct check_result *out, uint32_t key, const size_t *witness, size_t count, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static inline bool ended_before(const struct operation *a, const struct operation *b)
{
    return a->ended < b->invoked;
}
/* It may have happened: it ended ok, or nobody knows. */
static inline bool may_have_happened(const struct operation *o)
{
    return o->end != END_FAIL;
}

/* check_register() with limits. *repeated: a value was written twice, or nil was: the verdict says nothing. */
int check_zones_of(const struct history *h, const struct check_limits *limits, bool *repeated,
                   struct check_result *out);

extern const struct check_model model_register, model_cas_register, model_mutex, model_lock, model_fencing, model_set,
    model_set_elements, model_queue, model_unordered_queue, model_at_most_once, model_at_least_once, model_counter,
    model_log, model_broker, model_pubsub, model_pubsub_reliable, model_watch, model_token, model_redeem_once,
    model_token_exact, model_redeem_once_exact, model_session, model_convergence, model_multi_register;

/* The rules of some models once more, by looking at every pair: their twins (rules.c). */
#define RULES(name)                                                                                                    \
    int rules_##name(const struct history *h, const struct check_limits *limits, struct check_result *out,             \
                     struct error *err)
RULES(at_most_once);
RULES(at_least_once);
RULES(log);
RULES(broker);
RULES(pubsub);
RULES(pubsub_reliable);
RULES(watch);
RULES(session);
RULES(convergence);

/* Per operation and list item, with tables and arrays that double; a million took up to 64 resident. */
#define MODEL_BYTES     256
#define KNOWS(function) (UINT32_C(1) << OPERATION_##function)

#endif
