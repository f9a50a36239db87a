/* The simulated world: many nodes in one process, virtual time, one seed.
 *
 * Time stands still while code runs and jumps to the next event when nobody has anything to do. Every choice (latency,
 * loss, what a crash does to un-fsynced writes, entropy) is drawn from the seed, so that two runs of one seed give the
 * same trace to the byte. A node is a machine: its own disk, its own clock offset, at most one program running.
 *
 * A crash marks the node's world dead at once: everything its program still calls fails without effect; when the
 * running callback has returned, the program's stop() is called to free memory, peers see their connections reset, and
 * each write not fsynced is kept, dropped or torn (512-byte sectors), by lot.
 *
 * The caller (a test, the harness) is a node as well, and drives with world_run_until() on its own world or with the
 * sim_* functions below. */
#ifndef WORLD_SIM_H
#define WORLD_SIM_H

#include "world/world.h"

struct sim;

struct sim_options {
    uint64_t seed;
    int64_t wall_start;                /* ns since 1970 at time 0; 0: 2026-01-01T00:00:00Z */
    uint64_t latency_min, latency_max; /* ns one way; both 0: 50 us to 500 us */
    size_t stream_buffer;              /* bytes in flight per direction before a writer queues; 0: 64 KiB */
    uint64_t steps_max;                /* stop with ERROR_LIMIT after so many events; 0: no limit */
};

/* A program a node can run: the same table runs as a real process elsewhere. */
struct sim_program {
    const char *name;
    /* Sets the program up on `w`; *state is its own. */
    int (*start)(struct world *w, int argc, const char *const *argv, void **state, struct error *err);
    void (*stop)(void *state); /* frees; the world may already be dead */
};

struct sim *sim_new(const struct sim_options *options); /* NULL: no memory */
void sim_free(struct sim *s);                           /* stops every program first */

/* The node of that name, made on first use. Its world lives as long as the simulation; after a restart it is fresh
 * (same disk, no open handles). */
struct world *sim_node(struct sim *s, const char *name);
const char *sim_node_name(struct world *w);
struct sim *sim_of(struct world *w);
bool world_is_simulated(struct world *w);

/* Programs started by name (world_process_spawn looks here too: argv[0]). */
int sim_register(struct sim *s, const struct sim_program *program);
int sim_start(struct sim *s, const char *node, const char *program, int argc, const char *const *argv,
              struct error *err);
bool sim_running(struct sim *s, const char *node);
int sim_terminate(struct sim *s, const char *node); /* orderly: the program's signal handler, then stop */
int sim_crash(struct sim *s, const char *node);     /* power cut: see above */
/* The same with what happens to un-fsynced writes not drawn for each: none is kept, or every one that has more than one
 * sector is torn. */
enum sim_crash_keeps { SIM_CRASH_LOTS, SIM_CRASH_NOTHING, SIM_CRASH_TORN };
int sim_crash_with(struct sim *s, const char *node, enum sim_crash_keeps keeps);
int sim_kill(struct sim *s, const char *node);  /* process death, machine stays: un-fsynced writes survive */
int sim_pause(struct sim *s, const char *node); /* the node does nothing; its peers see silence */
int sim_resume(struct sim *s, const char *node);

/* Links. NULL means every node. Both directions unless `one_way`. Streams on a cut link stall (bytes arrive after the
 * heal) and connecting over it times out after 20 s of virtual time. */
void sim_cut(struct sim *s, const char *from, const char *to, bool one_way);
void sim_heal(struct sim *s, const char *from, const char *to);
void sim_heal_all(struct sim *s);
void sim_latency(struct sim *s, const char *from, const char *to, uint64_t min, uint64_t max);
size_t sim_reset_streams(struct sim *s, const char *a, const char *b); /* resets every open stream; how many */
/* How messages travel from here on, where no link says otherwise: for tests whose input decides it. */
struct sim_network {
    uint64_t seed;                     /* latencies and cuts are drawn anew from it; 0: as they would have been */
    uint64_t latency_min, latency_max; /* ns one way; both 0: those of the options */
    size_t chunk_max;                  /* bytes that arrive at a time; 0: as many as were written, or cut by lot */
};
void sim_network(struct sim *s, const struct sim_network *network);

/* Disk faults of a node: the chance out of 1,000,000 that an operation fails, the next n-th failing, and what else a
 * disk can do. All zeros: a good disk. */
enum sim_disk_operation { SIM_DISK_NONE, SIM_DISK_WRITE, SIM_DISK_SYNC, SIM_DISK_RENAME };
struct sim_disk_faults {
    uint32_t write_error, sync_error, read_error; /* parts per million: ERROR_IO */
    uint64_t space;                               /* bytes the disk may hold; 0: no limit. Beyond: ERROR_NO_SPACE */
    uint64_t fail_nth;                            /* 1: the next write, sync or create fails with ERROR_IO; 0: off */
    bool read_only;                               /* whatever would change something fails with ERROR_DENIED */
    uint64_t sync_delay;                          /* ns of virtual time a sync takes; the node does nothing meanwhile */
    /* The program is killed in place of the n-th such operation from now (1: the next; 0: off). */
    enum sim_disk_operation kill_at;
    uint64_t kill_nth;
};
void sim_disk(struct sim *s, const char *node, const struct sim_disk_faults *faults);
uint64_t sim_disk_hits(struct sim *s, const char *node); /* operations that these acted on, since sim_disk() */
uint64_t sim_disk_used(struct sim *s, const char *node); /* bytes its files have */
/* Its files, by name. */
int sim_disk_files(struct sim *s, const char *node, void (*each)(void *arg, const char *path, uint64_t size),
                   void *arg);
/* One bit of a file turns over where it lies: what is read has it, and what survives a crash. ERROR_NOT_FOUND when
 * there is no such file, or it is not that long. */
int sim_disk_flip(struct sim *s, const char *node, const char *path, uint64_t bit);
/* Bytes of this process's memory that the files of all nodes take, with what was written, made and removed and not yet
 * synced: for who weighs what the programs hold of their own. */
uint64_t sim_disk_held(const struct sim *s);
size_t sim_files_open(const struct sim *s); /* handles that nodes have not closed */
void sim_clock_jump(struct sim *s, const char *node, int64_t wall_delta);
/* From here on the node's wall clock goes faster or slower by that share; -1,000,000: it stands still. */
void sim_clock_rate(struct sim *s, const char *node, int64_t parts_per_million);
int64_t sim_clock_offset(struct sim *s, const char *node); /* ns its wall clock is ahead of the true time */

/* Running. One event; false when nothing is left. */
bool sim_step(struct sim *s);
int sim_run_for(struct sim *s, uint64_t duration);
uint64_t sim_now(struct sim *s);
uint64_t sim_events(struct sim *s); /* how many happened */

/* The trace: one line per event ("12.000345 store net deliver 93 bytes from api"), for comparing runs and for reading.
 * NULL turns it off. */
void sim_trace(struct sim *s, void (*line)(void *arg, const char *text, size_t len), void *arg);

#endif
