#include "runtime/services/backend/geo.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define PI          3.14159265358979323846
#define RADIUS      6371008.8 /* metres: the earth's mean (IUGG) */
#define HALF_AROUND (PI * RADIUS)
#define ONE_DEGREE  (HALF_AROUND / 180)
#define SLACK       1.001 /* for what rounding takes */

static double radians(double degrees)
{
    return degrees * PI / 180;
}

bool geo_valid(struct geo_point p)
{
    return p.latitude >= -90 && p.latitude <= 90 && p.longitude >= -180 && p.longitude <= 180; /* NaN is not */
}

double geo_distance(struct geo_point a, struct geo_point b)
{
    double up = sin(radians(b.latitude - a.latitude) / 2), across = sin(radians(b.longitude - a.longitude) / 2);
    double h = up * up + cos(radians(a.latitude)) * cos(radians(b.latitude)) * across * across;
    return 2 * RADIUS * asin(sqrt(h < 1 ? h : 1));
}

/* Which of 2^digits columns, or rows, `part` (0 to 1) of the way along. */
static uint32_t step(double part, unsigned digits)
{
    double steps = (double)(1U << digits), at = floor(part * steps);
    return (uint32_t)(at < 0 ? 0 : at >= steps ? steps - 1 : at);
}

static void name(uint32_t x, uint32_t y, unsigned digits, char *out)
{
    for (unsigned i = 0; i < digits; i++) {
        unsigned bit = digits - 1 - i;
        out[i] = (char)('0' + ((x >> bit & 1) | (y >> bit & 1) << 1));
    }
    out[digits] = 0;
}

void geo_cell(struct geo_point p, char out[GEO_DIGITS + 1])
{
    name(step((p.longitude + 180) / 360, GEO_DIGITS), step((p.latitude + 90) / 180, GEO_DIGITS), GEO_DIGITS, out);
}

/* How many digits the names of the smallest cells have that are at least `radius` high and wide all around. */
static unsigned digits_for(struct geo_point center, double radius)
{
    double pole = fabs(center.latitude) + radius / ONE_DEGREE;
    if (pole >= 89)
        return 0; /* the circle has a pole in it, or nearly: any longitude may be within */
    unsigned digits = 0;
    while (digits < GEO_DIGITS) {
        double cells = (double)(1U << (digits + 1));
        if (HALF_AROUND / cells < radius || 2 * HALF_AROUND / cells * cos(radians(pole)) < radius)
            break;
        digits++;
    }
    return digits;
}

size_t geo_cells_around(struct geo_point center, double radius, char out[GEO_CELLS_MAX][GEO_DIGITS + 1])
{
    unsigned digits = digits_for(center, radius * SLACK);
    uint32_t count = 1U << digits, x = step((center.longitude + 180) / 360, digits),
             y = step((center.latitude + 90) / 180, digits);
    size_t n = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            int64_t row = (int64_t)y + dy;
            if (row < 0 || row >= (int64_t)count)
                continue;
            uint32_t column = (x + count + (uint32_t)dx) % count; /* the date line is no border */
            char cell[GEO_DIGITS + 1];
            bool there = false;
            name(column, (uint32_t)row, digits, cell);
            for (size_t i = 0; i < n; i++)
                there = there || strcmp(out[i], cell) == 0;
            if (!there)
                memcpy(out[n++], cell, sizeof cell);
        }
    return n;
}
