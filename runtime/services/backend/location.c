/* Where things are, and which of them are near (proto/location/location.proto). Track and Follow are not implemented.
 *
 * Table "location": "at:<owner>/<id>" is an entity; "near:<owner>/<type>/<cell>/<id>/<version>" says that it is in that
 * cell of the grid (geo.h). Each Save of an entity has a version of its own. Its cell is written first, then the
 * entity, on the condition that nobody else changed it, and then the cell of the version before is taken away: so an
 * entity is always in the cell where it is. A crash may leave it in another one as well; a search reads every entity
 * that it finds in a cell, and believes only what stands there. Entities are an account's own. */
#include "runtime/services/backend/backend.h"
#include "runtime/services/backend/geo.h"

#include "proto/location/location.pb-c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE       "location"
#define LIMIT_MAX   1000  /* entities of an answer */
#define LOOK_MAX    20000 /* of one type in one of the cells that are looked at */
#define TRIES       3     /* when somebody else changed the entity meanwhile */
#define VERSION_LEN 12

struct record {
    char *id, *type, *latitude, *longitude, *cell, *version;
    int64_t timestamp;
};
static const struct backend_field fields[] = {
    BACKEND_FIELD(struct record, id, FIELD_TEXT),       BACKEND_FIELD(struct record, type, FIELD_TEXT),
    BACKEND_FIELD(struct record, latitude, FIELD_TEXT), BACKEND_FIELD(struct record, longitude, FIELD_TEXT),
    BACKEND_FIELD(struct record, cell, FIELD_TEXT),     BACKEND_FIELD(struct record, version, FIELD_TEXT),
    BACKEND_FIELD(struct record, timestamp, FIELD_INT),
};
static const struct backend_shape shape = {TABLE, "what the store holds under this id is no entity", fields,
                                           sizeof fields / sizeof *fields};

struct near {
    struct record record;
    double distance; /* metres from where it is searched */
};

struct work {
    struct task task;
    char *owner, *key;
    struct record record, before;
    uint64_t revision;
    int tries;
    /* Search */
    struct geo_point center;
    double radius;
    const char *type;
    size_t limit;
    struct backend_op *ops;
    size_t op_count;
    struct near *nears, *kept;
    size_t near_count, at, kept_count;
};

static struct arena *memory(struct work *w)
{
    return rpc_call_arena(w->task.call);
}

static struct work *work_new(struct rpc_call *call, void *context, const char *id)
{
    char *owner = backend_owner(call, id);
    struct work *w = owner ? task_new(sizeof *w, context, call, id) : NULL;
    if (w)
        w->owner = owner;
    return w;
}

/* Where the entity `id` is kept. False: the call was failed. */
static bool use_id(struct work *w, const char *id)
{
    if (!*id || strlen(id) > BACKEND_ID_MAX) {
        micro_fail(w->task.call, 400, w->task.id, "an id of 1 to %d bytes is required", BACKEND_ID_MAX);
        return false;
    }
    char *part = backend_part(memory(w), id);
    w->key = part ? arena_printf(memory(w), "at:%s/%s", w->owner, part) : NULL;
    if (!w->key)
        task_no_memory(&w->task);
    return w->key != NULL;
}

static bool use_point(struct work *w, const Location__Point *p, const char *what, struct geo_point *out)
{
    if (p) {
        *out = (struct geo_point){p->latitude, p->longitude};
        if (geo_valid(*out))
            return true;
    }
    micro_fail(w->task.call, 400, w->task.id, "%s of -90 to 90 and -180 to 180 degrees is required", what);
    return false;
}

static struct geo_point place(const struct record *r)
{
    return (struct geo_point){strtod(r->latitude, NULL), strtod(r->longitude, NULL)};
}

static Location__Entity *entity(struct work *w, const struct record *r)
{
    Location__Entity *e = ARENA_NEW(memory(w), Location__Entity);
    Location__Point *p = ARENA_NEW(memory(w), Location__Point);
    if (!e || !p)
        return NULL;
    location__entity__init(e);
    location__point__init(p);
    e->id = r->id;
    e->type = r->type;
    e->location = p;
    p->latitude = place(r).latitude;
    p->longitude = place(r).longitude;
    p->timestamp = r->timestamp;
    return e;
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

static void read_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    Location__ReadResponse reply = LOCATION__READ_RESPONSE__INIT;
    if (!task_take(t, &shape, a, &w->record, &w->revision))
        return;
    if (w->revision == 0) {
        micro_fail(t->call, 404, t->id, "it was never seen");
        return;
    }
    reply.entity = entity(w, &w->record);
    if (reply.entity)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static void read_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Location__ReadRequest *r = (const Location__ReadRequest *)(const void *)message;
    struct work *w = work_new(call, context, "location.Location.Read");
    if (w && use_id(w, r->id))
        task_read(&w->task, TABLE, w->key, false, read_read);
}

