/* Experiments on a running system: one, or a plan's with its repetitions; what fails is made smaller. */
#include "base/units.h"
#include "base/words.h"
#include "chaos/workload/workload.h"
#include "harrow/chaos/run.h"
#include "harrow/system/driver_disk.h"
#include "harrow/system/driver_network.h"
#include "harrow/run/pillars.h"

#include <string.h>

static int write_file(void *arg, const char *path, struct bytes content, struct error *err)
{
    struct run *r = arg;
    const char *slash = strrchr(path, '/');
    const char *folder = slash != NULL ? arena_printf(&r->arena, "%.*s", (int)(slash - path), path) : ".";
    int code = folder != NULL ? world_make_directory(r->world, folder) : ERROR_MEMORY;
    if (code != 0)
        return error_set(err, code, "cannot make the folder of %s: %s", path, error_code_name(code));
    return world_write_file(r->world, path, content, false, err);
}

/* Not synced: what the kernel has outlives the harness, and nobody waits for a disk four times a second. */
static int append_file(void *arg, const char *path, struct bytes content, struct error *err)
{
    struct run *r = arg;
    struct world_file *f = NULL;
    int code = world_file_open(r->world, path, WORLD_WRITE | WORLD_CREATE, &f, err);
    if (code != 0)
        return code;
    int64_t written = world_file_append(f, content.data, content.len);
    world_file_close(f);
    return written >= 0 ? 0 : error_set(err, (int)written, "cannot write %s: %s", path, error_code_name((int)written));
}

static int64_t first_given(int64_t asked, int64_t planned, int64_t fallback)
{
    return asked > 0 ? asked : planned > 0 ? planned : fallback;
}

struct chaos_options chaos_request_options(const struct chaos_request *q)
{
    struct chaos_options o = q->plan != NULL ? q->plan->options : (struct chaos_options){0};
    o.duration = (uint64_t)first_given(q->duration, (int64_t)o.duration, CHAOS_DURATION_DEFAULT);
    o.settle = (uint64_t)first_given(q->settle, (int64_t)o.settle, CHAOS_SETTLE_DEFAULT);
    o.recovery_within = (uint64_t)first_given(q->recovery_within, (int64_t)o.recovery_within, 0);
    o.clients = (int)first_given(q->clients, o.clients, CHAOS_CLIENTS_DEFAULT);
    o.keys = (int)first_given(q->keys, o.keys, CHAOS_KEYS_DEFAULT);
    if (q->rate >= 0)
        o.rate = (int)q->rate;
    else if (q->plan == NULL || o.rate == 0)
        o.rate = CHAOS_RATE_DEFAULT;
    if (q->faults != NULL)
        o.faults = q->faults;
    if (q->targets != NULL)
        o.targets = q->targets;
    if (q->workloads != NULL)
        o.workloads = q->workloads;
    return o;
}

/* ---- the command that runs it again ---- */

static void add_time(struct text *line, const char *name, uint64_t value)
{
    if (value > 0)
        text_printf(line, " --%s %lldus", name, (long long)(value / (uint64_t)MICROSECOND));
}

static void add_names(struct text *line, const char *option, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        words_add(line, option);
        words_add(line, *names);
    }
}

const char *chaos_replay(struct run *r, const struct chaos_request *q, const struct chaos_options *o,
                         const char *schedule, const char *driver, uint64_t seed)
{
    struct text line = TEXT_INIT;
    words_add(&line, harrow_program);
    words_add(&line, "chaos");
    words_add(&line, q->plan_path != NULL ? q->plan_path : r->manifest->path);
    if (schedule != NULL) {
        words_add(&line, "--schedule");
        words_add(&line, schedule);
    } else {
        add_names(&line, "--fault", o->faults);
        add_names(&line, "--target", o->targets);
    }
    for (const struct workload_kind *const *k = q->workloads; k != NULL && *k != NULL; k++)
        text_printf(&line, " --workload %s", (*k)->name);
    add_time(&line, "duration", o->duration);
    add_time(&line, "settle", o->settle);
    add_time(&line, "recovery-within", o->recovery_within);
    text_printf(&line, " --clients %d --keys %d --rate %d", o->clients, o->keys, o->rate);
    text_puts(&line, q->direct ? " --direct" : "");
    text_puts(&line, q->shrink == CHAOS_SHRINK_NEVER ? " --shrink never" : "");
    text_puts(&line, driver_network_asked() && strcmp(driver, "processes") == 0 ? " --network namespaces" : "");
    text_puts(&line, driver_disk_asked() && strcmp(driver, "processes") == 0 ? " --disk image" : "");
    text_printf(&line, " --driver %s --seed %llu", driver, (unsigned long long)seed);
    const char *copy = text_ok(&line) ? arena_string(&r->arena, text_string(&line)) : NULL;
    text_deinit(&line);
    return copy;
}

