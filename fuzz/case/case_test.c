/* The model and its two written forms: what is built is what is read back, by either. */
#include "base/test.h"

#include "fuzz/case/test_kit.h"

static const struct fuzz_event call_event = {.kind = EVENT_CALL}, message_event = {.kind = EVENT_MESSAGE};

static void expect_bytes(const struct fuzz_case *c, size_t at, const char *value)
{
    assert_true(bytes_is(fuzz_case_bytes(c, c->events.items[at].value), value));
}

static void test_building(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT, copy = FUZZ_CASE_INIT;
    assert_int_equal(fuzz_case_add(&c, &call_event, bytes_of("/store.Store/Read"), BYTES_NONE), 0);
    assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, bytes_of("second")), 1);
    assert_int_equal(fuzz_case_insert(&c, 1, &message_event, bytes_of("utf8-bad"), bytes_of("first")), 1);
    assert_int_equal(fuzz_case_insert(&c, 4, &message_event, BYTES_NONE, BYTES_NONE), ERROR_INVALID);
    expect_bytes(&c, 1, "first");
    expect_bytes(&c, 2, "second");
    assert_int_equal(fuzz_case_calls(&c), 1);
    assert_string_equal(fuzz_case_method(&c, 0, kit.pool)->path, "/store.Store/Read");
    assert_null(fuzz_case_method(&c, 1, kit.pool));

    /* Its own bytes, while its memory moves. */
    for (int i = 0; i < 100; i++)
        assert_true(fuzz_case_add(&c, &message_event, fuzz_case_bytes(&c, c.events.items[1].name),
                                  fuzz_case_bytes(&c, c.events.items[1].value)) > 0);
    expect_bytes(&c, 102, "first");

    assert_int_equal(fuzz_case_copy(&copy, &c), 0);
    assert_true(fuzz_case_equal(&c, &copy));
    assert_int_equal(fuzz_case_hash(&c), fuzz_case_hash(&copy));
    fuzz_case_set_value(&copy, 1, bytes_of("First"));
    assert_false(fuzz_case_equal(&c, &copy));
    assert_true(fuzz_case_hash(&c) != fuzz_case_hash(&copy));
    fuzz_case_set_value(&copy, 1, bytes_of("first"));
    assert_true(fuzz_case_equal(&c, &copy));
    assert_int_equal(fuzz_case_hash(&c), fuzz_case_hash(&copy)); /* not of how it lies in memory */

    fuzz_case_remove(&copy, 2);
    expect_bytes(&copy, 2, "first");
    size_t before = copy.data.len, size = fuzz_case_size(&copy);
    assert_int_equal(fuzz_case_tidy(&copy), 0);
    assert_true(copy.data.len < before);
    assert_int_equal(copy.data.len, size);
    expect_bytes(&copy, 1, "first");
    expect_bytes(&copy, 101, "first");
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&copy);
}

/* Spans that overlap, nest and touch all say the same after tidying. */
static void test_tidy(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 1);
    for (int n = 0; n < 300; n++) {
        struct fuzz_case c = FUZZ_CASE_INIT, was = FUZZ_CASE_INIT;
        for (int i = 0; i < 20; i++)
            kit_any_event(&r, &c);
        for (size_t i = 0; i < c.events.count; i++) {
            uint32_t at = (uint32_t)random_below(&r, c.data.len);
            if (random_below(&r, 2) && fuzz_event_kind_name(c.events.items[i].kind))
                c.events.items[i].name = (struct fuzz_span){at, (uint32_t)random_below(&r, c.data.len - at + 1)};
        }
        assert_int_equal(fuzz_case_copy(&was, &c), 0);
        assert_int_equal(fuzz_case_tidy(&c), 0);
        assert_true(fuzz_case_equal(&c, &was));
        assert_true(c.data.len <= was.data.len);
        fuzz_case_deinit(&c);
        fuzz_case_deinit(&was);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text big = TEXT_INIT;
    for (int i = 0; i < FUZZ_CASE_EVENTS_MAX; i++)
        assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, BYTES_NONE), i);
    assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, BYTES_NONE), ERROR_LIMIT);
    fuzz_case_clear(&c);
    assert_true(text_reserve(&big, FUZZ_CASE_BYTES_MAX));
    memset(big.data, 'x', FUZZ_CASE_BYTES_MAX);
    assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, BYTES(big.data, FUZZ_CASE_BYTES_MAX + 1)),
                     ERROR_LIMIT);
    assert_int_equal(c.events.count, 0);
    assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, BYTES(big.data, FUZZ_CASE_BYTES_MAX - 3)), 0);
    assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, bytes_of("four")), ERROR_LIMIT);
    assert_int_equal(fuzz_case_add(&c, &message_event, BYTES_NONE, bytes_of("abc")), 1);
    /* What is replaced makes room for what comes. */
    assert_int_equal(fuzz_case_set_value(&c, 0, BYTES(big.data, 5 << 20)), 0);
    assert_int_equal(fuzz_case_set_value(&c, 0, BYTES(big.data, 7 << 20)), 0);
    assert_int_equal(c.events.items[0].value.len, 7 << 20);
    expect_bytes(&c, 1, "abc");
    assert_true(c.data.len <= FUZZ_CASE_BYTES_MAX);
    text_deinit(&big);
    fuzz_case_deinit(&c);
}

