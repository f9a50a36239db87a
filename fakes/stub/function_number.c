/* Numbers, and what compares them: see function.h. */
#include "fakes/stub/function.h"

#include <math.h>
#include <string.h>

#define INTEGER_EDGE 9223372036854775808.0 /* 2 to the 63 */

struct made function_whole(double v)
{
    double cut = isnan(v) ? 0 : trunc(v);
    return made_integer(cut >= INTEGER_EDGE ? INT64_MAX : cut < -INTEGER_EDGE ? INT64_MIN : (int64_t)cut);
}

bool function_int(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = function_whole(function_number(x, a));
    return true;
}

bool function_float(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(function_number(x, a));
    return true;
}

/* A whole number with one digit behind the point. */
bool function_decimal(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct text made = TEXT_INIT;
    double v;
    (void)count;
    if (!made_number(x, a, &v))
        text_char(&made, '0');
    else if (trunc(v) == v && isfinite(v))
        text_printf(&made, "%.1f", v);
    else
        made_print_real(v, &made);
    return function_give(x, &made, out);
}

bool function_round(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(round(function_number(x, a)));
    return true;
}

bool function_floor(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(floor(function_number(x, a)));
    return true;
}

bool function_ceil(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_real(ceil(function_number(x, a)));
    return true;
}

/* All of them, or the items of the one list. What is no number makes the result 0. */
static bool fold(struct asking *x, const struct made *a, size_t count, char how, struct made *out)
{
    struct made_items items = {.values = a, .count = count};
    double sum = how == '*' ? 1 : 0, v;
    *out = made_real(0);
    if (count == 1 && (a->kind == MADE_LIST || a->kind == MADE_ITEMS) && !made_items(x, a, &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (!made_number(x, &items.values[i], &v))
            return true;
        if (how == '+')
            sum += v;
        else if (how == '*')
            sum *= v;
        else if (i == 0)
            sum = v;
        else if (how == '-')
            sum -= v;
        else if (how == '/')
            sum = v != 0 ? sum / v : sum;
        else
            sum = how == '<' ? fmin(sum, v) : fmax(sum, v);
    }
    out->real = sum;
    return true;
}

bool function_add(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '+', out);
}

bool function_sub(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '-', out);
}

bool function_mul(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '*', out);
}

bool function_div(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '/', out);
}

bool function_min(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '<', out);
}

bool function_max(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    return fold(x, a, count, '>', out);
}

bool function_avg(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct made_items items = {.count = count};
    if (!fold(x, a, count, '+', out))
        return false;
    if (count == 1 && (a->kind == MADE_LIST || a->kind == MADE_ITEMS))
        items.count = a->count;
    out->real = items.count > 0 ? out->real / (double)items.count : 0;
    return true;
}

bool function_mod(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double v = function_number(x, &a[0]), by = function_number(x, &a[1]);
    (void)count;
    *out = made_real(by != 0 ? fmod(v, by) : 0);
    return true;
}

/* ---- decisions ---- */

/* Below 0, 0, above; 2: one of them is no number. */
static int compare(struct asking *x, const struct made *a)
{
    double v, w;
    if (!made_number(x, &a[0], &v) || !made_number(x, &a[1], &w))
        return 2;
    return (v > w) - (v < w);
}

bool function_eq(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    bool same = false;
    for (size_t i = 1; i < count && !same; i++)
        same = compare(x, (const struct made[]){a[0], a[i]}) == 0;
    *out = made_bool(same);
    return true;
}

bool function_lt(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_bool(compare(x, a) == -1);
    return true;
}

bool function_gt(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    *out = made_bool(compare(x, a) == 1);
    return true;
}

bool function_lte(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    int order = compare(x, a);
    (void)count;
    *out = made_bool(order <= 0);
    return true;
}

bool function_gte(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    int order = compare(x, a);
    (void)count;
    *out = made_bool(order == 0 || order == 1);
    return true;
}

/* Texts too: those of the language itself, which gripmock did not replace. */
bool function_ne(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct bytes p, q;
    int order = compare(x, a);
    (void)count;
    if (order == 2 && (!function_text(x, &a[0], &p) || !function_text(x, &a[1], &q)))
        return false;
    *out = made_bool(order == 2 ? !bytes_equal(p, q) : order != 0);
    return true;
}

bool function_not(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)x;
    (void)count;
    *out = made_bool(!made_truth(a));
    return true;
}
