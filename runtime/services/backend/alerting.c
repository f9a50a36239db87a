/* Telling people that something is wrong (proto/alerting/alerting.proto): alerts, policies, and mails. Silence,
 * schedules, Watch, and targets other than an e-mail address are not implemented.
 *
 * Table "alerting": "alert:<id>" is an alert with all that happened to it and what is still to be told of it,
 * "open:<key>" leads to the alert that is open with that key, "policy:<name>" is a policy. The alert's id is decided by
 * writing "open:<key>" on the condition that it is as it was read; the alert itself is written after that, on the
 * condition that it is not there. Whoever finds a key that leads to no alert writes it with the id that is there. So
 * two who raise the same at once raise one alert, whichever of them dies in between.
 *
 * Nobody waits for mails: what is to be told is written down with the change, and told by alerting_tell.c. */
#include "runtime/services/backend/alerting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX     200
#define SUMMARY_MAX 500
#define NOTE_MAX    2000
#define LABELS_MAX  50
#define ENTRIES_MAX 200

#define FIELD(member, kind) BACKEND_FIELD(struct alerting_alert, member, kind)
static const struct backend_field fields[] = {
    FIELD(id, FIELD_TEXT),       FIELD(key, FIELD_TEXT),     FIELD(summary, FIELD_TEXT),
    FIELD(assignee, FIELD_TEXT), FIELD(policy, FIELD_TEXT),  FIELD(claim, FIELD_TEXT),
    FIELD(severity, FIELD_INT),  FIELD(state, FIELD_INT),    FIELD(count, FIELD_INT),
    FIELD(raised, FIELD_INT),    FIELD(updated, FIELD_INT),  FIELD(repeat, FIELD_INT),
    FIELD(stepped, FIELD_INT),   FIELD(failed, FIELD_INT),   FIELD(retry_at, FIELD_INT),
    FIELD(labels, FIELD_MAP),    FIELD(entries, FIELD_LIST), FIELD(claimed_until, FIELD_INT),
    FIELD(steps, FIELD_LIST),    FIELD(due, FIELD_LIST),     FIELD(heard, FIELD_LIST),
};
const struct backend_shape alerting_shape = {ALERTING_TABLE, "what the store holds under this id is no alert", fields,
                                             sizeof fields / sizeof *fields};
static const struct backend_field open_fields[] = {BACKEND_FIELD(struct alerting_open, id, FIELD_TEXT),
                                                   BACKEND_FIELD(struct alerting_open, over, FIELD_BOOL)};
const struct backend_shape alerting_open_shape = {ALERTING_TABLE, "what the store holds under this key is no alert",
                                                  open_fields, 2};

struct work {
    struct task task;
    const struct micro_account *caller;
    char *open_key, *key;
    struct alerting_open open;
    uint64_t open_revision;
    struct alerting_alert alert;
    uint64_t revision;
    const void *request;
    bool (*change)(struct work *w); /* false: the call was answered; NULL: it is only looked at */
    void (*done)(struct work *w);
    bool is_new;
    int tries;
};

static struct arena *memory(struct work *w)
{
    return w->task.memory;
}

const struct micro_account *alerting_caller(struct rpc_call *call, const char *id)
{
    const struct micro_account *who = backend_caller(call, id);
    if (!who || backend_is_operator(who))
        return who;
    micro_fail(call, 403, id, "alerts are for the platform's administrators and services");
    return NULL;
}

static struct work *work_new(struct rpc_call *call, void *context, const char *id, const void *request)
{
    const struct micro_account *who = alerting_caller(call, id);
    struct work *w = who ? task_new(sizeof *w, context, call, id) : NULL;
    if (w) {
        w->caller = who;
        w->request = request;
    }
    return w;
}

/* ---- what happened and what is due ------------------------------------------------------------------------------- */

bool alerting_add(struct arena *m, struct backend_list *l, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!texts[i] || !backend_list_add(m, l, texts[i]))
            return false;
    return true;
}

bool alerting_note(struct task *t, struct alerting_alert *alert, const char *what, const char *who, const char *note)
{
    const char *const texts[ALERTING_ENTRY] = {arena_printf(t->memory, "%lld", (long long)backend_now(t->backend)),
                                               what, who, note};
    alert->updated = backend_now(t->backend);
    return alert->entries.count / ALERTING_ENTRY >= ENTRIES_MAX ||
           alerting_add(t->memory, &alert->entries, texts, ALERTING_ENTRY);
}

