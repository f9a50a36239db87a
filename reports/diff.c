#include "reports/diff.h"

#include "base/units.h"
#include "reports/json_out.h"
#include "reports/model.h"
#include "reports/terminal.h"

#include <math.h>
#include <stdlib.h>

enum change {
    CHANGE_BROKEN, /* fails, and did not */
    CHANGE_FIXED,
    CHANGE_FLAKY, /* is flaky, and was not */
    CHANGE_FOUND,
    CHANGE_NOT_FOUND, /* a finding that was, and is not */
    CHANGE_NEW,
    CHANGE_GONE,
    CHANGE_SLOWER,
    CHANGE_FASTER,
    CHANGE_FIGURE,
    CHANGE_COUNT
};
static const char *const change_names[CHANGE_COUNT] = {"broken", "fixed", "flaky",  "found",  "not found again",
                                                       "new",    "gone",  "slower", "faster", "figure"};

/* One change as it is told; durations are ns, figures in their own unit. */
struct told {
    enum change change;
    const char *pillar, *suite, *name, *message;
    double before, after; /* 0 in both: nothing was measured */
};
struct diff {
    void (*tell)(void *arg, const struct told *t);
    void *arg;
    bool worse, failed;
};

static void tell(struct diff *d, struct told t)
{
    d->worse |= t.change == CHANGE_BROKEN || t.change == CHANGE_FOUND;
    d->tell(d->arg, &t);
}

static bool case_key(const struct report_case *c, struct text *key)
{
    const char *const parts[] = {c->pillar, c->suite, c->name};
    text_clear(key);
    for (size_t i = 0; i < 3; i++)
        text_add(key, parts[i], strlen(parts[i]) + 1);
    return text_ok(key);
}

static bool map_cases(const struct report *r, struct map *m)
{
    struct text key = TEXT_INIT;
    bool fine = true;
    for (size_t i = 0; fine && i < r->cases.count; i++)
        fine = case_key(&r->cases.items[i], &key) && map_put_n(m, key.data, key.len, &r->cases.items[i]);
    text_deinit(&key);
    return fine;
}

static void compare_case(struct diff *d, const struct report_case *a, const struct report_case *b)
{
    struct told t = {0, b->pillar, b->suite, b->name, b->message, (double)a->duration, (double)b->duration};
    uint64_t longer = a->duration > b->duration ? a->duration : b->duration;
    if (a->status != b->status && b->status == REPORT_FAILED)
        t.change = CHANGE_BROKEN;
    else if (a->status != b->status && b->status == REPORT_FLAKY)
        t.change = CHANGE_FLAKY;
    else if (a->status == REPORT_FAILED && b->status == REPORT_PASSED)
        t.change = CHANGE_FIXED;
    else if (a->status != REPORT_PASSED || b->status != REPORT_PASSED || longer < REPORT_DIFF_LEAST)
        return;
    else if (t.after > t.before * REPORT_DIFF_RATIO)
        t.change = CHANGE_SLOWER;
    else if (t.before > t.after * REPORT_DIFF_RATIO)
        t.change = CHANGE_FASTER;
    else
        return;
    tell(d, t);
}

static void compare_cases(struct diff *d, const struct report *before, const struct report *after)
{
    struct map olds = MAP_INIT, news = MAP_INIT;
    struct text key = TEXT_INIT;
    d->failed |= !map_cases(before, &olds) || !map_cases(after, &news);
    for (size_t i = 0; !d->failed && i < after->cases.count; i++) {
        const struct report_case *b = &after->cases.items[i], *a;
        d->failed |= !case_key(b, &key);
        if (d->failed || map_get_n(&news, key.data, key.len) != b)
            continue;
        a = map_get_n(&olds, key.data, key.len);
        if (a != NULL)
            compare_case(d, a, b);
        else
            tell(d, (struct told){b->status == REPORT_FAILED ? CHANGE_BROKEN : CHANGE_NEW, b->pillar, b->suite, b->name,
                                  b->message, 0, 0});
    }
    for (size_t i = 0; !d->failed && i < before->cases.count; i++) {
        const struct report_case *a = &before->cases.items[i];
        d->failed |= !case_key(a, &key);
        if (!d->failed && map_get_n(&olds, key.data, key.len) == a && map_get_n(&news, key.data, key.len) == NULL)
            tell(d, (struct told){CHANGE_GONE, a->pillar, a->suite, a->name, "", 0, 0});
    }
    map_deinit(&olds);
    map_deinit(&news);
    text_deinit(&key);
}

static bool has_finding(const struct report *r, const struct report_finding *f)
{
    char wanted[REPORT_PRINT_SIZE], print[REPORT_PRINT_SIZE];
    report_finding_print(f, wanted);
    for (size_t i = 0; i < r->findings.count; i++) {
        report_finding_print(&r->findings.items[i], print);
        if (r->findings.items[i].warning == f->warning && strcmp(print, wanted) == 0)
            return true;
    }
    return false;
}

static void compare_findings(struct diff *d, const struct report *before, const struct report *after)
{
    for (size_t i = 0; i < after->findings.count; i++) {
        const struct report_finding *f = &after->findings.items[i];
        if (!has_finding(before, f))
            tell(d, (struct told){f->warning ? CHANGE_NEW : CHANGE_FOUND, f->pillar, f->target, f->title, f->oracle, 0,
                                  0});
    }
    for (size_t i = 0; i < before->findings.count; i++) {
        const struct report_finding *f = &before->findings.items[i];
        if (!has_finding(after, f))
            tell(d, (struct told){CHANGE_NOT_FOUND, f->pillar, f->target, f->title, f->oracle, 0, 0});
    }
}

