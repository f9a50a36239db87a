/* What comes from a Redis: whole or in the smallest pieces, the same replies come out of it, or the same refusal. */
#include "rpc/resp.h"

#include <stdlib.h>
#include <string.h>

#define REPLIES_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct resp_reply *r, int depth, struct text *out)
{
    if (depth > 8)
        abort(); /* deeper than it says */
    text_printf(out, "%s %lld ", resp_kind_name(r->kind), (long long)r->integer);
    text_add(out, r->text.data, r->text.len);
    text_char(out, '\n');
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i] == NULL)
            abort(); /* given before it was whole */
        print(r->items[i], depth + 1, out);
    }
}

/* Reads all there is; what it read, and the code it ended with. */
static int read_all(const uint8_t *data, size_t size, size_t piece, struct text *out)
{
    struct resp_reader *r = resp_reader_new();
    struct error err = ERROR_INIT;
    int code = r == NULL ? ERROR_MEMORY : 0;
    size_t replies = 0;
    for (size_t at = 0; code == 0 && at < size; at += piece) {
        code = resp_feed(r, BYTES(data + at, size - at < piece ? size - at : piece), &err);
        for (const struct resp_reply *reply = NULL; code == 0 && replies < REPLIES_MAX;) {
            code = resp_next(r, &reply, &err);
            if (code != 0 || reply == NULL)
                break;
            print(reply, 0, out);
            replies++;
            resp_drop(r);
        }
    }
    if (code != 0 && err.message == NULL)
        abort();
    error_clear(&err);
    resp_reader_free(r);
    return code;
}

/* What is put together as a command is read back as a list of its words. */
static void check_format(const uint8_t *data, size_t size)
{
    struct resp_reader *r = resp_reader_new();
    struct text wire = TEXT_INIT;
    const struct resp_reply *reply = NULL;
    const struct bytes words[] = {BYTES(data, size / 2), BYTES(data + size / 2, size - size / 2)};
    if (r == NULL || resp_format(words, 2, &wire) != 0 || resp_feed(r, text_bytes(&wire), NULL) != 0 ||
        resp_next(r, &reply, NULL) != 0 || reply == NULL || reply->kind != RESP_LIST || reply->count != 2)
        abort();
    for (size_t i = 0; i < 2; i++)
        if (reply->items[i]->kind != RESP_TEXT || !bytes_equal(reply->items[i]->text, words[i]))
            abort();
    text_deinit(&wire);
    resp_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text whole = TEXT_INIT, pieces = TEXT_INIT;
    int a = read_all(data, size, size + 1, &whole), b = read_all(data, size, 1, &pieces);
    if (a != b || !bytes_equal(text_bytes(&whole), text_bytes(&pieces)))
        abort();
    text_deinit(&whole);
    text_deinit(&pieces);
    check_format(data, size);
    return 0;
}
