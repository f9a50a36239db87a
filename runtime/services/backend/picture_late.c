/* What the house calls of libpng and libjpeg: base/late.h. */
#include "base/late.h"

#include <stdio.h>

#include <jpeglib.h>
#include <png.h>

_Static_assert(PNG_LIBPNG_VER_SONUM == 16, "the library's name below is that of libpng 1.6");
_Static_assert(JPEG_LIB_VERSION == 62, "the library's name below is that of libjpeg 6b, as libjpeg-turbo has it");

struct late_library late_png = {.file = "libpng16.so.16", .package = "libpng16-16"};
struct late_library late_jpeg = {.file = "libjpeg.so.62", .package = "libjpeg62-turbo"};

LATE_FUNCTION(late_png, png_image_begin_read_from_memory);
LATE_FUNCTION(late_png, png_image_finish_read);
LATE_FUNCTION(late_png, png_image_free);
LATE_FUNCTION(late_png, png_image_write_to_memory);

LATE_FUNCTION(late_jpeg, jpeg_CreateCompress);
LATE_FUNCTION(late_jpeg, jpeg_CreateDecompress);
LATE_FUNCTION(late_jpeg, jpeg_destroy_compress);
LATE_FUNCTION(late_jpeg, jpeg_destroy_decompress);
LATE_FUNCTION(late_jpeg, jpeg_finish_compress);
LATE_FUNCTION(late_jpeg, jpeg_finish_decompress);
LATE_FUNCTION(late_jpeg, jpeg_mem_dest);
LATE_FUNCTION(late_jpeg, jpeg_mem_src);
LATE_FUNCTION(late_jpeg, jpeg_read_header);
LATE_FUNCTION(late_jpeg, jpeg_read_scanlines);
LATE_FUNCTION(late_jpeg, jpeg_save_markers);
LATE_FUNCTION(late_jpeg, jpeg_set_defaults);
LATE_FUNCTION(late_jpeg, jpeg_set_quality);
LATE_FUNCTION(late_jpeg, jpeg_start_compress);
LATE_FUNCTION(late_jpeg, jpeg_start_decompress);
LATE_FUNCTION(late_jpeg, jpeg_std_error);
LATE_FUNCTION(late_jpeg, jpeg_write_scanlines);
