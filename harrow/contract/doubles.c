#include "base/array.h"
#include "fakes/behave/behave.h"
#include "fakes/consumer/consumer.h"
#include "fakes/fakes.h"
#include "fakes/stub/stub.h"
#include "harrow/run/pillars.h"
#include "world/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_TOLD_MAX      2 /* calls of which the nearest stubs are told, the newest first */
#define UNMATCHED_TOLD_MAX 4

struct served {
    const char *name;
    struct fake *fake;
    struct rpc_server *server;
    struct consumer *consumer; /* NULL: nothing is recorded */
    struct stub_set *stubs;    /* NULL until the flow gives some */
};

struct doubles {
    struct e2e_doubles operations;
    struct world *world;
    const struct pb_pool *pool;
    bool simulated;
    const char *consumer, *flow; /* borrowed; NULL: nothing is recorded */
    ARRAY(struct served) served;
};

const char *contract_pact_folder;

static struct served *find_served(struct doubles *d, const char *name)
{
    for (size_t i = 0; i < d->served.count; i++)
        if (strcmp(d->served.items[i].name, name) == 0)
            return &d->served.items[i];
    return NULL;
}

static struct fake *find(struct doubles *d, const char *name)
{
    struct served *s = find_served(d, name);
    return s != NULL ? s->fake : NULL;
}

/* What is programmed holds for a provider that was brought into that state. */
static int set_state(struct doubles *d, const char *name, bool programmed)
{
    struct served *s = find_served(d, name);
    if (s == NULL || s->consumer == NULL)
        return 0;
    int code = consumer_given(s->consumer, NULL, NULL);
    return code == 0 && programmed ? consumer_given(s->consumer, d->flow, NULL) : code;
}

bool doubles_count(const struct doubles *d, const char *consumer, struct contract_calls *into)
{
    bool ok = true;
    for (size_t i = 0; ok && i < d->served.count; i++)
        ok = contract_calls_add(into, consumer, d->served.items[i].name, d->served.items[i].fake);
    return ok;
}

static int unknown(const char *name, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "there is no double \"%s\": the flow's \"doubles\" name them", name);
}

static int answer(void *arg, const char *name, const char *method, int64_t call, const char *reply_json, int status,
                  const char *message, struct error *err)
{
    struct fake *f = find(arg, name);
    if (f == NULL)
        return unknown(name, err);
    if (fake_count(f, method) < 0)
        return error_set(err, ERROR_NOT_FOUND, "double \"%s\" has no method \"%s\"", name, method);
    if (set_state(arg, name, true) != 0)
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (status != GRPC_OK) {
        int code = fake_fails(f, method, call, status, message);
        return code == 0 ? 0 : error_set(err, code, "double \"%s\": %s", name, error_code_name(code));
    }
    return fake_returns_json(f, method, call, reply_json, err);
}

static int64_t count(void *arg, const char *name, const char *method)
{
    struct fake *f = find(arg, name);
    return f != NULL ? fake_count(f, method) : -1;
}

static int request(void *arg, const char *name, const char *method, int64_t i, struct text *json, struct error *err)
{
    struct fake *f = find(arg, name);
    return f != NULL ? fake_request_json(f, method, i, json, err) : unknown(name, err);
}

static int reset(void *arg, const char *name)
{
    const struct served *s = find_served(arg, name);
    if (s == NULL)
        return ERROR_NOT_FOUND;
    fake_reset(s->fake);
    if (s->stubs != NULL)
        stub_set_clear(s->stubs);
    return set_state(arg, name, false);
}

