#include "chaos/fault/packet/packet.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.cut = true};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_cut = {
    PACKET_FAULT,
    .name = "packet-cut",
    .summary = "no packet comes or goes",
    .inject = inject,
};
