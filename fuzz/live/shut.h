/* A campaign that makes rules, deletes accounts and stops services can shut itself out: the system then refuses what it
 * used to answer, and most of what is sent is wasted.
 *
 * Of each method one call that was answered OK is kept, its probe. When a method that worked refuses many calls in a
 * row (PERMISSION_DENIED, UNAUTHENTICATED, UNAVAILABLE, RESOURCE_EXHAUSTED; only calls that carry the campaign's own
 * token count), all probes are sent again while nothing else is under way. Those that are refused say that it is so;
 * then the system is started anew, empty, and the campaign goes on with all it has learnt. Starts may take a quarter of
 * the campaign's time.
 *
 * To blame may be what was OK and changes something, answered about the time between the last OK of those who refuse
 * and their first refusal. Those cases are run again on the new system one by one, the likeliest first (seldom OK, and
 * with words like "rule" or "account" in its name), until a probe is refused again: that one did it, and the system is
 * started once more. Cases with a call to a method that was found so are put by and run at the end of a slice
 * (SHUT_SLICE) or of the campaign, where being shut out costs little; one that twice did no harm there is called as all
 * others again. A system that is not ours to start is not asked by the likeliest method again. */
#ifndef FUZZ_LIVE_SHUT_H
#define FUZZ_LIVE_SHUT_H

#include "base/array.h"
#include "fuzz/live/maker.h"

#define SHUT_RECENT 4  /* calls of a method that changed something are remembered, with their cases */
#define SHUT_PUT_BY 64 /* cases; more take the place of older ones */
#define SHUT_SLICE  ((uint64_t)(20 * SECOND))

struct engine;
struct shut_change {
    struct fuzz_case c;   /* owned */
    uint64_t from, until; /* begun and answered, by the target's clock; 0: never */
};
struct shut_method {
    struct fuzz_case probe; /* owned; without events: none yet */
    int64_t oks;            /* own calls that were OK */
    int64_t refused;        /* own calls refused since one was answered otherwise */
    int64_t patience;       /* so many are looked into */
    uint64_t ok_at;         /* by the target's clock: when the latest of those was begun */
    uint64_t refused_at;    /* and the first of these */
    int64_t blamed;         /* times */
    int harmless;           /* times its cases were run and nothing was refused behind them */
    bool held;
    bool changes;                           /* by its role: */
    struct shut_change recent[SHUT_RECENT]; /* a ring */
    size_t recent_next;
};

struct shut {
    struct shut_method *methods; /* owned; one for each of the engine's */
    struct shut_change *taking;  /* of the case that is over, until shut_take() */
    struct made put_by[SHUT_PUT_BY];
    size_t put_by_count, put_by_next, held;
    bool suspected; /* to be looked into when nothing is under way */
    bool releasing; /* what was put by is run */
    bool released;  /* it was: what is refused now is its doing */
    /* By the budget's clock; in simulation by the number of calls, as if all took the same time. */
    uint64_t began, slice; /* the campaign; this system, or behind what was put by on it */
    uint64_t spent;        /* ns that starts took */
    uint64_t not_before;   /* of the next look */
};

int shut_open(struct engine *e); /* ERROR_MEMORY */
void shut_close(struct engine *e);
/* A case is over. */
void shut_case(struct engine *e, const struct fuzz_case *c, const struct fuzz_trace *t);
/* Behind it: what is to be remembered is taken from the case, which gets another's memory for it; or copied. */
void shut_take(struct engine *e, struct fuzz_case *c, bool copy);
/* Makes the next case; `ending`: the campaign has no more time but for what was put by. ERROR_NOT_FOUND: nothing is
 * left of that. */
int shut_next(struct engine *e, struct made *out, bool ending);
bool shut_due(const struct engine *e); /* shut_look() has to be called */
/* While nothing is under way: sends the probes, starts the system anew when it is shut. */
void shut_look(struct engine *e);
/* Before findings are looked into on this system, and between them: is it as open as it was? Starts it anew if not. */
void shut_mend(struct engine *e);
/* Ends the system and starts it again, empty; `gone` when that fails. hooks.anew is there. */
void shut_start_anew(struct engine *e);
/* A note about it, when there is something to tell. */
void shut_tell(struct engine *e);

#endif
