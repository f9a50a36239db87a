/* What a campaign was, as figures: to JSON, from the JSON of another process's campaign, and as lines of the result
 * stream. */
#include "fuzz/fuzz.h"

#include "fuzz/case/case.h"
#include "fuzz/live/latency.h"
#include "fuzz/live/maker.h"
#include "wire/grpc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POINT_STEP   ((uint64_t)1000000000) /* points of several campaigns within this are one */
#define MERGE_MAX    100000                 /* entries of any list of another process's summary */
#define REFUSAL_SHOW 200

const char *fuzz_confirmation_name(enum fuzz_confirmation c)
{
    static const char *const names[] = {[FUZZ_NOT_TRIED] = "not run again",
                                        [FUZZ_UNCONFIRMED] = "did not come again",
                                        [FUZZ_SAME_SYSTEM] = "same system only",
                                        [FUZZ_FRESH_SYSTEM] = "fresh system"};
    return names[c];
}

void fuzz_summary_deinit(struct fuzz_summary *s)
{
    for (size_t i = 0; i < s->method_figures.count; i++) {
        struct fuzz_method_figures *m = &s->method_figures.items[i];
        free(m->path);
        free(m->component);
        free(m->refusal);
        free(m->refusing_field);
        free(m->latency);
    }
    for (size_t i = 0; i < s->operators.count; i++) {
        free(s->operators.items[i].name);
        free(s->operators.items[i].kind);
    }
    for (size_t i = 0; i < s->finding_figures.count; i++) {
        struct fuzz_finding_figures *f = &s->finding_figures.items[i];
        free(f->title);
        free(f->oracle);
        free(f->component);
        free(f->confirmed);
        free(f->file);
    }
    for (size_t i = 0; i < s->components.count; i++)
        free(s->components.items[i].name);
    array_deinit(&s->method_figures);
    array_deinit(&s->operators);
    array_deinit(&s->points);
    array_deinit(&s->finding_figures);
    array_deinit(&s->components);
    *s = (struct fuzz_summary){0};
}

/* ---- to JSON ---------------------------------------------------------------------------------------------------- */

static const char *source_name(size_t i)
{
    static const char *const names[FUZZ_SOURCES] = {"sequences", "drawn", "changed", "stored"};
    _Static_assert((int)FUZZ_SOURCES == (int)MAKER_SOURCES, "a name for each source");
    return names[i];
}

/* Takes the reference to `value`. *ok turns false when memory is out. */
static void set(bool *ok, json_t *object, const char *key, json_t *value)
{
    *ok &= json_object_set_new(object, key, value) == 0;
}

static void append(bool *ok, json_t *array, json_t *value)
{
    *ok &= json_array_append_new(array, value) == 0;
}

static void set_text(bool *ok, json_t *object, const char *key, const char *value)
{
    if (value)
        set(ok, object, key, json_stringn_nocheck(value, strlen(value)));
}

static json_t *statuses_json(bool *ok, const int64_t statuses[FUZZ_STATUSES])
{
    json_t *out = json_object();
    for (int i = 0; i < FUZZ_STATUSES; i++)
        if (statuses[i])
            set(ok, out, grpc_status_name(i), json_integer(statuses[i]));
    return out;
}

static json_t *point_json(bool *ok, const struct fuzz_point *p)
{
    json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "at", (json_int_t)p->at, "calls",
                            (json_int_t)p->calls, "cases", (json_int_t)p->cases, "edges", (json_int_t)p->edges,
                            "features", (json_int_t)p->features, "corpus", (json_int_t)p->corpus, "findings",
                            (json_int_t)p->findings, "methods_ok", (json_int_t)p->methods_ok);
    json_t *lanes = json_object(), *sources = json_object();
    for (unsigned i = 0; i < FUZZ_LANES; i++)
        set(ok, lanes, fuzz_lane_name((enum fuzz_lane)i), json_real((double)p->lanes[i]));
    for (unsigned i = 0; i < FUZZ_SOURCES; i++)
        set(ok, sources, source_name(i), json_real((double)p->sources[i]));
    set(ok, out, "lanes", lanes);
    set(ok, out, "sources", sources);
    return out;
}

