/* Where in a message a transcoder is, for its errors: links on the C stack, one per field, from the inside out.
 * Private to wire/pb_*.c. */
#ifndef WIRE_PB_PATH_H
#define WIRE_PB_PATH_H

#include "base/text.h"
#include "wire/pb.h"

#define PB_PATH_NO_INDEX SIZE_MAX

struct pb_path {
    const struct pb_path *up;     /* NULL: the message itself */
    const struct pb_type *root;   /* where up is NULL */
    const struct pb_field *field; /* otherwise */
    size_t index;                 /* element of a repeated field, or PB_PATH_NO_INDEX */
    struct bytes key;             /* of a map, as JSON without quotes; data NULL: none */
};

/* "store.Record.items[2].labels["a"]" */
void pb_path_print(const struct pb_path *path, struct text *out);

#endif
