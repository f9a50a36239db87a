/* Pictures that other programs wrote (picture_corpus/, by Pillow 11 and by hand) are read as they look; what is broken,
 * too large or no picture is refused. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "runtime/services/backend/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPUS "runtime/services/backend/picture_corpus"

static struct text load(const char *name)
{
    struct text out = TEXT_INIT;
    char path[512], piece[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", CORPUS, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        text_add(&out, piece, n);
    fclose(f);
    assert_true(text_ok(&out));
    return out;
}

static int read_bytes(struct bytes file, struct picture *p, const char *wants)
{
    struct error err = ERROR_INIT;
    int rc = picture_read(file, p, &err);
    if (rc && (!wants || !strstr(err.message, wants)))
        fail_msg("%s", err.message);
    error_clear(&err);
    return rc;
}

static struct picture read_file(const char *name)
{
    struct picture p = {0};
    struct text file = load(name);
    assert_int_equal(read_bytes(text_bytes(&file), &p, NULL), 0);
    text_deinit(&file);
    return p;
}

static void is_colour(const struct picture *p, uint32_t x, uint32_t y, uint32_t rgba, int near)
{
    const uint8_t *at = p->pixels + ((size_t)y * p->width + x) * 4;
    for (int c = 0; c < 4; c++) {
        int want = (int)(rgba >> (24 - 8 * c) & 255);
        if (abs(at[c] - want) > near)
            fail_msg("%u,%u: %02x%02x%02x%02x is not %08x", x, y, at[0], at[1], at[2], at[3], rgba);
    }
}

/* Four fields: red, green above blue, white. */
static void is_quad(const char *name, uint32_t red, uint32_t green, uint32_t blue, uint32_t white, int near)
{
    struct picture p = read_file(name);
    assert_int_equal(p.width, 16);
    assert_int_equal(p.height, 8);
    is_colour(&p, 0, 0, red, near);
    is_colour(&p, 15, 0, green, near);
    is_colour(&p, 0, 7, blue, near);
    is_colour(&p, 15, 7, white, near);
    picture_deinit(&p);
}

static void of_every_kind(void **state)
{
    static const char *const coloured[] = {"rgb.png", "rgba.png", "palette.png", "text.png"};
    static const char *const photos[] = {"colours.jpg", "progressive.jpg", "inks.jpg"};
    (void)state;
    for (size_t i = 0; i < sizeof coloured / sizeof *coloured; i++)
        is_quad(coloured[i], 0xff0000ff, 0x00ff00ff, 0x0000ffff, 0xffffffff, 0);
    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++)
        is_quad(photos[i], 0xff0000ff, 0x00ff00ff, 0x0000ffff, 0xffffffff, 12);
    is_quad("half.png", 0xff000080, 0x00ff0080, 0x0000ff80, 0xffffff80, 0);
    is_quad("subsampled.jpg", 0xff0000ff, 0x00ff00ff, 0x0000ffff, 0xffffffff, 60);
    is_quad("grey.png", 0x4c4c4cff, 0x969696ff, 0x1d1d1dff, 0xffffffff, 0);
    is_quad("deep.png", 0x4c4c4cff, 0x969696ff, 0x1d1d1dff, 0xffffffff, 0);
    is_quad("grey.jpg", 0x4c4c4cff, 0x969696ff, 0x1d1d1dff, 0xffffffff, 6);
    struct picture key = read_file("key.png"); /* one colour is said to be seen through (tRNS) */
    is_colour(&key, 0, 0, 0x010203ff, 0);
    is_colour(&key, 1, 0, 0x09090900, 0);
    picture_deinit(&key);
    struct picture p = read_file("interlaced.png");
    for (uint32_t y = 0; y < 8; y++)
        for (uint32_t x = 0; x < 8; x++)
            is_colour(&p, x, y, (x * 16 + y) * 0x01010100U | 255, 0);
    picture_deinit(&p);
}

static void as_the_camera_was_held(void **state)
{
    (void)state;
    is_quad("turned3.jpg", 0xffffffff, 0x0000ffff, 0x00ff00ff, 0xff0000ff, 12);
    struct picture p = read_file("turned6.jpg");
    assert_int_equal(p.width, 8);
    assert_int_equal(p.height, 16);
    is_colour(&p, 0, 0, 0x0000ffff, 12);
    is_colour(&p, 7, 0, 0xff0000ff, 12);
    is_colour(&p, 0, 15, 0xffffffff, 12);
    is_colour(&p, 7, 15, 0x00ff00ff, 12);
    picture_deinit(&p);
}

