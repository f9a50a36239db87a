/* Making, programming, and the life of a call. */
#include "fakes/internal.h"

#include <stdlib.h>
#include <string.h>

int fake_new(const struct pb_service *service, struct fake **out)
{
    struct fake *f = calloc(1, sizeof *f);
    struct method_state *methods = calloc(service->method_count + 1, sizeof *methods);
    if (f == NULL || methods == NULL || pthread_mutex_init(&f->lock, NULL) != 0) {
        free(f);
        free(methods);
        return ERROR_MEMORY;
    }
    f->service = service;
    f->methods = methods;
    for (size_t i = 0; i < service->method_count; i++)
        methods[i].method = &service->methods[i];
    *out = f;
    return 0;
}

static void release(struct record *r)
{
    if (--r->references == 0)
        free(r);
}

static void forget(struct fake *f)
{
    for (size_t i = 0; i < f->records.count; i++)
        release(f->records.items[i]);
    array_clear(&f->records);
    for (size_t i = 0; i < f->service->method_count; i++) {
        struct method_state *m = &f->methods[i];
        for (size_t a = 0; a < m->answers.count; a++)
            free(m->answers.items[a].bytes);
        array_clear(&m->answers);
        array_clear(&m->calls);
        m->stub = NULL;
        m->delay = 0;
        m->never = false;
    }
}

void fake_free(struct fake *f)
{
    if (f == NULL)
        return;
    forget(f);
    for (size_t i = 0; i < f->service->method_count; i++) {
        array_deinit(&f->methods[i].answers);
        array_deinit(&f->methods[i].calls);
    }
    array_deinit(&f->records);
    pthread_mutex_destroy(&f->lock);
    free(f->methods);
    free(f);
}

void fake_reset(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    forget(f);
    pthread_mutex_unlock(&f->lock);
}

struct method_state *fake_method(const struct fake *f, const char *name)
{
    for (size_t i = 0; i < f->service->method_count; i++)
        if (strcmp(f->methods[i].method->name, name) == 0)
            return &f->methods[i];
    return NULL;
}

/* ---- programming ---- */

/* Where the answer for that index is, or belongs. */
static size_t answer_place(const struct method_state *m, int64_t index)
{
    size_t low = 0, high = m->answers.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->answers.items[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct answer *answer_for(const struct method_state *m, int64_t index)
{
    size_t i = answer_place(m, index);
    return i < m->answers.count && m->answers.items[i].index == index ? &m->answers.items[i] : NULL;
}

/* The answer's bytes become the method's in the end. */
static bool put_answer(struct method_state *m, struct answer answer)
{
    struct answer *old = answer_for(m, answer.index);
    if (old != NULL) {
        free(old->bytes);
        *old = answer;
        return true;
    }
    if (!array_grow(&m->answers))
        return false;
    size_t i = answer_place(m, answer.index);
    memmove(&m->answers.items[i + 1], &m->answers.items[i], (m->answers.count - i) * sizeof answer);
    m->answers.items[i] = answer;
    m->answers.count++;
    return true;
}

static int set_answer(struct fake *f, const char *method, int64_t index, int status, const void *bytes, size_t len)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    if (index < FAKE_EVERY)
        return ERROR_INVALID;
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return ERROR_MEMORY;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    pthread_mutex_lock(&f->lock);
    bool put = put_answer(m, (struct answer){.index = index, .status = status, .bytes = copy, .len = len});
    if (put)
        m->stub = NULL;
    pthread_mutex_unlock(&f->lock);
    if (!put)
        free(copy);
    return put ? 0 : ERROR_MEMORY;
}

int fake_returns_on_call(struct fake *f, const char *method, int64_t i, const ProtobufCMessage *reply)
{
    const struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    if (strcmp(reply->descriptor->name, m->method->output->full_name) != 0)
        return ERROR_INVALID;
    struct text wire = TEXT_INIT;
    int code = pb_pack(reply, &wire);
    if (code == 0 && !text_ok(&wire))
        code = ERROR_MEMORY;
    if (code == 0)
        code = set_answer(f, method, i, GRPC_OK, wire.data, wire.len);
    text_deinit(&wire);
    return code;
}

int fake_returns(struct fake *f, const char *method, const ProtobufCMessage *reply)
{
    return fake_returns_on_call(f, method, FAKE_EVERY, reply);
}

int fake_returns_json(struct fake *f, const char *method, int64_t i, const char *json, struct error *err)
{
    const struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s has no method \"%s\"", f->service->full_name, method);
    struct text wire = TEXT_INIT;
    int code = pb_json_to_wire(m->method->output, bytes_of(json), 0, &wire, err);
    if (code == 0) {
        code = text_ok(&wire) ? set_answer(f, method, i, GRPC_OK, wire.data, wire.len) : ERROR_MEMORY;
        if (code != 0)
            error_set(err, code, "%s", error_code_name(code));
    }
    text_deinit(&wire);
    return code;
}

