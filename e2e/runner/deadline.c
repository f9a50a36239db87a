/* The time a flow has: no step of it waits longer, and none begins when it is over. What cleans up has the same time
 * again, so that it can. */
#include "base/units.h"
#include "e2e/internal.h"

#define CLEAN_UP_HASTY ((uint64_t)(5 * SECOND)) /* when the user stops the run */

void deadline_begin(struct flow_context *x, const struct flow *f)
{
    if (x->hasty)
        return;
    x->run->time = f->timeout > 0 ? (uint64_t)f->timeout : x->options->flow_timeout;
    x->run->deadline = x->run->time > 0 ? world_now(x->target->world) + x->run->time : 0;
}

struct flow_time deadline_inside(struct flow_context *x, const struct flow *f)
{
    struct flow_time outer = {x->run->time, x->run->deadline};
    uint64_t end = f->timeout > 0 ? world_now(x->target->world) + (uint64_t)f->timeout : 0;
    if (end != 0 && (outer.deadline == 0 || end < outer.deadline)) {
        x->run->time = (uint64_t)f->timeout;
        x->run->deadline = end;
    }
    return outer;
}

void deadline_restore(struct flow_context *x, struct flow_time outer)
{
    x->run->time = outer.time;
    x->run->deadline = outer.deadline;
}

struct flow_time deadline_again(struct flow_context *x)
{
    struct flow_time outer = {x->run->time, x->run->deadline};
    if (deadline_over(x) && !x->hasty)
        x->run->deadline = world_now(x->target->world) + x->run->time;
    return outer;
}

void deadline_hasten(struct flow_context *x)
{
    uint64_t end = world_now(x->target->world) + CLEAN_UP_HASTY;
    if (!x->target->interrupted || x->hasty)
        return;
    x->hasty = true;
    if (x->run->deadline == 0 || x->run->deadline > end) {
        x->run->time = CLEAN_UP_HASTY;
        x->run->deadline = end;
    }
}

bool flow_stopped(const struct flow_context *x)
{
    return x->target->interrupted && !x->hasty;
}

bool deadline_over(const struct flow_context *x)
{
    return x->run->deadline != 0 && world_now(x->target->world) >= x->run->deadline;
}

uint64_t deadline_cap(const struct flow_context *x, uint64_t duration)
{
    uint64_t now = world_now(x->target->world);
    if (x->run->deadline == 0 || now + duration <= x->run->deadline)
        return duration;
    return now < x->run->deadline ? x->run->deadline - now : 1;
}

int deadline_error(struct flow_context *x)
{
    char time[32];
    units_format_duration((int64_t)x->run->time, time, sizeof time);
    x->wrong = true;
    return error_set(&x->error, ERROR_TIMEOUT, "the flow's time of %s is over", time);
}