/* ---- experiments ---- */

static void add_up(struct chaos_summary *all, const struct chaos_summary *one)
{
    all->operations += one->operations;
    all->ok += one->ok;
    all->failed += one->failed;
    all->unknown += one->unknown;
    all->faults += one->faults;
    all->not_injected += one->not_injected;
    all->lost += one->lost;
    all->violations += one->violations;
}

int chaos_load_schedule(struct run *r, struct system *s, const char *path, uint64_t seed, struct chaos_schedule *out,
                        struct error *err)
{
    struct text content = TEXT_INIT;
    struct document *d = NULL;
    int code = world_read_file(r->world, path, DOCUMENT_SIZE_MAX, &content, err);
    if (code == 0)
        code = document_parse(text_bytes(&content), path, &d, err);
    if (code == 0) {
        const struct node *root = document_root(d), *list = node_get(root, "schedule");
        code = list != NULL
                   ? schedule_read(list, system_target(s), seed, out, err)
                   : node_error(root, err, ERROR_INVALID, "a schedule's file has a list of steps under \"schedule\"");
    }
    document_free(d);
    text_deinit(&content);
    return code;
}

/* A name in the run's folder; the first experiment's have no number. */
static const char *file_of(struct run *r, const char *stem, const char *ending, int64_t number)
{
    return number == 0 ? arena_printf(&r->arena, "%s/%s%s", r->folder, stem, ending)
                       : arena_printf(&r->arena, "%s/%s-%lld%s", r->folder, stem, (long long)number + 1, ending);
}

static int one_experiment(struct run *r, struct system *s, const struct chaos_request *q, int64_t number,
                          struct chaos_summary *all, struct error *err)
{
    struct chaos_options o = chaos_request_options(q);
    struct chaos_schedule schedule;
    struct chaos_summary summary = {0};
    schedule_init(&schedule);
    o.seed = r->seed + (uint64_t)number;
    o.write = write_file;
    o.append = append_file;
    o.write_arg = r;
    o.history = file_of(r, "history", ".jsonl", number);
    o.kept_schedule = file_of(r, "schedule", ".yaml", number);
    bool planned = q->plan != NULL && q->plan->schedule != NULL;
    o.replay = chaos_replay(r, q, &o, q->schedule_path, common.driver, o.seed);
    if (o.history == NULL || o.kept_schedule == NULL || o.replay == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = 0;
    if (q->schedule_path != NULL)
        code = chaos_load_schedule(r, s, q->schedule_path, o.seed, &schedule, err);
    else if (planned)
        code = schedule_read(q->plan->schedule, system_target(s), o.seed, &schedule, err);
    if (code == 0) {
        o.schedule = q->schedule_path != NULL || planned ? &schedule : NULL;
        code = chaos_run(system_target(s), &o, &summary, err);
        add_up(all, &summary);
    }
    if (code == 0 && summary.violations > 0 && !o.violated && q->shrink != CHAOS_SHRINK_NEVER)
        code = chaos_make_smaller(r, s, q, &o, o.kept_schedule, summary.failure, err);
    schedule_deinit(&schedule);
    return code;
}

int pillar_chaos(struct run *r, struct system *s, const struct chaos_request *request)
{
    struct error err = ERROR_INIT;
    struct chaos_summary all = {0};
    int64_t times = request->plan != NULL && request->schedule_path == NULL ? request->plan->repeat : 1;
    int exit_code = 0, code = 0;
    if (r->interrupted)
        return 0;
    pillar_mark(r, "chaos", "start");
    for (int64_t i = 0; i < times && code == 0 && !r->interrupted; i++) {
        if (i > 0)
            code = system_start_anew(s, &err);
        if (code == 0)
            code = one_experiment(r, s, request, i, &all, &err);
    }
    result_emit(&r->results, "pillar",
                json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", "chaos", "state", "end",
                          "operations", (json_int_t)all.operations, "ok", (json_int_t)all.ok, "unknown",
                          (json_int_t)all.unknown, "faults", (json_int_t)all.faults, "not_injected",
                          (json_int_t)all.not_injected, "lost", (json_int_t)all.lost, "violations",
                          (json_int_t)all.violations));
    if (code != 0)
        exit_code = run_failed(r, &err, "chaos");
    error_clear(&err);
    return exit_code;
}
