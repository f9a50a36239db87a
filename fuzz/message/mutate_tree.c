/* Operators on the tree: what comes, goes, or changes its place. Each makes one edit, whose result is as valid as the
 * message was. */
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate_internal.h"

#define PICK_DRAWS 4

uint32_t mutate_pick(struct mutate_work *w, bool (*fits)(const struct mutate_work *w, const struct wire_node *n))
{
    uint32_t count = w->tree.count, at = 0;
    for (int i = 0; i < PICK_DRAWS; i++) {
        at = (uint32_t)random_below(w->r, count);
        if (fits(w, &w->tree.nodes[at]))
            return at;
    }
    for (uint32_t i = 0; i < count; i++) {
        at = at + 1 < count ? at + 1 : 0;
        if (fits(w, &w->tree.nodes[at]))
            return at;
    }
    return NO_NODE;
}

bool mutate_finish(struct mutate_work *w, uint32_t parent, uint32_t at, uint32_t end)
{
    struct bytes content = BYTES(w->out->data + w->base, w->out->len - w->base);
    if (!text_ok(w->out) || wire_tree_size(&w->tree, parent, content.len, end - at) > w->m->max)
        return false;
    if (bytes_equal(content, BYTES(w->tree.input.data + at, end - at)))
        return false;
    wire_tree_edit(&w->tree, parent, at, end, w->out, w->base);
    return true;
}

size_t mutate_room(const struct mutate_work *w, size_t removed)
{
    size_t used = w->tree.input.len - removed + 8; /* 8: what the lengths around it are likely to grow */
    return used < w->m->max ? w->m->max - used : 0;
}

static struct bytes input_of(const struct mutate_work *w, uint32_t from, uint32_t to)
{
    return BYTES(w->tree.input.data + from, to - from);
}

static void keep(struct mutate_work *w, uint32_t from, uint32_t to)
{
    fuzz_put(w->out, w->tree.input.data + from, to - from);
}

static const struct wire_node *parent_of(const struct mutate_work *w, const struct wire_node *n)
{
    return &w->tree.nodes[n->parent];
}

/* ---- which nodes ---- */

/* A message fields can be put into: not an entry of a map, which has its two. */
static bool takes_fields(const struct mutate_work *w, const struct wire_node *n)
{
    if (!(n->flags & NODE_OPEN))
        return false;
    const struct pb_type *t = wire_tree_type(&w->tree, n);
    return t->field_count > 0 && !t->map_entry;
}

static bool in_map_entry(const struct mutate_work *w, const struct wire_node *n)
{
    return n->depth > 0 && wire_tree_type(&w->tree, parent_of(w, n))->map_entry;
}

static bool can_go(const struct mutate_work *w, const struct wire_node *n)
{
    return n->depth > 0 && !in_map_entry(w, n);
}

static bool is_element(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->field != NULL && n->field->repeated && !n->field->map;
}

static bool is_known(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->field != NULL;
}

static bool is_filled_message(const struct mutate_work *w, const struct wire_node *n)
{
    return takes_fields(w, n) && n->end > n->data;
}

static bool is_in_oneof(const struct mutate_work *w, const struct wire_node *n)
{
    (void)w;
    return n->field != NULL && n->field->oneof >= 0;
}

static bool can_nest(const struct mutate_work *w, const struct wire_node *n)
{
    return takes_fields(w, n) && n->end > n->data;
}

/* ---- operators ---- */

static bool has_field(const struct mutate_work *w, uint32_t message, const struct pb_field *f)
{
    const struct wire_node *nodes = w->tree.nodes;
    for (uint32_t i = message + 1; i < nodes[message].next; i = nodes[i].next)
        if (nodes[i].field == f || (f->oneof >= 0 && nodes[i].field != NULL && nodes[i].field->oneof == f->oneof))
            return true;
    return false;
}

