/* Short random histories of publishing, consuming, acknowledging, crashing and breaking, each from a seed, against a
 * plain model of what must hold:
 *
 *   - an event that was acknowledged to its publisher is in the log, at its place, once; one that was refused may be;
 *   - nothing is delivered or stored that was not published;
 *   - consumers see new events in the order of the log, as long as no member is lost; what it sees again it has not
 * acknowledged, or its acknowledgement was not on disk before a crash;
 *   - one event of a group is never held by two consumers at once, while nobody's ack_wait has passed;
 *   - in the end, with everything well, each group has acknowledged each event.
 *
 * MODEL_SEED in the environment runs one history alone, with its steps on stderr. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/events/test_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORIES 150
#define STEPS     40
#define EVENTS    256 /* payloads are numbers below */
#define GROUPS    2
#define MEMBERS   2
#define SETTLE    ((uint64_t)(60 * SECOND)) /* virtual */

enum fate { NEVER, ACKNOWLEDGED, REFUSED };

struct member {
    struct test_pipe pipe;
    bool open;
    size_t handled; /* messages looked at */
};

struct history {
    struct kit kit;
    struct random random;
    uint64_t seed;
    bool loud, clean;       /* clean: no fault yet */
    bool unordered[GROUPS]; /* a member went: what it never saw comes to others behind newer ones */
    enum fate fate[EVENTS];
    unsigned published;
    bool acked[GROUPS][EVENTS];  /* by a consumer, and the component has had time to keep it */
    bool recent[GROUPS][EVENTS]; /* by a consumer, perhaps not on disk */
    unsigned delivered[GROUPS][EVENTS];
    struct member members[GROUPS][MEMBERS];
    bool existed[GROUPS];
    unsigned existed_from[GROUPS]; /* events published from then on are the group's */
};

static void broken(const struct history *h, const char *what, unsigned number)
{
    fail_msg("MODEL_SEED=%llu: %s: event %u", (unsigned long long)h->seed, what, number);
}

static void say(const struct history *h, const char *what, unsigned a, unsigned b)
{
    if (h->loud)
        fprintf(stderr, "%12.6f %s %u %u\n", (double)sim_now(h->kit.system.sim) / 1e9, what, a, b);
}

static void publish(struct history *h)
{
    char payload[16];
    if (h->published >= EVENTS)
        return;
    unsigned number = h->published++;
    snprintf(payload, sizeof payload, "%u", number);
    int status = kit_try_publish(&h->kit, "t", payload);
    h->fate[number] = status == GRPC_OK ? ACKNOWLEDGED : REFUSED;
    say(h, "publish", number, (unsigned)status);
}

static void open_member(struct history *h, unsigned group, unsigned i)
{
    static const char *const names[GROUPS] = {"g", "h"};
    struct member *m = &h->members[group][i];
    if (m->open || !sim_running(h->kit.system.sim, "events"))
        return;
    m->handled = 0;
    m->open = true;
    kit_consume(&h->kit, &m->pipe, NULL, "t", names[group], 0, false, (int64_t)(5 * SECOND), -1);
    if (m->pipe.stands && !h->existed[group]) {
        h->existed[group] = true;
        h->existed_from[group] = h->published;
    }
    say(h, "open", group, i);
}

static void close_member(struct history *h, unsigned group, unsigned i)
{
    struct member *m = &h->members[group][i];
    if (!m->open)
        return;
    test_pipe_close(&m->pipe);
    m->open = false;
    h->unordered[group] = true;
    memset(h->recent[group], 0, sizeof h->recent[group]); /* acknowledgements on their way go with it */
    say(h, "close", group, i);
}

/* Looks at what came to a member, and answers some of it. */
static void handle(struct history *h, unsigned group, unsigned i, bool all)
{
    struct member *m = &h->members[group][i];
    bool first = true;
    unsigned before = 0;
    for (; m->open && m->handled < m->pipe.messages.count; m->handled++) {
        unsigned number = kit_number(&m->pipe, m->handled);
        if (number >= h->published)
            broken(h, "delivered, never published", number);
        if (h->acked[group][number])
            broken(h, "delivered again after it was acknowledged", number);
        h->delivered[group][number]++;
        if (h->delivered[group][number] == 1) { /* new ones come in the order of the log */
            if (!first && number < before && !h->unordered[group])
                broken(h, "out of order", number);
            before = number;
            first = false;
        }
        uint64_t what = all ? 0 : random_below(&h->random, 4);
        if (!m->pipe.stream)
            continue;
        if (what <= 1) {
            kit_ack(&m->pipe, m->handled, true);
            h->recent[group][number] = true;
        } else if (what == 2) {
            kit_ack(&m->pipe, m->handled, false);
        }
        say(h, what <= 1 ? "ack" : what == 2 ? "nack" : "ignore", group * MEMBERS + i, number);
    }
}

static void handle_all(struct history *h, bool all)
{
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned i = 0; i < MEMBERS; i++)
            handle(h, g, i, all);
}

