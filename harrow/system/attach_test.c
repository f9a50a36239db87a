/* What the command line and a manifest say about a system to attach to. */
#include "base/test.h"

#include "harrow/system/attach.h"
#include "world/real.h"

#include <stdlib.h>
#include <string.h>

static void addresses(void **state)
{
    static const struct {
        const char *text, *door;
        bool address, tls;
    } rows[] = {
        {"localhost:50051", "localhost:50051", true, false},
        {"grpc://10.0.0.1:1", "10.0.0.1:1", true, false},
        {"grpcs://api.test:443", "api.test:443", true, true},
        {"[::1]:50051", "[::1]:50051", true, false},
        {"unix:/run/it.sock", "unix:/run/it.sock", true, false},
        {"grpc://localhost", NULL, true, false}, /* meant as one, and told what is missing */
        {"grpcs://", NULL, true, true},
        {"unix:", NULL, false, false},
        {"systems/micro.yaml", NULL, false, false},
        {"a:b", NULL, false, false},
        {":80", NULL, false, false},
        {"localhost:65536", NULL, false, false},
        {"folder/odd:80", NULL, false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool tls;
        const char *door = attach_address(rows[i].text, &tls);
        assert_int_equal(attach_is_address(rows[i].text), rows[i].address);
        assert_int_equal(tls, rows[i].tls);
        assert_true((door == NULL) == (rows[i].door == NULL));
        if (door != NULL)
            assert_string_equal(door, rows[i].door);
    }
}

static void an_address_is_a_manifest(void **state)
{
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(attach_manifest("grpcs://api.test:443", &m, &err), 0);
    assert_true(m->address);
    assert_string_equal(m->path, "grpcs://api.test:443");
    assert_string_equal(m->name, "api.test:443");
    assert_int_equal(m->component_count, 1);
    assert_string_equal(m->components[0].address, "grpcs://api.test:443");
    assert_null(m->components[0].services[0]);
    manifest_free(m);
    assert_int_equal(attach_manifest("grpc://api.test", &m, &err), ERROR_INVALID);
    assert_non_null(strstr(err.message, "HOST:PORT"));
    error_clear(&err);
}

/* A password in an address is used, and stands nowhere else. */
static void with_a_password(void **state)
{
    static const char *const grpc[] = {"grpc://me:pw@api.test:1", "me:pw@api.test:1"};
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(attach_manifest("https://me:pw@api.test/?token=abc", &m, &err), 0);
    assert_string_equal(m->gateway, "https://me:pw@api.test/?token=abc");
    assert_string_equal(m->path, "https://me:(hidden)@api.test/?token=(hidden)");
    assert_string_equal(m->name, "me:(hidden)@api.test/?token=(hidden)");
    manifest_free(m);
    for (size_t i = 0; i < sizeof grpc / sizeof grpc[0]; i++) {
        assert_int_equal(attach_manifest(grpc[i], &m, &err), ERROR_INVALID);
        assert_non_null(strstr(err.message, "...@api.test:1: an address of a gRPC server has no name and password"));
        assert_null(strstr(err.message, "pw"));
        error_clear(&err);
    }
}

/* The same of what is sent with each call: in commands that run it stands, in those that are shown it does not. */
static void words(void **state)
{
    static const char *values[] = {"authorization: Bearer abc", "tenant: blue"};
    struct text run = TEXT_INIT, shown = TEXT_INIT;
    (void)state;
    attach.metadata = (struct option_list){.items = values, .count = 2};
    attach_words(&run, false);
    attach_words(&shown, true);
    attach.metadata = (struct option_list){0};
    assert_string_equal(text_string(&run), "--metadata \"authorization: Bearer abc\" --metadata \"tenant: blue\"");
    assert_string_equal(text_string(&shown), "--metadata \"authorization: (hidden)\" --metadata \"tenant: blue\"");
    text_deinit(&run);
    text_deinit(&shown);
}

static void metadata(void **state)
{
    static const struct {
        const char *text, *name, *value, *message;
    } rows[] = {
        {"Authorization: Bearer ${env.ATTACH_TEST}", "authorization", "Bearer s3cret", NULL},
        {"a:b:c", "a", "b:c", NULL},
        {"tenant:", "tenant", "", NULL},
        {"no colon", NULL, NULL, "is not NAME:VALUE"},
        {": x", NULL, NULL, "is not NAME:VALUE"},
        {"a b: x", NULL, NULL, "a name is made of"},
        {"grpc-timeout: 1S", NULL, NULL, "does not begin with \"grpc-\""},
        {"a: \x01", NULL, NULL, "no printable ASCII"},
        {"a: ${env.ATTACH_NONE}", NULL, NULL, "the environment has no variable"},
        {"a: ${secret}", NULL, NULL, "is of a system that harrow starts"},
        {"a: ${port+2}", NULL, NULL, "is of a system that harrow starts"},
    };
    struct world *w = NULL;
    (void)state;
    assert_int_equal(setenv("ATTACH_TEST", "s3cret", 1), 0);
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    struct manifest_values values = {.bin = "", .here = ".", .world = w};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = ARENA_INIT;
        struct error err = ERROR_INIT;
        const char *name = NULL, *value = NULL;
        int code = attach_metadata_parse(rows[i].text, &values, &arena, &name, &value, &err);
        assert_true((code != 0) == (rows[i].message != NULL));
        if (rows[i].message == NULL) {
            assert_string_equal(name, rows[i].name);
            assert_string_equal(value, rows[i].value);
        } else {
            struct text said = TEXT_INIT;
            error_format(&err, &said);
            assert_non_null(strstr(text_string(&said), rows[i].message));
            text_deinit(&said);
        }
        error_clear(&err);
        arena_deinit(&arena);
    }
    world_real_free(w);
}

static void in_a_manifest(void **state)
{
    static const char text[] = "system: it\nattach:\n  ca: ca.pem\n  insecure: true\n  protos: [a.proto]\n"
                               "  metadata: {tenant: blue, x: \"${env.X}\"}\ncomponents: [{name: a, address: 'h:1'}]\n";
    struct manifest *m = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(manifest_parse(bytes_of(text), "it.yaml", &m, &err), 0);
    assert_string_equal(m->attach.ca, "ca.pem");
    assert_true(m->attach.insecure);
    assert_string_equal(m->attach.protos[0], "a.proto");
    assert_null(m->attach.proto_paths[0]);
    assert_string_equal(m->attach.metadata[0], "tenant: blue");
    assert_string_equal(m->attach.metadata[1], "x: ${env.X}");
    assert_null(m->attach.metadata[2]);
    manifest_free(m);
    static const char wrong[] = "system: it\nattach: {cert: x}\ncomponents: [{name: a}]\n";
    assert_int_equal(manifest_parse(bytes_of(wrong), "it.yaml", &m, &err), ERROR_INVALID);
    assert_int_equal(err.line, 2);
    error_clear(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses),       cmocka_unit_test(an_address_is_a_manifest),
                                       cmocka_unit_test(with_a_password), cmocka_unit_test(words),
                                       cmocka_unit_test(metadata),        cmocka_unit_test(in_a_manifest)};
    return cmocka_run_group_tests_name("harrow/attach", tests, NULL, NULL);
}
