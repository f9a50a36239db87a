/* One step into a provider state, or out of it. */
#include "harrow/contract/states_internal.h"

#include "base/json_text.h"
#include "base/units.h"
#include "e2e/e2e.h"
#include "rpc/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_WITHIN ((uint64_t)(30 * SECOND))
#define OUTPUT_MAX  ((size_t)1 << 20)

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* Filled, and it has to be text. In the run's arena. */
static const char *filled_text(struct contract_states *s, const struct node *value, struct error *err)
{
    json_t *filled = contract_states_fill(s, value, err);
    const char *text = NULL;
    if (filled != NULL && !json_is_string(filled))
        node_error(value, err, ERROR_INVALID, "expected text");
    else if (filled != NULL && (text = arena_string(&s->provider->run->arena, json_string_value(filled))) == NULL)
        out_of_memory(err);
    json_decref(filled);
    return text;
}

/* ---- a call ----------------------------------------------------------------------------------------------------- */

/* What "$.a.b[0]" leads to; NULL: nothing. */
static json_t *at_path(json_t *tree, const char *path)
{
    path++; /* $ */
    while (tree != NULL && *path != '\0') {
        char name[128];
        size_t len = 0;
        if (*path == '.') {
            len = strcspn(++path, ".[");
            if (len == 0 || len >= sizeof name)
                return NULL;
            memcpy(name, path, len);
            name[len] = '\0';
            tree = json_object_get(tree, name);
            path += len;
        } else if (*path == '[') {
            char *end;
            unsigned long i = strtoul(path + 1, &end, 10);
            if (*end != ']' || end == path + 1)
                return NULL;
            tree = json_array_get(tree, i);
            path = end + 1;
        } else {
            return NULL;
        }
    }
    return tree;
}

static int take_values(const struct node *step, const struct pb_method *m, struct bytes body, json_t *values,
                       struct error *err)
{
    const struct node *paths = node_get(step, "values");
    if (paths == NULL)
        return 0;
    json_t *tree = pb_wire_to_tree(m->output, body, PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS, err);
    int code = tree != NULL ? 0 : err != NULL ? err->code : ERROR_INVALID;
    for (size_t i = 0; code == 0 && i < paths->map.count; i++) {
        const struct node_pair *pair = &paths->map.pairs[i];
        json_t *value = at_path(tree, (const char *)pair->value.text.data);
        if (value == NULL)
            code = node_error(&pair->value, err, ERROR_NOT_FOUND, "the answer has nothing at %s",
                              (const char *)pair->value.text.data);
        else if (json_object_set(values, pair->key, value) != 0)
            code = out_of_memory(err);
    }
    json_decref(tree);
    return code;
}

/* The channel of whoever serves it: of a system that may be another component than the provider. */
static int channel_for(struct contract_states *s, const struct pb_method *m, struct rpc_channel **out,
                       struct error *err)
{
    struct contract_provider *p = s->provider;
    *out = p->channel;
    if (p->system != NULL) {
        const struct target_component *c = target_serving(system_target(p->system), m->service->full_name);
        if (c != NULL)
            return target_channel(system_target(p->system), c, out, err);
    }
    return *out != NULL ? 0 : error_set(err, ERROR_UNSUPPORTED, "the provider has no gRPC door");
}

static int step_call(struct contract_states *s, const struct node *step, json_t *values, struct error *err)
{
    struct contract_provider *p = s->provider;
    const struct node *call = node_get(step, "call"), *given = node_get(step, "request");
    const struct pb_method *m = NULL;
    struct rpc_channel *channel;
    struct rpc_answer answer = {0};
    struct text wire = TEXT_INIT;
    char path[400];
    (void)snprintf(path, sizeof path, "/%s", (const char *)call->text.data);
    int asked = contract_provider_reflect(p, err);
    if (asked != 0)
        return asked;
    if (p->pool != NULL)
        m = pb_find_method(p->pool, path, false);
    if (m == NULL)
        return node_error(call, err, ERROR_NOT_FOUND, "the provider's contracts have no method %s", path + 1);
    if (m->client_streaming || m->server_streaming)
        return node_error(call, err, ERROR_UNSUPPORTED, "%s streams; a state is set up by calls that do not", path + 1);
    json_t *request = given != NULL ? contract_states_fill(s, given, err) : json_object();
    if (request == NULL)
        return err != NULL && err->code != 0 ? err->code : out_of_memory(err);
    int code = pb_tree_to_wire(m->input, request, 0, &wire, err);
    if (code == 0)
        code = channel_for(s, m, &channel, err);
    if (code == 0)
        code = rpc_unary_wait(p->world, channel,
                              &(struct rpc_request){.path = m->path,
                                                    .metadata = {p->metadata, p->metadata_count},
                                                    .timeout = STEP_WITHIN,
                                                    .message = text_bytes(&wire),
                                                    .has_message = true},
                              &answer, err);
    if (code == 0 && answer.reply.status != GRPC_OK)
        code = node_error(call, err, ERROR_INVALID, "%s was answered %s: %.*s", path + 1,
                          grpc_status_name(answer.reply.status), (int)answer.reply.message.len,
                          answer.reply.message.data != NULL ? (const char *)answer.reply.message.data : "");
    if (code == 0)
        code = take_values(step, m, answer.reply.body, values, err);
    rpc_answer_deinit(&answer);
    text_deinit(&wire);
    json_decref(request);
    return code;
}

