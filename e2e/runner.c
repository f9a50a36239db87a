/* Runs many flows. The plan is made first: which flows and rows, in which order, what of a file comes before and after.
 * Workers take the next of the plan until none is left; the lines of each are written in the plan's order, so that the
 * stream does not depend on how many workers there are. */
#include "base/random.h"
#include "e2e/kind.h"
#include "e2e/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 256

struct runner {
    struct target *target;
    const struct e2e_options *options;
    ARRAY(struct unit) units;
    ARRAY(struct suite *) suites;
    size_t next, written; /* units taken, and written to the stream */
    size_t ended;         /* units that have ended, before the first that has not */
    json_t **held;        /* lines of units that ended before an earlier one; NULL with one worker */
    struct e2e_summary *summary;
    bool stop; /* after the first failure */
};

/* ---- which ---- */

static bool has_tag(const struct flow *f, const char *tag, size_t len)
{
    for (size_t i = 0; f->tags != NULL && i < f->tags->list.count; i++)
        if (f->tags->list.items[i].text.len == len && memcmp(f->tags->list.items[i].text.data, tag, len) == 0)
            return true;
    return false;
}

/* "smoke,!slow": one of the tags, and none of those behind a "!". */
static bool tags_take(const struct flow *f, const char *wanted)
{
    bool any_wanted = false, found = false;
    for (const char *p = wanted; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, ",");
        bool without = *p == '!';
        if (without && has_tag(f, p + 1, len - 1))
            return false;
        any_wanted = any_wanted || (!without && len > 0);
        found = found || (!without && has_tag(f, p, len));
        p += len + (p[len] == ',');
    }
    return found || !any_wanted;
}

static char *case_name(const struct flow *f, const struct unit *u, size_t row, int repeat, bool whole)
{
    struct text name = TEXT_INIT;
    text_puts(&name, f->name);
    if (u->row != NULL || u->inline_row != NULL) {
        const struct node *n = u->inline_row != NULL ? node_get(u->inline_row, "case") : NULL;
        const char *own = n != NULL ? (const char *)n->text.data : json_string_value(json_object_get(u->row, "case"));
        if (own != NULL)
            text_printf(&name, " [%s]", own);
        else
            text_printf(&name, " [%zu]", row + 1);
    }
    if (whole && repeat > 0)
        text_printf(&name, " (run %d)", repeat + 1);
    char *taken = text_ok(&name) ? text_take(&name) : NULL;
    text_deinit(&name);
    return taken;
}

static bool add_unit(struct runner *r, struct unit u, size_t row, int repeat)
{
    u.name = case_name(u.flow, &u, row, repeat, true);
    u.filter = case_name(u.flow, &u, row, repeat, false);
    u.skipped = u.flow->commands && r->options->simulated;
    bool wanted = u.filter != NULL && (r->options->filter == NULL || strstr(u.filter, r->options->filter) != NULL);
    bool ok = u.name != NULL && u.filter != NULL;
    if (wanted && ok && array_push(&r->units, u)) {
        if (u.suite != NULL)
            u.suite->left++;
        return true;
    }
    free(u.name);
    free(u.filter);
    return ok && !wanted;
}

static bool add_rows(struct runner *r, const struct flow *f, struct suite *suite, int repeat)
{
    struct unit u = {.what = UNIT_FLOW, .flow = f, .suite = suite};
    bool ok = true;
    if (f->cases == NULL)
        return add_unit(r, u, 0, repeat);
    size_t count = f->rows != NULL ? json_array_size(f->rows) : f->cases->list.count;
    for (size_t i = 0; i < count && ok; i++) {
        u.row = f->rows != NULL ? json_array_get(f->rows, i) : NULL;
        u.inline_row = f->rows == NULL ? &f->cases->list.items[i] : NULL;
        ok = add_unit(r, u, i, repeat);
    }
    return ok;
}

static bool add_fixture(struct runner *r, struct suite *s, bool setup)
{
    struct unit u = {.what = setup ? UNIT_SETUP : UNIT_TEARDOWN, .flow = s->flow, .suite = s};
    u.name = strdup(setup ? "setup" : "teardown");
    u.filter = strdup(r->options->filter != NULL ? r->options->filter : "");
    u.skipped = s->flow->commands && r->options->simulated;
    if (u.name != NULL && u.filter != NULL && array_push(&r->units, u))
        return true;
    free(u.name);
    free(u.filter);
    return false;
}

