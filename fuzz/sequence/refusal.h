/* What a refusal says about a request: that a field is missing or wrong, that something is not there or there already.
 *
 * Read from the status, from google.rpc.BadRequest and PreconditionFailure in the details, and from the words of the
 * text (Micro's JSON error is taken apart). The field is found by its name, or by the name of the message it is in. */
#ifndef FUZZ_SEQUENCE_REFUSAL_H
#define FUZZ_SEQUENCE_REFUSAL_H

#include "fuzz/sequence/graph.h"

enum refusal_kind {
    REFUSAL_NONE,    /* nothing to learn: OK, or the system's own trouble */
    REFUSAL_MISSING, /* a field is required */
    REFUSAL_INVALID, /* a value is wrong */
    REFUSAL_UNKNOWN, /* what it names is not there */
    REFUSAL_EXISTS,  /* what it names is there already */
    REFUSAL_ACCESS,  /* the caller may not */
    REFUSAL_STATE,   /* not now: a precondition */
};
const char *refusal_kind_name(enum refusal_kind kind);

struct refusal {
    enum refusal_kind kind;
    int leaf;                            /* of the method's request; -1: not said */
    bool one_of;                         /* "a or b": that one is missing is only one of the ways to put it right */
    char word[SEQUENCE_LEARNT_WORD_MAX]; /* a value the text proposes, in quotes; "": none */
};

/* `text`: the status message; `detail`: a serialised google.rpc.Status, or empty. */
void refusal_read(const struct sequence_graph *g, size_t method, int status, struct bytes text, struct bytes detail,
                  struct refusal *out);

#endif
