/* Templates of requests. `$` and one more character stand for:
 *
 *   B  the base's members, without braces           ,  a comma when there are any
 *   J  the base's JSON object                       L  its length        l  half of it    m  its length and 100 more
 *   x  its length in hexadecimal
 *   =  the length of what stands behind the head of this request
 *   [  opens the messages around the field          ]  closes them
 *   <  opens the messages that lead to one which contains itself, and that one 20,000 times     >  closes them all
 *   1  as <, but 200 times                               2  closes them
 *   N  the field's JSON name                        O  its original name
 *   U  another field of the same oneof, JSON name
 *   P  the path     H  the host     A  the authorization header's line, or nothing
 *   0  a NUL        $  a dollar
 *   a  70,000 letters          h  200 header lines       d  100 times "a."
 *   (  10,000 times "["        )  10,000 times "]"       c  100,000 times "0,"
 *   {  5,000 times an Any in an Any                      }  closes them
 *   f  1,500 times "a=1&"      p  20,000 times "x/"      w  1,500 parts of a multipart body
 *   !  nothing: our direction ends behind the bytes
 */
#ifndef FUZZ_GATEWAY_TEMPLATE_H
#define FUZZ_GATEWAY_TEMPLATE_H

#include "fuzz/gateway/gateway.h"

enum gateway_field {
    FIELD_NONE,
    FIELD_STRING,
    FIELD_INT32, /* signed or not, 32 bits */
    FIELD_INT64,
    FIELD_WHOLE, /* either */
    FIELD_UNSIGNED,
    FIELD_REAL,
    FIELD_BOOL,
    FIELD_BYTES,
    FIELD_ENUM,
    FIELD_MESSAGE, /* singular and ordinary */
    FIELD_LIST,    /* repeated, of scalars */
    FIELD_MESSAGES,
    FIELD_MAP,
    FIELD_NUMBER_MAP, /* keys are numbers */
    FIELD_ONEOF,      /* a scalar whose oneof has another scalar */
    FIELD_TIMESTAMP,
    FIELD_DURATION,
    FIELD_TWO_NAMES, /* a scalar whose JSON name is not its own */
    FIELD_SINGLE,    /* any singular scalar */
    FIELD_VALUE,     /* google.protobuf.Value */
    FIELD_ANY,       /* google.protobuf.Any */
    FIELD_SELF,      /* a message that contains itself, wherever it stands; what the base mentions counts as well */
};

#define GATEWAY_DEPTH_MAX 3 /* messages a field may stand in */

struct gateway_place {
    const struct pb_field *fields[GATEWAY_DEPTH_MAX + 1];
    size_t depth;                 /* of fields; 0: none was wanted */
    const struct pb_field *other; /* of the same oneof */
    /* FIELD_SELF: `fields` all lead to the message, and these from there to another one of its type. */
    const struct pb_field *cycle[GATEWAY_DEPTH_MAX + 1];
    size_t cycle_length;
};

/* One that the base does not mention, nor any message around it, but for FIELD_SELF. False: there is none. */
bool gateway_find_place(struct random *r, const struct pb_type *type, enum gateway_field wanted, const char *json,
                        struct gateway_place *out);
void gateway_expand(const char *template, const struct gateway_base *base, const struct gateway_place *place,
                    struct text *out, bool *cut);

#endif
