#include "runtime/service/rules.h"

#include <string.h>

/* Insertion: lists are short and mostly sorted, and equal priorities keep their order. */
void rules_sort(struct rule *rules, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct rule moved = rules[i];
        size_t at = i;
        for (; at > 0 && rules[at - 1].priority < moved.priority; at--)
            rules[at] = rules[at - 1];
        rules[at] = moved;
    }
}

static bool is_any(const char *word)
{
    return word[0] == '*' && word[1] == '\0';
}

bool rule_is_about(const struct rule *r, const char *type, const char *name)
{
    return (is_any(r->type) || strcmp(r->type, type) == 0) && (is_any(r->name) || strcmp(r->name, name) == 0);
}

static bool matches_endpoint(const char *pattern, const char *endpoint)
{
    if (is_any(pattern))
        return true;
    size_t len = strlen(pattern);
    if (len >= 2 && pattern[len - 1] == '*' && (pattern[len - 2] == '/' || pattern[len - 2] == '.'))
        return strncmp(pattern, endpoint, len - 1) == 0;
    return strcmp(pattern, endpoint) == 0;
}

bool rules_grant(const struct rule *rules, size_t count, const char *namespace, const struct micro_account *a,
                 const struct rule_resource *resource)
{
    for (size_t i = 0; i < count; i++) {
        const struct rule *r = &rules[i];
        if (r->access == RULE_NONE || !rule_is_about(r, resource->type, resource->name) ||
            !matches_endpoint(r->endpoint, resource->endpoint))
            continue;
        if (r->scope[0] == '\0')
            return r->access == RULE_GRANTED;
        if (!a)
            continue;
        bool anywhere = strcmp(r->scope, "+") == 0;
        if (!anywhere && strcmp(a->issuer, namespace) != 0)
            return false;
        if (anywhere || is_any(r->scope) || micro_has_scope(a, r->scope))
            return r->access == RULE_GRANTED;
    }
    return false;
}
