/* Asking a server for its contracts, and what a server may answer instead. */
#include "rpc/test_fixture.h"

#include "rpc/reflect_client.h"

#include "grpc/reflection/v1/reflection.pb-c.h"

#define WITHIN ((uint64_t)(5 * SECOND))

/* ---- real servers ----------------------------------------------------------------------------------------------- */

struct asked {
    struct reflect_files files;
    struct reflect_talk talk;
    struct text set;
    struct error error;
    int code;
};

static void ask(struct fixture *f, struct asked *a)
{
    *a = (struct asked){.talk.files = &a->files};
    a->code =
        reflect_ask(f->world, fixture_connect(f, NULL), (struct grpc_metadata){NULL, 0}, WITHIN, &a->talk, &a->error);
    assert_int_equal(reflect_files_set(&a->files, &a->set), 0);
}

static void asked_deinit(struct asked *a)
{
    reflect_talk_deinit(&a->talk);
    reflect_files_deinit(&a->files);
    text_deinit(&a->set);
    error_clear(&a->error);
}

static struct fixture_server *serve(struct fixture *f)
{
    struct rpc_server_options options = {.pool = fixture_pool(f)};
    struct fixture_server *s = fixture_serve(f, 0, &options);
    assert_int_equal(rpc_server_add_health(s->server), 0);
    assert_int_equal(rpc_server_add_reflection(s->server), 0);
    return s;
}

static bool has_service(const struct asked *a, const char *name)
{
    for (size_t i = 0; i < a->talk.services.count; i++)
        if (strcmp(a->talk.services.items[i].name, name) == 0)
            return true;
    return false;
}

static void expect_contracts(struct asked *a)
{
    struct pb_pool *pool = NULL;
    assert_int_equal(a->code, 0);
    assert_true(has_service(a, "harrow.test.Test"));
    assert_true(has_service(a, "grpc.health.v1.Health"));
    assert_false(has_service(a, "grpc.reflection.v1.ServerReflection"));
    assert_int_equal(pb_pool_new(text_bytes(&a->set), "told", &pool, &a->error), 0);
    assert_non_null(pb_find_method(pool, "/harrow.test.Test/Unary", false));
    assert_non_null(pb_find_method(pool, "/grpc.health.v1.Health/Watch", false));
    pb_pool_free(pool);
}

static void contracts_are_told(void **state)
{
    struct asked a;
    serve(*state);
    ask(*state, &a);
    expect_contracts(&a);
    asked_deinit(&a);
}

/* What a guard answers to one version of reflection. */
struct refusal {
    const char *path_part;
    int status;
};

static bool guard(struct rpc_call *call, void *context)
{
    const struct refusal *r = context;
    if (!strstr(rpc_call_path(call), r->path_part))
        return true;
    rpc_call_fail(call, r->status, "not for you");
    return false;
}

static void the_older_version_serves(void **state)
{
    struct refusal no_v1 = {".reflection.v1.", GRPC_UNIMPLEMENTED};
    struct asked a;
    rpc_server_set_guard(serve(*state)->server, guard, &no_v1);
    ask(*state, &a);
    expect_contracts(&a);
    asked_deinit(&a);
}

static void refusals(void **state)
{
    static const struct {
        struct refusal refusal;
        int code;
        const char *message;
    } cases[] = {
        {{".reflection.", GRPC_UNIMPLEMENTED}, ERROR_UNSUPPORTED, "offers no reflection"},
        {{".reflection.", GRPC_UNAUTHENTICATED}, ERROR_DENIED, "UNAUTHENTICATED: not for you"},
        {{".reflection.", GRPC_PERMISSION_DENIED}, ERROR_DENIED, "PERMISSION_DENIED: not for you"},
        {{".reflection.", GRPC_INTERNAL}, ERROR_PROTOCOL, "INTERNAL: not for you"},
        {{".reflection.", GRPC_OK}, ERROR_PROTOCOL, "answered OK"},
    };
    struct refusal now;
    rpc_server_set_guard(serve(*state)->server, guard, &now);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asked a;
        now = cases[i].refusal;
        ask(*state, &a);
        assert_int_equal(a.code, cases[i].code);
        assert_non_null(strstr(a.error.message, cases[i].message));
        asked_deinit(&a);
    }
}

