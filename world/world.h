/* What a process can touch: time, timers, random numbers, the network, the disk, child processes, named points.
 *
 * A `struct world` is one process's view. Two implementations stand behind it: the real one (world/real.h, libuv and
 * the operating system) and the simulated one (world/sim.h, virtual time, one seed). Code written against this header
 * runs in both, unchanged.
 *
 * Everything is one thread and one event loop: callbacks are called from the loop, never from inside the function
 * that asked for them, and never after the handle they belong to was closed. Code that only reacts needs no more;
 * the outermost program (a command, a test, a flow) may wait with world_run_until().
 *
 * Times are nanoseconds. Functions return 0 or a negative enum error_code (base/error.h). */
#ifndef WORLD_WORLD_H
#define WORLD_WORLD_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* ---- time ------------------------------------------------------------------------------------------------------ */

uint64_t world_now(struct world *w); /* monotonic; starts anywhere */
int64_t world_wall(struct world *w); /* since 1970; may jump */

/* Timers are embedded by their user and fire once. Start again to re-arm; stopping an idle timer is fine. */
struct world_timer {
    struct world *world;
    void (*fire)(void *arg);
    void *arg;
    uint64_t at;       /* monotonic */
    uint64_t sequence; /* order among equal times */
    size_t slot;       /* place in the heap + 1; 0: idle */
};
void world_timer_init(struct world_timer *t, struct world *w, void (*fire)(void *arg), void *arg);
int world_timer_start(struct world_timer *t, uint64_t delay); /* ERROR_MEMORY when the heap cannot grow */
void world_timer_stop(struct world_timer *t);
static inline bool world_timer_active(const struct world_timer *t)
{
    return t->slot != 0;
}

/* A task runs once, after the callbacks that are due now and before the loop sleeps: the place to gather work (one
 * write for many small ones, one commit for many puts). Posting a posted task is fine. */
struct world_task {
    struct world *world;
    void (*run)(void *arg);
    void *arg;
    struct world_task *next, **link; /* link is NULL while not posted */
};
void world_task_init(struct world_task *t, struct world *w, void (*run)(void *arg), void *arg);
void world_task_post(struct world_task *t);
void world_task_cancel(struct world_task *t);

/* ---- the loop -------------------------------------------------------------------------------------------------- */

/* Run until world_stop() or until nothing is left that could call back. */
int world_run(struct world *w);
void world_stop(struct world *w);
/* For outermost programs: run the loop until done(arg) is true (0), `timeout` ns passed (ERROR_TIMEOUT; 0: no limit),
 * or nothing is left to happen (ERROR_CLOSED). In the simulated world this advances every node. */
int world_run_until(struct world *w, bool (*done)(void *arg), void *arg, uint64_t timeout);
/* Sleep by running the loop. */
int world_sleep(struct world *w, uint64_t duration);

/* ---- random numbers -------------------------------------------------------------------------------------------- */

struct random *world_random(struct world *w); /* seeded; the seed is the process's or the simulation's */
uint64_t world_seed(struct world *w);
/* For secrets, keys and tokens: the operating system's generator; in simulation derived from the seed. */
int world_entropy(struct world *w, void *out, size_t len);

/* ---- network --------------------------------------------------------------------------------------------------- */

/* Addresses are text: "127.0.0.1:8002", "[::1]:8002", "localhost:0", "unix:/path". In simulation the host is a node's
 * name ("store:8002") and "127.0.0.1", "localhost", "0.0.0.0" mean the node itself. */

struct world_stream;
struct world_listener;

/* All callbacks get the `arg` given with the table. Data is borrowed for the length of the call. */
struct world_stream_events {
    void (*connected)(void *arg);                   /* outgoing streams only, once */
    void (*readable)(void *arg, struct bytes data); /* never empty */
    void (*drained)(void *arg);                     /* queued bytes fell to the low mark after passing the high one */
    /* The stream is over: 0 for the peer's orderly end, else why (ERROR_REFUSED, ERROR_RESET, ERROR_TIMEOUT, ...).
     * Called once; afterwards only world_stream_close() is of use. */
    void (*ended)(void *arg, int reason);
    /* The peer will send no more, and may still listen: when this is given it is called, once, in place of an orderly
     * `ended`, and writing goes on. Who has shut down as well is done, and closes. */
    void (*finished)(void *arg);
};

#define WORLD_WRITE_HIGH ((size_t)256 << 10) /* bytes queued above which a writer should pause */
#define WORLD_WRITE_LOW  ((size_t)64 << 10)

