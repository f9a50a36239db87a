/* The checkers on histories whose verdict is known. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/units.h"
#include "chaos/check/check.h"
#include "chaos/history/file.h"

#include <stdio.h>
#include <string.h>

/* One line per operation: process, 'r' or 'w', value, invoked, ended, how ("ok", "info", "fail"). */
static void add(struct history *h, int process, char kind, int64_t value, uint64_t invoked, uint64_t ended,
                enum operation_end end)
{
    int64_t i = history_invoke(h, process, kind == 'r' ? OPERATION_READ : OPERATION_WRITE, 0,
                               kind == 'r' ? VALUE_NIL : value, invoked);
    assert_true(i >= 0);
    history_end(h, i, end, value, ended);
}

static enum verdict judge(const struct history *h)
{
    const struct check_limits limits = CHECK_LIMITS_DEFAULT;
    struct check_result fast, slow;
    check_result_init(&fast);
    check_result_init(&slow);
    assert_int_equal(check_register(h, &fast), 0);
    assert_int_equal(check_exhaustive(check_model_find("register"), h, &limits, &slow, NULL), 0);
    assert_int_equal(fast.verdict, slow.verdict);
    if (fast.verdict == VERDICT_INVALID) {
        assert_true(fast.witness.count > 0);
        assert_true(fast.reason[0] != '\0');
    }
    enum verdict v = fast.verdict;
    check_result_deinit(&fast);
    check_result_deinit(&slow);
    return v;
}

static void test_known(void **state)
{
    (void)state;
    struct history h;

    history_init(&h); /* a stale read after a newer write was acknowledged */
    add(&h, 0, 'w', 1, 0, 10, END_OK);
    add(&h, 0, 'w', 2, 20, 30, END_OK);
    add(&h, 1, 'r', 1, 40, 50, END_OK);
    assert_int_equal(judge(&h), VERDICT_INVALID);
    history_deinit(&h);

    history_init(&h); /* the same, but the second write is not known to have happened */
    add(&h, 0, 'w', 1, 0, 10, END_OK);
    add(&h, 0, 'w', 2, 20, 30, END_INFO);
    add(&h, 1, 'r', 1, 40, 50, END_OK);
    add(&h, 1, 'r', 2, 60, 70, END_OK);
    assert_int_equal(judge(&h), VERDICT_VALID);
    history_deinit(&h);

    history_init(&h); /* and once seen it stays */
    add(&h, 0, 'w', 1, 0, 10, END_OK);
    add(&h, 0, 'w', 2, 20, 30, END_INFO);
    add(&h, 1, 'r', 2, 40, 50, END_OK);
    add(&h, 1, 'r', 1, 60, 70, END_OK);
    assert_int_equal(judge(&h), VERDICT_INVALID);
    history_deinit(&h);

    history_init(&h); /* absent again after an acknowledged write */
    add(&h, 0, 'w', 1, 0, 10, END_OK);
    add(&h, 1, 'r', VALUE_NIL, 20, 30, END_OK);
    assert_int_equal(judge(&h), VERDICT_INVALID);
    history_deinit(&h);

    history_init(&h); /* a failed write must not be seen */
    add(&h, 0, 'w', 1, 0, 10, END_FAIL);
    add(&h, 1, 'r', 1, 20, 30, END_OK);
    assert_int_equal(judge(&h), VERDICT_INVALID);
    history_deinit(&h);

    history_init(&h); /* a read from the future */
    add(&h, 1, 'r', 1, 0, 5, END_OK);
    add(&h, 0, 'w', 1, 10, 20, END_OK);
    assert_int_equal(judge(&h), VERDICT_INVALID);
    history_deinit(&h);

    history_init(&h); /* concurrent writes, readers agree */
    add(&h, 0, 'w', 1, 0, 100, END_OK);
    add(&h, 1, 'w', 2, 0, 100, END_OK);
    add(&h, 2, 'r', 2, 10, 20, END_OK);
    add(&h, 2, 'r', 1, 30, 40, END_OK);
    assert_int_equal(judge(&h), VERDICT_VALID);
    add(&h, 2, 'r', 2, 50, 60, END_OK); /* now they do not */
    assert_int_equal(judge(&h), VERDICT_INVALID);
    history_deinit(&h);
}

