/* Looking before sleeping, as locks do.
 *
 * Who sends a request and sleeps until the answer pays for two wakings of a processor, his own and the peer's: on an
 * idle machine that takes longer than the answer itself. So a loop whose answers come soon looks at its sockets, for
 * `limit` at most, before it sleeps.
 *
 * What that may cost is bounded: it is done only while streams wake the loop and recent waits were short, on more
 * than one processor, and each time that nothing came, or that another program had our processor meanwhile (the
 * machine is full, or our share of it is used up), the next so many waits sleep at once: 8, then 16, up to 4,096. A
 * loop whose peers are slow, and a program on a full machine, so spend one look in thousands of waits. */
#include "world/real_internal.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define LIMIT_DEFAULT 100 /* us */
#define LIMIT_MAX     1000
#define NEAR          UINT64_C(500000) /* ns; a wait that is no longer may be one for a processor to wake */
#define NEAR_LEAST    2                /* so many in a row, before it is tried */
#define TAKEN         UINT64_C(150000) /* ns between two looks: another program ran here */
#define SKIP_SHIFT    2
#define PENALTY_MAX   10
#define PENALTY_TAKEN 4
#define HITS_FORGIVE  32 /* so many good ones take one penalty back */
#define SKIP_WITHOUT  8  /* waits without a look, when there was nothing to wait for */
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
    *s = (struct real_spin){.limit = alone ? 0 : (limit < LIMIT_MAX ? limit : LIMIT_MAX) * NS_PER_US};
}

void real_spin_heard(struct real_world *w)
{
    struct real_spin *s = &w->spin;
    if (s->limit == 0 || s->began == 0)
        return;
    bool near = world_now(&w->base) - s->began < NEAR;
    s->near = !near ? 0 : s->near < NEAR_LEAST ? s->near + 1 : NEAR_LEAST;
    s->began = 0;
}

static void punish(struct real_spin *s, unsigned by)
{
    s->penalty = s->penalty + by < PENALTY_MAX ? s->penalty + by : PENALTY_MAX;
    s->skip = 1U << (s->penalty + SKIP_SHIFT);
    s->hits = 0;
}

static void look(struct real_world *w, uint64_t now, uint64_t until)
{
    struct real_spin *s = &w->spin;
    struct epoll_event event;
    uint64_t before = now;
    unsigned looks = 0;
    while (epoll_wait(uv_backend_fd(&w->loop), &event, 1, 0) == 0) {
        now = world_now(&w->base);
        if (now - before > TAKEN) {
            punish(s, PENALTY_TAKEN);
            return;
        }
        if (now >= until || ++looks == LOOKS_MAX) {
            punish(s, 1);
            return;
        }
        before = now;
    }
    if (looks == 0) {
        s->skip = SKIP_WITHOUT;
    } else if (++s->hits == HITS_FORGIVE) {
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
    if (!heard || s->near < NEAR_LEAST || uv_backend_timeout(&w->loop) == 0)
        return;
    if (s->skip > 0)
        s->skip--;
    else
        look(w, now, until < now + s->limit ? until : now + s->limit);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
