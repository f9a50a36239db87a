/* An HTTP request: method and path from the file; cookies and redirects are followed here, whatever carries requests.
 */
#include "base/utf8.h"
#include "base/words.h"
#include "e2e/http.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS_MAX  50
#define BODY_SHOWN_MAX ((size_t)1 << 20) /* bytes of a body that are looked through for secrets, to be shown */

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
    if (type[0] != '\0' && json_object_get(headers, "content-type") == NULL &&
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

/* ---- cookies ---- */

static int add_cookies(struct flow_context *x, const struct node *step, const char *url, json_t *headers)
{
    const struct node *own = node_get(step, "cookies");
    struct text line = TEXT_INIT;
    int code = 0;
    http_jar_give(x->run->cookies, url, world_wall(x->target->world), &line);
    for (size_t i = 0; own != NULL && i < own->map.count && code == 0; i++) {
        const struct node_pair *p = &own->map.pairs[i];
        char *value = expand_text(x, &p->value);
        if (value == NULL)
            code = x->error.code;
        else if (strpbrk(value, "\r\n;") != NULL || strpbrk(p->key, "\r\n;= ") != NULL)
            code = flow_wrong(x, &p->value, ERROR_INVALID, "this is no cookie: one line without \";\"");
        else
            text_printf(&line, "%s%s=%s", line.len > 0 ? "; " : "", p->key, value);
        free(value);
    }
    if (code == 0 && !text_ok(&line))
        code = flow_memory(x);
    if (code == 0 && line.len > 0 && json_object_set_new(headers, "cookie", value_of_bytes(text_bytes(&line))) != 0)
        code = flow_memory(x);
    text_deinit(&line);
    return code;
}

/* ---- redirects ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool same_host(const char *a, const char *b)
{
    struct http_url u, v;
    return http_url_split(a, &u) && http_url_split(b, &v) && u.secure == v.secure && u.host_len == v.host_len &&
           strncasecmp(u.host, v.host, u.host_len) == 0;
}

/* What is asked next: the method and body as RFC 9110, 15.4 has it, credentials only where they were given for. */
static bool follow(struct http_request *r, const struct http_result *got, struct text *url, json_t *chain)
{
    const char *location = json_string_value(json_object_get(got->headers, "location"));
    struct text next = TEXT_INIT;
    http_url_resolve(r->url, location, &next);
    bool ok = text_ok(&next) && json_array_append_new(chain, json_pack("{s:i, s:o}", "status", got->status, "url",
                                                                       value_of_bytes(text_bytes(&next)))) == 0;
    if (!same_host(r->url, text_string(&next)))
        json_object_del(r->headers, "authorization");
    bool get = got->status == 303 ? strcmp(r->method, "HEAD") != 0
                                  : (got->status == 301 || got->status == 302) && strcmp(r->method, "POST") == 0;
    if (get) {
        r->method = "GET";
        r->body = BYTES_NONE;
        json_object_del(r->headers, "content-type");
    }
    json_object_del(r->headers, "cookie");
    text_deinit(url);
    *url = next;
    r->url = text_string(url);
    return ok;
}

static void result_deinit(struct http_result *r)
{
    json_decref(r->headers);
    text_deinit(&r->body);
    *r = (struct http_result){0};
}

static int set_answer(struct flow_context *x, const struct http_request *r, const struct http_result *got, json_t *set,
                      json_t *chain, double seconds)
{
    x->answer = json_pack("{s:i, s:O, s:o, s:O, s:O, s:o, s:f}", "status", got->status, "headers", got->headers, "body",
                          value_of_body(text_bytes(&got->body)), "cookies", set, "redirects", chain, "url",
                          value_of_bytes(bytes_of(r->url)), "duration", seconds);
    return x->answer != NULL ? 0 : flow_memory(x);
}

static int exchange(struct flow_context *x, const struct node *step, struct http_request *r, struct text *url)
{
    struct http_result got = {0};
    json_t *set = json_object(), *chain = json_array();
    int64_t hops = 0;
    double seconds = 0;
    bool again = true;
    int code = set != NULL && chain != NULL ? 0 : flow_memory(x);
    node_may_integer(step, "redirects", 0, REDIRECTS_MAX, &hops, NULL);
    while (code == 0 && again) {
        result_deinit(&got);
        code = add_cookies(x, step, r->url, r->headers);
        if (code == 0)
            code = x->options->simulated ? http_by_world(x, r, &got) : http_by_curl(x, r, &got);
        if (code != 0)
            break;
        seconds += got.seconds;
        json_object_clear(set);
        if (!http_jar_take(x->run->cookies, r->url, json_string_value(json_object_get(got.headers, "set-cookie")),
                           world_wall(x->target->world), set))
            code = flow_memory(x);
        again = hops-- > 0 && is_redirect(got.status) && json_object_get(got.headers, "location") != NULL;
        if (code == 0 && again && !follow(r, &got, url, chain))
            code = flow_memory(x);
    }
    if (code == 0)
        code = set_answer(x, r, &got, set, chain, seconds);
    result_deinit(&got);
    json_decref(set);
    json_decref(chain);
    return code;
}

/* ---- the step ---- */

static void show_sent(struct flow_context *x, const struct http_request *r)
{
    text_printf(&x->sent, "%s %s", r->method, r->url);
    if (r->body.len > 0) {
        text_char(&x->sent, ' ');
        text_printable(&x->sent, r->body.data, r->body.len,
                       r->body.len < BODY_SHOWN_MAX ? r->body.len : BODY_SHOWN_MAX);
    }
}

/* The first request as curl makes it; of a simulation nobody can ask anything. */
static void say_repeat(struct flow_context *x, const struct http_request *r)
{
    const char *name;
    json_t *value;
    struct text line = TEXT_INIT;
    if (x->options->simulated)
        return;
    text_puts(&x->repeat, "curl -i");
    if (strcmp(r->method, "GET") != 0 || r->body.len > 0) {
        words_add(&x->repeat, "-X");
        words_add(&x->repeat, r->method);
    }
    if (r->insecure)
        words_add(&x->repeat, "-k");
    json_object_foreach(r->headers, name, value)
    {
        text_clear(&line);
        text_printf(&line, "%s: %s", name, json_string_value(value));
        words_add(&x->repeat, "-H");
        words_add(&x->repeat, text_string(&line));
    }
    if (r->body.len > 0) {
        bool text = utf8_valid(r->body) && memchr(r->body.data, '\0', r->body.len) == NULL;
        text_clear(&line);
        text_add(&line, r->body.data, r->body.len);
        words_add(&x->repeat, "--data-binary");
        words_add(&x->repeat, text ? text_string(&line) : "@the-body");
    }
    words_add(&x->repeat, r->url);
    text_deinit(&line);
}

static int read_tls(struct flow_context *x, const struct node *step, struct http_request *r, struct text *path)
{
    const struct node *tls = node_get(step, "tls"), *ca = tls != NULL ? node_get(tls, "ca") : NULL;
    if (tls == NULL)
        return 0;
    if (x->options->simulated)
        return flow_wrong(x, tls, ERROR_UNSUPPORTED, "a simulation has no TLS");
    node_may_bool(tls, "insecure", &r->insecure, NULL);
    if (ca != NULL) {
        path_beside(document_name(ca->document), (const char *)ca->text.data, path);
        r->ca_file = text_string(path);
    }
    return text_ok(path) ? 0 : flow_memory(x);
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *http = node_get(step, "http");
    struct text body = TEXT_INIT, url = TEXT_INIT, type = TEXT_INIT, ca = TEXT_INIT;
    json_t *headers = json_object();
    char *line = headers != NULL ? expand_text(x, http) : NULL, *path = line != NULL ? strchr(line, ' ') : NULL;
    int code = path != NULL         ? http_make_body(x, step, &body, &type)
               : x->error.code != 0 ? x->error.code
                                    : flow_memory(x);
    if (code == 0)
        code = make_headers(x, step, text_string(&type), headers);
    if (code == 0 && path != NULL) {
        *path++ = '\0';
        code = make_url(x, http, path, &url);
    }
    struct http_request r = {.method = line,
                             .url = text_string(&url),
                             .headers = headers,
                             .body = text_bytes(&body),
                             .timeout = step_timeout(x, step)};
    if (code == 0)
        code = read_tls(x, step, &r, &ca);
    if (code == 0) {
        show_sent(x, &r);
        code = add_cookies(x, step, r.url, r.headers);
    }
    if (code == 0) {
        say_repeat(x, &r);
        code = exchange(x, step, &r, &url);
    }
    free(line);
    json_decref(headers);
    text_deinit(&body);
    text_deinit(&url);
    text_deinit(&type);
    text_deinit(&ca);
    return code;
}

/* ---- the kind ---- */

static bool is_request_line(const struct node *http)
{
    static const char *const methods[] = {"GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ", NULL};
    for (size_t i = 0; http->kind == NODE_TEXT && methods[i] != NULL; i++) {
        size_t len = strlen(methods[i]);
        const char *text = (const char *)http->text.data;
        if (strncmp(text, methods[i], len) == 0 && text[len] != '\0' && strchr(text + len, ' ') == NULL)
            return true;
    }
    return false;
}

static int check_status(const struct node *status, struct error *err)
{
    if (status == NULL || is_matcher(status) || has_variable(status) ||
        (status->kind == NODE_INTEGER && status->integer >= 100 && status->integer <= 599))
        return 0;
    return node_error(status, err, ERROR_INVALID, "an HTTP status is a number from 100 to 599");
}

static int check(const struct flow *f, const struct node *step, const struct node *http, struct error *err)
{
    static const char *const tls_keys[] = {"insecure", "ca", NULL};
    const struct node *expect = node_get(step, "expect"), *tls = node_get(step, "tls");
    int64_t hops;
    bool insecure;
    const char *ca;
    (void)f;
    if (!is_request_line(http))
        return node_error(http, err, ERROR_INVALID, "\"http\" is a method and a path: \"GET /helloworld\"");
    int code = http_check_body(step, err);
    if (code == 0)
        code = node_may_integer(step, "redirects", 0, REDIRECTS_MAX, &hops, err);
    if (code == 0 && tls != NULL)
        code = node_only_keys(tls, tls_keys, err);
    if (code == 0 && tls != NULL)
        code = node_may_bool(tls, "insecure", &insecure, err);
    if (code == 0 && tls != NULL)
        code = node_may_text(tls, "ca", &ca, err);
    return code != 0 ? code : check_status(expect != NULL ? node_get(expect, "status") : NULL, err);
}

static const struct step_key keys[] = {
    {"headers", SHAPE_MAP, "names and texts"},
    {"json", SHAPE_ANY, "a value sent as JSON"},
    {"form", SHAPE_MAP, "names and values sent as a form"},
    {"body", SHAPE_ANY, "a text sent as it is"},
    {"multipart", SHAPE_MAP, "parts: a text, or {file: PATH, name: NAME, type: TYPE}"},
    {"file", SHAPE_ANY, "a file sent as it is"},
    {"cookies", SHAPE_MAP, "names and texts, sent beside those of the flow's jar"},
    {"redirects", SHAPE_ANY, "how many are followed; none when nothing is said"},
    {"tls", SHAPE_MAP, "insecure: true, or ca: a PEM file"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"timeout", SHAPE_DURATION, "how long the answer may take"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {0},
};
static const struct step_key answer[] = {
    {"status", SHAPE_EXPECTED, "a number"},
    {"headers", SHAPE_EXPECTED, "by names in lower case"},
    {"body", SHAPE_EXPECTED, "a value when it is JSON, else a text"},
    {"cookies", SHAPE_EXPECTED, "what the answer sets, by name"},
    {"redirects", SHAPE_EXPECTED, "those that were followed: a list of {status, url}"},
    {"url", SHAPE_EXPECTED, "where the answer came from"},
    {"exactly", SHAPE_EXPECTED, "the body, without anything more"},
    {"duration", SHAPE_EXPECTED, "seconds"},
    {0},
};
const struct step_kind kind_http = {
    .name = "http",
    .about = "An HTTP request: METHOD PATH, below the gateway, or METHOD URL",
    .shape = SHAPE_ANY,
    .keys = keys,
    .answer = answer,
    .check = check,
    .run = run,
};
