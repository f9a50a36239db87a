/* What comes of recorded calls: captures, forms, what is taken from the environment; and memory that fails. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "e2e/internal.h"
#include "e2e/record/record.h"

#include <string.h>

#define NOW (INT64_C(1790000000) * 1000000000) /* ns since 1970 */

static json_t *json(const char *text)
{
    json_t *v = text != NULL ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    return v;
}

/* "POST /a" with a JSON body. */
static int add(struct recording *r, const char *method, const char *path, const char *headers, const char *body,
               int status, const char *answer)
{
    struct recorded c = {.method = method,
                         .path = path,
                         .headers = json(headers != NULL ? headers : "{}"),
                         .as = body != NULL ? "json" : NULL,
                         .body = json(body),
                         .status = json_integer(status),
                         .answer = json(answer),
                         .time = NOW};
    return recording_add(r, &c);
}

static int fill(struct recording *r)
{
    int code = add(r, "GET", "/before?again=hunter2", "{}", NULL, 204, "{}");
    if (code == 0)
        code = add(
            r, "POST", "/login?api_key=k-778899", "{\"host\": \"a\", \"x-team\": \"blue\"}",
            "{\"email\": \"a@example.com\", \"password\": \"hunter2\"}", 200,
            "{\"headers\": {\"set-cookie\": \"s=1\"}, \"body\": {\"token\": \"tok-1f2e3d4c\", \"user\": {\"id\": 4711, "
            "\"since\": \"2026-09-21T10:00:00Z\"}, \"seen\": 1790000001, \"visit\": "
            "\"5f64c0a1-0000-4000-8000-000000000001\"}}");
    if (code == 0)
        code = add(r, "POST", "/notes", "{\"authorization\": \"Bearer tok-1f2e3d4c\", \"cookie\": \"s=1\"}",
                   "{\"owner_id\": 4711, \"title\": \"milk ${x}\"}", 201,
                   "{\"headers\": {\"location\": \"/notes/n-42\"}, \"body\": {\"title\": \"milk ${x}\", \"$odd\": 1}}");
    if (code == 0)
        code = add(r, "GET", "/notes/n-42?again=hunter2", "{}", NULL, 200,
                   "{\"body\": [{\"id\": \"n-42\", \"owner_id\": 4711, \"secret\": \"zzz\"}, {\"id\": \"n-43\"}]}");
    if (code == 0)
        code = add(r, "POST", "/check", "{}", "{\"again\": \"hunter2\"}", 200, "{\"body\": \"plain\"}");
    if (code == 0) /* what only begins like a value that is known is another */
        code = add(r, "GET", "/zero", "{}", NULL, 200, "{\"body\": {\"of\": \"n-42\\u0000x\", \"size\": 7}}");
    return code;
}

static const char wanted[] = "flow: a story\n"
                             "about: 'Recorded: calls in the order they came, and what was answered.'\n"
                             "secrets: [token_1]\n"
                             "steps:\n";

static void story(void **state)
{
    static const char *const parts[] = {
        "http: 'GET /before?again=${env.RECORDED_PASSWORD}'",
        "headers: {location: {$type: text}}",
        "http: 'POST /login?api_key=${env.RECORDED_API_KEY}'",
        "headers: {x-team: blue}",
        "json: {email: 'a@example.com', password: '${env.RECORDED_PASSWORD}'}",
        "token: {$type: text}",
        "since: {$regex: '^[0-9]{4}-",
        "seen: {$type: number}",
        "$regex: '^[0-9a-fA-F]{8}-",
        "token_1: $.body.token",
        "user_id: $.body.user.id",
        "headers: {authorization: 'Bearer ${token_1}'}",
        "json: {owner_id: '${user_id}', title: 'milk $${x}'}",
        "location_id: {path: $.headers.location, regex: '([^/]+)$'}",
        "http: 'GET /notes/${location_id}?again=${env.RECORDED_PASSWORD}'",
        "$contains: {id: '${location_id}', owner_id: '${user_id}', secret: {$type: text}}",
        "json: {again: '${env.RECORDED_PASSWORD}'}",
        "body: {$type: map}",
        "body: {of: {$type: text}, size: 7}",
    };
    static const char *const hidden[] = {"hunter2", "k-778899", "tok-1f2e3d4c", "zzz", "n-42", "s=1"};
    struct recording *r = recording_new();
    struct text out = TEXT_INIT, needs = TEXT_INIT;
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(fill(r), 0);
    assert_int_equal(recording_write(r, "a story", &out, &needs, &err), 0);
    assert_memory_equal(text_string(&out), wanted, strlen(wanted));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(text_string(&out), parts[i]) == NULL)
            fail_msg("no \"%s\" in\n%.900s", parts[i], strstr(text_string(&out), "- http") + (i > 7 ? 700 : 0));
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (strstr(text_string(&out), hidden[i]) != NULL)
            fail_msg("\"%s\" is in\n%.900s", hidden[i], strstr(text_string(&out), hidden[i]) - 60);
    assert_string_equal(text_string(&needs), "RECORDED_API_KEY: what the client sent as api_key\n"
                                             "RECORDED_PASSWORD: what the client sent as password\n");
    if (flow_parse(text_bytes(&out), "x.yaml", &flows, &err) != 0)
        fail_msg("%d:%d: %s", err.line, err.column, err.message);
    flow_list_free(&flows);
    text_deinit(&out);
    text_deinit(&needs);
    recording_free(r);
}

static int scenario(void)
{
    struct recording *r = recording_new();
    struct text out = TEXT_INIT, needs = TEXT_INIT;
    int code = r == NULL ? ERROR_MEMORY : fill(r);
    if (code == 0)
        code = recording_write(r, "a story", &out, &needs, NULL);
    recording_free(r);
    text_deinit(&out);
    text_deinit(&needs);
    return code;
}

static void memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_IS_TOLD) > 50);
}

/* One call without memory is left out; those after it are a flow all the same. */
static void one_left_out(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        struct recording *r = recording_new();
        struct text out = TEXT_INIT, needs = TEXT_INIT;
        failing_arm(n);
        int code = add(r, "GET", "/first", NULL, NULL, 200, "{}");
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(code, hit ? ERROR_MEMORY : 0);
        assert_int_equal(recording_count(r), hit ? 0 : 1);
        assert_int_equal(add(r, "GET", "/second", NULL, NULL, 200, "{}"), 0);
        assert_int_equal(recording_write(r, "a story", &out, &needs, &err), 0);
        assert_int_equal(strstr(text_string(&out), "/first") != NULL, !hit);
        assert_non_null(strstr(text_string(&out), "/second"));
        text_deinit(&out);
        text_deinit(&needs);
        recording_free(r);
        assert_true(hit || n > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(story), cmocka_unit_test(memory),
                                       cmocka_unit_test(one_left_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
