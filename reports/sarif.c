#include "reports/json_out.h"
#include "reports/model.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>

/* A rule is what judged: an oracle of a pillar, or a pillar's cases. They are numbered as they come. */
struct rule {
    const char *pillar, *oracle; /* oracle "": the pillar's cases */
};
struct rules {
    struct map places; /* id -> number + 1 */
    struct rule *items;
    size_t count;
    struct text id;
    bool failed;
};

/* "fuzz/internal-error" */
static const char *rule_id(struct rules *rules, const char *pillar, const char *oracle)
{
    const char *const parts[] = {pillar[0] != 0 ? pillar : "run", oracle[0] != 0 ? oracle : "failed"};
    text_clear(&rules->id);
    for (size_t i = 0; i < 2; i++) {
        text_puts(&rules->id, i == 1 ? "/" : "");
        for (const char *s = parts[i]; *s != 0; s++)
            text_char(&rules->id, (unsigned char)*s <= ' ' || *s == 0x7f ? '-' : *s);
    }
    return text_string(&rules->id);
}

static size_t rule_of(struct rules *rules, const char *pillar, const char *oracle)
{
    const char *id = rule_id(rules, pillar, oracle);
    uintptr_t at = (uintptr_t)map_get(&rules->places, id);
    if (at != 0)
        return at - 1;
    rules->items[rules->count] = (struct rule){pillar, oracle};
    if (!text_ok(&rules->id) || !map_put(&rules->places, id, (void *)(uintptr_t)(rules->count + 1)))
        rules->failed = true;
    return rules->count++;
}

static void put_message(struct json_out *j, const char *key, const char *text, const char *replay)
{
    struct text whole = TEXT_INIT;
    text_puts(&whole, text[0] != 0 ? text : "failed");
    if (replay[0] != 0)
        text_printf(&whole, "\nreplay: %s", replay);
    json_out_open(j, key, '{');
    json_out_text(j, "text", text_string(&whole));
    json_out_close(j, '}');
    if (!text_ok(&whole))
        j->out->failed = true;
    text_deinit(&whole);
}

/* A path as a URI: what may not stand there by its number. */
static void put_uri(struct json_out *j, const char *path)
{
    struct text uri = TEXT_INIT;
    for (const char *s = path; *s != 0; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~/", c) != NULL)
            text_char(&uri, *s);
        else
            text_printf(&uri, "%%%02X", c);
    }
    json_out_text(j, "uri", text_string(&uri));
    if (!text_ok(&uri))
        j->out->failed = true;
    text_deinit(&uri);
}

static void open_result(struct json_out *j, struct rules *rules, const char *pillar, const char *oracle,
                        const char *level)
{
    size_t rule = rule_of(rules, pillar, oracle);
    json_out_open(j, NULL, '{');
    json_out_text(j, "ruleId", rule_id(rules, pillar, oracle));
    json_out_integer(j, "ruleIndex", (int64_t)rule);
    json_out_text(j, "level", level);
}

static void put_fingerprint(struct json_out *j, const char *print)
{
    json_out_open(j, "partialFingerprints", '{');
    json_out_text(j, "harrow/v1", print);
    json_out_close(j, '}');
}

static void put_finding(struct json_out *j, struct rules *rules, const struct report_finding *f)
{
    char print[REPORT_PRINT_SIZE];
    report_finding_print(f, print);
    open_result(j, rules, f->pillar, f->oracle[0] != 0 ? f->oracle : "finding", f->warning ? "warning" : "error");
    put_message(j, "message", f->title, f->replay);
    if (f->target[0] != 0) {
        json_out_open(j, "locations", '[');
        json_out_open(j, NULL, '{');
        json_out_open(j, "logicalLocations", '[');
        json_out_open(j, NULL, '{');
        json_out_text(j, "fullyQualifiedName", f->target);
        json_out_close(j, '}');
        json_out_close(j, ']');
        json_out_close(j, '}');
        json_out_close(j, ']');
    }
    put_fingerprint(j, print);
    if (f->count > 0)
        json_out_integer(j, "occurrenceCount", (int64_t)(f->count & INT64_MAX));
    json_out_open(j, "properties", '{');
    json_out_may(j, "replay", f->replay);
    json_out_may(j, "seed", f->seed);
    json_out_may(j, "input", f->input);
    json_out_may(j, "detail", f->detail);
    json_out_close(j, '}');
    json_out_close(j, '}');
}

