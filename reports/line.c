/* One line of the result stream into the model: what each type's members are, and what is wrong with them. */
#include "reports/matrix.h"
#include "reports/reader.h"

#include "base/array.h"
#include "base/result.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A seed fits no JSON number that every reader agrees about, so it is text; a number is taken too. */
static const char *seed_of(struct reader *in)
{
    const json_t *value = reader_member(in, "seed");
    if (value != NULL && !json_is_string(value) && !json_is_integer(value)) {
        reader_wrong_kind(in, "seed", "text", value);
        return "";
    }
    return value == NULL ? "" : reader_scalar(in, value);
}

static struct report_pillar *pillar_of(struct reader *in, const char *name)
{
    struct report *r = in->report;
    for (size_t i = 0; i < r->pillars.count; i++)
        if (strcmp(r->pillars.items[i].name, name) == 0)
            return &r->pillars.items[i];
    struct report_pillar pillar = {.name = name, .start = in->t};
    if (!array_push(&r->pillars, pillar)) {
        (void)reader_no_memory(in);
        return NULL;
    }
    return array_last(&r->pillars);
}

/* ---- the types ------------------------------------------------------------------------------------------------- */

static void read_run(struct reader *in)
{
    struct report *r = in->report;
    r->begun = true;
    r->id = reader_text(in, "id");
    r->system = reader_text(in, "system");
    r->driver = reader_text(in, "driver");
    r->seed = seed_of(in);
    r->started = reader_text(in, "started");
    r->command = reader_text(in, "command");
    r->version = reader_text(in, "version");
    r->shard = reader_count(in, "shard", 0);
    r->shards = reader_count(in, "shards", 0);
}

static void read_pillar(struct reader *in)
{
    const char *name = reader_text(in, "name"), *state = reader_text(in, "state");
    struct report_pillar *p = in->failed != 0 ? NULL : pillar_of(in, name);
    if (p == NULL)
        return;
    p->end = in->t;
    if (strcmp(state, "start") == 0) {
        p->started = true;
        p->start = in->t;
        return;
    }
    if (strcmp(state, "end") != 0)
        return;
    p->ended = true;
    struct report_member **last = &p->totals;
    while (*last != NULL)
        last = &(*last)->next;
    const char *key;
    json_t *value;
    json_t *object = json_deep_copy(in->object); /* jansson's iterators take no const object */
    if (object == NULL)
        (void)reader_no_memory(in);
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "type") == 0 || strcmp(key, "t") == 0 || strcmp(key, "name") == 0 || strcmp(key, "state") == 0)
            continue;
        struct report_member *m = ARENA_NEW(&in->report->arena, struct report_member);
        if (m != NULL)
            m->name = arena_string(&in->report->arena, key);
        if (m == NULL || m->name == NULL) {
            (void)reader_no_memory(in);
            break;
        }
        m->value = reader_scalar(in, value);
        *last = m;
        last = &m->next;
    }
    json_decref(object);
}

/* The try before: tries of one case follow each other closely, so the search goes back from the end. */
static struct report_case *case_before(struct report *r, const struct report_case *c)
{
    for (size_t i = r->cases.count; i-- > 0;) {
        struct report_case *other = &r->cases.items[i];
        if (strcmp(other->name, c->name) == 0 && strcmp(other->suite, c->suite) == 0 &&
            strcmp(other->pillar, c->pillar) == 0)
            return other;
    }
    return NULL;
}

static void read_case(struct reader *in)
{
    struct report *r = in->report;
    struct report_case c = {.t = in->t,
                            .pillar = reader_text(in, "pillar"),
                            .suite = reader_text(in, "suite"),
                            .name = reader_text(in, "name"),
                            .status = reader_status(in),
                            .duration = reader_count(in, "duration", 0),
                            .message = reader_text(in, "message"),
                            .detail = reader_text(in, "detail"),
                            .later = reader_text(in, "later"),
                            .file = reader_text(in, "file"),
                            .line = (int)reader_integer(in, "line", 0, INT32_MAX, 0),
                            .column = (int)reader_integer(in, "column", 0, INT32_MAX, 0),
                            .picture = {.path = reader_text(in, "picture"), .problem = ""},
                            .tries = reader_count(in, "tries", 1),
                            .replay = reader_text(in, "replay")};
    if (c.message[0] == 0)
        c.message = reader_text(in, "why");
    uint64_t attempt = reader_count(in, "attempt", 1);
    struct report_pillar *p = in->failed != 0 ? NULL : pillar_of(in, c.pillar);
    if (p == NULL)
        return;
    struct report_steps *steps = map_remove(&r->open_steps, c.name);
    if (steps != NULL) {
        c.steps = steps->first;
        c.steps_left_out = steps->left_out;
        c.pictures = steps->pictures;
        c.trace = steps->trace;
        report_steps_end(steps);
    }
    struct report_case *before = attempt > 1 ? case_before(r, &c) : NULL;
    if (before != NULL) {
        r->counts[before->status]--;
        p->counts[before->status]--;
        if (!report_case_again(&r->arena, before, &c))
            (void)reader_no_memory(in);
        r->counts[before->status]++;
        p->counts[before->status]++;
        p->end = in->t;
        return;
    }
    if (!array_push(&r->cases, c)) {
        (void)reader_no_memory(in);
        return;
    }
    r->counts[c.status]++;
    p->counts[c.status]++;
    p->end = in->t;
}

