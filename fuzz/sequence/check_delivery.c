/* delivery-lost: what was published reaches the reader that stays. Two readers of one stream, who may share a queue;
 * things are published, one of the two leaves, and more is published. While the stream stands the reader sends on it
 * what its contract has for it (loose.c), with values from the very replies the stream gave: acknowledgements, and the
 * same once more.
 *
 * Sure of a loss is who sees the reader get what was published before and what was published after, by the same call
 * with nothing but its content changed, and nobody get what lies between: the reader was there, the place was right,
 * and order is no excuse a pause later. A reader that left in between may have taken it along; unless it held it before
 * it left, acknowledged nothing, and the one that stays is given again what it did not acknowledge itself. */
#include "fuzz/sequence/check_internal.h"

#include "fuzz/sequence/link.h"
#include "fuzz/sequence/wire.h"
#include "wire/grpc.h"

#include <string.h>

#define WARM_MAX    4  /* published while both are there */
#define BEHIND_MAX  4  /* and behind that; three of them show a gap */
#define SAID_MAX    3  /* messages sent on a stream at a time */
#define REPLIES_MAX 16 /* of one stream: who leaves it after so many has not seen all */
#define RETRIES     3
#define PAUSES_MAX  3

/* ---- methods and fields ---- */

/* What is published is a message, and not a state, of which only the last one may matter to who watches it. */
static bool publishes(const struct sequence_graph *g, size_t method)
{
    static const char *const verbs[] = {"publish", "send",   "emit",   "produce",  "enqueue",
                                        "push",    "notify", "append", "broadcast"};
    struct sequence_words w;
    sequence_words_of(g->methods[method].method->name, &w);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (sequence_words_have(&w, verbs[i]))
            return true;
    return false;
}

static bool streams(const struct sequence_graph *g, size_t method)
{
    const struct sequence_method *m = &g->methods[method];
    return m->method->server_streaming && (m->role == ROLE_WATCH || m->method->client_streaming);
}

static int draw_stream(struct sequence *s, size_t made_by)
{
    const struct sequence_graph *g = s->graph;
    const char *package = g->methods[made_by].method->service->package;
    size_t seen = 0;
    int drawn = -1;
    for (size_t m = 0; m < g->method_count; m++)
        if (streams(g, m) && strcmp(g->methods[m].method->service->package, package) == 0 &&
            view_naming_leaf(g, made_by, m) >= 0 && random_below(&s->random, ++seen) == 0)
            drawn = (int)m;
    return drawn;
}

static bool is_content(const struct sequence_leaf *l)
{
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    return !l->repeated && l->class == CLASS_PLAIN && (kind == PB_STRING || kind == PB_BYTES);
}

/* The field that may say anything: bytes before text. NULL: there is none. */
static const struct sequence_leaf *content_of(const struct sequence_graph *g, size_t method)
{
    const struct sequence_shape *s = sequence_input(g, method);
    const struct sequence_leaf *found = NULL;
    for (size_t i = 0; i < s->count; i++)
        if (is_content(&s->leaves[i]) && (found == NULL || (sequence_leaf_field(&s->leaves[i])->kind == PB_BYTES &&
                                                            sequence_leaf_field(found)->kind != PB_BYTES)))
            found = &s->leaves[i];
    return found;
}

/* ---- what is sent on the stream ---- */

/* What a reader may say: the method's own messages, or loose ones. NULL: it only listens. */
static const struct sequence_shape *draw_saying(struct sequence *s, size_t method)
{
    const struct sequence_graph *g = s->graph;
    size_t count = 0;
    while (sequence_loose(g, method, count) != NULL)
        count++;
    if (count > 0)
        return sequence_loose(g, method, (size_t)random_below(&s->random, count));
    return g->methods[method].method->client_streaming ? sequence_input(g, method) : NULL;
}

/* The field of a reply that a field of what is said repeats: of its name, or the only one of its sort. */
static const struct sequence_leaf *repeats(const struct sequence_shape *reply, const struct sequence_leaf *l)
{
    const struct sequence_leaf *found = NULL;
    const struct pb_field *f = sequence_leaf_field(l);
    for (size_t i = 0; i < reply->count; i++) {
        const struct pb_field *of = sequence_leaf_field(&reply->leaves[i]);
        if (of->kind != f->kind || f->kind == PB_BOOL)
            continue;
        if (strcmp(of->name, f->name) == 0)
            return &reply->leaves[i];
        if (l->class != CLASS_PLAIN && l->class == reply->leaves[i].class && l->last_word == reply->leaves[i].last_word)
            found = &reply->leaves[i];
    }
    return found;
}

