#include "base/test.h"

#include "base/document.h"
#include "base/text.h"
#include "base/units.h"

#include <stdlib.h>

typedef int parse(struct bytes input, const char *name, struct document **out, struct error *err);

static struct document *read_ok(parse *how, const char *text)
{
    struct document *d = NULL;
    struct error e = ERROR_INIT;
    int code = how(bytes_of(text), "f", &d, &e);
    if (code)
        print_error("%d:%d: %s\n", e.line, e.column, e.message);
    assert_int_equal(code, 0);
    return d;
}

static void refuse_bytes(parse *how, struct bytes input, int code, const char *expected)
{
    struct document *d = NULL;
    struct error e = ERROR_INIT;
    struct text t = TEXT_INIT;
    assert_int_equal(how(input, "f", &d, &e), code);
    assert_null(d);
    error_format(&e, &t);
    assert_string_equal(text_string(&t), expected);
    text_deinit(&t);
    error_clear(&e);
    assert_int_equal(how(input, "f", &d, NULL), code);
}

static void refuse(parse *how, const char *text, int code, const char *expected)
{
    refuse_bytes(how, bytes_of(text), code, expected);
}

/* A node as "kind@line:column", lists and maps with what is in them. */
static void show(const struct node *n, struct text *t)
{
    switch (n->kind) {
    case NODE_NULL:
        text_puts(t, "null");
        break;
    case NODE_BOOL:
        text_puts(t, n->boolean ? "true" : "false");
        break;
    case NODE_INTEGER:
        text_printf(t, "%lld", (long long)n->integer);
        break;
    case NODE_REAL:
        text_printf(t, "r%g", n->real);
        break;
    case NODE_TEXT:
        assert_int_equal(n->text.data[n->text.len], '\0');
        text_char(t, '\'');
        text_printable(t, n->text.data, n->text.len, SIZE_MAX);
        text_char(t, '\'');
        break;
    case NODE_LIST:
        text_char(t, '[');
        for (size_t i = 0; i < n->list.count; i++) {
            text_puts(t, i ? " " : "");
            show(&n->list.items[i], t);
        }
        text_char(t, ']');
        break;
    case NODE_MAP:
        text_char(t, '{');
        for (size_t i = 0; i < n->map.count; i++) {
            const struct node_pair *p = &n->map.pairs[i];
            text_printf(t, "%s%s@%d:%d=", i ? " " : "", p->key, p->key_line, p->key_column);
            show(&p->value, t);
        }
        text_char(t, '}');
        break;
    default:
        fail();
    }
    text_printf(t, "@%d:%d", n->line, n->column);
}

static void shows(parse *how, const char *text, const char *expected)
{
    struct document *d = read_ok(how, text);
    struct text t = TEXT_INIT;
    show(document_root(d), &t);
    assert_string_equal(text_string(&t), expected);
    text_deinit(&t);
    document_free(d);
}

static void test_json_places(void **state)
{
    (void)state;
    shows(document_parse_json, "{\"a\": 1, \"b\": [true, null, \"x\\u0000y\", 1.5],\n \"c\": {}, \"e\\\"\": [ ]}",
          "{a@1:2=1@1:7 b@1:10=[true@1:16 null@1:22 'x\\x00y'@1:28 r1.5@1:40]@1:15 c@2:2={}@2:7 e\"@2:11=[]@2:18}@1:1");
    shows(document_parse_json, "\"\xC3\xA9\"", "'\xC3\xA9'@1:1");
    shows(document_parse_json, "[\"\xC3\xA9\",\r\n-7]", "['\xC3\xA9'@1:2 -7@2:1]@1:1");
    shows(document_parse_json, " false ", "false@1:2");
    shows(document_parse_json, "\"\\ud83d\\ude00\\u00E9\\/\\b\\\\\"", "'\xF0\x9F\x98\x80\xC3\xA9/\\x08\\\\'@1:1");
    shows(document_parse_json, "[-0, -0.0, 1E2]", "[0@1:2 r-0@1:6 r100@1:12]@1:1");
    shows(document_parse_json, "[[],[[]],{\"a\":[]}]", "[[]@1:2 [[]@1:6]@1:5 {a@1:11=[]@1:15}@1:10]@1:1");
}

