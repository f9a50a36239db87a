/* What the two readers of documents share: the document's inside, its memory, and places in its text.
 *
 * A reader makes the document with document_new(), fills `root` with nodes from `arena`, and hands it out or frees it.
 * Places are byte offsets until the last moment: document_place() turns one into a line and a column, counted in code
 * points, over a table of line starts. A line ends with LF, CR LF, or CR. */
#ifndef BASE_DOCUMENT_BUILD_H
#define BASE_DOCUMENT_BUILD_H

#include "base/arena.h"
#include "base/document.h"

struct document {
    struct arena arena; /* nodes, texts, and what follows */
    const char *name;
    struct bytes input; /* own copy */
    size_t *lines;      /* offset of each line's first byte */
    size_t line_count;
    struct node root;
    size_t last_offset; /* the last place asked for and its answer: readers go forward, */
    int last_line;      /* so that counting a long line's code points starts from there */
    int last_column;
};

/* Copies name and input. Refuses what is too large, is not UTF-8, or holds ASCII control characters other than tab and
 * line ends; with `printable` also DEL, C1 controls and the two noncharacters that YAML forbids and JSON does not. */
int document_new(struct bytes input, const char *name, bool printable, struct document **out, struct error *err);
void document_place(struct document *d, size_t offset, int *line, int *column);
/* An error at a byte offset; what the format makes is the message. Returns code. */
int document_error(struct document *d, size_t offset, struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int document_no_memory(const struct document *d, struct error *err);

#endif
