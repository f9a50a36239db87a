/* What people think of places and things (proto/review/review.proto).
 *
 * Table "review": "of:<subject>/<author>" is the review that an author has of a subject, one at a time; "by:<author>/
 * <subject>" lists those of an author; "id:<id>" leads to a review, and "near:<cell>/<subject>/<author>/<id>" to one
 * that was written in that cell of the grid (geo.h). People write and change what is their own; the platform's
 * administrators and services do so for others, and answer reviews. What REVIEW_FLAGS_MAX people flagged is out of the
 * lists until an administrator's Update, whatever it changes, takes the flags away.
 *
 * An author has points for the first review of a subject, once (`reward`, rule "review"), also when it is taken away
 * and written again. Points that could not be given are given with the next call that is about the review. */
#include "runtime/services/backend/review.h"

#include "proto/reward/reward.pb-c.h"
#include "runtime/services/backend/geo.h"

#include <stdlib.h>
#include <string.h>

#define TITLE_MAX  100
#define TEXT_MAX   5000
#define PHOTOS_MAX 10
#define VOTES_MAX  1000 /* people */
#define FADES      86400
#define TRIES      3 /* when somebody else changed it meanwhile */

#define FIELD(member, kind) BACKEND_FIELD(struct review_record, member, kind)
static const struct backend_field fields[] = {
    FIELD(id, FIELD_TEXT),         FIELD(subject, FIELD_TEXT),  FIELD(author, FIELD_TEXT),
    FIELD(title, FIELD_TEXT),      FIELD(text, FIELD_TEXT),     FIELD(reply, FIELD_TEXT),
    FIELD(points_key, FIELD_TEXT), FIELD(latitude, FIELD_TEXT), FIELD(longitude, FIELD_TEXT),
    FIELD(rating, FIELD_INT),      FIELD(created, FIELD_INT),   FIELD(updated, FIELD_INT),
    FIELD(fades, FIELD_INT),       FIELD(rewarded, FIELD_BOOL), FIELD(photos, FIELD_LIST),
    FIELD(votes, FIELD_MAP),       FIELD(flags, FIELD_LIST),
};
const struct backend_shape review_shape = {REVIEW_TABLE, "what the store holds under this id is no review", fields,
                                           sizeof fields / sizeof *fields};

struct place {
    char *subject, *author;
};
static const struct backend_field place_fields[] = {BACKEND_FIELD(struct place, subject, FIELD_TEXT),
                                                    BACKEND_FIELD(struct place, author, FIELD_TEXT)};
static const struct backend_shape place_shape = {REVIEW_TABLE, "what the store holds under this id is no review",
                                                 place_fields, 2};

struct arena *review_memory(struct review_work *w)
{
    return rpc_call_arena(w->task.call);
}

static bool fail(struct review_work *w, int code, const char *why)
{
    micro_fail(w->task.call, code, w->task.id, "%s", why);
    return false;
}

struct review_work *review_work(struct rpc_call *call, void *context, const char *id, const void *request)
{
    const struct micro_account *caller = backend_caller(call, id);
    struct review_work *w = caller ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return NULL;
    w->caller = caller;
    w->operator= backend_is_operator(caller);
    w->request = request;
    return w;
}

bool review_is_there(const struct review_work *w, const struct review_record *r)
{
    return r->id[0] && (!r->fades || backend_now(w->task.backend) < r->fades);
}

bool review_is_shown(const struct review_record *r)
{
    return r->flags.count < REVIEW_FLAGS_MAX;
}

size_t review_votes(const struct review_record *r, bool helped)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < r->votes.count; i += 2)
        n += (r->votes.items[i + 1][0] == '1') == helped;
    return n;
}

