/* Incidents: what did not work, and what was told of it. */
#include "runtime/services/backend/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_MAX 200
#define TEXT_MAX  5000
#define POSTS_MAX 200
#define LIMIT     25
#define LIMIT_MAX 100

#define FIELD(member, kind) BACKEND_FIELD(struct status_incident, member, kind)
static const struct backend_field fields[] = {
    FIELD(id, FIELD_TEXT),      FIELD(title, FIELD_TEXT),     FIELD(phase, FIELD_INT),  FIELD(opened, FIELD_INT),
    FIELD(resolved, FIELD_INT), FIELD(components, FIELD_MAP), FIELD(posts, FIELD_LIST),
};
const struct backend_shape status_incident_shape = {STATUS_TABLE, "what the store holds under this id is no incident",
                                                    fields, sizeof fields / sizeof *fields};

char *status_incident_key(struct arena *m, const char *id)
{
    char *part = backend_part(m, id);
    return part ? arena_printf(m, "incident:%s", part) : NULL;
}

bool status_post(struct task *t, struct status_incident *i, Status__Phase phase, const char *text)
{
    struct backend_list posts = {0};
    const char *const texts[STATUS_POST] = {arena_printf(t->memory, "%d", (int)phase), text,
                                            arena_printf(t->memory, "%lld", (long long)backend_now(t->backend))};
    for (size_t k = 0; k < STATUS_POST; k++)
        if (!texts[k] || !backend_list_add(t->memory, &posts, texts[k]))
            return false;
    for (size_t k = 0; k < i->posts.count && k < (POSTS_MAX - 1) * STATUS_POST; k++)
        if (!backend_list_add(t->memory, &posts, i->posts.items[k]))
            return false;
    i->posts = posts;
    i->phase = phase;
    if (phase == STATUS__PHASE__PHASE_RESOLVED)
        i->resolved = backend_now(t->backend);
    return true;
}

Status__Incident *status_incident_message(struct arena *m, const struct status_incident *i)
{
    size_t posts = i->posts.count / STATUS_POST, names = i->components.count / 2;
    Status__Incident *out = ARENA_NEW(m, Status__Incident);
    Status__Post *post = ARENA_NEW_N(m, Status__Post, posts + 1);
    Status__Incident__ComponentsEntry *component = ARENA_NEW_N(m, Status__Incident__ComponentsEntry, names + 1);
    if (!out || !post || !component)
        return NULL;
    status__incident__init(out);
    out->posts = ARENA_NEW_N(m, Status__Post *, posts + 1);
    out->components = ARENA_NEW_N(m, Status__Incident__ComponentsEntry *, names + 1);
    if (!out->posts || !out->components)
        return NULL;
    out->id = i->id;
    out->title = i->title;
    out->phase = (Status__Phase)i->phase;
    out->opened = i->opened;
    out->resolved = i->resolved;
    for (size_t k = 0; k < posts; k++) {
        status__post__init(&post[k]);
        post[k].phase = (Status__Phase)strtol(i->posts.items[k * STATUS_POST], NULL, 10);
        post[k].text = i->posts.items[k * STATUS_POST + 1];
        post[k].created = strtoll(i->posts.items[k * STATUS_POST + 2], NULL, 10);
        out->posts[out->n_posts++] = &post[k];
    }
    for (size_t k = 0; k < names; k++) {
        status__incident__components_entry__init(&component[k]);
        component[k].key = i->components.items[2 * k];
        component[k].value = (Status__Health)strtol(i->components.items[2 * k + 1], NULL, 10);
        out->components[out->n_components++] = &component[k];
    }
    return out;
}

bool status_gather(struct task *t, struct status_incidents *all, const struct backend_found *f, bool open_only)
{
    struct status_incident i = {0};
    if (!f) {
        all->count = 0;
        return true;
    }
    if (!backend_decode(t->memory, fields, status_incident_shape.count, f->value, &i)) {
        task_fail(t, 500, "%s", status_incident_shape.damaged);
        return false;
    }
    if (open_only && i.phase == STATUS__PHASE__PHASE_RESOLVED)
        return true;
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 16;
        struct status_incident *more = ARENA_NEW_N(t->memory, struct status_incident, room);
        if (!more) {
            task_no_memory(t);
            return false;
        }
        if (all->count)
            memcpy(more, all->items, all->count * sizeof *more);
        all->items = more;
        all->room = room;
    }
    all->items[all->count++] = i;
    return true;
}

