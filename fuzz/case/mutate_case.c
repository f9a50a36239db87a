#include "fuzz/case/mutate_case.h"

#include "fuzz/case/links.h"
#include "fuzz/message/generate.h"

#define TRIES_MAX    24
#define NO_EVENT     SIZE_MAX
#define DONE         0
#define INAPPLICABLE ERROR_NOT_FOUND /* another operator is drawn */

struct work {
    struct random *r;
    struct fuzz_case *c;
    const struct case_mutation *m;
    const struct case_source *s;
    struct case_mutated *did;
};

static bool one_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}

/* One of the events whose kind is among `kinds` (bits), each as likely. */
static size_t pick(struct random *r, const struct fuzz_case *c, uint32_t kinds)
{
    size_t count = 0, places[FUZZ_CASE_EVENTS_MAX];
    for (size_t i = 0; i < c->events.count && count < FUZZ_CASE_EVENTS_MAX; i++)
        if (c->events.items[i].kind < EVENT_KIND_COUNT && kinds >> c->events.items[i].kind & 1)
            places[count++] = i;
    return count > 0 ? places[random_below(r, count)] : NO_EVENT;
}

#define KIND(k)   (UINT32_C(1) << (k))
#define KINDS_RAW (KIND(EVENT_FRAME) | KIND(EVENT_HEADERS) | KIND(EVENT_BYTES) | KIND(EVENT_HTTP))
#define KINDS_CALLS                                                                                                    \
    (KIND(EVENT_LINK) | KIND(EVENT_MESSAGE) | KIND(EVENT_HALF_CLOSE) | KIND(EVENT_CANCEL) | KIND(EVENT_AWAIT))
#define KINDS_ALL (UINT32_C(0xFFFFFFFF))

/* What an insertion came to, as an operator says it. */
static int inserted(struct work *w, int at)
{
    if (at < 0)
        return at == ERROR_LIMIT ? INAPPLICABLE : at;
    w->did->event = (uint32_t)at;
    return DONE;
}

static bool is_full(const struct work *w)
{
    return w->c->events.count >= FUZZ_CASE_GROWTH_EVENTS;
}

static struct bytes value_at(const struct fuzz_case *c, size_t at)
{
    return fuzz_case_bytes(c, c->events.items[at].value);
}

/* ---- messages and other bytes ---- */

static const struct pb_method *method_of(const struct work *w, const struct fuzz_case *c, size_t at)
{
    return fuzz_case_method(c, c->events.items[at].call, w->s->pool);
}

static size_t message_max(const struct work *w)
{
    return w->m->max ? w->m->max : w->s->max ? w->s->max : FUZZ_GENERATE_MAX;
}

static int change_value(struct work *w, size_t at, const struct pb_type *type, enum fuzz_lane lane)
{
    const struct fuzz_case *from = w->m->other && one_in(w->r, 2) ? w->m->other : w->c;
    size_t partner = type ? pick(w->r, from, KIND(EVENT_MESSAGE)) : NO_EVENT, len = value_at(w->c, at).len;
    struct mutation how = {.type = type,
                           .input = value_at(w->c, at),
                           .dictionary = w->s->dictionary,
                           .learning = w->m->learning,
                           .max = message_max(w) > len ? message_max(w) : len,
                           .scratch = w->s->scratch_wire};
    struct mutated did;
    if (partner != NO_EVENT) {
        const struct pb_method *m = method_of(w, from, partner);
        how.other = value_at(from, partner);
        how.other_type = m ? m->input : NULL;
        if (!m)
            how.other = BYTES_NONE;
    }
    text_clear(w->s->scratch);
    int rc = fuzz_mutate_message(w->r, &how, type ? lane : LANE_GARBAGE, w->s->scratch, &did);
    if (rc)
        return rc;
    if (bytes_equal(text_bytes(w->s->scratch), how.input))
        return INAPPLICABLE;
    rc = inserted(w, fuzz_case_set_value(w->c, at, text_bytes(w->s->scratch)));
    if (rc == DONE) {
        w->did->what = did.what;
        w->did->lane = did.lane;
        w->did->in_message = type != NULL;
        w->did->message = did;
    }
    return rc;
}

