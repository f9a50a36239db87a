#include "runtime/events/internal.h"

#include "base/log.h"

#define RECENT_CAPACITY_MIN 16

/* ---- topics ----------------------------------------------------------------------------------------------------- */

static bool key_of(struct text *key, const char *namespace, const char *name)
{
    text_puts(key, namespace);
    text_char(key, '\0'); /* in neither */
    text_puts(key, name);
    return text_ok(key);
}

struct events_topic *events_topic_find(struct events *e, const char *namespace, const char *name)
{
    struct text key = TEXT_INIT;
    struct events_topic *t = key_of(&key, namespace, name) ? map_get_n(&e->by_name, key.data, key.len) : NULL;
    text_deinit(&key);
    return t;
}

static int topic_new(struct events *e, const struct log_topic *log, struct events_topic **out)
{
    struct text key = TEXT_INIT;
    struct events_topic *t = calloc(1, sizeof *t);
    if (!t)
        return ERROR_MEMORY;
    t->events = e;
    t->log = *log;
    t->log.namespace = t->namespace = strdup(log->namespace);
    t->log.name = t->name = strdup(log->name);
    t->next_number = log->head + 1;
    t->next_bytes = log->bytes;
    bool ok =
        t->namespace && t->name && key_of(&key, t->namespace, t->name) && map_put_n(&e->by_name, key.data, key.len, t);
    text_deinit(&key);
    if (!ok) {
        free(t->namespace);
        free(t->name);
        free(t);
        return ERROR_MEMORY;
    }
    t->next = e->topics;
    if (t->next)
        t->next->back = &t->next;
    t->back = &e->topics;
    e->topics = t;
    e->topic_count++;
    if (log->id >= e->next_topic)
        e->next_topic = log->id + 1;
    *out = t;
    return 0;
}

int events_topic_get(struct events *e, const char *namespace, const char *name, struct events_topic **out)
{
    struct events_topic *t = events_topic_find(e, namespace, name);
    if (t) {
        *out = t;
        return 0;
    }
    if (e->topic_count >= EVENTS_TOPICS_MAX)
        return ERROR_LIMIT;
    struct log_topic log = {.id = e->next_topic, .namespace = namespace, .name = name, .tail = 1};
    int rc = world_entropy(e->world, log.tag, sizeof log.tag);
    return rc ? rc : topic_new(e, &log, out);
}

static void recent_drop(struct events_topic *t);

void events_topic_free(struct events_topic *t)
{
    struct events *e = t->events;
    struct text key = TEXT_INIT;
    while (t->groups)
        events_group_free(t->groups);
    recent_drop(t);
    if (key_of(&key, t->namespace, t->name))
        (void)map_remove_n(&e->by_name, key.data, key.len);
    text_deinit(&key);
    *t->back = t->next;
    if (t->next)
        t->next->back = t->back;
    e->topic_count--;
    free(t->recent);
    free(t->namespace);
    free(t->name);
    free(t);
}

void events_topic_release(struct events_topic *t)
{
    if (!t->groups && !t->on_disk && !t->touched)
        events_topic_free(t);
}

