#include "reports/model.h"

#define NAMES_MAX 30000 /* bytes of names in the annotation that tells of the rest */

struct annotation {
    bool error;
    const char *kind; /* "failed", "found" */
    const char *name, *message, *file, *replay;
    int line, column;
};

/* Properties end at commas and colons as well. */
static void put(struct text *out, const char *s, bool property)
{
    for (; *s != 0; s++) {
        if (*s == '%' || *s == '\n' || *s == '\r' || (property && (*s == ',' || *s == ':')))
            text_printf(out, "%%%02X", (unsigned char)*s);
        else
            text_char(out, (unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
    }
}

static void put_annotation(const struct annotation *a, struct text *out)
{
    text_puts(out, a->error ? "::error " : "::warning ");
    if (a->file[0] != 0) {
        text_puts(out, "file=");
        put(out, a->file, true);
        if (a->line > 0)
            text_printf(out, ",line=%d", a->line);
        if (a->line > 0 && a->column > 0)
            text_printf(out, ",col=%d", a->column);
        text_char(out, ',');
    }
    text_printf(out, "title=%s%s", a->kind, a->name[0] != 0 ? "%3A " : "");
    put(out, a->name, true);
    text_puts(out, "::");
    put(out, a->message[0] != 0 ? a->message : a->kind, false);
    if (a->replay[0] != 0) {
        text_puts(out, "%0Areplay: ");
        put(out, a->replay, false);
    }
    text_char(out, '\n');
}

/* One after the other, errors before warnings where there are both; false when there are no more. */
static bool annotation_at(const struct report *r, size_t i, struct annotation *out)
{
    *out = (struct annotation){.kind = "", .name = "", .message = "", .file = "", .replay = ""};
    if (i == 0) {
        const char *cut = report_cut(r);
        out->error = true;
        out->kind = cut != NULL ? report_interrupted(r) ? "interrupted" : "incomplete" : "";
        out->message = r->missing[0] != 0 ? r->missing : cut;
        out->replay = r->command;
        return true;
    }
    if (--i < r->findings.count) {
        const struct report_finding *f = &r->findings.items[i];
        *out = (struct annotation){!f->warning, "found", f->title, f->detail, "", f->replay, 0, 0};
        return true;
    }
    if ((i -= r->findings.count) < r->cases.count) {
        const struct report_case *c = &r->cases.items[i];
        bool told = c->status == REPORT_FAILED || c->status == REPORT_FLAKY;
        *out = (struct annotation){c->status == REPORT_FAILED,
                                   told ? report_status_name(c->status) : "",
                                   c->name,
                                   c->message,
                                   c->file,
                                   c->replay,
                                   c->line,
                                   c->column};
        return true;
    }
    if ((i -= r->cases.count) < r->faults.count) {
        const struct report_fault *f = &r->faults.items[i];
        out->kind = report_fault_missed(f) ? "not injected" : "";
        out->name = f->name;
        out->message = f->target;
        return true;
    }
    return false;
}

/* Those of one kind: all of them, or nine and one that tells of the rest by name. */
static void put_kind(const struct report *r, bool errors, struct text *out)
{
    struct annotation a;
    struct text names = TEXT_INIT;
    size_t count = 0, shown = 0, unnamed = 0;
    for (size_t i = 0; annotation_at(r, i, &a); i++)
        count += a.kind[0] != 0 && a.error == errors;
    size_t alone = count <= REPORT_ANNOTATIONS ? count : REPORT_ANNOTATIONS - 1;
    for (size_t i = 0; annotation_at(r, i, &a); i++) {
        if (a.kind[0] == 0 || a.error != errors)
            continue;
        if (shown++ < alone) {
            put_annotation(&a, out);
        } else if (names.len + strlen(a.name) > NAMES_MAX) {
            unnamed++;
        } else {
            text_puts(&names, "%0A");
            put(&names, a.name, false);
        }
    }
    if (count > alone) {
        text_printf(out, "::%s title=and %zu more::%zu of %zu are shown; the others are:", errors ? "error" : "warning",
                    count - alone, alone, count);
        text_add(out, names.data, names.len);
        if (unnamed != 0)
            text_printf(out, "%%0Aand %zu that do not fit here", unnamed);
        text_char(out, '\n');
    }
    if (!text_ok(&names))
        out->failed = true;
    text_deinit(&names);
}

void report_github(const struct report *r, struct text *out)
{
    put_kind(r, true, out);
    put_kind(r, false, out);
    text_printf(out, "::notice title=harrow::%s: %zu passed, %zu failed, %zu flaky, %zu skipped, %zu found\n",
                report_verdict_name(report_verdict(r)), r->counts[REPORT_PASSED], r->counts[REPORT_FAILED],
                r->counts[REPORT_FLAKY], r->counts[REPORT_SKIPPED], r->bugs);
}
