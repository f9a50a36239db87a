/* Mutating what goes below gRPC: one small change to the events of a connection, so that frames come at the wrong
 * place, twice, not at all, cut, mislabelled, or say something else. Header blocks are changed as lines, so that
 * HPACK's state stays right unless a line asks for it to be wrong.
 *
 * A changed case loses its operators' names (fuzz/frames/operators.h): what they promise need not hold any more. Events
 * of other kinds are left alone. */
#ifndef FUZZ_FRAMES_MUTATE_H
#define FUZZ_FRAMES_MUTATE_H

#include "base/random.h"
#include "fuzz/case/case.h"
#include "fuzz/frames/operators.h"

#define FRAMES_EVENTS_MAX 120                /* a case is not made longer */
#define FRAMES_VALUE_MAX  ((size_t)64 << 10) /* bytes; longer values are not copied again */

/* Appends nothing, changes `c` in place. The name of what was done, static; NULL: memory is out. `other` gives events
 * to splice in, NULL: none. `plan` makes operators to insert, NULL: none. */
const char *frames_mutate(struct random *r, struct fuzz_case *c, const struct fuzz_case *other,
                          const struct frames_plan *plan);
/* It has events this mutator can change. */
bool frames_mutable(const struct fuzz_case *c);

#endif
