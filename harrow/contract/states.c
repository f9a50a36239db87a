#include "harrow/contract/states_internal.h"

#include "base/json_text.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* Which of the four it is; NULL, and the error says so. */
static const char *kind_of(const struct node *step, struct error *err)
{
    static const char *const kinds[] = {"call", "url", "command", "flow", NULL};
    const char *found = NULL;
    for (const char *const *k = kinds; *k != NULL; k++)
        if (node_get(step, *k) != NULL) {
            if (found != NULL) {
                node_error(step, err, ERROR_INVALID, "a step is \"%s\" or \"%s\", not both", found, *k);
                return NULL;
            }
            found = *k;
        }
    if (found == NULL)
        node_error(step, err, ERROR_INVALID, "a step has \"call\", \"url\", \"command\" or \"flow\"");
    return found;
}

static int check_texts(const struct node *map, const char *key, struct error *err)
{
    const struct node *values = NULL;
    int code = node_may_map(map, key, &values, err);
    for (size_t i = 0; code == 0 && values != NULL && i < values->map.count; i++)
        if (values->map.pairs[i].value.kind != NODE_TEXT ||
            ((const char *)values->map.pairs[i].value.text.data)[0] != '$')
            code = node_error(&values->map.pairs[i].value, err, ERROR_INVALID,
                              "expected a path in the answer, like $.note.id");
    return code;
}

static int check_command(const struct node *step, struct error *err)
{
    const struct node *command = node_get(step, "command");
    if (command->kind != NODE_LIST || command->list.count == 0)
        return node_error(command, err, ERROR_INVALID, "\"command\" is a list: the program and its arguments");
    for (size_t i = 0; i < command->list.count; i++)
        if (command->list.items[i].kind != NODE_TEXT)
            return node_error(&command->list.items[i], err, ERROR_INVALID, "expected text, found %s",
                              node_kind_name(command->list.items[i].kind));
    return 0;
}

static int check_step(const struct node *step, struct error *err)
{
    static const char *const of_call[] = {"call", "request", "values", NULL}, *const of_url[] = {"url", NULL},
                             *const of_command[] = {"command", NULL}, *const of_flow[] = {"flow", NULL};
    const char *text;
    if (step->kind != NODE_MAP)
        return node_error(step, err, ERROR_INVALID, "expected a step, found %s", node_kind_name(step->kind));
    const char *kind = kind_of(step, err);
    if (kind == NULL)
        return ERROR_INVALID;
    bool call = strcmp(kind, "call") == 0, command = strcmp(kind, "command") == 0;
    int code = node_only_keys(step,
                              call                       ? of_call
                              : command                  ? of_command
                              : strcmp(kind, "url") == 0 ? of_url
                                                         : of_flow,
                              err);
    if (code == 0)
        code = command ? check_command(step, err) : node_need_text(step, kind, &text, err);
    if (code == 0 && call && strchr(text, '/') == NULL)
        code = node_error(node_get(step, "call"), err, ERROR_INVALID,
                          "expected a method like notes.Notes/Create, found \"%s\"", text);
    return code == 0 && call ? check_texts(step, "values", err) : code;
}

static int check_state(const struct node *state, struct error *err)
{
    static const char *const keys[] = {"setup", "teardown", NULL}, *const both[] = {"setup", "teardown"};
    if (state->kind == NODE_NULL)
        return 0;
    if (state->kind != NODE_MAP)
        return node_error(state, err, ERROR_INVALID, "a state has \"setup\" and \"teardown\"; found %s",
                          node_kind_name(state->kind));
    int code = node_only_keys(state, keys, err);
    for (size_t k = 0; k < 2 && code == 0; k++) {
        const struct node *steps = NULL;
        code = node_may_list(state, both[k], &steps, err);
        for (size_t i = 0; code == 0 && steps != NULL && i < steps->list.count; i++)
            code = check_step(&steps->list.items[i], err);
    }
    return code;
}

