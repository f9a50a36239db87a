/* Regular expressions and globs of stubs.
 *
 * A regular expression is a POSIX extended one, as in flows; "(?i)" in front of it ignores case; one that begins with
 * "(*UTF)" is one of PCRE2's, with bounded steps: what takes more does not match. Equal ones are compiled once and
 * counted. What an expression surely begins with is known, so that an index can use it, and a text
 * that every match holds or ends with, so that most texts that do not match cost no search. A glob is
 * that of Go's path.Match: * and ? stop at a slash, [a-z], [!a] and [^a], a backslash takes the next character as it
 * is. */
#ifndef FAKES_STUB_PATTERN_H
#define FAKES_STUB_PATTERN_H

#include "base/map.h"
#include "base/bytes.h"
#include "base/error.h"

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#define PATTERN_MAX         2000 /* bytes of an expression */
#define PATTERN_REPEATS_MAX 2000 /* all its {n,m} multiplied: the C library unrolls them */
#define PATTERN_GROUPS_MAX  9

struct regex; /* fakes/pact/regex.h */
struct pattern {
    size_t users;
    regex_t regex;
    struct regex *wide; /* PCRE2's; NULL: `regex` */
    char *text;         /* owned */
    char *prefix;       /* owned: what every match begins with, at the beginning of the text; "" for nothing */
    char *needed;       /* owned: what every text that matches has in it; "" for nothing */
    size_t needed_len;
    bool needed_last; /* at its end */
};

struct patterns {
    struct map map; /* text -> struct pattern */
};

/* Counted; pattern_release() gives it back. ERROR_SYNTAX with a message without a place. */
int pattern_get(struct patterns *all, const char *text, struct pattern **out, struct error *err);
void pattern_release(struct patterns *all, struct pattern *p);
void patterns_deinit(struct patterns *all);

/* By any number of threads at once. `groups` (may be NULL) gets 1 + PATTERN_GROUPS_MAX slices of `text`; data NULL: not
 * taken part. */
enum pattern_verdict { PATTERN_DIFFERS, PATTERN_MATCHES, PATTERN_NO_MEMORY };
enum pattern_verdict pattern_try(const struct pattern *p, struct bytes text, struct bytes *groups);

/* NULL: well formed; else what is wrong with it. */
const char *glob_fault(const char *glob);
bool glob_matches(const char *glob, struct bytes text);
size_t glob_prefix(const char *glob); /* bytes at its beginning that stand for themselves */

#endif
