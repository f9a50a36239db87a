/* Any bytes as a file of provider states: an error has a place. */
#include "harrow/contract/states.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct contract_states *states = NULL;
    struct error err = ERROR_INIT;
    if (contract_states_parse(BYTES(data, size), "fuzz.yaml", NULL, &states, &err) != 0 && err.file == NULL &&
        err.code != ERROR_MEMORY && err.code != ERROR_LIMIT)
        abort();
    contract_states_free(states);
    error_clear(&err);
    return 0;
}