static int check(struct contract_states *s, struct error *err)
{
    static const char *const keys[] = {"url", "states", NULL};
    const struct node *root = document_root(s->document);
    const char *url = NULL;
    if (root->kind != NODE_MAP)
        return node_error(root, err, ERROR_INVALID, "expected \"states\", found %s", node_kind_name(root->kind));
    int code = node_only_keys(root, keys, err);
    if (code == 0)
        code = node_may_text(root, "url", &url, err);
    if (code == 0)
        code = node_may_map(root, "states", &s->states, err);
    if (code == 0 && url != NULL && s->url == NULL && (s->url = strdup(url)) == NULL)
        code = out_of_memory(err);
    for (size_t i = 0; code == 0 && s->states != NULL && i < s->states->map.count; i++)
        code = check_state(&s->states->map.pairs[i].value, err);
    return code;
}

int contract_states_parse(struct bytes text, const char *name, const char *url, struct contract_states **out,
                          struct error *err)
{
    struct contract_states *s = calloc(1, sizeof *s);
    if (s == NULL || (url != NULL && (s->url = strdup(url)) == NULL)) {
        free(s);
        return out_of_memory(err);
    }
    int code = 0;
    if (name != NULL && (code = document_parse(text, name, &s->document, err)) == 0)
        code = check(s, err);
    if (code != 0) {
        contract_states_free(s);
        return code;
    }
    *out = s;
    return 0;
}

int contract_states_load(struct world *w, const char *path, const char *url, struct contract_states **out,
                         struct error *err)
{
    struct text text = TEXT_INIT;
    int code = path != NULL ? world_read_file(w, path, DOCUMENT_SIZE_MAX, &text, err) : 0;
    if (code == 0)
        code = contract_states_parse(text_bytes(&text), path, url, out, err);
    text_deinit(&text);
    return code;
}

void contract_states_free(struct contract_states *s)
{
    if (s == NULL)
        return;
    document_free(s->document);
    json_decref(s->known);
    free(s->url);
    free(s);
}

void contract_states_bind(struct contract_states *s, struct contract_provider *provider)
{
    s->provider = provider;
}

/* ---- ${name} ---------------------------------------------------------------------------------------------------- */

static void add_value(struct text *out, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_text_of(value, 0);
    text_puts(out, json_is_string(value) ? json_string_value(value) : text != NULL ? text : "");
    out->failed = out->failed || (text == NULL && !json_is_string(value));
    free(text);
}

static json_t *known_value(const struct contract_states *s, const struct node *where, const char *name, size_t len,
                           struct error *err)
{
    char word[128];
    json_t *value = NULL;
    if (len < sizeof word) {
        memcpy(word, name, len);
        word[len] = '\0';
        value = json_object_get(s->known, word);
    }
    if (value == NULL)
        node_error(where, err, ERROR_NOT_FOUND,
                   "${%.*s} is neither a parameter of the state nor a value of an earlier step", (int)len, name);
    return value;
}

static json_t *fill_text(const struct contract_states *s, const struct node *value, struct error *err)
{
    const char *at = (const char *)value->text.data;
    struct text out = TEXT_INIT;
    for (;;) {
        const char *open = strstr(at, "${"), *close = open != NULL ? strchr(open, '}') : NULL;
        if (close == NULL)
            break;
        json_t *known = known_value(s, value, open + 2, (size_t)(close - open - 2), err);
        if (known == NULL) {
            text_deinit(&out);
            return NULL;
        }
        /* A text that is nothing else is the value itself, whatever it is. */
        if (open == (const char *)value->text.data && close[1] == '\0') {
            text_deinit(&out);
            return json_deep_copy(known);
        }
        text_add(&out, at, (size_t)(open - at));
        add_value(&out, known);
        at = close + 1;
    }
    text_puts(&out, at);
    json_t *filled = text_ok(&out) ? json_string(text_string(&out)) : NULL;
    if (filled == NULL)
        out_of_memory(err);
    text_deinit(&out);
    return filled;
}

