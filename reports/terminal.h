/* Words and colours for a terminal, shared by the summary and the live progress. What the system under test said is
 * untrusted: control characters never reach the terminal. */
#ifndef REPORTS_TERMINAL_H
#define REPORTS_TERMINAL_H

#include "reports/model.h"

#define TERMINAL_WIDTH_DEFAULT 100
#define TERMINAL_WIDTH_MIN     40

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_RED, PAINT_GREEN, PAINT_YELLOW, PAINT_BLUE };

struct terminal {
    struct text *out;
    bool colour;
    size_t width;
};

void terminal_paint(struct terminal *t, enum paint paint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One line's worth of untrusted text: control characters become spaces or U+FFFD; at most `columns` code points, the
 * last of them "…" when something was left out. Returns how many columns it took. */
size_t terminal_line(struct text *out, const char *text, size_t columns);
/* Untrusted text as paragraphs, words wrapped at the width, every line indented, at most `lines` of them. */
void terminal_paragraph(struct terminal *t, const char *text, size_t indent, size_t lines);
/* The same, its lines as they are: for source lines with marks below them, and commands to be copied. */
void terminal_lines(struct terminal *t, const char *text, size_t indent, size_t lines);
/* "3 failed, 40 passed" of what is not zero; "nothing" when all is. */
void terminal_counts(struct terminal *t, const size_t counts[REPORT_STATUS_COUNT], size_t findings, size_t warnings);
/* "pillar / suite / name" of a case, without what is empty. */
void terminal_case_name(struct text *out, const struct report_case *c);
/* Frees a text whose content went into `out`; what failed in it has failed in `out`. */
void terminal_release(struct text *out, struct text *part);

/* Parts of the summary: times to recovery, and the tables that are small or say that they are to be shown. */
void terminal_recoveries(const struct report *r, struct terminal *t);
void terminal_tables(const struct report *r, struct terminal *t);

#endif
