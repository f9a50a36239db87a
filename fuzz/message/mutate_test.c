/* Mutants of the lane VALID are valid whatever they were made of, differ from it, and keep within their limits; those
 * of NEAR_VALID carry the defect they are named after; GARBAGE is any bytes at all.
 *
 * usage: fuzz_mutate_test [number of valid mutations, 6000] */
#include "base/test.h"

#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate.h"
#include "fuzz/message/wire_tree.h"
#include "proto/set.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX ((size_t)8 << 10)
#define TYPES_MAX  512

static uint64_t valid_mutations = 6000;
static struct pb_pool *pools[2];
static const struct pb_type *types[TYPES_MAX];
static size_t type_count, odd_types; /* the test set's stand first */

static int load(void **state)
{
    (void)state;
    assert_int_equal(pb_pool_new(proto_set(), "set", &pools[0], NULL), 0);
    assert_int_equal(pb_pool_new(test_set(), "test set", &pools[1], NULL), 0);
    for (size_t p = 2; p-- > 0; odd_types = odd_types ? odd_types : type_count)
        for (size_t i = 0; i < pb_type_count(pools[p]); i++)
            if (!pb_type_at(pools[p], i)->map_entry) {
                assert_true(type_count < TYPES_MAX);
                types[type_count++] = pb_type_at(pools[p], i);
            }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pools[0]);
    pb_pool_free(pools[1]);
    return 0;
}

static const struct pb_type *any_type(struct random *r)
{
    return types[random_below(r, random_below(r, 2) ? odd_types : type_count)];
}

static const struct pb_type *type_named(const char *name)
{
    const struct pb_type *t = pb_find_type(pools[1], name);
    assert_non_null(t);
    return t;
}

static void check_valid(const struct pb_type *t, struct bytes message, const char *what)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *m = NULL;
    if (pb_unpack(t->descriptor, message, &arena, &m, &err) != 0)
        fail_msg("%s is refused after %s: %s", t->full_name, what, err.message);
    arena_deinit(&arena);
}

/* Chains of mutations, each of the result of the one before, so that what they build up is mutated too. */
static void test_valid(void **state)
{
    (void)state;
    struct random r;
    struct text texts[2] = {TEXT_INIT, TEXT_INIT}, other = TEXT_INIT, scratch = TEXT_INIT;
    uint64_t same = 0, deepest = 0;
    random_seed(&r, 1);
    const struct pb_type *t = NULL;
    for (uint64_t n = 0; n < valid_mutations; n++) {
        struct text *in = &texts[n & 1], *out = &texts[~n & 1];
        struct mutated did;
        if (t == NULL || random_below(&r, 32) == 0) {
            t = any_type(&r);
            text_clear(in);
            if (random_below(&r, 8))
                fuzz_generate_small(&r, t, FUZZ_DEPTH_MAX, 3000, false, in);
            text_clear(&other);
            fuzz_generate_small(&r, t, FUZZ_DEPTH_MAX, 3000, false, &other);
        }
        struct mutation m = {.type = t,
                             .input = text_bytes(in),
                             .other = text_bytes(&other),
                             .other_type = t,
                             .max = random_below(&r, 8) ? LENGTH_MAX : (size_t)random_below(&r, 64),
                             .scratch = &scratch};
        text_clear(out);
        assert_int_equal(fuzz_mutate_message(&r, &m, LANE_VALID, out, &did), 0);
        assert_int_equal(did.lane, LANE_VALID);
        assert_non_null(did.what);
        if (out->len > m.max)
            fail_msg("%zu bytes of %zu after %s", out->len, m.max, did.what);
        check_valid(t, text_bytes(out), did.what);
        if (bytes_equal(text_bytes(out), m.input) && t->field_count > 0 && m.max > 16)
            fail_msg("%s is the same after %s", t->full_name, did.what);
        same += t->field_count > 0 && bytes_equal(text_bytes(out), m.input);
        struct wire_node nodes[WIRE_TREE_NODES];
        struct wire_tree tree;
        wire_tree_read(&tree, nodes, WIRE_TREE_NODES, t, text_bytes(out), 0);
        unsigned height = wire_tree_height(&tree, 0);
        deepest = height > deepest ? height : deepest;
    }
    assert_true(same < valid_mutations / 10);
    assert_true(deepest > 6);
    for (size_t i = 0; i < 2; i++)
        text_deinit(&texts[i]);
    text_deinit(&other);
    text_deinit(&scratch);
}

