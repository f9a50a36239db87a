/* Values found and put by their paths: against messages packed and unpacked by others, and by hand where bytes are odd.
 */
#include "base/test.h"

#include "fuzz/case/links.h"
#include "fuzz/case/test_kit.h"
#include "fuzz/message/generate.h"
#include "wire/testdata/set.h"

static struct pb_pool *pool;
static struct text scratch;

static int load(void **state)
{
    (void)state;
    return pb_pool_new(test_set(), "testdata", &pool, NULL);
}

static int unload(void **state)
{
    (void)state;
    pb_pool_free(pool);
    text_deinit(&scratch);
    return 0;
}

static const struct pb_type *type_of(const char *name)
{
    const struct pb_type *t = pb_find_type(pool, name);
    assert_non_null(t);
    return t;
}

static struct fuzz_path path_of(const struct pb_type *type, const char *text)
{
    struct fuzz_path p;
    size_t at;
    const char *expected;
    if (fuzz_path_parse(bytes_of(text), type, &p, &at, &expected))
        fail_msg("%s at %zu: expected %s", text, at, expected);
    return p;
}

static void wire_of(const struct pb_type *type, const char *json, struct text *out)
{
    struct error err = ERROR_INIT;
    text_clear(out);
    if (pb_json_to_wire(type, bytes_of(json), 0, out, &err))
        fail_msg("%s: %s", json, err.message);
}

static void test_forms(void **state)
{
    (void)state;
    static const char *const paths[] = {".",
                                        "#1",
                                        "#536870911",
                                        "scalars.f_int32",
                                        "tree.children[3].children[0].name",
                                        "maps.by_string[2].value",
                                        "#99[7].#3.#4[4294967293]",
                                        "lists.f_int32[1]"};
    const struct pb_type *type = type_of("test.all.Everything");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct fuzz_path p = path_of(i == 1 ? NULL : type, paths[i]), again;
        uint8_t bytes[FUZZ_PATH_BYTES_MAX], same[FUZZ_PATH_BYTES_MAX];
        size_t len = fuzz_path_write(&p, bytes);
        assert_true(fuzz_path_read(BYTES(bytes, len), &again));
        assert_int_equal(fuzz_path_write(&again, same), len);
        assert_memory_equal(bytes, same, len);
        text_clear(&scratch);
        fuzz_path_print(&again, i == 1 ? NULL : type, &scratch);
        assert_string_equal(text_string(&scratch), paths[i]);
        /* A path cut within a step is none. */
        struct fuzz_path cut;
        assert_true(len == 0 || !fuzz_path_read(BYTES(bytes, len - 1), &cut));
    }
    static const uint8_t none[][6] = {{0, 0}, {0x80, 0x80, 0x80, 0x80, 0x02, 0}, {1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F}};
    static const size_t lengths[] = {2, 6, 6};
    for (size_t i = 0; i < 3; i++) {
        struct fuzz_path p;
        assert_false(fuzz_path_read(BYTES(none[i], lengths[i]), &p));
    }
    static const struct {
        const char *text;
        int code;
        size_t at;
    } bad[] = {{"", ERROR_SYNTAX, 0},
               {"scalars.", ERROR_SYNTAX, 8},
               {"scalars.f_int33", ERROR_NOT_FOUND, 8},
               {"scalars.f_int32.x", ERROR_NOT_FOUND, 16},
               {"tree.children[", ERROR_SYNTAX, 14},
               {"tree.children[1", ERROR_SYNTAX, 15},
               {"tree.children[4294967294]", ERROR_SYNTAX, 24},
               {"tree children", ERROR_SYNTAX, 4},
               {"#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1.#1", ERROR_LIMIT, 74}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fuzz_path p;
        size_t at;
        const char *expected;
        assert_int_equal(fuzz_path_parse(bytes_of(bad[i].text), type, &p, &at, &expected), bad[i].code);
        assert_int_equal(at, bad[i].at);
    }
}

static void expect_found(const struct pb_type *type, struct bytes message, const char *path, const char *values)
{
    struct fuzz_value found[16];
    struct fuzz_path p = path_of(type, path);
    size_t count = fuzz_path_get(&p, type, message, found, 16);
    text_clear(&scratch);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_char(&scratch, ' ');
        assert_true(fuzz_value_convert(&found[i], PB_STRING, NULL, &scratch));
    }
    assert_string_equal(text_string(&scratch), values);
}

