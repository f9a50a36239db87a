#include "fakes/breaking/internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct breaking_rule breaking_rules[BREAKING_RULE_COUNT] = {
#define RULE(id, categories, purpose, fix) {#id, categories, purpose, fix},
    BREAKING_RULES(RULE)
#undef RULE
};

int breaking_rule_by_name(const char *id)
{
    for (int i = 0; i < BREAKING_RULE_COUNT; i++)
        if (strcmp(breaking_rules[i].id, id) == 0)
            return i;
    return -1;
}

unsigned breaking_category_by_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned category;
    } categories[] = {{"file", BREAKING_FILE},           {"package", BREAKING_PACKAGE},
                      {"wire-json", BREAKING_WIRE_JSON}, {"wire_json", BREAKING_WIRE_JSON},
                      {"wire", BREAKING_WIRE},           {"csr", BREAKING_CSR}};
    for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++)
        if (strcasecmp(categories[i].name, name) == 0)
            return categories[i].category;
    return 0;
}

struct breaking_rules_set breaking_rules_of(unsigned category)
{
    struct breaking_rules_set set;
    for (int i = 0; i < BREAKING_RULE_COUNT; i++)
        set.on[i] = (breaking_rules[i].categories & category) != 0;
    return set;
}

const char *breaking_name(struct comparison *c, const char *outer, const char *inner)
{
    const char *name = *outer != '\0' ? arena_printf(&c->out->arena, "%s.%s", outer, inner) : inner;
    c->no_memory |= name == NULL;
    return name != NULL ? name : "";
}

void breaking_tell(struct comparison *c, enum breaking_rule_id rule, struct schema_place now,
                   struct schema_place before, const char *element, const char *format, ...)
{
    if (!c->rules->on[rule])
        return;
    struct text message = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    struct breaking_finding f = {.rule = rule,
                                 .place = now,
                                 .before = before,
                                 .element = element,
                                 .message = arena_string(&c->out->arena, text_string(&message))};
    if (!text_ok(&message) || f.message == NULL || !array_push(&c->out->findings, f))
        c->no_memory = true;
    text_deinit(&message);
}

static int by_place(const void *a, const void *b)
{
    const struct breaking_finding *x = a, *y = b;
    const char *xf = *x->place.file != '\0' ? x->place.file : x->before.file;
    const char *yf = *y->place.file != '\0' ? y->place.file : y->before.file;
    int order = strcmp(xf, yf);
    if (order == 0)
        order = (x->place.line > y->place.line) - (x->place.line < y->place.line);
    if (order == 0)
        order = (x->place.column > y->place.column) - (x->place.column < y->place.column);
    if (order == 0)
        order = (int)x->rule - (int)y->rule;
    return order != 0 ? order : strcmp(x->message, y->message);
}

int breaking_check(const struct schema *before, const struct schema *now, const struct breaking_rules_set *rules,
                   struct breaking *out, struct error *err)
{
    *out = (struct breaking){0};
    struct comparison c = {.before = before, .now = now, .rules = rules, .out = out};
    breaking_files(&c);
    breaking_packages(&c);
    breaking_messages(&c);
    breaking_fields(&c);
    breaking_enums(&c);
    breaking_services(&c);
    if (c.no_memory) {
        breaking_deinit(out);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (out->findings.count > 0)
        qsort(out->findings.items, out->findings.count, sizeof out->findings.items[0], by_place);
    return 0;
}

void breaking_deinit(struct breaking *b)
{
    array_deinit(&b->findings);
    arena_deinit(&b->arena);
}
