/* Group commit. What a turn of the loop brought (events to append, groups that moved, topics and groups that are new,
 * events given up on) goes to disk in one transaction at the end of the turn, and is answered once that is durable. The
 * members of a batch share its fate: what is wrong with one event alone is found out before it is submitted. Groups and
 * dead letters of a transaction that failed stay for the next one. */
#include "base/log.h"
#include "runtime/events/internal.h"

#include <stdio.h>

#define SCRATCH_KEEP  ((size_t)1 << 20)
#define GATHER_EVENTS 4096 /* in one transaction */
#define GATHER_BYTES  ((size_t)4 << 20)

/* ---- health ----------------------------------------------------------------------------------------------------- */

void events_on_probe(void *arg)
{
    struct events *e = arg;
    if (events_log_probe(e->log, NULL) == 0)
        micro_service_set_healthy(e->service, true, NULL);
    else
        (void)world_timer_start(&e->probe, EVENTS_RETRY);
}

void events_disk_refused(struct events *e, const struct error *err)
{
    if (world_timer_active(&e->probe))
        return;
    micro_service_set_healthy(e->service, false, err->message ? err->message : error_code_name(err->code));
    (void)world_timer_start(&e->probe, EVENTS_RETRY);
}

/* ---- what goes in ----------------------------------------------------------------------------------------------- */

struct events_record *events_pack(struct events *e, struct events_topic *t, Events__Event *event, bool own_id)
{
    char id[EVENTS_ID_SIZE];
    if (!own_id) {
        events_id_format(t->log.tag, t->next_number, id);
        event->id = id;
    }
    event->topic = t->name;
    text_clear(&e->scratch);
    struct events_record *r = NULL;
    if (pb_pack(&event->base, &e->scratch) == 0 && text_ok(&e->scratch))
        r = events_record_new(t, t->next_number, text_bytes(&e->scratch));
    if (!own_id)
        event->id = NULL;
    if (r)
        r->time = event->timestamp;
    if (e->scratch.capacity > SCRATCH_KEEP)
        text_deinit(&e->scratch);
    return r;
}

void events_submit(struct events *e, struct events_pending *p)
{
    struct events_topic *t = p->record->topic;
    t->next_number++;
    events_topic_touch(t);
    e->pending_count++;
    e->pending_bytes += p->record->len;
    p->next = NULL;
    *e->pending_end = p;
    e->pending_end = &p->next;
    world_task_post(&e->flush);
}

void events_bury(struct events_group *g, uint64_t number, uint32_t deliveries)
{
    struct events_topic *t = g->topic;
    struct events *e = t->events;
    size_t len = strlen(t->name), suffix = sizeof EVENTS_DEAD_SUFFIX - 1;
    bool is_dead = len > suffix && strcmp(t->name + len - suffix, EVENTS_DEAD_SUFFIX) == 0;
    if (!g->name || !e->dead_letters || is_dead || len + suffix > EVENTS_NAME_MAX)
        return;
    struct events_dead *d = calloc(1, sizeof *d);
    if (!d || !(d->group = strdup(g->name))) {
        free(d);
        log_warn("events", "out of memory: an event of %s has no dead letter", t->name);
        return;
    }
    d->topic = t;
    d->number = number;
    d->deliveries = deliveries;
    events_topic_touch(t); /* it must not go meanwhile */
    *e->dead_end = d;
    e->dead_end = &d->next;
    world_task_post(&e->flush);
}

static void dead_free(struct events_dead *d)
{
    events_record_release(d->record);
    free(d->group);
    free(d);
}

/* ---- dead letters ----------------------------------------------------------------------------------------------- */

struct burial {
    struct events *events;
    struct events_dead *dead;
    int rc;
};

static bool add_metadata(struct arena *arena, Events__Event *event, const char *key, const char *value)
{
    Events__Event__MetadataEntry *m = ARENA_NEW(arena, Events__Event__MetadataEntry);
    if (!m)
        return false;
    events__event__metadata_entry__init(m);
    m->key = arena_string(arena, key);
    m->value = arena_string(arena, value);
    event->metadata[event->n_metadata++] = m;
    return m->key && m->value;
}

