/* JSONPath (RFC 9535) over a JSON value, with filters and the functions length, count, match, search and value.
 *
 * What is taken besides: ".[" for "[", names with hyphens behind a dot, and the brackets around a filter's condition
 * may be left out or not ("?(@.a)", "?@.a"). match() and search() take PCRE2's expressions. */
#ifndef E2E_JSONPATH_H
#define E2E_JSONPATH_H

#include "base/error.h"

#include <jansson.h>

/* A path of names and indexes alone has one value: *out is that, or NULL when it is not there. Any other path has a
 * list, which may be empty. *out is a new reference. ERROR_SYNTAX: the error says what was expected at which column of
 * the path (1-based). `root` NULL: the path is only looked at. */
int jsonpath_find(const json_t *root, const char *path, json_t **out, struct error *err);

#endif
