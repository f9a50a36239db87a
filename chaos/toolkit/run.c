/* The phases: hypothesis, method, hypothesis, rollbacks; what is in force in the end is healed. Everything is kept for
 * the journal as it happens. */
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "chaos/experiment/storm.h"
#include "chaos/toolkit/inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_AFTER    ((uint64_t)SECOND) /* between two looks at the hypothesis during the method */
#define BACKGROUND_MAX 64
#define DURING_MAX     10000 /* looks kept */

struct fault_slot {
    bool used;
    char name[128]; /* a toxic's; "" none */
    struct fault_injection injection;
    struct chaos_schedule schedule; /* owns the names */
    uint64_t heal_at;               /* 0: when it is asked for, or in the end */
};

/* One look at the hypothesis, probe after probe, beside the loop. */
struct look {
    struct running *run;
    struct toolkit_call call;
    struct world_timer next; /* probe, or look */
    size_t at;
    json_t *probes; /* of the journal */
    struct text why;
    bool over, met;
};
struct running {
    struct toolkit *toolkit;
    struct target *target;
    uint64_t seed;
    const char *replay;
    struct toolkit_summary *summary;
    json_t *journal, *before, *after, *during, *run, *rollbacks;
    struct fault_slot faults[TOOLKIT_FAULTS_MAX];
    struct toolkit_call background[BACKGROUND_MAX];
    size_t places[BACKGROUND_MAX]; /* in `run` */
    size_t background_count;
    struct look beside;
    bool deviated_beside;
    bool lost; /* an entry of the journal, for want of memory */
};

/* ---- telling ---- */

static void tell_case(struct running *r, const char *name, const char *status, const char *message)
{
    result_case(r->target->results, &(struct result_case){.pillar = "chaos",
                                                          .suite = r->toolkit->title,
                                                          .name = name,
                                                          .status = status,
                                                          .message = message,
                                                          .replay = r->replay});
}

static void tell_step(struct running *r, const char *of, const struct toolkit_call *c)
{
    json_t *members = json_pack("{s:s, s:s, s:s, s:I}", "case", of, "name", c->activity->name, "status",
                                c->problem[0] == '\0' ? "passed" : "failed", "duration", (json_int_t)c->took);
    if (c->problem[0] != '\0')
        json_build_set(&members, "received", json_text_string(c->problem));
    else if (c->output != NULL)
        json_build_set(&members, "received", json_incref(c->output));
    result_emit(r->target->results, "step", members);
}

/* ---- faults ---- */

static void heal_slot(struct running *r, struct fault_slot *s)
{
    struct fault_injection *f = &s->injection;
    struct error why = ERROR_INIT;
    if (f->fault->verify != NULL)
        (void)f->fault->verify(f, NULL);
    int code = f->fault->heal(f, &why);
    storm_tell_fault(r->target, f, 0, "heal", code == 0,
                     code == 0             ? ""
                     : why.message != NULL ? why.message
                                           : error_code_name(code));
    if (code != 0)
        result_finding(r->target->results, &(struct result_finding){.pillar = "chaos",
                                                                    .title = "a fault could not be healed",
                                                                    .severity = "bug",
                                                                    .oracle = "recovery",
                                                                    .target = f->component,
                                                                    .seed = r->seed,
                                                                    .replay = r->replay,
                                                                    .detail = why.message});
    error_clear(&why);
    schedule_deinit(&s->schedule);
    *s = (struct fault_slot){0};
}

static uint64_t next_heal(const struct running *r)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < TOOLKIT_FAULTS_MAX; i++)
        if (r->faults[i].used && r->faults[i].heal_at != 0 && r->faults[i].heal_at < next)
            next = r->faults[i].heal_at;
    return next;
}

static void heal_due(struct running *r)
{
    for (size_t i = 0; i < TOOLKIT_FAULTS_MAX; i++)
        if (r->faults[i].used && r->faults[i].heal_at != 0 && r->faults[i].heal_at <= world_now(r->target->world))
            heal_slot(r, &r->faults[i]);
}

struct wait {
    bool (*done)(void *arg); /* NULL: only time passes */
    void *arg;
    bool time_is_up;
};

