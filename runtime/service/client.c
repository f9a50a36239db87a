#include "runtime/service/internal.h"

#include <ctype.h>
#include <stdio.h>

#define KEEPALIVE_EVERY   (20 * SECOND)
#define KEEPALIVE_TIMEOUT (10 * SECOND)

struct grpc_metadata micro_own_metadata(struct micro_service *s, struct grpc_header items[2])
{
    size_t n = 0;
    if (s->bearer)
        items[n++] = (struct grpc_header){.name = bytes_of("authorization"), .value = bytes_of(s->bearer)};
    items[n++] = (struct grpc_header){.name = bytes_of("micro-namespace"), .value = bytes_of(s->namespace)};
    return (struct grpc_metadata){.items = items, .count = n};
}

static void link_free(struct micro_link *link)
{
    rpc_channel_free(link->channel);
    free(link->name);
    free(link);
}

void micro_links_free(struct micro_service *s)
{
    /* Freeing a channel ends its calls, whose callbacks may ask for others: take each out first. */
    for (struct map_entry *e; (e = map_first(&s->links)) != NULL;)
        link_free(map_remove(&s->links, map_key(e)));
    map_deinit(&s->links);
}

/* What a channel to a registered service asks before its calls. Nobody known is no error: the registry may tell. */
static int resolve(void *arg, struct text *addresses)
{
    struct micro_link *link = arg;
    (void)micro_known_addresses(link->service, link->name, addresses);
    return text_ok(addresses) ? 0 : ERROR_MEMORY;
}

int micro_service_channel(struct micro_service *s, const char *name, struct rpc_channel **out, struct error *err)
{
    char address[MICRO_ADDRESS_MAX];
    bool fixed = micro_peer_fixed(s->config.options, name);
    struct text known = TEXT_INIT;
    bool unknown = !fixed && s->synced && micro_known_addresses(s, name, &known) == 0;
    text_deinit(&known);
    if (unknown)
        return error_set(err, ERROR_NOT_FOUND, "service %s not found", name);
    struct micro_link *link = map_get(&s->links, name);
    if (link) {
        *out = link->channel;
        return 0;
    }
    link = calloc(1, sizeof *link);
    if (!link || !(link->name = strdup(name)))
        goto no_memory;
    link->service = s;
    struct rpc_channel_options options = {
        .keepalive_every = KEEPALIVE_EVERY, .keepalive_timeout = KEEPALIVE_TIMEOUT, .user_agent = "grpc-c-micro/1"};
    if (fixed) {
        int rc = micro_peer_address(s->config.options, name, address, sizeof address);
        if (rc) {
            link_free(link);
            return error_set(err, rc, "no address is known for %s", name);
        }
        options.addresses = address;
    } else {
        options.resolve = resolve;
        options.resolve_arg = link;
    }
    int rc = rpc_channel_new(s->world, &options, &link->channel, err);
    if (rc) {
        link->channel = NULL;
        link_free(link);
        return rc;
    }
    if (!map_put(&s->links, name, link))
        goto no_memory;
    *out = link->channel;
    return 0;
no_memory:
    if (link)
        link_free(link);
    return error_set(err, ERROR_MEMORY, "out of memory");
}

struct outgoing {
    const ProtobufCMessageDescriptor *reply;
    micro_done *done;
    void *arg;
};

static void on_reply(void *arg, const struct rpc_reply *reply)
{
    struct outgoing call = *(struct outgoing *)arg;
    free(arg);
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    ProtobufCMessage *message = NULL;
    int status = reply->status;
    const char *text =
        arena_string_n(&arena, reply->message.data ? (const char *)reply->message.data : "", reply->message.len);
    if (status == GRPC_OK && !reply->body.data) {
        status = GRPC_INTERNAL;
        text = "the service answered without a message";
    } else if (status == GRPC_OK && pb_unpack(call.reply, reply->body, &arena, &message, &err) != 0) {
        status = GRPC_INTERNAL;
        text = err.message;
    }
    call.done(call.arg, status, text ? text : "", status == GRPC_OK ? message : NULL);
    error_clear(&err);
    arena_deinit(&arena);
}

/* "Store.Read" or just "Read" of a service called store; "store.Store" as the service is understood as well. */
static bool build_path(char *out, size_t size, const char *service, const char *method, size_t *name_len)
{
    const char *dot = strrchr(service, '.');
    const char *slash = strchr(method, '.');
    int n;
    *name_len = dot ? (size_t)(dot - service) : strlen(service);
    if (slash)
        n = snprintf(out, size, "/%.*s.%.*s/%s", (int)*name_len, service, (int)(slash - method), method, slash + 1);
    else if (dot)
        n = snprintf(out, size, "/%s/%s", service, method);
    else
        n = snprintf(out, size, "/%s.%c%s/%s", service, toupper((unsigned char)service[0]),
                     service[0] ? service + 1 : "", method);
    return n > 0 && (size_t)n < size;
}

int micro_call(struct micro_service *s, const char *service, const char *method, const ProtobufCMessage *request,
               const ProtobufCMessageDescriptor *reply, uint64_t timeout, micro_done *done, void *arg)
{
    char path[2 * MICRO_ADDRESS_MAX], name[MICRO_ADDRESS_MAX];
    size_t name_len;
    if (!build_path(path, sizeof path, service, method, &name_len) || name_len >= sizeof name)
        return ERROR_INVALID;
    memcpy(name, service, name_len);
    name[name_len] = '\0';
    struct rpc_channel *channel = NULL;
    int rc = micro_service_channel(s, name, &channel, NULL);
    if (rc)
        return rc;
    struct text packed = TEXT_INIT;
    struct outgoing *call = calloc(1, sizeof *call);
    rc = call ? pb_pack(request, &packed) : ERROR_MEMORY;
    if (rc == 0 && !text_ok(&packed))
        rc = ERROR_MEMORY;
    if (rc == 0) {
        *call = (struct outgoing){.reply = reply, .done = done, .arg = arg};
        struct grpc_header items[2];
        /* Waiting for the connection bridges a restart of the other side; a call it has seen is not repeated. */
        struct rpc_request r = {.path = path,
                                .metadata = micro_own_metadata(s, items),
                                .timeout = timeout ? timeout : MICRO_CALL_TIMEOUT,
                                .wait_for_ready = true,
                                .message = text_bytes(&packed),
                                .has_message = true};
        rc = rpc_unary(channel, &r, on_reply, call, NULL, NULL);
    }
    if (rc)
        free(call);
    text_deinit(&packed);
    return rc;
}
