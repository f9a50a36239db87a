#include "wire/pb_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPONENT_MAX   100000000 /* beyond it only the sign of an exponent matters */
#define TOKEN_ON_STACK 64

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

size_t pb_number_span(struct bytes in)
{
    size_t at = 0;
    if (at < in.len && in.data[at] == '-')
        at++;
    if (at == in.len || !is_digit(in.data[at]))
        return 0;
    if (in.data[at] == '0')
        at++;
    else
        while (at < in.len && is_digit(in.data[at]))
            at++;
    if (at < in.len && in.data[at] == '.') {
        size_t first = ++at;
        while (at < in.len && is_digit(in.data[at]))
            at++;
        if (at == first)
            return 0;
    }
    if (at < in.len && (in.data[at] == 'e' || in.data[at] == 'E')) {
        at++;
        if (at < in.len && (in.data[at] == '+' || in.data[at] == '-'))
            at++;
        size_t first = at;
        while (at < in.len && is_digit(in.data[at]))
            at++;
        if (at == first)
            return 0;
    }
    return at;
}

static int64_t exponent_of(struct bytes token, size_t at)
{
    int64_t value = 0;
    bool negative = false;
    if (token.data[at] == '+' || token.data[at] == '-')
        negative = token.data[at++] == '-';
    for (; at < token.len; at++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (token.data[at] - '0');
    return negative ? -value : value;
}

/* value * 10 + digit, or false when that is over 64 bits. */
static bool shift_in(uint64_t *value, unsigned digit)
{
    if (*value > UINT64_MAX / 10 || (*value == UINT64_MAX / 10 && digit > UINT64_MAX % 10))
        return false;
    *value = *value * 10 + digit;
    return true;
}

enum pb_number_result pb_number_integer(struct bytes token, bool *negative, uint64_t *magnitude)
{
    if (token.len == 0 || pb_number_span(token) != token.len)
        return PB_NUMBER_MALFORMED;
    size_t at = 0;
    *negative = token.data[0] == '-';
    *magnitude = 0;
    if (*negative)
        at++;
    size_t first = at, whole = 0, mantissa_end = token.len;
    int64_t exponent = 0;
    bool plain = true;
    for (size_t i = first; i < token.len; i++) {
        if (is_digit(token.data[i]))
            continue;
        plain = false;
        if (token.data[i] == '.') {
            whole = i - first;
        } else {
            mantissa_end = i;
            exponent = exponent_of(token, i + 1);
            break;
        }
    }
    if (whole == 0)
        whole = mantissa_end - first;
    /* The digits before the decimal point once the exponent has moved it. */
    int64_t places = (int64_t)whole + (plain ? 0 : exponent), seen = 0;
    for (size_t i = first; i < mantissa_end; i++) {
        if (token.data[i] == '.')
            continue;
        unsigned digit = (unsigned)(token.data[i] - '0');
        if (seen++ < places) {
            if (!shift_in(magnitude, digit))
                return PB_NUMBER_RANGE;
        } else if (digit != 0) {
            return PB_NUMBER_FRACTION;
        }
    }
    for (; seen < places && *magnitude != 0; seen++)
        if (!shift_in(magnitude, 0))
            return PB_NUMBER_RANGE;
    return PB_NUMBER_OK;
}

/* A NUL-terminated copy of what is a number, in `stack` when it fits. */
static enum pb_number_result terminated(struct bytes token, char stack[TOKEN_ON_STACK], char **copy)
{
    if (token.len == 0 || pb_number_span(token) != token.len)
        return PB_NUMBER_MALFORMED;
    *copy = token.len < TOKEN_ON_STACK ? stack : malloc(token.len + 1);
    if (!*copy)
        return PB_NUMBER_NO_MEMORY;
    memcpy(*copy, token.data, token.len);
    (*copy)[token.len] = '\0';
    return PB_NUMBER_OK;
}

enum pb_number_result pb_number_double(struct bytes token, double *out)
{
    char stack[TOKEN_ON_STACK], *copy;
    enum pb_number_result result = terminated(token, stack, &copy);
    if (result != PB_NUMBER_OK)
        return result;
    *out = strtod(copy, NULL);
    if (copy != stack)
        free(copy);
    return isinf(*out) ? PB_NUMBER_RANGE : PB_NUMBER_OK;
}

enum pb_number_result pb_number_float(struct bytes token, float *out)
{
    char stack[TOKEN_ON_STACK], *copy;
    enum pb_number_result result = terminated(token, stack, &copy);
    if (result != PB_NUMBER_OK)
        return result;
    *out = strtof(copy, NULL);
    if (copy != stack)
        free(copy);
    return isinf(*out) ? PB_NUMBER_RANGE : PB_NUMBER_OK;
}

static size_t print_digits(uint64_t value, char *out)
{
    char reversed[20];
    size_t n = 0;
    do
        reversed[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    out[n] = '\0';
    return n;
}

size_t pb_number_print_unsigned(uint64_t value, char out[PB_NUMBER_MAX])
{
    return print_digits(value, out);
}

size_t pb_number_print_signed(int64_t value, char out[PB_NUMBER_MAX])
{
    if (value >= 0)
        return print_digits((uint64_t)value, out);
    out[0] = '-';
    return 1 + print_digits(0 - (uint64_t)value, out + 1);
}

/* Whole numbers below 10^15 print alike in both widths and need no search. Minus zero keeps its sign, with a fraction:
 * "-0" would read back as an integer elsewhere. */
static size_t print_whole(double value, char out[PB_NUMBER_MAX])
{
    if (value == 0) {
        memcpy(out, signbit(value) ? "-0.0" : "0", signbit(value) ? 5 : 2);
        return strlen(out);
    }
    if (fabs(value) < 1e15 && value == (double)(int64_t)value)
        return pb_number_print_signed((int64_t)value, out);
    return 0;
}

size_t pb_number_print_double(double value, char out[PB_NUMBER_MAX])
{
    size_t n = print_whole(value, out);
    for (int digits = 15; n == 0; digits++) {
        snprintf(out, PB_NUMBER_MAX, "%.*g", digits, value);
        if (digits == 17 || strtod(out, NULL) == value)
            n = strlen(out);
    }
    return n;
}

size_t pb_number_print_float(float value, char out[PB_NUMBER_MAX])
{
    size_t n = fabsf(value) < 1e7F ? print_whole((double)value, out) : 0;
    for (int digits = 6; n == 0; digits++) {
        snprintf(out, PB_NUMBER_MAX, "%.*g", digits, (double)value);
        if (digits == 9 || strtof(out, NULL) == value)
            n = strlen(out);
    }
    return n;
}