Review__Opinion *review_message(struct review_work *w, const struct review_record *r)
{
    Review__Opinion *o = ARENA_NEW(review_memory(w), Review__Opinion);
    Review__Point *p = ARENA_NEW(review_memory(w), Review__Point);
    if (!o || !p) {
        task_no_memory(&w->task);
        return NULL;
    }
    review__opinion__init(o);
    review__point__init(p);
    o->id = r->id;
    o->subject_id = r->subject;
    o->author_id = r->author;
    o->rating = (uint32_t)r->rating;
    o->title = r->title;
    o->text = r->text;
    o->photo_urls = r->photos.items;
    o->n_photo_urls = r->photos.count;
    o->helped = (uint32_t)review_votes(r, true);
    o->not_helped = (uint32_t)review_votes(r, false);
    o->reply = r->reply;
    o->created = r->created;
    o->updated = r->updated;
    o->fades = r->fades;
    p->latitude = strtod(r->latitude, NULL);
    p->longitude = strtod(r->longitude, NULL);
    o->location = r->latitude[0] ? p : NULL;
    return o;
}

/* False: the call was failed. Who else may do as `person`: the platform. */
static bool is_person(struct review_work *w, const char *person, const char *what)
{
    if (!backend_check_text(w->task.call, w->task.id, what, person, 1, BACKEND_ID_MAX))
        return false;
    return w->operator|| strcmp(person, w->caller->id) == 0 || fail(w, 403, "that is somebody else");
}

static char *key_of(struct review_work *w, const char *subject, const char *author)
{
    char *s = backend_part(review_memory(w), subject), *a = backend_part(review_memory(w), author);
    return s && a ? arena_printf(review_memory(w), "of:%s/%s", s, a) : NULL;
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

static void points_written(struct task *t, const struct backend_answer *a)
{
    (void)a; /* when it was not written down they are asked for again, with the same key */
    ((struct review_work *)t)->done((struct review_work *)t);
}

static void points_given(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    if (a->status != GRPC_OK) {
        w->done(w);
        return;
    }
    w->record.rewarded = true;
    task_save(t, &review_shape, w->key, &w->record, w->revision, points_written);
}

static void give_points(struct review_work *w)
{
    static char rule[] = "review";
    Reward__EarnRequest r = REWARD__EARN_REQUEST__INIT;
    if (w->record.rewarded || !w->record.points_key[0]) {
        w->done(w);
        return;
    }
    r.user_id = w->record.author;
    r.rule = rule;
    r.amount = 1;
    r.reference = w->record.id;
    r.idempotency_key = w->record.points_key;
    task_ask(&w->task, "the rewards", "reward", "Reward.Earn", &r.base, &reward__earn_response__descriptor,
             points_given);
}

/* ---- a review, looked at or changed ------------------------------------------------------------------------------ */

static void not_there(struct review_work *w)
{
    (void)fail(w, 404, "there is no such review");
}

static void record_read(struct task *t, const struct backend_answer *a);

/* Its revision now, for the points. */
static void saved_read(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    if (task_take(t, &review_shape, a, &w->record, &w->revision))
        give_points(w);
}

static void saved(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && ++w->tries < TRIES)
        task_read(t, REVIEW_TABLE, w->key, false, record_read);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        (void)fail(w, 409, "the review is being changed; try again");
    else if (!task_failed(t, a, 500) && w->record.rewarded)
        w->done(w);
    else if (a->status == GRPC_OK)
        task_read(t, REVIEW_TABLE, w->key, false, saved_read);
}

static void record_read(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    if (!task_take(t, &review_shape, a, &w->record, &w->revision))
        return;
    if (w->revision == 0 || !review_is_there(w, &w->record) || (w->wanted && strcmp(w->wanted, w->record.id) != 0))
        w->missing(w);
    else if (!w->change)
        give_points(w);
    else if (w->change(w))
        task_save(t, &review_shape, w->key, &w->record, w->revision, saved);
}

static void place_read(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    struct place place = {0};
    uint64_t revision;
    if (!task_take(t, &place_shape, a, &place, &revision))
        return;
    if (revision == 0)
        w->missing(w);
    else if (!(w->key = key_of(w, place.subject, place.author)))
        task_no_memory(t);
    else
        task_read(t, REVIEW_TABLE, w->key, false, record_read);
}

