#include "runtime/service/known_policy.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

int known_policy_init(struct known_policy *p, const char *service)
{
    *p = (struct known_policy){.epoch = 1, .service = strdup(service)};
    return p->service ? 0 : ERROR_MEMORY;
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static void key_free(struct known_key *k)
{
    if (k)
        free(k->public_key);
    free(k);
}

static int put_key(struct known_policy *p, const Auth__SigningKey *k)
{
    struct known_key *key = calloc(1, sizeof *key);
    struct known_key *old = map_get(&p->keys, k->id);
    if (!old && map_count(&p->keys) >= POLICY_KEYS_MAX) {
        free(key);
        return ERROR_LIMIT;
    }
    if (!key || !(key->public_key = strdup(k->public_key)) || !map_put(&p->keys, k->id, key)) {
        key_free(key);
        return ERROR_MEMORY;
    }
    key->expires = k->expires;
    key_free(old);
    return 0;
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static void rules_free(struct known_rules *r)
{
    if (r)
        arena_deinit(&r->arena);
    free(r);
}

static bool copy_rule(struct arena *a, const Auth__Rule *in, struct rule *out)
{
    const Auth__Resource *resource = in->resource;
    *out = (struct rule){
        .id = arena_string(a, in->id),
        .scope = arena_string(a, in->scope),
        .type = arena_string(a, resource ? resource->type : ""),
        .name = arena_string(a, resource ? resource->name : ""),
        .endpoint = arena_string(a, resource ? resource->endpoint : ""),
        .priority = in->priority,
        .access = in->access == AUTH__ACCESS__GRANTED  ? RULE_GRANTED
                  : in->access == AUTH__ACCESS__DENIED ? RULE_DENIED
                                                       : RULE_NONE,
    };
    return out->id && out->scope && out->type && out->name && out->endpoint;
}

static int fill_rules(struct known_rules *r, const Auth__NamespaceRules *list, const char *service)
{
    r->rules = ARENA_NEW_N(&r->arena, struct rule, list->n_rules + 1);
    r->own = ARENA_NEW_N(&r->arena, struct rule, list->n_rules + 1);
    if (!r->rules || !r->own)
        return ERROR_MEMORY;
    for (size_t i = 0; i < list->n_rules; i++)
        if (!copy_rule(&r->arena, list->rules[i], &r->rules[r->count++]))
            return ERROR_MEMORY;
    rules_sort(r->rules, r->count);
    for (size_t i = 0; i < r->count; i++)
        if (rule_is_about(&r->rules[i], "service", service))
            r->own[r->own_count++] = r->rules[i];
    return 0;
}

static int put_rules(struct known_policy *p, const Auth__NamespaceRules *list)
{
    struct known_rules *old = map_get(&p->namespaces, list->namespace_);
    if (list->n_rules > POLICY_RULES_MAX || (!old && map_count(&p->namespaces) >= POLICY_NAMESPACES_MAX))
        return ERROR_LIMIT;
    struct known_rules *r = calloc(1, sizeof *r);
    int rc = r ? fill_rules(r, list, p->service) : ERROR_MEMORY;
    if (rc == 0 && !map_put(&p->namespaces, list->namespace_, r))
        rc = ERROR_MEMORY;
    rules_free(rc ? r : old);
    return rc;
}

/* ---- revocations ------------------------------------------------------------------------------------------------ */

static bool revocation_key(struct text *out, const char *namespace, const char *account, const char *generation)
{
    text_printf(out, "%s\n%s\n%s", namespace, account, generation);
    return text_ok(out);
}

static int put_revocation(struct known_policy *p, const Auth__Revocation *r)
{
    struct text key = TEXT_INIT;
    int64_t *expires = malloc(sizeof *expires);
    int rc = ERROR_MEMORY;
    if (!expires || !revocation_key(&key, r->namespace_, r->account, r->generation))
        goto out;
    int64_t *old = map_get(&p->revocations, text_string(&key));
    rc = ERROR_LIMIT;
    if (!old && map_count(&p->revocations) >= POLICY_REVOCATIONS_MAX)
        goto out;
    rc = ERROR_MEMORY;
    if (!map_put(&p->revocations, text_string(&key), expires))
        goto out;
    *expires = r->expires;
    expires = old;
    rc = 0;
out:
    free(expires);
    text_deinit(&key);
    return rc;
}

/* What nobody can show any more. A clock that was set back keeps what it had. */
static void prune(struct known_policy *p, int64_t now)
{
    for (struct map_entry *e = map_first(&p->revocations), *next; e; e = next) {
        next = map_next(e);
        const int64_t *expires = map_value(e);
        if (*expires && *expires < now)
            free(map_remove(&p->revocations, map_key(e)));
    }
    for (struct map_entry *e = map_first(&p->keys), *next; e; e = next) {
        next = map_next(e);
        const struct known_key *key = map_value(e);
        if (key->expires && key->expires < now)
            key_free(map_remove(&p->keys, map_key(e)));
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

void known_policy_deinit(struct known_policy *p)
{
    for (struct map_entry *e = map_first(&p->keys); e; e = map_next(e))
        key_free(map_value(e));
    for (struct map_entry *e = map_first(&p->namespaces); e; e = map_next(e))
        rules_free(map_value(e));
    for (struct map_entry *e = map_first(&p->revocations); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&p->keys);
    map_deinit(&p->namespaces);
    map_deinit(&p->revocations);
    free(p->service);
    known_policy_cut(p);
    *p = (struct known_policy){0};
}

static int put_all(struct known_policy *p, const Auth__PolicyUpdate *update)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < update->n_keys; i++)
        rc = put_key(p, update->keys[i]);
    for (size_t i = 0; rc == 0 && i < update->n_rules; i++)
        rc = put_rules(p, update->rules[i]);
    for (size_t i = 0; rc == 0 && i < update->n_revocations; i++)
        rc = put_revocation(p, update->revocations[i]);
    return rc;
}

void known_policy_cut(struct known_policy *p)
{
    if (p->coming)
        known_policy_deinit(p->coming);
    free(p->coming);
    p->coming = NULL;
}

/* A part of a snapshot; with the last one it takes the old policy's place. */
static int take_part(struct known_policy *p, const Auth__PolicyUpdate *update)
{
    if (update->snapshot) {
        known_policy_cut(p);
        p->coming = calloc(1, sizeof *p->coming);
        if (!p->coming || known_policy_init(p->coming, p->service) != 0)
            return ERROR_MEMORY;
    }
    int rc = put_all(p->coming, update);
    if (rc || update->more)
        return rc;
    struct known_policy old = *p;
    *p = *old.coming;
    p->epoch = old.epoch + 1;
    p->synced = true;
    free(old.coming);
    old.coming = NULL;
    known_policy_deinit(&old);
    return 0;
}

int known_policy_apply(struct known_policy *p, const Auth__PolicyUpdate *update, int64_t now, struct error *err)
{
    int rc;
    if (update->snapshot || p->coming) {
        rc = take_part(p, update);
        if (rc)
            known_policy_cut(p);
    } else {
        p->epoch++;
        rc = put_all(p, update);
    }
    if (rc == ERROR_LIMIT)
        return error_set(err, rc, "auth's policy has more keys, rules or revocations than are kept here");
    if (rc)
        return error_set(err, rc, "out of memory");
    prune(p, now);
    return 0;
}

const struct known_key *known_policy_key(const struct known_policy *p, const char *id)
{
    return map_get(&p->keys, id);
}

bool known_policy_revoked(const struct known_policy *p, const char *namespace, const char *account,
                          const char *generation)
{
    if (map_count(&p->revocations) == 0)
        return false;
    struct text key = TEXT_INIT;
    /* Without memory to look it up nobody is let in. */
    bool revoked =
        !revocation_key(&key, namespace, account, generation) || map_get(&p->revocations, text_string(&key)) != NULL;
    text_deinit(&key);
    return revoked;
}

bool known_policy_grants(const struct known_policy *p, const char *namespace, const struct micro_account *a,
                         const struct rule_resource *resource)
{
    const struct known_rules *r = map_get(&p->namespaces, namespace);
    if (!r)
        return true;
    bool own = strcmp(resource->name, p->service) == 0 && strcmp(resource->type, "service") == 0;
    return own ? rules_grant(r->own, r->own_count, namespace, a, resource)
               : rules_grant(r->rules, r->count, namespace, a, resource);
}
