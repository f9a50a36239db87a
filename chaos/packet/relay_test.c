/* The relay in virtual time: who gets a packet, what becomes of addresses and checksums, and what each fault does. */
#include "base/test.h"

#include "base/units.h"
#include "chaos/packet/relay.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define A        UINT32_C(0xc6120702)
#define B        UINT32_C(0xc6120703)
#define US       UINT32_C(0xc6120701)
#define LOOPBACK UINT32_C(0x7f000001)
#define DOOR     20002
#define SIZE     100 /* of most packets */
#define MS       ((uint64_t)MILLISECOND)
#define GOT_MAX  4096

struct got {
    uint64_t at;
    size_t len;
    uint8_t data[SIZE + 100];
};
struct end {
    struct fixture *fixture;
    struct packet_part *part;
    struct got got[GOT_MAX];
    size_t count;
};
struct fixture {
    struct sim *sim;
    struct world *world;
    struct packet_relay *relay;
    struct end a, b, us;
    struct packet_effect effect;
};

static void on_packet(void *arg, struct bytes packet)
{
    struct end *e = arg;
    assert_true(e->count < GOT_MAX);
    struct got *g = &e->got[e->count++];
    g->at = world_now(e->fixture->world);
    g->len = packet.len;
    memcpy(g->data, packet.data, packet.len < sizeof g->data ? packet.len : sizeof g->data);
}

