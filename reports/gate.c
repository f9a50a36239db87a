#include "reports/gate.h"

#include "base/units.h"
#include "reports/matrix.h"
#include "reports/model.h"
#include "reports/regress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What one judging needs; the first lack of memory makes the rest a no-op. */
struct judge {
    struct gate *gate;
    const struct gate_input *in;
    bool failed;
};

static struct gate_check *check(struct judge *j, const char *name, bool passed, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static struct gate_check *check(struct judge *j, const char *name, bool passed, int line, const char *format, ...)
{
    struct text said = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&said, format, args);
    va_end(args);
    struct gate_check c = {.name = arena_string(&j->gate->arena, name),
                           .passed = passed,
                           .said = arena_string(&j->gate->arena, text_string(&said)),
                           .line = line};
    j->failed |= !text_ok(&said) || c.name == NULL || c.said == NULL || !array_push(&j->gate->checks, c);
    text_deinit(&said);
    return j->failed ? NULL : array_last(&j->gate->checks);
}

/* A line below the check. Lists only grow at their end, so a copy twice as large is made now and then. */
static void show(struct judge *j, struct gate_check *c, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void show(struct judge *j, struct gate_check *c, const char *format, ...)
{
    if (c == NULL || j->failed)
        return;
    size_t n = c->more_count;
    if ((n & (n + 1)) == 0) { /* 0, 1, 3, 7, ...: the room for the next ones and a NULL behind them */
        const char **grown = ARENA_NEW_N(&j->gate->arena, const char *, 2 * n + 2);
        if (grown == NULL) {
            j->failed = true;
            return;
        }
        if (n != 0)
            memcpy(grown, c->more, n * sizeof *grown);
        c->more = grown;
    }
    struct text line = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&line, format, args);
    va_end(args);
    c->more[n] = text_ok(&line) ? arena_string(&j->gate->arena, text_string(&line)) : NULL;
    j->failed |= c->more[n] == NULL;
    c->more_count++;
    text_deinit(&line);
}

static int line_in(const struct node *map, const char *key)
{
    for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->map.count; i++)
        if (strcmp(map->map.pairs[i].key, key) == 0)
            return map->map.pairs[i].key_line;
    return 0;
}

static int line_of(const struct judge *j, const char *key)
{
    return line_in(document_root(j->in->policy->document), key);
}

static int line_of_minimum(const struct judge *j, const char *key)
{
    return line_in(node_get(document_root(j->in->policy->document), "minimum"), key);
}

/* ---- verdicts -------------------------------------------------------------------------------------------------- */

static void judge_complete(struct judge *j)
{
    const struct report *r = j->in->run;
    if (!j->in->policy->complete)
        return;
    bool other = r->exit != 0 && r->exit != 1;
    const char *cut = report_cut(r);
    struct gate_check *c = check(j, "complete", cut == NULL && !other, line_of(j, "complete"), "%s%s",
                                 r->missing[0] != 0 ? "shards are missing: "
                                 : cut != NULL      ? cut
                                 : other            ? "the run could not do its work"
                                                    : "the run came to its end",
                                 r->missing);
    if (r->missing[0] != 0)
        show(j, c, "name the folders of all shards");
    else if (cut != NULL && !report_interrupted(r))
        show(j, c, "it was killed or ran out of time: see the end of its log, and run it again");
    else if (cut != NULL)
        show(j, c, "run it again, to its end");
    else if (other)
        show(j, c, "its exit code was %" PRId64 ": see the end of its log", r->exit);
}

static void show_accept(struct judge *j, struct gate_check *c)
{
    if (c != NULL && !c->passed)
        show(j, c, "mend it, or let it pass for a time: --baseline FILE --accept REASON");
}

