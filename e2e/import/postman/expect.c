/* What a script asserts: chains of chai's words behind pm.expect(), and those behind pm.response. Each becomes a query
 * where the answer has a source for it, and else an expression. */
#include "e2e/import/postman/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 24

struct link {
    const char *name;
    const struct js *call; /* NULL: a word without parentheses */
};
struct chain {
    struct script *s;
    struct build_node *out;
    const struct js *subject; /* what it is about */
    struct link links[LINKS_MAX];
    size_t count;
    bool negated, all;
};

static bool plain_times(const struct script *s)
{
    return s->guard == NULL && s->list == NULL;
}

static void add_line(struct script *s, struct build_node *out, struct text *line)
{
    build_add(&s->p->tree.build, out, tree_text(&s->p->tree, s->n, line));
}

/* An expression that has to hold, where and for what the statement is done. Takes `e`. */
static void add_expression(struct script *s, struct build_node *out, struct text *e)
{
    struct text line = TEXT_INIT;
    text_puts(&line, "= ");
    if (s->guard != NULL)
        text_printf(&line, "!(%s) || ", s->guard);
    if (s->list != NULL)
        text_printf(&line, "all(%s, {%s})", s->list, text_string(e));
    else if (s->guard != NULL)
        text_printf(&line, "(%s)", text_string(e));
    else
        text_add(&line, e->data, e->len);
    line.failed = line.failed || !text_ok(e);
    text_deinit(e);
    add_line(s, out, &line);
}

/* ---- one assertion ---- */

/* `query`: what stands behind a source, with a blank at its end when a value follows; NULL: there is none. `before`,
 * `between`, `behind`: around the subject and the value of an expression; NULL: there is none. */
struct form {
    const char *query, *before, *between, *behind;
};

static bool assert_form(struct chain *c, const struct form *f, const struct js *value)
{
    struct script *s = c->s;
    struct text line = TEXT_INIT, e = TEXT_INIT;
    if (f->query != NULL && plain_times(s) && script_write_source(s, c->subject, &line)) {
        text_printf(&line, " %s%s", c->negated ? "not " : "", f->query);
        if (value == NULL || script_write_literal(s, value, &line)) {
            add_line(s, c->out, &line);
            return true;
        }
    }
    text_deinit(&line);
    bool ok = f->before != NULL;
    text_puts(&e, c->negated ? "!(" : "");
    text_puts(&e, ok ? f->before : "");
    ok = ok && script_write(s, c->subject, &e);
    text_puts(&e, ok ? f->between : "");
    if (ok && value != NULL)
        ok = script_write(s, value, &e);
    text_puts(&e, ok ? f->behind : "");
    text_puts(&e, c->negated ? ")" : "");
    if (ok)
        add_expression(s, c->out, &e);
    else
        text_deinit(&e);
    return ok;
}

static bool assert_regex(struct chain *c, const struct js *value)
{
    size_t seen = c->s->seen;
    const struct js *regex = script_meant(c->s, value);
    struct text line = TEXT_INIT;
    c->s->seen = seen;
    if (regex == NULL || regex->kind != JS_REGEX || (regex->b->text[0] != '\0' && strcmp(regex->b->text, "i") != 0))
        return false;
    if (!plain_times(c->s) || !script_write_source(c->s, c->subject, &line)) {
        struct js test = {.kind = JS_MEMBER, .text = "test", .a = regex};
        const struct js *const items[] = {c->subject};
        struct js call = {.kind = JS_CALL, .a = &test, .count = 1};
        struct text e = TEXT_INIT;
        const struct js *list[1] = {items[0]};
        call.items = list;
        text_deinit(&line);
        text_puts(&e, c->negated ? "!" : "");
        bool ok = script_write(c->s, &call, &e);
        if (ok)
            add_expression(c->s, c->out, &e);
        else
            text_deinit(&e);
        return ok;
    }
    text_printf(&line, " %smatches /%s%s/", c->negated ? "not " : "", regex->b->text[0] == 'i' ? "(?i)" : "",
                regex->text);
    add_line(c->s, c->out, &line);
    return true;
}

