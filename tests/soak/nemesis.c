/* The nemesis: draws a fault, lets it last a while, undoes it; a few may overlap. Every seed has its own taste (swarm
 * testing, Groce et al. 2012): only some kinds of faults, and a few nodes that it likes most, so that the runs differ
 * more than they would if each had a little of everything. */
#include "tests/soak/soak.h"

#include <stdio.h>
#include <stdlib.h>

#define PAUSE_MAX    ((int64_t)(800 * MILLISECOND)) /* between two faults */
#define LAST_MIN     ((int64_t)(100 * MILLISECOND))
#define LAST_MAX     ((int64_t)(8 * SECOND))
#define ACTIVE_MAX   4
#define FAVOURITES   3
#define RESTART_MIN  ((int64_t)(20 * MILLISECOND))
#define RESTART_MAX  ((int64_t)(2 * SECOND))
#define CLOCK_JUMP   ((int64_t)(20 * SECOND))
#define NODE_NAME    64
#define SLOW_LATENCY ((uint64_t)(300 * MILLISECOND))

enum fault {
    KILL,         /* the process dies */
    POWER_CUT,    /* the machine does: what was not synced is kept, dropped or torn */
    PAUSE,        /* it does nothing for a while */
    PARTITION,    /* from one other node */
    ONE_WAY,      /* the same in one direction */
    ISOLATE,      /* from all */
    SLOW_LINKS,   /* of one node */
    RESET,        /* of every stream between two nodes */
    DISK_ERRORS,  /* some writes and syncs fail */
    DISK_NTH,     /* one does */
    DISK_FULL,    /* nothing more can be written */
    CLOCK,        /* jumps */
    SLOW_RESTART, /* what dies stays dead longer */
    FAULTS,
};
static const char *const names[FAULTS] = {"kill",      "power cut",  "pause",       "partition",   "one-way partition",
                                          "isolate",   "slow links", "reset",       "disk errors", "one disk error",
                                          "full disk", "clock jump", "slow restart"};

struct active {
    struct nemesis *nemesis;
    bool on;
    enum fault fault;
    char node[NODE_NAME], other[NODE_NAME];
    struct world_timer end;
};

struct nemesis {
    struct soak *soak;
    struct random random;
    struct world_timer next;
    struct active active[ACTIVE_MAX];
    enum fault kinds[FAULTS]; /* this seed's */
    size_t kind_count;
    const char *favourites[FAVOURITES];
    uint64_t count;
};

static const char *draw_any(struct nemesis *n)
{
    return sim_micro_name(n->soak->micro, random_below(&n->random, sim_micro_count(n->soak->micro)));
}

static const char *draw_node(struct nemesis *n)
{
    return random_below(&n->random, 3) ? n->favourites[random_below(&n->random, FAVOURITES)] : draw_any(n);
}

static void draw_taste(struct nemesis *n)
{
    while (n->kind_count == 0)
        for (int kind = 0; kind < FAULTS; kind++)
            if (random_below(&n->random, 2))
                n->kinds[n->kind_count++] = (enum fault)kind;
    for (size_t i = 0; i < FAVOURITES; i++)
        n->favourites[i] = draw_any(n);
}

static void undo(struct active *a)
{
    struct soak *s = a->nemesis->soak;
    static const struct sim_disk_faults none = {0};
    if (!a->on)
        return;
    a->on = false;
    switch (a->fault) {
    case PAUSE:
        (void)sim_resume(s->sim, a->node);
        break;
    case PARTITION:
    case ONE_WAY:
        sim_heal(s->sim, a->node, a->other);
        break;
    case ISOLATE:
        sim_heal(s->sim, a->node, NULL);
        break;
    case SLOW_LINKS:
        sim_latency(s->sim, a->node, NULL, 0, 0);
        break;
    case DISK_ERRORS:
    case DISK_FULL:
        sim_disk(s->sim, a->node, &none);
        if (strcmp(a->node, "events") == 0)
            s->events_disk = sim_now(s->sim);
        break;
    case SLOW_RESTART:
        sim_micro_set_restart(s->micro, (uint64_t)RESTART_MIN);
        break;
    case KILL:
    case POWER_CUT:
    case RESET:
    case DISK_NTH:
    case CLOCK:
    case FAULTS:
        break;
    }
    soak_note(s, "healed: %s %s %s", names[a->fault], a->node, a->other);
}

