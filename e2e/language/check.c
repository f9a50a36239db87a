/* What a flow may say, checked before anything runs: every step by its kind's table (kind.h), then by the kind itself.
 * What a text with ${...} in it will be is only known later. */
#include "e2e/kind.h"
#include "e2e/match/snapshot.h"
#include "e2e/value/query.h"

#include <stdio.h>
#include <string.h>

#define KEYS_MAX 32 /* of one table */

bool has_variable(const struct node *n)
{
    return n->kind == NODE_TEXT && strstr((const char *)n->text.data, "${") != NULL;
}

/* ---- shapes ---- */

static int check_names(const struct node *map, bool made, struct error *err)
{
    for (size_t i = 0; map != NULL && i < map->map.count; i++)
        if (!(made && strstr(map->map.pairs[i].key, "${") != NULL) && !variable_name_valid(map->map.pairs[i].key))
            return node_error(&map->map.pairs[i].value, err, ERROR_INVALID,
                              "\"%s\" is no name for a variable: letters, digits and _, and unique, fake, env and now "
                              "are taken",
                              map->map.pairs[i].key);
    return 0;
}

bool capture_is_query(const struct node *n)
{
    return n->kind == NODE_TEXT && n->text.len > 0 && n->text.data[0] >= 'a' && n->text.data[0] <= 'z';
}

/* A path, {path: $.a, decode: base64, regex: 'b(.*)'}, or a query. */
static int check_capture(const struct node *n, struct error *err)
{
    if (capture_is_query(n))
        return query_check(n, QUERY_CAPTURE, err);
    static const char *const capture_keys[] = {"path", "decode", "regex", NULL};
    const struct node *path = n->kind == NODE_MAP ? node_get(n, "path") : n;
    int code = n->kind == NODE_MAP ? node_only_keys(n, capture_keys, err) : 0;
    if (code == 0 && (path == NULL || path->kind != NODE_TEXT || !json_path_valid((const char *)path->text.data)))
        code = node_error(path != NULL ? path : n, err, ERROR_SYNTAX,
                          "a capture is a path like $.body.note.id or $.headers.location, or a query like "
                          "'jsonpath \"$.id\" toInt'");
    if (code == 0 && n->kind == NODE_MAP && node_get(n, "regex") != NULL)
        code = check_regex("regex", node_get(n, "regex"), err);
    const struct node *decode = n->kind == NODE_MAP ? node_get(n, "decode") : NULL;
    if (code == 0 && decode != NULL &&
        (decode->kind != NODE_TEXT || strcmp((const char *)decode->text.data, "base64") != 0))
        code = node_error(decode, err, ERROR_INVALID, "\"decode\" is base64: there is no other way");
    return code;
}

static int check_captures(const struct node *capture, struct error *err)
{
    int code = check_names(capture, true, err);
    for (size_t i = 0; code == 0 && i < capture->map.count; i++)
        code = check_capture(&capture->map.pairs[i].value, err);
    return code;
}

const struct step_key snapshot_key = {"snapshot", SHAPE_SNAPSHOT,
                                      "a file beside the flow that the answer is compared with"};

static int only_keys(const struct node *map, const char *verb, const struct step_key *keys, bool named, bool answered,
                     struct error *err)
{
    const char *names[KEYS_MAX + 4] = {NULL};
    size_t count = 0;
    if (verb != NULL)
        names[count++] = verb;
    for (; keys->name != NULL && count <= KEYS_MAX; keys++)
        names[count++] = keys->name;
    if (named)
        names[count++] = "name";
    if (answered)
        names[count++] = snapshot_key.name;
    return node_only_keys(map, names, err);
}

static int check_words(const struct node *list, const char *key, struct error *err)
{
    for (size_t i = 0; i < list->list.count; i++)
        if (list->list.items[i].kind != NODE_TEXT)
            return node_error(&list->list.items[i], err, ERROR_INVALID, "%s: expected text, found %s", key,
                              node_kind_name(list->list.items[i].kind));
    return 0;
}

