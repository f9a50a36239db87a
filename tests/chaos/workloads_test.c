/* Every kind of workload against Micro itself, in simulation: its history is valid for each of its models when nothing
 * is wrong and when its component is killed and loses its power in the middle; the same seed gives the same history to
 * the byte; and a server that is wrong in one way is told invalid by the model meant for that. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/history/file.h"
#include "tests/chaos/liar.h"
#include "tests/chaos/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD   ((uint64_t)(3 * SECOND)) /* virtual */
#define SETTLE ((uint64_t)(30 * SECOND))
#define SEED   UINT64_C(11)

/* What a kind runs against, and what has to be in its history. */
struct run {
    const char *kind;
    const char *const *components; /* the last one is the one the faults hit */
    uint32_t functions;            /* bits: each has to have ended ok at least once */
    int rate, keys;
};
#define WAYS          2
#define HONEST        3
#define FAULTS        4 /* in one run */
#define HOLD_MAX      ((int64_t)(3 * SECOND))
#define HAS(function) (UINT32_C(1) << OPERATION_##function)

static const char *const store[] = {"store", NULL};
static const char *const events[] = {"events", NULL};
static const char *const broker[] = {"broker", NULL};

static const char *const registry[] = {"registry", NULL};
static const char *const config[] = {"store", "config", NULL};
static const char *const auth[] = {"store", "auth", NULL};
/* The faults hit who is behind: what passes on has to come through that. */
static const char *const proxy_store[] = {"registry", "proxy", "store", NULL};
static const char *const proxy_broker[] = {"registry", "proxy", "broker", NULL};
static const char *const proxy_config[] = {"registry", "proxy", "store", "config", NULL};
static const char *const gateway_store[] = {"registry", "api", "store", NULL};
static const char *const gateway_broker[] = {"registry", "api", "broker", NULL};

static const struct run runs[] = {
    {"store-register", store, HAS(READ) | HAS(WRITE), 200, 4},
    {"store-cas", store, HAS(READ) | HAS(WRITE) | HAS(CAS), 200, 3},
    {"store-counter", store, HAS(READ) | HAS(ADD), 200, 3},
    {"store-set", store, HAS(READ) | HAS(ADD) | HAS(REMOVE), 150, 3},
    {"store-blob", store, HAS(READ) | HAS(WRITE), 60, 3},
    {"store-expiry", store, HAS(READ) | HAS(ADD) | HAS(REMOVE), 100, 3},
    {"store-lock", store, HAS(ACQUIRE) | HAS(RELEASE) | HAS(WRITE), 200, 2},
    {"events-log", events, HAS(SEND) | HAS(POLL), 150, 3},
    {"events-group", events, HAS(SEND) | HAS(POLL) | HAS(ACKNOWLEDGE), 100, 2},
    {"broker-pubsub", broker, HAS(SEND) | HAS(POLL), 150, 2},
    {"registry", registry, HAS(READ) | HAS(WRITE) | HAS(WATCH), 150, 4},
    {"config", config, HAS(READ) | HAS(WRITE) | HAS(WATCH), 100, 4},
    {"auth-token", auth, HAS(ISSUE) | HAS(USE) | HAS(REVOKE), 60, 6},
    {"auth-refresh", auth, HAS(ISSUE) | HAS(USE), 40, 4},
    {"broker-queue", broker, HAS(ENQUEUE) | HAS(DEQUEUE), 150, 2},
    {"proxy-register", proxy_store, HAS(READ) | HAS(WRITE), 150, 3},
    {"proxy-pubsub", proxy_broker, HAS(SEND) | HAS(POLL), 100, 2},
    {"broker-slow", broker, HAS(SEND) | HAS(POLL), 150, 2},
    {"registry-slow", registry, HAS(READ) | HAS(WRITE) | HAS(WATCH), 150, 4},
    {"proxy-slow", proxy_broker, HAS(SEND) | HAS(POLL), 100, 2},
    {"proxy-config", proxy_config, HAS(READ) | HAS(WRITE) | HAS(WATCH), 100, 4},
    {"gateway-register", gateway_store, HAS(READ) | HAS(WRITE), 100, 3},
    {"gateway-pubsub", gateway_broker, HAS(SEND) | HAS(POLL), 100, 2},
};
#define RUNS (sizeof runs / sizeof runs[0])

