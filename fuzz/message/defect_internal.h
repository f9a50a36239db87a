/* What the families of defects share: where in the message the defect goes. */
#ifndef FUZZ_MESSAGE_DEFECT_INTERNAL_H
#define FUZZ_MESSAGE_DEFECT_INTERNAL_H

#include "fuzz/message/defect.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate_internal.h"

/* Rows of a family's table: what decoders make of it decides the statuses. */
#define DEFECT_REFUSED(name, summary, apply)                                                                           \
    {                                                                                                                  \
        name, summary, DECODERS_REFUSE, STATUSES_REFUSED, false, apply                                                 \
    }
#define DEFECT_ACCEPTED(name, summary, apply)                                                                          \
    {                                                                                                                  \
        name, summary, DECODERS_ACCEPT, STATUSES_ANY, false, apply                                                     \
    }
#define DEFECT_EITHER(name, summary, apply)                                                                            \
    {                                                                                                                  \
        name, summary, DECODERS_DIFFER, STATUSES_ANY, false, apply                                                     \
    }

struct defect_family {
    const struct defect *defects;
    size_t count;
};
extern const struct defect_family defects_varint, defects_tag, defects_group, defects_length, defects_string,
    defects_structure, defects_map, defects_packed;

#define DEFECT_FAMILY(name) const struct defect_family name = {list, sizeof list / sizeof list[0]}

/* Where a field goes: in place of the one there is, when it may be there only once, else at the message's end. */
struct defect_place {
    const struct pb_field *field;
    uint32_t message; /* node */
    uint32_t at, end;
};

/* A message the defect goes into: as often as not one within the message. */
uint32_t defect_message(struct mutate_work *w);
/* A field that fits, and its place. */
bool defect_place(struct mutate_work *w, bool (*fits)(const struct pb_field *f), struct defect_place *out);
/* What is in the output from w->base comes to that place, or to the end of the message. Returns true. */
bool defect_put(struct mutate_work *w, const struct defect_place *p);
bool defect_append(struct mutate_work *w, uint32_t message);
bool defect_replace(struct mutate_work *w, const struct wire_node *n, uint32_t at, uint32_t end);
/* A field number the message's type does not have: small, large, of one byte or of four. */
uint32_t defect_unknown_number(struct mutate_work *w, uint32_t message);
/* A varint of exactly `size` bytes, which is as many as it needs or more. */
void defect_put_padded(struct text *out, uint64_t value, size_t size);

#endif
