/* Small steps: set, wait, fault. */
#include "base/units.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

/* ---- wait ---- */

static int run_wait(struct flow_context *x, const struct node *step)
{
    const struct node *n = node_get(step, "wait");
    int64_t duration = 0;
    char *text = expand_text(x, n);
    int code = text != NULL ? 0 : x->error.code;
    if (code == 0 && units_parse_duration(text, &duration, NULL) != 0) {
        bool digits = text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
        if (digits) /* a variable that is a number: milliseconds */
            duration = strtoll(text, NULL, 10) * MILLISECOND;
        else
            code = flow_wrong(x, n, ERROR_INVALID, "\"%s\" is no duration: 250ms, 5s", text);
    }
    free(text);
    uint64_t time = duration > 0 ? deadline_cap(x, (uint64_t)duration) : 0;
    if (code == 0 && duration > 0 && (code = flow_sleep(x, time)) != 0)
        error_set(&x->error, code, "%s", code == ERROR_CANCELLED ? "interrupted" : error_code_name(code));
    else if (code == 0 && time < (uint64_t)duration)
        code = deadline_error(x);
    return code;
}

static int check_wait(const struct flow *f, const struct node *step, const struct node *what, struct error *err)
{
    int64_t duration;
    (void)f;
    return has_variable(what) ? 0 : node_may_duration(step, "wait", &duration, err);
}

static const struct step_key no_keys[] = {{0}};
const struct step_kind kind_wait = {
    .name = "wait",
    .about = "Lets time pass; virtual time in a simulation",
    .shape = SHAPE_ANY,
    .keys = no_keys,
    .check = check_wait,
    .run = run_wait,
};

/* ---- set ---- */

static int run_set(struct flow_context *x, const struct node *step)
{
    const struct node *set = node_get(step, "set");
    int code = 0;
    for (size_t i = 0; i < set->map.count && code == 0; i++) {
        json_t *value = expand_node(x, &set->map.pairs[i].value);
        code = value != NULL ? variable_set(x, set->map.pairs[i].key, value) : x->error.code;
    }
    return code;
}

static const struct step_key set_keys[] = {
    {"check", SHAPE_CHECKS, "expressions and queries of variables that have to hold afterwards"},
    {0},
};

const struct step_kind kind_set = {
    .name = "set",
    .about = "Gives variables new values",
    .shape = SHAPE_NAMES,
    .keys = set_keys,
    .run = run_set,
};

/* ---- fault ---- */

static int fault_action(const struct node *step, enum target_action *out, struct error *err)
{
    const char *action = NULL, *names[TARGET_ACTION_COUNT + 1] = {NULL};
    int code = node_need_text(step, "action", &action, err);
    if (code != 0)
        return code;
    for (int a = 0; a < TARGET_ACTION_COUNT; a++) {
        names[a] = target_action_name((enum target_action)a);
        *out = (enum target_action)a;
        if (strcmp(names[a], action) == 0)
            return 0;
    }
    const char *near = nearest_word(action, names);
    return near != NULL ? node_error(node_get(step, "action"), err, ERROR_INVALID,
                                     "no action is called \"%s\": did you mean \"%s\"?", action, near)
                        : node_error(node_get(step, "action"), err, ERROR_INVALID,
                                     "no action is called \"%s\": kill, terminate, stop, continue, start, ...", action);
}

static int run_fault(struct flow_context *x, const struct node *step)
{
    const struct node *component = node_get(step, "fault");
    enum target_action action;
    int code = fault_action(step, &action, &x->error);
    char *name = code == 0 ? expand_text(x, component) : NULL;
    if (name == NULL)
        return x->error.code;
    text_printf(&x->sent, "%s %s", target_action_name(action), name);
    if (target_find(x->target, name) == NULL) {
        code = flow_wrong(x, component, ERROR_NOT_FOUND, "%s has no component \"%s\"", x->target->system, name);
    } else {
        code = x->target->operations->act(flow_system(x), name, action, &x->error);
        bool heals = action == TARGET_CONTINUE || action == TARGET_START || action == TARGET_HEAL;
        flow_emit(x, "fault",
                  json_pack("{s:s, s:s, s:s, s:i, s:b}", "name", target_action_name(action), "target", name, "state",
                            heals ? "heal" : "inject", "hits", code == 0 ? 1 : 0, "verified", code == 0));
        x->wrong = x->wrong || code == ERROR_UNSUPPORTED;
    }
    free(name);
    return code;
}

static int check_fault(const struct flow *f, const struct node *step, const struct node *component, struct error *err)
{
    enum target_action ignored;
    (void)f;
    if (component->kind != NODE_TEXT)
        return node_error(component, err, ERROR_INVALID, "\"fault\" takes a component's name");
    return fault_action(step, &ignored, err);
}

static const struct step_key fault_keys[] = {
    {"action", SHAPE_TEXT, "kill, terminate, stop, continue, start, power-cut, partition, heal"},
    {0},
};
const struct step_kind kind_fault = {
    .name = "fault",
    .about = "Pulls a lever at a component",
    .shape = SHAPE_ANY,
    .keys = fault_keys,
    .check = check_fault,
    .run = run_fault,
    .disturbs = true,
};
