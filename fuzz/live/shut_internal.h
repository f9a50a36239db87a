/* What the parts of shut.h share: shut.c takes down what calls are answered and puts cases by, shut_look.c finds out.
 */
#ifndef FUZZ_LIVE_SHUT_INTERNAL_H
#define FUZZ_LIVE_SHUT_INTERNAL_H

#include "fuzz/live/engine.h"

/* What may be done and when: the budget's clock, or in simulation the calls, so that the same seed is the same
 * campaign. */
uint64_t shut_clock(const struct engine *e);
bool shut_is_refusal(int status);

#endif
