/* Memory that runs out at every allocation in turn, while requests are made, sent and compared. */
#include "base/failing_walk.h"
#include "fuzz/gateway/compare.h"
#include "fuzz/gateway/gateway.h"
#include "proto/set.h"
#include "wire/grpc.h"

static struct pb_pool *pool;

/* Comparing has nothing to say without memory; making and writing says so. */
static int scenario(void)
{
    const struct pb_method *m = pb_find_method(pool, "/store.Store/Read", false);
    const struct gateway_base base = {.method = m, .path = "/a", .host = "h", .json = "{\"key\":\"k\"}"};
    struct gateway_request request = {.op = NULL};
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text why = TEXT_INIT, json = TEXT_INIT;
    struct random r;
    random_seed(&r, 1);
    static const char *const names[] = {"null-bool", "multipart-many"};
    bool ok = true;
    for (size_t i = 0; i < 2; i++) {
        ok = gateway_make(&r, &base, gateway_operator_find(bytes_of(names[i])), &request) && ok;
        ok = text_ok(&request.body) && text_ok(&request.raw) && ok;
        ok = ok && gateway_case(&request, "api", &c) == 0;
    }
    size_t at = 0;
    for (int i = 0; ok && i < 2; i++)
        ok = gateway_of_case(&c, &at, &request) == 1;
    text_puts(&request.raw, "Host: ${host}, ${token}.");
    gateway_fill(&request.raw, "h:1", "Bearer x");
    ok = ok && text_ok(&request.raw);
    const struct gateway_rpc_answer a = {GRPC_OK, BYTES_NONE, BYTES("\x0a\x03\x0a\x01k", 5)};
    const struct gateway_http_answer h = {200, bytes_of("{\"records\":[{\"key\":\"k\"}]}")};
    assert_null(gateway_compare(m, &a, &h, &a, NULL, &why));
    ok = gateway_json_of(m->input, BYTES("\x0a\x01k", 3), &json) && ok;
    text_deinit(&why);
    text_deinit(&json);
    fuzz_case_deinit(&c);
    gateway_request_deinit(&request);
    return ok ? 0 : ERROR_MEMORY;
}

static void every_allocation(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    if (pb_pool_new(proto_set(), "set", &pool, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pb_pool_free(pool);
    return failed;
}
