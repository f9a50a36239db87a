/* Paths and metadata as callers send them: the first line is the path, each further one "name: value". What is found
 * must lie within what was given. */
#include "runtime/relay/target.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *at = text;
    struct grpc_header headers[HEADERS_MAX];
    size_t count = 0;
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *path = at;
    at += strcspn(at, "\n");
    while (*at && count < HEADERS_MAX) {
        *at++ = '\0';
        char *line = at;
        at += strcspn(at, "\n");
        char *colon = memchr(line, ':', (size_t)(at - line));
        if (!colon)
            continue;
        *colon = '\0';
        char *value = colon + 1;
        size_t len = (size_t)(at - value);
        headers[count++] = (struct grpc_header){.name = bytes_of(line), .value = BYTES(value, len)};
    }
    *at = '\0';

    char service[RELAY_NAME_MAX + 1];
    if (relay_path_service(path, service, sizeof service) == 0) {
        const char *from = path[0] == '/' ? path + 1 : path;
        size_t len = strlen(service);
        if (len == 0 || strncmp(from, service, len) != 0 || from[len] != '.' || strchr(service, '/'))
            abort();
        const char *slash = strchr(from, '/');
        if (!slash || memchr(from + len + 1, '.', (size_t)(slash - from) - len - 1)) /* the last dot it was */
            abort();
    }
    struct relay_target target = {.service = "", .domain = ""};
    int rc = relay_target_read(&target, (struct grpc_metadata){headers, count});
    if (target.label_count > RELAY_LABELS_MAX || (rc != 0 && target.label_count != RELAY_LABELS_MAX))
        abort();
    for (size_t i = 0; i < target.label_count; i++)
        if (target.labels[i].key[0] == '\0' && strlen(target.labels[i].key) != 0)
            abort();
    free(text);
    return 0;
}
