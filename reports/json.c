/* The verdict as one JSON object, for scripts: what a person reads on the terminal, with the same numbers. */
#include "reports/matrix.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *failed_cases(const struct report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status == REPORT_FAILED || c->status == REPORT_FLAKY)
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s}", "pillar", c->pillar,
                                            "suite", c->suite, "name", c->name, "status", report_status_name(c->status),
                                            "message", c->message, "later", c->later, "file", c->file, "line", c->line,
                                            "column", c->column, "replay", c->replay));
    }
    return list;
}

static json_t *findings(const struct report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->findings.count; i++) {
        const struct report_finding *f = &r->findings.items[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "pillar", f->pillar, "title",
                                              f->title, "severity", f->severity, "oracle", f->oracle, "target",
                                              f->target, "count", (json_int_t)f->count, "replay", f->replay));
    }
    return list;
}

static json_t *recoveries(const struct report *r)
{
    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    json_t *list = json_array();
    if (report_recovery_rows(r, &rows, &count) != 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_pack("{s:s, s:s, s:I}", "target", rows[i].target, "fault", rows[i].fault, "count",
                                (json_int_t)rows[i].count);
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
            const struct report_spread *s = &rows[i].figures[f];
            if (s->count > 0)
                json_object_set_new(row, report_figure_name((enum report_figure)f),
                                    json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)s->count, "p50",
                                              (json_int_t)s->p50, "p99", (json_int_t)s->p99, "max",
                                              (json_int_t)s->max));
        }
        json_array_append_new(list, row);
    }
    free(rows);
    return list;
}

static json_t *cell(const struct report_cell *c)
{
    if (c->shares == NULL)
        return c->number ? json_real(c->value) : c->text[0] != 0 ? json_string(c->text) : json_null();
    json_t *shares = json_object();
    for (const struct report_share *s = c->shares; s != NULL; s = s->next)
        json_object_set_new(shares, s->name, json_real(s->part));
    return shares;
}

static json_t *tables(const struct report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->tables.count; i++) {
        const struct report_table *t = &r->tables.items[i];
        json_t *columns = json_array(), *rows = json_array();
        for (size_t k = 0; k < t->columns; k++)
            json_array_append_new(columns, json_string(t->names[k]));
        for (size_t row = 0; row < t->rows; row++) {
            json_t *cells = json_array();
            for (size_t k = 0; k < t->columns; k++)
                json_array_append_new(cells, cell(&t->cells[row * t->columns + k]));
            json_array_append_new(rows, cells);
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "pillar", t->pillar, "title", t->title, "columns",
                                              columns, "rows", rows));
    }
    return list;
}

void report_json(const struct report *r, struct text *out)
{
    json_t *verdict = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "verdict",
        report_verdict_name(report_verdict(r)), "id", r->id, "system", r->system, "driver", r->driver, "seed", r->seed,
        "started", r->started, "command", r->command, "duration", (json_int_t)r->duration, "passed",
        (json_int_t)r->counts[REPORT_PASSED], "failed", (json_int_t)r->counts[REPORT_FAILED], "skipped",
        (json_int_t)r->counts[REPORT_SKIPPED], "flaky", (json_int_t)r->counts[REPORT_FLAKY], "findings",
        (json_int_t)r->findings.count, "failures", failed_cases(r), "found", findings(r), "recoveries", recoveries(r),
        "tables", tables(r), "contracts", matrix_json(r));
    char *text = verdict != NULL ? json_dumps(verdict, JSON_INDENT(2)) : NULL;
    if (text == NULL) {
        out->failed = true;
    } else {
        text_puts(out, text);
        text_char(out, '\n');
    }
    free(text);
    json_decref(verdict);
}
