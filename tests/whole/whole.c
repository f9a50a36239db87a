#include "tests/whole/whole.h"

#include "base/heap.h"
#include "base/log.h"
#include "fuzz/live/judge.h"
#include "fuzz/sequence/check.h"
#include "runtime/component.h"
#include "runtime/server/sim_keys.h"
#include "tests/whole/invariants.h"
#include "fuzz/live/leak.h"
#include "world/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT          "client"
#define ADMIN_SECRET    "correct-horse-battery"
#define BOOT_LIMIT      ((uint64_t)(30 * SECOND)) /* virtual, as all times here */
#define RESTART_AFTER   ((uint64_t)(100 * MILLISECOND))
#define LEAK_PAUSE      ((uint64_t)(2 * SECOND))
#define LEAK_DISK_SHARE 3 /* what the files take themselves, and as much twice for what is kept of them in memory */
#define TOKEN_SECONDS   ((int64_t)10 * 365 * 24 * 3600)

static void no_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

const char *whole_component(const struct pb_method *m)
{
    component_use_all();
    for (const struct component *c = components; c->name; c++)
        for (const char *const *s = c->services; s && *s; s++)
            if (strcmp(*s, m->service->full_name) == 0)
                return c->name;
    return NULL;
}

/* ---- the graph ---- */

static bool is_served(void *arg, const struct pb_method *m)
{
    (void)arg;
    return whole_component(m) != NULL && strncmp(m->service->full_name, "grpc.", 5) != 0;
}

int whole_graph(const struct pb_pool *pool, struct sequence_graph **out, struct error *err)
{
    /* What needs no account by its contract, or answers everybody: nothing is wrong with an answer without a token. */
    static const char *const open[] = {"/auth.Auth/Token",
                                       "/auth.Auth/Inspect",
                                       "/helloworld.",
                                       "/notes.",
                                       "/debug.Debug/Health",
                                       "/debug.Debug/Stats",
                                       NULL};
    int rc = sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_served}, out, err);
    for (size_t i = 0; rc == 0 && i < (*out)->method_count; i++)
        for (const char *const *o = open; *o; o++)
            (*out)->methods[i].open |= strncmp((*out)->methods[i].method->path, *o, strlen(*o)) == 0;
    return rc;
}

/* ---- levers ---- */

static struct whole *whole_of(struct target *t)
{
    return (struct whole *)((char *)t - offsetof(struct whole, target));
}

/* From every other part and from the client; what is cut itself stays so when this one heals. */
static void cut(struct whole *w, size_t which, bool on)
{
    const char *name = w->components[which].name;
    w->parts[which].cut = on;
    for (size_t i = 0; i <= w->target.component_count; i++) {
        bool client = i == w->target.component_count;
        const char *other = client ? CLIENT : w->components[i].name;
        if (i == which || (!client && w->parts[i].cut))
            continue;
        if (on)
            sim_cut(w->sim, name, other, false);
        else
            sim_heal(w->sim, name, other);
    }
}

static int act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    struct whole *w = whole_of(t);
    size_t i = 0;
    while (i < t->component_count && strcmp(t->components[i].name, component) != 0)
        i++;
    if (i == t->component_count)
        return error_set(err, ERROR_NOT_FOUND, "there is no component %s", component);
    sim_micro_set_restart(w->micro, RESTART_AFTER);
    bool runs = sim_running(w->sim, component);
    switch (action) {
    case TARGET_KILL:
        return runs ? sim_kill(w->sim, component) : ERROR_NOT_FOUND;
    case TARGET_TERMINATE:
        return runs ? sim_terminate(w->sim, component) : ERROR_NOT_FOUND;
    case TARGET_POWER_CUT:
        return runs ? sim_crash(w->sim, component) : ERROR_NOT_FOUND;
    case TARGET_STOP:
        return sim_pause(w->sim, component);
    case TARGET_CONTINUE:
        return sim_resume(w->sim, component);
    case TARGET_START:
        return runs ? ERROR_EXISTS : sim_micro_start_one(w->micro, component, err);
    case TARGET_PARTITION:
    case TARGET_HEAL:
        cut(w, i, action == TARGET_PARTITION);
        return 0;
    case TARGET_ACTION_COUNT:
        break;
    }
    return error_set(err, ERROR_UNSUPPORTED, "no such lever");
}