static void test_json_errors(void **state)
{
    (void)state;
    refuse(document_parse_json, "", ERROR_SYNTAX, "f:1:1: unexpected token near end of file");
    refuse(document_parse_json, "{\"a\": 1,\n \"a\": 2}", ERROR_SYNTAX, "f:2:2: duplicate object key near '\"a\"'");
    refuse(document_parse_json, "{\"a\": 1 \"b\"}", ERROR_SYNTAX, "f:1:9: '}' expected near '\"b\"'");
    refuse(document_parse_json, "{\"a\": 1\n", ERROR_SYNTAX, "f:2:1: '}' expected near end of file");
    refuse(document_parse_json, "[1,]", ERROR_SYNTAX, "f:1:4: unexpected token near ']'");
    refuse(document_parse_json, "{\"a\": tru}", ERROR_SYNTAX, "f:1:7: invalid token near 'tru'");
    refuse(document_parse_json, "1 2", ERROR_SYNTAX, "f:1:3: end of file expected near '2'");
    refuse(document_parse_json, "[99999999999999999999]", ERROR_LIMIT,
           "f:1:2: too big integer near '99999999999999999999'");
    refuse_bytes(document_parse_json, BYTES("[7\0]", 4), ERROR_SYNTAX, "f:1:3: control character U+0000");
    refuse(document_parse_json, "[c\"]", ERROR_SYNTAX, "f:1:2: invalid token near 'c'");
    refuse(document_parse_json, "{\"a\": [\"x\", \"unfinished, and long enough to have no quotation]}", ERROR_SYNTAX,
           "f:1:64: premature end of input");
    refuse(document_parse_json, "[\"\xC3\x28\"]", ERROR_SYNTAX, "f:1:3: not UTF-8: byte 0xc3");
    refuse(document_parse_json, "\xEF\xBB\xBF{}", ERROR_SYNTAX, "f:1:1: byte order mark; JSON text begins without one");
}

static void test_yaml_places(void **state)
{
    (void)state;
    shows(document_parse_yaml,
          "a: 1\nb:\n- x\n- \xC3\xA9: [1, {q: 2}]\n  z: \"t\\n\"\nempty:\nlist:\n  -\n  - ~\n  - |\n    text\n",
          "{a@1:1=1@1:4 b@2:1=['x'@3:3 {\xC3\xA9@4:3=[1@4:7 {q@4:11=2@4:14}@4:10]@4:6 z@5:3='t\\n'@5:6}@4:3]@3:1 "
          "empty@6:1=null@6:1 list@7:1=[null@8:3 null@9:5 'text\\n'@11:1]@8:3}@1:1");
    shows(document_parse_yaml, "", "null@1:1");
    shows(document_parse_yaml, "# only this\n", "null@1:1");
    shows(document_parse_yaml,
          "\xEF\xBB\xBF"
          "a: 1\r\nb: 2\r\n",
          "{a@1:1=1@1:4 b@2:1=2@2:4}@1:1");
    shows(document_parse_yaml, "%YAML 1.2\n---\na: 1\n...\n", "{a@3:1=1@3:4}@3:1");
}

static void test_yaml_scalars(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"null", "null"},
        {"~", "null"},
        {"NULL", "null"},
        {"nul", "'nul'"},
        {"true", "true"},
        {"FALSE", "false"},
        {"yes", "'yes'"},
        {"on", "'on'"},
        {"7", "7"},
        {"-7", "-7"},
        {"+7", "7"},
        {"007", "7"},
        {"0x1F", "31"},
        {"0o17", "15"},
        {"0o8", "'0o8'"},
        {"0x", "'0x'"},
        {"1.5", "r1.5"},
        {"1.", "r1"},
        {".5", "r0.5"},
        {"1e3", "r1000"},
        {"-1.5E-1", "r-0.15"},
        {"1e", "'1e'"},
        {".", "'.'"},
        {"-", "[null"},
        {"1.2.3", "'1.2.3'"},
        {"1_000", "'1_000'"},
        {".inf", "'.inf'"},
        {".nan", "'.nan'"},
        {"\"7\"", "'7'"},
        {"'null'", "'null'"},
        {"12:30", "'12:30'"},
        {"2026-11-21", "'2026-11-21'"},
        {"!!str 7", "'7'"},
        {"!!int \"7\"", "7"},
        {"!!float 7", "r7"},
        {"! 7", "'7'"},
        {"!!null ''", "null"},
        {"!!bool true", "true"},
        {"!!map {}", "{}"},
        {"!!seq []", "[]"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"\"\\x41\\u00e9\"", "'A\xC3\xA9'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct document *d = read_ok(document_parse_yaml, cases[i].text);
        struct text t = TEXT_INIT;
        show(document_root(d), &t);
        text_truncate(&t, strlen(cases[i].shown));
        if (strcmp(text_string(&t), cases[i].shown) != 0)
            print_error("for %s\n", cases[i].text);
        assert_string_equal(text_string(&t), cases[i].shown);
        text_deinit(&t);
        document_free(d);
    }
}

