/* Pictures over HTTP, where their URLs say: anybody who knows the URL, as far as the gateway's rules let them through.
 * A picture never changes under its URL, so browsers may keep it. */
#include "runtime/services/backend/blob.h"
#include "runtime/services/backend/image.h"

#include <string.h>

static void say(struct http_exchange *x, int status)
{
    const char *words = status == 404   ? "there is no such picture\n"
                        : status == 405 ? "only GET and HEAD\n"
                                        : "the picture cannot be had now\n";
    http_respond(x, status, "text/plain; charset=utf-8", bytes_of(words));
}

static void on_blob(void *arg, int status, const char *message, struct bytes blob, const char *type)
{
    struct http_exchange *x = arg;
    (void)message;
    if (status != GRPC_OK) {
        say(x, status == GRPC_NOT_FOUND ? 404 : 503);
        return;
    }
    http_add_header(x, "Cache-Control", "public, max-age=31536000, immutable");
    http_respond(x, 200, type[0] ? type : "application/octet-stream", blob);
}

void image_serve(void *service, struct http_exchange *x)
{
    bool memory = false, get = strcmp(http_method(x), "GET") == 0 || strcmp(http_method(x), "HEAD") == 0;
    char *id = get ? image_id_of(http_arena(x), http_path(x), &memory) : NULL;
    char *key = id ? image_blob_key(http_arena(x), id) : NULL;
    http_add_header(x, "X-Content-Type-Options", "nosniff");
    if (!get)
        http_add_header(x, "Allow", "GET, HEAD");
    if (!get || !id)
        say(x, !get ? 405 : memory ? 503 : 404);
    else if (!key || blob_get(service, http_arena(x), key, on_blob, x) != 0)
        say(x, 503);
}
