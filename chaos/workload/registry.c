/* The registry: each key is a service with one node whose address is the value; clients register it anew, deregister it
 * and ask for it, and each is watched. A service has one owner, as in life: the client of that number.
 *
 * The registry keeps nothing on disk, so what a restart forgets is no finding, and its answers are no linearizable
 * register's. Judged are the watches (within a stream nothing is missing or doubled; another stream is another watch,
 * since revisions of two lives have nothing to do with each other), and that after healing, when the owners have
 * registered once more, who watched and who asks see the same.
 *
 * The revision of a deregistration is not taken from its answer, for that of what is not there changes nothing. */
#include "base/units.h"
#include "chaos/workload/follower.h"
#include "chaos/workload/kinds.h"
#include "registry/registry.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY_SERVICE "registry.Registry"
#define QUIET            ((uint64_t)SECOND)
#define UNKNOWN          (-1) /* an address nobody registered */

struct place {
    char name[96], domain[64];
};
struct watch {
    struct follower follower;
    bool told; /* something, on this stream */
    int64_t value;
    bool noted; /* what it believes in the end */
};
struct state {
    struct watch *watches; /* by key */
    bool *settled;         /* by key: registered once more for the end */
    int64_t next_watch;
};

static void place_of(struct workload *w, uint32_t key, struct place *out)
{
    const struct target *t = workload_target(w);
    snprintf(out->name, sizeof out->name, "%s_%u", workload_name(w), key);
    snprintf(out->domain, sizeof out->domain, "%s", t->namespace != NULL ? t->namespace : "micro");
}

/* The value of the service's only node. */
static int64_t value_of(const Registry__Service *service)
{
    int64_t value;
    if (service->n_nodes != 1 || strncmp(service->nodes[0]->address, "node-", 5) != 0)
        return UNKNOWN;
    return units_parse_integer(service->nodes[0]->address + 5, 1, INT64_MAX, &value, NULL) == 0 ? value : UNKNOWN;
}

/* ---- clients ---- */

static struct workload_outcome got(struct workload_client *c, const struct rpc_reply *reply)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int64_t value = UNKNOWN;
    (void)c;
    if (reply->status == GRPC_NOT_FOUND)
        return (struct workload_outcome){END_OK, VALUE_NIL};
    if (reply->status != GRPC_OK)
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    if (pb_unpack(&registry__get_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Registry__GetResponse *response = (const Registry__GetResponse *)message;
        value = response->n_services == 1 ? value_of(response->services[0]) : UNKNOWN;
    }
    arena_deinit(&arena);
    return (struct workload_outcome){END_OK, value};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    struct place place;
    Registry__GetRequest request = REGISTRY__GET_REQUEST__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    place_of(c->workload, key, &place);
    options.domain = place.domain;
    request.service = place.name;
    request.options = &options;
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? workload_call(c, REGISTRY_SERVICE, "/registry.Registry/GetService", &request.base, got) : code;
}

static struct workload_outcome changed(struct workload_client *c, const struct rpc_reply *reply)
{
    struct state *s = workload_state(c->workload);
    const struct operation *o = workload_operation(c);
    enum operation_end end = workload_end_of_write(reply);
    if (end == END_OK && o->value != VALUE_NIL)
        workload_keep_revision(c, reply);
    if (end == END_OK && o->value != VALUE_NIL && !workload_running(c->workload))
        s->settled[o->key] = true;
    return (struct workload_outcome){end, VALUE_NIL};
}

static int begin_write(struct workload_client *c, uint32_t key, bool remove)
{
    int64_t value = remove ? VALUE_NIL : workload_value(c->workload);
    struct place place;
    char id[] = "node", version[] = "latest", address[32];
    Registry__Service service = REGISTRY__SERVICE__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    Registry__Node node = REGISTRY__NODE__INIT, *nodes[] = {&node};
    place_of(c->workload, key, &place);
    snprintf(address, sizeof address, "node-%lld", (long long)value);
    options.domain = place.domain;
    node.id = id;
    node.address = address;
    service.name = place.name;
    service.version = version;
    service.n_nodes = 1;
    service.nodes = nodes;
    service.options = &options;
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    if (code != 0)
        return code;
    return workload_call(c, REGISTRY_SERVICE, remove ? "/registry.Registry/Deregister" : "/registry.Registry/Register",
                         &service.base, changed);
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint64_t what = random_below(r, 10);
    uint32_t keys = (uint32_t)workload_keys(c->workload), clients = (uint32_t)workload_clients(c->workload);
    uint32_t key = (uint32_t)random_below(r, keys);
    if (what < 5 || (uint32_t)c->number >= keys)
        return begin_read(c, key);
    key = (uint32_t)c->number + clients * (uint32_t)random_below(r, (keys - (uint32_t)c->number - 1) / clients + 1);
    return begin_write(c, key, what == 5);
}

