#include "reports/regress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted_copy(const struct regress_sample *s)
{
    double *sorted = malloc(s->count * sizeof *sorted);
    if (sorted == NULL)
        return NULL;
    memcpy(sorted, s->values, s->count * sizeof *sorted);
    qsort(sorted, s->count, sizeof *sorted, compare);
    return sorted;
}

/* Nearest rank. */
static double value_at(const double *sorted, size_t count, double q)
{
    double rank = ceil(q * (double)count);
    size_t at = rank < 1 ? 0 : (size_t)rank - 1;
    return sorted[at < count ? at : count - 1];
}

#define LAGS_MAX 1000

/* n / (1 + 2 * the sum of the correlations with what is 1, 2, ... places away), as far as they are positive. Around the
 * sample's own mean a correlation comes out too low, by about (1 + 4 r) / n (Kendall, 1954). */
static double effective_size(const struct regress_sample *s, double threshold)
{
    double above = 0, sum = 0, n = (double)s->count;
    for (size_t i = 0; i < s->count; i++)
        above += s->values[i] > threshold;
    double p = above / n, variance = p * (1 - p);
    for (size_t lag = 1; variance > 0 && lag < s->count / 2 && lag < LAGS_MAX; lag++) {
        double both = 0;
        for (size_t i = lag; i < s->count; i++)
            both += ((s->values[i] > threshold) - p) * ((s->values[i - lag] > threshold) - p);
        double r = both / (n - (double)lag) / variance;
        r += (1 + 4 * fmax(r, 0)) / n;
        if (r <= 0)
            break;
        sum += r;
    }
    return fmax(1, n / (1 + 2 * sum));
}

/* At an outer quantile too few values are above to show how alike neighbours are: those of the middle count as well. */
static double worth(const struct regress_sample *s, const double *sorted, double q)
{
    return fmin(effective_size(s, value_at(sorted, s->count, q)), effective_size(s, value_at(sorted, s->count, 0.5)));
}

static double normal(struct random *r)
{
    double u = 1 - random_unit(r), v = random_unit(r);
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

/* Marsaglia and Tsang, 2000; for shapes below 1 by the power of a uniform number. */
static double gamma_draw(struct random *r, double shape)
{
    if (shape < 1)
        return gamma_draw(r, shape + 1) * pow(1 - random_unit(r), 1 / shape);
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(r), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(1 - random_unit(r)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

/* The quantile of one resample. */
static double draw(struct random *r, const double *sorted, size_t count, double n, double q)
{
    double k = fmin(fmax(ceil(q * n), 1), n);
    double x = gamma_draw(r, k), y = gamma_draw(r, n + 1 - k);
    size_t at = (size_t)(x / (x + y) * (double)count);
    return sorted[at < count ? at : count - 1];
}

static double ratio_of(double after, double before)
{
    return before > 0 ? after / before : after > 0 ? HUGE_VAL : 1;
}

bool regress_compare(const struct regress_sample *before, const struct regress_sample *after, double quantile,
                     double confidence, struct random *random, struct regress_result *out)
{
    double *a = sorted_copy(before), *b = sorted_copy(after), *ratios = malloc(REGRESS_ROUNDS * sizeof *ratios);
    bool fine = a != NULL && b != NULL && ratios != NULL;
    if (fine) {
        out->before = value_at(a, before->count, quantile);
        out->after = value_at(b, after->count, quantile);
        out->ratio = ratio_of(out->after, out->before);
        out->counts[0] = worth(before, a, quantile);
        out->counts[1] = worth(after, b, quantile);
        for (size_t i = 0; i < REGRESS_ROUNDS; i++) {
            double x = draw(random, a, before->count, out->counts[0], quantile);
            ratios[i] = ratio_of(draw(random, b, after->count, out->counts[1], quantile), x);
        }
        qsort(ratios, REGRESS_ROUNDS, sizeof *ratios, compare);
        out->low = value_at(ratios, REGRESS_ROUNDS, 1 - confidence);
        out->high = value_at(ratios, REGRESS_ROUNDS, confidence);
    }
    free(a);
    free(b);
    free(ratios);
    return fine;
}

double regress_needed(double quantile)
{
    double beyond = fmin(quantile, 1 - quantile);
    return beyond > 0 ? 1 / beyond : 1;
}
