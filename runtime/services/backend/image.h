/* What the image service's files share (image.c tells of it). */
#ifndef RUNTIME_SERVICES_BACKEND_IMAGE_H
#define RUNTIME_SERVICES_BACKEND_IMAGE_H

#include "rpc/http.h"
#include "runtime/services/backend/backend.h"

#define IMAGE_PATH   "/pictures/"
#define IMAGE_ID_LEN 36

/* The id in the URL of a picture of ours, "/pictures/<id>/<name>", here or on any host. NULL: it is no such URL, or
 * (and then *memory is true) there is no memory. */
char *image_id_of(struct arena *a, const char *url, bool *memory);
char *image_blob_key(struct arena *a, const char *id); /* NULL: no memory */
/* GET and HEAD of a picture; `service` is a struct micro_service. */
void image_serve(void *service, struct http_exchange *x);

#endif
