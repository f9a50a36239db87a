/* Calls with protobuf-c's messages: what generated doubles stand on. */
#include "fakes/typed.h"

#include "fakes/double/pack.h"
#include "fakes/double/quick.h"

#include <stdarg.h>
#include <string.h>

static const char no_memory[] = "the double is out of memory";
static const char no_answer[] = "the double never answers";
static const char too_deep[] = "the request is longer or nests deeper than a double keeps";

int fake_new_from_set(struct bytes set, const char *service, struct fake **out, struct error *err)
{
    struct pb_pool *pool = NULL;
    int code = pb_pool_new(set, service, &pool, err);
    if (code != 0)
        return code;
    const struct pb_service *found = pb_find_service(pool, service);
    if (found == NULL)
        code = error_set(err, ERROR_NOT_FOUND, "no service \"%s\" in the descriptor set", service);
    else if ((code = fake_new(found, out)) != 0)
        error_set(err, code, "%s: %s", service, error_code_name(code));
    if (code != 0)
        pb_pool_free(pool);
    else
        (*out)->pool = pool;
    return code;
}

void fake_set_types(struct fake *f, const ProtobufCMessageDescriptor *const *inputs,
                    const ProtobufCMessageDescriptor *const *outputs)
{
    for (size_t i = 0; i < f->service->method_count; i++) {
        f->methods[i].input = inputs[i];
        f->methods[i].output = outputs[i];
    }
}

const char *fake_method_name(const struct fake *f, size_t method)
{
    return f->methods[method].method->name;
}

/* ---- replies and arguments as messages -------------------------------------------------------------------------- */

/* In the double's arena; under its lock. */
static const ProtobufCMessage *unpack(struct fake *f, const ProtobufCMessageDescriptor *type, struct bytes wire)
{
    ProtobufCMessage *m = NULL;
    return pb_unpack(type, wire, &f->arena, &m, NULL) == 0 ? m : NULL;
}

static const ProtobufCMessage *unpack_locked(struct fake *f, const ProtobufCMessageDescriptor *type, struct bytes wire)
{
    pthread_mutex_lock(&f->lock);
    const ProtobufCMessage *m = unpack(f, type, wire);
    pthread_mutex_unlock(&f->lock);
    return m;
}

static const ProtobufCMessage *reply_of(struct fake *f, struct method_state *m, const struct answer *a)
{
    if (a == NULL || a->lines.count == 0) {
        if (m->empty == NULL)
            m->empty = unpack(f, m->output, BYTES_NONE);
        return m->empty;
    }
    struct line *l = &a->lines.items[0];
    if (l->typed == NULL)
        l->typed = unpack(f, m->output, BYTES(text_string(&a->replies) + l->start, l->end - l->start));
    return l->typed;
}

/* Message `k` of a call, of either side. */
static const ProtobufCMessage *message_of(const struct fake *looked_at, size_t method, int64_t i, size_t k, bool reply)
{
    struct fake *f = fake_looked_at(looked_at);
    const struct method_state *m = &f->methods[method];
    const ProtobufCMessage *found = NULL;
    struct fake_call call;
    pthread_mutex_lock(&f->lock);
    if (fake_find(f, m, i, &call) == 0 && k < (reply ? call.reply_count : call.messages))
        found = unpack(f, reply ? m->output : m->input, reply ? fake_replied(&call, k) : fake_message(&call, k));
    pthread_mutex_unlock(&f->lock);
    return found;
}

static int64_t messages_of(const struct fake *looked_at, size_t method, int64_t i, bool reply)
{
    struct fake *f = fake_looked_at(looked_at);
    struct fake_call call;
    pthread_mutex_lock(&f->lock);
    bool found = fake_find(f, &f->methods[method], i, &call) == 0;
    pthread_mutex_unlock(&f->lock);
    return found ? (int64_t)(reply ? call.reply_count : call.messages) : -1;
}

