#include "chaos/fault/packet/packet.h"

enum { SHARE, BY };

static const struct fault_parameter parameters[] = {
    {"share", "of the packets", FAULT_SHARE, 1, PACKET_SHARE_ALL, 50000, 400000},
    {"by", "held back", FAULT_DURATION, MICROSECOND, MINUTE, MILLISECOND, 20 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.late = (uint32_t)f->parameters[SHARE], .by = (uint64_t)f->parameters[BY]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_reorder = {
    PACKET_FAULT,
    .name = "packet-reorder",
    .summary = "packets are held back, so that what follows overtakes them",
    .parameters = parameters,
    .inject = inject,
};
