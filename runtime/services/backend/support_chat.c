/* Talking about a ticket. What is said is an entry of the ticket like any other, written before the next message is
 * taken; what is shown is what the ticket has, read anew whenever somebody wrote to it: first all that was written so
 * far, then what comes. So a talk that broke off is taken up by beginning anew, a message is neither lost nor shown
 * twice, and a reader that is slow holds up nobody; one that takes nothing for PATIENCE looks is let go. Of what other
 * processes wrote a talk hears within POLL. It ends when the ticket is solved. Who has nothing more to say still
 * listens. */
#include "runtime/services/backend/support.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX     20000 /* characters */
#define CHATTERS_MAX 1000
#define POLL         ((uint64_t)(5 * SECOND))
#define PATIENCE     12 /* looks */

struct support_chatter {
    struct support *support;
    struct rpc_call *call;
    struct support_work writing, looking; /* one thing that is said, one look at the ticket */
    struct arena writing_memory, looking_memory;
    const struct micro_account *caller;
    bool agent;
    char *owner;
    const char *ticket;
    char *key; /* the ticket's; NULL: not told yet */
    Support__Author author;
    Support__ReplyRequest said;
    size_t shown; /* entries */
    bool is_writing, is_looking, again, seen;
    bool ending; /* when nothing is under way any more, with these */
    int code;
    char detail[256];
    int busy; /* looks in a row at which nothing more could be sent */
    struct support_chatter *next, **link;
};

static const char id[] = "support.Support.Chat";

static void look(struct support_chatter *c);

static struct support_chatter *of_writing(struct support_work *w)
{
    return (struct support_chatter *)(void *)((char *)w - offsetof(struct support_chatter, writing));
}

static struct support_chatter *of_looking(struct support_work *w)
{
    return (struct support_chatter *)(void *)((char *)w - offsetof(struct support_chatter, looking));
}

/* The call is to be finished by who calls this. */
static void leave(struct support_chatter *c)
{
    if (c->link) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
        c->support->chatter_count--;
        c->link = NULL;
    }
    arena_deinit(&c->writing_memory);
    arena_deinit(&c->looking_memory);
    rpc_call_set_user(c->call, NULL);
}

/* At once, or when what is under way is done. `code` 0: well. */
static void end(struct support_chatter *c, int code, const char *detail)
{
    struct rpc_call *call = c->call;
    if (!c->ending) {
        c->ending = true;
        c->code = code;
        snprintf(c->detail, sizeof c->detail, "%s", detail);
    }
    if (c->is_writing || c->is_looking)
        return;
    leave(c);
    if (c->code)
        micro_fail(call, c->code, id, "%s", c->detail);
    else
        rpc_call_finish(call, GRPC_OK, "");
}

/* Asked when something is done. True: it has ended, or will. */
static bool is_over(struct support_chatter *c)
{
    if (!c->ending && !rpc_call_cancelled(c->call))
        return false;
    end(c, 408, "the caller is gone");
    return true;
}

/* ---- what is shown ----------------------------------------------------------------------------------------------- */

static void look_failed(struct task *t, int code, const char *detail)
{
    struct support_chatter *c = of_looking((struct support_work *)t);
    c->is_looking = false;
    if (!is_over(c) && (!c->seen || code == 404))
        end(c, code, detail); /* later the next look may do better */
}

static void show(struct support_work *w)
{
    struct support_chatter *c = of_looking(w);
    const struct backend_list *entries = &w->ticket.entries;
    size_t n = entries->count / SUPPORT_ENTRY;
    Support__State state = support_state(w, &w->ticket);
    c->seen = true;
    for (; c->shown < n && !rpc_call_busy(c->call); c->shown++) {
        Support__ChatResponse reply = SUPPORT__CHAT_RESPONSE__INIT;
        reply.entry = support_entry(support_memory(w), entries->items + c->shown * SUPPORT_ENTRY);
        if (!reply.entry || ((reply.entry->author != SUPPORT__AUTHOR__AUTHOR_NOTE || c->agent) &&
                             rpc_call_send(c->call, &reply.base) != 0))
            break; /* without memory for it now, at the next look */
    }
    c->is_looking = false;
    c->again = c->again || (c->shown < n && rpc_call_busy(c->call));
    if (is_over(c))
        return;
    bool solved = state == SUPPORT__STATE__STATE_SOLVED || state == SUPPORT__STATE__STATE_CLOSED;
    if (solved && c->shown == n && !c->again && !c->is_writing)
        end(c, 0, "");
    else if (c->again)
        look(c);
}

static void ticket_read(struct task *t, const struct backend_answer *a)
{
    struct support_work *w = (struct support_work *)t;
    if (!task_take(t, &support_shape, a, &w->ticket, &w->revision))
        return;
    if (w->revision == 0 || !support_is_theirs(w))
        task_fail(t, 404, "there is no such ticket");
    else
        show(w);
}

static void work_init(struct support_chatter *c, struct support_work *w, struct arena *memory,
                      void (*failed)(struct task *t, int code, const char *detail))
{
    arena_reset(memory);
    *w = (struct support_work){.caller = c->caller, .agent = c->agent, .owner = c->owner, .chat = true};
    task_init(&w->task, &c->support->backend, memory, id, failed);
}

