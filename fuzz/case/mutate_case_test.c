/* Whole cases, generated and mutated: within their limits, always the same for the same seed, with everything there is
 * to try tried, and without an allocation once memory has grown. */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/case/links.h"
#include "fuzz/case/mutate_case.h"
#include "fuzz/case/test_kit.h"
#include "fuzz/message/defect.h"

#define CASES     4000
#define MUTATIONS 30000
#define TALLY_MAX 300

/* Spans lie in the data; what has a call's number has one that was opened, at least for generated cases. */
static void expect_whole(const struct fuzz_case *c, bool generated)
{
    size_t calls = fuzz_case_calls(c);
    assert_true(c->events.count > 0 && c->events.count <= FUZZ_CASE_EVENTS_MAX);
    assert_true(fuzz_case_size(c) <= FUZZ_CASE_BYTES_MAX && c->data.len <= FUZZ_CASE_BYTES_MAX);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        assert_true(e->kind > 0 && e->kind < EVENT_KIND_COUNT && e->lane < LANE_COUNT);
        assert_true((size_t)e->name.at + e->name.len <= c->data.len || e->name.len == 0);
        assert_true((size_t)e->value.at + e->value.len <= c->data.len || e->value.len == 0);
        assert_true(!generated || !fuzz_event_has_call(e->kind) || e->call < calls);
        if (e->kind != EVENT_MESSAGE)
            continue;
        const struct pb_method *m = fuzz_case_method(c, e->call, kit.pool);
        struct bytes name = fuzz_case_bytes(c, e->name), value = fuzz_case_bytes(c, e->value);
        char defect[64];
        if (generated && e->lane == LANE_VALID && m && pb_scan(m->input->descriptor, value, NULL))
            fail_msg("a message of the lane valid is refused: %s", m->path);
        if (e->lane == LANE_NEAR_VALID) {
            assert_true(name.len > 0 && name.len < sizeof defect);
            memcpy(defect, name.data, name.len);
            defect[name.len] = '\0';
            if (!defect_find(defect) && strcmp(defect, "cut") != 0 && strcmp(defect, "tag-truncated") != 0)
                fail_msg("no defect is called %s", defect);
        }
    }
}

static void test_generate(void **state)
{
    (void)state;
    struct random r, same;
    struct fuzz_case c = FUZZ_CASE_INIT, again = FUZZ_CASE_INIT;
    size_t kinds[EVENT_KIND_COUNT] = {0}, lanes[LANE_COUNT] = {0}, calls[FUZZ_CASE_CALLS_MAX + 1] = {0};
    size_t interleaved = 0, streams[4] = {0}, empty = 0, late = 0, binary = 0;
    uint32_t flags = 0;
    static const char *const components[] = {"store", "auth"};
    random_seed(&r, 1);
    kit.source.components = components;
    kit.source.component_count = 2;
    for (int n = 0; n < CASES; n++) {
        same = r;
        assert_int_equal(fuzz_generate_case(&r, &kit.source, &c), 0);
        assert_int_equal(fuzz_generate_case(&same, &kit.source, &again), 0);
        assert_true(fuzz_case_equal(&c, &again));
        expect_whole(&c, true);
        calls[fuzz_case_calls(&c)]++;
        uint32_t last = 0;
        bool ended[FUZZ_CASE_CALLS_MAX] = {false};
        for (size_t i = 0; i < c.events.count; i++) {
            const struct fuzz_event *e = &c.events.items[i];
            kinds[e->kind]++;
            flags |= e->flags;
            if (e->kind == EVENT_CALL) {
                const struct pb_method *m = fuzz_case_method(&c, fuzz_event_call(&c, i), kit.pool);
                assert_non_null(m);
                streams[m->client_streaming * 2 + m->server_streaming]++;
            }
            if (e->kind == EVENT_METADATA && e->name.len > 4 && e->value.len > 0)
                binary += memcmp(c.data.data + e->name.at + e->name.len - 4, "-bin", 4) == 0;
            if (e->kind == EVENT_HALF_CLOSE)
                ended[e->call] = true;
            if (e->kind != EVENT_MESSAGE)
                continue;
            lanes[e->lane]++;
            empty += e->value.len == 0;
            late += ended[e->call];
            interleaved += e->call < last;
            last = e->call > last ? e->call : last;
        }
    }
    for (size_t k = 1; k < EVENT_KIND_COUNT; k++) {
        bool raw = k == EVENT_CONNECT || k == EVENT_FRAME || k == EVENT_HEADERS || k == EVENT_BYTES || k == EVENT_HTTP;
        if ((kinds[k] == 0) != raw)
            fail_msg("%zu events of the kind %s", kinds[k], fuzz_event_kind_name((unsigned)k));
    }
    for (int i = 1; i <= FUZZ_CASE_CALLS_MAX; i++)
        assert_true(calls[i] > 50);
    for (int i = 0; i < 4; i++)
        assert_true(streams[i] > 10);
    for (int i = 0; i < LANE_COUNT; i++)
        assert_true(lanes[i] > CASES / 20);
    assert_int_equal(flags & 0x7F, 0x7F);
    assert_true(interleaved > 50 && empty > 50 && late > 50 && binary > 50);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&again);
}

