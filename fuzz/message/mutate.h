/* Mutating messages by their descriptor, on the wire bytes themselves: no tree is built and nothing is packed again.
 *
 * One pass finds the fields (number, place, length, depth); one operator is drawn and applied while the bytes are
 * copied. Three lanes: VALID operators keep a message every decoder accepts; NEAR_VALID gives it exactly one named
 * defect (fuzz/message/defect.h); GARBAGE ignores the descriptor. Values are changes of what is there, boundaries, or
 * come from the dictionary: what replies held, compared constants, the user's. Who is told what a mutant led to draws
 * operators, defects and sources by their success (fuzz/message/bandit.h). */
#ifndef FUZZ_MESSAGE_MUTATE_H
#define FUZZ_MESSAGE_MUTATE_H

#include "base/random.h"
#include "base/text.h"
#include "fuzz/case/case.h"
#include "fuzz/message/bandit.h"
#include "wire/pb.h"

struct wire_tree;  /* fuzz/message/wire_tree.h */
struct dictionary; /* fuzz/message/dictionary.h: values by field path, by name, and for any field */

enum value_source {
    SOURCE_CHANGE, /* a change of what is there, boundaries included */
    SOURCE_REPLY,  /* what replies held */
    SOURCE_COMPARED,
    SOURCE_USER,
    VALUE_SOURCE_COUNT
};

/* What was learnt of the operators, defects and sources: which lead to something new. The lanes are the campaign's. */
struct mutate_learning {
    struct bandit operators, defects, sources;
};
void mutate_learning_init(struct mutate_learning *l);

struct mutation {
    const struct pb_type *type; /* of the message */
    struct bytes input;         /* a message of that type; broken ones are fine */
    struct bytes other;         /* for crossover: another message, of `other_type`; empty: none */
    const struct pb_type *other_type;
    const struct wire_tree *tree;           /* of `input`, for who makes many mutants of it; NULL: it is read here */
    const struct dictionary *dictionary;    /* NULL: none */
    const struct mutate_learning *learning; /* NULL: shares that are fixed */
    size_t max;                             /* bytes the result may have */
    struct text *scratch; /* kept between calls, so that broken input costs no allocation either; NULL: none */
};

struct mutated {
    enum fuzz_lane lane;
    const char *what; /* static: the operator's or the defect's name, "number-boundary", "utf8-over"; for tallies */
    uint8_t arm;      /* of the operators or defects; MUTATE_NO_ARM: none of them applied */
    uint8_t source;   /* enum value_source, where a value was set; else MUTATE_NO_ARM */
    uint32_t ticket;  /* of the dictionary's value, if one was taken */
    float cost;       /* of running it, where that is known: 1 is what runs cost on the average; 0: it is not */
};
#define MUTATE_NO_ARM UINT8_MAX

/* Appends the result to `out`, where neither `input` nor `other` may stand. It differs from the input whenever the type
 * and `max` allow it. Input that is broken is mended first in the lanes VALID and NEAR_VALID, which is a change of its
 * own. ERROR_MEMORY only. */
int fuzz_mutate_message(struct random *r, const struct mutation *m, enum fuzz_lane lane, struct text *out,
                        struct mutated *did);
/* What came of running the mutant: something new or nothing. To what drew it; `dictionary` may be NULL. */
void fuzz_mutate_credit(struct mutate_learning *l, struct dictionary *dictionary, struct random *r,
                        const struct mutated *did, bool novel);

#endif