static const char *victim(const struct run *r)
{
    size_t i = 0;
    while (r->components[i + 1] != NULL)
        i++;
    return r->components[i];
}

/* First its process is killed, then its machine loses its power; then what is drawn. */
static void strike(struct chaos_system *s, const char *node, int number, struct random *r)
{
    uint64_t what = number < 2 ? (uint64_t)number : random_below(r, 4);
    uint64_t hold = (uint64_t)random_range(r, 0, HOLD_MAX);
    switch (what) {
    case 0:
        assert_int_equal(sim_kill(s->sim, node), 0);
        break;
    case 1:
        assert_int_equal(sim_crash(s->sim, node), 0);
        break;
    case 2:
        assert_int_equal(sim_pause(s->sim, node), 0);
        assert_int_equal(world_sleep(s->target.world, hold), 0);
        assert_int_equal(sim_resume(s->sim, node), 0);
        break;
    default:
        sim_cut(s->sim, node, CHAOS_CLIENTS, random_below(r, 2) == 0);
        assert_int_equal(world_sleep(s->target.world, hold), 0);
        sim_heal_all(s->sim);
        break;
    }
}

/* The work itself; the caller ends it. */
static struct workload *drive(struct chaos_system *s, const struct run *r, bool faults, bool honest)
{
    struct error err = ERROR_INIT;
    struct workload_options options = {
        .kind = workload_kind_find(r->kind), .seed = s->target.seed, .clients = 4, .keys = r->keys, .rate = r->rate};
    struct workload *w = NULL;
    assert_non_null(options.kind);
    assert_int_equal(workload_new(&s->target, &options, &w, &err), 0);
    workload_start(w);
    if (faults) {
        struct random r_faults;
        random_seed(&r_faults, s->target.seed);
        for (int i = 0; i < FAULTS; i++) {
            assert_int_equal(world_sleep(s->target.world, LOAD / (FAULTS + 1)), 0);
            strike(s, victim(r), i, &r_faults);
        }
        assert_int_equal(world_sleep(s->target.world, LOAD / (FAULTS + 1)), 0);
    } else {
        assert_int_equal(world_sleep(s->target.world, LOAD), 0);
    }
    assert_int_equal(workload_stop(w), 0);
    /* A lie can keep it from settling; then what there is is judged. */
    if (workload_final_reads(w, SETTLE, &err) != 0 && honest)
        fail_msg("%s: %s", r->kind, err.message);
    error_clear(&err);
    return w;
}

static void print_verdict(struct workload *w, const struct check_model *m, const struct check_result *c)
{
    struct text text = TEXT_INIT;
    text_printf(&text, "%s by %s: %s: %s\n", workload_kind_of(w)->name, m->name, verdict_name(c->verdict), c->reason);
    for (size_t i = 0; i < c->witness.count; i++) {
        history_print_operation(workload_history(w), c->witness.items[i], 0, &text);
        text_char(&text, '\n');
    }
    print_message("%s", text_string(&text));
    text_deinit(&text);
}

