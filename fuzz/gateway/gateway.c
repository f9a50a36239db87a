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

const struct gateway_operator *gateway_operator_find(struct bytes name)
{
    for (size_t i = 0; i < gateway_operator_count(); i++)
        if (bytes_is(name, gateway_operator_at(i)->name))
            return gateway_operator_at(i);
    return NULL;
}

bool gateway_operator_alone(const struct gateway_operator *op)
{
    return !op->raw && op->expect != EXPECT_OK && strstr(op->template, "$B") == NULL &&
           strstr(op->template, "$J") == NULL;
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

#define CONTENT_TYPE "Content-Type: "

bool gateway_is_rpc(const struct gateway_request *r)
{
    static const char line[] = CONTENT_TYPE GATEWAY_RPC_JSON "\n";
    return memmem(text_string(&r->headers), r->headers.len, line, sizeof line - 1) != NULL;
}

struct bytes gateway_request_path(const struct gateway_request *r)
{
    const char *line = text_string(&r->line), *blank = strchr(line, ' ');
    return blank != NULL ? bytes_of(blank + 1) : BYTES_NONE;
}

static void clear(struct gateway_request *r)
{
    text_clear(&r->line);
    text_clear(&r->headers);
    text_clear(&r->body);
    text_clear(&r->raw);
    r->op = NULL;
    r->cut = r->no_token = false;
}

void gateway_request_deinit(struct gateway_request *r)
{
    text_deinit(&r->line);
    text_deinit(&r->headers);
    text_deinit(&r->body);
    text_deinit(&r->raw);
    *r = (struct gateway_request){.op = NULL};
}

bool gateway_make(struct random *r, const struct gateway_base *base, const struct gateway_operator *op,
                  struct gateway_request *out)
{
    struct gateway_place place = {.depth = 0};
    clear(out);
    out->op = op;
    if (op == NULL || !op->raw) {
        text_printf(&out->line, "POST %s", base->path);
        text_printf(&out->headers, "%s%s\n", CONTENT_TYPE, base->type != NULL ? base->type : "application/json");
    }
    if (op == NULL) {
        text_puts(&out->body, base->json);
        return true;
    }
    if (!gateway_find_place(r, base->method ? base->method->input : NULL, (enum gateway_field)op->field, base->json,
                            &place))
        return false;
    gateway_expand(op->template, base, &place, op->raw ? &out->raw : &out->body, &out->cut);
    return true;
}

/* ---- as cases ---- */

int gateway_case(const struct gateway_request *r, const char *component, struct fuzz_case *out)
{
    struct text name = TEXT_INIT, value = TEXT_INIT;
    const char *op = r->op != NULL ? r->op->name : "";
    struct fuzz_event e = {.kind = EVENT_HTTP, .lane = r->op != NULL ? LANE_NEAR_VALID : LANE_VALID};
    int rc;
    if (r->op != NULL && r->op->raw) {
        e = (struct fuzz_event){.kind = EVENT_CONNECT, .number = 1};
        rc = fuzz_case_add(out, &e, bytes_of(component), BYTES_NONE);
        e = (struct fuzz_event){.kind = EVENT_BYTES, .lane = LANE_NEAR_VALID};
        if (rc >= 0)
            rc = fuzz_case_add(out, &e, bytes_of(op), text_bytes(&r->raw));
        e = (struct fuzz_event){.kind = EVENT_HALF_CLOSE};
        if (rc >= 0 && r->cut)
            rc = fuzz_case_add(out, &e, BYTES_NONE, BYTES_NONE);
        return rc < 0 ? rc : 0;
    }
    text_printf(&name, "%s%s%s", text_string(&r->line), op[0] ? " " : "", op);
    text_add(&value, text_string(&r->headers), r->headers.len);
    text_char(&value, '\n');
    text_add(&value, text_string(&r->body), r->body.len);
    rc = text_ok(&name) && text_ok(&value) ? fuzz_case_add(out, &e, text_bytes(&name), text_bytes(&value))
                                           : ERROR_MEMORY;
    text_deinit(&name);
    text_deinit(&value);
    return rc < 0 ? rc : 0;
}

/* "POST /path", and the operator behind another blank; lines, an empty one, and the body. */
static void read_http(const struct fuzz_case *c, const struct fuzz_event *e, struct gateway_request *out)
{
    struct bytes name = fuzz_case_bytes(c, e->name), value = fuzz_case_bytes(c, e->value);
    const uint8_t *first = name.len > 0 ? memchr(name.data, ' ', name.len) : NULL;
    size_t after = first != NULL ? (size_t)(first - name.data) + 1 : name.len;
    const uint8_t *second = after < name.len ? memchr(name.data + after, ' ', name.len - after) : NULL;
    size_t len = second != NULL ? (size_t)(second - name.data) : name.len;
    text_add(&out->line, name.data, len);
    if (second != NULL)
        out->op = gateway_operator_find(BYTES(second + 1, name.len - len - 1));
    out->no_token = (e->flags & EVENT_NO_TOKEN) != 0;
    if (value.len > 0 && value.data[0] == '\n') {
        text_add(&out->body, value.data + 1, value.len - 1);
        return;
    }
    const uint8_t *empty = value.len > 0 ? memmem(value.data, value.len, "\n\n", 2) : NULL;
    size_t head = empty != NULL ? (size_t)(empty - value.data) + 1 : value.len;
    text_add(&out->headers, value.data, head);
    if (head < value.len)
        text_add(&out->body, value.data + head + 1, value.len - head - 1);
}

int gateway_of_case(const struct fuzz_case *c, size_t *at, struct gateway_request *out)
{
    bool open = false;
    clear(out);
    for (; *at < c->events.count; (*at)++) {
        const struct fuzz_event *e = &c->events.items[*at];
        if (open && (e->kind == EVENT_CONNECT || e->kind == EVENT_HTTP))
            break;
        if (e->kind == EVENT_HTTP) {
            read_http(c, e, out);
            (*at)++;
            return text_ok(&out->line) && text_ok(&out->headers) && text_ok(&out->body) ? 1 : ERROR_MEMORY;
        }
        open = open || (e->kind == EVENT_CONNECT && e->number == 1);
        if (open && e->kind == EVENT_BYTES) {
            struct bytes value = fuzz_case_bytes(c, e->value);
            text_add(&out->raw, value.data, value.len);
            if (out->op == NULL)
                out->op = gateway_operator_find(fuzz_case_bytes(c, e->name));
        } else if (open && e->kind == EVENT_HALF_CLOSE) {
            out->cut = true;
        }
    }
    return !text_ok(&out->raw) ? ERROR_MEMORY : open;
}

static void put_for(struct text *raw, const char *word, const char *value)
{
    size_t len = strlen(word);
    for (size_t at = 0; text_ok(raw) && raw->len >= len;) {
        const char *found = memmem(raw->data + at, raw->len - at, word, len);
        if (found == NULL)
            return;
        struct text rest = TEXT_INIT;
        size_t before = (size_t)(found - raw->data);
        text_add(&rest, found + len, raw->len - before - len);
        text_truncate(raw, before);
        text_puts(raw, value);
        at = raw->len;
        text_add(raw, text_string(&rest), rest.len);
        raw->failed = raw->failed || rest.failed;
        text_deinit(&rest);
    }
}

void gateway_fill(struct text *raw, const char *host, const char *token)
{
    put_for(raw, GATEWAY_HOST, host != NULL ? host : "");
    put_for(raw, GATEWAY_TOKEN, token != NULL ? token : "");
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
