/* A test case: what is done to a system, event by event. The one form that is generated, mutated, kept in a corpus,
 * minimised, replayed and printed, whichever door it goes through: in process, libFuzzer, AFL++, live, simulation.
 *
 * In memory it is flat: an array of events and one buffer their bytes stand in, so that a copy is two memcpys and a
 * case can be reused without an allocation. Calls are numbered from 0 in the order of their EVENT_CALL; an event that
 * names a call nobody opened does nothing. Messages are kept as their wire bytes, which go by field number, and methods
 * by path: a corpus survives a schema that changes.
 *
 * A link feeds forward what a reply held: "put field FROM of reply N of call A into field TO of the message that
 * follows". Field paths are sequences of (number, index) pairs; see struct fuzz_path. links.h does it.
 *
 * The file: "HFZ1", then one record per event: kind (1 byte), length of the rest (varint), its parts in the order of
 * the struct (case_file.c). Unknown kinds are kept as they are and do nothing, so that older programs can hold newer
 * corpora. Bytes that do not begin with the magic are no case; fuzz_case_from_bytes() makes one message of them. */
#ifndef FUZZ_CASE_CASE_H
#define FUZZ_CASE_CASE_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/pb.h"

#define FUZZ_CASE_EVENTS_MAX 256               /* reading refuses more; mutators stay below */
#define FUZZ_CASE_BYTES_MAX  ((size_t)8 << 20) /* all bytes of one case */

enum fuzz_event_kind {
    EVENT_CALL = 1, /* opens the next call. name: path; number: deadline in ns, 0: none; flags: EVENT_NO_TOKEN ... */
    EVENT_METADATA, /* one entry for the call opened before it. name, value (binary when the name ends in -bin) */
    EVENT_LINK,     /* for the message that follows. call: source; number: its reply, from 0; name: FROM; value: TO,
                       as paths in bytes (path.h); flags: EVENT_LINK_METADATA */
    EVENT_MESSAGE,  /* to `call`. value: wire bytes; name: defect's name or empty; lane; flags: EVENT_COMPRESSED ... */
    EVENT_HALF_CLOSE,  /* of `call`: no more messages from us. A call never half-closed is when the case ends. In a case
                          of connections: our direction of the present one */
    EVENT_CANCEL,      /* of `call`: RST_STREAM. number: code */
    EVENT_AWAIT,       /* until `call` ended (number 0) or gave `number` messages */
    EVENT_CONNECT,     /* a raw connection that frames and bytes go to. name: component; number: 0 gRPC door, 1 HTTP */
    EVENT_FRAME,       /* an HTTP/2 frame. number: type << 8 | flags; call: stream id, as it is; value: payload */
    EVENT_HEADERS,     /* a header block by live HPACK state: value: lines "name: value\n"; call: stream id; number:
                          HTTP/2 flags; EVENT_... how it is encoded and cut */
    EVENT_BYTES,       /* value: bytes as they are */
    EVENT_HTTP,        /* a request to the gateway. name: "POST /store/Read", and an operator's name behind it
                          (fuzz/gateway/gateway.h); value: header lines, empty line, body. flags: EVENT_NO_TOKEN */
    EVENT_TIME,        /* number: ns that pass (virtual time; live: at most LIVE_PAUSE_MAX) */
    EVENT_FAULT,       /* name: component; number: enum target_action. Doors that cannot leave it out and count it */
    EVENT_ENVIRONMENT, /* name: "chunks", "schedule", "allocation", "write"; number: its seed, or the n-th that fails */
    EVENT_KIND_COUNT
};

enum fuzz_event_flags {
    EVENT_NO_TOKEN = 1,        /* CALL: leave the token out */
    EVENT_OTHER_TENANT = 2,    /* CALL: with the second account's token */
    EVENT_COMPRESSED = 4,      /* MESSAGE: gzip, flag set */
    EVENT_FLAG_LIE = 8,        /* MESSAGE: compression flag the other way round than the bytes */
    EVENT_LENGTH_LONG = 16,    /* MESSAGE: prefix says more than comes */
    EVENT_LENGTH_SHORT = 32,   /* MESSAGE: prefix says less than comes */
    EVENT_TRAILERS = 64,       /* HALF_CLOSE: by a HEADERS frame, which requests must not */
    EVENT_LINK_METADATA = 128, /* LINK: for the metadata that follows; TO is then plain text that stands before it */
};
/* LINK: the flags' upper byte, where it is not 0: what is found is damaged on its way, each number in another way. */
#define EVENT_LINK_DAMAGE_SHIFT 8

