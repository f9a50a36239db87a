/* Packets of any content from three parts, with faults that come and go and time that passes, all from the input:
 * nothing crashes, what comes out is a packet that went in (its addresses, checksums and turned bits apart), and once
 * the faults have gone nothing is held back. */
#include "base/units.h"
#include "chaos/packet/relay.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define PARTS    3
#define EFFECTS  3
#define LOOPBACK UINT32_C(0x7f000001)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at, *end;
};

static size_t sent, received;

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void on_packet(void *arg, struct bytes packet)
{
    (void)arg;
    if (packet.len < PACKET_HEADER_MIN || packet.data[0] >> 4 != 4)
        abort();
    received++;
}

/* Half of them with a header that leads somewhere. */
static void send_one(struct input *in, struct packet_part *const *parts)
{
    uint8_t packet[600] = {0};
    size_t from = take(in) % PARTS, len = take(in) * 2;
    bool sound = (take(in) & 1) != 0;
    for (size_t i = 0; i < len; i++)
        packet[i] = take(in);
    if (sound && len >= PACKET_HEADER_MIN + 4) {
        const uint8_t head[] = {0x45, 0, (uint8_t)(len >> 8), (uint8_t)len};
        memcpy(packet, head, sizeof head);
        packet[9] = 6;
        memcpy(packet + 16, (packet[19] & 1) != 0 ? "\x7f\0\0\1" : "\xc6\x12\0\3", 4);
        packet[PACKET_HEADER_MIN + 2] = 0;
    }
    sent++;
    packet_relay_take(parts[from], BYTES(packet, len));
}

static void change(struct input *in, struct packet_relay *r, struct packet_effect *e)
{
    static const char *const names[PARTS] = {"a", "b", "client"};
    packet_relay_detach(r, e);
    uint8_t what = take(in);
    *e = (struct packet_effect){.cut = (what & 1) != 0,
                                .lose = (what & 2) != 0 ? take(in) * 4000U : 0,
                                .in_a_row = take(in),
                                .twice = (what & 4) != 0 ? take(in) * 4000U : 0,
                                .flip = (what & 8) != 0 ? take(in) * 4000U : 0,
                                .bits = take(in),
                                .late = (what & 16) != 0 ? take(in) * 4000U : 0,
                                .by = take(in) * (uint64_t)MILLISECOND,
                                .delay = (what & 32) != 0 ? take(in) * (uint64_t)MILLISECOND : 0,
                                .jitter = (what & 32) != 0 ? take(in) * (uint64_t)MILLISECOND : 0,
                                .rate = (what & 64) != 0 ? 1U + take(in) * 100U : 0,
                                .queue = take(in) * (uint64_t)MILLISECOND,
                                .size_max = (what & 128) != 0 ? take(in) * 2U : 0};
    random_seed(&e->random, take(in));
    uint8_t whom = take(in);
    (void)packet_relay_attach(r, e, names[whom % PARTS], (whom & 64) != 0 ? names[whom / 4 % PARTS] : NULL, whom >> 6,
                              NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim != NULL ? sim_node(sim, "relay") : NULL;
    struct packet_relay *r = w != NULL ? packet_relay_new(w) : NULL;
    struct packet_part *parts[PARTS];
    struct packet_effect effects[EFFECTS] = {0};
    if (r == NULL || packet_relay_join(r, "a", 0xc6120002, false, on_packet, NULL, &parts[0], NULL) != 0 ||
        packet_relay_join(r, "b", 0xc6120003, false, on_packet, NULL, &parts[1], NULL) != 0 ||
        packet_relay_join(r, "client", 0xc6120001, true, on_packet, NULL, &parts[2], NULL) != 0)
        abort();
    for (uint16_t port = 0; port < 256; port++)
        (void)packet_part_door(parts[port % 2], port, NULL);
    sent = received = 0;
    while (in.at < in.end) {
        uint8_t what = take(&in);
        if (what < 160)
            send_one(&in, parts);
        else if (what < 200)
            change(&in, r, &effects[what % EFFECTS]);
        else
            (void)world_sleep(w, take(&in) * (uint64_t)MILLISECOND);
    }
    for (size_t i = 0; i < EFFECTS; i++)
        packet_relay_detach(r, &effects[i]);
    (void)world_sleep(w, 1);
    struct packet_relay_counts c = packet_relay_counted(r);
    /* Each was passed on, once or twice, or is counted as something else. */
    if (c.packets != received || received + c.lost + c.strays + c.full < sent || received > 2 * sent)
        abort();
    packet_relay_free(r);
    sim_free(sim);
    return 0;
}
