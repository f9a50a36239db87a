/* From the file to activities. What the Toolkit would only find when it comes to it is told before anything is done. */
#include "base/json_text.h"
#include "base/units.h"
#include "chaos/toolkit/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MAX 86400.0 /* seconds */

bool toolkit_is(const struct document *d)
{
    const struct node *root = document_root(d);
    return node_get(root, "title") != NULL && node_get(root, "method") != NULL && node_get(root, "experiment") == NULL;
}

/* ---- providers ---- */

static int check_http(const struct node *p, struct error *err)
{
    static const char *const keys[] = {"type",    "url",     "method",     "headers",         "arguments",
                                       "timeout", "secrets", "verify_tls", "expected_status", NULL};
    const char *text = NULL;
    const struct node *map = NULL, *timeout = node_get(p, "timeout");
    bool verify = true;
    int code = node_only_keys(p, keys, err);
    if (code == 0)
        code = node_need_text(p, "url", &text, err);
    if (code == 0 && strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0 && text[0] != '$')
        code = node_error(node_get(p, "url"), err, ERROR_INVALID,
                          "a url begins with http:// or https://, or with a value: ${harrow_gateway}/store");
    if (code == 0)
        code = node_may_text(p, "method", &text, err);
    if (code == 0)
        code = node_may_map(p, "headers", &map, err);
    if (code == 0)
        code = node_may_bool(p, "verify_tls", &verify, err);
    if (code == 0 && timeout != NULL && timeout->kind == NODE_LIST &&
        (timeout->list.count != 2 || timeout->list.items[0].kind == NODE_TEXT))
        code = node_error(timeout, err, ERROR_INVALID, "a timeout is seconds, or a list of two: to connect, to answer");
    return code;
}

static int check_process(const struct node *p, struct error *err)
{
    static const char *const keys[] = {"type", "path", "arguments", "timeout", "secrets", NULL};
    const char *path = NULL;
    const struct node *arguments = node_get(p, "arguments");
    int code = node_only_keys(p, keys, err);
    if (code == 0)
        code = node_need_text(p, "path", &path, err);
    if (code == 0 && arguments != NULL && arguments->kind != NODE_LIST && arguments->kind != NODE_TEXT &&
        arguments->kind != NODE_MAP)
        code = node_error(arguments, err, ERROR_INVALID,
                          "a program's arguments are a list, an object of options, or one text for the shell");
    return code;
}

static int need_arguments(const struct toolkit_activity *a, const char *const *names, size_t needed, struct error *err)
{
    for (size_t i = 0; i < needed; i++)
        if (a->arguments == NULL || node_get(a->arguments, names[i]) == NULL)
            return node_error(a->provider, err, ERROR_INVALID, "its \"arguments\" lack \"%s\"", names[i]);
    return a->arguments != NULL ? node_only_keys(a->arguments, names, err) : 0;
}

/* "kill_at_write" is the fault kill-at-write. */
static const struct chaos_fault *fault_of(const char *function)
{
    char name[64];
    size_t len = strlen(function);
    if (len >= sizeof name)
        return NULL;
    for (size_t i = 0; i <= len; i++)
        name[i] = function[i] == '_' ? '-' : function[i];
    return fault_find(name);
}

static int check_fault(struct toolkit_activity *a, const char *function, struct error *err)
{
    static const char *const own[] = {"component", "peer", "method", "hold", "seed"};
    static const char *const of_heal[] = {"component", NULL};
    const char *keys[sizeof own / sizeof own[0] + FAULT_PARAMETERS_MAX + 1];
    size_t count = sizeof own / sizeof own[0];
    if (strcmp(function, "heal") == 0) {
        a->kind = TOOLKIT_HEAL;
        return need_arguments(a, of_heal, 0, err);
    }
    a->kind = TOOLKIT_FAULT;
    a->fault = fault_of(function);
    if (a->fault == NULL)
        return node_error(
            node_get(a->provider, "func"), err, ERROR_INVALID,
            "there is no fault \"%s\": harrow chaos faults shows all (with - for _), and \"heal\" ends them", function);
    memcpy(keys, own, sizeof own);
    for (size_t i = 0; a->fault->parameters != NULL && i < FAULT_PARAMETERS_MAX && a->fault->parameters[i].name; i++)
        keys[count++] = a->fault->parameters[i].name;
    keys[count] = NULL;
    return need_arguments(a, keys, a->fault->scope == FAULT_OF_SYSTEM ? 0 : 1, err);
}

