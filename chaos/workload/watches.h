/* What the kinds of workload share whose keys are watched: a follower for each key, which believes what it was told
 * last.
 *
 * In the end keys are written once more. Then what was still under way can change nothing any more, or is told with
 * that, and readers and watchers have to agree: what a watcher believes is written down as a read of his. */
#ifndef CHAOS_WORKLOAD_WATCHES_H
#define CHAOS_WORKLOAD_WATCHES_H

#include "chaos/workload/follower.h"

#define WATCHES_WAKE (5 * FOLLOWER_REOPEN) /* ns until slow ones stand again; their kind's `waits` */

/* `kind`: function WATCH, ended watches_ended(). `finds`: a stream's first message is the value as it is, and whatever
 * changes makes watchers hear of what they missed of the others: one write settles all keys. */
int watches_prepare(struct workload *w, const struct follower_kind *kind, bool finds, struct error *err);
void watches_start(struct workload *w);
bool watches_quiet(struct workload *w);
void watches_stop(struct workload *w);
void watches_release(struct workload *w);
/* What their kinds have in common. */
#define WATCHES_PARTS .start = watches_start, .quiet = watches_quiet, .stop = watches_stop, .release = watches_release

/* What comes on a stream. The value that was found is a mark: nothing up to its revision will come. */
bool watches_has_found(const struct follower *f);
void watches_found(struct follower *f, uint64_t revision, int64_t value);
void watches_told(struct follower *f, uint64_t revision, int64_t value);
int64_t watches_believed(const struct follower *f);
/* The next stream is another watch: revisions of two lives have nothing to do with each other. */
void watches_ended(struct follower *f, const struct rpc_reply *reply);

/* A write of a value ended ok: in the end, that settles its key. */
void watches_written(struct workload_client *c);
/* A final read: `write` for the first key that is not settled, else `read`. */
int watches_final(struct workload_client *c, uint32_t key, int (*write)(struct workload_client *c, uint32_t key),
                  int (*read)(struct workload_client *c, uint32_t key));

#endif