static void nobody_is_there(void **state)
{
    struct fixture *f = *state;
    struct asked a;
    serve(f);
    fixture_stop(f, 0);
    ask(f, &a);
    assert_int_equal(a.code, ERROR_CLOSED);
    asked_deinit(&a);
}

/* ---- answers by hand -------------------------------------------------------------------------------------------- */

typedef Grpc__Reflection__V1__ServerReflectionResponse response;

static int answer(struct asked *a, const response *r)
{
    struct text packed = TEXT_INIT, question = TEXT_INIT;
    assert_true(reflect_talk_ask(&a->talk, &question) == 1 || reflect_talk_waits(&a->talk));
    assert_int_equal(pb_pack(&r->base, &packed), 0);
    a->code = reflect_talk_answer(&a->talk, text_bytes(&packed), &a->error);
    text_deinit(&packed);
    text_deinit(&question);
    return a->code;
}

static int answer_services(struct asked *a, size_t count, const char *format)
{
    Grpc__Reflection__V1__ListServiceResponse list;
    grpc__reflection__v1__list_service_response__init(&list);
    response r;
    grpc__reflection__v1__server_reflection_response__init(&r);
    Grpc__Reflection__V1__ServiceResponse *items = calloc(count + 1, sizeof *items);
    Grpc__Reflection__V1__ServiceResponse **pointers = calloc(count + 1, sizeof *pointers);
    struct arena arena = ARENA_INIT;
    assert_true(items && pointers);
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&items[i]);
        items[i].name = arena_printf(&arena, "%s%zu", format, i);
        pointers[i] = &items[i];
    }
    list.n_service = count;
    list.service = pointers;
    r.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    r.list_services_response = &list;
    int code = answer(a, &r);
    arena_deinit(&arena);
    free(items);
    free(pointers);
    return code;
}

static int answer_error(struct asked *a, const char *message)
{
    Grpc__Reflection__V1__ErrorResponse error;
    grpc__reflection__v1__error_response__init(&error);
    response r;
    grpc__reflection__v1__server_reflection_response__init(&r);
    struct text copy = TEXT_INIT;
    text_puts(&copy, message);
    error.error_message = copy.data;
    r.message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    r.error_response = &error;
    int code = answer(a, &r);
    text_deinit(&copy);
    return code;
}

/* A FileDescriptorProto: 1 name, 3 dependency, 4 message, 6 service, 8 options, 12 syntax. */
static void put(struct text *out, int field, const char *value)
{
    text_char(out, (char)(field << 3 | 2));
    text_char(out, (char)strlen(value));
    text_puts(out, value);
}

static int answer_file_with(struct asked *a, const char *name, const char *syntax, const char *service,
                            const char *imports, struct bytes more)
{
    Grpc__Reflection__V1__FileDescriptorResponse list;
    grpc__reflection__v1__file_descriptor_response__init(&list);
    response r;
    grpc__reflection__v1__server_reflection_response__init(&r);
    struct text file = TEXT_INIT, inner = TEXT_INIT;
    if (name)
        put(&file, 1, name);
    for (const char *p = imports; *p; p++) /* a letter each */
        put(&file, 3, (const char[]){*p, '\0'});
    if (service) {
        put(&inner, 1, service);
        put(&file, 6, text_string(&inner));
    }
    put(&file, 12, syntax);
    text_add(&file, more.data, more.len);
    ProtobufCBinaryData data = {.len = file.len, .data = (uint8_t *)file.data};
    list.n_file_descriptor_proto = 1;
    list.file_descriptor_proto = &data;
    r.message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    r.file_descriptor_response = &list;
    int code = answer(a, &r);
    text_deinit(&file);
    text_deinit(&inner);
    return code;
}

static int answer_file(struct asked *a, const char *name, const char *syntax, const char *service, const char *imports)
{
    return answer_file_with(a, name, syntax, service, imports, BYTES_NONE);
}

static void begin(struct asked *a, size_t services)
{
    asked_deinit(a);
    *a = (struct asked){.talk.files = &a->files};
    assert_int_equal(answer_services(a, services, "S"), 0);
}

static void expect(struct asked *a, int code, const char *message)
{
    assert_int_equal(a->code, code);
    assert_non_null(strstr(a->error.message, message));
    error_clear(&a->error);
}

