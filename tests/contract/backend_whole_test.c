/* The backend's five services together, on micro's real registry, store, events and auth in one simulated world; only
 * what is outside (mail, payments) and the namespaces are doubles. What the doubles of the contract tests say of the
 * real ones has to be so. */
#include "base/test.h"

#include "base/units.h"
#include "fakes/fakes.h"
#include "fakes/serve/serve.h"
#include "proto/emails/emails.pb-c.h"
#include "proto/services.h"
#include "runtime/service/test_calls.h"
#include "runtime/services/backend/backend.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define LIMIT ((uint64_t)(60 * SECOND))
#define COUNT 5

struct whole {
    struct test_fixture f;
    struct micro_program programs[COUNT]; /* with their contracts, so that they take JSON */
    struct rpc_channel *channels[COUNT];
    struct pb_pool *pool;
    struct fake_server *server;
    struct fake *emails, *namespaces, *provider;
    char *admin;
};

static const char peers[] =
    "registry=registry:8000,store=store:8002,auth=auth:8010,customers=customers:8101,invite=invite:8101,"
    "signup=signup:8101,subscriptions=subscriptions:8101,billing=billing:8101,emails=doubles:8003,"
    "namespaces=doubles:8003,payments=doubles:8003,events=";

static struct fake *serve(struct whole *x, const char *service)
{
    struct fake *f = NULL;
    const struct pb_service *s = pb_find_service(x->pool, service);
    assert_non_null(s);
    assert_int_equal(fake_new(s, &f), 0);
    assert_int_equal(fake_server_add(x->server, s, f), 0);
    return f;
}

static void begin(struct whole *x)
{
    static const char *const started[] = {"registry", "store", "events", "auth", NULL};
    static const char *const names[] = {"customers", "invite", "signup", "subscriptions", "billing"};
    char events[SIM_MICRO_ADDRESS_MAX], all_peers[512];
    test_fixture_begin(&x->f, 23, started, NULL);
    assert_int_equal(pb_pool_new(proto_services_set(), "services", &x->pool, NULL), 0);
    const struct fake_server_options options = {.pool = x->pool};
    assert_int_equal(fake_server_new(sim_node(x->f.system.sim, "doubles"), &options, &x->server, NULL), 0);
    x->emails = serve(x, "emails.Emails");
    x->namespaces = serve(x, "namespaces.Namespaces");
    x->provider = serve(x, "payments.Provider");
    assert_int_equal(fake_server_listen(x->server, "0.0.0.0:8003", NULL), 0);
    sim_micro_address("events", events);
    snprintf(all_peers, sizeof all_peers, "%s%s", peers, events);
    for (size_t i = 0; i < COUNT; i++) {
        struct error err = ERROR_INIT;
        struct bytes set = proto_services_set();
        for (size_t p = 0; backend_programs[p]; p++)
            if (strcmp(backend_programs[p]->name, names[i]) == 0)
                x->programs[i] = *backend_programs[p];
        x->programs[i].descriptors = set.data;
        x->programs[i].descriptors_size = set.len;
        assert_int_equal(micro_program_register(x->f.system.sim, &x->programs[i]), 0);
        const char *argv[] = {names[i],  "--address",         "0.0.0.0:8101",
                              "--peers", all_peers,           "--token",
                              NULL,      "--auth-public-key", text_string(&x->f.system.public_key)};
        argv[6] = sim_system_token(&x->f.system, &x->f.arena, names[i], "service", "micro", "service");
        if (sim_start(x->f.system.sim, names[i], names[i], 9, argv, &err) != 0)
            fail_msg("%s: %s", names[i], err.message);
        char address[32];
        snprintf(address, sizeof address, "%s:8101", names[i]);
        const struct rpc_channel_options to = {.addresses = address};
        assert_int_equal(rpc_channel_new(x->f.system.client, &to, &x->channels[i], NULL), 0);
        assert_int_equal(rpc_wait_ready(x->f.system.client, x->channels[i], "", LIMIT, NULL), 0);
    }
    x->admin = sim_system_token(&x->f.system, &x->f.arena, "admin", "user", "micro", "admin");
}