static int need_stubs(struct doubles *d, struct served *s, struct error *err)
{
    if (s->stubs != NULL)
        return 0;
    int code = stub_set_new(d->pool, world_seed(d->world), &s->stubs, err);
    if (code != 0)
        return code;
    const struct fake_responder responder = stub_set_responder(s->stubs);
    return fake_add_responder(s->fake, &responder) == 0 ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int stubs(void *arg, const char *name, struct bytes document, const char *file, struct error *err)
{
    struct doubles *d = arg;
    struct served *s = find_served(d, name);
    if (s == NULL)
        return unknown(name, err);
    int code = need_stubs(d, s, err);
    if (code != 0)
        return code;
    if (set_state(d, name, true) != 0)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int64_t added = stub_set_add_yaml(s->stubs, document, file, NULL, err);
    return added < 0 ? (int)added : 0;
}

static void order(void *arg, const char *name, struct text *out)
{
    struct fake *f = find(arg, name);
    struct fake_call call;
    for (int64_t i = 0; f != NULL && i < fake_total(f); i++)
        if (fake_call_at(f, NULL, i, &call) == 0)
            text_printf(out, "%s\n", call.method->name);
}

/* The stubs that came nearest to a call that none matched. */
static bool tell_nearest(struct served *s, const struct fake_call *call, struct text *out)
{
    struct stub_nearest near = {0};
    const size_t end = call->request.len;
    const struct fake_asked asked = {.service = call->method->service,
                                     .method = call->method,
                                     .request = call->request,
                                     .ends = call->ends != NULL ? call->ends : &end,
                                     .messages = call->messages,
                                     .complete = true,
                                     .caller = "",
                                     .session = "",
                                     .now = call->time,
                                     .sequence = call->sequence,
                                     .index = call->index};
    bool missed = stub_set_has(s->stubs, call->method) && stub_set_nearest(s->stubs, &asked, 0, &near) == 0 &&
                  near.count > 0 && near.near[0].differences.count > 0;
    if (missed) {
        text_printf(out, "call %" PRId64 ": ", call->sequence);
        stub_nearest_text(&near, call->method, out);
    }
    stub_nearest_deinit(&near);
    return missed;
}

static void journal(void *arg, const char *name, struct text *out)
{
    struct served *s = find_served(arg, name);
    struct fake_call call;
    int told = 0;
    if (s == NULL)
        return;
    fake_journal(s->fake, out);
    if (s->stubs == NULL)
        return;
    for (int64_t i = fake_total(s->fake); i > 0 && told < NEAR_TOLD_MAX; i--)
        if (fake_call_at(s->fake, NULL, i - 1, &call) == 0)
            told += tell_nearest(s, &call, out);
}

/* Somebody else answered it: the behaviour, or nobody. */
static bool no_stub_matched(const struct served *s, const struct fake_call *call)
{
    return stub_set_has(s->stubs, call->method) &&
           (call->by == NULL || (strcmp(call->by, "program") != 0 && strncmp(call->by, "stub", 4) != 0));
}

static int64_t unmatched(void *arg, const char *name, struct text *out)
{
    struct served *s = find_served(arg, name);
    struct fake_call call;
    int64_t count = 0;
    if (s == NULL)
        return -1;
    for (int64_t i = fake_total(s->fake); s->stubs != NULL && i > 0; i--) {
        if (fake_call_at(s->fake, NULL, i - 1, &call) != 0 || !no_stub_matched(s, &call))
            continue;
        if (out != NULL && count < UNMATCHED_TOLD_MAX)
            tell_nearest(s, &call, out);
        count++;
    }
    return count;
}

int doubles_new(struct world *w, const struct pb_pool *pool, bool simulated, struct doubles **out, struct error *err)
{
    struct doubles *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    d->world = w;
    d->pool = pool;
    d->simulated = simulated;
    d->operations = (struct e2e_doubles){.arg = d,
                                         .answer = answer,
                                         .count = count,
                                         .request = request,
                                         .stubs = stubs,
                                         .order = order,
                                         .reset = reset,
                                         .journal = journal,
                                         .unmatched = unmatched};
    *out = d;
    return 0;
}

void doubles_record(struct doubles *d, const char *consumer, const char *flow)
{
    d->consumer = consumer;
    d->flow = flow;
}

static int record(struct doubles *d, struct served *s)
{
    int code = consumer_new(d->consumer, s->name, &s->consumer);
    if (code == 0)
        code = consumer_about(s->consumer, d->flow);
    if (code != 0)
        return code;
    consumer_take_all(s->consumer, true);
    consumer_hear(s->consumer, s->fake);
    return 0;
}

int doubles_write_pacts(struct doubles *d, struct world *files, const char *folder, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < d->served.count && code == 0; i++)
        if (d->served.items[i].consumer != NULL)
            code = consumer_write(d->served.items[i].consumer, files, folder, NULL, err);
    return code;
}

