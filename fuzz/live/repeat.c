#include "fuzz/live/repeat_internal.h"

#include "fuzz/live/repeat.h"
#include "fuzz/sequence/wire.h"
#include "wire/grpc.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/worker.h"

#include <stdlib.h>
#include <string.h>

#define REPLIES_APART 2   /* more replies than that are no other way of answering */
#define PARTS_APART   2   /* the same of parts of a request that was left */
#define FIELDS_APART  4   /* of its first part */
#define WORDS_MAX     160 /* bytes of a refusal that tell it from others */
#define LOOK_EVERY    ((uint64_t)(20 * MILLISECOND))
#define COPY_WALL     ((uint64_t)(2 * MINUTE))  /* for one that only waits */
#define TRIES_CPU     ((uint64_t)(20 * SECOND)) /* to make one finding smaller */

static const char *const oracles[] = {"leak", "exhausted", "amplification"};

bool repeat_is(const char *oracle)
{
    for (size_t i = 0; i < sizeof oracles / sizeof oracles[0]; i++)
        if (strcmp(oracle, oracles[i]) == 0)
            return true;
    return false;
}

/* ---- what is repeated ------------------------------------------------------------------------------------------- */

void repeat_deinit(struct repeat *r)
{
    for (size_t i = 0; i < r->samples.count; i++) {
        fuzz_case_deinit(r->samples.items[i].c);
        free(r->samples.items[i].c);
    }
    array_deinit(&r->samples);
    map_deinit(&r->seen);
    map_deinit(&r->statuses);
    *r = (struct repeat){.wanted = NULL};
}

/* How the call was answered, as a key; the first `*status` bytes of it without words. */
static void way_of(const struct fuzz_trace *t, const struct trace_call *k, struct text *out, size_t *status)
{
    char words[WORDS_MAX];
    struct bytes said = fuzz_trace_bytes(t, k->text);
    size_t len = said.len < sizeof words - 1 ? said.len : sizeof words - 1;
    if (len > 0)
        memcpy(words, said.data, len);
    words[len] = '\0';
    text_clear(out);
    text_printf(out, "%s %d %d %u ", k->method->path, k->status, k->ended_by_us,
                k->replies < REPLIES_APART ? k->replies : REPLIES_APART);
    *status = out->len;
    if (k->status != GRPC_OK && !k->ended_by_us)
        finding_normalise(words, out);
}

/* What was said of a request that was left in the middle: how much of it, whether there was time to read it, and which
 * fields the first part has. That is what its server may hold by then. */
static void way_of_left(const struct fuzz_case *c, uint32_t call, const struct trace_call *k, struct text *out)
{
    uint32_t sent = 0;
    bool read = false;
    for (size_t i = k->event; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        struct bytes message = fuzz_case_bytes(c, e->value);
        struct wire_item item;
        read |= sent > 0 && (e->kind == EVENT_TIME || e->kind == EVENT_AWAIT);
        if (e->kind == EVENT_CANCEL && e->call == call)
            break;
        if (e->kind != EVENT_MESSAGE || e->call != call || sent++ > 0)
            continue;
        text_printf(out, "%d", e->lane);
        for (int fields = 0; fields < FIELDS_APART && wire_next(&message, &item); fields++)
            text_printf(out, " %u", item.number);
    }
    text_printf(out, " of %u%s", sent < PARTS_APART ? sent : PARTS_APART, read ? " read" : "");
}

static bool keep(struct repeat *r, const struct fuzz_case *c, size_t rank, bool harmless)
{
    struct fuzz_case *copy = malloc(sizeof *copy);
    if (!copy)
        return false;
    *copy = FUZZ_CASE_INIT;
    if (fuzz_case_copy(copy, c) == 0 &&
        array_push(&r->samples, ((struct repeat_sample){copy, rank, r->samples.count, harmless})))
        return true;
    fuzz_case_deinit(copy);
    free(copy);
    return false;
}

/* Perhaps only because the campaign had shut itself out: on a system that is open it may do what shuts the rest out. */
static bool was_denied(const struct fuzz_trace *t)
{
    for (size_t i = 0; i < t->calls.count; i++)
        if (t->calls.items[i].status == GRPC_PERMISSION_DENIED || t->calls.items[i].status == GRPC_UNAUTHENTICATED)
            return true;
    return false;
}

