/* Telling what is due of alerts: events, and mails to whom the policy names, one after the other, in rounds.
 *
 * A round looks at each alert that is open, or over with something left to be told. It adds what the policy wants to be
 * told by now, and while something is due it claims the alert for a minute, tells one thing, and writes down that it
 * was told. So two processes never tell the same at once, and what is told is told again only when who told it died, or
 * the store did, before that could be written down. What cannot be told is tried again, later and later. Nothing is
 * kept in memory between rounds: whoever comes after a crash goes on. */
#include "runtime/services/backend/alerting.h"

#include "base/units.h"
#include "proto/email/email.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC       "alerts"
#define CLAIM       60  /* seconds that somebody may take to tell one thing */
#define OVER        60  /* seconds that a key leads to an alert that is over */
#define RETRY_MAX   300 /* seconds */
#define ROUND_MAX   30  /* seconds between two rounds, for what others wrote */
#define ROUND_RETRY 5   /* seconds after a round that broke off */
#define REPEAT_GAP  300 /* seconds from a policy's last step to its first one */

struct lead {
    const char *key, *id;
    uint64_t revision;
};

struct tell {
    struct task task; /* first */
    struct alerting *alerting;
    struct lead *leads;
    size_t count, room, at;
    bool reading; /* the leads */
    char *key;
    struct alerting_alert alert;
    uint64_t revision;
    int tries;
    /* what is being told */
    const char *due[ALERTING_DUE];
    enum { TOLD, REFUSED, NOT_TOLD, NOT_KNOWN } outcome;
    int64_t next; /* unix seconds when the next round is due */
};

static void round_begin(void *arg);
static void next_lead(struct tell *l);
static void look(struct task *t, const struct backend_answer *a);

static void round_end(struct alerting *a, int64_t seconds)
{
    a->telling = false;
    (void)world_timer_start(&a->timer, a->again ? 0 : (uint64_t)(seconds > 0 ? seconds : 0) * (uint64_t)SECOND);
}

static void round_failed(struct task *t, int code, const char *detail)
{
    struct tell *l = (struct tell *)t;
    micro_log(t->backend->service, LOG_WARN, "alerts cannot be told: %s", detail);
    if (code == 500 && !l->reading) { /* one record is damaged; the others are not */
        l->at++;
        next_lead(l);
    } else {
        l->alerting->again = false;
        round_end(l->alerting, ROUND_RETRY);
    }
}

int alerting_tell_init(struct alerting *a)
{
    world_timer_init(&a->timer, a->backend.world, round_begin, a);
    return micro_uuid(a->backend.world, a->token);
}

void alerting_wake(struct alerting *a)
{
    a->again = a->telling;
    if (!a->telling)
        (void)world_timer_start(&a->timer, 0); /* without memory for it the one that is set is soon enough */
}

static void read_lead(struct tell *l)
{
    task_read(&l->task, ALERTING_TABLE, l->key, false, look);
}

static void next_lead(struct tell *l)
{
    if (l->at == l->count) {
        round_end(l->alerting, l->next - backend_now(l->task.backend));
        return;
    }
    char *part = backend_part(l->task.memory, l->leads[l->at].id);
    l->key = part ? arena_printf(l->task.memory, "alert:%s", part) : NULL;
    l->tries = 0;
    if (l->key)
        read_lead(l);
    else
        task_no_memory(&l->task);
}

static void lead_done(struct tell *l)
{
    l->at++;
    next_lead(l);
}

/* ---- one thing is told ------------------------------------------------------------------------------------------- */

static bool is_due(const struct tell *l, size_t i)
{
    return strcmp(l->alert.due.items[i], l->due[0]) == 0;
}