/* First every owner says once more that it is there. */
static int final_read(struct workload_client *c, uint32_t key)
{
    const struct state *s = workload_state(c->workload);
    for (int i = 0; i < workload_keys(c->workload); i++)
        if (!s->settled[i])
            return begin_write(c, (uint32_t)i, false);
    return begin_read(c, key);
}

/* ---- watches ---- */

static int request_stream(struct follower *f, struct text *wire)
{
    struct place place;
    Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    place_of(f->workload, f->key, &place);
    options.domain = place.domain;
    request.service = place.name;
    request.options = &options;
    return pb_pack(&request.base, wire);
}

/* The headers say from which revision on the watch tells. */
static void on_opened(struct follower *f, struct grpc_metadata headers)
{
    uint64_t revision = workload_number(headers, "micro-revision");
    if (revision != 0)
        follower_mark(f, revision);
}

static void on_change(struct follower *f, struct bytes message)
{
    struct watch *watch = f->arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&registry__result__descriptor, message, &arena, &unpacked, NULL) == 0) {
        const Registry__Result *m = (const Registry__Result *)unpacked;
        watch->told = true;
        watch->value = strcmp(m->action, "delete") == 0 ? VALUE_NIL
                       : m->service != NULL             ? value_of(m->service)
                                                        : UNKNOWN;
        follower_pair(f, (int64_t)m->revision, watch->value);
    }
    arena_deinit(&arena);
}

static void on_ended(struct follower *f, const struct rpc_reply *reply)
{
    struct state *s = workload_state(f->workload);
    struct watch *watch = f->arg;
    (void)reply;
    watch->told = false;
    f->subscription = ++s->next_watch;
}

static const struct follower_kind watches = {
    .service = REGISTRY_SERVICE,
    .path = "/registry.Registry/Watch",
    .function = OPERATION_WATCH,
    .request = request_stream,
    .opened = on_opened,
    .message = on_change,
    .ended = on_ended,
};

static int prepare(struct workload *w, struct error *err)
{
    struct state *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s != NULL) {
        s->watches = calloc((size_t)workload_keys(w), sizeof *s->watches);
        s->settled = calloc((size_t)workload_keys(w), sizeof *s->settled);
    }
    if (s == NULL || s->watches == NULL || s->settled == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (int i = 0; i < workload_keys(w); i++)
        follower_init(&s->watches[i].follower, w, &watches, (uint32_t)i, ++s->next_watch, &s->watches[i]);
    return 0;
}

static void start(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_keys(w); i++)
        follower_start(&s->watches[i].follower);
}

/* What a watcher believes is a read of his. One whose stream told nothing since it stands believes nothing yet. */
static void note_belief(struct workload *w, struct watch *watch)
{
    struct history *h = workload_write(w);
    uint64_t now = world_now(workload_target(w)->world);
    int64_t index = history_invoke(h, workload_process(w), OPERATION_READ, watch->follower.key, VALUE_NIL, now);
    if (index >= 0)
        history_end(h, index, END_OK, watch->value, now);
    watch->noted = true;
}

static bool quiet(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; i < workload_keys(w); i++)
        if (!follower_idle(&s->watches[i].follower, QUIET))
            return false;
    for (int i = 0; i < workload_keys(w); i++)
        if (s->watches[i].told && !s->watches[i].noted)
            note_belief(w, &s->watches[i]);
    return true;
}

static void stop(struct workload *w)
{
    struct state *s = workload_state(w);
    for (int i = 0; s != NULL && s->watches != NULL && i < workload_keys(w); i++)
        follower_deinit(&s->watches[i].follower);
}

static void release(struct workload *w)
{
    struct state *s = workload_state(w);
    if (s != NULL) {
        free(s->watches);
        free(s->settled);
    }
    free(s);
}

const struct workload_kind workload_registry = {
    .name = "registry",
    .summary = "services that register, move and leave, asked for and watched",
    .services = (const char *const[]){REGISTRY_SERVICE, NULL},
    .models = (const char *const[]){"watch", "convergence", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = final_read,
    .start = start,
    .quiet = quiet,
    .stop = stop,
    .release = release,
};
