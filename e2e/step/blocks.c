/* Steps with steps inside: for, if, parallel. Places and texts of failures are those of the steps inside; the numbers
 * tell the way to them ("2[3].1": the first step in the third round of step 2). */
#include "base/json_copy.h"
#include "e2e/kind.h"
#include "e2e/value/expression.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX   100000
#define BRANCHES_MAX 64

/* ---- for ---- */

/* "range: [1, 5]": both ends included. */
static int check_range(const struct node *range, struct error *err)
{
    bool ok = range->list.count == 2;
    for (size_t i = 0; i < range->list.count; i++)
        ok = ok && (range->list.items[i].kind == NODE_INTEGER || has_variable(&range->list.items[i]));
    return ok ? 0 : node_error(range, err, ERROR_INVALID, "\"range\" is the first and the last number: [1, 5]");
}

/* "= done": an expression, as in `check`. */
static int check_until(const struct node *until, struct error *err)
{
    struct bytes text = until != NULL && until->kind == NODE_TEXT ? until->text : BYTES("", 0);
    if (until == NULL)
        return 0;
    if (text.len < 2 || text.data[0] != '=')
        return node_error(until, err, ERROR_INVALID, "\"until\" is an expression: \"= count > 3\"");
    return expression_check(until, BYTES(text.data + 1, text.len - 1), err);
}

static int check_for(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    const struct node *in = node_get(step, "in"), *range = node_get(step, "range");
    (void)f;
    if (!variable_name_valid((const char *)what->text.data))
        return node_error(what, err, ERROR_INVALID, "\"%s\" is no name for a variable", (const char *)what->text.data);
    if ((in != NULL) == (range != NULL))
        return node_error(step, err, ERROR_INVALID, "\"for\" goes over \"in: [...]\" or \"range: [first, last]\"");
    if (in != NULL && in->kind != NODE_LIST && !has_variable(in))
        return node_error(in, err, ERROR_INVALID, "\"in\" is a list, or a variable that is one: \"${names}\"");
    const struct node *steps = node_get(step, "steps");
    if (steps == NULL || steps->list.count == 0)
        return node_error(step, err, ERROR_INVALID, "\"for\" has no \"steps\"");
    int code = range != NULL ? check_range(range, err) : 0;
    return code == 0 ? check_until(node_get(step, "until"), err) : code;
}

/* What a loop goes over. Numbers are made when their round comes: a list of them would be all there is in memory. */
struct rounds {
    json_t *items; /* NULL: numbers */
    int64_t first;
    size_t count;
};

static int numbers(struct flow_context *x, const struct node *range, struct rounds *out)
{
    json_t *ends = expand_node(x, range);
    double first, last;
    if (ends == NULL)
        return x->error.code;
    if (!flow_value_real(json_array_get(ends, 0), &first) || !flow_value_real(json_array_get(ends, 1), &last) ||
        last - first >= ROUNDS_MAX || !(fabs(first) <= 9e15 && fabs(last) <= 9e15))
        flow_wrong(x, range, ERROR_INVALID, "a range has two numbers and at most %d rounds", ROUNDS_MAX);
    else
        *out = (struct rounds){.first = (int64_t)first,
                               .count =
                                   (int64_t)last >= (int64_t)first ? (size_t)((int64_t)last - (int64_t)first) + 1 : 0};
    json_decref(ends);
    return x->error.code;
}

static int rounds_of(struct flow_context *x, const struct node *step, struct rounds *out)
{
    const struct node *in = node_get(step, "in");
    if (in == NULL)
        return numbers(x, node_get(step, "range"), out);
    out->items = expand_node(x, in);
    out->count = json_array_size(out->items);
    if (out->items == NULL || (json_is_array(out->items) && out->count <= ROUNDS_MAX))
        return x->error.code;
    return flow_wrong(x, in, ERROR_INVALID, "\"in\" must be a list of at most %d, and this is a %s", ROUNDS_MAX,
                      flow_value_type(out->items));
}

