#include "runtime/auth/auth.h"

#include <stdlib.h>

#define AUTH_PORT_OFFSET 10

/* ---- turns ---- */

static void turn_run(void *arg)
{
    struct auth *a = arg;
    if (!a->turns || a->stopping)
        return;
    a->turn_begun = true;
    a->turns->begin(a->turns->arg);
}

void auth_turn_begin(struct auth *a, struct auth_turn *turn)
{
    bool alone = a->turns == NULL;
    turn->next = NULL;
    *a->turns_end = turn;
    a->turns_end = &turn->next;
    if (alone)
        world_task_post(&a->turn_task);
}

void auth_turn_end(struct auth *a)
{
    struct auth_turn *ended = a->turns;
    a->turn_begun = false;
    a->turns = ended->next;
    if (!a->turns)
        a->turns_end = &a->turns;
    else if (!a->stopping)
        world_task_post(&a->turn_task);
}

/* At stop: whoever has the turn finishes by himself, since his call to the store is cancelled; the others are dropped.
 */
static void turns_drop(struct auth *a)
{
    struct auth_turn **first = a->turn_begun ? &a->turns->next : &a->turns;
    struct auth_turn *waiting = *first;
    *first = NULL;
    a->turns_end = first;
    while (waiting) {
        struct auth_turn *next = waiting->next;
        waiting->drop(waiting->arg);
        waiting = next;
    }
}

/* ---- the component ---- */

static const struct rpc_method auth_methods[] = {
    {.name = "Generate",
     .input = &auth__generate_request__descriptor,
     .output = &auth__generate_response__descriptor,
     .unary = auth_generate},
    {.name = "Inspect",
     .input = &auth__inspect_request__descriptor,
     .output = &auth__inspect_response__descriptor,
     .unary = auth_inspect},
    {.name = "Token",
     .input = &auth__token_request__descriptor,
     .output = &auth__token_response__descriptor,
     .unary = auth_token},
};
static const struct rpc_service auth_auth_service = {"auth.Auth", auth_methods,
                                                     sizeof auth_methods / sizeof auth_methods[0]};

static void first_again(void *arg)
{
    auth_first_account(arg);
}

static void auth_stop(void *state)
{
    struct auth *a = state;
    a->stopping = true;
    world_timer_stop(&a->first_timer);
    world_task_cancel(&a->turn_task);
    turns_drop(a);
    micro_service_free(a->service);
    free(a);
}

static int auth_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(err, ERROR_MEMORY, "out of memory");
    a->world = w;
    a->options = options;
    a->turns_end = &a->turns;
    world_task_init(&a->turn_task, w, turn_run, a);
    world_timer_init(&a->first_timer, w, first_again, a);
    const struct micro_service_config config = {.name = "auth", .access = MICRO_OWN_RULES, .options = options};
    int rc = micro_service_new(w, &config, &a->service, err);
    if (rc < 0) {
        free(a);
        return rc;
    }
    rc = micro_service_add(a->service, &auth_auth_service, a);
    if (rc == 0)
        rc = micro_service_add(a->service, &auth_accounts_service, a);
    if (rc == 0)
        rc = micro_service_add(a->service, &auth_rules_service, a);
    if (rc < 0) {
        error_set(err, rc, "cannot add auth's services: %s", error_code_name(rc));
    } else {
        micro_service_set_healthy(a->service, false, "waiting for the store");
        rc = micro_service_start(a->service, err);
    }
    if (rc < 0) {
        auth_stop(a);
        return rc;
    }
    auth_first_account(a);
    *state = a;
    return 0;
}

static void auth_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct auth *a = state;
    micro_service_drain(a->service, grace, done, arg);
}

static const char *const auth_needs[] = {"registry", "store", NULL};
static const char *const auth_services[] = {"auth.Auth", "auth.Accounts", "auth.Rules", NULL};
const struct component auth_component = {
    .name = "auth",
    .port_offset = AUTH_PORT_OFFSET,
    .needs = auth_needs,
    .services = auth_services,
    .stateful = false,
    .start = auth_start,
    .drain = auth_drain,
    .stop = auth_stop,
};
