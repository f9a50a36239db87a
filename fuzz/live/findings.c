/* Findings: kept once per identity while the campaign runs, then run alone, made smaller, put together where they are
 * one bug, run on a fresh system, and told. */
#include "fuzz/live/below.h"

#include "fuzz/case/shrink.h"
#include "fuzz/message/defect.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_MAX    400
#define TRIES_CRASH  60                        /* each costs a start of the component */
#define TRIES_HANG   40                        /* each costs the time that makes a hang */
#define SMALLER_TIME ((uint64_t)(30 * SECOND)) /* for one finding, where silence takes real time */
#define TRIES_FRESH  24                        /* each costs a start of the whole system */
#define VARIANTS_MAX 6 /* identities of one oracle at one method, before they are made smaller */
#define ALIKE        3 /* so many families at a method, or methods of a component, have one cause */

bool engine_is_new(struct engine *e, struct fuzz_finding *f)
{
    struct text identity = TEXT_INIT;
    size_t variants = 0;
    finding_identity(f, &identity);
    struct fuzz_finding *known = map_get(&e->known, text_string(&identity)), *first = NULL;
    for (size_t i = 0; !known && i < e->findings.count; i++) {
        struct fuzz_finding *other = e->findings.items[i];
        if (other == f || other->count == 0 || other->method != f->method || other->component != f->component ||
            strcmp(other->oracle, f->oracle) != 0)
            continue;
        first = first ? first : other;
        variants++;
    }
    if (!known && variants >= VARIANTS_MAX)
        known = first;
    if (known)
        known->count++;
    else
        map_put(&e->known, text_string(&identity), f);
    text_deinit(&identity);
    return !known;
}

static void finding_free(struct fuzz_finding *f)
{
    fuzz_case_deinit(&f->c);
    text_deinit(&f->also);
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

/* ---- alike ------------------------------------------------------------------------------------------------------ */

static bool is(const struct fuzz_finding *f, const char *oracle)
{
    return strcmp(f->oracle, oracle) == 0;
}

/* `f` is told under `under`. */
static void put_under(struct fuzz_finding *under, struct fuzz_finding *f)
{
    under->count += f->count;
    f->count = 0;
    bool elsewhere = f->method != under->method || f->component != under->component;
    const char *what = elsewhere ? finding_subject(f) : f->defect;
    if (what && !strstr(text_string(&under->also), what))
        text_printf(&under->also, "%s%s", under->also.len > 0 ? ", " : "", what);
}

static bool by_decoder(const struct fuzz_finding *f)
{
    return f->count > 0 && f->defect && f->method && (is(f, "accepted") || is(f, "status"));
}

static bool same_family(const struct fuzz_finding *a, const struct fuzz_finding *b)
{
    return bytes_equal(finding_family(a->defect), finding_family(b->defect));
}

typedef bool alike(const struct fuzz_finding *a, const struct fuzz_finding *b);

static bool at_method(const struct fuzz_finding *a, const struct fuzz_finding *b)
{
    return a->method == b->method;
}

static bool at_component(const struct fuzz_finding *a, const struct fuzz_finding *b)
{
    return a->component == b->component && same_family(a, b);
}

/* A broken connection's silence is that of an operator, whether it is called by its name or came of changes. */
static bool is_nameless(const struct fuzz_finding *f)
{
    return f->count > 0 && is(f, "hang") && !f->method && !f->defect;
}

static void name_silence(struct engine *e)
{
    for (size_t i = e->settled_findings; i < e->findings.count; i++)
        for (size_t k = e->settled_findings; is_nameless(e->findings.items[i]) && k < e->findings.count; k++) {
            struct fuzz_finding *other = e->findings.items[k];
            if (other->count > 0 && is(other, "hang") && !other->method && other->defect &&
                other->component == e->findings.items[i]->component)
                put_under(other, e->findings.items[i]);
        }
}

static bool of_a_method(const struct fuzz_finding *f)
{
    return f->count > 0 && f->method;
}

/* A decoder that takes anything shows with every family; one that all methods of a component share, at every method. */
static void put_together(struct engine *e, bool (*takes)(const struct fuzz_finding *f), alike *same, size_t least)
{
    for (size_t i = e->settled_findings; i < e->findings.count; i++) {
        struct fuzz_finding *f = e->findings.items[i];
        size_t others = 0;
        for (size_t pass = 0; pass < 2 && takes(f) && (pass == 0 || others + 1 >= least); pass++)
            for (size_t k = i + 1; k < e->findings.count; k++) {
                struct fuzz_finding *other = e->findings.items[k];
                if (!takes(other) || !same(f, other))
                    continue;
                others += pass == 0;
                if (pass == 1)
                    put_under(f, other);
            }
    }
}

/* ---- smaller ---------------------------------------------------------------------------------------------------- */

struct shrinking {
    struct engine *engine;
    struct fuzz_finding *finding;
    const char *file;              /* of the candidate, for a fresh system */
    const struct pb_method *shown; /* where it showed last */
    const struct target_component *at;
    uint64_t until; /* ns of the target's world, when tries take real time; 0: no matter */
};

/* A defect that shrinking mended, or made another one, is not this finding: the name on the message stays, so what is
 * in it is looked at. */
static bool keeps_defect(const struct engine *e, const struct fuzz_finding *f, const struct fuzz_case *c)
{
    if (below_takes(c))
        return below_keeps(f, c);
    if (!is(f, "accepted"))
        return true;
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *event = &c->events.items[i];
        if (event->kind != EVENT_MESSAGE || !bytes_is(fuzz_case_bytes(c, event->name), f->defect))
            continue;
        const struct pb_method *m = fuzz_case_method(c, event->call, e->target->pool);
        if (m != NULL && pb_refused_by_all(m->input->descriptor, fuzz_case_bytes(c, event->value)))
            return true;
    }
    return false;
}

