/* Expressions of jq, as far as queries say the same: a path, a function or a variable, filters, a comparison. */
#include "e2e/import/gctf/expression.h"

#include <string.h>

/* "| length", "| test("a")". True: it is a condition by itself. */
static bool take_pipe(struct gctf_expression *e)
{
    static const char *const tests[][2] = {
        {"contains(", " contains"}, {"startswith(", " startsWith"}, {"endswith(", " endsWith"}, {"test(", " matches"}};
    static const char *const types[][2] = {{"string", " isString"},
                                           {"number", " isNumber"},
                                           {"boolean", " isBoolean"},
                                           {"array", " isList"},
                                           {"object", " isObject"}};
    struct scan *s = e->s;
    scan_blanks(s);
    size_t at = s->at;
    for (size_t i = 0; i < 4; i++)
        if (s->at < s->in.len && scan_take(s, tests[i][0])) {
            text_printf(&e->out, "%s%s", e->not, tests[i][1]);
            gctf_wanted(e, i == 3);
            if (s->code == 0 && (s->at >= s->in.len || !scan_take(s, ")")))
                gctf_unknown(e, at);
            return true;
        }
    if (scan_take_word(s, "length")) {
        e->size = true;
    } else if (scan_take_word(s, "tonumber")) {
        text_puts(&e->out, " toFloat");
    } else if (scan_take_word(s, "tostring")) {
        text_puts(&e->out, " toString");
    } else if (scan_take_word(s, "first")) {
        text_puts(&e->out, " first");
    } else if (scan_take_word(s, "last")) {
        text_puts(&e->out, " last");
    } else if (scan_take_word(s, "type")) {
        scan_blanks(s);
        bool is = scan_take(s, "==");
        scan_blanks(s);
        struct text name = TEXT_INIT;
        size_t which = 0;
        is = is && gctf_string(e, &name, false);
        while (which < 5 && strcmp(types[which][0], text_string(&name)) != 0)
            which++;
        text_deinit(&name);
        if (!is || which == 5)
            gctf_unknown(e, at);
        else
            text_printf(&e->out, "%s%s", e->not, types[which][1]);
        return true;
    } else {
        gctf_unknown(e, at);
    }
    return false;
}

/* Where the value is from, and filters. True: it is a condition by itself. */
static bool take_value(struct gctf_expression *e)
{
    struct scan *s = e->s;
    struct text path = TEXT_INIT;
    size_t at = s->at;
    bool whole = false;
    if (at < s->in.len && scan_is(s, "@")) {
        whole = gctf_function(e);
    } else if (at < s->in.len && scan_is(s, ".")) {
        gctf_path(e, &path);
        e->code = e->target->kind == AT_ERROR && strcmp(text_string(&path), ".code") == 0;
        if (!e->code)
            gctf_source(e, text_string(&path));
        gctf_type(e);
    } else if (at < s->in.len && scan_take(s, "$") && gctf_word_here(e) > 0) {
        size_t n = gctf_word_here(e);
        text_printf(&e->out, "variable \"%.*s\"", (int)n, (const char *)s->in.data + s->at);
        s->at += n;
        if (s->at < s->in.len && (scan_is(s, ".") || scan_is(s, "[")))
            gctf_unknown(e, at);
        gctf_type(e);
    } else {
        gctf_unknown(e, at);
    }
    e->out.failed = e->out.failed || !text_ok(&path);
    text_deinit(&path);
    scan_blanks(s);
    while (s->code == 0 && !whole && s->at < s->in.len && scan_is(s, "|") && !scan_is(s, "||")) {
        s->at++;
        if (e->code)
            gctf_unknown(e, at);
        text_puts(&e->out, e->list ? " first" : "");
        e->list = false;
        whole = take_pipe(e);
        scan_blanks(s);
    }
    return whole;
}

static void take_expression(struct gctf_expression *e)
{
    struct scan *s = e->s;
    scan_blanks(s);
    size_t from = s->at;
    e->not = "";
    if (s->at < s->in.len && (scan_take_word(s, "not") || scan_take(s, "!")))
        e->not = " not";
    scan_blanks(s);
    if (!take_value(e) && s->code == 0)
        gctf_predicate(e, from);
}

