#include "fuzz/frames/mutate.h"

#include "fuzz/frames/build.h"

#define SCRATCH_MAX FRAMES_VALUE_MAX
#define TRIES       200 /* operators drawn for a change before one is forced */

struct mutating {
    struct random *random;
    struct fuzz_case *c;
    const struct fuzz_case *other;
    const struct frames_plan *plan;
    struct text scratch;
    int rc;
};

static uint64_t below(struct mutating *m, uint64_t n)
{
    return random_below(m->random, n);
}

static bool ours(uint8_t kind)
{
    return kind == EVENT_FRAME || kind == EVENT_HEADERS || kind == EVENT_BYTES;
}

bool frames_mutable(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (ours(c->events.items[i].kind))
            return true;
    return false;
}

/* A random event of ours, from a random place on; of that kind, 0: any. -1: none. */
static int pick(struct mutating *m, const struct fuzz_case *c, uint8_t kind)
{
    size_t n = c->events.count, start = (size_t)below(m, n);
    for (size_t i = 0; i < n; i++) {
        size_t at = (start + i) % n;
        uint8_t k = c->events.items[at].kind;
        if (kind ? k == kind : ours(k))
            return (int)at;
    }
    return -1;
}

static bool room(const struct mutating *m)
{
    return m->c->events.count < FRAMES_EVENTS_MAX;
}

/* What a function of the case returned: an index, or an error. A limit is none: then things stay as they were. */
static bool worked(struct mutating *m, int rc)
{
    if (rc < 0 && rc != ERROR_LIMIT)
        m->rc = rc;
    return rc >= 0;
}

static bool put_back(struct mutating *m, size_t at)
{
    return worked(m, text_ok(&m->scratch) ? fuzz_case_set_value(m->c, at, text_bytes(&m->scratch)) : ERROR_MEMORY);
}

/* The event's value into the scratch buffer. False: too long to be copied about. */
static bool take_out(struct mutating *m, size_t at)
{
    struct bytes value = fuzz_case_bytes(m->c, m->c->events.items[at].value);
    text_clear(&m->scratch);
    if (value.len > SCRATCH_MAX)
        return false;
    if (value.len > 0)
        text_add(&m->scratch, value.data, value.len);
    return text_ok(&m->scratch);
}

static uint32_t boundary(struct mutating *m)
{
    static const uint32_t values[] = {
        0,     1,     5,     8,        9,         127,        128,      255,        256,        16383,      16384,
        16385, 65535, 65536, 0xffffff, 0x1000000, 0x7ffffffe, 1u << 31, 0x7fffffff, 0xffffffff, 0xfffffffe, 0x80000001};
    return values[below(m, sizeof values / sizeof values[0])];
}

/* Streams the case speaks of, their neighbours, and the ends of the range. */
static uint32_t stream(struct mutating *m)
{
    int at = pick(m, m->c, 0);
    uint32_t near = at < 0 ? 1 : m->c->events.items[at].call;
    switch (below(m, 6)) {
    case 0:
        return 0;
    case 1:
        return near + 2;
    case 2:
        return near + 1;
    case 3:
        return near > 2 ? near - 2 : 1;
    case 4:
        return boundary(m);
    default:
        return near;
    }
}

/* ---- events as a whole ------------------------------------------------------------------------------------------ */

static bool drop(struct mutating *m)
{
    int at = pick(m, m->c, 0);
    if (at < 0 || m->c->events.count < 2)
        return false;
    fuzz_case_remove(m->c, (size_t)at);
    return true;
}

static bool add_copy(struct mutating *m, const struct fuzz_case *from, size_t source, size_t to)
{
    struct fuzz_event e = from->events.items[source];
    struct bytes value = fuzz_case_bytes(from, e.value);
    if (!room(m) || value.len > FRAMES_VALUE_MAX)
        return false;
    /* The bytes may lie in the very buffer that grows. */
    text_clear(&m->scratch);
    if (value.len > 0)
        text_add(&m->scratch, value.data, value.len);
    int rc = text_ok(&m->scratch) ? fuzz_case_insert(m->c, to, &e, BYTES_NONE, text_bytes(&m->scratch)) : ERROR_MEMORY;
    return worked(m, rc);
}

static bool duplicate(struct mutating *m)
{
    int at = pick(m, m->c, 0);
    if (at < 0)
        return false;
    size_t times = below(m, 8) ? 1 : 1 + (size_t)below(m, 12);
    bool did = false;
    for (size_t i = 0; i < times; i++)
        did |= add_copy(m, m->c, (size_t)at, (size_t)at);
    return did;
}

