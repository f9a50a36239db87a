/* Lines become the arguments of a component; the last one also a token and a list of peers. */
#include "base/base64.h"
#include "runtime/component.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    component_use_all();
    char *text = strndup(size ? (const char *)data : "", size);
    const char *argv[ARGUMENTS_MAX] = {"micro"};
    int argc = 1;
    if (!text)
        return 0;
    for (char *p = text; p && argc < ARGUMENTS_MAX; argc++) {
        char *end = strchr(p, '\n');
        if (end)
            *end++ = '\0';
        argv[argc] = p;
        p = end;
    }
    struct micro_options_storage *storage = NULL;
    const struct micro_options *options = NULL;
    if (micro_options_parse(argc, argv, NULL, &storage, &options, NULL) == 0) {
        char address[64];
        for (const struct component *c = components; c->name; c++)
            if (micro_peer_address(options, c->name, address, sizeof address) == 0 && strlen(address) >= sizeof address)
                abort();
        micro_options_free(storage);
    }
    struct text plain = TEXT_INIT, again = TEXT_INIT, back = TEXT_INIT;
    if (base64_decode(&plain, bytes_of(argv[argc - 1]))) {
        base64_encode(&again, text_bytes(&plain));
        if (!base64_decode(&back, text_bytes(&again)) || !bytes_equal(text_bytes(&plain), text_bytes(&back)))
            abort();
    }
    text_deinit(&plain);
    text_deinit(&again);
    text_deinit(&back);
    free(text);
    return 0;
}
