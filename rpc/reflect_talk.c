#include "rpc/reflect_files.h"

#include "wire/pb.h"

#include "grpc/reflection/v1/reflection.pb-c.h"

#include <string.h>

#define ASKED_AHEAD 64 /* questions under way */

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static int file_entry(struct reflect_files *f, const char *name, struct reflect_file **out, struct error *err)
{
    struct reflect_file *file = *out = map_get(&f->by_name, name);
    if (file)
        return 0;
    if (map_count(&f->by_name) >= REFLECT_FILES_MAX)
        return error_set(err, ERROR_LIMIT, "the server names more than %d files", REFLECT_FILES_MAX);
    file = ARENA_NEW(&f->arena, struct reflect_file);
    if (!file || !(file->name = arena_string(&f->arena, name)) || !map_put(&f->by_name, file->name, file))
        return out_of_memory(err);
    *out = file;
    return 0;
}

/* Files every server has a copy of, which compilers print a little differently. */
static bool is_common(const char *name)
{
    return strncmp(name, "google/", 7) == 0 || strncmp(name, "grpc/", 5) == 0;
}

static int want_imports(struct reflect_talk *t, const file_proto *proto, struct error *err)
{
    for (size_t i = 0; i < proto->n_dependency; i++) {
        struct reflect_file *import = NULL;
        int rc = file_entry(t->files, proto->dependency[i], &import, err);
        if (rc)
            return rc;
        if (import->met != t && !array_push(&t->wanted, import))
            return out_of_memory(err);
        import->met = t;
    }
    return 0;
}

