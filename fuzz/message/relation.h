/* A field whose value follows from another field of the same message: its length, or a checksum of its bytes. Found by
 * watching what the target compares (fuzz/loop/solve.h), kept by mutators: a message whose checksum is wrong comes no
 * further than the check, so after most changes the fields that follow are set anew. */
#ifndef FUZZ_MESSAGE_RELATION_H
#define FUZZ_MESSAGE_RELATION_H

#include "base/text.h"
#include "wire/pb.h"

#define RELATIONS_MAX 64

enum relation_kind {
    RELATION_LENGTH, /* of the other field's content in bytes */
    RELATION_COUNT,  /* of its elements */
    RELATION_CRC32,  /* IEEE 802.3 */
    RELATION_ADLER32,
    RELATION_SUM,   /* of its bytes */
    RELATION_FNV1A, /* 32 bits */
    RELATION_KINDS
};
const char *relation_kind_name(enum relation_kind kind);

struct relation {
    const struct pb_field *field, *of; /* of one type */
    enum relation_kind kind;
    uint8_t width; /* bytes of the result that count */
};

struct relations {
    size_t count;
    struct relation items[RELATIONS_MAX];
};

/* The number that follows from the other field's contents: all that were in the message, `count` of them. */
uint64_t relation_value(enum relation_kind kind, uint8_t width, struct bytes content, size_t count);
/* Takes it up unless it is there already or there are too many: true when it is new. */
bool relations_add(struct relations *all, const struct relation *r);
/* Sets what follows in the message of `type` that stands in `out` from `base` on, as far as it can be read. How many
 * fields were changed. */
size_t relations_keep(const struct relations *all, const struct pb_type *type, struct text *out, size_t base,
                      struct text *scratch);

#endif
