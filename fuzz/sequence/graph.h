/* Which call's data can feed which: the producer-consumer graph of a system, from its descriptors alone.
 *
 * Nodes are methods. An edge leads from a value of one call to a request field of another: from a reply field (the
 * value is known when the case runs: a link), or from a request field of a call that makes things (the value was chosen
 * by us: both requests get it). For every request field all fields that fit are scored by what is alike: the same
 * field of the same message type, the same name, the owner's name in front (User.id for user_id), plural for singular,
 * a common ending; then by what the methods do (create before delete), by service, resource and package. Each reason
 * has its points; their sum, weighted by the sort of the value, ranks the edges, and the best SEQUENCE_EDGES_MAX of a
 * field are kept. sequence_explain() prints the reasons.
 *
 * After RESTler (Atlidakis, Godefroid, Polishchuk, ICSE 2019), which reads the same out of OpenAPI, with names and
 * verbs in the place of declared paths. What a run learns (learn.h) stands beside the edges, in memory that was taken
 * at the start. The graph borrows the pool. */
#ifndef FUZZ_SEQUENCE_GRAPH_H
#define FUZZ_SEQUENCE_GRAPH_H

#include "base/error.h"
#include "base/map.h"
#include "fuzz/sequence/shape.h"

#define SEQUENCE_METHODS_MAX 2048
#define SEQUENCE_EDGES_MAX   6  /* of a request field */
#define SEQUENCE_SCORE_MIN   20 /* points an edge needs */

enum sequence_edge_kind {
    EDGE_REPLY,   /* from a field of the producer's reply */
    EDGE_REQUEST, /* what the producer's request was given */
};

struct sequence_edge {
    uint16_t from, to;           /* methods, by number */
    uint16_t from_leaf, to_leaf; /* of the reply or request; of the request */
    uint8_t kind;                /* enum sequence_edge_kind */
    int16_t score;
    uint32_t reasons;       /* bits, see graph_score.c */
    uint32_t tried, worked; /* in calls whose field it fed */
};

/* Where a request field's value can come from, and how that went: one arm of a bandit each (learn.h). */
#define SEQUENCE_WORDS_OF_FIELD 6
enum sequence_source {
    SOURCE_EMPTY,                                        /* the field is left out */
    SOURCE_FRESH,                                        /* a value nobody used before */
    SOURCE_WORD,                                         /* and the following: the n-th word of the field */
    SOURCE_EDGE = SOURCE_WORD + SEQUENCE_WORDS_OF_FIELD, /* and the following: the n-th edge */
    SOURCE_COUNT = SOURCE_EDGE + SEQUENCE_EDGES_MAX
};

#define SEQUENCE_LEARNT_WORD_MAX 32                 /* bytes of a word learnt from a refusal */
struct sequence_slot {                              /* one request field of one method */
    struct sequence_edge edges[SEQUENCE_EDGES_MAX]; /* best first */
    uint8_t edge_count;
    uint8_t learnt_count; /* words taken from refusals; they stand in front of those of the table */
    char learnt[2][SEQUENCE_LEARNT_WORD_MAX];
    uint16_t good[SOURCE_COUNT], bad[SOURCE_COUNT];
};

struct sequence_method {
    const struct pb_method *method;
    enum sequence_role role;
    bool upsert;                    /* makes or changes: write, put, set */
    struct sequence_words resource; /* what it is about: "account", "block list" */
    uint32_t input, output;         /* shapes */
    struct sequence_slot *slots;    /* as many as the input's leaves */
    uint32_t tried, worked;         /* calls; and those with OK */
    uint32_t refused_unknown;       /* refusals that said something is not there */
    uint32_t statuses;              /* bit per status seen */
    bool open;                      /* known to need no token; set by its user for the checkers */
};

struct sequence_graph {
    const struct pb_pool *pool;
    struct sequence_method *methods;
    size_t method_count;
    struct sequence_shape *shapes;
    size_t shape_count;
    struct sequence_slot *slots; /* of all methods */
    size_t slot_count;
    size_t edge_count;
    struct sequence_shape *loose; /* messages no method names (loose.c) */
    size_t loose_count;
    struct map by_path; /* number of the method, from 1 */
};

struct sequence_graph_options {
    /* Methods that take part; NULL: all but those of grpc.* (health, reflection). */
    bool (*wanted)(void *arg, const struct pb_method *m);
    void *arg;
};

/* ERROR_MEMORY, ERROR_LIMIT, ERROR_NOT_FOUND: no method is wanted. */
int sequence_graph_new(const struct pb_pool *pool, const struct sequence_graph_options *options,
                       struct sequence_graph **out, struct error *err);
void sequence_graph_free(struct sequence_graph *g);

/* -1: not in the graph. */
int sequence_graph_find(const struct sequence_graph *g, const char *path);
int sequence_graph_find_bytes(const struct sequence_graph *g, struct bytes path);

static inline const struct sequence_shape *sequence_input(const struct sequence_graph *g, size_t method)
{
    return &g->shapes[g->methods[method].input];
}

static inline const struct sequence_shape *sequence_output(const struct sequence_graph *g, size_t method)
{
    return &g->shapes[g->methods[method].output];
}

/* The n-th message of the method's package that is called a request and that no method takes and no message holds: what
 * a stream may be sent behind its first message. NULL: there are not so many. */
const struct sequence_shape *sequence_loose(const struct sequence_graph *g, size_t method, size_t n);

/* The leaf an edge comes from. */
const struct sequence_leaf *sequence_edge_source(const struct sequence_graph *g, const struct sequence_edge *e);
const struct sequence_leaf *sequence_edge_target(const struct sequence_graph *g, const struct sequence_edge *e);
/* The best edge between the two methods; NULL: none was kept. */
const struct sequence_edge *sequence_graph_edge(const struct sequence_graph *g, const char *from, const char *to);
/* The two are about the same thing: by resource, or by the service when one names none. */
bool sequence_same_resource(const struct sequence_graph *g, size_t a, size_t b);

/* Why: a line per edge between the methods, with the points of each reason and what was learnt. NULL for `from`: all
 * edges that lead to `to`. */
void sequence_explain(const struct sequence_graph *g, const char *from, const char *to, struct text *out);
/* A line per method: role, resource, calls, how many were OK, statuses seen. */
void sequence_graph_print(const struct sequence_graph *g, struct text *out);

#endif
