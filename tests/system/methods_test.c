/* Every method of every contract of Micro's core is there and does something. The methods are listed from the
 * compiled-in descriptors. Most are called in an order that makes sense, with a request that must succeed and an answer
 * of which something is checked (`steps`); the rest with an empty request, which must succeed or be refused with
 * Micro's error of a caller's fault, in words. A server's fault, another status or no words: the method is not there.
 */
#include "base/test.h"

#include "base/log.h"
#include "base/units.h"
#include "proto/set.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_keys.h"
#include "runtime/server/sim_micro.h"
#include "runtime/service/service.h"

#include <stdio.h>
#include <string.h>

#define CALL_LIMIT ((uint64_t)(5 * SECOND)) /* virtual; a stream that has nothing to say ends by it */
#define SETTLE     ((uint64_t)SECOND)       /* until a stream stands */
#define PATHS_MAX  200

/* Contracts of the core (Micro v3), as packages; `debug` is at every component. */
static const char *const packages[] = {"auth",   "broker",  "config", "events", "network", "registry",
                                       "router", "runtime", "store",  "api",    "client",  NULL};

struct system {
    struct sim *sim;
    struct sim_micro *micro;
    struct world *world;
    struct arena arena;
    const char *token, *service_token;
    struct pb_pool *pool;
    const char *proven[PATHS_MAX]; /* paths of methods that succeeded with an answer that was checked */
    size_t proven_count;
};