static void inject(struct active *a)
{
    struct nemesis *n = a->nemesis;
    struct sim *sim = n->soak->sim;
    struct sim_disk_faults disk = {0};
    if ((a->fault == DISK_ERRORS || a->fault == DISK_FULL) && strcmp(a->node, "events") == 0)
        n->soak->events_disk = UINT64_MAX;
    switch (a->fault) {
    case KILL:
        (void)sim_kill(sim, a->node);
        break;
    case POWER_CUT:
        (void)sim_crash(sim, a->node);
        break;
    case PAUSE:
        (void)sim_pause(sim, a->node);
        break;
    case PARTITION:
    case ONE_WAY:
        sim_cut(sim, a->node, a->other, a->fault == ONE_WAY);
        break;
    case ISOLATE:
        sim_cut(sim, a->node, NULL, false);
        break;
    case SLOW_LINKS:
        sim_latency(sim, a->node, NULL, SLOW_LATENCY / 10, SLOW_LATENCY);
        break;
    case RESET:
        (void)sim_reset_streams(sim, a->node, a->other);
        break;
    case DISK_ERRORS:
        disk.write_error = disk.sync_error = (uint32_t)random_range(&n->random, 1000, 300000);
        sim_disk(sim, a->node, &disk);
        break;
    case DISK_NTH:
        disk.fail_nth = 1 + random_below(&n->random, 40);
        sim_disk(sim, a->node, &disk);
        break;
    case DISK_FULL:
        disk.space = 1;
        sim_disk(sim, a->node, &disk);
        break;
    case CLOCK:
        sim_clock_jump(sim, a->node, random_range(&n->random, -CLOCK_JUMP, CLOCK_JUMP));
        break;
    case SLOW_RESTART:
        sim_micro_set_restart(n->soak->micro, (uint64_t)random_range(&n->random, RESTART_MIN, RESTART_MAX));
        break;
    case FAULTS:
        break;
    }
    n->count++;
    soak_note(n->soak, "fault: %s %s %s", names[a->fault], a->node, a->other);
}

static void over(void *arg)
{
    undo(arg);
}

/* Two faults of one node would undo each other. */
static bool taken(const struct nemesis *n, const char *node)
{
    for (size_t i = 0; i < ACTIVE_MAX; i++)
        if (n->active[i].on && (strcmp(n->active[i].node, node) == 0 || strcmp(n->active[i].other, node) == 0))
            return true;
    return false;
}

static void draw(void *arg)
{
    struct nemesis *n = arg;
    const char *node = draw_node(n);
    bool client = random_below(&n->random, 4) == 0;
    const char *other = client ? SOAK_NODE : draw_any(n);
    enum fault fault = n->kinds[random_below(&n->random, n->kind_count)];
    for (size_t i = 0; i < ACTIVE_MAX; i++) {
        struct active *a = &n->active[i];
        if (a->on || taken(n, node) || (!client && taken(n, other)) || strcmp(node, other) == 0)
            continue;
        bool pair = fault == PARTITION || fault == ONE_WAY || fault == RESET;
        a->on = true;
        a->fault = fault;
        snprintf(a->node, sizeof a->node, "%s", node);
        snprintf(a->other, sizeof a->other, "%s", pair ? other : "");
        inject(a);
        (void)world_timer_start(&a->end, (uint64_t)random_range(&n->random, LAST_MIN, LAST_MAX));
        break;
    }
    (void)world_timer_start(&n->next, random_below(&n->random, (uint64_t)PAUSE_MAX));
}

struct nemesis *nemesis_start(struct soak *s)
{
    struct random base;
    struct nemesis *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->soak = s;
    random_seed(&base, s->seed);
    random_fork(&base, "soak.nemesis", &n->random);
    draw_taste(n);
    world_timer_init(&n->next, s->world, draw, n);
    for (size_t i = 0; i < ACTIVE_MAX; i++) {
        n->active[i].nemesis = n;
        world_timer_init(&n->active[i].end, s->world, over, &n->active[i]);
    }
    (void)world_timer_start(&n->next, (uint64_t)RESTART_MIN);
    return n;
}

void nemesis_heal(struct nemesis *n)
{
    world_timer_stop(&n->next);
    for (size_t i = 0; i < ACTIVE_MAX; i++) {
        world_timer_stop(&n->active[i].end);
        undo(&n->active[i]);
    }
    static const struct sim_disk_faults none = {0}; /* a single error that was never met */
    for (size_t i = 0; i < sim_micro_count(n->soak->micro); i++)
        sim_disk(n->soak->sim, sim_micro_name(n->soak->micro, i), &none);
}

uint64_t nemesis_count(const struct nemesis *n)
{
    return n->count;
}

void nemesis_free(struct nemesis *n)
{
    if (n)
        nemesis_heal(n);
    free(n);
}
