/* Calls of doubles become interactions: rules, streams, statuses, states, contradictions, merging with a folder. */
#include "base/test.h"

#include "base/base64.h"
#include "base/failing_walk.h"
#include "fakes/consumer/consumer.h"
#include "fakes/consumer/plugin.h"
#include "fakes/consumer/test_shop.h"
#include "fakes/stub/testdata/set.h"
#include "world/sim.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct world *world;
    struct pb_pool *pool;
    struct fake *fake;
    struct consumer *consumer;
    struct error err;
};

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 5});
    g->world = sim_node(g->sim, "consumer");
    g->pool = shop_pool();
    if (g->pool == NULL || fake_new(pb_find_service(g->pool, "shop.Shop"), &g->fake) != 0)
        return -1;
    return consumer_new("web", "shop", &g->consumer);
}

static int teardown(void **state)
{
    struct stage *g = *state;
    fake_free(g->fake);
    consumer_free(g->consumer);
    pb_pool_free(g->pool);
    sim_free(g->sim);
    error_clear(&g->err);
    free(g);
    return 0;
}

static void wire_of(const struct stage *g, const char *type, const char *json, struct text *out)
{
    assert_int_equal(pb_json_to_wire(pb_find_type(g->pool, type), bytes_of(json), 0, out, NULL), 0);
}

static int ask(struct stage *g, const char *method, const char *request)
{
    struct text wire = TEXT_INIT, reply = TEXT_INIT, message = TEXT_INIT;
    wire_of(g, "shop.Query", request, &wire);
    int status = fake_call(g->fake, method, text_bytes(&wire), &reply, &message);
    text_deinit(&wire);
    text_deinit(&reply);
    text_deinit(&message);
    return status;
}

static void program(struct stage *g, const char *method, const char *reply)
{
    assert_int_equal(fake_returns_json(g->fake, method, FAKE_EVERY, reply, &g->err), 0);
}

static json_t *written(struct stage *g)
{
    struct text text = TEXT_INIT;
    assert_int_equal(pact_write(consumer_pact(g->consumer), &text), 0);
    json_t *tree = json_loadb(text_string(&text), text.len, 0, NULL);
    assert_non_null(tree);
    text_deinit(&text);
    return tree;
}

static const char *text_at(const json_t *tree, const char *path)
{
    char copy[200], *save = NULL;
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *step = strtok_r(copy, "|", &save); step != NULL; step = strtok_r(NULL, "|", &save))
        tree = json_is_array(tree) ? json_array_get(tree, strtoul(step, NULL, 10)) : json_object_get(tree, step);
    return json_string_value(tree);
}

/* Pact's own verifier refuses contracts whose name is not their MD5. */
static void check_key(const json_t *tree)
{
    const json_t *all = json_object_get(
        json_array_get(json_object_get(json_object_get(tree, "metadata"), "plugins"), 0), "configuration");
    const char *key = text_at(tree, "interactions|0|pluginConfiguration|protobuf|descriptorKey");
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct text set = TEXT_INIT, hex = TEXT_INIT;
    unsigned len;
    assert_true(base64_read(
        &set, bytes_of(json_string_value(json_object_get(json_object_get(all, key), "protoDescriptors"))), 0));
    assert_int_equal(EVP_Digest(text_string(&set), set.len, digest, &len, EVP_md5(), NULL), 1);
    for (unsigned i = 0; i < len; i++)
        text_printf(&hex, "%02x", digest[i]);
    assert_string_equal(key, text_string(&hex));
    text_deinit(&set);
    text_deinit(&hex);
}

