/* Doubles as the generator writes them: every kind of call, copies, stubs, streams, protobuf-c's services, threads. */
#include "base/test.h"

#include "base/failing.h"
#include "fakes/double/pack.h"
#include "fakes/fake_kinds.h"
#include "fakes/fake_kinds_two.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS         16
#define CALLS_OF_THREAD 2000

typedef struct fake_kinds__v1__kinds double_kinds;

static int setup(void **state)
{
    *state = fake_kinds__v1__kinds_new();
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fake_kinds__v1__kinds_free(*state);
    return 0;
}

/* ---- a message with everything in it ---------------------------------------------------------------------------- */

struct full {
    Kinds__V1__Item item, child, twin, *children[2];
    Kinds__V1__Item__LabelsEntry label, *labels[1];
    Kinds__V1__Item__NumberedEntry numbered, *numbereds[1];
    Google__Protobuf__Timestamp made;
    char id[16], name[16], text[16], nick[1], key[8], value[8], tag[8];
    char *tags[2];
    int32_t deltas[3];
    Kinds__V1__Colour colours[2];
    ProtobufCBinaryData blobs[2];
    double weights[2];
    protobuf_c_boolean flags[3];
    uint8_t bytes[3];
};

static void fill(struct full *f)
{
    memset(f, 0, sizeof *f);
    kinds__v1__item__init(&f->item);
    kinds__v1__item__init(&f->child);
    kinds__v1__item__init(&f->twin);
    kinds__v1__item__labels_entry__init(&f->label);
    kinds__v1__item__numbered_entry__init(&f->numbered);
    google__protobuf__timestamp__init(&f->made);
    memcpy(f->id, "one", 4);
    memcpy(f->name, "a name", 7);
    memcpy(f->text, "chosen", 7);
    memcpy(f->key, "k", 2);
    memcpy(f->value, "v", 2);
    memcpy(f->tag, "tag", 4);
    f->item.id = f->id;
    f->item.name = f->name;
    f->item.count = -7;
    f->item.on = 1;
    f->item.weight = -0.0;
    f->item.colour = KINDS__V1__COLOUR__LOWEST;
    f->item.blob = (ProtobufCBinaryData){3, f->bytes};
    f->child.count = 5;
    f->children[0] = f->children[1] = &f->child;
    f->item.n_children = 2;
    f->item.children = f->children;
    f->label.key = f->key;
    f->label.value = f->value;
    f->labels[0] = &f->label;
    f->item.n_labels = 1;
    f->item.labels = f->labels;
    f->numbered.key = -3;
    f->numbered.value = &f->child;
    f->numbereds[0] = &f->numbered;
    f->item.n_numbered = 1;
    f->item.numbered = f->numbereds;
    f->item.kind_case = KINDS__V1__ITEM__KIND_TEXT;
    f->item.text = f->text;
    f->item.nick = f->nick; /* there, and empty */
    f->item.has_level = 1;
    f->item.twin = &f->twin;
    f->deltas[0] = -1;
    f->deltas[1] = INT32_MIN;
    f->deltas[2] = 300;
    f->item.n_deltas = 3;
    f->item.deltas = f->deltas;
    f->tags[0] = f->tag;
    f->tags[1] = f->nick;
    f->item.n_tags = 2;
    f->item.tags = f->tags;
    f->made.seconds = 1700000000;
    f->item.made = &f->made;
    f->item.f32 = UINT32_MAX;
    f->item.sf64 = INT64_MIN;
    f->item.ratio = 0.5F;
    f->item.huge = UINT64_MAX;
    f->item.zig = INT64_MIN;
    f->item.has_maybe = 1;
    f->colours[0] = KINDS__V1__COLOUR__RED;
    f->colours[1] = KINDS__V1__COLOUR__BLUE;
    f->item.n_colours = 2;
    f->item.colours = f->colours;
    f->blobs[0] = (ProtobufCBinaryData){2, f->bytes};
    f->item.n_blobs = 2;
    f->item.blobs = f->blobs;
    f->weights[0] = 1.25;
    f->item.n_weights = 2;
    f->item.weights = f->weights;
    f->item.u32 = 200;
    f->flags[1] = 1;
    f->item.n_flags = 3;
    f->item.flags = f->flags;
}

