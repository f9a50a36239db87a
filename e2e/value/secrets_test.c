/* What may come to stand in a report of a secret, however it is written there. */
#include "e2e/test_system.h"

#include "base/failing_walk.h"

#include <string.h>

struct hiding {
    struct flow_context x;
    struct flow_case run;
};

static void begin(struct hiding *h, const char *secret)
{
    *h = (struct hiding){.run = {.secrets = json_array()}};
    h->x.run = &h->run;
    json_t *value = json_string(secret);
    assert_true(secret_add(&h->x, value));
    json_decref(value);
}

static void becomes(const char *secret, const char *text, const char *expected)
{
    struct hiding h;
    struct text out = TEXT_INIT;
    begin(&h, secret);
    secret_hide(&h.x, text, &out);
    assert_string_equal(text_string(&out), expected);
    text_deinit(&out);
    json_decref(h.run.secrets);
}

static void as_it_is(void **state)
{
    (void)state;
    becomes("s3cr3t", "a s3cr3t, and s3cr3t", "a (hidden), and (hidden)");
    becomes("s3cr3t", "s3cr3", "s3cr3");
    becomes("abc", "abc", "abc"); /* too short */
    becomes("s3cr3t", "50% of a+b & \\ %", "50% of a+b & \\ %");
}

static void in_urls(void **state)
{
    (void)state;
    becomes("a b/c?\xC3\xBC", "?v=a%20b%2Fc%3F%C3%BC&w=1", "?v=(hidden)&w=1");
    becomes("a b/c?\xC3\xBC", "?v=a+b/c%3f%c3%bc", "?v=(hidden)");
    becomes("a b/c?\xC3\xBC", "?v=a%20b/c%3F%C3%BC", "?v=(hidden)");
    becomes("a b/c?\xC3\xBC", "?v=a%20b/d", "?v=a%20b/d");
    becomes("%41bcd", "%2541bcd and %41bcd", "(hidden) and (hidden)");
}

static void in_json(void **state)
{
    (void)state;
    becomes("a\"b\\c\n\xC3\xBC", "{\"v\":\"a\\\"b\\\\c\\n\xC3\xBC\"}", "{\"v\":\"(hidden)\"}");
    becomes("a\"b\\c\n\xC3\xBC", "{\"v\":\"a\\\"b\\\\c\\n\\u00fc\"}", "{\"v\":\"(hidden)\"}");
    becomes("a\"b\\c\n\xC3\xBC", "{\\\"v\\\":\\\"a\\\\\\\"b\\\\\\\\c\\\\n\\\\u00FC\\\"}",
            "{\\\"v\\\":\\\"(hidden)\\\"}");
    becomes("ab\xF0\x9F\x98\x80", "\"ab\\ud83d\\ude00\"", "\"(hidden)\"");
    becomes("a/bc", "\"a\\/bc\"", "\"(hidden)\"");
    becomes("ab\xF0\x9F\x98\x80", "\"ab\\ud83d\"", "\"ab\\ud83d\"");
}

static void in_html(void **state)
{
    (void)state;
    becomes("h&m<'x'>\"", "<p>h&amp;m&lt;&#x27;x&#39;&gt;&quot;</p>", "<p>(hidden)</p>");
}

/* At each place of a longer text, in both alphabets; what is left has bits of the neighbours in it. */
static void in_base64(void **state)
{
    (void)state;
    becomes("hunter22", "aHVudGVyMjI=", "(hidden)");
    becomes("hunter22", "aHVudGVyMjI", "(hidden)");
    becomes("hunter22", "Basic YW5uOmh1bnRlcjIy", "Basic YW5uOm(hidden)"); /* ann:hunter22 */
    becomes("hunter22", "dTpodW50ZXIyMg==", "dTp(hidden)g==");             /* u:hunter22 */
    becomes("hunter22", "dXNlcjpodW50ZXIyMjp4", "dXNlcjp(hidden)jp4");     /* user:hunter22:x */
    becomes("\xFF\xFE>?>?", "AP_-Pj8-Pw", "AP_-Pj8-Pw");                   /* no UTF-8: nothing is kept of it */
    becomes("~~~???", "v=fn5-Pz8_", "v=(hidden)");
    becomes("~~~???", "v=fn5%2BPz8%2F", "v=(hidden)"); /* in a URL */
}

/* A zero character is written otherwise wherever it is shown, so that what is around it is looked for. */
static void around_zero(void **state)
{
    struct hiding h = {.run = {.secrets = json_array()}};
    struct text out = TEXT_INIT;
    json_t *value = json_stringn("first\0second\0ab", 15);
    (void)state;
    h.x.run = &h.run;
    assert_true(secret_add(&h.x, value));
    show_value(&h.x, value, &out);
    assert_string_equal(text_string(&out), "\"(hidden)\\u0000(hidden)\\u0000ab\"");
    text_deinit(&out);
    json_decref(value);
    json_decref(h.run.secrets);
}

/* Every text of a list or a map. */
static void all_of_it(void **state)
{
    (void)state;
    struct hiding h = {.run = {.secrets = json_array()}};
    struct text out = TEXT_INIT;
    h.x.run = &h.run;
    json_t *value = json_pack("{s:s, s:[s, {s:s}], s:i}", "a", "first", "b", "second", "c", "third", "d", 12345);
    assert_true(secret_add(&h.x, value));
    secret_hide(&h.x, "first second third 12345", &out);
    assert_string_equal(text_string(&out), "(hidden) (hidden) (hidden) 12345");
    text_deinit(&out);
    json_decref(value);
    json_decref(h.run.secrets);
}

/* Of an address what it has, as it is written there and as it is meant. */
static void in_addresses(void **state)
{
    (void)state;
    struct hiding h;
    struct text out = TEXT_INIT;
    begin(&h, "");
    assert_true(secret_add_address(&h.x, "http://me:p%40ss%3\xFFword@host/?token=t0ken&x=visible"));
    assert_true(secret_add_address(&h.x, "http://me:hunter%402@host"));
    secret_hide(&h.x, "hunter%402 hunter@2 t0ken visible aHVudGVyQDI=", &out);
    assert_string_equal(text_string(&out), "(hidden) (hidden) (hidden) visible (hidden)");
    text_deinit(&out);
    json_decref(h.run.secrets);
}

/* Without memory it says so: half of the forms would be shown. */
static int walked(void)
{
    struct hiding h = {.run = {.secrets = json_array()}};
    h.x.run = &h.run;
    json_t *value = json_string("a secret / of it");
    bool ok = h.run.secrets != NULL && value != NULL && secret_add(&h.x, value) &&
              secret_add_address(&h.x, "http://me:p%20word@host/?token=t0ken");
    json_decref(value);
    json_decref(h.run.secrets);
    return ok ? 0 : ERROR_MEMORY;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(walked, FAILING_IS_TOLD) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_is),  cmocka_unit_test(in_urls),      cmocka_unit_test(in_json),
        cmocka_unit_test(in_html),   cmocka_unit_test(in_base64),    cmocka_unit_test(around_zero),
        cmocka_unit_test(all_of_it), cmocka_unit_test(in_addresses), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
