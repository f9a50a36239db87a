/* An HTTP request: method and path from the file; cookies and redirects are followed here, whatever carries requests.
 */
#include "base/base64.h"
#include "e2e/http/http.h"
#include "e2e/http/transport.h"
#include "e2e/kind.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS_MAX  1000
#define REDIRECTS_TRUE 50                /* "redirects: true" */
#define BODY_SHOWN_MAX ((size_t)1 << 20) /* bytes of a body that are looked through for secrets, to be shown */

static int add_header(struct flow_context *x, void *headers, const char *name, const struct node *n)
{
    char *value = expand_text(x, n);
    if (value == NULL)
        return x->error.code;
    bool clean = strpbrk(value, "\r\n") == NULL && name[strcspn(name, "\r\n: ")] == '\0' && name[0] != '\0';
    struct text lower = TEXT_INIT, both = TEXT_INIT;
    for (const char *p = name; *p != '\0'; p++)
        text_char(&lower, (char)tolower((unsigned char)*p));
    const char *before = json_string_value(json_object_get(headers, text_string(&lower)));
    if (before != NULL) {
        text_puts(&both, before);
        text_char(&both, ',');
    }
    text_puts(&both, value);
    bool added = clean && text_ok(&lower) && text_ok(&both) &&
                 json_object_set_new(headers, text_string(&lower), value_of_bytes(text_bytes(&both))) == 0;
    text_deinit(&lower);
    text_deinit(&both);
    free(value);
    if (!clean)
        return flow_wrong(x, n, ERROR_INVALID, "this is no header: names are words, values are one line");
    return added ? 0 : flow_memory(x);
}

/* `user: "name:password"` (RFC 7617), unless the step has an Authorization of its own. */
static int add_user(struct flow_context *x, const struct node *step, json_t *headers)
{
    const struct node *user = node_get(step, "user");
    char *words = user != NULL ? expand_text(x, user) : NULL;
    struct text line = TEXT_INIT;
    if (user == NULL)
        return 0;
    if (words == NULL)
        return x->error.code;
    text_puts(&line, "Basic ");
    base64_encode(&line, bytes_of(words));
    free(words);
    bool ok = text_ok(&line) && (json_object_get(headers, "authorization") != NULL ||
                                 value_add_header(headers, bytes_of("authorization"), text_bytes(&line)));
    text_deinit(&line);
    return ok ? 0 : flow_memory(x);
}

static int make_headers(struct flow_context *x, const struct node *step, const char *type, json_t *headers)
{
    int code = http_pairs(x, node_get(step, "headers"), add_header, headers);
    if (code == 0)
        code = add_user(x, step, headers);
    if (code != 0)
        return code;
    if (type[0] != '\0' && json_object_get(headers, "content-type") == NULL &&
        !value_add_header(headers, bytes_of("content-type"), bytes_of(type)))
        return flow_memory(x);
    return 0;
}

/* In a URL as it is. */
static bool may_stand(char c)
{
    return (c >= '/' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c > ' ' && c < 0x7F && strchr("\"<>\\^`{|}", c) == NULL);
}

static int make_url(struct flow_context *x, const struct node *step, const char *path, struct text *url)
{
    const struct node *http = node_get(step, "http"), *query = node_get(step, "query");
    int code = 0;
    bool whole = strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0;
    if (!whole && x->target->gateway == NULL)
        return flow_wrong(x, http, ERROR_INVALID, "%s has no gateway: give a whole URL", x->target->system);
    if (!whole)
        text_puts(url, x->target->gateway);
    if (!whole && path[0] != '/')
        text_char(url, '/');
    /* What may not stand in a URL is written as it may. */
    for (const char *p = path; *p != '\0'; p++) {
        const char *run = p;
        while (may_stand(*p))
            p++;
        text_add(url, run, (size_t)(p - run));
        if (*p == '\0')
            break;
        text_printf(url, "%%%02X", (unsigned)(unsigned char)*p);
    }
    if (query != NULL && query->kind != NODE_NULL)
        text_char(url, strchr(path, '?') != NULL ? '&' : '?');
    if (query != NULL)
        code = http_pairs(x, query, http_form_pair, url);
    return code != 0 ? code : text_ok(url) ? 0 : flow_memory(x);
}

