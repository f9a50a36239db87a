/* What the faults by hogs share: the hog's processes are noted, and ended by the heal. Used by this folder only. */
#ifndef CHAOS_FAULT_HOGS_H
#define CHAOS_FAULT_HOGS_H

#include "chaos/fault/faults.h"
#include "world/hog.h"

int hog_memory_available(struct world *w, uint64_t *bytes, struct error *err);
int hog_note(struct fault_injection *f, const struct machine_hog *hog, struct error *err);
int hog_verify(struct fault_injection *f, struct error *err); /* one hit when it used up something */
int hog_heal(struct fault_injection *f, struct error *err);

#endif
