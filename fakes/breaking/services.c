/* Services: methods that went, their messages, streams and idempotency. */
#include "fakes/breaking/internal.h"

#include <string.h>

static const char *type_name(const char *name)
{
    return name == NULL ? "" : name + (name[0] == '.');
}

static const char *call_kind(bool stream)
{
    return stream ? "a stream of messages" : "one message";
}

static const char *idempotency(const schema_method_proto *m)
{
    static const char *const names[] = {"IDEMPOTENCY_UNKNOWN", "NO_SIDE_EFFECTS", "IDEMPOTENT"};
    unsigned level = m->options != NULL ? (unsigned)m->options->idempotency_level : 0;
    return level < 3 ? names[level] : "?";
}

struct method_pair {
    const struct schema_element *before, *now; /* the services */
    int32_t old_index, new_index;
};

static struct schema_place part(const struct schema_element *service, int32_t method, int32_t field)
{
    return schema_place(service, (int32_t[]){SERVICE_METHOD, method, field}, field != 0 ? 3 : 2);
}

static void compare_methods(struct comparison *c, const struct method_pair *p)
{
    const schema_method_proto *b = p->before->service->method[p->old_index];
    const schema_method_proto *n = p->now->service->method[p->new_index];
    const char *element = breaking_name(c, p->before->full_name, b->name);
    struct schema_place place = part(p->now, p->new_index, 0), was = part(p->before, p->old_index, 0);
    if (b->client_streaming != n->client_streaming)
        breaking_tell(c, RPC_SAME_CLIENT_STREAMING, place, was, element, "method \"%s\" took %s and takes %s", n->name,
                      call_kind(b->client_streaming), call_kind(n->client_streaming));
    if (b->server_streaming != n->server_streaming)
        breaking_tell(c, RPC_SAME_SERVER_STREAMING, place, was, element,
                      "method \"%s\" answered with %s and answers with %s", n->name, call_kind(b->server_streaming),
                      call_kind(n->server_streaming));
    if (strcmp(idempotency(b), idempotency(n)) != 0)
        breaking_tell(c, RPC_SAME_IDEMPOTENCY_LEVEL,
                      schema_place(p->now, (int32_t[]){SERVICE_METHOD, p->new_index, METHOD_OPTIONS, 34}, 4),
                      schema_place(p->before, (int32_t[]){SERVICE_METHOD, p->old_index, METHOD_OPTIONS, 34}, 4),
                      element, "idempotency_level of method \"%s\" was %s and is %s", n->name, idempotency(b),
                      idempotency(n));
    if (strcmp(type_name(b->input_type), type_name(n->input_type)) != 0)
        breaking_tell(c, RPC_SAME_REQUEST_TYPE, part(p->now, p->new_index, METHOD_INPUT),
                      part(p->before, p->old_index, METHOD_INPUT), element,
                      "method \"%s\" took \"%s\" and takes \"%s\"", n->name, type_name(b->input_type),
                      type_name(n->input_type));
    if (strcmp(type_name(b->output_type), type_name(n->output_type)) != 0)
        breaking_tell(c, RPC_SAME_RESPONSE_TYPE, part(p->now, p->new_index, METHOD_OUTPUT),
                      part(p->before, p->old_index, METHOD_OUTPUT), element,
                      "method \"%s\" answered \"%s\" and answers \"%s\"", n->name, type_name(b->output_type),
                      type_name(n->output_type));
}

void breaking_services(struct comparison *c)
{
    for (size_t i = 0; i < c->before->services.list.count; i++) {
        struct method_pair p = {.before = c->before->services.list.items[i]};
        p.now = schema_find(&c->now->services, p.before->full_name);
        if (p.now == NULL)
            continue;
        const schema_service_proto *b = p.before->service, *n = p.now->service;
        for (p.old_index = 0; (size_t)p.old_index < b->n_method; p.old_index++) {
            const char *name = b->method[p.old_index]->name;
            p.new_index = 0;
            while ((size_t)p.new_index < n->n_method && strcmp(n->method[p.new_index]->name, name) != 0)
                p.new_index++;
            if ((size_t)p.new_index < n->n_method)
                compare_methods(c, &p);
            else
                breaking_tell(c, RPC_NO_DELETE, schema_place(p.now, NULL, 0), part(p.before, p.old_index, 0),
                              breaking_name(c, p.before->full_name, name), "method \"%s\" of \"%s\" is gone", name,
                              p.now->name);
        }
    }
}
