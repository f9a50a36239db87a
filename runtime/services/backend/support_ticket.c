/* Tickets: their records, how they are changed, and how what happened to them is told.
 *
 * What is to be told is written down with the change itself (`due`), told after it, and taken off when it was. What
 * cannot be told, because the events or the mails are away, is told with the next call that is about the ticket. */
#include "runtime/services/backend/support.h"

#include "proto/email/email.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC        "support"
#define CLOSES_AFTER 604800 /* seconds that a ticket is solved */

#define FIELD(member, kind) BACKEND_FIELD(struct support_ticket, member, kind)
static const struct backend_field fields[] = {
    FIELD(id, FIELD_TEXT),       FIELD(customer_id, FIELD_TEXT), FIELD(owner, FIELD_TEXT),   FIELD(email, FIELD_TEXT),
    FIELD(subject, FIELD_TEXT),  FIELD(agent_id, FIELD_TEXT),    FIELD(into, FIELD_TEXT),    FIELD(comment, FIELD_TEXT),
    FIELD(number, FIELD_INT),    FIELD(state, FIELD_INT),        FIELD(priority, FIELD_INT), FIELD(rating, FIELD_INT),
    FIELD(answer_by, FIELD_INT), FIELD(created, FIELD_INT),      FIELD(updated, FIELD_INT),  FIELD(solved, FIELD_INT),
    FIELD(tags, FIELD_LIST),     FIELD(entries, FIELD_LIST),     FIELD(due, FIELD_LIST),
};
const struct backend_shape support_shape = {SUPPORT_TABLE, "what the store holds under this id is no ticket", fields,
                                            sizeof fields / sizeof *fields};

struct arena *support_memory(struct support_work *w)
{
    return w->task.memory;
}

bool support_is_agent(const struct micro_account *caller)
{
    return backend_is_operator(caller) ||
           (strcmp(caller->issuer, MICRO_NAMESPACE) == 0 && micro_has_scope(caller, "support"));
}

struct support_work *support_work(struct rpc_call *call, void *context, const char *id, const void *request)
{
    const struct micro_account *caller = backend_caller(call, id);
    struct support_work *w = caller ? task_new(sizeof *w, context, call, id) : NULL;
    if (!w)
        return NULL;
    w->caller = caller;
    w->agent = support_is_agent(caller);
    w->request = request;
    return w;
}

char *support_key(struct support_work *w, const char *id)
{
    char *part = backend_part(support_memory(w), id);
    char *key = part ? arena_printf(support_memory(w), "ticket:%s", part) : NULL;
    if (!key)
        task_no_memory(&w->task);
    return key;
}

bool support_is_theirs(struct support_work *w)
{
    if (!w->agent && !w->owner)
        w->owner = backend_owner(w->task.call, w->task.id);
    return w->agent || (w->owner && w->ticket.owner[0] && strcmp(w->owner, w->ticket.owner) == 0);
}

Support__State support_state(const struct support_work *w, const struct support_ticket *t)
{
    if (t->state == SUPPORT__STATE__STATE_SOLVED && backend_now(w->task.backend) >= t->solved + CLOSES_AFTER)
        return SUPPORT__STATE__STATE_CLOSED;
    return (Support__State)t->state;
}

static bool add_texts(struct support_work *w, struct backend_list *l, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!texts[i] || !backend_list_add(support_memory(w), l, texts[i])) {
            task_no_memory(&w->task);
            return false;
        }
    return true;
}

bool support_add_entry(struct support_work *w, Support__Author author, const char *author_id, const char *text,
                       char *const *urls, size_t url_count)
{
    struct arena *m = support_memory(w);
    const char *all = "";
    for (size_t i = 0; all && i < url_count; i++)
        all = arena_printf(m, "%s%s%s", all, i ? " " : "", urls[i]);
    const char *const texts[SUPPORT_ENTRY] = {backend_token(w->task.backend, m, 16),
                                              arena_printf(m, "%d", (int)author),
                                              author_id,
                                              text,
                                              arena_printf(m, "%lld", (long long)backend_now(w->task.backend)),
                                              all};
    return add_texts(w, &w->ticket.entries, texts, SUPPORT_ENTRY);
}

bool support_add_due(struct support_work *w, const char *kind, const char *what, const char *argument)
{
    const char *const texts[SUPPORT_DUE] = {kind, what, argument};
    return add_texts(w, &w->ticket.due, texts, SUPPORT_DUE);
}

bool support_add_event(struct support_work *w, Supportevents__EventType type, const char *argument)
{
    return support_add_due(w, "event", arena_printf(support_memory(w), "%d", (int)type), argument);
}

