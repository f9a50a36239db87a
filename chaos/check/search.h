/* The exhaustive search for an order: Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's
 * memory of where it has been ("Testing for linearizability", 2017), over any object given as a small state machine. It
 * is the twin that fast checkers are compared with, and what they fall back on where they do not apply.
 *
 * Places are remembered as 128-bit hashes of (operations done, state): two different places agree with probability
 * below 2^-100 per pair, which is the only way it can be wrong. */
#ifndef CHAOS_CHECK_SEARCH_H
#define CHAOS_CHECK_SEARCH_H

#include "chaos/check/inside.h"

/* A state is a sequence of numbers that must be the same for equal states. */
struct state {
    int64_t *items;
    size_t count, capacity;
    bool failed; /* no memory; sticky until looked at by the search */
};
void state_push(struct state *s, int64_t item);
void state_remove(struct state *s, size_t i); /* order kept */
void state_insert(struct state *s, size_t i, int64_t item);
size_t state_find(const struct state *s, int64_t item); /* s->count: not there */

enum role {
    ROLE_NONE, /* says nothing: left out */
    ROLE_MUST, /* has taken effect within its time */
    ROLE_MAY,  /* may have taken effect, at any time since it was invoked */
};

struct machine {
    const char *name;
    enum role (*role)(const struct history *h, const struct operation *o);
    void (*start)(const struct check_limits *limits, struct state *s); /* `s` is empty; NULL: stays so */
    /* False: not possible in this state (which may then be spoilt). `choice` counts from 0: an operation that can go
     * several ways is asked with each below choices(). */
    bool (*step)(const struct history *h, const struct operation *o, size_t choice, struct state *s);
    size_t (*choices)(const struct history *h, const struct operation *o, const struct state *s); /* NULL: 1 */
};

/* One key's operations, rising. 0 with the verdict, or ERROR_MEMORY. Invalid: the witness is the operation that had to
 * end first where the longest order stopped. */
int search_key(const struct machine *m, const struct history *h, const uint32_t *operations, size_t count,
               struct budget *b, struct check_result *out);
/* Every key. */
int search(const struct machine *m, const struct history *h, const struct check_limits *limits,
           struct check_result *out);

extern const struct machine machine_register, machine_registers, machine_mutex, machine_lock, machine_fencing,
    machine_set, machine_queue, machine_bag, machine_counter, machine_token, machine_redeem_once, machine_token_exact,
    machine_redeem_once_exact;

#endif
