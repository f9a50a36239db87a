/* The policy's content: what is known, and how a change of it becomes an update. The stream is in policy_watch.c. */
#include "runtime/auth/policy_internal.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_EVERY (10 * SECOND)

/* ---- items ------------------------------------------------------------------------------------------------------ */

static struct policy_item *item_new(const ProtobufCMessage *message, int64_t expires)
{
    struct text packed = TEXT_INIT;
    struct policy_item *item = NULL;
    if (pb_pack(message, &packed) == 0 && text_ok(&packed) && (item = malloc(sizeof *item + packed.len)) != NULL) {
        item->len = packed.len;
        item->expires = expires;
        memcpy(item->data, text_string(&packed), packed.len);
    }
    text_deinit(&packed);
    return item;
}

/* Takes `item`; false: it did not fit, and is gone. */
static bool put(struct map *m, const char *key, struct policy_item *item)
{
    struct policy_item *old = item ? map_get(m, key) : NULL;
    if (!item || !map_put(m, key, item)) {
        free(item);
        return false;
    }
    free(old);
    return true;
}

static void free_items(struct map *m)
{
    for (struct map_entry *e = map_first(m); e; e = map_next(e))
        free(map_value(e));
    map_deinit(m);
}

static void free_namespaces(struct map *m)
{
    for (struct map_entry *e = map_first(m); e; e = map_next(e)) {
        struct map *rules = map_value(e);
        free_items(rules);
        free(rules);
    }
    map_deinit(m);
}

static struct map *namespace_of(struct map *namespaces, const char *namespace)
{
    struct map *rules = map_get(namespaces, namespace);
    if (rules)
        return rules;
    rules = calloc(1, sizeof *rules);
    if (rules && !map_put(namespaces, namespace, rules)) {
        free(rules);
        rules = NULL;
    }
    return rules;
}

static bool put_rule(struct map *namespaces, const char *namespace, const Auth__Rule *rule)
{
    struct map *rules = namespace_of(namespaces, namespace);
    return rules && put(rules, rule->id, item_new(&rule->base, 0));
}

static bool revocation_key(struct text *out, const char *namespace, const char *account, const char *generation)
{
    text_printf(out, "%s/%s/%s", namespace, account, generation);
    return text_ok(out);
}

static bool put_revocation(struct map *revoked, const char *namespace, const char *account, const char *generation,
                           int64_t expires)
{
    struct arena arena = ARENA_INIT;
    struct text key = TEXT_INIT;
    Auth__Revocation message = AUTH__REVOCATION__INIT;
    message.namespace_ = arena_string(&arena, namespace);
    message.account = arena_string(&arena, account);
    message.generation = arena_string(&arena, generation);
    message.expires = expires;
    bool ok = message.namespace_ && message.account && message.generation &&
              revocation_key(&key, namespace, account, generation) &&
              put(revoked, text_string(&key), item_new(&message.base, expires));
    text_deinit(&key);
    arena_deinit(&arena);
    return ok;
}

/* ---- packing updates -------------------------------------------------------------------------------------------- */

static void put_varint(struct text *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        text_char(out, (char)(value | 0x80));
    text_char(out, (char)value);
}

/* A length-delimited field: proto's wire format, so that items need not be unpacked to be sent. */
static void put_field(struct text *out, unsigned number, const void *data, size_t len)
{
    put_varint(out, number << 3 | 2);
    put_varint(out, len);
    text_add(out, data, len);
}

void policy_put_head(struct text *out, uint64_t revision, bool snapshot, bool more)
{
    put_varint(out, 1 << 3);
    put_varint(out, revision);
    if (snapshot) {
        put_varint(out, 2 << 3);
        put_varint(out, 1);
    }
    if (more) {
        put_varint(out, POLICY_FIELD_MORE << 3);
        put_varint(out, 1);
    }
}

void policy_put_item(struct text *out, unsigned field, const struct policy_item *item)
{
    put_field(out, field, item->data, item->len);
}

