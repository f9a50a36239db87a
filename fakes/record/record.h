/* A double that passes calls on to the real server, and remembers what it answered: the last of a server's responders,
 * so that calls which a stub answers never get there.
 *
 * Requests and replies go on as the bytes they are, message by message where both sides stream, with the metadata both
 * ways, trailers, status and details. Who reads slowly is waited for, in both directions; a call that its client gives
 * up is given up at the server. What is left of its time limit goes with the call.
 *
 * Every call that ended is put on a tape (tape.h). */
#ifndef FAKES_RECORD_RECORD_H
#define FAKES_RECORD_RECORD_H

#include "fakes/record/tape.h"
#include "rpc/rpc.h"

struct recorder;
struct recorder_options {
    const char *upstream;    /* its address, or several with commas */
    struct tls_context *tls; /* borrowed; NULL: plaintext */
    bool timing;             /* stubs take as long as the server did, reply by reply */
};
int recorder_new(struct world *w, const struct recorder_options *options, struct recorder **out, struct error *err);
void recorder_free(struct recorder *r); /* after the server that asks it; NULL is fine */
struct fake_responder recorder_responder(struct recorder *r);
const struct tape *recorder_tape(const struct recorder *r);
/* Calls passed on; those of them not on the tape, for their size or for want of memory. */
uint64_t recorder_calls(const struct recorder *r);
uint64_t recorder_lost(const struct recorder *r);

#endif
