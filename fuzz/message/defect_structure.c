/* The message as a whole: what is there twice, out of order, too deep, cut, or followed by something. */
#include "fuzz/message/defect_internal.h"

#define PATH_MAX_FIELDS   16   /* that lead to a type which holds itself */
#define PATH_VISITS       4096 /* fields looked at for one */
#define BOMB_LEVELS_MAX   10000
#define BOMB_LENGTH_BYTES 3 /* of the outermost level's length at most */

/* ---- twice ---- */

static bool is_singular_scalar(const struct pb_field *f)
{
    return !f->repeated && f->kind != PB_MESSAGE && f->oneof < 0;
}

static bool is_singular_message(const struct pb_field *f)
{
    return !f->repeated && f->kind == PB_MESSAGE && f->oneof < 0;
}

static bool is_in_oneof(const struct pb_field *f)
{
    if (f->oneof < 0)
        return false;
    for (size_t i = 0; i < f->owner->field_count; i++)
        if (&f->owner->fields[i] != f && f->owner->fields[i].oneof == f->oneof)
            return true;
    return false;
}

/* The field that was there stays, and is followed by one more; if none was there, two come. */
static bool put_twice(struct mutate_work *w, const struct defect_place *p, const struct pb_field *second)
{
    if (p->at == p->end) {
        fuzz_put_tag(w->out, p->field->number, fuzz_wire_type(p->field));
        fuzz_put_value(w->r, p->field, 1, 1000, w->out);
    } else {
        fuzz_put(w->out, w->tree.input.data + p->at, p->end - p->at);
    }
    fuzz_put_tag(w->out, second->number, fuzz_wire_type(second));
    fuzz_put_value(w->r, second, 1, 1000, w->out);
    return defect_put(w, p);
}

static bool scalar_twice(struct mutate_work *w)
{
    struct defect_place p;
    return defect_place(w, is_singular_scalar, &p) && put_twice(w, &p, p.field);
}

static bool message_twice(struct mutate_work *w)
{
    struct defect_place p;
    return defect_place(w, is_singular_message, &p) && put_twice(w, &p, p.field);
}

static bool oneof_twice(struct mutate_work *w)
{
    struct defect_place p;
    if (!defect_place(w, is_in_oneof, &p))
        return false;
    const struct pb_type *t = p.field->owner;
    size_t at = (size_t)random_below(w->r, t->field_count);
    const struct wire_node *nodes = w->tree.nodes;
    uint32_t there = p.field->number;
    for (uint32_t i = p.message + 1; i < nodes[p.message].next; i = nodes[i].next)
        if (nodes[i].start == p.at && p.at < p.end)
            there = nodes[i].number;
    while (t->fields[at].oneof != p.field->oneof || t->fields[at].number == there)
        at = at + 1 < t->field_count ? at + 1 : 0;
    return put_twice(w, &p, &t->fields[at]);
}

static bool everything_twice(struct mutate_work *w)
{
    if (w->tree.input.len == 0)
        return false;
    fuzz_put(w->out, w->tree.input.data, w->tree.input.len);
    fuzz_put(w->out, w->tree.input.data, w->tree.input.len);
    return true;
}

/* ---- order ---- */

static bool has_two_fields(const struct mutate_work *w, const struct wire_node *n)
{
    if (!(n->flags & NODE_OPEN) || w->tree.full)
        return false;
    const struct wire_node *nodes = w->tree.nodes;
    uint32_t first = (uint32_t)(n - nodes) + 1;
    for (uint32_t i = first; i < n->next; i = nodes[i].next)
        if (nodes[i].number != nodes[first].number)
            return true;
    return false;
}

static bool fields_reversed(struct mutate_work *w)
{
    uint32_t message = mutate_pick(w, has_two_fields);
    if (message == NO_NODE)
        return false;
    const struct wire_node *nodes = w->tree.nodes, *n = &nodes[message];
    size_t len = n->end - n->data;
    if (!text_reserve(w->out, len))
        return false;
    char *to = w->out->data + w->base + len;
    for (uint32_t i = message + 1; i < n->next; i = nodes[i].next) {
        to -= nodes[i].end - nodes[i].start;
        memcpy(to, w->tree.input.data + nodes[i].start, nodes[i].end - nodes[i].start);
    }
    w->out->len = w->base + len;
    if (memcmp(to, w->tree.input.data + n->data, len) == 0)
        return false;
    wire_tree_edit(&w->tree, message, n->data, n->end, w->out, w->base);
    return true;
}

/* ---- depth ---- */

struct path {
    const struct pb_type *types[PATH_MAX_FIELDS + 1];
    const struct pb_field *fields[PATH_MAX_FIELDS];
    size_t count, again; /* after the last field it goes on with fields[again] */
    size_t visits;
};

