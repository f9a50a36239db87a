#include "runtime/services/backend/picture.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg_magic[] = {0xff, 0xd8, 0xff};

void picture_deinit(struct picture *p)
{
    free(p->pixels);
    *p = (struct picture){0};
}

enum picture_format picture_format_of(struct bytes file)
{
    if (file.len >= sizeof png_magic && memcmp(file.data, png_magic, sizeof png_magic) == 0)
        return PICTURE_PNG;
    if (file.len >= sizeof jpeg_magic && memcmp(file.data, jpeg_magic, sizeof jpeg_magic) == 0)
        return PICTURE_JPEG;
    return PICTURE_NONE;
}

enum picture_format picture_format_named(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name)
        return PICTURE_NONE;
    if (strcasecmp(dot, ".png") == 0)
        return PICTURE_PNG;
    return strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ? PICTURE_JPEG : PICTURE_NONE;
}

const char *picture_type(enum picture_format format)
{
    return format == PICTURE_PNG ? "image/png" : "image/jpeg";
}

int picture_new(uint64_t width, uint64_t height, struct picture *out, struct error *err)
{
    if (width < 1 || height < 1)
        return error_set(err, ERROR_SYNTAX, "the picture has no pixels");
    if (width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX || width * height > PICTURE_PIXELS_MAX)
        return error_set(err, ERROR_LIMIT,
                         "a picture of %llux%llu pixels is too large: it has at most %d a side and %d in all",
                         (unsigned long long)width, (unsigned long long)height, PICTURE_SIDE_MAX, PICTURE_PIXELS_MAX);
    out->pixels = malloc((size_t)(width * height * 4));
    if (!out->pixels)
        return error_set(err, ERROR_MEMORY, "out of memory");
    out->width = (uint32_t)width;
    out->height = (uint32_t)height;
    return 0;
}

int picture_read(struct bytes file, struct picture *out, struct error *err)
{
    if (file.len > PICTURE_BYTES_MAX)
        return error_set(err, ERROR_LIMIT, "a picture of %zu bytes is too large: it has at most %zu", file.len,
                         PICTURE_BYTES_MAX);
    switch (picture_format_of(file)) {
    case PICTURE_PNG:
        return picture_png_read(file, out, err);
    case PICTURE_JPEG:
        return picture_jpeg_read(file, out, err);
    case PICTURE_NONE:
        break;
    }
    return error_set(err, ERROR_SYNTAX, "that is neither a PNG nor a JPEG");
}

int picture_write(const struct picture *p, enum picture_format format, struct text *out, struct error *err)
{
    return format == PICTURE_PNG ? picture_png_write(p, out, err) : picture_jpeg_write(p, out, err);
}

int picture_cut(const struct picture *p, uint32_t x, uint32_t y, uint32_t width, uint32_t height, struct picture *out,
                struct error *err)
{
    int rc = picture_new(width, height, out, err);
    for (uint32_t row = 0; rc == 0 && row < height; row++)
        memcpy(out->pixels + (size_t)row * width * 4, p->pixels + ((size_t)(y + row) * p->width + x) * 4,
               (size_t)width * 4);
    return rc;
}

/* ---- how the camera was held ---------------------------------------------------------------------------------------
 */

struct exif {
    struct bytes tiff;
    bool little;
};

/* 0 where there is nothing. */
static uint32_t number(const struct exif *e, uint64_t at, size_t len)
{
    uint32_t n = 0;
    for (size_t i = 0; at + len <= e->tiff.len && i < len; i++)
        n |= (uint32_t)e->tiff.data[at + i] << 8 * (e->little ? i : len - 1 - i);
    return n;
}

int picture_orientation(struct bytes exif)
{
    if (exif.len < 14 || memcmp(exif.data, "Exif\0\0", 6) != 0)
        return 1;
    const struct exif e = {BYTES(exif.data + 6, exif.len - 6), exif.data[6] == 'I'};
    uint64_t folder = number(&e, 4, 4);
    uint32_t count = number(&e, folder, 2);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = folder + 2 + (uint64_t)i * 12;
        if (number(&e, entry, 2) == 0x0112) {
            uint32_t how = number(&e, entry + 8, 2);
            return how >= 1 && how <= 8 ? (int)how : 1;
        }
    }
    return 1;
}

int picture_turn(struct picture *p, int orientation, struct error *err)
{
    struct picture out = {0};
    bool sideways = orientation >= 5;
    if (orientation == 1)
        return 0;
    int rc = sideways ? picture_new(p->height, p->width, &out, err) : picture_new(p->width, p->height, &out, err);
    if (rc)
        return rc;
    for (uint32_t y = 0; y < out.height; y++)
        for (uint32_t x = 0; x < out.width; x++) {
            uint32_t sx = sideways ? y : x, sy = sideways ? x : y;
            if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
                sx = p->width - 1 - sx;
            if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
                sy = p->height - 1 - sy;
            memcpy(out.pixels + ((size_t)y * out.width + x) * 4, p->pixels + ((size_t)sy * p->width + sx) * 4, 4);
        }
    picture_deinit(p);
    *p = out;
    return 0;
}
