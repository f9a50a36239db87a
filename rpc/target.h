/* The system under test as the pillars see it: its contracts, its doors, and the levers that stop and start its parts.
 * harrow/ makes one from a manifest and a driver (processes, sim, attach); e2e/, fuzz/, chaos/ and fakes/ only use it.
 *
 * All strings are borrowed for the target's life. */
#ifndef RPC_TARGET_H
#define RPC_TARGET_H

#include "base/result.h"
#include "rpc/rpc.h"

struct target;
struct proxy;

#define TARGET_METADATA_MAX 16
#define TARGET_HEADERS_MAX  (TARGET_METADATA_MAX + 2) /* with token and namespace */

enum target_action {
    TARGET_KILL,      /* SIGKILL, or a node's process death in simulation */
    TARGET_TERMINATE, /* SIGTERM */
    TARGET_STOP,      /* SIGSTOP */
    TARGET_CONTINUE,  /* SIGCONT */
    TARGET_START,     /* start again what was killed, when no supervisor does */
    TARGET_POWER_CUT, /* simulation only: crash of the machine */
    TARGET_PARTITION, /* simulation only: cut from every other part */
    TARGET_HEAL,      /* undo TARGET_PARTITION */
    TARGET_ACTION_COUNT,
};
const char *target_action_name(enum target_action a); /* "kill", "terminate", ... */

/* A door of another protocol. Who sends it `send` and gets an answer that begins with `expect` was answered. */
struct target_tcp {
    const char *address; /* "127.0.0.1:6379"; NULL: none */
    const char *send, *expect;
};

struct target_component {
    const char *name;
    const char *address;     /* gRPC, "127.0.0.1:8002"; NULL: none */
    struct tls_context *tls; /* its gRPC door speaks TLS; NULL: plain text */
    const char *http;        /* "http://127.0.0.1:8080"; NULL: none */
    struct target_tcp tcp;
    const char *const *services; /* full proto names it serves, NULL-terminated */
    bool stateful;               /* has data of its own on disk */
    const char *const *needs;    /* components it cannot work without, NULL-terminated; NULL: not known */
};

struct target_operations {
    /* Carry out; 0 when it was done *and seen to have happened* (the process is gone, stopped, running again).
     * ERROR_UNSUPPORTED with the reason when the driver cannot. */
    int (*act)(struct target *t, const char *component, enum target_action action, struct error *err);
    bool (*alive)(struct target *t, const char *component);      /* its process or node runs (not: answers) */
    int64_t (*process)(struct target *t, const char *component); /* process id; 0: none */
    /* Resident bytes and CPU ns of one component. */
    int (*usage)(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu);
    /* The last lines a component logged, newest last. */
    int (*logs)(struct target *t, const char *component, size_t lines, struct text *out);
    /* How many lines all of it logged so far, and the last of those that came after so many. Both NULL: not known. */
    uint64_t (*logged)(struct target *t);
    void (*logs_since)(struct target *t, uint64_t since, size_t lines, struct text *out);
    /* Whoever starts components again does not until let go; NULL: cannot be held. Held and seen to be. */
    int (*hold)(struct target *t, bool hold, struct error *err);
    int64_t (*supervisor)(struct target *t); /* its process id; 0 or NULL: the harness starts them, or nobody */
    struct sim *(*sim)(struct target *t);    /* components are its nodes, by their names; NULL: no simulation */
    /* Only some of the contracts may have been read. Reads all, which may wait; true: `pool` is another one now, and
     * what was taken from the one before stays. NULL: all were read. */
    bool (*more_contracts)(struct target *t);
};

struct target {
    const struct target_operations *operations;
    struct world *world;  /* the harness's own */
    const char *system;   /* manifest's name: "micro" */
    const char *driver;   /* "processes", "sim", "attach" */
    const char *manifest; /* path, for replay commands */
    const struct pb_pool *pool;
    /* Where the contracts are read from, as whoever runs the harness names it: a file with a descriptor set, or else
     * the folders, NULL-terminated, in which .proto files have the names that pb_service.file and imports say. Both
     * NULL: the servers tell of theirs, or they are built in. */
    const char *descriptors;
    const char *const *proto_paths;
    /* How doors with TLS are trusted: by the certificates in this file, by whatever it is, or by the system's. */
    const char *ca;
    bool insecure;
    const struct target_component *components;
    size_t component_count;
    const char *token;                  /* access token for calls, or NULL */
    const char *namespace;              /* Micro namespace, or NULL */
    const struct grpc_header *metadata; /* what else every call carries; at most TARGET_METADATA_MAX */
    size_t metadata_count;
    const char *gateway; /* base URL of the HTTP gateway, or NULL */
    uint64_t seed;
    struct result_stream *results;
    bool interrupted; /* the user wants to stop: finish what is under way, undo, return ERROR_CANCELLED */
    bool hurry;       /* faults are to be undone at once: nobody waits inside one any more */
    struct target_channels *channels; /* internal; NULL at first */
    /* Links between the parts, and from the harness to them (chaos/proxy/proxy.h); NULL: they reach each other
     * directly. `address`, `http` and `gateway` are then those of the harness's own links. */
    struct proxy *proxy;
    const struct world_image *disk; /* world/image.h: all parts' data lies on it; NULL: on this machine's file system */
    struct packet_networks *packets; /* chaos/packet/networks.h: each part has one of its own; NULL: they share ours */
    struct undo_journal *journal;    /* chaos/journal/journal.h: what is to be undone; NULL until something is */
};

const struct target_component *target_find(const struct target *t, const char *name);       /* component by name */
const struct target_component *target_serving(const struct target *t, const char *service); /* by full proto name */
/* Where several serve it: the number-th of them, counted round. */
const struct target_component *target_serving_one(const struct target *t, const char *service, size_t number);
/* A channel to the component (made on first use, kept until target_close_channels). */
int target_channel(struct target *t, const struct target_component *c, struct rpc_channel **out, struct error *err);
void target_close_channels(struct target *t);
/* One of the caller's own, with connections of its own: rpc_channel_free(). */
int target_channel_new(const struct target *t, const struct target_component *c, struct rpc_channel **out,
                       struct error *err);
/* Metadata every call carries: the target's own, token and namespace. Items live as long as the target. */
struct grpc_metadata target_metadata(struct target *t);
/* Bytes that are resident of all components together; 0: not known, or simulated, where they are this process's. */
uint64_t target_resident(struct target *t);

#endif