/* Every operator does something on types that have what it works on. */
static void test_operators(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "field-add",       "field-remove",  "element-duplicate", "element-swap",  "element-move",  "field-clear",
        "message-clear",   "message-fresh", "message-nest",      "value-copy",    "oneof-switch",  "crossover",
        "number-boundary", "number-delta",  "number-bit",        "number-negate", "number-random", "number-scale",
        "number-flip",     "enum-known",    "enum-unknown",      "text-insert",   "text-token",    "text-delete",
        "text-cut",        "text-repeat",   "text-char",         "text-bit",      "text-number",   "text-long",
        "text-empty",      "text-parts",    "text-json",         "packed-remove", "packed-repeat", "packed-insert",
    };
    uint64_t seen[sizeof expected / sizeof expected[0]] = {0};
    static const char *const names[] = {"test.all.Everything", "test.all.Tree", "test.shared.Place", "test.all.Choice",
                                        "test.all.Lists"};
    struct random r;
    random_seed(&r, 2);
    struct text in = TEXT_INIT, other = TEXT_INIT, out = TEXT_INIT;
    for (int n = 0; n < 4000; n++) {
        const struct pb_type *t = type_named(names[n % 5]);
        struct mutated did;
        if (n % 50 < 5) {
            text_clear(&in);
            text_clear(&other);
            fuzz_generate_small(&r, t, 3, 2000, false, &in);
            fuzz_generate_small(&r, t, 3, 2000, false, &other);
        }
        struct mutation m = {
            .type = t, .input = text_bytes(&in), .other = text_bytes(&other), .other_type = t, .max = LENGTH_MAX};
        text_clear(&out);
        assert_int_equal(fuzz_mutate_message(&r, &m, LANE_VALID, &out, &did), 0);
        size_t i = 0;
        while (i < sizeof expected / sizeof expected[0] && strcmp(expected[i], did.what) != 0)
            i++;
        if (i < sizeof expected / sizeof expected[0])
            seen[i]++;
        else if (strcmp(did.what, "cut") != 0 && strcmp(did.what, "text-fresh") != 0)
            fail_msg("%s is no operator that is known here", did.what);
    }
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (seen[i] == 0)
            fail_msg("%s was never applied", expected[i]);
    text_deinit(&in);
    text_deinit(&other);
    text_deinit(&out);
}

/* Whatever comes in: what the lane VALID gives out is valid. */
static void test_mending(void **state)
{
    (void)state;
    struct random r;
    struct text in = TEXT_INIT, broken = TEXT_INIT, out = TEXT_INIT;
    int mended = 0;
    random_seed(&r, 3);
    for (int n = 0; n < 2500; n++) {
        const struct pb_type *t = any_type(&r);
        struct mutated did;
        text_clear(&in);
        text_clear(&broken);
        text_clear(&out);
        fuzz_generate_small(&r, t, 4, 2000, false, &in);
        struct mutation m = {.type = t, .input = text_bytes(&in), .max = LENGTH_MAX};
        assert_int_equal(fuzz_mutate_message(&r, &m, n % 2 ? LANE_GARBAGE : LANE_NEAR_VALID, &broken, &did), 0);
        m.input = text_bytes(&broken);
        mended += pb_scan(t->descriptor, m.input, NULL) != 0;
        assert_int_equal(fuzz_mutate_message(&r, &m, LANE_VALID, &out, &did), 0);
        check_valid(t, text_bytes(&out), did.what);
    }
    assert_true(mended > 1500);
    text_deinit(&in);
    text_deinit(&broken);
    text_deinit(&out);
}

static void test_near_valid(void **state)
{
    (void)state;
    struct random r;
    struct text in = TEXT_INIT, out = TEXT_INIT;
    random_seed(&r, 4);
    for (int n = 0; n < 4000; n++) {
        const struct pb_type *t = any_type(&r);
        struct mutated did;
        text_clear(&in);
        text_clear(&out);
        fuzz_generate_small(&r, t, 4, 2000, false, &in);
        struct mutation m = {.type = t, .input = text_bytes(&in), .max = n % 8 ? LENGTH_MAX * 8 : 8};
        assert_int_equal(fuzz_mutate_message(&r, &m, LANE_NEAR_VALID, &out, &did), 0);
        assert_true(out.len <= m.max);
        const struct defect *d = defect_find(did.what);
        if (d == NULL)
            fail_msg("%s is no defect", did.what);
        else if (d->decoders == DECODERS_REFUSE && pb_scan(t->descriptor, text_bytes(&out), NULL) == 0)
            fail_msg("%s with %s is accepted", t->full_name, did.what);
    }
    text_deinit(&in);
    text_deinit(&out);
}

