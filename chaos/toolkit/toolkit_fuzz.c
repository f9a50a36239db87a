/* Bytes as an experiment of the Chaos Toolkit: read or refused with a place, and whatever is read can be substituted
 * and judged. The first byte says whether they are JSON or YAML. */
#include "chaos/toolkit/inside.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *environment(void *arg, const char *name)
{
    (void)arg;
    return name[0] == 'H' ? "set" : NULL;
}

/* Each tolerance against some outputs: it holds or there is a reason. */
static void judge(const struct toolkit *k, const struct toolkit_activities *list)
{
    static const char *const outputs[] = {"true", "7", "\"text\"",
                                          "{\"status\":200,\"headers\":{},\"body\":{\"a\":[{\"b\":1}]}}",
                                          "{\"status\":0,\"stdout\":\"{\\\"a\\\":[1,2]}\",\"stderr\":\"\"}"};
    for (size_t i = 0; i < list->count; i++) {
        for (size_t n = 0; list->items[i].tolerance != NULL && n < sizeof outputs / sizeof outputs[0]; n++) {
            struct text why = TEXT_INIT;
            json_t *value = json_loads(outputs[n], JSON_DECODE_ANY, NULL);
            if (value == NULL || (!tolerance_holds(list->items[i].tolerance, value, k, &why) && why.len == 0))
                abort();
            json_decref(value);
            text_deinit(&why);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document *d = NULL;
    struct toolkit *k = NULL;
    struct error err = ERROR_INIT;
    if (document_parse(BYTES(data, size), size > 0 && data[0] == '{' ? "x.json" : "x.yaml", &d, NULL) != 0)
        return 0;
    if (toolkit_read(d, environment, NULL, &k, &err) == 0) {
        (void)toolkit_system(k);
        judge(k, &k->probes);
        judge(k, &k->method);
        for (size_t i = 0; i < k->method.count; i++) {
            json_t *all = toolkit_substitute(k, k->method.items[i].provider);
            if (all == NULL)
                abort();
            json_decref(all);
        }
        toolkit_free(k);
    } else if (err.message == NULL) {
        abort();
    }
    error_clear(&err);
    return 0;
}
