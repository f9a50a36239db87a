/* Full-text search (proto/search/search.proto) by an inverted index in the store. search_query.h tells what a query is.
 *
 * Table "search": "index:<owner>/<name>" is an index and its generation, a token; what belongs to it has that in its
 * key: "record:<generation>/<id>" is a record, "word:<generation>/<word>/<id>/<version>" says that it has the word.
 * Each Index of a record has a version of its own. Its words are written first, then the record, on the condition that
 * nobody else changed it, and then the words of the version before are taken away: so a record is found by what it
 * was until it is found by what it is. What a crash leaves are words that lead to no record of their version; every
 * record that words lead to is read and judged itself, so they cost time and nothing else.
 *
 * Indexes are an account's own. A query that no word narrows (age >= 30) reads its index as a whole, in pages. */
#include "runtime/services/backend/search.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#define NAME_LEN    64          /* characters of an index's name */
#define DATA_MAX    (64 * 1024) /* bytes of a record as JSON */
#define VERSION_LEN 12

static const struct backend_field index_fields[] = {BACKEND_FIELD(struct search_index, generation, FIELD_TEXT)};
static const struct backend_shape index_shape = {SEARCH_TABLE, "what the store holds under this name is no index",
                                                 index_fields, 1};
static const struct backend_field fields[] = {
    BACKEND_FIELD(struct search_record, id, FIELD_TEXT),
    BACKEND_FIELD(struct search_record, version, FIELD_TEXT),
    BACKEND_FIELD(struct search_record, data, FIELD_TEXT),
};
const struct backend_shape search_shape = {SEARCH_TABLE, "what the store holds under this id is no record", fields,
                                           sizeof fields / sizeof *fields};

struct arena *search_memory(struct search_work *w)
{
    return rpc_call_arena(w->task.call);
}

/* ---- the index --------------------------------------------------------------------------------------------------- */

static void index_read(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (!task_take(t, &index_shape, a, &w->index, &w->index_revision))
        return;
    if (w->index_revision)
        w->found(w);
    else
        w->missing(w);
}

void search_begin(struct search_work *w)
{
    task_read(&w->task, SEARCH_TABLE, w->index_key, false, index_read);
}

static void no_index(struct search_work *w)
{
    micro_fail(w->task.call, 404, w->task.id, "there is no such index");
}

struct search_work *search_with(struct rpc_call *call, void *context, const char *id, const char *name)
{
    char *owner = backend_owner(call, id);
    size_t len = strlen(name);
    if (!owner)
        return NULL;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-')
            len = 0;
    if (len == 0 || len > NAME_LEN) {
        micro_fail(call, 400, id, "an index's name has 1 to %d letters, digits and \"-\"", NAME_LEN);
        return NULL;
    }
    struct search_work *w = task_new(sizeof *w, context, call, id);
    if (!w)
        return NULL;
    w->index_key = arena_printf(search_memory(w), "index:%s/%s", owner, name);
    w->missing = no_index;
    if (w->index_key)
        return w;
    task_no_memory(&w->task);
    return NULL;
}

/* Everything of a record that tells that it has words; `version`'s. NULL: no memory. */
static struct backend_op *word_ops(struct search_work *w, enum backend_op_kind kind, const struct search_words *words,
                                   const struct search_record *r)
{
    struct backend_op *ops = ARENA_NEW_N(search_memory(w), struct backend_op, words->count + 1);
    char *id = backend_part(search_memory(w), r->id);
    for (size_t i = 0; ops && id && i < words->count; i++) {
        ops[i] = (struct backend_op){.kind = kind,
                                     .json = "{}",
                                     .key = arena_printf(search_memory(w), "word:%s/%s/%s/%s", w->index.generation,
                                                         words->items[i].word, id, r->version)};
        if (!ops[i].key)
            return NULL;
    }
    return id ? ops : NULL;
}

static bool read_words(struct search_work *w, const struct search_record *r, struct search_words *out)
{
    json_t *data = json_loads(r->data, JSON_REJECT_DUPLICATES, NULL);
    bool ok = data && search_words_of(search_memory(w), out, data);
    json_decref(data);
    return ok;
}

/* ---- Index ------------------------------------------------------------------------------------------------------- */

Google__Protobuf__Struct *search_data(struct search_work *w, const char *json)
{
    const struct pb_type *type = backend_pool() ? pb_find_type(backend_pool(), "google.protobuf.Struct") : NULL;
    struct text wire = TEXT_INIT;
    ProtobufCMessage *m = NULL;
    if (type && pb_json_to_wire(type, bytes_of(json), 0, &wire, NULL) == 0 && text_ok(&wire))
        (void)pb_unpack(&google__protobuf__struct__descriptor, text_bytes(&wire), search_memory(w), &m, NULL);
    text_deinit(&wire);
    return (Google__Protobuf__Struct *)(void *)m;
}

static void index_done(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    Search__IndexResponse reply = SEARCH__INDEX_RESPONSE__INIT;
    Search__Record r = SEARCH__RECORD__INIT;
    (void)a; /* words that could not be taken away lead nowhere */
    r.id = w->record.id;
    r.data = search_data(w, w->record.data);
    reply.record = &r;
    if (r.data)
        rpc_call_reply(t->call, &reply.base);
    else
        task_no_memory(t);
}

