/* Any bytes as a record of each kind; what is taken is written and read again as the same. */
#include "fakes/broker/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = 0; kind < BROKER_KINDS; kind++) {
        struct arena arena = ARENA_INIT;
        struct pact_broker_record record, again;
        struct error err = ERROR_INIT;
        struct text text = TEXT_INIT, twice = TEXT_INIT, path = TEXT_INIT;
        if (pact_broker_record_parse(BYTES(data, size), "fuzz.json", (enum pact_broker_kind)kind, &arena, &record,
                                     &err) == 0) {
            pact_broker_record_path(&record, &path);
            if (strstr(text_string(&path), "/..") != NULL || strstr(text_string(&path), "//") != NULL)
                abort();
            if (!pact_broker_record_write(&record, &text) ||
                pact_broker_record_parse(text_bytes(&text), "again.json", (enum pact_broker_kind)kind, &arena, &again,
                                         &err) != 0 ||
                !pact_broker_record_write(&again, &twice) || !bytes_equal(text_bytes(&text), text_bytes(&twice)))
                abort();
        } else if (err.file == NULL && err.code != ERROR_MEMORY && err.code != ERROR_LIMIT) {
            abort();
        }
        error_clear(&err);
        text_deinit(&text);
        text_deinit(&twice);
        text_deinit(&path);
        arena_deinit(&arena);
    }
    return 0;
}
