/* What the notes service asks of the store. Three machines in the simulated world: "store" is a double of store.Store,
 * "notes" runs the real component, and the test is its client. */
#include "base/test.h"

#include "base/units.h"
#include "fakes/fakes.h"
#include "proto/notes/notes.pb-c.h"
#include "proto/set.h"
#include "proto/store/store.pb-c.h"
#include "runtime/component.h"
#include "runtime/service/service.h"
#include "store/fakes/fake_store.h"
#include "world/sim.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT ((uint64_t)(60 * SECOND))

struct fixture {
    struct sim *sim;
    struct world *client;
    struct pb_pool *pool;
    struct fake_store *store;
    struct fake *registry;
    struct rpc_server *store_server, *registry_server;
    struct rpc_channel *channel;
    struct arena arena;
    /* the last call's end */
    int status;
    struct micro_error error;
    uint64_t duration;
};

static int serve(struct fixture *x, const char *node, struct fake *fake, struct rpc_server **server)
{
    struct rpc_server_options options = {.package_free = true};
    return rpc_server_new(sim_node(x->sim, node), &options, server, NULL) == 0 && rpc_server_add_health(*server) == 0 &&
                   fake_serve(fake, *server) == 0 && rpc_server_listen(*server, "0.0.0.0:8002", NULL) == 0
               ? 0
               : -1;
}

static int setup(void **state)
{
    static const char *const argv[] = {
        "micro", "notes", "--address", "0.0.0.0:8101", "--peers", "store=store:8002,registry=registry:8002", NULL};
    struct error err = ERROR_INIT;
    struct fixture *x = calloc(1, sizeof *x);
    if (x == NULL)
        return -1;
    *state = x;
    x->sim = sim_new(&(struct sim_options){.seed = 21});
    if (x->sim == NULL || component_register_all(x->sim) != 0 ||
        pb_pool_new(proto_set(), "proto", &x->pool, &err) != 0 || (x->store = fake_store_new()) == NULL ||
        fake_new(pb_find_service(x->pool, "registry.Registry"), &x->registry) != 0 ||
        serve(x, "store", x->store->fake, &x->store_server) != 0 ||
        serve(x, "registry", x->registry, &x->registry_server) != 0)
        return -1;
    x->client = sim_node(x->sim, "client");
    int code = sim_start(x->sim, "notes", "micro", 6, argv, &err);
    struct rpc_channel_options options = {.addresses = "notes:8101"};
    if (code == 0)
        code = rpc_channel_new(x->client, &options, &x->channel, &err);
    if (code == 0)
        code = rpc_wait_ready(x->client, x->channel, "", CALL_TIMEOUT, &err);
    if (code != 0)
        print_error("%s\n", err.message != NULL ? err.message : "no notes");
    error_clear(&err);
    fake_reset(x->store->fake); /* what the service asked while it came up is not a client's doing */
    return code;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    rpc_channel_free(x->channel);
    rpc_server_free(x->store_server);
    rpc_server_free(x->registry_server);
    sim_free(x->sim);
    fake_store_free(x->store);
    fake_free(x->registry);
    pb_pool_free(x->pool);
    arena_deinit(&x->arena);
    free(x);
    return 0;
}

/* Calls and waits; the reply when the status is OK, else NULL. */
static const void *call(struct fixture *x, const char *method, const ProtobufCMessage *request,
                        const ProtobufCMessageDescriptor *type)
{
    char path[64];
    struct text wire = TEXT_INIT;
    struct rpc_answer answer;
    ProtobufCMessage *reply = NULL;
    snprintf(path, sizeof path, "/notes.Notes/%s", method);
    assert_int_equal(pb_pack(request, &wire), 0);
    struct rpc_request r = {.path = path, .timeout = CALL_TIMEOUT, .message = text_bytes(&wire), .has_message = true};
    assert_int_equal(rpc_unary_wait(x->client, x->channel, &r, &answer, NULL), 0);
    x->status = answer.reply.status;
    x->duration = answer.reply.duration;
    memset(&x->error, 0, sizeof x->error);
    if (x->status == GRPC_OK)
        assert_int_equal(pb_unpack(type, answer.reply.body, &x->arena, &reply, NULL), 0);
    else
        micro_error_parse(x->status, answer.reply.message, &x->error);
    text_deinit(&wire);
    rpc_answer_deinit(&answer);
    return reply;
}

static const Notes__Note *create(struct fixture *x, const char *title, const char *body)
{
    char t[64], b[64];
    Notes__CreateRequest r = NOTES__CREATE_REQUEST__INIT;
    snprintf(t, sizeof t, "%s", title);
    snprintf(b, sizeof b, "%s", body);
    r.title = t;
    r.text = b;
    const Notes__CreateResponse *reply = call(x, "Create", &r.base, &notes__create_response__descriptor);
    return reply != NULL ? reply->note : NULL;
}

