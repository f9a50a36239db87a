/* Cases played by the door of a simulation against a server that says back what it is sent, and everything a case can
 * do to the world around it. */
#include "base/hash.h"
#include "base/test.h"

#include "base/failing.h"
#include "base/log.h"
#include "fuzz/live/test_kit.h"
#include "fuzz/simulated/door.h"
#include "proto/set.h"

#include <string.h>

#define CALL   "call /helloworld.Helloworld/Call\n"
#define SILENT "message 0 x\"0A0673696C656E74\"\nhalf-close 0\nawait 0\n" /* to a Request whose name is "silent" */
#define DATA   "data/file"

struct bed {
    struct sim *sim;
    struct pb_pool *pool;
    struct rpc_server *server;
    struct target target;
    struct target_component components[2];
    struct simulated *door;
    struct fuzz_trace t;
    struct text seen; /* "path token|" of each call, "<bytes>" of each message */
    int acts[TARGET_ACTION_COUNT];
    uint64_t allocation; /* as it was armed last */
    uint64_t hash;       /* of the simulation's events */
};

/* ---- a server that says back what it is sent ------------------------------------------------------------------- */

static void on_open(struct rpc_call *call, void *context)
{
    struct bed *b = context;
    struct grpc_metadata m = rpc_call_metadata(call);
    text_puts(&b->seen, rpc_call_path(call));
    for (size_t i = 0; i < m.count; i++)
        if (bytes_is(m.items[i].name, "authorization") || bytes_is(m.items[i].name, "x"))
            text_printf(&b->seen, " %.*s", (int)m.items[i].value.len, (const char *)m.items[i].value.data);
    text_char(&b->seen, '|');
}

static bool is_silent(struct bytes message)
{
    return bytes_equal(message, BYTES("\x0A\x06silent", 8));
}

static void on_message(struct rpc_call *call, struct bytes message, void *context)
{
    struct bed *b = context;
    text_char(&b->seen, '<');
    text_add(&b->seen, message.data, message.len);
    text_char(&b->seen, '>');
    if (is_silent(message))
        rpc_call_set_user(call, b);
    else
        for (int i = bytes_equal(message, BYTES("\x0A\x05"
                                                "flood",
                                                7))
                         ? 3 * SIMULATED_STREAM_REPLIES
                         : 1;
             i > 0; i--)
            rpc_call_send_bytes(call, message);
}

static int act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    struct bed *b = (struct bed *)((char *)t - offsetof(struct bed, target));
    (void)component;
    b->acts[action]++;
    return action == TARGET_START ? error_set(err, ERROR_EXISTS, "it runs") : 0;
}

static void on_allocation(void *arg, uint64_t n)
{
    ((struct bed *)arg)->allocation = n;
}

static void on_line(void *arg, const char *text, size_t len)
{
    struct bed *b = arg;
    b->hash = hash_add(b->hash, BYTES(text, len));
}

static void bed_init(struct bed *b)
{
    static const char *const services[] = {"helloworld.Helloworld", NULL};
    static const struct target_operations operations = {.act = act};
    static const struct rpc_handler handler = {
        .open = on_open, .message = on_message, .half_closed = kit_echo_half_closed, .cancelled = kit_cancelled};
    *b = (struct bed){.hash = HASH_START};
    b->sim = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(b->sim);
    assert_int_equal(pb_pool_new(proto_set(), "set", &b->pool, NULL), 0);
    b->server = kit_serve(sim_node(b->sim, "toy"), &handler, b, false);
    b->components[0] = (struct target_component){.name = "toy", .address = "toy:7000", .services = services};
    b->components[1] = (struct target_component){.name = "beside", .services = services + 1};
    assert_non_null(sim_node(b->sim, "beside"));
    b->target = (struct target){.operations = &operations,
                                .world = sim_node(b->sim, "harrow"),
                                .pool = b->pool,
                                .components = b->components,
                                .component_count = 2};
    const struct simulated_options options = {
        .target = &b->target, .token = "mine", .other_token = "theirs", .allocation = on_allocation, .arg = b};
    assert_int_equal(simulated_new(&options, &b->door, NULL), 0);
}

