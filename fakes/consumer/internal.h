/* What the consumer's files share: consumer.c calls become interactions, book.c interactions are kept together,
 * hear.c calls come from doubles, http.c those that came by HTTP, write.c the pact goes to its folder. */
#ifndef FAKES_CONSUMER_INTERNAL_H
#define FAKES_CONSUMER_INTERNAL_H

#include "base/map.h"
#include "fakes/consumer/consumer.h"
#include "fakes/consumer/plugin.h"

#include <pthread.h>

/* A pact whose interactions are found by what they are known by. */
struct book {
    struct pact *pact; /* owned */
    struct map known;  /* description and states -> place among the interactions + 1, as a pointer */
};
int book_open(struct book *b, struct pact *pact); /* takes the pact, also when it fails */
void book_close(struct book *b);
/* Puts all interactions of a pact into it. `output` is what replies are read as; NULL: as the pact's own contracts say.
 */
int book_put(struct book *b, const struct pact *from, const struct pb_type *output, struct error *err);

/* A rule or a generator, as a pact has it. */
struct consumer_said {
    struct consumer_place where;
    json_t *what;
};
/* A call of a double that has not settled. */
struct hearing {
    const void *call;
    struct consumer *consumer;
    const struct pb_method *method;
    struct text request, replies, message, details;
    ARRAY(size_t) ends;
    ARRAY(size_t) reply_ends;
    ARRAY(struct fake_header) answered; /* owned */
    ARRAY(struct fake_header) metadata; /* owned */
    bool failed, passed_over;
    enum fake_ending ending;
    struct hearing *next;
};

struct consumer {
    pthread_mutex_t lock;
    struct arena arena; /* what was said of calls */
    const char *name, *provider, *about;
    ARRAY(const char *) owned; /* all that `about` has been */
    struct map counts;         /* method -> calls under `about`, as a pointer */
    bool all;
    struct book book;
    ARRAY(struct consumer_said) rules;
    ARRAY(struct consumer_said) generators;
    json_t *given; /* a list of states, as a pact has it; NULL: none */
    ARRAY(const char *) kept;
    struct hearing *hearings;
    size_t passed_over;
    struct error failed; /* the first */
};

void hearing_free(struct consumer *c, struct hearing *h); /* and out of the list */
bool consumer_keeps(const struct consumer *c, struct bytes header);

/* http.c: an interaction of HTTP, new; NULL: no memory. */
bool consumer_is_http(const struct consumer_call *call);
json_t *consumer_http_interaction(const struct consumer *c, const struct consumer_call *call, const char *description);

/* Under the lock. */
int consumer_put(struct consumer *c, const struct consumer_call *call, struct error *err);

#endif