static void packs_as_protobuf_c(void **state)
{
    (void)state;
    struct full f;
    struct packed p;
    uint8_t theirs[1024];
    fill(&f);
    f.item.weight = 3.5; /* a negative zero protobuf-c drops */
    assert_int_equal(packed_init(&p, &f.item.base), 0);
    size_t len = protobuf_c_message_get_packed_size(&f.item.base);
    assert_true(len <= sizeof theirs);
    protobuf_c_message_pack(&f.item.base, theirs);
    assert_int_equal(p.wire.len, len);
    assert_memory_equal(p.wire.data, theirs, len);
    packed_deinit(&p);
    /* Longer than the room on the stack; and the members of a oneof one by one. */
    char *large = malloc(100001);
    assert_non_null(large);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    f.item.name = large;
    assert_int_equal(packed_init(&p, &f.item.base), 0);
    assert_int_equal(p.wire.len, protobuf_c_message_get_packed_size(&f.item.base));
    packed_deinit(&p);
    free(large);
    f.item.name = f.name;
    for (int i = 0; i < 4; i++) {
        f.item.kind_case = (Kinds__V1__Item__KindCase[]){KINDS__V1__ITEM__KIND__NOT_SET, KINDS__V1__ITEM__KIND_NUMBER,
                                                         KINDS__V1__ITEM__KIND_RAW, KINDS__V1__ITEM__KIND_ITEM}[i];
        if (i == 1)
            f.item.number = 0;
        else if (i == 2)
            f.item.raw = (ProtobufCBinaryData){0, NULL};
        else if (i == 3)
            f.item.item = &f.twin;
        assert_int_equal(packed_init(&p, &f.item.base), 0);
        len = protobuf_c_message_pack(&f.item.base, theirs);
        assert_int_equal(p.wire.len, len);
        assert_memory_equal(p.wire.data, theirs, len);
        packed_deinit(&p);
    }
    /* A circle has an end. */
    f.child.n_children = 1;
    f.child.children = f.children;
    assert_int_equal(packed_init(&p, &f.item.base), ERROR_LIMIT);
    packed_deinit(&p);
}

static void copies_are_deep(void **state)
{
    double_kinds *f = *state;
    struct full full;
    const Kinds__V1__Item *reply;
    fill(&full);
    assert_int_equal(fake_kinds__v1__kinds_get(f, &full.item, &reply, NULL), GRPC_OK);
    assert_non_null(reply);
    assert_int_equal(reply->count, 0);
    struct full before = full;
    memset(full.id, 'x', 3);
    memset(full.deltas, 0, sizeof full.deltas);
    full.child.count = 0;
    full.made.seconds = 0;
    const Kinds__V1__Item *arg = fake_kinds__v1__kinds_get_args(f, 0);
    assert_non_null(arg);
    assert_string_equal(arg->id, "one");
    assert_int_equal(arg->count, -7);
    assert_true(signbit(arg->weight));
    assert_int_equal(arg->colour, KINDS__V1__COLOUR__LOWEST);
    assert_int_equal(arg->n_children, 2);
    assert_int_equal(arg->children[1]->count, 5);
    assert_string_equal(arg->labels[0]->value, "v");
    assert_int_equal(arg->numbered[0]->key, -3);
    assert_int_equal(arg->kind_case, KINDS__V1__ITEM__KIND_TEXT);
    assert_string_equal(arg->text, "chosen");
    assert_non_null(arg->nick);
    assert_true(arg->has_level && arg->level == 0);
    assert_int_equal(arg->deltas[1], before.deltas[1]);
    assert_int_equal(arg->made->seconds, 1700000000);
    assert_true(arg->has_maybe && arg->maybe.len == 0);
    assert_int_equal(arg->n_flags, 3);
    assert_null(fake_kinds__v1__kinds_get_args(f, 1));
    assert_null(fake_kinds__v1__kinds_get_args(f, -1));
}

/* ---- one request, one reply ------------------------------------------------------------------------------------- */

