#include "fakes/serve/exchange.h"

#include <stdlib.h>
#include <string.h>

#define BREAK_POLL ((uint64_t)1000000)    /* ns between two looks at whether everything said has left */
#define BREAK_WAIT ((uint64_t)1000000000) /* ns; a client that reads nothing is not waited for longer */

static const char no_memory[] = "the double is out of memory";

static void play(struct fake_stream *x);
static void on_timer(void *arg);

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct fake_stream *exchange_open(struct fake_server *s, const struct exchange_call *call)
{
    struct fake_stream *x = s->free;
    if (x != NULL) {
        s->free = x->older;
        s->free_count--;
    } else {
        x = calloc(1, sizeof *x);
        if (x == NULL)
            return NULL;
        fake_answer_init(&x->answer);
        world_timer_init(&x->timer, s->world, on_timer, x);
    }
    x->server = s;
    x->method = call->method;
    x->carrier = call->carrier;
    x->carried = call->carried;
    x->metadata = call->metadata;
    x->caller = call->caller;
    struct bytes session = grpc_metadata_get(call->metadata, FAKE_SESSION_HEADER);
    x->session = session.data != NULL ? (const char *)session.data : ""; /* carriers put a NUL behind values */
    x->wall = world_wall(s->world);
    x->started = world_now(s->world);
    x->deadline = call->deadline;
    x->older = s->open;
    if (x->older != NULL)
        x->older->back = &x->older;
    x->back = &s->open;
    s->open = x;
    return x;
}

static void destroy(struct fake_stream *x)
{
    text_deinit(&x->request);
    text_deinit(&x->said);
    text_deinit(&x->by);
    array_deinit(&x->ends);
    array_deinit(&x->said_ends);
    fake_answer_deinit(&x->answer);
    free(x);
}

static size_t kept(const struct fake_stream *x)
{
    return x->request.capacity + x->said.capacity + x->answer.replies.capacity + x->answer.message.capacity +
           x->answer.details.capacity + (x->ends.capacity + x->said_ends.capacity) * sizeof(size_t) +
           x->answer.marks.capacity * sizeof *x->answer.marks.items;
}

/* To the free list; nobody knows it any more. */
static void release(struct fake_stream *x)
{
    struct fake_server *s = x->server;
    if (x->asking) {
        x->free_later = true;
        return;
    }
    if (s->free_count >= FREE_EXCHANGES_MAX || kept(x) > EXCHANGE_KEEP) {
        destroy(x);
        return;
    }
    text_clear(&x->request);
    text_clear(&x->said);
    text_clear(&x->by);
    array_clear(&x->ends);
    array_clear(&x->said_ends);
    fake_answer_clear(&x->answer);
    x->said_count = x->next = 0;
    x->record = NULL;
    x->holders = 0;
    x->taken = x->completed = x->playing = x->begun = x->waited = x->breaking = false;
    x->mute = x->held_up = x->paused = x->missed = x->cut = x->free_later = x->incomplete = false;
    x->older = s->free;
    s->free = x;
    s->free_count++;
}

void exchange_pool_free(struct fake_server *s)
{
    while (s->free != NULL) {
        struct fake_stream *x = s->free;
        s->free = x->older;
        destroy(x);
    }
}

/* Gives the call its numbers: when it is first asked about, or when it turns out that it never will be. */
static void take(struct fake_stream *x)
{
    if (x->taken)
        return;
    x->taken = true;
    if (x->method->service->only != NULL)
        return;
    x->sequence = call_log_count(x->server->journal);
    x->index = (int64_t)x->method->calls++;
}

void exchange_view(const struct fake_stream *x, struct call_log_entry *out)
{
    uint64_t now = world_now(x->server->world);
    *out = (struct call_log_entry){
        .method = x->method->method,
        .sequence = x->sequence,
        .index = x->index,
        .time = x->wall,
        .duration = now > x->started ? now - x->started : 0,
        .status = FAKE_UNANSWERED,
        .missed = x->missed,
        .cut = x->cut,
        .caller = x->caller,
        .session = x->session,
        .by = text_string(&x->by),
        .metadata = x->metadata,
        .request = text_bytes(&x->request),
        .request_ends = x->ends.items,
        .request_count = x->ends.count,
        .requests = x->ends.count,
        .reply = text_bytes(&x->said),
        .reply_ends = x->said_ends.items,
        .reply_count = x->said_ends.count,
        .replies = x->said_count,
    };
}

