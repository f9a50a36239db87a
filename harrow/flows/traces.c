#include "harrow/flows/traces.h"

#include "base/array.h"
#include "base/units.h"
#include "base/utf8.h"
#include "proto/debug/debug.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define SERVICE        "debug.Debug"
#define METHOD         "/debug.Debug/Trace"
#define KEY            "micro-trace-id"
#define ASK_WITHIN     ((uint64_t)(2 * SECOND))
#define COMPONENTS_MAX 64  /* asked */
#define SPANS_MAX      500 /* taken of one trace */

struct answer {
    struct e2e_asked *of;
    const char *component; /* borrowed of the target */
    struct rpc_stream *stream;
    bool over;
    json_t *spans;   /* NULL: it was skipped, or keeps none */
    struct text why; /* it was skipped */
};

struct e2e_asked {
    int64_t began;
    struct answer answers[COMPONENTS_MAX];
    size_t count, open, left_out;
    bool failed; /* no memory */
    bool left;   /* nobody waits any more: the last answer frees it */
};

static void asked_free(struct e2e_asked *a)
{
    for (size_t i = 0; i < a->count; i++) {
        json_decref(a->answers[i].spans);
        text_deinit(&a->answers[i].why);
    }
    free(a);
}

/* ---- an answer ---- */

/* What is not UTF-8 becomes U+FFFD, as in all of the stream. */
static json_t *words(const char *s)
{
    struct text mended = TEXT_INIT;
    struct bytes b = bytes_of(s != NULL ? s : "");
    uint32_t code_point;
    char out[UTF8_MAX];
    if (utf8_valid(b))
        return json_stringn_nocheck((const char *)b.data, b.len);
    for (size_t at = 0; at < b.len;) {
        (void)utf8_next(b, &at, &code_point);
        text_add(&mended, out, utf8_write(code_point, out));
    }
    json_t *value = text_ok(&mended) ? json_string(text_string(&mended)) : NULL;
    text_deinit(&mended);
    return value;
}

static bool put(json_t *to, const char *key, json_t *value)
{
    return json_object_set_new(to, key, value) == 0;
}