static int get(double_kinds *f, const char *id, const Kinds__V1__Item **reply, struct text *message)
{
    char copy[32];
    Kinds__V1__Item item = KINDS__V1__ITEM__INIT;
    snprintf(copy, sizeof copy, "%s", id);
    item.id = copy;
    return fake_kinds__v1__kinds_get(f, &item, reply, message);
}

static void answers(void **state)
{
    double_kinds *f = *state;
    const Kinds__V1__Item *reply;
    struct text message = TEXT_INIT;
    char general[] = "general", third[] = "third";
    Kinds__V1__Item item = KINDS__V1__ITEM__INIT;
    item.id = general;
    assert_int_equal(fake_kinds__v1__kinds_get_returns(f, &item), 0);
    item.id = third;
    assert_int_equal(fake_kinds__v1__kinds_get_returns_on_call(f, 2, &item), 0);
    assert_int_equal(fake_kinds__v1__kinds_get_fails_on_call(f, 1, GRPC_NOT_FOUND, "no second"), 0);
    third[0] = 'x';
    assert_int_equal(get(f, "a", &reply, NULL), GRPC_OK);
    assert_string_equal(reply->id, "general");
    assert_int_equal(get(f, "b", &reply, &message), GRPC_NOT_FOUND);
    assert_null(reply);
    assert_string_equal(text_string(&message), "no second");
    assert_int_equal(get(f, "c", &reply, NULL), GRPC_OK);
    assert_string_equal(reply->id, "third");
    /* What was handed out stays good when the answer changes. */
    assert_int_equal(fake_kinds__v1__kinds_get_fails(f, GRPC_UNAVAILABLE, "away"), 0);
    assert_int_equal(get(f, "d", NULL, NULL), GRPC_UNAVAILABLE);
    assert_string_equal(reply->id, "third");
    assert_int_equal(fake_kinds__v1__kinds_get_never_answers(f, true), 0);
    text_clear(&message);
    assert_int_equal(get(f, "e", &reply, &message), GRPC_DEADLINE_EXCEEDED);
    assert_string_equal(text_string(&message), "the double never answers");
    assert_int_equal(fake_kinds__v1__kinds_get_count(f), 5);
    /* Methods whose names meet others' forms are there, under names of their own. */
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    const Kinds__V1__Summary *summary;
    assert_int_equal(fake_kinds__v1__kinds_get_count_(f, &query, &summary, NULL), GRPC_OK);
    assert_int_equal(fake_kinds__v1__kinds_new_(f, &query, &summary, NULL), GRPC_OK);
    assert_int_equal(fake_kinds__v1__kinds_register(f, &query, &summary, NULL), GRPC_OK);
    assert_int_equal(fake_kinds__v1__kinds_get_count__count(f), 1);
    assert_int_equal(fake_total(f->fake), 8);
    text_deinit(&message);
}

static int doubles_the_count(void *arg, struct fake_stub_call *c, const Kinds__V1__Item *request,
                             Kinds__V1__Item *reply)
{
    int *calls = arg;
    ++*calls;
    if (request->count < 0)
        return fake_stub_fails(c, GRPC_OUT_OF_RANGE, "%d is below zero", (int)request->count);
    reply->count = 2 * request->count;
    reply->id = arena_printf(&c->arena, "call %d", (int)c->asked->index);
    return GRPC_OK;
}

