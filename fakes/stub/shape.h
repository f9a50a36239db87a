/* Which fields of a message anybody asks for, and their values, found in one scan of its wire bytes.
 *
 * A plan is a tree of the watched fields of one message type; every watched field has a slot. A scan walks the message
 * once, steps into the sub-messages that hold watched fields, passes over the rest, and fills the slots by the rules of
 * the wire format: the last value of a singular field counts, sub-messages sent in pieces merge, the last member of a
 * oneof wins, packed and unpacked elements mix, a field of a foreign wire type is unknown. Lists, maps and sub-messages
 * that are watched themselves keep the chain of their occurrences.
 *
 * Plans grow while stubs are added and live in an arena. A scan's slots and occurrences are stacks: a message within a
 * list is scanned by a plan of its own on top of them. Nothing here decodes or copies. */
#ifndef FAKES_STUB_SHAPE_H
#define FAKES_STUB_SHAPE_H

#include "base/array.h"
#include "fakes/stub/value.h"

#define PLAN_SLOTS_MAX 4096 /* of one plan */
#define SCAN_NONE      UINT32_MAX

struct shape_watch {
    const struct pb_field *field;
    int slot;            /* -1: none, it is only passed through or forgotten by its oneof */
    struct shape *child; /* watched fields of the sub-message, or NULL */
};

struct shape { /* of one message */
    const struct pb_type *type;
    const char *path;            /* "when.options" */
    uint64_t low;                /* bit n: field number n is watched; bit 0: some number of 64 or above is */
    struct shape_watch *watches; /* by number */
    size_t count, capacity;
};

struct slot_info {
    const struct pb_field *field;
    const char *path; /* "when.options.table" */
};

struct plan {
    struct arena *arena;
    struct shape *root;
    struct slot_info *slots;
    size_t count, capacity;
};

struct slot {
    bool present;         /* set, and not at its default when the field has no presence */
    struct value value;   /* the last one */
    uint32_t first, last; /* occurrences, or SCAN_NONE */
};
struct occurrence {
    struct value value;
    uint32_t next;
    bool packed;
};

struct scan {
    ARRAY(struct slot) slots;
    ARRAY(struct occurrence) occurrences;
    bool failed; /* no memory */
};

/* False: no memory. `path` is copied. */
bool plan_init(struct plan *p, struct arena *arena, const struct pb_type *type, const char *path);
/* The slot of a field of this shape; made when there is none. -1: no memory; -2: too many. */
int plan_watch(struct plan *p, struct shape *s, const struct pb_field *f);
/* A slot that no message fills, of a field made up for it. */
int plan_slot(struct plan *p, const struct pb_field *f, const char *path);
/* The shape of a singular sub-message. NULL: no memory. */
struct shape *plan_enter(struct plan *p, struct shape *s, const struct pb_field *f);

void scan_deinit(struct scan *s);
/* Empty slots for a plan on top of the others; their base, or SIZE_MAX without memory. */
size_t scan_open(struct scan *s, const struct plan *p);
/* Back to where `base` began; `occurrences` is what their count was. */
void scan_close(struct scan *s, size_t base, size_t occurrences);
/* False: the message is malformed, or there was no memory (`failed`). */
bool scan_message(struct scan *s, size_t base, const struct shape *shape, struct bytes message);
bool scan_append(struct scan *s, struct slot *slot, struct value v, bool packed);

/* The values of a list's slot, one after the other; of a map's or a message's the pieces. */
struct cursor {
    const struct scan *scan;
    const struct pb_field *field;
    uint32_t at;
    struct bytes packed; /* what is left of the packed run in work */
};
struct cursor cursor_of(const struct scan *s, const struct pb_field *f, const struct slot *slot);
bool cursor_next(struct cursor *c, struct value *out);
size_t cursor_count(struct cursor c);
/* A map entry's key and value; what is absent is at its default. False: malformed. */
bool entry_read(const struct pb_type *entry, struct bytes content, struct value *key, struct value *value);

#endif
