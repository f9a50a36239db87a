#include "base/test.h"

#include "base/heap.h"

#include <stdlib.h>
#include <string.h>

#define SIZE ((size_t)3 << 20)

static void seen_and_gone(void **state)
{
    (void)state;
    uint64_t before = heap_in_use();
    char *volatile held = malloc(SIZE);
    assert_non_null(held);
    memset(held, 1, SIZE);
    assert_true(heap_in_use() >= before + SIZE);
    free(held);
    assert_true(heap_in_use() < before + SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seen_and_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