static void judge_failures(struct judge *j)
{
    const struct report *r = j->in->run;
    uint64_t known = 0;
    for (size_t i = 0; i < r->cases.count && !j->failed; i++) {
        const struct report_case *c = &r->cases.items[i];
        if (c->status != REPORT_FAILED)
            continue;
        if (baseline_has_case(j->in->baseline, c, j->in->today))
            known++;
        else
            j->failed |= !array_push(&j->gate->new_failures, c);
    }
    size_t count = j->gate->new_failures.count;
    struct gate_check *c = check(j, "failures", count <= j->in->policy->failures, line_of(j, "failures"),
                                 "%zu fail; %" PRIu64 " are allowed, %" PRIu64 " more are in the baseline", count,
                                 j->in->policy->failures, known);
    for (size_t i = 0; i < count && !j->failed; i++) {
        const struct report_case *f = j->gate->new_failures.items[i];
        show(j, c, "%s / %s / %s%s%s", f->pillar, f->suite, f->name, f->message[0] != 0 ? ": " : "", f->message);
        if (f->replay[0] != 0)
            show(j, c, "  replay: %s", f->replay);
    }
    show_accept(j, c);
}

static void judge_kind(struct judge *j, bool warnings, uint64_t allowed)
{
    const struct report *r = j->in->run;
    const char *name = warnings ? "warnings" : "findings";
    size_t first = j->gate->new_findings.count;
    uint64_t known = 0;
    for (size_t i = 0; i < r->findings.count && !j->failed; i++) {
        const struct report_finding *f = &r->findings.items[i];
        if (f->warning != warnings)
            continue;
        if (baseline_has_finding(j->in->baseline, f, j->in->today))
            known++;
        else
            j->failed |= !array_push(&j->gate->new_findings, f);
    }
    size_t count = j->gate->new_findings.count - first;
    struct gate_check *c =
        check(j, name, count <= allowed, line_of(j, name),
              "%zu new; %" PRIu64 " are allowed, %" PRIu64 " are in the baseline", count, allowed, known);
    for (size_t i = first; i < j->gate->new_findings.count && !j->failed; i++) {
        const struct report_finding *f = j->gate->new_findings.items[i];
        char print[REPORT_PRINT_SIZE];
        report_finding_print(f, print);
        show(j, c, "%s %s: %s%s%s", print, f->pillar, f->title, f->target[0] != 0 ? ", " : "", f->target);
        if (f->replay[0] != 0)
            show(j, c, "  replay: %s", f->replay);
    }
    show_accept(j, c);
}

static void judge_baseline(struct judge *j)
{
    size_t unused = 0;
    struct gate_check *c;
    for (size_t i = 0; i < j->in->baseline->entries.count; i++)
        unused += !j->in->baseline->entries.items[i].used;
    if (j->in->baseline->entries.count == 0)
        return;
    c = check(j, "baseline", true, 0, "%zu entries, %zu of them of no use to this run", j->in->baseline->entries.count,
              unused);
    for (size_t i = 0; i < j->in->baseline->entries.count; i++) {
        const struct baseline_entry *e = &j->in->baseline->entries.items[i];
        if (e->expired)
            show(j, c, "line %d: past its day, %s: %s", e->line, e->consent.expires, e->consent.reason);
    }
}

static void judge_flaky(struct judge *j)
{
    const struct gate_policy *p = j->in->policy;
    const struct report *r = j->in->run;
    size_t flaky = r->counts[REPORT_FLAKY], cases = r->cases.count - r->counts[REPORT_SKIPPED];
    double share = cases > 0 ? (double)flaky / (double)cases : 0;
    if (p->flaky == GATE_ANY && p->flaky_share < 0)
        return;
    struct gate_check *c = p->flaky_share >= 0 ? check(j, "flaky", share <= p->flaky_share, line_of(j, "flaky"),
                                                       "%zu of %zu cases, %.2f %%; %.2f %% are allowed", flaky, cases,
                                                       100 * share, 100 * p->flaky_share)
                                               : check(j, "flaky", flaky <= p->flaky, line_of(j, "flaky"),
                                                       "%zu cases; %" PRIu64 " are allowed", flaky, p->flaky);
    for (size_t i = 0; i < r->cases.count; i++) {
        const struct report_case *f = &r->cases.items[i];
        if (f->status != REPORT_FLAKY)
            continue;
        show(j, c, "%s / %s / %s%s%s", f->pillar, f->suite, f->name, f->message[0] != 0 ? ": " : "", f->message);
        if (f->replay[0] != 0)
            show(j, c, "  replay: %s", f->replay);
    }
}