static void index_record_read(struct task *t, const struct backend_answer *a);

static void index_saved(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    struct search_words old = {0};
    if (a->status == GRPC_FAILED_PRECONDITION) {
        if (++w->tries < SEARCH_TRIES)
            task_read(t, SEARCH_TABLE, w->key, false, index_record_read);
        else
            micro_fail(t->call, 409, t->id, "the record is being changed; try again");
        return;
    }
    if (task_failed(t, a, 500))
        return;
    struct backend_op *ops =
        w->revision == 0 || read_words(w, &w->before, &old) ? word_ops(w, OP_DELETE, &old, &w->before) : NULL;
    if (ops && w->revision)
        task_batch(t, SEARCH_TABLE, ops, old.count, index_done);
    else
        index_done(t, a);
}

static void index_words_written(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (!task_failed(t, a, 500))
        task_save(t, &search_shape, w->key, &w->record, w->revision, index_saved);
}

static void index_record_read(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (!task_take(t, &search_shape, a, &w->before, &w->revision))
        return;
    if (w->revision == 0)
        w->before = w->record;
    struct backend_op *ops = word_ops(w, OP_WRITE, &w->words, &w->record);
    if (ops)
        task_batch(t, SEARCH_TABLE, ops, w->words.count, index_words_written);
    else
        task_no_memory(t);
}

static char *record_key(struct search_work *w, const char *id)
{
    char *part = backend_part(search_memory(w), id);
    return part ? arena_printf(search_memory(w), "record:%s/%s", w->index.generation, part) : NULL;
}

static void index_found(struct search_work *w)
{
    w->key = record_key(w, w->record.id);
    if (w->key)
        task_read(&w->task, SEARCH_TABLE, w->key, false, index_record_read);
    else
        task_no_memory(&w->task);
}

static void index_made(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (a->status == GRPC_FAILED_PRECONDITION)
        search_begin(w); /* somebody else made it meanwhile */
    else if (!task_failed(t, a, 500))
        w->found(w);
}

static void make_index(struct search_work *w)
{
    w->index.generation = backend_token(w->task.backend, search_memory(w), VERSION_LEN);
    if (!w->index.generation)
        task_no_memory(&w->task);
    else if (++w->tries > SEARCH_TRIES)
        micro_fail(w->task.call, 409, w->task.id, "the index is being made and deleted; try again");
    else
        task_save(&w->task, &index_shape, w->index_key, &w->index, 0, index_made);
}

static void index_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "search.Search.Index";
    const Search__IndexRequest *r = (const Search__IndexRequest *)(const void *)message;
    struct search_work *w = search_with(call, context, id, r->index);
    struct text json = TEXT_INIT;
    char uuid[37] = "";
    if (!w)
        return;
    if (!r->data || strlen(r->id) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, r->data ? "an id has at most %d bytes" : "data is required", BACKEND_ID_MAX);
        return;
    }
    bool ok = backend_pool() && pb_to_json(backend_pool(), &r->data->base, 0, &json, NULL) == 0 && text_ok(&json) &&
              (r->id[0] || micro_uuid(w->task.backend->world, uuid) == 0);
    w->record =
        (struct search_record){.id = arena_string(search_memory(w), r->id[0] ? r->id : uuid),
                               .version = backend_token(w->task.backend, search_memory(w), VERSION_LEN),
                               .data = ok ? arena_string_n(search_memory(w), text_string(&json), json.len) : NULL};
    text_deinit(&json);
    w->found = index_found;
    w->missing = make_index;
    if (!w->record.id || !w->record.version || !w->record.data)
        task_no_memory(&w->task);
    else if (strlen(w->record.data) > DATA_MAX)
        micro_fail(call, 400, id, "a record has at most %d bytes as JSON", DATA_MAX);
    else if (!read_words(w, &w->record, &w->words))
        task_no_memory(&w->task);
    else if (w->words.too_many)
        micro_fail(call, 400, id, "a record has at most %d different words", SEARCH_WORDS_MAX);
    else
        search_begin(w);
}

/* ---- Delete ------------------------------------------------------------------------------------------------------ */

static void delete_done(struct task *t, const struct backend_answer *a)
{
    static const Search__DeleteResponse empty = SEARCH__DELETE_RESPONSE__INIT;
    (void)a; /* words that could not be taken away lead nowhere */
    rpc_call_reply(t->call, &empty.base);
}

static void delete_gone(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (task_failed(t, a, 500))
        return;
    struct backend_op *ops =
        read_words(w, &w->before, &w->words) ? word_ops(w, OP_DELETE, &w->words, &w->before) : NULL;
    if (ops)
        task_batch(t, SEARCH_TABLE, ops, w->words.count, delete_done);
    else
        delete_done(t, a);
}

static void delete_read(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (!task_take(t, &search_shape, a, &w->before, &w->revision))
        return;
    if (w->revision)
        task_delete(t, SEARCH_TABLE, w->key, delete_gone);
    else
        delete_done(t, a);
}

