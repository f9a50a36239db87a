#include "harrow/flows/stand_ins.h"

#include "base/array.h"
#include "base/units.h"
#include "fakes/serve/register.h"
#include "harrow/run/pillars.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define REGISTRY    "registry.Registry"
#define UP_WITHIN   ((uint64_t)(10 * SECOND))
#define ASK_WITHIN  ((uint64_t)(2 * SECOND))
#define ASK_AGAIN   ((uint64_t)(2 * MILLISECOND))
#define ADDRESS_MAX 128

struct place {
    const char *name, *package; /* borrowed: of the flow and of the contracts */
    char address[ADDRESS_MAX];
    bool registered; /* not at an address of its own */
};

/* The doubles of one flow. */
struct standing {
    struct target *target;
    struct doubles *doubles;
    ARRAY(struct place) places;
    ARRAY(struct fake_server *) servers; /* the first: all that are registered; then one for each address */
    struct registering *registering;
    struct text why; /* the registry does not take them */
};

struct stand_ins {
    struct e2e_stand_ins operations;
    bool simulated;
    ARRAY(struct standing *) standing;
};

/* ---- taking them away ---- */

static void standing_free(struct standing *d)
{
    register_stop(d->registering);
    for (size_t i = 0; i < d->servers.count; i++)
        fake_server_free(d->servers.items[i]);
    array_deinit(&d->servers);
    array_deinit(&d->places);
    doubles_free(d->doubles);
    text_deinit(&d->why);
    free(d);
}

static size_t find(const struct stand_ins *s, const struct e2e_doubles *d)
{
    size_t i = 0;
    while (i < s->standing.count && doubles_operations(s->standing.items[i]->doubles) != d)
        i++;
    return i;
}

static void close_doubles(void *arg, const struct e2e_doubles *d)
{
    struct stand_ins *s = arg;
    size_t i = find(s, d);
    if (i == s->standing.count)
        return;
    struct standing *gone = s->standing.items[i];
    register_stop(gone->registering); /* its places are free when the registry has heard */
    gone->registering = NULL;
    i = find(s, d); /* others came and went meanwhile */
    s->standing.items[i] = *array_last(&s->standing);
    s->standing.count--;
    standing_free(gone);
}

/* ---- whose place it is ---- */

static bool busy(void *arg, struct target *t, const struct e2e_stand_in *wanted)
{
    const struct stand_ins *s = arg;
    const struct pb_service *type = pb_find_service(t->pool, wanted->service);
    const char *package = type != NULL ? type->package : "";
    for (size_t i = 0; i < s->standing.count; i++)
        for (size_t k = 0; s->standing.items[i]->target == t && k < s->standing.items[i]->places.count; k++) {
            const struct place *p = &s->standing.items[i]->places.items[k];
            if (wanted->listen != NULL ? strcmp(p->address, wanted->listen) == 0
                                       : p->registered && strcmp(p->package, package) == 0)
                return true;
        }
    return false;
}

/* ---- putting them up ---- */

static const char *own_host(const struct stand_ins *s, const struct target *t)
{
    return s->simulated ? sim_node_name(t->world) : "127.0.0.1";
}

/* Where they listen is this machine's loopback, which others do not see. */
static int check_reachable(const struct stand_ins *s, const struct target_component *registry, struct error *err)
{
    const char *at = registry->address;
    if (s->simulated || strncmp(at, "127.", 4) == 0 || strncmp(at, "localhost:", 10) == 0 ||
        strncmp(at, "[::1]", 5) == 0)
        return 0;
    return error_set(
        err, ERROR_UNSUPPORTED,
        "doubles listen on 127.0.0.1, where the system at %s does not find them: run harrow on its machine", at);
}

