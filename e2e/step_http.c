/* An HTTP request: method and path from the file, the body as JSON, form or text. */
#include "e2e/internal.h"
#include "rpc/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 64 /* of a request, in simulation */

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
            return x->error.code != 0 ? x->error.code : flow_memory(x);
        text_puts(body, dumped);
        free(dumped);
        *type = "application/json";
    } else if ((n = node_get(step, "form")) != NULL) {
        *type = "application/x-www-form-urlencoded";
        int code = form_body(x, n, body);
        if (code != 0)
            return code;
    } else if ((n = node_get(step, "body")) != NULL) {
        char *text = expand_text(x, n);
        if (text == NULL)
            return x->error.code;
        text_puts(body, text);
        free(text);
    }
    return text_ok(body) ? 0 : flow_memory(x);
}

static int make_headers(struct flow_context *x, const struct node *step, const char *type, json_t *headers)
{
    const struct node *own = node_get(step, "headers");
    for (size_t i = 0; own != NULL && i < own->map.count; i++) {
        const struct node_pair *p = &own->map.pairs[i];
        char *value = expand_text(x, &p->value);
        if (value == NULL)
            return x->error.code;
        bool clean = strpbrk(value, "\r\n") == NULL && p->key[strcspn(p->key, "\r\n: ")] == '\0' && p->key[0] != '\0';
        bool added = clean && value_add_header(headers, bytes_of(p->key), bytes_of(value));
        free(value);
        if (!clean)
            return flow_wrong(x, &p->value, ERROR_INVALID, "this is no header: names are words, values are one line");
        if (!added)
            return flow_memory(x);
    }
    if (type != NULL && json_object_get(headers, "content-type") == NULL &&
        !value_add_header(headers, bytes_of("content-type"), bytes_of(type)))
        return flow_memory(x);
    return 0;
}

static int make_url(struct flow_context *x, const struct node *http, const char *path, struct text *url)
{
    bool whole = strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0;
    if (!whole && x->target->gateway == NULL)
        return flow_wrong(x, http, ERROR_INVALID, "%s has no gateway: give a whole URL", x->target->system);
    if (!whole)
        text_puts(url, x->target->gateway);
    if (!whole && path[0] != '/')
        text_char(url, '/');
    text_puts(url, path);
    return text_ok(url) ? 0 : flow_memory(x);
}

int step_http(struct flow_context *x, const struct node *step)
{
    const struct node *http = node_get(step, "http");
    struct text body = TEXT_INIT, url = TEXT_INIT;
    const char *type = NULL;
    json_t *headers = json_object();
    char *line = headers != NULL ? expand_text(x, http) : NULL, *path = line != NULL ? strchr(line, ' ') : NULL;
    int code = path != NULL ? make_body(x, step, &body, &type) : x->error.code != 0 ? x->error.code : flow_memory(x);
    if (code == 0)
        code = make_headers(x, step, type, headers);
    if (code == 0 && path != NULL) {
        *path++ = '\0';
        code = make_url(x, http, path, &url);
    }
    if (code == 0) {
        text_printf(&x->sent, "%s %s", line, text_string(&url));
        if (body.len > 0) {
            text_char(&x->sent, ' ');
            text_printable(&x->sent, body.data, body.len, SHOWN_MAX);
        }
        struct http_request r = {.method = line,
                                 .url = text_string(&url),
                                 .headers = headers,
                                 .body = text_bytes(&body),
                                 .timeout = step_timeout(x, step)};
        code = x->options->simulated ? http_by_world(x, &r) : http_by_curl(x, &r);
    }
    free(line);
    json_decref(headers);
    text_deinit(&body);
    text_deinit(&url);
    return code;
}

int http_set_answer(struct flow_context *x, int status, json_t *headers, struct bytes body, double seconds)
{
    x->answer = json_pack("{s:i, s:o, s:o, s:f}", "status", status, "headers", headers, "body", value_of_body(body),
                          "duration", seconds);
    return x->answer != NULL ? 0 : flow_memory(x);
}

int http_by_world(struct flow_context *x, const struct http_request *r)
{
    struct http1_header items[HEADERS_MAX];
    size_t count = 0;
    const char *name;
    json_t *value;
    if (json_object_size(r->headers) > HEADERS_MAX)
        return error_set(&x->error, ERROR_LIMIT, "more than %d headers", HEADERS_MAX);
    json_object_foreach(r->headers, name, value)
    {
        items[count++] = (struct http1_header){.name = bytes_of(name), .value = bytes_of(json_string_value(value))};
    }
    struct http_fetch fetch = {.method = r->method,
                               .url = r->url,
                               .headers = items,
                               .header_count = count,
                               .body = r->body,
                               .timeout = r->timeout};
    struct http_answer answer = {0};
    int code = http_fetch_wait(x->target->world, &fetch, &answer, &x->error);
    if (code == 0) {
        json_t *headers = json_object();
        bool kept = headers != NULL;
        for (size_t i = 0; kept && i < answer.header_count; i++)
            kept = value_add_header(headers, answer.headers[i].name, answer.headers[i].value);
        if (kept) {
            code = http_set_answer(x, answer.status, headers, answer.body, (double)answer.duration / 1e9);
        } else {
            json_decref(headers);
            code = flow_memory(x);
        }
    }
    http_answer_deinit(&answer);
    return code;
}
