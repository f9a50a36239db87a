#include "reports/policy.h"

#include <stdlib.h>

#define CONFIDENCE       0.95
#define SAMPLES          30
#define SAMPLES_RECOVERY REPORT_FEW

static const char *const minimum_names[GATE_MINIMUM_COUNT] = {"cases", "inputs", "faults", "operations"};

const char *gate_policy_minimum_name(enum gate_minimum m)
{
    return minimum_names[m];
}

static int need_map(const struct node *n, const char *what, struct error *err)
{
    return n->kind == NODE_MAP
               ? 0
               : node_error(n, err, ERROR_INVALID, "expected a map with %s, got %s", what, node_kind_name(n->kind));
}

static int may_count(const struct node *map, const char *key, uint64_t *out, struct error *err)
{
    int64_t value = 0;
    if (node_get(map, key) == NULL)
        return 0;
    int code = node_may_integer(map, key, 0, INT64_MAX, &value, err);
    *out = code == 0 ? (uint64_t)value : *out;
    return code;
}

static int may_number(const struct node *map, const char *key, double min, double max, double *out, struct error *err)
{
    const struct node *n = node_get(map, key);
    if (n == NULL)
        return 0;
    double value = n->kind == NODE_INTEGER ? (double)n->integer : n->kind == NODE_REAL ? n->real : -1;
    if (!(value >= min && value <= max))
        return node_error(n, err, ERROR_INVALID, "\"%s\" must be a number from %g to %g", key, min, max);
    *out = value;
    return 0;
}

/* "80%" as 0.8. */
static int read_share(const struct node *n, const char *key, double *out, struct error *err)
{
    char *end = NULL;
    double value = n->kind == NODE_TEXT ? strtod((const char *)n->text.data, &end) : -1;
    if (end == NULL || end == (const char *)n->text.data || strcmp(end, "%") != 0 || !(value >= 0 && value <= 100))
        return n->kind == NODE_REAL && n->real >= 0 && n->real <= 1
                   ? node_error(n, err, ERROR_INVALID, "\"%s\" must be a share as \"80%%\": write \"%g%%\"", key,
                                100 * n->real)
                   : node_error(n, err, ERROR_INVALID, "\"%s\" must be a share as \"80%%\"", key);
    *out = value / 100;
    return 0;
}

static int may_share(const struct node *map, const char *key, double *out, struct error *err)
{
    const struct node *n = node_get(map, key);
    return n == NULL ? 0 : read_share(n, key, out, err);
}

/* A number of cases, or a share of them. */
static int read_flaky(const struct node *root, struct gate_policy *p, struct error *err)
{
    const struct node *n = node_get(root, "flaky");
    if (n == NULL)
        return 0;
    if (n->kind == NODE_TEXT || n->kind == NODE_REAL)
        return read_share(n, "flaky", &p->flaky_share, err);
    return may_count(root, "flaky", &p->flaky, err);
}

