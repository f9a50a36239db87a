/* Copies of jansson's trees that are whole or NULL: json_copy() and json_deep_copy() of jansson leave out the members
 * and items for which there is no memory, and return the rest as if it were all. */
#ifndef BASE_JSON_COPY_H
#define BASE_JSON_COPY_H

#include <jansson.h>

/* Maps and lists are copied at all levels; texts, numbers and the like are shared, as nobody changes them in place. A
 * new reference. NULL: no memory, or `value` is NULL. */
json_t *json_copy_whole(const json_t *value);

/* A map of the same values. A new reference. NULL: no memory, or `map` is none. */
json_t *json_copy_map(const json_t *map);

#endif
