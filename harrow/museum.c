#include "harrow/museum.h"

#include "base/arena.h"
#include "fuzz/museum/canary.h"
#include "world/mapping.h"

#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY ((uint64_t)(50 * MILLISECOND))
#define ARGUMENTS  32
#define LAST_WORDS ((size_t)16 << 10) /* bytes of standard error kept */
#define SLICES_MAX 40

struct runner;
struct job {
    struct runner *runner;
    const struct museum_bug *bug; /* NULL: idle */
    struct arena arena;
    struct museum_result result;
    struct world_mapping canary;
    struct world_process *process;
    bool exited, stuck, killed; /* killed: by us */
    bool solving;               /* it looks for the case that ended the one before */
    struct world_exit status;
    int64_t inputs;     /* of the slice */
    uint64_t before;    /* processor time of the slices that are over */
    uint64_t now, last; /* processor time with this one; when it last said something */
    uint64_t slice_began;
    struct text words; /* standard error */
    const char *folder;
};

struct runner {
    struct world *world;
    struct museum_options options;
    const struct museum_bug *bugs;
    size_t count, next;
    const bool *interrupted;
    void (*done)(void *arg, const struct museum_result *r);
    void *arg;
    struct job *jobs;
    struct world_timer look;
    int failed;
    struct error *err;
};

/* ---- what a campaign says --------------------------------------------------------------------------------------- */

/* Bytes of the script in a finding's detail: the lines behind "# seed:", without comments. */
static size_t script_size(const char *detail)
{
    const char *at = detail ? strstr(detail, "\n# seed:") : NULL;
    size_t size = 0;
    for (at = at ? strchr(at + 1, '\n') : NULL; at && *++at;) {
        const char *end = strchrnul(at, '\n');
        if (*at != '#')
            size += (size_t)(end - at) + 1;
        at = *end ? end : NULL;
    }
    return size;
}

static void look_at(struct job *j)
{
    const struct museum_canary *c = j->canary.data;
    uint64_t resident, cpu;
    if (!j->exited && j->process && world_process_usage(j->process, &resident, &cpu) == 0)
        j->now = j->before + cpu;
    if (j->result.reached == MUSEUM_NEVER && __atomic_load_n(&c->bugs[j->bug->number].reached, __ATOMIC_RELAXED))
        j->result.reached = j->now;
    if (j->result.triggered == MUSEUM_NEVER && __atomic_load_n(&c->bugs[j->bug->number].triggered, __ATOMIC_RELAXED))
        j->result.triggered = j->now;
}

static void tell(struct job *j, const char *oracle, size_t size)
{
    look_at(j);
    if (j->result.triggered == MUSEUM_NEVER) {
        j->result.false_reports++;
    } else if (j->solving) {
        j->result.size = size;
    } else if (j->result.found == MUSEUM_NEVER) {
        j->result.found = j->now;
        j->result.size = size;
        snprintf(j->result.oracle, sizeof j->result.oracle, "%s", oracle);
    }
}

static void on_output(void *arg, int fd, struct bytes line)
{
    struct job *j = arg;
    look_at(j);
    j->last = j->now;
    if (fd == 2) {
        if (j->words.len < LAST_WORDS) {
            text_add(&j->words, line.data, line.len);
            text_char(&j->words, '\n');
        }
        return;
    }
    json_t *o = json_loadb((const char *)line.data, line.len, 0, NULL);
    const char *type = json_string_value(json_object_get(o, "type"));
    const char *oracle = json_string_value(json_object_get(o, "oracle"));
    if (type && strcmp(type, "finding") == 0)
        tell(j, oracle ? oracle : "?", script_size(json_string_value(json_object_get(o, "detail"))));
    json_decref(o);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct job *j = arg;
    look_at(j);
    j->exited = true;
    j->status = status;
}

/* "crash: heap-use-after-free" of a sanitizer's report; "" when there is none. */
static void crash_word(const struct job *j, char out[MUSEUM_ORACLE])
{
    static const char address[] = "ERROR: AddressSanitizer: ", undefined[] = "runtime error: ";
    const char *words = text_string(&j->words);
    const char *at = strstr(words, address), *why = strstr(words, undefined);
    out[0] = '\0';
    if (at) {
        at += sizeof address - 1;
        snprintf(out, MUSEUM_ORACLE, "crash: %.*s", (int)strcspn(at, " \n:"), at);
    } else if (why) {
        why += sizeof undefined - 1;
        snprintf(out, MUSEUM_ORACLE, "crash: %.*s", (int)strcspn(why, ",;:\n"), why);
    } else if (strstr(words, "LeakSanitizer: detected")) {
        snprintf(out, MUSEUM_ORACLE, "leak");
    }
}

