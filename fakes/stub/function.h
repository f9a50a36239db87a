/* The functions of ${...}. Most are those that gripmock's templates have, with the results they have there: arithmetic
 * on real numbers whatever it is given, comparison of numbers only (what is none compares as false).
 *
 *     texts      upper lower title split join sprintf print println str json html js urlquery slice
 *     numbers    add sub mul div mod sum avg min max round floor ceil int int64 float decimal
 *     decisions  and or not eq ne lt le gt ge lte gte default
 *     parts      size len index extract
 *     time       unix millis nanos format duration regressive backoff jitter
 *     encodings  bytes bytes2base64 string2base64 uuid2base64 uuid2bytes uuid2int64
 *     drawn      random hex, and faker.GROUP.NAME: faker.c */
#ifndef FAKES_STUB_FUNCTION_H
#define FAKES_STUB_FUNCTION_H

#include "fakes/stub/made.h"

#define FUNCTION_ARGUMENTS_MAX 32

enum function_order {               /* the arguments are made */
                      FUNCTION_ALL, /* all, before it is called */
                      FUNCTION_AND, /* to the first that does not hold; that, or the last, is its value: it is never
                                       called */
                      FUNCTION_OR,  /* to the first that does */
};

typedef bool function_call(struct asking *x, const struct made *a, size_t count, struct made *out);

struct function {
    const char *name;
    size_t least, most; /* arguments */
    function_call *call;
    enum function_order order;
    bool drawn; /* not the same each time */
};

/* NULL: none. `faker.` and two names are one name. */
const struct function *function_find(const char *name);
const char *function_at(size_t i); /* the name of one after the other, without faker's; NULL behind the last */

/* ---- function_words.c, function_number.c, function_code.c ---- */
function_call function_upper, function_lower, function_split, function_join, function_str, function_json, function_html,
    function_js, function_urlquery;
function_call function_int, function_float, function_decimal, function_round, function_floor, function_ceil,
    function_add, function_sub, function_mul, function_div, function_min, function_max, function_avg, function_mod;
function_call function_eq, function_lt, function_gt, function_lte, function_gte, function_ne, function_not;
function_call function_string2base64, function_bytes, function_bytes2base64, function_uuid2base64, function_uuid2bytes,
    function_uuid2int64;
struct made function_whole(double v); /* the part before the point, within 64 bits; 0 of what is no number */

/* ---- function_format.c, function_time.c, faker.c ---- */
function_call function_sprintf, function_print, function_println;
function_call function_unix, function_millis, function_nanos, function_format, function_duration;
function_call function_regressive, function_backoff, function_jitter;
/* As Go writes durations: 1h30m0s, 1.5s, 300ms. Signed nanoseconds; false: it is none. */
bool function_parse_duration(struct bytes text, int64_t *ns);
const struct function *faker_find(const char *name);

/* ---- function.c ---- */
double function_number(struct asking *x, const struct made *m); /* 0 of what is none */
/* Keeps the text, and takes it. */
bool function_give(struct asking *x, struct text *text, struct made *out);
/* Of a text, or of anything printed. */
bool function_text(struct asking *x, const struct made *m, struct bytes *out);

#endif
