#include "chaos/fault/packet/packet.h"

static const struct fault_parameter parameters[] = {
    {"share", "of the packets", FAULT_SHARE, 1, PACKET_SHARE_ALL, 50000, 500000},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.twice = (uint32_t)f->parameters[0]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_duplicate = {
    PACKET_FAULT,
    .name = "packet-duplicate",
    .summary = "packets come twice; TCP takes the first",
    .parameters = parameters,
    .inject = inject,
};
