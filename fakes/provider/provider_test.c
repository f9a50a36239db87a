/* Pacts played in the simulated world against doubles and an HTTP server that stand for the provider. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "base/units.h"
#include "fakes/consumer/consumer.h"
#include "fakes/consumer/test_shop.h"
#include "fakes/provider/matrix.h"
#include "fakes/provider/provider.h"
#include "rpc/http.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct world *world, *other;
    struct pb_pool *pool;
    struct fake *fake; /* the provider */
    struct rpc_server *server;
    struct http_server *http;
    struct rpc_channel *channel;
    struct consumer *consumer;
    struct pact_matrix *matrix;
    struct provider_options options;
    struct provider_states states;
    struct text told;    /* "passed" or what is wrong, a line each */
    struct text changes; /* of states */
    bool stop, in_flight;
    struct error err;
};

static void handle_http(void *arg, struct http_exchange *x)
{
    struct stage *g = arg;
    struct text body = TEXT_INIT;
    (void)g;
    text_printf(&body, "{\"path\":\"%s\",\"query\":\"%s\",\"n\":7}", http_path(x), http_query(x));
    if (strcmp(http_path(x), "/tell") == 0) {
        http_add_header(x, "Pact-Message-Metadata", "eyJ0b3BpYyI6ICJuZXdzIn0=");
        http_respond(x, 200, "application/json", bytes_of("{\"title\":\"rain\"}"));
    } else {
        http_respond(x, strcmp(http_path(x), "/gone") == 0 ? 404 : 200, "application/json", text_bytes(&body));
    }
    text_deinit(&body);
}

static void verified(void *arg, const struct provider_verdict *v)
{
    static const char *const words[] = {"passed", "failed", "pending", "skipped"};
    struct stage *g = arg;
    text_printf(&g->told, "%s", words[v->outcome]);
    if (v->error->code != 0)
        text_printf(&g->told, ": %s", v->error->message);
    for (size_t i = 0; i < v->result->mismatches.count; i++)
        text_printf(&g->told, ": %s", v->result->mismatches.items[i].text);
    text_char(&g->told, '\n');
    assert_int_equal(pact_matrix_verified(g->matrix, v), 0);
}

static bool stopped(void *arg)
{
    const struct stage *g = arg;
    return g->stop;
}

static int change(void *arg, const struct pact_state *state, bool teardown, json_t **values, struct error *err)
{
    struct stage *g = arg;
    text_printf(&g->changes, "%s%s;", teardown ? "-" : "+", state->name);
    if (strcmp(state->name, "impossible") == 0)
        return error_set(err, ERROR_NOT_FOUND, "nobody knows how");
    if (strcmp(state->name, "too slow") == 0 && !teardown) {
        g->stop = true;
        return error_set(err, ERROR_CANCELLED, "the user did not wait for it");
    }
    *values = json_pack("{s:s}", "id", "42");
    return 0;
}

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 5});
    g->world = sim_node(g->sim, "harness");
    g->other = sim_node(g->sim, "shop");
    g->pool = shop_pool();
    g->states = (struct provider_states){change, g};
    if (g->pool == NULL || fake_new(pb_find_service(g->pool, "shop.Shop"), &g->fake) != 0 ||
        rpc_server_new(g->other, &(struct rpc_server_options){0}, &g->server, NULL) != 0 ||
        fake_serve(g->fake, g->server) != 0 || rpc_server_listen(g->server, "0.0.0.0:9000", NULL) != 0 ||
        http_server_new(g->other, &(struct http_server_options){0}, handle_http, g, &g->http, NULL) != 0 ||
        http_server_listen(g->http, "0.0.0.0:8080", NULL) != 0 ||
        rpc_channel_new(g->world, &(struct rpc_channel_options){.addresses = "shop:9000"}, &g->channel, NULL) != 0 ||
        pact_matrix_new(&g->matrix) != 0)
        return -1;
    g->options = (struct provider_options){.channel = g->channel,
                                           .http = "http://shop:8080/base/",
                                           .messages = "http://shop:8080/tell",
                                           .stopped = stopped,
                                           .verified = verified,
                                           .states = &g->states,
                                           .arg = g};
    return consumer_new("web", "shop", &g->consumer);
}

