#include "rpc/test_fixture.h"

#include "rpc/target.h"

static void parts_are_found(void **state)
{
    (void)state;
    static const char *const first[] = {"store.Store", NULL}, *const second[] = {"auth.Auth", "auth.Accounts", NULL};
    const struct target_component components[] = {
        {.name = "store", .services = first}, {.name = "auth", .services = second}, {.name = "web"}};
    struct target t = {.components = components, .component_count = 3};
    assert_ptr_equal(target_find(&t, "auth"), &components[1]);
    assert_null(target_find(&t, "nobody"));
    assert_ptr_equal(target_serving(&t, "auth.Accounts"), &components[1]);
    assert_ptr_equal(target_serving(&t, "store.Store"), &components[0]);
    assert_null(target_serving(&t, "store"));
    for (int a = 0; a < TARGET_ACTION_COUNT; a++)
        assert_string_not_equal(target_action_name((enum target_action)a), "unknown");
    assert_string_equal(target_action_name(TARGET_KILL), "kill");
}

static void channels_are_kept(void **state)
{
    struct fixture *f = *state;
    fixture_serve(f, 0, NULL);
    fixture_serve(f, 1, NULL);
    const struct target_component components[] = {{.name = "a", .address = f->servers[0].address},
                                                  {.name = "b", .address = f->servers[1].address},
                                                  {.name = "web"}};
    struct target t = {.world = f->world, .components = components, .component_count = 3};
    struct rpc_channel *a = NULL, *b = NULL, *again = NULL;
    assert_int_equal(target_channel(&t, &components[1], &b, NULL), 0);
    assert_int_equal(target_channel(&t, &components[0], &a, NULL), 0);
    assert_int_equal(target_channel(&t, &components[1], &again, NULL), 0);
    assert_ptr_equal(b, again);
    assert_ptr_not_equal(a, b);
    struct error err = ERROR_INIT;
    assert_int_equal(target_channel(&t, &components[2], &again, &err), ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "component web has no gRPC address");
    error_clear(&err);
    f->channel = b;
    assert_int_equal(fixture_ping(f), GRPC_OK);
    f->channel = NULL;
    assert_int_equal(f->servers[1].service.started, 1);
    target_close_channels(&t);
    assert_null(t.channels);
    target_close_channels(&t);
}

static int usage(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu)
{
    (void)t;
    *resident = strlen(component);
    *cpu = 0;
    return component[0] == 'x' ? ERROR_UNSUPPORTED : 0;
}

static struct sim *simulated(struct target *t)
{
    return (struct sim *)t;
}

/* Those that tell; of a simulation nothing, since it would not be theirs. */
static void memory_is_of_all_parts(void **state)
{
    (void)state;
    const struct target_component components[] = {{.name = "a"}, {.name = "x"}, {.name = "four"}};
    const struct target_operations told = {.usage = usage}, sim = {.usage = usage, .sim = simulated}, mute = {0};
    struct target t = {.components = components, .component_count = 3};
    assert_int_equal(target_resident(&t), 0);
    t.operations = &mute;
    assert_int_equal(target_resident(&t), 0);
    t.operations = &told;
    assert_int_equal(target_resident(&t), 5);
    t.operations = &sim;
    assert_int_equal(target_resident(&t), 0);
}

static void metadata_follows_the_token(void **state)
{
    (void)state;
    struct target t = {0};
    assert_int_equal(target_metadata(&t).count, 0);
    t.token = "one";
    t.namespace = "micro";
    struct grpc_metadata m = target_metadata(&t);
    assert_int_equal(m.count, 2);
    assert_true(bytes_is(grpc_metadata_get(m, "authorization"), "Bearer one"));
    assert_true(bytes_is(grpc_metadata_get(m, "micro-namespace"), "micro"));
    t.token = "two";
    assert_true(bytes_is(grpc_metadata_get(target_metadata(&t), "authorization"), "Bearer two"));
    t.token = NULL;
    assert_int_equal(target_metadata(&t).count, 1);
    target_close_channels(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        BOTH(channels_are_kept),
        cmocka_unit_test(memory_is_of_all_parts),
        cmocka_unit_test(metadata_follows_the_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