/* The event as it was, with why it is here. */
static int write_letter(struct events *e, struct events_dead *d, Events__Event *event, struct arena *arena)
{
    char count[16];
    struct events_topic *to = NULL;
    struct text name = TEXT_INIT;
    text_printf(&name, "%s" EVENTS_DEAD_SUFFIX, d->topic->name);
    int rc = text_ok(&name) ? events_topic_get(e, d->topic->namespace, text_string(&name), &to) : ERROR_MEMORY;
    text_deinit(&name);
    if (rc)
        return rc;
    events_topic_touch(to);
    Events__Event__MetadataEntry **grown = ARENA_NEW_N(arena, Events__Event__MetadataEntry *, event->n_metadata + 4);
    if (!grown)
        return ERROR_MEMORY;
    if (event->n_metadata)
        memcpy(grown, event->metadata, event->n_metadata * sizeof(Events__Event__MetadataEntry *));
    event->metadata = grown;
    snprintf(count, sizeof count, "%u", d->deliveries);
    if (!add_metadata(arena, event, "Micro-Dead-Topic", d->topic->name) ||
        !add_metadata(arena, event, "Micro-Dead-Group", d->group) ||
        !add_metadata(arena, event, "Micro-Dead-Id", event->id) ||
        !add_metadata(arena, event, "Micro-Dead-Deliveries", count))
        return ERROR_MEMORY;
    d->record = events_pack(e, to, event, false);
    if (!d->record)
        return ERROR_MEMORY;
    to->next_number++;
    return 0;
}

static bool on_dead(void *arg, const struct log_event *found)
{
    struct burial *b = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *event = NULL;
    b->rc = pb_unpack(&events__event__descriptor, found->body, &arena, &event, NULL);
    if (b->rc == 0)
        b->rc = write_letter(b->events, b->dead, (Events__Event *)(void *)event, &arena);
    arena_deinit(&arena);
    return false;
}

static int append(struct events *e, struct events_record *r, int64_t stored, int64_t expires, uint64_t *revision,
                  struct error *err);

/* An event that retention took meanwhile, or a topic too many, means no letter; anything else fails the batch. */
static int bury_all(struct events *e, int64_t stored, struct error *err)
{
    int rc = 0;
    for (struct events_dead *d = e->dead; rc == 0 && d; d = d->next) {
        struct burial b = {.events = e, .dead = d};
        const struct log_range range = {.topic = d->topic->log.id, .first = d->number, .last = d->number};
        rc = events_log_read(e->log, &range, on_dead, &b, err);
        if (rc == 0 && b.rc == ERROR_MEMORY)
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        else if (rc == 0 && b.rc)
            log_warn("events", "an event of %s has no dead letter: %s", d->topic->name, error_code_name(b.rc));
        uint64_t revision;
        if (rc == 0 && d->record)
            rc = append(e, d->record, stored, 0, &revision, err);
    }
    return rc;
}

/* ---- one transaction -------------------------------------------------------------------------------------------- */

static int append(struct events *e, struct events_record *r, int64_t stored, int64_t expires, uint64_t *revision,
                  struct error *err)
{
    struct events_topic *t = r->topic;
    const struct log_event event = {.topic = t->log.id,
                                    .number = r->number,
                                    .stored = stored,
                                    .time = r->time,
                                    .expires = expires,
                                    .live = r->live,
                                    .body = BYTES(r->body, r->len)};
    int rc = events_log_append(e->log, &event, revision, err);
    if (rc == 0 && !expires)
        t->next_bytes += r->len;
    return rc;
}

static int put_group(struct events *e, const struct events_group *g, struct error *err)
{
    struct text done = TEXT_INIT;
    window_pack(&g->window, &done);
    const struct log_group log = {.topic = g->topic->log.id,
                                  .name = g->name,
                                  .position = g->window.position,
                                  .done = text_bytes(&done),
                                  .since = g->since,
                                  .seam = g->seam,
                                  .used = g->used};
    int rc = text_ok(&done) ? events_log_put_group(e->log, &log, err) : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&done);
    return rc;
}

static int apply(struct events *e, struct error *err)
{
    int64_t stored = world_wall(e->world);
    int rc = events_log_begin(e->log, err);
    for (struct events_pending *p = e->pending; rc == 0 && p; p = p->next)
        rc = append(e, p->record, stored, p->expires, &p->revision, err);
    if (rc == 0)
        rc = bury_all(e, stored, err);
    for (const struct events_group *g = e->dirty; rc == 0 && g; g = g->next_dirty) {
        events_topic_touch(g->topic);
        rc = put_group(e, g, err);
    }
    for (struct events_topic *t = e->touched; rc == 0 && t; t = t->next_touched) {
        struct log_topic log = t->log;
        log.head = t->next_number - 1;
        log.bytes = t->next_bytes;
        rc = events_log_put_topic(e->log, &log, err);
    }
    return rc;
}

static int commit(struct events *e, bool *committed, struct error *err)
{
    int rc = world_point(e->world, "events.write.before_commit");
    if (rc)
        return error_set(err, rc, "failed before the commit: %s", error_code_name(rc));
    rc = events_log_commit(e->log, err);
    if (rc)
        return rc;
    *committed = true;
    rc = world_point(e->world, "events.write.after_commit");
    return rc ? error_set(err, rc, "failed after the commit: %s", error_code_name(rc)) : 0;
}

/* ---- what comes of it ------------------------------------------------------------------------------------------- */