/* One message on the open stream, about its n-th reply. What that does not say and lies deep is left out. */
static int say(struct sequence *s, struct fuzz_case *c, size_t method, uint32_t stream,
               const struct sequence_shape *saying, uint64_t n)
{
    static const struct sequence_slot nothing_learnt = {.edge_count = 0};
    int rc = 0;
    text_clear(&s->message);
    for (size_t i = 0; rc >= 0 && i < saying->count; i++) {
        const struct sequence_leaf *l = &saying->leaves[i], *of = repeats(sequence_output(s->graph, method), l);
        const struct pb_field *f = sequence_leaf_field(l);
        struct sequence_value value;
        uint8_t from[FUZZ_PATH_BYTES_MAX], to[FUZZ_PATH_BYTES_MAX];
        if (of != NULL) {
            rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_LINK, .call = stream, .number = n},
                               BYTES(from, sequence_link_path(of, of->depth, from)),
                               BYTES(to, sequence_link_path(l, l->depth, to)));
        } else if (l->depth == 1 && random_below(&s->random, 4) != 0 && sequence_word_count(l, &nothing_learnt) > 0) {
            sequence_word(s->graph, l, &nothing_learnt, 0, &s->random, &value);
            fuzz_put_tag(&s->message, f->number, fuzz_wire_type(f));
            if (fuzz_wire_type(f) == WIRE_BYTES)
                fuzz_put_varint(&s->message, value.len);
            fuzz_put(&s->message, value.data, value.len);
        }
    }
    if (!text_ok(&s->message))
        return ERROR_MEMORY;
    return rc < 0 ? rc
                  : fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_MESSAGE, .call = stream}, BYTES_NONE,
                                  text_bytes(&s->message));
}

/* Some of the stream's replies, one of them twice now and then. */
static int say_some(struct sequence *s, struct fuzz_case *c, size_t method, uint32_t stream,
                    const struct sequence_shape *saying)
{
    int rc = 0;
    for (uint64_t i = random_below(&s->random, SAID_MAX + 1); saying != NULL && rc >= 0 && i > 0; i--)
        rc = say(s, c, method, stream, saying, random_below(&s->random, 2));
    return rc;
}

/* ---- the probe ---- */

/* The call at the case's end is left open and listened to for a moment. */
static int stay(struct sequence *s, struct fuzz_case *c, bool talks)
{
    while (c->events.count > 0 && c->events.items[c->events.count - 1].kind != EVENT_MESSAGE)
        fuzz_case_remove(c, c->events.count - 1);
    uint32_t stream = (uint32_t)fuzz_case_calls(c) - 1;
    int rc = 0;
    if (!talks && random_below(&s->random, 2) == 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_HALF_CLOSE, .call = stream}, BYTES_NONE, BYTES_NONE);
    return rc < 0 ? rc
                  : fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_TIME, .number = SEQUENCE_WAIT}, BYTES_NONE,
                                  BYTES_NONE);
}

/* Readers of one queue are called so; what they were not given in a while they are given again. */
static int put_options(struct sequence *s, struct fuzz_case *c, size_t call, size_t method, size_t made_by)
{
    static const uint64_t waits[] = {100000000, 100, 1}; /* as nanoseconds, milliseconds and seconds */
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    int naming = view_naming_leaf(s->graph, made_by, method), rc = 0;
    for (size_t i = 0; rc >= 0 && i < shape->count; i++) {
        const struct sequence_leaf *l = &shape->leaves[i];
        enum pb_kind kind = sequence_leaf_field(l)->kind;
        bool whole = kind == PB_INT32 || kind == PB_INT64 || kind == PB_UINT32 || kind == PB_UINT64;
        struct sequence_words w;
        struct sequence_value value;
        sequence_words_of(sequence_leaf_field(l)->name, &w);
        if ((int)i == naming || l->repeated || random_below(&s->random, 3) == 0)
            continue;
        if (kind == PB_STRING && (sequence_words_have(&w, "group") || sequence_words_have(&w, "queue") ||
                                  sequence_words_have(&w, "consumer") || sequence_words_have(&w, "subscription"))) {
            sequence_fresh(l, &s->random, &value);
            rc = check_put(s, c, call, l, BYTES(value.data, value.len));
        } else if (whole && (sequence_words_have(&w, "wait") || sequence_words_have(&w, "timeout"))) {
            rc = check_put_number(s, c, call, l, waits[random_below(&s->random, sizeof waits / sizeof waits[0])]);
        } else if (whole && (sequence_words_have(&w, "retry") || sequence_words_have(&w, "attempt"))) {
            rc = check_put_number(s, c, call, l, RETRIES);
        }
    }
    return rc;
}

