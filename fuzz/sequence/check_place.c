/* default-differs and place-omits: namespaces, databases, tables and the like, in which things are. */
#include "fuzz/sequence/check_internal.h"

#include "wire/grpc.h"

#include <string.h>

static bool is_place(const struct sequence_leaf *l)
{
    return l->class == CLASS_CONTEXT && !l->repeated && sequence_leaf_field(l)->kind == PB_STRING;
}

static const struct sequence_leaf *draw_leaf(struct sequence *s, size_t method,
                                             bool (*wanted)(const struct sequence_leaf *l))
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    const struct sequence_leaf *drawn = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < shape->count; i++)
        if (wanted(&shape->leaves[i]) && random_below(&s->random, ++seen) == 0)
            drawn = &shape->leaves[i];
    return drawn;
}

/* ---- default-differs ---- */

/* What may be said beside the name and the place. */
static bool is_other(const struct sequence_leaf *l)
{
    return !l->repeated && !sequence_class_names_one(l->class) && l->class != CLASS_CONTEXT;
}

static int put_number_or_word(struct sequence *s, struct fuzz_case *c, size_t call, const struct sequence_leaf *l)
{
    struct sequence_value value;
    sequence_fresh(l, &s->random, &value);
    return check_put(s, c, call, l, BYTES(value.data, value.len));
}

/* The same thing made three times: as it was; with a field more; and with that field and the place named. */
int check_default_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_draw_method(s, made_by, ROLE_READ);
    const struct sequence_leaf *place = draw_leaf(s, made_by, is_place), *more = draw_leaf(s, made_by, is_other);
    if (read < 0 || place == NULL || more == NULL)
        return 0;
    int plain = check_another(s, c, (size_t)maker);
    int rc = plain < 0 ? plain : build_about(s, c, (size_t)plain, (size_t)read, NAME_ALONE, 0);
    if (rc >= 0)
        rc = put_number_or_word(s, c, (size_t)maker, more);
    if (rc >= 0)
        rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_ALONE, 0);
    int placed = rc < 0 ? rc : check_another(s, c, (size_t)maker);
    rc = placed < 0 ? placed : check_put(s, c, (size_t)placed, place, bytes_of(s->context));
    if (rc >= 0)
        rc = build_about(s, c, (size_t)placed, (size_t)read, NAME_ALONE, 0);
    return check_told(rc);
}

static bool says_place(const struct sequence_view *v, size_t call)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[call].method);
    struct bytes value;
    for (size_t i = 0; i < s->count; i++)
        if (s->leaves[i].class == CLASS_CONTEXT && view_value(v, call, &s->leaves[i], &value))
            return true;
    return false;
}

/* Both say the same beside names and places. */
static bool same_but_place(const struct sequence_view *v, size_t a, size_t b)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[a].method);
    for (size_t i = 0; i < s->count; i++) {
        struct bytes x, y;
        (void)view_value(v, a, &s->leaves[i], &x);
        (void)view_value(v, b, &s->leaves[i], &y);
        if (!sequence_class_names_one(s->leaves[i].class) && s->leaves[i].class != CLASS_CONTEXT && !bytes_equal(x, y))
            return false;
    }
    return true;
}

/* The call reads what the maker made, by its name and by where it is. */
static bool reads_made(const struct sequence_view *v, size_t maker, size_t call, struct bytes *name)
{
    if (check_role(v, maker) != ROLE_CREATE || check_role(v, call) != ROLE_READ || !view_worked(v, maker) ||
        !check_own(v, maker) || !check_own(v, call) || !check_behind(v, maker, call))
        return false;
    size_t m = (size_t)v->calls[maker].method, c = (size_t)v->calls[call].method;
    int naming = view_naming_leaf(v->graph, m, c);
    return naming >= 0 && v->graph->methods[m].method->service == v->graph->methods[c].method->service &&
           view_value(v, call, &sequence_input(v->graph, c)->leaves[naming], name) &&
           view_asks_for(v, maker, call, *name) && check_is_new(v, maker, *name) &&
           check_alone(v, maker, maker, call, *name);
}

/* Another one that the same calls made and found: with the place named or without. */
static bool is_found(const struct sequence_view *v, size_t maker, size_t call, bool placed)
{
    for (size_t m = 0; m < v->count; m++)
        for (size_t c = m + 1; m != maker && v->calls[m].method == v->calls[maker].method && c < v->count; c++) {
            struct bytes name;
            if (v->calls[c].method == v->calls[call].method && reads_made(v, m, c, &name) && view_worked(v, c) &&
                view_reply_names(v, c, name) && says_place(v, m) == placed && (!placed || same_but_place(v, m, maker)))
                return true;
        }
    return false;
}

bool check_default_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (size_t call = 1; call < v->count; call++)
        for (size_t maker = 0; maker < call; maker++) {
            const struct trace_call *r = view_result(v, call);
            struct bytes name;
            if (r == NULL || r->status != GRPC_NOT_FOUND || !reads_made(v, maker, call, &name) ||
                says_place(v, maker) || !is_found(v, maker, call, false) || !is_found(v, maker, call, true))
                continue;
            check_say(v, out, call,
                      "%s does not find \"%.*s\", which %s made without saying where; it does when both say where",
                      check_path(v, call), (int)name.len, (const char *)name.data, check_path(v, maker));
            return true;
        }
    return false;
}

