/* Helping customers (proto/support/support.proto): the life of a ticket. support_chat.c has
 * the talk about one, support_article.c the articles.
 *
 * Table "support": "ticket:<id>" is a ticket with all that was written, "number:<n>" whose number that is, "counter"
 * the last number given. Customers open tickets and see their own; the platform's administrators and services, and its
 * accounts with the scope "support", are agents: they see all of them, and open some for others, who hear by mail. */
#include "runtime/services/backend/support.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    20000 /* characters of an entry */
#define ENTRIES_MAX 100   /* of a ticket */
#define TAGS_MAX    20
#define URLS_MAX    10

struct number_record {
    char *id; /* of a ticket */
    int64_t last;
};
static const struct backend_field number_fields[] = {BACKEND_FIELD(struct number_record, id, FIELD_TEXT),
                                                     BACKEND_FIELD(struct number_record, last, FIELD_INT)};
static const struct backend_shape number_shape = {SUPPORT_TABLE, "what the store holds is no number of a ticket",
                                                  number_fields, 2};

static bool is(const struct support_work *w, Support__State state)
{
    return support_state(w, &w->ticket) == state;
}

static bool fail(struct support_work *w, int code, const char *why)
{
    task_fail(&w->task, code, "%s", why);
    return false;
}

static bool agents_only(struct support_work *w)
{
    return w->agent || fail(w, 403, "only agents may do that");
}

/* When it should be answered, by how much it matters: hours. */
static int64_t answer_by(const struct support_work *w)
{
    static const int64_t hours[] = {24, 72, 24, 4, 1};
    return backend_now(w->task.backend) + hours[w->ticket.priority] * 3600;
}

static bool check_priority(struct support_work *w, Support__Priority p)
{
    return (int)p >= 0 && p <= SUPPORT__PRIORITY__PRIORITY_URGENT ? true : fail(w, 400, "there is no such priority");
}

static bool take_tags(struct support_work *w, char *const *tags, size_t n, struct backend_list *out)
{
    if (n > TAGS_MAX)
        return fail(w, 400, "a ticket has at most 20 tags");
    for (size_t i = 0; i < n; i++) {
        if (!backend_check_text(w->task.call, w->task.id, "a tag", tags[i], 1, 100))
            return false;
        if (!backend_list_add(support_memory(w), out, tags[i]))
            return fail(w, 507, "out of memory");
    }
    return true;
}

/* The replies of six methods are a ticket and no more. */
#define ANSWER_TICKET(function, Type, INIT)                                                                            \
    static void function(struct support_work *w)                                                                       \
    {                                                                                                                  \
        Type reply = INIT;                                                                                             \
        reply.ticket = support_message(w, &w->ticket, true);                                                           \
        if (reply.ticket)                                                                                              \
            rpc_call_reply(w->task.call, &reply.base);                                                                 \
    }
ANSWER_TICKET(open_done, Support__OpenResponse, SUPPORT__OPEN_RESPONSE__INIT)
ANSWER_TICKET(read_done, Support__ReadResponse, SUPPORT__READ_RESPONSE__INIT)
ANSWER_TICKET(reply_done, Support__ReplyResponse, SUPPORT__REPLY_RESPONSE__INIT)
ANSWER_TICKET(assign_done, Support__AssignResponse, SUPPORT__ASSIGN_RESPONSE__INIT)
ANSWER_TICKET(update_done, Support__UpdateResponse, SUPPORT__UPDATE_RESPONSE__INIT)
ANSWER_TICKET(solve_done, Support__SolveResponse, SUPPORT__SOLVE_RESPONSE__INIT)
ANSWER_TICKET(merge_done, Support__MergeResponse, SUPPORT__MERGE_RESPONSE__INIT)

static void rate_done(struct support_work *w)
{
    static const Support__RateResponse empty = SUPPORT__RATE_RESPONSE__INIT;
    rpc_call_reply(w->task.call, &empty.base);
}

/* ---- Open -------------------------------------------------------------------------------------------------------- */