static void test_oversize(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    size_t oversize = 0;
    struct case_source s = kit.source;
    s.oversize = 5 << 20;
    random_seed(&r, 2);
    for (int n = 0; n < 2000; n++) {
        assert_int_equal(fuzz_generate_case(&r, &s, &c), 0);
        for (size_t i = 0; i < c.events.count; i++)
            oversize += c.events.items[i].value.len > s.oversize;
        assert_true(fuzz_case_size(&c) <= FUZZ_CASE_BYTES_MAX);
    }
    assert_true(oversize > 0 && oversize < 100);
    fuzz_case_deinit(&c);
}

struct tally {
    const char *what[TALLY_MAX];
    size_t count[TALLY_MAX], kinds;
};

static void count(struct tally *t, const char *what)
{
    size_t i = 0;
    while (i < t->kinds && strcmp(t->what[i], what) != 0)
        i++;
    assert_true(i < TALLY_MAX);
    if (i == t->kinds)
        t->what[t->kinds++] = what;
    t->count[i]++;
}

static size_t counted(const struct tally *t, const char *what)
{
    for (size_t i = 0; i < t->kinds; i++)
        if (strcmp(t->what[i], what) == 0)
            return t->count[i];
    return 0;
}

/* Cases with events below gRPC as well. */
static void add_raw(struct random *r, struct fuzz_case *c)
{
    static const uint8_t kinds[] = {EVENT_CONNECT, EVENT_FRAME, EVENT_HEADERS, EVENT_BYTES, EVENT_HTTP};
    for (size_t i = 0; i < sizeof kinds; i++) {
        const struct fuzz_event e = {.kind = kinds[i], .call = 1, .number = random_below(r, 10)};
        fuzz_case_add(c, &e, bytes_of("store"), bytes_of("value: of some kind\n"));
    }
}

static void test_mutate(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "message-new",  "raw-number",      "metadata-new", "metadata-name", "metadata-value",   "event-remove",
        "event-insert", "event-duplicate", "event-swap",   "event-move",    "event-other-call", "call-new",
        "call-remove",  "call-duplicate",  "call-method",  "splice",        "deadline",         "flags",
        "number",       "environment",     "fault",        "link-new",      "link-remove",      "link-redirect",
        "havoc",
    };
    struct random r, same;
    struct fuzz_case c = FUZZ_CASE_INIT, other = FUZZ_CASE_INIT, was = FUZZ_CASE_INIT, again = FUZZ_CASE_INIT;
    struct case_mutated did, too;
    struct tally tally = {.kinds = 0};
    size_t unchanged = 0;
    random_seed(&r, 3);
    for (int n = 0; n < MUTATIONS; n++) {
        if (n % 40 == 0)
            assert_int_equal(fuzz_generate_case(&r, &kit.source, &c), 0);
        if (n % 80 == 0)
            add_raw(&r, &c);
        if (n % 7 == 0)
            assert_int_equal(fuzz_generate_case(&r, &kit.source, &other), 0);
        struct case_mutation m = {.source = &kit.source,
                                  .other = n % 3 ? &other : NULL,
                                  .lane = (enum fuzz_lane)random_below(&r, LANE_COUNT)};
        assert_int_equal(fuzz_case_copy(&was, &c), 0);
        assert_int_equal(fuzz_case_copy(&again, &c), 0);
        same = r;
        assert_int_equal(fuzz_mutate_case(&r, &c, &m, &did), 0);
        assert_int_equal(fuzz_mutate_case(&same, &again, &m, &too), 0);
        assert_true(fuzz_case_equal(&c, &again) && did.what == too.what);
        if (c.events.count == 0)
            continue;
        expect_whole(&c, false);
        assert_true(c.events.count <= was.events.count || c.events.count <= FUZZ_CASE_GROWTH_EVENTS);
        unchanged += fuzz_case_equal(&c, &was);
        count(&tally, did.what);
    }
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (counted(&tally, expected[i]) == 0)
            fail_msg("%s was never done", expected[i]);
    size_t defects = 0;
    for (size_t i = 0; defect_at(i); i++)
        defects += counted(&tally, defect_at(i)->name) > 0;
    assert_true(defects > 20);
    assert_true(unchanged < MUTATIONS / 100); /* two of the same swapped, a splice of the same */
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&other);
    fuzz_case_deinit(&was);
    fuzz_case_deinit(&again);
}

