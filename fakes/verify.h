/* Verification: how often a method was called, with what, in what order. For tests.
 *
 *     fake_verify(store, "Write", FAKE_ONCE, FAKE_TEXT("record.key", "a"), FAKE_ABOVE("options.ttl", 0));
 *     fake_verify_order(store, "Read", "Write");
 *
 * A term says how often (FAKE_ONCE, FAKE_EXACTLY(n), FAKE_AT_LEAST(n), FAKE_AT_MOST(n), FAKE_BETWEEN(n, m),
 * FAKE_NO_CALL; without one: at least once) or what the request must be for a call to count. All terms must hold. Paths
 * name fields as the .proto does: "record.key", "records[0].key", "records[*].key" (any of them), "metadata[key]" (of a
 * map). Of a client's stream one message must fit.
 *
 * A call never fails a test, whatever its thread. What is wrong is found on the test's own thread, by these macros,
 * which end the test with a text: what was expected, the calls that were made, the nearest first, and where each
 * differs. fake_expect() notes an expectation beforehand; fake_verify_all() checks all of them and tells what stubs
 * found wrong with fake_check(), each with the file and line it was written at.
 *
 * The macros end a test of cmocka, whose header is included before; for other frameworks FAKE_END_TEST(text) is defined
 * before this header. */
#ifndef FAKES_VERIFY_H
#define FAKES_VERIFY_H

#include "fakes/fakes.h"

enum fake_term_kind {
    FAKE_TERM_END,
    FAKE_TERM_TIMES,
    FAKE_TERM_TEXT,
    FAKE_TERM_PREFIX,
    FAKE_TERM_SUFFIX,
    FAKE_TERM_CONTAINS,
    FAKE_TERM_REGEX,
    FAKE_TERM_INT,
    FAKE_TERM_ABOVE,
    FAKE_TERM_BELOW,
    FAKE_TERM_REAL,
    FAKE_TERM_PRESENT,
    FAKE_TERM_COUNT,
    FAKE_TERM_EQUALS,
    FAKE_TERM_WHERE,
};

struct fake_term {
    enum fake_term_kind kind;
    bool negated;
    const char *path, *text;
    int64_t min, max; /* times; of numbers `min` is the value */
    double real, tolerance;
    const ProtobufCMessage *message;
    bool (*where)(void *arg, const ProtobufCMessage *request);
    void *arg;
};

#define FAKE_TERMS_END ((struct fake_term){.kind = FAKE_TERM_END})

#define FAKE_EXACTLY(n)    ((struct fake_term){.kind = FAKE_TERM_TIMES, .min = (n), .max = (n)})
#define FAKE_ONCE          FAKE_EXACTLY(1)
#define FAKE_NO_CALL       FAKE_EXACTLY(0)
#define FAKE_AT_LEAST(n)   ((struct fake_term){.kind = FAKE_TERM_TIMES, .min = (n), .max = INT64_MAX})
#define FAKE_AT_MOST(n)    ((struct fake_term){.kind = FAKE_TERM_TIMES, .min = 0, .max = (n)})
#define FAKE_BETWEEN(n, m) ((struct fake_term){.kind = FAKE_TERM_TIMES, .min = (n), .max = (m)})

/* Strings and bytes; FAKE_TEXT also an enum's value by its name. */
#define FAKE_TEXT(path_, value)     ((struct fake_term){.kind = FAKE_TERM_TEXT, .path = (path_), .text = (value)})
#define FAKE_PREFIX(path_, value)   ((struct fake_term){.kind = FAKE_TERM_PREFIX, .path = (path_), .text = (value)})
#define FAKE_SUFFIX(path_, value)   ((struct fake_term){.kind = FAKE_TERM_SUFFIX, .path = (path_), .text = (value)})
#define FAKE_CONTAINS(path_, value) ((struct fake_term){.kind = FAKE_TERM_CONTAINS, .path = (path_), .text = (value)})
/* A POSIX extended regular expression, found anywhere in the string. */
#define FAKE_REGEX(path_, value) ((struct fake_term){.kind = FAKE_TERM_REGEX, .path = (path_), .text = (value)})
/* Whole numbers, bools and enums. */
#define FAKE_INT(path_, value)   ((struct fake_term){.kind = FAKE_TERM_INT, .path = (path_), .min = (value)})
#define FAKE_ABOVE(path_, value) ((struct fake_term){.kind = FAKE_TERM_ABOVE, .path = (path_), .min = (value)})
#define FAKE_BELOW(path_, value) ((struct fake_term){.kind = FAKE_TERM_BELOW, .path = (path_), .min = (value)})
#define FAKE_REAL(path_, value, tolerance_)                                                                            \
    ((struct fake_term){.kind = FAKE_TERM_REAL, .path = (path_), .real = (value), .tolerance = (tolerance_)})