static bool move(struct mutating *m)
{
    int from = pick(m, m->c, 0);
    size_t n = m->c->events.count;
    if (from < 0 || n < 2)
        return false;
    size_t to = (size_t)below(m, n), at = (size_t)from;
    if (to == at)
        return false;
    struct fuzz_event *items = m->c->events.items, e = items[at];
    if (to > at)
        memmove(items + at, items + at + 1, (to - at) * sizeof e);
    else
        memmove(items + to + 1, items + to, (at - to) * sizeof e);
    items[to] = e;
    return true;
}

static bool splice(struct mutating *m)
{
    if (!m->other || m->other == m->c || m->other->events.count == 0)
        return false;
    int from = pick(m, m->other, 0);
    if (from < 0)
        return false;
    size_t to = (size_t)below(m, m->c->events.count + 1), n = 1 + (size_t)below(m, 4);
    bool did = false;
    for (size_t i = 0; i < n && (size_t)from + i < m->other->events.count; i++)
        if (ours(m->other->events.items[(size_t)from + i].kind))
            did |= add_copy(m, m->other, (size_t)from + i, to + i <= m->c->events.count ? to + i : to);
    return did;
}

/* A frame that is well formed, at a place where it may not be. */
static bool insert_frame(struct mutating *m)
{
    static const struct {
        uint8_t type, flags, on_stream, len;
        const char *payload;
    } frames[] = {
        {FRAME_SETTINGS, 0, 0, 0, ""},
        {FRAME_SETTINGS, FRAME_ACK, 0, 0, ""},
        {FRAME_SETTINGS, 0, 0, 6, "\0\4\0\0\0\0"},
        {FRAME_SETTINGS, 0, 0, 6, "\0\4\0\1\0\0"},
        {FRAME_SETTINGS, 0, 0, 6, "\0\1\0\0\0\0"},
        {FRAME_SETTINGS, 0, 0, 6, "\0\1\0\0\x10\0"},
        {FRAME_SETTINGS, 0, 0, 12, "\0\3\0\0\0\0\0\5\0\0\x40\1"},
        {FRAME_PING, 0, 0, 8, "12345678"},
        {FRAME_PING, FRAME_ACK, 0, 8, "still up"},
        {FRAME_RST_STREAM, 0, 1, 4, "\0\0\0\x08"},
        {FRAME_WINDOW_UPDATE, 0, 0, 4, "\0\0\1\0"},
        {FRAME_WINDOW_UPDATE, 0, 1, 4, "\0\0\0\1"},
        {FRAME_WINDOW_UPDATE, 0, 1, 4, "\x7f\xff\0\0"},
        {FRAME_DATA, 0, 1, 0, ""},
        {FRAME_DATA, FRAME_END_STREAM, 1, 0, ""},
        {FRAME_DATA, 0, 1, 5, "\0\0\0\0\0"},
        {FRAME_DATA, FRAME_END_STREAM, 1, 7, "\0\0\0\0\2hi"},
        {FRAME_DATA, FRAME_PADDED, 1, 4, "\3\0\0\0"},
        {FRAME_CONTINUATION, FRAME_END_HEADERS, 1, 0, ""},
        {FRAME_CONTINUATION, 0, 1, 1, "\x83"},
        {FRAME_PRIORITY, 0, 1, 5, "\0\0\0\0\xff"},
        {FRAME_PRIORITY, 0, 1, 5, "\x80\0\0\1\0"},
        {FRAME_GOAWAY, 0, 0, 8, "\0\0\0\0\0\0\0\0"},
        {FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, 5, "\0\0\0\2\x83"},
        {0xbe, 1, 1, 3, "abc"},
    };
    size_t i = (size_t)below(m, sizeof frames / sizeof frames[0]);
    if (!room(m))
        return false;
    struct fuzz_event e = {.kind = EVENT_FRAME,
                           .call = frames[i].on_stream ? stream(m) : 0,
                           .number = (uint64_t)frames[i].type << 8 | frames[i].flags};
    int rc = fuzz_case_insert(m->c, (size_t)below(m, m->c->events.count + 1), &e, BYTES_NONE,
                              BYTES(frames[i].payload, frames[i].len));
    return worked(m, rc);
}

