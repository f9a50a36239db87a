#include "reports/terminal.h"

#include "base/units.h"

#include <stdlib.h>

#define REDRAW_EVERY (100 * (uint64_t)MILLISECOND) /* by the stream's own time */

struct report_live {
    struct text pillar, status;
    size_t counts[REPORT_STATUS_COUNT], findings, warnings, faults;
    uint64_t t, drawn;
    size_t width;
    bool terminal, colour;
    bool shown; /* a status line stands on the terminal */
};

int report_live_new(bool terminal, bool colour, int width, struct report_live **out)
{
    struct report_live *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERROR_MEMORY;
    l->terminal = terminal;
    l->colour = colour;
    l->width = width <= 0 ? TERMINAL_WIDTH_DEFAULT : width < TERMINAL_WIDTH_MIN ? TERMINAL_WIDTH_MIN : (size_t)width;
    *out = l;
    return 0;
}

void report_live_free(struct report_live *l)
{
    if (l == NULL)
        return;
    text_deinit(&l->pillar);
    text_deinit(&l->status);
    free(l);
}

static void put_time(struct text *out, uint64_t t)
{
    uint64_t ms = t / (uint64_t)MILLISECOND;
    text_printf(out, "%4llu.%llus  ", (unsigned long long)(ms / 1000), (unsigned long long)(ms % 1000 / 100));
}

static void put_replay(struct terminal *t, const char *replay)
{
    if (replay[0] == 0)
        return;
    text_puts(t->out, "        replay: ");
    (void)terminal_line(t->out, replay, SIZE_MAX);
    text_char(t->out, '\n');
}

static void say_case(struct terminal *t, const struct report *r)
{
    const struct report_case *c = &r->cases.items[0];
    struct text name = TEXT_INIT, place = TEXT_INIT;
    if (c->status != REPORT_FAILED && c->status != REPORT_FLAKY)
        return;
    terminal_case_name(&name, c);
    report_place(c, &place);
    put_time(t->out, c->t);
    terminal_paint(t, c->status == REPORT_FAILED ? PAINT_RED : PAINT_YELLOW, "%s", report_status_name(c->status));
    text_printf(t->out, "  %s", text_string(&name));
    if (place.len != 0) {
        text_puts(t->out, "  ");
        (void)terminal_line(t->out, text_string(&place), SIZE_MAX);
    }
    text_char(t->out, '\n');
    terminal_paragraph(t, c->message, 8, 3);
    put_replay(t, c->replay);
    terminal_release(t->out, &name);
    terminal_release(t->out, &place);
}

static void say_finding(struct terminal *t, const struct report *r)
{
    const struct report_finding *f = &r->findings.items[0];
    put_time(t->out, f->t);
    terminal_paint(t, f->warning ? PAINT_YELLOW : PAINT_RED, f->warning ? "warning" : "found");
    text_puts(t->out, "  ");
    (void)terminal_line(t->out, f->title, t->width);
    if (f->target[0] != 0) {
        text_puts(t->out, "  ");
        (void)terminal_line(t->out, f->target, t->width);
    }
    text_char(t->out, '\n');
    put_replay(t, f->replay);
}

static void say_fault(struct terminal *t, const struct report *r)
{
    const struct report_fault *f = &r->faults.items[0];
    put_time(t->out, f->start);
    text_puts(t->out, "fault  ");
    (void)terminal_line(t->out, f->name, 40);
    text_puts(t->out, " ");
    (void)terminal_line(t->out, f->target, 40);
    text_char(t->out, '\n');
}

static void say_pillar(struct report_live *l, struct terminal *t, const struct report *r)
{
    const struct report_pillar *p = &r->pillars.items[0];
    text_clear(&l->pillar);
    if (p->started)
        (void)terminal_line(&l->pillar, p->name, 20);
    put_time(t->out, p->ended ? p->end : p->start);
    (void)terminal_line(t->out, p->name, 20);
    text_puts(t->out, p->ended ? "  done" : "  begins");
    for (const struct report_member *m = p->totals; m != NULL; m = m->next) {
        text_puts(t->out, m == p->totals ? ": " : ", ");
        (void)terminal_line(t->out, m->name, 30);
        text_char(t->out, ' ');
        (void)terminal_line(t->out, m->value, 30);
    }
    text_char(t->out, '\n');
}

