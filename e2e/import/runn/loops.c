/* `loop` of a step: as often as it says, or until something holds. */
#include "e2e/import/runn/runn.h"

#include <string.h>

#define LOOP_COUNT 3 /* runn's own, where nothing is said */
#define LOOP_MAX   100000

/* "{{ vars.n }}", vars.n, len(vars.list): what is computed when the loop begins. */
static const struct expr *computed(struct runn *r, const struct node *n)
{
    struct bytes text = n->text;
    if (n->kind != NODE_TEXT)
        return NULL;
    if (text.len > 4 && memcmp(text.data, "{{", 2) == 0 && memcmp(text.data + text.len - 2, "}}", 2) == 0)
        text = BYTES(text.data + 2, text.len - 4);
    return runn_expr(r, n, text);
}

static bool count_of(struct runn *r, const struct node *n, int64_t *count)
{
    if (n->kind == NODE_INTEGER && n->integer >= 1 && n->integer <= LOOP_MAX) {
        *count = n->integer;
        return true;
    }
    tree_error(&r->tree, n, ERROR_UNSUPPORTED,
               "a loop's count has to be a number from 1 to %d, or a text that is computed", LOOP_MAX);
    return false;
}

/* All waits together, of as many tries as there may be. */
static double wait_of(struct runn *r, const struct node *loop, int64_t count)
{
    const struct node *interval = node_get(loop, "interval"), *least = node_get(loop, "minInterval");
    const struct node *most = node_get(loop, "maxInterval"), *times = node_get(loop, "multiplier");
    double each = 0, limit = 0, factor = 1.5, all = 0;
    if ((interval != NULL && !runn_duration(r, interval, &each)) ||
        (least != NULL && !runn_duration(r, least, &each)) || (most != NULL && !runn_duration(r, most, &limit)))
        return 0;
    if (times != NULL)
        factor = times->kind == NODE_REAL ? times->real : times->kind == NODE_INTEGER ? (double)times->integer : 1.5;
    for (int64_t i = 1; i < count && all < 1e6; i++) {
        all += each;
        if (interval == NULL)
            each = each * factor < limit ? each * factor : limit > each ? limit : each;
    }
    return all > 0.1 ? all : 0.1;
}

/* Does the expression speak only of the step's answer, and of what stays as it is? */
static bool speaks_of(struct runn *r, const struct expr *e, const struct runn_step *s)
{
    static const char *const fixed[] = {"current", "vars", "env", "parent"};
    const char *first = e != NULL && e->kind == EXPR_NAME ? e->parts[0].name : NULL;
    bool known = e == NULL || e->kind != EXPR_NAME;
    for (size_t i = 0; first != NULL && i < 4; i++)
        known = known || strcmp(first, fixed[i]) == 0;
    if (first != NULL && strcmp(first, "steps") == 0 && e->count > 1)
        known = runn_find_step(r, &e->parts[1]) == s;
    if (e == NULL || !known)
        return known;
    for (size_t i = 0; e->items != NULL && i < e->count && known; i++)
        known = speaks_of(r, e->items[i], s);
    return known && speaks_of(r, e->left, s) && speaks_of(r, e->right, s) && speaks_of(r, e->other, s);
}

bool runn_tries_again(struct runn *r, const struct node *loop, const struct runn_step *s)
{
    const struct node *until = node_get(loop, "until"), *count = node_get(loop, "count");
    if (until == NULL || until->kind != NODE_TEXT || s->step == NULL || s->kind == RUNN_FLOW ||
        build_count(r->behind) > 0 || (count != NULL && count->kind != NODE_INTEGER))
        return false;
    const struct expr *e = runn_expr(r, until, until->text);
    return e != NULL && speaks_of(r, e, s);
}

/* In front of every round but the first. */
static struct build_node *make_wait(struct runn *r, const struct node *interval, double seconds)
{
    struct build *b = &r->tree.build;
    size_t at = tree_at(&r->tree, interval);
    struct build_node *choice = build_map(b, at), *first = build_map(b, at), *zero = build_map(b, at);
    struct build_node *steps = build_list(b, at), *wait = build_map(b, at);
    build_put(b, zero, "$not", build_integer(b, at, 0));
    build_put(b, first, "i", zero);
    build_put(b, wait, "wait", runn_time(r, interval, seconds));
    build_add(b, steps, wait);
    build_put(b, choice, "if", first);
    build_put(b, choice, "then", steps);
    return choice;
}

