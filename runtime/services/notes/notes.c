#include "runtime/services/notes/notes.h"

#include "base/log.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

enum kind { LIST, CREATE, READ, DELETE, UPDATE };
static const char *const ids[] = {"notes.Notes.List", "notes.Notes.Create", "notes.Notes.Read", "notes.Notes.Delete",
                                  "notes.Notes.Update"};

/* One call in work; lives in its call's memory. */
struct work {
    struct notes *notes;
    struct rpc_call *call;
    enum kind kind;
    char *tenant, *key;
    Notes__Note *note;
    const Notes__Note *wanted; /* UPDATE: the request's */
};

static struct work *work_new(struct notes *n, struct rpc_call *call, enum kind kind, const char *id)
{
    struct work *w = ARENA_NEW(rpc_call_arena(call), struct work);
    if (w) {
        *w = (struct work){.notes = n, .call = call, .kind = kind, .tenant = notes_tenant(call)};
        w->key = w->tenant ? notes_key(call, w->tenant, id) : NULL;
    }
    if (!w || !w->key) {
        micro_fail(call, 507, ids[kind], "out of memory");
        return NULL;
    }
    return w;
}

static char *time_now(struct work *w)
{
    char text[32];
    units_format_time(world_wall(w->notes->world), text, sizeof text);
    return arena_string(rpc_call_arena(w->call), text);
}

/* A store that cannot be reached is 503, one that refuses is our fault: 500. */
static void fail_store(struct work *w, int status, const char *message)
{
    struct micro_error why;
    micro_error_parse(status, bytes_of(message), &why);
    bool away = status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED || status == GRPC_CANCELLED;
    micro_fail(w->call,
               away              ? 503
               : why.code == 507 ? 507
                                 : 500,
               ids[w->kind], "the store %s: %s", away ? "cannot be reached" : "refused", why.detail);
}

static void fail_call(struct work *w, int rc)
{
    micro_fail(w->call, rc == ERROR_MEMORY ? 507 : 503, ids[w->kind], "the store cannot be called: %s",
               error_code_name(rc));
}

static bool check_text(struct rpc_call *call, enum kind kind, const char *title, const char *text)
{
    if (strlen(title) <= NOTES_TITLE_MAX && strlen(text) <= NOTES_TEXT_MAX)
        return true;
    micro_fail(call, 400, ids[kind], "a title has at most %d bytes, a text %zu", NOTES_TITLE_MAX, NOTES_TEXT_MAX);
    return false;
}

static bool check_id(struct rpc_call *call, enum kind kind, const char *id)
{
    size_t len = strlen(id);
    if (len > 0 && len <= NOTES_ID_MAX)
        return true;
    micro_fail(call, 400, ids[kind], len ? "the id is longer than %d bytes" : "an id is required (at most %d bytes)",
               NOTES_ID_MAX);
    return false;
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static char database[] = MICRO_NAMESPACE, table[] = NOTES_TABLE; /* protobuf-c's strings are not const */

static void read_from_store(struct work *w, bool prefix, micro_done *done)
{
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    options.database = database;
    options.table = table;
    options.prefix = prefix;
    request.key = w->key;
    request.options = &options;
    int rc = micro_call(w->notes->service, "store", "Store.Read", &request.base, &store__read_response__descriptor, 0,
                        done, w);
    if (rc)
        fail_call(w, rc);
}

static void on_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct work *w = arg;
    (void)reply;
    if (status != GRPC_OK) {
        fail_store(w, status, message);
        return;
    }
    notes_tell(w->notes, w->tenant, w->kind == CREATE ? "create" : "update", w->note);
    Notes__CreateResponse created = NOTES__CREATE_RESPONSE__INIT;
    Notes__UpdateResponse updated = NOTES__UPDATE_RESPONSE__INIT;
    created.note = updated.note = w->note;
    rpc_call_reply(w->call, w->kind == CREATE ? &created.base : &updated.base);
}

static void write_to_store(struct work *w)
{
    char *value = notes_encode(w->call, w->note);
    int rc = ERROR_MEMORY;
    if (value) {
        Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
        Store__Record record = STORE__RECORD__INIT;
        Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
        options.database = database;
        options.table = table;
        record.key = w->key;
        record.value.data = (uint8_t *)value;
        record.value.len = strlen(value);
        request.record = &record;
        request.options = &options;
        rc = micro_call(w->notes->service, "store", "Store.Write", &request.base, &store__write_response__descriptor, 0,
                        on_written, w);
    }
    if (rc)
        fail_call(w, rc);
}