static void test_unary(void **state)
{
    struct stage *g = *state;
    consumer_hear(g->consumer, g->fake);
    program(g, "Get", "{\"id\":\"7\",\"name\":\"milk\",\"price\":\"3\"}");
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_OK);
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_OK); /* the same again adds nothing */
    assert_int_equal(consumer_pact(g->consumer)->interactions.count, 1);
    json_t *tree = written(g);
    assert_string_equal(text_at(tree, "consumer|name"), "web");
    assert_string_equal(text_at(tree, "provider|name"), "shop");
    assert_string_equal(text_at(tree, "interactions|0|type"), "Synchronous/Messages");
    assert_string_equal(text_at(tree, "interactions|0|transport"), "grpc");
    assert_string_equal(text_at(tree, "interactions|0|description"), "shop.Shop/Get {\"id\":\"7\"}");
    assert_string_equal(text_at(tree, "interactions|0|pluginConfiguration|protobuf|service"), ".shop.Shop/Get");
    assert_string_equal(text_at(tree, "interactions|0|request|contents|contentType"),
                        "application/protobuf;message=.shop.Query");
    assert_string_equal(text_at(tree, "interactions|0|request|contents|encoded"), "base64");
    assert_string_equal(text_at(tree, "interactions|0|response|0|matchingRules|body|$|matchers|0|match"), "type");
    assert_string_equal(text_at(tree, "metadata|plugins|0|name"), "protobuf");
    check_key(tree);
    json_decref(tree);
    /* Its own contracts are enough to read it. */
    struct pb_pool *pool;
    const struct pact_interaction *i = &consumer_pact(g->consumer)->interactions.items[0];
    assert_int_equal(plugin_pool(consumer_pact(g->consumer), i, &pool, NULL), 0);
    assert_non_null(plugin_method(pool, plugin_service(i)));
    assert_non_null(plugin_method(pool, "Shop/Get"));
    assert_null(plugin_method(pool, "Shop/Gone"));
    pb_pool_free(pool);
}

static void test_not_programmed(void **state)
{
    struct stage *g = *state;
    consumer_hear(g->consumer, g->fake);
    assert_int_equal(ask(g, "Get", "{}"), GRPC_OK);
    assert_int_equal(consumer_pact(g->consumer)->interactions.count, 0);
    assert_int_equal(consumer_passed_over(g->consumer), 1);
    fake_never_answers(g->fake, "Get", true);
    assert_int_equal(ask(g, "Get", "{}"), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(consumer_passed_over(g->consumer), 2);
    fake_never_answers(g->fake, "Get", false);
    consumer_take_all(g->consumer, true);
    assert_int_equal(ask(g, "Get", "{}"), GRPC_OK);
    assert_int_equal(consumer_pact(g->consumer)->interactions.count, 1);
}

static int with_trailers(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)arg;
    (void)asked;
    assert_true(fake_answer_header(answer, "retry-after", bytes_of("5"), true));
    assert_true(fake_answer_header(answer, "why-bin", BYTES("\x01\x02", 2), true));
    fake_answer_fail(answer, GRPC_NOT_FOUND, "no such item");
    return GRPC_NOT_FOUND;
}

#define THREADS 4
#define CALLS   50

struct caller {
    struct stage *stage;
    int number;
};

static void *call_often(void *arg)
{
    const struct caller *c = arg;
    for (int i = 0; i < CALLS; i++) {
        char json[40];
        (void)snprintf(json, sizeof json, "{\"id\":\"%d-%d\"}", c->number, i);
        (void)ask(c->stage, "Get", json);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct stage *g = *state;
    pthread_t threads[THREADS];
    struct caller callers[THREADS];
    consumer_hear(g->consumer, g->fake);
    program(g, "Get", "{\"id\":\"7\"}");
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){g, i};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(consumer_failed(g->consumer, &g->err), 0);
    assert_int_equal(consumer_pact(g->consumer)->interactions.count, THREADS * CALLS);
}

static void test_status(void **state)
{
    struct stage *g = *state;
    consumer_hear(g->consumer, g->fake);
    assert_int_equal(fake_stub(g->fake, "Get", with_trailers, NULL), 0);
    assert_int_equal(ask(g, "Get", "{\"id\":\"gone\"}"), GRPC_NOT_FOUND);
    json_t *tree = written(g);
    assert_string_equal(text_at(tree, "interactions|0|response|0|metadata|grpc-status"), "NOT_FOUND");
    assert_string_equal(text_at(tree, "interactions|0|response|0|metadata|grpc-message"), "no such item");
    assert_string_equal(text_at(tree, "interactions|0|response|0|metadata|retry-after"), "5");
    assert_string_equal(text_at(tree, "interactions|0|response|0|metadata|why-bin"), "AQI");
    assert_string_equal(text_at(tree, "interactions|0|response|0|matchingRules|metadata|grpc-message|matchers|0|match"),
                        "type");
    json_decref(tree);
}