static void with_id(struct review_work *w, const char *id)
{
    if (!backend_check_text(w->task.call, w->task.id, "an id", id, 1, BACKEND_ID_MAX))
        return;
    char *part = backend_part(review_memory(w), id), *key = part ? arena_printf(review_memory(w), "id:%s", part) : NULL;
    w->wanted = id; /* another one may be there by now */
    if (!w->missing)
        w->missing = not_there;
    if (key)
        task_read(&w->task, REVIEW_TABLE, key, false, place_read);
    else
        task_no_memory(&w->task);
}

#define ANSWER_REVIEW(function, Type, INIT)                                                                            \
    static void function(struct review_work *w)                                                                        \
    {                                                                                                                  \
        Type reply = INIT;                                                                                             \
        reply.review = review_message(w, &w->record);                                                                  \
        if (reply.review)                                                                                              \
            rpc_call_reply(w->task.call, &reply.base);                                                                 \
    }
ANSWER_REVIEW(create_done, Review__CreateResponse, REVIEW__CREATE_RESPONSE__INIT)
ANSWER_REVIEW(read_done, Review__ReadResponse, REVIEW__READ_RESPONSE__INIT)
ANSWER_REVIEW(update_done, Review__UpdateResponse, REVIEW__UPDATE_RESPONSE__INIT)
ANSWER_REVIEW(vote_done, Review__VoteResponse, REVIEW__VOTE_RESPONSE__INIT)
ANSWER_REVIEW(reply_done, Review__ReplyResponse, REVIEW__REPLY_RESPONSE__INIT)

/* ---- Create ------------------------------------------------------------------------------------------------------ */

/* What leads to the review is written before it: until then it leads nowhere. */
static void create_placed(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    if (!task_failed(t, a, 500))
        task_save(t, &review_shape, w->key, &w->record, w->revision, saved);
}

static void create_led(struct task *t, const struct backend_answer *a)
{
    struct review_work *w = (struct review_work *)t;
    if (!w->record.latitude[0] || a->status != GRPC_OK) {
        create_placed(t, a);
        return;
    }
    t->expiry = w->record.fades ? FADES : 0;
    task_save(t, &review_near_shape, review_near_key(review_memory(w), &w->record), &w->record, BACKEND_ALWAYS,
              create_placed);
}

static void create_lead(struct review_work *w)
{
    struct arena *m = review_memory(w);
    const struct place place = {w->record.subject, w->record.author};
    struct backend_op *ops = ARENA_NEW_N(m, struct backend_op, 2);
    char *json = backend_encode(m, place_fields, 2, &place), *s = backend_part(m, place.subject),
         *a = backend_part(m, place.author);
    char *id = arena_printf(m, "id:%s", w->record.id), *by = s && a ? arena_printf(m, "by:%s/%s", a, s) : NULL;
    if (!ops || !json || !id || !by) {
        task_no_memory(&w->task);
        return;
    }
    ops[0] = (struct backend_op){.kind = OP_WRITE, .key = id, .json = json};
    ops[1] = (struct backend_op){.kind = OP_WRITE, .key = by, .json = json};
    task_batch(&w->task, REVIEW_TABLE, ops, 2, create_led);
}

static bool create_fill(struct review_work *w)
{
    static char nothing[] = "";
    const Review__CreateRequest *r = w->request;
    struct arena *m = review_memory(w);
    const struct review_record before = w->revision ? w->record : (struct review_record){.points_key = nothing};
    char uuid[37];
    if (micro_uuid(w->task.backend->world, uuid) != 0)
        return false;
    w->record = (struct review_record){.id = arena_string(m, uuid),
                                       .subject = r->subject_id,
                                       .author = r->author_id,
                                       .title = r->title,
                                       .text = r->text,
                                       .reply = nothing,
                                       .rating = r->rating,
                                       .created = backend_now(w->task.backend),
                                       .rewarded = before.rewarded,
                                       .photos = {r->photo_urls, r->n_photo_urls},
                                       .latitude = nothing,
                                       .longitude = nothing};
    w->record.points_key = before.points_key[0] ? before.points_key : w->record.id;
    w->record.updated = w->record.created;
    w->record.fades = r->ephemeral ? w->record.created + FADES : 0;
    if (r->location) {
        w->record.latitude = arena_printf(m, "%.17g", r->location->latitude);
        w->record.longitude = arena_printf(m, "%.17g", r->location->longitude);
    }
    return w->record.id && w->record.latitude && w->record.longitude;
}