/* The pool of what was told, or why there is none. */
static int pool_of(struct asked *a, struct pb_pool **out)
{
    struct text again = TEXT_INIT;
    text_clear(&a->set);
    assert_int_equal(reflect_files_set(&a->files, &a->set), 0);
    assert_int_equal(reflect_files_set(&a->files, &again), 0);
    assert_true(bytes_equal(text_bytes(&again), text_bytes(&a->set)));
    text_deinit(&again);
    return pb_pool_new(text_bytes(&a->set), "told", out, &a->error);
}

static void imports_are_asked_for_once(void **state)
{
    (void)state;
    struct asked a = {.code = 0};
    struct pb_pool *pool = NULL;
    struct text question = TEXT_INIT;
    begin(&a, 1);
    assert_int_equal(answer_file(&a, "s.proto", "proto3", "S0", "abb"), 0);
    assert_int_equal(answer_file(&a, "a", "proto3", NULL, "b"), 0); /* a */
    assert_int_equal(answer_error(&a, "no such file"), 0);          /* b stays empty */
    assert_int_equal(reflect_talk_ask(&a.talk, &question), 0);
    assert_int_equal(pool_of(&a, &pool), 0);
    assert_non_null(pb_find_service(pool, "S0"));
    assert_int_equal(pb_file_count(pool), 3);
    pb_pool_free(pool);
    text_deinit(&question);
    asked_deinit(&a);
}

static void services_are_asked_about_without_waiting(void **state)
{
    (void)state;
    struct asked a = {.code = 0};
    struct text question = TEXT_INIT;
    begin(&a, 3);
    assert_false(reflect_talk_waits(&a.talk));
    for (int i = 0; i < 3; i++)
        assert_int_equal(reflect_talk_ask(&a.talk, &question), 1);
    assert_int_equal(reflect_talk_ask(&a.talk, &question), 0); /* an import may be named by any of the answers */
    assert_true(reflect_talk_waits(&a.talk));
    assert_int_equal(answer_file(&a, "s", "proto3", "S0", "i"), 0);
    assert_int_equal(answer_error(&a, "who?"), 0);
    assert_true(reflect_talk_waits(&a.talk));
    assert_int_equal(answer_file(&a, "t", "proto3", "S2", ""), 0);
    assert_false(reflect_talk_waits(&a.talk));
    assert_string_equal(a.talk.services.items[1].refusal, "who?");
    assert_int_equal(answer_file(&a, "i", "proto3", NULL, ""), 0);
    assert_int_equal(reflect_talk_ask(&a.talk, &question), 0);
    assert_false(reflect_talk_waits(&a.talk));
    text_deinit(&question);
    asked_deinit(&a);
}

