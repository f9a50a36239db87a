/* Named ways to break (or strain) HTTP/2, each with the answers that are right to it by RFC 9113, RFC 7541 and gRPC's
 * protocol over HTTP/2.
 *
 * An operator makes a whole case: a connection, a greeting, the state it needs, the thing itself, and a probe (a PING
 * and a plain call) that tells whether the connection lives on. The events of the thing carry the operator's name, the
 * first of them its stream: the subject. Events of the probe are called "probe". So a case from a corpus still tells
 * what it must be held to; fuzz/frames/oracle.h does that.
 *
 * Answers. Where a stream error is right, ending the connection with the same code is right too (5.4.2), and closing
 * without a GOAWAY is right wherever a connection error is (5.4.1: it is a SHOULD). So are the unspecific codes
 * PROTOCOL_ERROR and INTERNAL_ERROR there: an endpoint may end a connection at any time (5.4.1). */
#ifndef FUZZ_FRAMES_OPERATORS_H
#define FUZZ_FRAMES_OPERATORS_H

#include "fuzz/frames/headers.h"

enum frame_answer {
    ANSWER_CONNECTION = 1, /* GOAWAY with one of the codes, or the connection is closed */
    ANSWER_STREAM = 2,     /* RST_STREAM of the subject with one of the codes */
    ANSWER_REFUSAL = 4,    /* the call is answered: with an HTTP error, or a grpc-status that is not OK */
    ANSWER_FINE = 8,       /* nothing happens: the probe is answered, and the subject, if it is a call, may be OK */
    ANSWER_SILENCE = 16,   /* nothing has to come at all; but the connection must be closed within the oracle's limit */
    ANSWER_WHOLE = 32,     /* as fine; and the subject, a call, is answered to its end */
};

/* What an attacker may get the other side to spend. Each limit is a base, the oracle's, and so much for each byte the
 * attacker sent; 0: the oracle's default. */
struct frame_limits {
    uint32_t reply;  /* percent: bytes sent back */
    uint32_t memory; /* percent: bytes held at the most */
    uint32_t cpu;    /* ns */
};

/* Where the one frame of an operator stands. */
enum frame_place {
    PLACE_START,  /* behind the greeting */
    PLACE_OPEN,   /* stream 1 is open: a call that waits for messages */
    PLACE_HELD,   /* stream 1 is half-closed by us and not answered: needs frames_plan.hold_path */
    PLACE_CLOSED, /* stream 1's call was answered */
};

struct frame_build;
struct frame_operator {
    const char *name, *summary;
    const char *rule; /* section of RFC 9113, or "7541:5.2", "grpc" */
    unsigned answers; /* enum frame_answer, or'ed */
    uint32_t codes;   /* bit per enum h2_error that is right; FRAMES_ANY_CODE */
    enum frame_place place;
    uint32_t stream; /* of the one frame */
    uint8_t type, flags;
    const char *payload; /* of the one frame; NULL: it is made otherwise */
    size_t payload_len;
    const char *fields;                  /* a call's header lines: '@' is the path, '$' the authority */
    int (*build)(struct frame_build *b); /* or anything */
    struct frame_limits limits;
    bool large;  /* needs frames_plan.large_path */
    bool polite; /* its DATA frames wait until the peer's windows let them go */
};

#define FRAMES_ANY_CODE UINT32_MAX

extern const struct frame_operator frame_operators[];
extern const size_t frame_operator_count;
const struct frame_operator *frame_operator_find(struct bytes name); /* NULL: none of that name */

/* What gRPC's own libraries answer where the RFC has it otherwise, each known of them and lived with. False: they
 * answer as everybody. operators_stock.c. */
bool frame_operator_stock(const struct frame_operator *op, unsigned *answers, uint32_t *codes);

#define FRAMES_REPEAT ((uint32_t)2000)    /* frames of a flood */
#define FRAMES_LARGE  ((size_t)288 << 10) /* bytes: above what servers keep of one answer nobody takes */
#define FRAMES_PAUSE  UINT64_C(20000000)  /* ns: for the peer to say what a case waits for */
#define FRAMES_PROBE  "probe"             /* name of the events that ask whether the peer still works */

/* The target, as far as cases are made for it. */
struct frames_plan {
    const char *path;      /* a method that answers one message with OK at once */
    const char *hold_path; /* a method that takes messages and does not answer; NULL: `path`, which fits less well */
    const char *component; /* who the connection goes to, in the case; NULL: it is not said */
    struct bytes message;  /* what `path` is called with */
    /* One that answers `large_message` with more than FRAMES_LARGE bytes; NULL: none is known. */
    const char *large_path;
    struct bytes large_message;
    const char *authority; /* NULL: "localhost" */
    uint32_t repeat;       /* 0: FRAMES_REPEAT */
    uint32_t window;       /* bytes a stream of the target may be sent; 0: 1 MiB */
};

/* The plan has what the operator needs. */
bool frame_operator_fits(const struct frame_operator *op, const struct frames_plan *plan);
/* Clears `out` and builds. ERROR_MEMORY, ERROR_LIMIT (more than a case may hold). */
int frame_operator_build(const struct frame_operator *op, const struct frames_plan *plan, struct fuzz_case *out);
/* A case that breaks nothing: greeting, one call, the probe. For mutators to start from. */
int frame_plain_build(const struct frames_plan *plan, struct fuzz_case *out);

#endif
