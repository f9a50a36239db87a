/* Looking at what a server's doubles were asked: calls that ended and calls in flight, counted, judged, and set beside
 * the stubs that almost matched them. */
#ifndef FAKES_SERVE_LOOK_H
#define FAKES_SERVE_LOOK_H

#include "fakes/serve/serve.h"
#include "fakes/stub/stub.h"

/* Which calls; NULL and "" are all of them. */
struct look_filter {
    const struct pb_method *method;
    const char *session;
    int64_t from; /* sequence number */
    bool missed;
};
bool look_takes(const struct look_filter *filter, const struct call_log_entry *e);
/* Those that ended, in the order in which they ended, then those in flight. `each` must not let a call go on. False
 * ends the walk. */
void look_each(struct fake_server *s, const struct look_filter *filter,
               bool (*each)(void *arg, const struct call_log_entry *e, bool open), void *arg);
/* Calls of a method since the last forgetting of all, whatever the journal still holds. */
uint64_t look_count(const struct fake_server *s, const struct pb_method *method);

#define LOOK_ANY INT64_MAX
struct look_expectation {
    const struct pb_method *method;
    const char *session;
    struct bytes when; /* a stub's, as YAML or JSON; empty: every call */
    int64_t least, most;
};
/* *met, *count, and in words why it is not met. ERROR_SYNTAX or ERROR_INVALID with the place in `when`; ERROR_LIMIT
 * when the journal has dropped calls that would decide. */
int look_verify(struct fake_server *s, const struct look_expectation *x, bool *met, int64_t *count,
                struct text *message, struct error *err);

/* The stubs that come nearest to a call now. ERROR_MEMORY; without stubs nothing is found. */
int look_nearest(struct fake_server *s, const struct call_log_entry *e, struct stub_nearest *out);
size_t look_missed(struct fake_server *s, const char *session); /* calls in the journal */

/* For the end of a run: a line for every method that was called; the newest `max` calls that no stub matched. */
void look_counts_text(struct fake_server *s, struct text *out);
void look_misses_text(struct fake_server *s, size_t max, struct text *out);

#endif
