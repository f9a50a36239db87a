#include "runtime/relay/target.h"

#include <string.h>

int relay_path_service(const char *path, char *out, size_t size)
{
    const char *from = path[0] == '/' ? path + 1 : path;
    const char *slash = strchr(from, '/');
    size_t len = slash ? (size_t)(slash - from) : 0;
    while (len > 0 && from[len - 1] != '.')
        len--;
    if (len <= 1) /* no dot, or nothing in front of it */
        return ERROR_INVALID;
    len--;
    if (len >= size || len > RELAY_NAME_MAX)
        return ERROR_LIMIT;
    memcpy(out, from, len);
    out[len] = '\0';
    return 0;
}

int relay_target_read(struct relay_target *t, struct grpc_metadata metadata)
{
    static const char label[] = "micro-label-";
    const size_t label_len = sizeof label - 1;
    for (size_t i = 0; i < metadata.count; i++) {
        struct bytes name = metadata.items[i].name, value = metadata.items[i].value;
        if (name.len < 6 || memcmp(name.data, "micro-", 6) != 0 || value.len == 0)
            continue;
        const char *text = (const char *)value.data;
        if (bytes_is(name, "micro-version")) {
            t->version = text;
        } else if (bytes_is(name, "micro-router")) {
            t->router = text;
        } else if (bytes_is(name, "micro-gateway")) {
            t->gateway = text;
        } else if (name.len > label_len && memcmp(name.data, label, label_len) == 0) {
            if (t->label_count >= RELAY_LABELS_MAX)
                return ERROR_LIMIT;
            t->labels[t->label_count++] =
                (struct relay_label){.key = (const char *)name.data + label_len, .value = text};
        }
    }
    return 0;
}
