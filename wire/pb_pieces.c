/* A singular message may come in pieces, anywhere in the bytes; its value is their merge, which on the wire is simply
 * one behind the other. protobuf-c 1.4 merges by copying structs: it forgets fields without presence that only an
 * earlier piece has, takes the last piece alone inside of a oneof, and gives up over a oneof that no piece sets. So
 * pieces are put together before it sees them, at every level. Of a oneof only what was set last is kept, with those of
 * its pieces behind which no other member was set. Fields may change places by this, which has no meaning.
 *
 * Time is that of a sort; the output is never longer than the input. */
#include "wire/pb_wire.h"

#include "base/array.h"

#include <stdlib.h>

struct piece {
    unsigned key; /* what is one value: the field's index, or the first index of its oneof */
    unsigned field;
    const uint8_t *tag; /* where it begins: pieces of a value stay in order */
    size_t size;        /* tag and value */
    struct bytes data;  /* of a message */
};

struct joiner {
    ARRAY(struct piece) pieces; /* of the messages under way, the innermost last */
    struct text *out;
    bool failed;
};

static int by_place(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static bool is_oneof(const ProtobufCFieldDescriptor *f)
{
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* Members of a oneof share the place that says which is set. */
static unsigned key_of(const ProtobufCMessageDescriptor *type, unsigned field)
{
    const ProtobufCFieldDescriptor *f = &type->fields[field];
    if (!is_oneof(f))
        return field;
    unsigned i = 0;
    while (!is_oneof(&type->fields[i]) || type->fields[i].quantifier_offset != f->quantifier_offset)
        i++;
    return i;
}

static void join(struct joiner *j, const ProtobufCMessageDescriptor *type, struct bytes message, unsigned depth);

static void nested(struct joiner *j, const ProtobufCFieldDescriptor *f, struct bytes message, unsigned depth)
{
    size_t mark = pb_open(j->out, f->id);
    join(j, f->descriptor, message, depth + 1);
    pb_close(j->out, mark);
}

/* The pieces from..to of one value. */
static void value(struct joiner *j, const ProtobufCMessageDescriptor *type, size_t from, size_t to, unsigned depth)
{
    const struct piece *last = &j->pieces.items[to - 1];
    const ProtobufCFieldDescriptor *f = &type->fields[last->field];
    if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
        pb_put(j->out, last->tag, last->size);
        return;
    }
    size_t first = to - 1;
    while (first > from && j->pieces.items[first - 1].field == last->field)
        first--;
    if (first == to - 1) {
        nested(j, f, last->data, depth);
        return;
    }
    struct text whole = TEXT_INIT;
    for (size_t i = first; i < to; i++)
        text_add(&whole, j->pieces.items[i].data.data, j->pieces.items[i].data.len);
    if (text_ok(&whole))
        nested(j, f, text_bytes(&whole), depth);
    else
        j->failed = true;
    text_deinit(&whole);
}

static void join(struct joiner *j, const ProtobufCMessageDescriptor *type, struct bytes message, unsigned depth)
{
    const size_t base = j->pieces.count;
    struct pb_reader r = {message.data, message.data + message.len};
    unsigned guess = 0;
    while (r.at < r.end && !j->failed) {
        struct piece p = {.tag = r.at};
        struct pb_item item;
        if (depth > PB_DEPTH_MAX || pb_item_next(&r, &item) != PB_FAULT_NONE) { /* the scan would not have passed it */
            j->failed = true;
            break;
        }
        p.size = (size_t)(r.at - p.tag);
        const ProtobufCFieldDescriptor *f = pb_descriptor_field(type, item.number, &guess);
        bool is_message = f && f->type == PROTOBUF_C_TYPE_MESSAGE;
        if (is_message && f->label == PROTOBUF_C_LABEL_REPEATED) {
            nested(j, f, item.data, depth);
        } else if (is_message || (f && is_oneof(f))) {
            p.field = (unsigned)(f - type->fields);
            p.key = key_of(type, p.field);
            p.data = is_message ? item.data : BYTES_NONE;
            j->failed = !array_push(&j->pieces, p);
        } else {
            pb_put(j->out, p.tag, p.size);
        }
    }
    const size_t end = j->pieces.count;
    if (end - base > 1)
        qsort(j->pieces.items + base, end - base, sizeof *j->pieces.items, by_place);
    for (size_t from = base, to; from < end && !j->failed; from = to) {
        for (to = from + 1; to < end && j->pieces.items[to].key == j->pieces.items[from].key; to++) {
        }
        value(j, type, from, to, depth);
    }
    j->pieces.count = base;
}

int pb_join_pieces(const ProtobufCMessageDescriptor *type, struct bytes message, struct text *out)
{
    struct joiner j = {.out = out};
    join(&j, type, message, 0);
    array_deinit(&j.pieces);
    return j.failed || !text_ok(out) ? ERROR_MEMORY : 0;
}
