/* From when on readers are current: each kind of observation on histories small enough to be worked out by hand. Times
 * are in ms; the fault begins at 100 and what is asked from 150 on counts. */
#include "base/test.h"

#include "chaos/experiment/converge.h"

#include "base/units.h"

#define BEGUN 100
#define SINCE 150
#define UNTIL 1000

static struct history h;

static uint64_t ms(uint64_t n)
{
    return n * (uint64_t)MILLISECOND;
}

static size_t op(enum operation_function f, uint32_t key, int64_t value, uint64_t from, uint64_t to,
                 enum operation_end end)
{
    static int32_t process;
    int64_t i = history_invoke(&h, process++, f, key, value, ms(from));
    assert_true(i >= 0);
    history_end(&h, i, end, value, ms(to));
    return (size_t)i;
}

static void list(size_t i, const int64_t *items, size_t count)
{
    assert_int_equal(history_set_list(&h, (int64_t)i, items, count), 0);
}

/* In ms; -1: never. */
static int64_t at_until(uint64_t until, size_t *readers)
{
    struct converge *c = NULL;
    assert_int_equal(converge_new(&h, &c, NULL), 0);
    uint64_t time = converge_at(c, ms(BEGUN), ms(SINCE), ms(until), readers);
    assert_int_equal(converge_at(c, ms(BEGUN), ms(SINCE), ms(until), NULL), time); /* asking changes nothing */
    converge_free(c);
    return time == 0 ? -1 : (int64_t)(time / (uint64_t)MILLISECOND);
}

static int64_t at(void)
{
    size_t readers;
    int64_t time = at_until(UNTIL, &readers);
    history_deinit(&h);
    history_init(&h);
    return time;
}

static void test_register(void **state)
{
    (void)state;
    history_init(&h);
    op(OPERATION_WRITE, 0, 1, 10, 20, END_OK);
    op(OPERATION_READ, 0, 1, 30, 40, END_OK);
    op(OPERATION_WRITE, 0, 2, 50, 60, END_OK);
    op(OPERATION_READ, 0, VALUE_NIL, 160, 170, END_FAIL); /* not answered */
    op(OPERATION_READ, 0, 1, 180, 190, END_OK);           /* answered, and out of date */
    op(OPERATION_READ, 0, 2, 200, 210, END_OK);
    op(OPERATION_READ, 0, 2, 220, 230, END_OK);
    size_t readers;
    assert_int_equal(at_until(205, &readers), -1); /* not by then */
    assert_int_equal(readers, 1);
    assert_int_equal(at(), 210);

    /* What is concurrent with the read, or whose end nobody knows, makes nothing out of date. */
    op(OPERATION_READ, 0, VALUE_NIL, 10, 20, END_OK);
    op(OPERATION_WRITE, 0, 1, 30, 0, END_INFO);
    op(OPERATION_WRITE, 0, 2, 40, 50, END_OK);
    op(OPERATION_READ, 0, 1, 160, 170, END_OK);
    op(OPERATION_WRITE, 0, 3, 175, 300, END_OK);
    op(OPERATION_READ, 0, 2, 180, 190, END_OK);
    assert_int_equal(at(), 170);

    /* Absent once it was acknowledged is out of date, unless somebody deleted it. */
    op(OPERATION_READ, 0, VALUE_NIL, 10, 20, END_OK);
    op(OPERATION_WRITE, 0, 1, 30, 40, END_OK);
    op(OPERATION_READ, 0, VALUE_NIL, 160, 170, END_OK);
    assert_int_equal(at(), -1);
    op(OPERATION_READ, 0, VALUE_NIL, 10, 20, END_OK);
    op(OPERATION_WRITE, 0, 1, 30, 40, END_OK);
    op(OPERATION_WRITE, 0, VALUE_NIL, 50, 60, END_OK);
    op(OPERATION_READ, 0, VALUE_NIL, 160, 170, END_OK);
    assert_int_equal(at(), 170);
}

static void test_every_reader(void **state)
{
    (void)state;
    history_init(&h);
    for (uint32_t key = 0; key < 3; key++)
        op(OPERATION_READ, key, VALUE_NIL, 10 + key, 20 + key, END_OK);
    op(OPERATION_READ, 0, VALUE_NIL, 140, 200, END_OK); /* asked before: says nothing */
    op(OPERATION_READ, 0, VALUE_NIL, 160, 170, END_OK);
    op(OPERATION_READ, 1, VALUE_NIL, 300, 310, END_OK);
    assert_int_equal(at_until(UNTIL, NULL), -1); /* nobody has read the third */
    op(OPERATION_READ, 2, VALUE_NIL, 400, 410, END_OK);
    op(OPERATION_READ, 7, VALUE_NIL, 500, 510, END_FAIL); /* nobody read that before */
    assert_int_equal(at(), 410);
    op(OPERATION_WRITE, 0, 1, 160, 170, END_OK); /* nobody reads at all */
    size_t readers = 9;
    assert_int_equal(at_until(UNTIL, &readers), -1);
    assert_int_equal(readers, 0);
    assert_int_equal(at(), -1);
}

