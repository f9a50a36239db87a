/* Numbers as JSON writes them, exactly: integers never pass through a double, and floating point is printed with the
 * fewest digits that read back as the same value. Tokens follow the grammar of RFC 8259, section 6. The C locale's
 * decimal point is assumed, as everywhere in these programs: none of them calls setlocale. Private to wire/pb_*.c. */
#ifndef WIRE_PB_NUMBER_H
#define WIRE_PB_NUMBER_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define PB_NUMBER_MAX 40 /* bytes of any printed number, NUL included */

enum pb_number_result { PB_NUMBER_OK, PB_NUMBER_MALFORMED, PB_NUMBER_FRACTION, PB_NUMBER_RANGE, PB_NUMBER_NO_MEMORY };

/* Bytes of the number at the beginning of `in`; 0 when none stands there. */
size_t pb_number_span(struct bytes in);
/* "12", "-3", "1.0", "1e5", "120e-1": any spelling of an integer of up to 64 bits. */
enum pb_number_result pb_number_integer(struct bytes token, bool *negative, uint64_t *magnitude);
enum pb_number_result pb_number_double(struct bytes token, double *out);
enum pb_number_result pb_number_float(struct bytes token, float *out);

/* All return the length. The floating point ones are for finite values. */
size_t pb_number_print_unsigned(uint64_t value, char out[PB_NUMBER_MAX]);
size_t pb_number_print_signed(int64_t value, char out[PB_NUMBER_MAX]);
size_t pb_number_print_double(double value, char out[PB_NUMBER_MAX]);
size_t pb_number_print_float(float value, char out[PB_NUMBER_MAX]);

#endif
