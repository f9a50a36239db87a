/* The double in process: counterfeiter's rules, copies, order, threads, and memory that runs out. */
#include "base/test.h"

#include "base/failing.h"
#include "fakes/fakes.h"
#include "proto/set.h"
#include "proto/store/store.pb-c.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS         8
#define CALLS_OF_THREAD 500

struct fixture {
    struct pb_pool *pool;
    struct fake *fake;
    struct text reply, message; /* of the last call */
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    if (x == NULL || pb_pool_new(proto_set(), "proto", &x->pool, NULL) != 0 ||
        fake_new(pb_find_service(x->pool, "store.Store"), &x->fake) != 0)
        return -1;
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    fake_free(x->fake);
    pb_pool_free(x->pool);
    text_deinit(&x->reply);
    text_deinit(&x->message);
    free(x);
    return 0;
}

static struct text read_request(const char *key)
{
    char copy[64];
    struct text wire = TEXT_INIT;
    Store__ReadRequest r = STORE__READ_REQUEST__INIT;
    snprintf(copy, sizeof copy, "%s", key);
    r.key = copy;
    assert_int_equal(pb_pack(&r.base, &wire), 0);
    return wire;
}

static int call(struct fixture *x, const char *method, const char *key)
{
    struct text wire = read_request(key);
    text_clear(&x->reply);
    text_clear(&x->message);
    int status = fake_call(x->fake, method, text_bytes(&wire), &x->reply, &x->message);
    text_deinit(&wire);
    return status;
}

/* The key of the first record of the last reply, "" when it has none. */
static const char *answered(struct fixture *x)
{
    static char key[64];
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m;
    key[0] = '\0';
    assert_int_equal(pb_unpack(&store__read_response__descriptor, text_bytes(&x->reply), &arena, &m, NULL), 0);
    const Store__ReadResponse *r = (const void *)m;
    if (r->n_records > 0)
        snprintf(key, sizeof key, "%s", r->records[0]->key);
    arena_deinit(&arena);
    return key;
}

static int returns(struct fixture *x, int64_t i, const char *key)
{
    char copy[64];
    Store__Record record = STORE__RECORD__INIT, *records[1] = {&record};
    Store__ReadResponse r = STORE__READ_RESPONSE__INIT;
    snprintf(copy, sizeof copy, "%s", key);
    record.key = copy;
    r.n_records = 1;
    r.records = records;
    return i < 0 ? fake_returns(x->fake, "Read", &r.base) : fake_returns_on_call(x->fake, "Read", i, &r.base);
}

static int stub(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)asked;
    text_printf(&answer->message, "stub %s", (const char *)arg);
    return GRPC_ABORTED;
}

static void unprogrammed(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "");
    assert_int_equal(x->reply.len, 0);
    assert_int_equal(call(x, "Fly", "a"), GRPC_UNIMPLEMENTED);
    assert_string_equal(text_string(&x->message), "unknown method Fly");
    assert_int_equal(fake_count(x->fake, "Read"), 1);
    assert_int_equal(fake_count(x->fake, "Write"), 0);
    assert_int_equal(fake_count(x->fake, "Fly"), -1);
    assert_int_equal(fake_total(x->fake), 1);
}

static void precedence(void **state)
{
    struct fixture *x = *state;
    char who[] = "one";
    assert_int_equal(returns(x, -1, "general"), 0);
    assert_int_equal(returns(x, 1, "second"), 0);
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "general");
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "second");
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "general");

    /* A stub goes before all answers, an answer set later takes its place, and taking it away brings them back. */
    assert_int_equal(fake_stub(x->fake, "Read", stub, who), 0);
    assert_int_equal(call(x, "Read", "a"), GRPC_ABORTED);
    assert_string_equal(text_string(&x->message), "stub one");
    assert_int_equal(fake_stub(x->fake, "Read", NULL, NULL), 0);
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_int_equal(fake_stub(x->fake, "Read", stub, who), 0);
    assert_int_equal(fake_fails(x->fake, "Read", -1, GRPC_UNAVAILABLE, "gone"), 0);
    assert_int_equal(call(x, "Read", "a"), GRPC_UNAVAILABLE);
    assert_string_equal(text_string(&x->message), "gone");
    assert_int_equal(fake_count(x->fake, "Read"), 6);
}

