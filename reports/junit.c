#include "reports/model.h"

#include "base/units.h"

/* JUnit XML is not one format. This is the subset that both common schemas and the readers of the CI systems share:
 * suites side by side (never nested), times in seconds with three decimals, time stamps without a zone, one failure per
 * case, and nothing but name, classname, time, file and line on a case. */

static void put_attribute(struct text *out, const char *name, const char *value)
{
    text_printf(out, " %s=\"", name);
    for (const char *at = value; *at != 0; at++) { /* a reader would turn raw ones into spaces */
        if (*at == '\n')
            text_puts(out, "&#10;");
        else if (*at == '\t')
            text_puts(out, "&#9;");
        else {
            size_t len = strcspn(at, "\n\t");
            text_xml(out, at, len);
            at += len - 1;
        }
    }
    text_char(out, '"');
}

static void put_time(struct text *out, uint64_t nanoseconds)
{
    uint64_t ms = nanoseconds / (uint64_t)MILLISECOND + (nanoseconds % (uint64_t)MILLISECOND >= 500000);
    text_printf(out, " time=\"%llu.%03u\"", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

/* "2026-11-21T06:46:51" of an RFC 3339 time; nothing when the stream has none. */
static void put_timestamp(struct text *out, const struct report *r)
{
    const char *s = r->started;
    if (strlen(s) < 19)
        return;
    for (size_t i = 0; i < 19; i++)
        if ("dddd-dd-ddTdd:dd:dd"[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != "dddd-dd-ddTdd:dd:dd"[i])
            return;
    text_printf(out, " timestamp=\"%.19s\"", s);
}

struct tally {
    size_t tests, failures, errors, skipped;
    uint64_t time;
};

static void open_suite(struct text *out, const struct report *r, const char *first, const char *second,
                       const struct tally *t)
{
    struct text name = TEXT_INIT;
    text_puts(&name, first);
    if (first[0] != 0 && second[0] != 0)
        text_char(&name, '.');
    text_puts(&name, first[0] == 0 && second[0] == 0 ? "cases" : second);
    text_puts(out, "  <testsuite");
    put_attribute(out, "name", text_string(&name));
    text_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", t->tests, t->failures, t->errors,
                t->skipped);
    put_time(out, t->time);
    put_timestamp(out, r);
    text_puts(out, ">\n");
    if (!text_ok(&name))
        out->failed = true;
    text_deinit(&name);
}

static void open_case(struct text *out, const char *pillar, const char *suite, const char *name, uint64_t duration)
{
    text_puts(out, "    <testcase");
    put_attribute(out, "name", name);
    text_puts(out, " classname=\"");
    text_xml(out, pillar, strlen(pillar));
    if (pillar[0] != 0 && suite[0] != 0)
        text_char(out, '.');
    suite = pillar[0] == 0 && suite[0] == 0 ? "cases" : suite;
    text_xml(out, suite, strlen(suite));
    text_char(out, '"');
    put_time(out, duration);
}

/* What a person needs who sees only the CI system's page. */
static void put_body(struct text *out, const char *place, const char *detail, const char *replay)
{
    const char *const parts[] = {place, detail};
    for (size_t i = 0; i < 2; i++) {
        if (parts[i][0] == 0)
            continue;
        text_xml(out, parts[i], strlen(parts[i]));
        text_char(out, '\n');
    }
    if (replay[0] != 0) {
        text_puts(out, "replay: ");
        text_xml(out, replay, strlen(replay));
        text_char(out, '\n');
    }
}

static void put_case(struct text *out, const struct report_case *c)
{
    struct text place = TEXT_INIT;
    report_place(c, &place);
    open_case(out, c->pillar, c->suite, c->name, c->duration);
    if (c->file[0] != 0)
        put_attribute(out, "file", c->file);
    if (c->file[0] != 0 && c->line != 0)
        text_printf(out, " line=\"%d\"", c->line);
    switch (c->status) {
    case REPORT_SKIPPED:
        text_puts(out, ">\n      <skipped");
        put_attribute(out, "message", c->message);
        text_puts(out, "/>\n    </testcase>\n");
        break;
    case REPORT_FAILED:
        text_puts(out, ">\n      <failure");
        put_attribute(out, "message", c->message[0] == 0 ? "failed" : c->message);
        text_puts(out, " type=\"failure\">");
        put_body(out, text_string(&place), c->detail, c->replay);
        text_puts(out, "</failure>\n    </testcase>\n");
        break;
    case REPORT_FLAKY:
        text_puts(out, ">\n      <system-out>flaky: passed after it had failed");
        if (c->message[0] != 0)
            text_puts(out, ": ");
        text_xml(out, c->message, strlen(c->message));
        text_char(out, '\n');
        put_body(out, text_string(&place), c->detail, c->replay);
        text_puts(out, "</system-out>\n    </testcase>\n");
        break;
    case REPORT_PASSED:
    case REPORT_STATUS_COUNT:
        text_puts(out, "/>\n");
        break;
    }
    if (!text_ok(&place))
        out->failed = true;
    text_deinit(&place);
}

static bool put_suites(struct text *out, const struct report *r)
{
    struct report_suite *suites = NULL;
    size_t count = 0;
    if (report_suites(r, &suites, &count) != 0)
        return false;
    for (size_t s = 0; s < count; s++) {
        const struct report_suite *suite = &suites[s];
        struct tally t = {.tests = suite->count,
                          .failures = suite->counts[REPORT_FAILED],
                          .skipped = suite->counts[REPORT_SKIPPED],
                          .time = suite->duration};
        open_suite(out, r, suite->pillar, suite->name, &t);
        for (size_t i = 0; i < suite->count; i++)
            put_case(out, &r->cases.items[suite->cases[i]]);
        text_puts(out, "  </testsuite>\n");
    }
    report_suites_free(suites, count);
    return true;
}

static void put_finding(struct text *out, const struct report_finding *f)
{
    struct text name = TEXT_INIT, where = TEXT_INIT;
    text_puts(&name, f->title);
    if (f->target[0] != 0)
        text_printf(&name, " (%s)", f->target);
    if (f->oracle[0] != 0)
        text_printf(&where, "oracle: %s", f->oracle);
    if (f->seed[0] != 0)
        text_printf(&where, "%sseed: %s", where.len == 0 ? "" : ", ", f->seed);
    if (f->input[0] != 0)
        text_printf(&where, "%sinput: %s", where.len == 0 ? "" : "\n", f->input);
    open_case(out, f->pillar, "findings", text_string(&name), 0);
    text_puts(out, f->warning ? ">\n      <system-out>warning\n" : ">\n      <failure");
    if (!f->warning) {
        put_attribute(out, "message", f->title);
        text_puts(out, " type=\"finding\">");
    }
    put_body(out, text_string(&where), f->detail, f->replay);
    text_puts(out, f->warning ? "</system-out>\n    </testcase>\n" : "</failure>\n    </testcase>\n");
    if (!text_ok(&name) || !text_ok(&where))
        out->failed = true;
    text_deinit(&name);
    text_deinit(&where);
}

static void put_findings(struct text *out, const struct report *r)
{
    for (size_t p = 0; p < r->pillars.count; p++) {
        const struct report_pillar *pillar = &r->pillars.items[p];
        struct tally t = {.tests = pillar->findings + pillar->warnings, .failures = pillar->findings};
        if (t.tests == 0)
            continue;
        open_suite(out, r, pillar->name, "findings", &t);
        for (size_t i = 0; i < r->findings.count; i++)
            if (strcmp(r->findings.items[i].pillar, pillar->name) == 0)
                put_finding(out, &r->findings.items[i]);
        text_puts(out, "  </testsuite>\n");
    }
}

void report_junit(const struct report *r, struct text *out)
{
    bool whole = r->ended && !r->truncated;
    text_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    put_attribute(out, "name", r->system[0] == 0 ? "harrow" : r->system);
    text_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%d\"",
                r->cases.count + r->findings.count + (whole ? 0 : 1), r->counts[REPORT_FAILED] + r->bugs,
                whole ? 0 : 1);
    put_time(out, r->duration);
    text_puts(out, ">\n");
    if (!put_suites(out, r))
        out->failed = true;
    put_findings(out, r);
    if (!whole) { /* a page that shows only green cases must not hide that the rest never ran */
        open_suite(out, r, "run", "", &(struct tally){.tests = 1, .errors = 1});
        open_case(out, "run", "", "the run came to its end", r->duration);
        text_puts(out, ">\n      <error message=\"the result stream stops before the run's end\" type=\"incomplete\">");
        put_body(out, "", "The run was killed or is still going: what follows the last line was not observed.",
                 r->command);
        text_puts(out, "</error>\n    </testcase>\n  </testsuite>\n");
    }
    text_puts(out, "</testsuites>\n");
}
