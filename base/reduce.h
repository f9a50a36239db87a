/* Fewer of many, for as long as something stays true: delta debugging (Zeller and Hildebrandt, "Simplifying and
 * isolating failure-inducing input", 2002). What is kept in the end is 1-minimal: without any one of them it is not
 * true any more, unless the tries ran out. */
#ifndef BASE_REDUCE_H
#define BASE_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

/* `keep` has `count` entries; those that are true at first are the candidates, and it is true of all of them together.
 * `still` is asked about smaller sets, at most `tries` times. Returns whether the result is 1-minimal. */
bool reduce(size_t count, bool *keep, bool (*still)(void *arg, const bool *keep), void *arg, size_t tries);

#endif
