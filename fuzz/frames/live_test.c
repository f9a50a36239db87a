/* Every operator against our own servers (rpc/rpc.h) over a network, real and simulated. */
#include "rpc/test_fixture.h"

#include "fuzz/frames/live.h"
#include "fuzz/frames/oracle.h"

static const struct frames_plan plan = {
    .path = "/harrow.test.Test/Unary", .hold_path = "/harrow.test.Test/Never", .repeat = 2500};

struct judged {
    const struct frame_operator *op;
    struct fuzz_case c;
    size_t findings;
    struct text report;
};

static void on_done(void *arg, const struct frames_live_result *r)
{
    struct judged *j = arg;
    const struct frames_allowance allow = {.settled = r->settled};
    struct frames_verdict v;
    frames_judge(r->c, r->exchange, r->cost, &allow, &v);
    if (!r->connected)
        text_printf(&j->report, "%s: no connection\n", j->op->name);
    if (!r->connected || v.finding == FRAMES_NOTHING)
        return;
    frames_verdict_print(&v, r->exchange, &j->report);
    text_char(&j->report, '\n');
    exchange_print(r->exchange, &j->report);
    j->findings++;
}

static void attack(struct fixture *f, bool silent)
{
    struct frames_live *l = NULL;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    struct frames_live_options options = {.world = f->world, .address = s->address, .width = 8};
    assert_int_equal(frames_live_new(&options, &l, NULL), 0);
    struct judged *all = calloc(frame_operator_count, sizeof *all);
    assert_non_null(all);
    size_t findings = 0, run = 0;
    for (size_t i = 0; i < frame_operator_count; i++) {
        struct judged *j = &all[i];
        j->op = &frame_operators[i];
        if (!silent && (j->op->answers & ANSWER_SILENCE))
            continue; /* half a minute each; virtual time has it for nothing */
        assert_int_equal(frame_operator_build(j->op, &plan, &j->c), 0);
        while (frames_live_begin(l, &j->c, on_done, j) == ERROR_LIMIT)
            assert_int_equal(world_sleep(f->world, (uint64_t)MILLISECOND), 0);
        run++;
    }
    while (frames_live_busy(l) > 0)
        assert_int_equal(world_sleep(f->world, (uint64_t)MILLISECOND), 0);
    for (size_t i = 0; i < frame_operator_count; i++) {
        if (all[i].report.len > 0)
            print_error("%s", text_string(&all[i].report));
        findings += all[i].findings + all[i].report.len;
        text_deinit(&all[i].report);
        fuzz_case_deinit(&all[i].c);
    }
    assert_int_equal(findings, 0);
    assert_true(run + 8 > frame_operator_count);
    free(all);
    frames_live_free(l);
    /* And the server is as before. */
    fixture_connect(f, NULL);
    assert_int_equal(fixture_ping(f), 0);
}

static void operators_live(void **state)
{
    struct fixture *f = *state;
    attack(f, f->sim != NULL);
}

static void traces(void *arg, struct fuzz_trace *t)
{
    assert_int_equal(t->calls.count, 1);
    assert_int_equal(t->calls.items[0].status, 0);
    assert_true(t->bytes_sent > 100 && t->bytes_received > 50);
    assert_false(t->hung);
    (*(int *)arg)++;
}

/* The door fills traces; `width` of them at a time and no more. */
static void as_a_door(void **state)
{
    struct fixture *f = *state;
    struct frames_live *l = NULL;
    struct fixture_server *s = fixture_serve(f, 0, NULL);
    struct frames_live_options options = {.world = f->world, .address = s->address, .width = 2};
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t[2];
    int done = 0;
    memset(t, 0, sizeof t);
    assert_int_equal(frames_live_new(&options, &l, NULL), 0);
    assert_int_equal(frame_operator_build(frame_operator_find(bytes_of("frame-unknown")), &plan, &c), 0);
    struct fuzz_door *d = frames_live_door(l);
    assert_int_equal(d->width, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(d->begin(d, &c, &t[i], traces, &done), 0);
    assert_int_equal(d->begin(d, &c, &t[0], traces, &done), ERROR_LIMIT);
    fixture_until(f, &done, 2);
    assert_int_equal(d->begin(d, &c, &t[0], traces, &done), 0);
    d->cancel(d); /* no `done` */
    assert_int_equal(frames_live_busy(l), 0);
    fixture_run(f, (uint64_t)SECOND);
    assert_int_equal(done, 2);
    fuzz_trace_deinit(&t[0]);
    fuzz_trace_deinit(&t[1]);
    fuzz_case_deinit(&c);
    frames_live_free(l);
}

static void not_connected(void *arg, const struct frames_live_result *r)
{
    assert_false(r->connected);
    assert_true(r->exchange->closed);
    (*(int *)arg)++;
}

static void nobody_there(void **state)
{
    struct fixture *f = *state;
    struct frames_live *l = NULL;
    struct frames_live_options options = {.world = f->world, .address = f->sim ? "server0:7999" : "127.0.0.1:1"};
    struct fuzz_case c = FUZZ_CASE_INIT;
    int done = 0;
    assert_int_equal(frames_live_new(&options, &l, NULL), 0);
    assert_int_equal(frame_plain_build(&plan, &c), 0);
    assert_int_equal(frames_live_run(l, &c, not_connected, &done), 0);
    assert_int_equal(done, 1);
    fuzz_case_deinit(&c);
    frames_live_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(operators_live), BOTH(as_a_door), BOTH(nobody_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
