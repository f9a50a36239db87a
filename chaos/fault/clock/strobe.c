#include "chaos/fault/clock/clock.h"

#include "base/units.h"

static const struct fault_parameter parameters[] = {
    {"by", "how far", FAULT_DURATION, MILLISECOND, 87600 * HOUR, MILLISECOND, 10 * SECOND},
    {"every", "between two jumps", FAULT_DURATION, MILLISECOND, HOUR, MILLISECOND, 100 * MILLISECOND},
    {0},
};

static void turn(void *arg)
{
    struct clock *c = arg;
    const struct fault_injection *f = c->fault;
    if (clock_change(c, &(struct false_clock){.offset = c->turns % 2 == 0 ? f->parameters[0] : 0}, NULL) == 0)
        c->turns++;
    world_timer_start(&c->timer, (uint64_t)f->parameters[1]);
}

static int inject(struct fault_injection *f, struct error *err)
{
    int code = clock_begin(f, &(struct false_clock){.offset = f->parameters[0]}, err);
    struct clock *c = f->state;
    if (code != 0)
        return code;
    c->turns = 1;
    world_timer_init(&c->timer, f->target->world, turn, c);
    world_timer_start(&c->timer, (uint64_t)f->parameters[1]);
    return 0;
}

const struct chaos_fault fault_clock_strobe = {
    CLOCK_FAULT,
    .name = "clock-strobe",
    .summary = "the wall clock jumps ahead and back again and again",
    .parameters = parameters,
    .inject = inject,
};
