#include "chaos/packet/relay.h"

#include "base/array.h"

#include <string.h>

#define LOOPBACK     UINT32_C(0x7f000001)
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define BEHIND_PORTS 4 /* bytes of a TCP or UDP header up to there */
#define TCP_CHECKSUM 16
#define UDP_CHECKSUM 6
#define IP_CHECKSUM  10
#define IP_SOURCE    12
#define IP_TARGET    16
#define BITS_IN_BYTE 8

struct packet_part {
    struct packet_relay *relay;
    char *name;
    uint32_t address;
    bool outsider;
    void (*send)(void *arg, struct bytes packet);
    void *arg;
};

struct attached {
    struct packet_effect *effect;
    const struct packet_part *component, *peer; /* peer NULL: everybody */
    unsigned sides;
};

/* A packet on its way, in a heap by the time it leaves. */
struct held {
    uint64_t at, sequence;
    const struct packet_part *to;
    const struct packet_effect *by; /* who holds it back */
    uint8_t *data;
    size_t len;
};

struct packet_relay {
    struct world *world;
    struct world_timer timer;
    ARRAY(struct packet_part *) parts;
    struct packet_part **doors; /* by port */
    struct attached attached[PACKET_RELAY_ATTACHED_MAX];
    size_t attached_count;
    ARRAY(struct held) heap;
    size_t held_bytes;
    uint64_t sequence;
    struct packet_relay_counts counts;
};

/* ---- bytes ---- */

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), for both halves of an address. */
static void mend_checksum(uint8_t *sum, uint32_t before, uint32_t after)
{
    uint32_t s = (uint16_t)~get16(sum);
    s += (uint16_t) ~(before >> 16);
    s += (uint16_t)~before;
    s += (uint16_t)(after >> 16);
    s += (uint16_t)after;
    while (s >> 16 != 0)
        s = (s & 0xffff) + (s >> 16);
    put16(sum, (uint16_t)~s);
}

static size_t header_size(const uint8_t *packet)
{
    return (size_t)(packet[0] & 0xf) * 4;
}

/* Behind the first piece of a larger packet there are no ports. */
static bool has_ports(struct bytes p)
{
    size_t header = header_size(p.data);
    return (p.data[9] == PROTOCOL_TCP || p.data[9] == PROTOCOL_UDP) && (get16(p.data + 6) & 0x1fff) == 0 &&
           p.len >= header + BEHIND_PORTS;
}

