/* The live campaign's inside: slots that each have one case under way, what is kept about methods, and findings.
 *
 * As many cases are at work as the user says. One that only pauses or listens does not count (live_door.h): others are
 * begun meanwhile, up to RESTING_MORE times as many in all, so that the wire is always full.
 *
 * The campaign goes in turns: cases run side by side until something has to be done while nothing else is under way
 * (a case's edges told from others', the user's invariant asked), then that is done, then they go on. */
#ifndef FUZZ_LIVE_ENGINE_H
#define FUZZ_LIVE_ENGINE_H

#include "base/array.h"
#include "base/map.h"
#include "base/random.h"
#include "fuzz/fuzz.h"
#include "fuzz/live/cost.h"
#include "fuzz/live/feedback.h"
#include "fuzz/live/journal.h"
#include "fuzz/live/judge.h"
#include "fuzz/live/known.h"
#include "fuzz/live/latency.h"
#include "fuzz/live/live_door.h"
#include "fuzz/live/maker.h"
#include "fuzz/live/shut.h"
#include "fuzz/live/stored.h"

struct method_tally {
    const struct pb_method *method;
    const struct target_component *component;
    int64_t calls, answered, findings; /* `answered`: by the method itself */
    int64_t statuses[FUZZ_STATUSES];
    struct text refusal;          /* what it said first, for "why nothing succeeded" */
    const char *refusing;         /* the field that names; NULL: none. Borrowed from the graph */
    struct fuzz_latency *latency; /* owned, until the summary has it; NULL: nothing was answered yet */
};

struct fuzz_finding {
    struct fuzz_case c; /* owned; reduced later */
    const struct pb_method *method;
    const struct target_component *component;
    const char *oracle, *defect; /* static */
    char *why;                   /* owned */
    struct text also;            /* methods or defects that show the same */
    int64_t count;               /* 0: a suspect that was cleared, or it was told under another one */
    int64_t crash;               /* the crash this case is suspected of, from 1; 0: none */
    bool repeats;                /* it came again when it was run alone */
    bool settled;                /* that was tried, and it was made smaller */
    enum fuzz_confirmation confirmation;
};

/* What it is about: "store.Store/Read", or the component whose connections were broken. */
static inline const char *finding_subject(const struct fuzz_finding *f)
{
    return f->method != NULL ? f->method->path + 1 : f->component->name;
}

/* A case some call of which broke off or was ended by us while its component still seemed well. */
struct lost_case {
    const struct target_component *component; /* NULL: none, what it had is only memory for the next one */
    struct fuzz_case c;                       /* owned */
    uint64_t at;
};

struct component_watch {
    const struct target_component *component;
    int64_t process;  /* its number when last looked */
    bool down;        /* it was seen to be gone and not seen since */
    bool left;        /* calls to it ended before it said so: it may not have read yet what they sent */
    uint64_t down_at; /* since when */
};

struct engine;
struct slot {
    struct engine *engine;
    struct made made;
    struct fuzz_trace trace;
    uint32_t journal; /* its number there */
    bool busy;
};

/* Doors that are still to be gone through below the calls, see below.h. */
struct below_door {
    const struct target_component *component;
    const char *url; /* NULL: the gRPC door */
    bool json;       /* the system's gateway; without a URL: all gRPC doors, which are spoken to in JSON */
    bool ran;
    uint64_t duration; /* ns */
    int64_t findings;  /* told for sure */
};
struct below {
    struct below_door *doors; /* owned; taken from the end */
    size_t count, left;
    uint64_t share, next; /* ns of each; when it is the next one's turn */
    struct random random;
};

/* Words of what the system keeps beneath its services, see beneath.h. */
struct beneath {
    struct arena arena;
    ARRAY(const char *) words;
    struct map seen;
    int64_t next; /* to be looked for when so many cases are over */
};

struct engine {
    struct target *target;
    struct fuzz_options options;
    struct fuzz_summary *summary;
    struct method_tally *tallies;
    const struct pb_method **methods;
    size_t method_count;
    struct maker *maker;
    struct fuzz_door *door;
    struct stored store;
    struct feedback feedback;
    struct cost cost;
    struct below below;
    struct known facts; /* about the target */
    struct beneath beneath;
    struct journal journal;
    struct shut shut;
    struct slot *slots, **idle; /* `idle`: those without a case, taken from the end */
    size_t slot_count, idle_count;
    size_t in_flight; /* cases at work at a time; those that rest come on top */
    bool gone;        /* a component was down for so long that nobody will start it again */
    bool stopping, pausing;
    int failed;            /* why no more cases could be made or sent; 0 */
    uint64_t settle_until; /* findings are run again until then; 0: not yet known */
    bool patient;          /* the last time before it is told: who is only slow gets time to answer */
    uint64_t started, deadline, novel_at, next_point, point_step, next_word; /* by the budget's clock */
    int64_t methods_ok, invariant_at;
    bool invariant_broken;
    struct world_timer tick;
    int64_t calls_at_tick, calls_at_word, kept_at_word;
    struct map known; /* finding by its identity */
    ARRAY(struct fuzz_finding *) findings;
    ARRAY(struct lost_case) lost; /* the latest: a ring once it is full */
    size_t lost_next;
    int64_t crashes;
    size_t told;             /* findings with a number */
    size_t settled_findings; /* the first ones, which were told */
    struct component_watch *watches;
    size_t watch_count;
};

struct engine_verdict {
    const char *oracle, *defect;
    const struct pb_method *method; /* NULL: of connections, see below.h */
    const struct target_component *component;
};
/* A finding by the gravest oracle: of a call, or of the sequence. False: nothing is wrong. `why` is appended to.
 * `alone`: nothing else was under way, so a component that is gone went of this case. */