static int teardown(void **state)
{
    struct stage *g = *state;
    rpc_channel_free(g->channel);
    http_server_free(g->http);
    rpc_server_free(g->server);
    fake_free(g->fake);
    pact_matrix_free(g->matrix);
    consumer_free(g->consumer);
    pb_pool_free(g->pool);
    sim_free(g->sim);
    text_deinit(&g->told);
    text_deinit(&g->changes);
    error_clear(&g->err);
    free(g);
    return 0;
}

static void wire_of(const struct stage *g, const char *type, const char *json, struct text *out)
{
    assert_int_equal(pb_json_to_wire(pb_find_type(g->pool, type), bytes_of(json), 0, out, NULL), 0);
}

/* What the consumer saw. */
static void saw(struct stage *g, const char *method, const char *const *requests, const char *const *replies,
                int status, bool open)
{
    const struct pb_method *m = shop_method(g->pool, method);
    struct text in = TEXT_INIT, out = TEXT_INIT;
    size_t ends[4], reply_ends[4], n = 0, k = 0;
    for (; requests[n] != NULL; n++) {
        wire_of(g, m->input->full_name, requests[n], &in);
        ends[n] = in.len;
    }
    for (; replies[k] != NULL; k++) {
        wire_of(g, m->output->full_name, replies[k], &out);
        reply_ends[k] = out.len;
    }
    assert_int_equal(consumer_add(g->consumer,
                                  &(struct consumer_call){.method = m,
                                                          .request = text_bytes(&in),
                                                          .ends = ends,
                                                          .messages = n,
                                                          .replies = text_bytes(&out),
                                                          .reply_ends = reply_ends,
                                                          .reply_count = k,
                                                          .status = status,
                                                          .message = status != GRPC_OK ? bytes_of("why") : BYTES_NONE,
                                                          .open = open},
                                  &g->err),
                     0);
    text_deinit(&in);
    text_deinit(&out);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void play(struct stage *g, struct pact *pact, const char *told)
{
    struct pact *one = pact;
    text_clear(&g->told);
    int code = provider_verify(g->world, &one, 1, &g->options, &g->err);
    if (code != 0)
        fail_msg("%s", g->err.message);
    assert_string_equal(text_string(&g->told), told);
}

/* As it is read from its file. */
static struct pact *parsed(struct stage *g)
{
    struct text text = TEXT_INIT;
    struct pact *p;
    assert_int_equal(pact_write(consumer_pact(g->consumer), &text), 0);
    if (pact_parse(text_bytes(&text), "web-shop.json", &p, &g->err) != 0)
        fail_msg("%s", g->err.message);
    text_deinit(&text);
    return p;
}

static void returns(struct stage *g, const char *method, const char *reply)
{
    assert_int_equal(fake_returns_json(g->fake, method, FAKE_EVERY, reply, &g->err), 0);
}

static void test_unary(void **state)
{
    struct stage *g = *state;
    saw(g, "Get", LIST("{\"id\":\"7\"}"), LIST("{\"name\":\"milk\",\"price\":\"3\",\"sold\":true}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    returns(g, "Get",
            "{\"name\":\"other\",\"price\":\"-1\",\"tags\":[\"new\"]}"); /* sold: false is of the type as well */
    play(g, p, "passed\n");
    struct text request = TEXT_INIT;
    assert_int_equal(fake_request_json(g->fake, "Get", 0, &request, NULL), 0);
    assert_string_equal(text_string(&request), "{\"id\":\"7\"}");
    text_deinit(&request);
    /* Nothing at all: a text that is read is empty then, which is of the type. What is wrong is a status. */
    assert_int_equal(fake_fails(g->fake, "Get", FAKE_EVERY, GRPC_NOT_FOUND, "no milk"), 0);
    play(g, p, "failed: metadata grpc-status: expected OK, but was NOT_FOUND (no milk)\n");
    pact_free(p);
}

/* A reply of no bytes is a message: all that comes is more than is expected. */
static void test_empty(void **state)
{
    struct stage *g = *state;
    saw(g, "Get", LIST("{}"), LIST("{}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    returns(g, "Get", "{}");
    play(g, p, "passed\n");
    returns(g, "Get", "{\"id\":\"x\"}");
    play(g, p, "passed\n");
    pact_free(p);
}

static void test_rules(void **state)
{
    struct stage *g = *state;
    const struct consumer_place name = {"Get", CONSUMER_ANSWER, PACT_BODY, "$.name"},
                                sold = {"Get", CONSUMER_ANSWER, PACT_BODY, "$.sold"};
    assert_int_equal(consumer_rule(g->consumer, &name, "{\"match\":\"regex\",\"regex\":\"^[a-z]+$\"}", NULL), 0);
    assert_int_equal(consumer_rule(g->consumer, &sold, "{\"match\":\"equality\"}", NULL), 0);
    saw(g, "Get", LIST("{}"), LIST("{\"name\":\"milk\"}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    returns(g, "Get", "{\"name\":\"bread\"}");
    play(g, p, "passed\n");
    returns(g, "Get", "{\"name\":\"BREAD\"}");
    text_clear(&g->told);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), 0);
    assert_non_null(strstr(text_string(&g->told), "failed: body $.name"));
    returns(g, "Get", "{\"name\":\"bread\",\"sold\":true}"); /* expected is the default, which no wire has */
    text_clear(&g->told);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), 0);
    assert_non_null(strstr(text_string(&g->told), "failed: body $.sold"));
    pact_free(p);
}

static int with_trailer(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct stage *g = arg;
    (void)asked;
    if (!g->in_flight)
        assert_true(fake_answer_header(answer, "retry-after", bytes_of("9"), true));
    fake_answer_fail(answer, GRPC_UNAVAILABLE, "come again");
    return GRPC_UNAVAILABLE;
}

static void test_status(void **state)
{
    struct stage *g = *state;
    char name[] = "retry-after";
    struct fake_header h = {.name = name, .value = bytes_of("5"), .trailer = true};
    assert_int_equal(consumer_add(g->consumer,
                                  &(struct consumer_call){.method = shop_method(g->pool, "Get"),
                                                          .ends = &(size_t){0},
                                                          .messages = 1,
                                                          .status = GRPC_UNAVAILABLE,
                                                          .message = bytes_of("later"),
                                                          .answered = &h,
                                                          .answered_count = 1},
                                  &g->err),
                     0);
    struct pact *p = parsed(g);
    assert_int_equal(fake_stub(g->fake, "Get", with_trailer, g), 0);
    play(g, p, "passed\n");
    g->in_flight = true; /* now without the trailer */
    text_clear(&g->told);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), 0);
    assert_non_null(strstr(text_string(&g->told), "retry-after"));
    pact_free(p);
}

