/* Bytes as a history file: read, and when that succeeds, written and read again to the same text; the checkers run. */
#include "chaos/check/check.h"
#include "chaos/history/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct history h, again;
    struct text first = TEXT_INIT, second = TEXT_INIT;
    struct check_result c;
    check_result_init(&c);
    if (history_read((const char *)data, size, "input", &h, NULL) != 0)
        return 0;
    if (history_write(&h, &first) != 0 || history_read(first.data, first.len, "again", &again, NULL) != 0)
        abort();
    if (history_write(&again, &second) != 0 || !bytes_equal(text_bytes(&first), text_bytes(&second)))
        abort();
    check_register(&h, &c);
    check_result_deinit(&c);
    check_lost_writes(&h, h.count / 2, &c);
    check_result_deinit(&c);
    history_deinit(&h);
    history_deinit(&again);
    text_deinit(&first);
    text_deinit(&second);
    return 0;
}
