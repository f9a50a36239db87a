/* The engine in the simulated world, against a server that is right or has one planted bug. */
#include "base/test.h"

#include "base/failing.h"
#include "base/units.h"
#include "fuzz/case/case.h"
#include "fuzz/frames/operators.h"
#include "fuzz/fuzz.h"
#include "fuzz/live/test_kit.h"
#include "proto/set.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS       "toy:7000"
#define INPUTS        1500
#define INPUTS_SOME   (INPUTS / 2)
#define CLEAN_REPLAYS 3            /* of what was found: each is repeated in copies for its leaks */
#define INPUTS_FEW    (INPUTS / 4) /* at first, where more are tried until something is found */
#define INPUTS_MOST   (16 * INPUTS)

enum planted {
    PLANTED_NOTHING,
    PLANTED_INTERNAL,    /* "gamma" anywhere in a message is answered INTERNAL */
    PLANTED_TWO,         /* so it is, and what is empty as well, in other words */
    PLANTED_HANG,        /* "beta" is never answered */
    PLANTED_SCHEMA,      /* Helloworld.Call's answer is no Response */
    PLANTED_LATE_SCHEMA, /* the first of Helloworld.Stream's answers is no StreamingResponse */
    PLANTED_ACCEPTS,     /* messages are not looked at */
    PLANTED_WAITS,       /* Helloworld.Call answers nothing, ever */
    PLANTED_CRASH,       /* "gamma" kills the process; another takes its place at once */
    PLANTED_CRASH_OFTEN, /* "alpha" and "beta" as well */
};

static struct pb_pool *pool; /* all beds', which only read it */

struct bed {
    struct sim *sim;
    struct pb_pool *pool;
    struct rpc_server *server;
    struct target target;
    struct target_component component;
    struct result_stream results;
    struct text lines, seen; /* the result stream; every message received with its path */
    enum planted planted;
    int64_t process;
    uint64_t away_until; /* nobody answers until then */
};

/* ---- the server ---- */

static const char hanging;

static bool contains(struct bytes message, const char *word)
{
    return message.len > 0 && memmem(message.data, message.len, word, strlen(word)) != NULL;
}

static const char *const deadly[] = {"gamma", "alpha", "beta"};

static bool is_deadly(enum planted planted, struct bytes message)
{
    size_t words = planted == PLANTED_CRASH ? 1 : planted == PLANTED_CRASH_OFTEN ? 3 : 0;
    bool found = false;
    for (size_t i = 0; i < words; i++)
        found |= contains(message, deadly[i]);
    return found;
}

static void on_message(struct rpc_call *call, struct bytes message, void *service)
{
    struct bed *b = service;
    union {
        const char *in;
        void *out;
    } hang = {.in = &hanging};
    const struct pb_method *m = pb_find_method(b->pool, rpc_call_path(call), false);
    if (!m) { /* frames come with paths of their own */
        rpc_call_fail(call, GRPC_UNIMPLEMENTED, "no such method");
        return;
    }
    text_puts(&b->seen, m->path);
    text_add(&b->seen, message.data, message.len);
    if (b->planted == PLANTED_WAITS && strstr(m->path, "/Call") != NULL)
        return;
    if (b->planted != PLANTED_ACCEPTS && pb_scan(m->input->descriptor, message, NULL) != 0) {
        rpc_call_fail(call, GRPC_INVALID_ARGUMENT, "not a %s", m->input->full_name);
    } else if ((b->planted == PLANTED_INTERNAL || b->planted == PLANTED_TWO) && contains(message, "gamma")) {
        rpc_call_fail(call, GRPC_INTERNAL, "index out of range");
    } else if (b->planted == PLANTED_TWO && message.len == 0) {
        rpc_call_fail(call, GRPC_INTERNAL, "nobody was named");
    } else if (b->planted == PLANTED_HANG && contains(message, "beta")) {
        rpc_call_set_user(call, hang.out);
    } else if (is_deadly(b->planted, message)) {
        b->process++;
        sim_reset_streams(b->sim, "toy", "harrow");
    }
}

