#include "chaos/workload/record_calls.h"

#include "base/units.h"
#include "store/store.pb-c.h"

#include <stdio.h>
#include <string.h>

/* Generated messages hold char *, though nobody writes to them. */
struct place {
    char key[RECORD_TEXT_MAX], database[64], table[64];
};

void record_database(const struct workload_client *c, char *out, size_t size)
{
    const struct target *t = workload_target(c->workload);
    snprintf(out, size, "%s", t->namespace != NULL ? t->namespace : "micro");
}

static void place_of(const struct workload_client *c, const char *key, struct place *out)
{
    snprintf(out->key, sizeof out->key, "%s", key);
    record_database(c, out->database, sizeof out->database);
    snprintf(out->table, sizeof out->table, "%s", workload_name(c->workload));
}

int record_call_read_as(struct workload_client *c, const char *token, const char *key, workload_answered *answered)
{
    struct place place;
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    place_of(c, key, &place);
    options.database = place.database;
    options.table = place.table;
    options.missing_ok = true; /* who does not know the option says NOT_FOUND, which is as good */
    request.key = place.key;
    request.options = &options;
    return workload_call_as(c, token, RECORD_SERVICE, "/store.Store/Read", &request.base, answered);
}

int record_call_read(struct workload_client *c, const char *key, workload_answered *answered)
{
    return record_call_read_as(c, NULL, key, answered);
}

int record_call_write(struct workload_client *c, const char *key, const char *text, int64_t expiry_seconds,
                      const struct record_condition *condition, workload_answered *answered)
{
    struct place place;
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
    Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
    char value[RECORD_TEXT_MAX];
    place_of(c, key, &place);
    snprintf(value, sizeof value, "%s", text);
    record.key = place.key;
    record.value = (ProtobufCBinaryData){.len = strlen(value), .data = (uint8_t *)value};
    record.expiry = expiry_seconds;
    options.database = place.database;
    options.table = place.table;
    if (condition != NULL) {
        options.if_revision = condition->revision;
        options.if_absent = condition->absent;
    }
    request.record = &record;
    request.options = &options;
    return workload_call(c, RECORD_SERVICE, "/store.Store/Write", &request.base, answered);
}

int record_call_delete(struct workload_client *c, const char *key, const struct record_condition *condition,
                       workload_answered *answered)
{
    struct place place;
    Store__DeleteOptions options = STORE__DELETE_OPTIONS__INIT;
    Store__DeleteRequest request = STORE__DELETE_REQUEST__INIT;
    place_of(c, key, &place);
    options.database = place.database;
    options.table = place.table;
    if (condition != NULL) {
        options.if_revision = condition->revision;
        options.if_absent = condition->absent;
    }
    request.key = place.key;
    request.options = &options;
    return workload_call(c, RECORD_SERVICE, "/store.Store/Delete", &request.base, answered);
}

int64_t record_number(const char *digits)
{
    int64_t value;
    return units_parse_integer(digits, 1, INT64_MAX, &value, NULL) == 0 ? value : RECORD_GARBLED;
}

bool record_found(const struct rpc_reply *reply, struct record_found *out)
{
    *out = (struct record_found){.value = VALUE_NIL};
    if (reply->status == GRPC_NOT_FOUND)
        return true;
    if (reply->status != GRPC_OK)
        return false;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    out->value = RECORD_GARBLED;
    if (pb_unpack(&store__read_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Store__ReadResponse *response = (const Store__ReadResponse *)message;
        out->revision = response->revision;
        if (response->n_records == 0) {
            out->value = VALUE_NIL;
        } else if (response->n_records == 1) {
            const Store__Record *record = response->records[0];
            out->there = true;
            out->revision = record->revision;
            if (record->value.len < sizeof out->text) {
                memcpy(out->text, record->value.data, record->value.len);
                out->value = record_number(out->text);
            }
        }
    }
    arena_deinit(&arena);
    return true;
}

enum operation_end record_end(struct workload_client *c, const struct rpc_reply *reply)
{
    if (reply->status == GRPC_FAILED_PRECONDITION)
        return END_FAIL;
    enum operation_end end = workload_end_of_write(reply);
    return end == END_FAIL ? workload_end_undone(c) : end;
}
