/* expiry-ignored: what was given a time to live is still there when another thing is gone that was given the same time
 * later. So nothing has to be known of what the number counts. Time passes where the door lets it: in simulations. */
#include "fuzz/sequence/check_internal.h"

#include "wire/grpc.h"

#define PROBE_TIME 1 /* what is written: a second, or less */

static bool is_life(const struct sequence_leaf *l)
{
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    return l->class == CLASS_TIME && !l->repeated &&
           (kind == PB_INT32 || kind == PB_INT64 || kind == PB_UINT32 || kind == PB_UINT64);
}

static const struct sequence_leaf *draw_life(struct sequence *s, size_t method)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    const struct sequence_leaf *drawn = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < shape->count; i++)
        if (is_life(&shape->leaves[i]) && random_below(&s->random, ++seen) == 0)
            drawn = &shape->leaves[i];
    return drawn;
}

/* Made, written again with a time to live; another one made behind it with the same; both read, now and later. */
int check_expiry_probe(struct sequence *s, struct fuzz_case *c)
{
    const uint8_t time = PROBE_TIME;
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_draw_method(s, made_by, ROLE_READ);
    const struct sequence_leaf *l = draw_life(s, made_by);
    if (read < 0 || l == NULL || !s->graph->methods[made_by].upsert)
        return 0;
    int again = build_again(s, c, (size_t)maker, 0);
    int rc = again < 0 ? again : check_put(s, c, (size_t)again, l, BYTES(&time, 1));
    int other = rc < 0 ? rc : check_another(s, c, (size_t)again);
    int first = other < 0 ? other : build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    int second = first < 0 ? first : build_about(s, c, (size_t)other, (size_t)read, NAME_MADE, 0);
    rc = second;
    for (int i = 0; rc >= 0 && i < 2; i++)
        rc = check_pause(c);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)second, 0);
    if (rc >= 0)
        rc = build_again(s, c, (size_t)first, 0);
    return check_told(rc);
}

/* The last call before `until` that may have changed the thing; -1: none. */
static int last_change(const struct sequence_view *v, size_t until, struct bytes name)
{
    for (size_t i = until; i-- > 0;)
        if (!check_quiet(v, ~(1U << i), 0, i + 1, name))
            return (int)i;
    return -1;
}

/* It was read before, and is not there any more although nobody took it away. */
static bool is_gone(const struct sequence_view *v, const struct check_pair *p)
{
    const struct trace_call *r = view_result(v, p->call);
    if (check_role(v, p->call) != ROLE_READ || !check_own(v, p->call) || r == NULL || r->status != GRPC_NOT_FOUND ||
        last_change(v, p->call, p->name) != (int)p->maker)
        return false;
    for (size_t before = p->maker + 1; before < p->call; before++)
        if (check_reads(v, before) && check_same(v, before, p->call) && check_behind(v, p->maker, before) &&
            view_reply_names(v, before, p->name))
            return true;
    return false;
}

/* The leaf by which both calls give the same time to live. */
static const struct sequence_leaf *same_life(const struct sequence_view *v, size_t a, size_t b)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[a].method);
    for (size_t i = 0; i < s->count; i++) {
        struct bytes x, y;
        if (is_life(&s->leaves[i]) && check_said(v, a, &s->leaves[i], &x) && check_said(v, b, &s->leaves[i], &y) &&
            bytes_equal(x, y) && check_number(&s->leaves[i], x) != 0)
            return &s->leaves[i];
    }
    return NULL;
}

bool check_expiry_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair gone = {0}; check_next_pair(v, &gone);) {
        if (!is_gone(v, &gone))
            continue;
        for (struct check_pair p = {0}; check_next_pair(v, &p);) {
            if (v->calls[p.call].method != v->calls[gone.call].method || !check_reads(v, p.call) ||
                !check_behind(v, gone.call, p.call) || !view_reply_names(v, p.call, p.name))
                continue;
            int change = last_change(v, p.call, p.name);
            if (change < 0 || v->calls[change].method != v->calls[gone.maker].method ||
                !view_worked(v, (size_t)change) || !check_own(v, (size_t)change) ||
                !check_behind(v, (size_t)change, gone.maker))
                continue;
            const struct sequence_leaf *l = same_life(v, (size_t)change, gone.maker);
            if (l == NULL)
                continue;
            check_say(v, out, p.call, "%s still shows \"%.*s\"; \"%.*s\" is gone, which was given the same %s later",
                      check_path(v, p.call), (int)p.name.len, (const char *)p.name.data, (int)gone.name.len,
                      (const char *)gone.name.data, sequence_leaf_field(l)->name);
            return true;
        }
    }
    return false;
}
