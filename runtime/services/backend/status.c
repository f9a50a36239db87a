/* Whether everything works (proto/status/status.proto): components, and how they are. Maintenance, Uptime, Subscribe
 * and Watch are not implemented.
 *
 * Table "status": "component:<name>" is a component, what was found out of it, and who knows of that already;
 * "incident:<id>" is an incident. status_check.c asks the components' services. */
#include "runtime/services/backend/status.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 100
#define INTERVAL     30
#define INTERVAL_MAX 3600
#define FAILURES     3
#define FAILURES_MAX 10

#define FIELD(member, kind) BACKEND_FIELD(struct status_component, member, kind)
static const struct backend_field fields[] = {
    FIELD(name, FIELD_TEXT),    FIELD(description, FIELD_TEXT), FIELD(group, FIELD_TEXT),
    FIELD(service, FIELD_TEXT), FIELD(interval, FIELD_INT),     FIELD(failures, FIELD_INT),
    FIELD(gone, FIELD_BOOL),    FIELD(why, FIELD_TEXT),         FIELD(incident, FIELD_TEXT),
    FIELD(health, FIELD_INT),   FIELD(updated, FIELD_INT),      FIELD(told_health, FIELD_INT),
    FIELD(noted, FIELD_BOOL),   FIELD(raised, FIELD_BOOL),      FIELD(told_updated, FIELD_INT),
};
const struct backend_shape status_component_shape = {
    STATUS_TABLE, "what the store holds under this name is no component", fields, sizeof fields / sizeof *fields};

char *status_component_key(struct arena *m, const char *name)
{
    char *part = backend_part(m, name);
    return part ? arena_printf(m, "component:%s", part) : NULL;
}

bool status_check_caller(struct rpc_call *call, const char *id)
{
    const struct micro_account *who = backend_caller(call, id);
    if (who && !backend_is_operator(who))
        micro_fail(call, 403, id, "only the platform's administrators and services may do that");
    return who && backend_is_operator(who);
}

bool status_is_out(const struct status_component *c)
{
    return c->service[0] && !c->gone && c->health != STATUS__HEALTH__HEALTH_UNKNOWN &&
           c->health != STATUS__HEALTH__HEALTH_OPERATIONAL;
}

/* ---- Overview ---------------------------------------------------------------------------------------------------- */

struct overview {
    struct task task;
    struct status_component *components;
    size_t count, room;
    struct status_incidents incidents;
};

static bool component_each(struct task *t, const struct backend_found *f)
{
    struct overview *o = (struct overview *)t;
    struct status_component c = {0};
    if (!f) {
        o->count = 0;
        return true;
    }
    if (!backend_decode(t->memory, fields, status_component_shape.count, f->value, &c)) {
        task_fail(t, 500, "%s", status_component_shape.damaged);
        return false;
    }
    if (c.gone)
        return true;
    if (o->count == o->room) {
        size_t room = o->room ? 2 * o->room : 16;
        struct status_component *more = ARENA_NEW_N(t->memory, struct status_component, room);
        if (!more) {
            task_no_memory(t);
            return false;
        }
        if (o->count)
            memcpy(more, o->components, o->count * sizeof *more);
        o->components = more;
        o->room = room;
    }
    o->components[o->count++] = c;
    return true;
}

/* How bad it is, in this order. */
static int badness(int64_t health)
{
    static const int order[] = {[STATUS__HEALTH__HEALTH_UNKNOWN] = 0,        [STATUS__HEALTH__HEALTH_OPERATIONAL] = 1,
                                [STATUS__HEALTH__HEALTH_MAINTENANCE] = 2,    [STATUS__HEALTH__HEALTH_DEGRADED] = 3,
                                [STATUS__HEALTH__HEALTH_PARTIAL_OUTAGE] = 4, [STATUS__HEALTH__HEALTH_MAJOR_OUTAGE] = 5};
    return health >= 0 && health < (int64_t)(sizeof order / sizeof *order) ? order[health] : 0;
}

