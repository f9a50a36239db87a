/* One component as a child process: started, watched until it says it serves, restarted when it dies.
 *
 *     WAITING   for the components it needs
 *     STARTING  the process runs; its health is asked every CHILD_POLL
 *     READY     it said SERVING; it is still asked, every CHILD_WATCH. A process that hangs is told of (`silent`) but
 *               left alone: it may be in a debugger, and what restarting would lose is not ours to judge
 *     RESTING   it died; a timer starts it again after the back-off
 *     STOPPED   it is gone for good
 *
 * The supervisor (server.c) owns the children and is told by `changed` whenever a state changed. */
#ifndef RUNTIME_SERVER_CHILD_H
#define RUNTIME_SERVER_CHILD_H

#include "base/text.h"
#include "base/units.h"
#include "rpc/rpc.h"
#include "runtime/component.h"
#include "runtime/logs/logs.h"
#include "world/world.h"

#define CHILD_POLL          ((uint64_t)20 * (uint64_t)MILLISECOND)
#define CHILD_POLL_TIMEOUT  ((uint64_t)2 * (uint64_t)SECOND)
#define CHILD_WATCH         ((uint64_t)3 * (uint64_t)SECOND)
#define CHILD_MISSES        4 /* answers in a row that do not come within CHILD_POLL_TIMEOUT: it is silent */
#define CHILD_BACKOFF_FIRST ((uint64_t)100 * (uint64_t)MILLISECOND) /* doubles up to CHILD_BACKOFF_MAX */
#define CHILD_BACKOFF_MAX   ((uint64_t)5 * (uint64_t)SECOND)
#define CHILD_STEADY        ((uint64_t)1 * (uint64_t)SECOND) /* up that long: the back-off starts over */
#define CHILD_LINES         5                                /* last lines told when it dies */
#define CHILD_LINE_MAX      1024                             /* bytes kept of each */

enum child_state { CHILD_WAITING, CHILD_STARTING, CHILD_READY, CHILD_RESTING, CHILD_STOPPED };
const char *child_state_name(enum child_state s);

struct child {
    struct world *world;
    const struct component *component;
    char address[256]; /* its gRPC server */
    enum child_state state;
    struct world_process *process;
    struct world_timer timer; /* the next health question, or the next start */
    struct rpc_channel *channel;
    struct rpc_stream *question;
    uint64_t backoff;
    uint64_t up_since; /* monotonic, of this process */
    int64_t started;   /* wall ns, of this process */
    int restarts;
    bool was_ready;  /* at least once */
    bool told_ready; /* the log knows that this process is ready */
    bool silent;     /* READY, but it does not answer */
    int missed;      /* answers that did not come, one after the other */
    char lines[CHILD_LINES][CHILD_LINE_MAX];
    size_t line_count; /* all that came from this process */
    struct text died;  /* the last death in words; empty: none */
    struct logs *logs;
    struct logs_writer *log; /* NULL: its lines only go to the terminal */
    void (*changed)(void *arg, struct child *c);
    void *arg;
};

void child_init(struct child *c, struct world *w, const struct component *component);
void child_deinit(struct child *c);
/* From here on its lines also go to <data_dir>/logs/micro/<name>-latest.log (runtime/logs/logs.h). */
int child_keep_log(struct child *c, const char *data_dir, struct error *err);
/* Starts the process. The strings are only read during the call. */
int child_start(struct child *c, const char *const *argv, const char *const *environment, struct error *err);
void child_rest(struct child *c); /* to be started again after the back-off: WAITING follows */
void child_signal(struct child *c, int signal);
bool child_runs(const struct child *c);
int64_t child_process_id(const struct child *c); /* 0: none */

#endif
