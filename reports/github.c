#include "reports/model.h"

/* The runner cuts a message behind so many characters (actions/runner, ExecutionContext.cs), and the API that takes it
 * wants no longer title. Bytes are counted here, which are never fewer. */
#define MESSAGE_MAX 4096
#define TITLE_MAX   255
#define REST_MAX    200 /* of the message that tells of the rest: its words beside the names */

struct annotation {
    bool error;
    const char *kind; /* "failed", "found" */
    const char *name, *message, *later, *file, *replay;
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

/* No more of the text than `max` bytes, with `mark` at its end where something is missing. */
static void shorten(struct text *t, size_t max, const char *mark)
{
    if (t->len <= max || !text_ok(t))
        return;
    size_t len = max - strlen(mark);
    while (len > 0 && ((unsigned char)t->data[len] & 0xC0) == 0x80)
        len--;
    text_truncate(t, len);
    text_puts(t, mark);
}

static void put_annotation(const struct annotation *a, struct text *out)
{
    struct text title = TEXT_INIT, message = TEXT_INIT, replay = TEXT_INIT;
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
    text_printf(&title, "%s%s%s", a->kind, a->name[0] != 0 ? ": " : "", a->name);
    shorten(&title, TITLE_MAX, "…");
    text_puts(out, "title=");
    put(out, text_string(&title), true);
    text_puts(out, "::");
    text_printf(&message, "%s%s%s", a->message[0] != 0 ? a->message : a->kind, a->later[0] != 0 ? "\n" : "", a->later);
    if (a->replay[0] != 0)
        text_printf(&replay, "\nreplay: %s", a->replay);
    if (replay.len > MESSAGE_MAX / 2) /* cut short it would be another command */
        text_clear(&replay);
    shorten(&message, MESSAGE_MAX - replay.len, "\n… more in the report");
    put(out, text_string(&message), false);
    put(out, text_string(&replay), false);
    text_char(out, '\n');
    out->failed = out->failed || !text_ok(&title) || !text_ok(&message) || !text_ok(&replay);
    text_deinit(&title);
    text_deinit(&message);
    text_deinit(&replay);
}

/* One after the other, errors before warnings where there are both; false when there are no more. */
static bool annotation_at(const struct report *r, size_t i, struct annotation *out)
{
    *out = (struct annotation){.kind = "", .name = "", .message = "", .later = "", .file = "", .replay = ""};
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
        *out = (struct annotation){!f->warning, "found", f->title, f->detail, "", "", f->replay, 0, 0};
        return true;
    }
    if ((i -= r->findings.count) < r->cases.count) {
        const struct report_case *c = &r->cases.items[i];
        bool told = c->status == REPORT_FAILED || c->status == REPORT_FLAKY;
        *out = (struct annotation){c->status == REPORT_FAILED,
                                   told ? report_status_name(c->status) : "",
                                   c->name,
                                   c->message,
                                   told ? c->later : "",
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
        if (shown++ < alone)
            put_annotation(&a, out);
        else if (unnamed > 0 || names.len + strlen(a.name) > MESSAGE_MAX - REST_MAX)
            unnamed++;
        else
            text_printf(&names, "\n%s", a.name);
    }
    if (count > alone) {
        text_printf(out, "::%s title=and %zu more::%zu of %zu are shown; the others are:", errors ? "error" : "warning",
                    count - alone, alone, count);
        put(out, text_string(&names), false);
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
