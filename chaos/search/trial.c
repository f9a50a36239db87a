#include "chaos/search/trial.h"

#include "base/hash.h"
#include "base/units.h"
#include "chaos/experiment/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STEP_SIZE 50   /* ms of load that a step counts as */
#define REST      2000 /* ms: steady state, quiet, final reads */
#define RATE_FREE 2000 /* operations a second, about, of clients that do not wait */
#define RATE_UNIT 100  /* operations a second that make the average load */

void trial_init(struct trial *t)
{
    *t = (struct trial){.duration = 0};
    schedule_init(&t->schedule);
}

void trial_deinit(struct trial *t)
{
    schedule_deinit(&t->schedule);
    trial_init(t);
}

/* Adds at the place, with names of the schedule's own. */
static int insert(struct chaos_schedule *s, size_t place, const struct chaos_step *step)
{
    struct chaos_step copy = *step;
    const char **names[] = {&copy.component, &copy.peer, &copy.method};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        if (*names[n] != NULL && (*names[n] = arena_string(&s->arena, *names[n])) == NULL)
            return ERROR_MEMORY;
    if (!array_push(&s->steps, copy))
        return ERROR_MEMORY;
    memmove(&s->steps.items[place + 1], &s->steps.items[place], (s->steps.count - 1 - place) * sizeof copy);
    s->steps.items[place] = copy;
    return 0;
}

int trial_copy(const struct trial *from, struct trial *out)
{
    int code = 0;
    *out = *from;
    schedule_init(&out->schedule);
    for (size_t i = 0; i < from->schedule.steps.count && code == 0; i++)
        code = insert(&out->schedule, i, &from->schedule.steps.items[i]);
    if (code != 0)
        trial_deinit(out);
    return code;
}

int trial_add(struct trial *t, const struct chaos_step *step)
{
    size_t place = t->schedule.steps.count;
    if (place >= TRIAL_STEPS_MAX)
        return ERROR_LIMIT;
    while (place > 0 && t->schedule.steps.items[place - 1].at > step->at)
        place--;
    return insert(&t->schedule, place, step);
}

size_t trial_workloads(const struct trial *t)
{
    size_t count = 0;
    while (t->workloads[count] != NULL)
        count++;
    return count;
}

uint64_t trial_size(const struct trial *t)
{
    size_t workloads = trial_workloads(t);
    uint64_t time = t->duration / (uint64_t)MILLISECOND + REST, waits = 0;
    uint64_t rate = t->rate > 0 ? (uint64_t)t->rate : RATE_FREE;
    for (size_t i = 0; i < workloads; i++)
        waits += t->workloads[i]->waits / (uint64_t)MILLISECOND;
    return time * (RATE_UNIT + rate * (workloads > 0 ? workloads : 1)) / (RATE_UNIT + RATE_UNIT) + waits +
           STEP_SIZE * t->schedule.steps.count;
}

struct chaos_options trial_options(const struct trial *t, const struct chaos_options *base)
{
    struct chaos_options o = *base;
    o.schedule = &t->schedule;
    o.workloads = t->workloads[0] != NULL ? t->workloads : NULL;
    o.duration = t->duration;
    o.clients = t->clients;
    o.keys = t->keys;
    o.rate = t->rate;
    return o;
}

/* ---- in files ---- */

static void write_body(const struct trial *t, struct text *out)
{
    if (t->workloads[0] != NULL) {
        text_puts(out, "workloads: [");
        for (size_t i = 0; t->workloads[i] != NULL; i++)
            text_printf(out, "%s%s", i > 0 ? ", " : "", t->workloads[i]->name);
        text_puts(out, "]\n");
    }
    text_printf(out, "clients: %d\nkeys: %d\nrate: %d\nduration: %" PRIu64 "us\n", t->clients, t->keys, t->rate,
                t->duration / (uint64_t)MICROSECOND);
    schedule_write(&t->schedule, out);
}

int trial_name(const struct trial *t, uint64_t *out)
{
    struct text body = TEXT_INIT;
    write_body(t, &body);
    uint64_t hash = hash_add(HASH_START, BYTES(body.data, body.len));
    int code = text_ok(&body) ? 0 : ERROR_MEMORY;
    text_deinit(&body);
    *out = hash != 0 ? hash : 1; /* 0 is nobody's name */
    return code;
}

