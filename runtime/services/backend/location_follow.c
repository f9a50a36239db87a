/* Positions as streams: Track saves them as they come, Follow tells them as they change.
 *
 * A point of Track is saved before the next one is taken, so that who sends faster than the store writes is held back,
 * and what the answer counts is saved. Who follows is told where the entity is, then where it is whenever it moved: not
 * what was saved but what is there, read anew after each Save. So it does not matter who misses what: a reader that is
 * slow gets fewer positions, each the newest at its time, and one that comes back after its stream broke begins with
 * where the entity is by now. Of what other processes saved a stream hears within POLL. A reader that takes nothing for
 * PATIENCE looks is let go. */
#include "runtime/services/backend/location.h"

#include "base/units.h"

#include <string.h>

#define FOLLOWERS_MAX 1000
#define POLL          ((uint64_t)(5 * SECOND))
#define PATIENCE      12 /* looks */

/* ---- Track ------------------------------------------------------------------------------------------------------- */

struct track {
    struct location_work work; /* first; of the point that is being saved */
    struct arena memory;       /* of that point */
    struct rpc_call *call;
    char *type;
    const char *id;
    char *owner;
    struct geo_point last;
    int64_t first_at, last_at;
    Location__TrackResponse sum;
    bool saving, ended;
};

static const char track_id[] = "location.Location.Track";

static void track_free(struct track *k)
{
    arena_deinit(&k->memory);
    rpc_call_set_user(k->call, NULL);
}

static void track_fail(struct track *k, int code, const char *detail)
{
    track_free(k);
    micro_fail(k->call, code, track_id, "%s", detail);
}

static void track_done(struct track *k)
{
    Location__TrackResponse sum = k->sum;
    track_free(k);
    rpc_call_reply(k->call, &sum.base);
}

static void point_failed(struct task *t, int code, const char *detail)
{
    struct track *k = (struct track *)(void *)t;
    k->saving = false;
    track_fail(k, code, detail);
}

static void point_saved(struct location_work *w)
{
    struct track *k = (struct track *)(void *)w;
    struct geo_point at = location_place(&w->record);
    if (k->sum.points++ > 0)
        k->sum.distance += geo_distance(k->last, at);
    else
        k->first_at = w->record.timestamp;
    k->last = at;
    k->last_at = w->record.timestamp;
    k->sum.seconds = k->last_at - k->first_at;
    k->saving = false;
    if (rpc_call_cancelled(k->call))
        track_fail(k, 408, "the caller is gone");
    else if (k->ended)
        track_done(k);
    else
        rpc_call_resume(k->call);
}

void location_track_open(struct rpc_call *call, void *context)
{
    char *owner = backend_owner(call, track_id);
    struct track *k = owner ? ARENA_NEW(rpc_call_arena(call), struct track) : NULL;
    (void)context;
    if (!owner)
        return;
    if (!k) {
        micro_fail(call, 507, track_id, "out of memory");
        return;
    }
    *k = (struct track){.call = call, .owner = owner, .sum = LOCATION__TRACK_RESPONSE__INIT};
    rpc_call_set_user(call, k);
}

void location_track_message(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Location__TrackRequest *r = (const Location__TrackRequest *)(const void *)message;
    struct track *k = rpc_call_user(call);
    struct geo_point at;
    if (!k)
        return; /* it has failed */
    if (!k->id) {
        if (!backend_check_text(call, track_id, "a type", r->type, 0, BACKEND_ID_MAX)) {
            track_free(k);
            return;
        }
        k->id = arena_string(rpc_call_arena(call), r->id); /* messages are gone after this */
        k->type = arena_string(rpc_call_arena(call), r->type);
        if (!k->id || !k->type) {
            track_fail(k, 507, "out of memory");
            return;
        }
    }
    arena_reset(&k->memory);
    k->work = (struct location_work){.owner = k->owner, .saved = point_saved};
    task_init(&k->work.task, context, &k->memory, track_id, point_failed);
    k->saving = true;
    rpc_call_pause(call);
    if (!location_use_id(&k->work, k->id) || !location_use_point(&k->work.task, r->location, "a location", &at))
        return;
    k->work.record.id = arena_string(&k->memory, k->id);
    if (k->work.record.id)
        location_save(&k->work, k->type, at, r->location->timestamp);
    else
        task_no_memory(&k->work.task);
}

void location_track_end(struct rpc_call *call, void *context)
{
    struct track *k = rpc_call_user(call);
    (void)context;
    if (!k)
        return;
    k->ended = true;
    if (!k->saving && k->sum.points == 0)
        track_fail(k, 400, "a point is required");
    else if (!k->saving)
        track_done(k);
}

void location_track_cancelled(struct rpc_call *call, void *context)
{
    struct track *k = rpc_call_user(call);
    (void)context;
    if (k && !k->saving) /* else when the point is saved */
        track_fail(k, 408, "the caller is gone");
}

/* ---- Follow ------------------------------------------------------------------------------------------------------ */

