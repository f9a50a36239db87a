/* Looking afterwards. */
#include "fakes/internal.h"

/* Looking takes the lock, and changes nothing one can see. */
static pthread_mutex_t *lock_of(const struct fake *f)
{
    union {
        const struct fake *looked_at;
        struct fake *locked;
    } same = {.looked_at = f};
    return &same.locked->lock;
}

int64_t fake_count(const struct fake *f, const char *method)
{
    const struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return -1;
    pthread_mutex_lock(lock_of(f));
    int64_t count = (int64_t)m->calls.count;
    pthread_mutex_unlock(lock_of(f));
    return count;
}

int64_t fake_total(const struct fake *f)
{
    pthread_mutex_lock(lock_of(f));
    int64_t count = (int64_t)f->records.count;
    pthread_mutex_unlock(lock_of(f));
    return count;
}

int fake_call_at(const struct fake *f, const char *method, int64_t i, struct fake_call *out)
{
    const struct method_state *m = method != NULL ? fake_method(f, method) : NULL;
    if (method != NULL && m == NULL)
        return ERROR_NOT_FOUND;
    int code = ERROR_NOT_FOUND;
    pthread_mutex_lock(lock_of(f));
    size_t count = m != NULL ? m->calls.count : f->records.count;
    if (i >= 0 && (uint64_t)i < count) {
        *out = record_call(m != NULL ? m->calls.items[i] : f->records.items[i]);
        code = 0;
    }
    pthread_mutex_unlock(lock_of(f));
    return code;
}

struct bytes fake_message(const struct fake_call *call, size_t i)
{
    if (i >= call->messages)
        return BYTES_NONE;
    size_t start = i > 0 ? call->ends[i - 1] : 0;
    return BYTES(call->request.data + start, call->ends[i] - start);
}

static int need_call(const struct fake *f, const char *method, int64_t i, struct fake_call *out, struct error *err)
{
    if (fake_call_at(f, method, i, out) == 0)
        return 0;
    int64_t count = fake_count(f, method);
    if (count < 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has no method \"%s\"", f->service->full_name, method);
    return error_set(err, ERROR_NOT_FOUND, "%s/%s was called %lld times: there is no call %lld", f->service->full_name,
                     method, (long long)count, (long long)i);
}

int fake_request(const struct fake *f, const char *method, int64_t i, const ProtobufCMessageDescriptor *type,
                 struct arena *arena, ProtobufCMessage **out, struct error *err)
{
    struct fake_call call;
    int code = need_call(f, method, i, &call, err);
    if (code == 0 && call.messages == 0)
        code = error_set(err, ERROR_NOT_FOUND, "call %lld of %s/%s brought no message", (long long)i,
                         f->service->full_name, method);
    return code != 0 ? code : pb_unpack(type, fake_message(&call, 0), arena, out, err);
}

static int call_json(const struct fake_call *call, struct text *out, struct error *err)
{
    const struct pb_type *type = call->method->input;
    if (!call->method->client_streaming && call->messages == 1)
        return pb_wire_to_json(type, call->request, PB_JSON_PROTO_NAMES, out, err);
    int code = 0;
    text_char(out, '[');
    for (size_t i = 0; i < call->messages && code == 0; i++) {
        if (i > 0)
            text_char(out, ',');
        code = pb_wire_to_json(type, fake_message(call, i), PB_JSON_PROTO_NAMES, out, err);
    }
    text_char(out, ']');
    return code;
}

int fake_request_json(const struct fake *f, const char *method, int64_t i, struct text *out, struct error *err)
{
    struct fake_call call;
    int code = need_call(f, method, i, &call, err);
    return code != 0 ? code : call_json(&call, out, err);
}

void fake_journal(const struct fake *f, struct text *out)
{
    struct fake_call call;
    for (int64_t i = 0; fake_call_at(f, NULL, i, &call) == 0; i++) {
        struct text json = TEXT_INIT;
        text_printf(out, "%lld %s/%s ", (long long)i, f->service->full_name, call.method->name);
        if (call_json(&call, &json, NULL) == 0) {
            text_puts(out, text_string(&json));
        } else {
            text_puts(out, "undecodable: ");
            text_printable(out, call.request.data, call.request.len, 64);
        }
        text_deinit(&json);
        text_printf(out, " -> %s\n", call.status == FAKE_UNANSWERED ? "no answer" : grpc_status_name(call.status));
    }
}
