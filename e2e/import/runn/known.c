/* What of an expression is known before the book runs: how many steps were looked at, whether one is always done. */
#include "base/document_build.h"
#include "e2e/import/runn/runn.h"

#include <string.h>

static bool is_name(const struct expr *e, size_t count, const char *first, const char *last)
{
    return e->kind == EXPR_NAME && e->count == count && e->parts[0].name != NULL &&
           strcmp(e->parts[0].name, first) == 0 && e->parts[count - 1].name != NULL &&
           strcmp(e->parts[count - 1].name, last) == 0;
}

/* Each step counts as soon as it has begun, or is put off; -1: not known. */
static int64_t steps_before(struct runn *r)
{
    int64_t count = 0;
    if (r->current == NULL)
        return -1;
    if (r->current->deferred)
        return (int64_t)r->list_count;
    for (struct runn_step *s = r->steps + r->first; s < r->current; s++)
        count += !s->hidden && !s->needed;
    return r->current->begun ? count + 1 : r->current->repeated ? -1 : count;
}

static void set_number(struct runn *r, struct expr *e, int64_t value)
{
    struct text digits = TEXT_INIT;
    text_printf(&digits, "%lld", (long long)value);
    const char *text = text_ok(&digits) ? arena_string(&r->arena, text_string(&digits)) : NULL;
    if (text == NULL)
        tree_no_memory(&r->tree);
    else
        *e = (struct expr){.kind = EXPR_NUMBER, .text = text};
    text_deinit(&digits);
}

/* steps.NAME.run */
static void set_run(struct runn *r, struct expr *e)
{
    const struct runn_step *s = runn_find_step(r, &e->parts[1]);
    if (s == NULL || s == r->current || s->deferred)
        return;
    if (s->ran == NULL) {
        *e = (struct expr){.kind = EXPR_BOOL, .boolean = true};
        return;
    }
    struct expr_part *parts = ARENA_NEW_N(&r->arena, struct expr_part, 2);
    if (parts == NULL) {
        tree_no_memory(&r->tree);
        return;
    }
    parts[0].name = "vars";
    parts[1].name = s->ran;
    e->parts = parts;
    e->count = 2;
}

/* steps[0] != nil: a step that stands in front has its place, whether it was done or not. */
static bool set_there(struct runn *r, struct expr *e)
{
    const struct expr *name = e->left, *nil = e->right;
    bool equal = e->kind == EXPR_BOTH && strcmp(e->op, "==") == 0;
    if (e->kind != EXPR_BOTH || (!equal && strcmp(e->op, "!=") != 0))
        return false;
    if (name->kind == EXPR_NIL) {
        name = e->right;
        nil = e->left;
    }
    if (nil->kind != EXPR_NIL || name->kind != EXPR_NAME || name->count != 2 || name->parts[0].name == NULL ||
        strcmp(name->parts[0].name, "steps") != 0)
        return false;
    const struct runn_step *s = runn_find_step(r, &name->parts[1]);
    if (s == NULL || s == r->current || s->deferred)
        return false;
    *e = (struct expr){.kind = EXPR_BOOL, .boolean = !equal};
    return true;
}

/* res.cookies[NAME].Value: a flow has the value itself where runn has a map; its Name is NAME. NULL: something else. */
static const struct expr *cookie(const struct expr *e)
{
    const struct expr *of = e->kind == EXPR_MEMBER ? e->left : NULL, *cookies = of;
    if (of == NULL || of->kind != EXPR_MEMBER || e->right->kind != EXPR_TEXT)
        return NULL;
    cookies = of->left;
    if (cookies->kind != EXPR_NAME || cookies->count < 2 || cookies->parts[cookies->count - 1].name == NULL ||
        strcmp(cookies->parts[cookies->count - 1].name, "cookies") != 0 ||
        cookies->parts[cookies->count - 2].name == NULL || strcmp(cookies->parts[cookies->count - 2].name, "res") != 0)
        return NULL;
    return strcmp(e->right->text, "Value") == 0 ? of : strcmp(e->right->text, "Name") == 0 ? of->right : NULL;
}

const struct expr *runn_known(struct runn *r, const struct expr *in)
{
    struct expr *e = in != NULL ? ARENA_NEW(&r->arena, struct expr) : NULL;
    if (in == NULL)
        return NULL;
    in = cookie(in) != NULL ? cookie(in) : in;
    const struct expr **items =
        e != NULL && in->items != NULL ? ARENA_NEW_N(&r->arena, const struct expr *, in->count + 1) : NULL;
    if (e == NULL || (in->items != NULL && items == NULL)) {
        tree_no_memory(&r->tree);
        return in;
    }
    *e = *in;
    if (is_name(e, 2, "runn", "i")) { /* of the runs of a load test; the first one has 0 */
        set_number(r, e, 0);
        return e;
    }
    if (set_there(r, e))
        return e;
    if (is_name(e, 3, "steps", "run")) {
        set_run(r, e);
        return e;
    }
    if (e->kind == EXPR_CALL && strcmp(e->text, "len") == 0 && e->count == 1 &&
        is_name(e->items[0], 1, "steps", "steps")) {
        int64_t count = steps_before(r);
        if (count >= 0)
            set_number(r, e, count);
        return e;
    }
    e->left = runn_known(r, e->left);
    e->right = runn_known(r, e->right);
    e->other = runn_known(r, e->other);
    for (size_t i = 0; items != NULL && i < in->count; i++)
        items[i] = runn_known(r, e->items[i]);
    e->items = items;
    return e;
}

/* Where a step may be left out and the book asks for its "run", a variable keeps it: set in front, and with the step.
 */
void runn_keep_run(struct runn *r, struct runn_step *s, const struct node *n, struct build_node *before,
                   struct build_node **then)
{
    struct build *b = &r->tree.build;
    struct bytes all = r->tree.build.document->input;
    struct text asked = TEXT_INIT, wanted = TEXT_INIT;
    size_t index = 0;
    for (struct runn_step *t = r->steps + r->first; t < s; t++)
        index += !t->hidden && !t->needed;
    if (s->name != NULL)
        text_printf(&asked, "steps.%s.run", s->name);
    else
        text_printf(&asked, "steps[%zu].run", index);
    text_printf(&wanted, "ran_%s", s->name != NULL ? s->name : "step");
    if (!text_ok(&asked) || !text_ok(&wanted))
        tree_no_memory(&r->tree);
    else if (memmem(all.data, all.len, text_string(&asked), asked.len) != NULL)
        s->ran = runn_name(r, text_string(&wanted));
    text_deinit(&asked);
    text_deinit(&wanted);
    for (int i = 0; s->ran != NULL && i < 2; i++) {
        size_t at = tree_at(&r->tree, n);
        struct build_node *step = build_map(b, at), *names = build_map(b, at);
        build_put(b, names, s->ran, build_bool(b, at, i == 1));
        build_put(b, step, "set", names);
        if (i == 0) {
            build_add(b, before, step);
            continue;
        }
        struct build_node *list = build_list(b, at);
        build_add(b, list, step);
        build_splice(list, *then);
        *then = list;
    }
}
