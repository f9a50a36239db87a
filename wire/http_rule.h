/* google.api.http: by which HTTP requests a method is called, as its option in the .proto file says.
 *
 * The meaning of every field is that of the comments in google/api/http.proto. A rule is checked against the method's
 * messages, so that whoever uses a binding need not look again: each variable of the path is a field that is there, is
 * not repeated, and can be written in a path; body and response_body are fields of the request and the reply. */
#ifndef WIRE_HTTP_RULE_H
#define WIRE_HTTP_RULE_H

#include "wire/http_template.h"
#include "wire/pb.h"

enum http_body {
    HTTP_BODY_NONE,  /* what is not in the path is in the query */
    HTTP_BODY_ALL,   /* what is not in the path is in the body */
    HTTP_BODY_FIELD, /* one field; the rest is in the query */
};

struct http_binding {
    const struct pb_method *method;
    const char *verb; /* "GET", or what `custom` says; "*": any */
    struct http_template path;
    enum http_body body;
    const struct pb_field *body_field;     /* HTTP_BODY_FIELD */
    const struct pb_field *response_field; /* NULL: the whole reply */
};

bool http_rule_has(const struct pb_method *method);
/* The method's rule and its additional bindings, in the order they are said; none when it has no rule. All of it lives
 * in the arena and borrows from the pool. The error has the place in the .proto file, as far as the set has
 * source information. */
int http_rule_read(const struct pb_method *method, struct arena *arena, const struct http_binding **bindings,
                   size_t *count, struct error *err);

#endif
