/* A running system: a manifest and a driver give a struct target the pillars can work on. */
#ifndef HARROW_SYSTEM_SYSTEM_H
#define HARROW_SYSTEM_SYSTEM_H

#include "harrow/run/run.h"
#include "rpc/target.h"

struct system;

/* Starts everything, waits until every component answers, logs in. On failure the driver's last log lines are part of
 * the error. */
int system_start(struct run *r, struct system **out, struct error *err);
/* Another one beside it, number 2 and up, with its files in a folder of its own in the run's. */
int system_start_beside(struct run *r, int number, struct system **out, struct error *err);
/* Ends the system and starts it again without anything it had kept, and logs in. Components, their addresses and the
 * world stay what they were; tokens, processes and channels do not. ERROR_UNSUPPORTED when it is not ours to start. */
int system_start_anew(struct system *s, struct error *err);
/* Orderly stop, at most 5 s, then by force. Heals first. NULL is fine. */
void system_stop(struct system *s);
struct target *system_target(struct system *s);
/* A token of the manifest's second account, which is made when it has to be. *out NULL: the manifest has none. */
int system_other_token(struct system *s, const char **out, struct error *err);
/* NAME=value pairs for flows, NULL-terminated. */
const char *const *system_variables(struct system *s);
const char *system_scratch(struct system *s); /* folder for what flows' commands make; absolute */
/* "micro is up: 7 components, data in ..., gateway ...". */
void system_describe(struct system *s, struct text *out);

/* One component alone, standing on doubles: for contract flows. `peers` is "store=127.0.0.1:4711,..." and reaches the
 * component as its --peers; the doubles listen on the harness's own world. */
int system_start_alone(struct run *r, const char *component, struct system **out, struct error *err);
/* The world doubles are served in, and the host they are reached under from the component. */
struct world *system_world(struct system *s);
int system_run_alone(struct system *s, const char *peers, struct error *err);

/* The contracts in a descriptor set. ERROR_INVALID: the file cannot be read, or is none. */
int system_read_descriptors(struct world *w, const char *path, struct pb_pool **out, struct error *err);

/* Those that the manifest says: the built-in ones, or its own. `own` is the caller's, or NULL. */
int system_contracts(struct world *w, const struct manifest *m, struct pb_pool **own, const struct pb_pool **out,
                     struct error *err);

/* ---- what a driver provides ---- */

struct driver {
    const char *name;
    bool attached; /* nothing is started: `start` returns with the doors answering and the contracts known */
    const struct target_operations *operations;
    int (*prepare)(struct system *s, struct error *err); /* world, ports, folders; sets `state` */
    int (*start)(struct system *s, struct error *err);
    int (*start_alone)(struct system *s, const struct manifest_component *c, const char *peers, struct error *err);
    int (*start_anew)(struct system *s, struct error *err); /* NULL: cannot */
    bool (*gone)(struct system *s);                         /* what was started ended by itself */
    void (*stop)(struct system *s);
};
extern const struct driver driver_processes, driver_sim, driver_attach;

struct system {
    struct target target; /* first: drivers get from it to here by a cast */
    struct arena arena;
    struct run *run;
    const struct manifest *manifest;
    const struct driver *driver;
    const char *folder; /* the run's, or its own in there */
    void *state;        /* the driver's */
    struct manifest_values values;
    struct pb_pool *own_pool;     /* when the manifest names a descriptor set */
    bool partial;                 /* it has only what is called (the run's `calls`) of what the servers tell */
    struct pb_pool *partial_pool; /* the one before all was read */
    struct target_component *components;
    const char **variables;
    const char *scratch;
    const char *alone;               /* the one component, or NULL */
    const char *links_host;          /* how parts reach the proxy (links.h); NULL: there is none */
    struct world_image *disk;        /* driver_disk.h; NULL: the data is on the machine's file system */
    const char *networks;            /* folder with a file for each network; for nsenter(1) */
    struct packet_networks *network; /* driver_network.h; NULL: the parts share the machine's */
    const char *cover;               /* folder programs share their counters in, by the driver; NULL: none */
};

/* In the arena; as it was when it cannot be told. Absolute, since a flow's commands may run elsewhere. */
const char *system_absolute(struct system *s, const char *path);

/* Fills target.components from the manifest with `values`, which the driver has completed. */
int system_expand(struct system *s, struct error *err);
static inline struct system *system_of(struct target *t)
{
    return (struct system *)t;
}

#endif
