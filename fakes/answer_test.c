/* What is asked and answered: pieces of both. */
#include "base/test.h"

#include "base/failing.h"
#include "fakes/answer.h"

#include <stdlib.h>
#include <string.h>

static void messages_of_a_request(void **state)
{
    (void)state;
    const size_t ends[] = {2, 2, 5};
    struct fake_asked asked = {.request = BYTES("abcde", 5), .ends = ends, .messages = 3};
    assert_true(bytes_is(fake_asked_message(&asked, 0), "ab"));
    assert_int_equal(fake_asked_message(&asked, 1).len, 0);
    assert_true(bytes_is(fake_asked_message(&asked, 2), "cde"));
    assert_null(fake_asked_message(&asked, 3).data);
}

static void an_answer(void **state)
{
    (void)state;
    struct fake_answer a;
    char name[] = "x-name";
    uint8_t value[] = {0, 1, 0xff};
    fake_answer_init(&a);
    assert_true(fake_answer_add(&a, bytes_of("one")));
    assert_true(fake_answer_add(&a, BYTES_NONE));
    text_puts(&a.replies, "three");
    assert_true(fake_answer_mark(&a, 7));
    assert_int_equal(a.marks.count, 3);
    assert_int_equal(a.marks.items[0].end, 3);
    assert_int_equal(a.marks.items[1].end, 3);
    assert_int_equal(a.marks.items[2].end, 8);
    assert_int_equal(a.marks.items[2].delay, 7);
    /* Headers are copies, bytes and all. */
    assert_true(fake_answer_header(&a, name, BYTES(value, 3), true));
    memset(name, 'y', 6);
    memset(value, 9, 3);
    assert_string_equal(a.headers.items[0].name, "x-name");
    assert_memory_equal(a.headers.items[0].value.data, "\0\1\xff", 3);
    assert_true(a.headers.items[0].trailer);
    fake_answer_fail(&a, GRPC_ABORTED, "%d of %s", 3, "four");
    fake_answer_fail(&a, GRPC_NOT_FOUND, "no %s", "key");
    assert_int_equal(a.status, GRPC_NOT_FOUND);
    assert_string_equal(text_string(&a.message), "no key");
    a.ending = FAKE_RESETS;
    a.delay = 5;
    a.by = "me";
    fake_answer_clear(&a);
    assert_int_equal(a.status, GRPC_OK);
    assert_int_equal(a.message.len + a.replies.len + a.details.len + a.marks.count + a.headers.count, 0);
    assert_int_equal(a.ending, FAKE_ENDS);
    assert_int_equal(a.delay, 0);
    assert_null(a.by);
    fake_answer_deinit(&a);
}

/* What had no memory says so, and nothing of it is there. */
static void memory_runs_out(void **state)
{
    (void)state;
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        struct fake_answer a;
        fake_answer_init(&a);
        failing_arm(n);
        bool added = fake_answer_add(&a, bytes_of("a reply of some length, so that it takes memory"));
        bool headed = fake_answer_header(&a, "name", bytes_of("value"), false);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(hit, !added || !headed);
        assert_int_equal(a.marks.count, added ? 1 : 0);
        assert_int_equal(a.headers.count, headed ? 1 : 0);
        fake_answer_deinit(&a);
    }
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_a_request),
        cmocka_unit_test(an_answer),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