/* A field that is not there yet, or one more element, where the encoder would put it. */
static bool add_field(struct mutate_work *w)
{
    uint32_t message = mutate_pick(w, takes_fields);
    if (message == NO_NODE)
        return false;
    const struct wire_node *nodes = w->tree.nodes, *n = &nodes[message];
    const struct pb_type *t = wire_tree_type(&w->tree, n);
    const struct pb_field *f = NULL;
    size_t start = (size_t)random_below(w->r, t->field_count);
    for (size_t i = 0; i < t->field_count && f == NULL; i++) {
        const struct pb_field *candidate = &t->fields[(start + i) % t->field_count];
        if (candidate->repeated || (!w->tree.full && !has_field(w, message, candidate)))
            f = candidate;
    }
    if (f == NULL)
        return false;
    uint32_t at = n->data;
    for (uint32_t i = message + 1; i < n->next && nodes[i].number <= f->number; i = nodes[i].next)
        at = nodes[i].end;
    if (w->tree.full)
        at = n->end;
    unsigned levels = 0;
    if (f->kind == PB_MESSAGE) {
        if (n->depth + 1U > MUTATE_DEPTH_MAX)
            return false;
        levels = 1 + (unsigned)random_below(w->r, 3);
        if (n->depth + levels > MUTATE_DEPTH_MAX)
            levels = MUTATE_DEPTH_MAX - n->depth;
    }
    struct dictionary_value known;
    const char *what = w->did->what;
    if (f->kind != PB_MESSAGE && mutate_known_value(w, f, &known)) {
        w->did->what = what;
        fuzz_put_tag(w->out, f->number, fuzz_wire_type(f));
        if (fuzz_wire_type(f) == WIRE_BYTES) {
            fuzz_put_varint(w->out, known.text.len);
            fuzz_put(w->out, known.text.data, known.text.len);
        } else {
            value_put(w->out, f->kind, known.number);
        }
    } else {
        fuzz_put_field(w->r, f, levels, mutate_room(w, 0), w->out);
    }
    return mutate_finish(w, message, at, at);
}

static bool remove_field(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, can_go);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    return mutate_finish(w, n->parent, n->start, n->end);
}

static bool duplicate_element(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_element);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    uint64_t times = random_below(w->r, 8) ? 1 : 1 + random_below(w->r, 64);
    if (times * (n->end - n->start) > mutate_room(w, 0))
        times = 1;
    while (times-- > 0)
        keep(w, n->start, n->end);
    return mutate_finish(w, n->parent, n->end, n->end);
}

/* Two elements of one field change places. */
static bool swap_elements(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_element);
    if (i == NO_NODE)
        return false;
    const struct wire_node *nodes = w->tree.nodes, *a = &nodes[i], *b = NULL;
    uint32_t end = parent_of(w, a)->next;
    uint64_t seen = 0;
    for (uint32_t k = a->next; k < end; k = nodes[k].next)
        if (nodes[k].field == a->field && random_below(w->r, ++seen) == 0)
            b = &nodes[k];
    if (b == NULL)
        return false;
    keep(w, b->start, b->end);
    keep(w, a->end, b->start);
    keep(w, a->start, a->end);
    return mutate_finish(w, a->parent, a->start, b->end);
}

/* An element goes to the front of its field, or to the back. */
static bool move_element(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_element);
    if (i == NO_NODE)
        return false;
    const struct wire_node *nodes = w->tree.nodes, *n = &nodes[i], *first = NULL, *last = NULL;
    uint32_t parent = n->parent;
    for (uint32_t k = parent + 1; k < nodes[parent].next; k = nodes[k].next)
        if (nodes[k].field == n->field) {
            first = first == NULL ? &nodes[k] : first;
            last = &nodes[k];
        }
    if (first == NULL || first == last)
        return false;
    if (n != first && (n == last || random_below(w->r, 2))) {
        keep(w, n->start, n->end);
        keep(w, first->start, n->start);
        return mutate_finish(w, parent, first->start, n->end);
    }
    keep(w, n->end, last->end);
    keep(w, n->start, n->end);
    return mutate_finish(w, parent, n->start, last->end);
}

/* A message loses all it holds. */
static bool clear_message(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_filled_message);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    return mutate_finish(w, i, n->data, n->end);
}

/* A message loses every element of one field. */
static bool clear_field(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, can_go);
    if (i == NO_NODE)
        return false;
    const struct wire_node *nodes = w->tree.nodes, *n = &nodes[i];
    uint32_t parent = n->parent, from = NO_NODE, at = 0;
    for (uint32_t k = parent + 1; k < nodes[parent].next; k = nodes[k].next) {
        if (nodes[k].number != n->number)
            continue;
        if (from == NO_NODE)
            from = nodes[k].start;
        else
            keep(w, at, nodes[k].start);
        at = nodes[k].end;
    }
    return mutate_finish(w, parent, from, at);
}

