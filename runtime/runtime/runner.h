/* The component "runtime": services that are run (runtime.Runtime, runtime.Source and runtime.Build of Micro v3).
 *
 *     service   what was created: a name and a version in a namespace, kept in the store (database "micro", table
 *               "runtime", key service:<namespace>:<name>:<version>) as JSON with its secrets sealed
 *     spec      how it is to be run: source, command, environment, instances. A service has a current one and, while an
 *               update is on its way, the next one
 *     release   a spec made real: its folder, built, and its instances. The active one runs the current spec, the
 *               coming one the next; what they replace stops in the background
 *     instance  one process of a release
 *
 * A change (Create, Update, Delete) takes its turn on its service, is written to the store, and is answered when it is
 * durable; making it real follows, and Read tells how far it is. An update starts its release beside the active one and
 * takes over when every instance is up; when it fails, the active one stays. An instance that exits with 0 is done; any
 * other end is followed by another start after a back-off. After a restart of this component every service that was not
 * done is started again; processes of the one before cannot be left, since their groups die with it
 * (world_spawn.whole_group).
 *
 * Everything is one thread. Objects own what they point to unless it says "borrowed". */
#ifndef RUNTIME_RUNTIME_RUNNER_H
#define RUNTIME_RUNTIME_RUNNER_H

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "base/units.h"
#include "proto/runtime/runtime.pb-c.h"
#include "runtime/component.h"
#include "runtime/config/secret.h"
#include "runtime/logs/logs.h"
#include "runtime/service/service.h"

#include <jansson.h>

#define RUNNER_PORT_OFFSET 88
#define RUNNER_DATABASE    "micro"
#define RUNNER_TABLE       "runtime"
#define RUNNER_TOPIC       "runtime" /* of the events component */

/* Limits. */
#define RUNNER_NAME_MAX      64   /* bytes of a name, a version, a namespace */
#define RUNNER_SERVICES_MAX  2000 /* in all */
#define RUNNER_NAMESPACE_MAX 250  /* services of one namespace */
#define RUNNER_RESOURCES_MAX 2000 /* namespaces, policies and quotas */
#define RUNNER_INSTANCES_MAX 16   /* of a service */
#define RUNNER_WORDS_MAX     256  /* of a command with its arguments */
#define RUNNER_ENV_MAX       128  /* variables, secrets included */
#define RUNNER_METADATA_MAX  64
#define RUNNER_MEMORY_MIN    16                  /* MiB of a process, when its service says how many */
#define RUNNER_MEMORY_MAX    16777216            /* 16 TiB */
#define RUNNER_TEXT_MAX      ((size_t)32 << 10)  /* bytes of one word, variable or metadata value */
#define RUNNER_SPEC_MAX      ((size_t)256 << 10) /* bytes of all of a spec's texts */
#define RUNNER_UPLOAD_MAX    ((size_t)64 << 20)  /* bytes of a packed source; option upload-max lowers it */
#define RUNNER_UPLOADS       4                   /* at a time */
#define RUNNER_PATH_MAX      1024

/* Times, ns. */
#define RUNNER_BACKOFF_FIRST ((uint64_t)100 * (uint64_t)MILLISECOND) /* doubles up to RUNNER_BACKOFF_MAX */
#define RUNNER_BACKOFF_MAX   ((uint64_t)30 * (uint64_t)SECOND)
#define RUNNER_STEADY        ((uint64_t)10 * (uint64_t)SECOND) /* up that long: back-off and retries start over */
#define RUNNER_SETTLE        ((uint64_t)1 * (uint64_t)SECOND)  /* alive that long: running */
#define RUNNER_REGISTER_WAIT ((uint64_t)30 * (uint64_t)SECOND) /* for an update of a service that registers */
#define RUNNER_REGISTER_POLL ((uint64_t)200 * (uint64_t)MILLISECOND)
#define RUNNER_STOP_GRACE    ((int64_t)5 * SECOND)  /* from SIGTERM to SIGKILL; option stop-grace */
#define RUNNER_BUILD_TIME    ((int64_t)10 * MINUTE) /* of one build; option build-timeout */
#define RUNNER_CALL_TIMEOUT  ((uint64_t)10 * (uint64_t)SECOND)

#define RUNNER_LINES    5   /* last lines told when an instance or a build ends badly */
#define RUNNER_LINE_MAX 400 /* bytes kept of each */

