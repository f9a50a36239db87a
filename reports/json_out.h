/* JSON written as it comes, straight into a text: nothing is built in memory first. One member or item a line. */
#ifndef REPORTS_JSON_OUT_H
#define REPORTS_JSON_OUT_H

#include "base/text.h"

#include <stdint.h>

struct json_out {
    struct text *out;
    int depth;
    bool inside; /* something stands in the innermost object or list */
};

/* `key` is NULL in a list and for the root. */
void json_out_open(struct json_out *j, const char *key, char bracket); /* '{' or '[' */
void json_out_close(struct json_out *j, char bracket);                 /* '}' or ']' */
void json_out_text(struct json_out *j, const char *key, const char *value);
void json_out_may(struct json_out *j, const char *key, const char *value); /* nothing when it is "" */
void json_out_integer(struct json_out *j, const char *key, int64_t value);
void json_out_real(struct json_out *j, const char *key, double value); /* null when it is infinite or no number */
void json_out_bool(struct json_out *j, const char *key, bool value);
void json_out_null(struct json_out *j, const char *key);

#endif
