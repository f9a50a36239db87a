/* A campaign looked at while it runs: points for the report's curves, and a line now and then for who waits. */
#include "fuzz/live/engine.h"

#include "base/units.h"
#include "world/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define POINT_FIRST ((uint64_t)SECOND)
#define POINTS_MAX  240 /* then every second one goes, and they come half as often */
#define WORD_EVERY  ((uint64_t)(10 * SECOND))

#define SHUT_OUT_CALLS 1000 /* fewer say nothing about access */

static void add_point(struct engine *e, uint64_t now)
{
    struct fuzz_summary *s = e->summary;
    struct maker_figures f;
    maker_figures(e->maker, &f);
    if (s->points.count == POINTS_MAX) {
        for (size_t i = 0; i < POINTS_MAX / 2; i++)
            s->points.items[i] = s->points.items[2 * i];
        s->points.count = POINTS_MAX / 2;
        e->point_step *= 2;
    }
    struct fuzz_point p = {.at = now - e->started,
                           .calls = s->inputs,
                           .cases = s->cases,
                           .edges = e->feedback.cover ? (int64_t)cover_edges_seen(e->feedback.cover) : -1,
                           .features = (int64_t)f.features,
                           .corpus = (int64_t)f.kept,
                           .findings = (int64_t)map_count(&e->known),
                           .methods_ok = e->methods_ok};
    for (size_t i = 0; i < FUZZ_LANES; i++)
        p.lanes[i] = (float)f.lanes[i];
    for (size_t i = 0; i < FUZZ_SOURCES; i++)
        p.sources[i] = (float)f.sources[i];
    (void)array_push(&s->points, p);
    result_sample(e->target->results, "fuzz_features", (double)p.features);
    if (p.edges >= 0)
        result_sample(e->target->results, "fuzz_edges", (double)p.edges);
    uint64_t resident = target_resident(e->target);
    if (resident > 0)
        result_sample(e->target->results, "fuzz_memory_bytes", (double)resident);
}

static void say(struct engine *e, uint64_t now, uint64_t since)
{
    struct text line = TEXT_INIT;
    struct maker_figures f;
    char passed[32];
    maker_figures(e->maker, &f);
    double seconds = since > 0 ? (double)since / 1e9 : 1;
    int64_t novel = 0;
    for (size_t i = 0; i < MAKER_SOURCES; i++)
        novel += (int64_t)f.novel[i];
    units_format_duration((int64_t)(now - e->started), passed, sizeof passed);
    text_printf(&line, "fuzz %s: %" PRId64 " calls (%.0f/s), %" PRId64 " of %zu methods OK, %zu features", passed,
                e->summary->inputs, (double)(e->summary->inputs - e->calls_at_word) / seconds, e->methods_ok,
                e->method_count, f.features);
    if (e->feedback.cover)
        text_printf(&line, ", %zu of %zu edges", cover_edges_seen(e->feedback.cover),
                    cover_edges_all(e->feedback.cover));
    text_printf(&line, ", %" PRId64 " cases new (+%" PRId64 "), %zu suspicions", novel, novel - e->kept_at_word,
                map_count(&e->known));
    if (maker_stored(e->maker) > 0)
        text_printf(&line, ", %zu stored cases to go", maker_stored(e->maker));
    e->options.hooks.say(e->options.hooks.arg, text_string(&line));
    e->calls_at_word = e->summary->inputs;
    e->kept_at_word = novel;
    text_deinit(&line);
}

