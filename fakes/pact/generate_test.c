/* Every generator, from a seed and a clock; where their paths lead; and expressions texts are drawn from. */
#include "fakes/pact/test_pact.h"

#include "base/failing_walk.h"
#include "fakes/pact/regex.h"
#include "fakes/pact/sample.h"

#include <string.h>

#define NOW UINT64_C(946720800123456789) /* 2000-01-01T10:00:00.123456789Z */

static json_t *values; /* what provider states gave */

static int generate(struct pact *p, uint64_t seed, struct arena *arena, struct pact_part *out, struct error *err)
{
    struct random random;
    struct pact_generating with = {.random = &random, .now = NOW, .values = values, .base = "http://localhost:8080/x/"};
    random_seed(&random, seed);
    return pact_generate(&p->interactions.items[0].request, &with, arena, out, err);
}

/* `fits`: an expression for the generated value as JSON. */
static const struct {
    const char *generator, *example, *fits;
} ROWS[] = {
    {"{\"type\": \"RandomInt\"}", "1", "^(10|[0-9])$"},
    {"{\"type\": \"RandomInt\", \"min\": -3, \"max\": -3}", "1", "^-3$"},
    {"{\"type\": \"RandomInt\", \"min\": 5, \"max\": 6}", "\"1\"", "^\"[56]\"$"},
    {"{\"type\": \"RandomDecimal\", \"digits\": 6}", "\"1\"", "^\"(?=.{7}\\x22$)(0|[1-9][0-9]*)\\.[0-9]*[1-9]\"$"},
    {"{\"type\": \"RandomDecimal\", \"digits\": 4}", "1.5", "^[0-9]+\\.[0-9]+$"},
    {"{\"type\": \"RandomDecimal\", \"digits\": 1}", "\"1\"", "^\"[0-9]\"$"},
    {"{\"type\": \"RandomHexadecimal\", \"digits\": 8}", "\"e\"", "^\"[0-9A-F]{8}\"$"},
    {"{\"type\": \"RandomString\", \"size\": 20}", "\"e\"", "^\"[A-Za-z0-9]{20}\"$"},
    {"{\"type\": \"RandomString\"}", "\"e\"", "^\"[A-Za-z0-9]{10}\"$"},
    {"{\"type\": \"RandomBoolean\"}", "true", "^(true|false)$"},
    {"{\"type\": \"Regex\", \"regex\": \"^[a-c]{2}-\\\\d+$\"}", "\"e\"", "^\"[a-c]{2}-[0-9]+\"$"},
    {"{\"type\": \"Uuid\"}", "\"e\"", "^\"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\"$"},
    {"{\"type\": \"Uuid\", \"format\": \"simple\"}", "\"e\"", "^\"[0-9a-f]{32}\"$"},
    {"{\"type\": \"Uuid\", \"format\": \"upper-case-hyphenated\"}", "\"e\"", "^\"[0-9A-F]{8}-[0-9A-F]{4}-4"},
    {"{\"type\": \"Uuid\", \"format\": \"URN\"}", "\"e\"", "^\"urn:uuid:[0-9a-f]{8}-"},
    {"{\"type\": \"Date\"}", "\"e\"", "^\"2000-01-01\"$"},
    {"{\"type\": \"Date\", \"format\": \"dd/MM/yyyy\", \"expression\": \"+ 1 day\"}", "\"e\"", "^\"02/01/2000\"$"},
    {"{\"type\": \"Time\"}", "\"e\"", "^\"10:00:00\"$"},
    {"{\"type\": \"Time\", \"format\": \"HH:mm\", \"expression\": \"- 30 minutes\"}", "\"e\"", "^\"09:30\"$"},
    {"{\"type\": \"DateTime\"}", "\"e\"", "^\"2000-01-01T10:00:00\\.123\\+0000\"$"},
    {"{\"type\": \"DateTime\", \"format\": \"yyyy-MM-dd HH:mm\", \"expression\": \"tomorrow @ noon\"}", "\"e\"",
     "^\"2000-01-02 12:00\"$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${id}\"}", "1", "^77$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"id\"}", "1", "^77$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"/a/${id}/${name}!\"}", "\"e\"", "^\"/a/77/Mary!\"$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${other}\"}", "\"kept\"", "^\"kept\"$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"/${id}/${other}\"}", "\"kept\"", "^\"kept\"$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${id}\", \"dataType\": \"STRING\"}", "1", "^\"77\"$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${number}\", \"dataType\": \"INTEGER\"}", "1", "^12$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${number}\", \"dataType\": \"DECIMAL\"}", "1", "^12\\.0$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${id}\", \"dataType\": \"BOOLEAN\"}", "1", "^true$"},
    {"{\"type\": \"ProviderState\", \"expression\": \"${map}\", \"dataType\": \"RAW\"}", "1", "^\\{\"a\": 1\\}$"},
    {"{\"type\": \"MockServerURL\", \"example\": \"http://h:1/orders/5\", \"regex\": \".*(/orders/\\\\d+)$\"}", "\"e\"",
     "^\"http://localhost:8080/x/orders/5\"$"},
};