static json_t *span_of(const struct answer *from, const Debug__Span *s)
{
    json_t *out = json_object();
    bool ok = put(out, "component", words(from->component)) && put(out, "name", words(s->name)) &&
              put(out, "id", words(s->id)) && (s->parent[0] == '\0' || put(out, "parent", words(s->parent))) &&
              put(out, "kind", json_string(s->type == DEBUG__SPAN_TYPE__OUTBOUND ? "outbound" : "inbound")) &&
              put(out, "start", json_integer((json_int_t)(s->started - (uint64_t)from->of->began))) &&
              put(out, "duration", json_integer((json_int_t)(s->duration & INT64_MAX)));
    for (size_t i = 0; ok && i < s->n_metadata; i++)
        if (strcmp(s->metadata[i]->key, "status") == 0)
            ok = put(out, "status", words(s->metadata[i]->value));
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

/* Of an earlier run of the same seed, on a system that stayed. */
static bool is_old(const struct answer *from, const Debug__Span *s)
{
    return (int64_t)(s->started + s->duration) < from->of->began;
}

static void take_spans(struct answer *from, const Debug__TraceResponse *reply)
{
    from->spans = json_array();
    from->of->failed = from->of->failed || from->spans == NULL;
    for (size_t i = 0; i < reply->n_spans && !from->of->failed; i++) {
        if (json_array_size(from->spans) >= SPANS_MAX || is_old(from, reply->spans[i]))
            from->of->left_out++;
        else if (json_array_append_new(from->spans, span_of(from, reply->spans[i])) != 0)
            from->of->failed = true;
    }
}

static void skip(struct answer *a, const char *why)
{
    a->over = true;
    text_puts(&a->why, why);
    a->of->failed = a->of->failed || !text_ok(&a->why);
}

static void on_done(void *arg, const struct rpc_reply *reply)
{
    struct answer *a = arg;
    struct e2e_asked *of = a->of;
    a->stream = NULL;
    a->over = true;
    of->open--;
    if (of->left) {
        if (of->open == 0)
            asked_free(of);
        return;
    }
    if (reply->status == GRPC_UNIMPLEMENTED)
        return; /* it keeps none */
    if (reply->status != GRPC_OK) {
        text_printf(&a->why, "%s: %.*s", grpc_status_name(reply->status), (int)reply->message.len,
                    reply->message.data != NULL ? (const char *)reply->message.data : "");
        of->failed = of->failed || !text_ok(&a->why);
        return;
    }
    Debug__TraceResponse *r = debug__trace_response__unpack(NULL, reply->body.len, reply->body.data);
    if (r != NULL)
        take_spans(a, r);
    else
        skip(a, "its answer is no debug.TraceResponse");
    if (r != NULL)
        debug__trace_response__free_unpacked(r, NULL);
}

/* ---- asking ---- */

static void ask_one(struct e2e_asked *of, struct target *t, const struct target_component *c, struct bytes message)
{
    struct error err = ERROR_INIT;
    struct rpc_channel *channel = NULL;
    struct answer *a = &of->answers[of->count++];
    *a = (struct answer){.of = of, .component = c->name, .why = TEXT_INIT};
    const struct rpc_request request = {
        .path = METHOD, .metadata = target_metadata(t), .timeout = ASK_WITHIN, .message = message, .has_message = true};
    int code = target_channel(t, c, &channel, &err);
    of->open++;
    if (code == 0)
        code = rpc_unary(channel, &request, on_done, a, &a->stream, &err);
    if (code != 0) {
        of->open--;
        skip(a, err.message != NULL ? err.message : error_code_name(code));
    }
    error_clear(&err);
}

static struct e2e_asked *ask(void *arg, struct target *t, const char *id, int64_t began)
{
    (void)arg;
    struct e2e_asked *a = calloc(1, sizeof *a);
    char name[64];
    if (a == NULL)
        return NULL;
    a->began = began;
    (void)snprintf(name, sizeof name, "%s", id);
    Debug__TraceRequest wanted = DEBUG__TRACE_REQUEST__INIT;
    wanted.id = name;
    uint8_t packed[sizeof name + 8];
    struct bytes message = BYTES(packed, debug__trace_request__pack(&wanted, packed));
    for (size_t i = 0; i < t->component_count && a->count < COMPONENTS_MAX; i++)
        if (t->components[i].address != NULL)
            ask_one(a, t, &t->components[i], message);
    return a;
}

static bool answered(void *asked)
{
    const struct e2e_asked *a = asked;
    return a->open == 0;
}

/* ---- what came ---- */

static json_t *skipped(const struct answer *a)
{
    const char *why = a->over ? text_string(&a->why) : "the run was interrupted";
    json_t *out = json_object();
    if (put(out, "component", words(a->component)) && put(out, "why", words(why)))
        return out;
    json_decref(out);
    return NULL;
}

static json_t *take(struct e2e_asked *a)
{
    json_t *spans = json_array(), *skips = json_array(), *line = json_object();
    bool ok = !a->failed;
    for (size_t i = 0; ok && i < a->count; i++) {
        const struct answer *from = &a->answers[i];
        if (!from->over || from->why.len > 0)
            ok = json_array_append_new(skips, skipped(from)) == 0;
        for (size_t k = 0; ok && k < json_array_size(from->spans); k++) {
            if (json_array_size(spans) >= SPANS_MAX)
                a->left_out++;
            else
                ok = json_array_append(spans, json_array_get(from->spans, k)) == 0;
        }
    }
    ok = ok && json_object_set(line, "spans", spans) == 0;
    if (ok && json_array_size(skips) > 0)
        ok = json_object_set(line, "skipped", skips) == 0;
    if (ok && a->left_out > 0)
        ok = put(line, "left_out", json_integer((json_int_t)a->left_out));
    json_decref(spans);
    json_decref(skips);
    a->left = true;
    for (size_t i = 0; a->open > 0 && i < a->count; i++)
        if (a->answers[i].stream != NULL)
            rpc_stream_cancel(a->answers[i].stream); /* its end follows from the loop */
    if (a->open == 0)
        asked_free(a);
    if (ok)
        return line;
    json_decref(line);
    return NULL;
}

static const struct e2e_traces operations = {.key = KEY, .ask = ask, .answered = answered, .take = take};

const struct e2e_traces *traces_operations(const struct target *t)
{
    /* A component that serves it has it in its contracts, whether these were read or not. */
    bool micro = target_serving(t, SERVICE) != NULL ||
                 (t->namespace != NULL && t->pool != NULL && pb_find_service(t->pool, SERVICE) != NULL);
    return micro ? &operations : NULL;
}
