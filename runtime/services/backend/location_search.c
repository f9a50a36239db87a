/* Which entities are near: the cells of the grid around the place are read, and the entities that they lead to. */
#include "runtime/services/backend/location.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 1000  /* entities of an answer */
#define LOOK_MAX  20000 /* of one type in one of the cells that are looked at */

struct near {
    struct location_record record;
    double distance; /* metres from where it is searched */
};

struct search_work {
    struct task task;
    char *owner;
    struct geo_point center;
    double radius;
    const char *type;
    size_t limit;
    struct backend_op *ops;
    size_t op_count;
    struct near *nears, *kept;
    size_t near_count, at, kept_count;
};

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

static void answer(struct search_work *w)
{
    Location__SearchResponse reply = LOCATION__SEARCH_RESPONSE__INIT;
    if (w->kept_count)
        qsort(w->kept, w->kept_count, sizeof *w->kept, by_distance);
    size_t n = w->kept_count < w->limit ? w->kept_count : w->limit;
    reply.entities = ARENA_NEW_N(w->task.memory, Location__Entity *, n + 1);
    for (size_t i = 0; reply.entities && i < n; i++)
        if ((reply.entities[reply.n_entities] = location_entity(w->task.memory, &w->kept[i].record)) != NULL)
            reply.n_entities++;
    if (reply.entities && reply.n_entities == n)
        rpc_call_reply(w->task.call, &reply.base);
    else
        task_no_memory(&w->task);
}

/* 1: it is of what is searched; 0: not; -1: the call was failed. */
static int judge(struct search_work *w, const struct backend_found *f, struct near *out)
{
    if (!backend_decode(w->task.memory, location_shape.fields, location_shape.count, f->value, &out->record)) {
        micro_fail(w->task.call, 500, w->task.id, "%s", location_shape.damaged);
        return -1;
    }
    out->distance = geo_distance(w->center, location_place(&out->record));
    return out->distance <= w->radius && strcmp(out->record.type, w->type) == 0;
}

static void next(struct search_work *w);

static void entities_read(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
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
static void next(struct search_work *w)
{
    size_t left = w->near_count - w->at, n = left < w->limit ? left : w->limit;
    if (n == 0 || w->kept_count >= w->limit) {
        answer(w);
        return;
    }
    w->ops = ARENA_NEW_N(w->task.memory, struct backend_op, n);
    w->op_count = n;
    for (size_t i = 0; w->ops && i < n; i++) {
        char *id = backend_part(w->task.memory, w->nears[w->at + i].record.id);
        w->ops[i] = (struct backend_op){.kind = OP_READ,
                                        .key = id ? arena_printf(w->task.memory, "at:%s/%s", w->owner, id) : NULL};
        if (!w->ops[i].key)
            w->ops = NULL;
    }
    w->at += n;
    if (w->ops)
        task_batch(&w->task, LOCATION_TABLE, w->ops, n, entities_read);
    else
        task_no_memory(&w->task);
}

static void cells_read(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
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
    w->nears = ARENA_NEW_N(w->task.memory, struct near, all + 1);
    w->kept = ARENA_NEW_N(w->task.memory, struct near, all + 1);
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

void location_search(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "location.Location.Search";
    const Location__SearchRequest *r = (const Location__SearchRequest *)(const void *)message;
    char *owner = backend_owner(call, id);
    struct search_work *w = owner ? task_new(sizeof *w, context, call, id) : NULL;
    char cells[GEO_CELLS_MAX][GEO_DIGITS + 1];
    if (!w || !backend_check_text(call, id, "a type", r->type, 1, BACKEND_ID_MAX) ||
        !location_use_point(&w->task, r->center, "a center", &w->center) ||
        !backend_check_page(call, id, r->limit, LIMIT_MAX))
        return;
    if (!(r->radius >= 0) || !isfinite(r->radius)) {
        micro_fail(call, 400, id, "a radius of 0 metres or more is required");
        return;
    }
    w->owner = owner;
    w->radius = r->radius;
    w->type = r->type;
    w->limit = (size_t)r->limit;
    w->op_count = geo_cells_around(w->center, w->radius, cells);
    w->ops = ARENA_NEW_N(w->task.memory, struct backend_op, w->op_count);
    char *type = backend_part(w->task.memory, r->type);
    for (size_t i = 0; w->ops && type && i < w->op_count; i++) {
        w->ops[i] = (struct backend_op){.kind = OP_READ,
                                        .prefix = true,
                                        .limit = LOOK_MAX + 1,
                                        .key = arena_printf(w->task.memory, "near:%s/%s/%s", w->owner, type, cells[i])};
        if (!w->ops[i].key)
            w->ops = NULL;
    }
    if (w->ops && type)
        task_batch(&w->task, LOCATION_TABLE, w->ops, w->op_count, cells_read);
    else
        task_no_memory(&w->task);
}
