/* What the gRPC fuzz targets share: bytes read as instructions, and properties that end the run when they are false. */
#ifndef WIRE_GRPC_FUZZ_H
#define WIRE_GRPC_FUZZ_H

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline uint8_t fuzz_byte(struct bytes *input)
{
    if (input->len == 0)
        return 0;
    input->len--;
    return *input->data++;
}

static inline struct bytes fuzz_take(struct bytes *input, size_t n)
{
    struct bytes part = {input->data, n < input->len ? n : input->len};
    input->data += part.len;
    input->len -= part.len;
    return part;
}

#endif
