/* One message made smaller by its wire tree: the tree is read anew for every attempt, so that places are always those
 * of the best message so far. Nodes stand in the order of their bytes, so that a change within a node never moves the
 * nodes before it: going over them by index is safe. */
#include "fuzz/case/shrink_internal.h"

#include "fuzz/message/put.h"
#include "fuzz/message/values.h"
#include "fuzz/message/wire_tree.h"

struct message {
    struct shrinker *s;
    size_t event;
    const struct pb_type *type;
    struct wire_node nodes[WIRE_TREE_NODES];
    struct wire_tree tree;
};

static void read_tree(struct message *m)
{
    const struct fuzz_event *e = &m->s->best->events.items[m->event];
    wire_tree_read(&m->tree, m->nodes, WIRE_TREE_NODES, m->type, fuzz_case_bytes(m->s->best, e->value), 0);
}

/* The bytes [at, end) of a message go, and `content` comes. True: it is the best now, and the tree is the new one's. */
static bool try_edit(struct message *m, uint32_t parent, uint32_t at, uint32_t end, struct bytes content)
{
    text_clear(&m->s->value);
    fuzz_put(&m->s->value, content.data, content.len);
    wire_tree_edit(&m->tree, parent, at, end, &m->s->value, 0);
    if (!shrink_try_value(m->s, m->event))
        return false;
    read_tree(m);
    return true;
}

/* The fields of a message: [at, end) in pieces of `piece` of them. */
static void cut_fields(struct message *m, uint32_t parent)
{
    size_t count = 0;
    for (uint32_t i = parent + 1; i < m->nodes[parent].next; i = m->nodes[i].next)
        count++;
    for (size_t piece = count; piece > 0 && !shrink_over(m->s); piece /= 2)
        for (uint32_t from = parent + 1; from < m->nodes[parent].next && !shrink_over(m->s);) {
            uint32_t to = from, last = from;
            for (size_t n = 0; n < piece && to < m->nodes[parent].next; n++) {
                last = to;
                to = m->nodes[to].next;
            }
            if (!try_edit(m, parent, m->nodes[from].start, m->nodes[last].end, BYTES_NONE))
                from = to;
        }
}

/* A message of a type within itself becomes the inner one. */
static void hoist(struct message *m, uint32_t node)
{
    const struct pb_type *type = wire_tree_type(&m->tree, &m->nodes[node]);
    for (uint32_t i = node + 1; i < m->nodes[node].next && !shrink_over(m->s); i++) {
        const struct wire_node *n = &m->nodes[i], *outer = &m->nodes[node];
        if (!(n->flags & NODE_OPEN) || wire_tree_type(&m->tree, n) != type)
            continue;
        struct bytes inner = BYTES(m->tree.input.data + n->data, n->end - n->data);
        if (try_edit(m, node, outer->data, outer->end, inner))
            i = node;
    }
}

/* Where the character ends that `at` of the content is in, so that a string stays UTF-8. */
static uint32_t whole(const struct message *m, const struct wire_node *n, uint32_t at)
{
    bool string = n->field && n->field->kind == PB_STRING && !(n->flags & NODE_BAD);
    while (string && at < n->end - n->data && (m->tree.input.data[n->data + at] & 0xC0) == 0x80)
        at++;
    return at;
}

/* The content of a length-delimited field, as bytes. */
static void cut_content(struct message *m, uint32_t node)
{
    uint32_t len = m->nodes[node].end - m->nodes[node].data;
    size_t min = shrink_piece_min(m->s, len);
    for (size_t piece = len; piece >= min && piece > 0; piece /= 2)
        for (uint32_t at = 0; !shrink_over(m->s);) {
            const struct wire_node *n = &m->nodes[node];
            len = n->end - n->data;
            if (at >= len)
                break;
            uint32_t end = whole(m, n, len - at > piece ? at + (uint32_t)piece : len);
            if (!try_edit(m, node, n->data + at, n->data + end, BYTES_NONE))
                at = end;
        }
}

static void plain_content(struct message *m, uint32_t node)
{
    const struct wire_node *n = &m->nodes[node];
    if (n->end - n->data > SHRINK_PLAIN_MAX)
        return;
    for (uint32_t at = 0; at < n->end - n->data && !shrink_over(m->s); at++) {
        uint32_t end = whole(m, n, at + 1);
        if (m->tree.input.data[n->data + at] != 'a')
            try_edit(m, node, n->data + at, n->data + end, BYTES("a", 1));
    }
}

