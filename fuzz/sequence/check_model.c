/* lost-update and condition-ignored: a thing is what was last written, and a change happens on its condition only. */
#include "fuzz/sequence/check_internal.h"

#include <string.h>

static bool is_text(const struct sequence_leaf *l)
{
    enum pb_kind kind = sequence_leaf_field(l)->kind;
    return kind == PB_STRING || kind == PB_BYTES;
}

/* What a write says of the thing, and not which thing it is or when. */
static bool is_content(const struct sequence_leaf *l)
{
    return is_text(l) && l->class == CLASS_PLAIN && !l->repeated;
}

/* The method that changes what is there: the maker, which may be said again, or an update. */
static bool changes(const struct sequence_view *v, size_t call)
{
    enum sequence_role role = check_role(v, call);
    return (role == ROLE_UPDATE || (role == ROLE_CREATE && v->graph->methods[v->calls[call].method].upsert)) &&
           view_worked(v, call) && check_own(v, call) && v->calls[call].resolved;
}

/* Both say the same of which thing is meant, and no condition. */
static bool same_thing(const struct sequence_view *v, size_t a, size_t b)
{
    if (v->calls[a].method != v->calls[b].method)
        return false;
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[a].method);
    for (size_t i = 0; i < s->count; i++) {
        struct bytes x, y;
        (void)view_value(v, a, &s->leaves[i], &x);
        (void)view_value(v, b, &s->leaves[i], &y);
        if (!is_content(&s->leaves[i]) && !bytes_equal(x, y))
            return false;
    }
    return true;
}

static const struct sequence_leaf *leaf_like(const struct sequence_shape *s, const struct sequence_leaf *like)
{
    for (size_t i = 0; i < s->count; i++)
        if (is_text(&s->leaves[i]) &&
            strcmp(sequence_leaf_field(&s->leaves[i])->name, sequence_leaf_field(like)->name) == 0)
            return &s->leaves[i];
    return NULL;
}

static bool shows(const struct sequence_view *v, size_t call, const struct sequence_leaf *l, struct bytes value)
{
    for (size_t i = 0; i < v->trace->replies.count; i++) {
        const struct trace_reply *r = &v->trace->replies.items[i];
        if (r->call == call && !r->broken && sequence_leaf_count(l, fuzz_trace_bytes(v->trace, r->body), value) > 0)
            return true;
    }
    return false;
}

/* ---- lost-update ---- */

static int draw_content(struct sequence *s, size_t method, size_t read)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    size_t seen = 0;
    int drawn = -1;
    for (size_t i = 0; i < shape->count; i++)
        if (is_content(&shape->leaves[i]) && leaf_like(sequence_output(s->graph, read), &shape->leaves[i]) != NULL &&
            random_below(&s->random, ++seen) == 0)
            drawn = (int)i;
    return drawn;
}

static bool same_value(const struct sequence_value *a, const struct sequence_value *b)
{
    return bytes_equal(BYTES(a->data, a->len), BYTES(b->data, b->len));
}

/* Another value than `not`: one of the field's words, or a fresh one where it has none of its own. */
static void draw_value(struct sequence *s, size_t method, size_t leaf, const struct sequence_value * not,
                       struct sequence_value *out)
{
    const struct sequence_leaf *l = &sequence_input(s->graph, method)->leaves[leaf];
    const struct sequence_slot *slot = &s->graph->methods[method].slots[leaf];
    size_t words = sequence_word_count(l, slot);
    size_t first = words > 1 ? (size_t)random_below(&s->random, words) : 0;
    for (size_t i = 0; words > 1 && i < words; i++) {
        sequence_word(s->graph, l, slot, (first + i) % words, &s->random, out);
        if (not == NULL || !same_value(not, out))
            return;
    }
    sequence_fresh(l, &s->random, out);
}