static void stubs(void **state)
{
    double_kinds *f = *state;
    const Kinds__V1__Item *reply;
    struct text message = TEXT_INIT;
    int calls = 0;
    Kinds__V1__Item item = KINDS__V1__ITEM__INIT;
    item.count = 21;
    assert_int_equal(fake_kinds__v1__kinds_get_stub(f, doubles_the_count, &calls), 0);
    assert_int_equal(fake_kinds__v1__kinds_get(f, &item, &reply, NULL), GRPC_OK);
    assert_int_equal(reply->count, 42);
    assert_string_equal(reply->id, "call 0");
    item.count = -1;
    assert_int_equal(fake_kinds__v1__kinds_get(f, &item, &reply, &message), GRPC_OUT_OF_RANGE);
    assert_string_equal(text_string(&message), "-1 is below zero");
    assert_int_equal(calls, 2);
    assert_int_equal(fake_kinds__v1__kinds_get_args(f, 0)->count, 21);
    /* An answer takes its place, and so does its removal. */
    assert_int_equal(fake_kinds__v1__kinds_get_returns(f, &item), 0);
    assert_int_equal(get(f, "a", &reply, NULL), GRPC_OK);
    assert_int_equal(reply->count, -1);
    assert_int_equal(fake_kinds__v1__kinds_get_stub(f, NULL, NULL), 0);
    assert_int_equal(get(f, "a", &reply, NULL), GRPC_OK);
    assert_int_equal(calls, 2);
    text_deinit(&message);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

static Kinds__V1__Item numbered(int64_t n)
{
    Kinds__V1__Item item = KINDS__V1__ITEM__INIT;
    item.count = n;
    return item;
}

static void a_stream_of_replies(void **state)
{
    double_kinds *f = *state;
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    struct text message = TEXT_INIT;
    for (int i = 0; i < 3; i++) {
        Kinds__V1__Item item = numbered(i);
        assert_int_equal(fake_kinds__v1__kinds_list_sends(f, &item), 0);
    }
    assert_int_equal(fake_kinds__v1__kinds_list_fails(f, GRPC_ABORTED, "enough"), 0);
    query.limit = 9;
    struct fake_client *c = fake_kinds__v1__kinds_list(f, &query);
    assert_non_null(c);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fake_kinds__v1__kinds_list_receive(c)->count, i);
    assert_null(fake_kinds__v1__kinds_list_receive(c));
    assert_int_equal(fake_client_close(c, &message), GRPC_ABORTED);
    assert_string_equal(text_string(&message), "enough");
    assert_int_equal(fake_kinds__v1__kinds_list_args(f, 0)->limit, 9);
    assert_int_equal(fake_kinds__v1__kinds_list_replies(f, 0), 3);
    assert_int_equal(fake_kinds__v1__kinds_list_replied(f, 0, 2)->count, 2);
    assert_null(fake_kinds__v1__kinds_list_replied(f, 0, 3));
    text_deinit(&message);
}

static int sums(void *arg, struct fake_stub_call *c, Kinds__V1__Summary *reply)
{
    (void)arg;
    const Kinds__V1__Item *item;
    for (size_t k = 0; (item = fake_kinds__v1__kinds_upload_stub_message(c, k)) != NULL; k++)
        reply->items += item->count;
    return GRPC_OK;
}

static void a_stream_of_requests(void **state)
{
    double_kinds *f = *state;
    assert_int_equal(fake_kinds__v1__kinds_upload_stub(f, sums, NULL), 0);
    struct fake_client *c = fake_kinds__v1__kinds_upload(f);
    for (int i = 1; i <= 4; i++) {
        Kinds__V1__Item item = numbered(i);
        assert_int_equal(fake_kinds__v1__kinds_upload_send(c, &item), 0);
    }
    assert_int_equal(fake_kinds__v1__kinds_upload_receive(c)->items, 10);
    Kinds__V1__Item late = numbered(5);
    assert_int_equal(fake_kinds__v1__kinds_upload_send(c, &late), ERROR_CLOSED);
    assert_int_equal(fake_client_close(c, NULL), GRPC_OK);
    assert_int_equal(fake_kinds__v1__kinds_upload_count(f), 1);
    assert_int_equal(fake_kinds__v1__kinds_upload_messages(f, 0), 4);
    assert_int_equal(fake_kinds__v1__kinds_upload_args(f, 0, 3)->count, 4);
    assert_null(fake_kinds__v1__kinds_upload_args(f, 0, 4));
    /* A stream without a message is a call as well. */
    c = fake_kinds__v1__kinds_upload(f);
    assert_int_equal(fake_client_close(c, NULL), GRPC_OK);
    assert_int_equal(fake_kinds__v1__kinds_upload_messages(f, 1), 0);
    assert_int_equal(fake_kinds__v1__kinds_upload_messages(f, 2), -1);
}

