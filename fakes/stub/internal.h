/* What a set of stubs is made of. One lock guards all of it; see stub.h for the files. */
#ifndef FAKES_STUB_INTERNAL_H
#define FAKES_STUB_INTERNAL_H

#include "base/map.h"
#include "base/random.h"
#include "fakes/stub/index.h"
#include "fakes/stub/outcome.h"
#include "fakes/stub/stub.h"

#include <pthread.h>

/* Bytes of an arena that stubs added one after the other share: a little less than its blocks of 4, 8, 16 and 32 KiB,
 * so that the next one is not begun for the last stub. */
#define BATCH_SIZE       ((size_t)58 << 10)
#define STUB_EFFECTS_MAX 64 /* of one stub */

/* Slots every method's plan begins with. */
enum { SLOT_SESSION, SLOT_CALLER, SLOT_MESSAGES, SLOT_FIXED };

/* Memory of stubs that were added together: it goes when the last of them does. */
struct batch {
    struct arena arena;
    size_t stubs;
};

struct metadata_watch {
    const char *name; /* lower case */
    int slot;
};

struct stub_method {
    const struct pb_method *method;
    struct arena arena; /* of the plan */
    struct plan plan;
    struct index index;
    ARRAY(struct metadata_watch) metadata;
    bool looks_at_messages;
    size_t stubs;
};

struct stub_use {   /* in one session */
    uint64_t count; /* answers */
    uint64_t tries; /* answers, and times its probability was against it */
    bool removed;   /* by an effect */
};

/* A state machine's part in a stub. */
struct stub_state {
    const struct template *machine;
    const char **is; /* NULL: any */
    size_t is_count;
    const struct template *becomes; /* NULL: stays */
};

struct stub_effect {
    const struct tree *add;        /* a stub, as JSON with holes; or */
    const struct template *remove; /* a name */
};

/* What few stubs have. */
struct stub_extra {
    const char *name, *session;
    double probability;
    struct stub_state *state;
    const struct stub_effect *effects;
    size_t effect_count;
    struct pattern **patterns;
    size_t pattern_count;
    uint64_t seed;
    bool seeded;
    bool at_end; /* of a stream of both sides */
    int32_t prefer;
};

enum stub_then { STUB_STICKS, STUB_CYCLES, STUB_PASSES }; /* after the last of a sequence */

/* What a call touches stands first, and what belongs to a stub lies behind it in its batch, so that one look ahead
 * (STUB_SPAN bytes) brings all of it into the cache. */
#define STUB_SPAN 448
struct stub {
    uint64_t rank, id;
    struct stub *next, *next_tier; /* in its chain */
    const struct value *keys;      /* by the group's parts */
    const struct test **tests;
    const struct outcome *outcomes;
    const struct stub_extra *extra; /* NULL: nothing of it */
    uint64_t times;                 /* 0: any */
    struct stub_use use;
    uint64_t used, last;
    uint32_t test_count, outcome_count;
    uint32_t sequence; /* answers in one round of the outcomes */
    enum stub_then then;
    uint64_t hash;
    struct stub_method *method;
    struct index_group *group;
    struct batch *batch;
    const char *file;
    int line, column;
    int32_t priority;
    bool added; /* by an effect */
};

struct session {
    const char *name;
    struct map uses;     /* id -> struct stub_use; of the session "" they are in the stubs */
    struct map states;   /* machine -> text */
    struct map counters; /* name -> struct counter */
};
struct counter {
    uint64_t value;
};

struct stub_names { /* of the stubs of one name */
    ARRAY(uint64_t) ids;
};

struct stub_row {
    uint64_t id;
    struct stub *stub; /* NULL: removed */
};