static void test_get(void **state)
{
    (void)state;
    const struct pb_type *type = type_of("test.all.Everything");
    struct text wire = TEXT_INIT;
    wire_of(
        type,
        "{\"scalars\":{\"fInt32\":-5,\"fSint64\":\"-9\",\"fDouble\":1.5,\"fBool\":true,\"fString\":\"s\",\"fEnum\":"
        "\"COLOUR_BLUE\"},\"lists\":{\"fInt32\":[1,-2,3],\"fDouble\":[0.5,2],\"fString\":[\"a\",\"b\"],\"unpacked\":"
        "[7,8]},\"maps\":{\"byString\":{\"k\":\"v\"}},\"tree\":{\"children\":[{\"name\":\"x\"},{\"name\":\"y\","
        "\"children\":[{\"name\":\"z\"}]}]}}",
        &wire);
    struct bytes m = text_bytes(&wire);
    expect_found(type, m, "scalars.f_int32", "-5");
    expect_found(type, m, "scalars.f_sint64", "-9");
    expect_found(type, m, "scalars.f_double", "1.5");
    expect_found(type, m, "scalars.f_bool", "true");
    expect_found(type, m, "scalars.f_enum", "7");
    expect_found(type, m, "scalars.f_string", "s");
    expect_found(type, m, "scalars.f_bytes", "");
    expect_found(type, m, "lists.f_int32", "1 -2 3");
    expect_found(type, m, "lists.f_int32[1]", "-2");
    expect_found(type, m, "lists.f_int32[3]", "");
    expect_found(type, m, "lists.f_double[1]", "2");
    expect_found(type, m, "lists.unpacked", "7 8");
    expect_found(type, m, "lists.f_string[1]", "b");
    expect_found(type, m, "maps.by_string[0].key", "k");
    expect_found(type, m, "maps.by_string.value", "v");
    expect_found(type, m, "tree.children.name", "x y");
    expect_found(type, m, "tree.children[1].children.name", "z");
    expect_found(type, m, "tree.children.children.name", "z");
    expect_found(type, m, "#7.#4[1].#1", "y");
    expect_found(NULL, m, "#7.#4[1].#1", "y");
    /* Twice there: what decoders keep. And what stands before a broken place is found. */
    static const uint8_t twice[] = {0x48, 1, 0x4A, 1, 'a', 0x4A, 1, 'b', 0x28, 5, 0x4A, 9};
    expect_found(type_of("test.all.Scalars"), BYTES(twice, sizeof twice), "f_string", "b");
    expect_found(type_of("test.all.Scalars"), BYTES(twice, sizeof twice), "f_int32", "5");
    text_deinit(&wire);
}

/* The message after putting `value` (text) at `path` is the one `expected` describes. */
static void expect_put(const struct pb_type *type, const char *json, const char *path, const char *value,
                       const char *expected)
{
    struct text wire = TEXT_INIT, out = TEXT_INIT, got = TEXT_INIT, want = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct fuzz_path p = path_of(type, path);
    struct fuzz_value v = fuzz_value_text(bytes_of(value));
    wire_of(type, json, &wire);
    text_puts(&out, "before");
    int rc = fuzz_path_put(&p, type, text_bytes(&wire), &v, &out);
    assert_memory_equal(out.data, "before", 6);
    if (!expected) {
        assert_int_equal(rc, ERROR_INVALID);
        assert_int_equal(out.len, 6);
    } else {
        assert_int_equal(rc, 0);
        if (pb_wire_to_json(type, BYTES(out.data + 6, out.len - 6), PB_JSON_PROTO_NAMES, &got, &err))
            fail_msg("%s = %s: %s", path, value, err.message);
        wire_of(type, expected, &wire);
        assert_int_equal(pb_wire_to_json(type, text_bytes(&wire), PB_JSON_PROTO_NAMES, &want, NULL), 0);
        assert_string_equal(text_string(&got), text_string(&want));
    }
    text_deinit(&wire);
    text_deinit(&out);
    text_deinit(&got);
    text_deinit(&want);
}

