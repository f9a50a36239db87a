/* The inside of the simulated world, shared by the sim*.c files.
 *
 * One queue of events ordered by (time, sequence) drives everything; nothing else moves time. An event belongs to the
 * node it happens on: it is dropped when that node's incarnation has ended, and put aside while the node is paused.
 * A node's timers live in its own heap (timer.c) and show in the queue as one `wake` event.
 *
 * A node ends (crash, kill, orderly stop) as soon as none of its code is on the stack: `entered` counts. */
#ifndef WORLD_SIM_INTERNAL_H
#define WORLD_SIM_INTERNAL_H

#include "world/internal.h"
#include "world/sim.h"

#define SIM_EPOCH           UINT64_C(1000000000)         /* world_now() at time 0: callers use 0 for "none" */
#define SIM_WALL_START      INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z */
#define SIM_LATENCY_MIN     UINT64_C(50000)
#define SIM_LATENCY_MAX     UINT64_C(500000)
#define SIM_LOOPBACK_MIN    UINT64_C(5000)
#define SIM_LOOPBACK_MAX    UINT64_C(20000)
#define SIM_STREAM_BUFFER   ((size_t)64 << 10)
#define SIM_CONNECT_TIMEOUT UINT64_C(20000000000)
#define SIM_CLOSE_LINGER    UINT64_C(1000000000)

struct sim_node;
struct sim_connection;
struct sim_event {
    uint64_t at, sequence;
    size_t slot; /* place in the queue + 1; 0: not in it */
    struct sim_node *node;
    uint64_t incarnation;
    /* `dropped`: only let go of what the event holds. The event itself is freed by the caller. */
    void (*run)(struct sim_event *e, bool dropped);
    void *subject;
    uint64_t number;
    struct sim_event *next; /* in a list of set-aside or of free events */
};

struct sim_link {
    bool cut;
    uint64_t latency_min, latency_max; /* both 0: the simulation's */
};

/* A wildcard link rule, kept for nodes made later. */
struct sim_rule {
    enum { RULE_CUT, RULE_HEAL, RULE_LATENCY } kind;
    struct sim_node *from, *to; /* NULL: every node */
    uint64_t latency_min, latency_max;
    struct sim_rule *next;
};

enum sim_end { END_NONE, END_STOP, END_KILL, END_CRASH };

struct sim_stream;
struct sim_listener;
struct sim_file;
struct sim_process;
struct sim_disk;

struct sim_node {
    struct world base; /* first */
    struct sim *sim;
    char *name;
    size_t index;
    uint64_t incarnation;
    unsigned entered; /* calls of this node's code on the stack */
    bool paused;
    int64_t wall_offset;
    int64_t wall_rate; /* parts per million it goes too fast since `wall_since` */
    uint64_t wall_since;
    uint64_t busy_until;   /* a slow disk holds the node until then */
    struct sim_event busy; /* its end */
    struct random entropy;

    const struct sim_program *program; /* NULL: none runs */
    void *state;
    bool starting; /* inside program->start() */
    char **argv;
    int argc;
    char **environment;  /* NAME=value, NULL-terminated; NULL: none */
    enum sim_end ending; /* waits for `entered` to fall to 0 */
    struct world_exit exit;
    struct sim_process *watcher; /* whoever spawned the program */

    struct sim_event wake;
    struct sim_event *aside, **aside_end; /* events that wait for resume */
    struct sim_node *ready_next;          /* in the list of nodes with tasks */
    bool ready;

    struct sim_link *links; /* towards the node of each index; shorter than the list of nodes: defaults */
    size_t links_count;

    int next_port;
    struct sim_listener *listeners; /* of this incarnation */
    /* Every handle not yet closed, whatever its incarnation. */
    struct sim_listener *all_listeners;
    struct sim_stream *streams;
    struct sim_file *files;
    struct sim_process *processes;
    struct sim_disk *disk;
};

struct sim {
    struct sim_options options;
    struct random random;  /* the root: only forked */
    struct random network; /* latency and splits */
    struct sim_network travel;
    struct random lots; /* crash outcomes and disk faults */
    uint64_t now, steps;
    int broken; /* ERROR_MEMORY: an event could not be kept, the run is worthless */
    bool running;

    struct sim_event **queue;
    size_t queue_count, queue_capacity;
    uint64_t sequence;
    struct sim_event *free_events;

    struct sim_node **nodes;
    size_t nodes_count, nodes_capacity;
    struct map names;
    struct sim_node *ready, **ready_end;
    unsigned gathered; /* events let pass before the first ready node's tasks */

    struct map programs;
    struct sim_rule *rules;
    struct sim_connection *connections, **connections_end; /* oldest first */
    uint64_t connections_made;
    int64_t processes_made;
    char *scratch; /* SIM_STREAM_BUFFER bytes or more: what `readable` borrows */
    size_t scratch_size;

    void (*trace)(void *arg, const char *text, size_t len);
    void *trace_arg;
    struct text trace_line;
    bool prng_seeded; /* SQLite's, see sqlite.c */
};

static inline struct sim_node *node_of(struct world *w)
{
    return (struct sim_node *)w;
}

extern const struct world_operations sim_operations;

