/* Store.List: the keys of a table in pieces, as fast as the client reads them. */
#include "runtime/store/handlers.h"

#include "base/array.h"

static const char id[] = "store.Store.List";

/* A list on its way: it goes on behind the last key sent when the client has read what there was. Keys written or
 * deleted meanwhile may or may not be in it. */
struct listing {
    struct store *store;
    const Store__ListOptions *options;
    const char *database, *table;
    bool descending, limited, sent;
    uint64_t left, skip;
    char *last; /* heap */
};

struct piece {
    ARRAY(char *) keys;
    bool no_memory;
};

static bool on_key(void *arg, const struct store_row *row)
{
    struct piece *p = arg;
    char *key = strndup(row->key.len ? (const char *)row->key.data : "", row->key.len);
    if (key && array_push(&p->keys, key))
        return true;
    free(key);
    p->no_memory = true;
    return false;
}

static void piece_free(struct piece *p)
{
    for (size_t i = 0; i < p->keys.count; i++)
        free(p->keys.items[i]);
    array_deinit(&p->keys);
}

static int read_piece(struct listing *l, struct piece *p, struct error *err)
{
    struct store_query q = {.database = l->database,
                            .table = l->table,
                            .suffix = l->options->suffix,
                            .descending = l->descending,
                            .keys_only = true,
                            .offset = l->skip,
                            .limit = l->limited && l->left < STORE_LIST_PIECE ? l->left : STORE_LIST_PIECE,
                            .now = world_wall(l->store->world)};
    store_query_prefix(&q, l->options->prefix);
    if (l->last)
        store_query_after(&q, l->last);
    int rc = store_read(l->store->database, &q, on_key, p, err);
    store_query_deinit(&q);
    return rc == 0 && p->no_memory ? error_set(err, ERROR_MEMORY, "out of memory") : rc;
}

static void list_end(struct rpc_call *call, struct listing *l)
{
    free(l->last);
    l->last = NULL;
    rpc_call_set_user(call, NULL);
}

/* Sends pieces until the client is busy or the list is over. */
static void list_on(struct rpc_call *call, struct listing *l)
{
    while (!rpc_call_busy(call)) {
        struct piece p = {0};
        struct error err = ERROR_INIT;
        int rc = read_piece(l, &p, &err);
        bool over = rc == 0 && p.keys.count < STORE_LIST_PIECE;
        l->skip = 0;
        l->left = l->limited ? l->left - p.keys.count : 0;
        if (rc == 0 && (p.keys.count > 0 || !l->sent)) {
            Store__ListResponse reply = STORE__LIST_RESPONSE__INIT;
            reply.keys = p.keys.items;
            reply.n_keys = p.keys.count;
            rc = rpc_call_send(call, &reply.base);
            l->sent = true;
        }
        if (rc == 0 && p.keys.count > 0) {
            free(l->last);
            l->last = array_pop(&p.keys);
        }
        piece_free(&p);
        if (rc || over || (l->limited && l->left == 0)) {
            list_end(call, l);
            if (rc)
                micro_fail(call, 503, id, "%s", err.message ? err.message : error_code_name(rc));
            else
                rpc_call_finish(call, GRPC_OK, "");
            error_clear(&err);
            return;
        }
    }
}

void store_list(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    static const Store__ListOptions none = STORE__LIST_OPTIONS__INIT;
    const Store__ListRequest *request = (const Store__ListRequest *)(const void *)message;
    const Store__ListOptions *options = request->options ? request->options : &none;
    const char *database = options->database, *table = options->table;
    bool desc;
    if (!store_place(call, id, &database, &table) || !store_order(call, id, options->order, &desc))
        return;
    struct listing *l = ARENA_NEW(rpc_call_arena(call), struct listing);
    if (!l) {
        micro_fail(call, 507, id, "out of memory");
        return;
    }
    *l = (struct listing){.store = context,
                          .options = options,
                          .database = database,
                          .table = table,
                          .descending = desc,
                          .limited = options->limit > 0,
                          .left = options->limit,
                          .skip = options->offset};
    rpc_call_set_user(call, l);
    list_on(call, l);
}

void store_list_writable(struct rpc_call *call, void *context)
{
    (void)context;
    struct listing *l = rpc_call_user(call);
    if (l)
        list_on(call, l);
}

void store_list_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    struct listing *l = rpc_call_user(call);
    if (l)
        list_end(call, l);
    rpc_call_finish(call, GRPC_CANCELLED, "");
}