/* A failure as the Pact project's plugin writes it: with contents of no bytes and no type. */
static void test_failure_of_plugin(void **state)
{
    struct stage *g = *state;
    struct text text = TEXT_INIT;
    struct pact *p;
    saw(g, "Get", LIST("{\"id\":\"7\"}"), LIST(NULL), GRPC_NOT_FOUND, false);
    assert_int_equal(pact_write(consumer_pact(g->consumer), &text), 0);
    json_t *tree = json_loadb(text_string(&text), text.len, 0, NULL);
    json_t *answer =
        json_array_get(json_object_get(json_array_get(json_object_get(tree, "interactions"), 0), "response"), 0);
    assert_int_equal(json_object_set_new(answer, "contents", json_pack("{s:s}", "content", "")), 0);
    char *written = json_dumps(tree, 0);
    assert_int_equal(pact_parse(bytes_of(written), "web-shop.json", &p, &g->err), 0);
    assert_int_equal(fake_fails(g->fake, "Get", FAKE_EVERY, GRPC_NOT_FOUND, "not here"), 0);
    play(g, p, "passed\n");
    returns(g, "Get", "{}");
    play(g, p, "failed: metadata grpc-status: expected NOT_FOUND, but was OK\n");
    pact_free(p);
    free(written);
    json_decref(tree);
    text_deinit(&text);
}

