#include "base/units.h"
#include "chaos/fault/fault.h"
#include "chaos/workload/inside.h"
#include "chaos/workload/kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_AFTER_FAIL ((uint64_t)(10 * MILLISECOND))
#define STOP_LIMIT       ((uint64_t)(5 * SECOND))

const struct workload_kind *const workload_kinds[] = {
#define WORKLOAD(name) &workload_##name,
    WORKLOADS
#undef WORKLOAD
        NULL,
};

const struct workload_kind *workload_kind_find(const char *name)
{
    for (const struct workload_kind *const *k = workload_kinds; *k != NULL; k++)
        if (strcmp((*k)->name, name) == 0)
            return *k;
    return NULL;
}

int workload_unknown(const struct node *n, const char *name, struct error *err)
{
    const char *names[sizeof workload_kinds / sizeof workload_kinds[0]] = {NULL};
    for (size_t i = 0; workload_kinds[i] != NULL; i++)
        names[i] = workload_kinds[i]->name;
    return chaos_unknown(n, "there is no workload", name, names, ": harrow chaos workloads shows all", err);
}

/* ---- one operation ---- */

static void note(struct workload *w, const struct operation *o, enum operation_end end, uint64_t now)
{
    if (end == END_OK || (end == END_FAIL && workload_fail_answers(o))) {
        w->window.ok++;
        double ms = (double)(now - o->invoked) / (double)MILLISECOND;
        if (!array_push(&w->latencies, ms))
            array_clear(&w->latencies);
    } else if (end == END_FAIL) {
        w->window.failed++;
    } else {
        w->window.unknown++;
    }
}

static void schedule(struct workload_client *c, bool failed)
{
    struct workload *w = c->workload;
    uint64_t now = world_now(w->target->world), delay = 0;
    if (w->options.rate > 0) {
        /* A client that fell behind does not catch up by a burst. */
        uint64_t interval = (uint64_t)SECOND * (uint64_t)w->options.clients / (uint64_t)w->options.rate;
        c->due = c->due + interval > now ? c->due + interval : now;
        delay = c->due - now;
    }
    if (failed && delay < PAUSE_AFTER_FAIL)
        delay = PAUSE_AFTER_FAIL;
    world_timer_start(&c->next, delay);
}

int workload_invoke(struct workload_client *c, enum operation_function f, uint32_t key, int64_t value)
{
    struct workload *w = c->workload;
    if (w->history.count >= WORKLOAD_OPERATIONS_MAX)
        return ERROR_LIMIT;
    int64_t index = history_invoke(&w->history, c->process, f, key, value, world_now(w->target->world));
    if (index < 0)
        return (int)index;
    c->operation = index;
    w->open++;
    return 0;
}

struct operation *workload_operation(struct workload_client *c)
{
    return &c->workload->history.operations[c->operation];
}

void workload_end(struct workload_client *c, enum operation_end end, int64_t value)
{
    struct workload *w = c->workload;
    uint64_t now = world_now(w->target->world);
    note(w, workload_operation(c), end, now);
    history_end(&w->history, c->operation, end, value, now);
    if (end == END_INFO)
        c->process = w->next_process++;
    c->operation = -1;
    w->open--;
    if (w->running)
        schedule(c, end != END_OK);
}

static void client_next(void *arg)
{
    struct workload_client *c = arg;
    struct workload *w = c->workload;
    if (!w->running || c->operation >= 0)
        return;
    if (w->kind->begin(c) != 0 && !world_timer_active(&c->next))
        schedule(c, true);
}

/* ---- the whole ---- */

static int check_services(const struct target *t, const struct workload_kind *kind, struct error *err)
{
    if (kind->through != NULL && target_serving(t, kind->through) == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "the workload %s needs a component that serves %s", kind->name,
                         kind->through);
    for (const char *const *s = kind->services; *s != NULL; s++)
        if (target_serving(t, *s) == NULL)
            return error_set(err, ERROR_UNSUPPORTED, "the workload %s needs a component that serves %s", kind->name,
                             *s);
    return 0;
}

