/* Whatever a double is asked, it answers a message of its contract or a status, keeps within its limits, and does the
 * same again from the same seed; and memory may run out at any place. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "fakes/behave/test_behave.h"

#define CALLS      100000 /* over all services */
#define ITEMS_MAX  200
#define BYTES_MAX  ((size_t)256 << 10)
#define WORDS_KEPT 16

/* Ids seen in replies, to be asked for again. */
struct kept_words {
    char words[WORDS_KEPT][48];
    size_t count;
};

/* Texts of a message, ids first of all. */
static void keep_words(struct kept_words *k, struct random *r, const struct pb_type *type, struct bytes message,
                       int depth)
{
    struct pb_reader at = reader_of(message);
    struct pb_item v;
    while (at.at < at.end && pb_item_next(&at, &v) == PB_FAULT_NONE) {
        const struct pb_field *f = pb_field_by_number(type, v.number);
        if (f && f->kind == PB_MESSAGE && depth < 3)
            keep_words(k, r, f->message, v.data, depth + 1);
        if (!f || f->kind != PB_STRING || v.data.len == 0 || v.data.len >= sizeof k->words[0])
            continue;
        size_t slot = k->count < WORDS_KEPT ? k->count++ : (size_t)random_below(r, WORDS_KEPT);
        snprintf(k->words[slot], sizeof k->words[0], "%.*s", (int)v.data.len, (const char *)v.data.data);
    }
}

/* A request of values, some left out, some of its texts words that were seen. */
static void request_of(struct text *out, struct random *r, const struct kept_words *k, const struct pb_type *type,
                       int depth)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct pb_field *f = &type->fields[i];
        if (random_below(r, 3) == 0)
            continue;
        if (f->kind == PB_STRING && k->count > 0 && random_below(r, 2) == 0) {
            pb_put_bytes(out, f->number, bytes_of(k->words[random_below(r, k->count)]));
        } else if (f->kind == PB_MESSAGE && !f->repeated && f->message->known == PB_ORDINARY && depth < 3) {
            size_t mark = pb_open(out, f->number);
            request_of(out, r, k, f->message, depth + 1);
            pb_close(out, mark);
        } else {
            values_field(r, f, UINT64_C(1700000000000000000), depth, out);
        }
    }
}

/* What was answered, all of it, as a number. */
static uint64_t talk(const struct pb_pool *pool, const struct pb_service *service, uint64_t seed, size_t calls)
{
    struct test_behave t;
    struct behave_options options = {
        .seed = seed, .items_max = ITEMS_MAX, .bytes_max = BYTES_MAX, .sessions_max = 3, .bare = seed % 2};
    struct kept_words kept = {0};
    struct random r;
    struct fake_stream streams[4] = {0};
    uint64_t sum = 0;
    assert_int_equal(test_open(&t, pool, service->full_name, &options, NULL), 0);
    random_seed(&r, seed);
    for (size_t n = 0; n < calls; n++) {
        const struct pb_method *m = &service->methods[random_below(&r, service->method_count)];
        struct fake_stream *stream = m->server_streaming ? &streams[random_below(&r, 4)] : NULL;
        static const char *const sessions[] = {"", "", "", "a", "b", "c"};
        t.session = sessions[random_below(&r, 6)];
        t.now += random_below(&r, 1000) * UINT64_C(1000000000);
        text_clear(&t.wire);
        size_t ends[3], messages = m->client_streaming ? 1 + (size_t)random_below(&r, 3) : 1;
        for (size_t i = 0; i < messages; i++) {
            request_of(&t.wire, &r, &kept, m->input, 0);
            ends[i] = t.wire.len;
        }
        bool complete = !(m->client_streaming && m->server_streaming) || random_below(&r, 2);
        if (stream)
            stream->type = m->output;
        int status = test_ask_wire(&t, m, text_bytes(&t.wire), ends, messages, complete, stream);
        assert_true(status >= 0 && status <= GRPC_UNAUTHENTICATED);
        sum = values_hash(sum + (uint64_t)status, m->name, text_bytes(&t.answer.replies));
        for (size_t i = 0, start = 0; i < t.answer.marks.count; start = t.answer.marks.items[i++].end) {
            struct bytes reply = BYTES(text_string(&t.answer.replies) + start, t.answer.marks.items[i].end - start);
            struct error err = ERROR_INIT;
            if (pb_scan(m->output->descriptor, reply, &err) != 0)
                fail_msg("%s: %s", m->path, err.message);
            keep_words(&kept, &r, m->output, reply, 0);
        }
        if (stream && random_below(&r, 4) == 0) {
            t.r.gone(t.r.arg, stream);
            text_clear(&stream->sent);
        }
        struct behave_size size = behave_size(t.b);
        if (size.items > ITEMS_MAX || size.bytes > BYTES_MAX || size.sessions > 3)
            fail_msg("%s: %zu items, %zu bytes, %zu sessions", m->path, size.items, size.bytes, size.sessions);
    }
    behave_reset(t.b, "");
    struct behave_size size = behave_size(t.b);
    assert_int_equal(size.items, 0);
    assert_int_equal(size.bytes, 0);
    assert_int_equal(size.streams, 0);
    for (size_t i = 0; i < 4; i++)
        text_deinit(&streams[i].sent);
    test_close(&t);
    return sum;
}