static bool assert_type(struct chain *c, const struct js *value)
{
    static const struct {
        const char *type;
        struct form form;
    } types[] = {{"string", {"isString", "type(", ") == 'string'", ""}},
                 {"number", {"isNumber", "type(", ") in ['int', 'float']", ""}},
                 {"boolean", {"isBoolean", "type(", ") == 'bool'", ""}},
                 {"array", {"isList", "type(", ") == 'array'", ""}},
                 {"object", {"isObject", "type(", ") == 'map'", ""}},
                 {"null", {NULL, "", " == nil", ""}},
                 {"undefined", {"not exists", "", " == nil", ""}}};
    for (size_t i = 0; value->kind == JS_TEXT && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(types[i].type, value->text) == 0)
            return !(c->negated && strncmp(types[i].type, "undef", 5) == 0 && plain_times(c->s) &&
                     assert_form(&(struct chain){.s = c->s, .out = c->out, .subject = c->subject},
                                 &(struct form){"exists", "", " != nil", ""}, NULL))
                       ? assert_form(c, &types[i].form, NULL)
                       : true;
    return false;
}

static bool assert_includes(struct chain *c, const struct js *value)
{
    static const struct form text = {"contains ", "(type(", ") == 'string' ? ", ""};
    struct script *s = c->s;
    struct text e = TEXT_INIT, line = TEXT_INIT;
    if (value->kind == JS_OBJECT) { /* these members */
        for (size_t i = 0; i < value->count; i += 2) {
            struct js member = {.kind = JS_INDEX, .a = c->subject, .b = value->items[i]};
            struct chain one = {.s = s, .out = c->out, .subject = &member, .negated = c->negated};
            if (!assert_form(&one, &(struct form){"== ", "", " == ", ""}, value->items[i + 1]))
                return false;
        }
        return true;
    }
    if (plain_times(s) && script_write_source(s, c->subject, &line)) {
        text_printf(&line, " %s%s", c->negated ? "not " : "", text.query);
        if (script_write_literal(s, value, &line)) {
            add_line(s, c->out, &line);
            return true;
        }
    }
    text_deinit(&line);
    struct js method = {.kind = JS_MEMBER, .text = "includes", .a = c->subject};
    const struct js *list[1] = {value};
    struct js call = {.kind = JS_CALL, .a = &method, .items = list, .count = 1};
    text_puts(&e, c->negated ? "!" : "");
    bool ok = script_write(s, &call, &e);
    if (ok)
        add_expression(s, c->out, &e);
    else
        text_deinit(&e);
    return ok;
}

/* Is there a member of this name? What stands behind it in the chain is about that member. */
static bool assert_property(struct chain *c, const struct js *call)
{
    struct script *s = c->s;
    struct js *member = ARENA_NEW(&s->p->arena, struct js);
    const struct js *name = call->items[0];
    if (member == NULL) {
        tree_no_memory(&s->p->tree);
        return false;
    }
    *member = (struct js){.kind = JS_INDEX, .a = c->subject, .b = name, .text = ""};
    if (name->kind != JS_TEXT && name->kind != JS_NUMBER)
        return false;
    struct chain one = {.s = s, .out = c->out, .subject = call->count > 1 ? member : c->subject, .negated = c->negated};
    struct text source = TEXT_INIT;
    bool has = plain_times(s) && script_write_source(s, member, &source);
    text_deinit(&source);
    bool ok;
    if (call->count > 1) {
        ok = assert_form(&one, &(struct form){"== ", "", " == ", ""}, call->items[1]);
    } else if (has) {
        one.subject = member;
        ok = assert_form(&one, &(struct form){"exists", NULL, NULL, NULL}, NULL);
    } else {
        struct js in = {.kind = JS_BOTH, .text = "in", .a = name, .b = c->subject};
        one.subject = &in;
        ok = assert_form(&one, &(struct form){NULL, "", "", ""}, NULL);
    }
    c->subject = member;
    return ok;
}

static bool assert_keys(struct chain *c, const struct js *call)
{
    const struct js *list = call->count == 1 && call->items[0]->kind == JS_LIST ? call->items[0] : call;
    if (!c->all || c->negated)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        struct js in = {.kind = JS_BOTH, .text = "in", .a = list->items[i], .b = c->subject};
        struct chain one = {.s = c->s, .out = c->out, .subject = &in};
        if (!assert_form(&one, &(struct form){NULL, "", "", ""}, NULL))
            return false;
    }
    char count[32];
    snprintf(count, sizeof count, ") == %zu", list->count);
    return assert_form(c, &(struct form){NULL, "len(", count, ""}, NULL);
}

