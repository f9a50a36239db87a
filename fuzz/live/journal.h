/* The cases that are under way, in a file: what a process that dies with its target (in simulation they are one
 * process) leaves behind it. Appended to as cases begin and end, and removed when the campaign comes to its end.
 *
 * Records: 'B', number, length, the case as in a corpus (fuzz_case_write()); 'E', number. Numbers and lengths are 32
 * bits, little-endian. Each record is a sign of life for the watchdog (world/watchdog.h), where one is started. Above
 * JOURNAL_MAX bytes it begins anew, and what was under way by then is forgotten. */
#ifndef FUZZ_LIVE_JOURNAL_H
#define FUZZ_LIVE_JOURNAL_H

#include "base/array.h"
#include "fuzz/case/case.h"
#include "world/world.h"

#define JOURNAL_MAX ((uint64_t)64 << 20)

struct journal {
    struct world *world;
    const char *path;        /* borrowed */
    struct world_file *file; /* NULL: none is kept */
    uint64_t size;
    uint32_t last;
    struct text record;
};

/* `path` NULL: none is kept, and the rest does nothing. */
int journal_open(struct journal *j, struct world *w, const char *path, struct error *err);
void journal_close(struct journal *j, bool remove);
/* The number to end it by; 0: it is not kept. */
uint32_t journal_begin(struct journal *j, const struct fuzz_case *c);
void journal_end(struct journal *j, uint32_t number);

typedef ARRAY(struct fuzz_case) journal_cases;
/* Cases that had begun and not ended, the latest first; a last record that is cut is left out. */
int journal_read(struct world *w, const char *path, journal_cases *out, struct error *err);
void journal_cases_free(journal_cases *cases);

#endif
