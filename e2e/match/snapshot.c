/* Snapshots: what a step was answered, compared with a file beside the flow, flows/notes.snapshots/created.json for
 * "snapshot: created" in flows/notes.yaml. The file is an expectation like any other, met exactly: it may hold matchers
 * and variables, and when it is written anew, those that still hold stay. */
#include "e2e/match/snapshot.h"

#include "base/json_copy.h"
#include "base/json_text.h"
#include "e2e/kind.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_MAX ((size_t)4 << 20) /* bytes */
#define NAME_MAX_LEN 100

struct snapshots {
    struct map used; /* paths */
    bool update;
    size_t written, changed, same;
};

struct snapshots *snapshots_new(bool update)
{
    struct snapshots *s = calloc(1, sizeof *s);
    if (s != NULL)
        s->update = update;
    return s;
}

void snapshots_free(struct snapshots *s)
{
    if (s != NULL)
        map_deinit(&s->used);
    free(s);
}

/* ---- what the step says ---- */

struct wanted {
    const struct node *node, *name, *of, *except;
};

static struct wanted wanted_of(const struct node *n)
{
    bool map = n->kind == NODE_MAP;
    return (struct wanted){n, map ? node_get(n, "name") : n, map ? node_get(n, "of") : NULL,
                           map ? node_get(n, "except") : NULL};
}

int snapshot_check(const struct node *n, struct error *err)
{
    static const char *const keys[] = {"name", "of", "except", NULL};
    const struct wanted w = wanted_of(n);
    int code = n->kind == NODE_MAP ? node_only_keys(n, keys, err) : 0;
    if (code != 0)
        return code;
    if (w.name == NULL || w.name->kind != NODE_TEXT || w.name->text.len == 0)
        return node_error(w.name != NULL ? w.name : n, err, ERROR_INVALID,
                          "\"snapshot\" is a name, or {name: NAME, of: $.body, except: [id, $.body.created]}");
    if (w.of != NULL && (w.of->kind != NODE_TEXT || !json_path_valid((const char *)w.of->text.data)))
        return node_error(w.of, err, ERROR_SYNTAX, "\"of\" is a path like $.body.note");
    if (w.except != NULL && w.except->kind != NODE_LIST)
        return node_error(w.except, err, ERROR_INVALID, "\"except\" is a list of names and paths");
    for (size_t i = 0; w.except != NULL && i < w.except->list.count; i++) {
        const struct node *item = &w.except->list.items[i];
        const char *text = item->kind == NODE_TEXT ? (const char *)item->text.data : "";
        if (text[0] == '\0' || (text[0] == '$' && !json_path_valid(text)))
            return node_error(item, err, ERROR_INVALID,
                              "left out is a member by its name, wherever it is, or by a path like $.body.note.id");
    }
    return 0;
}

/* "flows/notes.snapshots" for "flows/notes.yaml". */
void snapshots_folder(const char *flow_path, struct text *out)
{
    const char *slash = strrchr(flow_path, '/'), *dot = strrchr(flow_path, '.');
    size_t len = dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - flow_path) : strlen(flow_path);
    text_add(out, flow_path, len);
    text_puts(out, ".snapshots");
}

static int file_of(struct flow_context *x, const struct wanted *w, struct text *path)
{
    char *name = expand_text(x, w->name);
    if (name == NULL)
        return x->error.code;
    bool good = name[0] != '\0' && name[0] != '.' && strlen(name) <= NAME_MAX_LEN;
    for (const char *p = name; *p != '\0'; p++)
        good = good && (isalnum((unsigned char)*p) || strchr(" ._-", *p) != NULL);
    snapshots_folder(document_name(w->node->document), path);
    text_printf(path, "/%s.json", name);
    int code =
        good ? 0
             : flow_wrong(x, w->name, ERROR_INVALID,
                          "\"%s\" is no name for a snapshot: letters, digits, blanks, \".\", \"-\" and \"_\"", name);
    free(name);
    return code != 0 || text_ok(path) ? code : flow_memory(x);
}

/* ---- what is left out ---- */

/* Does `path` ("body.note.id") lead to what the item names, or into it? */
static bool leads_to(const char *path, const char *item)
{
    size_t len = strlen(item);
    if (item[0] == '$') {
        const char *rest = item[1] == '.' ? item + 2 : item + 1;
        len = strlen(rest);
        return strncmp(path, rest, len) == 0 && (path[len] == '\0' || path[len] == '.' || path[len] == '[');
    }
    for (const char *p = path; *p != '\0';) {
        size_t name = strcspn(p, ".[");
        if (name == len && memcmp(p, item, len) == 0)
            return true;
        p += name;
        while (*p == '[')
            p += strcspn(p, "]") + (strchr(p, ']') != NULL);
        p += *p == '.';
    }
    return false;
}

static bool left_out(const struct wanted *w, const char *path)
{
    for (size_t i = 0; w->except != NULL && i < w->except->list.count; i++)
        if (leads_to(path, (const char *)w->except->list.items[i].text.data))
            return true;
    return false;
}