json_t *fuzz_summary_json(const struct fuzz_summary *s)
{
    json_t *out = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cases", (json_int_t)s->cases,
                            "calls", (json_int_t)s->inputs, "answered", (json_int_t)s->answered, "duration",
                            (json_int_t)s->duration, "imported", (json_int_t)s->imported, "kept", (json_int_t)s->kept,
                            "not_told", (json_int_t)s->unrepeated, "warnings", (json_int_t)s->warnings, "edges",
                            (json_int_t)s->edges, "edges_all", (json_int_t)s->edges_all);
    bool ok = out != NULL;
    set(&ok, out, "not_run_again", json_integer((json_int_t)s->not_tried));
    set(&ok, out, "started_anew", json_integer((json_int_t)s->anew));
    set_text(&ok, out, "ended", s->ended);
    set(&ok, out, "virtual_time", json_boolean(s->virtual_time));
    set(&ok, out, "statuses", statuses_json(&ok, s->statuses));
    json_t *methods = json_array(), *operators = json_array(), *points = json_array(), *findings = json_array();
    json_t *components = json_array();
    for (size_t i = 0; i < s->method_figures.count; i++) {
        const struct fuzz_method_figures *m = &s->method_figures.items[i];
        json_t *one = json_pack("{s:s, s:s, s:I, s:I}", "path", m->path, "component", m->component, "calls",
                                (json_int_t)m->calls, "findings", (json_int_t)m->findings);
        set(&ok, one, "statuses", statuses_json(&ok, m->statuses));
        if (m->shut_out > 0)
            set(&ok, one, "shut_out", json_integer((json_int_t)m->shut_out));
        set_text(&ok, one, "refusal", m->refusal);
        set_text(&ok, one, "refusing_field", m->refusing_field);
        if (m->latency)
            set(&ok, one, "latency", fuzz_latency_json(m->latency));
        append(&ok, methods, one);
    }
    for (size_t i = 0; i < s->operators.count; i++) {
        const struct fuzz_operator_figures *o = &s->operators.items[i];
        append(&ok, operators,
               json_pack("{s:s, s:s, s:I, s:I}", "name", o->name, "kind", o->kind, "cases", (json_int_t)o->cases,
                         "novel", (json_int_t)o->novel));
    }
    for (size_t i = 0; i < s->points.count; i++)
        append(&ok, points, point_json(&ok, &s->points.items[i]));
    for (size_t i = 0; i < s->finding_figures.count; i++) {
        const struct fuzz_finding_figures *f = &s->finding_figures.items[i];
        json_t *one = json_pack("{s:s, s:s, s:b, s:I}", "title", f->title, "oracle", f->oracle, "warning", f->warning,
                                "count", (json_int_t)f->count);
        set_text(&ok, one, "component", f->component);
        set_text(&ok, one, "confirmed", f->confirmed);
        set_text(&ok, one, "file", f->file);
        append(&ok, findings, one);
    }
    for (size_t i = 0; i < s->components.count; i++) {
        const struct fuzz_component_figures *c = &s->components.items[i];
        append(&ok, components,
               json_pack("{s:s, s:I, s:I, s:I, s:f, s:I}", "name", c->name, "calls", (json_int_t)c->calls,
                         "resident_first", (json_int_t)c->resident_first, "resident_last", (json_int_t)c->resident_last,
                         "bytes_per_call", c->bytes_per_call, "cpu", (json_int_t)c->cpu));
    }
    set(&ok, out, "methods", methods);
    set(&ok, out, "operators", operators);
    set(&ok, out, "points", points);
    set(&ok, out, "findings", findings);
    set(&ok, out, "components", components);
    if (ok)
        return out;
    json_decref(out);
    return NULL;
}

