/* PNG (W3C, third edition) by libpng's simplified interface. Before that the chunks are looked at: only those that the
 * pixels need go on, so that no packed text or colour profile is unpacked, which may be a thousand times its size each.
 */
#include "runtime/services/backend/picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 8
#define HEAD  8 /* of a chunk: length, type */
#define CRC   4
#define QUICK 1000000 /* pixels */

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_one_of(const uint8_t *type, const char *types)
{
    for (; *types; types += 4)
        if (memcmp(type, types, 4) == 0)
            return true;
    return false;
}

static int pick(struct bytes file, struct text *out, uint32_t *width, uint32_t *height, struct error *err)
{
    bool ended = false;
    text_add(out, file.data, MAGIC);
    for (size_t at = MAGIC; !ended;) {
        size_t left = file.len - at;
        const uint8_t *chunk = file.data + at;
        uint32_t len = left >= HEAD ? big_endian(chunk) : 0;
        if (left < HEAD + CRC || len > left - HEAD - CRC)
            return error_set(err, ERROR_SYNTAX, "the PNG ends in the middle, after %zu bytes", file.len);
        if (at == MAGIC && (len != 13 || memcmp(chunk + 4, "IHDR", 4) != 0))
            return error_set(err, ERROR_SYNTAX, "the PNG does not begin with its header");
        if (at == MAGIC) {
            *width = big_endian(chunk + HEAD);
            *height = big_endian(chunk + HEAD + 4);
        }
        if (is_one_of(chunk + 4, "IHDRPLTEtRNSIDATIENDsRGBgAMA"))
            text_add(out, chunk, HEAD + len + CRC);
        ended = memcmp(chunk + 4, "IEND", 4) == 0;
        at += HEAD + len + CRC;
    }
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* libpng says what is wrong in words only. */
static int told(const png_image *image, struct error *err)
{
    bool memory = strstr(image->message, "memory") != NULL;
    return error_set(err, memory ? ERROR_MEMORY : ERROR_SYNTAX, memory ? "out of memory" : "the PNG is broken: %s",
                     image->message);
}

int picture_png_read(struct bytes file, struct picture *out, struct error *err)
{
    struct text chunks = TEXT_INIT;
    struct picture p = {0};
    png_image image = {.version = PNG_IMAGE_VERSION};
    uint32_t width = 0, height = 0;
    int rc = pick(file, &chunks, &width, &height, err);
    if (rc == 0)
        rc = picture_new(width, height, &p, err);
    if (rc == 0 && !png_image_begin_read_from_memory(&image, chunks.data, chunks.len))
        rc = told(&image, err);
    if (rc == 0 && (image.width != width || image.height != height))
        rc = error_set(err, ERROR_SYNTAX, "the PNG has two sizes");
    image.format = PNG_FORMAT_RGBA;
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    if (rc == 0 && (!png_image_finish_read(&image, NULL, p.pixels, 0, NULL) || PNG_IMAGE_FAILED(image)))
        rc = told(&image, err);
    png_image_free(&image);
    text_deinit(&chunks);
    if (rc)
        picture_deinit(&p);
    else
        *out = p;
    return rc;
}

/* Without alpha where nothing shines through. NULL: no memory. */
static uint8_t *opaque(const struct picture *p)
{
    size_t n = (size_t)p->width * p->height;
    uint8_t *out = malloc(n * 3);
    for (size_t i = 0; out && i < n; i++)
        memcpy(out + 3 * i, p->pixels + 4 * i, 3);
    return out;
}

static bool is_opaque(const struct picture *p)
{
    size_t n = (size_t)p->width * p->height;
    for (size_t i = 0; i < n; i++)
        if (p->pixels[4 * i + 3] != 255)
            return false;
    return true;
}

int picture_png_write(const struct picture *p, struct text *out, struct error *err)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .width = p->width, .height = p->height};
    bool plain = is_opaque(p);
    uint8_t *rgb = plain ? opaque(p) : NULL;
    image.format = plain ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
    if ((uint64_t)p->width * p->height > QUICK) /* noise of the largest size took five seconds otherwise */
        image.flags |= PNG_IMAGE_FLAG_FAST;
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    int rc = (plain && !rgb) || !text_reserve(out, room) ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    if (rc == 0 && !png_image_write_to_memory(&image, out->data + out->len, &room, 0, plain ? rgb : p->pixels, 0, NULL))
        rc = told(&image, err);
    if (rc == 0) {
        out->len += room;
        out->data[out->len] = '\0';
    }
    free(rgb);
    return rc;
}
