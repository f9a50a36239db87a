/* Server reflection, v1 and v1alpha: the two differ in their package only, so one set of handlers and of generated
 * messages serves both. Files come from the server's own pool first, then from the built-in contracts. */
#include "rpc/server_internal.h"

#include "grpc/reflection/v1/reflection.pb-c.h"

#include <stdlib.h>
#include <string.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

#define FILES_MAX 4096 /* files one answer may carry */

/* Where a file is described. */
struct found {
    const struct pb_pool *pool;
    const char *file;
};

static const struct pb_pool *pool_at(const struct rpc_server *s, int i)
{
    return i == 0 ? s->options.pool : s->own_pool;
}

static struct found find_file(const struct rpc_server *s, const char *name)
{
    for (int i = 0; i < 2; i++)
        if (pool_at(s, i) && pb_file_proto(pool_at(s, i), name).data)
            return (struct found){pool_at(s, i), name};
    return (struct found){NULL, NULL};
}

static struct found find_symbol(const struct rpc_server *s, const char *symbol)
{
    for (int i = 0; i < 2; i++) {
        const char *file = pool_at(s, i) ? pb_file_of_symbol(pool_at(s, i), symbol) : NULL;
        if (file)
            return (struct found){pool_at(s, i), file};
    }
    return (struct found){NULL, NULL};
}

/* The files this stream has been given already, by name. */
static struct map *sent_files(struct rpc_call *call)
{
    return rpc_call_user(call);
}

static void respond(struct rpc_call *call, reflection_response *response, const reflection_request *request)
{
    response->valid_host = request->host;
    /* Packing does not change it; the generated struct only has no room for const. */
    union {
        const reflection_request *in;
        reflection_request *out;
    } original = {.in = request};
    response->original_request = original.out;
    (void)rpc_call_send(call, &response->base);
}

static void respond_error(struct rpc_call *call, const reflection_request *request, int code, const char *what,
                          const char *name)
{
    Grpc__Reflection__V1__ErrorResponse error;
    grpc__reflection__v1__error_response__init(&error);
    error.error_code = code;
    struct text message = TEXT_INIT;
    text_printf(&message, "%s: %s", what, name);
    char none[1] = "";
    error.error_message = message.data ? message.data : none;
    reflection_response response;
    grpc__reflection__v1__server_reflection_response__init(&response);
    response.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response.error_response = &error;
    respond(call, &response, request);
    text_deinit(&message);
}

/* The file and everything it imports, breadth first; what the stream already has is left out, but the file asked for
 * is always there. */
static void respond_file(struct rpc_call *call, const reflection_request *request, struct found root)
{
    ARRAY(const char *) queue = {0};
    ARRAY(ProtobufCBinaryData) files = {0};
    bool ok = array_push(&queue, root.file);
    for (size_t i = 0; ok && i < queue.count && files.count < FILES_MAX; i++) {
        struct map *sent = sent_files(call);
        if (i > 0 && map_get(sent, queue.items[i]))
            continue;
        struct bytes proto = pb_file_proto(root.pool, queue.items[i]);
        if (!proto.data)
            continue;
        union {
            const uint8_t *in;
            uint8_t *out;
        } data = {.in = proto.data};
        ok = map_put(sent, queue.items[i], call) &&
             array_push(&files, ((ProtobufCBinaryData){.len = proto.len, .data = data.out}));
        const char *const *names = NULL;
        size_t count = pb_file_dependencies(root.pool, queue.items[i], &names);
        for (size_t k = 0; ok && k < count; k++)
            if (!map_get(sent, names[k]))
                ok = array_push(&queue, names[k]);
    }
    if (ok) {
        Grpc__Reflection__V1__FileDescriptorResponse list;
        grpc__reflection__v1__file_descriptor_response__init(&list);
        list.n_file_descriptor_proto = files.count;
        list.file_descriptor_proto = files.items;
        reflection_response response;
        grpc__reflection__v1__server_reflection_response__init(&response);
        response.message_response_case =
            GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
        response.file_descriptor_response = &list;
        respond(call, &response, request);
    } else {
        respond_error(call, request, GRPC_RESOURCE_EXHAUSTED, "out of memory", root.file);
    }
    array_deinit(&queue);
    array_deinit(&files);
}

/* What the server was given, in order; with a fallback that may answer anything, the pool's services as well, unless
 * the server says that it lists what it has. */
