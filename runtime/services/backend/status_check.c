/* Asking the components' services how they are, and telling who has to know, in rounds.
 *
 * A round reads all components, asks those whose time has come, all at once, and then goes through the components one
 * after the other. What one bad answer says may be an accident: so many in a row (`failures`) are an outage, and as
 * many good ones end it. A change is written down before anybody hears of it. What follows from it (an incident, an
 * alert, an event) is not a list of things to do but what ought to be: as long as a component is out, its incident
 * ought to be open and its alert raised, and otherwise not; the record says which of that is so already. Each is fine
 * to be done twice. So a round that breaks off anywhere, and a process that dies, leave nothing that the next round
 * does not put right, an outage has one alert however often that happens, and one that began and ended while nobody
 * could be told is told to nobody. */
#include "runtime/services/backend/status.h"

#include "base/units.h"
#include "proto/alerting/alerting.pb-c.h"
#include "proto/debug/debug.pb-c.h"
#include "proto/events/status/events.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC       "status"
#define ASK_TIMEOUT ((uint64_t)(5 * SECOND))
#define ROUND_MAX   ((uint64_t)(30 * SECOND)) /* between two rounds, for what others wrote */
#define ROUND_MIN   ((uint64_t)SECOND)
#define ROUND_RETRY ((uint64_t)(5 * SECOND)) /* after something could not be told or written */

/* Of a component, in memory alone: a process that starts afresh counts afresh. */
struct status_check {
    uint64_t asked_at; /* monotonic; 0: never */
    int64_t bad, good; /* in a row */
};

struct round;
struct look {
    struct round *round;
    struct status_component component;
    uint64_t revision;
    char *key;
    struct status_check *check; /* NULL: there was no memory for it */
    enum { NOT_ASKED, WORKS, UNWELL, AWAY } answer;
    const char *words; /* what it said, or why it did not */
};

struct round {
    struct task task; /* first */
    struct status *status;
    struct look *looks;
    size_t count, room, at, flying;
    bool reading;                  /* the components */
    bool launching, trouble;       /* calls are being made; something could not be done and is tried again soon */
    bool progress;                 /* the record has to be written again */
    struct status_component *now;  /* of the look at `at` */
    const char *incident;          /* as the record has it */
    struct status_incident record; /* that ends */
    int tries;
};

static void round_begin(void *arg);
static void next_look(struct round *r);
static void note(struct round *r);
static void alert(struct round *r);
static void publish(struct round *r);
static void settle(struct round *r);

void status_check_init(struct status *s)
{
    world_timer_init(&s->timer, s->backend.world, round_begin, s);
}

void status_check_stop(struct status *s)
{
    world_timer_stop(&s->timer);
    for (struct map_entry *e = map_first(&s->checks); e; e = map_next(e))
        free(map_value(e));
    map_deinit(&s->checks);
}

void status_wake(struct status *s)
{
    s->again = s->checking;
    if (!s->checking)
        (void)world_timer_start(&s->timer, 0); /* without memory for it the one that is set is soon enough */
}

static void again_after(struct status *s, uint64_t delay)
{
    s->checking = false;
    (void)world_timer_start(&s->timer, s->again ? 0 : delay);
}

/* ---- the end of a round ------------------------------------------------------------------------------------------ */

/* What is known of components that are not there any more is forgotten. */
static void forget(struct round *r)
{
    struct map *checks = &r->status->checks;
    for (struct map_entry *e = map_first(checks), *next; e; e = next) {
        bool there = false;
        next = map_next(e);
        for (size_t i = 0; i < r->count && !there; i++)
            there = strcmp(r->looks[i].component.name, map_key(e)) == 0;
        if (!there)
            free(map_remove(checks, map_key(e)));
    }
}

static void round_end(struct round *r)
{
    uint64_t now = world_now(r->status->backend.world), wait = r->trouble ? ROUND_RETRY : ROUND_MAX;
    forget(r);
    for (size_t i = 0; i < r->count; i++) {
        const struct look *l = &r->looks[i];
        uint64_t due = l->check && l->component.service[0]
                           ? l->check->asked_at + (uint64_t)l->component.interval * (uint64_t)SECOND
                           : UINT64_MAX;
        wait = due <= now + ROUND_MIN ? ROUND_MIN : due - now < wait ? due - now : wait;
    }
    again_after(r->status, wait);
}

static void complain(struct round *r, const char *detail)
{
    r->trouble = true;
    micro_log(r->status->backend.service, LOG_WARN, "the status cannot be told: %s", detail);
}