/* The events of a named operator, behind what is there. */
static bool insert_operator(struct mutating *m)
{
    struct fuzz_case made = FUZZ_CASE_INIT;
    struct frames_plan plan;
    if (!m->plan || !room(m))
        return false;
    plan = *m->plan;
    plan.repeat = 1 + (uint32_t)below(m, 40);
    plan.window = 1;
    const struct frame_operator *op = &frame_operators[below(m, frame_operator_count)];
    int rc = frame_operator_build(op, &plan, &made);
    bool did = false;
    size_t to = (size_t)below(m, m->c->events.count + 1);
    for (size_t i = 0; rc == 0 && m->rc == 0 && i < made.events.count; i++) {
        const struct fuzz_event *e = &made.events.items[i];
        if (!bytes_is(fuzz_case_bytes(&made, e->name), op->name) || !ours(e->kind))
            continue;
        if (add_copy(m, &made, i, to)) {
            did = true;
            to++;
        }
    }
    if (rc && rc != ERROR_LIMIT)
        m->rc = rc;
    fuzz_case_deinit(&made);
    return did;
}

static bool insert_event(struct mutating *m, uint8_t kind, const char *name, uint64_t number)
{
    if (!room(m))
        return false;
    struct fuzz_event e = {.kind = kind, .number = number};
    int rc = fuzz_case_insert(m->c, (size_t)below(m, m->c->events.count + 1), &e, bytes_of(name), BYTES_NONE);
    return worked(m, rc);
}

static bool pause(struct mutating *m)
{
    return insert_event(m, EVENT_TIME, "", UINT64_C(1000) << below(m, 24));
}

static bool chunks(struct mutating *m)
{
    return insert_event(m, EVENT_ENVIRONMENT, "chunks", below(m, 1000));
}

/* ---- one event -------------------------------------------------------------------------------------------------- */

static bool change_stream(struct mutating *m)
{
    int at = pick(m, m->c, below(m, 2) ? EVENT_FRAME : EVENT_HEADERS);
    if (at < 0)
        return false;
    m->c->events.items[at].call = stream(m);
    return true;
}

static bool change_type(struct mutating *m)
{
    int at = pick(m, m->c, EVENT_FRAME);
    if (at < 0)
        return false;
    struct fuzz_event *e = &m->c->events.items[at];
    e->number = (e->number & 0xff) | below(m, below(m, 4) ? FRAME_TYPE_COUNT : 256) << 8;
    return true;
}

static bool change_flags(struct mutating *m)
{
    int at = pick(m, m->c, below(m, 2) ? EVENT_FRAME : EVENT_HEADERS);
    if (at < 0)
        return false;
    m->c->events.items[at].number ^= UINT64_C(1) << below(m, 8);
    return true;
}

/* How a header block is padded, cut, and what it depends on. */
static bool change_cut(struct mutating *m)
{
    int at = pick(m, m->c, EVENT_HEADERS);
    if (at < 0)
        return false;
    struct fuzz_event *e = &m->c->events.items[at];
    switch (below(m, 4)) {
    case 0:
        e->number = (e->number & ~UINT64_C(0xff00)) | below(m, 256) << 8 | FRAME_PADDED;
        break;
    case 1:
        e->number = (e->number & ~UINT64_C(0xffff0000)) | (1 + below(m, 40)) << 16;
        break;
    case 2:
        e->number = (e->number & UINT32_MAX) | (uint64_t)stream(m) << 32 | FRAME_WITH_PRIORITY;
        break;
    default:
        e->flags ^= HEADERS_EMPTY_PIECES;
        break;
    }
    return true;
}

static void write_at(struct mutating *m, size_t at, uint32_t value, size_t width)
{
    for (size_t i = 0; i < width && at + i < m->scratch.len; i++)
        m->scratch.data[at + i] = (char)(uint8_t)(value >> (8 * (width - 1 - i)) & 0xff);
}

static void scramble(struct mutating *m)
{
    struct text *t = &m->scratch;
    size_t at = t->len > 0 ? (size_t)below(m, t->len) : 0;
    switch (t->len > 0 ? below(m, 6) : 5) {
    case 0:
        t->data[at] = (char)(t->data[at] ^ (char)(1 << below(m, 8)));
        break;
    case 1:
        write_at(m, at, boundary(m), 4);
        break;
    case 2:
        write_at(m, at & ~(size_t)1, boundary(m), 2);
        break;
    case 3:
        text_truncate(t, at);
        break;
    case 4:
        memmove(t->data + at, t->data + at + 1, t->len - at - 1);
        text_truncate(t, t->len - 1);
        break;
    default:
        for (uint64_t n = 1 + below(m, 12); n > 0; n--)
            text_char(t, (char)(uint8_t)below(m, 256));
        break;
    }
}