/* Two bugs of a method may share an oracle: words tell which of them is seen. */
static bool keeps_words(const struct fuzz_finding *f, struct text *why)
{
    struct text before = TEXT_INIT, now = TEXT_INIT;
    struct fuzz_finding seen = {.oracle = f->oracle, .why = why->data};
    bool same = !finding_own_text(f, &before) ||
                (why->len > 0 && finding_own_text(&seen, &now) && strcmp(text_string(&before), text_string(&now)) == 0);
    text_deinit(&before);
    text_deinit(&now);
    return same;
}

static bool still(void *arg, const struct fuzz_case *c)
{
    struct shrinking *s = arg;
    const struct fuzz_finding *f = s->finding;
    struct engine_verdict v;
    struct text why = TEXT_INIT;
    if ((s->until != 0 && world_now(s->engine->target->world) > s->until) || engine_settled(s->engine))
        return false; /* as small as it got */
    /* All calls break off when a component goes: which one is seen first says nothing. What is left behind is any
     * call's of the case. */
    bool same = keeps_defect(s->engine, f, c) && engine_try(s->engine, c, &v, &why) &&
                strcmp(v.oracle, f->oracle) == 0 && (v.method == f->method || is(f, "crash") || repeat_is(f->oracle)) &&
                (f->method || !f->defect || (v.defect && strcmp(v.defect, f->defect) == 0)) && keeps_words(f, &why);
    if (same) {
        s->shown = v.method;
        s->at = v.component;
    }
    text_deinit(&why);
    return same;
}

static size_t tries_for(const struct fuzz_finding *f)
{
    return is(f, "crash") ? TRIES_CRASH : is(f, "hang") || repeat_is(f->oracle) ? TRIES_HANG : TRIES_MAX;
}

/* ---- a fresh system --------------------------------------------------------------------------------------------- */

static int write_case(struct engine *e, const struct fuzz_finding *f, const struct fuzz_case *c, const char *file)
{
    struct text script = TEXT_INIT;
    text_printf(&script, "# %s: %s, not yet told\n", finding_subject(f), f->oracle);
    int rc = fuzz_case_print(c, e->target->pool, &script);
    if (rc == 0)
        rc = text_ok(&script) ? world_make_directory(engine_files(e), e->options.findings) : ERROR_MEMORY;
    if (rc == 0)
        rc = world_write_file(engine_files(e), file, text_bytes(&script), false, NULL);
    text_deinit(&script);
    return rc;
}

enum fresh { FRESH_SAME, FRESH_OTHER, FRESH_UNKNOWN };

/* Does the oracle fire on a system nobody touched? Unknown: none could be had. */
static enum fresh try_fresh(struct engine *e, const struct fuzz_finding *f, const struct fuzz_case *c, const char *file)
{
    struct text oracles = TEXT_INIT;
    enum fresh answer = FRESH_UNKNOWN;
    if (e->options.hooks.fresh && e->options.findings && !engine_ends(e) && !engine_settled(e) &&
        write_case(e, f, c, file) == 0 && e->options.hooks.fresh(e->options.hooks.arg, file, &oracles, NULL) == 0) {
        answer = FRESH_OTHER;
        size_t len = strlen(f->oracle);
        for (const char *line = text_string(&oracles); *line;) {
            size_t n = strcspn(line, "\n");
            if (n == len && memcmp(line, f->oracle, n) == 0)
                answer = FRESH_SAME;
            line += n + (line[n] == '\n');
        }
    }
    text_deinit(&oracles);
    return answer;
}