static void round_failed(struct task *t, int code, const char *detail)
{
    struct round *r = (struct round *)t;
    (void)code;
    complain(r, detail);
    if (r->reading) {
        r->status->again = false;
        again_after(r->status, ROUND_RETRY);
    } else {
        r->at++;
        next_look(r);
    }
}

/* True: it could not be done, and the round goes on without it. */
static bool could_not(struct round *r, const struct backend_answer *a)
{
    if (a->status == GRPC_OK)
        return false;
    complain(r, a->error.detail);
    return true;
}

/* ---- the incident ------------------------------------------------------------------------------------------------ */

static void note_opened(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    if (a->status == GRPC_FAILED_PRECONDITION || !could_not(r, a)) /* or it is there from the time before */
        r->now->noted = r->progress = true;
    alert(r);
}

static void note_closed(struct task *t, const struct backend_answer *a)
{
    static char none[] = "";
    struct round *r = (struct round *)t;
    if (!could_not(r, a)) {
        r->now->incident = none;
        r->now->noted = false;
        r->progress = true;
    }
    alert(r);
}

static void note_read(struct task *t, const struct backend_answer *a)
{
    static const struct backend_answer fine = {.status = GRPC_OK};
    struct round *r = (struct round *)t;
    uint64_t revision;
    r->record = (struct status_incident){0};
    if (!task_take(t, &status_incident_shape, a, &r->record, &revision))
        return;
    if (revision == 0 || r->record.phase == STATUS__PHASE__PHASE_RESOLVED)
        note_closed(t, &fine); /* by somebody else */
    else if (status_post(t, &r->record, STATUS__PHASE__PHASE_RESOLVED,
                         r->now->gone ? "It is not offered any more." : "It works again."))
        task_save(t, &status_incident_shape, status_incident_key(t->memory, r->now->incident), &r->record, revision,
                  note_closed);
    else
        task_no_memory(t);
}

/* The incident is as it ought to be. */
static void note(struct round *r)
{
    static const struct backend_answer fine = {.status = GRPC_OK};
    struct task *t = &r->task;
    struct status_component *c = r->now;
    bool out = status_is_out(c);
    if (out == c->noted && (out || !c->incident[0])) {
        alert(r);
        return;
    }
    if (!c->noted && !out) {
        note_closed(t, &fine); /* it was never opened */
        return;
    }
    char *key = status_incident_key(t->memory, c->incident);
    if (!key) {
        task_no_memory(t);
        return;
    }
    if (!out) {
        task_read(t, STATUS_TABLE, key, false, note_read);
        return;
    }
    const char *health = arena_printf(t->memory, "%lld", (long long)c->health);
    struct status_incident i = {
        .id = c->incident, .title = arena_printf(t->memory, "%s does not work", c->name), .opened = c->updated};
    if (health && i.title && backend_list_add(t->memory, &i.components, c->name) &&
        backend_list_add(t->memory, &i.components, health) &&
        status_post(t, &i, STATUS__PHASE__PHASE_INVESTIGATING, c->why))
        task_save(t, &status_incident_shape, key, &i, 0, note_opened);
    else
        task_no_memory(t);
}

/* ---- the alert --------------------------------------------------------------------------------------------------- */

static void alerted(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    if (!could_not(r, a)) {
        r->now->raised = status_is_out(r->now);
        r->progress = true;
    }
    publish(r);
}

static void alert(struct round *r)
{
    static char component[] = "component", service[] = "service";
    struct task *t = &r->task;
    struct status_component *c = r->now;
    if (status_is_out(c) == c->raised) {
        publish(r);
        return;
    }
    char *key = arena_printf(t->memory, "status/%s", c->name);
    char *summary = arena_printf(t->memory, "%s does not work: %s", c->name, c->why);
    if (!key || !summary) {
        task_no_memory(t);
    } else if (!c->raised) {
        Alerting__RaiseRequest q = ALERTING__RAISE_REQUEST__INIT;
        Alerting__RaiseRequest__LabelsEntry label[2] = {ALERTING__RAISE_REQUEST__LABELS_ENTRY__INIT,
                                                        ALERTING__RAISE_REQUEST__LABELS_ENTRY__INIT};
        Alerting__RaiseRequest__LabelsEntry *labels[2] = {&label[0], &label[1]};
        label[0].key = component;
        label[0].value = c->name;
        label[1].key = service;
        label[1].value = c->service;
        q.key = key;
        q.summary = summary;
        q.severity = ALERTING__SEVERITY__SEVERITY_CRITICAL;
        q.labels = labels;
        q.n_labels = 2;
        task_ask(t, "the alerting", "alerting", "Alerting.Raise", &q.base, &alerting__raise_response__descriptor,
                 alerted);
    } else {
        Alerting__ResolveRequest q = ALERTING__RESOLVE_REQUEST__INIT;
        q.which_case = ALERTING__RESOLVE_REQUEST__WHICH_KEY;
        q.key = key;
        task_ask(t, "the alerting", "alerting", "Alerting.Resolve", &q.base, &alerting__resolve_response__descriptor,
                 alerted);
    }
}

