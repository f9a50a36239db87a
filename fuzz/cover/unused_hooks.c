/* What code compiled for libFuzzer calls (-fsanitize=fuzzer-no-link), doing nothing: for programs and tests of a build
 * whose targets are libFuzzer's and that has no sanitizer, whose runtime would bring the same. Weak, so that whoever
 * counts (cover_hooks.c, compare_hooks.c) is called instead. Linked as an object; not instrumented itself. Names and
 * arguments are those of clang's SanitizerCoverage documentation. */
#include <stdint.h>

#define HOOK __attribute__((weak, no_sanitize("coverage")))

HOOK void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end);
HOOK void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *end);
HOOK void __sanitizer_cov_trace_pc_indir(uintptr_t callee);
HOOK void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b);
HOOK void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b);
HOOK void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b);
HOOK void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b);
HOOK void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b);
HOOK void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b);
HOOK void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b);
HOOK void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b);
HOOK void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases);

extern _Thread_local uintptr_t __sancov_lowest_stack;
__attribute__((weak)) _Thread_local uintptr_t __sancov_lowest_stack;

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end)
{
    (void)start, (void)end;
}

void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *end)
{
    (void)start, (void)end;
}

void __sanitizer_cov_trace_pc_indir(uintptr_t callee)
{
    (void)callee;
}

void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b)
{
    (void)a, (void)b;
}

void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases)
{
    (void)value, (void)cases;
}
