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
               "a loop's count has to be a number from 1 to %d; beside \"until\" it cannot be computed", LOOP_MAX);
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

/* `inside` as often as the loop says. NULL: never. */
struct build_node *runn_put_loop(struct runn *r, const struct node *loop, struct runn_step *s,
                                 struct build_node *inside)
{
    static const char *const keys[] = {"count",       "until",      "interval", "minInterval",
                                       "maxInterval", "multiplier", "jitter",   NULL};
    struct build *b = &r->tree.build;
    const struct node *until = loop->kind == NODE_MAP ? node_get(loop, "until") : NULL;
    const struct node *given = loop->kind == NODE_MAP ? node_get(loop, "count") : loop;
    const struct node *interval = loop->kind == NODE_MAP ? node_get(loop, "interval") : NULL;
    size_t at = tree_at(&r->tree, loop);
    int64_t count = LOOP_COUNT;
    double seconds;
    runn_only(r, loop, keys);
    if (until == NULL && given != NULL && given->kind == NODE_INTEGER && given->integer == 0)
        return NULL;
    const struct expr *many = given != NULL && until == NULL ? computed(r, given) : NULL;
    if (given != NULL && many == NULL && !count_of(r, given, &count))
        return NULL;
    if (until != NULL) {
        if (s->step == NULL || s->kind == RUNN_FLOW || build_count(inside) != 1)
            runn_refuse(r, loop, "until of a step that calls nothing, or binds what is computed");
        runn_test(r, until, s);
        if (build_count(r->behind) > 0)
            runn_refuse(r, until, "until that does not speak of the step's own answer");
        build_put(b, s->step, "within", runn_time(r, loop, wait_of(r, loop, count)));
        return inside;
    }
    if (interval != NULL && runn_duration(r, interval, &seconds)) {
        struct build_node *wait = build_map(b, at);
        build_put(b, wait, "wait", runn_time(r, interval, seconds));
        build_add(b, inside, wait);
    }
    if (build_count(inside) == 0)
        return NULL;
    struct build_node *out = build_map(b, at), *range = build_list(b, at), *outer = build_list(b, at);
    build_add(b, range, build_integer(b, at, 0));
    if (many != NULL) {
        struct text last = TEXT_INIT;
        text_puts(&last, "${= int(");
        (void)runn_write(r, given, many, NULL, &last);
        text_puts(&last, ") - 1}");
        build_add(b, range, tree_text(&r->tree, given, &last));
    } else {
        build_add(b, range, build_integer(b, at, count - 1));
    }
    build_put(b, out, "for", build_string(b, at, "i"));
    build_put(b, out, "range", range);
    build_put(b, out, "steps", inside);
    build_add(b, outer, out);
    return outer;
}
