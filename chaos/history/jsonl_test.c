/* JSON lines: every function there and back, old files, and what is refused. */
#include "base/test.h"

#include "base/random.h"
#include "chaos/history/file.h"

#include <string.h>

static int64_t add(struct history *h, enum operation_function f, int64_t value, int64_t other, enum operation_end end)
{
    uint64_t now = h->count * 100 + 1000;
    int64_t i = history_invoke(h, (int32_t)h->count, f, 0, value, now);
    assert_true(i >= 0);
    if (end != END_OPEN)
        history_end(h, i, end, value, now + 50);
    h->operations[i].value = value;
    h->operations[i].other = other;
    return i;
}

static const char every_function[] =
    "{\"type\":\"invoke\",\"process\":0,\"f\":\"read\",\"key\":\"the \\\"key\\\"\",\"time\":1000}\n"
    "{\"type\":\"ok\",\"process\":0,\"f\":\"read\",\"key\":\"the \\\"key\\\"\",\"value\":\":seeded\",\"time\":1050}\n"
    "{\"type\":\"invoke\",\"process\":1,\"f\":\"cas\",\"key\":\"the \\\"key\\\"\",\"value\":[null,-3],\"time\":1100}\n"
    "{\"type\":\"fail\",\"process\":1,\"f\":\"cas\",\"key\":\"the \\\"key\\\"\",\"value\":[null,-3],\"time\":1150}\n"
    "{\"type\":\"invoke\",\"process\":2,\"f\":\"read\",\"key\":\"the \\\"key\\\"\",\"time\":1200}\n"
    "{\"type\":\"ok\",\"process\":2,\"f\":\"read\",\"key\":\"the \\\"key\\\"\",\"value\":[1,\"two\"],\"time\":1250}\n"
    "{\"type\":\"invoke\",\"process\":3,\"f\":\"poll\",\"key\":\"the \\\"key\\\"\",\"subscription\":7,\"time\":1300}\n"
    "{\"type\":\"ok\",\"process\":3,\"f\":\"poll\",\"key\":\"the \\\"key\\\"\",\"value\":[[1,17],[null,18]],"
    "\"subscription\":7,\"time\":1350}\n"
    "{\"type\":\"invoke\",\"process\":4,\"f\":\"send\",\"key\":\"the \\\"key\\\"\",\"value\":19,\"time\":1400}\n"
    "{\"type\":\"ok\",\"process\":4,\"f\":\"send\",\"key\":\"the \\\"key\\\"\",\"value\":19,\"offset\":3,"
    "\"revision\":18,\"time\":1450}\n"
    "{\"type\":\"invoke\",\"process\":5,\"f\":\"acquire\",\"key\":\"the \\\"key\\\"\",\"time\":1500}\n"
    "{\"type\":\"ok\",\"process\":5,\"f\":\"acquire\",\"key\":\"the \\\"key\\\"\",\"token\":4,\"time\":1550}\n"
    "{\"type\":\"invoke\",\"process\":6,\"f\":\"release\",\"key\":\"the \\\"key\\\"\",\"token\":4,\"time\":1600}\n"
    "{\"type\":\"invoke\",\"process\":7,\"f\":\"txn\",\"value\":[[\"read\",\"the \\\"key\\\"\",null],"
    "[\"write\",\"y\",\"two\"]],\"time\":1700}\n"
    "{\"type\":\"ok\",\"process\":7,\"f\":\"txn\",\"value\":[[\"read\",\"the "
    "\\\"key\\\"\",5],[\"write\",\"y\",\"two\"]],"
    "\"time\":1750}\n"
    "{\"type\":\"info\",\"process\":6,\"f\":\"release\",\"key\":\"the \\\"key\\\"\",\"token\":4,\"time\":1750}\n";

