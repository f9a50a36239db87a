/* Bodies of several parts (RFC 2046; multipart/form-data: RFC 7578): a strict parser over a whole body, which it only
 * borrows.
 *
 * Strict: the body begins with the boundary and ends with the closing one (an epilogue of line breaks is forgiven),
 * lines end in CRLF, a header folded over lines is refused. Of a form every part has one Content-Disposition of type
 * form-data with a name, and a Content-Transfer-Encoding other than 7bit, 8bit and binary is refused; in other bodies
 * parts may be without a name, and the encoding is the caller's affair. Extended parameters (filename*) are left aside,
 * as the RFC says. In a quoted name %22, %0D and %0A stand for what browsers escape that way. */
#ifndef WIRE_MULTIPART_H
#define WIRE_MULTIPART_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */
#define MULTIPART_PARTS_MAX    1000
#define MULTIPART_HEADERS_MAX  16             /* header lines of a part */
#define MULTIPART_HEAD_MAX     ((size_t)8192) /* bytes of them */

enum multipart_kind { MULTIPART_FORM, MULTIPART_ANY };

struct multipart_part {
    const char *name;         /* in the arena, as all strings; NULL: none, or an empty one (never of a form) */
    const char *filename;     /* NULL: a plain value */
    const char *content_type; /* NULL: none said */
    bool disposed;            /* it has a Content-Disposition */
    struct bytes head;        /* its header lines, each with its CR LF, and content: borrowed from the body */
    struct bytes content;
};

/* The boundary out of `multipart/form-data; boundary=...`. */
int multipart_boundary(const char *content_type, char out[MULTIPART_BOUNDARY_MAX + 1], struct error *err);
/* The next of a part's header lines, taken off `head`, which multipart_parse() found to be right. False: no more. */
bool multipart_header(struct bytes *head, struct bytes *name, struct bytes *value);
/* Calls part() for each; its error ends the walk and is returned. */
int multipart_parse(enum multipart_kind kind, struct bytes body, const char *boundary, struct arena *arena,
                    int (*part)(void *arg, const struct multipart_part *part, struct error *err), void *arg,
                    struct error *err);

#endif
