/* Numbers of what a trace shows, for coverage without counters in the system. A number says what it is of by its hash,
 * so that the same trace gives the same ones in every process. */
#include "base/hash.h"
#include "fuzz/sequence/check.h"

#include "fuzz/cover/cover.h"
#include "fuzz/sequence/wire.h"

#include <string.h>

#define FEATURE_DEPTH_MAX  4
#define FEATURE_FIELDS_MAX 64 /* of one reply */

enum feature_sort { FEATURE_STATUS = 1, FEATURE_BEHIND, FEATURE_SHAPE, FEATURE_FIELD, FEATURE_ENUM, FEATURE_REPLIES };

static uint64_t mix(uint64_t h, uint64_t value)
{
    h ^= value + UINT64_C(0x9E3779B97F4A7C15) + (h << 6) + (h >> 2);
    h *= UINT64_C(0xFF51AFD7ED558CCD); /* the finaliser of MurmurHash3 */
    return h ^ h >> 33;
}

static uint64_t text_hash(const char *s)
{
    return hash_add(HASH_START, bytes_of(s));
}

struct reading {
    void (*feature)(void *arg, uint64_t number);
    void *arg;
    uint64_t method, shape;
    size_t left;
};

static void emit(const struct reading *r, enum feature_sort sort, uint64_t a, uint64_t b)
{
    r->feature(r->arg, mix(mix(mix(r->method, sort), a), b));
}

/* How many, in classes: 0, 1, 2, 3, 4 to 7, 8 and more. */
static uint64_t many(uint64_t n)
{
    return n < 4 ? n : n < 8 ? 4 : 5;
}

static void read_fields(struct reading *r, const struct pb_type *type, struct bytes message, uint64_t path, int depth)
{
    struct wire_item item;
    while (r->left > 0 && wire_next(&message, &item)) {
        const struct pb_field *f = pb_field_by_number(type, item.number);
        uint64_t here = mix(path, item.number), state = 0;
        if (f == NULL)
            continue;
        r->left--;
        /* Which fields are there, whatever their order and number: an exclusive or would lose pairs. */
        r->shape |= UINT64_C(1) << (here & 63);
        emit(r, FEATURE_FIELD, here, 0);
        if (f->kind == PB_ENUM && item.type == WIRE_VARINT && pb_varint_read(item.value, &state) > 0)
            emit(r, FEATURE_ENUM, here, state);
        else if (f->kind == PB_BOOL && item.type == WIRE_VARINT && pb_varint_read(item.value, &state) > 0)
            emit(r, FEATURE_ENUM, here, state != 0);
        else if (f->kind == PB_MESSAGE && item.type == WIRE_BYTES && depth < FEATURE_DEPTH_MAX)
            read_fields(r, f->message, item.value, here, depth + 1);
    }
}

void sequence_features(const struct fuzz_trace *t, void (*feature)(void *arg, uint64_t number), void *arg)
{
    uint64_t before = 0;
    for (size_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *c = &t->calls.items[i];
        if (c->method == NULL)
            continue;
        struct reading r = {.feature = feature, .arg = arg, .method = text_hash(c->method->path)};
        uint64_t who = (uint64_t)c->without_token << 1 | c->other_tenant;
        emit(&r, FEATURE_STATUS, (uint64_t)(int64_t)c->status, who);
        if (before != 0)
            emit(&r, FEATURE_BEHIND, before, (uint64_t)(int64_t)c->status);
        before = mix(r.method, (uint64_t)(int64_t)c->status);
        uint64_t replies = 0;
        for (size_t k = 0; k < t->replies.count; k++) {
            if (t->replies.items[k].call != i)
                continue;
            replies++;
            r.shape = 0;
            r.left = FEATURE_FIELDS_MAX;
            read_fields(&r, c->method->output, fuzz_trace_bytes(t, t->replies.items[k].body), 0, 0);
            emit(&r, FEATURE_SHAPE, r.shape, 0);
        }
        emit(&r, FEATURE_REPLIES, many(replies), 0);
    }
}

static void to_cover(void *arg, uint64_t number)
{
    (void)cover_feature(arg, number); /* a run with too many of them is known by those that count */
}

void sequence_features_to_cover(const struct fuzz_trace *t, struct cover *cover)
{
    sequence_features(t, to_cover, cover);
}