/* The maker's call once more, with another content. */
static int publish(struct sequence *s, struct fuzz_case *c, size_t maker, const struct sequence_leaf *content)
{
    struct sequence_value value;
    int call = build_again(s, c, maker, 0);
    sequence_fresh(content, &s->random, &value);
    return call < 0 ? call : check_put(s, c, (size_t)call, content, BYTES(value.data, value.len));
}

static int publish_some(struct sequence *s, struct fuzz_case *c, size_t maker, const struct sequence_leaf *content,
                        uint64_t count)
{
    int rc = 0;
    for (; rc >= 0 && count > 0; count--)
        rc = publish(s, c, maker, content);
    return rc < 0 ? rc : check_pause(c);
}

int check_delivery_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int method = draw_stream(s, made_by);
    const struct sequence_leaf *content = content_of(s->graph, made_by);
    if (method < 0 || content == NULL)
        return 0;
    const struct sequence_shape *saying = random_below(&s->random, 2) == 0 ? draw_saying(s, (size_t)method) : NULL;
    int first = build_about(s, c, (size_t)maker, (size_t)method, NAME_MADE, 0);
    int rc = first < 0 ? first : put_options(s, c, (size_t)first, (size_t)method, made_by);
    if (rc >= 0)
        rc = stay(s, c, saying != NULL);
    int second = rc < 0 ? rc : build_again(s, c, (size_t)first, 0);
    rc = second < 0 ? second : stay(s, c, saying != NULL);
    if (rc >= 0)
        rc = publish_some(s, c, (size_t)maker, content, 1 + random_below(&s->random, WARM_MAX));
    if (rc >= 0)
        rc = say_some(s, c, (size_t)method, (uint32_t)first, saying);
    if (rc >= 0)
        rc = say_some(s, c, (size_t)method, (uint32_t)second, saying);
    if (rc >= 0 && random_below(&s->random, 4) != 0)
        rc = fuzz_case_add(c, &(struct fuzz_event){.kind = EVENT_CANCEL, .call = (uint32_t)first, .number = 8},
                           BYTES_NONE, BYTES_NONE);
    if (rc >= 0)
        rc = check_pause(c);
    if (rc >= 0)
        rc = publish_some(s, c, (size_t)maker, content, 2 + random_below(&s->random, BEHIND_MAX - 1));
    if (rc >= 0)
        rc = say_some(s, c, (size_t)method, (uint32_t)second, saying);
    for (uint64_t i = random_below(&s->random, PAUSES_MAX); rc >= 0 && i > 0; i--)
        rc = check_pause(c);
    return check_told(rc);
}

/* ---- the judge ---- */

static size_t find_event(const struct fuzz_case *c, unsigned kind, size_t call)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == kind && c->events.items[i].call == call)
            return i;
    return SIZE_MAX;
}

static bool is_troubled(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_FAULT || c->events.items[i].kind == EVENT_ENVIRONMENT)
            return true;
    return false;
}

static bool is_paused(const struct fuzz_case *c, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_TIME && c->events.items[i].number >= CHECK_PAUSE)
            return true;
    return false;
}

/* It said nothing behind its first message, and so acknowledged nothing. */
static bool only_listens(const struct sequence_view *v, size_t call)
{
    for (size_t i = v->calls[call].message + 1; i < v->test->events.count; i++)
        if (v->test->events.items[i].kind == EVENT_MESSAGE && v->test->events.items[i].call == call)
            return false;
    return true;
}

