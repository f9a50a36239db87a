#include "base/units.h"
#include "chaos/fault/faults.h"

#include <signal.h>

static const struct fault_parameter parameters[] = {
    {"signals", "how many", FAULT_COUNT, 1, 1000000, 100, 500},
    {"gap", "between two", FAULT_DURATION, 0, SECOND, 200 * MICROSECOND, 3 * MILLISECOND},
    {0},
};

static bool asks_for_the_end(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT || number == SIGABRT ||
           number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP ||
           number == SIGSYS || number == SIGKILL || number == SIGSTOP || number == SIGXCPU || number == SIGXFSZ;
}

/* What it must survive: what is ignored unless asked for, and what it says it catches or ignores, save for what asks it
 * to end. */
static size_t choose(const struct machine_status *s, int *out)
{
    size_t count = 0;
    for (int number = 1; number < 32; number++) {
        bool by_default = number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
        if (by_default || (!asks_for_the_end(number) && ((s->caught | s->ignored) >> (number - 1) & 1) != 0))
            out[count++] = number;
    }
    return count;
}

/* With a short stop now and then: after it calls that wait return EINTR though there is no handler (signal(7)). */
static int inject(struct fault_injection *f, struct error *err)
{
    struct world *w = f->target->world;
    struct world_foreign p;
    struct machine_status status;
    int numbers[32];
    int code = fault_process(f, &p, err);
    if (code == 0)
        code = machine_status(w, &p, &status, err);
    if (code == 0)
        code = fault_note(f, &(struct undo){.kind = UNDO_CONTINUE, .process = p}, err);
    size_t count = code == 0 ? choose(&status, numbers) : 0;
    for (int64_t i = 0; code == 0 && i < f->parameters[0]; i++) {
        size_t lot = (size_t)random_below(&f->random, count + 1);
        code = world_foreign_signal(w, &p, lot < count ? numbers[lot] : SIGSTOP);
        if (code == 0 && lot == count)
            code = world_foreign_signal(w, &p, SIGCONT);
        if (code == ERROR_NOT_FOUND && i > 0)
            return 0; /* it did not survive; that it is gone is seen by who looks after it */
        if (code != 0)
            error_set(err, code, "%s cannot be sent signals: %s", f->component, error_code_name(code));
        else if (f->parameters[1] > 0)
            code = fault_pause(f, (uint64_t)f->parameters[1], err);
    }
    return code;
}

static int heal(struct fault_injection *f, struct error *err)
{
    int code = fault_undo(f, err);
    return code != 0 ? code : fault_start_again(f, err);
}

const struct chaos_fault fault_signal_storm = {
    .name = "signal-storm",
    .family = "process",
    .summary = "signals it must survive, in quick succession: those it catches or ignores, and short stops (EINTR)",
    .parameters = parameters,
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .hold_min = 0,
    .hold_max = 0,
    .inject = inject,
    .heal = heal,
};