static int check_toxic(struct toolkit_activity *a, const char *function, struct error *err)
{
    static const struct {
        const char *function, *fault;
        const char *arguments[6];
        size_t needed;
    } toxics[] = {
        {"create_latency_toxic", "latency", {"for_proxy", "toxic_name", "latency", "jitter", NULL}, 3},
        {"create_bandwith_degradation_toxic", "bandwidth", {"for_proxy", "toxic_name", "rate", NULL}, 3},
        {"create_slicer_toxic",
         "slicing",
         {"for_proxy", "toxic_name", "average_size", "size_variation", "delay", NULL},
         4},
        {"create_timeout_toxic", "blackhole", {"for_proxy", "toxic_name", "timeout", NULL}, 3},
        {"delete_toxic", NULL, {"for_proxy", "toxic_name", NULL}, 2},
    };
    for (size_t i = 0; i < sizeof toxics / sizeof toxics[0]; i++) {
        if (strcmp(function, toxics[i].function) != 0)
            continue;
        a->kind = toxics[i].fault != NULL ? TOOLKIT_TOXIC : TOOLKIT_NO_TOXIC;
        a->fault = toxics[i].fault != NULL ? fault_find(toxics[i].fault) : NULL;
        int code = need_arguments(a, toxics[i].arguments, toxics[i].needed, err);
        const struct node *timeout = a->arguments != NULL ? node_get(a->arguments, "timeout") : NULL;
        if (code == 0 && timeout != NULL && (timeout->kind != NODE_INTEGER || timeout->integer != 0))
            code = node_error(timeout, err, ERROR_UNSUPPORTED,
                              "only a timeout of 0 (nothing passes until the toxic is deleted) has its like here");
        return code;
    }
    return node_error(
        node_get(a->provider, "func"), err, ERROR_UNSUPPORTED,
        "the toxic of %s has no fault with the same meaning here: create_latency_toxic, "
        "create_bandwith_degradation_toxic, create_slicer_toxic, create_timeout_toxic and delete_toxic have",
        function);
}

static int check_python(struct toolkit_activity *a, struct error *err)
{
    static const char *const keys[] = {"type", "module", "func", "arguments", "secrets", "configuration", NULL};
    static const char *const path[] = {"path", NULL}, *const seconds[] = {"secs", NULL};
    static const struct {
        const char *module, *function;
        enum toolkit_provider kind;
        const char *const *arguments;
    } known[] = {{"os.path", "exists", TOOLKIT_EXISTS, path},   {"os.path", "isfile", TOOLKIT_IS_FILE, path},
                 {"os.path", "isdir", TOOLKIT_IS_FOLDER, path}, {"os", "remove", TOOLKIT_REMOVE, path},
                 {"os", "unlink", TOOLKIT_REMOVE, path},        {"time", "sleep", TOOLKIT_SLEEP, seconds}};
    const char *module = NULL, *function = NULL;
    int code = node_only_keys(a->provider, keys, err);
    if (code == 0)
        code = node_need_text(a->provider, "module", &module, err);
    if (code == 0)
        code = node_need_text(a->provider, "func", &function, err);
    if (code == 0)
        code = node_may_map(a->provider, "arguments", &a->arguments, err);
    if (code != 0)
        return code;
    if (strcmp(module, "harrow") == 0)
        return check_fault(a, function, err);
    if (strcmp(module, "chaostoxi.toxic.actions") == 0)
        return check_toxic(a, function, err);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(module, known[i].module) != 0 || strcmp(function, known[i].function) != 0)
            continue;
        a->kind = known[i].kind;
        return need_arguments(a, known[i].arguments, 1, err);
    }
    return node_error(node_get(a->provider, "module"), err, ERROR_UNSUPPORTED,
                      "%s.%s is Python, which is not run here. To harm a component of the system, say {\"module\": "
                      "\"harrow\", \"func\": \"kill\", \"arguments\": {\"component\": ...}} (harrow chaos faults shows "
                      "all faults); for anything else, a provider of type process may call the chaos or python program",
                      module, function);
}