static void end(struct whole *x)
{
    for (size_t i = 0; i < COUNT; i++)
        rpc_channel_free(x->channels[i]);
    fake_server_free(x->server);
    test_fixture_end(&x->f);
    fake_free(x->emails);
    fake_free(x->namespaces);
    fake_free(x->provider);
    pb_pool_free(x->pool);
    backend_pool_free();
    micro_pool_free();
}

/* "signup.Signup/Verify" with JSON; the answer in the arena. */
static const char *call(struct whole *x, const char *method, const char *token, const char *json, int status)
{
    char path[96], bearer[2048];
    struct rpc_answer answer;
    size_t at = 0;
    while (strncmp(method, x->programs[at].name, strlen(x->programs[at].name)) != 0)
        at++;
    snprintf(path, sizeof path, "/%s", method);
    snprintf(bearer, sizeof bearer, "Bearer %s", token ? token : "");
    const struct grpc_header header = {bytes_of("authorization"), bytes_of(bearer)};
    const struct rpc_request r = {.path = path,
                                  .metadata = {.items = &header, .count = token ? 1 : 0},
                                  .timeout = LIMIT,
                                  .content_type = "application/grpc+json",
                                  .message = bytes_of(json),
                                  .has_message = true};
    assert_int_equal(rpc_unary_wait(x->f.system.client, x->channels[at], &r, &answer, NULL), 0);
    struct bytes body = answer.reply.status == GRPC_OK ? answer.reply.body : answer.reply.message;
    const char *text = arena_string_n(&x->f.arena, (const char *)body.data, body.len);
    if (answer.reply.status != status)
        fail_msg("%s %s: %s %s", method, json, grpc_status_name(answer.reply.status), text);
    rpc_answer_deinit(&answer);
    assert_non_null(text);
    return text;
}

static const char *mailed_token(struct whole *x)
{
    struct arena *a = &x->f.arena;
    ProtobufCMessage *m = NULL;
    assert_int_equal(fake_request(x->emails, "Send", fake_count(x->emails, "Send") - 1,
                                  &emails__send_request__descriptor, a, &m, NULL),
                     0);
    const Emails__SendRequest *r = (const Emails__SendRequest *)(const void *)m;
    json_t *data = json_loadb((const char *)r->template_data.data, r->template_data.len, 0, NULL);
    const char *token = arena_string(a, json_string_value(json_object_get(data, "token")));
    json_decref(data);
    assert_non_null(token);
    return token;
}

