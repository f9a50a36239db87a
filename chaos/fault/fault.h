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

#define FAULT_PARAMETERS_MAX 6

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
    struct random random; /* what the fault draws while it is in force */
    uint64_t hits;        /* how often it took effect so far; kept up by verify */
    void *state;          /* the fault's own, made by inject and freed by heal */
};

struct chaos_fault {
    const char *name, *family, *summary;
    const struct fault_parameter *parameters; /* NULL: none */
    unsigned drivers;                         /* FAULT_ON_... */
    enum fault_scope scope;
    bool root;                   /* on processes it needs root */
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
/* "latency delay=20ms jitter=5ms", for results and replays. */
void fault_print(const struct fault_injection *f, struct text *out);

/* Carries out a lever on the injection's component. */
int fault_act(struct fault_injection *f, enum target_action action, struct error *err);
/* A heal for faults after which somebody has to start the component again: the driver, or the system's own
 * supervisor. */
int fault_start_again(struct fault_injection *f, struct error *err);

#endif