/* ---- a URL ------------------------------------------------------------------------------------------------------ */

/* What came back as text: nothing, or a JSON object of values. */
static int add_values(struct bytes text, json_t *values, const char *from, struct error *err)
{
    json_error_t why;
    size_t blanks = 0;
    while (blanks < text.len && strchr(" \t\r\n", text.data[blanks]) != NULL)
        blanks++;
    if (blanks == text.len)
        return 0;
    json_t *tree = json_loadb((const char *)text.data, text.len, 0, &why);
    int code = json_is_object(tree)
                   ? 0
                   : error_set(err, ERROR_INVALID, "%s: expected a JSON object of values, or nothing", from);
    if (code == 0 && json_object_update(values, tree) != 0)
        code = out_of_memory(err);
    json_decref(tree);
    return code;
}

int contract_step_url(struct contract_states *s, const char *url, const struct pact_state *state, bool teardown,
                      json_t *values, struct error *err)
{
    json_t *ask = json_pack("{s:s, s:O?, s:s}", "state", state->name, "params", state->parameters, "action",
                            teardown ? "teardown" : "setup");
    char *body = ask != NULL ? json_text_of(ask, 0) : NULL;
    struct http1_header type = {bytes_of("Content-Type"), bytes_of("application/json")};
    struct http_answer answer = {0};
    json_decref(ask);
    if (body == NULL)
        return out_of_memory(err);
    int code = http_fetch_wait(s->provider->world,
                               &(struct http_fetch){.method = "POST",
                                                    .url = url,
                                                    .headers = &type,
                                                    .header_count = 1,
                                                    .body = bytes_of(body),
                                                    .timeout = STEP_WITHIN},
                               &answer, err);
    if (code == 0 && answer.status / 100 != 2)
        code = error_set(err, ERROR_INVALID, "%s answered %d", url, answer.status);
    /* Others answer in words: only an object is values. */
    if (code == 0 && answer.body.len > 0 && answer.body.data[0] == '{')
        code = add_values(answer.body, values, url, err);
    if (code == 0 || answer.status != 0)
        http_answer_deinit(&answer);
    free(body);
    return code;
}

/* ---- a command -------------------------------------------------------------------------------------------------- */

struct running {
    struct text out, errors;
    struct world_exit status;
    bool over;
};

static void on_output(void *arg, int fd, struct bytes line)
{
    struct running *r = arg;
    struct text *to = fd == 1 ? &r->out : &r->errors;
    if (to->len + line.len < OUTPUT_MAX) {
        text_add(to, line.data, line.len);
        text_char(to, '\n');
    }
}

static void on_exited(void *arg, struct world_exit status)
{
    struct running *r = arg;
    r->status = status;
    r->over = true;
}

static bool is_over(void *arg)
{
    const struct running *r = arg;
    return r->over;
}

static int step_command(struct contract_states *s, const struct node *step, json_t *values, struct error *err)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    const struct node *words = node_get(step, "command");
    struct run *run = s->provider->run;
    const char **argv = ARENA_NEW_N(&run->arena, const char *, words->list.count + 1);
    struct running r = {.over = false};
    struct world_process *process = NULL;
    if (argv == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < words->list.count; i++)
        if ((argv[i] = filled_text(s, &words->list.items[i], err)) == NULL)
            return err != NULL ? err->code : ERROR_INVALID;
    /* A process is of this machine, also when the provider is simulated. */
    int code =
        world_process_spawn(run->world, &(struct world_spawn){.name = argv[0], .argv = argv, .whole_group = true},
                            &events, &r, &process, err);
    if (code == 0)
        code = world_run_until(run->world, is_over, &r, STEP_WITHIN);
    if (code != 0 && (err == NULL || err->code == 0))
        node_error(words, err, code, "%s: %s", argv[0], error_code_name(code));
    if (code == 0 && (r.status.signalled || r.status.code != 0)) {
        struct text how = TEXT_INIT;
        world_exit_format(r.status, &how);
        code = node_error(words, err, ERROR_INVALID, "%s %s%s%s", argv[0], text_string(&how),
                          r.errors.len > 0 ? ": " : "", text_string(&r.errors));
        text_deinit(&how);
    }
    if (code == 0)
        code = add_values(text_bytes(&r.out), values, argv[0], err);
    world_process_close(process);
    text_deinit(&r.out);
    text_deinit(&r.errors);
    return code;
}

