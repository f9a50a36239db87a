/* What the files of the notes service share: notes.c is the handlers and the component, record.c a note's form in the
 * store, events.c the streams of changes.
 *
 * Each account has its own notes (the tenant is its namespace and id); callers without an account share the tenant
 * "default", as with the service this one follows. A note is one record of the store, table "notes", key
 * <tenant>:<id>, value JSON. What each method asks of the store: Create one Write; Read one Read; List one Read by
 * prefix; Update one Read and one Write; Delete one Read and, when the note is there, one Delete. */
#ifndef RUNTIME_SERVICES_NOTES_NOTES_H
#define RUNTIME_SERVICES_NOTES_NOTES_H

#include "proto/notes/notes.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "runtime/service/service.h"

#define NOTES_TABLE        "notes"
#define NOTES_ID_MAX       256               /* bytes of an id */
#define NOTES_TITLE_MAX    4096              /* bytes */
#define NOTES_TEXT_MAX     ((size_t)1 << 20) /* bytes */
#define NOTES_WATCHERS_MAX 10000

struct notes_watcher;
struct notes {
    struct world *world;
    struct micro_service *service;
    struct notes_watcher *watchers;
    size_t watcher_count;
    bool draining;
};

/* record.c: everything lives in the call's arena; NULL: no memory, or for a note read, damaged. */
char *notes_tenant(struct rpc_call *call);
char *notes_key(struct rpc_call *call, const char *tenant, const char *id); /* id "": the prefix of all */
char *notes_encode(struct rpc_call *call, const Notes__Note *note);         /* JSON */
Notes__Note *notes_decode(struct rpc_call *call, const Store__Record *record);

/* events.c */
void notes_events(struct rpc_call *call, const ProtobufCMessage *request, void *context);
void notes_events_cancelled(struct rpc_call *call, void *context);
void notes_tell(struct notes *n, const char *tenant, const char *event, Notes__Note *note);
void notes_dismiss(struct notes *n); /* ends all streams */

#endif
