/* Where things are, and which of them are near (proto/location/location.proto).
 *
 * Table "location": "at:<owner>/<id>" is an entity; "near:<owner>/<type>/<cell>/<id>/<version>" says that it is in that
 * cell of the grid (geo.h). Each Save of an entity has a version of its own. Its cell is written first, then the
 * entity, on the condition that nobody else changed it, and then the cell of the version before is taken away: so an
 * entity is always in the cell where it is. A crash may leave it in another one as well; a search reads every entity
 * that it finds in a cell, and believes only what stands there. Entities are an account's own. location_search.c
 * searches, location_follow.c has the streams. */
#include "runtime/services/backend/location.h"

#include <stdlib.h>
#include <string.h>

#define TRIES       3 /* when somebody else changed the entity meanwhile */
#define VERSION_LEN 12

static const struct backend_field fields[] = {
    BACKEND_FIELD(struct location_record, id, FIELD_TEXT),
    BACKEND_FIELD(struct location_record, type, FIELD_TEXT),
    BACKEND_FIELD(struct location_record, latitude, FIELD_TEXT),
    BACKEND_FIELD(struct location_record, longitude, FIELD_TEXT),
    BACKEND_FIELD(struct location_record, cell, FIELD_TEXT),
    BACKEND_FIELD(struct location_record, version, FIELD_TEXT),
    BACKEND_FIELD(struct location_record, timestamp, FIELD_INT),
};
const struct backend_shape location_shape = {LOCATION_TABLE, "what the store holds under this id is no entity", fields,
                                             sizeof fields / sizeof *fields};

bool location_use_id(struct location_work *w, const char *id)
{
    if (!*id || strlen(id) > BACKEND_ID_MAX) {
        task_fail(&w->task, 400, "an id of 1 to %d bytes is required", BACKEND_ID_MAX);
        return false;
    }
    char *part = backend_part(w->task.memory, id);
    w->key = part ? arena_printf(w->task.memory, "at:%s/%s", w->owner, part) : NULL;
    if (!w->key)
        task_no_memory(&w->task);
    return w->key != NULL;
}

bool location_use_point(struct task *t, const Location__Point *p, const char *what, struct geo_point *out)
{
    if (p) {
        *out = (struct geo_point){p->latitude, p->longitude};
        if (geo_valid(*out))
            return true;
    }
    task_fail(t, 400, "%s of -90 to 90 and -180 to 180 degrees is required", what);
    return false;
}

struct geo_point location_place(const struct location_record *r)
{
    return (struct geo_point){strtod(r->latitude, NULL), strtod(r->longitude, NULL)};
}

Location__Entity *location_entity(struct arena *m, const struct location_record *r)
{
    Location__Entity *e = ARENA_NEW(m, Location__Entity);
    Location__Point *p = ARENA_NEW(m, Location__Point);
    if (!e || !p)
        return NULL;
    location__entity__init(e);
    location__point__init(p);
    e->id = r->id;
    e->type = r->type;
    e->location = p;
    p->latitude = location_place(r).latitude;
    p->longitude = location_place(r).longitude;
    p->timestamp = r->timestamp;
    return e;
}

