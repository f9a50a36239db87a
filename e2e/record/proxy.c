#include "e2e/record/proxy.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PASS_HEADERS_MAX 128

struct record_proxy {
    struct world *world;
    struct record_proxy_options options;
    struct http_server *server;
    struct passing *passing; /* calls under way */
};

struct passing {
    struct record_proxy *proxy;
    struct http_exchange *down;
    struct http_client_call *up;
    struct recorded call;
    bool kept; /* there is something to record */
    struct passing *next, **at;
};

/* ---- what goes through ---- */

static bool is_hop(const struct http1_header *h)
{
    static const char *const hop[] = {"connection", "keep-alive", "proxy-connection", "te",   "trailer",
                                      "upgrade",    "expect",     "content-length",   "host", "transfer-encoding"};
    for (size_t i = 0; i < sizeof hop / sizeof hop[0]; i++)
        if (http1_header_is(h, hop[i]))
            return true;
    return false;
}

/* Names in lower case; of one that comes twice the values with a comma. */
static json_t *headers_of(const struct http1_header *items, size_t count)
{
    json_t *out = json_object();
    for (size_t i = 0; i < count && out != NULL; i++) {
        struct text name = TEXT_INIT, value = TEXT_INIT;
        for (size_t k = 0; k < items[i].name.len; k++)
            text_char(&name, (char)(items[i].name.data[k] |
                                    (items[i].name.data[k] >= 'A' && items[i].name.data[k] <= 'Z' ? 0x20 : 0)));
        const char *before = json_string_value(json_object_get(out, text_string(&name)));
        if (before != NULL)
            text_printf(&value, "%s, ", before);
        text_add(&value, items[i].value.data, items[i].value.len);
        bool ok = text_ok(&name) && text_ok(&value);
        if (ok && utf8_valid(text_bytes(&value)) && utf8_valid(text_bytes(&name)))
            ok = json_object_set_new(out, text_string(&name), json_stringn(text_string(&value), value.len)) == 0;
        text_deinit(&name);
        text_deinit(&value);
        if (!ok) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

static bool has_type(const char *type, const char *word)
{
    return type != NULL && strstr(type, word) != NULL;
}

/* "a=b&c=d" as a map; NULL: a name stands there twice, or it is none. */
static json_t *form_of(struct bytes body)
{
    json_t *out = json_object();
    for (size_t at = 0; at < body.len && out != NULL;) {
        const uint8_t *end = memchr(body.data + at, '&', body.len - at);
        size_t len = end != NULL ? (size_t)(end - body.data) - at : body.len - at;
        const uint8_t *equals = memchr(body.data + at, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - body.data) - at : len;
        struct text name = TEXT_INIT, value = TEXT_INIT;
        bool ok = http1_url_decode(BYTES(body.data + at, name_len), true, &name) &&
                  (equals == NULL || http1_url_decode(BYTES(equals + 1, len - name_len - 1), true, &value)) &&
                  text_ok(&name) && text_ok(&value) && utf8_valid(text_bytes(&name)) &&
                  utf8_valid(text_bytes(&value)) && name.len > 0 && json_object_get(out, text_string(&name)) == NULL &&
                  json_object_set_new(out, text_string(&name), json_stringn(text_string(&value), value.len)) == 0;
        text_deinit(&name);
        text_deinit(&value);
        if (!ok) {
            json_decref(out);
            out = NULL;
        }
        at += len + 1;
    }
    return out;
}

static json_t *base64_of(struct bytes body)
{
    struct text out = TEXT_INIT;
    base64_encode(&out, body);
    json_t *value = text_ok(&out) ? json_string(text_string(&out)) : NULL;
    text_deinit(&out);
    return value;
}

static void keep_request(struct passing *p)
{
    struct http_exchange *x = p->down;
    struct bytes body = http_body(x);
    const struct http1_head *head = http_head(x);
    const char *type = http_request_header(x, "content-type");
    struct recorded *c = &p->call;
    c->method = http_method(x);
    c->path = arena_string_n(http_arena(x), (const char *)head->target.data, head->target.len);
    c->headers = headers_of(head->headers, head->header_count);
    c->time = world_wall(p->proxy->world);
    if (body.len > 0 && has_type(type, "json") &&
        (c->body = json_loadb((const char *)body.data, body.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)) !=
            NULL)
        c->as = "json";
    else if (body.len > 0 && has_type(type, "x-www-form-urlencoded") && (c->body = form_of(body)) != NULL)
        c->as = "form";
    else if (body.len > 0 && (c->body = json_stringn((const char *)body.data, body.len)) != NULL)
        c->as = "body";
    else if (body.len > 0 && (c->body = base64_of(body)) != NULL)
        c->as = "base64";
    p->kept = c->path != NULL && c->headers != NULL && (body.len == 0 || c->body != NULL);
    if (p->kept && type != NULL && (c->as == NULL || strcmp(c->as, "json") != 0) &&
        !(c->as != NULL && strcmp(c->as, "form") == 0))
        p->kept = json_object_set_new(c->headers, RECORD_TYPE, json_string(type)) == 0;
}

static void keep_answer(struct passing *p, const struct http_answer *a)
{
    struct recorded *c = &p->call;
    json_t *headers = headers_of(a->headers, a->header_count), *body = NULL;
    const char *type = json_string_value(json_object_get(headers, "content-type"));
    bool packed = json_object_get(headers, "content-encoding") != NULL;
    if (a->body.len > 0 && !packed && has_type(type, "json"))
        body = value_of_body(a->body); /* as the flow will read it */
    else if (a->body.len > 0 && !packed)
        body = json_stringn((const char *)a->body.data, a->body.len); /* NULL: no text */
    c->status = json_integer(a->status);
    c->answer = json_pack("{s:o*, s:o*}", "headers", headers, "body", body);
    if (c->answer == NULL)
        p->kept = false;
}

/* ---- life of a call ---- */

static void passing_end(struct passing *p)
{
    json_decref(p->call.headers);
    json_decref(p->call.body);
    json_decref(p->call.status);
    json_decref(p->call.answer);
    if (p->next != NULL)
        p->next->at = p->at;
    *p->at = p->next;
    free(p);
}

static void tell(struct passing *p)
{
    const struct record_proxy_options *o = &p->proxy->options;
    struct text what = TEXT_INIT;
    text_printf(&what, "%s %s", http_method(p->down), http_path(p->down));
    int code = p->kept ? recording_add(o->record, &p->call) : ERROR_MEMORY;
    if (p->kept) /* its references are the record's now */
        p->call.headers = p->call.body = p->call.status = p->call.answer = NULL;
    if (o->told != NULL)
        o->told(o->arg, text_string(&what), code);
    text_deinit(&what);
}

static void on_answer(void *arg, struct http_answer *a, struct error *err)
{
    struct passing *p = arg;
    const char *type = NULL;
    p->up = NULL;
    if (a->status == 0) { /* not the server's answer: it is told, and not recorded */
        struct text why = TEXT_INIT;
        error_format(err, &why);
        http_respond(p->down, 502, "text/plain", text_bytes(&why));
        text_deinit(&why);
        passing_end(p);
        http_answer_deinit(a);
        return;
    }
    keep_answer(p, a);
    for (size_t i = 0; i < a->header_count; i++) {
        char *name = arena_string_n(http_arena(p->down), (const char *)a->headers[i].name.data, a->headers[i].name.len);
        char *value =
            arena_string_n(http_arena(p->down), (const char *)a->headers[i].value.data, a->headers[i].value.len);
        if (name != NULL && value != NULL && strcasecmp(name, "content-type") == 0)
            type = value;
        else if (name != NULL && value != NULL && !is_hop(&a->headers[i]))
            http_add_header(p->down, name, value);
    }
    tell(p);
    http_respond(p->down, a->status, type, a->body);
    passing_end(p);
    http_answer_deinit(a);
}

static void on_cancel(void *arg)
{
    struct passing *p = arg;
    http_fetch_cancel(p->up);
    http_respond(p->down, 499, "text/plain", BYTES_NONE);
    passing_end(p);
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct record_proxy *proxy = arg;
    struct http1_header headers[PASS_HEADERS_MAX];
    const struct http1_head *head = http_head(x);
    size_t count = 0;
    struct error err = ERROR_INIT;
    struct passing *p = head->upgrade ? NULL : calloc(1, sizeof *p);
    if (p == NULL || head->header_count > PASS_HEADERS_MAX) {
        free(p);
        http_respond(x, 501, "text/plain", bytes_of("not passed on: an upgrade, or too many headers"));
        return;
    }
    *p = (struct passing){.proxy = proxy, .down = x, .next = proxy->passing, .at = &proxy->passing};
    if (p->next != NULL)
        p->next->at = &p->next;
    proxy->passing = p;
    keep_request(p);
    for (size_t i = 0; i < head->header_count; i++)
        if (!is_hop(&head->headers[i]) && !http1_header_is(&head->headers[i], "accept-encoding"))
            headers[count++] = head->headers[i];
    const char *url = arena_printf(http_arena(x), "%s%.*s", proxy->options.upstream, (int)head->target.len,
                                   (const char *)head->target.data);
    struct http_fetch fetch = {.method = http_method(x),
                               .url = url,
                               .tls = proxy->options.tls,
                               .headers = headers,
                               .header_count = count,
                               .body = http_body(x)};
    http_on_cancel(x, on_cancel, p);
    if (url == NULL || http_fetch_start(proxy->world, &fetch, on_answer, p, &p->up, &err) != 0) {
        http_respond(x, 502, "text/plain", bytes_of(err.message != NULL ? err.message : "out of memory"));
        passing_end(p);
    }
    error_clear(&err);
}

/* ---- life ---- */

int record_proxy_new(struct world *w, const struct record_proxy_options *options, struct record_proxy **out,
                     struct error *err)
{
    struct record_proxy *p = calloc(1, sizeof *p);
    if (p == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *p = (struct record_proxy){.world = w, .options = *options};
    int code = http_server_new(w, &(struct http_server_options){0}, on_request, p, &p->server, err);
    if (code == 0)
        *out = p;
    else
        free(p);
    return code;
}

int record_proxy_listen(struct record_proxy *p, const char *address, struct error *err)
{
    return http_server_listen(p->server, address, err);
}

int record_proxy_port(const struct record_proxy *p)
{
    return http_server_port(p->server);
}

void record_proxy_free(struct record_proxy *p)
{
    if (p == NULL)
        return;
    http_server_free(p->server); /* cancels what is under way */
    free(p);
}