struct location_follower {
    struct location_work work; /* first; of one look */
    struct arena memory;       /* of that look */
    struct location *location;
    struct rpc_call *call;
    char *owner;
    char *key;           /* of the entity */
    char told[32];       /* the version; "": none yet */
    bool looking, again; /* a look is under way; another is wanted after it */
    int busy;            /* looks in a row at which nothing more could be sent */
    struct location_follower *next, **link;
};

static const char follow_id[] = "location.Location.Follow";

static void follow_look(struct location_follower *f);

static void follow_leave(struct location_follower *f)
{
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
    f->location->follower_count--;
    arena_deinit(&f->memory);
    rpc_call_set_user(f->call, NULL);
}

static void follow_end(struct location_follower *f, int code, const char *detail)
{
    struct rpc_call *call = f->call;
    follow_leave(f);
    micro_fail(call, code, follow_id, "%s", detail);
}

/* After a look. */
static void follow_rest(struct location_follower *f)
{
    f->looking = false;
    if (rpc_call_cancelled(f->call))
        follow_end(f, 408, "the caller is gone");
    else if (f->again)
        follow_look(f);
}

/* Before it was told anything it hears of what is wrong; later the next look may do better. */
static void follow_failed(struct task *t, int code, const char *detail)
{
    struct location_follower *f = (struct location_follower *)(void *)t;
    f->looking = false;
    if (!f->told[0] || rpc_call_cancelled(f->call))
        follow_end(f, code, detail);
}

static void follow_read(struct task *t, const struct backend_answer *a)
{
    struct location_follower *f = (struct location_follower *)(void *)t;
    struct location_work *w = &f->work;
    Location__FollowResponse reply = LOCATION__FOLLOW_RESPONSE__INIT;
    if (!task_take(t, &location_shape, a, &w->record, &w->revision))
        return;
    if (w->revision == 0) {
        task_fail(t, 404, "it was never seen");
        return;
    }
    if (strcmp(f->told, w->record.version) != 0) {
        if (!(reply.entity = location_entity(t->memory, &w->record))) {
            task_no_memory(t);
            return;
        }
        if (rpc_call_send(f->call, &reply.base) == 0) {
            size_t n = strlen(w->record.version);
            n = n < sizeof f->told - 1 ? n : sizeof f->told - 1;
            memcpy(f->told, w->record.version, n);
            f->told[n] = '\0';
        }
    }
    follow_rest(f);
}

static void follow_look(struct location_follower *f)
{
    if (f->looking || rpc_call_busy(f->call)) {
        f->again = true; /* after it, or when what was sent has left */
        return;
    }
    f->looking = true;
    f->again = false;
    f->busy = 0;
    arena_reset(&f->memory);
    f->work = (struct location_work){.owner = f->owner};
    task_init(&f->work.task, &f->location->backend, &f->memory, follow_id, follow_failed);
    task_read(&f->work.task, LOCATION_TABLE, f->key, false, follow_read);
}

void location_moved(struct location *l, const char *key)
{
    for (struct location_follower *f = l->followers, *next; f; f = next) {
        next = f->next;
        if (strcmp(f->key, key) == 0)
            follow_look(f);
    }
}

static void poll_all(void *arg)
{
    struct location *l = arg;
    for (struct location_follower *f = l->followers, *next; f; f = next) {
        next = f->next;
        if (rpc_call_busy(f->call) && ++f->busy >= PATIENCE && !f->looking)
            follow_end(f, 503, "positions are read too slowly: follow again");
        else
            follow_look(f);
    }
    if (l->followers)
        (void)world_timer_start(&l->poll, POLL);
}

void location_follow_init(struct location *l)
{
    world_timer_init(&l->poll, l->backend.world, poll_all, l);
}

void location_follow(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct location *l = context;
    const char *entity = ((const Location__FollowRequest *)(const void *)message)->id;
    char *owner = backend_owner(call, follow_id);
    struct location_work *w = owner ? task_new(sizeof *w, context, call, follow_id) : NULL;
    struct location_follower *f = w ? ARENA_NEW(rpc_call_arena(call), struct location_follower) : NULL;
    if (!w)
        return;
    w->owner = owner;
    if (l->follower_count == FOLLOWERS_MAX)
        micro_fail(call, 503, follow_id, "enough is being followed here");
    else if (!f)
        task_no_memory(&w->task);
    else if (location_use_id(w, entity)) {
        *f = (struct location_follower){
            .location = l, .call = call, .owner = owner, .key = w->key, .next = l->followers, .link = &l->followers};
        if (f->next)
            f->next->link = &f->next;
        l->followers = f;
        l->follower_count++;
        rpc_call_set_user(call, f);
        if (!world_timer_active(&l->poll))
            (void)world_timer_start(&l->poll, POLL);
        follow_look(f);
    }
}

void location_follow_cancelled(struct rpc_call *call, void *context)
{
    struct location_follower *f = rpc_call_user(call);
    (void)context;
    if (!f)
        return;
    if (f->looking)
        f->again = false; /* follow_rest() ends it */
    else
        follow_end(f, 408, "the caller is gone");
}

void location_follow_writable(struct rpc_call *call, void *context)
{
    struct location_follower *f = rpc_call_user(call);
    (void)context;
    if (f && f->again && !f->looking)
        follow_look(f);
}