static void test_counter_and_set(void **state)
{
    (void)state;
    history_init(&h);
    op(OPERATION_READ, 0, 0, 5, 6, END_OK);
    op(OPERATION_ADD, 0, 1, 10, 20, END_OK);
    op(OPERATION_ADD, 0, 1, 30, 40, END_OK);
    op(OPERATION_READ, 0, 1, 160, 170, END_OK); /* one is missing */
    op(OPERATION_READ, 0, 2, 180, 190, END_OK);
    op(OPERATION_ADD, 0, 1, 200, 0, END_INFO);
    op(OPERATION_READ, 0, 3, 210, 220, END_OK);
    assert_int_equal(at(), 190);

    list(op(OPERATION_READ, 0, VALUE_NIL, 5, 6, END_OK), NULL, 0);
    op(OPERATION_ADD, 0, 1, 10, 20, END_OK);
    op(OPERATION_ADD, 0, 2, 30, 40, END_OK);
    op(OPERATION_REMOVE, 0, 1, 50, 60, END_OK);
    list(op(OPERATION_READ, 0, VALUE_NIL, 160, 170, END_OK), (int64_t[]){1, 2}, 2); /* 1 is gone */
    list(op(OPERATION_READ, 0, VALUE_NIL, 180, 190, END_OK), NULL, 0);              /* 2 is missing */
    op(OPERATION_REMOVE, 0, 2, 200, 260, END_OK);
    list(op(OPERATION_READ, 0, VALUE_NIL, 210, 220, END_OK), (int64_t[]){2}, 1); /* going: either will do */
    list(op(OPERATION_READ, 0, VALUE_NIL, 230, 240, END_OK), NULL, 0);
    assert_int_equal(at(), 220);
}

static void test_streams(void **state)
{
    (void)state;
    history_init(&h);
    list(op(OPERATION_POLL, 0, VALUE_NIL, 5, 10, END_OK), (int64_t[]){1, 9}, 2);
    op(OPERATION_SEND, 0, 10, 20, 30, END_OK);
    op(OPERATION_SEND, 0, 11, 40, 50, END_OK);
    op(OPERATION_SEND, 0, 12, 155, 156, END_OK);
    list(op(OPERATION_POLL, 0, VALUE_NIL, 160, 170, END_OK), (int64_t[]){2, 10}, 2);
    list(op(OPERATION_POLL, 0, VALUE_NIL, 171, 200, END_OK), (int64_t[]){3, 11}, 2); /* what was acknowledged before */
    list(op(OPERATION_POLL, 0, VALUE_NIL, 201, 300, END_OK), (int64_t[]){4, 12}, 2); /* and after */
    list(op(OPERATION_POLL, 0, VALUE_NIL, 301, 310, END_OK), (int64_t[]){2, 10}, 2); /* again */
    assert_int_equal(at(), 200);

    /* A stream that was opened before and still brings is a reader; one that breaks is not, until the next. */
    list(op(OPERATION_WATCH, 0, VALUE_NIL, 5, 10, END_OK), (int64_t[]){1, 9}, 2);
    op(OPERATION_WATCH, 0, VALUE_NIL, 11, 180, END_FAIL);
    list(op(OPERATION_WATCH, 0, VALUE_NIL, 190, 195, END_OK), NULL, 0);
    assert_int_equal(at(), 195);

    op(OPERATION_DEQUEUE, 0, 9, 5, 10, END_OK);
    op(OPERATION_ENQUEUE, 0, 10, 20, 30, END_OK);
    op(OPERATION_DEQUEUE, 0, 11, 155, 160, END_OK);
    op(OPERATION_DEQUEUE, 0, VALUE_NIL, 161, 165, END_FAIL); /* empty is an answer */
    op(OPERATION_DEQUEUE, 0, 10, 170, 180, END_OK);
    assert_int_equal(at(), 180);
}

static void test_tokens(void **state)
{
    (void)state;
    history_init(&h);
    op(OPERATION_ISSUE, 0, 1, 5, 10, END_OK);
    op(OPERATION_USE, 0, 1, 20, 30, END_OK);
    op(OPERATION_REVOKE, 0, 1, 40, 50, END_OK);
    op(OPERATION_ISSUE, 1, 2, 55, 60, END_OK);
    op(OPERATION_USE, 0, 1, 160, 170, END_OK);   /* accepted although it is revoked */
    op(OPERATION_USE, 0, 1, 180, 190, END_FAIL); /* refused, rightly */
    op(OPERATION_USE, 1, 2, 200, 210, END_OK);
    assert_int_equal(at(), 210);
    op(OPERATION_ACQUIRE, 0, VALUE_NIL, 10, 20, END_OK);
    op(OPERATION_ACQUIRE, 0, VALUE_NIL, 160, 170, END_INFO);
    op(OPERATION_ACQUIRE, 0, VALUE_NIL, 180, 190, END_FAIL); /* taken */
    op(OPERATION_ACQUIRE, 0, VALUE_NIL, 200, 210, END_OK);
    assert_int_equal(at(), 210);
}

/* Long after nobody reads a key any more, it is not waited for. */
static void test_run_up(void **state)
{
    (void)state;
    struct converge *c = NULL;
    history_init(&h);
    op(OPERATION_READ, 0, VALUE_NIL, 10, 20, END_OK);
    op(OPERATION_READ, 1, VALUE_NIL, 5000, 5010, END_OK);
    op(OPERATION_READ, 1, VALUE_NIL, 6010, 6020, END_OK);
    assert_int_equal(converge_new(&h, &c, NULL), 0);
    assert_int_equal(converge_at(c, ms(6000), ms(6000), ms(7000), NULL), ms(6020));
    assert_int_equal(converge_at(c, ms(2000), ms(2000), ms(7000), NULL), 0); /* then it is */
    converge_free(c);
    history_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register), cmocka_unit_test(test_every_reader), cmocka_unit_test(test_counter_and_set),
        cmocka_unit_test(test_streams),  cmocka_unit_test(test_tokens),       cmocka_unit_test(test_run_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
