/* The ring at work: reading and writing its file, signing, verifying, rotating by time or by auth.Keys/Rotate.
 *
 * A new key is told to every service through the policy. It signs at the earliest `key_announce` later, and not before
 * every service that follows the policy has been sent it: none may see a token whose key it does not know. Those away
 * in between get it with their next snapshot. */
#include "base/log.h"
#include "base/units.h"
#include "proto/auth/keys.pb-c.h"
#include "runtime/auth/auth.h"
#include "runtime/server/sim_keys.h"
#include "world/sim.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME    "keys.json"
#define UNTIL_AHEAD  INT64_C(86400) /* seconds noted beyond a token's end, so that the file is written once a day */
#define TICK_WAITING (1 * SECOND)   /* while a key is being announced */
#define TICK_MAX     (1 * HOUR)
#define TICK_FIRST   (1 * SECOND)

/* ---- the file ---- */

static int write_file(struct auth *a, struct error *err)
{
    struct text path = TEXT_INIT, content = TEXT_INIT;
    text_printf(&path, "%s/auth/" FILE_NAME, a->options->data_dir);
    int rc = ring_write(&a->ring, &content, err);
    if (rc == 0)
        rc = text_ok(&path) ? world_write_file(a->world, text_string(&path), text_bytes(&content), true, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    if (content.data)
        OPENSSL_cleanse(content.data, content.len);
    text_deinit(&content);
    text_deinit(&path);
    return rc;
}

static int read_file(struct auth *a, struct error *err)
{
    struct text path = TEXT_INIT, content = TEXT_INIT;
    struct world_stat stat;
    text_printf(&path, "%s/auth", a->options->data_dir);
    int rc = text_ok(&path) ? world_make_directory(a->world, text_string(&path)) : ERROR_MEMORY;
    if (rc)
        error_set(err, rc, "cannot make %s: %s", text_string(&path), error_code_name(rc));
    text_puts(&path, "/" FILE_NAME);
    if (rc == 0 && (rc = world_stat(a->world, text_string(&path), &stat)) != 0)
        error_set(err, rc, "cannot look at %s: %s", text_string(&path), error_code_name(rc));
    if (rc == 0 && stat.exists) {
        rc = world_read_file(a->world, text_string(&path), RING_FILE_MAX, &content, err);
        if (rc == 0 && (rc = ring_parse(text_bytes(&content), &a->ring, err)) != 0)
            error_wrap(err, "%s is no usable key ring", text_string(&path));
    }
    if (content.data)
        OPENSSL_cleanse(content.data, content.len);
    text_deinit(&content);
    text_deinit(&path);
    return rc;
}

/* ---- telling ---- */

static void tell(struct auth *a, const struct ring_key *k)
{
    bool ends = k->state == RING_RETIRED && !k->root;
    if (policy_key(&a->policy, k->id, k->public_pem, ends ? k->until : 0) == 0)
        return;
    log_error("auth", "out of memory: services do not hear of the key %s", k->id);
}

/* ---- rotation ---- */

/* Drawing takes some tenths of a second of CPU. A simulated run takes one of its fixed keys, so that it can be played
 * again, as long as one is left that the ring does not have. */
static int draw(struct auth *a, struct error *err)
{
    struct text private_pem = TEXT_INIT, public_pem = TEXT_INIT;
    int rc = ERROR_EXISTS;
    for (size_t i = 0; rc == ERROR_EXISTS && world_is_simulated(a->world) && i < SIM_SPARE_KEYS; i++) {
        rc = ring_add(&a->ring, sim_spare_keys[i].private_pem, auth_now(a), err);
    }
    if (rc == 0 || rc == ERROR_EXISTS)
        error_clear(err); /* of those the ring has */
    if (rc != ERROR_EXISTS)
        return rc;
    rc = micro_keys_generate(&private_pem, &public_pem, err);
    if (rc == 0)
        rc = ring_add(&a->ring, text_string(&private_pem), auth_now(a), err);
    if (private_pem.data)
        OPENSSL_cleanse(private_pem.data, private_pem.len);
    text_deinit(&private_pem);
    text_deinit(&public_pem);
    return rc;
}

static int rotate(struct auth *a, struct error *err)
{
    int rc = draw(a, err);
    if (rc)
        return rc;
    rc = write_file(a, err);
    if (rc) { /* not kept, so not used: it is the last one */
        struct ring_key *k = ring_waiting(&a->ring);
        k->state = RING_RETIRED;
        (void)ring_prune(&a->ring, INT64_MAX);
        return rc;
    }
    tell(a, ring_waiting(&a->ring));
    a->announced = world_now(a->world);
    log_info("auth", "made the signing key %s", ring_waiting(&a->ring)->id);
    return 0;
}

static void activate(struct auth *a)
{
    struct ring_key *old = ring_signing(&a->ring);
    struct error err = ERROR_INIT;
    (void)ring_activate(&a->ring, auth_now(a));
    if (old)
        tell(a, old);
    log_info("auth", "the key %s signs from now on", ring_signing(&a->ring)->id);
    /* When the file cannot be written the key is announced and activated again after a restart; the tokens it signs are
     * safe, since the file is written before the first of them too. */
    if (write_file(a, &err) < 0)
        log_error("auth", "%s", err.message ? err.message : "out of memory");
    error_clear(&err);
}

static void prune(struct auth *a)
{
    int64_t now = auth_now(a);
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < a->ring.count; i++) {
        const struct ring_key *k = &a->ring.keys[i];
        if (!k->root && k->state == RING_RETIRED && now >= k->until)
            policy_key_gone(&a->policy, k->id);
    }
    if (ring_prune(&a->ring, now) && write_file(a, &err) < 0)
        log_warn("auth", "%s", err.message ? err.message : "out of memory"); /* it will be tried again at the next */
    error_clear(&err);
}