/* What happened meanwhile is kept; what was told is taken off, and what was not goes behind the others. */
static bool write_down(struct tell *l)
{
    struct alerting_alert *alert = &l->alert;
    struct backend_list *due = &alert->due;
    bool mail = strcmp(l->due[1], "mail") == 0, of_end = l->due[3][0] == 'r', there = false;
    bool heard = mail && !of_end && (l->outcome == TOLD || l->outcome == NOT_KNOWN);
    for (size_t i = 0; i < due->count && !there; i += ALERTING_DUE)
        if (is_due(l, i)) {
            there = true;
            memmove(due->items + i, due->items + i + ALERTING_DUE,
                    (due->count - i - ALERTING_DUE) * sizeof *due->items);
            due->count -= ALERTING_DUE;
        }
    alert->claimed_until = 0;
    if (heard && !backend_list_has(&alert->heard, l->due[2])) {
        if (!backend_list_add(l->task.memory, &alert->heard, l->due[2]))
            return false;
        /* It ended while they were told of it. */
        if (alert->state == ALERTING__STATE__STATE_RESOLVED && !alerting_add_mail(&l->task, alert, l->due[2], true))
            return false;
    }
    if (l->outcome == TOLD || l->outcome == REFUSED) {
        alert->failed = alert->retry_at = 0;
        return !mail || alerting_note(&l->task, alert, l->outcome == TOLD ? "told" : "refused", l->due[2], "");
    }
    if (!there)
        return true; /* nobody has to hear it any more */
    int64_t wait = 1;
    for (int64_t i = 0; i < alert->failed && wait < RETRY_MAX; i++)
        wait *= 2;
    alert->failed++;
    alert->retry_at = backend_now(l->task.backend) + (wait < RETRY_MAX ? wait : RETRY_MAX);
    return alerting_add(l->task.memory, due, l->due, ALERTING_DUE);
}

static void told_read(struct task *t, const struct backend_answer *a);

static void told_saved(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && ++l->tries < ALERTING_TRIES)
        task_read(t, ALERTING_TABLE, l->key, false, told_read);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        lead_done(l); /* what the claim is for */
    else if (!task_failed(t, a, 503))
        read_lead(l);
}

static void told_read(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    if (!task_take(t, &alerting_shape, a, &l->alert, &l->revision))
        return;
    if (l->revision == 0)
        lead_done(l);
    else if (write_down(l))
        task_save(t, &alerting_shape, l->key, &l->alert, l->revision, told_saved);
    else
        task_no_memory(t);
}

static void told(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    int code = a->error.code;
    bool refused = !backend_unheard(a) && code >= 400 && code < 500 && code != 429;
    l->outcome = a->status == GRPC_OK            ? TOLD
                 : refused                       ? REFUSED
                 : a->status == GRPC_UNAVAILABLE ? NOT_TOLD
                 : backend_unheard(a)            ? NOT_KNOWN
                                                 : NOT_TOLD;
    l->tries = 0;
    task_read(t, ALERTING_TABLE, l->key, false, told_read);
}

static void publish(struct tell *l, Alertsevents__EventType type, char *argument)
{
    static const char *const words[] = {TOPIC ".unknown", TOPIC ".raised", TOPIC ".escalated", TOPIC ".acknowledged",
                                        TOPIC ".resolved"};
    struct arena *m = l->task.memory;
    const struct backend_list *labels = &l->alert.labels;
    Alertsevents__Event event = ALERTSEVENTS__EVENT__INIT;
    Alertsevents__Alert alert = ALERTSEVENTS__ALERT__INIT;
    Alertsevents__Raised raised = ALERTSEVENTS__RAISED__INIT;
    Alertsevents__Escalated escalated = ALERTSEVENTS__ESCALATED__INIT;
    Alertsevents__Acknowledged acknowledged = ALERTSEVENTS__ACKNOWLEDGED__INIT;
    Alertsevents__Resolved resolved = ALERTSEVENTS__RESOLVED__INIT;
    Alertsevents__Alert__LabelsEntry *entries = ARENA_NEW_N(m, Alertsevents__Alert__LabelsEntry, labels->count + 1);
    alert.labels = ARENA_NEW_N(m, Alertsevents__Alert__LabelsEntry *, labels->count + 1);
    if (!entries || !alert.labels) {
        task_no_memory(&l->task);
        return;
    }
    for (size_t i = 0; i + 1 < labels->count; i += 2) {
        Alertsevents__Alert__LabelsEntry *e = &entries[i];
        alertsevents__alert__labels_entry__init(e);
        e->key = labels->items[i];
        e->value = labels->items[i + 1];
        alert.labels[alert.n_labels++] = e;
    }
    event.type = type;
    event.alert = &alert;
    alert.id = l->alert.id;
    alert.key = l->alert.key;
    alert.summary = l->alert.summary;
    alert.severity = (uint32_t)l->alert.severity;
    escalated.step = (uint32_t)strtoul(argument, NULL, 10);
    acknowledged.user_id = resolved.user_id = argument;
    event.raised = type == ALERTSEVENTS__EVENT_TYPE__EventTypeRaised ? &raised : NULL;
    event.escalated = type == ALERTSEVENTS__EVENT_TYPE__EventTypeEscalated ? &escalated : NULL;
    event.acknowledged = type == ALERTSEVENTS__EVENT_TYPE__EventTypeAcknowledged ? &acknowledged : NULL;
    event.resolved = type == ALERTSEVENTS__EVENT_TYPE__EventTypeResolved ? &resolved : NULL;
    task_publish(&l->task, TOPIC, words[type], &event.base, told);
}

