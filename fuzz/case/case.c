#include "fuzz/case/case.h"

#include "fuzz/message/put.h"

#define EVENTS_RESERVED 16   /* events a case has room for once it has any: most cases fit */
#define METHOD_PATH_MAX 4200 /* bytes with the NUL: a pool's full names have at most 2,048 */

const char *fuzz_event_kind_name(unsigned kind)
{
    static const char *const names[] = {NULL,     "call",  "metadata", "link",       "message", "half-close",
                                        "cancel", "await", "connect",  "frame",      "headers", "bytes",
                                        "http",   "time",  "fault",    "environment"};
    _Static_assert(sizeof names / sizeof names[0] == EVENT_KIND_COUNT, "a name for every kind of event");
    return kind < EVENT_KIND_COUNT ? names[kind] : NULL;
}

const char *fuzz_lane_name(enum fuzz_lane lane)
{
    static const char *const names[] = {"valid", "near-valid", "garbage"};
    _Static_assert(sizeof names / sizeof names[0] == LANE_COUNT, "a name for every lane");
    return names[lane];
}

void fuzz_case_deinit(struct fuzz_case *c)
{
    array_deinit(&c->events);
    text_deinit(&c->data);
}

void fuzz_case_clear(struct fuzz_case *c)
{
    array_clear(&c->events);
    text_clear(&c->data);
}

int fuzz_case_copy(struct fuzz_case *to, const struct fuzz_case *from)
{
    fuzz_case_clear(to);
    if (from->data.failed || !text_reserve(&to->data, from->data.len) ||
        !array_reserve(&to->events, from->events.count)) {
        fuzz_case_clear(to);
        return ERROR_MEMORY;
    }
    fuzz_put(&to->data, from->data.data, from->data.len);
    if (from->events.count > 0)
        memcpy(to->events.items, from->events.items, from->events.count * sizeof *to->events.items);
    to->events.count = from->events.count;
    return 0;
}

size_t fuzz_case_size(const struct fuzz_case *c)
{
    size_t sum = 0;
    for (size_t i = 0; i < c->events.count; i++)
        sum += (size_t)c->events.items[i].name.len + c->events.items[i].value.len;
    return sum;
}

/* ---- tidying ---- */

struct piece {
    uint32_t at;
    uint16_t event;
    bool is_value;
};