static void test_put(void **state)
{
    (void)state;
    const struct pb_type *type = type_of("test.all.Everything");
    expect_put(type, "{}", "scalars.fString", "new", "{\"scalars\":{\"fString\":\"new\"}}");
    expect_put(type, "{\"scalars\":{\"fString\":\"o\",\"fInt32\":3}}", "scalars.f_string", "new",
               "{\"scalars\":{\"fString\":\"new\",\"fInt32\":3}}");
    expect_put(type, "{\"scalars\":{\"fInt32\":3}}", "scalars.f_int32", "-7", "{\"scalars\":{\"fInt32\":-7}}");
    expect_put(type, "{\"scalars\":{\"fInt32\":3}}", "scalars.f_int32", "4294967297", "{\"scalars\":{\"fInt32\":1}}");
    expect_put(type, "{}", "scalars.f_sint64", "-3", "{\"scalars\":{\"fSint64\":\"-3\"}}");
    expect_put(type, "{}", "scalars.f_double", "2.5e3", "{\"scalars\":{\"fDouble\":2500}}");
    expect_put(type, "{}", "scalars.f_bool", "true", "{\"scalars\":{\"fBool\":true}}");
    expect_put(type, "{}", "scalars.f_fixed64", "77", "{\"scalars\":{\"fFixed64\":\"77\"}}");
    expect_put(type, "{}", "scalars.f_int32", "x7", NULL);
    expect_put(type, "{}", "scalars.f_int32", "", NULL);
    expect_put(type, "{}", "scalars.f_uint64", "18446744073709551616", NULL);
    expect_put(type, "{}", "scalars.f_string", "\xff", NULL);
    expect_put(type, "{}", "scalars", "text", NULL);
    expect_put(type, "{\"scalars\":{\"fString\":\"o\"}}", "scalars.#9.#1", "text", NULL);
    expect_put(type, "{\"lists\":{\"fInt32\":[1,2,3]}}", "lists.f_int32[1]", "300",
               "{\"lists\":{\"fInt32\":[1,300,3]}}");
    expect_put(type, "{\"lists\":{\"fInt32\":[1,2,3]}}", "lists.f_int32", "9", "{\"lists\":{\"fInt32\":[9,2,3]}}");
    expect_put(type, "{\"lists\":{\"fInt32\":[1,2,3]}}", "lists.f_int32[8]", "9", "{\"lists\":{\"fInt32\":[1,2,3,9]}}");
    expect_put(type, "{\"lists\":{\"fString\":[\"a\"]}}", "lists.f_string[1]", "b",
               "{\"lists\":{\"fString\":[\"a\",\"b\"]}}");
    expect_put(type, "{\"tree\":{\"children\":[{},{\"name\":\"x\"}]}}", "tree.children[1].left.right.name", "deep",
               "{\"tree\":{\"children\":[{},{\"name\":\"x\",\"left\":{\"right\":{\"name\":\"deep\"}}}]}}");
    expect_put(type, "{\"maps\":{\"byString\":{\"k\":\"v\"}}}", "maps.by_string[0].value", "w",
               "{\"maps\":{\"byString\":{\"k\":\"w\"}}}");
    expect_put(type, "{\"choice\":{\"number\":4}}", "choice.text", "t", "{\"choice\":{\"text\":\"t\"}}");
    /* Lengths that grow from one byte to two, on every level. */
    struct text json = TEXT_INIT, value = TEXT_INIT;
    for (int i = 0; i < 200; i++)
        text_char(&value, 'v');
    text_printf(&json, "{\"tree\":{\"left\":{\"left\":{\"left\":{\"name\":\"%s\"}}}}}", text_string(&value));
    expect_put(type, "{\"tree\":{\"left\":{\"left\":{\"left\":{\"name\":\"x\"}}}}}", "tree.left.left.left.name",
               text_string(&value), text_string(&json));
    text_deinit(&json);
    text_deinit(&value);
}

/* Behind what cannot be read nothing would be found again: what is new goes before it. */
static void test_put_broken(void **state)
{
    (void)state;
    static const uint8_t broken[] = {0x28, 5, 0x4A, 9, 'x'};
    static const uint8_t expected[] = {0x28, 5, 0x42 - 2, 1, 0x4A, 9, 'x'};
    const struct pb_type *type = type_of("test.all.Scalars");
    struct fuzz_path p = path_of(type, "f_bool");
    struct fuzz_value v = fuzz_value_text(bytes_of("true"));
    text_clear(&scratch);
    assert_int_equal(fuzz_path_put(&p, type, BYTES(broken, sizeof broken), &v, &scratch), 0);
    assert_true(bytes_equal(text_bytes(&scratch), BYTES(expected, sizeof expected)));
    /* A number the type does not know is put with the form it was found in. */
    v = (struct fuzz_value){.wire = 0, .bytes = BYTES("\x05", 1)};
    p = path_of(type, "#100");
    text_clear(&scratch);
    assert_int_equal(fuzz_path_put(&p, type, BYTES_NONE, &v, &scratch), 0);
    assert_true(bytes_equal(text_bytes(&scratch), BYTES("\xA0\x06\x05", 3)));
}

