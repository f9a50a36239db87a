/* Doubles and levers: programming a double, verifying what it was called with, and faults in the middle of a flow. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

static int need_doubles(struct flow_context *x, const struct node *n)
{
    if (x->options->doubles != NULL)
        return 0;
    return node_error(n, &x->error, ERROR_UNSUPPORTED,
                      "there are no doubles here: only contract flows (harrow contract) stand on doubles");
}

static int answer_fields(struct flow_context *x, const struct node *answer, const char **method, int64_t *call,
                         int *status, const char **message)
{
    static const char *const keys[] = {"method", "call", "reply", "status", "message", NULL};
    const char *word = NULL;
    int code;
    *call = -1;
    *status = GRPC_OK;
    *message = "";
    if ((code = node_only_keys(answer, keys, &x->error)) != 0 ||
        (code = node_need_text(answer, "method", method, &x->error)) != 0 ||
        (code = node_may_integer(answer, "call", 0, INT64_MAX, call, &x->error)) != 0 ||
        (code = node_may_text(answer, "status", &word, &x->error)) != 0 ||
        (code = node_may_text(answer, "message", message, &x->error)) != 0)
        return code;
    if (word != NULL && !grpc_status_parse(word, status))
        return node_error(node_get(answer, "status"), &x->error, ERROR_INVALID, "\"%s\" is no gRPC status", word);
    return 0;
}

int step_double(struct flow_context *x, const struct node *step)
{
    const struct node *name = node_get(step, "double"), *answer = NULL;
    const char *method, *message;
    int64_t call;
    int status;
    bool reset = false;
    int code = need_doubles(x, name);
    if (code == 0)
        code = node_may_bool(step, "reset", &reset, &x->error);
    if (code == 0)
        code = node_may_map(step, "answer", &answer, &x->error);
    if (code != 0)
        return code;
    const struct e2e_doubles *d = x->options->doubles;
    const char *who = (const char *)name->text.data;
    if (reset && (code = d->reset(d->arg, who)) != 0)
        return node_error(name, &x->error, code, "there is no double \"%s\"", who);
    if (answer == NULL)
        return reset ? 0 : node_error(step, &x->error, ERROR_INVALID, "\"double\" goes with \"answer\" or \"reset\"");
    if ((code = answer_fields(x, answer, &method, &call, &status, &message)) != 0)
        return code;
    const struct node *reply = node_get(answer, "reply");
    json_t *tree = reply != NULL ? expand_node(x, reply) : json_object();
    char *json = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
    struct error own = ERROR_INIT;
    code = json != NULL ? d->answer(d->arg, who, method, call, json, status, message, &own)
                        : error_set(&own, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        struct text why = TEXT_INIT;
        error_format(&own, &why);
        node_error(answer, &x->error, code, "%s", text_string(&why));
        text_deinit(&why);
    }
    error_clear(&own);
    free(json);
    json_decref(tree);
    return code;
}

/* The answer object of a verification: {"count": N, "requests": [...]}, matched like any other. */
int step_verify(struct flow_context *x, const struct node *step)
{
    const struct node *name = node_get(step, "verify");
    const char *method = NULL;
    int code = need_doubles(x, name);
    if (code == 0)
        code = node_need_text(step, "method", &method, &x->error);
    if (code != 0)
        return code;
    const struct e2e_doubles *d = x->options->doubles;
    const char *who = (const char *)name->text.data;
    int64_t count = d->count(d->arg, who, method);
    if (count < 0)
        return node_error(name, &x->error, ERROR_NOT_FOUND, "there is no double \"%s\" with a method \"%s\"", who, method);
    json_t *requests = json_array();
    for (int64_t i = 0; i < count && code == 0 && requests != NULL; i++) {
        struct text json = TEXT_INIT;
        code = d->request(d->arg, who, method, i, &json, &x->error);
        json_t *tree = code == 0 ? json_loadb(text_string(&json), json.len, JSON_DECODE_ANY, NULL) : NULL;
        if (code == 0)
            json_array_append_new(requests, tree != NULL ? tree : json_null());
        text_deinit(&json);
    }
    json_decref(x->answer);
    x->answer = json_pack("{s:I, s:o}", "count", (json_int_t)count, "requests", requests);
    text_clear(&x->sent);
    text_printf(&x->sent, "double %s, all calls:\n", who);
    d->journal(d->arg, who, &x->sent);
    if (code == 0 && x->answer == NULL)
        code = error_set(&x->error, ERROR_MEMORY, "out of memory");
    if (code == 0 && node_get(step, "count") != NULL)
        match_node(x, node_get(step, "count"), json_object_get(x->answer, "count"), "count", false);
    if (code == 0 && node_get(step, "requests") != NULL)
        match_node(x, node_get(step, "requests"), json_object_get(x->answer, "requests"), "requests", false);
    return code;
}

int step_fault(struct flow_context *x, const struct node *step)
{
    const struct node *component = node_get(step, "fault");
    const char *action = NULL;
    int code = node_need_text(step, "action", &action, &x->error);
    if (code != 0)
        return code;
    const char *names[TARGET_ACTION_COUNT + 1] = {NULL};
    for (int a = 0; a < TARGET_ACTION_COUNT; a++) {
        names[a] = target_action_name((enum target_action)a);
        if (strcmp(names[a], action) != 0)
            continue;
        text_printf(&x->sent, "%s %s", action, (const char *)component->text.data);
        code = x->target->operations->act(x->target, (const char *)component->text.data, (enum target_action)a, &x->error);
        result_emit(x->target->results, "fault",
                    json_pack("{s:s, s:s, s:s, s:i, s:b}", "name", action, "target", (const char *)component->text.data,
                              "state", "inject", "hits", code == 0 ? 1 : 0, "verified", code == 0 ? 1 : 0));
        return code;
    }
    const char *near = nearest_word(action, names);
    return node_error(node_get(step, "action"), &x->error, ERROR_INVALID, "no action is called \"%s\"%s%s%s", action,
                      near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}