static void drop_left_out(struct flow_context *x, const struct wanted *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < x->mismatches.count; i++) {
        struct mismatch *m = &x->mismatches.items[i];
        if (left_out(w, m->path)) {
            free(m->path);
            free(m->text);
        } else {
            x->mismatches.items[kept++] = *m;
        }
    }
    x->mismatches.count = kept;
}

/* ---- writing ---- */

static json_t *renew(struct flow_context *x, const struct wanted *w, const struct node *old, const json_t *actual,
                     const char *path);

/* A text as a text without variables; one with a secret in it is not written down. */
static json_t *literal(const struct flow_context *x, const json_t *text)
{
    struct text out = TEXT_INIT;
    bool secret = false;
    const char *s = json_string_value(text), *end = s + json_string_length(text);
    for (const char *run = s; run <= end && !secret;
         run += strlen(run) + 1) { /* from zero character to zero character */
        struct text safe = TEXT_INIT;
        secret_hide(x, run, &safe);
        secret = strcmp(text_string(&safe), run) != 0;
        text_deinit(&safe);
    }
    if (secret)
        return json_pack("{s:b}", "$any", 1);
    for (; s < end; s++) {
        text_puts(&out, s[0] == '$' && s[1] == '{' ? "$" : "");
        text_char(&out, *s);
    }
    json_t *value = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    text_deinit(&out);
    return value;
}

static json_t *renew_map(struct flow_context *x, const struct wanted *w, const struct node *old, const json_t *actual,
                         const char *path)
{
    const char *key;
    json_t *value, *walked, *out = json_object();
    memcpy(&walked, &actual,
           sizeof walked); /* jansson's iterators take an object that may be changed; this one is not */
    json_object_foreach(walked, key, value)
    {
        struct text where = TEXT_INIT;
        text_printf(&where, "%s%s%s", path, path[0] != '\0' ? "." : "", key);
        if (key[0] == '$' && x->error.code == 0)
            flow_wrong(x, w->node, ERROR_UNSUPPORTED,
                       "a snapshot cannot hold the member \"%s\": what begins with $ is a matcher. Leave it out by "
                       "\"except\"",
                       key);
        if (json_object_set_new(out, key, renew(x, w, node_get(old, key), value, text_string(&where))) != 0 &&
            x->error.code == 0)
            flow_memory(x);
        text_deinit(&where);
    }
    return out;
}

/* The value to be written: the old one where it still holds, for it may say more than a value. */
static json_t *renew(struct flow_context *x, const struct wanted *w, const struct node *old, const json_t *actual,
                     const char *path)
{
    if (left_out(w, path))
        return json_pack("{s:b}", "$any", 1);
    bool plain = old == NULL || (old->kind == NODE_MAP && !is_matcher(old)) || old->kind == NODE_LIST;
    if (!plain && would_match(x, old, actual))
        return node_to_json(old);
    if (json_is_object(actual))
        return renew_map(x, w, plain && old != NULL && old->kind == NODE_MAP ? old : NULL, actual, path);
    if (json_is_string(actual))
        return literal(x, actual);
    if (!json_is_array(actual))
        return json_copy_whole(actual);
    json_t *out = json_array();
    bool same = old != NULL && old->kind == NODE_LIST && old->list.count == json_array_size(actual);
    for (size_t i = 0; i < json_array_size(actual); i++) {
        struct text where = TEXT_INIT;
        text_printf(&where, "%s[%zu]", path, i);
        if (json_array_append_new(out, renew(x, w, same ? &old->list.items[i] : NULL, json_array_get(actual, i),
                                             text_string(&where))) != 0 &&
            x->error.code == 0)
            flow_memory(x);
        text_deinit(&where);
    }
    return out;
}

static int write_file(struct flow_context *x, const struct wanted *w, const char *path, const json_t *value)
{
    struct world *world = x->options->files != NULL ? x->options->files : x->target->world;
    struct text folder = TEXT_INIT, content = TEXT_INIT;
    struct error own = ERROR_INIT;
    char *dumped = json_text_of(value, 2);
    snapshots_folder(document_name(w->node->document), &folder);
    text_printf(&content, "%s\n", dumped != NULL ? dumped : "");
    int code = dumped != NULL && text_ok(&folder) && text_ok(&content) ? 0 : flow_memory(x);
    if (code == 0 && (code = world_make_directory(world, text_string(&folder))) != 0)
        flow_wrong(x, w->node, code, "cannot make %s: %s", text_string(&folder), error_code_name(code));
    if (code == 0 && (code = world_write_product(world, path, text_bytes(&content), &own)) != 0)
        flow_wrong(x, w->node, code, "%s", own.message != NULL ? own.message : error_code_name(code));
    error_clear(&own);
    text_deinit(&folder);
    text_deinit(&content);
    free(dumped);
    return code;
}

