#include "base/test.h"

#include "harrow/run/command_line.h"

static void becomes(const char *const *argv, const char *expected)
{
    struct text out = TEXT_INIT;
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    command_line_write(argc, argv, &out);
    assert_string_equal(text_string(&out), expected);
    text_deinit(&out);
}

#define LINE(...) ((const char *const[]){"/bin/harrow", "e2e", __VA_ARGS__, NULL})

static void as_it_is(void **state)
{
    (void)state;
    becomes(LINE("a b.yaml", "--only", "x=\"1\""), "harrow e2e \"a b.yaml\" --only \"x=\\\"1\\\"\"");
    becomes(LINE("--variable", "name=Ann", "--hurl", "location", "--hurl", "header=X-Team: blue", "-H", "tenant: a"),
            "harrow e2e --variable name=Ann --hurl location --hurl \"header=X-Team: blue\" -H \"tenant: a\"");
    becomes(LINE("--only", "password=x", "--variables-file", "secret.env"),
            "harrow e2e --only password=x --variables-file secret.env");
    becomes(LINE("-H", "authorization: Bearer ${env.TOKEN}"), "harrow e2e -H \"authorization: Bearer \\${env.TOKEN}\"");
    becomes(LINE("--variable"), "harrow e2e --variable");
}

static void hidden(void **state)
{
    (void)state;
    becomes(LINE("--variable", "apiToken=a=b", "--variable=PASSWORD=x y"),
            "harrow e2e --variable \"apiToken=(hidden)\" \"--variable=PASSWORD=(hidden)\"");
    becomes(LINE("-H", "Authorization: Bearer abc", "--metadata", "x-api-key:abc", "-Hcookie: a=b"),
            "harrow e2e -H \"Authorization: (hidden)\" --metadata \"x-api-key:(hidden)\" \"-Hcookie: (hidden)\"");
    becomes(LINE("--hurl", "user=ann:pw", "--hurl", "secret=a=b", "--hurl", "variable=token=b", "--hurl",
                 "header=authorization: x"),
            "harrow e2e --hurl \"user=(hidden)\" --hurl \"secret=(hidden)\" --hurl \"variable=token=(hidden)\" --hurl "
            "\"header=authorization: (hidden)\"");
}

static void addresses(void **state)
{
    (void)state;
    becomes(LINE("http://me:pw@host:80/?a=1&token=b", "flows"),
            "harrow e2e \"http://me:(hidden)@host:80/?a=1&token=(hidden)\" flows");
    becomes(LINE("--variable", "db=postgres://u:p@h/db", "--provider=https://u:p@h"),
            "harrow e2e --variable \"db=postgres://u:(hidden)@h/db\" \"--provider=https://u:(hidden)@h\"");
    becomes(LINE("--variable", "base_token=http://u:p@h"), "harrow e2e --variable \"base_token=(hidden)\"");
    becomes(LINE("http://me@host:80", "--only", "GET /?token=x"),
            "harrow e2e http://me@host:80 --only \"GET /?token=x\"");
    becomes(LINE("--variable", "db=postgres://u:${env.PW}@h"),
            "harrow e2e --variable \"db=postgres://u:\\${env.PW}@h\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_it_is), cmocka_unit_test(hidden),
                                       cmocka_unit_test(addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
