#include "chaos/workload/etcd_calls.h"

#include "base/units.h"
#include "etcd/rpc.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 24

void etcd_key(const struct workload *w, const char *prefix, uint32_t key, char out[ETCD_KEY_MAX])
{
    snprintf(out, ETCD_KEY_MAX, "%s/%s%u", workload_name(w), prefix, key);
}

/* Generated messages hold uint8_t *, though nobody writes to them. */
static ProtobufCBinaryData data_of(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static int64_t number_of(const ProtobufCBinaryData *data, size_t from)
{
    char digits[DIGITS_MAX] = "";
    int64_t value;
    if (data->len <= from || data->len - from >= sizeof digits)
        return ETCD_GARBLED;
    memcpy(digits, data->data + from, data->len - from);
    return units_parse_integer(digits, 1, INT64_MAX, &value, NULL) == 0 ? value : ETCD_GARBLED;
}

int64_t etcd_number(const ProtobufCBinaryData *data)
{
    return number_of(data, 0);
}

/* ---- calls ---- */

int etcd_call_read(struct workload_client *c, const char *key, workload_answered *answered)
{
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    request.key = data_of(key);
    return workload_call(c, ETCD_KV, "/etcdserverpb.KV/Range", &request.base, answered);
}

int etcd_call_list(struct workload_client *c, const char *prefix, workload_answered *answered)
{
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    char end[ETCD_KEY_MAX];
    /* The first key that does not begin so: no prefix here ends with the largest byte. */
    snprintf(end, sizeof end, "%s", prefix);
    end[strlen(end) - 1]++;
    request.key = data_of(prefix);
    request.range_end = data_of(end);
    request.keys_only = true;
    return workload_call(c, ETCD_KV, "/etcdserverpb.KV/Range", &request.base, answered);
}

int etcd_call_delete(struct workload_client *c, const char *key, workload_answered *answered)
{
    Etcdserverpb__DeleteRangeRequest request = ETCDSERVERPB__DELETE_RANGE_REQUEST__INIT;
    request.key = data_of(key);
    return workload_call(c, ETCD_KV, "/etcdserverpb.KV/DeleteRange", &request.base, answered);
}

int etcd_call_write(struct workload_client *c, const char *key, int64_t value, workload_answered *answered)
{
    Etcdserverpb__PutRequest request = ETCDSERVERPB__PUT_REQUEST__INIT;
    char digits[DIGITS_MAX];
    if (value == VALUE_NIL)
        return etcd_call_delete(c, key, answered);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    request.key = data_of(key);
    request.value = data_of(digits);
    return workload_call(c, ETCD_KV, "/etcdserverpb.KV/Put", &request.base, answered);
}

static void fill_compare(const struct etcd_condition *condition, const char *digits, Etcdserverpb__Compare *out)
{
    *out = (Etcdserverpb__Compare)ETCDSERVERPB__COMPARE__INIT;
    out->key = data_of(condition->key);
    out->result = ETCDSERVERPB__COMPARE__COMPARE_RESULT__EQUAL;
    switch (condition->what) {
    case ETCD_VALUE:
        out->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__VALUE;
        out->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE;
        out->value = data_of(digits);
        break;
    case ETCD_MODIFIED_AT:
        out->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD;
        out->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION;
        out->mod_revision = condition->number;
        break;
    case ETCD_ABSENT: /* what is not there has been made at 0 */
    case ETCD_CREATED_AT:
        out->target = ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE;
        out->target_union_case = ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION;
        out->create_revision = condition->what == ETCD_ABSENT ? 0 : condition->number;
        break;
    }
}

int etcd_call_write_if(struct workload_client *c, const struct etcd_condition *condition, const char *key,
                       int64_t value, workload_answered *answered)
{
    Etcdserverpb__TxnRequest request = ETCDSERVERPB__TXN_REQUEST__INIT;
    Etcdserverpb__DeleteRangeRequest removal = ETCDSERVERPB__DELETE_RANGE_REQUEST__INIT;
    Etcdserverpb__PutRequest put = ETCDSERVERPB__PUT_REQUEST__INIT;
    Etcdserverpb__RequestOp change = ETCDSERVERPB__REQUEST_OP__INIT;
    Etcdserverpb__Compare compare;
    Etcdserverpb__Compare *compares[] = {&compare};
    Etcdserverpb__RequestOp *changes[] = {&change};
    char digits[DIGITS_MAX], expected[DIGITS_MAX];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    snprintf(expected, sizeof expected, "%lld", (long long)condition->number);
    fill_compare(condition, expected, &compare);
    removal.key = put.key = data_of(key);
    put.value = data_of(digits);
    if (value == VALUE_NIL) {
        change.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
        change.request_delete_range = &removal;
    } else {
        change.request_case = ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT;
        change.request_put = &put;
    }
    request.compare = compares;
    request.success = changes;
    request.n_compare = request.n_success = 1;
    return workload_call(c, ETCD_KV, "/etcdserverpb.KV/Txn", &request.base, answered);
}

/* ---- answers ---- */

bool etcd_found(const struct rpc_reply *reply, struct etcd_found *out)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    *out = (struct etcd_found){.value = ETCD_GARBLED};
    if (reply->status != GRPC_OK)
        return false;
    int code = pb_unpack(&etcdserverpb__range_response__descriptor, reply->body, &arena, &message, NULL);
    if (code == 0) {
        const Etcdserverpb__RangeResponse *response = (const Etcdserverpb__RangeResponse *)message;
        if (response->n_kvs == 0)
            out->value = VALUE_NIL;
        if (response->n_kvs == 1) {
            const Mvccpb__KeyValue *kv = response->kvs[0];
            *out = (struct etcd_found){true, etcd_number(&kv->value), kv->create_revision, kv->mod_revision};
        }
    }
    arena_deinit(&arena);
    return code != ERROR_MEMORY; /* then nobody knows what it said */
}