/* The flows of one file, from `first` on, in their places of the plan. */
static bool add_file(struct runner *r, const struct flow_list *flows, size_t first, size_t end, int repeat)
{
    const struct flow *f = flows->items[first];
    struct suite *suite = NULL;
    size_t before = r->units.count;
    if (f->file->setup != NULL || f->file->teardown != NULL) {
        suite = calloc(1, sizeof *suite);
        if (suite == NULL || !array_push(&r->suites, suite)) {
            free(suite);
            return false;
        }
        suite->file = f->file;
        suite->flow = f;
        if (f->file->setup != NULL && !add_fixture(r, suite, true))
            return false;
    }
    bool ok = true;
    size_t fixtures = r->units.count;
    for (size_t i = first; i < end && ok; i++)
        if (flows->items[i]->params == NULL && tags_take(flows->items[i], r->options->tags))
            ok = add_rows(r, flows->items[i], suite, repeat);
    if (suite != NULL && r->units.count == fixtures) { /* nothing of the file runs: neither does what serves it */
        for (; r->units.count > before; r->units.count--) {
            free(array_last(&r->units)->name);
            free(array_last(&r->units)->filter);
        }
        return ok;
    }
    return ok && (suite == NULL || f->file->teardown == NULL || add_fixture(r, suite, false));
}

static size_t file_end(const struct flow_list *flows, size_t first)
{
    size_t end = first + 1;
    while (end < flows->count && flows->items[end]->file == flows->items[first]->file)
        end++;
    return end;
}

/* Another order of files, and of flows within each. */
static bool shuffled(const struct flow_list *flows, uint64_t seed, int repeat, struct flow_list *out)
{
    struct random base, own;
    char purpose[32];
    ARRAY(size_t) files = {0};
    random_seed(&base, seed);
    snprintf(purpose, sizeof purpose, "order %d", repeat);
    random_fork(&base, purpose, &own);
    bool ok = (out->items = malloc((flows->count + 1) * sizeof *out->items)) != NULL;
    for (size_t i = 0; i < flows->count && ok; i = file_end(flows, i))
        ok = array_push(&files, i);
    for (size_t i = files.count; ok && i > 1; i--) {
        size_t k = random_below(&own, i), kept = files.items[i - 1];
        files.items[i - 1] = files.items[k];
        files.items[k] = kept;
    }
    for (size_t n = 0; ok && n < files.count; n++) {
        size_t first = files.items[n], count = file_end(flows, first) - first;
        memcpy(out->items + out->count, flows->items + first, count * sizeof *out->items);
        for (size_t i = count; i > 1; i--) {
            size_t k = random_below(&own, i);
            struct flow *kept = out->items[out->count + i - 1];
            out->items[out->count + i - 1] = out->items[out->count + k];
            out->items[out->count + k] = kept;
        }
        out->count += count;
    }
    array_deinit(&files);
    return ok;
}

static bool plan(struct runner *r, const struct flow_list *flows, int repeat)
{
    struct flow_list order = {0};
    bool ok = true;
    if (r->options->shuffle) {
        ok = shuffled(flows, r->target->seed, repeat, &order);
        flows = &order;
    }
    for (size_t i = 0; i < flows->count && ok; i = file_end(flows, i))
        ok = add_file(r, flows, i, file_end(flows, i), repeat);
    free(order.items);
    return ok;
}

/* ---- running ---- */

static void count_end(struct runner *r, enum unit_end end)
{
    r->summary->passed += end == UNIT_PASSED || end == UNIT_FLAKY;
    r->summary->flaky += end == UNIT_FLAKY;
    r->summary->failed += end == UNIT_FAILED;
    r->summary->skipped += end == UNIT_SKIPPED;
    r->stop = r->stop || (end == UNIT_FAILED && r->options->until_fail);
}

struct turn {
    struct runner *runner;
    struct unit *unit;
};

/* One that disturbs others waits for all before it, and all behind it wait for it. */
static bool may_begin(void *arg)
{
    const struct turn *turn = arg;
    const struct runner *r = turn->runner;
    const struct unit *u = turn->unit;
    if (u->flow->alone && r->ended < u->index)
        return false;
    if (u->alone_before != SIZE_MAX && !r->units.items[u->alone_before].ended)
        return false;
    if (u->suite == NULL || u->what == UNIT_SETUP)
        return true;
    if (u->what == UNIT_TEARDOWN)
        return u->suite->left == 0;
    return u->suite->file->setup == NULL || u->suite->variables != NULL || u->suite->failed;
}

static void has_ended(struct runner *r, struct unit *u)
{
    u->ended = true;
    if (u->suite != NULL && u->what == UNIT_FLOW)
        u->suite->left--;
    while (r->ended < r->units.count && r->units.items[r->ended].ended)
        r->ended++;
}

static void write_held(struct runner *r)
{
    size_t i;
    json_t *line;
    for (; r->written < r->units.count && r->held[r->written] != NULL; r->written++) {
        json_array_foreach(r->held[r->written], i, line)
        {
            result_emit(r->target->results, json_string_value(json_array_get(line, 0)),
                        json_incref(json_array_get(line, 1)));
        }
        json_decref(r->held[r->written]);
        r->held[r->written] = NULL;
    }
}

