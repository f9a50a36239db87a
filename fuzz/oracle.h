/* Oracles: what an answer says about the system. Pure functions of an input and what came back. */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include "fuzz/input.h"
#include "rpc/rpc.h"

struct outcome {
    int status;
    struct bytes message; /* status text */
    struct bytes body;    /* the last reply message of an OK; data NULL when none */
    bool timed_out;       /* our own limit passed without an answer */
    bool stream;          /* a stream we ended ourselves: only its messages are judged */
    uint64_t duration;
};

/* The oracle that fired ("hang", "internal", "schema", "accepted"), or NULL; `why` says it in a sentence. */
const char *oracle_judge(const struct fuzz_input *in, const struct outcome *o, struct text *why);

#endif