static int check_checks(const struct node *list, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < list->list.count && code == 0; i++)
        code = query_check(&list->list.items[i], QUERY_ASSERT, err);
    return code;
}

static int check_branches(const struct flow *f, const struct node *map, struct error *err)
{
    int code = map->map.count > 0 ? 0 : node_error(map, err, ERROR_INVALID, "there are no branches");
    for (size_t i = 0; i < map->map.count && code == 0; i++) {
        const struct node_pair *p = &map->map.pairs[i];
        code = p->value.kind == NODE_LIST
                   ? check_steps(f, &p->value, err)
                   : node_error(&p->value, err, ERROR_INVALID, "branch \"%s\" is a list of steps, and this is %s",
                                p->key, node_kind_name(p->value.kind));
    }
    return code;
}

static int check_truths(const struct node *map, struct error *err)
{
    return map->map.count > 0 ? check_value(map, err)
                              : node_error(map, err, ERROR_INVALID,
                                           "a condition names variables and what they are: {count: {$min: 1}}");
}

int check_shape(const struct flow *f, const struct node *map, const struct step_key *key, const struct step_key *answer,
                struct error *err)
{
    const struct node *n = node_get(map, key->name), *ignored;
    const char *text;
    int64_t duration;
    bool flag;
    int code = 0;
    if (n == NULL)
        return 0;
    switch (key->shape) {
    case SHAPE_ANY:
        return 0;
    case SHAPE_TEXT:
        return node_may_text(map, key->name, &text, err);
    case SHAPE_FLAG:
        return node_may_bool(map, key->name, &flag, err);
    case SHAPE_DURATION:
        return node_may_duration(map, key->name, &duration, err);
    case SHAPE_EXPECTED:
        return check_value(n, err);
    case SHAPE_SNAPSHOT:
        return snapshot_check(n, err);
    case SHAPE_LIST:
        return node_may_list(map, key->name, &ignored, err);
    case SHAPE_WORDS:
        code = node_may_list(map, key->name, &ignored, err);
        return code != 0 ? code : check_words(n, key->name, err);
    case SHAPE_CHECKS:
        code = node_may_list(map, key->name, &ignored, err);
        return code != 0 ? code : check_checks(n, err);
    case SHAPE_STEPS:
        code = node_may_list(map, key->name, &ignored, err);
        return code != 0 ? code : check_steps(f, n, err);
    case SHAPE_MAP:
    case SHAPE_NAMES:
    case SHAPE_CAPTURES:
    case SHAPE_ANSWER:
    case SHAPE_TRUTHS:
    case SHAPE_BRANCHES:
        break;
    }
    if ((code = node_may_map(map, key->name, &ignored, err)) != 0 || key->shape == SHAPE_MAP)
        return code;
    if (key->shape == SHAPE_NAMES)
        return check_names(n, false, err);
    if (key->shape == SHAPE_CAPTURES)
        return check_captures(n, err);
    if (key->shape == SHAPE_BRANCHES)
        return check_branches(f, n, err);
    if (key->shape == SHAPE_TRUTHS)
        return check_truths(n, err);
    code = only_keys(n, NULL, answer, false, false, err);
    return code != 0 ? code : check_value(n, err);
}

/* ---- steps ---- */

static int unknown_step(const struct node *step, struct error *err)
{
    const char *names[KEYS_MAX + 1] = {NULL};
    struct text all = TEXT_INIT;
    size_t count = 0;
    for (; step_kinds[count] != NULL; count++) {
        names[count] = step_kinds[count]->name;
        text_printf(&all, "%s%s", count == 0 ? "" : step_kinds[count + 1] == NULL ? " and " : ", ", names[count]);
    }
    int code = 0;
    for (size_t i = 0; i < step->map.count && code == 0; i++) {
        const char *near = nearest_word(step->map.pairs[i].key, names);
        if (near != NULL)
            code = node_error(step, err, ERROR_INVALID, "no step is called \"%s\": did you mean \"%s\"?",
                              step->map.pairs[i].key, near);
    }
    if (code == 0)
        code = node_error(step, err, ERROR_INVALID, "a step has one of %s", text_string(&all));
    text_deinit(&all);
    return code;
}