/* Starts connecting, names resolved on the way; `connected` or `ended` follows. */
int world_connect(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                  struct world_stream **out, struct error *err);
/* Copies what cannot be sent at once. ERROR_CLOSED after the end, ERROR_MEMORY. */
int world_stream_write(struct world_stream *s, struct bytes data);
size_t world_stream_queued(const struct world_stream *s); /* bytes written but not yet taken by the system */
void world_stream_pause(struct world_stream *s); /* no more `readable` until resumed: back-pressure for the peer */
void world_stream_resume(struct world_stream *s);
void world_stream_shutdown(struct world_stream *s); /* end our direction once everything queued was sent */
/* Ends both directions and frees; queued bytes are still sent in the background (for at most 1 s). NULL is fine. */
void world_stream_close(struct world_stream *s);
void world_stream_abort(
    struct world_stream *s); /* like close, but queued bytes are dropped and the peer sees a reset */
const char *world_stream_peer(const struct world_stream *s); /* address text, borrowed */

/* `accept` receives a fresh stream and must give it its events with world_stream_accept() before it returns, or close
 * it. Port 0 picks a free port. */
int world_listen(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
                 struct world_listener **out, struct error *err);
void world_stream_accept(struct world_stream *s, const struct world_stream_events *events, void *arg);
const char *world_listener_address(const struct world_listener *l); /* with the port really bound */
int world_listener_port(const struct world_listener *l);
void world_listener_close(struct world_listener *l);

/* ---- disk ------------------------------------------------------------------------------------------------------ */

/* Synchronous on purpose: a component gathers its writes and syncs once. Paths are the operating system's, or names on
 * the node's own disk in simulation. What was not fsynced may be gone, or torn, after a crash. */
struct world_file;
enum world_open {
    WORLD_READ = 1,
    WORLD_WRITE = 2,
    WORLD_CREATE = 4,
    WORLD_EXCLUSIVE = 8,
    WORLD_TRUNCATE = 16,
    WORLD_PRIVATE = 32,
    WORLD_EXECUTABLE = 64 /* what is created may be run */
};
int world_file_open(struct world *w, const char *path, int flags, struct world_file **out, struct error *err);
int64_t world_file_pread(struct world_file *f, void *out, size_t len,
                         uint64_t offset); /* bytes; short only at the end */
int64_t world_file_pwrite(struct world_file *f, const void *data, size_t len, uint64_t offset); /* all, or an error */
int64_t world_file_append(struct world_file *f, const void *data, size_t len);
int world_file_truncate(struct world_file *f, uint64_t size);
int world_file_sync(struct world_file *f);
int64_t world_file_size(struct world_file *f);
void world_file_close(struct world_file *f);

struct world_stat {
    bool exists, directory;
    bool executable; /* a file its owner may run */
    bool link;       /* the name is a symbolic link; everything else here tells of what it leads to */
    uint64_t size;
    int64_t modified; /* wall time */
};
int world_stat(struct world *w, const char *path, struct world_stat *out); /* 0 also when it does not exist */
int world_rename(struct world *w, const char *from, const char *to); /* atomic; durable after world_sync_directory */
int world_remove(struct world *w, const char *path);                 /* a file or an empty directory */
int world_remove_tree(struct world *w, const char *path);            /* everything below, links not followed */
int world_make_directory(struct world *w, const char *path);         /* with its parents, mode 700; fine if there */
int world_sync_directory(struct world *w, const char *path);
int world_list(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg); /* sorted */
/* Every file below a folder, by path, sorted within each folder; names that begin with a dot are passed over, and links
 * to folders are not followed. Not 0 from `each` ends it and is returned. ERROR_LIMIT: folders more than
 * WORLD_WALK_DEPTH deep. What cannot be read is told by name. */
#define WORLD_WALK_DEPTH 32
int world_walk(struct world *w, const char *folder, int (*each)(void *arg, const char *path), void *arg,
               struct error *err);
/* Whole files. Reading stops with ERROR_LIMIT above `limit` bytes; that there is no such file, or that it is a folder,
 * is an error with the file as its place. Writing goes to a temporary file, is synced and
 * renamed, so that a crash leaves the old content or the new. */
int world_read_file(struct world *w, const char *path, size_t limit, struct text *out, struct error *err);
int world_write_file(struct world *w, const char *path, struct bytes content, bool private_mode, struct error *err);
/* The same without syncing, for what can be made again (a report): readers see the old content or the new, but after a
 * power cut the file may hold neither. */
