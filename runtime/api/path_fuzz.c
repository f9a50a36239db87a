/* Any path either gives a service and an endpoint that make a well-formed gRPC path, or a clear error. */
#include "runtime/api/path.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_target target;
    struct error err = ERROR_INIT;
    char grpc[API_GRPC_MAX];
    char *path = malloc(size + 2);
    if (!path)
        return 0;
    path[0] = '/';
    if (size > 0)
        memcpy(path + 1, data, size);
    path[size + 1] = '\0';
    if (api_path_parse(path, &target, &err) == 0) {
        api_path_grpc(&target, grpc);
        const char *slash = strchr(grpc + 1, '/');
        if (grpc[0] != '/' || !slash || slash == grpc + 1 || !slash[1] || strchr(slash + 1, '/') ||
            strlen(grpc) != strlen(target.service) + strlen(target.endpoint) + 2 || !target.service[0])
            abort();
        for (const char *c = grpc; *c; c++) {
            if (*c <= ' ' || *c > '~')
                abort();
        }
    } else if (!err.message || !err.message[0]) {
        abort();
    }
    error_clear(&err);
    if (api_path_web(path, &target, NULL) == 0 && (!target.service[0] || strpbrk(target.service, "/ %\\")))
        abort();
    free(path);
    return 0;
}