/* ---- cookies ---- */

static int add_cookie(struct flow_context *x, void *arg, const char *name, const struct node *n)
{
    struct text *line = arg;
    char *value = expand_text(x, n);
    int code = value != NULL ? 0 : x->error.code;
    if (value != NULL && (strpbrk(value, "\r\n;") != NULL || strpbrk(name, "\r\n;= ") != NULL))
        code = flow_wrong(x, n, ERROR_INVALID, "this is no cookie: one line without \";\"");
    else if (value != NULL)
        text_printf(line, "%s%s=%s", line->len > 0 ? "; " : "", name, value);
    free(value);
    return code;
}

static int add_cookies(struct flow_context *x, const struct node *step, const char *url, json_t *headers)
{
    struct text line = TEXT_INIT;
    const struct node *own = node_get(step, "cookies");
    if (own != NULL && own->kind == NODE_BOOL) /* false: a client without any */
        return 0;
    http_jar_give(x->run->cookies, url, world_wall(x->target->world), &line);
    int code = http_pairs(x, own, add_cookie, &line);
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
static bool follow(struct http_request *r, const struct http_result *got, bool trusted, struct text *url, json_t *chain)
{
    const char *location = json_string_value(json_object_get(got->headers, "location"));
    struct text next = TEXT_INIT;
    http_url_resolve(r->url, location, &next);
    bool ok = text_ok(&next) && json_array_append_new(chain, json_pack("{s:i, s:o}", "status", got->status, "url",
                                                                       value_of_bytes(text_bytes(&next)))) == 0;
    if (!trusted && !same_host(r->url, text_string(&next)))
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
    json_decref(r->lines);
    json_decref(r->facts);
    text_deinit(&r->body);
    *r = (struct http_result){0};
}

/* Takes the reference to `value`. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new_nocheck(object, key, value) == 0;
}

static int set_answer(struct flow_context *x, const struct http_request *r, const struct http_result *got, json_t *set,
                      json_t *chain, double seconds)
{
    x->answer = json_object();
    bool ok = put(x->answer, "status", json_integer(got->status)) &&
              put(x->answer, "headers", json_incref(got->headers)) &&
              put(x->answer, "body", value_of_body(text_bytes(&got->body))) &&
              put(x->answer, "cookies", json_incref(set)) && put(x->answer, "redirects", json_incref(chain)) &&
              put(x->answer, "url", value_of_bytes(bytes_of(r->url))) && put(x->answer, "duration", json_real(seconds));
    return ok ? 0 : flow_memory(x);
}

/* true, false, or a variable that is one of them. */
static int read_flag(struct flow_context *x, const struct node *n, bool *out)
{
    json_t *value = n != NULL ? expand_node(x, n) : NULL;
    int code = n != NULL && value == NULL ? x->error.code : 0;
    if (value != NULL && !json_is_boolean(value))
        code = flow_wrong(x, n, ERROR_INVALID, "expected true or false, found a %s", flow_value_type(value));
    *out = json_is_true(value);
    json_decref(value);
    return code;
}

/* A number, true for as many as there may be, or a variable that is one of them. */
static int read_hops(struct flow_context *x, const struct node *step, int64_t *hops)
{
    const struct node *n = node_get(step, "redirects");
    json_t *value = n != NULL ? expand_node(x, n) : NULL;
    int code = n != NULL && value == NULL ? x->error.code : 0;
    if (json_is_integer(value) && json_integer_value(value) >= -1 && json_integer_value(value) <= REDIRECTS_MAX)
        *hops = json_integer_value(value) >= 0 ? json_integer_value(value) : REDIRECTS_MAX;
    else if (json_is_boolean(value))
        *hops = json_is_true(value) ? REDIRECTS_TRUE : 0;
    else if (value != NULL)
        code = flow_wrong(x, n, ERROR_INVALID, "\"redirects\" is a number from 0 to %d, true or false", REDIRECTS_MAX);
    json_decref(value);
    return code;
}

/* What clients say of themselves, unless the step does. */
static int add_usual(struct flow_context *x, json_t *headers)
{
    static const char *const usual[][2] = {{"accept", "*/*"}, {"user-agent", "harrow (curl)"}};
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(headers, usual[i][0]) == NULL &&
            json_object_set_new(headers, usual[i][0], json_string(usual[i][1])) != 0)
            return flow_memory(x);
    return 0;
}