/* A deadline that has passed is about to end the call: then a nanosecond is left. */
static uint64_t time_left(const struct fake_stream *x)
{
    uint64_t now = world_now(x->server->world);
    return x->deadline == UINT64_MAX ? 0 : x->deadline > now ? x->deadline - now : 1;
}

static struct fake_asked asked_of(struct fake_stream *x)
{
    return (struct fake_asked){
        .service = x->method->service->service,
        .method = x->method->method,
        .request = BYTES(text_string(&x->request), x->request.len), /* never NULL: responders compute with it */
        .ends = x->ends.items,
        .messages = x->ends.count,
        .complete = x->completed,
        .metadata = x->metadata,
        .caller = x->caller,
        .session = x->session,
        .now = (uint64_t)x->wall,
        .timeout = time_left(x),
        .sequence = x->sequence,
        .index = x->index,
        .stream = x,
    };
}

/* The call is over, as far as the double goes: written down, its holders told, out of the list. The carrier is not
 * told, and `x` is good until release(). */
static void close_books(struct fake_stream *x, int status, struct bytes message)
{
    struct fake_server *s = x->server;
    struct served_service *service = x->method->service;
    world_timer_stop(&x->timer);
    *x->back = x->older;
    if (x->older != NULL)
        x->older->back = x->back;
    take(x);
    if (service->own != NULL) {
        struct fake_asked q = asked_of(x);
        if (x->record == NULL && x->incomplete)
            fake_cut(service->own, &q, &x->record);
        fake_settle(service->own, &x->record, status);
    }
    if (service->only == NULL) {
        struct call_log_entry e;
        struct call_log_http http;
        exchange_view(x, &e);
        e.status = status;
        e.message = message;
        e.answer = status != FAKE_UNANSWERED ? &x->answer : NULL;
        if (e.answer != NULL && x->carrier->seen != NULL && x->carrier->seen(x->carried, &http))
            e.http = &http;
        (void)call_log_add(s->journal, &e);
    }
    uint32_t holders = x->holders;
    x->holders = 0;
    x->asking = true; /* whoever is told may look at the stream once more */
    if (holders != 0 && service->own != NULL)
        fake_stream_gone(service->own, x);
    else if (holders != 0 && service->only != NULL && service->only->gone != NULL)
        service->only->gone(service->only->arg, x);
    else if (service->own == NULL && service->only == NULL)
        for (size_t i = 0; i < s->responder_count; i++)
            if ((holders & (1U << i)) != 0 && s->responders[i].gone != NULL)
                s->responders[i].gone(s->responders[i].arg, x);
    x->asking = false;
}

static void end(struct fake_stream *x, int status, struct bytes message, struct bytes details)
{
    const struct carrier *carrier = x->carrier;
    void *carried = x->carried;
    bool asking = x->asking;
    close_books(x, status, message);
    x->asking = asking;
    x->carrier = NULL;
    carrier->finish(carried, status, message, details);
    release(x);
}

static void fail(struct fake_stream *x, int status, const char *message)
{
    end(x, status, bytes_of(message), BYTES_NONE);
}

void exchange_refuse(struct fake_stream *x, int status, const char *message)
{
    text_clear(&x->by);
    text_puts(&x->by, "the double's server");
    fail(x, status, message);
}

void exchange_gone(struct fake_stream *x)
{
    if (x->carrier == NULL)
        return;
    bool asking = x->asking;
    x->incomplete = !x->taken;
    close_books(x, FAKE_UNANSWERED, BYTES_NONE);
    x->asking = asking;
    x->carrier = NULL;
    release(x);
}

/* ---- playing an answer ------------------------------------------------------------------------------------------ */

static bool streams(const struct fake_stream *x)
{
    return x->method->method->client_streaming && x->method->method->server_streaming;
}

static void set_pause(struct fake_stream *x, bool on)
{
    if (x->paused == on || !streams(x))
        return;
    x->paused = on;
    if (on)
        x->carrier->pause(x->carried);
    else
        x->carrier->resume(x->carried);
}

