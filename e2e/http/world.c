/* HTTP by the harness's own client (rpc/http.h): in simulation, and what is plain in the real world. */
#include "e2e/http/http.h"
#include "rpc/http.h"

#define HEADERS_MAX 64 /* of a request */

struct fetching {
    struct http_answer *answer;
    struct error *err;
    bool over;
};

static void on_answer(void *arg, struct http_answer *answer, struct error *err)
{
    struct fetching *f = arg;
    *f->answer = *answer;
    if (answer->status == 0)
        error_move(f->err, err);
    f->over = true;
}

static bool is_over(void *arg)
{
    return ((const struct fetching *)arg)->over;
}

static int fetch_wait(struct flow_context *x, const struct http_fetch *fetch, struct http_answer *answer)
{
    struct fetching f = {.answer = answer, .err = &x->error};
    struct http_client_call *call = NULL;
    int code = http_fetch_start(x->target->world, fetch, on_answer, &f, &call, &x->error);
    if (code != 0)
        return code;
    code = flow_wait(x, is_over, &f, 0);
    if (f.over)
        return x->error.code;
    http_fetch_cancel(call);
    return error_set(&x->error, code, "the wait for an answer ended early: %s", error_code_name(code));
}

int http_by_world(struct flow_context *x, const struct http_request *r, struct http_result *out)
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
                               .timeout = r->timeout,
                               .pool = r->pool};
    struct http_answer answer = {0};
    int code = fetch_wait(x, &fetch, &answer);
    if (code == 0) {
        bool kept = (out->headers = json_object()) != NULL;
        for (size_t i = 0; kept && i < answer.header_count; i++)
            kept = value_add_header(out->headers, answer.headers[i].name, answer.headers[i].value);
        if (r->lines)
            kept = (out->lines = json_array()) != NULL && kept;
        for (size_t i = 0; kept && r->lines && i < answer.header_count; i++)
            kept = http_add_line(out->lines, answer.headers[i].name, answer.headers[i].value);
        out->status = answer.status;
        out->seconds = (double)answer.duration / 1e9;
        text_add(&out->body, answer.body.data, answer.body.len);
        code = kept && text_ok(&out->body) ? 0 : flow_memory(x);
    }
    http_answer_deinit(&answer);
    return code;
}
