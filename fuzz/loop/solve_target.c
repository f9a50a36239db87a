#include "fuzz/loop/solve_target.h"

#include "proto/set.h"
#include "proto/store/store.pb-c.h"

#include <string.h>
#include <zlib.h>

uint8_t solve_edges[SOLVE_EDGES];

static int setup(void **state, const struct pb_pool **pool, struct error *err)
{
    struct pb_pool *made;
    int rc = pb_pool_new(proto_set(), "set", &made, err);
    *pool = *state = rc == 0 ? made : NULL;
    return rc;
}

static void teardown(void *state)
{
    pb_pool_free(state);
}

static bool is_magic(const Store__Record *r)
{
    return r->expiry == 0x1234567890abcd;
}

static bool is_text(const Store__Record *r)
{
    return strcmp(r->key, "open sesame") == 0;
}

/* A block with a header of its own: a word, then a number, big-endian. */
static bool is_block(const Store__Record *r)
{
    return r->value.len >= 10 && memcmp(r->value.data, "HDR!", 4) == 0;
}

static bool is_number(const Store__Record *r)
{
    return ((unsigned)r->value.data[4] << 8 | r->value.data[5]) == 0x0b0e;
}

static bool is_length(const Store__Record *r)
{
    return r->value.len > 8 && r->revision == r->value.len;
}

static bool is_checksum(const Store__Record *r)
{
    return r->value.len > 8 && r->revision == crc32_z(0, r->value.data, r->value.len);
}

static bool is_limit(const Store__WriteOptions *o)
{
    return o && o->if_revision > 0x7000000000000 && o->if_revision < 0x7000000000100;
}

static Store__WriteRequest *unpack(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE) {
            struct bytes b = fuzz_case_bytes(c, c->events.items[i].value);
            return store__write_request__unpack(NULL, b.len, b.data);
        }
    return NULL;
}

/* As many gates as there are, one behind the other. */
static void pass(const struct fuzz_case *c, bool (*const *gates)(const Store__Record *r), size_t count)
{
    Store__WriteRequest *w = unpack(c);
    size_t edge = 0;
    if (w && w->record) {
        solve_edges[edge++]++;
        while (edge <= count && gates[edge - 1](w->record))
            solve_edges[edge++]++;
        if (edge == count + 1 && count > 1 && is_limit(w->options))
            solve_edges[edge]++;
    }
    if (w)
        store__write_request__free_unpacked(w, NULL);
}

#define GATE(gate)                                                                                                     \
    static void run_##gate(void *state, const struct fuzz_case *c, struct fuzz_trace *t)                               \
    {                                                                                                                  \
        static bool (*const gates[])(const Store__Record *r) = {is_##gate};                                            \
        (void)state, (void)t;                                                                                          \
        pass(c, gates, 1);                                                                                             \
    }                                                                                                                  \
    const struct fuzz_target solve_##gate = {                                                                          \
        .name = #gate, .path = SOLVE_PATH, .setup = setup, .teardown = teardown, .run = run_##gate};
GATE(magic)
GATE(text)
GATE(block)
GATE(length)
GATE(checksum)

static void run_layers(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    static bool (*const gates[])(const Store__Record *r) = {is_magic, is_text, is_block, is_number, is_checksum};
    (void)state, (void)t;
    pass(c, gates, 5);
}
const struct fuzz_target solve_layers = {
    .name = "layers", .path = SOLVE_PATH, .setup = setup, .teardown = teardown, .run = run_layers};

/* Behind a checksum there are ways to go that change what it is of. */
static void run_behind(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    Store__WriteRequest *w = unpack(c);
    (void)state, (void)t;
    solve_edges[0]++;
    if (w && w->record && is_checksum(w->record))
        for (size_t i = 0; i < 8; i++)
            if (w->record->value.data[i] % 4 == 3)
                solve_edges[1 + i]++;
    if (w)
        store__write_request__free_unpacked(w, NULL);
}
const struct fuzz_target solve_behind = {
    .name = "behind", .path = SOLVE_PATH, .setup = setup, .teardown = teardown, .run = run_behind};

static void run_raw(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct bytes b = c->events.count ? fuzz_case_bytes(c, c->events.items[0].value) : BYTES_NONE;
    uint32_t word = 0;
    (void)state, (void)t;
    if (b.len < 12)
        return;
    solve_edges[0]++;
    memcpy(&word, b.data + 4, 4);
    if (word != 0xfeedbeef)
        return;
    solve_edges[1]++;
    if (memcmp(b.data + 8, "tail", 4) == 0)
        solve_edges[2]++;
}
const struct fuzz_target solve_raw = {.name = "raw", .run = run_raw};
