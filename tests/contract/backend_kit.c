#include "tests/contract/backend_kit.h"

#include "proto/events/events.pb-c.h"
#include "proto/services.h"
#include "proto/set.h"
#include "proto/store/store.pb-c.h"
#include "runtime/component.h"
#include "runtime/server/sim_keys.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORE_ADDRESS     "core:8002"
#define SERVICES_ADDRESS "doubles:8003"

static const struct {
    const char *service;
    bool core;
} doubles[DOUBLES] = {
    [STORE] = {"store.Store", true},
    [BLOBS] = {"store.BlobStore", true},
    [EVENTS] = {"events.Stream", true},
    [AUTH] = {"auth.Auth", true},
    [ACCOUNTS] = {"auth.Accounts", true},
    [CUSTOMERS] = {"customers.Customers", false},
    [EMAILS] = {"emails.Emails", false},
    [INVITE] = {"invite.Invite", false},
    [NAMESPACES] = {"namespaces.Namespaces", false},
    [SUBSCRIPTIONS] = {"subscriptions.Subscriptions", false},
    [PROVIDER] = {"payments.Provider", false},
    [STRIPE] = {"stripe.Stripe", false},
    [BALANCE] = {"balance.Balance", false},
    [KEYS] = {"v1.V1", false},
    [MAILCHIMP] = {"mailchimp.Mailchimp", false},
    [BASKET] = {"basket.Basket", false},
    [ITEM] = {"item.Item", false},
    [FRAUD] = {"fraud.Fraud", false},
    [PAYMENT] = {"payment.Payment", false},
    [EMAIL] = {"email.Email", false},
    [REWARD] = {"reward.Reward", false},
    [DEBUG] = {"debug.Debug", true},
    [ALERTING] = {"alerting.Alerting", false},
};

/* ---- the store -----------------------------------------------------------------------------------------------------
 */

struct kit_record {
    uint64_t revision;
    size_t len;
    uint8_t value[];
};

static const void *asked_as(struct arena *a, const struct fake_asked *asked, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *m = NULL;
    assert_int_equal(pb_unpack(type, asked->request, a, &m, NULL), 0);
    return m;
}

static int say(struct fake_answer *answer, const ProtobufCMessage *reply)
{
    assert_int_equal(pb_pack(reply, &answer->replies), 0);
    assert_true(fake_answer_mark(answer, 0));
    return GRPC_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(Store__Record *const *)a)->key, (*(Store__Record *const *)b)->key);
}

static Store__Record *as_record(struct arena *a, const char *key, struct kit_record *stored)
{
    Store__Record *record = ARENA_NEW(a, Store__Record);
    store__record__init(record);
    record->key = arena_string(a, strchr(key, '/') + 1);
    record->value = (ProtobufCBinaryData){stored->len, stored->value};
    record->revision = stored->revision;
    return record;
}

static int store_read(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct kit *k = arg;
    struct arena a = ARENA_INIT;
    const Store__ReadRequest *r = asked_as(&a, asked, &store__read_request__descriptor);
    Store__ReadResponse reply = STORE__READ_RESPONSE__INIT;
    char *wanted = arena_printf(&a, "%s/%s", r->options->table, r->key);
    reply.records = ARENA_NEW_N(&a, Store__Record *, map_count(&k->records) + 1);
    struct map_entry *e = r->options->prefix ? map_first(&k->records) : NULL;
    struct kit_record *one = r->options->prefix ? NULL : map_get(&k->records, wanted);
    if (one)
        reply.records[reply.n_records++] = as_record(&a, wanted, one);
    for (; e; e = map_next(e))
        if (strncmp(map_key(e), wanted, strlen(wanted)) == 0)
            reply.records[reply.n_records++] = as_record(&a, map_key(e), map_value(e));
    if (reply.n_records)
        qsort(reply.records, reply.n_records, sizeof *reply.records, by_key);
    size_t skipped = r->options->offset < reply.n_records ? (size_t)r->options->offset : reply.n_records;
    reply.records += skipped;
    reply.n_records -= skipped;
    if (r->options->limit && reply.n_records > r->options->limit)
        reply.n_records = (size_t)r->options->limit;
    bool too_large = k->page_max && reply.n_records > k->page_max;
    int status = too_large ? GRPC_RESOURCE_EXHAUSTED : say(answer, &reply.base);
    if (too_large)
        fake_answer_fail(answer, status, "too large");
    arena_deinit(&a);
    return status;
}

