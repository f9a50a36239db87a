#include "chaos/fault/packet/packet.h"

static const struct fault_parameter parameters[] = {
    {"size", "of the packet, with its headers", FAULT_SIZE, 64, 1500, 500, 1400},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.size_max = (size_t)f->parameters[0]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_size = {
    PACKET_FAULT,
    .name = "packet-size",
    .summary = "packets above a size vanish and nobody is told, as in a tunnel with a broken path MTU",
    .parameters = parameters,
    .inject = inject,
};
