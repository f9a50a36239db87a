/* The generator as a function: what it writes, and what it says of requests it cannot do. That its output compiles, and
 * what the doubles do, is for the tests in fakes/double/. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "fakes/generate/generate.h"
#include "fakes/kinds_descriptors.h"
#include "proto/set.h"
#include "wire/pb.h"
#include "wire/pb_wire.h"

#include <stdlib.h>
#include <string.h>

/* ---- requests and responses ------------------------------------------------------------------------------------- */

static void ask_for(struct text *request, const char *file)
{
    pb_put_bytes(request, 1, bytes_of(file));
}

static void with_option(struct text *request, const char *option)
{
    pb_put_bytes(request, 2, bytes_of(option));
}

/* A set's files in its order; every one asked for when `all`. */
static void hold_set(struct text *request, struct bytes set, bool all)
{
    struct pb_reader r = {set.data, set.data + set.len};
    struct pb_item item;
    while (r.at < r.end && pb_item_next(&r, &item) == PB_FAULT_NONE) {
        struct pb_reader file = {item.data.data, item.data.data + item.data.len};
        struct pb_item name;
        pb_put_bytes(request, 15, item.data);
        if (all && pb_item_next(&file, &name) == PB_FAULT_NONE && name.number == 1)
            pb_put_bytes(request, 1, name.data);
    }
}

struct response {
    struct text bytes, names; /* the files' names, a line each */
    struct bytes error;
    uint64_t features;
    size_t files;
};

static struct response run(const struct text *request)
{
    struct response r = {.bytes = TEXT_INIT};
    struct error err = ERROR_INIT;
    assert_int_equal(generate(text_bytes(request), &r.bytes, &err), 0);
    struct pb_reader reader = {(const uint8_t *)r.bytes.data, (const uint8_t *)r.bytes.data + r.bytes.len};
    struct pb_item item, name;
    while (reader.at < reader.end) {
        assert_int_equal(pb_item_next(&reader, &item), PB_FAULT_NONE);
        if (item.number == 1)
            r.error = item.data;
        else if (item.number == 2)
            r.features = item.value;
        else if (item.number == 15) {
            struct pb_reader file = {item.data.data, item.data.data + item.data.len};
            assert_int_equal(pb_item_next(&file, &name), PB_FAULT_NONE);
            text_add(&r.names, name.data.data, name.data.len);
            text_char(&r.names, '\n');
            r.files++;
        }
    }
    assert_int_equal(r.features, 1);
    return r;
}

static void response_deinit(struct response *r)
{
    text_deinit(&r->bytes);
    text_deinit(&r->names);
}

/* What a file of the response holds; nothing when it is not there. */
static struct bytes content_of(const struct response *r, const char *name)
{
    struct pb_reader reader = {(const uint8_t *)r->bytes.data, (const uint8_t *)r->bytes.data + r->bytes.len};
    struct pb_item item, part;
    while (reader.at < reader.end && pb_item_next(&reader, &item) == PB_FAULT_NONE) {
        struct pb_reader file = {item.data.data, item.data.data + item.data.len};
        if (item.number != 15 || pb_item_next(&file, &part) != PB_FAULT_NONE || !bytes_is(part.data, name))
            continue;
        return pb_item_next(&file, &part) == PB_FAULT_NONE ? part.data : BYTES_NONE;
    }
    return BYTES_NONE;
}

static struct text kinds_request(const char *option)
{
    struct text request = TEXT_INIT;
    ask_for(&request, "kinds.proto");
    with_option(&request, option);
    hold_set(&request, BYTES(fake_set_kinds_2eproto, sizeof fake_set_kinds_2eproto), false);
    return request;
}