/* How many of the kind's models say "invalid". */
static int judge(struct workload *w, bool expect_valid)
{
    int invalid = 0;
    for (const char *const *name = workload_kind_of(w)->models; *name != NULL; name++) {
        const struct check_model *m = check_model_find(*name);
        struct check_result c;
        struct error err = ERROR_INIT;
        assert_non_null(m);
        check_result_init(&c);
        if (workload_judge(w, m, NULL, &c, &err) != 0)
            fail_msg("%s by %s: %s", workload_kind_of(w)->name, *name, err.message);
        if (c.verdict != (expect_valid ? VERDICT_VALID : VERDICT_INVALID))
            print_verdict(w, m, &c);
        assert_int_not_equal(c.verdict, VERDICT_UNKNOWN);
        invalid += c.verdict == VERDICT_INVALID;
        check_result_deinit(&c);
    }
    return invalid;
}

static void count(struct workload *w, const struct run *r, bool faults)
{
    const struct history *h = workload_history(w);
    size_t ends[4] = {0}, ok[OPERATION_FUNCTION_COUNT] = {0};
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        ends[o->end]++;
        ok[o->function] += o->end == END_OK;
    }
    print_message("%-16s %s %5zu operations: %zu ok, %zu fail, %zu info, %zu open\n", r->kind,
                  faults ? "faults" : "calm  ", h->count, ends[END_OK], ends[END_FAIL], ends[END_INFO], ends[END_OPEN]);
    for (int f = 0; f < OPERATION_FUNCTION_COUNT; f++)
        if ((r->functions >> f & 1) != 0 && ok[f] == 0)
            fail_msg("%s: no %s ended ok", r->kind, operation_function_name((enum operation_function)f));
    assert_true(ends[END_OK] > h->count / 3);
}

/* Its history in `out`. True: valid for every model. */
static bool run_once(const struct run *r, uint64_t seed, bool faults, struct text *out)
{
    struct chaos_system s;
    chaos_system_init(&s, seed, r->components);
    struct workload *w = drive(&s, r, faults, true);
    if (seed == SEED)
        count(w, r, faults);
    int invalid = judge(w, true);
    assert_int_equal(history_write(workload_history(w), out), 0);
    workload_free(w);
    chaos_system_deinit(&s);
    return invalid == 0;
}

static void test_calm(void **state)
{
    struct text text = TEXT_INIT;
    assert_true(run_once(*state, SEED, false, &text));
    text_deinit(&text);
}

static void test_faults(void **state)
{
    struct text a = TEXT_INIT, b = TEXT_INIT;
    assert_true(run_once(*state, SEED, true, &a));
    assert_true(run_once(*state, SEED, true, &b));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    text_deinit(&a);
    text_deinit(&b);
}

/* ---- wrong servers ---- */

/* Each lie has to be told by this model. */
struct planted {
    const char *kind, *model;
    struct liar_options options; /* upstream: filled in */
};