static void answers_by_call(void **state)
{
    struct fixture *x = *state;
    char key[16];
    /* Set in any order, replaced, and asked for in another order than set. */
    for (int64_t i = 49; i >= 0; i--) {
        snprintf(key, sizeof key, "k%lld", (long long)i);
        assert_int_equal(returns(x, i, "old"), 0);
        assert_int_equal(returns(x, i, key), 0);
    }
    assert_int_equal(fake_fails(x->fake, "Read", 7, GRPC_NOT_FOUND, "no seven"), 0);
    for (int i = 0; i < 51; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(call(x, "Read", "a"), i == 7 ? GRPC_NOT_FOUND : GRPC_OK);
        if (i != 7)
            assert_string_equal(answered(x), i < 50 ? key : "");
    }
}

static void by_json(void **state)
{
    struct fixture *x = *state;
    struct error err = ERROR_INIT;
    assert_int_equal(fake_returns_json(x->fake, "Read", -1, "{\"records\":[{\"key\":\"j\"}]}", NULL), 0);
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "j");
    assert_int_equal(fake_returns_json(x->fake, "Read", -1, "{\"recordz\":[]}", &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "recordz"));
    assert_int_equal(fake_returns_json(x->fake, "Fly", -1, "{}", &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "store.Store has no method \"Fly\"");
    error_clear(&err);
    /* What was refused has changed nothing. */
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "j");
}

static void refused(void **state)
{
    struct fixture *x = *state;
    Store__WriteResponse wrong = STORE__WRITE_RESPONSE__INIT;
    assert_int_equal(fake_returns(x->fake, "Read", &wrong.base), ERROR_INVALID);
    assert_int_equal(fake_returns(x->fake, "Fly", &wrong.base), ERROR_NOT_FOUND);
    assert_int_equal(fake_fails(x->fake, "Read", -1, GRPC_OK, ""), ERROR_INVALID);
    assert_int_equal(fake_fails(x->fake, "Read", -1, 17, ""), ERROR_INVALID);
    assert_int_equal(fake_fails(x->fake, "Read", -2, GRPC_ABORTED, ""), ERROR_INVALID);
    assert_int_equal(fake_delays(x->fake, "Fly", 1), ERROR_NOT_FOUND);
    assert_int_equal(fake_never_answers(x->fake, "Fly", true), ERROR_NOT_FOUND);
    assert_int_equal(fake_stub(x->fake, "Fly", stub, NULL), ERROR_NOT_FOUND);
}

static void copies(void **state)
{
    struct fixture *x = *state;
    struct text wire = read_request("mine");
    struct fake_call c;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m;
    struct error err = ERROR_INIT;
    fake_call(x->fake, "Read", text_bytes(&wire), &x->reply, &x->message);
    memset(wire.data, 'x', wire.len);
    text_deinit(&wire);
    assert_int_equal(fake_request(x->fake, "Read", 0, &store__read_request__descriptor, &arena, &m, NULL), 0);
    assert_string_equal(((const Store__ReadRequest *)(const void *)m)->key, "mine");
    assert_int_equal(fake_call_at(x->fake, "Read", 0, &c), 0);
    assert_int_equal(c.messages, 1);
    assert_true(bytes_equal(fake_message(&c, 0), c.request));
    assert_null(fake_message(&c, 1).data);
    assert_int_equal(c.status, GRPC_OK);
    assert_int_equal(fake_request(x->fake, "Read", 1, &store__read_request__descriptor, &arena, &m, &err),
                     ERROR_NOT_FOUND);
    assert_string_equal(err.message, "store.Store/Read was called 1 times: there is no call 1");
    error_clear(&err);
    assert_int_equal(fake_call_at(x->fake, "Read", -1, &c), ERROR_NOT_FOUND);
    assert_int_equal(fake_call_at(x->fake, "Fly", 0, &c), ERROR_NOT_FOUND);
    arena_deinit(&arena);
}