static struct pact *body_pact(const char *path, const char *generator, const char *body)
{
    struct text text = TEXT_INIT;
    text_printf(
        &text,
        "\"body\": {\"contentType\": \"application/json\", \"content\": %s}, \"generators\": {\"body\": {\"%s\": %s}}",
        body, path, generator);
    struct pact *p = test_pact(text_string(&text), "");
    text_deinit(&text);
    return p;
}

static void made(const char *path, const char *generator, const char *body, uint64_t seed, struct text *out)
{
    struct arena arena = ARENA_INIT;
    struct pact_part part;
    struct error err = ERROR_INIT;
    struct pact *p = body_pact(path, generator, body);
    char *text;
    if (generate(p, seed, &arena, &part, &err) != 0)
        fail_msg("%s: %s", generator, err.message);
    text_clear(out);
    text = json_dumps(part.content.json, JSON_ENCODE_ANY | JSON_SORT_KEYS);
    text_puts(out, text);
    free(text);
    pact_part_deinit(&part);
    arena_deinit(&arena);
    pact_free(p);
}

static void each(void **state)
{
    (void)state;
    struct text out = TEXT_INIT, again = TEXT_INIT;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct regex *fits;
        assert_int_equal(regex_new(ROWS[i].fits, &fits, NULL), 0);
        for (uint64_t seed = 0; seed < 20; seed++) {
            made("$", ROWS[i].generator, ROWS[i].example, seed, &out);
            if (regex_find(fits, text_bytes(&out), NULL) != 1)
                fail_msg("%s: %s is no %s", ROWS[i].generator, text_string(&out), ROWS[i].fits);
            made("$", ROWS[i].generator, ROWS[i].example, seed, &again);
            assert_string_equal(text_string(&out), text_string(&again));
        }
        regex_free(fits);
    }
    text_deinit(&out);
    text_deinit(&again);
}

static void places(void **state)
{
    (void)state;
    static const char FIVE[] = "{\"type\": \"RandomInt\", \"min\": 5, \"max\": 5}";
    static const struct {
        const char *path, *body, *made;
    } PLACES[] = {
        {"$.a", "{\"a\": 1, \"b\": 1}", "{\"a\": 5, \"b\": 1}"},
        {"$.a[*].b", "{\"a\": [{\"b\": 1}, {\"c\": 1}, {\"b\": 2}]}", "{\"a\": [{\"b\": 5}, {\"c\": 1}, {\"b\": 5}]}"},
        {"$.*", "{\"a\": 1, \"b\": \"1\"}", "{\"a\": 5, \"b\": \"5\"}"},
        {"$[1]", "[1, 2]", "[1, 5]"},
        {"$['x y']", "{\"x y\": 1}", "{\"x y\": 5}"},
        {"$.nothing.there", "{\"a\": 1}", "{\"a\": 1}"},
    };
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        made(PLACES[i].path, FIVE, PLACES[i].body, 1, &out);
        assert_string_equal(text_string(&out), PLACES[i].made);
    }
    text_deinit(&out);
}

#define FIVE "{\"type\": \"RandomInt\", \"min\": 5, \"max\": 5}"