static int update(struct flow_context *x, const struct wanted *w, const char *path, const json_t *actual,
                  const char *where)
{
    struct snapshots *s = x->options->snapshots;
    const struct node *old = x->snapshot != NULL ? document_root(x->snapshot) : NULL;
    json_t *before = old != NULL ? node_to_json(old) : NULL, *value = renew(x, w, old, actual, where);
    int code = x->error.code != 0 ? x->error.code : value == NULL ? flow_memory(x) : 0;
    if (code == 0 && before != NULL && json_equal(before, value)) {
        s->same++;
    } else if (code == 0 && (code = write_file(x, w, path, value)) == 0) {
        s->written += before == NULL;
        s->changed += before != NULL;
    }
    json_decref(before);
    json_decref(value);
    return code;
}

/* ---- comparing ---- */

/* What is there; ERROR_NOT_FOUND without an error in `x`: nothing. */
static int read_file(struct flow_context *x, const struct wanted *w, const char *path)
{
    struct world *world = x->options->files != NULL ? x->options->files : x->target->world;
    struct world_stat stat = {0};
    struct text content = TEXT_INIT;
    struct error own = ERROR_INIT;
    if (world_stat(world, path, &stat) == 0 && !stat.exists)
        return ERROR_NOT_FOUND;
    int code = world_read_file(world, path, SNAPSHOT_MAX, &content, &own);
    if (code == 0)
        code = document_parse_json(text_bytes(&content), path, &x->snapshot, &own);
    if (code == 0)
        code = check_value(document_root(x->snapshot), &own);
    if (code != 0) {
        x->wrong = true;
        node_error(w->node, &x->error, code, "the snapshot %s:%d:%d: %s", path, own.line, own.column,
                   own.message != NULL ? own.message : error_code_name(code));
    }
    error_clear(&own);
    text_deinit(&content);
    return code;
}

static const json_t *compared(struct flow_context *x, const struct wanted *w, const char **where)
{
    int code = 0;
    const char *path = w->of != NULL                                ? (const char *)w->of->text.data
                       : json_object_get(x->answer, "body") != NULL ? "$.body"
                                                                    : "$";
    const json_t *value = json_path(x->answer, path, &code);
    *where = path[1] == '.' ? path + 2 : path + 1;
    if (value == NULL)
        node_error(w->of != NULL ? w->of : w->node, &x->error, ERROR_NOT_FOUND, "there is nothing at %s to compare",
                   path);
    return value;
}

void snapshot_judge(struct flow_context *x, const struct node *n)
{
    const struct wanted w = wanted_of(n);
    struct snapshots *s = x->options->snapshots;
    struct text path = TEXT_INIT;
    const char *where;
    document_free(x->snapshot);
    x->snapshot = NULL;
    const json_t *actual = compared(x, &w, &where);
    int code = actual != NULL ? file_of(x, &w, &path) : x->error.code;
    if (code == 0 && s != NULL && !map_put(&s->used, text_string(&path), s))
        code = flow_memory(x);
    if (code == 0)
        code = read_file(x, &w, text_string(&path));
    if (s != NULL && s->update && (code == 0 || (code == ERROR_NOT_FOUND && x->error.code == 0))) {
        update(x, &w, text_string(&path), actual, where);
    } else if (code == ERROR_NOT_FOUND && x->error.code == 0) {
        flow_wrong(x, w.node, ERROR_NOT_FOUND,
                   "there is no snapshot %s yet: look at what was received, then run with --update-snapshots",
                   text_string(&path));
    } else if (code == 0) {
        match_node(x, document_root(x->snapshot), actual, where, true);
        drop_left_out(x, &w);
    }
    text_deinit(&path);
}

/* ---- at the end ---- */

void snapshots_say(const struct snapshots *s, struct text *out)
{
    if (s->update)
        text_printf(out, "snapshots: %zu written, %zu changed, %zu as they were", s->written, s->changed, s->same);
}

struct looking {
    const struct snapshots *snapshots;
    const char *folder;
    struct text *out;
};

static void look_at_file(void *arg, const char *name)
{
    struct looking *l = arg;
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/%s", l->folder, name);
    size_t len = strlen(name);
    if (text_ok(&path) && len > 5 && strcmp(name + len - 5, ".json") == 0 &&
        map_get(&l->snapshots->used, text_string(&path)) == NULL)
        text_printf(l->out, "%s%s", l->out->len > 0 ? ", " : "", text_string(&path));
    text_deinit(&path);
}

void snapshots_unused(const struct snapshots *s, struct world *files, const char *flow_path, struct text *out)
{
    struct text folder = TEXT_INIT;
    struct world_stat stat = {0};
    snapshots_folder(flow_path, &folder);
    if (text_ok(&folder) && world_stat(files, text_string(&folder), &stat) == 0 && stat.exists && stat.directory)
        world_list(files, text_string(&folder), look_at_file,
                   &(struct looking){.snapshots = s, .folder = text_string(&folder), .out = out});
    text_deinit(&folder);
}
