#include "reports/model.h"

#include "base/hash.h"
#include "base/units.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t report_fault_end(const struct report *r, const struct report_fault *f)
{
    uint64_t end = r->duration;
    if (f->healed)
        return f->end;
    for (size_t i = 0; i < r->pillars.count; i++) { /* the next one has a system of its own */
        const struct report_pillar *p = &r->pillars.items[i];
        if (p->ended && p->start <= f->start && f->start <= p->end && p->end < end)
            end = p->end;
    }
    return end > f->start ? end : f->start;
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

bool report_case_again(struct arena *a, struct report_case *c, const struct report_case *last)
{
    struct report_attempt *before = ARENA_NEW(a, struct report_attempt), **end = &c->attempts;
    bool failed = false;
    if (before == NULL)
        return false;
    /* Flaky with no try known: it was so told, and stays so. */
    *before = (struct report_attempt){c->status, c->duration, c->message, c->detail, NULL};
    for (; *end != NULL; end = &(*end)->next)
        failed |= (*end)->status == REPORT_FAILED || (*end)->status == REPORT_FLAKY;
    failed |= c->status == REPORT_FAILED || c->status == REPORT_FLAKY;
    *end = before;
    struct report_attempt *attempts = c->attempts;
    *c = *last;
    c->attempts = attempts;
    if (failed && c->status == REPORT_PASSED)
        c->status = REPORT_FLAKY;
    if (failed && c->status == REPORT_SKIPPED) /* left out the second time: what it showed stands */
        c->status = REPORT_FAILED;
    if (c->status == REPORT_FLAKY && c->message[0] == 0)
        c->message = before->message;
    return true;
}

int64_t report_epoch(const struct report *r)
{
    struct tm tm = {0};
    int ms = 0;
    if (sscanf(r->started, "%4d-%2d-%2dT%2d:%2d:%2d.%3d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec, &ms) < 6)
        return 0;
    if (tm.tm_year < 1970 || tm.tm_year > 2200 || tm.tm_mon < 1 || tm.tm_mon > 12 || ms < 0)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return (int64_t)timegm(&tm) * SECOND + ms * MILLISECOND;
}

uint64_t report_hash(uint64_t hash, const char *s)
{
    hash = hash_add(hash == 0 ? HASH_START : hash, bytes_of(s));
    return hash_add(hash, BYTES("\xff", 1)); /* "ab" and "c" are not "a" and "bc" */
}

/* Every run of digits becomes one mark: "a key of 65,536 bytes" is the finding that 65,537 gives as well. */
static uint64_t hash_without_numbers(uint64_t hash, const char *s)
{
    char word[256];
    size_t len = 0;
    for (; *s != 0 && len < sizeof word - 1; s++) {
        bool digit = (*s >= '0' && *s <= '9') || ((*s == ',' || *s == '.') && len > 0 && word[len - 1] == '#');
        if (!digit)
            word[len++] = *s;
        else if (len == 0 || word[len - 1] != '#')
            word[len++] = '#';
    }
    word[len] = 0;
    return report_hash(hash, word);
}

void report_finding_print(const struct report_finding *f, char out[REPORT_PRINT_SIZE])
{
    uint64_t hash = report_hash(report_hash(report_hash(0, f->pillar), f->oracle), f->target);
    (void)snprintf(out, REPORT_PRINT_SIZE, "%016llx", (unsigned long long)hash_without_numbers(hash, f->title));
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '_' || c == '.';
}

/* The length of a method at the beginning of `s`: "notes.Notes/Create"; 0: there is none. */
static size_t method_length(const char *s)
{
    size_t service = 0, len;
    while (is_name(s[service]))
        service++;
    if (service == 0 || s[service] != '/' || memchr(s, '.', service) == NULL || s[service - 1] == '.')
        return 0;
    for (len = service + 1; isalnum((unsigned char)s[len]) != 0 || s[len] == '_'; len++)
        ;
    return len == service + 1 || s[len] == '/' || s[len] == '.' ? 0 : len;
}

const char *report_method_in(const char *text, size_t *len)
{
    for (const char *at = text + strspn(text, " "); *at != 0;) {
        *len = method_length(at);
        if (*len != 0)
            return at;
        at += strcspn(at, " "); /* only at the beginning of a word: no part of a URL */
        at += strspn(at, " ");
    }
    return NULL;
}

static int compare_values(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double *report_series_sorted(const struct report_series *s)
{
    double *sorted = s->count != 0 ? malloc(s->count * sizeof *sorted) : NULL;
    for (size_t i = 0; sorted != NULL && i < s->count; i++)
        sorted[i] = s->points[i].value;
    if (sorted != NULL)
        qsort(sorted, s->count, sizeof *sorted, compare_values);
    return sorted;
}

double report_quantile(const double *sorted, size_t count, double q)
{
    double rank = q * (double)count;
    size_t at = (size_t)rank + ((double)(size_t)rank < rank);
    return sorted[at == 0 ? 0 : at > count ? count - 1 : at - 1];
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