static void from_invitation_to_farewell(void **state)
{
    (void)state;
    struct whole x = {0};
    begin(&x);
    assert_int_equal(fake_returns_json(x.namespaces, "Create", FAKE_EVERY,
                                       "{\"namespace\":{\"id\":\"tall-blue-cow\",\"owners\":[\"jane\"]}}", NULL),
                     0);
    assert_int_equal(fake_returns_json(x.provider, "CreateSubscription", FAKE_EVERY,
                                       "{\"subscription\":{\"id\":\"sub_1\",\"quantity\":\"1\"}}", NULL),
                     0);
    const char *email = "{\"email\":\"sue@example.com\"}";
    call(&x, "signup.Signup/SendVerificationEmail", NULL, email, GRPC_PERMISSION_DENIED);
    call(&x, "invite.Invite/User", x.admin, email, GRPC_OK);
    call(&x, "signup.Signup/SendVerificationEmail", NULL, email, GRPC_OK);
    const char *token = mailed_token(&x);
    char json[256];
    snprintf(json, sizeof json, "{\"email\":\"sue@example.com\",\"token\":\"%s\"}", token);
    const char *verified = call(&x, "signup.Signup/Verify", NULL, json, GRPC_OK);
    json_t *answer = json_loads(verified, 0, NULL);
    const char *customer = arena_string(&x.f.arena, json_string_value(json_object_get(answer, "customerID")));
    json_decref(answer);
    assert_non_null(customer);
    assert_int_equal(strlen(customer), 36);
    snprintf(
        json, sizeof json,
        "{\"email\":\"sue@example.com\",\"token\":\"%s\",\"secret\":\"correct horse\",\"paymentMethodID\":\"pm_1\"}",
        token);
    const char *done = call(&x, "signup.Signup/CompleteSignup", NULL, json, GRPC_OK);
    assert_non_null(strstr(done, "tall-blue-cow"));
    assert_int_equal(fake_count(x.provider, "CreateSubscription"), 1);
    call(&x, "signup.Signup/CompleteSignup", NULL, json, GRPC_PERMISSION_DENIED);
    assert_int_equal(fake_count(x.provider, "CreateSubscription"), 1);
    /* The real auth knows the account, in its namespace, by its secret; the real events hold what happened. */
    snprintf(json, sizeof json,
             "{\"id\":\"%s\",\"secret\":\"correct horse\",\"options\":{\"namespace\":\"tall-blue-cow\"}}", customer);
    test_expect(&x.f.system, "auth", "/auth.Auth/Token", NULL, json, GRPC_OK, "access_token");
    test_expect(&x.f.system, "events", "/events.Store/Read", x.admin, "{\"topic\":\"signup\",\"limit\":\"10\"}",
                GRPC_OK, "signup.completed");
    test_expect(&x.f.system, "events", "/events.Store/Read", x.admin, "{\"topic\":\"customers\",\"limit\":\"10\"}",
                GRPC_OK, "customers.verified");
    assert_non_null(strstr(call(&x, "customers.Customers/Read", x.admin, email, GRPC_OK), "\"verified\""));
    /* She invites somebody, who joins her, and is paid for. */
    char *sue = sim_system_token(&x.f.system, &x.f.arena, customer, "user", "tall-blue-cow", "customer");
    call(&x, "invite.Invite/User", sue, "{\"email\":\"tom@example.com\"}", GRPC_OK);
    call(&x, "invite.Invite/User", sue, "{\"email\":\"tom@example.com\",\"namespace\":\"micro\"}",
         GRPC_PERMISSION_DENIED);
    call(&x, "signup.Signup/SendVerificationEmail", NULL, "{\"email\":\"tom@example.com\"}", GRPC_OK);
    token = mailed_token(&x);
    snprintf(json, sizeof json, "{\"email\":\"tom@example.com\",\"token\":\"%s\"}", token);
    assert_non_null(strstr(call(&x, "signup.Signup/Verify", NULL, json, GRPC_OK), "tall-blue-cow"));
    snprintf(json, sizeof json, "{\"namespace\":{\"id\":\"tall-blue-cow\",\"owners\":[\"%s\"]}}", customer);
    assert_int_equal(fake_returns_json(x.namespaces, "Read", FAKE_EVERY, json, NULL), 0);
    snprintf(json, sizeof json,
             "{\"email\":\"tom@example.com\",\"token\":\"%s\",\"secret\":\"battery staple\","
             "\"namespace\":\"tall-blue-cow\"}",
             token);
    call(&x, "signup.Signup/CompleteSignup", NULL, json, GRPC_OK);
    assert_int_equal(fake_count(x.namespaces, "Create"), 1);
    assert_int_equal(fake_count(x.namespaces, "AddUser"), 1);
    assert_int_equal(fake_count(x.provider, "CreateSubscription"), 2);
    /* The end of it: no subscription, no customer, no account. */
    snprintf(json, sizeof json, "{\"customerID\":\"%s\"}", customer);
    call(&x, "subscriptions.Subscriptions/Cancel", x.admin, json, GRPC_OK);
    call(&x, "subscriptions.Subscriptions/Cancel", x.admin, json, GRPC_OK);
    assert_int_equal(fake_count(x.provider, "DeleteCustomer"), 1);
    snprintf(json, sizeof json, "{\"id\":\"%s\"}", customer);
    call(&x, "customers.Customers/Delete", x.admin, json, GRPC_OK);
    call(&x, "customers.Customers/Read", x.admin, email, GRPC_NOT_FOUND);
    snprintf(json, sizeof json,
             "{\"id\":\"%s\",\"secret\":\"correct horse\",\"options\":{\"namespace\":\"tall-blue-cow\"}}", customer);
    test_expect(&x.f.system, "auth", "/auth.Auth/Token", NULL, json, GRPC_INVALID_ARGUMENT, "not found");
    end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(from_invitation_to_farewell)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