static const struct planted planted[] = {
    {"store-register", "register", {.path = "/store.Store/Read", .lie = LIE_STALE, .every = 10}},
    {"store-register", "register", {.path = "/store.Store/Write", .lie = LIE_SWALLOW, .every = 20}},
    {"store-cas", "cas-register", {.path = "/store.Store/Write", .lie = LIE_BLIND, .every = 1}},
    {"store-cas", "cas-register", {.path = "/store.Store/Delete", .lie = LIE_SWALLOW, .every = 1}},
    {"store-counter", "counter", {.path = "/store.Store/Write", .lie = LIE_BLIND, .every = 1}},
    {"store-counter", "counter", {.path = "/store.Store/Write", .lie = LIE_SWALLOW, .every = 20}},
    {"store-set", "set-elements", {.path = "/store.Store/Delete", .lie = LIE_SWALLOW, .every = 5}},
    {"store-set", "set-elements", {.path = "/store.Store/Write", .lie = LIE_SWALLOW, .every = 20}},
    {"store-blob", "register", {.path = "/store.BlobStore/Write", .lie = LIE_SWALLOW, .every = 10}},
    {"store-blob", "register", {.path = "/store.BlobStore/Read", .lie = LIE_SKIP, .every = 20}},
    {"store-expiry", "set-elements", {.path = "/store.Store/Write", .lie = LIE_IMMORTAL, .every = 10}},
    {"store-expiry", "set-elements", {.path = "/store.Store/Write", .lie = LIE_SWALLOW, .every = 10}},
    {"store-lock", "lock", {.path = "/store.Store/Write", .lie = LIE_BLIND, .every = 1}},
    {"store-lock", "fencing", {.path = "/store.Store/Write", .lie = LIE_BLIND, .every = 1}},
    {"events-log", "log", {.path = "/events.Stream/Consume", .lie = LIE_SKIP, .every = 50}},
    {"events-log", "log", {.path = "/events.Stream/Consume", .lie = LIE_TWICE, .every = 50}},
    {"events-log", "log", {.path = "/events.Store/Read", .lie = LIE_STALE, .every = 5}},
    {"events-group", "broker", {.path = "/events.Stream/Consume", .lie = LIE_DEAF, .every = 1}},
    {"events-group", "broker", {.path = "/events.Stream/Publish", .lie = LIE_SWALLOW, .every = 20}},
    {"broker-pubsub", "pubsub", {.path = "/broker.Broker/Subscribe", .lie = LIE_TWICE, .every = 40}},
    {"broker-pubsub", "pubsub", {.path = "/broker.Broker/Subscribe", .lie = LIE_SWAP, .every = 5}},
    {"broker-pubsub", "pubsub-reliable", {.path = "/broker.Broker/Subscribe", .lie = LIE_SKIP, .every = 40}},
    {"broker-queue", "queue-at-most-once", {.path = "/broker.Broker/Subscribe", .lie = LIE_TWICE, .every = 40}},
    {"registry", "watch", {.path = "/registry.Registry/Watch", .lie = LIE_SKIP, .every = 20}},
    {"registry", "watch", {.path = "/registry.Registry/Watch", .lie = LIE_SWAP, .every = 20}},
    {"registry", "convergence", {.path = "/registry.Registry/GetService", .lie = LIE_STALE, .every = 1}},
    {"registry", "convergence", {.path = "/registry.Registry/ListServices", .lie = LIE_STALE, .every = 1}},
    {"config", "convergence", {.path = "/config.Config/Get", .lie = LIE_STALE, .every = 1}},
    {"config", "watch", {.path = "/config.Watcher/Watch", .lie = LIE_SKIP, .every = 20}},
    {"config", "cas-register", {.path = "/config.Config/Set", .lie = LIE_SWALLOW, .every = 20}},
    {"config", "cas-register", {.path = "/config.Config/Get", .lie = LIE_STALE, .every = 10}},
    {"auth-token", "token-exact", {.path = "/auth.Accounts/Delete", .lie = LIE_SWALLOW, .every = 1}},
    {"auth-token", "token-exact", {.path = "/auth.Accounts/ChangeSecret", .lie = LIE_SWALLOW, .every = 1}},
    {"auth-refresh", "redeem-once-exact", {.path = "/auth.Auth/Token", .lie = LIE_STALE, .every = 1}},
    {"auth-token", "token-exact", {.path = "/auth.Auth/Inspect", .lie = LIE_STALE, .every = 1}},
};
#define PLANTED (sizeof planted / sizeof planted[0])

static void test_planted(void **state)
{
    const struct planted *p = *state;
    struct liar_options options = p->options;
    const struct run *r = runs;
    while (strcmp(r->kind, p->kind) != 0)
        r++;
    struct chaos_system s;
    struct check_result c;
    char upstream[SIM_MICRO_ADDRESS_MAX];
    chaos_system_init(&s, SEED, r->components);
    sim_micro_address(victim(r), upstream);
    options.upstream = upstream;
    liar_start(s.sim, &options);
    chaos_system_reroute(&s, victim(r), LIAR_ADDRESS);
    struct workload *w = drive(&s, r, false, false);
    check_result_init(&c);
    assert_int_equal(workload_judge(w, check_model_find(p->model), NULL, &c, NULL), 0);
    print_message("%s by %s: %s: %s\n", p->kind, p->model, verdict_name(c.verdict), c.reason);
    assert_int_equal(c.verdict, VERDICT_INVALID);
    assert_true(c.witness.count > 0);
    check_result_deinit(&c);
    workload_free(w);
    chaos_system_deinit(&s);
}

