#include "chaos/experiment/schedule.h"

#include "base/units.h"

#include <inttypes.h>
#include <string.h>

void schedule_init(struct chaos_schedule *s)
{
    *s = (struct chaos_schedule){.arena = ARENA_INIT};
}

void schedule_deinit(struct chaos_schedule *s)
{
    array_deinit(&s->steps);
    arena_deinit(&s->arena);
    schedule_init(s);
}

int schedule_keep(const struct chaos_schedule *s, const bool *keep, struct chaos_schedule *out)
{
    schedule_init(out);
    for (size_t i = 0; i < s->steps.count; i++) {
        struct chaos_step step = s->steps.items[i];
        if (!keep[i])
            continue;
        const char **names[] = {&step.component, &step.peer, &step.method};
        bool ok = true;
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
            if (*names[n] != NULL)
                ok = (*names[n] = arena_string(&out->arena, *names[n])) != NULL && ok;
        if (!ok || !array_push(&out->steps, step)) {
            schedule_deinit(out);
            return ERROR_MEMORY;
        }
    }
    return 0;
}

/* ---- in files ---- */

/* Exact, in the largest unit that holds it whole. */
static void print_time(uint64_t ns, struct text *out)
{
    static const struct {
        uint64_t size;
        const char *unit;
    } units[] = {{SECOND, "s"}, {MILLISECOND, "ms"}, {MICROSECOND, "us"}, {1, "ns"}};
    size_t i = 0;
    while (ns % units[i].size != 0)
        i++;
    text_printf(out, "%" PRIu64 "%s", ns / units[i].size, units[i].unit);
}

static void print_parameter(const struct fault_parameter *p, int64_t value, struct text *out)
{
    text_printf(out, "%s: ", p->name);
    if (p->unit == FAULT_DURATION && value >= 0)
        print_time((uint64_t)value, out);
    else
        text_printf(out, "%" PRId64, value);
}

void schedule_print_parameters(const struct chaos_step *s, struct text *out)
{
    const struct fault_parameter *p = s->fault->parameters;
    for (size_t i = 0; p != NULL && i < FAULT_PARAMETERS_MAX && p[i].name != NULL; i++) {
        print_parameter(&p[i], s->parameters[i], out);
        text_puts(out, ", ");
    }
    text_printf(out, "seed: %" PRIu64, s->seed);
}

void schedule_print_step(const struct chaos_step *s, struct text *out)
{
    text_puts(out, "{at: ");
    print_time(s->at, out);
    text_printf(out, ", fault: %s", s->fault->name);
    if (s->component != NULL)
        text_printf(out, ", component: %s", s->component);
    if (s->peer != NULL)
        text_printf(out, ", peer: %s", s->peer);
    if (s->method != NULL)
        text_printf(out, ", method: %s", s->method);
    text_puts(out, ", hold: ");
    print_time(s->hold, out);
    text_puts(out, ", ");
    schedule_print_parameters(s, out);
    text_char(out, '}');
}

void schedule_write(const struct chaos_schedule *s, struct text *out)
{
    text_puts(out, s->steps.count > 0 ? "schedule:\n" : "schedule: []\n");
    for (size_t i = 0; i < s->steps.count; i++) {
        text_puts(out, "  - ");
        schedule_print_step(&s->steps.items[i], out);
        text_char(out, '\n');
    }
}

static const struct chaos_fault *read_fault(const struct node *n, struct target *t, struct error *err)
{
    const char *name = NULL;
    if (node_need_text(n, "fault", &name, err) != 0)
        return NULL;
    const struct chaos_fault *f = fault_find(name);
    if (f == NULL) {
        fault_unknown(node_get(n, "fault"), name, err);
        return NULL;
    }
    struct error why = ERROR_INIT;
    if (fault_possible(f, t, &why) != 0) {
        node_error(node_get(n, "fault"), err, ERROR_INVALID, "%s", why.message != NULL ? why.message : "impossible");
        f = NULL;
    }
    error_clear(&why);
    return f;
}

