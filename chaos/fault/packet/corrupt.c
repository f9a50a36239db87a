#include "chaos/fault/packet/packet.h"

enum { SHARE, BITS };

static const struct fault_parameter parameters[] = {
    {"share", "of the packets", FAULT_SHARE, 1, PACKET_SHARE_ALL, 10000, 200000},
    {"bits", "of each; two may escape a checksum", FAULT_COUNT, 1, 64, 1, 1},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.flip = (uint32_t)f->parameters[SHARE], .bits = (uint32_t)f->parameters[BITS]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_corrupt = {
    PACKET_FAULT,
    .name = "packet-corrupt",
    .summary = "bits of packets turn over; their checksums tell, and TCP sends again",
    .parameters = parameters,
    .inject = inject,
};
