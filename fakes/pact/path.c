#include "fakes/pact/path.h"

#include <stdint.h>
#include <stdlib.h>

struct parser {
    const char *text, *at;
    struct arena *arena;
    const char *why;
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '@' || c == '#' || c == ':' || c == '/' || (unsigned char)c >= 0x80;
}

static bool fail(struct parser *p, const char *why)
{
    p->why = why;
    return false;
}

/* "name" behind a dot, or "*". */
static bool read_name(struct parser *p, struct path_token *out)
{
    if (*p->at == '*') {
        p->at++;
        out->kind = PATH_ANY;
        return true;
    }
    const char *start = p->at;
    while (is_plain(*p->at))
        p->at++;
    if (p->at == start)
        return fail(p, "a name or * is missing behind the dot (a name with other characters is written ['so'])");
    out->kind = PATH_FIELD;
    out->name = arena_string_n(p->arena, start, (size_t)(p->at - start));
    return out->name != NULL;
}

/* What stands between the quotes, a backslash before a quote or a backslash taken away. */
static bool read_quoted(struct parser *p, struct path_token *out)
{
    char quote = *p->at++;
    struct text name = TEXT_INIT;
    for (; *p->at != quote; p->at++) {
        if (*p->at == '\\' && p->at[1] != '\0')
            p->at++;
        if (*p->at == '\0') {
            text_deinit(&name);
            return fail(p, "the quote has no end");
        }
        text_char(&name, *p->at);
    }
    p->at++;
    out->kind = PATH_FIELD;
    out->name = text_ok(&name) ? arena_string(p->arena, text_string(&name)) : NULL;
    text_deinit(&name);
    return out->name != NULL;
}

static bool read_brackets(struct parser *p, struct path_token *out)
{
    if (*p->at == '\'' || *p->at == '"') {
        if (!read_quoted(p, out))
            return false;
    } else if (*p->at == '*') {
        p->at++;
        out->kind = PATH_ANY_INDEX;
    } else {
        size_t index = 0;
        const char *start = p->at;
        for (; *p->at >= '0' && *p->at <= '9'; p->at++) {
            if (index > SIZE_MAX / 10 - 10)
                return fail(p, "the index is too large");
            index = index * 10 + (size_t)(*p->at - '0');
        }
        if (p->at == start)
            return fail(p, "an index, * or a name in quotes is missing in the brackets");
        out->kind = PATH_INDEX;
        out->index = index;
    }
    if (*p->at != ']')
        return fail(p, "the bracket is not closed by ]");
    p->at++;
    return true;
}

bool pact_path_parse(const char *text, struct arena *arena, struct pact_path *out, const char **why, size_t *at)
{
    struct parser p = {.text = text, .at = text, .arena = arena};
    size_t most = 0;
    for (const char *c = text; *c != '\0'; c++)
        most += *c == '.' || *c == '[';
    struct path_token *tokens = ARENA_NEW_N(arena, struct path_token, most + 1);
    bool ok = tokens != NULL;
    *out = (struct pact_path){tokens, 0};
    /* A bare name is a path too: some writers leave the root out. */
    if (ok && *p.at == '$')
        p.at++;
    else if (ok && *p.at != '\0' && *p.at != '.' && *p.at != '[')
        ok = read_name(&p, &tokens[out->count++]);
    while (ok && *p.at != '\0') {
        char c = *p.at++;
        struct path_token *t = &tokens[out->count];
        ok = c == '.'   ? read_name(&p, t)
             : c == '[' ? read_brackets(&p, t)
                        : fail(&p, "expected . or [ here (a name with other characters is written ['so'])");
        out->count++;
    }
    *why = ok ? NULL : p.why;
    *at = (size_t)(p.at - text);
    return ok;
}

static bool is_index(const char *key, size_t *index)
{
    char *end;
    if (*key < '0' || *key > '9')
        return false;
    *index = (size_t)strtoull(key, &end, 10);
    return *end == '\0';
}

static unsigned fit(const struct path_token *t, const struct path_step *s)
{
    size_t index = s->index;
    bool indexed = s->key == NULL;
    switch (t->kind) {
    case PATH_FIELD:
        return s->key != NULL ? (strcmp(t->name, s->key) == 0 ? 2 : 0)
                              : (is_index(t->name, &index) && index == s->index ? 2 : 0);
    case PATH_INDEX:
        return (indexed || is_index(s->key, &index)) && index == t->index ? 2 : 0;
    case PATH_ANY_INDEX:
        return indexed || is_index(s->key, &index) ? 1 : 0;
    case PATH_ANY:
        return 1;
    }
    return 0;
}

double pact_path_weight(const struct pact_path *p, const struct path_step *steps, size_t depth)
{
    if (p->count > depth)
        return 0;
    double weight = 2;
    for (size_t i = 0; i < p->count && weight > 0; i++)
        weight *= fit(&p->tokens[i], &steps[i]);
    return weight * (double)(p->count + 1);
}

void pact_path_print_key(struct text *out, const char *key)
{
    const char *c = key;
    while (is_plain(*c))
        c++;
    if (*c == '\0' && c > key) {
        text_printf(out, ".%s", key);
        return;
    }
    text_puts(out, "['");
    for (c = key; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\')
            text_char(out, '\\');
        text_char(out, *c);
    }
    text_puts(out, "']");
}

void pact_path_print(struct text *out, const struct path_step *steps, size_t depth)
{
    text_char(out, '$');
    for (size_t i = 0; i < depth; i++)
        if (steps[i].key != NULL)
            pact_path_print_key(out, steps[i].key);
        else
            text_printf(out, "[%zu]", steps[i].index);
}