static int run_round(struct flow_context *x, const struct node *step, const char *name, json_t *item, size_t number)
{
    char part[32];
    struct text what = TEXT_INIT, shown = TEXT_INIT;
    int code = variable_set(x, name, json_incref(item));
    show_value(x, item, &shown);
    text_printf(&what, "%s = %s", name, variable_hidden(x, name) ? "(hidden)" : text_string(&shown));
    snprintf(part, sizeof part, "[%zu].", number);
    const struct flow_frame frame = {.step = step, .what = text_string(&what), .around = x->frame};
    if (code == 0)
        code = run_inside(x, node_get(step, "steps"), part, &frame);
    text_deinit(&what);
    text_deinit(&shown);
    return code;
}

/* Does "until" hold after this round? */
static int ends_with(struct flow_context *x, const struct node *until, bool *holds)
{
    json_t *value = until != NULL ? expression_eval(x, until, BYTES(until->text.data + 1, until->text.len - 1)) : NULL;
    *holds = json_is_true(value);
    if (value != NULL && !json_is_boolean(value))
        flow_wrong(x, until, ERROR_INVALID, "\"until\" is true or false, and this is a %s", flow_value_type(value));
    json_decref(value);
    return x->error.code;
}

static int run_for(struct flow_context *x, const struct node *step)
{
    const char *name = (const char *)node_get(step, "for")->text.data;
    struct rounds rounds = {0};
    const struct node *until = node_get(step, "until");
    json_t *before = json_incref(json_object_get(x->variables, name));
    bool over = false;
    int code = rounds_of(x, step, &rounds);
    for (size_t i = 0; i < rounds.count && code == 0 && !over; i++) {
        json_t *item = rounds.items != NULL ? json_incref(json_array_get(rounds.items, i))
                                            : json_integer(rounds.first + (int64_t)i);
        code = item != NULL ? run_round(x, step, name, item, i + 1) : flow_memory(x);
        json_decref(item);
        if (code == 0)
            code = ends_with(x, until, &over);
    }
    if (code == 0 && until != NULL && !over)
        code = node_error(until, &x->error, ERROR_INVALID, "\"until\" does not hold after %zu rounds", rounds.count);
    /* The variable is the loop's own; what was called so before is so again. */
    if (before != NULL)
        code = json_object_set_new(x->variables, name, before) == 0 || code != 0 ? code : flow_memory(x);
    else
        json_object_del(x->variables, name);
    json_decref(rounds.items);
    return code;
}

static const struct step_key for_keys[] = {
    {"in", SHAPE_ANY, "a list, or a variable that is one"},
    {"range", SHAPE_LIST, "the first and the last number"},
    {"steps", SHAPE_STEPS, "what is done in each round"},
    {"until", SHAPE_ANY, "an expression that ends the loop after the round in which it holds: \"= count > 3\""},
    {0},
};
const struct step_kind kind_for = {
    .name = "for",
    .about = "Does its steps once for each item; the text names the variable",
    .shape = SHAPE_TEXT,
    .keys = for_keys,
    .check = check_for,
    .run = run_for,
};

/* ---- if ---- */

static int check_if(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    (void)f;
    (void)what;
    return node_get(step, "then") != NULL || node_get(step, "else") != NULL
               ? 0
               : node_error(step, err, ERROR_INVALID, "\"if\" goes with \"then\" or \"else\"");
}

static int run_if(struct flow_context *x, const struct node *step)
{
    bool holds = would_match(x, node_get(step, "if"), x->variables);
    if (x->error.code != 0)
        return x->error.code;
    const struct flow_frame frame = {.step = step, .what = holds ? "then" : "else", .around = x->frame};
    text_puts(&x->sent, frame.what);
    return run_inside(x, node_get(step, frame.what), ".", &frame);
}

static const struct step_key if_keys[] = {
    {"then", SHAPE_STEPS, "done when all of it holds"},
    {"else", SHAPE_STEPS, "done when not"},
    {0},
};
const struct step_kind kind_if = {
    .name = "if",
    .about = "Variables and what is expected of them decide which steps are done",
    .shape = SHAPE_TRUTHS,
    .keys = if_keys,
    .check = check_if,
    .run = run_if,
};

