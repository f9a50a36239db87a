/* Every allocation of auth's parts that stand alone fails once: nothing crashes or leaks, and what is said is true. */
#include "base/failing_walk.h"
#include "runtime/auth/auth.h"
#include "runtime/auth/refresh.h"
#include "runtime/auth/secret.h"
#include "runtime/server/sim_keys.h"
#include "world/sim.h"

#include <string.h>

static struct sim *sim;
static struct world *world;

static int set_up(void **state)
{
    const struct sim_options options = {.seed = 7};
    (void)state;
    sim = sim_new(&options);
    world = sim ? sim_node(sim, "a") : NULL;
    json_set_alloc_funcs(failing_malloc, failing_free);
    return world ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sim_free(sim);
    return 0;
}

static int ring_scenario(void)
{
    struct ring r = {0}, again = {0};
    struct text file = TEXT_INIT;
    bool changed = false;
    int rc = ring_set_root(&r, sim_private_key, 100, &changed, NULL);
    if (rc == 0)
        rc = ring_write(&r, &file, NULL);
    if (rc == 0) {
        rc = ring_parse(text_bytes(&file), &again, NULL);
        if ((rc == ERROR_SYNTAX || rc == ERROR_INVALID) && failing_hit()) /* readers of JSON and PEM do not say why */
            rc = ERROR_MEMORY;
    }
    ring_deinit(&r);
    ring_deinit(&again);
    text_deinit(&file);
    return rc;
}

static void test_ring(void **state)
{
    (void)state;
    assert_true(failing_walk(ring_scenario, FAILING_MAY_BE_BORNE) > 0);
}

static int policy_scenario(void)
{
    struct policy p;
    struct policy_content content = {0};
    char id[] = "r", scope[] = "*", any[] = "*";
    Auth__Resource resource = AUTH__RESOURCE__INIT;
    Auth__Rule rule = AUTH__RULE__INIT;
    resource.type = resource.name = resource.endpoint = any;
    rule.id = id;
    rule.scope = scope;
    rule.resource = &resource;
    rule.access = AUTH__ACCESS__GRANTED;
    policy_init(&p, world);
    int rc = policy_content_namespace(&content, "micro");
    if (rc == 0)
        rc = policy_content_rule(&content, "micro", &rule);
    if (rc == 0)
        rc = policy_content_revoke(&content, "micro", "joe", "g", 1000);
    if (rc == 0)
        rc = policy_load(&p, &content);
    if (rc == 0)
        rc = policy_key(&p, "k", sim_public_key, 0);
    if (rc == 0)
        rc = policy_rule(&p, "other", &rule);
    if (rc == 0)
        rc = policy_rule_gone(&p, "micro", "r");
    if (rc == 0)
        rc = policy_revoke(&p, "micro", "joe", "h", 1000);
    if (rc == 0 && (!policy_revoked(&p, "micro", "joe", "g") || !policy_revoked(&p, "micro", "joe", "h")))
        rc = ERROR_INVALID; /* without memory to look it would have said revoked as well */
    policy_content_deinit(&content);
    policy_close(&p);
    policy_deinit(&p);
    return rc;
}

static void test_policy(void **state)
{
    (void)state;
    assert_true(failing_walk(policy_scenario, FAILING_MAY_BE_BORNE) > 0);
}

static int records_scenario(void)
{
    static const char value[] =
        "{\"id\":\"joe\",\"name\":\"Joe\",\"type\":\"user\",\"secret\":\"s\",\"generation\":\"g\","
        "\"longest\":0,\"updated\":1,\"scopes\":[\"a\",\"b\"],\"metadata\":{\"k\":\"v\"}}";
    struct arena arena = ARENA_INIT;
    struct auth_account account;
    Store__Record record;
    store__record__init(&record);
    char key[] = "account/micro/joe", copy[sizeof value];
    memcpy(copy, value, sizeof value);
    record.key = key;
    record.value.data = (uint8_t *)copy;
    record.value.len = strlen(copy);
    int rc = auth_account_parse(&record, &arena, &account, NULL);
    if (rc == ERROR_SYNTAX) /* the JSON reader does not say why it gave up */
        rc = ERROR_MEMORY;
    json_t *json = rc == 0 ? auth_account_json(&account, 1) : NULL;
    if (rc == 0 && (!json || !auth_account_message(&account, "micro", &arena)))
        rc = ERROR_MEMORY;
    json_decref(json);
    arena_deinit(&arena);
    return rc;
}

static void test_records(void **state)
{
    (void)state;
    assert_true(failing_walk(records_scenario, FAILING_MAY_BE_BORNE) > 0);
}

static int refresh_scenario(void)
{
    struct arena arena = ARENA_INIT;
    struct refresh_token first, next, read;
    struct text hashed = TEXT_INIT;
    int rc = refresh_first(world, "joe", &arena, &first);
    if (rc == 0)
        rc = refresh_successor(&first, "salt", &arena, &next);
    if (rc == 0)
        rc = refresh_parse(next.text, &arena, &read);
    if (rc == 0 && (strcmp(read.id, "joe") != 0 || strcmp(read.family, first.family) != 0))
        rc = ERROR_INVALID;
    if (rc == 0)
        rc = secret_hash(world, 1, "s", &hashed, NULL);
    if (rc == ERROR_INVALID && failing_hit()) /* a token that could not be decoded for want of memory */
        rc = ERROR_MEMORY;
    text_deinit(&hashed);
    arena_deinit(&arena);
    return rc;
}

static void test_refresh(void **state)
{
    (void)state;
    assert_true(failing_walk(refresh_scenario, FAILING_MAY_BE_BORNE) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_refresh),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
