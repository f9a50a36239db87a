/* The real world: what is plain goes by the harness's own client, the rest by libcurl. libcurl's connections are its
 * own, outside the world's loop, so the two take turns: libcurl sleeps on its sockets for TURN_MS at most, then the
 * loop does what is due, so that doubles served by this process answer and signals are heard. Connections are kept from
 * step to step. */
#include "e2e/http/http.h"
#include "e2e/http/transport.h"
#include "rpc/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_HEADERS 64                 /* more go by libcurl */
#define FIBER_TURN    ((uint64_t)200000) /* ns between looks at the sockets while others run beside */
#define TURN_MS       1                  /* longest sleep on curl's sockets before the loop gets a turn */

struct http_session {
    CURLM *multi;
    CURL *easy; /* both NULL until something needs them */
    struct http_pool *pool;
};

struct transfer {
    struct text body;
    json_t *headers, *lines; /* lines: NULL unless they are asked for */
    bool too_large, failed;
    char why[CURL_ERROR_SIZE]; /* libcurl's own words; "": none */
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    if (t->body.len + len > REPLY_MAX) {
        t->too_large = true;
        return 0;
    }
    text_add(&t->body, data, len);
    t->failed = t->failed || !text_ok(&t->body);
    return t->failed ? 0 : len;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    const char *colon = memchr(data, ':', len);
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
        json_object_clear(t->headers); /* what stood before belonged to an interim answer */
        json_array_clear(t->lines);
    } else if (colon != NULL) {
        const char *value = colon + 1, *end = data + len;
        while (value < end && isspace((unsigned char)*value))
            value++;
        while (end > value && isspace((unsigned char)end[-1]))
            end--;
        if (!value_add_header(t->headers, BYTES(data, (size_t)(colon - data)), BYTES(value, (size_t)(end - value))))
            t->failed = true;
        if (t->lines != NULL &&
            !http_add_line(t->lines, BYTES(data, (size_t)(colon - data)), BYTES(value, (size_t)(end - value))))
            t->failed = true;
    }
    return t->failed ? 0 : len;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static CURLcode transfer_wait(struct flow_context *x, CURLM *multi)
{
    for (int running = 1; running > 0 && !flow_stopped(x);) {
        if (curl_multi_perform(multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(multi, NULL, 0, x->fiber == NULL ? TURN_MS : 0, NULL) != CURLM_OK))
            return CURLE_FAILED_INIT;
        if (running > 0)
            flow_wait(x, never, NULL, x->fiber == NULL ? 1 : FIBER_TURN);
    }
    int left;
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    return message != NULL && message->msg == CURLMSG_DONE ? message->data.result : CURLE_ABORTED_BY_CALLBACK;
}

static bool add_line(struct curl_slist **list, const char *name, const char *value)
{
    struct text line = TEXT_INIT;
    /* libcurl takes "name:" as an order to leave that header out, and "name;" as one without a value. */
    if (value == NULL)
        text_printf(&line, "%s:", name);
    else if (value[0] == '\0')
        text_printf(&line, "%s;", name);
    else
        text_printf(&line, "%s: %s", name, value);
    struct curl_slist *longer = text_ok(&line) ? curl_slist_append(*list, text_string(&line)) : NULL;
    text_deinit(&line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* The request's headers, and none that libcurl would add by itself. */
static bool header_list(json_t *headers, struct curl_slist **list)
{
    static const char *const unwanted[] = {"expect", "content-type"};
    const char *name;
    json_t *value;
    bool ok = true;
    json_object_foreach(headers, name, value)
    {
        ok = ok && add_line(list, name, json_string_value(value));
    }
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++)
        if (json_object_get(headers, unwanted[i]) == NULL)
            ok = ok && add_line(list, unwanted[i], NULL);
    return ok;
}

/* False: no memory. Any other error libcurl tells when it is at work. */
static bool prepare(CURL *easy, const struct http_request *r, struct curl_slist *headers, struct transfer *t)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    long timeout = (long)(r->timeout / 1000000);
    bool body = r->body.len > 0, head = strcmp(r->method, "HEAD") == 0;
    for (size_t i = 0; i < sizeof with_body / sizeof with_body[0]; i++)
        body = body || strcmp(r->method, with_body[i]) == 0;
    curl_easy_reset(easy);
    /* It keeps copies of texts, and without memory the request would be another one. */
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, r->url) != CURLE_OUT_OF_MEMORY &&
              curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OUT_OF_MEMORY &&
              curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") != CURLE_OUT_OF_MEMORY &&
              (r->ca_file == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, r->ca_file) != CURLE_OUT_OF_MEMORY) &&
              (r->cert_file == NULL || curl_easy_setopt(easy, CURLOPT_SSLCERT, r->cert_file) != CURLE_OUT_OF_MEMORY) &&
              (r->key_file == NULL || curl_easy_setopt(easy, CURLOPT_SSLKEY, r->key_file) != CURLE_OUT_OF_MEMORY) &&
              (head || curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method) != CURLE_OUT_OF_MEMORY);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout > 0 ? timeout : 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (r->insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    if (body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.len > 0 ? (const char *)r->body.data : "");
    }
    if (head)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return ok;
}

static int too_large(struct flow_context *x, const struct http_request *r)
{
    return error_set(&x->error, ERROR_LIMIT, "%s %s: the answer is longer than %zu MiB", r->method, r->url,
                     REPLY_MAX >> 20);
}

