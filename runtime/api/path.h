/* From an HTTP path to a service and an endpoint, by Micro v3's rules:
 *
 *     /foo                  foo          Foo.Call          one part
 *     /foo/bar              foo          Foo.Bar           two parts
 *     /foo/bar/baz          foo          Bar.Baz           three: the last two are the endpoint
 *     /v1/foo/bar           v1.foo       Foo.Bar           three, the first a version
 *     /a/b/c/d              a.b          C.D               more: the service is all but the last two, joined by "."
 *
 * In the endpoint the first letter of each hyphen-separated word is upper-cased and the hyphens go (baz-xyz: BazXyz);
 * the service keeps its text. The path is cleaned first ("//", "." and ".." go away). Of a part with dots in it that
 * names a type, what follows the last dot counts, as in gRPC routing. */
#ifndef RUNTIME_API_PATH_H
#define RUNTIME_API_PATH_H

#include "base/error.h"

#define API_NAME_MAX 256                    /* bytes of a service's or endpoint's name, its NUL included */
#define API_GRPC_MAX (2 * API_NAME_MAX + 1) /* two slashes and one NUL around both names */

struct api_target {
    char service[API_NAME_MAX];  /* "v1.foo" */
    char endpoint[API_NAME_MAX]; /* "Foo.Bar" */
};

/* `path` is percent-decoded and starts with "/". ERROR_NOT_FOUND for the empty path, ERROR_INVALID for one no service
 * can have. */
int api_path_parse(const char *path, struct api_target *out, struct error *err);
/* The rule of v3's proxy for web services: the service is the first part ("/foo/a/b": foo), or v1.<second>; only
 * letters, digits and single hyphens inside. The endpoint is "". */
int api_path_web(const char *path, struct api_target *out, struct error *err);
/* "/v1.foo.Foo/Bar", the gRPC path: service, type and method. `out` has room for API_GRPC_MAX. */
void api_path_grpc(const struct api_target *target, char out[API_GRPC_MAX]);

#endif
