/* Any bytes as a descriptor set. What becomes a pool must hold together: every type can be unpacked into, and every
 * empty message has a JSON form and comes back from it. */
#include "wire/pb.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pb_pool *pool;
    struct error err = ERROR_INIT;
    if (pb_pool_new(BYTES(data, size), "input", &pool, &err)) {
        if (!err.message)
            abort();
        error_clear(&err);
        return 0;
    }
    for (size_t i = 0; i < pb_type_count(pool); i++) {
        const struct pb_type *t = pb_type_at(pool, i);
        struct text json = TEXT_INIT, wire = TEXT_INIT;
        struct arena arena = ARENA_INIT;
        ProtobufCMessage *m;
        if (pb_find_type(pool, t->full_name) != t || pb_unpack(t->descriptor, BYTES_NONE, &arena, &m, NULL) ||
            protobuf_c_message_get_packed_size(m) != 0)
            abort();
        for (size_t f = 0; f < t->field_count; f++)
            if (pb_field_by_number(t, t->fields[f].number) != &t->fields[f] ||
                pb_field_by_name(t, t->fields[f].json_name) != &t->fields[f])
                abort();
        if (pb_to_json(pool, m, PB_JSON_DEFAULTS, &json, NULL) || pb_json_to_wire(t, text_bytes(&json), 0, &wire, NULL))
            abort();
        arena_deinit(&arena);
        text_deinit(&json);
        text_deinit(&wire);
    }
    for (size_t i = 0; i < pb_service_count(pool); i++) {
        const struct pb_service *s = pb_service_at(pool, i);
        for (size_t k = 0; k < s->method_count; k++)
            if (pb_find_method(pool, s->methods[k].path, false) != &s->methods[k] || !s->methods[k].input ||
                !pb_file_of_symbol(pool, s->full_name))
                abort();
    }
    pb_pool_free(pool);
    return 0;
}