/* Outside of bodies, in forms and texts, and in what a list must contain. */
static void parts(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct pact_part part;
    struct pact *p = test_pact(
        "\"method\": \"GET\", \"path\": \"/a\", \"query\": {\"q\": [\"1\", \"2\"], \"r\": \"1\"}, \"headers\": "
        "{\"X-A\": "
        "\"1\", \"Content-Type\": \"application/x-www-form-urlencoded\"}, \"body\": {\"content\": \"a=1&b=2+3\"}, "
        "\"generators\": {\"path\": " FIVE ", \"query\": {\"q\": " FIVE "}, \"header\": {\"x-a\": " FIVE "}, \"body\": "
        "{\"$.b\": " FIVE "}}",
        "");
    assert_int_equal(generate(p, 1, &arena, &part, NULL), 0);
    assert_string_equal(part.path, "5");
    assert_string_equal(part.query.items[0].value, "5");
    assert_string_equal(part.query.items[1].value, "5");
    assert_string_equal(part.query.items[2].value, "1");
    assert_string_equal(part.headers.items[0].value, "5");
    assert_true(bytes_is(part.content.bytes, "a=1&b=5"));
    pact_part_deinit(&part);
    pact_free(p);
    p = test_pact("\"body\": {\"content\": {\"l\": [{\"id\": 1}, {\"id\": 1}]}}, \"matchingRules\": {\"body\": "
                  "{\"$.l\": {\"matchers\": [{"
                  "\"match\": \"arrayContains\", \"variants\": [{\"index\": 1, \"generators\": {\"$.id\": " FIVE
                  "}}]}]}}}",
                  "");
    assert_int_equal(generate(p, 1, &arena, &part, NULL), 0);
    char *text = json_dumps(part.content.json, 0);
    assert_string_equal(text, "{\"l\": [{\"id\": 1}, {\"id\": 5}]}");
    free(text);
    pact_part_deinit(&part);
    pact_free(p);
    arena_deinit(&arena);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *generator, *said;
    } REFUSED[] = {
        {"{\"type\": \"ProviderState\", \"expression\": \"${name}\", \"dataType\": \"INTEGER\"}",
         "the provider state's value of ${name} "
         "is \"Mary\", which is no INTEGER"},
        {"{\"type\": \"Regex\", \"regex\": \"a\\\\bb\"}", "no text could be drawn"},
    };
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        struct arena arena = ARENA_INIT;
        struct pact_part part;
        struct error err = ERROR_INIT;
        struct text all = TEXT_INIT;
        struct pact *p = body_pact("$", REFUSED[i].generator, "1");
        assert_int_not_equal(generate(p, 1, &arena, &part, &err), 0);
        error_format(&err, &all);
        if (strstr(text_string(&all), REFUSED[i].said) == NULL)
            fail_msg("%s", text_string(&all));
        text_deinit(&all);
        error_clear(&err);
        arena_deinit(&arena);
        pact_free(p);
    }
}

static void samples(void **state)
{
    (void)state;
    static const char *const PATTERNS[] = {"abc",    "a|bc|d",          "(?:x|y){3}z?", "[^a-z]{4}",
                                           "[]a-]+", "\\d{3}-\\w+\\s?", "(?<n>a+)b*?c", "\\.\\/\\x41",
                                           "^$",     ".{2,3}",          "[\\d_]{2}\\D", "((a|b)(c|d)){2,}"};
    static const char *const NOT[] = {"(?=a)b", "(a)\\1", "\\p{L}", "[[:alpha:]]", "(?i)a"};
    struct random random;
    random_seed(&random, 7);
    for (size_t i = 0; i < sizeof PATTERNS / sizeof *PATTERNS; i++) {
        struct regex *r;
        assert_int_equal(regex_new(PATTERNS[i], &r, NULL), 0);
        assert_int_equal(sample_check(PATTERNS[i], NULL), 0);
        for (int n = 0; n < 50; n++) {
            struct text out = TEXT_INIT;
            assert_int_equal(sample_make(PATTERNS[i], &random, &out, NULL), 0);
            if (regex_fits(r, text_bytes(&out), NULL) != 1)
                fail_msg("%s: %s", PATTERNS[i], text_string(&out));
            text_deinit(&out);
        }
        regex_free(r);
    }
    for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++) {
        struct error err = ERROR_INIT;
        assert_int_equal(sample_check(NOT[i], &err), ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "not implemented"));
        error_clear(&err);
    }
}

/* ---- memory that runs out
 * -------------------------------------------------------------------------------------------- */

static struct pact *ready;

