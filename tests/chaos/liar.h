/* A server between clients and a component that passes everything on, but for one lie: the way to show that a model can
 * tell a wrong server. As a program of the simulation, and on a node of its own. */
#ifndef TESTS_CHAOS_LIAR_H
#define TESTS_CHAOS_LIAR_H

#include "world/sim.h"

#define LIAR_ADDRESS "liar:9000"

/* What it does to calls of one method. `every`: to one of so many calls or messages. */
enum lie {
    LIE_STALE,   /* an answer of before once more, to the same question */
    LIE_SWALLOW, /* an empty OK, and nothing is passed on */
    LIE_SKIP,    /* a message of the answer is left out */
    LIE_TWICE,   /* a message of the answer comes twice */
    LIE_SWAP,    /* a message of the answer comes after the next one */
    LIE_DEAF,    /* messages behind the first are not passed on */
    LIE_BLIND,   /* preconditions of store.Store/Write are taken off */
    LIE_IMMORTAL /* the expiry of store.Store/Write is taken off */
};
struct liar_options {
    const char *upstream; /* address */
    const char *path;     /* "/store.Store/Read" */
    enum lie lie;
    int every;
};
/* Starts it; the options are borrowed. */
void liar_start(struct sim *s, const struct liar_options *options);

#endif