/* As the store judges: a condition that does not hold changes nothing. */
static bool holds(const struct kit_record *there, uint64_t if_revision, bool if_absent)
{
    if (if_absent)
        return there == NULL;
    return if_revision == 0 || (there && there->revision == if_revision);
}

static int store_write(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct kit *k = arg;
    struct arena a = ARENA_INIT;
    const Store__WriteRequest *r = asked_as(&a, asked, &store__write_request__descriptor);
    char *key = arena_printf(&a, "%s/%s", r->options->table, r->record->key);
    struct kit_record *there = map_get(&k->records, key);
    int status = GRPC_FAILED_PRECONDITION;
    bool fails = k->writes_left-- == 0;
    if (fails && !k->lost) {
        arena_deinit(&a);
        fake_answer_fail(answer, GRPC_UNAVAILABLE, "{\"code\":503,\"detail\":\"told so\"}");
        return GRPC_UNAVAILABLE;
    }
    if (holds(there, r->options->if_revision, r->options->if_absent)) {
        struct kit_record *stored = malloc(sizeof *stored + r->record->value.len);
        assert_non_null(stored);
        stored->revision = ++k->revision;
        stored->len = r->record->value.len;
        memcpy(stored->value, r->record->value.data, stored->len);
        assert_true(map_put(&k->records, key, stored));
        free(there);
        status = GRPC_OK;
    }
    if (status == GRPC_OK && fails) {
        status = GRPC_UNAVAILABLE;
        fake_answer_fail(answer, status, "{\"code\":503,\"detail\":\"told so\"}");
    } else if (status != GRPC_OK) {
        fake_answer_fail(answer, status, "it has changed");
    }
    arena_deinit(&a);
    return status;
}

static int store_delete(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct kit *k = arg;
    struct arena a = ARENA_INIT;
    (void)answer;
    const Store__DeleteRequest *r = asked_as(&a, asked, &store__delete_request__descriptor);
    free(map_remove(&k->records, arena_printf(&a, "%s/%s", r->options->table, r->key)));
    arena_deinit(&a);
    return GRPC_OK;
}

/* A blob is kept under "blob/" and its key, once it is whole. */
static int blob_write(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct kit *k = arg;
    struct arena a = ARENA_INIT;
    struct text bytes = TEXT_INIT;
    char *key = NULL;
    (void)answer;
    for (size_t i = 0; i < asked->messages; i++) {
        ProtobufCMessage *m = NULL;
        assert_int_equal(pb_unpack(&store__blob_write_request__descriptor, fake_asked_message(asked, i), &a, &m, NULL),
                         0);
        const Store__BlobWriteRequest *r = (const Store__BlobWriteRequest *)(const void *)m;
        key = i ? key : arena_printf(&a, "blob/%s", r->key);
        text_add(&bytes, r->blob.data, r->blob.len);
    }
    struct kit_record *stored = malloc(sizeof *stored + bytes.len);
    assert_non_null(stored);
    assert_non_null(key);
    stored->revision = ++k->revision;
    stored->len = bytes.len;
    memcpy(stored->value, text_string(&bytes), bytes.len);
    free(map_get(&k->records, key));
    assert_true(map_put(&k->records, key, stored));
    text_deinit(&bytes);
    arena_deinit(&a);
    return GRPC_OK;
}

