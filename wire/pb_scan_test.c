#include "base/test.h"

#include "google/protobuf/descriptor.pb-c.h"
#include "shared.pb-c.h"
#include "wire/pb.h"
#include "wire/testdata/set.h"

#include <stdio.h>
#include <stdlib.h>

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

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        char digits[3] = {hex[0], hex[1], 0};
        out[n++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

static const struct {
    const char *type, *hex;
    int code;
    const char *message; /* whole; NULL with code 0 */
} cases[] = {
    {"Scalars", "", 0, NULL},
    {"Scalars", "2801", 0, NULL},
    {"Scalars", "28ffffffffffffffffff01", 0, NULL},
    {"Scalars", "c23e0161c03e05", 0, NULL}, /* unknown fields */
    {"Lists",
     "2a020102"
     "2803"
     "3a0401000000"
     "3d02000000",
     0, NULL},
    {"Lists", "2a00", 0, NULL},
    {"Scalars", "00", ERROR_SYNTAX, "test.all.Scalars at byte 0: field number 0 is not allowed"},
    {"Scalars", "0201", ERROR_SYNTAX, "test.all.Scalars at byte 0: field number 0 is not allowed"},
    {"Scalars", "280129", ERROR_SYNTAX, "test.all.Scalars.f_int32 at byte 2: the fixed-width number is cut off"},
    {"Scalars", "28", ERROR_SYNTAX,
     "test.all.Scalars.f_int32 at byte 0: the varint is cut off or longer than ten bytes"},
    {"Scalars", "28ffffffffffffffffffff01", ERROR_SYNTAX,
     "test.all.Scalars.f_int32 at byte 0: the varint is cut off or longer than ten bytes"},
    {"Scalars", "8080808080", ERROR_SYNTAX,
     "test.all.Scalars at byte 0: the field's tag is cut off or longer than 32 bits"},
    {"Scalars", "808080808001", ERROR_SYNTAX,
     "test.all.Scalars at byte 0: the field's tag is cut off or longer than 32 bits"},
    {"Scalars", "f8ffffff1f01", ERROR_SYNTAX,
     "test.all.Scalars at byte 0: the field's tag is cut off or longer than 32 bits"},
    {"Scalars", "2b2c", ERROR_UNSUPPORTED, "test.all.Scalars.f_int32 at byte 0: groups are not supported"},
    {"Scalars", "2f", ERROR_SYNTAX, "test.all.Scalars.f_int32 at byte 0: wire type 6 or 7 does not exist"},
    {"Scalars", "4a0261", ERROR_SYNTAX,
     "test.all.Scalars.f_string at byte 0: the length says more bytes than are left"},
    {"Scalars", "4affffffff0f", ERROR_SYNTAX,
     "test.all.Scalars.f_string at byte 0: the length is cut off or over 2147483647"},
    {"Scalars", "4a0361ff62", ERROR_INVALID, "test.all.Scalars.f_string at byte 3: a string is not valid UTF-8"},
    {"Scalars", "4a03610062", ERROR_INVALID, "test.all.Scalars.f_string at byte 3: a string holds a NUL"},
    {"Scalars", "4a0bc3bcc3bcc3bcc3bc0061c3", ERROR_INVALID,
     "test.all.Scalars.f_string at byte 10: a string holds a NUL"},
    {"Scalars", "5203610062", 0, NULL}, /* bytes may hold anything */
    {"Scalars", "2d00000000", ERROR_INVALID,
     "test.all.Scalars.f_int32 at byte 0: the wire type is not the one of the field's type"},
    {"Scalars", "2a0101", ERROR_INVALID,
     "test.all.Scalars.f_int32 at byte 0: the wire type is not the one of the field's type"},
    {"Lists", "2a03010280", ERROR_SYNTAX,
     "test.all.Lists.f_int32 at byte 4: the varint is cut off or longer than ten bytes"},
    {"Lists", "3203010203", ERROR_SYNTAX,
     "test.all.Lists.f_fixed64 at byte 2: packed numbers end in the middle of one"},
    {"Lists",
     "4202"
     "0102",
     ERROR_INVALID, "test.all.Lists.f_bool at byte 3: a packed bool is neither 0 nor 1"},
    {"Lists", "8a01024a0561", ERROR_SYNTAX,
     "test.all.Lists.f_message.f_string at byte 3: the length says more bytes than are left"},
    {"Maps", "0a040a02c328", ERROR_INVALID, "test.all.Maps.by_string.key at byte 4: a string is not valid UTF-8"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[64];
        size_t len = from_hex(cases[i].hex, bytes);
        char name[64];
        snprintf(name, sizeof name, "test.all.%s", cases[i].type);
        const struct pb_type *t = pb_find_type(pool, name);
        struct error err = ERROR_INIT;
        int rc = pb_scan(t->descriptor, BYTES(bytes, len), &err);
        if (rc != cases[i].code || (rc && strcmp(err.message, cases[i].message) != 0))
            fail_msg("%s %s: %d %s", cases[i].type, cases[i].hex, rc, rc ? err.message : "");
        error_clear(&err);
        assert_int_equal(pb_scan(t->descriptor, BYTES(bytes, len), NULL), rc);
        /* The same verdict with the message in memory or none at all. */
        struct arena arena = ARENA_INIT;
        ProtobufCMessage *m;
        assert_int_equal(pb_unpack(t->descriptor, BYTES(bytes, len), &arena, &m, NULL), rc);
        assert_true((m != NULL) == (rc == 0));
        arena_deinit(&arena);
    }
}

static void test_shape_only(void **state)
{
    (void)state;
    /* Any string, any type: only the frame counts. */
    static const uint8_t fine[] = {0x4a, 0x01, 0xff, 0x28, 0x01};
    assert_int_equal(pb_scan(NULL, BYTES(fine, sizeof fine), NULL), 0);
    struct error err = ERROR_INIT;
    assert_int_equal(pb_scan(NULL, BYTES(fine, 4), &err), ERROR_SYNTAX);
    assert_string_equal(err.message, "message at byte 3: the varint is cut off or longer than ten bytes");
    error_clear(&err);
}

/* 300 KB of nested messages would overflow protobuf-c's stack. */
static void test_nest(void **state)
{
    (void)state;
    struct text nest = TEXT_INIT;
    uint8_t *data = malloc(400000), *at = data + 400000;
    assert_non_null(data);
    size_t len = 0;
    while (len < 300000) {
        uint8_t prefix[10];
        size_t n = pb_varint_write(prefix, len);
        at -= n;
        memcpy(at, prefix, n);
        *--at = 0x12; /* Tree.left */
        len += n + 1;
    }
    text_add(&nest, at, len);
    free(data);
    struct error err = ERROR_INIT;
    ProtobufCMessage *m;
    int rc = pb_unpack(pb_find_type(pool, "test.all.Tree")->descriptor, text_bytes(&nest), NULL, &m, &err);
    assert_int_equal(rc, ERROR_LIMIT);
    assert_non_null(strstr(err.message, "left.left.left at byte"));
    assert_non_null(strstr(err.message, "nest deeper than 100"));
    error_clear(&err);
    text_deinit(&nest);
}

static void test_required(void **state)
{
    (void)state;
    /* uninterpreted_option { name { } }: both members of NamePart are required (proto2). */
    static const uint8_t empty[] = {0x12, 0x00}, half[] = {0x12, 0x02, 0x10, 0x01};
    static const uint8_t whole[] = {0x12, 0x05, 0x10, 0x01, 0x0a, 0x01, 'a'};
    const ProtobufCMessageDescriptor *d = &google__protobuf__uninterpreted_option__descriptor;
    struct error err = ERROR_INIT;
    assert_int_equal(pb_scan(d, BYTES(empty, sizeof empty), &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "name.name_part"));
    error_clear(&err);
    assert_int_equal(pb_scan(d, BYTES(half, sizeof half), NULL), ERROR_INVALID);
    assert_int_equal(pb_scan(d, BYTES(whole, sizeof whole), NULL), 0);
    ProtobufCMessage *m;
    assert_int_equal(pb_unpack(d, BYTES(whole, sizeof whole), NULL, &m, NULL), 0);
    protobuf_c_message_free_unpacked(m, NULL);
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct arena arena = {.limit = 600};
    struct text wire = TEXT_INIT;
    assert_int_equal(
        pb_json_to_wire(pb_find_type(pool, "test.all.Lists"),
                        bytes_of("{\"fString\":[\"a\",\"b\",\"c\"],\"fMessage\":[{},{},{},{},{},{},{},{},{},{}]}"), 0,
                        &wire, NULL),
        0);
    struct error err = ERROR_INIT;
    ProtobufCMessage *m;
    assert_int_equal(pb_unpack(pb_find_type(pool, "test.all.Lists")->descriptor, text_bytes(&wire), &arena, &m, &err),
                     ERROR_MEMORY);
    assert_null(m);
    error_clear(&err);
    arena_deinit(&arena);
    text_deinit(&wire);
}

/* What all decoders refuse is less than what the scan refuses. */
static void refused_by_all(void **state)
{
    static const struct {
        const char *type, *hex;
        bool refused;
    } rows[] = {
        {"Scalars", "", false},
        {"Scalars", "2801", false},
        {"Scalars", "4a03610062", false},    /* a NUL in a string */
        {"Scalars", "2d00000000", false},    /* another wire type is an unknown field */
        {"Scalars", "2a0180", false},        /* and so is a run of a number that is not repeated */
        {"Scalars", "2b2c", false},          /* a group */
        {"Scalars", "2b2801332c342c", true}, /* groups that cross */
        {"Scalars", "2b", true},
        {"Scalars", "2c", true},
        {"Scalars", "00", false}, /* Google's C++ takes it for the end */
        {"Scalars", "8000", false},
        {"Scalars", "004a01ff", false},
        {"Scalars", "0201", true},
        {"Scalars", "4a01ff", true},
        {"Scalars", "280129", true},
        {"Scalars", "28", true},
        {"Scalars", "28ffffffffffffffffffff01", true},
        {"Scalars", "2f", true},
        {"Scalars", "4a0261", true},
        {"Scalars", "4affffffff0f", true},
        {"Scalars", "80808080800101", false}, /* a tag of six bytes */
        {"Scalars", "8080808080", true},
        {"Lists", "2a00", false},
        {"Lists", "2a03010280", true},
        {"Lists", "3a03010000", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[64];
        char name[64];
        snprintf(name, sizeof name, "test.all.%s", rows[i].type);
        size_t len = from_hex(rows[i].hex, bytes);
        if (pb_refused_by_all(pb_find_type(pool, name)->descriptor, BYTES(bytes, len)) != rows[i].refused)
            fail_msg("%s %s: wanted %d", name, rows[i].hex, rows[i].refused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),    cmocka_unit_test(test_shape_only),  cmocka_unit_test(test_nest),
        cmocka_unit_test(test_required), cmocka_unit_test(test_arena_limit), cmocka_unit_test(refused_by_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
