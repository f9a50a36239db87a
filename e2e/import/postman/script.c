/* Scripts of Postman are programs. The statements that most of them are made of are known by their form, one a line:
 *
 *   pm.test("...", function () {   ...   });        what is inside counts, the name does not
 *   const jsonData = pm.response.json();
 *   pm.response.to.have.status(200);  pm.response.to.be.ok;  pm.response.to.have.header("X");
 *   pm.expect(VALUE).to.eql(LITERAL);   and equal, include, above, below, at.least, at.most, exist, true, false, ...
 *   pm.environment.set("name", VALUE);  and collectionVariables, globals, variables
 *
 * VALUE: pm.response.code, pm.response.json().a.b, jsonData.a[0], pm.response.text(), pm.response.headers.get("X"),
 * pm.response.responseTime. Anything else is left out and told; so is all that stands inside of braces it opens, since
 * that may never be done. */
#include "e2e/import/postman/postman.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIASES_MAX 16

struct script {
    struct postman *p;
    struct postman_step *step;
    bool before;          /* the request: there is no answer */
    const struct node *n; /* the line, for places */
    char aliases[ALIASES_MAX][64];
    size_t alias_count;
    int skipped; /* braces open since something unknown */
};

static bool take(const char **at, const char *what)
{
    size_t len = strlen(what);
    if (strncmp(*at, what, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool at_end(const char *at)
{
    at += strspn(at, " \t;)");
    return *at == '\0' || strncmp(at, "//", 2) == 0;
}

/* ---- literals ---- */

/* "text", 12, true, null: as queries write it. False: something else. */
static bool take_literal(struct script *s, const char **at, struct text *out)
{
    static const char *const words[] = {"true", "false", "null"};
    char quote = **at;
    if (quote == '"' || quote == '\'') {
        struct text in = TEXT_INIT, said = TEXT_INIT;
        for (++*at; **at != '\0' && **at != quote; ++*at) {
            if (**at == '\\' && (*at)[1] != '\0')
                ++*at;
            text_char(&in, **at);
        }
        bool closed = **at == quote;
        *at += closed;
        postman_say(&s->p->tree, s->n, text_bytes(&in), &said);
        text_char(out, '"');
        for (size_t i = 0; i < said.len; i++) {
            if (strchr("\"\\", said.data[i]) != NULL)
                text_char(out, '\\');
            text_char(out, said.data[i]);
        }
        text_char(out, '"');
        out->failed = out->failed || !text_ok(&in) || !text_ok(&said);
        text_deinit(&in);
        text_deinit(&said);
        return closed;
    }
    for (size_t i = 0; i < 3; i++)
        if (take(at, words[i])) {
            text_puts(out, words[i]);
            return true;
        }
    size_t len = strspn(*at, "-0123456789.");
    text_add(out, *at, len);
    *at += len;
    return len > 0 && isdigit((unsigned char)(*at)[-1]);
}

/* ---- values ---- */

/* ".a.b[0]" behind a JSON value: a path from "$". */
static bool take_path(const char **at, struct text *path)
{
    text_char(path, '$');
    for (;;) {
        size_t len;
        if (**at == '.' && (isalpha((unsigned char)(*at)[1]) || (*at)[1] == '_')) {
            if (strncmp(*at, ".to.", 4) == 0)
                return true;
            for (len = 1; isalnum((unsigned char)(*at)[len]) || (*at)[len] == '_';)
                len++;
            if ((*at)[len] == '(')
                return false; /* a function of it */
            text_add(path, *at, len);
            *at += len;
        } else if (**at == '[' && (len = strspn(*at + 1, "0123456789")) > 0 && (*at)[len + 1] == ']') {
            text_add(path, *at, len + 2);
            *at += len + 2;
        } else if (**at == '[' && ((*at)[1] == '"' || (*at)[1] == '\'')) {
            len = strcspn(*at + 2, "\"'\\");
            if ((*at)[2 + len] != (*at)[1] || (*at)[3 + len] != ']')
                return false;
            text_printf(path, "['%.*s']", (int)len, *at + 2);
            *at += len + 4;
        } else {
            return true;
        }
    }
}

static bool take_alias(struct script *s, const char **at)
{
    for (size_t i = 0; i < s->alias_count; i++) {
        size_t len = strlen(s->aliases[i]);
        if (strncmp(*at, s->aliases[i], len) == 0 && !isalnum((unsigned char)(*at)[len]) && (*at)[len] != '_') {
            *at += len;
            return true;
        }
    }
    return false;
}

/* A query's source. */
static bool take_value(struct script *s, const char **at, struct text *out)
{
    struct text path = TEXT_INIT;
    bool ok = true;
    if (take(at, "pm.response.code") || take(at, "responseCode.code")) {
        text_puts(out, "status");
    } else if (take(at, "pm.response.responseTime")) {
        text_puts(out, "duration");
    } else if (take(at, "pm.response.text()") || take(at, "responseBody")) {
        text_puts(out, "body");
    } else if (take(at, "pm.response.headers.get(")) {
        text_puts(out, "header ");
        ok = take_literal(s, at, out) && take(at, ")");
    } else if (take(at, "pm.response.json()") || take(at, "JSON.parse(responseBody)") || take_alias(s, at)) {
        ok = take_path(at, &path);
        text_printf(out, "jsonpath \"%s\"", text_string(&path));
    } else {
        ok = false;
    }
    text_deinit(&path);
    return ok;
}

/* ---- checks and captures ---- */

static void add_check(struct script *s, struct text *line)
{
    struct build *b = &s->p->tree.build;
    if (s->step->checks == NULL) {
        s->step->checks = build_list(b, tree_at(&s->p->tree, s->n));
        build_put(b, s->step->step, "check", s->step->checks);
    }
    build_add(b, s->step->checks, tree_text(&s->p->tree, s->n, line));
}

static bool check(struct script *s, const char *words)
{
    struct text line = TEXT_INIT;
    text_puts(&line, words);
    add_check(s, &line);
    return true;
}

/* What stands behind pm.expect(VALUE): `out` has the source already. */
static bool take_predicate(struct script *s, const char **at, struct text *out)
{
    static const struct {
        const char *chai, *query;
        bool argument;
    } forms[] = {
        {"deep.equal(", "== ", true},
        {"be.equal(", "== ", true},
        {"be.eql(", "== ", true},
        {"equals(", "== ", true},
        {"equal(", "== ", true},
        {"eql(", "== ", true},
        {"eq(", "== ", true},
        {"include(", "contains ", true},
        {"contain(", "contains ", true},
        {"includes(", "contains ", true},
        {"be.above(", "> ", true},
        {"be.greaterThan(", "> ", true},
        {"be.below(", "< ", true},
        {"be.lessThan(", "< ", true},
        {"be.at.least(", ">= ", true},
        {"be.at.most(", "<= ", true},
        {"have.lengthOf(", "count == ", true},
        {"be.true", "== true", false},
        {"be.false", "== false", false},
        {"be.null", "== null", false},
        {"exist", "exists", false},
        {"be.empty", "isEmpty", false},
        {"be.not.empty", "not isEmpty", false},
        {"be.an('array')", "isList", false},
        {"be.an(\"array\")", "isList", false},
        {"be.an('object')", "isObject", false},
        {"be.an(\"object\")", "isObject", false},
        {"be.a('string')", "isString", false},
        {"be.a(\"string\")", "isString", false},
        {"be.a('number')", "isNumber", false},
        {"be.a(\"number\")", "isNumber", false},
        {"be.a('boolean')", "isBoolean", false},
        {"be.a(\"boolean\")", "isBoolean", false},
        {"not.be.undefined", "exists", false},
        {"be.undefined", "not exists", false},
    };
    if (!take(at, ".to."))
        return false;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const char *from = *at;
        bool negated = strncmp(forms[i].chai, "not.", 4) != 0 && take(&from, "not.");
        if (!take(&from, forms[i].chai))
            continue;
        text_printf(out, " %s%s", negated ? "not " : "", forms[i].query);
        *at = from;
        return !forms[i].argument || take_literal(s, at, out);
    }
    return false;
}

static bool take_expect(struct script *s, const char *at)
{
    struct text line = TEXT_INIT;
    bool ok = take_value(s, &at, &line) && take(&at, ")");
    if (ok && strncmp(text_string(&line), "jsonpath", 8) == 0 && take(&at, ".to.have.property(")) {
        /* pm.expect(jsonData).to.have.property("id"[, LITERAL]) */
        struct text name = TEXT_INIT;
        ok = take_literal(s, &at, &name) && name.len > 2 && name.data[0] == '"' &&
             strpbrk(text_string(&name) + 1, "\\'") == NULL;
        if (ok) {
            text_truncate(&line, line.len - 1);
            text_printf(&line, "['%.*s']\" ", (int)name.len - 2, name.data + 1);
            at += strspn(at, ", ");
            if (*at == ')') {
                text_puts(&line, "exists");
            } else {
                text_puts(&line, "== ");
                ok = take_literal(s, &at, &line);
            }
        }
        text_deinit(&name);
    } else {
        ok = ok && take_predicate(s, &at, &line);
    }
    ok = ok && at_end(at);
    if (ok)
        add_check(s, &line);
    else
        text_deinit(&line);
    return ok;
}

static bool take_response(struct script *s, const char *at)
{
    struct text line = TEXT_INIT;
    bool ok = false;
    if (take(&at, "have.status(") && isdigit((unsigned char)*at)) {
        text_puts(&line, "status == ");
        ok = take_literal(s, &at, &line);
    } else if (take(&at, "be.ok") || take(&at, "be.success")) {
        ok = at_end(at) && check(s, "status >= 200");
        text_puts(&line, "status < 300");
    } else if (take(&at, "have.header(")) {
        text_puts(&line, "header ");
        ok = take_literal(s, &at, &line);
        if (ok && take(&at, ",")) {
            at += strspn(at, " ");
            text_puts(&line, " == ");
            ok = take_literal(s, &at, &line);
        } else {
            text_puts(&line, " exists");
        }
    } else if (take(&at, "be.json")) {
        text_puts(&line, "header \"content-type\" contains \"json\"");
        ok = true;
    }
    ok = ok && at_end(at);
    if (ok)
        add_check(s, &line);
    else
        text_deinit(&line);
    return ok;
}

static void add_set(struct script *s, const char *name, const struct text *literal)
{
    struct build *b = &s->p->tree.build;
    size_t at = tree_at(&s->p->tree, s->n);
    struct build_node *step = build_map(b, at), *set = build_map(b, at);
    json_t *value = json_loads(text_string(literal), JSON_DECODE_ANY, NULL);
    if (value != NULL)
        build_put(b, set, name, build_json(b, at, value));
    json_decref(value);
    build_put(b, step, "set", set);
    build_add(b, s->p->steps, step);
}

static bool take_set(struct script *s, const char *at)
{
    struct text name = TEXT_INIT, value = TEXT_INIT;
    static char there;
    bool ok = take_literal(s, &at, &name) && name.len > 2 && name.data[0] == '"';
    at += strspn(at, ", ");
    const char *known = ok ? postman_variable(s->p, name.data + 1, name.len - 2) : NULL;
    const char *from = at;
    if (known != NULL && !s->before && take_value(s, &at, &value) && at_end(at) &&
        strcmp(text_string(&value), "duration") != 0) {
        struct build *b = &s->p->tree.build;
        if (s->step->captures == NULL) {
            s->step->captures = build_map(b, tree_at(&s->p->tree, s->n));
            build_put(b, s->step->step, "capture", s->step->captures);
        }
        if (!build_has(s->step->captures, known))
            build_put(b, s->step->captures, known, tree_string(&s->p->tree, s->n, text_string(&value)));
    } else if (known != NULL && (at = from, text_clear(&value), take_literal(s, &at, &value)) && at_end(at)) {
        add_set(s, known, &value);
    } else {
        ok = false;
    }
    if (ok && !map_put(&s->p->defined, known, &there))
        tree_no_memory(&s->p->tree);
    text_deinit(&name);
    text_deinit(&value);
    return ok;
}

/* ---- statements ---- */

static bool take_alias_statement(struct script *s, const char *at)
{
    const char *from = at;
    if (!take(&at, "const ") && !take(&at, "let ") && !take(&at, "var "))
        return false;
    at += strspn(at, " ");
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '_')
        len++;
    from = at + len + strspn(at + len, " ");
    if (len == 0 || len >= sizeof s->aliases[0] || s->alias_count == ALIASES_MAX || !take(&from, "="))
        return false;
    from += strspn(from, " ");
    if ((!take(&from, "pm.response.json()") && !take(&from, "JSON.parse(responseBody)")) || !at_end(from))
        return false;
    memcpy(s->aliases[s->alias_count], at, len);
    s->aliases[s->alias_count++][len] = '\0';
    return true;
}

static bool statement(struct script *s, const char *at)
{
    static const char *const sets[] = {
        "pm.environment.set(", "pm.collectionVariables.set(",     "pm.globals.set(",
        "pm.variables.set(",   "postman.setEnvironmentVariable(", "postman.setGlobalVariable("};
    if (*at == '\0' || strncmp(at, "//", 2) == 0 || strcspn(at, ");} \t") == 0)
        return at[strspn(at, ");} \t")] == '\0' || strncmp(at, "//", 2) == 0;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (take(&at, sets[i]))
            return take_set(s, at);
    if (s->before)
        return false;
    if (take(&at, "pm.expect("))
        return take_expect(s, at);
    if (take(&at, "pm.response.to."))
        return take_response(s, at);
    return take_alias_statement(s, at);
}

/* pm.test("name", function () { ... and the short form with => on one line. */
static const char *inside_test(const char *at, bool *opens)
{
    const char *arrow = strstr(at, "=>"), *function = strstr(at, "function");
    const char *body = arrow != NULL ? arrow + 2 : function != NULL ? strchr(function, ')') : NULL;
    if (body == NULL)
        return NULL;
    body += *body == ')';
    body += strspn(body, " ");
    *opens = *body == '{';
    return *body == '{' ? body + 1 + strspn(body + 1, " ") : body;
}

static int braces(const char *at)
{
    int open = 0;
    for (; *at != '\0'; at++)
        open += (*at == '{') - (*at == '}');
    return open;
}

static void read_line(struct script *s, const char *line, size_t len)
{
    char *copy = arena_string_n(&s->p->arena, line, len);
    bool opens = false;
    if (copy == NULL) {
        tree_no_memory(&s->p->tree);
        return;
    }
    while (len > 0 && isspace((unsigned char)copy[len - 1]))
        copy[--len] = '\0';
    const char *at = copy + strspn(copy, " \t"), *inner = NULL;
    if (s->skipped > 0) {
        s->skipped += braces(at);
    } else {
        bool test = strncmp(at, "pm.test(", 8) == 0 && !s->before;
        if (test)
            inner = inside_test(at, &opens);
        if (test ? inner != NULL && statement(s, inner) : statement(s, at))
            return;
        s->skipped = braces(at) > 0 ? braces(at) : 0;
    }
    if (s->skipped < 0)
        s->skipped = 0;
    if (*at != '\0')
        postman_leave_out(s->p, s->n, s->step->name, at, strlen(at));
}

static void read_text(struct script *s, const struct node *n)
{
    s->n = n;
    if (n->kind != NODE_TEXT)
        return;
    for (const char *p = (const char *)n->text.data; *p != '\0';) {
        size_t len = strcspn(p, "\n");
        read_line(s, p, len);
        p += len + (p[len] == '\n');
    }
}

void postman_script(struct postman *p, const struct node *event, struct postman_step *step, bool before)
{
    const struct node *script = node_get(event, "script"), *exec = node_get(script, "exec");
    struct script s = {.p = p, .step = step, .before = before};
    if (exec == NULL || exec->kind == NODE_NULL)
        return;
    if (exec->kind != NODE_LIST)
        read_text(&s, exec);
    for (size_t i = 0; exec->kind == NODE_LIST && i < exec->list.count; i++)
        read_text(&s, &exec->list.items[i]);
}
