/* What a server answers to reflection: the input is a list of answers, each behind its length in two bytes. Whatever
 * they say, no file is asked for twice, the talk ends, and what it adds up to is a set the pool takes or refuses with a
 * message. An answer is given as it is, or, when its first byte is 0xFE, as a response that holds the rest as one file.
 * Behind an input of an odd length two services are asked for and no others. */
#include "rpc/reflect_talk.h"
#include "wire/pb.h"

#include <stdlib.h>

#define ANSWERS_MAX 64
#define AS_FILE     0xFE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ServerReflectionResponse 4 { FileDescriptorResponse 1: bytes }. */
static void wrap(struct bytes file, struct text *out)
{
    uint8_t length[10];
    struct text list = TEXT_INIT;
    text_char(&list, 1 << 3 | 2);
    text_add(&list, length, pb_varint_write(length, file.len));
    text_add(&list, file.data, file.len);
    text_char(out, 4 << 3 | 2);
    text_add(out, length, pb_varint_write(length, list.len));
    text_add(out, list.data, list.len);
    text_deinit(&list);
}

static void check_set(struct reflect_files *files)
{
    struct text set = TEXT_INIT;
    struct pb_pool *pool = NULL;
    struct error err = ERROR_INIT;
    if (reflect_files_set(files, &set) != 0)
        abort();
    int code = pb_pool_new(text_bytes(&set), "told", &pool, &err);
    if ((code == 0) != (pool != NULL) || (code != 0 && err.message == NULL))
        abort();
    pb_pool_free(pool);
    error_clear(&err);
    text_deinit(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reflect_files files = {.bytes = 0};
    struct reflect_talk talk = {.files = &files};
    struct text question = TEXT_INIT, wrapped = TEXT_INIT;
    int code = 0;
    if (size % 2 != 0 &&
        (reflect_talk_name(&talk, bytes_of("a.A")) != 0 || reflect_talk_name(&talk, bytes_of("harrow.test.Test")) != 0))
        abort();
    for (int i = 0; i < ANSWERS_MAX && code == 0; i++) {
        while (reflect_talk_ask(&talk, &question) == 1)
            if (pb_scan(NULL, text_bytes(&question), NULL) != 0)
                abort();
        if (!reflect_talk_waits(&talk))
            break;
        struct bytes answer = BYTES_NONE;
        if (size >= 2) {
            size_t len = (size_t)data[0] << 8 | data[1];
            len = len < size - 2 ? len : size - 2;
            answer = BYTES(data + 2, len);
            data += 2 + len;
            size -= 2 + len;
        }
        struct error err = ERROR_INIT;
        if (answer.len > 0 && answer.data[0] == AS_FILE) {
            text_clear(&wrapped);
            wrap(BYTES(answer.data + 1, answer.len - 1), &wrapped);
            answer = text_bytes(&wrapped);
        }
        code = reflect_talk_answer(&talk, answer, &err);
        if (code != 0 && err.message == NULL)
            abort();
        error_clear(&err);
    }
    if (talk.wanted.count > map_count(&files.by_name))
        abort(); /* a name twice */
    check_set(&files);
    text_deinit(&question);
    text_deinit(&wrapped);
    reflect_talk_deinit(&talk);
    reflect_files_deinit(&files);
    return 0;
}