static void order_and_journal(void **state)
{
    struct fixture *x = *state;
    struct fake_call c;
    struct text journal = TEXT_INIT;
    uint8_t junk[] = {0xff, 0xff};
    call(x, "Read", "a");
    call(x, "Delete", "a");
    fake_fails(x->fake, "Read", -1, GRPC_NOT_FOUND, "");
    call(x, "Read", "b");
    fake_never_answers(x->fake, "Read", true);
    assert_int_equal(call(x, "Read", "c"), GRPC_DEADLINE_EXCEEDED);
    fake_call(x->fake, "List", BYTES(junk, sizeof junk), &x->reply, &x->message);
    assert_int_equal(fake_call_at(x->fake, NULL, 1, &c), 0);
    assert_string_equal(c.method->name, "Delete");
    assert_int_equal(c.sequence, 1);
    assert_int_equal(c.index, 0);
    assert_int_equal(fake_call_at(x->fake, "Read", 1, &c), 0);
    assert_int_equal(c.sequence, 2);
    fake_journal(x->fake, &journal);
    assert_string_equal(text_string(&journal), "0 store.Store/Read {\"key\":\"a\"} -> OK\n"
                                               "1 store.Store/Delete {\"key\":\"a\"} -> OK\n"
                                               "2 store.Store/Read {\"key\":\"b\"} -> NOT_FOUND\n"
                                               "3 store.Store/Read {\"key\":\"c\"} -> no answer\n"
                                               "4 store.Store/List undecodable: \\xff\\xff -> OK\n");
    text_deinit(&journal);
}

static void reset(void **state)
{
    struct fixture *x = *state;
    char who[] = "one";
    struct fake_call c;
    returns(x, -1, "general");
    returns(x, 0, "first");
    fake_stub(x->fake, "Delete", stub, who);
    fake_never_answers(x->fake, "List", true);
    call(x, "Read", "a");
    fake_reset(x->fake);
    assert_int_equal(fake_total(x->fake), 0);
    assert_int_equal(fake_count(x->fake, "Read"), 0);
    assert_int_equal(fake_call_at(x->fake, NULL, 0, &c), ERROR_NOT_FOUND);
    assert_int_equal(call(x, "Read", "a"), GRPC_OK);
    assert_string_equal(answered(x), "");
    assert_int_equal(call(x, "Delete", "a"), GRPC_OK);
    assert_int_equal(call(x, "List", "a"), GRPC_OK);
    assert_int_equal(fake_total(x->fake), 3);
}

/* ---- a stub runs outside the lock ---- */

static int calls_again(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct fixture *x = arg;
    struct fake_call c;
    assert_int_equal(fake_call_at(x->fake, "Read", asked->index, &c), 0);
    assert_int_equal(c.status, FAKE_UNANSWERED);
    assert_int_equal(fake_count(x->fake, "Read"), asked->index + 1);
    if (asked->index == 0)
        return fake_call(x->fake, "Read", asked->request, &answer->replies, &answer->message);
    text_puts(&answer->message, "the second");
    return GRPC_DATA_LOSS;
}

static int resets(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct fixture *x = arg;
    fake_reset(x->fake);
    /* The request is still there to be read. */
    text_add(&answer->message, asked->request.data, asked->request.len);
    return GRPC_DATA_LOSS;
}

