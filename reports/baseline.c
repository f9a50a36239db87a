#include "reports/baseline.h"

#include <string.h>

static bool is_print(const char *s)
{
    return strlen(s) == REPORT_PRINT_SIZE - 1 && strspn(s, "0123456789abcdef") == REPORT_PRINT_SIZE - 1;
}

static int read_entry(const struct node *n, struct baseline_entry *e, struct error *err)
{
    static const char *const keys[] = {"finding", "case",   "pillar", "suite",   "title",
                                       "oracle",  "target", "reason", "expires", NULL};
    const char *note = "";
    *e = (struct baseline_entry){.name = "", .pillar = "", .suite = "", .line = n->line, .column = n->column};
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "expected a map with finding or case, reason and expires, got %s",
                          node_kind_name(n->kind));
    int code = node_only_keys(n, keys, err);
    if (code == 0 && (node_get(n, "finding") != NULL) == (node_get(n, "case") != NULL))
        code = node_error(n, err, ERROR_INVALID, "an entry is one of \"finding\" and \"case\"");
    if (code == 0)
        code = node_may_text(n, "finding", &e->finding, err);
    if (code == 0 && e->finding != NULL && !is_print(e->finding))
        code = node_error(node_get(n, "finding"), err, ERROR_INVALID,
                          "expected a fingerprint, 16 hexadecimal digits in quotes, as --accept writes it");
    if (code == 0)
        code = node_may_text(n, "case", &e->name, err);
    if (code == 0)
        code = node_may_text(n, "pillar", &e->pillar, err);
    if (code == 0)
        code = node_may_text(n, "suite", &e->suite, err);
    const char *const notes[] = {"title", "oracle", "target"}; /* for who reads it */
    for (size_t i = 0; code == 0 && i < 3; i++)
        code = node_may_text(n, notes[i], &note, err);
    if (code == 0)
        code = consent_read(n, true, &e->consent, err);
    return code;
}

int baseline_read(struct document *document, struct baseline *out, struct error *err)
{
    const struct node *list;
    *out = (struct baseline){.document = document};
    int code = consent_list(document_root(document), "baseline", &list, err);
    for (size_t i = 0; code == 0 && list != NULL && i < list->list.count; i++) {
        struct baseline_entry e;
        code = read_entry(&list->list.items[i], &e, err);
        if (code == 0 && !array_push(&out->entries, e))
            code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    if (code != 0)
        baseline_deinit(out);
    return code;
}

void baseline_deinit(struct baseline *b)
{
    array_deinit(&b->entries);
    document_free(b->document);
    *b = (struct baseline){0};
}

static bool meet(struct baseline_entry *e, const char *today)
{
    bool in_time = consent_holds(&e->consent, today);
    e->used |= in_time;
    e->expired |= !in_time;
    return in_time;
}

bool baseline_has_finding(struct baseline *b, const struct report_finding *f, const char *today)
{
    char print[REPORT_PRINT_SIZE];
    bool known = false;
    report_finding_print(f, print);
    for (size_t i = 0; i < b->entries.count; i++) {
        struct baseline_entry *e = &b->entries.items[i];
        if (e->finding != NULL && strcmp(e->finding, print) == 0)
            known |= meet(e, today);
    }
    return known;
}

bool baseline_has_case(struct baseline *b, const struct report_case *c, const char *today)
{
    bool known = false;
    for (size_t i = 0; i < b->entries.count; i++) {
        struct baseline_entry *e = &b->entries.items[i];
        if (e->finding == NULL && strcmp(e->name, c->name) == 0 && strcmp(e->pillar, c->pillar) == 0 &&
            strcmp(e->suite, c->suite) == 0)
            known |= meet(e, today);
    }
    return known;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

void baseline_write_head(struct text *out)
{
    text_puts(out, "# Findings and failing cases that the gate lets pass until a day; see harrow gate --help.\n"
                   "baseline:\n");
}

static void put(struct text *out, const char *lead, const char *key, const char *value)
{
    text_printf(out, "%s%s: \"", lead, key);
    text_json(out, value, strlen(value)); /* what JSON calls text is text in YAML too */
    text_puts(out, "\"\n");
}

static void put_may(struct text *out, const char *key, const char *value)
{
    if (value[0] != 0)
        put(out, "    ", key, value);
}

void baseline_write_finding(struct text *out, const struct report_finding *f, const char *reason, const char *expires)
{
    char print[REPORT_PRINT_SIZE];
    report_finding_print(f, print);
    put(out, "  - ", "finding", print);
    put_may(out, "pillar", f->pillar);
    put_may(out, "oracle", f->oracle);
    put_may(out, "target", f->target);
    put_may(out, "title", f->title);
    put(out, "    ", "reason", reason);
    put(out, "    ", "expires", expires);
}

void baseline_write_case(struct text *out, const struct report_case *c, const char *reason, const char *expires)
{
    put(out, "  - ", "case", c->name);
    put_may(out, "pillar", c->pillar);
    put_may(out, "suite", c->suite);
    put(out, "    ", "reason", reason);
    put(out, "    ", "expires", expires);
}