static void remember(struct fake_stream *x, struct bytes reply)
{
    x->said_count++;
    if (x->method->service->only != NULL)
        return;
    if (x->cut || x->said.len + reply.len > CALL_LOG_CALL_MAX) {
        x->cut = true;
        return;
    }
    text_add(&x->said, reply.data, reply.len);
    if (!text_ok(&x->said) || !array_push(&x->said_ends, x->said.len))
        x->cut = true;
}

static bool say(struct fake_stream *x, struct bytes reply)
{
    if (x->carrier->send(x->carried, reply) != 0)
        return false;
    remember(x, reply);
    return true;
}

static void say_headers(struct fake_stream *x)
{
    for (size_t i = 0; i < x->answer.headers.count; i++) {
        const struct fake_header *h = &x->answer.headers.items[i];
        if (h->trailer)
            x->carrier->trailer(x->carried, h->name, h->value);
        else
            x->carrier->header(x->carried, h->name, h->value);
    }
}

/* Until the time has come: false, and the timer goes on with play(). */
static bool wait_for(struct fake_stream *x, uint64_t delay)
{
    if (x->waited || delay == 0 || world_timer_start(&x->timer, delay) != 0)
        return true;
    return false;
}

/* What was said has to leave before the call is reset or its connection cut. */
static void break_off(struct fake_stream *x)
{
    uint64_t now = world_now(x->server->world);
    if (!x->breaking) {
        x->breaking = true;
        x->break_by = now + BREAK_WAIT;
    }
    if (x->carrier->queued(x->carried) > 0 && now < x->break_by && world_timer_start(&x->timer, BREAK_POLL) == 0)
        return;
    const struct carrier *carrier = x->carrier;
    void *carried = x->carried;
    bool disconnects = x->answer.ending == FAKE_DISCONNECTS, asking = x->asking;
    close_books(x, FAKE_UNANSWERED, BYTES_NONE);
    x->asking = asking;
    x->carrier = NULL;
    (disconnects ? carrier->disconnect : carrier->reset)(carried);
    release(x);
}

/* Whoever holds the stream may say more. The last that is done with it here: one of them may end it. */
static void tell_drained(struct fake_stream *x)
{
    struct fake_server *s = x->server;
    const struct fake_responder *only = x->method->service->only;
    size_t count = x->method->service->own != NULL ? 0 : only != NULL ? 1 : s->responder_count;
    for (size_t i = 0; i < count; i++) {
        const struct fake_responder *r = only != NULL ? only : &s->responders[i];
        if ((x->holders & (1U << i)) == 0 || r->drained == NULL)
            continue;
        r->drained(r->arg, x);
        return; /* one holds it, as a rule; a second hears of the next time */
    }
}

static void finish_playing(struct fake_stream *x)
{
    bool waited = x->held_up;
    x->playing = x->held_up = false;
    switch (x->answer.ending) {
    case FAKE_ENDS:
        end(x, x->answer.status, text_bytes(&x->answer.message), text_bytes(&x->answer.details));
        return;
    case FAKE_RESETS:
    case FAKE_DISCONNECTS:
        x->playing = true;
        break_off(x);
        return;
    case FAKE_NEVER:
        x->mute = true;
        return;
    case FAKE_STAYS:
    default:
        set_pause(x, false);
        if (waited)
            tell_drained(x);
    }
}

static void play(struct fake_stream *x)
{
    struct fake_answer *a = &x->answer;
    if (x->breaking) {
        break_off(x);
        return;
    }
    if (!x->begun) {
        if (!wait_for(x, a->delay))
            goto later;
        x->begun = true;
        x->waited = false;
        say_headers(x);
    }
    while (x->next < a->marks.count) {
        if (!wait_for(x, a->marks.items[x->next].delay) || x->carrier->busy(x->carried))
            goto later;
        size_t from = x->next > 0 ? a->marks.items[x->next - 1].end : 0;
        struct bytes reply = BYTES(text_string(&a->replies) + from, a->marks.items[x->next].end - from);
        x->waited = false;
        x->next++;
        if (!say(x, reply)) {
            fail(x, GRPC_INTERNAL, "the double's reply could not be sent: it is too long, or memory ran out");
            return;
        }
    }
    finish_playing(x);
    return;
later:
    x->held_up = true;
    set_pause(x, true);
}

static void on_timer(void *arg)
{
    struct fake_stream *x = arg;
    x->waited = true;
    play(x);
}