static void test_yaml_errors(void **state)
{
    (void)state;
    parse *y = document_parse_yaml;
    static const char aliases[] =
        "anchors (&name) and aliases (*name) are not read here: a document is data, write it out";
    char expected[200];
    (void)snprintf(expected, sizeof expected, "f:1:4: %s", aliases);
    refuse(y, "a: &x 1\n", ERROR_INVALID, expected);
    refuse(y, "a: &x [1]\n", ERROR_INVALID, expected);
    (void)snprintf(expected, sizeof expected, "f:2:4: %s", aliases);
    refuse(y, "a: 1\nb: *x\n", ERROR_INVALID, expected);
    refuse(y, "a: 1\nb: 2\na: 3\n", ERROR_SYNTAX, "f:3:1: key \"a\" again; it is on line 1 already");
    refuse(y, "{a: 1, \"a\": 3}", ERROR_SYNTAX, "f:1:8: key \"a\" again; it is on line 1 already");
    refuse(y, "a: !foo 1\n", ERROR_INVALID,
           "f:1:4: tag not known; only !!str, !!int, !!float, !!bool, !!null, !!seq and !!map are");
    refuse(y, "a: !!int x\n", ERROR_INVALID, "f:1:4: the value is not what its tag says");
    refuse(y, "a: 1\n---\nb: 2\n", ERROR_INVALID, "f:2:1: a second document begins; one file holds one");
    refuse(y, "a: 1\n...\nb: 2\n", ERROR_INVALID, "f:3:1: a second document begins; one file holds one");
    refuse(y, "a: [1, 2\nb: 3\n", ERROR_SYNTAX, "f:3:1: flow sequence without a closing bracket");
    refuse(y, "a:\n\tb: 1\n", ERROR_SYNTAX, "f:2:1: tab character may not be used as indentation");
    refuse(y, "? [a]\n: 1\n", ERROR_SYNTAX, "f:1:3: expected a key, and a key is text, not a list");
    refuse(y, ": 1\n", ERROR_SYNTAX, "f:1:1: expected a key");
    refuse(y, "\"a\\0b\": 1", ERROR_SYNTAX, "f:1:1: an escape puts into this key what a key cannot hold");
    refuse(y, "a: 99999999999999999999\n", ERROR_LIMIT,
           "f:1:4: integer does not fit in 64 bits (quote it if it is text)");
    refuse(y, "a: 1e999\n", ERROR_LIMIT, "f:1:4: number too large (quote it if it is text)");
    refuse(y, "\xC3\xA9: \xFF", ERROR_SYNTAX, "f:1:4: not UTF-8: byte 0xff");
    refuse(y, "x: a\x01", ERROR_SYNTAX, "f:1:5: control character U+0001");
    refuse_bytes(y, BYTES("a: \0", 4), ERROR_SYNTAX, "f:1:4: control character U+0000");
}

