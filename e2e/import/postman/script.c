/* Scripts of Postman are programs. Those statements that most of them are made of become checks, captures and steps:
 *
 *   pm.test("...", function () {   ...   });        what is inside counts, the name does not
 *   tests["..."] = CONDITION;                       as scripts were written before
 *   pm.expect(VALUE).to...;  pm.response.to...;     expect.c
 *   pm.environment.set("name", VALUE);              and collectionVariables, globals, variables
 *   const a = VALUE;                                a is another name for it
 *   if (CONDITION) { ... } else { ... }             checks and sets inside are done on that condition
 *   try { ... } catch (e) { ... }                   what is tried; what is done when it fails is left out
 *   LIST.forEach(function (item) { pm.expect(item)... });
 *
 * Everything else is left out and told, a line each. */
#include "e2e/import/postman/script.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct lines {
    struct text source;
    const struct node **nodes; /* of each line; NULL: no memory */
    size_t count;
};

static void do_statement(struct script *s, const struct lines *l, const struct js *e);

static const struct node *node_at(const struct lines *l, size_t at)
{
    size_t line = 0;
    for (size_t i = 0; i < at && i < l->source.len; i++)
        line += l->source.data[i] == '\n';
    return l->nodes[line < l->count ? line : l->count - 1];
}

static void leave_out(struct script *s, const struct lines *l, size_t at, size_t end)
{
    while (at < end && s->p->tree.code == 0) {
        const char *from = text_string(&l->source) + at;
        size_t len = strcspn(from, "\n"), next = at + len + 1;
        len = len < end - at ? len : end - at;
        while (len > 0 && isspace((unsigned char)*from)) {
            from++;
            len--;
        }
        while (len > 0 && isspace((unsigned char)from[len - 1]))
            len--;
        if (len > strspn(from, "{}()[];, \t")) /* not what only closes */
            postman_leave_out(s->p, node_at(l, at), s->step->name, from, len);
        at = next;
    }
}

/* ---- names ---- */

static bool put_name(struct script *s, const char *name, const struct js *value)
{
    if (s->name_count == SCRIPT_NAMES_MAX)
        return false;
    s->names[s->name_count++] = (struct script_name){.name = name, .value = value};
    s->seen = s->name_count;
    return true;
}

/* Names that something which nobody understands gives a value are not known any more. */
static void forget(struct script *s, const struct lines *l, size_t at, size_t end)
{
    size_t count = s->name_count;
    for (size_t i = 0; i < count; i++) {
        const char *name = s->names[i].name;
        size_t len = strlen(name);
        for (size_t k = at; k + len < end; k++) {
            const char *p = text_string(&l->source) + k, *behind = p + len;
            if (strncmp(p, name, len) != 0 ||
                (k > 0 && (isalnum((unsigned char)p[-1]) || strchr("_$.", p[-1]) != NULL)))
                continue;
            behind += strspn(behind, " ");
            bool sets =
                (*behind == '=' && behind[1] != '=' && behind[1] != '>') ||
                (strchr("+-*/", *behind) != NULL && *behind != '\0' && (behind[1] == '=' || behind[1] == *behind));
            if (sets && !put_name(s, name, NULL))
                return;
        }
    }
}

static void unknown(struct script *s, const struct lines *l, const struct js *e)
{
    bool closed = e->end < l->source.len && l->source.data[e->end] == ';';
    leave_out(s, l, e->at, e->end + closed);
    forget(s, l, e->at, e->end);
}

/* Can it be said, or is it a name for something that is only looked at where it is used? */
static bool is_value(struct script *s, const struct js *e)
{
    struct text trial = TEXT_INIT;
    bool ok = e->kind == JS_FUNCTION || e->kind == JS_REGEX || script_is_raw(s, e) || script_write(s, e, &trial) ||
              (text_clear(&trial), script_write_text(s, e, &trial));
    text_deinit(&trial);
    return ok;
}