struct stub_set {
    pthread_mutex_t lock;
    const struct pb_pool *pool;
    uint64_t seed;
    struct map methods; /* path -> struct stub_method */
    struct map files;   /* their names, which are kept as long as the set -> themselves */
    struct map names;   /* name -> struct stub_names */
    struct map sessions;
    struct session *plain; /* the one named "" */
    struct patterns patterns;
    ARRAY(struct stub_row) rows; /* by id */
    size_t holes;
    uint64_t next_id;
    size_t states; /* what sessions keep: states, counters, and counts of stubs */
    struct batch *open;
    struct scan scan;     /* of the call in work */
    struct arena scratch; /* of the call in work */
    uint64_t near_at;     /* ns: when near_left was counted */
    size_t near_left;     /* stubs that may be compared before time goes on: see near.c */
};

/* A call on its way through the set. */
struct asking {
    struct stub_set *set;
    const struct fake_asked *asked;
    struct stub_method *method;
    struct session *session; /* NULL until something is kept for it */
    struct subject subject;
    struct stub *stub; /* that answers */
    struct stub_use use;
    struct random random;
    bool drawn;         /* `random` is this answer's */
    struct made *names; /* of the text in work: what let and each made */
    struct error why;   /* what a template or an effect fell over */
};

/* ---- set.c ---- */
struct stub_method *set_method(struct stub_set *s, const struct pb_method *method); /* NULL: no memory */
const char *set_file(struct stub_set *s, const char *name);                         /* NULL: no memory */
struct session *set_session(struct stub_set *s, const char *name, bool make); /* NULL: none, too many, or no memory */
struct batch *set_batch(struct stub_set *s);                                  /* the open one. NULL: no memory */
void set_batch_close(struct stub_set *s);
/* Takes the stub in, with a new id. */
int set_take(struct stub_set *s, struct stub *stub, struct error *err);
void set_drop(struct stub_set *s, struct stub_row *row);
void set_compact(struct stub_set *s);                      /* rows of dropped stubs go when they are half of all */
struct stub_row *set_row(struct stub_set *s, uint64_t id); /* NULL: none */
/* The newest stub of the name with an id below `before`. NULL: none. */
struct stub_row *set_named(struct stub_set *s, const char *name, uint64_t before);
void set_release_batch(struct stub_set *s, struct batch *b);
/* Of the asking's session. */
struct stub_use asking_use(const struct asking *x, const struct stub *stub);
bool asking_put_use(struct asking *x, struct stub *stub, struct stub_use use); /* false: no room; asking->why */
bool asking_session(struct asking *x);                                         /* makes it; false: asking->why */
const char *asking_state(const struct asking *x, const char *machine);
bool asking_put_state(struct asking *x, const char *machine, const char *state);

/* ---- compile.c: under the lock ---- */
/* Every stub of the document is taken in; on error none is. `session` is that of an effect's stubs; NULL: no effect. */
int64_t set_add_nodes(struct stub_set *s, const struct node *root, const char *session, uint64_t *first,
                      struct error *err);
/* By the full name, or by what stands behind the last dot when only one service has it. */
int find_service(const struct pb_pool *pool, const struct node *n, const char *name, const struct pb_service **out,
                 struct error *err);

/* ---- answer.c ---- */
/* Fills the scan's slots. False: malformed, or no memory (the scan says). */
bool asking_look(struct asking *x, struct stub_set *s, struct stub_method *m, const struct fake_asked *asked);
void asking_end(struct asking *x);
/* The machine and its state, NULL when the stub has none. False: its name cannot be made. */
bool asking_machine(struct asking *x, const struct stub *stub, const char **machine, const char **current);
bool state_is(const struct stub_state *state, const char *current);
bool stub_is_used_up(const struct stub *stub, struct stub_use use);
struct random *asking_random(struct asking *x); /* of this stub's this answer */

/* ---- effect.c ---- */
/* All or none. False: asking->why. The stub may be gone afterwards. */
bool effects_apply(struct asking *x, const struct stub *stub);

/* ---- near.c has its own look at a call; stub.h ---- */

/* The name as a NUL-terminated key for an enum of words. -1: none of them, and the error is set. */
int node_word(const struct node *n, const char *const *words, const char *what, struct error *err);

#endif