/* sim_queue.c */
void sim_queue_add(struct sim *s, struct sim_event *e, uint64_t at); /* sets s->broken when memory runs out */
void sim_queue_remove(struct sim *s, struct sim_event *e);
/* A new event on `node`'s present incarnation; NULL (and s->broken) when memory runs out. */
struct sim_event *sim_schedule(struct sim_node *node, uint64_t at, void (*run)(struct sim_event *e, bool dropped),
                               void *subject, uint64_t number);
void sim_event_cancel(struct sim *s, struct sim_event *e); /* out of the queue, dropped and freed */
void sim_event_drop(struct sim *s, struct sim_event *e);   /* not in the queue: dropped and freed */
void sim_queue_deinit(struct sim *s);

/* sim.c */
void sim_trace_line(struct sim_node *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct sim_node *sim_find(struct sim *s, const char *name); /* NULL: none of that name */
void sim_set_aside(struct sim_node *n, struct sim_event *e);
/* The time as the node sees it: ahead of the simulation while a call that takes time is under way. */
static inline uint64_t sim_node_now(const struct sim_node *n)
{
    return n->busy_until > n->sim->now ? n->busy_until : n->sim->now;
}
static inline bool sim_node_halted(const struct sim_node *n)
{
    return n->paused || n->busy.slot != 0;
}
/* The call under way takes that long; nothing else happens on the node until it is over. */
void sim_node_busy(struct sim_node *n, uint64_t duration);
void sim_node_ready(struct sim_node *n);

/* sim_node.c */
struct sim_node *sim_node_new(struct sim *s, const char *name);
void sim_node_free(struct sim_node *n);
void sim_enter(struct sim_node *n);
void sim_leave(struct sim_node *n); /* ends the node when that is due */
void sim_end(struct sim_node *n, enum sim_end how, struct world_exit status);
void sim_signal(struct sim_node *n, int number); /* as an event */
void sim_node_go_on(struct sim_node *n);         /* what waited happens, unless it still has to wait */

/* sim_program.c */
int sim_program_start(struct sim_node *n, const struct sim_program *program, int argc, const char *const *argv,
                      struct error *err);
int sim_process_spawn(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                      void *arg, struct world_process **out, struct error *err);
int sim_process_signal(struct world_process *p, int signal);
int64_t sim_process_id(const struct world_process *p);
bool sim_process_running(const struct world_process *p);
int sim_process_usage(const struct world_process *p, uint64_t *resident, uint64_t *cpu);
void sim_process_close(struct world_process *p);
const char *sim_environment(struct world *w, const char *name);
void sim_environment_free(char **environment);
void sim_process_exited(struct sim_process *p, struct world_exit status);
void sim_processes_kill(struct sim_node *n); /* children of a node that ends */
void sim_processes_free(struct sim_node *n);

/* sim_link.c */
bool sim_link_cut(const struct sim_node *from, const struct sim_node *to);
uint64_t sim_link_latency(struct sim_node *from, const struct sim_node *to); /* draws */
void sim_rules_apply(struct sim_node *fresh);
void sim_rules_free(struct sim *s);

/* sim_net.c */
int sim_connect(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                struct world_stream **out, struct error *err);
void sim_stream_accept(struct world_stream *s);
int sim_stream_write(struct world_stream *s, struct bytes data);
size_t sim_stream_queued(const struct world_stream *s);
void sim_stream_pause(struct world_stream *s);
void sim_stream_resume(struct world_stream *s);
void sim_stream_shutdown(struct world_stream *s);
void sim_stream_close(struct world_stream *s);
void sim_stream_abort(struct world_stream *s);
const char *sim_stream_peer(const struct world_stream *s);
int sim_listen(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
               struct world_listener **out, struct error *err);
const char *sim_listener_address(const struct world_listener *l);
int sim_listener_port(const struct world_listener *l);
void sim_listener_close(struct world_listener *l);
void sim_net_sever(struct sim_node *n, bool power_cut); /* the node's streams and listeners end; the peers learn it */
void sim_net_free(struct sim_node *n);                  /* handles left open */
void sim_net_healed(struct sim *s);                     /* what stalled on links no longer cut goes on */
void sim_net_deinit(struct sim *s);

/* sim_disk.c */
struct sim_disk *sim_disk_new(struct sim_node *n);
void sim_disk_free(struct sim_disk *d);
void sim_disk_crash(struct sim_node *n);
void sim_disk_crash_keeps(struct sim_node *n, enum sim_crash_keeps keeps); /* at its next crash */

/* sim_disk_file.c */
void sim_files_free(struct sim_node *n); /* handles left open */
int sim_file_open(struct world *w, const char *path, int flags, struct world_file **out);
int64_t sim_file_pread(struct world_file *f, void *out, size_t len, uint64_t offset);
int64_t sim_file_pwrite(struct world_file *f, const void *data, size_t len, uint64_t offset);
int sim_file_truncate(struct world_file *f, uint64_t size);
int sim_file_sync(struct world_file *f);
int64_t sim_file_size(struct world_file *f);
void sim_file_close(struct world_file *f);

/* sim_disk_names.c */
int sim_stat(struct world *w, const char *path, struct world_stat *out);
int sim_rename(struct world *w, const char *from, const char *to);
int sim_remove(struct world *w, const char *path);
int sim_remove_tree(struct world *w, const char *path);
int sim_make_one_directory(struct world *w, const char *path);
int sim_sync_directory(struct world *w, const char *path);
int sim_list(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg);

#endif