static bool alive(struct target *t, const char *component)
{
    return sim_running(whole_of(t)->sim, component);
}

static const struct target_operations operations = {.act = act, .alive = alive};

/* ---- booting ---- */

static char *token(struct whole *w, const char *id, const char *namespace)
{
    return sim_micro_token(w->micro, &w->arena, id, "user", namespace, "admin", TOKEN_SECONDS);
}

static int add_components(struct whole *w, struct error *err)
{
    size_t count = sim_micro_count(w->micro);
    w->components = ARENA_NEW_N(&w->arena, struct target_component, count);
    w->parts = ARENA_NEW_N(&w->arena, struct whole_part, count);
    if (!w->components || !w->parts)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        char address[SIM_MICRO_ADDRESS_MAX];
        const struct component *c = component_find(sim_micro_name(w->micro, i));
        sim_micro_address(c->name, address);
        w->parts[i] = (struct whole_part){.cut = false};
        w->components[i] = (struct target_component){.name = c->name,
                                                     .address = arena_string(&w->arena, address),
                                                     .services = c->services,
                                                     .stateful = c->stateful};
        if (!w->components[i].address)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    w->target.components = w->components;
    w->target.component_count = count;
    return 0;
}

/* Channels are made now, so that every case finds them connected. */
static int connect(struct whole *w, struct error *err)
{
    for (size_t i = 0; i < w->target.component_count; i++) {
        struct rpc_channel *channel;
        int rc = target_channel(&w->target, &w->components[i], &channel, err);
        if (rc == 0)
            rc = rpc_wait_ready(w->world, channel, "", BOOT_LIMIT, err);
        if (rc)
            return error_wrap(err, "%s", w->components[i].name);
    }
    return 0;
}

int whole_new(const struct whole_options *options, struct whole **out, struct error *err)
{
    static const struct sim_micro_options micro = {
        .private_key = sim_private_key, .public_key = sim_public_key, .admin_secret = ADMIN_SECRET};
    struct whole *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w)
        return error_set(err, ERROR_MEMORY, "out of memory");
    log_set_sink(no_line, NULL);
    w->graph = options->graph;
    w->sim = sim_new(&(struct sim_options){.seed = options->seed});
    w->world = w->sim ? sim_node(w->sim, CLIENT) : NULL;
    int rc = w->world ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = sim_micro_new(w->sim, CLIENT, &micro, &w->micro, err);
    if (rc == 0)
        rc = sim_micro_boot(w->micro, BOOT_LIMIT, err);
    w->target = (struct target){.operations = &operations,
                                .world = w->world,
                                .system = "micro",
                                .driver = "sim",
                                .pool = options->pool,
                                .seed = options->seed};
    if (rc == 0)
        rc = add_components(w, err);
    if (rc == 0)
        rc = connect(w, err);
    if (rc == 0) {
        const struct simulated_options door = {.target = &w->target,
                                               .token = token(w, "fuzzer", WHOLE_CONTEXT),
                                               .other_token = token(w, "stranger", "elsewhere"),
                                               .allocation = options->allocation};
        rc = door.token && door.other_token ? simulated_new(&door, &w->door, err)
                                            : error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (rc)
        whole_free(w);
    else
        *out = w;
    return rc;
}

void whole_free(struct whole *w)
{
    if (!w)
        return;
    simulated_free(w->door);
    target_close_channels(&w->target);
    sim_micro_free(w->micro);
    sim_free(w->sim);
    text_deinit(&w->acked);
    arena_deinit(&w->arena);
    free(w);
    log_set_sink(NULL, NULL);
}

/* ---- judging ---- */

static void blame(struct whole_verdict *out, const char *oracle, const struct pb_method *m)
{
    out->oracle = oracle;
    snprintf(out->method, sizeof out->method, "%s", m ? m->path : "");
}

static void on_finding(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    struct whole_verdict *out = arg;
    if (out->oracle)
        return;
    out->oracle = checker->name;
    text_add(&out->why, f->why.data, f->why.len);
}

