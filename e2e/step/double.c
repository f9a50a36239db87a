/* Doubles: programming one, and verifying what it was called with. */
#include "base/json_text.h"
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define STUBS_MAX ((size_t)16 << 20) /* bytes of a file */

/* What a double is to answer, as the file says it. */
struct double_answer {
    const char *method, *message;
    int64_t call;
    int status;
    const struct node *reply;
};

static int double_answer_read(const struct node *answer, struct double_answer *out, struct error *err)
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
    if (x->run->doubles != NULL)
        return 0;
    return flow_wrong(x, n, ERROR_UNSUPPORTED, "there are no doubles here: contracts run by \"harrow contract\"");
}

static int program(struct flow_context *x, const char *who, const struct node *answer)
{
    const struct e2e_doubles *d = x->run->doubles;
    struct double_answer a;
    int code = double_answer_read(answer, &a, &x->error);
    if (code != 0)
        return code;
    json_t *tree = a.reply != NULL ? expand_node(x, a.reply) : json_object();
    char *json = tree != NULL ? json_text_of(tree, 0) : NULL;
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

/* Each stub of a list by itself, so that what is wrong has its place. */
static int add_listed(struct flow_context *x, const char *who, const struct node *list)
{
    const struct e2e_doubles *d = x->run->doubles;
    int code = 0;
    for (size_t i = 0; i < list->list.count && code == 0; i++) {
        const struct node *n = &list->list.items[i];
        struct error own = ERROR_INIT;
        json_t *stub = expand_node(x, n), *whole = stub != NULL ? json_pack("{s:[O]}", "stubs", stub) : NULL;
        char *text = whole != NULL ? json_text_of(whole, 0) : NULL;
        code = text != NULL         ? d->stubs(d->arg, who, bytes_of(text), "stub", &own)
               : x->error.code != 0 ? x->error.code
                                    : flow_memory(x);
        if (own.code != 0)
            flow_wrong(x, n, code, "%s", own.message != NULL ? own.message : error_code_name(code));
        error_clear(&own);
        free(text);
        json_decref(whole);
        json_decref(stub);
    }
    return code;
}

static int add_stubs(struct flow_context *x, const char *who, const struct node *stubs)
{
    const struct e2e_doubles *d = x->run->doubles;
    struct text content = TEXT_INIT, path = TEXT_INIT;
    struct error own = ERROR_INIT;
    if (stubs->kind == NODE_LIST)
        return add_listed(x, who, stubs);
    char *name = expand_text(x, stubs);
    int code = name != NULL ? flow_read_file(x, stubs, name, STUBS_MAX, &content) : x->error.code;
    if (code == 0) {
        path_beside(document_name(stubs->document), name, &path);
        code = text_ok(&path) ? d->stubs(d->arg, who, text_bytes(&content), text_string(&path), &own) : flow_memory(x);
    }
    if (own.code != 0) {
        x->wrong = true;
        error_move(&x->error, &own); /* its place is in that file */
    }
    error_clear(&own);
    text_deinit(&content);
    text_deinit(&path);
    free(name);
    return code;
}

static int run_double(struct flow_context *x, const struct node *step)
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
    if (reset && (code = x->run->doubles->reset(x->run->doubles->arg, who)) != 0)
        flow_wrong(x, name, code, "there is no double \"%s\"", who);
    if (code == 0 && answer != NULL)
        code = program(x, who, answer);
    if (code == 0 && node_get(step, "stubs") != NULL)
        code = add_stubs(x, who, node_get(step, "stubs"));
    free(who);
    return code;
}

static json_t *requests_of(struct flow_context *x, const char *who, const char *method, int64_t count)
{
    const struct e2e_doubles *d = x->run->doubles;
    json_t *requests = json_array();
    int code = requests != NULL ? 0 : flow_memory(x);
    for (int64_t i = 0; i < count && code == 0; i++) {
        struct text json = TEXT_INIT;
        code = d->request(d->arg, who, method, i, &json, &x->error);
        if (code == 0 && json_array_append_new(requests, json_loadb(text_string(&json), json.len,
                                                                    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)) != 0)
            code = flow_memory(x);
        text_deinit(&json);
    }
    if (code == 0)
        return requests;
    json_decref(requests);
    return NULL;
}