static void test_limits(void **state)
{
    (void)state;
    struct text t = TEXT_INIT;
    for (int depth = DOCUMENT_DEPTH_MAX; depth <= DOCUMENT_DEPTH_MAX + 1; depth++) {
        text_clear(&t);
        for (int i = 0; i < depth; i++)
            text_char(&t, '[');
        for (int i = 0; i < depth; i++)
            text_char(&t, ']');
        for (int yaml = 0; yaml < 2; yaml++) {
            parse *how = yaml ? document_parse_yaml : document_parse_json;
            if (depth > DOCUMENT_DEPTH_MAX)
                refuse(how, text_string(&t), ERROR_LIMIT, "f:1:65: nested deeper than 64 levels");
            else
                document_free(read_ok(how, text_string(&t)));
        }
    }
    text_clear(&t);
    for (int i = 0; i < 200000; i++)
        text_char(&t, '[');
    struct document *d;
    assert_true(document_parse_json(text_bytes(&t), "f", &d, NULL) < 0);
    assert_int_equal(document_parse_yaml(text_bytes(&t), "f", &d, NULL), ERROR_LIMIT);
    text_deinit(&t);
    char *large = malloc(DOCUMENT_SIZE_MAX + 1);
    assert_non_null(large);
    memset(large, ' ', DOCUMENT_SIZE_MAX + 1);
    refuse_bytes(document_parse_json, BYTES(large, DOCUMENT_SIZE_MAX + 1), ERROR_LIMIT,
                 "f: 16777217 bytes; at most 16777216 are read");
    free(large);
}

static void test_name_decides_and_lines(void **state)
{
    (void)state;
    struct document *d;
    assert_int_equal(document_parse(bytes_of("a: 1"), "x.json", &d, NULL), ERROR_SYNTAX);
    assert_int_equal(document_parse(bytes_of("a: 1"), "x.JSON", &d, NULL), ERROR_SYNTAX);
    assert_int_equal(document_parse(bytes_of("a: 1\r\nb: 2\rc: 3\nd: 4"), "dir/x.yml", &d, NULL), 0);
    assert_string_equal(document_name(d), "dir/x.yml");
    assert_true(bytes_is(document_line(d, 1), "a: 1"));
    assert_true(bytes_is(document_line(d, 2), "b: 2"));
    assert_true(bytes_is(document_line(d, 4), "d: 4"));
    assert_int_equal(document_line(d, 0).len, 0);
    assert_int_equal(document_line(d, 5).len, 0);
    assert_int_equal(node_get(document_root(d), "c")->line, 3);
    document_free(d);
    document_free(NULL);
}

static void says(struct error *e, int got, const char *expected)
{
    struct text t = TEXT_INIT;
    error_format(e, &t);
    assert_int_equal(got, ERROR_INVALID);
    assert_string_equal(text_string(&t), expected);
    text_deinit(&t);
    error_clear(e);
}