/* Where the element at `at` of a packed run ends. */
static uint32_t element_end(const struct message *m, uint32_t node, uint32_t at)
{
    uint64_t value;
    const struct wire_node *n = &m->nodes[node];
    size_t size = value_read(n->field->kind, BYTES(m->tree.input.data + at, n->end - at), &value);
    return size > 0 ? at + (uint32_t)size : n->end;
}

static void cut_elements(struct message *m, uint32_t node)
{
    size_t count = 0;
    for (uint32_t at = m->nodes[node].data; at < m->nodes[node].end; at = element_end(m, node, at))
        count++;
    for (size_t piece = count; piece > 0 && !shrink_over(m->s); piece /= 2)
        for (uint32_t at = m->nodes[node].data; at < m->nodes[node].end && !shrink_over(m->s);) {
            uint32_t end = at, data = m->nodes[node].data;
            for (size_t n = 0; n < piece && end < m->nodes[node].end; n++)
                end = element_end(m, node, end);
            if (!try_edit(m, node, at, end, BYTES_NONE))
                at = end;
            else /* its length may have become shorter, and everything with it moved */
                at -= data - m->nodes[node].data;
        }
}

static bool is_signed(enum pb_kind kind)
{
    return kind == PB_INT32 || kind == PB_INT64 || kind == PB_SINT32 || kind == PB_SINT64 || kind == PB_SFIXED32 ||
           kind == PB_SFIXED64 || kind == PB_ENUM;
}

static enum pb_kind kind_of(const struct wire_node *n)
{
    if (n->field)
        return n->field->kind;
    return n->wire == WIRE_VARINT ? PB_UINT64 : n->wire == WIRE_FIXED64 ? PB_FIXED64 : PB_FIXED32;
}

/* Real ones go by their bits, of which 0 is the plainest too. */
static void plain_value(struct message *m, uint32_t node)
{
    struct text put = TEXT_INIT;
    for (size_t n = 0; !shrink_over(m->s); n++) {
        const struct wire_node *w = &m->nodes[node];
        enum pb_kind kind = kind_of(w);
        uint64_t now, smaller;
        if (value_read(kind, BYTES(m->tree.input.data + w->value, w->end - w->value), &now) == 0 ||
            !shrink_number(now, is_signed(kind), n, &smaller))
            break;
        text_clear(&put);
        value_put(&put, kind, smaller);
        if (!text_ok(&put))
            m->s->failed = true;
        else if (smaller != now && try_edit(m, w->parent, w->value, w->end, text_bytes(&put)))
            n = SIZE_MAX; /* from the start, of what it is now */
    }
    text_deinit(&put);
}

static void shrink_node(struct message *m, uint32_t node)
{
    const struct wire_node *n = &m->nodes[node];
    if (n->flags & NODE_OPEN) {
        hoist(m, node);
        cut_fields(m, node);
    } else if (n->flags & NODE_PACKED && !(n->flags & NODE_BAD)) {
        cut_elements(m, node);
    } else if (n->wire == WIRE_BYTES) {
        cut_content(m, node);
        if (!(m->nodes[node].flags & NODE_BAD))
            plain_content(m, node);
    } else if (n->wire == WIRE_VARINT || n->wire == WIRE_FIXED64 || n->wire == WIRE_FIXED32) {
        plain_value(m, node);
    }
}

/* Where the tree says nothing of the bytes: groups, what cannot be read, fields beyond those that are recorded. */
static void cut_raw(struct message *m)
{
    size_t min = shrink_piece_min(m->s, m->tree.input.len);
    for (size_t piece = m->tree.input.len; piece >= min && piece > 0; piece /= 2)
        for (uint32_t at = 0; at < m->tree.input.len && !shrink_over(m->s);) {
            size_t left = m->tree.input.len - at;
            uint32_t end = at + (uint32_t)(left > piece ? piece : left);
            if (!try_edit(m, 0, at, end, BYTES_NONE))
                at = end;
        }
}

void shrink_message(struct shrinker *s, size_t event, const struct pb_type *type)
{
    struct message m = {.s = s, .event = event, .type = type};
    read_tree(&m);
    for (uint32_t i = 0; i < m.tree.count && !shrink_over(s); i++)
        shrink_node(&m, i);
    if (!m.tree.clean || m.tree.full)
        cut_raw(&m);
}