static size_t times_shown(const struct sequence_view *v, size_t call, struct bytes content)
{
    size_t count = 0;
    for (size_t i = 0; i < v->trace->replies.count; i++) {
        struct bytes body = fuzz_trace_bytes(v->trace, v->trace->replies.items[i].body);
        count += v->trace->replies.items[i].call == call && body.len >= content.len &&
                 memmem(body.data, body.len, content.data, content.len) != NULL;
    }
    return count;
}

/* A stream of ours that nothing but we ended: by the case's cancellation, or when the case was over. */
static bool stands(const struct sequence_view *v, size_t call)
{
    const struct trace_call *r = view_result(v, call);
    const struct fuzz_event *e = &v->test->events.items[v->calls[call].event];
    return v->calls[call].method >= 0 && streams(v->graph, (size_t)v->calls[call].method) && r != NULL &&
           r->ended_by_us && !r->timed_out && (r->status == TRACE_NO_STATUS || r->status == GRPC_CANCELLED) &&
           r->replies < REPLIES_MAX && e->number == 0 && v->calls[call].message > 0 && v->calls[call].resolved &&
           find_event(v->test, EVENT_AWAIT, call) == SIZE_MAX;
}

/* OK and told to the end, with a content that is nowhere else. */
static bool is_publication(const struct sequence_view *v, size_t call, struct bytes *content)
{
    const struct trace_call *r = view_result(v, call);
    if (v->calls[call].method < 0 || check_role(v, call) != ROLE_CREATE ||
        !publishes(v->graph, (size_t)v->calls[call].method) || r == NULL || r->status != GRPC_OK || r->ended_by_us ||
        !v->calls[call].resolved || !check_own(v, call) || r->method->client_streaming || r->sent != 1)
        return false;
    const struct sequence_leaf *l = content_of(v->graph, (size_t)v->calls[call].method);
    if (l == NULL || !check_said(v, call, l, content) || content->len < CHECK_NAME_MIN)
        return false;
    for (size_t i = 0; i < v->count; i++) {
        struct bytes request = view_request(v, i);
        if (i != call && (v->calls[i].unsure || (request.len >= content->len &&
                                                 memmem(request.data, request.len, content->data, content->len))))
            return false;
    }
    return true;
}

/* Both say the same but for the content, and so go to the same place. */
static bool same_place(const struct sequence_view *v, size_t a, size_t b)
{
    if (v->calls[a].method != v->calls[b].method)
        return false;
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[a].method);
    const struct sequence_leaf *content = content_of(v->graph, (size_t)v->calls[a].method);
    for (size_t i = 0; i < s->count; i++) {
        struct bytes x, y;
        (void)view_value(v, a, &s->leaves[i], &x);
        (void)view_value(v, b, &s->leaves[i], &y);
        if (&s->leaves[i] != content && !bytes_equal(x, y))
            return false;
    }
    return true;
}

static bool is_shown(const struct sequence_view *v, struct bytes content)
{
    for (size_t i = 0; i < v->trace->replies.count; i++) {
        struct bytes body = fuzz_trace_bytes(v->trace, v->trace->replies.items[i].body);
        size_t call = v->trace->replies.items[i].call;
        if (call < v->count && v->calls[call].method >= 0 && streams(v->graph, (size_t)v->calls[call].method) &&
            body.len >= content.len && memmem(body.data, body.len, content.data, content.len) != NULL)
            return true;
    }
    return false;
}

/* No other stream can have it: those that left were gone a pause before it was published, and the others stand. */
static bool nobody_took(const struct sequence_view *v, size_t reader, size_t published)
{
    for (size_t i = 0; i < v->count; i++) {
        if (i == reader || v->calls[i].method < 0 || !v->graph->methods[v->calls[i].method].method->server_streaming ||
            check_role(v, i) == ROLE_READ || check_role(v, i) == ROLE_LIST)
            continue;
        size_t left = find_event(v->test, EVENT_CANCEL, i);
        if (!stands(v, i) || (left != SIZE_MAX && !is_paused(v->test, left, v->calls[published].event)))
            return false;
    }
    return true;
}

struct publication {
    size_t call;
    struct bytes content;
};

static size_t publications(const struct sequence_view *v, struct publication out[SEQUENCE_VIEW_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < v->count; i++)
        if (is_publication(v, i, &out[count].content))
            out[count++].call = i;
    return count;
}

