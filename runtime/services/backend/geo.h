/* Places on the earth: how far they are from each other, and a grid by which those that are near are found.
 *
 * The grid has the earth cut in four, each part in four again, and so on: a place's cell is named by 16 digits 0 to 3,
 * and a cell that holds others is named by how their names begin. Names are cut from degrees, so cells are as high
 * everywhere and narrower towards the poles (305 m by 611 m at the equator, at 16 digits). */
#ifndef RUNTIME_SERVICES_BACKEND_GEO_H
#define RUNTIME_SERVICES_BACKEND_GEO_H

#include <stdbool.h>
#include <stddef.h>

#define GEO_DIGITS    16
#define GEO_CELLS_MAX 9

struct geo_point {
    double latitude, longitude; /* degrees */
};
bool geo_valid(struct geo_point p);
/* Metres, on a sphere (haversine): wrong by 0.5 % at most. */
double geo_distance(struct geo_point a, struct geo_point b);
void geo_cell(struct geo_point p, char out[GEO_DIGITS + 1]);
/* The beginnings of the names of cells that together hold every place within `radius` metres; none is the beginning of
 * another. Their number. */
size_t geo_cells_around(struct geo_point center, double radius, char out[GEO_CELLS_MAX][GEO_DIGITS + 1]);

#endif