/* More calls than may be: waiting makes them no fewer. */
bool count_exceeds(struct flow_context *x, const struct node *expected, int64_t count)
{
    const struct node *most = is_matcher(expected) ? node_get(expected, "$max") : expected;
    json_t *value = most != NULL ? expand_node(x, most) : NULL;
    double limit;
    bool over = value != NULL && flow_value_real(value, &limit) && (double)count > limit;
    json_decref(value);
    return over;
}

/* The names of the methods that were called, in their order, each as often as it was. */
static json_t *order_of(struct flow_context *x, const char *who)
{
    struct text lines = TEXT_INIT;
    json_t *out = json_array();
    bool kept = true;
    x->run->doubles->order(x->run->doubles->arg, who, &lines);
    for (const char *p = text_string(&lines); out != NULL && *p != '\0';) {
        size_t len = strcspn(p, "\n");
        kept = json_array_append_new(out, json_stringn(p, len)) == 0 && kept;
        p += len + (p[len] == '\n');
    }
    if (!kept || !text_ok(&lines)) {
        json_decref(out);
        out = NULL;
    }
    text_deinit(&lines);
    return out;
}

static int verify_order(struct flow_context *x, const struct node *step, const char *who)
{
    json_t *order = order_of(x, who);
    x->answer = json_pack("{s:o}", "order", order);
    x->run->doubles->journal(x->run->doubles->arg, who, &x->sent);
    if (x->answer == NULL)
        return flow_memory(x);
    match_node(x, node_get(step, "order"), json_object_get(x->answer, "order"), "order", false);
    return x->error.code;
}

/* Calls that no stub matched, of all methods. They become no fewer. */
static int verify_unmatched(struct flow_context *x, const struct node *step, const char *who)
{
    const struct e2e_doubles *d = x->run->doubles;
    const struct node *expected = node_get(step, "unmatched");
    int64_t count = d->unmatched(d->arg, who, &x->sent);
    if (count < 0)
        return flow_wrong(x, node_get(step, "verify"), ERROR_NOT_FOUND, "there is no double \"%s\"", who);
    x->answer = json_pack("{s:I}", "unmatched", (json_int_t)count);
    if (x->answer == NULL)
        return flow_memory(x);
    match_node(x, expected, json_object_get(x->answer, "unmatched"), "unmatched", false);
    x->wrong = count_exceeds(x, expected, count);
    return x->error.code;
}

/* The answer object of a verification: {"count": N, "requests": [...]}, matched like any other. */
static int run_verify(struct flow_context *x, const struct node *step)
{
    const struct node *name = node_get(step, "verify");
    const char *method = NULL;
    int code = need_doubles(x, name);
    if (code != 0)
        return code;
    char *who = expand_text(x, name);
    if (who == NULL)
        return x->error.code;
    if (node_get(step, "order") != NULL || node_get(step, "unmatched") != NULL) {
        code = node_get(step, "order") != NULL ? verify_order(x, step, who) : verify_unmatched(x, step, who);
        free(who);
        return code;
    }
    node_may_text(step, "method", &method, NULL); /* there, as was checked */
    const struct e2e_doubles *d = x->run->doubles;
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
    if (x->error.code == 0 && node_get(step, "count") != NULL)
        x->wrong = count_exceeds(x, node_get(step, "count"), count);
    return x->error.code;
}

/* ---- loading ---- */

static int check_name(const char *key, const struct node *name, struct error *err)
{
    if (name->kind != NODE_TEXT)
        return node_error(name, err, ERROR_INVALID,
                          strcmp(key, "double") == 0 ? "\"double\" takes a name" : "\"verify\" takes a double's name");
    return 0;
}

