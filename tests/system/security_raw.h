/* Raw connections for tests of what no proper client would send: bytes out, a count of what came back, and HTTP/2
 * frames made by hand (RFC 9113, 4.1). In the simulated world and in the real one. */
#ifndef TESTS_SYSTEM_SECURITY_RAW_H
#define TESTS_SYSTEM_SECURITY_RAW_H

#include "base/text.h"
#include "world/world.h"

#define RAW_HEAD_MAX 4096 /* bytes kept of what came */

struct raw {
    struct world *world;
    struct world_stream *stream;
    bool connected, ended;
    uint64_t opened, ended_at; /* monotonic */
    size_t received;
    char head[RAW_HEAD_MAX + 1]; /* the first of it */
    /* Sends `drip` one byte per interval, over and over. */
    struct world_timer timer;
    const char *drip;
    size_t drip_len, drip_at;
    uint64_t interval;
};

void raw_open(struct raw *r, struct world *w, const char *address); /* and waits until it is connected */
void raw_open_later(struct raw *r, struct world *w, const char *address);
void raw_send(struct raw *r, const void *data, size_t len);                    /* nothing once it has ended */
void raw_drip(struct raw *r, const void *data, size_t len, uint64_t interval); /* data is borrowed */
bool raw_wait_end(struct raw *r, uint64_t limit);
void raw_close(struct raw *r);

/* How stream 1 ended by what came: its grpc-status, or 100 + the code of a RST_STREAM, 200 + of a GOAWAY; -1: not. */
int raw_h2_outcome(const struct raw *r);
/* "HTTP/1.1 431 ..." gives 431; 0: nothing like that came. */
int raw_http_status(const struct raw *r);

enum {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RESET,
    H2_SETTINGS,
    H2_PUSH,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW,
    H2_CONTINUATION
};
#define H2_END_STREAM        1
#define H2_ENHANCE_YOUR_CALM 11 /* an error code */
#define H2_ACK               1
#define H2_END_HEADERS       4
void h2_preface(struct text *out); /* with an empty SETTINGS */
void h2_frame(struct text *out, unsigned type, unsigned flags, uint32_t stream, const void *payload, size_t len);
/* Literals without indexing (RFC 7541, 6.2.2). */
void h2_header(struct text *block, const char *name, const char *value, size_t value_len);
void h2_request(struct text *block, const char *path); /* the pseudo headers and content-type of a gRPC call */

#endif
