#include "reports/report.h"

#include "base/document.h"

#include <string.h>

static void render_terminal(const struct report *r, struct text *out)
{
    report_terminal(r, out, false, 0);
}

const struct report_format report_formats[] = {
    {.name = "terminal", .file = "summary.txt", .purpose = "the summary that ends a run", .render = render_terminal},
    {.name = "html", .file = "report.html", .purpose = "one page with nothing outside itself", .render = report_html},
    {.name = "junit", .file = "junit.xml", .purpose = "JUnit XML: Jenkins, GitLab, Azure, Ant", .render = report_junit},
    {.name = "tap", .file = "results.tap", .purpose = "TAP version 14, with subtests", .render = report_tap},
    {.name = "ctrf", .file = "ctrf.json", .purpose = "Common Test Report Format", .render = report_ctrf},
    {.name = "sarif",
     .file = "results.sarif",
     .purpose = "SARIF 2.1.0: code scanning, editors",
     .render = report_sarif},
    {.name = "markdown",
     .file = "summary.md",
     .purpose = "for a pull request or a summary page",
     .render = report_markdown},
    {.name = "github",
     .file = "annotations.txt",
     .purpose = "annotations of GitHub Actions, which reads its log",
     .render = report_github,
     .log = true},
    {.name = "openmetrics", .file = "metrics.txt", .purpose = "OpenMetrics: Prometheus", .render = report_openmetrics},
    {.name = "json", .file = "report.json", .purpose = "verdict and figures as one object", .render = report_json},
    {0},
};

static const struct report_format *format_by_name(const char *name, size_t len)
{
    for (const struct report_format *f = report_formats; f->name != NULL; f++)
        if (strlen(f->name) == len && strncmp(f->name, name, len) == 0)
            return f;
    return NULL;
}

static int unknown_format(const char *name, size_t len, struct error *err)
{
    const char *names[REPORT_FORMATS_MAX + 1] = {0};
    char word[32] = "";
    struct text all = TEXT_INIT;
    for (size_t i = 0; report_formats[i].name != NULL; i++) {
        names[i] = report_formats[i].name;
        text_printf(&all, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    memcpy(word, name, len < sizeof word ? len : sizeof word - 1);
    const char *near = nearest_word(word, names);
    int code =
        near != NULL
            ? error_set(err, ERROR_INVALID, "no format is called \"%s\"; did you mean \"%s\"?", word, near)
            : error_set(err, ERROR_INVALID, "no format is called \"%s\": expected some of %s", word, text_string(&all));
    text_deinit(&all);
    return code;
}

int report_formats_read(const char *list, const struct report_format *out[REPORT_FORMATS_MAX], size_t *count,
                        struct error *err)
{
    *count = 0;
    for (const char *at = list;;) {
        size_t len = strcspn(at, ","), i = 0;
        const struct report_format *f = format_by_name(at, len);
        if (f == NULL)
            return unknown_format(at, len, err);
        while (i < *count && out[i] != f)
            i++;
        if (i == *count) /* there are fewer formats than room */
            out[(*count)++] = f;
        if (at[len] == 0)
            return 0;
        at += len + 1;
    }
}
