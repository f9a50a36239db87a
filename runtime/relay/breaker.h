/* A circuit breaker: whether a node is worth a call. One per node, pure: time comes in as an argument.
 *
 *     closed     calls go through. It opens when a connection is refused, when RELAY_LOST_MAX connections in a row were
 *                lost under calls, or when at least half of RELAY_RATIO_CALLS or more calls within RELAY_RATIO_WINDOW
 *                were answered UNAVAILABLE
 *     open       no calls until the back-off has passed
 *     half open  one call goes through as a probe; its end closes the breaker or opens it for twice as long
 *
 * The back-off starts at RELAY_BACKOFF_FIRST, doubles up to RELAY_BACKOFF_MAX, and starts anew once the breaker stayed
 * closed for RELAY_CALM. What calls begun before the opening say afterwards counts for nothing: only the probe does. */
#ifndef RUNTIME_RELAY_BREAKER_H
#define RUNTIME_RELAY_BREAKER_H

#include "base/units.h"

#include <stdbool.h>
#include <stdint.h>

#define RELAY_LOST_MAX      3                  /* lost connections in a row */
#define RELAY_LOST_APART    (10 * MILLISECOND) /* calls lost closer together went down with one connection */
#define RELAY_RATIO_CALLS   10                 /* ended in a window before its ratio means anything */
#define RELAY_RATIO_WINDOW  (10 * SECOND)
#define RELAY_BACKOFF_FIRST (100 * MILLISECOND)
#define RELAY_BACKOFF_MAX   (10 * SECOND)
#define RELAY_CALM          (10 * SECOND)

enum relay_state { RELAY_CLOSED, RELAY_OPEN, RELAY_HALF_OPEN };
const char *relay_state_name(enum relay_state s); /* "closed", "open", "half-open" */

enum relay_outcome {
    RELAY_ANSWERED,    /* by the node, whatever it said but UNAVAILABLE */
    RELAY_UNAVAILABLE, /* the node said so */
    RELAY_LOST,        /* the connection went away under the call */
    RELAY_REFUSED,     /* no connection could be made */
    RELAY_UNKNOWN,     /* cancelled or out of time: says nothing about the node */
};

struct relay_breaker {
    enum relay_state state;
    uint64_t retry_at;           /* open: when a probe may go */
    uint64_t backoff;            /* of the present or last opening */
    uint64_t closed_at;          /* when it last closed */
    uint64_t lost_at, window_at; /* the last loss that was counted; when the window began */
    uint32_t lost;               /* in a row */
    uint32_t calls, unavailable; /* in the window */
    uint64_t openings;           /* ever */
};

/* May a call go to the node now? */
bool relay_breaker_allows(const struct relay_breaker *b, uint64_t now);
/* One goes: true when it is the probe. To be asked only when allowed. */
bool relay_breaker_begin(struct relay_breaker *b);
/* A call ended; `probe` as begin said. True when the state changed. */
bool relay_breaker_end(struct relay_breaker *b, enum relay_outcome outcome, bool probe, uint64_t now);

#endif