static void number_written(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    if (task_failed(t, a, 500))
        return;
    const char *thanks = arena_printf(support_memory(w), "We have your message, and answer it under number %lld.\n",
                                      (long long)w->ticket.number);
    w->revision = 0;
    if (!thanks)
        task_no_memory(t);
    else if (support_add_event(w, SUPPORTEVENTS__EVENT_TYPE__EventTypeOpened, "") && support_add_mail(w, thanks))
        support_save(w);
}

static void counter_read(struct task *t, const struct backend_answer *a);

static void counter_written(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < SUPPORT_TRIES)
            task_read(t, SUPPORT_TABLE, "counter", false, counter_read);
        else
            fail(w, 409, "others open tickets; try again");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    const struct number_record number = {.id = w->ticket.id};
    task_save(t, &number_shape, arena_printf(support_memory(w), "number:%lld", (long long)w->ticket.number), &number, 0,
              number_written);
}

static void counter_read(struct task *t, const struct backend_answer *a)
{
    static char nobody[] = "";
    struct support_work *w = (struct support_work *)t;
    struct number_record counter = {.id = nobody};
    uint64_t revision;
    if (!task_take(t, &number_shape, a, &counter, &revision))
        return;
    w->ticket.number = ++counter.last;
    task_save(t, &number_shape, "counter", &counter, revision, counter_written);
}

static void open_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.Open";
    static char nothing[] = "";
    const Support__OpenRequest *r = (const Support__OpenRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, id, r);
    char *owner = w ? backend_owner(call, id) : NULL, uuid[37];
    if (!owner || !backend_check_text(call, id, "a subject", r->subject, 1, 200) ||
        !backend_check_text(call, id, "a text", r->text, 1, TEXT_MAX) || !check_priority(w, r->priority) ||
        !take_tags(w, r->tags, r->n_tags, &w->ticket.tags))
        return;
    if (!w->agent && r->customer_id[0] && strcmp(r->customer_id, w->caller->id) != 0) {
        fail(w, 403, "a customer opens tickets of their own");
        return;
    }
    if (w->agent && !r->customer_id[0] && !r->email[0]) {
        fail(w, 400, "a customer_id or an email is required");
        return;
    }
    char *email = r->email[0] ? backend_email(call, id, r->email) : nothing;
    if (!email)
        return;
    if (micro_uuid(w->task.backend->world, uuid) != 0) {
        task_no_memory(&w->task);
        return;
    }
    struct support_ticket *t = &w->ticket;
    t->id = arena_string(support_memory(w), uuid);
    t->customer_id = arena_string(support_memory(w), w->agent ? r->customer_id : w->caller->id);
    t->owner = w->agent ? nothing : owner;
    t->email = email;
    t->subject = r->subject;
    t->agent_id = t->into = t->comment = nothing;
    t->state = SUPPORT__STATE__STATE_NEW;
    t->priority = r->priority ? r->priority : SUPPORT__PRIORITY__PRIORITY_NORMAL;
    t->created = backend_now(w->task.backend);
    t->answer_by = answer_by(w);
    w->done = open_done;
    if (!t->id || !t->customer_id)
        task_no_memory(&w->task);
    else if (support_add_entry(w, SUPPORT__AUTHOR__AUTHOR_CUSTOMER, t->customer_id, r->text, NULL, 0) &&
             (w->key = support_key(w, t->id)) != NULL)
        task_read(&w->task, SUPPORT_TABLE, "counter", false, counter_read);
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

static void number_read(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    struct number_record number = {0};
    uint64_t revision;
    if (!task_take(t, &number_shape, a, &number, &revision))
        return;
    if (revision)
        support_change(w, number.id);
    else
        fail(w, 404, "there is no such ticket");
}