/* As it is itself, or worse because of an incident. */
static Status__Health health_of(const struct overview *o, const struct status_component *c)
{
    int64_t worst = c->health;
    for (size_t i = 0; i < o->incidents.count; i++) {
        const struct backend_list *l = &o->incidents.items[i].components;
        for (size_t k = 0; k + 1 < l->count; k += 2)
            if (strcmp(l->items[k], c->name) == 0 && badness(strtol(l->items[k + 1], NULL, 10)) > badness(worst))
                worst = strtol(l->items[k + 1], NULL, 10);
    }
    return (Status__Health)worst;
}

static void overview_answer(struct task *t, const struct backend_answer *a)
{
    struct overview *o = (struct overview *)t;
    Status__OverviewResponse reply = STATUS__OVERVIEW_RESPONSE__INIT;
    (void)a; /* a scan that failed has failed the call */
    Status__Component *shown = ARENA_NEW_N(t->memory, Status__Component, o->count + 1);
    reply.components = ARENA_NEW_N(t->memory, Status__Component *, o->count + 1);
    reply.incidents = ARENA_NEW_N(t->memory, Status__Incident *, o->incidents.count + 1);
    bool ok = shown && reply.components && reply.incidents;
    for (size_t i = 0; ok && i < o->count; i++) {
        const struct status_component *c = &o->components[i];
        Status__Component *out = reply.components[reply.n_components++] = &shown[i];
        status__component__init(out);
        out->name = c->name;
        out->description = c->description;
        out->health = health_of(o, c);
        out->group = c->group;
        out->updated = c->updated;
        out->service = c->service;
        out->interval = (uint32_t)c->interval;
        out->failures = (uint32_t)c->failures;
        reply.health = badness(out->health) > badness(reply.health) ? out->health : reply.health;
    }
    for (size_t i = 0; ok && i < o->incidents.count; i++) {
        ok = (reply.incidents[i] = status_incident_message(t->memory, &o->incidents.items[i])) != NULL;
        reply.n_incidents += ok;
    }
    if (ok)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static bool incident_each(struct task *t, const struct backend_found *f)
{
    return status_gather(t, &((struct overview *)t)->incidents, f, true);
}

static void components_read(struct task *t, const struct backend_answer *a)
{
    (void)a;
    task_scan(t, STATUS_TABLE, "incident:", incident_each, overview_answer);
}

static void overview_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)message;
    struct overview *o = task_new(sizeof *o, context, call, "status.Status.Overview");
    if (o)
        task_scan(&o->task, STATUS_TABLE, "component:", component_each, components_read);
}

/* ---- SetComponent, DeleteComponent ------------------------------------------------------------------------------- */

struct change {
    struct task task;
    const Status__Component *given; /* NULL: it is taken away */
    struct status_component component;
    char *key;
    uint64_t revision;
    int tries;
};

static void change_read(struct task *t, const struct backend_answer *a);

static void change_done(struct change *c)
{
    static const Status__SetComponentResponse set = STATUS__SET_COMPONENT_RESPONSE__INIT;
    static const Status__DeleteComponentResponse gone = STATUS__DELETE_COMPONENT_RESPONSE__INIT;
    rpc_call_reply(c->task.call, c->given ? &set.base : &gone.base);
}

static void change_saved(struct task *t, const struct backend_answer *a)
{
    struct change *c = (struct change *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && ++c->tries < STATUS_TRIES)
        task_read(t, STATUS_TABLE, c->key, false, change_read);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        task_fail(t, 409, "the component is being changed; try again");
    else if (!task_failed(t, a, 500)) {
        status_wake((struct status *)t->backend);
        change_done(c);
    }
}

