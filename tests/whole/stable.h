/* How much of its coverage a run repeats: counters of edges after each of several runs of one input, and which of them
 * differ by class (fuzz/cover/cover.h). AFL++ calls the share that does not its stability.
 *
 * Reads the counters of this program by clang's rules: ours (cover_hooks.h) or libFuzzer's. Tell edges as offsets into
 * the program, for `llvm-symbolizer -e PROGRAM`. */
#ifndef TESTS_WHOLE_STABLE_H
#define TESTS_WHOLE_STABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The counters are raw memory to everybody: sanitizers and coverage keep out. */
#ifdef __clang__
#define STABLE_RAW __attribute__((no_sanitize("address", "undefined", "coverage")))
#else
#define STABLE_RAW __attribute__((no_sanitize("address", "undefined")))
#endif

struct stable {
    uint8_t *first, *differs; /* by edge: classes of the first run; 1 where another run's were others */
    size_t count, runs;
};

int stable_init(struct stable *s); /* ERROR_NOT_FOUND: the program counts nothing; ERROR_MEMORY */
void stable_deinit(struct stable *s);
void stable_begin(struct stable *s);   /* before a run: all counters to 0 */
void stable_end(struct stable *s);     /* behind it */
void stable_another(struct stable *s); /* another input: the next run is the first of its */

struct stable_figures {
    size_t reached, unstable; /* edges of this input */
};
struct stable_figures stable_figures(const struct stable *s);
/* The i-th edge's offset in the program when it is an unstable one, else 0. */
uintptr_t stable_offset(const struct stable *s, size_t i);

#endif