static void look(struct support_chatter *c)
{
    if (c->is_looking || rpc_call_busy(c->call)) {
        c->again = true; /* after it, or when what was sent has left */
        return;
    }
    if (c->ending)
        return;
    c->is_looking = true;
    c->again = false;
    c->busy = 0;
    work_init(c, &c->looking, &c->looking_memory, look_failed);
    task_read(&c->looking.task, SUPPORT_TABLE, c->key, false, ticket_read);
}

void support_changed(struct support *s, const char *key)
{
    for (struct support_chatter *c = s->chatters, *next; c; c = next) {
        next = c->next;
        if (strcmp(c->key, key) == 0)
            look(c);
    }
}

static void poll_all(void *arg)
{
    struct support *s = arg;
    for (struct support_chatter *c = s->chatters, *next; c; c = next) {
        next = c->next;
        if (rpc_call_busy(c->call) && ++c->busy >= PATIENCE)
            end(c, 503, "it is read too slowly: begin anew");
        else
            look(c);
    }
    if (s->chatters)
        (void)world_timer_start(&s->poll, POLL);
}

void support_chat_init(struct support *s)
{
    world_timer_init(&s->poll, s->backend.world, poll_all, s);
}

void support_chat_writable(struct rpc_call *call, void *context)
{
    struct support_chatter *c = rpc_call_user(call);
    (void)context;
    if (c && c->key && c->again)
        look(c);
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

static void say_failed(struct task *t, int code, const char *detail)
{
    struct support_chatter *c = of_writing((struct support_work *)t);
    c->is_writing = false;
    if (!is_over(c))
        end(c, code, detail);
}

static void join(struct support_chatter *c)
{
    struct support *s = c->support;
    if (!c->link) {
        c->next = s->chatters;
        c->link = &s->chatters;
        if (c->next)
            c->next->link = &c->next;
        s->chatters = c;
        s->chatter_count++;
        if (!world_timer_active(&s->poll))
            (void)world_timer_start(&s->poll, POLL);
    }
    look(c);
}

static void said(struct support_work *w)
{
    struct support_chatter *c = of_writing(w);
    c->is_writing = false;
    if (is_over(c))
        return;
    rpc_call_resume(c->call);
    if (rpc_call_user(c->call) == c) /* the next message has not ended it */
        join(c);
}

static void say(struct support_chatter *c, const char *text)
{
    c->is_writing = true;
    rpc_call_pause(c->call);
    work_init(c, &c->writing, &c->writing_memory, say_failed);
    c->said = (Support__ReplyRequest)SUPPORT__REPLY_REQUEST__INIT;
    c->said.author = c->author;
    c->said.author_id = arena_string(&c->writing_memory, c->caller->id);
    c->said.text = arena_string(&c->writing_memory, text);
    c->writing.request = &c->said;
    c->writing.change = support_reply_change;
    c->writing.done = said;
    if (c->said.author_id && c->said.text)
        support_change(&c->writing, c->ticket);
    else
        task_no_memory(&c->writing.task);
}

void support_chat_open(struct rpc_call *call, void *context)
{
    struct support *s = context;
    const struct micro_account *caller = backend_caller(call, id);
    char *owner = caller ? backend_owner(call, id) : NULL;
    struct support_chatter *c = owner ? ARENA_NEW(rpc_call_arena(call), struct support_chatter) : NULL;
    if (!owner)
        return;
    if (s->chatter_count >= CHATTERS_MAX || !c) {
        micro_fail(call, c ? 503 : 507, id, c ? "enough people talk here" : "out of memory");
        return;
    }
    *c = (struct support_chatter){
        .support = s, .call = call, .caller = caller, .agent = support_is_agent(caller), .owner = owner};
    rpc_call_set_user(call, c);
}

/* False: the call was failed. */
static bool begin(struct support_chatter *c, const Support__ChatRequest *r)
{
    struct rpc_call *call = c->call;
    char *part = backend_part(rpc_call_arena(call), r->ticket_id);
    c->ticket = arena_string(rpc_call_arena(call), r->ticket_id); /* messages are gone after this */
    c->author = r->author;
    c->key = part ? arena_printf(rpc_call_arena(call), "ticket:%s", part) : NULL;
    if (!c->key || !c->ticket)
        end(c, 507, "out of memory");
    else if (backend_check_text(call, id, "a ticket_id", r->ticket_id, 1, BACKEND_ID_MAX) &&
             support_check_author(call, id, c->agent, r->author))
        return true;
    else
        leave(c);
    return false;
}

static bool is_text(const char *text)
{
    size_t characters = 0;
    for (const char *p = text; *p; p++)
        characters += ((unsigned char)*p & 0xC0) != 0x80;
    return characters >= 1 && characters <= TEXT_MAX;
}

void support_chat_message(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Support__ChatRequest *r = (const Support__ChatRequest *)(const void *)message;
    struct support_chatter *c = rpc_call_user(call);
    (void)context;
    if (!c || c->ending)
        return;
    bool first = c->key == NULL;
    if (first && !begin(c, r))
        return;
    if (first && !r->text[0])
        join(c);
    else if (is_text(r->text))
        say(c, r->text);
    else
        end(c, 400, "what is said has 1 to 20000 characters");
}

void support_chat_half_closed(struct rpc_call *call, void *context)
{
    struct support_chatter *c = rpc_call_user(call);
    (void)context;
    if (c && !c->key)
        end(c, 400, "a ticket_id is required");
}

void support_chat_cancelled(struct rpc_call *call, void *context)
{
    struct support_chatter *c = rpc_call_user(call);
    (void)context;
    if (c)
        (void)is_over(c);
}
