/* Functions: "@len(.items)". */
#include "e2e/import/gctf/expression.h"

#include <ctype.h>
#include <string.h>

static const struct function {
    const char *name;
    enum { OF_PATH, OF_NAME, OF_NOTHING } takes;
    const char *before, *after; /* around the argument, in the query */
} functions[] = {
    {"header", OF_NAME, "header ", ""},
    {"trailer", OF_NAME, "trailer ", ""},
    {"has_header", OF_NAME, "header ", " exists"},
    {"has_trailer", OF_NAME, "trailer ", " exists"},
    {"len", OF_PATH, "", ""},
    {"has_value", OF_PATH, "", " exists"},
    {"is_uuid", OF_PATH, "", " isUuid"},
    {"uuid", OF_PATH, "", " isUuid"},
    {"is_email", OF_PATH, "", " matches /^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$/"},
    {"email", OF_PATH, "", " matches /^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$/"},
    {"is_url", OF_PATH, "", " matches /^[A-Za-z][A-Za-z0-9+.-]*:\\/\\/[^\\s]+$/"},
    {"url", OF_PATH, "", " matches /^[A-Za-z][A-Za-z0-9+.-]*:\\/\\/[^\\s]+$/"},
    {"is_ip", OF_PATH, "", " matches /^(\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/"},
    {"ip", OF_PATH, "", " matches /^(\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)$/"},
    {"is_timestamp", OF_PATH, "", " isIsoDate"},
    {"timestamp", OF_PATH, "", " isIsoDate"},
    {"is_empty", OF_PATH, "", " isEmpty"},
    {"empty", OF_PATH, "", " isEmpty"},
    {"elapsed_ms", OF_NOTHING, "duration", ""},
    {"total_elapsed_ms", OF_NOTHING, "duration", ""},
    {"scope.message_count", OF_NOTHING, "", ""},
    {"scope.index", OF_NOTHING, "", ""},
    {0},
};

/* Of an error: what came in the headers is among its trailers, where the trailers have not the name themselves. */
static void put_trailer(struct gctf_expression *e, struct bytes name, size_t at)
{
    struct text path = TEXT_INIT;
    text_puts(&path, "$['trailers','headers']['");
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '\'' || name.data[i] == '\\' || name.data[i] == '$')
            gctf_unknown(e, at);
        text_char(&path, (char)tolower(name.data[i]));
    }
    text_puts(&path, "']");
    text_puts(&e->out, "answer jsonpath ");
    gctf_quoted(&e->out, text_string(&path), path.len);
    e->list = true;
    e->out.failed = e->out.failed || !text_ok(&path);
    text_deinit(&path);
}

static void take_argument(struct gctf_expression *e, const struct function *f, size_t at)
{
    struct scan *s = e->s;
    struct text arg = TEXT_INIT;
    scan_blanks(s);
    if (f->takes == OF_NAME) {
        if (!gctf_string(e, &arg, true)) {
            gctf_unknown(e, at);
        } else if (e->target->kind == AT_ERROR && strstr(f->name, "trailer") != NULL) {
            put_trailer(e, text_bytes(&arg), at);
        } else {
            text_puts(&e->out, f->before);
            gctf_quoted(&e->out, text_string(&arg), arg.len);
        }
    } else if (f->takes == OF_PATH) {
        gctf_path(e, &arg);
        if (arg.len == 0 && text_ok(&arg) && s->code == 0 && s->in.data[s->at - 1] != '.')
            gctf_unknown(e, at);
        gctf_source(e, text_string(&arg));
        gctf_type(e);
    } else {
        text_puts(&e->out, f->before);
    }
    e->out.failed = e->out.failed || !text_ok(&arg);
    text_deinit(&arg);
    scan_blanks(s);
    if (s->code == 0 && (s->at >= s->in.len || !scan_take(s, ")")))
        gctf_unknown(e, at);
}

/* At "@". True: it is a condition by itself. */
bool gctf_function(struct gctf_expression *e)
{
    struct scan *s = e->s;
    const struct gctf_target *t = e->target;
    size_t at = s->at++;
    const struct function *f = functions;
    for (; f->name != NULL; f++) {
        struct scan before = *s;
        if (scan_take(s, f->name) && scan_take(s, "("))
            break;
        *s = before;
    }
    if (f->name == NULL) {
        gctf_unknown(e, at);
        return false;
    }
    take_argument(e, f, at);
    e->size = strcmp(f->name, "len") == 0;
    if (strcmp(f->name, "scope.index") == 0) {
        e->constant = true;
        e->value = t->scope;
    } else if (f->takes == OF_NOTHING && f->before[0] == '\0') {
        struct text path = TEXT_INIT;
        text_printf(&path, "answer jsonpath \"$.messages[%zu:%zu]\" count", t->begin, t->end);
        text_add(&e->out, text_string(&path), path.len);
        e->out.failed = e->out.failed || !text_ok(&path);
        text_deinit(&path);
    }
    if (f->after[0] == '\0')
        return false;
    if (e->list) /* has_trailer */
        text_puts(&e->out, e->not [0] != '\0' ? " isEmpty" : " not isEmpty");
    else
        text_printf(&e->out, "%s%s", e->not, f->after);
    return true;
}
