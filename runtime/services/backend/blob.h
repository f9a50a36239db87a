/* Blobs in micro's store (store.BlobStore), in the platform's namespace, whole. */
#ifndef RUNTIME_SERVICES_BACKEND_BLOB_H
#define RUNTIME_SERVICES_BACKEND_BLOB_H

#include "base/arena.h"
#include "runtime/service/service.h"

#define BLOB_MAX ((size_t)64 << 20) /* bytes of one that is read */

/* Called once, from the loop. `blob` and `type` are in the arena, whose owner waits; nothing unless the status is OK.
 * ERROR_MEMORY and others when nothing was asked: then `got` is not called. */
typedef void blob_got(void *arg, int status, const char *message, struct bytes blob, const char *type);
int blob_get(struct micro_service *s, struct arena *a, const char *key, blob_got *got, void *arg);
/* The reply is of no use. */
int blob_put(struct micro_service *s, struct arena *a, const char *key, const char *type, struct bytes blob,
             micro_done *done, void *arg);
/* Fine when it is not there. */
int blob_remove(struct micro_service *s, struct arena *a, const char *key, micro_done *done, void *arg);

#endif
