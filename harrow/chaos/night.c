#include "harrow/chaos/night.h"

#include "base/units.h"
#include "base/words.h"
#include "harrow/commands.h"
#include "harrow/chaos/nightly.h"
#include "harrow/run/pillars.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_TURN    ((uint64_t)(90 * SECOND))
#define SEARCH_PART    8 /* of the budget at most, in one turn */
#define SEARCH_LEAST   ((uint64_t)(5 * SECOND))
#define TURN_LEAST     ((uint64_t)(2 * SECOND)) /* less than that is left over */
#define TURN_LIMIT     ((uint64_t)(20 * MINUTE))
#define ENDS_WITHIN    ((uint64_t)(20 * SECOND)) /* of SIGINT, when the night is over */
#define STATE_FILE     "nightly.json"
#define STATE_FILE_MAX ((size_t)64 << 20)

struct shift {
    struct run *run;
    const struct chaos_nightly *asked;
    struct night night;
    struct random random;
    const char *corpus, *state, *work;
    uint64_t started;
    /* Of the turn under way. */
    struct night_arm *arm;
    struct world_process *process;
    struct world_exit status;
    bool exited, told_to_end;
    int failed; /* ERROR_MEMORY */
    int64_t seed_number;
};

static uint64_t now_of(const struct shift *s)
{
    return world_now(s->run->world);
}

static uint64_t time_left(const struct shift *s)
{
    uint64_t passed = now_of(s) - s->started, budget = (uint64_t)s->asked->budget;
    return passed < budget ? budget - passed : 0;
}

static void say(struct shift *s, const char *text)
{
    result_emit(&s->run->results, "note", json_pack("{s:s}", "text", text));
}

/* ---- what is kept ---- */

static int keep_state(struct shift *s, struct error *err)
{
    struct text out = TEXT_INIT;
    uint64_t before = s->night.spent;
    s->night.spent += now_of(s) - s->started;
    int code = night_write(&s->night, &out);
    s->night.spent = before;
    code = code == 0 ? world_write_file(s->run->world, s->state, text_bytes(&out), false, err)
                     : error_set(err, code, "out of memory");
    text_deinit(&out);
    return code;
}

static int load_state(struct shift *s, struct error *err)
{
    struct text content = TEXT_INIT;
    struct world_stat stat;
    int code = world_stat(s->run->world, s->state, &stat);
    if (code == 0 && stat.exists)
        code = world_read_file(s->run->world, s->state, STATE_FILE_MAX, &content, err);
    if (code == 0 && stat.exists)
        code = night_read(&s->night, text_bytes(&content), s->state, err);
    if (code == 0 && s->night.spent > 0) {
        char line[96], spent[32];
        units_format_duration((int64_t)s->night.spent, spent, sizeof spent);
        snprintf(line, sizeof line, "going on with a night that was cut off after %s", spent);
        say(s, line);
    }
    text_deinit(&content);
    return code;
}

/* ---- one turn ---- */

static void on_output(void *arg, int fd, struct bytes text)
{
    struct shift *s = arg;
    if (fd != 1)
        return;
    json_t *line = result_read(text, NULL);
    int code = line != NULL ? night_line(&s->night, s->arm, line) : 0;
    if (code != 0)
        s->failed = code;
    json_decref(line);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct shift *s = arg;
    s->exited = true;
    s->status = status;
}

static bool is_over(void *arg)
{
    const struct shift *s = arg;
    return s->exited || s->run->interrupted;
}

static bool has_exited(void *arg)
{
    const struct shift *s = arg;
    return s->exited;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Each system has a corpus of its own. */
static const char *corpus_of(struct shift *s, const struct night_arm *a, struct arena *arena)
{
    const char *name = last_part(a->path);
    return arena_printf(arena, "%s/%.*s", s->corpus, (int)strcspn(name, "."), name);
}

/* The words of its command line, in the arena. */
static const char *const *words_of(struct shift *s, const struct night_arm *a, uint64_t time, struct arena *arena,
                                   struct error *err)
{
    struct text line = TEXT_INIT;
    char **words = NULL;
    size_t count = 0;
    uint64_t seed = s->run->seed + (uint64_t)s->seed_number++;
    words_add(&line, HARROW_SELF);
    words_add(&line, "chaos");
    words_add(&line, a->path);
    text_printf(&line, " --driver %s --json --seed %llu --out", a->driver, (unsigned long long)seed);
    words_add(&line, s->work);
    if (a->searches) {
        const char *corpus = corpus_of(s, a, arena);
        text_printf(&line, " --search %llums --corpus", (unsigned long long)(time / (uint64_t)MILLISECOND));
        words_add(&line, corpus != NULL ? corpus : "");
        if (s->asked->jobs > 0)
            text_printf(&line, " --jobs %lld", (long long)s->asked->jobs);
    } else if (s->asked->duration > 0) {
        text_printf(&line, " --duration %lldms", (long long)(s->asked->duration / MILLISECOND));
    }
    text_puts(&line, s->asked->direct ? " --direct" : "");
    int code = text_ok(&line) ? words_split(text_string(&line), arena, &words, &count, err)
                              : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&line);
    return code == 0 ? (const char *const *)words : NULL;
}

