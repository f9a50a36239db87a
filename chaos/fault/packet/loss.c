#include "chaos/fault/packet/packet.h"

enum { SHARE, ROW };

static const struct fault_parameter parameters[] = {
    {"share", "of the packets", FAULT_SHARE, 1, PACKET_SHARE_ALL, 10000, 200000},
    {"row", "lost one after the other, on average", FAULT_COUNT, 1, 1000, 1, 8},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.lose = (uint32_t)f->parameters[SHARE],
                                        .in_a_row = (uint32_t)f->parameters[ROW]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_loss = {
    PACKET_FAULT,
    .name = "packet-loss",
    .summary = "packets vanish, one by one or several in a row; TCP sends again",
    .parameters = parameters,
    .inject = inject,
};