static void time_is_up(void *arg)
{
    struct wait *w = arg;
    w->time_is_up = true;
}

static bool wait_over(void *arg)
{
    struct wait *w = arg;
    return (w->done != NULL && w->done(w->arg)) || w->time_is_up;
}

/* Lets the loop run until `done`, or that time; what is held until then is healed on the way. ERROR_CANCELLED when the
 * user wants to stop. */
static int wait_until(struct running *r, bool (*done)(void *arg), void *arg, uint64_t time)
{
    struct world *w = r->target->world;
    for (;;) {
        uint64_t now = world_now(w), heal = next_heal(r), until = heal < time ? heal : time;
        if (r->target->interrupted)
            return ERROR_CANCELLED;
        if ((done != NULL && done(arg)) || now >= time)
            return 0;
        if (now >= heal) {
            heal_due(r);
            continue;
        }
        struct wait wait = {.done = done, .arg = arg};
        struct world_timer timer;
        world_timer_init(&timer, w, time_is_up, &wait);
        int code = until < UINT64_MAX ? world_timer_start(&timer, until - now) : 0;
        if (code == 0)
            code = world_run_until(w, wait_over, &wait, 0);
        world_timer_stop(&timer);
        if (code != 0)
            return r->target->interrupted ? ERROR_CANCELLED : code;
    }
}

/* Far beyond what any fault takes it says so itself. */
static json_t *whole(const json_t *number, double times)
{
    return json_integer((json_int_t)fmax(-9e15, fmin(json_number_value(number) * times, 9e15)));
}

/* {"component": "store", "delay": "20ms"} as a step of a schedule, which knows all about ranges and drawing. */
static int step_of(struct running *r, const struct toolkit_activity *a, struct fault_slot *s, bool *held,
                   struct error *err)
{
    json_t *arguments = a->arguments != NULL ? toolkit_substitute(r->toolkit, a->arguments) : json_object();
    json_t *step = arguments;
    if (a->kind == TOOLKIT_TOXIC) {
        double jitter = json_number_value(json_object_get(arguments, "jitter"));
        const char *proxy = json_string_value(json_object_get(arguments, "for_proxy"));
        const char *toxic = json_string_value(json_object_get(arguments, "toxic_name"));
        char amount[48], more[48];
        snprintf(s->name, sizeof s->name, "%s", toxic != NULL ? toxic : "");
        step = json_pack("{s:s?}", "component", proxy);
        if (strcmp(a->fault->name, "latency") == 0) {
            /* Of a toxic only what comes back is late; ours delays each way, by half of it. */
            snprintf(amount, sizeof amount, "%.0fus", json_number_value(json_object_get(arguments, "latency")) * 500);
            snprintf(more, sizeof more, "%.0fus", jitter * 500);
            json_build_set(&step, "delay", json_string(amount));
            json_build_set(&step, "jitter", json_string(more));
        } else if (strcmp(a->fault->name, "bandwidth") == 0) {
            json_build_set(&step, "rate", whole(json_object_get(arguments, "rate"), 1000));
        } else if (strcmp(a->fault->name, "slicing") == 0) {
            snprintf(more, sizeof more, "%.0fus", json_number_value(json_object_get(arguments, "delay")));
            json_build_set(&step, "piece", whole(json_object_get(arguments, "average_size"), 1));
            json_build_set(&step, "gap", json_string(more));
        }
        json_decref(arguments);
    }
    *held = json_object_get(step, "hold") != NULL;
    json_build_set(&step, "fault", json_string(a->fault->name));
    json_t *list = json_pack("[o]", step);
    char *text = list != NULL ? json_text_of(list, 0) : NULL;
    struct document *d = NULL;
    int code = text != NULL ? document_parse_json(bytes_of(text), "arguments", &d, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0)
        code = schedule_read(document_root(d), r->target, r->seed, &s->schedule, err);
    document_free(d);
    free(text);
    json_decref(list);
    return code;
}

