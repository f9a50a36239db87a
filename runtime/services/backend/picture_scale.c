/* Larger and smaller: each new pixel is the mean of the old ones around its place, weighted by a triangle that reaches
 * as far as the next new pixel (or old one, where there are fewer of those). Colours count as much as they are seen. */
#include "runtime/services/backend/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct window { /* the old places that one new place is made of */
    uint32_t first, count;
    double middle, reach, sum;
};

static double weight(const struct window *w, uint32_t at)
{
    double d = fabs((double)at - w->middle) / w->reach;
    return d < 1 ? (1 - d) / w->sum : 0;
}

static struct window window_at(uint32_t at, uint32_t from, uint32_t to)
{
    double scale = (double)from / (double)to;
    struct window w = {.middle = ((double)at + 0.5) * scale - 0.5, .reach = scale > 1 ? scale : 1, .sum = 1};
    double first = ceil(w.middle - w.reach), last = floor(w.middle + w.reach), sum = 0;
    w.first = first > 0 ? (uint32_t)first : 0;
    w.count = (last < from - 1 ? (uint32_t)last : from - 1) - w.first + 1;
    for (uint32_t i = 0; i < w.count; i++)
        sum += weight(&w, w.first + i);
    w.sum = sum;
    return w;
}

static void add_row(float *row, const uint8_t *pixels, uint32_t width, float part)
{
    for (size_t x = 0; x < width; x++) {
        float alpha = part * (float)pixels[4 * x + 3] / 255.0F;
        row[4 * x] += alpha * pixels[4 * x];
        row[4 * x + 1] += alpha * pixels[4 * x + 1];
        row[4 * x + 2] += alpha * pixels[4 * x + 2];
        row[4 * x + 3] += alpha;
    }
}

static uint8_t byte_of(float value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5F);
}

static void mix(const float *row, const struct window *w, const float *weights, uint8_t *out)
{
    float sum[4] = {0};
    for (uint32_t i = 0; i < w->count; i++)
        for (size_t c = 0; c < 4; c++)
            sum[c] += weights[i] * row[4 * (size_t)(w->first + i) + c];
    for (size_t c = 0; c < 3; c++)
        out[c] = sum[3] > 0 ? byte_of(sum[c] / sum[3]) : 0;
    out[3] = byte_of(255 * sum[3]);
}

int picture_scale(const struct picture *p, uint32_t width, uint32_t height, struct picture *out, struct error *err)
{
    struct window *columns = calloc(width ? width : 1, sizeof *columns);
    float *row = malloc((size_t)p->width * 4 * sizeof *row), *weights = NULL;
    size_t count = 0;
    int rc = columns && row ? picture_new(width, height, out, err) : error_set(err, ERROR_MEMORY, "out of memory");
    for (uint32_t x = 0; rc == 0 && x < width; x++) {
        columns[x] = window_at(x, p->width, width);
        count += columns[x].count;
    }
    if (rc == 0 && !(weights = malloc(count * sizeof *weights))) {
        picture_deinit(out);
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    }
    for (size_t x = 0, at = 0; rc == 0 && x < width; x++)
        for (uint32_t i = 0; i < columns[x].count; i++)
            weights[at++] = (float)weight(&columns[x], columns[x].first + i);
    for (uint32_t y = 0; rc == 0 && y < height; y++) {
        const struct window rows = window_at(y, p->height, height);
        memset(row, 0, (size_t)p->width * 4 * sizeof *row);
        for (uint32_t i = rows.first; i < rows.first + rows.count; i++)
            add_row(row, p->pixels + (size_t)i * p->width * 4, p->width, (float)weight(&rows, i));
        const float *next = weights;
        for (uint32_t x = 0; x < width; next += columns[x++].count)
            mix(row, &columns[x], next, out->pixels + ((size_t)y * width + x) * 4);
    }
    free(columns);
    free(row);
    free(weights);
    return rc;
}
