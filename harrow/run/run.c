#include "harrow/run/run.h"

#include "harrow/run/command_line.h"
#include "harrow/system/attach.h"

#include "base/log.h"
#include "base/units.h"
#include "base/words.h"
#include "reports/report.h"
#include "world/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERMINAL_WIDTH 100
#define HELD_MAX       ((size_t)32 << 10)
#define HELD_TIME      (20 * (uint64_t)MILLISECOND)
#define STEP_LINE      "{\"type\":\"step\","
_Static_assert(RUN_FORMATS_MAX == REPORT_FORMATS_MAX, "a run writes as many reports as there are formats");

struct common_options common;
const char *harrow_program = "harrow";
const char *const driver_names[] = {"processes", "sim", "attach", NULL};
const char *const log_level_names[] = {"debug", "info", "warn", "error", "off", NULL};

static uint64_t real_now(void *arg)
{
    return world_now(arg);
}

static int write_held(struct run *r)
{
    int64_t n = text_ok(&r->held) ? 0 : ERROR_MEMORY;
    if (n == 0 && r->held.len > 0)
        n = world_file_pwrite(r->file, r->held.data, r->held.len, r->size);
    r->size += n > 0 ? (uint64_t)n : 0;
    if (n < 0)
        (void)world_file_truncate(r->file, r->size); /* half a line would make the whole file wrong */
    text_clear(&r->held);
    world_timer_stop(&r->hold);
    return n < 0 ? (int)n : 0;
}

static void on_hold_over(void *arg)
{
    struct run *r = arg;
    if (write_held(r) != 0)
        r->results.broken = true;
}

/* Steps are many and small, and most come right behind each other: theirs wait for one another, but not for long, and
 * not longer than until something else is told. */
static int add_line(struct run *r, const char *line, size_t len)
{
    text_add(&r->held, line, len);
    bool step = len > strlen(STEP_LINE) && memcmp(line, STEP_LINE, strlen(STEP_LINE)) == 0;
    if (step && text_ok(&r->held) && r->held.len < HELD_MAX &&
        (world_timer_active(&r->hold) || world_timer_start(&r->hold, HELD_TIME) == 0))
        return 0;
    return write_held(r);
}

static int write_line(void *arg, const char *line, size_t len)
{
    struct run *r = arg;
    int code = add_line(r, line, len);
    if (common.json) {
        fwrite(line, 1, len, stdout);
        fflush(stdout);
    } else if (!common.quiet) {
        text_clear(&r->line);
        report_live_line(r->live, BYTES(line, len > 0 ? len - 1 : 0), &r->line);
        if (r->line.len > 0) {
            fwrite(text_string(&r->line), 1, r->line.len, stdout);
            fflush(stdout);
        }
    }
    return code;
}

/* Takes the line away that says how far it is: what is said now stands by itself. */
static void clear_status(struct run *r)
{
    text_clear(&r->line);
    if (r->live)
        report_live_end(r->live, &r->line);
    fwrite(text_string(&r->line), 1, common.json || common.quiet ? 0 : r->line.len, stdout);
    fflush(stdout);
}

/* ---- the user wants to stop -------------------------------------------------------------------------------------- */

static void tell_targets(struct run *r, bool interrupted)
{
    if (r->target != NULL)
        r->target->interrupted = interrupted;
    for (size_t i = 0; i < r->beside_count; i++)
        r->beside[i]->interrupted = interrupted;
}

static void stop_all(struct run *r)
{
    tell_targets(r, true);
    world_stop(r->world);
}

static void hurry(void *arg)
{
    struct run *r = arg;
    r->hurried = true;
    if (r->tidying)
        stop_all(r);
}

static void time_tidying(struct run *r)
{
    if (r->timed)
        return;
    r->timed = true;
    fputs("harrow: putting back what was set up, for at most 30 s; once more ends that at once\n", stderr);
    world_timer_init(&r->hurry, r->world, hurry, r);
    (void)world_timer_start(&r->hurry, RUN_TIDY_TIME); /* without memory each step still has its own time */
}

void run_interrupt(struct run *r)
{
    if (r->interrupted) {
        hurry(r);
        return;
    }
    r->interrupted = true;
    fputs("\nharrow: interrupted, stopping the system\n", stderr);
    if (r->tidying)
        time_tidying(r);
    else
        stop_all(r);
}

void run_tidy(struct run *r)
{
    r->tidying = true;
    if (!r->interrupted)
        return;
    time_tidying(r);
    tell_targets(r, r->hurried);
    (void)world_sleep(r->world, 0); /* a stop that came as its wait ended would end the next one */
}

void run_tidied(struct run *r)
{
    r->tidying = false;
    if (r->interrupted)
        tell_targets(r, true);
}

bool run_stops(const struct run *r)
{
    return r->hurried || (r->interrupted && !r->tidying);
}