static int add_file(struct reflect_talk *t, struct bytes bytes, struct error *err)
{
    struct reflect_files *f = t->files;
    struct arena scratch = ARENA_INIT;
    struct error cause = ERROR_INIT;
    ProtobufCMessage *m;
    const file_proto *proto = NULL;
    struct reflect_file *file = NULL;
    int rc = 0;
    if (bytes.len > REFLECT_BYTES_MAX - f->bytes) {
        rc = error_set(err, ERROR_LIMIT, "the server's files have more than %zu MiB", REFLECT_BYTES_MAX >> 20);
        goto out;
    }
    rc = pb_unpack(&google__protobuf__file_descriptor_proto__descriptor, bytes, &scratch, &m, &cause);
    if (rc) {
        rc =
            error_set(err, rc == ERROR_MEMORY ? rc : ERROR_PROTOCOL, "the server sent a file that is no descriptor: %s",
                      cause.message ? cause.message : error_code_name(rc));
        goto out;
    }
    proto = (const void *)m;
    if (!proto->name || !*proto->name) {
        rc = error_set(err, ERROR_PROTOCOL, "the server sent a file without a name");
        goto out;
    }
    if ((rc = file_entry(f, proto->name, &file, err)) != 0)
        goto out;
    if (file->proto.data) {
        if (!bytes_equal(file->proto, bytes) && !is_common(file->name))
            rc = error_set(err, ERROR_EXISTS, "\"%.*s\" was described twice, with different content", NAME_SHOWN,
                           file->name);
        goto out;
    }
    file->proto = BYTES(arena_copy(&f->arena, bytes.data, bytes.len), bytes.len);
    if (!file->proto.data) {
        rc = out_of_memory(err);
        goto out;
    }
    f->bytes += bytes.len;
    file->unpacked = proto;
    file->unpacked_in = scratch;
    scratch = ARENA_INIT;
    rc = want_imports(t, proto, err);
out:
    error_clear(&cause);
    arena_deinit(&scratch);
    return rc;
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

void reflect_talk_deinit(struct reflect_talk *t)
{
    array_deinit(&t->services);
    array_deinit(&t->wanted);
}

static struct reflect_service *find_service(const struct reflect_talk *t, struct bytes name)
{
    for (size_t i = 0; i < t->services.count; i++)
        if (bytes_equal(bytes_of(t->services.items[i].name), name))
            return &t->services.items[i];
    return NULL;
}

static int add_service(struct reflect_talk *t, struct bytes name, bool listed)
{
    struct reflect_service s = {.name = arena_string_n(&t->files->arena, (const char *)name.data, name.len),
                                .listed = listed};
    return s.name && array_push(&t->services, s) ? 0 : ERROR_MEMORY;
}

int reflect_talk_name(struct reflect_talk *t, struct bytes service)
{
    int rc = find_service(t, service) ? 0 : add_service(t, service, false);
    t->named = t->services.count;
    return rc;
}

/* How many services have their files asked for, as far as is known before the list came. */
static size_t wanted_services(const struct reflect_talk *t)
{
    return t->named ? t->named : t->services.count;
}

static char *without_const(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = {.in = s};
    return u.out;
}

/* The import to ask for next: named by a file, and not here. NULL: none. */
static const char *next_import(struct reflect_talk *t)
{
    while (t->wanted_next < t->wanted.count) {
        const struct reflect_file *file = t->wanted.items[t->wanted_next++];
        if (!file->proto.data)
            return file->name;
    }
    return NULL;
}

bool reflect_talk_waits(const struct reflect_talk *t)
{
    return t->list_asked != t->listed || t->service_next < t->service_asked || t->import;
}

void reflect_talk_again(struct reflect_talk *t)
{
    t->list_asked = t->listed;
    t->service_asked = t->service_next;
    t->wanted_next -= t->import != NULL;
    t->import = NULL;
}

int reflect_talk_ask(struct reflect_talk *t, struct text *out)
{
    reflection_request q;
    grpc__reflection__v1__server_reflection_request__init(&q);
    if (!t->list_asked) {
        t->list_asked = true;
        q.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
        q.list_services = without_const("*");
    } else if (t->service_asked < wanted_services(t) && t->service_asked - t->service_next < ASKED_AHEAD) {
        const char *service = t->services.items[t->service_asked++].name;
        q.message_request_case =
            GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL;
        q.file_containing_symbol = without_const(service);
    } else {
        if (reflect_talk_waits(t) || (t->import = next_import(t)) == NULL)
            return 0;
        q.message_request_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME;
        q.file_by_filename = without_const(t->import);
    }
    text_clear(out);
    int rc = pb_pack(&q.base, out);
    return rc ? rc : text_ok(out) ? 1 : ERROR_MEMORY;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static bool is_reflection(const char *name)
{
    return strcmp(name, "grpc.reflection.v1.ServerReflection") == 0 ||
           strcmp(name, "grpc.reflection.v1alpha.ServerReflection") == 0;
}

static int take_services(struct reflect_talk *t, const Grpc__Reflection__V1__ListServiceResponse *list,
                         struct error *err)
{
    if (list->n_service > REFLECT_SERVICES_MAX)
        return error_set(err, ERROR_LIMIT, "the server lists %zu services; %d may be", list->n_service,
                         REFLECT_SERVICES_MAX);
    t->listed = true;
    for (size_t i = 0; i < list->n_service; i++) {
        struct bytes name = bytes_of(list->service[i]->name);
        struct reflect_service *known = find_service(t, name);
        if (name.len == 0 || is_reflection(list->service[i]->name))
            continue;
        if (known)
            known->listed = true;
        else if (add_service(t, name, true) != 0)
            return out_of_memory(err);
    }
    return 0;
}

/* Files came, or the server's words why not. */
static int take_files(struct reflect_talk *t, const Grpc__Reflection__V1__FileDescriptorResponse *list,
                      const char *refusal, struct error *err)
{
    for (size_t i = 0; list && i < list->n_file_descriptor_proto; i++) {
        ProtobufCBinaryData d = list->file_descriptor_proto[i];
        int rc = add_file(t, BYTES(d.data, d.len), err);
        if (rc)
            return rc;
    }
    if (t->service_next == wanted_services(t)) {
        t->import = NULL;
        return 0;
    }
    struct reflect_service *s = &t->services.items[t->service_next++];
    if (refusal)
        s->refusal = arena_printf(&t->files->arena, "%.*s", NAME_SHOWN, refusal);
    return refusal && !s->refusal ? out_of_memory(err) : 0;
}

/* What the question was about that is answered next. */
static const char *about(const struct reflect_talk *t)
{
    if (t->listed && t->service_next < wanted_services(t))
        return t->services.items[t->service_next].name;
    return t->import ? t->import : "its services";
}

int reflect_talk_answer(struct reflect_talk *t, struct bytes message, struct error *err)
{
    struct arena scratch = ARENA_INIT;
    struct error cause = ERROR_INIT;
    ProtobufCMessage *m;
    int rc = pb_unpack(&grpc__reflection__v1__server_reflection_response__descriptor, message, &scratch, &m, &cause);
    const reflection_response *a = rc ? NULL : (const void *)m;
    int kind = a ? (int)a->message_response_case : 0;
    if (!a)
        rc = error_set(err, rc == ERROR_MEMORY ? rc : ERROR_PROTOCOL, "the server's answer is no reflection: %s",
                       cause.message ? cause.message : error_code_name(rc));
    else if (!t->listed &&
             kind == GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE)
        rc = take_services(t, a->list_services_response, err);
    else if (t->listed &&
             kind == GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE)
        rc = take_files(t, a->file_descriptor_response, NULL, err);
    else if (t->listed && kind == GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE)
        rc = take_files(t, NULL, a->error_response->error_message, err);
    else if (kind == GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE)
        rc = error_set(err, ERROR_PROTOCOL, "the server does not list its services: %.*s", NAME_SHOWN,
                       a->error_response->error_message);
    else
        rc = error_set(err, ERROR_PROTOCOL, "the server answered another question than the one about %.*s", NAME_SHOWN,
                       about(t));
    error_clear(&cause);
    arena_deinit(&scratch);
    return rc;
}
