#include "runtime/service/program.h"

#include "base/late.h"
#include "base/units.h"
#include "world/real.h"
#include "world/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAIN_GRACE     ((uint64_t)5 * (uint64_t)SECOND) /* for calls in flight */
#define DRAIN_LIMIT     ((uint64_t)7 * (uint64_t)SECOND) /* until whatever is left is given up */
#define ARGUMENTS_EXTRA 2

struct run {
    struct world *world;
    const struct micro_program *program;
    struct micro_options_storage *storage;
    struct micro_options options;
    char address[512];
    struct micro_service *service;
    void *state;
    bool draining;
    struct world_timer limit;
};

static void on_drained(void *arg)
{
    struct run *r = arg;
    world_stop(r->world);
}

static void on_signal(void *arg, int number)
{
    struct run *r = arg;
    (void)number;
    if (r->draining || world_timer_start(&r->limit, DRAIN_LIMIT) != 0) {
        world_stop(r->world);
        return;
    }
    r->draining = true;
    micro_service_drain(r->service, DRAIN_GRACE, on_drained, r);
}

static void run_free(struct run *r)
{
    world_timer_stop(&r->limit);
    micro_service_free(r->service); /* the last handlers run in there */
    if (r->program->stop)
        r->program->stop(r->state);
    micro_options_free(r->storage);
    free(r);
}

/* The arguments as components take them: the program, the service's name, options. */
static int read_options(struct run *r, int argc, const char *const *argv, const char *(*getenv_like)(const char *name),
                        struct error *err)
{
    const char *given = getenv_like ? getenv_like("MICRO_SERVICE_NAME") : NULL;
    const char *name = given && *given ? given : r->program->name;
    const char **words = calloc((size_t)argc + ARGUMENTS_EXTRA, sizeof *words);
    if (!words)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int n = 0, at = argc > 0 ? 1 : 0;
    if (at < argc && argv[at][0] != '-')
        name = argv[at++];
    words[n++] = argc > 0 ? argv[0] : r->program->name;
    words[n++] = name;
    while (at < argc)
        words[n++] = argv[at++];
    const struct micro_options *options = NULL;
    int rc = micro_options_parse(n, words, getenv_like, &r->storage, &options, err);
    free(words);
    if (rc)
        return rc;
    r->options = *options;
    if (!r->options.address) {
        snprintf(r->address, sizeof r->address, "%s:0", r->options.host);
        r->options.address = r->address;
    }
    return 0;
}

static int run_new(struct world *w, const struct micro_program *p, int argc, const char *const *argv,
                   const char *(*getenv_like)(const char *name), struct run **out, struct error *err)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->world = w;
    r->program = p;
    world_timer_init(&r->limit, w, on_drained, r);
    int rc = read_options(r, argc, argv, getenv_like, err);
    if (rc == 0) {
        const struct micro_service_config config = {
            .name = r->options.name,
            .version = p->version,
            .access = MICRO_OWN_RULES,
            .options = &r->options,
            .descriptors = BYTES(p->descriptors, p->descriptors_size),
        };
        rc = micro_service_new(w, &config, &r->service, err);
    }
    if (rc == 0)
        rc = p->setup(r->service, &r->state, err);
    if (rc == 0)
        rc = micro_service_start(r->service, err);
    if (rc) {
        run_free(r);
        return rc;
    }
    world_on_signal(w, on_signal, r);
    *out = r;
    return 0;
}

/* ---- as a process ------------------------------------------------------------------------------------------------ */

static const char *environment(const char *name)
{
    return getenv(name);
}

static int64_t wall(void *arg)
{
    return world_wall(arg);
}

static int run_process(struct world *w, const struct micro_program *p, int argc, const char *const *argv,
                       struct error *err)
{
    struct run *r = NULL;
    int rc = run_new(w, p, argc, argv, environment, &r, err);
    if (rc)
        return rc;
    rc = world_run(w);
    world_on_signal(w, NULL, NULL);
    if (rc < 0)
        error_set(err, rc, "the event loop ended: %s", error_code_name(rc));
    run_free(r);
    return rc;
}

