#include "runtime/service/test_calls.h"

#include "base/test.h"
#include "base/units.h"
#include "runtime/component.h"

#include <stdio.h>
#include <string.h>

void test_fixture_begin(struct test_fixture *f, uint64_t seed, const char *const *started, const char *address)
{
    static const char *const greeting[] = {"registry", "helloworld", NULL};
    const struct rpc_channel_options options = {.addresses = address};
    *f = (struct test_fixture){0};
    sim_system_init(&f->system, seed);
    sim_system_start_all(&f->system, started ? started : greeting);
    f->token = sim_system_token(&f->system, &f->arena, "tester", "service", "micro", "service");
    if (address)
        assert_int_equal(rpc_channel_new(f->system.client, &options, &f->channel, NULL), 0);
}

void test_fixture_end(struct test_fixture *f)
{
    rpc_channel_free(f->channel);
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static bool try_call(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                     int status, const char *words, struct text *got)
{
    struct sim_answer a = {0};
    sim_system_call(s, component, path, token, json, &a);
    bool ok = a.status == status && (!words || strstr(text_string(&a.text), words));
    text_clear(got);
    text_printf(got, "%s %s", grpc_status_name(a.status), text_string(&a.text));
    sim_answer_deinit(&a);
    return ok;
}

void test_expect(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                 int status, const char *words)
{
    test_eventually(s, component, path, token, json, status, words, 0);
}

void test_eventually(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                     int status, const char *words, int seconds)
{
    struct text got = TEXT_INIT;
    uint64_t until = sim_now(s->sim) + (uint64_t)seconds * (uint64_t)SECOND;
    while (!try_call(s, component, path, token, json, status, words, &got)) {
        if (sim_now(s->sim) >= until)
            fail_msg("%s %s: %s; wanted %s with %s", path, json, text_string(&got), grpc_status_name(status),
                     words ? words : "anything");
        sim_run_for(s->sim, (uint64_t)(100 * MILLISECOND));
    }
    text_deinit(&got);
}

void test_bad_option(const char *component, const char *option, const char *value)
{
    const char *const argv[] = {"micro", component, option, value};
    struct micro_options_storage *storage = NULL;
    const struct micro_options *options = NULL;
    struct error err = ERROR_INIT;
    struct text words = TEXT_INIT;
    void *state = NULL;
    component_use_all();
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(sim);
    assert_int_equal(micro_options_parse(4, argv, NULL, &storage, &options, &err), 0);
    assert_true(component_find(component)->start(sim_node(sim, component), options, &state, &err) < 0);
    error_format(&err, &words);
    if (!strstr(text_string(&words), option) || !strstr(text_string(&words), value))
        fail_msg("%s %s %s: %s", component, option, value, text_string(&words));
    text_deinit(&words);
    error_clear(&err);
    micro_options_free(storage);
    sim_free(sim);
}

static void on_message(void *arg, struct bytes message)
{
    struct test_stream *t = arg;
    text_add(&t->lines, message.data, message.len);
    text_char(&t->lines, '\n');
    t->messages++;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct test_stream *t = arg;
    t->ended = true;
    t->stream = NULL;
    t->status = reply->status;
}

void test_stream_open(struct test_stream *t, struct sim_system *s, const char *component, const char *path,
                      const char *token, const char *json)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    char address[64];
    struct text bearer = TEXT_INIT;
    *t = (struct test_stream){.system = s};
    snprintf(address, sizeof address, "%s:%d", component, MICRO_BASE_PORT + component_find(component)->port_offset);
    text_printf(&bearer, "Bearer %s", token ? token : "");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request request = {.path = path,
                                        .metadata = {&header, token ? 1 : 0},
                                        .content_type = "application/grpc+json",
                                        .wait_for_ready = true,
                                        .message = json ? bytes_of(json) : BYTES_NONE,
                                        .has_message = json != NULL};
    assert_int_equal(rpc_channel_new(s->client, &options, &t->channel, NULL), 0);
    assert_int_equal(rpc_stream_open(t->channel, &request, &events, t, &t->stream, NULL), 0);
    text_deinit(&bearer);
    sim_run_for(s->sim, (uint64_t)(100 * MILLISECOND)); /* it is open now */
}

struct waiting {
    const struct test_stream *stream;
    size_t messages;
};

static bool has_come(void *arg)
{
    const struct waiting *w = arg;
    return w->messages ? w->stream->messages >= w->messages || w->stream->ended : w->stream->ended;
}

void test_stream_wait(struct test_stream *t, size_t messages)
{
    struct waiting w = {t, messages};
    if (world_run_until(t->system->client, has_come, &w, 3 * TEST_CALL_LIMIT) != 0)
        fail_msg("%zu messages came, wanted %zu: %s", t->messages, messages, text_string(&t->lines));
}

void test_stream_close(struct test_stream *t)
{
    rpc_channel_free(t->channel);
    text_deinit(&t->lines);
}
