#include "fakes/pact/generate.h"
#include "fakes/pact/xml.h"

#include <stdlib.h>

struct change {
    struct xml_span span; /* what goes */
    const char *value;    /* what comes, not yet escaped */
    const char *close;    /* of an element that had no end tag: its name */
};

struct changes {
    struct generation *g;
    const struct pact_generator *by;
    struct bytes in;
    ARRAY(struct change) items;
};

static void change(struct changes *all, struct xml_span span, const char *example, const char *close)
{
    struct change c = {span, generation_text(all->g, all->by, example), close};
    if (c.value != NULL && !array_push(&all->items, c))
        (void)generation_no_memory(all->g);
}

static void change_text(struct changes *all, const struct xml_element *e)
{
    bool open = all->in.data[e->end] != '/' || e->runs != NULL;
    for (const struct xml_run *r = e->runs; r != NULL; r = r->next)
        change(all, r->span, e->text, NULL);
    if (e->runs == NULL)
        change(all, (struct xml_span){e->end, open ? 0 : 2}, "", open ? NULL : e->written);
}

static bool is_named(const struct path_token *t, const char *name, const char *written)
{
    return t->kind == PATH_ANY ||
           (t->kind == PATH_FIELD && (strcmp(t->name, name) == 0 || strcmp(t->name, written) == 0));
}

static size_t place_of(const struct xml_element *first, const struct xml_element *e)
{
    size_t n = 0;
    for (; first != e; first = first->next)
        n += strcmp(first->name, e->name) == 0;
    return n;
}

/* Where the tokens lead from an element on. */
static void walk(struct changes *all, const struct xml_element *e, const struct path_token *t, size_t n)
{
    if (n == 0 || (n == 1 && t->kind == PATH_FIELD && strcmp(t->name, "#text") == 0)) {
        change_text(all, e);
        return;
    }
    if (n == 1 && t->kind == PATH_FIELD && t->name[0] == '@')
        for (const struct xml_attribute *a = e->attributes; a != NULL; a = a->next)
            if (strcmp(t->name + 1, a->name) == 0 || strcmp(t->name + 1, a->written) == 0)
                change(all, a->span, a->value, NULL);
    for (const struct xml_element *c = e->children; c != NULL && all->g->rc == 0; c = c->next) {
        bool indexed = n > 1 && (t[1].kind == PATH_INDEX || t[1].kind == PATH_ANY_INDEX);
        if (is_named(t, c->name, c->written) &&
            (!indexed || t[1].kind == PATH_ANY_INDEX || t[1].index == place_of(e->children, c)))
            walk(all, c, t + 1 + indexed, n - 1 - indexed);
    }
}

static int by_place(const void *a, const void *b)
{
    size_t x = ((const struct change *)a)->span.at, y = ((const struct change *)b)->span.at;
    return x < y ? -1 : x > y;
}

static void apply(struct changes *all, struct text *out)
{
    size_t at = 0;
    qsort(all->items.items, all->items.count, sizeof *all->items.items, by_place);
    for (size_t i = 0; i < all->items.count; i++) {
        const struct change *c = &all->items.items[i];
        text_add(out, all->in.data + at, c->span.at - at);
        text_puts(out, c->close != NULL ? ">" : "");
        text_xml(out, c->value, strlen(c->value));
        if (c->close != NULL)
            text_printf(out, "</%s>", c->close);
        at = c->span.at + c->span.len;
    }
    text_add(out, all->in.data + at, all->in.len - at);
}

void generate_xml(struct generation *g, const struct pact_generator *by, struct pact_content *c)
{
    struct changes all = {.g = g, .by = by, .in = c->bytes};
    struct xml_element *root;
    struct pact_path path;
    struct text out = TEXT_INIT;
    struct error why = ERROR_INIT;
    if (generation_path(g, by->path, &path) != 0)
        return;
    int rc = xml_parse(c->bytes, "the pact's body", g->arena, &root, &why);
    if (rc != 0)
        g->rc = error_set(g->err, rc, "the generator %s at %s: the body is no XML document (line %d, column %d: %s)",
                          by->type, by->path, why.line, why.column, why.message);
    error_clear(&why);
    if (g->rc == 0 && path.count > 0 && is_named(path.tokens, root->name, root->written))
        walk(&all, root, path.tokens + 1, path.count - 1);
    if (g->rc == 0 && all.items.count > 0) {
        apply(&all, &out);
        c->bytes = BYTES(text_ok(&out) ? arena_copy(g->arena, text_string(&out), out.len) : NULL, out.len);
        if (c->bytes.data == NULL)
            (void)generation_no_memory(g);
    }
    text_deinit(&out);
    array_deinit(&all.items);
}