static void bed_deinit(struct bed *b)
{
    target_close_channels(&b->target);
    simulated_free(b->door);
    rpc_server_free(b->server);
    sim_free(b->sim);
    pb_pool_free(b->pool);
    text_deinit(&b->seen);
    fuzz_trace_deinit(&b->t);
}

static void parse(struct bed *b, const char *script, struct fuzz_case *c)
{
    struct error err = ERROR_INIT;
    if (fuzz_case_parse(bytes_of(script), "script", b->pool, c, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
}

static void play(struct bed *b, const char *script)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    parse(b, script, &c);
    text_clear(&b->seen);
    simulated_run(b->door, &c, &b->t);
    assert_true(text_ok(&b->t.data));
    fuzz_case_deinit(&c);
}

static const struct trace_call *call_of(const struct bed *b, size_t i)
{
    assert_true(i < b->t.calls.count);
    return &b->t.calls.items[i];
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

static void calls_of_both_tenants_and_of_nobody(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    play(&b, CALL "message 0 x\"0A0161\"\nhalf-close 0\nawait 0\n");
    assert_string_equal(text_string(&b.seen), "/helloworld.Helloworld/Call Bearer mine|<\n\x01"
                                              "a>");
    assert_int_equal(call_of(&b, 0)->status, GRPC_OK);
    assert_int_equal(call_of(&b, 0)->replies, 1);
    assert_true(bytes_equal(fuzz_trace_bytes(&b.t, b.t.replies.items[0].body), BYTES("\x0A\x01"
                                                                                     "a",
                                                                                     3)));
    assert_false(b.t.replies.items[0].broken || b.t.hung || simulated_disturbed(b.door));
    play(&b, "call /helloworld.Helloworld/Call other-tenant\nhalf-close 0\nawait 0\n"
             "call /helloworld.Helloworld/Call no-token\nhalf-close 1\nawait 1\n");
    assert_string_equal(text_string(&b.seen), "/helloworld.Helloworld/Call Bearer theirs|/helloworld.Helloworld/Call|");
    assert_true(call_of(&b, 0)->other_tenant && call_of(&b, 1)->without_token);
    assert_true(bytes_is(simulated_bearer(b.door, false), "Bearer mine"));
    assert_true(bytes_is(simulated_bearer(b.door, true), "Bearer theirs"));
    /* a reply that is no message of its type */
    play(&b, CALL "message 0 x\"0A05\"\n");
    assert_true(b.t.replies.items[0].broken);
    bed_deinit(&b);
}

static void values_are_fed_forward(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    play(&b, CALL "message 0 x\"0A0568656C6C6F\"\nhalf-close 0\nawait 0\n" CALL
                  "link 0.0 msg -> \"b-\" metadata\nmetadata x \"\"\nlink 0.0 msg -> name\nmessage 1 x\"\"\n"
                  "half-close 1\nawait 1\n");
    assert_non_null(strstr(text_string(&b.seen), " b-hello|<\n\x05hello>"));
    bed_deinit(&b);
}

static void on_tick(void *arg)
{
    world_timer_start(arg, (uint64_t)SECOND);
}

static void silence_is_told_from_a_stream(void **state)
{
    struct bed b;
    struct world_timer tick;
    (void)state;
    bed_init(&b);
    /* Where nothing is left that could happen, nobody waits for it. */
    uint64_t start = world_now(b.target.world);
    play(&b, CALL SILENT);
    assert_true(b.t.hung && call_of(&b, 0)->timed_out && call_of(&b, 0)->ended_by_us);
    assert_in_range(world_now(b.target.world) - start, 1, SIMULATED_HANG_AFTER - 1);
    world_timer_init(&tick, sim_node(b.sim, "beside"), on_tick, &tick);
    on_tick(&tick);
    start = world_now(b.target.world);
    play(&b, CALL SILENT);
    assert_true(b.t.hung && call_of(&b, 0)->timed_out && call_of(&b, 0)->ended_by_us);
    assert_in_range(world_now(b.target.world) - start, SIMULATED_HANG_AFTER, 2 * SIMULATED_HANG_AFTER);
    play(&b, "call /helloworld.Helloworld/Stream\nmessage 0 x\"0801\"\n");
    assert_false(b.t.hung || call_of(&b, 0)->timed_out);
    assert_true(call_of(&b, 0)->ended_by_us);
    assert_in_range(call_of(&b, 0)->duration, SIMULATED_STREAM_TIME, 2 * SIMULATED_STREAM_TIME);
    /* A stream that does not end is left when it gave enough; a deadline of the case's own is no hang. */
    play(&b, "call /helloworld.Helloworld/Stream\nmessage 0 x\"0A05666C6F6F64\"\nhalf-close 0\nawait 0\n");
    assert_in_range(call_of(&b, 0)->replies, SIMULATED_STREAM_REPLIES, 3 * SIMULATED_STREAM_REPLIES);
    assert_true(call_of(&b, 0)->ended_by_us);
    play(&b, "call /helloworld.Helloworld/Call deadline=20ms\n" SILENT);
    assert_int_equal(call_of(&b, 0)->status, GRPC_DEADLINE_EXCEEDED);
    assert_false(b.t.hung);
    world_timer_stop(&tick);
    bed_deinit(&b);
}

/* What cannot be said in HTTP/2, is too much, or names nobody, does no harm and is nobody's fault. */
static void what_cannot_be_sent(void **state)
{
    struct bed b;
    struct fuzz_case c = FUZZ_CASE_INIT;
    (void)state;
    bed_init(&b);
    play(&b, "call \"/a\\x00b/C\"\nhalf-close 0\nawait 0\nmessage 7 x\"\"\ncancel 9 8\nawait 5\nhalf-close 3\n");
    assert_int_equal(call_of(&b, 0)->status, TRACE_NO_STATUS);
    assert_true(call_of(&b, 0)->ended_by_us && !call_of(&b, 0)->method && !b.t.hung);
    assert_string_equal(text_string(&b.seen), "");
    /* A path of no component goes to the first that has a door. */
    play(&b, "call /nobody.Knows/This\nhalf-close 0\nawait 0\n");
    assert_int_equal(call_of(&b, 0)->status, GRPC_OK);
    const struct fuzz_event e = {.kind = EVENT_CALL};
    for (int i = 0; i < SIMULATED_CALLS_MAX + 3; i++)
        assert_true(fuzz_case_add(&c, &e, bytes_of("/helloworld.Helloworld/Call"), BYTES_NONE) >= 0);
    simulated_run(b.door, &c, &b.t);
    assert_int_equal(b.t.calls.count, SIMULATED_CALLS_MAX);
    for (size_t i = 0; i < b.t.calls.count; i++)
        assert_int_equal(call_of(&b, i)->status, GRPC_OK); /* half-closed at the end */
    fuzz_case_deinit(&c);
    bed_deinit(&b);
}

/* In pieces it is the same, to the event. */
static void pieces_are_the_whole(void **state)
{
    static const char script[] = "environment chunks 3\n" CALL "message 0 x\"0A0161\"\nhalf-close 0\nawait 0\n" CALL
                                 "link 0.0 msg -> name\nmessage 1 x\"\"\ntime 3ms\nhalf-close 1\nawait 1\n";
    uint64_t hashes[8];
    (void)state;
    for (size_t at = 0; at < 8; at++) {
        struct bed b;
        struct fuzz_case c = FUZZ_CASE_INIT;
        bed_init(&b);
        parse(&b, script, &c);
        sim_trace(b.sim, on_line, &b);
        simulated_begin(b.door, &c, &b.t);
        for (size_t i = 0; i < at; i++)
            simulated_go(b.door, i);
        simulated_end(b.door);
        hashes[at] = b.hash;
        assert_int_equal(hashes[at], hashes[0]);
        assert_int_equal(call_of(&b, 1)->status, GRPC_OK);
        sim_trace(b.sim, NULL, NULL);
        fuzz_case_deinit(&c);
        bed_deinit(&b);
    }
}

static void on_done(void *arg, struct fuzz_trace *t)
{
    *(size_t *)arg += t->calls.count;
}

static void it_is_a_door(void **state)
{
    struct bed b;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    size_t calls = 0;
    (void)state;
    bed_init(&b);
    struct fuzz_door *d = simulated_door(b.door);
    assert_true(d->repeatable && d->width == 1 && d->pool == b.pool);
    parse(&b, CALL CALL, &c);
    assert_int_equal(d->begin(d, &c, &b.t, on_done, &calls), 0);
    assert_int_equal(calls, 2);
    d->cancel(d);
    assert_int_equal(d->reset(d, &err), ERROR_UNSUPPORTED);
    error_clear(&err);
    fuzz_case_deinit(&c);
    bed_deinit(&b);
}

/* ---- the world around them -------------------------------------------------------------------------------------- */

static void faults_pull_levers(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    play(&b, "fault toy kill\nfault beside partition\nfault toy start\nfault nobody kill\n");
    assert_int_equal(b.acts[TARGET_KILL], 1);
    assert_int_equal(b.acts[TARGET_PARTITION], 1);
    assert_int_equal(b.acts[TARGET_START], 1);
    assert_int_equal(b.t.faults_skipped, 2); /* what runs is not started, and nobody is nobody */
    assert_true(simulated_disturbed(b.door));
    play(&b, CALL);
    assert_false(simulated_disturbed(b.door));
    bed_deinit(&b);
}

static void what_is_not_known_is_counted(void **state)
{
    static const char *const lines[] = {"environment weather 3\n", "environment toy/weather 1\n",
                                        "environment nobody/write 1\n", "environment /write 1\n",
                                        "environment toy/ 1\n"};
    struct bed b;
    (void)state;
    bed_init(&b);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        play(&b, lines[i]);
        assert_int_equal(b.t.faults_skipped, 1);
    }
    bed_deinit(&b);
}

/* Which of them a case may be judged by as if nothing had happened. */
static void some_disturb(void **state)
{
    static const struct {
        const char *line;
        bool disturbs;
    } lines[] = {{"environment schedule 4\n", false}, {"environment chunks 1\n", false},
                 {"environment repeat 2\n", false},   {"environment latency 5\n", true},
                 {"environment pass 5\n", true},      {"environment allocation 5\n", true},
                 {"environment write 5\n", true},     {"environment toy/write 5\n", true},
                 {"environment toy/space 5\n", true}, {"environment toy/clock 5\n", true},
                 {"environment toy/pause 5\n", true}, {CALL "half-close 0\nawait 0\nenvironment reset 0\n", true}};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct bed b;
        bed_init(&b);
        play(&b, lines[i].line);
        if (simulated_disturbed(b.door) != lines[i].disturbs || b.t.faults_skipped > 0)
            fail_msg("%s: disturbed %d, skipped %u", lines[i].line, simulated_disturbed(b.door), b.t.faults_skipped);
        bed_deinit(&b);
    }
}