static bool name_value(struct script *s, const struct js *to, const struct js *value)
{
    if (to->kind == JS_NAME)
        return put_name(s, to->text, value);
    for (size_t i = 0; i < to->count && value != NULL; i += 2) { /* {a, b} = value */
        struct js *member = ARENA_NEW(&s->p->arena, struct js);
        if (member == NULL) {
            tree_no_memory(&s->p->tree);
            return false;
        }
        *member = (struct js){.kind = JS_MEMBER, .text = to->items[i]->text, .a = value};
        if (to->items[i + 1]->kind != JS_NAME || !put_name(s, to->items[i + 1]->text, member))
            return false;
    }
    return true;
}

/* ---- set ---- */

static struct build_node *make_set(struct script *s, const char *name, struct build_node *value)
{
    struct build *b = &s->p->tree.build;
    size_t at = tree_at(&s->p->tree, s->n);
    struct build_node *step = build_map(b, at), *set = build_map(b, at);
    build_put(b, set, name, value);
    build_put(b, step, "set", set);
    return step;
}

static struct build_node *expression(struct script *s, struct text *e)
{
    struct text whole = TEXT_INIT;
    text_printf(&whole, "${= %s}", text_string(e));
    whole.failed = whole.failed || !text_ok(e);
    return tree_text(&s->p->tree, s->n, &whole);
}

/* The answer under a name, for what is computed of it behind the step. NULL: there is none. */
static const char *keep_answer(struct script *s)
{
    if (s->before || s->p->tree.code != 0)
        return NULL;
    if (s->step->answer == NULL) {
        s->step->answer = arena_printf(&s->p->arena, "answer_%zu", ++s->p->answers);
        if (s->step->answer == NULL)
            tree_no_memory(&s->p->tree);
    }
    return s->step->answer;
}

static void put_capture(struct script *s, const char *name, const char *path)
{
    struct build *b = &s->p->tree.build;
    if (s->step->captures == NULL) {
        s->step->captures = build_map(b, tree_at(&s->p->tree, s->n));
        build_put(b, s->step->step, "capture", s->step->captures);
    }
    build_replace(b, s->step->captures, name, tree_string(&s->p->tree, s->n, path));
}

/* The value of a variable that is set: NULL: it cannot be said. */
static struct build_node *value_of(struct script *s, const struct js *value)
{
    struct text out = TEXT_INIT;
    struct build *b = &s->p->tree.build;
    size_t at = tree_at(&s->p->tree, s->n);
    struct build_node *n = NULL;
    bool kept = false;
    if (value->kind == JS_BOOL)
        return build_bool(b, at, strcmp(value->text, "true") == 0);
    if (value->kind == JS_NULL)
        return build_null(b, at);
    if (script_write_literal(s, value, &out) && value->kind == JS_NUMBER) {
        json_t *number = json_loads(text_string(&out), JSON_DECODE_ANY, NULL);
        n = number != NULL ? build_json(b, at, number) : NULL;
        json_decref(number);
    }
    text_clear(&out);
    if (n == NULL && script_write_text(s, value, &out))
        n = tree_text(&s->p->tree, s->n, &out);
    text_clear(&out);
    const char *was = s->answer;
    s->answer = keep_answer(s);
    if (n == NULL && script_write(s, value, &out) && text_ok(&out)) {
        kept = s->answer != NULL && strstr(text_string(&out), s->answer) != NULL;
        n = expression(s, &out);
    }
    if (kept)
        put_capture(s, s->answer, "$");
    s->answer = was;
    text_deinit(&out);
    return n;
}