/* ---- parallel ---- */

struct branch {
    struct flow_context x;
    struct flow_failure failure;
    const struct node *step;
    const char *name, *outer; /* its own, and the number of the step it is in */
    struct text part, scope;
    int code;
};

static void run_branch(struct fiber *fiber, void *arg)
{
    struct branch *b = arg;
    const struct flow_frame frame = {.step = b->step, .what = b->name, .around = b->x.frame};
    b->x.fiber = fiber;
    b->code = run_inside(&b->x, node_get(node_get(b->step, "parallel"), b->name), text_string(&b->part), &frame);
}

static bool open_branch(struct flow_context *x, const struct node *step, const char *name, struct branch *b)
{
    *b = (struct branch){.step = step, .name = name};
    text_printf(&b->part, ".%s ", name);
    text_printf(&b->scope, "%s/%s/%s", x->scope, x->number, name);
    if (!text_ok(&b->part) || !text_ok(&b->scope) || !context_branch(x, text_string(&b->scope), &b->x))
        return false;
    b->x.failure = &b->failure;
    return true;
}

/* Lines in the order of the branches, variables of a later one over those of an earlier one, the first failure by
 * that order: the same however they ran. */
static int join(struct flow_context *x, struct branch *b, const json_t *before)
{
    const char *name;
    json_t *value;
    size_t i;
    int code = 0;
    json_array_foreach(b->x.held, i, value)
    {
        flow_emit(x, json_string_value(json_array_get(value, 0)), json_incref(json_array_get(value, 1)));
    }
    json_object_foreach(b->x.variables, name, value)
    {
        if (json_object_get(before, name) != value && json_object_set(x->variables, name, value) != 0)
            code = flow_memory(x);
    }
    if (b->failure.told && !x->failure->told) {
        *x->failure = b->failure;
        b->failure = (struct flow_failure){0};
    }
    return b->code != 0 ? STEP_INSIDE : code;
}

static void close_branch(struct branch *b)
{
    context_deinit(&b->x);
    text_deinit(&b->failure.message);
    text_deinit(&b->failure.detail);
    text_deinit(&b->part);
    text_deinit(&b->scope);
}

static int run_parallel(struct flow_context *x, const struct node *step)
{
    const struct node *map = node_get(step, "parallel");
    size_t count = map->map.count;
    struct branch *branches = calloc(count, sizeof *branches);
    struct fiber_job *jobs = calloc(count, sizeof *jobs);
    json_t *before = json_copy_map(x->variables);
    bool ok = branches != NULL && jobs != NULL && before != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        ok = open_branch(x, step, map->map.pairs[i].key, &branches[i]);
        jobs[i] = (struct fiber_job){.run = run_branch, .arg = &branches[i]};
    }
    int code = ok && fibers_run(x, x->target->world, jobs, count) == 0 ? 0 : flow_memory(x);
    for (size_t i = 0; i < count && ok && x->error.code != ERROR_MEMORY; i++) {
        int joined = join(x, &branches[i], before);
        code = code == 0 ? joined : code;
    }
    for (size_t i = 0; branches != NULL && i < count; i++)
        close_branch(&branches[i]);
    free(branches);
    free(jobs);
    json_decref(before);
    return code;
}

static int check_parallel(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    (void)f;
    (void)step;
    return what->map.count <= BRANCHES_MAX ? 0
                                           : node_error(what, err, ERROR_LIMIT, "more than %d branches", BRANCHES_MAX);
}

static const struct step_key parallel_keys[] = {{0}};
const struct step_kind kind_parallel = {
    .name = "parallel",
    .about = "Runs branches beside each other and waits for all of them",
    .shape = SHAPE_BRANCHES,
    .keys = parallel_keys,
    .check = check_parallel,
    .run = run_parallel,
};
