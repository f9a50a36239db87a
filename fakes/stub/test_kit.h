/* What the tests of stubs share: a set on shop.proto, calls to it, and answers as JSON. */
#ifndef FAKES_STUB_TEST_KIT_H
#define FAKES_STUB_TEST_KIT_H

#include "base/test.h"

#include "base/array.h"
#include "fakes/stub/stub.h"
#include "fakes/stub/testdata/set.h"

#include <stdlib.h>
#include <string.h>

#define KIT_NOW UINT64_C(1700000000123456789)

struct kit {
    struct pb_pool *pool;
    struct stub_set *set;
    struct fake_responder responder;
    struct fake_answer answer;
    enum fake_verdict verdict;
    struct text json, request;
    int64_t calls;
    const char *session, *caller;
    struct grpc_header headers[8];
    size_t header_count;
    uint64_t now;
    bool open; /* the client has more to say */
};

static inline void kit_init(struct kit *k)
{
    struct error err = ERROR_INIT;
    *k = (struct kit){.session = "", .caller = "10.0.0.7:1234", .now = KIT_NOW};
    if (pb_pool_new(shop_set(), "shop", &k->pool, &err) != 0 || stub_set_new(k->pool, 7, &k->set, &err) != 0)
        fail_msg("%s", err.message);
    k->responder = stub_set_responder(k->set);
    fake_answer_init(&k->answer);
}

static inline void kit_deinit(struct kit *k)
{
    fake_answer_deinit(&k->answer);
    stub_set_free(k->set);
    pb_pool_free(k->pool);
    text_deinit(&k->json);
    text_deinit(&k->request);
}

static inline void kit_add(struct kit *k, const char *yaml)
{
    struct error err = ERROR_INIT;
    if (stub_set_add_yaml(k->set, bytes_of(yaml), "stubs.yaml", NULL, &err) < 0)
        fail_msg("%d:%d: %s\n%s", err.line, err.column, err.message, yaml);
}

/* The error's text must hold `part`, and its place be this one. */
static inline void kit_refused(struct kit *k, const char *yaml, int line, int column, const char *part)
{
    struct error err = ERROR_INIT;
    size_t before = stub_set_count(k->set);
    int64_t code = stub_set_add_yaml(k->set, bytes_of(yaml), "stubs.yaml", NULL, &err);
    if (code >= 0)
        fail_msg("taken:\n%s", yaml);
    if (err.line != line || err.column != column || strstr(err.message, part) == NULL)
        fail_msg("%d:%d: %s\nexpected %d:%d: %s\n%s", err.line, err.column, err.message, line, column, part, yaml);
    assert_int_equal(code, err.code);
    assert_int_equal(stub_set_count(k->set), before);
    error_clear(&err);
}

static inline const struct pb_method *kit_method(struct kit *k, const char *name)
{
    const struct pb_service *s = pb_find_service(k->pool, "shop.Shop");
    for (size_t i = 0; i < s->method_count; i++)
        if (strcmp(s->methods[i].name, name) == 0)
            return &s->methods[i];
    fail_msg("no method %s", name);
    return &s->methods[0];
}

/* Messages as JSON, one behind the other, NULL at the end. */
static inline void kit_asked(struct kit *k, const char *method, const char *const *messages, size_t *ends,
                             struct fake_asked *out)
{
    struct error err = ERROR_INIT;
    const struct pb_method *m = kit_method(k, method);
    size_t count = 0;
    text_clear(&k->request);
    for (; messages[count] != NULL; count++) {
        if (pb_json_to_wire(m->input, bytes_of(messages[count]), 0, &k->request, &err) != 0)
            fail_msg("%s: %s", messages[count], err.message);
        ends[count] = k->request.len;
    }
    *out = (struct fake_asked){.service = m->service,
                               .method = m,
                               .request = text_bytes(&k->request),
                               .ends = ends,
                               .messages = count,
                               .complete = !k->open,
                               .metadata = {k->headers, k->header_count},
                               .caller = k->caller,
                               .session = k->session,
                               .now = k->now,
                               .sequence = k->calls,
                               .index = k->calls};
}

static inline enum fake_verdict kit_ask(struct kit *k, const struct fake_asked *asked)
{
    fake_answer_clear(&k->answer);
    k->calls++;
    k->verdict = k->responder.respond(k->responder.arg, asked, &k->answer);
    return k->verdict;
}

static inline enum fake_verdict kit_call_many(struct kit *k, const char *method, const char *const *messages)
{
    size_t ends[16];
    struct fake_asked asked;
    kit_asked(k, method, messages, ends, &asked);
    return kit_ask(k, &asked);
}

static inline enum fake_verdict kit_call(struct kit *k, const char *method, const char *message)
{
    return kit_call_many(k, method, (const char *const[]){message, NULL});
}

/* The replies as JSON, with blanks between them. */
static inline const char *kit_replies(struct kit *k, const char *method)
{
    struct error err = ERROR_INIT;
    size_t start = 0;
    text_clear(&k->json);
    for (size_t i = 0; i < k->answer.marks.count; i++) {
        struct bytes one = BYTES(text_string(&k->answer.replies) + start, k->answer.marks.items[i].end - start);
        text_puts(&k->json, i > 0 ? " " : "");
        if (pb_wire_to_json(kit_method(k, method)->output, one, 0, &k->json, &err) != 0)
            fail_msg("reply %zu: %s", i, err.message);
        start = k->answer.marks.items[i].end;
    }
    return text_string(&k->json);
}

/* One call of Find: its reply as JSON, the name of its status with its message, or "passed". */
static inline const char *kit_find(struct kit *k, const char *message)
{
    if (kit_call(k, "Find", message) == FAKE_PASSED)
        return "passed";
    if (k->answer.status == GRPC_OK)
        return kit_replies(k, "Find");
    text_clear(&k->json);
    text_printf(&k->json, "%s %s", grpc_status_name(k->answer.status), text_string(&k->answer.message));
    return text_string(&k->json);
}

#endif
