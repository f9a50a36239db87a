#include "runtime/api/custom.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct custom_route {
    struct arena arena;
    const char *namespace, *service, *endpoint, *topic;
    const char *methods, *hosts; /* comma-separated, "" for any */
    enum api_handler handler;
    struct template *template;
};

#define KEY_MAX 512

static bool key_of(char out[KEY_MAX], const char *namespace, const char *service)
{
    int n = snprintf(out, KEY_MAX, "%s/%s", namespace, service);
    return n > 0 && n < KEY_MAX;
}

static void route_free(struct custom_route *r)
{
    template_free(r->template);
    arena_deinit(&r->arena);
    free(r);
}

void api_custom_init(struct api_custom *c)
{
    *c = (struct api_custom){.services = MAP_INIT};
}

void api_custom_clear(struct api_custom *c)
{
    for (size_t i = 0; i < c->routes.count; i++)
        route_free(c->routes.items[i]);
    array_clear(&c->routes);
    map_deinit(&c->services);
    c->services = MAP_INIT;
}

void api_custom_deinit(struct api_custom *c)
{
    api_custom_clear(c);
    array_deinit(&c->routes);
}

static const char *metadata_of(const Registry__Endpoint *e, const char *key)
{
    for (size_t i = 0; i < e->n_metadata; i++) {
        if (strcmp(e->metadata[i]->key, key) == 0)
            return e->metadata[i]->value;
    }
    return "";
}

bool api_custom_asks(const Registry__Service *service)
{
    for (size_t i = 0; i < service->n_endpoints; i++) {
        if (metadata_of(service->endpoints[i], "path")[0])
            return true;
    }
    return false;
}

bool api_custom_knows(const struct api_custom *c, const char *namespace, const char *service)
{
    char key[KEY_MAX];
    return key_of(key, namespace, service) && map_get(&c->services, key) != NULL;
}

