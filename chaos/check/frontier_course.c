/* A register's operations as the frontier sees them (chaos/check/frontier_run.h). */
#include "chaos/check/frontier_run.h"
#include "chaos/check/timeline.h"

#include <stdlib.h>
#include <string.h>

static bool is_task(const struct operation *o)
{
    switch (o->function) {
    case OPERATION_READ:
        return o->end == END_OK;
    case OPERATION_WRITE:
        return o->end != END_FAIL;
    case OPERATION_CAS: /* one of unknown end that would change nothing says nothing */
        return o->end == END_OK || o->end == END_FAIL || o->value != o->other;
    default:
        return false;
    }
}

static struct task task_of(const struct operation *o, uint32_t number, struct table *values)
{
    struct task t = {.operation = number, .end = TASK_NONE, .must = o->end == END_OK || o->end == END_FAIL};
    if (o->function == OPERATION_READ) {
        t.kind = TASK_READ;
        t.from = t.to = table_add(values, 0, o->value);
    } else if (o->function == OPERATION_WRITE) {
        t.kind = TASK_WRITE;
        t.from = t.to = table_add(values, 0, o->value);
    } else if (o->end == END_FAIL || o->value == o->other) {
        t.kind = o->end == END_FAIL ? TASK_OTHER : TASK_READ;
        t.from = t.to = table_add(values, 0, o->other);
    } else {
        t.kind = TASK_CAS;
        t.from = table_add(values, 0, o->other);
        t.to = table_add(values, 0, o->value);
    }
    return t;
}

/* Takes out what may have happened and makes a value nobody looks at: it never has to have happened. */
static bool drop_unseen(struct course *c, size_t values)
{
    bool *looked = calloc(values + 1, sizeof *looked), any = false;
    if (looked == NULL)
        return false;
    for (size_t i = 0; i < c->task_count; i++) {
        looked[c->tasks[i].from] |= c->tasks[i].kind == TASK_READ || c->tasks[i].kind == TASK_CAS;
        any |= c->tasks[i].kind == TASK_OTHER;
    }
    size_t at = 0;
    for (size_t i = 0; i < c->task_count; i++)
        if (c->tasks[i].must || any || looked[c->tasks[i].to])
            c->tasks[at++] = c->tasks[i];
    c->task_count = at;
    free(looked);
    return true;
}

/* Events, slots, and the first event that can make a value. */
static int lay_out(struct course *c, size_t values)
{
    uint32_t *operations = malloc((c->task_count + 1) * sizeof *operations);
    bool *ends = malloc((c->task_count + 1) * sizeof *ends);
    struct timeline line = {0};
    c->first = malloc((values + 1) * sizeof *c->first);
    int code = operations != NULL && ends != NULL && c->first != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < c->task_count; i++) {
        operations[i] = c->tasks[i].operation;
        ends[i] = c->tasks[i].must;
    }
    if (code == 0)
        code = timeline_make(c->h, operations, ends, c->task_count, &line);
    if (code == 0) {
        memset(c->first, 0xFF, (values + 1) * sizeof *c->first);
        c->slots = line.slots;
        c->event_count = line.event_count;
        c->events = line.events;
        line.events = NULL;
    }
    for (size_t i = 0; code == 0 && i < c->task_count; i++) {
        struct task *t = &c->tasks[i];
        t->call = line.items[i].call;
        t->end = line.items[i].end;
        t->slot = line.items[i].slot;
        if ((t->kind == TASK_WRITE || t->kind == TASK_CAS) && t->call < c->first[t->to])
            c->first[t->to] = t->call;
    }
    timeline_deinit(&line);
    free(operations);
    free(ends);
    return code;
}

int course_prepare(struct course *c, const uint32_t *operations, size_t count, int64_t initial)
{
    struct table values = {0};
    c->tasks = malloc((count + 1) * sizeof *c->tasks);
    int code = c->tasks != NULL && (c->initial = table_add(&values, 0, initial)) != TABLE_NONE ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < count; i++) {
        const struct operation *o = &c->h->operations[operations[i]];
        if (!is_task(o))
            continue;
        struct task t = task_of(o, operations[i], &values);
        if (t.from == TABLE_NONE || t.to == TABLE_NONE)
            code = ERROR_MEMORY;
        c->tasks[c->task_count++] = t;
    }
    c->value_count = values.count;
    if (code == 0 && !drop_unseen(c, values.count))
        code = ERROR_MEMORY;
    if (code == 0)
        code = lay_out(c, values.count);
    c->words = c->slots > 0 ? (c->slots + 63) / 64 : 1;
    table_deinit(&values);
    return code;
}

void course_deinit(struct course *c)
{
    free(c->tasks);
    free(c->events);
    free(c->first);
}

int course_narrow(const struct course *c, uint32_t value, struct budget *b, struct course *n)
{
    if (n->tasks == NULL) {
        *n = *c;
        n->tasks = NULL;
        n->first = NULL;
        if (!budget_take(b, c->task_count * sizeof *n->tasks))
            return ERROR_CANCELLED;
        n->tasks = malloc((c->task_count + 1) * sizeof *n->tasks);
        n->first = malloc(2 * sizeof *n->first);
        if (n->tasks == NULL || n->first == NULL)
            return ERROR_MEMORY;
    }
    n->value_count = 2;
    n->initial = c->initial == value;
    n->first[0] = n->first[1] = TASK_NONE;
    for (size_t i = 0; i < c->task_count; i++) {
        struct task *t = &n->tasks[i];
        *t = c->tasks[i];
        bool from = t->from == value, to = t->to == value;
        if (t->kind == TASK_OTHER) { /* not this one; or not another one, which says nothing */
            t->kind = TASK_READ;
            t->must = t->must && from;
            from = to = false;
        } else if (t->kind == TASK_CAS && from == to) {
            t->kind = TASK_READ;
        }
        t->from = from;
        t->to = to;
        if ((t->kind == TASK_WRITE || t->kind == TASK_CAS) && t->call < n->first[to])
            n->first[to] = t->call;
    }
    return 0;
}