int fake_fails(struct fake *f, const char *method, int64_t i, int status, const char *message)
{
    if (status <= GRPC_OK || status > GRPC_UNAUTHENTICATED)
        return ERROR_INVALID;
    return set_answer(f, method, i, status, message, strlen(message));
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

int fake_stub(struct fake *f, const char *method,
              int (*stub)(void *arg, const struct fake_call *call, struct text *reply, struct text *message), void *arg)
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

/* ---- a call ---- */

static struct record *record_new(struct method_state *m, const struct request *q)
{
    struct record *r = malloc(sizeof *r + q->messages * sizeof r->ends[0] + q->wire.len);
    if (r == NULL)
        return NULL;
    *r = (struct record){.method = m,
                         .time = q->time,
                         .status = FAKE_UNANSWERED,
                         .references = 2,
                         .messages = q->messages,
                         .len = q->wire.len};
    for (size_t i = 0; i < q->messages; i++)
        r->ends[i] = q->ends[i];
    if (q->wire.len > 0)
        memcpy(r->ends + q->messages, q->wire.data, q->wire.len);
    return r;
}

struct fake_call record_call(const struct record *r)
{
    return (struct fake_call){.method = r->method->method,
                              .sequence = r->sequence,
                              .index = r->index,
                              .request = BYTES(r->ends + r->messages, r->len),
                              .messages = r->messages,
                              .ends = r->ends,
                              .status = r->status,
                              .time = r->time};
}

/* Under the lock. */
static bool journal_add(struct fake *f, struct record *r)
{
    struct method_state *m = r->method;
    if (!array_grow(&f->records) || !array_grow(&m->calls))
        return false;
    r->sequence = (int64_t)f->records.count;
    r->index = (int64_t)m->calls.count;
    f->records.items[f->records.count++] = r;
    m->calls.items[m->calls.count++] = r;
    return true;
}

struct taken fake_take(struct fake *f, struct method_state *m, const struct request *q, struct text *reply,
                       struct text *message)
{
    static const char no_memory[] = "the double is out of memory";
    struct taken t = {.record = record_new(m, q), .status = FAKE_UNANSWERED};
    struct fake_call call = {0};
    int (*stub)(void *, const struct fake_call *, struct text *, struct text *) = NULL;
    void *stub_arg = NULL;
    pthread_mutex_lock(&f->lock);
    if (t.record == NULL || !journal_add(f, t.record)) {
        pthread_mutex_unlock(&f->lock);
        free(t.record);
        text_puts(message, no_memory);
        return (struct taken){.status = GRPC_RESOURCE_EXHAUSTED};
    }
    if (!q->cut && !m->never) {
        const struct answer *a = answer_for(m, t.record->index);
        if (a == NULL)
            a = answer_for(m, FAKE_EVERY);
        stub = m->stub;
        stub_arg = m->stub_arg;
        t.delay = m->delay;
        t.status = a != NULL ? a->status : GRPC_OK;
        if (stub == NULL && a != NULL)
            text_add(a->status == GRPC_OK ? reply : message, a->bytes, a->len);
        call = record_call(t.record);
    }
    pthread_mutex_unlock(&f->lock);
    /* Outside the lock, so that a stub may look at the double, call it again, even reset it: the record is held. */
    if (stub != NULL)
        t.status = stub(stub_arg, &call, reply, message);
    if (!text_ok(reply) || !text_ok(message)) {
        text_clear(reply);
        text_clear(message);
        text_puts(message, no_memory);
        t.status = GRPC_RESOURCE_EXHAUSTED;
    }
    return t;
}

void fake_settle(struct fake *f, struct taken *t, int status)
{
    if (t->record == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    t->record->status = status;
    release(t->record);
    pthread_mutex_unlock(&f->lock);
    t->record = NULL;
}

int fake_call(struct fake *f, const char *method, struct bytes request, struct text *reply, struct text *message)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL) {
        text_printf(message, "unknown method %s", method);
        return GRPC_UNIMPLEMENTED;
    }
    struct request q = {.wire = request, .ends = &request.len, .messages = 1};
    struct taken t = fake_take(f, m, &q, reply, message);
    int status = t.status;
    fake_settle(f, &t, status);
    if (status != FAKE_UNANSWERED)
        return status;
    text_puts(message, "the double never answers");
    return GRPC_DEADLINE_EXCEEDED;
}
