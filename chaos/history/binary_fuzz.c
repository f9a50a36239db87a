/* Bytes as the payloads of a binary history, a block each 256 bytes or at a zero length, with the checksums they should
 * have (a fuzzer finds no checksum); and as they are. What is read is written and read again alike. */
#include "chaos/history/binary.h"
#include "chaos/history/crc32c.h"
#include "chaos/history/file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte of what is left is a block's length. */
static void frame(const uint8_t *data, size_t size, struct text *out)
{
    text_add(out, BINARY_MAGIC, BINARY_MAGIC_SIZE);
    while (size > 1) {
        size_t len = data[0] < size - 1 ? data[0] : size - 1;
        uint32_t sum = crc32c((struct bytes){data + 1, len});
        const uint8_t head[BINARY_HEAD_SIZE] = {
            (uint8_t)len, 0, 0, 0, (uint8_t)sum, (uint8_t)(sum >> 8), (uint8_t)(sum >> 16), (uint8_t)(sum >> 24)};
        text_add(out, head, sizeof head);
        text_add(out, data + 1, len);
        data += 1 + len;
        size -= 1 + len;
    }
}

static void read_it(struct bytes input)
{
    struct history h, again;
    struct text first = TEXT_INIT, second = TEXT_INIT;
    if (history_read_binary(input, "input", &h, NULL, NULL) != 0)
        return;
    if (history_write_binary(&h, &first) != 0 ||
        history_read_binary(text_bytes(&first), "again", &again, NULL, NULL) != 0 ||
        history_write_binary(&again, &second) != 0 || !bytes_equal(text_bytes(&first), text_bytes(&second)))
        abort();
    history_deinit(&h);
    history_deinit(&again);
    text_deinit(&first);
    text_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text framed = TEXT_INIT;
    frame(data, size, &framed);
    read_it(text_bytes(&framed));
    text_deinit(&framed);
    if (size > 0)
        read_it((struct bytes){data, size});
    return 0;
}
