/* What auth's records hold: accounts and rules to and from JSON, the names they are kept under, and answers. */
#include "base/units.h"
#include "base/utf8.h"
#include "runtime/auth/auth.h"

#include <stdio.h>
#include <string.h>

/* ---- accounts as JSON ---- */

json_t *auth_record_value(const Store__Record *record)
{
    json_t *value = json_loadb((const char *)record->value.data, record->value.len, 0, NULL);
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static char *member(const json_t *object, const char *key, struct arena *arena)
{
    const char *value = json_string_value(json_object_get(object, key));
    return arena_string(arena, value ? value : "");
}

int auth_account_parse(const Store__Record *record, struct arena *arena, struct auth_account *out, struct error *err)
{
    json_t *value = auth_record_value(record);
    if (!value)
        return error_set(err, ERROR_SYNTAX, "the record %s holds no account", record->key);
    *out = (struct auth_account){
        .id = member(value, "id", arena),
        .name = member(value, "name", arena),
        .type = member(value, "type", arena),
        .secret = member(value, "secret", arena),
        .generation = member(value, "generation", arena),
        .longest = (int64_t)json_integer_value(json_object_get(value, "longest")),
    };
    if (out->longest < 0 || out->longest > AUTH_TOKEN_MAX)
        out->longest = AUTH_TOKEN_MAX;
    const json_t *list = json_object_get(value, "scopes"), *item;
    const char **scopes = ARENA_NEW_N(arena, const char *, json_array_size(list) + 1);
    size_t i;
    bool ok = out->id && out->name && out->type && out->secret && out->generation && scopes;
    json_array_foreach(list, i, item)
    {
        if (!ok)
            break;
        const char *scope = json_string_value(item);
        scopes[out->scope_count] = arena_string(arena, scope ? scope : "");
        ok = scopes[out->scope_count++] != NULL;
    }
    out->scopes = scopes;
    json_t *map = json_object_get(value, "metadata");
    const char **pairs = ARENA_NEW_N(arena, const char *, json_object_size(map) * 2 + 1), *key;
    ok = ok && pairs;
    json_t *member;
    json_object_foreach(map, key, member)
    {
        if (!ok)
            break;
        const char *text = json_string_value(member);
        pairs[out->metadata_count * 2] = arena_string(arena, key);
        pairs[out->metadata_count * 2 + 1] = arena_string(arena, text ? text : "");
        ok = pairs[out->metadata_count * 2] && pairs[out->metadata_count * 2 + 1];
        out->metadata_count++;
    }
    out->metadata = pairs;
    out->version = (struct auth_version){.there = true, .revision = record->revision};
    json_decref(value);
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

json_t *auth_account_json(const struct auth_account *account, int64_t updated_seconds)
{
    json_t *scopes = json_array(), *metadata = json_object();
    bool ok = scopes && metadata;
    for (size_t i = 0; ok && i < account->scope_count; i++)
        ok = json_array_append_new(scopes, json_string(account->scopes[i])) == 0;
    for (size_t i = 0; ok && i < account->metadata_count; i++)
        ok = json_object_set_new(metadata, account->metadata[i * 2], json_string(account->metadata[i * 2 + 1])) == 0;
    if (!ok) {
        json_decref(scopes);
        json_decref(metadata);
        return NULL;
    }
    return json_pack("{ss ss ss ss ss sI sI so so}", "id", account->id, "name", account->name, "type", account->type,
                     "secret", account->secret, "generation", account->generation, "longest",
                     (json_int_t)account->longest, "updated", (json_int_t)updated_seconds, "scopes", scopes, "metadata",
                     metadata);
}

Auth__Account *auth_account_message(const struct auth_account *account, const char *namespace, struct arena *arena)
{
    Auth__Account *m = ARENA_NEW(arena, Auth__Account);
    if (!m)
        return NULL;
    auth__account__init(m);
    m->id = arena_string(arena, account->id);
    m->type = arena_string(arena, account->type);
    m->name = arena_string(arena, account->name);
    m->issuer = arena_string(arena, namespace);
    m->scopes = ARENA_NEW_N(arena, char *, account->scope_count + 1);
    m->metadata = ARENA_NEW_N(arena, Auth__Account__MetadataEntry *, account->metadata_count + 1);
    if (!m->id || !m->type || !m->name || !m->issuer || !m->scopes || !m->metadata)
        return NULL;
    for (size_t i = 0; i < account->scope_count; i++) {
        if (!(m->scopes[m->n_scopes++] = arena_string(arena, account->scopes[i])))
            return NULL;
    }
    for (size_t i = 0; i < account->metadata_count; i++) {
        Auth__Account__MetadataEntry *entry = ARENA_NEW(arena, Auth__Account__MetadataEntry);
        if (!entry)
            return NULL;
        auth__account__metadata_entry__init(entry);
        entry->key = arena_string(arena, account->metadata[i * 2]);
        entry->value = arena_string(arena, account->metadata[i * 2 + 1]);
        if (!entry->key || !entry->value)
            return NULL;
        m->metadata[m->n_metadata++] = entry;
    }
    return m;
}

/* ---- rules as JSON ---- */

int auth_rule_parse(const Store__Record *record, struct arena *arena, Auth__Rule **out, struct error *err)
{
    json_t *value = auth_record_value(record);
    Auth__Rule *rule = ARENA_NEW(arena, Auth__Rule);
    Auth__Resource *resource = ARENA_NEW(arena, Auth__Resource);
    if (!value)
        return error_set(err, ERROR_SYNTAX, "the record %s holds no rule", record->key);
    bool ok = rule && resource;
    if (ok) {
        const json_t *from = json_object_get(value, "resource");
        const char *access = json_string_value(json_object_get(value, "access"));
        json_int_t priority = json_integer_value(json_object_get(value, "priority"));
        auth__rule__init(rule);
        auth__resource__init(resource);
        rule->id = member(value, "id", arena);
        rule->scope = member(value, "scope", arena);
        rule->access = access && strcmp(access, "granted") == 0 ? AUTH__ACCESS__GRANTED : AUTH__ACCESS__DENIED;
        rule->priority = (int32_t)(priority < INT32_MIN ? INT32_MIN : priority > INT32_MAX ? INT32_MAX : priority);
        resource->type = member(from, "type", arena);
        resource->name = member(from, "name", arena);
        resource->endpoint = member(from, "endpoint", arena);
        rule->resource = resource;
        ok = rule->id && rule->scope && resource->type && resource->name && resource->endpoint;
    }
    json_decref(value);
    *out = rule;
    return ok ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- keys ---- */

bool auth_id_valid(const char *id)
{
    size_t len = strlen(id);
    /* An id also comes out of a refresh token, which may hold any bytes. */
    if (len == 0 || len > AUTH_ID_MAX || !utf8_valid(bytes_of(id)))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id[i];
        if (c < 0x20 || c == 0x7f || c == '/')
            return false;
    }
    return true;
}

const char *auth_namespace(struct rpc_call *call, const Auth__Options *options, const char *error_id)
{
    const char *namespace = options && options->namespace_[0] ? options->namespace_ : micro_call_namespace(call);
    if (auth_id_valid(namespace))
        return namespace;
    micro_fail(call, 400, error_id, "Invalid namespace: 1 to %zu bytes without \"/\" and control characters",
               AUTH_ID_MAX);
    return NULL;
}

char *auth_key(struct rpc_call *call, const char *format, ...)
{
    struct text text = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    char *key = text_ok(&text) ? arena_string(rpc_call_arena(call), text_string(&text)) : NULL;
    text_deinit(&text);
    return key;
}

/* ---- answers ---- */

int64_t auth_now(const struct auth *a)
{
    return world_wall(a->world) / SECOND;
}

void auth_reply_changed(struct auth *a, struct rpc_call *call, const ProtobufCMessage *reply)
{
    char revision[24];
    int n = snprintf(revision, sizeof revision, "%llu", (unsigned long long)a->policy.revision);
    (void)rpc_call_add_trailer(call, "micro-revision", BYTES(revision, (size_t)n));
    rpc_call_reply(call, reply);
}