static void put_case(struct json_out *j, struct rules *rules, const struct report_case *c)
{
    char print[REPORT_PRINT_SIZE];
    (void)snprintf(print, sizeof print, "%016llx",
                   (unsigned long long)report_hash(report_hash(report_hash(0, c->pillar), c->suite), c->name));
    open_result(j, rules, c->pillar, "", c->status == REPORT_FLAKY ? "warning" : "error");
    struct text message = TEXT_INIT;
    text_printf(&message, "%s%s%s%s%s%s", c->name, c->status == REPORT_FLAKY ? " (flaky)" : "",
                c->message[0] != 0 ? ": " : "", c->message, c->later[0] != 0 ? "\n" : "", c->later);
    put_message(j, "message", text_string(&message), c->replay);
    if (!text_ok(&message))
        j->out->failed = true;
    text_deinit(&message);
    json_out_open(j, "locations", '[');
    json_out_open(j, NULL, '{');
    if (c->file[0] != 0) {
        json_out_open(j, "physicalLocation", '{');
        json_out_open(j, "artifactLocation", '{');
        put_uri(j, c->file);
        if (c->file[0] != '/')
            json_out_text(j, "uriBaseId", "%SRCROOT%");
        json_out_close(j, '}');
        if (c->line > 0) {
            json_out_open(j, "region", '{');
            json_out_integer(j, "startLine", c->line);
            if (c->column > 0)
                json_out_integer(j, "startColumn", c->column);
            json_out_close(j, '}');
        }
        json_out_close(j, '}');
    }
    json_out_open(j, "logicalLocations", '[');
    json_out_open(j, NULL, '{');
    json_out_text(j, "name", c->name);
    json_out_close(j, '}');
    json_out_close(j, ']');
    json_out_close(j, '}');
    json_out_close(j, ']');
    put_fingerprint(j, print);
    json_out_open(j, "properties", '{');
    json_out_may(j, "replay", c->replay);
    json_out_may(j, "detail", c->detail);
    json_out_close(j, '}');
    json_out_close(j, '}');
}

static void put_rules(struct json_out *j, struct rules *rules)
{
    json_out_open(j, "rules", '[');
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->items[i];
        json_out_open(j, NULL, '{');
        json_out_text(j, "id", rule_id(rules, rule->pillar, rule->oracle));
        put_message(j, "shortDescription", rule->oracle[0] != 0 ? rule->oracle : "a case failed", "");
        json_out_close(j, '}');
    }
    json_out_close(j, ']');
}

static void put_invocation(struct json_out *j, const struct report *r)
{
    int64_t epoch = report_epoch(r);
    char time[40];
    json_out_open(j, "invocations", '[');
    json_out_open(j, NULL, '{');
    json_out_may(j, "commandLine", r->command);
    if (epoch != 0) {
        units_format_time(epoch, time, sizeof time);
        json_out_text(j, "startTimeUtc", time);
        units_format_time(epoch + (int64_t)(r->duration & INT64_MAX / 2), time, sizeof time);
        json_out_text(j, "endTimeUtc", time);
    }
    if (r->ended)
        json_out_integer(j, "exitCode", r->exit);
    /* Whether it did its work, whatever it found. */
    json_out_bool(j, "executionSuccessful",
                  r->ended && !r->truncated && r->missing[0] == 0 && r->exit >= 0 && r->exit <= 1);
    json_out_close(j, '}');
    json_out_close(j, ']');
}

void report_sarif(const struct report *r, struct text *out)
{
    struct json_out j = {.out = out};
    struct text results = TEXT_INIT;
    struct rules rules = {.items = calloc(r->cases.count + r->findings.count + 1, sizeof *rules.items)};
    if (rules.items == NULL) {
        out->failed = true;
        return;
    }
    /* The results first, into a text of their own: only they tell which rules there are. */
    struct json_out body = {.out = &results, .depth = 4};
    for (size_t i = 0; i < r->findings.count; i++)
        put_finding(&body, &rules, &r->findings.items[i]);
    for (size_t i = 0; i < r->cases.count; i++)
        if (r->cases.items[i].status == REPORT_FAILED || r->cases.items[i].status == REPORT_FLAKY)
            put_case(&body, &rules, &r->cases.items[i]);
    json_out_open(&j, NULL, '{');
    json_out_text(&j, "version", "2.1.0");
    json_out_text(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_out_open(&j, "runs", '[');
    json_out_open(&j, NULL, '{');
    json_out_open(&j, "tool", '{');
    json_out_open(&j, "driver", '{');
    json_out_text(&j, "name", "harrow");
    json_out_may(&j, "version", r->version);
    put_rules(&j, &rules);
    json_out_close(&j, '}');
    json_out_close(&j, '}');
    put_invocation(&j, r);
    if (r->id[0] != 0) {
        struct text id = TEXT_INIT;
        text_printf(&id, "%s/%s", r->system[0] != 0 ? r->system : "harrow", r->id);
        json_out_open(&j, "automationDetails", '{');
        json_out_text(&j, "id", text_string(&id));
        json_out_close(&j, '}');
        if (!text_ok(&id))
            out->failed = true;
        text_deinit(&id);
    }
    json_out_open(&j, "results", '[');
    text_add(out, results.data, results.len);
    j.inside = results.len != 0;
    json_out_close(&j, ']');
    json_out_close(&j, '}');
    json_out_close(&j, ']');
    json_out_close(&j, '}');
    if (!text_ok(&results) || !text_ok(&rules.id) || rules.failed)
        out->failed = true;
    text_deinit(&results);
    text_deinit(&rules.id);
    map_deinit(&rules.places);
    free(rules.items);
}