static void read_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Support__ReadRequest *r = (const Support__ReadRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, "support.Support.Read", r);
    if (!w)
        return;
    w->done = read_done;
    char *key = arena_printf(support_memory(w), "number:%llu", (unsigned long long)r->number);
    if (r->which_case == SUPPORT__READ_REQUEST__WHICH_ID)
        support_change(w, r->id);
    else if (r->which_case != SUPPORT__READ_REQUEST__WHICH_NUMBER)
        fail(w, 400, "an id or a number is required");
    else if (key)
        task_read(&w->task, SUPPORT_TABLE, key, false, number_read);
    else
        task_no_memory(&w->task);
}

/* ---- Reply, Assign, Update, Solve, Rate -------------------------------------------------------------------------- */

bool support_reply_change(struct support_work *w)
{
    const Support__ReplyRequest *r = w->request;
    struct support_ticket *t = &w->ticket;
    bool customer = r->author == SUPPORT__AUTHOR__AUTHOR_CUSTOMER, note = r->author == SUPPORT__AUTHOR__AUTHOR_NOTE;
    if (is(w, SUPPORT__STATE__STATE_CLOSED))
        return fail(w, 412, "the ticket is closed");
    if (t->entries.count / SUPPORT_ENTRY >= ENTRIES_MAX)
        return fail(w, 412, "the ticket is full: open another one");
    if (!support_add_entry(w, r->author, r->author_id, r->text, r->attachment_urls, r->n_attachment_urls))
        return false;
    if (note)
        return true;
    if (customer) {
        t->state = t->agent_id[0] ? SUPPORT__STATE__STATE_OPEN : SUPPORT__STATE__STATE_NEW;
        t->answer_by = answer_by(w);
    } else {
        t->state = SUPPORT__STATE__STATE_PENDING;
        t->agent_id = t->agent_id[0] ? t->agent_id : r->author_id;
        t->answer_by = 0;
    }
    t->solved = 0;
    return support_add_event(w, SUPPORTEVENTS__EVENT_TYPE__EventTypeReplied, customer ? "0" : "1") &&
           (customer || w->chat || support_add_mail(w, r->text));
}

bool support_check_author(struct rpc_call *call, const char *id, bool agent, Support__Author author)
{
    if (author < SUPPORT__AUTHOR__AUTHOR_CUSTOMER || author > SUPPORT__AUTHOR__AUTHOR_NOTE)
        micro_fail(call, 400, id, "an author is required: the customer, an agent, or a note");
    else if (!agent && author != SUPPORT__AUTHOR__AUTHOR_CUSTOMER)
        micro_fail(call, 403, id, "a customer writes as nobody else");
    else
        return true;
    return false;
}

static void reply_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.Reply";
    const Support__ReplyRequest *r = (const Support__ReplyRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, id, r);
    if (!w || !backend_check_text(call, id, "a text", r->text, 1, TEXT_MAX) ||
        !backend_check_text(call, id, "an author_id", r->author_id, 1, BACKEND_ID_MAX))
        return;
    if (!support_check_author(call, id, w->agent, r->author))
        return;
    if (!w->agent && strcmp(r->author_id, w->caller->id) != 0) {
        fail(w, 403, "a customer writes as nobody else");
        return;
    }
    for (size_t i = 0; i < r->n_attachment_urls; i++)
        if (i == URLS_MAX || strpbrk(r->attachment_urls[i], " \t\r\n") || !strstr(r->attachment_urls[i], "://")) {
            fail(w, 400, "attachments are at most 10 URLs");
            return;
        }
    w->change = support_reply_change;
    w->done = reply_done;
    support_change(w, r->id);
}

static bool assign_change(struct support_work *w)
{
    const Support__AssignRequest *r = w->request;
    if (is(w, SUPPORT__STATE__STATE_CLOSED))
        return fail(w, 412, "the ticket is closed");
    if (strcmp(w->ticket.agent_id, r->agent_id) == 0) {
        assign_done(w); /* told twice is done once */
        return false;
    }
    w->ticket.agent_id = r->agent_id;
    if (w->ticket.state == SUPPORT__STATE__STATE_NEW)
        w->ticket.state = SUPPORT__STATE__STATE_OPEN;
    return support_add_event(w, SUPPORTEVENTS__EVENT_TYPE__EventTypeAssigned, r->agent_id);
}

