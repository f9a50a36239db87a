#include "fuzz/live/repeat_internal.h"

#include "base/heap.h"
#include "base/log.h"
#include "fuzz/live/leak.h"
#include "fuzz/sequence/words.h"
#include "wire/grpc.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUIET      ((uint64_t)(3 * MINUTE))  /* virtual: above what calls and uploads may take */
#define QUIET_LONG ((uint64_t)(15 * MINUTE)) /* and above what somebody is shut out for, but not a token's life */
#define WARM       8                         /* runs of a case before what it holds is weighed */
#define ROUND      24                        /* runs between two looks */
#define LONG       300                       /* runs until the places of something have been used up */
#define LOOK_EVERY ((uint64_t)(20 * MILLISECOND))
#define STAGES     3
#define LOST_RUNS  64 /* N, see repeat.h */
#define HELD_PART  40 /* % of the time */
#define LOST_ROUND 8  /* runs of each of many, and as many again */
#define DOWNS      3  /* ends of the system for a batch: behind no runs, one round and two */
#define DISK_SHARE 3  /* what the files take themselves, and as much twice for what is kept of them in memory */
#define CALLS_MAX  16
#define CPU_RUNS   3
#define CPU_BYTE   ((uint64_t)20000)    /* ns for each byte sent */
#define PEAK_MIN   ((uint64_t)32 << 20) /* bytes the process grows by in one run */
#define PEAK_BYTE  ((uint64_t)256)      /* for each byte sent */
#define WANT       (1u << GRPC_RESOURCE_EXHAUSTED | 1u << GRPC_UNAVAILABLE)
#define REFUSALS                                                                                                       \
    (1u << GRPC_INVALID_ARGUMENT | 1u << GRPC_NOT_FOUND | 1u << GRPC_ALREADY_EXISTS | 1u << GRPC_PERMISSION_DENIED |   \
     1u << GRPC_FAILED_PRECONDITION | 1u << GRPC_OUT_OF_RANGE | 1u << GRPC_UNIMPLEMENTED | 1u << GRPC_UNAUTHENTICATED)

/* How a case was answered first, and what may be expected of it. */
struct first {
    int status[CALLS_MAX];
    size_t count;
    bool harmless; /* nothing may be left of it */
    uint64_t cpu, peak, bytes;
};

/* ---- running ---------------------------------------------------------------------------------------------------- */

static bool is_one_of(int status, unsigned set)
{
    return status >= 0 && status < FUZZ_STATUSES && (set >> status & 1) != 0;
}

static bool only_reads(const struct pb_method *m)
{
    struct sequence_words words;
    size_t verb;
    sequence_words_of(m->name, &words);
    enum sequence_role role = sequence_role_of(&words, &verb);
    return !m->client_streaming && (role == ROLE_READ || role == ROLE_LIST);
}

/* Its request was never complete. */
static bool given_up(const struct fuzz_case *c, uint32_t call)
{
    bool cancelled = false;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_HALF_CLOSE && e->call == call)
            return false;
        cancelled |= e->kind == EVENT_CANCEL && e->call == call;
    }
    return cancelled;
}

bool repeat_leaves_nothing(const struct fuzz_case *c, const struct fuzz_trace *t)
{
    for (uint32_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *k = &t->calls.items[i];
        bool refused = !k->ended_by_us && k->replies == 0 && is_one_of(k->status, REFUSALS);
        bool left = k->method && k->method->client_streaming && !k->method->server_streaming && given_up(c, i);
        if (!refused && !left && !(k->method && only_reads(k->method)))
            return false;
    }
    return t->calls.count > 0 && t->faults_skipped == 0;
}

static bool run_once(struct engine *e, const struct fuzz_case *c, struct first *first)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    uint64_t cpu = world_worker_cpu(), peak = first ? world_worker_peak() : 0;
    bool ran = engine_run_alone(e, c, &t) == 0;
    if (first) {
        *first =
            (struct first){.cpu = world_worker_cpu() - cpu, .peak = world_worker_peak() - peak, .bytes = t.bytes_sent};
        first->harmless = ran && repeat_leaves_nothing(c, &t);
        for (size_t i = 0; i < t.calls.count && i < CALLS_MAX; i++)
            first->status[first->count++] = t.calls.items[i].status;
    }
    fuzz_trace_deinit(&t);
    return ran;
}

