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

/* ---- function_format.c, function_time.c, faker.c ---- */
function_call function_sprintf, function_print, function_println;
function_call function_unix, function_millis, function_nanos, function_format, function_duration;
function_call function_regressive, function_backoff, function_jitter;
/* As Go writes durations: 1h30m0s, 1.5s, 300ms. Signed nanoseconds; false: it is none. */
bool function_parse_duration(struct bytes text, int64_t *ns);
const struct function *faker_find(const char *name);
/* Of a text, or of anything printed. */
bool function_text(struct asking *x, const struct made *m, struct bytes *out);

#endif
