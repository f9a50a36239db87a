/* Pictures in memory: read from PNG and JPEG, made larger and smaller, cut, written. What is read comes from strangers:
 * the bytes are looked over before a library gets them, and what is too large is refused before anything is unpacked.
 *
 * libpng and libjpeg are opened when they are first called (base/late.h). */
#ifndef RUNTIME_SERVICES_BACKEND_PICTURE_H
#define RUNTIME_SERVICES_BACKEND_PICTURE_H

#include "base/error.h"
#include "base/text.h"

#include <stdint.h>

#define PICTURE_BYTES_MAX  ((size_t)10 << 20) /* of a file */
#define PICTURE_SIDE_MAX   10000              /* pixels */
#define PICTURE_PIXELS_MAX 16000000
#define PICTURE_SCANS_MAX  64 /* of a JPEG that comes into focus: each is work for the whole picture */

enum picture_format { PICTURE_NONE, PICTURE_PNG, PICTURE_JPEG };

struct picture {
    uint32_t width, height;
    uint8_t *pixels; /* owned; red, green, blue, alpha (not multiplied in), row by row from the top */
};
void picture_deinit(struct picture *p);

/* By the first bytes. PICTURE_NONE: neither. */
enum picture_format picture_format_of(struct bytes file);
/* By the ending of a name, whatever its case: .png, .jpg, .jpeg. */
enum picture_format picture_format_named(const char *name);
const char *picture_type(enum picture_format format); /* "image/png" */

/* As it is to be seen: a photo's orientation (EXIF) is applied. ERROR_SYNTAX: it is no PNG or JPEG, or not a whole one;
 * ERROR_LIMIT: it is too large (PICTURE_...); ERROR_MEMORY. `out` is only set when it is 0. */
int picture_read(struct bytes file, struct picture *out, struct error *err);
/* Appended. Of a JPEG what shines through is white. ERROR_MEMORY. */
int picture_write(const struct picture *p, enum picture_format format, struct text *out, struct error *err);

/* 1 to PICTURE_SIDE_MAX both, PICTURE_PIXELS_MAX at most, else ERROR_LIMIT. ERROR_MEMORY. */
int picture_scale(const struct picture *p, uint32_t width, uint32_t height, struct picture *out, struct error *err);
/* A part of it, which lies inside. ERROR_MEMORY. */
int picture_cut(const struct picture *p, uint32_t x, uint32_t y, uint32_t width, uint32_t height, struct picture *out,
                struct error *err);

/* What picture_read() calls, with room for a picture of that size. */
int picture_new(uint64_t width, uint64_t height, struct picture *out, struct error *err);
int picture_png_read(struct bytes file, struct picture *out, struct error *err);
int picture_png_write(const struct picture *p, struct text *out, struct error *err);
int picture_jpeg_read(struct bytes file, struct picture *out, struct error *err);
int picture_jpeg_write(const struct picture *p, struct text *out, struct error *err);
/* How the camera was held, 1 to 8 (EXIF 2.3, tag 0x0112); 1 when it is not said. */
int picture_orientation(struct bytes exif);
int picture_turn(struct picture *p, int orientation, struct error *err);

#endif