static void test_typed_access(void **state)
{
    (void)state;
    struct document *d = read_ok(document_parse_yaml, "name: store\nport: 8002\nfast: true\nwait: 1m30s\nzero: 0\n"
                                                      "sub: {x: 1}\nitems: [1]\nbad: \"a\\0b\"\nspan: 5\nlong: 5x\n");
    const struct node *root = document_root(d), *sub = NULL;
    struct error e = ERROR_INIT;
    const char *text = "untouched";
    int64_t number = 5;
    bool flag = false;
    assert_int_equal(node_need_text(root, "name", &text, &e), 0);
    assert_string_equal(text, "store");
    assert_int_equal(node_may_text(root, "none", &text, &e), 0);
    assert_string_equal(text, "store");
    assert_int_equal(node_may_integer(root, "port", 1, 65535, &number, &e), 0);
    assert_int_equal(number, 8002);
    assert_int_equal(node_may_bool(root, "fast", &flag, &e), 0);
    assert_true(flag);
    assert_int_equal(node_may_duration(root, "wait", &number, &e), 0);
    assert_true(number == 90 * SECOND);
    assert_int_equal(node_may_duration(root, "zero", &number, &e), 0);
    assert_int_equal(number, 0);
    assert_int_equal(node_need_map(root, "sub", &sub, &e), 0);
    assert_ptr_equal(sub, node_get(root, "sub"));
    assert_int_equal(node_may_list(root, "items", &sub, &e), 0);
    assert_int_equal(sub->kind, NODE_LIST);
    assert_int_equal(node_may_map(root, "none", &sub, &e), 0);
    assert_int_equal(sub->kind, NODE_LIST);
    assert_null(node_get(root, "none"));
    assert_null(node_get(sub, "none"));
    assert_null(node_get(NULL, "none"));

    says(&e, node_need_text(root, "none", &text, &e), "f:1:1: \"none\" is missing");
    says(&e, node_need_text(root, "port", &text, &e),
         "f:2:7: port: expected text, found an integer (write it in quotes if text is meant)");
    says(&e, node_may_text(root, "items", &text, &e), "f:7:8: items: expected text, found a list");
    says(&e, node_may_text(root, "bad", &text, &e), "f:8:6: bad: text with a zero character in it");
    says(&e, node_may_integer(root, "port", 1, 80, &number, &e),
         "f:2:7: port: expected an integer from 1 to 80, found 8002");
    says(&e, node_may_integer(root, "name", 1, 80, &number, &e), "f:1:7: name: expected an integer, found text");
    says(&e, node_may_bool(root, "name", &flag, &e), "f:1:7: name: expected true or false, found text");
    says(&e, node_may_duration(root, "span", &number, &e), "f:9:7: span: a duration needs a unit (250ms, 5s, 1m30s)");
    says(&e, node_may_duration(root, "long", &number, &e),
         "f:10:7: long: \"5x\": expected a unit (ns, us, ms, s, m, h or d) at character 2");
    says(&e, node_need_map(root, "none", &sub, &e), "f:1:1: \"none\" is missing");
    says(&e, node_may_map(root, "name", &sub, &e), "f:1:7: name: expected a map, found text");
    says(&e, node_may_list(root, "sub", &sub, &e), "f:6:6: sub: expected a list, found a map");
    says(&e, node_need_text(node_get(root, "items"), "x", &text, &e), "f:7:8: expected a map with \"x\", found a list");
    says(&e, node_error(node_get(root, "port"), &e, ERROR_INVALID, "port %d is taken", 8002),
         "f:2:7: port 8002 is taken");
    document_free(d);
}

static void test_only_keys(void **state)
{
    (void)state;
    static const char *const all[] = {"name", "components", "ports", NULL};
    struct document *d = read_ok(document_parse_yaml, "name: x\nconponents: y\n");
    struct error e = ERROR_INIT;
    says(&e, node_only_keys(document_root(d), all, &e),
         "f:2:1: unknown key \"conponents\"; did you mean \"components\"?");
    says(&e, node_only_keys(node_get(document_root(d), "name"), all, &e), "f:1:7: expected a map, found text");
    document_free(d);
    d = read_ok(document_parse_yaml, "zzz: x\n");
    says(&e, node_only_keys(document_root(d), all, &e),
         "f:1:1: unknown key \"zzz\"; known are: name, components, ports");
    document_free(d);
    d = read_ok(document_parse_yaml, "ports: x\n");
    assert_int_equal(node_only_keys(document_root(d), all, &e), 0);
    document_free(d);
}

static void test_nearest_word(void **state)
{
    (void)state;
    static const char *const words[] = {"seed", "system", "budget", "quiet", NULL};
    assert_string_equal(nearest_word("sede", words), "seed"); /* swapped */
    assert_string_equal(nearest_word("see", words), "seed");
    assert_string_equal(nearest_word("systen", words), "system");
    assert_string_equal(nearest_word("bugdet", words), "budget");
    assert_null(nearest_word("x", words));
    assert_null(nearest_word("", words));
    assert_null(nearest_word("something", words));
    assert_null(nearest_word("a very long word that is longer than sixty-four bytes, for certain, I hope", words));
}

static void test_to_json(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5,true,null,\"x\\u0000\"],\"b\":{\"c\":{}},\"d\":[]}";
    struct document *d = read_ok(document_parse_json, text);
    json_t *json = node_to_json(document_root(d));
    char *dump = json_dumps(json, JSON_COMPACT);
    assert_string_equal(dump, text);
    free(dump);
    json_decref(json);
    document_free(d);
}

static void refuse_free(const char *yaml, int code, int line, int column, const char *part)
{
    struct document *d = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(document_parse_yaml_with(bytes_of(yaml), "f", DOCUMENT_ALIASES | DOCUMENT_MANY, &d, &err), code);
    assert_null(d);
    if (err.line != line || err.column != column || strstr(err.message, part) == NULL)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    error_clear(&err);
}

