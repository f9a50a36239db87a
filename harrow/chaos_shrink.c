/* A failing experiment is made smaller (chaos/search/shrink.h). Every try is a process of its own, `harrow chaos ...
 * --schedule FILE`, so that what is told in the end is what the printed command does. */
#include "chaos/search/shrink.h"

#include "base/units.h"
#include "base/words.h"
#include "harrow/chaos_run.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define TRIES_SIMULATED 120
#define TRIES_PROCESSES 12 /* each takes as long as the experiment itself */
#define CONFIRMATIONS   3
#define FOLDER          "shrink" /* in the run's folder */

struct lab {
    struct run *run;
    const struct chaos_request *request;
    const char *failure, *driver;
    uint64_t seed;
    const char *folder, *schedule; /* of the tries; the file each is given */
    /* Of the try under way. */
    bool exited;
    struct world_exit status;
    char first[80]; /* what failed first */
};

/* ---- one try ---- */

static void on_output(void *arg, int fd, struct bytes line)
{
    struct lab *lab = arg;
    if (fd != 1 || lab->first[0] != '\0')
        return;
    json_t *j = json_loadb((const char *)line.data, line.len, 0, NULL);
    const char *type = json_string_value(json_object_get(j, "type")), *what = NULL;
    if (type != NULL && strcmp(type, "case") == 0) {
        const char *status = json_string_value(json_object_get(j, "status"));
        if (status != NULL && strcmp(status, "failed") == 0)
            what = json_string_value(json_object_get(j, "name"));
    } else if (type != NULL && strcmp(type, "finding") == 0) {
        what = json_string_value(json_object_get(j, "oracle"));
    }
    if (what != NULL)
        snprintf(lab->first, sizeof lab->first, "%s", what);
    json_decref(j);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct lab *lab = arg;
    lab->exited = true;
    lab->status = status;
}

static bool has_exited(void *arg)
{
    const struct lab *lab = arg;
    return lab->exited;
}

/* The command, with the workloads that are left. */
static const char *replay_of(struct lab *lab, const struct chaos_options *o, const char *schedule)
{
    struct chaos_request q = *lab->request;
    q.workloads = o->workloads != NULL ? o->workloads : q.workloads;
    return chaos_replay(lab->run, &q, o, schedule, lab->driver, lab->seed);
}

/* The command's words with our own program in the first place, and what a try adds. */
static const char *const *words_of_try(struct lab *lab, const struct chaos_options *o, struct arena *arena,
                                       struct error *err)
{
    const char *line = replay_of(lab, o, lab->schedule);
    char **words = NULL;
    size_t count = 0;
    if (line == NULL || words_split(line, arena, &words, &count, err) != 0)
        return NULL;
    const char *const more[] = {"--json", "--shrink=never", "--out", lab->folder};
    const char **argv = ARENA_NEW_N(arena, const char *, count + sizeof more / sizeof more[0] + 1);
    if (argv == NULL)
        return NULL;
    memcpy(argv, words, count * sizeof *argv);
    argv[0] = HARROW_SELF;
    memcpy(argv + count, more, sizeof more);
    return argv;
}

static int write_schedule(struct lab *lab, const struct chaos_schedule *s, const char *path, struct error *err)
{
    struct text out = TEXT_INIT;
    schedule_write(s, &out);
    int code = text_ok(&out) ? world_write_file(lab->run->world, path, text_bytes(&out), false, err) : ERROR_MEMORY;
    text_deinit(&out);
    return code;
}

static int run_try(void *arg, const struct chaos_options *options, bool *failed)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct lab *lab = arg;
    struct arena arena = ARENA_INIT;
    struct world_process *process = NULL;
    lab->exited = false;
    lab->first[0] = '\0';
    int code = world_make_directory(lab->run->world, lab->folder);
    if (code == 0)
        code = write_schedule(lab, options->schedule, lab->schedule, NULL);
    const char *const *argv = code == 0 ? words_of_try(lab, options, &arena, NULL) : NULL;
    if (code == 0 && argv == NULL)
        code = ERROR_MEMORY;
    if (code == 0) {
        const struct world_spawn spawn = {.name = "try", .argv = argv, .whole_group = true};
        code = world_process_spawn(lab->run->world, &spawn, &events, lab, &process, NULL);
    }
    if (code == 0)
        code = world_run_until(lab->run->world, has_exited, lab, 0);
    if (code == 0 && lab->run->interrupted)
        code = ERROR_CANCELLED;
    world_process_close(process);
    *failed = code == 0 && !lab->status.signalled && lab->status.code == HARROW_FAILED &&
              strcmp(lab->first, lab->failure) == 0;
    (void)world_remove_tree(lab->run->world, lab->folder);
    arena_deinit(&arena);
    return code;
}

/* ---- the whole ---- */

