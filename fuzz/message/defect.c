#include "fuzz/message/defect_internal.h"

#include <string.h>

#define FAMILIES     8
#define LARGE_RARITY 16 /* one draw of so many */

static const struct defect_family *const families[FAMILIES] = {
    &defects_varint, &defects_tag,       &defects_group, &defects_length,
    &defects_string, &defects_structure, &defects_map,   &defects_packed,
};

/* ---- places ---- */

static bool is_message(const struct mutate_work *w, const struct wire_node *n)
{
    return (n->flags & NODE_OPEN) && !wire_tree_type(&w->tree, n)->map_entry;
}

uint32_t defect_message(struct mutate_work *w)
{
    uint32_t i = random_below(w->r, 2) ? 0 : mutate_pick(w, is_message);
    return i == NO_NODE ? 0 : i;
}

static const struct pb_field *field_of(struct mutate_work *w, const struct pb_type *t,
                                       bool (*fits)(const struct pb_field *f))
{
    size_t at = (size_t)random_below(w->r, t->field_count);
    for (size_t i = 0; i < t->field_count; i++, at = at + 1 < t->field_count ? at + 1 : 0)
        if (fits(&t->fields[at]))
            return &t->fields[at];
    return NULL;
}

bool defect_place(struct mutate_work *w, bool (*fits)(const struct pb_field *f), struct defect_place *out)
{
    const struct wire_node *nodes = w->tree.nodes;
    uint32_t at = (uint32_t)random_below(w->r, w->tree.count);
    for (uint32_t i = 0; i < w->tree.count; i++, at = at + 1 < w->tree.count ? at + 1 : 0) {
        if (!(nodes[at].flags & NODE_OPEN))
            continue;
        const struct pb_field *f = field_of(w, wire_tree_type(&w->tree, &nodes[at]), fits);
        if (f == NULL)
            continue;
        *out = (struct defect_place){f, at, nodes[at].end, nodes[at].end};
        for (uint32_t k = at + 1; k < nodes[at].next && !f->repeated; k = nodes[k].next)
            if (nodes[k].field == f || (f->oneof >= 0 && nodes[k].field != NULL && nodes[k].field->oneof == f->oneof)) {
                out->at = nodes[k].start;
                out->end = nodes[k].end;
            }
        return true;
    }
    return false;
}

bool defect_put(struct mutate_work *w, const struct defect_place *p)
{
    wire_tree_edit(&w->tree, p->message, p->at, p->end, w->out, w->base);
    return true;
}

bool defect_append(struct mutate_work *w, uint32_t message)
{
    uint32_t end = w->tree.nodes[message].end;
    wire_tree_edit(&w->tree, message, end, end, w->out, w->base);
    return true;
}

bool defect_replace(struct mutate_work *w, const struct wire_node *n, uint32_t at, uint32_t end)
{
    wire_tree_edit(&w->tree, n->parent, at, end, w->out, w->base);
    return true;
}

uint32_t defect_unknown_number(struct mutate_work *w, uint32_t message)
{
    static const uint32_t firsts[] = {1, 12, 15, 16, 100, 2047, 2048, 12345, 99999, 1 << 21, 1 << 28};
    const struct pb_type *t = wire_tree_type(&w->tree, &w->tree.nodes[message]);
    uint32_t number = firsts[random_below(w->r, sizeof firsts / sizeof firsts[0])];
    while (pb_field_by_number(t, number) != NULL)
        number++;
    return number;
}

void defect_put_padded(struct text *out, uint64_t value, size_t size)
{
    uint8_t bytes[11];
    for (size_t i = 0; i < size; i++, value >>= 7)
        bytes[i] = (uint8_t)((value & 0x7F) | (i + 1 < size ? 0x80 : 0));
    fuzz_put(out, bytes, size);
}

/* ---- all of them ---- */

size_t defect_count(void)
{
    size_t count = 0;
    for (size_t f = 0; f < FAMILIES; f++)
        count += families[f]->count;
    return count;
}

const struct defect *defect_at(size_t i)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        if (i < families[f]->count)
            return &families[f]->defects[i];
        i -= families[f]->count;
    }
    return NULL;
}

const struct defect *defect_find(const char *name)
{
    for (size_t f = 0; f < FAMILIES; f++)
        for (size_t i = 0; i < families[f]->count; i++)
            if (strcmp(families[f]->defects[i].name, name) == 0)
                return &families[f]->defects[i];
    return NULL;
}

bool defect_is_drawn(const struct defect *d, struct random *r)
{
    return !d->large || random_below(r, LARGE_RARITY) == 0;
}

bool defect_apply_tree(const struct defect *d, struct mutate_work *w, size_t max)
{
    if (text_ok(w->out) && d->apply(w) && w->out->len - w->base <= max)
        return true;
    text_truncate(w->out, w->base);
    return false;
}

bool defect_apply(const struct defect *d, struct random *r, const struct pb_type *type, struct bytes valid,
                  struct text *out)
{
    struct wire_node nodes[WIRE_TREE_NODES];
    struct mutated did;
    struct mutate_work w = {.r = r, .out = out, .base = out->len, .did = &did};
    text_reserve(out, valid.len + 64); /* failure sticks */
    wire_tree_read(&w.tree, nodes, WIRE_TREE_NODES, type, valid, 0);
    return defect_apply_tree(d, &w, SIZE_MAX);
}

const struct defect *defect_draw(struct random *r, const struct pb_type *type, struct bytes valid, struct text *out)
{
    const size_t count = defect_count();
    for (;;) {
        const struct defect *d = defect_at((size_t)random_below(r, count));
        if (defect_is_drawn(d, r) && (defect_apply(d, r, type, valid, out) || !text_ok(out)))
            return d;
    }
}
