#include "chaos/fault/packet/packet.h"

#include "chaos/packet/networks.h"

#include <stdlib.h>

/* Of the range for measurements (RFC 2544), in a network of its own that goes again. */
#define TRIAL_ADDRESS UINT32_C(0xc6120001)
#define TRIAL_PORT    1

static void ignore(void *arg, struct bytes packet)
{
    (void)arg;
    (void)packet;
}

/* Whether this machine can do it is found out by doing it, once. */
static int try_network(struct world *w, struct error *err)
{
    static bool tried;
    const struct world_tun_config config = {.name = "try0", .address = TRIAL_ADDRESS, .prefix = 24, .packet = ignore};
    struct world_network *n = NULL;
    struct world_tun *tun = NULL;
    if (tried)
        return 0;
    int code = world_network_new(w, &n, err);
    if (code == 0)
        code = world_tun_open(w, n, &config, &tun, err);
    if (code == 0)
        code = world_network_send_out(w, n, TRIAL_PORT, err);
    world_tun_close(tun);
    world_network_free(n);
    tried = code == 0;
    return code;
}

int packet_possible(struct target *t, struct error *err)
{
    int code = try_network(t->world, err);
    return code != 0 || t->packets != NULL
               ? code
               : error_set(err, ERROR_UNSUPPORTED,
                           "the parts of %s share this machine's network: --network namespaces gives each one of "
                           "its own",
                           t->system);
}

int packet_inject(struct fault_injection *f, const struct packet_effect *shape, unsigned sides, struct error *err)
{
    struct packet_effect *e = malloc(sizeof *e);
    if (e == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *e = *shape;
    random_fork(&f->random, "packet", &e->random);
    f->state = e;
    return packet_relay_attach(packet_networks_relay(f->target->packets), e, f->component, f->peer, sides, err);
}

int packet_verify(struct fault_injection *f, struct error *err)
{
    const struct packet_effect *e = f->state;
    (void)err;
    if (e != NULL)
        f->hits = e->hits;
    return 0;
}

int packet_heal(struct fault_injection *f, struct error *err)
{
    (void)err;
    if (f->state != NULL)
        packet_relay_detach(packet_networks_relay(f->target->packets), f->state);
    free(f->state);
    f->state = NULL;
    return 0;
}
