/* A small contract with all four kinds of calls, for the tests of pacts. */
#ifndef FAKES_CONSUMER_TEST_SHOP_H
#define FAKES_CONSUMER_TEST_SHOP_H

#include "wire/pb.h"
#include "wire/proto/proto.h"

#define SHOP_PROTO                                                                                                     \
    "syntax = \"proto3\"; package shop;\n"                                                                             \
    "message Item { string id = 1; string name = 2; int64 price = 3; bool sold = 4; repeated string tags = 5;\n"       \
    "  map<string, int32> stock = 6; Item part = 7; }\n"                                                               \
    "message Query { string id = 1; int32 limit = 2; }\n"                                                              \
    "service Shop {\n"                                                                                                 \
    "  rpc Get(Query) returns (Item); rpc List(Query) returns (stream Item);\n"                                        \
    "  rpc Put(stream Item) returns (Query); rpc Chat(stream Item) returns (stream Item); rpc Idle(Query) returns "    \
    "(Item); }\n"

/* NULL: no memory. */
static inline struct pb_pool *shop_pool(void)
{
    struct text set = TEXT_INIT;
    struct pb_pool *pool = NULL;
    if (proto_compile_text("shop.proto", bytes_of(SHOP_PROTO), &set, NULL) == 0)
        (void)pb_pool_new(text_bytes(&set), "shop", &pool, NULL);
    text_deinit(&set);
    return pool;
}

static inline const struct pb_method *shop_method(const struct pb_pool *pool, const char *name)
{
    const struct pb_service *s = pb_find_service(pool, "shop.Shop");
    for (size_t i = 0; s != NULL && i < s->method_count; i++)
        if (strcmp(s->methods[i].name, name) == 0)
            return &s->methods[i];
    return NULL;
}

#endif