/* Like steps, pictures come before their case. */
static void read_picture(struct reader *in)
{
    struct report_steps *steps = reader_steps(in);
    if (steps == NULL)
        return;
    struct report_picture *p = ARENA_NEW(&in->report->arena, struct report_picture);
    if (p == NULL) {
        (void)reader_no_memory(in);
        return;
    }
    *p = (struct report_picture){.name = reader_text(in, "name"), .path = reader_text(in, "picture"), .problem = ""};
    struct report_picture **end = &steps->pictures;
    while (*end != NULL)
        end = &(*end)->next;
    *end = p;
}

static void read_spans(struct reader *in)
{
    struct report_steps *steps = reader_steps(in);
    if (steps != NULL)
        in->failed = report_trace_read(in->report, in->object, &steps->trace, in->err);
}

static void read_fault(struct reader *in)
{
    struct report *r = in->report;
    struct report_fault f = {.name = reader_text(in, "name"),
                             .target = reader_text(in, "target"),
                             .detail = reader_text(in, "detail"),
                             .start = in->t,
                             .hits = reader_count(in, "hits", 0),
                             .counted = reader_member(in, "hits") != NULL,
                             .verified = reader_bool(in, "verified")};
    const char *state = reader_text(in, "state");
    if (in->failed != 0)
        return;
    if (strcmp(state, "heal") == 0) {
        r->heals++;
        for (size_t i = r->faults.count; i-- > 0;) {
            struct report_fault *open = &r->faults.items[i];
            if (open->healed || strcmp(open->name, f.name) != 0 || strcmp(open->target, f.target) != 0)
                continue;
            open->healed = true;
            open->end = in->t;
            open->verified = open->verified || f.verified;
            if (f.counted && f.hits >= open->hits)
                open->hits = f.hits;
            open->counted = open->counted || f.counted;
            if (f.detail[0] != 0)
                open->detail = f.detail;
            return;
        }
        return; /* healed, but never seen to begin: nothing to show */
    }
    if (!array_push(&r->faults, f))
        (void)reader_no_memory(in);
}

static void read_sample(struct reader *in)
{
    struct report *r = in->report;
    const json_t *value = reader_member(in, "value");
    const json_t *series_name = reader_member(in, "series");
    if (value == NULL)
        return; /* not a number there: a hole in the curve */
    if (!json_is_number(value) || series_name == NULL || !json_is_string(series_name)) {
        if (!json_is_number(value))
            reader_wrong_kind(in, "value", "a number", value);
        else if (series_name != NULL)
            reader_wrong_kind(in, "series", "text", series_name);
        return;
    }
    const char *name = reader_name(in, series_name);
    struct report_series *series = NULL;
    if (name == NULL)
        return;
    for (size_t i = 0; i < r->series.count && series == NULL; i++)
        if (strcmp(r->series.items[i].name, name) == 0)
            series = &r->series.items[i];
    if (series == NULL) {
        if (r->series.count == REPORT_SERIES_MAX) {
            r->dropped++;
            return;
        }
        struct report_series fresh = {.name = reader_text(in, "series")};
        if (in->failed != 0 || !array_push(&r->series, fresh)) {
            (void)reader_no_memory(in);
            return;
        }
        series = array_last(&r->series);
    }
    struct report_point point = {in->t, json_number_value(value)};
    if (!array_grow_((void **)&series->points, &series->capacity, series->count + 1, sizeof point)) {
        (void)reader_no_memory(in);
        return;
    }
    /* Kept in order of time: side by side writers may be a little out of step. */
    size_t at = series->count++;
    for (; at > 0 && series->count - at < 1000 && series->points[at - 1].t > point.t; at--)
        series->points[at] = series->points[at - 1];
    series->points[at] = point;
}

static void read_recovery(struct reader *in)
{
    struct report_recovery recovery = {.t = in->t,
                                       .number = reader_count(in, "number", 0),
                                       .durations = {[REPORT_DETECTED] = reader_count(in, "detected", REPORT_UNKNOWN),
                                                     [REPORT_ANSWERED] = reader_count(in, "duration", 0),
                                                     [REPORT_BASELINE] = reader_count(in, "baseline", REPORT_UNKNOWN),
                                                     [REPORT_CONVERGED] = REPORT_UNKNOWN},
                                       .target = reader_text(in, "target"),
                                       .fault = reader_text(in, "fault")};
    if (in->failed == 0 && !array_push(&in->report->recoveries, recovery))
        (void)reader_no_memory(in);
}

