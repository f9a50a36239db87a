/* One pass of the frontier (chaos/check/frontier.h tells the method) along the events of one register. */
#ifndef CHAOS_CHECK_FRONTIER_RUN_H
#define CHAOS_CHECK_FRONTIER_RUN_H

#include "chaos/check/inside.h"

#define TASK_NONE UINT32_MAX

enum task_kind {
    TASK_READ,  /* sees `from` */
    TASK_OTHER, /* sees anything but `from`: a cas that failed */
    TASK_WRITE, /* makes `to` */
    TASK_CAS,   /* makes `to` of `from` */
};

/* An operation as the frontier sees it. Values are numbers from 0. */
struct task {
    uint32_t operation; /* of the history */
    uint32_t from, to;
    uint32_t call, end; /* events; `end` TASK_NONE: it has none */
    uint16_t slot;      /* a number among those open at a time */
    uint8_t kind;
    bool must; /* false: it may have happened or not */
};

/* What does not change from pass to pass. */
struct course {
    const struct history *h;
    struct task *tasks;
    uint32_t *events; /* task * 2, + 1 where it ends; in the order of time */
    uint32_t *first;  /* for each value: the first event at which something that makes it was invoked */
    size_t task_count, event_count, value_count;
    size_t slots, words; /* most tasks open at a time; 64-bit words for as many bits */
    uint32_t initial;    /* value */
};

/* ERROR_MEMORY, or ERROR_LIMIT: too many operations are open at a time. To be deinited in any case. */
int course_prepare(struct course *c, const uint32_t *operations, size_t count, int64_t initial);
void course_deinit(struct course *c);
/* The same course, of which only one value is told from all others: a register of two values, which every order of the
 * true one explains as well. What neither makes nor looks at that value becomes a look at the others. It has so few
 * configurations that it often proves by itself that the value cannot be there. `out` is zeroed, or holds another
 * narrow course of the same one; its events are those of `c`. 0, ERROR_MEMORY, or ERROR_CANCELLED: no room. */
int course_narrow(const struct course *c, uint32_t value, struct budget *b, struct course *out);

struct pass_options {
    size_t width;     /* configurations kept */
    size_t tokens;    /* of one configuration */
    size_t trails;    /* looked at for one demand of one configuration */
    size_t begin;     /* the first event; tasks open there are free, unless it is a saved frontier */
    size_t stop;      /* the event not to go past */
    const bool *keep; /* for each task: it has to be placed; NULL: all that must */
};

struct saved_frontier {
    size_t event;
    uint64_t *configurations;
    size_t count, stride;
};

enum pass_end { PASS_THROUGH, PASS_DIED, PASS_BUDGET, PASS_NO_MEMORY };

struct pass {
    const struct course *course;
    struct budget *budget;
    struct pass_options options;
    size_t stride;   /* words of a configuration */
    bool overflowed; /* something was left out: a death proves nothing */
    size_t event;    /* where it is */
    size_t widest;

    /* The open tasks. Masks have course->words words, per slot or per value. */
    uint32_t *task_of;                                  /* by slot; TASK_NONE: free */
    uint16_t *previous, *next;                          /* by slot, in the order of invocation */
    uint16_t newest;                                    /* SLOT_NONE: none is open */
    uint64_t *older;                                    /* by slot: itself and those invoked before it */
    uint64_t *cas_from, *write_to, *read_of, *other_of; /* by value */
    uint64_t *all_writes, *all_cas, *all_others;
    uint32_t *reach; /* by value: == reach_stamp: what is demanded can be reached from it */
    uint32_t reach_stamp;

    struct frontier {
        uint64_t *configurations;
        uint32_t *chain; /* next of the same bucket */
        bool *dead;
        size_t count, capacity, alive;
    } now, later;
    uint32_t *buckets;
    size_t bucket_count;
    struct trail_set {
        uint64_t *items;
        uint32_t *chain, *buckets, *stamps;
        uint32_t stamp;
        size_t count, capacity;
    } trails;
    size_t taken; /* bytes counted in the budget */
};

/* Starts at options.begin with every value possible there, or at 0 with the initial one. 0, ERROR_MEMORY, or
 * ERROR_CANCELLED when the budget has no room. */
int pass_init(struct pass *p, const struct course *c, struct budget *b, const struct pass_options *options,
              const struct saved_frontier *from);
void pass_deinit(struct pass *p);
/* Goes up to options.stop, or to `pause` if that is earlier. PASS_DIED: no configuration survives p->event. */
enum pass_end pass_run(struct pass *p, size_t pause);
/* One whole pass that knows nothing of what was before options.begin; *proof: it died and nothing was left out, so that
 * what it was given is invalid. 0, ERROR_MEMORY or ERROR_CANCELLED. */
int pass_proves(const struct course *c, struct budget *b, const struct pass_options *options, enum pass_end *end,
                bool *proof);
/* False: no memory. */
bool pass_save(const struct pass *p, struct saved_frontier *out);

#endif