/* Shell's sort (1959) with Ciura's gaps (2001): nothing to allocate, and fast on what is nearly in order. */
static void sort_pieces(struct piece *pieces, size_t count)
{
    static const size_t gaps[] = {301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
        for (size_t i = gaps[g]; i < count; i++) {
            struct piece p = pieces[i];
            size_t to = i;
            for (; to >= gaps[g] && pieces[to - gaps[g]].at > p.at; to -= gaps[g])
                pieces[to] = pieces[to - gaps[g]];
            pieces[to] = p;
        }
}

int fuzz_case_tidy(struct fuzz_case *c)
{
    struct piece pieces[2 * FUZZ_CASE_EVENTS_MAX];
    size_t count = 0;
    if (c->data.failed)
        return ERROR_MEMORY;
    if (c->events.count > FUZZ_CASE_EVENTS_MAX)
        return ERROR_LIMIT;
    for (size_t i = 0; i < c->events.count; i++) {
        struct fuzz_event *e = &c->events.items[i];
        if (e->name.len > 0)
            pieces[count++] = (struct piece){e->name.at, (uint16_t)i, false};
        else
            e->name.at = 0;
        if (e->value.len > 0)
            pieces[count++] = (struct piece){e->value.at, (uint16_t)i, true};
        else
            e->value.at = 0;
    }
    sort_pieces(pieces, count);
    /* What overlaps moves as one run: [from, from_end) of the old bytes now stands at `to`. */
    uint32_t from = 0, from_end = 0, to = 0, end = 0;
    for (size_t i = 0; i < count; i++) {
        struct fuzz_event *e = &c->events.items[pieces[i].event];
        struct fuzz_span *s = pieces[i].is_value ? &e->value : &e->name;
        uint32_t at = s->at, fresh = at >= from_end ? at : from_end;
        if (at >= from_end) {
            from = at;
            to = end;
        }
        if (at + s->len > fresh) {
            memmove(c->data.data + end, c->data.data + fresh, at + s->len - fresh);
            end += at + s->len - fresh;
            from_end = at + s->len;
        }
        s->at = to + (at - from);
    }
    text_truncate(&c->data, end);
    return 0;
}

/* ---- comparing ---- */

static bool is_same_event(const struct fuzz_event *x, const struct fuzz_event *y)
{
    return x->kind == y->kind && x->lane == y->lane && x->flags == y->flags && x->call == y->call &&
           x->number == y->number;
}

bool fuzz_case_equal(const struct fuzz_case *a, const struct fuzz_case *b)
{
    if (a->events.count != b->events.count)
        return false;
    for (size_t i = 0; i < a->events.count; i++) {
        const struct fuzz_event *x = &a->events.items[i], *y = &b->events.items[i];
        if (!is_same_event(x, y) || !bytes_equal(fuzz_case_bytes(a, x->name), fuzz_case_bytes(b, y->name)) ||
            !bytes_equal(fuzz_case_bytes(a, x->value), fuzz_case_bytes(b, y->value)))
            return false;
    }
    return true;
}

/* Both halves of a product of 64 bits, folded: every bit of either factor moves about half of the result's. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define HASH_1 UINT64_C(0x9E3779B97F4A7C15) /* odd numbers without a pattern */
#define HASH_2 UINT64_C(0xD1B54A32D192ED03)
#define HASH_3 UINT64_C(0x8CB92BA72F3D8DD7)

/* Little-endian on every machine: a hash may be a file's name. */
static uint64_t load(const uint8_t *at)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

static uint64_t hash_bytes(uint64_t h, struct bytes b)
{
    h = fold(h ^ b.len ^ HASH_3, HASH_1);
    if (b.len == 0)
        return h;
    const uint8_t *at = b.data, *end = at + b.len;
    for (; end - at >= 16; at += 16)
        h = fold(h ^ load(at) ^ HASH_1, load(at + 8) ^ HASH_2);
    if (at < end) {
        uint8_t rest[16] = {0};
        memcpy(rest, at, (size_t)(end - at));
        h = fold(h ^ load(rest) ^ HASH_2, load(rest + 8) ^ HASH_3);
    }
    return h;
}

uint64_t fuzz_case_hash(const struct fuzz_case *c)
{
    uint64_t h = fold(c->events.count ^ HASH_1, HASH_2);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        uint64_t head = (uint64_t)e->kind | (uint64_t)e->lane << 8 | (uint64_t)e->flags << 16 | (uint64_t)e->call << 32;
        h = fold(h ^ head ^ HASH_1, e->number ^ HASH_2);
        h = hash_bytes(h, fuzz_case_bytes(c, e->name));
        h = hash_bytes(h, fuzz_case_bytes(c, e->value));
    }
    return h;
}

/* ---- building ---- */

/* Room for `extra` more bytes within the limit, by dropping what nobody refers to when that is what is needed. Memory
 * comes first: once something moved nothing fails any more. */
static int make_room(struct fuzz_case *c, size_t extra)
{
    bool full = c->data.len + extra > FUZZ_CASE_BYTES_MAX;
    if (full && fuzz_case_size(c) + extra > FUZZ_CASE_BYTES_MAX)
        return ERROR_LIMIT;
    if (!text_reserve(&c->data, extra))
        return ERROR_MEMORY;
    return full ? fuzz_case_tidy(c) : 0;
}

static bool is_own(const struct fuzz_case *c, struct bytes b)
{
    return b.len > 0 && c->data.data && (uintptr_t)b.data >= (uintptr_t)c->data.data &&
           (uintptr_t)b.data < (uintptr_t)c->data.data + c->data.capacity;
}

/* The bytes copied to the end of the data. Bytes of the case itself would be lost when its memory moves or is tidied,
 * so they take the way over their offset; tidying, which moves them, is done only when they are in nobody's way. */