/* A call as who hears streams tells it. */
static int add_stream(struct stage *g, const char *method, const char *const *requests, const char *const *replies,
                      bool open)
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
    int code = consumer_add(g->consumer,
                            &(struct consumer_call){.method = m,
                                                    .request = text_bytes(&in),
                                                    .ends = ends,
                                                    .messages = n,
                                                    .replies = text_bytes(&out),
                                                    .reply_ends = reply_ends,
                                                    .reply_count = k,
                                                    .open = open},
                            &g->err);
    text_deinit(&in);
    text_deinit(&out);
    return code;
}

static void test_streams(void **state)
{
    struct stage *g = *state;
    static const char *const two[] = {"{\"id\":\"a\"}", "{\"id\":\"b\"}", NULL}, *const none[] = {NULL},
                             *const one[] = {"{}", NULL};
    assert_int_equal(add_stream(g, "List", one, two, false), 0);
    assert_int_equal(add_stream(g, "Put", two, one, false), 0);
    assert_int_equal(add_stream(g, "Put", none, one, false), 0);
    assert_int_equal(add_stream(g, "Chat", two, two, true), 0);
    assert_int_equal(consumer_pact(g->consumer)->interactions.count, 4);
    const struct pact *p = consumer_pact(g->consumer);
    size_t messages[4], answers[4];
    for (size_t i = 0; i < 4; i++) {
        struct plugin_messages all;
        assert_int_equal(plugin_requests(&p->interactions.items[i], &all, &g->err), 0);
        messages[i] = all.items.count;
        answers[i] = p->interactions.items[i].responses.count;
        plugin_messages_deinit(&all);
    }
    const size_t right[] = {1, 2, 0, 2}, replied[] = {2, 1, 1, 2};
    assert_memory_equal(messages, right, sizeof right);
    assert_memory_equal(answers, replied, sizeof replied);
    assert_true(plugin_open(&p->interactions.items[3]));
    assert_false(plugin_open(&p->interactions.items[0]));
}

static void test_rules(void **state)
{
    struct stage *g = *state;
    const struct consumer_place id = {"Get", CONSUMER_ANSWER, PACT_BODY, "$.id"};
    const struct consumer_place asked = {NULL, CONSUMER_REQUEST, PACT_BODY, "$.id"};
    assert_int_equal(consumer_rule(g->consumer, &id, "{\"match\":\"regex\",\"regex\":\"^[0-9]+$\"}", &g->err), 0);
    assert_int_equal(consumer_rule(g->consumer, &id, "{\"match\":\"no such\"}", &g->err), ERROR_UNSUPPORTED);
    error_clear(&g->err);
    assert_int_equal(consumer_rule(g->consumer, &id, "{", &g->err), ERROR_SYNTAX);
    error_clear(&g->err);
    assert_int_equal(
        consumer_generator(g->consumer, &asked, "{\"type\":\"ProviderState\",\"expression\":\"${id}\"}", &g->err), 0);
    json_t *params = json_pack("{s:i}", "id", 7);
    assert_int_equal(consumer_given(g->consumer, "an item is there", params), 0);
    json_decref(params);
    consumer_hear(g->consumer, g->fake);
    program(g, "Get", "{\"id\":\"7\"}");
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_OK);
    json_t *tree = written(g);
    assert_string_equal(text_at(tree, "interactions|0|response|0|matchingRules|body|$.id|matchers|0|match"), "regex");
    assert_string_equal(text_at(tree, "interactions|0|request|generators|body|$.id|type"), "ProviderState");
    assert_string_equal(text_at(tree, "interactions|0|providerStates|0|name"), "an item is there");
    json_decref(tree);
}