static void expect_same_again(const struct fuzz_case *c, struct random *r)
{
    struct text file = TEXT_INIT, script = TEXT_INIT;
    struct fuzz_case read = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    assert_int_equal(fuzz_case_write(c, &file), 0);
    if (fuzz_case_read(text_bytes(&file), &read, &err))
        fail_msg("%s", err.message);
    assert_true(fuzz_case_equal(c, &read));
    assert_int_equal(fuzz_case_hash(c), fuzz_case_hash(&read));
    assert_int_equal(fuzz_case_print(c, kit.pool, &script), 0);
    if (fuzz_case_parse(text_bytes(&script), "case", kit.pool, &read, &err))
        fail_msg("%d:%d: %s\n%s", err.line, err.column, err.message, text_string(&script));
    if (!fuzz_case_equal(c, &read)) {
        struct text again = TEXT_INIT;
        fuzz_case_print(&read, kit.pool, &again);
        fail_msg("not the same again:\n%s\n%s", text_string(&script), text_string(&again));
    }
    /* Cut anywhere it is no case any more, or one with fewer events; never anything worse. */
    size_t cut = (size_t)random_below(r, file.len);
    int rc = fuzz_case_read(BYTES(file.data, cut), &read, &err);
    assert_true(rc == ERROR_SYNTAX || (rc == 0 && read.events.count < c->events.count));
    assert_true(rc == 0 || strncmp(err.message, "byte ", 5) == 0);
    error_clear(&err);
    text_deinit(&file);
    text_deinit(&script);
    fuzz_case_deinit(&read);
}

static void test_both_forms(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    random_seed(&r, 2);
    for (int n = 0; n < 1500; n++) {
        assert_int_equal(fuzz_generate_case(&r, &kit.source, &c), 0);
        expect_same_again(&c, &r);
        for (int i = (int)random_below(&r, 10); i >= 0; i--)
            kit_any_event(&r, &c);
        expect_same_again(&c, &r);
    }
    fuzz_case_deinit(&c);
}

static void test_script(void **state)
{
    (void)state;
    static const char script[] = "call /store.Store/Read deadline=1500ms\n"
                                 "metadata x-id \"a \\\"b\\\"\\n\"\n"
                                 "metadata x-bin x\"00ff10\"\n"
                                 "message 0 gzip {\"key\":\"k\",\"options\":{\"limit\":\"3\"}}\n"
                                 "half-close 0 trailers\n"
                                 "await 0\n"
                                 "call /store.Store/Read no-token\n"
                                 "link 0.0 records[1].revision -> options.limit\n"
                                 "link 0.0 #77[3].#2 -> #99\n"
                                 "link 0.1 . -> \"Bearer \" metadata\n"
                                 "message 1 near-valid defect=utf8-bad x\"0a02c328\"";
    static const char *const rest[] = {"cancel 1 8\n",
                                       "await 1 2\n",
                                       "connect store http\n",
                                       "frame headers:0x5 1 \"abc\"\n",
                                       "frame 0x123456 3 \"\"\n",
                                       "headers 5 0x4 flags=0x100 \"a: b\\n\"\n",
                                       "bytes \"PRI\"\n",
                                       "http \"POST /store/Read\" \"a: b\\r\\n\\r\\n{}\"\n",
                                       "time 7ms\n",
                                       "fault store kill\n",
                                       "fault store 99\n",
                                       "environment chunks 17\n",
                                       "event 200 \"later\"\n"};
    struct text given = TEXT_INIT, again = TEXT_INIT;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    text_puts(&given, script);
    text_puts(&given, "\n");
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        text_puts(&given, rest[i]);
    if (fuzz_case_parse(text_bytes(&given), "case", kit.pool, &c, &err))
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    assert_int_equal(c.events.count, 24);
    assert_int_equal(c.events.items[0].number, 1500000000);
    assert_int_equal(c.events.items[7].call, 0);
    assert_true(bytes_equal(fuzz_case_bytes(&c, c.events.items[8].name), BYTES("\x4d\x04\x02\x00", 4)));
    assert_int_equal(c.events.items[10].lane, LANE_NEAR_VALID);
    assert_int_equal(c.events.items[14].number, 0x105);
    assert_int_equal(c.events.items[21].number, 99);
    assert_int_equal(fuzz_case_print(&c, kit.pool, &again), 0);
    /* What is wrong with the one message that is broken is said behind it. */
    const char *comment = strstr(text_string(&again), " # ");
    assert_non_null(comment);
    assert_non_null(strstr(comment, "store.ReadRequest"));
    struct text plain = TEXT_INIT;
    text_add(&plain, again.data, (size_t)(comment - again.data));
    text_puts(&plain, strchr(comment, '\n'));
    assert_string_equal(text_string(&plain), text_string(&given));
    text_deinit(&plain);
    text_deinit(&given);
    text_deinit(&again);
    fuzz_case_deinit(&c);
}