static void writes_what_it_says(void **state)
{
    static const struct {
        const char *option, *files;
    } cases[] = {
        {"", "fakes/kinds_descriptors.h\nfakes/kinds_descriptors.c\nfakes/fake_kinds.h\nfakes/fake_kinds.c\n"
             "fakes/fake_kinds_two.h\nfakes/fake_kinds_two.c\n"},
        {"messages", "kinds.pb-c.h\nkinds.pb-c.c\nfakes/kinds_descriptors.h\nfakes/kinds_descriptors.c\n"
                     "fakes/fake_kinds.h\nfakes/fake_kinds.c\nfakes/fake_kinds_two.h\nfakes/fake_kinds_two.c\n"},
        {"imports,doubles=no", "google/protobuf/empty.pb-c.h\ngoogle/protobuf/empty.pb-c.c\n"
                               "google/protobuf/timestamp.pb-c.h\ngoogle/protobuf/timestamp.pb-c.c\n"
                               "kinds.pb-c.h\nkinds.pb-c.c\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text request = kinds_request(cases[i].option);
        struct response once = run(&request), again = run(&request);
        assert_null(once.error.data);
        assert_string_equal(text_string(&once.names), cases[i].files);
        assert_true(bytes_equal(text_bytes(&once.bytes), text_bytes(&again.bytes)));
        response_deinit(&once);
        response_deinit(&again);
        text_deinit(&request);
    }
}

static void does_every_contract(void **state)
{
    (void)state;
    struct text request = TEXT_INIT;
    struct pb_pool *pool;
    struct error err = ERROR_INIT;
    assert_int_equal(pb_pool_new(proto_set(), "proto", &pool, &err), 0);
    with_option(&request, "messages");
    hold_set(&request, proto_set(), true);
    struct response r = run(&request);
    if (r.error.data != NULL)
        fail_msg("%.*s", (int)r.error.len, (const char *)r.error.data);
    /* Two for every file's messages, two for every file's contract when it has a service, two for every service;
     * topics. */
    size_t expected = 2 * pb_file_count(pool) + 2 * pb_service_count(pool);
    const char *last = "";
    for (size_t i = 0; i < pb_service_count(pool); i++) {
        const struct pb_service *s = pb_service_at(pool, i);
        expected += strcmp(s->file, last) != 0 ? 2 : 0;
        last = s->file;
    }
    for (size_t i = 0; i < pb_file_count(pool); i++)
        if (strncmp(pb_file_at(pool, i), "events/", 7) == 0 && strchr(pb_file_at(pool, i) + 7, '/') != NULL)
            expected++;
    assert_int_equal(r.files, expected);
    response_deinit(&r);
    text_deinit(&request);
    pb_pool_free(pool);
}

/* ---- schemas made here ------------------------------------------------------------------------------------------ */

/* Fields of descriptor.proto. */
enum {
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_IMPORT = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_SYNTAX = 12
};
enum { NAME = 1, MESSAGE_FIELD = 2, ENUM_VALUE = 2, SERVICE_METHOD = 2 };

static void put_string(struct text *to, uint32_t number, const char *string)
{
    pb_put_bytes(to, number, bytes_of(string));
}

static void put_number(struct text *to, uint32_t number, uint64_t value)
{
    pb_put_tag(to, number, PB_WIRE_VARINT);
    pb_put_varint(to, value);
}

struct shape {
    const char *file, *package, *import, *syntax, *message, *type_name, *default_value, *service, *option, *c_package;
    int field_type, field_number; /* 0: no field; twice the same when negative */
    int label;
};

static struct text request_of(const struct shape *s)
{
    struct text request = TEXT_INIT;
    size_t file, message, field;
    const char *name = s->file != NULL ? s->file : "a.proto";
    ask_for(&request, name);
    if (s->option != NULL)
        with_option(&request, s->option);
    file = pb_open(&request, 15);
    put_string(&request, FILE_NAME, name);
    put_string(&request, FILE_PACKAGE, s->package != NULL ? s->package : "p");
    if (s->import != NULL)
        put_string(&request, FILE_IMPORT, s->import);
    put_string(&request, FILE_SYNTAX, s->syntax != NULL ? s->syntax : "proto3");
    if (s->c_package != NULL) { /* option (pb_c_file).c_package, once with another value before it */
        size_t options = pb_open(&request, 8);
        for (int i = 0; i < 2; i++) {
            field = pb_open(&request, 1019);
            put_number(&request, 1, 0);
            put_string(&request, 6, i == 0 ? "other" : s->c_package);
            pb_close(&request, field);
        }
        pb_close(&request, options);
    }
    message = pb_open(&request, FILE_MESSAGE);
    put_string(&request, NAME, s->message != NULL ? s->message : "M");
    for (int i = 0; i < (s->field_type == 0 ? 0 : s->field_number < 0 ? 2 : 1); i++) {
        field = pb_open(&request, MESSAGE_FIELD);
        put_string(&request, NAME, i == 0 ? "f" : "g");
        put_number(&request, 3, (uint64_t)abs(s->field_number));
        put_number(&request, 4, (uint64_t)(s->label != 0 ? s->label : 1));
        put_number(&request, 5, (uint64_t)s->field_type);
        if (s->type_name != NULL)
            put_string(&request, 6, s->type_name);
        if (s->default_value != NULL)
            put_string(&request, 7, s->default_value);
        pb_close(&request, field);
    }
    pb_close(&request, message);
    if (s->service != NULL) {
        message = pb_open(&request, FILE_SERVICE);
        put_string(&request, NAME, s->service);
        field = pb_open(&request, SERVICE_METHOD);
        put_string(&request, NAME, "R");
        put_string(&request, 2, s->type_name != NULL ? s->type_name : ".p.M");
        put_string(&request, 3, ".p.M");
        pb_close(&request, field);
        pb_close(&request, message);
    }
    pb_close(&request, file);
    return request;
}

/* C names begin with c_package; what goes over the wire keeps its package. */
static void c_package_is_in_c_names(void **state)
{
    struct text request = request_of(&(struct shape){.option = "messages", .c_package = "My.c", .service = "S"});
    struct text response = TEXT_INIT;
    (void)state;
    assert_int_equal(generate(text_bytes(&request), &response, NULL), 0);
    static const char *const there[] = {
        "typedef struct My__C__M ", "my__c__m__descriptor", "MY__C__M__INIT", "my__c__s__r(", "\"p.M\"", "\"p.S\"",
        "const My__C__M *"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (memmem(response.data, response.len, there[i], strlen(there[i])) == NULL)
            fail_msg("%s is not in the output", there[i]);
    assert_null(memmem(response.data, response.len, "P__M", 4));
    text_deinit(&request);
    text_deinit(&response);
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        struct shape shape;
        const char *error; /* NULL: nothing */
    } cases[] = {
        {{.service = "S"}, NULL},
        {{.option = "messages,,doubles=no"}, NULL},
        {{.option = "mesages"}, "unknown parameter \"mesages\": there are messages, imports and doubles=no"},
        {{.file = "../a.proto"}, "\"../a.proto\", which is no relative path"},
        {{.file = "/a.proto"}, "which is no relative path"},
        {{.file = "a\".proto"}, "which is no relative path"},
        {{.package = "a..b"}, "a.proto: the package \"a..b\" is no dotted name"},
        {{.package = "a.b;"}, "is no dotted name"},
        {{.c_package = "a;b"}, "a.proto: the option c_package \"a;b\" is no dotted name"},
        {{.import = "b.proto"}, "a.proto: imports \"b.proto\", which the request does not hold before it"},
        {{.syntax = "editions"}, "syntax is \"editions\": proto2 and proto3 are known"},
        {{.message = "M-N"}, "a message in \".p\" has the name \"M-N\", which is no identifier"},
        {{.message = ""}, "which is no identifier"},
        {{.service = "S S"}, "a service in \"\" has the name \"S S\""},
        {{.service = "S", .type_name = ".p.N"}, "p.S.R refers to the unknown type \".p.N\""},
        {{.service = "S", .syntax = "proto2"}, "only proto3 and editions 2023 and 2024 are"},
        {{.option = "messages", .field_type = 11, .field_number = 1, .type_name = ".p.N"},
         "p.M.f: \".p.N\" is no message of the request"},
        {{.option = "messages", .field_type = 14, .field_number = 1, .type_name = ".p.M"},
         "p.M.f: \".p.M\" is no enum of the request"},
        {{.option = "messages", .field_type = 10, .field_number = 1}, "p.M.f is a group, which protobuf-c has not"},
        {{.option = "messages", .field_type = 19, .field_number = 1}, "p.M.f has no type"},
        {{.option = "messages", .field_type = 5, .field_number = 0}, "p.M.f has no number"},
        {{.option = "messages", .field_type = 5, .field_number = -3}, "p.M has two fields with number 3"},
        {{.option = "messages", .syntax = "proto2", .field_type = 5, .field_number = 3, .default_value = "1;2"},
         "p.M.f: the default \"1;2\" is no value of its type"},
        {{.option = "messages", .syntax = "proto2", .field_type = 12, .field_number = 3, .default_value = "\\001\\\"x"},
         NULL},
        {{.option = "messages", .syntax = "proto2", .field_type = 1, .field_number = 3, .default_value = "-inf"}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text request = request_of(&cases[i].shape);
        struct response r = run(&request);
        struct text error = TEXT_INIT;
        text_add(&error, r.error.data, r.error.len);
        if (cases[i].error == NULL)
            assert_string_equal(text_string(&error), "");
        else if (strstr(text_string(&error), cases[i].error) == NULL)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, text_string(&error), cases[i].error);
        if (cases[i].error != NULL)
            assert_int_equal(r.files, 0);
        text_deinit(&error);
        response_deinit(&r);
        text_deinit(&request);
    }
}

static void says_what_is_wrong_with_the_request(void **state)
{
    (void)state;
    struct text request = TEXT_INIT;
    struct response r = run(&request);
    assert_true(bytes_is(r.error, "the request asks for no files"));
    response_deinit(&r);
    ask_for(&request, "x.proto");
    r = run(&request);
    assert_true(bytes_is(r.error, "the request asks for \"x.proto\" and does not hold it"));
    response_deinit(&r);
    text_deinit(&request);
    request = request_of(&(struct shape){0});
    struct text twice = TEXT_INIT;
    text_add(&twice, request.data, request.len);
    text_add(&twice, request.data, request.len);
    r = run(&twice);
    assert_true(bytes_is(r.error, "a.proto: the request holds it twice"));
    response_deinit(&r);
    text_deinit(&twice);
    text_deinit(&request);
    /* Cut off anywhere: an error, or (between two of its parts) less than was meant. */
    request = kinds_request("messages");
    for (size_t len = 0; len < request.len; len += 11) {
        struct text cut = TEXT_INIT;
        text_add(&cut, request.data, len);
        r = run(&cut);
        assert_non_null(r.error.data);
        assert_true(r.error.len > 0);
        response_deinit(&r);
        text_deinit(&cut);
    }
    text_deinit(&request);
}

/* ---- topics ----------------------------------------------------------------------------------------------------- */

static struct text events_request(const char *name, const char *package, const char *enumeration)
{
    struct text request = TEXT_INIT;
    ask_for(&request, name);
    size_t file = pb_open(&request, 15), part;
    put_string(&request, FILE_NAME, name);
    put_string(&request, FILE_PACKAGE, package);
    put_string(&request, FILE_SYNTAX, "proto3");
    part = pb_open(&request, FILE_MESSAGE);
    put_string(&request, NAME, "Event");
    pb_close(&request, part);
    part = pb_open(&request, FILE_ENUM);
    put_string(&request, NAME, enumeration);
    size_t value = pb_open(&request, ENUM_VALUE);
    put_string(&request, NAME, "Unknown");
    put_number(&request, 2, 0);
    pb_close(&request, value);
    pb_close(&request, part);
    pb_close(&request, file);
    return request;
}

static void topics(void **state)
{
    static const struct {
        const char *name, *package, *enumeration, *file, *line;
    } cases[] = {
        {"events/user/events.proto", "userevents", "EventType", "events/user/topic.h",
         "#define USEREVENTS__TOPIC \"user\"\n"},
        {"pkg/events/user/e.proto", "a.userEvents", "EventType", "pkg/events/user/topic.h",
         "#define A__USER_EVENTS__TOPIC \"user\"\n"},
        {"events/sign-up/events.proto", "", "EventType", "events/sign-up/topic.h",
         "#define SIGN_2DUP__TOPIC \"sign-up\"\n"},
        {"events/user/events.proto", "userevents", "Type", NULL, NULL},
        {"myevents/user/events.proto", "userevents", "EventType", NULL, NULL},
        {"events/events.proto", "events", "EventType", NULL, NULL},
        {"events.proto", "events", "EventType", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text request = events_request(cases[i].name, cases[i].package, cases[i].enumeration);
        struct response r = run(&request);
        assert_null(r.error.data);
        assert_int_equal(r.files, cases[i].file != NULL);
        if (cases[i].file != NULL) {
            struct text content = TEXT_INIT;
            struct bytes bytes = content_of(&r, cases[i].file);
            text_add(&content, bytes.data, bytes.len);
            assert_non_null(strstr(text_string(&content), cases[i].line));
            text_deinit(&content);
        }
        response_deinit(&r);
        text_deinit(&request);
    }
}

/* ---- many ------------------------------------------------------------------------------------------------------- */

static void a_thousand_methods(void **state)
{
    (void)state;
    struct text request = TEXT_INIT;
    ask_for(&request, "big.proto");
    with_option(&request, "messages");
    size_t file = pb_open(&request, 15), part, value;
    put_string(&request, FILE_NAME, "big.proto");
    put_string(&request, FILE_SYNTAX, "proto3");
    part = pb_open(&request, FILE_MESSAGE);
    put_string(&request, NAME, "M");
    pb_close(&request, part);
    part = pb_open(&request, FILE_ENUM);
    put_string(&request, NAME, "Huge");
    for (uint64_t i = 0; i < 10000; i++) {
        struct text name = TEXT_INIT;
        text_printf(&name, "V%d", (int)i);
        value = pb_open(&request, ENUM_VALUE);
        put_string(&request, NAME, text_string(&name));
        put_number(&request, 2, i * 7);
        pb_close(&request, value);
        text_deinit(&name);
    }
    pb_close(&request, part);
    part = pb_open(&request, FILE_SERVICE);
    put_string(&request, NAME, "Big");
    for (int i = 0; i < 1000; i++) {
        struct text name = TEXT_INIT;
        text_printf(&name, "Method%d", i);
        value = pb_open(&request, SERVICE_METHOD);
        put_string(&request, NAME, text_string(&name));
        put_string(&request, 2, ".M");
        put_string(&request, 3, ".M");
        pb_close(&request, value);
        text_deinit(&name);
    }
    pb_close(&request, part);
    pb_close(&request, file);
    struct response r = run(&request);
    assert_null(r.error.data);
    struct text header = TEXT_INIT;
    struct bytes content = content_of(&r, "fakes/fake_big.h");
    text_add(&header, content.data, content.len);
    assert_non_null(strstr(text_string(&header), "int fake_big_method999(struct fake_big *f, const M *request, const M "
                                                 "**reply, struct text *message);"));
    text_deinit(&header);
    response_deinit(&r);
    text_deinit(&request);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static struct text scarce;

static int generate_scarcely(void)
{
    struct text response = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = generate(text_bytes(&scarce), &response, &err);
    text_deinit(&response);
    error_clear(&err);
    return code;
}

static void memory_runs_out(void **state)
{
    (void)state;
    scarce = request_of(
        &(struct shape){.option = "messages", .service = "S", .field_type = 9, .field_number = 1, .label = 3});
    assert_true(failing_walk(generate_scarcely, FAILING_IS_TOLD) > 30);
    text_deinit(&scarce);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_says),
        cmocka_unit_test(does_every_contract),
        cmocka_unit_test(c_package_is_in_c_names),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(says_what_is_wrong_with_the_request),
        cmocka_unit_test(topics),
        cmocka_unit_test(a_thousand_methods),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
