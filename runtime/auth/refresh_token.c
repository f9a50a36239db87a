/* auth.Auth.Token by refresh token (refresh.h). The record and the account are read at once, so that a refresh costs
 * two round trips to the store: this and one write. Uses of one family come one after the other, in a lane: otherwise
 * two at once would both be the first. */
#include "base/log.h"
#include "runtime/auth/exchange.h"
#include "runtime/auth/secret.h"

#include <string.h>

#define SALT_BYTES 16
#define RENEW      (REFRESH_IDLE - 86400) /* without rotation: seconds left below which a use renews the record */

static const char invalid[] = "invalid token provided";

/* ---- lanes ---- */

static void begin(struct auth_exchange *x);
static void theft_begin(void *arg);

void auth_exchanges_run(void *auth)
{
    struct auth *a = auth;
    struct auth_exchange *x = a->ready;
    a->ready = NULL;
    while (x) {
        struct auth_exchange *next = x->ready;
        begin(x);
        x = next;
    }
}

static void enter(struct auth_exchange *x)
{
    struct auth *a = x->auth;
    struct auth_exchange *first = map_get(&a->lanes, x->key);
    if (first) {
        while (first->waiting)
            first = first->waiting;
        first->waiting = x;
        x->in_lane = true;
        return;
    }
    if (!map_put(&a->lanes, x->key, x)) {
        exchange_fail(x, 503, "out of memory");
        return;
    }
    x->in_lane = true;
    begin(x);
}

/* The next one becomes the lane's first; it begins from the loop. */
void exchange_leave_lane(struct auth_exchange *x)
{
    struct auth *a = x->auth;
    struct auth_exchange *next = x->waiting;
    if (!x->in_lane)
        return;
    x->in_lane = false;
    x->waiting = NULL;
    (void)map_remove(&a->lanes, x->key);
    if (!next)
        return;
    if (!map_put(&a->lanes, next->key, next)) {
        while (next) {
            struct auth_exchange *after = next->waiting;
            next->waiting = NULL;
            next->in_lane = false;
            exchange_fail(next, 503, "out of memory");
            next = after;
        }
        return;
    }
    next->ready = a->ready;
    a->ready = next;
    if (!a->stopping)
        world_task_post(&a->lane_task);
}

/* At stop. The first of a lane is in work and ends by itself, since its calls to the store are cancelled; unless it has
 * not begun. */
void auth_exchanges_drop(struct auth *a)
{
    for (struct map_entry *e = map_first(&a->lanes); e; e = map_next(e)) {
        struct auth_exchange *first = map_value(e), *x = first->waiting;
        first->waiting = NULL;
        while (x) {
            struct auth_exchange *next = x->waiting;
            x->waiting = NULL;
            x->in_lane = false;
            exchange_fail(x, 503, "auth is stopping");
            x = next;
        }
    }
    while (a->ready) {
        struct auth_exchange *x = a->ready;
        a->ready = x->ready;
        exchange_fail(x, 503, "auth is stopping");
    }
}

/* ---- theft ---- */

static void theft_over(void *arg, int status, const char *message)
{
    (void)status; /* what is left counts for nothing without its generation */
    (void)message;
    exchange_fail(arg, 400, invalid);
}

static void theft_written(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_exchange *x = arg;
    (void)account;
    if (code == 412) {
        if (exchange_again(x))
            theft_begin(x);
        return;
    }
    char *prefix = arena_printf(rpc_call_arena(x->call), "refresh/%s/%s/", x->namespace, x->refresh.id);
    if (code != 200 || !prefix)
        exchange_fail(x, code != 200 ? code : 400, code != 200 ? detail : invalid);
    else
        auth_remove_all(x->auth, rpc_call_arena(x->call), prefix, theft_over, x);
}

static void theft_ended(void *arg, int code, const char *detail, const struct auth_account *ended)
{
    struct auth_exchange *x = arg;
    struct arena *arena = rpc_call_arena(x->call);
    if (code != 200) {
        exchange_fail(x, code, detail);
        return;
    }
    x->changed = *ended;
    x->changed.longest = 0;
    x->changed.generation = auth_new_generation(x->auth, arena);
    if (x->changed.generation)
        auth_update(x->auth, arena, x->namespace, &x->changed, theft_written, x);
    else
        exchange_fail(x, 503, "out of memory");
}

static void theft_found(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_exchange *x = arg;
    if (code != 200 && code != 400)
        exchange_fail(x, code, detail);
    else if (code == 400 || strcmp(account->id, x->refresh.id) != 0 ||
             strcmp(account->generation, x->record.generation) != 0)
        exchange_fail(x, 400, invalid); /* somebody ended it meanwhile */
    else
        auth_end_generation(x->auth, rpc_call_arena(x->call), x->namespace, account, theft_ended, x);
}

static void theft_begin(void *arg)
{
    struct auth_exchange *x = arg;
    x->has_turn = true;
    auth_find(x->auth, rpc_call_arena(x->call), x->namespace, x->refresh.id, theft_found, x);
}

static void theft_drop(void *arg)
{
    exchange_fail(arg, 503, "auth is stopping");
}