/* The address at `at` (source or target) becomes another. */
static void readdress(uint8_t *packet, size_t len, size_t at, uint32_t address)
{
    uint32_t before = get32(packet + at);
    size_t header = header_size(packet);
    size_t sum = header + (packet[9] == PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
    mend_checksum(packet + IP_CHECKSUM, before, address);
    /* UDP may leave it out, as 0. */
    if (has_ports(BYTES(packet, len)) && sum + 2 <= len && (packet[9] == PROTOCOL_TCP || get16(packet + sum) != 0))
        mend_checksum(packet + sum, before, address);
    put16(packet + at, address >> 16);
    put16(packet + at + 2, address & 0xffff);
}

/* ---- the heap ---- */

static bool earlier(const struct held *a, const struct held *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void sift_down(struct packet_relay *r, size_t i)
{
    struct held *h = r->heap.items;
    for (;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t child = left; child < left + 2 && child < r->heap.count; child++)
            if (earlier(&h[child], &h[least]))
                least = child;
        if (least == i)
            return;
        struct held swap = h[i];
        h[i] = h[least];
        h[least] = swap;
        i = least;
    }
}

static void set_timer(struct packet_relay *r)
{
    world_timer_stop(&r->timer);
    if (r->heap.count == 0)
        return;
    uint64_t now = world_now(r->world), at = r->heap.items[0].at;
    /* Without a timer it leaves with the next packet that comes. */
    (void)world_timer_start(&r->timer, at > now ? at - now : 0);
}

static void hand_over(struct packet_relay *r, const struct packet_part *to, struct bytes packet)
{
    r->counts.packets++;
    r->counts.bytes += packet.len;
    to->send(to->arg, packet);
}

/* All whose time has come. */
static void on_time(void *arg)
{
    struct packet_relay *r = arg;
    while (r->heap.count > 0 && r->heap.items[0].at <= world_now(r->world)) {
        struct held first = r->heap.items[0];
        r->heap.items[0] = array_pop(&r->heap);
        sift_down(r, 0);
        r->held_bytes -= first.len;
        hand_over(r, first.to, BYTES(first.data, first.len));
        free(first.data);
    }
    set_timer(r);
}

static void hold(struct packet_relay *r, const struct packet_part *to, struct bytes packet, uint64_t at,
                 const struct packet_effect *by)
{
    uint8_t *copy = r->held_bytes + packet.len <= PACKET_RELAY_HELD_MAX ? malloc(packet.len) : NULL;
    if (copy == NULL || !array_grow(&r->heap)) {
        free(copy);
        r->counts.full++;
        return;
    }
    memcpy(copy, packet.data, packet.len);
    struct held h = {.at = at, .sequence = r->sequence++, .to = to, .by = by, .data = copy, .len = packet.len};
    size_t i = r->heap.count++;
    for (; i > 0 && earlier(&h, &r->heap.items[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap.items[i] = r->heap.items[(i - 1) / 2];
    r->heap.items[i] = h;
    r->held_bytes += packet.len;
    if (i == 0 || !world_timer_active(&r->timer))
        set_timer(r);
}

/* ---- what faults do ---- */

struct fate {
    uint64_t at; /* when it leaves */
    const struct packet_effect *held_by;
    bool lost, twice;
    uint32_t bits; /* to turn over */
    struct random *lots;
};

static bool lot(struct packet_effect *e, uint32_t share)
{
    return share > 0 && random_below(&e->random, PACKET_SHARE_ALL) < share;
}

/* Two states: in the one everything is lost, and it is left with a chance of one in `in_a_row`; into it leads what
 * makes the share come out right over time (Gilbert, Capacity of a Burst-Noise Channel, 1960). */
static bool loses(struct packet_effect *e, int side)
{
    uint64_t row = e->in_a_row > 1 ? e->in_a_row : 0;
    if (e->lose == 0 || row == 0)
        return lot(e, e->lose);
    if (e->losing[side]) {
        e->losing[side] = random_below(&e->random, row) != 0;
    } else if (e->lose < PACKET_SHARE_ALL) {
        uint64_t kept = (uint64_t)PACKET_SHARE_ALL - e->lose;
        e->losing[side] = random_below(&e->random, kept * row) < e->lose;
    }
    return e->losing[side] || e->lose >= PACKET_SHARE_ALL;
}

/* The line takes one packet after the other. */
static void slow_down(struct packet_effect *e, int side, size_t len, struct fate *f)
{
    uint64_t start = e->line[side] > f->at ? e->line[side] : f->at;
    uint64_t takes = (uint64_t)len * UINT64_C(1000000000) / e->rate;
    if (start - f->at > e->queue) {
        f->lost = true;
        return;
    }
    e->line[side] = start + takes;
    f->at = e->line[side];
    f->held_by = e;
}

static bool touch(struct packet_effect *e, int side, size_t len, struct fate *f)
{
    if (e->cut || (e->size_max > 0 && len > e->size_max) || loses(e, side)) {
        f->lost = true;
        return true;
    }
    uint64_t before = f->at;
    bool touched = false;
    if (e->rate > 0)
        slow_down(e, side, len, f);
    if (f->lost)
        return true;
    if (e->delay + e->jitter > 0) {
        f->at += e->delay + random_below(&e->random, e->jitter + 1);
        f->at = f->at < e->last[side] ? e->last[side] : f->at;
        e->last[side] = f->at;
    }
    if (lot(e, e->late))
        f->at += e->by;
    if (f->at > before) {
        f->held_by = e;
        touched = true;
    }
    if (lot(e, e->twice))
        f->twice = touched = true;
    if (lot(e, e->flip)) {
        f->bits = e->bits > 0 ? e->bits : 1;
        f->lots = &e->random;
        touched = true;
    }
    return touched;
}

static void turn_bits(uint8_t *packet, size_t len, const struct fate *f)
{
    size_t header = header_size(packet);
    for (uint32_t i = 0; i < f->bits && len > header; i++) {
        uint64_t bit = random_below(f->lots, (len - header) * BITS_IN_BYTE);
        packet[header + bit / BITS_IN_BYTE] ^= (uint8_t)(1U << bit % BITS_IN_BYTE);
    }
}

static struct fate decide(struct packet_relay *r, const struct packet_part *from, const struct packet_part *to,
                          size_t len)
{
    struct fate f = {.at = world_now(r->world)};
    for (size_t i = 0; i < r->attached_count && !f.lost; i++) {
        const struct attached *a = &r->attached[i];
        bool says = a->component == from && (a->peer == NULL || a->peer == to) && (a->sides & PACKET_SAYS) != 0;
        bool hears = a->component == to && (a->peer == NULL || a->peer == from) && (a->sides & PACKET_HEARS) != 0;
        if ((says || hears) && touch(a->effect, says ? 0 : 1, len, &f))
            a->effect->hits++;
    }
    return f;
}

/* ---- on the way ---- */

static struct packet_part *by_address(const struct packet_relay *r, uint32_t address)
{
    for (size_t i = 0; i < r->parts.count; i++)
        if (r->parts.items[i]->address == address)
            return r->parts.items[i];
    return NULL;
}

static struct packet_part *find_target(const struct packet_relay *r, struct bytes packet)
{
    uint32_t address = get32(packet.data + IP_TARGET);
    if (address != LOOPBACK)
        return by_address(r, address);
    return has_ports(packet) ? r->doors[get16(packet.data + header_size(packet.data) + 2)] : NULL;
}

void packet_relay_take(struct packet_part *from, struct bytes packet)
{
    struct packet_relay *r = from->relay;
    uint8_t own[UINT16_MAX];
    bool whole = packet.len >= PACKET_HEADER_MIN && packet.len <= sizeof own && packet.data[0] >> 4 == 4 &&
                 header_size(packet.data) >= PACKET_HEADER_MIN && header_size(packet.data) <= packet.len &&
                 get16(packet.data + 2) == packet.len;
    struct packet_part *to = whole ? find_target(r, packet) : NULL;
    if (to == NULL || to == from) {
        r->counts.strays++;
        return;
    }
    struct fate f = decide(r, from, to, packet.len);
    if (f.lost) {
        r->counts.lost++;
        return;
    }
    if (from->outsider || to->outsider || f.bits > 0) {
        memcpy(own, packet.data, packet.len);
        packet.data = own;
        if (from->outsider)
            readdress(own, packet.len, IP_TARGET, LOOPBACK);
        else if (to->outsider && get32(own + IP_SOURCE) == LOOPBACK)
            readdress(own, packet.len, IP_SOURCE, from->address);
        turn_bits(own, packet.len, &f);
    }
    bool now = f.at <= world_now(r->world);
    for (int i = 0; i < (f.twice ? 2 : 1); i++) {
        if (now)
            hand_over(r, to, packet);
        else
            hold(r, to, packet, f.at, f.held_by);
    }
}

/* ---- who takes part ---- */

struct packet_relay *packet_relay_new(struct world *w)
{
    struct packet_relay *r = calloc(1, sizeof *r);
    if (r == NULL || (r->doors = calloc((size_t)UINT16_MAX + 1, sizeof *r->doors)) == NULL) {
        free(r);
        return NULL;
    }
    r->world = w;
    world_timer_init(&r->timer, w, on_time, r);
    return r;
}

void packet_relay_free(struct packet_relay *r)
{
    if (r == NULL)
        return;
    world_timer_stop(&r->timer);
    for (size_t i = 0; i < r->heap.count; i++)
        free(r->heap.items[i].data);
    for (size_t i = 0; i < r->parts.count; i++) {
        free(r->parts.items[i]->name);
        free(r->parts.items[i]);
    }
    array_deinit(&r->heap);
    array_deinit(&r->parts);
    free(r->doors);
    free(r);
}

static struct packet_part *by_name(const struct packet_relay *r, const char *name)
{
    for (size_t i = 0; i < r->parts.count; i++)
        if (strcmp(r->parts.items[i]->name, name) == 0)
            return r->parts.items[i];
    return NULL;
}

int packet_relay_join(struct packet_relay *r, const char *name, uint32_t address, bool outsider,
                      void (*send)(void *arg, struct bytes packet), void *arg, struct packet_part **out,
                      struct error *err)
{
    if (by_name(r, name) != NULL || by_address(r, address) != NULL)
        return error_set(err, ERROR_EXISTS, "the network has a part \"%s\", or its address, already", name);
    if (r->parts.count == PACKET_RELAY_PARTS_MAX)
        return error_set(err, ERROR_LIMIT, "the network has %d parts, and no room for more", PACKET_RELAY_PARTS_MAX);
    struct packet_part *p = malloc(sizeof *p);
    char *copy = strdup(name);
    if (p == NULL || copy == NULL || !array_push(&r->parts, p)) {
        free(p);
        free(copy);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *p = (struct packet_part){
        .relay = r, .name = copy, .address = address, .outsider = outsider, .send = send, .arg = arg};
    *out = p;
    return 0;
}

int packet_part_door(struct packet_part *p, uint16_t port, struct error *err)
{
    struct packet_part **door = &p->relay->doors[port];
    if (*door != NULL && *door != p)
        return error_set(err, ERROR_EXISTS, "port %d is a door of %s as well as of %s", port, (*door)->name, p->name);
    *door = p;
    return 0;
}

struct packet_relay_counts packet_relay_counted(const struct packet_relay *r)
{
    return r->counts;
}

size_t packet_relay_parts(const struct packet_relay *r)
{
    return r->parts.count;
}

bool packet_relay_has(const struct packet_relay *r, const char *name)
{
    return by_name(r, name) != NULL;
}

/* ---- faults come and go ---- */

int packet_relay_attach(struct packet_relay *r, struct packet_effect *e, const char *component, const char *peer,
                        unsigned sides, struct error *err)
{
    const struct packet_part *c = by_name(r, component), *p = peer != NULL ? by_name(r, peer) : NULL;
    if (c == NULL || (peer != NULL && p == NULL))
        return error_set(err, ERROR_NOT_FOUND, "%s has no network of its own", c == NULL ? component : peer);
    if (r->attached_count == PACKET_RELAY_ATTACHED_MAX)
        return error_set(err, ERROR_LIMIT, "%d faults are on the network already", PACKET_RELAY_ATTACHED_MAX);
    r->attached[r->attached_count++] = (struct attached){.effect = e, .component = c, .peer = p, .sides = sides};
    return 0;
}

void packet_relay_detach(struct packet_relay *r, struct packet_effect *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->attached_count; i++)
        if (r->attached[i].effect != e)
            r->attached[kept++] = r->attached[i];
    r->attached_count = kept;
    uint64_t now = world_now(r->world);
    for (size_t i = 0; i < r->heap.count; i++)
        if (r->heap.items[i].by == e) {
            r->heap.items[i].at = r->heap.items[i].at < now ? r->heap.items[i].at : now;
            r->heap.items[i].by = NULL;
        }
    for (size_t i = r->heap.count / 2; i-- > 0;)
        sift_down(r, i);
    set_timer(r);
}
