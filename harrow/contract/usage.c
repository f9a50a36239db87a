#include "harrow/contract/usage.h"

#include <stdlib.h>
#include <string.h>

enum { KIND_MESSAGE = 11, KIND_GROUP = 10, KIND_ENUM = 14 }; /* descriptor.proto's types */

const char *usage_verb_name(enum usage_verb v)
{
    static const char *const names[] = {"calls", "sends", "reads"};
    return names[v];
}

void usage_init(struct usage *u, const struct schema *schema)
{
    *u = (struct usage){.schema = schema};
}

void usage_deinit(struct usage *u)
{
    array_deinit(&u->entries);
    arena_deinit(&u->arena);
}

/* ---- noting ---- */

static bool note(struct usage *u, const struct schema_element *of, const char *member, const struct node *at,
                 const struct usage_by *by)
{
    struct usage_entry e = {.element = member != NULL ? arena_printf(&u->arena, "%s.%s", of->full_name, member)
                                                      : of->full_name,
                            .who = by->who,
                            .file = by->file,
                            .schema_file = of->file,
                            .verb = by->verb,
                            .line = by->line != 0 ? by->line : at->line,
                            .column = by->line != 0 ? by->column : at->column};
    return e.element != NULL && array_push(&u->entries, e);
}

static const char *bare(const char *type_name)
{
    return type_name + (*type_name == '.');
}

bool usage_call(struct usage *u, const char *path, const struct usage_by *by, const struct node *at,
                const struct schema_element **input, const struct schema_element **output)
{
    const char *slash = strrchr(path, '/');
    *input = *output = NULL;
    if (slash == NULL)
        return true;
    char *service = arena_string_n(&u->arena, path, (size_t)(slash - path));
    if (service == NULL)
        return false;
    const struct schema_element *s = schema_find(&u->schema->services, service);
    for (size_t i = 0; s != NULL && i < s->service->n_method; i++) {
        const schema_method_proto *m = s->service->method[i];
        if (m->name == NULL || strcmp(m->name, slash + 1) != 0)
            continue;
        struct usage_by sends = *by, reads = *by;
        sends.verb = USAGE_SENDS;
        reads.verb = USAGE_READS;
        *input = m->input_type != NULL ? schema_find(&u->schema->messages, bare(m->input_type)) : NULL;
        *output = m->output_type != NULL ? schema_find(&u->schema->messages, bare(m->output_type)) : NULL;
        return note(u, s, m->name, at, by) && (*input == NULL || note(u, *input, NULL, at, &sends)) &&
               (*output == NULL || note(u, *output, NULL, at, &reads));
    }
    return true;
}

/* False: no such field. */
static bool find_field(const struct schema *s, const struct schema_element *message, const char *name,
                       struct schema_field *out)
{
    for (size_t i = 0; i < message->message->n_field; i++) {
        const schema_field_proto *f = message->message->field[i];
        if (strcmp(f->name, name) != 0 && (f->json_name == NULL || strcmp(f->json_name, name) != 0))
            continue;
        *out = schema_field(s, message, i);
        return true;
    }
    return false;
}

static const struct schema_element *message_of(const struct schema *s, const struct schema_field *f)
{
    return f->kind == KIND_MESSAGE || f->kind == KIND_GROUP ? schema_find(&s->messages, f->type_name) : NULL;
}

/* A map's field 2. */
static bool value_of_map(const struct schema *s, const struct schema_field *f, struct schema_field *value)
{
    const struct schema_element *entry = schema_find(&s->messages, f->type_name);
    return f->cardinality == CARDINALITY_MAP && entry != NULL && find_field(s, entry, "value", value);
}

static bool note_field(struct usage *u, const struct schema_field *f, const struct node *at, const struct usage_by *by)
{
    const struct schema_element *message = message_of(u->schema, f);
    struct schema_field value;
    if (value_of_map(u->schema, f, &value))
        message = message_of(u->schema, &value);
    return note(u, f->owner, f->proto->name, at, by) && (f->oneof == NULL || note(u, f->owner, f->oneof, at, by)) &&
           (message == NULL || note(u, message, NULL, at, by));
}

