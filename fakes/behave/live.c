/* Streams that stay open. A listener is one: what its request asked for, and the thread it belongs to. A change of an
 * entity goes to the listeners of the same session whose request fits it; a message of a relay to the others in the
 * room. What another thread has for a listener waits in its queue until its own thread is next asked; one that does not
 * read, or whose queue is full, is ended with RESOURCE_EXHAUSTED. */
#include "fakes/behave/behave_internal.h"

#include <stdlib.h>
#include <string.h>

struct listener {
    struct fake_stream *stream; /* NULL: gone, to be freed */
    const struct plan_method *m;
    pthread_t owner;
    struct text request; /* the first message */
    struct text waiting; /* messages for the owner's thread, one behind the other */
    ARRAY(size_t) ends;
    bool overrun;
    char session[];
};

static void listener_free(struct listener *l)
{
    text_deinit(&l->request);
    text_deinit(&l->waiting);
    array_deinit(&l->ends);
    free(l);
}

static void sweep(struct behave *b)
{
    size_t kept = 0;
    if (b->sending > 0)
        return;
    for (size_t i = 0; i < b->listeners.count; i++) {
        if (b->listeners.items[i]->stream)
            b->listeners.items[kept++] = b->listeners.items[i];
        else
            listener_free(b->listeners.items[i]);
    }
    b->listeners.count = kept;
}

void live_free(struct behave *b)
{
    for (size_t i = 0; i < b->listeners.count; i++)
        listener_free(b->listeners.items[i]);
    array_deinit(&b->listeners);
}

static void end(struct listener *l, int status, const char *message)
{
    struct fake_stream *stream = l->stream;
    l->stream = NULL;
    if (stream)
        fake_stream_finish(stream, status, message);
}

static void send_now(struct listener *l, struct bytes message)
{
    if (l->stream && fake_stream_send(l->stream, message) != 0)
        end(l, GRPC_RESOURCE_EXHAUSTED, "the stream is not read fast enough");
}

static void hand(struct listener *l, struct bytes message)
{
    if (pthread_equal(l->owner, pthread_self())) {
        send_now(l, message);
        return;
    }
    if (l->ends.count >= BEHAVE_WAITING_MAX) {
        l->overrun = true;
        return;
    }
    text_add(&l->waiting, message.data, message.len);
    if (!text_ok(&l->waiting) || !array_push(&l->ends, l->waiting.len))
        l->overrun = true;
}

void live_flush(struct behave *b)
{
    b->sending++;
    for (size_t i = 0; i < b->listeners.count; i++) {
        struct listener *l = b->listeners.items[i];
        if (!l->stream || (l->ends.count == 0 && !l->overrun) || !pthread_equal(l->owner, pthread_self()))
            continue;
        size_t start = 0;
        for (size_t k = 0; k < l->ends.count; k++) {
            send_now(l, BYTES(text_string(&l->waiting) + start, l->ends.items[k] - start));
            start = l->ends.items[k];
        }
        text_clear(&l->waiting);
        array_clear(&l->ends);
        if (l->overrun)
            end(l, GRPC_RESOURCE_EXHAUSTED, "the stream is not read fast enough");
    }
    b->sending--;
    sweep(b);
}

void live_gone(struct behave *b, struct fake_stream *stream)
{
    for (size_t i = 0; i < b->listeners.count; i++)
        if (b->listeners.items[i]->stream == stream)
            b->listeners.items[i]->stream = NULL;
    sweep(b);
}

void live_reset(struct behave *b, const char *session)
{
    b->sending++;
    for (size_t i = 0; i < b->listeners.count; i++) {
        struct listener *l = b->listeners.items[i];
        if (!l->stream || (*session && strcmp(l->session, session) != 0))
            continue;
        if (pthread_equal(l->owner, pthread_self()))
            end(l, GRPC_OK, "");
        else
            l->overrun = true;
    }
    b->sending--;
    sweep(b);
}

static struct listener *listener_add(struct act *a)
{
    struct behave *b = a->b;
    if (b->listeners.count >= BEHAVE_STREAMS_MAX) {
        (void)act_fail_code(a, ERROR_LIMIT);
        return NULL;
    }
    size_t len = strlen(a->session->name);
    struct listener *l = calloc(1, sizeof *l + len + 1);
    if (l == NULL) {
        (void)act_fail_code(a, ERROR_MEMORY);
        return NULL;
    }
    l->stream = a->asked->stream;
    l->m = a->m;
    l->owner = pthread_self();
    memcpy(l->session, a->session->name, len + 1);
    text_add(&l->request, a->request.data, a->request.len);
    if (!text_ok(&l->request) || !array_push(&b->listeners, l)) {
        listener_free(l);
        (void)act_fail_code(a, ERROR_MEMORY);
        return NULL;
    }
    return l;
}

