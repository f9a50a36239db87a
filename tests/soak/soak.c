#include "tests/soak/soak.h"

#include "base/log.h"
#include "base/options.h"
#include "runtime/server/sim_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_LIMIT    ((uint64_t)(30 * SECOND)) /* of each component; all times are virtual */
#define PARTS_MAX     32
#define RESTART_AFTER ((uint64_t)(50 * MILLISECOND))
#define ADMIN_SECRET  "correct horse"

static const struct soak_load *const loads[] = {&soak_store,    &soak_config, &soak_events, &soak_broker,
                                                &soak_registry, &soak_auth,   &soak_calls};
#define LOADS (sizeof loads / sizeof loads[0])

static struct {
    uint64_t seed;
    bool one_seed;
    int64_t from, count, events;
    int64_t calm, storm; /* ns */
    bool verbose, logs;
    const char *trace;
    const char *only;
} flags;

/* ---- set-up ---- */

static void make_target(struct soak *s)
{
    size_t count = sim_micro_count(s->micro), known = 0;
    s->parts = calloc(count, sizeof *s->parts);
    if (!s->parts)
        abort();
    for (size_t i = 0; i < count; i++) {
        char address[SIM_MICRO_ADDRESS_MAX];
        const char *name = sim_micro_name(s->micro, i);
        const struct component *c = component_find(name);
        if (!c) /* a second one: the target has each once */
            continue;
        sim_micro_address(name, address);
        s->parts[known++] = (struct target_component){.name = name,
                                                      .address = arena_string(&s->arena, address),
                                                      .services = c->services,
                                                      .stateful = c->stateful};
    }
    s->target = (struct target){.world = s->world,
                                .system = "micro",
                                .driver = "sim",
                                .components = s->parts,
                                .component_count = known,
                                .token = s->token,
                                .namespace = "micro",
                                .seed = s->seed};
}

static void write_trace(void *arg, const char *text, size_t len)
{
    FILE *file = arg;
    fwrite(text, 1, len, file);
    fputc('\n', file);
}

/* Every component once, and config a second time: two of them change the same trees. */
static void list_parts(const char **names, const char **nodes)
{
    size_t count = 0;
    component_use_all();
    for (const struct component *c = components; c->name && count < PARTS_MAX - 1; c++, count++)
        names[count] = nodes[count] = c->name;
    names[count] = "config";
    nodes[count++] = SOAK_SECOND_CONFIG;
    names[count] = nodes[count] = NULL;
}

static bool set_up(struct soak *s, FILE *trace)
{
    static const char *names[PARTS_MAX + 1], *nodes[PARTS_MAX + 1]; /* as long as the system */
    const struct sim_options options = {.seed = s->seed, .steps_max = (uint64_t)flags.events};
    const struct sim_micro_options micro = {.private_key = sim_private_key,
                                            .public_key = sim_public_key,
                                            .admin_secret = ADMIN_SECRET,
                                            .components = names,
                                            .nodes = nodes,
                                            .restart_after = RESTART_AFTER};
    struct error err = ERROR_INIT;
    list_parts(names, nodes);
    random_seed(&s->random, s->seed);
    s->sim = sim_new(&options);
    if (!s->sim)
        abort();
    if (trace)
        sim_trace(s->sim, write_trace, trace);
    s->world = sim_node(s->sim, SOAK_NODE);
    if (sim_micro_new(s->sim, "supervisor", &micro, &s->micro, NULL) != 0)
        abort();
    s->token = sim_micro_token(s->micro, &s->arena, "soak", "user", "micro", "admin", SOAK_TOKEN_AGE);
    if (!s->token)
        abort();
    make_target(s);
    if (sim_micro_boot(s->micro, BOOT_LIMIT, &err) != 0) {
        soak_fail(s, "boot: %s", err.message ? err.message : "?");
        error_clear(&err);
        return false;
    }
    return true;
}

/* Ends every call that is still open; who waits for its answer must be there. */
static void close_channels(struct soak *s)
{
    target_close_channels(&s->target);
    for (struct map_entry *e; (e = map_first(&s->channels)) != NULL;)
        rpc_channel_free(map_remove(&s->channels, map_key(e)));
}

static void tear_down(struct soak *s)
{
    close_channels(s);
    map_deinit(&s->channels);
    sim_micro_free(s->micro);
    sim_free(s->sim);
    free(s->parts);
    arena_deinit(&s->arena);
}

/* ---- phases ---- */

static void expect_progress(struct soak *s, void *const *state, uint64_t *before, const char *phase)
{
    for (size_t i = 0; i < LOADS; i++) {
        uint64_t now = state[i] ? loads[i]->progress(state[i]) : 0;
        if (state[i] && now == before[i])
            soak_fail(s, "%s: nothing was acknowledged while %s", loads[i]->name, phase);
        before[i] = now;
    }
}

static void converge(struct soak *s)
{
    uint64_t until = sim_now(s->sim) + SOAK_CONVERGE;
    for (size_t i = 0; i < sim_micro_count(s->micro); i++) {
        struct error err = ERROR_INIT;
        uint64_t now = sim_now(s->sim);
        if (sim_micro_wait(s->micro, sim_micro_name(s->micro, i), until > now ? until - now : 1, &err) != 0)
            soak_fail(s, "%s does not serve %g s after the last fault: %s", sim_micro_name(s->micro, i),
                      (double)SOAK_CONVERGE / 1e9, err.message ? err.message : "?");
        error_clear(&err);
    }
}

static bool wanted(const struct soak_load *load)
{
    return !flags.only || strcmp(flags.only, load->name) == 0;
}