static int check_provider(struct toolkit_activity *a, struct error *err)
{
    const char *type = NULL;
    int code = node_need_map(a->node, "provider", &a->provider, err);
    if (code == 0)
        code = node_need_text(a->provider, "type", &type, err);
    if (code != 0)
        return code;
    if (strcmp(type, "python") == 0)
        return check_python(a, err);
    const struct node *timeout = node_get(a->provider, "timeout");
    a->kind = strcmp(type, "http") == 0 ? TOOLKIT_HTTP : TOOLKIT_PROCESS;
    if (a->kind == TOOLKIT_PROCESS && strcmp(type, "process") != 0)
        return node_error(node_get(a->provider, "type"), err, ERROR_INVALID,
                          "a provider's type is http, process or python, not \"%s\"", type);
    if (timeout != NULL && timeout->kind != NODE_INTEGER && timeout->kind != NODE_REAL && timeout->kind != NODE_TEXT &&
        !(timeout->kind == NODE_LIST && a->kind == TOOLKIT_HTTP))
        return node_error(timeout, err, ERROR_INVALID, "a timeout is a number of seconds");
    a->arguments = node_get(a->provider, "arguments");
    return a->kind == TOOLKIT_HTTP ? check_http(a->provider, err) : check_process(a->provider, err);
}

/* ---- activities ---- */

static int read_pause(const struct node *map, const char *key, uint64_t *out, struct error *err)
{
    const struct node *n = node_get(map, key);
    if (n == NULL)
        return 0;
    double seconds = n->kind == NODE_INTEGER ? (double)n->integer : n->kind == NODE_REAL ? n->real : -1;
    if (!(seconds >= 0 && seconds <= PAUSE_MAX))
        return node_error(n, err, ERROR_INVALID, "a pause is a number of seconds, up to a day");
    *out = (uint64_t)llround(seconds * (double)SECOND);
    return 0;
}

static int read_controls(struct toolkit *k, const struct node *owner, struct error *err)
{
    const struct node *list = NULL;
    int code = node_may_list(owner, "controls", &list, err);
    for (size_t i = 0; code == 0 && list != NULL && i < list->list.count; i++) {
        const char *name = NULL;
        code = node_need_text(&list->list.items[i], "name", &name, err);
        if (code == 0 && !array_push(&k->controls, name))
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return code;
}

/* Of that name anywhere in the file. */
static const struct node *find_activity(const struct node *root, const char *name)
{
    const struct node *lists[] = {node_get(node_get(root, "steady-state-hypothesis"), "probes"),
                                  node_get(root, "method"), node_get(root, "rollbacks")};
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        for (size_t i = 0; lists[l] != NULL && lists[l]->kind == NODE_LIST && i < lists[l]->list.count; i++) {
            const struct node *own = node_get(&lists[l]->list.items[i], "name");
            if (own != NULL && own->kind == NODE_TEXT && strcmp((const char *)own->text.data, name) == 0)
                return &lists[l]->list.items[i];
        }
    }
    return NULL;
}

/* {"ref": "name"} stands for the activity of that name. */
static int resolve(struct toolkit *k, const struct node *n, const struct node **out, struct error *err)
{
    static const char *const keys[] = {"ref", NULL};
    const char *name = NULL;
    *out = n;
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "an activity is an object, not %s", node_kind_name(n->kind));
    if (node_get(n, "ref") == NULL)
        return 0;
    int code = node_only_keys(n, keys, err);
    if (code == 0)
        code = node_need_text(n, "ref", &name, err);
    if (code != 0)
        return code;
    *out = find_activity(document_root(k->document), name);
    return *out != NULL ? 0 : node_error(node_get(n, "ref"), err, ERROR_INVALID, "no activity is called \"%s\"", name);
}

static int read_activity(struct toolkit *k, const struct node *n, struct toolkit_activity *a, struct error *err)
{
    static const char *const keys[] = {"type",   "name",        "provider", "tolerance",  "background",
                                       "pauses", "controls",    "secrets",  "ref",        "configuration",
                                       "title",  "description", "dry",      "extensions", NULL};
    static const char *const of_pauses[] = {"before", "after", NULL};
    const char *type = NULL;
    const struct node *pauses = NULL;
    *a = (struct toolkit_activity){0};
    int code = resolve(k, n, &a->node, err);
    if (code == 0)
        code = node_only_keys(a->node, keys, err);
    if (code == 0)
        code = node_need_text(a->node, "type", &type, err);
    if (code == 0)
        code = node_need_text(a->node, "name", &a->name, err);
    if (code == 0 && strcmp(type, "probe") != 0 && strcmp(type, "action") != 0)
        code = node_error(node_get(a->node, "type"), err, ERROR_INVALID,
                          "an activity's type is probe or action, not \"%s\"", type);
    if (code == 0)
        code = node_may_bool(a->node, "background", &a->background, err);
    if (code == 0)
        code = node_may_map(a->node, "pauses", &pauses, err);
    if (code == 0 && pauses != NULL)
        code = node_only_keys(pauses, of_pauses, err);
    if (code == 0)
        code = read_pause(pauses, "before", &a->before, err);
    if (code == 0)
        code = read_pause(pauses, "after", &a->after, err);
    if (code == 0)
        code = read_controls(k, a->node, err);
    if (code == 0)
        code = check_provider(a, err);
    a->tolerance = node_get(a->node, "tolerance");
    if (code == 0 && a->tolerance != NULL)
        code = tolerance_check(a->tolerance, err);
    a->probe = code == 0 && strcmp(type, "probe") == 0;
    return code;
}