static void test_text_of_it(void **state)
{
    (void)state;
    struct history h, again;
    struct text out = TEXT_INIT, twice = TEXT_INIT;
    struct error err = ERROR_INIT;
    int64_t seeded, two;
    history_init(&h);
    assert_int_equal(history_key(&h, "the \"key\"", 9), 0);
    assert_int_equal(history_text_value(&h, ":seeded", 7, &seeded), 0);
    assert_int_equal(history_text_value(&h, "two", 3, &two), 0);
    add(&h, OPERATION_READ, seeded, VALUE_NIL, END_OK);
    add(&h, OPERATION_CAS, -3, VALUE_NIL, END_FAIL);
    assert_int_equal(
        history_set_list(&h, add(&h, OPERATION_READ, VALUE_NIL, VALUE_NIL, END_OK), (const int64_t[]){1, two}, 2), 0);
    assert_int_equal(
        history_set_list(&h, add(&h, OPERATION_POLL, VALUE_NIL, 7, END_OK), (const int64_t[]){1, 17, VALUE_NIL, 18}, 4),
        0);
    assert_int_equal(history_set_revision(&h, add(&h, OPERATION_SEND, 19, 3, END_OK), 18), 0);
    add(&h, OPERATION_ACQUIRE, VALUE_NIL, 4, END_OK);
    add(&h, OPERATION_RELEASE, VALUE_NIL, 4, END_INFO);
    assert_int_equal(history_key(&h, "y", 1), 1);
    assert_int_equal(history_set_list(&h, add(&h, OPERATION_TXN, VALUE_NIL, VALUE_NIL, END_OK),
                                      (const int64_t[]){OPERATION_READ, 0, 5, OPERATION_WRITE, 1, two}, 6),
                     0);
    assert_int_equal(history_write(&h, &out), 0);
    assert_string_equal(text_string(&out), every_function);
    assert_int_equal(history_read(text_string(&out), out.len, "h.jsonl", &again, &err), 0);
    assert_int_equal(history_write(&again, &twice), 0);
    assert_string_equal(text_string(&twice), every_function);
    assert_int_equal(history_revision(&again, 4), 18);
    assert_int_equal(again.operations[1].other, VALUE_NIL);
    assert_int_equal(again.operations[1].value, -3);
    history_deinit(&h);
    history_deinit(&again);
    text_deinit(&out);
    text_deinit(&twice);
}

/* Histories with every function, end and member, drawn; nothing of them may change on the way. */
static void test_every_operation(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 11);
    for (int round = 0; round < 300; round++) {
        struct history h, again;
        struct text out = TEXT_INIT;
        history_init(&h);
        int64_t text;
        assert_int_equal(history_text_value(&h, "\xc3\xa4\n", 3, &text), 0);
        for (int n = 0; n < 12; n++) {
            enum operation_function f = (enum operation_function)random_below(&r, OPERATION_FUNCTION_COUNT);
            int64_t values[] = {0, -5, 17, INT64_MAX, VALUE_TEXT_END, text};
            enum operation_end end = (enum operation_end)random_below(&r, 4);
            int64_t i = add(&h, f, values[random_below(&r, 6)], VALUE_NIL, end);
            if (f != OPERATION_READ && random_below(&r, 2) == 0)
                h.operations[i].other = values[random_below(&r, 6)];
            if (f == OPERATION_POLL || f == OPERATION_WATCH) {
                h.operations[i].value = VALUE_NIL;
                assert_int_equal(history_set_list(&h, i, values, 2 * random_below(&r, 4)), 0);
            }
            if (f == OPERATION_TXN) {
                int64_t parts[] = {OPERATION_READ,  0, end == END_OK ? values[random_below(&r, 6)] : VALUE_NIL,
                                   OPERATION_WRITE, 7, values[random_below(&r, 6)]};
                h.operations[i].value = VALUE_NIL;
                assert_int_equal(history_set_list(&h, i, parts, PART_SIZE * random_below(&r, 3)), 0);
            }
            if (random_below(&r, 3) == 0)
                assert_int_equal(history_set_revision(&h, i, 1 + random_below(&r, 100)), 0);
        }
        assert_int_equal(history_write(&h, &out), 0);
        assert_int_equal(history_read(text_string(&out), out.len, "h.jsonl", &again, NULL), 0);
        assert_int_equal(again.count, h.count);
        for (size_t i = 0; i < h.count; i++) {
            struct operation a = h.operations[i], b = again.operations[i];
            size_t m, n;
            const int64_t *x = history_list(&h, &a, &m), *y = history_list(&again, &b, &n);
            assert_int_equal(m, n);
            assert_true(m == 0 || memcmp(x, y, m * sizeof *x) == 0);
            a.list = b.list = 0;
            assert_memory_equal(&a, &b, offsetof(struct operation, end) + 1); /* behind it is padding */
            assert_int_equal(history_revision(&h, i), history_revision(&again, i));
        }
        text_deinit(&out);
        history_deinit(&h);
        history_deinit(&again);
    }
}