static int exchange(struct flow_context *x, const struct node *step, struct http_request *r, int64_t hops,
                    struct text *url)
{
    struct http_result got = {0};
    json_t *set = json_object(), *chain = json_array();
    double seconds = 0;
    bool again = true, trusted = false;
    int code = set != NULL && chain != NULL ? 0 : flow_memory(x);
    if (code == 0)
        code = add_usual(x, r->headers);
    if (code == 0)
        code = read_flag(x, node_get(step, "trusted"), &trusted);
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
        if (code == 0 && again && !follow(r, &got, trusted, url, chain))
            code = flow_memory(x);
    }
    if (code == 0 && !r->decode)
        code = http_unpack(x, &got);
    if (code == 0)
        code = http_save(x, step, text_bytes(&got.body));
    if (code == 0)
        code = set_answer(x, r, &got, set, chain, seconds);
    if (code == 0 && r->lines) {
        x->reply = (struct flow_reply){.body = got.body, .headers = got.lines, .facts = got.facts};
        got.body = TEXT_INIT;
        got.lines = got.facts = NULL;
    }
    result_deinit(&got);
    json_decref(set);
    json_decref(chain);
    return code;
}

/* ---- the step ---- */

static void show_sent(struct flow_context *x, const struct http_request *r)
{
    text_puts(&x->sent, r->method);
    text_char(&x->sent, ' ');
    text_puts(&x->sent, r->url);
    if (r->body.len > 0) {
        text_char(&x->sent, ' ');
        text_printable(&x->sent, r->body.data, r->body.len,
                       r->body.len < BODY_SHOWN_MAX ? r->body.len : BODY_SHOWN_MAX);
    }
}

/* PEM files of `tls`, as paths from the flow's folder. */
struct tls_files {
    struct text ca, cert, key;
};

static int read_tls(struct flow_context *x, const struct node *step, struct http_request *r, struct tls_files *files)
{
    const struct node *tls = node_get(step, "tls");
    const struct {
        const char *key;
        struct text *path;
        const char **file;
    } all[] = {
        {"ca", &files->ca, &r->ca_file}, {"cert", &files->cert, &r->cert_file}, {"key", &files->key, &r->key_file}};
    if (tls == NULL)
        return 0;
    if (x->options->simulated)
        return flow_wrong(x, tls, ERROR_UNSUPPORTED, "a simulation has no TLS");
    int code = read_flag(x, node_get(tls, "insecure"), &r->insecure);
    for (size_t i = 0; i < sizeof all / sizeof all[0] && code == 0; i++) {
        const struct node *n = node_get(tls, all[i].key);
        char *name = n != NULL ? expand_text(x, n) : NULL;
        if (n == NULL)
            continue;
        if (name == NULL)
            return x->error.code;
        path_beside(document_name(n->document), name, all[i].path);
        free(name);
        *all[i].file = text_string(all[i].path);
        code = text_ok(all[i].path) ? 0 : flow_memory(x);
    }
    return code;
}

/* Do its queries ask for more than the answer object has? */
static void read_queries(const struct node *step, struct http_request *r)
{
    static const char *const facts[] = {"version", "ip", "certificate"};
    const struct node *lists[] = {node_get(step, "check"), node_get(step, "capture")};
    for (size_t l = 0; l < 2; l++) {
        size_t count = lists[l] == NULL ? 0 : l == 0 ? lists[l]->list.count : lists[l]->map.count;
        for (size_t i = 0; i < count; i++) {
            const struct node *n = l == 0 ? &lists[l]->list.items[i] : &lists[l]->map.pairs[i].value;
            if (!capture_is_query(n))
                continue;
            r->lines = true;
            for (size_t k = 0; k < sizeof facts / sizeof facts[0]; k++)
                r->facts = r->facts || strncmp((const char *)n->text.data, facts[k], strlen(facts[k])) == 0;
        }
    }
}

