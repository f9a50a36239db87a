/* Code coverage of a running system as feedback, through the counters its programs share (fuzz/cover/shared.h).
 *
 * Counters are whole processes', and many cases are under way. So they are read after every FEEDBACK_BATCH cases; when
 * they show something new, the batch's cases wait to be run again one by one with nothing else under way, and those
 * that show it alone are kept. A round that explains nothing was noise (timers, other cases): what it saw is then
 * known.
 */
#ifndef FUZZ_LIVE_FEEDBACK_H
#define FUZZ_LIVE_FEEDBACK_H

#include "fuzz/cover/shared.h"
#include "fuzz/live/maker.h"

#define FEEDBACK_BATCH       16
#define FEEDBACK_PENDING_MAX 64 /* cases that wait to be run alone; then it is done */

struct feedback {
    struct cover *cover; /* NULL: blind */
    struct cover_shared *shared;
    struct made batch[FEEDBACK_BATCH];
    size_t batch_count;
    struct made pending[FEEDBACK_PENDING_MAX];
    size_t pending_count;
    uint64_t pending_since;
    uint64_t started, spent; /* ns: in rounds */
    ARRAY(uint32_t) edges;   /* that the rounds to come have to explain */
    ARRAY(uint8_t) classes;
};

/* `folder` NULL, or no program that shares its counters there: blind. */
int feedback_open(struct feedback *f, struct world *files, const char *folder, struct error *err);
void feedback_close(struct feedback *f);
/* A case is done. True: it is time for feedback_attribute(). */
bool feedback_done(struct feedback *f, const struct made *made, uint64_t now);
struct engine;
/* With nothing under way. Runs what waits, alone; gives what shows new edges to the maker and the store. */
void feedback_attribute(struct engine *e);
/* Programs may have come and gone. */
void feedback_refresh(struct feedback *f);

#endif
