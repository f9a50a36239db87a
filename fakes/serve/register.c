#include "fakes/serve/register.h"

#include "base/arena.h"
#include "base/array.h"
#include "base/units.h"
#include "proto/registry/registry.pb-c.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TTL           90 /* seconds a registration lives */
#define RENEW_EVERY   ((uint64_t)(30 * SECOND))
#define RETRY_EVERY   ((uint64_t)(2 * SECOND))
#define CALL_WITHIN   ((uint64_t)(5 * SECOND))
#define LEAVE_WITHIN  ((uint64_t)(2 * SECOND))
#define DESCRIBE_DEEP 3 /* messages inside messages told to the registry */

struct package {
    struct registering *owner;
    struct text packed; /* registry.Service, as it is registered and taken out */
    struct rpc_stream *call;
    bool registered;
};

struct registering {
    struct world *world;
    struct rpc_channel *channel;
    char *address, *bearer; /* owned */
    struct grpc_header header;
    ARRAY(struct package *) packages;
    struct world_timer renew;
    size_t asking; /* calls in flight */
    bool leaving, told_once, failing;
    bool renew_soon;
    void (*told)(void *arg, const char *why);
    void *arg;
};

/* ---- what is registered ----------------------------------------------------------------------------------------- */

static const char *const scalars[] = {
    [PB_DOUBLE] = "float64", [PB_FLOAT] = "float32",  [PB_INT64] = "int64",    [PB_UINT64] = "uint64",
    [PB_INT32] = "int32",    [PB_FIXED64] = "uint64", [PB_FIXED32] = "uint32", [PB_BOOL] = "bool",
    [PB_STRING] = "string",  [PB_BYTES] = "[]byte",   [PB_UINT32] = "uint32",  [PB_ENUM] = "int32",
    [PB_SFIXED32] = "int32", [PB_SFIXED64] = "int64", [PB_SINT32] = "int32",   [PB_SINT64] = "int64",
};

static const char *type_of(const struct pb_field *f)
{
    return f->kind == PB_MESSAGE ? f->message->name : scalars[f->kind];
}

static Registry__Value *describe(struct arena *a, const char *name, const char *type, const struct pb_type *message,
                                 int depth);

static Registry__Value *describe_field(struct arena *a, const struct pb_field *f, int depth)
{
    char *type = f->map ? arena_printf(a, "map[%s]%s", type_of(&f->message->fields[0]), type_of(&f->message->fields[1]))
                        : arena_printf(a, "%s%s", f->repeated ? "[]" : "", type_of(f));
    const struct pb_type *inner = f->kind == PB_MESSAGE && !f->map ? f->message : NULL;
    return type != NULL ? describe(a, f->name, type, inner, depth + 1) : NULL;
}

static Registry__Value *describe(struct arena *a, const char *name, const char *type, const struct pb_type *message,
                                 int depth)
{
    Registry__Value *v = ARENA_NEW(a, Registry__Value);
    if (v == NULL)
        return NULL;
    registry__value__init(v);
    v->name = arena_string(a, name);
    v->type = arena_string(a, type);
    if (v->name == NULL || v->type == NULL)
        return NULL;
    if (message == NULL || message->field_count == 0 || depth >= DESCRIBE_DEEP)
        return v;
    v->values = ARENA_NEW_N(a, Registry__Value *, message->field_count);
    for (size_t i = 0; v->values != NULL && i < message->field_count; i++) {
        v->values[v->n_values++] = describe_field(a, &message->fields[i], depth);
        if (v->values[i] == NULL)
            return NULL;
    }
    return v->values != NULL ? v : NULL;
}

static bool add_metadata(struct arena *a, Registry__Endpoint *e, const char *key, const char *value)
{
    Registry__Endpoint__MetadataEntry *entry = ARENA_NEW(a, Registry__Endpoint__MetadataEntry);
    if (entry == NULL)
        return false;
    registry__endpoint__metadata_entry__init(entry);
    entry->key = arena_string(a, key);
    entry->value = arena_string(a, value);
    e->metadata[e->n_metadata++] = entry;
    return entry->key != NULL && entry->value != NULL;
}

