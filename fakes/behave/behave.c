#include "fakes/behave/behave_internal.h"

#include "fakes/behave/builtin.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)64 << 10) /* bytes of one message of a download */

static void act_reset(struct act *a)
{
    text_clear(&a->joined);
    text_clear(&a->gone);
    text_clear(&a->key);
    array_clear(&a->items);
    free(a->loose);
    a->loose = NULL;
    a->item = a->token = a->proof = NULL;
    a->c = NULL;
    a->e = NULL;
    a->body = a->before = BYTES_NONE;
    a->count = 0;
    a->cursor = 0;
    a->more = a->yes = false;
    a->event = NULL;
}

static void act_deinit(struct act *a)
{
    struct text *const texts[] = {&a->joined, &a->key, &a->scratch, &a->spare, &a->gone, &a->visible, &a->aside};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        text_deinit(texts[i]);
    array_deinit(&a->items);
    free(a->loose);
}

/* ---- the form of errors ---------------------------------------------------------------------------------------- */

static const struct {
    int status, code;
    const char *text;
} HTTP[] = {
    {GRPC_INVALID_ARGUMENT, 400, "Bad Request"},
    {GRPC_OUT_OF_RANGE, 400, "Bad Request"},
    {GRPC_UNAUTHENTICATED, 401, "Unauthorized"},
    {GRPC_PERMISSION_DENIED, 403, "Forbidden"},
    {GRPC_NOT_FOUND, 404, "Not Found"},
    {GRPC_DEADLINE_EXCEEDED, 408, "Request Timeout"},
    {GRPC_ALREADY_EXISTS, 409, "Conflict"},
    {GRPC_ABORTED, 409, "Conflict"},
    {GRPC_FAILED_PRECONDITION, 412, "Precondition Failed"},
    {GRPC_RESOURCE_EXHAUSTED, 429, "Too Many Requests"},
    {GRPC_UNIMPLEMENTED, 501, "Not Implemented"},
    {GRPC_UNAVAILABLE, 503, "Service Unavailable"},
};

/* Micro's: the message is JSON, and the same is the one detail of the status (errors.Error). */
static void micro_form(struct act *a)
{
    struct fake_answer *answer = a->answer;
    struct text json = TEXT_INIT;
    const struct plan *p = &a->b->plan;
    int code = 500;
    const char *text = "Internal Server Error";
    for (size_t i = 0; i < sizeof HTTP / sizeof *HTTP; i++)
        if (HTTP[i].status == answer->status) {
            code = HTTP[i].code;
            text = HTTP[i].text;
        }
    text_printf(&json, "{\"id\":\"%s.%s\",\"code\":%d,\"detail\":\"", p->service->full_name, a->m->method->name, code);
    text_json(&json, text_string(&answer->message), answer->message.len);
    text_printf(&json, "\",\"status\":\"%s\"}", text);

    struct text *d = &answer->details;
    text_clear(d);
    pb_put_tag(d, 1, PB_WIRE_VARINT);
    pb_put_varint(d, (uint64_t)answer->status);
    pb_put_bytes(d, 2, text_bytes(&json));
    size_t any = pb_open(d, 3);
    pb_put_bytes(d, 1, bytes_of("type.googleapis.com/errors.Error"));
    size_t value = pb_open(d, 2);
    size_t id = pb_open(d, 1);
    text_printf(d, "%s.%s", p->service->full_name, a->m->method->name);
    pb_close(d, id);
    pb_put_tag(d, 2, PB_WIRE_VARINT);
    pb_put_varint(d, (uint64_t)code);
    pb_put_bytes(d, 3, text_bytes(&answer->message));
    pb_put_bytes(d, 4, bytes_of(text));
    pb_close(d, value);
    pb_close(d, any);
    if (!text_ok(&json) || !text_ok(d)) {
        text_clear(d);
    } else {
        text_clear(&answer->message);
        text_add(&answer->message, json.data, json.len);
    }
    text_deinit(&json);
}

/* ---- a call ---------------------------------------------------------------------------------------------------- */

/* One message, checked and in one piece. */
static bool take(struct act *a, struct bytes message)
{
    struct error err = ERROR_INIT;
    bool pieces = false;
    const struct pb_type *type = a->m->method->input;
    if (pb_scan_pieces(type->descriptor, message, &pieces, &err) != 0) {
        fake_answer_fail(a->answer, GRPC_INVALID_ARGUMENT, "the request is no %s: %s", type->full_name,
                         err.message ? err.message : error_code_name(err.code));
        error_clear(&err);
        return false;
    }
    a->request = message;
    if (!pieces)
        return true;
    text_clear(&a->joined);
    if (pb_join_pieces(type->descriptor, message, &a->joined) != 0 || !text_ok(&a->joined))
        return act_fail_code(a, ERROR_MEMORY);
    a->request = text_bytes(&a->joined);
    return true;
}

