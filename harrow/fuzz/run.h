/* What the parts of the fuzz command share: a request for a campaign, its replay line, several campaigns side by side,
 * findings as tests, and one case against a fresh system for those tests. */
#ifndef HARROW_FUZZ_RUN_H
#define HARROW_FUZZ_RUN_H

#include "fuzz/fuzz.h"
#include "harrow/run/run.h"

#define FUZZ_JOBS_MAX 64

struct fuzz_request {
    struct fuzz_options options; /* what the command line says; the rest is filled in by the pillar */
    const char *invariant;       /* file: flows, or a program; NULL: none */
    bool access;                 /* as given: the manifest may ask for it as well */
    int jobs;                    /* processes side by side, each with a system of its own; 0, 1: this one */
};

/* "harrow fuzz MANIFEST --driver D --seed S", and what else decides what is right; `shown`: for people, without
 * secrets. */
void fuzz_replay_words(struct run *r, const struct fuzz_request *q, bool shown, struct text *line);
/* --stock or --strict, where it is not what the driver takes for granted. */
void fuzz_stock_words(const struct fuzz_options *o, struct text *line);
/* The pillar's end line, fuzz.json, and the tables. */
void fuzz_end(struct run *r, const struct fuzz_summary *s);

/* Runs `request->jobs` processes of this program, each with a system of its own, on one corpus, and puts together what
 * they say. One that is lost is started again for the time that is left: what it found is in the corpus. An exit code
 * for what could not be done at all. */
int fuzz_jobs(struct run *r, const struct fuzz_request *request);

/* Prints a corpus: for each case where it comes from, and what it does. An exit code. */
int fuzz_list(const char *manifest, const char *corpus);

/* A cmocka test in C that replays the script and fails while the bug is there. */
void finding_test_source(const char *manifest, const char *driver, uint64_t seed, const char *title,
                         struct bytes script, struct text *out);

#endif