static Registry__Endpoint *endpoint(struct arena *a, const struct pb_method *m)
{
    Registry__Endpoint *e = ARENA_NEW(a, Registry__Endpoint);
    if (e == NULL)
        return NULL;
    registry__endpoint__init(e);
    e->name = arena_printf(a, "%s.%s", m->service->name, m->name);
    e->request = describe(a, m->input->name, m->input->name, m->input, 0);
    e->response = describe(a, m->output->name, m->output->name, m->output, 0);
    e->metadata = ARENA_NEW_N(a, Registry__Endpoint__MetadataEntry *, 2);
    if (e->name == NULL || e->request == NULL || e->response == NULL || e->metadata == NULL)
        return NULL;
    if (!m->client_streaming && !m->server_streaming)
        return e;
    return add_metadata(a, e, "stream", "true") &&
                   add_metadata(a, e, "client_stream", m->client_streaming ? "true" : "false")
               ? e
               : NULL;
}

static bool add_node(struct arena *a, Registry__Service *r, const struct register_options *options, uint64_t id)
{
    static const char *const pairs[][2] = {{"protocol", "grpc"}, {"server", "grpc"}, {"transport", "grpc"}};
    Registry__Node *node = ARENA_NEW(a, Registry__Node);
    r->nodes = ARENA_NEW_N(a, Registry__Node *, 1);
    if (node == NULL || r->nodes == NULL)
        return false;
    registry__node__init(node);
    r->nodes[r->n_nodes++] = node;
    node->id = arena_printf(a, "%s-double-%016" PRIx64, r->name, id);
    node->address = arena_string(a, options->advertised);
    node->metadata = ARENA_NEW_N(a, Registry__Node__MetadataEntry *, sizeof pairs / sizeof *pairs);
    for (size_t i = 0; node->metadata != NULL && i < sizeof pairs / sizeof *pairs; i++) {
        Registry__Node__MetadataEntry *e = ARENA_NEW(a, Registry__Node__MetadataEntry);
        if (e == NULL)
            return false;
        registry__node__metadata_entry__init(e);
        e->key = arena_string(a, pairs[i][0]);
        e->value = arena_string(a, pairs[i][1]);
        if (e->key == NULL || e->value == NULL)
            return false;
        node->metadata[node->n_metadata++] = e;
    }
    return node->id != NULL && node->address != NULL && node->metadata != NULL;
}

/* registry.Service of everything in one package. */
static bool pack_package(const struct fake_server *s, const char *package, const struct register_options *options,
                         uint64_t id, struct text *out)
{
    struct arena a = ARENA_INIT;
    Registry__Service *r = ARENA_NEW(&a, Registry__Service);
    Registry__Options *o = ARENA_NEW(&a, Registry__Options);
    size_t count = fake_server_service_count(s), methods = 0;
    bool ok = r != NULL && o != NULL;
    for (size_t i = 0; ok && i < count; i++)
        methods += fake_server_service_at(s, i)->method_count;
    if (ok) {
        registry__service__init(r);
        registry__options__init(o);
        r->name = arena_string(&a, package);
        r->version = arena_string(&a, "latest");
        o->ttl = TTL;
        o->domain = arena_string(&a, options->domain != NULL ? options->domain : "micro");
        r->options = o;
        r->endpoints = ARENA_NEW_N(&a, Registry__Endpoint *, methods + 1);
        ok = r->name != NULL && r->version != NULL && o->domain != NULL && r->endpoints != NULL &&
             add_node(&a, r, options, id);
    }
    for (size_t i = 0; ok && i < count; i++) {
        const struct pb_service *service = fake_server_service_at(s, i);
        for (size_t k = 0; ok && strcmp(service->package, package) == 0 && k < service->method_count; k++) {
            r->endpoints[r->n_endpoints] = endpoint(&a, &service->methods[k]);
            ok = r->endpoints[r->n_endpoints++] != NULL;
        }
    }
    ok = ok && pb_pack(&r->base, out) == 0 && text_ok(out);
    arena_deinit(&a);
    return ok;
}

/* ---- telling the registry --------------------------------------------------------------------------------------- */

static void tell(struct registering *r, const char *why)
{
    bool failing = why != NULL;
    if (r->told_once && r->failing == failing)
        return;
    r->told_once = true;
    r->failing = failing;
    if (r->told != NULL)
        r->told(r->arg, why);
}

