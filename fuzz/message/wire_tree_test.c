/* Nodes stand where the bytes are, broken bytes are bad nodes and no more, edits write all lengths anew, and what was
 * mended is accepted. */
#include "base/test.h"

#include "fuzz/message/generate.h"
#include "fuzz/message/wire_tree.h"
#include "wire/testdata/set.h"

#define NODES 64

static struct pb_pool *pool;
static struct wire_node nodes[NODES];
static struct wire_tree t;

static int load(void **state)
{
    (void)state;
    return pb_pool_new(test_set(), "test set", &pool, NULL);
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static const struct pb_type *type_named(const char *name)
{
    const struct pb_type *type = pb_find_type(pool, name);
    assert_non_null(type);
    return type;
}

#define READ(type, literal) wire_tree_read(&t, nodes, NODES, type_named(type), BYTES(literal, sizeof literal - 1), 0)

static void test_places(void **state)
{
    (void)state;
    /* name "ab", left { name "c", right { } }, 300: an unknown number, children { } */
    READ("test.all.Tree", "\x0A\x02"
                          "ab\x12\x05\x0A\x01"
                          "c\x1A\x00\xE0\x12\x07\x22\x00");
    assert_true(t.clean && !t.full);
    assert_int_equal(t.count, 7);
    assert_int_equal(wire_tree_height(&t, 0), 2);
    static const struct wire_node expected[] = {
        {.end = 15, .next = 7},
        {.number = 1, .start = 0, .value = 1, .data = 2, .end = 4, .parent = 0, .next = 2, .depth = 1},
        {.number = 2, .start = 4, .value = 5, .data = 6, .end = 11, .parent = 0, .next = 5, .depth = 1},
        {.number = 1, .start = 6, .value = 7, .data = 8, .end = 9, .parent = 2, .next = 4, .depth = 2},
        {.number = 3, .start = 9, .value = 10, .data = 11, .end = 11, .parent = 2, .next = 5, .depth = 2},
        {.number = 300, .start = 11, .value = 13, .data = 13, .end = 14, .parent = 0, .next = 6, .depth = 1},
    };
    for (size_t i = 1; i < sizeof expected / sizeof expected[0]; i++) {
        const struct wire_node *e = &expected[i], *n = &nodes[i];
        assert_int_equal(n->number, e->number);
        assert_int_equal(n->start, e->start);
        assert_int_equal(n->value, e->value);
        assert_int_equal(n->data, e->data);
        assert_int_equal(n->end, e->end);
        assert_int_equal(n->parent, e->parent);
        assert_int_equal(n->next, e->next);
        assert_int_equal(n->depth, e->depth);
    }
    assert_null(nodes[5].field);
    assert_string_equal(nodes[4].field->name, "right");
    assert_ptr_equal(wire_tree_type(&t, &nodes[4]), type_named("test.all.Tree"));
}

static void test_broken(void **state)
{
    (void)state;
    /* The inner message ends in a length that is too long; what follows it is read all the same. */
    READ("test.all.Tree", "\x12\x03\x0A\x05"
                          "c\x0A\x01"
                          "a");
    assert_false(t.clean);
    assert_int_equal(t.count, 4);
    assert_int_equal(nodes[2].flags, NODE_BAD);
    assert_int_equal(nodes[2].start, 2);
    assert_int_equal(nodes[2].end, 5);
    assert_int_equal(nodes[3].number, 1);
    assert_int_equal(nodes[3].flags, 0);
    /* Bad UTF-8, another wire type, a group, and a singular message for the second time: each a node of its own. */
    READ("test.all.Tree", "\x0A\x01\xFF\x08\x01\x0B\x10\x01\x0C\x12\x00\x12\x00\x22\x00\x22\x00");
    assert_int_equal(t.count, 8);
    assert_int_equal(nodes[1].flags, NODE_BAD);
    assert_int_equal(nodes[2].flags, NODE_BAD);
    assert_int_equal(nodes[3].flags, NODE_BAD);
    assert_int_equal(nodes[3].end, 9);
    assert_int_equal(nodes[4].flags, NODE_OPEN);
    assert_int_equal(nodes[5].flags, NODE_BAD | NODE_AGAIN);
    assert_int_equal(nodes[7].flags, NODE_OPEN);
    /* Nothing can be read. */
    READ("test.all.Tree", "\x07\x07");
    assert_int_equal(t.count, 2);
    assert_int_equal(nodes[1].number, 0);
    assert_int_equal(nodes[1].end, 2);
    READ("test.all.Tree", "");
    assert_true(t.clean);
    assert_int_equal(t.count, 1);
}

static void test_packed(void **state)
{
    (void)state;
    READ("test.all.Lists", "\x2A\x03\x01\x96\x01\x32\x08"
                           "12345678\x32\x07"
                           "1234567\x42\x02\x01\x02\x28\x01");
    assert_int_equal(t.count, 6);
    assert_int_equal(nodes[1].flags, NODE_PACKED);
    assert_int_equal(nodes[2].flags, NODE_PACKED);
    assert_int_equal(nodes[3].flags, NODE_PACKED | NODE_BAD); /* seven bytes of a number of eight */
    assert_int_equal(nodes[4].flags, NODE_PACKED | NODE_BAD); /* a bool of 2 */
    assert_int_equal(nodes[5].flags, 0);
}

static void test_edit(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    struct text content = TEXT_INIT;
    READ("test.all.Tree", "\x0A\x01"
                          "a\x12\x02\x1A\x00\x0A\x01"
                          "b");
    /* 200 bytes into the innermost message: its length and the one around it take a byte more each. */
    fuzz_put_run(&content, 'x', 200);
    text_puts(&out, "before");
    fuzz_put_bytes(&out, 1, text_bytes(&content));
    assert_int_equal(wire_tree_size(&t, 3, 203, 0), 3 + 3 + 3 + 203 + 3);
    wire_tree_edit(&t, 3, 7, 7, &out, 6);
    assert_int_equal(out.len, 6 + 3 + 3 + 3 + 203 + 3);
    assert_memory_equal(out.data,
                        "before\x0A\x01"
                        "a\x12\xCE\x01\x1A\xCB\x01\x0A\xC8\x01xxx",
                        6 + 3 + 3 + 3 + 6);
    assert_memory_equal(out.data + out.len - 4,
                        "x\x0A\x01"
                        "b",
                        4);
    /* And back. */
    struct text again = TEXT_INIT;
    wire_tree_read(&t, nodes, NODES, type_named("test.all.Tree"), BYTES(out.data + 6, out.len - 6), 0);
    assert_true(t.clean);
    wire_tree_edit(&t, 3, nodes[3].data, nodes[3].end, &again, 0);
    assert_true(bytes_equal(text_bytes(&again), BYTES("\x0A\x01"
                                                      "a\x12\x02\x1A\x00\x0A\x01"
                                                      "b",
                                                      10)));
    text_deinit(&out);
    text_deinit(&again);
    text_deinit(&content);
}

static void test_window(void **state)
{
    (void)state;
    struct text in = TEXT_INIT;
    for (int i = 0; i < 1000; i++)
        fuzz_put_bytes(&in, 4, BYTES("\x0A\x01x", 3));
    wire_tree_read(&t, nodes, NODES, type_named("test.all.Tree"), text_bytes(&in), 0);
    assert_true(t.full && t.clean);
    assert_int_equal(t.count, NODES);
    assert_int_equal(nodes[1].start, 0);
    /* From the middle of the 600th on. */
    wire_tree_read(&t, nodes, NODES, type_named("test.all.Tree"), text_bytes(&in), 599 * 5 + 3);
    assert_int_equal(nodes[1].start, 599 * 5);
    assert_int_equal(nodes[0].end, 5000);
    assert_true(t.full && t.clean);
    /* What is broken behind the window is seen. */
    text_add(&in, "\x07", 1);
    wire_tree_read(&t, nodes, NODES, type_named("test.all.Tree"), text_bytes(&in), 0);
    assert_false(t.clean);
    text_deinit(&in);
}

/* A clean tree is what pb_scan() accepts, over random messages with random bytes in them; what was mended is clean. */
static void test_against_scan(void **state)
{
    (void)state;
    struct random r;
    struct text in = TEXT_INIT, mended = TEXT_INIT;
    int clean = 0, broken = 0;
    random_seed(&r, 1);
    for (int n = 0; n < 20000; n++) {
        const struct pb_type *type = pb_type_at(pool, (size_t)random_below(&r, pb_type_count(pool)));
        text_clear(&in);
        fuzz_generate_small(&r, type, 3, 300, true, &in);
        for (uint64_t k = random_below(&r, 3); k > 0 && in.len > 0; k--)
            in.data[random_below(&r, in.len)] = (char)random_below(&r, 256);
        wire_tree_read(&t, nodes, NODES, type, text_bytes(&in), 0);
        bool again = false;
        for (uint32_t i = 0; i < t.count; i++)
            again = again || (nodes[i].flags & NODE_AGAIN);
        bool accepted = pb_scan(type->descriptor, text_bytes(&in), NULL) == 0;
        if (t.clean && !accepted)
            fail_msg("a clean %s is refused", type->full_name);
        if (!t.clean && !again && !t.full && accepted)
            fail_msg("a %s that is not clean is accepted", type->full_name);
        clean += t.clean;
        broken += !t.clean;
        text_clear(&mended);
        assert_int_equal(wire_tree_repair(type, text_bytes(&in), &mended), 0);
        wire_tree_read(&t, nodes, NODES, type, text_bytes(&mended), 0);
        assert_true(t.clean);
        assert_int_equal(pb_scan(type->descriptor, text_bytes(&mended), NULL), 0);
    }
    assert_true(clean > 3000 && broken > 3000);
    text_deinit(&in);
    text_deinit(&mended);
}

/* As many levels as decoders take, and one more. */
static void test_depth(void **state)
{
    (void)state;
    for (int levels = PB_DEPTH_MAX; levels <= PB_DEPTH_MAX + 1; levels++) {
        struct text in = TEXT_INIT, around = TEXT_INIT;
        for (int i = 0; i < levels; i++) {
            text_clear(&around);
            fuzz_put_bytes(&around, 2, text_bytes(&in));
            text_clear(&in);
            text_add(&in, around.data, around.len);
        }
        static struct wire_node many[PB_DEPTH_MAX + 8];
        wire_tree_read(&t, many, PB_DEPTH_MAX + 8, type_named("test.all.Tree"), text_bytes(&in), 0);
        assert_int_equal(t.clean, levels == PB_DEPTH_MAX);
        assert_int_equal(pb_scan(type_named("test.all.Tree")->descriptor, text_bytes(&in), NULL) == 0,
                         levels == PB_DEPTH_MAX);
        text_deinit(&in);
        text_deinit(&around);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places), cmocka_unit_test(test_broken), cmocka_unit_test(test_packed),
        cmocka_unit_test(test_edit),   cmocka_unit_test(test_window), cmocka_unit_test(test_against_scan),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