static bool of_kind(struct usage *u, const struct schema_field *f, const struct node *n, const struct usage_by *by);

/* A value of an enum by its name, wherever it stands in what the field is compared with. */
static bool note_values(struct usage *u, const struct schema_element *e, const struct node *n,
                        const struct usage_by *by)
{
    bool ok = true;
    if (n->kind == NODE_TEXT) {
        for (size_t i = 0; ok && i < e->enumeration->n_value; i++)
            if (bytes_is(n->text, e->enumeration->value[i]->name))
                ok = note(u, e, e->enumeration->value[i]->name, n, by);
    } else if (n->kind == NODE_LIST) {
        for (size_t i = 0; ok && i < n->list.count; i++)
            ok = note_values(u, e, &n->list.items[i], by);
    } else if (n->kind == NODE_MAP) {
        for (size_t i = 0; ok && i < n->map.count; i++)
            ok = note_values(u, e, &n->map.pairs[i].value, by);
    }
    return ok;
}

static bool of_map(struct usage *u, const struct schema_field *value, const struct node *n, const struct usage_by *by)
{
    bool ok = true;
    for (size_t i = 0; ok && n->kind == NODE_MAP && i < n->map.count; i++)
        ok = of_kind(u, value, &n->map.pairs[i].value, by);
    return ok;
}

/* What stands at a field. */
static bool of_kind(struct usage *u, const struct schema_field *f, const struct node *n, const struct usage_by *by)
{
    struct schema_field value;
    const struct schema_element *message = message_of(u->schema, f);
    const struct schema_element *e = f->kind == KIND_ENUM ? schema_find(&u->schema->enums, f->type_name) : NULL;
    if (value_of_map(u->schema, f, &value))
        return of_map(u, &value, n, by);
    if (e != NULL)
        return note(u, e, NULL, n, by) && note_values(u, e, n, by);
    return message == NULL || usage_message(u, message, n, by);
}

bool usage_message(struct usage *u, const struct schema_element *message, const struct node *n,
                   const struct usage_by *by)
{
    bool ok = true;
    for (size_t i = 0; ok && n->kind == NODE_LIST && i < n->list.count; i++)
        ok = usage_message(u, message, &n->list.items[i], by);
    for (size_t i = 0; ok && n->kind == NODE_MAP && i < n->map.count; i++) {
        const struct node_pair *p = &n->map.pairs[i];
        const struct node key = {.line = p->key_line, .column = p->key_column};
        struct schema_field f;
        if (p->key[0] == '$')
            ok = usage_message(u, message, &p->value, by);
        else if (find_field(u->schema, message, p->key, &f))
            ok = note_field(u, &f, &key, by) && of_kind(u, &f, &p->value, by);
    }
    return ok;
}

bool usage_path(struct usage *u, const struct schema_element *message, const char *path, const struct node *n,
                const struct usage_by *by)
{
    bool map = false; /* the next name is a key */
    struct schema_field f, value;
    while (*path != '\0' && message != NULL) {
        bool bracket = *path == '[', quoted = bracket && (path[1] == '"' || path[1] == '\'');
        path += quoted ? 2 : bracket || *path == '.' ? 1 : 0;
        size_t len = quoted ? strcspn(path, "\"'") : strcspn(path, bracket ? "]" : ".[");
        char *name = arena_string_n(&u->arena, path, len);
        path += len;
        path += quoted && *path != '\0';
        path += bracket && *path == ']';
        if (name == NULL)
            return false;
        if (bracket && !quoted)
            continue; /* an item of a list */
        if (map) {
            map = false;
            continue;
        }
        if (len == 0 || !find_field(u->schema, message, name, &f))
            return true;
        if (!note_field(u, &f, n, by))
            return false;
        map = value_of_map(u->schema, &f, &value);
        message = message_of(u->schema, map ? &value : &f);
    }
    return true;
}

