/* The faults of packets and of the packet filter on two real processes, each in a network of its own, or both in the
 * machine's: injected, seen by the processes themselves and by what their kernels count, healed, and nothing left of
 * it. Needs root; without, it says why it cannot. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/fault/faults.h"
#include "chaos/fault/talker.h"
#include "chaos/packet/networks.h"
#include "world/machine.h"
#include "world/real.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT   20077
#define WITHIN ((uint64_t)(40 * SECOND))
#define WINDOW ((uint64_t)(400 * MILLISECOND)) /* in which TCP sends again what nobody has answered */
#define QUICK  20000                           /* us: half of what the delays below make of it */

struct talker {
    struct world_process *process;
    size_t lines, failures;
    int why;         /* of the last failure */
    long long first; /* what the first line says: of who listens, the port */
    long long least; /* us, since forget() */
    size_t quick;    /* messages, since forget() */
};

struct fixture {
    struct world *world;
    struct packet_networks *networks;
    struct target target;
    struct target_component b_is;
    struct fault_injection f;
    struct talker a, b; /* a talks to b */
    struct world_tcp_counts before[2];
    int port;
    char program[1024], address[32];
};

static void on_line(void *arg, int fd, struct bytes line)
{
    struct talker *t = arg;
    char text[64];
    long long took;
    int why;
    snprintf(text, sizeof text, "%.*s", (int)line.len, (const char *)line.data);
    if (fd != 1 || sscanf(text, "%lld %d", &took, &why) != 2)
        return;
    if (t->lines++ == 0)
        t->first = took;
    t->failures += why != 0 ? 1 : 0;
    t->why = why != 0 ? why : t->why;
    t->least = why == 0 && (t->least == 0 || took < t->least) ? took : t->least;
    t->quick += why == 0 && took <= QUICK ? 1 : 0;
}

static void start(struct fixture *x, struct talker *t, const char *name, const char *role)
{
    static const struct world_process_events events = {.output = on_line};
    char port[16];
    snprintf(port, sizeof port, "%d", x->port);
    const char *const argv[] = {x->program, role, port, NULL};
    const struct world_spawn spawn = {.name = name,
                                      .argv = argv,
                                      .whole_group = true,
                                      .network = x->networks != NULL ? packet_networks_of(x->networks, name) : NULL};
    assert_int_equal(world_process_spawn(x->world, &spawn, &events, t, &t->process, NULL), 0);
}

struct waiting {
    const struct talker *talker;
    size_t lines;
};

static bool has_said(void *arg)
{
    const struct waiting *w = arg;
    return w->talker->lines >= w->lines;
}

/* So many more messages went there and back. */
static bool goes_on(struct fixture *x, size_t lines, uint64_t within)
{
    struct waiting w = {&x->a, x->a.lines + lines};
    return world_run_until(x->world, has_said, &w, within) == 0;
}

static void count(struct fixture *x, struct world_tcp_counts out[2])
{
    assert_int_equal(world_network_counts(x->world, world_process_id(x->a.process), &out[0], NULL), 0);
    assert_int_equal(world_network_counts(x->world, world_process_id(x->b.process), &out[1], NULL), 0);
}

/* What the kernels of both have counted since the injection. */
static struct world_tcp_counts since(struct fixture *x, int which)
{
    struct world_tcp_counts now[2], *n = &now[which], *b = &x->before[which];
    count(x, now);
    return (struct world_tcp_counts){.sent = n->sent - b->sent,
                                     .received = n->received - b->received,
                                     .sent_again = n->sent_again - b->sent_again,
                                     .bad = n->bad - b->bad,
                                     .out_of_order = n->out_of_order - b->out_of_order,
                                     .seen_twice = n->seen_twice - b->seen_twice};
}

static void forget(struct fixture *x)
{
    x->a.least = 0;
    x->a.quick = 0;
}

static void inject(struct fixture *x, const char *name, const char *component, int64_t first, int64_t second)
{
    struct error err = ERROR_INIT;
    x->f = (struct fault_injection){.fault = fault_find(name), .target = &x->target, .component = component};
    assert_non_null(x->f.fault);
    random_seed(&x->f.random, 11);
    for (size_t i = 0; i < FAULT_PARAMETERS_MAX; i++)
        x->f.parameters[i] = INT64_MIN;
    x->f.parameters[0] = first;
    x->f.parameters[1] = second;
    fault_draw(&x->f);
    assert_int_equal(fault_possible(x->f.fault, &x->target, &err), 0);
    count(x, x->before);
    forget(x);
    if (x->f.fault->inject(&x->f, &err) != 0)
        fail_msg("%s: %s", name, err.message);
}

static bool is_quick(void *arg)
{
    return ((struct fixture *)arg)->a.quick >= 5;
}

