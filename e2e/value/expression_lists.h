/* Functions of expressions about lists and texts; rows of the table in expression_functions.c. */
#ifndef E2E_EXPRESSION_LISTS_H
#define E2E_EXPRESSION_LISTS_H

#include "e2e/value/expression.h"

/* take(list, n), and of a list: flatten, uniq, reverse, sort, mean, median */
json_t *expression_list(struct evaluation *v, const char *name, json_t *const *args, size_t count);
/* Of two texts: hasPrefix, hasSuffix, trimPrefix, trimSuffix, indexOf, lastIndexOf */
json_t *expression_affix(struct evaluation *v, const char *name, json_t *const *args, size_t count);
/* repeat(text, n) */
json_t *expression_repeat(struct evaluation *v, const char *name, json_t *const *args, size_t count);

#endif