static bool change_payload(struct mutating *m)
{
    int at = pick(m, m->c, below(m, 3) ? EVENT_FRAME : EVENT_BYTES);
    if (at < 0 || !take_out(m, (size_t)at))
        return false;
    scramble(m);
    return put_back(m, (size_t)at);
}

/* The frame becomes bytes, whose head says another length. */
static bool lie_about_length(struct mutating *m)
{
    int at = pick(m, m->c, EVENT_FRAME);
    if (at < 0)
        return false;
    struct fuzz_event *e = &m->c->events.items[at];
    struct bytes value = fuzz_case_bytes(m->c, e->value);
    if (value.len > FRAMES_VALUE_MAX)
        return false;
    uint32_t length = (uint32_t)value.len;
    length = below(m, 2) ? length + 1 + (uint32_t)below(m, 12) : below(m, 2) && length > 0 ? length - 1 : boundary(m);
    text_clear(&m->scratch);
    frame_put_head(&m->scratch, length, (uint8_t)(e->number >> 8 & 0xff), (uint8_t)(e->number & 0xff), e->call);
    if (value.len > 0)
        text_add(&m->scratch, value.data, value.len);
    e->kind = EVENT_BYTES;
    e->number = e->call = 0;
    return put_back(m, (size_t)at);
}

/* The frame becomes bytes in two parts, with time, or another frame later on, in between. */
static bool cut(struct mutating *m)
{
    int at = pick(m, m->c, below(m, 3) ? EVENT_FRAME : EVENT_BYTES);
    if (at < 0 || !room(m))
        return false;
    struct fuzz_event e = m->c->events.items[at];
    if (e.value.len > FRAMES_VALUE_MAX || !take_out(m, (size_t)at))
        return false;
    if (e.kind == EVENT_FRAME) {
        struct bytes value = fuzz_case_bytes(m->c, e.value);
        text_clear(&m->scratch);
        frame_put(&m->scratch, (uint8_t)(e.number >> 8 & 0xff), (uint8_t)(e.number & 0xff), e.call, value);
    }
    if (!text_ok(&m->scratch)) {
        m->rc = ERROR_MEMORY;
        return false;
    }
    if (m->scratch.len < 2)
        return false;
    size_t half = 1 + (size_t)below(m, m->scratch.len - 1);
    struct fuzz_event bytes = {.kind = EVENT_BYTES};
    m->c->events.items[at].kind = EVENT_BYTES;
    m->c->events.items[at].number = m->c->events.items[at].call = 0;
    if (!worked(m, fuzz_case_set_value(m->c, (size_t)at, BYTES(m->scratch.data, half))))
        return false;
    int rc = fuzz_case_insert(m->c, (size_t)at + 1, &bytes, BYTES_NONE,
                              BYTES(m->scratch.data + half, m->scratch.len - half));
    if (worked(m, rc) && below(m, 2) && room(m)) {
        struct fuzz_event time = {.kind = EVENT_TIME, .number = FRAMES_PAUSE};
        rc = fuzz_case_insert(m->c, (size_t)at + 1, &time, BYTES_NONE, BYTES_NONE);
        (void)worked(m, rc);
    }
    return true;
}

/* ---- lines of a header block ------------------------------------------------------------------------------------ */

static const char *const lines[] = {
    "!mode incremental\n",
    "!mode without\n",
    "!mode never\n",
    "!mode auto\n",
    "!huffman on\n",
    "!resize 0\n",
    "!resize 4096\n",
    "!resize 100\n",
    "!index 62\n",
    "!index 61\n",
    "!index 2\n",
    "!hex 80\n",
    "!repeat 20 x-many: 1\n",
    "!repeat 200 x-large: 0123456789012345678901234567890123456789\n",
    ":method: GET\n",
    ":method: POST\n",
    ":path: /\n",
    ":path: /no.Such/Method\n",
    ":scheme: https\n",
    ":authority: other\n",
    ":status: 200\n",
    "content-length: 0\n",
    "content-length: 5\n",
    "content-length: 99999999999999999999\n",
    "content-type: application/grpc\n",
    "content-type: application/grpc+json\n",
    "te: trailers\n",
    "te: gzip\n",
    "connection: close\n",
    "grpc-timeout: 1n\n",
    "grpc-timeout: 99999999H\n",
    "grpc-encoding: gzip\n",
    "grpc-accept-encoding: gzip,identity\n",
    "x-bin: AAEC\n",
    "x-raw-bin: !!\n",
    "Upper: 1\n",
    "x-empty:\n",
    "cookie: a=b\n",
    "expect: 100-continue\n",
};