static int check_step(const struct flow *f, const struct node *step, struct error *err)
{
    const struct step_kind *kind = NULL;
    const char *name;
    if (step->kind != NODE_MAP)
        return node_error(step, err, ERROR_INVALID, "a step is a map, and this is %s", node_kind_name(step->kind));
    for (size_t i = 0; step_kinds[i] != NULL; i++) {
        const struct node *n = node_get(step, step_kinds[i]->name);
        if (n != NULL && kind != NULL)
            return node_error(n, err, ERROR_INVALID, "one step does one thing: \"%s\" or \"%s\"", kind->name,
                              step_kinds[i]->name);
        if (n != NULL)
            kind = step_kinds[i];
    }
    if (kind == NULL)
        return unknown_step(step, err);
    int code = only_keys(step, kind->name, kind->keys, true, kind->answer != NULL, err);
    if (code == 0)
        code = node_may_text(step, "name", &name, err);
    for (const struct step_key *key = kind->keys; key->name != NULL && code == 0; key++)
        code = check_shape(f, step, key, kind->answer, err);
    if (code == 0 && kind->answer != NULL)
        code = check_shape(f, step, &snapshot_key, NULL, err);
    const struct step_key verb = {.name = kind->name, .shape = kind->shape};
    if (code == 0)
        code = check_shape(f, step, &verb, NULL, err);
    return code != 0 || kind->check == NULL ? code : kind->check(f, step, node_get(step, kind->name), err);
}

/* Depth is bounded by the document's. */
int check_steps(const struct flow *f, const struct node *list, struct error *err)
{
    int code = 0;
    if (list != NULL && list->list.count > STEPS_MAX)
        return node_error(list, err, ERROR_LIMIT, "more than %d steps", STEPS_MAX);
    for (size_t i = 0; list != NULL && i < list->list.count && code == 0; i++)
        code = check_step(f, &list->list.items[i], err);
    return code;
}

/* ---- the flow ---- */

#define FLOW_KEYS                                                                                                      \
    {"about", SHAPE_TEXT, "what it shows, for readers"}, {"tags", SHAPE_WORDS, "words it can be picked by: --tags"},   \
        {"alone", SHAPE_FLAG, "nothing runs beside it; so it is when it has a fault step"},                            \
        {"isolate", SHAPE_FLAG, "false: with --isolate namespace it runs in the system itself, as its administrator"}, \
        {"params", SHAPE_WORDS, "variables that whoever includes this flow must give; it does not run by itself"},     \
        {"vars", SHAPE_NAMES, "variables to begin with, in order"},                                                    \
        {"secrets", SHAPE_WORDS, "variables whose values no report shows"},                                            \
        {"cases", SHAPE_ANY, "a list of maps, or a .csv or .json file: the flow runs once for each row"},              \
        {"environment", SHAPE_MAP, "variables of the processes it runs"},                                              \
        {"doubles", SHAPE_MAP, "names of doubles and the services they play while it runs"},                           \
        {"timeout", SHAPE_DURATION, "how long its steps may take together; --flow-timeout when nothing is said"},      \
        {"steps", SHAPE_STEPS, "what is done"},                                                                        \
    {                                                                                                                  \
        "finally", SHAPE_STEPS, "what is done in any case, after the others"                                           \
    }

const struct step_key flow_keys[] = {{"flow", SHAPE_TEXT, "its name, one line"}, FLOW_KEYS, {0}};
const struct step_key contract_keys[] = {
    {"contract", SHAPE_TEXT, "its name, one line"},
    {"provider", SHAPE_TEXT, "the component under test"},
    FLOW_KEYS,
    {0},
};
#define FIXTURE_KEYS(whose)                                                                                            \
    {"setup", SHAPE_STEPS, "done once, before the first flow of " whose},                                              \
        {"before", SHAPE_STEPS, "done before each flow of " whose},                                                    \
        {"after", SHAPE_STEPS, "done after each flow of " whose ", in any case"},                                      \
    {                                                                                                                  \
        "teardown", SHAPE_STEPS, "done once, after the last flow of " whose ", in any case"                            \
    }

