/* The matrix of contracts on the page, on the terminal, and as JSON. */
#include "reports/html.h"
#include "reports/matrix.h"

#define COLUMNS_MAX 12   /* consumers side by side in the page; with more, each method lists its own */
#define ROWS_MAX    5000 /* methods in the page; the rest is in the stream */
#define LINES_MAX   8    /* of one provider in the summary */
#define PROVIDERS   20   /* in the summary */

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* ---- the page ---- */

static void put(struct text *out, const char *s)
{
    text_xml(out, s, strlen(s));
}

static void put_names(struct text *out, const char *what, const struct report_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        text_puts(out, i == 0 ? what : ", ");
        put(out, names->items[i]);
    }
}

/* How often, what is known of it in words, and which fields are used. */
static void put_call(const struct report_contract *c, struct text *out)
{
    static const char *const classes[] = {"passed", "failed", "skipped"};
    enum matrix_state state = matrix_state(c);
    size_t fields = c->reads.count + c->sends.count;
    text_printf(out, "<b>%llu</b> <span class=\"badge %s\">%s</span>", (unsigned long long)c->interactions,
                classes[state], matrix_state_name(state));
    if (c->pending != 0)
        text_printf(out, " <span class=\"time\">%llu pending</span>", (unsigned long long)c->pending);
    if (fields == 0)
        return;
    text_printf(out, "<details><summary>%zu field%s</summary>", fields, plural(fields));
    put_names(out, "reads ", &c->reads);
    text_puts(out, c->reads.count != 0 && c->sends.count != 0 ? "; " : "");
    put_names(out, "sends ", &c->sends);
    text_puts(out, "</details>");
}

static void put_method(const struct matrix_provider *p, const struct matrix_method *m, bool side_by_side,
                       struct text *out)
{
    text_puts(out, "<tr><th scope=\"row\">");
    put(out, m->name);
    text_printf(out, "</th><td class=\"number\">%llu</td>", (unsigned long long)m->interactions);
    if (m->count == 0) {
        text_printf(out, "<td colspan=\"%zu\">nobody calls it</td></tr>\n",
                    side_by_side && p->consumer_count != 0 ? p->consumer_count : 1);
        return;
    }
    if (side_by_side) {
        size_t next = 0; /* both are sorted by consumer */
        for (size_t i = 0; i < p->consumer_count; i++) {
            bool calls = next < m->count && strcmp(m->calls[next]->consumer, p->consumers[i]) == 0;
            text_puts(out, calls ? "<td>" : "<td>–");
            if (calls)
                put_call(m->calls[next++], out);
            text_puts(out, "</td>");
        }
    } else {
        text_puts(out, "<td>");
        for (size_t i = 0; i < m->count; i++) {
            text_puts(out, "<div>");
            put(out, m->calls[i]->consumer);
            text_puts(out, ": ");
            put_call(m->calls[i], out);
            text_puts(out, "</div>");
        }
        text_puts(out, "</td>");
    }
    text_puts(out, "</tr>\n");
}

static void put_provider(const struct matrix_provider *p, size_t *rows, struct text *out)
{
    bool side_by_side = p->consumer_count <= COLUMNS_MAX;
    text_puts(out, "<details class=\"suite table\" open><summary><span class=\"suite-name\">");
    put(out, p->name);
    text_printf(out, "</span> <span class=\"time\">%zu consumer%s, %zu of %zu methods called, %llu interaction%s",
                p->consumer_count, plural(p->consumer_count), p->method_count - p->uncalled, p->method_count,
                (unsigned long long)p->interactions, plural(p->interactions));
    for (size_t s = 0; s < MATRIX_STATES; s++)
        if (p->states[s] != 0)
            text_printf(out, ", %llu %s", (unsigned long long)p->states[s], matrix_state_name((enum matrix_state)s));
    text_puts(out, "</span></summary>");
    page_scroll(out, "Contracts");
    text_puts(out, "<table class=\"matrix\">\n<caption>Interactions with each method of ");
    put(out, p->name);
    text_puts(out, side_by_side ? ", by consumer; –: does not call it</caption>\n" : ", by consumer</caption>\n");
    text_puts(out, "<thead><tr><th scope=\"col\">method</th><th scope=\"col\" class=\"number\">in all</th>");
    if (!side_by_side || p->consumer_count == 0)
        text_puts(out, "<th scope=\"col\">consumers</th>");
    for (size_t i = 0; side_by_side && i < p->consumer_count; i++) {
        text_puts(out, "<th scope=\"col\">");
        put(out, p->consumers[i]);
        text_puts(out, "</th>");
    }
    text_puts(out, "</tr></thead>\n<tbody>\n");
    size_t shown = 0;
    while (shown < p->method_count && *rows < ROWS_MAX) {
        put_method(p, &p->methods[shown++], side_by_side, out);
        (*rows)++;
    }
    text_puts(out, "</tbody></table></div>");
    if (shown < p->method_count)
        text_printf(out, "<p class=\"hint\">and %zu more, which stand in the result file</p>", p->method_count - shown);
    text_puts(out, "</details>\n");
}

