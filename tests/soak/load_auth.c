/* Auth: accounts come, log in, work with their token, and are removed. No access after a removal: in the end no token
 * of a removed account is good anywhere, no removed account can log in, and every account that stayed can. */
#include "tests/soak/soak.h"

#include "proto/auth/auth.pb-c.h"
#include "proto/store/store.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS     3
#define PAUSE_MAX   ((int64_t)(400 * MILLISECOND))
#define PER_RUN     1000                     /* accounts: more than a run has time for */
#define SETTLE      ((uint64_t)(2 * SECOND)) /* after the last removal was acknowledged, nobody may let it in */
#define FINAL_TRIES 20
#define CHECKED     12 /* removed accounts tried in the end, the newest */

enum state {
    CREATING,
    CREATED, /* has a secret */
    LOGGED_IN,
    REMOVING, /* asked for, not acknowledged: may be either */
    REMOVED,
    LOST, /* the creation's answer never came */
};
struct account {
    enum state state;
    char id[24];
    char *token, *refresh;
    uint64_t removed_at;
};
struct client {
    struct load *load;
    struct soak_client client;
    struct account *account; /* in work */
};
struct load {
    struct soak *soak;
    struct soak_crew crew;
    struct client clients[CLIENTS];
    struct account accounts[PER_RUN];
    size_t count;
    uint64_t ok;
};

static char secret[] = "soak secret", type[] = "user", admin[] = "admin", micro[] = "micro";

/* ---- steps ---- */

static void created(void *arg, const struct soak_answer *a)
{
    struct client *c = arg;
    c->load->ok += a->end == SOAK_OK;
    c->account->state = a->end == SOAK_OK ? CREATED : LOST;
    if (a->end == SOAK_REFUSED)
        soak_fail(c->load->soak, "auth: Generate of %s was refused: %s", c->account->id, a->message);
    soak_client_done(&c->client);
}

static void create(struct client *c)
{
    struct load *l = c->load;
    struct account *account = &l->accounts[l->count];
    char *scopes[] = {admin};
    Auth__GenerateRequest request = AUTH__GENERATE_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    snprintf(account->id, sizeof account->id, "soak%zu", l->count++);
    c->account = account;
    options.namespace_ = micro;
    request.id = account->id;
    request.secret = secret;
    request.type = type;
    request.n_scopes = 1;
    request.scopes = scopes;
    request.options = &options;
    soak_call(l->soak, "auth", "/auth.Auth/Generate", NULL, &request.base, &auth__generate_response__descriptor,
              created, c);
}

static void request_token(struct soak *s, const struct account *account, soak_done *done, void *arg)
{
    char id[sizeof account->id];
    Auth__TokenRequest request = AUTH__TOKEN_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    memcpy(id, account->id, sizeof id);
    options.namespace_ = micro;
    request.id = id;
    request.secret = secret;
    request.token_expiry = 3600;
    request.options = &options;
    soak_call(s, "auth", "/auth.Auth/Token", "", &request.base, &auth__token_response__descriptor, done, arg);
}

static void keep_token(struct account *account, const struct soak_answer *a)
{
    const Auth__TokenResponse *r = (const Auth__TokenResponse *)(const void *)a->reply;
    free(account->token);
    free(account->refresh);
    account->token = strdup(r->token->access_token);
    account->refresh = strdup(r->token->refresh_token);
    if (!account->token || !account->refresh)
        abort();
    account->state = LOGGED_IN;
}

static void logged_in(void *arg, const struct soak_answer *a)
{
    struct client *c = arg;
    if (a->end == SOAK_OK)
        keep_token(c->account, a);
    if (a->end == SOAK_REFUSED)
        soak_fail(c->load->soak, "auth: %s cannot log in: %s", c->account->id, a->message);
    c->load->ok += a->end == SOAK_OK;
    soak_client_done(&c->client);
}

static void read_something(struct soak *s, const char *token, soak_done *done, void *arg)
{
    char key[] = "soak-absent";
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    request.key = key;
    soak_call(s, "store", "/store.Store/Read", token, &request.base, &store__read_response__descriptor, done, arg);
}

static void worked(void *arg, const struct soak_answer *a)
{
    struct client *c = arg;
    if (a->status == GRPC_UNAUTHENTICATED || a->status == GRPC_PERMISSION_DENIED)
        soak_fail(c->load->soak, "auth: the token of %s, which is there, is refused: %s", c->account->id, a->message);
    c->load->ok += a->status == GRPC_NOT_FOUND;
    soak_client_done(&c->client);
}

static void removed(void *arg, const struct soak_answer *a)
{
    struct client *c = arg;
    struct load *l = c->load;
    if (a->end == SOAK_OK) {
        c->account->state = REMOVED;
        c->account->removed_at = sim_now(l->soak->sim);
        l->ok++;
    }
    c->account = NULL; /* nobody works with it any more, whatever became of it */
    soak_client_done(&c->client);
}