static uint64_t duration_of_a_call(struct bed *b, const char *before)
{
    char script[512];
    snprintf(script, sizeof script, "%s" CALL "message 0 x\"0A0161\"\nhalf-close 0\nawait 0\n", before);
    play(b, script);
    assert_int_equal(call_of(b, 0)->status, GRPC_OK);
    return call_of(b, 0)->duration;
}

static void the_network(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    (void)duration_of_a_call(&b, ""); /* connects */
    uint64_t usual = duration_of_a_call(&b, "");
    assert_in_range(duration_of_a_call(&b, "environment latency 300000000\n"), 2 * 300 * MILLISECOND,
                    8 * 300 * MILLISECOND);
    assert_in_range(duration_of_a_call(&b, ""), 2 * 300 * MILLISECOND, 8 * 300 * MILLISECOND); /* it lasts */
    simulated_heal(b.door);
    assert_in_range(duration_of_a_call(&b, ""), 1, 10 * usual);
    /* Its connection is gone, and the call on it with it; the next one has another. */
    play(&b, CALL "message 0 x\"0A0673696C656E74\"\ntime 10ms\nenvironment reset 0\nawait 0\n");
    assert_true(call_of(&b, 0)->status == TRACE_NO_STATUS || call_of(&b, 0)->status == GRPC_UNAVAILABLE);
    assert_in_range(duration_of_a_call(&b, ""), 1, SECOND);
    bed_deinit(&b);
}

