/* The registry: each key is a service with one node whose address is the value; clients register it anew, deregister it
 * and ask for it, and each is watched. A service has one owner, as in life: the client of that number.
 *
 * The registry keeps nothing on disk, so what a restart forgets is no finding, and its answers are no linearizable
 * register's. Judged are the watches (within a stream nothing is missing or doubled; another stream is another watch,
 * since revisions of two lives have nothing to do with each other), and that after healing, when the owners have
 * registered once more, who watched and who asks see the same. And those of the system's own components that were
 * listed in the beginning have to be listed in the end, once each.
 *
 * The revision of a deregistration is not taken from its answer, for that of what is not there changes nothing. */
#include "base/units.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/watches.h"
#include "registry/registry.pb-c.h"

#include <stdio.h>
#include <string.h>

#define REGISTRY_SERVICE "registry.Registry"
#define UNKNOWN          (-1) /* an address nobody registered */
#define LARGE_ONE        16   /* one node of so many has much to say of itself, */
#define FILLING_MAX      8192 /* bytes at most */
/* With watchers that are slow. */
#define SLOW_LARGE_ONE   2
#define SLOW_FILLING_MAX 65536
#define DAWDLES          ((uint64_t)(3 * SECOND)) /* longer than it takes to fill the windows */

struct place {
    char name[96], domain[64];
};
/* Of the run, kept by the first client. */
struct run {
    uint64_t listed; /* components of the target that were listed at first */
};

static struct run *run_of(struct workload *w)
{
    return workload_client(w, 0)->state;
}

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

/* The target's components that are listed with one node, a bit each; those beyond 64 are not looked at. */
static uint64_t components_in(const struct target *t, const Registry__ListResponse *list)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < t->component_count && i < 64; i++)
        for (size_t n = 0; n < list->n_services; n++)
            if (list->services[n]->n_nodes == 1 && strcmp(list->services[n]->name, t->components[i].name) == 0)
                bits |= UINT64_C(1) << i;
    return bits;
}

/* Who was listed in the beginning has to be in the end, once: a registry that forgot is told again, and who was started
 * again takes the place of who it was. */
static bool all_are_back(struct workload *w, const Registry__ListResponse *list)
{
    uint64_t here = components_in(workload_target(w), list);
    struct run *run = run_of(w);
    if (run->listed == 0)
        run->listed = here;
    return workload_running(w) || (run->listed & ~here) == 0;
}

static struct workload_outcome listed(struct workload_client *c, const struct rpc_reply *reply)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    struct place place;
    int64_t value = UNKNOWN;
    if (reply->status != GRPC_OK)
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    place_of(c->workload, workload_operation(c)->key, &place);
    enum operation_end end = END_OK;
    if (pb_unpack(&registry__list_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Registry__ListResponse *response = (const Registry__ListResponse *)message;
        value = VALUE_NIL;
        for (size_t i = 0; i < response->n_services; i++)
            if (strcmp(response->services[i]->name, place.name) == 0)
                value = value == VALUE_NIL ? value_of(response->services[i]) : UNKNOWN;
        if (!all_are_back(c->workload, response))
            end = END_FAIL; /* asked again, until they are */
    }
    arena_deinit(&arena);
    return (struct workload_outcome){end, end == END_OK ? value : VALUE_NIL};
}

static int begin_list(struct workload_client *c, uint32_t key)
{
    struct place place;
    Registry__ListRequest request = REGISTRY__LIST_REQUEST__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    place_of(c->workload, key, &place);
    options.domain = place.domain;
    request.options = &options;
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? workload_call(c, REGISTRY_SERVICE, "/registry.Registry/ListServices", &request.base, listed)
                     : code;
}

static int begin_get(struct workload_client *c, uint32_t key)
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

static int begin_read(struct workload_client *c, uint32_t key)
{
    return random_below(workload_random(c->workload), 2) == 0 ? begin_list(c, key) : begin_get(c, key);
}

static struct workload_outcome changed(struct workload_client *c, const struct rpc_reply *reply)
{
    enum operation_end end = workload_end_of_write(reply);
    if (end == END_OK && workload_operation(c)->value != VALUE_NIL) {
        workload_keep_revision(c, reply);
        watches_written(c);
    }
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
    Registry__Node__MetadataEntry note = REGISTRY__NODE__METADATA_ENTRY__INIT, *notes[] = {&note};
    char note_name[] = "about";
    struct text filling = TEXT_INIT;
    struct random *r = workload_random(c->workload);
    bool slow = workload_kind_of(c->workload)->dawdles > 0;
    size_t filled = random_below(r, slow ? SLOW_LARGE_ONE : LARGE_ONE) == 0
                        ? (size_t)random_below(r, slow ? SLOW_FILLING_MAX : FILLING_MAX)
                        : 0;
    for (size_t i = 0; i < filled; i++)
        text_char(&filling, 'x');
    note.key = note_name;
    note.value = filled > 0 && text_ok(&filling) ? filling.data : note_name;
    node.metadata = notes;
    node.n_metadata = 1;
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
    if (code == 0)
        code =
            workload_call(c, REGISTRY_SERVICE, remove ? "/registry.Registry/Deregister" : "/registry.Registry/Register",
                          &service.base, changed);
    text_deinit(&filling);
    return code;
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

static int begin_register(struct workload_client *c, uint32_t key)
{
    return begin_write(c, key, false);
}

/* First every owner says once more that it is there. */
static int final_read(struct workload_client *c, uint32_t key)
{
    return watches_final(c, key, begin_register, key == 0 ? begin_list : begin_read);
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
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&registry__result__descriptor, message, &arena, &unpacked, NULL) == 0) {
        const Registry__Result *m = (const Registry__Result *)unpacked;
        watches_told(f, m->revision,
                     strcmp(m->action, "delete") == 0 ? VALUE_NIL
                     : m->service != NULL             ? value_of(m->service)
                                                      : UNKNOWN);
    }
    arena_deinit(&arena);
}

static const struct follower_kind watches = {
    .service = REGISTRY_SERVICE,
    .path = "/registry.Registry/Watch",
    .function = OPERATION_WATCH,
    .request = request_stream,
    .opened = on_opened,
    .message = on_change,
    .ended = watches_ended,
};

static int prepare(struct workload *w, struct error *err)
{
    int code = workload_client_states(w, sizeof(struct run), err);
    if (code != 0)
        return code;
    return watches_prepare(w, &watches, false, err);
}

#define PARTS                                                                                                          \
    .services = (const char *const[]){REGISTRY_SERVICE, NULL},                                                         \
    .models = (const char *const[]){"watch", "convergence", NULL}, .prepare = prepare, .begin = begin,                 \
    .final_read = final_read, WATCHES_PARTS

const struct workload_kind workload_registry = {
    .name = "registry",
    .summary = "services that register, move and leave, asked for and watched",
    PARTS,
};

const struct workload_kind workload_registry_slow = {
    .name = "registry-slow",
    .summary = "the same, with much to say of themselves, and watchers that take nothing for a while now and then",
    .dawdles = DAWDLES,
    .waits = WATCHES_WAKE,
    PARTS,
};
