/* libcurl's multi interface, driven a little at a time between turns of our own loop, so that doubles served by this
 * process can answer while we wait. */
#include "e2e/internal.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

#define TURN ((uint64_t)500000) /* ns between looks at curl */

struct transfer {
    struct text body;
    json_t *headers;
    bool too_large;
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
    return text_ok(&t->body) ? len : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    const char *colon = memchr(data, ':', len);
    if (colon == NULL)
        return len;
    struct text name = TEXT_INIT;
    for (const char *p = data; p < colon; p++)
        text_char(&name, (char)tolower((unsigned char)*p));
    const char *value = colon + 1, *end = data + len;
    while (value < end && isspace((unsigned char)*value))
        value++;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    json_t *text = json_stringn(value, (size_t)(end - value));
    if (text != NULL)
        json_object_set_new(t->headers, text_string(&name), text);
    text_deinit(&name);
    return len;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static CURLcode transfer_wait(struct flow_context *x, CURLM *multi)
{
    int running = 1;
    while (running > 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return CURLE_FAILED_INIT;
        if (x->target->interrupted)
            return CURLE_ABORTED_BY_CALLBACK;
        if (running > 0)
            world_run_until(x->target->world, never, NULL, TURN);
    }
    int left;
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    return message != NULL && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
}

static struct curl_slist *header_list(const json_t *headers)
{
    struct curl_slist *list = NULL;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        struct text line = TEXT_INIT;
        text_printf(&line, "%s: %s", name, json_string_value(value));
        struct curl_slist *longer = curl_slist_append(list, text_string(&line));
        text_deinit(&line);
        if (longer == NULL)
            break;
        list = longer;
    }
    return list;
}

static void prepare(CURL *easy, const struct http_request *r, struct curl_slist *headers, struct transfer *t)
{
    curl_easy_setopt(easy, CURLOPT_URL, r->url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(r->timeout / 1000000));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (r->body.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)r->body.data);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    if (strcmp(r->method, "HEAD") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
}

int http_by_curl(struct flow_context *x, const struct http_request *r)
{
    struct transfer t = {.headers = json_object()};
    CURL *easy = curl_easy_init();
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = header_list(r->headers);
    int code = easy == NULL || multi == NULL || t.headers == NULL ? error_set(&x->error, ERROR_MEMORY, "out of memory") : 0;
    if (code == 0) {
        prepare(easy, r, headers, &t);
        curl_multi_add_handle(multi, easy);
        CURLcode result = transfer_wait(x, multi);
        long status = 0;
        double seconds = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME, &seconds);
        if (x->target->interrupted)
            code = error_set(&x->error, ERROR_CANCELLED, "interrupted");
        else if (t.too_large)
            code = error_set(&x->error, ERROR_LIMIT, "%s %s: the answer is longer than 32 MiB", r->method, r->url);
        else if (result != CURLE_OK)
            code = error_set(&x->error, result == CURLE_OPERATION_TIMEDOUT ? ERROR_TIMEOUT : ERROR_IO, "%s %s: %s",
                             r->method, r->url, curl_easy_strerror(result));
        else
            x->answer = json_pack("{s:i, s:O, s:o, s:f}", "status", (int)status, "headers", t.headers, "body",
                                  http_body_value(text_bytes(&t.body)), "duration", seconds);
        if (code == 0 && x->answer == NULL)
            code = error_set(&x->error, ERROR_MEMORY, "out of memory");
        curl_multi_remove_handle(multi, easy);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    json_decref(t.headers);
    text_deinit(&t.body);
    return code;
}