void engine_look(struct engine *e, bool last)
{
    uint64_t now = engine_now(e);
    if (e->started == 0 || (!last && now < e->next_point))
        return;
    if (e->point_step == 0)
        e->point_step = POINT_FIRST;
    add_point(e, now);
    e->next_point = now + e->point_step;
    if (last)
        return;
    cost_look(&e->cost, e->target);
    feedback_refresh(&e->feedback);
    (void)stored_import(&e->store, e->maker, NULL); /* what cannot be read now may be so later */
    if (e->options.hooks.say && now - e->next_word >= WORD_EVERY) {
        say(e, now, now - e->next_word);
        e->next_word = now;
    }
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static void add_method(struct fuzz_summary *s, struct method_tally *t, int64_t shut_out)
{
    struct fuzz_method_figures m = {.path = strdup(t->method->path + 1),
                                    .component = strdup(t->component->name),
                                    .calls = t->calls,
                                    .findings = t->findings,
                                    .shut_out = shut_out,
                                    .latency = t->latency,
                                    .refusal = t->refusal.len > 0 ? strdup(text_string(&t->refusal)) : NULL,
                                    .refusing_field = t->refusing ? strdup(t->refusing) : NULL};
    memcpy(m.statuses, t->statuses, sizeof m.statuses);
    if (m.path && m.component && array_push(&s->method_figures, m)) {
        t->latency = NULL;
        return;
    }
    free(m.path);
    free(m.component);
    free(m.refusal);
    free(m.refusing_field);
}

static void add_operators(struct fuzz_summary *s, const struct maker_figures *f)
{
    for (size_t i = 0; i < f->operator_count; i++) {
        const struct maker_operator *o = &f->operators[i];
        struct fuzz_operator_figures out = {
            .name = strdup(o->name), .kind = strdup(o->kind), .cases = o->cases, .novel = o->novel};
        if (out.name && out.kind && array_push(&s->operators, out))
            continue;
        free(out.name);
        free(out.kind);
    }
}

/* A campaign that makes rules, accounts and block lists can shut itself out; then it looks at little else. */
static void tell_shut_out(const struct engine *e)
{
    const struct fuzz_summary *s = e->summary;
    int64_t refused = s->statuses[GRPC_PERMISSION_DENIED] + s->statuses[GRPC_UNAUTHENTICATED];
    if (s->inputs < SHUT_OUT_CALLS || refused < s->inputs / 2)
        return;
    json_t *note =
        json_sprintf("fuzz: %.0f %% of the calls were refused by the system's access rules: what the campaign "
                     "itself made of rules and accounts may have shut it out; --skip leaves methods out",
                     100.0 * (double)refused / (double)s->inputs);
    result_emit(e->target->results, "note", json_pack("{s:o}", "text", note));
}

static void tell_campaign(struct engine *e, const struct maker_figures *f)
{
    struct text note = TEXT_INIT;
    text_printf(&note,
                "fuzz: %" PRId64 " cases (%" PRIu64 " sequences, %" PRIu64 " drawn, %" PRIu64 " changed, %" PRIu64
                " stored); %zu of %zu methods answered OK, the longest sequence that worked has %zu calls; lanes "
                "%.0f/%.0f/%.0f %%; %s",
                e->summary->cases, f->cases[MAKER_SEQUENCE], f->cases[MAKER_DRAWN], f->cases[MAKER_CHANGED],
                f->cases[MAKER_STORED], (size_t)e->methods_ok, e->method_count, f->sequences.longest,
                f->lanes[LANE_VALID] * 100, f->lanes[LANE_NEAR_VALID] * 100, f->lanes[LANE_GARBAGE] * 100,
                e->feedback.cover ? "guided by coverage" : "blind");
    if (e->feedback.cover)
        text_printf(&note, ", %" PRId64 " of %" PRId64 " edges", e->summary->edges, e->summary->edges_all);
    if (e->store.kept + e->store.imported > 0)
        text_printf(&note, "; %" PRId64 " cases came from the corpus, %" PRId64 " went there", e->store.imported,
                    e->store.kept);
    if (e->summary->unrepeated > 0)
        text_printf(&note,
                    "; %" PRId64 " suspicions did not come again when run alone or on a fresh system, and are not told",
                    e->summary->unrepeated);
    if (e->summary->not_tried > 0)
        text_printf(&note, "; %" PRId64 " were not run again for want of time, and are told as warnings",
                    e->summary->not_tried);
    text_printf(&note, "; ended by %s", e->summary->ended ? e->summary->ended : "itself");
    result_emit(e->target->results, "note", json_pack("{s:s}", "text", text_string(&note)));
    text_deinit(&note);
    shut_tell(e);
    tell_shut_out(e);
}

void engine_summarise(struct engine *e)
{
    struct fuzz_summary *s = e->summary;
    struct maker_figures f;
    maker_figures(e->maker, &f);
    s->virtual_time = world_is_simulated(e->target->world);
    for (size_t i = 0; i < e->method_count; i++)
        add_method(s, &e->tallies[i], e->shut.methods[i].blamed);
    add_operators(s, &f);
    if (e->feedback.cover) {
        s->edges = (int64_t)cover_edges_seen(e->feedback.cover);
        s->edges_all = (int64_t)cover_edges_all(e->feedback.cover);
    }
    if (!e->options.distil) {
        s->kept = e->store.kept;
        s->imported = e->store.imported;
    }
    if (!e->options.input && !e->options.script.data)
        tell_campaign(e, &f);
}