static void on_half_closed(struct rpc_call *call, void *service)
{
    struct bed *b = service;
    bool stream = strstr(rpc_call_path(call), "/Stream") != NULL;
    bool waits = b->planted == PLANTED_WAITS && strstr(rpc_call_path(call), "/Call") != NULL;
    if (waits || rpc_call_user(call) == (const void *)&hanging)
        return;
    bool broken = (b->planted == PLANTED_SCHEMA && strstr(rpc_call_path(call), "/Call") != NULL) ||
                  (b->planted == PLANTED_LATE_SCHEMA && stream);
    rpc_call_send_bytes(call, broken ? BYTES("\x0A\x05x", 3) : BYTES("", 0));
    if (stream)
        rpc_call_send_bytes(call, BYTES("", 0));
    rpc_call_finish(call, GRPC_OK, "");
}

/* ---- the target and its files ---- */

static struct bed *bed_of(struct target *t)
{
    return (struct bed *)((char *)t - offsetof(struct bed, target));
}

static bool alive(struct target *t, const char *component)
{
    return strcmp(component, "toy") == 0 && world_now(t->world) >= bed_of(t)->away_until;
}

static int64_t process(struct target *t, const char *component)
{
    (void)component;
    return bed_of(t)->process;
}

static int logs(struct target *t, const char *component, size_t lines, struct text *out)
{
    (void)t;
    (void)component;
    (void)lines;
    text_puts(out, "segmentation fault");
    return 0;
}

static void bed_init(struct bed *b, enum planted planted)
{
    static const char *const services[] = {"helloworld.Helloworld", "store.Store", NULL};
    static const struct target_operations operations = {.alive = alive, .process = process, .logs = logs};
    static const struct rpc_handler handler = {
        .open = kit_open, .message = on_message, .half_closed = on_half_closed, .cancelled = kit_cancelled};
    *b = (struct bed){.planted = planted, .process = 100};
    b->sim = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(b->sim);
    b->pool = pool;
    struct world *w = sim_node(b->sim, "harrow");
    b->server = kit_serve(sim_node(b->sim, "toy"), &handler, b, true);
    b->component = (struct target_component){.name = "toy", .address = ADDRESS, .services = services};
    b->results = kit_results(&b->lines, w);
    b->target = (struct target){.operations = &operations,
                                .world = w,
                                .system = "toy",
                                .driver = "sim",
                                .pool = b->pool,
                                .components = &b->component,
                                .component_count = 1,
                                .results = &b->results};
}

static void bed_deinit(struct bed *b)
{
    target_close_channels(&b->target);
    rpc_server_free(b->server);
    sim_free(b->sim);
    text_deinit(&b->lines);
    text_deinit(&b->seen);
}

static struct fuzz_options options_of(uint64_t seed)
{
    return (struct fuzz_options){.seed = seed,
                                 .inputs_max = INPUTS,
                                 .hang_after = (uint64_t)SECOND,
                                 .findings = "found",
                                 .replay = "harrow fuzz"};
}

/* Leaves a summary that holds numbers only. */
static void run(struct bed *b, const struct fuzz_options *o, struct fuzz_summary *s)
{
    struct error err = ERROR_INIT;
    if (fuzz_run(&b->target, o, s, &err) != 0)
        fail_msg("%s\n%s", err.message, text_string(&b->lines));
    struct fuzz_summary numbers = *s;
    fuzz_summary_deinit(s);
    *s = numbers;
}

static void count_name(void *arg, const char *name)
{
    *(size_t *)arg += strstr(name, ".case") != NULL && strstr(name, "suspect") == NULL;
}

static size_t cases_in(struct bed *b, const char *folder)
{
    size_t count = 0;
    (void)world_list(b->target.world, folder, count_name, &count);
    return count;
}

/* ---- tests ---- */

