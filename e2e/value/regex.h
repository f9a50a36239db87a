/* Regular expressions of PCRE2, for what POSIX's (match/matchers.c) cannot say: \d, lazy repeats, groups without a
 * number. Letters and digits are Unicode's. The work of one search is bounded. */
#ifndef E2E_REGEX_H
#define E2E_REGEX_H

#include "base/bytes.h"
#include "base/error.h"

struct query_regex;
/* NULL: the error is set (ERROR_SYNTAX with PCRE2's words, or ERROR_MEMORY). */
struct query_regex *query_regex_new(const char *pattern, struct error *err);
void query_regex_free(struct query_regex *r);
/* Looks for the first match from byte `from` on. spans[2 * i] and [2 * i + 1] are where group i begins and ends, both
 * SIZE_MAX for one that took no part; group 0 is the whole match. Returns how many groups `spans` got, `groups` at
 * most; 0: no match; negative: the search was given up (ERROR_LIMIT) or the text is not UTF-8 (ERROR_INVALID). */
int query_regex_find(const struct query_regex *r, struct bytes text, size_t from, size_t *spans, int groups);

#endif