/* A call by JSON that must succeed. */
struct step {
    const char *path, *request;
    const char *words;       /* in the answer, or in the messages of a stream; NULL: the answer is empty */
    const char *then, *with; /* called once the stream stands: what the stream tells of; NULL: nothing */
};
static const struct step steps[] = {
    {"/auth.Auth/Generate", "{\"id\":\"jane\",\"secret\":\"a-secret-of-jane\",\"options\":{\"namespace\":\"micro\"}}",
     "\"id\":\"jane\"", NULL, NULL},
    {"/auth.Auth/Token", "{\"id\":\"jane\",\"secret\":\"a-secret-of-jane\",\"options\":{\"namespace\":\"micro\"}}",
     "\"access_token\":\"ey", NULL, NULL},
    {"/auth.Accounts/List", "{\"options\":{\"namespace\":\"micro\"}}", "\"jane\"", NULL, NULL},
    {"/auth.Accounts/ChangeSecret",
     "{\"id\":\"jane\",\"old_secret\":\"a-secret-of-jane\",\"new_secret\":\"another-secret\","
     "\"options\":{\"namespace\":\"micro\"}}",
     NULL, NULL, NULL},
    {"/auth.Auth/Token", "{\"id\":\"jane\",\"secret\":\"another-secret\",\"options\":{\"namespace\":\"micro\"}}",
     "\"refresh_token\":\"", NULL, NULL},
    {"/auth.Accounts/Delete", "{\"id\":\"jane\",\"options\":{\"namespace\":\"micro\"}}", NULL, NULL, NULL},
    {"/auth.Rules/Create",
     "{\"rule\":{\"id\":\"mine\",\"scope\":\"\",\"resource\":{\"type\":\"service\",\"name\":\"notes\",\"endpoint\":\"*"
     "\"},"
     "\"access\":\"GRANTED\",\"priority\":-1},\"options\":{\"namespace\":\"micro\"}}",
     NULL, NULL, NULL},
    {"/auth.Rules/List", "{\"options\":{\"namespace\":\"micro\"}}", "\"mine\"", NULL, NULL},
    {"/auth.Policy/Watch", "{}", "BEGIN PUBLIC KEY", NULL, NULL},
    {"/auth.Rules/Delete", "{\"id\":\"mine\",\"options\":{\"namespace\":\"micro\"}}", NULL, NULL, NULL},
    {"/auth.Keys/Rotate", "{}", "\"id\":\"", NULL, NULL},
    {"/auth.Keys/List", "{}", "\"id\":\"", NULL, NULL},
    {"/broker.Broker/Subscribe", "{\"topic\":\"t\"}", "\"body\":\"eA==\"", "/broker.Broker/Publish",
     "{\"topic\":\"t\",\"message\":{\"body\":\"eA==\"}}"},
    {"/client.Client/Call",
     "{\"service\":\"store\",\"endpoint\":\"Store.Databases\",\"content_type\":\"application/json\","
     "\"body\":\"e30=\"}",
     "\"body\":\"", NULL, NULL},
    {"/client.Client/Publish", "{\"topic\":\"t\",\"content_type\":\"text/plain\",\"body\":\"eA==\"}", "", NULL, NULL},
    {"/config.Config/Set", "{\"namespace\":\"micro\",\"path\":\"a.b\",\"value\":{\"data\":\"17\",\"format\":\"json\"}}",
     NULL, NULL, NULL},
    {"/config.Config/Get", "{\"namespace\":\"micro\",\"path\":\"a.b\"}", "\"data\":\"17\"", NULL, NULL},
    {"/config.Config/Read", "{\"namespace\":\"micro\",\"path\":\"a\"}", "17", NULL, NULL},
    {"/config.Watcher/Watch", "{\"namespace\":\"micro\",\"path\":\"a\"}", "18", "/config.Config/Set",
     "{\"namespace\":\"micro\",\"path\":\"a.b\",\"value\":{\"data\":\"18\",\"format\":\"json\"}}"},
    {"/config.Config/Delete", "{\"namespace\":\"micro\",\"path\":\"a\"}", NULL, NULL, NULL},
    {"/events.Stream/Publish", "{\"topic\":\"t\",\"payload\":\"eA==\"}", NULL, NULL, NULL},
    {"/events.Stream/Consume", "{\"topic\":\"t\",\"auto_ack\":true,\"offset\":\"1\"}", "\"payload\":\"eA==\"", NULL,
     NULL},
    {"/events.Store/Write",
     "{\"event\":{\"id\":\"0b8d4f06-5f2c-4a83-9c3b-1f0a6f1f2a11\",\"topic\":\"u\",\"payload\":\"eQ==\"}}", NULL, NULL,
     NULL},
    {"/events.Store/Read", "{\"topic\":\"u\"}", "\"payload\":\"eQ==\"", NULL, NULL},
    {"/network.Network/Graph", "{}", "\"root\":{", NULL, NULL},
    {"/network.Network/Nodes", "{}", "\"address\":\"", NULL, NULL},
    {"/network.Network/Routes", "{\"query\":{\"service\":\"notes\"}}", "\"service\":\"notes\"", NULL, NULL},
    {"/network.Network/Services", "{}", "\"notes\"", NULL, NULL},
    {"/network.Network/Status", "{}", "", NULL, NULL},
    {"/registry.Registry/Watch", "{\"options\":{\"domain\":\"micro\"}}", "\"name\":\"probe\"",
     "/registry.Registry/Register",
     "{\"name\":\"probe\",\"version\":\"1\",\"nodes\":[{\"id\":\"probe-1\",\"address\":\"probe:1\"}],"
     "\"options\":{\"domain\":\"micro\",\"ttl\":60}}"},
    {"/registry.Registry/GetService", "{\"service\":\"probe\",\"options\":{\"domain\":\"micro\"}}", "\"probe-1\"", NULL,
     NULL},
    {"/registry.Registry/ListServices", "{\"options\":{\"domain\":\"micro\"}}", "\"probe\"", NULL, NULL},
    {"/registry.Registry/Deregister",
     "{\"name\":\"probe\",\"version\":\"1\",\"nodes\":[{\"id\":\"probe-1\",\"address\":\"probe:1\"}],"
     "\"options\":{\"domain\":\"micro\"}}",
     NULL, NULL, NULL},
    {"/router.Router/Watch", "{}", "\"service\":\"far\"", "/router.Table/Create",
     "{\"service\":\"far\",\"address\":\"far:1\"}"},
    {"/router.Table/Update", "{\"service\":\"far\",\"address\":\"far:1\",\"metric\":\"7\"}", NULL, NULL, NULL},
    {"/router.Table/Read", "{\"service\":\"far\"}", "\"metric\":\"7\"", NULL, NULL},
    {"/router.Router/Lookup", "{\"service\":\"notes\"}", "\"service\":\"notes\"", NULL, NULL},
    {"/router.Table/Delete", "{\"service\":\"far\",\"address\":\"far:1\"}", NULL, NULL, NULL},
    {"/runtime.Runtime/Create", "{\"resource\":{\"namespace\":{\"name\":\"acme\"}}}", NULL, NULL, NULL},
    {"/runtime.Runtime/Read", "{\"options\":{\"namespace\":\"micro\"}}", "\"services\":[", NULL, NULL},
    {"/runtime.Runtime/Delete", "{\"resource\":{\"namespace\":{\"name\":\"acme\"}}}", NULL, NULL, NULL},
    {"/store.Store/Write", "{\"record\":{\"key\":\"k\",\"value\":\"eA==\"},\"options\":{\"database\":\"micro\"}}", NULL,
     NULL, NULL},
    {"/store.Store/Read", "{\"key\":\"k\",\"options\":{\"database\":\"micro\"}}", "\"value\":\"eA==\"", NULL, NULL},
    {"/store.Store/List", "{\"options\":{\"database\":\"micro\"}}", "\"k\"", NULL, NULL},
    {"/store.Store/Databases", "{}", "\"micro\"", NULL, NULL},
    {"/store.Store/Tables", "{\"database\":\"micro\"}", "\"tables\":[\"", NULL, NULL},
    {"/store.Store/Delete", "{\"key\":\"k\",\"options\":{\"database\":\"micro\"}}", NULL, NULL, NULL},
    {"/store.BlobStore/Write", "{\"key\":\"b\",\"options\":{\"namespace\":\"micro\"},\"blob\":\"eA==\"}", NULL, NULL,
     NULL},
    {"/store.BlobStore/Read", "{\"key\":\"b\",\"options\":{\"namespace\":\"micro\"}}", "\"blob\":\"eA==\"", NULL, NULL},
    {"/store.BlobStore/List", "{\"options\":{\"namespace\":\"micro\"}}", "\"b\"", NULL, NULL},
    {"/store.BlobStore/Delete", "{\"key\":\"b\",\"options\":{\"namespace\":\"micro\"}}", NULL, NULL, NULL},
    {"/api.Api/AddToBlockList", "{\"id\":\"made\",\"namespace\":\"micro\"}", NULL, NULL, NULL},
    {"/api.Api/ReadBlockList", "{}", "made", NULL, NULL},
    {"/api.Api/RemoveFromBlockList", "{\"id\":\"made\",\"namespace\":\"micro\"}", NULL, NULL, NULL},
};