/* ---- regressions ----------------------------------------------------------------------------------------------- */

static bool fits(const struct gate_regression *p, const struct report_recovery *v)
{
    return (p->target == NULL || strcmp(p->target, v->target) == 0) &&
           (p->fault == NULL || strcmp(p->fault, v->fault) == 0) && v->durations[p->figure] != REPORT_UNKNOWN;
}

/* The values of one run, in order of time; the caller frees. False: out of memory. */
static bool values_of(const struct gate_regression *p, const struct report *r, double **values, size_t *count)
{
    size_t most = r->recoveries.count;
    const struct report_series *series = NULL;
    for (size_t i = 0; p->series != NULL && i < r->series.count; i++)
        if (strcmp(r->series.items[i].name, p->series) == 0)
            series = &r->series.items[i];
    if (p->series != NULL)
        most = series != NULL ? series->count : 0;
    *count = 0;
    *values = malloc((most + 1) * sizeof **values);
    if (*values == NULL)
        return false;
    for (size_t i = 0; i < most; i++) {
        if (series != NULL)
            (*values)[(*count)++] = series->points[i].value;
        else if (fits(p, &r->recoveries.items[i]))
            (*values)[(*count)++] = (double)r->recoveries.items[i].durations[p->figure] / 1e6;
    }
    return true;
}

static void name_regression(const struct gate_regression *p, char *out, size_t size)
{
    if (p->series != NULL)
        (void)snprintf(out, size, "%s p%g", p->series, 100 * p->quantile);
    else
        (void)snprintf(out, size, "recovery (%s%s%s%s%s) p%g", report_figure_name(p->figure),
                       p->fault != NULL ? " after " : "", p->fault != NULL ? p->fault : "",
                       p->target != NULL ? " of " : "", p->target != NULL ? p->target : "", 100 * p->quantile);
}

/* What there is to measure, where what the policy names is not, and how to get more of it. */
static void show_measured(struct judge *j, const struct gate_regression *p, struct gate_check *c)
{
    const struct report *r = j->in->run;
    struct text there = TEXT_INIT;
    bool found = p->series == NULL;
    for (size_t i = 0; i < r->series.count; i++) {
        found |= p->series != NULL && strcmp(r->series.items[i].name, p->series) == 0;
        text_printf(&there, "%s%s", i > 0 ? ", " : "", r->series.items[i].name);
    }
    j->failed |= !text_ok(&there);
    if (!found)
        show(j, c, "the run has no curve of this name; it has %s", there.len > 0 ? text_string(&there) : "none");
    else
        show(j, c,
             "let the run last longer (--budget), or give several runs, also with --against: they count together");
    text_deinit(&there);
}

static void judge_values(struct judge *j, const struct gate_regression *p, const char *name,
                         const struct regress_sample *before, const struct regress_sample *after)
{
    struct regress_result r;
    struct random random;
    if (before->count < p->samples || after->count < p->samples || before->count == 0 || after->count == 0) {
        show_measured(j, p,
                      check(j, name, false, p->line,
                            "too little was measured to judge: %zu values before, %zu now; %" PRIu64 " are needed",
                            before->count, after->count, p->samples));
        return;
    }
    random_seed(&random, j->in->seed);
    if (!regress_compare(before, after, p->quantile, p->confidence, &random, &r)) {
        j->failed = true;
        return;
    }
    double needed = regress_needed(p->quantile), least = fmin(r.counts[0], r.counts[1]);
    if (least < needed) {
        show_measured(j, p,
                      check(j, name, false, p->line,
                            "too little was measured to judge: %zu and %zu values say as much as %.0f and %.0f "
                            "independent ones; %.0f are needed on each side",
                            before->count, after->count, r.counts[0], r.counts[1], needed));
        return;
    }
    bool worse = r.low > p->ratio;
    check(j, name, !worse, p->line,
          "x%.2f (%.4g -> %.4g); with %g %% confidence from x%.2f to x%.2f, x%.2f is allowed; %zu and %zu values that "
          "say as much as %.0f and %.0f",
          r.ratio, r.before, r.after, 100 * p->confidence, r.low, r.high, p->ratio, before->count, after->count,
          r.counts[0], r.counts[1]);
}

