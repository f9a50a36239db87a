/* The fuzz pillar: what a campaign asks of the harness (a fresh system for each finding, the user's invariant, tests
 * made of findings), and what it leaves: findings/, fuzz.json and tables for the report. */
#include "harrow/run/pillars.h"

#include "base/array.h"
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "base/words.h"
#include "harrow/system/attach.h"
#include "harrow/fuzz/run.h"
#include "world/foreign.h"
#include "world/watchdog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_WITHIN     ((uint64_t)(2 * MINUTE)) /* a start, one case, a stop */
#define INVARIANT_WITHIN ((uint64_t)MINUTE)
#define STILL_CPU        ((uint64_t)(20 * SECOND))
#define STILL_WORDS      "harrow: the simulated system stands still; which case did it is looked into\n"
#define SAID_MAX         ((size_t)16 << 10) /* bytes kept of what a command says */

struct fuzzing {
    struct run *run;
    struct system *system;
    const struct fuzz_request *request;
    struct flow_list flows; /* the invariant, when it is flows */
    const char *other_token;
};

/* ---- a command that is waited for -------------------------------------------------------------------------------- */

struct command_run {
    struct text *said;    /* what it printed; or */
    struct text *oracles; /* of the findings in a stream of results, a line each */
    bool exited;
    struct world_exit status;
};

static void note_finding(struct command_run *c, struct bytes line)
{
    json_t *json = result_read(line, NULL);
    const char *type = json_string_value(json_object_get(json, "type"));
    const char *oracle = json_string_value(json_object_get(json, "oracle"));
    if (type && oracle && strcmp(type, "finding") == 0)
        text_printf(c->oracles, "%s\n", oracle);
    json_decref(json);
}

static void on_output(void *arg, int fd, struct bytes line)
{
    struct command_run *c = arg;
    if (c->oracles && fd == 1)
        note_finding(c, line);
    if (c->said && c->said->len < SAID_MAX && (fd == 2 || !c->oracles)) {
        text_printable(c->said, line.data, line.len, SAID_MAX);
        text_char(c->said, '\n');
    }
}

static void on_exited(void *arg, struct world_exit status)
{
    struct command_run *c = arg;
    c->exited = true;
    c->status = status;
}

static bool has_exited(void *arg)
{
    return ((struct command_run *)arg)->exited;
}

static int run_command(struct run *r, const char *const *argv, const char *const *environment, uint64_t within,
                       struct command_run *c, struct error *err)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct world_process *process = NULL;
    struct world_spawn spawn = {.name = argv[0], .argv = argv, .environment = environment, .whole_group = true};
    int code = world_process_spawn(r->world, &spawn, &events, c, &process, err);
    if (code != 0)
        return code;
    code = world_run_until(r->world, has_exited, c, within);
    world_process_close(process);
    return code != 0 ? error_set(err, code, "%s did not come to its end: %s", argv[0], error_code_name(code)) : 0;
}

/* ---- hooks ------------------------------------------------------------------------------------------------------ */

/* The replay command itself, as a process of its own: whatever is wrong with this one, or with its system, it starts
 * clean. */
