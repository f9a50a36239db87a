/* Generators applied to a part, where their paths lead. */
#include "fakes/pact/generate.h"

#include "base/json_copy.h"

#include <stdlib.h>
#include <strings.h>

int generation_no_memory(struct generation *g)
{
    return g->rc = error_set(g->err, ERROR_MEMORY, "out of memory while generating");
}

/* A new value, or NULL: the example stays, or g->rc. */
static json_t *make(struct generation *g, const struct pact_generator *by, const json_t *example)
{
    json_t *made = NULL;
    if (g->rc != 0)
        return NULL;
    g->rc = generate_value(by, g->with, example, &made, g->err);
    if (g->rc != 0 && g->rc != ERROR_MEMORY && by->line > 0)
        error_wrap(g->err, "generator %s of line %d, column %d", by->type, by->line, by->column);
    return made;
}

const char *generation_text(struct generation *g, const struct pact_generator *by, const char *example)
{
    struct text text = TEXT_INIT;
    const char *out = NULL;
    json_t *from = json_string_nocheck(example != NULL ? example : "");
    if (from == NULL)
        (void)generation_no_memory(g);
    json_t *made = from != NULL ? make(g, by, from) : NULL;
    if (made != NULL) {
        if (json_is_string(made))
            text_puts(&text, json_string_value(made));
        else
            pact_json_text(made, 0, &text);
        out = text_ok(&text) ? arena_string(g->arena, text_string(&text)) : NULL;
        if (out == NULL)
            (void)generation_no_memory(g);
    }
    text_deinit(&text);
    json_decref(from);
    json_decref(made);
    return out;
}

/* ---- bodies
 * -------------------------------------------------------------------------------------------------------------- */

static void walk(struct generation *g, const struct pact_generator *by, const struct path_token *t, size_t n,
                 json_t *value);

/* The child of a map (key) or a list (index). */
static void step(struct generation *g, const struct pact_generator *by, const struct path_token *t, size_t n,
                 json_t *parent, const char *key, size_t index)
{
    json_t *child = key != NULL ? json_object_get(parent, key) : json_array_get(parent, index);
    if (n > 0) {
        walk(g, by, t, n, child);
        return;
    }
    json_t *made = make(g, by, child);
    if (made != NULL &&
        (key != NULL ? json_object_set_new_nocheck(parent, key, made) : json_array_set_new(parent, index, made)) != 0)
        (void)generation_no_memory(g);
}

static void walk(struct generation *g, const struct pact_generator *by, const struct path_token *t, size_t n,
                 json_t *value)
{
    char name[32];
    const char *key;
    json_t *one;
    if (json_is_object(value) && (t->kind == PATH_FIELD || t->kind == PATH_INDEX)) {
        (void)snprintf(name, sizeof name, "%zu", t->index);
        const char *wanted = t->kind == PATH_FIELD ? t->name : name;
        if (json_object_get(value, wanted) != NULL)
            step(g, by, t + 1, n - 1, value, wanted, 0);
    } else if (json_is_object(value) && t->kind == PATH_ANY) {
        json_object_foreach(value, key, one) step(g, by, t + 1, n - 1, value, key, 0);
    } else if (json_is_array(value)) {
        bool all = t->kind == PATH_ANY || t->kind == PATH_ANY_INDEX;
        size_t only = t->kind == PATH_FIELD ? (size_t)strtoul(t->name, NULL, 10) : t->index;
        if (t->kind == PATH_FIELD && (t->name[0] < '0' || t->name[0] > '9'))
            return;
        for (size_t i = 0; i < json_array_size(value); i++)
            if (all || i == only)
                step(g, by, t + 1, n - 1, value, NULL, i);
    }
}

int generation_path(struct generation *g, const char *text, struct pact_path *out)
{
    const char *why;
    size_t at;
    if (pact_path_parse(text, g->arena, out, &why, &at))
        return 0;
    if (why == NULL)
        return generation_no_memory(g);
    return g->rc = error_set(g->err, ERROR_INVALID, "the path '%s' of a generator: %s (byte %zu)", text, why, at + 1);
}

/* At or below *root. */
static void generate_in(struct generation *g, const struct pact_generator *by, json_t **root)
{
    struct pact_path path;
    if (g->rc != 0 || generation_path(g, by->path, &path) != 0)
        return;
    if (path.count > 0) {
        walk(g, by, path.tokens, path.count, *root);
        return;
    }
    json_t *made = make(g, by, *root);
    if (made != NULL) {
        json_decref(*root);
        *root = made;
    }
}