static int read_list(struct toolkit *k, const struct node *owner, const char *key, struct toolkit_activities *out,
                     struct error *err)
{
    const struct node *list = NULL;
    int code = node_may_list(owner, key, &list, err);
    if (code == 0 && list != NULL && list->list.count > TOOLKIT_ACTIVITIES_MAX)
        code = node_error(list, err, ERROR_LIMIT, "more than %d activities", TOOLKIT_ACTIVITIES_MAX);
    for (size_t i = 0; code == 0 && list != NULL && i < list->list.count; i++) {
        struct toolkit_activity a;
        code = read_activity(k, &list->list.items[i], &a, err);
        if (code == 0 && !array_push(out, a))
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return code;
}

static int read_hypothesis(struct toolkit *k, const struct node *root, struct error *err)
{
    static const char *const keys[] = {"title", "probes", "controls", NULL};
    const struct node *h = NULL;
    int code = node_may_map(root, "steady-state-hypothesis", &h, err);
    if (code != 0 || h == NULL)
        return code;
    code = node_only_keys(h, keys, err);
    if (code == 0)
        code = node_need_text(h, "title", &k->hypothesis_title, err);
    if (code == 0)
        code = read_list(k, h, "probes", &k->probes, err);
    if (code == 0)
        code = read_controls(k, h, err);
    for (size_t i = 0; code == 0 && i < k->probes.count; i++) {
        const struct toolkit_activity *a = &k->probes.items[i];
        if (!a->probe || a->kind >= TOOLKIT_FAULT || a->kind == TOOLKIT_REMOVE)
            code = node_error(a->node, err, ERROR_INVALID, "a hypothesis looks, with probes; it changes nothing");
        else if (a->tolerance == NULL)
            code = node_error(a->node, err, ERROR_INVALID, "a probe of the hypothesis has a \"tolerance\"");
    }
    return code;
}

/* ---- values ---- */

struct reading {
    const char *(*environment)(void *arg, const char *name);
    void *arg;
};

/* A value as it stands, or {"type": "env", "key": NAME, "default": VALUE}. */
static int read_value(const struct node *n, const struct reading *r, json_t **out, struct error *err)
{
    const char *type = NULL, *key = NULL;
    *out = NULL;
    if (n->kind != NODE_MAP || node_get(n, "type") == NULL) {
        *out = node_to_json(n);
        return *out != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    int code = node_need_text(n, "type", &type, err);
    if (code == 0 && strcmp(type, "env") != 0)
        code = node_error(node_get(n, "type"), err, ERROR_UNSUPPORTED,
                          "values come from the file or from the environment (\"env\"), not from \"%s\": have it put "
                          "into the environment",
                          type);
    if (code == 0)
        code = node_need_text(n, "key", &key, err);
    if (code != 0)
        return code;
    const char *value = r->environment != NULL ? r->environment(r->arg, key) : NULL;
    const struct node *fallback = node_get(n, "default");
    if (value == NULL && fallback == NULL)
        return node_error(n, err, ERROR_INVALID, "%s is not set in the environment, and there is no \"default\"", key);
    *out = value != NULL ? json_string(value) : node_to_json(fallback);
    return *out != NULL ? 0 : node_error(n, err, ERROR_INVALID, "%s is not UTF-8", key);
}

static int read_values(const struct node *map, const struct reading *r, json_t *into, struct error *err)
{
    int code = 0;
    for (size_t i = 0; code == 0 && map != NULL && i < map->map.count; i++) {
        json_t *value = NULL;
        code = read_value(&map->map.pairs[i].value, r, &value, err);
        if (code == 0 && json_object_set_new(into, map->map.pairs[i].key, value) != 0)
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    return code;
}

static int read_secrets(struct toolkit *k, const struct node *root, const struct reading *r, struct error *err)
{
    const struct node *groups = NULL;
    int code = node_may_map(root, "secrets", &groups, err);
    for (size_t i = 0; code == 0 && groups != NULL && i < groups->map.count; i++) {
        const struct node *group = &groups->map.pairs[i].value;
        if (group->kind != NODE_MAP)
            code = node_error(group, err, ERROR_INVALID, "secrets are objects of keys and values, by their group");
        else
            code = read_values(group, r, k->secrets, err);
    }
    return code;
}

static int read_contributions(const struct node *root, struct error *err)
{
    static const char *const weights[] = {"high", "medium", "low", "none"};
    const struct node *map = NULL;
    int code = node_may_map(root, "contributions", &map, err);
    for (size_t i = 0; code == 0 && map != NULL && i < map->map.count; i++) {
        const struct node *n = &map->map.pairs[i].value;
        bool known = false;
        for (size_t w = 0; n->kind == NODE_TEXT && w < sizeof weights / sizeof weights[0]; w++)
            known = known || strcmp((const char *)n->text.data, weights[w]) == 0;
        if (!known)
            code = node_error(n, err, ERROR_INVALID, "a contribution is \"high\", \"medium\", \"low\" or \"none\"");
    }
    return code;
}

static int read_strategy(const struct node *runtime, const char *of, const char *const *names, size_t *out,
                         struct error *err)
{
    const struct node *map = NULL;
    const char *strategy = NULL;
    *out = 0;
    int code = runtime != NULL ? node_may_map(runtime, of, &map, err) : 0;
    if (code == 0 && map != NULL)
        code = node_may_text(map, "strategy", &strategy, err);
    if (code != 0 || strategy == NULL)
        return code;
    struct text all = TEXT_INIT;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], strategy) == 0) {
            *out = i;
            text_deinit(&all);
            return 0;
        }
        text_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    code = node_error(node_get(map, "strategy"), err, ERROR_INVALID, "a strategy of the %s is one of: %s", of,
                      text_string(&all));
    text_deinit(&all);
    return code;
}