/* As people write it: blanks, comments, JSON over several lines, names of JSON, upper-case digits. */
static void test_script_free(void **state)
{
    (void)state;
    static const char script[] = "# a comment\r\n\r\n  call   /store.Store/Write # another\n"
                                 "message 0 {\n  \"record\": {\"key\": \"a}{\\\"\"} # \n}\n"
                                 "#\nhalf-close 0x0";
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    int rc = fuzz_case_parse(bytes_of(script), "case", kit.pool, &c, &err);
    assert_int_equal(rc, ERROR_SYNTAX); /* JSON has no comments */
    assert_int_equal(err.line, 5);
    struct text better = TEXT_INIT;
    text_puts(&better, script);
    *strstr(better.data, "# \n}") = ' ';
    if (fuzz_case_parse(text_bytes(&better), "case", kit.pool, &c, &err))
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    assert_int_equal(c.events.count, 3);
    expect_bytes(&c, 1,
                 "\x0a\x06\x0a\x04"
                 "a}{\"");
    error_clear(&err);
    text_deinit(&better);
    fuzz_case_deinit(&c);
}

static void test_script_errors(void **state)
{
    (void)state;
    static const struct {
        const char *script, *message;
    } cases[] = {
        {"jump 0", "case:1:1: expected what happens: call, message, half-close ..., not \"jump\""},
        {"\"call\" x", "case:1:1: expected what happens: call, message, half-close ..., not bytes in quotes"},
        {"call", "case:1:5: expected a name, not the end of the line"},
        {"call /a/b deadline=5", "case:1:20: expected a duration such as 5s, 20ms, 3us or 7ns, below 2^64 ns, "
                                 "not \"5\""},
        {"call /a/b deadline=99999999999s", "case:1:20: expected a duration such as 5s, 20ms, 3us or 7ns, below 2^64 "
                                            "ns, not \"99999999999s\""},
        {"call /a/b colour=red", "case:1:11: expected deadline, defect, call, number, name, value or flags before ="},
        {"message 0 {}", "case:1:11: JSON of a call whose method is not known here: its bytes are needed, as "
                         "x\"...\""},
        {"call /store.Store/Read\nmessage 0 {\"kay\":\"\"}",
         "case:2:13: store.ReadRequest: store.ReadRequest has no field \"kay\""},
        {"message 0", "case:1:10: expected a message: JSON, \"...\" or x\"...\", not the end of the line"},
        {"message x x\"00\"", "case:1:9: expected a call's number, not \"x\""},
        {"message 4294967296 x\"00\"", "case:1:9: expected a call's number, not \"4294967296\""},
        {"message 0 x\"0\"", "case:1:13: expected two hexadecimal digits"},
        {"message 0 \"abc", "case:1:11: quotes that are not closed on their line"},
        {"message 0 \"\\q\"", "case:1:12: expected \\\", \\\\, \\n, \\r, \\t or \\xHH"},
        {"message 0 {\"a\":1", "case:1:11: a brace that is not closed"},
        {"message 0 x\"\" loud", "case:1:15: expected a flag, a lane, key=... or the end of the line, not \"loud\""},
        {"link 0 a -> b", "case:1:6: expected a call and the number of its reply such as 0.1, not \"0\""},
        {"link 0.0 #0 -> #1", "case:1:11: expected a field number from 1 to 536870911"},
        {"link 0.0 #1[x] -> #1", "case:1:13: expected an index"},
        {"link 0.0 key -> #1", "case:1:10: expected # and a field number: the type is not known"},
        {"link 0.0 #1 #2", "case:1:13: expected ->, not \"#2\""},
        {"call /store.Store/Read\nlink 0.0 records.kay -> key\nmessage 0 {}",
         "case:2:18: expected a field the type has, or # and a number"},
        {"call /store.Store/Read\nlink 0.0 records[0].key -> kay\nmessage 0 {}",
         "case:2:28: expected a field the type has, or # and a number"},
        {"frame loud:0x1 1 \"\"", "case:1:7: expected a frame's type and flags such as headers:0x4, or a number, not "
                                  "\"loud:0x1\""},
        {"event 4 \"\"", "case:1:7: expected the number of a kind that has no name, at most 255, not \"4\""},
        {"time soon", "case:1:6: expected a duration such as 5s, 20ms, 3us or 7ns, below 2^64 ns, not \"soon\""},
        {"connect store sideways", "case:1:15: expected grpc, http or a number, not \"sideways\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_true(fuzz_case_parse(bytes_of(cases[i].script), "case", kit.pool, &c, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
        fuzz_case_deinit(&c);
    }
}

static void test_file_errors(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t len;
        int code;
        const char *message;
    } cases[] = {
        {"", 0, ERROR_SYNTAX, "byte 0: not a test case: it does not begin with \"HFZ1\""},
        {"HFZ2", 4, ERROR_SYNTAX, "byte 0: not a test case: it does not begin with \"HFZ1\""},
        {"HFZ1\4", 5, ERROR_SYNTAX, "byte 5: the record ends inside a number, or the number has no end"},
        {"HFZ1\4\5ab", 8, ERROR_SYNTAX, "byte 6: a length that reaches past the end"},
        {"HFZ1\4\0", 6, ERROR_SYNTAX, "byte 6: an event without parts"},
        {"HFZ1\4\6\3\0\0\0\0\0", 12, ERROR_INVALID, "byte 6: a lane is 0, 1 or 2"},
        {"HFZ1\4\10\0\200\200\4\0\0\0\0", 14, ERROR_LIMIT, "byte 7: flags have 16 bits"},
        {"HFZ1\4\7\0\0\0\0\0\0x", 13, ERROR_SYNTAX, "byte 12: an event with more than its parts"},
        {"HFZ1\4\6\0\0\0\0\5\0", 12, ERROR_SYNTAX, "byte 11: a length that reaches past the end"},
        {"HFZ1\4\377\377\377\177", 9, ERROR_LIMIT, "byte 5: more bytes than a case may have"},
    };
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(fuzz_case_read(BYTES(cases[i].file, cases[i].len), &c, &err), cases[i].code);
        assert_string_equal(err.message, cases[i].message);
    }
    struct text file = TEXT_INIT;
    text_puts(&file, "HFZ1");
    for (int i = 0; i <= FUZZ_CASE_EVENTS_MAX; i++)
        text_add(&file, "\xC8\0", 2);
    assert_int_equal(fuzz_case_read(text_bytes(&file), &c, &err), ERROR_LIMIT);
    assert_string_equal(err.message, "byte 516: more events than a case may have");
    /* A newer program's corpus: what is not known stays as it was. */
    text_truncate(&file, 4);
    text_add(&file, "\xC8\3abc", 5);
    assert_int_equal(fuzz_case_read(text_bytes(&file), &c, &err), 0);
    struct text again = TEXT_INIT;
    assert_int_equal(fuzz_case_write(&c, &again), 0);
    assert_true(bytes_equal(text_bytes(&file), text_bytes(&again)));
    text_deinit(&again);
    text_deinit(&file);
    error_clear(&err);
    fuzz_case_deinit(&c);
}

