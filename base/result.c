#include "base/result.h"

#include "base/histogram.h"
#include "base/json_text.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_HEAD   64 /* bytes in front of a line's members */
#define REAL_DIGITS 15 /* the most that give every decimal back as it was written: 0.1, not 0.10000000000000001 */

/* Absent when NULL. False: no memory. */
static bool put_text(json_t *object, const char *key, const char *value)
{
    return !value || json_object_set_new(object, key, json_text_string(value)) == 0;
}

static bool put_integer(json_t *object, const char *key, int64_t value)
{
    return json_object_set_new(object, key, json_integer(value)) == 0;
}

static void count(struct result_stream *r, const char *type, const json_t *members)
{
    if (strcmp(type, "finding") == 0) {
        const char *severity = json_string_value(json_object_get(members, "severity"));
        r->findings += !severity || strcmp(severity, "warning") != 0; /* of a warning no run fails */
    }
    if (strcmp(type, "case") != 0)
        return;
    const char *status = json_string_value(json_object_get(members, "status"));
    if (!status)
        return;
    if (strcmp(status, "passed") == 0 || strcmp(status, "flaky") == 0)
        r->passed++;
    else if (strcmp(status, "failed") == 0)
        r->failed++;
    else if (strcmp(status, "skipped") == 0)
        r->skipped++;
}

/* "type" and "t" come first, so that a line can be judged by its beginning; `members` are those of an object, without
 * its braces. */
static void write_line(struct result_stream *r, const char *type, struct bytes members)
{
    uint64_t now = r->now ? r->now(r->now_arg) : r->started;
    uint64_t t = now > r->started ? now - r->started : 0;
    struct text line = TEXT_INIT;
    (void)text_reserve(&line, members.len + LINE_HEAD);
    text_puts(&line, "{\"type\":\"");
    text_puts(&line, type);
    text_puts(&line, "\",\"t\":");
    text_decimal(&line, t);
    text_puts(&line, members.len > 0 ? "," : "");
    text_add(&line, members.data, members.len);
    text_puts(&line, "}\n");
    if (!text_ok(&line) || !r->write || r->write(r->arg, text_string(&line), line.len) != 0)
        r->broken = true;
    text_deinit(&line);
}

void result_emit(struct result_stream *r, const char *type, json_t *members)
{
    struct text object = TEXT_INIT;
    json_text_add(&object, members, 0, REAL_DIGITS);
    bool ok = text_ok(&object) && object.len >= 2;
    if (members)
        count(r, type, members);
    if (ok)
        write_line(r, type, BYTES(object.data + 1, object.len - 2));
    else
        r->broken = true;
    text_deinit(&object);
    json_decref(members);
}

void result_step(struct result_stream *r, const struct text *members)
{
    if (text_ok(members))
        write_line(r, "step", text_bytes(members));
    else
        r->broken = true;
}

void result_case(struct result_stream *r, const struct result_case *c)
{
    json_t *m = json_object();
    bool skipped = c->status && strcmp(c->status, "skipped") == 0;
    bool ok = m && put_text(m, "pillar", c->pillar) && put_text(m, "suite", c->suite) && put_text(m, "name", c->name) &&
              put_text(m, "status", c->status) && put_integer(m, "duration", c->duration) &&
              put_text(m, skipped ? "why" : "message", c->message) && put_text(m, "detail", c->detail) &&
              put_text(m, "file", c->file) && (c->line <= 0 || put_integer(m, "line", c->line)) &&
              (c->column <= 0 || put_integer(m, "column", c->column)) && put_text(m, "replay", c->replay) &&
              put_text(m, "picture", c->picture);
    if (!ok)
        r->broken = true; /* the line still goes out with what it has, so that the count is right */
    result_emit(r, "case", m);
}

void result_finding(struct result_stream *r, const struct result_finding *f)
{
    char seed[24];
    (void)snprintf(seed, sizeof seed, "%" PRIu64, f->seed);
    json_t *m = json_object();
    bool ok = m && put_text(m, "pillar", f->pillar) && put_text(m, "title", f->title) &&
              put_text(m, "severity", f->severity) && put_text(m, "oracle", f->oracle) &&
              put_text(m, "target", f->target) && put_text(m, "seed", seed) && put_text(m, "replay", f->replay) &&
              put_text(m, "detail", f->detail);
    if (!ok)
        r->broken = true;
    result_emit(r, "finding", m);
}

void result_sample(struct result_stream *r, const char *series, double value)
{
    json_t *m = json_object();
    /* JSON has no word for infinity or NaN. */
    bool ok = m && put_text(m, "series", series) &&
              json_object_set_new(m, "value", isfinite(value) ? json_real(value) : json_null()) == 0;
    if (!ok)
        r->broken = true;
    result_emit(r, "sample", m);
}

void result_latency(struct result_stream *r, const struct result_latency *l)
{
    if (l->durations == NULL || l->durations->count == 0)
        return;
    json_t *m = json_object();
    bool ok = m && put_text(m, "pillar", l->pillar) && put_text(m, "method", l->method) &&
              put_text(m, "phase", l->phase) && put_text(m, "outcome", l->ok ? "ok" : "other") &&
              (!l->virtual_time || json_object_set_new(m, "virtual", json_true()) == 0) &&
              histogram_put(l->durations, m);
    if (!ok) { /* a part of it would say something else */
        r->broken = true;
        json_decref(m);
        return;
    }
    result_emit(r, "latency", m);
}

json_t *result_read(struct bytes line, json_error_t *why)
{
    return json_text_read(line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, why);
}