/* ---- one --------------------------------------------------------------------------------------------------------- */

struct work {
    struct task task;
    const void *request;
    char *key;
    struct status_incident incident;
    uint64_t revision;
    bool (*change)(struct work *w); /* false: the call was failed; NULL: it is only looked at */
    void (*done)(struct work *w);
    int tries;
};

#define ANSWER(function, Type, INIT)                                                                                   \
    static void function(struct work *w)                                                                               \
    {                                                                                                                  \
        Type reply = INIT;                                                                                             \
        if ((reply.incident = status_incident_message(w->task.memory, &w->incident)) != NULL)                          \
            rpc_call_reply(w->task.call, &reply.base);                                                                 \
        else                                                                                                           \
            task_no_memory(&w->task);                                                                                  \
    }
ANSWER(open_done, Status__OpenIncidentResponse, STATUS__OPEN_INCIDENT_RESPONSE__INIT)
ANSWER(update_done, Status__UpdateIncidentResponse, STATUS__UPDATE_INCIDENT_RESPONSE__INIT)
ANSWER(read_done, Status__ReadIncidentResponse, STATUS__READ_INCIDENT_RESPONSE__INIT)

static bool fail(struct work *w, int code, const char *why)
{
    task_fail(&w->task, code, "%s", why);
    return false;
}

static void incident_read(struct task *t, const struct backend_answer *a);

static void incident_saved(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && w->change && ++w->tries < STATUS_TRIES)
        task_read(t, STATUS_TABLE, w->key, false, incident_read);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        (void)fail(w, 409, "the incident is being changed; try again");
    else if (!task_failed(t, a, 500))
        w->done(w);
}

static void incident_read(struct task *t, const struct backend_answer *a)
{
    struct work *w = (struct work *)t;
    if (!task_take(t, &status_incident_shape, a, &w->incident, &w->revision))
        return;
    if (w->revision == 0)
        (void)fail(w, 404, "there was no such incident");
    else if (!w->change)
        w->done(w);
    else if (w->change(w))
        task_save(t, &status_incident_shape, w->key, &w->incident, w->revision, incident_saved);
}

static struct work *work_with(struct rpc_call *call, void *context, const char *id, const void *request,
                              const char *incident)
{
    struct work *w = task_new(sizeof *w, context, call, id);
    if (!w || !backend_check_text(call, id, "an id", incident, 1, BACKEND_ID_MAX))
        return NULL;
    w->request = request;
    w->key = status_incident_key(w->task.memory, incident);
    if (!w->key)
        task_no_memory(&w->task);
    return w->key ? w : NULL;
}

/* How a component is because of it. False: the call was failed. */
static bool put_component(struct work *w, const char *name, int health)
{
    struct backend_list *l = &w->incident.components;
    char *number = arena_printf(w->task.memory, "%d", health);
    if (health <= STATUS__HEALTH__HEALTH_UNKNOWN || health > STATUS__HEALTH__HEALTH_MAINTENANCE)
        return fail(w, 400, "components are told with how they are");
    for (size_t i = 0; number && i + 1 < l->count; i += 2)
        if (strcmp(l->items[i], name) == 0) {
            l->items[i + 1] = number;
            return true;
        }
    return (number && backend_list_add(w->task.memory, l, name) && backend_list_add(w->task.memory, l, number)) ||
           fail(w, 507, "out of memory");
}

