/* Path templates of google.api.http: "/v1/shelves/{shelf}/{name=**}:publish".
 *
 *     Template = "/" Segments [ Verb ] ;      Segment   = "*" | "**" | LITERAL | Variable ;
 *     Segments = Segment { "/" Segment } ;    Variable  = "{" FieldPath [ "=" Segments ] "}" ;
 *     Verb     = ":" LITERAL ;                FieldPath = IDENT { "." IDENT } ;
 *
 * The grammar and the rules are those of the comments in google/api/http.proto. What that file leaves open is decided
 * here: "*" takes a segment that is not empty; a literal is made of what RFC 3986 allows in a segment, but for ":" and
 * "*"; "**" may stand before other segments, once, as it does in Google's own files (what it takes is then what the
 * others leave); of two templates that match one path the one with a verb comes first, then the one that is more
 * literal at the first segment where they differ. */
#ifndef WIRE_HTTP_TEMPLATE_H
#define WIRE_HTTP_TEMPLATE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>

#define HTTP_TEMPLATE_MAX          2048 /* bytes */
#define HTTP_TEMPLATE_SEGMENTS_MAX 64   /* variables' segments included */

enum http_segment_kind { HTTP_SEGMENT_LITERAL, HTTP_SEGMENT_ONE, HTTP_SEGMENT_REST };

struct http_segment {
    enum http_segment_kind kind;
    struct bytes text; /* of a literal, percent-decoded */
};

struct http_variable {
    const char *field;   /* "book.name" */
    size_t first, count; /* the segments it takes */
};

struct http_template {
    const char *text;
    const struct http_segment *segments;
    const struct http_variable *variables;
    size_t segment_count, variable_count;
    struct bytes verb; /* without the colon, percent-decoded; empty: none */
};

/* `text` is copied; all of it lives in the arena. ERROR_SYNTAX, ERROR_LIMIT with the place in the template, from 1. */
int http_template_parse(const char *text, struct arena *arena, struct http_template *out, struct error *err);

/* A path as it stands in the request, not decoded and without the query. `parts` (NULL: not wanted) has room for
 * variable_count: what each variable takes, as it stands there. */
bool http_template_match(const struct http_template *t, struct bytes path, struct bytes *parts);
/* What a variable's part means, appended: decoded, but "%2F" stays as it is when the variable has several segments.
 * False: a "%" stands before no two hexadecimal digits. */
bool http_template_value(const struct http_template *t, const struct http_variable *v, struct bytes part,
                         struct text *out);
/* Which is asked first: negative a, positive b, 0 when they match the same paths. */
int http_template_order(const struct http_template *a, const struct http_template *b);

#endif
