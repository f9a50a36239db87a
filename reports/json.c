/* The verdict as one JSON object, for scripts: what a person reads on the terminal, with the same numbers. */
#include "reports/json_out.h"
#include "reports/matrix.h"

#include <stdlib.h>

static void put_case(struct json_out *j, const struct report_case *c)
{
    json_out_open(j, NULL, '{');
    json_out_text(j, "pillar", c->pillar);
    json_out_text(j, "suite", c->suite);
    json_out_text(j, "name", c->name);
    json_out_text(j, "status", report_status_name(c->status));
    json_out_text(j, "message", c->message);
    json_out_text(j, "later", c->later);
    json_out_text(j, "file", c->file);
    json_out_integer(j, "line", c->line);
    json_out_integer(j, "column", c->column);
    json_out_text(j, "replay", c->replay);
    json_out_close(j, '}');
}

static void put_failures(struct json_out *j, const struct report *r)
{
    json_out_open(j, "failures", '[');
    for (size_t i = 0; i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status == REPORT_FAILED || c->status == REPORT_FLAKY)
            put_case(j, c);
    }
    json_out_close(j, ']');
}

static void put_findings(struct json_out *j, const struct report *r)
{
    json_out_open(j, "found", '[');
    for (size_t i = 0; i < r->findings.count; i++) {
        const struct report_finding *f = &r->findings.items[i];
        json_out_open(j, NULL, '{');
        json_out_text(j, "pillar", f->pillar);
        json_out_text(j, "title", f->title);
        json_out_text(j, "severity", f->severity);
        json_out_text(j, "oracle", f->oracle);
        json_out_text(j, "target", f->target);
        json_out_integer(j, "count", (int64_t)f->count);
        json_out_text(j, "replay", f->replay);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void put_spread(struct json_out *j, const char *name, const struct report_spread *s)
{
    json_out_open(j, name, '{');
    json_out_integer(j, "count", (int64_t)s->count);
    json_out_integer(j, "p50", (int64_t)s->p50);
    json_out_integer(j, "p99", (int64_t)s->p99);
    json_out_integer(j, "max", (int64_t)s->max);
    json_out_close(j, '}');
}

static void put_recoveries(struct json_out *j, const struct report *r)
{
    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    if (report_recovery_rows(r, &rows, &count) != 0)
        j->out->failed = true;
    json_out_open(j, "recoveries", '[');
    for (size_t i = 0; i < count; i++) {
        json_out_open(j, NULL, '{');
        json_out_text(j, "target", rows[i].target);
        json_out_text(j, "fault", rows[i].fault);
        json_out_integer(j, "count", (int64_t)rows[i].count);
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++)
            if (rows[i].figures[f].count > 0)
                put_spread(j, report_figure_name((enum report_figure)f), &rows[i].figures[f]);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
    free(rows);
}

static void put_cell(struct json_out *j, const struct report_cell *c)
{
    if (c->shares != NULL) {
        json_out_open(j, NULL, '{');
        for (const struct report_share *s = c->shares; s != NULL; s = s->next)
            json_out_real(j, s->name, s->part);
        json_out_close(j, '}');
    } else if (c->number) {
        json_out_real(j, NULL, c->value);
    } else if (c->text[0] != 0) {
        json_out_text(j, NULL, c->text);
    } else {
        json_out_null(j, NULL);
    }
}

static void put_tables(struct json_out *j, const struct report *r)
{
    json_out_open(j, "tables", '[');
    for (size_t i = 0; i < r->tables.count; i++) {
        const struct report_table *t = &r->tables.items[i];
        json_out_open(j, NULL, '{');
        json_out_text(j, "pillar", t->pillar);
        json_out_text(j, "title", t->title);
        json_out_open(j, "columns", '[');
        for (size_t k = 0; k < t->columns; k++)
            json_out_text(j, NULL, t->names[k]);
        json_out_close(j, ']');
        json_out_open(j, "rows", '[');
        for (size_t row = 0; row < t->rows; row++) {
            json_out_open(j, NULL, '[');
            for (size_t k = 0; k < t->columns; k++)
                put_cell(j, &t->cells[row * t->columns + k]);
            json_out_close(j, ']');
        }
        json_out_close(j, ']');
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

void report_json(const struct report *r, struct text *out)
{
    struct json_out j = {.out = out};
    json_out_open(&j, NULL, '{');
    json_out_text(&j, "verdict", report_verdict_name(report_verdict(r)));
    json_out_text(&j, "id", r->id);
    json_out_text(&j, "system", r->system);
    json_out_text(&j, "driver", r->driver);
    json_out_text(&j, "seed", r->seed);
    json_out_text(&j, "started", r->started);
    json_out_text(&j, "command", r->command);
    json_out_integer(&j, "duration", (int64_t)r->duration);
    json_out_integer(&j, "passed", (int64_t)r->counts[REPORT_PASSED]);
    json_out_integer(&j, "failed", (int64_t)r->counts[REPORT_FAILED]);
    json_out_integer(&j, "skipped", (int64_t)r->counts[REPORT_SKIPPED]);
    json_out_integer(&j, "flaky", (int64_t)r->counts[REPORT_FLAKY]);
    json_out_integer(&j, "findings", (int64_t)r->findings.count);
    put_failures(&j, r);
    put_findings(&j, r);
    put_recoveries(&j, r);
    put_tables(&j, r);
    matrix_json(r, &j);
    json_out_close(&j, '}');
}
