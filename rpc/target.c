#include "rpc/target.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_CONNECT_TIMEOUT (UINT64_C(2) * 1000000000) /* ns */
#define TARGET_RECONNECT_MAX   (UINT64_C(200) * 1000000)  /* ns: parts come back often here */

struct target_channels {
    ARRAY(struct rpc_channel *) open; /* by component, NULL until used */
    struct arena arena;
    struct grpc_header headers[TARGET_HEADERS_MAX];
    size_t header_count;
    bool made;
    const char *token, *namespace; /* what the headers were made from */
};

const char *target_action_name(enum target_action a)
{
    static const char *const names[TARGET_ACTION_COUNT] = {
        [TARGET_KILL] = "kill",           [TARGET_TERMINATE] = "terminate", [TARGET_STOP] = "stop",
        [TARGET_CONTINUE] = "continue",   [TARGET_START] = "start",         [TARGET_POWER_CUT] = "power-cut",
        [TARGET_PARTITION] = "partition", [TARGET_HEAL] = "heal",
    };
    return (unsigned)a < TARGET_ACTION_COUNT ? names[a] : "unknown";
}

const struct target_component *target_find(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->component_count; i++)
        if (strcmp(t->components[i].name, name) == 0)
            return &t->components[i];
    return NULL;
}

static bool serves(const struct target_component *c, const char *service)
{
    for (const char *const *s = c->services; s && *s; s++)
        if (**s == *service && strcmp(*s, service) == 0)
            return true;
    return false;
}

const struct target_component *target_serving_one(const struct target *t, const char *service, size_t number)
{
    const struct target_component *first = NULL, *end = t->components + t->component_count;
    size_t count = 0;
    for (const struct target_component *c = t->components; c < end; c++)
        if (serves(c, service) && count++ == 0)
            first = c;
    if (count < 2)
        return first;
    number %= count;
    while (!serves(first, service) || number-- > 0)
        first++;
    return first;
}

const struct target_component *target_serving(const struct target *t, const char *service)
{
    return target_serving_one(t, service, 0);
}

static struct target_channels *channels_of(struct target *t)
{
    if (!t->channels)
        t->channels = calloc(1, sizeof *t->channels);
    return t->channels;
}

int target_channel_new(const struct target *t, const struct target_component *c, struct rpc_channel **out,
                       struct error *err)
{
    if (!c->address)
        return error_set(err, ERROR_UNSUPPORTED, "component %s has no gRPC address", c->name);
    const struct rpc_channel_options options = {.addresses = c->address,
                                                .tls = c->tls,
                                                .connect_timeout = TARGET_CONNECT_TIMEOUT,
                                                .reconnect_max = TARGET_RECONNECT_MAX};
    return rpc_channel_new(t->world, &options, out, err);
}

int target_channel(struct target *t, const struct target_component *c, struct rpc_channel **out, struct error *err)
{
    struct target_channels *channels = channels_of(t);
    size_t i = (size_t)(c - t->components);
    if (!channels || !array_reserve(&channels->open, t->component_count))
        return error_set(err, ERROR_MEMORY, "out of memory");
    while (channels->open.count < t->component_count)
        channels->open.items[channels->open.count++] = NULL;
    int rc = channels->open.items[i] ? 0 : target_channel_new(t, c, &channels->open.items[i], err);
    if (rc)
        return rc;
    *out = channels->open.items[i];
    return 0;
}

void target_close_channels(struct target *t)
{
    struct target_channels *channels = t->channels;
    if (!channels)
        return;
    t->channels = NULL;
    for (size_t i = 0; i < channels->open.count; i++)
        rpc_channel_free(channels->open.items[i]);
    array_deinit(&channels->open);
    arena_deinit(&channels->arena);
    free(channels);
}

struct grpc_metadata target_metadata(struct target *t)
{
    struct target_channels *channels = channels_of(t);
    if (!channels)
        return (struct grpc_metadata){0};
    /* A token may be replaced during a run (after a login); the strings made for the old one stay until the end. */
    if (!channels->made || channels->token != t->token || channels->namespace != t->namespace) {
        channels->made = true;
        channels->header_count = t->metadata_count < TARGET_METADATA_MAX ? t->metadata_count : TARGET_METADATA_MAX;
        for (size_t i = 0; i < channels->header_count; i++)
            channels->headers[i] = t->metadata[i];
        channels->token = t->token;
        channels->namespace = t->namespace;
        if (t->token) {
            const char *value = arena_printf(&channels->arena, "Bearer %s", t->token);
            if (value)
                channels->headers[channels->header_count++] =
                    (struct grpc_header){.name = bytes_of("authorization"), .value = bytes_of(value)};
        }
        if (t->namespace)
            channels->headers[channels->header_count++] =
                (struct grpc_header){.name = bytes_of("micro-namespace"), .value = bytes_of(t->namespace)};
    }
    return (struct grpc_metadata){.items = channels->headers, .count = channels->header_count};
}

uint64_t target_resident(struct target *t)
{
    const struct target_operations *o = t->operations;
    uint64_t sum = 0;
    if (o == NULL || o->usage == NULL || (o->sim != NULL && o->sim(t) != NULL))
        return 0;
    for (size_t i = 0; i < t->component_count; i++) {
        uint64_t resident = 0, cpu = 0;
        if (o->usage(t, t->components[i].name, &resident, &cpu) == 0)
            sum += resident;
    }
    return sum;
}
