/* Looking before sleeping, as locks do.
 *
 * Who sends a request and sleeps until the answer pays for two wakings of a processor, his own and the peer's: on an
 * idle machine that takes longer than the answer itself, and longest in a virtual machine. So a loop whose answers come
 * soon looks at its sockets, for `limit` at most, before it sleeps.
 *
 * What that may cost is bounded. It is done only while streams wake the loop and recent waits were short, on more than
 * one processor. Between looks the processor is offered to whoever else wants it. Each time that another program took
 * it (the machine is full, and sleeping costs nothing there) or that nothing came, there is a rest from looking: 1 ms,
 * then 2, up to 128. A loop whose peers are slow, and a program on a full machine, so spend about a thousandth of their
 * time on it, while on an idle machine a disturbance is over after a few steps. */
#include "world/real_internal.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define LIMIT_DEFAULT 150 /* us */
#define LIMIT_MAX     1000
#define NEAR          UINT64_C(500000)  /* ns; a wait that is no longer may be one for a processor to wake */
#define NEAR_LEAST    2                 /* so many in a row, before it is tried */
#define OFFER_EVERY   8                 /* looks */
#define TAKEN         UINT64_C(400000)  /* ns; a processor that is back sooner was with its host or an interrupt */
#define REST          UINT64_C(1000000) /* ns */
#define PENALTY_MAX   7
#define PENALTY_TAKEN 2
#define HITS_FORGIVE  16 /* so many good ones take one penalty back */
#define NS_PER_US     UINT64_C(1000)
#define LOOKS_MAX     4000 /* should the clock stand still */

/* How often it looks depends on the moment: nothing for a fuzzer that counts what runs. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)
#endif

void real_spin_init(struct real_spin *s)
{
    cpu_set_t allowed;
    const char *given = getenv("HARROW_SPIN");
    char *end = NULL;
    unsigned long limit = given != NULL ? strtoul(given, &end, 10) : LIMIT_DEFAULT;
    if (given != NULL && (end == given || *end != '\0'))
        limit = LIMIT_DEFAULT;
    bool alone = sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2;
    *s = (struct real_spin){.limit = alone ? 0 : (limit < LIMIT_MAX ? limit : LIMIT_MAX) * NS_PER_US,
                            .near = NEAR_LEAST}; /* the first answers may come as soon as later ones */
}

void real_spin_heard(struct real_world *w)
{
    struct real_spin *s = &w->spin;
    w->heard = true;
    if (s->limit == 0 || s->began == 0)
        return;
    bool near = world_now(&w->base) - s->began < NEAR;
    s->near = !near ? 0 : s->near < NEAR_LEAST ? s->near + 1 : NEAR_LEAST;
    s->began = 0;
}

static void rest(struct real_spin *s, uint64_t now, unsigned penalty)
{
    s->rest_until = now + (REST << s->penalty);
    s->penalty = s->penalty + penalty < PENALTY_MAX ? s->penalty + penalty : PENALTY_MAX;
    s->hits = 0;
}

static void look(struct real_world *w, uint64_t now, uint64_t until)
{
    struct real_spin *s = &w->spin;
    struct epoll_event event;
    unsigned looks = 0;
    while (epoll_wait(uv_backend_fd(&w->loop), &event, 1, 0) == 0) {
        now = world_now(&w->base);
        if (now >= until || ++looks == LOOKS_MAX) {
            rest(s, now, 1);
            return;
        }
        if (looks % OFFER_EVERY != 0)
            continue;
        sched_yield();
        uint64_t back = world_now(&w->base);
        if (back - now > TAKEN) {
            rest(s, back, PENALTY_TAKEN);
            return;
        }
    }
    if (++s->hits == HITS_FORGIVE) {
        s->hits = 0;
        s->penalty -= s->penalty > 0;
    }
}

void real_spin(struct real_world *w, uint64_t now, bool heard, uint64_t until)
{
    struct real_spin *s = &w->spin;
    if (s->limit == 0)
        return;
    s->began = now;
    if (heard && s->near >= NEAR_LEAST && now >= s->rest_until && uv_backend_timeout(&w->loop) != 0)
        look(w, now, until < now + s->limit ? until : now + s->limit);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