static void fill(struct change *c)
{
    const Status__Component *given = c->given;
    struct status_component *out = &c->component;
    bool asked_another = strcmp(out->service, given->service) != 0 || out->gone;
    out->name = given->name;
    out->description = given->description;
    out->group = given->group;
    out->service = given->service;
    out->interval = given->interval ? given->interval : INTERVAL;
    out->failures = given->failures ? given->failures : FAILURES;
    out->gone = false;
    int64_t health = !given->service[0] ? (int64_t)given->health
                     : asked_another    ? STATUS__HEALTH__HEALTH_UNKNOWN
                                        : out->health;
    if (health != out->health || c->revision == 0)
        out->updated = backend_now(c->task.backend);
    out->health = health;
}

static void change_read(struct task *t, const struct backend_answer *a)
{
    static char nothing[] = "";
    struct change *c = (struct change *)t;
    c->component = (struct status_component){.service = nothing, .why = nothing, .incident = nothing};
    if (!task_take(t, &status_component_shape, a, &c->component, &c->revision))
        return;
    if (c->given) {
        fill(c);
    } else if (c->revision == 0 || c->component.gone) {
        change_done(c);
        return;
    } else {
        c->component.gone = true;
    }
    task_save(t, &status_component_shape, c->key, &c->component, c->revision, change_saved);
}

static void change(struct rpc_call *call, void *context, const char *id, const char *name,
                   const Status__Component *given)
{
    struct change *c = task_new(sizeof *c, context, call, id);
    if (!c || !backend_check_text(call, id, "a name", name, 1, NAME_MAX_LEN))
        return;
    c->given = given;
    c->key = status_component_key(c->task.memory, name);
    if (c->key)
        task_read(&c->task, STATUS_TABLE, c->key, false, change_read);
    else
        task_no_memory(&c->task);
}

static void set_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "status.Status.SetComponent";
    const Status__Component *c = ((const Status__SetComponentRequest *)(const void *)message)->component;
    if (!status_check_caller(call, id))
        return;
    const char *wrong = NULL;
    if (!c)
        wrong = "a component is required";
    else if ((int)c->health < 0 || c->health > STATUS__HEALTH__HEALTH_MAINTENANCE || (!c->health && !c->service[0]))
        wrong = "a health is required, or a service that is asked for it";
    else if (c->interval > INTERVAL_MAX || c->failures > FAILURES_MAX)
        wrong = "an interval is 1 to 3600 seconds, failures are 1 to 10";
    if (wrong)
        micro_fail(call, 400, id, "%s", wrong);
    else if (backend_check_text(call, id, "a service", c->service, 0, NAME_MAX_LEN))
        change(call, context, id, c->name, c);
}

static void delete_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "status.Status.DeleteComponent";
    if (status_check_caller(call, id))
        change(call, context, id, ((const Status__DeleteComponentRequest *)(const void *)message)->name, NULL);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &status__##stem##_request__descriptor,                                                \
        .output = &status__##stem##_response__descriptor, .unary = handler                                             \
    }
static const struct rpc_method methods[] = {
    METHOD("Overview", overview, overview_handler),
    METHOD("SetComponent", set_component, set_handler),
    METHOD("DeleteComponent", delete_component, delete_handler),
    METHOD("OpenIncident", open_incident, status_open_incident),
    METHOD("UpdateIncident", update_incident, status_update_incident),
    METHOD("ReadIncident", read_incident, status_read_incident),
    METHOD("ListIncidents", list_incidents, status_list_incidents),
};
static const struct rpc_service served = {"status.Status", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *service, void **state, struct error *err)
{
    struct status *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->backend = (struct backend){.service = service, .world = micro_service_world(service)};
    *state = s;
    status_check_init(s);
    int rc = micro_service_add(service, &served, &s->backend);
    if (rc)
        return error_set(err, rc, "the handlers cannot be set up");
    status_wake(s);
    return 0;
}

static void stop(void *state)
{
    struct status *s = state;
    if (!s)
        return;
    status_check_stop(s);
    arena_deinit(&s->memory);
    free(s);
}

const struct micro_program backend_status = {.name = "status", .setup = setup, .stop = stop};