static int echoes(void *arg, struct fake_stub_call *c, const Kinds__V1__Item *message)
{
    (void)arg;
    Kinds__V1__Item reply = numbered(message != NULL ? -message->count : 1000);
    fake_kinds__v1__kinds_chat_stub_sends(c, &reply);
    return message != NULL && message->count == 13 ? fake_stub_fails(c, GRPC_ABORTED, "thirteen") : GRPC_OK;
}

static void both_sides_stream(void **state)
{
    double_kinds *f = *state;
    Kinds__V1__Item one = numbered(1), second = numbered(20), every = numbered(30), last = numbered(99);
    assert_int_equal(fake_kinds__v1__kinds_chat_sends(f, 1, &second), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_sends(f, FAKE_EVERY, &every), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_sends(f, FAKE_AT_END, &last), 0);
    struct fake_client *c = fake_kinds__v1__kinds_chat(f);
    assert_null(fake_kinds__v1__kinds_chat_receive(c));
    assert_int_equal(fake_kinds__v1__kinds_chat_send(c, &one), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_receive(c)->count, 30);
    assert_null(fake_kinds__v1__kinds_chat_receive(c));
    assert_int_equal(fake_kinds__v1__kinds_chat_send(c, &one), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_receive(c)->count, 20);
    assert_int_equal(fake_kinds__v1__kinds_chat_receive(c)->count, 30);
    assert_int_equal(fake_client_end(c), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_receive(c)->count, 99);
    assert_int_equal(fake_client_close(c, NULL), GRPC_OK);
    assert_int_equal(fake_kinds__v1__kinds_chat_count(f), 1);
    assert_int_equal(fake_kinds__v1__kinds_chat_replies(f, 0), 4);
    /* A stub sees each message as it comes, and ends the call when it likes. */
    assert_int_equal(fake_kinds__v1__kinds_chat_stub(f, echoes, NULL), 0);
    c = fake_kinds__v1__kinds_chat(f);
    assert_int_equal(fake_kinds__v1__kinds_chat_send(c, &one), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_receive(c)->count, -1);
    one.count = 13;
    assert_int_equal(fake_kinds__v1__kinds_chat_send(c, &one), 0);
    assert_int_equal(fake_kinds__v1__kinds_chat_send(c, &one), ERROR_CLOSED);
    assert_int_equal(fake_kinds__v1__kinds_chat_receive(c)->count, -13);
    assert_int_equal(fake_client_close(c, NULL), GRPC_ABORTED);
    struct fake_call call;
    assert_int_equal(fake_call_at(f->fake, "Chat", 1, &call), 0);
    assert_int_equal(call.status, GRPC_ABORTED);
    assert_int_equal(call.messages, 2);
    /* One that fails at once. */
    assert_int_equal(fake_kinds__v1__kinds_chat_fails_on_call(f, 2, GRPC_INTERNAL, "no"), 0);
    c = fake_kinds__v1__kinds_chat(f);
    assert_int_equal(fake_kinds__v1__kinds_chat_send(c, &one), 0);
    assert_int_equal(fake_client_close(c, NULL), GRPC_INTERNAL);
}

/* ---- protobuf-c's services -------------------------------------------------------------------------------------- */

static void keep_typed_summary(const Kinds__V1__Summary *summary, void *data)
{
    int64_t *items = data;
    *items = summary != NULL ? summary->items : -1;
}

static void keep_summary(const ProtobufCMessage *m, void *data)
{
    int64_t *items = data;
    *items = m != NULL ? ((const Kinds__V1__Summary *)(const void *)m)->items : -1;
}