int world_write_product(struct world *w, const char *path, struct bytes content, struct error *err);

/* ---- child processes ------------------------------------------------------------------------------------------- */

#define WORLD_GROUPS_MAX 4096

struct world_process;
struct world_network;
struct world_exit {
    bool signalled;
    int code; /* exit code, or the signal's number */
};
struct world_process_events {
    void (*output)(void *arg, int fd, struct bytes line); /* fd 1 or 2; one line without its newline */
    void (*exited)(void *arg, struct world_exit status);  /* once, after the last output */
};
/* Bounds of a child and of what it starts; 0: as ours. With any of these it also leaves no core file. */
struct world_limits {
    uint64_t address_space; /* bytes of virtual memory */
    uint64_t file_size;     /* bytes any one file may grow to */
    uint64_t open_files;
};
struct world_spawn {
    const char *name;               /* for messages; the node's name in simulation */
    const char *const *argv;        /* NULL-terminated; argv[0] is the program. In simulation: the program registered */
    const char *const *environment; /* NULL: inherited; else NAME=value pairs added to what is inherited */
    const char *directory;          /* NULL: the parent's */
    bool inherit_output;            /* child's stdout and stderr are ours; no `output` events */
    bool raw_output;                /* `output` events are pieces as they come, newlines and all, not lines */
    /* What the child reads on its standard input, to its end; data NULL: it reads the end at once. Borrowed for the
     * call; ERROR_UNSUPPORTED in simulation, whose programs have no standard input. */
    struct bytes input;
    bool clean_environment; /* nothing is inherited: `environment` is all there is */
    /* What the child started in its group ends with it, and with us, however we end. At most WORLD_GROUPS_MAX at a
     * time. A process that leaves the group (setsid) leaves this as well. */
    bool whole_group;
    const struct world_limits *limits;   /* NULL: none but ours; not in simulation */
    const struct world_network *network; /* world/network.h: it is in that one; NULL: in ours */
};
/* The child leads a process group of its own and is killed by the system when we die. */
int world_process_spawn(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                        void *arg, struct world_process **out, struct error *err);
int world_process_signal(struct world_process *p, int signal); /* to the whole group; ERROR_NOT_FOUND when gone */
int64_t world_process_id(const struct world_process *p);
bool world_process_running(const struct world_process *p);
/* Resident bytes and CPU nanoseconds used so far by the process; ERROR_UNSUPPORTED in simulation. */
int world_process_usage(const struct world_process *p, uint64_t *resident, uint64_t *cpu);
void world_process_close(struct world_process *p); /* kills it if it still runs; no events follow */
/* "exited with code 3", "killed by signal 9 (SIGKILL)". */
void world_exit_format(struct world_exit status, struct text *out);

/* A variable of our own environment, NULL when not set. In simulation: what the program was spawned with. */
const char *world_environment(struct world *w, const char *name);

/* SIGINT, SIGTERM and, unless it was ignored from the start, SIGHUP for the outermost program; in simulation a node's
 * orderly stop. NULL removes. */
void world_on_signal(struct world *w, void (*handler)(void *arg, int signal), void *arg);

/* ---- points ---------------------------------------------------------------------------------------------------- */

/* A named place where something rare but legal may happen. Returns 0, or the error an armed point injects; when the
 * point is armed to crash, the real process is gone and the simulated node is dead from here on (every call it still
 * makes fails with ERROR_CLOSED, and its program is torn down when the callback returns).
 * Disarmed: one predictable branch. Real processes arm points from the environment variable HARROW_POINTS, e.g.
 * "store.write.before_commit=crash@3,config.set=error". */
enum point_action { POINT_NONE, POINT_CRASH, POINT_ERROR };
int world_point_slow(struct world *w, const char *name);
struct world_shared {
    bool points_armed;
};
#define world_point(w, name)                                                                                           \
    (__builtin_expect(((const struct world_shared *)(w))->points_armed, 0) ? world_point_slow((w), (name)) : 0)
#define WORLD_POINT_ANY "*" /* hits of all points, whatever their names */
/* Fires at the n-th hit from now (1: the next), once; every_hit: from the n-th on. */
int world_point_arm(struct world *w, const char *name, enum point_action action, uint64_t nth, bool every_hit);
uint64_t world_point_hits(struct world *w, const char *name); /* hits since the first arming of any point */

#endif
