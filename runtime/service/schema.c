/* What the registry is told about a service's endpoints: names, and the members of requests and responses with their
 * types, as v3's dynamic command line reads them ("string", "int64", "[]Note", "map[string]string"). */
#include "proto/set.h"
#include "runtime/service/internal.h"

#include <stdio.h>

static const char *const scalar_names[] = {
    [PROTOBUF_C_TYPE_INT32] = "int32",    [PROTOBUF_C_TYPE_SINT32] = "int32",   [PROTOBUF_C_TYPE_SFIXED32] = "int32",
    [PROTOBUF_C_TYPE_INT64] = "int64",    [PROTOBUF_C_TYPE_SINT64] = "int64",   [PROTOBUF_C_TYPE_SFIXED64] = "int64",
    [PROTOBUF_C_TYPE_UINT32] = "uint32",  [PROTOBUF_C_TYPE_FIXED32] = "uint32", [PROTOBUF_C_TYPE_UINT64] = "uint64",
    [PROTOBUF_C_TYPE_FIXED64] = "uint64", [PROTOBUF_C_TYPE_FLOAT] = "float32",  [PROTOBUF_C_TYPE_DOUBLE] = "float64",
    [PROTOBUF_C_TYPE_BOOL] = "bool",      [PROTOBUF_C_TYPE_ENUM] = "int32",     [PROTOBUF_C_TYPE_STRING] = "string",
    [PROTOBUF_C_TYPE_BYTES] = "[]byte",
};

static const char *last_name(const char *full)
{
    const char *dot = strrchr(full, '.');
    return dot ? dot + 1 : full;
}

static const char *field_type(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_MESSAGE ? last_name(((const ProtobufCMessageDescriptor *)f->descriptor)->name)
                                              : scalar_names[f->type];
}

/* A map is a repeated message of a type XEntry {key = 1, value = 2}. */
static const ProtobufCMessageDescriptor *map_entry(const ProtobufCFieldDescriptor *f)
{
    if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE)
        return NULL;
    const ProtobufCMessageDescriptor *d = f->descriptor;
    size_t len = strlen(d->name);
    bool entry = len > 5 && strcmp(d->name + len - 5, "Entry") == 0 && d->n_fields == 2 &&
                 strcmp(d->fields[0].name, "key") == 0 && strcmp(d->fields[1].name, "value") == 0;
    return entry ? d : NULL;
}

static Registry__Value *value_of(struct arena *a, const char *name, const char *type,
                                 const ProtobufCMessageDescriptor *message, int depth);

static Registry__Value *field_value(struct arena *a, const ProtobufCFieldDescriptor *f, int depth)
{
    const ProtobufCMessageDescriptor *entry = map_entry(f);
    char *type;
    if (entry)
        type = arena_printf(a, "map[%s]%s", field_type(&entry->fields[0]), field_type(&entry->fields[1]));
    else
        type = arena_printf(a, "%s%s", f->label == PROTOBUF_C_LABEL_REPEATED ? "[]" : "", field_type(f));
    const ProtobufCMessageDescriptor *inner = !entry && f->type == PROTOBUF_C_TYPE_MESSAGE ? f->descriptor : NULL;
    return type ? value_of(a, f->name, type, inner, depth + 1) : NULL;
}

static Registry__Value *value_of(struct arena *a, const char *name, const char *type,
                                 const ProtobufCMessageDescriptor *message, int depth)
{
    Registry__Value *v = ARENA_NEW(a, Registry__Value);
    if (!v)
        return NULL;
    registry__value__init(v);
    v->name = arena_string(a, name);
    v->type = arena_string(a, type);
    if (!v->name || !v->type)
        return NULL;
    if (!message || message->n_fields == 0 || depth >= MICRO_SCHEMA_DEPTH)
        return v;
    v->values = ARENA_NEW_N(a, Registry__Value *, message->n_fields);
    if (!v->values)
        return NULL;
    for (unsigned i = 0; i < message->n_fields; i++) {
        v->values[i] = field_value(a, &message->fields[i], depth);
        if (!v->values[i])
            return NULL;
    }
    v->n_values = message->n_fields;
    return v;
}

