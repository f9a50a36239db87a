/* Cases played against a server in the simulated world. */
#include "base/test.h"

#include "base/failing.h"
#include "fuzz/live/framing.h"
#include "fuzz/live/live_door.h"
#include "fuzz/live/test_kit.h"
#include "proto/set.h"
#include "world/sim.h"

#include <string.h>

/* ---- a server that says back what it is sent ------------------------------------------------------------------- */

struct bed {
    struct sim *sim;
    struct pb_pool *pool;
    struct rpc_server *server;
    struct target target;
    struct target_component component;
    struct fuzz_door *door;
    struct text seen; /* "path token|" of each call, "<bytes>" of each message */
    int killed, rested;
    bool done;
};

static const char silent[] = "\x0A\x06silent"; /* a Request whose name is "silent" */

static void on_open(struct rpc_call *call, void *context)
{
    struct bed *b = context;
    struct grpc_metadata m = rpc_call_metadata(call);
    struct bytes token = BYTES_NONE;
    for (size_t i = 0; i < m.count; i++)
        if (bytes_is(m.items[i].name, "authorization"))
            token = m.items[i].value;
    text_printf(&b->seen, "%s %.*s|", rpc_call_path(call), (int)token.len, token.len ? (const char *)token.data : "");
}

static void on_message(struct rpc_call *call, struct bytes message, void *context)
{
    struct bed *b = context;
    text_char(&b->seen, '<');
    text_add(&b->seen, message.data, message.len);
    text_char(&b->seen, '>');
    if (bytes_equal(message, BYTES(silent, sizeof silent - 1)))
        rpc_call_set_user(call, b);
    else if (strstr(rpc_call_path(call), "Refuse"))
        rpc_call_fail(call, GRPC_INVALID_ARGUMENT, "no");
    else
        rpc_call_send_bytes(call, message);
}

static int act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    struct bed *b = (struct bed *)((char *)t - offsetof(struct bed, target));
    (void)component;
    (void)err;
    b->killed += action == TARGET_KILL;
    return action == TARGET_KILL ? 0 : ERROR_UNSUPPORTED;
}

static void on_rest(void *arg)
{
    ((struct bed *)arg)->rested++;
}

static void bed_init(struct bed *b)
{
    static const char *const services[] = {"helloworld.Helloworld", NULL};
    static const struct target_operations operations = {.act = act};
    static const struct rpc_handler handler = {
        .open = on_open, .message = on_message, .half_closed = kit_echo_half_closed, .cancelled = kit_cancelled};
    *b = (struct bed){.killed = 0};
    b->sim = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(b->sim);
    assert_int_equal(pb_pool_new(proto_set(), "set", &b->pool, NULL), 0);
    b->server = kit_serve(sim_node(b->sim, "toy"), &handler, b, false);
    b->component = (struct target_component){.name = "toy", .address = "toy:7000", .services = services};
    b->target = (struct target){.operations = &operations,
                                .world = sim_node(b->sim, "harrow"),
                                .pool = b->pool,
                                .components = &b->component,
                                .component_count = 1,
                                .token = "mine"};
    struct live_options options = {
        .target = &b->target, .hang_after = (uint64_t)SECOND, .other_token = "theirs", .rest = on_rest, .arg = b};
    assert_int_equal(live_door_new(&options, &b->door, NULL), 0);
}

static void bed_deinit(struct bed *b)
{
    target_close_channels(&b->target);
    live_door_free(b->door);
    rpc_server_free(b->server);
    sim_free(b->sim);
    pb_pool_free(b->pool);
    text_deinit(&b->seen);
}

static void on_done(void *arg, struct fuzz_trace *t)
{
    (void)t;
    ((struct bed *)arg)->done = true;
}

static bool is_done(void *arg)
{
    return ((struct bed *)arg)->done;
}

