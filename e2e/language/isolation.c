#include "e2e/language/isolation.h"

#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define MANIFEST_MAX ((size_t)1 << 20) /* bytes */

struct e2e_isolation {
    struct flow flow; /* its steps are `make`, what it cleans up is `remove` */
    const struct node *section, *metadata, *headers, *environment;
};

const struct flow *isolation_flow(const struct e2e_isolation *i)
{
    return &i->flow;
}

const struct node *isolation_place(const struct e2e_isolation *i)
{
    return i->section;
}

const struct node *isolation_make(const struct e2e_isolation *i)
{
    return i->flow.steps;
}

const struct node *isolation_remove(const struct e2e_isolation *i)
{
    return i->flow.finally;
}

const struct node *isolation_metadata(const struct e2e_isolation *i)
{
    return i->metadata;
}

const struct node *isolation_headers(const struct e2e_isolation *i)
{
    return i->headers;
}

const struct node *isolation_environment(const struct e2e_isolation *i)
{
    return i->environment;
}

/* Names of HTTP/2 and their values: what cannot be sent is told where it stands. */
static int check_texts(const struct node *map, const char *key, bool words, struct error *err)
{
    for (size_t i = 0; map != NULL && i < map->map.count; i++) {
        const struct node_pair *p = &map->map.pairs[i];
        if (p->value.kind != NODE_TEXT)
            return node_error(&p->value, err, ERROR_INVALID, "\"%s\" is a map of texts, and this is %s", key,
                              node_kind_name(p->value.kind));
        if (words)
            continue;
        if (p->key[0] == '\0' || p->key[strspn(p->key, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0')
            return node_error(&p->value, err, ERROR_INVALID,
                              "\"%s\" is no name for what calls carry: lower-case letters, digits, \"-\", \"_\", \".\"",
                              p->key);
    }
    if (!words && map != NULL && map->map.count > TARGET_METADATA_MAX)
        return node_error(map, err, ERROR_LIMIT, "\"%s\" has at most %d names", key, TARGET_METADATA_MAX);
    return 0;
}

static int read_section(struct e2e_isolation *i, struct error *err)
{
    static const char *const keys[] = {"metadata", "headers", "environment", "make", "remove", NULL};
    struct flow *f = &i->flow;
    int code;
    if ((code = node_only_keys(i->section, keys, err)) != 0 ||
        (code = node_may_map(i->section, "metadata", &i->metadata, err)) != 0 ||
        (code = node_may_map(i->section, "headers", &i->headers, err)) != 0 ||
        (code = node_may_map(i->section, "environment", &i->environment, err)) != 0 ||
        (code = node_may_list(i->section, "make", &f->steps, err)) != 0 ||
        (code = node_may_list(i->section, "remove", &f->finally, err)) != 0 ||
        (code = check_texts(i->metadata, "metadata", false, err)) != 0 ||
        (code = check_texts(i->headers, "headers", false, err)) != 0 ||
        (code = check_texts(i->environment, "environment", true, err)) != 0)
        return code;
    if (f->steps == NULL || f->steps->list.count == 0)
        return node_error(i->section, err, ERROR_INVALID,
                          "\"isolation\" needs \"make\": the steps that make the namespace ${namespace}");
    code = check_steps(f, f->steps, err);
    return code == 0 && f->finally != NULL ? check_steps(f, f->finally, err) : code;
}

static int parse(struct world *w, struct bytes content, const char *path, struct e2e_isolation *i, struct error *err)
{
    struct flow *items[] = {&i->flow};
    const struct flow_list list = {.items = items, .count = 1};
    const struct flow_loading l = {.world = w, .path = path};
    int code = document_parse_yaml(content, path, &i->flow.file->document, err);
    if (code == 0)
        code = node_may_map(document_root(i->flow.file->document), "isolation", &i->section, err);
    if (code != 0 || i->section == NULL)
        return code;
    i->flow.name = "";
    i->flow.path = document_name(i->flow.file->document);
    i->flow.line = i->section->line;
    i->flow.column = i->section->column;
    code = read_section(i, err);
    if (code == 0)
        code = flow_load_includes(&l, i->flow.file, &list, err);
    if (code == 0)
        flow_look_at(&i->flow);
    return code;
}

int e2e_isolation_parse(struct world *w, struct bytes content, const char *path, struct e2e_isolation **out,
                        struct error *err)
{
    struct e2e_isolation *i = calloc(1, sizeof *i);
    *out = NULL;
    if (i == NULL || (i->flow.file = calloc(1, sizeof *i->flow.file)) == NULL) {
        free(i);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    i->flow.file->flows = 1;
    int code = parse(w, content, path, i, err);
    if (code == 0 && i->section != NULL)
        *out = i;
    else
        e2e_isolation_free(i);
    return code;
}

int e2e_isolation_load(struct world *w, const char *path, struct e2e_isolation **out, struct error *err)
{
    struct text content = TEXT_INIT;
    *out = NULL;
    int code = world_read_file(w, path, MANIFEST_MAX, &content, err);
    if (code == 0)
        code = e2e_isolation_parse(w, text_bytes(&content), path, out, err);
    text_deinit(&content);
    return code;
}

void e2e_isolation_free(struct e2e_isolation *i)
{
    if (i == NULL)
        return;
    flow_file_release(i->flow.file);
    free(i);
}