bool engine_judge(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t, bool alone,
                  struct engine_verdict *out, struct text *why);
/* Whom the call was made to; NULL: nobody that is known. */
const struct target_component *engine_asked(struct engine *e, const struct fuzz_case *c, const struct trace_call *k);
bool engine_is_lost(const struct trace_call *k); /* its connection went or could not be made, and not by our doing */
/* A call in the campaign's figures. */
void engine_count(struct engine *e, const struct fuzz_case *c, const struct fuzz_trace *t, const struct trace_call *k);
struct method_tally *engine_tally(struct engine *e, const struct pb_method *m); /* NULL: not taking part */
uint64_t engine_now(const struct engine *e);                                    /* the budget's clock */
struct world *engine_files(const struct engine *e);
bool engine_is_of_method(int status); /* only the method itself gives it */
/* There is no more time to run findings again. */
static inline bool engine_settled(const struct engine *e)
{
    return e->settle_until != 0 && engine_now(e) >= e->settle_until;
}
/* Nothing more is to be started: an interrupt. */
static inline bool engine_ends(const struct engine *e)
{
    return e->target->interrupted;
}

/* alone.c */
/* Runs the case alone and waits for the verdict: for replays and for the minimiser. What it cost the component is
 * judged as well. False: nothing was wrong. */
bool engine_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why);
/* Runs the case alone: 0, or why it did not come to its end. The trace is the caller's. */
int engine_run_alone(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t);
/* options.input or options.script in place of a campaign. */
int engine_run_one(struct engine *e, struct error *err);
/* The corpus case by case, smallest first: what shows something new goes to options.distil. */
int engine_distil(struct engine *e, struct error *err);

/* ready.c. Before the first case: waits until the components answer something else than UNAVAILABLE. */
void engine_get_ready(struct engine *e);

/* suspects.c. In place of a campaign: options.suspects. */
int engine_run_suspects(struct engine *e, struct error *err);

/* progress.c. A look at everything, when it is time for one. */
void engine_look(struct engine *e, bool last);
/* Fills the summary with what is known at the end. */
void engine_summarise(struct engine *e);

/* findings.c */
void engine_keep(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, struct text *why);
/* True when it is new; else the one known is counted. */
bool engine_is_new(struct engine *e, struct fuzz_finding *f);
struct fuzz_finding *engine_finding_new(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v,
                                        const char *why); /* in the list; NULL: no memory */
/* Of those that were not told yet: runs each alone, makes those that come again smaller, puts those that are the same
 * together, runs each on a fresh system, and tells them all. */
void engine_settle_findings(struct engine *e);
void engine_findings_free(struct engine *e);

/* report.c */
void engine_report(struct engine *e, struct fuzz_finding *f);
/* Something found that is no case's doing as far as one can tell. `severity` "bug" or "warning". */
void engine_report_plain(struct engine *e, const char *title, const char *severity, const char *oracle,
                         const struct target_component *c, const char *detail);

/* identity.c. What two findings have in common when they are one bug, before and after they were made smaller. */
void finding_identity(const struct fuzz_finding *f, struct text *out);
void finding_identity_settled(const struct fuzz_finding *f, const struct pb_pool *pool, struct text *out);
/* What an internal error says, less what differs. False: too little to tell it by, and nothing was appended. */
bool finding_own_text(const struct fuzz_finding *f, struct text *out);
/* Of methods of one component: internal errors in the same words; no answer. */
bool finding_same_words(const struct fuzz_finding *a, const struct fuzz_finding *b);
bool finding_both_silent(const struct fuzz_finding *a, const struct fuzz_finding *b);
/* The family of a defect: "utf8" of "utf8-overlong". */
struct bytes finding_family(const char *defect);
/* Text with what differs from time to time (numbers, quoted and hexadecimal words) replaced. Appends. */
void finding_normalise(const char *text, struct text *out);
/* The functions on top of the stack of a sanitizer's report in a log, innermost first, "a < b < c". False: none. */
bool finding_stack(const char *log, struct text *out);

/* crash.c. Has the component's process gone, or been replaced, since last asked? */
bool engine_crashed(struct engine *e, const struct target_component *c);
/* For people: it is gone, and what it said last. */
void engine_tell_crash(struct engine *e, const struct target_component *c, struct text *why);
/* It answered: what is there now is the process to watch. */
void engine_answered(struct engine *e, const struct target_component *c);
/* Waits until the components that were seen to be gone are back. */
void engine_await(struct engine *e);
/* For systems whose processes are not known: has one gone whose calls are only waiting? Asked now and then. */
void engine_look_down(struct engine *e);
/* A call of the slot's case broke off with its component still there as far as one can see, or was ended by us: should
 * the component be seen to be gone in a moment, the case is a suspect. It is taken from the slot, which gets another's
 * memory for it. */
void engine_keep_lost(struct engine *e, struct slot *s, const struct target_component *c);
void engine_forget_lost(struct engine *e);
/* Calls ended without its word: what they sent may still be on its way to the component. NULL: nobody. */
void engine_leaves(struct engine *e, const struct target_component *c);
void engine_await_read(struct engine *e); /* nothing being under way: until the components have read that */
/* Nothing being under way: a crash that comes of what such calls sent is nobody's after this. With `keep` it is kept
 * with its suspects, else it was a trial's that is over. */
void engine_quiet(struct engine *e, bool keep);
/* The component is gone: every case with calls to it that was under way is suspected. */
void engine_keep_crash(struct engine *e, const struct slot *s, const struct engine_verdict *v, const struct text *why);
/* Tries the suspects one by one; those that do it again stay findings. */
void engine_settle_crashes(struct engine *e);

#endif
