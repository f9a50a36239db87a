/* Doubles and levers: programming a double, verifying what it was called with, and faults in the middle of a flow. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

int double_answer_read(const struct node *answer, struct double_answer *out, struct error *err)
{
    static const char *const keys[] = {"method", "call", "reply", "status", "message", NULL};
    const char *status = NULL;
    int code;
    *out = (struct double_answer){.call = -1, .status = GRPC_OK, .message = ""};
    if ((code = node_only_keys(answer, keys, err)) != 0 ||
        (code = node_need_text(answer, "method", &out->method, err)) != 0 ||
        (code = node_may_integer(answer, "call", 0, INT64_MAX, &out->call, err)) != 0 ||
        (code = node_may_text(answer, "status", &status, err)) != 0 ||
        (code = node_may_text(answer, "message", &out->message, err)) != 0 ||
        (code = node_may_map(answer, "reply", &out->reply, err)) != 0)
        return code;
    if (status != NULL && !grpc_status_parse(status, &out->status))
        return node_error(node_get(answer, "status"), err, ERROR_INVALID, "\"%s\" is no gRPC status", status);
    if (out->status != GRPC_OK && out->reply != NULL)
        return node_error(out->reply, err, ERROR_INVALID,
                          "a double answers with a reply or with a status, not with both");
    if (out->status == GRPC_OK && out->message[0] != '\0')
        return node_error(node_get(answer, "message"), err, ERROR_INVALID,
                          "a message goes with a status other than OK");
    return 0;
}

static int need_doubles(struct flow_context *x, const struct node *n)
{
    if (x->options->doubles != NULL)
        return 0;
    return flow_wrong(x, n, ERROR_UNSUPPORTED, "there are no doubles here: contracts run by \"harrow contract\"");
}

static int program(struct flow_context *x, const char *who, const struct node *answer)
{
    const struct e2e_doubles *d = x->options->doubles;
    struct double_answer a;
    int code = double_answer_read(answer, &a, &x->error);
    if (code != 0)
        return code;
    json_t *tree = a.reply != NULL ? expand_node(x, a.reply) : json_object();
    char *json = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
    struct error own = ERROR_INIT;
    if (json == NULL) {
        code = x->error.code != 0 ? x->error.code : flow_memory(x);
    } else if ((code = d->answer(d->arg, who, a.method, a.call, json, a.status, a.message, &own)) != 0) {
        struct text why = TEXT_INIT;
        error_format(&own, &why);
        flow_wrong(x, answer, code, "%s", text_string(&why));
        text_deinit(&why);
    }
    error_clear(&own);
    free(json);
    json_decref(tree);
    return code;
}

int step_double(struct flow_context *x, const struct node *step)
{
    const struct node *name = node_get(step, "double"), *answer = node_get(step, "answer");
    bool reset = false;
    int code = need_doubles(x, name);
    if (code != 0)
        return code;
    char *who = expand_text(x, name);
    if (who == NULL)
        return x->error.code;
    node_may_bool(step, "reset", &reset, NULL);
    if (reset && (code = x->options->doubles->reset(x->options->doubles->arg, who)) != 0)
        flow_wrong(x, name, code, "there is no double \"%s\"", who);
    if (code == 0 && answer != NULL)
        code = program(x, who, answer);
    free(who);
    return code;
}

static json_t *requests_of(struct flow_context *x, const char *who, const char *method, int64_t count)
{
    const struct e2e_doubles *d = x->options->doubles;
    json_t *requests = json_array();
    int code = requests != NULL ? 0 : flow_memory(x);
    for (int64_t i = 0; i < count && code == 0; i++) {
        struct text json = TEXT_INIT;
        code = d->request(d->arg, who, method, i, &json, &x->error);
        if (code == 0 &&
            json_array_append_new(requests, json_loadb(text_string(&json), json.len, JSON_DECODE_ANY, NULL)) != 0)
            code = flow_memory(x);
        text_deinit(&json);
    }
    if (code == 0)
        return requests;
    json_decref(requests);
    return NULL;
}

/* The answer object of a verification: {"count": N, "requests": [...]}, matched like any other. */
int step_verify(struct flow_context *x, const struct node *step)
{
    const struct node *name = node_get(step, "verify");
    const char *method = NULL;
    int code = need_doubles(x, name);
    if (code != 0 || (code = node_need_text(step, "method", &method, &x->error)) != 0)
        return code;
    char *who = expand_text(x, name);
    if (who == NULL)
        return x->error.code;
    const struct e2e_doubles *d = x->options->doubles;
    int64_t count = d->count(d->arg, who, method);
    json_t *requests = NULL;
    if (count < 0)
        flow_wrong(x, name, ERROR_NOT_FOUND, "there is no double \"%s\" with a method \"%s\"", who, method);
    else
        requests = requests_of(x, who, method, count);
    if (requests != NULL) {
        x->answer = json_pack("{s:I, s:o}", "count", (json_int_t)count, "requests", requests);
        d->journal(d->arg, who, &x->sent);
        if (x->answer == NULL)
            flow_memory(x);
    }
    free(who);
    if (x->error.code == 0 && node_get(step, "count") != NULL)
        match_node(x, node_get(step, "count"), json_object_get(x->answer, "count"), "count", false);
    if (x->error.code == 0 && node_get(step, "requests") != NULL)
        match_node(x, node_get(step, "requests"), json_object_get(x->answer, "requests"), "requests", false);
    return x->error.code;
}

/* ---- faults ---- */

int fault_action(const struct node *step, enum target_action *out, struct error *err)
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

int step_fault(struct flow_context *x, const struct node *step)
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
        code = x->target->operations->act(x->target, name, action, &x->error);
        bool heals = action == TARGET_CONTINUE || action == TARGET_START || action == TARGET_HEAL;
        result_emit(x->target->results, "fault",
                    json_pack("{s:s, s:s, s:s, s:i, s:b}", "name", target_action_name(action), "target", name, "state",
                              heals ? "heal" : "inject", "hits", code == 0 ? 1 : 0, "verified", code == 0));
        x->wrong = x->wrong || code == ERROR_UNSUPPORTED;
    }
    free(name);
    return code;
}