static void test_garbage(void **state)
{
    (void)state;
    struct random r;
    struct text in = TEXT_INIT, other = TEXT_INIT, out = TEXT_INIT;
    uint64_t same = 0;
    random_seed(&r, 5);
    for (int n = 0; n < 4000; n++) {
        const struct pb_type *t = any_type(&r);
        struct mutated did;
        text_clear(&in);
        text_clear(&other);
        text_clear(&out);
        text_puts(&out, "before");
        fuzz_generate_small(&r, t, 2, 500, true, &in);
        fuzz_generate_small(&r, t, 2, 500, true, &other);
        struct mutation m = {.type = t,
                             .input = text_bytes(&in),
                             .other = n % 3 ? text_bytes(&other) : BYTES_NONE,
                             .max = (size_t)random_below(&r, 600)};
        assert_int_equal(fuzz_mutate_message(&r, &m, LANE_GARBAGE, &out, &did), 0);
        assert_memory_equal(out.data, "before", 6);
        assert_true(out.len - 6 <= m.max);
        same += m.max > 0 && bytes_equal(BYTES(out.data + 6, out.len - 6), m.input);
    }
    assert_int_equal(same, 0);
    text_deinit(&in);
    text_deinit(&other);
    text_deinit(&out);
}

/* The same generator state gives the same mutant. */
static void test_repeatable(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 6);
    for (int n = 0; n < 2000; n++) {
        const struct pb_type *t = any_type(&r);
        struct text in = TEXT_INIT, a = TEXT_INIT, b = TEXT_INIT;
        struct mutated did_a, did_b;
        fuzz_generate_small(&r, t, 4, 2000, false, &in);
        struct random one = r, two = r;
        struct wire_node nodes[WIRE_TREE_NODES];
        struct wire_tree tree;
        struct mutation m = {
            .type = t, .input = text_bytes(&in), .other = text_bytes(&in), .other_type = t, .max = LENGTH_MAX};
        enum fuzz_lane lane = (enum fuzz_lane)(n % LANE_COUNT);
        assert_int_equal(fuzz_mutate_message(&one, &m, lane, &a, &did_a), 0);
        /* And so does a tree that was read before. */
        wire_tree_read(&tree, nodes, WIRE_TREE_NODES, t, text_bytes(&in), 0);
        m.tree = &tree;
        assert_int_equal(fuzz_mutate_message(&two, &m, lane, &b, &did_b), 0);
        assert_true(bytes_equal(text_bytes(&a), text_bytes(&b)));
        assert_string_equal(did_a.what, did_b.what);
        text_deinit(&in);
        text_deinit(&a);
        text_deinit(&b);
    }
}

/* More fields than the tree has nodes for: the whole of the message gets its turn. */
static void test_large(void **state)
{
    (void)state;
    const struct pb_type *t = type_named("test.all.Tree");
    struct random r;
    struct text in = TEXT_INIT, out = TEXT_INIT;
    random_seed(&r, 7);
    while (in.len < (size_t)128 << 10)
        fuzz_put_bytes(&in, 4, BYTES("\x0A\x03one", 5));
    int late = 0;
    for (int n = 0; n < 60; n++) {
        struct mutated did;
        struct mutation m = {.type = t, .input = text_bytes(&in), .max = (size_t)2 << 20};
        text_clear(&out);
        assert_int_equal(fuzz_mutate_message(&r, &m, LANE_VALID, &out, &did), 0);
        check_valid(t, text_bytes(&out), did.what);
        assert_false(bytes_equal(text_bytes(&in), text_bytes(&out)));
        late += out.len > in.len / 2 && memcmp(in.data, out.data, in.len / 2) == 0;
    }
    assert_in_range(late, 15, 45);
    text_deinit(&in);
    text_deinit(&out);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),      cmocka_unit_test(test_operators), cmocka_unit_test(test_mending),
        cmocka_unit_test(test_near_valid), cmocka_unit_test(test_garbage),   cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_large),
    };
    if (argc > 1)
        valid_mutations = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, load, unload);
}
