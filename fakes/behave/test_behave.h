/* A behaviour asked in process, with JSON in and out, and streams that remember what they were sent: for tests and fuzz
 * targets of this folder. It defines struct fake_stream and its functions, so whoever includes it does not serve. */
#ifndef FAKES_BEHAVE_TEST_BEHAVE_H
#define FAKES_BEHAVE_TEST_BEHAVE_H

#include "fakes/behave/behave.h"
#include "fakes/behave/fields.h"
#include "fakes/behave/values.h"
#include "proto/services.h"
#include "proto/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_stream {
    struct text sent;           /* JSON of each message, a line each */
    const struct pb_type *type; /* of what is sent */
    bool finished, slow;
    int status;
};

int fake_stream_send(struct fake_stream *s, struct bytes message)
{
    if (s->slow)
        return ERROR_LIMIT;
    if (pb_wire_to_json(s->type, message, 0, &s->sent, NULL) != 0)
        return ERROR_INVALID;
    text_char(&s->sent, '\n');
    return 0;
}

bool fake_stream_busy(const struct fake_stream *s)
{
    return s->slow;
}

void fake_stream_finish(struct fake_stream *s, int status, const char *message)
{
    (void)message;
    s->finished = true;
    s->status = status;
}

struct test_behave {
    const struct pb_pool *pool;
    const struct pb_service *service;
    struct behave *b;
    struct fake_responder r;
    struct fake_answer answer;
    struct text wire, json, message;
    const char *session;
    uint64_t now;
    int64_t sequence;
};

static inline int test_open(struct test_behave *t, const struct pb_pool *pool, const char *service,
                            const struct behave_options *options, struct error *err)
{
    *t = (struct test_behave){.pool = pool, .session = "", .now = UINT64_C(1700000000) * 1000000000};
    t->service = pb_find_service(pool, service);
    if (t->service == NULL)
        return error_set(err, ERROR_NOT_FOUND, "no service %s", service);
    fake_answer_init(&t->answer);
    int rc = behave_new(t->service, options, &t->b, err);
    if (rc == 0)
        t->r = behave_responder(t->b);
    return rc;
}

static inline void test_close(struct test_behave *t)
{
    behave_free(t->b);
    fake_answer_deinit(&t->answer);
    text_deinit(&t->wire);
    text_deinit(&t->json);
    text_deinit(&t->message);
}

static inline const struct pb_method *test_method(const struct test_behave *t, const char *name)
{
    for (size_t i = 0; i < t->service->method_count; i++)
        if (strcmp(t->service->methods[i].name, name) == 0)
            return &t->service->methods[i];
    return NULL;
}

/* Messages as they are, one behind the other. */
static inline int test_ask_wire(struct test_behave *t, const struct pb_method *m, struct bytes request,
                                const size_t *ends, size_t messages, bool complete, struct fake_stream *stream)
{
    struct fake_asked asked = {.service = t->service,
                               .method = m,
                               .request = request,
                               .ends = ends,
                               .messages = messages,
                               .complete = complete,
                               .caller = "in process",
                               .session = t->session,
                               .now = t->now,
                               .sequence = t->sequence++,
                               .stream = stream};
    fake_answer_clear(&t->answer);
    if (t->r.respond(t->r.arg, &asked, &t->answer) != FAKE_ANSWERED)
        return -1;
    return t->answer.status;
}

/* The replies as JSON, a line each; of a refusal the message. */
static inline const char *test_said(struct test_behave *t, const struct pb_method *m)
{
    text_clear(&t->json);
    if (t->answer.status != GRPC_OK)
        return text_string(&t->answer.message);
    for (size_t i = 0, start = 0; i < t->answer.marks.count; start = t->answer.marks.items[i++].end) {
        struct bytes reply = BYTES(text_string(&t->answer.replies) + start, t->answer.marks.items[i].end - start);
        struct error err = ERROR_INIT;
        if (pb_wire_to_json(m->output, reply, 0, &t->json, &err) != 0) {
            text_clear(&t->json);
            text_printf(&t->json, "not a %s: %s", m->output->full_name, err.message ? err.message : "");
            error_clear(&err);
            break;
        }
        if (i + 1 < t->answer.marks.count)
            text_char(&t->json, '\n');
    }
    return text_string(&t->json);
}

static inline const char *test_stream(struct test_behave *t, const char *method, const char *request, bool complete,
                                      struct fake_stream *stream)
{
    const struct pb_method *m = test_method(t, method);
    struct error err = ERROR_INIT;
    if (m == NULL)
        return "no such method";
    text_clear(&t->wire);
    if (pb_json_to_wire(m->input, bytes_of(request), 0, &t->wire, &err) != 0) {
        text_clear(&t->message);
        text_printf(&t->message, "request: %s", err.message ? err.message : "");
        error_clear(&err);
        return text_string(&t->message);
    }
    size_t end = t->wire.len;
    if (stream)
        stream->type = m->output;
    (void)test_ask_wire(t, m, text_bytes(&t->wire), &end, 1, complete, stream);
    return test_said(t, m);
}

static inline const char *test_ask(struct test_behave *t, const char *method, const char *request)
{
    return test_stream(t, method, request, true, NULL);
}

/* A text member of the last reply, found by its name as JSON spells it: "id" in {"note":{"id":"7"}}. The last one of
 * that name; in a buffer of the caller. */
static inline const char *test_member(const char *json, const char *name, char out[200])
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", name);
    const char *at = strstr(json, quoted);
    out[0] = '\0';
    if (at == NULL)
        return out;
    at += strlen(quoted);
    size_t len = strcspn(at, "\"");
    snprintf(out, 200, "%.*s", (int)(len < 199 ? len : 199), at);
    return out;
}

#endif
