#include "runtime/broker/lanes.h"

#include "proto/broker/broker.pb-c.h"
#include "wire/pb.h"

#include <stdio.h>
#include <stdlib.h>

struct message {
    size_t references, len;
    uint8_t data[];
};

/* A message waiting in a lane, or handed to a member of a queue and not yet gone. */
struct item {
    struct message *message;
    uint64_t end; /* of a member's: where in its call's bytes this one ends */
    struct item *next;
};
struct items {
    struct item *first, **end;
};

struct lane {
    struct lanes *lanes;
    struct topic *topic;
    char *queue; /* NULL: of one plain subscriber */
    struct items waiting;
    uint64_t count, bytes;    /* of what waits */
    uint64_t dropped;         /* and not told yet */
    struct lane_member *ring; /* whose turn is next; circular */
    struct lane *next, **back;
};

struct lane_member {
    struct lane *lane;
    struct rpc_call *call;
    struct items handed;
    uint64_t sent; /* bytes given to the call */
    struct lane_member *ring_next, *ring_back;
    struct lane_member *next, **back; /* of all */
};

struct topic {
    char *key;
    size_t key_len;
    struct lane *lanes;
};

void lanes_init(struct lanes *l, void (*cut_off)(struct rpc_call *call))
{
    *l = (struct lanes){.messages_max = LANES_MESSAGES_MAX, .bytes_max = LANES_BYTES_MAX, .cut_off = cut_off};
}

void lanes_deinit(struct lanes *l)
{
    map_deinit(&l->topics);
}

struct rpc_call *lane_member_call(const struct lane_member *m)
{
    return m->call;
}

/* ---- messages and items ----------------------------------------------------------------------------------------- */

static void message_release(struct lanes *l, struct message *m)
{
    if (--m->references > 0)
        return;
    l->memory -= m->len;
    free(m);
}

static void items_init(struct items *list)
{
    *list = (struct items){.first = NULL, .end = &list->first};
}

static bool items_push(struct items *list, struct message *m, uint64_t end)
{
    struct item *i = malloc(sizeof *i);
    if (!i)
        return false;
    *i = (struct item){.message = m, .end = end};
    m->references++;
    *list->end = i;
    list->end = &i->next;
    return true;
}

static void items_pop(struct lanes *l, struct items *list)
{
    struct item *i = list->first;
    list->first = i->next;
    if (!list->first)
        list->end = &list->first;
    message_release(l, i->message);
    free(i);
}

static void lane_pop(struct lane *lane)
{
    lane->count--;
    lane->bytes -= lane->waiting.first->message->len;
    items_pop(lane->lanes, &lane->waiting);
}

/* ---- handing over ----------------------------------------------------------------------------------------------- */

/* Forgets what has left this process. */
static void forget_gone(struct lane_member *m)
{
    uint64_t left = m->sent - rpc_call_queued(m->call);
    while (m->handed.first && m->handed.first->end <= left)
        items_pop(m->lane->lanes, &m->handed);
}

/* The wire form of one more header, to stand behind a packed message: maps of concatenated messages merge. */
static void add_header(struct text *out, const char *name, const char *value)
{
    uint8_t varint[10];
    size_t name_len = strlen(name), value_len = strlen(value); /* both below 124, so the lengths take a byte each */
    text_char(out, 1 << 3 | 2);
    text_add(out, varint, pb_varint_write(varint, 4 + name_len + value_len));
    text_char(out, 1 << 3 | 2);
    text_char(out, (char)name_len);
    text_add(out, name, name_len);
    text_char(out, 2 << 3 | 2);
    text_char(out, (char)value_len);
    text_add(out, value, value_len);
}

static int send_json(struct rpc_call *call, struct bytes packed)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int rc = pb_unpack(&broker__message__descriptor, packed, &arena, &message, NULL);
    if (rc == 0)
        rc = rpc_call_send(call, message);
    arena_deinit(&arena);
    return rc;
}

