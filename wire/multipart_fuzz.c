/* Any body either falls into parts that lie in it, one behind the other, those of a form with names, or is refused with
 * words; what is a form is a body of several parts as well. The first line is the content type. */
#include "base/text.h"
#include "wire/multipart.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct bytes body;
    const uint8_t *after; /* nothing of a part may lie before it */
    enum multipart_kind kind;
    int count;
};

static int on_part(void *arg, const struct multipart_part *part, struct error *err)
{
    struct fuzz *f = arg;
    struct bytes head = part->head, name, value;
    (void)err;
    if (f->kind == MULTIPART_FORM ? !part->name || !part->disposed : part->name && !part->disposed)
        abort();
    while (multipart_header(&head, &name, &value))
        if (name.len == 0)
            abort();
    if (head.len > 0 || (part->name && !part->name[0]) || part->content.data < f->after ||
        part->content.data + part->content.len > f->body.data + f->body.len || ++f->count > MULTIPART_PARTS_MAX)
        abort();
    f->after = part->content.data + part->content.len;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 1] = "";
    struct text type = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    if (!end)
        return 0;
    text_add(&type, data, (size_t)(end - data));
    struct fuzz fuzz = {.body = BYTES(end + 1, size - (size_t)(end - data) - 1), .after = end};
    int rc = multipart_boundary(text_string(&type), boundary, &err);
    if (rc == 0 && (boundary[0] == '\0' || strlen(boundary) > MULTIPART_BOUNDARY_MAX))
        abort();
    if (rc == 0)
        rc = multipart_parse(MULTIPART_FORM, fuzz.body, boundary, &arena, on_part, &fuzz, &err);
    if (rc == 0) {
        struct fuzz any = {.body = fuzz.body, .after = end, .kind = MULTIPART_ANY};
        if (multipart_parse(any.kind, any.body, boundary, &arena, on_part, &any, NULL) != 0 || any.count != fuzz.count)
            abort();
    } else if (boundary[0] != '\0') {
        struct fuzz any = {.body = fuzz.body, .after = end, .kind = MULTIPART_ANY};
        (void)multipart_parse(any.kind, any.body, boundary, &arena, on_part, &any, NULL);
    }
    if (rc != 0 && (!err.message || !err.message[0]))
        abort();
    error_clear(&err);
    arena_deinit(&arena);
    text_deinit(&type);
    return 0;
}