static void delete_found(struct search_work *w)
{
    w->key = record_key(w, w->record.id);
    if (w->key)
        task_read(&w->task, SEARCH_TABLE, w->key, false, delete_read);
    else
        task_no_memory(&w->task);
}

static void delete_missing(struct search_work *w)
{
    delete_done(&w->task, NULL);
}

static void delete_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const char id[] = "search.Search.Delete";
    const Search__DeleteRequest *r = (const Search__DeleteRequest *)(const void *)message;
    struct search_work *w = search_with(call, context, id, r->index);
    if (!w)
        return;
    if (!r->id[0] || strlen(r->id) > BACKEND_ID_MAX) {
        micro_fail(call, 400, id, "an id of 1 to %d bytes is required", BACKEND_ID_MAX);
        return;
    }
    w->record.id = r->id;
    w->found = delete_found;
    w->missing = delete_missing;
    search_begin(w);
}

/* ---- CreateIndex, DeleteIndex ------------------------------------------------------------------------------------ */

static void create_there(struct search_work *w)
{
    static const Search__CreateIndexResponse empty = SEARCH__CREATE_INDEX_RESPONSE__INIT;
    if (w->tries)
        rpc_call_reply(w->task.call, &empty.base);
    else
        micro_fail(w->task.call, 409, w->task.id, "there is such an index");
}

static void create_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Search__CreateIndexRequest *r = (const Search__CreateIndexRequest *)(const void *)message;
    struct search_work *w = search_with(call, context, "search.Search.CreateIndex", r->index);
    if (!w)
        return;
    w->found = create_there;
    w->missing = make_index;
    search_begin(w);
}

static void drop_page(struct task *t, const struct backend_answer *a);

static void drop_done(struct task *t, const struct backend_answer *a)
{
    static const Search__DeleteIndexResponse empty = SEARCH__DELETE_INDEX_RESPONSE__INIT;
    if (!task_failed(t, a, 500))
        rpc_call_reply(t->call, &empty.base);
}

static void drop_next(struct search_work *w)
{
    static const char *const prefixes[] = {"word", "record"};
    if (w->at == sizeof prefixes / sizeof *prefixes) {
        task_delete(&w->task, SEARCH_TABLE, w->index_key,
                    drop_done); /* last, so that a second call finds what is left */
        return;
    }
    w->ops = ARENA_NEW(search_memory(w), struct backend_op);
    char *key = arena_printf(search_memory(w), "%s:%s/", prefixes[w->at], w->index.generation);
    if (!w->ops || !key) {
        task_no_memory(&w->task);
        return;
    }
    *w->ops = (struct backend_op){.kind = OP_READ, .key = key, .prefix = true, .limit = SEARCH_PAGE};
    task_batch(&w->task, SEARCH_TABLE, w->ops, 1, drop_page);
}

static void dropped(struct task *t, const struct backend_answer *a)
{
    if (!task_failed(t, a, 500))
        drop_next((struct search_work *)t);
}

static void drop_page(struct task *t, const struct backend_answer *a)
{
    struct search_work *w = (struct search_work *)t;
    if (task_failed(t, a, 500))
        return;
    const struct backend_op *page = w->ops;
    if (page->count == 0) {
        w->at++;
        drop_next(w);
        return;
    }
    struct backend_op *ops = ARENA_NEW_N(search_memory(w), struct backend_op, page->count);
    if (!ops) {
        task_no_memory(t);
        return;
    }
    for (size_t i = 0; i < page->count; i++)
        ops[i] = (struct backend_op){.kind = OP_DELETE, .key = page->found[i].key};
    task_batch(t, SEARCH_TABLE, ops, page->count, dropped);
}

static void drop_missing(struct search_work *w)
{
    static const Search__DeleteIndexResponse empty = SEARCH__DELETE_INDEX_RESPONSE__INIT;
    rpc_call_reply(w->task.call, &empty.base);
}

static void drop_handler(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Search__DeleteIndexRequest *r = (const Search__DeleteIndexRequest *)(const void *)message;
    struct search_work *w = search_with(call, context, "search.Search.DeleteIndex", r->index);
    if (!w)
        return;
    w->found = drop_next;
    w->missing = drop_missing;
    search_begin(w);
}

/* ------------------------------------------------------------------------------------------------------------------ */

#define METHOD(method, stem, handler)                                                                                  \
    {                                                                                                                  \
        .name = method, .input = &search__##stem##_request__descriptor,                                                \
        .output = &search__##stem##_response__descriptor, .unary = handler                                             \
    }
static const struct rpc_method methods[] = {
    METHOD("Index", index, index_handler),
    METHOD("Delete", delete, delete_handler),
    METHOD("Search", search, search_find),
    METHOD("CreateIndex", create_index, create_handler),
    METHOD("DeleteIndex", delete_index, drop_handler),
};
static const struct rpc_service served = {"search.Search", methods, sizeof methods / sizeof *methods};

static int setup(struct micro_service *s, void **state, struct error *err)
{
    return backend_setup(s, &served, state, err);
}

const struct micro_program backend_search = {.name = "search", .setup = setup, .stop = backend_stop};
