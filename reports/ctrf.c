#include "reports/json_out.h"
#include "reports/model.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CTRF_VERSION "0.0.0" /* of the format: what its schema in use is called */
#define ATTEMPTS_MAX 100     /* told one by one, of a case; the number of all is there in any case */

static int64_t milliseconds(uint64_t ns)
{
    return (int64_t)(ns / (uint64_t)MILLISECOND);
}

/* Flaky is a property there, not a status. */
static const char *status_name(enum report_status s)
{
    return s == REPORT_FLAKY ? report_status_name(REPORT_PASSED) : report_status_name(s);
}

/* When it began and ended: the stream has the end. */
static void put_times(struct json_out *j, int64_t epoch, uint64_t end, uint64_t duration)
{
    json_out_integer(j, "duration", milliseconds(duration));
    if (epoch == 0)
        return;
    json_out_integer(j, "start", epoch + milliseconds(end > duration ? end - duration : 0));
    json_out_integer(j, "stop", epoch + milliseconds(end));
}

/* What is told of the tries behind the first, entry by entry: lines "try 2: TEXT" and "tries 3 to 5: TEXT" in order,
 * the one of try `last` up to the end (docs/results.md). */
struct later {
    const char *rest;
    uint64_t last;     /* that failed */
    uint64_t from, to; /* of this entry */
    const char *text;
    size_t len;
};

static const char *number_behind(const char *at, const char *word, uint64_t *number)
{
    size_t len = strlen(word);
    char *end;
    if (at == NULL || strncmp(at, word, len) != 0 || at[len] < '0' || at[len] > '9')
        return NULL;
    *number = strtoull(at + len, &end, 10);
    return end;
}

/* A line that is none of these is passed over; false: there are no more. */
static bool next_later(struct later *l)
{
    while (*l->rest != 0) {
        const char *line = l->rest, *at = number_behind(line, "try ", &l->from);
        l->to = l->from;
        if (at == NULL)
            at = number_behind(number_behind(line, "tries ", &l->from), " to ", &l->to);
        bool told = at != NULL && strncmp(at, ": ", 2) == 0;
        size_t len = told && l->to == l->last ? strlen(line) : strcspn(line, "\n");
        l->rest = line + len + (line[len] == '\n');
        if (!told)
            continue;
        l->text = at + 2;
        l->len = len - (size_t)(l->text - line);
        return true;
    }
    l->from = 1;
    l->to = 0;
    return false;
}

static void open_attempt(struct json_out *j, int64_t number, enum report_status status)
{
    json_out_open(j, NULL, '{');
    json_out_integer(j, "attempt", number);
    json_out_text(j, "status", status_name(status));
}

/* One line that stands for many tries: all but the last failed, and the case has the words of the first. */
static void put_tries(struct json_out *j, const struct report_case *c)
{
    struct later l = {.rest = c->later, .last = c->status == REPORT_FAILED ? c->tries : c->tries - 1};
    struct text said = TEXT_INIT;
    json_out_open(j, "retryAttempts", '[');
    for (uint64_t n = 1; n < c->tries && n <= ATTEMPTS_MAX; n++) {
        text_clear(&said);
        while (l.to < n && next_later(&l))
            continue;
        if (l.from <= n && n <= l.to)
            text_add(&said, l.text, l.len);
        open_attempt(j, (int64_t)n, REPORT_FAILED);
        json_out_may(j, "message", n == 1 ? c->message : text_string(&said));
        json_out_may(j, "trace", n == 1 ? c->detail : "");
        json_out_close(j, '}');
        j->out->failed = j->out->failed || !text_ok(&said);
    }
    json_out_close(j, ']');
    json_out_integer(j, "retries", (int64_t)((c->tries - 1) & INT64_MAX));
    text_deinit(&said);
}