static void create_free(struct review_work *w)
{
    if (create_fill(w))
        create_lead(w);
    else
        task_no_memory(&w->task);
}

static bool create_there(struct review_work *w)
{
    return fail(w, 409, "the author has a review of the subject");
}

static bool check_texts(struct review_work *w, const char *title, const char *text)
{
    return backend_check_text(w->task.call, w->task.id, "a title", title, 0, TITLE_MAX) &&
           backend_check_text(w->task.call, w->task.id, "a text", text, 0, TEXT_MAX);
}

static bool check_create(struct review_work *w, const Review__CreateRequest *r)
{
    if (!backend_check_text(w->task.call, w->task.id, "a subject_id", r->subject_id, 1, BACKEND_ID_MAX) ||
        !is_person(w, r->author_id, "an author_id") || !check_texts(w, r->title, r->text))
        return false;
    if (r->rating < 1 || r->rating > 5)
        return fail(w, 400, "a rating is 1 to 5");
    if (r->n_photo_urls > PHOTOS_MAX)
        return fail(w, 400, "a review has at most 10 photos");
    for (size_t i = 0; i < r->n_photo_urls; i++)
        if (!strstr(r->photo_urls[i], "://") || strlen(r->photo_urls[i]) > 2000)
            return fail(w, 400, "a photo is a URL");
    if (r->ephemeral && !r->location)
        return fail(w, 400, "a review that fades has a location");
    if (r->location && !geo_valid((struct geo_point){r->location->latitude, r->location->longitude}))
        return fail(w, 400, "a location is -90 to 90 and -180 to 180 degrees");
    return true;
}

static void create_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Review__CreateRequest *r = (const Review__CreateRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, "review.Review.Create", r);
    if (!w || !check_create(w, r))
        return;
    w->missing = create_free;
    w->change = create_there;
    w->done = create_done;
    w->key = key_of(w, r->subject_id, r->author_id);
    if (w->key)
        task_read(&w->task, REVIEW_TABLE, w->key, false, record_read);
    else
        task_no_memory(&w->task);
}

/* ---- Read, Update, Delete, Vote, Flag, Reply --------------------------------------------------------------------- */

static void read_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Review__ReadRequest *r = (const Review__ReadRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, "review.Review.Read", r);
    if (!w)
        return;
    w->done = read_done;
    with_id(w, r->id);
}

static bool update_change(struct review_work *w)
{
    const Review__UpdateRequest *r = w->request;
    if (strcmp(w->record.author, r->author_id) != 0)
        return fail(w, 403, "that is somebody else's review");
    w->record.rating = r->rating ? r->rating : w->record.rating;
    w->record.title = r->title[0] ? r->title : w->record.title;
    w->record.text = r->text[0] ? r->text : w->record.text;
    w->record.updated = backend_now(w->task.backend);
    if (w->operator)
        w->record.flags.count = 0; /* somebody has looked */
    return true;
}

static void update_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Review__UpdateRequest *r = (const Review__UpdateRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, "review.Review.Update", r);
    if (!w || !is_person(w, r->author_id, "an author_id") || !check_texts(w, r->title, r->text))
        return;
    if (r->rating > 5) {
        (void)fail(w, 400, "a rating is 1 to 5");
        return;
    }
    w->change = update_change;
    w->done = update_done;
    with_id(w, r->id);
}

static void delete_answer(struct task *t, const struct backend_answer *a)
{
    static const Review__DeleteResponse empty = REVIEW__DELETE_RESPONSE__INIT;
    (void)a; /* what could not be taken away leads nowhere */
    rpc_call_reply(t->call, &empty.base);
}

static void delete_done(struct review_work *w)
{
    if (w->near)
        task_delete(&w->task, REVIEW_TABLE, w->near, delete_answer);
    else
        delete_answer(&w->task, NULL);
}

