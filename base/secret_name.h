/* What is called like a secret is treated as one: kept out of reports, streams and recorded command lines. */
#ifndef BASE_SECRET_NAME_H
#define BASE_SECRET_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* For what people name themselves, variables, headers and parameters: do the first `len` letters name a token, a
 * password or the like anywhere in them, in whatever case? */
bool is_secret_name(const char *name, size_t len);
/* For members of data, where "token_type" is no secret: does the name end with one of the same words? */
bool is_secret_key(const char *key);

/* Calls `found` for the secrets of the addresses in a text, in order: the password of "scheme://user:PASSWORD@host",
 * and behind the address values of parameters that are called like one, "?token=VALUE". They are in `text`, as they are
 * written there, and have at least one letter. */
void secrets_in_address(const char *text, void (*found)(void *arg, const char *secret, size_t len), void *arg);

#endif