static void put_attempts(struct json_out *j, const struct report_case *c)
{
    int64_t number = 0;
    if (c->attempts == NULL && c->tries > 1)
        put_tries(j, c);
    if (c->attempts == NULL)
        return;
    json_out_open(j, "retryAttempts", '[');
    for (const struct report_attempt *a = c->attempts; a != NULL; a = a->next) {
        open_attempt(j, ++number, a->status);
        json_out_integer(j, "duration", milliseconds(a->duration));
        json_out_may(j, "message", a->message);
        json_out_may(j, "trace", a->detail);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
    json_out_integer(j, "retries", number);
}

/* What the later tries said stands behind what the first one did. */
static void put_trace(struct json_out *j, const struct report_case *c)
{
    struct text trace = TEXT_INIT;
    text_printf(&trace, "%s%s%s", c->detail, c->detail[0] != 0 && c->later[0] != 0 ? "\n" : "", c->later);
    json_out_may(j, "trace", text_string(&trace));
    if (!text_ok(&trace))
        j->out->failed = true;
    text_deinit(&trace);
}

static void put_suite(struct json_out *j, const char *pillar, const char *suite)
{
    if (pillar[0] == 0 && suite[0] == 0)
        return;
    json_out_open(j, "suite", '[');
    if (pillar[0] != 0)
        json_out_text(j, NULL, pillar);
    if (suite[0] != 0)
        json_out_text(j, NULL, suite);
    json_out_close(j, ']');
}

static void put_case(struct json_out *j, const struct report_case *c, int64_t epoch)
{
    json_out_open(j, NULL, '{');
    json_out_text(j, "name", c->name[0] != 0 ? c->name : "(no name)");
    json_out_text(j, "status", status_name(c->status));
    put_times(j, epoch, c->t, c->duration);
    put_suite(j, c->pillar, c->suite);
    json_out_may(j, "message", c->message);
    put_trace(j, c);
    json_out_may(j, "filePath", c->file);
    if (c->line != 0)
        json_out_integer(j, "line", c->line);
    json_out_text(j, "rawStatus", report_status_name(c->status));
    if (c->status == REPORT_FLAKY)
        json_out_bool(j, "flaky", true);
    put_attempts(j, c);
    if (c->steps != NULL) {
        json_out_open(j, "steps", '[');
        for (const struct report_step *s = c->steps; s != NULL; s = s->next) {
            json_out_open(j, NULL, '{');
            json_out_text(j, "name", s->name);
            json_out_text(j, "status", status_name(s->status));
            json_out_close(j, '}');
        }
        json_out_close(j, ']');
    }
    if (c->replay[0] != 0) {
        json_out_open(j, "extra", '{');
        json_out_text(j, "replay", c->replay);
        json_out_close(j, '}');
    }
    json_out_close(j, '}');
}

static void put_finding(struct json_out *j, const struct report_finding *f, int64_t epoch)
{
    char print[REPORT_PRINT_SIZE];
    report_finding_print(f, print);
    json_out_open(j, NULL, '{');
    json_out_text(j, "name", f->title[0] != 0 ? f->title : "(no title)");
    json_out_text(j, "status", f->warning ? "other" : "failed");
    put_times(j, epoch, f->t, 0);
    put_suite(j, f->pillar, "findings");
    json_out_may(j, "message", f->oracle);
    json_out_may(j, "trace", f->detail);
    json_out_text(j, "rawStatus", f->warning ? "warning" : "bug");
    json_out_open(j, "extra", '{');
    json_out_text(j, "fingerprint", print);
    json_out_may(j, "target", f->target);
    json_out_may(j, "seed", f->seed);
    json_out_may(j, "replay", f->replay);
    json_out_integer(j, "count", (int64_t)(f->count & INT64_MAX));
    json_out_close(j, '}');
    json_out_close(j, '}');
}

static void put_summary(struct json_out *j, const struct report *r, int64_t epoch)
{
    bool whole = report_cut(r) == NULL;
    json_out_open(j, "summary", '{');
    json_out_integer(j, "tests", (int64_t)(r->cases.count + r->findings.count) + !whole);
    json_out_integer(j, "passed", (int64_t)(r->counts[REPORT_PASSED] + r->counts[REPORT_FLAKY]));
    json_out_integer(j, "failed", (int64_t)(r->counts[REPORT_FAILED] + r->bugs) + !whole);
    json_out_integer(j, "skipped", (int64_t)r->counts[REPORT_SKIPPED]);
    json_out_integer(j, "pending", 0);
    json_out_integer(j, "other", (int64_t)r->warnings);
    json_out_integer(j, "flaky", (int64_t)r->counts[REPORT_FLAKY]);
    json_out_integer(j, "start", epoch);
    json_out_integer(j, "stop", epoch + milliseconds(r->duration));
    json_out_integer(j, "duration", milliseconds(r->duration));
    json_out_close(j, '}');
}

void report_ctrf(const struct report *r, struct text *out)
{
    struct json_out j = {.out = out};
    int64_t epoch = report_epoch(r) / MILLISECOND;
    json_out_open(&j, NULL, '{');
    json_out_text(&j, "reportFormat", "CTRF");
    json_out_text(&j, "specVersion", CTRF_VERSION);
    if (epoch != 0)
        json_out_text(&j, "timestamp", r->started);
    json_out_text(&j, "generatedBy", "harrow");
    json_out_open(&j, "results", '{');
    json_out_open(&j, "tool", '{');
    json_out_text(&j, "name", "harrow");
    json_out_may(&j, "version", r->version);
    json_out_close(&j, '}');
    put_summary(&j, r, epoch);
    json_out_open(&j, "tests", '[');
    for (size_t i = 0; i < r->cases.count; i++)
        put_case(&j, &r->cases.items[i], epoch);
    for (size_t i = 0; i < r->findings.count; i++)
        put_finding(&j, &r->findings.items[i], epoch);
    if (report_cut(r) != NULL) { /* green cases must not hide that the rest never ran */
        json_out_open(&j, NULL, '{');
        json_out_text(&j, "name", "the run came to its end");
        json_out_text(&j, "status", "failed");
        json_out_integer(&j, "duration", milliseconds(r->duration));
        json_out_text(&j, "message", report_cut(r));
        json_out_close(&j, '}');
    }
    json_out_close(&j, ']');
    json_out_open(&j, "environment", '{');
    json_out_may(&j, "appName", r->system);
    json_out_may(&j, "testEnvironment", r->driver);
    if (r->shard != 0) {
        char shard[48];
        (void)snprintf(shard, sizeof shard, "%llu/%llu", (unsigned long long)r->shard, (unsigned long long)r->shards);
        json_out_text(&j, "shardId", shard);
    }
    json_out_bool(&j, "healthy", report_verdict(r) == REPORT_VERDICT_PASSED);
    json_out_open(&j, "extra", '{');
    json_out_may(&j, "run", r->id);
    json_out_may(&j, "seed", r->seed);
    json_out_may(&j, "command", r->command);
    json_out_close(&j, '}');
    json_out_close(&j, '}');
    json_out_close(&j, '}');
    json_out_close(&j, '}');
}
