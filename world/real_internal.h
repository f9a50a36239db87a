/* The inside of the real world, shared by the real*.c files.
 *
 * One uv_loop. The shared timer heap is served by one timerfd (nanoseconds; libuv's own timers count milliseconds) that
 * is only ever moved to an earlier time: a wake-up with nothing due is cheaper than a system call per timer. A loop
 * that streams keep busy does without it (clock_set in real.c): a timer may then be late by a millisecond or two.
 * Timers and tasks run in the prepare phase, between the callbacks and the sleep; an idle handle keeps the loop from
 * sleeping when more is to be done at once. */
#ifndef WORLD_REAL_INTERNAL_H
#define WORLD_REAL_INTERNAL_H

#include "world/internal.h"
#include "world/real.h"

#include <uv.h>

#define REAL_READ_BUFFER ((size_t)64 << 10)

struct real_stream;
struct real_listener;
struct real_process;
struct world_network;

/* real_spin.c */
struct real_spin {
    uint64_t limit;      /* ns; 0: it is not done */
    uint64_t began;      /* the wait under way; 0: a stream was heard since */
    uint64_t rest_until; /* when it is done again */
    unsigned near;       /* short waits in a row */
    unsigned penalty, hits;
};

struct real_world {
    struct world base; /* first */
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_idle_t idle; /* active while a turn must not sleep */
    uv_poll_t clock;
    int clock_fd;
    unsigned forks;   /* a forked copy of it has the same descriptors: there the loop does not turn */
    uint64_t armed;   /* the time the timerfd is set to; 0: not set */
    uv_timer_t guard; /* in its place while streams wake the loop all the time */
    uint64_t guarded; /* the time that one stands for; 0: not started */
    uint64_t turned;  /* when the loop turned last */
    bool heard;       /* a stream had something since the last wait */
    struct real_spin spin;
    uv_signal_t interrupt, terminate, hangup;
    bool (*done)(void *arg); /* of the run() under way; NULL: none */
    void *done_arg;
    struct world_timer limit; /* its time limit */
    bool late;                /* that passed */
    struct real_stream *streams;
    struct real_listener *listeners;
    struct real_process *processes;
    int keeper; /* writing end of the pipe to the keeper (real_keeper.c); -1: not started */
    pid_t keeper_pid;
    char read_buffer[REAL_READ_BUFFER]; /* streams and children read into this, one at a time */
};

static inline struct real_world *real_of(struct world *w)
{
    return (struct real_world *)w;
}

int real_error(int uv_status); /* enum error_code for a libuv status */
/* Words for an address a socket has. `size` is in bytes; always NUL-terminated. */
void real_address_text(const struct sockaddr *address, char *out, size_t size);

void real_spin_init(struct real_spin *s);
/* Nothing is to be done but to wait, until `until` at the latest; `heard`: a stream ended the last wait. */
void real_spin(struct real_world *w, uint64_t now, bool heard, uint64_t until);
void real_spin_heard(struct real_world *w); /* a stream has something */

/* real_stream.c */
int real_connect(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                 struct world_stream **out, struct error *err);
void real_stream_accept(struct world_stream *s);
int real_stream_write(struct world_stream *s, struct bytes data);
size_t real_stream_queued(const struct world_stream *s);
void real_stream_pause(struct world_stream *s);
void real_stream_resume(struct world_stream *s);
void real_stream_shutdown(struct world_stream *s);
void real_stream_close(struct world_stream *s);
void real_stream_abort(struct world_stream *s);
const char *real_stream_peer(const struct world_stream *s);
/* A stream over the connection waiting on `server`; NULL when it cannot be had. */
struct world_stream *real_stream_take(struct real_world *w, uv_stream_t *server, bool local);
bool real_stream_accepted(const struct world_stream *s); /* false: nobody gave it its events */
void real_streams_free(struct real_world *w);            /* starts closing all; the loop has to turn */

/* real_listener.c */
int real_listen(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
                struct world_listener **out, struct error *err);
const char *real_listener_address(const struct world_listener *l);
int real_listener_port(const struct world_listener *l);
void real_listener_close(struct world_listener *l);
void real_listeners_free(struct real_world *w);

/* real_file.c */
int real_file_open(struct world *w, const char *path, int flags, struct world_file **out);
int64_t real_file_pread(struct world_file *f, void *out, size_t len, uint64_t offset);
int64_t real_file_pwrite(struct world_file *f, const void *data, size_t len, uint64_t offset);
int real_file_truncate(struct world_file *f, uint64_t size);
int real_file_sync(struct world_file *f);
int64_t real_file_size(struct world_file *f);
void real_file_close(struct world_file *f);
int real_stat(struct world *w, const char *path, struct world_stat *out);
bool real_is_device(struct world *w, const char *path);
int real_rename(struct world *w, const char *from, const char *to);
int real_remove(struct world *w, const char *path);
int real_remove_tree(struct world *w, const char *path);
int real_make_one_directory(struct world *w, const char *path);
int real_sync_directory(struct world *w, const char *path);
int real_list(struct world *w, const char *path, void (*each)(void *arg, const char *name), void *arg);

/* real_process.c, real_child.c */
int real_process_spawn(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                       void *arg, struct world_process **out, struct error *err);
int real_process_signal(struct world_process *p, int signal);
int64_t real_process_id(const struct world_process *p);
bool real_process_running(const struct world_process *p);
int real_process_usage(const struct world_process *p, uint64_t *resident, uint64_t *cpu);
void real_process_close(struct world_process *p);
void real_processes_tell_keeper(struct real_world *w);
void real_processes_free(struct real_world *w); /* kills and reaps at once; the loop has to turn */

struct real_child {
    pid_t pid;
    int pidfd;
    int output[2]; /* read ends of stdout and stderr; -1 when inherited */
};
/* Forks and executes; returns when the new program runs or is known not to. */
int real_child_start(struct real_world *w, const struct world_spawn *spawn, struct real_child *out, struct error *err);
const char *real_environment(struct world *w, const char *name);

int real_network_descriptor(const struct world_network *n); /* network.c */

/* real_keeper.c: a process of ours that outlives us by a moment, to end the groups we leave behind. */
int real_keeper_start(struct real_world *w, struct error *err); /* fine when it runs */
/* Safe after fork. A group is added by its leader before it becomes the program, and taken out before it is reaped. */
void real_keeper_tell(int keeper, pid_t group, bool add);
void real_keeper_stop(struct real_world *w);

#endif
