/* What the faults by control groups share: a group of its own for the component's process, noted in the journal before
 * it is made. Processes the component has started before stay where they are. Used by chaos/fault/ only. */
#ifndef CHAOS_FAULT_GROUP_H
#define CHAOS_FAULT_GROUP_H

#include "chaos/fault/faults.h"

struct group_setting {
    const char *one, *two; /* the file's name with version 1 and with version 2 */
    const char *value;
};

int group_possible(struct target *t, enum machine_controller controller, struct error *err);
/* Makes the group, with the setting (NULL: none), and moves the process there. Undone by fault_undo. */
int group_enter(struct fault_injection *f, enum machine_controller controller, const struct group_setting *setting,
                struct machine_cgroup *out, struct error *err);
/* The file's name with version 1 and with version 2. */
static inline const char *group_file(const struct machine_cgroup *g, const char *one, const char *two)
{
    return g->unified ? two : one;
}

#endif
