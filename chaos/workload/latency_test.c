/* Which phase a call is of, and what is told of all of them. */
#include "base/failing_walk.h"

#include "base/units.h"
#include "chaos/workload/latency.h"

#include <string.h>

#define MS ((uint64_t)MILLISECOND)

static int keep(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    return 0;
}

static uint64_t zero(void *arg)
{
    (void)arg;
    return 0;
}

static void told(const struct latency *l, bool virtual_time, struct text *lines)
{
    struct result_stream r = {.write = keep, .arg = lines, .now = zero};
    text_clear(lines);
    latency_tell(l, &r, virtual_time);
    assert_false(r.broken);
}

static void has(const struct text *lines, const char *part)
{
    if (strstr(text_string(lines), part) == NULL)
        fail_msg("no %s in\n%s", part, text_string(lines));
}

static void test_phases(void **state)
{
    (void)state;
    struct latency l = {0};
    struct text lines = TEXT_INIT;
    latency_call(&l, "store.Store/Read", true, 100 * MS, MS);
    latency_fault_begins(&l); /* one that cannot be injected: what was before it is before the first still */
    latency_fault_ends(&l, 0);
    latency_call(&l, "store.Store/Read", true, 200 * MS, MS);
    latency_fault_begins(&l);
    latency_call(&l, "store.Store/Read", true, 300 * MS, 150 * MS); /* it began before */
    latency_fault_begins(&l);                                       /* two at a time */
    latency_fault_ends(&l, 400 * MS);
    latency_call(&l, "store.Store/Read", false, 450 * MS, MS);
    latency_fault_ends(&l, 500 * MS);
    latency_call(&l, "store.Store/Read", true, 510 * MS, 11 * MS); /* the fault held when it began */
    latency_call(&l, "store.Store/Read", true, 510 * MS, 10 * MS);
    latency_call(&l, "store.Store/Write", true, 5 * MS, 7 * MS); /* of clocks that do not agree */
    told(&l, false, &lines);
    has(&lines, "\"method\":\"store.Store/Read\",\"phase\":\"before\",\"outcome\":\"ok\",\"scale\":16,\"count\":2,");
    has(&lines, "\"method\":\"store.Store/Read\",\"phase\":\"during\",\"outcome\":\"ok\",\"scale\":16,\"count\":2,");
    has(&lines, "\"method\":\"store.Store/Read\",\"phase\":\"after\",\"outcome\":\"ok\",\"scale\":16,\"count\":1,");
    has(&lines, "\"method\":\"store.Store/Read\",\"phase\":\"during\",\"outcome\":\"other\",\"scale\":16,\"count\":1,");
    has(&lines, "\"method\":\"store.Store/Write\",\"phase\":\"during\",\"outcome\":\"ok\",\"scale\":16,\"count\":1,");
    assert_null(strstr(text_string(&lines), "virtual"));
    told(&l, true, &lines);
    has(&lines, "\"outcome\":\"ok\",\"virtual\":true,");
    text_deinit(&lines);
    latency_deinit(&l);
}

static int calls(void)
{
    struct latency l = {0};
    struct text lines = TEXT_INIT;
    struct result_stream r = {.write = keep, .arg = &lines, .now = zero};
    latency_call(&l, "a.B/C", true, 2, 1);
    latency_call(&l, "a.B/D", true, 2, 1);
    latency_tell(&l, &r, false);
    bool incomplete = l.incomplete;
    if (incomplete && lines.len != 0)
        fail_msg("half of it was told: %s", text_string(&lines));
    text_deinit(&lines);
    latency_deinit(&l);
    return incomplete || r.broken || lines.failed ? ERROR_MEMORY : 0;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(failing_walk(calls, FAILING_MAY_BE_BORNE) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_phases), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests_name("chaos/latency", tests, NULL, NULL);
}