static struct http_session *session_of(struct flow_context *x)
{
    if (x->http != NULL)
        return x->http;
    struct http_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    if (http_pool_new(&s->pool, NULL) != 0) {
        http_session_free(s);
        return NULL;
    }
    x->http = s;
    return s;
}

static bool use_curl(struct http_session *s)
{
    if (s->easy == NULL)
        s->easy = curl_easy_init();
    if (s->multi == NULL)
        s->multi = curl_multi_init();
    return s->easy != NULL && s->multi != NULL;
}

/* ---- plain requests ---- */

/* What the harness's own client can do as well. It is at hand, while libcurl brings fifty libraries with it, whose
 * loading takes longer than most requests. */
static bool is_plain(const struct http_request *r)
{
    static const char *const own[] = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"};
    const char *authority = r->url + strlen("http://");
    bool plain = strncmp(r->url, "http://", strlen("http://")) == 0 &&
                 memchr(authority, '@', strcspn(authority, "/?#")) == NULL && r->transport == NULL && !r->decode &&
                 !r->facts && json_object_size(r->headers) <= PLAIN_HEADERS;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        plain = plain && json_object_get(r->headers, own[i]) == NULL;
    return plain;
}

static int by_own_client(struct flow_context *x, const struct http_request *r, struct http_result *out)
{
    struct http_request request = *r;
    request.pool = x->http->pool;
    int code = http_by_world(x, &request, out);
    if (code == 0 && out->body.len > REPLY_MAX)
        return too_large(x, r);
    if (code == 0 || code == ERROR_CANCELLED || code == ERROR_MEMORY)
        return code;
    x->wrong = x->wrong || code == ERROR_INVALID;
    return error_wrap(&x->error, "%s %s", r->method, r->url);
}

/* ---- the others ---- */

void http_session_free(struct http_session *s)
{
    if (s == NULL)
        return;
    if (s->easy != NULL)
        curl_easy_cleanup(s->easy);
    if (s->multi != NULL)
        curl_multi_cleanup(s->multi);
    http_pool_free(s->pool);
    free(s);
}

static int outcome(struct flow_context *x, const struct http_request *r, struct transfer *t, CURLcode result)
{
    if (flow_stopped(x))
        return error_set(&x->error, ERROR_CANCELLED, "interrupted");
    if (t->failed || result == CURLE_OUT_OF_MEMORY)
        return flow_memory(x);
    if (t->too_large)
        return too_large(x, r);
    if (result == CURLE_OK)
        return 0;
    int code = result == CURLE_OPERATION_TIMEDOUT     ? ERROR_TIMEOUT
               : result == CURLE_COULDNT_CONNECT      ? ERROR_REFUSED
               : result == CURLE_URL_MALFORMAT        ? ERROR_INVALID
               : result == CURLE_UNSUPPORTED_PROTOCOL ? ERROR_INVALID
                                                      : ERROR_IO;
    x->wrong = x->wrong || code == ERROR_INVALID;
    const char *hint = result == CURLE_PEER_FAILED_VERIFICATION
                           ? "; tls: {ca: FILE} says what it is trusted by, tls: {insecure: true} trusts any"
                       : result == CURLE_SSL_CERTPROBLEM || result == CURLE_SSL_CACERT_BADFILE
                           ? "; look at the files that \"tls\" names"
                           : "";
    return error_set(&x->error, code, "%s %s: %s%s", r->method, r->url,
                     t->why[0] != '\0' ? t->why : curl_easy_strerror(result), hint);
}

int http_by_curl(struct flow_context *x, const struct http_request *r, struct http_result *out)
{
    struct http_session *s = session_of(x);
    if (s != NULL && is_plain(r))
        return by_own_client(x, r, out);
    struct transfer t = {.headers = json_object(), .lines = r->lines ? json_array() : NULL};
    struct http_transport transport = {0};
    struct curl_slist *headers = NULL;
    int told = 0;
    if (s == NULL || !use_curl(s) || t.headers == NULL || (r->lines && t.lines == NULL) ||
        !header_list(r->headers, &headers)) {
        told = flow_memory(x);
    } else {
        told = prepare(s->easy, r, headers, &t) ? http_transport_apply(x, s->easy, r, &transport) : flow_memory(x);
    }
    if (told != 0) {
        if (s != NULL && s->easy != NULL)
            curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, NULL); /* `t` is gone before the handle is */
        http_transport_deinit(&transport);
        curl_slist_free_all(headers);
        json_decref(t.headers);
        json_decref(t.lines);
        return told;
    }
    CURLcode result =
        curl_multi_add_handle(s->multi, s->easy) == CURLM_OK ? transfer_wait(x, s->multi) : CURLE_FAILED_INIT;
    long status = 0;
    double seconds = 0;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(s->easy, CURLINFO_TOTAL_TIME, &seconds);
    curl_multi_remove_handle(s->multi, s->easy);
    curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, NULL);
    int code = outcome(x, r, &t, result);
    *out = (struct http_result){.status = (int)status,
                                .headers = t.headers,
                                .body = t.body,
                                .seconds = seconds,
                                .lines = t.lines,
                                .facts = r->facts ? http_transport_facts(s->easy) : NULL};
    if (code == 0 && (!text_ok(&t.body) || (r->facts && out->facts == NULL)))
        code = flow_memory(x);
    http_transport_deinit(&transport);
    curl_slist_free_all(headers);
    return code;
}
