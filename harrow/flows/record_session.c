#include "harrow/flows/record_session.h"

#include "base/utf8.h"
#include "e2e/internal.h"
#include "e2e/record/proxy.h"
#include "fakes/record/record.h"
#include "fakes/serve/serve.h"

#include <stdlib.h>
#include <string.h>

struct record_session {
    struct record_session_options options;
    struct recording *record;
    struct fake_server *server;
    struct recorder *recorder;
    struct call_log_hearer hearer;
    struct record_proxy *proxy;
    size_t left_out;
};

static void tell(struct record_session *s, const char *what, const char *why)
{
    s->left_out += why != NULL;
    if (s->options.told != NULL)
        s->options.told(s->options.arg, what, why);
}

static const char *why_not(int code)
{
    return code == 0 ? NULL : code == ERROR_LIMIT ? "there are as many as a flow can have" : "out of memory";
}

/* ---- gRPC ---- */

static json_t *message_of(const struct pb_type *type, struct bytes wire)
{
    return pb_wire_to_tree(type, wire, PB_JSON_PROTO_NAMES, NULL);
}

/* One message, or where the contract has a stream a list of them. NULL: not of their type, or no memory. */
static json_t *messages_of(const struct call_log_entry *e, const struct pb_type *type, bool stream, bool reply)
{
    size_t count = reply ? e->reply_count : e->request_count;
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++)
        if (json_array_append_new(list, message_of(type, reply ? call_log_reply(e, i) : call_log_request(e, i))) != 0) {
            json_decref(list);
            list = NULL;
        }
    if (stream || list == NULL)
        return list;
    json_t *one = json_incref(json_array_get(list, 0));
    json_decref(list);
    return one != NULL ? one : json_object();
}

static json_t *metadata_of(struct grpc_metadata m)
{
    json_t *out = json_object();
    bool ok = out != NULL;
    for (size_t i = 0; i < m.count && ok; i++) {
        const struct grpc_header *h = &m.items[i];
        bool binary = h->name.len > 4 && memcmp(h->name.data + h->name.len - 4, "-bin", 4) == 0;
        if (!binary && utf8_valid(h->value)) /* flows send texts */
            ok = json_object_setn_new(out, (const char *)h->name.data, h->name.len,
                                      json_stringn_nocheck((const char *)h->value.data, h->value.len)) == 0;
    }
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

/* NULL: not of their type, or no memory. */
static json_t *answer_of(const struct call_log_entry *e, const struct pb_method *m)
{
    json_t *out = json_object();
    bool ok = out != NULL;
    if (e->status == GRPC_OK || m->server_streaming)
        ok = ok && json_object_set_new(out, m->server_streaming ? "messages" : "body",
                                       messages_of(e, m->output, m->server_streaming, true)) == 0;
    if (e->status != GRPC_OK && e->message.len > 0) {
        json_t *text = value_of_body(e->message);
        bool map = json_is_object(text);
        if (text != NULL && !map && !json_is_string(text)) { /* a number or a list is a text that looks like one */
            json_decref(text);
            text = value_of_bytes(e->message);
        }
        ok = ok && json_object_set(out, map ? "error" : "message", text) == 0;
        json_decref(text);
    }
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

static void hear(void *arg, const struct call_log_entry *e)
{
    struct record_session *s = arg;
    const struct pb_method *m = e->method;
    const char *what = m->path + 1;
    if (e->status < 0 || e->cut) {
        tell(s, what, e->cut ? "it is longer than is kept" : "it had no answer");
        return;
    }
    struct recorded c = {.call = what,
                         .headers = metadata_of(e->metadata),
                         .as = "request",
                         .body = messages_of(e, m->input, m->client_streaming, false),
                         .status = json_string(grpc_status_name(e->status)),
                         .answer = answer_of(e, m),
                         .time = e->time};
    if (c.headers != NULL && c.body != NULL && c.status != NULL && c.answer != NULL) {
        tell(s, what, why_not(recording_add(s->record, &c)));
        return;
    }
    tell(s, what,
         c.body == NULL     ? "its request is no message of its type"
         : c.answer == NULL ? "its answer is no message of its type"
                            : "out of memory");
    json_decref(c.headers);
    json_decref(c.body);
    json_decref(c.status);
    json_decref(c.answer);
}

static int new_grpc(struct world *w, struct record_session *s, struct error *err)
{
    static const char *const nothing[] = {NULL}; /* what is secret is told apart later, as it may be captured */
    const struct record_session_options *o = &s->options;
    int code = fake_server_new(w, &(struct fake_server_options){.pool = o->pool, .redacted = nothing}, &s->server, err);
    for (size_t i = 0; code == 0 && i < o->service_count; i++)
        code = fake_server_add(s->server, o->services[i], NULL);
    if (code == 0)
        code = recorder_new(w, &(struct recorder_options){.upstream = o->upstream, .tls = o->tls}, &s->recorder, err);
    struct fake_responder r = code == 0 ? recorder_responder(s->recorder) : (struct fake_responder){0};
    if (code == 0)
        code = fake_server_respond(s->server, &r);
    if (code != 0)
        return err != NULL && err->code != 0 ? code : error_set(err, code, "%s", error_code_name(code));
    s->hearer = (struct call_log_hearer){.hear = hear, .arg = s};
    call_log_hear(fake_server_journal(s->server), &s->hearer);
    return 0;
}

/* ---- HTTP ---- */

static void proxy_told(void *arg, const char *what, int code)
{
    tell(arg, what, why_not(code));
}

/* ---- both ---- */

int record_session_new(struct world *w, const struct record_session_options *options, struct record_session **out,
                       struct error *err)
{
    struct record_session *s = calloc(1, sizeof *s);
    if (s == NULL || (s->record = recording_new()) == NULL) {
        free(s);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    s->options = *options;
    int code = options->pool != NULL ? new_grpc(w, s, err)
                                     : record_proxy_new(w,
                                                        &(struct record_proxy_options){.upstream = options->upstream,
                                                                                       .tls = options->tls,
                                                                                       .record = s->record,
                                                                                       .told = proxy_told,
                                                                                       .arg = s},
                                                        &s->proxy, err);
    if (code == 0)
        *out = s;
    else
        record_session_free(s);
    return code;
}

int record_session_listen(struct record_session *s, const char *address, struct error *err)
{
    return s->proxy != NULL ? record_proxy_listen(s->proxy, address, err) : fake_server_listen(s->server, address, err);
}

int record_session_port(const struct record_session *s)
{
    return s->proxy != NULL ? record_proxy_port(s->proxy) : fake_server_port(s->server);
}

struct recording *record_session_record(struct record_session *s)
{
    return s->record;
}

size_t record_session_left_out(const struct record_session *s)
{
    return s->left_out + (s->server != NULL ? (size_t)call_log_unheard(fake_server_journal(s->server)) : 0);
}

void record_session_free(struct record_session *s)
{
    if (s == NULL)
        return;
    record_proxy_free(s->proxy);
    if (s->server != NULL)
        call_log_leave(fake_server_journal(s->server), &s->hearer);
    fake_server_free(s->server);
    recorder_free(s->recorder);
    recording_free(s->record);
    free(s);
}
