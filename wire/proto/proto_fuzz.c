/* Any bytes as a .proto file. What is refused has a place; what is compiled is a descriptor set that can be read back,
 * and compiles to the same again. */
#include "wire/pb.h"
#include "wire/proto/proto.h"

#include "google/protobuf/descriptor.pb-c.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text set = TEXT_INIT, again = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (proto_compile_text("input.proto", BYTES(data, size), &set, &err) != 0) {
        if (err.message == NULL || set.len != 0)
            abort();
        error_clear(&err);
        text_deinit(&set);
        return 0;
    }
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *files;
    if (pb_unpack(&google__protobuf__file_descriptor_set__descriptor, text_bytes(&set), &arena, &files, &err) != 0 ||
        proto_compile_text("input.proto", BYTES(data, size), &again, NULL) != 0 || set.len != again.len ||
        memcmp(set.data, again.data, set.len) != 0)
        abort();
    arena_deinit(&arena);
    text_deinit(&set);
    text_deinit(&again);
    return 0;
}
