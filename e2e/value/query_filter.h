/* What files of filters share. A filter makes another value of the one before it; the table of all of them is in
 * query_filters.c. */
#ifndef E2E_QUERY_FILTER_H
#define E2E_QUERY_FILTER_H

#include "e2e/value/query.h"

#define FILTER(name) int filter_##name(struct query_run *q, json_t *const *args, const json_t *in, json_t **out)
#define UNUSED       (void)args

/* ---- query_filters.c ---- */
int filter_wrong_input(struct query_run *q, const json_t *in, const char *filter, const char *wanted);
/* The text as the value; it is emptied. */
int filter_give_text(struct query_run *q, struct text *t, json_t **out);
/* Takes the reference; NULL: there was no memory. */
int filter_give(struct query_run *q, json_t *v, json_t **out);
struct bytes filter_string_bytes(const json_t *v);

/* ---- query_filters_bytes.c ---- */
FILTER(sha256);
FILTER(md5);
FILTER(decode);
FILTER(utf8_decode);
FILTER(utf8_encoded);
FILTER(to_hex);
FILTER(base64_decoded);
FILTER(base64_url_decoded);
FILTER(base64_encoded);
FILTER(base64_url_encoded);

/* ---- query_filters_text.c ---- */
FILTER(url_encode);
FILTER(url_decode);
FILTER(url_query_param);
FILTER(html_escape);
FILTER(html_unescape);
FILTER(json_escape);
FILTER(replace);
FILTER(regex);
FILTER(replace_regex);

#endif
