/* Names: vars.x, steps.login.res.body.id, current, previous, what was bound. */
#include "base/document_build.h"
#include "e2e/import/runn/runn.h"

#include "e2e/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct expr *runn_expr(struct runn *r, const struct node *n, struct bytes text)
{
    const char *why = NULL;
    int code = 0;
    const struct expr *e = expr_parse(&r->arena, text, NULL, &why, &code);
    if (e == NULL && code == ERROR_MEMORY)
        tree_no_memory(&r->tree);
    else if (e == NULL)
        tree_error(&r->tree, n, code, "the expression \"%.*s\" %s", (int)(text.len < 200 ? text.len : 200),
                   (const char *)text.data, why);
    return runn_known(r, e);
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

static bool put_http_answer(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct runn_ref *out,
                            struct text *path)
{
    bool grpc = out->step->kind == RUNN_GRPC;
    struct bytes all = r->tree.build.document->input;
    if (!part_is(e, at, "res"))
        return refuse(r, n, e, "of a step only its \"res\" and the members of that can be had");
    if (++at == e->count && (grpc || memmem(all.data, all.len, ".cookies", 8) != NULL))
        return refuse(r, n, e,
                      "of an answer as a whole a flow has no cookies and no gRPC status as runn has them: name the "
                      "member, as in current.res.body");
    if (at == e->count) {
        out->whole = memmem(all.data, all.len, "rawBody", 7) != NULL;
        text_char(path, '$');
        return true;
    }
    if (part_is(e, at, "status") && at + 1 == e->count) {
        text_puts(path, "$.status");
    } else if (part_is(e, at, "headers") || (grpc && part_is(e, at, "trailers"))) {
        return put_header(r, n, e, at, path);
    } else if (grpc && part_is(e, at, "message")) {
        bool talk = out->step->received > 0; /* the last one that was received is meant */
        if (at + 1 == e->count)
            text_puts(path, "$.message");
        else if (talk && out->step->closed)
            text_printf(path, "$.messages[%zu]", out->step->received - 1);
        else
            text_puts(path, talk ? "$.messages[-1]" : "$.body");
        put_parts(e, at + 1, path);
    } else if (grpc && part_is(e, at, "messages")) {
        text_puts(path, "$.messages");
        put_parts(e, at + 1, path);
        out->take = at + 1 == e->count && out->step->closed ? out->step->received : 0;
    } else if (!grpc && part_is(e, at, "body")) {
        text_puts(path, "$.body");
        put_parts(e, at + 1, path);
    } else if (!grpc && part_is(e, at, "rawBody") && at + 1 == e->count) {
        out->raw = true;
        text_puts(path, "body");
    } else if (!grpc && part_is(e, at, "cookies") && at + 1 == e->count && r->indexing) {
        text_puts(path, "$.cookies");
    } else if (!grpc && part_is(e, at, "cookies") && at + 3 == e->count && part_is(e, at + 2, "Value")) {
        text_printf(path, "$.cookies[\"%s\"]", e->parts[at + 1].name != NULL ? e->parts[at + 1].name : "");
    } else {
        return refuse(r, n, e, "there is no such member of an answer");
    }
    return true;
}

static bool put_sql_answer(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct text *path)
{
    static const char *const names[][2] = {
        {"rows", "rows"}, {"rows_affected", "changed"}, {"last_insert_id", "inserted"}};
    for (size_t i = 0; i < 3; i++)
        if (part_is(e, at, names[i][0])) {
            text_printf(path, "$.%s", names[i][1]);
            put_parts(e, at + 1, path);
            return true;
        }
    return refuse(r, n, e, "of a database there are rows, rows_affected and last_insert_id");
}

static bool put_exec_answer(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct text *path)
{
    static const char *const names[][2] = {{"stdout", "output"}, {"stderr", "errors"}, {"exit_code", "exit"}};
    for (size_t i = 0; i < 3; i++)
        if (part_is(e, at, names[i][0]) && at + 1 == e->count) {
            text_printf(path, "$.%s", names[i][1]);
            return true;
        }
    return refuse(r, n, e, "of a command there are stdout, stderr and exit_code");
}

/* steps.NAME... of an included book: the variable that keeps what that step answered. Its kind is not known here; what
 * is asked of it tells. */
static bool put_kept(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct text *path)
{
    static const char *const command[] = {"stdout", "stderr", "exit_code"};
    struct runn_step kept = {.kind = part_is(e, at + 3, "message") || part_is(e, at + 3, "messages") ? RUNN_GRPC
                                                                                                     : RUNN_HTTP};
    struct runn_ref ref = {.step = &kept};
    struct text inner = TEXT_INIT;
    bool ok = false;
    if (at + 2 >= e->count)
        return refuse(r, n, e,
                      "of an included book's step only what it answered can be had, as in steps.a.steps.b.res");
    if (e->parts[at + 1].name != NULL)
        text_printf(path, ".steps_%s", e->parts[at + 1].name);
    else
        text_printf(path, ".steps_%lld", (long long)e->parts[at + 1].index);
    if (r->tree.told != NULL && text_ok(path))
        tree_tell(&r->tree, n, "the flow of the included book has to capture the answer of this step, by \"%s: $\"",
                  strrchr(text_string(path), '.') + 1);
    at += 2;
    for (size_t i = 0; i < 3; i++)
        kept.kind = part_is(e, at, command[i]) ? RUNN_EXEC : kept.kind;
    if (part_is(e, at, "steps"))
        return put_kept(r, n, e, at, path);
    if (kept.kind == RUNN_EXEC)
        ok = put_exec_answer(r, n, e, at, &inner);
    else if (part_is(e, at, "res"))
        ok = put_http_answer(r, n, e, at, &ref, &inner) &&
             (!(ref.raw || ref.whole) || refuse(r, n, e, "a body as it came is not kept of an included book's step"));
    else
        ok = put_sql_answer(r, n, e, at, &inner);
    text_puts(path, ok && text_ok(&inner) ? text_string(&inner) + 1 : "");
    path->failed = path->failed || !text_ok(&inner);
    text_deinit(&inner);
    return ok;
}

/* For whoever includes this book. */
void runn_keep_answer(struct runn *r, struct runn_step *s)
{
    struct text name = TEXT_INIT;
    static char there;
    size_t index = 0;
    for (const struct runn_step *t = r->steps + r->first; t < s; t++)
        index += !t->hidden && !t->needed && t->name == NULL;
    if (s->name != NULL)
        text_printf(&name, "steps_%s", s->name);
    else
        text_printf(&name, "steps_%zu", index);
    const char *kept = keep(r, &name);
    if (kept == NULL || !variable_name_valid(kept) || map_get(&r->names, kept) != NULL)
        return;
    if (!map_put(&r->names, kept, &there))
        tree_no_memory(&r->tree);
    runn_capture(r, s, s->node, kept, "$");
}

/* What stands behind a step's name. */
static bool put_answer(struct runn *r, const struct node *n, const struct expr *e, size_t at, struct runn_ref *out)
{
    struct text path = TEXT_INIT;
    bool ok = true;
    if (out->step->kind == RUNN_FLOW) { /* another flow: its variables */
        at += part_is(e, at, "vars");
        text_char(&path, '$');
        if (part_is(e, at, "steps"))
            ok = put_kept(r, n, e, at, &path);
        else
            put_parts(e, at, &path);
    } else if (out->step->kind == RUNN_EXEC) {
        ok = put_exec_answer(r, n, e, at, &path);
    } else if (out->step->kind == RUNN_SQL) {
        ok = put_sql_answer(r, n, e, at, &path);
    } else {
        ok = put_http_answer(r, n, e, at, out, &path);
    }
    out->path = keep(r, &path);
    return ok && out->path != NULL;
}

struct runn_step *runn_find_step(struct runn *r, const struct expr_part *p)
{
    int64_t index = 0;
    for (size_t i = r->first; i < r->count; i++) {
        const char *name = r->steps[i].name;
        if (r->steps[i].hidden)
            continue;
        if (p->name != NULL ? name != NULL && strcmp(name, p->name) == 0 : name == NULL && index == p->index)
            return &r->steps[i];
        index += !r->steps[i].needed;
    }
    return NULL;
}

/* Does a step of the book bind this name? */
static bool binds_later(const struct runn *r, const char *name)
{
    const struct node *list = node_get(r->root, "steps");
    size_t count = list->kind == NODE_MAP ? list->map.count : list->kind == NODE_LIST ? list->list.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct node *step = list->kind == NODE_MAP ? &list->map.pairs[i].value : &list->list.items[i];
        if (node_get(node_get(step, "bind"), name) != NULL)
            return true;
    }
    return false;
}