/* Anchors, merge keys, several documents and large integers, where they are asked for. */
static void test_yaml_of_others(void **state)
{
    static const struct {
        const char *yaml, *json;
    } rows[] = {
        {"a: &x {b: 1, c: [2]}\nd: *x\n", "{\"a\":{\"b\":1,\"c\":[2]},\"d\":{\"b\":1,\"c\":[2]}}"},
        {"- &s text\n- *s\n- &s 2\n- *s\n", "[\"text\",\"text\",2,2]"},
        {"- &x {a: 1, b: 2}\n- {<<: *x, b: 3}\n", "[{\"a\":1,\"b\":2},{\"b\":3,\"a\":1}]"},
        {"- &x {a: 1}\n- &y {a: 2, b: 2}\n- <<: [*x, *y]\n  c: 3\n",
         "[{\"a\":1},{\"a\":2,\"b\":2},{\"c\":3,\"a\":1,\"b\":2}]"},
        {"'<<': 1\n", "{\"<<\":1}"},
        {"- 1\n---\na: 2\n---\n...\n---\n- 3\n- 4\n", "[1,{\"a\":2},3,4]"},
        {"a: 1\n---\n", "{\"a\":1}"},
        {"18446744073709551615\n", "\"18446744073709551615\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct document *d = NULL;
        struct error err = ERROR_INIT;
        if (document_parse_yaml_with(bytes_of(rows[i].yaml), "f", DOCUMENT_ALIASES | DOCUMENT_MANY | DOCUMENT_LARGE, &d,
                                     &err) != 0)
            fail_msg("%s: %d:%d: %s", rows[i].yaml, err.line, err.column, err.message);
        json_t *tree = node_to_json(document_root(d));
        char *dumped = json_dumps(tree, JSON_COMPACT | JSON_ENCODE_ANY);
        assert_string_equal(dumped, rows[i].json);
        free(dumped);
        json_decref(tree);
        document_free(d);
    }
    refuse_free("a: *b\n", ERROR_NOT_FOUND, 1, 4, "no anchor &b");
    refuse_free("- &a 1\n---\n- *a\n", ERROR_NOT_FOUND, 3, 3, "no anchor &a");
    refuse_free("- &a [*a]\n", ERROR_NOT_FOUND, 1, 7, "no anchor &a");
    refuse_free("a: {<<: 1}\n", ERROR_INVALID, 1, 9, "<< takes a map");
    /* Each line has ten of the line before: a billion of the first. */
    struct text laughs = TEXT_INIT;
    text_puts(&laughs, "- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        text_printf(&laughs, "- &a%d [", i);
        for (int j = 0; j < 10; j++)
            text_printf(&laughs, "%s*a%d", j > 0 ? ", " : "", i - 1);
        text_puts(&laughs, "]\n");
    }
    struct document *d = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(document_parse_yaml_with(text_bytes(&laughs), "f", DOCUMENT_ALIASES, &d, &err), ERROR_LIMIT);
    assert_int_equal(err.line, 6);
    error_clear(&err);
    text_clear(&laughs);
    text_puts(&laughs, "- &a0 []\n");
    for (int i = 1; i < DOCUMENT_DEPTH_MAX + 2; i++)
        text_printf(&laughs, "- &a%d [*a%d]\n", i, i - 1);
    assert_int_equal(document_parse_yaml_with(text_bytes(&laughs), "f", DOCUMENT_ALIASES, &d, &err), ERROR_LIMIT);
    assert_non_null(strstr(err.message, "nested deeper"));
    error_clear(&err);
    text_deinit(&laughs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_of_others), cmocka_unit_test(test_json_places),
        cmocka_unit_test(test_json_errors),    cmocka_unit_test(test_yaml_places),
        cmocka_unit_test(test_yaml_scalars),   cmocka_unit_test(test_yaml_errors),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_name_decides_and_lines),
        cmocka_unit_test(test_typed_access),   cmocka_unit_test(test_only_keys),
        cmocka_unit_test(test_nearest_word),   cmocka_unit_test(test_to_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