void repeat_case(struct repeat *r, const struct fuzz_case *c, const struct fuzz_trace *t)
{
    struct text way = TEXT_INIT;
    size_t rank = SIZE_MAX, len = 0;
    for (size_t i = 0; i < t->calls.count && r->samples.count < REPEAT_SAMPLES_MAX; i++) {
        const struct trace_call *k = &t->calls.items[i];
        if (!k->method)
            continue;
        way_of(t, k, &way, &len);
        if (k->ended_by_us && k->method->client_streaming)
            way_of_left(c, (uint32_t)i, k, &way);
        if (!text_ok(&way) || map_get_n(&r->seen, way.data, way.len) || !map_put_n(&r->seen, way.data, way.len, r))
            continue;
        size_t before = (size_t)(uintptr_t)map_get_n(&r->statuses, way.data, len);
        (void)map_put_n(&r->statuses, way.data, len, (void *)(uintptr_t)(before + 1));
        /* What holds something while its messages come goes first. */
        size_t of = before + !k->method->client_streaming;
        rank = of < rank ? of : rank;
    }
    if (rank != SIZE_MAX)
        (void)keep(r, c, rank, repeat_leaves_nothing(c, t) && !was_denied(t));
    text_deinit(&way);
}

/* ---- asking a copy ---------------------------------------------------------------------------------------------- */

/* False: nothing is known. A copy that was ended says what it had come to by then. */
static bool ask(struct repeat_plan *p, struct repeat_outcome *out)
{
    struct engine *e = p->engine;
    struct world_mapping shared = {NULL, 0};
    struct world_worker *copy = NULL;
    struct world_exit status = {.code = 0};
    bool ended = false;
    uint64_t own = world_worker_cpu(), since = world_worker_now(), cpu = 0, resident;
    *out = (struct repeat_outcome){.looked = 0};
    if (world_mapping_anonymous(sizeof *out, &shared) != 0)
        return false;
    p->outcome = shared.data;
    bool started = world_worker_start(repeat_in_copy, p, true, &copy, NULL) == 0;
    while (started && !ended && cpu < p->cpu + p->cpu / 4 && world_worker_now() - since < COPY_WALL &&
           !engine_ends(e)) {
        ended = world_worker_wait(copy, LOOK_EVERY, &status);
        (void)world_worker_usage(copy, &cpu, &resident);
        if (!world_is_simulated(engine_files(e)))
            (void)world_sleep(engine_files(e), 0); /* somebody may want us to end */
    }
    bool died = ended && (status.signalled || status.code != 0);
    if (started)
        world_worker_close(copy);
    struct repeat_outcome *o = shared.data;
    if (started && !died)
        *out = *o;
    /* It was not through with a case that had taken too long by then. */
    if (started && !ended && p->task == REPEAT_SCREEN && o->looked < p->count && cpu > o->since &&
        cpu - o->since >= REPEAT_CPU_MIN)
        out->worth[out->looked++] = true;
    world_mapping_close(&shared);
    e->cost.repeat.spent += cpu + world_worker_cpu() - own;
    return started && !died;
}

/* Whom a finding is told of: the last call, which what comes before it leads to. */
static bool verdict_of(struct engine *e, const struct fuzz_case *c, const char *oracle, struct engine_verdict *out)
{
    uint32_t call = 0;
    *out = (struct engine_verdict){.oracle = NULL};
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_CALL) {
            out->component = live_asked(e->target, c, i);
            out->method = fuzz_case_method(c, call++, e->target->pool);
        }
    for (size_t i = 0; i < sizeof oracles / sizeof oracles[0]; i++)
        if (strcmp(oracle, oracles[i]) == 0)
            out->oracle = oracles[i];
    return out->oracle && out->method && out->component;
}

static bool examine(struct engine *e, const struct fuzz_case *c, const char *wanted, bool brief,
                    struct engine_verdict *out, struct text *why)
{
    struct repeat_outcome o;
    struct repeat_plan plan = {.engine = e,
                               .task = REPEAT_EXAMINE,
                               .cases = &c,
                               .count = 1,
                               .wanted = wanted,
                               .brief = brief,
                               .cpu = REPEAT_ALONE_CPU};
    if (!ask(&plan, &o) || o.oracle[0] == '\0' || !verdict_of(e, c, o.oracle, out))
        return false;
    static const char *const kinds[] = {"lost", "held", "files"};
    out->defect = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        out->defect = strcmp(o.defect, kinds[i]) == 0 ? kinds[i] : out->defect;
    text_puts(why, o.why);
    return true;
}

void repeat_want(struct repeat *r, const char *oracle)
{
    r->wanted = oracle && repeat_is(oracle) ? oracle : NULL;
    r->tries_left = r->spent + TRIES_CPU;
}