const ProtobufCMessage *fake_argument(const struct fake *f, size_t method, int64_t i, size_t k)
{
    return message_of(f, method, i, k, false);
}

const ProtobufCMessage *fake_reply_sent(const struct fake *f, size_t method, int64_t i, size_t k)
{
    return message_of(f, method, i, k, true);
}

int64_t fake_argument_count(const struct fake *f, size_t method, int64_t i)
{
    return messages_of(f, method, i, false);
}

int64_t fake_reply_count(const struct fake *f, size_t method, int64_t i)
{
    return messages_of(f, method, i, true);
}

/* ---- one request, one reply ------------------------------------------------------------------------------------- */

static int say(struct text *message, int status, const char *text)
{
    if (message != NULL)
        text_puts(message, text);
    return status;
}

/* By way of stubs and responders. */
static int ask(struct fake *f, struct method_state *m, struct bytes wire, const ProtobufCMessage **reply,
               struct text *message)
{
    struct fake_asked q = {.method = m->method,
                           .request = wire,
                           .ends = &wire.len,
                           .messages = 1,
                           .complete = true,
                           .caller = "in process",
                           .session = ""};
    struct fake_answer a;
    fake_answer_init(&a);
    fake_ask(f, &q, &a);
    int status = a.status;
    if (a.ending == FAKE_NEVER) {
        status = say(message, GRPC_DEADLINE_EXCEEDED, no_answer);
    } else if (status != GRPC_OK) {
        say(message, status, text_string(&a.message));
    } else if (reply != NULL) {
        *reply = unpack_locked(f, m->output, BYTES(a.replies.data, a.marks.count > 0 ? a.marks.items[0].end : 0));
        if (*reply == NULL)
            status = say(message, GRPC_INTERNAL, "the reply does not unpack");
    }
    fake_answer_deinit(&a);
    return status;
}

/* Of a call that was entered: its reply, or the text beside its status. Under the lock. */
static int hand_out(struct fake *f, struct method_state *m, const struct answer *a, int status,
                    const ProtobufCMessage **reply, struct text *message)
{
    if (status == GRPC_OK && reply != NULL) {
        *reply = reply_of(f, m, a);
        if (*reply == NULL)
            return say(message, GRPC_RESOURCE_EXHAUSTED, no_memory);
    }
    return status == GRPC_OK ? status : say(message, status, a != NULL ? text_string(&a->message) : no_memory);
}

/* False: somebody wants to see the request. */
static bool only_count(struct fake *f, struct method_state *m, int *status, const ProtobufCMessage **reply,
                       struct text *message)
{
    const struct answer *a = NULL;
    pthread_mutex_lock(&f->lock);
    bool counted = f->log.limit == 0 && fake_quick(f, m, BYTES_NONE, &a, status);
    if (counted)
        *status = hand_out(f, m, a, *status, reply, message);
    pthread_mutex_unlock(&f->lock);
    return counted;
}

int fake_invoke(struct fake *f, size_t method, const ProtobufCMessage *request, const ProtobufCMessage **reply,
                struct text *message)
{
    struct method_state *m = &f->methods[method];
    const struct answer *a = NULL;
    struct packed packed;
    int status = GRPC_OK;
    if (reply != NULL)
        *reply = NULL;
    if (atomic_load_explicit(&f->counts_only, memory_order_relaxed) && only_count(f, m, &status, reply, message))
        return status;
    int code = packed_init(&packed, request);
    if (code == 0) {
        pthread_mutex_lock(&f->lock);
        bool quick = fake_quick(f, m, packed.wire, &a, &status);
        if (quick)
            status = hand_out(f, m, a, status, reply, message);
        pthread_mutex_unlock(&f->lock);
        if (!quick)
            status = ask(f, m, packed.wire, reply, message);
    } else if (code == ERROR_LIMIT) {
        status = say(message, GRPC_INVALID_ARGUMENT, too_deep);
    } else {
        status = say(message, GRPC_RESOURCE_EXHAUSTED, no_memory);
    }
    packed_deinit(&packed);
    return status;
}

