/* The life of a call: its record, who answers it, its end. */
#include "fakes/double/quick.h"

#include <stdlib.h>

static const char no_memory[] = "the double is out of memory";

static bool both_stream(const struct pb_method *m)
{
    return m->client_streaming && m->server_streaming;
}

/* ---- records ---- */

/* Under the lock. */
static void account(struct fake *f, struct fake_record *r)
{
    size_t now = sizeof *r + r->request.capacity + r->replies.capacity + r->message.capacity + r->by.capacity +
                 (r->ends.capacity + r->reply_ends.capacity) * sizeof(size_t);
    f->held += now - r->counted;
    r->counted = now;
}

/* What has come since the last turn. */
static bool extend(struct fake_record *r, const struct fake_asked *q)
{
    size_t had = r->ends.count;
    if (!array_reserve(&r->ends, q->messages + 1) || !text_reserve(&r->request, q->request.len - r->request.len + 1))
        return false;
    for (size_t i = had; i < q->messages; i++)
        r->ends.items[r->ends.count++] = q->ends[i];
    if (q->request.len > r->request.len)
        text_add(&r->request, q->request.data + r->request.len, q->request.len - r->request.len);
    return true;
}

/* Held by the log and by the caller. NULL: no memory, and nothing has changed. */
static struct fake_record *record(struct fake *f, struct method_state *m, const struct fake_asked *q)
{
    struct fake_record *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct fake_record){.method = m, .time = q->now, .status = FAKE_UNANSWERED, .references = 1};
    bool extended = extend(r, q);
    pthread_mutex_lock(&f->lock);
    bool entered = extended && fake_enter_record(f, r);
    if (entered)
        account(f, r);
    else
        fake_release(f, r);
    pthread_mutex_unlock(&f->lock);
    return entered ? r : NULL;
}

/* What was answered; kept as far as there is memory. */
static void note(struct fake *f, struct fake_record *r, const struct fake_answer *a)
{
    pthread_mutex_lock(&f->lock);
    size_t before = r->replies.len;
    for (size_t i = 0; i < a->marks.count; i++) {
        size_t start = i > 0 ? a->marks.items[i - 1].end : 0;
        text_add(&r->replies, text_string(&a->replies) + start, a->marks.items[i].end - start);
        if (!text_ok(&r->replies) || !array_push(&r->reply_ends, before + a->marks.items[i].end))
            break;
    }
    text_clear(&r->message);
    text_add(&r->message, a->message.data, a->message.len);
    text_clear(&r->by);
    text_puts(&r->by, a->by != NULL ? a->by : "");
    account(f, r);
    pthread_mutex_unlock(&f->lock);
}

/* ---- who answers ---- */

/* Whether a line is for this turn. */
static bool is_due(const struct line *l, const struct fake_asked *q)
{
    if (!both_stream(q->method))
        return true;
    if (q->complete)
        return l->message == FAKE_AT_END;
    return l->message == FAKE_EVERY || l->message == (int64_t)q->messages - 1;
}

/* Under the lock: the lines of this turn, and the status once there is nothing left to be said. */
static void say(const struct answer *a, const struct fake_asked *q, struct fake_answer *out)
{
    bool over = q->complete || !both_stream(q->method) || a->status != GRPC_OK;
    for (size_t i = 0; i < a->lines.count; i++) {
        const struct line *l = &a->lines.items[i];
        if (is_due(l, q)) {
            text_add(&out->replies, text_string(&a->replies) + l->start, l->end - l->start);
            if (!fake_answer_mark(out, l->delay))
                out->replies.failed = true;
        } else if (!q->complete && (l->message < 0 || l->message >= (int64_t)q->messages)) {
            over = false;
        }
    }
    if (!over)
        return;
    out->status = a->status;
    text_add(&out->message, a->message.data, a->message.len);
}

/* What was programmed here; FAKE_PASSED when nothing was. */
static enum fake_verdict programmed(struct fake *f, struct method_state *m, const struct fake_asked *q,
                                    struct fake_answer *out, uint64_t *delay)
{
    fake_stub_function *stub = NULL;
    void *stub_arg = NULL;
    bool set = false;
    pthread_mutex_lock(&f->lock);
    *delay = m->delay;
    if (m->never) {
        out->ending = FAKE_NEVER;
        set = true;
    } else if (m->stub != NULL) {
        stub = m->stub;
        stub_arg = m->stub_arg;
        set = true;
    } else {
        const struct answer *a = fake_answer_for(m, q->index);
        set = a != NULL;
        if (set)
            say(a, q, out);
    }
    pthread_mutex_unlock(&f->lock);
    /* Outside the lock, so that a stub may look at the double, call it again, even reset it: the record is held. */
    if (stub != NULL)
        out->status = stub(stub_arg, q, out);
    if (set)
        out->by = stub != NULL ? "stub" : "program";
    /* While the client may still speak, success is not the end of the call. */
    if (set && both_stream(q->method) && !q->complete && out->ending == FAKE_ENDS && out->status == GRPC_OK)
        out->ending = FAKE_STAYS;
    return set ? FAKE_ANSWERED : FAKE_PASSED;
}