static void any_call_is_answered(void **state)
{
    (void)state;
    const struct bytes sets[] = {proto_set(), proto_services_set()};
    size_t services = 0;
    struct pb_pool *pools[2];
    for (size_t s = 0; s < 2; s++) {
        assert_int_equal(pb_pool_new(sets[s], "proto", &pools[s], NULL), 0);
        services += pb_service_count(pools[s]);
    }
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < pb_service_count(pools[s]); i++) {
            const struct pb_service *service = pb_service_at(pools[s], i);
            if (service->method_count == 0)
                continue;
            uint64_t once = talk(pools[s], service, i, CALLS / services / 2 + 1);
            if (once != talk(pools[s], service, i, CALLS / services / 2 + 1))
                fail_msg("%s: the same seed gave other answers", service->full_name);
        }
        pb_pool_free(pools[s]);
    }
}

/* ---- memory that runs out ---------------------------------------------------------------------------------------- */

static struct pb_pool *walked;

static int lives(void)
{
    static const struct {
        const char *service, *method, *request;
    } calls[] = {
        {"user.User", "Create", "{\"id\":\"u\",\"email\":\"a@b.c\",\"password\":\"p\",\"profile\":{\"a\":\"b\"}}"},
        {"user.User", "Login", "{\"email\":\"a@b.c\",\"password\":\"p\"}"},
        {"user.User", "SendPasswordResetEmail", "{\"email\":\"a@b.c\"}"},
        {"user.User", "Update", "{\"id\":\"u\",\"email\":\"x@b.c\"}"},
        {"user.User", "List", "{\"limit\":5}"},
        {"user.User", "Delete", "{\"id\":\"u\"}"},
        {"chat.Chat", "Create", "{\"name\":\"tea\",\"userIds\":[\"a\",\"b\"]}"},
        {"chat.Chat", "List", "{\"userId\":\"a\"}"},
        {"wallet.Wallet", "Create", "{\"id\":\"w\",\"name\":\"n\"}"},
        {"wallet.Wallet", "Credit", "{\"id\":\"w\",\"amount\":5,\"reference\":\"r\",\"idempotencyKey\":\"k\"}"},
        {"wallet.Wallet", "Read", "{\"id\":\"none\"}"},
        {"stripe.Stripe", "ListPayments", "{}"},
        {"weather.Weather", "Now", "{\"location\":\"Oslo\"}"},
    };
    struct test_behave t = {0};
    int worst = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        bool first = i == 0 || strcmp(calls[i].service, calls[i - 1].service) != 0;
        if (first && i > 0)
            test_close(&t);
        struct error err = ERROR_INIT;
        int rc = first ? test_open(&t, walked, calls[i].service, NULL, &err) : 0;
        error_clear(&err);
        if (rc) {
            test_close(&t);
            return rc;
        }
        const struct pb_method *m = test_method(&t, calls[i].method);
        if (m == NULL) {
            test_close(&t);
            return ERROR_NOT_FOUND;
        }
        text_clear(&t.wire);
        if (pb_json_to_wire(m->input, bytes_of(calls[i].request), 0, &t.wire, NULL) != 0) {
            worst = ERROR_MEMORY;
            continue;
        }
        size_t end = t.wire.len;
        int status = test_ask_wire(&t, m, text_bytes(&t.wire), &end, 1, true, NULL);
        if (status == GRPC_RESOURCE_EXHAUSTED)
            worst = ERROR_MEMORY;
    }
    test_close(&t);
    return worst;
}

static int watched(void)
{
    struct test_behave t;
    struct fake_stream s = {0};
    int rc = test_open(&t, walked, "notes.Notes", NULL, NULL);
    if (rc == 0) {
        test_stream(&t, "Events", "{}", true, &s);
        rc = t.answer.status == GRPC_RESOURCE_EXHAUSTED ? ERROR_MEMORY : 0;
        test_stream(&t, "Create", "{\"title\":\"milk\"}", true, NULL);
        rc = t.answer.status == GRPC_RESOURCE_EXHAUSTED ? ERROR_MEMORY : rc;
        struct text text = TEXT_INIT;
        if (behave_explain(t.b, BEHAVE_JSON, &text) != 0)
            rc = ERROR_MEMORY;
        text_deinit(&text);
    }
    test_close(&t);
    text_deinit(&s.sent);
    return rc;
}

static void memory_runs_out(void **state)
{
    (void)state;
    assert_int_equal(pb_pool_new(proto_services_set(), "services", &walked, NULL), 0);
    json_set_alloc_funcs(failing_malloc, failing_free);
    assert_true(failing_walk(lives, FAILING_MAY_BE_BORNE) > 100);
    assert_true(failing_walk(watched, FAILING_MAY_BE_BORNE) > 50);
    json_set_alloc_funcs(malloc, free);
    pb_pool_free(walked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_is_answered),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
