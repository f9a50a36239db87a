#include "fuzz/message/relation.h"

#include "fuzz/message/put.h"
#include "fuzz/message/values.h"
#include "fuzz/message/wire_tree.h"

#include <zlib.h>

#define NODES     256 /* of a message that is set right; more are left alone */
#define FIXES_MAX 16  /* of one message */

const char *relation_kind_name(enum relation_kind kind)
{
    static const char *const names[] = {"length", "count", "crc32", "adler32", "sum", "fnv1a"};
    return names[kind];
}

static uint64_t sum_of(struct bytes b)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < b.len; i++)
        sum += b.data[i];
    return sum;
}

static uint32_t fnv1a(struct bytes b)
{
    uint32_t h = 0x811c9dc5;
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ b.data[i]) * 0x01000193;
    return h;
}

uint64_t relation_value(enum relation_kind kind, uint8_t width, struct bytes content, size_t count)
{
    uint64_t value = 0;
    switch (kind) {
    case RELATION_LENGTH:
        value = content.len;
        break;
    case RELATION_COUNT:
        value = count;
        break;
    case RELATION_CRC32:
        value = crc32_z(0, content.len ? content.data : (const uint8_t *)"", content.len);
        break;
    case RELATION_ADLER32:
        value = adler32_z(1, content.len ? content.data : (const uint8_t *)"", content.len);
        break;
    case RELATION_SUM:
        value = sum_of(content);
        break;
    case RELATION_FNV1A:
        value = fnv1a(content);
        break;
    case RELATION_KINDS:
        break;
    }
    return width < 8 ? value & ((UINT64_C(1) << 8 * width) - 1) : value;
}

bool relations_add(struct relations *all, const struct relation *r)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].field == r->field) /* one field follows one other: the first that was seen */
            return false;
    if (all->count == RELATIONS_MAX)
        return false;
    all->items[all->count++] = *r;
    return true;
}

/* The field's last value in the message `parent`, and how often it is there. */
static const struct wire_node *find(const struct wire_tree *t, uint32_t parent, const struct pb_field *f, size_t *count)
{
    const struct wire_node *found = NULL;
    *count = 0;
    for (uint32_t i = parent + 1; i < t->nodes[parent].next; i = t->nodes[i].next)
        if (t->nodes[i].field == f) {
            found = &t->nodes[i];
            ++*count;
        }
    return found;
}

/* One field that is not as it should be, set anew. False: all are right. */
static bool fix_one(const struct relations *all, const struct pb_type *type, struct text *out, size_t base,
                    struct text *made)
{
    struct wire_node nodes[NODES];
    struct wire_tree t;
    wire_tree_read(&t, nodes, NODES, type, BYTES(out->data + base, out->len - base), 0);
    if (!t.clean || t.full)
        return false;
    for (uint32_t m = 0; m < t.count; m++) {
        if (!(nodes[m].flags & NODE_OPEN))
            continue;
        for (size_t i = 0; i < all->count; i++) {
            const struct relation *r = &all->items[i];
            size_t count, own;
            if (r->field->owner != wire_tree_type(&t, &nodes[m]))
                continue;
            const struct wire_node *of = find(&t, m, r->of, &count), *n = find(&t, m, r->field, &own);
            struct bytes content = of ? BYTES(t.input.data + of->data, of->end - of->data) : BYTES_NONE;
            uint64_t wanted = relation_value(r->kind, r->width, content, count), is = 0;
            if (n)
                value_read(r->field->kind, BYTES(t.input.data + n->value, n->end - n->value), &is);
            if (value_of_kind(r->field->kind, wanted) == is || own > 1)
                continue;
            text_clear(made);
            if (!n)
                fuzz_put_tag(made, r->field->number, fuzz_wire_type(r->field));
            value_put(made, r->field->kind, wanted);
            uint32_t at = n ? n->value : nodes[m].end, end = n ? n->end : nodes[m].end;
            wire_tree_edit(&t, m, at, end, made, 0);
            if (!text_ok(made))
                return false;
            text_truncate(out, base);
            text_add(out, made->data, made->len);
            return text_ok(out);
        }
    }
    return false;
}

size_t relations_keep(const struct relations *all, const struct pb_type *type, struct text *out, size_t base,
                      struct text *scratch)
{
    size_t count = 0;
    while (count < FIXES_MAX && text_ok(out) && fix_one(all, type, out, base, scratch))
        count++;
    return count;
}