static void say_run(struct terminal *t, const struct report *r)
{
    (void)terminal_line(t->out, r->system, 60);
    text_puts(t->out, " (");
    (void)terminal_line(t->out, r->driver, 30);
    text_puts(t->out, "), seed ");
    (void)terminal_line(t->out, r->seed, 30);
    text_char(t->out, '\n');
}

static void draw_status(struct report_live *l, struct text *out)
{
    /* Measured without colours, then drawn: the line must not wrap, or it could not be rewritten. */
    struct terminal plain = {.out = &l->status, .width = l->width};
    text_clear(&l->status);
    put_time(&l->status, l->t);
    text_puts(&l->status, text_string(&l->pillar));
    text_puts(&l->status, l->pillar.len == 0 ? "" : "  ");
    terminal_counts(&plain, l->counts, l->findings, l->warnings);
    if (l->faults != 0)
        text_printf(&l->status, "  %zu fault%s active", l->faults, l->faults == 1 ? "" : "s");
    (void)terminal_line(out, text_string(&l->status), l->width - 1);
    l->shown = true;
    l->drawn = l->t;
}

static void erase(struct report_live *l, struct text *out)
{
    if (l->shown)
        text_puts(out, "\r\x1b[K");
    l->shown = false;
}

/* Nothing is said of steps, of which there may be very many: only the clock goes on. */
static bool is_step(struct report_live *l, struct bytes line)
{
    static const char beginning[] = "{\"type\":\"step\",\"t\":";
    uint64_t t = 0;
    if (line.len < sizeof beginning || memcmp(line.data, beginning, sizeof beginning - 1) != 0)
        return false;
    for (size_t i = sizeof beginning - 1; i < line.len && line.data[i] >= '0' && line.data[i] <= '9'; i++)
        t = t * 10 + (uint64_t)(line.data[i] - '0');
    l->t = t > l->t ? t : l->t;
    return true;
}

void report_live_line(struct report_live *l, struct bytes line, struct text *out)
{
    if (is_step(l, line)) {
        if (l->terminal && l->t - l->drawn >= REDRAW_EVERY) {
            erase(l, out);
            draw_status(l, out);
        }
        return;
    }
    struct report *r = NULL; /* a report of this one line: it knows how to read it */
    struct text said = TEXT_INIT;
    struct terminal t = {.out = &said, .colour = l->colour, .width = l->width};
    if (line.len != 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (report_new("", &r, NULL) != 0)
        return;
    if (report_add_line(r, line, NULL) != 0)
        goto out; /* whoever reads the file will be told where it broke */
    if (r->duration > l->t && !r->ended)
        l->t = r->duration;
    for (size_t i = 0; i < REPORT_STATUS_COUNT; i++)
        l->counts[i] += r->counts[i];
    l->findings += r->bugs;
    l->warnings += r->warnings;
    if (r->cases.count != 0) {
        say_case(&t, r);
    } else if (r->findings.count != 0) {
        say_finding(&t, r);
    } else if (r->faults.count != 0) {
        l->faults++;
        say_fault(&t, r);
    } else if (r->pillars.count != 0) {
        say_pillar(l, &t, r);
    } else if (r->begun) {
        say_run(&t, r);
    } else if (l->faults != 0 && r->heals != 0) {
        l->faults--;
    }
    if (!l->terminal) {
        text_add(out, said.data, said.len);
    } else if (said.len != 0 || l->t - l->drawn >= REDRAW_EVERY) {
        erase(l, out);
        text_add(out, said.data, said.len);
        draw_status(l, out);
    }

out:
    text_deinit(&said);
    report_free(r);
}

void report_live_end(struct report_live *l, struct text *out)
{
    erase(l, out);
}
