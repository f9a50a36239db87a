#include "runtime/web/web.h"

#include "base/log.h"
#include "runtime/web/form.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking the gateway ----------------------------------------------------------------------------------------- */

static void visit_end(void *arg, int status)
{
    struct web_visit *v = arg;
    (void)status;
    world_timer_stop(&v->timer);
    text_deinit(&v->answer);
}

static void visit_gone(void *arg)
{
    struct web_visit *v = arg;
    struct http_client_call *call = v->call;
    v->call = NULL;
    http_fetch_cancel(call);
    http_finish(v->x);
}

static void hand_over(struct web_visit *v, int status, struct bytes why)
{
    struct bytes text = status ? text_bytes(&v->answer) : why;
    json_t *answer = status ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
    world_timer_stop(&v->timer);
    if (status == 401 && v->token) { /* the login is over */
        http_add_header(v->x, "Set-Cookie", "micro-token=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
        web_to_login(v);
    } else {
        v->done(v, status, answer, text);
    }
    json_decref(answer);
}

/* Enough was heard: what is there is shown. */
static void cut_short(void *arg)
{
    struct web_visit *v = arg;
    struct http_client_call *call = v->call;
    v->call = NULL;
    v->cut = true;
    http_fetch_cancel(call);
    hand_over(v, v->status, bytes_of("the gateway did not answer in time"));
}

static void on_head(void *arg, const struct http1_head *head)
{
    struct web_visit *v = arg;
    v->status = head->status;
}

static void on_piece(void *arg, struct bytes piece)
{
    struct web_visit *v = arg;
    size_t room = v->answer_max > v->answer.len ? v->answer_max - v->answer.len : 0;
    if (v->cut)
        return;
    text_add(&v->answer, piece.data, piece.len < room ? piece.len : room);
    v->cut = piece.len > room;
    if (v->cut && world_timer_start(&v->timer, 0) != 0) /* a call is not ended from inside its own callback */
        v->cut = true;
}

static void on_done(void *arg, struct http_answer *answer, struct error *err)
{
    struct web_visit *v = arg;
    int status = answer->status ? answer->status : v->answer.len > 0 ? v->status : 0;
    v->call = NULL;
    http_answer_deinit(answer);
    hand_over(v, status, bytes_of(err->message ? err->message : "no answer"));
}

static void ask(struct web_visit *v, const char *method, const char *path, const char *type, struct bytes body,
                void (*done)(struct web_visit *v, int status, json_t *answer, struct bytes text))
{
    struct arena *a = http_arena(v->x);
    struct http1_header headers[3];
    size_t count = 0;
    struct error err = ERROR_INIT;
    const char *url = arena_printf(a, "%s%s", v->web->api, path);
    const char *bearer = v->token ? arena_printf(a, "Bearer %s", v->token) : NULL;
    headers[count++] = (struct http1_header){bytes_of("Micro-Namespace"), bytes_of(v->web->namespace)};
    if (type)
        headers[count++] = (struct http1_header){bytes_of("Content-Type"), bytes_of(type)};
    if (bearer)
        headers[count++] = (struct http1_header){bytes_of("Authorization"), bytes_of(bearer)};
    const struct http_fetch fetch = {.method = method,
                                     .url = url,
                                     .headers = headers,
                                     .header_count = count,
                                     .body = body,
                                     .timeout = (uint64_t)WEB_CALL_LIMIT,
                                     .head = on_head,
                                     .piece = on_piece};
    v->done = done;
    http_on_cancel(v->x, visit_gone, v);
    int rc = url && (bearer || !v->token) ? world_timer_start(&v->timer, (uint64_t)WEB_CALL_LIMIT) : ERROR_MEMORY;
    if (rc == 0)
        rc = http_fetch_start(v->web->world, &fetch, on_done, v, &v->call, &err);
    if (rc != 0)
        web_problem(v, 502, "No gateway", err.message ? err.message : error_code_name(rc));
    error_clear(&err);
}

void web_ask(struct web_visit *v, const char *path, const char *type, struct bytes body,
             void (*done)(struct web_visit *v, int status, json_t *answer, struct bytes text))
{
    v->answer_max = WEB_ANSWER_MAX;
    ask(v, "POST", path, type, body, done);
}

void web_read(struct web_visit *v, const char *path,
              void (*done)(struct web_visit *v, int status, json_t *answer, struct bytes text))
{
    v->answer_max = WEB_LIST_MAX;
    ask(v, "GET", path, NULL, BYTES_NONE, done);
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

void web_redirect(struct web_visit *v, const char *to)
{
    http_add_header(v->x, "Location", to);
    http_add_header(v->x, "Cache-Control", "no-store");
    http_respond(v->x, 302, "text/plain; charset=utf-8", bytes_of(""));
}

static bool is(const struct web_visit *v, const char *path)
{
    return strcmp(http_path(v->x), path) == 0;
}

/* "Type.Method" in one part is as good as in two. */
static bool split_endpoint(struct web_visit *v)
{
    const char *dot = v->part_count == 2 ? strchr(v->parts[1], '.') : NULL;
    if (v->part_count == 3)
        return !strchr(v->parts[1], '.') && !strchr(v->parts[2], '.');
    if (!dot || dot == v->parts[1] || !dot[1] || strchr(dot + 1, '.'))
        return false;
    v->parts[2] = dot + 1;
    v->parts[1] = arena_string_n(http_arena(v->x), v->parts[1], (size_t)(dot - v->parts[1]));
    v->part_count = 3;
    return v->parts[1] != NULL;
}

static void route(struct web_visit *v, bool post)
{
    int parts = web_path_parts(http_path(v->x), v->parts, WEB_PARTS_MAX, http_arena(v->x));
    v->part_count = parts > 0 ? (size_t)parts : 0;
    if (parts < 0 || is(v, "/404") || (parts > 0 && strcmp(v->parts[0], "assets") == 0))
        web_problem(v, 404, "404: Not Found", "The page is not there.");
    else if (post && !(parts > 1 && split_endpoint(v)))
        web_problem(v, 405, "405: Method Not Allowed", "Only an endpoint can be called.");
    else if (parts == 0 || is(v, "/services"))
        web_services_page(v);
    else if (parts == 1)
        web_service_page(v);
    else if (post)
        web_endpoint_call(v);
    else if (split_endpoint(v))
        web_endpoint_page(v);
    else
        web_problem(v, 404, "404: Not Found", "An endpoint is written Type/Method.");
}

static void handle(void *arg, struct http_exchange *x)
{
    struct web_visit *v = ARENA_NEW(http_arena(x), struct web_visit);
    bool post = strcmp(http_method(x), "POST") == 0;
    bool get = strcmp(http_method(x), "GET") == 0 || strcmp(http_method(x), "HEAD") == 0;
    if (!v) {
        http_respond(x, 503, "text/plain; charset=utf-8", bytes_of("out of memory\n"));
        return;
    }
    *v = (struct web_visit){.web = arg, .x = x};
    world_timer_init(&v->timer, v->web->world, cut_short, v);
    http_on_end(x, visit_end, v);
    web_session_read(v);
    if (!post && !get) {
        http_add_header(x, "Allow", "GET, HEAD, POST");
        web_problem(v, 405, "405: Method Not Allowed", "Pages are read by GET, and endpoints called by POST.");
    } else if (is(v, "/assets/web.css") && get)
        web_style(x);
    else if (is(v, "/favicon.ico"))
        http_respond(x, 204, NULL, BYTES("", 0));
    else if (is(v, "/login") && post)
        web_login(v);
    else if (is(v, "/login"))
        web_login_page(v, 200, NULL);
    else if (is(v, "/logout"))
        web_logout(v);
    else if (!v->token)
        web_to_login(v);
    else
        route(v, post);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static int read_options(struct web *s, struct error *err)
{
    const struct micro_options *o = s->options;
    const char *api = micro_option(o, "api-address"), *login = micro_option(o, "login-url");
    const char *host =
        o->host && strcmp(o->host, "0.0.0.0") != 0 && strcmp(o->host, "[::]") != 0 ? o->host : "127.0.0.1";
    int n = api && strstr(api, "://") ? snprintf(s->api, sizeof s->api, "%s", api)
            : api && api[0]           ? snprintf(s->api, sizeof s->api, "http://%s", api)
                                      : snprintf(s->api, sizeof s->api, "http://%s:%d", host, o->base_port + 80);
    if (n < 0 || (size_t)n >= sizeof s->api || strncmp(s->api, "http://", 7) != 0 || strpbrk(s->api, " ?#"))
        return error_set(err, ERROR_INVALID, "api-address \"%.80s\" is not written http://HOST:PORT", api ? api : host);
    for (size_t len = strlen(s->api); s->api[len - 1] == '/'; len--)
        s->api[len - 1] = '\0';
    n = snprintf(s->login_url, sizeof s->login_url, "%s", login && login[0] ? login : "/login");
    if (n < 0 || (size_t)n >= sizeof s->login_url || s->login_url[0] != '/' || strpbrk(s->login_url, " \r\n\\"))
        return error_set(err, ERROR_INVALID, "login-url \"%.80s\" is no path: it is written /PATH", login ? login : "");
    s->namespace = o->namespace && o->namespace[0] ? o->namespace : MICRO_NAMESPACE;
    if (strspn(s->namespace, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
        strlen(s->namespace))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is no name of a namespace", s->namespace);
    return 0;
}

static int write_address(struct web *s, const char *host, struct error *err)
{
    char line[300];
    if (!s->options->run_dir)
        return 0;
    int n = snprintf(s->address_path, sizeof s->address_path, "%s/web.http", s->options->run_dir);
    if (n < 0 || (size_t)n >= sizeof s->address_path) {
        s->address_path[0] = '\0';
        return error_set(err, ERROR_LIMIT, "the run directory's path is too long");
    }
    snprintf(line, sizeof line, "%.250s:%d\n", host, http_server_port(s->http));
    return world_write_file(s->world, s->address_path, bytes_of(line), false, err);
}

static void web_stop(void *state)
{
    struct web *s = state;
    http_server_free(s->http);
    if (s->address_path[0])
        (void)world_remove(s->world, s->address_path);
    OPENSSL_cleanse(s->key, sizeof s->key);
    free(s);
}

static int web_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    const struct http_server_options http = {.body_max = WEB_BODY_MAX};
    char address[300], host[300];
    struct web *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    s->options = options;
    if (options->address)
        snprintf(address, sizeof address, "%s%.250s", options->address[0] == ':' ? "127.0.0.1" : "", options->address);
    else
        snprintf(address, sizeof address, "%.250s:%d", options->host ? options->host : "127.0.0.1",
                 options->base_port + WEB_PORT_OFFSET);
    const char *colon = strrchr(address, ':');
    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - address) : 0, address);
    int rc = read_options(s, err);
    if (rc == 0 && !colon)
        rc = error_set(err, ERROR_INVALID, "address \"%.80s\" is not written HOST:PORT", address);
    if (rc == 0 && world_entropy(w, s->key, sizeof s->key) != 0)
        rc = error_set(err, ERROR_IO, "no random numbers can be had");
    if (rc == 0)
        rc = http_server_new(w, &http, handle, s, &s->http, err);
    if (rc == 0)
        rc = http_server_listen(s->http, address, err);
    if (rc == 0)
        rc = write_address(s, host, err);
    if (rc) {
        web_stop(s);
        return rc;
    }
    log_info("web", "dashboard on http://%s:%d, of the gateway %s", host, http_server_port(s->http), s->api);
    *state = s;
    return 0;
}

static void web_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct web *s = state;
    http_server_drain(s->http, grace, done, arg);
}

static const char *const needs[] = {"api", NULL};
static const char *const options[] = {"api-address", "login-url", NULL};
static const char *const services[] = {NULL};
const struct component web_component = {
    .name = "web",
    .port_offset = WEB_PORT_OFFSET,
    .needs = needs,
    .services = services,
    .options = options,
    .start = web_start,
    .drain = web_drain,
    .stop = web_stop,
};
