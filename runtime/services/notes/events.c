#include "runtime/services/notes/notes.h"

#include <stdio.h>
#include <string.h>

static const char id[] = "notes.Notes.Events";

struct notes_watcher {
    struct rpc_call *call;
    const char *tenant, *note; /* note "": all */
    struct notes_watcher *next, **link;
};

static void remove_watcher(struct notes *n, struct notes_watcher *w)
{
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    n->watcher_count--;
}

void notes_events(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct notes *n = context;
    const Notes__EventsRequest *wanted = (const Notes__EventsRequest *)(const void *)request;
    struct notes_watcher *w = ARENA_NEW(rpc_call_arena(call), struct notes_watcher);
    const char *tenant = notes_tenant(call);
    if (!w || !tenant) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    if (n->draining || n->watcher_count >= NOTES_WATCHERS_MAX) {
        micro_fail(call, 503, id, n->draining ? "the service is shutting down" : "too many watchers");
        return;
    }
    *w = (struct notes_watcher){
        .call = call, .tenant = tenant, .note = wanted->id, .next = n->watchers, .link = &n->watchers};
    if (w->next)
        w->next->link = &w->next;
    n->watchers = w;
    n->watcher_count++;
    rpc_call_set_user(call, w);
}

void notes_events_cancelled(struct rpc_call *call, void *context)
{
    struct notes_watcher *w = rpc_call_user(call);
    if (w)
        remove_watcher(context, w);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

void notes_tell(struct notes *n, const char *tenant, const char *event, Notes__Note *note)
{
    char word[16];
    snprintf(word, sizeof word, "%s", event);
    Notes__EventsResponse message = NOTES__EVENTS_RESPONSE__INIT;
    message.event = word;
    message.note = note;
    for (struct notes_watcher *w = n->watchers, *next; w; w = next) {
        next = w->next;
        if (strcmp(w->tenant, tenant) != 0 || (w->note[0] && strcmp(w->note, note->id) != 0))
            continue;
        if (rpc_call_busy(w->call) || rpc_call_send(w->call, &message.base) != 0) {
            remove_watcher(n, w);
            micro_fail(w->call, 503, id, "events are read too slowly: list and watch again");
        }
    }
}

void notes_dismiss(struct notes *n)
{
    n->draining = true;
    while (n->watchers) {
        struct notes_watcher *w = n->watchers;
        remove_watcher(n, w);
        rpc_call_finish(w->call, GRPC_OK, "");
    }
}