static void schedules_differ_and_repeat(void **state)
{
    static const char *const before[] = {"environment schedule 1\n", "environment schedule 2\n",
                                         "environment schedule 1\n"};
    uint64_t hashes[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct bed b;
        bed_init(&b);
        sim_trace(b.sim, on_line, &b);
        (void)duration_of_a_call(&b, before[i]);
        hashes[i] = b.hash;
        bed_deinit(&b);
    }
    assert_int_not_equal(hashes[0], hashes[1]);
    assert_int_equal(hashes[0], hashes[2]);
}

static int write_at(struct bed *b, const char *node, size_t len)
{
    static const char bytes[4096];
    struct world *w = sim_node(b->sim, node);
    assert_int_equal(world_make_directory(w, "data"), 0);
    return world_write_file(w, DATA, BYTES(bytes, len), false, NULL);
}

static void disks(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    assert_int_equal(write_at(&b, "toy", 100), 0);
    play(&b, "environment toy/write 0\n");
    assert_int_equal(write_at(&b, "toy", 100), ERROR_IO);
    assert_int_equal(write_at(&b, "beside", 100), 0);
    assert_int_equal(write_at(&b, "toy", 100), 0); /* that one alone */
    play(&b, "environment write 1\n");             /* of component 1 modulo 2, the (1 + 0)-th */
    assert_int_equal(write_at(&b, "beside", 100), ERROR_IO);
    play(&b, "environment beside/space 0\n"); /* 1 KiB */
    assert_int_equal(write_at(&b, "beside", 4096), ERROR_NO_SPACE);
    play(&b, "environment toy/write 0\n");
    simulated_heal(b.door);
    assert_int_equal(write_at(&b, "toy", 100), 0);
    assert_int_equal(write_at(&b, "beside", 4096), 0);
    /* What the files take is known: the new one as it is written and as it is kept. */
    uint64_t before = sim_disk_held(b.sim);
    assert_int_equal(world_write_file(sim_node(b.sim, "toy"), "data/more", bytes_of("x"), false, NULL), 0);
    assert_true(sim_disk_held(b.sim) > before);
    bed_deinit(&b);
}