json_t *contract_states_fill(const struct contract_states *s, const struct node *value, struct error *err)
{
    if (value->kind == NODE_TEXT)
        return fill_text(s, value, err);
    if (value->kind == NODE_LIST || value->kind == NODE_MAP) {
        bool list = value->kind == NODE_LIST;
        json_t *out = list ? json_array() : json_object();
        size_t count = list ? value->list.count : value->map.count;
        for (size_t i = 0; out != NULL && i < count; i++) {
            json_t *one = contract_states_fill(s, list ? &value->list.items[i] : &value->map.pairs[i].value, err);
            int failed =
                list ? json_array_append_new(out, one) : json_object_set_new(out, value->map.pairs[i].key, one);
            if (failed != 0) {
                json_decref(out);
                out = NULL;
            }
        }
        if (out == NULL && (err == NULL || err->code == 0))
            out_of_memory(err);
        return out;
    }
    json_t *out = node_to_json(value);
    if (out == NULL)
        out_of_memory(err);
    return out;
}

/* ---- changing --------------------------------------------------------------------------------------------------- */

static int unknown_state(const struct contract_states *s, const char *name, struct error *err)
{
    size_t count = s->states != NULL ? s->states->map.count : 0;
    const char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = s->states->map.pairs[i].key;
    const char *near = names != NULL ? nearest_word(name, names) : NULL;
    int code = error_set(err, ERROR_NOT_FOUND, "%s has no state of that name%s%s%s",
                         s->document != NULL ? document_name(s->document) : "--states",
                         near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
    free(names);
    return code;
}

static int no_time(struct error *err)
{
    return error_set(err, ERROR_CANCELLED, "the run was ended before that");
}

static int run_steps(struct contract_states *s, const struct node *steps, const struct pact_state *state, bool teardown,
                     json_t *values, struct error *err)
{
    int code = 0;
    for (size_t i = 0; code == 0 && steps != NULL && i < steps->list.count; i++) {
        if (teardown ? s->provider->run->hurried : s->provider->run->interrupted)
            return no_time(err);
        code = contract_step(s, &steps->list.items[i], state, teardown, values, err);
        if (code == 0 && json_object_update(s->known, values) != 0)
            code = out_of_memory(err);
    }
    return code;
}

static int change(struct contract_states *s, const struct pact_state *state, bool teardown, json_t **values,
                  struct error *err)
{
    const struct node *known = s->states != NULL ? node_get(s->states, state->name) : NULL;
    /* Parameters and values live as long as the states of one interaction. */
    if (!teardown && s->active == 0) {
        json_decref(s->known);
        s->known = json_object();
    }
    s->active = teardown ? s->active - (s->active > 0) : s->active + 1;
    *values = json_object();
    if (s->known == NULL || *values == NULL ||
        (state->parameters != NULL && json_object_update(s->known, state->parameters) != 0))
        return out_of_memory(err);
    int code;
    if (known != NULL)
        code = run_steps(s, node_get(known, teardown ? "teardown" : "setup"), state, teardown, *values, err);
    else if (s->url != NULL)
        code = contract_step_url(s, s->url, state, teardown, *values, err);
    else
        code = unknown_state(s, state->name, err);
    if (code == 0 && json_object_update(s->known, *values) != 0)
        code = out_of_memory(err);
    if (code != 0 && !teardown && s->active > 0)
        s->active--; /* nobody tears down what was not set up */
    return code;
}

/* After an interrupt no case tells that the state is still there. */
static void tell_left(struct run *r, const struct pact_state *state, const struct error *why)
{
    struct text line = TEXT_INIT;
    text_printf(&line, "the provider state \"%s\" was not torn down: ", state->name);
    error_format(why, &line);
    result_emit(&r->results, "note", json_pack("{s:s}", "text", text_string(&line)));
    text_deinit(&line);
}

int contract_states_change(void *arg, const struct pact_state *state, bool teardown, json_t **values, struct error *err)
{
    struct contract_states *s = arg;
    struct run *r = s->provider->run;
    if (!teardown)
        return change(s, state, false, values, err);
    run_tidy(r);
    int code = r->hurried ? no_time(err) : change(s, state, true, values, err);
    run_tidied(r);
    if (code != 0 && r->interrupted && err != NULL)
        tell_left(r, state, err);
    return code;
}