static void on_signal(void *arg, int signal)
{
    (void)signal;
    run_interrupt(arg);
}

/* ---- its folder and its stream ----------------------------------------------------------------------------------- */

/* A folder of its own for every run, also for two that begin in the same millisecond: who makes its stream has it. */
static int open_folder(struct run *r, struct error *err)
{
    char time[40];
    units_format_time(world_wall(r->world), time, sizeof time);
    for (char *p = time; *p != '\0'; p++)
        if (*p == ':' || *p == '.')
            *p = '-';
    for (int i = 0; i < 100; i++) {
        r->folder = arena_printf(&r->arena, i == 0 ? "%s/%s" : "%s/%s-%d", common.out, time, i);
        const char *path = r->folder != NULL ? arena_printf(&r->arena, "%s/results.jsonl", r->folder) : NULL;
        if (path == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
        int code = world_make_directory(r->world, r->folder);
        if (code != 0)
            return error_set(err, code, "cannot make the folder %s: %s", r->folder, error_code_name(code));
        code = world_file_open(r->world, path, WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE, &r->file, err);
        if (code != ERROR_EXISTS)
            return code;
        error_clear(err);
    }
    return error_set(err, ERROR_EXISTS, "no free name for a run's folder in %s", common.out);
}

static void begin_stream(struct run *r)
{
    world_timer_init(&r->hold, r->world, on_hold_over, r);
    r->started = world_now(r->world);
    r->results = (struct result_stream){
        .write = write_line, .arg = r, .now = real_now, .now_arg = r->world, .started = r->started};
    char time[40], seed[24];
    units_format_time(world_wall(r->world), time, sizeof time);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)r->seed);
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id",
                  common.id != NULL ? common.id : strrchr(r->folder, '/') + 1, "system", r->manifest->name, "driver",
                  common.driver, "seed", seed, "started", time, "command", r->command, "version", HARROW_VERSION);
    if (line != NULL && common.shards > 0 &&
        (json_object_set_new(line, "shard", json_integer(common.shard)) != 0 ||
         json_object_set_new(line, "shards", json_integer(common.shards)) != 0)) {
        json_decref(line);
        line = NULL;
    }
    result_emit(&r->results, "run", line);
}

static void run_free(struct run *r)
{
    if (r->held.len > 0)
        (void)write_held(r);
    if (r->timed)
        world_timer_stop(&r->hurry);
    world_file_close(r->file);
    report_live_free(r->live);
    text_deinit(&r->held);
    text_deinit(&r->line);
    manifest_free(r->manifest);
    world_real_free(r->world);
    arena_deinit(&r->arena);
    free(r);
}

static int load_manifest(struct run *r, const char *path, struct error *err)
{
    return attach_is_address(path) ? attach_manifest(path, &r->manifest, err)
                                   : manifest_load(r->world, path, &r->manifest, err);
}

/* The command as it was given, with the seed when that was drawn or came from elsewhere. In the arena; NULL: no memory.
 */
static const char *repeatable(struct run *r, const char *command)
{
    if (strstr(command, " --seed") != NULL || strstr(command, " -s") != NULL)
        return arena_string(&r->arena, command);
    return arena_printf(&r->arena, "%s --seed %" PRIu64, command, r->seed);
}

struct run *run_begin(const char *manifest_path, const char *command, int *exit_code)
{
    struct error err = ERROR_INIT;
    struct run *r = calloc(1, sizeof *r);
    enum log_level level;
    if (r == NULL) {
        fputs("harrow: out of memory\n", stderr);
        *exit_code = HARROW_ENVIRONMENT;
        return NULL;
    }
    if (common.log_level != NULL && log_parse_level(common.log_level, &level))
        log_set_level(level);
    bool terminal = harrow_terminal();
    r->colour = terminal && getenv("NO_COLOR") == NULL;
    int code = report_live_new(terminal, r->colour, TERMINAL_WIDTH, &r->live);
    if (code != 0)
        error_set(&err, code, "out of memory");
    if (code == 0)
        code = world_real_new(common.seed, &r->world, &err);
    if (attach_is_address(manifest_path))
        common.driver = "attach";
    bool bad_format = code == 0 && (code = report_formats_read(common.format != NULL ? common.format : "html,junit",
                                                               r->formats, &r->format_count, &err)) != 0;
    bool bad_manifest = code == 0 && (code = load_manifest(r, manifest_path, &err)) != 0;
    if (code == 0) {
        /* Small enough to be typed: seeds are drawn from 48 bits. */
        r->seed = common.seed != 0 ? common.seed : (world_seed(r->world) & UINT64_C(0xFFFFFFFFFFFF)) | 1;
        r->command = repeatable(r, command);
        code = open_folder(r, &err);
    }
    if (code != 0) {
        *exit_code = harrow_error(&err, NULL);
        if (bad_manifest)
            *exit_code = HARROW_INPUT;
        if (bad_format)
            *exit_code = HARROW_USAGE;
        error_clear(&err);
        run_free(r);
        return NULL;
    }
    begin_stream(r);
    world_on_signal(r->world, on_signal, r);
    return r;
}