static void send_remove(struct soak *s, struct account *account, soak_done *done, void *arg)
{
    Auth__DeleteAccountRequest request = AUTH__DELETE_ACCOUNT_REQUEST__INIT;
    Auth__Options options = AUTH__OPTIONS__INIT;
    options.namespace_ = micro;
    request.id = account->id;
    request.options = &options;
    account->state = REMOVING;
    soak_call(s, "auth", "/auth.Accounts/Delete", NULL, &request.base, &auth__delete_account_response__descriptor, done,
              arg);
}

static void act(void *arg)
{
    struct client *c = arg;
    struct load *l = c->load;
    struct account *account = c->account;
    if (account && account->state == LOST)
        account = c->account = NULL;
    if (!account && l->count < PER_RUN)
        create(c);
    else if (!account)
        soak_client_done(&c->client);
    else if (account->state == CREATED)
        request_token(l->soak, account, logged_in, c);
    else if (random_below(&l->crew.random, 4))
        read_something(l->soak, account->token, worked, c);
    else if (random_below(&l->crew.random, 2))
        send_remove(l->soak, account, removed, c);
    else
        c->account = NULL, soak_client_done(&c->client); /* it stays, for the end */
}

/* ---- the end ---- */

struct settled {
    struct account *account;
    struct soak_answer answer;
    bool done;
};

static void settle(void *arg, const struct soak_answer *a)
{
    struct settled *s = arg;
    s->answer = *a;
    if (s->account && a->end == SOAK_OK && a->reply)
        keep_token(s->account, a);
    s->done = true;
}

static bool is_done(void *arg)
{
    return ((const struct settled *)arg)->done;
}

/* In the run's own memory: the answer of a call that was given up comes when its channel is closed. */
static struct settled *settled_new(struct soak *s, struct account *account)
{
    struct settled *w = ARENA_NEW(&s->arena, struct settled);
    if (!w)
        abort();
    w->account = account;
    return w;
}

static int try_login(struct soak *s, struct account *account)
{
    for (int i = 0; i < FINAL_TRIES; i++) {
        struct settled *w = settled_new(s, account);
        request_token(s, account, settle, w);
        (void)world_run_until(s->world, is_done, w, 2 * SOAK_CALL);
        if (w->answer.end != SOAK_UNKNOWN)
            return w->answer.status;
        (void)world_sleep(s->world, (uint64_t)(200 * MILLISECOND));
    }
    return GRPC_UNAVAILABLE;
}

/* Every component answers a removed account's token with 401, whatever it asks for. */
static void token_is_dead(struct soak *s, const struct account *account)
{
    struct settled *w = settled_new(s, NULL);
    read_something(s, account->token, settle, w);
    (void)world_run_until(s->world, is_done, w, 2 * SOAK_CALL);
    if (w->answer.status != GRPC_UNAUTHENTICATED)
        soak_fail(s, "auth: the store answers %s to a token of %s, which was removed %.3f s ago",
                  grpc_status_name(w->answer.status), account->id,
                  (double)(sim_now(s->sim) - account->removed_at) / 1e9);
}

static void remove_one(struct soak *s, struct account *account)
{
    for (int i = 0; i < FINAL_TRIES && account->state != REMOVED; i++) {
        struct settled *w = settled_new(s, NULL);
        send_remove(s, account, settle, w);
        (void)world_run_until(s->world, is_done, w, 2 * SOAK_CALL);
        if (w->answer.end == SOAK_OK)
            account->state = REMOVED;
    }
    account->removed_at = sim_now(s->sim);
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    size_t tried = 0;
    soak_crew_rest(&l->crew);
    /* One that is logged in is removed now, with everything well. */
    for (size_t i = l->count; i-- > 0;) {
        if (l->accounts[i].state != LOGGED_IN)
            continue;
        remove_one(s, &l->accounts[i]);
        break;
    }
    (void)world_sleep(s->world, SETTLE);
    for (size_t i = l->count; i-- > 0 && tried < CHECKED;) {
        struct account *a = &l->accounts[i];
        if (a->state == REMOVED) {
            tried++;
            if (a->token)
                token_is_dead(s, a);
            int status = try_login(s, a);
            if (status == GRPC_OK || status == GRPC_UNAVAILABLE)
                soak_fail(s, "auth: %s was removed and logs in: %s", a->id, grpc_status_name(status));
        } else if (a->state == CREATED || a->state == LOGGED_IN) {
            tried++;
            int status = try_login(s, a);
            if (status != GRPC_OK)
                soak_fail(s, "auth: %s stayed and cannot log in: %s", a->id, grpc_status_name(status));
        }
    }
}

static uint64_t progress(const void *load)
{
    return ((const struct load *)load)->ok;
}

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->soak = s;
    soak_crew_init(&l->crew, s, "auth", PAUSE_MAX);
    for (size_t i = 0; i < CLIENTS; i++) {
        l->clients[i].load = l;
        soak_client_init(&l->clients[i].client, &l->crew, act, &l->clients[i]);
    }
    return l;
}

static void stop(void *load)
{
    struct load *l = load;
    for (size_t i = 0; i < l->count; i++) {
        free(l->accounts[i].token);
        free(l->accounts[i].refresh);
    }
    free(l);
}

const struct soak_load soak_auth = {"auth", start, check, progress, stop};
