/* What a planted bug says while the program runs. Only the altered sources of a build with HARROW_MUSEUM include this;
 * generate.py turns the words a bug's text uses into these calls with the bug's number:
 *
 *     MUSEUM_IF(condition)   the bug's place was come to; true when this bug is switched on and its condition holds
 *     MUSEUM_ON              this bug is switched on
 *     MUSEUM_REACHED         (statement) its place was come to
 *     MUSEUM_TRIGGERED       (statement) what is wrong happens now
 *
 * Every bug is compiled in, and one at most is switched on, by its name in the environment (MUSEUM_VARIABLE). It then
 * is so where the system under test runs and nowhere else, so that a harness made of the same sources is not ill with
 * its patient: in programs called micro..., in a simulated node while a program runs on it (setup.bug), and in programs
 * that call museum_switch_on(). What was reached and triggered is told in the file the environment names (canary.h),
 * for all processes together. With MUSEUM_WATCH no bug is switched on and all canaries are told: what one campaign
 * would have triggered. */
#ifndef WORLD_MUSEUM_MUSEUM_H
#define WORLD_MUSEUM_MUSEUM_H

#include <stdbool.h>
#include <stdint.h>

extern int museum_active;    /* the number of the bug that is switched on, from 1; 0: none; -1: all are watched */
extern uint64_t museum_here; /* lowest bit: the system under test runs; above: what ran before (museum_enter) */
void museum_tell(int bug, bool triggered);
/* By the name, or MUSEUM_WATCH, from now on and everywhere; false: there is no such bug. NULL switches all off. */
bool museum_switch_on(const char *name);

/* A simulated node's code begins and ends; may nest as deep as there are bits. */
static inline void museum_enter(bool patient)
{
    museum_here = museum_here << 1 | patient;
}

static inline void museum_leave(void)
{
    museum_here >>= 1;
}

static inline bool museum_on(int bug)
{
    return __builtin_expect(museum_active == bug, 0) && (museum_here & 1);
}

static inline bool museum_listens(int bug)
{
    return __builtin_expect(museum_active == bug || museum_active < 0, 0) && (museum_here & 1);
}

static inline void museum_reached(int bug)
{
    if (museum_listens(bug))
        museum_tell(bug, false);
}

static inline void museum_triggered(int bug)
{
    if (museum_listens(bug))
        museum_tell(bug, true);
}

static inline bool museum_if(int bug, bool condition)
{
    museum_reached(bug);
    if (!condition)
        return false;
    museum_triggered(bug);
    return museum_on(bug);
}

#endif
