/* Campaigns side by side: processes of this program, each with a system of its own, on one corpus folder. What they say
 * comes as their result streams; what they were is in the fuzz.json of each one's run. */
#include "harrow/fuzz/jobs.h"

#include "base/array.h"
#include "base/units.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERTIME    ((uint64_t)(30 * MINUTE)) /* for findings to be made smaller, before workers are killed */
#define SUMMARY_MAX ((size_t)256 << 20)
#define TICK        ((uint64_t)SECOND)

/* ---- what workers say ------------------------------------------------------------------------------------------- */

/* What is the same in two workers is told once; members stay as they are, so its replay is the worker's. */
static void take_finding(struct jobs *j, json_t *line)
{
    const char *title = json_string_value(json_object_get(line, "title"));
    if (!title || map_get(&j->titles, title))
        return;
    (void)map_put(&j->titles, title, j); /* without memory it may be told twice: better than never */
    json_object_del(line, "type");
    json_object_del(line, "t");
    result_emit(&j->run->results, "finding", json_incref(line));
}

static void take_line(struct job *job, struct bytes text)
{
    struct jobs *j = job->jobs;
    json_t *line = result_read(text, NULL);
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *series = json_string_value(json_object_get(line, "series"));
    const char *pillar = json_string_value(json_object_get(line, "pillar"));
    if (type && strcmp(type, "finding") == 0) {
        take_finding(j, line);
    } else if (type && strcmp(type, "end") == 0) {
        job->finished = true;
    } else if (type && strcmp(type, "case") == 0 && pillar && strcmp(pillar, "harness") == 0) {
        const char *message = json_string_value(json_object_get(line, "message"));
        run_say(j->run, "worker %d: %s", job->number, message ? message : "");
        if (message && j->refusal.len == 0)
            text_puts(&j->refusal, message);
    } else if (series && strcmp(series, "fuzz_inputs") == 0) {
        j->calls += json_number_value(json_object_get(line, "value"));
        job->began = true;
    }
    json_decref(line);
}

void job_output(void *arg, int fd, struct bytes line)
{
    struct job *job = arg;
    if (fd == 1)
        take_line(job, line);
    else
        run_say(job->jobs->run, "worker %d: %.*s", job->number, (int)line.len, (const char *)line.data);
}

static void without_figures(struct jobs *j, const char *path, int code)
{
    result_emit(&j->run->results, "note",
                json_pack("{s:s+++}", "text", "the figures leave out those in ", path, ": ", error_code_name(code)));
}

/* Its figures, from the folder of its run. A worker that was lost left none. */
static void each_run(void *arg, const char *name)
{
    struct job *job = arg;
    struct jobs *j = job->jobs;
    struct text content = TEXT_INIT;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/jobs/%d/%s/fuzz.json", j->run->folder, job->number, name);
    struct world_stat stat = {0};
    if (n < 0 || (size_t)n >= sizeof path)
        return;
    int code = world_stat(j->run->world, path, &stat);
    if (code == 0 && !stat.exists)
        return;
    if (code == 0)
        code = world_read_file(j->run->world, path, SUMMARY_MAX, &content, NULL);
    if (code == 0) {
        json_t *json = json_loadb(text_string(&content), content.len, 0, NULL);
        code = fuzz_summary_merge(&j->summary, json, NULL);
        json_decref(json);
    }
    if (code != 0)
        without_figures(j, path, code);
    text_deinit(&content);
}

static bool all_ended(void *arg)
{
    const struct jobs *j = arg;
    for (int i = 0; i < j->count; i++)
        if (!j->items[i].ended)
            return false;
    return true;
}

static void on_tick(void *arg)
{
    struct jobs *j = arg;
    for (int i = 0; i < j->count; i++)
        job_look(&j->items[i]);
    result_sample(&j->run->results, "fuzz_inputs", j->calls);
    j->calls = 0;
    world_timer_start(&j->tick, TICK);
}

/* An interrupt ends the wait; workers are told, and have the time they need to tell what they found. */
static int wait_for_all(struct jobs *j, struct error *err)
{
    uint64_t within = j->request->options.budget > 0 ? j->request->options.budget + OVERTIME : 0;
    int code = world_run_until(j->run->world, all_ended, j, within);
    if (code == 0)
        return 0;
    j->stopped = true;
    for (int i = 0; i < j->count; i++)
        if (!j->items[i].ended)
            world_process_signal(j->items[i].process, SIGINT);
    (void)world_run_until(j->run->world, all_ended, j, (uint64_t)(20 * SECOND));
    return j->run->interrupted ? 0 : error_set(err, code, "workers did not end: %s", error_code_name(code));
}

static void merge_all(struct jobs *j)
{
    for (int i = 0; i < j->count; i++) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/jobs/%d", j->run->folder, j->items[i].number);
        int code =
            n > 0 && (size_t)n < sizeof path ? world_list(j->run->world, path, each_run, &j->items[i]) : ERROR_LIMIT;
        if (code != 0 && code != ERROR_NOT_FOUND)
            without_figures(j, path, code);
    }
}

int fuzz_jobs(struct run *r, const struct fuzz_request *request)
{
    struct error err = ERROR_INIT;
    struct jobs j = {.run = r, .request = request, .count = request->jobs, .summary = {.edges = -1, .edges_all = -1}};
    struct text replay = TEXT_INIT;
    int exit_code = 0, code = 0;
    j.corpus = request->options.corpus ? request->options.corpus : arena_printf(&r->arena, "%s/corpus", r->folder);
    j.items = calloc((size_t)j.count, sizeof *j.items);
    j.started = world_now(r->world);
    result_emit(&r->results, "pillar", json_pack("{s:s, s:s}", "name", "fuzz", "state", "start"));
    if (!j.items || !j.corpus)
        code = error_set(&err, ERROR_MEMORY, "out of memory");
    for (int i = 0; code == 0 && i < j.count; i++) {
        j.items[i] = (struct job){.jobs = &j, .number = i + 1};
        code = job_start(&j.items[i], &err);
    }
    world_timer_init(&j.tick, r->world, on_tick, &j);
    world_timer_start(&j.tick, TICK);
    if (code == 0)
        code = wait_for_all(&j, &err);
    world_timer_stop(&j.tick);
    for (int i = 0; j.items && i < j.count; i++)
        world_process_close(j.items[i].process);
    if (code == 0 && j.refused == j.count)
        code = error_set(&err, j.refused_with == HARROW_ENVIRONMENT ? ERROR_CLOSED : ERROR_INVALID,
                         "no worker could begin: %s", text_string(&j.refusal));
    if (code == 0) {
        merge_all(&j);
        j.summary.ended = r->interrupted ? "interrupted" : "its workers";
        fuzz_replay_words(r, request, true, &replay);
        fuzz_summary_cases(&j.summary, &r->results, text_string(&replay));
        fuzz_end(r, &j.summary);
    } else {
        exit_code = run_failed(r, &err, "fuzz");
    }
    map_deinit(&j.titles);
    text_deinit(&j.refusal);
    fuzz_summary_deinit(&j.summary);
    text_deinit(&replay);
    free(j.items);
    error_clear(&err);
    return exit_code;
}