bool support_add_mail(struct support_work *w, const char *text)
{
    return !w->ticket.email[0] ||
           support_add_due(
               w, "mail", arena_printf(support_memory(w), "[#%lld] %s", (long long)w->ticket.number, w->ticket.subject),
               text);
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static void tell_next(struct support_work *w);

static void due_told(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    char *const *texts = w->ticket.due.items + w->telling;
    const char *const same[SUPPORT_DUE] = {texts[0], texts[1], texts[2]};
    int code = a->error.code;
    if (a->status == GRPC_OK || (!backend_unheard(a) && code >= 400 && code < 500 && code != 429))
        w->told = true; /* or refused for good: an address that is none */
    else if (!add_texts(w, &w->left, same, SUPPORT_DUE))
        return;
    w->telling += SUPPORT_DUE;
    tell_next(w);
}

static void publish(struct support_work *w, Supportevents__EventType type, char *argument)
{
    Supportevents__Event event = SUPPORTEVENTS__EVENT__INIT;
    Supportevents__Ticket ticket = SUPPORTEVENTS__TICKET__INIT;
    Supportevents__Opened opened = SUPPORTEVENTS__OPENED__INIT;
    Supportevents__Replied replied = SUPPORTEVENTS__REPLIED__INIT;
    Supportevents__Assigned assigned = SUPPORTEVENTS__ASSIGNED__INIT;
    Supportevents__Solved solved = SUPPORTEVENTS__SOLVED__INIT;
    Supportevents__Merged merged = SUPPORTEVENTS__MERGED__INIT;
    Supportevents__Rated rated = SUPPORTEVENTS__RATED__INIT;
    static const char *const words[] = {"unknown", "opened", "replied", "assigned", "solved", "merged", "rated"};
    char *word = arena_printf(support_memory(w), TOPIC ".%s", words[type]);
    if (!word) {
        task_no_memory(&w->task);
        return;
    }
    event.type = type;
    event.ticket = &ticket;
    ticket.id = w->ticket.id;
    ticket.number = (uint64_t)w->ticket.number;
    ticket.customer_id = w->ticket.customer_id;
    ticket.subject = w->ticket.subject;
    replied.by_agent = argument[0] == '1';
    assigned.agent_id = merged.into_id = argument;
    rated.rating = (uint32_t)strtoul(argument, NULL, 10);
    event.opened = type == SUPPORTEVENTS__EVENT_TYPE__EventTypeOpened ? &opened : NULL;
    event.replied = type == SUPPORTEVENTS__EVENT_TYPE__EventTypeReplied ? &replied : NULL;
    event.assigned = type == SUPPORTEVENTS__EVENT_TYPE__EventTypeAssigned ? &assigned : NULL;
    event.solved = type == SUPPORTEVENTS__EVENT_TYPE__EventTypeSolved ? &solved : NULL;
    event.merged = type == SUPPORTEVENTS__EVENT_TYPE__EventTypeMerged ? &merged : NULL;
    event.rated = type == SUPPORTEVENTS__EVENT_TYPE__EventTypeRated ? &rated : NULL;
    task_publish(&w->task, TOPIC, word, &event.base, due_told);
}

static void mail(struct support_work *w, char *subject, char *text)
{
    static char from[] = "Support";
    Email__SendRequest r = EMAIL__SEND_REQUEST__INIT;
    r.from = from;
    r.to = w->ticket.email;
    r.subject = subject;
    r.text_body = text;
    task_ask(&w->task, "the mail", "email", "Email.Send", &r.base, &email__send_response__descriptor, due_told);
}

static void told_written(struct task *t, const struct backend_answer *a)
{
    (void)a; /* when it could not be written down that it was told, it is told again */
    ((struct support_work *)t)->done((struct support_work *)t);
}

static void tell_next(struct support_work *w)
{
    struct backend_list *due = &w->ticket.due;
    if (w->telling + SUPPORT_DUE <= due->count) {
        char *const *texts = due->items + w->telling;
        if (strcmp(texts[0], "mail") == 0)
            mail(w, texts[1], texts[2]);
        else
            publish(w, (Supportevents__EventType)strtol(texts[1], NULL, 10), texts[2]);
    } else if (w->told) {
        *due = w->left;
        task_save(&w->task, &support_shape, w->key, &w->ticket, w->revision, told_written);
    } else {
        w->done(w);
    }
}

/* ---- changing ---------------------------------------------------------------------------------------------------- */

static void ticket_read(struct task *t, const struct backend_answer *a);

/* Its revision now, by which it is changed again when it was told. */
static void saved_read(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    if (!task_take(t, &support_shape, a, &w->ticket, &w->revision))
        return;
    if (w->revision == 0) {
        task_fail(t, 404, "there is no such ticket");
        return;
    }
    w->telling = 0;
    tell_next(w);
}

static void saved(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION && w->change && ++w->tries < SUPPORT_TRIES)
        task_read(t, SUPPORT_TABLE, w->key, false, ticket_read);
    else if (a->status == GRPC_FAILED_PRECONDITION)
        task_fail(t, 409, "the ticket is being changed; try again");
    else if (!task_failed(t, a, 500)) {
        support_changed((struct support *)t->backend, w->key);
        task_read(t, SUPPORT_TABLE, w->key, false, saved_read);
    }
}

