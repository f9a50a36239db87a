#include "fakes/consumer/plugin.h"

#include "base/base64.h"
#include "base/json_copy.h"
#include "base/map.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define PLUGIN_NAME    "protobuf"
#define PLUGIN_VERSION "0.6.0" /* whose form this is */
#define OWN_NAME       "harrow"

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- contracts -------------------------------------------------------------------------------------------------- */

/* Files after those they import. */
static bool add_file(const struct pb_pool *pool, const char *file, struct map *done, struct text *set)
{
    const char *const *names;
    uint8_t head[11] = {0x0a}; /* FileDescriptorSet.file */
    if (map_get(done, file) != NULL)
        return true;
    if (!map_put(done, file, done))
        return false;
    size_t count = pb_file_dependencies(pool, file, &names);
    for (size_t i = 0; i < count; i++)
        if (!add_file(pool, names[i], done, set))
            return false;
    struct bytes proto = pb_file_proto(pool, file);
    text_add(set, head, 1 + pb_varint_write(head + 1, proto.len));
    text_add(set, proto.data, proto.len);
    return text_ok(set);
}

static bool key_of(struct bytes set, char *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(set.data, set.len, digest, &len, EVP_md5(), NULL) != 1)
        return false;
    for (size_t i = 0; i < (PLUGIN_KEY_SIZE - 1) / 2; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static json_t *plugin_named(const json_t *plugins, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(plugins, i, one)
    {
        const char *is = json_string_value(json_object_get(one, "name"));
        if (is != NULL && strcmp(is, name) == 0)
            return one;
    }
    return NULL;
}

/* Borrowed; made when it is not there. NULL: no memory. */
static json_t *configuration(struct pact *p)
{
    if (p->metadata == NULL)
        p->metadata = json_object();
    json_t *plugins = json_object_get(p->metadata, "plugins");
    if (!json_is_array(plugins) && json_object_set_new(p->metadata, "plugins", json_array()) != 0)
        return NULL;
    plugins = json_object_get(p->metadata, "plugins");
    json_t *plugin = plugin_named(plugins, PLUGIN_NAME);
    if (plugin == NULL) {
        plugin = json_pack("{s:s, s:s, s:{}}", "name", PLUGIN_NAME, "version", PLUGIN_VERSION, "configuration");
        if (plugin == NULL || json_array_append_new(plugins, plugin) != 0)
            return NULL;
    }
    json_t *found = json_object_get(plugin, "configuration");
    if (json_is_object(found))
        return found;
    return json_object_set_new(plugin, "configuration", json_object()) == 0 ? json_object_get(plugin, "configuration")
                                                                            : NULL;
}

int plugin_add_descriptors(struct pact *p, const struct pb_method *method, char *key, struct error *err)
{
    struct map done = MAP_INIT;
    struct text set = TEXT_INIT, coded = TEXT_INIT;
    const struct pb_pool *pool = method->input->pool;
    bool ok = add_file(pool, method->service->file, &done, &set) && key_of(text_bytes(&set), key);
    json_t *all = ok ? configuration(p) : NULL;
    ok = all != NULL;
    if (ok && json_object_get(all, key) == NULL) {
        base64_encode(&coded, text_bytes(&set));
        json_t *one = text_ok(&coded) ? json_pack("{s:s}", "protoDescriptors", text_string(&coded)) : NULL;
        ok = one != NULL && json_object_set_new(all, key, one) == 0;
    }
    text_deinit(&coded);
    text_deinit(&set);
    map_deinit(&done);
    return ok ? 0 : out_of_memory(err);
}

int plugin_merge(struct pact *into, const struct pact *from)
{
    const char *key;
    json_t *value;
    const json_t *theirs = plugin_named(json_object_get(from->metadata, "plugins"), PLUGIN_NAME);
    if (theirs == NULL)
        return 0;
    json_t *ours = configuration(into);
    if (ours == NULL)
        return ERROR_MEMORY;
    json_object_foreach(json_object_get(theirs, "configuration"), key, value)
    {
        if (json_object_get(ours, key) == NULL && json_object_set_new(ours, key, json_copy_whole(value)) != 0)
            return ERROR_MEMORY;
    }
    return 0;
}

/* The configuration without its key; new. NULL: no memory. */
static json_t *without_key(const json_t *plugin)
{
    json_t *out = json_copy_whole(plugin);
    (void)json_object_del(json_object_get(out, PLUGIN_NAME), "descriptorKey");
    return out;
}

int plugin_same(const struct pact_interaction *a, const struct pact_interaction *b, bool *same)
{
    *same = a->plugin == b->plugin;
    if (a->plugin == NULL || b->plugin == NULL)
        return 0;
    json_t *x = without_key(a->plugin), *y = without_key(b->plugin);
    int code = x != NULL && y != NULL ? 0 : ERROR_MEMORY;
    *same = code == 0 && json_equal(x, y) == 1;
    json_decref(x);
    json_decref(y);
    return code;
}

int plugin_take_key(struct pact_interaction *into, const struct pact_interaction *from)
{
    json_t *key = json_object_get(json_object_get(from->plugin, PLUGIN_NAME), "descriptorKey");
    json_t *of = json_object_get(into->plugin, PLUGIN_NAME);
    return key == NULL || of == NULL || json_object_set(of, "descriptorKey", key) == 0 ? 0 : ERROR_MEMORY;
}

void plugin_drop_unused(struct pact *p)
{
    json_t *plugin = plugin_named(json_object_get(p->metadata, "plugins"), PLUGIN_NAME);
    json_t *all = json_object_get(plugin, "configuration"), *one;
    const char *key;
    void *next;
    json_object_foreach_safe(all, next, key, one)
    {
        bool used = false;
        for (size_t i = 0; i < p->interactions.count && !used; i++) {
            const char *its = plugin_key(&p->interactions.items[i]);
            used = its != NULL && strcmp(its, key) == 0;
        }
        if (!used && json_object_get(one, "protoDescriptors") != NULL)
            (void)json_object_del(all, key);
    }
}

/* ---- what an interaction says ----------------------------------------------------------------------------------- */

static const char *said(const struct pact_interaction *i, const char *name)
{
    return json_string_value(json_object_get(json_object_get(i->plugin, PLUGIN_NAME), name));
}

bool plugin_is_grpc(const struct pact_interaction *i)
{
    return i->kind == PACT_MESSAGE && plugin_service(i) != NULL;
}

const char *plugin_service(const struct pact_interaction *i)
{
    const char *service = said(i, "service");
    return service != NULL && service[0] == '.' ? service + 1 : service;
}

const char *plugin_key(const struct pact_interaction *i)
{
    return said(i, "descriptorKey");
}

int plugin_pool(const struct pact *p, const struct pact_interaction *i, struct pb_pool **out, struct error *err)
{
    const char *key = plugin_key(i);
    const json_t *plugin = plugin_named(json_object_get(p->metadata, "plugins"), PLUGIN_NAME);
    const json_t *one = key != NULL ? json_object_get(json_object_get(plugin, "configuration"), key) : NULL;
    const char *coded = json_string_value(json_object_get(one, "protoDescriptors"));
    struct text set = TEXT_INIT;
    if (coded == NULL)
        return error_set_at(err, ERROR_NOT_FOUND, p->file, i->line, i->column,
                            "the pact has no contracts under descriptorKey \"%s\"", key != NULL ? key : "");
    int code = base64_read(&set, bytes_of(coded), BASE64_BLANKS) && text_ok(&set)
                   ? pb_pool_new(text_bytes(&set), p->file[0] != '\0' ? p->file : "pact", out, err)
               : text_ok(&set) ? error_set_at(err, ERROR_INVALID, p->file, i->line, i->column,
                                              "protoDescriptors under \"%s\" is not Base64", key)
                               : out_of_memory(err);
    text_deinit(&set);
    return code;
}

const struct pb_method *plugin_method(const struct pb_pool *pool, const char *service)
{
    const struct pb_method *found = NULL;
    const char *slash = strrchr(service, '/');
    if (slash == NULL)
        return NULL;
    for (size_t i = 0; i < pb_service_count(pool); i++) {
        const struct pb_service *s = pb_service_at(pool, i);
        bool whole =
            strncmp(s->full_name, service, (size_t)(slash - service)) == 0 && s->full_name[slash - service] == '\0';
        bool last = strncmp(s->name, service, (size_t)(slash - service)) == 0 && s->name[slash - service] == '\0';
        for (size_t k = 0; (whole || last) && k < s->method_count; k++)
            if (strcmp(s->methods[k].name, slash + 1) == 0) {
                if (whole)
                    return &s->methods[k];
                if (found != NULL)
                    return NULL;
                found = &s->methods[k];
            }
    }
    return found;
}

bool plugin_open(const struct pact_interaction *i)
{
    return json_is_true(json_object_get(json_object_get(i->plugin, OWN_NAME), "open"));
}

static int add_request(struct plugin_messages *out, struct bytes bytes)
{
    struct text one = TEXT_INIT;
    text_add(&one, bytes.data, bytes.len);
    if (text_ok(&one) && array_push(&out->items, one))
        return 0;
    text_deinit(&one);
    return ERROR_MEMORY;
}

int plugin_requests(const struct pact_interaction *i, struct plugin_messages *out, struct error *err)
{
    const json_t *own = json_object_get(i->plugin, OWN_NAME), *rest = json_object_get(own, "requests"), *one;
    size_t k;
    *out = (struct plugin_messages){.items = {0}};
    int code = json_is_true(json_object_get(own, "none")) ? 0 : add_request(out, i->request.content.bytes);
    if (json_array_size(rest) > PLUGIN_MESSAGES_MAX)
        code = error_set(err, ERROR_LIMIT, "pluginConfiguration.harrow.requests: more than %d messages",
                         PLUGIN_MESSAGES_MAX);
    json_array_foreach(rest, k, one)
    {
        struct text wire = TEXT_INIT;
        const char *coded = json_string_value(one);
        if (code == 0 && (coded == NULL || !base64_read(&wire, bytes_of(coded), 0)))
            code = error_set(err, ERROR_INVALID, "pluginConfiguration.harrow.requests[%zu]: expected Base64", k);
        if (code == 0)
            code = add_request(out, text_bytes(&wire));
        text_deinit(&wire);
    }
    if (code == 0)
        return 0;
    plugin_messages_deinit(out);
    return code == ERROR_MEMORY ? out_of_memory(err) : code;
}

void plugin_messages_deinit(struct plugin_messages *m)
{
    for (size_t i = 0; i < m->items.count; i++)
        text_deinit(&m->items.items[i]);
    array_deinit(&m->items);
}