/* Once memory has grown as far as it must, 80,000 mutations ask for none. */
static void test_steady(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT, other = FUZZ_CASE_INIT, seeds[16];
    struct case_mutated did;
    random_seed(&r, 4);
    for (size_t i = 0; i < 16; i++) {
        seeds[i] = FUZZ_CASE_INIT;
        assert_int_equal(fuzz_generate_case(&r, &kit.source, &seeds[i]), 0);
    }
    assert_true(text_reserve(&c.data, 1 << 20) && text_reserve(&other.data, 1 << 20));
    assert_true(text_reserve(&kit.scratch, 1 << 20) && text_reserve(&kit.scratch_wire, 1 << 20));
    assert_true(array_reserve(&c.events, FUZZ_CASE_EVENTS_MAX) && array_reserve(&other.events, FUZZ_CASE_EVENTS_MAX));
    failing_arm(SIZE_MAX);
    for (int n = 0; n < 20000; n++) {
        assert_int_equal(fuzz_case_copy(&c, &seeds[random_below(&r, 16)]), 0);
        for (int i = 0; i < 4; i++) {
            const struct case_mutation m = {.source = &kit.source,
                                            .other = &seeds[random_below(&r, 16)],
                                            .lane = (enum fuzz_lane)random_below(&r, LANE_COUNT)};
            assert_int_equal(fuzz_mutate_case(&r, &c, &m, &did), 0);
        }
        if (n % 10 == 0)
            assert_int_equal(fuzz_generate_case(&r, &kit.source, &other), 0);
    }
    size_t allocations = failing_count();
    failing_disarm();
    assert_int_equal(allocations, 0);
    for (size_t i = 0; i < 16; i++)
        fuzz_case_deinit(&seeds[i]);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&other);
}

static void expect_script(const struct fuzz_case *c, const char *script)
{
    struct text text = TEXT_INIT;
    assert_int_equal(fuzz_case_print(c, kit.pool, &text), 0);
    assert_string_equal(text_string(&text), script);
    text_deinit(&text);
}

/* Who refers to a call goes on referring to it, wherever it is. */
static void test_moving(void **state)
{
    (void)state;
    static const char script[] = "call /a/A\nmetadata x \"0\"\nmessage 0 \"a\"\ncall /b/B\nmessage 1 \"b\"\n"
                                 "frame data:0x1 1 \"\"\ncall /c/C\nlink 1.0 #1 -> #1\nmessage 2 \"c\"\n"
                                 "half-close 0\nawait 7\n";
    struct fuzz_case c = FUZZ_CASE_INIT, other = FUZZ_CASE_INIT;
    struct random r;
    random_seed(&r, 5);
    kit_parse(script, &c);
    fuzz_case_cut(&c, 0);
    expect_script(&c, "call /b/B\nmessage 0 \"b\"\nframe data:0x1 1 \"\"\ncall /c/C\nlink 0.0 #1 -> #1\n"
                      "message 1 \"c\"\nawait 6\n");
    kit_parse(script, &c);
    fuzz_case_cut(&c, 3); /* and the link from it */
    expect_script(&c, "call /a/A\nmetadata x \"0\"\nmessage 0 \"a\"\nframe data:0x1 1 \"\"\ncall /c/C\n"
                      "message 1 \"c\"\nhalf-close 0\nawait 6\n");
    kit_parse(script, &c);
    fuzz_case_move(&c, 6, 0);
    expect_script(&c, "call /c/C\ncall /a/A\nmetadata x \"0\"\nmessage 1 \"a\"\ncall /b/B\nmessage 2 \"b\"\n"
                      "frame data:0x1 1 \"\"\nlink 2.0 #1 -> #1\nmessage 0 \"c\"\nhalf-close 1\nawait 7\n");
    fuzz_case_move(&c, 0, 6);
    expect_script(&c, script);
    fuzz_case_move(&c, 0, 10);
    fuzz_case_move(&c, 10, 0);
    expect_script(&c, script);
    /* The tail of a case behind another one: what belonged to the head is not there. */
    kit_parse(script, &other);
    kit_parse("call /d/D\nmessage 0 \"d\"\n", &c);
    assert_int_equal(fuzz_case_append_tail(&r, &c, &other, 3), 0);
    expect_script(&c, "call /d/D\nmessage 0 \"d\"\ncall /b/B\nmessage 1 \"b\"\nframe data:0x1 1 \"\"\ncall /c/C\n"
                      "link 1.0 #1 -> #1\nmessage 2 \"c\"\nawait 7\n");
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&other);
}

/* Links that generation finds by names are between fields of that name. */
static void test_links(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    size_t links = 0, keys = 0;
    random_seed(&r, 6);
    for (int n = 0; n < 500; n++) {
        kit_parse("call /store.Store/List\ncall /store.Store/Read\nmessage 1 {}\n", &c);
        if (fuzz_insert_link(&r, &kit.source, &c, 2) < 0)
            continue;
        links++;
        struct fuzz_path to;
        assert_int_equal(c.events.items[2].kind, EVENT_LINK);
        assert_int_equal(c.events.items[2].call, 0);
        assert_true(fuzz_path_read(fuzz_case_bytes(&c, c.events.items[2].value), &to));
        keys += to.count == 1 && to.steps[0].number == 1;
    }
    assert_true(links > 100 && keys > 0);
    fuzz_case_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate), cmocka_unit_test(test_oversize), cmocka_unit_test(test_mutate),
        cmocka_unit_test(test_steady),   cmocka_unit_test(test_moving),   cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, kit_load, kit_unload);
}