/* A flow speaks of its own doubles only. */
static int check_known(const struct flow *f, const struct node *name, struct error *err)
{
    if (has_variable(name))
        return 0;
    if (f == NULL)
        return node_error(name, err, ERROR_INVALID, "doubles belong to a flow: its own steps speak of them");
    if (f->doubles == NULL || node_get(f->doubles, (const char *)name->text.data) == NULL)
        return node_error(name, err, ERROR_NOT_FOUND, "there is no double \"%s\": the %s's \"doubles\" name them",
                          (const char *)name->text.data, f->contract ? "contract" : "flow");
    return 0;
}

static int check_double(const struct flow *f, const struct node *step, const struct node *name, struct error *err)
{
    const struct node *answer = node_get(step, "answer"), *stubs = node_get(step, "stubs");
    struct double_answer ignored;
    bool reset = false;
    int code = check_name("double", name, err);
    if (code == 0)
        code = node_may_bool(step, "reset", &reset, err);
    if (code == 0 && answer == NULL && stubs == NULL && !reset)
        code = node_error(step, err, ERROR_INVALID, "\"double\" goes with \"answer\", \"stubs\" or \"reset: true\"");
    if (code == 0 && stubs != NULL && stubs->kind != NODE_LIST && stubs->kind != NODE_TEXT)
        code = node_error(stubs, err, ERROR_INVALID, "\"stubs\" is a list of stubs, or the name of a file of them");
    if (code == 0 && answer != NULL)
        code = double_answer_read(answer, &ignored, err);
    return code != 0 ? code : check_known(f, name, err);
}

static int check_verify(const struct flow *f, const struct node *step, const struct node *name, struct error *err)
{
    const struct node *count = node_get(step, "count"), *requests = node_get(step, "requests");
    const char *method;
    int code = check_name("verify", name, err);
    const struct node *order = node_get(step, "order"), *unmatched = node_get(step, "unmatched");
    if (code == 0 && (order != NULL || unmatched != NULL)) {
        const struct node *other = node_get(step, "method") != NULL     ? node_get(step, "method")
                                   : count != NULL                      ? count
                                   : order != NULL && unmatched != NULL ? unmatched
                                                                        : requests;
        if (other != NULL)
            code = node_error(other, err, ERROR_INVALID, "\"%s\" is about all methods: it stands alone",
                              order != NULL ? "order" : "unmatched");
        return code != 0 ? code : check_known(f, name, err);
    }
    if (code == 0)
        code = node_need_text(step, "method", &method, err);
    if (code == 0 && count == NULL && requests == NULL)
        code = node_error(step, err, ERROR_INVALID, "\"verify\" checks a \"count\" or the \"requests\"");
    if (code == 0 && count != NULL && count->kind != NODE_INTEGER && !is_matcher(count) && !has_variable(count))
        code = node_error(count, err, ERROR_INVALID, "\"count\" is a number, or a matcher like {$min: 1}");
    return code != 0 ? code : check_known(f, name, err);
}

static const struct step_key double_keys[] = {
    {"answer", SHAPE_MAP, "what it says from now on: method, call, reply, status, message"},
    {"stubs", SHAPE_ANY, "a list of stubs, or a file of them (docs/stubs.md)"},
    {"reset", SHAPE_FLAG, "it forgets calls and answers"},
    {0},
};
const struct step_kind kind_double = {
    .name = "double",
    .about = "Programs a double",
    .shape = SHAPE_ANY,
    .keys = double_keys,
    .check = check_double,
    .run = run_double,
};

static const struct step_key verify_keys[] = {
    {"method", SHAPE_TEXT, "which of its methods"},
    {"count", SHAPE_EXPECTED, "how often it was called"},
    {"requests", SHAPE_EXPECTED, "the list of all requests"},
    {"order", SHAPE_EXPECTED, "the list of the methods that were called, in their order"},
    {"unmatched", SHAPE_EXPECTED, "how many calls no stub matched although their method has stubs"},
    {"within", SHAPE_DURATION, "try again until it holds or this time is over"},
    {"capture", SHAPE_CAPTURES, "variables from {count, requests}, {order} or {unmatched}"},
    {0},
};
const struct step_kind kind_verify = {
    .name = "verify",
    .about = "Checks what a double was called with",
    .shape = SHAPE_ANY,
    .keys = verify_keys,
    .check = check_verify,
    .run = run_verify,
};
