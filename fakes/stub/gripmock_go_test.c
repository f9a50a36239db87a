/* gripmock's templates: each against what gripmock itself printed for it. */
#include "fakes/stub/test_kit.h"

#include "fakes/stub/gripmock.h"
#include "fakes/stub/testdata/gripmock_values.h"

#include <regex.h>
#include <stdio.h>

static const char question[] =
    "{\"id\":\"user_42\",\"count\":3,\"weight\":2.5,\"exact\":true,\"raw\":\"AQID\",\"items\":[{\"title\":\"pen\","
    "\"weight\":1.25,\"amount\":2,\"tags\":[\"x\"]},{\"title\":\"ink\",\"weight\":10,\"amount\":1,\"tags\":[\"y\","
    "\"z\"]}],\"labels\":{\"k\":\"v\",\"a\":\"1\"},\"big\":\"12345678901234\",\"colour\":\"RED\",\"price\":0.1,"
    "\"tags\":[\"a\",\"b\",\"c\"],\"sizes\":[1,2,3]}";

static void json_text(struct text *out, const char *plain)
{
    text_char(out, '"');
    text_json(out, plain, strlen(plain));
    text_char(out, '"');
}

/* The title that the template comes to, as JSON; or the status. */
static const char *title(struct kit *k, const char *template)
{
    struct text stub = TEXT_INIT;
    struct error err = ERROR_INIT;
    text_puts(&stub, "{\"service\": \"Shop\", \"method\": \"Find\", \"output\": {\"data\": {\"title\": ");
    json_text(&stub, template);
    text_puts(&stub, "}}}");
    if (stub_set_add_gripmock(k->set, text_bytes(&stub), "g.json", NULL, &err) < 0) {
        text_clear(&k->json);
        text_printf(&k->json, "%d:%d: %s", err.line, err.column, err.message);
        error_clear(&err);
        text_deinit(&stub);
        return text_string(&k->json);
    }
    text_deinit(&stub);
    const char *got = kit_find(k, question);
    stub_set_clear(k->set);
    return got;
}

static void kit_with_headers(struct kit *k)
{
    kit_init(k);
    k->headers[0] = (struct grpc_header){bytes_of("x-user"), bytes_of("mary")};
    k->headers[1] = (struct grpc_header){bytes_of("authorization"), bytes_of("Bearer tok")};
    k->header_count = 2;
}

static void every_template_prints_what_it_does_there(void **state)
{
    struct kit k;
    int wrong = 0;
    (void)state;
    kit_with_headers(&k);
    for (size_t i = 0; i < sizeof gripmock_values / sizeof gripmock_values[0]; i++) {
        struct text expected = TEXT_INIT;
        text_puts(&expected, gripmock_values[i][1][0] != '\0' ? "{\"title\":" : "{}");
        if (gripmock_values[i][1][0] != '\0') {
            json_text(&expected, gripmock_values[i][1]);
            text_char(&expected, '}');
        }
        const char *got = title(&k, gripmock_values[i][0]);
        if (strcmp(got, text_string(&expected)) != 0) {
            print_error("%s\n    expected %s\n    got      %s\n", gripmock_values[i][0], text_string(&expected), got);
            wrong++;
        }
        text_deinit(&expected);
    }
    assert_int_equal(wrong, 0);
    kit_deinit(&k);
}