static void assign_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.Assign";
    const Support__AssignRequest *r = (const Support__AssignRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, id, r);
    if (!w || !agents_only(w) || !backend_check_text(call, id, "an agent_id", r->agent_id, 1, BACKEND_ID_MAX))
        return;
    w->change = assign_change;
    w->done = assign_done;
    support_change(w, r->id);
}

static bool update_change(struct support_work *w)
{
    const Support__UpdateRequest *r = w->request;
    struct support_ticket *t = &w->ticket;
    struct backend_list tags = {0};
    if (is(w, SUPPORT__STATE__STATE_CLOSED))
        return fail(w, 412, "the ticket is closed");
    if (!take_tags(w, r->tags, r->n_tags, &tags))
        return false;
    t->subject = r->subject[0] ? r->subject : t->subject;
    t->tags = r->n_tags ? tags : t->tags;
    if (r->priority) {
        t->priority = r->priority;
        t->answer_by = t->answer_by ? answer_by(w) : 0;
    }
    return true;
}

static void update_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.Update";
    const Support__UpdateRequest *r = (const Support__UpdateRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, id, r);
    if (!w || !agents_only(w) || !check_priority(w, r->priority) ||
        !backend_check_text(call, id, "a subject", r->subject, 0, 200))
        return;
    w->change = update_change;
    w->done = update_done;
    support_change(w, r->id);
}

static bool solve_change(struct support_work *w)
{
    if (is(w, SUPPORT__STATE__STATE_CLOSED))
        return fail(w, 412, "the ticket is closed");
    if (is(w, SUPPORT__STATE__STATE_SOLVED)) {
        solve_done(w);
        return false;
    }
    w->ticket.state = SUPPORT__STATE__STATE_SOLVED;
    w->ticket.solved = backend_now(w->task.backend);
    w->ticket.answer_by = 0;
    return support_add_event(w, SUPPORTEVENTS__EVENT_TYPE__EventTypeSolved, "") &&
           support_add_mail(w, "Your ticket is solved. Write again within 7 days if it is not.\n");
}

static void solve_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Support__SolveRequest *r = (const Support__SolveRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, "support.Support.Solve", r);
    if (!w)
        return;
    w->change = solve_change;
    w->done = solve_done;
    support_change(w, r->id);
}

static bool rate_change(struct support_work *w)
{
    const Support__RateRequest *r = w->request;
    if (!is(w, SUPPORT__STATE__STATE_SOLVED) && !is(w, SUPPORT__STATE__STATE_CLOSED))
        return fail(w, 412, "the ticket is not solved");
    w->ticket.rating = r->rating;
    w->ticket.comment = r->comment;
    return support_add_event(w, SUPPORTEVENTS__EVENT_TYPE__EventTypeRated,
                             arena_printf(support_memory(w), "%u", r->rating));
}

static void rate_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "support.Support.Rate";
    const Support__RateRequest *r = (const Support__RateRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, id, r);
    if (!w || !backend_check_text(call, id, "a comment", r->comment, 0, 2000))
        return;
    if (r->rating < 1 || r->rating > 5) {
        fail(w, 400, "a rating is 1 to 5");
        return;
    }
    w->change = rate_change;
    w->done = rate_done;
    support_change(w, r->id);
}

/* ---- Merge ------------------------------------------------------------------------------------------------------- */

static bool has_entry(const struct backend_list *l, const char *id)
{
    for (size_t i = 0; i < l->count; i += SUPPORT_ENTRY)
        if (strcmp(l->items[i], id) == 0)
            return true;
    return false;
}

static void merge_closed(struct support_work *w)
{
    w->ticket = w->other;
    merge_done(w);
}

static bool merge_close(struct support_work *w)
{
    const Support__MergeRequest *r = w->request;
    if (strcmp(w->ticket.into, r->to_id) == 0) {
        merge_closed(w);
        return false;
    }
    w->ticket.into = r->to_id;
    w->ticket.state = SUPPORT__STATE__STATE_CLOSED;
    w->ticket.answer_by = 0;
    return support_add_event(w, SUPPORTEVENTS__EVENT_TYPE__EventTypeMerged, r->to_id);
}