/* Enough to show that it passes on unary calls, streams of both sides, headers and trailers. */
static bool talks_to_liar(const char *kind)
{
    static const char *const kinds[HONEST] = {"store-blob", "events-group", "registry"};
    for (size_t i = 0; i < HONEST; i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    return false;
}

/* The liar that does not lie is not the reason. */
static void test_honest(void **state)
{
    const struct run *r = *state;
    static const struct liar_options nothing = {.path = "/none", .every = 1};
    struct liar_options options = nothing;
    struct chaos_system s;
    char upstream[SIM_MICRO_ADDRESS_MAX];
    chaos_system_init(&s, SEED, r->components);
    sim_micro_address(victim(r), upstream);
    options.upstream = upstream;
    liar_start(s.sim, &options);
    chaos_system_reroute(&s, victim(r), LIAR_ADDRESS);
    struct workload *w = drive(&s, r, false, true);
    assert_int_equal(judge(w, true), 0);
    workload_free(w);
    chaos_system_deinit(&s);
}

/* `chaos_workloads_test --seeds N [KIND]`: every kind with faults from N seeds; where it stops is the finding. */
static int search(uint64_t seeds, const char *kind)
{
    bool ok = true;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        for (size_t i = 0; i < RUNS; i++) {
            struct text text = TEXT_INIT;
            if (kind != NULL && strcmp(kind, runs[i].kind) != 0)
                continue;
            print_message("seed %llu: %s\n", (unsigned long long)seed, runs[i].kind);
            ok = run_once(&runs[i], seed, true, &text) && ok;
            text_deinit(&text);
        }
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[WAYS * RUNS + PLANTED + HONEST];
    static char names[WAYS * RUNS + PLANTED + HONEST][96];
    size_t n = 0;
    static struct run copies[RUNS];
    static struct planted lies[PLANTED];
    memcpy(copies, runs, sizeof runs);
    memcpy(lies, planted, sizeof planted);
    static const struct {
        const char *name;
        void (*test)(void **state);
    } ways[WAYS] = {{"calm", test_calm}, {"faults, twice", test_faults}};
    for (size_t i = 0; i < RUNS; i++)
        for (size_t way = 0; way < WAYS; way++, n++) {
            snprintf(names[n], sizeof names[n], "%s, %s", runs[i].kind, ways[way].name);
            tests[n] = (struct CMUnitTest){.name = names[n], .test_func = ways[way].test, .initial_state = &copies[i]};
        }
    for (size_t i = 0; i < RUNS; i++) {
        if (!talks_to_liar(runs[i].kind))
            continue;
        snprintf(names[n], sizeof names[n], "%s, honest", runs[i].kind);
        tests[n] = (struct CMUnitTest){.name = names[n], .test_func = test_honest, .initial_state = &copies[i]};
        n++;
    }
    for (size_t i = 0; i < PLANTED; i++, n++) {
        static const char *const words[] = {"stale", "swallow", "skip", "twice", "swap", "deaf", "blind", "immortal"};
        snprintf(names[n], sizeof names[n], "%s, %s %s", lies[i].kind, words[lies[i].options.lie],
                 lies[i].options.path);
        tests[n] = (struct CMUnitTest){.name = names[n], .test_func = test_planted, .initial_state = &lies[i]};
    }
    if (argc > 2 && strcmp(argv[1], "--seeds") == 0)
        return search(strtoull(argv[2], NULL, 10), argc > 3 ? argv[3] : NULL);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("workloads", tests, n, NULL, NULL);
}
