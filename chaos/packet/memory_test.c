/* Every allocation of the relay, and of the networks where they can be had, fails once: an error that says so or a
 * packet that is lost, no leak, and everything is as before the next time. */
#include "base/test.h"

#include "base/failing.h"
#include "base/units.h"
#include "chaos/packet/networks.h"
#include "world/machine.h"
#include "world/real.h"
#include "world/sim.h"

#include <string.h>

#define WALK_MAX 2000
#define A        UINT32_C(0xc6120002)
#define B        UINT32_C(0xc6120003)
#define PACKETS  5

static size_t received;

static void on_packet(void *arg, struct bytes packet)
{
    (void)arg;
    assert_int_equal(packet.len, PACKET_HEADER_MIN);
    received++;
}

/* 0, or what failed. */
static int use_relay(struct world *w)
{
    static const uint8_t packet[PACKET_HEADER_MIN] = {
        0x45, 0, 0, PACKET_HEADER_MIN, 0, 0, 0, 0, 0, 0, 0, 0, 0xc6, 0x12, 0, 2, 0xc6, 0x12, 0, 3};
    struct packet_effect delay = {.delay = (uint64_t)MILLISECOND};
    struct packet_part *a, *b;
    struct packet_relay *r = packet_relay_new(w);
    received = 0;
    int code = r == NULL ? ERROR_MEMORY : packet_relay_join(r, "a", A, false, on_packet, NULL, &a, NULL);
    if (code == 0)
        code = packet_relay_join(r, "b", B, false, on_packet, NULL, &b, NULL);
    if (code == 0)
        code = packet_relay_attach(r, &delay, "a", NULL, PACKET_BOTH, NULL);
    for (int i = 0; code == 0 && i < PACKETS; i++)
        packet_relay_take(a, BYTES(packet, sizeof packet));
    if (code == 0) {
        (void)world_sleep(w, 2 * (uint64_t)MILLISECOND);
        packet_relay_detach(r, &delay);
        (void)world_sleep(w, 1);
        assert_int_equal(received + packet_relay_counted(r).full, PACKETS);
    }
    packet_relay_free(r);
    return code;
}

static void test_relay(void **state)
{
    bool hit = true;
    (void)state;
    for (size_t n = 1; hit; n++) {
        struct sim *s = sim_new(&(struct sim_options){.seed = 1});
        struct world *w = sim_node(s, "relay");
        assert_true(n < WALK_MAX);
        assert_int_equal(world_sleep(w, 1), 0); /* the simulation's own memory is not meant */
        failing_arm(n);
        int code = use_relay(w);
        hit = failing_hit();
        failing_disarm();
        assert_true(code == 0 || (hit && code == ERROR_MEMORY));
        assert_true(hit || received == PACKETS);
        sim_free(s);
    }
}

static int use_networks(struct world *w, struct error *err)
{
    struct packet_networks *n = NULL;
    int code = packet_networks_new(w, &n, err);
    if (code == 0)
        code = packet_networks_add(n, "a", err);
    if (code == 0)
        code = packet_networks_door(n, "a", 20001, err);
    if (code == 0)
        code = packet_networks_add(n, "b", err);
    packet_networks_free(n);
    return code;
}

static void test_networks(void **state)
{
    bool hit = true;
    struct world *w;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    if (use_networks(w, &err) != 0) {
        print_message("             skipped: %s\n", err.message);
        hit = false;
        assert_true(!machine_is_root() || err.code != ERROR_MEMORY);
    }
    error_clear(&err);
    for (size_t n = 1; hit; n++) {
        assert_true(n < WALK_MAX);
        failing_arm(n);
        int code = use_networks(w, &err);
        hit = failing_hit();
        failing_disarm();
        assert_true(code == 0 || (hit && code == ERROR_MEMORY));
        error_clear(&err);
    }
    world_real_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_relay), cmocka_unit_test(test_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
