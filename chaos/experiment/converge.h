/* Convergence: from when on, after a fault, everybody who reads is answered, and with what is current. Computed from
 * the history once it is whole: the same history gives the same figure. docs/chaos.md tells what "current" is for each
 * kind of operation.
 *
 * Readers are told apart by what they do and where: reads, polls, watches, dequeues and acquisitions of each key, and
 * uses of tokens, whatever their key. Who was a reader is seen in the seconds before: a key nobody could read then is
 * waited for by nobody now. */
#ifndef CHAOS_EXPERIMENT_CONVERGE_H
#define CHAOS_EXPERIMENT_CONVERGE_H

#include "chaos/history/history.h"

#define CONVERGE_RUN_UP ((uint64_t)3000000000) /* ns before the fault in which readers are looked for */

struct converge;
/* Goes through the history once, O(n log n); it has to stay as it is until converge_free(). */
int converge_new(const struct history *h, struct converge **out, struct error *err);
/* A fault began at `begun`, and what was asked from `since` on counts: the first time at or after it from which on no
 * reader was refused, left without an answer, or given what was out of date, until `until`, and each of them had an
 * answer. 0: there is none; `readers` (may be NULL): how many there were. O(log n) and what happened meanwhile. */
uint64_t converge_at(const struct converge *c, uint64_t begun, uint64_t since, uint64_t until, size_t *readers);
void converge_free(struct converge *c);

#endif