bool live_open(struct act *a)
{
    const struct plan_entity *e = a->e;
    /* A room that is not there cannot be joined. */
    for (size_t i = 0; e->parent != PLAN_NONE && e->parent_needed && i < a->m->inputs.count; i++) {
        const struct plan_input *in = &a->m->inputs.items[i];
        struct pb_item v;
        if (in->use != INPUT_ATTRIBUTE || in->attribute != e->parent_attribute || !act_input(a, in, &v) ||
            item_is_zero(&v))
            continue;
        text_clear(&a->key);
        item_text(&v, in->field->kind, &a->key);
        if (!behave_state_find(act_collection(a, e->parent), text_bytes(&a->key), a->now))
            return act_fail(a, FAILURE_PARENT, "there is no %s \"%.200s\"", a->b->plan.entities[e->parent].name,
                            text_string(&a->key));
    }
    if (a->asked->stream == NULL)
        return true;
    if (!listener_add(a))
        return false;
    a->answer->ending = FAKE_STAYS;
    return true;
}

void live_changed(struct act *a, size_t entity, const struct item *i, const char *event)
{
    struct behave *b = a->b;
    if (b->listeners.count == 0)
        return;
    b->sending++;
    for (size_t k = 0; k < b->listeners.count; k++) {
        struct listener *l = b->listeners.items[k];
        if (!l->stream || l->m->role != ROLE_SUBSCRIBE || l->m->entity != entity ||
            strcmp(l->session, a->session->name) != 0)
            continue;
        bool says = false;
        for (size_t n = 0; n < l->m->outputs.count; n++)
            says = says || l->m->outputs.items[n].use == OUTPUT_EVENT;
        if (!says && strcmp(event, "delete") == 0)
            continue;
        struct act his = {.b = b,
                          .asked = a->asked,
                          .m = l->m,
                          .e = &b->plan.entities[entity],
                          .session = a->session,
                          .request = text_bytes(&l->request),
                          .now = a->now,
                          .item = i,
                          .event = event,
                          .draw = values_hash(b->seed ^ i->serial, l->m->method->path, text_bytes(&l->request))};
        struct text reply = TEXT_INIT;
        if (act_matches(&his, i)) {
            if (behave_reply_make(&his, l->m, &reply))
                hand(l, text_bytes(&reply));
            else
                l->overrun = true;
        }
        text_deinit(&reply);
    }
    b->sending--;
    sweep(b);
}

/* ---- relays ---------------------------------------------------------------------------------------------------- */

static struct bytes room_of(const struct plan_method *m, struct bytes request)
{
    for (size_t i = 0; i < m->inputs.count; i++) {
        struct pb_item v;
        if (m->inputs.items[i].use == INPUT_TOPIC && m->inputs.items[i].field &&
            field_get(request, m->inputs.items[i].field->number, &v))
            return v.data;
    }
    return BYTES_NONE;
}

/* What one says as the others hear it: the fields of the same names, in a message of its own if there is one for it,
 * and the time. */
static bool translate(const struct act *a, const struct pb_type *t, int depth, struct text *out)
{
    static const char *const times[] = {"timestamp", "created", "created_at", "sent_at", "time", "at", NULL};
    bool said = false;
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[i], *from = pb_field_by_name(a->m->method->input, f->name);
        bool time = !f->repeated && (f->kind == PB_STRING || f->kind == PB_INT64 ||
                                     (f->kind == PB_MESSAGE && f->message->known == PB_TIMESTAMP));
        if (from && field_same_kind(from, f)) {
            field_copy(out, a->request, from->number, f->number);
            said = true;
        } else if (time && name_is_one_of(f->name, times)) {
            put_time(out, f, f->number, a->now);
        } else if (f->kind == PB_MESSAGE && !f->repeated && f->message->known == PB_ORDINARY && depth == 0 &&
                   f->oneof < 0) {
            struct text inner = TEXT_INIT;
            if (translate(a, f->message, depth + 1, &inner)) {
                pb_put_bytes(out, f->number, text_bytes(&inner));
                said = true;
            }
            out->failed = out->failed || !text_ok(&inner);
            text_deinit(&inner);
        }
    }
    return said;
}

bool live_relay(struct act *a)
{
    struct behave *b = a->b;
    struct listener *own = NULL;
    if (a->asked->stream == NULL)
        return true; /* nobody else can be in the room */
    for (size_t i = 0; i < b->listeners.count && !own; i++)
        if (b->listeners.items[i]->stream == a->asked->stream)
            own = b->listeners.items[i];
    if (a->asked->complete) {
        live_gone(b, a->asked->stream);
        return true;
    }
    if (!own && !(own = listener_add(a)))
        return false;
    a->answer->ending = FAKE_STAYS;
    struct text said = TEXT_INIT;
    if (a->m->method->input == a->m->method->output)
        text_add(&said, a->request.data, a->request.len);
    else
        (void)translate(a, a->m->method->output, 0, &said);
    struct bytes room = room_of(a->m, a->request);
    if (room.len == 0)
        room = room_of(a->m, text_bytes(&own->request));
    b->sending++;
    for (size_t i = 0; i < b->listeners.count && text_ok(&said); i++) {
        struct listener *l = b->listeners.items[i];
        if (l != own && l->stream && l->m == a->m && strcmp(l->session, own->session) == 0 &&
            bytes_equal(room_of(l->m, text_bytes(&l->request)), room))
            hand(l, text_bytes(&said));
    }
    b->sending--;
    bool right = text_ok(&said);
    text_deinit(&said);
    sweep(b);
    return right ? true : act_fail_code(a, ERROR_MEMORY);
}
