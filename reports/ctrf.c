#include "reports/json_out.h"
#include "reports/model.h"

#include "base/units.h"

#include <stdio.h>

#define CTRF_VERSION "0.0.0" /* of the format: what its schema in use is called */

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

static void put_attempts(struct json_out *j, const struct report_case *c)
{
    int64_t number = 0;
    if (c->attempts == NULL && c->tries > 1) /* it does not tell of each */
        json_out_integer(j, "retries", (int64_t)(c->tries - 1));
    if (c->attempts == NULL)
        return;
    json_out_open(j, "retryAttempts", '[');
    for (const struct report_attempt *a = c->attempts; a != NULL; a = a->next) {
        json_out_open(j, NULL, '{');
        json_out_integer(j, "attempt", ++number);
        json_out_text(j, "status", status_name(a->status));
        json_out_integer(j, "duration", milliseconds(a->duration));
        json_out_may(j, "message", a->message);
        json_out_may(j, "trace", a->detail);
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
    json_out_integer(j, "retries", number);
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
    json_out_may(j, "trace", c->detail);
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