static void judge_regressions(struct judge *j)
{
    for (size_t i = 0; i < j->in->policy->regressions.count && !j->failed; i++) {
        const struct gate_regression *p = &j->in->policy->regressions.items[i];
        struct regress_sample before = {NULL, 0}, after = {NULL, 0};
        double *a = NULL, *b = NULL;
        char name[200];
        name_regression(p, name, sizeof name);
        if (j->in->against == NULL) {
            check(j, name, false, p->line, "there is no run to compare with: name one with --against RUN");
            continue;
        }
        if (!values_of(p, j->in->against, &a, &before.count) || !values_of(p, j->in->run, &b, &after.count)) {
            j->failed = true;
        } else {
            before.values = a;
            after.values = b;
            judge_values(j, p, name, &before, &after);
        }
        free(a);
        free(b);
    }
}

/* ---- how much was tested --------------------------------------------------------------------------------------- */

#define METHODS_SHOWN 20

static void judge_coverage(struct judge *j)
{
    static const char *const pillars[GATE_PILLARS] = {"contract", "e2e", "fuzz"};
    struct gate_methods methods;
    if (j->in->policy->coverage.count == 0)
        return;
    j->failed |= !gate_methods_find(j->in->run, &methods);
    for (size_t i = 0; i < j->in->policy->coverage.count && !j->failed; i++) {
        const struct gate_coverage *p = &j->in->policy->coverage.items[i];
        size_t covered = 0, all = methods.items.count, shown = 0;
        unsigned bit = 0;
        char name[48];
        for (unsigned k = 0; k < GATE_PILLARS; k++)
            bit |= strcmp(p->pillar, pillars[k]) == 0 ? 1U << k : 0;
        for (size_t k = 0; k < all; k++)
            covered += (methods.items.items[k].covered & bit) != 0;
        (void)snprintf(name, sizeof name, "coverage of %s", p->pillar);
        double share = all > 0 ? (double)covered / (double)all : 0;
        struct gate_check *c =
            all == 0 ? check(j, name, false, p->line, "the run names no method at all")
                     : check(j, name, share >= p->share, p->line, "%zu of %zu methods, %.1f %%; %.1f %% are asked for",
                             covered, all, 100 * share, 100 * p->share);
        for (size_t k = 0; k < all && share < p->share; k++)
            if ((methods.items.items[k].covered & bit) == 0 && shown++ < METHODS_SHOWN)
                show(j, c, "not called: %s", methods.items.items[k].name);
        if (shown > METHODS_SHOWN)
            show(j, c, "and %zu more", shown - METHODS_SHOWN);
    }
    gate_methods_deinit(&methods);
}

static void judge_contracts(struct judge *j)
{
    const struct gate_policy *p = j->in->policy;
    struct matrix m = {0};
    if (!p->contracts)
        return;
    uint64_t counts[MATRIX_STATES] = {0};
    if (!matrix_build(j->in->run, &m)) {
        j->failed = true;
        matrix_deinit(&m);
        return;
    }
    for (int pass = 0; pass < 2; pass++) {
        struct gate_check *c = NULL;
        if (pass == 1) {
            bool fine = counts[MATRIX_FAILED] <= p->broken && counts[MATRIX_UNPLAYED] <= p->unverified;
            c = check(j, "contracts", fine, line_of(j, "contracts"),
                      "%" PRIu64 " kept, %" PRIu64 " broken (%" PRIu64 " allowed), %" PRIu64 " never played",
                      counts[MATRIX_VERIFIED], counts[MATRIX_FAILED], p->broken, counts[MATRIX_UNPLAYED]);
        }
        for (size_t i = 0; i < m.count; i++) {
            for (size_t k = 0; k < m.providers[i].method_count; k++) {
                const struct matrix_method *method = &m.providers[i].methods[k];
                for (size_t n = 0; n < method->count; n++) {
                    enum matrix_state state = matrix_state(method->calls[n]);
                    counts[state] += pass == 0;
                    if (pass == 1 &&
                        (state == MATRIX_FAILED || (state == MATRIX_UNPLAYED && p->unverified != GATE_ANY)))
                        show(j, c, "%s: %s calls %s of %s", matrix_state_name(state), method->calls[n]->consumer,
                             method->name, m.providers[i].name);
                }
            }
        }
    }
    matrix_deinit(&m);
}