/* It is there: set, when it has presence; otherwise not the default; for lists and maps not empty. */
#define FAKE_PRESENT(path_)      ((struct fake_term){.kind = FAKE_TERM_PRESENT, .path = (path_)})
#define FAKE_COUNT(path_, count) ((struct fake_term){.kind = FAKE_TERM_COUNT, .path = (path_), .min = (count)})
/* The whole request, or the message at the path. Borrowed for the verification. */
#define FAKE_EQUALS(message_) ((struct fake_term){.kind = FAKE_TERM_EQUALS, .path = "", .message = (message_)})
#define FAKE_MESSAGE(path_, message_)                                                                                  \
    ((struct fake_term){.kind = FAKE_TERM_EQUALS, .path = (path_), .message = (message_)})
#define FAKE_WHERE(function, arg_)                                                                                     \
    ((struct fake_term){.kind = FAKE_TERM_WHERE, .path = "", .where = (function), .arg = (arg_), .text = #function})
static inline struct fake_term fake_not(struct fake_term term)
{
    term.negated = !term.negated;
    return term;
}

#ifndef FAKE_END_TEST
#define FAKE_END_TEST(text) fail_msg("%s", (text))
#endif
#define fake_verified_(check)                                                                                          \
    do {                                                                                                               \
        struct text fake_text_ = TEXT_INIT;                                                                            \
        if (!(check)) {                                                                                                \
            const char *fake_kept_ = fake_keep_text(fake_double_, &fake_text_);                                        \
            FAKE_END_TEST(fake_kept_);                                                                                 \
        }                                                                                                              \
        text_deinit(&fake_text_);                                                                                      \
    } while (0)
#define fake_verify(f, method, ...)                                                                                    \
    do {                                                                                                               \
        struct fake *fake_double_ = (f);                                                                               \
        fake_verified_(fake_calls_hold(fake_double_, (method),                                                         \
                                       (const struct fake_term[]){__VA_ARGS__, FAKE_TERMS_END}, &fake_text_));         \
    } while (0)
/* These methods were called in this order, whatever was called in between. */
#define fake_verify_order(f, ...)                                                                                      \
    do {                                                                                                               \
        struct fake *fake_double_ = (f);                                                                               \
        fake_verified_(fake_order_holds(fake_double_, false, (const char *const[]){__VA_ARGS__, NULL}, &fake_text_));  \
    } while (0)
/* These and no others. */
#define fake_verify_calls(f, ...)                                                                                      \
    do {                                                                                                               \
        struct fake *fake_double_ = (f);                                                                               \
        fake_verified_(fake_order_holds(fake_double_, true, (const char *const[]){__VA_ARGS__, NULL}, &fake_text_));   \
    } while (0)
#define fake_expect(f, method, ...)                                                                                    \
    fake_expect_at((f), __FILE__, __LINE__, (method), (const struct fake_term[]){__VA_ARGS__, FAKE_TERMS_END})
#define fake_verify_all(f)                                                                                             \
    do {                                                                                                               \
        struct fake *fake_double_ = (f);                                                                               \
        fake_verified_(fake_all_holds(fake_double_, &fake_text_));                                                     \
    } while (0)

/* ---- what the macros do, for other uses: false, and why is appended ---- */
bool fake_calls_hold(const struct fake *f, const char *method, const struct fake_term *terms, struct text *why);
bool fake_order_holds(const struct fake *f, bool exact, const char *const *methods, struct text *why);
bool fake_all_holds(const struct fake *f, struct text *why);
/* Strings, messages and arguments of the terms are borrowed until the double is reset. ERROR_NOT_FOUND: no such method.
 */
int fake_expect_at(struct fake *f, const char *file, int line, const char *method, const struct fake_term *terms);
/* Takes the text into the double, until the next one: who ends a test by a jump frees nothing. */
const char *fake_keep_text(struct fake *f, struct text *text);

/* Whether a message fits a term that is not about times; when it does not, what it has instead is appended. */
enum fake_fit { FAKE_FITS, FAKE_DIFFERS, FAKE_NO_FIELD };
enum fake_fit fake_term_fits(const struct fake_term *t, const ProtobufCMessage *m, struct text *instead);
void fake_term_text(const struct fake_term *t, struct text *out);
void fake_times_text(int64_t min, int64_t max, struct text *out); /* "at least 2 calls"; INT64_MAX: any number */

#endif
