#include "tests/whole/invariants.h"

#include "fuzz/case/links.h"
#include "proto/store/store.pb-c.h"
#include "rpc/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_LIMIT ((uint64_t)(30 * SECOND)) /* virtual */

/* The first message of a call as it went out; appended to `out`. False: it has none. */
static bool request_of(const struct fuzz_case *c, const struct fuzz_trace *t, uint32_t call, struct text *out)
{
    for (size_t i = t->calls.items[call].event; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].call == call)
            return fuzz_links_apply(c, i, t, out) >= 0;
    return false;
}

/* ---- acknowledged writes ---- */

static const char *or_default(const char *name)
{
    return name && name[0] ? name : WHOLE_CONTEXT;
}

static bool same_key(const char *database, const char *table, const char *key, const Store__WriteRequest *w)
{
    return w->record && strcmp(w->record->key, key) == 0 &&
           strcmp(or_default(w->options ? w->options->database : NULL), or_default(database)) == 0 &&
           strcmp(or_default(w->options ? w->options->table : NULL), or_default(table)) == 0;
}

/* Does another call of the case change the record? Then what is there is theirs. */
static bool is_only(struct whole *w, const struct fuzz_case *c, const struct fuzz_trace *t, uint32_t call,
                    const Store__WriteRequest *write)
{
    bool only = true;
    for (uint32_t i = 0; only && i < t->calls.count; i++) {
        const struct trace_call *other = &t->calls.items[i];
        if (i == call || !other->method || strcmp(other->method->service->full_name, "store.Store") != 0)
            continue;
        text_clear(&w->acked);
        if (!request_of(c, t, i, &w->acked))
            continue;
        const uint8_t *data = (const uint8_t *)w->acked.data;
        if (strcmp(other->method->name, "Write") == 0) {
            Store__WriteRequest *r = store__write_request__unpack(NULL, w->acked.len, data);
            only = r && r->record &&
                   !same_key(write->options ? write->options->database : NULL,
                             write->options ? write->options->table : NULL, write->record->key, r);
            if (r)
                store__write_request__free_unpacked(r, NULL);
        } else if (strcmp(other->method->name, "Delete") == 0) {
            Store__DeleteRequest *r = store__delete_request__unpack(NULL, w->acked.len, data);
            only = r && !same_key(r->options ? r->options->database : NULL, r->options ? r->options->table : NULL,
                                  r->key, write);
            if (r)
                store__delete_request__free_unpacked(r, NULL);
        }
    }
    return only;
}

static int read_back(struct whole *w, const struct trace_call *call, const Store__WriteRequest *write,
                     struct rpc_answer *answer)
{
    Store__ReadRequest read = STORE__READ_REQUEST__INIT;
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    struct rpc_channel *channel;
    struct text message = TEXT_INIT;
    read.key = write->record->key;
    read.options = &options;
    if (write->options) {
        options.database = write->options->database;
        options.table = write->options->table;
    }
    size_t size = store__read_request__get_packed_size(&read);
    const struct target_component *store = target_serving(&w->target, "store.Store");
    const struct grpc_header header = {bytes_of("authorization"), simulated_bearer(w->door, call->other_tenant)};
    int rc = text_reserve(&message, size) ? target_channel(&w->target, store, &channel, NULL) : ERROR_MEMORY;
    if (rc == 0) {
        store__read_request__pack(&read, (uint8_t *)message.data);
        const struct rpc_request request = {.path = "/store.Store/Read",
                                            .metadata = {&header, 1},
                                            .timeout = READ_LIMIT,
                                            .wait_for_ready = true,
                                            .message = BYTES(message.data, size),
                                            .has_message = true};
        rc = rpc_unary_wait(w->world, channel, &request, answer, NULL);
    }
    text_deinit(&message);
    return rc;
}

static bool holds(const struct rpc_answer *answer, const Store__WriteRequest *write, struct text *why)
{
    if (answer->reply.status == GRPC_NOT_FOUND) {
        text_printf(why, "the acknowledged write of \"%s\" is gone", write->record->key);
        return false;
    }
    if (answer->reply.status != GRPC_OK)
        return true; /* a rule of the case may forbid to look */
    Store__ReadResponse *r = store__read_response__unpack(NULL, answer->reply.body.len, answer->reply.body.data);
    bool same = r && r->n_records == 1 && r->records[0]->value.len == write->record->value.len &&
                (r->records[0]->value.len == 0 ||
                 memcmp(r->records[0]->value.data, write->record->value.data, write->record->value.len) == 0);
    if (!same)
        text_printf(why, "\"%s\" is no longer what was acknowledged", write->record->key);
    if (r)
        store__read_response__free_unpacked(r, NULL);
    return same;
}

static bool acknowledged_writes(struct whole *w, const struct fuzz_case *c, const struct fuzz_trace *t,
                                struct whole_verdict *out)
{
    bool fine = true;
    for (uint32_t i = 0; fine && i < t->calls.count; i++) {
        const struct trace_call *call = &t->calls.items[i];
        struct text request = TEXT_INIT;
        if (!call->method || call->status != GRPC_OK || call->without_token ||
            strcmp(call->method->path, "/store.Store/Write") != 0)
            continue;
        if (request_of(c, t, i, &request)) {
            Store__WriteRequest *write = store__write_request__unpack(NULL, request.len, (const uint8_t *)request.data);
            struct rpc_answer answer = {0};
            if (write && write->record && write->record->expiry == 0 && is_only(w, c, t, i, write) &&
                read_back(w, call, write, &answer) == 0)
                fine = holds(&answer, write, &out->why);
            rpc_answer_deinit(&answer);
            if (write)
                store__write_request__free_unpacked(write, NULL);
        }
        text_deinit(&request);
    }
    return fine;
}

/* ---- all ---- */

static const struct {
    const char *name;
    const char *method;
    bool (*hold)(struct whole *w, const struct fuzz_case *c, const struct fuzz_trace *t, struct whole_verdict *out);
} invariants[] = {{"acknowledged-write", "/store.Store/Write", acknowledged_writes}};

void whole_invariants(struct whole *w, const struct fuzz_case *c, const struct fuzz_trace *t, struct whole_verdict *out)
{
    for (size_t i = 0; !out->oracle && i < sizeof invariants / sizeof invariants[0]; i++)
        if (!invariants[i].hold(w, c, t, out)) {
            out->oracle = invariants[i].name;
            snprintf(out->method, sizeof out->method, "%s", invariants[i].method);
        }
}
