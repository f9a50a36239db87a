#include "fakes/serve/control_internal.h"

#include <string.h>

#define STUBS_DEFAULT 1000

/* NULL: the answer says that there are none to speak of. */
static struct stub_set *stubs(struct controlling *c)
{
    struct stub_set *set = fake_server_stubs(c->control->server);
    if (set == NULL)
        fake_answer_fail(c->answer, GRPC_FAILED_PRECONDITION, "these doubles take no stubs");
    return set;
}

void control_add_stubs(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__AddStubsRequest *request = (const void *)message;
    struct stub_set *set = stubs(c);
    const char *name = request->name[0] != '\0' ? request->name : "rpc";
    struct error err = ERROR_INIT;
    uint64_t first = 0;
    int64_t added = 0;
    Doubles__AddStubsResponse response;
    doubles__add_stubs_response__init(&response);
    if (set == NULL)
        return;
    if (request->format[0] == '\0' || strcmp(request->format, "yaml") == 0 || strcmp(request->format, "json") == 0)
        added = stub_set_add_yaml(set, bytes_of(request->text), name, &first, &err);
    else if (strcmp(request->format, "gripmock") == 0)
        added = stub_set_add_gripmock(set, bytes_of(request->text), name, &first, &err);
    else
        added = error_set(&err, ERROR_INVALID, "format is \"%.50s\": expected yaml, json or gripmock", request->format);
    if (added < 0) {
        control_fail(c, &err);
        return;
    }
    response.first = first;
    response.count = added;
    control_reply(c, &response.base);
}

void control_remove_stubs(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__RemoveStubsRequest *request = (const void *)message;
    struct stub_set *set = stubs(c);
    Doubles__RemoveStubsResponse response;
    doubles__remove_stubs_response__init(&response);
    if (set == NULL)
        return;
    for (size_t i = 0; i < request->n_ids; i++) {
        struct stub_info info;
        if (stub_set_find(set, request->ids[i], &info) != 0) {
            fake_answer_fail(c->answer, GRPC_NOT_FOUND, "there is no stub %llu", (unsigned long long)request->ids[i]);
            return;
        }
    }
    if (request->all) {
        response.count = (int64_t)stub_set_count(set);
        stub_set_clear(set);
    }
    for (size_t i = 0; !request->all && i < request->n_ids; i++)
        response.count += stub_set_remove(set, request->ids[i]) == 0;
    if (!request->all && request->name[0] != '\0') {
        size_t removed = stub_set_remove_named(set, request->name);
        if (removed == 0 && response.count == 0) {
            fake_answer_fail(c->answer, GRPC_NOT_FOUND, "there is no stub named \"%.200s\"", request->name);
            return;
        }
        response.count += (int64_t)removed;
    }
    control_reply(c, &response.base);
}

struct listing {
    struct arena *arena;
    const struct pb_method *method;
    Doubles__Stub **items;
    size_t count, limit;
    int64_t offset, total;
    bool failed;
};

static void list_one(void *arg, const struct stub_info *stub)
{
    struct listing *l = arg;
    if (l->failed || (l->method != NULL && l->method != stub->method))
        return;
    if (l->total++ < l->offset || l->count == l->limit)
        return;
    Doubles__Stub *out = ARENA_NEW(l->arena, Doubles__Stub);
    l->failed = out == NULL;
    if (l->failed)
        return;
    doubles__stub__init(out);
    out->id = stub->id;
    out->name = arena_string(l->arena, stub->name);
    out->method = arena_string(l->arena, stub->method->path + 1);
    out->place = arena_printf(l->arena, "%s:%d", stub->file, stub->line);
    out->priority = stub->priority;
    out->session = arena_string(l->arena, stub->session);
    out->used = stub->used;
    out->times = stub->times;
    out->last = (int64_t)stub->last;
    l->failed = out->name == NULL || out->method == NULL || out->place == NULL || out->session == NULL;
    if (!l->failed)
        l->items[l->count++] = out;
}

void control_list_stubs(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__ListStubsRequest *request = (const void *)message;
    struct stub_set *set = stubs(c);
    struct listing l = {.arena = &c->arena, .offset = request->offset};
    Doubles__ListStubsResponse response;
    doubles__list_stubs_response__init(&response);
    if (set == NULL || !control_method(c, request->method, &l.method))
        return;
    if (request->limit < 0 || request->limit > CONTROL_STUBS_MAX || request->offset < 0) {
        fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "limit is 0 to %d, offset not negative", CONTROL_STUBS_MAX);
        return;
    }
    l.limit = (size_t)(request->limit > 0 ? request->limit : STUBS_DEFAULT);
    l.items = ARENA_NEW_N(&c->arena, Doubles__Stub *, l.limit);
    if (l.items != NULL)
        stub_set_list(set, request->unused, list_one, &l);
    if (l.items == NULL || l.failed) {
        control_out_of_memory(c);
        return;
    }
    response.stubs = l.items;
    response.n_stubs = l.count;
    response.total = l.total;
    control_reply(c, &response.base);
}