static void theft(struct auth_exchange *x)
{
    log_warn("auth", "a refresh token of account \"%s\" of namespace \"%s\" was used again: all its tokens are ended",
             x->account->id, x->namespace);
    x->turn = (struct auth_turn){.begin = theft_begin, .drop = theft_drop, .arg = x};
    auth_turn_begin(x->auth, &x->turn);
}

/* ---- use ---- */

static void rotate(struct auth_exchange *x)
{
    struct arena *arena = rpc_call_arena(x->call);
    struct text salt = TEXT_INIT, digest = TEXT_INIT;
    struct refresh_record *r = &x->record;
    int rc = secret_random(x->auth->world, SALT_BYTES, &salt, NULL);
    r->salt = arena_string(arena, text_string(&salt));
    if (rc == 0 && r->salt)
        rc = refresh_successor(&x->refresh, r->salt, arena, &x->answer);
    if (rc == 0 && r->salt)
        rc = secret_digest(x->answer.text, &digest, NULL);
    r->previous = r->current;
    r->current = arena_string(arena, text_string(&digest));
    r->rotated = auth_now(x->auth);
    text_deinit(&salt);
    text_deinit(&digest);
    if (rc == 0 && r->salt && r->current)
        exchange_write(x);
    else
        exchange_fail(x, 503, "out of memory");
}

static void use(struct auth_exchange *x)
{
    if (x->auth->rotation) {
        rotate(x);
        return;
    }
    x->answer = x->refresh;
    if (x->left < RENEW)
        exchange_write(x);
    else
        exchange_answer(x);
}

static void repeat(struct auth_exchange *x)
{
    struct text digest = TEXT_INIT;
    int rc = refresh_successor(&x->refresh, x->record.salt, rpc_call_arena(x->call), &x->answer);
    if (rc == 0)
        rc = secret_digest(x->answer.text, &digest, NULL);
    bool same = rc == 0 && secret_equal(text_string(&digest), x->record.current);
    text_deinit(&digest);
    if (rc)
        exchange_fail(x, 503, "out of memory");
    else if (same)
        exchange_answer(x);
    else
        theft(x);
}

static void judge(struct auth_exchange *x)
{
    struct text digest = TEXT_INIT;
    if (x->code == 400 || x->code_account == 400 || (x->account && strcmp(x->account->id, x->refresh.id) != 0)) {
        exchange_fail(x, 400, invalid);
        return;
    }
    if (x->code != 200 || x->code_account != 200) {
        exchange_fail(x, x->code != 200 ? x->code : x->code_account, "the store did not do its part");
        return;
    }
    if (!x->record.generation[0] || strcmp(x->record.generation, x->account->generation) != 0 ||
        policy_revoked(&x->auth->policy, x->namespace, x->account->id, x->account->generation)) {
        exchange_fail(x, 400, invalid);
        return;
    }
    if (secret_digest(x->refresh.text, &digest, NULL) < 0) {
        exchange_fail(x, 503, "out of memory");
        return;
    }
    enum refresh_verdict verdict = refresh_judge(&x->record, text_string(&digest), auth_now(x->auth));
    text_deinit(&digest);
    if (verdict == REFRESH_STOLEN)
        theft(x);
    else if (verdict == REFRESH_OVER)
        exchange_fail(x, 400, invalid);
    else
        exchange_touch(x, verdict == REFRESH_CURRENT ? use : repeat);
}

static void on_record(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct auth_exchange *x = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
    int code = auth_store_code(status, message);
    x->code = code == 200 && found->n_records == 0 ? 400 : code == 503 ? 503 : code == 200 ? 200 : 500;
    if (x->code == 200) {
        const Store__Record *record = found->records[0];
        x->left = record->expiry;
        x->version = auth_version_of(found);
        int rc = refresh_record_parse(BYTES(record->value.data, record->value.len), rpc_call_arena(x->call), &x->record,
                                      NULL);
        if (rc)
            x->code = rc == ERROR_MEMORY ? 503 : 500;
    }
    if (--x->pending == 0)
        judge(x);
}

static void on_account(void *arg, int code, const char *detail, const struct auth_account *account)
{
    struct auth_exchange *x = arg;
    (void)detail;
    x->code_account = code;
    x->account = account;
    if (--x->pending == 0)
        judge(x);
}

static void begin(struct auth_exchange *x)
{
    x->pending = 2;
    auth_read(x->auth, x->key, on_record, x);
    auth_find(x->auth, rpc_call_arena(x->call), x->namespace, x->refresh.id, on_account, x);
}

void exchange_reread(struct auth_exchange *x)
{
    begin(x);
}

void exchange_refresh(struct auth_exchange *x)
{
    struct arena *arena = rpc_call_arena(x->call);
    int rc = refresh_parse(x->request->refresh_token, arena, &x->refresh);
    if (rc == 0)
        x->key = arena_printf(arena, "refresh/%s/%s/%s", x->namespace, x->refresh.id, x->refresh.family);
    if (rc == ERROR_INVALID)
        exchange_fail(x, 400, invalid);
    else if (rc || !x->key)
        exchange_fail(x, 503, "out of memory");
    else
        enter(x);
}