static void mail(struct tell *l, char *address, bool of_end)
{
    static char from[] = "Alerts";
    static const char *const severities[] = {"", "info", "warning", "critical"};
    struct arena *m = l->task.memory;
    const struct alerting_alert *alert = &l->alert;
    Email__SendRequest r = EMAIL__SEND_REQUEST__INIT;
    r.from = from;
    r.to = address;
    r.subject = of_end ? arena_printf(m, "[resolved] %s", alert->summary)
                       : arena_printf(m, "[%s] %s", severities[alert->severity & 3], alert->summary);
    r.text_body =
        of_end ? arena_printf(m, "It is right again: %s\n\nAlert %s, key %s.\n", alert->summary, alert->id, alert->key)
               : arena_printf(m, "%s\n\nAlert %s, key %s. Acknowledge it when you see to it.\n", alert->summary,
                              alert->id, alert->key);
    if (r.subject && r.text_body)
        task_ask(&l->task, "the mail", "email", "Email.Send", &r.base, &email__send_response__descriptor, told);
    else
        task_no_memory(&l->task);
}

/* ---- what is due ------------------------------------------------------------------------------------------------- */

static void at_latest(struct tell *l, int64_t when)
{
    l->next = when < l->next ? when : l->next;
}

/* The policy's steps whose time has come: seconds since it was raised, one round of steps after the other. */
static bool add_steps(struct tell *l)
{
    struct alerting_alert *alert = &l->alert;
    size_t targets = alert->steps.count / ALERTING_STEP;
    if (alert->state != ALERTING__STATE__STATE_OPEN || targets == 0)
        return true;
    char *const *last = alert->steps.items + (targets - 1) * ALERTING_STEP;
    int64_t in_round = strtoll(last[0], NULL, 10), length = strtoll(last[1], NULL, 10) + REPEAT_GAP;
    while (alert->stepped < in_round * (alert->repeat + 1)) {
        int64_t number = alert->stepped % in_round + 1, due_at = 0;
        for (size_t i = 0; i < targets; i++)
            if (strtoll(alert->steps.items[i * ALERTING_STEP], NULL, 10) == number)
                due_at = alert->raised + alert->stepped / in_round * length +
                         strtoll(alert->steps.items[i * ALERTING_STEP + 1], NULL, 10);
        if (due_at > backend_now(l->task.backend)) {
            at_latest(l, due_at);
            return true;
        }
        for (size_t i = 0; i < targets; i++)
            if (strtoll(alert->steps.items[i * ALERTING_STEP], NULL, 10) == number &&
                !alerting_add_mail(&l->task, alert, alert->steps.items[i * ALERTING_STEP + 2], false))
                return false;
        const char *step = arena_printf(l->task.memory, "%lld", (long long)number);
        if (alert->stepped > 0 &&
            (!step || !alerting_note(&l->task, alert, "escalated", "", step) ||
             !alerting_add_event(&l->task, alert, ALERTSEVENTS__EVENT_TYPE__EventTypeEscalated, step)))
            return false;
        alert->stepped++;
    }
    return true;
}

