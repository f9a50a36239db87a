/* One place of a fault, one number: from a sanitizer's report, whatever its addresses, and from what the handler left.
 */
#include "base/test.h"

#include "base/random.h"
#include "fuzz/loop/place.h"
#include "world/mapping.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char overflow[] = "=================\n"
                               "==71==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000011\n"
                               "READ of size 1 at 0x602000000011 thread T0\n"
                               "    #0 0x4f1 in __asan_memcpy (/p+0x4f1)\n"
                               "    #1 0x5a2 in decode /src/a.c:12:3\n"
                               "    #2 0x5b3 in handle /src/a.c:40:9\n"
                               "    #3 0x5c4 in main /src/a.c:99:1\n"
                               "\n"
                               "0x602000000011 is located 0 bytes to the right of 1-byte region\n"
                               "allocated by thread T0 here:\n"
                               "    #0 0x1 in malloc\n";

/* The report with one text in place of another. */
static uint64_t with(const char *from, const char *to)
{
    char copy[sizeof overflow + 64];
    const char *at = strstr(overflow, from);
    assert_non_null(at);
    snprintf(copy, sizeof copy, "%.*s%s%s", (int)(at - overflow), overflow, to, at + strlen(from));
    return place_of_report(bytes_of(copy));
}

static void test_report(void **state)
{
    (void)state;
    uint64_t place = place_of_report(bytes_of(overflow));
    assert_true(place != 0);
    assert_int_equal(with("0x5a2", "0x7ff5a2"), place);
    assert_int_equal(with("==71==", "==9999=="), place);
    assert_int_equal(with("__asan_memcpy", "__interceptor_memmove"), place);
    assert_int_equal(with("in malloc", "in calloc"), place); /* where it was allocated is another question */
    assert_int_not_equal(with("in decode", "in encode"), place);
    assert_int_not_equal(with("heap-buffer-overflow", "heap-use-after-free"), place);
    assert_int_equal(place_of_report(bytes_of("nothing of the kind\n#1 in\n")), 0);
    assert_int_equal(place_of_report(BYTES_NONE), 0);
    assert_int_not_equal(place_of_report(bytes_of("a.c:1:2: runtime error: signed integer overflow\n")),
                         place_of_report(bytes_of("a.c:7:2: runtime error: signed integer overflow\n")));
    /* The values in the line are the case's, not the place's. */
    assert_int_equal(place_of_report(bytes_of("a.c:1:2: runtime error: left shift of 127 by 25 places\n")),
                     place_of_report(bytes_of("a.c:1:2: runtime error: left shift of 91 by 24 places\n")));
}

/* Cut anywhere and with wrong bytes it is still read within its bounds. */
static void test_any_report(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 1);
    for (size_t cut = 0; cut < sizeof overflow; cut++) {
        char *copy = malloc(cut + 1);
        memcpy(copy, overflow, cut);
        if (cut > 0)
            copy[random_below(&r, cut)] = (char)random_next(&r);
        place_of_report(BYTES(copy, cut));
        free(copy);
    }
}

static void test_fault(void **state)
{
    (void)state;
    struct world_mapping memory;
    struct text out = TEXT_INIT;
    assert_int_equal(world_mapping_anonymous(sizeof(struct worker_shared), &memory), 0);
    struct worker_shared *s = memory.data;
    struct world_exit killed = {true, SIGSEGV};
    s->fault_signal = SIGSEGV;
    s->fault_frames = 3;
    s->fault_stack[0] = (uintptr_t)test_report;
    s->fault_stack[1] = 1; /* in a library */
    s->fault_stack[2] = (uintptr_t)test_fault;
    uint64_t place = place_describe(END_CRASH, killed, s, bytes_of("said"), &out);
    assert_non_null(strstr(text_string(&out), "SIGSEGV"));
    assert_non_null(strstr(text_string(&out), "program+0x"));
    assert_non_null(strstr(text_string(&out), "said"));
    s->fault_stack[1] = 2;
    assert_int_equal(place_describe(END_CRASH, killed, s, BYTES_NONE, &out), place);
    s->fault_stack[2]++;
    assert_int_not_equal(place_describe(END_CRASH, killed, s, BYTES_NONE, &out), place);
    s->fault_frames = 1000; /* overwritten by the fault */
    place_describe(END_CRASH, killed, s, BYTES_NONE, &out);
    /* A hang is wherever it was stopped: known by what was called. */
    s->fault_frames = 0;
    struct fuzz_case c = FUZZ_CASE_INIT;
    assert_int_equal(fuzz_case_from_bytes(bytes_of("x"), "/a.B/C", &c), 0);
    worker_set_running(s, &c);
    uint64_t one = place_describe(END_HANG, killed, s, BYTES_NONE, &out);
    assert_int_equal(place_describe(END_HANG, killed, s, BYTES_NONE, &out), one);
    assert_int_equal(fuzz_case_from_bytes(bytes_of("x"), "/a.B/D", &c), 0);
    worker_set_running(s, &c);
    assert_int_not_equal(place_describe(END_HANG, killed, s, BYTES_NONE, &out), one);
    fuzz_case_deinit(&c);
    text_deinit(&out);
    world_mapping_close(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_report), cmocka_unit_test(test_any_report),
                                       cmocka_unit_test(test_fault)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
