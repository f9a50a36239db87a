/* Expressions: what they come to, what is wrong with them, and failing memory. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"
#include "e2e/value/expression.h"

#include <stdlib.h>
#include <string.h>

static const char variables[] =
    "{\"n\": 3, \"half\": 0.5, \"name\": \"ann\", \"list\": [1, 2, 3], \"users\": [{\"name\": \"bob\", \"age\": 7},"
    " {\"name\": \"eve\", \"age\": 9}], \"map\": {\"a\": 1, \"b-c\": [true, null]}, \"none\": null,"
    " \"odd\": \"b\\u0000c\"}";

/* The value as JSON, or the error. */
static void result(const char *expression, struct text *out)
{
    struct flow flow = {0};
    struct flow_context x = {.flow = &flow, .variables = json_loads(variables, JSON_ALLOW_NUL, NULL)};
    struct document *d = NULL;
    struct error none = ERROR_INIT;
    if (document_parse_yaml(bytes_of("x"), "x.yaml", &d, &none) != 0) {
        text_puts(out, "out of memory");
        error_clear(&none);
        json_decref(x.variables);
        return;
    }
    const struct node n = *document_root(d);
    json_t *value = x.variables != NULL ? expression_eval(&x, &n, BYTES(expression, strlen(expression))) : NULL;
    if (value != NULL) {
        char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        text_puts(out, dumped != NULL ? dumped : "");
        free(dumped);
    } else {
        text_puts(out, x.error.message != NULL ? x.error.message : "");
    }
    json_decref(value);
    json_decref(x.variables);
    error_clear(&x.error);
    document_free(d);
}