/* ---- the event --------------------------------------------------------------------------------------------------- */

static void published(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    if (!could_not(r, a)) {
        r->now->told_health = r->now->health;
        r->now->told_updated = r->now->updated;
        r->progress = true;
    }
    settle(r);
}

static void publish(struct round *r)
{
    struct status_component *c = r->now;
    Statusevents__Event event = STATUSEVENTS__EVENT__INIT;
    Statusevents__Component component = STATUSEVENTS__COMPONENT__INIT;
    Statusevents__Changed changed = STATUSEVENTS__CHANGED__INIT;
    if ((c->told_health == c->health && c->told_updated == c->updated) || c->gone || !c->health) {
        settle(r);
        return;
    }
    event.type = STATUSEVENTS__EVENT_TYPE__EventTypeChanged;
    event.component = &component;
    event.changed = &changed;
    component.name = c->name;
    component.service = c->service;
    changed.health = (uint32_t)c->health;
    changed.incident_id = c->incident;
    changed.since = c->updated;
    task_publish(&r->task, TOPIC, TOPIC ".changed", &event.base, published);
}

/* ---- writing it down --------------------------------------------------------------------------------------------- */

static void look_done(struct round *r)
{
    r->at++;
    next_look(r);
}

static void settle_read(struct task *t, const struct backend_answer *a);

static void settled(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && ++r->tries < STATUS_TRIES)
        task_read(t, STATUS_TABLE, r->looks[r->at].key, false, settle_read);
    else {
        (void)could_not(r, a);
        look_done(r);
    }
}

/* Onto what the record is by now: somebody may have described the component anew. */
static void settle_read(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    struct status_component fresh = {0};
    uint64_t revision;
    if (!task_take(t, &status_component_shape, a, &fresh, &revision))
        return;
    if (revision == 0 || strcmp(fresh.incident, r->incident) != 0) {
        look_done(r); /* another process sees to it */
        return;
    }
    fresh.incident = r->now->incident;
    fresh.noted = r->now->noted;
    fresh.raised = r->now->raised;
    fresh.told_health = r->now->told_health;
    fresh.told_updated = r->now->told_updated;
    if (fresh.gone && !fresh.noted && !fresh.raised)
        task_delete(t, STATUS_TABLE, r->looks[r->at].key, settled);
    else
        task_save(t, &status_component_shape, r->looks[r->at].key, &fresh, revision, settled);
}

static void settle(struct round *r)
{
    r->tries = 0;
    if (r->progress || r->now->gone)
        task_read(&r->task, STATUS_TABLE, r->looks[r->at].key, false, settle_read);
    else
        look_done(r);
}

/* ---- what was answered ------------------------------------------------------------------------------------------- */

/* Whether that changes how the component is. */
static bool judge(struct look *l)
{
    struct status_component *c = &l->component;
    struct status_check *k = l->check;
    if (l->answer == NOT_ASKED || !k)
        return false;
    k->good = l->answer == WORKS ? k->good + 1 : 0;
    k->bad = l->answer == WORKS ? 0 : k->bad + 1;
    int64_t health = c->health;
    if (k->good && (health == STATUS__HEALTH__HEALTH_UNKNOWN || k->good >= c->failures))
        health = STATUS__HEALTH__HEALTH_OPERATIONAL;
    else if (k->bad >= c->failures)
        health = l->answer == AWAY ? STATUS__HEALTH__HEALTH_MAJOR_OUTAGE : STATUS__HEALTH__HEALTH_PARTIAL_OUTAGE;
    bool changed = health != c->health;
    c->health = health;
    return changed;
}

static void changed_saved(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) { /* the next answer judges what it is then */
        r->trouble = true;
        look_done(r);
    } else if (!task_failed(t, a, 503)) {
        note(r);
    }
}