static bool assert_call(struct chain *c, const char *name, const struct js *call)
{
    static const struct {
        const char *name;
        struct form form;
    } known[] = {
        {"equal", {"== ", "", " == ", ""}},
        {"equals", {"== ", "", " == ", ""}},
        {"eq", {"== ", "", " == ", ""}},
        {"eql", {"== ", "", " == ", ""}},
        {"eqls", {"== ", "", " == ", ""}},
        {"above", {"> ", "", " > ", ""}},
        {"greaterThan", {"> ", "", " > ", ""}},
        {"gt", {"> ", "", " > ", ""}},
        {"below", {"< ", "", " < ", ""}},
        {"lessThan", {"< ", "", " < ", ""}},
        {"lt", {"< ", "", " < ", ""}},
        {"least", {">= ", "", " >= ", ""}},
        {"gte", {">= ", "", " >= ", ""}},
        {"most", {"<= ", "", " <= ", ""}},
        {"lte", {"<= ", "", " <= ", ""}},
        {"lengthOf", {"count == ", "len(", ") == ", ""}},
        {"length", {"count == ", "len(", ") == ", ""}},
        {"oneOf", {NULL, "", " in ", ""}},
    };
    if (call->count == 0)
        return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return assert_form(c, &known[i].form, call->items[0]);
    if (strcmp(name, "within") == 0 && call->count == 2 && !c->negated)
        return assert_form(c, &(struct form){">= ", "", " >= ", ""}, call->items[0]) &&
               assert_form(c, &(struct form){"<= ", "", " <= ", ""}, call->items[1]);
    if (strcmp(name, "include") == 0 || strcmp(name, "contain") == 0 || strcmp(name, "includes") == 0 ||
        strcmp(name, "contains") == 0 || strcmp(name, "string") == 0)
        return assert_includes(c, call->items[0]);
    if (strcmp(name, "match") == 0 || strcmp(name, "matches") == 0)
        return assert_regex(c, call->items[0]);
    if (strcmp(name, "a") == 0 || strcmp(name, "an") == 0)
        return assert_type(c, call->items[0]);
    if (strcmp(name, "property") == 0 || strcmp(name, "ownProperty") == 0)
        return assert_property(c, call);
    return (strcmp(name, "keys") == 0 || strcmp(name, "key") == 0) && assert_keys(c, call);
}

/* 1: an assertion that can be said; 0: a word without meaning; -1: unknown. */
static int assert_word(struct chain *c, const char *name)
{
    static const struct {
        const char *name;
        struct form form;
    } known[] = {{"true", {"== true", "", " == true", ""}}, {"false", {"== false", "", " == false", ""}},
                 {"null", {"== null", "", " == nil", ""}},  {"exist", {"exists", "", " != nil", ""}},
                 {"exists", {"exists", "", " != nil", ""}}, {"empty", {"isEmpty", "len(", ") == 0", ""}}};
    static const char *const fillers[] = {"to",   "be",    "been", "is",   "that", "which", "and", "has",
                                          "have", "with",  "at",   "of",   "same", "a",     "an",  "but",
                                          "does", "still", "also", "deep", "own",  "nested"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return assert_form(c, &known[i].form, NULL) ? 1 : -1;
    if (strcmp(name, "undefined") == 0) {
        c->negated = !c->negated;
        bool ok = assert_form(c, &known[3].form, NULL);
        c->negated = !c->negated;
        return ok ? 1 : -1;
    }
    if (strcmp(name, "ok") == 0) {
        struct text e = TEXT_INIT;
        text_puts(&e, c->negated ? "!" : "");
        bool ok = script_write_truth(c->s, c->subject, &e);
        if (ok)
            add_expression(c->s, c->out, &e);
        else
            text_deinit(&e);
        return ok ? 1 : -1;
    }
    c->negated = c->negated != (strcmp(name, "not") == 0);
    c->all = c->all || strcmp(name, "all") == 0;
    if (strcmp(name, "not") == 0 || strcmp(name, "all") == 0)
        return 0;
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++)
        if (strcmp(fillers[i], name) == 0)
            return 0;
    return -1;
}

/* ---- pm.response.to ---- */

