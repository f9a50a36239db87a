#include "runtime/runtime/mu.h"

#include "base/document.h"
#include "base/words.h"
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <string.h>

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* A scalar as text: `8080` and `true` are words as well. */
static int scalar(const struct node *n, struct arena *arena, const char **out, struct error *err)
{
    switch (n->kind) {
    case NODE_TEXT:
        if (memchr(n->text.data, '\0', n->text.len))
            return node_error(n, err, ERROR_INVALID, "a NUL cannot be part of a text here");
        *out = arena_string_n(arena, (const char *)n->text.data, n->text.len);
        break;
    case NODE_INTEGER:
        *out = arena_printf(arena, "%lld", (long long)n->integer);
        break;
    case NODE_REAL:
        *out = arena_printf(arena, "%.17g", n->real);
        break;
    case NODE_BOOL:
        *out = n->boolean ? "true" : "false";
        break;
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP:
    default:
        return node_error(n, err, ERROR_INVALID, "expected text, found %s", node_kind_name(n->kind));
    }
    return *out ? 0 : no_memory(err);
}

static int list_of(const struct node *n, struct arena *arena, const char ***out, size_t *count, struct error *err)
{
    if (n->list.count > MU_LIST_MAX)
        return node_error(n, err, ERROR_LIMIT, "more than %d entries", MU_LIST_MAX);
    *out = ARENA_NEW_N(arena, const char *, n->list.count + 1);
    if (!*out)
        return no_memory(err);
    for (size_t i = 0; i < n->list.count; i++) {
        int rc = scalar(&n->list.items[i], arena, &(*out)[i], err);
        if (rc < 0)
            return rc;
    }
    *count = n->list.count;
    return 0;
}

static int read_command(const struct node *root, struct arena *arena, struct mu *out, struct error *err)
{
    const struct node *command = node_get(root, "command"), *args = node_get(root, "args");
    const char **words = NULL, **more = NULL;
    size_t count = 0, more_count = 0;
    int rc = 0;
    if (args && !command)
        return node_error(args, err, ERROR_INVALID, "args without a command");
    if (!command)
        return 0;
    if (command->kind == NODE_LIST) {
        rc = list_of(command, arena, &words, &count, err);
    } else {
        const char *line = NULL;
        char **split = NULL;
        struct error why = ERROR_INIT;
        rc = scalar(command, arena, &line, err);
        if (rc == 0 && (rc = words_split(line, arena, &split, &count, &why)) < 0)
            node_error(command, err, rc, "%s", why.message ? why.message : "cannot be split into words");
        error_clear(&why);
        words = rc == 0 ? ARENA_NEW_N(arena, const char *, count + 1) : NULL;
        if (rc == 0 && !words)
            rc = no_memory(err);
        for (size_t i = 0; rc == 0 && i < count; i++)
            words[i] = split[i];
    }
    if (rc == 0 && (count == 0 || !words[0][0]))
        rc = node_error(command, err, ERROR_INVALID, "the command is blank");
    if (rc == 0 && args) {
        if (args->kind != NODE_LIST)
            return node_error(args, err, ERROR_INVALID, "args is a list");
        rc = list_of(args, arena, &more, &more_count, err);
    }
    if (rc < 0)
        return rc;
    out->command = ARENA_NEW_N(arena, const char *, count + more_count + 1);
    if (!out->command)
        return no_memory(err);
    for (size_t i = 0; i < count + more_count; i++)
        out->command[i] = i < count ? words[i] : more[i - count];
    return 0;
}

static int read_build(const struct node *root, struct arena *arena, struct mu *out, struct error *err)
{
    const struct node *build = node_get(root, "build");
    size_t count = 0;
    if (!build)
        return 0;
    if (build->kind == NODE_LIST)
        return list_of(build, arena, &out->build, &count, err);
    out->build = ARENA_NEW_N(arena, const char *, 2);
    return out->build ? scalar(build, arena, &out->build[0], err) : no_memory(err);
}

static int read_environment(const struct node *root, struct arena *arena, struct mu *out, struct error *err)
{
    const struct node *map = NULL;
    int rc = node_may_map(root, "environment", &map, err);
    if (rc < 0 || !map)
        return rc;
    if (map->map.count > MU_LIST_MAX)
        return node_error(map, err, ERROR_LIMIT, "more than %d variables", MU_LIST_MAX);
    out->environment = ARENA_NEW_N(arena, struct mu_variable, map->map.count + 1);
    if (!out->environment)
        return no_memory(err);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        struct mu_variable *v = &out->environment[i];
        if (!runner_variable_valid(pair->key, strlen(pair->key)))
            return node_error(&pair->value, err, ERROR_INVALID, "\"%.60s\" cannot be a variable's name", pair->key);
        v->name = arena_string(arena, pair->key);
        if (!v->name)
            return no_memory(err);
        rc = scalar(&pair->value, arena, &v->value, err);
        if (rc < 0)
            return rc;
        out->environment_count++;
    }
    return 0;
}

int mu_parse(struct bytes content, const char *name, struct arena *arena, struct mu *out, struct error *err)
{
    static const char *const keys[] = {"service", "command", "args", "build", "environment", NULL};
    struct document *d = NULL;
    *out = (struct mu){0};
    if (content.len > MU_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "%s has more than 64 KiB", name);
    /* Blank, or nothing but comments: only a mark. */
    bool blank = true;
    for (size_t i = 0; i < content.len && blank; i++) {
        if (content.data[i] == '#')
            while (i + 1 < content.len && content.data[i] != '\n')
                i++;
        else
            blank =
                content.data[i] == ' ' || content.data[i] == '\n' || content.data[i] == '\r' || content.data[i] == '\t';
    }
    if (blank)
        return 0;
    int rc = document_parse_yaml(content, name, &d, err);
    if (rc < 0)
        return rc;
    const struct node *root = document_root(d);
    if (root->kind == NODE_TEXT && root->text.len > 8 && memcmp(root->text.data, "service ", 8) == 0) {
        const char *rest = (const char *)root->text.data + 8;
        size_t len = root->text.len - 8;
        while (len > 0 && *rest == ' ')
            rest++, len--;
        if (len == 0 || memchr(rest, ' ', len) || memchr(rest, '\n', len) || memchr(rest, '\0', len))
            rc = node_error(root, err, ERROR_INVALID, "expected \"service NAME\"");
        else if (!(out->service = arena_string_n(arena, rest, len)))
            rc = no_memory(err);
        document_free(d);
        return rc;
    }
    if (root->kind != NODE_MAP)
        rc = node_error(root, err, ERROR_INVALID, "expected keys like service, command, build, found %s",
                        node_kind_name(root->kind));
    if (rc == 0)
        rc = node_only_keys(root, keys, err);
    const struct node *service = rc == 0 ? node_get(root, "service") : NULL;
    if (service)
        rc = scalar(service, arena, &out->service, err);
    if (rc == 0)
        rc = read_command(root, arena, out, err);
    if (rc == 0)
        rc = read_build(root, arena, out, err);
    if (rc == 0)
        rc = read_environment(root, arena, out, err);
    document_free(d);
    return rc;
}