static void is_clean(struct bed *b, const struct fuzz_summary *s)
{
    if (s->findings != 0)
        fail_msg("%s", text_string(&b->lines));
    /* Every door gets each operator at least once; cases that were under way are ended. */
    assert_in_range(s->inputs, INPUTS_SOME, INPUTS_SOME + 2 * frame_operator_count + 64);
    assert_true(s->cases > INPUTS_SOME / 4 && s->cases <= s->inputs);
    assert_true(s->answered > s->inputs - s->inputs / 20); /* a few cannot be sent, or are cancelled at once */
    assert_int_equal(s->methods, 9);
    assert_true(s->statuses[GRPC_OK] > INPUTS_SOME / 4 && s->statuses[GRPC_INVALID_ARGUMENT] > INPUTS_SOME / 20);
    assert_int_equal(b->results.passed, 9 + 1); /* every method, and the connections */
    assert_int_equal(b->results.failed + b->results.skipped + b->results.findings, 0);
    assert_int_equal(cases_in(b, "found"), 0);
}

/* A right server is told nothing of, and the same seed is the same campaign. */
static void test_clean_and_the_same(void **state)
{
    (void)state;
    struct text seen[3];
    static const uint64_t seeds[] = {8, 8, 9};
    for (size_t i = 0; i < 3; i++) {
        struct bed b;
        struct fuzz_summary s;
        bed_init(&b, PLANTED_NOTHING);
        struct fuzz_options o = options_of(seeds[i]);
        o.inputs_max = i == 2 ? INPUTS_FEW : INPUTS_SOME;
        o.filter = i == 2 ? "/" : NULL; /* connections cost the most, and twice tells */
        run(&b, &o, &s);
        if (i < 2)
            is_clean(&b, &s);
        seen[i] = b.seen;
        b.seen = TEXT_INIT;
        bed_deinit(&b);
    }
    assert_true(seen[0].len > 1000);
    assert_true(bytes_equal(text_bytes(&seen[0]), text_bytes(&seen[1])));
    assert_false(bytes_equal(text_bytes(&seen[0]), text_bytes(&seen[2])));
    for (size_t i = 0; i < 3; i++)
        text_deinit(&seen[i]);
}

