#include "chaos/fault/packet/packet.h"

enum { RATE, QUEUE };

static const struct fault_parameter parameters[] = {
    {"rate", "each way", FAULT_RATE, 1000, INT64_MAX / 2, 20000, 1000000},
    {"queue", "of what may wait, as the time it takes", FAULT_DURATION, MILLISECOND, MINUTE, 20 * MILLISECOND,
     400 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.rate = (uint64_t)f->parameters[RATE], .queue = (uint64_t)f->parameters[QUEUE]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_rate = {
    PACKET_FAULT,
    .name = "packet-rate",
    .summary = "a line of so many bytes a second each way, with a queue that overflows",
    .parameters = parameters,
    .inject = inject,
};