static int read_name(const struct node *n, const char *key, const struct target *t, struct arena *arena,
                     const char **out, struct error *err)
{
    const char *name = NULL;
    int code = node_may_text(n, key, &name, err);
    if (code != 0 || name == NULL)
        return code;
    if (t != NULL && target_find(t, name) == NULL && strcmp(name, "client") != 0)
        return chaos_unknown_component(node_get(n, key), t, name, err);
    *out = arena_string(arena, name);
    return *out != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int read_parameters(const struct node *n, struct chaos_step *step, struct error *err)
{
    const struct fault_parameter *p = step->fault->parameters;
    int code = 0;
    for (size_t i = 0; code == 0 && i < FAULT_PARAMETERS_MAX; i++) {
        step->parameters[i] = INT64_MIN;
        if (p == NULL || p[i].name == NULL) {
            p = NULL;
            continue;
        }
        const struct node *given = node_get(n, p[i].name);
        if (given == NULL)
            continue;
        code = p[i].unit == FAULT_DURATION
                   ? node_may_duration(n, p[i].name, &step->parameters[i], err)
                   : node_may_integer(n, p[i].name, p[i].min, p[i].max, &step->parameters[i], err);
        if (code == 0 && (step->parameters[i] < p[i].min || step->parameters[i] > p[i].max))
            code = node_error(given, err, ERROR_INVALID, "%s is out of the range of %s", p[i].name, step->fault->name);
    }
    return code;
}

/* Keys a step may have: its own, and the names of its fault's parameters. */
static int check_keys(const struct node *n, const struct chaos_fault *f, struct error *err)
{
    static const char *const own[] = {"at", "fault", "component", "peer", "method", "hold", "seed"};
    const char *allowed[sizeof own / sizeof own[0] + FAULT_PARAMETERS_MAX + 1];
    size_t count = sizeof own / sizeof own[0];
    memcpy(allowed, own, sizeof own);
    for (size_t i = 0; f->parameters != NULL && i < FAULT_PARAMETERS_MAX && f->parameters[i].name != NULL; i++)
        allowed[count++] = f->parameters[i].name;
    allowed[count] = NULL;
    return node_only_keys(n, allowed, err);
}

static void draw_rest(struct chaos_step *step, struct random *r)
{
    struct fault_injection f = {.fault = step->fault, .random = *r};
    memcpy(f.parameters, step->parameters, sizeof f.parameters);
    fault_draw(&f);
    memcpy(step->parameters, f.parameters, sizeof f.parameters);
    *r = f.random;
}

static int read_step(const struct node *n, struct target *t, struct random *r, struct chaos_schedule *s,
                     struct error *err)
{
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "a step is a map: {at: 2s, fault: kill, component: store}");
    struct chaos_step step = {.fault = read_fault(n, t, err)};
    if (step.fault == NULL)
        return ERROR_INVALID;
    int64_t at = 0, hold = -1, seed = (int64_t)(random_next(r) >> 1);
    int code = check_keys(n, step.fault, err);
    if (code == 0)
        code = node_may_duration(n, "at", &at, err);
    if (code == 0)
        code = node_may_duration(n, "hold", &hold, err);
    if (code == 0)
        code = node_may_integer(n, "seed", 0, INT64_MAX, &seed, err);
    if (code == 0)
        code = read_name(n, "component", t, &s->arena, &step.component, err);
    if (code == 0)
        code = read_name(n, "peer", t, &s->arena, &step.peer, err);
    if (code == 0)
        code = read_name(n, "method", NULL, &s->arena, &step.method, err);
    if (code == 0 && step.component == NULL && step.fault->scope != FAULT_OF_SYSTEM)
        code = node_error(n, err, ERROR_INVALID, "fault %s needs a \"component\"", step.fault->name);
    if (code == 0)
        code = read_parameters(n, &step, err);
    if (code != 0)
        return code;
    draw_rest(&step, r);
    step.at = (uint64_t)at;
    step.hold = hold >= 0 ? (uint64_t)hold
                          : step.fault->hold_min + random_below(r, step.fault->hold_max - step.fault->hold_min + 1);
    step.seed = (uint64_t)seed;
    if (s->steps.count > 0 && array_last(&s->steps)->at > step.at)
        return node_error(n, err, ERROR_INVALID, "steps stand in order of time: this one is before the one above");
    if (!array_push(&s->steps, step))
        return error_set(err, ERROR_MEMORY, "out of memory");
    return 0;
}

int schedule_read(const struct node *list, struct target *t, uint64_t seed, struct chaos_schedule *out,
                  struct error *err)
{
    struct random base, r;
    schedule_init(out);
    if (list->kind != NODE_LIST)
        return node_error(list, err, ERROR_INVALID, "a schedule is a list of steps, not %s",
                          node_kind_name(list->kind));
    if (list->list.count > SCHEDULE_STEPS_MAX)
        return node_error(list, err, ERROR_LIMIT, "a schedule has at most %d steps", SCHEDULE_STEPS_MAX);
    random_seed(&base, seed);
    random_fork(&base, "chaos.schedule", &r);
    int code = 0;
    for (size_t i = 0; code == 0 && i < list->list.count; i++)
        code = read_step(&list->list.items[i], t, &r, out, err);
    if (code != 0)
        schedule_deinit(out);
    return code;
}
