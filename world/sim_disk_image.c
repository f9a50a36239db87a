/* A file's bytes in pieces: see sim_disk.h. */
#include "world/sim_disk.h"

#include <stdlib.h>
#include <string.h>

static void drop_pieces(struct disk_image *image, size_t from)
{
    for (size_t i = from; i < image->count; i++)
        free(image->pieces[i]);
    if (image->count > from)
        image->count = from;
}

void disk_image_free(struct disk_image *image)
{
    drop_pieces(image, 0);
    free(image->pieces);
    *image = (struct disk_image){0};
}

/* The piece, to be written to. NULL: no memory. */
static uint8_t *piece_at(struct disk_image *image, size_t number)
{
    if (number >= image->capacity) {
        size_t capacity = image->capacity ? image->capacity : 4;
        while (capacity <= number)
            capacity *= 2;
        uint8_t **pieces = realloc(image->pieces, capacity * sizeof *pieces);
        if (!pieces)
            return NULL;
        image->pieces = pieces;
        image->capacity = capacity;
    }
    while (image->count <= number)
        image->pieces[image->count++] = NULL;
    if (!image->pieces[number])
        image->pieces[number] = calloc(1, DISK_PIECE);
    return image->pieces[number];
}

/* What is cut off is forgotten: it reads as zeros when the file grows again. */
bool disk_image_resize(struct disk_image *image, uint64_t size)
{
    if (size > SIZE_MAX - DISK_PIECE)
        return false;
    size_t in_last = (size_t)size % DISK_PIECE, whole = (size_t)size / DISK_PIECE;
    if (size < image->size) {
        drop_pieces(image, whole + (in_last > 0));
        if (in_last > 0 && whole < image->count && image->pieces[whole])
            memset(image->pieces[whole] + in_last, 0, DISK_PIECE - in_last);
    }
    image->size = (size_t)size;
    return true;
}

bool disk_image_write(struct disk_image *image, const void *data, size_t len, uint64_t offset)
{
    const uint8_t *from = data;
    if (len == 0)
        return true;
    if (offset > SIZE_MAX - DISK_PIECE || len > SIZE_MAX - DISK_PIECE - (size_t)offset)
        return false;
    size_t at = (size_t)offset, end = at + len;
    /* All of it or nothing. */
    for (size_t number = at / DISK_PIECE; number <= (end - 1) / DISK_PIECE; number++)
        if (!piece_at(image, number))
            return false;
    for (size_t n; at < end; at += n, from += n) {
        size_t within = at % DISK_PIECE;
        n = end - at < DISK_PIECE - within ? end - at : DISK_PIECE - within;
        memcpy(image->pieces[at / DISK_PIECE] + within, from, n);
    }
    if (end > image->size)
        image->size = end;
    return true;
}

void disk_image_read(const struct disk_image *image, void *out, size_t len, size_t offset)
{
    uint8_t *to = out;
    for (size_t n; len > 0; offset += n, to += n, len -= n) {
        size_t within = offset % DISK_PIECE, number = offset / DISK_PIECE;
        n = len < DISK_PIECE - within ? len : DISK_PIECE - within;
        if (number < image->count && image->pieces[number])
            memcpy(to, image->pieces[number] + within, n);
        else
            memset(to, 0, n);
    }
}

bool disk_image_flip(struct disk_image *image, uint64_t bit)
{
    uint8_t byte;
    if (bit / 8 >= image->size)
        return true; /* not there yet */
    disk_image_read(image, &byte, 1, (size_t)(bit / 8));
    byte ^= (uint8_t)(1U << (bit % 8));
    return disk_image_write(image, &byte, 1, bit / 8);
}

uint64_t disk_image_held(const struct disk_image *image)
{
    uint64_t held = image->capacity * sizeof *image->pieces;
    for (size_t i = 0; i < image->count; i++)
        held += image->pieces[i] ? DISK_PIECE : 0;
    return held;
}