static int generate_ready(void)
{
    struct arena arena = ARENA_INIT;
    struct pact_part part;
    struct error err = ERROR_INIT;
    int rc = generate(ready, 1, &arena, &part, &err);
    if (rc == 0)
        pact_part_deinit(&part);
    arena_deinit(&arena);
    error_clear(&err);
    return rc;
}

static int match_ready(void)
{
    struct pact_result result;
    struct error err = ERROR_INIT;
    const struct pact_interaction *i = &ready->interactions.items[0];
    pact_result_init(&result);
    int rc = pact_match_request(&i->request, &i->responses.items[0], &result, &err);
    pact_result_deinit(&result);
    error_clear(&err);
    return rc;
}

static void memory(void **state)
{
    (void)state;
    json_malloc_t usual_malloc;
    json_free_t usual_free;
    json_get_alloc_funcs(&usual_malloc, &usual_free);
    static const struct {
        const char *request, *response;
    } PAIRS[] = {
        {"\"path\": \"/\", \"query\": {\"q\": [\"1\", \"2\"]}, \"headers\": {\"A\": \"1,2\"}, \"body\": {\"content\": "
         "{\"a\": \"x\", \"l\": [1], \"m\": {\"k\": 1}, "
         "\"o\": 1}}, \"matchingRules\": {\"body\": {\"$.a\": {\"matchers\": [{\"match\": \"regex\", \"regex\": "
         "\"^y\"}]}, \"$.l\": {\"matchers\": "
         "[{\"match\": \"arrayContains\", \"variants\": [{\"index\": 0, \"rules\": {\"$\": {\"matchers\": [{\"match\": "
         "\"null\"}]}}}]}]}, \"$.m\": "
         "{\"matchers\": [{\"match\": \"eachKey\", \"rules\": [{\"match\": \"semver\"}]}, {\"match\": \"eachValue\", "
         "\"rules\": [{\"match\": "
         "\"type\"}]}]}, \"$.o\": {\"combine\": \"OR\", \"matchers\": [{\"match\": \"null\"}, {\"match\": "
         "\"semver\"}]}}}, \"generators\": {\"body\": "
         "{\"$.a\": {\"type\": \"Regex\", \"regex\": \"a+\"}, \"$.l[0]\": {\"type\": \"ProviderState\", "
         "\"expression\": \"x${id}\"}}, \"path\": "
         "{\"type\": \"DateTime\", \"expression\": \"+ 1 day\"}}",
         "\"headers\": {\"a\": [\"1\", \"3\"]}, \"body\": {\"content\": {\"a\": \"x\", \"l\": [2], \"m\": {\"z\": "
         "\"\"}, \"o\": 2, \"n\": 1}}"},
        {"\"body\": {\"contentType\": \"application/xml\", \"content\": \"<a x='1'><b>t</b><c/></a>\"}, "
         "\"generators\": {\"body\": {\"$.a.b\": {\"type\": \"Uuid\"}, \"$.a.@x\": {\"type\": \"RandomInt\"}}}",
         "\"body\": {\"contentType\": \"application/xml\", \"content\": \"<a x='2' y=''><b>u</b><d/></a>\"}"},
        {"\"body\": {\"contentType\": \"application/x-www-form-urlencoded\", \"content\": \"a=1\"}, \"generators\": "
         "{\"body\": {\"$.a\": {\"type\": "
         "\"Uuid\"}}}",
         "\"body\": {\"contentType\": \"application/x-www-form-urlencoded\", \"content\": \"a=2&b=%20\"}"},
        {"\"body\": {\"contentType\": \"multipart/mixed; boundary=x\", \"content\": \"--x\\r\\nA: 1\\r\\n\\r\\n"
         "a\\r\\n--x\\r\\nContent-Disposition: x; name=n\\r\\n\\r\\nb\\r\\n--x--\"}",
         "\"body\": {\"contentType\": \"multipart/mixed; boundary=y\", \"content\": \"--y\\r\\nA: 2\\r\\n"
         "Content-Transfer-Encoding: base64\\r\\n\\r\\nYg==\\r\\n--y--\"}"},
    };
    for (size_t i = 0; i < 4; i++) {
        ready = test_pact(PAIRS[i].request, PAIRS[i].response);
        json_set_alloc_funcs(failing_malloc, failing_free);
        assert_true(failing_walk(match_ready, FAILING_IS_TOLD) > 10);
        if (i != 3)
            assert_true(failing_walk(generate_ready, FAILING_IS_TOLD) > 5);
        json_set_alloc_funcs(usual_malloc, usual_free);
        pact_free(ready);
    }
}