static void sends(struct stage *g, const char *method, int64_t k, const char *id)
{
    struct text wire = TEXT_INIT, json = TEXT_INIT;
    ProtobufCMessage *m;
    const struct pb_method *called = shop_method(g->pool, method);
    if (called == NULL) { /* not assert_non_null(): gcc does not see that it ends here */
        fail_msg("no method %s", method);
        return;
    }
    const struct pb_type *type = called->output;
    text_printf(&json, "{\"id\":\"%s\"}", id);
    wire_of(g, type->full_name, text_string(&json), &wire);
    assert_int_equal(pb_unpack(type->descriptor, text_bytes(&wire), NULL, &m, NULL), 0);
    assert_int_equal(fake_sends(g->fake, method, FAKE_EVERY, k, m, 0), 0);
    protobuf_c_message_free_unpacked(m, NULL);
    text_deinit(&wire);
    text_deinit(&json);
}

static void test_streams(void **state)
{
    struct stage *g = *state;
    saw(g, "List", LIST("{\"limit\":2}"), LIST("{\"id\":\"a\"}", "{\"id\":\"b\"}"), GRPC_OK, false);
    saw(g, "Put", LIST("{\"id\":\"1\"}", "{\"id\":\"2\"}"), LIST("{\"id\":\"2\"}"), GRPC_OK, false);
    saw(g, "Chat", LIST("{\"id\":\"x\"}", "{\"id\":\"y\"}"), LIST("{\"id\":\"x\"}", "{\"id\":\"y\"}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    sends(g, "List", FAKE_EVERY, "q");
    sends(g, "List", FAKE_EVERY, "r");
    returns(g, "Put", "{\"id\":\"9\"}");
    sends(g, "Chat", 0, "u");
    sends(g, "Chat", 1, "v");
    play(g, p, "passed\npassed\npassed\n");
    struct text request = TEXT_INIT;
    assert_int_equal(fake_request_json(g->fake, "Put", 0, &request, NULL), 0);
    assert_string_equal(text_string(&request), "[{\"id\":\"1\"},{\"id\":\"2\"}]");
    text_deinit(&request);
    /* One reply more than is expected. */
    sends(g, "List", FAKE_EVERY, "s");
    text_clear(&g->told);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), 0);
    assert_non_null(strstr(text_string(&g->told), "failed: body: expected 2 replies, but was 3"));
    pact_free(p);
}

/* A watch: two replies, and nobody ends it. */
static void test_open_stream(void **state)
{
    struct stage *g = *state;
    saw(g, "Chat", LIST("{\"id\":\"x\"}"), LIST("{\"id\":\"a\"}"), GRPC_OK, true);
    struct pact *p = parsed(g);
    sends(g, "Chat", 0, "u");
    sends(g, "Chat", 5, "never");
    play(g, p, "passed\n");
    pact_free(p);
}