int micro_program_main(const struct micro_program *p, int argc, char **argv)
{
    struct world *w = NULL;
    struct error err = ERROR_INIT;
    const char *level_word = getenv("MICRO_LOG_LEVEL");
    enum log_level level;
    micro_memory_settle();
    if (level_word && log_parse_level(level_word, &level))
        log_set_level(level);
    int rc = late_open_all(&err); /* now: a server that has run out of descriptors could not open them later */
    if (rc == 0)
        rc = world_real_new(0, &w, &err);
    if (rc == 0) {
        log_set_clock(wall, w);
        /* The words are only read; C has no conversion from char ** to const char *const *. */
        rc = run_process(w, p, argc, (const char *const *)(void *)argv, &err);
        log_set_clock(NULL, NULL);
        world_real_free(w);
    }
    if (rc < 0) {
        struct text words = TEXT_INIT;
        error_format(&err, &words);
        fprintf(stderr, "%s: %s\n", p->name, text_string(&words));
        text_deinit(&words);
    }
    error_clear(&err);
    micro_pool_free();
    return rc == 0 ? 0 : rc == ERROR_INVALID || rc == ERROR_SYNTAX ? 2 : 1;
}

/* ---- in simulation ----------------------------------------------------------------------------------------------- */

/* A simulation's programs are found by name only, and its table points to them. */
static struct {
    const struct micro_program *one;         /* NULL: */
    const struct micro_program *const *many; /* which one, the service's name says */
} registered[MICRO_PROGRAMS_MAX];
static struct sim_program sim_programs[MICRO_PROGRAMS_MAX];
static size_t registered_count;

static const struct micro_program *choose(size_t at, struct world *w)
{
    if (registered[at].one)
        return registered[at].one;
    const char *name = world_environment(w, "MICRO_SERVICE_NAME");
    for (const struct micro_program *const *p = registered[at].many; name && *p; p++)
        if (strcmp((*p)->name, name) == 0)
            return *p;
    return NULL;
}

static const struct micro_program *find_program(const char *name, struct world *w)
{
    for (size_t i = 0; i < registered_count; i++)
        if (strcmp(sim_programs[i].name, name) == 0)
            return choose(i, w);
    return NULL;
}

/* What a program was spawned with, for the length of run_new(). */
static struct world *starting;

static const char *sim_environment(const char *name)
{
    return world_environment(starting, name);
}

static int sim_run_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    const struct micro_program *p = argc > 0 ? find_program(argv[0], w) : NULL;
    struct run *r = NULL;
    if (!p)
        return error_set(err, ERROR_NOT_FOUND, "no program of that name is registered");
    starting = w;
    int rc = run_new(w, p, argc, argv, sim_environment, &r, err);
    starting = NULL;
    if (rc == 0)
        *state = r;
    return rc;
}

static void sim_run_stop(void *state)
{
    run_free(state);
}

static int register_as(struct sim *sim, const char *name, const struct micro_program *one,
                       const struct micro_program *const *many)
{
    size_t at = 0;
    while (at < registered_count && strcmp(sim_programs[at].name, name) != 0)
        at++;
    if (at < registered_count && (registered[at].one != one || registered[at].many != many))
        return ERROR_EXISTS;
    if (at == MICRO_PROGRAMS_MAX)
        return ERROR_LIMIT;
    if (at == registered_count) {
        registered[at].one = one;
        registered[at].many = many;
        sim_programs[at] = (struct sim_program){.name = name, .start = sim_run_start, .stop = sim_run_stop};
        registered_count++;
    }
    return sim_register(sim, &sim_programs[at]);
}

int micro_program_register(struct sim *sim, const struct micro_program *p)
{
    return register_as(sim, p->name, p, NULL);
}

int micro_program_register_many(struct sim *sim, const char *name, const struct micro_program *const *programs)
{
    return register_as(sim, name, NULL, programs);
}
