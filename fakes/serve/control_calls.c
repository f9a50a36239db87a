#include "fakes/serve/control_internal.h"

#include <string.h>

#define PAGE_DEFAULT   100
#define MISSES_DEFAULT 20

/* Generated structs have no room for const. */
static char *borrowed(const char *text)
{
    union {
        const char *in;
        char *out;
    } same = {.in = text};
    return same.out;
}

/* ---- what is served --------------------------------------------------------------------------------------------- */

static Doubles__Service *describe(struct controlling *c, const struct pb_service *service)
{
    Doubles__Service *out = ARENA_NEW(&c->arena, Doubles__Service);
    if (out == NULL)
        return NULL;
    doubles__service__init(out);
    out->name = borrowed(service->full_name);
    out->methods = ARENA_NEW_N(&c->arena, Doubles__Method *, service->method_count + 1);
    for (size_t i = 0; out->methods != NULL && i < service->method_count; i++) {
        const struct pb_method *m = &service->methods[i];
        Doubles__Method *method = ARENA_NEW(&c->arena, Doubles__Method);
        if (method == NULL)
            return NULL;
        doubles__method__init(method);
        method->name = borrowed(m->name);
        method->role = borrowed(c->control->behaviours != NULL ? behaviours_role(c->control->behaviours, m) : "");
        method->calls = look_count(c->control->server, m);
        method->client_streaming = m->client_streaming;
        method->server_streaming = m->server_streaming;
        out->methods[out->n_methods++] = method;
    }
    return out->methods != NULL ? out : NULL;
}

void control_services(struct controlling *c, const ProtobufCMessage *message)
{
    struct fake_server *s = c->control->server;
    const struct call_log *log = fake_server_journal(s);
    size_t count = fake_server_service_count(s);
    Doubles__ServicesResponse response;
    (void)message;
    doubles__services_response__init(&response);
    response.services = ARENA_NEW_N(&c->arena, Doubles__Service *, count + 1);
    for (size_t i = 0; i < count; i++) {
        Doubles__Service *one = response.services != NULL ? describe(c, fake_server_service_at(s, i)) : NULL;
        if (one == NULL) {
            control_out_of_memory(c);
            return;
        }
        response.services[response.n_services++] = one;
    }
    response.calls = call_log_total(log);
    response.dropped = call_log_dropped(log);
    response.bytes = call_log_bytes(log);
    control_reply(c, &response.base);
}

void control_explain(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__ExplainRequest *request = (const void *)message;
    const struct pb_service *service = pb_find_service(fake_server_pool(c->control->server), request->service);
    struct behave *behave = NULL;
    struct text text = TEXT_INIT, json = TEXT_INIT;
    struct error err = ERROR_INIT;
    Doubles__ExplainResponse response;
    doubles__explain_response__init(&response);
    int code = 0;
    if (service == NULL)
        code = error_set(&err, ERROR_NOT_FOUND, "there is no service \"%.200s\" here", request->service);
    else if (c->control->behaviours == NULL)
        code = error_set(&err, ERROR_LIMIT, "these doubles have no behaviour of their own");
    else
        code = behaviours_of(c->control->behaviours, service, &behave, &err);
    if (code == 0)
        code = behave_explain(behave, BEHAVE_TEXT, &text);
    if (code == 0)
        code = behave_explain(behave, BEHAVE_JSON, &json);
    if (code != 0) {
        if (err.code == 0)
            error_set(&err, code, "%s", error_code_name(code));
        control_fail(c, &err);
    } else {
        response.text = control_text(c, &text);
        response.json = control_text(c, &json);
        control_reply(c, &response.base);
    }
    text_deinit(&text);
    text_deinit(&json);
}

/* ---- what was asked --------------------------------------------------------------------------------------------- */

static bool read_count(struct controlling *c, const Doubles__VerifyRequest *request, struct look_expectation *x)
{
    switch ((int)request->count_case) {
    case DOUBLES__VERIFY_REQUEST__COUNT_EXACTLY:
        x->least = x->most = request->exactly;
        break;
    case DOUBLES__VERIFY_REQUEST__COUNT_NEVER:
        x->least = x->most = 0;
        break;
    case DOUBLES__VERIFY_REQUEST__COUNT_BETWEEN:
        x->least = request->between->at_least;
        x->most = request->between->at_most != 0 ? request->between->at_most : LOOK_ANY;
        break;
    default:
        fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "say how often: exactly, between or never");
        return false;
    }
    if (x->least >= 0 && x->most >= x->least)
        return true;
    fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "%lld to %lld calls is no range", (long long)x->least,
                     (long long)x->most);
    return false;
}

void control_verify(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__VerifyRequest *request = (const void *)message;
    struct look_expectation x = {.session = request->session, .when = bytes_of(request->when)};
    struct text why = TEXT_INIT;
    struct error err = ERROR_INIT;
    bool met = false;
    int64_t count = 0;
    Doubles__VerifyResponse response;
    doubles__verify_response__init(&response);
    if (request->method[0] == '\0') {
        fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "method is missing");
        return;
    }
    if (!control_method(c, request->method, &x.method) || !read_count(c, request, &x))
        return;
    if (look_verify(c->control->server, &x, &met, &count, &why, &err) != 0) {
        control_fail(c, &err);
    } else {
        response.met = met;
        response.count = count;
        response.message = control_text(c, &why);
        control_reply(c, &response.base);
    }
    text_deinit(&why);
}