void trial_write(const struct trial *t, const char *comment, struct text *out)
{
    while (comment != NULL && *comment != '\0') {
        size_t len = strcspn(comment, "\n");
        text_puts(out, "# ");
        text_add(out, comment, len);
        text_char(out, '\n');
        comment += len + (comment[len] == '\n');
    }
    text_puts(out, "experiment: kept by a search\n");
    write_body(t, out);
}

/* A list node of one item of the other's, for whoever reads lists. */
static struct node list_of_one(const struct node *list, size_t i)
{
    struct node one = *list;
    one.list.items = &list->list.items[i];
    one.list.count = 1;
    return one;
}

static int read_steps(const struct node *list, struct target *target, uint64_t seed, struct trial *out,
                      struct text *skipped, struct error *err)
{
    int code = 0;
    if (list == NULL)
        return 0;
    if (list->kind != NODE_LIST)
        return node_error(list, err, ERROR_INVALID, "a schedule is a list of steps, not %s",
                          node_kind_name(list->kind));
    if (list->list.count > TRIAL_STEPS_MAX)
        return node_error(list, err, ERROR_LIMIT, "a trial has at most %d steps", TRIAL_STEPS_MAX);
    for (size_t i = 0; i < list->list.count && code == 0; i++) {
        struct node one = list_of_one(list, i);
        struct chaos_schedule step;
        struct error why = ERROR_INIT;
        /* What is not said is drawn for each step by itself. */
        code = schedule_read(&one, target, seed + i, &step, &why);
        if (code == 0) {
            code = trial_add(out, &step.steps.items[0]);
            schedule_deinit(&step);
        } else if (code == ERROR_INVALID) {
            error_format(&why, skipped);
            text_char(skipped, '\n');
            code = 0;
        }
        error_clear(&why);
    }
    return code != 0 ? error_set(err, code, "out of memory") : 0;
}

/* What an experiment's file says beside its schedule. Takes the document over. */
static int read_plan(struct document *d, struct trial *out, struct error *err)
{
    struct chaos_plan plan;
    int code = plan_read(d, &plan, err);
    if (code != 0)
        return code;
    const struct chaos_options *o = &plan.options;
    if (o->workloads != NULL) {
        size_t count = 0;
        memset(out->workloads, 0, sizeof out->workloads);
        for (; o->workloads[count] != NULL && count < TRIAL_WORKLOADS_MAX; count++)
            out->workloads[count] = o->workloads[count];
    }
    out->clients = o->clients > 0 ? o->clients : out->clients;
    out->keys = o->keys > 0 ? o->keys : out->keys;
    out->rate = o->rate > 0 || node_get(document_root(d), "rate") != NULL ? o->rate : out->rate;
    out->duration = o->duration > 0 ? o->duration : out->duration;
    plan_deinit(&plan);
    return 0;
}

int trial_read(struct bytes content, const char *path, struct target *target, const struct chaos_options *base,
               struct trial *out, struct text *skipped, struct error *err)
{
    struct document *d = NULL;
    trial_init(out);
    int code = document_parse(content, path, &d, err);
    if (code != 0)
        return code;
    out->duration = base->duration;
    out->clients = base->clients;
    out->keys = base->keys;
    out->rate = base->rate;
    for (size_t i = 0; base->workloads != NULL && base->workloads[i] != NULL && i < TRIAL_WORKLOADS_MAX; i++)
        out->workloads[i] = base->workloads[i];
    snprintf(out->made, sizeof out->made, "read from the corpus");
    if (node_get(document_root(d), "schedule") == NULL)
        code = node_error(document_root(d), err, ERROR_INVALID, "a trial has a list of steps under \"schedule\"");
    if (code == 0)
        code = read_steps(node_get(document_root(d), "schedule"), target, base->seed, out, skipped, err);
    if (code == 0 && plan_is(d))
        code = read_plan(d, out, err);
    else
        document_free(d);
    if (code == 0 && !text_ok(skipped))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0)
        trial_deinit(out);
    return code;
}