bool repeat_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    const char *wanted = e->cost.repeat.wanted;
    return wanted && world_is_simulated(e->target->world) &&
           (wanted[0] == '\0' || e->cost.repeat.spent < e->cost.repeat.tries_left) &&
           examine(e, c, wanted, wanted[0] != '\0', out, why);
}

/* ---- the campaign's --------------------------------------------------------------------------------------------- */

static size_t found_so_far(const struct engine *e)
{
    size_t count = 0;
    for (size_t i = 0; i < e->findings.count; i++)
        count += e->findings.items[i]->count > 0 && repeat_is(e->findings.items[i]->oracle);
    return count;
}

static bool enough(const struct engine *e)
{
    return engine_ends(e) || engine_settled(e) || e->cost.repeat.suspicions >= REPEAT_SUSPICIONS ||
           found_so_far(e) >= REPEAT_FINDINGS_MAX;
}

static void confirm(struct engine *e, const struct fuzz_case *const *cases, const struct repeat_outcome *o)
{
    for (size_t i = 0; i < REPEAT_BATCH && i < o->looked && !enough(e); i++) {
        struct engine_verdict v;
        struct text why = TEXT_INIT;
        if (!o->worth[i])
            continue;
        e->cost.repeat.suspicions++;
        if (examine(e, cases[i], "", false, &v, &why))
            engine_keep(e, cases[i], &v, &why);
        text_deinit(&why);
    }
}

/* Screens a batch in what is left of the share. The cases it came to; 0: nothing can be done in that. */
static size_t look_at(struct engine *e, const struct fuzz_case *const *cases, size_t count, size_t harmless,
                      uint64_t cpu)
{
    struct repeat_outcome o;
    struct repeat_plan plan = {
        .engine = e, .task = REPEAT_SCREEN, .cases = cases, .count = count, .harmless = harmless, .cpu = cpu};
    if (!ask(&plan, &o))
        return 0;
    uint64_t searched = e->cost.repeat.spent;
    size_t looked = o.looked;
    confirm(e, cases, &o);
    if (o.lost && !enough(e)) {
        e->cost.repeat.suspicions++;
        plan = (struct repeat_plan){
            .engine = e, .task = REPEAT_NARROW, .cases = cases, .count = looked, .cpu = REPEAT_ALONE_CPU};
        if (ask(&plan, &o))
            confirm(e, cases, &o);
    }
    e->cost.repeat.spent = searched; /* what was worth a look is no part of the search */
    return looked;
}

static int by_rank(const void *a, const void *b)
{
    const struct repeat_sample *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* The next ones, those first that may leave nothing: what the others do may shut the rest out. Says how many those are.
 */
static size_t batch_of(const struct repeat *r, size_t from, const struct fuzz_case **out, size_t *count)
{
    size_t harmless = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = from; i < from + REPEAT_BATCH && i < r->samples.count; i++)
            if (r->samples.items[i].harmless == (pass == 0))
                out[(*count)++] = r->samples.items[i].c;
        harmless = pass == 0 ? *count : harmless;
    }
    return harmless;
}

/* For who waits; not in the results, which are the same for the same seed. */
static void say(const struct engine *e, size_t looked)
{
    const struct repeat *r = &e->cost.repeat;
    struct text line = TEXT_INIT;
    text_printf(
        &line,
        "fuzz: %zu of %zu cases that were answered differently were repeated in copies of the system, in %.1f s "
        "of processor time; %zu suspicions were looked into",
        looked, r->samples.count, (double)r->spent / (double)SECOND, r->suspicions);
    if (e->options.hooks.say && looked > 0)
        e->options.hooks.say(e->options.hooks.arg, text_string(&line));
    text_deinit(&line);
}

void repeat_settle(struct engine *e)
{
    struct repeat *r = &e->cost.repeat;
    if (!world_is_simulated(e->target->world) || r->samples.count == 0)
        return;
    uint64_t share = (world_worker_cpu() - r->began) / (REPEAT_SHARE - 1);
    share = e->options.repeat_for > 0 ? e->options.repeat_for : share;
    qsort(r->samples.items, r->samples.count, sizeof *r->samples.items, by_rank);
    size_t looked = 0;
    for (size_t more = 1; looked < r->samples.count && more > 0 && !enough(e); looked += more) {
        const struct fuzz_case *batch[REPEAT_BATCH];
        size_t count = 0, harmless = batch_of(r, looked, batch, &count);
        if (share < r->spent + REPEAT_SHARE_MIN)
            break;
        more = look_at(e, batch, count, harmless, share - r->spent);
    }
    say(e, looked);
}
