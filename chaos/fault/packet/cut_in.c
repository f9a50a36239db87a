#include "chaos/fault/packet/packet.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.cut = true};
    return packet_inject(f, &shape, PACKET_HEARS, err);
}

const struct chaos_fault fault_packet_cut_in = {
    PACKET_FAULT,
    .name = "packet-cut-in",
    .summary = "what others say to it vanishes; what it says they hear",
    .inject = inject,
};
