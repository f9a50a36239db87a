/* A schedule: which faults, when, on whom, how strong, for how long. It is drawn whole from the seed before the storm
 * begins, so that it can be printed, kept, edited, run again and made smaller; what the harness does during the storm
 * depends on it alone. docs/chaos.md tells its form in files.
 *
 * Every seed draws a swarm of options first (Groce et al., "Swarm testing", 2012): which of the faults are in use, how
 * near they come to each other, how many are in force at a time. A run with few kinds of faults comes to places that
 * one with all of them never does. */
#ifndef CHAOS_EXPERIMENT_SCHEDULE_H
#define CHAOS_EXPERIMENT_SCHEDULE_H

#include "base/arena.h"
#include "base/array.h"
#include "base/document.h"
#include "chaos/fault/fault.h"

#define SCHEDULE_STEPS_MAX    10000
#define SCHEDULE_TOGETHER_MAX 8 /* faults in force at a time */

struct chaos_step {
    uint64_t at, hold; /* ns: since the storm began; until the heal */
    const struct chaos_fault *fault;
    const char *component, *peer, *method; /* as in struct fault_injection; of the target or of the schedule's arena */
    int64_t parameters[FAULT_PARAMETERS_MAX]; /* none is left to be drawn */
    uint64_t seed;                            /* of what the fault draws */
};
struct chaos_schedule {
    ARRAY(struct chaos_step) steps; /* by time */
    struct arena arena;
};
void schedule_init(struct chaos_schedule *s);
void schedule_deinit(struct chaos_schedule *s);

struct schedule_options {
    uint64_t seed, duration;    /* ns of the storm */
    const char *const *faults;  /* names; NULL: all that can be done, a part of them by the swarm */
    const char *const *targets; /* components; NULL: all */
    const char *const *busy;    /* components under load, drawn more often, for what is done to the others is seldom
                                   seen; NULL: none */
};
/* `swarm`: what was drawn about the drawing, in words, a line each. ERROR_UNSUPPORTED when nothing can be done to
 * anybody. */
int schedule_draw(struct target *t, const struct schedule_options *options, struct chaos_schedule *out,
                  struct text *swarm, struct error *err);
/* One step on one line, in the form schedule_read() reads: "{at: 1.2s, fault: kill, component: store, hold: 120ms}". */
void schedule_print_step(const struct chaos_step *s, struct text *out);
void schedule_print_parameters(const struct chaos_step *s, struct text *out); /* "delay: 20ms, seed: 81" */
void schedule_write(const struct chaos_schedule *s, struct text *out);        /* YAML: "schedule:" and the steps */
/* The list of steps, checked against the target: names of faults, components, parameters and their ranges. What is not
 * given is drawn from `seed`. */
int schedule_read(const struct node *list, struct target *t, uint64_t seed, struct chaos_schedule *out,
                  struct error *err);
/* A copy of those steps for which keep[i] is true. */
int schedule_keep(const struct chaos_schedule *s, const bool *keep, struct chaos_schedule *out);

#endif