/* Where the statement has a condition: the step inside an `if`. */
static struct build_node *guarded(struct script *s, struct build_node *step)
{
    struct build *b = &s->p->tree.build;
    size_t at = tree_at(&s->p->tree, s->n);
    struct text name = TEXT_INIT, guard = TEXT_INIT;
    if (s->guard_after == NULL)
        return step;
    text_printf(&name, "condition_%zu", ++s->p->answers);
    text_puts(&guard, s->guard_after);
    if (s->step->answer != NULL && strstr(s->guard_after, s->step->answer) != NULL)
        put_capture(s, s->step->answer, "$");
    build_add(b, s->p->steps, make_set(s, text_string(&name), expression(s, &guard)));
    struct build_node *choice = build_map(b, at), *wanted = build_map(b, at), *then = build_list(b, at);
    build_put(b, wanted, text_string(&name), build_bool(b, at, true));
    build_put(b, choice, "if", wanted);
    build_add(b, then, step);
    build_put(b, choice, "then", then);
    b->failed = b->failed || !text_ok(&name) || !text_ok(&guard);
    text_deinit(&name);
    text_deinit(&guard);
    return choice;
}

static bool do_set(struct script *s, const struct js *call)
{
    static char there;
    const struct js *value = call->count == 2 ? call->items[1] : NULL;
    struct text source = TEXT_INIT;
    if (value == NULL || call->items[0]->kind != JS_TEXT || call->items[0]->text[0] == '\0' || s->list != NULL)
        return false;
    const char *name = postman_variable(s->p, call->items[0]->text, strlen(call->items[0]->text));
    bool captured = name != NULL && s->guard == NULL && script_write_source(s, value, &source) &&
                    strcmp(text_string(&source), "duration") != 0;
    if (captured) {
        put_capture(s, name, text_string(&source));
    } else {
        struct build_node *said = name != NULL ? value_of(s, value) : NULL;
        if (said == NULL) {
            text_deinit(&source);
            return false;
        }
        build_add(&s->p->tree.build, s->p->steps, guarded(s, make_set(s, name, said)));
    }
    text_deinit(&source);
    if (!map_put(&s->p->defined, name, &there))
        tree_no_memory(&s->p->tree);
    return true;
}

/* ---- statements ---- */

static void do_body(struct script *s, const struct lines *l, const struct js *body)
{
    for (size_t i = 0; body->kind == JS_BLOCK && i < body->count; i++)
        do_statement(s, l, body->items[i]);
    if (body->kind != JS_BLOCK) { /* () => pm.expect(...) */
        const struct js one = {.kind = JS_EVAL, .a = body, .at = body->at, .end = body->end};
        do_statement(s, l, &one);
    }
}

static void add_checks(struct script *s, struct build_node *checks)
{
    struct build *b = &s->p->tree.build;
    if (build_count(checks) == 0)
        return;
    if (s->step->checks == NULL) {
        s->step->checks = build_list(b, tree_at(&s->p->tree, s->n));
        build_put(b, s->step->step, "check", s->step->checks);
    }
    build_splice(s->step->checks, checks);
}

/* list.forEach(item => ...) */
static bool do_each(struct script *s, const struct lines *l, const struct js *e)
{
    const struct js *f = e->count == 1 ? e->items[0] : NULL;
    struct text list = TEXT_INIT;
    if (f == NULL || f->kind != JS_FUNCTION || f->count != 1 || f->items[0]->kind != JS_NAME || s->list != NULL ||
        s->before || e->a->kind != JS_MEMBER || strcmp(e->a->text, "forEach") != 0)
        return false;
    bool ok = script_write(s, e->a->a, &list);
    s->list = ok ? arena_string(&s->p->arena, text_string(&list)) : NULL;
    s->item = f->items[0]->text;
    text_deinit(&list);
    if (ok && s->list == NULL)
        tree_no_memory(&s->p->tree);
    if (s->list != NULL)
        do_body(s, l, f->b);
    s->list = s->item = NULL;
    return ok;
}