static bool run_role(struct act *a)
{
    switch ((int)a->m->role) {
    case ROLE_CREATE:
    case ROLE_SAVE:
        return act_create(a);
    case ROLE_READ:
        return act_read(a);
    case ROLE_UPDATE:
        return act_update(a);
    case ROLE_DELETE:
        return act_delete(a);
    case ROLE_STATE:
        return act_state(a);
    case ROLE_JOIN:
    case ROLE_LEAVE:
        return act_member(a);
    case ROLE_LIST:
    case ROLE_COUNT:
    case ROLE_EXISTS:
        return act_list(a);
    case ROLE_LOGIN:
        return act_login(a);
    case ROLE_ISSUE:
        return act_issue(a);
    case ROLE_VERIFY:
        return act_verify(a);
    case ROLE_REFRESH:
        return act_refresh(a);
    case ROLE_CREDIT:
    case ROLE_DEBIT:
        return act_sum(a);
    case ROLE_TRANSFER:
        return act_transfer(a);
    case ROLE_SUBSCRIBE:
        return live_open(a);
    default:
        return true;
    }
}

/* Whoever must show a code or a token to do this. */
static bool guarded(struct act *a)
{
    struct item *found;
    enum plan_role r = a->m->role;
    if (a->m->codes == PLAN_NONE || r == ROLE_VERIFY || r == ROLE_ISSUE || r == ROLE_LOGIN || r == ROLE_REFRESH ||
        !act_input_of(a, INPUT_CODE))
        return true;
    if (!act_code(a, &found))
        return false;
    if (!found)
        return act_fail(a, FAILURE_CODE, "the code is wrong, used up or expired");
    a->proof = found;
    return true;
}

static bool needs_members(struct act *a)
{
    const struct plan_method *m = a->m;
    if (m->member_field == NULL)
        return true;
    const struct plan_entity *group = &a->b->plan.entities[m->member_of];
    const struct attribute *at = &group->attributes.items[group->members];
    struct pb_item who, v;
    text_clear(&a->key);
    if (field_get(a->request, m->member_key->number, &v))
        item_text(&v, m->member_key->kind, &a->key);
    struct item *i = behave_state_find(act_collection(a, m->member_of), text_bytes(&a->key), a->now);
    if (!i)
        return act_fail(a, FAILURE_PARENT, "there is no %s \"%.200s\"", group->name, text_string(&a->key));
    struct field_walk w;
    field_walk(&w, item_whole(i), at->field, at->number);
    bool named = field_get(a->request, m->member_field->number, &who);
    while (named && field_next(&w, &v))
        if (item_equal(&v, &who))
            return true;
    return act_fail(a, FAILURE_MEMBER, "%s is not in the %s", m->member_field->name, group->name);
}

/* A stream of an attribute's bytes in pieces; everything else stands in the first. */
static bool download(struct act *a, const struct plan_output *piece)
{
    const struct attribute *at = &a->e->attributes.items[piece->attribute];
    struct text *out = &a->answer->replies;
    struct pb_item v = {.wire = PB_WIRE_BYTES};
    if (a->item)
        (void)field_get(item_whole(a->item), at->number, &v);
    for (size_t from = 0; from == 0 || from < v.data.len; from += CHUNK) {
        if (from == 0) {
            text_clear(&a->scratch);
            if (!behave_reply_make(a, a->m, &a->scratch))
                return false;
            field_drop(out, text_bytes(&a->scratch), piece->field->number);
        }
        size_t len = v.data.len - from < CHUNK ? v.data.len - from : CHUNK;
        if (len > 0)
            pb_put_bytes(out, piece->field->number, BYTES(v.data.data + from, len));
        if (!fake_answer_mark(a->answer, 0))
            return false;
    }
    return true;
}

static bool make_replies(struct act *a)
{
    const struct plan_method *m = a->m;
    struct text *out = &a->answer->replies;
    if (m->role == ROLE_SUBSCRIBE)
        return true;
    bool each = false;
    for (size_t i = 0; m->method->server_streaming && i < m->outputs.count; i++) {
        const struct plan_output *o = &m->outputs.items[i];
        if (o->use == OUTPUT_ENTITY)
            each = m->role == ROLE_LIST;
        if (o->use == OUTPUT_ATTRIBUTE && o->field && o->field->kind == PB_BYTES && m->role == ROLE_READ)
            return download(a, o);
    }
    if (!each)
        return behave_reply_make(a, m, out) && fake_answer_mark(a->answer, 0);
    for (size_t i = 0; i < a->items.count; i++) {
        a->item = a->items.items[i];
        if (!behave_reply_make(a, m, out) || !fake_answer_mark(a->answer, 0))
            return false;
    }
    return true;
}

