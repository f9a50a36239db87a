#include "world/false_clock_code.h"

#include <stddef.h>

#if defined(__x86_64__)

_Static_assert(offsetof(struct false_clock_data, reads) == 8, "the code says 8");
_Static_assert(offsetof(struct false_clock_data, inside) == 16, "the code says 16");
_Static_assert(offsetof(struct false_clock_data, slot) == 24, "the code says 24");
_Static_assert(offsetof(struct false_clock_data, slots) == 32, "the code says 32");
_Static_assert(sizeof(struct false_clock_slot) == 32, "the code says 32");

/* Never executed here: it is copied into a page of the other process, with the data in the page behind it.
 *
 * %r8 is the data throughout; a system call leaves all registers but %rax, %rcx and %r11 as they are. */
__asm__(".pushsection .rodata,\"a\",@progbits\n"
        ".balign 16\n"
        ".globl false_clock_code, false_clock_gettime, false_clock_timeofday, false_clock_time, false_clock_end\n"
        "false_clock_code:\n"

        /* int clock_gettime(clockid_t %edi, struct timespec *%rsi) */
        "false_clock_gettime:\n"
        "  lea false_clock_code+4096(%rip), %r8\n"
        "  lock incq 16(%r8)\n"
        "  mov %edi, %r9d\n"
        "  mov $228, %eax\n"
        "  syscall\n"
        "  test %eax, %eax\n"
        "  jnz 1f\n"
        "  call 8f\n"
        "  xor %eax, %eax\n"
        "1: lock decq 16(%r8)\n"
        "  ret\n"

        /* int gettimeofday(struct timeval *%rdi, struct timezone *%rsi) */
        ".balign 16\n"
        "false_clock_timeofday:\n"
        "  lea false_clock_code+4096(%rip), %r8\n"
        "  lock incq 16(%r8)\n"
        "  mov $96, %eax\n"
        "  syscall\n"
        "  test %eax, %eax\n"
        "  jnz 2f\n"
        "  test %rdi, %rdi\n"
        "  jz 2f\n"
        "  sub $16, %rsp\n"
        "  mov (%rdi), %rax\n"
        "  mov %rax, (%rsp)\n"
        "  imul $1000, 8(%rdi), %rax\n"
        "  mov %rax, 8(%rsp)\n"
        "  mov %rsp, %rsi\n"
        "  xor %r9d, %r9d\n"
        "  call 8f\n"
        "  mov (%rsp), %rax\n"
        "  mov %rax, (%rdi)\n"
        "  mov 8(%rsp), %rax\n"
        "  xor %edx, %edx\n"
        "  mov $1000, %ecx\n"
        "  div %rcx\n"
        "  mov %rax, 8(%rdi)\n"
        "  add $16, %rsp\n"
        "  xor %eax, %eax\n"
        "2: lock decq 16(%r8)\n"
        "  ret\n"

        /* time_t time(time_t *%rdi): of the coarse clock, as the real one */
        ".balign 16\n"
        "false_clock_time:\n"
        "  lea false_clock_code+4096(%rip), %r8\n"
        "  lock incq 16(%r8)\n"
        "  push %rdi\n"
        "  sub $16, %rsp\n"
        "  mov $5, %edi\n"
        "  mov %rsp, %rsi\n"
        "  mov $228, %eax\n"
        "  syscall\n"
        "  mov $5, %r9d\n"
        "  call 8f\n"
        "  mov (%rsp), %rax\n"
        "  add $16, %rsp\n"
        "  pop %rdi\n"
        "  test %rdi, %rdi\n"
        "  jz 3f\n"
        "  mov %rax, (%rdi)\n"
        "3: lock decq 16(%r8)\n"
        "  ret\n"

        /* The timespec at %rsi, of clock %r9d, is made wrong; leaves %rdi, %rsi and %r8 as they are. */
        ".balign 16\n"
        "8: cmp $31, %r9d\n"
        "  ja 9f\n"
        "  mov 24(%r8), %r10\n"
        "  and $7, %r10d\n"
        "  shl $5, %r10d\n"
        "  lea 32(%r8, %r10), %r10\n"
        "  mov (%r10), %rax\n"
        "  bt %r9, %rax\n"
        "  jnc 9f\n"
        "  imul $1000000000, (%rsi), %rax\n"
        "  add 8(%rsi), %rax\n"
        "  mov %rax, %rcx\n"
        "  sub 16(%r10), %rax\n"
        "  imulq 24(%r10)\n"
        "  shrd $32, %rdx, %rax\n"
        "  add %rcx, %rax\n"
        "  add 8(%r10), %rax\n"
        "  mov $1000000000, %ecx\n"
        "  cqo\n"
        "  idiv %rcx\n"
        "  test %rdx, %rdx\n"
        "  jns 4f\n"
        "  add %rcx, %rdx\n"
        "  dec %rax\n"
        "4: mov %rax, (%rsi)\n"
        "  mov %rdx, 8(%rsi)\n"
        "  lock incq 8(%r8)\n"
        "9: ret\n"
        "false_clock_end:\n"
        ".popsection\n");

#else

/* A file that says nothing is none. */
extern int false_clock_not_implemented_here;

#endif
