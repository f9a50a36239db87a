#include "fakes/serve/control_internal.h"

#include "base/base64.h"

#include <stdlib.h>
#include <string.h>

/* ---- answers ---------------------------------------------------------------------------------------------------- */

void control_reply(struct controlling *c, const ProtobufCMessage *reply)
{
    if (pb_pack(reply, &c->answer->replies) != 0 || !fake_answer_mark(c->answer, 0))
        control_out_of_memory(c);
}

void control_out_of_memory(struct controlling *c)
{
    fake_answer_clear(c->answer);
    fake_answer_fail(c->answer, GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static int status_of(const struct error *err)
{
    if (err->file != NULL && err->code == ERROR_NOT_FOUND)
        return GRPC_INVALID_ARGUMENT; /* a name in a text that was given */
    switch (err->code) {
    case ERROR_NOT_FOUND:
        return GRPC_NOT_FOUND;
    case ERROR_MEMORY:
        return GRPC_RESOURCE_EXHAUSTED;
    case ERROR_LIMIT:
        return GRPC_FAILED_PRECONDITION;
    case ERROR_EXISTS:
        return GRPC_ALREADY_EXISTS;
    default:
        return GRPC_INVALID_ARGUMENT;
    }
}

void control_fail(struct controlling *c, struct error *err)
{
    struct text why = TEXT_INIT;
    error_format(err, &why);
    fake_answer_clear(c->answer);
    fake_answer_fail(c->answer, status_of(err), "%s", why.len > 0 ? text_string(&why) : "out of memory");
    text_deinit(&why);
    error_clear(err);
}

char *control_text(struct controlling *c, const struct text *t)
{
    static char none[1] = "";
    char *copy = text_ok(t) ? arena_string(&c->arena, text_string(t)) : NULL;
    return copy != NULL ? copy : none;
}

bool control_method(struct controlling *c, const char *name, const struct pb_method **out)
{
    struct error err = ERROR_INIT;
    *out = NULL;
    if (name[0] == '\0')
        return true;
    *out = fake_server_method(c->control->server, name, &err);
    if (*out == NULL)
        control_fail(c, &err);
    return *out != NULL;
}

/* ---- a call as a message ---------------------------------------------------------------------------------------- */

/* JSON of each; what is no message of its type is left blank. */
static bool put_messages(struct arena *a, const struct pb_type *type, const struct call_log_entry *e,
                         struct bytes (*get)(const struct call_log_entry *e, size_t i), size_t count, char ***out)
{
    struct text json = TEXT_INIT;
    *out = ARENA_NEW_N(a, char *, count + 1);
    bool ok = *out != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        text_clear(&json);
        if (pb_wire_to_json(type, get(e, i), PB_JSON_PROTO_NAMES, &json, NULL) != 0)
            text_clear(&json);
        (*out)[i] = arena_string(a, text_string(&json));
        ok = (*out)[i] != NULL;
    }
    text_deinit(&json);
    return ok;
}

static bool binary(struct bytes name)
{
    return name.len > 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
}

static bool put_metadata(struct arena *a, Doubles__Call *call, const struct call_log_entry *e)
{
    call->metadata = ARENA_NEW_N(a, Doubles__Header *, e->metadata.count + 1);
    for (size_t i = 0; call->metadata != NULL && i < e->metadata.count; i++) {
        const struct grpc_header *from = &e->metadata.items[i];
        Doubles__Header *h = ARENA_NEW(a, Doubles__Header);
        struct text value = TEXT_INIT;
        if (h == NULL)
            return false;
        doubles__header__init(h);
        if (binary(from->name) && !bytes_is(from->value, CALL_LOG_REDACTED))
            base64_encode_bare(&value, from->value);
        else
            text_add(&value, from->value.data, from->value.len);
        h->name = arena_string_n(a, (const char *)from->name.data, from->name.len);
        h->value = arena_string(a, text_string(&value));
        text_deinit(&value);
        call->metadata[call->n_metadata++] = h;
        if (h->name == NULL || h->value == NULL)
            return false;
    }
    return call->metadata != NULL;
}

Doubles__Call *control_call(struct arena *a, const struct call_log_entry *e, bool open)
{
    Doubles__Call *call = ARENA_NEW(a, Doubles__Call);
    if (call == NULL)
        return NULL;
    doubles__call__init(call);
    call->sequence = e->sequence;
    call->index = e->index;
    call->method = arena_string(a, e->method->path + 1);
    call->time = e->time;
    call->duration = (int64_t)e->duration;
    call->caller = arena_string(a, e->caller);
    call->session = arena_string(a, e->session);
    call->status = arena_string(a, e->status == FAKE_UNANSWERED ? "" : grpc_status_name(e->status));
    call->message = arena_string_n(a, (const char *)e->message.data, e->message.len);
    call->by = arena_string(a, e->by);
    call->missed = e->missed;
    call->open = open;
    call->request_count = (int64_t)e->requests;
    call->reply_count = (int64_t)e->replies;
    bool ok = call->method != NULL && call->caller != NULL && call->session != NULL && call->status != NULL &&
              call->message != NULL && call->by != NULL && put_metadata(a, call, e) &&
              put_messages(a, e->method->input, e, call_log_request, e->request_count, &call->requests) &&
              put_messages(a, e->method->output, e, call_log_reply, e->reply_count, &call->replies);
    call->n_requests = e->request_count;
    call->n_replies = e->reply_count;
    return ok ? call : NULL;
}

/* ---- followers -------------------------------------------------------------------------------------------------- */

static void tell_follower(struct follower *f, const struct call_log_entry *e)
{
    struct arena a = ARENA_INIT;
    struct text wire = TEXT_INIT;
    Doubles__FollowResponse response;
    doubles__follow_response__init(&response);
    response.call = control_call(&a, e, false);
    response.missed = f->missed;
    bool told = response.call != NULL && pb_pack(&response.base, &wire) == 0 && text_ok(&wire) &&
                fake_stream_send(f->stream, text_bytes(&wire)) == 0;
    f->missed = told ? 0 : f->missed + 1;
    text_deinit(&wire);
    arena_deinit(&a);
}

static void on_call(void *arg, const struct call_log_entry *e)
{
    struct control *c = arg;
    for (struct follower *f = c->followers, *next; f != NULL; f = next) {
        next = f->next;
        if (!look_takes(&(struct look_filter){.method = f->method, .session = f->session}, e))
            continue;
        if (fake_stream_busy(f->stream))
            f->missed++;
        else
            tell_follower(f, e);
    }
}

static void follow(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__FollowRequest *request = (const void *)message;
    const struct pb_method *method;
    if (!control_method(c, request->method, &method))
        return;
    if (strlen(request->session) > FAKE_SESSION_MAX) {
        fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "a session's name has at most %d bytes", FAKE_SESSION_MAX);
        return;
    }
    struct follower *f = c->control->follower_count < CONTROL_FOLLOWERS_MAX ? calloc(1, sizeof *f) : NULL;
    if (f == NULL) {
        fake_answer_fail(c->answer, GRPC_RESOURCE_EXHAUSTED, "%d followers are there already, or there is no memory",
                         CONTROL_FOLLOWERS_MAX);
        return;
    }
    f->stream = c->asked->stream;
    f->method = method;
    memcpy(f->session, request->session, strlen(request->session) + 1);
    f->next = c->control->followers;
    c->control->followers = f;
    c->control->follower_count++;
    c->answer->ending = FAKE_STAYS;
}

