/* The component: turns, hashing one secret at a time, start and stop. */
#include "runtime/auth/auth.h"

#include "base/log.h"
#include "base/units.h"
#include "runtime/auth/secret.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define AUTH_PORT_OFFSET 10
#define KEY_LIFE_DEFAULT (30 * 24 * HOUR)
#define KEY_LIFE_MIN     (1 * MINUTE)
#define KEY_LIFE_MAX     (3650 * 24 * HOUR)
#define KEY_ANNOUNCE     (10 * SECOND)
#define KEY_ANNOUNCE_MAX (1 * HOUR)

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
    if (a->stopping) { /* the turns are over */
        turn->drop(turn->arg);
        return;
    }
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

/* ---- hashing ---- */

static struct auth_work *work_take(struct auth *a)
{
    struct auth_work *work = a->works;
    if (work) {
        a->works = work->next;
        if (!a->works)
            a->works_end = &a->works;
        a->work_count--;
    }
    return work;
}

static void work_run(void *arg)
{
    struct auth *a = arg;
    struct auth_work *work = work_take(a);
    if (a->works)
        (void)world_timer_start(&a->work_timer, 1);
    if (!work)
        return;
    if (work->call && rpc_call_cancelled(work->call))
        work->drop(work->arg);
    else
        work->run(work->arg);
}

bool auth_work_submit(struct auth *a, struct auth_work *work)
{
    if (a->stopping || a->work_count >= AUTH_WORK_MAX)
        return false;
    if (!world_timer_active(&a->work_timer) && world_timer_start(&a->work_timer, 1) < 0)
        return false;
    work->next = NULL;
    *a->works_end = work;
    a->works_end = &work->next;
    a->work_count++;
    return true;
}

static void works_drop(struct auth *a)
{
    for (struct auth_work *work; (work = work_take(a)) != NULL;)
        work->drop(work->arg);
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

static void boot_again(void *arg)
{
    auth_boot(arg);
}

static void auth_stop(void *state)
{
    struct auth *a = state;
    a->stopping = true;
    world_timer_stop(&a->boot_timer);
    world_timer_stop(&a->work_timer);
    world_task_cancel(&a->turn_task);
    world_task_cancel(&a->lane_task);
    auth_keys_stop(a);
    policy_close(&a->policy);
    works_drop(a);
    turns_drop(a);
    auth_exchanges_drop(a);
    micro_service_free(a->service);
    policy_deinit(&a->policy);
    ring_deinit(&a->ring);
    auth_limiter_deinit(&a->limiter);
    map_deinit(&a->lanes);
    free(a);
}

/* ---- options ---- */

static int read_bool(const struct micro_options *o, const char *name, bool *out, struct error *err)
{
    static const char *const yes[] = {"true", "on", "yes", "1", ""}, *const no[] = {"false", "off", "no", "0"};
    const char *value = micro_option(o, name);
    for (size_t i = 0; value && i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(value, yes[i]) == 0) {
            *out = true;
            return 0;
        }
    }
    for (size_t i = 0; value && i < sizeof no / sizeof no[0]; i++) {
        if (strcmp(value, no[i]) == 0) {
            *out = false;
            return 0;
        }
    }
    return value ? error_set(err, ERROR_INVALID, "--%s is \"on\" or \"off\", not \"%s\"", name, value) : 0;
}

static int read_duration(const struct micro_options *o, const char *name, int64_t min, int64_t max, int64_t *out,
                         struct error *err)
{
    const char *value = micro_option(o, name);
    int rc = value ? units_parse_duration(value, out, err) : 0;
    if (rc == 0 && (*out < min || *out > max))
        rc = error_set(err, ERROR_INVALID, "%s is not between %lld s and %lld s", value, (long long)(min / SECOND),
                       (long long)(max / SECOND));
    if (rc)
        error_wrap(err, "--%s", name);
    return rc;
}

