#include "chaos/packet/networks.h"

#include "base/array.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST        UINT32_C(0xc6120000) /* 198.18.0.0 */
#define NETWORKS     512                  /* of 8 bits, in 15 */
#define NETWORK_BITS 24
#define NETWORK_SIZE 256
#define OUTSIDE_HOST 1 /* parts come behind it */
#define TRIES        64
#define DEVICE       "net0"
#define NAME_MAX_LEN 16 /* of a device */

struct part {
    char *name;
    uint32_t address;
    struct world_network *network; /* NULL: the machine's */
    struct world_tun *tun;
    struct packet_part *place;
};
struct door {
    const struct part *part;
    uint16_t port;
};

struct packet_networks {
    struct world *world;
    struct packet_relay *relay;
    uint32_t base;
    ARRAY(struct part *) parts; /* the outside first */
    ARRAY(struct door) doors;
};

static void on_packet(void *arg, struct bytes packet)
{
    const struct part *p = arg;
    packet_relay_take(p->place, packet);
}

static void send_packet(void *arg, struct bytes packet)
{
    const struct part *p = arg;
    (void)world_tun_send(p->tun, packet);
}

/* ---- parts ---- */

static void part_free(struct part *p)
{
    world_tun_close(p->tun);
    world_network_free(p->network);
    free(p->name);
    free(p);
}

/* Takes the network, also on failure. */
static int add(struct packet_networks *n, const char *name, uint32_t host, struct world_network *network,
               const char *device, struct error *err)
{
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL) {
        world_network_free(network);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *p = (struct part){.name = strdup(name), .address = n->base + host, .network = network};
    const struct world_tun_config config = {
        .name = device, .address = p->address, .prefix = NETWORK_BITS, .packet = on_packet, .arg = p};
    int code = p->name == NULL || !array_grow(&n->parts) ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    if (code == 0)
        code = world_tun_open(n->world, network, &config, &p->tun, err);
    if (code == 0)
        code = packet_relay_join(n->relay, name, p->address, network == NULL, send_packet, p, &p->place, err);
    if (code == 0)
        n->parts.items[n->parts.count++] = p;
    else
        part_free(p);
    return code;
}

/* A network that nobody on this machine has: where the device's name is free, its addresses are. */
static int add_outside(struct packet_networks *n, struct error *err)
{
    int code = ERROR_EXISTS;
    for (int i = 0; code == ERROR_EXISTS && i < TRIES; i++) {
        uint64_t lot = 0;
        char device[NAME_MAX_LEN];
        if (err != NULL)
            error_clear(err);
        if ((code = world_entropy(n->world, &lot, sizeof lot)) != 0)
            return error_set(err, code, "no random number");
        lot %= NETWORKS;
        n->base = FIRST + (uint32_t)lot * NETWORK_SIZE;
        snprintf(device, sizeof device, "harrow-%" PRIu64, lot);
        code = add(n, PACKET_OUTSIDE, OUTSIDE_HOST, NULL, device, err);
    }
    return code;
}

int packet_networks_new(struct world *w, struct packet_networks **out, struct error *err)
{
    struct packet_networks *n = calloc(1, sizeof *n);
    if (n == NULL || (n->relay = packet_relay_new(w)) == NULL) {
        free(n);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    n->world = w;
    int code = add_outside(n, err);
    if (code != 0)
        packet_networks_free(n);
    else
        *out = n;
    return code;
}

void packet_networks_free(struct packet_networks *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->parts.count; i++)
        part_free(n->parts.items[i]);
    packet_relay_free(n->relay);
    array_deinit(&n->parts);
    array_deinit(&n->doors);
    free(n);
}

struct packet_relay *packet_networks_relay(struct packet_networks *n)
{
    return n->relay;
}

static struct part *find(const struct packet_networks *n, const char *name)
{
    for (size_t i = 0; i < n->parts.count; i++)
        if (strcmp(n->parts.items[i]->name, name) == 0)
            return n->parts.items[i];
    return NULL;
}

/* Who comes later finds the doors of those who were there, */
static int add_ways_out(struct packet_networks *n, const struct part *from, struct error *err)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < n->doors.count; i++)
        code = world_network_send_out(n->world, from->network, n->doors.items[i].port, err);
    return code;
}

int packet_networks_add(struct packet_networks *n, const char *name, struct error *err)
{
    struct world_network *network;
    int code = world_network_new(n->world, &network, err);
    if (code == 0)
        code = add(n, name, OUTSIDE_HOST + (uint32_t)n->parts.count, network, DEVICE, err);
    return code != 0 ? code : add_ways_out(n, *array_last(&n->parts), err);
}

/* and those who are there the new one. */
int packet_networks_door(struct packet_networks *n, const char *name, uint16_t port, struct error *err)
{
    struct part *p = find(n, name);
    if (p == NULL || p->network == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s has no network of its own", name);
    if (n->doors.count == PACKET_DOORS_MAX)
        return error_set(err, ERROR_LIMIT, "there are more than %d doors", PACKET_DOORS_MAX);
    int code = packet_part_door(p->place, port, err);
    if (code == 0 && !array_push(&n->doors, ((struct door){p, port})))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; code == 0 && i < n->parts.count; i++)
        if (n->parts.items[i] != p && n->parts.items[i]->network != NULL)
            code = world_network_send_out(n->world, n->parts.items[i]->network, port, err);
    return code;
}

const struct world_network *packet_networks_of(const struct packet_networks *n, const char *name)
{
    const struct part *p = find(n, name);
    return p != NULL ? p->network : NULL;
}

uint32_t packet_networks_address(const struct packet_networks *n, const char *name)
{
    const struct part *p = find(n, name);
    return p != NULL ? p->address : 0;
}