static void at_line_end(struct scan *s, size_t from)
{
    scan_blanks(s);
    if (s->code == 0 && s->at < s->in.len && !scan_is(s, "#") && !scan_is(s, "//"))
        scan_fail(s, s->at, "the expression \"%.*s\" of jq cannot be said in a flow: a comparison ends here",
                  (int)(s->in.len - from < 80 ? s->in.len - from : 80), (const char *)s->in.data + from);
}

/* All expressions of a section, about one target. */
static void ask(struct gctf *g, const struct gctf_section *section, const struct gctf_target *target,
                struct build_node *checks)
{
    struct bytes line;
    size_t at, whole = g->s.in.len;
    g->s.at = section->begin;
    while (!g->b.failed && gctf_line(&g->s, section->end, &line, &at)) {
        g->s.at = at;
        g->s.in.len = at + line.len;
        do {
            scan_blanks(&g->s);
            size_t place = g->s.at;
            struct gctf_expression e = {.g = g, .s = &g->s, .target = target};
            take_expression(&e);
            g->b.failed = g->b.failed || !text_ok(&e.out);
            if (g->s.code == 0 && e.out.len > 0)
                build_add(&g->b, checks, gctf_node(g, place, &e.out));
            text_deinit(&e.out);
            scan_blanks(&g->s);
        } while (g->s.code == 0 && !g->b.failed && g->s.at < g->s.in.len && scan_take_word(&g->s, "and"));
        if (!g->b.failed)
            at_line_end(&g->s, at);
        g->s.at = at + line.len;
        g->s.in.len = whole;
    }
    g->s.in.len = whole;
}

void gctf_asserts(struct gctf *g, const struct gctf_section *section, struct gctf_call *call, bool attached)
{
    struct gctf_target target = {.begin = call->scope_begin, .end = call->scope_end, .scope = call->scopes};
    if (call->error) {
        target.kind = AT_ERROR;
        ask(g, section, &target, call->checks);
    } else if (attached && call->scope_end > call->scope_begin) {
        for (size_t i = call->scope_begin; i < call->scope_end && g->s.code == 0; i++) {
            target.index = i;
            ask(g, section, &target, call->checks);
        }
    } else { /* of the next message, or the last when none comes any more */
        target.kind = AT_LATEST;
        target.index = target.begin = call->scope_end;
        target.end = target.index + 1;
        target.scope++;
        ask(g, section, &target, call->checks);
        call->scope_begin = call->scope_end++;
        call->scopes++;
    }
    call->judged = true;
}

/* "name = .path", of the last message so far. */
void gctf_extract(struct gctf *g, const struct gctf_section *section, struct gctf_call *call)
{
    struct gctf_target target = {.kind = AT_LATEST, .index = call->scope_end > 0 ? call->scope_end - 1 : 0};
    struct bytes line;
    size_t at, whole = g->s.in.len;
    g->s.at = section->begin;
    while (!g->b.failed && gctf_line(&g->s, section->end, &line, &at)) {
        struct gctf_expression e = {.g = g, .s = &g->s, .target = &target, .not = ""};
        struct text name = TEXT_INIT;
        size_t n = gctf_word(line), type;
        g->s.at = at + n;
        g->s.in.len = at + line.len;
        text_add(&name, line.data, n);
        gctf_type(&e);
        bool number = e.out.len > 0;
        text_clear(&e.out);
        scan_blanks(&g->s);
        type = g->s.at;
        if (g->s.code == 0 && (n == 0 || g->s.at >= g->s.in.len || !scan_take(&g->s, "=")))
            scan_fail(&g->s, type, "expected \"name = .path\"");
        scan_blanks(&g->s);
        size_t place = g->s.at;
        if (g->s.code == 0 && (take_value(&e) || e.code || e.constant))
            gctf_unknown(&e, place);
        text_puts(&e.out, e.list ? " first" : "");
        text_puts(&e.out, e.size ? " length" : "");
        text_puts(&e.out, number ? " toFloat" : "");
        if (g->s.code == 0)
            at_line_end(&g->s, place);
        if (g->s.code == 0 && build_has(call->captures, text_string(&name)))
            scan_fail(&g->s, at, "\"%.80s\" stands here a second time", text_string(&name));
        if (g->s.code == 0)
            build_put(&g->b, call->captures, text_string(&name), gctf_node(g, place, &e.out));
        g->b.failed = g->b.failed || !text_ok(&name);
        text_deinit(&e.out);
        text_deinit(&name);
        g->s.at = at + line.len;
        g->s.in.len = whole;
    }
    g->s.in.len = whole;
}