static void as_a_service_of_protobuf_c(void **state)
{
    double_kinds *f = *state;
    ProtobufCService *service = &f->service.base;
    Kinds__V1__Item item = numbered(3);
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    Kinds__V1__Summary summary = KINDS__V1__SUMMARY__INIT;
    int64_t items = 0;
    assert_ptr_equal(service->descriptor, &kinds__v1__kinds__descriptor);
    summary.items = 8;
    assert_int_equal(fake_kinds__v1__kinds_upload_returns(f, &summary), 0);
    service->invoke(service, 2, &item.base, keep_summary, &items);
    assert_int_equal(items, 8);
    items = 0;
    kinds__v1__kinds__upload(service, &item, keep_typed_summary, &items);
    assert_int_equal(items, 8);
    service->invoke(service, 7, &query.base, keep_summary, &items);
    assert_int_equal(items, 0);
    assert_int_equal(fake_kinds__v1__kinds_get_count__fails(f, GRPC_INTERNAL, ""), 0);
    service->invoke(service, 7, &query.base, keep_summary, &items);
    assert_int_equal(items, -1);
    assert_int_equal(fake_kinds__v1__kinds_get_count__count(f), 2);
    assert_int_equal(fake_kinds__v1__kinds_upload_count(f), 2);
    const ProtobufCMethodDescriptor *m =
        protobuf_c_service_descriptor_get_method_by_name(&kinds__v1__kinds__descriptor, "get_args");
    assert_non_null(m);
    assert_string_equal(m->name, "get_args");
}

/* ---- odd names -------------------------------------------------------------------------------------------------- */

static void odd_names(void **state)
{
    (void)state;
    struct fake_kinds__v1__kinds_two *f = fake_kinds__v1__kinds_two_new();
    Kinds__V1__Odd odd = KINDS__V1__ODD__INIT;
    char word[] = "word";
    int32_t xs[] = {4, 5};
    odd.int_ = word;
    odd.base_ = 1;
    odd.n_x = 2;
    odd.x = xs;
    odd.n_x_ = 6;
    odd.has_y_ = 7;
    odd.class_case = KINDS__V1__ODD__CLASS_REGISTER;
    odd.register_ = word;
    odd.switch_ = KINDS__V1__ODD__SWITCH__B;
    odd.enum_ = 0.25;
    struct text json = TEXT_INIT;
    assert_int_equal(fake_kinds__v1__kinds_two_get(f, &odd, NULL, NULL), GRPC_OK);
    assert_int_equal(fake_request_json(f->fake, "Get", 0, &json, NULL), 0);
    assert_string_equal(text_string(&json), "{\"int\":\"word\",\"base\":1,\"x\":[4,5],\"n_x\":6,\"has_y\":7,\"switch\":"
                                            "\"B\",\"register\":\"word\",\"enum\":0.25}");
    const Kinds__V1__Odd *arg = fake_kinds__v1__kinds_two_get_args(f, 0);
    assert_int_equal(arg->x[1], 5);
    assert_false(arg->has_y);
    text_deinit(&json);
    fake_kinds__v1__kinds_two_free(f);
}

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

static void keeps_within_its_limit(void **state)
{
    double_kinds *f = *state;
    struct fake_call call;
    struct error err = ERROR_INIT;
    struct text json = TEXT_INIT;
    fake_keep(f->fake, (size_t)256 << 10);
    for (int i = 0; i < 40000; i++) {
        Kinds__V1__Item item = numbered(i);
        Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
        if (i % 2)
            fake_kinds__v1__kinds_get(f, &item, NULL, NULL);
        else
            fake_kinds__v1__kinds_free_(f, &query, NULL, NULL);
    }
    assert_true(fake_kept(f->fake) <= (size_t)512 << 10);
    assert_int_equal(fake_total(f->fake), 40000);
    int64_t gone = fake_forgotten(f->fake);
    assert_true(gone > 0 && gone < 40000);
    assert_int_equal(fake_call_at(f->fake, NULL, gone - 1, &call), ERROR_NOT_FOUND);
    for (int64_t i = gone; i < 40000; i++) {
        assert_int_equal(fake_call_at(f->fake, NULL, i, &call), 0);
        assert_int_equal(call.sequence, i);
        assert_int_equal(call.index, i / 2);
        assert_string_equal(call.method->name, i % 2 ? "Get" : "Free");
    }
    assert_int_equal(fake_kinds__v1__kinds_get_args(f, 19999)->count, 39999);
    assert_null(fake_kinds__v1__kinds_get_args(f, 0));
    assert_int_equal(fake_request_json(f->fake, "Get", 0, &json, &err), ERROR_NOT_FOUND);
    assert_string_equal(err.message, "call 0 of kinds.v1.Kinds/Get is no longer kept (fake_keep)");
    error_clear(&err);
    /* Counting only: answers by call go on. */
    fake_keep(f->fake, 0);
    assert_int_equal(fake_kept(f->fake), 0);
    assert_int_equal(fake_kinds__v1__kinds_get_fails_on_call(f, 20001, GRPC_ABORTED, "x"), 0);
    assert_int_equal(get(f, "a", NULL, NULL), GRPC_OK);
    assert_int_equal(get(f, "a", NULL, NULL), GRPC_ABORTED);
    assert_int_equal(fake_kinds__v1__kinds_get_count(f), 20002);
    assert_int_equal(fake_forgotten(f->fake), fake_total(f->fake));
    assert_null(fake_kinds__v1__kinds_get_args(f, 20001));
    fake_keep(f->fake, FAKE_KEEP_DEFAULT);
    assert_int_equal(get(f, "b", NULL, NULL), GRPC_OK);
    assert_string_equal(fake_kinds__v1__kinds_get_args(f, 20002)->id, "b");
    text_deinit(&json);
}

