/* Registers in the store: clients write and read keys of a table of their own through store.Store. */
#include "base/units.h"
#include "chaos/workload/kinds.h"
#include "store/store.pb-c.h"

#include <stdio.h>
#include <string.h>

#define STORE "store.Store"

/* Generated messages hold char *, though nobody writes to them. */
struct place {
    char key[24], database[64], table[64];
};

static void place_of(struct workload *w, uint32_t key, struct place *out)
{
    const struct target *t = workload_target(w);
    snprintf(out->key, sizeof out->key, "k%u", key);
    snprintf(out->database, sizeof out->database, "%s", t->namespace != NULL ? t->namespace : "micro");
    snprintf(out->table, sizeof out->table, "%s", workload_name(w));
}

/* The value a read's answer holds; VALUE_NIL: absent; -1: the answer is not one this workload ever wrote. */
static int64_t value_of(const struct rpc_reply *reply)
{
    if (reply->status == GRPC_NOT_FOUND)
        return VALUE_NIL;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int64_t value = -1;
    if (pb_unpack(&store__read_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Store__ReadResponse *response = (const Store__ReadResponse *)message;
        char digits[24] = "";
        if (response->n_records == 1 && response->records[0]->value.len < sizeof digits) {
            memcpy(digits, response->records[0]->value.data, response->records[0]->value.len);
            if (units_parse_integer(digits, 1, INT64_MAX, &value, NULL) != 0)
                value = -1;
        }
    }
    arena_deinit(&arena);
    return value;
}

static struct workload_outcome read_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    (void)c;
    if (reply->status != GRPC_OK && reply->status != GRPC_NOT_FOUND)
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    return (struct workload_outcome){END_OK, value_of(reply)};
}

static struct workload_outcome write_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    (void)c;
    return (struct workload_outcome){workload_end_of_write(reply), VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    struct place place;
    place_of(c->workload, key, &place);
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    options.database = place.database;
    options.table = place.table;
    request.key = place.key;
    request.options = &options;
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? workload_call(c, STORE, "/store.Store/Read", &request.base, read_answered) : code;
}

static int begin_write(struct workload_client *c, uint32_t key)
{
    int64_t value = workload_value(c->workload);
    struct place place;
    char digits[24];
    place_of(c->workload, key, &place);
    int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
    Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
    record.key = place.key;
    record.value = (ProtobufCBinaryData){.len = (size_t)len, .data = (uint8_t *)digits};
    options.database = place.database;
    options.table = place.table;
    request.record = &record;
    request.options = &options;
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    return code == 0 ? workload_call(c, STORE, "/store.Store/Write", &request.base, write_answered) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    bool read = random_below(r, 2) == 0;
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    return read ? begin_read(c, key) : begin_write(c, key);
}

const struct workload_kind workload_store_register = {
    .name = "store-register",
    .summary = "reads and writes of unique values in a table of the store",
    .services = (const char *const[]){STORE, NULL},
    .models = (const char *const[]){"register", NULL},
    .begin = begin,
    .final_read = begin_read,
};
