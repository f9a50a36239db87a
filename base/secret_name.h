/* What is called like a secret is treated as one: kept out of reports, streams and recorded command lines. */
#ifndef BASE_SECRET_NAME_H
#define BASE_SECRET_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* Do the first `len` letters name a token, a password or the like anywhere in them, in whatever case? */
bool is_secret_name(const char *name, size_t len);

#endif