static int keep(struct fuzz_case *c, struct bytes name, struct bytes value, struct fuzz_span *name_at,
                struct fuzz_span *value_at)
{
    size_t extra = name.len + value.len;
    bool name_own = is_own(c, name), value_own = is_own(c, value);
    size_t name_offset = name_own ? (size_t)(name.data - (const uint8_t *)c->data.data) : 0;
    size_t value_offset = value_own ? (size_t)(value.data - (const uint8_t *)c->data.data) : 0;
    if (name.len > FUZZ_CASE_BYTES_MAX || value.len > FUZZ_CASE_BYTES_MAX)
        return ERROR_LIMIT;
    if ((name_own || value_own) && c->data.len + extra > FUZZ_CASE_BYTES_MAX)
        return ERROR_LIMIT;
    int rc = make_room(c, extra);
    if (rc)
        return rc;
    const uint8_t *base = (const uint8_t *)c->data.data;
    *name_at = (struct fuzz_span){(uint32_t)c->data.len, (uint32_t)name.len};
    fuzz_put(&c->data, name_own ? base + name_offset : name.data, name.len);
    *value_at = (struct fuzz_span){(uint32_t)c->data.len, (uint32_t)value.len};
    fuzz_put(&c->data, value_own ? base + value_offset : value.data, value.len);
    return 0;
}

int fuzz_case_insert(struct fuzz_case *c, size_t at, const struct fuzz_event *e, struct bytes name, struct bytes value)
{
    struct fuzz_event copy = *e;
    if (at > c->events.count)
        return ERROR_INVALID;
    if (c->events.count >= FUZZ_CASE_EVENTS_MAX)
        return ERROR_LIMIT;
    /* An unknown kind's parts are unknown: all it has is what the file said, which is its value. */
    if (!fuzz_event_kind_name(copy.kind)) {
        copy = (struct fuzz_event){.kind = copy.kind};
        name = BYTES_NONE;
    }
    if (!array_reserve(&c->events, c->events.count < EVENTS_RESERVED ? EVENTS_RESERVED : c->events.count + 1))
        return ERROR_MEMORY;
    int rc = keep(c, name, value, &copy.name, &copy.value);
    if (rc)
        return rc;
    struct fuzz_event *to = c->events.items + at;
    memmove(to + 1, to, (c->events.count - at) * sizeof *to);
    *to = copy;
    c->events.count++;
    return (int)at;
}

int fuzz_case_add(struct fuzz_case *c, const struct fuzz_event *e, struct bytes name, struct bytes value)
{
    return fuzz_case_insert(c, c->events.count, e, name, value);
}

void fuzz_case_remove(struct fuzz_case *c, size_t at)
{
    if (at < c->events.count)
        array_remove(&c->events, at);
}

int fuzz_case_set_value(struct fuzz_case *c, size_t at, struct bytes value)
{
    struct fuzz_span none, span;
    if (at >= c->events.count)
        return ERROR_INVALID;
    struct fuzz_span old = c->events.items[at].value;
    c->events.items[at].value.len = 0; /* what is being replaced does not count */
    int rc = keep(c, BYTES_NONE, value, &none, &span);
    c->events.items[at].value = rc ? old : span;
    return rc ? rc : (int)at;
}

int fuzz_case_set_name(struct fuzz_case *c, size_t at, struct bytes name)
{
    struct fuzz_span none, span;
    if (at >= c->events.count)
        return ERROR_INVALID;
    struct fuzz_span old = c->events.items[at].name;
    c->events.items[at].name.len = 0;
    int rc = keep(c, name, BYTES_NONE, &span, &none);
    c->events.items[at].name = rc ? old : span;
    return rc ? rc : (int)at;
}

/* ---- what a case calls ---- */

size_t fuzz_case_calls(const struct fuzz_case *c)
{
    size_t calls = 0;
    for (size_t i = 0; i < c->events.count; i++)
        calls += c->events.items[i].kind == EVENT_CALL;
    return calls;
}

const struct pb_method *fuzz_case_method(const struct fuzz_case *c, uint32_t call, const struct pb_pool *pool)
{
    char path[METHOD_PATH_MAX];
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind != EVENT_CALL || call-- > 0)
            continue;
        struct bytes name = fuzz_case_bytes(c, e->name);
        if (name.len == 0 || name.len >= sizeof path || memchr(name.data, 0, name.len))
            return NULL;
        memcpy(path, name.data, name.len);
        path[name.len] = '\0';
        return pb_find_method(pool, path, false);
    }
    return NULL;
}