/* A word of a comma-separated list, whatever its case. */
static bool list_has(const char *list, const char *word, size_t word_len)
{
    for (const char *at = list; *at;) {
        size_t len = strcspn(at, ",");
        if (len == word_len && strncasecmp(at, word, len) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

static int order(const void *a, const void *b)
{
    const struct custom_route *x = *(struct custom_route *const *)a, *y = *(struct custom_route *const *)b;
    enum template_kind kx = template_kind(x->template), ky = template_kind(y->template);
    if (kx != ky)
        return kx < ky ? -1 : 1;
    size_t wx = template_weight(x->template), wy = template_weight(y->template);
    if (wx != wy)
        return wx > wy ? -1 : 1;
    int rc = strcmp(x->service, y->service);
    return rc ? rc : strcmp(x->endpoint, y->endpoint);
}

static int add_route(struct api_custom *c, const char *namespace, const char *service, const Registry__Endpoint *e,
                     const char *path)
{
    struct error err = ERROR_INIT;
    const char *handler = metadata_of(e, "handler"), *topic = metadata_of(e, "topic");
    struct custom_route *r = calloc(1, sizeof *r);
    if (!r)
        return ERROR_MEMORY;
    int rc = template_new(path, &r->template, &err);
    if (rc == 0 && handler[0] && !api_handler_named(handler, &r->handler))
        rc = error_set(&err, ERROR_INVALID, "there is no handler \"%s\"", handler);
    if (rc != 0 && rc != ERROR_MEMORY) {
        log_warn("api", "route of %s/%s %s left out: %s", namespace, service, e->name, err.message);
        rc = 0;
        goto skip;
    }
    if (rc != 0)
        goto skip;
    r->namespace = arena_string(&r->arena, namespace);
    r->service = arena_string(&r->arena, service);
    r->endpoint = arena_string(&r->arena, e->name);
    r->methods = arena_string(&r->arena, metadata_of(e, "method"));
    r->hosts = arena_string(&r->arena, metadata_of(e, "host"));
    r->topic = topic[0] ? arena_string(&r->arena, topic) : "";
    if (!r->namespace || !r->service || !r->endpoint || !r->methods || !r->hosts || !r->topic ||
        !array_push(&c->routes, r)) {
        rc = ERROR_MEMORY;
        goto skip;
    }
    return 0;
skip:
    error_clear(&err);
    route_free(r);
    return rc;
}

static int add_endpoint(struct api_custom *c, const char *namespace, const char *service, const Registry__Endpoint *e,
                        size_t *count)
{
    const char *paths = metadata_of(e, "path");
    int rc = 0;
    for (const char *at = paths; *at && rc == 0;) {
        char path[TEMPLATE_LENGTH_MAX + 2];
        size_t len = strcspn(at, ",");
        (void)snprintf(path, sizeof path, "%.*s", (int)len, at);
        at += len + (at[len] == ',');
        if (len == 0)
            continue;
        if (*count >= CUSTOM_OF_SERVICE_MAX || c->routes.count >= CUSTOM_ROUTES_MAX) {
            log_warn("api", "%s/%s asks for more routes than there may be: the rest is left out", namespace, service);
            return 0;
        }
        size_t before = c->routes.count;
        rc = add_route(c, namespace, service, e, path);
        *count += c->routes.count - before;
    }
    return rc;
}

static bool seen_before(Registry__Service *const *versions, size_t version, const Registry__Endpoint *e)
{
    for (size_t i = 0; i < version; i++) {
        for (size_t k = 0; k < versions[i]->n_endpoints; k++) {
            const Registry__Endpoint *o = versions[i]->endpoints[k];
            if (strcmp(o->name, e->name) == 0 && strcmp(metadata_of(o, "path"), metadata_of(e, "path")) == 0)
                return true;
        }
    }
    return false;
}

int api_custom_set(struct api_custom *c, const char *namespace, const char *service, Registry__Service *const *versions,
                   size_t count)
{
    char key[KEY_MAX];
    size_t kept = 0, added = 0;
    int rc = 0;
    if (!key_of(key, namespace, service))
        return ERROR_LIMIT;
    for (size_t i = 0; i < c->routes.count; i++) {
        struct custom_route *r = c->routes.items[i];
        if (strcmp(r->namespace, namespace) == 0 && strcmp(r->service, service) == 0)
            route_free(r);
        else
            c->routes.items[kept++] = r;
    }
    c->routes.count = kept;
    (void)map_remove(&c->services, key);
    for (size_t i = 0; i < count && rc == 0; i++) {
        for (size_t k = 0; k < versions[i]->n_endpoints && rc == 0; k++) {
            if (!seen_before(versions, i, versions[i]->endpoints[k]))
                rc = add_endpoint(c, namespace, service, versions[i]->endpoints[k], &added);
        }
    }
    if (added && !map_put(&c->services, key, c))
        rc = ERROR_MEMORY;
    if (c->routes.count)
        qsort(c->routes.items, c->routes.count, sizeof c->routes.items[0], order);
    return rc;
}

static bool matches(const struct custom_route *r, const char *namespace, const char *method, const char *host,
                    size_t host_len, const struct template_path *path, struct arena *arena, struct custom_match *out)
{
    if (strcmp(r->namespace, namespace) != 0)
        return false;
    if (r->methods[0] && !list_has(r->methods, method, strlen(method)) &&
        !(strcmp(method, "HEAD") == 0 && list_has(r->methods, "GET", 3)))
        return false;
    if (r->hosts[0] && !list_has(r->hosts, host, host_len))
        return false;
    if (!template_match(r->template, path, arena, out->values, &out->value_count))
        return false;
    out->namespace = r->namespace;
    out->service = r->service;
    out->endpoint = r->endpoint;
    out->topic = r->topic;
    out->handler = r->handler;
    return true;
}

bool api_custom_match(const struct api_custom *c, const char *namespace, const char *method, const char *host,
                      const char *raw, size_t raw_len, struct arena *arena, struct custom_match *out)
{
    struct template_path path;
    const char *colon = strrchr(host, ':');
    size_t host_len = colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host);
    *out = (struct custom_match){0};
    if (c->routes.count == 0 || template_path_init(&path, raw, raw_len, arena) != 0)
        return false;
    for (size_t i = 0; i < c->routes.count; i++) {
        if (matches(c->routes.items[i], namespace, method, host, host_len, &path, arena, out))
            return true;
    }
    if (strcmp(namespace, MICRO_NAMESPACE) == 0)
        return false;
    for (size_t i = 0; i < c->routes.count; i++) {
        if (matches(c->routes.items[i], MICRO_NAMESPACE, method, host, host_len, &path, arena, out))
            return true;
    }
    return false;
}
