/* The other program: started with the name of the memory it shares, told to end, waited for. */
#include "fuzz/loop/twin.h"

#include <stdio.h>
#include <string.h>

#define END_PATIENCE ((uint64_t)30000000000) /* ns a twin has for what still waits */

static void on_exited(void *arg, struct world_exit status)
{
    struct twin_process *p = arg;
    p->ended = true;
    p->status = status;
    if (p->twin.shared)
        atomic_store(&p->twin.shared->lost, true); /* nobody waits for it any more */
}

static const struct world_process_events events = {.exited = on_exited};

int twin_start(struct twin_process *p, struct world *w, const char *program, const char *mode, const char *findings,
               struct error *err)
{
    static unsigned number;
    const char *base = world_environment(w, "TMPDIR");
    *p = (struct twin_process){.world = w};
    snprintf(p->path, sizeof p->path, "%.900s/harrow-twin-%lld-%u", base && *base ? base : "/tmp",
             (long long)world_process_self(), number++);
    int rc = twin_open(&p->twin, w, p->path, err);
    if (rc)
        return rc;
    const char *argv[] = {program, mode, p->path, "--quiet", findings ? "--findings" : NULL, findings, NULL};
    const struct world_spawn spawn = {.name = "twin", .argv = argv, .inherit_output = true};
    rc = world_process_spawn(w, &spawn, &events, p, &p->process, err);
    if (rc)
        twin_stop(p);
    return rc;
}

static bool is_ended(void *arg)
{
    return ((struct twin_process *)arg)->ended;
}

void twin_wait(struct twin_process *p)
{
    if (!p->process)
        return;
    atomic_store(&p->twin.shared->stop, true);
    if (!p->ended)
        world_run_until(p->world, is_ended, p, END_PATIENCE);
}

void twin_stop(struct twin_process *p)
{
    twin_wait(p);
    if (p->process)
        world_process_close(p->process);
    if (p->world)
        world_remove(p->world, p->path);
    twin_close(&p->twin);
    p->process = NULL;
}