/* Random times and values, legal or not as it falls; about half of what comes out is illegal. */
static void make_random(struct random *r, struct history *h)
{
    int operations = (int)random_range(r, 2, 9);
    int64_t written = 0;
    history_init(h);
    for (int i = 0; i < operations; i++) {
        uint64_t invoked = random_below(r, 40), ended = invoked + 1 + random_below(r, 25);
        if (random_below(r, 2) == 0) {
            uint64_t lot = random_below(r, 10);
            add(h, i, 'w', ++written, invoked, ended, lot == 0 ? END_FAIL : lot < 3 ? END_INFO : END_OK);
        } else {
            int64_t value = (int64_t)random_below(r, (uint64_t)written + 2);
            add(h, i, 'r', value > 0 ? value : VALUE_NIL, invoked, ended, random_below(r, 12) == 0 ? END_FAIL : END_OK);
        }
    }
}

static void test_keys_apart(void **state)
{
    (void)state;
    struct history h;
    struct check_result c;
    check_result_init(&c);
    history_init(&h);
    for (uint32_t key = 0; key < 3; key++) {
        int64_t i = history_invoke(&h, 0, OPERATION_WRITE, key, 1 + key, 0);
        history_end(&h, i, END_OK, 0, 10);
    }
    int64_t i = history_invoke(&h, 1, OPERATION_READ, 1, VALUE_NIL, 20);
    history_end(&h, i, END_OK, VALUE_NIL, 30);
    assert_int_equal(check_register(&h, &c), 0);
    assert_int_equal(c.verdict, VERDICT_INVALID);
    assert_int_equal(c.key, 1);
    check_result_deinit(&c);
    history_deinit(&h);
}

static void test_lost(void **state)
{
    (void)state;
    struct history h;
    struct check_result c;
    check_result_init(&c);
    history_init(&h);
    add(&h, 0, 'w', 1, 0, 10, END_OK);
    add(&h, 0, 'w', 2, 20, 30, END_OK);
    size_t final_from = h.count;
    add(&h, 1, 'r', 2, 40, 50, END_OK);
    assert_int_equal(check_lost_writes(&h, final_from, &c), 0);
    assert_int_equal(c.verdict, VERDICT_VALID);
    h.operations[final_from].value = 1;
    assert_int_equal(check_lost_writes(&h, final_from, &c), 0);
    assert_int_equal(c.verdict, VERDICT_INVALID);
    assert_int_equal(c.witness.items[0], 1);
    h.operations[final_from].value = VALUE_NIL;
    assert_int_equal(check_lost_writes(&h, final_from, &c), 0);
    assert_int_equal(c.verdict, VERDICT_INVALID);
    h.operations[1].end = END_INFO; /* only the first is owed */
    h.operations[1].ended = UINT64_MAX;
    h.operations[final_from].value = 1;
    assert_int_equal(check_lost_writes(&h, final_from, &c), 0);
    assert_int_equal(c.verdict, VERDICT_VALID);
    check_result_deinit(&c);
    history_deinit(&h);
}

static void test_written_and_read_back(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 7);
    for (int i = 0; i < 500; i++) {
        struct history h, again;
        struct text out = TEXT_INIT, twice = TEXT_INIT;
        struct error err = ERROR_INIT;
        struct check_result a, b;
        check_result_init(&a);
        check_result_init(&b);
        make_random(&r, &h);
        assert_int_equal(history_write(&h, &out), 0);
        assert_int_equal(history_read(text_string(&out), out.len, "h.jsonl", &again, &err), 0);
        assert_int_equal(again.count, h.count);
        assert_int_equal(history_write(&again, &twice), 0);
        assert_string_equal(text_string(&out), text_string(&twice));
        check_register(&h, &a);
        check_register(&again, &b);
        assert_int_equal(a.verdict, b.verdict);
        check_result_deinit(&a);
        check_result_deinit(&b);
        text_deinit(&out);
        text_deinit(&twice);
        history_deinit(&h);
        history_deinit(&again);
    }
}

/* One client whose operations begin at the instant the one before ended: it must not seem to do two at a time. */
static void test_same_instant(void **state)
{
    (void)state;
    struct history h, again;
    struct text out = TEXT_INIT;
    history_init(&h);
    add(&h, 0, 'w', 1, 10, 20, END_OK);
    add(&h, 1, 'r', VALUE_NIL, 20, 20, END_OK);
    add(&h, 0, 'w', 2, 20, 20, END_OK);
    add(&h, 0, 'r', 2, 20, 30, END_OK);
    assert_int_equal(history_write(&h, &out), 0);
    assert_int_equal(history_read(text_string(&out), out.len, "h.jsonl", &again, NULL), 0);
    assert_int_equal(again.count, 4);
    assert_int_equal(judge(&again), VERDICT_VALID);
    text_deinit(&out);
    history_deinit(&h);
    history_deinit(&again);
}