static void time_and_clocks(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    struct world *toy = sim_node(b.sim, "toy");
    uint64_t now = world_now(toy);
    int64_t wall = world_wall(toy);
    play(&b, "environment pass 7000000000\n");
    assert_in_range(world_now(toy) - now, 7 * SECOND, 7 * SECOND + MILLISECOND);
    play(&b, "time 50s\n"); /* a second at most */
    assert_in_range(world_now(toy) - now, 8 * SECOND, 8 * SECOND + MILLISECOND);
    play(&b, "environment toy/clock 100\n");
    assert_in_range(world_wall(toy) - wall, 108 * SECOND, 108 * SECOND + MILLISECOND);
    assert_in_range(world_wall(sim_node(b.sim, "beside")) - wall, 8 * SECOND, 8 * SECOND + MILLISECOND);
    play(&b, "environment toy/clock 101\n"); /* odd: back */
    assert_in_range(world_wall(toy) - wall, 7 * SECOND, 7 * SECOND + MILLISECOND);
    /* Whoever pauses answers afterwards. */
    play(&b, CALL "message 0 x\"0A0161\"\nhalf-close 0\nenvironment toy/pause 2000000000\nawait 0\n");
    assert_int_equal(call_of(&b, 0)->status, GRPC_OK);
    assert_true(call_of(&b, 0)->duration >= (uint64_t)(2 * SECOND));
    bed_deinit(&b);
}

