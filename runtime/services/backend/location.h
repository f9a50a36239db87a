/* What the location's files share: the record of an entity and the tasks around it (location.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_LOCATION_H
#define RUNTIME_SERVICES_BACKEND_LOCATION_H

#include "runtime/services/backend/backend.h"
#include "runtime/services/backend/geo.h"

#include "proto/location/location.pb-c.h"

#define LOCATION_TABLE "location"

struct location_record {
    char *id, *type, *latitude, *longitude, *cell, *version;
    int64_t timestamp;
};
extern const struct backend_shape location_shape;

struct location {
    struct backend backend; /* first: it is the handlers' context */
    struct location_follower *followers;
    size_t follower_count;
    struct world_timer poll; /* for what other processes saved */
};

struct location_work {
    struct task task;
    char *owner, *key;
    struct location_record record, before;
    uint64_t revision;
    int tries;
    void (*saved)(struct location_work *w);
};
/* Where the entity `id` of the owner is kept. False: the task failed. */
bool location_use_id(struct location_work *w, const char *id);
bool location_use_point(struct task *t, const Location__Point *p, const char *what, struct geo_point *out);
struct geo_point location_place(const struct location_record *r);
Location__Entity *location_entity(struct arena *m, const struct location_record *r); /* NULL: no memory */
/* The entity of key and id is there now; `timestamp` 0: at this moment. */
void location_save(struct location_work *w, char *type, struct geo_point at, int64_t timestamp);
/* Who follows that entity is told. */
void location_moved(struct location *l, const char *key);

void location_search(struct rpc_call *call, const ProtobufCMessage *message, void *context);

void location_track_open(struct rpc_call *call, void *context);
void location_track_message(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void location_track_end(struct rpc_call *call, void *context);
void location_track_cancelled(struct rpc_call *call, void *context);

void location_follow_init(struct location *l);
void location_follow(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void location_follow_cancelled(struct rpc_call *call, void *context);
void location_follow_writable(struct rpc_call *call, void *context);

#endif