static int on_fresh(void *arg, const char *file, struct text *oracles, struct error *err)
{
    struct fuzzing *f = arg;
    struct run *r = f->run;
    struct text line = TEXT_INIT, said = TEXT_INIT;
    struct arena arena = {0};
    char **words = NULL;
    size_t count = 0;
    const char *out = arena_printf(&r->arena, "%s/fresh", r->folder);
    fuzz_replay_words(r, f->request, false, &line);
    words_add(&line, "--input");
    words_add(&line, file);
    words_add(&line, "--json");
    words_add(&line, "--out");
    words_add(&line, out ? out : "");
    int code = out && text_ok(&line) ? words_split(text_string(&line), &arena, &words, &count, err)
                                     : error_set(err, ERROR_MEMORY, "out of memory");
    struct command_run c = {.said = &said, .oracles = oracles};
    if (code == 0) {
        const char **argv = ARENA_NEW_N(&arena, const char *, count + 1);
        for (size_t i = 0; argv && i < count; i++)
            argv[i] = i == 0 ? HARROW_SELF : words[i];
        code = argv ? run_command(r, argv, NULL, FRESH_WITHIN, &c, err) : error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (code == 0 && (c.status.signalled || (c.status.code != HARROW_PASSED && c.status.code != HARROW_FAILED)))
        code = error_set(err, ERROR_CLOSED, "a fresh system could not be had: %s", text_string(&said));
    if (code == 0 && !text_ok(oracles)) /* what is lacking is not "it did not come again" */
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (out)
        world_remove_tree(r->world, out);
    arena_deinit(&arena);
    text_deinit(&line);
    text_deinit(&said);
    return code;
}

static int on_anew(void *arg, const char **other_token, struct error *err)
{
    struct fuzzing *f = arg;
    int code = system_start_anew(f->system, err);
    return code == 0 ? system_other_token(f->system, other_token, err) : code;
}

static const char *variable(struct arena *arena, const char *prefix, const char *name, const char *value)
{
    char *text = arena_printf(arena, "%s%s=%s", prefix, name, value ? value : "");
    for (char *p = text; p && *p != '='; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    return text;
}

/* Where everything is and how to get in. */
static const char *const *invariant_environment(struct fuzzing *f, struct arena *arena)
{
    const struct target *t = system_target(f->system);
    size_t count = 0;
    const char **list = ARENA_NEW_N(arena, const char *, t->component_count + 6);
    if (!list)
        return NULL;
    list[count++] = variable(arena, "HARROW_", "SYSTEM", t->system);
    list[count++] = variable(arena, "HARROW_", "TOKEN", t->token);
    list[count++] = variable(arena, "HARROW_", "NAMESPACE", t->namespace);
    list[count++] = variable(arena, "HARROW_", "GATEWAY", t->gateway);
    list[count++] = arena_printf(arena, "HARROW_SEED=%llu", (unsigned long long)f->run->seed);
    for (size_t i = 0; i < t->component_count; i++)
        list[count++] = variable(arena, "HARROW_ADDRESS_", t->components[i].name,
                                 t->components[i].address ? t->components[i].address : t->components[i].http);
    for (size_t i = 0; i < count; i++)
        if (!list[i])
            return NULL;
    return list;
}

static int run_invariant_command(struct fuzzing *f, struct text *why, struct error *err)
{
    struct arena arena = {0};
    struct command_run c = {.said = why};
    const char *const argv[] = {f->request->invariant, NULL};
    const char *const *environment = invariant_environment(f, &arena);
    int code = environment ? run_command(f->run, argv, environment, INVARIANT_WITHIN, &c, err)
                           : error_set(err, ERROR_MEMORY, "out of memory");
    arena_deinit(&arena);
    if (code != 0)
        return code;
    if (!c.status.signalled && c.status.code == 0)
        return 0;
    text_printf(why, "%s ", f->request->invariant);
    world_exit_format(c.status, why);
    return 1;
}

static int keep_line(void *arg, const char *line, size_t len)
{
    struct text *why = arg;
    json_t *json = result_read(BYTES(line, len), NULL);
    const char *status = json_string_value(json_object_get(json, "status"));
    const char *type = json_string_value(json_object_get(json, "type"));
    const char *message = json_string_value(json_object_get(json, "message"));
    const char *name = json_string_value(json_object_get(json, "name"));
    if (type && status && strcmp(type, "case") == 0 && strcmp(status, "failed") == 0)
        text_printf(why, "%s: %s\n", name ? name : "", message ? message : "failed");
    json_decref(json);
    return 0;
}

/* The flows run as always, but what they emit is not told: only that they fail. */
static int run_invariant_flows(struct fuzzing *f, struct text *why, struct error *err)
{
    struct target *t = system_target(f->system);
    struct result_stream *told = t->results, own = *told;
    struct e2e_summary summary = {0};
    struct e2e_options options = {.pillar = "fuzz",
                                  .simulated = strcmp(common.driver, "sim") == 0,
                                  .scratch = system_scratch(f->system),
                                  .variables = system_variables(f->system)};
    own.write = keep_line;
    own.arg = why;
    t->results = &own;
    int code = e2e_run(t, &f->flows, &options, &summary, err);
    t->results = told;
    return code != 0 ? code : summary.failed > 0;
}

static int on_invariant(void *arg, struct text *why, struct error *err)
{
    struct fuzzing *f = arg;
    return f->flows.count > 0 ? run_invariant_flows(f, why, err) : run_invariant_command(f, why, err);
}

static void on_written(void *arg, const char *file, const char *title, struct bytes script, struct text *detail)
{
    struct fuzzing *f = arg;
    struct run *r = f->run;
    struct text source = TEXT_INIT;
    size_t stem = strlen(file) - (strlen(file) > 5 ? 5 : 0); /* ".case" */
    const char *path = arena_printf(&r->arena, "%.*s_test.c", (int)stem, file);
    finding_test_source(r->manifest->path, common.driver, r->seed, title, script, &source);
    if (path && text_ok(&source) && world_write_file(r->world, path, text_bytes(&source), false, NULL) == 0)
        text_printf(detail, "as a test: %s\n", path);
    text_deinit(&source);
}

static void on_say(void *arg, const char *line)
{
    struct fuzzing *f = arg;
    run_say(f->run, "%s", line);
}

/* ---- the pillar ------------------------------------------------------------------------------------------------- */

static bool is_flows(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int load_invariant(struct fuzzing *f, struct error *err)
{
    const char *path = f->request->invariant;
    struct world_stat stat = {0};
    if (!path)
        return 0;
    if (is_flows(path))
        return flow_load_tree(f->run->world, path, &f->flows, err);
    if (world_stat(f->run->world, path, &stat) != 0 || !stat.exists || !stat.executable)
        return error_set(err, ERROR_INVALID,
                         "--invariant %s: expected a file of flows (*.yaml) or one that can be executed", path);
    if (strcmp(common.driver, "sim") == 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "--invariant %s: a command cannot reach a simulated system; use flows (*.yaml)", path);
    return 0;
}

void fuzz_stock_words(const struct fuzz_options *o, struct text *line)
{
    bool implied = strcmp(common.driver, "attach") == 0;
    if (o->stock != implied)
        words_add(line, o->stock ? "--stock" : "--strict");
}

void fuzz_replay_words(struct run *r, const struct fuzz_request *q, bool shown, struct text *line)
{
    words_add(line, harrow_program);
    words_add(line, "fuzz");
    words_add(line, r->manifest->path);
    text_printf(line, " --driver %s", common.driver);
    attach_words(line, shown);
    text_printf(line, " --seed %llu", (unsigned long long)r->seed);
    fuzz_stock_words(&q->options, line);
    if (q->access)
        words_add(line, "--access");
}

/* The summary for machines, and tables for the report. */
static void leave_summary(struct run *r, const struct fuzz_summary *s)
{
    json_t *json = fuzz_summary_json(s);
    char *text = json ? json_text_of(json, 0) : NULL;
    const char *path = arena_printf(&r->arena, "%s/fuzz.json", r->folder);
    int code = text && path ? world_write_file(r->world, path, bytes_of(text), false, NULL) : ERROR_MEMORY;
    if (code != 0)
        result_emit(&r->results, "note",
                    json_pack("{s:s+}", "text", "fuzz.json could not be written: ", error_code_name(code)));
    free(text);
    json_decref(json);
    fuzz_summary_latency(s, &r->results);
    fuzz_summary_tables(s, &r->results);
}

void fuzz_end(struct run *r, const struct fuzz_summary *s)
{
    leave_summary(r, s);
    json_t *totals =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "name", "fuzz", "state", "end", "inputs",
                  (json_int_t)s->inputs, "answered", (json_int_t)s->answered, "methods", (json_int_t)s->methods,
                  "findings", (json_int_t)s->findings, "warnings", (json_int_t)s->warnings);
    if (s->edges >= 0)
        json_build_set(&totals, "edges", json_integer(s->edges));
    if (s->ended)
        json_build_set(&totals, "ended", json_string(s->ended));
    result_emit(&r->results, "pillar", totals);
}

/* What the system is started by, in simulation as well: the same components are in it. NULL: it is not said. */
static const char *program_of(struct run *r, struct system *s)
{
    struct manifest_values values = s->values;
    const char *path = NULL;
    if (values.bin[0] == '\0') /* nothing is started there */
        values.bin = world_program_folder(r->world);
    if (values.bin == NULL || r->manifest->start == NULL || r->manifest->start[0] == NULL ||
        manifest_expand(r->manifest->start[0], &values, &r->arena, &path, NULL) != 0)
        return NULL;
    return path;
}

/* A simulated system that stands still takes this process with it: then it becomes the one that asks which of the cases
 * that were under way did it. */
static int watch(struct run *r, const struct fuzz_options *o, struct error *err)
{
    struct text line = TEXT_INIT;
    char **words = NULL;
    size_t count = 0;
    text_puts(&line, o->replay);
    words_add(&line, "--suspects");
    words_add(&line, o->journal);
    words_add(&line, "--out");
    const char *out = arena_printf(&r->arena, "%s/suspects", r->folder);
    words_add(&line, out ? out : "");
    text_puts(&line, common.json ? " --json" : "");
    int code = out && text_ok(&line) ? words_split(text_string(&line), &r->arena, &words, &count, err)
                                     : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&line);
    if (code != 0)
        return code;
    const char **argv = ARENA_NEW_N(&r->arena, const char *, count + 1);
    for (size_t i = 0; argv && i < count; i++)
        argv[i] = words[i];
    return argv ? world_watchdog_start(argv, STILL_WORDS, STILL_CPU, err)
                : error_set(err, ERROR_MEMORY, "out of memory");
}

int pillar_fuzz(struct run *r, struct system *s, const struct fuzz_request *request)
{
    struct error err = ERROR_INIT;
    struct fuzz_summary summary = {0};
    struct fuzzing f = {.run = r, .system = s, .request = request};
    struct fuzz_options options = request->options;
    struct text replay = TEXT_INIT;
    int exit_code = 0;
    if (r->interrupted)
        return 0;
    fuzz_replay_words(r, request, true, &replay);
    options.seed = r->seed;
    options.files = r->world;
    options.findings = options.input ? NULL : arena_printf(&r->arena, "%s/findings", r->folder);
    options.replay = text_string(&replay);
    options.access = request->access || r->manifest->login_required;
    options.open = r->manifest->login_open;
    options.cover = s->cover;
    options.program = program_of(r, s);
    if (!options.journal && !options.input && !options.suspects && strcmp(common.driver, "sim") == 0)
        options.journal = arena_printf(&r->arena, "%s/journal", r->folder);
    options.hooks = (struct fuzz_hooks){
        .arg = &f, .written = on_written, .say = on_say, .invariant = request->invariant ? on_invariant : NULL};
    if (strcmp(common.driver, "attach") != 0) {
        options.hooks.fresh = on_fresh;
        options.hooks.anew = on_anew;
    }
    result_emit(&r->results, "pillar", json_pack("{s:s, s:s}", "name", "fuzz", "state", "start"));
    int code = load_invariant(&f, &err);
    if (code == 0)
        code = system_other_token(s, &options.other_token, &err);
    if (code == 0)
        code = options.journal && !options.suspects ? watch(r, &options, &err) : 0;
    if (code == 0) {
        code = fuzz_run(system_target(s), &options, &summary, &err);
        world_watchdog_stop();
        fuzz_end(r, &summary);
    }
    if (code != 0)
        exit_code = run_failed(r, &err, "fuzz");
    flow_list_free(&f.flows);
    fuzz_summary_deinit(&summary);
    text_deinit(&replay);
    error_clear(&err);
    return exit_code;
}