static bool same_form(const struct wire_node *a, const struct wire_node *b)
{
    const struct pb_field *f = a->field, *g = b->field;
    return a->wire == b->wire && f->kind == g->kind && f->message == g->message && f->enumeration == g->enumeration;
}

/* A value is overwritten by another one of its kind in the same message. */
static bool copy_value(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_known);
    if (i == NO_NODE)
        return false;
    const struct wire_node *nodes = w->tree.nodes, *to = &nodes[i], *from = NULL;
    uint32_t at = (uint32_t)random_below(w->r, w->tree.count);
    for (uint32_t k = 0; k < w->tree.count && from == NULL; k++) {
        at = at + 1 < w->tree.count ? at + 1 : 0;
        if (at != i && nodes[at].field != NULL && same_form(&nodes[at], to))
            from = &nodes[at];
    }
    if (from == NULL || (from->flags & NODE_OPEN &&
                         to->depth + wire_tree_height(&w->tree, (uint32_t)(from - nodes)) > MUTATE_DEPTH_MAX))
        return false;
    keep(w, from->value, from->end);
    return mutate_finish(w, to->parent, to->value, to->end);
}

/* Whether another sibling is of this field. */
static bool is_beside(const struct mutate_work *w, const struct wire_node *n, const struct pb_field *f)
{
    const struct wire_node *nodes = w->tree.nodes;
    for (uint32_t i = n->parent + 1U; i < nodes[n->parent].next; i = nodes[i].next)
        if (nodes[i].field == f)
            return true;
    return w->tree.full;
}

/* Another member of the oneof instead of the one there is. */
static bool switch_oneof(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, is_in_oneof);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    const struct pb_type *t = n->field->owner;
    size_t start = (size_t)random_below(w->r, t->field_count);
    for (size_t k = 0; k < t->field_count; k++) {
        const struct pb_field *f = &t->fields[(start + k) % t->field_count];
        if (f == n->field || f->oneof != n->field->oneof ||
            (f->kind == PB_MESSAGE && (n->depth >= MUTATE_DEPTH_MAX || is_beside(w, n, f))))
            continue;
        fuzz_put_field(w->r, f, 1, mutate_room(w, n->end - n->start), w->out);
        return mutate_finish(w, n->parent, n->start, n->end);
    }
    return false;
}

/* A message of a type that may hold itself becomes a part of itself. */
static bool nest_message(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, can_nest);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    const struct pb_type *t = wire_tree_type(&w->tree, n);
    size_t start = (size_t)random_below(w->r, t->field_count);
    for (size_t k = 0; k < t->field_count; k++) {
        const struct pb_field *f = &t->fields[(start + k) % t->field_count];
        if (f->kind != PB_MESSAGE || f->message != t)
            continue;
        if (n->depth + wire_tree_height(&w->tree, i) + 1 > MUTATE_DEPTH_MAX)
            return false;
        fuzz_put_bytes(w->out, f->number, input_of(w, n->data, n->end));
        return mutate_finish(w, i, n->data, n->end);
    }
    return false;
}

/* A message of new content in place of the old. */
static bool fresh_message(struct mutate_work *w)
{
    uint32_t i = mutate_pick(w, takes_fields);
    if (i == NO_NODE)
        return false;
    const struct wire_node *n = &w->tree.nodes[i];
    unsigned levels = n->depth < MUTATE_DEPTH_MAX ? 2 : 0;
    fuzz_generate_small(w->r, wire_tree_type(&w->tree, n), levels, mutate_room(w, n->end - n->data), true, w->out);
    return mutate_finish(w, i, n->data, n->end);
}

/* Names that come more than once are drawn more often, until what succeeds is learnt. */
const struct valid_operator valid_operators[] = {
    {"value", mutate_value},          {"field-add", add_field},
    {"field-remove", remove_field},   {"element-duplicate", duplicate_element},
    {"element-swap", swap_elements},  {"element-move", move_element},
    {"field-clear", clear_field},     {"message-clear", clear_message},
    {"message-fresh", fresh_message}, {"message-nest", nest_message},
    {"value-copy", copy_value},       {"oneof-switch", switch_oneof},
    {"crossover", mutate_crossover},
};
const size_t valid_operator_count = sizeof valid_operators / sizeof valid_operators[0];