static bool still_fresh(void *arg, const struct fuzz_case *c)
{
    const struct shrinking *s = arg;
    return !engine_settled(s->engine) && keeps_defect(s->engine, s->finding, c) &&
           try_fresh(s->engine, s->finding, c, s->file) == FRESH_SAME;
}

/* What needs what the campaign left in the system loses, when it is made smaller there, the calls that would make it:
 * then the whole case is tried on a fresh system, and made smaller on fresh ones. */
static void confirm(struct engine *e, struct fuzz_finding *f, struct fuzz_case *whole)
{
    f->confirmation = FUZZ_UNCONFIRMED;
    if (!f->repeats && is(f, "hang"))
        return; /* the load of all */
    struct text file = TEXT_INIT;
    text_printf(&file, "%s/.candidate", e->options.findings ? e->options.findings : "");
    struct shrinking s = {.engine = e, .finding = f, .file = text_string(&file)};
    enum fresh answer = f->repeats ? try_fresh(e, f, &f->c, s.file) : FRESH_OTHER;
    if (answer == FRESH_OTHER && e->options.hooks.fresh && e->options.findings &&
        fuzz_shrink(whole, e->target->pool, still_fresh, &s, TRIES_FRESH, NULL) != ERROR_NOT_FOUND) {
        struct fuzz_case other = f->c;
        f->c = *whole;
        *whole = other;
        answer = FRESH_SAME;
    }
    (void)world_remove(engine_files(e), s.file);
    text_deinit(&file);
    f->confirmation = answer == FRESH_SAME ? FUZZ_FRESH_SYSTEM : f->repeats ? FUZZ_SAME_SYSTEM : FUZZ_UNCONFIRMED;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

/* What sequences are suspected of may be another case's doing, and silence or processor time the load of all: only
 * what comes again is told. */
static bool needs_proof(const struct fuzz_finding *f)
{
    return is(f, "hang") || repeat_is(f->oracle) || (below_takes(&f->c) && !is(f, "crash")) ||
           sequence_checker_find(f->oracle) != NULL;
}

/* One for which there is no time stays what it is: not run again. So does one that came to no end before the time was
 * over and had not come again by then. */
static void settle(struct engine *e, struct fuzz_finding *f)
{
    struct shrinking s = {.engine = e, .finding = f};
    if (!world_is_simulated(e->target->world))
        s.until = world_now(e->target->world) + SMALLER_TIME;
    struct fuzz_case whole = FUZZ_CASE_INIT;
    repeat_want(&e->cost.repeat, f->oracle);
    if (fuzz_case_copy(&whole, &f->c) == 0 && !engine_ends(e) && !engine_settled(e)) {
        f->repeats = fuzz_shrink(&f->c, e->target->pool, still, &s, tries_for(f), NULL) != ERROR_NOT_FOUND;
        s.until = 0;
        /* Once more: silence, or a process that ends, may have other reasons once. */
        e->patient = true;
        if ((is(f, "hang") || is(f, "crash")) && f->repeats && !engine_ends(e) && !engine_settled(e))
            f->repeats = still(&s, &f->c);
        e->patient = false;
        f->settled = !engine_ends(e) && (f->repeats || !engine_settled(e));
        f->method = f->repeats && s.shown ? s.shown : f->method;
        f->component = f->repeats && s.at && repeat_is(f->oracle) ? s.at : f->component;
        if (f->settled)
            confirm(e, f, &whole);
    }
    repeat_want(&e->cost.repeat, NULL);
    fuzz_case_deinit(&whole);
}

void engine_settle_findings(struct engine *e)
{
    struct map settled = MAP_INIT;
    put_together(e, by_decoder, at_method, ALIKE);
    put_together(e, by_decoder, at_component, ALIKE);
    for (size_t i = e->settled_findings; i < e->findings.count; i++) {
        struct fuzz_finding *f = e->findings.items[i];
        if (f->count == 0)
            continue;
        settle(e, f);
        shut_mend(e);
        if (f->confirmation == FUZZ_UNCONFIRMED && needs_proof(f)) {
            e->summary->unrepeated += f->count;
            f->count = 0;
            continue;
        }
        struct text identity = TEXT_INIT;
        finding_identity_settled(f, e->target->pool, &identity);
        struct fuzz_finding *known = map_get(&settled, text_string(&identity));
        if (known)
            put_under(known, f);
        else
            map_put(&settled, text_string(&identity), f);
        text_deinit(&identity);
    }
    map_deinit(&settled);
    put_together(e, of_a_method, finding_same_words, 2);
    put_together(e, of_a_method, finding_both_silent, ALIKE);
    name_silence(e);
    for (size_t i = e->settled_findings; i < e->findings.count; i++)
        if (e->findings.items[i]->count > 0)
            engine_report(e, e->findings.items[i]);
    e->settled_findings = e->findings.count;
}