static int message_change(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_MESSAGE));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    const struct pb_method *m = method_of(w, w->c, at);
    int rc = change_value(w, at, m ? m->input : NULL, w->m->lane);
    if (rc)
        return rc;
    w->c->events.items[at].lane = (uint8_t)w->did->lane;
    rc = fuzz_case_set_name(w->c, at, w->did->lane == LANE_NEAR_VALID ? bytes_of(w->did->what) : BYTES_NONE);
    if (rc == ERROR_LIMIT) /* without its defect's name nobody knows what to expect of it */
        w->c->events.items[at].lane = LANE_GARBAGE;
    return rc == ERROR_MEMORY ? rc : DONE;
}

static int message_new(struct work *w)
{
    size_t call = pick(w->r, w->c, KIND(EVENT_CALL));
    if (call == NO_EVENT || is_full(w))
        return INAPPLICABLE;
    size_t at = call + 1 + (size_t)random_below(w->r, w->c->events.count - call);
    uint32_t number = fuzz_event_call(w->c, call);
    const struct pb_method *m = fuzz_case_method(w->c, number, w->s->pool);
    return m ? inserted(w, fuzz_insert_message(w->r, w->s, w->c, at, number, m, w->m->lane)) : INAPPLICABLE;
}

static int raw_change(struct work *w)
{
    size_t at = pick(w->r, w->c, KINDS_RAW);
    return at == NO_EVENT ? INAPPLICABLE : change_value(w, at, NULL, LANE_GARBAGE);
}

/* A number of an event below gRPC: a bit of it, or of the stream. */
static int raw_number(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_FRAME) | KIND(EVENT_HEADERS));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    struct fuzz_event *e = &w->c->events.items[at];
    if (one_in(w->r, 2))
        e->number ^= UINT64_C(1) << random_below(w->r, e->kind == EVENT_FRAME ? 16 : 8);
    else
        e->call ^= UINT32_C(1) << random_below(w->r, one_in(w->r, 4) ? 32 : 4);
    w->did->lane = LANE_GARBAGE;
    w->did->event = (uint32_t)at;
    return DONE;
}

/* ---- metadata ---- */

static int metadata_new(struct work *w)
{
    size_t call = pick(w->r, w->c, KIND(EVENT_CALL));
    return call == NO_EVENT || is_full(w) ? INAPPLICABLE
                                          : inserted(w, fuzz_insert_metadata(w->r, w->s, w->c, call + 1));
}

static int metadata_name(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_METADATA));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    text_clear(w->s->scratch);
    fuzz_put_metadata_name(w->r, w->s, w->s->scratch);
    return text_ok(w->s->scratch) ? inserted(w, fuzz_case_set_name(w->c, at, text_bytes(w->s->scratch))) : ERROR_MEMORY;
}

static int metadata_value(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_METADATA));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    if (value_at(w->c, at).len > 0 && one_in(w->r, 2)) {
        int rc = change_value(w, at, NULL, LANE_GARBAGE);
        w->did->what = "metadata-value";
        w->did->lane = LANE_VALID;
        return rc;
    }
    text_clear(w->s->scratch);
    fuzz_put_metadata_value(w->r, fuzz_case_bytes(w->c, w->c->events.items[at].name), w->s->scratch);
    return text_ok(w->s->scratch) ? inserted(w, fuzz_case_set_value(w->c, at, text_bytes(w->s->scratch)))
                                  : ERROR_MEMORY;
}

/* ---- events ---- */

static int event_remove(struct work *w)
{
    size_t at = pick(w->r, w->c, KINDS_ALL & ~KIND(EVENT_CALL));
    if (at == NO_EVENT || w->c->events.count < 2)
        return INAPPLICABLE;
    fuzz_case_cut(w->c, at);
    w->did->event = (uint32_t)at;
    return DONE;
}

static int call_remove(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_CALL));
    if (at == NO_EVENT || fuzz_case_calls(w->c) < 2)
        return INAPPLICABLE;
    fuzz_case_cut(w->c, at);
    w->did->event = (uint32_t)at;
    return DONE;
}

static int event_duplicate(struct work *w)
{
    size_t at = pick(w->r, w->c, KINDS_ALL & ~KIND(EVENT_CALL));
    if (at == NO_EVENT || is_full(w))
        return INAPPLICABLE;
    struct fuzz_event e = w->c->events.items[at];
    size_t to = one_in(w->r, 2) ? at + 1 : (size_t)random_below(w->r, w->c->events.count + 1);
    return inserted(w, fuzz_case_insert(w->c, to, &e, fuzz_case_bytes(w->c, e.name), fuzz_case_bytes(w->c, e.value)));
}

