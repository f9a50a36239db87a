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

/* RFC 9113, 8.2.1, and gRPC's rule of printable ASCII: with any other value the peer would reset the whole stream.
 * Values of names that end in "-bin" are encoded on the way. */
static bool may_travel(const char *name, struct bytes value)
{
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, "-bin") == 0)
        return true;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < ' ' || value.data[i] > '~')
            return false;
    return value.len == 0 || (value.data[0] != ' ' && value.data[value.len - 1] != ' ');
}

int rpc_header_list_add(struct rpc_header_list *list, struct arena *arena, const char *name, struct bytes value)
{
    if (!may_travel(name, value))
        return ERROR_INVALID;
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