/* ---- place-omits ---- */

/* The field of the method's reply that lists places like `place`: "databases" for "database". NULL: none does. */
static const struct sequence_leaf *lists_places(const struct sequence_graph *g, size_t method, size_t made_by,
                                                const struct sequence_leaf *place)
{
    const struct sequence_shape *s = sequence_output(g, method);
    if (g->methods[method].role != ROLE_LIST || g->methods[method].method->client_streaming ||
        g->methods[method].method->service != g->methods[made_by].method->service)
        return NULL;
    for (size_t i = 0; i < s->count; i++)
        if (s->leaves[i].repeated && s->leaves[i].depth == 1 && s->leaves[i].last_word == place->last_word &&
            sequence_leaf_field(&s->leaves[i])->kind == PB_STRING)
            return &s->leaves[i];
    return NULL;
}

static int list_of(const struct sequence_graph *g, size_t made_by, const struct sequence_leaf *place)
{
    for (size_t m = 0; m < g->method_count; m++)
        if (lists_places(g, m, made_by, place) != NULL)
            return (int)m;
    return -1;
}

/* Made in a place nobody named before, read there, and the place looked for twice. */
int check_place_probe(struct sequence *s, struct fuzz_case *c)
{
    struct sequence_value fresh;
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    const struct sequence_leaf *place = draw_leaf(s, made_by, is_place);
    int read = check_draw_method(s, made_by, ROLE_READ), list = place != NULL ? list_of(s->graph, made_by, place) : -1;
    if (read < 0 || list < 0)
        return 0;
    sequence_fresh(place, &s->random, &fresh);
    int again = check_another(s, c, (size_t)maker);
    int rc = again < 0 ? again : check_put(s, c, (size_t)again, place, BYTES(fresh.data, fresh.len));
    int reading = rc < 0 ? rc : build_about(s, c, (size_t)again, (size_t)read, NAME_MADE, 0);
    rc = reading;
    for (int look = 0; rc >= 0 && look < 2; look++) {
        uint8_t blank[SEQUENCE_LEAVES_MAX] = {SOURCE_EMPTY}; /* but for the places said before */
        rc = look > 0 ? check_pause(c) : 0;
        if (rc >= 0)
            rc = sequence_append(s, c, (size_t)list, blank, 0);
    }
    if (rc >= 0)
        rc = build_again(s, c, (size_t)reading, 0);
    return check_told(rc);
}

/* It says nothing but places, and those as the maker did. */
static bool asks_where_made(const struct sequence_view *v, size_t maker, size_t list)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[list].method);
    const struct sequence_shape *theirs = sequence_input(v->graph, (size_t)v->calls[maker].method);
    for (size_t i = 0; i < s->count; i++) {
        struct bytes here, there = BYTES_NONE;
        (void)view_value(v, list, &s->leaves[i], &here);
        for (size_t k = 0; s->leaves[i].class == CLASS_CONTEXT && k < theirs->count && there.len == 0; k++)
            if (theirs->leaves[k].last_word == s->leaves[i].last_word)
                (void)view_value(v, maker, &theirs->leaves[k], &there);
        if (!bytes_equal(here, there))
            return false;
    }
    return v->calls[list].resolved;
}

static bool omits_place(const struct sequence_view *v, const struct check_pair *p, const struct sequence_leaf *place,
                        struct bytes said, size_t *last)
{
    size_t looks = 0;
    for (size_t i = p->call + 1; i < v->count; i++) {
        const struct sequence_leaf *l =
            v->calls[i].method >= 0 && check_reads(v, i)
                ? lists_places(v->graph, (size_t)v->calls[i].method, (size_t)v->calls[p->maker].method, place)
                : NULL;
        if (l == NULL || !check_behind(v, p->call, i) || !asks_where_made(v, p->maker, i))
            continue;
        if (view_reply_names(v, i, said) || !check_is_whole(v, i, CHECK_LIST_CUT))
            return false;
        looks++;
        *last = i;
    }
    return looks >= 2;
}

bool check_place_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (!check_reads(v, p.call) || !view_reply_names(v, p.call, p.name))
            continue;
        const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[p.maker].method);
        for (size_t i = 0; i < s->count; i++) {
            struct bytes said;
            size_t last = 0;
            if (!is_place(&s->leaves[i]) || !check_said(v, p.maker, &s->leaves[i], &said) ||
                !check_is_new(v, p.maker, said) || !omits_place(v, &p, &s->leaves[i], said, &last))
                continue;
            for (size_t after = last + 1; after < v->count; after++) {
                if (!check_same(v, p.call, after) || !view_worked(v, after) || !check_behind(v, last, after) ||
                    !view_reply_names(v, after, p.name) || !check_alone(v, p.maker, p.maker, after, said))
                    continue;
                check_say(v, out, last, "%s does not show \"%.*s\", where %s made \"%.*s\" and %s reads it",
                          check_path(v, last), (int)said.len, (const char *)said.data, check_path(v, p.maker),
                          (int)p.name.len, (const char *)p.name.data, check_path(v, p.call));
                return true;
            }
        }
    }
    return false;
}
