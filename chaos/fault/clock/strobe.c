#include "chaos/fault/clock/clock.h"

#include "base/units.h"

#include <stdlib.h>

static const struct fault_parameter parameters[] = {
    {"by", "how far", FAULT_DURATION, MILLISECOND, 87600 * HOUR, MILLISECOND, 10 * SECOND},
    {"every", "between two jumps", FAULT_DURATION, MILLISECOND, HOUR, MILLISECOND, 100 * MILLISECOND},
    {0},
};

struct strobe {
    struct fault_injection *fault;
    struct world_timer timer; /* of the harness: the node may be down */
    uint64_t turns;
};

static void turn(void *arg)
{
    struct strobe *s = arg;
    struct fault_injection *f = s->fault;
    if (clock_jump(f, s->turns % 2 == 0 ? f->parameters[0] : -f->parameters[0], NULL) == 0)
        s->turns++;
    world_timer_start(&s->timer, (uint64_t)f->parameters[1]);
}

static int verify(struct fault_injection *f, struct error *err)
{
    const struct strobe *s = f->state;
    (void)err;
    f->hits = s != NULL ? s->turns : 0;
    return 0;
}

static int heal(struct fault_injection *f, struct error *err)
{
    struct strobe *s = f->state;
    if (s != NULL)
        world_timer_stop(&s->timer);
    free(s);
    f->state = NULL;
    return clock_set_right(f, err);
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct strobe *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->fault = f;
    f->state = s;
    world_timer_init(&s->timer, f->target->world, turn, s);
    turn(s);
    return 0;
}

const struct chaos_fault fault_clock_strobe = {
    .name = "clock-strobe",
    .family = "clock",
    .summary = "the wall clock jumps ahead and back again and again",
    .parameters = parameters,
    .drivers = FAULT_ON_SIM,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 3000 * (uint64_t)MILLISECOND,
    .inject = inject,
    .verify = verify,
    .heal = heal,
};
