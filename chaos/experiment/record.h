/* The histories of an experiment in files. While it runs, what is new in each is appended in the binary form four times
 * a second, so that whoever kills the harness still has what was learnt before (harrow check reads it). In the end what
 * is left of it is added, and a history that people can read is written beside it as JSON lines. Bytes are handed to
 * chaos_options.write and .append. */
#ifndef CHAOS_EXPERIMENT_RECORD_H
#define CHAOS_EXPERIMENT_RECORD_H

#include "chaos/chaos.h"
#include "chaos/history/file.h"
#include "chaos/workload/workload.h"

#define RECORD_EVERY ((uint64_t)250000000) /* ns of the target's time */

struct record {
    struct target *target;
    const struct chaos_options *options;
    struct workload *const *workloads; /* borrowed, as the two above */
    size_t count;
    struct world_timer timer;
    struct history_binary written[CHAOS_WORKLOADS_MAX];
    int code; /* the first that went wrong; nothing is appended after it */
    struct error error;
};
/* Does nothing where the options name no history or cannot append. */
void record_start(struct record *r, struct target *t, const struct chaos_options *options,
                  struct workload *const *workloads, size_t count);
/* What is new, at once: before something that takes long. */
void record_append(struct record *r);
/* The rest, and the lines; 0, or the first error of all the recording. */
int record_finish(struct record *r, struct error *err);
void record_deinit(struct record *r);

#endif