static const char *const values[][2] = {
    {"1 + 2 * 3", "7"},
    {"(1 + 2) * 3 - -1", "10"},
    {"2 ** 3 ** 2", "512.0"},
    {"7 / 2", "3.5"},
    {"7 % 4 + half", "3.5"},
    {"-n", "-3"},
    {"'a' + \"b\" + `c`", "\"abc\""},
    {"n == 3 and not (name == 'bob') && 1.0 == 1", "true"},
    {"n > 3 || name startsWith 'an'", "true"},
    {"name endsWith 'n' && name contains 'nn' && name matches '^a.{2}$'", "true"},
    {"2 in list && 'a' in map && 9 not in list", "true"},
    {"none ?? 'other'", "\"other\""},
    {"map.x == nil", "true"},
    {"map['b-c'][0] ? 'yes' : 'no'", "\"yes\""},
    {"none?.a == nil", "true"},
    {"list[-1]", "3"},
    {"list[n - 2]", "2"},
    {"{a: [1, n], 'b': {}}", "{\"a\":[1,3],\"b\":{}}"},
    {"map(users, {.name})", "[\"bob\",\"eve\"]"},
    {"map(users, #.age * 2)", "[14,18]"},
    {"filter(list, {# > 1})", "[2,3]"},
    {"all(list, {# > 0}) && any(list, {# == 2}) && none(list, {# > 3}) && one(list, {# == 1})", "true"},
    {"count(users, {.age > 8})", "1"},
    {"len(list) + len('äö') + len(map)", "7"},
    {"type(1) + type('') + type(1.5) + type(nil) + type([]) + type({})", "\"intstringfloatnilarraymap\""},
    {"int('12') + int(1.9)", "13"},
    {"float('1.5')", "1.5"},
    {"string(n) + string(true)", "\"3true\""},
    {"bool('true') && !bool('0')", "true"},
    {"scalar('12') == 12 && scalar('x') == 'x'", "true"},
    {"upper(name) + lower('X') + trim(' a ')", "\"ANNxa\""},
    {"join(split('a,b', ','), '-')", "\"a-b\""},
    {"replace('aXbX', 'X', '')", "\"ab\""},
    {"fromBase64(toBase64('hi'))", "\"hi\""},
    {"fromJSON('{\"a\": [1]}').a[0]", "1"},
    {"urlencode('C++ é')", "\"C%2B%2B+%C3%A9\""},
    {"basename('/a/b.txt')", "\"b.txt\""},
    {"keys({b: 1})[0] + string(values({b: 1})[0])", "\"b1\""},
    {"first(list) + last(list) + min(list) + max(4, 2) + sum(list)", "15"},
    {"abs(-2) + round(1.4) + ceil(0.1) + floor(0.9)", "4.0"},
    {"pick({a: 1, b: 2}, 'a') == omit({a: 1, b: 2}, 'b')", "true"},
    {"concat([1], list, [])[0] + len(concat(list, [9])) - len(list)", "2"},
    {"merge({a: 1}, {a: 2, b: 3})", "{\"a\":2,\"b\":3}"},
    {"intersect([1, 2], [2, 3])", "[2]"},
    {"compare({a: 1, b: {c: 2}}, {a: 1, b: {c: 3}}, 'c') && !compare([1], [2])", "true"},
    {"diff({a: 1}, {a: 1}) == ''", "true"},
    {"hash.Sha512('hello')",
     "\"9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0"
     "c4663475c2e5c3adef46f73bcdec043\""},
    {"hash.Sha256('hello')", "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\""},
    {"take(list, 2)", "[1,2]"},
    {"len(take(list, 9)) + len(take([], 1)) + len(take(list, 0))", "3"},
    {"flatten([1, [2, [3]], []])", "[1,2,3]"},
    {"uniq([1, 'a', 1.0, 'a', [2], [2]])", "[1,\"a\",[2]]"},
    {"reverse(sort([3, 1, 2.5]))", "[3,2.5,1]"},
    {"sort(['b', 'a'])", "[\"a\",\"b\"]"},
    {"mean(list) + median([4, 1, 9, 2]) + median(list)", "7.0"},
    {"hasPrefix(name, 'an') && hasSuffix(name, 'nn') && !hasPrefix('a', 'ab')", "true"},
    {"trimPrefix('v1.2', 'v') + trimSuffix('a.yml', '.yml') + trimSuffix('a', 'b')", "\"1.2aa\""},
    {"indexOf('abcabc', 'c') * 10 + lastIndexOf('abcabc', 'bc') + indexOf('a', 'b')", "23"},
    {"repeat('ab', 3) + repeat('', 9) + repeat('x', 0)", "\"ababab\""},
    {"time('2026-01-31T10:00:00+02:00') == time('2026-01-31 08:00:00')", "true"},
    {"time(0)", "\"1970-01-01T00:00:00.000000000Z\""},
    {"time('2026-01-31') < time('2026-01-31T00:00:00.5Z') && time('Sat, 31 Jan 2026 00:00:00 GMT') == "
     "time('2026-01-31 00:00:00.0 +0000')",
     "true"},
    /* the example of jwt.io */
    {"jwt.Parse('eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2M"
     "jM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c', {secret: 'your-256-bit-secret'}).name",
     "\"John Doe\""},
    {"jwt.Parse(jwt.Sign({secret: 's', algorithm: 'HS384', subject: 'me', issuer: 'i', id: '7', audience: ['a', 'b'], "
     "private_claims: {x: {y: 1}}}), {secret: 's', algorithm: 'HS384'})",
     "{\"aud\":[\"a\",\"b\"],\"iss\":\"i\",\"jti\":\"7\",\"sub\":\"me\",\"x\":{\"y\":1}}"},
    {"len(split(jwt.Sign({secret: 's', algorithm: 'HS512'}), '.')[2])", "86"},
    {"n == 3 // a comment\n && true # another", "true"},
    /* wrong */
    {"1 +", "the expression \"1 +\" ends too early"},
    {"1 2", "the expression \"1 2\" goes on where it should end: it has a form that is not read here"},
    {"2 * not true",
     "the expression \"2 * not true\" has \"not\" behind an operator: it belongs in parentheses with what "
     "it turns"},
    {"nothing(1)", "the expression \"nothing(1)\" calls nothing() with 1 argument: there is no such function here"},
    {"'a", "the expression \"'a\" has a text without its end"},
    {"nane", "there is no variable ${nane}: did you mean ${name}?"},
    {"name + 1", "+ takes two numbers, or two texts, and these are a text and a number"},
    {"n && true", "expected true or false, found a number"},
    {"list[7]", "there is no item 7 in a list of 3"},
    {"none.a", "a null has no member a"},
    {"n.a", "a number has no member a"},
    {"1 % 0", "% takes two whole numbers, the second not 0"},
    {"1 / 0", "this is no number that there is"},
    {"9223372036854775807 + 1", "this number is too large"},
    {"len(1)", "len() takes a text, a list or a map, and this is a number"},
    {"map(1, {#})", "map() goes through a list, and this is a number"},
    {"take(1, 1)", "take() takes a list, and how many items of it, and this is a number"},
    {"sort([1, 'a'])", "sort() takes a list of numbers, or one of texts"},
    {"mean(['a'])", "mean(): there are no numbers"},
    {"median([])", "median(): there are no numbers"},
    {"uniq('a')", "uniq() takes a list, and this is a text"},
    {"trimPrefix('a', 1)", "trimPrefix() takes two texts, and this is a number"},
    {"repeat('ab', 9000000000)", "repeat(): more than 1048576 bytes"},
    {"repeat('ab', -1)", "repeat() takes a text, and how often, and this is a number"},
    {"time('soon')", "time() takes a time like 2026-01-31T08:00:00Z, a day, or seconds since 1970"},
    {"jwt.Sign({subject: 'a'})", "jwt: there is no \"secret\" among the options"},
    {"jwt.Sign({secret: 'a', algorithm: 'RS256'})",
     "jwt: tokens are signed by HS256, HS384 or HS512, and this is RS256"},
    {"jwt.Sign('a')", "jwt.Sign() takes a map: {secret: ..., subject: ..., expires_in: '1h'}"},
    {"jwt.Parse('a.b', {})", "jwt.Parse() takes a token, three parts joined by \".\", and {secret: ...}"},
    {"jwt.Parse('e30.e30.', {secret: 'a'})", "jwt.Parse(): the token says it is signed by nothing, and HS256 is "
                                             "expected"},
    {"jwt.Parse('x.e30.', {secret: 'a'})", "jwt.Parse(): its parts are no JSON in base64"},
    {"jwt.Parse(jwt.Sign({secret: 'a'}), {secret: 'b'})", "jwt.Parse(): the signature is not made with this secret"},
    {"jwt.Parse(jwt.Sign({secret: 'a', algorithm: 'HS512'}), {secret: 'a'})",
     "jwt.Parse(): the token says it is signed by HS512, and HS256 is expected"},
    /* a zero character in a text */
    {"[odd + 'd', len(odd), upper(odd), urlencode(odd), toBase64(odd), string(odd)]",
     "[\"b\\u0000cd\",3,\"B\\u0000C\",\"b%00c\",\"YgBj\",\"b\\u0000c\"]"},
    {"sort([odd, 'b', 'b!'])", "[\"b\",\"b\\u0000c\",\"b!\"]"},
    {"join([odd, odd], '-')", "\"b\\u0000c-b\\u0000c\""},
    {"fromJSON(toJSON(odd)) == odd && odd > 'b' && odd != 'b' && odd endsWith 'c' && !(odd in {b: 1})", "true"},
    {"indexOf(odd, 'c')", "indexOf() takes no text with a zero character"},
    {"env(odd)", "env() takes no text with a zero character"},
    {"int(odd)", "int() takes no text with a zero character"},
    {"{b: 1}[odd]", "no member's name has a zero character"},
    {"name matches odd", "matches: a regular expression cannot hold a zero character"},
    {"name matches '('", "matches: not a regular expression: column 2: missing closing parenthesis"},
};