/* Asks it to end and waits, while it stops its system and tells what it has. */
static void end_turn(struct shift *s)
{
    s->told_to_end = true;
    (void)world_process_signal(s->process, SIGINT);
    (void)world_run_until(s->run->world, has_exited, s, ENDS_WITHIN);
}

/* A turn that could not be done at all, or died: the night is to say so and to go on. */
static void look_at_end(struct shift *s)
{
    char what[160];
    struct text how = TEXT_INIT;
    bool did = !s->status.signalled && (s->status.code == HARROW_PASSED || s->status.code == HARROW_FAILED);
    if (!s->exited || did || s->told_to_end)
        return;
    world_exit_format(s->status, &how);
    snprintf(what, sizeof what, "%s: harrow itself %s", s->arm->name, text_string(&how));
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s}", "type", "finding", "oracle", "turn", "target", s->arm->name, "title", what);
    if (line == NULL || night_line(&s->night, s->arm, line) != 0)
        s->failed = ERROR_MEMORY;
    json_decref(line);
    text_deinit(&how);
}

static int spawn(struct shift *s, const char *const *argv, struct arena *arena, struct error *err)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    const char *environment[] = {arena_printf(arena, HARROW_PROGRAM_VARIABLE "=%s", harrow_program), NULL};
    const struct world_spawn spawn = {.name = "turn", .argv = argv, .environment = environment, .whole_group = true};
    if (environment[0] == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->exited = s->told_to_end = false;
    return world_process_spawn(s->run->world, &spawn, &events, s, &s->process, err);
}

/* The folders of turns in which nothing failed are not worth their room. */
static void tidy_up(struct shift *s, int64_t findings_before)
{
    if (s->arm->findings == findings_before)
        (void)world_remove_tree(s->run->world, s->work);
}

static int take_turn(struct shift *s, struct night_arm *a, struct error *err)
{
    struct arena arena = ARENA_INIT;
    uint64_t began = now_of(s), left = time_left(s), part = (uint64_t)s->asked->budget / SEARCH_PART;
    uint64_t time = a->searches ? (part < SEARCH_TURN ? part : SEARCH_TURN) : TURN_LIMIT;
    time = time < SEARCH_LEAST ? SEARCH_LEAST : time;
    time = time < left ? time : left;
    int64_t news = a->news, findings = a->findings;
    s->arm = a;
    s->work = arena_printf(&s->run->arena, "%s/turns/%lld", s->run->folder, (long long)s->seed_number);
    const char *const *argv = s->work != NULL ? words_of(s, a, time, &arena, err) : NULL;
    int code = argv != NULL ? spawn(s, argv, &arena, err) : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0) {
        /* A search keeps its own time; only what is far beyond it is ended. */
        uint64_t limit = a->searches && time < left ? time + ENDS_WITHIN : time;
        code = world_run_until(s->run->world, is_over, s, limit < left ? limit : left);
        code = code == ERROR_TIMEOUT || s->run->interrupted ? 0 : code;
        if (code == 0 && !s->exited)
            end_turn(s);
        look_at_end(s);
        world_process_close(s->process);
        s->process = NULL;
        /* How long one takes that the night's end cut off is not known. */
        if (!s->told_to_end || a->searches || time_left(s) > 0)
            night_turn_ended(a, now_of(s) - began, a->news - news);
        else
            a->nanoseconds += now_of(s) - began;
        tidy_up(s, findings);
    }
    arena_deinit(&arena);
    return code == 0 && s->failed != 0 ? error_set(err, s->failed, "out of memory") : code;
}

/* ---- the night ---- */

/* Whether an earlier one is of the same system, by whatever path. */
static bool seen_before(const struct chaos_nightly *asked, size_t i)
{
    char *own = realpath(asked->items[i].system, NULL);
    bool seen = false;
    for (size_t k = 0; k < i && !seen; k++) {
        char *other = realpath(asked->items[k].system, NULL);
        seen = own != NULL && other != NULL && strcmp(own, other) == 0;
        free(other);
    }
    free(own);
    return seen;
}

/* `why_not`: it has no such turns here, which is told. */
static int add_arm(struct shift *s, const char *path, const char *driver, bool searches, const char *why_not,
                   struct error *err)
{
    char name[256];
    snprintf(name, sizeof name, "%s (%s)", last_part(path), searches ? "search" : driver);
    if (why_not != NULL) {
        result_case(&s->run->results,
                    &(struct result_case){
                        .pillar = "chaos", .suite = "nightly", .name = name, .status = "skipped", .message = why_not});
        return 0;
    }
    /* Two files of one name are told by their folders. */
    if (night_find_arm(&s->night, name) != NULL)
        snprintf(name, sizeof name, "%s (%s)", path, searches ? "search" : driver);
    if (night_find_arm(&s->night, name) != NULL)
        return error_set(err, ERROR_INVALID, "%s is given twice", path);
    return night_add_arm(&s->night, name, path, driver, searches, err);
}