/* ---- a flow ----------------------------------------------------------------------------------------------------- */

/* Its cases are no cases of this run: only what failed is kept. */
static int keep_failure(void *arg, const char *line, size_t len)
{
    struct text *why = arg;
    json_t *tree = result_read(BYTES(line, len), NULL);
    const char *status = json_string_value(json_object_get(tree, "status"));
    const char *type = json_string_value(json_object_get(tree, "type"));
    const char *message = json_string_value(json_object_get(tree, "message"));
    if (type != NULL && strcmp(type, "case") == 0 && status != NULL && strcmp(status, "failed") == 0 && why->len == 0)
        text_puts(why, message != NULL ? message : "it failed");
    json_decref(tree);
    return 0;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

/* NAME=value of all that is known, NULL-terminated, in the run's arena. */
static const char *const *variables(struct contract_states *s)
{
    struct arena *a = &s->provider->run->arena;
    const char *const *system = system_variables(s->provider->system);
    size_t n = 0, at = 0;
    const char *name;
    json_t *value;
    while (system != NULL && system[n] != NULL)
        n++;
    const char **out = ARENA_NEW_N(a, const char *, n + json_object_size(s->known) + 1);
    for (; out != NULL && at < n; at++)
        out[at] = system[at];
    json_object_foreach(s->known, name, value)
    {
        char *text = json_is_string(value) ? NULL : json_text_of(value, 0);
        const char *is = text != NULL ? text : json_string_value(value);
        char *pair = out != NULL && is != NULL ? arena_printf(a, "%s=%s", name, is) : NULL;
        free(text);
        if (pair == NULL)
            return NULL;
        out[at++] = pair;
    }
    return out;
}

static int step_flow(struct contract_states *s, const struct node *step, struct error *err)
{
    const struct node *file = node_get(step, "flow");
    struct contract_provider *p = s->provider;
    struct flow_list flows = {0};
    struct e2e_summary summary = {0};
    struct text why = TEXT_INIT;
    struct result_stream aside = {.write = keep_failure, .arg = &why, .now = no_time};
    if (p->system == NULL)
        return node_error(file, err, ERROR_UNSUPPORTED, "a flow needs a system: --provider is a manifest then");
    const char *path = filled_text(s, file, err);
    const char *const *values = path != NULL ? variables(s) : NULL;
    if (values == NULL)
        return err != NULL && err->code != 0 ? err->code : out_of_memory(err);
    struct target *t = system_target(p->system);
    struct result_stream *results = t->results;
    int code = flow_load(p->run->world, path, &flows, err);
    t->results = &aside;
    if (code == 0)
        code = e2e_run(t, &flows,
                       &(struct e2e_options){.pillar = "contract",
                                             .replay = "",
                                             .simulated = t->operations->sim != NULL && t->operations->sim(t) != NULL,
                                             .scratch = system_scratch(p->system),
                                             .variables = values},
                       &summary, err);
    t->results = results;
    if (code == 0 && summary.failed > 0)
        code = node_error(file, err, ERROR_INVALID, "the flow failed: %s", text_string(&why));
    flow_list_free(&flows);
    text_deinit(&why);
    return code;
}

int contract_step(struct contract_states *s, const struct node *step, const struct pact_state *state, bool teardown,
                  json_t *values, struct error *err)
{
    if (node_get(step, "call") != NULL)
        return step_call(s, step, values, err);
    if (node_get(step, "command") != NULL)
        return step_command(s, step, values, err);
    if (node_get(step, "flow") != NULL)
        return step_flow(s, step, err);
    const char *url = filled_text(s, node_get(step, "url"), err);
    return url != NULL   ? contract_step_url(s, url, state, teardown, values, err)
           : err != NULL ? err->code
                         : ERROR_INVALID;
}
