/* Namespaces of flows on an attached system (--isolate namespace) stand in the journal of undo steps while they are
 * there (chaos/journal/journal.h): those that a run left which was killed are taken away by the next run on the same
 * system. */
#ifndef HARROW_FLOWS_SPACES_H
#define HARROW_FLOWS_SPACES_H

#include "e2e/e2e.h"
#include "harrow/run/run.h"

struct spaces;
/* Of the run's system, as it is attached. NULL: no memory. */
struct spaces *spaces_new(struct run *r, const struct target *t);
void spaces_free(struct spaces *s); /* NULL is fine; what is still noted stays */
const struct e2e_spaces *spaces_operations(const struct spaces *s);
/* Takes away what dead runs left on this system, as the options say it. Each is told as a note, and tried once. */
void spaces_heal(struct spaces *s, const struct e2e_options *o);

#endif