static bool add_due(struct task *t, struct alerting_alert *alert, const char *kind, const char *what,
                    const char *argument)
{
    const char *const texts[ALERTING_DUE] = {backend_token(t->backend, t->memory, 8), kind, what, argument};
    return alerting_add(t->memory, &alert->due, texts, ALERTING_DUE);
}

bool alerting_add_event(struct task *t, struct alerting_alert *alert, Alertsevents__EventType type,
                        const char *argument)
{
    return add_due(t, alert, "event", arena_printf(t->memory, "%d", (int)type), argument);
}

bool alerting_add_mail(struct task *t, struct alerting_alert *alert, const char *address, bool resolved)
{
    return add_due(t, alert, "mail", address, resolved ? "r" : "");
}

/* ---- as messages ------------------------------------------------------------------------------------------------- */

static Google__Protobuf__Timestamp *when(struct arena *m, int64_t seconds)
{
    Google__Protobuf__Timestamp *t = ARENA_NEW(m, Google__Protobuf__Timestamp);
    if (t) {
        google__protobuf__timestamp__init(t);
        t->seconds = seconds;
    }
    return t;
}

static bool put_labels(struct arena *m, const struct backend_list *l, Alerting__Alert *out)
{
    Alerting__Alert__LabelsEntry *entries = ARENA_NEW_N(m, Alerting__Alert__LabelsEntry, l->count + 1);
    out->labels = ARENA_NEW_N(m, Alerting__Alert__LabelsEntry *, l->count + 1);
    for (size_t i = 0; entries && out->labels && i + 1 < l->count; i += 2) {
        Alerting__Alert__LabelsEntry *e = &entries[i];
        alerting__alert__labels_entry__init(e);
        e->key = l->items[i];
        e->value = l->items[i + 1];
        out->labels[out->n_labels++] = e;
    }
    return entries && out->labels;
}

static bool put_entries(struct arena *m, const struct backend_list *l, Alerting__Alert *out)
{
    size_t n = l->count / ALERTING_ENTRY;
    Alerting__Entry *entries = ARENA_NEW_N(m, Alerting__Entry, n + 1);
    out->entries = ARENA_NEW_N(m, Alerting__Entry *, n + 1);
    for (size_t i = 0; entries && out->entries && i < n; i++) {
        char *const *texts = l->items + i * ALERTING_ENTRY;
        Alerting__Entry *e = &entries[i];
        alerting__entry__init(e);
        e->time = when(m, strtoll(texts[0], NULL, 10));
        e->what = texts[1];
        e->who = texts[2];
        e->note = texts[3];
        if (!e->time)
            return false;
        out->entries[out->n_entries++] = e;
    }
    return entries && out->entries;
}

Alerting__Alert *alerting_message(struct arena *m, const struct alerting_alert *alert, bool entries)
{
    Alerting__Alert *out = ARENA_NEW(m, Alerting__Alert);
    if (!out)
        return NULL;
    alerting__alert__init(out);
    out->id = alert->id;
    out->key = alert->key;
    out->summary = alert->summary;
    out->severity = (Alerting__Severity)alert->severity;
    out->state = (Alerting__State)alert->state;
    out->count = (uint32_t)alert->count;
    out->assignee = alert->assignee;
    out->policy = alert->policy;
    out->raised = when(m, alert->raised);
    out->updated = when(m, alert->updated);
    bool ok = out->raised && out->updated && put_labels(m, &alert->labels, out) &&
              (!entries || put_entries(m, &alert->entries, out));
    return ok ? out : NULL;
}

#define ANSWER_ALERT(function, Type, INIT, with_entries)                                                               \
    static void function(struct work *w)                                                                               \
    {                                                                                                                  \
        Type reply = INIT;                                                                                             \
        if ((reply.alert = alerting_message(memory(w), &w->alert, with_entries)) != NULL)                              \
            rpc_call_reply(w->task.call, &reply.base);                                                                 \
        else                                                                                                           \
            task_no_memory(&w->task);                                                                                  \
    }
ANSWER_ALERT(acknowledge_done, Alerting__AcknowledgeResponse, ALERTING__ACKNOWLEDGE_RESPONSE__INIT, false)
ANSWER_ALERT(resolve_done, Alerting__ResolveResponse, ALERTING__RESOLVE_RESPONSE__INIT, false)
ANSWER_ALERT(read_done, Alerting__ReadResponse, ALERTING__READ_RESPONSE__INIT, true)

static void raise_done(struct work *w)
{
    Alerting__RaiseResponse reply = ALERTING__RAISE_RESPONSE__INIT;
    reply.is_new = w->is_new;
    if ((reply.alert = alerting_message(memory(w), &w->alert, false)) != NULL)
        rpc_call_reply(w->task.call, &reply.base);
    else
        task_no_memory(&w->task);
}