/* The call that is refused for want of something and was not at first; -1: none. */
static int refused_now(const struct first *first, const struct first *now)
{
    for (size_t i = 0; i < first->count && i < now->count; i++)
        if (!is_one_of(first->status[i], WANT) && is_one_of(now->status[i], WANT))
            return (int)i;
    return -1;
}

static void quiet(struct engine *e)
{
    (void)world_sleep(e->target->world, QUIET);
}

/* Processor time so far, of its own copies as well. */
static uint64_t used(const struct repeat_plan *p)
{
    return p->used + world_worker_cpu();
}

static int64_t weigh(const struct engine *e)
{
    return (int64_t)heap_in_use() - DISK_SHARE * (int64_t)sim_disk_held(sim_of(e->target->world));
}

/* What the heap holds when no component runs: what they held belongs to nobody now. The disks are as small as a start
 * leaves them, the power is cut so that nothing on them waits to be synced (what waits takes more of the heap than can
 * be told), and there is time for all that is under way to end. */
static bool weigh_down(struct engine *e, int64_t *out)
{
    struct target *t = e->target;
    const struct target_operations *o = t->operations;
    if (!o->act || !e->options.hooks.anew)
        return false;
    quiet(e);
    shut_start_anew(e);
    quiet(e);
    if (e->gone)
        return false;
    if (o->hold)
        (void)o->hold(t, true, NULL);
    target_close_channels(t);
    for (size_t i = 0; i < t->component_count; i++)
        (void)o->act(t, t->components[i].name, TARGET_POWER_CUT, NULL);
    quiet(e);
    *out = (int64_t)heap_in_use() - (int64_t)sim_disk_held(sim_of(t->world));
    return true;
}

/* A copy of the copy, so that all begin with the same system. */
struct ending {
    const struct repeat_plan *plan;
    size_t from, to;
    int runs;
    int64_t *weight;
};

static int end_in_copy(void *arg)
{
    const struct ending *x = arg;
    for (size_t i = x->from; i < x->to; i++)
        for (int n = 0; n < x->runs; n++)
            (void)run_once(x->plan->engine, x->plan->cases[i], NULL);
    return weigh_down(x->plan->engine, x->weight) ? 0 : 1;
}

/* What belongs to nobody when those cases were run so often, in bytes more than `before`. */
static bool left_behind(struct repeat_plan *p, size_t from, size_t to, int runs, int64_t before, int64_t *out)
{
    struct world_mapping shared = {NULL, 0};
    struct world_worker *copy = NULL;
    struct world_exit status = {.code = 1};
    uint64_t cpu = 0, resident;
    bool ended = false;
    if (used(p) >= p->cpu || world_mapping_anonymous(sizeof *out, &shared) != 0)
        return false;
    struct ending x = {.plan = p, .from = from, .to = to, .runs = runs, .weight = shared.data};
    if (world_worker_start(end_in_copy, &x, true, &copy, NULL) == 0) {
        while (!ended && used(p) + cpu < p->cpu + p->cpu / 4) {
            ended = world_worker_wait(copy, LOOK_EVERY, &status);
            (void)world_worker_usage(copy, &cpu, &resident);
        }
        world_worker_close(copy);
    }
    p->used += cpu;
    ended = ended && !status.signalled && status.code == 0;
    *out = ended ? *x.weight - before : 0;
    world_mapping_close(&shared);
    return ended;
}

/* `empty`: what is left without any runs. */
static bool loses(struct repeat_plan *p, size_t from, size_t to, int64_t empty)
{
    int64_t one, two, least = LOST_ROUND * LEAK_SMALLEST;
    return left_behind(p, from, to, LOST_ROUND, empty, &one) && one >= least &&
           left_behind(p, from, to, 2 * LOST_ROUND, empty + one, &two) && two >= least;
}

/* ---- many ------------------------------------------------------------------------------------------------------- */