enum runner_status { /* v3's numbers */
                     RUNNER_UNKNOWN,
                     RUNNER_PENDING,
                     RUNNER_BUILDING,
                     RUNNER_STARTING,
                     RUNNER_RUNNING,
                     RUNNER_STOPPING,
                     RUNNER_STOPPED,
                     RUNNER_ERROR
};

struct runner_pair {
    const char *name, *value;
};

struct runner_spec {
    struct arena arena;  /* all texts */
    uint64_t generation; /* grows with every change of the service; names its folder */
    const char *source, *entrypoint, *type;
    const char **command, **args, **env; /* NULL-terminated; `env` as NAME=value */
    struct runner_pair *secrets, *metadata;
    size_t secret_count, metadata_count;
    int64_t instances;
    int64_t memory;  /* MiB a process may have; 0: no bound */
    int64_t retries; /* starts after the first that may fail in a row; -1: without end */
};

/* The last lines of a process. */
struct runner_tail {
    char lines[RUNNER_LINES][RUNNER_LINE_MAX];
    size_t count; /* of all lines there were */
};
void runner_tail_add(struct runner_tail *t, struct bytes line);
void runner_tail_tell(const struct runner_tail *t, struct text *out); /* "; its last lines:\n    ..." */

enum runner_instance_state {
    INSTANCE_IDLE,     /* not started yet */
    INSTANCE_STARTING, /* runs, not long enough to count */
    INSTANCE_RUNNING,
    INSTANCE_RESTING, /* died; starts again after the back-off */
    INSTANCE_DONE,    /* exited with 0 */
    INSTANCE_FAILED,  /* died too often */
    INSTANCE_STOPPING,
    INSTANCE_STOPPED
};

struct runner_instance {
    struct runner_release *release;
    enum runner_instance_state state;
    int slot; /* number among the service's processes; names the node in simulation */
    struct world_process *process;
    struct world_timer timer; /* settled, start again, or kill */
    uint64_t backoff, up_since;
    int64_t failures; /* in a row */
    int64_t started;  /* wall ns of this process */
    struct runner_tail tail;
    struct text died; /* why the last one ended; empty: none did */
};

/* How a release's processes are started. */
struct runner_plan {
    const char **argv, **environment; /* NULL-terminated */
    const char *directory;
};

enum runner_release_state { RELEASE_PREPARING, RELEASE_STARTING, RELEASE_UP, RELEASE_FAILED, RELEASE_STOPPING };

struct runner_release {
    struct runner_service *service;
    const struct runner_spec *spec; /* borrowed, until the plan is made */
    uint64_t generation;
    bool coming; /* an update that has not taken over: any death ends it */
    enum runner_release_state state;
    struct arena arena; /* the plan, and what preparing found */
    struct runner_plan plan;
    char *folder; /* with its sources; NULL: none */
    bool building;
    struct runner_prepare *prepare;    /* while preparing */
    struct runner_instance *instances; /* NULL before they are started */
    size_t instance_count;
    int64_t retries, memory;
    struct text error; /* why it failed */
    /* an update's look at the registry */
    struct world_timer poll;
    struct map nodes; /* ids that were registered before */
    bool had_nodes;
    struct runner_look *look;    /* a question on its way */
    uint64_t since;              /* monotonic, of its start */
    struct runner_release *next; /* among those that stop */
};

/* A place in a service's queue of changes. */
struct runner_turn {
    void (*begin)(void *arg);
    void (*drop)(void *arg); /* we stop before it was its turn */
    void *arg;
    struct runner_turn *next;
};

struct runner_service {
    struct runner *runner;
    char *key, *namespace, *name, *version, *id; /* id: <name>-<version>, also of its account */
    char *log_name;
    char *owner, *account_secret;     /* NULL before it was created */
    bool exists;                      /* created, durable, not deleted */
    bool finished;                    /* every instance exited with 0: not started again */
    bool deleting;                    /* to go, and safely marked so; see deletion.c */
    struct runner_deletion *deletion; /* the one that has its turn */
    struct runner_spec *current, *next;
    struct runner_release *active, *coming, *stopping;
    struct text update_error; /* why the last update failed; empty: it did not */
    enum runner_status status;
    int64_t status_since, started; /* wall ns */
    struct logs_writer *log;
    uint64_t slots; /* taken, a bit each */
    /* What the change that has its turn asks for, MiB, or without a bound; see quota.c. */
    int64_t reserved;
    bool reserved_unbounded;
    struct runner_turn *turns, **turns_end;
    bool turn_begun;
    struct world_task turn_task, idle_task;
    void (*stopped)(void *arg); /* told when nothing of it runs any more */
    void *stopped_arg;
};

