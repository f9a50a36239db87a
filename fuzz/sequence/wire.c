#include "fuzz/sequence/wire.h"

bool wire_skip_group(struct bytes *in, uint32_t number)
{
    uint32_t open[PB_DEPTH_MAX]; /* the numbers of the groups around */
    size_t depth = 0;
    open[depth++] = number;
    while (depth > 0) {
        uint64_t tag, len;
        struct bytes bytes;
        if (!wire_varint(in, &tag, &bytes) || tag > UINT32_MAX || tag >> 3 == 0)
            return false;
        unsigned type = (unsigned)(tag & 7);
        if (type == WIRE_GROUP) {
            if (depth == PB_DEPTH_MAX)
                return false;
            open[depth++] = (uint32_t)(tag >> 3);
        } else if (type == WIRE_GROUP_END) {
            if (open[--depth] != tag >> 3)
                return false;
        } else if (type == WIRE_BYTES) {
            if (!wire_varint(in, &len, &bytes) || len > in->len || !wire_take(in, (size_t)len, &bytes))
                return false;
        } else if (!wire_packed_next(in, type, &bytes)) {
            return false;
        }
    }
    return true;
}