static int read_transport(struct flow_context *x, const struct node *step, struct http_request *r)
{
    r->transport = node_get(step, "curl");
    int code = read_flag(x, node_get(step, "compressed"), &r->decode);
    if (code == 0 && x->options->simulated && (r->transport != NULL || r->decode))
        code = flow_wrong(x, step, ERROR_UNSUPPORTED, "a simulation has no libcurl");
    return code;
}

static int run(struct flow_context *x, const struct node *step)
{
    const struct node *http = node_get(step, "http");
    struct text body = TEXT_INIT, url = TEXT_INIT, type = TEXT_INIT;
    struct tls_files files = {TEXT_INIT, TEXT_INIT, TEXT_INIT};
    int64_t hops = 0;
    json_t *headers = json_object();
    char *line = headers != NULL ? expand_text(x, http) : NULL, *path = line != NULL ? strchr(line, ' ') : NULL;
    int code = path != NULL         ? http_make_body(x, step, &body, &type)
               : x->error.code != 0 ? x->error.code
                                    : flow_memory(x);
    if (code == 0)
        code = make_headers(x, step, text_string(&type), headers);
    if (code == 0 && path != NULL) {
        *path++ = '\0';
        code = make_url(x, step, path, &url);
    }
    if (code == 0 && !(trace_header(x, text_string(&url), headers) && space_headers(x, text_string(&url), headers)))
        code = flow_memory(x);
    struct http_request r = {.method = line,
                             .url = text_string(&url),
                             .headers = headers,
                             .body = text_bytes(&body),
                             .timeout = step_timeout(x, step)};
    if (code == 0)
        code = read_tls(x, step, &r, &files);
    if (code == 0)
        code = read_transport(x, step, &r);
    read_queries(step, &r);
    if (code == 0)
        code = http_jar_begin(x, step);
    if (code == 0) {
        show_sent(x, &r);
        code = add_cookies(x, step, r.url, r.headers);
    }
    if (code == 0 && (code = read_hops(x, step, &hops)) == 0)
        code = http_repeat(x, step, &r, hops);
    if (code == 0)
        code = exchange(x, step, &r, hops, &url);
    if (code == 0)
        code = http_jar_end(x, step);
    free(line);
    json_decref(headers);
    text_deinit(&body);
    text_deinit(&url);
    text_deinit(&type);
    text_deinit(&files.ca);
    text_deinit(&files.cert);
    text_deinit(&files.key);
    return code;
}

/* ---- the kind ---- */

/* A method in capitals and a path; blanks only inside ${...}. */
static bool is_request_line(const struct node *http)
{
    const char *text = http->kind == NODE_TEXT ? (const char *)http->text.data : "";
    const char *path = text + strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    bool inside = false;
    if (path == text || path[0] != ' ' || path[1] == '\0')
        return false;
    for (path++; *path != '\0'; path++) {
        if (*path == ' ' && !inside)
            return false;
        inside = *path == '{' || (inside && *path != '}');
    }
    return true;
}

static int check_status(const struct node *status, struct error *err)
{
    if (status == NULL || is_matcher(status) || has_variable(status) ||
        (status->kind == NODE_INTEGER && status->integer >= 100 && status->integer <= 599))
        return 0;
    return node_error(status, err, ERROR_INVALID, "an HTTP status is a number from 100 to 599");
}

static int check_redirects(const struct node *n, struct error *err)
{
    if (n == NULL || n->kind == NODE_BOOL || has_variable(n) ||
        (n->kind == NODE_INTEGER && n->integer >= -1 && n->integer <= REDIRECTS_MAX))
        return 0;
    return node_error(n, err, ERROR_INVALID, "\"redirects\" is a number from 0 to %d, -1 for %d, or true for %d",
                      REDIRECTS_MAX, REDIRECTS_MAX, REDIRECTS_TRUE);
}

