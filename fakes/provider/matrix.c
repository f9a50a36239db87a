#include "fakes/provider/matrix.h"

#include "base/json_build.h"
#include "fakes/consumer/plugin.h"

#include <stdlib.h>
#include <string.h>

struct cell {
    const char *consumer, *provider, *method;
    int64_t interactions, pending;
    bool passed, failed, missing; /* one was verified, one was not, one was not played */
    json_t *reads, *sends;        /* objects, as sets */
};

struct versions {
    const char *consumer, *consumer_version, *provider, *provider_version;
};

struct pact_matrix {
    struct arena arena;
    ARRAY(struct cell) cells;
    ARRAY(struct versions) versions;
};

int pact_matrix_new(struct pact_matrix **out)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? 0 : ERROR_MEMORY;
}

void pact_matrix_free(struct pact_matrix *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->cells.count; i++) {
        json_decref(m->cells.items[i].reads);
        json_decref(m->cells.items[i].sends);
    }
    array_deinit(&m->cells);
    array_deinit(&m->versions);
    arena_deinit(&m->arena);
    free(m);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Made when it is not there; NULL: no memory. */
static struct cell *cell_of(struct pact_matrix *m, const char *consumer, const char *provider, const char *method)
{
    for (size_t i = 0; i < m->cells.count; i++) {
        struct cell *c = &m->cells.items[i];
        if (same(c->consumer, consumer) && same(c->provider, provider) && same(c->method, method))
            return c;
    }
    struct cell c = {.consumer = arena_string(&m->arena, consumer),
                     .provider = arena_string(&m->arena, provider),
                     .method = arena_string(&m->arena, method),
                     .reads = json_object(),
                     .sends = json_object()};
    if ((c.consumer == NULL && consumer != NULL) || c.provider == NULL || c.method == NULL || c.reads == NULL ||
        c.sends == NULL || !array_push(&m->cells, c)) {
        json_decref(c.reads);
        json_decref(c.sends);
        return NULL;
    }
    return array_last(&m->cells);
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

/* "$.note.title", "$.notes[*].title": leaves and what is above them. */
static bool json_paths(const json_t *tree, struct text *path, json_t *out)
{
    const char *key;
    json_t *value;
    size_t len = path->len, i;
    if (json_is_array(tree)) {
        text_puts(path, "[*]");
        json_array_foreach((json_t *)(uintptr_t)tree, i, value)
        {
            if (!json_paths(value, path, out))
                return false;
        }
        text_truncate(path, len);
        return true;
    }
    json_object_foreach((json_t *)(uintptr_t)tree, key, value)
    {
        text_printf(path, ".%s", key);
        if (!text_ok(path) || json_object_set_new(out, text_string(path), json_true()) != 0 ||
            !json_paths(value, path, out))
            return false;
        text_truncate(path, len);
    }
    return true;
}

static bool message_fields(const struct pb_type *type, struct bytes wire, json_t *out)
{
    struct pact_content c = {.presence = PACT_THERE, .bytes = wire};
    int code = pact_content_decode(&c, type, false, NULL);
    bool ok = code != ERROR_MEMORY && (code != 0 || plugin_fields(type, c.json, out));
    json_decref(c.json);
    return ok;
}

static bool part_fields(const struct pact_part *part, const struct pb_type *type, json_t *out)
{
    struct text path = TEXT_INIT;
    if (part->content.presence != PACT_THERE)
        return true;
    if (type != NULL)
        return message_fields(type, part->content.bytes, out);
    text_char(&path, '$');
    bool ok = json_paths(part->content.json, &path, out);
    text_deinit(&path);
    return ok;
}

static bool request_fields(const struct pact_interaction *i, const struct pb_method *method, json_t *out)
{
    struct plugin_messages messages;
    if (method == NULL)
        return part_fields(&i->request, NULL, out);
    int code = plugin_requests(i, &messages, NULL);
    if (code != 0)
        return code != ERROR_MEMORY;
    bool ok = true;
    for (size_t k = 0; ok && k < messages.items.count; k++)
        ok = message_fields(method->input, text_bytes(&messages.items.items[k]), out);
    plugin_messages_deinit(&messages);
    return ok;
}

/* ---- gathering -------------------------------------------------------------------------------------------------- */

static struct cell *add(struct pact_matrix *m, const struct pact *pact, const struct pact_interaction *i,
                        const struct pb_method *method)
{
    struct text name = TEXT_INIT;
    const char *service = plugin_is_grpc(i) ? plugin_service(i) : NULL;
    if (method != NULL)
        text_puts(&name, method->path + 1);
    else if (service != NULL)
        text_puts(&name, service);
    else if (i->kind == PACT_HTTP)
        text_printf(&name, "%s %s", i->request.method != NULL ? i->request.method : "GET",
                    i->request.path != NULL ? i->request.path : "/");
    else
        text_puts(&name, i->description);
    struct cell *c = text_ok(&name) ? cell_of(m, pact->consumer, pact->provider, text_string(&name)) : NULL;
    text_deinit(&name);
    if (c == NULL)
        return NULL;
    bool known = method != NULL || service == NULL;
    bool ok = !known || request_fields(i, method, c->sends);
    for (size_t k = 0; ok && known && k < i->responses.count; k++)
        ok = part_fields(&i->responses.items[k], method != NULL ? method->output : NULL, c->reads);
    c->interactions++;
    c->pending += i->pending;
    return ok ? c : NULL;
}

int pact_matrix_add(struct pact_matrix *m, const struct pact *pact, const struct pact_interaction *i,
                    const struct pb_method *method)
{
    struct pb_pool *pool = NULL;
    if (method == NULL && plugin_is_grpc(i)) {
        int code = plugin_pool(pact, i, &pool, NULL);
        if (code == ERROR_MEMORY)
            return code;
        method = code == 0 ? plugin_method(pool, plugin_service(i)) : NULL;
    }
    struct cell *c = add(m, pact, i, method);
    if (c != NULL)
        c->missing = c->missing || !i->pending;
    pb_pool_free(pool);
    return c != NULL ? 0 : ERROR_MEMORY;
}

int pact_matrix_verified(struct pact_matrix *m, const struct provider_verdict *v)
{
    struct cell *c = add(m, v->pact, v->interaction, v->method);
    if (c == NULL)
        return ERROR_MEMORY;
    c->passed = c->passed || (v->outcome == PROVIDER_PASSED && !v->interaction->pending);
    c->failed = c->failed || v->outcome == PROVIDER_FAILED;
    c->missing = c->missing || v->outcome == PROVIDER_SKIPPED;
    return 0;
}

int pact_matrix_versions(struct pact_matrix *m, const char *consumer, const char *consumer_version,
                         const char *provider, const char *provider_version)
{
    struct versions v = {.consumer = arena_string(&m->arena, consumer),
                         .consumer_version = arena_string(&m->arena, consumer_version),
                         .provider = arena_string(&m->arena, provider),
                         .provider_version = arena_string(&m->arena, provider_version)};
    bool ok = v.consumer != NULL && v.provider != NULL && (v.consumer_version != NULL || consumer_version == NULL) &&
              (v.provider_version != NULL || provider_version == NULL) && array_push(&m->versions, v);
    return ok ? 0 : ERROR_MEMORY;
}

int pact_matrix_service(struct pact_matrix *m, const char *provider, const struct pb_service *service)
{
    for (size_t i = 0; i < service->method_count; i++) {
        const char *method = service->methods[i].path + 1;
        bool called = false;
        for (size_t k = 0; k < m->cells.count && !called; k++)
            called = same(m->cells.items[k].provider, provider) && same(m->cells.items[k].method, method);
        if (!called && cell_of(m, NULL, provider, method) == NULL)
            return ERROR_MEMORY;
    }
    return 0;
}

/* ---- emitting --------------------------------------------------------------------------------------------------- */

static int by_place(const void *left, const void *right)
{
    const struct cell *a = left, *b = right;
    int order = strcmp(a->provider, b->provider);
    if (order == 0)
        order = strcmp(a->method, b->method);
    return order != 0 ? order : strcmp(a->consumer != NULL ? a->consumer : "", b->consumer != NULL ? b->consumer : "");
}

static int by_name(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

/* The set as a list in order; NULL: it is empty, or there is no memory. */
static json_t *list_of(const json_t *set)
{
    size_t count = json_object_size(set), n = 0;
    const char **names = calloc(count + 1, sizeof *names), *key;
    json_t *list = count > 0 && names != NULL ? json_array() : NULL, *value;
    json_object_foreach((json_t *)(uintptr_t)set, key, value)
    {
        if (list != NULL)
            names[n++] = key;
    }
    if (n > 1)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        json_build_add(&list, json_string(names[i]));
    free(names);
    return list;
}

static void emit(const struct pact_matrix *m, const struct cell *c, struct result_stream *r)
{
    const char *consumer_version = NULL, *provider_version = NULL;
    for (size_t i = 0; i < m->versions.count; i++) {
        const struct versions *v = &m->versions.items[i];
        if (!same(v->provider, c->provider))
            continue;
        provider_version = v->provider_version;
        if (same(v->consumer, c->consumer))
            consumer_version = v->consumer_version;
    }
    json_t *line = json_pack("{s:s*, s:s, s:s, s:I, s:s*, s:s*, s:o*, s:o*}", "consumer", c->consumer, "provider",
                             c->provider, "method", c->method, "interactions", (json_int_t)c->interactions,
                             "consumer_version", consumer_version, "provider_version", provider_version, "reads",
                             list_of(c->reads), "sends", list_of(c->sends));
    if (c->pending > 0)
        json_build_set(&line, "pending", json_integer(c->pending));
    if (c->failed || (c->passed && !c->missing))
        json_build_set(&line, "verified", json_boolean(!c->failed));
    result_emit(r, "contract", line);
}

void pact_matrix_emit(const struct pact_matrix *m, struct result_stream *r)
{
    struct cell *sorted = calloc(m->cells.count + 1, sizeof *sorted);
    if (sorted == NULL) {
        r->broken = true;
        return;
    }
    if (m->cells.count > 0)
        memcpy(sorted, m->cells.items, m->cells.count * sizeof *sorted);
    qsort(sorted, m->cells.count, sizeof *sorted, by_place);
    for (size_t i = 0; i < m->cells.count; i++)
        emit(m, &sorted[i], r);
    free(sorted);
}