static bool of_the_core(const char *service)
{
    for (const char *const *p = packages; *p; p++) {
        size_t len = strlen(*p);
        if (strncmp(service, *p, len) == 0 && service[len] == '.' && strchr(service + len + 1, '.') == NULL)
            return true;
    }
    return false;
}

/* The component that serves it, by the table. */
static const char *served_by(const char *service)
{
    for (const struct component *c = components; c->name; c++)
        for (const char *const *s = c->services; s && *s; s++)
            if (strcmp(*s, service) == 0)
                return c->name;
    return NULL;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

struct talk {
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    struct text got; /* messages, a line each; or the words of the refusal */
    const char *wanted;
    int status;
    bool over;
};

static void on_message(void *arg, struct bytes message)
{
    struct talk *t = arg;
    text_add(&t->got, message.data, message.len);
    text_char(&t->got, '\n');
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct talk *t = arg;
    t->stream = NULL;
    t->over = true;
    t->status = reply->status;
    if (reply->status != GRPC_OK) {
        text_clear(&t->got);
        text_add(&t->got, reply->message.data, reply->message.len);
    }
}

static void talk_open(struct system *s, struct talk *t, const char *component, const char *path, const char *request)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    char address[SIM_MICRO_ADDRESS_MAX];
    struct text bearer = TEXT_INIT;
    *t = (struct talk){.status = -1};
    sim_micro_address(component, address);
    /* The policy is told to services alone. */
    text_printf(&bearer, "Bearer %s", strncmp(path, "/auth.Policy/", 13) == 0 ? s->service_token : s->token);
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_channel_options options = {.addresses = address};
    const struct rpc_request r = {.path = path,
                                  .metadata = {&header, 1},
                                  .timeout = 10 * CALL_LIMIT,
                                  .content_type = "application/grpc+json",
                                  .message = bytes_of(request),
                                  .has_message = true};
    assert_int_equal(rpc_channel_new(s->world, &options, &t->channel, NULL), 0);
    assert_int_equal(rpc_stream_open(t->channel, &r, &events, t, &t->stream, NULL), 0);
    text_deinit(&bearer);
}

