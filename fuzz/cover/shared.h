/* Coverage of other processes, read while they run: programs built with HARROW_COVER and started with COVER_VARIABLE in
 * their environment keep their counters in files of that folder (cover_hooks.c), which are mapped here and become
 * regions of a map (cover.h). So a live system can be fuzzed with feedback: reset, send, wait, collect.
 *
 * A process that was started again takes the place of the dead one of the same program and module, so that its edges
 * keep their indices. Several at a time of one program are told apart.
 *
 * Limits: counts are whole processes': what a component does by itself between reset and collect is in them (repeat a
 * case to tell), and two cases at a time cannot be told apart. Two processes that write one counter at a time may lose
 * a count; none is shared. At most COVER_SHARED_MAX files. */
#ifndef FUZZ_COVER_SHARED_H
#define FUZZ_COVER_SHARED_H

#include "fuzz/cover/cover.h"
#include "fuzz/cover/cover_hooks.h"
#include "world/world.h"

#define COVER_SHARED_MAX 256

struct cover_shared;
/* `folder` is made when it is not there; what it holds of processes that are gone is removed. `cover` is borrowed and
 * outlives this, but must not be used for its regions afterwards. */
int cover_shared_open(struct world *w, const char *folder, struct cover *cover, struct cover_shared **out,
                      struct error *err);
void cover_shared_close(struct cover_shared *s); /* the files of processes that live stay theirs */
/* Looks for processes that came and went. How many files there are, or an error: to be called after a start, a crash
 * and now and then. Files that are no such files are left alone and not counted. */
int cover_shared_refresh(struct cover_shared *s, struct error *err);
size_t cover_shared_processes(const struct cover_shared *s); /* alive at the last refresh */

#endif