static int write_report(struct run *r, const char *name, struct text *content, struct error *err)
{
    const char *path = arena_printf(&r->arena, "%s/%s", r->folder, name);
    int code = path == NULL || !text_ok(content) ? error_set(err, ERROR_MEMORY, "out of memory")
                                                 : world_write_product(r->world, path, text_bytes(content), err);
    text_deinit(content);
    return code;
}

static int write_reports(struct run *r, struct error *err)
{
    struct report *report = NULL;
    struct text summary = TEXT_INIT;
    const char *path = arena_printf(&r->arena, "%s/results.jsonl", r->folder);
    int code = path == NULL ? error_set(err, ERROR_MEMORY, "out of memory") : report_read(r->world, path, &report, err);
    if (code != 0)
        return code;
    if ((code = report_attach(report, r->world, r->folder, err)) != 0) {
        report_free(report);
        return code;
    }
    for (size_t i = 0; code == 0 && i < r->format_count; i++) {
        struct text content = TEXT_INIT;
        r->formats[i]->render(report, &content);
        if (r->formats[i]->log && !common.json)
            fwrite(text_string(&content), 1, content.len, stdout);
        code = write_report(r, r->formats[i]->file, &content, err);
    }
    report_terminal(report, &summary, r->colour, TERMINAL_WIDTH);
    if (!common.json)
        fwrite(text_string(&summary), 1, summary.len, stdout);
    text_deinit(&summary);
    report_free(report);
    return code;
}

int run_finish(struct run *r, int failed)
{
    struct error err = ERROR_INIT;
    int verdict = r->results.failed > 0 || r->results.findings > 0 ? HARROW_FAILED : HARROW_PASSED;
    int exit_code = r->interrupted ? HARROW_INTERRUPTED : failed != 0 ? failed : verdict;
    if (!r->results.broken) /* a stream that lacks lines has no end either, so that nobody takes it for whole */
        result_emit(&r->results, "end",
                    json_pack("{s:I, s:I, s:I, s:I, s:I, s:i}", "passed", (json_int_t)r->results.passed, "failed",
                              (json_int_t)r->results.failed, "skipped", (json_int_t)r->results.skipped, "findings",
                              (json_int_t)r->results.findings, "duration",
                              (json_int_t)(world_now(r->world) - r->started), "exit", exit_code));
    world_file_close(r->file);
    r->file = NULL;
    clear_status(r);
    if (r->results.broken) {
        fprintf(stderr, "harrow: the result stream %s/results.jsonl is incomplete: a line could not be written\n",
                r->folder);
        exit_code = HARROW_ENVIRONMENT;
    }
    if (write_reports(r, &err) != 0) {
        (void)harrow_error(&err, "report");
        exit_code = HARROW_ENVIRONMENT; /* whatever the reason, it is not that somebody's input is wrong */
    } else if (!common.json && r->format_count != 0) {
        printf("report: %s/%s\n", r->folder, r->formats[0]->file);
    }
    error_clear(&err);
    run_free(r);
    return exit_code;
}

void run_say(struct run *r, const char *format, ...)
{
    if (common.quiet || common.json)
        return;
    (void)r;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

int run_failed(struct run *r, struct error *err, const char *what)
{
    if (r->interrupted) {
        error_clear(err);
        return 0;
    }
    struct text message = TEXT_INIT;
    error_format(err, &message);
    const struct error *at = err; /* the file that is wrong, where one is */
    while (at->file == NULL && at->cause != NULL)
        at = at->cause;
    result_case(&r->results, &(struct result_case){.pillar = "harness",
                                                   .suite = r->manifest->name,
                                                   .name = what,
                                                   .status = "failed",
                                                   .message = text_string(&message),
                                                   .file = at->file,
                                                   .line = at->line,
                                                   .column = at->column});
    text_deinit(&message);
    clear_status(r);
    int exit_code = harrow_error(err, what);
    error_clear(err);
    return exit_code;
}

const char *run_replay(struct run *r, const char *command, const char *const *arguments)
{
    struct text line = TEXT_INIT;
    words_add(&line, harrow_program);
    words_add(&line, command);
    words_add(&line, r->manifest->path);
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++)
        command_line_add(&line, i > 0 ? arguments[i - 1] : "", arguments[i]);
    text_printf(&line, " --driver %s", common.driver);
    attach_words(&line, true);
    text_printf(&line, " --seed %llu", (unsigned long long)r->seed);
    const char *copy = text_ok(&line) ? arena_string(&r->arena, text_string(&line)) : NULL;
    text_deinit(&line);
    return copy;
}
