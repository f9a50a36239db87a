#include "reports/model.h"

#include <stdlib.h>

uint64_t report_fault_end(const struct report *r, const struct report_fault *f)
{
    return f->healed ? f->end : r->duration > f->start ? r->duration : f->start;
}

void report_place(const struct report_case *c, struct text *out)
{
    if (c->file[0] == 0)
        return;
    text_puts(out, c->file);
    if (c->line != 0)
        text_printf(out, ":%d", c->line);
    if (c->line != 0 && c->column != 0)
        text_printf(out, ":%d", c->column);
}

/* ---- suites ---------------------------------------------------------------------------------------------------- */

void report_suites_free(struct report_suite *suites, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(suites[i].cases);
    free(suites);
}

/* The suite of a case, made when it is the first. `places` maps pillar and suite to the index + 1. */
static struct report_suite *suite_of(struct map *places, struct report_suite *suites, size_t *count,
                                     const struct report_case *c)
{
    struct text key = TEXT_INIT;
    text_puts(&key, c->pillar);
    text_char(&key, 0);
    text_puts(&key, c->suite);
    struct report_suite *suite = text_ok(&key) ? map_get_n(places, key.data, key.len) : NULL;
    if (suite == NULL && text_ok(&key)) {
        suite = &suites[*count];
        *suite = (struct report_suite){.pillar = c->pillar, .name = c->suite};
        if (map_put_n(places, key.data, key.len, suite))
            (*count)++;
        else
            suite = NULL;
    }
    text_deinit(&key);
    return suite;
}

int report_suites(const struct report *r, struct report_suite **out, size_t *out_count)
{
    struct map places = MAP_INIT;
    size_t count = 0;
    int rc = ERROR_MEMORY;
    *out = NULL;
    *out_count = 0;
    if (r->cases.count == 0)
        return 0;
    struct report_suite *suites = calloc(r->cases.count, sizeof *suites);
    if (suites == NULL)
        return ERROR_MEMORY;
    for (int pass = 0; pass < 2; pass++) { /* count, then place */
        for (size_t i = 0; i < r->cases.count; i++) {
            const struct report_case *c = &r->cases.items[i];
            struct report_suite *suite = suite_of(&places, suites, &count, c);
            if (suite == NULL)
                goto out;
            if (pass == 1) {
                suite->cases[suite->placed++] = i;
                continue;
            }
            suite->count++;
            suite->counts[c->status]++;
            suite->duration += c->duration;
        }
        for (size_t i = 0; pass == 0 && i < count; i++) {
            suites[i].cases = malloc(suites[i].count * sizeof *suites[i].cases);
            if (suites[i].cases == NULL)
                goto out;
        }
    }
    rc = 0;

out:
    map_deinit(&places);
    if (rc != 0) {
        report_suites_free(suites, count);
        return rc;
    }
    *out = suites;
    *out_count = count;
    return 0;
}