static void come_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct text out = TEXT_INIT;
        result(values[i][0], &out);
        if (strcmp(text_string(&out), values[i][1]) != 0)
            print_error("%s\n", values[i][0]);
        assert_string_equal(text_string(&out), values[i][1]);
        text_deinit(&out);
    }
}

/* In texts, and as a line of `check`. */
static void in_flows(void **state)
{
    struct test_system *s = *state;
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    struct e2e_summary summary;
    static const char text[] =
        "flow: f\nvars: {n: 2}\nsteps:\n"
        "  - set: {m: '${= n * 2}', t: 'a ${= {\"}\": n}[\"}\"] + 1} b'}\n"
        "    check: ['= m == 4', '= t == \"a 3 b\"']\n"
        "  - http: GET /text\n"
        "    check: ['= answer.status == 200 && len(answer.body) > 3']\n"
        "  - set: {o: {secret: s}, old: '${= jwt.Sign({secret: \"s\", expires_in: \"-1m\"})}'}\n"
        "    check:\n"
        "      - '= jwt.Parse(jwt.Sign({secret: \"s\", expires_in: \"1h\", not_before: \"-1m\"}), o).exp > 0'\n"
        "  - http: GET /text\n"
        "    check: ['= answer.status == n']\n";
    assert_int_equal(flow_parse(bytes_of(text), "f.yaml", &flows, &err), 0);
    assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
    struct text report = TEXT_INIT;
    test_report(s, &report);
    assert_non_null(strstr(text_string(&report), "f.yaml:12:13"));
    assert_non_null(strstr(text_string(&report), "answer.status == n: does not hold"));
    text_deinit(&report);
    flow_list_free(&flows);
}