static const Notes__Note *read_note(struct fixture *x, const char *id)
{
    char copy[64];
    Notes__ReadRequest r = NOTES__READ_REQUEST__INIT;
    snprintf(copy, sizeof copy, "%s", id);
    r.id = copy;
    const Notes__ReadResponse *reply = call(x, "Read", &r.base, &notes__read_response__descriptor);
    return reply != NULL ? reply->note : NULL;
}

static const Notes__Note *update(struct fixture *x, const char *id, const char *title)
{
    char i[64], t[64];
    Notes__UpdateRequest r = NOTES__UPDATE_REQUEST__INIT;
    Notes__Note note = NOTES__NOTE__INIT;
    snprintf(i, sizeof i, "%s", id);
    snprintf(t, sizeof t, "%s", title);
    note.id = i;
    note.title = t;
    r.note = &note;
    const Notes__UpdateResponse *reply = call(x, "Update", &r.base, &notes__update_response__descriptor);
    return reply != NULL ? reply->note : NULL;
}

static const Notes__DeleteResponse *delete_note(struct fixture *x, const char *id)
{
    char copy[64];
    Notes__DeleteRequest r = NOTES__DELETE_REQUEST__INIT;
    snprintf(copy, sizeof copy, "%s", id);
    r.id = copy;
    return call(x, "Delete", &r.base, &notes__delete_response__descriptor);
}

/* Exactly these calls were made of the store since the last look, and they are forgotten. */
static void assert_calls(struct fixture *x, int reads, int writes, int deletes)
{
    fake_store_read_verify(x->store, FAKE_EXACTLY(reads));
    fake_store_write_verify(x->store, FAKE_EXACTLY(writes));
    fake_store_delete_verify(x->store, FAKE_EXACTLY(deletes));
    assert_int_equal(fake_total(x->store->fake), reads + writes + deletes);
    fake_reset(x->store->fake);
}

static void holds_milk(struct fixture *x)
{
    static const char json[] =
        "{\"id\":\"7\",\"created\":\"2026-01-01T00:00:00Z\",\"title\":\"milk\",\"text\":\"two pints\"}";
    uint8_t value[sizeof json];
    char key[] = "default:7";
    Store__Record record = STORE__RECORD__INIT, *records[] = {&record};
    Store__ReadResponse reply = STORE__READ_RESPONSE__INIT;
    memcpy(value, json, sizeof json);
    record.key = key;
    record.value.data = value;
    record.value.len = sizeof json - 1;
    reply.records = records;
    reply.n_records = 1;
    assert_int_equal(fake_store_read_returns(x->store, &reply), 0);
}

static void create_writes_once(void **state)
{
    struct fixture *x = *state;
    const Notes__Note *note = create(x, "milk", "two pints");
    assert_non_null(note);
    const Store__WriteRequest *w = fake_store_write_args(x->store, 0);
    assert_non_null(w);
    assert_string_equal(w->options->database, "micro");
    assert_string_equal(w->options->table, "notes");
    char key[128];
    snprintf(key, sizeof key, "default:%s", note->id);
    assert_string_equal(w->record->key, key);
    assert_int_equal(w->record->expiry, 0);
    json_t *value = json_loadb((const char *)w->record->value.data, w->record->value.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(value, "id")), note->id);
    assert_string_equal(json_string_value(json_object_get(value, "title")), "milk");
    assert_string_equal(json_string_value(json_object_get(value, "text")), "two pints");
    assert_string_equal(json_string_value(json_object_get(value, "created")), note->created);
    json_decref(value);
    assert_calls(x, 0, 1, 0);
}

static void create_without_words_asks_nothing(void **state)
{
    struct fixture *x = *state;
    assert_null(create(x, "", ""));
    assert_int_equal(x->error.code, 400);
    assert_calls(x, 0, 0, 0);
}

static void read_asks_once(void **state)
{
    struct fixture *x = *state;
    holds_milk(x);
    const Notes__Note *note = read_note(x, "7");
    assert_non_null(note);
    if (note == NULL)
        return; /* the assertion has left; the compiler does not know */
    assert_string_equal(note->title, "milk");
    fake_store_read_verify(x->store, FAKE_ONCE, FAKE_TEXT("key", "default:7"), FAKE_TEXT("options.table", "notes"),
                           fake_not(FAKE_PRESENT("options.prefix")));
    assert_calls(x, 1, 0, 0);
}

static void read_missing(void **state)
{
    struct fixture *x = *state;
    fake_store_read_fails(x->store, GRPC_NOT_FOUND, "not found");
    assert_null(read_note(x, "7"));
    assert_int_equal(x->status, GRPC_NOT_FOUND);
    assert_int_equal(x->error.code, 404);
    assert_string_equal(x->error.id, "notes.Notes.Read");
    assert_calls(x, 1, 0, 0);
    /* A store that answers with no record says the same. */
    assert_null(read_note(x, "7"));
    assert_int_equal(x->status, GRPC_NOT_FOUND);
    assert_calls(x, 1, 0, 0);
}

