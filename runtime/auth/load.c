/* Beginning: the policy is read from the store, then the first account is made, then auth is healthy. Each step is
 * tried until it works. Reading takes a turn, so that no change happens meanwhile. */
#include "base/log.h"
#include "base/units.h"
#include "runtime/auth/auth.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST ((uint64_t)100 * (uint64_t)MILLISECOND) /* doubles up to RETRY_MAX */
#define RETRY_MAX   ((uint64_t)2 * (uint64_t)SECOND)
#define PREFIXES    3

struct load {
    struct auth_turn turn;
    struct auth *auth;
    struct arena arena; /* of one reading */
    struct policy_content content;
    size_t prefix;
};

static const char *const prefixes[PREFIXES] = {"defaults/", "rules/", "revoked/"};

void auth_boot_retry(struct auth *a, const char *why)
{
    a->boot_delay = a->boot_delay == 0 ? RETRY_FIRST : a->boot_delay * 2 < RETRY_MAX ? a->boot_delay * 2 : RETRY_MAX;
    if (!a->settled)
        micro_service_set_healthy(a->service, false, why);
    if (world_timer_start(&a->boot_timer, a->boot_delay) < 0)
        log_error("auth", "out of memory: auth does not get ready");
}

void auth_reload_later(struct auth *a)
{
    a->reload = true;
    if (!a->stopping && !world_timer_active(&a->boot_timer))
        (void)world_timer_start(&a->boot_timer, RETRY_FIRST);
}

bool auth_ready(struct auth *a, struct rpc_call *call, const char *error_id)
{
    if (a->policy.loaded)
        return true;
    micro_fail(call, 503, error_id, "auth is starting: the store has not answered yet");
    return false;
}

/* ---- records ---- */

/* The key's parts behind its prefix, separated by "/", in the arena; false: not so many. */
static bool key_parts(struct load *l, const char *key, size_t count, const char **parts)
{
    const char *at = key + strlen(prefixes[l->prefix]);
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(at, '/');
        bool last = i + 1 == count;
        if ((slash != NULL) == last)
            return false;
        parts[i] = arena_string_n(&l->arena, at, last ? strlen(at) : (size_t)(slash - at));
        if (!parts[i] || !parts[i][0])
            return false;
        if (!last)
            at = slash + 1;
    }
    return true;
}

static int take_rule(struct load *l, const Store__Record *record)
{
    const char *parts[2];
    Auth__Rule *rule = NULL;
    struct error err = ERROR_INIT;
    int rc = key_parts(l, record->key, 2, parts)
                 ? auth_rule_parse(record, &l->arena, &rule, &err)
                 : error_set(&err, ERROR_SYNTAX, "the key %s is no rule's", record->key);
    if (rc == 0)
        rc = policy_content_rule(&l->content, parts[0], rule);
    if (rc == ERROR_SYNTAX) {
        /* A rule that cannot be read might have denied something: nothing is public in its namespace any more. */
        log_error("auth", "%s: its namespace grants nothing", err.message ? err.message : "a rule is broken");
        Auth__Resource any = AUTH__RESOURCE__INIT;
        Auth__Rule deny = AUTH__RULE__INIT;
        char star[] = "*", id[] = "unreadable", everybody[] = "";
        any.type = any.name = any.endpoint = star;
        deny.id = id;
        deny.scope = everybody;
        deny.resource = &any;
        deny.access = AUTH__ACCESS__DENIED;
        deny.priority = INT32_MAX;
        rc = key_parts(l, record->key, 2, parts) ? policy_content_rule(&l->content, parts[0], &deny) : 0;
    }
    error_clear(&err);
    return rc;
}

static int take_revocation(struct load *l, const Store__Record *record)
{
    const char *parts[3];
    json_t *value = auth_record_value(record);
    int64_t expires = (int64_t)json_integer_value(json_object_get(value, "expires"));
    json_decref(value);
    if (!key_parts(l, record->key, 3, parts))
        return 0; /* nobody has such a generation */
    if (expires <= 0)
        expires = auth_now(l->auth) + AUTH_TOKEN_MAX;
    return policy_content_revoke(&l->content, parts[0], parts[1], parts[2], expires);
}

static int take(void *arg, const Store__Record *record)
{
    struct load *l = arg;
    const char *parts[1];
    if (!record) { /* from the beginning: what was taken before is taken again */
        if (l->prefix == 2)
            for (struct map_entry *e; (e = map_first(&l->content.revoked)) != NULL;)
                free(map_remove(&l->content.revoked, map_key(e)));
        return 0;
    }
    if (l->prefix == 0)
        return key_parts(l, record->key, 1, parts) ? policy_content_namespace(&l->content, parts[0]) : 0;
    return l->prefix == 1 ? take_rule(l, record) : take_revocation(l, record);
}

/* ---- the steps ---- */

static void load_end(struct load *l)
{
    auth_turn_end(l->auth);
    policy_content_deinit(&l->content);
    arena_deinit(&l->arena);
    free(l);
}

static void load_drop(void *arg)
{
    free(arg); /* it had not begun */
}

static void read_next(struct load *l);

static void loaded(struct load *l)
{
    struct auth *a = l->auth;
    a->reload = false;
    a->boot_delay = 0;
    (void)policy_load(&a->policy, &l->content);
    load_end(l);
    if (!a->settled)
        auth_first_account(a);
}

static void prefix_read(void *arg, int status, const char *message, int code)
{
    struct load *l = arg;
    struct auth *a = l->auth;
    if (a->stopping) {
        load_end(l);
    } else if (status != GRPC_OK || code < 0) {
        if (code < 0 || auth_store_code(status, message) != 503)
            log_error("auth", "the policy cannot be read: %s", code < 0 ? error_code_name(code) : message);
        load_end(l);
        auth_boot_retry(a, "waiting for the store");
    } else if (++l->prefix < PREFIXES) {
        read_next(l);
    } else {
        loaded(l);
    }
}

static void read_next(struct load *l)
{
    const struct auth_reading reading = {prefixes[l->prefix], take, prefix_read, l};
    auth_read_all(l->auth, &l->arena, &reading);
}

static void load_begin(void *arg)
{
    read_next(arg);
}

void auth_boot(struct auth *a)
{
    if (a->policy.loaded && !a->reload) {
        if (!a->settled)
            auth_first_account(a);
        return;
    }
    struct load *l = calloc(1, sizeof *l);
    if (!l) {
        auth_boot_retry(a, "out of memory");
        return;
    }
    l->auth = a;
    l->turn = (struct auth_turn){.begin = load_begin, .drop = load_drop, .arg = l};
    auth_turn_begin(a, &l->turn);
}