/* All bytes of a case's messages, and how many calls it has. */
static size_t size_of(const struct bed *b, const char *path, struct bytes content, size_t *calls)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    if (fuzz_case_parse(content, path, b->pool, &c, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    size_t len = 0;
    for (size_t i = 0; i < c.events.count; i++)
        if (c.events.items[i].kind == EVENT_MESSAGE)
            len += c.events.items[i].value.len;
    *calls = fuzz_case_calls(&c);
    fuzz_case_deinit(&c);
    return len;
}

/* The planted bug is found, its case is reduced to one call of at most `longest` bytes, and the file brings it back: on
 * a server with the bug, and not on one without. */
static void found(enum planted planted, const char *oracle, size_t longest)
{
    struct bed b, clean;
    struct fuzz_summary s;
    char member[64];
    struct fuzz_options o = options_of(5);
    o.inputs_max = INPUTS_FEW;
    if (planted != PLANTED_CRASH) /* which breaks connections */
        o.filter = "/";           /* calls only: connections have nothing to do with it, and cost the most */
    bed_init(&b, planted);
    bed_init(&clean, PLANTED_NOTHING);
    run(&b, &o, &s);
    /* With any seed, sooner or later. */
    while (s.findings == 0 && o.inputs_max < INPUTS_MOST) {
        bed_deinit(&b);
        bed_init(&b, planted);
        o.inputs_max *= 2;
        run(&b, &o, &s);
    }
    assert_true(s.findings > 0);
    assert_int_equal(b.results.findings, s.findings);
    assert_int_equal(cases_in(&b, "found"), s.findings + s.warnings);
    assert_true(b.results.failed > 0);
    snprintf(member, sizeof member, "\"oracle\":\"%s\"", oracle);
    assert_non_null(strstr(text_string(&b.lines), member));
    size_t smallest = SIZE_MAX;
    for (size_t i = 1; i <= (size_t)(s.findings + s.warnings); i++) {
        struct text content = TEXT_INIT;
        char path[64];
        snprintf(path, sizeof path, "found/%zu.case", i);
        assert_int_equal(world_read_file(b.target.world, path, 1 << 20, &content, NULL), 0);
        if (strstr(text_string(&content), "confirmed: did not come again")) { /* a warning: of many at once */
            text_deinit(&content);
            continue;
        }
        size_t calls, len = size_of(&b, path, text_bytes(&content), &calls);
        if (len < smallest)
            smallest = len;
        if (calls != 1)
            fail_msg("%s", text_string(&content));
        struct fuzz_options again = options_of(77);
        struct fuzz_summary one;
        again.input = path;
        again.findings = NULL;
        run(&b, &again, &one);
        if (one.findings != 1)
            fail_msg("%s does not come back:\n%s", path, text_string(&content));
        assert_int_equal(one.cases, 1);
        again.input = NULL;
        again.script = text_bytes(&content);
        if (i <= CLEAN_REPLAYS) {
            run(&clean, &again, &one);
            assert_int_equal(one.findings, 0);
        }
        text_deinit(&content);
    }
    if (smallest > longest)
        fail_msg("reduced to %zu bytes only", smallest);
    bed_deinit(&b);
    bed_deinit(&clean);
}

static void test_internal(void **state)
{
    (void)state;
    found(PLANTED_INTERNAL, "internal", strlen("gamma") + 6);
}

/* What is made smaller stays the bug it was found as, though a smaller case shows another one of its method. */
static void test_two_of_a_method(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    struct fuzz_options o = options_of(5);
    const char *told = NULL;
    o.filter = "/";
    for (o.inputs_max = INPUTS_FEW; told == NULL && o.inputs_max < INPUTS_MOST; o.inputs_max *= 2) {
        bed_init(&b, PLANTED_TWO);
        run(&b, &o, &s);
        told = strstr(text_string(&b.lines), ": index out of range\\n");
        if (told != NULL) {
            const char *end = strchr(told, '\n');
            assert_non_null(end);
            if (memmem(told, (size_t)(end - told), "gamma", strlen("gamma")) == NULL)
                fail_msg("another bug's case: %.*s", (int)(end - told), told);
            assert_non_null(strstr(text_string(&b.lines), ": nobody was named\\n"));
        }
        bed_deinit(&b);
    }
    assert_non_null(told);
}

static void test_hang(void **state)
{
    (void)state;
    found(PLANTED_HANG, "hang", strlen("beta") + 6);
}

/* What waits by design is no bug, but worth a word. */
static void test_waits(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    struct fuzz_options o = options_of(5);
    o.filter = "/"; /* calls only: connections need a method that answers */
    bed_init(&b, PLANTED_WAITS);
    run(&b, &o, &s);
    if (s.findings != 0)
        fail_msg("%s", text_string(&b.lines));
    assert_int_equal(s.warnings, 1);
    assert_non_null(strstr(text_string(&b.lines), "helloworld.Helloworld/Call: hang"));
    assert_non_null(strstr(text_string(&b.lines), "it may be meant to wait"));
    bed_deinit(&b);
}

static void test_schema(void **state)
{
    (void)state;
    found(PLANTED_SCHEMA, "schema", 0);
    found(PLANTED_LATE_SCHEMA, "schema", 0);
}

static void test_accepts(void **state)
{
    (void)state;
    found(PLANTED_ACCEPTS, "accepted", 2);
}

static void test_crash(void **state)
{
    (void)state;
    found(PLANTED_CRASH, "crash", strlen("gamma") + 6);
}

/* Cases that are over may kill the process later: a call that was cancelled, or whose deadline was too short. No other
 * case may be told for it. */
static void test_crash_is_told_of_its_case(void **state)
{
    static const uint64_t seeds[] = {21, 51};
    static const char *const words[] = {"gamma", "67616d6d61", "alpha", "616c706861", "beta", "62657461"};
    (void)state;
    for (size_t n = 0; n < sizeof seeds / sizeof seeds[0]; n++) {
        struct bed b;
        struct fuzz_summary s;
        struct fuzz_options o = options_of(seeds[n]);
        o.inputs_max = INPUTS_FEW;
        o.filter = "/";
        bed_init(&b, PLANTED_CRASH_OFTEN);
        run(&b, &o, &s);
        assert_true(s.findings > 0);
        for (size_t i = 1; i <= (size_t)(s.findings + s.warnings); i++) {
            struct text content = TEXT_INIT;
            char path[64];
            snprintf(path, sizeof path, "found/%zu.case", i);
            assert_int_equal(world_read_file(b.target.world, path, 1 << 20, &content, NULL), 0);
            const char *script = text_string(&content);
            bool guilty = strncmp(script, "# toy: crash\n", strlen("# toy: crash\n")) == 0; /* nobody is */
            for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
                guilty |= strcasestr(script, words[k]) != NULL;
            if (!guilty)
                fail_msg("seed %d: no case of a crash: %s", (int)seeds[n], script);
            text_deinit(&content);
        }
        bed_deinit(&b);
    }
}

struct interruption {
    struct bed *bed;
    struct world_timer timer;
};

/* One that is shot from outside: no input is to blame, and the finding says so. */
static void shoot(void *arg)
{
    struct interruption *i = arg;
    i->bed->process++;
    sim_reset_streams(i->bed->sim, "toy", "harrow");
}

static void test_crash_by_nobody(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    bed_init(&b, PLANTED_NOTHING);
    struct interruption i = {.bed = &b};
    struct fuzz_options o = options_of(5);
    o.inputs_max = INPUTS_FEW;
    o.filter = "/";
    world_timer_init(&i.timer, b.target.world, shoot, &i);
    world_timer_start(&i.timer, (uint64_t)(10 * MILLISECOND));
    run(&b, &o, &s);
    assert_int_equal(s.findings, 1);
    assert_non_null(strstr(text_string(&b.lines), "none of them alone brings it down again"));
    assert_non_null(strstr(text_string(&b.lines), "\"title\":\"toy: crash\"")); /* no method is to blame */
    struct text suspect = TEXT_INIT;
    assert_int_equal(world_read_file(b.target.world, "found/crash-1-suspect-1.case", 1 << 20, &suspect, NULL), 0);
    text_deinit(&suspect);
    bed_deinit(&b);
}

static void shoot_for_a_while(void *arg)
{
    struct interruption *i = arg;
    i->bed->away_until = world_now(i->bed->target.world) + (uint64_t)(3 * SECOND);
    shoot(i);
}

/* Of a system that is not ours nothing is known but that it answers again: a supervisor takes its time. */
static void test_crash_is_not_the_end(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    bed_init(&b, PLANTED_NOTHING);
    struct interruption i = {.bed = &b};
    struct fuzz_options o = options_of(5);
    o.inputs_max = INPUTS_FEW;
    o.filter = "/";
    o.hang_after = (uint64_t)(5 * SECOND);
    b.target.driver = "attach";
    sim_latency(b.sim, NULL, NULL, (uint64_t)(100 * MILLISECOND), (uint64_t)(100 * MILLISECOND));
    assert_int_equal(world_sleep(b.target.world, (uint64_t)HOUR), 0);
    world_timer_init(&i.timer, b.target.world, shoot_for_a_while, &i);
    world_timer_start(&i.timer, (uint64_t)(1500 * MILLISECOND));
    run(&b, &o, &s);
    assert_string_equal(s.ended, "calls");
    assert_in_range(s.inputs, INPUTS_FEW, INPUTS);
    bed_deinit(&b);
}

/* All calls of a case break off together; it is told under the one that spoke last. */
static void test_crash_of_the_later_call(void **state)
{
    static const char script[] = "call /helloworld.Helloworld/PingPong\nmessage 0 x\"0801\"\n"
                                 "call /helloworld.Helloworld/Call\nmessage 1 x\"0A0567616D6D61\"\nhalf-close 1\n";
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    struct fuzz_options o = options_of(5);
    o.findings = NULL;
    o.script = bytes_of(script);
    bed_init(&b, PLANTED_CRASH);
    run(&b, &o, &s);
    assert_int_equal(s.findings, 1);
    assert_non_null(strstr(text_string(&b.lines), "\"title\":\"helloworld.Helloworld/Call: crash\""));
    bed_deinit(&b);
}

/* Memory runs out once, anywhere in a small campaign or in the server: it ends, says so if it has to, and leaks
 * nothing.
 */
static void test_memory(void **state)
{
    (void)state;
    bool hit = true;
    for (size_t n = 1; hit && n < 1000000; n += 1 + n / 2) {
        struct bed b;
        struct fuzz_summary s;
        struct error err = ERROR_INIT;
        bed_init(&b, PLANTED_INTERNAL);
        struct fuzz_options o = options_of(5);
        o.inputs_max = 40;
        o.filter = "/";
        failing_arm(n);
        int code = fuzz_run(&b.target, &o, &s, &err);
        hit = failing_hit();
        failing_disarm();
        if (code != 0 && code != ERROR_MEMORY)
            fail_msg("allocation %zu: %s", n, err.message);
        assert_true(hit || code == 0);
        error_clear(&err);
        fuzz_summary_deinit(&s);
        bed_deinit(&b);
    }
    assert_false(hit);
}

static void interrupt(void *arg)
{
    struct interruption *i = arg;
    i->bed->target.interrupted = true;
    world_stop(i->bed->target.world);
}

static void test_interrupt(void **state)
{
    (void)state;
    /* In the campaign, at the connections, in the minimiser (which waits for hangs). */
    for (uint64_t at = 5; at < 4000; at *= 4) {
        struct bed b;
        struct fuzz_summary s;
        bed_init(&b, PLANTED_HANG);
        struct interruption i = {.bed = &b};
        struct fuzz_options o = options_of(5);
        o.filter = at < 80 ? NULL : "/"; /* connections cost the most */
        o.inputs_max = 0;
        o.budget = (uint64_t)(24 * MILLISECOND); /* virtual: hundreds of calls; the connections begin at a third */
        world_timer_init(&i.timer, b.target.world, interrupt, &i);
        world_timer_start(&i.timer, at * (uint64_t)MILLISECOND);
        assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), ERROR_CANCELLED);
        fuzz_summary_deinit(&s);
        world_timer_stop(&i.timer);
        bed_deinit(&b);
    }
}

