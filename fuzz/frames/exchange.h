/* One connection as its client sees it: what was said, what came back, and whether what came back may be said at all.
 *
 * Both directions are given as bytes, in the order they went. What we said is read as the peer reads it, as far as it
 * makes sense: which streams are open, how much may be sent to us, what waits for an acknowledgement. What came back is
 * held against that and against RFC 9113 (frame sizes, order, states, flow control, header blocks that decode). It is a
 * check of the peer that needs no case written for it: any bytes will do, and the first thing the peer must not do is
 * noted with the rule it breaks.
 *
 * Where our own bytes are broken, only what holds whatever they mean is checked. Limits are taken as the largest ever
 * granted, by either side, since it cannot be seen when the peer reads what. The size of its header table is another
 * matter: a smaller one that we asked for holds from the peer's ACK on, and its next header block has to begin by
 * saying so (RFC 7541, 4.2). Reused from case to case, memory kept.
 *
 * Ownership: everything is the struct's; `violation` is a static string. */
#ifndef FUZZ_FRAMES_EXCHANGE_H
#define FUZZ_FRAMES_EXCHANGE_H

#include "base/array.h"
#include "fuzz/frames/frame.h"

#define EXCHANGE_STREAMS_MAX ((size_t)1 << 16) /* streams kept apart; those beyond are not checked */
#define EXCHANGE_NO_STATUS   (-1)
#define EXCHANGE_TABLES_MAX  ((size_t)4096) /* SETTINGS with a table size that wait for an ACK; beyond, none counts */

struct exchange_stream {
    uint32_t id;      /* 0: slot is free */
    bool opened;      /* we sent HEADERS */
    bool ended_by_us; /* END_STREAM or RST_STREAM */
    bool reset_by_us;
    bool answered; /* HEADERS came */
    bool ended;    /* END_STREAM came */
    bool reset;    /* RST_STREAM came */
    uint32_t reset_code;
    int16_t http_status, grpc_status; /* EXCHANGE_NO_STATUS: none came */
    uint32_t data_received;           /* flow-controlled bytes */
    uint64_t granted;                 /* by WINDOW_UPDATE */
    uint64_t taken;                   /* by the peer's WINDOW_UPDATE: bytes it lets us send more */
    uint64_t data_sent;               /* flow-controlled bytes of ours */
};

/* A SETTINGS of ours that says how large the peer's header table may be: the least of it, and the last. */
struct exchange_table {
    uint32_t number, least, last; /* the how many'th SETTINGS, from 1 */
};

struct nghttp2_hd_inflater;
struct exchange {
    struct exchange_stream *slots; /* open addressing; a power of two */
    size_t slot_count, stream_count;
    struct nghttp2_hd_inflater *inflater;
    struct text sent, came; /* what is not yet a whole frame */
    struct text block;      /* header block under way */

    /* what we said */
    uint64_t bytes_sent, bytes_received;
    bool preface_sent;
    bool shut;          /* we ended our direction */
    bool starved;       /* set by the user: there was more to say, and no window for it */
    bool broken;        /* our bytes cannot be read on */
    uint32_t sent_run;  /* stream whose header block we have not ended; 0: none */
    uint32_t sent_last; /* the highest stream we opened */
    uint32_t settings_sent, pings_sent;
    uint64_t window_initial, window_connection; /* the most we ever granted */
    uint32_t frame_max;
    uint64_t sent_frames;
    uint64_t data_sent;
    ARRAY(struct exchange_table) tables; /* not acknowledged are those from table_next on */
    size_t table_next;
    bool lowered;        /* below what it was before SETTINGS */
    bool tables_unknown; /* too many of them: what the peer's table may hold is not known */

    /* what came */
    bool stock; /* set by the user, kept: a peer of gRPC's own libraries, which speak on streams they have ended */
    uint64_t frames;
    bool greeted; /* its SETTINGS came, first */
    uint32_t run;
    bool run_end_stream;
    uint32_t settings_acks, ping_acks, resets;
    uint32_t reset_codes;    /* bit per code below 32 */
    uint32_t peer_frame_max; /* the longest frame it takes */
    uint32_t peer_window;    /* of a stream, as its SETTINGS say */
    uint64_t taken;          /* by its WINDOW_UPDATEs of the connection */
    bool probe_acked;        /* PING with exchange_probe came back */
    bool goaway;
    uint32_t goaway_code, goaway_last; /* of the first that was an error, else of the last */
    uint64_t data_received;
    uint64_t content_received; /* DATA that held something, its frames' heads with it */
    bool not_http2;            /* it answered in HTTP/1 */
    bool closed;               /* the transport is gone */
    int close_reason;

    const char *violation; /* NULL: none */
    uint32_t violation_stream;
    struct text note; /* the frame that broke the rule, as text; debug text of a GOAWAY before that */
};

extern const uint8_t exchange_probe[8]; /* payload of the PING that asks whether the peer is still there */

#define EXCHANGE_INIT ((struct exchange){0})

int exchange_start(struct exchange *x); /* a new connection; ERROR_MEMORY */
void exchange_deinit(struct exchange *x);
int exchange_sent(struct exchange *x, struct bytes data);     /* ERROR_MEMORY */
int exchange_received(struct exchange *x, struct bytes data); /* ERROR_MEMORY */
void exchange_shut(struct exchange *x);                       /* our direction was ended */
void exchange_closed(struct exchange *x, int reason);

/* NULL: we never spoke of it. */
const struct exchange_stream *exchange_find(const struct exchange *x, uint32_t id);
/* Bytes of DATA the peer lets us send on the stream now; below 0: we sent more. */
int64_t exchange_window(const struct exchange *x, uint32_t id);
/* Nothing we began is unfinished: a PING sent now would be read as one. */
bool exchange_clean(const struct exchange *x);
/* The connection's end was told or has come. */
bool exchange_over(const struct exchange *x);
/* Lines for people. */
void exchange_print(const struct exchange *x, struct text *out);

#endif