static void plan(struct auth *a)
{
    struct ring_key *signing = ring_signing(&a->ring);
    int64_t left = signing ? (signing->since + a->key_life - auth_now(a)) * SECOND : TICK_MAX;
    if (ring_waiting(&a->ring))
        left = TICK_WAITING;
    uint64_t delay = (uint64_t)(left < TICK_FIRST ? TICK_FIRST : left > TICK_MAX ? TICK_MAX : left);
    if (world_timer_start(&a->keys_timer, delay) < 0)
        log_error("auth", "out of memory: signing keys are not rotated");
}

static void tick(void *arg)
{
    struct auth *a = arg;
    struct error err = ERROR_INIT;
    prune(a);
    const struct ring_key *signing = ring_signing(&a->ring);
    if (ring_waiting(&a->ring)) {
        if (world_now(a->world) - a->announced >= a->key_announce && policy_all_told(&a->policy))
            activate(a);
    } else if (signing && auth_now(a) - signing->since >= a->key_life && rotate(a, &err) < 0) {
        log_error("auth", "no new signing key: %s", err.message ? err.message : "out of memory");
    }
    error_clear(&err);
    plan(a);
}

int auth_keys_start(struct auth *a, struct error *err)
{
    bool changed = false;
    world_timer_init(&a->keys_timer, a->world, tick, a);
    if (!a->options->private_key)
        return 0;
    int rc = read_file(a, err);
    if (rc == 0 && (rc = ring_set_root(&a->ring, a->options->private_key, auth_now(a), &changed, err)) != 0)
        error_wrap(err, "auth's private key");
    if (rc == 0 && changed)
        rc = write_file(a, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < a->ring.count; i++)
        tell(a, &a->ring.keys[i]);
    a->announced = world_now(a->world);
    plan(a);
    return 0;
}

void auth_keys_stop(struct auth *a)
{
    if (a->keys_timer.world)
        world_timer_stop(&a->keys_timer);
}

/* ---- tokens ---- */

int auth_keys_sign(struct auth *a, struct micro_claims *claims, struct text *out, struct error *err)
{
    struct ring_key *k = ring_signing(&a->ring);
    if (!k || !k->private_pem)
        return error_set(err, ERROR_UNSUPPORTED, "this auth component has no private key to sign tokens with");
    if (claims->expires > k->until) {
        int64_t before = k->until;
        k->until = claims->expires + UNTIL_AHEAD;
        int rc = write_file(a, err);
        if (rc) {
            k->until = before;
            return rc;
        }
    }
    claims->key_id = k->id;
    return micro_token_sign(k->private_pem, claims, out, err);
}