static int blob_read(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct kit *k = arg;
    struct arena a = ARENA_INIT;
    const Store__BlobReadRequest *r = asked_as(&a, asked, &store__blob_read_request__descriptor);
    struct kit_record *there = map_get(&k->records, arena_printf(&a, "blob/%s", r->key));
    Store__BlobReadResponse reply = STORE__BLOB_READ_RESPONSE__INIT;
    size_t half = there ? there->len / 2 : 0;
    for (int i = 0; there && i < 2; i++) { /* in pieces, as the real one */
        reply.blob = (ProtobufCBinaryData){i ? there->len - half : half, there->value + (i ? half : 0)};
        assert_int_equal(pb_pack(&reply.base, &answer->replies), 0);
        assert_true(fake_answer_mark(answer, 0));
    }
    if (!there)
        fake_answer_fail(answer, GRPC_NOT_FOUND, "{\"code\":404,\"detail\":\"not found\"}");
    arena_deinit(&a);
    return there ? GRPC_OK : GRPC_NOT_FOUND;
}

static int blob_delete(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct kit *k = arg;
    struct arena a = ARENA_INIT;
    (void)answer;
    const Store__BlobDeleteRequest *r = asked_as(&a, asked, &store__blob_delete_request__descriptor);
    free(map_remove(&k->records, arena_printf(&a, "blob/%s", r->key)));
    arena_deinit(&a);
    return GRPC_OK;
}

static void program_store(struct kit *k)
{
    assert_int_equal(fake_stub(k->doubles[BLOBS], "Read", blob_read, k), 0);
    assert_int_equal(fake_stub(k->doubles[BLOBS], "Write", blob_write, k), 0);
    assert_int_equal(fake_stub(k->doubles[BLOBS], "Delete", blob_delete, k), 0);
    assert_int_equal(fake_stub(k->doubles[STORE], "Read", store_read, k), 0);
    assert_int_equal(fake_stub(k->doubles[STORE], "Write", store_write, k), 0);
    assert_int_equal(fake_stub(k->doubles[STORE], "Delete", store_delete, k), 0);
}

/* ---- set-up ---------------------------------------------------------------------------------------------------------
 */

static char *token(struct kit *k, const char *id, const char *type, const char *issuer, const char *scope)
{
    const char *const scopes[] = {scope, NULL};
    const struct micro_claims claims = {.subject = id,
                                        .type = type,
                                        .issuer = issuer,
                                        .name = id,
                                        .scopes = scopes,
                                        .expires = world_wall(k->client) / SECOND + 500 * 24 * 3600};
    struct text out = TEXT_INIT;
    char *copy =
        micro_token_sign(sim_private_key, &claims, &out, NULL) == 0 ? arena_string(&k->arena, text_string(&out)) : NULL;
    text_deinit(&out);
    return copy;
}

static int serve(struct kit *k)
{
    const struct fake_server_options core = {.pool = k->core}, services = {.pool = k->services};
    if (fake_server_new(sim_node(k->sim, "core"), &core, &k->core_server, NULL) != 0 ||
        fake_server_new(sim_node(k->sim, "doubles"), &services, &k->services_server, NULL) != 0)
        return -1;
    for (size_t i = 0; i < DOUBLES; i++) {
        const struct pb_service *s = pb_find_service(doubles[i].core ? k->core : k->services, doubles[i].service);
        if (!s || fake_new(s, &k->doubles[i]) != 0 ||
            fake_server_add(doubles[i].core ? k->core_server : k->services_server, s, k->doubles[i]) != 0)
            return -1;
    }
    return fake_server_listen(k->core_server, "0.0.0.0:8002", NULL) == 0 &&
                   fake_server_listen(k->services_server, "0.0.0.0:8003", NULL) == 0
               ? 0
               : -1;
}

/* Read once a process. */
static struct pb_pool *core_pool, *services_pool;

int kit_end(void **state)
{
    (void)state;
    pb_pool_free(core_pool);
    pb_pool_free(services_pool);
    core_pool = services_pool = NULL;
    backend_pool_free();
    micro_pool_free();
    return 0;
}

