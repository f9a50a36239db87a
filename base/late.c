#include "base/late.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int late_open(struct late_library *l, struct error *err)
{
    if (__atomic_load_n(&l->handle, __ATOMIC_ACQUIRE) != NULL)
        return 0;
    void *handle = dlopen(l->file, RTLD_LAZY | RTLD_LOCAL); /* twice when two threads do it at once: the same handle */
    if (handle == NULL)
        return error_set(err, ERROR_NOT_FOUND, "cannot open the library %s (Debian's package %s): %s", l->file,
                         l->package, dlerror());
    __atomic_store_n(&l->handle, handle, __ATOMIC_RELEASE);
    return 0;
}

void *late_find(struct late_library *l, const char *function, struct error *err)
{
    if (late_open(l, err) != 0)
        return NULL;
    void *address = dlsym(l->handle, function);
    if (address == NULL)
        error_set(err, ERROR_NOT_FOUND, "the library %s (Debian's package %s) has no %s(): %s", l->file, l->package,
                  function, dlerror());
    return address;
}

#ifdef __x86_64__

#define EXIT_NO_LIBRARY 127 /* the loader's own exit code for this */

/* As LATE_FUNCTION() lays it out. */
struct late_function {
    void *address;
    struct late_library *library;
    const char *name;
};

/* The linker's names for the ends of the section; without any list there is none. */
extern struct late_function __start_late_functions[] __attribute__((weak));
extern struct late_function __stop_late_functions[] __attribute__((weak));

static int fill(struct late_function *f, struct error *err)
{
    void *address = late_find(f->library, f->name, err);
    if (address == NULL)
        return ERROR_NOT_FOUND;
    __atomic_store_n(&f->address, address, __ATOMIC_RELEASE);
    return 0;
}

int late_open_all(struct error *err)
{
    int code = 0;
    for (struct late_function *f = __start_late_functions; code == 0 && f < __stop_late_functions; f++)
        code = fill(f, err);
    return code;
}

/* Called by late_first. */
void *late_resolve(struct late_function *f);

__attribute__((used)) void *late_resolve(struct late_function *f)
{
    int kept = errno;
    struct error err = ERROR_INIT;
    if (fill(f, &err) != 0) {
        fprintf(stderr, "%s\n", err.message != NULL ? err.message : error_code_name(err.code));
        _Exit(EXIT_NO_LIBRARY);
    }
    errno = kept;
    return f->address;
}

/* The slot is in r11; every register that may carry an argument is kept. The return address makes the stack odd, rbp
 * makes it even again, as aligned stores and the call want it. */
__asm__(".pushsection .text.late, \"ax\"\n"
        ".globl late_first\n"
        ".hidden late_first\n"
        ".type late_first, @function\n"
        "late_first: .cfi_startproc\n"
        "push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "mov %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "push %rax\n" /* how many vector registers a variadic call uses */
        "push %rdi\n"
        "push %rsi\n"
        "push %rdx\n"
        "push %rcx\n"
        "push %r8\n"
        "push %r9\n"
        "push %r10\n"
        "sub $128, %rsp\n"
        "movaps %xmm0, 0(%rsp)\n"
        "movaps %xmm1, 16(%rsp)\n"
        "movaps %xmm2, 32(%rsp)\n"
        "movaps %xmm3, 48(%rsp)\n"
        "movaps %xmm4, 64(%rsp)\n"
        "movaps %xmm5, 80(%rsp)\n"
        "movaps %xmm6, 96(%rsp)\n"
        "movaps %xmm7, 112(%rsp)\n"
        "mov %r11, %rdi\n"
        "call late_resolve\n"
        "mov %rax, %r11\n"
        "movaps 0(%rsp), %xmm0\n"
        "movaps 16(%rsp), %xmm1\n"
        "movaps 32(%rsp), %xmm2\n"
        "movaps 48(%rsp), %xmm3\n"
        "movaps 64(%rsp), %xmm4\n"
        "movaps 80(%rsp), %xmm5\n"
        "movaps 96(%rsp), %xmm6\n"
        "movaps 112(%rsp), %xmm7\n"
        "add $128, %rsp\n"
        "pop %r10\n"
        "pop %r9\n"
        "pop %r8\n"
        "pop %rcx\n"
        "pop %rdx\n"
        "pop %rsi\n"
        "pop %rdi\n"
        "pop %rax\n"
        "pop %rbp\n"
        ".cfi_def_cfa %rsp, 8\n"
        "jmp *%r11\n"
        ".cfi_endproc\n"
        ".size late_first, . - late_first\n"
        ".popsection\n");

#else

int late_open_all(struct error *err)
{
    (void)err;
    return 0;
}

#endif
