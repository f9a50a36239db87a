/* Near-valid messages: a valid one with exactly one named defect, and which answers to it are right. */
#ifndef FUZZ_DEFECT_H
#define FUZZ_DEFECT_H

#include "base/random.h"
#include "base/text.h"
#include "wire/pb.h"

enum defect_answer {
    DEFECT_REFUSED, /* the specification has every decoder refuse it: OK is a finding */
    DEFECT_ANY,     /* accepting and refusing are both right; crashing, hanging and INTERNAL are not */
};

struct defect {
    const char *name, *summary;
    enum defect_answer answer;
    /* Appends the broken message made from `valid`. False: not applicable to this type; nothing was appended. */
    bool (*apply)(struct random *r, const struct pb_type *type, struct bytes valid, struct text *out);
};

extern const struct defect defects[];
extern const size_t defect_count;
const struct defect *defect_find(const char *name); /* NULL: none of that name */
/* One that is applicable (some always are); its message is appended. */
const struct defect *defect_draw(struct random *r, const struct pb_type *type, struct bytes valid, struct text *out);

#endif