static void run_phases(struct soak *s, uint64_t *faults)
{
    void *state[LOADS] = {NULL};
    uint64_t seen[LOADS] = {0};
    for (size_t i = 0; i < LOADS; i++) {
        state[i] = wanted(loads[i]) ? loads[i]->start(s) : NULL;
        if (wanted(loads[i]) && !state[i])
            soak_fail(s, "%s: the load cannot start", loads[i]->name);
    }
    (void)world_sleep(s->world, (uint64_t)flags.calm);
    expect_progress(s, state, seen, "nothing was wrong");
    struct nemesis *nemesis = nemesis_start(s);
    if (!nemesis)
        abort();
    (void)world_sleep(s->world, (uint64_t)flags.storm);
    nemesis_heal(nemesis);
    *faults = nemesis_count(nemesis);
    nemesis_free(nemesis);
    sim_heal_all(s->sim);
    sim_micro_set_restart(s->micro, RESTART_AFTER);
    soak_note(s, "all faults are healed");
    converge(s);
    for (size_t i = 0; i < LOADS; i++)
        seen[i] = state[i] ? loads[i]->progress(state[i]) : 0;
    (void)world_sleep(s->world, (uint64_t)flags.calm);
    expect_progress(s, state, seen, "everything was healed");
    for (size_t i = 0; i < LOADS; i++)
        if (state[i])
            loads[i]->check(s, state[i]);
    s->stopping = true;
    close_channels(s); /* in a run that cannot end no loop would bring the answers any more */
    for (size_t i = 0; i < LOADS; i++)
        if (state[i])
            loads[i]->stop(state[i]);
}

static bool run_seed(uint64_t seed, const char *program)
{
    struct soak s = {.seed = seed, .verbose = flags.verbose};
    uint64_t faults = 0;
    FILE *trace = flags.trace ? fopen(flags.trace, "w") : NULL;
    if (flags.trace && !trace) {
        fprintf(stderr, "soak: %s cannot be written\n", flags.trace);
        return false;
    }
    if (set_up(&s, trace))
        run_phases(&s, &faults);
    printf("seed %" PRIu64 ": %s; %" PRIu64 " calls (%" PRIu64 " answered), %" PRIu64 " faults, %.1f s, %" PRIu64
           " events\n",
           seed, s.failures ? "FAILED" : "ok", s.calls, s.answered, faults, (double)sim_now(s.sim) / 1e9,
           sim_events(s.sim));
    if (s.failures) {
        printf("%s", text_string(&s.report));
        if (s.failures > SOAK_FAILURES)
            printf("           and %zu more\n", s.failures - SOAK_FAILURES);
        printf("again: %s --seed %" PRIu64 " --verbose\n", program, seed);
    }
    fflush(stdout);
    bool ok = s.failures == 0;
    text_deinit(&s.report);
    tear_down(&s);
    if (trace)
        fclose(trace);
    return ok;
}

/* ---- the program ---- */

static void no_log(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static int run(const struct arguments *args)
{
    const char *program = args->context;
    uint64_t from = flags.seed ? flags.seed : (uint64_t)flags.from;
    uint64_t count = flags.seed ? 1 : (uint64_t)flags.count, failed = 0;
    log_set_level(flags.logs ? LOG_DEBUG : LOG_OFF);
    if (!flags.logs)
        log_set_sink(no_log, NULL);
    for (uint64_t i = 0; i < count; i++)
        failed += !run_seed(from + i, program);
    if (count > 1)
        printf("%" PRIu64 " of %" PRIu64 " seeds failed\n", failed, count);
    return failed ? 1 : 0;
}

static const struct option options[] = {
    {.name = "seed", .kind = OPTION_SEED, .target = &flags.seed, .argument = "SEED", .help = "run this seed alone"},
    {.name = "from",
     .kind = OPTION_INTEGER,
     .target = &flags.from,
     .argument = "SEED",
     .help = "first seed",
     .fallback = "1",
     .min = 1,
     .max = INT64_MAX},
    {.name = "count",
     .kind = OPTION_INTEGER,
     .target = &flags.count,
     .argument = "N",
     .help = "how many seeds",
     .fallback = "200",
     .min = 1,
     .max = 1000000000},
    {.name = "calm",
     .kind = OPTION_DURATION,
     .target = &flags.calm,
     .argument = "TIME",
     .help = "without faults, before and after the storm",
     .fallback = "3s"},
    {.name = "storm",
     .kind = OPTION_DURATION,
     .target = &flags.storm,
     .argument = "TIME",
     .help = "with faults",
     .fallback = "30s"},
    {.name = "only", .kind = OPTION_TEXT, .target = &flags.only, .argument = "LOAD", .help = "store, config, ..."},
    {.name = "events",
     .kind = OPTION_INTEGER,
     .target = &flags.events,
     .argument = "N",
     .help = "of the simulation in a run; what has not ended by then cannot end",
     .fallback = "200000000",
     .min = 1,
     .max = INT64_MAX},
    {.name = "trace",
     .kind = OPTION_TEXT,
     .target = &flags.trace,
     .argument = "FILE",
     .help = "write every event of the simulation"},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, .target = &flags.verbose, .help = "tell of every fault"},
    {.name = "logs", .kind = OPTION_FLAG, .target = &flags.logs, .help = "what the components log"},
    {.name = NULL},
};
static const struct command root = {
    .name = "soak",
    .summary = "the whole of micro in simulation, many seeds of calls and faults",
    .description = "Every seed is a run of its own: boot, load, faults, heal, and the judgement of what was seen.",
    .options = options,
    .run = run,
    .exit_codes =
        "0    every seed passed\n1    a seed failed: its findings and the command that repeats it were printed",
};

int main(int argc, char **argv)
{
    return command_main(&root, argc, argv, argv[0]);
}