int kit_setup(void **state, const struct micro_program *program, const char *service)
{
    struct error err = ERROR_INIT;
    struct kit *k = calloc(1, sizeof *k);
    if (!k)
        return -1;
    *state = k;
    k->service = service;
    k->writes_left = -1;
    k->sim = sim_new(&(struct sim_options){.seed = 22});
    if (!k->sim || micro_program_register(k->sim, program) != 0 ||
        (!core_pool && pb_pool_new(proto_set(), "core", &core_pool, &err) != 0) ||
        (!services_pool && pb_pool_new(proto_services_set(), "services", &services_pool, &err) != 0))
        return -1;
    k->core = core_pool;
    k->services = services_pool;
    if (serve(k) != 0)
        return -1;
    program_store(k);
    k->client = sim_node(k->sim, "client");
    k->tokens[NOBODY] = NULL;
    k->tokens[ADMIN] = token(k, "admin", "user", "micro", "admin");
    k->tokens[SERVICE] = token(k, "signup-latest", "service", "micro", "service");
    k->tokens[JANE] = token(k, "jane", "user", "big-red-dog", "customer");
    k->tokens[JOE] = token(k, "joe", "user", "micro", "customer");
    struct text peers = TEXT_INIT;
    text_puts(&peers, "policy=none,registry=core:1");
    for (size_t i = 0; i < DOUBLES; i++)
        text_printf(&peers, ",%.*s=%s", (int)strcspn(doubles[i].service, "."), doubles[i].service,
                    doubles[i].core ? CORE_ADDRESS : SERVICES_ADDRESS);
    const char *const argv[] = {program->name,
                                "--address",
                                "0.0.0.0:8101",
                                "--peers",
                                arena_string(&k->arena, text_string(&peers)),
                                "--token",
                                k->tokens[SERVICE],
                                "--auth-public-key",
                                sim_public_key};
    k->program = program->name;
    memcpy(k->started, argv, sizeof argv);
    int code = sim_start(k->sim, k->program, k->program, 9, k->started, &err);
    text_deinit(&peers);
    char address[64];
    snprintf(address, sizeof address, "%s:8101", program->name);
    struct rpc_channel_options options = {.addresses = address};
    if (code == 0)
        code = rpc_channel_new(k->client, &options, &k->channel, &err);
    if (code == 0)
        code = rpc_wait_ready(k->client, k->channel, "", KIT_CALL_TIMEOUT, &err);
    if (code != 0)
        print_error("%s\n", err.message ? err.message : "the service does not start");
    error_clear(&err);
    return code;
}

