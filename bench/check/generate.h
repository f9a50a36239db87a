/* Histories of a simulated register under always-busy clients: durations of 200 to 1,800 ticks, pauses of up to 100,
 * each operation taking effect at one instant between its ends. Legal by construction, unless a flaw is asked for. */
#ifndef BENCH_CHECK_GENERATE_H
#define BENCH_CHECK_GENERATE_H

#include "chaos/history/history.h"

enum flaw {
    FLAW_NONE,
    FLAW_NEVER, /* one read, at 90 %, returns a value never written */
    FLAW_STALE, /* one read, at 90 %, returns a value overwritten before it began */
    FLAW_OTHER, /* one read, at 90 %, returns another of the few values than it saw: legal now and then, by chance */
    FLAW_MANY,  /* one answer in twenty is wrong in that way, or says of a cas the opposite */
};

struct generate {
    size_t operations;
    int clients;
    size_t crashed; /* operations that change something and never return, evenly spread; half of them take effect */
    bool cas;       /* small: a third each of read, write and cas over five values; else half writes of new values */
    int64_t values; /* of cas; 0: five */
    enum flaw flaw;
    uint64_t seed;
};

bool generate(const struct generate *g, struct history *h); /* false: no memory */

#endif
