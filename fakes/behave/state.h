/* What a behaving double remembers: per session and entity a table of items, found by key and walked in the order they
 * came. An item is one allocation: its key, the bytes of its message, and what is kept aside of it. Limits hold for all
 * sessions together. Not locked: the behaviour's lock stands around every use.
 *
 * Items are borrowed until the collection is next changed. */
#ifndef FAKES_BEHAVE_STATE_H
#define FAKES_BEHAVE_STATE_H

#include "base/bytes.h"
#include "base/map.h"
#include "base/text.h"

struct item {
    struct item *previous, *next;       /* in the order of making */
    uint64_t serial;                    /* the order of making, from 1, in its collection */
    uint64_t expires;                   /* ns since the epoch; 0: never */
    uint32_t key_len, visible_len, len; /* of the key; of the message; of message and what is aside */
    uint8_t data[];                     /* the key, then the rest */
};
static inline struct bytes item_key(const struct item *i)
{
    return BYTES(i->data, i->key_len);
}
static inline struct bytes item_message(const struct item *i)
{
    return BYTES(i->data + i->key_len, i->visible_len);
}
static inline struct bytes item_whole(const struct item *i) /* the message and what is aside, one behind the other */
{
    return BYTES(i->data + i->key_len, i->len);
}

struct collection {
    struct map items;
    struct item *first, *last;
    struct map unique; /* values that only one may have, as whoever keeps them spells them -> item */
    uint64_t made;     /* serials given */
    bool begun;        /* examples were put in, if any */
};
struct session {
    struct collection *collections; /* one an entity */
    struct map replies;             /* idempotency key -> struct remembered */
    char name[];
};
struct remembered {
    int status;
    size_t reply_len, message_len;
    uint8_t data[]; /* the reply, then the message */
};

struct state {
    struct map sessions;
    size_t collections; /* a session */
    size_t items, bytes;
    size_t items_max, bytes_max, sessions_max, replies_max;
};
void state_init(struct state *s, size_t collections);
void state_deinit(struct state *s);
void state_reset(struct state *s, const char *session); /* "" for all */

/* The session of that name, made when it is new. 0, ERROR_MEMORY or ERROR_LIMIT. */
int state_session(struct state *s, const char *name, struct session **out);
/* NULL: there is none, or it has expired (and is still kept, until somebody takes it out). */
struct item *behave_state_find(const struct collection *c, struct bytes key, uint64_t now);
/* A new item in the place of one of that key, whose serial it keeps. `whole` begins with `visible` bytes of message.
 * 0, ERROR_MEMORY or ERROR_LIMIT; then nothing has changed. */
int state_put(struct state *s, struct collection *c, struct bytes key, struct bytes whole, size_t visible,
              uint64_t expires, struct item **out);
void behave_state_remove(struct state *s, struct collection *c, struct item *i);
static inline bool item_expired(const struct item *i, uint64_t now)
{
    return i->expires != 0 && i->expires <= now;
}

struct remembered *state_remembered(const struct session *s, struct bytes key);
int state_remember(struct state *state, struct session *s, struct bytes key, int status, struct bytes reply,
                   struct bytes message);

#endif