/* The stream is known by the name the publications go by, which is of this case alone. */
static bool reads_from(const struct sequence_view *v, size_t reader, size_t published)
{
    size_t m = (size_t)v->calls[published].method, r = (size_t)v->calls[reader].method;
    int naming = view_naming_leaf(v->graph, m, r);
    struct view_match match =
        naming >= 0 ? view_match_leaf(v->graph, m, r, (size_t)naming) : (struct view_match){.leaf = -1};
    struct bytes mine, theirs;
    if (match.leaf < 0 || match.of_reply ||
        !view_value(v, reader, &sequence_input(v->graph, r)->leaves[naming], &mine) ||
        !view_value(v, published, &sequence_input(v->graph, m)->leaves[match.leaf], &theirs) ||
        !bytes_equal(mine, theirs))
        return false;
    size_t first = 0; /* the call that said the name first */
    while (first < published &&
           (view_request(v, first).len < mine.len ||
            memmem(view_request(v, first).data, view_request(v, first).len, mine.data, mine.len) == NULL))
        first++;
    return check_is_new(v, first, mine);
}

/* What another stream held when it was left, and nobody acknowledged. */
static bool was_left_behind(const struct sequence_view *v, size_t reader, const struct publication *p, size_t count,
                            size_t lost, struct sequence_finding *out)
{
    for (size_t left = 0; left < v->count; left++) {
        size_t end = find_event(v->test, EVENT_CANCEL, left);
        if (left == reader || end == SIZE_MAX || !stands(v, left) || !check_same(v, left, reader) ||
            !only_listens(v, left) || !only_listens(v, reader) || times_shown(v, left, p[lost].content) == 0 ||
            v->calls[p[lost].call].event > end)
            continue;
        for (size_t later = lost + 1; later < count; later++) {
            if (!same_place(v, p[lost].call, p[later].call) ||
                !is_paused(v->test, end, v->calls[p[later].call].event) || times_shown(v, reader, p[later].content) < 2)
                continue;
            check_say(
                v, out, reader,
                "\"%.*s\" went to a reader of %s that left without acknowledging it, and to nobody since; \"%.*s\", "
                "published later, came again to the one that stayed",
                (int)p[lost].content.len, (const char *)p[lost].content.data, check_path(v, reader),
                (int)p[later].content.len, (const char *)p[later].content.data);
            return true;
        }
    }
    return false;
}

static bool is_gap(const struct sequence_view *v, size_t reader, const struct publication *p, size_t count, size_t lost,
                   struct sequence_finding *out)
{
    if (is_shown(v, p[lost].content) || !nobody_took(v, reader, p[lost].call))
        return false;
    for (size_t later = lost + 1; later < count; later++) {
        if (!same_place(v, p[lost].call, p[later].call) || !check_behind(v, p[lost].call, p[later].call) ||
            times_shown(v, reader, p[later].content) == 0 ||
            !is_paused(v->test, v->calls[p[later].call].event, SIZE_MAX))
            continue;
        check_say(
            v, out, reader,
            "%s of \"%.*s\" was OK, and no reader of %s gets it; the one that stays gets what was published before "
            "and after",
            check_path(v, p[lost].call), (int)p[lost].content.len, (const char *)p[lost].content.data,
            check_path(v, reader));
        return true;
    }
    return false;
}

bool check_delivery_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    struct publication p[SEQUENCE_VIEW_MAX];
    size_t count = publications(v, p);
    if (count < 3 || is_troubled(v->test))
        return false;
    for (size_t reader = 0; reader < v->count; reader++) {
        if (!stands(v, reader) || !check_own(v, reader) || find_event(v->test, EVENT_CANCEL, reader) != SIZE_MAX)
            continue;
        for (size_t before = 0; before + 1 < count; before++) {
            if (v->calls[p[before].call].event < v->calls[reader].message || !reads_from(v, reader, p[before].call) ||
                times_shown(v, reader, p[before].content) == 0)
                continue;
            for (size_t lost = before + 1; lost < count; lost++)
                if (same_place(v, p[before].call, p[lost].call) && check_behind(v, p[before].call, p[lost].call) &&
                    times_shown(v, reader, p[lost].content) == 0 &&
                    (is_gap(v, reader, p, count, lost, out) || was_left_behind(v, reader, p, count, lost, out)))
                    return true;
        }
    }
    return false;
}