/* Each experiment, and each manifest with drawn ones, in simulation and as processes; one search for each system. */
static int add_arms(struct shift *s, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < s->asked->count && code == 0; i++) {
        const struct chaos_night_item *item = &s->asked->items[i];
        code = add_arm(s, item->path, "sim", false, item->not_simulated, err);
        if (code == 0 && !s->asked->simulated)
            code = add_arm(s, item->path, "processes", false, item->not_processes, err);
        if (code == 0 && !seen_before(s->asked, i))
            code = add_arm(s, item->system, "sim", true, item->not_searched, err);
    }
    if (code == 0 && s->night.arms.count == 0)
        code = error_set(err, ERROR_UNSUPPORTED, "nothing of what is given can be done here");
    return code;
}

static int go_through(struct shift *s, struct error *err)
{
    int code = 0;
    while (code == 0 && !s->run->interrupted && time_left(s) >= TURN_LEAST) {
        struct night_arm *a = night_next(&s->night, &s->random, time_left(s));
        if (a == NULL)
            break;
        char line[320], left[32];
        units_format_duration((int64_t)(time_left(s) / (uint64_t)SECOND) * SECOND, left, sizeof left);
        snprintf(line, sizeof line, "nightly: %s; %s left, %zu findings", a->name, left, s->night.findings.count);
        say(s, line);
        code = take_turn(s, a, err);
        if (code == 0)
            code = keep_state(s, err);
    }
    return code;
}

static void tell_arms(struct shift *s)
{
    for (size_t i = 0; i < s->night.arms.count; i++) {
        const struct night_arm *a = &s->night.arms.items[i];
        char message[64];
        snprintf(message, sizeof message, "%lld finding%s, see below", (long long)a->findings,
                 a->findings == 1 ? "" : "s");
        result_case(&s->run->results, &(struct result_case){.pillar = "chaos",
                                                            .suite = "nightly",
                                                            .name = a->name,
                                                            .status = a->findings > 0 ? "failed"
                                                                      : a->turns > 0  ? "passed"
                                                                                      : "skipped",
                                                            .message = a->findings > 0 ? message
                                                                       : a->turns > 0  ? NULL
                                                                                       : "its turn did not come",
                                                            .duration = (int64_t)a->nanoseconds});
    }
}

static void tell_findings(struct shift *s)
{
    for (size_t i = 0; i < s->night.findings.count; i++) {
        const struct night_finding *f = &s->night.findings.items[i];
        struct text title = TEXT_INIT, detail = TEXT_INIT;
        if (f->times == 0) /* of another night */
            continue;
        text_printf(&title, "%s: %s", f->key, f->title);
        text_printf(&detail, "%s; %lld time%s this night%s\n", f->arm, (long long)f->times, f->times == 1 ? "" : "s",
                    f->new ? ", and in none before" : ", and before");
        result_finding(&s->run->results, &(struct result_finding){.pillar = "chaos",
                                                                  .title = text_string(&title),
                                                                  .severity = "bug",
                                                                  .oracle = "nightly",
                                                                  .target = f->key,
                                                                  .seed = s->run->seed,
                                                                  .replay = f->replay[0] != '\0' ? f->replay : NULL,
                                                                  .detail = text_string(&detail)});
        text_deinit(&title);
        text_deinit(&detail);
    }
}

static int work(struct shift *s, struct error *err)
{
    struct run *r = s->run;
    struct random base;
    s->corpus = s->asked->corpus != NULL ? s->asked->corpus : arena_printf(&r->arena, "%s/corpus", r->folder);
    s->state = s->corpus != NULL ? arena_printf(&r->arena, "%s/" STATE_FILE, s->corpus) : NULL;
    if (s->state == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    random_seed(&base, r->seed);
    random_fork(&base, "chaos.nightly", &s->random);
    int code = world_make_directory(r->world, s->corpus);
    if (code != 0)
        return error_set(err, code, "cannot make the corpus's folder %s: %s", s->corpus, error_code_name(code));
    if ((code = add_arms(s, err)) == 0 && (code = load_state(s, err)) == 0)
        code = go_through(s, err);
    s->night.ended = true;
    if (code == 0)
        code = keep_state(s, err);
    result_emit(&r->results, "table", night_table(&s->night));
    tell_arms(s);
    tell_findings(s);
    return code;
}

int chaos_nightly(const struct chaos_nightly *asked)
{
    int exit_code = 0;
    struct error err = ERROR_INIT;
    struct run *r = run_begin(asked->items[0].system, harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    struct shift s = {.run = r, .asked = asked, .started = world_now(r->world)};
    pillar_mark(r, "chaos", "start");
    int code = work(&s, &err);
    pillar_mark(r, "chaos", "end");
    if (code != 0)
        exit_code = run_failed(r, &err, "chaos nightly");
    error_clear(&err);
    world_process_close(s.process);
    night_deinit(&s.night);
    return run_finish(r, exit_code);
}
