/* Reviews by where they were written: the cells of the grid around the place are read, and the reviews that they lead
 * to, the nearest first, until there are enough. */
#include "runtime/services/backend/geo.h"
#include "runtime/services/backend/review.h"

#include <stdlib.h>
#include <string.h>

#define RADIUS     500 /* metres */
#define RADIUS_MAX 5000
#define LIMIT      25
#define LIMIT_MAX  100
#define LOOK_MAX   20000 /* in one of the cells that are looked at */

static const struct backend_field fields[] = {BACKEND_FIELD(struct review_record, latitude, FIELD_TEXT),
                                              BACKEND_FIELD(struct review_record, longitude, FIELD_TEXT)};
const struct backend_shape review_near_shape = {REVIEW_TABLE, "what the store holds there is no place of a review",
                                                fields, 2};

struct near {
    const char *key, *id; /* of the review; both as in the key that leads to it */
    double distance;
};

struct near_work {
    struct review_work work; /* first */
    struct geo_point center;
    double radius;
    size_t limit, op_count, at, near_count;
    struct backend_op *ops;
    struct near *nears;
    Review__NearbyResponse reply;
};

static struct geo_point place(const struct review_record *r)
{
    return (struct geo_point){strtod(r->latitude, NULL), strtod(r->longitude, NULL)};
}

char *review_near_key(struct arena *m, const struct review_record *r)
{
    char cell[GEO_DIGITS + 1];
    char *subject = backend_part(m, r->subject), *author = backend_part(m, r->author), *id = backend_part(m, r->id);
    geo_cell(place(r), cell);
    return subject && author && id ? arena_printf(m, "near:%s/%s/%s/%s", cell, subject, author, id) : NULL;
}

static int nearest_first(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    return x->distance < y->distance ? -1 : x->distance > y->distance ? 1 : strcmp(x->id, y->id);
}

static void next(struct near_work *n);

static void reviews_read(struct task *t, const struct backend_answer *a)
{
    struct near_work *n = (struct near_work *)(void *)t;
    struct review_work *w = &n->work;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < n->op_count && n->reply.n_reviews < n->limit; i++) {
        struct review_record r = {0};
        if (n->ops[i].count == 0)
            continue;
        if (!backend_decode(t->memory, review_shape.fields, review_shape.count, n->ops[i].found[0].value, &r)) {
            task_fail(t, 500, "%s", review_shape.damaged);
            return;
        }
        const char *id = backend_part(t->memory, r.id);
        if (!id) {
            task_no_memory(t);
            return;
        }
        if (!review_is_there(w, &r) || !review_is_shown(&r) || strcmp(id, n->nears[n->at - n->op_count + i].id) != 0)
            continue;
        if (!(n->reply.reviews[n->reply.n_reviews] = review_message(w, &r)))
            return;
        n->reply.n_reviews++;
    }
    next(n);
}

/* As many of the nearest as are wanted, and more when some are not there any more, or not shown. */
static void next(struct near_work *n)
{
    struct task *t = &n->work.task;
    size_t left = n->near_count - n->at, count = left < n->limit ? left : n->limit;
    if (count == 0 || n->reply.n_reviews == n->limit) {
        rpc_call_reply(t->call, &n->reply.base);
        return;
    }
    n->ops = ARENA_NEW_N(t->memory, struct backend_op, count);
    for (size_t i = 0; n->ops && i < count; i++)
        n->ops[i] = (struct backend_op){.kind = OP_READ, .key = n->nears[n->at + i].key};
    n->op_count = count;
    n->at += count;
    if (n->ops)
        task_batch(t, REVIEW_TABLE, n->ops, count, reviews_read);
    else
        task_no_memory(t);
}

/* "near:<cell>/<subject>/<author>/<id>". False: the call was failed. */
static bool take(struct near_work *n, const struct backend_found *f)
{
    struct task *t = &n->work.task;
    struct review_record r = {0};
    struct near *out = &n->nears[n->near_count];
    const char *subject = strchr(f->key, '/'), *id = strrchr(f->key, '/');
    if (!subject || id == subject || !backend_decode(t->memory, fields, 2, f->value, &r)) {
        task_fail(t, 500, "%s", review_near_shape.damaged);
        return false;
    }
    out->distance = geo_distance(n->center, place(&r));
    if (out->distance > n->radius)
        return true;
    out->id = id + 1;
    out->key = arena_printf(t->memory, "of:%.*s", (int)(id - subject - 1), subject + 1);
    if (!out->key) {
        task_no_memory(t);
        return false;
    }
    n->near_count++;
    return true;
}

static void cells_read(struct task *t, const struct backend_answer *a)
{
    struct near_work *n = (struct near_work *)(void *)t;
    size_t all = 0;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < n->op_count; i++) {
        all += n->ops[i].count;
        if (n->ops[i].count > LOOK_MAX) {
            task_fail(t, 400, "more than %d reviews are near: search within a smaller radius", LOOK_MAX);
            return;
        }
    }
    n->reply = (Review__NearbyResponse)REVIEW__NEARBY_RESPONSE__INIT;
    n->nears = ARENA_NEW_N(t->memory, struct near, all + 1);
    n->reply.reviews = ARENA_NEW_N(t->memory, Review__Opinion *, n->limit);
    if (!n->nears || !n->reply.reviews) {
        task_no_memory(t);
        return;
    }
    for (size_t i = 0; i < n->op_count; i++)
        for (size_t k = 0; k < n->ops[i].count; k++)
            if (!take(n, &n->ops[i].found[k]))
                return;
    if (n->near_count)
        qsort(n->nears, n->near_count, sizeof *n->nears, nearest_first);
    next(n);
}

void review_nearby(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "review.Review.Nearby";
    const Review__NearbyRequest *r = (const Review__NearbyRequest *)(const void *)message;
    const struct review_work *w = review_work(call, context, id, r);
    char cells[GEO_CELLS_MAX][GEO_DIGITS + 1];
    if (!w || (r->limit && !backend_check_page(call, id, r->limit, LIMIT_MAX)))
        return;
    struct near_work *n = task_new(sizeof *n, context, call, id);
    if (!n)
        return;
    n->work = *w;
    n->limit = r->limit ? r->limit : LIMIT;
    n->radius = r->radius ? r->radius : RADIUS;
    n->center = (struct geo_point){r->center ? r->center->latitude : 0, r->center ? r->center->longitude : 0};
    if (!r->center || !geo_valid(n->center)) {
        micro_fail(call, 400, id, "a center of -90 to 90 and -180 to 180 degrees is required");
        return;
    }
    if (n->radius > RADIUS_MAX) {
        micro_fail(call, 400, id, "a radius is 1 to %d metres", RADIUS_MAX);
        return;
    }
    struct task *t = &n->work.task;
    n->op_count = geo_cells_around(n->center, n->radius, cells);
    n->ops = ARENA_NEW_N(t->memory, struct backend_op, n->op_count);
    for (size_t i = 0; n->ops && i < n->op_count; i++) {
        n->ops[i] = (struct backend_op){.kind = OP_READ,
                                        .prefix = true,
                                        .limit = LOOK_MAX + 1,
                                        .key = arena_printf(t->memory, "near:%s", cells[i])};
        if (!n->ops[i].key)
            n->ops = NULL;
    }
    if (n->ops)
        task_batch(t, REVIEW_TABLE, n->ops, n->op_count, cells_read);
    else
        task_no_memory(t);
}