/* ---- Save -------------------------------------------------------------------------------------------------------- */

static char *near_key(struct work *w, const struct record *r)
{
    char *id = backend_part(memory(w), r->id), *type = backend_part(memory(w), r->type);
    return id && type ? arena_printf(memory(w), "near:%s/%s/%s/%s/%s", w->owner, type, r->cell, id, r->version) : NULL;
}

static void save_done(struct task *t, const struct backend_answer *a)
{
    static const Location__SaveResponse empty = LOCATION__SAVE_RESPONSE__INIT;
    (void)a; /* where it was is looked at in vain, no more */
    rpc_call_reply(t->call, &empty.base);
}

static void save_read(struct task *t, const struct backend_answer *a);

static void save_saved(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < TRIES)
            task_read(t, TABLE, w->key, false, save_read);
        else
            micro_fail(t->call, 409, t->id, "the entity is being moved; try again");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    char *old = w->revision ? near_key(w, &w->before) : NULL;
    if (old)
        task_delete(t, TABLE, old, save_done);
    else
        save_done(t, a);
}

static void save_near(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_failed(t, a, 500))
        task_save(t, &shape, w->key, &w->record, w->revision, save_saved);
}

static void save_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_take(t, &shape, a, &w->before, &w->revision))
        return;
    char *key = near_key(w, &w->record);
    if (key)
        task_save(t, &shape, key, &w->record, BACKEND_ALWAYS, save_near);
    else
        task_no_memory(t);
}

static void save_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "location.Location.Save";
    const Location__Entity *e = ((const Location__SaveRequest *)(const void *)message)->entity;
    struct work *w = work_new(call, context, id);
    struct geo_point at;
    char cell[GEO_DIGITS + 1];
    if (!w)
        return;
    if (!e) {
        micro_fail(call, 400, id, "an entity is required");
        return;
    }
    if (!use_id(w, e->id) || !backend_check_text(call, id, "a type", e->type, 0, BACKEND_ID_MAX) ||
        !use_point(w, e->location, "a location", &at))
        return;
    geo_cell(at, cell);
    w->record =
        (struct record){.id = e->id,
                        .type = e->type,
                        .latitude = arena_printf(memory(w), "%.17g", at.latitude),
                        .longitude = arena_printf(memory(w), "%.17g", at.longitude),
                        .cell = arena_string(memory(w), cell),
                        .version = backend_token(w->task.backend, memory(w), VERSION_LEN),
                        .timestamp = e->location->timestamp ? e->location->timestamp : backend_now(w->task.backend)};
    if (w->record.latitude && w->record.longitude && w->record.cell && w->record.version)
        task_read(&w->task, TABLE, w->key, false, save_read);
    else
        task_no_memory(&w->task);
}

/* ---- Search ------------------------------------------------------------------------------------------------------ */

static int by_distance(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    return x->distance < y->distance ? -1 : x->distance > y->distance ? 1 : strcmp(x->record.id, y->record.id);
}

static int by_id(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    int order = strcmp(x->record.id, y->record.id);
    return order ? order : by_distance(a, b);
}

static void answer(struct work *w)
{
    Location__SearchResponse reply = LOCATION__SEARCH_RESPONSE__INIT;
    if (w->kept_count)
        qsort(w->kept, w->kept_count, sizeof *w->kept, by_distance);
    size_t n = w->kept_count < w->limit ? w->kept_count : w->limit;
    reply.entities = ARENA_NEW_N(memory(w), Location__Entity *, n + 1);
    for (size_t i = 0; reply.entities && i < n; i++)
        if ((reply.entities[reply.n_entities] = entity(w, &w->kept[i].record)) != NULL)
            reply.n_entities++;
    if (reply.entities && reply.n_entities == n)
        rpc_call_reply(w->task.call, &reply.base);
    else
        task_no_memory(&w->task);
}

/* 1: it is of what is searched; 0: not; -1: the call was failed. */
static int judge(struct work *w, const struct backend_found *f, struct near *out)
{
    if (!backend_decode(memory(w), shape.fields, shape.count, f->value, &out->record)) {
        micro_fail(w->task.call, 500, w->task.id, "%s", shape.damaged);
        return -1;
    }
    out->distance = geo_distance(w->center, place(&out->record));
    return out->distance <= w->radius && strcmp(out->record.type, w->type) == 0;
}