static const struct js status_member = {
    .kind = JS_MEMBER,
    .text = "code",
    .a = &(const struct js){
        .kind = JS_MEMBER, .text = "response", .a = &(const struct js){.kind = JS_NAME, .text = "pm"}}};

static bool assert_status(struct chain *c, const char *op, const char *number)
{
    struct js value = {.kind = JS_NUMBER, .text = number};
    struct text query = TEXT_INIT, between = TEXT_INIT;
    text_printf(&query, "%s ", op);
    text_printf(&between, " %s ", op);
    c->subject = &status_member;
    bool ok = text_ok(&query) && text_ok(&between) &&
              assert_form(c, &(struct form){text_string(&query), "", text_string(&between), ""}, &value);
    text_deinit(&query);
    text_deinit(&between);
    return ok;
}

static bool assert_header(struct chain *c, const struct js *call)
{
    struct js *headers = ARENA_NEW(&c->s->p->arena, struct js), *name = ARENA_NEW(&c->s->p->arena, struct js);
    if (headers == NULL || name == NULL) {
        tree_no_memory(&c->s->p->tree);
        return false;
    }
    *name = (struct js){.kind = JS_NAME, .text = "responseHeaders"};
    *headers = (struct js){.kind = JS_INDEX, .a = name, .b = call->items[0], .text = ""};
    c->subject = headers;
    return call->items[0]->kind == JS_TEXT &&
           (call->count > 1 ? assert_form(c, &(struct form){"== ", "", " == ", ""}, call->items[1])
                            : assert_form(c, &(struct form){"exists", "", " != nil", ""}, NULL));
}

static bool assert_response(struct chain *c, const struct link *l)
{
    static const struct {
        const char *name, *op, *number, *op_2, *number_2;
    } words[] = {{"ok", "==", "200", NULL, NULL},           {"success", ">=", "200", "<", "300"},
                 {"accepted", "==", "202", NULL, NULL},     {"badRequest", "==", "400", NULL, NULL},
                 {"unauthorized", "==", "401", NULL, NULL}, {"forbidden", "==", "403", NULL, NULL},
                 {"notFound", "==", "404", NULL, NULL},     {"rateLimited", "==", "429", NULL, NULL},
                 {"redirection", ">=", "300", "<", "400"},  {"clientError", ">=", "400", "<", "500"},
                 {"serverError", ">=", "500", "<", "600"},  {"error", ">=", "400", "<", "600"}};
    static const char *const reasons[][2] = {{"OK", "200"},          {"Created", "201"},
                                             {"Accepted", "202"},    {"No Content", "204"},
                                             {"Bad Request", "400"}, {"Unauthorized", "401"},
                                             {"Forbidden", "403"},   {"Not Found", "404"},
                                             {"Conflict", "409"},    {"Internal Server Error", "500"}};
    const struct js *first = l->call != NULL && l->call->count > 0 ? l->call->items[0] : NULL;
    for (size_t i = 0; first == NULL && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].name, l->name) == 0)
            return !(c->negated && words[i].op_2 != NULL) && assert_status(c, words[i].op, words[i].number) &&
                   (words[i].op_2 == NULL || assert_status(c, words[i].op_2, words[i].number_2));
    if (strcmp(l->name, "json") == 0) {
        struct js name = {.kind = JS_TEXT, .text = "content-type"}, json = {.kind = JS_TEXT, .text = "json"};
        struct js headers = {.kind = JS_NAME, .text = "responseHeaders"};
        struct js header = {.kind = JS_INDEX, .a = &headers, .b = &name};
        c->subject = &header;
        return assert_form(c, &(struct form){"contains ", "", " contains ", ""}, &json);
    }
    if (first != NULL && strcmp(l->name, "status") == 0) {
        for (size_t i = 0; first->kind == JS_TEXT && i < sizeof reasons / sizeof reasons[0]; i++)
            if (strcmp(reasons[i][0], first->text) == 0)
                return assert_status(c, "==", reasons[i][1]);
        c->subject = &status_member;
        return first->kind != JS_TEXT && assert_form(c, &(struct form){"== ", "", " == ", ""}, first);
    }
    if (first != NULL && strcmp(l->name, "header") == 0)
        return assert_header(c, l->call);
    if (first != NULL && strcmp(l->name, "body") == 0 && first->kind == JS_TEXT) {
        struct js body = {.kind = JS_NAME, .text = "responseBody"};
        c->subject = &body;
        return assert_form(c, &(struct form){"== ", NULL, NULL, NULL}, first);
    }
    return false;
}