/* Tokens that are not of this time. */
static void tokens(void **state)
{
    static const char *const table[][2] = {
        {"jwt.Parse(jwt.Sign({secret: 's', expires_in: '-1m'}), {secret: 's'})", "jwt.Parse(): the token has expired"},
        {"jwt.Parse(jwt.Sign({secret: 's', not_before: '1m'}), {secret: 's'})",
         "jwt.Parse(): the token is not valid yet"},
        {"jwt.Sign({secret: 's', not_before: 'soon'})", "jwt: not_before: \"soon\" is no duration, as in 1h or 5m"},
    };
    struct test_system *s = *state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct flow_list flows = {0};
        struct error err = ERROR_INIT;
        struct e2e_summary summary;
        struct text flow = TEXT_INIT, report = TEXT_INIT;
        text_printf(&flow, "flow: f\nsteps:\n  - set: {a: \"${= %s}\"}\n", table[i][0]);
        assert_int_equal(flow_parse(text_bytes(&flow), "f.yaml", &flows, &err), 0);
        assert_int_equal(e2e_run(&s->target, &flows, &s->options, &summary, &err), 0);
        test_report(s, &report);
        assert_non_null(strstr(text_string(&report), table[i][1]));
        text_deinit(&flow);
        text_deinit(&report);
        flow_list_free(&flows);
    }
}

static int walked(void)
{
    struct text out = TEXT_INIT;
    for (size_t i = 4; i < 66; i += 5) /* one of each sort */
        result(values[i][0], &out);
    bool ok = text_ok(&out) && strstr(text_string(&out), "memory") == NULL;
    text_deinit(&out);
    return ok ? 0 : ERROR_MEMORY;
}

static void memory(void **state)
{
    (void)state;
    assert_int_equal(walked(), 0); /* libraries are opened */
    assert_true(failing_walk(walked, FAILING_MAY_BE_BORNE) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(come_to),
        cmocka_unit_test_setup_teardown(in_flows, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test_setup_teardown(tokens, test_system_setup_sim, test_system_teardown),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
