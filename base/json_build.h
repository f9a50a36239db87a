/* JSON trees built step by step, whole or not at all. What cannot be put in (no memory, or a text that is no UTF-8:
 * json_string() is NULL then) frees the tree and makes it NULL, which it stays; and json_pack() is NULL where NULL goes
 * in. So the end of the building alone needs to be looked at. */
#ifndef BASE_JSON_BUILD_H
#define BASE_JSON_BUILD_H

#include <jansson.h>

/* Both take the value. */
void json_build_set(json_t **object, const char *key, json_t *value);
void json_build_add(json_t **list, json_t *value);

#endif
