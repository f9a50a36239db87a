/* Names: vars.x, steps.login.res.body.id, current, previous, what was bound. */
#include "e2e/import/runn/runn.h"

#include "e2e/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct expr *runn_expr(struct runn *r, const struct node *n, struct bytes text)
{
    const char *why = NULL;
    int code = 0;
    const struct expr *e = expr_parse(&r->arena, text, &why, &code);
    if (e == NULL && code == ERROR_MEMORY)
        tree_no_memory(&r->tree);
    else if (e == NULL)
        tree_error(&r->tree, n, code, "the expression \"%.*s\" %s", (int)(text.len < 200 ? text.len : 200),
                   (const char *)text.data, why);
    return e;
}

static const char *keep(struct runn *r, struct text *t)
{
    const char *out = text_ok(t) ? arena_string(&r->arena, text_string(t)) : NULL;
    if (out == NULL)
        tree_no_memory(&r->tree);
    text_deinit(t);
    return out;
}

static void put_parts(const struct expr *e, size_t from, struct text *out)
{
    for (size_t i = from; i < e->count; i++) {
        const struct expr_part *p = &e->parts[i];
        bool plain = p->name != NULL && (isalpha((unsigned char)p->name[0]) || p->name[0] == '_');
        for (const char *c = p->name; plain && *c != '\0'; c++)
            plain = isalnum((unsigned char)*c) || *c == '_';
        if (p->name == NULL)
            text_printf(out, "[%lld]", (long long)p->index);
        else
            text_printf(out, plain ? ".%s" : "[\"%s\"]", p->name);
    }
}

static bool part_is(const struct expr *e, size_t i, const char *name)
{
    return i < e->count && e->parts[i].name != NULL && strcmp(e->parts[i].name, name) == 0;
}

static bool refuse(struct runn *r, const struct node *n, const struct expr *e, const char *why)
{
    struct text name = TEXT_INIT;
    put_parts(e, 0, &name);
    tree_error(&r->tree, n, ERROR_UNSUPPORTED, "%s: %s", text_string(&name) + (name.len > 0 && name.data[0] == '.'),
               why);
    text_deinit(&name);
    return false;
}

/* headers["X"][0]: one of several values is not told apart. */
static bool put_header(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct text *path)
{
    const struct expr_part *name = &e->parts[at + 1];
    if (at + 1 >= e->count || name->name == NULL || at + 3 < e->count ||
        (at + 2 < e->count && (e->parts[at + 2].name != NULL || e->parts[at + 2].index != 0)))
        return refuse(r, n, e, "of headers only headers[\"NAME\"][0] can be said in a flow");
    text_printf(path, "$.%s[\"", e->parts[at].name);
    for (const char *c = name->name; *c != '\0'; c++)
        text_char(path, (char)tolower((unsigned char)*c));
    text_puts(path, "\"]");
    return true;
}

/* What stands behind a step's name. */
static bool put_answer(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct runn_ref *out)
{
    struct text path = TEXT_INIT;
    bool ok = true;
    if (!out->step->called) { /* another flow: its variables */
        at += part_is(e, at, "vars");
        text_char(&path, '$');
        put_parts(e, at, &path);
        if (at >= e->count || part_is(e, at, "steps"))
            ok = refuse(r, n, e, "of an included book only what it binds can be had");
    } else if (!part_is(e, at, "res") || at + 1 >= e->count) {
        ok = refuse(r, n, e, "of a step only its \"res\" and the members of that can be had");
    } else if (at++, part_is(e, at, "status") && at + 1 == e->count) {
        text_puts(&path, "$.status");
    } else if (part_is(e, at, "headers") || (out->step->grpc && part_is(e, at, "trailers"))) {
        ok = put_header(r, n, e, at, &path);
    } else if (out->step->grpc && part_is(e, at, "message")) {
        text_puts(&path, at + 1 == e->count ? "$.message" : "$.body");
        put_parts(e, at + 1, &path);
    } else if (out->step->grpc && part_is(e, at, "messages")) {
        text_puts(&path, "$.messages");
        put_parts(e, at + 1, &path);
    } else if (!out->step->grpc && part_is(e, at, "body")) {
        text_puts(&path, "$.body");
        put_parts(e, at + 1, &path);
    } else if (!out->step->grpc && part_is(e, at, "rawBody") && at + 1 == e->count) {
        out->raw = true;
        text_puts(&path, "body");
    } else if (!out->step->grpc && part_is(e, at, "cookies") && at + 3 == e->count && part_is(e, at + 2, "Value")) {
        text_printf(&path, "$.cookies[\"%s\"]", e->parts[at + 1].name != NULL ? e->parts[at + 1].name : "");
    } else {
        ok = refuse(r, n, e, "there is no such member of an answer");
    }
    out->path = keep(r, &path);
    return ok && out->path != NULL;
}

