/* Lines of a journal: whatever they hold is refused or is a step that may be carried out, and such a step is written as
 * it was read. */
#include "chaos/journal/line.h"
#include "chaos/journal/undo.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1), *again = NULL;
    if (line == NULL)
        return 0;
    memcpy(line, data, size);
    line[size] = '\0';
    (void)line_check(line);
    struct undo step, back;
    struct text one = TEXT_INIT, two = TEXT_INIT;
    if (undo_read(line, &step, NULL) == 0) {
        if (undo_check(&step, NULL) != 0)
            abort();
        undo_write(&step, &one);
        again = text_ok(&one) ? strdup(text_string(&one)) : NULL;
        if (again != NULL && (undo_read(again, &back, NULL) != 0 || (undo_write(&back, &two), false) ||
                              strcmp(text_string(&one), text_string(&two)) != 0))
            abort();
    }
    text_deinit(&one);
    text_deinit(&two);
    free(again);
    free(line);
    return 0;
}