static void try_again(struct runn *r, const struct node *loop, struct runn_step *s)
{
    const struct node *count = node_get(loop, "count");
    int64_t tries = LOOP_COUNT;
    if (count != NULL && !count_of(r, count, &tries))
        return;
    runn_test(r, node_get(loop, "until"), s);
    build_put(&r->tree.build, s->step, "within", runn_time(r, loop, wait_of(r, loop, tries)));
}

static struct build_node *make_range(struct runn *r, const struct node *loop, const struct node *given)
{
    struct build *b = &r->tree.build;
    struct build_node *range = build_list(b, tree_at(&r->tree, loop));
    const struct expr *many = given != NULL ? computed(r, given) : NULL;
    int64_t count = LOOP_COUNT;
    build_add(b, range, build_integer(b, tree_at(&r->tree, loop), 0));
    if (many != NULL) {
        struct text last = TEXT_INIT;
        text_puts(&last, "${= int(");
        (void)runn_write(r, given, many, NULL, &last);
        text_puts(&last, ") - 1}");
        build_add(b, range, tree_text(&r->tree, given, &last));
    } else if (given == NULL || count_of(r, given, &count)) {
        build_add(b, range, build_integer(b, tree_at(&r->tree, loop), count - 1));
    }
    return range;
}

static struct build_node *make_until(struct runn *r, const struct node *until)
{
    struct text line = TEXT_INIT;
    const struct expr *e = until->kind == NODE_TEXT ? runn_expr(r, until, until->text) : NULL;
    if (until->kind != NODE_TEXT)
        tree_error(&r->tree, until, ERROR_INVALID, "a condition is a text, and this is %s",
                   node_kind_name(until->kind));
    text_puts(&line, "= ");
    if (e != NULL)
        (void)runn_write(r, until, e, NULL, &line);
    return tree_text(&r->tree, until, &line);
}

struct build_node *runn_put_loop(struct runn *r, const struct node *loop, struct runn_step *s,
                                 struct build_node *inside, bool again)
{
    static const char *const keys[] = {"count",       "until",      "interval", "minInterval",
                                       "maxInterval", "multiplier", "jitter",   NULL};
    struct build *b = &r->tree.build;
    const struct node *until = loop->kind == NODE_MAP ? node_get(loop, "until") : NULL;
    const struct node *given = loop->kind == NODE_MAP ? node_get(loop, "count") : loop;
    const struct node *interval = loop->kind == NODE_MAP ? node_get(loop, "interval") : NULL;
    size_t at = tree_at(&r->tree, loop);
    double seconds;
    runn_only(r, loop, keys);
    if (given != NULL && given->kind == NODE_INTEGER && given->integer == 0)
        return NULL;
    if (again) {
        try_again(r, loop, s);
        return inside;
    }
    if (interval == NULL && until != NULL)
        interval = node_get(loop, "minInterval");
    if (interval != NULL && runn_duration(r, interval, &seconds)) {
        struct build_node *rounds = build_list(b, at), *wait = build_map(b, at);
        build_put(b, wait, "wait", runn_time(r, interval, seconds));
        build_add(b, rounds, until != NULL ? make_wait(r, interval, seconds) : NULL);
        build_splice(rounds, inside);
        build_add(b, rounds, until == NULL ? wait : NULL);
        inside = rounds;
    }
    if (build_count(inside) == 0 && until == NULL)
        return NULL;
    struct build_node *out = build_map(b, at), *outer = build_list(b, at);
    if (build_count(inside) == 0) {
        struct build_node *nothing = build_map(b, at);
        build_put(b, nothing, "set", build_map(b, at));
        build_add(b, inside, nothing);
    }
    build_put(b, out, "for", build_string(b, at, "i"));
    build_put(b, out, "range", make_range(r, loop, given));
    build_put(b, out, "steps", inside);
    if (until != NULL)
        build_put(b, out, "until", make_until(r, until));
    build_add(b, outer, out);
    return outer;
}
