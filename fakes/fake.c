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

static void forget_answers(struct method_state *m, int64_t index, bool all)
{
    for (size_t i = m->answers.count; i > 0; i--) {
        struct answer *a = &m->answers.items[i - 1];
        if (!all && a->index != index)
            continue;
        free(a->bytes);
        array_remove(&m->answers, i - 1);
    }
}

static void forget(struct fake *f)
{
    for (size_t i = 0; i < f->records.count; i++) {
        free(f->records.items[i]->request);
        free(f->records.items[i]);
    }
    array_clear(&f->records);
    for (size_t i = 0; i < f->service->method_count; i++) {
        struct method_state *m = &f->methods[i];
        forget_answers(m, 0, true);
        m->count = 0;
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
    for (size_t i = 0; i < f->service->method_count; i++)
        array_deinit(&f->methods[i].answers);
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

static int set_answer(struct fake *f, const char *method, int64_t index, int status, const void *bytes, size_t len)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return ERROR_NOT_FOUND;
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return ERROR_MEMORY;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    pthread_mutex_lock(&f->lock);
    bool room = array_grow(&m->answers);
    if (room) {
        forget_answers(m, index, false);
        m->answers.items[m->answers.count++] =
            (struct answer){.index = index, .status = status, .bytes = copy, .len = len};
        /* As counterfeiter has it: an answer set later takes the place of a stub. */
        m->stub = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    if (!room)
        free(copy);
    return room ? 0 : ERROR_MEMORY;
}

int fake_returns_on_call(struct fake *f, const char *method, int64_t i, const ProtobufCMessage *reply)
{
    struct text wire = TEXT_INIT;
    int code = pb_pack(reply, &wire);
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
    if (code == 0 && (code = set_answer(f, method, i, GRPC_OK, wire.data, wire.len)) != 0)
        error_set(err, code, "out of memory");
    text_deinit(&wire);
    return code;
}

int fake_fails(struct fake *f, const char *method, int64_t i, int status, const char *message)
{
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

static const struct answer *choose(const struct method_state *m, int64_t index)
{
    const struct answer *general = NULL;
    for (size_t i = 0; i < m->answers.count; i++) {
        if (m->answers.items[i].index == index)
            return &m->answers.items[i];
        if (m->answers.items[i].index == FAKE_EVERY)
            general = &m->answers.items[i];
    }
    return general;
}

static struct record *record_new(struct method_state *m, struct bytes request, size_t messages, uint64_t time)
{
    struct record *r = calloc(1, sizeof *r);
    char *copy = malloc(request.len + 1);
    if (r == NULL || copy == NULL) {
        free(r);
        free(copy);
        return NULL;
    }
    if (request.len > 0)
        memcpy(copy, request.data, request.len);
    *r = (struct record){.method = m, .request = copy, .len = request.len, .messages = messages, .time = time};
    return r;
}

int fake_take(struct fake *f, struct method_state *m, struct bytes request, size_t messages, uint64_t time,
              struct text *reply, struct text *message)
{
    struct record *r = record_new(m, request, messages, time);
    pthread_mutex_lock(&f->lock);
    if (r == NULL || !array_push(&f->records, r)) {
        pthread_mutex_unlock(&f->lock);
        if (r != NULL)
            free(r->request);
        free(r);
        text_puts(message, "the double is out of memory");
        return GRPC_RESOURCE_EXHAUSTED;
    }
    r->index = m->count++;
    int64_t sequence = (int64_t)f->records.count - 1;
    int (*stub)(void *, const struct fake_call *, struct text *, struct text *) = m->stub;
    void *stub_arg = m->stub_arg;
    if (stub == NULL) {
        const struct answer *a = choose(m, r->index);
        if (a != NULL) {
            r->status = a->status;
            text_add(a->status == GRPC_OK ? reply : message, a->bytes, a->len);
        }
    }
    struct fake_call call = {.method = m->method, .sequence = sequence, .index = r->index,
                             .request = BYTES(r->request, r->len), .messages = messages, .time = time};
    int status = r->status;
    pthread_mutex_unlock(&f->lock);
    if (stub == NULL)
        return status;
    /* Outside the lock, so that a stub may look at the double and call it again. The record was there before it ran. */
    status = stub(stub_arg, &call, reply, message);
    pthread_mutex_lock(&f->lock);
    if ((size_t)sequence < f->records.count && f->records.items[sequence] == r)
        r->status = status;
    pthread_mutex_unlock(&f->lock);
    return status;
}

int fake_call(struct fake *f, const char *method, struct bytes request, struct text *reply, struct text *message)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL) {
        text_printf(message, "unknown method %s", method);
        return GRPC_UNIMPLEMENTED;
    }
    return fake_take(f, m, request, 1, 0, reply, message);
}