/* "call", "half-close" ... as in the script; NULL: no kind known here. */
const char *fuzz_event_kind_name(unsigned kind);

enum fuzz_lane { LANE_VALID, LANE_NEAR_VALID, LANE_GARBAGE, LANE_COUNT };
const char *fuzz_lane_name(enum fuzz_lane lane); /* "valid", "near-valid", "garbage" */

struct fuzz_span {
    uint32_t at, len; /* in the case's `data` */
};

struct fuzz_event {
    uint8_t kind, lane;
    uint16_t flags;
    uint32_t call;
    uint64_t number;
    struct fuzz_span name, value;
};

struct fuzz_case {
    ARRAY(struct fuzz_event) events;
    struct text data; /* may hold bytes no event refers to any more; fuzz_case_tidy() drops them */
};

#define FUZZ_CASE_INIT ((struct fuzz_case){0})

void fuzz_case_deinit(struct fuzz_case *c);
void fuzz_case_clear(struct fuzz_case *c);                              /* keeps the memory */
int fuzz_case_copy(struct fuzz_case *to, const struct fuzz_case *from); /* ERROR_MEMORY; `to` is cleared first */
static inline void fuzz_case_swap(struct fuzz_case *a, struct fuzz_case *b)
{
    struct fuzz_case was = *a;
    *a = *b;
    *b = was;
}
/* Drops the bytes no event refers to; what stays keeps its order in memory. Allocates nothing. ERROR_LIMIT: more events
 * than a case may have. */
int fuzz_case_tidy(struct fuzz_case *c);
size_t fuzz_case_size(const struct fuzz_case *c); /* bytes of all names and values */
bool fuzz_case_equal(const struct fuzz_case *a, const struct fuzz_case *b);
uint64_t fuzz_case_hash(const struct fuzz_case *c); /* of what it does, not of how it lies in memory */

static inline struct bytes fuzz_case_bytes(const struct fuzz_case *c, struct fuzz_span s)
{
    return s.len ? BYTES(c->data.data + s.at, s.len) : BYTES_NONE;
}

/* Building: each returns the event's index, or ERROR_MEMORY / ERROR_LIMIT / ERROR_INVALID (no such place), and then
 * nothing changed. Bytes are copied; they may be bytes of the same case. Of an unknown kind only the value is kept. */
int fuzz_case_add(struct fuzz_case *c, const struct fuzz_event *e, struct bytes name, struct bytes value);
int fuzz_case_insert(struct fuzz_case *c, size_t at, const struct fuzz_event *e, struct bytes name, struct bytes value);
void fuzz_case_remove(struct fuzz_case *c, size_t at);
int fuzz_case_set_value(struct fuzz_case *c, size_t at, struct bytes value);
int fuzz_case_set_name(struct fuzz_case *c, size_t at, struct bytes name);
size_t fuzz_case_calls(const struct fuzz_case *c); /* how many are opened */
/* The method of a call: NULL when its path is not in the pool. */
const struct pb_method *fuzz_case_method(const struct fuzz_case *c, uint32_t call, const struct pb_pool *pool);

/* The file. Reading refuses what is cut, over the limits or not a case, with the byte offset; nothing is lost between
 * write and read. */
int fuzz_case_write(const struct fuzz_case *c, struct text *out);
int fuzz_case_read(struct bytes file, struct fuzz_case *out, struct error *err);
/* For engines that hand over plain bytes: a file of the form above; of one that is broken further on, the events before
 * that place; or else one garbage message to `path`. ERROR_MEMORY, ERROR_LIMIT. */
int fuzz_case_from_bytes(struct bytes any, const char *path, struct fuzz_case *out);

/* The view for people: a line per event, messages as JSON where the type is known and they are valid, else hex; and
 * back. docs/fuzz-cases.md has the grammar. Errors say line:column. */
int fuzz_case_print(const struct fuzz_case *c, const struct pb_pool *pool, struct text *out);
int fuzz_case_parse(struct bytes text, const char *name, const struct pb_pool *pool, struct fuzz_case *out,
                    struct error *err);

#endif
