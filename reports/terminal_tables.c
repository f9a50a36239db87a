/* The summary's tables: times to recovery, and small ones of pillars. In Markdown, to be pasted into an issue. */
#include "reports/matrix.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLES_MAX    9 /* shown in the summary, and of these: */
#define TABLE_ROWS    8
#define TABLE_COLUMNS 10
#define CELL_WIDTH    36
#define LIST_LINES    6

/* A bar would end the cell of a table that is pasted into a page. */
static void put_cell(struct terminal *t, const char *text, size_t columns)
{
    struct text cell = TEXT_INIT;
    size_t used = terminal_line(&cell, text, columns);
    for (size_t i = 0; text_ok(&cell) && i < cell.len; i++)
        cell.data[i] = cell.data[i] == '|' ? '/' : cell.data[i];
    text_printf(t->out, "| %s%*s ", text_string(&cell), (int)(columns - used), "");
    terminal_release(t->out, &cell);
}

static void put_figure(struct terminal *t, const struct report_recovery_row *row, enum report_figure f, bool first)
{
    const struct report_spread *s = &row->figures[f];
    const uint64_t values[] = {s->p50, s->p99, s->max};
    put_cell(t, first ? row->target : "", 16);
    put_cell(t, first ? row->fault : "", 16);
    put_cell(t, report_figure_name(f), 9);
    text_printf(t->out, "| %3zu ", s->count);
    for (size_t i = 0; i < 3; i++) {
        char value[32];
        units_format_duration((int64_t)(values[i] & INT64_MAX), value, sizeof value);
        text_printf(t->out, "| %9s ", value);
    }
    text_puts(t->out, s->count < REPORT_FEW ? "| few  |\n" : "|      |\n");
}

/* A table in Markdown, to be pasted into an issue. */
void terminal_recoveries(const struct report *r, struct terminal *t)
{
    struct report_recovery_row *rows = NULL;
    size_t count = 0;
    if (report_recovery_rows(r, &rows, &count) != 0)
        t->out->failed = true;
    if (count != 0)
        text_puts(
            t->out,
            "\nTime to recovery\n"
            "| component        | fault            | until     |   n |       p50 |       p99 |       max |      |\n"
            "|------------------|------------------|-----------|----:|----------:|----------:|----------:|------|\n");
    for (size_t i = 0; i < count; i++) {
        bool first = true;
        for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
            if (rows[i].figures[f].count == 0)
                continue;
            put_figure(t, &rows[i], (enum report_figure)f, first);
            first = false;
        }
    }
    free(rows);
}

/* Two columns are a list of names and what they say. */
static void put_list(struct terminal *t, const struct report_table *table)
{
    for (size_t i = 0; i < table->rows; i++) {
        struct text line = TEXT_INIT;
        text_printf(&line, "%s: %s", table->cells[2 * i].text, table->cells[2 * i + 1].text);
        terminal_paragraph(t, text_string(&line), 2, LIST_LINES);
        terminal_release(t->out, &line);
    }
}

/* Of shares the greatest; the page has them all. */
static const char *cell_text(const struct report_cell *c, char *buffer, size_t size)
{
    const struct report_share *most = c->shares;
    for (const struct report_share *s = c->shares; s != NULL; s = s->next)
        most = s->part > most->part ? s : most;
    if (most == NULL || !(c->value > 0) || !isfinite(c->value))
        return c->text;
    (void)snprintf(buffer, size, "%.24s %.0f %%", most->name, 100 * most->part / c->value);
    return buffer;
}

/* Columns in which nothing stands are left out: their width is 0. */
static void put_grid(struct terminal *t, const struct report_table *table)
{
    size_t widths[TABLE_COLUMNS];
    char buffer[64];
    for (size_t k = 0; k < table->columns; k++) {
        struct text measured = TEXT_INIT;
        size_t name = terminal_line(&measured, table->names[k], CELL_WIDTH);
        widths[k] = 0;
        for (size_t i = 0; i < table->rows; i++) {
            const struct report_cell *c = &table->cells[i * table->columns + k];
            size_t wide = terminal_line(&measured, cell_text(c, buffer, sizeof buffer), CELL_WIDTH);
            wide = wide != 0 && wide < name ? name : wide;
            widths[k] = wide > widths[k] ? wide : widths[k];
        }
        terminal_release(t->out, &measured);
    }
    for (size_t k = 0; k < table->columns; k++)
        if (widths[k] != 0)
            put_cell(t, table->names[k], widths[k]);
    text_puts(t->out, "|\n");
    for (size_t k = 0; k < table->columns; k++) {
        text_puts(t->out, widths[k] != 0 ? "|" : "");
        for (size_t n = 0; widths[k] != 0 && n < widths[k] + 2; n++)
            text_char(t->out, '-');
    }
    text_puts(t->out, "|\n");
    for (size_t i = 0; i < table->rows; i++) {
        for (size_t k = 0; k < table->columns; k++)
            if (widths[k] != 0)
                put_cell(t, cell_text(&table->cells[i * table->columns + k], buffer, sizeof buffer), widths[k]);
        text_puts(t->out, "|\n");
    }
}

/* Small ones, and those that say so; the report has all. */
void terminal_tables(const struct report *r, struct terminal *t)
{
    size_t shown = 0;
    for (size_t i = 0; i < r->tables.count && shown < TABLES_MAX; i++) {
        const struct report_table *table = &r->tables.items[i];
        if (table->rows == 0 || (table->rows > TABLE_ROWS && !table->whole) || table->columns > TABLE_COLUMNS)
            continue;
        shown++;
        text_char(t->out, '\n');
        (void)terminal_line(t->out, table->title, t->width);
        text_char(t->out, '\n');
        if (table->columns == 2)
            put_list(t, table);
        else
            put_grid(t, table);
    }
}
