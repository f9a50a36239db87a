#include "fakes/behave/state.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

void state_init(struct state *s, size_t collections)
{
    *s = (struct state){.collections = collections};
}

static void session_free(struct state *s, struct session *session)
{
    for (size_t i = 0; i < s->collections; i++) {
        struct collection *c = &session->collections[i];
        while (c->first) {
            struct item *next = c->first->next;
            s->items--;
            s->bytes -= c->first->key_len + c->first->len;
            free(c->first);
            c->first = next;
        }
        map_deinit(&c->items);
        map_deinit(&c->unique);
    }
    for (struct map_entry *e = map_first(&session->replies); e; e = map_next(e)) {
        struct remembered *r = map_value(e);
        s->bytes -= r->reply_len + r->message_len;
        free(r);
    }
    map_deinit(&session->replies);
    free(session->collections);
    free(session);
}

void state_reset(struct state *s, const char *name)
{
    if (*name) {
        struct session *session = map_remove(&s->sessions, name);
        if (session)
            session_free(s, session);
        return;
    }
    for (struct map_entry *e = map_first(&s->sessions); e; e = map_next(e))
        session_free(s, map_value(e));
    map_deinit(&s->sessions);
    s->sessions = MAP_INIT;
}

void state_deinit(struct state *s)
{
    state_reset(s, "");
}

int state_session(struct state *s, const char *name, struct session **out)
{
    *out = map_get(&s->sessions, name);
    if (*out)
        return 0;
    if (map_count(&s->sessions) >= s->sessions_max)
        return ERROR_LIMIT;
    size_t len = strlen(name);
    struct session *session = calloc(1, sizeof *session + len + 1);
    if (session == NULL)
        return ERROR_MEMORY;
    memcpy(session->name, name, len + 1);
    session->collections = calloc(s->collections ? s->collections : 1, sizeof *session->collections);
    if (session->collections == NULL || !map_put(&s->sessions, name, session)) {
        free(session->collections);
        free(session);
        return ERROR_MEMORY;
    }
    *out = session;
    return 0;
}

struct item *behave_state_find(const struct collection *c, struct bytes key, uint64_t now)
{
    struct item *i = map_get_n(&c->items, key.data, key.len);
    return i && !item_expired(i, now) ? i : NULL;
}

int state_put(struct state *s, struct collection *c, struct bytes key, struct bytes whole, size_t visible,
              uint64_t expires, struct item **out)
{
    struct item *old = map_get_n(&c->items, key.data, key.len);
    size_t before = old ? old->key_len + old->len : 0;
    if ((!old && s->items >= s->items_max) || s->bytes - before + key.len + whole.len > s->bytes_max)
        return ERROR_LIMIT;
    struct item *i = malloc(sizeof *i + key.len + whole.len);
    if (i == NULL)
        return ERROR_MEMORY;
    *i = (struct item){
        .expires = expires, .key_len = (uint32_t)key.len, .visible_len = (uint32_t)visible, .len = (uint32_t)whole.len};
    if (key.len)
        memcpy(i->data, key.data, key.len);
    if (whole.len)
        memcpy(i->data + key.len, whole.data, whole.len);
    if (!map_put_n(&c->items, i->data, key.len, i)) {
        free(i);
        return ERROR_MEMORY;
    }
    if (old) {
        i->serial = old->serial;
        i->previous = old->previous;
        i->next = old->next;
    } else {
        i->serial = ++c->made;
        i->previous = c->last;
        s->items++;
    }
    *(i->previous ? &i->previous->next : &c->first) = i;
    *(i->next ? &i->next->previous : &c->last) = i;
    s->bytes = s->bytes - before + key.len + whole.len;
    free(old);
    *out = i;
    return 0;
}

void behave_state_remove(struct state *s, struct collection *c, struct item *i)
{
    map_remove_n(&c->items, i->data, i->key_len);
    *(i->previous ? &i->previous->next : &c->first) = i->next;
    *(i->next ? &i->next->previous : &c->last) = i->previous;
    s->items--;
    s->bytes -= i->key_len + i->len;
    free(i);
}

struct remembered *state_remembered(const struct session *s, struct bytes key)
{
    return map_get_n(&s->replies, key.data, key.len);
}

int state_remember(struct state *state, struct session *s, struct bytes key, int status, struct bytes reply,
                   struct bytes message)
{
    size_t size = reply.len + message.len;
    if (map_count(&s->replies) >= state->replies_max || state->bytes + size > state->bytes_max)
        return ERROR_LIMIT;
    struct remembered *r = malloc(sizeof *r + size);
    if (r == NULL)
        return ERROR_MEMORY;
    *r = (struct remembered){.status = status, .reply_len = reply.len, .message_len = message.len};
    if (reply.len)
        memcpy(r->data, reply.data, reply.len);
    if (message.len)
        memcpy(r->data + reply.len, message.data, message.len);
    if (!map_put_n(&s->replies, key.data, key.len, r)) {
        free(r);
        return ERROR_MEMORY;
    }
    state->bytes += size;
    return 0;
}