struct micro_streams micro_schema_streams(const struct micro_service *s, const char *service, const char *method)
{
    struct micro_streams streams = {false, false};
    if (!s->config.pool) {
        streams = micro_contract_streams(s->config.descriptors, service, method);
        return streams.client || streams.server ? streams : micro_contract_streams(proto_set(), service, method);
    }
    char path[MICRO_ADDRESS_MAX];
    snprintf(path, sizeof path, "/%s/%s", service, method);
    const struct pb_method *m = pb_find_method(s->config.pool, path, false);
    if (m)
        streams = (struct micro_streams){m->client_streaming, m->server_streaming};
    return streams;
}

static bool add_metadata(struct arena *a, Registry__Endpoint *e, const char *key, const char *value)
{
    Registry__Endpoint__MetadataEntry *entry = ARENA_NEW(a, Registry__Endpoint__MetadataEntry);
    if (!entry)
        return false;
    registry__endpoint__metadata_entry__init(entry);
    entry->key = arena_string(a, key);
    entry->value = arena_string(a, value);
    e->metadata[e->n_metadata++] = entry;
    return entry->key && entry->value;
}

/* v3 says "stream" of both directions; which of them it is tells the gateway whether it sends one request or many. */
static bool add_streams(struct arena *a, Registry__Endpoint *e, struct micro_streams streams)
{
    if (!streams.client && !streams.server)
        return true;
    e->metadata = ARENA_NEW_N(a, Registry__Endpoint__MetadataEntry *, 2);
    return e->metadata && add_metadata(a, e, "stream", "true") &&
           add_metadata(a, e, "client_stream", streams.client ? "true" : "false");
}

static Registry__Endpoint *endpoint_of(struct micro_service *s, const struct rpc_service *service,
                                       const struct rpc_method *m)
{
    struct arena *a = &s->arena;
    Registry__Endpoint *e = ARENA_NEW(a, Registry__Endpoint);
    if (!e)
        return NULL;
    registry__endpoint__init(e);
    e->name = arena_printf(a, "%s.%s", last_name(service->name), m->name);
    e->request = value_of(a, last_name(m->input->name), last_name(m->input->name), m->input, 0);
    e->response = value_of(a, last_name(m->output->name), last_name(m->output->name), m->output, 0);
    if (!e->name || !e->request || !e->response)
        return NULL;
    if (!add_streams(a, e, micro_schema_streams(s, service->name, m->name)))
        return NULL;
    return e;
}

/* What the gateway's handler "http" looks for. */
static Registry__Endpoint *http_endpoint(struct micro_service *s)
{
    struct arena *a = &s->arena;
    Registry__Endpoint *e = ARENA_NEW(a, Registry__Endpoint);
    if (!e)
        return NULL;
    registry__endpoint__init(e);
    e->name = arena_string(a, "Http.Serve");
    e->metadata = ARENA_NEW_N(a, Registry__Endpoint__MetadataEntry *, 2);
    bool ok = e->name && e->metadata && add_metadata(a, e, "path", s->config.http_path) &&
              add_metadata(a, e, "handler", "http");
    return ok ? e : NULL;
}

static int describe(struct micro_service *s, const struct rpc_service *service, struct error *err)
{
    for (size_t k = 0; k < service->method_count; k++) {
        Registry__Endpoint *e = endpoint_of(s, service, &service->methods[k]);
        if (!e)
            return error_set(err, ERROR_MEMORY, "out of memory");
        s->registration->endpoints[s->registration->n_endpoints++] = e;
    }
    return 0;
}

int micro_schema_describe(struct micro_service *s, struct error *err)
{
    const struct micro_service_config *c = &s->config;
    size_t count = c->http_path ? 1 : 0;
    int rc = 0;
    for (size_t i = 0; i < s->added.count; i++)
        count += s->added.items[i]->method_count;
    for (size_t i = 0; i < c->described_count; i++)
        count += c->described[i].method_count;
    s->registration->endpoints = ARENA_NEW_N(&s->arena, Registry__Endpoint *, count + 1);
    if (!s->registration->endpoints)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; rc == 0 && i < s->added.count; i++)
        rc = describe(s, s->added.items[i], err);
    for (size_t i = 0; rc == 0 && i < c->described_count; i++)
        rc = describe(s, &c->described[i], err);
    if (rc == 0 && c->http_path) {
        Registry__Endpoint *e = http_endpoint(s);
        if (!e)
            return error_set(err, ERROR_MEMORY, "out of memory");
        s->registration->endpoints[s->registration->n_endpoints++] = e;
    }
    return rc;
}
