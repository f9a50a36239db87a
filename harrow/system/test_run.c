#include "harrow/system/test_run.h"

#include "base/units.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT ((uint64_t)(10 * SECOND))

static char folder[] = "/tmp/harrow-test-XXXXXX";

struct run *test_run_begin(uint64_t seed)
{
    int exit_code = 0;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    common = (struct common_options){.seed = seed, .driver = "sim", .out = folder, .log_level = "warn", .quiet = true};
    struct run *r = run_begin(TEST_MANIFEST, "harrow test", &exit_code);
    assert_non_null(r);
    return r;
}

int test_run_end(struct run *r)
{
    struct world *w = NULL;
    int exit_code = run_finish(r, 0);
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_remove_tree(w, folder), 0);
    world_real_free(w);
    return exit_code;
}

struct system *test_system_start(struct run *r)
{
    struct system *s = NULL;
    struct error err = ERROR_INIT;
    if (system_start(r, &s, &err) != 0)
        fail_msg("the system did not start: %s", err.message);
    return s;
}

int test_call(struct system *s, const char *service, const char *method, const char *request_json)
{
    struct target *t = system_target(s);
    struct text wire = TEXT_INIT;
    struct rpc_channel *channel = NULL;
    struct rpc_answer answer = {0};
    char path[64];
    snprintf(path, sizeof path, "/%s/%s", service, method);
    const struct pb_method *type = pb_find_method(t->pool, path, false);
    assert_non_null(type);
    assert_int_equal(pb_json_to_wire(type->input, bytes_of(request_json), 0, &wire, NULL), 0);
    assert_int_equal(target_channel(t, target_serving(t, service), &channel, NULL), 0);
    struct rpc_request request = {.path = path,
                                  .metadata = target_metadata(t),
                                  .timeout = CALL_TIMEOUT,
                                  .wait_for_ready = true,
                                  .message = text_bytes(&wire),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(t->world, channel, &request, &answer, NULL), 0);
    int status = answer.reply.status;
    rpc_answer_deinit(&answer);
    text_deinit(&wire);
    return status;
}
