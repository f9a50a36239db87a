/* Tables of the stream ("table" lines): into the model, and as HTML. */
#include "reports/html.h"

#include "base/array.h"

#include <jansson.h>
#include <math.h>

#define ROWS_SHOWN  5000 /* of one table in the page; the rest is in the stream */
#define ROWS_OPEN   12   /* a longer table is closed at first */
#define HUES        5    /* as in report.css */
#define SHARE_NAMED 1.0  /* percent: smaller parts are in the bar, and together in words */

/* ---- from the line --------------------------------------------------------------------------------------------- */

static int wrong(const struct report *r, struct error *err, const char *what)
{
    return error_set_at(err, ERROR_INVALID, r->source, (int)r->lines, 0, "a table's %s", what);
}

static const char *copied(struct report *r, const json_t *text)
{
    return report_copy(&r->arena, text);
}

static int read_shares(struct report *r, const json_t *object, struct report_cell *cell, struct error *err)
{
    struct report_share **last = &cell->shares;
    const char *name;
    json_t *value, *own = json_deep_copy(object); /* jansson's iterators take no const object */
    int rc = own == NULL ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    json_object_foreach(own, name, value)
    {
        if (!json_is_number(value) || !(json_number_value(value) >= 0)) {
            rc = wrong(r, err, "shares must be numbers of at least 0");
            break;
        }
        struct report_share *share = ARENA_NEW(&r->arena, struct report_share);
        if (share != NULL)
            share->name = arena_string(&r->arena, name);
        if (share == NULL || share->name == NULL) {
            rc = error_set(err, ERROR_MEMORY, "out of memory");
            break;
        }
        share->part = json_number_value(value);
        cell->value += share->part;
        *last = share;
        last = &share->next;
    }
    json_decref(own);
    return rc;
}

/* Four figures, and no exponent for what a person may have counted. */
static const char *real_text(struct report *r, double value)
{
    double size = fabs(value);
    if (size > 0 && size < 1e-4)
        return arena_printf(&r->arena, "%s0.0001", value > 0 ? "<" : ">-");
    return arena_printf(&r->arena, size >= 1000 && size < 1e15 ? "%.0f" : "%.4g", value);
}

static int read_cell(struct report *r, const json_t *value, struct report_cell *cell, struct error *err)
{
    *cell = (struct report_cell){.text = ""};
    if (json_is_object(value))
        return read_shares(r, value, cell, err);
    if (json_is_null(value))
        return 0;
    if (json_is_string(value)) {
        cell->text = copied(r, value);
    } else if (json_is_number(value)) {
        cell->number = true;
        cell->value = json_number_value(value);
        cell->text = json_is_integer(value) ? arena_printf(&r->arena, "%lld", (long long)json_integer_value(value))
                                            : real_text(r, cell->value);
    } else {
        return wrong(r, err, "cells are texts, numbers, shares (an object of numbers) or null");
    }
    return cell->text == NULL ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
}

