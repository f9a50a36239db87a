#include "fuzz/message/bandit.h"

#include <math.h>

#define FADE       0.9  /* of a count that stays after a round */
#define FACTOR_MAX 32.0 /* an arm's share grows or shrinks by no more than this, before all are brought to 1 */

static double normal(struct random *r)
{
    /* Box and Muller, 1958. 1 - unit: never the logarithm of zero. */
    return sqrt(-2 * log(1 - random_unit(r))) * cos(6.283185307179586 * random_unit(r));
}

/* Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000); shape below 1 by their note on it. */
static double gamma_sample(struct random *r, double shape)
{
    double boost = 1;
    if (shape < 1) {
        boost = pow(1 - random_unit(r), 1 / shape);
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = normal(r), v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(1 - random_unit(r)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * boost;
    }
}

static double beta_sample(struct random *r, double a, double b)
{
    double x = gamma_sample(r, a), y = gamma_sample(r, b);
    return x + y > 0 ? x / (x + y) : 0;
}

/* Slots by weight: each arm gets one, the others go where the remainder is largest, counted along the line. */
static void fill(struct bandit *b, const double *weights, double sum)
{
    double spare = (double)(BANDIT_SLOTS - b->count), at = 0;
    size_t slot = 0;
    for (size_t i = 0; i < b->count; i++) {
        at += weights[i] / sum * spare;
        size_t end = i + 1 == b->count ? BANDIT_SLOTS : (size_t)(at + 0.5) + i + 1;
        while (slot < end && slot < BANDIT_SLOTS)
            b->slots[slot++] = (uint8_t)i;
    }
}

void bandit_init(struct bandit *b, size_t arms, const uint8_t *shares)
{
    double weights[BANDIT_ARMS_MAX], sum = 0;
    *b = (struct bandit){.count = arms < 1 ? 1 : arms < BANDIT_ARMS_MAX ? arms : BANDIT_ARMS_MAX};
    for (size_t i = 0; i < b->count; i++)
        sum += weights[i] = shares != NULL ? shares[i] : 1;
    for (size_t i = 0; i < b->count; i++)
        b->arms[i].share = weights[i] / sum;
    fill(b, weights, sum);
}

static void next_round(struct bandit *b, struct random *r)
{
    double weights[BANDIT_ARMS_MAX], sum = 0, rate = 0;
    b->results = 0;
    /* What the shares of the beginning would give: not moved by whom is drawn how often now. */
    for (size_t i = 0; i < b->count; i++)
        if (b->arms[i].tried > 0)
            rate += b->arms[i].share * b->arms[i].won / b->arms[i].tried;
    for (size_t i = 0; i < b->count; i++) {
        double factor = 1;
        if (rate > 0 && rate < 1) {
            double lost = fmax(b->arms[i].tried - b->arms[i].won, 0);
            factor = beta_sample(r, rate * BANDIT_PRIOR + b->arms[i].won, (1 - rate) * BANDIT_PRIOR + lost) / rate;
            factor = fmin(fmax(factor, 1 / FACTOR_MAX), FACTOR_MAX);
        }
        sum += weights[i] = b->arms[i].share * factor;
        b->arms[i].tried *= FADE;
        b->arms[i].won *= FADE;
    }
    fill(b, weights, sum);
}

void bandit_paid(struct bandit *b, struct random *r, size_t arm, bool success, double cost)
{
    if (arm >= b->count)
        return;
    b->arms[arm].tried += cost;
    b->arms[arm].won += success;
    if (++b->results == BANDIT_ROUND)
        next_round(b, r);
}

double bandit_share(const struct bandit *b, size_t arm)
{
    size_t n = 0;
    for (size_t i = 0; i < BANDIT_SLOTS; i++)
        n += b->slots[i] == arm;
    return (double)n / BANDIT_SLOTS;
}