static int begin_fault(struct running *r, const struct toolkit_activity *a, struct fault_slot *s, struct error *err)
{
    struct world *w = r->target->world;
    bool held = false;
    int code = step_of(r, a, s, &held, err);
    if (code != 0)
        return code;
    const struct chaos_step *step = &s->schedule.steps.items[0];
    struct fault_injection *f = &s->injection;
    *f = (struct fault_injection){.fault = step->fault,
                                  .target = r->target,
                                  .component = step->component,
                                  .peer = step->peer,
                                  .method = step->method};
    memcpy(f->parameters, step->parameters, sizeof f->parameters);
    random_seed(&f->random, step->seed);
    code = f->fault->inject(f, err);
    f->hits = code == 0 && f->fault->verify == NULL ? 1 : 0;
    storm_tell_fault(r->target, f, 0, "inject", code == 0, code == 0 || err->message == NULL ? "" : err->message);
    if (code != 0) { /* in case it half happened */
        (void)f->fault->heal(f, NULL);
        return code;
    }
    r->summary->faults++;
    s->used = true;
    s->heal_at = held ? world_now(w) + step->hold : 0;
    return 0;
}

static void look_again(struct running *r);

struct waiting {
    struct running *run;
    struct toolkit_call *call; /* NULL: only time passes */
};

static bool may_go_on(void *arg)
{
    struct waiting *w = arg;
    if (w->run->beside.over || w->run->beside.run == NULL)
        look_again(w->run);
    return w->call != NULL && w->call->over;
}

static int pass_time(struct running *r, uint64_t duration)
{
    struct waiting w = {r, NULL};
    return duration == 0 ? 0 : wait_until(r, may_go_on, &w, world_now(r->target->world) + duration);
}

static void do_fault(struct running *r, struct toolkit_call *c)
{
    const struct toolkit_activity *a = c->activity;
    struct error err = ERROR_INIT;
    size_t free_slot = 0;
    while (free_slot < TOOLKIT_FAULTS_MAX && r->faults[free_slot].used)
        free_slot++;
    if (free_slot == TOOLKIT_FAULTS_MAX) {
        toolkit_call_fail(c, "%d faults are in force already", TOOLKIT_FAULTS_MAX);
        return;
    }
    struct fault_slot *s = &r->faults[free_slot];
    schedule_init(&s->schedule);
    if (begin_fault(r, a, s, &err) != 0) {
        toolkit_call_fail(c, "%s", err.message != NULL ? err.message : error_code_name(err.code));
        schedule_deinit(&s->schedule);
        *s = (struct fault_slot){0};
    } else if (!a->background && s->heal_at != 0 && pass_time(r, s->heal_at - world_now(r->target->world)) == 0) {
        heal_due(r);
    }
    error_clear(&err);
    toolkit_call_end(c, json_true());
}

/* Of a component, or of all; of a toxic. */
static void do_heal(struct running *r, struct toolkit_call *c)
{
    const struct toolkit_activity *a = c->activity;
    json_t *arguments = a->arguments != NULL ? toolkit_substitute(r->toolkit, a->arguments) : NULL;
    const char *component =
        json_string_value(json_object_get(arguments, a->kind == TOOLKIT_NO_TOXIC ? "for_proxy" : "component"));
    const char *toxic = json_string_value(json_object_get(arguments, "toxic_name"));
    json_int_t healed = 0;
    for (size_t i = 0; i < TOOLKIT_FAULTS_MAX; i++) {
        struct fault_slot *s = &r->faults[i];
        if (!s->used ||
            (component != NULL && (s->injection.component == NULL || strcmp(s->injection.component, component) != 0)))
            continue;
        if (a->kind == TOOLKIT_NO_TOXIC && strcmp(s->name, toxic != NULL ? toxic : "") != 0)
            continue;
        heal_slot(r, s);
        healed++;
    }
    json_decref(arguments);
    if (a->kind == TOOLKIT_NO_TOXIC && healed == 0)
        toolkit_call_fail(c, "there is no such toxic");
    else
        toolkit_call_end(c, json_integer(healed));
}

/* ---- the hypothesis ---- */

static void look_on(void *arg);

static void probe_ended(void *arg)
{
    struct look *l = arg;
    world_timer_start(&l->next, 0); /* the call is freed from the loop, not from under itself */
}

