/* Findings: kept once per identity while the campaign runs, then run alone, made smaller and told. */
#include "fuzz/live/engine.h"

#include "base/words.h"
#include "fuzz/case/shrink.h"
#include "fuzz/message/defect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX   400
#define TRIES_CRASH 60 /* each costs a start of the component */
#define TRIES_HANG  40 /* each costs the time that makes a hang */

bool engine_is_new(struct engine *e, struct fuzz_finding *f)
{
    struct text identity = TEXT_INIT;
    text_printf(&identity, "%s %s %s", f->method->path, f->oracle, f->defect != NULL ? f->defect : "");
    struct fuzz_finding *known = map_get(&e->known, text_string(&identity));
    if (known != NULL)
        known->count++;
    else
        map_put(&e->known, text_string(&identity), f);
    text_deinit(&identity);
    return known == NULL;
}

static void finding_free(struct fuzz_finding *f)
{
    fuzz_case_deinit(&f->c);
    free(f->why);
    free(f);
}

struct fuzz_finding *engine_finding_new(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v,
                                        const char *why)
{
    struct fuzz_finding *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    *f = (struct fuzz_finding){
        .method = v->method, .component = v->component, .oracle = v->oracle, .defect = v->defect, .why = strdup(why)};
    if (f->why == NULL || fuzz_case_copy(&f->c, c) != 0 || !array_push(&e->findings, f)) {
        finding_free(f);
        return NULL;
    }
    return f;
}

void engine_findings_free(struct engine *e)
{
    for (size_t i = 0; i < e->findings.count; i++)
        finding_free(e->findings.items[i]);
    for (size_t i = 0; i < e->lost.count; i++)
        fuzz_case_deinit(&e->lost.items[i].c);
    array_deinit(&e->findings);
    array_deinit(&e->lost);
}

void engine_keep(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, struct text *why)
{
    struct fuzz_finding *f = engine_finding_new(e, c, v, text_string(why));
    if (f != NULL && engine_is_new(e, f))
        f->count = 1;
    else if (f != NULL)
        finding_free(array_pop(&e->findings));
}

/* ---- smaller ---------------------------------------------------------------------------------------------------- */

struct shrinking {
    struct engine *engine;
    struct fuzz_finding *finding;
};

/* A defect that shrinking mended, or made another one, is not this finding: the name on the message stays, so what is
 * in it is looked at. */
static bool keeps_defect(const struct engine *e, const struct fuzz_finding *f, const struct fuzz_case *c)
{
    if (strcmp(f->oracle, "accepted") != 0)
        return true;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *event = &c->events.items[i];
        if (event->kind != EVENT_MESSAGE || !bytes_is(fuzz_case_bytes(c, event->name), f->defect))
            continue;
        const struct pb_method *m = fuzz_case_method(c, event->call, e->target->pool);
        if (m != NULL && pb_scan(m->input->descriptor, fuzz_case_bytes(c, event->value), NULL) != 0)
            return true;
    }
    return false;
}

static bool still(void *arg, const struct fuzz_case *c)
{
    const struct shrinking *s = arg;
    const struct fuzz_finding *f = s->finding;
    struct engine_verdict v;
    struct text why = TEXT_INIT;
    bool same = keeps_defect(s->engine, f, c) && engine_try(s->engine, c, &v, &why) &&
                strcmp(v.oracle, f->oracle) == 0 && v.method == f->method;
    text_deinit(&why);
    return same;
}

static size_t tries_for(const struct fuzz_finding *f)
{
    return strcmp(f->oracle, "crash") == 0 ? TRIES_CRASH : strcmp(f->oracle, "hang") == 0 ? TRIES_HANG : TRIES_MAX;
}

/* What sequences are suspected of may be another case's doing, and silence the load of all: only what comes again alone
 * is told. */
static bool needs_proof(const struct fuzz_finding *f)
{
    return strcmp(f->oracle, "hang") == 0 || sequence_checker_find(f->oracle) != NULL;
}

void engine_settle_findings(struct engine *e)
{
    for (size_t i = 0, number = 1; i < e->findings.count && !e->target->interrupted; i++) {
        struct fuzz_finding *f = e->findings.items[i];
        if (f->count == 0)
            continue;
        struct shrinking s = {.engine = e, .finding = f};
        int code = fuzz_shrink(&f->c, e->target->pool, still, &s, tries_for(f), NULL);
        f->repeats = code != ERROR_NOT_FOUND;
        if (e->target->interrupted)
            return;
        if (!f->repeats && needs_proof(f)) {
            e->unrepeated += f->count;
            continue;
        }
        struct method_tally *tally = engine_tally(e, f->method);
        if (tally != NULL)
            tally->findings++;
        engine_report(e, f, number++);
    }
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void write_case(struct engine *e, const struct fuzz_finding *f, const char *replay, struct text *out)
{
    text_printf(out, "# %s: %s%s%s\n# replay: %s\n# seed: %" PRIu64 "\n", f->method->path, f->oracle,
                f->defect != NULL ? " " : "", f->defect != NULL ? f->defect : "", replay, e->options.seed);
    (void)fuzz_case_print(&f->c, e->target->pool, out);
}

void engine_report(struct engine *e, struct fuzz_finding *f, size_t number)
{
    struct text file = TEXT_INIT, path = TEXT_INIT, replay = TEXT_INIT, title = TEXT_INIT, detail = TEXT_INIT;
    text_printf(&title, "%s: %s", f->method->path + 1, f->oracle);
    if (f->defect != NULL)
        text_printf(&title, " (%s)", f->defect);
    text_puts(&replay, e->options.replay != NULL ? e->options.replay : "");
    if (e->options.corpus != NULL && e->options.write != NULL) {
        text_printf(&path, "%s/%zu.case", e->options.corpus, number);
        words_add(&replay, "--input");
        words_add(&replay, text_string(&path));
        write_case(e, f, text_string(&replay), &file);
        struct error own = ERROR_INIT;
        if (e->options.write(e->options.file_arg, text_string(&path), text_bytes(&file), &own) != 0) {
            text_puts(&detail, "the case could not be kept: ");
            error_format(&own, &detail);
            text_char(&detail, '\n');
        }
        error_clear(&own);
    } else {
        if (e->options.input != NULL) {
            words_add(&replay, "--input");
            words_add(&replay, e->options.input);
        }
        write_case(e, f, text_string(&replay), &file);
    }
    text_printf(&detail, "%s\nseen %" PRId64 " times%s\n%s", f->why, f->count,
                f->repeats ? "" : "; run alone it did not come again, so it is kept as it was", text_string(&file));
    result_finding(e->target->results, &(struct result_finding){.pillar = "fuzz",
                                                                .title = text_string(&title),
                                                                .severity = "bug",
                                                                .oracle = f->oracle,
                                                                .target = f->component->name,
                                                                .seed = e->options.seed,
                                                                .replay = text_string(&replay),
                                                                .detail = text_string(&detail)});
    e->summary->findings++;
    text_deinit(&file);
    text_deinit(&path);
    text_deinit(&replay);
    text_deinit(&title);
    text_deinit(&detail);
}
