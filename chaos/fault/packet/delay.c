#include "chaos/fault/packet/packet.h"

enum { DELAY, JITTER };

static const struct fault_parameter parameters[] = {
    {"delay", "each way", FAULT_DURATION, 0, MINUTE, 5 * MILLISECOND, 200 * MILLISECOND},
    {"jitter", "added, up to this much", FAULT_DURATION, 0, MINUTE, 0, 50 * MILLISECOND},
    {0},
};

static int inject(struct fault_injection *f, struct error *err)
{
    const struct packet_effect shape = {.delay = (uint64_t)f->parameters[DELAY],
                                        .jitter = (uint64_t)f->parameters[JITTER]};
    return packet_inject(f, &shape, PACKET_BOTH, err);
}

const struct chaos_fault fault_packet_delay = {
    PACKET_FAULT,     .name = "packet-delay", .summary = "packets come later, in their order", .parameters = parameters,
    .inject = inject,
};