static bool do_call(struct script *s, const struct lines *l, const struct js *e)
{
    static const char *const sets[] = {
        "pm.environment.set", "pm.collectionVariables.set",     "pm.globals.set",
        "pm.variables.set",   "postman.setEnvironmentVariable", "postman.setGlobalVariable"};
    const struct js *last = e->kind == JS_CALL && e->count > 0 ? e->items[e->count - 1] : NULL;
    for (size_t i = 0; e->kind == JS_CALL && i < sizeof sets / sizeof sets[0]; i++)
        if (script_path_is(e->a, sets[i]))
            return do_set(s, e);
    if (s->before)
        return false;
    if (last != NULL && last->kind == JS_FUNCTION && last->count == 0 && e->count == 2 &&
        script_path_is(e->a, "pm.test")) {
        const char *guard = s->guard, *after = s->guard_after;
        do_body(s, l, last->b);
        s->over = s->returned = false; /* of the test */
        s->guard = guard;
        s->guard_after = after;
        return true;
    }
    if (last != NULL && do_each(s, l, e))
        return true;
    struct build_node *checks = build_list(&s->p->tree.build, tree_at(&s->p->tree, s->n));
    bool ok = script_expect(s, e, checks);
    if (ok)
        add_checks(s, checks);
    return ok;
}

static bool do_assign(struct script *s, const struct js *e)
{
    bool test = e->a->kind == JS_INDEX && script_path_is(e->a->a, "tests") && strcmp(e->text, "=") == 0;
    if (test && !s->before) {
        struct build_node *checks = build_list(&s->p->tree.build, tree_at(&s->p->tree, s->n));
        bool ok = script_check(s, e->b, checks);
        if (ok)
            add_checks(s, checks);
        return ok;
    }
    if (e->a->kind != JS_NAME || strcmp(e->text, "=") != 0 || s->list != NULL)
        return false;
    bool known = s->guard == NULL && is_value(s, e->b);
    return put_name(s, e->a->text, known ? e->b : NULL) && known;
}

/* Both of them joined by &&; `of` NULL: only the other. */
static const char *join(struct script *s, const char *of, struct text *more, bool negated)
{
    struct text out = TEXT_INIT;
    if (of != NULL)
        text_printf(&out, "%s && ", of);
    text_printf(&out, negated ? "!(%s)" : "%s", text_string(more));
    const char *kept = text_ok(&out) && text_ok(more) ? arena_string(&s->p->arena, text_string(&out)) : NULL;
    if (kept == NULL)
        tree_no_memory(&s->p->tree);
    text_deinit(&out);
    return kept;
}

/* What is assigned inside of it is not known behind it. */
static bool do_if(struct script *s, const struct lines *l, const struct js *e)
{
    const char *guard = s->guard, *after = s->guard_after, *answer = s->answer;
    struct text here = TEXT_INIT, behind = TEXT_INIT;
    bool ok = s->list == NULL && s->depth < 8 && script_write_truth(s, e->a, &here);
    s->answer = ok ? keep_answer(s) : answer;
    ok = ok && script_write_truth(s, e->a, &behind);
    s->answer = answer;
    const struct js *branches[] = {e->b, e->c};
    bool left[2] = {false, false}, outside = s->returned;
    s->returned = false;
    size_t names = s->name_count;
    s->depth++;
    for (int i = 0; ok && i < 2 && s->p->tree.code == 0; i++) {
        s->guard = join(s, guard, &here, i == 1);
        s->guard_after = join(s, after, &behind, i == 1);
        if (branches[i] != NULL && s->guard != NULL && s->guard_after != NULL) {
            if (branches[i]->kind == JS_BLOCK)
                do_body(s, l, branches[i]);
            else
                do_statement(s, l, branches[i]);
        }
        s->name_count = s->seen = names;
        left[i] = s->returned;
        s->returned = false;
    }
    s->depth--;
    s->guard = guard;
    s->guard_after = after;
    s->returned = outside;
    if (ok && (left[0] || left[1]) && s->p->tree.code == 0) { /* what follows is done when nothing was returned */
        s->guard = join(s, guard, &here, left[0]);
        s->guard_after = join(s, after, &behind, left[0]);
        s->over = left[0] && left[1];
        s->returned = s->depth > 0;
    }
    text_deinit(&here);
    text_deinit(&behind);
    if (ok)
        forget(s, l, e->at, e->end);
    return ok;
}

