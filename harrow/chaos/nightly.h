/* What a night of chaos knows: its arms (one per experiment and driver, and one per searched system), what each
 * brought, and which to take next.
 *
 * Every arm comes once, in order. From then on half of the turns go round, and the other half are drawn by what an arm
 * brought of late for its time: facts nobody saw before (which fault took effect on whom, how long who took to recover,
 * what failed), schedules new in a corpus, findings. An arm whose turn would not fit into the time left is passed over.
 *
 * All of it is kept in a file, written after every turn. A night that was cut off goes on in it; after one that came to
 * its end the shares, the facts and the known findings stay, and the figures begin anew. */
#ifndef HARROW_CHAOS_NIGHTLY_H
#define HARROW_CHAOS_NIGHTLY_H

#include "base/array.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "chaos/search/features.h"

#include <jansson.h>

#define NIGHT_ARMS_MAX       256
#define NIGHT_RECOVERIES_MAX 4096 /* kept of one arm; then every second one is dropped */
#define NIGHT_FACTS_MAX      ((size_t)1 << 16)
#define NIGHT_FINDINGS_MAX   1024

struct night_arm {
    char *name;         /* "store-kill.yaml (sim)", unique */
    const char *path;   /* of the plan or manifest; borrowed */
    const char *driver; /* static */
    bool searches;      /* with --search */
    double score;       /* news a second of late; kept from night to night */
    uint64_t turns;     /* this night's, as are those below */
    uint64_t nanoseconds, longest;
    int64_t experiments, faults, schedules, findings, news;
    ARRAY(int64_t) recoveries; /* ns */
    uint64_t every, skipped;   /* one recovery of `every` is kept */
};
struct night_finding {
    char *key, *title, *replay, *arm;
    int64_t times;
    bool new; /* not known from nights before */
};
struct night {
    ARRAY(struct night_arm) arms;
    struct features facts;
    ARRAY(struct night_finding) findings;
    uint64_t spent; /* ns of a night that was cut off, before this one */
    size_t next;    /* whose turn it is */
    bool ended;
};
void night_deinit(struct night *n);
int night_add_arm(struct night *n, const char *name, const char *path, const char *driver, bool searches,
                  struct error *err);
struct night_arm *night_find_arm(const struct night *n, const char *name); /* NULL: there is none */
/* The arm to take next, with so much time left; NULL: none fits. */
struct night_arm *night_next(struct night *n, struct random *r, uint64_t left);
/* A line of a turn's result stream. 0 or ERROR_MEMORY. */
int night_line(struct night *n, struct night_arm *a, const json_t *line);
void night_turn_ended(struct night_arm *a, uint64_t nanoseconds, int64_t news);
/* ns below which so many per cent of the arm's recoveries are; -1: there were none. */
int64_t night_recovery(const struct night_arm *a, unsigned percent);
/* "table" line of the result stream: a row for each arm that had a turn. NULL: out of memory. */
json_t *night_table(const struct night *n);

int night_write(const struct night *n, struct text *out);
/* Into a night whose arms are there. ERROR_INVALID: it is no such file, and nothing of it was taken. */
int night_read(struct night *n, struct bytes content, const char *path, struct error *err);

#endif