static bool grows(const struct repeat_plan *p, const struct fuzz_case *c, bool quietly, struct first *last)
{
    int64_t least = INT64_MAX;
    for (int round = 0; round < 2; round++) {
        if (quietly)
            quiet(p->engine);
        int64_t before = weigh(p->engine);
        for (int n = 0; n < ROUND; n++)
            (void)run_once(p->engine, c, last);
        if (quietly)
            quiet(p->engine);
        int64_t now = weigh(p->engine) - before;
        least = now < least ? now : least;
    }
    return least >= ROUND * LEAK_SMALLEST;
}

static bool is_dear_once(const struct first *f)
{
    return (f->cpu >= REPEAT_CPU_MIN && f->cpu / CPU_BYTE >= f->bytes) ||
           (f->peak >= PEAK_MIN && f->peak / PEAK_BYTE >= f->bytes);
}

static void tell(struct repeat_outcome *o, const char *oracle, const char *defect, const char *why)
{
    snprintf(o->oracle, sizeof o->oracle, "%s", oracle);
    snprintf(o->defect, sizeof o->defect, "%s", defect);
    snprintf(o->why, sizeof o->why, "%s", why);
}

/* Files that a run opens and nobody closes, however long one waits. */
static size_t opens(const struct repeat_plan *p, const struct fuzz_case *c, int runs)
{
    const struct sim *sim = sim_of(p->engine->target->world);
    quiet(p->engine);
    size_t before = sim_files_open(sim);
    for (int n = 0; n < runs; n++)
        (void)run_once(p->engine, c, NULL);
    quiet(p->engine);
    size_t now = sim_files_open(sim);
    return now > before ? now - before : 0;
}

static bool keeps_open(struct repeat_plan *p)
{
    struct first first;
    (void)run_once(p->engine, p->cases[0], &first);
    size_t one = first.harmless ? opens(p, p->cases[0], ROUND) : 0;
    size_t two = one >= ROUND ? opens(p, p->cases[0], 2 * ROUND) : 0;
    if (two < (size_t)2 * ROUND)
        return false;
    char why[400];
    snprintf(why, sizeof why,
             "run %d and then %d times, it leaves %zu and %zu files open, and they still are when minutes of virtual "
             "time have passed",
             ROUND, 2 * ROUND, one, two);
    tell(p->outcome, "leak", "files", why);
    return true;
}

static bool is_worth(const struct repeat_plan *p, const struct fuzz_case *c, const struct first *first)
{
    struct first last;
    const struct sim *sim = sim_of(p->engine->target->world);
    for (int n = 0; n < WARM; n++)
        (void)run_once(p->engine, c, NULL);
    size_t files = sim_files_open(sim);
    bool more = grows(p, c, false, &last);
    if (sim_files_open(sim) >= files + 2 * ROUND)
        return true;
    /* What a call leaves for a while may be there still. */
    return refused_now(first, &last) >= 0 || (more && grows(p, c, true, &last));
}

/* What one holds needs many runs of it alone, and has a part of the time, on a system that those leave as it was. What
 * they all lose takes little for each; as many take part as there is time for. */
static void screen(struct repeat_plan *p)
{
    struct repeat_outcome *o = p->outcome;
    struct first first = {.harmless = true};
    int64_t empty;
    size_t i = 0, runs = 1, many;
    uint64_t each = world_worker_cpu();
    for (; i < p->harmless && used(p) < p->cpu * HELD_PART / 100; i++, runs += 1 + WARM + 2 * ROUND) {
        o->since = world_worker_cpu();
        o->looked = i;
        (void)run_once(p->engine, p->cases[i], &first);
        o->worth[i] = is_dear_once(&first) || (first.harmless && is_worth(p, p->cases[i], &first));
    }
    each = (world_worker_cpu() - each) / runs;
    many = (size_t)((p->cpu - used(p)) / 2 / (3 * LOST_ROUND * each + 1));
    many = many < i + 1 ? i + 1 : many;
    many = many < p->count ? many : p->count;
    o->lost = left_behind(p, 0, 0, 0, 0, &empty) && loses(p, 0, many, empty);
    for (o->looked = i; o->looked < many && used(p) < p->cpu; o->looked++) {
        o->since = world_worker_cpu();
        (void)run_once(p->engine, p->cases[o->looked], &first);
        o->worth[o->looked] = is_dear_once(&first);
    }
    o->looked = many;
}

