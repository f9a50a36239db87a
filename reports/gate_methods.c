#include "reports/gate.h"
#include "reports/model.h"

#include <string.h>

static bool add(struct gate_methods *m, const char *name, size_t len, unsigned covered)
{
    uintptr_t at = (uintptr_t)map_get_n(&m->places, name, len);
    if (at == 0) {
        struct gate_method method = {.name = arena_string_n(&m->arena, name, len)};
        if (method.name == NULL || !array_push(&m->items, method))
            return false;
        at = m->items.count;
        if (!map_put_n(&m->places, name, len, (void *)at))
            return false;
    }
    m->items.items[at - 1].covered |= covered;
    return true;
}

static bool add_steps(struct gate_methods *m, const struct report_case *c)
{
    for (const struct report_step *s = c->steps; s != NULL; s = s->next) {
        size_t len = 0;
        const char *name = report_method_in(s->name, &len);
        if (name != NULL && !add(m, name, len, 1U << GATE_E2E))
            return false;
    }
    return true;
}

/* A name that is a method and nothing else, with or without the slash that HTTP/2 puts before it; NULL: it is none. */
static const char *whole_method(const char *name, size_t *len)
{
    const char *bare = name[0] == '/' ? name + 1 : name;
    return report_method_in(bare, len) == bare && bare[*len] == 0 ? bare : NULL;
}

bool gate_methods_find(const struct report *r, struct gate_methods *out)
{
    *out = (struct gate_methods){0};
    for (size_t i = 0; i < r->cases.count; i++) {
        const struct report_case *c = &r->cases.items[i];
        size_t len = 0;
        const char *name = strcmp(c->pillar, "fuzz") == 0 ? whole_method(c->name, &len) : NULL;
        if (name != NULL && !add(out, name, len, c->status == REPORT_SKIPPED ? 0 : 1U << GATE_FUZZ))
            return false;
        if (strcmp(c->pillar, "e2e") == 0 && c->status != REPORT_SKIPPED && !add_steps(out, c))
            return false;
    }
    for (size_t i = 0; i < r->contracts.count; i++) {
        const struct report_contract *c = &r->contracts.items[i];
        size_t len = 0;
        const char *name = whole_method(c->method, &len);
        if (name != NULL && !add(out, name, len, c->interactions > 0 && c->played ? 1U << GATE_CONTRACT : 0))
            return false;
    }
    return true;
}

void gate_methods_deinit(struct gate_methods *m)
{
    map_deinit(&m->places);
    array_deinit(&m->items);
    arena_deinit(&m->arena);
}
