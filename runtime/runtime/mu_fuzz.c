/* The bytes are a .mu file. What is taken has a command without blank program names, and variables with good names. */
#include "runtime/runtime/mu.h"
#include "runtime/runtime/runner.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct mu mu;
    int rc = mu_parse(BYTES(data, size), "fuzz.mu", &arena, &mu, &err);
    if (rc < 0 && !err.message)
        abort();
    if (rc == 0) {
        if (mu.command && (!mu.command[0] || !mu.command[0][0]))
            abort();
        for (size_t i = 0; i < mu.environment_count; i++)
            if (!runner_variable_valid(mu.environment[i].name, strlen(mu.environment[i].name)) ||
                !mu.environment[i].value)
                abort();
    }
    error_clear(&err);
    arena_deinit(&arena);
    return 0;
}
