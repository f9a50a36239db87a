/* Reviews of a subject or of an author, a page at a time, and how a subject is rated in all. */
#include "runtime/services/backend/review.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 25

/* Where a review is in an order: first what the order is about, then the newest, then by id. It is a page's cursor. */
struct rank {
    int64_t first, created; /* ascending, descending */
    const char *id;
};

struct list_work {
    struct review_work work;
    Review__Order order;
    const char *author; /* of whom alone; "": of all */
    struct review_record *records;
    size_t count, room;
    struct backend_op *ops; /* of an author */
    size_t op_count;
    struct rank after; /* id NULL: the first page */
    void (*answer)(struct list_work *l);
};

static struct rank rank_of(Review__Order order, const struct review_record *r)
{
    struct rank k = {0, r->created, r->id};
    if (order == REVIEW__ORDER__ORDER_HELPFUL)
        k.first = -(int64_t)review_votes(r, true);
    else if (order == REVIEW__ORDER__ORDER_BEST)
        k.first = -r->rating;
    else if (order == REVIEW__ORDER__ORDER_WORST)
        k.first = r->rating;
    return k;
}

static int compare(struct rank a, struct rank b)
{
    if (a.first != b.first)
        return a.first < b.first ? -1 : 1;
    if (a.created != b.created)
        return a.created > b.created ? -1 : 1;
    return strcmp(a.id, b.id);
}

/* Few of them are sorted at a time; qsort() takes no order along. */
static void sort(struct list_work *l)
{
    for (size_t gap = l->count / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < l->count; i++) {
            struct review_record r = l->records[i];
            struct rank k = rank_of(l->order, &r);
            size_t at = i;
            for (; at >= gap && compare(rank_of(l->order, &l->records[at - gap]), k) > 0; at -= gap)
                l->records[at] = l->records[at - gap];
            l->records[at] = r;
        }
}

static bool take(struct list_work *l, const struct backend_found *f)
{
    struct review_work *w = &l->work;
    struct review_record r = {0};
    if (!backend_decode(review_memory(w), review_shape.fields, review_shape.count, f->value, &r)) {
        micro_fail(w->task.call, 500, w->task.id, "%s", review_shape.damaged);
        return false;
    }
    if (!review_is_there(w, &r) || !review_is_shown(&r) || (l->author[0] && strcmp(l->author, r.author) != 0))
        return true;
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct review_record *more = ARENA_NEW_N(review_memory(w), struct review_record, room);
        if (!more) {
            task_no_memory(&w->task);
            return false;
        }
        if (l->count)
            memcpy(more, l->records, l->count * sizeof *more);
        l->records = more;
        l->room = room;
    }
    l->records[l->count++] = r;
    return true;
}

static bool subject_each(struct task *t, const struct backend_found *f)
{
    struct list_work *l = (struct list_work *)(void *)t;
    if (f)
        return take(l, f);
    l->count = 0;
    return true;
}

static void subject_read(struct task *t, const struct backend_answer *a)
{
    struct list_work *l = (struct list_work *)(void *)t;
    (void)a; /* a scan that failed has failed the call */
    l->answer(l);
}

/* "by:<author>/<subject>" leads to "of:<subject>/<author>". */
static bool author_each(struct task *t, const struct backend_found *f)
{
    struct list_work *l = (struct list_work *)(void *)t;
    struct arena *m = review_memory(&l->work);
    if (!f) {
        l->op_count = 0;
        return true;
    }
    const char *author = f->key + 3, *slash = strchr(author, '/');
    if (!slash)
        return true;
    if (l->op_count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct backend_op *more = ARENA_NEW_N(m, struct backend_op, room);
        if (more && l->op_count)
            memcpy(more, l->ops, l->op_count * sizeof *more);
        l->ops = more;
        l->room = room;
    }
    char *key = arena_printf(m, "of:%s/%.*s", slash + 1, (int)(slash - author), author);
    if (!l->ops || !key) {
        task_no_memory(t);
        return false;
    }
    l->ops[l->op_count++] = (struct backend_op){.kind = OP_READ, .key = key};
    return true;
}

static void author_reviews(struct task *t, const struct backend_answer *a)
{
    struct list_work *l = (struct list_work *)(void *)t;
    if (task_failed(t, a, 500))
        return;
    for (size_t i = 0; i < l->op_count; i++)
        if (l->ops[i].count && !take(l, &l->ops[i].found[0]))
            return;
    l->answer(l);
}

static void author_read(struct task *t, const struct backend_answer *a)
{
    struct list_work *l = (struct list_work *)(void *)t;
    (void)a;
    l->room = 0; /* from here on of the records */
    task_batch(t, REVIEW_TABLE, l->ops, l->op_count, author_reviews);
}