/* Faker's values are of the kinds that they have there, and others with each answer; the seed makes them. */
static void faker_is_drawn_from_the_seed(void **state)
{
    static const char *const rows[][2] = {
        {"{{faker.Person.Name}}", "^[A-Z][a-z]+ [A-Z][a-z]+$"},
        {"{{faker.Person.Age}}", "^[0-9]{1,3}$"},
        {"{{faker.Contact.Email}}", "^[a-z]+@[a-z]+\\.[a-z]+$"},
        {"{{faker.Contact.Phone}}", "^[0-9]{10}$"},
        {"{{faker.Contact.URL}}", "^https?://www\\.[a-z]+\\.[a-z]+(/[a-z]+){1,4}$"},
        {"{{faker.Geo.Latitude}}", "^-?[0-9]{1,2}(\\.[0-9]{1,6})?$"},
        {"{{faker.Geo.Zip}}", "^[0-9]{5}$"},
        {"{{faker.Network.IPv4}}", "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$"},
        {"{{faker.Network.IPv6}}", "^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$"},
        {"{{faker.Network.MAC}}", "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"},
        {"{{faker.Network.HTTPStatusCode}}", "^[2-5][0-9]{2}$"},
        {"{{faker.Commerce.Price 5 100}}", "^[0-9]{1,3}(\\.[0-9]{1,2})?$"},
        {"{{faker.Text.Sentence 3}}", "^[A-Z][a-z]+ [a-z]+ [a-z]+\\.$"},
        {"{{faker.Text.Question}}", "^[A-Z][a-z ]+\\?$"},
        {"{{faker.DateTime.PastDate}}", "^2023-11-14T[0-9:.]+Z$"},
        {"{{faker.DateTime.WeekDay}}", "^[A-Z][a-z]+day$"},
        {"{{faker.Number.IntRange 10 19}}", "^1[0-9]$"},
        {"{{faker.Number.IntN 10}}", "^[0-9]$"},
        {"{{faker.Number.Int64}}", "^-?[0-9]+$"},
        {"{{faker.Number.Float64Range 1.0 2.0}}", "^1(\\.[0-9]+)?$"},
        {"{{faker.Identity.UUID}}", "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"},
        {"{{faker.Identity.SSN}}", "^[0-9]{9}$"},
        {"{{faker.Identity.EIN}}", "^[0-9]{2}-[0-9]{7}$"},
    };
    struct kit k, again;
    (void)state;
    kit_with_headers(&k);
    kit_with_headers(&again);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        regex_t regex;
        char value[256] = "";
        const char *got = title(&k, rows[i][0]);
        assert_string_equal(title(&again, rows[i][0]), got);
        if (sscanf(got, "{\"title\":\"%255[^\"]", value) != 1)
            fail_msg("%s: %s", rows[i][0], got);
        assert_int_equal(regcomp(&regex, rows[i][1], REG_EXTENDED | REG_NOSUB), 0);
        if (regexec(&regex, value, 0, NULL, 0) != 0)
            fail_msg("%s: %s", rows[i][0], value);
        regfree(&regex);
    }
    struct error err = ERROR_INIT;
    assert_int_equal(
        stub_set_add_gripmock(k.set, bytes_of("- {service: Shop, method: Find, output: {data: {id: '{{uuid}}'}}}"),
                              "g.yaml", NULL, &err),
        1);
    char first[64];
    snprintf(first, sizeof first, "%s", kit_find(&k, question));
    assert_string_not_equal(kit_find(&k, question), first);
    kit_deinit(&again);
    kit_deinit(&k);
}

static void add(struct kit *k, const char *text)
{
    struct error err = ERROR_INIT;
    if (stub_set_add_gripmock(k->set, bytes_of(text), "g.yaml", NULL, &err) < 0)
        fail_msg("%d:%d: %s\n%s", err.line, err.column, err.message, text);
}

