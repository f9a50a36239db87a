/* Looking afterwards. */
#include "fakes/internal.h"

/* mutable through a const double: looking takes the lock, and changes nothing one can see */
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
    int64_t count = m->count;
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
    for (size_t n = 0; n < f->records.count && code != 0; n++) {
        const struct record *r = f->records.items[n];
        if (m == NULL ? (int64_t)n != i : r->method != m || r->index != i)
            continue;
        *out = (struct fake_call){.method = r->method->method, .sequence = (int64_t)n, .index = r->index,
                                  .request = BYTES(r->request, r->len), .messages = r->messages, .status = r->status,
                                  .time = r->time};
        code = 0;
    }
    pthread_mutex_unlock(lock_of(f));
    return code;
}

static int need_call(const struct fake *f, const char *method, int64_t i, struct fake_call *out, struct error *err)
{
    if (fake_call_at(f, method, i, out) == 0)
        return 0;
    int64_t count = fake_count(f, method);
    if (count < 0)
        return error_set(err, ERROR_NOT_FOUND, "%s has no method \"%s\"", f->service->full_name, method);
    return error_set(err, ERROR_NOT_FOUND, "%s.%s was called %lld times: there is no call %lld", f->service->full_name,
                     method, (long long)count, (long long)i);
}

int fake_request(const struct fake *f, const char *method, int64_t i, const ProtobufCMessageDescriptor *type,
                 struct arena *arena, ProtobufCMessage **out, struct error *err)
{
    struct fake_call call;
    int code = need_call(f, method, i, &call, err);
    return code != 0 ? code : pb_unpack(type, call.request, arena, out, err);
}

int fake_request_json(const struct fake *f, const char *method, int64_t i, struct text *out, struct error *err)
{
    struct fake_call call;
    int code = need_call(f, method, i, &call, err);
    return code != 0 ? code : pb_wire_to_json(call.method->input, call.request, PB_JSON_PROTO_NAMES, out, err);
}

void fake_journal(const struct fake *f, struct text *out)
{
    struct fake_call call;
    for (int64_t i = 0; fake_call_at(f, NULL, i, &call) == 0; i++) {
        text_printf(out, "%lld %s/%s ", (long long)i, f->service->full_name, call.method->name);
        if (pb_wire_to_json(call.method->input, call.request, PB_JSON_PROTO_NAMES, out, NULL) != 0) {
            text_puts(out, "undecodable: ");
            text_printable(out, call.request.data, call.request.len, 64);
        }
        text_printf(out, " -> %s\n", grpc_status_name(call.status));
    }
}