static void answer(struct events_pending *p, int rc, const struct error *err)
{
    struct rpc_call *call = p->call;
    if (rc == 0) {
        char number[24], id[EVENTS_ID_SIZE];
        int n = snprintf(number, sizeof number, "%llu", (unsigned long long)p->revision);
        (void)rpc_call_add_trailer(call, "micro-revision", BYTES(number, (size_t)n));
        if (p->record->live) {
            events_id_format(p->record->topic->log.tag, p->record->number, id);
            (void)rpc_call_add_trailer(call, "micro-event-id", bytes_of(id));
        }
        Events__PublishResponse published = EVENTS__PUBLISH_RESPONSE__INIT;
        Events__WriteResponse written = EVENTS__WRITE_RESPONSE__INIT;
        rpc_call_reply(call, p->record->live ? &published.base : &written.base);
        return;
    }
    const char *why = err->message ? err->message : error_code_name(rc);
    micro_fail(call, rc == ERROR_NO_SPACE || rc == ERROR_MEMORY ? 507 : 503, p->method, "%s",
               rc == ERROR_NO_SPACE ? "the disk is full" : why);
}

static void answer_all(struct events_pending *p, int rc, const struct error *err)
{
    for (struct events_pending *next; p; p = next) {
        next = p->next; /* the call's memory goes with the answer */
        struct events_record *r = p->record;
        answer(p, rc, err);
        events_record_release(r);
    }
}

/* Records become the newest events; who consumes their topics is woken. */
static void take_effect(struct events *e)
{
    struct events_topic *touched = e->touched;
    struct events_group *dirty = e->dirty;
    e->touched = NULL;
    e->dirty = NULL;
    for (struct events_group *g = dirty, *next; g; g = next) {
        next = g->next_dirty;
        g->dirty = false;
        g->on_disk = true;
    }
    for (struct events_topic *t = touched; t; t = t->next_touched) {
        t->on_disk = true;
        t->log.head = t->next_number - 1;
        t->log.bytes = t->next_bytes;
    }
    for (struct events_pending *p = e->pending; p; p = p->next)
        events_recent_add(p->record);
    while (e->dead) {
        struct events_dead *d = e->dead;
        e->dead = d->next;
        if (d->record)
            events_recent_add(d->record);
        dead_free(d);
    }
    e->dead_end = &e->dead;
    for (struct events_topic *t = touched, *next; t; t = next) {
        next = t->next_touched;
        t->touched = false;
        for (struct events_group *g = t->groups; g; g = g->next)
            events_group_wake(g);
    }
}

/* As if the batch had not been, but for what has to be tried again. */
static void take_back(struct events *e)
{
    struct events_topic *touched = e->touched;
    e->touched = NULL;
    for (struct events_topic *t = touched, *next; t; t = next) {
        next = t->next_touched;
        t->touched = false;
        t->next_number = t->log.head + 1;
        t->next_bytes = t->log.bytes;
        events_topic_release(t);
    }
    for (struct events_dead *d = e->dead; d; d = d->next) {
        events_record_release(d->record);
        d->record = NULL;
        events_topic_touch(d->topic); /* on disk, so it is still there */
    }
    if (e->dirty || e->dead)
        (void)world_timer_start(&e->late, EVENTS_RETRY);
}

/* The end of a turn. As long as turns bring more events at once, the disk can wait: one turn reads a limited piece of
 * each connection, and a transaction costs the same for few as for many. */
void events_gather(void *arg)
{
    struct events *e = arg;
    if (e->pending_count > e->gathered && e->pending_count < GATHER_EVENTS && e->pending_bytes < GATHER_BYTES) {
        e->gathered = e->pending_count;
        world_task_post(&e->flush);
        return;
    }
    events_flush(e);
}

void events_flush(void *arg)
{
    struct events *e = arg;
    struct error err = ERROR_INIT;
    e->gathered = e->pending_count = 0;
    e->pending_bytes = 0;
    world_task_cancel(&e->flush);
    world_timer_stop(&e->late);
    if (!e->pending && !e->dirty && !e->dead)
        return;
    bool committed = false;
    int rc = apply(e, &err);
    if (rc == 0)
        rc = commit(e, &committed, &err);
    struct events_consumer *opening = e->opening;
    struct events_pending *pending = e->pending;
    e->opening = NULL;
    if (committed) {
        take_effect(e);
    } else {
        events_log_rollback(e->log);
        take_back(e);
    }
    if (rc) {
        log_warn("events", "a batch was refused: %s", err.message ? err.message : error_code_name(rc));
        if (!committed)
            events_disk_refused(e, &err);
    }
    e->pending = NULL;
    e->pending_end = &e->pending;
    answer_all(pending, rc, &err);
    for (struct events_consumer *c = opening, *next; c; c = next) {
        next = c->opening_next;
        events_consume_opened(c, committed ? 0 : rc, err.message);
    }
    error_clear(&err);
}