static void respond_services(struct rpc_call *call, const reflection_request *request, const struct rpc_server *s)
{
    ARRAY(const char *) names = {0};
    bool ok = true;
    for (const struct rpc_registered *r = s->registered; ok && r; r = r->next)
        ok = array_push(&names, r->service->name);
    if (s->fallback_route.handler && s->options.pool && !s->options.listed_only) {
        for (size_t i = 0; ok && i < pb_service_count(s->options.pool); i++) {
            const char *name = pb_service_at(s->options.pool, i)->full_name;
            if (!map_get(&s->services, name))
                ok = array_push(&names, name);
        }
    }
    Grpc__Reflection__V1__ServiceResponse *items = ok ? calloc(names.count + 1, sizeof *items) : NULL;
    Grpc__Reflection__V1__ServiceResponse **pointers = ok ? calloc(names.count + 1, sizeof *pointers) : NULL;
    if (items && pointers) {
        for (size_t i = 0; i < names.count; i++) {
            grpc__reflection__v1__service_response__init(&items[i]);
            union {
                const char *in;
                char *out;
            } name = {.in = names.items[i]};
            items[i].name = name.out;
            pointers[i] = &items[i];
        }
        Grpc__Reflection__V1__ListServiceResponse list;
        grpc__reflection__v1__list_service_response__init(&list);
        list.n_service = names.count;
        list.service = pointers;
        reflection_response response;
        grpc__reflection__v1__server_reflection_response__init(&response);
        response.message_response_case =
            GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
        response.list_services_response = &list;
        respond(call, &response, request);
    } else {
        respond_error(call, request, GRPC_RESOURCE_EXHAUSTED, "out of memory", "services");
    }
    free(items);
    free(pointers);
    array_deinit(&names);
}

static void on_open(struct rpc_call *call, void *context)
{
    /* Pools are large and few servers are ever asked: both are made by the first who asks. */
    struct rpc_server *s = context;
    struct map *sent = calloc(1, sizeof *sent);
    int rc = sent ? 0 : ERROR_MEMORY;
    if (rc == 0 && !s->own_pool)
        rc = pb_pool_new(rpc_contracts(), "health and reflection", &s->own_pool, NULL);
    (void)server_pool(s);
    if (rc) {
        free(sent);
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
    } else
        rpc_call_set_user(call, sent);
}

static void close_stream(struct rpc_call *call, int status)
{
    struct map *sent = sent_files(call);
    map_deinit(sent);
    free(sent);
    rpc_call_finish(call, status, NULL);
}

static void on_message(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const struct rpc_server *s = context;
    const reflection_request *request = (const void *)message;
    if (rpc_call_busy(call))
        rpc_call_pause(call);
    switch ((int)request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME: {
        struct found f = find_file(s, request->file_by_filename);
        if (f.pool)
            respond_file(call, request, f);
        else
            respond_error(call, request, GRPC_NOT_FOUND, "no such file", request->file_by_filename);
        break;
    }
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL: {
        struct found f = find_symbol(s, request->file_containing_symbol);
        if (f.pool)
            respond_file(call, request, f);
        else
            respond_error(call, request, GRPC_NOT_FOUND, "no such symbol", request->file_containing_symbol);
        break;
    }
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        respond_error(call, request, GRPC_NOT_FOUND, "no such extension of",
                      request->file_containing_extension->containing_type);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE: {
        const char *name = request->all_extension_numbers_of_type;
        if (!find_symbol(s, name).pool) {
            respond_error(call, request, GRPC_NOT_FOUND, "no such type", name);
            break;
        }
        Grpc__Reflection__V1__ExtensionNumberResponse none;
        grpc__reflection__v1__extension_number_response__init(&none);
        none.base_type_name = request->all_extension_numbers_of_type;
        reflection_response response;
        grpc__reflection__v1__server_reflection_response__init(&response);
        response.message_response_case =
            GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
        response.all_extension_numbers_response = &none;
        respond(call, &response, request);
        break;
    }
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        respond_services(call, request, s);
        break;
    default:
        respond_error(call, request, GRPC_INVALID_ARGUMENT, "the request asks for", "nothing");
        break;
    }
}

static void on_half_closed(struct rpc_call *call, void *context)
{
    (void)context;
    close_stream(call, GRPC_OK);
}

static void on_cancelled(struct rpc_call *call, void *context)
{
    (void)context;
    close_stream(call, GRPC_CANCELLED);
}

static void on_writable(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_resume(call);
}

static const struct rpc_method methods[] = {
    {.name = "ServerReflectionInfo",
     .input = &grpc__reflection__v1__server_reflection_request__descriptor,
     .output = &grpc__reflection__v1__server_reflection_response__descriptor,
     .open = on_open,
     .message = on_message,
     .half_closed = on_half_closed,
     .cancelled = on_cancelled,
     .writable = on_writable},
};
static const struct rpc_service service_v1 = {"grpc.reflection.v1.ServerReflection", methods, 1};
static const struct rpc_service service_v1alpha = {"grpc.reflection.v1alpha.ServerReflection", methods, 1};

int rpc_server_add_reflection(struct rpc_server *s)
{
    int rc = rpc_server_add(s, &service_v1, s);
    return rc ? rc : rpc_server_add(s, &service_v1alpha, s);
}

void server_reflection_free(struct rpc_server *s)
{
    pb_pool_free(s->own_pool);
    s->own_pool = NULL;
}
