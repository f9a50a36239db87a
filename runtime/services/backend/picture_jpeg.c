/* JPEG (ITU-T T.81) by libjpeg, which ends what it cannot go on with by calling `error_exit`: from there it is jumped
 * out of. What it would only warn of, and fill with grey, is refused as well: half a photo is none. */
#include "runtime/services/backend/picture.h"

#include <stdio.h> /* jpeglib.h wants it first */

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define QUALITY 90

struct judge {
    struct jpeg_error_mgr manager; /* first: libjpeg's pointer to it is ours to the whole */
    jmp_buf out;
};

static void leave(j_common_ptr info)
{
    longjmp(((struct judge *)(void *)info->err)->out, 1);
}

static void heard(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
        leave(info);
}

static void judge_init(struct judge *j, j_common_ptr info)
{
    info->err = jpeg_std_error(&j->manager);
    j->manager.error_exit = leave;
    j->manager.emit_message = heard;
}

static int told(struct judge *j, j_common_ptr info, struct error *err)
{
    char words[JMSG_LENGTH_MAX];
    if (j->manager.msg_code == JERR_OUT_OF_MEMORY)
        return error_set(err, ERROR_MEMORY, "out of memory");
    j->manager.format_message(info, words);
    return error_set(err, ERROR_SYNTAX, "the JPEG is broken: %s", words);
}

/* At least so many passes over the picture. Within a scan's data 0xff stands before 0 or a restart's number; what other
 * segments hold may be counted as well. */
static size_t scans(struct bytes file)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < file.len; i++)
        n += file.data[i] == 0xff && file.data[i + 1] == 0xda;
    return n;
}

/* Of inks, which Adobe's programs write the other way round, as libjpeg leaves them: 255 is none of it. */
static void from_inks(const struct jpeg_decompress_struct *info, uint8_t *row)
{
    for (size_t x = 0; x < info->output_width; x++, row += 4) {
        unsigned ink[4];
        for (size_t c = 0; c < 4; c++)
            ink[c] = info->saw_Adobe_marker ? row[c] : 255U - row[c];
        for (size_t c = 0; c < 3; c++)
            row[c] = (uint8_t)(ink[c] * ink[3] / 255);
        row[3] = 255;
    }
}

static void read_rows(struct jpeg_decompress_struct *info, struct picture *p)
{
    bool inks = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = inks ? JCS_CMYK : JCS_EXT_RGBA;
    (void)jpeg_start_decompress(info);
    while (info->output_scanline < info->output_height) {
        uint8_t *row = p->pixels + (size_t)info->output_scanline * p->width * 4;
        (void)jpeg_read_scanlines(info, &row, 1);
        if (inks)
            from_inks(info, row);
    }
}

/* What lives across the jump is behind pointers. */
struct reading {
    struct judge judge;
    struct jpeg_decompress_struct info;
    struct picture picture;
};

static int read_all(struct reading *r, struct bytes file, struct error *err)
{
    if (setjmp(r->judge.out))
        return told(&r->judge, (j_common_ptr)&r->info, err);
    jpeg_create_decompress(&r->info);
    jpeg_mem_src(&r->info, file.data, file.len);
    jpeg_save_markers(&r->info, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(&r->info, TRUE);
    int rc = picture_new(r->info.image_width, r->info.image_height, &r->picture, err);
    if (rc)
        return rc;
    read_rows(&r->info, &r->picture);
    const struct jpeg_marker_struct *m = r->info.marker_list;
    int orientation = 1;
    for (; m && orientation == 1; m = m->next)
        orientation = picture_orientation(BYTES(m->data, m->data_length));
    (void)jpeg_finish_decompress(&r->info);
    return picture_turn(&r->picture, orientation, err);
}

int picture_jpeg_read(struct bytes file, struct picture *out, struct error *err)
{
    if (scans(file) > PICTURE_SCANS_MAX)
        return error_set(err, ERROR_LIMIT, "the JPEG has more than %d scans", PICTURE_SCANS_MAX);
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    judge_init(&r->judge, (j_common_ptr)&r->info);
    int rc = read_all(r, file, err);
    jpeg_destroy_decompress(&r->info);
    if (rc)
        picture_deinit(&r->picture);
    else
        *out = r->picture;
    free(r);
    return rc;
}

struct writing {
    struct judge judge;
    struct jpeg_compress_struct info;
    unsigned char *bytes; /* libjpeg's malloc() */
    unsigned long len;
    uint8_t *row;
};

static int write_all(struct writing *w, const struct picture *p, struct error *err)
{
    if (setjmp(w->judge.out))
        return told(&w->judge, (j_common_ptr)&w->info, err);
    jpeg_create_compress(&w->info);
    jpeg_mem_dest(&w->info, &w->bytes, &w->len);
    w->info.image_width = p->width;
    w->info.image_height = p->height;
    w->info.input_components = 3;
    w->info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->info);
    jpeg_set_quality(&w->info, QUALITY, TRUE);
    jpeg_start_compress(&w->info, TRUE);
    while (w->info.next_scanline < p->height) {
        const uint8_t *from = p->pixels + (size_t)w->info.next_scanline * p->width * 4;
        for (size_t x = 0; x < p->width; x++)
            for (size_t c = 0; c < 3; c++)
                w->row[3 * x + c] =
                    (uint8_t)((from[4 * x + c] * from[4 * x + 3] + 255 * (255 - from[4 * x + 3]) + 127) / 255);
        (void)jpeg_write_scanlines(&w->info, &w->row, 1);
    }
    jpeg_finish_compress(&w->info);
    return 0;
}

int picture_jpeg_write(const struct picture *p, struct text *out, struct error *err)
{
    struct writing *w = calloc(1, sizeof *w);
    if (!w || !(w->row = malloc((size_t)p->width * 3))) {
        free(w);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    judge_init(&w->judge, (j_common_ptr)&w->info);
    int rc = write_all(w, p, err);
    jpeg_destroy_compress(&w->info);
    if (rc == 0)
        text_add(out, w->bytes, w->len);
    if (rc == 0 && !text_ok(out))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    free(w->bytes);
    free(w->row);
    free(w);
    return rc;
}