static int read_recovery(const struct node *n, struct gate_regression *r, struct error *err)
{
    const char *figure = "", *names[REPORT_FIGURE_COUNT + 1] = {0};
    int code = node_need_text(n, "recovery", &figure, err);
    if (code != 0)
        return code;
    for (int f = 0; f < REPORT_FIGURE_COUNT; f++) {
        names[f] = report_figure_name((enum report_figure)f);
        if (strcmp(names[f], figure) == 0) {
            r->figure = (enum report_figure)f;
            r->samples = SAMPLES_RECOVERY;
            return 0;
        }
    }
    const char *near = nearest_word(figure, names);
    return node_error(node_get(n, "recovery"), err, ERROR_INVALID,
                      "\"%s\" is no figure of recoveries: expected detected, answered, baseline or converged%s%s%s",
                      figure, near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

static int read_regression(const struct node *n, struct gate_regression *r, struct error *err)
{
    static const char *const keys[] = {"series", "recovery",   "target",  "fault", "quantile",
                                       "ratio",  "confidence", "samples", NULL};
    *r = (struct gate_regression){
        .quantile = 0.5, .confidence = CONFIDENCE, .samples = SAMPLES, .line = n->line, .column = n->column};
    int code = need_map(n, "series or recovery, and ratio", err);
    if (code == 0)
        code = node_only_keys(n, keys, err);
    if (code == 0 && (node_get(n, "series") != NULL) == (node_get(n, "recovery") != NULL))
        code = node_error(n, err, ERROR_INVALID, "a regression is about one of \"series\" and \"recovery\"");
    if (code == 0 && node_get(n, "recovery") != NULL)
        code = read_recovery(n, r, err);
    else if (code == 0)
        code = node_need_text(n, "series", &r->series, err);
    const char *const only[] = {"target", "fault"};
    for (size_t i = 0; code == 0 && i < 2; i++)
        if (r->series != NULL && node_get(n, only[i]) != NULL)
            code = node_error(node_get(n, only[i]), err, ERROR_INVALID, "\"%s\" goes with \"recovery\"", only[i]);
    if (code == 0)
        code = node_may_text(n, "target", &r->target, err);
    if (code == 0)
        code = node_may_text(n, "fault", &r->fault, err);
    if (code == 0)
        code = may_number(n, "quantile", 0, 1, &r->quantile, err);
    if (code == 0 && node_get(n, "ratio") == NULL)
        code = node_error(n, err, ERROR_INVALID,
                          "\"ratio\" is missing: how many times as great it may be, 1.2 for a fifth more");
    if (code == 0)
        code = may_number(n, "ratio", 0.01, 1000, &r->ratio, err);
    if (code == 0)
        code = may_share(n, "confidence", &r->confidence, err);
    if (code == 0 && (r->confidence < 0.5 || r->confidence > 0.9999))
        code = node_error(node_get(n, "confidence"), err, ERROR_INVALID, "\"confidence\" is from 50%% to 99.99%%");
    return code == 0 ? may_count(n, "samples", &r->samples, err) : code;
}

static int read_regressions(const struct node *root, struct gate_policy *p, struct error *err)
{
    const struct node *list = NULL;
    int code = node_may_list(root, "regressions", &list, err);
    for (size_t i = 0; code == 0 && list != NULL && i < list->list.count; i++) {
        struct gate_regression r;
        code = read_regression(&list->list.items[i], &r, err);
        if (code == 0 && !array_push(&p->regressions, r))
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return code;
}

static int read_coverage(const struct node *root, struct gate_policy *p, struct error *err)
{
    static const char *const pillars[] = {"contract", "e2e", "fuzz", NULL};
    const struct node *map = NULL;
    int code = node_may_map(root, "coverage", &map, err);
    if (code == 0 && map != NULL)
        code = node_only_keys(map, pillars, err);
    for (size_t i = 0; code == 0 && map != NULL && i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        struct gate_coverage c = {pair->key, 0, pair->key_line, pair->key_column};
        code = read_share(&pair->value, pair->key, &c.share, err);
        if (code == 0 && !array_push(&p->coverage, c))
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return code;
}

static int read_contracts(const struct node *root, struct gate_policy *p, struct error *err)
{
    static const char *const keys[] = {"broken", "unverified", NULL};
    const struct node *map = NULL;
    int code = node_may_map(root, "contracts", &map, err);
    if (code != 0 || map == NULL)
        return code;
    p->contracts = true;
    code = node_only_keys(map, keys, err);
    if (code == 0)
        code = may_count(map, "broken", &p->broken, err);
    return code == 0 ? may_count(map, "unverified", &p->unverified, err) : code;
}

static int check_pillar(const struct node *n, struct error *err)
{
    static const char *const pillars[] = {"contract", "e2e", "fuzz", "chaos", NULL};
    const char *name = n->kind == NODE_TEXT ? (const char *)n->text.data : "";
    for (size_t i = 0; pillars[i] != NULL; i++)
        if (strcmp(pillars[i], name) == 0)
            return 0;
    const char *near = nearest_word(name, pillars);
    return node_error(n, err, ERROR_INVALID, "expected a pillar: contract, e2e, fuzz or chaos%s%s%s",
                      near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

static int read_minimum(const struct node *root, struct gate_policy *p, struct error *err)
{
    static const char *const keys[] = {"cases", "inputs", "faults", "operations", "duration", "pillars", NULL};
    const struct node *map = NULL;
    int code = node_may_map(root, "minimum", &map, err);
    if (code != 0 || map == NULL)
        return code;
    code = node_only_keys(map, keys, err);
    for (int m = 0; code == 0 && m < GATE_MINIMUM_COUNT; m++)
        code = may_count(map, minimum_names[m], &p->minimum[m], err);
    if (code == 0)
        code = node_may_duration(map, "duration", &p->duration, err);
    if (code == 0)
        code = node_may_list(map, "pillars", &p->pillars, err);
    for (size_t i = 0; code == 0 && p->pillars != NULL && i < p->pillars->list.count; i++)
        code = check_pillar(&p->pillars->list.items[i], err);
    return code;
}

static int read_root(const struct node *root, struct gate_policy *p, struct error *err)
{
    static const char *const keys[] = {"gate",        "complete", "failures",  "findings", "warnings", "flaky",
                                       "regressions", "coverage", "contracts", "minimum",  NULL};
    int64_t version = 0;
    int code = need_map(root, "\"gate: 1\" and what is asked of a run", err);
    if (code == 0)
        code = node_only_keys(root, keys, err);
    if (code == 0 && node_get(root, "gate") == NULL)
        code = node_error(root, err, ERROR_INVALID, "\"gate\" is missing: the format's version, \"gate: 1\"");
    if (code == 0)
        code = node_may_integer(root, "gate", 0, INT64_MAX, &version, err);
    if (code == 0 && version != GATE_VERSION)
        code = node_error(node_get(root, "gate"), err, ERROR_UNSUPPORTED, "this harrow reads version %d of the format",
                          GATE_VERSION);
    if (code == 0)
        code = node_may_bool(root, "complete", &p->complete, err);
    if (code == 0)
        code = may_count(root, "failures", &p->failures, err);
    if (code == 0)
        code = may_count(root, "findings", &p->findings, err);
    if (code == 0)
        code = may_count(root, "warnings", &p->warnings, err);
    if (code == 0)
        code = read_flaky(root, p, err);
    if (code == 0)
        code = read_regressions(root, p, err);
    if (code == 0)
        code = read_coverage(root, p, err);
    if (code == 0)
        code = read_contracts(root, p, err);
    return code == 0 ? read_minimum(root, p, err) : code;
}

int gate_policy_read(struct document *document, struct gate_policy *out, struct error *err)
{
    *out = (struct gate_policy){.document = document,
                                .complete = true,
                                .warnings = GATE_ANY,
                                .flaky = GATE_ANY,
                                .flaky_share = -1,
                                .unverified = GATE_ANY};
    int code = read_root(document_root(document), out, err);
    if (code != 0)
        gate_policy_deinit(out);
    return code;
}

void gate_policy_deinit(struct gate_policy *p)
{
    array_deinit(&p->regressions);
    array_deinit(&p->coverage);
    document_free(p->document);
    *p = (struct gate_policy){0};
}
