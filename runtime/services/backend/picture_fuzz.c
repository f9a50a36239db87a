/* Bytes become a picture or an error that has a text. What is read is within the limits; written as a PNG and read
 * again it is the same; and it can be made smaller, larger, cut and written as a JPEG. */
#include "runtime/services/backend/picture.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void use(const struct picture *p)
{
    struct text png = TEXT_INIT, jpeg = TEXT_INIT;
    struct picture again = {0}, other = {0};
    must(picture_write(p, PICTURE_PNG, &png, NULL) == 0 && picture_read(text_bytes(&png), &again, NULL) == 0);
    must(again.width == p->width && again.height == p->height);
    must(memcmp(again.pixels, p->pixels, (size_t)p->width * p->height * 4) == 0);
    must(picture_scale(p, 1 + p->width / 2, 1 + p->height / 3, &other, NULL) == 0);
    picture_deinit(&other);
    must(picture_scale(p, 20, 30, &other, NULL) == 0);
    must(picture_write(&other, PICTURE_JPEG, &jpeg, NULL) == 0);
    picture_deinit(&other);
    must(picture_cut(p, p->width / 2, p->height / 2, p->width - p->width / 2, p->height - p->height / 2, &other,
                     NULL) == 0);
    picture_deinit(&other);
    picture_deinit(&again);
    text_deinit(&png);
    text_deinit(&jpeg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct picture p = {0};
    struct error err = ERROR_INIT;
    if (picture_read(BYTES(data, size), &p, &err) == 0) {
        must(p.width > 0 && p.height > 0 && (uint64_t)p.width * p.height <= PICTURE_PIXELS_MAX);
        if ((uint64_t)p.width * p.height < 100000) /* more of the same says nothing new */
            use(&p);
    } else {
        must(!p.pixels && err.message && err.message[0]);
    }
    error_clear(&err);
    picture_deinit(&p);
    return 0;
}