static void test_states(void **state)
{
    struct stage *g = *state;
    const struct consumer_place id = {"Get", CONSUMER_REQUEST, PACT_BODY, "$.id"};
    assert_int_equal(
        consumer_generator(g->consumer, &id, "{\"type\":\"ProviderState\",\"expression\":\"${id}\"}", NULL), 0);
    assert_int_equal(consumer_given(g->consumer, "an item", NULL), 0);
    assert_int_equal(consumer_given(g->consumer, "a user", NULL), 0);
    saw(g, "Get", LIST("{\"id\":\"7\"}"), LIST("{\"id\":\"7\"}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    returns(g, "Get", "{\"id\":\"42\"}");
    play(g, p, "passed\n");
    assert_string_equal(text_string(&g->changes), "+an item;+a user;-a user;-an item;");
    struct text request = TEXT_INIT;
    assert_int_equal(fake_request_json(g->fake, "Get", 0, &request, NULL), 0);
    assert_string_equal(text_string(&request), "{\"id\":\"42\"}");
    text_deinit(&request);
    pact_free(p);
}

static void test_state_fails(void **state)
{
    struct stage *g = *state;
    assert_int_equal(consumer_given(g->consumer, "an item", NULL), 0);
    assert_int_equal(consumer_given(g->consumer, "impossible", NULL), 0);
    saw(g, "Get", LIST("{}"), LIST("{}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    play(g, p, "failed: provider state \"impossible\" could not be set up\n");
    assert_string_equal(text_string(&g->changes), "+an item;+impossible;-an item;");
    assert_int_equal(fake_total(g->fake), 0);
    pact_free(p);
}

static const char http_pact[] =
    "{\"consumer\":{\"name\":\"web\"},\"provider\":{\"name\":\"shop\"},\"interactions\":["
    "{\"type\":\"Synchronous/HTTP\",\"description\":\"a\",\"request\":{\"method\":\"get\",\"path\":\"/a b\","
    "\"query\":{\"q\":[\"1&2\"]}},\"response\":{\"status\":200,\"body\":{\"contentType\":\"application/json\","
    "\"content\":{\"path\":\"/base/a b\",\"query\":\"q=1%262\"}}}},"
    "{\"type\":\"Synchronous/HTTP\",\"description\":\"b\",\"pending\":true,\"request\":{\"method\":\"POST\","
    "\"path\":\"/x\"},\"response\":{\"status\":201}},"
    "{\"type\":\"Asynchronous/Messages\",\"description\":\"news\",\"contents\":{\"contentType\":\"application/json\","
    "\"content\":{\"title\":\"sun\"}},\"metadata\":{\"topic\":\"news\"},\"matchingRules\":{\"body\":{\"$.title\":{"
    "\"matchers\":[{\"match\":\"type\"}]}}}}],"
    "\"metadata\":{\"pactSpecification\":{\"version\":\"4.0\"}}}";

static void test_http(void **state)
{
    struct stage *g = *state;
    struct pact *p;
    g->options.jobs = 1;
    if (pact_parse(bytes_of(http_pact), "http.json", &p, &g->err) != 0)
        fail_msg("%s", g->err.message);
    text_clear(&g->told);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), 0);
    assert_non_null(strstr(text_string(&g->told), "passed\npending: "));
    assert_non_null(strstr(text_string(&g->told), "\npassed\n"));
    g->options.http = g->options.messages = NULL;
    play(g, p,
         "skipped: it is HTTP, and the provider has no such door\nskipped: it is HTTP, and the provider has no such "
         "door\nskipped: it is a message, and nobody was named who tells such\n");
    pact_free(p);
}

/* A provider that says nothing; and the user who does not wait for it. */
static void test_deadline(void **state)
{
    struct stage *g = *state;
    saw(g, "Idle", LIST("{}"), LIST("{}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    fake_never_answers(g->fake, "Idle", true);
    uint64_t before = world_now(g->world);
    text_clear(&g->told);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), 0);
    assert_non_null(
        strstr(text_string(&g->told), "failed: metadata grpc-status: expected OK, but was DEADLINE_EXCEEDED"));
    assert_in_range(world_now(g->world) - before, PROVIDER_TIMEOUT, PROVIDER_TIMEOUT + SECOND);
    pact_free(p);
}

static void interrupt(void *arg)
{
    struct stage *g = arg;
    g->stop = true;
}

static void test_interrupted(void **state)
{
    struct stage *g = *state;
    struct world_timer timer;
    assert_int_equal(consumer_given(g->consumer, "an item", NULL), 0);
    saw(g, "Idle", LIST("{}"), LIST("{}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    fake_never_answers(g->fake, "Idle", true);
    world_timer_init(&timer, g->world, interrupt, g);
    assert_int_equal(world_timer_start(&timer, SECOND), 0);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), ERROR_CANCELLED);
    assert_string_equal(text_string(&g->told), "");
    assert_string_equal(text_string(&g->changes), "+an item;-an item;");
    pact_free(p);
}

/* What was half set up is torn down as well, and nothing more is set up. */
static void test_interrupted_set_up(void **state)
{
    struct stage *g = *state;
    assert_int_equal(consumer_given(g->consumer, "an item", NULL), 0);
    assert_int_equal(consumer_given(g->consumer, "too slow", NULL), 0);
    assert_int_equal(consumer_given(g->consumer, "another", NULL), 0);
    saw(g, "Get", LIST("{}"), LIST("{}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    assert_int_equal(provider_verify(g->world, &p, 1, &g->options, &g->err), ERROR_CANCELLED);
    assert_string_equal(text_string(&g->told), "");
    assert_string_equal(text_string(&g->changes), "+an item;+too slow;-too slow;-an item;");
    assert_int_equal(fake_total(g->fake), 0);
    pact_free(p);
}

static int keep_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void test_matrix(void **state)
{
    struct stage *g = *state;
    struct text lines = TEXT_INIT;
    struct result_stream r = {.write = keep_line, .arg = &lines, .now = no_time};
    saw(g, "Get", LIST("{\"id\":\"7\"}"), LIST("{\"name\":\"milk\",\"part\":{\"id\":\"x\"}}"), GRPC_OK, false);
    struct pact *p = parsed(g);
    returns(g, "Get", "{\"name\":\"x\",\"part\":{}}");
    play(g, p, "passed\n");
    assert_int_equal(pact_matrix_service(g->matrix, "shop", pb_find_service(g->pool, "shop.Shop")), 0);
    assert_int_equal(pact_matrix_versions(g->matrix, "web", "1", "shop", "5"), 0);
    pact_matrix_emit(g->matrix, &r);
    const char *first = strchr(text_string(&lines), '\n') + 1; /* behind Chat, which nobody calls */
    assert_true(strstr(text_string(&lines), "\"method\":\"shop.Shop/Chat\",\"interactions\":0") < first);
    json_t *line = json_loadb(first, strcspn(first, "\n"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "consumer")), "web");
    assert_string_equal(json_string_value(json_object_get(line, "method")), "shop.Shop/Get");
    assert_true(json_is_true(json_object_get(line, "verified")));
    assert_string_equal(json_string_value(json_object_get(line, "provider_version")), "5");
    assert_int_equal(json_array_size(json_object_get(line, "reads")), 3);
    assert_string_equal(json_string_value(json_array_get(json_object_get(line, "sends"), 0)), "shop.Query.id");
    json_decref(line);
    text_deinit(&lines);
    pact_free(p);
}

static struct stage *walked;
static struct pact *walked_pact;

static void noted(void *arg, const struct provider_verdict *v)
{
    int *code = arg;
    if (v->error->code == ERROR_MEMORY || v->outcome != PROVIDER_PASSED)
        *code = ERROR_MEMORY;
}

/* A channel each time: one that lost its connection waits before it tries again. */
static int walk_scenario(void)
{
    int seen = 0;
    struct pact_matrix *m = NULL;
    struct rpc_channel *channel = NULL;
    int code = rpc_channel_new(walked->world, &(struct rpc_channel_options){.addresses = "shop:9000"}, &channel, NULL);
    const struct provider_options o = {
        .channel = channel, .verified = noted, .timeout = (uint64_t)SECOND, .arg = &seen};
    if (code == 0)
        code = provider_verify(walked->world, &walked_pact, 1, &o, NULL);
    if (code == 0)
        code = pact_matrix_new(&m);
    if (code == 0)
        code = pact_matrix_add(m, walked_pact, &walked_pact->interactions.items[0], NULL);
    pact_matrix_free(m);
    rpc_channel_free(channel);
    return code != 0 ? code : seen;
}

static void test_memory(void **state)
{
    walked = *state;
    saw(walked, "Get", LIST("{\"id\":\"7\"}"), LIST("{\"name\":\"milk\"}"), GRPC_OK, false);
    walked_pact = parsed(walked);
    returns(walked, "Get", "{\"name\":\"x\"}");
    assert_true(failing_walk(walk_scenario, FAILING_MAY_BE_BORNE) > 100);
    pact_free(walked_pact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_of_plugin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_set_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_matrix, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