static void do_statement(struct script *s, const struct lines *l, const struct js *e)
{
    bool ok = true;
    if (s->p->tree.code != 0 || s->over)
        return;
    s->n = node_at(l, e->at);
    s->seen = s->name_count;
    if (e->kind == JS_UNKNOWN && strncmp(text_string(&l->source) + e->at, "return", 6) == 0 && s->list == NULL) {
        s->returned = true;
        s->over = s->guard == NULL;
        return;
    }
    if (e->kind == JS_BLOCK) {
        do_body(s, l, e);
    } else if (e->kind == JS_EVAL) {
        ok = do_call(s, l, e->a) || (e->a->kind == JS_TEXT); /* 'use strict' */
    } else if (e->kind == JS_SET) {
        ok = do_assign(s, e);
    } else if (e->kind == JS_DECLARE) {
        for (size_t i = 0; i < e->count && ok; i++) {
            const struct js *one = e->items[i];
            bool known = one->b == NULL || is_value(s, one->b);
            ok = (s->list == NULL && name_value(s, one->a, known ? one->b : NULL) && known);
        }
    } else if (e->kind == JS_IF) {
        ok = do_if(s, l, e);
    } else if (e->kind == JS_TRY) {
        do_body(s, l, e->b);
        if (e->c != NULL && e->c->count > 0)
            leave_out(s, l, e->c->at, e->c->end);
    } else {
        ok = e->kind == JS_NOTHING;
    }
    if (!ok)
        unknown(s, l, e);
}

/* ---- the script ---- */

static void add_source(struct lines *l, const struct node *n)
{
    if (n->kind != NODE_TEXT)
        return;
    text_add(&l->source, n->text.data, n->text.len);
    text_char(&l->source, '\n');
}

static size_t count_lines(const struct node *n)
{
    size_t count = 1;
    for (size_t i = 0; n->kind == NODE_TEXT && i < n->text.len; i++)
        count += n->text.data[i] == '\n';
    return n->kind == NODE_TEXT ? count : 0;
}

void postman_script(struct postman *p, const struct node *event, struct postman_step *step, bool before)
{
    const struct node *script = node_get(event, "script"), *exec = node_get(script, "exec");
    struct lines l = {.source = TEXT_INIT};
    size_t total = 1;
    if (exec == NULL || exec->kind == NODE_NULL || p->tree.code != 0)
        return;
    bool list = exec->kind == NODE_LIST;
    for (size_t i = 0; i < (list ? exec->list.count : 1); i++)
        total += count_lines(list ? &exec->list.items[i] : exec);
    struct script *s = ARENA_NEW(&p->arena, struct script);
    l.nodes = ARENA_NEW_N(&p->arena, const struct node *, total);
    if (l.nodes == NULL || s == NULL) {
        tree_no_memory(&p->tree);
        return;
    }
    for (size_t i = 0; i < (list ? exec->list.count : 1); i++) {
        const struct node *n = list ? &exec->list.items[i] : exec;
        for (size_t k = count_lines(n); k > 0; k--)
            l.nodes[l.count++] = n;
        add_source(&l, n);
    }
    const struct js *tree = text_ok(&l.source) ? js_read(&p->arena, text_bytes(&l.source)) : NULL;
    *s = (struct script){.p = p, .step = step, .before = before, .answer = before ? NULL : "answer", .n = exec};
    if (tree == NULL)
        tree_no_memory(&p->tree);
    for (size_t i = 0; tree != NULL && i < tree->count && l.count > 0; i++)
        do_statement(s, &l, tree->items[i]);
    text_deinit(&l.source);
}
