/* Operators on values: another one in place of one that is there, and what comes in from another message. */
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate_internal.h"

#define CROSSOVER_NODES 512 /* of the other message: 20 KiB */

static bool has_value(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->field != NULL && (n->field->kind != PB_MESSAGE);
}

/* ---- packed numbers ---- */

/* The extent of element `index`; both ends at the end of the run when it has fewer. */
static void find_element(const struct pb_field *f, struct bytes run, uint64_t index, size_t *from, size_t *to,
                         uint64_t *number)
{
    size_t at = 0, n = 0;
    for (uint64_t i = 0; at < run.len; i++, at += n) {
        n = value_read(f->kind, BYTES(run.data + at, run.len - at), number);
        if (n == 0 || i == index)
            break;
    }
    *from = at;
    *to = at < run.len ? at + n : at;
}

static void change_packed(struct mutate_work *w, const struct wire_node *n)
{
    struct bytes run = BYTES(w->tree.input.data + n->data, n->end - n->data);
    size_t shortest = fuzz_wire_type(n->field) == WIRE_VARINT ? 1 : fuzz_wire_type(n->field) == WIRE_FIXED32 ? 4 : 8;
    size_t from, to;
    uint64_t number = 0, lot = random_below(w->r, 8);
    find_element(n->field, run, random_below(w->r, run.len / shortest + 1), &from, &to, &number);
    size_t mark = fuzz_open(w->out);
    fuzz_put(w->out, run.data, from);
    if (lot == 0 && from < to) {
        w->did->what = "packed-remove";
    } else if (lot < 5 && from < to) {
        value_put(w->out, n->field->kind, value_change(w->r, n->field, number, &w->did->what));
    } else if (lot == 5 && from < to) {
        uint64_t times = 2 + (random_below(w->r, 4) ? 0 : random_below(w->r, 200));
        w->did->what = "packed-repeat";
        if (times * (to - from) > mutate_room(w, 0))
            times = 2;
        while (times-- > 0)
            fuzz_put(w->out, run.data + from, to - from);
    } else {
        w->did->what = "packed-insert";
        value_put(w->out, n->field->kind, value_fresh(w->r, n->field));
        to = from;
    }
    fuzz_put(w->out, run.data + to, run.len - to);
    fuzz_close(w->out, mark);
}

/* ---- one value ---- */

bool mutate_value(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, has_value);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    const struct pb_field *f = n->field;
    struct dictionary_value known;
    bool is_known = !(n->flags & NODE_PACKED) && mutate_known_value(w, f, &known);
    if (!is_known)
        w->did->source = SOURCE_CHANGE;
    if (is_known && fuzz_wire_type(f) == WIRE_BYTES && random_below(w->r, 4) == 0) {
        /* Nearly what it was: what reads it finds it, and then something else. */
        const char *edit;
        size_t mark = fuzz_open(w->out);
        value_text_change(w->r, f, known.text, mutate_room(w, n->end - n->data), w->out, &edit);
        fuzz_close(w->out, mark);
    } else if (is_known && fuzz_wire_type(f) == WIRE_BYTES) {
        fuzz_put_varint(w->out, known.text.len);
        fuzz_put(w->out, known.text.data, known.text.len);
    } else if (is_known) {
        value_put(w->out, f->kind, known.number);
    } else if (n->flags & NODE_PACKED) {
        change_packed(w, n);
    } else if (fuzz_wire_type(f) == WIRE_BYTES) {
        struct bytes old = BYTES(w->tree.input.data + n->data, n->end - n->data);
        size_t mark = fuzz_open(w->out);
        value_text_change(w->r, f, old, mutate_room(w, old.len), w->out, &w->did->what);
        fuzz_close(w->out, mark);
    } else {
        uint64_t number = 0;
        value_read(f->kind, BYTES(w->tree.input.data + n->value, n->end - n->value), &number);
        value_put(w->out, f->kind, value_change(w->r, f, number, &w->did->what));
    }
    return mutate_finish(w, n->parent, n->value, n->end);
}

/* ---- crossover ---- */

static bool fits_together(const struct wire_node *to, const struct wire_node *from)
{
    const struct pb_field *f = to->field, *g = from->field;
    if (f == NULL || g == NULL || to->wire != from->wire || f->message != g->message)
        return false;
    return f->kind == g->kind || (f->kind == PB_BYTES && g->kind == PB_STRING);
}

/* Of the other message something is drawn that has a place here: where its like stands, it replaces it, or is put
 * beside it when the field is repeated; where a message of its owner's type stands that has none, it goes there. */
static bool take_over(struct mutate_work *w, const struct wire_tree *other, uint32_t which)
{
    const struct wire_node *from = &other->nodes[which], *nodes = w->tree.nodes;
    unsigned height = wire_tree_height(other, which);
    uint32_t at = (uint32_t)random_below(w->r, w->tree.count);
    for (uint32_t k = 0; k < w->tree.count; k++) {
        at = at + 1 < w->tree.count ? at + 1 : 0;
        const struct wire_node *to = &nodes[at];
        if (fits_together(to, from) && to->depth + height <= MUTATE_DEPTH_MAX) {
            bool beside = to->field == from->field && to->field->repeated && random_below(w->r, 2);
            fuzz_put(w->out, other->input.data + (beside ? from->start : from->value),
                     from->end - (beside ? from->start : from->value));
            return mutate_finish(w, to->parent, beside ? to->end : to->value, to->end);
        }
        if (to->flags & NODE_OPEN && wire_tree_type(&w->tree, to) == from->field->owner &&
            !from->field->owner->map_entry && to->depth + 1 + height <= MUTATE_DEPTH_MAX) {
            bool there = w->tree.full && !from->field->repeated;
            for (uint32_t i = at + 1; i < to->next && !there; i = nodes[i].next)
                there = nodes[i].field == from->field;
            if (there)
                continue;
            fuzz_put(w->out, other->input.data + from->start, from->end - from->start);
            return mutate_finish(w, at, to->end, to->end);
        }
    }
    return false;
}

bool mutate_crossover(struct mutate_work *w)
{
    struct wire_node nodes[CROSSOVER_NODES];
    struct wire_tree other;
    if (w->m->other.len == 0 || w->m->other_type == NULL)
        return false;
    wire_tree_read(&other, nodes, CROSSOVER_NODES, w->m->other_type, w->m->other, 0);
    if (other.full)
        wire_tree_read(&other, nodes, CROSSOVER_NODES, w->m->other_type, w->m->other,
                       (size_t)random_below(w->r, w->m->other.len));
    for (int tries = 0; tries < 4 && other.count > 1; tries++) {
        uint32_t which = 1 + (uint32_t)random_below(w->r, other.count - 1);
        bool whole = nodes[which].field != NULL && (other.clean || !other.full);
        for (uint32_t i = which; i < nodes[which].next && whole && !other.clean; i++)
            whole = !(nodes[i].flags & NODE_BAD);
        if (whole && take_over(w, &other, which))
            return true;
        text_truncate(w->out, w->base);
    }
    return false;
}
