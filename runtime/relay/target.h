/* What a call asks for, read from its path and its metadata.
 *
 * The service is the path's part in front of the last "." before the method: "/helloworld.Helloworld/Call" is for
 * "helloworld", "/a.b.Foo/Bar" for "a.b". The caller may narrow the nodes down by metadata; all that is given must
 * hold:
 *
 *     micro-version: V            nodes of this version of the service
 *     micro-router: R             routes that the node R of the network told of
 *     micro-gateway: G            routes over the gateway G
 *     micro-label-KEY: VALUE      nodes whose metadata has KEY with this very VALUE
 *
 * A blank value asks for nothing. Everything borrows from the metadata, whose values end in a NUL. */
#ifndef RUNTIME_RELAY_TARGET_H
#define RUNTIME_RELAY_TARGET_H

#include "base/error.h"
#include "wire/grpc.h"

#define RELAY_NAME_MAX   256 /* bytes of a service's name, and of a namespace */
#define RELAY_LABELS_MAX 16  /* asked for by one call */

struct relay_label {
    const char *key, *value;
};

struct relay_target {
    const char *service, *domain;
    const char *version, *router, *gateway; /* NULL: any */
    struct relay_label labels[RELAY_LABELS_MAX];
    size_t label_count;
};

/* The service a path is for, into `out`. ERROR_INVALID: none is named; ERROR_LIMIT: the name is too long. */
int relay_path_service(const char *path, char *out, size_t size);
/* The wishes above. ERROR_LIMIT: too many labels. */
int relay_target_read(struct relay_target *t, struct grpc_metadata metadata);

#endif
