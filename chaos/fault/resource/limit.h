/* What the faults by limits of a process share (getrlimit(2)): the soft limit is lowered, the old bounds are noted in
 * the journal first. Used by this folder only. */
#ifndef CHAOS_FAULT_LIMIT_H
#define CHAOS_FAULT_LIMIT_H

#include "chaos/fault/faults.h"

/* Seen to be in force. */
int limit_lower(struct fault_injection *f, const struct world_foreign *p, enum machine_limit what, uint64_t soft,
                struct error *err);
/* The old limit again; and started again, if it did not come through. */
int limit_heal(struct fault_injection *f, struct error *err);

#endif
