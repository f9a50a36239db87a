/* The pieces of the HTML page. */
#ifndef REPORTS_HTML_H
#define REPORTS_HTML_H

#include "reports/model.h"

#define TIMELINE_COLUMNS 480 /* points a curve is drawn with at most: each then stands for a stretch of samples */

/* A curve as drawn: `count` stretches of time, each with the least, mean and greatest value in it. */
struct timeline_column {
    uint64_t t;
    double min, mean, max;
};
struct timeline_curve {
    const char *name;
    struct timeline_column *columns;
    size_t count;
    uint64_t gap; /* longer silence than this is drawn as a hole */
};
int timeline_curve_make(const struct report_series *s, uint64_t duration, struct timeline_curve *out);
void timeline_curve_free(struct timeline_curve *c);

/* The timeline as SVG: phases, faults as bands, failures as markers, a panel for each curve. `curves` as many as the
 * report has series. Nothing when there is nothing to show over time. */
void timeline_svg(const struct report *r, const struct timeline_curve *curves, struct text *out);
/* The same figures for the page's script: JSON that is safe inside a <script> element. */
void timeline_json(const struct report *r, const struct timeline_curve *curves, struct text *out);
bool timeline_needed(const struct report *r);

/* The faults as a table. Nothing when there are none. */
void faults_html(const struct report *r, struct text *out);

/* Failures, findings, and cases that were flaky. Nothing when there are none. */
void problems_html(const struct report *r, struct text *out);
size_t problems_count(const struct report *r);

/* Recoveries by component and fault: a plot and a table. Nothing when there are none. */
void recovery_html(const struct report *r, struct text *out);

/* The steps of a case on a common scale of time; and its earlier tries. Nothing when there are none. */
void steps_html(const struct report_case *c, struct text *out);
void attempts_html(const struct report_case *c, struct text *out);

/* What components kept of the case's calls. Nothing when that was not told. */
void spans_html(const struct report_case *c, struct text *out);
bool spans_needed(const struct report *r);

/* Percentiles and distributions, by method and by curve. Nothing when nothing was measured. */
void latency_html(const struct report *r, struct text *out);
/* Of it, the calls that pillars measured by method. */
void calls_html(const struct report *r, struct text *out);
/* Cells of such tables. A distribution's columns are each three times as long as the one before. */
#define LATENCY_COLUMNS 11 /* below 0.1 ms, 0.3 ms, 1 ms, ... 3 s, and above */
#define LATENCY_RANGE   "0.1 ms to 10 s"
size_t latency_column(double ms);
void latency_spread(const uint64_t columns[LATENCY_COLUMNS], struct text *out);
void latency_ms(double ms, struct text *out);
bool latency_needed(const struct report *r);

/* What pillars gave as tables. */
void tables_html(const struct report *r, struct text *out);

/* ---- pieces ---- */

void page_duration(struct text *out, uint64_t ns);
void page_tagged(struct text *out, const char *tag, const char *kind, const char *s); /* nothing for "" */
/* Text as it stands; of more than about so many lines a part is seen, and the rest by scrolling. Nothing for "". */
void page_text(struct text *out, const char *kind, const char *s, size_t lines);
/* A command with what the script needs to offer it for copying. Nothing for "". */
void page_command(struct text *out, const char *label, const char *command);
/* Begins a <div> for what may be wider than the page; who has no mouse can go there and scroll it. */
void page_scroll(struct text *out, const char *name);
void page_place(const struct report_case *c, struct text *out);
void page_picture(const struct report_picture *p, struct text *out);
void page_pictures(const struct report_case *c, struct text *out);

/* Style sheet and script, linked in at build time. */
struct bytes report_asset_css(void);
struct bytes report_asset_spans_css(void); /* beside it, where there are any */
struct bytes report_asset_js(void);

#endif