#define INVOKE(more) "{\"type\":\"invoke\",\"process\":1," more "}"

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {INVOKE("\"f\":\"read\",\"key\":0,\"time\":1") "\n[", "h.jsonl:2:1: ']' expected near end of file"},
        {"[1]", "h.jsonl:1:1: a line of a history is an object: {\"type\":\"invoke\", ...}"},
        {"{\"type\":\"ok\",\"process\":0,\"f\":\"read\",\"key\":0,\"time\":1,\"value\":0}",
         "h.jsonl:1:1: an operation ends here that was never invoked"},
        {"{\"type\":\"done\",\"process\":0}", "h.jsonl:1:2: \"type\" is \"invoke\", \"ok\", \"fail\" or \"info\""},
        {INVOKE("\"f\":\"cash\",\"key\":0,\"time\":1"),
         "h.jsonl:1:30: \"f\" is read, write, cas, add, remove, enqueue, dequeue, acquire, release, send, poll, "
         "acknowledge, watch, issue, use, revoke or txn"},
        {INVOKE("\"f\":\"txn\",\"time\":1"), "h.jsonl:1:1: a txn has a \"value\""},
        {INVOKE("\"f\":\"txn\",\"value\":7,\"time\":1"),
         "h.jsonl:1:40: the value of a txn is a list: [[\"read\",\"x\",null],[\"write\",\"y\",2]]"},
        {INVOKE("\"f\":\"txn\",\"value\":[[\"cas\",0,1]],\"time\":1"),
         "h.jsonl:1:40: a part of a txn is [\"read\", key, value] or [\"write\", key, value]"},
        {INVOKE("\"f\":\"txn\",\"value\":[[\"write\",-1,1]],\"time\":1"),
         "h.jsonl:1:40: a key that is a number is between 0 and 4294967295"},
        {"{\"type\":\"invoke\",\"process\":-1,\"f\":\"read\",\"key\":0,\"time\":1}",
         "h.jsonl:1:18: \"process\" is a whole number between 0 and 1048575"},
        {INVOKE("\"f\":\"read\",\"key\":0,\"time\":-1"), "h.jsonl:1:49: \"time\" is a whole number of nanoseconds"},
        {INVOKE("\"f\":\"read\",\"time\":1"), "h.jsonl:1:1: an event has a \"key\": a whole number or a name"},
        {INVOKE("\"f\":\"read\",\"key\":4294967296,\"time\":1"),
         "h.jsonl:1:41: a key that is a number is between 0 and 4294967295"},
        {INVOKE("\"f\":\"write\",\"key\":0,\"time\":1"), "h.jsonl:1:1: a write has a \"value\""},
        {INVOKE("\"f\":\"write\",\"key\":0,\"value\":1.5,\"time\":1"),
         "h.jsonl:1:50: a value is a whole number above -2305843009213693953, a text or null"},
        {INVOKE("\"f\":\"cas\",\"key\":0,\"value\":1,\"time\":1"), "h.jsonl:1:48: the value of a cas is [from, to]"},
        {INVOKE("\"f\":\"read\",\"key\":0,\"time\":5") "\n"
                                                       "{\"type\":\"invoke\",\"process\":2,\"f\":\"read\",\"key\":0,"
                                                       "\"time\":4}",
         "h.jsonl:2:1: this event is earlier than the one before it"},
        {INVOKE("\"f\":\"read\",\"key\":0,\"time\":5") "\n"
                                                       "{\"type\":\"info\",\"process\":1,\"f\":\"read\",\"key\":0,"
                                                       "\"time\":6}\n" INVOKE("\"f\":\"read\",\"key\":0,\"time\":7"),
         "h.jsonl:3:1: this process has an operation of unknown end: its client needs a new number"},
        {INVOKE("\"f\":\"poll\",\"key\":0,\"time\":5") "\n"
                                                       "{\"type\":\"ok\",\"process\":1,\"f\":\"poll\",\"key\":0,"
                                                       "\"value\":[[1,2],[3]],\"time\":6}\n",
         "h.jsonl:2:45: this list is made of pairs: [[1,17],[2,18]]"},
        {INVOKE("\"f\":\"dequeue\",\"key\":0,\"time\":5") "\n"
                                                          "{\"type\":\"ok\",\"process\":1,\"f\":\"dequeue\",\"key\":0,"
                                                          "\"time\":6}\n",
         "h.jsonl:2:1: a dequeue that is ok has a \"value\" (null: nothing)"},
        {INVOKE("\"f\":\"read\",\"key\":0,\"time\":5") "\n"
                                                       "{\"type\":\"invoke\",\"process\":2,\"f\":\"read\",\"key\":"
                                                       "\"x\",\"time\":6}",
         "h.jsonl:2:41: keys of one history are all numbers or all names, and this one is not alike"},
        {INVOKE("\"f\":\"acquire\",\"key\":0,\"token\":true,\"time\":5"),
         "h.jsonl:1:52: a value is a whole number above -2305843009213693953, a text or null"},
        {INVOKE("\"f\":\"read\",\"key\":0,\"revision\":-1,\"time\":5"),
         "h.jsonl:1:49: a revision is a whole number of 0 or more"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history h;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT;
        assert_true(history_read(cases[i].text, strlen(cases[i].text), "h.jsonl", &h, &err) < 0);
        error_format(&err, &text);
        assert_string_equal(text_string(&text), cases[i].message);
        text_deinit(&text);
        error_clear(&err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_it),
        cmocka_unit_test(test_every_operation),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