static void join(struct fixture *x, struct end *e, const char *name, uint32_t address)
{
    e->fixture = x;
    assert_int_equal(packet_relay_join(x->relay, name, address, address == US, on_packet, e, &e->part, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    x->sim = sim_new(&(struct sim_options){.seed = 3});
    x->world = sim_node(x->sim, "relay");
    x->relay = packet_relay_new(x->world);
    join(x, &x->a, "a", A);
    join(x, &x->b, "b", B);
    join(x, &x->us, "client", US);
    assert_int_equal(packet_part_door(x->b.part, DOOR, NULL), 0);
    random_seed(&x->effect.random, 5);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    packet_relay_free(x->relay);
    sim_free(x->sim);
    free(x);
    return 0;
}

/* ---- packets ---- */

static uint32_t add_up(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)p[i] << (i % 2 == 0 ? 8 : 0);
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* RFC 793: over a header of addresses, protocol and length as well. */
static uint16_t tcp_sum(const uint8_t *p, size_t len)
{
    return fold(add_up(p + 20, len - 20, add_up(p + 12, 8, 6 + (uint32_t)len - 20)));
}

static void put(uint8_t *p, size_t bytes, uint32_t value)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* A TCP segment with right checksums and its number as its content. */
static void make(uint8_t *p, size_t len, uint32_t from, uint32_t to, uint16_t port, uint32_t number)
{
    memset(p, 0, len);
    p[0] = 0x45;
    put(p + 2, 2, (uint32_t)len);
    p[8] = 64;
    p[9] = 6;
    put(p + 12, 4, from);
    put(p + 16, 4, to);
    put(p + 10, 2, fold(add_up(p, 20, 0)));
    put(p + 20, 2, 40000);
    put(p + 22, 2, port);
    p[32] = 0x50;
    put(p + 40, 4, number);
    put(p + 36, 2, tcp_sum(p, len));
}

static void say(struct fixture *x, struct end *from, uint32_t source, uint32_t target, uint32_t number, size_t len)
{
    uint8_t packet[2000];
    (void)x;
    make(packet, len, source, target, DOOR, number);
    packet_relay_take(from->part, BYTES(packet, len));
}

static void a_to_b(struct fixture *x, uint32_t number)
{
    say(x, &x->a, A, LOOPBACK, number, SIZE);
}

static uint32_t number_of(const struct got *g)
{
    return (uint32_t)g->data[40] << 24 | (uint32_t)g->data[41] << 16 | (uint32_t)g->data[42] << 8 | g->data[43];
}

static bool right(const struct got *g)
{
    return fold(add_up(g->data, 20, 0)) == 0 && tcp_sum(g->data, g->len) == 0;
}

static void attach(struct fixture *x, const char *component, const char *peer, unsigned sides)
{
    assert_int_equal(packet_relay_attach(x->relay, &x->effect, component, peer, sides, NULL), 0);
}

static void detach(struct fixture *x)
{
    packet_relay_detach(x->relay, &x->effect);
}

static void pass(struct fixture *x, uint64_t time)
{
    assert_int_equal(world_sleep(x->world, time), 0);
}

/* ---- the tests ---- */

static void test_ways(void **state)
{
    struct fixture *x = *state;
    uint8_t packet[SIZE];
    a_to_b(x, 1);
    assert_int_equal(x->b.count, 1);
    make(packet, SIZE, A, LOOPBACK, DOOR, 1);
    assert_memory_equal(x->b.got[0].data, packet, SIZE); /* to the byte */
    say(x, &x->b, LOOPBACK, A, 2, SIZE);
    assert_int_equal(x->a.count, 1);
    /* Nobody has that door, or that address; one's own door does not lead out. */
    make(packet, SIZE, A, LOOPBACK, DOOR + 1, 1);
    packet_relay_take(x->a.part, BYTES(packet, SIZE));
    say(x, &x->a, A, B + 1, 1, SIZE);
    say(x, &x->b, B, LOOPBACK, 1, SIZE);
    assert_int_equal(packet_relay_counted(x->relay).strays, 3);
    /* Too short, of another length than it says, of another version. */
    packet_relay_take(x->a.part, BYTES(packet, 19));
    packet_relay_take(x->a.part, BYTES(packet, SIZE - 1));
    packet[0] = 0x65;
    packet_relay_take(x->a.part, BYTES(packet, SIZE));
    assert_int_equal(packet_relay_counted(x->relay).strays, 6);
    assert_int_equal(x->a.count + x->b.count + x->us.count, 2);
    struct error err = ERROR_INIT;
    struct packet_part *p;
    assert_int_equal(packet_part_door(x->a.part, DOOR, &err), ERROR_EXISTS);
    error_clear(&err);
    assert_int_equal(packet_relay_join(x->relay, "a", A + 9, false, on_packet, NULL, &p, &err), ERROR_EXISTS);
    error_clear(&err);
    assert_int_equal(packet_relay_attach(x->relay, &x->effect, "nobody", NULL, PACKET_BOTH, &err), ERROR_NOT_FOUND);
    error_clear(&err);
}

/* The outsider calls parts by addresses they do not listen on; what they hear and say has right checksums. */
static void test_outsider(void **state)
{
    struct fixture *x = *state;
    say(x, &x->us, US, B, 7, SIZE);
    assert_int_equal(x->b.count, 1);
    assert_memory_equal(x->b.got[0].data + 16, "\x7f\0\0\1", 4);
    assert_true(right(&x->b.got[0]) && number_of(&x->b.got[0]) == 7);
    say(x, &x->b, LOOPBACK, US, 8, SIZE);
    assert_int_equal(x->us.count, 1);
    assert_memory_equal(x->us.got[0].data + 12, "\xc6\x12\x07\x03", 4);
    assert_true(right(&x->us.got[0]) && number_of(&x->us.got[0]) == 8);
    /* UDP without a checksum keeps none; a piece that is not the first has none. */
    uint8_t packet[SIZE];
    make(packet, SIZE, US, B, DOOR, 9);
    packet[9] = 17;
    put(packet + 26, 2, 0);
    packet_relay_take(x->us.part, BYTES(packet, SIZE));
    assert_memory_equal(x->b.got[1].data + 26, "\0\0", 2);
    packet[9] = 6;
    put(packet + 6, 2, 1);
    packet_relay_take(x->us.part, BYTES(packet, SIZE));
    assert_memory_equal(x->b.got[2].data + 20, packet + 20, SIZE - 20);
}

static void test_delay(void **state)
{
    struct fixture *x = *state;
    x->effect.delay = 10 * MS;
    x->effect.jitter = 5 * MS;
    attach(x, "a", NULL, PACKET_SAYS);
    uint64_t began = world_now(x->world);
    for (uint32_t i = 0; i < 100; i++)
        a_to_b(x, i);
    say(x, &x->b, LOOPBACK, A, 1, SIZE); /* not what it hears */
    assert_int_equal(x->a.count, 1);
    assert_int_equal(x->b.count, 0);
    pass(x, 20 * MS);
    assert_int_equal(x->b.count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(number_of(&x->b.got[i]), i);
        assert_in_range(x->b.got[i].at - began, 10 * MS, 15 * MS + MS / 1000);
    }
    assert_int_equal(x->effect.hits, 100);
    /* What it holds leaves with it, in order. */
    a_to_b(x, 100);
    a_to_b(x, 101);
    detach(x);
    pass(x, 1);
    assert_int_equal(x->b.count, 102);
    assert_int_equal(number_of(&x->b.got[101]), 101);
}

static void test_rate(void **state)
{
    struct fixture *x = *state;
    x->effect.rate = 10000; /* a packet takes 10 ms */
    x->effect.queue = 50 * MS;
    attach(x, "b", "a", PACKET_BOTH);
    uint64_t began = world_now(x->world);
    for (uint32_t i = 0; i < 20; i++)
        a_to_b(x, i);
    say(x, &x->b, LOOPBACK, A, 1, SIZE); /* the other direction has a line of its own */
    pass(x, 500 * MS);
    assert_int_equal(x->b.count, 6); /* one on the line, 50 ms worth behind it */
    assert_int_equal(packet_relay_counted(x->relay).lost, 14);
    assert_in_range(x->b.got[5].at - began, 60 * MS, 61 * MS);
    assert_in_range(x->a.got[0].at - began, 10 * MS, 11 * MS);
}

static void test_loss(void **state)
{
    struct fixture *x = *state;
    x->effect.lose = PACKET_SHARE_ALL / 5;
    attach(x, "a", NULL, PACKET_SAYS);
    for (uint32_t i = 0; i < 4000; i++)
        a_to_b(x, i);
    assert_in_range(x->b.count, 3000, 3400);
    size_t holes = 0;
    for (size_t i = 1; i < x->b.count; i++)
        holes += number_of(&x->b.got[i]) != number_of(&x->b.got[i - 1]) + 1;
    assert_in_range(holes, 500, 800);
    /* As many, but ten in a row: a tenth of the holes. */
    x->effect.in_a_row = 10;
    x->b.count = 0;
    for (uint32_t i = 0; i < 4000; i++)
        a_to_b(x, i);
    assert_in_range(x->b.count, 2800, 3600);
    holes = 0;
    for (size_t i = 1; i < x->b.count; i++)
        holes += number_of(&x->b.got[i]) != number_of(&x->b.got[i - 1]) + 1;
    assert_in_range(holes, 30, 130);
    x->effect.lose = PACKET_SHARE_ALL;
    x->b.count = 0;
    for (uint32_t i = 0; i < 50; i++)
        a_to_b(x, i);
    assert_int_equal(x->b.count, 0);
}

static void test_others(void **state)
{
    struct fixture *x = *state;
    x->effect.twice = PACKET_SHARE_ALL;
    attach(x, "a", NULL, PACKET_SAYS);
    a_to_b(x, 1);
    assert_int_equal(x->b.count, 2);
    x->effect.twice = 0;
    x->effect.flip = PACKET_SHARE_ALL;
    x->b.count = 0;
    for (uint32_t i = 0; i < 200; i++)
        a_to_b(x, i);
    for (uint32_t i = 0; i < 200; i++) /* one bit never escapes, and the way is not changed */
        assert_true(fold(add_up(x->b.got[i].data, 20, 0)) == 0 && !right(&x->b.got[i]));
    x->effect.flip = 0;
    x->effect.late = PACKET_SHARE_ALL / 2;
    x->effect.by = MS;
    x->b.count = 0;
    for (uint32_t i = 0; i < 100; i++)
        a_to_b(x, i);
    pass(x, 2 * MS);
    assert_int_equal(x->b.count, 100);
    size_t overtaken = 0;
    for (size_t i = 1; i < 100; i++)
        overtaken += number_of(&x->b.got[i]) < number_of(&x->b.got[i - 1]);
    assert_true(overtaken > 0);
    x->effect.late = 0;
    x->effect.size_max = SIZE;
    x->b.count = 0;
    a_to_b(x, 1);
    say(x, &x->a, A, LOOPBACK, 2, SIZE + 1);
    assert_int_equal(x->b.count, 1);
    x->effect.cut = true;
    a_to_b(x, 3);
    assert_int_equal(x->b.count, 1);
    say(x, &x->us, US, B, 4, SIZE); /* others are not concerned */
    assert_int_equal(x->b.count, 2);
    detach(x);
    a_to_b(x, 5);
    assert_int_equal(x->b.count, 3);
}

/* What waits is bounded. */
static void test_full(void **state)
{
    struct fixture *x = *state;
    static uint8_t packet[60000];
    x->effect.delay = MS;
    attach(x, "a", NULL, PACKET_SAYS);
    make(packet, sizeof packet, A, LOOPBACK, DOOR, 1);
    size_t fits = PACKET_RELAY_HELD_MAX / sizeof packet;
    for (size_t i = 0; i < fits + 10; i++)
        packet_relay_take(x->a.part, BYTES(packet, sizeof packet));
    assert_int_equal(packet_relay_counted(x->relay).full, 10);
    pass(x, 2 * MS);
    assert_int_equal(x->b.count, fits);
    packet_relay_take(x->a.part, BYTES(packet, sizeof packet)); /* freed with the relay */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_ways), TEST(test_outsider), TEST(test_delay), TEST(test_rate),
                                       TEST(test_loss), TEST(test_others),   TEST(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