/* Those with the smallest sequence numbers, in their order. Calls come nearly in it. */
struct page {
    struct item {
        int64_t sequence;
        Doubles__Call *call;
    } * items;
    size_t count, limit;
    bool newest, more, failed;
    struct arena *arena;
};

static bool put_on_page(void *arg, const struct call_log_entry *e, bool open)
{
    struct page *p = arg;
    if (p->count == p->limit) {
        p->more = true;
        if (e->sequence > p->items[p->count - 1].sequence)
            return true;
        p->count--;
    }
    Doubles__Call *call = control_call(p->arena, e, open);
    if (call == NULL) {
        p->failed = true;
        return false;
    }
    size_t at = p->count++;
    for (; at > 0 && p->items[at - 1].sequence > e->sequence; at--)
        p->items[at] = p->items[at - 1];
    p->items[at].sequence = e->sequence;
    p->items[at].call = call;
    return true;
}

/* 0 asks for the usual number. False: the answer says what is wrong. */
static bool read_limit(struct controlling *c, int64_t asked, int64_t usual, int64_t most, size_t *out)
{
    if (asked < 0 || asked > most) {
        fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "limit is %lld: expected 0 to %lld", (long long)asked,
                         (long long)most);
        return false;
    }
    *out = (size_t)(asked > 0 ? asked : usual);
    return true;
}

void control_journal(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__JournalRequest *request = (const void *)message;
    struct look_filter filter = {.session = request->session, .from = request->from, .missed = request->missed};
    struct page page = {.arena = &c->arena};
    Doubles__JournalResponse response;
    doubles__journal_response__init(&response);
    if (!control_method(c, request->method, &filter.method) ||
        !read_limit(c, request->limit, PAGE_DEFAULT, CONTROL_PAGE_MAX, &page.limit))
        return;
    page.items = ARENA_NEW_N(&c->arena, struct item, page.limit + 1);
    if (page.items != NULL)
        look_each(c->control->server, &filter, put_on_page, &page);
    response.calls = ARENA_NEW_N(&c->arena, Doubles__Call *, page.count + 1);
    if (page.items == NULL || page.failed || response.calls == NULL) {
        control_out_of_memory(c);
        return;
    }
    for (size_t i = 0; i < page.count; i++)
        response.calls[i] = page.items[i].call;
    response.n_calls = page.count;
    response.more = page.more;
    response.dropped = call_log_dropped(fake_server_journal(c->control->server));
    control_reply(c, &response.base);
}

/* ---- what no stub matched --------------------------------------------------------------------------------------- */

struct misses {
    struct controlling *c;
    Doubles__Miss **items;
    size_t count, skip;
    bool failed;
};

static bool put_miss(void *arg, const struct call_log_entry *e, bool open)
{
    struct misses *m = arg;
    struct arena *a = &m->c->arena;
    struct text text = TEXT_INIT, json = TEXT_INIT;
    struct stub_nearest near;
    if (m->skip > 0) {
        m->skip--;
        return true;
    }
    Doubles__Miss *miss = ARENA_NEW(a, Doubles__Miss);
    m->failed = miss == NULL;
    if (!m->failed) {
        doubles__miss__init(miss);
        miss->call = control_call(a, e, open);
        m->failed = miss->call == NULL || look_nearest(m->c->control->server, e, &near) != 0;
    }
    if (!m->failed) {
        stub_nearest_text(&near, e->method, &text);
        stub_nearest_json(&near, e->method, &json);
        stub_nearest_deinit(&near);
        miss->nearest = control_text(m->c, &text);
        miss->json = control_text(m->c, &json);
        m->items[m->count++] = miss;
    }
    text_deinit(&text);
    text_deinit(&json);
    return !m->failed;
}

void control_unmatched(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__UnmatchedRequest *request = (const void *)message;
    struct fake_server *s = c->control->server;
    size_t limit, total = look_missed(s, request->session);
    struct misses m = {.c = c};
    Doubles__UnmatchedResponse response;
    doubles__unmatched_response__init(&response);
    if (!read_limit(c, request->limit, MISSES_DEFAULT, CONTROL_MISSES_MAX, &limit))
        return;
    m.skip = total > limit ? total - limit : 0;
    m.items = ARENA_NEW_N(&c->arena, Doubles__Miss *, total - m.skip + 1);
    if (m.items != NULL)
        look_each(s, &(struct look_filter){.session = request->session, .missed = true}, put_miss, &m);
    if (m.items == NULL || m.failed) {
        control_out_of_memory(c);
        return;
    }
    response.misses = m.items;
    response.n_misses = m.count;
    response.total = (int64_t)total;
    control_reply(c, &response.base);
}
