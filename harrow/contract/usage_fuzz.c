/* Any bytes as a file of flows, and as a pact, beside a schema: places are places, and whoever is found is found again
 * by the element's name. */
#include "harrow/contract/usage.h"
#include "wire/proto/proto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char proto[] = "syntax = \"proto3\"; package shop; enum Color { NONE = 0; RED = 1; }\n"
                            "message Item { string name = 1; int64 price = 2; Color color = 3; map<string, Item> m = 4;"
                            " oneof how { string card = 5; Item more = 6; } }\n"
                            "service Shop { rpc Buy(Item) returns (Item); }\n";

static const struct schema *schema(void)
{
    static struct schema *s;
    struct text set = TEXT_INIT;
    if (s == NULL && (proto_compile_text("shop.proto", bytes_of(proto), &set, NULL) != 0 ||
                      schema_new(text_bytes(&set), "set", &s, NULL) != 0))
        abort();
    text_deinit(&set);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct usage u;
    struct error err = ERROR_INIT;
    usage_init(&u, schema());
    for (int pact = 0; pact < 2; pact++) {
        int code =
            pact ? usage_add_pact(&u, BYTES(data, size), "p", &err) : usage_add_flows(&u, BYTES(data, size), "f", &err);
        if ((code != 0) != (err.message != NULL))
            abort();
        error_clear(&err);
    }
    usage_ready(&u);
    for (size_t i = 0; i < u.entries.count; i++) {
        const struct usage_entry *e = &u.entries.items[i];
        const struct usage_entry **uses = NULL;
        size_t count = 0, same = 0;
        if (e->line < 1 || e->column < 1 || (i < 50 && usage_of(&u, e->element, &uses, &count) != 0))
            abort();
        for (size_t k = 0; k < count; k++)
            same += uses[k] == e;
        if (i < 50 && same != 1)
            abort();
        free(uses);
    }
    usage_deinit(&u);
    return 0;
}
