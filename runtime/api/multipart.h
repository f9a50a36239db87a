/* multipart/form-data (RFC 7578, on RFC 2046): a strict parser over a whole body, which it only borrows.
 *
 * Strict: the body begins with the boundary and ends with the closing one (an epilogue of line breaks is forgiven),
 * lines end in CRLF, every part has one Content-Disposition of type form-data with a name, a header folded over lines
 * or a Content-Transfer-Encoding other than 7bit, 8bit and binary is refused. Extended parameters (filename*) are left
 * aside, as the RFC says. In a quoted name %22, %0D and %0A stand for what browsers escape that way. */
#ifndef RUNTIME_API_MULTIPART_H
#define RUNTIME_API_MULTIPART_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */
#define MULTIPART_PARTS_MAX    1000
#define MULTIPART_HEADERS_MAX  16             /* header lines of a part */
#define MULTIPART_HEAD_MAX     ((size_t)8192) /* bytes of them */

struct multipart_part {
    const char *name;         /* in the arena, as all strings */
    const char *filename;     /* NULL: a plain value */
    const char *content_type; /* NULL: none said */
    struct bytes content;     /* borrowed from the body */
};

/* The boundary out of `multipart/form-data; boundary=...`. */
int multipart_boundary(const char *content_type, char out[MULTIPART_BOUNDARY_MAX + 1], struct error *err);
/* Calls part() for each; its error ends the walk and is returned. */
int multipart_parse(struct bytes body, const char *boundary, struct arena *arena,
                    int (*part)(void *arg, const struct multipart_part *part, struct error *err), void *arg,
                    struct error *err);

#endif