static void next(struct work *w);

static void entities_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < w->op_count; i++) {
        int is = w->ops[i].count ? judge(w, &w->ops[i].found[0], &w->kept[w->kept_count]) : 0;
        if (is < 0)
            return;
        w->kept_count += (size_t)is;
    }
    next(w);
}

/* As many of the nearest as are wanted are read, and more when some of these are not there any more. */
static void next(struct work *w)
{
    size_t left = w->near_count - w->at, n = left < w->limit ? left : w->limit;
    if (n == 0 || w->kept_count >= w->limit) {
        answer(w);
        return;
    }
    w->ops = ARENA_NEW_N(memory(w), struct backend_op, n);
    w->op_count = n;
    for (size_t i = 0; w->ops && i < n; i++) {
        char *id = backend_part(memory(w), w->nears[w->at + i].record.id);
        w->ops[i] =
            (struct backend_op){.kind = OP_READ, .key = id ? arena_printf(memory(w), "at:%s/%s", w->owner, id) : NULL};
        if (!w->ops[i].key)
            w->ops = NULL;
    }
    w->at += n;
    if (w->ops)
        task_batch(&w->task, TABLE, w->ops, n, entities_read);
    else
        task_no_memory(&w->task);
}

static void cells_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    size_t all = 0, kept = 0;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < w->op_count; i++) {
        all += w->ops[i].count;
        if (w->ops[i].count > LOOK_MAX) {
            micro_fail(t->call, 400, t->id, "more than %d are near: search within a smaller radius", LOOK_MAX);
            return;
        }
    }
    w->nears = ARENA_NEW_N(memory(w), struct near, all + 1);
    w->kept = ARENA_NEW_N(memory(w), struct near, all + 1);
    if (!w->nears || !w->kept) {
        task_no_memory(t);
        return;
    }
    for (size_t i = 0; i < w->op_count; i++)
        for (size_t k = 0; k < w->ops[i].count; k++) {
            int is = judge(w, &w->ops[i].found[k], &w->nears[w->near_count]);
            if (is < 0)
                return;
            w->near_count += (size_t)is;
        }
    if (w->near_count)
        qsort(w->nears, w->near_count, sizeof *w->nears, by_id);
    for (size_t i = 0; i < w->near_count; i++) /* once, wherever it was seen as well */
        if (kept == 0 || strcmp(w->nears[kept - 1].record.id, w->nears[i].record.id) != 0)
            w->nears[kept++] = w->nears[i];
    w->near_count = kept;
    if (kept)
        qsort(w->nears, kept, sizeof *w->nears, by_distance);
    next(w);
}

static void search_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "location.Location.Search";
    const Location__SearchRequest *r = (const Location__SearchRequest *)(const void *)message;
    struct work *w = work_new(call, context, id);
    char cells[GEO_CELLS_MAX][GEO_DIGITS + 1];
    if (!w || !backend_check_text(call, id, "a type", r->type, 1, BACKEND_ID_MAX) ||
        !use_point(w, r->center, "a center", &w->center) || !backend_check_page(call, id, r->limit, LIMIT_MAX))
        return;
    if (!(r->radius >= 0) || !isfinite(r->radius)) {
        micro_fail(call, 400, id, "a radius of 0 metres or more is required");
        return;
    }
    w->radius = r->radius;
    w->type = r->type;
    w->limit = (size_t)r->limit;
    w->op_count = geo_cells_around(w->center, w->radius, cells);
    w->ops = ARENA_NEW_N(memory(w), struct backend_op, w->op_count);
    char *type = backend_part(memory(w), r->type);
    for (size_t i = 0; w->ops && type && i < w->op_count; i++) {
        w->ops[i] = (struct backend_op){.kind = OP_READ,
                                        .prefix = true,
                                        .limit = LOOK_MAX + 1,
                                        .key = arena_printf(memory(w), "near:%s/%s/%s", w->owner, type, cells[i])};
        if (!w->ops[i].key)
            w->ops = NULL;
    }
    if (w->ops && type)
        task_batch(&w->task, TABLE, w->ops, w->op_count, cells_read);
    else
        task_no_memory(&w->task);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &location__##stem##_request__descriptor,                                              \
        .output = &location__##stem##_response__descriptor, .unary = handler                                           \
    }
static const struct rpc_method methods[] = {
    METHOD("Read", read, read_handler),
    METHOD("Save", save, save_handler),
    METHOD("Search", search, search_handler),
};
static const struct rpc_service served = {"location.Location", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_location = {.name = "location", .setup = setup, .stop = backend_stop};