int check_update_probe(struct sequence *s, struct fuzz_case *c)
{
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method;
    int read = check_draw_method(s, made_by, ROLE_READ);
    int change = s->graph->methods[made_by].upsert ? (int)made_by : check_method(s, made_by, ROLE_UPDATE, 0);
    int leaf = read >= 0 && change >= 0 ? draw_content(s, (size_t)change, (size_t)read) : -1;
    if (leaf < 0)
        return 0;
    const struct sequence_leaf *l = &sequence_input(s->graph, (size_t)change)->leaves[leaf];
    struct sequence_value first, second;
    draw_value(s, (size_t)change, (size_t)leaf, NULL, &first);
    draw_value(s, (size_t)change, (size_t)leaf, &first, &second);
    int write = change == (int)made_by ? maker : build_about(s, c, (size_t)maker, (size_t)change, NAME_MADE, 0);
    int rc = write < 0 ? write : check_put(s, c, (size_t)write, l, BYTES(first.data, first.len));
    int reading = rc < 0 ? rc : build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    int again = reading < 0 ? reading : build_again(s, c, (size_t)write, 0);
    rc = again < 0 ? again : check_put(s, c, (size_t)again, l, BYTES(second.data, second.len));
    if (rc >= 0)
        rc = build_again(s, c, (size_t)reading, 0);
    return check_told(rc);
}

/* Maps may be merged: then nothing is lost. */
static bool may_merge(struct bytes a, struct bytes b)
{
    return a.len > 0 && b.len > 0 && (a.data[0] == '{' || a.data[0] == '[') && a.data[0] == b.data[0];
}

/* What the first write said is read before and behind the second one, which said otherwise. */
static bool lost(const struct sequence_view *v, size_t write, size_t before, size_t again, size_t after,
                 const struct sequence_leaf **which)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[write].method);
    for (size_t i = 0; i < s->count; i++) {
        const struct sequence_leaf *l = &s->leaves[i], *shown = NULL;
        struct bytes first, second;
        if (is_content(l) && check_said(v, write, l, &first) && check_said(v, again, l, &second) && first.len > 0 &&
            second.len > 0 && !bytes_equal(first, second) && !may_merge(first, second))
            shown = leaf_like(sequence_output(v->graph, (size_t)v->calls[before].method), l);
        *which = l;
        if (shown != NULL && shows(v, before, shown, first) && shows(v, after, shown, first) &&
            !shows(v, after, shown, second) && !shows(v, before, shown, second))
            return true;
    }
    return false;
}

bool check_update_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        if (!check_reads(v, p.call))
            continue;
        for (size_t again = p.call + 1; again < v->count; again++) {
            if (!changes(v, again) || !check_behind(v, p.call, again))
                continue;
            for (size_t write = p.maker; write < p.call; write++) {
                if (!changes(v, write) || !same_thing(v, write, again) || !check_behind(v, write, p.call))
                    continue;
                for (size_t after = again + 1; after < v->count; after++) {
                    const struct sequence_leaf *l;
                    if (!check_reads(v, after) || !check_same(v, p.call, after) || !check_behind(v, again, after) ||
                        !check_quiet(v, 1U << p.maker | 1U << write | 1U << again, 0, after, p.name) ||
                        !lost(v, write, p.call, again, after, &l))
                        continue;
                    check_say(v, out, after, "%s of \"%.*s\" shows the %s from before %s, which was OK",
                              check_path(v, after), (int)p.name.len, (const char *)p.name.data,
                              sequence_leaf_field(l)->name, check_path(v, again));
                    return true;
                }
            }
        }
    }
    return false;
}

/* ---- condition-ignored ---- */

static int condition_of(const struct sequence_graph *g, size_t method)
{
    const struct sequence_shape *s = sequence_input(g, method);
    for (size_t i = 0; i < s->count; i++)
        if (view_is_condition(&s->leaves[i]) && !s->leaves[i].repeated)
            return (int)i;
    return -1;
}

int check_condition_probe(struct sequence *s, struct fuzz_case *c)
{
    static const uint8_t other[][6] = {{1}, {2}, {0x80, 0x80, 0x80, 0x80, 0x80, 1}};
    int maker = check_maker(s, c);
    if (maker < 0)
        return check_told(maker);
    size_t made_by = (size_t)s->view.calls[maker].method, drawn = (size_t)random_below(&s->random, 3);
    int read = check_method(s, made_by, ROLE_READ, 0), end = check_method(s, made_by, ROLE_END, 0);
    int leaf = s->graph->methods[made_by].upsert ? condition_of(s->graph, made_by) : -1;
    int ending = end >= 0 ? condition_of(s->graph, (size_t)end) : -1;
    if (read < 0 || (leaf < 0 && ending < 0))
        return 0;
    bool ends = leaf < 0 || (ending >= 0 && random_below(&s->random, 2) == 0);
    const struct sequence_leaf *l = ends ? &sequence_input(s->graph, (size_t)end)->leaves[ending]
                                         : &sequence_input(s->graph, made_by)->leaves[leaf];
    int rc = build_about(s, c, (size_t)maker, (size_t)read, NAME_MADE, 0);
    int call = rc < 0 ? rc
               : ends ? build_about(s, c, (size_t)maker, (size_t)end, NAME_MADE, 0)
                      : build_again(s, c, (size_t)maker, 0);
    return check_told(call < 0 ? call : check_put(s, c, (size_t)call, l, BYTES(other[drawn], drawn == 2 ? 6 : 1)));
}