static void look_end(struct look *l, bool met)
{
    l->over = true;
    l->met = met;
}

static void judge_probe(struct look *l)
{
    const struct toolkit_activity *a = l->call.activity;
    json_t *entry = toolkit_call_entry(&l->call);
    bool within = l->call.problem[0] == '\0' && tolerance_holds(a->tolerance, l->call.output, l->run->toolkit, &l->why);
    if (l->call.problem[0] != '\0')
        text_puts(&l->why, l->call.problem);
    json_build_set(&entry, "tolerance_met", json_boolean(within));
    json_build_add(&l->probes, entry);
    toolkit_call_deinit(&l->call);
    l->at++;
    if (!within)
        look_end(l, false);
}

static void look_on(void *arg)
{
    struct look *l = arg;
    const struct toolkit_activities *probes = &l->run->toolkit->probes;
    if (l->call.target != NULL)
        judge_probe(l);
    if (l->over)
        return;
    if (l->at == probes->count) {
        look_end(l, true);
        return;
    }
    l->call = (struct toolkit_call){.ended = probe_ended, .ended_arg = l};
    toolkit_call_start(&l->call, l->run->toolkit, l->run->target, &probes->items[l->at]);
}

static void look_begin(struct look *l, struct running *r)
{
    *l = (struct look){.run = r, .probes = json_array()};
    world_timer_init(&l->next, r->target->world, look_on, l);
    world_timer_start(&l->next, 0);
}

static bool look_over(void *arg)
{
    const struct look *l = arg;
    return l->over;
}

/* Its outcome for the journal. */
static json_t *look_finish(struct look *l)
{
    json_t *outcome = json_pack("{s:b, s:o}", "steady_state_met", l->met ? 1 : 0, "probes", l->probes);
    world_timer_stop(&l->next);
    toolkit_call_deinit(&l->call);
    text_deinit(&l->why);
    *l = (struct look){0};
    return outcome;
}

static void put_first_words(const struct look *l, struct text *out)
{
    const struct toolkit_activities *probes = &l->run->toolkit->probes;
    if (l->at > 0 && l->at <= probes->count)
        text_printf(out, "%s: ", probes->items[l->at - 1].name);
    text_puts(out, text_string(&l->why));
}

/* *met: whether it held. */
static int hypothesis(struct running *r, const char *name, json_t **outcome, bool *met)
{
    struct look l;
    struct text message = TEXT_INIT;
    *met = true;
    if (r->toolkit->hypothesis_title == NULL)
        return 0;
    look_begin(&l, r);
    int code = wait_until(r, look_over, &l, UINT64_MAX);
    if (code == 0) {
        *met = l.met;
        put_first_words(&l, &message);
        tell_case(r, name, l.met ? "passed" : "failed", l.met ? NULL : text_string(&message));
    }
    *outcome = look_finish(&l);
    text_deinit(&message);
    return code;
}

/* A list of the journal gets one entry more, or there will be no journal. */
static void keep(struct running *r, json_t *list, json_t *entry)
{
    r->lost = json_array_append_new(list, entry) != 0 || r->lost;
}

/* During the method: one look after the other, a second apart. */
static void look_again(struct running *r)
{
    if (!r->toolkit->during || r->toolkit->hypothesis_title == NULL)
        return;
    if (r->beside.over) {
        struct text message = TEXT_INIT;
        if (!r->beside.met && !r->deviated_beside) {
            put_first_words(&r->beside, &message);
            tell_case(r, "steady state during the method", "failed", text_string(&message));
            r->deviated_beside = true;
        }
        text_deinit(&message);
        json_t *outcome = look_finish(&r->beside);
        if (json_array_size(r->during) < DURING_MAX)
            keep(r, r->during, json_incref(outcome));
        json_decref(outcome);
    }
    if (r->beside.run == NULL) {
        look_begin(&r->beside, r);
        if (json_array_size(r->during) > 0)
            world_timer_start(&r->beside.next, AGAIN_AFTER);
    }
}

static void look_no_more(struct running *r)
{
    if (r->beside.run == NULL)
        return;
    if (r->beside.over)
        look_again(r);
    json_decref(look_finish(&r->beside)); /* the one under way says nothing */
    if (!r->deviated_beside)
        tell_case(r, "steady state during the method", "passed", NULL);
}