/* What a component does that nobody told to stop. */
static void judge_running(struct whole *w, struct whole_verdict *out)
{
    for (size_t i = 0; !out->oracle && i < w->target.component_count; i++)
        if (!sim_running(w->sim, w->components[i].name)) {
            blame(out, "exit", NULL);
            snprintf(out->method, sizeof out->method, "%s", w->components[i].name);
            text_printf(&out->why, "%s ended by itself", w->components[i].name);
        }
}

/* After trouble: everything is healed, then each must be well again. */
static void judge_recovery(struct whole *w, struct whole_verdict *out)
{
    simulated_heal(w->door);
    for (size_t i = 0; i < w->target.component_count; i++) {
        struct rpc_channel *channel;
        struct error err = ERROR_INIT;
        w->parts[i].cut = false;
        int rc = target_channel(&w->target, &w->components[i], &channel, &err);
        if (rc == 0)
            rc = rpc_wait_ready(w->world, channel, "", WHOLE_HEALTHY_FROM, &err);
        /* Without memory the simulation itself cannot go on: then nothing is learnt of what runs in it. */
        if (rc && rc != ERROR_MEMORY && !out->oracle) {
            blame(out, "health", NULL);
            snprintf(out->method, sizeof out->method, "%s", w->components[i].name);
            text_printf(&out->why, "%s is not well again after all was healed: %s", w->components[i].name,
                        err.message ? err.message : error_code_name(rc));
        }
        error_clear(&err);
    }
    sim_micro_set_restart(w->micro, 0);
}

/* ---- leaks ---- */

struct repeated {
    struct whole *whole;
    const struct fuzz_case *c;
    struct fuzz_trace trace;
};

static void run_again(void *arg)
{
    struct repeated *r = arg;
    simulated_run(r->whole->door, r->c, &r->trace);
}

static void let_time_pass(void *arg)
{
    struct repeated *r = arg;
    (void)world_sleep(r->whole->world, LEAK_PAUSE);
}

static int64_t held(void *arg)
{
    struct repeated *r = arg;
    uint64_t all = saved_has(0) ? saved_in_use() : heap_in_use();
    return (int64_t)all - (int64_t)(LEAK_DISK_SHARE * sim_disk_held(r->whole->sim));
}

/* The case's own trace stays as it is: another one takes what the repetitions say. */
static void judge_leak(struct whole *w, const struct fuzz_case *c, const struct fuzz_trace *t,
                       struct whole_verdict *out)
{
    struct repeated r = {.whole = w, .c = c};
    const struct leak_subject subject = {.run = run_again, .pause = let_time_pass, .held = held, .arg = &r};
    bool one = t->calls.count == 1;
    if (leak_watch(&subject, simulated_repeats(w->door), &out->why))
        blame(out, "leak", one ? t->calls.items[0].method : NULL);
    fuzz_trace_deinit(&r.trace);
}

void whole_judge(struct whole *w, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out)
{
    bool disturbed = simulated_disturbed(w->door);
    struct fuzz_verdict verdict = {.oracle = NULL};
    out->oracle = NULL;
    out->method[0] = '\0';
    text_clear(&out->why);
    if (disturbed) {
        sim_micro_set_restart(w->micro, RESTART_AFTER);
        t->hung = false;
        judge_recovery(w, out);
    } else {
        judge_running(w, out);
        fuzz_judge(c, t, false, &verdict, &out->why);
        if (!out->oracle && verdict.oracle)
            blame(out, verdict.oracle, verdict.call < t->calls.count ? t->calls.items[verdict.call].method : NULL);
        if (!out->oracle && w->graph)
            (void)sequence_check(w->graph, c, t, on_finding, out);
    }
    if (!out->oracle)
        whole_invariants(w, c, t, out);
    if (!out->oracle && !disturbed && simulated_repeats(w->door) > 0)
        judge_leak(w, c, t, out);
}

void whole_run(struct whole *w, const struct fuzz_case *c, struct fuzz_trace *t, struct whole_verdict *out)
{
    simulated_run(w->door, c, t);
    whole_judge(w, c, t, out);
}
