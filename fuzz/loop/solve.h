/* What keeps a case from getting further: the comparisons of one run, traced back to the fields of its messages.
 *
 * Each field of each message gets a value that comes from nowhere else (a marker), and the case is run in a build that
 * records comparisons (fuzz/cover/compare.h). Where one side of a comparison is the marker, or bytes of it, the other
 * side is what the target wants there. Since the marker is in nothing but that field, a side computed from the rest of
 * the message (a checksum, the length of another field) comes out as it has to be: the field set to it passes. Fields
 * that are not in the message are put in. What is no message (raw bytes, metadata) is searched for the sides' bytes.
 *
 * Where the wanted number is the length, the number of elements or a checksum of another field of the same message, and
 * still is after that one was changed, the relation itself is learnt (fuzz/message/relation.h).
 *
 * The idea of input-to-state correspondence is RedQueen's (Aschermann et al., NDSS 2019); the marker per field is the
 * structure's version of its colorization. */
#ifndef FUZZ_LOOP_SOLVE_H
#define FUZZ_LOOP_SOLVE_H

#include "fuzz/loop/target.h"
#include "fuzz/message/relation.h"

#define SOLVE_RUNS_MAX  2048 /* of the target, for one case */
#define SOLVE_CASES_MAX 512  /* made of one case */
#define SOLVE_VALUE_MAX 128  /* bytes */

/* One thing learnt, in a form that any build of the target understands. */
struct solved {
    char type[128]; /* full name; longer ones are left out */
    uint32_t field;
    uint32_t of;   /* the other field's number: a relation; 0: a value */
    uint8_t kind;  /* enum relation_kind */
    uint8_t width; /* bytes */
    uint8_t len;
    uint8_t value[SOLVE_VALUE_MAX]; /* numbers little-endian, 8 bytes */
};

struct solve_sink {
    void (*learnt)(void *arg, const struct solved *s);
    void (*made)(void *arg, const struct fuzz_case *c); /* a case with one comparison made to come out equal */
    void *arg;
};

struct solve_stats {
    size_t runs, compares, learnt, made;
};

/* ERROR_NOT_FOUND: this program records no comparisons. ERROR_MEMORY. What it does follows from the case alone. */
int solve_case(const struct fuzz_target *target, void *state, const struct pb_pool *pool, const struct fuzz_case *c,
               const struct solve_sink *sink, struct solve_stats *stats);

#endif