static void test_from_bytes(void **state)
{
    (void)state;
    struct fuzz_case c = FUZZ_CASE_INIT, read = FUZZ_CASE_INIT;
    struct text file = TEXT_INIT;
    assert_int_equal(fuzz_case_from_bytes(bytes_of("anything"), "/store.Store/Read", &c), 0);
    assert_int_equal(c.events.count, 3);
    assert_string_equal(fuzz_case_method(&c, 0, kit.pool)->path, "/store.Store/Read");
    expect_bytes(&c, 1, "anything");
    assert_int_equal(c.events.items[1].lane, LANE_GARBAGE);
    assert_int_equal(fuzz_case_write(&c, &file), 0);
    assert_int_equal(fuzz_case_from_bytes(text_bytes(&file), "/x/Y", &read), 0);
    assert_true(fuzz_case_equal(&c, &read));
    /* Broken in its last event: the others are kept. */
    assert_int_equal(fuzz_case_from_bytes(BYTES(file.data, file.len - 1), "/x/Y", &read), 0);
    assert_int_equal(read.events.count, 2);
    assert_int_equal(fuzz_case_from_bytes(BYTES(file.data, 6), "/x/Y", &read), 0);
    assert_int_equal(read.events.count, 3);
    assert_int_equal(read.events.items[1].value.len, 6);
    text_deinit(&file);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_building),      cmocka_unit_test(test_tidy),        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_both_forms),    cmocka_unit_test(test_script),      cmocka_unit_test(test_script_free),
        cmocka_unit_test(test_script_errors), cmocka_unit_test(test_file_errors), cmocka_unit_test(test_from_bytes),
    };
    return cmocka_run_group_tests(tests, kit_load, kit_unload);
}