static enum fake_verdict decide(struct fake *f, struct fake_record *r, const struct fake_asked *given,
                                struct fake_answer *out)
{
    struct fake_asked q = *given;
    q.service = f->service;
    q.method = r->method->method;
    q.sequence = r->sequence;
    q.index = r->index;
    uint64_t delay = 0;
    enum fake_verdict verdict = programmed(f, r->method, &q, out, &delay);
    for (size_t i = 0; i < f->responders.count && verdict == FAKE_PASSED; i++) {
        const struct fake_responder *responder = &f->responders.items[i];
        verdict = responder->respond(responder->arg, &q, out);
        if (verdict == FAKE_ANSWERED && out->by == NULL)
            out->by = responder->name;
    }
    bool first = !both_stream(q.method) || q.messages + q.complete == 1;
    if (first)
        out->delay += delay;
    if (verdict == FAKE_PASSED) {
        out->by = delay > 0 ? "program" : "nothing";
        out->ending = q.complete ? FAKE_ENDS : FAKE_STAYS;
        if (q.complete && !q.method->server_streaming && !fake_answer_mark(out, 0))
            out->replies.failed = true;
    }
    if (!text_ok(&out->replies) || !text_ok(&out->message)) {
        fake_answer_clear(out);
        fake_answer_fail(out, GRPC_RESOURCE_EXHAUSTED, no_memory);
        verdict = FAKE_ANSWERED;
    }
    note(f, r, out);
    if (f->hearer.turn != NULL)
        f->hearer.turn(f->hearer.arg, r, &q, out);
    return delay > 0 ? FAKE_ANSWERED : verdict; /* to wait is something that was programmed */
}

enum fake_verdict fake_turn(struct fake *f, const struct fake_asked *q, struct fake_answer *answer,
                            struct fake_record **held)
{
    struct method_state *m = fake_method(f, q->method->name);
    if (m == NULL) {
        fake_answer_fail(answer, GRPC_UNIMPLEMENTED, "unknown method %s", q->method->name);
        return FAKE_ANSWERED;
    }
    if (*held == NULL) {
        *held = record(f, m, q);
    } else {
        pthread_mutex_lock(&f->lock);
        bool extended = extend(*held, q);
        account(f, *held);
        pthread_mutex_unlock(&f->lock);
        if (!extended)
            fake_settle(f, held, GRPC_RESOURCE_EXHAUSTED);
    }
    if (*held != NULL)
        return decide(f, *held, q, answer);
    fake_answer_fail(answer, GRPC_RESOURCE_EXHAUSTED, no_memory);
    return FAKE_ANSWERED;
}

void fake_cut(struct fake *f, const struct fake_asked *q, struct fake_record **held)
{
    struct method_state *m = fake_method(f, q->method->name);
    if (m != NULL && *held == NULL)
        *held = record(f, m, q);
}

void fake_settle(struct fake *f, struct fake_record **held, int status)
{
    if (*held == NULL)
        return;
    if (f->hearer.settled != NULL)
        f->hearer.settled(f->hearer.arg, *held, status);
    pthread_mutex_lock(&f->lock);
    (*held)->status = status;
    fake_release(f, *held);
    pthread_mutex_unlock(&f->lock);
    *held = NULL;
}

void fake_ask(struct fake *f, const struct fake_asked *q, struct fake_answer *answer)
{
    struct fake_record *held = NULL;
    (void)fake_turn(f, q, answer, &held);
    fake_settle(f, &held, answer->ending == FAKE_NEVER ? FAKE_UNANSWERED : answer->status);
}

/* ---- in process ---- */

static int call_unary(struct fake *f, struct method_state *m, struct bytes request, struct text *reply,
                      struct text *message)
{
    const struct answer *a = NULL;
    int status;
    pthread_mutex_lock(&f->lock);
    bool quick = fake_quick(f, m, request, &a, &status);
    if (quick && a != NULL) {
        if (status == GRPC_OK)
            text_add(reply, a->replies.data, a->replies.len);
        else
            text_add(message, a->message.data, a->message.len);
    } else if (quick && status != GRPC_OK) {
        text_puts(message, no_memory);
    }
    pthread_mutex_unlock(&f->lock);
    return quick ? status : FAKE_UNANSWERED;
}

int fake_call(struct fake *f, const char *method, struct bytes request, struct text *reply, struct text *message)
{
    struct method_state *m = fake_method(f, method);
    if (m == NULL) {
        text_printf(message, "unknown method %s", method);
        return GRPC_UNIMPLEMENTED;
    }
    int status = m->method->server_streaming ? FAKE_UNANSWERED : call_unary(f, m, request, reply, message);
    if (status != FAKE_UNANSWERED)
        return status;
    struct fake_asked q = {.method = m->method,
                           .request = request,
                           .ends = &request.len,
                           .messages = 1,
                           .complete = true,
                           .caller = "in process",
                           .session = ""};
    struct fake_answer answer;
    fake_answer_init(&answer);
    fake_ask(f, &q, &answer);
    status = answer.status;
    text_add(reply, answer.replies.data, answer.replies.len);
    text_add(message, answer.message.data, answer.message.len);
    if (answer.ending == FAKE_NEVER) {
        text_puts(message, "the double never answers");
        status = GRPC_DEADLINE_EXCEEDED;
    }
    fake_answer_deinit(&answer);
    return status;
}
