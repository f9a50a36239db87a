/* Which case brought a simulated system down, and this process with it: those its journal says were under way are run
 * alone, the latest first, each in a forked copy of this process and so on a system nobody touched; the one that does
 * it again is made smaller the same way, and told as any finding. */
#include "fuzz/live/below.h"

#include "base/units.h"
#include "fuzz/case/shrink.h"
#include "world/sim.h"
#include "world/worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SUSPECTS_MAX 1000 /* tried */
#define SHRINKS_MAX  120  /* tries to make it smaller */
#define STUCK_CPU    ((uint64_t)(10 * SECOND))
#define STUCK_WALL   ((uint64_t)(2 * MINUTE))
#define LOOK_EVERY   ((uint64_t)(200 * MILLISECOND))
#define SAID_MAX     ((size_t)16 << 10)
#define CAME_BACK    42 /* exit code of a copy that outlived its case */

struct trial {
    struct engine *engine;
    const struct fuzz_case *c;
};

struct suspicion {
    struct engine *engine;
    struct text said;   /* by the copy that died last, with its stack */
    struct text stack;  /* of the first one: a smaller case must die the same way; empty: not known */
    const char *oracle; /* "crash" or "hang"; NULL: not found yet */
};

static int in_copy(void *arg)
{
    const struct trial *t = arg;
    struct engine_verdict v;
    struct text why = TEXT_INIT;
    (void)engine_try(t->engine, t->c, &v, &why);
    return CAME_BACK;
}

/* NULL: it came back. */
static const char *try_case(struct suspicion *s, const struct fuzz_case *c)
{
    struct trial trial = {s->engine, c};
    struct world_worker *copy = NULL;
    struct world_exit status = {.code = CAME_BACK};
    const char *oracle = NULL;
    uint64_t since = world_worker_now();
    if (world_worker_start(in_copy, &trial, true, &copy, NULL) != 0)
        return NULL;
    while (!oracle && !world_worker_wait(copy, LOOK_EVERY, &status)) {
        uint64_t cpu = 0, resident;
        (void)world_worker_usage(copy, &cpu, &resident);
        if (cpu > STUCK_CPU || world_worker_now() - since > STUCK_WALL)
            oracle = "hang";
    }
    if (!oracle && (status.signalled || status.code != CAME_BACK))
        oracle = "crash";
    text_clear(&s->said);
    if (oracle)
        (void)world_worker_errors(copy, SAID_MAX, &s->said);
    world_worker_close(copy);
    return oracle;
}

static bool still(void *arg, const struct fuzz_case *c)
{
    struct suspicion *s = arg;
    struct text stack = TEXT_INIT;
    const char *oracle = engine_ends(s->engine) ? NULL : try_case(s, c);
    bool same = oracle && strcmp(oracle, s->oracle) == 0;
    if (same && s->stack.len > 0 && finding_stack(text_string(&s->said), &stack))
        same = bytes_equal(text_bytes(&stack), text_bytes(&s->stack));
    text_deinit(&stack);
    return same;
}

/* Told under its last call, or the component its connection goes to. */
static struct engine_verdict verdict_of(struct engine *e, const struct fuzz_case *c, const char *oracle)
{
    struct engine_verdict v = {.oracle = oracle};
    uint32_t call = 0;
    for (size_t i = 0; i < c->events.count && !below_takes(c); i++)
        if (c->events.items[i].kind == EVENT_CALL) {
            v.component = live_asked(e->target, c, i);
            v.method = fuzz_case_method(c, call++, e->target->pool);
        }
    if (!v.component)
        v.component = below_component(e, c);
    return v;
}

static void tell(struct suspicion *s, struct fuzz_case *c)
{
    struct engine *e = s->engine;
    struct text why = TEXT_INIT, last = TEXT_INIT;
    (void)finding_stack(text_string(&s->said), &s->stack);
    text_add(&last, text_string(&s->said), s->said.len);
    size_t tries = strcmp(s->oracle, "hang") == 0 ? SHRINKS_MAX / 10 : SHRINKS_MAX;
    (void)fuzz_shrink(c, e->target->pool, still, s, tries, NULL);
    struct engine_verdict v = verdict_of(e, c, s->oracle);
    text_printf(&why,
                strcmp(s->oracle, "hang") == 0 ? "the simulated system stands still: %" PRIu64 " s of processor "
                                                 "time without an end\n"
                                               : "the simulated system goes down\n",
                STUCK_CPU / (uint64_t)SECOND);
    text_add(&why, text_string(&last), last.len);
    struct fuzz_finding *f = v.component ? engine_finding_new(e, c, &v, text_string(&why)) : NULL;
    if (f) {
        f->count = 1;
        f->repeats = f->settled = true;
        f->confirmation = FUZZ_FRESH_SYSTEM;
        engine_report(e, f);
    }
    text_deinit(&why);
    text_deinit(&last);
}

int engine_run_suspects(struct engine *e, struct error *err)
{
    struct suspicion s = {.engine = e};
    journal_cases cases = {0};
    if (!world_is_simulated(e->target->world))
        return error_set(err, ERROR_UNSUPPORTED, "suspects can be tried in simulation only (--driver sim)");
    int rc = journal_read(engine_files(e), e->options.suspects, &cases, err);
    for (size_t i = 0; rc == 0 && i < cases.count && i < SUSPECTS_MAX && !s.oracle && !engine_ends(e); i++) {
        s.oracle = try_case(&s, &cases.items[i]);
        e->summary->cases++;
        if (s.oracle)
            tell(&s, &cases.items[i]);
    }
    if (rc == 0 && !s.oracle && !engine_ends(e)) {
        struct text why = TEXT_INIT;
        text_printf(
            &why,
            "%zu cases were under way; none of them alone brings a fresh system down. The campaign's own command "
            "does, as long as its corpus is the same: the same seed is the same campaign.",
            cases.count);
        engine_report_plain(e, "the simulated system went down", "bug", "crash", NULL, text_string(&why));
        text_deinit(&why);
    }
    journal_cases_free(&cases);
    text_deinit(&s.said);
    text_deinit(&s.stack);
    return rc;
}