static void test_contradiction(void **state)
{
    struct stage *g = *state;
    consumer_hear(g->consumer, g->fake);
    program(g, "Get", "{\"id\":\"7\"}");
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_OK);
    assert_int_equal(fake_fails(g->fake, "Get", FAKE_EVERY, GRPC_NOT_FOUND, "gone"), 0);
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_NOT_FOUND);
    assert_int_equal(consumer_failed(g->consumer, &g->err), ERROR_EXISTS);
    assert_non_null(strstr(g->err.message, "shop.Shop/Get {\"id\":\"7\"}"));
    assert_non_null(strstr(g->err.message, "status OK there, NOT_FOUND here"));
    /* Under a state of its own it is none. */
    assert_int_equal(consumer_given(g->consumer, "nothing is there", NULL), 0);
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_NOT_FOUND);
    assert_int_equal(consumer_failed(g->consumer, NULL), 0);
    assert_int_equal(consumer_pact(g->consumer)->interactions.count, 2);
}

static void add_one(struct consumer *c, struct stage *g, const char *id, int status)
{
    consumer_hear(c, g->fake);
    if (status == GRPC_OK)
        program(g, "Get", "{\"id\":\"7\"}");
    else
        assert_int_equal(fake_fails(g->fake, "Get", FAKE_EVERY, status, "no"), 0);
    char json[64];
    (void)snprintf(json, sizeof json, "{\"id\":\"%s\"}", id);
    assert_int_equal(ask(g, "Get", json), status);
}

static size_t count_in_file(struct stage *g)
{
    struct pact *p;
    assert_int_equal(consumer_read_pact(g->world, "/pacts/web-shop.json", &p, &g->err), 0);
    size_t count = p->interactions.count;
    pact_free(p);
    return count;
}

static void test_folder(void **state)
{
    struct stage *g = *state;
    struct text path = TEXT_INIT, first = TEXT_INIT, second = TEXT_INIT;
    struct consumer *other;
    assert_int_equal(consumer_write(g->consumer, g->world, "/pacts", NULL, &g->err), 0); /* nothing: no file */
    add_one(g->consumer, g, "a", GRPC_OK);
    assert_int_equal(consumer_write(g->consumer, g->world, "/pacts", &path, &g->err), 0);
    assert_string_equal(text_string(&path), "/pacts/web-shop.json");
    assert_int_equal(world_read_file(g->world, text_string(&path), 1 << 20, &first, NULL), 0);
    /* Another run adds to it; the same run leaves it as it is. */
    assert_int_equal(consumer_new("web", "shop", &other), 0);
    add_one(other, g, "b", GRPC_OK);
    assert_int_equal(consumer_write(other, g->world, "/pacts", NULL, &g->err), 0);
    assert_int_equal(count_in_file(g), 2);
    assert_int_equal(world_read_file(g->world, text_string(&path), 1 << 20, &first, NULL), 0);
    assert_int_equal(consumer_write(g->consumer, g->world, "/pacts", NULL, &g->err), 0);
    consumer_free(other);
    /* A contradiction names the file and changes nothing. */
    assert_int_equal(consumer_new("web", "shop", &other), 0);
    add_one(other, g, "a", GRPC_ABORTED);
    assert_int_equal(consumer_write(other, g->world, "/pacts", NULL, &g->err), ERROR_EXISTS);
    assert_string_equal(g->err.file, "/pacts/web-shop.json");
    assert_true(g->err.line > 0);
    assert_int_equal(count_in_file(g), 2);
    fake_hear(g->fake, NULL);
    consumer_free(other);
    text_deinit(&path);
    text_deinit(&first);
    text_deinit(&second);
}