/* Any path into any message: what was put is what is found, and the message is still one. */
static void test_put_then_get(void **state)
{
    (void)state;
    struct random r;
    struct text wire = TEXT_INIT, out = TEXT_INIT;
    struct error err = ERROR_INIT;
    size_t put = 0;
    random_seed(&r, 3);
    const struct pb_type *root = type_of("test.all.Everything");
    for (int n = 0; n < 4000; n++) {
        struct fuzz_path p = {0};
        const struct pb_type *type = root;
        const struct pb_field *f = NULL;
        while (type && type->field_count > 0 && p.count < 6) {
            f = &type->fields[random_below(&r, type->field_count)];
            fuzz_path_push(&p, f->number, f->repeated ? (uint32_t)random_below(&r, 3) : FUZZ_PATH_NO_INDEX);
            type = f->message;
        }
        text_clear(&wire);
        text_clear(&out);
        fuzz_generate_small(&r, root, 4, 1500, false, &wire);
        struct fuzz_value v = fuzz_value_text(bytes_of(random_below(&r, 2) ? "1" : "0")), found[40];
        if (fuzz_path_put(&p, root, text_bytes(&wire), &v, &out))
            continue;
        put++;
        if (pb_scan(root->descriptor, text_bytes(&out), &err) != 0)
            fail_msg("what was put broke the message: %s", err.message);
        /* An index beyond the last is the place behind it. */
        struct fuzz_path every = p;
        for (uint32_t i = 0; i < every.count; i++)
            every.steps[i].index = FUZZ_PATH_NO_INDEX;
        size_t count = fuzz_path_get(&every, root, text_bytes(&out), found, 40);
        bool there = false;
        for (size_t i = 0; i < count && !there; i++) {
            text_clear(&scratch);
            there = fuzz_value_convert(&found[i], f->kind == PB_BYTES ? PB_BYTES : PB_INT64, NULL, &scratch) &&
                    scratch.len == 1 && (scratch.data[0] & 1) == (v.bytes.data[0] & 1);
        }
        if (!there && count < 40)
            fail_msg("what was put is not there");
    }
    assert_true(put > 2000);
    text_deinit(&wire);
    text_deinit(&out);
}

static void convert(struct fuzz_value v, enum pb_kind to, const char *expected)
{
    text_clear(&scratch);
    bool done = fuzz_value_convert(&v, to, NULL, &scratch);
    assert_int_equal(done, expected != NULL);
    if (done)
        assert_string_equal(text_string(&scratch), expected);
    else
        assert_int_equal(scratch.len, 0);
}

static void test_convert(void **state)
{
    (void)state;
    const struct fuzz_value negative = {.kind = PB_INT32,
                                        .bytes = BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10)};
    const struct fuzz_value half = {.kind = PB_FLOAT, .wire = 5, .bytes = BYTES("\0\0\0\x3F", 4)};
    const struct fuzz_value huge = {.kind = PB_DOUBLE, .wire = 1, .bytes = BYTES("\0\0\0\0\0\0\xF0\x7F", 8)};
    const struct fuzz_value cut = {.kind = PB_INT32, .bytes = BYTES("\xFE", 1)};
    const struct fuzz_value raw = {.kind = PB_BYTES, .wire = 2, .bytes = BYTES("\xFE", 1)};
    const struct fuzz_value unknown = {.wire = 0, .bytes = BYTES("\x2A", 1)};
    convert(negative, PB_STRING, "-2");
    convert(negative, PB_SINT64, "\x03");
    convert(negative, PB_BOOL, "\x01");
    convert(half, PB_STRING, "0.5");
    convert(half, PB_BYTES, "0.5");
    convert(huge, PB_STRING, "inf");
    convert(huge, PB_UINT64, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
    convert(cut, PB_STRING, NULL);
    convert(raw, PB_STRING, NULL);
    convert(raw, PB_BYTES, "\xFE");
    convert(unknown, PB_STRING, "42");
    convert(unknown, PB_MESSAGE, NULL);
    convert(fuzz_value_text(bytes_of("0x1")), PB_DOUBLE, NULL);
    convert(fuzz_value_text(bytes_of("nan")), PB_DOUBLE, NULL);
    convert(fuzz_value_text(bytes_of("-9223372036854775809")), PB_INT64, NULL);
    convert(fuzz_value_text(bytes_of("false")), PB_BOOL, "");
}

