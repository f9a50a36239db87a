#include "harrow/contract/provider.h"

#include "base/units.h"
#include "harrow/system/attach.h"
#include "harrow/fakes/protos.h"
#include "rpc/reflect_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES_MAX  ((size_t)4 << 20)
#define REFLECTION_WITHIN ((uint64_t)(15 * SECOND))

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

bool contract_provider_is_url(const char *provider)
{
    return strncmp(provider, "http://", 7) == 0 || strncmp(provider, "https://", 8) == 0;
}

bool contract_provider_manifest(const char *provider, char *out, size_t size)
{
    if (!contract_provider_is_url(provider))
        return snprintf(out, size, "%s", provider) < (int)size;
    bool secure = provider[4] == 's';
    const char *host = provider + (secure ? 8 : 7), *end = host + strcspn(host, "/?#"), *at;
    while ((at = memchr(host, '@', (size_t)(end - host))) != NULL) /* no client here takes names and passwords */
        host = at + 1;
    int len = (int)(end - host);
    bool port = memchr(host, ':', (size_t)len) != NULL;
    return snprintf(out, size, "%.*s%s", len, host, port ? "" : secure ? ":443" : ":80") < (int)size;
}

/* ---- an address ------------------------------------------------------------------------------------------------- */

static int open_tls(struct contract_provider *p, const char *const *alpn, struct error *err)
{
    struct text pem = TEXT_INIT;
    struct tls_options o = {.insecure = attach.insecure, .alpn = alpn};
    int code = attach.ca != NULL ? world_read_file(p->run->world, attach.ca, CERTIFICATES_MAX, &pem, err) : 0;
    if (code == 0) {
        o.ca_pem = attach.ca != NULL ? text_string(&pem) : NULL;
        code = tls_context_new(&o, &p->tls, err);
    }
    text_deinit(&pem);
    return code;
}

static int add_metadata(struct contract_provider *p, const char *text, struct error *err)
{
    struct manifest_values values = {.world = p->run->world};
    const char *name, *value;
    int code = attach_metadata_parse(text, &values, &p->run->arena, &name, &value, err);
    if (code == 0 && p->metadata_count == CONTRACT_METADATA_MAX)
        code = error_set(err, ERROR_LIMIT, "more than %d metadata", CONTRACT_METADATA_MAX);
    if (code == 0)
        p->metadata[p->metadata_count++] = (struct grpc_header){bytes_of(name), bytes_of(value)};
    return code;
}

static int open_address(struct contract_provider *p, const char *provider, struct error *err)
{
    static const char *const h2[] = {"h2", NULL}, *const http[] = {"http/1.1", NULL};
    bool tls = strncmp(provider, "https://", 8) == 0;
    int code = 0;
    p->world = p->run->world;
    for (size_t i = 0; i < attach.metadata.count && code == 0; i++)
        code = add_metadata(p, attach.metadata.items[i], err);
    if (code != 0)
        return code;
    if (contract_provider_is_url(provider)) {
        p->http = provider;
        return tls ? open_tls(p, http, err) : 0;
    }
    const char *door = attach_address(provider, &tls);
    code = tls ? open_tls(p, h2, err) : 0;
    if (code == 0)
        code = rpc_channel_new(p->world, &(struct rpc_channel_options){.addresses = door, .tls = p->tls},
                               &p->own_channel, err);
    p->channel = p->own_channel;
    return code;
}

/* ---- contracts -------------------------------------------------------------------------------------------------- */

static int load_given(struct contract_provider *p, struct error *err)
{
    struct text set = TEXT_INIT;
    if (attach.descriptors != NULL) {
        p->pool_given = true;
        return system_read_descriptors(p->run->world, attach.descriptors, &p->own_pool, err);
    }
    if (attach.protos.count == 0)
        return 0;
    const char **list = calloc(attach.protos.count + attach.proto_paths.count + 2, sizeof *list);
    if (list == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < attach.protos.count; i++)
        list[i] = attach.protos.items[i];
    const char **paths = list + attach.protos.count + 1;
    for (size_t i = 0; i < attach.proto_paths.count; i++)
        paths[i] = attach.proto_paths.items[i];
    int code = protos_compile(p->run->world, list, paths, NULL, &set, err);
    if (code == 0)
        code = pb_pool_new(text_bytes(&set), "the contracts that were given", &p->own_pool, err);
    p->pool_given = code == 0;
    text_deinit(&set);
    free(list);
    return code;
}

int contract_provider_reflect(struct contract_provider *p, struct error *err)
{
    struct reflect_files files = {.bytes = 0};
    struct reflect_talk talk = {.files = &files};
    struct text set = TEXT_INIT;
    if (p->pool != NULL || p->channel == NULL)
        return 0;
    int code = reflect_ask(p->world, p->channel, (struct grpc_metadata){p->metadata, p->metadata_count},
                           REFLECTION_WITHIN, &talk, err);
    if (code == 0 && reflect_files_set(&files, &set) != 0)
        code = out_of_memory(err);
    if (code == 0)
        code = pb_pool_new(text_bytes(&set), "what the provider tells by reflection", &p->own_pool, err);
    if (code == 0)
        p->pool = p->own_pool;
    else
        error_wrap(err,
                   "the contracts are neither in the pact nor told by the provider: give --proto or --descriptors");
    text_deinit(&set);
    reflect_talk_deinit(&talk);
    reflect_files_deinit(&files);
    return code;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

int contract_provider_open(struct run *r, const char *provider, struct contract_provider **out, struct error *err)
{
    struct contract_provider *p = calloc(1, sizeof *p);
    if (p == NULL)
        return out_of_memory(err);
    p->run = r;
    int code = load_given(p, err);
    p->pool = p->own_pool;
    if (code == 0 && (attach_is_address(provider) || contract_provider_is_url(provider))) {
        code = open_address(p, provider, err);
    } else if (code == 0) {
        code = system_start(r, &p->system, err);
        if (code == 0)
            p->world = system_world(p->system);
        if (code == 0 && p->pool == NULL)
            p->pool = system_target(p->system)->pool;
    }
    if (code != 0) {
        contract_provider_close(p);
        return code;
    }
    *out = p;
    return 0;
}

void contract_provider_close(struct contract_provider *p)
{
    if (p == NULL)
        return;
    rpc_channel_free(p->own_channel);
    system_stop(p->system);
    tls_context_free(p->tls);
    pb_pool_free(p->own_pool);
    free(p);
}

int contract_provider_use(struct contract_provider *p, const char *component, struct error *err)
{
    if (p->system == NULL)
        return 0;
    struct target *t = system_target(p->system);
    const struct target_component *c = target_find(t, component);
    if (c == NULL) {
        const char **names = ARENA_NEW_N(&p->run->arena, const char *, t->component_count + 1);
        for (size_t i = 0; names != NULL && i < t->component_count; i++)
            names[i] = t->components[i].name;
        const char *near = names != NULL ? nearest_word(component, names) : NULL;
        return error_set(err, ERROR_INVALID, "%s has no component \"%s\"%s%s%s; --component NAME says which one it is",
                         p->run->manifest->path, component, near != NULL ? ": did you mean \"" : "",
                         near != NULL ? near : "", near != NULL ? "\"?" : "");
    }
    p->http = c->http;
    p->channel = NULL;
    int code = c->address != NULL ? target_channel(t, c, &p->channel, err) : 0;
    struct grpc_metadata all = target_metadata(t);
    p->metadata_count = 0;
    for (size_t i = 0; i < all.count && i < CONTRACT_METADATA_MAX; i++)
        p->metadata[p->metadata_count++] = all.items[i];
    return code;
}