static struct location_work *work_new(struct rpc_call *call, void *context, const char *id)
{
    char *owner = backend_owner(call, id);
    struct location_work *w = owner ? task_new(sizeof *w, context, call, id) : NULL;
    if (w)
        w->owner = owner;
    return w;
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

static void read_read(struct task *t, const struct backend_answer *a)
{
    struct location_work *w = (struct location_work *)t;
    Location__ReadResponse reply = LOCATION__READ_RESPONSE__INIT;
    if (!task_take(t, &location_shape, a, &w->record, &w->revision))
        return;
    if (w->revision == 0) {
        micro_fail(t->call, 404, t->id, "it was never seen");
        return;
    }
    reply.entity = location_entity(t->memory, &w->record);
    if (reply.entity)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static void read_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Location__ReadRequest *r = (const Location__ReadRequest *)(const void *)message;
    struct location_work *w = work_new(call, context, "location.Location.Read");
    if (w && location_use_id(w, r->id))
        task_read(&w->task, LOCATION_TABLE, w->key, false, read_read);
}

/* ---- Save -------------------------------------------------------------------------------------------------------- */

static char *near_key(struct location_work *w, const struct location_record *r)
{
    char *id = backend_part(w->task.memory, r->id), *type = backend_part(w->task.memory, r->type);
    return id && type ? arena_printf(w->task.memory, "near:%s/%s/%s/%s/%s", w->owner, type, r->cell, id, r->version)
                      : NULL;
}

static void save_done(struct task *t, const struct backend_answer *a)
{
    struct location_work *w = (struct location_work *)t;
    (void)a; /* where it was is looked at in vain, no more */
    location_moved((struct location *)t->backend, w->key);
    w->saved(w);
}

static void save_read(struct task *t, const struct backend_answer *a);

static void save_saved(struct task *t, const struct backend_answer *a)
{
    struct location_work *w = (struct location_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, LOCATION_TABLE, w->key, false, save_read);
        else
            task_fail(t, 409, "the entity is being moved; try again");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    char *old = w->revision ? near_key(w, &w->before) : NULL;
    if (old)
        task_delete(t, LOCATION_TABLE, old, save_done);
    else
        save_done(t, a);
}

static void save_near(struct task *t, const struct backend_answer *a)
{
    struct location_work *w = (struct location_work *)t;
    if (!task_failed(t, a, 500))
        task_save(t, &location_shape, w->key, &w->record, w->revision, save_saved);
}

static void save_read(struct task *t, const struct backend_answer *a)
{
    struct location_work *w = (struct location_work *)t;
    if (!task_take(t, &location_shape, a, &w->before, &w->revision))
        return;
    char *key = near_key(w, &w->record);
    if (key)
        task_save(t, &location_shape, key, &w->record, BACKEND_ALWAYS, save_near);
    else
        task_no_memory(t);
}

void location_save(struct location_work *w, char *type, struct geo_point at, int64_t timestamp)
{
    struct arena *m = w->task.memory;
    char cell[GEO_DIGITS + 1];
    geo_cell(at, cell);
    w->record.type = type;
    w->record.latitude = arena_printf(m, "%.17g", at.latitude);
    w->record.longitude = arena_printf(m, "%.17g", at.longitude);
    w->record.cell = arena_string(m, cell);
    w->record.version = backend_token(w->task.backend, m, VERSION_LEN);
    w->record.timestamp = timestamp ? timestamp : backend_now(w->task.backend);
    if (w->record.latitude && w->record.longitude && w->record.cell && w->record.version)
        task_read(&w->task, LOCATION_TABLE, w->key, false, save_read);
    else
        task_no_memory(&w->task);
}

static void save_answer(struct location_work *w)
{
    static const Location__SaveResponse empty = LOCATION__SAVE_RESPONSE__INIT;
    rpc_call_reply(w->task.call, &empty.base);
}

static void save_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "location.Location.Save";
    const Location__Entity *e = ((const Location__SaveRequest *)(const void *)message)->entity;
    struct location_work *w = work_new(call, context, id);
    struct geo_point at;
    if (!w)
        return;
    if (!e) {
        micro_fail(call, 400, id, "an entity is required");
        return;
    }
    if (!location_use_id(w, e->id) || !backend_check_text(call, id, "a type", e->type, 0, BACKEND_ID_MAX) ||
        !location_use_point(&w->task, e->location, "a location", &at))
        return;
    w->record.id = e->id;
    w->saved = save_answer;
    location_save(w, e->type, at, e->location->timestamp);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define TYPES(stem) .input = &location__##stem##_request__descriptor, .output = &location__##stem##_response__descriptor
static const struct rpc_method methods[] = {
    {.name = "Read", TYPES(read), .unary = read_handler},
    {.name = "Save", TYPES(save), .unary = save_handler},
    {.name = "Search", TYPES(search), .unary = location_search},
    {.name = "Track",
     TYPES(track),
     .open = location_track_open,
     .message = location_track_message,
     .half_closed = location_track_end,
     .cancelled = location_track_cancelled},
    {.name = "Follow",
     TYPES(follow),
     .unary = location_follow,
     .cancelled = location_follow_cancelled,
     .writable = location_follow_writable},
};
static const struct rpc_service served = {"location.Location", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    struct location *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    l->backend = (struct backend){.service = s, .world = micro_service_world(s)};
    *state = l;
    location_follow_init(l);
    int rc = micro_service_add(s, &served, &l->backend);
    return rc ? error_set(err, rc, "the handlers cannot be set up") : 0;
}

static void stop(void *state)
{
    struct location *l = state;
    if (l)
        world_timer_stop(&l->poll);
    free(l);
}

const struct micro_program backend_location = {.name = "location", .setup = setup, .stop = stop};