static bool talk_done(void *arg)
{
    const struct talk *t = arg;
    return t->over || (t->wanted && t->wanted[0] && strstr(text_string(&t->got), t->wanted));
}

/* Until it is over or said what is wanted; a stream that stands longer is left alone. */
static void talk_wait(struct system *s, struct talk *t, const char *wanted)
{
    t->wanted = wanted;
    (void)world_run_until(s->world, talk_done, t, CALL_LIMIT);
}

static void talk_close(struct talk *t)
{
    rpc_channel_free(t->channel);
    text_deinit(&t->got);
}

static void prove(struct system *s, const char *path)
{
    for (size_t i = 0; i < s->proven_count; i++)
        if (strcmp(s->proven[i], path) == 0)
            return;
    assert_true(s->proven_count < PATHS_MAX);
    s->proven[s->proven_count++] = path;
}

static bool is_proven(const struct system *s, const char *path)
{
    for (size_t i = 0; i < s->proven_count; i++)
        if (strcmp(s->proven[i], path) == 0)
            return true;
    return false;
}

/* "/store.Store/Read" is served where "store.Store" is. */
static const char *component_of(const char *path)
{
    char service[128];
    snprintf(service, sizeof service, "%.*s", (int)strcspn(path + 1, "/"), path + 1);
    const char *component = served_by(service);
    if (!component)
        fail_msg("no component serves %s", service);
    return component;
}

static void check(struct talk *t, const char *path, const char *words)
{
    bool refused = t->over && t->status != GRPC_OK;
    bool empty = t->over && strcmp(text_string(&t->got), "{}\n") == 0;
    if (refused || (words ? !strstr(text_string(&t->got), words) : !empty))
        fail_msg("%s: %s, %s; wanted %s", path, t->over ? grpc_status_name(t->status) : "it goes on",
                 text_string(&t->got), words ? words : "an empty answer");
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static void sensible_requests(void **state)
{
    struct system *s = *state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct step *step = &steps[i];
        struct talk t, other;
        talk_open(s, &t, component_of(step->path), step->path, step->request);
        if (step->then) {
            (void)world_sleep(s->world, SETTLE);
            talk_open(s, &other, component_of(step->then), step->then, step->with);
            talk_wait(s, &other, NULL);
            check(&other, step->then, NULL);
            talk_close(&other);
            prove(s, step->then);
        }
        talk_wait(s, &t, step->words);
        check(&t, step->path, step->words);
        talk_close(&t);
        prove(s, step->path);
    }
}