/* Everything is as before: it took effect, and messages are quick again. Not each of them: the machine may be busy. */
static void heal(struct fixture *x)
{
    assert_int_equal(x->f.fault->verify(&x->f, NULL), 0);
    assert_true(x->f.hits > 0);
    assert_int_equal(x->f.fault->heal(&x->f, NULL), 0);
    forget(x);
    assert_int_equal(world_run_until(x->world, is_quick, x, WITHIN), 0);
}

/* No message comes back any more, and nothing reaches who is cut off, once what was under way has come: a process that
 * waits for its turn may tell of that late. */
static void falls_silent(struct fixture *x, bool a_hears, bool b_hears)
{
    const struct world_tcp_counts before[2] = {x->before[0], x->before[1]};
    bool silent = false, again = false; /* which takes as long as TCP thinks the way there and back takes */
    for (int i = 0; i < 40 && !(silent && again); i++) {
        count(x, x->before);
        silent =
            !goes_on(x, 1, WINDOW) && (a_hears || since(x, 0).received == 0) && (b_hears || since(x, 1).received == 0);
        memcpy(x->before, before, sizeof before);
        again = since(x, 0).sent_again + since(x, 1).sent_again > 0;
    }
    assert_true(silent && again);
}

/* ---- the tests ---- */

static bool impossible(struct fixture *x)
{
    if (x->networks != NULL)
        return false;
    struct error err = ERROR_INIT;
    int code = fault_possible(fault_find("packet-loss"), &x->target, &err);
    print_message("             not possible here: %s\n", err.message);
    assert_int_not_equal(code, 0);
    error_clear(&err);
    return true;
}

static void test_late(void **state)
{
    struct fixture *x = *state;
    if (impossible(x))
        return;
    inject(x, "packet-delay", "a", 20 * MILLISECOND, 5 * MILLISECOND);
    assert_true(goes_on(x, 4, WITHIN)); /* the first may have been under way */
    forget(x);
    assert_true(goes_on(x, 4, WITHIN));
    assert_true(x->a.least >= 40000);
    heal(x);
    inject(x, "packet-rate", "b", 400000, 100 * MILLISECOND);
    assert_true(goes_on(x, 2, WITHIN));
    forget(x);
    assert_true(goes_on(x, 3, WITHIN));
    assert_true(x->a.least >= 35000); /* 16 KiB there, while some of it comes back already */
    heal(x);
    inject(x, "packet-reorder", "a", PACKET_SHARE_ALL / 4, 2 * MILLISECOND);
    assert_true(goes_on(x, 20, WITHIN));
    assert_true(since(x, 0).out_of_order + since(x, 1).out_of_order > 0);
    heal(x);
    assert_int_equal(x->a.failures, 0); /* TCP copes with all of them */
}

static void test_lost(void **state)
{
    struct fixture *x = *state;
    if (impossible(x))
        return;
    inject(x, "packet-loss", "b", PACKET_SHARE_ALL / 10, 1);
    assert_true(goes_on(x, 12, WITHIN));
    assert_true(since(x, 0).sent_again + since(x, 1).sent_again > 0);
    heal(x);
    inject(x, "packet-corrupt", "a", PACKET_SHARE_ALL / 20, 1);
    assert_true(goes_on(x, 12, WITHIN));
    assert_true(since(x, 0).bad + since(x, 1).bad > 0);
    heal(x);
    inject(x, "packet-duplicate", "a", PACKET_SHARE_ALL / 2, INT64_MIN);
    assert_true(goes_on(x, 10, WITHIN));
    assert_true(since(x, 0).seen_twice + since(x, 1).seen_twice > 0);
    heal(x);
    assert_int_equal(x->a.failures, 0);
}

