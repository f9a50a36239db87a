/* What a double is told to say. */
#include "fakes/double/internal.h"

#include <stdlib.h>
#include <string.h>

static void answer_deinit(struct answer *a)
{
    text_deinit(&a->replies);
    text_deinit(&a->message);
    array_deinit(&a->lines);
}

void fake_forget_program(struct method_state *m)
{
    for (size_t i = 0; i < m->answers.count; i++)
        answer_deinit(&m->answers.items[i]);
    array_deinit(&m->answers);
    m->stub = NULL;
    m->delay = 0;
    m->never = false;
}

/* Where the answer for that call is, or belongs. */
static size_t place_of(const struct method_state *m, int64_t call)
{
    size_t low = 0, high = m->answers.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->answers.items[middle].call < call)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct answer *fake_answer_among(const struct method_state *m, int64_t call)
{
    size_t i = place_of(m, call);
    if (i < m->answers.count && m->answers.items[i].call == call)
        return &m->answers.items[i];
    return m->answers.items[0].call == FAKE_EVERY ? &m->answers.items[0] : NULL;
}

/* The call's own, made when there is none. */
static struct answer *own_answer(struct method_state *m, int64_t call)
{
    size_t i = place_of(m, call);
    if (i < m->answers.count && m->answers.items[i].call == call)
        return &m->answers.items[i];
    if (!array_grow(&m->answers))
        return NULL;
    struct answer *a = &m->answers.items[i];
    memmove(a + 1, a, (m->answers.count - i) * sizeof *a);
    m->answers.count++;
    *a = (struct answer){.call = call};
    return a;
}

static bool add_line(struct answer *a, int64_t message, struct bytes reply, uint64_t delay)
{
    size_t start = a->replies.len;
    if (!array_grow(&a->lines) || !text_reserve(&a->replies, reply.len + 1))
        return false;
    text_add(&a->replies, reply.data, reply.len);
    a->lines.items[a->lines.count++] =
        (struct line){.message = message, .delay = delay, .start = start, .end = a->replies.len};
    return true;
}

/* One reply, and nothing else: what was there goes only when there is memory for what comes. */
static int set_reply(struct fake *f, struct method_state *m, int64_t call, struct bytes reply)
{
    struct answer fresh = {.call = call};
    if (!add_line(&fresh, FAKE_EVERY, reply, 0)) {
        answer_deinit(&fresh);
        return ERROR_MEMORY;
    }
    pthread_mutex_lock(&f->lock);
    struct answer *a = own_answer(m, call);
    if (a != NULL) {
        struct answer old = *a;
        *a = fresh;
        fresh = old;
        m->stub = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    answer_deinit(&fresh);
    return a != NULL ? 0 : ERROR_MEMORY;
}

/* The wire bytes of a reply to that method. */
static int pack_reply(const struct method_state *m, const ProtobufCMessage *reply, struct text *wire)
{
    if (strcmp(reply->descriptor->name, m->method->output->full_name) != 0)
        return ERROR_INVALID;
    int code = pb_pack(reply, wire);
    return code == 0 && !text_ok(wire) ? ERROR_MEMORY : code;
}

int fake_returns_on_call(struct fake *f, const char *method, int64_t i, const ProtobufCMessage *reply)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    if (i < FAKE_EVERY)
        return ERROR_INVALID;
    struct text wire = TEXT_INIT;
    int code = pack_reply(m, reply, &wire);
    if (code == 0)
        code = set_reply(f, m, i, text_bytes(&wire));
    text_deinit(&wire);
    return code;
}

int fake_returns(struct fake *f, const char *method, const ProtobufCMessage *reply)
{
    return fake_returns_on_call(f, method, FAKE_EVERY, reply);
}

int fake_returns_json(struct fake *f, const char *method, int64_t i, const char *json, struct error *err)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s has no method \"%s\"", f->service->full_name, method);
    if (i < FAKE_EVERY)
        return error_set(err, ERROR_INVALID, "there is no call %lld", (long long)i);
    struct text wire = TEXT_INIT;
    int code = pb_json_to_wire(m->method->output, bytes_of(json), 0, &wire, err);
    if (code == 0) {
        code = text_ok(&wire) ? set_reply(f, m, i, text_bytes(&wire)) : ERROR_MEMORY;
        if (code != 0)
            error_set(err, code, "%s", error_code_name(code));
    }
    text_deinit(&wire);
    return code;
}

int fake_sends(struct fake *f, const char *method, int64_t i, int64_t k, const ProtobufCMessage *reply, uint64_t delay)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    if (!m->method->server_streaming || i < FAKE_EVERY || k < FAKE_AT_END)
        return ERROR_INVALID;
    struct text wire = TEXT_INIT;
    int code = pack_reply(m, reply, &wire);
    if (code == 0) {
        pthread_mutex_lock(&f->lock);
        struct answer *a = own_answer(m, i);
        if (a == NULL || !add_line(a, k, text_bytes(&wire), delay))
            code = ERROR_MEMORY;
        else
            m->stub = NULL;
        pthread_mutex_unlock(&f->lock);
    }
    text_deinit(&wire);
    return code;
}

int fake_fails(struct fake *f, const char *method, int64_t i, int status, const char *message)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    if (status <= GRPC_OK || status > GRPC_UNAUTHENTICATED || i < FAKE_EVERY)
        return ERROR_INVALID;
    struct text text = TEXT_INIT;
    text_puts(&text, message);
    pthread_mutex_lock(&f->lock);
    struct answer *a = text_ok(&text) ? own_answer(m, i) : NULL;
    if (a != NULL) {
        struct text old = a->message;
        a->message = text;
        text = old;
        a->status = status;
        m->stub = NULL;
        if (!m->method->server_streaming) {
            array_clear(&a->lines);
            text_clear(&a->replies);
        }
    }
    pthread_mutex_unlock(&f->lock);
    text_deinit(&text);
    return a != NULL ? 0 : ERROR_MEMORY;
}

int fake_delays(struct fake *f, const char *method, uint64_t delay)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    pthread_mutex_lock(&f->lock);
    m->delay = delay;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

int fake_never_answers(struct fake *f, const char *method, bool on)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    pthread_mutex_lock(&f->lock);
    m->never = on;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

int fake_stub(struct fake *f, const char *method, fake_stub_function *stub, void *arg)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    pthread_mutex_lock(&f->lock);
    m->stub = stub;
    m->stub_arg = arg;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

void fake_hear(struct fake *f, const struct fake_hearer *hearer)
{
    f->hearer = hearer != NULL ? *hearer : (struct fake_hearer){0};
}

int fake_add_responder(struct fake *f, const struct fake_responder *r)
{
    return array_push(&f->responders, *r) ? 0 : ERROR_MEMORY;
}

void fake_stream_gone(struct fake *f, struct fake_stream *stream)
{
    for (size_t i = 0; i < f->responders.count; i++)
        if (f->responders.items[i].gone != NULL)
            f->responders.items[i].gone(f->responders.items[i].arg, stream);
}