/* What comes out of a turn and the one that undoes it is what was there. */
static void all_ways_to_hold_one(void **state)
{
    static const int undone[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    (void)state;
    for (int how = 1; how <= 8; how++) {
        struct picture p = read_file("interlaced.png"), same = read_file("interlaced.png");
        assert_int_equal(picture_turn(&p, how, NULL), 0);
        assert_int_equal(how == 1, memcmp(p.pixels, same.pixels, 256) == 0);
        assert_int_equal(picture_turn(&p, undone[how], NULL), 0);
        assert_memory_equal(p.pixels, same.pixels, 256);
        picture_deinit(&p);
        picture_deinit(&same);
    }
    static const uint8_t motorola[] = "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0",
                         intel[] = "Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0",
                         nonsense[] = "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x09\0\0";
    assert_int_equal(picture_orientation(BYTES(motorola, sizeof motorola - 1)), 6);
    assert_int_equal(picture_orientation(BYTES(intel, sizeof intel - 1)), 8);
    assert_int_equal(picture_orientation(BYTES(nonsense, sizeof nonsense - 1)), 1);
    for (size_t n = 0; n < sizeof motorola - 3; n++)
        assert_int_equal(picture_orientation(BYTES(motorola, n)), 1);
}

/* Every file is cut short everywhere: no part of one is a picture. */
static void broken(void **state)
{
    static const char *const files[] = {"rgb.png", "palette.png", "interlaced.png", "colours.jpg", "progressive.jpg"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct text file = load(files[i]);
        size_t end = strstr(files[i], "jpg") ? file.len - 2 : file.len; /* the mark of the end may be missing */
        for (size_t n = 0; n < end; n++) {
            struct picture p = {0};
            uint8_t *part = malloc(n ? n : 1);
            assert_non_null(part);
            memcpy(part, file.data, n);
            if (read_bytes(BYTES(part, n), &p, "") != ERROR_SYNTAX)
                fail_msg("%s: %zu bytes of %zu are a picture", files[i], n, file.len);
            free(part);
        }
        text_deinit(&file);
    }
    struct picture p = {0};
    struct text png = load("rgb.png");
    png.data[60] ^= 1;
    assert_int_equal(read_bytes(text_bytes(&png), &p, "the PNG is broken"), ERROR_SYNTAX);
    text_deinit(&png);
    assert_int_equal(read_bytes(bytes_of("<svg/>"), &p, "neither a PNG nor a JPEG"), ERROR_SYNTAX);
    assert_null(p.pixels);
}

static void too_large(void **state)
{
    struct picture p = {0};
    struct text bomb = load("bomb.png"), scans = load("progressive.jpg"), big = TEXT_INIT;
    (void)state;
    assert_int_equal(read_bytes(text_bytes(&bomb), &p, "9999x9999 pixels is too large"), ERROR_LIMIT);
    size_t n = scans.len - 2; /* before the end */
    for (int i = 0; i < PICTURE_SCANS_MAX; i++)
        text_add(&big, "\xff\xda", 2);
    text_truncate(&scans, n);
    text_add(&scans, big.data, big.len);
    assert_int_equal(read_bytes(text_bytes(&scans), &p, "more than 64 scans"), ERROR_LIMIT);
    text_deinit(&bomb);
    bomb = load("rgb.png");
    assert_true(text_reserve(&bomb, PICTURE_BYTES_MAX));
    memset(bomb.data + bomb.len, 0, PICTURE_BYTES_MAX);
    bomb.len += PICTURE_BYTES_MAX;
    assert_int_equal(read_bytes(text_bytes(&bomb), &p, "bytes is too large"), ERROR_LIMIT);
    assert_null(p.pixels);
    text_deinit(&bomb);
    text_deinit(&scans);
    text_deinit(&big);
    assert_int_equal(picture_new(PICTURE_SIDE_MAX + 1, 1, &p, NULL), ERROR_LIMIT);
    assert_int_equal(picture_new(4001, 4000, &p, NULL), ERROR_LIMIT);
    assert_int_equal(picture_new(UINT32_MAX, UINT32_MAX, &p, NULL), ERROR_LIMIT);
    assert_int_equal(picture_new(4000, 4000, &p, NULL), 0);
    picture_deinit(&p);
}

static void written(void **state)
{
    struct picture half = read_file("half.png"), rgb = read_file("rgb.png"), again = {0};
    struct text out = TEXT_INIT;
    (void)state;
    assert_int_equal(picture_write(&half, PICTURE_PNG, &out, NULL), 0);
    assert_int_equal(picture_format_of(text_bytes(&out)), PICTURE_PNG);
    assert_int_equal(read_bytes(text_bytes(&out), &again, NULL), 0);
    assert_memory_equal(again.pixels, half.pixels, 16 * 8 * 4);
    picture_deinit(&again);
    text_clear(&out);
    assert_int_equal(picture_write(&half, PICTURE_JPEG, &out, NULL), 0);
    assert_int_equal(picture_format_of(text_bytes(&out)), PICTURE_JPEG);
    assert_int_equal(read_bytes(text_bytes(&out), &again, NULL), 0);
    is_colour(&again, 0, 0, 0xff7f7fff, 12); /* on white */
    picture_deinit(&again);
    text_clear(&out);
    text_puts(&out, "before");
    assert_int_equal(picture_write(&rgb, PICTURE_PNG, &out, NULL), 0);
    assert_memory_equal(out.data, "before", 6);
    assert_int_equal(out.data[6 + 25], 2); /* colour type: no alpha where nothing shines through */
    text_deinit(&out);
    picture_deinit(&half);
    picture_deinit(&rgb);
}

static void in_other_sizes(void **state)
{
    struct picture p = read_file("rgb.png"), half = read_file("half.png"), out = {0};
    (void)state;
    assert_int_equal(picture_scale(&p, 2, 2, &out, NULL), 0);
    is_colour(&out, 0, 0, 0xff0000ff, 70); /* its neighbours reach in */
    is_colour(&out, 1, 1, 0xffffffff, 70);
    picture_deinit(&out);
    assert_int_equal(picture_scale(&p, 1, 1, &out, NULL), 0);
    is_colour(&out, 0, 0, 0x808080ff, 1); /* a quarter of each */
    picture_deinit(&out);
    assert_int_equal(picture_scale(&p, 160, 80, &out, NULL), 0);
    is_colour(&out, 0, 0, 0xff0000ff, 0);
    is_colour(&out, 79, 10, 0x8c7300ff, 1); /* its middle lies 0.45 of the way from red to green */
    is_colour(&out, 159, 79, 0xffffffff, 0);
    picture_deinit(&out);
    assert_int_equal(picture_scale(&p, 16, 8, &out, NULL), 0);
    assert_memory_equal(out.pixels, p.pixels, 16 * 8 * 4);
    picture_deinit(&out);
    memset(half.pixels + (size_t)8 * 4, 0, 4); /* what is not seen colours nothing */
    half.pixels[8 * 4 + 1] = 255;
    assert_int_equal(picture_cut(&half, 7, 0, 2, 1, &out, NULL), 0);
    struct picture one = {0};
    assert_int_equal(picture_scale(&out, 1, 1, &one, NULL), 0);
    is_colour(&one, 0, 0, 0xff000040, 1);
    picture_deinit(&one);
    picture_deinit(&out);
    struct picture line = {0};
    assert_int_equal(picture_new(8, 1, &line, NULL), 0);
    memset(line.pixels, 255, (size_t)8 * 4);
    memset(line.pixels + (size_t)1 * 4, 0, 3);
    assert_int_equal(picture_scale(&line, 1, 1, &out, NULL), 0); /* every pixel counts, not the middle ones alone */
    is_colour(&out, 0, 0, 0xe2e2e2ff, 1);
    picture_deinit(&line);
    picture_deinit(&out);
    assert_int_equal(picture_cut(&p, 15, 7, 1, 1, &out, NULL), 0);
    is_colour(&out, 0, 0, 0xffffffff, 0);
    picture_deinit(&out);
    assert_int_equal(picture_scale(&p, 4001, 4000, &out, NULL), ERROR_LIMIT);
    assert_int_equal(picture_scale(&p, 0, 4, &out, NULL), ERROR_SYNTAX);
    assert_null(out.pixels);
    picture_deinit(&p);
    picture_deinit(&half);
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(picture_format_named("a.b/cat.PNG"), PICTURE_PNG);
    assert_int_equal(picture_format_named("cat.jpg"), PICTURE_JPEG);
    assert_int_equal(picture_format_named("cat.jpeg"), PICTURE_JPEG);
    assert_int_equal(picture_format_named("cat.gif"), PICTURE_NONE);
    assert_int_equal(picture_format_named(".png"), PICTURE_NONE);
    assert_int_equal(picture_format_named("png"), PICTURE_NONE);
}

static struct text walked[3];

static int scenario(void)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof walked / sizeof *walked; i++) {
        struct picture p = {0}, other = {0};
        struct text out = TEXT_INIT;
        struct error err = ERROR_INIT;
        rc = picture_read(text_bytes(&walked[i]), &p, &err);
        if (rc == 0)
            rc = picture_scale(&p, 5, 5, &other, &err);
        if (rc == 0)
            rc = picture_write(&other, PICTURE_JPEG, &out, &err);
        if (rc == 0)
            rc = picture_write(&other, PICTURE_PNG, &out, &err);
        picture_deinit(&other);
        if (rc == 0)
            rc = picture_cut(&p, 1, 1, 3, 3, &other, &err);
        picture_deinit(&other);
        picture_deinit(&p);
        text_deinit(&out);
        error_clear(&err);
    }
    return rc;
}

static void without_memory(void **state)
{
    (void)state;
    walked[0] = load("palette.png");
    walked[1] = load("turned6.jpg");
    walked[2] = load("half.png");
    assert_in_range(failing_walk(scenario, FAILING_IS_TOLD), 20, 200);
    for (size_t i = 0; i < sizeof walked / sizeof *walked; i++)
        text_deinit(&walked[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_every_kind),
        cmocka_unit_test(as_the_camera_was_held),
        cmocka_unit_test(all_ways_to_hold_one),
        cmocka_unit_test(broken),
        cmocka_unit_test(too_large),
        cmocka_unit_test(written),
        cmocka_unit_test(in_other_sizes),
        cmocka_unit_test(names),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