/* False: this member cannot be sent anything any more. */
static bool hand_over(struct lane_member *m, struct message *message)
{
    struct lane *lane = m->lane;
    struct bytes packed = BYTES(message->data, message->len);
    struct text marked = TEXT_INIT;
    if (lane->dropped > 0) {
        char count[24];
        snprintf(count, sizeof count, "%llu", (unsigned long long)lane->dropped);
        text_add(&marked, packed.data, packed.len);
        add_header(&marked, "Micro-Dropped", count);
        if (text_ok(&marked))
            packed = text_bytes(&marked);
    }
    size_t before = rpc_call_queued(m->call);
    int rc = rpc_call_json(m->call) ? send_json(m->call, packed) : rpc_call_send_bytes(m->call, packed);
    if (rc == 0) {
        if (!lane->dropped || packed.data != message->data)
            lane->dropped = 0;
        m->sent += rpc_call_queued(m->call) - before;
        if (lane->queue) {
            forget_gone(m);
            /* Without memory for it, it is not remembered: as with a plain subscriber, it may be lost on the way. */
            (void)items_push(&m->handed, message, m->sent);
        }
    }
    text_deinit(&marked);
    return rc == 0;
}

/* The next member in turn that can take a message; NULL: none can. */
static struct lane_member *next_member(struct lane *lane)
{
    struct lane_member *m = lane->ring;
    do {
        if (!rpc_call_cancelled(m->call) && !rpc_call_busy(m->call)) {
            lane->ring = m->ring_next;
            return m;
        }
        m = m->ring_next;
    } while (m != lane->ring);
    return NULL;
}

/* False: nobody can take it now. Out of memory is a reason too; the next message tries again. */
static bool give(struct lane *lane, struct message *message)
{
    struct lane_member *m = next_member(lane);
    return m && hand_over(m, message);
}

static void pump(struct lane *lane)
{
    while (lane->waiting.first && give(lane, lane->waiting.first->message))
        lane_pop(lane);
}

void lanes_writable(struct lane_member *m)
{
    pump(m->lane);
}

/* ---- publishing ------------------------------------------------------------------------------------------------- */

static void cut(struct lane_member *m)
{
    struct rpc_call *call = m->call;
    struct lanes *l = m->lane->lanes;
    l->cut++;
    lanes_leave(m);
    l->cut_off(call);
}

static void drop(struct lane *lane)
{
    lane->dropped++;
    lane->lanes->dropped++;
}

static void enqueue(struct lane *lane, struct message *message)
{
    const struct lanes *l = lane->lanes;
    while (lane->count > 0 && (lane->count >= l->messages_max || lane->bytes + message->len > l->bytes_max)) {
        if (!lane->queue && l->policy == LANES_CUT) {
            cut(lane->ring);
            return;
        }
        drop(lane);
        if (l->policy == LANES_DROP_NEWEST)
            return;
        lane_pop(lane);
    }
    if (!items_push(&lane->waiting, message, 0)) {
        if (lane->queue || l->policy != LANES_CUT)
            drop(lane);
        else
            cut(lane->ring);
        return;
    }
    lane->count++;
    lane->bytes += message->len;
}

int lanes_publish(struct lanes *l, struct bytes key, struct bytes packed)
{
    struct topic *topic = map_get_n(&l->topics, key.data, key.len);
    if (!topic)
        return 0;
    if (packed.len > LANES_MEMORY_MAX - l->memory)
        return ERROR_LIMIT;
    struct message *m = malloc(sizeof *m + packed.len);
    if (!m)
        return ERROR_MEMORY;
    *m = (struct message){.references = 1, .len = packed.len};
    memcpy(m->data, packed.data, packed.len);
    l->memory += packed.len;
    for (struct lane *lane = topic->lanes, *next; lane; lane = next) {
        next = lane->next; /* the lane may end here; the topic only goes when all have */
        pump(lane);
        if (lane->waiting.first || !give(lane, m))
            enqueue(lane, m);
    }
    message_release(l, m);
    return 0;
}

/* ---- coming and going ------------------------------------------------------------------------------------------- */