/* An answer given before under the same key, for the same method. */
static bool remembered(struct act *a, struct text *key)
{
    struct pb_item v;
    enum plan_role r = a->m->role;
    if (r == ROLE_READ || r == ROLE_LIST || r == ROLE_VALUES || !act_input_value(a, INPUT_IDEMPOTENCY, &v) ||
        v.data.len == 0)
        return false;
    text_printf(key, "%s ", a->m->method->name);
    text_add(key, v.data.data, v.data.len);
    const struct remembered *old = text_ok(key) ? state_remembered(a->session, text_bytes(key)) : NULL;
    if (!old)
        return false;
    a->answer->status = old->status;
    text_add(&a->answer->message, old->data + old->reply_len, old->message_len);
    if (old->status == GRPC_OK)
        (void)fake_answer_add(a->answer, BYTES(old->data, old->reply_len));
    return true;
}

static void run(struct act *a)
{
    struct fake_answer *answer = a->answer;
    struct text key = TEXT_INIT;
    if (remembered(a, &key)) {
        text_deinit(&key);
        return;
    }
    if (a->m->entity != PLAN_NONE) {
        a->e = &a->b->plan.entities[a->m->entity];
        a->c = act_collection(a, a->m->entity);
    }
    bool right = act_required(a) && guarded(a) && needs_members(a) && run_role(a);
    /* A refusal whose status is OK is none: the reply says what there is. */
    if ((right || answer->status == GRPC_OK) && !make_replies(a) && answer->status == GRPC_OK)
        (void)act_fail_code(a, ERROR_MEMORY);
    bool once = a->m->once && a->proof && answer->status == GRPC_OK && a->m->role != ROLE_VERIFY;
    if (once)
        act_remove(a, a->m->codes, behave_state_find(act_collection(a, a->m->codes), item_key(a->proof), a->now));
    if (key.len > 0 && text_ok(&key) && answer->status == GRPC_OK)
        (void)state_remember(&a->b->state, a->session, text_bytes(&key), answer->status, text_bytes(&answer->replies),
                             text_bytes(&answer->message));
    text_deinit(&key);
}

/* A client's stream: of pieces, which are one request, or of requests, whose last reply is the reply. */
static void run_stream(struct act *a)
{
    const struct fake_asked *asked = a->asked;
    bool pieces = a->m->role == ROLE_VALUES;
    for (size_t i = 0; i < a->m->inputs.count; i++)
        pieces = pieces || (a->m->inputs.items[i].field && a->m->inputs.items[i].field->kind == PB_BYTES);
    for (size_t i = 0; i < asked->messages; i++)
        if (!take(a, fake_asked_message(asked, i)))
            return;
    if (pieces || asked->messages == 0) {
        /* One behind the other, messages are one message: the last of a field counts, bytes are put together. */
        a->request = asked->request;
        a->draw = values_hash(a->b->seed, a->m->method->path, a->request);
        if (a->m->role == ROLE_VALUES)
            reply_values(a);
        else
            run(a);
        return;
    }
    /* One behind the other, the replies are one reply as well: lists in it grow. */
    for (size_t i = 0; i < asked->messages && a->answer->status == GRPC_OK; i++) {
        act_reset(a);
        array_clear(&a->answer->marks);
        if (take(a, fake_asked_message(asked, i))) {
            a->draw = values_hash(a->b->seed, a->m->method->path, a->request);
            run(a);
        }
    }
}

static enum fake_verdict respond(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct behave *b = arg;
    struct act *a = &b->act;
    const struct plan_method *m = NULL;
    size_t index = (size_t)(asked->method - b->plan.service->methods);
    if (asked->service == b->plan.service && index < b->plan.service->method_count)
        m = &b->plan.methods[index];
    if (m == NULL)
        return FAKE_PASSED;
    bool both = m->method->client_streaming && m->method->server_streaming;
    pthread_mutex_lock(&b->lock);
    live_flush(b);
    act_reset(a);
    a->b = b;
    a->asked = asked;
    a->answer = answer;
    a->m = m;
    a->now = asked->now;
    a->request = BYTES_NONE;
    answer->by = m->role == ROLE_VALUES ? "values" : "behaviour";
    int rc = state_session(&b->state, asked->session ? asked->session : "", &a->session);
    bool newest = asked->messages > 0 && !(both && asked->complete);
    if (rc != 0) {
        (void)act_fail_code(a, rc);
    } else if (m->method->client_streaming && !both) {
        run_stream(a);
    } else if (!newest || take(a, fake_asked_message(asked, asked->messages - 1))) {
        a->draw = values_hash(b->seed, m->method->path, a->request);
        if (m->role == ROLE_RELAY)
            (void)live_relay(a);
        else if (both && asked->complete)
            ; /* all was answered as it came */
        else if (m->role == ROLE_VALUES)
            reply_values(a);
        else
            run(a);
        if (both && !asked->complete && answer->status == GRPC_OK)
            answer->ending = FAKE_STAYS;
    }
    if (answer->status == GRPC_OK && !text_ok(&answer->replies))
        (void)act_fail_code(a, ERROR_MEMORY);
    if (answer->status != GRPC_OK) {
        text_clear(&answer->replies);
        array_clear(&answer->marks);
        answer->ending = FAKE_ENDS;
        if (b->plan.errors == BEHAVE_ERRORS_MICRO)
            micro_form(a);
    }
    a->asked = NULL;
    a->answer = NULL;
    pthread_mutex_unlock(&b->lock);
    return FAKE_ANSWERED;
}

