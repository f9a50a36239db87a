#include "base/units.h"
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST ((uint64_t)(10 * MILLISECOND))
#define RETRY_MAX   ((uint64_t)(500 * MILLISECOND))

uint64_t step_timeout(struct flow_context *x, const struct node *step)
{
    int64_t timeout = 0;
    node_may_duration(step, "timeout", &timeout, NULL);
    if (timeout > 0)
        return (uint64_t)timeout;
    return x->options->step_timeout != 0 ? x->options->step_timeout : STEP_TIMEOUT_DEFAULT;
}

static int step_wait(struct flow_context *x, const struct node *step)
{
    int64_t duration = 0;
    int code = node_may_duration(step, "wait", &duration, &x->error);
    if (code == 0 && (code = world_sleep(x->target->world, (uint64_t)duration)) != 0)
        error_set(&x->error, code, "interrupted");
    return code;
}

static int step_set(struct flow_context *x, const struct node *step)
{
    const struct node *set = node_get(step, "set");
    int code = 0;
    for (size_t i = 0; i < set->map.count && code == 0; i++) {
        json_t *value = expand_node(x, &set->map.pairs[i].value);
        code = value != NULL ? variable_set(x, set->map.pairs[i].key, value) : x->error.code;
    }
    return code;
}

static const struct {
    const char *verb;
    int (*run)(struct flow_context *x, const struct node *step);
} verbs[] = {
    {"call", step_call},   {"http", step_http}, {"double", step_double}, {"verify", step_verify},
    {"fault", step_fault}, {"wait", step_wait}, {"set", step_set},
};

static void check_expectations(struct flow_context *x, const struct node *step)
{
    const struct node *expect = node_get(step, "expect");
    const struct node *call = node_get(step, "call");
    for (size_t i = 0; expect != NULL && i < expect->map.count; i++) {
        const struct node_pair *p = &expect->map.pairs[i];
        bool exactly = strcmp(p->key, "exactly") == 0;
        const char *key = exactly ? "body" : p->key;
        match_node(x, &p->value, json_object_get(x->answer, key), key, exactly);
    }
    /* A call that says nothing of its status is meant to succeed. */
    if (call != NULL && (expect == NULL || node_get(expect, "status") == NULL) && x->answer != NULL) {
        const char *status = json_string_value(json_object_get(x->answer, "status"));
        if (status != NULL && strcmp(status, "OK") != 0) {
            const char *message = json_string_value(json_object_get(x->answer, "message"));
            node_error(call, &x->error, ERROR_INVALID, "expected OK, got %s: %s", status, message != NULL ? message : "");
        }
    }
}

static int capture(struct flow_context *x, const struct node *step)
{
    const struct node *names = node_get(step, "capture");
    for (size_t i = 0; names != NULL && i < names->map.count; i++) {
        const struct node_pair *p = &names->map.pairs[i];
        int code;
        const json_t *value = json_path(x->answer, (const char *)p->value.text.data, &code);
        if (value == NULL)
            return node_error(&p->value, &x->error, ERROR_NOT_FOUND, "nothing to capture at %s",
                              (const char *)p->value.text.data);
        json_t *copy = json_deep_copy(value);
        if (copy == NULL)
            return error_set(&x->error, ERROR_MEMORY, "out of memory");
        if ((code = variable_set(x, p->key, copy)) != 0)
            return code;
    }
    return 0;
}

static bool attempt(struct flow_context *x, const struct node *step)
{
    error_clear(&x->error);
    mismatches_clear(x);
    text_clear(&x->sent);
    json_decref(x->answer);
    x->answer = NULL;
    int code = 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (node_get(step, verbs[i].verb) != NULL) {
            code = verbs[i].run(x, step);
            break;
        }
    if (code == 0)
        check_expectations(x, step);
    if (code == 0 && x->error.code == 0 && x->mismatches.count == 0)
        code = capture(x, step);
    return code == 0 && x->error.code == 0 && x->mismatches.count == 0;
}

/* What cannot become true by waiting is not waited for: the flow itself is wrong. */
static bool hopeless(const struct flow_context *x)
{
    return x->error.code == ERROR_CANCELLED || x->error.code == ERROR_SYNTAX ||
           (x->error.code == ERROR_INVALID && x->answer == NULL) || x->target->interrupted;
}

static const char *verb_of(const struct node *step, const struct node **what)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if ((*what = node_get(step, verbs[i].verb)) != NULL)
            return verbs[i].verb;
    return "";
}

static void step_title(const struct node *step, size_t number, struct text *out)
{
    const struct node *name = node_get(step, "name"), *what = NULL;
    const char *verb = verb_of(step, &what);
    text_printf(out, "%zu ", number);
    if (name != NULL && name->kind == NODE_TEXT)
        text_puts(out, (const char *)name->text.data);
    else if (what != NULL && what->kind == NODE_TEXT)
        text_printf(out, "%s %s", verb, (const char *)what->text.data);
    else
        text_puts(out, verb);
}