/* Halves of what loses, the left one first: when that does not, the right one does. */
static void narrow(struct repeat_plan *p)
{
    struct {
        size_t from, to;
    } stack[2 * sizeof(size_t) * 8];
    size_t depth = 0;
    int64_t empty;
    p->outcome->looked = p->count;
    if (!left_behind(p, 0, 0, 0, 0, &empty))
        return;
    stack[depth].from = 0;
    stack[depth++].to = p->count;
    while (depth > 0 && used(p) < p->cpu) {
        size_t from = stack[--depth].from, to = stack[depth].to, middle = from + (to - from) / 2;
        if (to - from == 1) {
            p->outcome->worth[from] = true;
            continue;
        }
        bool left = loses(p, from, middle, empty);
        if (!left || loses(p, middle, to, empty)) {
            stack[depth].from = middle;
            stack[depth++].to = to;
        }
        if (left) {
            stack[depth].from = from;
            stack[depth++].to = middle;
        }
    }
}

/* ---- one alone -------------------------------------------------------------------------------------------------- */

/* Each run leaves as much, within a quarter, in two of the stages at least: now and then a table is made larger. */
static bool is_in_line(const int64_t *each, int stages)
{
    for (int a = 0; a < stages; a++)
        for (int b = a + 1; b < stages; b++)
            if (4 * each[a] <= 5 * each[b] && 4 * each[b] <= 5 * each[a])
                return true;
    return false;
}

/* A few runs more leave as much again for each, or half of it, or twice. An array that doubles when it is full, as the
 * stages do, leaves nothing by now, or much more. */
static bool goes_on(struct repeat_plan *p, int few, int64_t before, int64_t each)
{
    int64_t grown;
    int all = few << (STAGES - 1);
    return left_behind(p, 0, 1, all + few, before, &grown) && grown >= few * each / 2 && grown <= few * each * 2;
}

/* In stages of `first` runs and on. */
static bool loses_evenly(struct repeat_plan *p, int first, int64_t empty)
{
    int64_t each[STAGES], left[STAGES], before = empty;
    for (int stage = 0, runs = first; stage < STAGES; stage++, runs *= 2) {
        int more = stage == 0 ? runs : runs / 2;
        int64_t grown;
        if (!left_behind(p, 0, 1, runs, before, &grown) || grown < more * LEAK_SMALLEST)
            return false;
        each[stage] = grown / more;
        before += grown;
        left[stage] = before - empty;
    }
    if (!is_in_line(each, STAGES) || !goes_on(p, first, before, each[STAGES - 1]))
        return false;
    char why[400];
    snprintf(why, sizeof why,
             "run %d, %d and %d times, and the system ended behind it: %" PRId64 ", %" PRId64 " and %" PRId64
             " bytes are left more than without, that belong to nobody any more, %" PRId64 " for each run",
             first, 2 * first, 4 * first, left[0], left[1], left[2], left[2] / (4 * first));
    tell(p->outcome, "leak", "lost", why);
    return true;
}

/* What an allocator hands out is now and then a little more than it was asked for, and is weighed as that: some
 * kilobytes one way or the other, whatever the runs. Beside more of them it is less. */
static bool loses_alone(struct repeat_plan *p)
{
    int64_t empty;
    (void)run_once(p->engine, p->cases[0], NULL);
    return left_behind(p, 0, 1, 0, 0, &empty) &&
           (loses_evenly(p, LOST_RUNS, empty) || loses_evenly(p, 4 * LOST_RUNS, empty));
}