/* Of a subject, or of an author, or what an author thinks of a subject. */
static void gather(struct list_work *l, const char *subject, const char *author)
{
    struct arena *m = review_memory(&l->work);
    char *part = backend_part(m, subject[0] ? subject : author);
    char *prefix = part ? arena_printf(m, subject[0] ? "of:%s/" : "by:%s/", part) : NULL;
    l->author = author;
    if (prefix)
        task_scan(&l->work.task, REVIEW_TABLE, prefix, subject[0] ? subject_each : author_each,
                  subject[0] ? subject_read : author_read);
    else
        task_no_memory(&l->work.task);
}

static struct list_work *list_work(struct rpc_call *call, void *context, const char *id, const void *request)
{
    const struct review_work *w = review_work(call, context, id, request);
    struct list_work *l = w ? task_new(sizeof *l, context, call, id) : NULL;
    if (l)
        l->work = *w;
    return l;
}

/* ---- List -------------------------------------------------------------------------------------------------------- */

static bool is_rating(const Review__ListRequest *r, int64_t rating)
{
    bool is = r->n_ratings == 0;
    for (size_t i = 0; i < r->n_ratings; i++)
        is = is || r->ratings[i] == rating;
    return is;
}

static void list_answer(struct list_work *l)
{
    struct review_work *w = &l->work;
    const Review__ListRequest *r = w->request;
    Review__ListResponse reply = REVIEW__LIST_RESPONSE__INIT;
    size_t limit = r->limit ? r->limit : LIMIT;
    const struct review_record *last = NULL;
    sort(l);
    reply.reviews = ARENA_NEW_N(review_memory(w), Review__Opinion *, limit + 1);
    if (!reply.reviews) {
        task_no_memory(&w->task);
        return;
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct review_record *record = &l->records[i];
        struct rank k = rank_of(l->order, record);
        if (!is_rating(r, record->rating) || (l->after.id && compare(k, l->after) <= 0))
            continue;
        if (reply.n_reviews == limit) {
            k = rank_of(l->order, last);
            reply.next_cursor =
                arena_printf(review_memory(w), "%lld:%lld:%s", (long long)k.first, (long long)k.created, k.id);
            if (!reply.next_cursor) {
                task_no_memory(&w->task);
                return;
            }
            break;
        }
        if (!(reply.reviews[reply.n_reviews] = review_message(w, record)))
            return;
        reply.n_reviews++;
        last = record;
    }
    rpc_call_reply(w->task.call, &reply.base);
}

static bool read_cursor(const char *text, struct rank *out)
{
    char *end;
    out->first = strtoll(text, &end, 10);
    if (end == text || *end != ':')
        return false;
    text = end + 1;
    out->created = strtoll(text, &end, 10);
    out->id = end + 1;
    return end != text && *end == ':' && end[1];
}

void review_list(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "review.Review.List";
    const Review__ListRequest *r = (const Review__ListRequest *)(const void *)message;
    struct list_work *l = list_work(call, context, id, r);
    const char *wrong = !r->subject_id[0] && !r->author_id[0] ? "a subject_id or an author_id is required"
                        : (int)r->order < 0 || r->order > REVIEW__ORDER__ORDER_WORST ? "there is no such order"
                        : l && r->cursor[0] && !read_cursor(r->cursor, &l->after)    ? "that is no cursor of a page"
                                                                                     : NULL;
    if (!l)
        return;
    if (wrong) {
        micro_fail(call, 400, id, "%s", wrong);
        return;
    }
    if (r->limit && !backend_check_page(call, id, r->limit, 100))
        return;
    l->order = r->order;
    l->answer = list_answer;
    gather(l, r->subject_id, r->author_id);
}

/* ---- Summary ----------------------------------------------------------------------------------------------------- */

static void summary_answer(struct list_work *l)
{
    Review__SummaryResponse reply = REVIEW__SUMMARY_RESPONSE__INIT;
    Review__SummaryResponse__CountsEntry counts[5], *there[5];
    double sum = 0;
    reply.counts = there;
    for (uint32_t rating = 1; rating <= 5; rating++) {
        Review__SummaryResponse__CountsEntry *c = &counts[rating - 1];
        review__summary_response__counts_entry__init(c);
        c->key = rating;
        for (size_t i = 0; i < l->count; i++)
            c->value += l->records[i].rating == rating;
        if (c->value)
            there[reply.n_counts++] = c;
        reply.count += c->value;
        sum += (double)c->value * rating;
    }
    reply.average = reply.count ? sum / (double)reply.count : 0;
    rpc_call_reply(l->work.task.call, &reply.base);
}

void review_summary(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "review.Review.Summary";
    const Review__SummaryRequest *r = (const Review__SummaryRequest *)(const void *)message;
    struct list_work *l = list_work(call, context, id, r);
    if (!l || !backend_check_text(call, id, "a subject_id", r->subject_id, 1, BACKEND_ID_MAX))
        return;
    l->answer = summary_answer;
    gather(l, r->subject_id, "");
}