const struct step_key file_keys[] = {
    {"flows", SHAPE_LIST, "the flows of this file"},
    FIXTURE_KEYS("the file"),
    {0},
};
const struct step_key fixture_keys[] = {FIXTURE_KEYS("the folder"), {0}};

static int check_tags(const struct node *tags, struct error *err)
{
    for (size_t i = 0; tags != NULL && i < tags->list.count; i++) {
        const struct node *n = &tags->list.items[i];
        if (n->text.len == 0 || strpbrk((const char *)n->text.data, " ,!\t\n") != NULL)
            return node_error(n, err, ERROR_INVALID, "a tag is one word, without blanks, commas and \"!\"");
    }
    return 0;
}

static int check_params(const struct flow *f, const struct node *params, struct error *err)
{
    for (size_t i = 0; params != NULL && i < params->list.count; i++) {
        const struct node *n = &params->list.items[i];
        const char *name = (const char *)n->text.data;
        if (!variable_name_valid(name))
            return node_error(n, err, ERROR_INVALID, "\"%s\" is no name for a variable", name);
        if (f->variables != NULL && node_get(f->variables, name) != NULL)
            return node_error(n, err, ERROR_INVALID, "\"%s\" is given, or it stands in \"vars\" with a default", name);
    }
    return 0;
}

int flow_check(const struct flow *f, const struct node *map, struct error *err)
{
    const struct step_key *keys = f->contract ? contract_keys : flow_keys;
    const struct node *name = node_get(map, f->contract ? "contract" : "flow");
    int code = only_keys(map, NULL, keys, false, false, err);
    if (code == 0 && (f->name[0] == '\0' || strpbrk(f->name, "\"\n\r\t") != NULL))
        code = node_error(name, err, ERROR_INVALID, "a flow's name is one line without quotation marks");
    if (code == 0 && (f->steps == NULL || f->steps->list.count == 0))
        code = node_error(map, err, ERROR_INVALID, "flow \"%s\" has no steps", f->name);
    if (code == 0 && f->contract && f->provider == NULL)
        code = node_error(map, err, ERROR_INVALID, "contract \"%s\" names no \"provider\"", f->name);
    for (size_t i = 0; code == 0 && i < flow_double_count(f); i++) {
        const struct node *n = &f->doubles->map.pairs[i].value;
        if (n->kind != NODE_TEXT && (f->contract || n->kind != NODE_MAP))
            code = node_error(n, err, ERROR_INVALID, "a double is NAME: SERVICE, as in \"store: store.Store\"");
        else if (!f->contract)
            code = stand_in_check(n, err);
    }
    for (const struct step_key *key = keys; key->name != NULL && code == 0; key++)
        code = check_shape(f, map, key, NULL, err);
    if (code == 0)
        code = check_tags(node_get(map, "tags"), err);
    return code != 0 ? code : check_params(f, node_get(map, "params"), err);
}

static int check_file(const struct node *root, const struct step_key *keys, struct error *err)
{
    int code = only_keys(root, NULL, keys, false, false, err);
    for (const struct step_key *key = keys; key->name != NULL && code == 0; key++)
        code = check_shape(NULL, root, key, NULL, err);
    return code;
}

int file_check(const struct node *root, struct error *err)
{
    return check_file(root, file_keys, err);
}

int fixtures_check(const struct node *root, struct error *err)
{
    if (root->kind != NODE_MAP)
        return node_error(root, err, ERROR_INVALID,
                          "what a folder's flows share is a map of setup, before, after and teardown, and this is %s",
                          node_kind_name(root->kind));
    return check_file(root, fixture_keys, err);
}
