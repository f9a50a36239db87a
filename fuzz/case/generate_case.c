#include "fuzz/case/generate_case.h"

#include "base/units.h"
#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/values.h"

#define GARBAGE_MAX 300 /* bytes of a message that is nothing but chance */

static bool one_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}

enum fuzz_lane fuzz_draw_lane(struct random *r, const struct case_source *s)
{
    static const uint32_t usual[LANE_COUNT] = {60, 32, 8};
    const uint32_t *shares = s->lanes[0] || s->lanes[1] || s->lanes[2] ? s->lanes : usual;
    uint64_t lot = random_below(r, (uint64_t)shares[0] + shares[1] + shares[2]);
    unsigned lane = 0;
    for (; lane + 1 < LANE_COUNT && lot >= shares[lane]; lane++)
        lot -= shares[lane];
    return (enum fuzz_lane)lane;
}

uint64_t fuzz_draw_deadline(struct random *r)
{
    /* What a timeout header can say at most is eight digits of hours. */
    static const uint64_t deadlines[] = {1,
                                         999,
                                         1000,
                                         (uint64_t)MILLISECOND,
                                         2 * (uint64_t)MILLISECOND,
                                         50 * (uint64_t)MILLISECOND,
                                         (uint64_t)SECOND,
                                         10 * (uint64_t)SECOND,
                                         (uint64_t)HOUR,
                                         24 * 365 * (uint64_t)HOUR,
                                         UINT64_C(99999999) * 1000000000,
                                         INT64_MAX,
                                         UINT64_MAX};
    return deadlines[random_below(r, sizeof deadlines / sizeof deadlines[0])];
}

static void put_random(struct random *r, size_t len, struct text *out)
{
    uint8_t bytes[GARBAGE_MAX];
    len = len > sizeof bytes ? sizeof bytes : len;
    random_bytes(r, bytes, len);
    text_add(out, bytes, len);
}

#define DRAW(r, list) (list)[random_below((r), sizeof(list) / sizeof(list)[0])]

/* ---- messages ---- */

static size_t message_max(const struct case_source *s)
{
    return s->max ? s->max : FUZZ_GENERATE_MAX;
}

/* A valid message with so much in one field that it is longer than `len`. */
static void put_oversize(const struct pb_type *type, size_t len, struct text *out)
{
    uint32_t number = FIELD_NUMBER_MAX;
    for (size_t i = 0; i < type->field_count && number == FIELD_NUMBER_MAX; i++)
        if (type->fields[i].kind == PB_STRING || type->fields[i].kind == PB_BYTES)
            number = type->fields[i].number;
    fuzz_put_tag(out, number, WIRE_BYTES);
    fuzz_put_varint(out, len);
    fuzz_put_run(out, 'o', len);
}

static uint16_t draw_lies(struct random *r)
{
    static const uint16_t lies[] = {
        EVENT_COMPRESSED,  EVENT_COMPRESSED,  EVENT_COMPRESSED, EVENT_FLAG_LIE, EVENT_COMPRESSED | EVENT_FLAG_LIE,
        EVENT_LENGTH_LONG, EVENT_LENGTH_SHORT};
    return one_in(r, 8) ? DRAW(r, lies) : 0;
}

int fuzz_insert_message(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at, uint32_t call,
                        const struct pb_method *m, enum fuzz_lane lane)
{
    struct fuzz_event e = {.kind = EVENT_MESSAGE, .call = call, .lane = (uint8_t)lane, .flags = draw_lies(r)};
    struct text *wire = s->scratch, *broken = s->scratch_wire;
    struct bytes name = BYTES_NONE;
    text_clear(wire);
    text_clear(broken);
    if (lane == LANE_GARBAGE && one_in(r, 2)) {
        put_random(r, (size_t)random_below(r, GARBAGE_MAX), wire);
    } else if (lane == LANE_VALID && s->oversize && one_in(r, 200)) {
        /* Also shorter ones, which are too long for a window and not for a server. */
        put_oversize(m->input, s->oversize >> random_below(r, 4), wire);
    } else if (lane != LANE_VALID || !one_in(r, 20)) { /* else an empty one */
        if (one_in(r, 3))
            fuzz_generate_small(r, m->input, FUZZ_DEPTH_MAX, message_max(s), true, wire);
        else
            fuzz_generate_small(r, m->input, 1 + (unsigned)random_below(r, FUZZ_DEPTH_MAX), message_max(s), false,
                                wire);
    }
    if (lane == LANE_NEAR_VALID) {
        name = bytes_of(defect_draw(r, m->input, text_bytes(wire), broken)->name);
        wire = broken;
    }
    return text_ok(wire) && text_ok(broken) ? fuzz_case_insert(c, at, &e, name, text_bytes(wire)) : ERROR_MEMORY;
}