/* The contracts changed between two runs: what is asked and answered is the same, and the newest contracts count. */
static void test_new_contracts(void **state)
{
    struct stage *g = *state;
    struct text set = TEXT_INIT, path = TEXT_INIT;
    struct pb_pool *pool;
    struct fake *fake;
    struct consumer *later;
    struct pact *had;
    char old_key[PLUGIN_KEY_SIZE];
    consumer_hear(g->consumer, g->fake);
    program(g, "Get", "{\"id\":\"7\"}");
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_OK);
    (void)snprintf(old_key, sizeof old_key, "%s", plugin_key(&consumer_pact(g->consumer)->interactions.items[0]));
    assert_int_equal(consumer_write(g->consumer, g->world, "pacts", NULL, &g->err), 0);

    assert_int_equal(
        proto_compile_text("shop.proto", bytes_of(SHOP_PROTO "message New { int32 n = 1; }\n"), &set, NULL), 0);
    assert_int_equal(pb_pool_new(text_bytes(&set), "shop", &pool, NULL), 0);
    assert_int_equal(fake_new(pb_find_service(pool, "shop.Shop"), &fake), 0);
    assert_int_equal(consumer_new("web", "shop", &later), 0);
    consumer_hear(later, fake);
    struct fake *first = g->fake;
    g->fake = fake;
    program(g, "Get", "{\"id\":\"7\"}");
    assert_int_equal(ask(g, "Get", "{\"id\":\"7\"}"), GRPC_OK);
    g->fake = first;
    assert_int_equal(consumer_write(later, g->world, "pacts", &path, &g->err), 0);

    assert_int_equal(consumer_read_pact(g->world, text_string(&path), &had, &g->err), 0);
    assert_int_equal(had->interactions.count, 1);
    assert_string_not_equal(plugin_key(&had->interactions.items[0]), old_key);
    struct pb_pool *own;
    assert_int_equal(plugin_pool(had, &had->interactions.items[0], &own, NULL), 0);
    assert_non_null(pb_find_type(own, "shop.New"));
    const json_t *plugin = json_array_get(json_object_get(had->metadata, "plugins"), 0);
    assert_int_equal(json_object_size(json_object_get(plugin, "configuration")), 1);
    pb_pool_free(own);
    pact_free(had);
    fake_free(fake);
    consumer_free(later);
    pb_pool_free(pool);
    text_deinit(&set);
    text_deinit(&path);
}

/* What is told under a name is told anew, also when it is another request now. */
static void test_about(void **state)
{
    struct stage *g = *state;
    for (int turn = 0; turn < 2; turn++) {
        struct consumer *c;
        assert_int_equal(consumer_new("web", "shop", &c), 0);
        assert_int_equal(consumer_about(c, "a test"), 0);
        add_one(c, g, turn == 0 ? "x" : "y", GRPC_OK);
        add_one(c, g, "z", GRPC_OK);
        assert_int_equal(consumer_write(c, g->world, "/pacts", NULL, &g->err), 0);
        fake_hear(g->fake, NULL);
        consumer_free(c);
        assert_int_equal(count_in_file(g), 2);
    }
    struct pact *p;
    assert_int_equal(consumer_read_pact(g->world, "/pacts/web-shop.json", &p, NULL), 0);
    assert_string_equal(p->interactions.items[0].description, "a test: shop.Shop/Get");
    assert_string_equal(p->interactions.items[1].description, "a test: shop.Shop/Get (2)");
    pact_free(p);
}

static void test_fields(void **state)
{
    struct stage *g = *state;
    json_t *tree = json_loads("{\"id\":\"7\",\"part\":{\"name\":\"x\"},\"stock\":{\"a\":1}}", 0, NULL),
           *set = json_object();
    assert_true(plugin_fields(pb_find_type(g->pool, "shop.Item"), tree, set));
    assert_int_equal(json_object_size(set), 4);
    assert_non_null(json_object_get(set, "shop.Item.name"));
    assert_non_null(json_object_get(set, "shop.Item.stock"));
    json_decref(tree);
    json_decref(set);
}

/* A field that holds its default is on no wire; a rule on it asks for it all the same. */
static void test_defaults(void **state)
{
    struct stage *g = *state;
    const struct pact_rule rule = {.category = PACT_BODY, .path = "$.part.sold"};
    struct pact_rule rules[] = {rule};
    struct pact_part part = {.rules = {.items = {rules, 1, 1}}};
    struct text wire = TEXT_INIT;
    json_t *tree;
    wire_of(g, "shop.Item", "{\"part\":{\"id\":\"x\"}}", &wire);
    assert_int_equal(plugin_expected(pb_find_type(g->pool, "shop.Item"), text_bytes(&wire), &part, &tree, NULL), 0);
    assert_true(json_is_false(json_object_get(json_object_get(tree, "part"), "sold")));
    assert_null(json_object_get(json_object_get(tree, "part"), "name"));
    json_decref(tree);
    text_deinit(&wire);
}

static struct stage *walked;