void events_topic_touch(struct events_topic *t)
{
    if (t->touched)
        return;
    t->touched = true;
    t->next_touched = t->events->touched;
    t->events->touched = t;
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

int events_group_new(struct events_topic *t, const char *name, uint64_t position, struct events_group **out)
{
    struct events *e = t->events;
    if (name && e->group_count >= EVENTS_GROUPS_MAX)
        return ERROR_LIMIT;
    struct events_group *g = calloc(1, sizeof *g);
    if (!g || (name && !(g->name = strdup(name)))) {
        free(g);
        return ERROR_MEMORY;
    }
    g->topic = t;
    g->used = world_wall(e->world);
    window_init(&g->window, position);
    world_task_init(&g->deliver, e->world, events_group_deliver, g);
    world_timer_init(&g->settle, e->world, events_group_settle, g);
    g->next = t->groups;
    if (g->next)
        g->next->back = &g->next;
    g->back = &t->groups;
    t->groups = g;
    e->group_count += name != NULL;
    *out = g;
    return 0;
}

struct events_group *events_group_find(const struct events_topic *t, const char *name)
{
    for (struct events_group *g = t->groups; g; g = g->next)
        if (g->name && strcmp(g->name, name) == 0)
            return g;
    return NULL;
}

void events_group_free(struct events_group *g)
{
    struct events *e = g->topic->events;
    for (struct events_group **p = &e->dirty; g->dirty && *p; p = &(*p)->next_dirty)
        if (*p == g) {
            *p = g->next_dirty;
            break;
        }
    world_task_cancel(&g->deliver);
    world_timer_stop(&g->settle);
    *g->back = g->next;
    if (g->next)
        g->next->back = g->back;
    e->group_count -= g->name != NULL;
    window_deinit(&g->window);
    free(g->name);
    free(g);
}

void events_group_dirty(struct events_group *g)
{
    struct events *e = g->topic->events;
    if (!g->name)
        return;
    g->used = world_wall(e->world);
    if (!g->dirty) {
        g->dirty = true;
        g->next_dirty = e->dirty;
        e->dirty = g;
    }
    if (!world_timer_active(&e->late) && world_timer_start(&e->late, EVENTS_GROUP_DELAY) != 0)
        world_task_post(&e->flush);
}

/* ---- the newest events ------------------------------------------------------------------------------------------ */

struct events_record *events_record_new(struct events_topic *t, uint64_t number, struct bytes body)
{
    struct events_record *r = malloc(sizeof *r + body.len);
    if (!r)
        return NULL;
    *r = (struct events_record){.references = 1, .topic = t, .number = number, .live = true, .len = body.len};
    memcpy(r->body, body.data, body.len);
    return r;
}

void events_record_release(struct events_record *r)
{
    if (r && --r->references == 0)
        free(r);
}

static struct events_record **slot(const struct events_topic *t, uint64_t number)
{
    return &t->recent[number & (t->recent_capacity - 1)];
}

/* The oldest of all is also the oldest of its topic. */
static void drop_oldest(struct events *e)
{
    struct events_record *r = e->recent_first;
    e->recent_first = r->next;
    if (!e->recent_first)
        e->recent_last = NULL;
    e->recent_bytes -= r->len + sizeof *r;
    if (r->topic && r->number == r->topic->recent_first && r->topic->recent_first < r->topic->recent_end)
        r->topic->recent_first++;
    events_record_release(r);
}

/* Those of a topic stay in the list of all until their turn comes, but are found no more. */
static void recent_drop(struct events_topic *t)
{
    for (uint64_t n = t->recent_first; n < t->recent_end; n++)
        (*slot(t, n))->topic = NULL;
    t->recent_first = t->recent_end = 0;
}

static bool recent_room(struct events_topic *t)
{
    size_t need = (size_t)(t->recent_end - t->recent_first) + 1;
    if (need <= t->recent_capacity)
        return true;
    size_t capacity = t->recent_capacity ? t->recent_capacity * 2 : RECENT_CAPACITY_MIN;
    struct events_record **ring = calloc(capacity, sizeof *ring);
    if (!ring)
        return false;
    for (uint64_t n = t->recent_first; n < t->recent_end; n++)
        ring[n & (capacity - 1)] = *slot(t, n);
    free(t->recent);
    t->recent = ring;
    t->recent_capacity = capacity;
    return true;
}

void events_recent_add(struct events_record *r)
{
    struct events_topic *t = r->topic;
    struct events *e = t->events;
    bool consumed = false;
    for (const struct events_group *g = t->groups; g && !consumed; g = g->next)
        consumed = g->consumer_count > 0;
    if (r->number != t->recent_end || !consumed)
        recent_drop(t);
    if (!consumed || !recent_room(t))
        return; /* it is on disk */
    if (t->recent_first == t->recent_end)
        t->recent_first = t->recent_end = r->number;
    *slot(t, r->number) = r;
    t->recent_end++;
    r->references++;
    r->next = NULL;
    if (e->recent_last)
        e->recent_last->next = r;
    else
        e->recent_first = r;
    e->recent_last = r;
    e->recent_bytes += r->len + sizeof *r;
    while (e->recent_bytes > EVENTS_RECENT_MAX && e->recent_first != r)
        drop_oldest(e);
}

const struct events_record *events_recent(const struct events_topic *t, uint64_t number)
{
    return number >= t->recent_first && number < t->recent_end ? *slot(t, number) : NULL;
}

/* ---- from disk -------------------------------------------------------------------------------------------------- */

static int load_topic(void *arg, const struct log_topic *log)
{
    struct events_topic *t = NULL;
    int rc = topic_new(arg, log, &t);
    if (rc == 0)
        t->on_disk = true;
    return rc;
}

static int load_group(void *arg, const struct log_group *log)
{
    struct events *e = arg;
    struct events_topic *t = e->topics;
    while (t && t->log.id != log->topic)
        t = t->next;
    if (!t || log->position == 0)
        return ERROR_INVALID;
    struct events_group *g = NULL;
    int rc = events_group_new(t, log->name, log->position, &g);
    if (rc)
        return rc;
    g->on_disk = true;
    g->since = log->since;
    g->seam = log->seam;
    g->used = log->used;
    if (!window_load(&g->window, log->position, log->done))
        return ERROR_MEMORY;
    return g->window.next > t->log.head + 1 ? ERROR_INVALID : 0;
}

int events_load(struct events *e, struct error *err)
{
    e->next_topic = 1;
    int rc = events_log_topics(e->log, load_topic, e, err);
    return rc ? rc : events_log_groups(e->log, load_group, e, err);
}

void events_unload(struct events *e)
{
    while (e->topics)
        events_topic_free(e->topics);
    while (e->recent_first)
        drop_oldest(e);
    map_deinit(&e->by_name);
}