void exchange_writable(struct fake_stream *x)
{
    if (x->carrier == NULL || world_timer_active(&x->timer))
        return;
    if (x->playing)
        play(x);
    else
        tell_drained(x);
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

/* True when somebody answered. */
static bool ask_responders(struct fake_stream *x, const struct fake_asked *general)
{
    struct fake_server *s = x->server;
    const struct fake_responder *only = x->method->service->only;
    size_t count = only != NULL ? 1 : s->responder_count;
    bool whole = !x->method->method->client_streaming && !x->method->method->server_streaming;
    for (size_t i = 0; i < count; i++) {
        const struct fake_responder *r = only != NULL ? only : &s->responders[i];
        struct fake_asked asked = *general;
        if (whole && !r->late)
            asked.stream = NULL;
        if (r->respond(r->arg, &asked, &x->answer) != FAKE_ANSWERED) {
            if (only == NULL && s->stubs != NULL && i == s->stubs_at && x->completed &&
                s->stubs_have(s->stubs, asked.method))
                x->missed = true;
            continue;
        }
        if (asked.stream == NULL && x->answer.ending == FAKE_STAYS)
            x->answer.ending = FAKE_ENDS;
        if (x->answer.ending == FAKE_STAYS)
            x->holders |= 1U << i;
        text_clear(&x->by);
        text_puts(&x->by, x->answer.by != NULL ? x->answer.by : r->name != NULL ? r->name : "");
        return true;
    }
    return false;
}

static bool ask_own(struct fake_stream *x, const struct fake_asked *asked)
{
    bool whole = !x->method->method->client_streaming && !x->method->method->server_streaming;
    struct fake_asked own = *asked;
    if (whole)
        own.stream = NULL;
    if (fake_turn(x->method->service->own, &own, &x->answer, &x->record) != FAKE_ANSWERED)
        return false;
    if (whole && x->answer.ending == FAKE_STAYS)
        x->answer.ending = FAKE_ENDS;
    if (x->answer.ending == FAKE_STAYS)
        x->holders = 1;
    text_clear(&x->by);
    text_puts(&x->by, x->answer.by != NULL ? x->answer.by : "");
    return true;
}

/* Makes the answer one that can be said of this method. */
static void straighten(struct fake_stream *x, bool answered)
{
    struct fake_answer *a = &x->answer;
    const struct pb_method *m = x->method->method;
    if (!answered) {
        fake_answer_clear(a);
        if (!x->completed || x->holders != 0) {
            a->ending = FAKE_STAYS; /* somebody may still say something: the client, or who holds the stream */
            return;
        }
    }
    bool ends = a->ending == FAKE_ENDS && a->status == GRPC_OK;
    bool failed = false;
    if (ends && a->marks.count == 0 && x->said_count == 0 && (!m->server_streaming || !answered))
        failed = !fake_answer_mark(a, 0);
    if (!m->server_streaming && a->status != GRPC_OK)
        array_clear(&a->marks);
    if (failed || !text_ok(&a->replies) || !text_ok(&a->message) || !text_ok(&a->details)) {
        fake_answer_clear(a);
        fake_answer_fail(a, GRPC_RESOURCE_EXHAUSTED, "%s", no_memory);
    } else if (!m->server_streaming && a->marks.count > 1) {
        size_t replies = a->marks.count;
        fake_answer_clear(a);
        fake_answer_fail(a, GRPC_INTERNAL, "the double was given %zu replies for %s/%s, which answers with one",
                         replies, m->service->full_name, m->name);
    }
}

static void ask(struct fake_stream *x)
{
    take(x);
    fake_answer_clear(&x->answer);
    x->next = 0;
    x->begun = x->waited = false;
    struct fake_asked asked = asked_of(x);
    x->asking = true;
    bool answered = x->method->service->own != NULL ? ask_own(x, &asked) : ask_responders(x, &asked);
    x->asking = false;
    if (x->free_later) {
        release(x);
        return;
    }
    straighten(x, answered);
    x->playing = true;
    play(x);
}

void exchange_message(struct fake_stream *x, struct bytes wire)
{
    struct error err = ERROR_INIT;
    if (x->mute || x->carrier == NULL)
        return;
    if (!x->method->method->client_streaming && x->ends.count == 1) {
        exchange_refuse(x, GRPC_UNIMPLEMENTED, "the method takes one request, more were sent");
        return;
    }
    if (x->request.len + wire.len > FAKE_REQUEST_MAX) {
        exchange_refuse(x, GRPC_RESOURCE_EXHAUSTED, "the requests are longer than a double keeps of one call");
        return;
    }
    const struct pb_type *type = x->method->method->input;
    if (pb_scan(type->descriptor, wire, &err) != 0) {
        struct text why = TEXT_INIT;
        text_printf(&why, "the request is not a valid %s: ", type->full_name);
        error_format(&err, &why);
        exchange_refuse(x, GRPC_INVALID_ARGUMENT, text_string(&why));
        text_deinit(&why);
        error_clear(&err);
        return;
    }
    text_add(&x->request, wire.data, wire.len);
    if (!text_ok(&x->request) || !array_push(&x->ends, x->request.len)) {
        exchange_refuse(x, GRPC_RESOURCE_EXHAUSTED, no_memory);
        return;
    }
    if (streams(x) && !x->playing)
        ask(x);
}

bool exchange_json(struct fake_stream *x, struct bytes json, const json_t *tree)
{
    const struct pb_type *type = x->method->method->input;
    struct error err = ERROR_INIT;
    struct text wire = TEXT_INIT, why = TEXT_INIT;
    int code = tree != NULL ? pb_tree_to_wire(type, tree, 0, &wire, &err) : pb_json_to_wire(type, json, 0, &wire, &err);
    if (code == 0 && !text_ok(&wire))
        code = error_set(&err, ERROR_MEMORY, "out of memory");
    if (code == 0) {
        exchange_message(x, text_bytes(&wire));
    } else {
        error_format(&err, &why);
        exchange_refuse(x, code == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_INVALID_ARGUMENT, text_string(&why));
    }
    text_deinit(&wire);
    text_deinit(&why);
    error_clear(&err);
    return code == 0;
}

void exchange_complete(struct fake_stream *x)
{
    if (x->mute || x->completed || x->carrier == NULL)
        return;
    if (!x->method->method->client_streaming && x->ends.count == 0) {
        exchange_refuse(x, GRPC_UNIMPLEMENTED, "the method takes one request, none was sent");
        return;
    }
    x->completed = true;
    if (!x->playing)
        ask(x);
}

/* ---- streams that stay open ------------------------------------------------------------------------------------- */

int fake_stream_send(struct fake_stream *x, struct bytes message)
{
    if (x->carrier == NULL)
        return ERROR_CLOSED;
    struct fake_answer *a = &x->answer;
    bool now = !x->asking && !x->playing;
    if (!x->method->method->server_streaming && x->said_count + (x->asking || x->playing ? a->marks.count : 0) > 0)
        return ERROR_INVALID;
    if (now && !x->carrier->busy(x->carried)) {
        if (!say(x, message))
            return ERROR_CLOSED;
        return 0;
    }
    if (x->carrier->queued(x->carried) + a->replies.len + message.len > FAKE_QUEUE_MAX)
        return ERROR_LIMIT;
    if (now) { /* what was played is done with */
        fake_answer_clear(a);
        a->ending = FAKE_STAYS;
        x->next = 0;
        x->begun = true;
        x->playing = true;
    }
    return fake_answer_add(a, message) ? 0 : ERROR_MEMORY;
}

bool fake_stream_busy(const struct fake_stream *x)
{
    return x->carrier != NULL && (x->playing || x->carrier->busy(x->carried));
}

int fake_stream_header(struct fake_stream *x, const char *name, struct bytes value, bool trailer)
{
    if (x->carrier == NULL)
        return ERROR_CLOSED;
    (trailer ? x->carrier->trailer : x->carrier->header)(x->carried, name, value);
    return 0;
}

void fake_stream_finish_details(struct fake_stream *x, int status, struct bytes message, struct bytes details)
{
    if (x->carrier == NULL)
        return;
    x->holders = 0;
    if (!x->asking && !x->playing) {
        end(x, status, message, details);
        return;
    }
    x->answer.ending = FAKE_ENDS;
    x->answer.status = status;
    text_clear(&x->answer.message);
    text_add(&x->answer.message, message.data, message.len);
    text_clear(&x->answer.details);
    text_add(&x->answer.details, details.data, details.len);
}

void fake_stream_finish(struct fake_stream *x, int status, const char *message)
{
    fake_stream_finish_details(x, status, bytes_of(message != NULL ? message : ""), BYTES_NONE);
}