/* ---- from JSON -------------------------------------------------------------------------------------------------- */

static int64_t number(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

/* A copy of the text, where there is one and *out has none yet. False: no memory. */
static bool copy(const json_t *object, const char *key, char **out)
{
    const char *value = json_string_value(json_object_get(object, key));
    if (value && !*out)
        *out = strdup(value);
    return !value || *out;
}

static char *text(const json_t *object, const char *key)
{
    char *out = NULL;
    (void)copy(object, key, &out);
    return out;
}

static const char *word(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void add_statuses(int64_t to[FUZZ_STATUSES], const json_t *object)
{
    for (int i = 0; i < FUZZ_STATUSES; i++)
        to[i] += number(object, grpc_status_name(i));
}

static int merge_method(struct fuzz_summary *s, const json_t *from)
{
    struct fuzz_method_figures *m = NULL;
    for (size_t i = 0; i < s->method_figures.count && !m; i++)
        if (strcmp(s->method_figures.items[i].path, word(from, "path")) == 0)
            m = &s->method_figures.items[i];
    if (!m) {
        struct fuzz_method_figures fresh = {.path = text(from, "path"), .component = text(from, "component")};
        if (!fresh.path || !fresh.component || !array_push(&s->method_figures, fresh)) {
            free(fresh.path);
            free(fresh.component);
            return ERROR_MEMORY;
        }
        m = array_last(&s->method_figures);
    }
    m->calls += number(from, "calls");
    m->findings += number(from, "findings");
    m->shut_out += number(from, "shut_out");
    add_statuses(m->statuses, json_object_get(from, "statuses"));
    bool ok = copy(from, "refusal", &m->refusal) && copy(from, "refusing_field", &m->refusing_field);
    return ok ? fuzz_latency_merge(&m->latency, json_object_get(from, "latency")) : ERROR_MEMORY;
}

static int merge_operator(struct fuzz_summary *s, const json_t *from)
{
    for (size_t i = 0; i < s->operators.count; i++) {
        struct fuzz_operator_figures *o = &s->operators.items[i];
        if (strcmp(o->name, word(from, "name")) == 0) {
            o->cases += number(from, "cases");
            o->novel += number(from, "novel");
            return 0;
        }
    }
    struct fuzz_operator_figures fresh = {.name = text(from, "name"),
                                          .kind = text(from, "kind"),
                                          .cases = number(from, "cases"),
                                          .novel = number(from, "novel")};
    if (fresh.name && fresh.kind && array_push(&s->operators, fresh))
        return 0;
    free(fresh.name);
    free(fresh.kind);
    return ERROR_MEMORY;
}

/* Shares are means over the processes so far; `edges` and what is known is the most any of them reached. */
static int merge_point(struct fuzz_summary *s, const json_t *from)
{
    uint64_t at = (uint64_t)number(from, "at");
    struct fuzz_point *p = NULL;
    for (size_t i = 0; i < s->points.count && !p; i++)
        if (s->points.items[i].at / POINT_STEP == at / POINT_STEP)
            p = &s->points.items[i];
    bool fresh = !p;
    if (fresh) {
        if (!array_push(&s->points, (struct fuzz_point){.at = at}))
            return ERROR_MEMORY;
        p = array_last(&s->points);
    }
    p->calls += number(from, "calls");
    p->cases += number(from, "cases");
    p->findings += number(from, "findings");
    int64_t most[] = {number(from, "edges"), number(from, "features"), number(from, "corpus"),
                      number(from, "methods_ok")};
    int64_t *to[] = {&p->edges, &p->features, &p->corpus, &p->methods_ok};
    for (size_t i = 0; i < 4; i++)
        *to[i] = most[i] > *to[i] ? most[i] : *to[i];
    for (unsigned i = 0; i < FUZZ_LANES; i++) {
        float share = (float)json_number_value(
            json_object_get(json_object_get(from, "lanes"), fuzz_lane_name((enum fuzz_lane)i)));
        p->lanes[i] = fresh ? share : (p->lanes[i] + share) / 2;
    }
    for (unsigned i = 0; i < FUZZ_SOURCES; i++) {
        float share = (float)json_number_value(json_object_get(json_object_get(from, "sources"), source_name(i)));
        p->sources[i] = fresh ? share : (p->sources[i] + share) / 2;
    }
    return 0;
}

static int merge_finding(struct fuzz_summary *s, const json_t *from)
{
    for (size_t i = 0; i < s->finding_figures.count; i++) {
        struct fuzz_finding_figures *f = &s->finding_figures.items[i];
        if (strcmp(f->title, word(from, "title")) == 0) {
            f->count += number(from, "count");
            return 0;
        }
    }
    struct fuzz_finding_figures f = {.title = text(from, "title"),
                                     .oracle = text(from, "oracle"),
                                     .count = number(from, "count"),
                                     .warning = json_is_true(json_object_get(from, "warning"))};
    bool ok = f.title && f.oracle && copy(from, "component", &f.component) && copy(from, "confirmed", &f.confirmed) &&
              copy(from, "file", &f.file);
    if (ok && array_push(&s->finding_figures, f)) {
        s->findings += !f.warning;
        return 0;
    }
    free(f.title);
    free(f.oracle);
    free(f.component);
    free(f.confirmed);
    free(f.file);
    return ERROR_MEMORY;
}

/* Each process has components of its own: the one that grew most is shown. */
static int merge_component(struct fuzz_summary *s, const json_t *from)
{
    struct fuzz_component_figures *c = NULL;
    for (size_t i = 0; i < s->components.count && !c; i++)
        if (strcmp(s->components.items[i].name, word(from, "name")) == 0)
            c = &s->components.items[i];
    if (!c) {
        struct fuzz_component_figures fresh = {.name = text(from, "name")};
        if (!fresh.name || !array_push(&s->components, fresh)) {
            free(fresh.name);
            return ERROR_MEMORY;
        }
        c = array_last(&s->components);
    }
    c->calls += number(from, "calls");
    c->cpu += (uint64_t)number(from, "cpu");
    double slope = json_number_value(json_object_get(from, "bytes_per_call"));
    if (c->resident_last == 0 || slope > c->bytes_per_call) {
        c->bytes_per_call = slope;
        c->resident_first = (uint64_t)number(from, "resident_first");
        c->resident_last = (uint64_t)number(from, "resident_last");
    }
    return 0;
}

static int merge_list(struct fuzz_summary *s, const json_t *json, const char *key,
                      int (*one)(struct fuzz_summary *s, const json_t *from))
{
    const json_t *list = json_object_get(json, key);
    size_t count = json_array_size(list);
    if (count > MERGE_MAX)
        return ERROR_LIMIT;
    for (size_t i = 0; i < count; i++) {
        int rc = one(s, json_array_get(list, i));
        if (rc)
            return rc;
    }
    return 0;
}

int fuzz_summary_merge(struct fuzz_summary *s, const json_t *json, struct error *err)
{
    if (!json_is_object(json) || !json_is_array(json_object_get(json, "methods")))
        return error_set(err, ERROR_INVALID, "no summary of a campaign: an object with \"methods\" was expected");
    s->cases += number(json, "cases");
    s->inputs += number(json, "calls");
    s->answered += number(json, "answered");
    s->imported += number(json, "imported");
    s->kept += number(json, "kept");
    s->unrepeated += number(json, "not_told");
    s->not_tried += number(json, "not_run_again");
    s->anew += number(json, "started_anew");
    s->warnings += number(json, "warnings");
    uint64_t duration = (uint64_t)number(json, "duration");
    int64_t edges = number(json, "edges");
    s->duration = duration > s->duration ? duration : s->duration;
    if (s->method_figures.count == 0 || edges > s->edges) {
        s->edges = edges;
        s->edges_all = number(json, "edges_all");
    }
    s->virtual_time |= json_is_true(json_object_get(json, "virtual_time"));
    add_statuses(s->statuses, json_object_get(json, "statuses"));
    int rc = merge_list(s, json, "methods", merge_method);
    if (rc == 0)
        rc = merge_list(s, json, "operators", merge_operator);
    if (rc == 0)
        rc = merge_list(s, json, "points", merge_point);
    if (rc == 0)
        rc = merge_list(s, json, "findings", merge_finding);
    if (rc == 0)
        rc = merge_list(s, json, "components", merge_component);
    s->methods = (int64_t)s->method_figures.count;
    return rc ? error_set(err, rc, "a campaign's summary cannot be taken in: %s", error_code_name(rc)) : 0;
}

/* ---- as results ------------------------------------------------------------------------------------------------- */

static void tell_method(const struct fuzz_method_figures *m, struct text *out)
{
    text_printf(out, "%" PRId64 " calls:", m->calls);
    for (int s = 0; s < FUZZ_STATUSES; s++)
        if (m->statuses[s] > 0)
            text_printf(out, " %s %" PRId64, grpc_status_name(s), m->statuses[s]);
    if (m->calls == 0 || m->statuses[GRPC_OK] > 0 || !m->refusal)
        return;
    text_puts(out, "\nnever answered OK; the first refusal: ");
    text_printable(out, m->refusal, strlen(m->refusal), REFUSAL_SHOW);
    if (m->refusing_field)
        text_printf(out, " (field %s)", m->refusing_field);
}

void fuzz_summary_cases(const struct fuzz_summary *s, struct result_stream *r, const char *replay)
{
    for (size_t i = 0; i < s->method_figures.count; i++) {
        const struct fuzz_method_figures *m = &s->method_figures.items[i];
        struct text detail = TEXT_INIT;
        tell_method(m, &detail);
        result_case(r, &(struct result_case){.pillar = "fuzz",
                                             .suite = m->component,
                                             .name = m->path,
                                             .status = m->findings > 0 ? "failed"
                                                       : m->calls > 0  ? "passed"
                                                                       : "skipped",
                                             .message = m->findings > 0 ? "see the findings"
                                                        : m->calls == 0 ? "no call reached it within the budget"
                                                                        : NULL,
                                             .detail = text_string(&detail),
                                             .replay = replay});
        text_deinit(&detail);
    }
}

static json_t *cell(const char *text)
{
    return text ? json_stringn_nocheck(text, strlen(text)) : json_null();
}

/* Takes `rows`, all of them when `ok`; else the stream is broken, as for any line that could not be made. A table
 * without rows says nothing. */
static void emit_table(struct result_stream *r, bool ok, const char *title, const char *const *columns, json_t *rows)
{
    json_t *names = json_array();
    for (; *columns; columns++)
        append(&ok, names, json_string(*columns));
    if (ok && json_array_size(rows) == 0) {
        json_decref(names);
        json_decref(rows);
        return;
    }
    json_t *table = json_pack("{s:s, s:s, s:o, s:o}", "pillar", "fuzz", "title", title, "columns", names, "rows", rows);
    if (!ok) {
        json_decref(table);
        table = NULL;
    }
    result_emit(r, "table", table);
}

static void table_methods(const struct fuzz_summary *s, struct result_stream *r)
{
    static const char *const columns[] = {"method",        "component", "calls", "statuses",
                                          "first refusal", "of field",  NULL};
    bool ok = true;
    json_t *rows = json_array();
    for (size_t i = 0; i < s->method_figures.count; i++) {
        const struct fuzz_method_figures *m = &s->method_figures.items[i];
        append(&ok, rows,
               json_pack("[o, o, I, o, o, o]", cell(m->path), cell(m->component), (json_int_t)m->calls,
                         statuses_json(&ok, m->statuses), cell(m->refusal), cell(m->refusing_field)));
    }
    emit_table(r, ok, "What every method answered", columns, rows);
}

#define TABLE_ROWS 12 /* of what changes over time */

static void table_points(const struct fuzz_summary *s, struct result_stream *r)
{
    static const char *const columns[] = {"seconds",  "calls", "methods OK", "features", "edges",
                                          "findings", "lanes", "sources",    NULL};
    bool ok = true;
    json_t *rows = json_array();
    size_t count = s->points.count, step = count / TABLE_ROWS + 1;
    for (size_t i = 0; i < count; i += i + step < count || i + 1 == count ? step : count - 1 - i) {
        const struct fuzz_point *p = &s->points.items[i];
        json_t *point = point_json(&ok, p);
        append(&ok, rows,
               json_pack("[f, I, I, I, o, I, O, O]", (double)p->at / 1e9, (json_int_t)p->calls,
                         (json_int_t)p->methods_ok, (json_int_t)p->features,
                         p->edges >= 0 ? json_integer((json_int_t)p->edges) : json_null(), (json_int_t)p->findings,
                         json_object_get(point, "lanes"), json_object_get(point, "sources")));
        json_decref(point);
    }
    emit_table(r, ok, "What was learnt, and the shares of lanes and sources", columns, rows);
}

/* A row for each kind of field: how often it was changed, and by what. */
static void table_operators(const struct fuzz_summary *s, struct result_stream *r)
{
    static const char *const columns[] = {"kind of field", "cases", "showed something new", "operators", NULL};
    bool ok = true;
    json_t *rows = json_array();
    for (size_t i = 0; i < s->operators.count; i++) {
        const char *kind = s->operators.items[i].kind;
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first &= strcmp(s->operators.items[k].kind, kind) != 0;
        if (!first)
            continue;
        json_t *shares = json_object();
        int64_t cases = 0, novel = 0;
        for (size_t k = i; k < s->operators.count; k++) {
            const struct fuzz_operator_figures *o = &s->operators.items[k];
            if (strcmp(o->kind, kind) != 0)
                continue;
            cases += o->cases;
            novel += o->novel;
            set(&ok, shares, o->name, json_integer(o->cases));
        }
        append(&ok, rows, json_pack("[s, I, I, o]", kind, (json_int_t)cases, (json_int_t)novel, shares));
    }
    emit_table(r, ok, "Operators and defects tried, by kind of field", columns, rows);
}

static void table_components(const struct fuzz_summary *s, struct result_stream *r)
{
    static const char *const columns[] = {
        "component", "calls", "resident bytes, early", "at the end", "bytes per call", "processor s", NULL};
    bool ok = true;
    json_t *rows = json_array();
    for (size_t i = 0; i < s->components.count; i++) {
        const struct fuzz_component_figures *c = &s->components.items[i];
        append(&ok, rows,
               json_pack("[s, I, I, I, f, f]", c->name, (json_int_t)c->calls, (json_int_t)c->resident_first,
                         (json_int_t)c->resident_last, c->bytes_per_call, (double)c->cpu / 1e9));
    }
    emit_table(r, ok, "What calls cost the components", columns, rows);
}

static void table_findings(const struct fuzz_summary *s, struct result_stream *r)
{
    static const char *const columns[] = {"finding", "component", "seen", "confirmed", "case", NULL};
    bool ok = true;
    json_t *rows = json_array();
    for (size_t i = 0; i < s->finding_figures.count; i++) {
        const struct fuzz_finding_figures *f = &s->finding_figures.items[i];
        append(&ok, rows,
               json_pack("[s, o, I, o, o]", f->title, cell(f->component), (json_int_t)f->count, cell(f->confirmed),
                         cell(f->file)));
    }
    emit_table(r, ok, "Findings", columns, rows);
}

void fuzz_summary_tables(const struct fuzz_summary *s, struct result_stream *r)
{
    table_methods(s, r);
    table_points(s, r);
    table_operators(s, r);
    table_components(s, r);
    table_findings(s, r);
}
