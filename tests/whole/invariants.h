/* What must hold of micro when a case is over and everything is healed: the user's hook. One function a line in the
 * table of invariants.c; each looks at the case and its trace, asks the system what it wants to know by calls, and
 * says what is wrong. */
#ifndef TESTS_WHOLE_INVARIANTS_H
#define TESTS_WHOLE_INVARIANTS_H

#include "tests/whole/whole.h"

/* The first that does not hold goes to `out`. */
void whole_invariants(struct whole *w, const struct fuzz_case *c, const struct fuzz_trace *t,
                      struct whole_verdict *out);

#endif