/* From the type at the path's end to one that is on the path already. Depth is bounded by the path's length. */
static bool find_cycle(struct path *p, struct random *r)
{
    const struct pb_type *t = p->types[p->count];
    if (p->count == PATH_MAX_FIELDS || t->field_count == 0)
        return false;
    size_t at = (size_t)random_below(r, t->field_count);
    for (size_t i = 0; i < t->field_count; i++, at = at + 1 < t->field_count ? at + 1 : 0) {
        const struct pb_field *f = &t->fields[at];
        if (f->kind != PB_MESSAGE)
            continue;
        if (p->visits++ == PATH_VISITS)
            return false;
        p->fields[p->count++] = f;
        for (size_t k = 0; k < p->count; k++)
            if (p->types[k] == f->message) {
                p->again = k;
                return true;
            }
        p->types[p->count] = f->message;
        if (find_cycle(p, r))
            return true;
        p->count--;
    }
    return false;
}

static const struct pb_field *step(const struct path *p, size_t level)
{
    return p->fields[level < p->count ? level : p->again + (level - p->again) % (p->count - p->again)];
}

static bool depth_bomb(struct mutate_work *w, size_t levels)
{
    struct path p = {.types = {w->tree.type}};
    if (!find_cycle(&p, w->r))
        return false;
    /* From the inside out, so that each length is known: written from the end on, then moved to its place. */
    size_t room = 0;
    for (size_t i = 0; i < p.count; i++)
        room = room > p.fields[i]->number ? room : p.fields[i]->number;
    room = levels * (fuzz_varint_size((uint64_t)room << 3) + BOMB_LENGTH_BYTES);
    if (!text_reserve(w->out, room))
        return false;
    char *end = w->out->data + w->out->len + room, *at = end;
    for (size_t i = levels, len = 0; i-- > 0; len = (size_t)(end - at)) {
        uint64_t tag = (uint64_t)step(&p, i)->number << 3 | WIRE_BYTES;
        at -= fuzz_varint_size(len);
        pb_varint_write((uint8_t *)at, len);
        at -= fuzz_varint_size(tag);
        pb_varint_write((uint8_t *)at, tag);
    }
    memmove(w->out->data + w->out->len, at, (size_t)(end - at));
    w->out->len += (size_t)(end - at);
    w->out->data[w->out->len] = '\0';
    /* In the outermost message. */
    const struct wire_node *nodes = w->tree.nodes;
    struct defect_place place = {p.fields[0], 0, nodes[0].end, nodes[0].end};
    for (uint32_t k = 1; k < nodes[0].next && !place.field->repeated; k = nodes[k].next)
        if (nodes[k].field == place.field) {
            place.at = nodes[k].start;
            place.end = nodes[k].end;
        }
    return defect_put(w, &place);
}

static bool depth_99(struct mutate_work *w)
{
    return depth_bomb(w, 99);
}

static bool depth_100(struct mutate_work *w)
{
    return depth_bomb(w, 100);
}

static bool depth_101(struct mutate_work *w)
{
    return depth_bomb(w, 101);
}

static bool depth_10000(struct mutate_work *w)
{
    return depth_bomb(w, BOMB_LEVELS_MAX);
}

/* ---- the ends ---- */

static bool cut_short(struct mutate_work *w)
{
    if (w->tree.input.len < 2)
        return false;
    fuzz_put(w->out, w->tree.input.data, (size_t)random_range(w->r, 1, (int64_t)w->tree.input.len - 1));
    return true;
}

static bool trailing_garbage(struct mutate_work *w)
{
    uint8_t garbage[20];
    size_t n = 1 + (size_t)random_below(w->r, sizeof garbage);
    random_bytes(w->r, garbage, n);
    fuzz_put(w->out, garbage, n);
    return defect_append(w, 0);
}

static bool bit_flipped(struct mutate_work *w)
{
    if (w->tree.input.len == 0)
        return false;
    fuzz_put(w->out, w->tree.input.data, w->tree.input.len);
    if (text_ok(w->out)) {
        char *at = w->out->data + w->base + random_below(w->r, w->tree.input.len);
        *at = (char)(*at ^ (1 << random_below(w->r, 8)));
    }
    return true;
}

static const struct defect list[] = {
    DEFECT_ACCEPTED("scalar-twice", "a singular number or text sent twice", scalar_twice),
    DEFECT_ACCEPTED("message-twice", "a singular message sent twice, to be merged", message_twice),
    DEFECT_ACCEPTED("oneof-twice", "two members of a oneof", oneof_twice),
    DEFECT_ACCEPTED("everything-twice", "every field sent twice", everything_twice),
    DEFECT_ACCEPTED("fields-reversed", "the fields of a message in reversed order", fields_reversed),
    DEFECT_ACCEPTED("depth-99", "99 messages within each other", depth_99),
    DEFECT_ACCEPTED("depth-100", "100 messages within each other, the usual limit", depth_100),
    DEFECT_EITHER("depth-101", "101 messages within each other", depth_101),
    {"depth-10000", "10,000 messages within each other", DECODERS_DIFFER, STATUSES_ANY, true, depth_10000},
    DEFECT_EITHER("cut-short", "a valid message cut somewhere", cut_short),
    DEFECT_EITHER("trailing-garbage", "random bytes at the end", trailing_garbage),
    DEFECT_EITHER("bit-flipped", "one bit of a valid message turned over", bit_flipped),
};
DEFECT_FAMILY(defects_structure);