struct runner {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    struct logs *logs;
    struct config_key key;      /* seals what is secret in records */
    char data[RUNNER_PATH_MAX]; /* <data_dir>/runtime */
    struct map services;        /* key -> struct runner_service */
    struct map resources;       /* key -> its JSON, see resources.c */
    struct map coming;          /* the same of those on their way to the store, borrowed; null: to be deleted */
    uint64_t generation;        /* the highest given out */
    int64_t build_time;
    uint64_t stop_grace;
    size_t upload_max, uploads, events_open;
    bool loaded, stopping;
    struct world_timer load_timer;
    uint64_t load_delay;
    void (*drained)(void *arg);
    void *drained_arg;
};

/* ---- runner.c ---- */

void runner_drain_go_on(struct runner *r);     /* something stopped while we drain */
void runner_clear_leftovers(struct runner *r); /* folders nothing needs; after loading */

/* ---- spec.c ---- */

bool runner_name_valid(const char *name);
bool runner_variable_valid(const char *name, size_t len);
struct runner_spec *runner_spec_new(void);
void runner_spec_free(struct runner_spec *s);
/* From requests. ERROR_INVALID and ERROR_LIMIT say what is wrong, in words for the caller. */
int runner_spec_create(const Runtime__Service *service, const Runtime__CreateOptions *options, struct runner_spec **out,
                       struct error *err);
int runner_spec_update(const struct runner_spec *from, const Runtime__Service *service,
                       const Runtime__UpdateOptions *options, struct runner_spec **out, struct error *err);
json_t *runner_spec_json(const struct runner_spec *s, const struct config_key *key, const char *namespace);
int runner_spec_parse(const json_t *json, const struct config_key *key, const char *namespace, struct runner_spec **out,
                      struct error *err);

/* ---- service.c ---- */

/* The service of that key, made when it is not there; NULL: no memory. A service nobody created and nobody waits for
 * goes by itself. */
struct runner_service *runner_service_get(struct runner *r, const char *namespace, const char *name,
                                          const char *version);
struct runner_service *runner_service_find(struct runner *r, const char *namespace, const char *name,
                                           const char *version); /* NULL: not there; it may not exist yet */
/* We stop: changes that wait are ended. Before the calls we made are, and those before runner_service_free(). */
void runner_service_quit(struct runner_service *s);
void runner_service_free(struct runner_service *s);
void runner_turn_begin(struct runner_service *s, struct runner_turn *turn);
void runner_turn_end(struct runner_service *s);
/* Works out the status anew and acts on what follows: something of the service changed. */
void runner_service_changed(struct runner_service *s);
enum runner_status runner_service_status(const struct runner_service *s);
const char *runner_status_word(enum runner_status s);
/* What Read tells, in the arena; NULL: no memory. */
Runtime__Service *runner_service_message(struct runner_service *s, struct arena *arena);
/* The record. */
json_t *runner_service_json(const struct runner_service *s, const struct runner_spec *current,
                            const struct runner_spec *next, bool finished);