static const char *public_key(struct auth *a, const char *key_id)
{
    if (a->ring.count == 0)
        return key_id[0] ? NULL : a->options->public_key;
    for (size_t i = 0; i < a->ring.count; i++) {
        const struct ring_key *k = &a->ring.keys[i];
        if (key_id[0] ? strcmp(k->id, key_id) == 0 : k->root)
            return k->public_pem;
    }
    return NULL;
}

int auth_keys_verify(struct auth *a, const char *token, struct arena *arena, struct micro_claims *out,
                     struct error *err)
{
    char key_id[MICRO_KEY_ID_MAX + 1];
    int rc = micro_token_key_id(token, key_id, err);
    if (rc)
        return rc;
    const char *pem = public_key(a, key_id);
    if (!pem)
        return error_set(err, ERROR_DENIED, "the token's key is not known");
    rc = micro_token_verify(pem, token, auth_now(a), arena, out, err);
    if (rc == 0 && out->generation[0] && policy_revoked(&a->policy, out->issuer, out->subject, out->generation))
        rc = error_set(err, ERROR_DENIED, "the token was revoked");
    return rc;
}

/* ---- auth.Keys ---- */

static Auth__Key *key_message(const struct ring_key *k, struct arena *arena)
{
    static const char *const states[] = {"waiting", "signing", "retired"};
    Auth__Key *m = ARENA_NEW(arena, Auth__Key);
    if (!m)
        return NULL;
    auth__key__init(m);
    m->id = arena_string(arena, k->id);
    m->public_key = arena_string(arena, k->public_pem);
    m->state = arena_string(arena, states[k->state]);
    m->root = k->root;
    m->created = k->created;
    m->since = k->since;
    m->until = k->until;
    return m->id && m->public_key && m->state ? m : NULL;
}

static void keys_list(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Keys.List";
    struct auth *a = service;
    struct arena *arena = rpc_call_arena(call);
    (void)request;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id))
        return;
    Auth__ListKeysResponse reply;
    auth__list_keys_response__init(&reply);
    reply.keys = ARENA_NEW_N(arena, Auth__Key *, a->ring.count + 1);
    bool ok = reply.keys != NULL;
    for (size_t i = 0; ok && i < a->ring.count; i++)
        ok = (reply.keys[reply.n_keys++] = key_message(&a->ring.keys[i], arena)) != NULL;
    if (ok)
        rpc_call_reply(call, &reply.base);
    else
        auth_no_memory(call, id);
}

static void keys_rotate(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    static const char id[] = "auth.Keys.Rotate";
    struct auth *a = service;
    struct error err = ERROR_INIT;
    (void)request;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, id))
        return;
    if (!ring_signing(&a->ring)) {
        micro_fail(call, 501, id, "this auth component has no private key: it signs nothing");
        return;
    }
    if (ring_waiting(&a->ring)) {
        micro_fail(call, 409, id, "the key %s is being announced already", ring_waiting(&a->ring)->id);
        return;
    }
    int rc = rotate(a, &err);
    if (rc) {
        micro_fail(call,
                   rc == ERROR_LIMIT                            ? 429
                   : rc == ERROR_NO_SPACE || rc == ERROR_MEMORY ? 507
                                                                : 500,
                   id, "%s", err.message ? err.message : "out of memory");
        error_clear(&err);
        return;
    }
    plan(a);
    Auth__RotateKeysResponse reply;
    auth__rotate_keys_response__init(&reply);
    reply.key = key_message(ring_waiting(&a->ring), rpc_call_arena(call));
    if (reply.key)
        auth_reply_changed(a, call, &reply.base);
    else
        auth_no_memory(call, id);
}

static const struct rpc_method keys_methods[] = {
    {.name = "List",
     .input = &auth__list_keys_request__descriptor,
     .output = &auth__list_keys_response__descriptor,
     .unary = keys_list},
    {.name = "Rotate",
     .input = &auth__rotate_keys_request__descriptor,
     .output = &auth__rotate_keys_response__descriptor,
     .unary = keys_rotate},
};
const struct rpc_service auth_keys_service = {"auth.Keys", keys_methods, sizeof keys_methods / sizeof keys_methods[0]};
