/* Distances of places that are known, and that a circle lies in the cells around its center wherever it is. */
#include "runtime/services/backend/geo.h"

#include "base/test.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

static void distances(void **state)
{
    static const struct {
        struct geo_point a, b;
        double metres;
    } cases[] = {
        {{51.5007, -0.1246}, {48.8584, 2.2945}, 340560}, /* Big Ben, the Eiffel tower */
        {{0, 0}, {0, 1}, 111195},
        {{0, 179.5}, {0, -179.5}, 111195}, /* over the date line */
        {{90, 0}, {-90, 0}, 20015115},
        {{90, 0}, {90, 120}, 0}, /* a pole is one place */
        {{40.7, -74}, {40.7, -74}, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double d = geo_distance(cases[i].a, cases[i].b);
        if (fabs(d - cases[i].metres) > 1 + cases[i].metres * 0.001)
            fail_msg("case %zu: %.0f m", i, d);
    }
    assert_false(geo_valid((struct geo_point){90.1, 0}));
    assert_false(geo_valid((struct geo_point){0, -180.1}));
    assert_false(geo_valid((struct geo_point){(double)NAN, 0}));
    assert_false(geo_valid((struct geo_point){0, (double)INFINITY}));
    assert_true(geo_valid((struct geo_point){-90, 180}));
}

static double between(struct random *random, double from, double to)
{
    return from + (to - from) * random_unit(random);
}

/* A place so far from `p`, in some direction. */
static struct geo_point away(struct random *random, struct geo_point p, double metres)
{
    const double rad = 3.14159265358979323846 / 180;
    double angle = metres / 6371008.8, course = between(random, 0, 360) * rad, at = p.latitude * rad;
    double there = asin(fmin(1, fmax(-1, sin(at) * cos(angle) + cos(at) * sin(angle) * cos(course))));
    double turn = atan2(sin(course) * sin(angle) * cos(at), cos(angle) - sin(at) * sin(there));
    double longitude = p.longitude + turn / rad;
    return (struct geo_point){there / rad, longitude > 180    ? longitude - 360
                                           : longitude < -180 ? longitude + 360
                                                              : longitude};
}

static void a_circle_is_in_its_cells(void **state)
{
    struct random random;
    double cells_of_all = 0;
    (void)state;
    random_seed(&random, 7);
    for (int i = 0; i < 20000; i++) {
        struct geo_point center = {between(&random, -90, 90), between(&random, -180, 180)};
        if (i % 4 == 0)
            center.longitude = i % 8 ? 180 : -179.999;
        if (i % 7 == 0)
            center.latitude = between(&random, 80, 90);
        double radius = exp(between(&random, log(0.1), log(2e7)));
        char cells[GEO_CELLS_MAX][GEO_DIGITS + 1], cell[GEO_DIGITS + 1];
        size_t n = geo_cells_around(center, radius, cells);
        assert_in_range(n, 1, GEO_CELLS_MAX);
        struct geo_point p = away(&random, center, between(&random, 0, radius));
        if (!geo_valid(p) || geo_distance(center, p) > radius)
            continue; /* by a rounding */
        geo_cell(p, cell);
        size_t holders = 0;
        for (size_t k = 0; k < n; k++)
            holders += strncmp(cell, cells[k], strlen(cells[k])) == 0;
        if (holders != 1)
            fail_msg("%.6f %.6f within %.1f m of %.6f %.6f is in %zu of %zu cells", p.latitude, p.longitude, radius,
                     center.latitude, center.longitude, holders, n);
        cells_of_all += (double)strlen(cells[0]);
    }
    assert_true(cells_of_all > 20000 * 3); /* and they are not the whole earth */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances), cmocka_unit_test(a_circle_is_in_its_cells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