static void say_progress(void *arg, size_t tries, size_t steps)
{
    const struct lab *lab = arg;
    char line[96];
    snprintf(line, sizeof line, "making it smaller: %zu fault%s, at most %zu tries more", steps, steps == 1 ? "" : "s",
             tries);
    result_emit(&lab->run->results, "note", json_pack("{s:s}", "text", line));
}

static bool can_simulate(const struct manifest *m)
{
    for (size_t i = 0; i < m->component_count; i++)
        if (m->components[i].program == NULL)
            return false;
    return true;
}

static void tell(struct lab *lab, const struct shrunk *small, bool minimal, int confirmed)
{
    struct run *r = lab->run;
    struct text title = TEXT_INIT, detail = TEXT_INIT;
    size_t steps = small->schedule.steps.count;
    const char *path = arena_printf(&r->arena, "%s/schedule-small.yaml", r->folder);
    const char *replay = NULL;
    if (path != NULL && write_schedule(lab, &small->schedule, path, NULL) == 0)
        replay = replay_of(lab, &small->options, path);
    if (steps == 0)
        text_puts(&title, "it takes no fault at all");
    else
        text_printf(&title, "%zu fault%s %s enough", steps, steps == 1 ? "" : "s", steps == 1 ? "is" : "are");
    text_printf(&title, ": %s", lab->failure);
    text_printf(&detail, "%s, %d client%s, %d key%s, driver %s\n", minimal ? "none can be left out" : "tries ran out",
                small->options.clients, small->options.clients == 1 ? "" : "s", small->options.keys,
                small->options.keys == 1 ? "" : "s", lab->driver);
    if (confirmed >= 0)
        text_printf(&detail, "as processes it failed %d times of %d\n", confirmed, CONFIRMATIONS);
    schedule_write(&small->schedule, &detail);
    result_finding(&r->results, &(struct result_finding){.pillar = "chaos",
                                                         .title = text_string(&title),
                                                         .severity = "bug",
                                                         .oracle = "smaller",
                                                         .target = "",
                                                         .seed = lab->seed,
                                                         .replay = replay,
                                                         .detail = text_string(&detail)});
    text_deinit(&title);
    text_deinit(&detail);
}

/* How often the small one fails as processes; -1 when it cannot be run so, or is no longer to be. */
static int confirm(struct lab *lab, const struct shrunk *small)
{
    const char *driver = lab->driver;
    int times = 0, code = 0;
    lab->driver = "processes";
    for (int i = 0; i < CONFIRMATIONS && code == 0; i++) {
        bool failed = false;
        code = run_try(lab, &small->options, &failed);
        times += failed;
        if (code == 0 && lab->status.code != HARROW_FAILED && lab->status.code != HARROW_PASSED)
            code = ERROR_UNSUPPORTED;
    }
    lab->driver = driver;
    return code == 0 ? times : -1;
}

int chaos_make_smaller(struct run *r, struct system *s, const struct chaos_request *q, const struct chaos_options *o,
                       const char *schedule, const char *failure, struct error *err)
{
    struct chaos_schedule whole;
    struct lab lab = {.run = r, .request = q, .failure = failure, .driver = common.driver, .seed = o->seed};
    lab.folder = arena_printf(&r->arena, "%s/" FOLDER, r->folder);
    lab.schedule = arena_printf(&r->arena, "%s/" FOLDER "/try.yaml", r->folder);
    if (lab.folder == NULL || lab.schedule == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = chaos_load_schedule(r, s, schedule, o->seed, &whole, err);
    if (code != 0)
        return code;
    struct chaos_options options = *o;
    options.schedule = &whole;
    bool fails = false;
    result_emit(&r->results, "note", json_pack("{s:s}", "text", "it failed, and is made smaller by running it again"));
    if (can_simulate(r->manifest)) {
        lab.driver = "sim";
        code = run_try(&lab, &options, &fails);
    }
    if (code == 0 && !fails && q->shrink == CHAOS_SHRINK_ALWAYS) {
        lab.driver = common.driver;
        fails = true; /* it did, and may not do so every time */
    }
    struct shrunk small = {0};
    bool minimal = false;
    const struct shrink_runner runner = {.run = run_try,
                                         .progress = say_progress,
                                         .arg = &lab,
                                         .tries = strcmp(lab.driver, "sim") == 0 ? TRIES_SIMULATED : TRIES_PROCESSES};
    if (code == 0 && fails && (code = chaos_shrink(&options, &runner, &small, &minimal, err)) == 0) {
        tell(&lab, &small, minimal, strcmp(lab.driver, "sim") == 0 && !r->interrupted ? confirm(&lab, &small) : -1);
        shrunk_deinit(&small);
    } else if (code == 0) {
        result_emit(&r->results, "note",
                    json_pack("{s:s}", "text",
                              "it did not fail simulated, so it is not made smaller; --shrink always does it with the "
                              "run's own driver"));
    }
    schedule_deinit(&whole);
    return code == ERROR_CANCELLED ? 0 : code;
}
