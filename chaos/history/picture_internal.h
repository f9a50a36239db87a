/* What the forms of a picture share: which operations are shown, and where. */
#ifndef CHAOS_HISTORY_PICTURE_INTERNAL_H
#define CHAOS_HISTORY_PICTURE_INTERNAL_H

#include "chaos/history/picture.h"

#define PICTURE_ITEMS_MAX 8 /* of a list */

struct picture {
    ARRAY(size_t) operations; /* rising */
    ARRAY(uint64_t) times;    /* of their events, rising, each once: the columns */
    ARRAY(int32_t) processes; /* the rows */
    size_t left_out;          /* operations of the same keys, while the witness went on */
    double step;              /* of the drawing: from one column to the next */
};
/* At most `most` operations, but all of the witness (up to PICTURE_OPERATIONS_MAX). 0 or ERROR_MEMORY. */
int picture_make(struct picture *p, const struct history *h, const struct check_result *r, size_t most);
void picture_free(struct picture *p);
size_t picture_place(const struct picture *p, uint64_t time); /* its column */
size_t picture_row(const struct picture *p, int32_t process);
int picture_number(const struct check_result *r, size_t operation); /* within the witness, from 1; 0: not of it */
void picture_label(const struct history *h, const struct operation *o, struct text *out); /* "cas 1 to 2" */

#endif