static bool delete_change(struct review_work *w)
{
    static char nothing[] = "";
    if (!w->operator&& strcmp(w->record.author, w->caller->id) != 0)
        return fail(w, 403, "that is somebody else's review");
    w->near = w->record.latitude[0] ? review_near_key(review_memory(w), &w->record) : NULL;
    w->record.id = w->record.title = w->record.text = w->record.reply = nothing;
    w->record.photos.count = w->record.votes.count = w->record.flags.count = 0;
    return true;
}

static void delete_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Review__DeleteRequest *r = (const Review__DeleteRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, "review.Review.Delete", r);
    if (!w)
        return;
    w->change = delete_change;
    w->done = w->missing = delete_done;
    with_id(w, r->id);
}

static bool vote_change(struct review_work *w)
{
    static char yes[] = "1", no[] = "0";
    const Review__VoteRequest *r = w->request;
    struct backend_list *v = &w->record.votes;
    char *vote = r->helped ? yes : no;
    for (size_t i = 0; i + 1 < v->count; i += 2)
        if (strcmp(v->items[i], r->user_id) == 0) {
            v->items[i + 1] = vote;
            return true;
        }
    if (v->count / 2 >= VOTES_MAX)
        return fail(w, 412, "enough people have voted on this review");
    return (backend_list_add(review_memory(w), v, r->user_id) && backend_list_add(review_memory(w), v, vote)) ||
           fail(w, 507, "out of memory");
}

static void vote_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Review__VoteRequest *r = (const Review__VoteRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, "review.Review.Vote", r);
    if (!w || !is_person(w, r->user_id, "a user_id"))
        return;
    w->change = vote_change;
    w->done = vote_done;
    with_id(w, r->id);
}

static void flag_done(struct review_work *w)
{
    static const Review__FlagResponse empty = REVIEW__FLAG_RESPONSE__INIT;
    rpc_call_reply(w->task.call, &empty.base);
}

static bool flag_change(struct review_work *w)
{
    const Review__FlagRequest *r = w->request;
    if (backend_list_has(&w->record.flags, r->user_id) || !review_is_shown(&w->record)) {
        flag_done(w);
        return false;
    }
    return backend_list_add(review_memory(w), &w->record.flags, r->user_id) || fail(w, 507, "out of memory");
}

static void flag_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char *const reasons[] = {"spam", "offensive", "off-topic", "false"};
    const Review__FlagRequest *r = (const Review__FlagRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, "review.Review.Flag", r);
    bool known = false;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        known = known || strcmp(reasons[i], r->reason) == 0;
    if (!w || !is_person(w, r->user_id, "a user_id"))
        return;
    if (!known) {
        (void)fail(w, 400, "a reason is spam, offensive, off-topic or false");
        return;
    }
    w->change = flag_change;
    w->done = flag_done;
    with_id(w, r->id);
}

static bool reply_change(struct review_work *w)
{
    w->record.reply = ((const Review__ReplyRequest *)w->request)->text;
    return true;
}

static void reply_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "review.Review.Reply";
    const Review__ReplyRequest *r = (const Review__ReplyRequest *)(const void *)message;
    struct review_work *w = review_work(call, context, id, r);
    if (!w || !backend_check_text(call, id, "a text", r->text, 1, 2000))
        return;
    if (!w->operator) {
        (void)fail(w, 403, "only the platform's administrators and services answer reviews");
        return;
    }
    w->change = reply_change;
    w->done = reply_done;
    with_id(w, r->id);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &review__##stem##_request__descriptor,                                                \
        .output = &review__##stem##_response__descriptor, .unary = handler                                             \
    }
static const struct rpc_method methods[] = {
    METHOD("Create", create, create_handler), METHOD("Read", read, read_handler),
    METHOD("Update", update, update_handler), METHOD("Delete", delete, delete_handler),
    METHOD("List", list, review_list),        METHOD("Summary", summary, review_summary),
    METHOD("Vote", vote, vote_handler),       METHOD("Flag", flag, flag_handler),
    METHOD("Reply", reply, reply_handler),    METHOD("Nearby", nearby, review_nearby),
};
static const struct rpc_service served = {"review.Review", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_review = {.name = "review", .setup = setup, .stop = backend_stop};