static int check_tls(const struct node *tls, struct error *err)
{
    static const char *const keys[] = {"insecure", "ca", "cert", "key", NULL};
    int code = node_only_keys(tls, keys, err);
    const struct node *insecure = node_get(tls, keys[0]);
    if (code == 0 && insecure != NULL && insecure->kind != NODE_BOOL && !has_variable(insecure))
        code = node_error(insecure, err, ERROR_INVALID, "\"insecure\" is true or false");
    for (size_t i = 1; keys[i] != NULL && code == 0; i++) {
        const char *file;
        code = node_may_text(tls, keys[i], &file, err);
    }
    if (code == 0 && (node_get(tls, "cert") == NULL) != (node_get(tls, "key") == NULL))
        code = node_error(tls, err, ERROR_INVALID, "\"cert\" and \"key\" go together");
    return code;
}

static int check(const struct flow *f, const struct node *step, const struct node *http, struct error *err)
{
    static const char *const pairs[] = {"headers", "query", "cookies"};
    const struct node *expect = node_get(step, "expect"), *tls = node_get(step, "tls");
    const struct node *none = node_get(step, "cookies"); /* false */
    (void)f;
    if (!is_request_line(http))
        return node_error(http, err, ERROR_INVALID, "\"http\" is a method and a path: \"GET /helloworld\"");
    int code = http_check_body(step, err);
    if (code == 0)
        code = check_redirects(node_get(step, "redirects"), err);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0] && code == 0; i++)
        code = i == 2 && none != NULL && none->kind == NODE_BOOL && !none->boolean
                   ? 0
                   : http_check_pairs(node_get(step, pairs[i]), err);
    if (code == 0)
        code = http_transport_check(node_get(step, "curl"), err);
    if (code == 0)
        code = http_check_jar(node_get(step, "jar"), err);
    if (code == 0 && tls != NULL)
        code = check_tls(tls, err);
    return code != 0 ? code : check_status(expect != NULL ? node_get(expect, "status") : NULL, err);
}

static const struct step_key keys[] = {
    {"query", SHAPE_ANY, "names and texts behind the path: a map, or a list of {name, value}"},
    {"headers", SHAPE_ANY, "names and texts, likewise"},
    {"user", SHAPE_ANY, "NAME:PASSWORD, for HTTP's Basic authentication"},
    {"json", SHAPE_ANY, "a value sent as JSON"},
    {"form", SHAPE_ANY, "names and values sent as a form: a map, or a list of {name, value}"},
    {"body", SHAPE_ANY, "a text sent as it is"},
    {"base64", SHAPE_ANY, "bytes sent as they are"},
    {"multipart", SHAPE_ANY, "parts: a text, or {file: PATH, name: NAME, type: TYPE}"},
    {"file", SHAPE_ANY, "a file sent as it is"},
    {"cookies", SHAPE_ANY, "names and texts, sent beside those of the flow's jar; false: none are sent"},
    {"jar", SHAPE_MAP,
     "read: a file of cookies that are added before, write: one they go into after; clear: true; set: a cookie"},
    {"save", SHAPE_ANY, "a file that the answer's body is written into"},
    {"redirects", SHAPE_ANY, "how many are followed, or true; none when nothing is said"},
    {"trusted", SHAPE_ANY, "true: credentials go to other hosts as well"},
    {"compressed", SHAPE_ANY, "true: the answer may come packed"},
    {"curl", SHAPE_MAP, "what libcurl is told besides: proxy, resolve, http, ..."},
    {"tls", SHAPE_MAP, "insecure: true, ca: a PEM file; cert and key: of a client's certificate"},
    {"retry", SHAPE_ANY, "how often it is tried again until the expectations hold; -1: without end"},
    {"retry_interval", SHAPE_ANY, "the time between those; 1s when nothing is said"},
    {"within", SHAPE_DURATION, "try again until the expectations hold or this time is over"},
    {"timeout", SHAPE_DURATION, "how long the answer may take"},
    {"expect", SHAPE_ANSWER, "members of what came back"},
    {"capture", SHAPE_CAPTURES, "variables from what came back, by path"},
    {"check", SHAPE_CHECKS, "queries of what came back, and what is expected of them"},
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
