/* From an HTTP request to one JSON object: query, form or multipart or JSON body, and a route's variables merged; the
 * body wins over the query, a variable over both.
 *
 * A multipart part with a file name is a file: its content goes as base64, which is what a bytes field takes. When the
 * request's type has fields called like it with "_filename" or "_content_type" behind, they are filled too.
 *
 * Query and form values are text. When the request's type is known they become what its fields are: booleans, and lists
 * for repeated fields (numbers may stay text: proto3 JSON takes "5" for 5). A name given twice is a list. A dotted name
 * that is no field is a path into nested objects: options.limit=3. */
#ifndef RUNTIME_API_REQUEST_H
#define RUNTIME_API_REQUEST_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/api/template.h"
#include "wire/pb.h"

#define API_PAIRS_MAX 1000 /* query and form values in one request */
#define API_DEPTH_MAX 16   /* dots in a name */

/* What is known of the request's type: from the compiled-in contracts or from the registry; both NULL: nothing. */
struct api_schema {
    const struct pb_type *type;
    const Registry__Value *value;
};

struct api_request {
    const char *query;        /* raw, "" when absent */
    const char *content_type; /* NULL when absent */
    struct bytes body;
    const struct template_value *variables;
    size_t variable_count;
    struct api_schema schema;
};

/* Appends the JSON object to `out`; nothing at all when the request carries no parameter. On an error *status is the
 * HTTP status to answer: 400, 413 or 415. */
int api_request_json(const struct api_request *request, struct text *out, int *status, struct error *err);

#endif
