#include "fuzz/loop/record.h"

#include <string.h>

static size_t parts_size(const struct record_head *h)
{
    return h->event_count * sizeof(struct fuzz_event) + h->feature_count * sizeof(uint64_t) +
           h->edge_count * (sizeof(uint32_t) + 1) + h->data_len;
}

size_t record_size(const struct record *r)
{
    return sizeof r->head + parts_size(&r->head);
}

/* Eight bytes at a time; not against anybody, only against stray writes. */
static uint64_t checksum(const uint8_t *data, size_t len)
{
    uint64_t sum = 0x9e3779b97f4a7c15 ^ len, word;
    for (; len >= 8; data += 8, len -= 8) {
        memcpy(&word, data, 8);
        sum = (sum ^ word) * 0xff51afd7ed558ccd;
        sum ^= sum >> 32;
    }
    for (; len > 0; data++, len--)
        sum = (sum ^ *data) * 0x100000001b3;
    return sum;
}

static void put(uint8_t **at, const void *data, size_t len)
{
    if (len)
        memcpy(*at, data, len);
    *at += len;
}

void record_write(const struct record *r, void *out)
{
    uint8_t *at = out;
    put(&at, &r->head, sizeof r->head);
    put(&at, r->events, r->head.event_count * sizeof *r->events);
    put(&at, r->features, r->head.feature_count * sizeof *r->features);
    put(&at, r->edges, r->head.edge_count * sizeof *r->edges);
    put(&at, r->classes, r->head.edge_count);
    put(&at, r->data, r->head.data_len);
    uint64_t check = checksum((uint8_t *)out + sizeof check, record_size(r) - sizeof check);
    memcpy(out, &check, sizeof check);
}

bool record_read(const void *in, size_t len, struct record *out)
{
    const uint8_t *at = in;
    if (len < sizeof out->head)
        return false;
    memcpy(&out->head, in, sizeof out->head);
    if (parts_size(&out->head) != len - sizeof out->head ||
        checksum(at + sizeof(uint64_t), len - sizeof(uint64_t)) != out->head.check)
        return false;
    out->events = (const void *)(at + sizeof out->head);
    out->features = (const void *)(out->events + out->head.event_count);
    out->edges = (const void *)(out->features + out->head.feature_count);
    out->classes = (const void *)(out->edges + out->head.edge_count);
    out->data = (const void *)(out->classes + out->head.edge_count);
    return true;
}

struct fuzz_case record_case(const struct record *r)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    /* Through memcpy: a case has no form that cannot be written to. */
    memcpy(&c.events.items, &r->events, sizeof r->events);
    memcpy(&c.data.data, &r->data, sizeof r->data);
    c.events.count = r->head.event_count;
    c.data.len = r->head.data_len;
    return c;
}

void record_set_case(struct record *r, const struct fuzz_case *c)
{
    r->events = c->events.items;
    r->data = c->data.data;
    r->head.event_count = (uint32_t)c->events.count;
    r->head.data_len = (uint32_t)c->data.len;
}