/* The one record of an exact read as a note; false: the call was finished. */
static bool take_note(struct work *w, const ProtobufCMessage *reply)
{
    const Store__ReadResponse *found = (const Store__ReadResponse *)(const void *)reply;
    w->note = found->n_records == 1 ? notes_decode(w->call, found->records[0]) : NULL;
    if (w->note)
        return true;
    if (found->n_records == 0)
        micro_fail(w->call, 404, ids[w->kind], "note not found");
    else
        micro_fail(w->call, 500, ids[w->kind], "what the store holds under this id is not a note");
    return false;
}

/* ---- List, Create, Read ----------------------------------------------------------------------------------------- */

static void on_listed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct work *w = arg;
    if (status != GRPC_OK && status != GRPC_NOT_FOUND) {
        fail_store(w, status, message);
        return;
    }
    const Store__ReadResponse *found = (const Store__ReadResponse *)(const void *)reply;
    size_t count = found ? found->n_records : 0;
    Notes__ListResponse response = NOTES__LIST_RESPONSE__INIT;
    response.notes = ARENA_NEW_N(rpc_call_arena(w->call), Notes__Note *, count + 1);
    if (!response.notes) {
        micro_fail(w->call, 507, ids[LIST], "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        Notes__Note *note = notes_decode(w->call, found->records[i]);
        if (note)
            response.notes[response.n_notes++] = note;
        else
            log_warn("notes", "the record %.300s is not a note and left out of the list", found->records[i]->key);
    }
    rpc_call_reply(w->call, &response.base);
}

static void list(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    (void)message;
    struct work *w = work_new(context, call, LIST, "");
    if (w)
        read_from_store(w, true, on_listed);
}

static void create(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Notes__CreateRequest *r = (const Notes__CreateRequest *)(const void *)message;
    struct notes *n = context;
    char id[37];
    if (!r->title[0] && !r->text[0]) {
        micro_fail(call, 400, ids[CREATE], "a title or a text is required");
        return;
    }
    if (!check_text(call, CREATE, r->title, r->text))
        return;
    if (micro_uuid(n->world, id) != 0) {
        micro_fail(call, 500, ids[CREATE], "no random numbers can be had for an id");
        return;
    }
    struct work *w = work_new(n, call, CREATE, id);
    if (!w)
        return;
    w->note = ARENA_NEW(rpc_call_arena(call), Notes__Note);
    char *now = time_now(w), *own_id = arena_string(rpc_call_arena(call), id);
    if (!w->note || !now || !own_id) {
        micro_fail(call, 507, ids[CREATE], "out of memory");
        return;
    }
    notes__note__init(w->note);
    w->note->id = own_id;
    w->note->created = w->note->updated = now;
    w->note->title = r->title;
    w->note->text = r->text;
    write_to_store(w);
}

static void on_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct work *w = arg;
    if (status == GRPC_NOT_FOUND) {
        micro_fail(w->call, 404, ids[READ], "note not found");
    } else if (status != GRPC_OK) {
        fail_store(w, status, message);
    } else if (take_note(w, reply)) {
        Notes__ReadResponse response = NOTES__READ_RESPONSE__INIT;
        response.note = w->note;
        rpc_call_reply(w->call, &response.base);
    }
}

static void read_note(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Notes__ReadRequest *r = (const Notes__ReadRequest *)(const void *)message;
    struct work *w = check_id(call, READ, r->id) ? work_new(context, call, READ, r->id) : NULL;
    if (w)
        read_from_store(w, false, on_read);
}

/* ---- Update, Delete --------------------------------------------------------------------------------------------- */

static void on_read_for_update(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct work *w = arg;
    if (status == GRPC_NOT_FOUND) {
        micro_fail(w->call, 404, ids[UPDATE], "note not found");
    } else if (status != GRPC_OK) {
        fail_store(w, status, message);
    } else if (take_note(w, reply)) {
        char *now = time_now(w);
        if (!now) {
            micro_fail(w->call, 507, ids[UPDATE], "out of memory");
            return;
        }
        w->note->title = w->wanted->title;
        w->note->text = w->wanted->text;
        w->note->updated = now;
        write_to_store(w);
    }
}