bool register_done(const struct registering *r)
{
    for (size_t i = 0; i < r->packages.count; i++)
        if (!r->packages.items[i]->registered)
            return false;
    return true;
}

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct package *p = arg;
    struct registering *r = p->owner;
    p->call = NULL;
    r->asking--;
    p->registered = reply->status == GRPC_OK && !r->leaving;
    if (r->leaving)
        return;
    if (!p->registered) {
        struct text why = TEXT_INIT;
        text_printf(&why, "%s: %.*s", grpc_status_name(reply->status), (int)reply->message.len,
                    reply->message.data != NULL ? (const char *)reply->message.data : "");
        tell(r, text_string(&why));
        text_deinit(&why);
        r->renew_soon = true;
    }
    if (r->asking > 0)
        return;
    if (register_done(r))
        tell(r, NULL);
    (void)world_timer_start(&r->renew, r->renew_soon ? RETRY_EVERY : RENEW_EVERY);
    r->renew_soon = false;
}

static void ask(struct registering *r, const char *path, uint64_t within)
{
    for (size_t i = 0; i < r->packages.count; i++) {
        struct package *p = r->packages.items[i];
        struct rpc_request request = {.path = path,
                                      .metadata = {.items = &r->header, .count = r->bearer != NULL ? 1 : 0},
                                      .timeout = within,
                                      .wait_for_ready = true,
                                      .message = text_bytes(&p->packed),
                                      .has_message = true};
        if (p->call == NULL && rpc_unary(r->channel, &request, on_answer, p, &p->call, NULL) == 0)
            r->asking++;
    }
}

static void on_renew(void *arg)
{
    struct registering *r = arg;
    ask(r, "/registry.Registry/Register", CALL_WITHIN);
    if (r->asking == 0)
        (void)world_timer_start(&r->renew, RETRY_EVERY);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool add_package(struct registering *r, const struct fake_server *s, const char *package,
                        const struct register_options *options)
{
    uint64_t id = 0;
    struct package *p = calloc(1, sizeof *p);
    if (p == NULL || !array_push(&r->packages, p)) {
        free(p);
        return false;
    }
    p->owner = r;
    return world_entropy(r->world, &id, sizeof id) == 0 && pack_package(s, package, options, id, &p->packed);
}

static void registering_free(struct registering *r)
{
    rpc_channel_free(r->channel); /* calls in flight end here */
    world_timer_stop(&r->renew);
    for (size_t i = 0; i < r->packages.count; i++) {
        text_deinit(&r->packages.items[i]->packed);
        free(r->packages.items[i]);
    }
    array_deinit(&r->packages);
    free(r->address);
    free(r->bearer);
    free(r);
}

int register_start(struct fake_server *s, const struct register_options *options, struct registering **out,
                   struct error *err)
{
    struct registering *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->world = fake_server_world(s);
    r->told = options->told;
    r->arg = options->arg;
    world_timer_init(&r->renew, r->world, on_renew, r);
    bool ok = (r->address = strdup(options->registry)) != NULL;
    if (ok && options->token != NULL && options->token[0] != '\0') {
        struct text bearer = TEXT_INIT;
        text_printf(&bearer, "Bearer %s", options->token);
        r->bearer = text_take(&bearer);
        ok = r->bearer != NULL;
        if (ok)
            r->header = (struct grpc_header){bytes_of("authorization"), bytes_of(r->bearer)};
    }
    for (size_t i = 0; ok && i < fake_server_service_count(s); i++) {
        const char *package = fake_server_service_at(s, i)->package;
        bool seen = false;
        for (size_t k = 0; k < i; k++)
            seen = seen || strcmp(fake_server_service_at(s, k)->package, package) == 0;
        ok = seen || add_package(r, s, package, options);
    }
    int code = ok ? rpc_channel_new(r->world, &(struct rpc_channel_options){.addresses = r->address}, &r->channel, err)
                  : error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        registering_free(r);
        return code;
    }
    on_renew(r);
    *out = r;
    return 0;
}

static bool has_left(void *arg)
{
    const struct registering *r = arg;
    return r->asking == 0;
}

void register_stop(struct registering *r)
{
    if (r == NULL)
        return;
    bool known = !r->told_once || !r->failing || register_done(r);
    world_timer_stop(&r->renew);
    r->leaving = true;
    for (size_t i = 0; i < r->packages.count; i++)
        if (r->packages.items[i]->call != NULL)
            rpc_stream_cancel(r->packages.items[i]->call);
    (void)world_run_until(r->world, has_left, r, LEAVE_WITHIN);
    if (known) {
        ask(r, "/registry.Registry/Deregister", LEAVE_WITHIN);
        (void)world_run_until(r->world, has_left, r, LEAVE_WITHIN); /* else the time to live ends it */
    }
    registering_free(r);
}
