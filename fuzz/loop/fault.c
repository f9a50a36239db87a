/* Where the target died, as a chain of return addresses: read from the frame pointers in the signal handler, on a stack
 * of its own, without touching the heap, which may be what broke. */
#include "base/sanitized.h"
#include "fuzz/loop/worker.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define FRAME_MAX ((uintptr_t)8 << 20) /* bytes between two frames of one chain */

static struct worker_shared *block;
static uintptr_t top;

static void walk(uintptr_t frame, uintptr_t low)
{
    while (block->fault_frames < WORKER_FRAMES && frame >= low && frame + 2 * sizeof frame <= top &&
           frame % sizeof frame == 0) {
        const uintptr_t *at = (const uintptr_t *)frame;
        uintptr_t next = at[0];
        block->fault_stack[block->fault_frames++] = at[1];
        if (next <= frame || next - frame > FRAME_MAX)
            break;
        frame = next;
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *c = context;
    block->fault_signal = number;
    block->fault_address = (uintptr_t)info->si_addr;
    block->fault_frames = 0;
#if defined(__x86_64__)
    uintptr_t stack = (uintptr_t)c->uc_mcontext.gregs[REG_RSP];
    block->fault_stack[block->fault_frames++] = (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
    walk((uintptr_t)c->uc_mcontext.gregs[REG_RBP], stack);
#elif defined(__aarch64__)
    block->fault_stack[block->fault_frames++] = (uintptr_t)c->uc_mcontext.pc;
    walk((uintptr_t)c->uc_mcontext.regs[29], (uintptr_t)c->uc_mcontext.sp);
#else
    (void)c;
    (void)walk;
#endif
    /* SA_RESETHAND: now it kills as it would have. */
    raise(number);
}

void worker_die(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    raise(SIGKILL); /* it was one that ends nobody */
}

void worker_watch_faults(struct worker_shared *s, const void *stack_top)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    static uint8_t stack[65536];
    block = s;
    top = (uintptr_t)stack_top;
    s->fault_signal = 0;
    s->fault_frames = 0;
#ifdef SANITIZED
    (void)stack;
    (void)fatal;
    (void)on_fault;
#else
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_fault;
        action.sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
        sigaction(fatal[i], &action, NULL);
    }
#endif
}
