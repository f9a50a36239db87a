/* The seam between the parts of a double: what was asked, and what is answered.
 *
 * A double records a call and then asks its responders one after the other: what C code programmed, the stubs of a
 * YAML file, the behaviour recognised from the contract, and at last values drawn from the seed. The first that does
 * not pass decides. Everything that comes from outside is borrowed for the time of the call; everything a responder
 * writes is owned by the answer.
 *
 * When a responder is asked:
 *   unary, server streaming   once, when the request is there
 *   client streaming          once, when the client has ended its stream (`complete`); `messages` holds all
 *   bidirectional             at each message (`complete` is false, the newest is the last of `messages`), and once
 *                             more when the client has ended its stream (`complete`); what it answers is sent at once
 *
 * An answer whose `ending` is FAKE_STAYS leaves the stream open: the responder keeps `asked->stream` and says more
 * with fake_stream_send() whenever it likes, until fake_stream_finish() or until its `gone` is called. */
#ifndef FAKES_ANSWER_H
#define FAKES_ANSWER_H

#include "base/array.h"
#include "base/text.h"
#include "wire/grpc.h"
#include "wire/pb.h"

struct fake_stream;

struct fake_asked {
    const struct pb_service *service;
    const struct pb_method *method;
    struct bytes request;          /* wire bytes of all messages so far, one behind the other */
    const size_t *ends;            /* where each of them ends */
    size_t messages;               /* how many */
    bool complete;                 /* the client says no more */
    struct grpc_metadata metadata; /* as it came; names in lower case */
    const char *caller;            /* the peer's address, or "in process" */
    const char *session;           /* header "double-session": state, stubs and journal are kept apart by it; or "" */
    uint64_t now;                  /* ns since the Unix epoch */
    uint64_t timeout;              /* ns for which the caller still waits; 0: it did not say */
    int64_t sequence, index;       /* over all methods, and among this method's calls; from 0 */
    struct fake_stream *stream;    /* NULL in process and (see `late`) for unary calls: then FAKE_STAYS is FAKE_ENDS */
};
/* The i-th message; nothing past the end. */
struct bytes fake_asked_message(const struct fake_asked *asked, size_t i);

enum fake_ending {
    FAKE_ENDS,       /* the replies, then status, message and trailers */
    FAKE_STAYS,      /* the replies; the stream stays open */
    FAKE_NEVER,      /* nothing at all, until the caller gives up */
    FAKE_RESETS,     /* the replies, then RST_STREAM */
    FAKE_DISCONNECTS /* the replies, then the connection is cut */
};

struct fake_reply {
    size_t end;     /* in `replies` */
    uint64_t delay; /* ns before it is sent, after the one before */
};

struct fake_header {
    char *name; /* owned; lower case; "-bin": `value` is raw bytes */
    struct bytes value;
    bool trailer;
};

struct fake_answer {
    int status;                     /* enum grpc_status */
    struct text message;            /* beside a status that is not OK */
    struct text details;            /* google.rpc.Status as wire bytes (header grpc-status-details-bin), or empty */
    struct text replies;            /* wire bytes of all replies, one behind the other */
    ARRAY(struct fake_reply) marks; /* one a reply */
    ARRAY(struct fake_header) headers;
    uint64_t delay; /* ns before anything is sent */
    enum fake_ending ending;
    const char *by; /* who answered, for the journal: static or owned by the responder ("stub users.yaml:12") */
};
void fake_answer_init(struct fake_answer *a);
void fake_answer_deinit(struct fake_answer *a);
void fake_answer_clear(struct fake_answer *a); /* as new, memory kept */
/* Ends the reply whose bytes were just added to `replies`. False: no memory. */
bool fake_answer_mark(struct fake_answer *a, uint64_t delay);
bool fake_answer_add(struct fake_answer *a, struct bytes reply); /* copies, then marks */
bool fake_answer_header(struct fake_answer *a, const char *name, struct bytes value, bool trailer);
void fake_answer_fail(struct fake_answer *a, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

enum fake_verdict { FAKE_PASSED, FAKE_ANSWERED };

struct fake_responder {
    const char *name; /* "stubs", "behaviour", "values" */
    /* The answer is as new; a responder that passes leaves it so. Called under no lock of the double, by any thread
     * that serves. */
    enum fake_verdict (*respond)(void *arg, const struct fake_asked *asked, struct fake_answer *answer);
    void (*gone)(void *arg, struct fake_stream *stream); /* a stream that stayed open has ended; or NULL */
    void (*reset)(void *arg, const char *session); /* forget what was learnt, of one session or ("") of all; or NULL */
    void (*release)(void *arg);                    /* the double goes; or NULL */
    /* A stream's client takes what is said again, after fake_stream_busy() was true; or NULL. */
    void (*drained)(void *arg, struct fake_stream *stream);
    bool late; /* unary calls have a stream for it as well, when there is one to be had: it may answer them later */
    void *arg;
};

/* Streams that stay open; from the loop that serves only. */
int fake_stream_send(struct fake_stream *s, struct bytes message); /* ERROR_LIMIT: its client reads too slowly */
bool fake_stream_busy(const struct fake_stream *s);                /* what is said now waits: see `drained` */
int fake_stream_header(struct fake_stream *s, const char *name, struct bytes value, bool trailer);
void fake_stream_finish(struct fake_stream *s, int status, const char *message); /* `gone` is not called for it */
void fake_stream_finish_details(struct fake_stream *s, int status, struct bytes message, struct bytes details);

#endif
