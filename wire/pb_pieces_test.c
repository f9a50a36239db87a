/* Singular messages that come in pieces unpack to their merge. Google's implementation is asked about random ones by
 * pb_google_test.py; here is each rule by itself. */
#include "base/test.h"

#include "wire/pb.h"
#include "wire/pb_wire.h"
#include "wire/testdata/set.h"

static struct pb_pool *pool;

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(test_set(), "test set", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static void merges(void **state)
{
    (void)state;
    static const struct {
        const char *pieces[4], *whole;
    } table[] = {
        /* Fields without presence of an earlier piece stay; the later one wins. */
        {{"{\"scalars\":{\"fInt32\":1,\"fString\":\"a\"}}", "{\"scalars\":{\"fInt64\":\"2\",\"fString\":\"b\"}}"},
         "{\"scalars\":{\"fInt64\":\"2\",\"fInt32\":1,\"fString\":\"b\"}}"},
        /* Oneofs that no piece sets, that one sets, that both do. */
        {{"{\"choice\":{}}", "{\"choice\":{}}"}, "{\"choice\":{}}"},
        {{"{\"choice\":{\"loose\":1}}", "{\"choice\":{\"big\":\"9\"}}"}, "{\"choice\":{\"big\":\"9\",\"loose\":1}}"},
        {{"{\"choice\":{\"number\":1}}", "{\"choice\":{\"text\":\"x\"}}"}, "{\"choice\":{\"text\":\"x\"}}"},
        /* A message in a oneof, its pieces merged as long as no other member comes between. */
        {{"{\"choice\":{\"message\":{\"fInt32\":1}}}", "{\"choice\":{\"message\":{\"fBool\":true}}}"},
         "{\"choice\":{\"message\":{\"fInt32\":1,\"fBool\":true}}}"},
        {{"{\"choice\":{\"message\":{\"fInt32\":1}}}", "{\"choice\":{\"number\":5}}",
          "{\"choice\":{\"message\":{\"fBool\":true}}}"},
         "{\"choice\":{\"message\":{\"fBool\":true}}}"},
        {{"{\"choice\":{\"message\":{\"fInt32\":1}}}", "{\"choice\":{\"message\":{\"fInt32\":2}}}",
          "{\"choice\":{\"number\":5}}"},
         "{\"choice\":{\"number\":5}}"},
        {{"{\"choice\":{\"again\":{\"again\":{}}}}", "{\"choice\":{\"again\":{\"again\":{\"flag\":true}}}}"},
         "{\"choice\":{\"again\":{\"again\":{\"flag\":true}}}}"},
        /* Repeated fields and maps go on; below them pieces of each element are its own. */
        {{"{\"lists\":{\"fInt32\":[1,2],\"fMessage\":[{\"fInt32\":1}]}}",
          "{\"lists\":{\"fInt32\":[3],\"fMessage\":[{\"fInt32\":2}]}}"},
         "{\"lists\":{\"fInt32\":[1,2,3],\"fMessage\":[{\"fInt32\":1},{\"fInt32\":2}]}}"},
        {{"{\"maps\":{\"byInt64\":{\"1\":{\"fInt32\":1}}}}", "{\"maps\":{\"byInt64\":{\"2\":{\"fInt32\":2}}}}"},
         "{\"maps\":{\"byInt64\":{\"1\":{\"fInt32\":1},\"2\":{\"fInt32\":2}}}}"},
        /* Deep, in four pieces. */
        {{"{\"tree\":{\"left\":{\"left\":{\"name\":\"a\"}}}}", "{\"tree\":{\"name\":\"root\"}}",
          "{\"tree\":{\"left\":{\"right\":{\"name\":\"b\"}}}}", "{\"tree\":{\"left\":{\"left\":{\"place\":{}}}}}"},
         "{\"tree\":{\"name\":\"root\",\"left\":{\"left\":{\"name\":\"a\",\"place\":{}},\"right\":{\"name\":\"b\"}}}}"},
    };
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct text wire = TEXT_INIT, back = TEXT_INIT;
        ProtobufCMessage *m;
        for (size_t n = 0; n < 4 && table[i].pieces[n]; n++)
            assert_int_equal(pb_json_to_wire(t, bytes_of(table[i].pieces[n]), 0, &wire, NULL), 0);
        assert_int_equal(pb_unpack(t->descriptor, text_bytes(&wire), NULL, &m, NULL), 0);
        assert_int_equal(pb_to_json(pool, m, 0, &back, NULL), 0);
        assert_string_equal(text_string(&back), table[i].whole);
        protobuf_c_message_free_unpacked(m, NULL);
        text_deinit(&wire);
        text_deinit(&back);
    }
}

static bool told(const char *json, size_t times)
{
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    struct text wire = TEXT_INIT;
    bool pieces = true;
    for (size_t i = 0; i < times; i++)
        assert_int_equal(pb_json_to_wire(t, bytes_of(json), 0, &wire, NULL), 0);
    assert_int_equal(pb_scan_pieces(t->descriptor, text_bytes(&wire), &pieces, NULL), 0);
    text_deinit(&wire);
    return pieces;
}

/* Only what needs it is put together. */
static void told_when_needed(void **state)
{
    (void)state;
    assert_false(told("{\"scalars\":{},\"choice\":{},\"tree\":{\"left\":{},\"right\":{\"left\":{}}}}", 1));
    assert_false(told("{\"lists\":{\"fMessage\":[{},{}]},\"maps\":{\"byInt64\":{\"1\":{},\"2\":{}}}}", 1));
    assert_false(told("{}", 2));
    assert_true(told("{\"scalars\":{}}", 2));
}

/* Unknown fields come along, and what is put together is no longer than what came. */
static void keeps_unknown(void **state)
{
    (void)state;
    /* scalars { fInt32: 1, 200: "x" } scalars { } 300: 7, twice the tag of a 2-byte field */
    static const uint8_t wire[] = {0x0a, 0x06, 0x28, 0x01, 0xc2, 0x0c, 0x01, 'x', 0x0a, 0x00, 0xe0, 0x12, 0x07};
    static const uint8_t whole[] = {0xe0, 0x12, 0x07, 0x0a, 0x06, 0x28, 0x01, 0xc2, 0x0c, 0x01, 'x'};
    const struct pb_type *t = pb_find_type(pool, "test.all.Everything");
    struct text out = TEXT_INIT;
    bool pieces;
    assert_int_equal(pb_scan_pieces(t->descriptor, BYTES(wire, sizeof wire), &pieces, NULL), 0);
    assert_true(pieces);
    assert_int_equal(pb_join_pieces(t->descriptor, BYTES(wire, sizeof wire), &out), 0);
    assert_int_equal(out.len, sizeof whole);
    assert_memory_equal(out.data, whole, sizeof whole);
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges),
        cmocka_unit_test(told_when_needed),
        cmocka_unit_test(keeps_unknown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
