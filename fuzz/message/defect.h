/* Near-valid messages: a valid one with exactly one defect, each by its name, with what decoders make of it and which
 * gRPC statuses are right answers to it. They stand in families, a file each: defect_varint.c, _tag, _group, _length,
 * _string, _structure, _map (with enums and real numbers), _packed.
 *
 * What decoders make of it follows protobuf's encoding specification and its conformance suite; where implementations
 * differ, it says so. */
#ifndef FUZZ_DEFECT_H
#define FUZZ_DEFECT_H

#include "base/random.h"
#include "base/text.h"
#include "wire/pb.h"

enum defect_decoders {
    DECODERS_REFUSE, /* the specification has every decoder refuse it */
    DECODERS_ACCEPT, /* and this every decoder must take; what it means to the service is another matter */
    DECODERS_DIFFER, /* both are right */
};

/* Sets of gRPC statuses: bit n is status n. Whatever is wrong with the message, a call may end before anyone decodes
 * it: cancelled, out of time, over a limit, no such method, no such server, without permission or a token. */
#define STATUS_BIT(status) (UINT32_C(1) << (status))
#define STATUSES_BEFORE_DECODING                                                                                       \
    (STATUS_BIT(1) | STATUS_BIT(4) | STATUS_BIT(7) | STATUS_BIT(8) | STATUS_BIT(12) | STATUS_BIT(14) | STATUS_BIT(16))
/* INVALID_ARGUMENT, or one of those. */
#define STATUSES_REFUSED (STATUS_BIT(3) | STATUSES_BEFORE_DECODING)
/* All but UNKNOWN, INTERNAL and DATA_LOSS, with which a server says that something is wrong with itself. */
#define STATUSES_ANY (UINT32_C(0x1FFFF) & ~(STATUS_BIT(2) | STATUS_BIT(13) | STATUS_BIT(15)))
/* What gRPC's own libraries answer when a message does not decode: to be allowed as well when the target uses one. */
#define STATUSES_STOCK_RUNTIME STATUS_BIT(13)

struct mutate_work;

struct defect {
    const char *name, *summary;
    enum defect_decoders decoders;
    uint32_t statuses;
    bool large; /* ten thousands of bytes: drawn less often */
    /* False: not applicable to this message and its type; then what is in the output from its base means nothing. */
    bool (*apply)(struct mutate_work *w);
};

size_t defect_count(void);
const struct defect *defect_at(size_t i);           /* in the order of the families; NULL behind the last */
const struct defect *defect_find(const char *name); /* NULL: none of that name */

/* Appends the broken message made from `valid`. False: not applicable; nothing was appended. */
bool defect_apply(const struct defect *d, struct random *r, const struct pb_type *type, struct bytes valid,
                  struct text *out);
/* The same on a tree that was read already. Never more than `max` bytes in all. */
bool defect_apply_tree(const struct defect *d, struct mutate_work *w, size_t max);
/* One that is applicable (some always are); its message is appended. */
const struct defect *defect_draw(struct random *r, const struct pb_type *type, struct bytes valid, struct text *out);
/* Drawn now, that is: most are always, large ones now and then. */
bool defect_is_drawn(const struct defect *d, struct random *r);
/* Is this status no right answer to a message with this defect? */
static inline bool defect_status_wrong(const struct defect *d, int status)
{
    return status >= 0 && status < 32 && !(d->statuses >> status & 1);
}

#endif