/* ---- slices ----------------------------------------------------------------------------------------------------- */

static int fail(struct job *j, int code, const char *what)
{
    struct runner *r = j->runner;
    if (r->failed == 0)
        r->failed = error_set(r->err, code, "%s: %s: %s", j->bug->name, what, error_code_name(code));
    return code;
}

/* Twice as long as the last one, or what should fit in the time that is left: a campaign that is cut off tells
 * nothing. 0: no time is left. */
static int64_t next_inputs(const struct job *j)
{
    uint64_t limit = j->runner->options.limit, took = j->now - j->slice_began;
    if (j->result.slices == 0)
        return MUSEUM_INPUTS;
    if (j->now + limit / 20 >= limit || took == 0)
        return 0;
    double fits = (double)j->inputs * (double)(limit - j->now) / (double)took;
    return fits < 2 * (double)j->inputs ? (int64_t)fits : 2 * j->inputs;
}

static int start_slice(struct job *j)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct runner *r = j->runner;
    const char *argv[ARGUMENTS];
    size_t n = 0;
    for (size_t i = 0; r->options.program[i] && n < ARGUMENTS / 2; i++)
        argv[n++] = r->options.program[i];
    const char *seed = arena_printf(&j->arena, "%" PRIu64, r->options.seed + (uint64_t)(j->result.slices - j->solving));
    j->inputs = j->solving ? j->inputs : next_inputs(j);
    const char *inputs = arena_printf(&j->arena, "%" PRId64, j->inputs);
    const char *environment[] = {arena_printf(&j->arena, "%s=%s", MUSEUM_VARIABLE, j->bug->name),
                                 arena_printf(&j->arena, "%s=%s/canary", MUSEUM_CANARY_VARIABLE, j->folder), NULL};
    const char *journal = arena_printf(&j->arena, "%s/journal", j->folder);
    const char *const more[] = {"fuzz",     r->options.manifest,
                                "--driver", "sim",
                                "--seed",   seed,
                                "--json",   "--budget",
                                "0",        "--out",
                                j->folder,  j->solving ? "--suspects" : "--journal",
                                journal,    j->solving ? NULL : "--inputs",
                                inputs,     NULL};
    if (!seed || !inputs || !journal || !environment[0] || !environment[1])
        return fail(j, ERROR_MEMORY, "a campaign cannot be started");
    memcpy(argv + n, more, sizeof more);
    j->result.slices += !j->solving;
    j->exited = j->stuck = j->killed = false;
    j->last = j->now = j->slice_began = j->before;
    text_clear(&j->words);
    struct world_spawn spawn = {.name = j->bug->name, .argv = argv, .environment = environment, .whole_group = true};
    int rc = world_process_spawn(r->world, &spawn, &events, j, &j->process, NULL);
    return rc == 0 ? 0 : fail(j, rc, "a campaign cannot be started");
}

static int start_bug(struct job *j, const struct museum_bug *bug)
{
    struct runner *r = j->runner;
    struct museum_canary fresh = {.magic = MUSEUM_CANARY_MAGIC};
    j->bug = bug;
    j->solving = false;
    j->before = 0;
    j->result = (struct museum_result){.name = bug->name,
                                       .kind = bug->kind,
                                       .reached = MUSEUM_NEVER,
                                       .triggered = MUSEUM_NEVER,
                                       .found = MUSEUM_NEVER};
    j->folder = arena_printf(&j->arena, "%s/%s", r->options.out, bug->name);
    const char *path = j->folder ? arena_printf(&j->arena, "%s/canary", j->folder) : NULL;
    int rc = path ? world_make_directory(r->world, j->folder) : ERROR_MEMORY;
    if (rc == 0)
        rc = world_write_file(r->world, path, BYTES(&fresh, sizeof fresh), false, NULL);
    if (rc == 0)
        rc = world_mapping_open(path, true, &j->canary);
    return rc == 0 ? start_slice(j) : fail(j, rc, "its folder cannot be made");
}

