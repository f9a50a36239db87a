#include "chaos/fault/resource/group.h"

#include <stdio.h>

int group_possible(struct target *t, enum machine_controller controller, struct error *err)
{
    struct world_foreign self;
    struct machine_cgroup g;
    int code = machine_self(t->world, &self, err);
    return code != 0 ? code : machine_cgroup_place(t->world, controller, &self, UNDO_PREFIX "possible", &g, err);
}

int group_enter(struct fault_injection *f, enum machine_controller controller, const struct group_setting *setting,
                struct machine_cgroup *out, struct error *err)
{
    struct world *w = f->target->world;
    struct world_foreign p, self;
    char name[64];
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = machine_self(w, &self, err);
    if (code != 0)
        return code;
    snprintf(name, sizeof name, UNDO_PREFIX "%lld-%lld-%d", (long long)self.id, (long long)p.id, (int)controller);
    code = machine_cgroup_place(w, controller, &p, name, out, err);
    if (code == 0)
        code = fault_note(f, &(struct undo){.kind = UNDO_CGROUP, .path = out->path, .other = out->home}, err);
    if (code == 0)
        code = machine_cgroup_make(w, out, err);
    if (code == 0 && setting != NULL)
        code = machine_cgroup_set(w, out, group_file(out, setting->one, setting->two), setting->value, err);
    return code != 0 ? code : machine_cgroup_enter(w, out, &p, err);
}