static void next_look(struct round *r)
{
    struct task *t = &r->task;
    if (r->at == r->count) {
        round_end(r);
        return;
    }
    struct look *l = &r->looks[r->at];
    struct status_component *c = r->now = &l->component;
    bool changed = judge(l);
    r->progress = false;
    if (changed) {
        char uuid[37];
        c->updated = backend_now(t->backend);
        c->why = arena_string(t->memory, l->answer == WORKS ? "" : l->words);
        if (status_is_out(c) && !c->incident[0])
            c->incident = micro_uuid(t->backend->world, uuid) == 0 ? arena_string(t->memory, uuid) : NULL;
        micro_log(t->backend->service, LOG_INFO, "%s %s%s", c->name, status_is_out(c) ? "does not work: " : "works",
                  c->why ? c->why : "");
    }
    r->incident = c->incident;
    if (!c->incident || !c->why)
        task_no_memory(t);
    else if (changed)
        task_save(t, &status_component_shape, l->key, c, l->revision, changed_saved);
    else
        note(r);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static void landed(struct round *r)
{
    if (r->flying == 0 && !r->launching)
        next_look(r);
}

static void answered(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct look *l = arg;
    struct arena *m = l->round->task.memory;
    const struct backend_answer a = {.status = status};
    const Debug__HealthResponse *health = (const Debug__HealthResponse *)(const void *)reply;
    l->round->flying--;
    if (status == GRPC_CANCELLED) { /* we are going ourselves */
        l->answer = NOT_ASKED;
    } else if (status != GRPC_OK && backend_unheard(&a)) {
        struct micro_error e;
        micro_error_parse(status, bytes_of(message ? message : ""), &e);
        l->answer = AWAY;
        l->words = arena_printf(m, "it does not answer (%s)", e.detail[0] ? e.detail : grpc_status_name(status));
    } else if (status == GRPC_OK && health && strcmp(health->status, "ok") != 0) {
        l->answer = UNWELL;
        l->words = arena_printf(m, "it says: %s", health->status);
    } else {
        l->answer = WORKS; /* also when it does not want to tell */
    }
    landed(l->round);
}

static void ask(struct round *r, struct look *l)
{
    const Debug__HealthRequest q = DEBUG__HEALTH_REQUEST__INIT;
    l->check->asked_at = world_now(r->status->backend.world);
    r->flying++;
    int rc = micro_call(r->status->backend.service, l->component.service, "Debug.Health", &q.base,
                        &debug__health_response__descriptor, ASK_TIMEOUT, answered, l);
    if (rc == 0)
        return;
    r->flying--;
    if (rc != ERROR_MEMORY) {
        l->answer = AWAY;
        l->words = arena_printf(r->task.memory, "it is not there (%s)", error_code_name(rc));
    }
}

static void components_read(struct task *t, const struct backend_answer *a)
{
    struct round *r = (struct round *)t;
    uint64_t now = world_now(t->backend->world);
    (void)a;
    r->reading = false;
    r->launching = true;
    for (size_t i = 0; i < r->count; i++) {
        struct look *l = &r->looks[i];
        const struct status_component *c = &l->component;
        if (!c->service[0] || c->gone)
            continue;
        l->check = map_get(&r->status->checks, c->name);
        if (!l->check && (l->check = calloc(1, sizeof *l->check)) != NULL &&
            !map_put(&r->status->checks, c->name, l->check)) {
            free(l->check);
            l->check = NULL;
        }
        if (l->check && (!l->check->asked_at || now >= l->check->asked_at + (uint64_t)c->interval * (uint64_t)SECOND))
            ask(r, l);
    }
    r->launching = false;
    landed(r);
}

static bool component_each(struct task *t, const struct backend_found *f)
{
    struct round *r = (struct round *)t;
    struct status_component c = {0};
    if (!f) {
        r->count = 0;
        return true;
    }
    if (!backend_decode(t->memory, status_component_shape.fields, status_component_shape.count, f->value, &c)) {
        complain(r, status_component_shape.damaged);
        return true;
    }
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 16;
        struct look *more = ARENA_NEW_N(t->memory, struct look, room);
        if (!more) {
            task_no_memory(t);
            return false;
        }
        if (r->count)
            memcpy(more, r->looks, r->count * sizeof *more);
        r->looks = more;
        r->room = room;
    }
    r->looks[r->count] = (struct look){
        .round = r, .component = c, .revision = f->revision, .key = arena_string(t->memory, f->key), .words = ""};
    if (!r->looks[r->count++].key) {
        task_no_memory(t);
        return false;
    }
    return true;
}

static void round_begin(void *arg)
{
    struct status *s = arg;
    s->again = false;
    s->checking = true;
    arena_reset(&s->memory);
    struct round *r = ARENA_NEW(&s->memory, struct round);
    if (!r) {
        again_after(s, ROUND_RETRY);
        return;
    }
    *r = (struct round){.status = s, .reading = true};
    task_init(&r->task, &s->backend, &s->memory, "status.Status", round_failed);
    task_scan(&r->task, STATUS_TABLE, "component:", component_each, components_read);
}