/* ---- stubs ------------------------------------------------------------------------------------------------------ */

int fake_stub_fails(struct fake_stub_call *c, int status, const char *format, ...)
{
    va_list args;
    text_clear(&c->answer->message);
    va_start(args, format);
    text_vprintf(&c->answer->message, format, args);
    va_end(args);
    return status;
}

bool fake_stub_sends(struct fake_stub_call *c, const ProtobufCMessage *reply)
{
    bool sent = pb_pack(reply, &c->answer->replies) == 0 && fake_answer_mark(c->answer, 0);
    if (!sent)
        c->answer->replies.failed = true;
    return sent;
}

const ProtobufCMessage *fake_stub_message(struct fake_stub_call *c, size_t k)
{
    ProtobufCMessage *m = NULL;
    if (k >= c->asked->messages || pb_unpack(c->input, fake_asked_message(c->asked, k), &c->arena, &m, NULL) != 0)
        return NULL;
    return m;
}

static int run_typed(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct fake *f = arg;
    struct method_state *m = fake_method(f, asked->method->name);
    pthread_mutex_lock(&f->lock);
    struct fake_typed_stub stub = m->typed_stub;
    pthread_mutex_unlock(&f->lock);
    struct fake_stub_call c = {.asked = asked, .answer = answer, .input = m->input, .output = m->output};
    bool streams = asked->method->server_streaming;
    bool both = streams && asked->method->client_streaming;
    ProtobufCMessage *request = NULL, *reply = NULL;
    int status, code = 0;
    /* The first message; where both sides stream, the newest, and none once the client has ended its side. */
    if (asked->messages > 0 && !(both && asked->complete))
        code = pb_unpack(m->input, fake_asked_message(asked, both ? asked->messages - 1 : 0), &c.arena, &request, NULL);
    if (code == 0 && !streams && pb_unpack(m->output, BYTES_NONE, &c.arena, &reply, NULL) != 0)
        code = ERROR_MEMORY;
    if (code == ERROR_MEMORY)
        status = fake_stub_fails(&c, GRPC_RESOURCE_EXHAUSTED, "%s", no_memory);
    else if (code != 0)
        status = fake_stub_fails(&c, GRPC_INVALID_ARGUMENT, "the request does not unpack");
    else
        status = stub.call(&stub, &c, request, reply);
    if (status == GRPC_OK && !streams)
        fake_stub_sends(&c, reply);
    arena_deinit(&c.arena);
    return status;
}

int fake_stub_typed(struct fake *f, size_t method, const struct fake_typed_stub *stub)
{
    struct method_state *m = &f->methods[method];
    pthread_mutex_lock(&f->lock);
    m->typed_stub = *stub;
    m->stub = stub->function != NULL ? run_typed : NULL;
    m->stub_arg = f;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

/* ---- a client's side of a stream -------------------------------------------------------------------------------- */

struct fake_client {
    struct fake *fake;
    struct method_state *method;
    struct text request;
    ARRAY(size_t) ends;
    struct text replies;
    ARRAY(size_t) marks;
    size_t received;
    struct fake_record *record;
    struct text message;
    int status;
    bool ended; /* the client's side */
    bool over;  /* the call */
    bool mute;  /* it never answers */
};

struct fake_client *fake_client_open(struct fake *f, size_t method)
{
    struct fake_client *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->fake = f;
        c->method = &f->methods[method];
    }
    return c;
}

static void finish(struct fake_client *c, int status, const char *message)
{
    c->over = true;
    c->status = status;
    text_clear(&c->message);
    text_puts(&c->message, message);
    fake_settle(c->fake, &c->record, c->mute ? FAKE_UNANSWERED : status);
}

