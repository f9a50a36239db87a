/* What the fuzz targets of the two document readers share. */
#ifndef BASE_DOCUMENT_FUZZ_H
#define BASE_DOCUMENT_FUZZ_H

#include "base/document.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_place(const struct document *d, int line, int column)
{
    if (line < 1 || column < 1)
        abort();
    /* One more than there are bytes: an empty value may stand at the end of its line. */
    if ((size_t)column > document_line(d, line).len + 1)
        abort();
}

static void fuzz_check(const struct node *n, int depth)
{
    if (depth > DOCUMENT_DEPTH_MAX + 1)
        abort();
    fuzz_place(n->document, n->line, n->column);
    if (n->kind == NODE_TEXT && n->text.data[n->text.len] != '\0')
        abort();
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count; i++)
        fuzz_check(&n->list.items[i], depth + 1);
    for (size_t i = 0; n->kind == NODE_MAP && i < n->map.count; i++) {
        fuzz_place(n->document, n->map.pairs[i].key_line, n->map.pairs[i].key_column);
        fuzz_check(&n->map.pairs[i].value, depth + 1);
    }
}

/* NULL when refused; then there must be a message and a place. */
static struct document *fuzz_read(int (*parse)(struct bytes, const char *, struct document **, struct error *),
                                  struct bytes input)
{
    struct document *d = NULL;
    struct error e = ERROR_INIT;
    int code = parse(input, "fuzz", &d, &e);
    if ((code == 0) != (d != NULL) || code != e.code || (code && (!e.message || e.line < 1 || e.column < 1)))
        abort();
    error_clear(&e);
    if (d)
        fuzz_check(document_root(d), 1);
    return d;
}

#endif
