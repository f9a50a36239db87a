/* Calls over the wire: a case's calls against the components of a target, through rpc/'s channels, in the real world or
 * a simulated one.
 *
 * Events are done in order, one case beside others. AWAIT waits for an answer, but no longer than `hang_after`: then
 * the call counts as timed out and is cancelled. A server's stream is listened to for a moment (LIVE_STREAM_TIME, or
 * LIVE_STREAM_REPLIES messages) and then left, a call whose request is not complete for LIVE_INCOMPLETE_TIME. At the
 * end what is still open is half-closed and waited for, each call as long as it may take. Calls are sent with the
 * target's token and namespace; EVENT_NO_TOKEN leaves the token out.
 *
 * A case rests while no answer is owed to it: it pauses, or listens to what may well stay silent. Whoever wants so many
 * cases at work begins others meanwhile, up to the door's width: `rest` says when.
 *
 * What rpc/ would never send (a compression flag or a length that lies) goes out as raw bytes of the stream. Not done
 * here, and left out: EVENT_ENVIRONMENT (the door is no simulation's scheduler), trailers of requests, raw connections
 * (fuzz/frames/live.h) and the JSON gateway. A name or value that metadata cannot have at all ends the call before it
 * began: it has no status. */
#ifndef FUZZ_LIVE_LIVE_DOOR_H
#define FUZZ_LIVE_LIVE_DOOR_H

#include "base/units.h"
#include "fuzz/case/door.h"
#include "rpc/target.h"

#define LIVE_WIDTH          16 /* cases under way at a time */
#define LIVE_HANG_AFTER     ((uint64_t)(5 * SECOND))
#define LIVE_STREAM_TIME    ((uint64_t)(200 * MILLISECOND)) /* how long a server's stream is listened to */
#define LIVE_STREAM_REPLIES 20                              /* messages of it */
/* How long a call is listened to whose request is not complete: time for a refusal, which is all it can get. */
#define LIVE_INCOMPLETE_TIME ((uint64_t)(50 * MILLISECOND))
#define LIVE_PAUSE_MAX       ((uint64_t)(50 * MILLISECOND)) /* that one EVENT_TIME may take */
#define LIVE_PAUSE_SIMULATED ((uint64_t)(2 * SECOND))       /* in simulation; a longer one takes LIVE_PAUSE_MAX */
#define LIVE_REPLY_MAX       ((size_t)1 << 20)              /* bytes kept of one reply */

struct live_options {
    struct target *target;
    size_t width;            /* 0: LIVE_WIDTH */
    uint64_t hang_after;     /* ns; 0: LIVE_HANG_AFTER */
    const char *other_token; /* of a second tenant, for EVENT_OTHER_TENANT; NULL: such calls go without a token */
    void (*rest)(void *arg); /* another case rests, live_resting() has grown; may begin cases. NULL: nobody asks */
    void *arg;
};

int live_door_new(const struct live_options *options, struct fuzz_door **out, struct error *err);
void live_door_set_other(struct fuzz_door *d, const char *token); /* from here on; borrowed */
void live_door_free(struct fuzz_door *d);                         /* drops what is under way */
size_t live_resting(const struct fuzz_door *d);                   /* cases of those under way that rest */
/* Whom the call opened by that event is for: a component its metadata names (FUZZ_RELAY), else who serves its path.
 * NULL: nobody. */
const struct target_component *live_asked(const struct target *t, const struct fuzz_case *c, size_t event);
/* Who serves a call of this path: by its service, else the first component with a gRPC door. NULL: nobody. */
const struct target_component *live_component(const struct target *t, struct bytes path);

#endif