/* ---- asking ---- */

static int by_element(const void *a, const void *b)
{
    const struct usage_entry *x = a, *y = b;
    int order = strcmp(x->element, y->element);
    if (order == 0)
        order = strcmp(x->who, y->who);
    if (order == 0)
        order = (int)x->verb - (int)y->verb;
    if (order == 0)
        order = strcmp(x->file, y->file);
    if (order == 0)
        order = (x->line > y->line) - (x->line < y->line);
    return order != 0 ? order : (x->column > y->column) - (x->column < y->column);
}

void usage_ready(struct usage *u)
{
    size_t kept = 0;
    if (u->entries.count > 0)
        qsort(u->entries.items, u->entries.count, sizeof *u->entries.items, by_element);
    for (size_t i = 0; i < u->entries.count; i++) {
        const struct usage_entry *e = &u->entries.items[i], *last = kept > 0 ? &u->entries.items[kept - 1] : NULL;
        if (last == NULL || strcmp(last->element, e->element) != 0 || strcmp(last->who, e->who) != 0 ||
            last->verb != e->verb)
            u->entries.items[kept++] = *e;
    }
    u->entries.count = kept;
}

/* `full` is the element or inside it. */
static bool covers(const char *element, size_t len, const char *full)
{
    return strncmp(full, element, len) == 0 && (full[len] == '\0' || full[len] == '.');
}

/* Whether the schema has something of this name. */
static bool known(const struct schema *s, const char *element)
{
    const char *dot = strrchr(element, '.');
    char outer[SCHEMA_NAME_MAX];
    if (schema_find(&s->messages, element) != NULL || schema_find(&s->enums, element) != NULL ||
        schema_find(&s->services, element) != NULL || schema_find(&s->extensions, element) != NULL)
        return true;
    if (dot == NULL || (size_t)(dot - element) >= sizeof outer)
        return false;
    memcpy(outer, element, (size_t)(dot - element));
    outer[dot - element] = '\0';
    const struct schema_element *e = schema_find(&s->messages, outer);
    for (size_t i = 0; e != NULL && i < e->message->n_field; i++)
        if (strcmp(e->message->field[i]->name, dot + 1) == 0)
            return true;
    for (size_t i = 0; e != NULL && i < e->message->n_oneof_decl; i++)
        if (strcmp(e->message->oneof_decl[i]->name, dot + 1) == 0)
            return true;
    e = schema_find(&s->services, outer);
    for (size_t i = 0; e != NULL && i < e->service->n_method; i++)
        if (strcmp(e->service->method[i]->name, dot + 1) == 0)
            return true;
    e = schema_find(&s->enums, outer);
    for (size_t i = 0; e != NULL && i < e->enumeration->n_value; i++)
        if (strcmp(e->enumeration->value[i]->name, dot + 1) == 0)
            return true;
    for (size_t i = 0; i < s->files.count; i++) /* a package */
        if (covers(element, strlen(element), s->files.items[i]->package))
            return true;
    return false;
}

int usage_of(const struct usage *u, const char *element, const struct usage_entry ***out, size_t *count)
{
    const struct schema_file *file = schema_file(u->schema, element);
    const char *dot = strrchr(element, '.');
    size_t len = strlen(element);
    *count = 0;
    *out = NULL;
    if (u->entries.count == 0)
        return 0;
    if (file == NULL && dot != NULL && !known(u->schema, element))
        len = (size_t)(dot - element);
    *out = calloc(u->entries.count, sizeof **out);
    if (*out == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < u->entries.count; i++) {
        const struct usage_entry *e = &u->entries.items[i];
        if (file != NULL ? e->schema_file == file : covers(element, len, e->element))
            (*out)[(*count)++] = e;
    }
    if (*count == 0) {
        free(*out);
        *out = NULL;
    }
    return 0;
}
