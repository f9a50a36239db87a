#include "base/array.h"
#include "fakes/fakes.h"
#include "harrow/pillars.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

struct served {
    const char *name;
    struct fake *fake;
    struct rpc_server *server;
};

struct doubles {
    struct e2e_doubles operations;
    struct world *world;
    const struct pb_pool *pool;
    bool simulated;
    ARRAY(struct served) served;
};

static struct fake *find(struct doubles *d, const char *name)
{
    for (size_t i = 0; i < d->served.count; i++)
        if (strcmp(d->served.items[i].name, name) == 0)
            return d->served.items[i].fake;
    return NULL;
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
    struct fake *f = find(arg, name);
    if (f == NULL)
        return ERROR_NOT_FOUND;
    fake_reset(f);
    return 0;
}

static void journal(void *arg, const char *name, struct text *out)
{
    struct fake *f = find(arg, name);
    if (f != NULL)
        fake_journal(f, out);
}

int doubles_new(struct world *w, const struct pb_pool *pool, bool simulated, struct doubles **out, struct error *err)
{
    struct doubles *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    d->world = w;
    d->pool = pool;
    d->simulated = simulated;
    d->operations = (struct e2e_doubles){
        .arg = d, .answer = answer, .count = count, .request = request, .reset = reset, .journal = journal};
    *out = d;
    return 0;
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
    if (code == 0)
        code = rpc_server_listen(s.server, d->simulated ? "0.0.0.0:0" : "127.0.0.1:0", err);
    if (code == 0 && !array_push(&d->served, s))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        rpc_server_free(s.server);
        fake_free(s.fake);
        return code;
    }
    text_printf(peers, "%s%s=%s:%d", peers->len > 0 ? "," : "", name,
                d->simulated ? sim_node_name(d->world) : "127.0.0.1", rpc_server_port(s.server));
    return text_ok(peers) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
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
    }
    array_deinit(&d->served);
    free(d);
}
