/* What the two worlds share, and what each must provide: the inside of world.h, for the files of this folder only.
 *
 * `struct world` is embedded as the first member of the real and of the simulated world. Timers live in one binary
 * heap of intrusive entries, tasks in one intrusive list, points in one table; all three are the same code in both
 * worlds (world.c, timer.c, point.c). Everything else goes through `struct world_operations`.
 *
 * A world is `dead` between a simulated crash and the end of its program's stop(): whatever is asked of it fails with
 * ERROR_CLOSED, and nothing calls back. */
#ifndef WORLD_INTERNAL_H
#define WORLD_INTERNAL_H

#include "base/map.h"
#include "world/world.h"

struct world_operations {
    uint64_t (*now)(struct world *w);
    int64_t (*wall)(struct world *w);
    void (*timer_earlier)(struct world *w); /* another timer is the earliest now; may be NULL */
    void (*task_posted)(struct world *w);   /* the list of tasks was empty */
    /* 0, ERROR_TIMEOUT, ERROR_CLOSED (nothing left to happen), ERROR_CANCELLED (world_stop). `done` may be NULL. */
    int (*run)(struct world *w, bool (*done)(void *arg), void *arg, uint64_t timeout);
    void (*stop)(struct world *w);
    int (*entropy)(struct world *w, void *out, size_t len);
    void (*crash)(struct world *w); /* an armed point fired */
    void (*on_signal)(struct world *w);

    int (*connect)(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                   struct world_stream **out, struct error *err);
    void (*stream_accept)(struct world_stream *s);
    int (*stream_write)(struct world_stream *s, struct bytes data);
    size_t (*stream_queued)(const struct world_stream *s);
    void (*stream_pause)(struct world_stream *s);
    void (*stream_resume)(struct world_stream *s);
    void (*stream_shutdown)(struct world_stream *s);
    void (*stream_close)(struct world_stream *s);
    void (*stream_abort)(struct world_stream *s);
    const char *(*stream_peer)(const struct world_stream *s);
    int (*listen)(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
                  struct world_listener **out, struct error *err);
    const char *(*listener_address)(const struct world_listener *l);
    int (*listener_port)(const struct world_listener *l);
    void (*listener_close)(struct world_listener *l);

    int (*file_open)(struct world *w, const char *path, int flags, struct world_file **out);
    int64_t (*file_pread)(struct world_file *f, void *out, size_t len, uint64_t offset);
    int64_t (*file_pwrite)(struct world_file *f, const void *data, size_t len, uint64_t offset);
    int (*file_truncate)(struct world_file *f, uint64_t size);
    int (*file_sync)(struct world_file *f);
    int64_t (*file_size)(struct world_file *f);
    void (*file_close)(struct world_file *f);
    int (*stat)(struct world *w, const char *path, struct world_stat *out);
    bool (*is_device)(struct world *w, const char *path); /* or a pipe or socket; NULL: there are none */
    int (*rename)(struct world *w, const char *from, const char *to);
    int (*remove)(struct world *w, const char *path);
    int (*remove_tree)(struct world *w, const char *path);
    int (*make_one_directory)(struct world *w, const char *path); /* ERROR_EXISTS when anything is there */
    int (*sync_directory)(struct world *w, const char *path);
    int (*list)(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg);

    int (*process_spawn)(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                         void *arg, struct world_process **out, struct error *err);
    int (*process_signal)(struct world_process *p, int signal);
    int64_t (*process_id)(const struct world_process *p);
    bool (*process_running)(const struct world_process *p);
    int (*process_usage)(const struct world_process *p, uint64_t *resident, uint64_t *cpu);
    void (*process_close)(struct world_process *p);
    const char *(*environment)(struct world *w, const char *name);
};

struct world {
    struct world_shared shared; /* first: world_point() reads it through a cast */
    const struct world_operations *operations;
    bool dead;
    bool running; /* inside run(): it does not nest */
    bool stopped; /* world_stop() was called and no run() has seen it yet */

    struct world_timer **timers; /* binary heap by (at, sequence) */
    size_t timers_count, timers_capacity;
    uint64_t timers_sequence;
    struct world_task *tasks, **tasks_end;

    uint64_t seed;
    struct random random;
    struct map points;
    void (*signal_handler)(void *arg, int signal);
    void *signal_arg;
    uint64_t files_written; /* numbers world_write_file's temporary names */
    /* The simulated SQLite VFS of this world (sqlite.c), freed with the world. */
    void *sqlite;
    void (*sqlite_free)(void *sqlite);
};

/* The first members of every handle; each world's own struct begins with one of these. */
struct world_stream {
    struct world *world;
    struct world_stream_events events;
    void *arg;
};
struct world_listener {
    struct world *world;
    void (*accept)(void *arg, struct world_stream *s);
    void *arg;
};
struct world_file {
    struct world *world;
};
struct world_process {
    struct world *world;
    struct world_process_events events;
    void *arg;
};

void world_init(struct world *w, const struct world_operations *operations, uint64_t seed);
void world_deinit(struct world *w);

/* timer.c */
struct world_timer *world_timer_earliest(const struct world *w); /* NULL: none */
/* Fires what was due at `now` when the call began; timers started meanwhile wait for the next round. */
void world_timers_fire(struct world *w, uint64_t now);
bool world_timers_fire_one(struct world *w, uint64_t now); /* false: none is due */
void world_timers_forget(struct world *w); /* empties the heap without touching the timers: their memory may be gone */

/* Runs the tasks posted up to now; those they post wait for the next round. */
void world_tasks_run(struct world *w);
void world_tasks_forget(struct world *w);

/* point.c */
int world_points_parse(struct world *w, const char *text, struct error *err);

/* address.c: "host:port", "[v6]:port" or "unix:/path". */
#define WORLD_HOST_MAX 256
#define WORLD_PATH_MAX 108 /* sockaddr_un.sun_path with its NUL */
struct world_address {
    bool local;     /* a unix socket: only `path` counts */
    bool bracketed; /* the host is an IPv6 literal */
    char host[WORLD_HOST_MAX];
    char path[WORLD_PATH_MAX];
    int port;
};
int world_address_parse(const char *text, struct world_address *out, struct error *err);

#endif