static void test_bad_options(void **state)
{
    (void)state;
    struct bed b;
    struct fuzz_summary s;
    bed_init(&b, PLANTED_NOTHING);
    struct fuzz_options o = options_of(1);
    o.filter = "nothing";
    assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), ERROR_INVALID);
    fuzz_summary_deinit(&s);
    o.filter = NULL;
    o.skip = "/"; /* every path has one */
    assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), ERROR_INVALID);
    fuzz_summary_deinit(&s);
    o.skip = NULL;
    o.input = "missing.json";
    assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), ERROR_NOT_FOUND);
    fuzz_summary_deinit(&s);
    o.input = NULL;
    b.component.services = (const char *const[]){"no.Service", NULL};
    assert_int_equal(fuzz_run(&b.target, &o, &s, NULL), ERROR_INVALID);
    fuzz_summary_deinit(&s);
    bed_deinit(&b);
}

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(proto_set(), "set", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_and_the_same),
        cmocka_unit_test(test_internal),
        cmocka_unit_test(test_two_of_a_method),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_crash_of_the_later_call),
        cmocka_unit_test(test_schema),
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_crash_by_nobody),
        cmocka_unit_test(test_crash_is_not_the_end),
        cmocka_unit_test(test_crash_is_told_of_its_case),

        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