void status_open_incident(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "status.Status.OpenIncident";
    const Status__OpenIncidentRequest *r = (const Status__OpenIncidentRequest *)(const void *)message;
    char uuid[37];
    if (!status_check_caller(call, id) || !backend_check_text(call, id, "a title", r->title, 1, TITLE_MAX) ||
        !backend_check_text(call, id, "a text", r->text, 1, TEXT_MAX))
        return;
    if (r->n_components == 0) {
        micro_fail(call, 400, id, "components are required");
        return;
    }
    if (micro_uuid(((struct backend *)context)->world, uuid) != 0) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    struct work *w = work_with(call, context, id, r, uuid);
    if (!w)
        return;
    w->incident = (struct status_incident){
        .id = arena_string(w->task.memory, uuid), .title = r->title, .opened = backend_now(w->task.backend)};
    for (size_t i = 0; i < r->n_components; i++)
        if (!put_component(w, r->components[i]->key, (int)r->components[i]->value))
            return;
    w->done = open_done;
    if (w->incident.id && status_post(&w->task, &w->incident, STATUS__PHASE__PHASE_INVESTIGATING, r->text))
        task_save(&w->task, &status_incident_shape, w->key, &w->incident, 0, incident_saved);
    else
        task_no_memory(&w->task);
}

static bool update_change(struct work *w)
{
    const Status__UpdateIncidentRequest *r = w->request;
    if (w->incident.phase == STATUS__PHASE__PHASE_RESOLVED)
        return fail(w, 412, "the incident is resolved");
    for (size_t i = 0; i < r->n_components; i++)
        if (!put_component(w, r->components[i]->key, (int)r->components[i]->value))
            return false;
    return status_post(&w->task, &w->incident, r->phase, r->text) || fail(w, 507, "out of memory");
}

void status_update_incident(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "status.Status.UpdateIncident";
    const Status__UpdateIncidentRequest *r = (const Status__UpdateIncidentRequest *)(const void *)message;
    if (!status_check_caller(call, id) || !backend_check_text(call, id, "a text", r->text, 1, TEXT_MAX))
        return;
    if (r->phase < STATUS__PHASE__PHASE_INVESTIGATING || r->phase > STATUS__PHASE__PHASE_RESOLVED) {
        micro_fail(call, 400, id, "a phase is required");
        return;
    }
    struct work *w = work_with(call, context, id, r, r->id);
    if (!w)
        return;
    w->change = update_change;
    w->done = update_done;
    task_read(&w->task, STATUS_TABLE, w->key, false, incident_read);
}

void status_read_incident(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Status__ReadIncidentRequest *r = (const Status__ReadIncidentRequest *)(const void *)message;
    struct work *w = work_with(call, context, "status.Status.ReadIncident", r, r->id);
    if (!w)
        return;
    w->done = read_done;
    task_read(&w->task, STATUS_TABLE, w->key, false, incident_read);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

struct list_work {
    struct task task;
    const Status__ListIncidentsRequest *request;
    struct status_incidents all;
};

static bool list_each(struct task *t, const struct backend_found *f)
{
    struct list_work *l = (struct list_work *)t;
    return status_gather(t, &l->all, f, l->request->open);
}

static int newest_first(const void *a, const void *b)
{
    const struct status_incident *x = a, *y = b;
    return x->opened != y->opened ? (x->opened > y->opened ? -1 : 1) : strcmp(x->id, y->id);
}

static void list_read(struct task *t, const struct backend_answer *a)
{
    struct list_work *l = (struct list_work *)t;
    Status__ListIncidentsResponse reply = STATUS__LIST_INCIDENTS_RESPONSE__INIT;
    (void)a; /* a scan that failed has failed the call */
    size_t limit = l->request->limit ? l->request->limit : LIMIT;
    if (l->all.count)
        qsort(l->all.items, l->all.count, sizeof *l->all.items, newest_first);
    reply.incidents = ARENA_NEW_N(t->memory, Status__Incident *, limit + 1);
    bool ok = reply.incidents != NULL;
    for (size_t i = l->request->offset; ok && i < l->all.count && reply.n_incidents < limit; i++) {
        ok = (reply.incidents[reply.n_incidents] = status_incident_message(t->memory, &l->all.items[i])) != NULL;
        reply.n_incidents += ok;
    }
    if (ok)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

void status_list_incidents(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "status.Status.ListIncidents";
    const Status__ListIncidentsRequest *r = (const Status__ListIncidentsRequest *)(const void *)message;
    if (r->limit && !backend_check_page(call, id, r->limit, LIMIT_MAX))
        return;
    struct list_work *l = task_new(sizeof *l, context, call, id);
    if (!l)
        return;
    l->request = r;
    task_scan(&l->task, STATUS_TABLE, "incident:", list_each, list_read);
}
