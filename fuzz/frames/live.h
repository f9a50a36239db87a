/* A case's frames to a server somewhere, over the world's streams: the real network or a simulated one.
 *
 * Up to `width` cases are under way at a time, each on connections of its own. A case is over when the connection is
 * closed, or when what it can be asked was answered (the probe's PING, and the call of the last stream) and a moment
 * has passed; at the latest after `limit`. Where something unfinished is left lying (half a preface, a header block
 * without end) only the peer can end it: that may take `limit_silent`. A GOAWAY with an error has to be followed by the
 * end within `limit`.
 *
 * What came back is parsed and checked as it comes (exchange.h); judge it in `done` with fuzz/frames/oracle.h. */
#ifndef FUZZ_FRAMES_LIVE_H
#define FUZZ_FRAMES_LIVE_H

#include "fuzz/case/door.h"
#include "fuzz/frames/cost.h"
#include "fuzz/frames/exchange.h"
#include "world/world.h"

#define FRAMES_LIVE_LIMIT UINT64_C(3000000000) /* ns */
#define FRAMES_LIVE_SILENT                                                                                             \
    UINT64_C(30000000000)                     /* ns; above the 20 s rpc/link.h gives a client for its first words      \
                                               */
#define FRAMES_LIVE_QUIET UINT64_C(30000000)  /* ns behind the probe's answer */
#define FRAMES_LIVE_PAUSE UINT64_C(200000000) /* ns that one EVENT_TIME may take */
#define FRAMES_LIVE_WIDTH 16

struct frames_live_options {
    struct world *world;
    const char *address;
    size_t width;                 /* 0: FRAMES_LIVE_WIDTH */
    uint64_t limit, limit_silent; /* 0: the above */
    bool stock;                   /* as in struct exchange */
    struct frames_meter meter;    /* of the server; only with width 1 is what it says the case's own */
};

struct frames_live;
struct frames_live_result {
    const struct fuzz_case *c;
    const struct exchange *exchange; /* the last connection, or the first on which a rule was broken */
    const struct frames_cost *cost;
    bool settled;   /* waited as long as it takes: a hang is one */
    bool connected; /* else nobody was there, and nothing of this means anything */
};

int frames_live_new(const struct frames_live_options *options, struct frames_live **out, struct error *err);
void frames_live_free(struct frames_live *l); /* drops what is under way */
/* From now on what is unfinished is waited for so long: ns. */
void frames_live_set_silent(struct frames_live *l, uint64_t limit);
/* Begins a case, which stays the caller's until `done`. ERROR_LIMIT: `width` are under way. */
int frames_live_begin(struct frames_live *l, const struct fuzz_case *c,
                      void (*done)(void *arg, const struct frames_live_result *r), void *arg);
size_t frames_live_busy(const struct frames_live *l); /* cases under way */
/* For outermost programs: one case, the loop run until it is over. `then` as `done`. */
int frames_live_run(struct frames_live *l, const struct fuzz_case *c,
                    void (*done)(void *arg, const struct frames_live_result *r), void *arg);
/* As a door, "frames-live". */
struct fuzz_door *frames_live_door(struct frames_live *l);

#endif