static int read_runtime(struct toolkit *k, const struct node *root, struct error *err)
{
    static const char *const of_rollbacks[] = {"default", "always", "never", "deviated", NULL};
    static const char *const of_hypothesis[] = {
        "default", "before-method-only", "after-method-only", "during-method-only", "continuously", NULL};
    const struct node *runtime = NULL;
    size_t rollbacks = 0, hypothesis = 0;
    int code = node_may_map(root, "runtime", &runtime, err);
    if (code == 0)
        code = read_strategy(runtime, "rollbacks", of_rollbacks, &rollbacks, err);
    if (code == 0)
        code = read_strategy(runtime, "hypothesis", of_hypothesis, &hypothesis, err);
    k->strategy = (enum toolkit_rollbacks)rollbacks;
    k->before = hypothesis == 0 || hypothesis == 1 || hypothesis == 4;
    k->after = hypothesis == 0 || hypothesis == 2 || hypothesis == 4;
    k->during = hypothesis == 3 || hypothesis == 4;
    return code;
}

static int read_all(struct toolkit *k, const struct reading *r, struct error *err)
{
    static const char *const keys[] = {"version",
                                       "title",
                                       "description",
                                       "tags",
                                       "configuration",
                                       "secrets",
                                       "steady-state-hypothesis",
                                       "method",
                                       "rollbacks",
                                       "controls",
                                       "contributions",
                                       "runtime",
                                       "extensions",
                                       "extension",
                                       "dry",
                                       NULL};
    const struct node *root = document_root(k->document), *configuration = NULL;
    const char *description = NULL;
    int code = root->kind == NODE_MAP ? node_only_keys(root, keys, err)
                                      : node_error(root, err, ERROR_INVALID, "an experiment is an object");
    if (code == 0)
        code = node_need_text(root, "title", &k->title, err);
    if (code == 0)
        code = node_need_text(root, "description", &description, err);
    if (code == 0)
        code = node_may_map(root, "configuration", &configuration, err);
    if (code == 0)
        code = read_values(configuration, r, k->configuration, err);
    if (code == 0)
        code = read_secrets(k, root, r, err);
    if (code == 0)
        code = read_hypothesis(k, root, err);
    if (code == 0 && node_get(root, "method") == NULL)
        code = node_error(root, err, ERROR_INVALID, "an experiment has a \"method\", if only an empty list");
    if (code == 0)
        code = read_list(k, root, "method", &k->method, err);
    if (code == 0)
        code = read_list(k, root, "rollbacks", &k->rollbacks, err);
    for (size_t i = 0; code == 0 && i < k->rollbacks.count; i++)
        if (k->rollbacks.items[i].probe)
            code = node_error(k->rollbacks.items[i].node, err, ERROR_INVALID, "rollbacks are actions");
    if (code == 0)
        code = read_controls(k, root, err);
    if (code == 0)
        code = read_contributions(root, err);
    return code == 0 ? read_runtime(k, root, err) : code;
}

