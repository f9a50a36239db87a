/* The soak: the whole of micro in one simulation, from one seed, under a random mix of calls, crashes, partitions and
 * disk faults; then everything is healed, the system must converge, and every load judges what it saw.
 *
 * A load is one file: it starts its clients, stops them, and checks. Clients are callbacks on one node ("clients");
 * nothing here waits but the outermost phases (soak.c). Phases, all in virtual time:
 *
 *     boot    all components up
 *     calm    loads run, no faults: they must make progress
 *     storm   loads run, the nemesis draws faults
 *     heal    faults are undone; within SOAK_CONVERGE every component serves again
 *     check   loads stop and judge; what they find is a failure of the run
 *
 * Everything is drawn from the seed, so the same seed is the same run to the byte. */
#ifndef TESTS_SOAK_SOAK_H
#define TESTS_SOAK_SOAK_H

#include "base/array.h"
#include "base/map.h"
#include "base/units.h"
#include "rpc/rpc.h"
#include "rpc/target.h"
#include "runtime/server/sim_micro.h"
#include "world/sim.h"

#define SOAK_NODE      "clients"
#define SOAK_CONVERGE  ((uint64_t)(60 * SECOND)) /* from the heal until everything serves */
#define SOAK_FAILURES  32                        /* told of one run; more are only counted */
#define SOAK_CALL      ((uint64_t)(3 * SECOND))  /* deadline of a client's call */
#define SOAK_TOKEN_AGE ((int64_t)7 * 24 * 3600)

struct soak {
    uint64_t seed;
    struct sim *sim;
    struct world *world; /* of the clients */
    struct sim_micro *micro;
    struct random random; /* the loads' */
    struct arena arena;
    const char *token;    /* of an admin of "micro" */
    struct map channels;  /* component -> struct rpc_channel */
    struct target target; /* the same system, as the pillars of the harness see it */
    struct target_component *parts;
    bool stopping; /* clients begin nothing new */
    size_t in_flight;
    size_t failures; /* how many */
    struct text report;
    bool verbose;
    uint64_t events_disk; /* since when the disk of events takes writes again; UINT64_MAX: it does not */
    uint64_t calls, answered;
};

/* A finding: the run has failed. */
void soak_fail(struct soak *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of what happens, when asked for. */
void soak_note(struct soak *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- calls ---- */

#define SOAK_SECOND_CONFIG "config2"                                     /* the node of the other one */
struct rpc_channel *soak_channel(struct soak *s, const char *component); /* or that node */
/* Did it happen? What a status means for the history of operations. */
enum soak_end { SOAK_OK, SOAK_REFUSED, SOAK_UNKNOWN };
struct soak_answer {
    enum soak_end end;
    int status;
    const char *message;           /* status text */
    const ProtobufCMessage *reply; /* NULL unless SOAK_OK; borrowed for the callback */
};
typedef void soak_done(void *arg, const struct soak_answer *answer);
/* One unary call; `token` NULL: the admin's, "": none. `done` is called once, from the loop. */
void soak_call(struct soak *s, const char *component, const char *path, const char *token,
               const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, soak_done *done, void *arg);
/* For the checks: the same, waiting; the message lives in `arena`. */
struct soak_answer soak_wait(struct soak *s, struct arena *arena, const char *component, const char *path,
                             const char *token, const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply);

/* ---- clients ---- */

/* A load's clients, each of which does one thing after the other with pauses drawn between them. */
struct soak_crew {
    struct soak *soak;
    const char *name; /* the load's */
    struct random random;
    int64_t pause_max; /* ns */
    struct soak_client *clients;
    bool resting;
};
struct soak_client {
    struct soak_crew *crew;
    struct soak_client *other;
    struct world_timer next;
    void (*act)(void *arg); /* ends, sooner or later, with soak_client_done() */
    void *arg;
    bool busy;
};
void soak_crew_init(struct soak_crew *crew, struct soak *s, const char *name, int64_t pause_max);
/* Acts for the first time after a pause. `client` may lie in memory that is not set yet. */
void soak_client_init(struct soak_client *client, struct soak_crew *crew, void (*act)(void *arg), void *arg);
void soak_client_done(struct soak_client *client);
/* Nobody begins anything any more; waits for what is under way, and tells when that does not end. */
void soak_crew_rest(struct soak_crew *crew);
void soak_crew_wait(struct soak_crew *crew);      /* for what is under way */
void soak_client_act(struct soak_client *client); /* at once, and waits: for the last rounds, when all rest */

/* A stream that is opened again whenever it has ended. */
struct soak_feed {
    struct soak *soak;
    struct rpc_stream *stream; /* NULL: not there */
    struct world_timer again;
    void *arg;
    bool stopped;
};
/* `open` calls soak_feed_open(); so does this, by it. */
void soak_feed_init(struct soak_feed *f, struct soak *s, void (*open)(void *arg), void *arg);
/* As the admin of "micro". `talk`: our side stays open. Events are told to the feed's `arg`; when it has finished,
 * soak_feed_ended(). */
void soak_feed_open(struct soak_feed *f, const char *component, const char *path, const ProtobufCMessage *request,
                    bool talk, const struct rpc_stream_events *events);
void soak_feed_ended(struct soak_feed *f);
void soak_feed_stop(struct soak_feed *f); /* the end of the stream is still told */

/* ---- loads ---- */

struct soak_load {
    const char *name;
    void *(*start)(struct soak *s); /* NULL: no memory */
    /* After the heal: the clients still run; when stopping is set they end what is under way. */
    void (*check)(struct soak *s, void *load);
    uint64_t (*progress)(const void *load); /* operations that were acknowledged so far */
    void (*stop)(void *load);               /* frees; the simulation is still there */
};
extern const struct soak_load soak_store, soak_config, soak_events, soak_broker, soak_registry, soak_auth, soak_calls;

/* ---- the nemesis ---- */

struct nemesis;
struct nemesis *nemesis_start(struct soak *s); /* NULL: no memory */
void nemesis_heal(struct nemesis *n);          /* undoes everything, and draws no more */
uint64_t nemesis_count(const struct nemesis *n);
void nemesis_free(struct nemesis *n);

#endif
