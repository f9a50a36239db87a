#include "fakes/stub/match.h"

#include <stdlib.h>

struct matcher {
    struct arena arena;
    struct plan plan;
    struct patterns patterns;
    struct matching matching;
    struct scan scan;
};

int matcher_new(const struct pb_type *type, const struct node *expected, struct matcher **out, struct error *err)
{
    struct matcher *m = calloc(1, sizeof *m);
    if (m == NULL || !plan_init(&m->plan, &m->arena, type, "")) {
        matcher_free(m);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    struct match_compiler c = {
        .arena = &m->arena, .plan = &m->plan, .patterns = &m->patterns, .out = &m->matching, .err = err, .apart = true};
    int code = match_compile(&c, expected);
    if (code != 0)
        matcher_free(m);
    else
        *out = m;
    return code;
}

void matcher_free(struct matcher *m)
{
    if (m == NULL)
        return;
    scan_deinit(&m->scan);
    matching_deinit(&m->matching, &m->patterns);
    patterns_deinit(&m->patterns);
    arena_deinit(&m->arena);
    free(m);
}

static bool look(struct matcher *m, struct bytes message, struct subject *x)
{
    m->scan.slots.count = m->scan.occurrences.count = 0;
    m->scan.failed = false;
    *x = (struct subject){.scan = &m->scan, .message = message, .base = scan_open(&m->scan, &m->plan)};
    return x->base != SIZE_MAX && scan_message(&m->scan, x->base, m->plan.root, message);
}

bool matcher_holds(struct matcher *m, struct bytes message)
{
    struct subject x;
    if (!look(m, message, &x))
        return false;
    for (size_t i = 0; i < m->matching.tests.count; i++)
        if (!test_holds(&x, m->matching.tests.items[i]))
            return false;
    return !m->scan.failed;
}

static void differ(void *arg, const char *path, const char *expected, const char *actual, double near)
{
    (void)near;
    text_printf(arg, "%s%sexpected %s, got %s\n", path, path[0] != '\0' ? ": " : "", expected, actual);
}

void matcher_differences(struct matcher *m, struct bytes message, struct text *out)
{
    struct subject x;
    if (!look(m, message, &x)) {
        text_puts(out, "the message is malformed\n");
        return;
    }
    for (size_t i = 0; i < m->matching.tests.count; i++)
        test_explain(&x, &m->plan, m->matching.tests.items[i], differ, out);
}
