#include "reports/model.h"

#include "base/units.h"

/* JUnit XML is not one format. This is what both common schemas accept, Jenkins' junit-10 and the one of Apache Ant's
 * reports: suites side by side (never nested), each with properties and its output, whether there is any or not; times
 * in seconds with three decimals, time stamps without a zone, one outcome for a case, and nothing but name, classname
 * and time on it. What passed and has something to tell, tells it in its suite's output. */

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

/* "2026-11-21T06:46:51" of an RFC 3339 time. It has to be there. */
static void put_timestamp(struct text *out, const struct report *r)
{
    text_printf(out, " timestamp=\"%.19s\"", report_epoch(r) != 0 ? r->started : "1970-01-01T00:00:00");
}

struct tally {
    size_t tests, failures, errors, skipped;
    uint64_t time;
};

static void put_properties(struct text *out, const struct report *r)
{
    const char *const facts[] = {"driver", r->driver, "seed",     r->seed,   "run",
                                 r->id,    "version", r->version, "command", r->command};
    text_puts(out, "    <properties>\n");
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i += 2) {
        if (facts[i + 1][0] == 0)
            continue;
        text_printf(out, "      <property name=\"%s\"", facts[i]);
        put_attribute(out, "value", facts[i + 1]);
        text_puts(out, "/>\n");
    }
    text_puts(out, "    </properties>\n");
}

static void open_suite(struct text *out, const struct report *r, size_t *number, const char *first, const char *second,
                       const struct tally *t)
{
    struct text name = TEXT_INIT;
    text_puts(&name, first);
    if (first[0] != 0 && second[0] != 0)
        text_char(&name, '.');
    text_puts(&name, first[0] == 0 && second[0] == 0 ? "cases" : second);
    text_puts(out, "  <testsuite");
    put_attribute(out, "name", text_string(&name));
    put_attribute(out, "package", first[0] != 0 ? first : "cases");
    text_printf(out, " id=\"%zu\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", (*number)++, t->tests,
                t->failures, t->errors, t->skipped);
    put_time(out, t->time);
    put_timestamp(out, r);
    text_puts(out, " hostname=\"localhost\">\n");
    put_properties(out, r);
    if (!text_ok(&name))
        out->failed = true;
    text_deinit(&name);
}

/* Takes the text. */
static void close_suite(struct text *out, struct text *said)
{
    text_puts(out, "    <system-out>");
    text_add(out, said->data, said->len);
    text_puts(out, "</system-out>\n    <system-err/>\n  </testsuite>\n");
    if (!text_ok(said))
        out->failed = true;
    text_deinit(said);
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
static void put_body(struct text *out, const char *place, const char *detail, const char *later, const char *replay)
{
    const char *const parts[] = {place, detail, later};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
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

static void put_case(struct text *out, struct text *said, const struct report_case *c)
{
    struct text place = TEXT_INIT;
    report_place(c, &place);
    open_case(out, c->pillar, c->suite, c->name, c->duration);
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
        put_body(out, text_string(&place), c->detail, c->later, c->replay);
        text_puts(out, "</failure>\n    </testcase>\n");
        break;
    case REPORT_FLAKY:
        text_xml(said, c->name, strlen(c->name));
        text_puts(said, ": flaky: passed after it had failed");
        if (c->message[0] != 0)
            text_puts(said, ": ");
        text_xml(said, c->message, strlen(c->message));
        text_char(said, '\n');
        put_body(said, text_string(&place), c->detail, c->later, c->replay);
        text_puts(out, "/>\n");
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

static bool put_suites(struct text *out, const struct report *r, size_t *number)
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
        struct text said = TEXT_INIT;
        open_suite(out, r, number, suite->pillar, suite->name, &t);
        for (size_t i = 0; i < suite->count; i++)
            put_case(out, &said, &r->cases.items[suite->cases[i]]);
        close_suite(out, &said);
    }
    report_suites_free(suites, count);
    return true;
}

static void put_finding(struct text *out, struct text *said, const struct report_finding *f)
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
    if (f->warning) {
        text_puts(out, "/>\n");
        text_puts(said, "warning: ");
        text_xml(said, text_string(&name), name.len);
        text_char(said, '\n');
        put_body(said, text_string(&where), f->detail, "", f->replay);
    } else {
        text_puts(out, ">\n      <failure");
        put_attribute(out, "message", f->title);
        text_puts(out, " type=\"finding\">");
        put_body(out, text_string(&where), f->detail, "", f->replay);
        text_puts(out, "</failure>\n    </testcase>\n");
    }
    if (!text_ok(&name) || !text_ok(&where))
        out->failed = true;
    text_deinit(&name);
    text_deinit(&where);
}

static void put_findings(struct text *out, const struct report *r, size_t *number)
{
    for (size_t p = 0; p < r->pillars.count; p++) {
        const struct report_pillar *pillar = &r->pillars.items[p];
        struct tally t = {.tests = pillar->findings + pillar->warnings, .failures = pillar->findings};
        if (t.tests == 0)
            continue;
        struct text said = TEXT_INIT;
        open_suite(out, r, number, pillar->name, "findings", &t);
        for (size_t i = 0; i < r->findings.count; i++)
            if (strcmp(r->findings.items[i].pillar, pillar->name) == 0)
                put_finding(out, &said, &r->findings.items[i]);
        close_suite(out, &said);
    }
}

void report_junit(const struct report *r, struct text *out)
{
    size_t number = 0;
    text_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    if (!put_suites(out, r, &number))
        out->failed = true;
    put_findings(out, r, &number);
    if (report_cut(r) != NULL) { /* green cases must not hide that the rest never ran */
        struct text said = TEXT_INIT;
        open_suite(out, r, &number, "run", "", &(struct tally){.tests = 1, .errors = 1});
        open_case(out, "run", "", "the run came to its end", r->duration);
        text_printf(out, ">\n      <error message=\"%s\" type=\"%s\">", report_cut(r),
                    report_interrupted(r) ? "interrupted" : "incomplete");
        put_body(out, r->missing[0] != 0 ? "shards are missing" : "", r->missing, "", "");
        struct text why = TEXT_INIT;
        if (report_interrupted(r))
            report_interrupted_at(r, &why);
        else
            text_puts(&why, "The run was killed or is still going: what follows the last line was not observed.");
        put_body(out, "", text_string(&why), "", r->command);
        out->failed = out->failed || !text_ok(&why);
        text_deinit(&why);
        text_puts(out, "</error>\n    </testcase>\n");
        close_suite(out, &said);
    }
    text_puts(out, "</testsuites>\n");
}
