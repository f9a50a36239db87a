/* Functions of expressions about lists and texts; rows of the table in expression_functions.c. */
#ifndef E2E_EXPRESSION_LISTS_H
#define E2E_EXPRESSION_LISTS_H

#include "e2e/value/expression.h"

#define EXPRESSION(function)                                                                                           \
    json_t *expression_##function(struct evaluation *v, const char *name, json_t *const *a, size_t count)

/* take(list, n), and of a list: flatten, uniq, reverse, sort, mean, median */
EXPRESSION(take);
EXPRESSION(flatten);
EXPRESSION(uniq);
EXPRESSION(reverse);
EXPRESSION(sort);
EXPRESSION(mean);
EXPRESSION(median);

/* Of two texts: hasPrefix, hasSuffix, trimPrefix, trimSuffix, indexOf, lastIndexOf */
EXPRESSION(has_prefix);
EXPRESSION(has_suffix);
EXPRESSION(trim_prefix);
EXPRESSION(trim_suffix);
EXPRESSION(index_of);
EXPRESSION(last_index_of);

/* repeat(text, n) */
EXPRESSION(repeat);

#endif
