/* One key's set as its reads and changes tell of it: what set.c gathers, and the two ways it is judged. */
#ifndef CHAOS_CHECK_SET_INSIDE_H
#define CHAOS_CHECK_SET_INSIDE_H

#include "chaos/check/inside.h"

#define NO_OPERATION UINT32_MAX

struct element {
    int64_t value;
    uint64_t from, to; /* f and s */
    uint64_t seen;     /* the latest invocation of what saw it */
    uint32_t add, remove;
    uint32_t first, last;   /* the operations f and s come from */
    uint32_t inside;        /* reads that saw it between f and s */
    uint32_t seen_at;       /* the read that listed it last, to find it listed twice */
    uint32_t removed_again; /* a second removal that ended ok */
    bool present;           /* something saw it */
};

struct set {
    const struct history *h;
    uint32_t key;
    const uint32_t *operations;
    size_t count;
    struct table values;
    ARRAY(struct element) elements;
    ARRAY(uint32_t) reads; /* that ended ok, by invocation */
    bool removes, repeated;
};

/* "value 7 of k1 `what`". */
void set_fail(const struct set *s, const struct element *e, const size_t *witness, size_t count, const char *what,
              struct check_result *out);
/* Each value by itself. 0, ERROR_MEMORY, or ERROR_CANCELLED. */
int set_check_elements(struct set *s, const struct check_limits *limits, struct check_result *out);
/* Nothing is removed: reads are snapshots that only grow. 0 or ERROR_MEMORY. */
int set_check_growing(struct set *s, struct check_result *out);

#endif
