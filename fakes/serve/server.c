#include "fakes/serve/exchange.h"

#include "base/document.h"

#include <stdlib.h>
#include <string.h>

#define NAME_SHOWN_MAX 200 /* bytes of an unknown name repeated in an answer */

int server_new_on(struct world *w, struct rpc_server *rpc, const struct fake_server_options *options,
                  struct fake_server **out, struct error *err)
{
    struct fake_server *s = calloc(1, sizeof *s);
    if (s == NULL || (s->journal = call_log_new(options->journal_max, options->redacted)) == NULL) {
        free(s);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    s->world = w;
    s->pool = options->pool;
    s->http_tls = options->http_tls;
    s->rpc = rpc;
    s->rpc_borrowed = true;
    grpc_serve(s);
    *out = s;
    return 0;
}

int fake_server_new(struct world *w, const struct fake_server_options *options, struct fake_server **out,
                    struct error *err)
{
    struct rpc_server_options rpc_options = {
        .pool = options->pool, .package_free = true, .listed_only = true, .tls = options->tls};
    struct rpc_server *rpc = NULL;
    struct fake_server *s = NULL;
    int code = rpc_server_new(w, &rpc_options, &rpc, err);
    if (code != 0)
        return code;
    rpc_server_set_whole_names(rpc); /* health and reflection are not to shadow a double of the same last part */
    code = rpc_server_add_health(rpc);
    if (code == 0)
        code = rpc_server_add_reflection(rpc);
    if (code != 0)
        error_set(err, code, "%s", error_code_name(code));
    else
        code = server_new_on(w, rpc, options, &s, err);
    if (code != 0) {
        rpc_server_free(rpc);
        return code;
    }
    s->rpc_borrowed = false;
    *out = s;
    return 0;
}

static void service_free(struct served_service *service)
{
    if (service->only != NULL && service->only->release != NULL)
        service->only->release(service->only->arg);
    free(service->methods);
    free(service);
}

void fake_server_free(struct fake_server *s)
{
    if (s == NULL)
        return;
    http_front_free(s->http);
    if (!s->rpc_borrowed)
        rpc_server_free(s->rpc);
    while (s->open != NULL) /* carriers of a server that goes have said so; what is left has none */
        exchange_gone(s->open);
    exchange_pool_free(s);
    for (size_t i = 0; i < s->responder_count; i++)
        if (s->responders[i].release != NULL)
            s->responders[i].release(s->responders[i].arg);
    for (size_t i = 0; i < s->services.count; i++)
        service_free(s->services.items[i]);
    array_deinit(&s->services);
    map_deinit(&s->methods);
    map_deinit(&s->short_methods);
    call_log_free(s->journal);
    free(s);
}

/* ---- services --------------------------------------------------------------------------------------------------- */

static bool put_method(struct fake_server *s, struct served_method *m)
{
    const char *key = m->method->path + 1;
    const char *slash = strchr(key, '/');
    const char *dot = memrchr(key, '.', (size_t)(slash - key));
    const char *tail = dot != NULL ? dot + 1 : key;
    if (!map_put(&s->methods, key, m))
        return false;
    /* Of two services with one last part, the first has it. */
    return map_get(&s->short_methods, tail) != NULL || map_put(&s->short_methods, tail, m);
}

static int add(struct fake_server *s, const struct pb_service *service, struct fake *own,
               const struct fake_responder *only)
{
    for (size_t i = 0; i < s->services.count; i++)
        if (strcmp(s->services.items[i]->service->full_name, service->full_name) == 0)
            return ERROR_EXISTS;
    struct served_service *served = calloc(1, sizeof *served);
    struct served_method *methods = calloc(service->method_count + 1, sizeof *methods);
    if (served == NULL || methods == NULL || !array_push(&s->services, served)) {
        free(served);
        free(methods);
        return ERROR_MEMORY;
    }
    *served = (struct served_service){
        .service = service, .own = own, .named = {.name = service->full_name}, .methods = methods};
    bool ok = s->rpc_borrowed || rpc_server_add(s->rpc, &served->named, NULL) == 0;
    for (size_t i = 0; ok && i < service->method_count; i++) {
        methods[i] = (struct served_method){.method = &service->methods[i], .service = served};
        ok = put_method(s, &methods[i]);
    }
    if (!ok)
        return ERROR_MEMORY; /* what is there of it goes with the server */
    if (only != NULL) {
        served->only_storage = *only;
        served->only = &served->only_storage;
    }
    return s->http != NULL ? http_front_add(s->http, served, NULL) : 0;
}

int fake_server_add(struct fake_server *s, const struct pb_service *service, struct fake *own)
{
    return add(s, service, own, NULL);
}

int fake_server_add_own(struct fake_server *s, const struct pb_service *service, const struct fake_responder *r)
{
    int code = add(s, service, NULL, r);
    if (code == 0)
        s->own_services++;
    return code;
}

int fake_server_respond(struct fake_server *s, const struct fake_responder *r)
{
    if (s->responder_count == FAKE_RESPONDERS_MAX)
        return ERROR_LIMIT;
    s->responders[s->responder_count++] = *r;
    return 0;
}

size_t fake_server_service_count(const struct fake_server *s)
{
    return s->services.count - s->own_services;
}

const struct pb_service *fake_server_service_at(const struct fake_server *s, size_t i)
{
    for (size_t k = 0; k < s->services.count; k++)
        if (s->services.items[k]->only == NULL && i-- == 0)
            return s->services.items[k]->service;
    return NULL;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

struct served_method *server_method(const struct fake_server *s, const char *key)
{
    struct served_method *m = map_get(&s->methods, key);
    if (m != NULL)
        return m;
    const char *slash = strchr(key, '/');
    const char *dot = slash != NULL ? memrchr(key, '.', (size_t)(slash - key)) : NULL;
    return map_get(&s->short_methods, dot != NULL ? dot + 1 : key);
}

static const struct pb_service *service_named(const struct fake_server *s, const char *name, size_t len)
{
    const char *dot = memrchr(name, '.', len);
    size_t skip = dot != NULL ? (size_t)(dot + 1 - name) : 0;
    const struct pb_service *by_tail = NULL;
    for (size_t i = 0; i < s->services.count; i++) {
        const struct pb_service *service = s->services.items[i]->service;
        if (strlen(service->full_name) == len && memcmp(service->full_name, name, len) == 0)
            return service;
        if (by_tail == NULL && strlen(service->name) == len - skip &&
            memcmp(service->name, name + skip, len - skip) == 0)
            by_tail = service;
    }
    return by_tail;
}

/* The nearest of the services, or of one's methods; NULL: none is near. */
static const char *nearest(const struct fake_server *s, const struct pb_service *in, const char *word)
{
    size_t count = in != NULL ? in->method_count : s->services.count;
    const char **words = calloc(count + 1, sizeof *words);
    if (words == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        words[i] = in != NULL ? in->methods[i].name : s->services.items[i]->service->full_name;
    const char *near = nearest_word(word, words);
    free(words);
    return near;
}

struct served_method *served_find(struct fake_server *s, const char *path, struct text *why)
{
    const char *key = path[0] == '/' ? path + 1 : path;
    struct served_method *m = server_method(s, key);
    if (m != NULL)
        return m;
    size_t len = strcspn(key, "/");
    const struct pb_service *service = service_named(s, key, len);
    const char *method = key[len] == '/' ? key + len + 1 : "";
    char name[NAME_SHOWN_MAX + 1];
    int shown = len < NAME_SHOWN_MAX ? (int)len : NAME_SHOWN_MAX;
    (void)snprintf(name, sizeof name, "%.*s", shown, key);
    const char *near = nearest(s, service, service != NULL ? method : name);
    if (service != NULL)
        text_printf(why, "unknown method %.*s of %s", NAME_SHOWN_MAX, method, service->full_name);
    else
        text_printf(why, "unknown service %s", name);
    if (near != NULL)
        text_printf(why, "; did you mean %s?", near);
    return NULL;
}

const struct pb_method *fake_server_method(const struct fake_server *s, const char *name, struct error *err)
{
    const char *key = name[0] == '/' ? name + 1 : name;
    const struct served_method *m = server_method(s, key);
    if (m != NULL)
        return m->method;
    const struct pb_method *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < s->services.count; i++)
        for (size_t k = 0; s->services.items[i]->only == NULL && k < s->services.items[i]->service->method_count; k++)
            if (strcmp(s->services.items[i]->service->methods[k].name, key) == 0) {
                only = &s->services.items[i]->service->methods[k];
                count++;
            }
    if (count == 1)
        return only;
    if (count > 1)
        error_set(err, ERROR_INVALID, "%zu services have a method \"%.*s\": name it as service/method", count,
                  NAME_SHOWN_MAX, key);
    else
        error_set(err, ERROR_NOT_FOUND, "no service here has a method \"%.*s\"", NAME_SHOWN_MAX, key);
    return NULL;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

int fake_server_listen(struct fake_server *s, const char *address, struct error *err)
{
    return rpc_server_listen(s->rpc, address, err);
}

int fake_server_listen_http(struct fake_server *s, const char *address, struct error *err)
{
    if (s->http != NULL)
        return error_set(err, ERROR_EXISTS, "the doubles have an HTTP port already");
    return http_front_new(s, address, &s->http, err);
}

int fake_server_port(const struct fake_server *s)
{
    return rpc_server_port(s->rpc);
}

int fake_server_http_port(const struct fake_server *s)
{
    return s->http != NULL ? http_front_port(s->http) : 0;
}

struct call_log *fake_server_journal(struct fake_server *s)
{
    return s->journal;
}

struct world *fake_server_world(const struct fake_server *s)
{
    return s->world;
}

const struct pb_pool *fake_server_pool(const struct fake_server *s)
{
    return s->pool;
}

void fake_server_reset(struct fake_server *s, const char *session)
{
    for (size_t i = 0; i < s->responder_count; i++)
        if (s->responders[i].reset != NULL)
            s->responders[i].reset(s->responders[i].arg, session);
    call_log_forget(s->journal, session);
    if (session[0] != '\0')
        return;
    for (size_t i = 0; i < s->services.count; i++)
        for (size_t k = 0; k < s->services.items[i]->service->method_count; k++)
            s->services.items[i]->methods[k].calls = 0;
}
