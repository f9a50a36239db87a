#include "chaos/fault/packet/packet.h"

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.cut = true};
    return packet_inject(f, &shape, PACKET_SAYS, err);
}

const struct chaos_fault fault_packet_cut_out = {
    PACKET_FAULT,
    .name = "packet-cut-out",
    .summary = "what it says vanishes; what others say it hears",
    .inject = inject,
};