/* Rules as the Pact project's plugin writes them look into timestamps, wrappers and their like: both sides are plain.
 */
static void test_plain(void **state)
{
    static const struct {
        const char *path;
        bool plain;
    } rows[] = {{"$.since", false},
                {"$.since.seconds", true},
                {"$.wait.nanos", true},
                {"$.note.value", true},
                {"$.extra.n", false},
                {"$.since.years", false},
                {"$.items[*].made", false},
                {"$.items.*.made.nanos", true},
                {"$.items[0].made.seconds", true},
                {"$.shelves.7.made", false},
                {"$.shelves.*.made.nanos", true},
                {"$.shelves['7'].made.nanos", true},
                {"$.labels.seconds", false},
                {"$.tags[0]", false},
                {"$", false},
                {"$['since']['nanos']", true},
                {"$.nothing.seconds", false}};
    struct pb_pool *pool;
    (void)state;
    assert_int_equal(pb_pool_new(shop_set(), "shop", &pool, NULL), 0);
    const struct pb_type *query = pb_find_type(pool, "shop.Query");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text text = TEXT_INIT;
        struct pact *p;
        text_printf(
            &text,
            "{\"consumer\":{\"name\":\"a\"},\"provider\":{\"name\":\"b\"},\"metadata\":{\"pactSpecification\":"
            "{\"version\":\"4.0\"}},\"interactions\":[{\"type\":\"Synchronous/Messages\",\"description\":\"d\","
            "\"request\":{},\"response\":[{\"contents\":{\"content\":\"igECCAE=\",\"encoded\":\"base64\","
            "\"contentType\":\"application/protobuf\"},\"matchingRules\":{\"body\":{\"%s\":{\"matchers\":[{\"match\":"
            "\"type\"}]}}}}]}]}",
            rows[i].path);
        assert_int_equal(pact_parse(text_bytes(&text), "p", &p, NULL), 0);
        const struct pact_part *part = &p->interactions.items[0].responses.items[0];
        json_t *tree;
        if (plugin_plain(query, part) != rows[i].plain)
            fail_msg("%s", rows[i].path);
        assert_int_equal(plugin_expected(query, part->content.bytes, part, &tree, NULL), 0);
        assert_true(json_is_object(json_object_get(tree, "since")) == rows[i].plain); /* {"seconds": 1} */
        json_decref(tree);
        pact_free(p);
        text_deinit(&text);
    }
    pb_pool_free(pool);
}

static int walk_scenario(void)
{
    struct consumer *c = NULL;
    const struct pb_method *m = shop_method(walked->pool, "Get");
    static const size_t end = 3;
    const struct call_log_http http = {.method = "POST",
                                       .path = "/shop/get",
                                       .query = "",
                                       .body = bytes_of("{\"id\":\"a\"}"),
                                       .reply = bytes_of("{\"id\":\"b\"}")};
    int code = consumer_new("web", "shop", &c);
    if (code == 0)
        code = consumer_given(c, "a state", NULL);
    if (code == 0)
        code = consumer_rule(c, &(struct consumer_place){"Get", CONSUMER_ANSWER, PACT_BODY, "$.id"},
                             "{\"match\":\"type\"}", NULL);
    for (int i = 0; i < 3 && code == 0; i++)
        code = consumer_add(c,
                            &(struct consumer_call){.method = m,
                                                    .request = BYTES("\x0a\x01"
                                                                     "a",
                                                                     3),
                                                    .ends = &end,
                                                    .messages = 1,
                                                    .replies = BYTES("\x0a\x01"
                                                                     "b",
                                                                     3),
                                                    .reply_ends = &end,
                                                    .reply_count = 1,
                                                    .http = i == 1 ? &http : NULL},
                            NULL);
    if (code == 0)
        code = consumer_write(c, walked->world, "/walk", NULL, NULL);
    consumer_free(c);
    return code;
}

static void test_memory(void **state)
{
    walked = *state;
    size_t walk = failing_walk(walk_scenario, FAILING_MAY_BE_BORNE);
    assert_true(walk > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_programmed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradiction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_contracts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_about, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test(test_plain),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests_name("consumer", tests, NULL, NULL);
}
