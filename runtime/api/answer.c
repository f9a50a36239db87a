#include "runtime/api/passage.h"

bool answer_printable(const char *value)
{
    for (; *value; value++) {
        if (*value < ' ' || *value > '~')
            return false;
    }
    return true;
}

void answer_error(struct http_exchange *x, const struct micro_error *e)
{
    struct text body = TEXT_INIT;
    api_error_json(e, &body);
    if (e->code == 401)
        http_add_header(x, "WWW-Authenticate", "Bearer");
    http_respond(x, e->code, "application/json", text_bytes(&body));
    text_deinit(&body);
}

void answer_failure(struct http_exchange *x, int code, const char *detail)
{
    struct micro_error e;
    api_error_set(&e, code, API_ERROR_ID, detail);
    answer_error(x, &e);
}

void answer_refusal(int status, const char *why, struct text *body)
{
    struct micro_error e;
    api_error_set(&e, status, API_ERROR_ID, why[0] ? why : http1_reason(status));
    api_error_json(&e, body);
}

void answer_plain(struct http_exchange *x, int code, const char *text)
{
    if (code == 401)
        http_add_header(x, "WWW-Authenticate", "Bearer");
    http_respond(x, code, "text/plain; charset=utf-8", bytes_of(text));
}