int doubles_add(struct doubles *d, const char *name, const char *service, struct text *peers, struct error *err)
{
    const struct pb_service *type = pb_find_service(d->pool, service);
    if (type == NULL)
        return error_set(err, ERROR_NOT_FOUND, "double \"%s\": no service \"%s\" in the descriptor set", name, service);
    struct served s = {.name = name};
    /* Micro's clients put the service's name before the type; the double answers to both. */
    struct rpc_server_options options = {.pool = d->pool, .package_free = true};
    int code = fake_new(type, &s.fake);
    if (code == 0)
        code = rpc_server_new(d->world, &options, &s.server, err);
    if (code == 0)
        code = rpc_server_add_health(s.server);
    if (code == 0)
        code = fake_serve(s.fake, s.server);
    if (code == 0 && d->consumer != NULL)
        code = record(d, &s);
    if (code == 0)
        code = rpc_server_listen(s.server, d->simulated ? "0.0.0.0:0" : "127.0.0.1:0", err);
    if (code == 0 && !array_push(&d->served, s))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        rpc_server_free(s.server);
        fake_free(s.fake);
        consumer_free(s.consumer);
        return code;
    }
    text_printf(peers, "%s%s=%s:%d", peers->len > 0 ? "," : "", name,
                d->simulated ? sim_node_name(d->world) : "127.0.0.1", rpc_server_port(s.server));
    return text_ok(peers) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* What the contract suggests, behind stubs that may still come. */
static int behave(struct doubles *d, struct served *s, const struct pb_service *type, struct error *err)
{
    const struct behave_options options = {.seed = world_seed(d->world), .errors = BEHAVE_ERRORS_MICRO};
    struct behave *b = NULL;
    int code = need_stubs(d, s, err);
    if (code == 0)
        code = behave_new(type, &options, &b, err);
    if (code != 0)
        return code;
    const struct fake_responder r = behave_responder(b);
    if (fake_add_responder(s->fake, &r) == 0)
        return 0;
    behave_free(b);
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int doubles_stand(struct doubles *d, const char *name, const char *service, bool behaves, struct fake **out,
                  struct error *err)
{
    const struct pb_service *type = pb_find_service(d->pool, service);
    struct served s = {.name = name};
    if (type == NULL)
        return error_set(err, ERROR_NOT_FOUND, "double \"%s\": no service \"%s\" in the descriptor set", name, service);
    int code = fake_new(type, &s.fake);
    if (code != 0)
        error_set(err, code, "double \"%s\": %s", name, error_code_name(code));
    if (code == 0 && behaves)
        code = behave(d, &s, type, err);
    if (code == 0 && !array_push(&d->served, s))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        fake_free(s.fake);
        stub_set_free(s.stubs);
        return code;
    }
    *out = s.fake;
    return 0;
}

const struct e2e_doubles *doubles_operations(struct doubles *d)
{
    return &d->operations;
}

void doubles_free(struct doubles *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->served.count; i++) {
        rpc_server_free(d->served.items[i].server);
        fake_free(d->served.items[i].fake);
        consumer_free(d->served.items[i].consumer);
        stub_set_free(d->served.items[i].stubs);
    }
    array_deinit(&d->served);
    free(d);
}
