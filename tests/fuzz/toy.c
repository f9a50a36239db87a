#include "tests/fuzz/toy.h"

#include "fuzz/case/path.h"
#include "fuzz/message/put.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 512 /* then no more are taken */
#define ID_MAX    24
#define TITLE_MAX 64
#define NOTE_MAX  4096 /* bytes of a request */

struct note {
    char id[ID_MAX];
    char owner[8];
    struct text bytes; /* the Note without its id */
    int updates;
    bool gone;
};

struct toy {
    struct toy_options options;
    struct rpc_server *server;
    struct note notes[NOTES_MAX];
    size_t count;
    uint64_t next; /* id */
    bool locked;
};

static const char hanging, answered, greeted; /* what became of a call */

static bool has(const struct toy *t, enum toy_bug bug)
{
    return (t->options.bugs & TOY_BIT(bug)) != 0;
}

static void *mark(const char *which)
{
    union {
        const char *in;
        void *out;
    } u = {.in = which};
    return u.out;
}

static void forget(struct toy *t)
{
    for (size_t i = 0; i < t->count; i++)
        text_deinit(&t->notes[i].bytes);
    t->count = 0;
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* Of several the last one counts, and one of another wire type is none. */
static struct bytes field(struct bytes message, uint32_t number, unsigned wire)
{
    struct bytes value = BYTES_NONE;
    for (uint32_t i = 0;; i++) {
        struct fuzz_path path = {1, {{number, i}}};
        struct fuzz_value v;
        if (fuzz_path_get(&path, NULL, message, &v, 1) != 1)
            return value;
        if (v.wire == wire)
            value = v.bytes;
    }
}

static void put(struct text *out, unsigned number, struct bytes value)
{
    uint8_t head[10];
    text_add(out, head, pb_varint_write(head, number << 3 | 2));
    text_add(out, head, pb_varint_write(head, value.len));
    text_add(out, value.data, value.len);
}

/* Fields of a Note but its id, also those this version does not know. */
static void put_note_fields(struct text *out, struct bytes note)
{
    while (note.len > 0) {
        uint64_t tag, len;
        size_t at = pb_varint_read(note, &tag), end = at;
        if (at == 0)
            return;
        struct bytes rest = BYTES(note.data + at, note.len - at);
        size_t n;
        switch (tag & 7) {
        case 0:
            end += pb_varint_read(rest, &len);
            break;
        case 1:
            end += 8;
            break;
        case 2:
            n = pb_varint_read(rest, &len);
            if (n == 0 || len > rest.len - n)
                return;
            end += n + (size_t)len;
            break;
        case 5:
            end += 4;
            break;
        default:
            return;
        }
        if (end == at || end > note.len)
            return;
        if (tag >> 3 != 1)
            text_add(out, note.data, end);
        note = BYTES(note.data + end, note.len - end);
    }
}

static void put_note(struct text *out, const struct note *n)
{
    struct text note = TEXT_INIT;
    put(&note, 1, bytes_of(n->id));
    text_add(&note, n->bytes.data, n->bytes.len);
    put(out, 1, text_bytes(&note));
    text_deinit(&note);
}

static bool contains(struct bytes message, const char *word)
{
    return message.len > 0 && memmem(message.data, message.len, word, strlen(word)) != NULL;
}

/* ---- methods ---------------------------------------------------------------------------------------------------- */

static struct note *find(struct toy *t, struct bytes id, const char *owner)
{
    for (size_t i = 0; i < t->count; i++)
        if (!t->notes[i].gone && bytes_is(id, t->notes[i].id) && (!owner || strcmp(owner, t->notes[i].owner) == 0))
            return &t->notes[i];
    return NULL;
}

static int create(struct toy *t, struct bytes request, const char *owner, struct text *reply)
{
    struct bytes title = field(request, 1, WIRE_BYTES), text = field(request, 2, WIRE_BYTES);
    if (has(t, TOY_INTERNAL) && title.len >= TITLE_MAX)
        return GRPC_INTERNAL;
    if ((title.len == 0 && text.len == 0) || request.len > NOTE_MAX)
        return GRPC_INVALID_ARGUMENT;
    if (t->count == NOTES_MAX)
        forget(t);
    struct note *n = &t->notes[t->count++];
    *n = (struct note){.bytes = TEXT_INIT};
    snprintf(n->id, sizeof n->id, "n%llu", (unsigned long long)(++t->next * 7919 % 1000003));
    snprintf(n->owner, sizeof n->owner, "%s", owner);
    put(&n->bytes, 4, title);
    put(&n->bytes, 5, text);
    put_note(reply, n);
    return GRPC_OK;
}

static int update(struct toy *t, struct bytes request, const char *owner, struct text *reply)
{
    struct bytes note = field(request, 1, WIRE_BYTES);
    struct note *n = find(t, field(note, 1, WIRE_BYTES), owner);
    if (!n)
        return GRPC_NOT_FOUND;
    if (request.len > NOTE_MAX)
        return GRPC_INVALID_ARGUMENT;
    if (has(t, TOY_VERSION) && n->updates > 0)
        return GRPC_INTERNAL;
    n->updates++;
    text_clear(&n->bytes);
    put_note_fields(&n->bytes, note);
    put_note(reply, n);
    return GRPC_OK;
}

static int delete (struct toy *t, struct bytes request, const char *owner, struct text *reply)
{
    struct bytes id = field(request, 1, WIRE_BYTES);
    struct note *n = find(t, id, owner);
    if (has(t, TOY_CRASH) && contains(id, "..")) {
        t->options.crash(t->options.arg);
        forget(t);
        return GRPC_UNAVAILABLE;
    }
    if (!n) {
        t->locked |= t->options.locks;
        return GRPC_OK;
    }
    put_note(reply, n);
    n->gone = !has(t, TOY_UNDEAD);
    return GRPC_OK;
}

static int notes_call(struct toy *t, const char *method, struct bytes request, const char *owner, struct text *reply)
{
    if (t->locked)
        return GRPC_PERMISSION_DENIED;
    if (strcmp(method, "Create") == 0)
        return create(t, request, owner, reply);
    if (strcmp(method, "Update") == 0)
        return update(t, request, owner, reply);
    if (strcmp(method, "Delete") == 0)
        return delete (t, request, owner, reply);
    if (strcmp(method, "Read") == 0) {
        struct note *n = find(t, field(request, 1, WIRE_BYTES), has(t, TOY_TENANT) ? NULL : owner);
        if (n)
            put_note(reply, n);
        return n ? GRPC_OK : GRPC_NOT_FOUND;
    }
    if (strcmp(method, "List") == 0) {
        for (size_t i = 0; i < t->count; i++)
            if (!t->notes[i].gone && strcmp(owner, t->notes[i].owner) == 0 && !(has(t, TOY_HIDDEN) && i % 2 == 0))
                put_note(reply, &t->notes[i]);
        return GRPC_OK;
    }
    return GRPC_UNIMPLEMENTED;
}

/* ---- the server ------------------------------------------------------------------------------------------------- */

/* NULL: the call was refused. */
static const char *owner_of(struct toy *t, struct rpc_call *call)
{
    const char *token = rpc_call_header(call, "authorization");
    if (token && strcmp(token, "Bearer " TOY_TOKEN) == 0)
        return TOY_TOKEN;
    if (token && strcmp(token, "Bearer " TOY_OTHER) == 0)
        return TOY_OTHER;
    if (has(t, TOY_OPEN) && strcmp(rpc_call_path(call), "/notes.Notes/List") == 0)
        return TOY_TOKEN;
    /* Greetings are for everybody: by them one logs in. */
    if (strcmp(rpc_call_path(call), "/helloworld.Helloworld/Call") == 0)
        return "";
    rpc_call_fail(call, GRPC_UNAUTHENTICATED, "a token is needed");
    return NULL;
}

static void on_open(struct rpc_call *call, void *service)
{
    (void)owner_of(service, call);
}

/* Whether the message may be looked at; else the call was refused. */
static bool decodes(struct toy *t, struct rpc_call *call, const struct pb_method *m, struct bytes message)
{
    bool looked = true;
    if (strcmp(m->name, "PingPong") == 0)
        looked = !has(t, TOY_ACCEPTS);
    struct error err = ERROR_INIT;
    bool right = !looked || pb_scan(m->input->descriptor, message, &err) == 0;
    bool utf8 = err.message && strstr(err.message, "UTF-8") != NULL;
    error_clear(&err);
    if (right)
        return true;
    if (strcmp(m->path, "/notes.Notes/Update") == 0 && has(t, TOY_UTF8) && utf8) {
        rpc_call_set_user(call, mark(&answered));
        rpc_call_send_bytes(call, BYTES("", 0));
        rpc_call_finish(call, GRPC_OK, "");
        return false;
    }
    bool wrong = strcmp(m->path, "/notes.Notes/Read") == 0 && has(t, TOY_STATUS);
    rpc_call_fail(call, wrong ? GRPC_NOT_FOUND : GRPC_INVALID_ARGUMENT, "not a %s", m->input->full_name);
    return false;
}

static void answer_notes(struct toy *t, struct rpc_call *call, const struct pb_method *m, struct bytes message)
{
    struct text reply = TEXT_INIT;
    const char *owner = owner_of(t, call);
    int status = owner ? notes_call(t, m->name, message, owner, &reply) : 0;
    rpc_call_set_user(call, mark(&answered));
    if (owner && status == GRPC_OK) {
        rpc_call_send_bytes(call, text_bytes(&reply));
        rpc_call_finish(call, GRPC_OK, "");
    } else if (owner) {
        rpc_call_fail(call, status, "%s",
                      status == GRPC_INTERNAL ? strcmp(m->name, "Create") == 0 ? "index out of range" : "version lost"
                      : status == GRPC_NOT_FOUND ? "no such note"
                                                 : "refused");
    }
    text_deinit(&reply);
}

static void on_message(struct rpc_call *call, struct bytes message, void *service)
{
    struct toy *t = service;
    const struct pb_method *m = pb_find_method(t->options.pool, rpc_call_path(call), false);
    if (!m) {
        rpc_call_fail(call, GRPC_UNIMPLEMENTED, "no such method");
        return;
    }
    if (rpc_call_user(call) || !decodes(t, call, m, message))
        return;
    if (strcmp(m->service->full_name, "notes.Notes") == 0 && !m->server_streaming) {
        answer_notes(t, call, m, message);
    } else if (strcmp(m->name, "Call") == 0 && has(t, TOY_HANG) && contains(field(message, 1, WIRE_BYTES), "beta")) {
        rpc_call_set_user(call, mark(&hanging));
    } else if (strcmp(m->name, "Call") == 0) {
        struct bytes name = field(message, 1, WIRE_BYTES);
        bool known = bytes_is(name, TOY_TOKEN) || bytes_is(name, TOY_OTHER);
        struct text reply = TEXT_INIT;
        put(&reply, 1, known ? name : bytes_of("hello"));
        rpc_call_send_bytes(call, text_bytes(&reply));
        rpc_call_set_user(call, mark(&greeted));
        text_deinit(&reply);
    } else if (strcmp(m->name, "Stream") == 0) {
        uint64_t count = 0;
        struct bytes value = field(message, 1, WIRE_VARINT);
        if (value.len > 0)
            (void)pb_varint_read(value, &count);
        bool broken = has(t, TOY_SCHEMA) && count > 9;
        rpc_call_send_bytes(call, broken ? BYTES("\x0A\x05x", 3) : BYTES("\x08\x01", 2));
    } else if (strcmp(m->name, "PingPong") == 0) {
        rpc_call_send_bytes(call, BYTES("\x08\x01", 2));
    }
}

static void on_half_closed(struct rpc_call *call, void *service)
{
    const void *user = rpc_call_user(call);
    bool streams = strstr(rpc_call_path(call), "/Stream") || strstr(rpc_call_path(call), "/PingPong") ||
                   strstr(rpc_call_path(call), "/Events");
    (void)service;
    if (user == (const void *)&greeted || (!user && streams))
        rpc_call_finish(call, GRPC_OK, "");
    else if (!user)
        rpc_call_fail(call, GRPC_INVALID_ARGUMENT, "a request is needed");
}

static void on_cancelled(struct rpc_call *call, void *service)
{
    (void)service;
    rpc_call_finish(call, GRPC_CANCELLED, "");
}

int toy_new(struct world *w, const struct toy_options *options, struct toy **out, struct error *err)
{
    static const struct rpc_handler handler = {
        .open = on_open, .message = on_message, .half_closed = on_half_closed, .cancelled = on_cancelled};
    struct toy *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(err, ERROR_MEMORY, "out of memory");
    t->options = *options;
    int code = rpc_server_new(w, &(struct rpc_server_options){0}, &t->server, err);
    if (code == 0)
        code = rpc_server_add_health(t->server);
    if (code == 0) {
        rpc_server_set_fallback(t->server, &handler, t);
        code = rpc_server_listen(t->server, options->address, err);
    }
    if (code != 0) {
        toy_free(t);
        return code;
    }
    *out = t;
    return 0;
}

void toy_free(struct toy *t)
{
    if (!t)
        return;
    rpc_server_free(t->server);
    forget(t);
    free(t);
}

void toy_start_anew(struct toy *t)
{
    forget(t);
    t->locked = false;
}

enum toy_bug toy_bug_of(const char *oracle, const char *title)
{
    static const struct {
        enum toy_bug bug;
        const char *oracle, *where;
    } known[] = {{TOY_INTERNAL, "internal", "notes.Notes/Create"},
                 {TOY_VERSION, "internal", "notes.Notes/Update"},
                 {TOY_HANG, "hang", "helloworld.Helloworld/Call"},
                 {TOY_SCHEMA, "schema", "helloworld.Helloworld/Stream"},
                 {TOY_UTF8, "accepted", "notes.Notes/Update"},
                 {TOY_UTF8, "status", "notes.Notes/Update"},
                 {TOY_ACCEPTS, "accepted", "helloworld.Helloworld/PingPong"},
                 {TOY_STATUS, "status", "notes.Notes/Read"},
                 {TOY_CRASH, "crash", ""},
                 {TOY_UNDEAD, "read-after-delete", "notes.Notes/"},
                 {TOY_UNDEAD, "freed-id", "notes.Notes/"},
                 {TOY_OPEN, "no-token", "notes.Notes/List"},
                 {TOY_TENANT, "other-tenant", "notes.Notes/"},
                 {TOY_HIDDEN, "list-omits", "notes.Notes/"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].oracle, oracle) == 0 && strncmp(title, known[i].where, strlen(known[i].where)) == 0)
            return known[i].bug;
    return TOY_BUGS;
}