static void stub_outside_the_lock(void **state)
{
    struct fixture *x = *state;
    struct fake_call c;
    fake_stub(x->fake, "Read", calls_again, x);
    assert_int_equal(call(x, "Read", "a"), GRPC_DATA_LOSS);
    assert_string_equal(text_string(&x->message), "the second");
    assert_int_equal(fake_count(x->fake, "Read"), 2);
    assert_int_equal(fake_call_at(x->fake, "Read", 0, &c), 0);
    assert_int_equal(c.status, GRPC_DATA_LOSS);
    fake_stub(x->fake, "Read", resets, x);
    assert_int_equal(call(x, "Read", "b"), GRPC_DATA_LOSS);
    assert_non_null(strstr(text_string(&x->message), "b"));
    assert_int_equal(fake_total(x->fake), 0);
}

/* ---- threads ---- */

struct worker {
    struct fake *fake;
    int number;
};

static void *work(void *arg)
{
    const struct worker *w = arg;
    struct text reply = TEXT_INIT, message = TEXT_INIT;
    for (int i = 0; i < CALLS_OF_THREAD; i++) {
        uint8_t request[2] = {0x08, (uint8_t)w->number}; /* any bytes do: they are recorded, not read */
        fake_call(w->fake, i % 2 ? "Read" : "Write", BYTES(request, sizeof request), &reply, &message);
        if (i % 100 == 0)
            fake_fails(w->fake, "Read", i, GRPC_ABORTED, "x");
        fake_total(w->fake);
    }
    text_deinit(&reply);
    text_deinit(&message);
    return NULL;
}

static void threads(void **state)
{
    struct fixture *x = *state;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int64_t seen[THREADS] = {0}, indexes[2] = {0};
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){x->fake, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fake_total(x->fake), THREADS * CALLS_OF_THREAD);
    assert_int_equal(fake_count(x->fake, "Read"), THREADS * CALLS_OF_THREAD / 2);
    struct fake_call c;
    for (int64_t i = 0; fake_call_at(x->fake, NULL, i, &c) == 0; i++) {
        assert_int_equal(c.sequence, i);
        assert_int_equal(c.index, indexes[c.method->name[0] == 'R']++);
        seen[c.request.data[1]]++;
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(seen[i], CALLS_OF_THREAD);
}

/* ---- memory ---- */

static void memory_runs_out(void **state)
{
    struct fixture *x = *state;
    struct text wire = read_request("a");
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        struct fake *f = NULL;
        struct text reply = TEXT_INIT, message = TEXT_INIT;
        int64_t recorded = 0;
        failing_arm(n);
        int code = fake_new(pb_find_service(x->pool, "store.Store"), &f);
        if (code == 0)
            code = fake_fails(f, "Read", 1, GRPC_ABORTED, "a message that takes an allocation of its own to keep");
        if (code == 0) {
            for (int i = 0; i < 3; i++) {
                int status = fake_call(f, "Read", text_bytes(&wire), &reply, &message);
                /* Recorded and answered as programmed, or refused: nothing in between. */
                if (status == GRPC_RESOURCE_EXHAUSTED)
                    assert_true(failing_hit());
                else
                    assert_int_equal(status, recorded == 1 ? GRPC_ABORTED : GRPC_OK);
                recorded = fake_count(f, "Read");
                assert_int_equal(recorded, fake_total(f));
            }
            assert_true(recorded >= (failing_hit() ? 2 : 3));
        } else {
            assert_int_equal(code, ERROR_MEMORY);
        }
        hit = failing_hit();
        failing_disarm();
        fake_free(f);
        text_deinit(&reply);
        text_deinit(&message);
    }
    assert_true(n > 5);
    text_deinit(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unprogrammed, setup, teardown),
        cmocka_unit_test_setup_teardown(precedence, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_by_call, setup, teardown),
        cmocka_unit_test_setup_teardown(by_json, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(copies, setup, teardown),
        cmocka_unit_test_setup_teardown(order_and_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(reset, setup, teardown),
        cmocka_unit_test_setup_teardown(stub_outside_the_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_runs_out, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
