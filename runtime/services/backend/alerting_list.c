/* Alerts and policies, listed; policies, set. */
#include "runtime/services/backend/alerting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT       25
#define LIMIT_MAX   100
#define STEPS_MAX   20
#define TARGETS_MAX 20
#define REPEAT_MAX  10
#define AFTER_MAX   604800 /* seconds */

static const struct backend_field fields[] = {
    BACKEND_FIELD(struct alerting_policy, name, FIELD_TEXT),
    BACKEND_FIELD(struct alerting_policy, severity_min, FIELD_INT),
    BACKEND_FIELD(struct alerting_policy, repeat, FIELD_INT),
    BACKEND_FIELD(struct alerting_policy, match, FIELD_MAP),
    BACKEND_FIELD(struct alerting_policy, steps, FIELD_LIST),
};
const struct backend_shape alerting_policy_shape = {ALERTING_TABLE, "what the store holds under this name is no policy",
                                                    fields, sizeof fields / sizeof *fields};

static const char *value_of(const struct backend_list *map, const char *name)
{
    for (size_t i = 0; i + 1 < map->count; i += 2)
        if (strcmp(map->items[i], name) == 0)
            return map->items[i + 1];
    return NULL;
}

bool alerting_labels_match(const struct backend_list *wanted, const struct backend_list *labels)
{
    for (size_t i = 0; i + 1 < wanted->count; i += 2) {
        const char *value = value_of(labels, wanted->items[i]);
        if (!value || strcmp(value, wanted->items[i + 1]) != 0)
            return false;
    }
    return true;
}

static bool fail(struct task *t, const char *why)
{
    task_fail(t, 400, "%s", why);
    return false;
}

/* ---- List -------------------------------------------------------------------------------------------------------- */

struct list_work {
    struct task task;
    const Alerting__ListRequest *request;
    struct backend_list match;
    struct alerting_alert *alerts;
    size_t count, room;
    int64_t after_raised; /* the last one of the page before; after_id NULL: there is none */
    const char *after_id;
};

static int order(int64_t raised, const char *id, int64_t other_raised, const char *other_id)
{
    if (raised != other_raised)
        return raised > other_raised ? -1 : 1;
    return strcmp(id, other_id);
}

static int newest_first(const void *a, const void *b)
{
    const struct alerting_alert *x = a, *y = b;
    return order(x->raised, x->id, y->raised, y->id);
}

static bool wanted(const struct list_work *l, const struct alerting_alert *alert)
{
    return (!l->request->state || alert->state == (int64_t)l->request->state) &&
           alert->severity >= (int64_t)l->request->severity_min && alerting_labels_match(&l->match, &alert->labels) &&
           (!l->after_id || order(alert->raised, alert->id, l->after_raised, l->after_id) > 0);
}

static bool list_each(struct task *t, const struct backend_found *f)
{
    struct list_work *l = (struct list_work *)t;
    struct alerting_alert alert = {0};
    if (!f) {
        l->count = 0;
        return true;
    }
    if (!backend_decode(t->memory, alerting_shape.fields, alerting_shape.count, f->value, &alert)) {
        task_fail(t, 500, "%s", alerting_shape.damaged);
        return false;
    }
    if (!wanted(l, &alert))
        return true;
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct alerting_alert *more = ARENA_NEW_N(t->memory, struct alerting_alert, room);
        if (!more) {
            task_no_memory(t);
            return false;
        }
        if (l->count)
            memcpy(more, l->alerts, l->count * sizeof *more);
        l->alerts = more;
        l->room = room;
    }
    l->alerts[l->count++] = alert;
    return true;
}