/* Time for the component to get acknowledgements and to keep them. */
static void settle(struct history *h, uint64_t duration)
{
    bool before[GROUPS][EVENTS];
    handle_all(h, false);
    memcpy(before, h->recent, sizeof before);
    sim_run_for(h->kit.system.sim, duration);
    /* A delivery that was on its way when the acknowledgement went is not a delivery after it. */
    handle_all(h, false);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned n = 0; n < EVENTS; n++)
            if (before[g][n] && h->clean)
                h->acked[g][n] = true;
}

static void start_again(struct history *h)
{
    struct sim_disk_faults none = {0};
    sim_disk(h->kit.system.sim, "events", &none);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned i = 0; i < MEMBERS; i++)
            if (h->members[g][i].open && h->members[g][i].pipe.ended)
                close_member(h, g, i);
    if (!sim_running(h->kit.system.sim, "events"))
        test_node_start(&h->kit.system, "events", NULL);
}

static void down(struct history *h, bool orderly)
{
    handle_all(h, false);
    say(h, orderly ? "terminate" : "crash", 0, 0);
    if (orderly)
        sim_terminate(h->kit.system.sim, "events");
    else
        sim_crash(h->kit.system.sim, "events");
    sim_run_for(h->kit.system.sim, (uint64_t)(10 * SECOND));
    handle_all(h, false);
    memset(h->recent, 0, sizeof h->recent); /* what was on its way is not kept */
    start_again(h);
}

static void fault(struct history *h)
{
    struct sim_disk_faults faults = {.fail_nth = 1 + random_below(&h->random, 12)};
    say(h, "fault", (unsigned)faults.fail_nth, 0);
    h->clean = false;
    sim_disk(h->kit.system.sim, "events", &faults);
}

static void check_log(struct history *h)
{
    const Events__ReadResponse *r = kit_read(&h->kit, "t", 10000, 0);
    size_t at = 0;
    for (unsigned n = 0; n < h->published; n++) {
        bool here = at < r->n_events && strtoul(kit_payload(&h->kit, r->events[at]), NULL, 10) == n;
        if (here && h->fate[n] != NEVER)
            at++;
        else if (h->fate[n] == ACKNOWLEDGED)
            broken(h, "acknowledged and not in the log", n);
    }
    if (at != r->n_events)
        broken(h, "in the log, twice or never published", (unsigned)at);
    for (size_t i = 1; i < r->n_events; i++)
        assert_string_not_equal(r->events[i]->id, r->events[i - 1]->id);
}

/* Everything is well and everybody acknowledges: then every group has had every event. */
static void check_groups(struct history *h)
{
    start_again(h);
    h->clean = true;
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned i = 0; i < MEMBERS; i++)
            open_member(h, g, i);
    for (int i = 0; i < 30; i++) {
        handle_all(h, true);
        sim_run_for(h->kit.system.sim, SETTLE / 30);
    }
    handle_all(h, true);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned n = h->existed[g] ? h->existed_from[g] : EVENTS; n < h->published; n++)
            if (h->fate[n] == ACKNOWLEDGED && h->delivered[g][n] == 0)
                broken(h, "never delivered", n);
}

static void run_history(uint64_t seed, bool loud)
{
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->seed = seed;
    h->loud = loud;
    h->clean = true;
    random_seed(&h->random, seed);
    kit_begin(&h->kit, seed, NULL);
    for (int i = 0; i < STEPS; i++) {
        unsigned group = (unsigned)random_below(&h->random, GROUPS),
                 member = (unsigned)random_below(&h->random, MEMBERS);
        switch (random_below(&h->random, 16)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
        case 5:
            publish(h);
            break;
        case 6:
        case 7:
            open_member(h, group, member);
            break;
        case 8:
            close_member(h, group, member);
            break;
        case 9:
            down(h, random_below(&h->random, 2) == 0);
            break;
        case 10:
            if (random_below(&h->random, 2) == 0)
                fault(h);
            break;
        case 11:
            say(h, "cut", 0, 0);
            h->unordered[0] = h->unordered[1] = true; /* what was held up too long went to another one */
            sim_cut(h->kit.system.sim, "client", "events", random_below(&h->random, 2) == 0);
            sim_run_for(h->kit.system.sim, (uint64_t)(2 * SECOND));
            sim_heal_all(h->kit.system.sim);
            break;
        case 12:
            settle(h, (uint64_t)(7 * SECOND)); /* past ack_wait */
            break;
        default:
            settle(h, (uint64_t)(300 * MILLISECOND));
        }
        if (!sim_running(h->kit.system.sim, "events"))
            start_again(h);
    }
    check_log(h);
    check_groups(h);
    down(h, false);
    check_log(h);
    for (unsigned g = 0; g < GROUPS; g++)
        for (unsigned i = 0; i < MEMBERS; i++)
            close_member(h, g, i);
    kit_end(&h->kit);
    free(h);
}

static void histories(void **state)
{
    (void)state;
    const char *alone = getenv("MODEL_SEED");
    if (alone) {
        run_history(strtoull(alone, NULL, 10), true);
        return;
    }
    for (uint64_t seed = 1; seed <= HISTORIES; seed++)
        run_history(seed, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(histories)};
    log_set_level(LOG_OFF);
    return cmocka_run_group_tests_name("events model", tests, NULL, NULL);
}