static bool run_step(struct flow_context *x, const struct node *step, size_t number)
{
    struct world *w = x->target->world;
    int64_t within = 0;
    uint64_t start = world_now(w), pause = RETRY_FIRST;
    int attempts = 1;
    node_may_duration(step, "within", &within, NULL);
    bool passed = attempt(x, step);
    while (!passed && within > 0 && !hopeless(x) && world_now(w) + pause < start + (uint64_t)within) {
        if (world_sleep(w, pause) != 0)
            break;
        pause = pause * 2 < RETRY_MAX ? pause * 2 : RETRY_MAX;
        attempts++;
        passed = attempt(x, step);
    }
    struct text title = TEXT_INIT;
    step_title(step, number, &title);
    result_emit(x->target->results, "step",
                json_pack("{s:s, s:s, s:s, s:I, s:i}", "case", x->flow->name, "name", text_string(&title), "status",
                          passed ? "passed" : "failed", "duration", (json_int_t)(world_now(w) - start), "attempts",
                          attempts));
    text_deinit(&title);
    return passed;
}

/* ---- a flow ---- */

static int start_variables(struct flow_context *x)
{
    const struct target *t = x->target;
    int code = 0;
    if (t->token != NULL)
        code = variable_set(x, "token", json_string(t->token));
    if (code == 0 && t->namespace != NULL)
        code = variable_set(x, "namespace", json_string(t->namespace));
    if (code == 0 && t->gateway != NULL)
        code = variable_set(x, "gateway", json_string(t->gateway));
    for (const char *const *v = x->options->variables; code == 0 && v != NULL && *v != NULL; v++) {
        const char *equals = strchr(*v, '=');
        struct text name = TEXT_INIT;
        text_add(&name, *v, equals != NULL ? (size_t)(equals - *v) : strlen(*v));
        code = variable_set(x, text_string(&name), json_string(equals != NULL ? equals + 1 : ""));
        text_deinit(&name);
    }
    const struct node *own = x->flow->variables;
    for (size_t i = 0; code == 0 && own != NULL && i < own->map.count; i++) {
        json_t *value = expand_node(x, &own->map.pairs[i].value);
        code = value != NULL ? variable_set(x, own->map.pairs[i].key, value) : x->error.code;
    }
    return code;
}

struct flow_failure {
    struct text message, detail;
    int line, column;
};

static bool run_steps(struct flow_context *x, const struct node *list, struct flow_failure *failure, bool all)
{
    bool passed = true;
    for (size_t i = 0; list != NULL && i < list->list.count && (passed || all); i++) {
        const struct node *step = &list->list.items[i];
        if (run_step(x, step, i + 1))
            continue;
        if (passed && failure->message.len == 0) {
            struct text title = TEXT_INIT;
            step_title(step, i + 1, &title);
            text_printf(&failure->message, "step %s: ", text_string(&title));
            text_deinit(&title);
            struct text what = TEXT_INIT;
            failure_text(x, step, &what, &failure->detail, &failure->line, &failure->column);
            text_puts(&failure->message, text_string(&what));
            text_deinit(&what);
        }
        passed = false;
    }
    return passed;
}

static const char *replay_of(const struct e2e_options *o, const struct flow *f, struct text *out)
{
    if (o->replay == NULL)
        return NULL;
    text_printf(out, "%s --only \"%s\"", o->replay, f->name);
    return text_string(out);
}

static bool run_flow(struct target *t, const struct flow *f, const struct e2e_options *o)
{
    struct flow_context x = {.target = t, .flow = f, .options = o, .variables = json_object()};
    struct flow_failure failure = {.line = f->line, .column = f->column};
    struct text replay = TEXT_INIT;
    uint64_t start = world_now(t->world);
    bool passed = x.variables != NULL && start_variables(&x) == 0;
    if (!passed) {
        struct text why = TEXT_INIT;
        error_format(&x.error, &why);
        text_puts(&failure.message, text_string(&why));
        text_deinit(&why);
    }
    passed = passed && run_steps(&x, f->steps, &failure, false);
    /* What a flow cleans up it cleans up whatever happened, every step of it. */
    passed = run_steps(&x, f->finally, &failure, true) && passed;
    if (!t->interrupted)
        result_case(t->results,
                    &(struct result_case){.pillar = o->pillar, .suite = f->path, .name = f->name,
                                          .status = passed ? "passed" : "failed",
                                          .duration = (int64_t)(world_now(t->world) - start),
                                          .message = passed ? NULL : text_string(&failure.message),
                                          .detail = passed ? NULL : text_string(&failure.detail), .file = f->path,
                                          .line = failure.line, .column = failure.column,
                                          .replay = replay_of(o, f, &replay)});
    text_deinit(&failure.message);
    text_deinit(&failure.detail);
    text_deinit(&replay);
    text_deinit(&x.sent);
    mismatches_clear(&x);
    array_deinit(&x.mismatches);
    error_clear(&x.error);
    json_decref(x.variables);
    json_decref(x.answer);
    return passed;
}

int e2e_run(struct target *t, const struct flow_list *flows, const struct e2e_options *options,
            struct e2e_summary *summary, struct error *err)
{
    *summary = (struct e2e_summary){0};
    for (size_t i = 0; i < flows->count; i++) {
        const struct flow *f = flows->items[i];
        if (options->filter != NULL && strstr(f->name, options->filter) == NULL)
            continue;
        bool passed = run_flow(t, f, options);
        if (t->interrupted)
            return error_set(err, ERROR_CANCELLED, "interrupted");
        if (passed)
            summary->passed++;
        else
            summary->failed++;
    }
    if (summary->passed + summary->failed == 0 && options->filter != NULL)
        return error_set(err, ERROR_NOT_FOUND, "no flow's name contains \"%s\"", options->filter);
    return 0;
}