int kit_teardown(void **state)
{
    struct kit *k = *state;
    rpc_channel_free(k->channel);
    fake_server_free(k->core_server);
    fake_server_free(k->services_server);
    sim_free(k->sim);
    for (size_t i = 0; i < DOUBLES; i++)
        fake_free(k->doubles[i]);
    for (struct map_entry *e = map_first(&k->records); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&k->records);
    arena_deinit(&k->arena);
    free(k);
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------------------------------
 */

const void *kit_call(struct kit *k, enum kit_caller who, const char *method, const ProtobufCMessage *request,
                     const ProtobufCMessageDescriptor *type)
{
    char path[96];
    struct text wire = TEXT_INIT, bearer = TEXT_INIT;
    struct rpc_answer answer;
    ProtobufCMessage *reply = NULL;
    snprintf(path, sizeof path, "/%s/%s", k->service, method);
    assert_int_equal(pb_pack(request, &wire), 0);
    text_printf(&bearer, "Bearer %s", k->tokens[who] ? k->tokens[who] : "");
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    struct rpc_request r = {.path = path,
                            .metadata = {.items = &header, .count = k->tokens[who] ? 1 : 0},
                            .timeout = KIT_CALL_TIMEOUT,
                            .message = text_bytes(&wire),
                            .has_message = true};
    assert_int_equal(rpc_unary_wait(k->client, k->channel, &r, &answer, NULL), 0);
    k->status = answer.reply.status;
    memset(&k->error, 0, sizeof k->error);
    if (k->status == GRPC_OK)
        assert_int_equal(pb_unpack(type, answer.reply.body, &k->arena, &reply, NULL), 0);
    else
        micro_error_parse(k->status, answer.reply.message, &k->error);
    text_deinit(&wire);
    text_deinit(&bearer);
    rpc_answer_deinit(&answer);
    return reply;
}

const void *kit_there(const void *reply)
{
    if (!reply)
        fail_msg("the call failed");
    return reply ? reply : ""; /* the failure has left; the compiler does not know */
}

int kit_code(const struct kit *k)
{
    return k->status == GRPC_OK ? 0 : k->error.code;
}

int64_t kit_count(const struct kit *k, enum kit_double d, const char *method)
{
    return fake_count(k->doubles[d], method);
}

const void *kit_asked(struct kit *k, enum kit_double d, const char *method, int64_t i,
                      const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *m = NULL;
    assert_int_equal(fake_request(k->doubles[d], method, i, type, &k->arena, &m, NULL), 0);
    return m;
}

void kit_returns(struct kit *k, enum kit_double d, const char *method, const char *json)
{
    struct error err = ERROR_INIT;
    if (fake_returns_json(k->doubles[d], method, FAKE_EVERY, json, &err) != 0)
        fail_msg("%s: %s", method, err.message);
}

void kit_fails(struct kit *k, enum kit_double d, const char *method, int code)
{
    char message[128];
    snprintf(message, sizeof message, "{\"id\":\"double\",\"code\":%d,\"detail\":\"told so\",\"status\":\"\"}", code);
    assert_int_equal(fake_fails(k->doubles[d], method, FAKE_EVERY, micro_code_to_grpc(code), message), 0);
}

void kit_heals(struct kit *k, enum kit_double d, const char *method)
{
    if (d == STORE || d == BLOBS)
        program_store(k);
    else
        kit_returns(k, d, method, "{}");
}

void kit_fails_after(struct kit *k, int64_t writes)
{
    k->writes_left = writes;
    k->lost = false;
}

void kit_loses_after(struct kit *k, int64_t writes)
{
    k->writes_left = writes;
    k->lost = true;
}

void kit_restart(struct kit *k)
{
    assert_int_equal(sim_kill(k->sim, k->program), 0);
    assert_int_equal(sim_start(k->sim, k->program, k->program, 9, k->started, NULL), 0);
    assert_int_equal(rpc_wait_ready(k->client, k->channel, "", KIT_CALL_TIMEOUT, NULL), 0);
}

void kit_wait(struct kit *k, int64_t seconds)
{
    assert_int_equal(sim_run_for(k->sim, (uint64_t)seconds * (uint64_t)SECOND), 0);
}

const char *kit_event(struct kit *k, int64_t i, const char *topic, const char *word)
{
    const Events__PublishRequest *r = kit_asked(k, EVENTS, "Publish", i, &events__publish_request__descriptor);
    assert_string_equal(r->topic, topic);
    assert_int_equal(r->n_metadata, 1);
    assert_string_equal(r->metadata[0]->key, "type");
    assert_string_equal(r->metadata[0]->value, word);
    const char *json = arena_string_n(&k->arena, (const char *)r->payload.data, r->payload.len);
    assert_non_null(json);
    return json;
}

bool kit_has_record(const struct kit *k, const char *key)
{
    return map_get(&k->records, key) != NULL;
}

int kit_change(struct kit *k, const char *key, const char *from, const char *to)
{
    struct kit_record *there = map_get(&k->records, key);
    char *old = there ? arena_string_n(&k->arena, (const char *)there->value, there->len) : NULL;
    char *at = old ? strstr(old, from) : NULL;
    if (!at)
        return 0;
    char *value = arena_printf(&k->arena, "%.*s%s%s", (int)(at - old), old, to, at + strlen(from));
    struct kit_record *stored = malloc(sizeof *stored + strlen(value));
    assert_non_null(stored);
    stored->revision = ++k->revision;
    stored->len = strlen(value);
    memcpy(stored->value, value, stored->len);
    assert_true(map_put(&k->records, key, stored));
    free(there);
    return 1;
}

size_t kit_records(const struct kit *k)
{
    return map_count(&k->records);
}

void kit_expect(const struct kit *k, int64_t calls)
{
    int64_t all = 0;
    struct text journal = TEXT_INIT;
    for (size_t i = 0; i < DOUBLES; i++)
        if (i != STORE && i != BLOBS) {
            all += fake_total(k->doubles[i]);
            fake_journal(k->doubles[i], &journal);
        }
    if (all != calls)
        fail_msg("expected %lld calls, there were:\n%s", (long long)calls, text_string(&journal));
    text_deinit(&journal);
}
