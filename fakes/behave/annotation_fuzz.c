/* An annotation is refused with a place, or makes a behaviour that answers whatever it is asked. */
#include "fakes/behave/test_behave.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const SERVICES[] = {"payment.Payment", "chat.Chat", "wallet.Wallet", "balance.Balance", "user.User"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pb_pool *pool;
    if (!pool && pb_pool_new(proto_services_set(), "services", &pool, NULL) != 0)
        abort();
    for (size_t i = 0; i < sizeof SERVICES / sizeof *SERVICES; i++) {
        struct test_behave t;
        struct error err = ERROR_INIT;
        struct behave_annotation annotation = {BYTES(data, size), "fuzz.yaml"};
        struct behave_options options = {.annotations = &annotation, .annotation_count = 1, .bare = true};
        if (size == 0)
            return 0;
        if (test_open(&t, pool, SERVICES[i], &options, &err) != 0) {
            if (!err.message || err.line < 1)
                abort();
            error_clear(&err);
        } else {
            struct text text = TEXT_INIT;
            if (behave_explain(t.b, BEHAVE_JSON, &text) != 0)
                abort();
            text_deinit(&text);
            for (size_t round = 0; round < 2; round++)
                for (size_t k = 0; k < t.service->method_count; k++) {
                    const struct pb_method *m = &t.service->methods[k];
                    struct random r;
                    text_clear(&t.wire);
                    random_seed(&r, k + round);
                    values_message(&r, m->input, t.now, 0, &t.wire);
                    size_t end = t.wire.len;
                    if (test_ask_wire(&t, m, text_bytes(&t.wire), &end, 1, true, NULL) < 0)
                        abort();
                }
        }
        test_close(&t);
    }
    return 0;
}
