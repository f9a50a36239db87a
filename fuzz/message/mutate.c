#include "fuzz/message/mutate_internal.h"

#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"

#define VALID_TRIES  12
#define DEFECT_TRIES 12

/* Before anything is learnt. Operators in the order of valid_operators. */
static const uint8_t valid_shares[] = {50, 14, 6, 4, 2, 2, 2, 1, 2, 2, 5, 4, 6};
static const uint8_t source_shares[VALUE_SOURCE_COUNT] = {60, 20, 12, 8};

#define OPERATOR_ADD 1

void mutate_learning_init(struct mutate_learning *l)
{
    bandit_init(&l->operators, valid_operator_count, valid_shares);
    bandit_init(&l->defects, defect_count(), NULL);
    bandit_init(&l->sources, VALUE_SOURCE_COUNT, source_shares);
}

void fuzz_mutate_credit(struct mutate_learning *l, struct dictionary *dictionary, struct random *r,
                        const struct mutated *did, bool novel)
{
    double cost = did->cost > 0 ? (double)did->cost : 1;
    if (did->arm != MUTATE_NO_ARM && did->lane != LANE_GARBAGE)
        bandit_paid(did->lane == LANE_VALID ? &l->operators : &l->defects, r, did->arm, novel, cost);
    if (did->source == MUTATE_NO_ARM)
        return;
    bandit_result(&l->sources, r, did->source, novel);
    if (did->source != SOURCE_CHANGE && dictionary != NULL)
        dictionary_credit(dictionary, did->ticket, novel);
}

static size_t draw_by_shares(struct random *r, const uint8_t *shares, size_t count)
{
    uint64_t lot = random_below(r, 100);
    size_t i = 0;
    for (; i + 1 < count && lot >= shares[i]; i++)
        lot -= shares[i];
    return i;
}

static size_t draw_operator(const struct mutate_work *w)
{
    return w->m->learning != NULL ? bandit_draw(&w->m->learning->operators, w->r)
                                  : draw_by_shares(w->r, valid_shares, sizeof valid_shares);
}

bool mutate_known_value(struct mutate_work *w, const struct pb_field *f, struct dictionary_value *out)
{
    if (w->m->dictionary == NULL)
        return false;
    size_t source = w->m->learning != NULL ? bandit_draw(&w->m->learning->sources, w->r)
                                           : draw_by_shares(w->r, source_shares, VALUE_SOURCE_COUNT);
    if (source == SOURCE_CHANGE || !dictionary_draw(w->m->dictionary, w->r, f, (enum value_source)source, out))
        return false;
    static const char *const names[VALUE_SOURCE_COUNT] = {"value", "value-reply", "value-compared", "value-user"};
    w->did->what = names[source];
    w->did->source = (uint8_t)source;
    w->did->ticket = out->ticket;
    return true;
}

/* Where nothing else applied: the message goes but for as much as fits, which differs from what it was. */
static void give_way(struct mutate_work *w)
{
    const struct wire_node *nodes = w->tree.nodes;
    uint32_t end = 0;
    for (uint32_t i = 1; i < w->tree.count; i = nodes[i].next)
        if (nodes[i].end <= w->m->max && nodes[i].end < w->tree.input.len)
            end = nodes[i].end;
    *w->did = (struct mutated){LANE_VALID, "cut", MUTATE_NO_ARM, MUTATE_NO_ARM, 0, 0};
    fuzz_put(w->out, w->tree.input.data, end);
}

static void mutate_valid(struct mutate_work *w)
{
    for (int tries = 0; tries < VALID_TRIES; tries++) {
        /* In an empty message there is nothing to change; and where one finds nothing to change, one can add. */
        bool add = w->tree.count == 1 || tries >= VALID_TRIES / 2;
        size_t drawn = add ? OPERATOR_ADD : draw_operator(w);
        const struct valid_operator *o = &valid_operators[drawn];
        *w->did = (struct mutated){LANE_VALID, o->name, (uint8_t)drawn, MUTATE_NO_ARM, 0, 0};
        if (o->apply(w) || !text_ok(w->out))
            return;
        text_truncate(w->out, w->base);
    }
    give_way(w);
}

static void mutate_near_valid(struct mutate_work *w)
{
    const size_t count = defect_count();
    for (int tries = 0; tries < DEFECT_TRIES; tries++) {
        size_t drawn =
            w->m->learning != NULL ? bandit_draw(&w->m->learning->defects, w->r) : (size_t)random_below(w->r, count);
        const struct defect *d = defect_at(drawn);
        *w->did = (struct mutated){LANE_NEAR_VALID, d->name, (uint8_t)drawn, MUTATE_NO_ARM, 0, 0};
        if (defect_is_drawn(d, w->r) && defect_apply_tree(d, w, w->m->max))
            return;
        if (!text_ok(w->out))
            return;
    }
    /* Too little room for most: the shortest there is, alone. */
    *w->did = (struct mutated){LANE_NEAR_VALID, "tag-truncated", MUTATE_NO_ARM, MUTATE_NO_ARM, 0, 0};
    if (w->m->max > 0)
        fuzz_put(w->out, "\x80", 1);
}

static void mutate_lane(struct mutate_work *w, enum fuzz_lane lane)
{
    if (lane == LANE_VALID)
        mutate_valid(w);
    else
        mutate_near_valid(w);
}

/* Apart, so that who has the tree already does not pay for the room its nodes take. */
static __attribute__((noinline)) int read_and_mutate(struct mutate_work *w, enum fuzz_lane lane)
{
    struct wire_node nodes[WIRE_TREE_NODES];
    const struct mutation *m = w->m;
    struct text own = TEXT_INIT, *scratch = m->scratch != NULL ? m->scratch : &own;
    struct bytes input = m->input;
    int code = 0;
    wire_tree_read(&w->tree, nodes, WIRE_TREE_NODES, m->type, input, 0);
    if (!w->tree.clean) {
        text_clear(scratch);
        code = wire_tree_repair(m->type, input, scratch);
        input = text_bytes(scratch);
        wire_tree_read(&w->tree, nodes, WIRE_TREE_NODES, m->type, input, 0);
    }
    /* More fields than nodes: those behind a place that is drawn, so that each gets its turn. */
    if (w->tree.full)
        wire_tree_read(&w->tree, nodes, WIRE_TREE_NODES, m->type, input, (size_t)random_below(w->r, input.len));
    if (code == 0)
        mutate_lane(w, lane);
    text_deinit(&own);
    return code;
}

int fuzz_mutate_message(struct random *r, const struct mutation *m, enum fuzz_lane lane, struct text *out,
                        struct mutated *did)
{
    struct mutate_work w = {.r = r, .m = m, .out = out, .base = out->len, .did = did};
    int code = 0;
    *did = (struct mutated){lane, "none", MUTATE_NO_ARM, MUTATE_NO_ARM, 0, 0};
    if (!text_reserve(out, m->input.len + 64)) /* what most mutants need */
        return ERROR_MEMORY;
    if (lane == LANE_GARBAGE) {
        did->what = "havoc";
        mutate_havoc(r, m->input, m->other, m->max, out);
    } else if (m->tree != NULL && m->tree->clean && !m->tree->full) {
        w.tree = *m->tree;
        mutate_lane(&w, lane);
    } else {
        code = read_and_mutate(&w, lane);
    }
    return code == 0 && text_ok(out) ? 0 : ERROR_MEMORY;
}
