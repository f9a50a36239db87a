/* One history that `harrow check` judges: which model it is, and how the verdict is told. */
#ifndef HARROW_CHAOS_CHECK_JOB_H
#define HARROW_CHAOS_CHECK_JOB_H

#include "chaos/check/check.h"
#include "chaos/history/file.h"

struct check_job {
    struct world *world;
    const char *file;
    struct history history;
    struct history_source source;
    const struct check_model *model;
    bool guessed;
    struct check_result result;
    uint64_t took; /* ns */
};

/* By the most telling function of the history; NULL when no model knows all of them. */
const struct check_model *check_job_guess(const struct history *h);
void check_job_functions(const struct history *h, struct text *out); /* "read, write" */
/* What is printed: one line of JSON, or words; with a picture in text for a terminal. 0 or ERROR_MEMORY. */
int check_job_json(const struct check_job *j, struct text *out);
int check_job_words(const struct check_job *j, bool terminal, bool colour, struct text *out);

#endif