/* YAML as gripmock reads it: anchors, << and values without quotes; and, unlike there, all documents. */
static void yaml_is_read_as_there(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    add(&k, "- &one\n  service: Shop\n  method: Find\n  input: {equals: {id: a}}\n"
            "  output: &out {data: {id: found, big: 18446744073709551615}}\n"
            "- <<: *one\n  input: {equals: {id: b}}\n"
            "- {service: Shop, method: Find, input: {equals: {id: c}}, output: *out}\n"
            "---\n"
            "service: Shop\nmethod: Find\ninput:\n  equals:\n    id: {{ string2base64 \"x\" }}\n"
            "output:\n  data:\n    id: {{ .Request.id }} and more\n    raw: {{ uuid2base64 "
            "\"00000000-0000-0000-0000-000000000000\" }} # none\n"
            "    made: {{ now.Format \"2006-01-02T15:04:05Z07:00\" }}\n");
    assert_int_equal(stub_set_count(k.set), 4);
    assert_string_equal(kit_find(&k, "{\"id\":\"a\"}"), "{\"id\":\"found\",\"big\":\"18446744073709551615\"}");
    assert_string_equal(kit_find(&k, "{\"id\":\"b\"}"), "{\"id\":\"found\",\"big\":\"18446744073709551615\"}");
    assert_string_equal(kit_find(&k, "{\"id\":\"c\"}"), "{\"id\":\"found\",\"big\":\"18446744073709551615\"}");
    assert_string_equal(kit_find(&k, "{\"id\":\"eA==\"}"),
                        "{\"id\":\"eA== and more\",\"raw\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"made\":"
                        "\"2023-11-14T22:13:20Z\"}");
    kit_deinit(&k);
}

static void delays_are_computed_as_there(void **state)
{
    static const struct {
        const char *delay;
        uint64_t first, second;
    } rows[] = {
        {"{{ regressive .AttemptNumber \"3s\" \"500ms\" }}", 3000000000, 2500000000},
        {"{{ backoff .AttemptNumber \"100ms\" \"5s\" }}", 100000000, 200000000},
        {"{{ duration (mul 100 .Request.count) }}", 300000000, 300000000},
        {"{{ index .Headers \"x-user\" }}", 1500000000, 1500000000},
        {"{{ sub 0 5 }}ms", 0, 0},
        {"{{ if false }}1s{{ end }}", 0, 0},
    };
    struct kit k;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text stub = TEXT_INIT;
        kit_init(&k);
        k.headers[0] = (struct grpc_header){bytes_of("x-user"), bytes_of("1.5s")};
        k.header_count = 1;
        text_printf(&stub, "- {service: Shop, method: Find, output: {data: {}, delay: '%s'}}", rows[i].delay);
        add(&k, text_string(&stub));
        assert_string_equal(kit_find(&k, question), "{}");
        assert_int_equal(k.answer.delay, rows[i].first);
        assert_string_equal(kit_find(&k, question), "{}");
        assert_int_equal(k.answer.delay, rows[i].second);
        text_deinit(&stub);
        kit_deinit(&k);
    }
    kit_init(&k);
    add(&k,
        "- {service: Shop, method: Find, output: {data: {}, delay: '{{.Request.id}}'}}\n"
        "- {service: Shop, method: Watch, output: {delay: '{{duration (mul 10 .MessageIndex)}}', stream: [{id: '1'}, "
        "{id: '2'}, {id: '3'}]}}");
    assert_non_null(strstr(kit_find(&k, question), "a delay is a duration, and ${...} came to user_42"));
    kit_call(&k, "Watch", question);
    assert_int_equal(k.answer.marks.items[0].delay, 0);
    assert_int_equal(k.answer.marks.items[2].delay, 20000000);
    kit_deinit(&k);
}

/* What gripmock says at the call, and what is left to it here. */
static void a_template_that_fails_says_where(void **state)
{
    static const char *const rows[] = {"{{index .Request.tags 5}}", "{{uuid2base64 .Request.id}}",
                                       "{{slice .Request.id 9 1}}", "{{range .Request.id}}{{end}}",
                                       "{{join .Request.count \",\"}}"};
    struct kit k;
    (void)state;
    kit_with_headers(&k);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = title(&k, rows[i]);
        if (strncmp(got, "INTERNAL stub g.json:1", 22) != 0)
            fail_msg("%s: %s", rows[i], got);
    }
    kit_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_prints_what_it_does_there),
        cmocka_unit_test(faker_is_drawn_from_the_seed),
        cmocka_unit_test(yaml_is_read_as_there),
        cmocka_unit_test(delays_are_computed_as_there),
        cmocka_unit_test(a_template_that_fails_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
