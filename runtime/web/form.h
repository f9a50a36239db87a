/* What browsers send, taken apart: cookies, paths, forms. Sans-IO. */
#ifndef RUNTIME_WEB_FORM_H
#define RUNTIME_WEB_FORM_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* The value of the cookie, in the arena; NULL: none, or one with anything but letters, digits and -._~ in it. */
const char *web_cookie(const char *cookies, const char *name, size_t max, struct arena *arena);

/* The parts of a decoded path ("/a/b"), in the arena: at most `max`, each of letters, digits, -, _ and dots and not
 * beginning with a dot. -1: too many, or not of that kind. */
int web_path_parts(const char *path, const char **parts, size_t max, struct arena *arena);

/* "a=b&c=d": calls `each` with what is decoded; stops when it returns false. ERROR_SYNTAX: a bad escape; ERROR_LIMIT:
 * more than WEB_PAIRS_MAX pairs; ERROR_MEMORY. */
#define WEB_PAIRS_MAX 400
int web_form_each(struct bytes body, bool (*each)(void *arg, const char *name, const char *value), void *arg);

/* The inputs of an endpoint's form as the gateway's form: "f:name" is a value, "l:name" a list with one element a line,
 * "m:name" a map with KEY=VALUE a line; blank ones are left out. "json" is a whole request, "csrf" the form's token. */
struct web_form {
    struct text fields; /* application/x-www-form-urlencoded */
    struct text json, csrf;
    bool bad; /* a line of a map without "=" */
};
int web_form_read(struct bytes body, struct web_form *out); /* as web_form_each() */
void web_form_deinit(struct web_form *f);

void web_encode(struct text *out, const char *words); /* percent-encoded, for a query or a form */

#endif
