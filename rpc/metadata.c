#include "rpc/metadata.h"

#include "base/error.h"

int rpc_metadata_copy(struct arena *arena, struct grpc_metadata from, struct grpc_metadata *out)
{
    *out = (struct grpc_metadata){0};
    if (from.count == 0)
        return 0;
    size_t size = from.count * sizeof(struct grpc_header);
    for (size_t i = 0; i < from.count; i++)
        size += from.items[i].name.len + from.items[i].value.len + 2;
    struct grpc_header *items = arena_alloc(arena, size);
    if (!items)
        return ERROR_MEMORY;
    char *at = (char *)(items + from.count);
    for (size_t i = 0; i < from.count; i++) {
        const struct bytes parts[2] = {from.items[i].name, from.items[i].value};
        struct bytes copies[2];
        for (int k = 0; k < 2; k++) {
            if (parts[k].len > 0)
                memcpy(at, parts[k].data, parts[k].len);
            at[parts[k].len] = '\0';
            copies[k] = BYTES(at, parts[k].len);
            at += parts[k].len + 1;
        }
        items[i] = (struct grpc_header){.name = copies[0], .value = copies[1]};
    }
    *out = (struct grpc_metadata){.items = items, .count = from.count};
    return 0;
}

int rpc_header_list_add(struct rpc_header_list *list, struct arena *arena, const char *name, struct bytes value)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;
        struct grpc_header *items = ARENA_NEW_N(arena, struct grpc_header, capacity);
        if (!items)
            return ERROR_MEMORY;
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    char *lower = arena_string(arena, name);
    char *copy = arena_string_n(arena, value.len ? (const char *)value.data : "", value.len);
    if (!lower || !copy)
        return ERROR_MEMORY;
    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    list->items[list->count++] = (struct grpc_header){.name = bytes_of(lower), .value = BYTES(copy, value.len)};
    return 0;
}
