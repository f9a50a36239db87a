#include "rpc/channel_internal.h"

#include <stdlib.h>
#include <string.h>

void channel_enter(struct rpc_channel *c)
{
    c->depth++;
}

static void destroy(struct rpc_channel *c)
{
    stream_free_list(c);
    array_deinit(&c->endpoints);
    error_clear(&c->last);
    free(c->addresses);
    free(c->authority);
    free(c->user_agent);
    free(c);
}

bool channel_leave(struct rpc_channel *c)
{
    c->depth--;
    if (!c->dead)
        return false;
    if (c->depth == 0)
        destroy(c);
    return true;
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

static struct channel_endpoint *find_endpoint(struct rpc_channel *c, const char *address, size_t len)
{
    for (size_t i = 0; i < c->endpoints.count; i++) {
        const char *known = c->endpoints.items[i]->address;
        if (strlen(known) == len && memcmp(known, address, len) == 0)
            return c->endpoints.items[i];
    }
    return NULL;
}

static int add_endpoint(struct rpc_channel *c, const char *address, size_t len)
{
    if (c->endpoints.count >= RPC_ENDPOINTS_MAX)
        return ERROR_LIMIT;
    struct channel_endpoint *e = calloc(1, sizeof *e);
    char *copy = strndup(address, len);
    if (!e || !copy || !array_grow(&c->endpoints)) {
        free(e);
        free(copy);
        return ERROR_MEMORY;
    }
    e->channel = c;
    e->address = copy;
    e->wanted = true;
    c->endpoints.items[c->endpoints.count++] = e;
    return 0;
}

static void drop_unwanted(struct rpc_channel *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->endpoints.count; i++) {
        struct channel_endpoint *e = c->endpoints.items[i];
        if (e->wanted) {
            c->endpoints.items[kept++] = e;
            continue;
        }
        if (e->connection)
            channel_leave_endpoint(e->connection);
        channel_endpoint_free(e);
    }
    c->endpoints.count = kept;
}

static int replace_addresses(struct rpc_channel *c, const char *addresses)
{
    char *copy = strdup(addresses);
    if (!copy)
        return ERROR_MEMORY;
    for (size_t i = 0; i < c->endpoints.count; i++)
        c->endpoints.items[i]->wanted = false;
    int rc = 0;
    for (const char *p = addresses; rc == 0 && *p;) {
        size_t skip = strspn(p, ", \t\n");
        p += skip;
        size_t len = strcspn(p, ", \t\n");
        if (len == 0)
            break;
        struct channel_endpoint *known = find_endpoint(c, p, len);
        if (known)
            known->wanted = true;
        else
            rc = add_endpoint(c, p, len);
        p += len;
    }
    drop_unwanted(c);
    if (rc) {
        free(copy); /* the list will be read again the next time */
        copy = NULL;
    }
    free(c->addresses);
    c->addresses = copy;
    world_task_post(&c->pump);
    return rc;
}

void rpc_channel_set_addresses(struct rpc_channel *c, const char *addresses)
{
    if (!c->addresses || strcmp(c->addresses, addresses) != 0)
        (void)replace_addresses(c, addresses); /* what could be added was; calls say when there is nothing */
}

int channel_resolve(struct rpc_channel *c, struct error *err)
{
    if (!c->options.resolve)
        return 0;
    struct text list = TEXT_INIT;
    int rc = c->options.resolve(c->options.resolve_arg, &list);
    if (rc == 0 && !text_ok(&list))
        rc = ERROR_MEMORY;
    if (rc == 0 && (!c->addresses || strcmp(c->addresses, text_string(&list)) != 0))
        rc = replace_addresses(c, text_string(&list));
    text_deinit(&list);
    if (rc)
        return error_set(err, rc, "the name could not be resolved: %s", error_code_name(rc));
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static char *duplicate(const char *s, bool *ok)
{
    if (!s)
        return NULL;
    char *copy = strdup(s);
    if (!copy)
        *ok = false;
    return copy;
}

int rpc_channel_new(struct world *w, const struct rpc_channel_options *options, struct rpc_channel **out,
                    struct error *err)
{
    if (!options->addresses && !options->resolve)
        return error_set(err, ERROR_INVALID, "a channel needs addresses or a resolver");
    struct rpc_channel *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->world = w;
    c->options = *options;
    c->line_end = &c->line;
    world_task_init(&c->pump, w, channel_pump, c);
    world_timer_init(&c->retry_timer, w, channel_pump, c);
    if (c->options.addresses)
        c->options.resolve = NULL;
    if (!c->options.connect_timeout)
        c->options.connect_timeout = RPC_CONNECT_TIMEOUT;
    if (!c->options.reconnect_first)
        c->options.reconnect_first = RPC_RECONNECT_FIRST;
    if (!c->options.reconnect_max)
        c->options.reconnect_max = RPC_RECONNECT_MAX;
    bool ok = true;
    c->authority = duplicate(options->authority, &ok);
    c->user_agent = duplicate(options->user_agent ? options->user_agent : "grpc-c-harrow/1", &ok);
    c->options.authority = c->authority;
    c->options.user_agent = c->user_agent;
    grpc_settings_init(&c->settings, false);
    if (options->message_max)
        c->settings.message_max = options->message_max;
    c->settings.keepalive_every = options->keepalive_every;
    c->settings.keepalive_timeout = options->keepalive_timeout;
    c->settings.gzip = true;
    c->settings.user_agent = c->user_agent;
    c->settings.tls = options->tls != NULL;
    int rc = ok ? 0 : ERROR_MEMORY;
    if (rc == 0 && options->addresses)
        rc = replace_addresses(c, options->addresses);
    c->options.addresses = NULL; /* the caller's; ours are the endpoints */
    if (rc) {
        rpc_channel_free(c);
        return error_set(err, rc, "cannot make a channel: %s", error_code_name(rc));
    }
    *out = c;
    return 0;
}

void rpc_channel_free(struct rpc_channel *c)
{
    if (!c || c->dead)
        return;
    c->dead = true;
    channel_enter(c);
    while (c->streams)
        stream_kill(c->streams);
    world_task_cancel(&c->pump);
    world_timer_stop(&c->retry_timer);
    for (size_t i = 0; i < c->endpoints.count; i++) {
        if (c->endpoints.items[i]->connection)
            c->endpoints.items[i]->connection->endpoint = NULL;
        channel_endpoint_free(c->endpoints.items[i]);
    }
    array_clear(&c->endpoints);
    while (c->connections) {
        struct channel_connection *connection = c->connections;
        c->connections = connection->next;
        if (connection->next)
            connection->next->back = &c->connections;
        connection->back = NULL;
        connection->channel = NULL;
        world_timer_stop(&connection->connect_timer);
        rpc_link_close(&connection->link);
    }
    channel_leave(c);
}

bool rpc_channel_failing(const struct rpc_channel *c, const char *address)
{
    for (size_t i = 0; i < c->endpoints.count; i++) {
        const struct channel_endpoint *e = c->endpoints.items[i];
        if (e->failures > 0 && !e->connection && (!address || strcmp(e->address, address) == 0))
            return true;
    }
    return false;
}

int rpc_channel_failure(const struct rpc_channel *c)
{
    return c->last.code;
}

bool rpc_channel_connected(const struct rpc_channel *c)
{
    return channel_has_ready(c);
}