static void list_reads_by_prefix(void **state)
{
    struct fixture *x = *state;
    Notes__ListRequest list = NOTES__LIST_REQUEST__INIT;
    holds_milk(x);
    const Notes__ListResponse *reply = call(x, "List", &list.base, &notes__list_response__descriptor);
    assert_non_null(reply);
    assert_int_equal(reply->n_notes, 1);
    assert_string_equal(reply->notes[0]->text, "two pints");
    fake_store_read_verify(x->store, FAKE_ONCE, FAKE_TEXT("key", "default:"), FAKE_INT("options.prefix", true));
    assert_calls(x, 1, 0, 0);
}

static void update_reads_then_writes(void **state)
{
    struct fixture *x = *state;
    holds_milk(x);
    const Notes__Note *note = update(x, "7", "cream");
    assert_non_null(note);
    if (note == NULL)
        return;
    assert_string_equal(note->title, "cream");
    assert_string_equal(note->created, "2026-01-01T00:00:00Z");
    fake_verify_calls(x->store->fake, "Read", "Write");
    assert_calls(x, 1, 1, 0);
    /* What is not there is not written. */
    fake_store_read_fails(x->store, GRPC_NOT_FOUND, "not found");
    assert_null(update(x, "7", "cream"));
    assert_int_equal(x->error.code, 404);
    assert_calls(x, 1, 0, 0);
}

static void delete_reads_then_deletes(void **state)
{
    struct fixture *x = *state;
    holds_milk(x);
    const Notes__DeleteResponse *reply = delete_note(x, "7");
    assert_non_null(reply);
    assert_string_equal(reply->note->title, "milk");
    fake_store_delete_verify(x->store, FAKE_ONCE, FAKE_TEXT("key", "default:7"));
    assert_calls(x, 1, 0, 1);
    fake_store_read_fails(x->store, GRPC_NOT_FOUND, "not found");
    reply = delete_note(x, "7");
    assert_non_null(reply);
    assert_null(reply->note);
    assert_calls(x, 1, 0, 0);
}

/* A write that failed may have happened: it is not sent again, and the caller hears of it. */
static void a_failed_write_is_not_repeated(void **state)
{
    static const struct {
        int status, code;
    } table[] = {{GRPC_UNAVAILABLE, 503}, {GRPC_DEADLINE_EXCEEDED, 503}, {GRPC_INTERNAL, 500}, {GRPC_ABORTED, 500}};
    struct fixture *x = *state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fake_store_write_fails(x->store, table[i].status, "the disk is away");
        assert_null(create(x, "milk", ""));
        assert_int_equal(x->error.code, table[i].code);
        assert_non_null(strstr(x->error.detail, "the disk is away"));
        assert_calls(x, 0, 1, 0);
    }
    assert_non_null(create(x, "milk", ""));
}

/* A store that never answers holds a caller up for the time a call may take, and no longer. */
static void a_silent_store(void **state)
{
    struct fixture *x = *state;
    fake_store_write_never_answers(x->store, true);
    assert_null(create(x, "milk", ""));
    assert_int_equal(x->error.code, 503);
    assert_in_range(x->duration, 5 * SECOND, 20 * SECOND);
    assert_calls(x, 0, 1, 0);
    fake_store_read_delays(x->store, (uint64_t)(3 * SECOND));
    assert_null(read_note(x, "7"));
    assert_int_equal(x->error.code, 404);
    assert_in_range(x->duration, 3 * SECOND, 4 * SECOND);
}

/* What the store holds is not trusted to be a note. */
static void junk_in_the_store(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(fake_returns_json(x->store->fake, "Read", -1,
                                       "{\"records\":[{\"key\":\"default:7\",\"value\":\"bm8ganNvbg==\"}]}", NULL),
                     0);
    assert_null(read_note(x, "7"));
    assert_int_equal(x->error.code, 500);
    assert_null(update(x, "7", "cream"));
    assert_int_equal(x->error.code, 500);
    assert_calls(x, 2, 0, 0);
}

static int free_pool(void **state)
{
    (void)state;
    micro_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(create_writes_once, setup, teardown),
        cmocka_unit_test_setup_teardown(create_without_words_asks_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(read_asks_once, setup, teardown),
        cmocka_unit_test_setup_teardown(read_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(list_reads_by_prefix, setup, teardown),
        cmocka_unit_test_setup_teardown(update_reads_then_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(delete_reads_then_deletes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_is_not_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_store, setup, teardown),
        cmocka_unit_test_setup_teardown(junk_in_the_store, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, free_pool);
}