/* Calls that are records count with all they hold. */
static void keeps_streams_within_its_limit(void **state)
{
    enum { LIMIT = 1 << 20, LARGE = 100000, CALLS = 60 };
    double_kinds *f = *state;
    char *large = malloc(LARGE + 1);
    assert_non_null(large);
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    Kinds__V1__Item item = numbered(0);
    item.name = large;
    fake_keep(f->fake, LIMIT);
    for (int i = 0; i < CALLS; i++) {
        struct fake_client *c = fake_kinds__v1__kinds_upload(f);
        item.count = i;
        assert_int_equal(fake_kinds__v1__kinds_upload_send(c, &item), 0);
        assert_int_equal(fake_client_close(c, NULL), GRPC_OK);
        assert_true(fake_kept(f->fake) <= LIMIT + 2 * LARGE);
    }
    assert_int_equal(fake_kinds__v1__kinds_upload_count(f), CALLS);
    assert_true(fake_forgotten(f->fake) >= CALLS - LIMIT / LARGE - 1);
    assert_int_equal(fake_kinds__v1__kinds_upload_args(f, CALLS - 1, 0)->count, CALLS - 1);
    free(large);
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

struct worker {
    double_kinds *fake;
    int number;
};

static int checks(void *arg, struct fake_stub_call *c, const Kinds__V1__Query *request, Kinds__V1__Summary *reply)
{
    double_kinds *f = arg;
    (void)c;
    fake_check(f->fake, request->limit != CALLS_OF_THREAD / 2);
    reply->items = request->limit;
    return GRPC_OK;
}

static void *work(void *arg)
{
    const struct worker *w = arg;
    for (int i = 0; i < CALLS_OF_THREAD; i++) {
        Kinds__V1__Item item = numbered(i);
        item.u32 = (uint32_t)w->number;
        Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
        query.limit = i;
        if (i % 4 != 0)
            fake_kinds__v1__kinds_get(w->fake, &item, NULL, NULL);
        else
            fake_kinds__v1__kinds_register(w->fake, &query, NULL, NULL);
        if (i % 500 == 0) {
            fake_kinds__v1__kinds_get_returns_on_call(w->fake, i, &item);
            fake_kinds__v1__kinds_get_args(w->fake, 0);
            fake_kinds__v1__kinds_get_count(w->fake);
        }
    }
    return NULL;
}

static void threads(void **state)
{
    double_kinds *f = *state;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    int64_t next[THREADS] = {0}, indexes[2] = {0}, i = 0;
    struct text why = TEXT_INIT;
    assert_int_equal(fake_kinds__v1__kinds_register_stub(f, checks, f), 0);
    for (int t = 0; t < THREADS; t++) {
        workers[t] = (struct worker){f, t};
        assert_int_equal(pthread_create(&threads[t], NULL, work, &workers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    assert_int_equal(fake_total(f->fake), THREADS * CALLS_OF_THREAD);
    assert_int_equal(fake_kinds__v1__kinds_get_count(f), THREADS * CALLS_OF_THREAD / 4 * 3);
    /* No gap in the order, each thread's calls in the order it made them. */
    struct fake_call call;
    for (; fake_call_at(f->fake, NULL, i, &call) == 0; i++) {
        bool registered = call.method->name[0] == 'r';
        assert_int_equal(call.sequence, i);
        assert_int_equal(call.index, indexes[registered]++);
        if (registered)
            continue;
        struct arena arena = ARENA_INIT;
        ProtobufCMessage *m = NULL;
        assert_int_equal(pb_unpack(&kinds__v1__item__descriptor, call.request, &arena, &m, NULL), 0);
        const Kinds__V1__Item *item = (const void *)m;
        assert_true(item->count > next[item->u32] || item->count == 1);
        next[item->u32] = item->count;
        arena_deinit(&arena);
    }
    assert_int_equal(i, THREADS * CALLS_OF_THREAD);
    /* What the stub found wrong on those threads is told here, and nothing was ended there. */
    assert_false(fake_all_holds(f->fake, &why));
    assert_non_null(strstr(text_string(&why), "typed_test.c:"));
    assert_non_null(strstr(text_string(&why), "request->limit != CALLS_OF_THREAD / 2"));
    text_deinit(&why);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

/* Everything once. What had no memory says so, or gives NULL; nothing is half done. */
static void everything_once(double_kinds *f)
{
    const Kinds__V1__Item *reply = NULL;
    Kinds__V1__Item item = numbered(4);
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    struct text message = TEXT_INIT;
    bool told = fake_kinds__v1__kinds_get_returns(f, &item) == 0;
    int status = fake_kinds__v1__kinds_get(f, &item, &reply, &message);
    assert_true(status == GRPC_OK || status == GRPC_RESOURCE_EXHAUSTED);
    assert_true(status != GRPC_OK || (reply != NULL && reply->count == (told ? 4 : 0)));
    const Kinds__V1__Item *arg = fake_kinds__v1__kinds_get_args(f, 0);
    assert_true(arg == NULL || arg->count == 4);
    fake_kinds__v1__kinds_list_sends(f, &item);
    struct fake_client *c = fake_kinds__v1__kinds_list(f, &query);
    if (c != NULL) {
        fake_kinds__v1__kinds_list_receive(c);
        status = fake_client_close(c, NULL);
        assert_true(status == GRPC_OK || status == GRPC_RESOURCE_EXHAUSTED);
    }
    fake_kinds__v1__kinds_chat_stub(f, echoes, NULL);
    c = fake_kinds__v1__kinds_chat(f);
    if (c != NULL) {
        fake_kinds__v1__kinds_chat_send(c, &item);
        status = fake_client_close(c, NULL);
        assert_true(status == GRPC_OK || status == GRPC_RESOURCE_EXHAUSTED);
    }
    fake_expect(f->fake, "Get", FAKE_ONCE, FAKE_INT("count", 4));
    fake_fail(f->fake, __FILE__, __LINE__, "something");
    struct text why = TEXT_INIT;
    fake_all_holds(f->fake, &why);
    text_deinit(&why);
    text_deinit(&message);
}

static void memory_runs_out(void **state)
{
    (void)state;
    size_t n = 1;
    for (bool hit = true; hit; n++) {
        failing_arm(n);
        double_kinds *f = fake_kinds__v1__kinds_new();
        assert_true(f != NULL || failing_hit());
        if (f != NULL)
            everything_once(f);
        hit = failing_hit();
        failing_disarm();
        fake_kinds__v1__kinds_free(f);
    }
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_as_protobuf_c),
        cmocka_unit_test_setup_teardown(copies_are_deep, setup, teardown),
        cmocka_unit_test_setup_teardown(answers, setup, teardown),
        cmocka_unit_test_setup_teardown(stubs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_of_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_of_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(both_sides_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(as_a_service_of_protobuf_c, setup, teardown),
        cmocka_unit_test(odd_names),
        cmocka_unit_test_setup_teardown(keeps_within_its_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_streams_within_its_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(threads, setup, teardown),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
