/* What reading and running share. */
#ifndef CHAOS_TOOLKIT_INSIDE_H
#define CHAOS_TOOLKIT_INSIDE_H

#include "base/arena.h"
#include "base/array.h"
#include "chaos/fault/fault.h"
#include "chaos/toolkit/toolkit.h"
#include "wire/tls.h"

enum toolkit_provider {
    TOOLKIT_HTTP,
    TOOLKIT_PROCESS,
    TOOLKIT_EXISTS, /* os.path.exists, isfile, isdir */
    TOOLKIT_IS_FILE,
    TOOLKIT_IS_FOLDER,
    TOOLKIT_REMOVE, /* os.remove, os.unlink */
    TOOLKIT_SLEEP,  /* time.sleep */
    TOOLKIT_FAULT,  /* harrow.<fault> */
    TOOLKIT_HEAL,   /* harrow.heal */
    TOOLKIT_TOXIC,  /* chaostoxi.toxic.actions.create_..._toxic */
    TOOLKIT_NO_TOXIC,
};

struct toolkit_activity {
    const struct node *node, *provider, *arguments; /* arguments NULL: none */
    const char *name;
    enum toolkit_provider kind;
    const struct chaos_fault *fault; /* of a fault or a toxic */
    const struct node *tolerance;    /* NULL: none */
    uint64_t before, after;          /* ns */
    bool probe, background;
};

struct toolkit_activities {
    struct toolkit_activity *items;
    size_t count, capacity;
};

enum toolkit_rollbacks { ROLLBACKS_DEFAULT, ROLLBACKS_ALWAYS, ROLLBACKS_NEVER, ROLLBACKS_DEVIATED };
struct toolkit {
    struct document *document;
    struct arena arena;
    const char *title, *hypothesis_title; /* the latter NULL: there is no hypothesis */
    struct toolkit_activities probes, method, rollbacks;
    json_t *configuration, *secrets, *added; /* objects: names and values; secrets of all groups together */
    enum toolkit_rollbacks strategy;
    bool before, during, after;   /* when the hypothesis is looked at */
    ARRAY(const char *) controls; /* that are not run */
};

/* ---- calls: activities that run beside the loop ---- */

struct toolkit_call {
    struct toolkit *toolkit;
    struct target *target;
    const struct toolkit_activity *activity;
    uint64_t started, took;
    int64_t started_wall;
    struct world_timer timer;
    struct http_client_call *fetch;
    struct world_process *process;
    struct tls_context *tls; /* NULL: plain */
    struct text out, err;
    struct arena arena;
    json_t *output;    /* once it is over */
    char problem[256]; /* it failed: why; "" it did not */
    bool over, interrupted;
    void (*ended)(void *arg); /* NULL: nobody waits */
    void *ended_arg;
};
/* Begins; `over` may be set at once. Not for faults. */
void toolkit_call_start(struct toolkit_call *c, struct toolkit *k, struct target *t, const struct toolkit_activity *a);
void toolkit_call_fail(struct toolkit_call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void toolkit_call_end(struct toolkit_call *c, json_t *output); /* takes the reference */
/* Cuts it off when it is not over. */
void toolkit_call_stop(struct toolkit_call *c);
/* Its entry in the journal. */
json_t *toolkit_call_entry(const struct toolkit_call *c);
void toolkit_call_deinit(struct toolkit_call *c);

#endif