/* An empty request: OK, a stream that stands, or a refusal that is the caller's to mend and says how. */
static void expect_there(struct system *s, const char *component, const char *path)
{
    struct talk t;
    struct micro_error e = {0};
    talk_open(s, &t, component, path, "{}");
    talk_wait(s, &t, "\n");
    if (t.over && t.status != GRPC_OK) {
        micro_error_parse(t.status, text_bytes(&t.got), &e);
        bool of_us = t.got.len > 0 && text_string(&t.got)[0] == '{' && e.id[0] && e.detail[0];
        /* Peers have a token of their own; every other method knows ours. */
        bool known = e.code != 401 || strncmp(path, "/network.Peering/", 17) == 0;
        if (!of_us || !known || e.code < 400 || e.code >= 500)
            fail_msg("%s at %s: %s %s", path, component, grpc_status_name(t.status), text_string(&t.got));
    } else if (t.over && t.got.len == 0 && strstr(path, "Watch") == NULL && strstr(path, "/List") == NULL) {
        fail_msg("%s at %s: OK without an answer", path, component);
    }
    talk_close(&t);
}

static void every_method(void **state)
{
    struct system *s = *state;
    size_t count = 0, proven = 0;
    for (size_t i = 0; i < pb_service_count(s->pool); i++) {
        const struct pb_service *service = pb_service_at(s->pool, i);
        if (!of_the_core(service->full_name))
            continue;
        for (size_t m = 0; m < service->method_count; m++, count++) {
            const char *path = service->methods[m].path;
            const char *component = component_of(path);
            if (is_proven(s, path))
                proven++;
            else
                expect_there(s, component, path);
        }
    }
    print_message("%zu methods, %zu of them with an answer that was checked\n", count, proven);
    assert_true(count >= 60); /* v3's contracts alone have that many */
    assert_int_equal(proven, s->proven_count);
    assert_true(proven * 10 >= count * 8);
}

static void debug_everywhere(void **state)
{
    static const struct {
        const char *method, *words;
    } methods[] = {
        {"Health", "\"status\":\"ok\""}, {"Stats", "\"started\":\""}, {"Log", "listening"}, {"Trace", "\"spans\":"}};
    struct system *s = *state;
    for (const struct component *c = components; c->name; c++)
        for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
            struct talk t;
            char path[64];
            snprintf(path, sizeof path, "/%s.Debug/%s", c->name, methods[i].method);
            talk_open(s, &t, c->name, path, "{}");
            talk_wait(s, &t, NULL);
            check(&t, path, methods[i].words);
            talk_close(&t);
        }
}

static void no_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static int set_up(void **state)
{
    static struct system s;
    const struct sim_micro_options options = {
        .private_key = sim_private_key, .public_key = sim_public_key, .admin_secret = "correct horse"};
    log_set_sink(no_line, NULL);
    s = (struct system){.sim = sim_new(&(struct sim_options){.seed = 1})};
    assert_non_null(s.sim);
    s.world = sim_node(s.sim, "client");
    assert_int_equal(sim_micro_new(s.sim, "client", &options, &s.micro, NULL), 0);
    assert_int_equal(sim_micro_boot(s.micro, (uint64_t)(30 * SECOND), NULL), 0);
    s.token = sim_micro_token(s.micro, &s.arena, "tester", "user", "micro", "admin", 3600);
    s.service_token = sim_micro_token(s.micro, &s.arena, "tester", "service", "micro", "service", 3600);
    assert_non_null(s.token);
    assert_non_null(s.service_token);
    assert_int_equal(pb_pool_new(proto_set(), "set", &s.pool, NULL), 0);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct system *s = *state;
    pb_pool_free(s->pool);
    sim_micro_free(s->micro);
    sim_free(s->sim);
    arena_deinit(&s->arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sensible_requests),
        cmocka_unit_test(every_method), /* after it: it knows what was proven */
        cmocka_unit_test(debug_everywhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