/* The whole call once more, at the end: what is done twice. */
static int call_duplicate(struct work *w)
{
    size_t from = pick(w->r, w->c, KIND(EVENT_CALL)), count = w->c->events.count;
    if (from == NO_EVENT || count >= FUZZ_CASE_GROWTH_EVENTS / 2)
        return INAPPLICABLE;
    uint32_t call = fuzz_event_call(w->c, from), fresh = (uint32_t)fuzz_case_calls(w->c);
    for (size_t i = from; i < count; i++) {
        struct fuzz_event e = w->c->events.items[i];
        if (fuzz_event_call(w->c, i) != call)
            continue;
        if (fuzz_event_has_call(e.kind) && e.kind != EVENT_LINK)
            e.call = fresh;
        int rc = fuzz_case_add(w->c, &e, fuzz_case_bytes(w->c, e.name), fuzz_case_bytes(w->c, e.value));
        if (rc < 0)
            return rc == ERROR_LIMIT ? DONE : rc;
    }
    w->did->event = (uint32_t)count;
    return DONE;
}

static int call_new(struct work *w)
{
    size_t calls = fuzz_case_calls(w->c);
    if (w->s->method_count == 0 || w->c->events.count + 5 > FUZZ_CASE_GROWTH_EVENTS)
        return INAPPLICABLE;
    const struct pb_method *m = w->s->methods[random_below(w->r, w->s->method_count)];
    const struct fuzz_event e = {.kind = EVENT_CALL, .number = one_in(w->r, 8) ? fuzz_draw_deadline(w->r) : 0};
    const struct fuzz_event end = {.kind = EVENT_HALF_CLOSE, .call = (uint32_t)calls};
    const struct fuzz_event await = {.kind = EVENT_AWAIT, .call = (uint32_t)calls, .number = m->server_streaming};
    int at = fuzz_case_add(w->c, &e, bytes_of(m->path), BYTES_NONE), rc = at;
    if (rc >= 0)
        rc = fuzz_insert_message(w->r, w->s, w->c, w->c->events.count, (uint32_t)calls, m, w->m->lane);
    if (rc >= 0 && calls > 0 && one_in(w->r, 2) && fuzz_insert_link(w->r, w->s, w->c, (size_t)rc) == ERROR_MEMORY)
        rc = ERROR_MEMORY;
    if (rc >= 0)
        rc = fuzz_case_add(w->c, &end, BYTES_NONE, BYTES_NONE);
    if (rc >= 0)
        rc = fuzz_case_add(w->c, &await, BYTES_NONE, BYTES_NONE);
    return rc < 0 ? inserted(w, rc == ERROR_LIMIT && at >= 0 ? at : rc) : inserted(w, at);
}

static int call_method(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_CALL));
    if (at == NO_EVENT || w->s->method_count == 0)
        return INAPPLICABLE;
    const char *path = w->s->methods[random_below(w->r, w->s->method_count)]->path;
    if (bytes_is(fuzz_case_bytes(w->c, w->c->events.items[at].name), path))
        return INAPPLICABLE;
    return inserted(w, fuzz_case_set_name(w->c, at, bytes_of(path)));
}

static int event_swap(struct work *w)
{
    if (w->c->events.count < 2)
        return INAPPLICABLE;
    size_t at = (size_t)random_below(w->r, w->c->events.count - 1);
    fuzz_case_move(w->c, at, at + 1);
    w->did->event = (uint32_t)at;
    return DONE;
}

static int event_move(struct work *w)
{
    if (w->c->events.count < 2)
        return INAPPLICABLE;
    size_t from = (size_t)random_below(w->r, w->c->events.count), to = (size_t)random_below(w->r, w->c->events.count);
    if (from == to)
        return INAPPLICABLE;
    fuzz_case_move(w->c, from, to);
    w->did->event = (uint32_t)to;
    return DONE;
}

static int event_other_call(struct work *w)
{
    size_t at = pick(w->r, w->c, KINDS_CALLS), calls = fuzz_case_calls(w->c);
    if (at == NO_EVENT || calls < 2)
        return INAPPLICABLE;
    uint32_t call = (uint32_t)random_below(w->r, calls), *own = &w->c->events.items[at].call;
    *own = call != *own ? call : (call + 1) % (uint32_t)calls;
    w->did->event = (uint32_t)at;
    return DONE;
}

