/* Any bytes as a file of stubs, ours or gripmock's (the first byte says which): taken, or refused with a place. What is
 * taken is asked with what follows a zero byte as the request's wire bytes: an answer's replies are messages of their
 * type, a miss is explained, and the set ends as empty as it began. */
#include "fakes/stub/stub.h"
#include "fakes/stub/testdata/set.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const struct pb_method *m, const struct fake_answer *a)
{
    size_t start = 0;
    for (size_t i = 0; i < a->marks.count; i++) {
        struct bytes reply = BYTES(text_string(&a->replies) + start, a->marks.items[i].end - start);
        bool garbage = reply.len > 0 && reply.data[0] == 0x07;
        /* Texts made by templates may hold what a string must not: that is the request's own. */
        if (!garbage && pb_scan(NULL, reply, NULL) != 0)
            abort();
        start = a->marks.items[i].end;
    }
    if (start != a->replies.len || a->by == NULL || (!m->server_streaming && a->marks.count > 1))
        abort();
}

static void ask(struct stub_set *set, const struct pb_method *m, struct bytes request)
{
    struct fake_responder r = stub_set_responder(set);
    struct fake_answer answer;
    struct stub_nearest near;
    struct text text = TEXT_INIT;
    struct grpc_header header = {bytes_of("x-user"), bytes_of("Mary")};
    struct fake_asked asked = {.service = m->service,
                               .method = m,
                               .request = request,
                               .ends = &request.len,
                               .messages = 1,
                               .complete = !(m->client_streaming && m->server_streaming),
                               .metadata = {&header, 1},
                               .caller = "10.0.0.1:1",
                               .session = "s",
                               .now = UINT64_C(1700000000000000000)};
    fake_answer_init(&answer);
    for (int i = 0; i < 3; i++) {
        fake_answer_clear(&answer);
        if (r.respond(r.arg, &asked, &answer) == FAKE_ANSWERED)
            check_answer(m, &answer);
    }
    if (stub_set_nearest(set, &asked, 0, &near) == 0) {
        stub_nearest_text(&near, m, &text);
        stub_nearest_json(&near, m, &text);
        stub_nearest_deinit(&near);
    }
    text_deinit(&text);
    fake_answer_deinit(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pb_pool *pool;
    struct error err = ERROR_INIT;
    struct stub_set *set;
    if (pool == NULL && pb_pool_new(shop_set(), "shop", &pool, NULL) != 0)
        abort();
    if (size == 0 || stub_set_new(pool, 1, &set, NULL) != 0)
        return 0;
    bool gripmock = data[0] == 'g';
    const uint8_t *zero = memchr(data, 0, size);
    size_t len = zero != NULL ? (size_t)(zero - data) : size;
    struct bytes text = BYTES(data + gripmock, len - gripmock);
    int64_t count = gripmock ? stub_set_add_gripmock(set, text, "fuzz.yaml", NULL, &err)
                             : stub_set_add_yaml(set, text, "fuzz.yaml", NULL, &err);
    if ((count < 0) != (err.code != 0) || (count < 0 && (err.line < 1 || err.message == NULL)))
        abort();
    if (stub_set_count(set) != (size_t)(count < 0 ? 0 : count) - 0)
        abort();
    const struct pb_service *s = pb_find_service(pool, "shop.Shop");
    for (size_t i = 0; count > 0 && i < s->method_count; i++)
        ask(set, &s->methods[i], zero != NULL ? BYTES(zero + 1, size - len - 1) : BYTES_NONE);
    error_clear(&err);
    stub_set_free(set);
    return 0;
}
