/* Bytes as EDN or an event log: read without harm, and what was read is a history that can be written and read again.
 */
#include "chaos/history/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t none;
    struct bytes input = {size > 0 ? data : &none, size};
    for (int way = 0; way < 3; way++) {
        struct history h, again;
        struct text first = TEXT_INIT, second = TEXT_INIT;
        struct history_options options = {.nil_is_absent = way == 1};
        int code = way < 2 ? history_read_edn(input, "input", &options, &h, NULL, NULL)
                           : history_read_log(input, "input", &h, NULL, NULL);
        if (code != 0)
            continue;
        if (history_write(&h, &first) != 0 || history_read(first.data, first.len, "again", &again, NULL) != 0 ||
            history_write(&again, &second) != 0 || !bytes_equal(text_bytes(&first), text_bytes(&second)))
            abort();
        history_deinit(&h);
        history_deinit(&again);
        text_deinit(&first);
        text_deinit(&second);
    }
    return 0;
}