static void compare_series(struct diff *d, const struct report *before, const struct report *after)
{
    for (size_t i = 0; i < after->series.count; i++) {
        const struct report_series *b = &after->series.items[i], *a = NULL;
        for (size_t k = 0; k < before->series.count; k++)
            if (strcmp(before->series.items[k].name, b->name) == 0)
                a = &before->series.items[k];
        if (a == NULL)
            continue;
        double *x = report_series_sorted(a), *y = report_series_sorted(b);
        if (x == NULL || y == NULL)
            d->failed = true;
        else
            tell(d, (struct told){CHANGE_FIGURE, "", "", b->name, "p50", report_quantile(x, a->count, 0.5),
                                  report_quantile(y, b->count, 0.5)});
        free(x);
        free(y);
    }
}

static bool diff_run(struct diff *d, const struct report *before, const struct report *after, struct text *out)
{
    compare_cases(d, before, after);
    compare_findings(d, before, after);
    compare_series(d, before, after);
    if (d->failed)
        out->failed = true;
    return d->worse;
}

/* ---- as text --------------------------------------------------------------------------------------------------- */

struct text_diff {
    struct text parts[CHANGE_COUNT]; /* so that what is worse comes first */
    size_t counts[CHANGE_COUNT];
};

#define SHOWN 40 /* changes of one kind */

static void tell_text(void *arg, const struct told *t)
{
    struct text_diff *d = arg;
    struct text *out = &d->parts[t->change];
    if (d->counts[t->change]++ >= SHOWN)
        return;
    text_printf(out, "  %-15s ", change_names[t->change]);
    const char *const names[] = {t->pillar, t->suite, t->name};
    for (size_t i = 0; i < 3; i++) {
        if (names[i][0] == 0)
            continue;
        terminal_line(out, names[i], 80);
        text_puts(out, i < 2 ? " / " : "");
    }
    if (t->change == CHANGE_SLOWER || t->change == CHANGE_FASTER) {
        char a[32], b[32];
        units_format_duration((int64_t)fmin(t->before, 9.2e18), a, sizeof a);
        units_format_duration((int64_t)fmin(t->after, 9.2e18), b, sizeof b);
        text_printf(out, ": %s -> %s", a, b);
    } else if (t->change == CHANGE_FIGURE) {
        text_printf(out, " %s: %.4g -> %.4g", t->message, t->before, t->after);
        if (t->before > 0)
            text_printf(out, " (x%.2f)", t->after / t->before);
    } else if (t->message[0] != 0) {
        text_puts(out, ": ");
        terminal_line(out, t->message, 100);
    }
    text_char(out, '\n');
}

bool report_diff_text(const struct report *before, const struct report *after, struct text *out)
{
    struct text_diff parts = {0};
    struct diff d = {.tell = tell_text, .arg = &parts};
    bool worse = diff_run(&d, before, after, out), any = false;
    for (int i = 0; i < CHANGE_COUNT; i++) {
        text_add(out, parts.parts[i].data, parts.parts[i].len);
        if (!text_ok(&parts.parts[i]))
            out->failed = true;
        if (parts.counts[i] > SHOWN)
            text_printf(out, "  %-15s and %zu more\n", change_names[i], parts.counts[i] - SHOWN);
        any |= parts.counts[i] != 0;
        text_deinit(&parts.parts[i]);
    }
    text_puts(out, any ? "" : "  nothing changed\n");
    text_printf(out, "%s: %zu passed, %zu failed, %zu flaky, %zu skipped, %zu found -> ", worse ? "worse" : "not worse",
                before->counts[REPORT_PASSED], before->counts[REPORT_FAILED], before->counts[REPORT_FLAKY],
                before->counts[REPORT_SKIPPED], before->bugs);
    text_printf(out, "%zu passed, %zu failed, %zu flaky, %zu skipped, %zu found\n", after->counts[REPORT_PASSED],
                after->counts[REPORT_FAILED], after->counts[REPORT_FLAKY], after->counts[REPORT_SKIPPED], after->bugs);
    return worse;
}

/* ---- as JSON --------------------------------------------------------------------------------------------------- */

static void tell_json(void *arg, const struct told *t)
{
    struct json_out *j = arg;
    json_out_open(j, NULL, '{');
    json_out_text(j, "change", change_names[t->change]);
    json_out_may(j, "pillar", t->pillar);
    json_out_may(j, "suite", t->suite);
    json_out_text(j, "name", t->name);
    json_out_may(j, "message", t->message);
    if (t->change >= CHANGE_SLOWER) {
        json_out_real(j, "before", t->before);
        json_out_real(j, "after", t->after);
    }
    json_out_close(j, '}');
}

bool report_diff_json(const struct report *before, const struct report *after, struct text *out)
{
    struct json_out j = {.out = out};
    struct diff d = {.tell = tell_json, .arg = &j};
    json_out_open(&j, NULL, '{');
    json_out_text(&j, "before", before->id);
    json_out_text(&j, "after", after->id);
    json_out_open(&j, "changes", '[');
    bool worse = diff_run(&d, before, after, out);
    json_out_close(&j, ']');
    json_out_bool(&j, "worse", worse);
    json_out_close(&j, '}');
    return worse;
}