static int read_options(struct auth *a, struct error *err)
{
    const struct micro_options *o = a->options;
    int64_t cost = world_is_simulated(a->world) ? SECRET_COST_SIMULATED : SECRET_COST_DEFAULT;
    int64_t life = KEY_LIFE_DEFAULT, announce = KEY_ANNOUNCE;
    const char *value = micro_option(o, "secret-cost");
    int rc = value ? units_parse_integer(value, SECRET_COST_MIN, SECRET_COST_MAX, &cost, err) : 0;
    if (rc) {
        error_wrap(err, "--secret-cost");
        return rc;
    }
    a->secret_cost = (int)cost;
    a->rotation = true;
    if ((rc = read_duration(o, "key-life", KEY_LIFE_MIN, KEY_LIFE_MAX, &life, err)) != 0 ||
        (rc = read_duration(o, "key-announce", 0, KEY_ANNOUNCE_MAX, &announce, err)) != 0 ||
        (rc = read_bool(o, "refresh-rotation", &a->rotation, err)) != 0 ||
        (rc = read_bool(o, "disable-admin", &a->no_admin, err)) != 0)
        return rc;
    a->key_life = life / SECOND;
    a->key_announce = (uint64_t)announce;
    return 0;
}

static int add_services(struct auth *a, struct error *err)
{
    int rc = micro_service_add(a->service, &auth_auth_service, a);
    if (rc == 0)
        rc = micro_service_add(a->service, &auth_accounts_service, a);
    if (rc == 0)
        rc = micro_service_add(a->service, &auth_rules_service, a);
    if (rc == 0)
        rc = micro_service_add(a->service, &policy_service, &a->policy);
    if (rc == 0)
        rc = micro_service_add(a->service, &auth_keys_service, a);
    return rc < 0 ? error_set(err, rc, "cannot add auth's services: %s", error_code_name(rc)) : 0;
}

static const char *const auth_depends[] = {"store", NULL};

static int auth_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(err, ERROR_MEMORY, "out of memory");
    a->world = w;
    a->options = options;
    a->turns_end = &a->turns;
    a->works_end = &a->works;
    world_task_init(&a->turn_task, w, turn_run, a);
    world_task_init(&a->lane_task, w, auth_exchanges_run, a);
    world_timer_init(&a->boot_timer, w, boot_again, a);
    world_timer_init(&a->work_timer, w, work_run, a);
    policy_init(&a->policy, w);
    const struct micro_service_config config = {
        .name = "auth", .access = MICRO_OWN_RULES, .options = options, .depends = auth_depends};
    int rc = read_options(a, err);
    if (rc == 0)
        rc = auth_keys_start(a, err);
    if (rc == 0)
        rc = micro_service_new(w, &config, &a->service, err);
    if (rc == 0)
        rc = add_services(a, err);
    if (rc == 0) {
        micro_service_set_healthy(a->service, false, "waiting for the store");
        rc = micro_service_start(a->service, err);
    }
    if (rc < 0) {
        auth_stop(a);
        return rc;
    }
    auth_boot(a);
    *state = a;
    return 0;
}

static void auth_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct auth *a = state;
    policy_close(&a->policy); /* its streams would not end by themselves */
    micro_service_drain(a->service, grace, done, arg);
}

static const char *const auth_needs[] = {"registry", "store", NULL};
static const char *const auth_services[] = {"auth.Auth",   "auth.Accounts", "auth.Rules",
                                            "auth.Policy", "auth.Keys",     NULL};
static const char *const auth_options[] = {"key-life",         "key-announce",  "secret-cost",
                                           "refresh-rotation", "disable-admin", NULL};
extern const struct component auth_component;
const struct component auth_component = {
    .name = "auth",
    .port_offset = AUTH_PORT_OFFSET,
    .needs = auth_needs,
    .services = auth_services,
    .stateful = true,
    .options = auth_options,
    .start = auth_start,
    .drain = auth_drain,
    .stop = auth_stop,
};