static void update(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Notes__UpdateRequest *r = (const Notes__UpdateRequest *)(const void *)message;
    if (!r->note) {
        micro_fail(call, 400, ids[UPDATE], "a note is required");
        return;
    }
    if (!check_id(call, UPDATE, r->note->id) || !check_text(call, UPDATE, r->note->title, r->note->text))
        return;
    struct work *w = work_new(context, call, UPDATE, r->note->id);
    if (!w)
        return;
    w->wanted = r->note;
    read_from_store(w, false, on_read_for_update);
}

static void on_deleted(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct work *w = arg;
    (void)reply;
    if (status != GRPC_OK) {
        fail_store(w, status, message);
        return;
    }
    notes_tell(w->notes, w->tenant, "delete", w->note);
    Notes__DeleteResponse response = NOTES__DELETE_RESPONSE__INIT;
    response.note = w->note;
    rpc_call_reply(w->call, &response.base);
}

static void on_read_for_delete(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct work *w = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)(const void *)reply;
    if (status == GRPC_NOT_FOUND || (status == GRPC_OK && found->n_records == 0)) {
        Notes__DeleteResponse response = NOTES__DELETE_RESPONSE__INIT;
        rpc_call_reply(w->call, &response.base);
    } else if (status != GRPC_OK) {
        fail_store(w, status, message);
    } else if (take_note(w, reply)) {
        Store__DeleteOptions options = STORE__DELETE_OPTIONS__INIT;
        Store__DeleteRequest request = STORE__DELETE_REQUEST__INIT;
        options.database = database;
        options.table = table;
        request.key = w->key;
        request.options = &options;
        int rc = micro_call(w->notes->service, "store", "Store.Delete", &request.base,
                            &store__delete_response__descriptor, 0, on_deleted, w);
        if (rc)
            fail_call(w, rc);
    }
}

static void delete_note(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Notes__DeleteRequest *r = (const Notes__DeleteRequest *)(const void *)message;
    struct work *w = check_id(call, DELETE, r->id) ? work_new(context, call, DELETE, r->id) : NULL;
    if (w)
        read_from_store(w, false, on_read_for_delete);
}

static const struct rpc_method methods[] = {
    {.name = "List",
     .input = &notes__list_request__descriptor,
     .output = &notes__list_response__descriptor,
     .unary = list},
    {.name = "Create",
     .input = &notes__create_request__descriptor,
     .output = &notes__create_response__descriptor,
     .unary = create},
    {.name = "Read",
     .input = &notes__read_request__descriptor,
     .output = &notes__read_response__descriptor,
     .unary = read_note},
    {.name = "Delete",
     .input = &notes__delete_request__descriptor,
     .output = &notes__delete_response__descriptor,
     .unary = delete_note},
    {.name = "Update",
     .input = &notes__update_request__descriptor,
     .output = &notes__update_response__descriptor,
     .unary = update},
    {.name = "Events",
     .input = &notes__events_request__descriptor,
     .output = &notes__events_response__descriptor,
     .unary = notes_events,
     .cancelled = notes_events_cancelled},
};
static const struct rpc_service notes_service = {
    .name = "notes.Notes", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

/* ---- the component ---------------------------------------------------------------------------------------------- */

static void stop(void *state)
{
    struct notes *n = state;
    notes_dismiss(n);
    micro_service_free(n->service);
    free(n);
}

static int start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct notes *n = calloc(1, sizeof *n);
    if (!n)
        return error_set(err, ERROR_MEMORY, "out of memory");
    n->world = w;
    struct micro_service_config config = {.name = "notes", .access = MICRO_PUBLIC, .options = options};
    int rc = micro_service_new(w, &config, &n->service, err);
    if (rc == 0 && (rc = micro_service_add(n->service, &notes_service, n)) != 0)
        error_set(err, rc, "the handlers cannot be set up");
    if (rc == 0)
        rc = micro_service_start(n->service, err);
    if (rc) {
        stop(n);
        return rc;
    }
    *state = n;
    return 0;
}

static void drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct notes *n = state;
    notes_dismiss(n);
    micro_service_drain(n->service, grace, done, arg);
}

static const char *const services[] = {"notes.Notes", NULL};
static const char *const needs[] = {"registry", "store", NULL};
extern const struct component notes_component;
const struct component notes_component = {
    .name = "notes",
    .port_offset = 101,
    .needs = needs,
    .services = services,
    .start = start,
    .drain = drain,
    .stop = stop,
};