/* The revision a reading shows of the thing; UINT64_MAX: none, or several. */
static uint64_t revision_of(const struct sequence_view *v, size_t read, struct bytes name)
{
    const struct sequence_shape *s = sequence_output(v->graph, (size_t)v->calls[read].method);
    struct bytes held = view_first_holder(v, read, name), value;
    uint64_t found = UINT64_MAX;
    for (size_t i = 0; held.len > 0 && i < s->count; i++) {
        const struct sequence_leaf *l = &s->leaves[i];
        if (l->class != CLASS_REVISION || l->depth < 2)
            continue;
        const struct sequence_leaf own = {
            .fields = {sequence_leaf_field(l)}, .depth = 1, .last_word = l->last_word, .class = l->class};
        bool names = false; /* the message that holds the name is the one this leaf is in */
        for (size_t k = 0; k < s->count; k++)
            names = names || (s->leaves[k].depth == l->depth && is_text(&s->leaves[k]) &&
                              s->leaves[k].fields[l->depth - 2] == l->fields[l->depth - 2] &&
                              sequence_class_names_one(s->leaves[k].class));
        if (!names || !sequence_leaf_get(&own, held, &value))
            continue;
        if (found != UINT64_MAX)
            return UINT64_MAX;
        found = check_number(&own, value);
    }
    return found;
}

/* Where things are and what they are called is the same. */
static bool same_place(const struct sequence_view *v, size_t a, size_t b)
{
    const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[a].method);
    for (size_t i = 0; i < s->count; i++) {
        struct bytes x, y;
        (void)view_value(v, a, &s->leaves[i], &x);
        (void)view_value(v, b, &s->leaves[i], &y);
        if ((sequence_class_names_one(s->leaves[i].class) || s->leaves[i].class == CLASS_CONTEXT) && !bytes_equal(x, y))
            return false;
    }
    return true;
}

bool check_condition_judge(const struct sequence_view *v, struct sequence_finding *out)
{
    for (struct check_pair p = {0}; check_next_pair(v, &p);) {
        enum sequence_role role = check_role(v, p.call);
        if (role != ROLE_READ || !check_reads(v, p.call))
            continue;
        uint64_t is = revision_of(v, p.call, p.name);
        for (size_t i = p.call + 1; is != UINT64_MAX && i < v->count; i++) {
            enum sequence_role what = check_role(v, i);
            int leaf = v->calls[i].method >= 0 ? condition_of(v->graph, (size_t)v->calls[i].method) : -1;
            struct bytes said = BYTES_NONE, naming = BYTES_NONE;
            if (leaf < 0 || (what != ROLE_CREATE && what != ROLE_UPDATE && what != ROLE_END) || !view_worked(v, i) ||
                !check_own(v, i) || !check_behind(v, p.call, i))
                continue;
            const struct sequence_shape *s = sequence_input(v->graph, (size_t)v->calls[i].method);
            int by = view_naming_leaf(v->graph, (size_t)v->calls[p.maker].method, (size_t)v->calls[i].method);
            bool same = v->calls[i].method != v->calls[p.maker].method ? view_about(v, p.maker, i, &naming)
                                                                       : same_place(v, p.maker, i);
            if (!same || by < 0 || !check_said(v, i, &s->leaves[by], &naming) || !bytes_equal(naming, p.name) ||
                !check_said(v, i, &s->leaves[leaf], &said) || !check_quiet(v, 1U << p.maker, 0, i, p.name))
                continue;
            uint64_t wanted = check_number(&s->leaves[leaf], said);
            if (wanted == 0 || wanted == UINT64_MAX || wanted == is)
                continue;
            check_say(v, out, i, "%s of \"%.*s\" is OK on condition of revision %llu; it is %llu", check_path(v, i),
                      (int)naming.len, (const char *)naming.data, (unsigned long long)wanted, (unsigned long long)is);
            return true;
        }
    }
    return false;
}