static void gone(void *arg, struct fake_stream *stream)
{
    struct control *c = arg;
    for (struct follower **f = &c->followers; *f != NULL; f = &(*f)->next)
        if ((*f)->stream == stream) {
            struct follower *one = *f;
            *f = one->next;
            free(one);
            c->follower_count--;
            return;
        }
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

static void reset(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__ResetRequest *request = (const void *)message;
    Doubles__ResetResponse response;
    doubles__reset_response__init(&response);
    fake_server_reset(c->control->server, request->session);
    control_reply(c, &response.base);
}

static const struct {
    const char *name;
    const ProtobufCMessageDescriptor *input;
    void (*run)(struct controlling *c, const ProtobufCMessage *request);
} methods[] = {
    {"Services", &doubles__services_request__descriptor, control_services},
    {"Explain", &doubles__explain_request__descriptor, control_explain},
    {"AddStubs", &doubles__add_stubs_request__descriptor, control_add_stubs},
    {"RemoveStubs", &doubles__remove_stubs_request__descriptor, control_remove_stubs},
    {"ListStubs", &doubles__list_stubs_request__descriptor, control_list_stubs},
    {"Verify", &doubles__verify_request__descriptor, control_verify},
    {"Journal", &doubles__journal_request__descriptor, control_journal},
    {"Follow", &doubles__follow_request__descriptor, follow},
    {"Unmatched", &doubles__unmatched_request__descriptor, control_unmatched},
    {"Reset", &doubles__reset_request__descriptor, reset},
    {"Record", &doubles__record_request__descriptor, control_record},
    {"Pacts", &doubles__pacts_request__descriptor, control_pacts},
};

static enum fake_verdict respond(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct controlling c = {.control = arg, .asked = asked, .answer = answer};
    struct error err = ERROR_INIT;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        ProtobufCMessage *request;
        if (strcmp(asked->method->name, methods[i].name) != 0)
            continue;
        if (pb_unpack(methods[i].input, fake_asked_message(asked, 0), &c.arena, &request, &err) == 0)
            methods[i].run(&c, request);
        else
            control_fail(&c, &err);
        arena_deinit(&c.arena);
        return FAKE_ANSWERED;
    }
    fake_answer_fail(answer, GRPC_UNIMPLEMENTED, "unknown method %s", asked->method->name);
    return FAKE_ANSWERED;
}

static void release(void *arg)
{
    struct control *c = arg;
    while (c->followers != NULL)
        gone(c, c->followers->stream);
    free(c);
}

int control_add(struct fake_server *s, struct behaviours *behaviours, struct served_pacts *pacts, struct error *err)
{
    const struct pb_service *service = pb_find_service(fake_server_pool(s), "doubles.Doubles");
    if (service == NULL)
        return error_set(err, ERROR_NOT_FOUND, "the contracts have no doubles.Doubles");
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->server = s;
    c->behaviours = behaviours;
    c->pacts = pacts;
    c->hearer = (struct call_log_hearer){.hear = on_call, .arg = c};
    int code = fake_server_add_own(
        s, service,
        &(struct fake_responder){.name = "control", .respond = respond, .gone = gone, .release = release, .arg = c});
    if (code != 0) {
        free(c);
        return error_set(err, code, "doubles.Doubles cannot be served: %s", error_code_name(code));
    }
    call_log_hear(fake_server_journal(s), &c->hearer);
    return 0;
}