/* Lines of JSON, an operation's invocation and end each, the nth invoked at n. */
static void expect(const char *model, const char *lines, enum verdict verdict, const char *reason)
{
    struct history h;
    struct error err = ERROR_INIT;
    struct check_result c;
    check_result_init(&c);
    if (history_read(lines, strlen(lines), "h.jsonl", &h, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(check_run(check_model_find(model), &h, NULL, &c, &err), 0);
    if (c.verdict != verdict || strstr(c.reason, reason) == NULL)
        fail_msg("%s: %s: %s", model, verdict_name(c.verdict), c.reason);
    check_result_deinit(&c);
    history_deinit(&h);
}

#define LINE(type, process, f, value, time, more)                                                                      \
    "{\"type\":\"" type "\",\"process\":" process ",\"f\":\"" f "\",\"key\":\"k\",\"value\":" value                    \
    ",\"time\":" time more "}\n"

/* A watch that left out a write whose end nobody learnt: that somebody read it says that it was there. */
#define WATCHED(seen)                                                                                                  \
    LINE("invoke", "0", "write", "1", "1", "")                                                                         \
    LINE("ok", "0", "write", "1", "2", ",\"revision\":1")                                                              \
    LINE("invoke", "9", "watch", "null", "3", ",\"watch\":7")                                                          \
    LINE("ok", "9", "watch", "[[1,1]]", "4", ",\"watch\":7")                                                           \
    LINE("invoke", "1", "write", "2", "5", "")                                                                         \
    seen LINE("invoke", "3", "write", "3", "8", "") LINE("ok", "3", "write", "3", "9", ",\"revision\":3")              \
        LINE("invoke", "9", "watch", "null", "10", ",\"watch\":7")                                                     \
            LINE("ok", "9", "watch", "[[3,3]]", "11", ",\"watch\":7") LINE("info", "1", "write", "2", "12", "")

static void test_watch_left_out(void **state)
{
    (void)state;
    expect("watch", WATCHED(""), VERDICT_VALID, "");
    expect("watch", WATCHED(LINE("invoke", "2", "read", "null", "6", "") LINE("ok", "2", "read", "2", "7", "")),
           VERDICT_INVALID, "was not told 2");
}

/* A refused token that was issued and that nothing had ended. */
#define REFUSED(before)                                                                                                \
    LINE("invoke", "0", "issue", "null", "1", "")                                                                      \
    LINE("ok", "0", "issue", "5", "2", "")                                                                             \
    before LINE("invoke", "1", "use", "5", "6", "") LINE("fail", "1", "use", "5", "7", "")
#define USED    LINE("invoke", "2", "use", "5", "3", "") LINE("ok", "2", "use", "5", "4", "")
#define REVOKED LINE("invoke", "2", "revoke", "5", "3", "")

static void test_refused(void **state)
{
    (void)state;
    expect("token", REFUSED(""), VERDICT_VALID, "");
    expect("token-exact", REFUSED(""), VERDICT_INVALID, "was refused");
    expect("token-exact", REFUSED(USED), VERDICT_INVALID, "was refused");
    expect("token-exact", REFUSED(REVOKED), VERDICT_VALID, "");
    expect("redeem-once-exact", REFUSED(""), VERDICT_INVALID, "was refused");
    expect("redeem-once-exact", REFUSED(USED), VERDICT_VALID, "");
}

/* Equal additions: bounds by themselves would allow the read, but the two additions lie whole before it. */
static void test_counter_windows(void **state)
{
    (void)state;
    expect("counter",
           LINE("invoke", "0", "add", "1", "1", "") LINE("invoke", "1", "read", "null", "1", "")
               LINE("ok", "1", "read", "1", "2", "") LINE("invoke", "2", "add", "1", "3", "")
                   LINE("ok", "2", "add", "1", "4", "") LINE("invoke", "3", "read", "null", "5", "")
                       LINE("ok", "3", "read", "1", "6", "") LINE("ok", "0", "add", "1", "7", ""),
           VERDICT_INVALID, "which was at least 2");
    expect("counter",
           LINE("invoke", "0", "add", "2", "1", "") LINE("ok", "0", "add", "2", "2", "")
               LINE("invoke", "3", "read", "null", "5", "") LINE("ok", "3", "read", "1", "6", ""),
           VERDICT_INVALID, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),        cmocka_unit_test(test_keys_apart),
        cmocka_unit_test(test_lost),         cmocka_unit_test(test_written_and_read_back),
        cmocka_unit_test(test_same_instant), cmocka_unit_test(test_watch_left_out),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_counter_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