static struct topic *topic_of(struct lanes *l, struct bytes key)
{
    struct topic *t = map_get_n(&l->topics, key.data, key.len);
    if (t)
        return t;
    t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->key = malloc(key.len);
    if (!t->key || !map_put_n(&l->topics, key.data, key.len, t)) {
        free(t->key);
        free(t);
        return NULL;
    }
    memcpy(t->key, key.data, key.len);
    t->key_len = key.len;
    l->topic_count++;
    return t;
}

static void topic_release(struct lanes *l, struct topic *t)
{
    if (t->lanes)
        return;
    (void)map_remove_n(&l->topics, t->key, t->key_len);
    l->topic_count--;
    free(t->key);
    free(t);
}

static void lane_free(struct lane *lane)
{
    while (lane->waiting.first)
        lane_pop(lane);
    *lane->back = lane->next;
    if (lane->next)
        lane->next->back = lane->back;
    topic_release(lane->lanes, lane->topic);
    free(lane->queue);
    free(lane);
}

/* Lanes are kept in the order they came, so that messages go out in that order. */
static struct lane *lane_of(struct lanes *l, struct topic *t, const char *queue)
{
    struct lane **end = &t->lanes;
    for (; *end; end = &(*end)->next)
        if (*queue && (*end)->queue && strcmp((*end)->queue, queue) == 0)
            return *end;
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane && *queue && !(lane->queue = strdup(queue))) {
        free(lane);
        lane = NULL;
    }
    if (!lane)
        return NULL;
    lane->lanes = l;
    lane->topic = t;
    items_init(&lane->waiting);
    lane->back = end;
    *end = lane;
    return lane;
}

int lanes_join(struct lanes *l, struct bytes key, const char *queue, struct rpc_call *call, struct lane_member **out)
{
    if (l->member_count >= LANES_MEMBERS_MAX ||
        (l->topic_count >= LANES_TOPICS_MAX && !map_get_n(&l->topics, key.data, key.len)))
        return ERROR_LIMIT;
    struct lane_member *m = calloc(1, sizeof *m);
    struct topic *t = m ? topic_of(l, key) : NULL;
    struct lane *lane = t ? lane_of(l, t, queue) : NULL;
    if (!lane) {
        if (t)
            topic_release(l, t);
        free(m);
        return ERROR_MEMORY;
    }
    m->lane = lane;
    m->call = call;
    items_init(&m->handed);
    if (lane->ring) { /* its turn is last */
        m->ring_next = lane->ring;
        m->ring_back = lane->ring->ring_back;
        m->ring_back->ring_next = m;
        m->ring_next->ring_back = m;
    } else {
        lane->ring = m->ring_next = m->ring_back = m;
    }
    m->next = l->members;
    if (m->next)
        m->next->back = &m->next;
    m->back = &l->members;
    l->members = m;
    l->member_count++;
    *out = m;
    pump(lane);
    return 0;
}

/* What the member never sent goes first again, for the others. */
static void take_back(struct lane_member *m)
{
    struct lane *lane = m->lane;
    forget_gone(m);
    if (!m->handed.first)
        return;
    for (const struct item *i = m->handed.first; i; i = i->next) {
        lane->count++;
        lane->bytes += i->message->len;
    }
    *m->handed.end = lane->waiting.first;
    if (!lane->waiting.first)
        lane->waiting.end = m->handed.end;
    lane->waiting.first = m->handed.first;
    items_init(&m->handed);
}

void lanes_leave(struct lane_member *m)
{
    struct lane *lane = m->lane;
    struct lanes *l = lane->lanes;
    take_back(m);
    *m->back = m->next;
    if (m->next)
        m->next->back = m->back;
    l->member_count--;
    if (m->ring_next == m) {
        lane_free(lane);
    } else {
        m->ring_next->ring_back = m->ring_back;
        m->ring_back->ring_next = m->ring_next;
        if (lane->ring == m)
            lane->ring = m->ring_next;
        pump(lane);
    }
    free(m);
}