/* ---- an alert, looked at or changed ------------------------------------------------------------------------------ */

static void alert_read(struct task *t, const struct backend_answer *a);

static void read_alert(struct work *w, const char *id)
{
    char *part = backend_part(memory(w), id);
    w->key = part ? arena_printf(memory(w), "alert:%s", part) : NULL;
    if (w->key)
        task_read(&w->task, ALERTING_TABLE, w->key, false, alert_read);
    else
        task_no_memory(&w->task);
}

static void saved(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && ++w->tries < ALERTING_TRIES)
        task_read(t, ALERTING_TABLE, w->key, false, alert_read);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        task_fail(t, 409, "the alert is being changed; try again");
    else if (!task_failed(t, a, 500)) {
        alerting_wake((struct alerting *)t->backend);
        w->done(w);
    }
}

static void alert_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_take(t, &alerting_shape, a, &w->alert, &w->revision))
        return;
    if (w->revision == 0)
        task_fail(t, 404, "there is no such alert");
    else if (!w->change)
        w->done(w);
    else if (w->change(w))
        task_save(t, &alerting_shape, w->key, &w->alert, w->revision, saved);
}

static void with_id(struct work *w, const char *id)
{
    if (backend_check_text(w->task.call, w->task.id, "an id", id, 1, BACKEND_ID_MAX))
        read_alert(w, id);
}

/* False: no memory, and the call was failed. */
static bool use_key(struct work *w, const char *key)
{
    char *part = backend_part(memory(w), key);
    w->open_key = part ? arena_printf(memory(w), "open:%s", part) : NULL;
    if (!w->open_key)
        task_no_memory(&w->task);
    return w->open_key != NULL;
}

static void read_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Alerting__ReadRequest *r = (const Alerting__ReadRequest *)(const void *)message;
    struct work *w = work_new(call, context, "alerting.Alerting.Read", r);
    if (!w)
        return;
    w->done = read_done;
    with_id(w, r->id);
}

/* ---- Raise ------------------------------------------------------------------------------------------------------- */

static void raise_open_read(struct task *t, const struct backend_answer *a);

static void raise_again(struct work *w)
{
    if (++w->tries < ALERTING_TRIES)
        task_read(&w->task, ALERTING_TABLE, w->open_key, false, raise_open_read);
    else
        task_fail(&w->task, 409, "the alert is being changed; try again");
}

static void raise_saved(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION)
        raise_again(w); /* somebody else raised it as well, or saw to it */
    else if (!task_failed(t, a, 500)) {
        alerting_wake((struct alerting *)t->backend);
        raise_done(w);
    }
}

/* The first policy, by name, that wants it says who is to be told. */
static bool policy_each(struct task *t, const struct backend_found *f)
{
    struct work *w = (struct work *)t;
    struct alerting_alert *alert = &w->alert;
    struct alerting_policy p = {0};
    if (!f) {
        alert->policy = NULL;
        return true;
    }
    if (!backend_decode(t->memory, alerting_policy_shape.fields, alerting_policy_shape.count, f->value, &p)) {
        task_fail(t, 500, "%s", alerting_policy_shape.damaged);
        return false;
    }
    if (!alert->policy && alert->severity >= p.severity_min && alerting_labels_match(&p.match, &alert->labels)) {
        alert->policy = p.name;
        alert->steps = p.steps;
        alert->repeat = p.repeat;
    }
    return true;
}

static void policies_read(struct task *t, const struct backend_answer *a)
{
    static char nobody[] = "";
    struct work *w = (struct work *)t;
    (void)a; /* a scan that failed has failed the call */
    if (!w->alert.policy)
        w->alert.policy = nobody;
    if (alerting_note(t, &w->alert, "raised", w->caller->id, "") &&
        alerting_add_event(t, &w->alert, ALERTSEVENTS__EVENT_TYPE__EventTypeRaised, ""))
        task_save(t, &alerting_shape, w->key, &w->alert, 0, raise_saved);
    else
        task_no_memory(t);
}

static bool take_labels(struct work *w, const Alerting__RaiseRequest *r)
{
    for (size_t i = 0; i < r->n_labels; i++) {
        const char *const texts[2] = {r->labels[i]->key, r->labels[i]->value};
        if (!alerting_add(memory(w), &w->alert.labels, texts, 2))
            return false;
    }
    return true;
}

