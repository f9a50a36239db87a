#include "chaos/experiment/tell.h"

#include "base/json_build.h"
#include "base/units.h"
#include "chaos/experiment/converge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void emit_table(struct target *t, uint64_t seed, const char *of, json_t *columns, json_t *rows)
{
    char title[96];
    snprintf(title, sizeof title, "%s (seed %" PRIu64 ")", of, seed);
    result_emit(t->results, "table",
                json_pack("{s:s, s:s, s:o, s:o}", "pillar", "chaos", "title", title, "columns", columns, "rows", rows));
}

void tell_swarm(struct target *t, uint64_t seed, const char *swarm, size_t steps)
{
    json_t *rows = json_array();
    for (const char *line = swarm; *line != '\0';) {
        size_t len = strcspn(line, "\n"), name = 0;
        while (name < len && line[name] != ':')
            name++;
        size_t value = name < len ? name + 1 : len;
        value += value < len && line[value] == ' ';
        json_build_add(&rows, json_pack("[s%, s%]", line, name, line + value, len - value));
        line += len + (line[len] == '\n');
    }
    json_build_add(&rows, json_pack("[s, I]", "steps", (json_int_t)steps));
    emit_table(t, seed, "what the seed drew", json_pack("[s, s]", "option", "drawn"), rows);
}

static void print_outcome(const struct storm_step *s, struct text *out)
{
    static const char *const names[] = {[STORM_LEFT_OUT] = "left out",
                                        [STORM_NOT_INJECTED] = "not injected",
                                        [STORM_IN_FORCE] = "not healed",
                                        [STORM_HEALED] = "verified, healed",
                                        [STORM_NOT_HEALED] = "not healed"};
    text_printf(out, "%s%s%s", names[s->outcome], s->why[0] != '\0' ? ": " : "", s->why);
}

static json_t *or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *milliseconds(bool known, uint64_t ns)
{
    return known ? json_real(round((double)ns / (double)MICROSECOND) / 1000) : json_null();
}

static json_t *row_of(const struct storm *s, size_t i)
{
    const struct chaos_step *step = &s->schedule->steps.items[i];
    const struct storm_step *done = &s->steps.items[i];
    bool began = done->outcome != STORM_LEFT_OUT, was = began && done->outcome != STORM_NOT_INJECTED;
    struct text outcome = TEXT_INIT, parameters = TEXT_INIT;
    print_outcome(done, &outcome);
    schedule_print_parameters(step, &parameters);
    json_t *row = json_pack("[I, o, s, o, o, o, s, o, o, o, s]", (json_int_t)i + 1, milliseconds(true, step->at),
                            step->fault->name, or_null(step->component), or_null(step->peer), or_null(step->method),
                            text_string(&parameters), milliseconds(began, done->at), milliseconds(true, step->hold),
                            was ? json_integer((json_int_t)done->hits) : json_null(), text_string(&outcome));
    text_deinit(&outcome);
    text_deinit(&parameters);
    return row;
}

void tell_schedule(const struct storm *s, uint64_t seed)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < s->steps.count && i < s->schedule->steps.count; i++)
        json_build_add(&rows, row_of(s, i));
    emit_table(s->target, seed, "schedule",
               json_pack("[s, s, s, s, s, s, s, s, s, s, s]", "step", "at ms", "fault", "component", "peer", "method",
                         "parameters", "injected ms", "hold ms", "hits", "outcome"),
               rows);
}

static double rounded(double v)
{
    return round(v * 1000) / 1000;
}

void tell_load(struct target *t, const struct load *l, uint64_t seed, const struct tell_phase *phases, size_t count)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        struct load_figures f;
        if (load_figures(l, phases[i].from, phases[i].to, &f) != 0 || f.windows == 0)
            continue;
        json_build_add(&rows,
                       json_pack("[s, f, f, f, f, f, f]", phases[i].name,
                                 rounded((double)(phases[i].to - phases[i].from) / (double)SECOND), rounded(f.ok),
                                 rounded(f.not_ok), rounded(f.p50), rounded(f.p99), rounded(f.p99_max)));
    }
    emit_table(t, seed, "the load before, during and after",
               json_pack("[s, s, s, s, s, s, s]", "phase", "seconds", "operations/s", "errors/s", "p50 ms", "p99 ms",
                         "worst p99 ms"),
               rows);
}

/* Until the next fault begins: what readers see from then on is its doing. */
static uint64_t end_of(const struct storm *s, const struct storm_recovery *r)
{
    uint64_t end = r->answered + STORM_BACK_WITHIN;
    for (size_t i = 0; i < s->steps.count; i++) {
        const struct storm_step *step = &s->steps.items[i];
        uint64_t at = s->started + step->at;
        if (step->outcome != STORM_LEFT_OUT && at > r->since && at < end)
            end = at;
    }
    return end;
}

static void tell_one(const struct storm *s, size_t i, struct converge *const *by_workload, size_t count)
{
    const struct storm_recovery *r = &s->recoveries.items[i];
    uint64_t latest = 0, end = end_of(s, r);
    for (size_t n = 0; n < count; n++) {
        size_t readers;
        uint64_t at = converge_at(by_workload[n], r->begun, r->since, end, &readers);
        if (at == 0 && readers > 0)
            return;
        latest = at > latest ? at : latest;
    }
    if (latest > 0)
        result_emit(s->target->results, "converged",
                    json_pack("{s:s, s:s, s:I, s:I}", "target", r->component, "fault", r->fault, "number",
                              (json_int_t)i + 1, "duration", (json_int_t)(latest - r->since)));
}

int tell_converged(const struct storm *s, struct workload *const *workloads, size_t count, struct error *err)
{
    struct converge *by_workload[CHAOS_WORKLOADS_MAX] = {NULL};
    int code = 0;
    for (size_t i = 0; code == 0 && s->recoveries.count > 0 && i < count; i++)
        code = converge_new(workload_history(workloads[i]), &by_workload[i], err);
    for (size_t i = 0; code == 0 && i < s->recoveries.count; i++)
        tell_one(s, i, by_workload, count);
    for (size_t i = 0; i < count; i++)
        converge_free(by_workload[i]);
    return code;
}