static bool wears_out(const struct repeat_plan *p)
{
    struct first first, now;
    int call = -1, runs = 1;
    (void)run_once(p->engine, p->cases[0], &first);
    for (; first.harmless && call < 0 && runs < LONG; runs++) {
        (void)run_once(p->engine, p->cases[0], &now);
        call = refused_now(&first, &now);
    }
    if (call < 0)
        return false;
    (void)world_sleep(p->engine->target->world, QUIET_LONG);
    (void)run_once(p->engine, p->cases[0], &now);
    if (refused_now(&first, &now) != call)
        return false;
    char why[400];
    snprintf(why, sizeof why,
             "call %d of the case is answered %s at first; from run %d on it is refused with %s, and still so when a "
             "quarter of an hour of virtual time has passed: what it takes is not given back",
             call + 1, first.status[call] >= 0 ? grpc_status_name(first.status[call]) : "by nothing", runs,
             grpc_status_name(now.status[call]));
    tell(p->outcome, "exhausted", "", why);
    return true;
}

static void run_held(void *arg)
{
    const struct repeat_plan *p = arg;
    (void)run_once(p->engine, p->cases[0], NULL);
}

static void pause_held(void *arg)
{
    quiet(((const struct repeat_plan *)arg)->engine);
}

static int64_t weigh_held(void *arg)
{
    return weigh(((const struct repeat_plan *)arg)->engine);
}

static bool holds(struct repeat_plan *p)
{
    const struct leak_subject subject = {.run = run_held, .pause = pause_held, .held = weigh_held, .arg = p};
    struct first first;
    struct text why = TEXT_INIT;
    (void)run_once(p->engine, p->cases[0], &first);
    bool held = first.harmless && (p->brief ? grows(p, p->cases[0], true, NULL) : leak_watch(&subject, 0, &why));
    if (held)
        tell(p->outcome, "leak", "held", p->brief ? "more with every run" : text_string(&why));
    text_deinit(&why);
    return held;
}

static bool is_dear(const struct repeat_plan *p)
{
    struct first first = {.count = 0};
    uint64_t least = UINT64_MAX, peak = 0, sent = 0;
    char why[400];
    for (int i = 0; i < CPU_RUNS && least >= REPEAT_CPU_MIN; i++) {
        (void)run_once(p->engine, p->cases[0], &first);
        least = first.cpu < least ? first.cpu : least;
        peak = i == 0 ? first.peak : peak; /* what one run needed is there for the next one */
        sent = first.bytes > sent ? first.bytes : sent;
    }
    if (least >= REPEAT_CPU_MIN && least / CPU_BYTE >= sent)
        snprintf(why, sizeof why, "%" PRIu64 " bytes took %.1f s of processor time each time, %d times in a row", sent,
                 (double)least / (double)SECOND, CPU_RUNS);
    else if (peak >= PEAK_MIN && peak / PEAK_BYTE >= sent)
        snprintf(why, sizeof why, "for %" PRIu64 " bytes the process grew by %" PRIu64 " MiB", sent, peak >> 20);
    else
        return false;
    tell(p->outcome, "amplification", "", why);
    return true;
}

static bool wants(const struct repeat_plan *p, const char *oracle)
{
    return p->wanted[0] == '\0' || strcmp(p->wanted, oracle) == 0;
}

static void examine(struct repeat_plan *p)
{
    /* First, for what was needed once is not seen again. */
    if ((wants(p, "amplification") && is_dear(p)) || (wants(p, "leak") && loses_alone(p)))
        return;
    if ((wants(p, "exhausted") && wears_out(p)) || (wants(p, "leak") && keeps_open(p)))
        return;
    if (wants(p, "leak"))
        (void)holds(p);
}

int repeat_in_copy(void *arg)
{
    struct repeat_plan *p = arg;
    p->engine->journal = (struct journal){.world = NULL}; /* the file is the campaign's */
    p->engine->cost.repeat.wanted = NULL;
    log_set_level(LOG_OFF); /* and so is the system's log */
    if (p->engine->options.hooks.anew) {
        shut_start_anew(p->engine); /* the campaign may have shut itself out by now */
        quiet(p->engine);
    }
    if (p->task == REPEAT_SCREEN)
        screen(p);
    else if (p->task == REPEAT_NARROW)
        narrow(p);
    else
        examine(p);
    return 0;
}
