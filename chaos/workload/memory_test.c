/* Every kind of workload made with every allocation failing once: it says so, and nothing leaks. */
#include "base/failing_walk.h"
#include "chaos/workload/workload.h"
#include "world/sim.h"

static struct target target;
static const struct workload_kind *kind;

static int make(void)
{
    struct workload_options options = {.kind = kind, .seed = 1, .clients = 3, .keys = 4};
    struct workload *w = NULL;
    struct error err = ERROR_INIT;
    int code = workload_new(&target, &options, &w, &err);
    error_clear(&err);
    if (code == 0)
        workload_free(w);
    return code;
}

static void test_kinds(void **state)
{
    (void)state;
    static const char *const services[] = {"store.Store",
                                           "store.BlobStore",
                                           "events.Stream",
                                           "events.Store",
                                           "broker.Broker",
                                           "registry.Registry",
                                           "config.Config",
                                           "config.Watcher",
                                           "auth.Auth",
                                           "auth.Accounts",
                                           "client.Client",
                                           "api.Api",
                                           "etcdserverpb.KV",
                                           "etcdserverpb.Watch",
                                           "etcdserverpb.Lease",
                                           "v3lockpb.Lock",
                                           "redis",
                                           NULL};
    struct target_component component = {
        .name = "all", .address = "all:1", .tcp = {.address = "all:2"}, .services = services};
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(sim);
    target = (struct target){
        .world = sim_node(sim, "harrow"), .driver = "sim", .components = &component, .component_count = 1};
    size_t kinds = 0;
    for (const struct workload_kind *const *k = workload_kinds; *k != NULL; k++, kinds++) {
        kind = *k;
        assert_int_equal(make(), 0);
        (void)failing_walk(make, FAILING_IS_TOLD);
        assert_ptr_equal(workload_kind_find((*k)->name), *k);
        for (const char *const *m = (*k)->models; *m != NULL; m++)
            assert_non_null(check_model_find(*m));
    }
    assert_true(kinds > 10);
    target_close_channels(&target);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
