/* Each oracle fires on what it is for, and on nothing beside it. */
#include "base/test.h"

#include "fuzz/live/judge.h"
#include "proto/set.h"
#include "wire/grpc.h"

#include <string.h>

struct bed {
    struct pb_pool *pool;
    struct fuzz_case c;
    struct fuzz_trace t;
    struct text why;
};

/* A case from its script, its calls answered with `status`. */
static void bed_init(struct bed *b, const char *script, int status)
{
    struct error err = ERROR_INIT;
    *b = (struct bed){.pool = NULL};
    assert_int_equal(pb_pool_new(proto_set(), "set", &b->pool, NULL), 0);
    if (fuzz_case_parse(bytes_of(script), "script", b->pool, &b->c, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    size_t at = 0;
    for (uint32_t i = 0; i < fuzz_case_calls(&b->c); i++) {
        struct trace_call k = {.status = status, .sent = 1, .method = fuzz_case_method(&b->c, i, b->pool)};
        while (b->c.events.items[at].kind != EVENT_CALL)
            at++;
        k.event = (uint32_t)at++;
        assert_true(array_push(&b->t.calls, k));
    }
}

static void bed_deinit(struct bed *b)
{
    fuzz_case_deinit(&b->c);
    fuzz_trace_deinit(&b->t);
    text_deinit(&b->why);
    pb_pool_free(b->pool);
}

static void expect(struct bed *b, bool stock, const char *oracle, uint32_t call)
{
    struct fuzz_verdict v;
    text_clear(&b->why);
    fuzz_judge(&b->c, &b->t, stock, &v, &b->why);
    if ((v.oracle == NULL) != (oracle == NULL) || (oracle && strcmp(v.oracle, oracle) != 0))
        fail_msg("%s (%s), wanted %s", v.oracle ? v.oracle : "nothing", text_string(&b->why),
                 oracle ? oracle : "nothing");
    if (oracle) {
        assert_int_equal(v.call, call);
        assert_true(b->why.len > 0);
    }
}

#define CALL    "call /helloworld.Helloworld/Call\n"
#define VALID   CALL "message 0 x\"\"\nhalf-close 0\nawait 0\n"
#define REFUSED CALL "message 0 near-valid defect=field-number-zero x\"020161\"\nhalf-close 0\nawait 0\n"
#define EARLY   "message 0 near-valid defect=field-number-zero x\"020161\"\n" VALID
#define HEADER  CALL "metadata a \" \"\nmessage 0 x\"\"\nhalf-close 0\nawait 0\n"
#define LATE    CALL "message 0 x\"\"\nmessage 0 near-valid defect=field-number-zero x\"020161\"\nhalf-close 0\n"
#define MENDED  CALL "message 0 near-valid defect=field-number-zero x\"\"\nhalf-close 0\nawait 0\n"
#define LIES    CALL "message 0 flag-lie x\"\"\nhalf-close 0\nawait 0\n"

static void statuses(void **state)
{
    static const struct {
        const char *script;
        int status;
        bool stock;
        const char *oracle;
    } rows[] = {
        {VALID, GRPC_OK, false, NULL},
        {VALID, GRPC_NOT_FOUND, false, NULL},
        {VALID, GRPC_INTERNAL, false, "internal"},
        {VALID, GRPC_INTERNAL, true, "internal"},
        {VALID, GRPC_UNKNOWN, true, "internal"},
        {VALID, TRACE_NO_STATUS, false, NULL},
        {REFUSED, GRPC_INVALID_ARGUMENT, false, NULL},
        {REFUSED, GRPC_OK, false, "accepted"},
        {REFUSED, GRPC_NOT_FOUND, false, "status"},
        {REFUSED, GRPC_INTERNAL, false, "internal"},
        {REFUSED, GRPC_INTERNAL, true, NULL},
        {REFUSED, GRPC_UNAUTHENTICATED, false, NULL},
        {LIES, GRPC_INTERNAL, false, NULL},
        {LATE, GRPC_OK, false, NULL},
        {EARLY, GRPC_OK, false, NULL},
        {HEADER, GRPC_INTERNAL, false, NULL},
        {MENDED, GRPC_OK, false, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bed b;
        bed_init(&b, rows[i].script, rows[i].status);
        expect(&b, rows[i].stock, rows[i].oracle, 0);
        bed_deinit(&b);
    }
}

static void what_came_back(void **state)
{
    (void)state;
    struct bed b;
    bed_init(&b, VALID CALL "message 1 x\"\"\n", GRPC_OK);
    struct trace_reply broken = {.call = 1, .broken = true};
    assert_true(array_push(&b.t.replies, broken));
    expect(&b, false, "schema", 1);
    b.t.calls.items[1].timed_out = true;
    expect(&b, false, "hang", 1);
    b.t.rule = fuzz_trace_keep(&b.t, bytes_of("DATA on stream 0"));
    expect(&b, false, "hang", 1);
    b.t.crashed = true;
    b.t.crash = fuzz_trace_keep(&b.t, bytes_of("killed by signal 11"));
    expect(&b, false, "crash", 0);
    b.t.crashed = b.t.calls.items[1].timed_out = b.t.replies.items[0].broken = false;
    expect(&b, false, "rule", 0);
    bed_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statuses), cmocka_unit_test(what_came_back)};
    return cmocka_run_group_tests_name("fuzz/judge", tests, NULL, NULL);
}
