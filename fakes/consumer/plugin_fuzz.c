/* Any bytes as a pact: what its plugin configuration says of gRPC is read, as playing it does. */
#include "fakes/consumer/plugin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct pact *p, const struct pact_interaction *i)
{
    struct pb_pool *pool = NULL;
    struct plugin_messages messages;
    if (!plugin_is_grpc(i) || plugin_pool(p, i, &pool, NULL) != 0)
        return;
    const struct pb_method *m = plugin_method(pool, plugin_service(i));
    if (m != NULL && plugin_requests(i, &messages, NULL) == 0) {
        for (size_t k = 0; k < messages.items.count; k++) {
            struct pact_content c = {.presence = PACT_THERE, .bytes = text_bytes(&messages.items.items[k])};
            if (pact_content_decode(&c, m->input, true, NULL) == 0)
                json_decref(c.json);
        }
        plugin_messages_deinit(&messages);
    }
    for (size_t k = 0; m != NULL && k < i->responses.count; k++) {
        const struct pact_part *part = &i->responses.items[k];
        json_t *tree = NULL, *fields = json_object();
        if (plugin_expected(m->output, part->content.bytes, part, &tree, NULL) == 0)
            (void)plugin_fields(m->output, tree, fields);
        json_decref(tree);
        json_decref(fields);
    }
    (void)plugin_open(i);
    pb_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pact *p;
    if (pact_parse(BYTES(data, size), "fuzz.json", &p, NULL) != 0)
        return 0;
    for (size_t i = 0; i < p->interactions.count; i++)
        look(p, &p->interactions.items[i]);
    pact_free(p);
    return 0;
}