static bool resolve_bound(struct runn *r, const struct node *n, const struct expr *e, struct runn_ref *out)
{
    const struct runn_ref *bound = map_get(&r->bound, e->parts[0].name);
    struct text path = TEXT_INIT;
    if (bound == NULL && e->parts[0].name != NULL && variable_name_valid(e->parts[0].name) && r->empty != NULL &&
        binds_later(r, e->parts[0].name)) { /* nil until then */
        if (!build_has(r->empty, e->parts[0].name))
            build_put(&r->tree.build, r->empty, e->parts[0].name, build_null(&r->tree.build, tree_at(&r->tree, n)));
        text_puts(&path, e->parts[0].name);
        put_parts(e, 1, &path);
        out->variable = keep(r, &path);
        return out->variable != NULL;
    }
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
    if (part_is(e, 0, "parent") && part_is(e, 1, "vars") &&
        e->count > 2) { /* given by the book that includes this one */
        text_puts(&name, "parent");
        put_parts(e, 1, &name);
        out->variable = keep(r, &name);
        return out->variable != NULL;
    }
    if (part_is(e, 0, "runn") && part_is(e, 1, "kv"))
        return refuse(
            r, n, e,
            "runn.kv is filled by the Go program that runn is part of: ask for a variable, vars.NAME, and give "
            "it with --variable NAME=VALUE");
    if (part_is(e, 0, "included") && e->count == 1) {
        out->variable = "included";
        return true;
    }
    if (part_is(e, 0, "vars") || part_is(e, 0, "env") || (part_is(e, 0, "i") && e->count == 1)) {
        bool i = part_is(e, 0, "i");
        if (!i && (e->count < 2 || e->parts[1].name == NULL))
            return refuse(r, n, e, "a variable has a name");
        text_puts(&name, part_is(e, 0, "env") ? "env." : "");
        text_puts(&name, i ? "i" : e->parts[1].name);
        put_parts(e, i ? 1 : 2, &name);
        out->variable = keep(r, &name);
        if (part_is(e, 0, "vars") && !variable_name_valid(e->parts[1].name))
            return refuse(r, n, e, "this is no name for a variable of a flow: letters, digits, _ and -");
        return out->variable != NULL;
    }
    if (part_is(e, 0, "steps") || part_is(e, 0, "needs")) {
        out->step = e->count > 1 ? runn_find_step(r, &e->parts[1]) : NULL;
        if (out->step == NULL || out->step->step == NULL)
            return refuse(r, n, e, "no step before this one is called so and has an answer");
        return put_answer(r, n, e, 2, out);
    }
    if (part_is(e, 0, "current") || part_is(e, 0, "previous")) {
        out->step = r->current;
        if (part_is(e, 0, "previous"))
            for (out->step = r->current - (r->current > r->steps + r->first);
                 out->step > r->steps + r->first && out->step->hidden;)
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
    if (ref->step == NULL) { /* computed where a member need not be there */
        text_printf(out, strncmp(ref->variable, "parent.", 7) == 0 ? "${= %s}" : "${%s}", ref->variable);
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

bool runn_try_other(struct runn *r)
{
    if (r->tree.code != ERROR_UNSUPPORTED)
        return r->tree.code == 0;
    error_clear(r->tree.err);
    r->tree.code = 0;
    return true;
}

/* ---- expressions ---- */

struct writing {
    struct runn *r;
    const struct node *n;
};

/* The answer as a map that has the body twice. */
static bool write_whole(struct runn *r, const struct node *n, const struct runn_ref *ref, struct text *out)
{
    struct runn_ref parts[2] = {{.step = ref->step, .path = "$"}, {.step = ref->step, .path = "body", .raw = true}};
    static const char *const around[] = {"merge(", ", {rawBody: ", "})"};
    for (size_t i = 0; i < 2; i++) {
        struct text variable = TEXT_INIT;
        text_puts(out, around[i]);
        if (runn_variable(r, n, &parts[i], &variable) && variable.len > 3)
            text_add(out, text_string(&variable) + 2, variable.len - 3);
        out->failed = out->failed || !text_ok(&variable);
        text_deinit(&variable);
    }
    text_puts(out, around[2]);
    return r->tree.code == 0;
}

/* A name with the members behind it, as the flow has it: members that are not there are nil, as they are in runn. */
static bool write_name(void *arg, const struct expr *e, struct text *out)
{
    struct writing *w = arg;
    struct runn *r = w->r;
    struct runn_ref ref;
    struct text variable = TEXT_INIT;
    if (!runn_resolve(r, w->n, e, &ref))
        return false;
    if (ref.step != NULL && ref.whole)
        return write_whole(r, w->n, &ref, out);
    text_puts(out, ref.take > 0 ? "take(" : "");
    if (ref.step == NULL) {
        text_puts(out, ref.variable);
    } else if (ref.step->kind == RUNN_GRPC && strcmp(ref.path, "$.status") == 0) {
        return refuse(r, w->n, e, "a gRPC status is compared with a number, by == or !=, and not computed with");
    } else if (ref.step == r->answering && !ref.raw) {
        text_printf(out, "answer%s", ref.path + 1);
    } else if (ref.raw || ref.step->kind == RUNN_FLOW) {
        (void)runn_variable(r, w->n, &ref, &variable);
    } else { /* all of the answer, since a capture has to be there and a member need not */
        struct runn_ref whole = {.step = ref.step, .path = "$"};
        (void)runn_variable(r, w->n, &whole, &variable);
    }
    if (variable.len > 3) {
        text_add(out, text_string(&variable) + 2, variable.len - 3);
        if (!ref.raw && ref.step->kind != RUNN_FLOW)
            text_puts(out, ref.path + 1);
    }
    if (ref.take > 0)
        text_printf(out, ", %zu)", ref.take);
    out->failed = out->failed || !text_ok(&variable);
    text_deinit(&variable);
    return r->tree.code == 0;
}

bool runn_write(struct runn *r, const struct node *n, const struct expr *e, struct runn_step *answering,
                struct text *out)
{
    struct writing w = {.r = r, .n = n};
    r->answering = answering;
    r->indexing = true;
    bool ok = expr_print(e, write_name, &w, out);
    r->answering = NULL;
    r->indexing = false;
    if (!ok && r->tree.code == 0)
        tree_no_memory(&r->tree);
    return ok;
}

struct build_node *runn_set(struct runn *r, const struct node *n, const char *name, const struct expr *e)
{
    struct build *b = &r->tree.build;
    struct build_node *step = build_map(b, tree_at(&r->tree, n)), *names = build_map(b, tree_at(&r->tree, n));
    struct text value = TEXT_INIT;
    text_puts(&value, "${= ");
    (void)runn_write(r, n, e, NULL, &value);
    text_char(&value, '}');
    build_put(b, names, name, tree_text(&r->tree, n, &value));
    build_put(b, step, "set", names);
    return step;
}

/* ---- texts ---- */

/* ${NAME} and ${NAME:-default} */
static size_t say_environment(struct runn *r, const struct node *n, struct bytes t, size_t at, struct text *out)
{
    size_t begin = at + 2, end = begin;
    while (end < t.len && (isalnum(t.data[end]) || t.data[end] == '_'))
        end++;
    size_t name = end - begin, from = end;
    bool empty = end < t.len && t.data[end] == ':' && end + 1 < t.len && t.data[end + 1] == '-';
    bool other = empty || (end < t.len && t.data[end] == '-');
    while (other && end < t.len && t.data[end] != '}')
        end++;
    if (name == 0 || end >= t.len || t.data[end] != '}') {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "${NAME} is a variable of the environment, ${NAME:-TEXT} one with a text for when it is not there; "
                   "\"$\" and \"{\" beside each other are nothing else here");
        return t.len;
    }
    if (!other) {
        text_printf(out, "${env.%.*s}", (int)name, (const char *)t.data + begin);
        return end + 1;
    }
    struct expr value = {.kind = EXPR_TEXT};
    from += empty ? 2 : 1;
    value.text = arena_string_n(&r->arena, (const char *)t.data + from, end - from);
    if (value.text == NULL)
        tree_no_memory(&r->tree);
    text_printf(out, "${= env('%.*s', ", (int)name, (const char *)t.data + begin);
    if (value.text != NULL)
        (void)expr_print(&value, NULL, NULL, out);
    text_puts(out, ")}");
    return end + 1;
}

static size_t say_expression(struct runn *r, const struct node *n, struct bytes t, size_t at, struct text *out)
{
    size_t begin = at + 2, end = begin;
    struct runn_ref ref;
    for (char quote = '\0'; end + 1 < t.len; end++) {
        char c = (char)t.data[end];
        if (quote == '\0' && c == '}' && t.data[end + 1] == '}' && (end + 2 >= t.len || t.data[end + 2] != '}'))
            break;
        if (c == '\'' || c == '"')
            quote = quote == '\0' ? c : quote == c ? '\0' : quote;
    }
    if (end + 1 >= t.len) {
        tree_error(&r->tree, n, ERROR_SYNTAX, "{{ has no }}");
        return t.len;
    }
    const struct expr *e = runn_expr(r, n, BYTES(t.data + begin, end - begin));
    if (e != NULL && (e->kind == EXPR_TEXT || e->kind == EXPR_NUMBER))
        tree_plain(bytes_of(e->text), out);
    else if (e != NULL && e->kind == EXPR_NAME && runn_resolve(r, n, e, &ref))
        (void)runn_variable(r, n, &ref, out);
    else if (e != NULL && (e->kind != EXPR_NAME || runn_try_other(r))) {
        text_puts(out, "${= ");
        (void)runn_write(r, n, e, NULL, out);
        text_char(out, '}');
    }
    return end + 2;
}

/* runn reads a text again as YAML once its {{ }} have values, so that "9{{ n }}" is a number. */
static bool read_again(struct runn *r, const struct node *n, struct bytes text, bool *number)
{
    size_t plain = 0, digits = 0;
    for (size_t at = 0; at < text.len; at++) {
        if (at + 1 < text.len && text.data[at] == '{' && text.data[at + 1] == '{') {
            const uint8_t *end = memmem(text.data + at, text.len - at, "}}", 2);
            at = end != NULL ? (size_t)(end - text.data) + 1 : text.len;
            continue;
        }
        plain++;
        digits += isdigit(text.data[at]) || strchr("+-.", text.data[at]) != NULL;
    }
    *number = plain > 0 && plain == digits;
    bool opens = text.len > 0 && plain > 0 && strchr("[&*!|>%@`", text.data[0]) != NULL;
    opens = opens || (text.len > 1 && text.data[0] == '{' && text.data[1] != '{');
    if (!opens)
        return true;
    tree_error(&r->tree, n, ERROR_UNSUPPORTED,
               "runn reads this text as YAML once {{ }} have values: write the list or the map out");
    return false;
}

/* json://{{ NAME }} */
static struct build_node *from_named_file(struct runn *r, const struct node *n, struct bytes in)
{
    struct text out = TEXT_INIT;
    const uint8_t *end = memmem(in.data, in.len, "}}", 2);
    if (in.len < 11 || memcmp(in.data, "json://{{", 9) != 0 || end == NULL || end + 2 != in.data + in.len)
        return NULL;
    const struct expr *e = runn_expr(r, n, BYTES(in.data + 9, in.len - 11));
    text_puts(&out, "${= fromJSON(file(");
    if (e != NULL)
        (void)runn_write(r, n, e, NULL, &out);
    text_puts(&out, "))}");
    tree_tell(&r->tree, n, "a file NAME.template is read as it is: {{ }} in it get no values");
    return tree_text(&r->tree, n, &out);
}

/* json://FILE */
static struct build_node *from_file(struct runn *r, const struct node *n, struct bytes in, bool templated)
{
    struct text out = TEXT_INIT;
    struct build_node *named = templated ? from_named_file(r, n, in) : NULL;
    if (named != NULL)
        return named;
    struct expr file = {.kind = EXPR_TEXT, .text = (const char *)in.data + 7};
    size_t len = in.len;
    bool template = len > 9 && memcmp(in.data + len - 9, ".template", 9) == 0;
    if (templated || template || in.data[0] == 'y' || memchr(in.data, '*', len) != NULL) {
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "of variables from files json://FILE can be said in a flow, without {{ }}, * and templates");
        return NULL;
    }
    text_puts(&out, "${= fromJSON(file(");
    (void)expr_print(&file, NULL, NULL, &out);
    text_puts(&out, "))}");
    return tree_text(&r->tree, n, &out);
}

struct build_node *runn_value(struct tree *t, const struct node *n)
{
    struct runn *r = t->arg;
    struct text out = TEXT_INIT;
    struct bytes in = n->text;
    bool number = false, templated = memmem(in.data, in.len, "{{", 2) != NULL;
    if (r->in_vars && in.len > 7 && (memcmp(in.data, "json://", 7) == 0 || memcmp(in.data, "yaml://", 7) == 0))
        return from_file(r, n, in, templated);
    if (templated && in.len > 1 && in.data[0] == '"' && in.data[in.len - 1] == '"')
        in = BYTES(in.data + 1, in.len - 2); /* quotes keep it a text */
    else if (templated && !read_again(r, n, in, &number))
        return NULL;
    if (!number) {
        runn_say(t, n, in, &out);
        return tree_text(t, n, &out);
    }
    text_puts(&out, "${= scalar(''");
    for (size_t at = 0; at < in.len && t->code == 0;) {
        struct text part = TEXT_INIT;
        bool open = at + 1 < in.len && in.data[at] == '{' && in.data[at + 1] == '{';
        const uint8_t *end =
            open ? memmem(in.data + at, in.len - at, "}}", 2) : memmem(in.data + at, in.len - at, "{{", 2);
        size_t stop = end != NULL ? (size_t)(end - in.data) : in.len;
        if (open && end != NULL) {
            const struct expr *e = runn_expr(r, n, BYTES(in.data + at + 2, stop - at - 2));
            text_puts(&out, " + string(");
            if (e != NULL)
                (void)runn_write(r, n, e, NULL, &out);
            text_char(&out, ')');
            at = stop + 2;
        } else {
            text_printf(&out, " + '%.*s'", (int)(stop - at), (const char *)in.data + at);
            at = stop;
        }
        text_deinit(&part);
    }
    text_puts(&out, ")}");
    return tree_text(t, n, &out);
}

void runn_say(struct tree *t, const struct node *n, struct bytes text, struct text *out)
{
    struct runn *r = t->arg;
    for (size_t at = 0; at < text.len && t->code == 0;) {
        uint8_t c = text.data[at], next = at + 1 < text.len ? text.data[at + 1] : 0;
        if (c == '\\' && (next == '{' || next == '}')) {
            text_char(out, (char)next); /* no {{ */
            at += 2;
        } else if (c == '$' && next == '{')
            at = say_environment(r, n, text, at, out);
        else if (c == '{' && next == '{')
            at = say_expression(r, n, text, at, out);
        else
            text_char(out, (char)text.data[at++]);
    }
}