void support_save(struct support_work *w)
{
    w->ticket.updated = backend_now(w->task.backend);
    task_save(&w->task, &support_shape, w->key, &w->ticket, w->revision, saved);
}

static void ticket_read(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    if (!task_take(t, &support_shape, a, &w->ticket, &w->revision))
        return;
    if (w->revision == 0 || !support_is_theirs(w))
        task_fail(t, 404, "there is no such ticket");
    else if (!w->change)
        tell_next(w); /* it is only looked at */
    else if (w->change(w))
        support_save(w);
}

void support_change(struct support_work *w, const char *id)
{
    if (!*id || strlen(id) > BACKEND_ID_MAX)
        task_fail(&w->task, 400, "an id of 1 to %d bytes is required", BACKEND_ID_MAX);
    else if ((w->key = support_key(w, id)) != NULL)
        task_read(&w->task, SUPPORT_TABLE, w->key, false, ticket_read);
}

/* ---- as messages ------------------------------------------------------------------------------------------------- */

static bool put_urls(struct arena *m, Support__Entry *e, const char *urls)
{
    e->attachment_urls = ARENA_NEW_N(m, char *, strlen(urls) + 1);
    while (e->attachment_urls && *urls) {
        size_t n = strcspn(urls, " ");
        char *url = arena_string_n(m, urls, n);
        if (!url)
            return false;
        e->attachment_urls[e->n_attachment_urls++] = url;
        urls += n + (urls[n] == ' ');
    }
    return e->attachment_urls != NULL;
}

Support__Entry *support_entry(struct arena *m, char *const *texts)
{
    Support__Entry *e = ARENA_NEW(m, Support__Entry);
    if (!e)
        return NULL;
    support__entry__init(e);
    e->id = texts[0];
    e->author = (Support__Author)strtol(texts[1], NULL, 10);
    e->author_id = texts[2];
    e->text = texts[3];
    e->created = strtoll(texts[4], NULL, 10);
    return put_urls(m, e, texts[5]) ? e : NULL;
}

static bool put_entries(struct support_work *w, const struct backend_list *l, Support__Ticket *out)
{
    size_t n = l->count / SUPPORT_ENTRY;
    out->entries = ARENA_NEW_N(support_memory(w), Support__Entry *, n + 1);
    for (size_t i = 0; out->entries && i < n; i++) {
        Support__Entry *e = support_entry(support_memory(w), l->items + i * SUPPORT_ENTRY);
        if (!e)
            return false;
        if (e->author == SUPPORT__AUTHOR__AUTHOR_NOTE && !w->agent)
            continue;
        size_t at = out->n_entries++;
        for (; at > 0 && out->entries[at - 1]->created > e->created; at--) /* two tickets may have been merged */
            out->entries[at] = out->entries[at - 1];
        out->entries[at] = e;
    }
    return out->entries != NULL;
}

Support__Ticket *support_message(struct support_work *w, const struct support_ticket *t, bool entries)
{
    Support__Ticket *out = ARENA_NEW(support_memory(w), Support__Ticket);
    if (out) {
        support__ticket__init(out);
        out->id = t->id;
        out->number = (uint64_t)t->number;
        out->customer_id = t->customer_id;
        out->email = t->email;
        out->subject = t->subject;
        out->state = support_state(w, t);
        out->priority = (Support__Priority)t->priority;
        out->agent_id = t->agent_id;
        out->tags = t->tags.items;
        out->n_tags = t->tags.count;
        out->rating = (uint32_t)t->rating;
        out->due = t->answer_by;
        out->created = t->created;
        out->updated = t->updated;
        if (!entries || put_entries(w, &t->entries, out))
            return out;
    }
    task_no_memory(&w->task);
    return NULL;
}