/* ---- activities in their order ---- */

static void keep_entry(struct running *r, json_t *list, const char *of, struct toolkit_call *c)
{
    json_t *entry = toolkit_call_entry(c);
    tell_step(r, of, c);
    r->summary->activities++;
    r->summary->failed += c->problem[0] != '\0';
    keep(r, list, entry);
    toolkit_call_deinit(c);
}

static int one_activity(struct running *r, const struct toolkit_activity *a, json_t *list, const char *of)
{
    int code = pass_time(r, a->before);
    if (code != 0)
        return code;
    bool apart = a->background && a->kind < TOOLKIT_FAULT && r->background_count < BACKGROUND_MAX;
    struct toolkit_call own = {0}, *c = apart ? &r->background[r->background_count] : &own;
    toolkit_call_start(c, r->toolkit, r->target, a);
    if (a->kind == TOOLKIT_FAULT || a->kind == TOOLKIT_TOXIC)
        do_fault(r, c);
    else if (a->kind == TOOLKIT_HEAL || a->kind == TOOLKIT_NO_TOXIC)
        do_heal(r, c);
    if (apart) { /* its place is kept, and filled when it is over */
        r->places[r->background_count++] = json_array_size(list);
        keep(r, list, json_null());
        return pass_time(r, a->after);
    }
    struct waiting w = {r, c};
    code = wait_until(r, may_go_on, &w, UINT64_MAX);
    if (code != 0)
        toolkit_call_stop(c);
    keep_entry(r, list, of, c);
    return code != 0 ? code : pass_time(r, a->after);
}

static void end_background(struct running *r, json_t *list, const char *of, int code)
{
    for (size_t i = 0; i < r->background_count; i++) {
        struct toolkit_call *c = &r->background[i];
        struct waiting w = {r, c};
        if (code == 0)
            code = wait_until(r, may_go_on, &w, UINT64_MAX);
        toolkit_call_stop(c);
        json_t *own = json_array();
        keep_entry(r, own, of, c);
        json_array_set(list, r->places[i], json_array_get(own, 0));
        json_decref(own);
    }
    r->background_count = 0;
}

static int sequence(struct running *r, const struct toolkit_activities *list, json_t *entries, const char *of)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < list->count; i++)
        code = one_activity(r, &list->items[i], entries, of);
    end_background(r, entries, of, code);
    if (list->count > 0 && code == 0)
        tell_case(r, of, "passed", NULL);
    return code;
}

/* ---- the whole ---- */

/* What the file may want to know of the system, and what the driver cannot do. */
static int prepare(struct running *r, struct error *err)
{
    struct target *t = r->target;
    char name[160];
    int code = 0;
    if (t->gateway != NULL)
        code = toolkit_add_value(r->toolkit, "harrow_gateway", json_string(t->gateway));
    for (size_t i = 0; code == 0 && i < t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        snprintf(name, sizeof name, "harrow_address_%s", c->name);
        if (c->address != NULL)
            code = toolkit_add_value(r->toolkit, name, json_string(c->address));
        snprintf(name, sizeof name, "harrow_http_%s", c->name);
        if (code == 0 && c->http != NULL)
            code = toolkit_add_value(r->toolkit, name, json_string(c->http));
    }
    if (code != 0)
        return error_set(err, code, "out of memory");
    bool simulated = t->operations->sim != NULL && t->operations->sim(t) != NULL;
    const struct toolkit_activities *lists[] = {&r->toolkit->probes, &r->toolkit->method, &r->toolkit->rollbacks};
    for (size_t l = 0; simulated && l < sizeof lists / sizeof lists[0]; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            const struct toolkit_activity *a = &lists[l]->items[i];
            if (a->kind == TOOLKIT_PROCESS || (a->kind >= TOOLKIT_EXISTS && a->kind <= TOOLKIT_REMOVE))
                return node_error(a->node, err, ERROR_INVALID,
                                  "there are neither programs nor files of this machine in simulation: --driver "
                                  "processes");
        }
    }
    for (size_t i = 0; i < r->toolkit->controls.count; i++) {
        char note[256];
        snprintf(note, sizeof note, "the control \"%.150s\" is Python, which is not run here",
                 r->toolkit->controls.items[i]);
        result_emit(t->results, "note", json_pack("{s:s}", "text", note));
    }
    return 0;
}