/* The first whose services the target has. */
static const struct workload_kind *first_served(const struct target *t)
{
    for (const struct workload_kind *const *k = workload_kinds; *k != NULL; k++)
        if (check_services(t, *k, NULL) == 0)
            return *k;
    return &workload_store_register;
}

int workload_new(struct target *t, const struct workload_options *options, struct workload **out, struct error *err)
{
    const struct workload_kind *kind = options->kind != NULL ? options->kind : first_served(t);
    int code = check_services(t, kind, err);
    if (code != 0)
        return code;
    struct workload *w = calloc(1, sizeof *w);
    struct client *clients = calloc((size_t)options->clients, sizeof *clients);
    if (w == NULL || clients == NULL) {
        free(clients);
        free(w);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    w->target = t;
    w->kind = kind;
    w->options = *options;
    w->clients = clients;
    /* What an earlier run left behind is none of this history's values. */
    snprintf(w->name, sizeof w->name, "harrow_%s_%" PRIx64, kind->name, (uint64_t)world_wall(t->world));
    for (char *c = w->name; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    struct random base;
    random_seed(&base, options->seed);
    random_fork(&base, "chaos.workload", &w->random);
    for (int i = 0; i < options->clients; i++) {
        struct workload_client *c = &clients[i].public;
        *c = (struct workload_client){.workload = w, .number = i, .operation = -1, .process = w->next_process++};
        world_timer_init(&c->next, t->world, client_next, c);
    }
    if (kind->prepare != NULL && (code = kind->prepare(w, err)) != 0) {
        workload_free(w);
        return code;
    }
    *out = w;
    return 0;
}

void workload_measure(struct workload *w, struct latency *l)
{
    w->latency = l;
}

void workload_start(struct workload *w)
{
    w->running = true;
    uint64_t now = world_now(w->target->world);
    if (w->kind->start != NULL)
        w->kind->start(w);
    for (int i = 0; i < w->options.clients; i++) {
        w->clients[i].public.due = now;
        world_timer_start(&w->clients[i].public.next, random_below(&w->random, (uint64_t)MILLISECOND));
    }
}

static bool none_open(void *arg)
{
    const struct workload *w = arg;
    return w->open == 0;
}

int workload_stop(struct workload *w)
{
    w->running = false;
    for (int i = 0; i < w->options.clients; i++)
        world_timer_stop(&w->clients[i].public.next);
    return world_run_until(w->target->world, none_open, w, STOP_LIMIT);
}

static bool is_quiet(void *arg)
{
    struct workload *w = arg;
    return w->kind->quiet(w);
}

static bool is_final(const struct history *h, const struct operation *o)
{
    size_t items;
    history_list(h, o, &items);
    switch (o->function) {
    case OPERATION_POLL:
        return o->end == END_OK && items == 0;
    case OPERATION_READ:
    case OPERATION_SEND: /* where nothing can be read back: that it was taken */
    case OPERATION_ENQUEUE:
        return o->end == END_OK;
    case OPERATION_USE: /* refused is an answer */
        return o->end == END_OK || o->end == END_FAIL;
    default:
        return false;
    }
}

/* 0 when the key's read was answered. */
static int final_read(struct workload *w, uint32_t key, uint64_t end, struct error *err)
{
    struct workload_client *c = &w->clients[0].public;
    for (;;) {
        if (w->target->interrupted)
            return error_set(err, ERROR_CANCELLED, "interrupted");
        if (world_now(w->target->world) > end)
            return error_set(err, ERROR_TIMEOUT, "key k%u could not be read within the settling time", key);
        size_t index = w->history.count;
        int code = w->kind->final_read(c, key);
        if (code == 0)
            code = world_run_until(w->target->world, none_open, w, STOP_LIMIT);
        if (code != 0)
            return error_set(err, code, "final read of key k%u: %s", key, error_code_name(code));
        const struct operation *o = index < w->history.count ? &w->history.operations[index] : NULL;
        if (o != NULL && is_final(&w->history, o))
            return 0;
        if (o != NULL && o->end == END_OK)
            continue;
        world_sleep(w->target->world, PAUSE_AFTER_FAIL);
    }
}

int workload_final_reads(struct workload *w, uint64_t timeout, struct error *err)
{
    uint64_t end = world_now(w->target->world) + timeout + w->kind->waits;
    int code = 0;
    w->final_from = w->history.count;
    if (w->open > 0) /* a client has one call under way at a time */
        return error_set(err, ERROR_TIMEOUT, "calls that were under way have not ended");
    for (uint32_t key = 0; code == 0 && w->kind->final_read != NULL && key < (uint32_t)w->options.keys; key++)
        code = final_read(w, key, end, err);
    uint64_t now = world_now(w->target->world);
    if (code == 0 && w->kind->quiet != NULL && !w->kind->quiet(w)) {
        code = now < end ? world_run_until(w->target->world, is_quiet, w, end - now) : ERROR_TIMEOUT;
        if (w->target->interrupted)
            code = error_set(err, ERROR_CANCELLED, "interrupted");
        else if (code != 0)
            error_set(err, code, "what was sent has not arrived within the settling time");
    }
    return code;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void workload_take_window(struct workload *w, struct workload_window *out)
{
    *out = w->window;
    if (w->latencies.count > 0) {
        qsort(w->latencies.items, w->latencies.count, sizeof *w->latencies.items, by_value);
        out->p50 = w->latencies.items[w->latencies.count / 2];
        out->p99 = w->latencies.items[w->latencies.count * 99 / 100];
    }
    array_clear(&w->latencies);
    w->window = (struct workload_window){0};
}

void workload_free(struct workload *w)
{
    if (w == NULL)
        return;
    w->running = false;
    w->closing = true;
    for (int i = 0; i < w->options.clients; i++) {
        struct workload_client *c = &w->clients[i].public;
        world_timer_stop(&c->next);
        if (c->call != NULL)
            rpc_stream_cancel(c->call);
        call_give_up(&w->clients[i]);
    }
    if (w->kind->stop != NULL)
        w->kind->stop(w);
    if (w->open > 0)
        world_run_until(w->target->world, none_open, w, STOP_LIMIT);
    if (w->kind->release != NULL)
        w->kind->release(w);
    history_deinit(&w->history);
    array_deinit(&w->latencies);
    free(w->client_states);
    free(w->clients);
    free(w);
}

/* ---- what kinds ask ---- */

const struct workload_kind *workload_kind_of(const struct workload *w)
{
    return w->kind;
}

const struct history *workload_history(const struct workload *w)
{
    return &w->history;
}

size_t workload_final_from(const struct workload *w)
{
    return w->final_from;
}

struct target *workload_target(struct workload *w)
{
    return w->target;
}

struct history *workload_write(struct workload *w)
{
    return &w->history;
}

struct random *workload_random(struct workload *w)
{
    return &w->random;
}

int workload_keys(const struct workload *w)
{
    return w->options.keys;
}

int workload_clients(const struct workload *w)
{
    return w->options.clients;
}

struct workload_client *workload_client(struct workload *w, int number)
{
    return &w->clients[number].public;
}

bool workload_running(const struct workload *w)
{
    return w->running;
}

int64_t workload_value(struct workload *w)
{
    return ++w->next_value;
}

int32_t workload_process(struct workload *w)
{
    return w->next_process++;
}

const struct target_component *workload_door(const struct workload *w, const char *service, uint32_t number)
{
    bool proxied = w->kind->through != NULL && strcmp(w->kind->through, WORKLOAD_PROXY) == 0;
    return target_serving_one(w->target, proxied ? w->kind->through : service, number);
}

const char *workload_name(const struct workload *w)
{
    return w->name;
}

int workload_client_states(struct workload *w, size_t size, struct error *err)
{
    char *states = calloc((size_t)w->options.clients, size);
    if (states == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    w->client_states = states;
    for (int i = 0; i < w->options.clients; i++)
        w->clients[i].public.state = states + (size_t)i * size;
    return 0;
}

void workload_set_state(struct workload *w, void *state)
{
    w->state = state;
}

void *workload_state(const struct workload *w)
{
    return w->state;
}
