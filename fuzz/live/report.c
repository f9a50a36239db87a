/* Findings told: a line of the result stream, a script that replays it, and what the caller makes of that. */
#include "fuzz/live/below.h"

#include "base/words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX ((size_t)7 << 10) /* bytes: a finding is a line that other programs read whole */

static void write_script(struct engine *e, const struct fuzz_finding *f, const char *replay, struct text *out)
{
    text_printf(out, "# %s: %s%s%s\n# replay: %s\n# seed: %" PRIu64 "\n# confirmed: %s\n", finding_subject(f),
                f->oracle, f->defect != NULL ? " " : "", f->defect != NULL ? f->defect : "", replay, e->options.seed,
                fuzz_confirmation_name(f->confirmation));
    (void)fuzz_case_print(&f->c, e->target->pool, out);
}

/* A method that answered nothing all campaign may wait by design, as one that takes a lock or watches something does.
 * Of a single case that is not known. */
static bool waits_by_design(struct engine *e, const struct fuzz_finding *f)
{
    const struct method_tally *tally = f->method ? engine_tally(e, f->method) : NULL;
    return tally && strcmp(f->oracle, "hang") == 0 && tally->calls > 0 && tally->answered == 0;
}

/* What happened is told for sure; what was only seen once is a warning. So is a freed name that only works where the
 * campaign left things: somebody else's of that name may be among them. */
static bool is_sure(struct engine *e, const struct fuzz_finding *f)
{
    if (waits_by_design(e, f))
        return false;
    bool left_over = f->confirmation == FUZZ_SAME_SYSTEM && strcmp(f->oracle, "freed-id") == 0;
    return (f->confirmation >= FUZZ_SAME_SYSTEM && !left_over) || strcmp(f->oracle, "crash") == 0;
}

static void keep_figures(struct engine *e, const struct fuzz_finding *f, bool sure, const char *title, const char *file)
{
    struct fuzz_finding_figures figures = {.title = strdup(title),
                                           .oracle = strdup(f->oracle),
                                           .component = strdup(f->component->name),
                                           .confirmed = strdup(fuzz_confirmation_name(f->confirmation)),
                                           .file = *file ? strdup(file) : NULL,
                                           .count = f->count,
                                           .warning = !sure};
    if (figures.title && figures.oracle && figures.component && figures.confirmed &&
        array_push(&e->summary->finding_figures, figures))
        return;
    free(figures.title);
    free(figures.oracle);
    free(figures.component);
    free(figures.confirmed);
    free(figures.file);
}

/* As much of it as there is room for. */
static void add_script(struct text *detail, const struct text *script)
{
    size_t shown = detail->len < DETAIL_MAX ? DETAIL_MAX - detail->len : 0;
    if (script->len <= shown) {
        text_add(detail, script->data, script->len);
        return;
    }
    while (shown > 0 && ((uint8_t)script->data[shown] & 0xc0) == 0x80) /* not in the middle of a letter */
        shown--;
    text_add(detail, script->data, shown);
    text_printf(detail, "\n# cut: the script has %zu bytes\n", script->len);
}

/* The script to its file, and what is made of that. What goes wrong is told in the detail. */
static void write_finding(struct engine *e, const char *path, const char *title, struct text *script,
                          struct text *detail)
{
    struct error own = ERROR_INIT;
    int rc = world_make_directory(engine_files(e), e->options.findings);
    if (rc == 0)
        rc = world_write_file(engine_files(e), path, text_bytes(script), false, &own);
    if (rc != 0) {
        text_printf(detail, "the case could not be kept in %s: ", path);
        error_format(&own, detail);
        text_char(detail, '\n');
    } else if (e->options.hooks.written) {
        e->options.hooks.written(e->options.hooks.arg, path, title, text_bytes(script), detail);
    }
    error_clear(&own);
}

void engine_report(struct engine *e, struct fuzz_finding *f)
{
    struct text file = TEXT_INIT, path = TEXT_INIT, replay = TEXT_INIT, title = TEXT_INIT, detail = TEXT_INIT;
    bool sure = is_sure(e, f);
    struct method_tally *tally = engine_tally(e, f->method);
    if (tally != NULL)
        tally->findings += sure;
    if (sure)
        below_told(e, f);
    text_printf(&title, "%s: %s", finding_subject(f), f->oracle);
    if (f->defect != NULL)
        text_printf(&title, " (%s)", f->defect);
    text_puts(&replay, e->options.replay != NULL ? e->options.replay : "");
    text_printf(&detail, "%s\nseen %" PRId64 " times; confirmed: %s", f->why, f->count,
                fuzz_confirmation_name(f->confirmation));
    if (!f->settled)
        text_puts(&detail, engine_ends(e) ? " (interrupted before)" : " (there was no time for it: --settle)");
    if (waits_by_design(e, f))
        text_puts(&detail, "\nthe method never answered a valid call in time: it may be meant to wait");
    text_char(&detail, '\n');
    if (f->also.len > 0)
        text_printf(&detail, "the same: %s\n", text_string(&f->also));
    if (e->options.findings != NULL)
        text_printf(&path, "%s/%zu.case", e->options.findings, ++e->told);
    if (path.len > 0 || e->options.input != NULL) {
        words_add(&replay, "--input");
        words_add(&replay, path.len > 0 ? text_string(&path) : e->options.input);
    }
    write_script(e, f, text_string(&replay), &file);
    if (path.len > 0)
        write_finding(e, text_string(&path), text_string(&title), &file, &detail);
    add_script(&detail, &file);
    result_finding(e->target->results, &(struct result_finding){.pillar = "fuzz",
                                                                .title = text_string(&title),
                                                                .severity = sure ? "bug" : "warning",
                                                                .oracle = f->oracle,
                                                                .target = f->component->name,
                                                                .seed = e->options.seed,
                                                                .replay = text_string(&replay),
                                                                .detail = text_string(&detail)});
    e->summary->findings += sure;
    e->summary->warnings += !sure;
    e->summary->not_tried += !f->settled;
    keep_figures(e, f, sure, text_string(&title), text_string(&path));
    text_deinit(&file);
    text_deinit(&path);
    text_deinit(&replay);
    text_deinit(&title);
    text_deinit(&detail);
}

void engine_report_plain(struct engine *e, const char *title, const char *severity, const char *oracle,
                         const struct target_component *c, const char *detail)
{
    bool bug = strcmp(severity, "bug") == 0;
    result_finding(e->target->results, &(struct result_finding){.pillar = "fuzz",
                                                                .title = title,
                                                                .severity = severity,
                                                                .oracle = oracle,
                                                                .target = c ? c->name : e->target->system,
                                                                .seed = e->options.seed,
                                                                .replay = e->options.replay,
                                                                .detail = detail});
    e->summary->findings += bug;
    e->summary->warnings += !bug;
    struct fuzz_finding_figures figures = {.title = strdup(title),
                                           .oracle = strdup(oracle),
                                           .component = c ? strdup(c->name) : NULL,
                                           .count = 1,
                                           .warning = !bug};
    if (figures.title && figures.oracle && array_push(&e->summary->finding_figures, figures))
        return;
    free(figures.title);
    free(figures.oracle);
    free(figures.component);
}