static void raise_new(struct work *w, char *id)
{
    static char nobody[] = "";
    const Alerting__RaiseRequest *r = w->request;
    w->is_new = true;
    w->alert = (struct alerting_alert){.id = id,
                                       .key = r->key,
                                       .summary = r->summary,
                                       .assignee = nobody,
                                       .claim = nobody,
                                       .severity = r->severity,
                                       .state = ALERTING__STATE__STATE_OPEN,
                                       .count = 1,
                                       .raised = backend_now(w->task.backend)};
    if (take_labels(w, r))
        task_scan(&w->task, ALERTING_TABLE, "policy:", policy_each, policies_read);
    else
        task_no_memory(&w->task);
}

static void raise_opened(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION)
        raise_again(w);
    else if (!task_failed(t, a, 500))
        raise_new(w, w->open.id);
}

/* The key leads to another alert from here on. */
static void raise_open(struct work *w)
{
    char uuid[37];
    w->open = (struct alerting_open){.id = micro_uuid(w->task.backend->world, uuid) == 0 ? arena_string(memory(w), uuid)
                                                                                         : NULL};
    char *part = w->open.id ? backend_part(memory(w), w->open.id) : NULL;
    w->key = part ? arena_printf(memory(w), "alert:%s", part) : NULL;
    if (w->key)
        task_save(&w->task, &alerting_open_shape, w->open_key, &w->open, w->open_revision, raise_opened);
    else
        task_no_memory(&w->task);
}

static void raise_alert_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    struct alerting_alert *alert = &w->alert;
    const Alerting__RaiseRequest *r = w->request;
    if (!task_take(t, &alerting_shape, a, alert, &w->revision))
        return;
    if (w->revision == 0) {
        raise_new(w, w->open.id); /* who decided its id has not written it yet, or died */
    } else if (alert->state == ALERTING__STATE__STATE_RESOLVED) {
        raise_open(w);
    } else {
        w->is_new = false;
        alert->count++;
        alert->summary = r->summary;
        alert->severity = alert->severity > (int64_t)r->severity ? alert->severity : (int64_t)r->severity;
        alert->updated = backend_now(t->backend);
        task_save(t, &alerting_shape, w->key, alert, w->revision, raise_saved);
    }
}

static void raise_open_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_take(t, &alerting_open_shape, a, &w->open, &w->open_revision))
        return;
    char *part = w->open_revision ? backend_part(memory(w), w->open.id) : NULL;
    if (w->open_revision == 0)
        raise_open(w);
    else if ((w->key = part ? arena_printf(memory(w), "alert:%s", part) : NULL) != NULL)
        task_read(t, ALERTING_TABLE, w->key, false, raise_alert_read);
    else
        task_no_memory(t);
}

static void raise_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "alerting.Alerting.Raise";
    const Alerting__RaiseRequest *r = (const Alerting__RaiseRequest *)(const void *)message;
    struct work *w = work_new(call, context, id, r);
    if (!w || !backend_check_text(call, id, "a key", r->key, 1, KEY_MAX) ||
        !backend_check_text(call, id, "a summary", r->summary, 1, SUMMARY_MAX))
        return;
    if (r->severity < ALERTING__SEVERITY__SEVERITY_INFO || r->severity > ALERTING__SEVERITY__SEVERITY_CRITICAL)
        micro_fail(call, 400, id, "a severity is required: info, warning or critical");
    else if (r->n_labels > LABELS_MAX)
        micro_fail(call, 400, id, "an alert has at most %d labels", LABELS_MAX);
    else if (use_key(w, r->key))
        task_read(&w->task, ALERTING_TABLE, w->open_key, false, raise_open_read);
}

/* ---- Acknowledge, Resolve ---------------------------------------------------------------------------------------- */

/* Nobody is told any more that it is wrong. */
static void drop_mails(struct alerting_alert *alert)
{
    struct backend_list *due = &alert->due;
    size_t kept = 0;
    for (size_t i = 0; i < due->count; i += ALERTING_DUE)
        if (strcmp(due->items[i + 1], "mail") != 0 || due->items[i + 3][0]) {
            memmove(due->items + kept, due->items + i, ALERTING_DUE * sizeof *due->items);
            kept += ALERTING_DUE;
        }
    due->count = kept;
}

