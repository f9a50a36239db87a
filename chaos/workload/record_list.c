#include "chaos/workload/record_list.h"

#include "store/store.pb-c.h"

#include <stdio.h>
#include <string.h>

int record_list(struct workload_client *c, struct record_list *list, uint32_t key, const char *prefix,
                void (*message)(struct workload_client *c, struct bytes message), workload_answered *answered)
{
    char text[RECORD_TEXT_MAX], database[64], table[64];
    Store__ListOptions options = STORE__LIST_OPTIONS__INIT;
    Store__ListRequest request = STORE__LIST_REQUEST__INIT;
    const ProtobufCMessage *pieces[] = {&request.base};
    snprintf(text, sizeof text, "%s", prefix);
    record_database(c, database, sizeof database);
    snprintf(table, sizeof table, "%s", workload_name(c->workload));
    options.database = database;
    options.table = table;
    options.prefix = text;
    request.options = &options;
    array_clear(&list->values);
    list->wrong = false;
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? workload_exchange(c, RECORD_SERVICE, "/store.Store/List", pieces, 1, message, answered) : code;
}

void record_list_add(struct record_list *list, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&store__list_response__descriptor, message, &arena, &unpacked, NULL) != 0)
        list->wrong = true;
    const Store__ListResponse *keys = (const Store__ListResponse *)unpacked;
    for (size_t i = 0; !list->wrong && i < keys->n_keys; i++) {
        const char *dot = strchr(keys->keys[i], '.');
        int64_t value = dot != NULL ? record_number(dot + 1) : RECORD_GARBLED;
        list->wrong = list->values.count >= RECORD_LIST_MAX || !array_push(&list->values, value);
    }
    arena_deinit(&arena);
}

struct workload_outcome record_list_end(struct workload_client *c, struct record_list *list,
                                        const struct rpc_reply *reply)
{
    bool ok = reply->status == GRPC_OK && !list->wrong &&
              history_set_list(workload_write(c->workload), c->operation, list->values.items, list->values.count) == 0;
    return (struct workload_outcome){ok ? END_OK : END_FAIL, VALUE_NIL};
}

void record_list_deinit(struct record_list *list)
{
    array_deinit(&list->values);
}