static int read_rows(struct report *r, const json_t *rows, struct report_table *t, struct error *err)
{
    t->cells = arena_alloc(&r->arena, (t->rows * t->columns + 1) * sizeof *t->cells);
    if (t->cells == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < t->rows; i++) {
        const json_t *row = json_array_get(rows, i);
        if (!json_is_array(row) || json_array_size(row) != t->columns)
            return wrong(r, err, "rows must be lists with a cell for each column");
        for (size_t k = 0; k < t->columns; k++) {
            int rc = read_cell(r, json_array_get(row, k), &t->cells[i * t->columns + k], err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

int report_table_read(struct report *r, const json_t *line, struct error *err)
{
    const json_t *columns = json_object_get(line, "columns"), *rows = json_object_get(line, "rows");
    const json_t *pillar = json_object_get(line, "pillar"), *title = json_object_get(line, "title");
    const json_t *whole = json_object_get(line, "whole");
    struct report_table t = {
        .pillar = "", .title = "", .columns = json_array_size(columns), .rows = json_array_size(rows)};
    if (t.columns == 0 || t.columns > REPORT_COLUMNS_MAX)
        return wrong(r, err, "\"columns\" must be a list of 1 to 64 names");
    if (!json_is_array(rows))
        return wrong(r, err, "\"rows\" must be a list");
    if ((pillar != NULL && !json_is_string(pillar)) || (title != NULL && !json_is_string(title)))
        return wrong(r, err, "\"pillar\" and \"title\" must be text");
    if (whole != NULL && !json_is_boolean(whole))
        return wrong(r, err, "\"whole\" must be true or false");
    t.whole = json_is_true(whole);
    if (pillar != NULL)
        t.pillar = copied(r, pillar);
    if (title != NULL)
        t.title = copied(r, title);
    t.names = arena_alloc(&r->arena, t.columns * sizeof *t.names);
    if (t.pillar == NULL || t.title == NULL || t.names == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t k = 0; k < t.columns; k++) {
        const json_t *name = json_array_get(columns, k);
        if (!json_is_string(name))
            return wrong(r, err, "column names must be text");
        t.names[k] = copied(r, name);
        if (t.names[k] == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    int rc = read_rows(r, rows, &t, err);
    if (rc == 0 && !array_push(&r->tables, t))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    return rc;
}

/* ---- to the page ----------------------------------------------------------------------------------------------- */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

/* A name has one colour in the whole page; what went well has the colour of what passed. */
static unsigned hue(const char *name)
{
    unsigned sum = 0;
    for (const char *c = name; *c != 0; c++)
        sum = sum * 31 + (unsigned char)*c;
    return sum % HUES;
}

/* A bar of parts, and what they are in words, as the writer ordered them. */
static void put_shares(const struct report_cell *cell, struct text *out)
{
    text_puts(out, "<div class=\"shares\" aria-hidden=\"true\">");
    for (const struct report_share *s = cell->shares; s != NULL; s = s->next) {
        if (!(s->part > 0))
            continue;
        bool ok = strcmp(s->name, "OK") == 0;
        text_printf(out, "<i class=\"%s%u\" style=\"flex-grow:%.4f\"></i>", ok ? "well" : "part", ok ? 0 : hue(s->name),
                    s->part / cell->value);
    }
    text_puts(out, "</div><div class=\"legend\">");
    double others = 0;
    for (const struct report_share *s = cell->shares; s != NULL; s = s->next) {
        double share = 100 * s->part / cell->value;
        if (share < SHARE_NAMED) {
            others += share;
            continue;
        }
        put(out, s->name);
        text_printf(out, " <b>%.3g&#160;%%</b> ", share);
    }
    if (others > 0)
        text_printf(out, "others <b>%.2g&#160;%%</b>", others);
    text_puts(out, "</div>");
}

static bool is_numeric(const struct report_table *t, size_t column)
{
    bool any = false;
    for (size_t i = 0; i < t->rows; i++) {
        const struct report_cell *c = &t->cells[i * t->columns + column];
        if (!c->number && (c->text[0] != 0 || c->shares != NULL))
            return false;
        any = any || c->number;
    }
    return any;
}

static void put_table(const struct report_table *t, struct text *out)
{
    size_t shown = t->rows < ROWS_SHOWN ? t->rows : ROWS_SHOWN;
    bool right[REPORT_COLUMNS_MAX];
    text_printf(out, "<details class=\"suite table\"%s><summary><span class=\"suite-name\">",
                t->rows <= ROWS_OPEN ? " open" : "");
    put(out, t->pillar);
    text_puts(out, t->pillar[0] != 0 && t->title[0] != 0 ? ": " : "");
    put(out, t->title);
    text_printf(out, "</span> <span class=\"time\">%zu row%s</span></summary>", t->rows, t->rows == 1 ? "" : "s");
    page_scroll(out, "Table");
    text_puts(out, "<table data-sort>\n<thead><tr>");
    for (size_t k = 0; k < t->columns; k++) {
        right[k] = is_numeric(t, k);
        text_printf(out, "<th scope=\"col\"%s>", right[k] ? " class=\"number\"" : "");
        put(out, t->names[k]);
        text_puts(out, "</th>");
    }
    text_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < shown; i++) {
        text_puts(out, "<tr>");
        for (size_t k = 0; k < t->columns; k++) {
            const struct report_cell *c = &t->cells[i * t->columns + k];
            text_printf(out, "<td%s>", right[k] ? " class=\"number\"" : "");
            if (c->shares != NULL && c->value > 0 && isfinite(c->value))
                put_shares(c, out);
            else
                put(out, c->text);
            text_puts(out, "</td>");
        }
        text_puts(out, "</tr>\n");
    }
    text_puts(out, "</tbody></table></div>");
    if (shown < t->rows)
        text_printf(out, "<p class=\"hint\">and %zu more, which stand in the result file</p>", t->rows - shown);
    text_puts(out, "</details>\n");
}

void tables_html(const struct report *r, struct text *out)
{
    if (r->tables.count == 0)
        return;
    text_puts(out, "<section id=\"tables\"><h2>In figures</h2>\n");
    for (size_t i = 0; i < r->tables.count; i++)
        put_table(&r->tables.items[i], out);
    text_puts(out, "</section>\n");
}