static void test_cut(void **state)
{
    struct fixture *x = *state;
    if (impossible(x))
        return;
    static const struct {
        const char *fault, *component;
        bool says, hears; /* whether packets of a reach b, and of b reach a */
    } cases[] = {
        {"packet-cut", "a", false, false},
        {"packet-cut-out", "a", false, true},
        {"packet-cut-in", "a", true, false},
        {"packet-size", "b", true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(goes_on(x, 2, WITHIN));
        inject(x, cases[i].fault, cases[i].component, 600, INT64_MIN);
        falls_silent(x, cases[i].hears, cases[i].says);
        heal(x);
    }
    assert_int_equal(x->a.failures, 0);
    /* Nobody new comes through either: connecting itself gets no answer. */
    inject(x, "packet-cut", "b", INT64_MIN, INT64_MIN);
    world_process_close(x->a.process);
    x->a = (struct talker){0};
    start(x, &x->a, "a", "talk");
    assert_true(goes_on(x, 1, WITHIN));
    assert_int_equal(x->a.failures, x->a.lines);
    heal(x);
}

/* ---- the kernel's filter ---- */

static bool no_filter(struct fixture *x)
{
    struct error err = ERROR_INIT;
    bool none = x->a.process == NULL || fault_possible(fault_find("filter-drop"), &x->target, &err) != 0;
    if (none)
        print_message("             not possible here: %s\n", err.message != NULL ? err.message : "no network");
    error_clear(&err);
    return none;
}

/* Tables of ours, in the machine's network. */
static int tables(void)
{
    char line[256];
    int count = 0;
    FILE *list = popen("nft list tables 2>&1", "r");
    assert_non_null(list);
    snprintf(line, sizeof line, " " UNDO_PREFIX "%d-", (int)getpid());
    for (char have[256]; fgets(have, sizeof have, list) != NULL;)
        count += strstr(have, line) != NULL ? 1 : 0;
    pclose(list);
    return count;
}

static bool is_refused(void *arg)
{
    return ((struct fixture *)arg)->a.why == ECONNREFUSED;
}

static void test_filter(void **state)
{
    struct fixture *x = *state;
    if (no_filter(x))
        return;
    assert_true(goes_on(x, 2, WITHIN));
    inject(x, "filter-drop", "b", 1000000, INT64_MIN);
    assert_int_equal(tables(), x->networks == NULL ? 1 : 0);
    falls_silent(x, true, true);
    heal(x);
    assert_int_equal(x->a.failures, 0);
    /* Between networks a message is a dozen packets; on one machine it is one, and the one before has used up what a
     * second lets through, unless the machine was busy for so long. */
    inject(x, "filter-limit", "b", x->networks != NULL ? 100 : 1, 1);
    assert_true(goes_on(x, 2, WITHIN));
    uint64_t end = world_now(x->world) + WITHIN;
    do {
        forget(x);
        assert_true(goes_on(x, 1, WITHIN));
    } while (x->a.least <= 50000 && x->a.failures == 0 && world_now(x->world) < end);
    assert_true(x->a.least > 50000 || x->a.failures > 0);
    heal(x);
    x->a.why = 0;
    inject(x, "filter-reject", "b", INT64_MIN, INT64_MIN);
    assert_int_equal(world_run_until(x->world, is_refused, x, WITHIN), 0); /* reset first, and nobody new comes in */
    heal(x);
    assert_int_equal(tables(), 0);
    assert_int_equal(undo_journal_open_steps(x->target.journal), 0);
}

/* ---- around them ---- */

static bool alive(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return true;
}

static struct fixture *fixture_new(void **state)
{
    static const struct target_operations operations = {.alive = alive};
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    assert_true(readlink("/proc/self/exe", x->program, sizeof x->program - 1) > 0);
    assert_int_equal(world_real_new(1, &x->world, NULL), 0);
    x->target =
        (struct target){.operations = &operations, .world = x->world, .system = "talkers", .driver = "processes"};
    x->port = PORT;
    x->b_is = (struct target_component){.name = "b", .address = x->address};
    x->target.components = &x->b_is;
    x->target.component_count = 1;
    *state = x;
    return x;
}

static void start_both(struct fixture *x)
{
    start(x, &x->b, "b", "listen");
    struct waiting w = {&x->b, 1};
    assert_int_equal(world_run_until(x->world, has_said, &w, WITHIN), 0);
    x->port = (int)x->b.first;
    snprintf(x->address, sizeof x->address, "127.0.0.1:%d", x->port);
    start(x, &x->a, "a", "talk");
    assert_true(goes_on(x, 10, WITHIN));
}

static int setup(void **state)
{
    struct fixture *x = fixture_new(state);
    struct error err = ERROR_INIT;
    if (fault_possible(fault_find("packet-loss"), &x->target, &err) != ERROR_UNSUPPORTED || !machine_is_root()) {
        error_clear(&err);
        return 0;
    }
    error_clear(&err);
    if (packet_networks_new(x->world, &x->networks, &err) != 0)
        fail_msg("%s", err.message);
    x->target.packets = x->networks;
    assert_int_equal(packet_networks_add(x->networks, "a", &err), 0);
    assert_int_equal(packet_networks_add(x->networks, "b", &err), 0);
    assert_int_equal(packet_networks_door(x->networks, "b", PORT, &err), 0);
    start_both(x);
    return 0;
}

/* Both in the machine's network, on whatever port is free. */
static int setup_shared(void **state)
{
    struct fixture *x = fixture_new(state);
    x->port = 0;
    start_both(x);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    world_process_close(x->a.process);
    world_process_close(x->b.process);
    packet_networks_free(x->networks);
    undo_journal_close(x->target.journal);
    world_real_free(x->world);
    free(x);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2)
        return talker_main(argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_late), TEST(test_lost), TEST(test_cut), TEST(test_filter),
                                       cmocka_unit_test_setup_teardown(test_filter, setup_shared, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