static void named_ones_are_asked_for_with_the_list(void **state)
{
    (void)state;
    struct asked a = {.talk.files = &a.files};
    struct text question = TEXT_INIT;
    static const char *const names[] = {"S1", "T", "S1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(reflect_talk_name(&a.talk, bytes_of(names[i])), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(reflect_talk_ask(&a.talk, &question), 1); /* the list, S1, T */
    assert_int_equal(reflect_talk_ask(&a.talk, &question), 0);
    /* On another stream all that has no answer is asked again. */
    reflect_talk_again(&a.talk);
    for (int i = 0; i < 3; i++)
        assert_int_equal(reflect_talk_ask(&a.talk, &question), 1);
    assert_int_equal(answer_services(&a, 3, "S"), 0);
    assert_true(reflect_talk_waits(&a.talk));
    assert_int_equal(answer_file(&a, "s", "proto3", "S1", "i"), 0);
    assert_true(reflect_talk_waits(&a.talk));
    assert_int_equal(answer_error(&a, "who?"), 0);
    assert_false(reflect_talk_waits(&a.talk));
    assert_int_equal(answer_file(&a, "i", "proto3", NULL, ""), 0);
    assert_int_equal(reflect_talk_ask(&a.talk, &question), 0); /* S0 and S2 are not asked for */
    static const struct {
        const char *name;
        bool listed;
    } rows[] = {{"S1", true}, {"T", false}, {"S0", true}, {"S2", true}};
    assert_int_equal(a.talk.services.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(a.talk.services.items[i].name, rows[i].name);
        assert_int_equal(a.talk.services.items[i].listed, rows[i].listed);
    }
    assert_string_equal(a.talk.services.items[1].refusal, "who?");
    text_deinit(&question);
    asked_deinit(&a);
}

static void hostile_answers(void **state)
{
    (void)state;
    struct asked a = {.code = 0};
    struct pb_pool *pool = NULL;
    /* Imports in a circle: the talk ends, the pool says what is wrong. */
    begin(&a, 1);
    assert_int_equal(answer_file(&a, "s", "proto3", "S0", "t"), 0);
    assert_int_equal(answer_file(&a, "t", "proto3", NULL, "st"), 0);
    assert_int_equal(pool_of(&a, &pool), ERROR_INVALID);
    assert_non_null(strstr(a.error.message, "circle"));
    error_clear(&a.error);
    /* One file, twice, differently; the same again is fine. */
    begin(&a, 3);
    assert_int_equal(answer_file(&a, "s", "proto3", "S0", ""), 0);
    assert_int_equal(answer_file(&a, "s", "proto3", "S0", ""), 0);
    answer_file(&a, "s", "proto3", "S1", "");
    expect(&a, ERROR_EXISTS, "described twice");
    /* Another file than the one asked for does not make it ask again. */
    begin(&a, 1);
    assert_int_equal(answer_file(&a, "s", "proto3", "S0", "a"), 0);
    assert_int_equal(answer_file(&a, "x", "proto3", NULL, ""), 0);
    struct text question = TEXT_INIT;
    assert_int_equal(reflect_talk_ask(&a.talk, &question), 0);
    text_deinit(&question);
    /* A file without a name, none at all, and kinds of answers nobody asked for. */
    begin(&a, 1);
    answer_file(&a, NULL, "proto3", NULL, "");
    expect(&a, ERROR_PROTOCOL, "without a name");
    answer_services(&a, 1, "S");
    expect(&a, ERROR_PROTOCOL, "another question than the one about S0");
    a.code = reflect_talk_answer(&a.talk, BYTES("\xFF", 1), &a.error);
    expect(&a, ERROR_PROTOCOL, "no reflection");
    asked_deinit(&a);
    a = (struct asked){.talk.files = &a.files};
    answer_error(&a, "go away");
    expect(&a, ERROR_PROTOCOL, "does not list its services: go away");
    answer_services(&a, REFLECT_SERVICES_MAX + 1, "S");
    expect(&a, ERROR_LIMIT, "lists 1025 services");
    asked_deinit(&a);
}

static void what_cannot_be_used_is_left_out(void **state)
{
    (void)state;
    struct asked a = {.code = 0};
    struct pb_pool *pool = NULL;
    begin(&a, 3);
    assert_int_equal(answer_file(&a, "s", "proto3", "S0", ""), 0);
    assert_int_equal(answer_file(&a, "t", "proto2", "S1", ""), 0);
    assert_int_equal(answer_error(&a, "who?"), 0);
    assert_int_equal(pool_of(&a, &pool), 0);
    assert_non_null(pb_find_service(pool, "S0"));
    assert_null(pb_find_service(pool, "S1"));
    assert_null(a.talk.services.items[0].refusal);
    assert_string_equal(a.talk.services.items[2].refusal, "who?");
    assert_string_equal(reflect_files_fault(&a.files, "S1"), "its file t is of proto2");
    assert_null(reflect_files_fault(&a.files, "S0"));
    pb_pool_free(pool);
    asked_deinit(&a);
}

/* "good" has a service and a field of a type; "bad" has that type. 4 message { 1 name, 2 field { 1 name, 3 number, 4
 * label, 5 type, 6 type_name } }. */
static void so_are_files_that_use_it(void **state)
{
    static const char old[] = "\x22\x05\x0A\x03Old", uses[] = "\x22\x16\x0A\x01M\x12\x11\x0A\x01"
                                                              "f\x18\x01\x20\x01\x28\x0B\x32\x06.b.Old";
    static const char package_b[] = "\x12\x01"
                                    "b\x22\x05\x0A\x03Old";
    static const struct {
        const char *syntax;
        struct bytes bad; /* len 0: it does not come */
        const char *why;
    } cases[] = {
        {"proto3", {(const uint8_t *)package_b, sizeof package_b - 1}, NULL},
        {"proto2", {(const uint8_t *)package_b, sizeof package_b - 1}, "its file g uses b.Old: b is of proto2"},
        {"proto3",
         {(const uint8_t *)old, sizeof old - 1},
         "its file g uses b.Old, which the server does not describe"}, /* "Old" in no package */
        {"proto3", {NULL, 0}, "its file g uses b.Old, which the server does not describe"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asked a = {.code = 0};
        struct pb_pool *pool = NULL;
        begin(&a, 3);
        assert_int_equal(answer_file(&a, "s", "proto3", "S0", "b"), 0); /* imports it for its options only */
        assert_int_equal(answer_file_with(&a, "g", "proto3", "S1", "b", BYTES(uses, sizeof uses - 1)), 0);
        assert_int_equal(answer_file_with(&a, "h", "proto3", "S2", "g", BYTES_NONE), 0);
        if (cases[i].bad.len > 0)
            assert_int_equal(answer_file_with(&a, "b", cases[i].syntax, NULL, "", cases[i].bad), 0);
        if (pool_of(&a, &pool) != 0)
            fail_msg("%zu: %s", i, a.error.message);
        assert_non_null(pb_find_service(pool, "S0"));
        assert_non_null(pb_find_service(pool, "S2"));
        assert_true((pb_find_service(pool, "S1") == NULL) == (cases[i].why != NULL));
        if (cases[i].why != NULL)
            assert_string_equal(reflect_files_fault(&a.files, "S1"), cases[i].why);
        pb_pool_free(pool);
        asked_deinit(&a);
    }
}

#define MORE(text)                                                                                                     \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }

/* Files of editions as reflection sends them: 5 enum, 4 message, 7 and 8 options, 12 syntax, 14 edition. */
static void only_files_no_pool_takes_are_left_out(void **state)
{
    static const struct {
        struct bytes more; /* behind name, service and syntax "editions" */
        const char *why;   /* NULL: it is taken */
    } cases[] = {
        /* edition = EDITION_2023; enum E { A = 0; } */
        {MORE("\x70\xE8\x07\x2A\x0A\x0A\x01"
              "E\x12\x05\x0A\x01"
              "A\x10\x00"),
         NULL},
        /* ... with option features.enum_type = CLOSED, of the enum, and of the file */
        {MORE("\x70\xE8\x07\x2A\x10\x0A\x01"
              "E\x12\x05\x0A\x01"
              "A\x10\x00\x1A\x04\x3A\x02\x10\x02"),
         "its file f has closed enums"},
        {MORE("\x70\xE8\x07\x42\x05\x92\x03\x02\x10\x02\x22\x0F\x0A\x01"
              "M\x22\x0A\x0A\x01"
              "E\x12\x05\x0A\x01"
              "A\x10\x00"),
         "its file f has closed enums"},
        /* message M { M f = 1 [features.message_encoding = DELIMITED]; } */
        {MORE("\x70\xE8\x07\x22\x19\x0A\x01"
              "M\x12\x14\x0A\x01"
              "f\x18\x01\x20\x01\x28\x0B\x32\x02.M\x42\x05\xAA\x01\x02\x28\x02"),
         "its file f has groups (delimited messages)"},
        /* edition = 1002, which is not known */
        {MORE("\x70\xEA\x07"), "its file f is of an edition that is not known here"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asked a = {.code = 0};
        struct pb_pool *pool = NULL;
        begin(&a, 2);
        assert_int_equal(answer_file(&a, "s", "proto3", "S0", ""), 0);
        assert_int_equal(answer_file_with(&a, "f", "editions", "S1", "", cases[i].more), 0);
        assert_int_equal(pool_of(&a, &pool), 0);
        assert_non_null(pb_find_service(pool, "S0"));
        assert_null(reflect_files_fault(&a.files, "S0"));
        if (cases[i].why == NULL) {
            assert_non_null(pb_find_service(pool, "S1"));
            assert_null(reflect_files_fault(&a.files, "S1"));
        } else {
            assert_null(pb_find_service(pool, "S1"));
            assert_string_equal(reflect_files_fault(&a.files, "S1"), cases[i].why);
        }
        pb_pool_free(pool);
        asked_deinit(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(contracts_are_told),
        SIM(the_older_version_serves),
        SIM(refusals),
        SIM(nobody_is_there),
        cmocka_unit_test(imports_are_asked_for_once),
        cmocka_unit_test(services_are_asked_about_without_waiting),
        cmocka_unit_test(named_ones_are_asked_for_with_the_list),
        cmocka_unit_test(hostile_answers),
        cmocka_unit_test(what_cannot_be_used_is_left_out),
        cmocka_unit_test(so_are_files_that_use_it),
        cmocka_unit_test(only_files_no_pool_takes_are_left_out),
    };
    return cmocka_run_group_tests_name("rpc/reflect", tests, NULL, NULL);
}
