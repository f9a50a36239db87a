#include "chaos/history/picture_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT        14 /* columns of the processes' names */
#define STEP_MIN    2
#define STEP_WISHED 5 /* so many that labels fit */
#define STEP_MAX    12
#define TAIL        8 /* behind the last event, for ends nobody knows */
#define LABEL_MAX   60
#define RED         "\033[1;31m"
#define PLAIN       "\033[0m"

struct canvas {
    char *cells; /* rows of `width`; and for each, whether it is marked */
    bool *marks;
    size_t width, rows;
};

static void put_label(struct canvas *c, size_t row, size_t at, const char *label, size_t len, bool marked)
{
    memcpy(c->cells + row * c->width + at, label, len);
    for (size_t i = at; i < at + len; i++)
        c->marks[row * c->width + i] = marked;
}

/* |-- write 17 --|, of the witness |== (2) read 3 ==|, of an end nobody knows |-- write 3 --... */
static void draw_bar(struct canvas *c, size_t row, size_t from, size_t to, bool marked, bool open)
{
    char *line = c->cells + row * c->width;
    for (size_t i = from; i <= to && i < c->width; i++) {
        line[i] = i == from || (i == to && !open) ? '|' : open && i + 3 > to ? '.' : marked ? '=' : '-';
        c->marks[row * c->width + i] = marked;
    }
}

/* In the bar, else behind it where that is free, else as much as fits in. */
static void draw_label(struct canvas *c, size_t row, size_t from, size_t to, const char *label, bool marked)
{
    const char *line = c->cells + row * c->width;
    size_t len = strlen(label), room = to > from + 1 ? to - from - 1 : 0, free_cells = 0;
    while (to + 1 + free_cells < c->width && line[to + 1 + free_cells] == ' ')
        free_cells++;
    if (len <= room) {
        put_label(c, row, from + 1 + (room - len) / 2, label, len, marked);
    } else if (len <= free_cells) {
        put_label(c, row, to + 1, label, len, marked);
    } else if (room > 4) {
        put_label(c, row, from + 1, label, room - 1, marked);
        c->cells[row * c->width + from + room] = '~';
    }
}

struct bar {
    size_t row, from, to;
};

static struct bar bar_of(const struct canvas *c, const struct picture *p, const struct operation *o, size_t step)
{
    size_t to = o->ended == TIME_NEVER ? c->width : picture_place(p, o->ended) * step;
    return (struct bar){.row = picture_row(p, o->process),
                        .from = picture_place(p, o->invoked) * step,
                        .to = to < c->width ? to : c->width - 1};
}

static void make_label(const struct history *h, const struct operation *o, int number, struct text *label)
{
    struct text words = TEXT_INIT;
    text_clear(label);
    text_char(label, ' ');
    if (number > 0)
        text_printf(label, "(%d) ", number);
    picture_label(h, o, &words);
    text_printable(label, text_string(&words), words.len, LABEL_MAX);
    label->failed |= words.failed;
    text_char(label, ' ');
    text_deinit(&words);
}

static int fill_canvas(struct canvas *c, const struct history *h, const struct check_result *r, const struct picture *p,
                       size_t step)
{
    struct text label = TEXT_INIT;
    bool whole = true;
    for (size_t i = 0; i < p->operations.count; i++) {
        const struct operation *o = &h->operations[p->operations.items[i]];
        struct bar b = bar_of(c, p, o, step);
        draw_bar(c, b.row, b.from, b.to, picture_number(r, p->operations.items[i]) > 0, o->ended == TIME_NEVER);
    }
    for (size_t i = 0; i < p->operations.count; i++) {
        const struct operation *o = &h->operations[p->operations.items[i]];
        struct bar b = bar_of(c, p, o, step);
        int number = picture_number(r, p->operations.items[i]);
        make_label(h, o, number, &label);
        whole = whole && text_ok(&label);
        draw_label(c, b.row, b.from, b.to, text_string(&label), number > 0);
    }
    text_deinit(&label);
    return whole ? 0 : ERROR_MEMORY;
}

static void print_row(const struct canvas *c, size_t row, int32_t process, bool colour, struct text *out)
{
    char name[32];
    const char *line = c->cells + row * c->width;
    const bool *marks = c->marks + row * c->width;
    size_t end = c->width;
    while (end > 0 && line[end - 1] == ' ')
        end--;
    snprintf(name, sizeof name, "process %" PRId32, process);
    text_printf(out, "%-*s", LEFT, name);
    for (size_t i = 0; i < end; i++) {
        if (colour && marks[i] && (i == 0 || !marks[i - 1]))
            text_puts(out, RED);
        text_char(out, line[i]);
        if (colour && marks[i] && (i + 1 == end || !marks[i + 1]))
            text_puts(out, PLAIN);
    }
    text_char(out, '\n');
}

int picture_terminal(const struct history *h, const struct check_result *r, int width, bool colour, struct text *out)
{
    struct picture p;
    struct canvas c = {0};
    size_t room = width > LEFT + TAIL + 20 ? (size_t)width - LEFT - TAIL : 20;
    int code = picture_make(&p, h, r, room / (2 * STEP_WISHED));
    if (code != 0 || p.operations.count == 0) {
        picture_free(&p);
        return code;
    }
    size_t step = p.times.count > 1 ? room / (p.times.count - 1) : STEP_MAX;
    step = step < STEP_MIN ? STEP_MIN : step > STEP_MAX ? STEP_MAX : step;
    c.width = (p.times.count - 1) * step + 1 + TAIL;
    if (c.width > room + TAIL)
        c.width = room + TAIL;
    c.rows = p.processes.count;
    c.cells = malloc(c.width * c.rows);
    c.marks = calloc(c.width * c.rows, sizeof *c.marks);
    if (c.cells == NULL || c.marks == NULL) {
        code = ERROR_MEMORY;
    } else {
        memset(c.cells, ' ', c.width * c.rows);
        code = fill_canvas(&c, h, r, &p, step);
    }
    for (size_t i = 0; code == 0 && i < c.rows; i++)
        print_row(&c, i, p.processes.items[i], colour, out);
    if (code == 0 && p.left_out > 0)
        text_printf(out, "(%zu more operations meanwhile are not shown)\n", p.left_out);
    free(c.cells);
    free(c.marks);
    picture_free(&p);
    return code != 0 || text_ok(out) ? code : ERROR_MEMORY;
}
