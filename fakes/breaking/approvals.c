#include "fakes/breaking/approvals.h"

#include <string.h>

static int read_rule(const struct node *n, struct approval *a, struct error *err)
{
    const char *name;
    int code = node_need_text(n, "rule", &name, err);
    if (code != 0)
        return code;
    a->rule = breaking_rule_by_name(name);
    a->category = a->rule < 0 ? breaking_category_by_name(name) : 0;
    if (a->rule >= 0 || a->category != 0)
        return 0;
    const char *names[BREAKING_RULE_COUNT + 1] = {0};
    for (int i = 0; i < BREAKING_RULE_COUNT; i++)
        names[i] = breaking_rules[i].id;
    const char *near = nearest_word(name, names);
    return node_error(node_get(n, "rule"), err, ERROR_INVALID,
                      "\"%s\" is neither a rule nor a category (file, package, wire-json, wire, csr)%s%s%s", name,
                      near != NULL ? ": did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

static int read_approval(const struct node *n, struct approval *a, struct error *err)
{
    static const char *const keys[] = {"rule", "element", "reason", "expires", NULL};
    *a = (struct approval){.rule = -1, .line = n->line, .column = n->column};
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "expected a map with rule, element and reason, got %s",
                          node_kind_name(n->kind));
    int code = node_only_keys(n, keys, err);
    if (code == 0)
        code = read_rule(n, a, err);
    if (code == 0)
        code = node_need_text(n, "element", &a->element, err);
    if (code == 0)
        code = consent_read(n, false, &a->consent, err);
    return code;
}

int approvals_read(struct document *document, struct approvals *out, struct error *err)
{
    const struct node *list;
    *out = (struct approvals){.document = document};
    int code = consent_list(document_root(document), "approvals", &list, err);
    for (size_t i = 0; code == 0 && list != NULL && i < list->list.count; i++) {
        struct approval a;
        code = read_approval(&list->list.items[i], &a, err);
        if (code == 0 && !array_push(&out->list, a))
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (code != 0)
        approvals_deinit(out);
    return code;
}

void approvals_deinit(struct approvals *a)
{
    array_deinit(&a->list);
    document_free(a->document);
    *a = (struct approvals){0};
}

/* A pattern in which * stands for any characters; goes back to the last star, so it takes time by text times pattern.
 */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *from = text;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool approves(const struct approval *a, const struct breaking_finding *f)
{
    bool rule = a->rule >= 0 ? a->rule == (int)f->rule : (breaking_rules[f->rule].categories & a->category) != 0;
    return rule && (matches(a->element, f->element) || matches(a->element, f->before.file));
}

size_t approvals_apply(struct approvals *a, struct breaking *b, const char *today)
{
    size_t open = 0;
    for (size_t i = 0; i < b->findings.count; i++) {
        struct breaking_finding *f = &b->findings.items[i];
        for (size_t k = 0; k < a->list.count && f->reason == NULL; k++) {
            struct approval *one = &a->list.items[k];
            if (!approves(one, f))
                continue;
            if (!consent_holds(&one->consent, today)) {
                one->expired = true;
            } else {
                f->reason = one->consent.reason;
                one->used++;
            }
        }
        open += f->reason == NULL;
    }
    return open;
}