static struct runn_step *find_step(struct runn *r, const struct expr_part *p)
{
    for (size_t i = 0; i < r->count; i++) {
        const char *name = r->steps[i].name;
        if (p->name != NULL ? name != NULL && strcmp(name, p->name) == 0 : name == NULL && (int64_t)i == p->index)
            return &r->steps[i];
    }
    return NULL;
}

static bool resolve_bound(struct runn *r, const struct node *n, const struct expr *e, struct runn_ref *out)
{
    const struct runn_ref *bound = map_get(&r->bound, e->parts[0].name);
    struct text path = TEXT_INIT;
    if (bound == NULL)
        return refuse(r, n, e, "nothing is called so here");
    *out = *bound;
    text_puts(&path, bound->step != NULL ? bound->path : bound->variable);
    if (bound->raw && e->count > 1)
        return refuse(r, n, e, "a body as it came has no members");
    put_parts(e, 1, &path);
    const char *whole = keep(r, &path);
    if (bound->step != NULL)
        out->path = whole;
    else
        out->variable = whole;
    return whole != NULL;
}

bool runn_resolve(struct runn *r, const struct node *n, const struct expr *e, struct runn_ref *out)
{
    struct text name = TEXT_INIT;
    *out = (struct runn_ref){0};
    if (r->tree.code != 0)
        return false;
    if (part_is(e, 0, "vars") || part_is(e, 0, "env") || (part_is(e, 0, "i") && e->count == 1)) {
        bool i = e->count == 1;
        if (!i && e->parts[1].name == NULL)
            return refuse(r, n, e, "a variable has a name");
        text_puts(&name, part_is(e, 0, "env") ? "env." : "");
        text_puts(&name, i ? "i" : e->parts[1].name);
        put_parts(e, i ? 1 : 2, &name);
        out->variable = keep(r, &name);
        return out->variable != NULL;
    }
    if (part_is(e, 0, "steps") || part_is(e, 0, "needs")) {
        out->step = e->count > 1 ? find_step(r, &e->parts[1]) : NULL;
        if (out->step == NULL || out->step->step == NULL)
            return refuse(r, n, e, "no step before this one is called so and has an answer");
        return put_answer(r, n, e, 2, out);
    }
    if (part_is(e, 0, "current") || part_is(e, 0, "previous")) {
        out->step = r->current;
        if (part_is(e, 0, "previous"))
            for (out->step = r->current; out->step > r->steps && (out->step == r->current || out->step->step == NULL);)
                out->step--;
        if (out->step == NULL || out->step->step == NULL || (part_is(e, 0, "previous") && out->step == r->current))
            return refuse(r, n, e, "there is no such step with an answer");
        return put_answer(r, n, e, 1, out);
    }
    return resolve_bound(r, n, e, out);
}

/* ---- variables ---- */

const char *runn_name(struct runn *r, const char *wanted)
{
    static char there;
    struct text name = TEXT_INIT;
    for (const char *c = wanted; *c != '\0'; c++)
        if (isalnum((unsigned char)*c) || (*c == '_' && name.len > 0) ||
            (name.len > 0 && name.data[name.len - 1] != '_'))
            text_char(&name, isalnum((unsigned char)*c) ? *c : '_');
    while (name.len > 1 && name.data[name.len - 1] == '_')
        text_truncate(&name, name.len - 1);
    if (!variable_name_valid(text_string(&name))) {
        struct text other = TEXT_INIT;
        text_printf(&other, "v_%s", text_string(&name));
        text_deinit(&name);
        name = other;
    }
    size_t len = name.len;
    for (int i = 2; text_ok(&name) && map_get(&r->names, text_string(&name)) != NULL; i++) {
        text_truncate(&name, len);
        text_printf(&name, "_%d", i);
    }
    const char *out = keep(r, &name);
    if (out != NULL && !map_put(&r->names, out, &there))
        tree_no_memory(&r->tree);
    return out;
}

void runn_capture(struct runn *r, struct runn_step *s, const struct node *n, const char *name, const char *path)
{
    struct build *b = &r->tree.build;
    if (s->captures == NULL) {
        s->captures = build_map(b, tree_at(&r->tree, n));
        build_put(b, s->step, "capture", s->captures);
    }
    build_put(b, s->captures, name, tree_string(&r->tree, n, path));
}