/* Replies of two calls side by side, and a message, metadata and a lost link that depend on them. */
static void test_links(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct text wire = TEXT_INIT, out = TEXT_INIT;
    assert_true(kit_init(&kit));
    static const char script[] = "call /store.Store/List\n"
                                 "call /auth.Auth/Token\n"
                                 "call /store.Store/Read\n"
                                 "link 1.0 token.access_token -> \"Bearer \" metadata\n"
                                 "metadata authorization \"none\"\n"
                                 "link 0.1 keys[1] -> key\n"
                                 "link 0.0 keys[0] -> options.table\n"
                                 "link 0.7 keys[0] -> options.database\n"
                                 "link 1.0 token.expiry -> options.order\n"
                                 "message 2 {\"key\":\"plain\"}\n"
                                 "message 2 {\"key\":\"again\"}\n";
    struct error err = ERROR_INIT;
    if (fuzz_case_parse(bytes_of(script), "case", kit.pool, &c, &err))
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    for (uint32_t i = 0; i < 3; i++) {
        struct trace_call call = {.method = fuzz_case_method(&c, i, kit.pool), .event = i, .replies = i == 0 ? 2 : 1};
        assert_true(array_push(&t.calls, call));
    }
    static const struct {
        uint32_t call;
        const char *type, *json;
    } replies[] = {{0, "store.ListResponse", "{\"keys\":[\"a\",\"b\"]}"},
                   {1, "auth.TokenResponse", "{\"token\":{\"accessToken\":\"secret\",\"expiry\":\"1700000000\"}}"},
                   {0, "store.ListResponse", "{\"keys\":[\"c\",\"d\"]}"}};
    for (size_t i = 0; i < 3; i++) {
        assert_true(kit_wire(&kit, replies[i].type, replies[i].json, &wire));
        struct trace_reply reply = {.call = replies[i].call, .body = fuzz_trace_keep(&t, text_bytes(&wire))};
        assert_true(array_push(&t.replies, reply));
    }
    t.calls.items[1].first_reply = 1;
    assert_true(fuzz_links_any(&c, 4) && fuzz_links_any(&c, 9));
    assert_false(fuzz_links_any(&c, 10));
    assert_int_equal(fuzz_links_apply(&c, 4, &t, &out), 1);
    assert_string_equal(text_string(&out), "Bearer secret");
    assert_int_equal(fuzz_links_apply(&c, 9, &t, &out), 3);
    struct text json = TEXT_INIT;
    assert_int_equal(pb_wire_to_json(pb_find_type(kit.pool, "store.ReadRequest"), BYTES(out.data + 13, out.len - 13),
                                     PB_JSON_PROTO_NAMES, &json, NULL),
                     0);
    assert_string_equal(text_string(&json), "{\"key\":\"d\",\"options\":{\"table\":\"a\",\"order\":\"1700000000\"}}");
    text_clear(&out);
    assert_int_equal(fuzz_links_apply(&c, 10, &t, &out), 0);
    assert_true(bytes_equal(text_bytes(&out), fuzz_case_bytes(&c, c.events.items[10].value)));
    fuzz_trace_clear(&t); /* nothing has come: the case's own message goes out */
    text_clear(&out);
    assert_int_equal(fuzz_links_apply(&c, 9, &t, &out), 0);
    assert_true(bytes_equal(text_bytes(&out), fuzz_case_bytes(&c, c.events.items[9].value)));
    text_deinit(&json);
    text_deinit(&wire);
    text_deinit(&out);
    fuzz_case_deinit(&c);
    fuzz_trace_deinit(&t);
    kit_deinit(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_get),          cmocka_unit_test(test_put),
        cmocka_unit_test(test_put_broken), cmocka_unit_test(test_put_then_get), cmocka_unit_test(test_convert),
        cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