static int make_values(void **state)
{
    (void)state;
    values = json_pack("{s:i, s:s, s:s, s:{s:i}}", "id", 77, "name", "Mary", "number", "12", "map", "a", 1);
    return values != NULL ? 0 : -1;
}

static int free_values(void **state)
{
    (void)state;
    json_decref(values);
    return 0;
}

/* In XML: attributes, texts, by name, by place, where there was no text; what is not named stays as it was. */
static void xml(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *made; /* NULL: as it was */
    } ROWS_OF_XML[] = {
        {"$.a.@x", "<a x='1' y=\\\"2\\\"/>", "<a x='<7>' y=\"2\"/>"},
        {"$.a['@y']", "<a x='1' y=\\\"2\\\"/>", "<a x='1' y=\"<7>\"/>"},
        {"$.a.b.#text", "<a> <b> t </b><!-- c --><b>u</b></a>", "<a> <b> <7> </b><!-- c --><b><7></b></a>"},
        {"$.a.b[1]['#text']", "<a><b>t</b><b>u</b><b/></a>", "<a><b>t</b><b><7></b><b/></a>"},
        {"$.a.b[*].#text", "<a><b>t</b><c/><b/></a>", "<a><b><7></b><c/><b><7></b></a>"},
        {"$.a.b", "<a><b></b></a>", "<a><b><7></b></a>"},
        {"$.a.*.c", "<a><b><c><![CDATA[x]]></c></b><d><c>y</c></d></a>", "<a><b><c><7></c></b><d><c><7></c></d></a>"},
        {"$.n:a.n:b.@n:x", "<n:a xmlns:n='u'><n:b n:x='1'/></n:a>", "<n:a xmlns:n='u'><n:b n:x='<7>'/></n:a>"},
        {"$['u:a']['u:b']", "<a xmlns='u'><b>t</b></a>", "<a xmlns='u'><b><7></b></a>"},
        {"$.a.#text", "<a>x<b/>y</a>", "<a><7><b/><7></a>"},
        {"$.b.#text", "<a>x</a>", NULL},
        {"$.a.b.c", "<a x='1'>x</a>", NULL},
    };
    for (size_t i = 0; i < sizeof ROWS_OF_XML / sizeof *ROWS_OF_XML; i++) {
        struct text text = TEXT_INIT, escaped = TEXT_INIT;
        struct arena arena = ARENA_INIT;
        struct pact_part part;
        struct error err = ERROR_INIT;
        text_printf(&text,
                    "\"body\": {\"contentType\": \"application/xml\", \"content\": \"%s\"}, \"generators\": "
                    "{\"body\": {\"%s\": {\"type\": \"Regex\", \"regex\": \"<7>\"}}}",
                    ROWS_OF_XML[i].body, ROWS_OF_XML[i].path);
        struct pact *p = test_pact(text_string(&text), "");
        const struct pact_content *before = &p->interactions.items[0].request.content;
        if (generate(p, 1, &arena, &part, &err) != 0)
            fail_msg("%s: %s", ROWS_OF_XML[i].path, err.message);
        const char *wanted = ROWS_OF_XML[i].made;
        for (const char *c = wanted; c != NULL && *c != '\0'; c++)
            if (strncmp(c, "<7>", 3) == 0)
                text_puts(&escaped, "&lt;7&gt;"), c += 2;
            else
                text_char(&escaped, *c);
        struct bytes fits = wanted != NULL ? text_bytes(&escaped) : before->bytes;
        if (!bytes_equal(part.content.bytes, fits))
            fail_msg("%s in %s: %.*s", ROWS_OF_XML[i].path, ROWS_OF_XML[i].body, (int)part.content.bytes.len,
                     (const char *)part.content.bytes.data);
        pact_part_deinit(&part);
        pact_free(p);
        arena_deinit(&arena);
        text_deinit(&text);
        text_deinit(&escaped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xml),     cmocka_unit_test(each),    cmocka_unit_test(places), cmocka_unit_test(parts),
        cmocka_unit_test(refused), cmocka_unit_test(samples), cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, make_values, free_values);
}