static json_t *find(json_t *value, const struct pact_path *path)
{
    for (size_t i = 0; i < path->count && value != NULL; i++) {
        const struct path_token *t = &path->tokens[i];
        value = t->kind == PATH_FIELD   ? json_object_get(value, t->name)
                : t->kind == PATH_INDEX ? json_array_get(value, t->index)
                                        : NULL;
    }
    return value;
}

/* arrayContains: the generators of its variants, each in the example's item. */
static void generate_variants(struct generation *g, const struct pact_rule *rule, const struct pact_matcher *k,
                              json_t *root)
{
    struct pact_path path;
    if (generation_path(g, rule->path, &path) != 0)
        return;
    json_t *list = find(root, &path);
    for (size_t v = 0; v < k->variant_count; v++) {
        const struct pact_variant *variant = &k->variants[v];
        json_t *item = json_incref(json_array_get(list, variant->index));
        for (size_t i = 0; item != NULL && i < variant->generators.count; i++)
            generate_in(g, &variant->generators.items[i], &item);
        if (item != NULL && json_array_set(list, variant->index, item) != 0)
            (void)generation_no_memory(g);
        json_decref(item);
    }
}

static void generate_form(struct generation *g, const struct pact_generator *by, struct pact_content *c)
{
    struct pact_headers pairs = {0};
    struct pact_path path;
    struct text text = TEXT_INIT;
    if (generation_path(g, by->path, &path) == 0 && pact_form_read(c->bytes, g->arena, &pairs) != 0)
        (void)generation_no_memory(g);
    for (size_t i = 0; i < pairs.count && g->rc == 0 && path.count == 1; i++)
        if (path.tokens[0].kind == PATH_FIELD && strcmp(pairs.items[i].name, path.tokens[0].name) == 0) {
            const char *made = generation_text(g, by, pairs.items[i].value);
            if (made != NULL)
                pairs.items[i].value = made;
        }
    pact_form_write(&pairs, &text);
    c->bytes = BYTES(arena_string_n(g->arena, text_string(&text), text.len), text.len);
    if (!text_ok(&text) || c->bytes.data == NULL)
        (void)generation_no_memory(g);
    text_deinit(&text);
    array_deinit(&pairs);
}

static void generate_body(struct generation *g, const struct pact_generator *by, const char *type,
                          struct pact_content *c)
{
    if (c->json != NULL) {
        generate_in(g, by, &c->json);
    } else if (c->presence != PACT_THERE) {
        return;
    } else if (type != NULL && pact_type_is_form(type)) {
        generate_form(g, by, c);
    } else if (strcmp(by->path, "$") != 0 && type != NULL && pact_type_is_xml(type)) {
        generate_xml(g, by, c);
    } else if (strcmp(by->path, "$") == 0 && type != NULL && pact_type_is_text(type)) {
        char *example = arena_string_n(g->arena, (const char *)c->bytes.data, c->bytes.len);
        const char *made = example != NULL ? generation_text(g, by, example) : (generation_no_memory(g), NULL);
        if (made != NULL)
            c->bytes = bytes_of(made);
    } else {
        g->rc = error_set(g->err, ERROR_UNSUPPORTED,
                          "not implemented: the generator %s at %s in a body of %s; take it out, or decode the message "
                          "before",
                          by->type, by->path, type != NULL ? type : "no known type");
    }
}

/* ---- parts
 * --------------------------------------------------------------------------------------------------------------- */

static void generate_pairs(struct generation *g, const struct pact_generator *by, bool lower,
                           struct pact_headers *pairs)
{
    for (size_t i = 0; i < pairs->count && g->rc == 0; i++) {
        const char *name = pairs->items[i].name;
        if ((lower ? strcasecmp(name, by->path) : strcmp(name, by->path)) != 0)
            continue;
        const char *made = generation_text(g, by, pairs->items[i].value);
        if (made != NULL)
            pairs->items[i].value = made;
    }
}

/* A message's metadata, and what stands among its headers for it. */
static void generate_metadata(struct generation *g, const struct pact_generator *by, struct pact_part *out)
{
    const json_t *example = json_object_get(out->metadata, by->path);
    if (example == NULL) {
        generate_pairs(g, by, true, &out->headers);
        return;
    }
    json_t *made = make(g, by, example);
    if (made == NULL)
        return;
    for (size_t i = 0; i < out->headers.count && json_is_string(made); i++)
        if (strcmp(out->headers.items[i].name, by->path) == 0) {
            out->headers.items[i].value = arena_string(g->arena, json_string_value(made));
            if (out->headers.items[i].value == NULL)
                (void)generation_no_memory(g);
        }
    if (json_object_set_new_nocheck(out->metadata, by->path, made) != 0)
        (void)generation_no_memory(g);
}

