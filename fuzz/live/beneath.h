/* What the system keeps beneath its services: a service that stores values for the others, seen through its own
 * methods.
 *
 * It is known by its contract: a method that reads answers with messages that have a key and bytes, and one of the same
 * service that writes takes the same two fields. Where things are (databases, tables) is told by its methods that list
 * them. Everything that can be read is then shown to whoever asks: names of the members of stored JSON are words that
 * mean something to the services (sequence_use_stored()), and values are damaged and written back (damage.c).
 *
 * Looking runs the loop and changes nothing. What cannot be found out is not known: nothing here fails. */
#ifndef FUZZ_LIVE_BENEATH_H
#define FUZZ_LIVE_BENEATH_H

#include "fuzz/live/engine.h"

#define BENEATH_CONTEXTS 4   /* fields that say where: database, table */
#define BENEATH_PLACES   256 /* that are looked at */
#define BENEATH_WORDS    512 /* names of members */

/* Leaves of the methods' requests and replies, by number; -1: there is none. */
struct beneath_store {
    int read, write;            /* methods of the graph */
    int key, value;             /* of read's reply */
    int read_key;               /* of its request */
    int begins, ends;           /* flags there: the key is how keys begin, how they end */
    int write_key, write_value; /* of write's request */
    int contexts[BENEATH_CONTEXTS], write_contexts[BENEATH_CONTEXTS];
    size_t context_count;
};

/* False: no such service, or its methods do not take part. */
bool beneath_find(const struct sequence_graph *g, struct beneath_store *out);

/* One place: a text for each context, "" what goes without saying. */
struct beneath_place {
    const char *names[BENEATH_CONTEXTS];
};

/* Each record that can be read; `one` until it returns false. All is borrowed for the call. */
void beneath_each(struct engine *e, const struct beneath_store *s,
                  bool (*one)(void *arg, const struct beneath_place *place, struct bytes key, struct bytes value),
                  void *arg);
/* Puts a text into the request's leaf, numbers as digits. False: it cannot be. */
bool beneath_put(const struct sequence_shape *request, int leaf, struct bytes text, struct text *message);
/* The request that reads one key, or everything with `key` NULL data; without its key where that is linked. */
bool beneath_read(const struct sequence_graph *g, const struct beneath_store *s, const struct beneath_place *place,
                  struct bytes key, struct text *message);

/* Words of the stored values: looked for as cases go by, while nothing is under way. */
bool beneath_due(const struct engine *e);
void beneath_look(struct engine *e);
void beneath_deinit(struct beneath *b);

/* damage.c. Behind everything else, on a system started anew, which is left damaged: what another service stored is
 * changed there, by links that damage (fuzz/case/links.h), and the service is asked again. */
void damage_run(struct engine *e);

#endif