static void turn(struct fake_client *c)
{
    struct fake_asked q = {.method = c->method->method,
                           .request = text_bytes(&c->request),
                           .ends = c->ends.items,
                           .messages = c->ends.count,
                           .complete = c->ended,
                           .caller = "in process",
                           .session = ""};
    struct fake_answer a;
    fake_answer_init(&a);
    (void)fake_turn(c->fake, &q, &a, &c->record);
    bool failed = false;
    for (size_t i = 0; i < a.marks.count; i++) {
        size_t start = i > 0 ? a.marks.items[i - 1].end : 0;
        text_add(&c->replies, text_string(&a.replies) + start, a.marks.items[i].end - start);
        failed = failed || !text_ok(&c->replies) || !array_push(&c->marks, c->replies.len);
    }
    if (a.ending == FAKE_NEVER)
        c->mute = true;
    else if (failed)
        finish(c, GRPC_RESOURCE_EXHAUSTED, no_memory);
    else if (a.ending == FAKE_RESETS || a.ending == FAKE_DISCONNECTS)
        finish(c, GRPC_UNAVAILABLE, "the double broke the call off");
    else if (c->ended || a.ending != FAKE_STAYS)
        finish(c, a.status, text_string(&a.message));
    fake_answer_deinit(&a);
}

int fake_client_send(struct fake_client *c, const ProtobufCMessage *message)
{
    if (c->ended || c->over)
        return ERROR_CLOSED;
    if (pb_pack(message, &c->request) != 0 || !array_push(&c->ends, c->request.len))
        return ERROR_MEMORY;
    if (!c->method->method->client_streaming)
        return fake_client_end(c);
    if (c->method->method->server_streaming && !c->mute)
        turn(c);
    return 0;
}

int fake_client_end(struct fake_client *c)
{
    if (c->ended || c->over)
        return ERROR_CLOSED;
    c->ended = true;
    if (!c->mute)
        turn(c);
    return 0;
}

const ProtobufCMessage *fake_client_receive(struct fake_client *c)
{
    const struct pb_method *m = c->method->method;
    if (c->received == c->marks.count && !(m->client_streaming && m->server_streaming))
        (void)fake_client_end(c);
    if (c->received == c->marks.count)
        return NULL;
    size_t start = c->received > 0 ? c->marks.items[c->received - 1] : 0, end = c->marks.items[c->received];
    c->received++;
    return unpack_locked(c->fake, c->method->output, BYTES(text_string(&c->replies) + start, end - start));
}

int fake_client_close(struct fake_client *c, struct text *message)
{
    (void)fake_client_end(c);
    if (!c->over)
        finish(c, GRPC_DEADLINE_EXCEEDED, no_answer);
    int status = c->status;
    say(message, status, text_string(&c->message));
    text_deinit(&c->request);
    text_deinit(&c->replies);
    text_deinit(&c->message);
    array_deinit(&c->ends);
    array_deinit(&c->marks);
    free(c);
    return status;
}

/* ---- protobuf-c's services -------------------------------------------------------------------------------------- */

static void on_invoke(ProtobufCService *service, unsigned method, const ProtobufCMessage *input,
                      ProtobufCClosure closure, void *closure_data)
{
    struct fake_c_service *s = (struct fake_c_service *)(void *)service;
    const struct pb_method *m = s->fake->methods[method].method;
    const ProtobufCMessage *reply = NULL;
    if (!m->client_streaming && !m->server_streaming) {
        (void)fake_invoke(s->fake, method, input, &reply, NULL);
        closure(reply, closure_data);
        return;
    }
    struct fake_client *c = fake_client_open(s->fake, method);
    if (c != NULL && fake_client_send(c, input) == 0) {
        (void)fake_client_end(c);
        reply = fake_client_receive(c);
    }
    if (c != NULL && fake_client_close(c, NULL) != GRPC_OK)
        reply = NULL;
    closure(reply, closure_data);
}

void fake_c_service_init(struct fake_c_service *s, struct fake *f, const ProtobufCServiceDescriptor *descriptor)
{
    *s = (struct fake_c_service){.base = {.descriptor = descriptor, .invoke = on_invoke}, .fake = f};
}
