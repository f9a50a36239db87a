#include "runtime/relay/breaker.h"

const char *relay_state_name(enum relay_state s)
{
    static const char *const names[] = {"closed", "open", "half-open"};
    return names[s];
}

bool relay_breaker_allows(const struct relay_breaker *b, uint64_t now)
{
    return b->state == RELAY_CLOSED || (b->state == RELAY_OPEN && now >= b->retry_at);
}

bool relay_breaker_begin(struct relay_breaker *b)
{
    if (b->state == RELAY_CLOSED)
        return false;
    b->state = RELAY_HALF_OPEN;
    return true;
}

static void open_up(struct relay_breaker *b, uint64_t now)
{
    bool calm = b->state == RELAY_CLOSED && now - b->closed_at >= (uint64_t)RELAY_CALM;
    if (b->backoff == 0 || calm)
        b->backoff = (uint64_t)RELAY_BACKOFF_FIRST;
    else if (b->backoff < (uint64_t)RELAY_BACKOFF_MAX / 2)
        b->backoff *= 2;
    else
        b->backoff = (uint64_t)RELAY_BACKOFF_MAX;
    b->state = RELAY_OPEN;
    b->retry_at = now + b->backoff;
    b->openings++;
}

static void close_again(struct relay_breaker *b, uint64_t now)
{
    b->state = RELAY_CLOSED;
    b->closed_at = now;
    b->lost = 0;
    b->calls = b->unavailable = 0;
    b->window_at = now;
}

static bool end_probe(struct relay_breaker *b, enum relay_outcome outcome, uint64_t now)
{
    if (outcome == RELAY_ANSWERED) {
        close_again(b, now);
    } else if (outcome == RELAY_UNKNOWN) { /* the next call is the probe */
        b->state = RELAY_OPEN;
        b->retry_at = now;
    } else {
        open_up(b, now);
    }
    return true;
}

/* Whether a closed breaker is to open for what just happened. */
static bool enough(struct relay_breaker *b, enum relay_outcome outcome, uint64_t now)
{
    if (outcome == RELAY_REFUSED)
        return true;
    if (outcome == RELAY_LOST) {
        if (b->lost == 0 || now - b->lost_at >= (uint64_t)RELAY_LOST_APART) {
            b->lost++;
            b->lost_at = now;
        }
        return b->lost >= RELAY_LOST_MAX;
    }
    b->lost = 0;
    if (now - b->window_at >= (uint64_t)RELAY_RATIO_WINDOW) {
        b->window_at = now;
        b->calls = b->unavailable = 0;
    }
    b->calls++;
    if (outcome == RELAY_UNAVAILABLE)
        b->unavailable++;
    return b->calls >= RELAY_RATIO_CALLS && b->unavailable >= b->calls - b->unavailable;
}

bool relay_breaker_end(struct relay_breaker *b, enum relay_outcome outcome, bool probe, uint64_t now)
{
    if (probe && b->state == RELAY_HALF_OPEN)
        return end_probe(b, outcome, now);
    if (b->state != RELAY_CLOSED || outcome == RELAY_UNKNOWN || !enough(b, outcome, now))
        return false;
    open_up(b, now);
    return true;
}