int runner_service_load(struct runner *r, const json_t *record, struct error *err);
int runner_slot_take(struct runner_service *s); /* -1: none is free */
void runner_slot_give(struct runner_service *s, int slot);
/* SIGTERM for all of it; `stopped` when nothing is left, from the loop. */
void runner_service_stop(struct runner_service *s, void (*stopped)(void *arg), void *arg);
void runner_service_write(struct runner_service *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- release.c, instance.c ---- */

/* Makes the spec real; `coming` beside an active one. */
void runner_release_start(struct runner_service *s, const struct runner_spec *spec, bool coming);
void runner_release_prepared(struct runner_release *r, int code, const struct error *err); /* from prepare.c */
void runner_release_instance(struct runner_release *r, struct runner_instance *i);         /* i->state changed */
void runner_release_stop(struct runner_release *r);
void runner_release_free(struct runner_release *r);
void runner_instance_init(struct runner_instance *i, struct runner_release *r, int slot);
void runner_instance_start(struct runner_instance *i);
void runner_instance_settle(struct runner_instance *i); /* it is known to be up */
void runner_instance_stop(struct runner_instance *i);
void runner_instance_deinit(struct runner_instance *i);

/* ---- prepare.c, entry.c, environ.c ---- */

int runner_prepare_start(struct runner_release *r, struct error *err); /* ends in runner_release_prepared() */
void runner_prepare_free(struct runner_prepare *p);
/* Folders <data>/runtime/builds/<namespace>/<id>/... and home/<namespace>/<id>. */
int runner_folder(const struct runner_service *s, const char *kind, uint64_t generation, char out[RUNNER_PATH_MAX]);
void runner_folder_remove(const struct runner_service *s, uint64_t generation);
/* The environment of a service's processes, or of its build (without account and secrets). NULL: no memory. */
const char **runner_environment(const struct runner_service *s, const struct runner_spec *spec,
                                const struct runner_pair *more, size_t more_count, bool build, const char *home,
                                struct arena *arena);

/* ---- keep.c: what is asked of the other components ---- */

typedef void runner_done(void *arg, int status, const char *message, const char *revision);
void runner_keep_write(struct runner *r, const char *key, const json_t *value, runner_done *done, void *arg);
void runner_keep_remove(struct runner *r, const char *key, runner_done *done, void *arg);
void runner_keep_load(struct runner *r); /* until it succeeds */
/* The account of a service: a new one with this secret in place of any there was; or none. */
void runner_account_make(struct runner_service *s, const char *secret, runner_done *done, void *arg);
void runner_account_remove(struct runner_service *s, runner_done *done, void *arg);
void runner_publish(struct runner *r, const char *type, const char *namespace, const char *name, json_t *object);
/* Saves what became of a service, in its turn; failures are tried again by the next change. */
void runner_service_save(struct runner_service *s);
int runner_code(int status, const char *message, char *detail, size_t size); /* HTTP-like, of an answer */

/* ---- deletion.c ---- */

/* `call` may be NULL; it is finished in any case. */
void runner_deletion_start(struct runner_service *s, struct rpc_call *call, const char *error_id);
void runner_deletion_quit(struct runner_service *s); /* we stop: whoever waits is told */
void runner_deletion_free(struct runner_deletion *d);

/* ---- handlers ---- */

void runner_create(struct rpc_call *call, const ProtobufCMessage *request, void *runner);
void runner_read(struct rpc_call *call, const ProtobufCMessage *request, void *runner);
void runner_update(struct rpc_call *call, const ProtobufCMessage *request, void *runner);
void runner_delete(struct rpc_call *call, const ProtobufCMessage *request, void *runner);
extern const struct rpc_method runner_logs_method, runner_upload_method, runner_build_method;

/* resources.c: namespaces, network policies, quotas. False: the resource is none of them. */
enum runner_change { RUNNER_CREATED, RUNNER_UPDATED, RUNNER_DELETED };
bool runner_resource_change(struct runner *r, struct rpc_call *call, const Runtime__Resource *resource,
                            enum runner_change change, const char *error_id);
int runner_resource_load(struct runner *r, const char *key, json_t *value);

/* quota.c: the service may have what the spec asks for, which is its own until its turn ends. ERROR_INVALID: it does
 * not say; ERROR_NO_SPACE: it is too much. */
int runner_quota_admit(struct runner_service *s, const struct runner_spec *spec, struct error *err);
int runner_quota_check(const Runtime__ResourceQuota *q, struct error *err); /* ERROR_INVALID, ERROR_UNSUPPORTED */
/* What runs in the namespace stays within the quota (its JSON); else ERROR_EXISTS. */
int runner_quota_fits(const struct runner *r, const char *namespace, const json_t *quota, struct error *err);
bool runner_quota_enforced(const char *key, const json_t *value); /* false: a resource this version would refuse */

/* The call may go on: loaded, and the caller may do this in the namespace. */
bool runner_admit(struct runner *r, struct rpc_call *call, const char *namespace, bool admin, const char *error_id);
const char *runner_namespace(struct rpc_call *call, const char *given); /* as given, else the call's */
json_t *runner_event_object(const struct runner_service *s, const struct runner_spec *spec);
void runner_reply(struct rpc_call *call, const ProtobufCMessage *reply, const char *revision);

#endif