static void play(struct bed *b, const char *script, struct fuzz_trace *t)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    if (fuzz_case_parse(bytes_of(script), "script", b->pool, &c, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    b->done = false;
    text_clear(&b->seen);
    assert_int_equal(b->door->begin(b->door, &c, t, on_done, b), 0);
    assert_int_equal(world_run_until(b->target.world, is_done, b, (uint64_t)(60 * SECOND)), 0);
    assert_true(text_ok(&t->data));
    fuzz_case_deinit(&c);
}

static struct bytes reply_of(const struct fuzz_trace *t, size_t i)
{
    return fuzz_trace_bytes(t, t->replies.items[i].body);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void one_call(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    play(&b, "call /helloworld.Helloworld/Call\nmessage 0 x\"0A0161\"\nhalf-close 0\nawait 0\n", &t);
    assert_string_equal(text_string(&b.seen), "/helloworld.Helloworld/Call Bearer mine|<\n\x01"
                                              "a>");
    assert_int_equal(t.calls.count, 1);
    assert_int_equal(t.calls.items[0].status, GRPC_OK);
    assert_int_equal(t.calls.items[0].replies, 1);
    assert_false(t.replies.items[0].broken);
    assert_true(bytes_equal(reply_of(&t, 0), BYTES("\x0A\x01"
                                                   "a",
                                                   3)));
    assert_false(t.hung || t.calls.items[0].timed_out || t.calls.items[0].ended_by_us);
    /* the same door again; what is left open is half-closed at the end */
    play(&b, "call /helloworld.Helloworld/Call\nmessage 0 x\"0A0162\"\n", &t);
    assert_int_equal(t.calls.items[0].status, GRPC_OK);
    /* a reply that is no message of its type */
    play(&b, "call /helloworld.Helloworld/Call\nmessage 0 x\"0A05\"\n", &t);
    assert_true(t.replies.items[0].broken);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

static void values_are_fed_forward(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    play(&b,
         "call /helloworld.Helloworld/Call\nmessage 0 x\"0A0568656C6C6F\"\nhalf-close 0\nawait 0\n"
         "call /helloworld.Helloworld/Call\nlink 0.0 msg -> name\nmessage 1 x\"\"\nhalf-close 1\nawait 1\n",
         &t);
    assert_int_equal(t.calls.count, 2);
    assert_true(bytes_equal(reply_of(&t, 1), BYTES("\x0A\x05hello", 7)));
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

static void calls_run_side_by_side(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    play(&b,
         "call /helloworld.Helloworld/PingPong\ncall /helloworld.Helloworld/PingPong\nmessage 1 x\"0801\"\n"
         "message 0 x\"0802\"\nawait 0 1\nmessage 1 x\"0803\"\nawait 1 2\nhalf-close 0\nhalf-close 1\nawait 0\nawait "
         "1\n",
         &t);
    assert_int_equal(t.calls.items[0].status, GRPC_OK);
    assert_int_equal(t.calls.items[1].status, GRPC_OK);
    assert_int_equal(t.calls.items[0].replies, 1);
    assert_int_equal(t.calls.items[1].replies, 2);
    assert_int_equal(t.replies.count, 3);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

static void silence_is_told_from_a_stream(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    uint64_t start = world_now(b.target.world);
    play(&b, "call /helloworld.Helloworld/Call\nmessage 0 x\"0A0673696C656E74\"\nhalf-close 0\nawait 0\n", &t);
    assert_true(t.hung && t.calls.items[0].timed_out && t.calls.items[0].ended_by_us);
    assert_true(world_now(b.target.world) - start < (uint64_t)(2 * SECOND));
    play(&b, "call /helloworld.Helloworld/Stream\nmessage 0 x\"0801\"\nhalf-close 0\nawait 0\n", &t);
    assert_false(t.hung || t.calls.items[0].timed_out);
    assert_true(t.calls.items[0].ended_by_us);
    assert_int_equal(t.calls.items[0].replies, 1);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

/* That a stream had its time says nothing about the call beside it. */
static void each_call_has_its_own_time(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    play(&b,
         "call /helloworld.Helloworld/Stream\nmessage 0 x\"0801\"\n"
         "call /helloworld.Helloworld/Call\nmessage 1 x\"0A0673696C656E74\"\n",
         &t);
    assert_true(t.calls.items[0].ended_by_us && !t.calls.items[0].timed_out);
    assert_in_range(t.calls.items[0].duration, LIVE_STREAM_TIME, 2 * LIVE_STREAM_TIME);
    assert_true(t.calls.items[1].timed_out);
    assert_in_range(t.calls.items[1].duration, SECOND, 2 * SECOND);
    /* one that lacks its end can only be refused */
    play(&b, "call /helloworld.Helloworld/Call\nmessage 0 x\"0A0673696C656E74\"\nawait 0\n", &t);
    assert_false(t.calls.items[0].timed_out);
    assert_in_range(t.calls.items[0].duration, LIVE_INCOMPLETE_TIME, LIVE_STREAM_TIME);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

static void what_only_waits_rests(void **state)
{
    static const struct {
        const char *script;
        bool rests; /* 20 ms after it began */
    } cases[] = {{"time 40ms\ncall /helloworld.Helloworld/Call\nmessage 0 x\"\"\n", true},
                 {"call /helloworld.Helloworld/Stream\nhalf-close 0\nawait 0\n", true},
                 {"call /helloworld.Helloworld/Call\nmessage 0 x\"0A0673696C656E74\"\nawait 0\n", true},
                 {"call /helloworld.Helloworld/Call\nmessage 0 x\"0A0673696C656E74\"\nhalf-close 0\n", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bed b;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct fuzz_case c = FUZZ_CASE_INIT;
        bed_init(&b);
        assert_int_equal(fuzz_case_parse(bytes_of(cases[i].script), "script", b.pool, &c, NULL), 0);
        assert_int_equal(b.door->begin(b.door, &c, &t, on_done, &b), 0);
        assert_int_equal(live_resting(b.door), 0);
        assert_int_equal(world_sleep(b.target.world, 20 * (uint64_t)MILLISECOND), 0);
        assert_false(b.done);
        assert_int_equal(live_resting(b.door), cases[i].rests);
        assert_int_equal(b.rested > 0, cases[i].rests);
        assert_int_equal(world_run_until(b.target.world, is_done, &b, (uint64_t)(60 * SECOND)), 0);
        assert_int_equal(live_resting(b.door), 0);
        fuzz_case_deinit(&c);
        fuzz_trace_deinit(&t);
        bed_deinit(&b);
    }
}

static void tokens_and_faults(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    play(&b, "call /helloworld.Helloworld/Call no-token\nhalf-close 0\nawait 0\n", &t);
    assert_string_equal(text_string(&b.seen), "/helloworld.Helloworld/Call |");
    assert_true(t.calls.items[0].without_token);
    play(&b, "call /helloworld.Helloworld/Call other-tenant\nhalf-close 0\nawait 0\n", &t);
    assert_string_equal(text_string(&b.seen), "/helloworld.Helloworld/Call Bearer theirs|");
    play(&b, "fault toy kill\nfault toy stop\nfault nobody kill\n", &t);
    assert_int_equal(b.killed, 1);
    assert_int_equal(t.faults_skipped, 2);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

static void what_cannot_be_sent(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    play(&b,
         "call /helloworld.Helloworld/Call\nmetadata \"bad name\" \"x\"\nmessage 0 x\"\"\nhalf-close 0\nawait 0\n"
         "message 7 x\"\"\nhalf-close 9\ncancel 3 8\nawait 5\n",
         &t);
    assert_int_equal(t.calls.items[0].status, TRACE_NO_STATUS);
    assert_false(t.hung);
    play(&b, "call /nowhere/Call\nhalf-close 0\nawait 0\n", &t); /* the first component gets what nobody serves */
    assert_string_equal(text_string(&b.seen), "/nowhere/Call Bearer mine|");
    play(&b, "call /helloworld.Helloworld/Call\ncancel 0 8\nawait 0\ntime 1s\n", &t);
    assert_true(t.calls.items[0].ended_by_us);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

static void lies_go_out(void **state)
{
    (void)state;
    static const char *const flags[] = {"flag-lie", "length-long", "length-short", "gzip flag-lie"};
    struct bed b;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bed_init(&b);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct text script = TEXT_INIT;
        text_printf(&script,
                    "call /helloworld.Helloworld/Call\nmessage 0 %s x\"0A0361626300\"\nhalf-close 0\nawait 0\n",
                    flags[i]);
        play(&b, text_string(&script), &t);
        text_deinit(&script);
        assert_int_equal(t.calls.count, 1);
        assert_int_not_equal(t.calls.items[0].status, TRACE_NO_STATUS);
        if (i < 3)
            assert_int_not_equal(t.calls.items[0].status, GRPC_OK);
        assert_false(t.hung);
    }
    play(&b, "call /helloworld.Helloworld/Call\nmessage 0 gzip x\"0A03616263\"\nhalf-close 0\nawait 0\n", &t);
    assert_int_equal(t.calls.items[0].status, GRPC_OK);
    fuzz_trace_deinit(&t);
    bed_deinit(&b);
}

/* Any one allocation of a case fails, in the door or in the server: the case comes to its end all the same. */
static void without_memory(void **state)
{
    static const char script[] = "call /helloworld.Helloworld/Call\nmetadata x-id \"abc\"\nmessage 0 gzip x\"0A0161\"\n"
                                 "half-close 0\nawait 0\ncall /helloworld.Helloworld/Call other-tenant\n"
                                 "link 0.0 msg -> name\nmessage 1 flag-lie x\"\"\nhalf-close 1\nawait 1\n";
    (void)state;
    bool hit = true;
    size_t n = 1;
    for (; hit && n < 5000; n++) {
        struct bed b;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct fuzz_case c = FUZZ_CASE_INIT;
        bed_init(&b);
        assert_int_equal(fuzz_case_parse(bytes_of(script), "script", b.pool, &c, NULL), 0);
        failing_arm(n);
        int code = b.door->begin(b.door, &c, &t, on_done, &b);
        if (code == 0)
            code = world_run_until(b.target.world, is_done, &b, (uint64_t)(60 * SECOND));
        hit = failing_hit();
        failing_disarm();
        if (code == 0 && !b.done)
            fail_msg("allocation %zu: the case has no end", n);
        fuzz_case_deinit(&c);
        bed_deinit(&b);
        fuzz_trace_deinit(&t);
    }
    assert_true(!hit && n > 20);
}

/* Whatever is under way when the door is shut, nothing calls back. */
static void shut_in_the_middle(void **state)
{
    static const char script[] = "call /helloworld.Helloworld/PingPong\nmessage 0 x\"0801\"\nawait 0 1\ntime 100ms\n"
                                 "call /helloworld.Helloworld/Call\nmessage 1 x\"0A0673696C656E74\"\nhalf-close 1\n"
                                 "await 1\n";
    (void)state;
    for (uint64_t at = 0; at < 300; at += 7) {
        struct bed b;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct fuzz_case c = FUZZ_CASE_INIT;
        bed_init(&b);
        assert_int_equal(fuzz_case_parse(bytes_of(script), "script", b.pool, &c, NULL), 0);
        assert_int_equal(b.door->begin(b.door, &c, &t, on_done, &b), 0);
        assert_int_equal(world_sleep(b.target.world, at * (uint64_t)MILLISECOND), 0);
        assert_false(b.done);
        b.door->cancel(b.door);
        live_door_free(b.door);
        b.door = NULL;
        assert_int_equal(world_sleep(b.target.world, (uint64_t)(3 * SECOND)), 0);
        assert_false(b.done);
        fuzz_case_deinit(&c);
        fuzz_trace_deinit(&t);
        bed_deinit(&b);
    }
}

static void framing(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    framing_put(0, BYTES("abcd", 4), &out);
    assert_memory_equal(out.data, "\0\0\0\0\4abcd", 9);
    text_clear(&out);
    framing_put(EVENT_LENGTH_LONG, BYTES("abcd", 4), &out);
    assert_memory_equal(out.data, "\0\0\0\0\7abcd", 9);
    text_clear(&out);
    framing_put(EVENT_LENGTH_SHORT | EVENT_FLAG_LIE, BYTES("abcd", 4), &out);
    assert_memory_equal(out.data, "\1\0\0\0\2abcd", 9);
    text_clear(&out);
    framing_put(EVENT_COMPRESSED, BYTES("abcd", 4), &out);
    assert_memory_equal(out.data, "\1\0\0\0", 4);
    assert_memory_equal(out.data + 5, "\x1f\x8b", 2);
    assert_int_equal((uint8_t)out.data[4], out.len - 5);
    text_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call),
        cmocka_unit_test(values_are_fed_forward),
        cmocka_unit_test(calls_run_side_by_side),
        cmocka_unit_test(silence_is_told_from_a_stream),
        cmocka_unit_test(each_call_has_its_own_time),
        cmocka_unit_test(what_only_waits_rests),
        cmocka_unit_test(tokens_and_faults),
        cmocka_unit_test(what_cannot_be_sent),
        cmocka_unit_test(lies_go_out),
        cmocka_unit_test(framing),
        cmocka_unit_test(shut_in_the_middle),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests_name("fuzz/live", tests, NULL, NULL);
}
