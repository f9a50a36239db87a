/* An HTTP request: method and path from the file, the body as JSON, form or text. */
#include "e2e/internal.h"
#include "rpc/http.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

json_t *http_body_value(struct bytes body)
{
    json_t *value = body.len > 0 ? json_loadb((const char *)body.data, body.len, JSON_DECODE_ANY, NULL) : NULL;
    if (value != NULL)
        return value;
    if (utf8_valid(body))
        return json_stringn((const char *)body.data, body.len);
    struct text shown = TEXT_INIT;
    text_printable(&shown, body.data, body.len, SHOWN_MAX);
    value = json_string(text_string(&shown));
    text_deinit(&shown);
    return value;
}

static void url_encode(const char *s, struct text *out)
{
    for (; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            text_char(out, *s);
        else
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

static int form_body(struct flow_context *x, const struct node *form, struct text *out)
{
    if (form->kind != NODE_MAP)
        return node_error(form, &x->error, ERROR_INVALID, "\"form\" is a map of names and texts");
    for (size_t i = 0; i < form->map.count; i++) {
        char *value = expand_text(x, &form->map.pairs[i].value);
        if (value == NULL)
            return x->error.code;
        if (i > 0)
            text_char(out, '&');
        url_encode(form->map.pairs[i].key, out);
        text_char(out, '=');
        url_encode(value, out);
        free(value);
    }
    return 0;
}

/* The body's text and the content type it implies (NULL: none). */
static int make_body(struct flow_context *x, const struct node *step, struct text *body, const char **type)
{
    const struct node *n;
    *type = NULL;
    if ((n = node_get(step, "json")) != NULL) {
        json_t *tree = expand_node(x, n);
        char *dumped = tree != NULL ? json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        json_decref(tree);
        if (dumped == NULL)
            return x->error.code != 0 ? x->error.code : error_set(&x->error, ERROR_MEMORY, "out of memory");
        text_puts(body, dumped);
        free(dumped);
        *type = "application/json";
    } else if ((n = node_get(step, "form")) != NULL) {
        *type = "application/x-www-form-urlencoded";
        return form_body(x, n, body);
    } else if ((n = node_get(step, "body")) != NULL) {
        char *text = expand_text(x, n);
        if (text == NULL)
            return x->error.code;
        text_puts(body, text);
        free(text);
    }
    return 0;
}

static int make_headers(struct flow_context *x, const struct node *step, const char *type, json_t *headers)
{
    const struct node *own = node_get(step, "headers");
    if (type != NULL)
        json_object_set_new(headers, "Content-Type", json_string(type));
    if (own == NULL)
        return 0;
    if (own->kind != NODE_MAP)
        return node_error(own, &x->error, ERROR_INVALID, "\"headers\" is a map of names and texts");
    for (size_t i = 0; i < own->map.count; i++) {
        char *value = expand_text(x, &own->map.pairs[i].value);
        if (value == NULL)
            return x->error.code;
        json_object_set_new(headers, own->map.pairs[i].key, json_string(value));
        free(value);
    }
    return 0;
}

int step_http(struct flow_context *x, const struct node *step)
{
    const struct node *http = node_get(step, "http");
    struct text body = TEXT_INIT, url = TEXT_INIT;
    const char *type;
    json_t *headers = json_object();
    char *line = expand_text(x, http);
    int code = line == NULL || headers == NULL
                   ? (x->error.code != 0 ? x->error.code : error_set(&x->error, ERROR_MEMORY, "out of memory"))
                   : make_body(x, step, &body, &type);
    if (code == 0)
        code = make_headers(x, step, type, headers);
    if (code == 0) {
        char *target = strchr(line, ' ');
        *target++ = '\0';
        if (strncmp(target, "http://", 7) != 0 && strncmp(target, "https://", 8) != 0) {
            if (x->target->gateway == NULL)
                code = node_error(http, &x->error, ERROR_INVALID, "%s has no gateway: give a whole URL",
                                  x->target->system);
            else
                text_puts(&url, x->target->gateway);
        }
        text_puts(&url, target);
        text_printf(&x->sent, "%s %s", line, text_string(&url));
        if (body.len > 0) {
            text_char(&x->sent, ' ');
            text_printable(&x->sent, body.data, body.len, SHOWN_MAX);
        }
    }
    if (code == 0) {
        struct http_request r = {.method = line, .url = text_string(&url), .headers = headers,
                                 .body = text_bytes(&body), .timeout = step_timeout(x, step)};
        json_decref(x->answer);
        x->answer = NULL;
        code = x->options->simulated ? http_by_world(x, &r) : http_by_curl(x, &r);
    }
    free(line);
    json_decref(headers);
    text_deinit(&body);
    text_deinit(&url);
    return code;
}

int http_by_world(struct flow_context *x, const struct http_request *r)
{
    struct http1_header items[64];
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(r->headers, name, value)
    {
        if (count < 64)
            items[count++] = (struct http1_header){.name = bytes_of(name), .value = bytes_of(json_string_value(value))};
    }
    struct http_fetch fetch = {.method = r->method, .url = r->url, .headers = items, .header_count = count,
                               .body = r->body, .timeout = r->timeout};
    struct http_answer answer = {0};
    int code = http_fetch_wait(x->target->world, &fetch, &answer, &x->error);
    if (code == 0) {
        json_t *headers = json_object();
        for (size_t i = 0; i < answer.header_count; i++) {
            struct text lower = TEXT_INIT;
            for (size_t n = 0; n < answer.headers[i].name.len; n++)
                text_char(&lower, (char)tolower(answer.headers[i].name.data[n]));
            json_object_set_new(headers, text_string(&lower),
                                json_stringn((const char *)answer.headers[i].value.data, answer.headers[i].value.len));
            text_deinit(&lower);
        }
        x->answer = json_pack("{s:i, s:o, s:o, s:f}", "status", answer.status, "headers", headers, "body",
                              http_body_value(answer.body), "duration", (double)answer.duration / 1e9);
        if (x->answer == NULL)
            code = error_set(&x->error, ERROR_MEMORY, "out of memory");
    }
    http_answer_deinit(&answer);
    return code;
}
