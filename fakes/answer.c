#include "fakes/answer.h"

#include <stdarg.h>
#include <stdlib.h>

struct bytes fake_asked_message(const struct fake_asked *asked, size_t i)
{
    if (i >= asked->messages)
        return BYTES_NONE;
    size_t start = i > 0 ? asked->ends[i - 1] : 0;
    size_t len = asked->ends[i] - start;
    return len > 0 ? BYTES(asked->request.data + start, len) : BYTES("", 0);
}

void fake_answer_init(struct fake_answer *a)
{
    *a = (struct fake_answer){0};
}

void fake_answer_clear(struct fake_answer *a)
{
    for (size_t i = 0; i < a->headers.count; i++)
        free(a->headers.items[i].name);
    array_clear(&a->headers);
    array_clear(&a->marks);
    text_clear(&a->message);
    text_clear(&a->details);
    text_clear(&a->replies);
    a->status = 0;
    a->delay = 0;
    a->ending = FAKE_ENDS;
    a->by = NULL;
}

void fake_answer_deinit(struct fake_answer *a)
{
    fake_answer_clear(a);
    array_deinit(&a->headers);
    array_deinit(&a->marks);
    text_deinit(&a->message);
    text_deinit(&a->details);
    text_deinit(&a->replies);
}

bool fake_answer_mark(struct fake_answer *a, uint64_t delay)
{
    return text_ok(&a->replies) && array_push(&a->marks, ((struct fake_reply){a->replies.len, delay}));
}

bool fake_answer_add(struct fake_answer *a, struct bytes reply)
{
    text_add(&a->replies, reply.data, reply.len);
    return fake_answer_mark(a, 0);
}

bool fake_answer_header(struct fake_answer *a, const char *name, struct bytes value, bool trailer)
{
    if (!array_grow(&a->headers))
        return false;
    /* One allocation: the name and, behind its NUL, the value. */
    size_t len = strlen(name);
    char *copy = malloc(len + 1 + value.len);
    if (copy == NULL)
        return false;
    memcpy(copy, name, len + 1);
    if (value.len > 0)
        memcpy(copy + len + 1, value.data, value.len);
    a->headers.items[a->headers.count++] =
        (struct fake_header){.name = copy, .value = BYTES(copy + len + 1, value.len), .trailer = trailer};
    return true;
}

void fake_answer_fail(struct fake_answer *a, int status, const char *format, ...)
{
    va_list args;
    a->status = status;
    text_clear(&a->message);
    va_start(args, format);
    text_vprintf(&a->message, format, args);
    va_end(args);
}