static void work(struct fiber *fiber, void *arg)
{
    struct runner *r = arg;
    struct http_session *http = NULL;
    while (r->next < r->units.count && !r->target->interrupted && !r->stop) {
        size_t i = r->next++;
        struct unit *u = &r->units.items[i];
        struct flow_context waiting = {.target = r->target, .fiber = fiber};
        json_t *held = r->held != NULL ? json_array() : NULL;
        struct turn turn = {.runner = r, .unit = u};
        if (!may_begin(&turn) && flow_wait(&waiting, may_begin, &turn, 0) != 0) {
            json_decref(held);
            break;
        }
        count_end(r, unit_run(r->target, r->options, u, fiber, &http, held));
        has_ended(r, u);
        if (r->held != NULL) {
            r->held[i] = held;
            write_held(r);
        }
    }
    http_session_free(http);
}

static int run_units(struct runner *r)
{
    size_t alone = SIZE_MAX;
    for (size_t i = 0; i < r->units.count; i++) {
        struct unit *u = &r->units.items[i];
        u->index = i;
        u->alone_before = alone;
        alone = u->flow->alone ? i : alone;
    }
    size_t jobs = r->options->jobs > 1 ? (size_t)r->options->jobs : 1;
    jobs = jobs < JOBS_MAX ? jobs : JOBS_MAX;
    jobs = jobs < r->units.count ? jobs : r->units.count;
    if (jobs <= 1) {
        work(NULL, r);
        return 0;
    }
    struct fiber_job list[JOBS_MAX];
    for (size_t i = 0; i < jobs; i++)
        list[i] = (struct fiber_job){.run = work, .arg = r};
    r->held = calloc(r->units.count, sizeof(json_t *));
    int code = r->held != NULL ? fibers_run(NULL, r->target->world, list, jobs) : ERROR_MEMORY;
    for (size_t i = 0; r->held != NULL && i < r->units.count; i++)
        json_decref(r->held[i]);
    free(r->held);
    r->held = NULL;
    return code;
}

static void clear_plan(struct runner *r)
{
    for (size_t i = 0; i < r->units.count; i++) {
        free(r->units.items[i].name);
        free(r->units.items[i].filter);
    }
    for (size_t i = 0; i < r->suites.count; i++) {
        json_decref(r->suites.items[i]->variables);
        free(r->suites.items[i]);
    }
    array_clear(&r->units);
    array_clear(&r->suites);
    r->next = r->written = r->ended = 0;
}

static int nothing(const struct e2e_options *o, struct error *err)
{
    if (o->filter != NULL)
        return error_set(err, ERROR_NOT_FOUND, "no flow's name contains \"%s\"", o->filter);
    if (o->tags != NULL)
        return error_set(err, ERROR_NOT_FOUND, "no flow has the tags \"%s\"", o->tags);
    return 0;
}

int e2e_run(struct target *t, const struct flow_list *flows, const struct e2e_options *options,
            struct e2e_summary *summary, struct error *err)
{
    struct runner r = {.target = t, .options = options, .summary = summary};
    int repeat = options->repeat > 0 ? options->repeat : 1, code = 0;
    *summary = (struct e2e_summary){0};
    for (int i = 0;
         (i < repeat || (options->until_fail && options->repeat == 0)) && code == 0 && !t->interrupted && !r.stop;
         i++) {
        code = plan(&r, flows, i) ? run_units(&r) : ERROR_MEMORY;
        bool none = r.units.count == 0;
        clear_plan(&r);
        if (none)
            break;
    }
    array_deinit(&r.units);
    array_deinit(&r.suites);
    if (code != 0)
        return error_set(err, code, "out of memory");
    if (t->interrupted)
        return error_set(err, ERROR_CANCELLED, "interrupted");
    return summary->passed + summary->failed + summary->skipped == 0 ? nothing(options, err) : 0;
}

/* ---- what would run ---- */

int e2e_list(struct target *t, const struct flow_list *flows, const struct e2e_options *options, struct text *out,
             struct error *err)
{
    struct runner r = {.target = t, .options = options};
    int code = plan(&r, flows, 0) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < r.units.count && code == 0; i++) {
        const struct unit *u = &r.units.items[i];
        text_printf(out, "%s:%d: %s", u->flow->path, u->flow->line, u->name);
        for (size_t k = 0; u->what == UNIT_FLOW && u->flow->tags != NULL && k < u->flow->tags->list.count; k++)
            text_printf(out, " #%s", (const char *)u->flow->tags->list.items[k].text.data);
        text_puts(out, u->skipped ? " (skipped: it runs commands, which a simulation does not have)\n" : "\n");
    }
    if (code == 0 && r.units.count == 0)
        code = nothing(options, err);
    clear_plan(&r);
    array_deinit(&r.units);
    array_deinit(&r.suites);
    return code;
}