bool etcd_listed(const struct rpc_reply *reply, size_t prefix, int64_t **items, size_t *count)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    *items = NULL;
    *count = 0;
    if (reply->status == GRPC_OK &&
        pb_unpack(&etcdserverpb__range_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Etcdserverpb__RangeResponse *response = (const Etcdserverpb__RangeResponse *)message;
        *items = malloc((response->n_kvs + 1) * sizeof **items);
        for (size_t i = 0; *items != NULL && i < response->n_kvs; i++)
            (*items)[(*count)++] = number_of(&response->kvs[i]->key, prefix);
    }
    arena_deinit(&arena);
    return *items != NULL;
}

static uint64_t revision_of(const Etcdserverpb__ResponseHeader *header)
{
    return header != NULL && header->revision > 0 ? (uint64_t)header->revision : 0;
}

bool etcd_deleted(const struct rpc_reply *reply, int64_t *count, uint64_t *revision)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    *count = 0;
    *revision = 0;
    bool read = pb_unpack(&etcdserverpb__delete_range_response__descriptor, reply->body, &arena, &message, NULL) == 0;
    if (read) {
        const Etcdserverpb__DeleteRangeResponse *response = (const Etcdserverpb__DeleteRangeResponse *)message;
        *count = response->deleted;
        *revision = response->deleted > 0 ? revision_of(response->header) : 0;
    }
    arena_deinit(&arena);
    return read;
}

enum operation_end etcd_end_of_write(struct workload_client *c, const struct rpc_reply *reply, uint64_t *revision)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    enum operation_end end = workload_end_of_write(reply);
    int64_t count;
    *revision = 0;
    if (end == END_OK && workload_operation(c)->value == VALUE_NIL)
        (void)etcd_deleted(reply, &count, revision);
    else if (end == END_OK &&
             pb_unpack(&etcdserverpb__put_response__descriptor, reply->body, &arena, &message, NULL) == 0)
        *revision = revision_of(((const Etcdserverpb__PutResponse *)message)->header);
    arena_deinit(&arena);
    return end == END_FAIL ? workload_end_undone(c) : end;
}

enum operation_end etcd_end_of_condition(struct workload_client *c, const struct rpc_reply *reply, uint64_t *revision)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    enum operation_end end = workload_end_of_write(reply);
    *revision = 0;
    if (end == END_FAIL)
        return workload_end_undone(c);
    if (end != END_OK)
        return end;
    end = END_INFO; /* done or not: it cannot be read */
    if (pb_unpack(&etcdserverpb__txn_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Etcdserverpb__TxnResponse *response = (const Etcdserverpb__TxnResponse *)message;
        end = response->succeeded ? END_OK : END_FAIL;
        *revision = response->succeeded ? revision_of(response->header) : 0;
    }
    arena_deinit(&arena);
    return end;
}

struct workload_outcome etcd_read_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    struct etcd_found found;
    (void)c;
    bool told = etcd_found(reply, &found);
    return (struct workload_outcome){told ? END_OK : END_FAIL, found.value};
}

struct workload_outcome etcd_write_answered(struct workload_client *c, const struct rpc_reply *reply)
{
    uint64_t revision;
    enum operation_end end = etcd_end_of_write(c, reply, &revision);
    if (revision != 0) /* without memory the history has one revision less */
        (void)history_set_revision(workload_write(c->workload), c->operation, revision);
    return (struct workload_outcome){end, VALUE_NIL};
}
