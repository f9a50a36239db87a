#include "fuzz/gateway/gateway.h"

#include "fuzz/gateway/template.h"

#include <string.h>

const char *gateway_expect_name(enum gateway_expect e)
{
    static const char *const names[] = {"2xx", "4xx", "2xx or 4xx", "4xx or the end"};
    return e <= EXPECT_CUT ? names[e] : "?";
}

size_t gateway_operator_count(void)
{
    return gateway_json_count + gateway_http_count;
}

const struct gateway_operator *gateway_operator_at(size_t i)
{
    return i < gateway_json_count ? &gateway_json_operators[i] : &gateway_http_operators[i - gateway_json_count];
}

const struct gateway_operator *gateway_operator_find(const char *name)
{
    for (size_t i = 0; i < gateway_operator_count(); i++)
        if (strcmp(gateway_operator_at(i)->name, name) == 0)
            return gateway_operator_at(i);
    return NULL;
}

/* ---- paths ---- */

static void put_lower(struct text *out, const char *name)
{
    for (; *name; name++)
        text_char(out, *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name);
}

int gateway_path(const char *style, const struct pb_method *m, struct text *out)
{
    while (*style) {
        if (*style != '{') {
            text_char(out, *style++);
            continue;
        }
        size_t len = strcspn(style, "}");
        struct bytes name = BYTES(style + 1, len - 1);
        if (bytes_is(name, "package"))
            put_lower(out, m->service->package[0] ? m->service->package : m->service->name);
        else if (bytes_is(name, "service"))
            put_lower(out, m->service->name);
        else if (bytes_is(name, "Service"))
            text_puts(out, m->service->name);
        else if (bytes_is(name, "Method"))
            text_puts(out, m->name);
        else if (bytes_is(name, "full"))
            text_puts(out, m->service->full_name);
        else
            return ERROR_INVALID;
        style += style[len] ? len + 1 : len;
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

/* ---- requests ---- */

void gateway_request_deinit(struct gateway_request *r)
{
    text_deinit(&r->body);
    text_deinit(&r->raw);
    *r = (struct gateway_request){.op = NULL};
}

bool gateway_make(struct random *r, const struct gateway_base *base, const struct gateway_operator *op,
                  struct gateway_request *out)
{
    struct gateway_place place = {.depth = 0};
    text_clear(&out->body);
    text_clear(&out->raw);
    out->op = op;
    out->cut = false;
    if (op == NULL) {
        text_puts(&out->body, base->json);
        return true;
    }
    if (!gateway_find_place(r, base->method->input, (enum gateway_field)op->field, base->json, &place))
        return false;
    gateway_expand(op->template, base, &place, op->raw ? &out->raw : &out->body, &out->cut);
    return true;
}

int gateway_case(const struct gateway_base *base, const struct gateway_request *r, const char *component,
                 struct fuzz_case *out)
{
    struct text name = TEXT_INIT, value = TEXT_INIT;
    const struct gateway_operator *op = r->op;
    struct fuzz_event e = {.kind = EVENT_HTTP, .lane = op != NULL ? LANE_NEAR_VALID : LANE_VALID};
    int rc = 0;
    if (op != NULL && op->raw) {
        e.kind = EVENT_CONNECT;
        e.number = 1;
        rc = fuzz_case_add(out, &e, bytes_of(component), BYTES_NONE);
        e = (struct fuzz_event){.kind = EVENT_BYTES, .lane = LANE_NEAR_VALID};
        if (rc >= 0)
            rc = fuzz_case_add(out, &e, BYTES_NONE, text_bytes(&r->raw));
        return rc < 0 ? rc : 0;
    }
    text_printf(&name, "POST %s", base->path);
    if (base->authorization != NULL)
        text_printf(&value, "Authorization: %s\n", base->authorization);
    text_puts(&value, "Content-Type: application/json\n\n");
    text_add(&value, r->body.data, r->body.len);
    if (!text_ok(&name) || !text_ok(&value))
        rc = ERROR_MEMORY;
    else
        rc = fuzz_case_add(out, &e, text_bytes(&name), text_bytes(&value));
    text_deinit(&name);
    text_deinit(&value);
    return rc < 0 ? rc : 0;
}

/* ---- answers ---- */

void gateway_answer_deinit(struct gateway_answer *a)
{
    text_deinit(&a->body);
    text_deinit(&a->type);
    *a = (struct gateway_answer){.status = 0};
}

const char *gateway_judge(const struct gateway_operator *op, const struct gateway_answer *a, struct text *why)
{
    enum gateway_expect expect = op != NULL ? op->expect : EXPECT_OK;
    const char *name = op != NULL ? op->name : "base";
    bool ok = a->status >= 200 && a->status < 300, refused = a->status >= 400 && a->status < 500;
    if (a->broken) {
        text_printf(why, "%s: the answer is not HTTP", name);
        return "protocol";
    }
    if (a->status == 0 && a->timed_out) {
        text_printf(why, "%s: neither an answer nor the connection's end", name);
        return "hang";
    }
    if (a->status == 0) {
        if (expect == EXPECT_CUT)
            return NULL;
        text_printf(why, "%s: the connection ended without an answer; %s is right", name, gateway_expect_name(expect));
        return "protocol";
    }
    if (a->status >= 500 && !(op != NULL && op->also == a->status)) {
        text_printf(why, "%s: %d %.*s", name, a->status, (int)(a->body.len < 200 ? a->body.len : 200),
                    text_string(&a->body));
        return "internal";
    }
    if (ok && (expect == EXPECT_REFUSED || expect == EXPECT_CUT)) {
        text_printf(why, "%s: %d, though it has to be refused", name, a->status);
        return "accepted";
    }
    if (!ok && expect == EXPECT_OK) {
        text_printf(why, "%s: %d %.*s, though it says what the base says", name, a->status,
                    (int)(a->body.len < 200 ? a->body.len : 200), text_string(&a->body));
        return "refused";
    }
    if (!ok && !refused && !(op != NULL && op->also == a->status)) {
        text_printf(why, "%s: %d is neither 2xx nor 4xx", name, a->status);
        return "protocol";
    }
    return NULL;
}