static int event_insert(struct work *w)
{
    static const uint8_t kinds[] = {EVENT_HALF_CLOSE, EVENT_CANCEL, EVENT_AWAIT, EVENT_AWAIT, EVENT_TIME};
    size_t at = (size_t)random_below(w->r, w->c->events.count + 1), calls = fuzz_case_calls(w->c);
    if (is_full(w) || calls == 0)
        return INAPPLICABLE;
    struct fuzz_event e = {.kind = kinds[random_below(w->r, sizeof kinds)]};
    if (e.kind == EVENT_TIME)
        e.number = fuzz_draw_deadline(w->r) % UINT64_C(3600000000000);
    else
        e.call = (uint32_t)random_below(w->r, calls);
    if (e.kind == EVENT_CANCEL)
        e.number = one_in(w->r, 3) ? random_below(w->r, 14) : 8;
    if (e.kind == EVENT_AWAIT)
        e.number = random_below(w->r, 3);
    return inserted(w, fuzz_case_insert(w->c, at, &e, BYTES_NONE, BYTES_NONE));
}

static int splice(struct work *w)
{
    if (!w->m->other || w->m->other->events.count == 0)
        return INAPPLICABLE;
    size_t own = one_in(w->r, 3) ? NO_EVENT : pick(w->r, w->c, KIND(EVENT_CALL));
    size_t from = pick(w->r, w->m->other, KIND(EVENT_CALL));
    size_t head = own == NO_EVENT ? w->c->events.count : own;
    from = from == NO_EVENT ? 0 : from;
    if (head + (w->m->other->events.count - from) > FUZZ_CASE_GROWTH_EVENTS)
        return INAPPLICABLE;
    w->c->events.count = head;
    w->did->event = (uint32_t)head;
    return fuzz_case_append_tail(w->r, w->c, w->m->other, from);
}

/* ---- deadlines, flags, time, surroundings ---- */

static int deadline(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_CALL));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    uint64_t *number = &w->c->events.items[at].number;
    *number = *number && one_in(w->r, 2) ? 0 : fuzz_draw_deadline(w->r);
    w->did->event = (uint32_t)at;
    return DONE;
}

static int flags(struct work *w)
{
    static const uint16_t of_call[] = {EVENT_NO_TOKEN, EVENT_OTHER_TENANT};
    static const uint16_t of_message[] = {EVENT_COMPRESSED, EVENT_FLAG_LIE, EVENT_LENGTH_LONG, EVENT_LENGTH_SHORT};
    size_t at = pick(w->r, w->c, KIND(EVENT_CALL) | KIND(EVENT_MESSAGE) | KIND(EVENT_HALF_CLOSE));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    struct fuzz_event *e = &w->c->events.items[at];
    uint16_t bit = e->kind == EVENT_CALL      ? of_call[random_below(w->r, 2)]
                   : e->kind == EVENT_MESSAGE ? of_message[random_below(w->r, 4)]
                                              : EVENT_TRAILERS;
    /* Two lies about the length at once are one that nobody can keep to. */
    if (bit & (EVENT_LENGTH_LONG | EVENT_LENGTH_SHORT))
        e->flags = (uint16_t)(e->flags & ~((EVENT_LENGTH_LONG | EVENT_LENGTH_SHORT) & ~bit));
    e->flags ^= bit;
    w->did->event = (uint32_t)at;
    return DONE;
}

/* The number of an event whose number is all it has. */
static int number(struct work *w)
{
    size_t at =
        pick(w->r, w->c,
             KIND(EVENT_CANCEL) | KIND(EVENT_AWAIT) | KIND(EVENT_TIME) | KIND(EVENT_ENVIRONMENT) | KIND(EVENT_FAULT));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    struct fuzz_event *e = &w->c->events.items[at];
    uint64_t old = e->number;
    if (e->kind == EVENT_TIME)
        e->number = fuzz_draw_deadline(w->r) % UINT64_C(3600000000000);
    else if (e->kind == EVENT_ENVIRONMENT)
        e->number = one_in(w->r, 2) ? old + 1 : random_next(w->r) & 0xFFFF;
    else
        e->number = random_below(w->r, e->kind == EVENT_AWAIT ? 4 : e->kind == EVENT_FAULT ? 8 : 16);
    w->did->event = (uint32_t)at;
    return e->number != old ? DONE : INAPPLICABLE;
}