static uint64_t total_of(const struct report *r, const char *pillar, const char *name)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->pillars.count; i++)
        for (const struct report_member *m = r->pillars.items[i].totals; m != NULL; m = m->next)
            if (strcmp(r->pillars.items[i].name, pillar) == 0 && strcmp(m->name, name) == 0)
                sum += strtoull(m->value, NULL, 10);
    return sum;
}

static bool pillar_ran(const struct report *r, const char *name)
{
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        if (strcmp(p->name, name) == 0)
            return p->ended || p->counts[REPORT_PASSED] + p->counts[REPORT_FAILED] + p->counts[REPORT_FLAKY] != 0;
    }
    return false;
}

static void show_more(struct judge *j, struct gate_check *c)
{
    if (c != NULL && !c->passed)
        show(j, c, "test more (a longer --budget), or judge several runs together");
}

static void judge_minimum(struct judge *j)
{
    const struct gate_policy *p = j->in->policy;
    const struct report *r = j->in->run;
    uint64_t seen[GATE_MINIMUM_COUNT] = {[GATE_CASES] = r->cases.count - r->counts[REPORT_SKIPPED],
                                         [GATE_INPUTS] = total_of(r, "fuzz", "inputs"),
                                         [GATE_OPERATIONS] = total_of(r, "chaos", "operations")};
    for (size_t i = 0; i < r->faults.count; i++) /* what hit nothing was no fault */
        seen[GATE_FAULTS] += r->faults.items[i].hits > 0 || r->faults.items[i].verified;
    for (int m = 0; m < GATE_MINIMUM_COUNT; m++) {
        char name[32];
        (void)snprintf(name, sizeof name, "minimum of %s", gate_policy_minimum_name((enum gate_minimum)m));
        if (p->minimum[m] != 0)
            show_more(j, check(j, name, seen[m] >= p->minimum[m],
                               line_of_minimum(j, gate_policy_minimum_name((enum gate_minimum)m)),
                               "%" PRIu64 "; %" PRIu64 " are asked for", seen[m], p->minimum[m]));
    }
    if (p->duration > 0) {
        char took[32], asked[32];
        units_format_duration((int64_t)(r->duration & INT64_MAX), took, sizeof took);
        units_format_duration(p->duration, asked, sizeof asked);
        show_more(j, check(j, "minimum of duration", (int64_t)(r->duration & INT64_MAX) >= p->duration,
                           line_of_minimum(j, "duration"), "%s; %s are asked for", took, asked));
    }
    for (size_t i = 0; p->pillars != NULL && i < p->pillars->list.count; i++) {
        const struct node *n = &p->pillars->list.items[i];
        bool ran = pillar_ran(r, (const char *)n->text.data);
        struct gate_check *c =
            check(j, (const char *)n->text.data, ran, n->line, "%s", ran ? "was run" : "was not run");
        if (!ran)
            show(j, c, "run it as well: harrow run without --skip, or one more run named here");
    }
}

int gate_judge(const struct gate_input *input, struct gate *out, struct error *err)
{
    *out = (struct gate){.input = input, .passed = true};
    struct judge j = {.gate = out, .in = input};
    judge_complete(&j);
    judge_failures(&j);
    judge_kind(&j, false, input->policy->findings);
    if (input->policy->warnings != GATE_ANY)
        judge_kind(&j, true, input->policy->warnings);
    judge_baseline(&j);
    judge_flaky(&j);
    judge_regressions(&j);
    judge_coverage(&j);
    judge_contracts(&j);
    judge_minimum(&j);
    for (size_t i = 0; i < out->checks.count; i++)
        out->passed &= out->checks.items[i].passed;
    if (!j.failed)
        return 0;
    gate_deinit(out);
    return error_set(err, ERROR_MEMORY, "out of memory");
}

void gate_deinit(struct gate *g)
{
    array_deinit(&g->checks);
    array_deinit(&g->new_findings);
    array_deinit(&g->new_failures);
    arena_deinit(&g->arena);
}