static void end_bug(struct job *j)
{
    struct runner *r = j->runner;
    j->result.used = j->now;
    if (j->words.len > 0) {
        const char *path = arena_printf(&j->arena, "%s/stderr", j->folder);
        if (path)
            (void)world_write_file(r->world, path, text_bytes(&j->words), false, NULL);
    }
    r->done(r->arg, &j->result);
    world_mapping_close(&j->canary);
    text_deinit(&j->words);
    arena_reset(&j->arena);
    j->bug = NULL;
    if (r->next < r->count && r->failed == 0 && !*r->interrupted)
        (void)start_bug(j, &r->bugs[r->next++]);
}

static void slice_over(struct job *j)
{
    char crash[MUSEUM_ORACLE];
    world_process_close(j->process);
    j->process = NULL;
    j->before = j->now;
    crash_word(j, crash);
    bool died = j->status.signalled && !j->killed;
    if (j->solving)
        crash[0] = '\0';
    else if (j->stuck)
        tell(j, "hang: the campaign stands still", 0);
    else if (crash[0] || died)
        tell(j, crash[0] ? crash : "crash: a signal", 0);
    else if (j->status.code > 1 && !j->killed && j->result.triggered != MUSEUM_NEVER)
        tell(j, "start: the system does not come up", 0);
    else if (j->status.code > 1 && !j->killed) /* 1: something was told */
        j->result.failed = true;
    /* What ended with the bug left a journal: which of its cases was it? */
    bool ended =
        !j->solving && j->result.found != MUSEUM_NEVER && j->result.size == 0 &&
        (j->stuck || died || (crash[0] && strcmp(crash, "leak") != 0)); /* leaks are told behind an orderly end */
    if (ended && !*j->runner->interrupted) {
        j->solving = true;
        if (start_slice(j) == 0)
            return;
    }
    bool late = j->killed || j->result.slices == SLICES_MAX || next_inputs(j) == 0;
    if (j->result.found != MUSEUM_NEVER || j->result.failed || late || *j->runner->interrupted || start_slice(j) != 0)
        end_bug(j);
}

static void on_look(void *arg)
{
    struct runner *r = arg;
    bool any = false;
    for (int i = 0; i < r->options.jobs; i++) {
        struct job *j = &r->jobs[i];
        if (!j->bug)
            continue;
        look_at(j);
        if (!j->exited && !j->stuck && j->now - j->last > MUSEUM_STUCK)
            j->stuck = true;
        bool over = j->now > r->options.limit + r->options.limit / 2 || j->stuck || *r->interrupted || r->failed;
        if (!j->exited && over && !j->killed) {
            j->killed = true;
            (void)world_process_signal(j->process, SIGKILL);
        }
        if (j->exited)
            slice_over(j);
        any |= j->bug != NULL;
    }
    if (any)
        (void)world_timer_start(&r->look, LOOK_EVERY);
    else
        world_stop(r->world);
}

int museum_run(struct world *w, const struct museum_options *options, const struct museum_bug *bugs, size_t count,
               const bool *interrupted, void (*done)(void *arg, const struct museum_result *r), void *arg,
               struct error *err)
{
    struct runner r = {.world = w,
                       .options = *options,
                       .bugs = bugs,
                       .count = count,
                       .interrupted = interrupted,
                       .done = done,
                       .arg = arg,
                       .jobs = calloc((size_t)options->jobs, sizeof(struct job)),
                       .err = err};
    if (!r.jobs)
        return error_set(err, ERROR_MEMORY, "out of memory");
    world_timer_init(&r.look, w, on_look, &r);
    for (int i = 0; i < options->jobs && r.next < count && r.failed == 0; i++) {
        r.jobs[i].runner = &r;
        (void)start_bug(&r.jobs[i], &bugs[r.next++]);
    }
    if (world_timer_start(&r.look, LOOK_EVERY) == 0)
        (void)world_run(w);
    world_timer_stop(&r.look);
    for (int i = 0; i < options->jobs; i++) {
        world_process_close(r.jobs[i].process);
        world_mapping_close(&r.jobs[i].canary);
        text_deinit(&r.jobs[i].words);
        arena_deinit(&r.jobs[i].arena);
    }
    free(r.jobs);
    return r.failed ? r.failed : *interrupted ? error_set(err, ERROR_CANCELLED, "interrupted") : 0;
}