static bool change_lines(struct mutating *m)
{
    int at = pick(m, m->c, EVENT_HEADERS);
    if (at < 0 || !take_out(m, (size_t)at))
        return false;
    struct text *t = &m->scratch;
    /* A random line: from behind a line feed to behind the next. */
    size_t from = t->len > 0 ? (size_t)below(m, t->len) : 0;
    while (from > 0 && t->data[from - 1] != '\n')
        from--;
    size_t to = from;
    while (to < t->len && t->data[to] != '\n')
        to++;
    to += to < t->len;
    const char *extra = NULL;
    char bad[64];
    switch (below(m, 6)) {
    case 0: /* without it */
        if (to == from)
            break;
        memmove(t->data + from, t->data + to, t->len - to);
        text_truncate(t, t->len - (to - from));
        break;
    case 1: /* twice */
        if (to > from && to - from < 1024) {
            char copy[1024];
            memcpy(copy, t->data + from, to - from);
            text_add(t, copy, to - from);
        }
        break;
    case 2: { /* what no decoder takes */
        const char *name = block_defects[below(m, block_defect_count)].name;
        size_t len = strlen(name);
        memcpy(bad, "!bad ", 5);
        memcpy(bad + 5, name, len);
        bad[5 + len] = '\n';
        bad[6 + len] = '\0';
        extra = bad;
        break;
    }
    case 3: /* a letter of it */
        if (t->len > 0)
            t->data[below(m, t->len)] ^= (char)(1 << below(m, 8));
        break;
    default:
        extra = lines[below(m, sizeof lines / sizeof lines[0])];
        break;
    }
    if (extra) {
        size_t len = strlen(extra), rest = t->len - from;
        if (!text_reserve(t, len)) {
            m->rc = ERROR_MEMORY;
            return false;
        }
        text_add(t, extra, len);
        memmove(t->data + from + len, t->data + from, rest);
        memcpy(t->data + from, extra, len);
    }
    return put_back(m, (size_t)at);
}

/* ---- drawing one ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool (*apply)(struct mutating *m);
} mutators[] = {
    {"frame-drop", drop},
    {"frame-duplicate", duplicate},
    {"frame-move", move},
    {"frame-splice", splice},
    {"frame-insert", insert_frame},
    {"frame-insert", insert_frame},
    {"frame-operator", insert_operator},
    {"frame-operator", insert_operator},
    {"frame-stream", change_stream},
    {"frame-type", change_type},
    {"frame-flags", change_flags},
    {"frame-cut-block", change_cut},
    {"frame-payload", change_payload},
    {"frame-payload", change_payload},
    {"frame-length-lie", lie_about_length},
    {"frame-cut", cut},
    {"frame-fields", change_lines},
    {"frame-fields", change_lines},
    {"frame-pause", pause},
    {"frame-chunks", chunks},
};

static void forget_names(struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (ours(c->events.items[i].kind))
            c->events.items[i].name = (struct fuzz_span){0, 0};
}

const char *frames_mutate(struct random *r, struct fuzz_case *c, const struct fuzz_case *other,
                          const struct frames_plan *plan)
{
    struct mutating m = {.random = r, .c = c, .other = other, .plan = plan};
    const char *did = NULL;
    forget_names(c);
    for (int tries = 0; tries < TRIES && !did && m.rc == 0 && c->events.count > 0; tries++) {
        size_t i = (size_t)below(&m, sizeof mutators / sizeof mutators[0]);
        if (mutators[i].apply(&m))
            did = mutators[i].name;
    }
    if (!did && m.rc == 0 && !room(&m)) { /* full of events of other kinds */
        fuzz_case_remove(c, (size_t)below(&m, c->events.count));
        did = "frame-drop";
    } else if (!did && m.rc == 0) {
        (void)insert_frame(&m);
        did = "frame-insert";
    }
    text_deinit(&m.scratch);
    return m.rc ? NULL : did;
}
