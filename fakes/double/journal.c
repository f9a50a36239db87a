/* Looking afterwards. */
#include "fakes/double/internal.h"

#include <string.h>

int64_t fake_count(const struct fake *f, const char *method)
{
    const struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return -1;
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    int64_t count = m->count;
    pthread_mutex_unlock(&locked->lock);
    return count;
}

int64_t fake_total(const struct fake *f)
{
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    int64_t total = f->total;
    pthread_mutex_unlock(&locked->lock);
    return total;
}

/* How many of the method's kept calls came before that one. */
static size_t place_among(const struct method_state *m, int64_t sequence)
{
    size_t low = 0, high = m->calls.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->calls.items[middle] < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Under the lock, the directory up to date. */
static bool find(const struct fake *f, const struct method_state *m, int64_t i, struct fake_call *out)
{
    int64_t sequence = i;
    if (m != NULL) {
        if (i < m->forgotten || (uint64_t)(i - m->forgotten) >= m->calls.count)
            return false;
        sequence = m->calls.items[i - m->forgotten];
    }
    int64_t at = sequence - f->log.forgotten;
    if (i < 0 || at < 0 || (uint64_t)at >= f->log.entries.count)
        return false;
    const struct log_entry *e = f->log.entries.items[at];
    m = &f->methods[e->method];
    *out = (struct fake_call){.method = m->method,
                              .sequence = sequence,
                              .index = m->forgotten + (int64_t)place_among(m, sequence),
                              .message = "",
                              .by = ""};
    if (!e->held) {
        out->request = BYTES(log_payload_of(e), e->len);
        out->messages = 1;
        out->status = e->status;
        return true;
    }
    const struct fake_record *r;
    memcpy(&r, log_payload_of(e), sizeof r);
    out->request = text_bytes(&r->request);
    out->messages = r->ends.count;
    out->ends = r->ends.items;
    out->status = r->status;
    out->time = r->time;
    out->replies = text_bytes(&r->replies);
    out->reply_count = r->reply_ends.count;
    out->reply_ends = r->reply_ends.items;
    out->message = text_string(&r->message);
    out->by = text_string(&r->by);
    return true;
}

int fake_find(struct fake *f, const struct method_state *m, int64_t i, struct fake_call *out)
{
    int code = fake_directory(f);
    return code == 0 && !find(f, m, i, out) ? ERROR_NOT_FOUND : code;
}

int fake_call_at(const struct fake *f, const char *method, int64_t i, struct fake_call *out)
{
    const struct method_state *m = method != NULL ? fake_method(f, method) : NULL;
    if (method != NULL && m == NULL)
        return ERROR_NOT_FOUND;
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    int code = fake_find(locked, m, i, out);
    pthread_mutex_unlock(&locked->lock);
    return code;
}

/* Of bytes that may be none at all. */
static struct bytes piece(struct bytes all, size_t start, size_t end)
{
    return end > start ? BYTES(all.data + start, end - start) : BYTES("", 0);
}

struct bytes fake_message(const struct fake_call *call, size_t i)
{
    if (i >= call->messages)
        return BYTES_NONE;
    if (call->ends == NULL)
        return call->request;
    return piece(call->request, i > 0 ? call->ends[i - 1] : 0, call->ends[i]);
}

struct bytes fake_replied(const struct fake_call *call, size_t i)
{
    if (i >= call->reply_count)
        return BYTES_NONE;
    return piece(call->replies, i > 0 ? call->reply_ends[i - 1] : 0, call->reply_ends[i]);
}

/* Under the lock. */
static int need_call(struct fake *f, const char *method, int64_t i, struct fake_call *out, struct error *err)
{
    const struct method_state *m = fake_method(f, method);
    if (m == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s has no method \"%s\"", f->service->full_name, method);
    int code = fake_find(f, m, i, out);
    if (code == 0)
        return 0;
    if (code == ERROR_MEMORY)
        return error_set(err, code, "out of memory");
    if (i >= 0 && i < m->count)
        return error_set(err, ERROR_NOT_FOUND, "call %lld of %s/%s is no longer kept (fake_keep)", (long long)i,
                         f->service->full_name, method);
    return error_set(err, ERROR_NOT_FOUND, "%s/%s was called %lld times: there is no call %lld", f->service->full_name,
                     method, (long long)m->count, (long long)i);
}

int fake_request(const struct fake *f, const char *method, int64_t i, const ProtobufCMessageDescriptor *type,
                 struct arena *arena, ProtobufCMessage **out, struct error *err)
{
    struct fake_call call;
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    int code = need_call(locked, method, i, &call, err);
    if (code == 0 && call.messages == 0)
        code = error_set(err, ERROR_NOT_FOUND, "call %lld of %s/%s brought no message", (long long)i,
                         f->service->full_name, method);
    if (code == 0)
        code = pb_unpack(type, fake_message(&call, 0), arena, out, err);
    pthread_mutex_unlock(&locked->lock);
    return code;
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
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    int code = need_call(locked, method, i, &call, err);
    if (code == 0)
        code = call_json(&call, out, err);
    pthread_mutex_unlock(&locked->lock);
    return code;
}

bool fake_call_line(const struct fake *f, const struct method_state *m, int64_t i, struct text *out)
{
    struct fake_call call;
    struct fake *locked = fake_looked_at(f);
    pthread_mutex_lock(&locked->lock);
    bool found = fake_find(locked, m, i, &call) == 0;
    if (found) {
        struct text json = TEXT_INIT;
        text_printf(out, "%lld %s/%s ", (long long)call.sequence, f->service->full_name, call.method->name);
        if (call_json(&call, &json, NULL) == 0) {
            text_puts(out, text_string(&json));
        } else {
            text_puts(out, "undecodable: ");
            text_printable(out, call.request.data, call.request.len, 64);
        }
        text_deinit(&json);
        text_printf(out, " -> %s", call.status == FAKE_UNANSWERED ? "no answer" : grpc_status_name(call.status));
    }
    pthread_mutex_unlock(&locked->lock);
    return found;
}

void fake_journal(const struct fake *f, struct text *out)
{
    int64_t from = fake_forgotten(f);
    if (from > 0)
        text_printf(out, "(%lld calls are no longer kept)\n", (long long)from);
    for (int64_t i = from; fake_call_line(f, NULL, i, out); i++)
        text_char(out, '\n');
}