static void memory_and_repeats(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    play(&b, "environment allocation 41\n");
    assert_int_equal(b.allocation, 42);
    simulated_heal(b.door);
    assert_int_equal(b.allocation, 0);
    play(&b, "environment repeat 7\nenvironment repeat 3\n");
    assert_int_equal(simulated_repeats(b.door), 7);
    play(&b, "time 1ms\n");
    assert_int_equal(simulated_repeats(b.door), 0);
    bed_deinit(&b);
}

/* ---- without memory --------------------------------------------------------------------------------------------- */

/* Each allocation fails once: nothing hangs, nothing is lost, and a trace that lacks something says so or lacks a
 * call's answer. */
static void every_allocation_fails_once(void **state)
{
    static const char script[] =
        "environment chunks 5\n" CALL "metadata x \"1\"\nmessage 0 x\"0A0568656C6C6F\"\nhalf-close 0\nawait 0\n" CALL
        "link 0.0 msg -> \"b-\" metadata\nmetadata x \"\"\nlink 0.0 msg -> name\nmessage 1 gzip x\"\"\n"
        "half-close 1\nawait 1\n";
    bool hit = true;
    size_t n = 1;
    (void)state;
    for (; hit && n < 100000; n++) {
        struct bed b;
        struct fuzz_case c = FUZZ_CASE_INIT;
        bed_init(&b);
        parse(&b, script, &c);
        failing_arm(n);
        simulated_run(b.door, &c, &b.t);
        hit = failing_hit();
        failing_disarm();
        if (!hit)
            assert_true(b.t.calls.count == 2 && call_of(&b, 1)->status == GRPC_OK);
        fuzz_case_deinit(&c);
        bed_deinit(&b);
    }
    assert_true(!hit && n > 20);
}

static void no_door_without_memory(void **state)
{
    bool hit = true;
    struct bed b;
    (void)state;
    bed_init(&b);
    const struct simulated_options options = {.target = &b.target, .token = "a", .other_token = "b"};
    for (size_t n = 1; hit; n++) {
        struct simulated *door = NULL;
        failing_arm(n);
        int rc = simulated_new(&options, &door, NULL);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(rc, hit ? ERROR_MEMORY : 0);
        assert_true((door != NULL) == !hit);
        simulated_free(door);
    }
    simulated_free(NULL);
    bed_deinit(&b);
}

static void no_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

int main(void)
{
    log_set_sink(no_line, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_both_tenants_and_of_nobody),
        cmocka_unit_test(values_are_fed_forward),
        cmocka_unit_test(silence_is_told_from_a_stream),
        cmocka_unit_test(what_cannot_be_sent),
        cmocka_unit_test(pieces_are_the_whole),
        cmocka_unit_test(it_is_a_door),
        cmocka_unit_test(faults_pull_levers),
        cmocka_unit_test(what_is_not_known_is_counted),
        cmocka_unit_test(some_disturb),
        cmocka_unit_test(the_network),
        cmocka_unit_test(schedules_differ_and_repeat),
        cmocka_unit_test(disks),
        cmocka_unit_test(time_and_clocks),
        cmocka_unit_test(memory_and_repeats),
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(no_door_without_memory),
    };
    return cmocka_run_group_tests_name("fuzz/simulated", tests, NULL, NULL);
}
