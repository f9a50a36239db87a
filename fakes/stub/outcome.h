/* All that a stub says when it answers: replies, status, headers, how long it takes, and how it goes wrong. */
#ifndef FAKES_STUB_OUTCOME_H
#define FAKES_STUB_OUTCOME_H

#include "fakes/answer.h"
#include "fakes/stub/reply.h"

#define OUTCOME_DELAY_MAX   ((uint64_t)24 * 3600 * 1000000000U) /* ns */
#define OUTCOME_REPLIES_MAX 100000                              /* of one answer, repetitions counted */
#define OUTCOME_HEADERS_MAX 64
#define OUTCOME_BYTES_MAX   ((size_t)64 << 20) /* bytes of one answer */

enum delay_kind { DELAY_FIXED, DELAY_UNIFORM, DELAY_NORMAL, DELAY_LOGNORMAL, DELAY_EXPONENTIAL, DELAY_TEMPLATE };

struct delay {
    enum delay_kind kind;
    double a, b;  /* fixed: a; uniform: from a to b; normal: mean a, deviation b; lognormal: median a, sigma b;
                     exponential: mean a. In ns, sigma without a unit */
    uint64_t max; /* ns */
    const struct template *text; /* a duration's; empty or below 0: none */
};

struct outcome_header {
    const char *name;
    const struct template *value; /* NULL: `constant` */
    struct bytes constant;
    bool trailer;
};

struct outcome_more {               /* what few outcomes have */
    const struct template *message; /* NULL: `text` */
    const char *text;               /* or NULL */
    struct bytes details;
    const struct outcome_header *headers;
    size_t header_count;
    const struct delay *delay, *every; /* NULL: at once */
};

struct outcome {
    const struct reply *replies;
    const struct outcome_more *more; /* NULL: nothing of it */
    uint32_t reply_count;
    uint32_t turns; /* of a sequence: how often before the next */
    int status;
    enum fake_ending ending;
    bool garbage; /* a reply that is no message */
};

/* The keys an outcome may have, NULL at the end. */
extern const char *const outcome_keys[];
/* Reads the keys it knows of the map. */
int outcome_compile(struct template_compiler *c, const struct pb_pool *pool, const struct node *map,
                    struct outcome *out);
/* False: asking->why says what is wrong, and the answer is to be cleared. */
bool outcome_say(struct asking *x, const struct outcome *o, struct fake_answer *answer);

#endif