/* ---- calls ---- */

enum step { STEP_MESSAGE, STEP_HALF_CLOSE, STEP_TRAILERS, STEP_CANCEL, STEP_AWAIT, STEP_AWAIT_MESSAGE };

#define STEPS_MAX (FUZZ_CASE_MESSAGES_MAX + 6)

struct plan {
    const struct pb_method *method;
    uint8_t steps[STEPS_MAX];
    size_t count, next;
    uint32_t call;
    bool opened;
};

static void add_step(struct plan *p, enum step s)
{
    if (p->count < STEPS_MAX)
        p->steps[p->count++] = (uint8_t)s;
}

static void insert_step(struct random *r, struct plan *p, enum step s)
{
    size_t at = (size_t)random_below(r, p->count + 1);
    if (p->count == STEPS_MAX)
        return;
    memmove(p->steps + at + 1, p->steps + at, p->count - at);
    p->steps[at] = (uint8_t)s;
    p->count++;
}

static size_t draw_messages(struct random *r, const struct pb_method *m)
{
    if (m->client_streaming)
        return (size_t)random_below(r, FUZZ_CASE_MESSAGES_MAX + 1);
    /* A call that takes one message gets none, or too many, now and then. */
    return one_in(r, 25) ? (one_in(r, 2) ? 0 : 2 + (size_t)random_below(r, 2)) : 1;
}

static void plan_call(struct random *r, const struct case_source *s, struct plan *p)
{
    p->method = s->methods[random_below(r, s->method_count)];
    p->count = p->next = 0;
    p->opened = false;
    bool talks = p->method->client_streaming && p->method->server_streaming;
    for (size_t i = draw_messages(r, p->method); i > 0; i--) {
        add_step(p, STEP_MESSAGE);
        if (talks && one_in(r, 2))
            add_step(p, STEP_AWAIT_MESSAGE);
    }
    enum step end = one_in(r, 30) ? STEP_TRAILERS : STEP_HALF_CLOSE;
    if (one_in(r, 25))
        insert_step(r, p, end); /* too early */
    else if (!one_in(r, 25))    /* else never, which is when the case ends */
        add_step(p, end);
    if (one_in(r, 12))
        insert_step(r, p, STEP_CANCEL);
    if (p->method->server_streaming && one_in(r, 2)) {
        add_step(p, STEP_AWAIT_MESSAGE);
        if (one_in(r, 2))
            add_step(p, STEP_CANCEL); /* a stream that may have no end of its own */
    } else {
        add_step(p, STEP_AWAIT);
    }
}

static int open_call(struct random *r, const struct case_source *s, struct fuzz_case *out, struct plan *p)
{
    struct fuzz_event e = {.kind = EVENT_CALL, .number = one_in(r, 5) ? fuzz_draw_deadline(r) : 0};
    if (one_in(r, 16))
        e.flags = one_in(r, 2) ? EVENT_NO_TOKEN : EVENT_OTHER_TENANT;
    p->call = (uint32_t)fuzz_case_calls(out);
    p->opened = true;
    int rc = fuzz_case_add(out, &e, bytes_of(p->method->path), BYTES_NONE);
    for (uint64_t n = one_in(r, 4) ? 1 + random_below(r, 3) : 0; n > 0 && rc >= 0; n--)
        rc = fuzz_insert_metadata(r, s, out, out->events.count);
    if (rc >= 0 && s->relay_count > 0 && one_in(r, 8))
        rc = fuzz_insert_relay(r, s, out, out->events.count);
    return rc;
}