/* ---- the chain ---- */

/* Its links, the last one first; what it begins with is returned. NULL: too long, or no chain. */
static const struct js *take_links(struct chain *c, const struct js *e)
{
    while (c->count < LINKS_MAX) {
        const struct js *call = e->kind == JS_CALL ? e : NULL, *of = call != NULL ? call->a : e;
        if (call != NULL && (script_path_is(of, "pm.expect") || script_path_is(of, "expect")))
            return call;
        if (script_path_is(e, "pm.response"))
            return e;
        if (of->kind != JS_MEMBER)
            return NULL;
        c->links[c->count++] = (struct link){.name = of->text, .call = call};
        e = of->a;
    }
    return NULL;
}

bool script_expect(struct script *s, const struct js *e, struct build_node *out)
{
    struct chain c = {.s = s, .out = out};
    const struct js *from = take_links(&c, e);
    bool response = from != NULL && from->kind == JS_MEMBER, ok = from != NULL, said = false;
    if (!ok || s->before || c.count == 0 || (!response && from->count == 0))
        return false;
    c.subject = response ? &status_member : from->items[0];
    for (size_t i = c.count; i > 0 && ok; i--) {
        const struct link *l = &c.links[i - 1];
        /* have.lengthOf.above(2), length.above(2): about the length */
        bool length = l->call == NULL && (strcmp(l->name, "length") == 0 || strcmp(l->name, "lengthOf") == 0);
        if (length) {
            struct js *of = ARENA_NEW(&s->p->arena, struct js);
            if (of != NULL)
                *of = (struct js){.kind = JS_MEMBER, .text = "length", .a = c.subject};
            else
                tree_no_memory(&s->p->tree);
            ok = of != NULL;
            c.subject = of;
            continue;
        }
        if (response && assert_response(&c, l)) {
            said = true;
            continue;
        }
        int word = l->call == NULL ? assert_word(&c, l->name) : 1;
        ok = word >= 0 && (l->call == NULL || (!response && assert_call(&c, l->name, l->call)));
        said = said || (ok && word == 1);
    }
    return ok && said;
}

bool script_check(struct script *s, const struct js *e, struct build_node *out)
{
    if (e->kind == JS_BOTH && strcmp(e->text, "&&") == 0 && s->depth < JS_DEPTH_MAX) {
        s->depth++;
        bool both = script_check(s, e->a, out) && script_check(s, e->b, out);
        s->depth--;
        return both;
    }
    static const char *const ops[][2] = {{"===", "== "}, {"==", "== "}, {"!==", "== "}, {"!=", "== "},
                                         {"<", "< "},    {">", "> "},   {"<=", "<= "},  {">=", ">= "}};
    struct text line = TEXT_INIT, truth = TEXT_INIT;
    bool has = e->kind == JS_CALL && e->count == 1 && e->a->kind == JS_MEMBER && strcmp(e->a->text, "has") == 0 &&
               script_is_raw(s, e->a->a);
    has = has || (e->kind == JS_CALL && e->count == 1 && e->a->kind == JS_MEMBER &&
                  strcmp(e->a->text, "includes") == 0 && script_is_raw(s, e->a->a));
    struct chain c = {.s = s, .out = out, .subject = has ? e->a->a : e->a};
    if (has)
        return assert_form(&c, &(struct form){"contains ", NULL, NULL, NULL}, e->items[0]);
    if (e->kind == JS_BOOL && strcmp(e->text, "true") == 0 && plain_times(s))
        return true;
    for (size_t i = 0; e->kind == JS_BOTH && plain_times(s) && i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i][0], e->text) != 0 || !script_write_source(s, e->a, &line))
            continue;
        text_printf(&line, " %s%s", e->text[0] == '!' ? "not " : "", ops[i][1]);
        if (script_write_literal(s, e->b, &line)) {
            add_line(s, out, &line);
            return true;
        }
        text_clear(&line);
    }
    text_deinit(&line);
    bool ok = script_write_truth(s, e, &truth);
    if (ok)
        add_expression(s, out, &truth);
    else
        text_deinit(&truth);
    return ok;
}