bool runn_variable(struct runn *r, const struct node *n, const struct runn_ref *ref, struct text *out)
{
    struct text key = TEXT_INIT, wanted = TEXT_INIT;
    union {
        const char *in;
        void *out;
    } name;
    if (ref->step == NULL) {
        text_printf(out, "${%s}", ref->variable);
        return true;
    }
    text_printf(&key, "%zu%s", (size_t)(ref->step - r->steps), ref->path);
    name.out = text_ok(&key) ? map_get(&r->captured, text_string(&key)) : NULL;
    if (name.out == NULL) {
        text_printf(&wanted, "%s_%s", ref->step->name != NULL ? ref->step->name : "step",
                    ref->path + (strncmp(ref->path, "$.body.", 7) == 0 ? 7 : 0));
        name.in = text_ok(&wanted) ? runn_name(r, text_string(&wanted)) : NULL;
        if (name.in != NULL)
            runn_capture(r, ref->step, n, name.in, ref->path);
        if (name.in == NULL || !map_put(&r->captured, text_string(&key), name.out))
            tree_no_memory(&r->tree);
    }
    text_deinit(&key);
    text_deinit(&wanted);
    text_printf(out, "${%s}", name.in != NULL ? name.in : "");
    return r->tree.code == 0;
}

/* `bind`: another name for something that came back, or for a variable. */
void runn_bind(struct runn *r, const struct node *n, const char *name)
{
    struct runn_ref *ref = ARENA_NEW(&r->arena, struct runn_ref);
    const struct expr *e = n->kind == NODE_TEXT ? runn_expr(r, n, n->text) : NULL;
    if (ref == NULL)
        tree_no_memory(&r->tree);
    if (strpbrk(name, "[]") != NULL)
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "bind: %s: what is collected in a list or map cannot be said in a flow", name);
    else if (e == NULL || e->kind != EXPR_NAME)
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "bind: %s: only members of an answer and variables can be bound, as in current.res.body.id", name);
    else if (ref != NULL && runn_resolve(r, n, e, ref) && !map_put(&r->bound, name, ref))
        tree_no_memory(&r->tree);
    /* Books that include this one know it by its name. */
    if (ref != NULL && r->tree.code == 0 && ref->step != NULL && variable_name_valid(name) &&
        map_get(&r->names, name) == NULL) {
        static char there;
        runn_capture(r, ref->step, n, name, ref->path);
        struct text key = TEXT_INIT;
        text_printf(&key, "%zu%s", (size_t)(ref->step - r->steps), ref->path);
        union {
            const char *in;
            void *out;
        } kept = {.in = arena_string(&r->arena, name)};
        if (!text_ok(&key) || kept.in == NULL || !map_put(&r->names, name, &there) ||
            (map_get(&r->captured, text_string(&key)) == NULL && !map_put(&r->captured, text_string(&key), kept.out)))
            tree_no_memory(&r->tree);
        text_deinit(&key);
    }
}

/* ---- texts ---- */

static size_t say_environment(struct runn *r, const struct node *n, struct bytes t, size_t at, struct text *out)
{
    size_t begin = at + 2, end = begin;
    while (end < t.len && (isalnum(t.data[end]) || t.data[end] == '_'))
        end++;
    if (end == begin || end >= t.len || t.data[end] != '}') {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "${NAME} is a variable of the environment; a default behind the name cannot be said in a flow");
        return t.len;
    }
    text_printf(out, "${env.%.*s}", (int)(end - begin), (const char *)t.data + begin);
    return end + 1;
}

static size_t say_expression(struct runn *r, const struct node *n, struct bytes t, size_t at, struct text *out)
{
    size_t begin = at + 2, end = begin;
    struct runn_ref ref;
    while (end + 1 < t.len && !(t.data[end] == '}' && t.data[end + 1] == '}'))
        end++;
    if (end + 1 >= t.len) {
        tree_error(&r->tree, n, ERROR_SYNTAX, "{{ has no }}");
        return t.len;
    }
    const struct expr *e = runn_expr(r, n, BYTES(t.data + begin, end - begin));
    if (e != NULL && (e->kind == EXPR_TEXT || e->kind == EXPR_NUMBER))
        tree_plain(bytes_of(e->text), out);
    else if (e != NULL && e->kind == EXPR_NAME && runn_resolve(r, n, e, &ref))
        (void)runn_variable(r, n, &ref, out);
    else if (e != NULL && e->kind != EXPR_NAME)
        tree_error(&r->tree, n, ERROR_UNSUPPORTED, "in a text only names can be said in a flow, as in {{ vars.name }}");
    return end + 2;
}

void runn_say(struct tree *t, const struct node *n, struct bytes text, struct text *out)
{
    struct runn *r = t->arg;
    for (size_t at = 0; at < text.len && t->code == 0;) {
        uint8_t c = text.data[at], next = at + 1 < text.len ? text.data[at + 1] : 0;
        if (c == '$' && next == '{')
            at = say_environment(r, n, text, at, out);
        else if (c == '{' && next == '{')
            at = say_expression(r, n, text, at, out);
        else
            text_char(out, (char)text.data[at++]);
    }
}
