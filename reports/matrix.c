#include "reports/matrix.h"

#include "base/array.h"

#include <jansson.h>
#include <stdlib.h>

/* ---- from the line ---- */

static int wrong(const struct report *r, struct error *err, const char *key, const char *what)
{
    return error_set_at(err, ERROR_INVALID, r->source, (int)r->lines, 0, "a contract's \"%s\" must be %s", key, what);
}

/* A member that may be left out; of a required one "" is refused. */
static int read_text(struct report *r, const json_t *line, const char *key, bool required, const char **out,
                     struct error *err)
{
    const json_t *value = json_object_get(line, key);
    *out = "";
    if (value == NULL || json_is_null(value))
        return required ? wrong(r, err, key, "there") : 0;
    if (!json_is_string(value))
        return wrong(r, err, key, "text");
    if (required && json_string_length(value) == 0)
        return wrong(r, err, key, "there");
    *out = report_copy(&r->arena, value);
    return *out == NULL ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
}

static int read_count(struct report *r, const json_t *line, const char *key, bool required, uint64_t *out,
                      struct error *err)
{
    const json_t *value = json_object_get(line, key);
    if (value == NULL || json_is_null(value))
        return required ? wrong(r, err, key, "there") : 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong(r, err, key, "a whole number of at least 0");
    *out = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_names(struct report *r, const json_t *line, const char *key, struct report_names *out,
                      struct error *err)
{
    const json_t *value = json_object_get(line, key);
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_array(value))
        return wrong(r, err, key, "a list of texts");
    size_t count = json_array_size(value);
    out->items = arena_alloc(&r->arena, (count + 1) * sizeof *out->items);
    if (out->items == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(value, i);
        if (!json_is_string(name))
            return wrong(r, err, key, "a list of texts");
        out->items[i] = report_copy(&r->arena, name);
        if (out->items[i] == NULL)
            return error_set(err, ERROR_MEMORY, "out of memory");
    }
    out->count = count;
    return 0;
}

int report_contract_read(struct report *r, const json_t *line, struct error *err)
{
    struct report_contract c = {.pending = 0};
    const json_t *verified = json_object_get(line, "verified");
    int rc;
    if ((rc = read_text(r, line, "consumer", false, &c.consumer, err)) != 0 ||
        (rc = read_text(r, line, "provider", true, &c.provider, err)) != 0 ||
        (rc = read_text(r, line, "method", true, &c.method, err)) != 0 ||
        (rc = read_text(r, line, "consumer_version", false, &c.consumer_version, err)) != 0 ||
        (rc = read_text(r, line, "provider_version", false, &c.provider_version, err)) != 0 ||
        (rc = read_count(r, line, "interactions", true, &c.interactions, err)) != 0 ||
        (rc = read_count(r, line, "pending", false, &c.pending, err)) != 0 ||
        (rc = read_names(r, line, "reads", &c.reads, err)) != 0 ||
        (rc = read_names(r, line, "sends", &c.sends, err)) != 0)
        return rc;
    if (verified != NULL && !json_is_boolean(verified) && !json_is_null(verified))
        return wrong(r, err, "verified", "true or false, or left out");
    c.played = json_is_boolean(verified);
    c.verified = json_is_true(verified);
    return array_push(&r->contracts, c) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- the matrix ---- */

enum matrix_state matrix_state(const struct report_contract *c)
{
    return !c->played ? MATRIX_UNPLAYED : c->verified ? MATRIX_VERIFIED : MATRIX_FAILED;
}

const char *matrix_state_name(enum matrix_state s)
{
    static const char *const names[] = {"verified", "failed", "not verified"};
    return names[s];
}

/* Lines that say the same stand side by side, the latest first. */
static int by_name(const void *a, const void *b)
{
    const struct report_contract *const x = *(const struct report_contract *const *)a,
                                        *const y = *(const struct report_contract *const *)b;
    int order = strcmp(x->provider, y->provider);
    if (order == 0)
        order = strcmp(x->method, y->method);
    if (order == 0)
        order = strcmp(x->consumer, y->consumer);
    return order != 0 ? order : (x < y) - (x > y);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t lines_of_method(const struct report_contract *const *lines, size_t count)
{
    size_t n = 1;
    while (n < count && strcmp(lines[n]->method, lines[0]->method) == 0)
        n++;
    return n;
}

/* `lines` are all of one provider. */
static bool add_provider(struct matrix *m, const struct report_contract **lines, size_t count)
{
    struct matrix_provider *p = &m->providers[m->count++];
    p->name = lines[0]->provider;
    p->methods = arena_alloc(&m->arena, count * sizeof *p->methods);
    p->consumers = arena_alloc(&m->arena, count * sizeof *p->consumers);
    if (p->methods == NULL || p->consumers == NULL)
        return false;
    for (size_t at = 0, n; at < count; at += n) {
        n = lines_of_method(lines + at, count - at);
        struct matrix_method *method = &p->methods[p->method_count++];
        *method = (struct matrix_method){.name = lines[at]->method, .calls = lines + at};
        const char *last = ""; /* nobody's, and what a later line has replaced, are passed over */
        size_t kept = 0;
        for (size_t i = at; i < at + n; i++) {
            const struct report_contract *c = lines[i];
            if (strcmp(c->consumer, last) == 0)
                continue;
            last = c->consumer;
            p->states[matrix_state(c)] += c->interactions;
            method->interactions += c->interactions;
            p->consumers[p->consumer_count++] = c->consumer;
            method->calls[kept++] = c;
        }
        method->count = kept;
        p->interactions += method->interactions;
        p->uncalled += kept == 0;
    }
    if (p->consumer_count == 0)
        return true;
    qsort(p->consumers, p->consumer_count, sizeof *p->consumers, by_text);
    size_t kept = 1;
    for (size_t i = 1; i < p->consumer_count; i++)
        if (strcmp(p->consumers[i], p->consumers[kept - 1]) != 0)
            p->consumers[kept++] = p->consumers[i];
    p->consumer_count = kept;
    return true;
}

bool matrix_build(const struct report *r, struct matrix *m)
{
    *m = (struct matrix){.count = 0};
    size_t count = r->contracts.count;
    if (count == 0)
        return true;
    const struct report_contract **lines = arena_alloc(&m->arena, count * sizeof *lines);
    m->providers = arena_alloc(&m->arena, count * sizeof *m->providers);
    if (lines == NULL || m->providers == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        lines[i] = &r->contracts.items[i];
    qsort(lines, count, sizeof *lines, by_name);
    for (size_t at = 0, n; at < count; at += n) {
        n = 1;
        while (at + n < count && strcmp(lines[at + n]->provider, lines[at]->provider) == 0)
            n++;
        if (!add_provider(m, lines + at, n))
            return false;
    }
    return true;
}

void matrix_deinit(struct matrix *m)
{
    arena_deinit(&m->arena);
}