static bool acknowledge_change(struct work *w)
{
    const Alerting__AcknowledgeRequest *r = w->request;
    struct alerting_alert *alert = &w->alert;
    if (alert->state == ALERTING__STATE__STATE_RESOLVED) {
        task_fail(&w->task, 412, "the alert is over");
        return false;
    }
    if (alert->state == ALERTING__STATE__STATE_ACKNOWLEDGED && strcmp(alert->assignee, w->caller->id) == 0) {
        acknowledge_done(w); /* told twice is done once */
        return false;
    }
    drop_mails(alert);
    alert->state = ALERTING__STATE__STATE_ACKNOWLEDGED;
    alert->assignee = arena_string(memory(w), w->caller->id);
    if (alert->assignee && alerting_note(&w->task, alert, "acknowledged", w->caller->id, r->note) &&
        alerting_add_event(&w->task, alert, ALERTSEVENTS__EVENT_TYPE__EventTypeAcknowledged, w->caller->id))
        return true;
    task_no_memory(&w->task);
    return false;
}

static void acknowledge_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "alerting.Alerting.Acknowledge";
    const Alerting__AcknowledgeRequest *r = (const Alerting__AcknowledgeRequest *)(const void *)message;
    struct work *w = work_new(call, context, id, r);
    if (!w || !backend_check_text(call, id, "a note", r->note, 0, NOTE_MAX))
        return;
    w->change = acknowledge_change;
    w->done = acknowledge_done;
    with_id(w, r->id);
}

static bool resolve_change(struct work *w)
{
    const Alerting__ResolveRequest *r = w->request;
    struct alerting_alert *alert = &w->alert;
    if (alert->state == ALERTING__STATE__STATE_RESOLVED) {
        resolve_done(w);
        return false;
    }
    drop_mails(alert);
    alert->state = ALERTING__STATE__STATE_RESOLVED;
    alert->failed = alert->retry_at = 0;
    bool ok = alerting_note(&w->task, alert, "resolved", w->caller->id, r->note) &&
              alerting_add_event(&w->task, alert, ALERTSEVENTS__EVENT_TYPE__EventTypeResolved, w->caller->id);
    for (size_t i = 0; ok && i < alert->heard.count; i++)
        ok = alerting_add_mail(&w->task, alert, alert->heard.items[i], true);
    if (!ok)
        task_no_memory(&w->task);
    return ok;
}

static void resolve_open_read(struct task *t, const struct backend_answer *a)
{
    static const Alerting__ResolveResponse over = ALERTING__RESOLVE_RESPONSE__INIT;
    struct work *w = (struct work *)t;
    if (!task_take(t, &alerting_open_shape, a, &w->open, &w->open_revision))
        return;
    if (w->open_revision)
        read_alert(w, w->open.id);
    else
        rpc_call_reply(t->call, &over.base);
}

static void resolve_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "alerting.Alerting.Resolve";
    const Alerting__ResolveRequest *r = (const Alerting__ResolveRequest *)(const void *)message;
    struct work *w = work_new(call, context, id, r);
    if (!w || !backend_check_text(call, id, "a note", r->note, 0, NOTE_MAX))
        return;
    w->change = resolve_change;
    w->done = resolve_done;
    if (r->which_case == ALERTING__RESOLVE_REQUEST__WHICH_ID)
        with_id(w, r->id);
    else if (r->which_case != ALERTING__RESOLVE_REQUEST__WHICH_KEY)
        micro_fail(call, 400, id, "an id or a key is required");
    else if (backend_check_text(call, id, "a key", r->key, 1, KEY_MAX) && use_key(w, r->key))
        task_read(&w->task, ALERTING_TABLE, w->open_key, false, resolve_open_read);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &alerting__##stem##_request__descriptor,                                              \
        .output = &alerting__##stem##_response__descriptor, .unary = handler                                           \
    }
static const struct rpc_method methods[] = {
    METHOD("Raise", raise, raise_handler),
    METHOD("Acknowledge", acknowledge, acknowledge_handler),
    METHOD("Resolve", resolve, resolve_handler),
    METHOD("Read", read, read_handler),
    METHOD("List", list, alerting_list),
    METHOD("SetPolicy", set_policy, alerting_set_policy),
    METHOD("ListPolicies", list_policies, alerting_list_policies),
};
static const struct rpc_service served = {"alerting.Alerting", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    struct alerting *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(err, ERROR_MEMORY, "out of memory");
    a->backend = (struct backend){.service = s, .world = micro_service_world(s)};
    *state = a;
    int rc = alerting_tell_init(a);
    if (rc == 0)
        rc = micro_service_add(s, &served, &a->backend);
    if (rc)
        return error_set(err, rc, "the handlers cannot be set up");
    alerting_wake(a); /* what the one before us has not told */
    return 0;
}

static void stop(void *state)
{
    struct alerting *a = state;
    if (!a)
        return;
    world_timer_stop(&a->timer);
    arena_deinit(&a->memory);
    free(a);
}

const struct micro_program backend_alerting = {.name = "alerting", .setup = setup, .stop = stop};