/* What was only known when the history was whole. Numbers begin anew with each experiment: it is the last one's. */
static void read_converged(struct reader *in)
{
    struct report *r = in->report;
    const char *target = reader_text(in, "target"), *fault = reader_text(in, "fault");
    uint64_t number = reader_count(in, "number", 0), duration = reader_count(in, "duration", REPORT_UNKNOWN);
    for (size_t i = r->recoveries.count; in->failed == 0 && i-- > 0;) {
        struct report_recovery *recovery = &r->recoveries.items[i];
        if (recovery->number != number || strcmp(recovery->target, target) != 0 || strcmp(recovery->fault, fault) != 0)
            continue;
        recovery->durations[REPORT_CONVERGED] = duration;
        return;
    }
}

static void read_finding(struct reader *in)
{
    struct report *r = in->report;
    struct report_finding f = {.t = in->t,
                               .pillar = reader_text(in, "pillar"),
                               .title = reader_text(in, "title"),
                               .severity = reader_text(in, "severity"),
                               .oracle = reader_text(in, "oracle"),
                               .target = reader_text(in, "target"),
                               .seed = seed_of(in),
                               .replay = reader_text(in, "replay"),
                               .input = reader_payload(in, "input"),
                               .detail = reader_text(in, "detail"),
                               .picture = {.path = reader_text(in, "picture"), .problem = ""},
                               .count = reader_count(in, "count", 1)};
    f.warning = strcmp(f.severity, "warning") == 0;
    struct report_pillar *p = in->failed != 0 ? NULL : pillar_of(in, f.pillar);
    if (p == NULL)
        return;
    if (!array_push(&r->findings, f)) {
        (void)reader_no_memory(in);
        return;
    }
    *(f.warning ? &r->warnings : &r->bugs) += 1;
    *(f.warning ? &p->warnings : &p->findings) += 1;
    p->end = in->t;
}

static void read_table(struct reader *in)
{
    in->failed = report_table_read(in->report, in->object, in->err);
}

static void read_contract(struct reader *in)
{
    in->failed = report_contract_read(in->report, in->object, in->err);
}

static void read_note(struct reader *in)
{
    struct report_note note = {in->t, reader_text(in, "text")};
    if (in->failed == 0 && !array_push(&in->report->notes, note))
        (void)reader_no_memory(in);
}

static void read_end(struct reader *in)
{
    struct report *r = in->report;
    r->ended = true;
    r->exit = reader_integer(in, "exit", INT32_MIN, INT32_MAX, 0);
    uint64_t duration = reader_count(in, "duration", 0);
    if (duration > r->duration)
        r->duration = duration;
}

static const struct {
    const char *type;
    void (*read)(struct reader *in);
} types[] = {{"run", read_run},           {"pillar", read_pillar},
             {"case", read_case},         {"step", report_step_read},
             {"picture", read_picture},   {"fault", read_fault},
             {"sample", read_sample},     {"finding", read_finding},
             {"note", read_note},         {"end", read_end},
             {"recovery", read_recovery}, {"converged", read_converged},
             {"table", read_table},       {"contract", read_contract},
             {"spans", read_spans},       {"latency", report_latency_read}};

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if (strchr(" \t\r", line.data[i]) == NULL || line.data[i] == 0)
            return false;
    return true;
}

static int add_line(struct report *r, struct bytes line, bool last, struct error *err)
{
    r->lines++;
    if (is_blank(line)) {
        r->blank++;
        return 0;
    }
    if (line.len > REPORT_LINE_MAX)
        return error_set_at(err, ERROR_LIMIT, r->source, (int)r->lines, 0, "the line is longer than %zu bytes",
                            REPORT_LINE_MAX);
    if (report_step_left_out(r, line))
        return 0;
    json_error_t why;
    json_t *object = result_read(line, &why);
    if (object == NULL) {
        /* jansson names every error but the lack of memory. */
        if (json_error_code(&why) == json_error_out_of_memory || why.text[0] == 0)
            return error_set(err, ERROR_MEMORY, "out of memory");
        if (last) {
            r->truncated = true;
            return 0;
        }
        return error_set_at(err, ERROR_SYNTAX, r->source, (int)r->lines, why.column > 0 ? why.column : 1,
                            "not a JSON object: %s", why.text);
    }
    struct reader in = {.report = r, .object = object, .err = err};
    const char *type = json_string_value(json_object_get(object, "type"));
    if (type == NULL) {
        in.failed = error_set_at(err, ERROR_INVALID, r->source, (int)r->lines, 1,
                                 "not a result: an object with a text \"type\" is expected");
        goto out;
    }
    in.t = reader_count(&in, "t", 0);
    if (in.t > r->duration)
        r->duration = in.t;
    size_t i = 0;
    while (i < sizeof types / sizeof *types && strcmp(types[i].type, type) != 0)
        i++;
    if (i == sizeof types / sizeof *types)
        r->unknown++;
    else if (in.failed == 0)
        types[i].read(&in);

out:
    json_decref(object);
    return in.failed;
}

int report_add_line(struct report *r, struct bytes line, struct error *err)
{
    return add_line(r, line, false, err);
}

int report_add_last(struct report *r, struct bytes line, struct error *err)
{
    return add_line(r, line, true, err);
}