static int environment(struct work *w)
{
    static const char *const names[] = {"chunks", "schedule", "allocation", "write"};
    const struct fuzz_event e = {.kind = EVENT_ENVIRONMENT, .number = 1 + random_below(w->r, 500)};
    return is_full(w) ? INAPPLICABLE
                      : inserted(w, fuzz_case_insert(w->c, 0, &e, bytes_of(names[random_below(w->r, 4)]), BYTES_NONE));
}

static int fault(struct work *w)
{
    if (w->s->component_count == 0 || is_full(w))
        return INAPPLICABLE;
    const struct fuzz_event e = {.kind = EVENT_FAULT, .number = random_below(w->r, 8)};
    const char *component = w->s->components[random_below(w->r, w->s->component_count)];
    size_t at = (size_t)random_below(w->r, w->c->events.count + 1);
    return inserted(w, fuzz_case_insert(w->c, at, &e, bytes_of(component), BYTES_NONE));
}

/* ---- links ---- */

static int link_new(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_MESSAGE));
    return at == NO_EVENT || is_full(w) ? INAPPLICABLE : inserted(w, fuzz_insert_link(w->r, w->s, w->c, at));
}

static int link_remove(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_LINK));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    fuzz_case_remove(w->c, at);
    w->did->event = (uint32_t)at;
    return DONE;
}

/* From another call, or another reply of it. */
static int link_redirect(struct work *w)
{
    size_t at = pick(w->r, w->c, KIND(EVENT_LINK));
    if (at == NO_EVENT)
        return INAPPLICABLE;
    struct fuzz_event *e = &w->c->events.items[at];
    struct fuzz_event old = *e;
    e->call = (uint32_t)random_below(w->r, fuzz_case_calls(w->c) + 1);
    e->number = random_below(w->r, 3);
    w->did->event = (uint32_t)at;
    return e->call != old.call || e->number != old.number ? DONE : INAPPLICABLE;
}

/* ---- drawing ---- */

static const struct operator
{
    const char *name;
    uint16_t share;
    int (*apply)(struct work * w);
}
operators[] = {
    {"message", 500, message_change},
    {"message-new", 40, message_new},
    {"raw-bytes", 120, raw_change},
    {"raw-number", 30, raw_number},
    {"metadata-new", 20, metadata_new},
    {"metadata-name", 10, metadata_name},
    {"metadata-value", 20, metadata_value},
    {"event-remove", 30, event_remove},
    {"event-insert", 30, event_insert},
    {"event-duplicate", 20, event_duplicate},
    {"event-swap", 20, event_swap},
    {"event-move", 20, event_move},
    {"event-other-call", 15, event_other_call},
    {"call-new", 25, call_new},
    {"call-remove", 20, call_remove},
    {"call-duplicate", 15, call_duplicate},
    {"call-method", 10, call_method},
    {"splice", 30, splice},
    {"deadline", 12, deadline},
    {"flags", 25, flags},
    {"number", 15, number},
    {"environment", 6, environment},
    {"fault", 10, fault},
    {"link-new", 25, link_new},
    {"link-remove", 8, link_remove},
    {"link-redirect", 10, link_redirect},
};

static const struct operator* draw(struct random *r)
{
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        all += operators[i].share;
    uint64_t lot = random_below(r, all);
    size_t i = 0;
    for (; lot >= operators[i].share; i++)
        lot -= operators[i].share;
    return &operators[i];
}

int fuzz_mutate_case(struct random *r, struct fuzz_case *c, const struct case_mutation *m, struct case_mutated *did)
{
    struct work w = {.r = r, .c = c, .m = m, .s = m->source, .did = did};
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        const struct operator* o = c->events.count == 0 ? NULL : draw(r);
        *did = (struct case_mutated){.what = o ? o->name : "call-new"};
        int rc = o ? o->apply(&w) : call_new(&w);
        if (rc != INAPPLICABLE)
            return rc;
    }
    /* A case at its limits in every respect: something goes, if there is anything. */
    *did = (struct case_mutated){.what = "event-remove"};
    fuzz_case_cut(c, (size_t)random_below(r, c->events.count));
    return 0;
}