/* The other one has all that was written; now the first one is closed. */
static void merge_taken(struct support_work *w)
{
    const Support__MergeRequest *r = w->request;
    w->other = w->ticket;
    w->telling = 0;
    w->told = false;
    w->left = (struct backend_list){0};
    w->tries = 0;
    w->change = merge_close;
    w->done = merge_closed;
    support_change(w, r->from_id);
}

static bool merge_take(struct support_work *w)
{
    struct backend_list *to = &w->ticket.entries;
    if (is(w, SUPPORT__STATE__STATE_CLOSED))
        return fail(w, 412, "the ticket to merge into is closed");
    if ((to->count + w->other.entries.count) / SUPPORT_ENTRY > ENTRIES_MAX)
        return fail(w, 412, "the ticket to merge into is full");
    for (size_t i = 0; i < w->other.entries.count; i += SUPPORT_ENTRY) {
        char *const *entry = w->other.entries.items + i;
        for (size_t k = 0; !has_entry(to, entry[0]) || to->count % SUPPORT_ENTRY; k++)
            if (!backend_list_add(support_memory(w), to, entry[k]))
                return fail(w, 507, "out of memory");
    }
    return true;
}

static void merge_from_read(struct support_work *w)
{
    const Support__MergeRequest *r = w->request;
    bool again = strcmp(w->ticket.into, r->to_id) == 0;
    if (is(w, SUPPORT__STATE__STATE_CLOSED) && !again) {
        fail(w, 412, "the ticket is closed");
        return;
    }
    w->other = w->ticket;
    w->telling = 0;
    w->told = false;
    w->left = (struct backend_list){0};
    w->change = again ? NULL : merge_take;
    w->done = again ? merge_done : merge_taken;
    support_change(w, r->to_id);
}

static void merge_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Support__MergeRequest *r = (const Support__MergeRequest *)(const void *)message;
    struct support_work *w = support_work(call, context, "support.Support.Merge", r);
    if (!w || !agents_only(w))
        return;
    if (strcmp(r->from_id, r->to_id) == 0) {
        fail(w, 400, "two tickets are merged");
        return;
    }
    w->done = merge_from_read;
    support_change(w, r->from_id);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &support__##stem##_request__descriptor,                                               \
        .output = &support__##stem##_response__descriptor, .unary = handler                                            \
    }
static const struct rpc_method methods[] = {
    METHOD("Open", open, open_handler),
    METHOD("Read", read, read_handler),
    METHOD("List", list, support_list),
    METHOD("Reply", reply, reply_handler),
    METHOD("Assign", assign, assign_handler),
    METHOD("Update", update, update_handler),
    METHOD("Solve", solve, solve_handler),
    METHOD("Merge", merge, merge_handler),
    METHOD("Rate", rate, rate_handler),
    METHOD("PutArticle", put_article, support_put_article),
    METHOD("SearchArticles", search_articles, support_search_articles),
    {.name = "Chat",
     .input = &support__chat_request__descriptor,
     .output = &support__chat_response__descriptor,
     .open = support_chat_open,
     .message = support_chat_message,
     .half_closed = support_chat_half_closed,
     .cancelled = support_chat_cancelled,
     .writable = support_chat_writable},
};
static const struct rpc_service served = {"support.Support", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *service, void **state, struct error *err)
{
    struct support *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->backend = (struct backend){.service = service, .world = micro_service_world(service)};
    *state = s;
    support_chat_init(s);
    int rc = micro_service_add(service, &served, &s->backend);
    return rc ? error_set(err, rc, "the handlers cannot be set up") : 0;
}

static void stop(void *state)
{
    struct support *s = state;
    if (s)
        world_timer_stop(&s->poll);
    free(s);
}

const struct micro_program backend_support = {.name = "support", .setup = setup, .stop = stop};