/* Claimed: nobody else tells it for a minute. */
static void claimed_read(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    struct alerting_alert *alert = &l->alert;
    if (!task_take(t, &alerting_shape, a, alert, &l->revision))
        return;
    bool ours = l->revision && strcmp(alert->claim, l->alerting->token) == 0 && alert->claimed_until;
    if (!ours || alert->due.count < ALERTING_DUE) {
        lead_done(l);
        return;
    }
    for (size_t i = 0; i < ALERTING_DUE; i++)
        l->due[i] = alert->due.items[i];
    if (strcmp(l->due[1], "mail") == 0)
        mail(l, alert->due.items[2], l->due[3][0] == 'r');
    else
        publish(l, (Alertsevents__EventType)strtol(l->due[2], NULL, 10), alert->due.items[3]);
}

static void claimed(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && ++l->tries < ALERTING_TRIES)
        read_lead(l);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        lead_done(l);
    else if (!task_failed(t, a, 503))
        task_read(t, ALERTING_TABLE, l->key, false, claimed_read);
}

static void closed(struct task *t, const struct backend_answer *a)
{
    (void)a; /* when its key leads elsewhere by now, or could not be written, the next round sees to it */
    lead_done((struct tell *)t);
}

/* Over, and everybody has heard: its key leads nowhere a minute later. */
static void close_key(struct tell *l)
{
    const struct lead *lead = &l->leads[l->at];
    const struct alerting_open open = {.id = l->alert.id, .over = true};
    l->task.expiry = OVER;
    task_save(&l->task, &alerting_open_shape, lead->key, &open, lead->revision, closed);
}

static void look(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    struct alerting_alert *alert = &l->alert;
    int64_t now = backend_now(t->backend);
    if (!task_take(t, &alerting_shape, a, alert, &l->revision))
        return;
    if (l->revision == 0) {
        lead_done(l); /* it is being raised */
    } else if (!add_steps(l)) {
        task_no_memory(t);
    } else if (alert->due.count == 0) {
        if (alert->state == ALERTING__STATE__STATE_RESOLVED)
            close_key(l);
        else
            lead_done(l);
    } else if (alert->retry_at > now || alert->claimed_until > now) {
        at_latest(l, alert->retry_at > now ? alert->retry_at : alert->claimed_until);
        lead_done(l);
    } else {
        alert->claim = l->alerting->token;
        alert->claimed_until = now + CLAIM;
        task_save(t, &alerting_shape, l->key, alert, l->revision, claimed);
    }
}

/* ---- a round ----------------------------------------------------------------------------------------------------- */

static bool lead_each(struct task *t, const struct backend_found *f)
{
    struct tell *l = (struct tell *)t;
    struct alerting_open open = {0};
    if (!f) {
        l->count = 0;
        return true;
    }
    if (!backend_decode(t->memory, alerting_open_shape.fields, alerting_open_shape.count, f->value, &open)) {
        micro_log(t->backend->service, LOG_WARN, "%s: %s", alerting_open_shape.damaged, f->key);
        return true;
    }
    if (open.over)
        return true;
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct lead *more = ARENA_NEW_N(t->memory, struct lead, room);
        if (!more) {
            task_no_memory(t);
            return false;
        }
        if (l->count)
            memcpy(more, l->leads, l->count * sizeof *more);
        l->leads = more;
        l->room = room;
    }
    l->leads[l->count++] = (struct lead){f->key, open.id, f->revision};
    return true;
}

static void leads_read(struct task *t, const struct backend_answer *a)
{
    struct tell *l = (struct tell *)t;
    (void)a;
    l->reading = false;
    next_lead(l);
}

static void round_begin(void *arg)
{
    struct alerting *a = arg;
    a->again = false;
    a->telling = true;
    arena_reset(&a->memory);
    struct tell *l = ARENA_NEW(&a->memory, struct tell);
    if (!l) {
        round_end(a, ROUND_RETRY);
        return;
    }
    *l = (struct tell){.alerting = a, .reading = true, .next = backend_now(&a->backend) + ROUND_MAX};
    task_init(&l->task, &a->backend, &a->memory, "alerting.Alerting", round_failed);
    task_scan(&l->task, ALERTING_TABLE, "open:", lead_each, leads_read);
}