void matrix_html(const struct report *r, struct text *out)
{
    struct matrix m;
    size_t rows = 0;
    if (!matrix_build(r, &m))
        out->failed = true;
    else if (m.count != 0)
        text_puts(out, "<section id=\"contracts\"><h2>Contracts</h2>\n");
    for (size_t i = 0; !out->failed && i < m.count; i++)
        put_provider(&m.providers[i], &rows, out);
    if (m.count != 0)
        text_puts(out, "</section>\n");
    matrix_deinit(&m);
}

/* ---- the summary ---- */

static void put_calls(struct terminal *t, const struct matrix_provider *p, enum matrix_state state, enum paint paint,
                      const char *mark)
{
    size_t shown = 0, all = 0;
    for (size_t i = 0; i < p->method_count; i++)
        for (size_t k = 0; k < p->methods[i].count; k++) {
            const struct report_contract *c = p->methods[i].calls[k];
            if (matrix_state(c) != state || all++ >= LINES_MAX)
                continue;
            shown++;
            terminal_paint(t, paint, "    %s %s: ", mark, matrix_state_name(state));
            (void)terminal_line(t->out, c->consumer, 60);
            text_puts(t->out, " calls ");
            (void)terminal_line(t->out, c->method, 120);
            text_printf(t->out, " (%llu)\n", (unsigned long long)c->interactions);
        }
    if (all > shown)
        text_printf(t->out, "      and %zu more %s, in the report\n", all - shown, matrix_state_name(state));
}

static void put_uncalled(struct terminal *t, const struct matrix_provider *p)
{
    struct text names = TEXT_INIT;
    size_t named = 0;
    for (size_t i = 0; i < p->method_count; i++)
        if (p->methods[i].count == 0)
            text_printf(&names, "%s%s", named++ == 0 ? "nobody calls: " : ", ", p->methods[i].name);
    if (named != 0)
        terminal_paragraph(t, text_string(&names), 4, LINES_MAX);
    terminal_release(t->out, &names);
}

void matrix_terminal(const struct report *r, struct terminal *t)
{
    struct matrix m;
    if (!matrix_build(r, &m))
        t->out->failed = true;
    else if (m.count != 0)
        text_puts(t->out, "\nContracts\n");
    for (size_t i = 0; !t->out->failed && i < m.count && i < PROVIDERS; i++) {
        const struct matrix_provider *p = &m.providers[i];
        text_puts(t->out, "  ");
        (void)terminal_line(t->out, p->name, 40);
        text_printf(t->out, ": %zu consumer%s, %zu of %zu methods called, %llu interaction%s", p->consumer_count,
                    plural(p->consumer_count), p->method_count - p->uncalled, p->method_count,
                    (unsigned long long)p->interactions, plural(p->interactions));
        for (size_t s = 0; s < MATRIX_STATES; s++)
            if (p->states[s] != 0)
                text_printf(t->out, ", %llu %s", (unsigned long long)p->states[s],
                            matrix_state_name((enum matrix_state)s));
        text_char(t->out, '\n');
        put_calls(t, p, MATRIX_FAILED, PAINT_RED, "✗");
        put_calls(t, p, MATRIX_UNPLAYED, PAINT_YELLOW, "?");
        put_uncalled(t, p);
    }
    if (m.count > PROVIDERS)
        text_printf(t->out, "  and %zu more providers, in the report\n", m.count - PROVIDERS);
    matrix_deinit(&m);
}

/* ---- JSON ---- */

static void list_fields(struct json_out *j, const char *key, const struct report_names *names)
{
    json_out_open(j, key, '[');
    for (size_t i = 0; i < names->count; i++)
        json_out_text(j, NULL, names->items[i]);
    json_out_close(j, ']');
}

static void list_consumer(struct json_out *j, const struct report_contract *c)
{
    json_out_open(j, NULL, '{');
    json_out_text(j, "consumer", c->consumer);
    json_out_integer(j, "interactions", (int64_t)c->interactions);
    if (c->played)
        json_out_bool(j, "verified", c->verified);
    else
        json_out_null(j, "verified");
    json_out_integer(j, "pending", (int64_t)c->pending);
    list_fields(j, "reads", &c->reads);
    list_fields(j, "sends", &c->sends);
    json_out_close(j, '}');
}

static void list_method(struct json_out *j, const struct matrix_provider *p, const struct matrix_method *m)
{
    json_out_open(j, NULL, '{');
    json_out_text(j, "provider", p->name);
    json_out_text(j, "method", m->name);
    json_out_integer(j, "interactions", (int64_t)m->interactions);
    json_out_open(j, "consumers", '[');
    for (size_t i = 0; i < m->count; i++)
        list_consumer(j, m->calls[i]);
    json_out_close(j, ']');
    json_out_close(j, '}');
}

void matrix_json(const struct report *r, struct json_out *j)
{
    struct matrix m;
    if (!matrix_build(r, &m))
        j->out->failed = true;
    json_out_open(j, "contracts", '[');
    for (size_t i = 0; !j->out->failed && i < m.count; i++)
        for (size_t k = 0; k < m.providers[i].method_count; k++)
            list_method(j, &m.providers[i], &m.providers[i].methods[k]);
    json_out_close(j, ']');
    matrix_deinit(&m);
}