int toolkit_read(struct document *d, const char *(*environment)(void *arg, const char *name), void *arg,
                 struct toolkit **out, struct error *err)
{
    const struct reading r = {environment, arg};
    struct toolkit *k = calloc(1, sizeof *k);
    *out = NULL;
    if (k == NULL) {
        document_free(d);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    k->document = d;
    k->configuration = json_object();
    k->secrets = json_object();
    k->added = json_object();
    int code = k->configuration != NULL && k->secrets != NULL && k->added != NULL
                   ? read_all(k, &r, err)
                   : error_set(err, ERROR_MEMORY, "out of memory");
    if (code != 0) {
        toolkit_free(k);
        return code;
    }
    *out = k;
    return 0;
}

void toolkit_free(struct toolkit *k)
{
    if (k == NULL)
        return;
    array_deinit(&k->probes);
    array_deinit(&k->method);
    array_deinit(&k->rollbacks);
    array_deinit(&k->controls);
    json_decref(k->configuration);
    json_decref(k->secrets);
    json_decref(k->added);
    arena_deinit(&k->arena);
    document_free(k->document);
    free(k);
}

const char *toolkit_system(const struct toolkit *k)
{
    return json_string_value(json_object_get(k->configuration, "harrow_system"));
}

/* ---- ${...} ---- */

json_t *toolkit_value(const struct toolkit *k, const char *name, size_t len)
{
    json_t *const from[] = {k->configuration, k->secrets, k->added};
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        json_t *value = json_object_getn(from[i], name, len);
        if (value != NULL)
            return json_incref(value);
    }
    return NULL;
}

int toolkit_add_value(struct toolkit *k, const char *name, json_t *value)
{
    return json_object_set_new(k->added, name, value) == 0 ? 0 : ERROR_MEMORY;
}

static void put_scalar(json_t *value, struct text *out)
{
    char *dump = json_is_string(value) ? NULL : json_text_of(value, 0);
    const char *text = dump != NULL ? dump : json_string_value(value);
    text_puts(out, text != NULL ? text : "");
    out->failed = out->failed || text == NULL;
    free(dump);
}

static json_t *substitute_text(const struct toolkit *k, struct bytes text)
{
    const char *at = (const char *)text.data, *end = at + text.len;
    struct text out = TEXT_INIT;
    while (at < end) {
        const char *open = memmem(at, (size_t)(end - at), "${", 2);
        const char *close = open != NULL ? memchr(open, '}', (size_t)(end - open)) : NULL;
        json_t *value = close != NULL ? toolkit_value(k, open + 2, (size_t)(close - open) - 2) : NULL;
        if (value != NULL && open == (const char *)text.data && close + 1 == end) {
            text_deinit(&out);
            return value;
        }
        const char *until = value != NULL ? open : close != NULL ? close + 1 : end;
        text_add(&out, at, (size_t)(until - at));
        if (value != NULL)
            put_scalar(value, &out);
        at = value != NULL ? close + 1 : until;
        json_decref(value);
    }
    json_t *result = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    text_deinit(&out);
    return result;
}

/* As deep as a document may be (DOCUMENT_DEPTH_MAX). */
json_t *toolkit_substitute(const struct toolkit *k, const struct node *n)
{
    if (n->kind == NODE_TEXT)
        return substitute_text(k, n->text);
    if (n->kind != NODE_LIST && n->kind != NODE_MAP)
        return node_to_json(n);
    bool list = n->kind == NODE_LIST;
    json_t *out = list ? json_array() : json_object();
    size_t count = list ? n->list.count : n->map.count;
    for (size_t i = 0; out != NULL && i < count; i++) {
        json_t *item = toolkit_substitute(k, list ? &n->list.items[i] : &n->map.pairs[i].value);
        if ((list ? json_array_append_new(out, item) : json_object_set_new(out, n->map.pairs[i].key, item)) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}