static void generate_status(struct generation *g, const struct pact_generator *by, int *status)
{
    json_t *example = json_integer(*status);
    json_t *made = example != NULL ? make(g, by, example) : (generation_no_memory(g), NULL);
    long code = json_is_integer(made)  ? (long)json_integer_value(made)
                : json_is_string(made) ? strtol(json_string_value(made), NULL, 10)
                                       : 0;
    if (made != NULL && (code < 100 || code > 999))
        g->rc = error_set(g->err, ERROR_INVALID, "the generator %s of the status made %ld, which is no status",
                          by->type, code);
    if (made != NULL && g->rc == 0)
        *status = (int)code;
    json_decref(example);
    json_decref(made);
}

static void apply(struct generation *g, const struct pact_generator *by, const char *type, struct pact_part *out)
{
    const char *made;
    switch (by->category) {
    case PACT_PATH:
    case PACT_METHOD:
        made = generation_text(g, by, by->category == PACT_PATH ? out->path : out->method);
        if (made != NULL)
            *(by->category == PACT_PATH ? &out->path : &out->method) = made;
        break;
    case PACT_QUERY:
        generate_pairs(g, by, false, &out->query);
        break;
    case PACT_HEADER:
        generate_pairs(g, by, true, &out->headers);
        break;
    case PACT_STATUS:
        generate_status(g, by, &out->status);
        break;
    case PACT_METADATA:
        generate_metadata(g, by, out);
        break;
    case PACT_BODY:
        generate_body(g, by, type, &out->content);
        break;
    case PACT_CATEGORIES:
    default:
        break;
    }
}

static bool copy_pairs(struct generation *g, const struct pact_headers *from, struct pact_headers *to)
{
    for (size_t i = 0; i < from->count; i++) {
        struct pact_header h = {.name = arena_string(g->arena, from->items[i].name)};
        h.value = arena_string(g->arena, from->items[i].value);
        if (h.name == NULL || (from->items[i].value != NULL && h.value == NULL) || !array_push(to, h))
            return false;
    }
    return true;
}

static bool copy_json(json_t *from, json_t **to)
{
    *to = from != NULL ? json_copy_whole(from) : NULL;
    return from == NULL || *to != NULL;
}

static bool copy_text(struct generation *g, const char *from, const char **to)
{
    *to = arena_string(g->arena, from);
    return from == NULL || *to != NULL;
}

static bool copy(struct generation *g, const struct pact_part *from, struct pact_part *to)
{
    const struct pact_content *c = &from->content;
    to->status = from->status;
    to->content.presence = c->presence;
    if (c->bytes.len > 0)
        to->content.bytes = BYTES(arena_copy(g->arena, c->bytes.data, c->bytes.len), c->bytes.len);
    return copy_text(g, from->method, &to->method) && copy_text(g, from->path, &to->path) &&
           copy_pairs(g, &from->query, &to->query) && copy_pairs(g, &from->headers, &to->headers) &&
           copy_json(from->metadata, &to->metadata) && copy_text(g, c->type, &to->content.type) &&
           copy_text(g, c->hint, &to->content.hint) && copy_json(c->json, &to->content.json) &&
           copy_json(from->extra, &to->extra) && (c->bytes.len == 0 || to->content.bytes.data != NULL);
}

int pact_generate(const struct pact_part *part, const struct pact_generating *with, struct arena *arena,
                  struct pact_part *out, struct error *err)
{
    struct generation g = {.with = with, .arena = arena, .err = err};
    *out = (struct pact_part){0};
    if (!copy(&g, part, out))
        (void)generation_no_memory(&g);
    const char *type = g.rc == 0 ? pact_part_type(out) : NULL;
    for (size_t i = 0; g.rc == 0 && i < part->generators.count; i++)
        apply(&g, &part->generators.items[i], type, out);
    for (size_t i = 0; g.rc == 0 && out->content.json != NULL && i < part->rules.items.count; i++) {
        const struct pact_rule *rule = &part->rules.items.items[i];
        for (size_t k = 0; rule->category == PACT_BODY && k < rule->count && g.rc == 0; k++)
            if (rule->matchers[k].kind == PACT_ARRAY_CONTAINS)
                generate_variants(&g, rule, &rule->matchers[k], out->content.json);
    }
    if (g.rc != 0)
        pact_part_deinit(out);
    return g.rc;
}