void policy_put_rules(struct text *out, const char *namespace, const struct map *rules)
{
    struct text inner = TEXT_INIT;
    put_field(&inner, 1, namespace, strlen(namespace));
    for (const struct map_entry *e = map_first(rules); e; e = map_next(e))
        policy_put_item(&inner, 2, map_value(e));
    if (text_ok(&inner))
        put_field(out, POLICY_FIELD_RULES, text_string(&inner), inner.len);
    else
        out->failed = true;
    text_deinit(&inner);
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

uint64_t policy_step(struct policy *p)
{
    return p->revision += POLICY_STEP;
}

/* Takes `body`: the fields beside the head. `about` is the namespace whose rules these are, NULL for everybody. */
static int tell(struct policy *p, struct text *body, const char *about)
{
    struct text packed = TEXT_INIT;
    policy_put_head(&packed, policy_step(p), false, false);
    text_add(&packed, text_string(body), body->len);
    bool ok = text_ok(body) && text_ok(&packed);
    int rc = ok ? policy_publish(p, text_bytes(&packed), about) : ERROR_MEMORY;
    text_deinit(&packed);
    text_deinit(body);
    if (rc)
        policy_dismiss(p, "out of memory: watch again"); /* their copies are behind now */
    return rc;
}

int policy_key(struct policy *p, const char *id, const char *public_pem, int64_t expires)
{
    struct arena arena = ARENA_INIT;
    struct text body = TEXT_INIT;
    Auth__SigningKey message = AUTH__SIGNING_KEY__INIT;
    message.id = arena_string(&arena, id);
    message.public_key = arena_string(&arena, public_pem);
    message.expires = expires;
    bool ok = message.id && message.public_key && put(&p->keys, id, item_new(&message.base, expires));
    arena_deinit(&arena);
    if (!ok)
        return ERROR_MEMORY;
    policy_put_item(&body, POLICY_FIELD_KEYS, map_get(&p->keys, id));
    return tell(p, &body, NULL);
}

int policy_key_gone(struct policy *p, const char *id)
{
    free(map_remove(&p->keys, id));
    policy_forget_snapshot(p);
    return 0; /* its end was told with it */
}

int policy_rule(struct policy *p, const char *namespace, const Auth__Rule *rule)
{
    struct text body = TEXT_INIT;
    if (!put_rule(&p->namespaces, namespace, rule))
        return ERROR_MEMORY;
    policy_put_rules(&body, namespace, map_get(&p->namespaces, namespace));
    return tell(p, &body, namespace);
}

int policy_rule_gone(struct policy *p, const char *namespace, const char *rule)
{
    struct text body = TEXT_INIT;
    struct map *rules = namespace_of(&p->namespaces, namespace);
    if (!rules)
        return ERROR_MEMORY;
    free(map_remove(rules, rule));
    policy_put_rules(&body, namespace, rules);
    return tell(p, &body, namespace);
}

size_t policy_rule_count(const struct policy *p, const char *namespace)
{
    const struct map *rules = map_get(&p->namespaces, namespace);
    return rules ? map_count(rules) : 0;
}

int policy_revoke(struct policy *p, const char *namespace, const char *account, const char *generation, int64_t expires)
{
    struct text body = TEXT_INIT, key = TEXT_INIT;
    if (!revocation_key(&key, namespace, account, generation) ||
        !put_revocation(&p->revoked, namespace, account, generation, expires)) {
        text_deinit(&key);
        return ERROR_MEMORY;
    }
    policy_put_item(&body, POLICY_FIELD_REVOCATIONS, map_get(&p->revoked, text_string(&key)));
    text_deinit(&key);
    policy_watch_clock(p);
    return tell(p, &body, NULL);
}

bool policy_revoked(const struct policy *p, const char *namespace, const char *account, const char *generation)
{
    struct text key = TEXT_INIT;
    /* Without memory to look, the safe answer. */
    bool revoked = !revocation_key(&key, namespace, account, generation) || map_get(&p->revoked, text_string(&key));
    text_deinit(&key);
    return revoked;
}

/* ---- reading it anew -------------------------------------------------------------------------------------------- */

int policy_content_namespace(struct policy_content *c, const char *namespace)
{
    return namespace_of(&c->namespaces, namespace) ? 0 : ERROR_MEMORY;
}

int policy_content_rule(struct policy_content *c, const char *namespace, const Auth__Rule *rule)
{
    return put_rule(&c->namespaces, namespace, rule) ? 0 : ERROR_MEMORY;
}

int policy_content_revoke(struct policy_content *c, const char *namespace, const char *account, const char *generation,
                          int64_t expires)
{
    return put_revocation(&c->revoked, namespace, account, generation, expires) ? 0 : ERROR_MEMORY;
}

void policy_content_deinit(struct policy_content *c)
{
    free_namespaces(&c->namespaces);
    free_items(&c->revoked);
}

static bool same_items(const struct map *a, const struct map *b)
{
    if (map_count(a) != map_count(b))
        return false;
    for (const struct map_entry *e = map_first(a); e; e = map_next(e)) {
        const struct policy_item *one = map_value(e), *other = map_get(b, map_key(e));
        if (!other || one->len != other->len || memcmp(one->data, other->data, one->len) != 0)
            return false;
    }
    return true;
}

static bool same_namespaces(const struct map *a, const struct map *b)
{
    if (map_count(a) != map_count(b))
        return false;
    for (const struct map_entry *e = map_first(a); e; e = map_next(e)) {
        const struct map *other = map_get(b, map_key(e));
        if (!other || !same_items(map_value(e), other))
            return false;
    }
    return true;
}

int policy_load(struct policy *p, struct policy_content *fresh)
{
    if (p->loaded && same_namespaces(&p->namespaces, &fresh->namespaces) && same_items(&p->revoked, &fresh->revoked)) {
        policy_content_deinit(fresh);
        return 0;
    }
    free_namespaces(&p->namespaces);
    free_items(&p->revoked);
    p->namespaces = fresh->namespaces;
    p->revoked = fresh->revoked;
    *fresh = (struct policy_content){0};
    policy_step(p);
    policy_forget_snapshot(p);
    bool first = !p->loaded;
    p->loaded = true;
    policy_watch_clock(p);
    if (first)
        policy_begin_waiting(p);
    else
        policy_dismiss(p, "the policy was read anew: watch again");
    return 0;
}

/* ---- beginning, end, time --------------------------------------------------------------------------------------- */

static void sweep_items(struct policy *p, struct map *items, int64_t now)
{
    for (struct map_entry *e = map_first(items), *next; e; e = next) {
        const struct policy_item *item = map_value(e);
        next = map_next(e);
        if (item->expires == 0 || item->expires > now)
            continue;
        free(map_remove(items, map_key(e)));
        policy_forget_snapshot(p);
    }
}

static void sweep(void *arg)
{
    struct policy *p = arg;
    sweep_items(p, &p->revoked, world_wall(p->world) / SECOND);
    policy_dismiss_stuck(p);
    policy_watch_clock(p);
}

void policy_watch_clock(struct policy *p)
{
    if (!world_timer_active(&p->sweep) && !p->closed && (p->watchers || map_count(&p->revoked) > 0))
        (void)world_timer_start(&p->sweep, (uint64_t)SWEEP_EVERY);
}

void policy_init(struct policy *p, struct world *w)
{
    *p = (struct policy){.world = w};
    p->revision = (uint64_t)world_wall(w);
    world_timer_init(&p->sweep, w, sweep, p);
}

void policy_deinit(struct policy *p)
{
    world_timer_stop(&p->sweep);
    policy_forget_snapshot(p);
    policy_log_deinit(p);
    free_items(&p->keys);
    free_namespaces(&p->namespaces);
    free_items(&p->revoked);
}
