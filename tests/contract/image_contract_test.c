/* Pictures: kept as they came, made into others, refused when they are none. They ask nobody but the stores. */
#include "tests/contract/backend_kit.h"

#include "base/base64.h"
#include "proto/image/image.pb-c.h"
#include "runtime/services/backend/image.h"
#include "runtime/services/backend/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPUS "runtime/services/backend/picture_corpus/"

static char nothing[] = "", cat_png[] = "cat & dog.png", cat_jpg[] = "cat.jpg", small_png[] = "small.png",
            gif[] = "cat.gif", bare[] = "cat", unknown[] = IMAGE_PATH "00000000-0000-4000-8000-000000000000/cat.png",
            foreign[] = "https://example.com/cat.png";

static int setup(void **state)
{
    return kit_setup(state, &backend_image, "image.Image");
}

static ProtobufCBinaryData load(struct kit *k, const char *name)
{
    char path[256], piece[4096];
    struct text out = TEXT_INIT;
    size_t n;
    snprintf(path, sizeof path, CORPUS "%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        text_add(&out, piece, n);
    fclose(f);
    ProtobufCBinaryData file = {out.len, arena_copy(&k->arena, out.data, out.len)};
    text_deinit(&out);
    return file;
}

static char *data_uri(struct kit *k, ProtobufCBinaryData file)
{
    struct text out = TEXT_INIT;
    text_puts(&out, "data:image/png;base64, "); /* Micro's examples have the blank */
    base64_encode(&out, BYTES(file.data, file.len));
    char *uri = arena_string(&k->arena, text_string(&out));
    text_deinit(&out);
    return uri;
}

static char *upload(struct kit *k, enum kit_caller who, char *name, ProtobufCBinaryData file)
{
    Image__UploadRequest r = IMAGE__UPLOAD_REQUEST__INIT;
    r.name = name;
    r.file = file;
    const Image__UploadResponse *reply = kit_call(k, who, "Upload", &r.base, &image__upload_response__descriptor);
    return reply ? reply->url : NULL;
}

static int refused(struct kit *k, char *name, ProtobufCBinaryData file)
{
    assert_null(upload(k, JANE, name, file));
    return kit_code(k);
}

static Image__ResizeRequest resizing(char *url, int64_t width, int64_t height)
{
    Image__ResizeRequest r = IMAGE__RESIZE_REQUEST__INIT;
    r.url = url;
    r.width = width;
    r.height = height;
    return r;
}

static const Image__ResizeResponse *resize(struct kit *k, Image__ResizeRequest *r)
{
    return kit_call(k, JANE, "Resize", &r->base, &image__resize_response__descriptor);
}

/* A data URI as "png 8x4", or what the colour of its first pixel is. */
static struct picture picture_of(const char *uri, const char *type)
{
    struct text bytes = TEXT_INIT;
    struct picture p = {0};
    size_t len = strlen(type);
    assert_memory_equal(uri, type, len);
    assert_true(base64_decode(&bytes, bytes_of(uri + len)));
    assert_int_equal(picture_read(text_bytes(&bytes), &p, NULL), 0);
    text_deinit(&bytes);
    return p;
}

static void measures(const char *uri, const char *type, uint32_t width, uint32_t height)
{
    struct picture p = picture_of(uri, type);
    if (p.width != width || p.height != height)
        fail_msg("%ux%u is not %ux%u", p.width, p.height, width, height);
    picture_deinit(&p);
}

static char *key_of(struct kit *k, const char *url)
{
    char *key = arena_printf(&k->arena, "blob/image/%.36s", url + strlen(IMAGE_PATH));
    assert_non_null(key);
    return key;
}

static int take_away(struct kit *k, enum kit_caller who, char *url)
{
    Image__DeleteRequest r = IMAGE__DELETE_REQUEST__INIT;
    r.url = url;
    kit_call(k, who, "Delete", &r.base, &image__delete_response__descriptor);
    return kit_code(k);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static void kept_as_they_came(void **state)
{
    struct kit *k = *state;
    ProtobufCBinaryData file = load(k, "half.png");
    char *url = upload(k, JANE, cat_png, file);
    assert_non_null(url);
    assert_memory_equal(url, IMAGE_PATH, strlen(IMAGE_PATH));
    assert_string_equal(url + strlen(IMAGE_PATH) + IMAGE_ID_LEN, "/cat%20%26%20dog.png");
    assert_true(kit_has_record(k, key_of(k, url)));
    Image__UploadRequest r = IMAGE__UPLOAD_REQUEST__INIT;
    r.name = cat_jpg;
    r.url = url;
    assert_null(kit_call(k, JANE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_int_equal(kit_code(k), 400); /* it is no JPEG */
    r.name = small_png;
    const Image__UploadResponse *copy =
        kit_there(kit_call(k, JOE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_string_not_equal(copy->url, url);
    r.url = nothing;
    r.base64 = data_uri(k, file);
    assert_non_null(kit_call(k, JANE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_int_equal(kit_count(k, BLOBS, "Write"), 3);
    assert_int_equal(take_away(k, JOE, url), 403);
    assert_int_equal(take_away(k, JANE, url), 0);
    assert_false(kit_has_record(k, key_of(k, url)));
    assert_int_equal(take_away(k, JANE, url), 0);
    assert_int_equal(take_away(k, ADMIN, copy->url), 0); /* administrators take anything away */
    assert_int_equal(take_away(k, JANE, foreign), 400);
    assert_int_equal(kit_records(k), 2); /* the third, and whose it is */
    kit_expect(k, 0);
}

static void in_other_sizes(void **state)
{
    static const struct {
        int64_t width, height;
        uint32_t is_wide, is_high;
    } sizes[] = {{8, 4, 8, 4}, {8, 0, 8, 4}, {0, 2, 4, 2}, {32, 32, 32, 32}, {1, 0, 1, 1}, {16, 8, 16, 8}};
    struct kit *k = *state;
    char *url = upload(k, JANE, cat_png, load(k, "rgb.png"));
    assert_non_null(url);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        Image__ResizeRequest r = resizing(url, sizes[i].width, sizes[i].height);
        const Image__ResizeResponse *reply = kit_there(resize(k, &r));
        assert_string_equal(reply->url, "");
        measures(reply->base64, "data:image/png;base64,", sizes[i].is_wide, sizes[i].is_high);
    }
    Image__ResizeRequest r = resizing(arena_printf(&k->arena, "http://gateway:8080%s", url), 8, 0);
    r.name = cat_jpg;
    const Image__ResizeResponse *reply = kit_there(resize(k, &r));
    measures(reply->base64, "data:image/jpeg;base64,", 8, 4);
    r.outputurl = true;
    r.name = small_png;
    reply = kit_there(resize(k, &r));
    assert_string_equal(reply->base64, "");
    assert_true(kit_has_record(k, key_of(k, reply->url)));
    Image__ResizeRequest again = resizing(reply->url, 4, 0);
    reply = kit_there(resize(k, &again));
    measures(reply->base64, "data:image/png;base64,", 4, 2);
}

/* The four fields, found by their corners. */
static void cut_where_it_is_said(void **state)
{
    static const struct {
        const char *anchor;
        uint8_t rgb[3];
    } corners[] = {{"top left", {255, 0, 0}}, {"top right", {0, 255, 0}},        {"bottom left", {0, 0, 255}},
                   {"left", {255, 0, 0}},     {"bottom right", {255, 255, 255}}, {"right", {0, 255, 0}},
                   {"top", {255, 0, 0}},      {"bottom", {0, 0, 255}},           {"center", {255, 0, 0}},
                   {"", {255, 0, 0}}};
    struct kit *k = *state;
    for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
        Image__ResizeRequest r = resizing(nothing, 0, 0);
        Image__CropOptions c = IMAGE__CROP_OPTIONS__INIT;
        c.width = 2;
        c.height = 2;
        c.anchor = arena_string(&k->arena, corners[i].anchor);
        r.file = load(k, "rgb.png");
        r.cropoptions = &c;
        const Image__ResizeResponse *reply = kit_there(resize(k, &r));
        struct picture p = picture_of(reply->base64, "data:image/png;base64,");
        assert_int_equal(p.width, 2);
        assert_int_equal(p.height, 2);
        if (memcmp(p.pixels, corners[i].rgb, 3) != 0)
            fail_msg("%s: %02x%02x%02x", corners[i].anchor, p.pixels[0], p.pixels[1], p.pixels[2]);
        picture_deinit(&p);
    }
    Image__ResizeRequest r = resizing(nothing, 4, 0);
    Image__CropOptions c = IMAGE__CROP_OPTIONS__INIT;
    c.width = 2;
    c.height = 3;
    r.file = load(k, "rgb.png");
    r.cropoptions = &c;
    assert_null(resize(k, &r)); /* it is made smaller first: 4x2 */
    assert_int_equal(kit_code(k), 400);
    c.height = 2;
    const Image__ResizeResponse *reply = kit_there(resize(k, &r));
    measures(reply->base64, "data:image/png;base64,", 2, 2);
}

static void in_other_formats(void **state)
{
    struct kit *k = *state;
    Image__ConvertRequest r = IMAGE__CONVERT_REQUEST__INIT;
    r.file = load(k, "turned6.jpg");
    r.name = small_png;
    const Image__ConvertResponse *reply =
        kit_there(kit_call(k, JANE, "Convert", &r.base, &image__convert_response__descriptor));
    measures(reply->base64, "data:image/png;base64,", 8, 16);
    r.file = load(k, "rgba.png");
    r.name = cat_jpg;
    r.outputurl = true;
    reply = kit_there(kit_call(k, JANE, "Convert", &r.base, &image__convert_response__descriptor));
    assert_true(kit_has_record(k, key_of(k, reply->url)));
    r.name = gif;
    assert_null(kit_call(k, JANE, "Convert", &r.base, &image__convert_response__descriptor));
    assert_int_equal(kit_code(k), 400);
}

/* More than goes into one message of the blob store. */
static void large_ones(void **state)
{
    struct kit *k = *state;
    struct picture p = {0};
    struct text png = TEXT_INIT;
    assert_int_equal(picture_new(400, 300, &p, NULL), 0);
    uint32_t noise = 1;
    for (size_t i = 0; i < (size_t)400 * 300 * 4; i++)
        p.pixels[i] = (uint8_t)((noise = noise * 1103515245 + 12345) >> 16);
    assert_int_equal(picture_write(&p, PICTURE_PNG, &png, NULL), 0);
    assert_in_range(png.len, 300000, PICTURE_BYTES_MAX);
    char *url = upload(k, JANE, cat_png, (ProtobufCBinaryData){png.len, (uint8_t *)png.data});
    assert_non_null(url);
    Image__ConvertRequest r = IMAGE__CONVERT_REQUEST__INIT;
    r.url = url;
    r.name = small_png;
    const Image__ConvertResponse *reply =
        kit_there(kit_call(k, JANE, "Convert", &r.base, &image__convert_response__descriptor));
    struct picture same = picture_of(reply->base64, "data:image/png;base64,");
    assert_int_equal(same.width, 400);
    assert_memory_equal(same.pixels, p.pixels, (size_t)400 * 300 * 4);
    picture_deinit(&same);
    picture_deinit(&p);
    text_deinit(&png);
}

static void what_is_no_picture(void **state)
{
    struct kit *k = *state;
    uint8_t text[] = "<svg/>", *large = arena_alloc(&k->arena, PICTURE_BYTES_MAX + 1);
    ProtobufCBinaryData good = load(k, "rgb.png"), none = {0}, svg = {sizeof text - 1, text}, half = good,
                        huge = {PICTURE_BYTES_MAX + 1, large};
    half.len /= 2;
    memcpy(large, good.data, good.len);
    assert_int_equal(refused(k, cat_png, svg), 400);
    assert_int_equal(refused(k, cat_png, half), 400);
    assert_int_equal(refused(k, cat_png, none), 400);
    assert_int_equal(refused(k, cat_jpg, good), 400);
    assert_int_equal(refused(k, gif, good), 400);
    assert_int_equal(refused(k, bare, good), 400);
    assert_int_equal(refused(k, nothing, good), 400);
    assert_int_equal(refused(k, cat_png, load(k, "bomb.png")), 413);
    assert_int_equal(refused(k, cat_png, huge), 413);
    assert_null(upload(k, NOBODY, cat_png, good));
    assert_int_equal(kit_code(k), 401);
    Image__UploadRequest r = IMAGE__UPLOAD_REQUEST__INIT;
    r.name = cat_png;
    r.url = unknown;
    assert_null(kit_call(k, JANE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_int_equal(kit_code(k), 404);
    r.file = good;
    assert_null(kit_call(k, JANE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_int_equal(kit_code(k), 400); /* two ways at once */
    r.file = none;
    r.url = foreign;
    assert_null(kit_call(k, JANE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_int_equal(kit_code(k), 501);
    r.url = nothing;
    r.base64 = bare;
    assert_null(kit_call(k, JANE, "Upload", &r.base, &image__upload_response__descriptor));
    assert_int_equal(kit_code(k), 400);
    static const int64_t sizes[][2] = {{0, 0}, {-1, 0}, {0, -1}, {10001, 0}, {0, 10001}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        Image__ResizeRequest s = resizing(nothing, sizes[i][0], sizes[i][1]);
        s.file = good;
        assert_null(resize(k, &s));
        assert_int_equal(kit_code(k), 400);
    }
    Image__ResizeRequest s = resizing(nothing, 10000, 10000);
    s.file = good;
    assert_null(resize(k, &s));
    assert_int_equal(kit_code(k), 413);
    s.outputurl = true; /* and no name for what is kept */
    assert_null(resize(k, &s));
    assert_int_equal(kit_code(k), 400);
    assert_int_equal(kit_records(k), 0);
}

/* Whichever write fails nothing is answered, and nothing is left that nobody can find: a record at most, which leads to
 * no picture and goes with Delete. */
static void a_write_that_fails(void **state)
{
    struct kit *k = *state;
    ProtobufCBinaryData file = load(k, "rgb.png");
    kit_fails_after(k, 0);
    assert_int_equal(refused(k, cat_png, file), 503);
    assert_int_equal(kit_records(k), 0);
    kit_loses_after(k, 0);
    assert_int_equal(refused(k, cat_png, file), 503);
    assert_int_equal(kit_records(k), 1); /* no blob without its record */
    kit_fails_after(k, -1);
    kit_fails(k, BLOBS, "Write", 503);
    assert_int_equal(refused(k, cat_png, file), 503);
    assert_int_equal(kit_records(k), 1);
    kit_fails(k, BLOBS, "Write", 507);
    assert_int_equal(refused(k, cat_png, file), 507);
    kit_heals(k, BLOBS, "Write");
    char *url = upload(k, JANE, cat_png, file);
    assert_non_null(url);
    kit_fails(k, BLOBS, "Read", 503);
    Image__ResizeRequest r = resizing(url, 8, 4);
    assert_null(resize(k, &r));
    assert_int_equal(kit_code(k), 503);
    kit_fails(k, BLOBS, "Delete", 503);
    assert_int_equal(take_away(k, JANE, url), 503);
    kit_heals(k, BLOBS, "Read");
    assert_non_null(resize(k, &r)); /* not taken away, in part either */
    kit_fails(k, STORE, "Delete", 503);
    assert_int_equal(take_away(k, JANE, url), 503);
    assert_false(kit_has_record(k, key_of(k, url)));
    kit_heals(k, STORE, "Delete");
    assert_int_equal(take_away(k, JOE, url), 403);
    assert_int_equal(take_away(k, JANE, url), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(kept_as_they_came),  TEST(in_other_sizes), TEST(cut_where_it_is_said), TEST(in_other_formats),
        TEST(what_is_no_picture), TEST(large_ones),     TEST(a_write_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
