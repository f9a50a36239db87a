/* The fields of a message, found in one pass over its wire bytes: a flat array of nodes in the order of the bytes, each
 * with its place, depth and parent. Node 0 is the message itself. Nothing is copied and nothing is allocated: the nodes
 * stand in the caller's array and are good for as long as the bytes are.
 *
 * Any bytes are read. What is well-formed but against the type (another wire type, bad UTF-8, a group) is a bad node
 * of its own; from where bytes cannot be read at all, the rest of that message is one bad node, and its parent goes on
 * behind it. So is a singular message that comes a second time: decoders merge the two, but protobuf-c 1.4 cannot do so
 * with every type, and valid mutants are to be valid for all. `clean` says that there was none such; pb_scan() accepts
 * a clean message. (A second time is seen among the first 64 fields of a type.)
 *
 * A message with more fields than the array holds is read to its end all the same, so that `clean` is right; the nodes
 * are then those whose end is behind `from`, as many as fit, and whatever they stand in.
 *
 * An edit replaces a run of bytes within one message and writes the lengths of all messages around it anew. */
#ifndef FUZZ_MESSAGE_WIRE_TREE_H
#define FUZZ_MESSAGE_WIRE_TREE_H

#include "base/text.h"
#include "wire/pb.h"

#define WIRE_TREE_NODES     1024               /* a usual array: 40 KiB */
#define WIRE_TREE_BYTES_MAX ((size_t)64 << 20) /* of a message; longer ones are one bad node */
#define WIRE_TREE_NODES_MAX UINT16_MAX

enum wire_node_flags {
    NODE_OPEN = 1,   /* a message of a known type: its fields are the nodes up to `next` */
    NODE_PACKED = 2, /* a run of packed numbers */
    NODE_BAD = 4,    /* a decoder refuses it */
    NODE_AGAIN = 8,  /* with NODE_BAD: only because it was there before */
};

struct wire_node {
    const struct pb_field *field;     /* NULL: unknown to the type, the root, or unreadable */
    uint32_t number;                  /* 0: the root, or unreadable */
    uint32_t start, value, data, end; /* tag at start; its value at `value`; data: behind the length, if there is one */
    uint16_t parent;                  /* index */
    uint16_t next;                    /* index of the first node behind this one and all within it */
    uint8_t wire, depth, flags;       /* depth of the message's own fields is 1 */
};

struct wire_tree {
    struct wire_node *nodes; /* borrowed */
    uint32_t count, capacity;
    const struct pb_type *type;
    struct bytes input;
    bool clean;
    bool full; /* there were more */
};

/* Reads `input` into nodes[capacity], of which there must be at least one. */
void wire_tree_read(struct wire_tree *t, struct wire_node *nodes, uint32_t capacity, const struct pb_type *type,
                    struct bytes input, size_t from);
/* The type of the message that an open node is. */
static inline const struct pb_type *wire_tree_type(const struct wire_tree *t, const struct wire_node *n)
{
    return n == t->nodes ? t->type : n->field->message;
}
/* How many levels stand below a node: 0 when it holds no message with fields. */
unsigned wire_tree_height(const struct wire_tree *t, uint32_t node);

/* `out` holds, from `base` to its end, what is to stand in place of the bytes [at, end) of the message `parent`: it
 * becomes, from `base`, the whole new message. */
void wire_tree_edit(const struct wire_tree *t, uint32_t parent, uint32_t at, uint32_t end, struct text *out,
                    size_t base);
/* How many bytes the message will have if `added` bytes come and `removed` go in `parent`. */
size_t wire_tree_size(const struct wire_tree *t, uint32_t parent, size_t added, size_t removed);

/* Appends the message without what is bad in it: pb_scan() accepts the result, whatever the input. ERROR_MEMORY. */
int wire_tree_repair(const struct pb_type *type, struct bytes input, struct text *out);

/* A string as proto3 and this project's decoder want it: UTF-8 without a NUL. */
bool wire_text_valid(struct bytes s);

#endif