static void gone(void *arg, struct fake_stream *stream)
{
    struct behave *b = arg;
    pthread_mutex_lock(&b->lock);
    live_gone(b, stream);
    pthread_mutex_unlock(&b->lock);
}

void behave_reset(struct behave *b, const char *session)
{
    pthread_mutex_lock(&b->lock);
    live_reset(b, session);
    state_reset(&b->state, session);
    pthread_mutex_unlock(&b->lock);
}

static void reset(void *arg, const char *session)
{
    behave_reset(arg, session);
}

static void release(void *arg)
{
    behave_free(arg);
}

struct fake_responder behave_responder(struct behave *b)
{
    return (struct fake_responder){
        .name = "behaviour", .respond = respond, .gone = gone, .reset = reset, .release = release, .arg = b};
}

/* The embedded annotation of that contract; a contract of the same name that is another one goes without. */
static int plan_builtin(struct behave *b, const struct pb_service *service, const struct behave_options *options,
                        struct error *err)
{
    const char *name;
    struct error own = ERROR_INIT;
    struct bytes text = options->bare || !service->file ? BYTES_NONE : behave_builtin(service->file, &name);
    int rc = text.len > 0 ? annotation_open(&b->annotation, text, name, service, &own) : 0;
    if (rc == 0)
        rc = behave_plan_init(&b->plan, service, &b->annotation, options->errors, &own);
    if (rc == 0 || rc == ERROR_MEMORY || text.len == 0)
        return error_move(err, &own);
    error_clear(&own);
    annotation_close(&b->annotation);
    return behave_plan_init(&b->plan, service, &b->annotation, options->errors, err);
}

/* The last that speaks of the service, opened; none: nothing is. */
static int open_given(struct behave *b, const struct pb_service *service, const struct behave_options *options,
                      struct error *err)
{
    int rc = 0;
    for (size_t i = options->annotation_count; rc == 0 && i-- > 0 && b->annotation.service == NULL;) {
        annotation_close(&b->annotation);
        if (options->annotations[i].text.len > 0)
            rc = annotation_open(&b->annotation, options->annotations[i].text, options->annotations[i].name, service,
                                 err);
    }
    return rc;
}

int behave_new(const struct pb_service *service, const struct behave_options *options, struct behave **out,
               struct error *err)
{
    static const struct behave_options usual = {0};
    struct behave *b = calloc(1, sizeof *b);
    pthread_mutexattr_t recursive;
    int rc;
    if (options == NULL)
        options = &usual;
    if (b == NULL)
        return error_set(err, ERROR_MEMORY, "no memory for the behaviour of %s", service->full_name);
    rc = open_given(b, service, options, err);
    if (rc == 0 && b->annotation.service != NULL) {
        rc = behave_plan_init(&b->plan, service, &b->annotation, options->errors, err);
    } else if (rc == 0) {
        annotation_close(&b->annotation);
        rc = plan_builtin(b, service, options, err);
    }
    annotation_close(&b->annotation); /* the plan has copies of what it needs */
    if (rc) {
        free(b);
        return rc;
    }
    b->seed = options->seed;
    state_init(&b->state, b->plan.entity_count);
    b->state.items_max = options->items_max ? options->items_max : BEHAVE_ITEMS_MAX;
    b->state.bytes_max = options->bytes_max ? options->bytes_max : BEHAVE_BYTES_MAX;
    b->state.sessions_max = options->sessions_max ? options->sessions_max : BEHAVE_SESSIONS_MAX;
    b->state.replies_max = BEHAVE_REPLIES_MAX;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&b->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    *out = b;
    return 0;
}

void behave_free(struct behave *b)
{
    if (b == NULL)
        return;
    live_free(b);
    state_deinit(&b->state);
    act_deinit(&b->act);
    behave_plan_deinit(&b->plan);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

struct behave_size behave_size(struct behave *b)
{
    pthread_mutex_lock(&b->lock);
    struct behave_size s = {b->state.items, b->state.bytes, map_count(&b->state.sessions), b->listeners.count};
    pthread_mutex_unlock(&b->lock);
    return s;
}