static int new_server(struct standing *d, struct fake_server **out, struct error *err)
{
    const struct fake_server_options options = {.pool = d->target->pool};
    int code = fake_server_new(d->target->world, &options, out, err);
    if (code == 0 && !array_push(&d->servers, *out)) {
        fake_server_free(*out);
        code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return code;
}

static int add(struct standing *d, const struct e2e_stand_in *wanted, struct error *err)
{
    const struct pb_service *type = pb_find_service(d->target->pool, wanted->service);
    const struct target_component *real = target_serving(d->target, wanted->service);
    struct place place = {.name = wanted->name, .registered = wanted->listen == NULL};
    struct fake_server *server = d->servers.count > 0 ? d->servers.items[0] : NULL;
    struct fake *fake = NULL;
    if (type == NULL)
        return error_set(err, ERROR_NOT_FOUND, "double \"%s\": there is no service %s among the contracts of %s",
                         wanted->name, wanted->service, d->target->system);
    if (real != NULL && wanted->listen == NULL)
        return error_set(err, ERROR_EXISTS,
                         "double \"%s\": component %s of %s serves %s itself; a flow's double stands where a third "
                         "party stands, and a contract (\"contract: NAME\") puts them in the place of components",
                         wanted->name, real->name, d->target->system, wanted->service);
    place.package = type->package;
    int code = doubles_stand(d->doubles, wanted->name, wanted->service, !wanted->empty, &fake, err);
    if (code == 0 && (wanted->listen != NULL || server == NULL))
        code = new_server(d, &server, err);
    if (code == 0 && (code = fake_server_add(server, type, fake)) != 0)
        error_set(err, code, "double \"%s\": %s", wanted->name,
                  code == ERROR_EXISTS ? "another double of this flow plays that service" : error_code_name(code));
    if (code == 0 && wanted->listen != NULL) {
        code = fake_server_listen(server, wanted->listen, err);
        (void)snprintf(place.address, sizeof place.address, "%s", wanted->listen);
    }
    if (code == 0 && !array_push(&d->places, place))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    return code;
}

static void told(void *arg, const char *why)
{
    struct standing *d = arg;
    text_clear(&d->why);
    text_puts(&d->why, why != NULL ? why : "");
}

static bool taken_or_refused(void *arg)
{
    const struct standing *d = arg;
    return register_done(d->registering);
}

/* Asks the proxy for a method the double has not: who answers that it is not implemented is the double, and no call is
 * in its journal. */
static int wait_routed(struct target *t, const char *service, struct error *err)
{
    const struct target_component *relay = target_serving(t, STAND_INS_RELAY);
    struct rpc_channel *channel = NULL;
    char path[300];
    bool routed = false;
    uint64_t end = world_now(t->world) + UP_WITHIN;
    (void)snprintf(path, sizeof path, "/%s/IsItRouted", service);
    int code = relay != NULL ? target_channel(t, relay, &channel, err) : 0;
    while (code == 0 && channel != NULL && !routed) {
        const struct rpc_request request = {
            .path = path, .metadata = target_metadata(t), .timeout = ASK_WITHIN, .has_message = true};
        struct rpc_answer answer = {0};
        code = rpc_unary_wait(t->world, channel, &request, &answer, err);
        routed = code == 0 && answer.reply.status == GRPC_UNIMPLEMENTED;
        if (code == 0 && !routed && world_now(t->world) >= end)
            code = error_set(err, ERROR_TIMEOUT, "%s does not route to the double of %s: %s: %.*s", relay->name,
                             service, grpc_status_name(answer.reply.status), (int)answer.reply.message.len,
                             answer.reply.message.data != NULL ? (const char *)answer.reply.message.data : "");
        rpc_answer_deinit(&answer);
        if (code == 0 && !routed)
            code = world_sleep(t->world, ASK_AGAIN);
    }
    return code;
}

static int tell_registry(struct stand_ins *s, struct standing *d, struct fake_server *server, struct error *err)
{
    struct target *t = d->target;
    const struct target_component *registry = target_serving(t, REGISTRY);
    char address[ADDRESS_MAX];
    if (registry == NULL)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s has no registry to tell of doubles: give each the address it is looked for at, {service: "
                         "NAME, listen: ADDRESS}",
                         t->system);
    int code = check_reachable(s, registry, err);
    if (code == 0)
        code = fake_server_listen(server, s->simulated ? "0.0.0.0:0" : "127.0.0.1:0", err);
    if (code != 0)
        return code;
    (void)snprintf(address, sizeof address, "%s:%d", own_host(s, t), fake_server_port(server));
    for (size_t i = 0; i < d->places.count; i++)
        if (d->places.items[i].registered)
            memcpy(d->places.items[i].address, address, sizeof address);
    const struct register_options options = {.registry = registry->address,
                                             .advertised = address,
                                             .token = t->token,
                                             .domain = t->namespace,
                                             .told = told,
                                             .arg = d};
    code = register_start(server, &options, &d->registering, err);
    if (code == 0 && (code = world_run_until(t->world, taken_or_refused, d, UP_WITHIN)) != 0)
        error_set(err, code, "the registry does not take the doubles: %s",
                  d->why.len > 0 ? text_string(&d->why) : error_code_name(code));
    for (size_t i = 0; code == 0 && i < fake_server_service_count(server); i++)
        code = wait_routed(t, fake_server_service_at(server, i)->full_name, err);
    return code;
}

static int open_doubles(void *arg, struct target *t, const struct e2e_stand_in *wanted, size_t count,
                        const struct e2e_doubles **out, struct error *err)
{
    struct stand_ins *s = arg;
    struct fake_server *registered = NULL;
    struct standing *d = calloc(1, sizeof *d);
    if (d == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    d->target = t;
    int code = doubles_new(t->world, t->pool, s->simulated, &d->doubles, err);
    /* Those that are registered first: they share a server. */
    for (size_t i = 0; i < count && code == 0; i++)
        if (wanted[i].listen == NULL)
            code = add(d, &wanted[i], err);
    registered = d->servers.count > 0 ? d->servers.items[0] : NULL;
    for (size_t i = 0; i < count && code == 0; i++)
        if (wanted[i].listen != NULL)
            code = add(d, &wanted[i], err);
    if (code == 0 && registered != NULL)
        code = tell_registry(s, d, registered, err);
    if (code == 0 && !array_push(&s->standing, d))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        standing_free(d);
        return code;
    }
    *out = doubles_operations(d->doubles);
    return 0;
}

static void address(void *arg, const struct e2e_doubles *of, const char *name, struct text *out)
{
    const struct stand_ins *s = arg;
    size_t i = find(s, of);
    for (size_t k = 0; i < s->standing.count && k < s->standing.items[i]->places.count; k++)
        if (strcmp(s->standing.items[i]->places.items[k].name, name) == 0)
            text_puts(out, s->standing.items[i]->places.items[k].address);
}

struct stand_ins *stand_ins_new(bool simulated)
{
    struct stand_ins *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->simulated = simulated;
    s->operations = (struct e2e_stand_ins){
        .arg = s, .busy = busy, .open = open_doubles, .address = address, .close = close_doubles};
    return s;
}

const struct e2e_stand_ins *stand_ins_operations(struct stand_ins *s)
{
    return &s->operations;
}

void stand_ins_free(struct stand_ins *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->standing.count; i++)
        standing_free(s->standing.items[i]);
    array_deinit(&s->standing);
    free(s);
}