static void list_read(struct task *t, const struct backend_answer *a)
{
    struct list_work *l = (struct list_work *)t;
    Alerting__ListResponse reply = ALERTING__LIST_RESPONSE__INIT;
    (void)a; /* a scan that failed has failed the call */
    size_t limit = l->request->limit ? l->request->limit : LIMIT;
    if (l->count)
        qsort(l->alerts, l->count, sizeof *l->alerts, newest_first);
    reply.alerts = ARENA_NEW_N(t->memory, Alerting__Alert *, limit + 1);
    bool ok = reply.alerts != NULL;
    while (ok && reply.n_alerts < limit && reply.n_alerts < l->count) {
        ok = (reply.alerts[reply.n_alerts] = alerting_message(t->memory, &l->alerts[reply.n_alerts], false)) != NULL;
        reply.n_alerts += ok;
    }
    if (ok && l->count > limit) {
        const struct alerting_alert *last = &l->alerts[limit - 1];
        reply.next_cursor = arena_printf(t->memory, "%lld:%s", (long long)last->raised, last->id);
        ok = reply.next_cursor != NULL;
    }
    if (ok)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static bool read_cursor(struct list_work *l)
{
    char *end;
    l->after_raised = strtoll(l->request->cursor, &end, 10);
    l->after_id = end + 1;
    return (end != l->request->cursor && *end == ':' && end[1]) || fail(&l->task, "that is no cursor of a page");
}

void alerting_list(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "alerting.Alerting.List";
    const Alerting__ListRequest *r = (const Alerting__ListRequest *)(const void *)message;
    if (!alerting_caller(call, id) || (r->limit && !backend_check_page(call, id, r->limit, LIMIT_MAX)))
        return;
    struct list_work *l = task_new(sizeof *l, context, call, id);
    if (!l)
        return;
    l->request = r;
    for (size_t i = 0; i < r->n_match; i++) {
        const char *const texts[2] = {r->match[i]->key, r->match[i]->value};
        if (!alerting_add(l->task.memory, &l->match, texts, 2)) {
            task_no_memory(&l->task);
            return;
        }
    }
    if (!r->cursor[0] || read_cursor(l))
        task_scan(&l->task, ALERTING_TABLE, "alert:", list_each, list_read);
}

/* ---- policies ---------------------------------------------------------------------------------------------------- */

static void policy_saved(struct task *t, const struct backend_answer *a)
{
    static const Alerting__SetPolicyResponse empty = ALERTING__SET_POLICY_RESPONSE__INIT;
    if (!task_failed(t, a, 500))
        rpc_call_reply(t->call, &empty.base);
}

/* False: the call was failed. */
static bool take_step(struct task *t, struct alerting_policy *p, size_t number, const Alerting__Step *step,
                      int64_t *before)
{
    int64_t after = step->after ? step->after->seconds : 0;
    if (step->n_targets == 0 || step->n_targets > TARGETS_MAX)
        return fail(t, "a step tells 1 to 20 targets");
    if (after < *before || after > AFTER_MAX)
        return fail(t, "steps come one after the other, within 7 days");
    *before = after;
    for (size_t i = 0; i < step->n_targets; i++) {
        if (step->targets[i]->how_case != ALERTING__TARGET__HOW_EMAIL) {
            task_fail(t, 501, "targets are e-mail addresses: nobody else can be told");
            return false;
        }
        const char *const texts[ALERTING_STEP] = {arena_printf(t->memory, "%zu", number),
                                                  arena_printf(t->memory, "%lld", (long long)after),
                                                  backend_email(t->call, t->id, step->targets[i]->email)};
        if (!texts[2])
            return false;
        if (!alerting_add(t->memory, &p->steps, texts, ALERTING_STEP)) {
            task_no_memory(t);
            return false;
        }
    }
    return true;
}

void alerting_set_policy(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "alerting.Alerting.SetPolicy";
    const Alerting__Policy *given = ((const Alerting__SetPolicyRequest *)(const void *)message)->policy;
    if (!alerting_caller(call, id))
        return;
    struct task *t = task_new(sizeof *t, context, call, id);
    if (!t)
        return;
    if (!given || given->n_steps == 0 || given->n_steps > STEPS_MAX || given->repeat > REPEAT_MAX) {
        (void)fail(t, given && given->n_steps && given->n_steps <= STEPS_MAX ? "steps are repeated 0 to 10 times"
                                                                             : "a policy has 1 to 20 steps");
        return;
    }
    if (!backend_check_text(call, id, "a name", given->name, 1, 100))
        return;
    if ((int)given->severity_min < 0 || given->severity_min > ALERTING__SEVERITY__SEVERITY_CRITICAL) {
        (void)fail(t, "there is no such severity");
        return;
    }
    struct alerting_policy p = {
        .name = given->name, .severity_min = given->severity_min, .repeat = (int64_t)given->repeat};
    for (size_t i = 0; i < given->n_match; i++) {
        const char *const texts[2] = {given->match[i]->key, given->match[i]->value};
        if (!alerting_add(t->memory, &p.match, texts, 2)) {
            task_no_memory(t);
            return;
        }
    }
    int64_t before = 0;
    for (size_t i = 0; i < given->n_steps; i++)
        if (!take_step(t, &p, i + 1, given->steps[i], &before))
            return;
    char *part = backend_part(t->memory, given->name);
    task_save(t, &alerting_policy_shape, part ? arena_printf(t->memory, "policy:%s", part) : NULL, &p, BACKEND_ALWAYS,
              policy_saved);
}

struct policies_work {
    struct task task;
    Alerting__Policy **policies;
    size_t count, room;
};

static Alerting__Policy *policy_message(struct arena *m, const struct alerting_policy *p)
{
    size_t targets = p->steps.count / ALERTING_STEP, labels = p->match.count / 2;
    Alerting__Policy *out = ARENA_NEW(m, Alerting__Policy);
    Alerting__Policy__MatchEntry *match = ARENA_NEW_N(m, Alerting__Policy__MatchEntry, labels + 1);
    if (!out || !match)
        return NULL;
    alerting__policy__init(out);
    out->name = p->name;
    out->severity_min = (Alerting__Severity)p->severity_min;
    out->repeat = (uint32_t)p->repeat;
    out->match = ARENA_NEW_N(m, Alerting__Policy__MatchEntry *, labels + 1);
    out->steps = ARENA_NEW_N(m, Alerting__Step *, targets + 1);
    if (!out->match || !out->steps)
        return NULL;
    for (size_t i = 0; i < labels; i++) {
        alerting__policy__match_entry__init(&match[i]);
        match[i].key = p->match.items[2 * i];
        match[i].value = p->match.items[2 * i + 1];
        out->match[out->n_match++] = &match[i];
    }
    for (size_t i = 0; i < targets; i++) {
        char *const *texts = p->steps.items + i * ALERTING_STEP;
        size_t number = strtoul(texts[0], NULL, 10);
        if (number > out->n_steps) {
            Alerting__Step *step = ARENA_NEW(m, Alerting__Step);
            Google__Protobuf__Duration *after = ARENA_NEW(m, Google__Protobuf__Duration);
            if (!step || !after)
                return NULL;
            alerting__step__init(step);
            google__protobuf__duration__init(after);
            after->seconds = strtoll(texts[1], NULL, 10);
            step->after = after;
            step->targets = ARENA_NEW_N(m, Alerting__Target *, targets);
            out->steps[out->n_steps++] = step;
        }
        Alerting__Step *step = out->steps[out->n_steps - 1];
        Alerting__Target *target = ARENA_NEW(m, Alerting__Target);
        if (!step->targets || !target)
            return NULL;
        alerting__target__init(target);
        target->how_case = ALERTING__TARGET__HOW_EMAIL;
        target->email = texts[2];
        step->targets[step->n_targets++] = target;
    }
    return out;
}

static bool policies_each(struct task *t, const struct backend_found *f)
{
    struct policies_work *w = (struct policies_work *)t;
    struct alerting_policy p = {0};
    if (!f) {
        w->count = 0;
        return true;
    }
    if (!backend_decode(t->memory, fields, alerting_policy_shape.count, f->value, &p)) {
        task_fail(t, 500, "%s", alerting_policy_shape.damaged);
        return false;
    }
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        Alerting__Policy **more = ARENA_NEW_N(t->memory, Alerting__Policy *, room);
        if (more && w->count)
            memcpy(more, w->policies, w->count * sizeof *more);
        w->policies = more;
        w->room = room;
    }
    if (!w->policies || !(w->policies[w->count] = policy_message(t->memory, &p))) {
        task_no_memory(t);
        return false;
    }
    w->count++;
    return true;
}

static void policies_read(struct task *t, const struct backend_answer *a)
{
    struct policies_work *w = (struct policies_work *)t;
    Alerting__ListPoliciesResponse reply = ALERTING__LIST_POLICIES_RESPONSE__INIT;
    (void)a;
    reply.policies = w->policies;
    reply.n_policies = w->count;
    rpc_call_reply(t->call, &reply.base);
}

void alerting_list_policies(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "alerting.Alerting.ListPolicies";
    (void)message;
    struct policies_work *w = alerting_caller(call, id) ? task_new(sizeof *w, context, call, id) : NULL;
    if (w)
        task_scan(&w->task, ALERTING_TABLE, "policy:", policies_each, policies_read);
}