static int do_step(struct random *r, const struct case_source *s, struct fuzz_case *out, struct plan *p)
{
    static const uint32_t codes[] = {8, 0, 1, 2, 5, 7, 11, 13, UINT32_MAX};
    struct fuzz_event e = {.call = p->call};
    int at;
    switch ((enum step)p->steps[p->next++]) {
    case STEP_MESSAGE:
        at = fuzz_insert_message(r, s, out, out->events.count, p->call, p->method, fuzz_draw_lane(r, s));
        if (at < 0 || p->call == 0 || one_in(r, 2))
            return at;
        at = fuzz_insert_link(r, s, out, (size_t)at);
        return at == ERROR_NOT_FOUND ? 0 : at;
    case STEP_HALF_CLOSE:
    case STEP_TRAILERS:
        e.kind = EVENT_HALF_CLOSE;
        e.flags = p->steps[p->next - 1] == STEP_TRAILERS ? EVENT_TRAILERS : 0;
        break;
    case STEP_CANCEL:
        e.kind = EVENT_CANCEL;
        e.number = one_in(r, 3) ? DRAW(r, codes) : codes[0];
        break;
    case STEP_AWAIT:
    case STEP_AWAIT_MESSAGE:
        e.kind = EVENT_AWAIT;
        e.number = p->steps[p->next - 1] == STEP_AWAIT_MESSAGE;
        break;
    }
    return fuzz_case_add(out, &e, BYTES_NONE, BYTES_NONE);
}

static int put_surroundings(struct random *r, const struct case_source *s, struct fuzz_case *out)
{
    static const char *const names[] = {"chunks", "schedule", "allocation", "write"};
    int rc = 0;
    if (one_in(r, 8)) {
        size_t name = (size_t)random_below(r, sizeof names / sizeof names[0]);
        const struct fuzz_event e = {.kind = EVENT_ENVIRONMENT,
                                     .number = name < 2 ? random_next(r) & 0xFFFF : 1 + random_below(r, 200)};
        rc = fuzz_case_insert(out, 0, &e, bytes_of(names[name]), BYTES_NONE);
    }
    if (rc >= 0 && one_in(r, 10)) {
        const struct fuzz_event e = {.kind = EVENT_TIME, .number = fuzz_draw_deadline(r) % (uint64_t)HOUR};
        rc = fuzz_case_insert(out, (size_t)random_below(r, out->events.count + 1), &e, BYTES_NONE, BYTES_NONE);
    }
    if (rc >= 0 && s->component_count > 0 && one_in(r, 10)) {
        const char *component = s->components[random_below(r, s->component_count)];
        const struct fuzz_event e = {.kind = EVENT_FAULT, .number = random_below(r, 8)};
        rc = fuzz_case_insert(out, (size_t)random_below(r, out->events.count + 1), &e, bytes_of(component), BYTES_NONE);
    }
    return rc < 0 && rc != ERROR_LIMIT ? rc : 0;
}

int fuzz_generate_case(struct random *r, const struct case_source *s, struct fuzz_case *out)
{
    struct plan plans[FUZZ_CASE_CALLS_MAX];
    size_t count = one_in(r, 5) ? 2 + (size_t)random_below(r, FUZZ_CASE_CALLS_MAX - 1) : 1, left = 0;
    bool interleaved = one_in(r, 2);
    fuzz_case_clear(out);
    if (s->method_count == 0)
        return ERROR_INVALID;
    for (size_t i = 0; i < count; i++) {
        plan_call(r, s, &plans[i]);
        left += plans[i].count + 1;
    }
    while (left > 0) {
        struct plan *p = &plans[interleaved ? random_below(r, count) : 0];
        while (p->opened && p->next == p->count)
            p = p + 1 < plans + count ? p + 1 : plans;
        int rc = p->opened ? do_step(r, s, out, p) : open_call(r, s, out, p);
        if (rc == ERROR_LIMIT)
            break; /* as much of it as a case may have */
        if (rc < 0)
            return rc;
        left--;
    }
    return put_surroundings(r, s, out);
}