static int phases(struct running *r)
{
    const struct toolkit *k = r->toolkit;
    bool met = true;
    int code = k->before ? hypothesis(r, "steady state before the method", &r->before, &met) : 0;
    if (code != 0)
        return code;
    if (!met) {
        r->summary->status = "failed";
        return 0;
    }
    look_again(r);
    code = sequence(r, &k->method, r->run, "method");
    look_no_more(r);
    if (code == 0 && k->after) {
        code = hypothesis(r, "steady state after the method", &r->after, &met);
        r->summary->deviated = !met;
    }
    r->summary->deviated |= r->deviated_beside;
    r->summary->status = r->summary->deviated ? "failed" : "completed";
    return code;
}

static bool roll_back(const struct running *r, int code)
{
    bool began = r->before == NULL || json_is_true(json_object_get(r->before, "steady_state_met"));
    switch (r->toolkit->strategy) {
    case ROLLBACKS_ALWAYS:
        return true;
    case ROLLBACKS_NEVER:
        return false;
    case ROLLBACKS_DEVIATED:
        return r->summary->deviated;
    case ROLLBACKS_DEFAULT:
        return code == 0 && began;
    }
    return false;
}

static void make_journal(struct running *r, int64_t started, uint64_t began)
{
    char start[32], end[32];
    uint64_t took = world_now(r->target->world) - began;
    json_t *states = r->lost ? NULL : json_object();
    units_format_time(started, start, sizeof start);
    units_format_time(started + (int64_t)took, end, sizeof end);
    if (r->before != NULL)
        json_build_set(&states, "before", json_incref(r->before));
    if (r->after != NULL)
        json_build_set(&states, "after", json_incref(r->after));
    if (json_array_size(r->during) > 0)
        json_build_set(&states, "during", json_incref(r->during));
    r->journal =
        json_pack("{s:o, s:s, s:b, s:s, s:s, s:f, s:o, s:O, s:O}", "experiment",
                  node_to_json(document_root(r->toolkit->document)), "status", r->summary->status, "deviated",
                  r->summary->deviated ? 1 : 0, "start", start, "end", end, "duration", (double)took / (double)SECOND,
                  "steady_states", states, "run", r->run, "rollbacks", r->rollbacks);
}

int toolkit_run(struct toolkit *k, struct target *t, uint64_t seed, const char *replay, struct toolkit_summary *summary,
                json_t **journal, struct error *err)
{
    struct running *r = calloc(1, sizeof *r);
    int64_t started = world_wall(t->world);
    uint64_t began = world_now(t->world);
    *summary = (struct toolkit_summary){.status = "aborted"};
    *journal = NULL;
    if (r == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *r = (struct running){.toolkit = k, .target = t, .seed = seed, .replay = replay, .summary = summary};
    r->run = json_array();
    r->rollbacks = json_array();
    r->during = json_array();
    int code = r->run != NULL && r->rollbacks != NULL && r->during != NULL
                   ? prepare(r, err)
                   : error_set(err, ERROR_MEMORY, "out of memory");
    bool ready = code == 0;
    if (ready)
        code = phases(r);
    if (code == ERROR_CANCELLED)
        summary->status = "interrupted";
    else if (code != 0)
        summary->status = "aborted";
    if (ready && roll_back(r, code) && !t->interrupted)
        code = sequence(r, &k->rollbacks, r->rollbacks, "rollbacks");
    for (size_t i = 0; i < TOOLKIT_FAULTS_MAX; i++)
        if (r->faults[i].used)
            heal_slot(r, &r->faults[i]);
    make_journal(r, started, began);
    *journal = r->journal;
    if (code == 0 && r->journal == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    json_decref(r->before);
    json_decref(r->after);
    json_decref(r->during);
    json_decref(r->run);
    json_decref(r->rollbacks);
    free(r);
    return code;
}
