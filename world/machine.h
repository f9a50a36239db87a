/* Levers on the machine itself that a program has no use for and a harness has: limits and scheduling of processes that
 * are not ours, control groups, small mounts, what a process holds open, and folders only we may touch.
 *
 * Real world only; in simulation all of these answer ERROR_UNSUPPORTED. Nothing here is undone by itself: what outlives
 * us is noted beforehand by the caller (chaos/journal/). Limits: proc(5), getrlimit(2), sched(7), cgroups(7). */
#ifndef WORLD_MACHINE_H
#define WORLD_MACHINE_H

#include "world/foreign.h"

#define MACHINE_PATH_MAX 1024
#define MACHINE_CPUS_MAX 1024 /* processors we can name */
#define MACHINE_NO_LIMIT UINT64_MAX

bool machine_is_root(void);
int machine_self(struct world *w, struct world_foreign *out, struct error *err); /* this process */
#define MACHINE_BOOT_ID_MAX 48
int machine_boot_id(struct world *w, char out[MACHINE_BOOT_ID_MAX], struct error *err); /* differs after each boot */
/* A process that has died and waits for its parent counts as gone here. */
bool machine_process_lives(struct world *w, const struct world_foreign *p);

/* ---- a foreign process ---- */

struct machine_status {
    int64_t parent;
    uint32_t user;                             /* real user id */
    uint64_t threads, address_space, resident; /* bytes */
    uint64_t caught, ignored;                  /* signals, bit n-1 for signal n */
    uint64_t descriptors, descriptor_highest;
};
int machine_status(struct world *w, const struct world_foreign *p, struct machine_status *out, struct error *err);
/* The value of a variable the process was started with; ERROR_NOT_FOUND. */
int machine_variable(struct world *w, const struct world_foreign *p, const char *name, struct text *out,
                     struct error *err);
/* Regular files it has open (`writing`: for writing), each once. */
int machine_open_files(struct world *w, const struct world_foreign *p, bool writing,
                       void (*each)(void *arg, const char *path), void *arg, struct error *err);

enum machine_limit {
    MACHINE_OPEN_FILES,
    MACHINE_FILE_SIZE,
    MACHINE_ADDRESS_SPACE,
    MACHINE_PROCESSES, /* of its user; does not bind root */
    MACHINE_LIMIT_COUNT,
};
struct machine_bounds {
    uint64_t soft, hard; /* MACHINE_NO_LIMIT: none */
};
/* Reads into `before` and then sets `bounds`; either may be NULL. */
int machine_limit(struct world *w, const struct world_foreign *p, enum machine_limit what,
                  const struct machine_bounds *bounds, struct machine_bounds *before, struct error *err);

struct machine_cpus {
    uint64_t words[MACHINE_CPUS_MAX / 64];
};
struct machine_schedule {
    bool idle; /* SCHED_IDLE; otherwise SCHED_OTHER */
    int nice;
    struct machine_cpus cpus;
};
/* Of the main thread; setting it is for all its threads. ERROR_UNSUPPORTED for a policy that is neither. */
int machine_schedule(struct world *w, const struct world_foreign *p, struct machine_schedule *out, struct error *err);
int machine_schedule_set(struct world *w, const struct world_foreign *p, const struct machine_schedule *to,
                         struct error *err);
int machine_cpus_count(const struct machine_cpus *cpus);
int machine_cpus_first(const struct machine_cpus *cpus); /* -1: none */
struct machine_cpus machine_cpus_one(int cpu);

/* ---- control groups: version 1 controllers in mounts of their own, or version 2 ---- */

enum machine_controller { MACHINE_FREEZER, MACHINE_CPU, MACHINE_MEMORY, MACHINE_PIDS };
struct machine_cgroup {
    bool unified;                /* version 2 */
    char path[MACHINE_PATH_MAX]; /* the group to be made */
    char home[MACHINE_PATH_MAX]; /* where the process is now */
};
/* Where a group for the process would be made; nothing is made. `name` tells it from all others. */
int machine_cgroup_place(struct world *w, enum machine_controller controller, const struct world_foreign *p,
                         const char *name, struct machine_cgroup *out, struct error *err);
int machine_cgroup_make(struct world *w, const struct machine_cgroup *g, struct error *err);
int machine_cgroup_set(struct world *w, const struct machine_cgroup *g, const char *file, const char *value,
                       struct error *err);
int machine_cgroup_get(struct world *w, const struct machine_cgroup *g, const char *file, struct text *out,
                       struct error *err);
int machine_cgroup_enter(struct world *w, const struct machine_cgroup *g, const struct world_foreign *p,
                         struct error *err);
/* Thaws it, sends what is in it home and removes it; fine when it is gone. */
int machine_cgroup_remove(struct world *w, const char *path, const char *home, struct error *err);

/* ---- files and mounts ---- */

/* The folder is made if it is not there, and must be ours alone: a directory, no link, of our user, mode 700. */
int machine_private_folder(struct world *w, const char *path, struct error *err);
/* A whole file that must be ours alone: regular, no link, one name, of our user, not writable by others. */
int machine_private_read(struct world *w, const char *path, size_t limit, struct text *out, struct error *err);
uint32_t machine_user(void);
int machine_link(struct world *w, const char *to, const char *path, struct error *err); /* a symbolic one */
/* A file system in memory of that size over the directory; `source` is its name in the table of mounts. */
int machine_mount_memory(struct world *w, const char *path, const char *source, uint64_t size, struct error *err);
/* Takes away the mount of that name from the path; fine when there is none. */
int machine_unmount(struct world *w, const char *path, const char *source, struct error *err);
/* Of the file's pages, how many are in memory; `drop`: those that can be are first written and let go of. */
int machine_file_cache(struct world *w, const char *path, bool drop, uint64_t *cached, uint64_t *pages,
                       struct error *err);

#endif
