/* A fault: one file each below chaos/fault/FAMILY/, describing itself: its parameters with units and ranges, which
 * drivers can do it and what the machine must have, how it is injected, how one sees that it took effect, how it is
 * healed. `harrow chaos faults` lists them from these tables.
 *
 * A fault is injected through the levers of the target (rpc/target.h), through the simulation, or through what the
 * harness put around the processes when it started them (proxies, the shim). What has to be undone after the harness's
 * own death stands in the journal before it is done (chaos/journal/journal.h). */
#ifndef CHAOS_FAULT_FAULT_H
#define CHAOS_FAULT_FAULT_H

#include "base/random.h"
#include "chaos/chaos.h"
#include "chaos/journal/journal.h"

#define FAULT_PARAMETERS_MAX 6
#define FAULT_UNDO_MAX       32 /* steps one injection may note */

enum fault_unit {
    FAULT_DURATION, /* ns */
    FAULT_SIZE,     /* bytes */
    FAULT_RATE,     /* bytes a second */
    FAULT_SHARE,    /* parts per million */
    FAULT_COUNT,
};
struct fault_parameter {
    const char *name; /* NULL: behind the last */
    const char *help;
    enum fault_unit unit;
    int64_t min, max;  /* what may be asked for */
    int64_t low, high; /* what is drawn from when nothing is asked for */
};

enum fault_scope {
    FAULT_OF_COMPONENT, /* its process, machine, clock, disk */
    FAULT_OF_LINK,      /* what it says to a peer, or to all others, or hears from them */
    FAULT_OF_METHOD,    /* calls of one gRPC method, or of all, that it serves */
    FAULT_OF_SYSTEM,    /* all components at once */
};
enum { FAULT_ON_PROCESSES = 1, FAULT_ON_SIM = 2, FAULT_ON_ATTACH = 4 }; /* drivers */

struct chaos_fault;
struct fault_injection {
    const struct chaos_fault *fault;
    struct target *target;
    const char *component; /* NULL: of the system */
    const char *peer;      /* of links: the other side; NULL: all others */
    const char *method;    /* of methods: "store.Store/Write"; NULL: all */
    int64_t parameters[FAULT_PARAMETERS_MAX];
    struct random random;          /* what the fault draws while it is in force */
    uint64_t hits;                 /* how often it took effect so far; kept up by verify */
    void *state;                   /* the fault's own, made by inject and freed by heal */
    uint64_t undo[FAULT_UNDO_MAX]; /* numbers in the journal of the steps noted for it */
    size_t undo_count;
};

struct chaos_fault {
    const char *name, *family, *summary;
    const struct fault_parameter *parameters; /* NULL: none */
    unsigned drivers;                         /* FAULT_ON_... */
    enum fault_scope scope;
    bool root;                   /* on processes it needs root */
    const char *with;            /* and this on the command line: "--network namespaces"; NULL: nothing */
    bool alone;                  /* nothing else may be in force: it keeps others from being healed */
    bool asked_only;             /* never drawn unless named: no component promises to come through it whole */
    uint64_t hold_min, hold_max; /* ns between inject and heal when nothing is asked for */
    bool down_from_heal;         /* recovery is counted from the heal (the component was held until then) */
    /* 0 when this driver on this machine can do it, else ERROR_UNSUPPORTED with the reason. NULL: always. */
    int (*possible)(struct target *t, struct error *err);
    /* 0 only when it is in force; what half happened is undone by heal. */
    int (*inject)(struct fault_injection *f, struct error *err);
    /* Before the heal: what was seen of its effect, added up in f->hits. NULL: inject itself saw it (one hit). */
    int (*verify)(struct fault_injection *f, struct error *err);
    int (*heal)(struct fault_injection *f, struct error *err); /* 0 only when nothing of it is left */
};

/* What is drawn for the parameters that are not given (INT64_MIN in `parameters`). */
void fault_draw(struct fault_injection *f);
/* Whether the target's driver and this machine can do it. */
int fault_possible(const struct chaos_fault *f, struct target *t, struct error *err);
const struct chaos_fault *fault_find(const char *name);
/* The error, ERROR_INVALID, of a name that is none; the nearest one is told, else `more`. `n` is where it stands; NULL:
 * on a command line. */
struct node;
int chaos_unknown(const struct node *n, const char *what, const char *name, const char *const *names, const char *more,
                  struct error *err);
int chaos_unknown_component(const struct node *n, const struct target *t, const char *name, struct error *err);
int fault_unknown(const struct node *n, const char *name, struct error *err);
/* Whether nothing else may be in force meanwhile: faults of the system, and those that say so. */
bool fault_goes_alone(const struct chaos_fault *f);
/* "latency delay=20ms jitter=5ms", for results and replays. */
void fault_print(const struct fault_injection *f, struct text *out);

/* ---- what faults are made of ---- */

/* Carries out a lever on the injection's component, which has to run for what ends or stops it (a few seconds are
 * waited for that). That a process is stopped is noted in the journal first. */
int fault_act(struct fault_injection *f, enum target_action action, struct error *err);
/* A heal for faults after which somebody has to start the component again: the driver, or the system's own
 * supervisor. */
int fault_start_again(struct fault_injection *f, struct error *err);
/* The same two for any component of the target. */
int fault_act_on(struct fault_injection *f, const char *component, enum target_action action, struct error *err);
int fault_start_one(struct fault_injection *f, const char *component, struct error *err);
/* For faults of the system: every component, in order; those that failed keep nobody back, the first failure is told.
 */
int fault_act_on_all(struct fault_injection *f, enum target_action action, struct error *err);
int fault_start_all(struct fault_injection *f, struct error *err);
/* A heal for what stopped the component; for what stopped all. */
int fault_continue(struct fault_injection *f, struct error *err);
int fault_continue_all(struct fault_injection *f, struct error *err);
/* Nobody starts components again until let go. ERROR_UNSUPPORTED when the driver cannot see to that. */
int fault_hold(struct fault_injection *f, bool hold, struct error *err);
int fault_hold_possible(struct target *t, struct error *err);
/* Waits with the load going on; ERROR_CANCELLED when the user wants to stop, or all is to be healed at once. */
int fault_pause(struct fault_injection *f, uint64_t duration, struct error *err);
/* Until the component runs (or does not), at most `within` ns: ERROR_TIMEOUT. */
int fault_wait_alive(struct fault_injection *f, const char *component, bool alive, uint64_t within, struct error *err);

/* The simulation, in which components are nodes of their names; NULL on other drivers. */
struct sim *fault_sim(const struct fault_injection *f);
/* The component's process; ERROR_UNSUPPORTED in simulation. */
int fault_process(struct fault_injection *f, struct world_foreign *out, struct error *err);
/* Notes in the journal, synced, what undoes the next thing done. */
int fault_note(struct fault_injection *f, const struct undo *step, struct error *err);
/* A heal for faults that consist of what they noted: undone, newest first. */
int fault_undo(struct fault_injection *f, struct error *err);
/* For `possible` of what needs root, and of what needs control groups. */
int fault_needs_root(struct target *t, struct error *err);

#endif
